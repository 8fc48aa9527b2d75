// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue pairs for management datagrams (MADs) of each port, of software.
 *
 * What the kernel's own users send on QP 1 goes to the backend through the MAD
 * area, and what comes from there into their receives. QP 0 is the subnet
 * manager's, and nothing of it leaves the guest: but many programs that have no
 * use for it do not start without it.
 */

#include <linux/nospec.h>
#include <linux/slab.h>
#include <rdma/ib_mad.h>
#include <rdma/ib_smi.h>
#include <xen/events.h>

#include "ibfront.h"

/* A MAD for which there is no slot yet */
struct ibfront_gsi_send {
	struct ib_cqe *cqe;
	bool signaled;
	struct vibif_mad mad __aligned(8);	/* as struct ib_smp is */
};

/* Where a MAD may be put */
struct ibfront_gsi_recv {
	struct ib_cqe *cqe;
	void *area;
};

/* Entries head to tail - 1 of both queues are used, modulo their numbers. */
struct ibfront_gsi_qp {
	struct ib_qp *ibqp;
	u8 port;
	bool signal_all;
	enum ib_qp_state state;
	u32 pkey_index;
	u32 qkey;
	u32 sq_psn;
	struct ib_qp_cap cap;
	u32 nr_send;
	u32 send_head;
	u32 send_tail;
	u32 nr_recv;
	u32 recv_head;
	u32 recv_tail;
	struct ibfront_gsi_send *send;
	struct ibfront_gsi_recv recv[];
};

static struct ibfront_gsi_qp *to_gsi_qp(struct ib_qp *ibqp)
{
	return to_fqp(ibqp)->gsi;
}

static struct vibif_mad_indices *ibfront_gsi_indices(struct ibfront_gsi *gsi)
{
	return gsi->channel.area;
}

/* Behind the indices, which have the size of a slot */
static struct vibif_mad *ibfront_gsi_slots(struct ibfront_gsi *gsi)
{
	return (struct vibif_mad *)gsi->channel.area + 1;
}

/* Completions */

static void ibfront_gsi_complete_send(struct ibfront_gsi_qp *qp,
				      struct ib_cqe *cqe, bool signaled,
				      enum ib_wc_status status)
{
	struct ib_wc wc = {
		.wr_cqe = cqe,
		.status = status,
		.opcode = IB_WC_SEND,
		.qp = qp->ibqp,
		.port_num = qp->port,
	};

	if (signaled || status != IB_WC_SUCCESS)
		ibfront_cq_add_soft(to_fcq(qp->ibqp->send_cq), &wc);
}

/*
 * When the ring has died, who sends learns that nobody answers. Ib_cm would not
 * tell of a flush, which is for the end of ib_mad: whoever has disconnected
 * then, and waits until that is done before its device goes, waited for ever.
 */
static void ibfront_gsi_flush(struct ibfront_gsi_qp *qp)
{
	enum ib_wc_status status = qp->state == IB_QPS_ERR ?
		IB_WC_WR_FLUSH_ERR : IB_WC_RESP_TIMEOUT_ERR;
	struct ibfront_gsi_send *send;
	struct ib_wc wc = {
		.status = IB_WC_WR_FLUSH_ERR,
		.opcode = IB_WC_RECV,
		.qp = qp->ibqp,
		.port_num = qp->port,
	};

	while (qp->send_head != qp->send_tail) {
		send = &qp->send[qp->send_head++ % qp->nr_send];
		ibfront_gsi_complete_send(qp, send->cqe, send->signaled,
					  status);
	}
	while (qp->recv_head != qp->recv_tail) {
		wc.wr_cqe = qp->recv[qp->recv_head++ % qp->nr_recv].cqe;
		ibfront_cq_add_soft(to_fcq(qp->ibqp->recv_cq), &wc);
	}
}

/* The area */

