// SPDX-License-Identifier: GPL-2.0-only
/* QPs 0 and 1 of the frontend: MADs between their users and the area. */

#include <setjmp.h>
#include <cmocka.h>

#define ORDER		2
#define NR_TX		VIBIF_MAD_TX_SLOTS(ORDER)
#define NR_RX		VIBIF_MAD_RX_SLOTS(ORDER)
#define IRQ		42
#define LID		0x123
#define MAD		256
#define GRH		40
#define NR_SEND		16
#define NR_RECV		16
#define ARENA		0x1000000

static struct {
	struct vibif_mad_indices indices;
	struct vibif_mad tx[NR_TX];
	struct vibif_mad rx[NR_RX];
	struct vibif_mad behind;
} area;

static u8 arena[512 * (NR_RECV + 1)];
static struct xenbus_device xbdev = { "backend" };
static struct ibfront_dev *dev;
static struct ibfront_cq cq;
static struct ibfront_qp qps[2];
static struct ib_qp *const ibqp = &qps[0].ibqp;
static struct ib_cqe send_cqe, recv_cqe[NR_RECV];
static unsigned int features, max_order, notified, eois;
static irq_handler_t handler;
static bool wrong;

/* The rest of the frontend */

unsigned int xenbus_read_unsigned(const char *dir, const char *node,
				  unsigned int value)
{
	if (!strcmp(node, VIBIF_FIELD_FEATURE_MAD))
		return features;
	assert_string_equal(node, VIBIF_FIELD_MAX_MAD_PAGE_ORDER);
	return max_order;
}

void notify_remote_via_irq(int irq)
{
	assert_int_equal(irq, IRQ);
	notified++;
}

void xen_irq_lateeoi(int irq, unsigned int flags)
{
	assert_int_equal(irq, IRQ);
	eois++;
}

bool ib_modify_qp_is_ok(enum ib_qp_state cur, enum ib_qp_state next,
			enum ib_qp_type type, int mask)
{
	return next <= cur + 1 || next == IB_QPS_ERR;
}

void ibfront_fail(struct ibfront_dev *d, const char *fmt, ...)
{
	assert_null(d->gsi.lock.holder);
	wrong = true;
}

int ibfront_channel_open(struct ibfront_dev *d, struct ibfront_channel *channel,
			 unsigned int order, irq_handler_t fn, const char *name)
{
	assert_true(order >= VIBIF_MIN_MAD_PAGE_ORDER && order <= ORDER);
	channel->area = &area;
	channel->irq = IRQ;
	handler = fn;
	return 0;
}

void ibfront_channel_close(struct ibfront_dev *d,
			   struct ibfront_channel *channel)
{
	channel->area = NULL;
}

void *ibfront_arena_ptr(struct ibfront_dev *d, u64 addr, u32 len)
{
	addr -= ARENA;
	return addr < sizeof(arena) && len <= sizeof(arena) - addr ?
		arena + addr : NULL;
}

void ibfront_av_from_ah(struct vibif_av *av, const struct rdma_ah_attr *ah)
{
	*av = ah->av;
}

void ibfront_cq_add_soft(struct ibfront_cq *c, const struct ib_wc *wc)
{
	assert_true(c->nr < ARRAY_SIZE(c->wc));
	c->wc[c->nr++] = *wc;
}

void ibfront_cq_clean_soft(struct ibfront_cq *c, const struct ib_qp *qp)
{
	unsigned int i, nr = 0;

	for (i = 0; i < c->nr; i++)
		if (c->wc[i].qp != qp)
			c->wc[nr++] = c->wc[i];
	c->nr = nr;
}

/* What has completed first */
static struct ib_wc poll_cq(void)
{
	struct ib_wc wc = cq.wc[0];

	assert_true(cq.nr);
	memmove(cq.wc, cq.wc + 1, --cq.nr * sizeof(wc));
	return wc;
}

/* A user of QP 1 */

static void init_qp(struct ibfront_qp *qp, enum ib_qp_type type)
{
	qp->ibqp = (struct ib_qp) {
		.device = &dev->ibdev,
		.send_cq = &cq.ibcq,
		.recv_cq = &cq.ibcq,
		.qp_type = type,
	};
}

