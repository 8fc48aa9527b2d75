// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's management datagrams (MADs): the area that it shares, and its
 * place among the users of QP 1.
 *
 * Each port has an agent of the guest's in ib_core, which sends for it and gets
 * the answers to what it has sent. What it may send is decided in mad_policy.c.
 *
 * MADs from the guest are taken in a work item, at a bounded rate: more stay in
 * the guest's memory. Those to the guest are delivered where ib_core hands them
 * over, and lost if there is no slot, so no guest keeps others' waiting.
 */

#include <linux/nospec.h>
#include <linux/slab.h>
#include <rdma/ib_cache.h>
#include <rdma/ib_hdrs.h>
#include <rdma/ib_mad.h>
#include <xen/events.h>

#include "cm.h"
#include "ibback.h"
#include "mad_policy.h"

/*
 * How long answers are waited for: longer than who asks waits before asking
 * again, so that the guest's own time counts.
 */
#define ANSWER_MS		20000

/**
 * struct ibback_gsi_port - a guest at QP 1 of a port
 * @gsi: of which guest
 * @agent: NULL if there is none
 * @lock: protects @tids
 * @tids: transactions
 * @sending: MADs that ib_core has, most of them waiting for their answers; each
 *	takes memory of this domain
 */
struct ibback_gsi_port {
	struct ibback_gsi *gsi;
	struct ib_mad_agent *agent;
	spinlock_t lock;	/* see above */
	struct ibback_mad_tids tids;
	atomic_t sending;
};

/**
 * struct ibback_gsi - the MAD area of a connected device
 * @dev: whose it is
 * @channel: its pages and event channel
 * @nr_tx: slots for MADs from the guest
 * @nr_rx: and to it
 * @work: takes MADs from the guest
 * @rate: how many a second
 * @bucket: keeps to @rate
 * @pm: the guest may read performance counters
 * @tx_cons: as last written to the area
 * @tx: a MAD of the guest, copied
 * @rx_lock: protects the rest
 * @rx_prod: as last written to the area
 * @rx_dropped: the same
 * @port: of the HCA, from 0
 *
 * From @bucket to @tx all is @work's.
 */
struct ibback_gsi {
	struct ibback_dev *dev;
	struct ibback_channel channel;
	u32 nr_tx;
	u32 nr_rx;
	struct delayed_work work;
	u32 rate;
	struct ibback_mad_bucket bucket;
	bool pm;
	u32 tx_cons;
	struct vibif_mad tx;
	spinlock_t rx_lock;	/* see above */
	u32 rx_prod;
	u32 rx_dropped;
	struct ibback_gsi_port port[VIBIF_MAX_PORTS];
};

static struct vibif_mad_indices *ibback_gsi_indices(struct ibback_gsi *gsi)
{
	return gsi->channel.area;
}

/* Behind the indices, which have the size of a slot */
static struct vibif_mad *ibback_gsi_tx_slot(struct ibback_gsi *gsi, u32 index)
{
	return (struct vibif_mad *)gsi->channel.area + 1 + index % gsi->nr_tx;
}

static struct vibif_mad *ibback_gsi_rx_slot(struct ibback_gsi *gsi, u32 index)
{
	return (struct vibif_mad *)gsi->channel.area + 1 + gsi->nr_tx +
		index % gsi->nr_rx;
}

/* Whatever the guest has written to its index, it is its own slots only. */
static bool ibback_gsi_put(struct ibback_gsi *gsi, const struct vibif_mad *m)
{
	struct vibif_mad_indices *indices = ibback_gsi_indices(gsi);
	u32 prod = gsi->rx_prod;

	lockdep_assert_held(&gsi->rx_lock);

	if (prod - READ_ONCE(indices->rx_cons.value) >= gsi->nr_rx) {
		WRITE_ONCE(indices->rx_dropped.value, ++gsi->rx_dropped);
		return false;
	}
	memcpy(ibback_gsi_rx_slot(gsi, prod), m, sizeof(*m));
	/* The slot is filled before it can be seen */
	virt_wmb();
	WRITE_ONCE(indices->rx_prod.value, ++gsi->rx_prod);
	return true;
}