/* Return: whether there was a slot for it */
static bool ibfront_gsi_put(struct ibfront_gsi *gsi, const struct vibif_mad *m)
{
	struct vibif_mad_indices *indices = ibfront_gsi_indices(gsi);
	u32 prod = gsi->tx_prod;

	lockdep_assert_held(&gsi->lock);

	if (prod - READ_ONCE(indices->tx_cons.value) >= gsi->nr_tx)
		return false;
	memcpy(ibfront_gsi_slots(gsi) + prod % gsi->nr_tx, m, sizeof(*m));
	/* The slot is filled before it can be seen */
	virt_wmb();
	WRITE_ONCE(indices->tx_prod.value, ++gsi->tx_prod);
	/* The backend reads tx_prod when it has written tx_cons */
	virt_mb();
	if (READ_ONCE(indices->tx_cons.value) == prod)
		notify_remote_via_irq(gsi->channel.irq);
	return true;
}

/* Return: whether there was one that could go */
static bool ibfront_gsi_put_waiting(struct ibfront_gsi *gsi,
				    struct ibfront_gsi_qp *qp)
{
	struct ibfront_gsi_send *send;
	bool any = false;

	while (qp->send_head != qp->send_tail) {
		send = &qp->send[qp->send_head % qp->nr_send];
		if (!ibfront_gsi_put(gsi, &send->mad))
			break;
		qp->send_head++;
		ibfront_gsi_complete_send(qp, send->cqe, send->signaled,
					  IB_WC_SUCCESS);
		any = true;
	}
	return any;
}

/* Without a receive it is lost, as with any QP of datagrams. */
static void ibfront_gsi_receive(struct ibfront_gsi_qp *qp,
				const struct vibif_mad *m)
{
	struct ibfront_gsi_recv *recv;
	struct ib_wc wc = {
		.qp = qp->ibqp,
		.status = IB_WC_SUCCESS,
		.opcode = IB_WC_RECV,
		.byte_len = sizeof(m->grh) + sizeof(m->mad),
		.src_qp = m->qpn,
		.slid = m->av.dlid,
		.sl = m->av.sl,
		.dlid_path_bits = m->av.src_path_bits,
		.pkey_index = m->pkey_index,
		.port_num = qp->port,
	};

	if (qp->recv_head == qp->recv_tail ||
	    (qp->state != IB_QPS_RTR && qp->state != IB_QPS_RTS))
		return;
	recv = &qp->recv[qp->recv_head++ % qp->nr_recv];
	memcpy(recv->area, m->grh, sizeof(m->grh));
	memcpy(recv->area + sizeof(m->grh), m->mad, sizeof(m->mad));
	wc.wr_cqe = recv->cqe;
	if (m->av.flags & VIBIF_AV_GRH)
		wc.wc_flags = IB_WC_GRH;
	ibfront_cq_add_soft(to_fcq(qp->ibqp->recv_cq), &wc);
}

static void ibfront_gsi_take_one(struct ibfront_gsi *gsi,
				 const struct vibif_mad *m)
{
	struct ibfront_gsi_qp *qp;

	if (!m->port || m->port > VIBIF_MAX_PORTS)
		return;
	qp = gsi->qp[array_index_nospec(m->port - 1, VIBIF_MAX_PORTS)][1];
	if (qp)
		ibfront_gsi_receive(qp, m);
}

/* Return: how many MADs there were, or -EIO if there cannot be so many. */
static int ibfront_gsi_take(struct ibfront_gsi *gsi)
{
	struct vibif_mad_indices *indices = ibfront_gsi_indices(gsi);
	u32 cons = gsi->rx_cons, prod;
	struct vibif_mad m;

	/* What comes in the meantime is taken, too, or notified */
	while ((prod = READ_ONCE(indices->rx_prod.value)) != gsi->rx_cons) {
		if (prod - gsi->rx_cons > gsi->nr_rx)
			return -EIO;
		/* The MADs up to prod were written before it */
		virt_rmb();
		while (gsi->rx_cons != prod) {
			m = ibfront_gsi_slots(gsi)[gsi->nr_tx +
						   gsi->rx_cons++ % gsi->nr_rx];
			/* From here on only the copy is looked at */
			barrier();
			ibfront_gsi_take_one(gsi, &m);
		}
		/* The slots have been read before they are given back */
		virt_mb();
		WRITE_ONCE(indices->rx_cons.value, gsi->rx_cons);
		/* The backend reads rx_cons when it has written rx_prod */
		virt_mb();
	}
	return min_t(u32, gsi->rx_cons - cons, INT_MAX);
}

