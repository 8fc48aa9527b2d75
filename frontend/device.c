// SPDX-License-Identifier: GPL-2.0-only
/* The ib_device: operations, attributes, ports, registration. */

#include <linux/nospec.h>

#include "ibfront.h"

/* The number of entries, and a CQ's size, cannot overflow. */
#define IBFRONT_MAX_CQE		BIT(26)

static int ibfront_query_device(struct ib_device *ibdev,
				struct ib_device_attr *props,
				struct ib_udata *uhw)
{
	const struct ibfront_dev *dev = to_fdev(ibdev);
	const struct vibif_device_attr *attr = &dev->attr;

	memset(props, 0, sizeof(*props));
	props->fw_ver = attr->fw_ver;
	memcpy(&props->sys_image_guid, attr->sys_image_guid,
	       sizeof(props->sys_image_guid));
	props->max_mr_size = attr->max_mr_size;
	props->page_size_cap = attr->page_size_cap;
	props->vendor_id = attr->vendor_id;
	props->vendor_part_id = attr->vendor_part_id;
	props->hw_ver = attr->hw_ver;
	props->max_qp = attr->max_qp;
	props->max_qp_wr = attr->max_qp_wr;
	props->device_cap_flags = attr->device_cap_flags;
	props->kernel_cap_flags = IBK_BLOCK_MULTICAST_LOOPBACK;
	props->max_send_sge = attr->max_send_sge;
	props->max_recv_sge = attr->max_recv_sge;
	props->max_sge_rd = attr->max_sge_rd;
	props->max_cq = attr->max_cq;
	props->max_cqe = attr->max_cqe;
	props->max_mr = attr->max_mr;
	props->max_pd = attr->max_pd;
	props->max_qp_rd_atom = attr->max_qp_rd_atom;
	props->max_res_rd_atom = attr->max_res_rd_atom;
	props->max_qp_init_rd_atom = attr->max_qp_init_rd_atom;
	props->atomic_cap = attr->atomic_cap;
	props->masked_atomic_cap = attr->masked_atomic_cap;
	props->max_mw = attr->max_mw;
	props->max_mcast_grp = attr->max_mcast_grp;
	props->max_mcast_qp_attach = attr->max_mcast_qp_attach;
	props->max_total_mcast_qp_attach = attr->max_total_mcast_qp_attach;
	props->max_ah = attr->max_ah;
	props->max_srq = attr->max_srq;
	props->max_srq_wr = attr->max_srq_wr;
	props->max_srq_sge = attr->max_srq_sge;
	props->max_fast_reg_page_list_len = attr->max_fast_reg_page_list_len;
	props->max_pkeys = attr->max_pkeys;
	props->local_ca_ack_delay = attr->local_ca_ack_delay;
	props->cq_caps.max_cq_moderation_count = U16_MAX;
	props->cq_caps.max_cq_moderation_period = U16_MAX;

	return uhw ? dev->provider->query_device(dev, uhw) : 0;
}

static int ibfront_read_port(struct ib_device *ibdev, u32 port,
			     struct ib_port_attr *props)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_QUERY_PORT,
		.op.query_port.port = port,
	};
	const struct vibif_query_port_rsp *attr;
	struct vibif_rsp rsp;
	int err;

	err = ibfront_exec(to_fdev(ibdev), &req, &rsp);
	if (err)
		return err;

	attr = &rsp.op.query_port;
	props->port_cap_flags = attr->port_cap_flags;
	props->port_cap_flags2 = attr->port_cap_flags2;
	props->max_msg_sz = attr->max_msg_sz;
	props->bad_pkey_cntr = attr->bad_pkey_cntr;
	props->qkey_viol_cntr = attr->qkey_viol_cntr;
	props->gid_tbl_len = attr->gid_tbl_len;
	props->pkey_tbl_len = attr->pkey_tbl_len;
	props->lid = attr->lid;
	props->sm_lid = attr->sm_lid;
	props->active_speed = attr->active_speed;
	props->active_width = attr->active_width;
	props->state = attr->state;
	props->phys_state = attr->phys_state;
	props->max_mtu = attr->max_mtu;
	props->active_mtu = attr->active_mtu;
	props->lmc = attr->lmc;
	props->sm_sl = attr->sm_sl;
	props->max_vl_num = attr->max_vl_num;
	props->subnet_timeout = attr->subnet_timeout;
	props->init_type_reply = attr->init_type_reply;
	return 0;
}