/*
 * Deliver a MAD to the guest, if it has come with one of its P_Keys. It does
 * not wait for the guest.
 */
static void ibback_gsi_deliver(struct ibback_gsi *gsi,
			       const struct vibif_mad *m)
{
	struct vibif_mad_indices *indices = ibback_gsi_indices(gsi);
	bool done, notify;

	if (m->pkey_index == VIBIF_NO_PKEY_INDEX) {
		ibback_count(gsi->dev, IBBACK_COUNT_MAD_DROPPED, 1);
		return;
	}
	spin_lock(&gsi->rx_lock);
	done = ibback_gsi_put(gsi, m);
	/* The guest reads rx_prod when it has written rx_cons */
	virt_mb();
	notify = READ_ONCE(indices->rx_cons.value) == gsi->rx_prod - 1;
	spin_unlock(&gsi->rx_lock);
	ibback_count(gsi->dev, done ? IBBACK_COUNT_MAD_RX :
		     IBBACK_COUNT_MAD_DROPPED, 1);
	if (done && notify)
		notify_remote_via_irq(gsi->channel.irq);
}

/*
 * The subnet manager is asked, and answers, with the default P_Key, which the
 * guest need not have. Where it has the HCA's P_Keys it names one itself.
 */
static bool ibback_gsi_default_pkey(const struct ibback_dev *dev, u8 port,
				    const u8 *mad)
{
	return dev->port[port].nr_pkeys && ibback_mad_is_sa(mad);
}

static int ibback_gsi_pkey_to_hw(struct ibback_dev *dev,
				 const struct vibif_mad *m, u16 *hw_index)
{
	if (ibback_gsi_default_pkey(dev, m->port, m->mad))
		return ib_find_cached_pkey(dev->hca->ibdev, m->port,
					   IB_DEFAULT_PKEY_FULL, hw_index);
	return ibback_pkey_to_hw(dev, m->port, m->pkey_index, hw_index);
}

static u16 ibback_gsi_pkey_from_hw(struct ibback_dev *dev, u8 port,
				   u16 hw_index, const u8 *mad)
{
	u16 index = ibback_pkey_from_hw(dev, port, hw_index);

	if (index == VIBIF_NO_PKEY_INDEX &&
	    ibback_gsi_default_pkey(dev, port, mad))
		return 0;
	return index;
}

/* A MAD from the fabric as the guest sees it; @mad is not needed any more */
static void ibback_gsi_fill(struct ibback_dev *dev, struct vibif_mad *m,
			    u32 port, const struct ib_wc *wc,
			    const struct ib_grh *grh, const void *mad)
{
	*m = (struct vibif_mad) {
		.port = port,
		.pkey_index = ibback_gsi_pkey_from_hw(dev, port,
						      wc->pkey_index, mad),
		.qpn = wc->src_qp,
		.av.dlid = wc->slid,
		.av.sl = wc->sl,
		.av.src_path_bits = wc->dlid_path_bits,
	};
	if (wc->wc_flags & IB_WC_GRH) {
		m->av.flags = VIBIF_AV_GRH;
		memcpy(m->grh, grh, sizeof(m->grh));
	}
	memcpy(m->mad, mad, sizeof(m->mad));
}

/* Answers in the guest's transactions, and nothing else */
static void ibback_gsi_recv(struct ib_mad_agent *agent,
			    struct ib_mad_send_buf *msg,
			    struct ib_mad_recv_wc *recv)
{
	struct ibback_gsi_port *port = agent->context;
	struct vibif_mad m;
	bool wanted;

	ibback_gsi_fill(port->gsi->dev, &m, agent->port_num, recv->wc,
			recv->recv_buf.grh, recv->recv_buf.mad);
	ib_free_recv_mad(recv);
	spin_lock(&port->lock);
	wanted = ibback_mad_tid_in(&port->tids, m.mad);
	spin_unlock(&port->lock);
	if (wanted)
		ibback_gsi_deliver(port->gsi, &m);
}