static irqreturn_t ibfront_gsi_irq(int irq, void *arg)
{
	struct ibfront_dev *dev = arg;
	struct ibfront_gsi *gsi = &dev->gsi;
	unsigned long flags;
	unsigned int i;
	int nr;

	spin_lock_irqsave(&gsi->lock, flags);
	nr = ibfront_gsi_take(gsi);
	for (i = 0; i < VIBIF_MAX_PORTS; i++)
		if (gsi->qp[i][1])
			nr |= ibfront_gsi_put_waiting(gsi, gsi->qp[i][1]);
	spin_unlock_irqrestore(&gsi->lock, flags);

	if (nr < 0)
		/* No EOI: nothing more is wanted of this backend. */
		ibfront_fail(dev, "backend sent more MADs than there are slots");
	else
		xen_irq_lateeoi(irq, nr ? 0 : XEN_EOI_FLAG_SPURIOUS);
	return IRQ_HANDLED;
}

/**
 * ibfront_gsi_init() - make the MAD area, if the backend serves one
 * @dev: device
 *
 * Return: 0 or a negative errno.
 */
int ibfront_gsi_init(struct ibfront_dev *dev)
{
	const char *backend = dev->xbdev->otherend;
	struct ibfront_gsi *gsi = &dev->gsi;
	unsigned int order;

	if (!xenbus_read_unsigned(backend, VIBIF_FIELD_FEATURE_MAD, 0))
		return 0;
	order = xenbus_read_unsigned(backend, VIBIF_FIELD_MAX_MAD_PAGE_ORDER,
				     VIBIF_MIN_MAD_PAGE_ORDER);
	order = clamp(order, VIBIF_MIN_MAD_PAGE_ORDER, IBFRONT_MAD_PAGE_ORDER);
	gsi->nr_tx = VIBIF_MAD_TX_SLOTS(order);
	gsi->nr_rx = VIBIF_MAD_RX_SLOTS(order);
	return ibfront_channel_open(dev, &gsi->channel, order, ibfront_gsi_irq,
				    "xen-ibfront-mads");
}

/**
 * ibfront_gsi_died() - complete all that waits
 * @dev: device, whose ring has died
 *
 * What is posted from now on completes at once. Users of QP 1 wait for that
 * before they let go of it.
 */
void ibfront_gsi_died(struct ibfront_dev *dev)
{
	struct ibfront_gsi *gsi = &dev->gsi;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&gsi->lock, flags);
	for (i = 0; i < 2 * VIBIF_MAX_PORTS; i++)
		if (gsi->qp[i / 2][i % 2])
			ibfront_gsi_flush(gsi->qp[i / 2][i % 2]);
	spin_unlock_irqrestore(&gsi->lock, flags);
}

/**
 * ibfront_gsi_fini() - undo ibfront_gsi_init()
 * @dev: device
 */
void ibfront_gsi_fini(struct ibfront_dev *dev)
{
	if (dev->gsi.channel.area)
		ibfront_channel_close(dev, &dev->gsi.channel);
}

/* The queue pair */

/**
 * ibfront_gsi_create_qp() - make QP 0 or 1 of a port
 * @ibqp: queue pair, part of an ibfront_qp
 * @attr: what its user wants
 *
 * Return: 0 or a negative errno.
 */
