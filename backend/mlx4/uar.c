// SPDX-License-Identifier: GPL-2.0-only
/* ConnectX-3 and its kin: doorbell pages. */

#include <linux/pci.h>
#include <linux/slab.h>

#include "mlx4.h"

static void ibback_mlx4_uar_fill(const struct mlx4_dev *dev,
				 struct ibback_uar *uar, u32 index)
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

/*
 * Look at each free doorbell page once, and keep it if @want says so.
 *
 * mlx4_core gives the next page that is free, after the last the first, and
 * takes no wishes. What is not wanted goes back before the next comes, so that
 * others find pages at any time. In the end the next one to be given is a low
 * one again.
 */
static void ibback_mlx4_uar_each_free(struct mlx4_dev *dev,
				      bool (*want)(struct mlx4_dev *dev,
						   u32 index, void *arg),
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
static bool ibback_mlx4_among_highest(struct mlx4_dev *dev, u32 index,
				      void *arg)
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
static int ibback_mlx4_uar_alloc(struct ibback_hca *hca, struct ibback_uar *uar,
				 u32 nr)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);
	struct highest h = { .nr = nr };
	bool enough;
	u32 i;

	h.index = kcalloc(nr, sizeof(*h.index), GFP_KERNEL);
	if (!h.index)
		return -ENOMEM;
	ibback_mlx4_uar_each_free(dev, ibback_mlx4_among_highest, &h);
	enough = h.found == nr;
	for (i = 0; i < h.found; i++) {
		struct mlx4_uar muar = { .index = h.index[i] };

		if (enough)
			ibback_mlx4_uar_fill(dev, &uar[i], muar.index);
		else
			mlx4_uar_free(dev, &muar);
	}
	kfree(h.index);
	return enough ? 0 : -ENOSPC;
}

static int ibback_mlx4_uar_adopt(struct ibback_hca *hca, struct ibback_uar *uar)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);

	if (uar->index < mlx4_get_num_reserved_uar(dev) ||
	    uar->index >= dev->caps.num_uars)
		return -EINVAL;
	ibback_mlx4_uar_fill(dev, uar, uar->index);
	return 0;
}

struct lost {
	struct ibback_uar *uar;
	u32 nr;
	u32 missing;
};

static bool ibback_mlx4_among_lost(struct mlx4_dev *dev, u32 index, void *arg)
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

static u32 ibback_mlx4_uar_retake(struct ibback_hca *hca,
				  struct ibback_uar *uar, u32 nr)
{
	struct lost lost = { .uar = uar, .nr = nr, .missing = nr };
	u32 i;

	for (i = 0; i < nr; i++)
		uar[i].held = false;
	ibback_mlx4_uar_each_free(ibback_mlx4_dev(hca), ibback_mlx4_among_lost,
				  &lost);
	return lost.missing;
}

static void ibback_mlx4_uar_free(struct ibback_hca *hca,
				 const struct ibback_uar *uar)
{
	struct mlx4_uar muar = { .index = uar->index };

	mlx4_uar_free(ibback_mlx4_dev(hca), &muar);
}

const struct ibback_uar_ops ibback_mlx4_uar_ops = {
	.adopt = ibback_mlx4_uar_adopt,
	.alloc = ibback_mlx4_uar_alloc,
	.free = ibback_mlx4_uar_free,
	.retake = ibback_mlx4_uar_retake,
};