/**
 * ibback_gsi_receive() - deliver a message of the CM that is a guest's
 * @dev: the guest's device, which is connected
 * @port: where it has come to
 * @wc: how
 * @grh: its header, if @wc says that it has one
 * @mad: the message as the guest is to see it
 */
void ibback_gsi_receive(struct ibback_dev *dev, u32 port,
			const struct ib_wc *wc, const struct ib_grh *grh,
			const u8 *mad)
{
	struct vibif_mad m;

	ibback_gsi_fill(dev, &m, port, wc, grh, mad);
	ibback_gsi_deliver(dev->gsi, &m);
}

static void ibback_gsi_free_msg(struct ibback_gsi_port *port,
				struct ib_mad_send_buf *msg)
{
	rdma_destroy_ah(msg->ah, RDMA_DESTROY_AH_SLEEPABLE);
	ib_free_send_mad(msg);
	atomic_dec(&port->sending);
}

/* It has been sent and, if it was a request, answered, or nobody did. */
static void ibback_gsi_sent(struct ib_mad_agent *agent,
			    struct ib_mad_send_wc *wc)
{
	ibback_gsi_free_msg(agent->context, wc->send_buf);
}

/* From the guest's GID */
static struct ib_ah *ibback_gsi_create_ah(struct ibback_gsi_port *port,
					  const struct vibif_av *av)
{
	struct ib_mad_agent *agent = port->agent;
	u8 sgid_index =
		READ_ONCE(port->gsi->dev->port[agent->port_num].sgid_index);
	struct rdma_ah_attr attr = {
		.type = rdma_ah_find_type(agent->device, agent->port_num),
	};
	union ib_gid dgid;

	rdma_ah_set_port_num(&attr, agent->port_num);
	rdma_ah_set_dlid(&attr, av->dlid);
	rdma_ah_set_sl(&attr, av->sl);
	rdma_ah_set_path_bits(&attr, av->src_path_bits);
	rdma_ah_set_static_rate(&attr, av->static_rate);
	if (av->flags & VIBIF_AV_GRH) {
		memcpy(dgid.raw, av->dgid, sizeof(dgid.raw));
		rdma_ah_set_grh(&attr, &dgid, av->flow_label, sgid_index,
				av->hop_limit, av->traffic_class);
	}
	return rdma_create_ah(agent->qp->pd, &attr, RDMA_CREATE_AH_SLEEPABLE);
}

static int ibback_gsi_post(struct ibback_gsi_port *port,
			   const struct vibif_mad *m, bool request)
{
	struct ib_mad_agent *agent = port->agent;
	struct ib_mad_send_buf *msg;
	u16 pkey_index;
	struct ib_ah *ah;
	int err;

	if (atomic_inc_return(&port->sending) > VIBIF_MAD_TRANSACTIONS) {
		err = -EBUSY;
		goto err_sending;
	}
	err = ibback_gsi_pkey_to_hw(port->gsi->dev, m, &pkey_index);
	if (err)
		goto err_sending;
	ah = ibback_gsi_create_ah(port, &m->av);
	if (IS_ERR(ah)) {
		err = PTR_ERR(ah);
		goto err_sending;
	}
	msg = ib_create_send_mad(agent, 1, pkey_index, 0, IB_MGMT_MAD_HDR,
				 IB_MGMT_MAD_DATA, GFP_KERNEL,
				 IB_MGMT_BASE_VERSION);
	if (IS_ERR(msg)) {
		err = PTR_ERR(msg);
		goto err_ah;
	}
	msg->ah = ah;
	msg->timeout_ms = request ? ANSWER_MS : 0;
	memcpy(msg->mad, m->mad, sizeof(m->mad));
	err = ib_post_send_mad(msg, NULL);
	if (err)
		ibback_gsi_free_msg(port, msg);
	return err;

err_ah:
	rdma_destroy_ah(ah, RDMA_DESTROY_AH_SLEEPABLE);
err_sending:
	atomic_dec(&port->sending);
	return err;
}

/* Return: what to count */
static enum ibback_counter ibback_gsi_send(struct ibback_gsi_port *port,
					   struct vibif_mad *m, bool request)
{
	bool known;