static int create_as(struct ibfront_qp *qp, u32 port, enum ib_qp_type type)
{
	struct ib_qp_init_attr attr = {
		.cap.max_send_wr = NR_SEND,
		.cap.max_recv_wr = NR_RECV,
		.sq_sig_type = IB_SIGNAL_ALL_WR,
		.qp_type = type,
		.port_num = port,
	};

	init_qp(qp, type);
	return ibfront_gsi_create_qp(&qp->ibqp, &attr);
}

static int create(struct ibfront_qp *qp, u32 port)
{
	return create_as(qp, port, IB_QPT_GSI);
}

static int modify(struct ib_qp *qp, enum ib_qp_state state)
{
	struct ib_qp_attr attr = { .qp_state = state };

	return ibfront_gsi_modify_qp(qp, &attr, IB_QP_STATE);
}

static void ready(struct ib_qp *qp)
{
	assert_int_equal(modify(qp, IB_QPS_INIT), 0);
	assert_int_equal(modify(qp, IB_QPS_RTR), 0);
	assert_int_equal(modify(qp, IB_QPS_RTS), 0);
}

static int send_sge(struct ib_qp *qp, struct ib_sge *sge, int num_sge)
{
	struct ib_ah ah = { { {
		.dlid = LID,
		.sl = 3,
		.flags = VIBIF_AV_GRH,
		.dgid[15] = 7,
	} } };
	struct ib_ud_wr wr = {
		.wr.wr_cqe = &send_cqe,
		.wr.sg_list = sge,
		.wr.num_sge = num_sge,
		.wr.opcode = IB_WR_SEND,
		.ah = &ah,
		.remote_qpn = 1,
		.pkey_index = 4,
	};
	const struct ib_send_wr *bad = NULL;
	int err;

	err = ibfront_gsi_post_send(qp, &wr.wr, &bad);
	assert_ptr_equal(bad, err ? &wr.wr : NULL);
	return err;
}

/* MAD number @nr is all that number; it comes in two parts. */
static int send(struct ib_qp *qp, u8 nr)
{
	struct ib_sge sge[] = { { ARENA, 24 }, { ARENA + 24, MAD - 24 } };

	memset(arena, nr, MAD);
	return send_sge(qp, sge, 2);
}

static int receive_into(struct ib_qp *qp, unsigned int nr, u64 addr, u32 len)
{
	struct ib_sge sge = { addr, len };
	struct ib_recv_wr wr = {
		.wr_cqe = &recv_cqe[nr],
		.sg_list = &sge,
		.num_sge = 1,
	};
	const struct ib_recv_wr *bad = NULL;
	int err;

	err = ibfront_gsi_post_recv(qp, &wr, &bad);
	assert_ptr_equal(bad, err ? &wr : NULL);
	return err;
}

static int receive(struct ib_qp *qp, unsigned int nr)
{
	return receive_into(qp, nr, ARENA + 512 * (nr + 1), GRH + MAD);
}

/* The backend */

static void ring(void)
{
	assert_int_equal(handler(IRQ, dev), IRQ_HANDLED);
}

static struct vibif_mad taken(void)
{
	assert_int_not_equal(area.indices.tx_cons.value,
			     area.indices.tx_prod.value);
	return area.tx[area.indices.tx_cons.value++ % NR_TX];
}

static void put(u8 port, u8 nr)
{
	struct vibif_mad m = {
		.port = port,
		.pkey_index = 6,
		.qpn = 1,
		.av = { .dlid = LID, .sl = 3, .src_path_bits = 2 },
	};

	memset(m.mad, nr, sizeof(m.mad));
	area.rx[area.indices.rx_prod.value++ % NR_RX] = m;
}

