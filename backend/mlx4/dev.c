// SPDX-License-Identifier: GPL-2.0-only
/* ConnectX-3 and its kin: the HCA itself. */

#include <linux/kernfs.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/log2.h>
#include <linux/mlx4/driver.h>
#include <linux/mlx4/qp.h>
#include <linux/mlx4/srq.h>

#include "mlx4.h"

static void ibback_mlx4_free_vectors(struct ibback_mlx4 *m)
{
	while (m->nr_vectors)
		mlx4_release_eq(m->dev, m->vector[--m->nr_vectors]);
	kfree(m->vector);
}

/*
 * The RDMA device's completion vectors are mlx4_core's in the order of the
 * ports, without those that a later port shares with an earlier one.
 */
static int ibback_mlx4_alloc_vectors(struct ibback_mlx4 *m, u32 wanted)
{
	int port, i, eq = 0;

	m->vector = kcalloc(wanted, sizeof(*m->vector), GFP_KERNEL);
	if (!m->vector)
		return -ENOMEM;
	for (port = 1; port <= m->dev->caps.num_ports; port++) {
		int nr = mlx4_get_eqs_per_port(m->dev, port);

		for (i = 0; i < nr; i++, eq++) {
			int *vector = &m->vector[m->nr_vectors];

			if (m->nr_vectors == wanted)
				return 0;
			if (port > 1 && mlx4_is_eq_shared(m->dev, eq))
				continue;
			*vector = eq;
			if (!mlx4_assign_eq(m->dev, port, vector))
				m->nr_vectors++;
		}
	}
	if (m->nr_vectors)
		return 0;
	kfree(m->vector);
	return -ENOSPC;
}

static void ibback_mlx4_set_wq_limits(struct ibback_wq_limits *wq,
				      u8 max_log_wqes, u8 min_log_stride,
				      u8 max_log_stride)
{
	*wq = (struct ibback_wq_limits) {
		.max_log_wqes = min_t(u8, max_log_wqes, VIBIF_MAX_LOG_WQES),
		.min_log_stride = min_log_stride,
		.max_log_stride = min_t(u8, max_log_stride,
					VIBIF_MAX_LOG_WQE_STRIDE),
	};
}

static void ibback_mlx4_set_limits(struct ibback_mlx4 *m,
				   struct ibback_limits *lim)
{
	const struct mlx4_caps *caps = &m->dev->caps;
	u32 rq_sge = min(caps->max_sq_sg, caps->max_rq_sg);

	lim->num_comp_vectors = m->nr_vectors;
	lim->min_cq_entries = VIBIF_MIN_CQ_ENTRIES;
	lim->max_cq_entries = roundup_pow_of_two(caps->max_cqes + 1);
	lim->cqe_size = caps->cqe_size;
	ibback_mlx4_set_wq_limits(&lim->sq, ilog2(caps->max_wqes),
				  VIBIF_MLX4_MIN_LOG_SQ_STRIDE,
				  order_base_2(caps->max_sq_desc_sz));
	ibback_mlx4_set_wq_limits(&lim->rq, ilog2(caps->max_wqes),
				  VIBIF_MLX4_MIN_LOG_RQ_STRIDE,
				  order_base_2(VIBIF_MLX4_DATA_SEG * rq_sge));
	ibback_mlx4_set_wq_limits(&lim->srq, order_base_2(caps->max_srq_wqes),
				  VIBIF_MLX4_MIN_LOG_SRQ_STRIDE,
				  order_base_2(VIBIF_MLX4_NEXT_SEG +
					       VIBIF_MLX4_DATA_SEG *
					       caps->max_srq_sge));
	lim->cq_db_size = VIBIF_MLX4_CQ_DOORBELL;
	lim->qp_db_size = VIBIF_MLX4_WQ_DOORBELL;
	lim->srq_db_size = VIBIF_MLX4_WQ_DOORBELL;
}

static bool ibback_mlx4_match(const struct ib_device *ibdev)
{
	return ibdev->ops.driver_id == RDMA_DRIVER_MLX4 && ibdev->dev.parent &&
		dev_is_pci(ibdev->dev.parent);
}