	ibback_mad_clean(m->mad);
	spin_lock(&port->lock);
	known = ibback_mad_tid_out(&port->tids, m->mad, port->agent->hi_tid,
				   request);
	spin_unlock(&port->lock);
	if (!known)
		return IBBACK_COUNT_MAD_REFUSED;
	return ibback_gsi_post(port, m, request) ? IBBACK_COUNT_MAD_DROPPED :
		IBBACK_COUNT_MAD_TX;
}

/* The header that an answer to this has, if it came from there */
static void ibback_gsi_answer_grh(struct ibback_gsi *gsi,
				  const struct vibif_mad *m, u8 *octets)
{
	u8 sgid_index = READ_ONCE(gsi->dev->port[m->port].sgid_index);
	struct ib_grh grh = {
		.version_tclass_flow =
			cpu_to_be32(6U << 28 | m->av.traffic_class << 20 |
				    m->av.flow_label),
		.paylen = cpu_to_be16(sizeof(m->mad)),
		.next_hdr = IB_GRH_NEXT_HDR,
		.hop_limit = m->av.hop_limit,
	};

	static_assert(sizeof(grh) == sizeof(m->grh));
	memcpy(grh.sgid.raw, m->av.dgid, sizeof(grh.sgid.raw));
	rdma_query_gid(gsi->dev->hca->ibdev, m->port, sgid_index, &grh.dgid);
	memcpy(octets, &grh, sizeof(grh));
}

/**
 * ibback_gsi_answer() - answer a MAD in the peer's name
 * @dev: the guest's device, with a MAD area
 * @m: as the guest has sent it, but with the answer's MAD
 */
void ibback_gsi_answer(struct ibback_dev *dev, const struct vibif_mad *m)
{
	struct vibif_mad answer = {
		.port = m->port,
		.pkey_index = m->pkey_index,
		.qpn = m->qpn,
		.av.dlid = m->av.dlid,
		.av.sl = m->av.sl,
		.av.src_path_bits = m->av.src_path_bits,
		.av.flags = m->av.flags,
	};

	if (m->av.flags & VIBIF_AV_GRH)
		ibback_gsi_answer_grh(dev->gsi, m, answer.grh);
	memcpy(answer.mad, m->mad, sizeof(answer.mad));
	ibback_gsi_deliver(dev->gsi, &answer);
}

/* Return: what to count */
static enum ibback_counter ibback_gsi_send_cm(struct ibback_gsi_port *port,
					      struct vibif_mad *m)
{
	if (ibback_gsi_cm_out(port->gsi->dev, m))
		return IBBACK_COUNT_MAD_REFUSED;
	return ibback_gsi_post(port, m, false) ? IBBACK_COUNT_MAD_DROPPED :
		IBBACK_COUNT_MAD_TX;
}

/* What the guest has sent is in gsi->tx. Return: what to count */
static enum ibback_counter ibback_gsi_handle(struct ibback_gsi *gsi)
{
	struct ibback_dev *dev = gsi->dev;
	struct ibback_mad_rules rules = { .pm = gsi->pm };
	struct ibback_gsi_port *port;
	struct vibif_mad *m = &gsi->tx;

	if (ibback_check_mad(&dev->limits, m))
		return IBBACK_COUNT_MAD_REFUSED;
	port = &gsi->port[array_index_nospec(m->port - 1, VIBIF_MAX_PORTS)];
	if (ibback_cm_is_message(m->mad))
		return ibback_gsi_send_cm(port, m);
	rules.sm_lid = READ_ONCE(dev->hca->sm_lid[port - gsi->port]);
	switch (ibback_mad_judge(m->mad, m->av.dlid, &rules)) {
	case IBBACK_MAD_REQUEST:
		return ibback_gsi_send(port, m, true);
	case IBBACK_MAD_CONTROL:
		return ibback_gsi_send(port, m, false);
	case IBBACK_MAD_MEMBER:
		ibback_mad_clean(m->mad);
		return ibback_members_ask(dev, m);
	case IBBACK_MAD_REFUSE:
		ibback_mad_refuse(m->mad);
		ibback_gsi_answer(dev, m);
		break;
	case IBBACK_MAD_DISCARD:
		break;
	}
	return IBBACK_COUNT_MAD_REFUSED;
}

