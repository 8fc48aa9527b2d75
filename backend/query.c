// SPDX-License-Identifier: GPL-2.0-only
/* Verbs: queries of the device, its ports and their tables. */

#include <linux/nospec.h>
#include <linux/slab.h>
#include <rdma/ib_cache.h>
#include <rdma/ib_mad.h>

#include "ibback.h"

static void ibback_fill_identity(const struct ibback_dev *dev,
				 struct vibif_device_attr *attr)
{
	struct ib_device *ibdev = dev->hca->ibdev;
	const struct ib_device_attr *a = &ibdev->attrs;
	__be64 node_guid = dev->node_guid ? cpu_to_be64(dev->node_guid) :
		ibdev->node_guid;

	attr->fw_ver = a->fw_ver;
	memcpy(attr->node_guid, &node_guid, sizeof(attr->node_guid));
	memcpy(attr->sys_image_guid, &a->sys_image_guid,
	       sizeof(attr->sys_image_guid));
	attr->vendor_id = a->vendor_id;
	attr->vendor_part_id = a->vendor_part_id;
	attr->hw_ver = a->hw_ver;
	memcpy(attr->node_desc, ibdev->node_desc, sizeof(attr->node_desc));
	/*
	 * A guest cannot have work requests that need the reserved lkey or fast
	 * registration, raw packets, or flow steering.
	 */
	attr->device_cap_flags = a->device_cap_flags & VIBIF_DEVICE_CAP_MASK;
}

static void ibback_fill_limits(const struct ibback_limits *lim,
			       const struct ib_device_attr *a,
			       struct vibif_device_attr *attr)
{
	attr->phys_port_cnt = lim->num_ports;
	attr->num_comp_vectors = lim->num_comp_vectors;
	attr->max_mr_size = a->max_mr_size;
	attr->page_size_cap = a->page_size_cap;
	attr->max_qp_wr = a->max_qp_wr;
	attr->max_send_sge = a->max_send_sge;
	attr->max_recv_sge = a->max_recv_sge;
	attr->max_sge_rd = a->max_sge_rd;
	attr->max_cqe = a->max_cqe;
	attr->max_qp_rd_atom = a->max_qp_rd_atom;
	attr->max_qp_init_rd_atom = a->max_qp_init_rd_atom;
	attr->atomic_cap = a->atomic_cap;
	attr->masked_atomic_cap = a->masked_atomic_cap;
	attr->max_mcast_grp = a->max_mcast_grp;
	attr->max_mcast_qp_attach = min(a->max_mcast_qp_attach,
					IBBACK_MAX_GROUP_QPS);
	attr->max_ah = a->max_ah;
	attr->max_srq_wr = a->max_srq_wr;
	attr->max_srq_sge = a->max_srq_sge;
	attr->max_pkeys = a->max_pkeys;
	attr->local_ca_ack_delay = a->local_ca_ack_delay;
}

static void ibback_fill_quotas(const struct ibback_dev *dev,
			       const struct ib_device_attr *a,
			       struct vibif_device_attr *attr)
{
	u32 words = dev->limits.nr_event_words - 1;

	attr->max_qp = min3((u32)a->max_qp, dev->quota[IBBACK_QP], words);
	attr->max_cq = min3((u32)a->max_cq, dev->quota[IBBACK_CQ], words);
	attr->max_srq = min3((u32)a->max_srq, dev->quota[IBBACK_SRQ], words);
	attr->max_mr = min_t(u32, a->max_mr, dev->quota[IBBACK_MR]);
	attr->max_pd = min_t(u32, a->max_pd, dev->quota[IBBACK_PD]);
	attr->max_mw = min_t(u32, a->max_mw, dev->quota[IBBACK_MW]);
	attr->max_total_mcast_qp_attach =
		min((u32)a->max_total_mcast_qp_attach,
		    dev->quota[IBBACK_MCAST]);
	attr->max_res_rd_atom = attr->max_qp_rd_atom * attr->max_qp;
}

int ibback_query_device(struct ibback_dev *dev, const struct vibif_req *req,
			struct vibif_rsp *rsp)
{
	struct ib_device *ibdev = dev->hca->ibdev;
	struct vibif_device_attr *attr;
	int err;

	/* A page of its own: the copy must not cross a page's end */
	attr = (void *)get_zeroed_page(GFP_KERNEL);
	if (!attr)
		return -ENOMEM;
	ibback_fill_identity(dev, attr);
	ibback_fill_limits(&dev->limits, &ibdev->attrs, attr);
	ibback_fill_quotas(dev, &ibdev->attrs, attr);
	dev->hca->ops->query_device(dev->hca, attr);
	err = ibback_copy_to_guest(dev, req->op.query_device.gref, attr,
				   sizeof(*attr));
	free_page((unsigned long)attr);
	return err;
}