/* ib_core has made room for tables of the lengths that it was first told. */
static int ibfront_query_port(struct ib_device *ibdev, u32 port,
			      struct ib_port_attr *props)
{
	const struct ib_port_immutable *first;
	int err;

	err = ibfront_read_port(ibdev, port, props);
	if (err)
		return err;
	port = array_index_nospec(port, rdma_end_port(ibdev) + 1);
	first = &ibdev->port_data[port].immutable;
	props->gid_tbl_len = min(props->gid_tbl_len, first->gid_tbl_len);
	props->pkey_tbl_len = min_t(u32, props->pkey_tbl_len,
				    first->pkey_tbl_len);
	return 0;
}

/* The guest's own name for the node, as rdma-ndd sets it: the HCA has dom0's. */
static int ibfront_modify_device(struct ib_device *ibdev, int mask,
				 struct ib_device_modify *modify)
{
	if (mask & ~IB_DEVICE_MODIFY_NODE_DESC)
		return -EOPNOTSUPP;
	if (mask & IB_DEVICE_MODIFY_NODE_DESC)
		memcpy(ibdev->node_desc, modify->node_desc,
		       sizeof(ibdev->node_desc));
	return 0;
}

/*
 * A response holds many entries of a table, and ib_core asks for one at a time:
 * it reads tables from index 0 on, at registration and after each event that
 * may have changed them. So the last response serves until its first entry is
 * asked for again, and is as old as the core's own cache at most.
 */
static int ibfront_query_table(struct ib_device *ibdev, u8 operation, u32 port,
			       u16 index, u16 per_rsp, struct vibif_rsp *rsp)
{
	bool gid = operation == VIBIF_OP_QUERY_GID;
	struct ibfront_dev *dev = to_fdev(ibdev);
	struct ibfront_table *table = &dev->tables[port - 1][gid];
	u16 first = rounddown(index, per_rsp);
	struct vibif_req req = {
		.operation = operation,
		.op.query_table.port = port,
		.op.query_table.index = first,
	};
	int err = 0;

	mutex_lock(&dev->tables_lock);
	if (!table->valid || table->first != first || index == first) {
		err = ibfront_exec(dev, &req, &table->rsp);
		table->first = first;
		table->valid = !err;
	}
	*rsp = table->rsp;
	mutex_unlock(&dev->tables_lock);
	return err;
}

static int ibfront_query_gid(struct ib_device *ibdev, u32 port, int index,
			     union ib_gid *gid)
{
	struct vibif_rsp rsp;
	int err;

	err = ibfront_query_table(ibdev, VIBIF_OP_QUERY_GID, port, index,
				  VIBIF_GIDS_PER_RSP, &rsp);
	if (!err)
		memcpy(gid->raw, rsp.op.query_gid.gid[index % VIBIF_GIDS_PER_RSP],
		       sizeof(gid->raw));
	return err;
}

static int ibfront_query_pkey(struct ib_device *ibdev, u32 port, u16 index,
			      u16 *pkey)
{
	struct vibif_rsp rsp;
	int err;

	err = ibfront_query_table(ibdev, VIBIF_OP_QUERY_PKEY, port, index,
				  VIBIF_PKEYS_PER_RSP, &rsp);
	if (!err)
		*pkey = rsp.op.query_pkey.pkey[index % VIBIF_PKEYS_PER_RSP];
	return err;
}

/* An IB port, without what the kernel's own consumers need: MAD, SA, CM. */
static int ibfront_get_port_immutable(struct ib_device *ibdev, u32 port,
				      struct ib_port_immutable *immutable)
{
	struct ib_port_attr attr = {};
	int err;