static int setup(void **state)
{
	kernel_reset();
	memset(&area, 0, sizeof(area));
	memset(&area.behind, 0x55, sizeof(area.behind));
	memset(&cq, 0, sizeof(cq));
	memset(qps, 0, sizeof(qps));
	features = 1;
	max_order = ORDER;
	notified = 0;
	eois = 0;
	wrong = false;
	dev = calloc(1, sizeof(*dev));
	dev->xbdev = &xbdev;
	dev->ibdev.nr_ports = 2;
	cq.ibcq.device = &dev->ibdev;
	spin_lock_init(&dev->gsi.lock);
	return ibfront_gsi_init(dev);
}

static int ready_setup(void **state)
{
	int err = setup(state);

	assert_int_equal(create(&qps[0], 1), 0);
	assert_int_equal(ibqp->qp_num, 1);
	ready(ibqp);
	return err;
}

static int teardown(void **state)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(qps); i++)
		if (qps[i].gsi)
			assert_int_equal(ibfront_gsi_destroy_qp(&qps[i].ibqp),
					 0);
	assert_int_equal(cq.nr, 0);
	ibfront_gsi_fini(dev);
	assert_null(dev->gsi.channel.area);
	assert_int_equal(area.behind.mad[0], 0x55);
	assert_int_equal(kernel_books.slabs, 0);
	assert_int_equal(kernel_books.vmallocs, 0);
	kernel_check_idle();
	free(dev);
	return 0;
}

/* Tests */

static void test_no_area(void **state)
{
	ibfront_gsi_fini(dev);
	features = 0;
	memset(&dev->gsi, 0, sizeof(dev->gsi));
	spin_lock_init(&dev->gsi.lock);
	assert_int_equal(ibfront_gsi_init(dev), 0);
	assert_null(dev->gsi.channel.area);
	assert_int_equal(create(&qps[0], 1), -EOPNOTSUPP);
	qps[0].gsi = NULL;
}

static void test_create(void **state)
{
	struct ib_qp_init_attr attr = { .cap = { 1, 1 }, .port_num = 1 };
	unsigned int call;

	init_qp(&qps[0], IB_QPT_GSI);
	attr.port_num = 3;
	assert_int_equal(ibfront_gsi_create_qp(ibqp, &attr), -EINVAL);
	attr.port_num = 0;
	assert_int_equal(ibfront_gsi_create_qp(ibqp, &attr), -EINVAL);
	attr.port_num = 1;
	attr.cap.max_send_wr = 0;
	assert_int_equal(ibfront_gsi_create_qp(ibqp, &attr), -EINVAL);
	attr.cap.max_send_wr = 1;
	attr.cap.max_recv_wr = 0;
	assert_int_equal(ibfront_gsi_create_qp(ibqp, &attr), -EINVAL);
	assert_null(qps[0].gsi);

	for (call = 1; call <= 2; call++) {
		fail_at(call);
		assert_int_equal(create(&qps[0], 1), -ENOMEM);
		assert_null(qps[0].gsi);
	}
	fail_at(0);
	assert_int_equal(create(&qps[0], 1), 0);
	assert_int_equal(create(&qps[1], 1), -EBUSY);
	assert_null(qps[1].gsi);
	assert_int_equal(create(&qps[1], 2), 0);
}

static void test_states(void **state)
{
	struct ib_qp_init_attr init_attr = {};
	struct ib_qp_attr attr = {
		.qp_state = IB_QPS_INIT,
		.pkey_index = 3,
		.qkey = 0x80010000,
	};

	assert_int_equal(create(&qps[0], 2), 0);
	assert_int_equal(send(ibqp, 1), -EINVAL);
	assert_int_equal(receive(ibqp, 0), -EINVAL);
	assert_int_equal(modify(ibqp, IB_QPS_RTS), -EINVAL);
	assert_int_equal(ibfront_gsi_modify_qp(ibqp, &attr, IB_QP_STATE |
					       IB_QP_PKEY_INDEX | IB_QP_QKEY),
			 0);
	assert_int_equal(receive(ibqp, 0), 0);
	assert_int_equal(send(ibqp, 1), -EINVAL);
	memset(&attr, 0, sizeof(attr));
	ibfront_gsi_query_qp(ibqp, &attr, &init_attr);
	assert_int_equal(attr.qp_state, IB_QPS_INIT);
	assert_int_equal(attr.pkey_index, 3);
	assert_int_equal(attr.qkey, 0x80010000);
	assert_int_equal(attr.port_num, 2);
	assert_int_equal(init_attr.qp_type, IB_QPT_GSI);
	assert_int_equal(init_attr.cap.max_recv_wr, NR_RECV);
	/* Nothing comes before it is ready. */
	put(2, 1);
	ring();
	assert_int_equal(cq.nr, 0);
}

