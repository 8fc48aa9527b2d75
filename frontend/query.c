// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: what the device, its ports and their tables are like. */

#include <linux/nospec.h>
#include <rdma/ib_mad.h>

#include "ibfront.h"

/*
 * What the kernel's users have in a guest: fast registration where the HCA has
 * windows of type 2, of what can be mapped at once.
 */
static void ibfront_query_kernel(const struct ibfront_dev *dev,
				 struct ib_device_attr *props)
{
	props->kernel_cap_flags |= IBK_LOCAL_DMA_LKEY;
	if (!(props->device_cap_flags & (IB_DEVICE_MEM_WINDOW_TYPE_2A |
					 IB_DEVICE_MEM_WINDOW_TYPE_2B)))
		return;
	props->device_cap_flags |= IB_DEVICE_MEM_MGT_EXTENSIONS;
	props->max_fast_reg_page_list_len =
		ibfront_arena_max_mapping() / VIBIF_PAGE_SIZE;
}

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
	props->max_pkeys = attr->max_pkeys;
	props->local_ca_ack_delay = attr->local_ca_ack_delay;
	props->cq_caps.max_cq_moderation_count = U16_MAX;
	props->cq_caps.max_cq_moderation_period = U16_MAX;

	if (dev->arena.pool)
		ibfront_query_kernel(dev, props);
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

/* ib_core has made room for tables of the lengths that it first got. */
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
		memcpy(gid->raw,
		       rsp.op.query_gid.gid[index % VIBIF_GIDS_PER_RSP],
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

/*
 * Users of MADs need the backend to serve them, and memory to have them in.
 * There are none at a port without a CM.
 */
static int ibfront_get_port_immutable(struct ib_device *ibdev, u32 port,
				      struct ib_port_immutable *immutable)
{
	const struct ibfront_dev *dev = to_fdev(ibdev);
	struct ib_port_attr attr = {};
	int err;

	err = ibfront_read_port(ibdev, port, &attr);
	if (err)
		return err;
	immutable->gid_tbl_len = attr.gid_tbl_len;
	immutable->pkey_tbl_len = attr.pkey_tbl_len;
	immutable->core_cap_flags = RDMA_CORE_CAP_PROT_IB;
	if (dev->gsi.channel.area && dev->arena.pool) {
		immutable->core_cap_flags |= RDMA_CORE_CAP_IB_MAD |
			RDMA_CORE_CAP_IB_SMI | RDMA_CORE_CAP_IB_SA |
			RDMA_CORE_CAP_IB_CM | RDMA_CORE_CAP_AF_IB;
		immutable->max_mad_size = IB_MGMT_MAD_SIZE;
	}
	return 0;
}

const struct ib_device_ops ibfront_query_ops = {
	.get_port_immutable = ibfront_get_port_immutable,
	.query_device = ibfront_query_device,
	.query_gid = ibfront_query_gid,
	.query_pkey = ibfront_query_pkey,
	.query_port = ibfront_query_port,
};