	err = ibfront_read_port(ibdev, port, &attr);
	if (err)
		return err;
	immutable->gid_tbl_len = attr.gid_tbl_len;
	immutable->pkey_tbl_len = attr.pkey_tbl_len;
	immutable->core_cap_flags = RDMA_CORE_CAP_PROT_IB;
	return 0;
}

static const struct ib_device_ops ibfront_dev_ops = {
	.owner = THIS_MODULE,

	.alloc_pd = ibfront_alloc_pd,
	.alloc_ucontext = ibfront_alloc_ucontext,
	.attach_mcast = ibfront_attach_mcast,
	.create_ah = ibfront_create_ah,
	.create_cq = ibfront_create_cq,
	.create_qp = ibfront_create_qp,
	.create_srq = ibfront_create_srq,
	.dealloc_pd = ibfront_dealloc_pd,
	.dealloc_ucontext = ibfront_dealloc_ucontext,
	.dereg_mr = ibfront_dereg_mr,
	.destroy_ah = ibfront_destroy_ah,
	.destroy_cq = ibfront_destroy_cq,
	.destroy_qp = ibfront_destroy_qp,
	.destroy_srq = ibfront_destroy_srq,
	.detach_mcast = ibfront_detach_mcast,
	.disassociate_ucontext = ibfront_disassociate_ucontext,
	.get_port_immutable = ibfront_get_port_immutable,
	.mmap = ibfront_mmap,
	.modify_cq = ibfront_modify_cq,
	.modify_device = ibfront_modify_device,
	.modify_qp = ibfront_modify_qp,
	.modify_srq = ibfront_modify_srq,
	.query_ah = ibfront_query_ah,
	.query_device = ibfront_query_device,
	.query_gid = ibfront_query_gid,
	.query_pkey = ibfront_query_pkey,
	.query_port = ibfront_query_port,
	.query_qp = ibfront_query_qp,
	.query_srq = ibfront_query_srq,
	.reg_user_mr = ibfront_reg_user_mr,

	INIT_RDMA_OBJ_SIZE(ib_ah, ibfront_ah, ibah),
	INIT_RDMA_OBJ_SIZE(ib_cq, ibfront_cq, ibcq),
	INIT_RDMA_OBJ_SIZE(ib_pd, ibfront_pd, ibpd),
	INIT_RDMA_OBJ_SIZE(ib_qp, ibfront_qp, ibqp),
	INIT_RDMA_OBJ_SIZE(ib_srq, ibfront_srq, ibsrq),
	INIT_RDMA_OBJ_SIZE(ib_ucontext, ibfront_ucontext, ibucontext),
};

static const struct ib_device_ops ibfront_resize_cq_ops = {
	.resize_user_cq = ibfront_resize_cq,
};

static const struct ib_device_ops ibfront_rereg_mr_ops = {
	.rereg_user_mr = ibfront_rereg_user_mr,
};

static const struct ib_device_ops ibfront_xrc_ops = {
	.alloc_xrcd = ibfront_alloc_xrcd,
	.dealloc_xrcd = ibfront_dealloc_xrcd,

	INIT_RDMA_OBJ_SIZE(ib_xrcd, ibfront_xrcd, ibxrcd),
};

static const struct ib_device_ops ibfront_mw_ops = {
	.alloc_mw = ibfront_alloc_mw,
	.dealloc_mw = ibfront_dealloc_mw,

	INIT_RDMA_OBJ_SIZE(ib_mw, ibfront_mw, ibmw),
};

/* Without its operation a verb fails with -EOPNOTSUPP. */
static void ibfront_set_ops(struct ibfront_dev *dev)
{
	struct ib_device *ibdev = &dev->ibdev;

	ib_set_device_ops(ibdev, &ibfront_dev_ops);
	ib_set_device_ops(ibdev, dev->provider->ops);
	if (dev->has_resize_cq)
		ib_set_device_ops(ibdev, &ibfront_resize_cq_ops);
	if (dev->has_rereg_mr)
		ib_set_device_ops(ibdev, &ibfront_rereg_mr_ops);
	if (dev->has_xrc)
		ib_set_device_ops(ibdev, &ibfront_xrc_ops);
	if (dev->has_mw)
		ib_set_device_ops(ibdev, &ibfront_mw_ops);
}