/*
 * Take MADs of the guest up to number @prod. Return: 0, or nanoseconds to wait
 * before there may be more.
 */
static u64 ibback_gsi_take(struct ibback_gsi *gsi, u32 prod)
{
	u64 wait;

	while (gsi->tx_cons != prod) {
		wait = ibback_mad_bucket_take(&gsi->bucket, gsi->rate,
					      ktime_get_ns());
		if (wait)
			return wait;
		memcpy(&gsi->tx, ibback_gsi_tx_slot(gsi, gsi->tx_cons),
		       sizeof(gsi->tx));
		/* From here on only the copy is looked at */
		barrier();
		gsi->tx_cons++;
		ibback_count(gsi->dev, ibback_gsi_handle(gsi), 1);
	}
	return 0;
}

/* At most all slots at a time: what has come since waits for its turn. */
static void ibback_gsi_work(struct work_struct *work)
{
	struct ibback_gsi *gsi = container_of(to_delayed_work(work),
					      struct ibback_gsi, work);
	struct vibif_mad_indices *indices = ibback_gsi_indices(gsi);
	u32 cons = gsi->tx_cons, prod = READ_ONCE(indices->tx_prod.value);
	u64 wait;

	/* The MADs up to prod were written before it */
	virt_rmb();
	if (prod - cons > gsi->nr_tx) {
		/* Without an EOI it rings no more */
		ibback_dev_rogue(gsi->dev, "MAD area overrun");
		return;
	}
	wait = ibback_gsi_take(gsi, prod);
	/* The slots have been read before they are given back */
	virt_mb();
	WRITE_ONCE(indices->tx_cons.value, gsi->tx_cons);
	/* The guest reads tx_cons when it has written tx_prod */
	virt_mb();
	prod = READ_ONCE(indices->tx_prod.value);
	if (gsi->tx_cons != cons && prod - cons >= gsi->nr_tx)
		notify_remote_via_irq(gsi->channel.irq);
	if (prod != gsi->tx_cons)
		queue_delayed_work(system_unbound_wq, &gsi->work,
				   nsecs_to_jiffies(wait) + !!wait);
	else
		xen_irq_lateeoi(gsi->channel.irq, gsi->tx_cons == cons ?
				XEN_EOI_FLAG_SPURIOUS : 0);
}

static irqreturn_t ibback_gsi_interrupt(int irq, void *data)
{
	struct ibback_gsi *gsi = data;

	/* The first one may come before ibback_channel_bind() knows it */
	WRITE_ONCE(gsi->channel.irq, irq);
	queue_delayed_work(system_unbound_wq, &gsi->work, 0);
	return IRQ_HANDLED;
}

/* As with the ring: one that has been used was meant for an earlier backend. */
static int ibback_gsi_check_fresh(struct ibback_gsi *gsi)
{
	struct vibif_mad_indices *indices = ibback_gsi_indices(gsi);

	if (!READ_ONCE(indices->tx_prod.value) &&
	    !READ_ONCE(indices->rx_prod.value))
		return 0;
	if (!gsi->dev->stale_frontend)
		xenbus_dev_fatal(gsi->dev->xbdev, -ESTALE,
				 "MAD area is not a new one");
	return -ESTALE;
}

static int ibback_gsi_register(struct ibback_gsi *gsi)
{
	struct ib_device *ibdev = gsi->dev->hca->ibdev;
	struct ibback_gsi_port *port;
	struct ib_mad_agent *agent;
	u32 i;

	for (i = 0; i < gsi->dev->limits.num_ports; i++) {
		port = &gsi->port[i];
		port->gsi = gsi;
		spin_lock_init(&port->lock);
		agent = ib_register_mad_agent(ibdev, i + 1, IB_QPT_GSI, NULL, 0,
					      ibback_gsi_sent, ibback_gsi_recv,
					      port, 0);
		if (IS_ERR(agent)) {
			xenbus_dev_fatal(gsi->dev->xbdev, PTR_ERR(agent),
					 "registering for MADs at port %u",
					 i + 1);
			return PTR_ERR(agent);
		}
		port->agent = agent;
	}
	return 0;
}