static void test_send(void **state)
{
	struct vibif_mad m;
	struct ib_wc wc;
	u8 expected[MAD];

	assert_int_equal(send(ibqp, 9), 0);
	assert_int_equal(notified, 1);
	wc = poll_cq();
	assert_int_equal(wc.status, IB_WC_SUCCESS);
	assert_int_equal(wc.opcode, IB_WC_SEND);
	assert_ptr_equal(wc.wr_cqe, &send_cqe);
	assert_ptr_equal(wc.qp, ibqp);
	/* The backend has not looked yet, and does. */
	assert_int_equal(send(ibqp, 10), 0);
	assert_int_equal(notified, 1);
	poll_cq();

	m = taken();
	memset(expected, 9, sizeof(expected));
	assert_memory_equal(m.mad, expected, sizeof(expected));
	assert_int_equal(m.port, 1);
	assert_int_equal(m.qpn, 1);
	assert_int_equal(m.pkey_index, 4);
	assert_int_equal(m.av.dlid, LID);
	assert_int_equal(m.av.flags, VIBIF_AV_GRH);
	assert_int_equal(m.av.dgid[15], 7);
	assert_int_equal(m.reserved, 0);
	assert_int_equal(m.reserved1[0], 0);
	assert_int_equal(m.grh[0], 0);
	assert_int_equal(taken().mad[0], 10);
}

/* More than there are slots: the backend takes them, and says so. */
static void test_send_many(void **state)
{
	unsigned int i;

	for (i = 0; i < NR_TX + NR_SEND; i++)
		assert_int_equal(send(ibqp, i), 0);
	assert_int_equal(send(ibqp, i), -ENOMEM);
	assert_int_equal(area.indices.tx_prod.value, NR_TX);
	for (i = 0; i < NR_TX; i++) {
		assert_int_equal(taken().mad[0], i);
		poll_cq();
	}
	assert_int_equal(cq.nr, 0);
	ring();
	for (; i < NR_TX + NR_SEND; i++) {
		if (area.indices.tx_cons.value == area.indices.tx_prod.value)
			ring();
		assert_int_equal(taken().mad[0], i);
		poll_cq();
	}
	assert_int_equal(cq.nr, 0);
	assert_int_equal(send(ibqp, i), 0);
	poll_cq();
}

/* Whatever is posted, no memory but what was mapped for it is touched. */
static void test_bad_work_requests(void **state)
{
	struct ib_sge sge[] = { { ARENA, MAD }, { ARENA, 1 } };

	assert_int_equal(send_sge(ibqp, sge, 2), -EINVAL);
	sge[0].length = 0xffffffff;
	assert_int_equal(send_sge(ibqp, sge, 1), -EINVAL);
	sge[0] = (struct ib_sge) { ARENA + sizeof(arena) - MAD + 1, MAD };
	assert_int_equal(send_sge(ibqp, sge, 1), -EFAULT);
	assert_int_equal(area.indices.tx_prod.value, 0);

	assert_int_equal(receive_into(ibqp, 0, ARENA, GRH + MAD - 1), -EINVAL);
	assert_int_equal(receive_into(ibqp, 0, ARENA + sizeof(arena) - MAD,
				      GRH + MAD), -EFAULT);
	put(1, 1);
	ring();
	assert_int_equal(cq.nr, 0);
}

