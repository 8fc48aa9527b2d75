// SPDX-License-Identifier: GPL-2.0-only
/* The stand-in for ib_core. */

#include "rdma.h"

static struct ib_client *client;

/*
 * What each transition needs, as the IBTA has it for ModifyQP. What it may have
 * besides is ib_core's own affair, and not looked at here.
 */
static const struct transition {
	enum ib_qp_state cur;
	enum ib_qp_state next;
	int ud;
	int uc;
	int rc;
	int xrc_ini;
	int xrc_tgt;
} transitions[] = {
#define PATH	(IB_QP_AV | IB_QP_PATH_MTU | IB_QP_DEST_QPN | IB_QP_RQ_PSN)
#define RESPOND	(IB_QP_MAX_DEST_RD_ATOMIC | IB_QP_MIN_RNR_TIMER)
#define PLACE	(IB_QP_PKEY_INDEX | IB_QP_PORT)
#define REQUEST	(IB_QP_TIMEOUT | IB_QP_RETRY_CNT | IB_QP_RNR_RETRY |	\
		 IB_QP_SQ_PSN | IB_QP_MAX_QP_RD_ATOMIC)
	{ IB_QPS_RESET, IB_QPS_INIT, PLACE | IB_QP_QKEY,
	  PLACE | IB_QP_ACCESS_FLAGS, PLACE | IB_QP_ACCESS_FLAGS,
	  PLACE | IB_QP_ACCESS_FLAGS, PLACE | IB_QP_ACCESS_FLAGS },
	{ IB_QPS_INIT, IB_QPS_INIT },
	{ IB_QPS_INIT, IB_QPS_RTR, 0, PATH, PATH | RESPOND, PATH,
	  PATH | RESPOND },
	{ IB_QPS_RTR, IB_QPS_RTS, IB_QP_SQ_PSN, IB_QP_SQ_PSN, REQUEST, REQUEST,
	  IB_QP_TIMEOUT | IB_QP_SQ_PSN },
	{ IB_QPS_RTS, IB_QPS_RTS },
	{ IB_QPS_RTS, IB_QPS_SQD },
	{ IB_QPS_SQD, IB_QPS_SQD },
	{ IB_QPS_SQD, IB_QPS_RTS },
	{ IB_QPS_SQE, IB_QPS_RTS },
};

static int needed(const struct transition *t, enum ib_qp_type type)
{
	switch (type) {
	case IB_QPT_UD:
		return t->ud;
	case IB_QPT_UC:
		return t->uc;
	case IB_QPT_RC:
		return t->rc;
	case IB_QPT_XRC_INI:
		return t->xrc_ini;
	case IB_QPT_XRC_TGT:
		return t->xrc_tgt;
	default:
		break;
	}
	kernel_bug("no QP is of type %d", type);
}

bool ib_modify_qp_is_ok(enum ib_qp_state cur, enum ib_qp_state next,
			enum ib_qp_type type, enum ib_qp_attr_mask mask)
{
	unsigned int i;

	if (next == IB_QPS_RESET || next == IB_QPS_ERR)
		return !(mask & ~(IB_QP_STATE | IB_QP_CUR_STATE));
	for (i = 0; i < ARRAY_SIZE(transitions); i++)
		if (transitions[i].cur == cur && transitions[i].next == next)
			return !(needed(&transitions[i], type) & ~mask);
	return false;
}

int ib_query_port(struct ib_device *ibdev, u32 port, struct ib_port_attr *attr)
{
	int err = kernel_fail("ib_query_port", -EIO);

	might_sleep();
	if (err)
		return err;
	*attr = ibdev->port[port];
	return 0;
}

int ib_get_cached_port_state(struct ib_device *ibdev, u32 port,
			     enum ib_port_state *state)
{
	int err = kernel_fail("ib_get_cached_port_state", -EINVAL);

	if (err)
		return err;
	*state = ibdev->unnoticed[port] ? IB_PORT_INIT : ibdev->port[port].state;
	return 0;
}

void ib_dispatch_event(const struct ib_event *event)
{
	event->device->unnoticed[event->element.port_num] = false;
	ib_device_event(event->device, event->event, event->element.port_num);
}

static u64 get_guid(const u8 *raw)
{
	u64 guid;

	memcpy(&guid, raw, sizeof(guid));
	return be64_to_cpu(guid);
}

static void put_guid(u8 *raw, u64 guid)
{
	guid = cpu_to_be64(guid);
	memcpy(raw, &guid, sizeof(guid));
}

int rdma_query_gid(struct ib_device *ibdev, u32 port, int index,
		   union ib_gid *gid)
{
	int err = kernel_fail("rdma_query_gid", -ENODEV);

	if (err)
		return err;
	*gid = (union ib_gid) { { 0xfe, 0x80, [14] = port } };
	if (index)
		put_guid(gid->raw + 8, ibdev->guid[port][index]);
	return 0;
}

/* Subnet administration */

void ib_sa_register_client(struct ib_sa_client *client)
{
	client->registered = true;
}

