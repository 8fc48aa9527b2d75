// SPDX-License-Identifier: GPL-2.0-only
/* ConnectX-3 and its kin: the HCA itself, doorbell pages, PDs. */

#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/mlx4/driver.h>

#include "hca_mlx4.h"

static void free_vectors(struct ibback_mlx4 *m)
{
	while (m->nr_vectors)
		mlx4_release_eq(m->dev, m->vector[--m->nr_vectors]);
	kfree(m->vector);
}

/*
 * The RDMA device's completion vectors are mlx4_core's in the order of the
 * ports, without those that a later port shares with an earlier one.
 */
static int alloc_vectors(struct ibback_mlx4 *m, u32 wanted)
{
	int port, i, eq = 0;

	m->vector = kcalloc(wanted, sizeof(*m->vector), GFP_KERNEL);
	if (!m->vector)
		return -ENOMEM;
	for (port = 1; port <= m->dev->caps.num_ports; port++) {
		for (i = 0; i < mlx4_get_eqs_per_port(m->dev, port); i++, eq++) {
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

static void read_limits(struct ibback_mlx4 *m, struct ibback_limits *lim)
{
	const struct mlx4_caps *caps = &m->dev->caps;

	lim->cqe_size = caps->cqe_size;
	lim->num_comp_vectors = m->nr_vectors;
	lim->max_wqes = caps->max_wqes;
	lim->max_sq_desc_size = caps->max_sq_desc_sz;
	lim->max_rq_sge = min(caps->max_sq_sg, caps->max_rq_sg);
	lim->max_srq_wqes = caps->max_srq_wqes;
	lim->max_srq_sge = caps->max_srq_sge;
}

static int mlx4_open(struct ibback_hca *hca, struct ib_device *ibdev)
{
	struct mlx4_dev_persistent *persist;
	struct ibback_mlx4 *m;
	int err;

	if (ibdev->ops.driver_id != RDMA_DRIVER_MLX4 || !ibdev->dev.parent ||
	    !dev_is_pci(ibdev->dev.parent))
		return -ENODEV;
	persist = pci_get_drvdata(to_pci_dev(ibdev->dev.parent));
	if (mlx4_is_slave(persist->dev) || !ibdev->num_comp_vectors)
		return -ENODEV;
	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return -ENOMEM;
	m->dev = persist->dev;
	err = mlx4_uar_alloc(m->dev, &m->uar);
	if (err)
		goto err_free;
	err = alloc_vectors(m, ibdev->num_comp_vectors);
	if (err)
		goto err_uar;
	read_limits(m, &hca->limits);
	hca->priv = m;
	return 0;

err_uar:
	mlx4_uar_free(m->dev, &m->uar);
err_free:
	kfree(m);
	return err;
}

static void mlx4_close(struct ibback_hca *hca)
{
	struct ibback_mlx4 *m = to_mlx4(hca);

	free_vectors(m);
	mlx4_uar_free(m->dev, &m->uar);
	kfree(m);
}

static void mlx4_query_device(struct ibback_hca *hca,
			      struct vibif_device_attr *attr)
{
	const struct mlx4_dev *dev = to_mlx4(hca)->dev;
	const struct mlx4_caps *caps = &dev->caps;

	BUILD_BUG_ON(MLX4_BOARD_ID_LEN > sizeof(attr->board_id));
	memcpy(attr->board_id, dev->board_id, MLX4_BOARD_ID_LEN);
	attr->board_id[sizeof(attr->board_id) - 1] = '\0';
	attr->num_comp_vectors = to_mlx4(hca)->nr_vectors;
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

static void fill_uar(const struct mlx4_dev *dev, struct ibback_uar *uar,
		     u32 index)
{
	u64 bar = pci_resource_start(dev->persist->pdev, 2) >> PAGE_SHIFT;

	*uar = (struct ibback_uar) {
		.index = index,
		.frame = bar + index,
	};
	if (dev->caps.bf_reg_size)
		uar->bf_frame = uar->frame + dev->caps.num_uars;
}

static int mlx4_uar_reserve(struct ibback_hca *hca, struct ibback_uar *uar)
{
	struct mlx4_dev *dev = to_mlx4(hca)->dev;
	struct mlx4_uar muar;
	int err;

	err = mlx4_uar_alloc(dev, &muar);
	if (!err)
		fill_uar(dev, uar, muar.index);
	return err;
}

static int mlx4_uar_adopt(struct ibback_hca *hca, struct ibback_uar *uar)
{
	struct mlx4_dev *dev = to_mlx4(hca)->dev;

	if (uar->index < mlx4_get_num_reserved_uar(dev) ||
	    uar->index >= dev->caps.num_uars)
		return -EINVAL;
	fill_uar(dev, uar, uar->index);
	return 0;
}

static bool is_one_of(const struct ibback_uar *uar, u32 nr, u32 index)
{
	while (nr--)
		if (uar[nr].index == index)
			return true;
	return false;
}

/* The allocator chooses: ask it until it has given all that are wanted. */
static int mlx4_uar_retake(struct ibback_hca *hca, const struct ibback_uar *uar,
			   u32 nr)
{
	struct mlx4_dev *dev = to_mlx4(hca)->dev;
	u32 n = 0, missing = nr;
	struct mlx4_uar *got;

	got = kvcalloc(dev->caps.num_uars, sizeof(*got), GFP_KERNEL);
	if (!got)
		return -ENOMEM;
	while (missing && n < dev->caps.num_uars &&
	       !mlx4_uar_alloc(dev, &got[n]))
		if (is_one_of(uar, nr, got[n++].index))
			missing--;
	while (n--)
		if (missing || !is_one_of(uar, nr, got[n].index))
			mlx4_uar_free(dev, &got[n]);
	kvfree(got);
	return missing ? -EBUSY : 0;
}

static void mlx4_uar_release(struct ibback_hca *hca,
			     const struct ibback_uar *uar)
{
	struct mlx4_uar muar = { .index = uar->index };

	mlx4_uar_free(to_mlx4(hca)->dev, &muar);
}

static int mlx4_pd_create(struct ibback_hca *hca, u32 *pdn)
{
	return mlx4_pd_alloc(to_mlx4(hca)->dev, pdn);
}

static void mlx4_pd_destroy(struct ibback_hca *hca, u32 pdn)
{
	mlx4_pd_free(to_mlx4(hca)->dev, pdn);
}

const struct ibback_hca_ops ibback_mlx4_ops = {
	.close = mlx4_close,
	.cq_create = ibback_mlx4_cq_create,
	.cq_destroy = ibback_mlx4_cq_destroy,
	.cq_modify = ibback_mlx4_cq_modify,
	.cq_resize = ibback_mlx4_cq_resize,
	.mcast_attach = ibback_mlx4_mcast_attach,
	.mcast_detach = ibback_mlx4_mcast_detach,
	.mr_create = ibback_mlx4_mr_create,
	.mr_destroy = ibback_mlx4_mr_destroy,
	.mr_rereg = ibback_mlx4_mr_rereg,
	.mw_create = ibback_mlx4_mw_create,
	.mw_destroy = ibback_mlx4_mw_destroy,
	.open = mlx4_open,
	.pd_alloc = mlx4_pd_create,
	.pd_free = mlx4_pd_destroy,
	.qp_create = ibback_mlx4_qp_create,
	.qp_destroy = ibback_mlx4_qp_destroy,
	.qp_modify = ibback_mlx4_qp_modify,
	.qp_port = ibback_mlx4_qp_port,
	.qp_query = ibback_mlx4_qp_query,
	.qp_state = ibback_mlx4_qp_state,
	.query_device = mlx4_query_device,
	.srq_arm = ibback_mlx4_srq_arm,
	.srq_create = ibback_mlx4_srq_create,
	.srq_destroy = ibback_mlx4_srq_destroy,
	.srq_query = ibback_mlx4_srq_query,
	.uar_adopt = mlx4_uar_adopt,
	.uar_alloc = mlx4_uar_reserve,
	.uar_free = mlx4_uar_release,
	.uar_retake = mlx4_uar_retake,
	.xrcd_create = ibback_mlx4_xrcd_create,
	.xrcd_destroy = ibback_mlx4_xrcd_destroy,
};