int ibfront_gsi_create_qp(struct ib_qp *ibqp, struct ib_qp_init_attr *attr)
{
	struct ibfront_dev *dev = to_fdev(ibqp->device);
	struct ibfront_gsi *gsi = &dev->gsi;
	struct ibfront_gsi_qp *qp, **entry;
	unsigned long flags;
	u32 nr_recv;
	int err = 0;

	if (!gsi->channel.area)
		return -EOPNOTSUPP;
	if (attr->srq || !attr->cap.max_send_wr || !attr->cap.max_recv_wr ||
	    !rdma_is_port_valid(ibqp->device, attr->port_num))
		return -EINVAL;
	nr_recv = roundup_pow_of_two(attr->cap.max_recv_wr);
	qp = kvzalloc(struct_size(qp, recv, nr_recv), GFP_KERNEL);
	if (!qp)
		return -ENOMEM;
	qp->nr_recv = nr_recv;
	qp->nr_send = roundup_pow_of_two(attr->cap.max_send_wr);
	qp->send = kvcalloc(qp->nr_send, sizeof(*qp->send), GFP_KERNEL);
	if (!qp->send) {
		kvfree(qp);
		return -ENOMEM;
	}
	qp->ibqp = ibqp;
	qp->port = attr->port_num;
	qp->signal_all = attr->sq_sig_type == IB_SIGNAL_ALL_WR;
	qp->cap = attr->cap;
	ibqp->qp_num = attr->qp_type == IB_QPT_GSI;
	entry = &gsi->qp[qp->port - 1][ibqp->qp_num];

	spin_lock_irqsave(&gsi->lock, flags);
	if (*entry)
		err = -EBUSY;
	else
		*entry = qp;
	spin_unlock_irqrestore(&gsi->lock, flags);
	if (err) {
		kvfree(qp->send);
		kvfree(qp);
		return err;
	}
	to_fqp(ibqp)->gsi = qp;
	return 0;
}

static void ibfront_gsi_clean_cqs(struct ib_qp *ibqp)
{
	ibfront_cq_clean_soft(to_fcq(ibqp->send_cq), ibqp);
	ibfront_cq_clean_soft(to_fcq(ibqp->recv_cq), ibqp);
}

/**
 * ibfront_gsi_destroy_qp() - undo ibfront_gsi_create_qp()
 * @ibqp: queue pair
 *
 * Return: 0.
 */
int ibfront_gsi_destroy_qp(struct ib_qp *ibqp)
{
	struct ibfront_gsi *gsi = &to_fdev(ibqp->device)->gsi;
	struct ibfront_gsi_qp *qp = to_gsi_qp(ibqp);
	unsigned long flags;

	spin_lock_irqsave(&gsi->lock, flags);
	gsi->qp[qp->port - 1][ibqp->qp_num] = NULL;
	spin_unlock_irqrestore(&gsi->lock, flags);
	ibfront_gsi_clean_cqs(ibqp);
	kvfree(qp->send);
	kvfree(qp);
	return 0;
}

/**
 * ibfront_gsi_modify_qp() - change the state of QP 0 or 1
 * @ibqp: queue pair
 * @attr: new attributes
 * @mask: which
 *
 * Return: 0 or a negative errno.
 */
int ibfront_gsi_modify_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask)
{
	struct ibfront_gsi *gsi = &to_fdev(ibqp->device)->gsi;
	struct ibfront_gsi_qp *qp = to_gsi_qp(ibqp);
	enum ib_qp_state next;
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&gsi->lock, flags);
	next = mask & IB_QP_STATE ? attr->qp_state : qp->state;
	if (!ib_modify_qp_is_ok(qp->state, next, ibqp->qp_type, mask)) {
		err = -EINVAL;
		goto out;
	}
	if (mask & IB_QP_PKEY_INDEX)
		qp->pkey_index = attr->pkey_index;
	if (mask & IB_QP_QKEY)
		qp->qkey = attr->qkey;
	if (mask & IB_QP_SQ_PSN)
		qp->sq_psn = attr->sq_psn;
	qp->state = next;
	if (next == IB_QPS_ERR)
		ibfront_gsi_flush(qp);
	if (next == IB_QPS_RESET) {
		qp->send_head = qp->send_tail;
		qp->recv_head = qp->recv_tail;
		ibfront_gsi_clean_cqs(ibqp);
	}
out:
	spin_unlock_irqrestore(&gsi->lock, flags);
	return err;
}

/**
 * ibfront_gsi_query_qp() - read the attributes of QP 0 or 1
 * @ibqp: queue pair
 * @attr: filled in; zero on entry
 * @init_attr: the same
 */