int ibback_query_port(struct ibback_dev *dev, const struct vibif_req *req,
		      struct vibif_rsp *rsp)
{
	u8 port = req->op.query_port.port;
	struct ib_port_attr attr;
	int err;

	err = ibback_check_port(&dev->limits, port);
	if (err)
		return err;
	err = ib_query_port(dev->hca->ibdev, port, &attr);
	if (err)
		return err;
	rsp->op.query_port = (struct vibif_query_port_rsp) {
		/* No subnet manager is in a guest */
		.port_cap_flags = attr.port_cap_flags & ~IB_PORT_SM,
		.max_msg_sz = attr.max_msg_sz,
		.bad_pkey_cntr = attr.bad_pkey_cntr,
		.qkey_viol_cntr = attr.qkey_viol_cntr,
		.gid_tbl_len = dev->limits.gid_tbl_len[port],
		.pkey_tbl_len = dev->limits.pkey_tbl_len[port],
		.lid = attr.lid,
		.sm_lid = attr.sm_lid,
		.active_speed = attr.active_speed,
		.port_cap_flags2 = attr.port_cap_flags2,
		.state = ibback_gid_pending(dev, port) ?
			min(attr.state, IB_PORT_INIT) : attr.state,
		.max_mtu = attr.max_mtu,
		.active_mtu = attr.active_mtu,
		.lmc = attr.lmc,
		.sm_sl = attr.sm_sl,
		.max_vl_num = attr.max_vl_num,
		.subnet_timeout = attr.subnet_timeout,
		.init_type_reply = attr.init_type_reply,
		.active_width = attr.active_width,
		.phys_state = attr.phys_state,
	};
	return 0;
}

/*
 * Tables come from the core's cache: an HCA is asked by firmware command for
 * each entry, and the cache is up to date before its event reaches the guest.
 */
int ibback_query_gid(struct ibback_dev *dev, const struct vibif_req *req,
		     struct vibif_rsp *rsp)
{
	const struct vibif_query_table_req *args = &req->op.query_table;
	union ib_gid gid = {};
	u32 i, nr;
	int err;

	err = ibback_check_table(&dev->limits, args, true);
	if (err)
		return err;
	/* An entry that the cache calls invalid is empty */
	err = ibback_gid_get(dev, args->port, &gid);
	if (err && err != -ENOENT)
		return err;
	nr = min_t(u32, dev->limits.gid_tbl_len[args->port] - args->index,
		   VIBIF_GIDS_PER_RSP);
	for (i = 0; i < nr; i++) {
		/* As HCAs have entries that no GUID has been set for */
		if (args->index + i)
			memset(gid.raw + 8, 0, sizeof(gid.raw) - 8);
		memcpy(rsp->op.query_gid.gid[i], gid.raw, sizeof(gid.raw));
	}
	return 0;
}

int ibback_query_pkey(struct ibback_dev *dev, const struct vibif_req *req,
		      struct vibif_rsp *rsp)
{
	const struct vibif_query_table_req *args = &req->op.query_table;
	u32 i, nr;
	int err;

	err = ibback_check_table(&dev->limits, args, false);
	if (err)
		return err;
	nr = min_t(u32, dev->limits.pkey_tbl_len[args->port] - args->index,
		   VIBIF_PKEYS_PER_RSP);
	for (i = 0; i < nr && !err; i++)
		err = ibback_pkey_get(dev, args->port, args->index + i,
				      &rsp->op.query_pkey.pkey[i]);
	return err;
}

int ibback_query_counters(struct ibback_dev *dev, const struct vibif_req *req,
			  struct vibif_rsp *rsp)
{
	u8 port = req->op.query_counters.port;
	struct ibback_flow flow[VIBIF_MAX_PORTS];
	const u64 *count;
	int err;

	err = ibback_check_port(&dev->limits, port);
	if (err)
		return err;
	ibback_flows_read(dev, flow);
	count = flow[array_index_nospec(port - 1, VIBIF_MAX_PORTS)].count;
	rsp->op.query_counters = (struct vibif_query_counters_rsp) {
		.rx_octets = count[IBBACK_RX_OCTETS],
		.rx_packets = count[IBBACK_RX_PACKETS],
		.tx_octets = count[IBBACK_TX_OCTETS],
		.tx_packets = count[IBBACK_TX_PACKETS],
	};
	return 0;
}