static void ibback_gsi_read_nodes(struct ibback_gsi *gsi)
{
	const char *dir = gsi->dev->xbdev->nodename;
	unsigned int rate;

	rate = xenbus_read_unsigned(dir, VIBIF_FIELD_MAD_RATE,
				    VIBIF_DEFAULT_MAD_RATE);
	gsi->rate = clamp(rate, 1U, (unsigned int)VIBIF_MAX_MAD_RATE);
	gsi->pm = xenbus_read_unsigned(dir, VIBIF_FIELD_MAD_PM, 1);
}

static int ibback_gsi_open(struct ibback_gsi *gsi)
{
	static const struct ibback_channel_nodes nodes = {
		.what = "the MAD area",
		.order = VIBIF_FIELD_MAD_PAGE_ORDER,
		.min_order = VIBIF_MIN_MAD_PAGE_ORDER,
		.max_order = VIBIF_MAX_MAD_PAGE_ORDER,
		.ref = VIBIF_FIELD_MAD_REF,
		.evtchn = VIBIF_FIELD_MAD_EVTCHN,
	};
	struct ibback_dev *dev = gsi->dev;
	unsigned int order;
	int err;

	err = ibback_channel_map(dev, &gsi->channel, &nodes);
	if (err)
		return err;
	order = ilog2(gsi->channel.nr_pages);
	gsi->nr_tx = VIBIF_MAD_TX_SLOTS(order);
	gsi->nr_rx = VIBIF_MAD_RX_SLOTS(order);
	err = ibback_gsi_check_fresh(gsi);
	if (!err)
		err = ibback_gsi_register(gsi);
	if (!err)
		err = ibback_channel_bind(dev, &gsi->channel,
					  ibback_gsi_interrupt, "vib-mads",
					  gsi);
	if (!err)
		ibback_gsi_cm_open(dev);
	return err;
}

/**
 * ibback_gsi_connect() - map and serve the MAD area, if there is one
 * @dev: the guest's device; dev->lock is held
 *
 * Return: as ibback_ring_connect().
 */
int ibback_gsi_connect(struct ibback_dev *dev)
{
	struct ibback_gsi *gsi;
	int err;

	if (!xenbus_read_unsigned(dev->xbdev->otherend,
				  VIBIF_FIELD_MAD_PAGE_ORDER, 0))
		return 0;
	gsi = kvzalloc(sizeof(*gsi), GFP_KERNEL);
	if (!gsi) {
		xenbus_dev_fatal(dev->xbdev, -ENOMEM,
				 "allocating for the MAD area");
		return -ENOMEM;
	}
	gsi->dev = dev;
	dev->gsi = gsi;
	spin_lock_init(&gsi->rx_lock);
	INIT_DELAYED_WORK(&gsi->work, ibback_gsi_work);
	ibback_members_init(dev);
	ibback_gsi_read_nodes(gsi);
	err = ibback_gsi_open(gsi);
	if (err)
		ibback_gsi_disconnect(dev);
	return err;
}

/**
 * ibback_gsi_disconnect() - forget the guest's MADs and unmap the area
 * @dev: the guest's device, in any state
 *
 * What is still being sent is cancelled, and multicast groups are left. After
 * this nothing comes for the guest any more, and nothing of it is sent.
 */
void ibback_gsi_disconnect(struct ibback_dev *dev)
{
	struct ibback_gsi *gsi = dev->gsi;
	unsigned int i;

	if (!gsi)
		return;
	if (gsi->channel.irq)
		disable_irq(gsi->channel.irq);
	cancel_delayed_work_sync(&gsi->work);
	ibback_gsi_cm_close(dev);
	ibback_members_leave(dev);
	/* All who deliver through the area and the irq go before these */
	for (i = 0; i < VIBIF_MAX_PORTS; i++)
		if (gsi->port[i].agent)
			ib_unregister_mad_agent(gsi->port[i].agent);
	ibback_channel_close(dev, &gsi->channel, gsi);
	dev->gsi = NULL;
	kvfree(gsi);
}