int ibfront_gsi_query_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr,
			 struct ib_qp_init_attr *init_attr)
{
	struct ibfront_gsi_qp *qp = to_gsi_qp(ibqp);

	attr->qp_state = qp->state;
	attr->cur_qp_state = qp->state;
	attr->port_num = qp->port;
	attr->pkey_index = qp->pkey_index;
	attr->qkey = qp->qkey;
	attr->sq_psn = qp->sq_psn;
	attr->cap = qp->cap;

	init_attr->qp_type = ibqp->qp_type;
	init_attr->send_cq = ibqp->send_cq;
	init_attr->recv_cq = ibqp->recv_cq;
	init_attr->cap = attr->cap;
	init_attr->port_num = qp->port;
	init_attr->sq_sig_type = qp->signal_all ? IB_SIGNAL_ALL_WR :
		IB_SIGNAL_REQ_WR;
	return 0;
}

static int ibfront_gsi_gather(struct ibfront_dev *dev,
			      const struct ib_send_wr *wr, u8 *mad)
{
	u32 len = 0;
	void *area;
	int i;

	for (i = 0; i < wr->num_sge; i++) {
		const struct ib_sge *sge = &wr->sg_list[i];

		if (sge->length > sizeof_field(struct vibif_mad, mad) - len)
			return -EINVAL;
		area = ibfront_arena_ptr(dev, sge->addr, sge->length);
		if (!area)
			return -EFAULT;
		memcpy(mad + len, area, sge->length);
		len += sge->length;
	}
	return 0;
}

static int ibfront_gsi_fill(struct ibfront_gsi_qp *qp,
			    const struct ib_send_wr *wr, struct vibif_mad *m)
{
	const struct ib_ud_wr *ud = ud_wr(wr);

	if (wr->opcode != IB_WR_SEND)
		return -EINVAL;
	*m = (struct vibif_mad){
		.port = qp->port,
		.pkey_index = ud->pkey_index,
		.qpn = ud->remote_qpn,
	};
	ibfront_av_from_ah(&m->av, &to_fah(ud->ah)->attr);
	return ibfront_gsi_gather(to_fdev(qp->ibqp->device), wr, m->mad);
}

/**
 * ibfront_smp_refuse() - answer what is asked on QP 0: there is nothing
 * @smp: the question, which becomes the answer
 *
 * As the backend answers what guests may not ask on QP 1.
 *
 * Return: whether it was a question.
 */
bool ibfront_smp_refuse(struct ib_smp *smp)
{
	if (smp->method != IB_MGMT_METHOD_GET &&
	    smp->method != IB_MGMT_METHOD_SET)
		return false;
	smp->method = IB_MGMT_METHOD_GET_RESP;
	smp->status = cpu_to_be16(IB_MGMT_MAD_STATUS_UNSUPPORTED_METHOD_ATTRIB);
	if (smp->mgmt_class == IB_MGMT_CLASS_SUBN_DIRECTED_ROUTE) {
		/* It has come all the way back */
		smp->status |= IB_SMP_DIRECTION;
		smp->hop_ptr = 0;
	}
	return true;
}

static void ibfront_smi_send(struct ibfront_gsi_qp *qp)
{
	struct ibfront_gsi_send *send;

	send = &qp->send[qp->send_head++ % qp->nr_send];
	ibfront_gsi_complete_send(qp, send->cqe, send->signaled,
				  IB_WC_SUCCESS);
	if (ibfront_smp_refuse((struct ib_smp *)send->mad.mad))
		ibfront_gsi_receive(qp, &send->mad);
}