/* Returns NULL, or which attribute the frontend cannot work with. */
static const char *ibfront_check_attr(const struct ibfront_dev *dev)
{
	const struct vibif_device_attr *attr = &dev->attr;

	if (!dev->provider)
		return "provider";
	if (!attr->phys_port_cnt || attr->phys_port_cnt > VIBIF_MAX_PORTS)
		return "phys_port_cnt";
	if (!attr->num_comp_vectors)
		return "num_comp_vectors";
	if (!attr->max_cqe || attr->max_cqe >= IBFRONT_MAX_CQE)
		return "max_cqe";
	return dev->provider->check_attr(attr);
}

/* Has the backend put the device's attributes into a page, and copies them. */
static int ibfront_read_attr(struct ibfront_dev *dev)
{
	struct vibif_req req = { .operation = VIBIF_OP_QUERY_DEVICE };
	struct vibif_rsp rsp;
	const char *bad;
	void *page;
	int ref, err;

	page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	ref = gnttab_grant_foreign_access(dev->xbdev->otherend_id,
					  virt_to_gfn(page), 0);
	if (ref < 0) {
		free_page((unsigned long)page);
		return -ENOMEM;
	}

	req.op.query_device.gref = ref;
	err = ibfront_exec(dev, &req, &rsp);
	memcpy(&dev->attr, page, sizeof(dev->attr));
	gnttab_end_foreign_access(ref, virt_to_page(page));
	if (err)
		return err;

	dev->attr.board_id[sizeof(dev->attr.board_id) - 1] = '\0';
	dev->provider = ibfront_find_provider(dev->attr.provider);
	bad = ibfront_check_attr(dev);
	if (bad) {
		dev_err(&dev->xbdev->dev, "backend sent a bad %s\n", bad);
		return -EINVAL;
	}
	return 0;
}

struct ibfront_dev *ibfront_dev_alloc(struct xenbus_device *xbdev)
{
	struct ibfront_dev *dev;

	dev = ib_alloc_device(ibfront_dev, ibdev);
	if (!dev)
		return NULL;

	dev->xbdev = xbdev;
	dev->ring.dead = true;
	spin_lock_init(&dev->ring.lock);
	spin_lock_init(&dev->events.lock);
	spin_lock_init(&dev->limbo_lock);
	mutex_init(&dev->tables_lock);
	INIT_LIST_HEAD(&dev->limbo);
	return dev;
}

int ibfront_dev_register(struct ibfront_dev *dev)
{
	struct ib_device *ibdev = &dev->ibdev;
	int err;

	err = ibfront_read_attr(dev);
	if (err)
		return err;

	ibdev->node_type = RDMA_NODE_IB_CA;
	ibdev->phys_port_cnt = dev->attr.phys_port_cnt;
	ibdev->num_comp_vectors = dev->attr.num_comp_vectors;
	ibdev->dev.parent = &dev->xbdev->dev;
	memcpy(&ibdev->node_guid, dev->attr.node_guid,
	       sizeof(ibdev->node_guid));
	memcpy(ibdev->node_desc, dev->attr.node_desc,
	       sizeof(ibdev->node_desc) - 1);
	ibfront_set_ops(dev);

	/* Without a DMA device: machine addresses are the backend's business. */
	err = ib_register_device(ibdev, dev->provider->name, NULL);
	if (err)
		return err;
	dev->registered = true;
	ibfront_events_enable_device(dev, true);
	return 0;
}

/* Open contexts lose their mappings and objects; processes live on. */
void ibfront_dev_unregister(struct ibfront_dev *dev)
{
	if (!dev->registered)
		return;
	ibfront_events_enable_device(dev, false);
	ib_unregister_device(&dev->ibdev);
	dev->registered = false;
}