/* HCAs in one machine, at most, as mlx4_core counts them for its parts */
#define MAX_CORE_PARTS	64

/*
 * What changes with mlx4_core, and not with mlx4_ib or ib_core alone: the node
 * in sysfs of the device that mlx4_core makes for mlx4_ib to bind to. While it
 * is being bound it is there, but not among the children of its parent yet.
 * Linux before 6.7 has none; there each new RDMA device is taken for a restart.
 */
static u32 ibback_mlx4_instance(const struct ib_device *ibdev)
{
	u32 instance = kernfs_ino(ibdev->dev.kobj.sd);
	struct kernfs_node *part;
	char name[32];
	int i;

	for (i = 0; i < MAX_CORE_PARTS; i++) {
		snprintf(name, sizeof(name), "mlx4_core.ib.%d", i);
		part = kernfs_find_and_get(ibdev->dev.parent->kobj.sd, name);
		if (!part)
			continue;
		instance = kernfs_ino(part);
		kernfs_put(part);
		break;
	}
	return instance;
}

static int ibback_mlx4_open(struct ibback_hca *hca)
{
	struct ib_device *ibdev = hca->ibdev;
	struct mlx4_dev_persistent *persist;
	struct ibback_mlx4 *m;
	int err;

	persist = pci_get_drvdata(to_pci_dev(ibdev->dev.parent));
	if (mlx4_is_slave(persist->dev) || !ibdev->num_comp_vectors) {
		dev_notice(&ibdev->dev, "not offered to guests: it %s\n",
			   mlx4_is_slave(persist->dev) ?
			   "is a virtual function" :
			   "has no completion vectors");
		return -ENODEV;
	}
	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return -ENOMEM;
	m->dev = persist->dev;
	err = ibback_mlx4_alloc_vectors(m, ibdev->num_comp_vectors);
	if (err) {
		kfree(m);
		return err;
	}
	ibback_mlx4_set_limits(m, &hca->limits);
	hca->uars_per_context = 1;
	hca->instance = ibback_mlx4_instance(ibdev);
	hca->priv = m;
	return 0;
}

static void ibback_mlx4_close(struct ibback_hca *hca)
{
	struct ibback_mlx4 *m = ibback_mlx4_priv(hca);

	ibback_mlx4_free_vectors(m);
	kfree(m);
}

static void ibback_mlx4_query_device(struct ibback_hca *hca,
				     struct vibif_device_attr *attr)
{
	const struct mlx4_dev *dev = ibback_mlx4_dev(hca);
	const struct mlx4_caps *caps = &dev->caps;

	BUILD_BUG_ON(sizeof(attr->board_id) < MLX4_BOARD_ID_LEN);
	memcpy(attr->board_id, dev->board_id, MLX4_BOARD_ID_LEN);
	attr->board_id[sizeof(attr->board_id) - 1] = '\0';
	attr->provider = VIBIF_PROVIDER_MLX4;
	attr->mlx4_dev_caps = caps->userspace_caps;
	attr->mlx4_qp_tab_size = caps->num_qps;
	attr->mlx4_cqe_size = caps->cqe_size;
	attr->mlx4_bf_reg_size = caps->bf_reg_size;
	attr->mlx4_bf_regs_per_page = caps->bf_regs_per_page;
	attr->mlx4_max_wqes = caps->max_wqes;
	attr->mlx4_max_sq_sg = caps->max_sq_sg;
	attr->mlx4_max_rq_sg = caps->max_rq_sg;
	attr->mlx4_max_sq_desc_sz = caps->max_sq_desc_sz;
	attr->mlx4_max_rq_desc_sz = caps->max_rq_desc_sz;
}

#define IBBACK_MLX4_OPS(kind)	.kind = &ibback_mlx4_##kind##_ops,

const struct ibback_hca_ops ibback_mlx4_ops = {
	.close = ibback_mlx4_close,
	.match = ibback_mlx4_match,
	.open = ibback_mlx4_open,
	.query_device = ibback_mlx4_query_device,
	IBBACK_PROVIDES(IBBACK_MLX4_OPS)
};