/* A MAD is sent, to those who wait for it, when it is in a slot. */
static int ibfront_gsi_send_one(struct ibfront_gsi *gsi,
				struct ibfront_gsi_qp *qp,
				const struct ib_send_wr *wr)
{
	struct ibfront_gsi_send *send;
	int err;

	if (qp->state != IB_QPS_RTS && qp->state != IB_QPS_ERR)
		return -EINVAL;
	if (qp->send_tail - qp->send_head >= qp->nr_send)
		return -ENOMEM;
	send = &qp->send[qp->send_tail % qp->nr_send];
	err = ibfront_gsi_fill(qp, wr, &send->mad);
	if (err)
		return err;
	send->cqe = wr->wr_cqe;
	send->signaled = qp->signal_all || wr->send_flags & IB_SEND_SIGNALED;
	qp->send_tail++;
	if (ibfront_ring_dead(to_fdev(qp->ibqp->device)) ||
	    qp->state == IB_QPS_ERR)
		ibfront_gsi_flush(qp);
	else if (qp->ibqp->qp_num)
		ibfront_gsi_put_waiting(gsi, qp);
	else
		ibfront_smi_send(qp);
	return 0;
}

/**
 * ibfront_gsi_post_send() - send MADs
 * @ibqp: QP 0 or 1
 * @wr: work requests
 * @bad_wr: on failure, the first that was not posted
 *
 * Return: 0 or a negative errno.
 */
int ibfront_gsi_post_send(struct ib_qp *ibqp, const struct ib_send_wr *wr,
			  const struct ib_send_wr **bad_wr)
{
	struct ibfront_gsi *gsi = &to_fdev(ibqp->device)->gsi;
	struct ibfront_gsi_qp *qp = to_gsi_qp(ibqp);
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&gsi->lock, flags);
	for (; wr; wr = wr->next) {
		err = ibfront_gsi_send_one(gsi, qp, wr);
		if (err) {
			*bad_wr = wr;
			break;
		}
	}
	spin_unlock_irqrestore(&gsi->lock, flags);
	return err;
}

static int ibfront_gsi_recv_one(struct ibfront_dev *dev,
				struct ibfront_gsi_qp *qp,
				const struct ib_recv_wr *wr)
{
	const u32 len = sizeof_field(struct vibif_mad, grh) +
			sizeof_field(struct vibif_mad, mad);
	void *area;

	if (qp->state == IB_QPS_RESET || wr->num_sge != 1 ||
	    wr->sg_list[0].length < len)
		return -EINVAL;
	if (qp->recv_tail - qp->recv_head >= qp->nr_recv)
		return -ENOMEM;
	area = ibfront_arena_ptr(dev, wr->sg_list[0].addr, len);
	if (!area)
		return -EFAULT;
	qp->recv[qp->recv_tail++ % qp->nr_recv] = (struct ibfront_gsi_recv){
		.cqe = wr->wr_cqe,
		.area = area,
	};
	if (ibfront_ring_dead(dev) || qp->state == IB_QPS_ERR)
		ibfront_gsi_flush(qp);
	return 0;
}

/**
 * ibfront_gsi_post_recv() - give memory for MADs, each with its header
 * @ibqp: QP 0 or 1
 * @wr: work requests
 * @bad_wr: on failure, the first that was not posted
 *
 * Return: 0 or a negative errno.
 */
int ibfront_gsi_post_recv(struct ib_qp *ibqp, const struct ib_recv_wr *wr,
			  const struct ib_recv_wr **bad_wr)
{
	struct ibfront_dev *dev = to_fdev(ibqp->device);
	struct ibfront_gsi_qp *qp = to_gsi_qp(ibqp);
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&dev->gsi.lock, flags);
	for (; wr; wr = wr->next) {
		err = ibfront_gsi_recv_one(dev, qp, wr);
		if (err) {
			*bad_wr = wr;
			break;
		}
	}
	spin_unlock_irqrestore(&dev->gsi.lock, flags);
	return err;
}

/*
 * Users of the port tell others here that they are there. These tell nobody in
 * the guest's name: a port's capabilities are for all who have it. A subnet
 * manager is told that it cannot be.
 */
static int ibfront_modify_port(struct ib_device *ibdev, u32 port, int mask,
			       struct ib_port_modify *props)
{
	return mask || props->set_port_cap_mask & IB_PORT_SM ? -EOPNOTSUPP : 0;
}

const struct ib_device_ops ibfront_gsi_ops = {
	.modify_port = ibfront_modify_port,
};