static void test_receive(void **state)
{
	u8 expected[MAD];
	struct ib_wc wc;

	assert_int_equal(receive(ibqp, 0), 0);
	assert_int_equal(receive(ibqp, 1), 0);
	put(1, 9);
	put(1, 10);
	area.rx[1].av.flags = VIBIF_AV_GRH;
	area.rx[1].grh[39] = 5;
	ring();
	assert_int_equal(eois, 1);
	assert_int_equal(area.indices.rx_cons.value, 2);
	wc = poll_cq();
	assert_int_equal(wc.status, IB_WC_SUCCESS);
	assert_int_equal(wc.opcode, IB_WC_RECV);
	assert_int_equal(wc.byte_len, GRH + MAD);
	assert_ptr_equal(wc.wr_cqe, &recv_cqe[0]);
	assert_ptr_equal(wc.qp, ibqp);
	assert_int_equal(wc.src_qp, 1);
	assert_int_equal(wc.slid, LID);
	assert_int_equal(wc.sl, 3);
	assert_int_equal(wc.dlid_path_bits, 2);
	assert_int_equal(wc.pkey_index, 6);
	assert_int_equal(wc.port_num, 1);
	assert_int_equal(wc.wc_flags, 0);
	memset(expected, 9, sizeof(expected));
	assert_memory_equal(arena + 512 + GRH, expected, sizeof(expected));
	wc = poll_cq();
	assert_int_equal(wc.wc_flags, IB_WC_GRH);
	assert_int_equal(arena[1024 + 39], 5);
	assert_int_equal(arena[1024 + GRH], 10);
}

/* There is no receive, or none at that port, or no such port. */
static void test_receive_nowhere(void **state)
{
	static const u8 ports[] = { 1, 2, 3, 0, VIBIF_MAX_PORTS + 1, 255 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ports); i++)
		put(ports[i], i);
	ring();
	assert_int_equal(area.indices.rx_cons.value, ARRAY_SIZE(ports));
	assert_int_equal(cq.nr, 0);
	/* Only the first of them has a QP. */
	assert_int_equal(receive(ibqp, 0), 0);
	for (i = 1; i < ARRAY_SIZE(ports); i++)
		put(ports[i], i);
	ring();
	assert_int_equal(cq.nr, 0);
	assert_false(wrong);
}

static void test_receive_many(void **state)
{
	unsigned int i, n;

	for (i = 0; i < NR_RECV; i++)
		assert_int_equal(receive(ibqp, i), 0);
	assert_int_equal(receive(ibqp, 0), -ENOMEM);
	for (n = 0; n < 3 * NR_RX; n++) {
		put(1, n);
		ring();
		assert_ptr_equal(poll_cq().wr_cqe, &recv_cqe[n % NR_RECV]);
		assert_int_equal(arena[512 * (n % NR_RECV + 1) + GRH], n);
		assert_int_equal(receive(ibqp, n % NR_RECV), 0);
	}
	for (i = 0; i < NR_RX; i++)
		put(1, i);
	ring();
	assert_int_equal(cq.nr, NR_RECV);
	assert_false(wrong);
	while (cq.nr)
		poll_cq();
}

/* What the backend says it has put there cannot be: it is given up. */
static void test_bad_rx_prod(void **state)
{
	static const u32 values[] = { NR_RX + 1, 0x80000000, 0xffffffff };
	unsigned int i;

	assert_int_equal(receive(ibqp, 0), 0);
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		wrong = false;
		area.indices.rx_prod.value = values[i];
		ring();
		assert_true(wrong);
		assert_int_equal(eois, 0);
		assert_int_equal(cq.nr, 0);
	}
}

/* Nor what it says it has taken: nothing but slots is written. */
static void test_bad_tx_cons(void **state)
{
	static const u32 values[] = { 1, 0x80000000, 0xffffffff, NR_TX + 1 };
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		area.indices.tx_cons.value = values[i];
		for (n = 0; n < 4; n++)
			send(ibqp, n);
	}
	area.indices.tx_cons.value = area.indices.tx_prod.value;
	ring();
	while (cq.nr)
		assert_int_equal(poll_cq().status, IB_WC_SUCCESS);
	assert_int_equal(modify(ibqp, IB_QPS_ERR), 0);
	while (cq.nr)
		poll_cq();
}

static void expect_flushed(unsigned int sends, unsigned int receives,
			   enum ib_wc_status of_sends)
{
	struct ib_wc wc;

