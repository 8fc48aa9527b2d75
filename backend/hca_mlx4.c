// SPDX-License-Identifier: GPL-2.0-only
/* ConnectX-3 and its kin: the HCA itself, doorbell pages, PDs. */

#include <linux/kernfs.h>
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

static bool mlx4_match(const struct ib_device *ibdev)
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
static u32 core_instance(const struct ib_device *ibdev)
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

static int mlx4_open(struct ibback_hca *hca)
{
	struct ib_device *ibdev = hca->ibdev;
	struct mlx4_dev_persistent *persist;
	struct ibback_mlx4 *m;
	int err;

	persist = pci_get_drvdata(to_pci_dev(ibdev->dev.parent));
	if (mlx4_is_slave(persist->dev) || !ibdev->num_comp_vectors)
		return -ENODEV;
	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return -ENOMEM;
	m->dev = persist->dev;
	err = alloc_vectors(m, ibdev->num_comp_vectors);
	if (err) {
		kfree(m);
		return err;
	}
	read_limits(m, &hca->limits);
	hca->instance = core_instance(ibdev);
	hca->priv = m;
	return 0;
}

static void mlx4_close(struct ibback_hca *hca)
{
	struct ibback_mlx4 *m = to_mlx4(hca);

	free_vectors(m);
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
		.held = true,
	};
	if (dev->caps.bf_reg_size)
		uar->bf_frame = uar->frame + dev->caps.num_uars;
}

/**
 * uar_turn - look at each free doorbell page once
 * @dev: the HCA
 * @want: whether to keep this page
 * @arg: of @want
 *
 * mlx4_core gives the next page that is free, after the last the first, and
 * takes no wishes. What is not wanted goes back before the next comes, so that
 * others find pages at any time. In the end the next one to be given is a low
 * one again.
 */
static void uar_turn(struct mlx4_dev *dev,
		     bool (*want)(struct mlx4_dev *dev, u32 index, void *arg),
		     void *arg)
{
	u32 first = dev->caps.num_uars, prev = 0;
	unsigned int wraps = 0;
	struct mlx4_uar muar;

	while (wraps < 2 && !mlx4_uar_alloc(dev, &muar)) {
		bool seen;

		if (first == dev->caps.num_uars)
			first = muar.index;
		else if (muar.index <= prev)
			wraps++;
		seen = wraps && muar.index >= first;
		if (seen || wraps == 2 || !want(dev, muar.index, arg))
			mlx4_uar_free(dev, &muar);
		prev = muar.index;
	}
}

struct highest {
	u32 nr;
	u32 found;
	u32 *index;	/* ascending, @found of @nr */
};

/* Keep the highest ones, and of these make room for a higher one. */
static bool among_highest(struct mlx4_dev *dev, u32 index, void *arg)
{
	struct highest *h = arg;
	u32 i;

	if (h->found == h->nr) {
		struct mlx4_uar lowest = { .index = h->index[0] };

		if (index < lowest.index)
			return false;
		mlx4_uar_free(dev, &lowest);
		h->found--;
		memmove(h->index, h->index + 1,
			h->found * sizeof(*h->index));
	}
	for (i = h->found++; i && h->index[i - 1] > index; i--)
		h->index[i] = h->index[i - 1];
	h->index[i] = index;
	return true;
}

/*
 * After a restart mlx4_core gives out its pages from the lowest on, and to
 * others first: to itself, to mlx4_ib and to the processes of this domain that
 * are quick. Guests' pages are the highest, so that they are still free when
 * they are retaken.
 */
static int mlx4_uar_reserve(struct ibback_hca *hca, struct ibback_uar *uar,
			    u32 nr)
{
	struct mlx4_dev *dev = to_mlx4(hca)->dev;
	struct highest h = { .nr = nr };
	bool enough;
	u32 i;

	h.index = kcalloc(nr, sizeof(*h.index), GFP_KERNEL);
	if (!h.index)
		return -ENOMEM;
	uar_turn(dev, among_highest, &h);
	enough = h.found == nr;
	for (i = 0; i < h.found; i++) {
		struct mlx4_uar muar = { .index = h.index[i] };

		if (enough)
			fill_uar(dev, &uar[i], muar.index);
		else
			mlx4_uar_free(dev, &muar);
	}
	kfree(h.index);
	return enough ? 0 : -ENOSPC;
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

struct lost {
	struct ibback_uar *uar;
	u32 nr;
	u32 missing;
};

static bool among_lost(struct mlx4_dev *dev, u32 index, void *arg)
{
	struct lost *lost = arg;
	u32 i;

	for (i = 0; i < lost->nr; i++) {
		if (lost->uar[i].index != index)
			continue;
		lost->uar[i].held = true;
		lost->missing--;
		return true;
	}
	return false;
}

static u32 mlx4_uar_retake(struct ibback_hca *hca, struct ibback_uar *uar,
			   u32 nr)
{
	struct lost lost = { .uar = uar, .nr = nr, .missing = nr };
	u32 i;

	for (i = 0; i < nr; i++)
		uar[i].held = false;
	uar_turn(to_mlx4(hca)->dev, among_lost, &lost);
	return lost.missing;
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
	.match = mlx4_match,
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
	.qp_reset = ibback_mlx4_qp_reset,
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