void ib_sa_unregister_client(struct ib_sa_client *client)
{
	client->registered = false;
}

/*
 * What the subnet manager makes of one: what it has there now. Like OpenSM it
 * sets what changes, and what the HCA has it does not read.
 */
static u64 sm_set(struct ib_device *ibdev, u32 port, unsigned int index,
		  u64 guid)
{
	u64 *entry = &ibdev->guid[port][index];
	u64 *set = &ibdev->sm.set[port][index];
	unsigned int i;

	if (ibdev->sm.refuses || (guid && guid == ibdev->sm.taken))
		return ibdev->sm.refuses ? 0 : *entry;
	for (i = 1; guid && i < ARRAY_SIZE(ibdev->guid[port]); i++)
		if (i != index && ibdev->guid[port][i] == guid)
			return *entry;
	if (!guid)
		guid = *entry ?: ibdev->sm.next++;
	if (ibdev->sm.slow || (!ibdev->sm.lost && *set == guid))
		return guid;
	*entry = guid;
	*set = guid;
	return guid;
}

int ib_sa_guid_info_rec_query(struct ib_sa_client *client,
			      struct ib_device *ibdev, u32 port,
			      struct ib_sa_guidinfo_rec *rec,
			      ib_sa_comp_mask mask, u8 method,
			      unsigned long timeout_ms, gfp_t flags,
			      void (*callback)(int status,
					       struct ib_sa_guidinfo_rec *rec,
					       void *context),
			      void *context, struct ib_sa_query **query)
{
	int err = kernel_fail("ib_sa_guid_info_rec_query", -EAGAIN);
	struct ib_sa_guidinfo_rec answer = *rec;
	unsigned int i, index, gids = be64_to_cpu(mask) >> 4;

	might_sleep();
	if (!client->registered || ibdev->port[port].state != IB_PORT_ACTIVE)
		kernel_bug("nobody can ask at port %u", port);
	if (rec->lid != cpu_to_be16(ibdev->port[port].lid) || !gids ||
	    be64_to_cpu(mask) != (gids << 4 | 3) || gids > 0xff ||
	    (!rec->block_num && gids & 1))
		kernel_bug("a question about what is not the HCA's");
	if (err)
		return err;
	ibdev->sm.asked++;
	if (ibdev->sm.silent) {
		callback(-ETIMEDOUT, NULL, context);
		return 1;
	}
	for (i = 0; i < 8; i++) {
		index = rec->block_num * 8 + i;
		if (!index || index >= ARRAY_SIZE(ibdev->guid[port]))
			continue;
		if (!(gids & 1 << i)) {
			/* One that has restarted sets what it knows */
			if (ibdev->sm.lost && method == IB_MGMT_METHOD_SET)
				ibdev->guid[port][index] = 0;
		} else if (method == IB_SA_METHOD_DELETE) {
			ibdev->guid[port][index] = 0;
			ibdev->sm.set[port][index] = 0;
		} else {
			put_guid(answer.guid_info_list + 8 * i,
				 sm_set(ibdev, port, index,
					get_guid(rec->guid_info_list +
						 8 * i)));
		}
	}
	callback(0, &answer, context);
	return 1;
}

/* Where they have moved from entries are empty. */
static u16 pkey_at(struct ib_device *ibdev, u32 port, int index)
{
	return index < ibdev->pkeys_moved ? 0 :
		0x8000 | port << 8 | (index - ibdev->pkeys_moved);
}

int ib_get_cached_pkey(struct ib_device *ibdev, u32 port, int index, u16 *pkey)
{
	int err = kernel_fail("ib_get_cached_pkey", -ENODEV);

	if (err)
		return err;
	*pkey = pkey_at(ibdev, port, index);
	return 0;
}

int ib_register_client(struct ib_client *c)
{
	int err = kernel_fail("ib_register_client", -ENOMEM);

	if (!err)
		client = c;
	return err;
}

void ib_unregister_client(struct ib_client *c)
{
	client = NULL;
}

void ib_register_event_handler(struct ib_event_handler *handler)
{
	handler->device->handler = handler;
}

void ib_unregister_event_handler(struct ib_event_handler *handler)
{
	handler->device->handler = NULL;
}

int ib_device_add(struct ib_device *ibdev)
{
	int err;

	ibdev->client_data = NULL;
	err = client->add(ibdev);
	if (err && ibdev->handler)
		kernel_bug("a client that failed listens for events");
	return err;
}

void ib_device_remove(struct ib_device *ibdev)
{
	client->remove(ibdev, ibdev->client_data);
	if (ibdev->handler)
		kernel_bug("a client that is gone listens for events");
}

void ib_device_rename(struct ib_device *ibdev, const char *name)
{
	ibdev->dev.name = name;
	client->rename(ibdev, ibdev->client_data);
}

void ib_device_event(struct ib_device *ibdev, enum ib_event_type type,
		     u32 port)
{
	struct ib_event event = { .event = type, .element.port_num = port };

	if (ibdev->handler)
		ibdev->handler->handler(ibdev->handler, &event);
}