	while (cq.nr) {
		wc = poll_cq();
		assert_ptr_equal(wc.qp, ibqp);
		if (wc.wr_cqe == &send_cqe) {
			assert_int_equal(wc.status, of_sends);
			sends--;
		} else {
			assert_int_equal(wc.status, IB_WC_WR_FLUSH_ERR);
			receives--;
		}
	}
	assert_int_equal(sends, 0);
	assert_int_equal(receives, 0);
}

/* The ring has died: nobody waits for anything. */
static void test_died(void **state)
{
	unsigned int i;

	for (i = 0; i < NR_TX + 5; i++)
		assert_int_equal(send(ibqp, i), 0);
	for (i = 0; i < NR_TX; i++)
		poll_cq();
	assert_int_equal(receive(ibqp, 0), 0);
	assert_int_equal(receive(ibqp, 1), 0);
	/* Between the ring's death and our being told */
	dev->dead = true;
	assert_int_equal(receive(ibqp, 2), 0);
	expect_flushed(5, 3, IB_WC_RESP_TIMEOUT_ERR);
	ibfront_gsi_died(dev);
	assert_int_equal(cq.nr, 0);
	assert_int_equal(send(ibqp, 1), 0);
	expect_flushed(1, 0, IB_WC_RESP_TIMEOUT_ERR);
	assert_int_equal(receive(ibqp, 0), 0);
	expect_flushed(0, 1, IB_WC_RESP_TIMEOUT_ERR);
	put(1, 1);
	ring();
	assert_int_equal(cq.nr, 0);
}

static void test_told_of_death(void **state)
{
	unsigned int i;

	for (i = 0; i < NR_TX + 1; i++)
		assert_int_equal(send(ibqp, i), 0);
	for (i = 0; i < NR_TX; i++)
		poll_cq();
	assert_int_equal(receive(ibqp, 0), 0);
	assert_int_equal(create(&qps[1], 2), 0);
	dev->dead = true;
	ibfront_gsi_died(dev);
	expect_flushed(1, 1, IB_WC_RESP_TIMEOUT_ERR);
}

static void test_error_state(void **state)
{
	assert_int_equal(receive(ibqp, 0), 0);
	assert_int_equal(modify(ibqp, IB_QPS_ERR), 0);
	expect_flushed(0, 1, IB_WC_WR_FLUSH_ERR);
	assert_int_equal(send(ibqp, 0), 0);
	assert_int_equal(receive(ibqp, 0), 0);
	expect_flushed(1, 1, IB_WC_WR_FLUSH_ERR);
	assert_int_equal(area.indices.tx_prod.value, 0);
}

/* Whoever gives a QP up is not told of it any more. */
static void test_reset_and_destroy(void **state)
{
	assert_int_equal(create(&qps[1], 2), 0);
	ready(&qps[1].ibqp);
	assert_int_equal(receive(ibqp, 0), 0);
	assert_int_equal(send(ibqp, 0), 0);
	assert_int_equal(send(&qps[1].ibqp, 0), 0);
	assert_int_equal(modify(ibqp, IB_QPS_RESET), 0);
	assert_int_equal(cq.nr, 1);
	assert_ptr_equal(cq.wc[0].qp, &qps[1].ibqp);
	ready(ibqp);
	put(1, 1);
	ring();
	assert_int_equal(cq.nr, 1);
	assert_int_equal(ibfront_gsi_destroy_qp(&qps[1].ibqp), 0);
	qps[1].gsi = NULL;
	assert_int_equal(cq.nr, 0);
	put(2, 1);
	ring();
	assert_int_equal(area.indices.rx_cons.value, 2);
}

static struct ib_smp ask_qp0(struct ib_qp *qp, struct ib_smp smp)
{
	struct ib_sge sge = { ARENA, MAD };
	struct ib_smp answer;
	struct ib_wc wc;

