// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest has sent and received, as the HCA counts it for each guest: in
 * a port's hw_counters/, for `rdma statistic`, and in its counters/, which
 * ib_core fills by asking the port's performance agent.
 */

#include <rdma/ib_mad.h>
#include <rdma/ib_pma.h>
#include <rdma/ib_smi.h>

#include "ibfront.h"

/* In the order of struct vibif_query_counters_rsp */
static const struct rdma_stat_desc ibfront_stats[] = {
	{ .name = "rx_octets" },
	{ .name = "rx_packets" },
	{ .name = "tx_octets" },
	{ .name = "tx_packets" },
};

static int ibfront_read_counters(struct ib_device *ibdev, u32 port,
				 struct vibif_query_counters_rsp *counters)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_QUERY_COUNTERS,
		.op.query_counters.port = port,
	};
	struct vibif_rsp rsp;
	int err;

	err = ibfront_exec(to_fdev(ibdev), &req, &rsp);
	if (!err)
		*counters = rsp.op.query_counters;
	return err;
}

static struct rdma_hw_stats *
ibfront_alloc_hw_port_stats(struct ib_device *ibdev, u32 port)
{
	return rdma_alloc_hw_stats_struct(ibfront_stats,
					  ARRAY_SIZE(ibfront_stats),
					  RDMA_HW_STATS_DEFAULT_LIFESPAN);
}

/* All of them at once, whichever is asked for */
static int ibfront_get_hw_stats(struct ib_device *ibdev,
				struct rdma_hw_stats *stats, u32 port,
				int index)
{
	struct vibif_query_counters_rsp counters;
	int err;

	err = ibfront_read_counters(ibdev, port, &counters);
	if (err)
		return err;
	stats->value[0] = counters.rx_octets;
	stats->value[1] = counters.rx_packets;
	stats->value[2] = counters.tx_octets;
	stats->value[3] = counters.tx_packets;
	return ARRAY_SIZE(ibfront_stats);
}

/* Data is counted in words of four octets. */
static void
ibfront_fill_counters(struct ib_pma_portcounters_ext *pma,
		      const struct vibif_query_counters_rsp *counters)
{
	pma->port_rcv_data = cpu_to_be64(counters->rx_octets / 4);
	pma->port_rcv_packets = cpu_to_be64(counters->rx_packets);
	pma->port_xmit_data = cpu_to_be64(counters->tx_octets / 4);
	pma->port_xmit_packets = cpu_to_be64(counters->tx_packets);
}

static bool ibfront_answer_pma(struct ib_device *ibdev, u32 port,
			       const struct ib_pma_mad *in,
			       struct ib_pma_mad *out)
{
	struct ib_class_port_info *info = (void *)out->data;
	struct vibif_query_counters_rsp counters;

	if (in->mad_hdr.method != IB_MGMT_METHOD_GET)
		return false;
	*out = (struct ib_pma_mad) { .mad_hdr = in->mad_hdr };
	out->mad_hdr.method = IB_MGMT_METHOD_GET_RESP;
	switch (in->mad_hdr.attr_id) {
	case IB_PMA_CLASS_PORT_INFO:
		info->base_version = IB_MGMT_BASE_VERSION;
		info->class_version = 1;
		/* Unicast and multicast are not counted apart. */
		info->capability_mask = IB_PMA_CLASS_CAP_EXT_WIDTH_NOIETF;
		return true;
	case IB_PMA_PORT_COUNTERS:
		/* ib_core takes the errors from here, and nothing else. */
		return true;
	case IB_PMA_PORT_COUNTERS_EXT:
		if (ibfront_read_counters(ibdev, port, &counters))
			return false;
		ibfront_fill_counters((void *)out->data, &counters);
		return true;
	}
	return false;
}

/*
 * The agents of a port are the HCA's, which the guest asks through QP 1. This
 * one answers those who ask here: ib_core for counters/, who has no work
 * completion, and who sends to QP 0 by a directed route of no hop.
 */
static int ibfront_process_mad(struct ib_device *ibdev, int flags, u32 port,
			       const struct ib_wc *in_wc,
			       const struct ib_grh *in_grh,
			       const struct ib_mad *in, struct ib_mad *out,
			       size_t *out_size, u16 *out_pkey_index)
{
	bool answered = false;

	switch (in->mad_hdr.mgmt_class) {
	case IB_MGMT_CLASS_PERF_MGMT:
		answered = !in_wc &&
			ibfront_answer_pma(ibdev, port, (const void *)in,
					   (void *)out);
		break;
	case IB_MGMT_CLASS_SUBN_DIRECTED_ROUTE:
		*out = *in;
		answered = ibfront_smp_refuse((struct ib_smp *)out);
		break;
	}
	return IB_MAD_RESULT_SUCCESS | (answered ? IB_MAD_RESULT_REPLY : 0);
}

const struct ib_device_ops ibfront_counters_ops = {
	.alloc_hw_port_stats = ibfront_alloc_hw_port_stats,
	.get_hw_stats = ibfront_get_hw_stats,
	.process_mad = ibfront_process_mad,
};
