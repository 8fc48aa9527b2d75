// SPDX-License-Identifier: GPL-2.0-only
/* The stand-in for the part of ib_core that sends and receives MADs. */

#include "rdma.h"

#define MAX_PORTS	4
#define HI_TID		0x4d414400	/* and the port */

static struct ib_mad_agent agents[MAX_PORTS];
static struct ib_pd pd;
static struct ib_qp qp = { .pd = &pd };
static long nr_messages, nr_ahs;

struct ib_mad_agent *mad_agent(u32 port)
{
	return agents[port].used ? &agents[port] : NULL;
}

long mad_nr_messages(void)
{
	return nr_messages;
}

long mad_nr_ahs(void)
{
	return nr_ahs;
}

struct ib_mad_agent *
ib_register_mad_agent(struct ib_device *device, u32 port,
		      enum ib_qp_type type, struct ib_mad_reg_req *req,
		      u8 rmpp_version, ib_mad_send_handler send_handler,
		      ib_mad_recv_handler recv_handler, void *context,
		      u32 flags)
{
	int err = kernel_fail("ib_register_mad_agent", -ENOMEM);

	might_sleep();
	if (err)
		return ERR_PTR(err);
	if (type != IB_QPT_GSI || req || rmpp_version || agents[port].used)
		kernel_bug("an agent of another kind, or a second one");
	agents[port] = (struct ib_mad_agent) {
		.device = device,
		.qp = &qp,
		.send_handler = send_handler,
		.recv_handler = recv_handler,
		.context = context,
		.hi_tid = HI_TID | port,
		.port_num = port,
		.used = true,
	};
	INIT_LIST_HEAD(&agents[port].posted);
	return &agents[port];
}

void mad_done(struct ib_mad_send_buf *msg)
{
	struct ib_mad_send_wc wc = { msg };

	list_del(&msg->entry);
	msg->mad_agent->send_handler(msg->mad_agent, &wc);
}

struct ib_mad_send_buf *mad_posted(u32 port)
{
	struct list_head *posted = &agents[port].posted;

	if (list_empty(posted))
		return NULL;
	return list_first_entry(posted, struct ib_mad_send_buf, entry);
}

void ib_unregister_mad_agent(struct ib_mad_agent *agent)
{
	might_sleep();
	while (mad_posted(agent->port_num))
		mad_done(mad_posted(agent->port_num));
	agent->used = false;
}

struct ib_mad_send_buf *
ib_create_send_mad(struct ib_mad_agent *agent, u32 remote_qpn, u16 pkey_index,
		   int rmpp_active, int hdr_len, int data_len, gfp_t flags,
		   u8 base_version)
{
	struct ib_mad_send_buf *msg;

	if (rmpp_active || hdr_len + data_len != sizeof(msg->octets))
		kernel_bug("a MAD of %d octets", hdr_len + data_len);
	msg = kzalloc(sizeof(*msg), flags);
	if (!msg)
		return ERR_PTR(-ENOMEM);
	msg->mad_agent = agent;
	msg->mad = &msg->octets;
	msg->qpn = remote_qpn;
	msg->pkey_index = pkey_index;
	nr_messages++;
	return msg;
}

int ib_post_send_mad(struct ib_mad_send_buf *msg, struct ib_mad_send_buf **bad)
{
	int err = kernel_fail("ib_post_send_mad", -EINVAL);

	if (!err)
		list_add_tail(&msg->entry, &msg->mad_agent->posted);
	return err;
}

void ib_free_send_mad(struct ib_mad_send_buf *msg)
{
	nr_messages--;
	kfree(msg);
}

static bool received;

void ib_free_recv_mad(struct ib_mad_recv_wc *wc)
{
	if (!received)
		kernel_bug("a MAD is freed twice");
	received = false;
	memset(wc->recv_buf.mad, 0x6b, sizeof(*wc->recv_buf.mad));
}

void mad_answer(u32 port, const struct ib_wc *wc, const struct ib_grh *grh,
		const struct ib_mad *mad)
{
	struct ib_wc private_wc = *wc;
	struct ib_grh private_grh = {};
	struct ib_mad private_mad = *mad;
	struct ib_mad_recv_wc recv = {
		.wc = &private_wc,
		.recv_buf = { &private_grh, &private_mad },
	};

	if (grh)
		private_grh = *grh;
	received = true;
	agents[port].recv_handler(&agents[port], NULL, &recv);
	if (received)
		kernel_bug("a MAD is not freed");
}

struct ib_ah *rdma_create_ah(struct ib_pd *ibpd, struct rdma_ah_attr *attr,
			     u32 flags)
{
	struct ib_ah *ah = kzalloc(sizeof(*ah), GFP_KERNEL);

	might_sleep();
	if (!ah)
		return ERR_PTR(-ENOMEM);
	ah->attr = *attr;
	nr_ahs++;
	return ah;
}

void rdma_destroy_ah(struct ib_ah *ah, u32 flags)
{
	nr_ahs--;
	kfree(ah);
}