	memset(arena, 0, MAD);
	memcpy(arena, &smp, sizeof(smp));
	assert_int_equal(receive(qp, 0), 0);
	assert_int_equal(send_sge(qp, &sge, 1), 0);
	assert_int_equal(area.indices.tx_prod.value, 0);
	wc = poll_cq();
	assert_int_equal(wc.status, IB_WC_SUCCESS);
	assert_ptr_equal(wc.wr_cqe, &send_cqe);
	wc = poll_cq();
	assert_int_equal(wc.status, IB_WC_SUCCESS);
	assert_int_equal(wc.opcode, IB_WC_RECV);
	assert_ptr_equal(wc.wr_cqe, &recv_cqe[0]);
	assert_ptr_equal(wc.qp, qp);
	assert_int_equal(wc.slid, LID);
	memcpy(&answer, arena + 512 + GRH, sizeof(answer));
	return answer;
}

/* Nothing leaves the guest, and no question is without an answer. */
static void test_qp0(void **state)
{
	struct ib_smp smp = { 1, 1, 1, IB_MGMT_METHOD_GET, .tid = 77 }, answer;
	struct ib_sge sge = { ARENA, MAD };
	struct ib_qp *const qp0 = &qps[1].ibqp;

	assert_int_equal(create_as(&qps[1], 1, IB_QPT_SMI), 0);
	assert_int_equal(qp0->qp_num, 0);
	ready(qp0);
	answer = ask_qp0(qp0, smp);
	assert_int_equal(answer.method, IB_MGMT_METHOD_GET_RESP);
	assert_int_equal(answer.status, cpu_to_be16(0x000c));
	assert_int_equal(answer.tid, 77);

	smp.mgmt_class = IB_MGMT_CLASS_SUBN_DIRECTED_ROUTE;
	smp.method = IB_MGMT_METHOD_SET;
	smp.hop_ptr = 1;
	smp.hop_cnt = 3;
	answer = ask_qp0(qp0, smp);
	assert_int_equal(answer.method, IB_MGMT_METHOD_GET_RESP);
	assert_int_equal(answer.status, cpu_to_be16(0x800c));
	assert_int_equal(answer.hop_ptr, 0);

	/* A trap has no answer, and what comes is not for this QP. */
	arena[3] = 5;
	assert_int_equal(receive(qp0, 0), 0);
	assert_int_equal(send_sge(qp0, &sge, 1), 0);
	assert_int_equal(poll_cq().opcode, IB_WC_SEND);
	put(1, 1);
	ring();
	assert_int_equal(cq.nr, 0);
	assert_int_equal(modify(qp0, IB_QPS_RESET), 0);

	ready(qp0);
	assert_int_equal(receive(qp0, 0), 0);
	dev->dead = true;
	ibfront_gsi_died(dev);
	assert_int_equal(poll_cq().status, IB_WC_WR_FLUSH_ERR);
}

static void test_modify_port(void **state)
{
	struct ib_port_modify sm = { .set_port_cap_mask = IB_PORT_SM };
	struct ib_port_modify cm = { .set_port_cap_mask = 1 << 16 };

	assert_int_equal(ibfront_gsi_ops.modify_port(&dev->ibdev, 1, 0, &cm),
			 0);
	assert_int_equal(ibfront_gsi_ops.modify_port(&dev->ibdev, 1, 1, &cm),
			 -EOPNOTSUPP);
	assert_int_equal(ibfront_gsi_ops.modify_port(&dev->ibdev, 1, 0, &sm),
			 -EOPNOTSUPP);
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, ready_setup, teardown)
#define TEST_WITHOUT_QP(name)						\
	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST_WITHOUT_QP(test_no_area),
		TEST_WITHOUT_QP(test_create),
		TEST_WITHOUT_QP(test_states),
		TEST(test_send),
		TEST(test_send_many),
		TEST(test_bad_work_requests),
		TEST(test_receive),
		TEST(test_receive_nowhere),
		TEST(test_receive_many),
		TEST(test_bad_rx_prod),
		TEST(test_bad_tx_cons),
		TEST(test_died),
		TEST(test_told_of_death),
		TEST(test_error_state),
		TEST(test_reset_and_destroy),
		TEST(test_qp0),
		TEST(test_modify_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
