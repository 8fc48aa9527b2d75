// SPDX-License-Identifier: GPL-2.0-only
/* ConnectX-3 and its kin: memory regions. */

#include <linux/slab.h>

#include "mlx4.h"

struct ibback_hw_mr {
	struct mlx4_mr mmr;
	bool retired;	/* there is nothing but its table */
};

static u32 ibback_mlx4_mr_access(u32 access)
{
	u32 perm = MLX4_PERM_LOCAL_READ;

	if (access & VIBIF_ACCESS_LOCAL_WRITE)
		perm |= MLX4_PERM_LOCAL_WRITE;
	if (access & VIBIF_ACCESS_REMOTE_WRITE)
		perm |= MLX4_PERM_REMOTE_WRITE;
	if (access & VIBIF_ACCESS_REMOTE_READ)
		perm |= MLX4_PERM_REMOTE_READ;
	if (access & VIBIF_ACCESS_REMOTE_ATOMIC)
		perm |= MLX4_PERM_ATOMIC;
	if (access & VIBIF_ACCESS_MW_BIND)
		perm |= MLX4_PERM_BIND_MW;
	return perm;
}

static struct ibback_hw_mr *
ibback_mlx4_mr_create(struct ibback_hca *hca, const struct ibback_mr_params *p,
		      u32 *lkey, u32 *rkey)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);
	struct ibback_hw_mr *mr;
	int err;

	if (!p->pages.nr)
		return ERR_PTR(-EINVAL);
	mr = kzalloc(sizeof(*mr), GFP_KERNEL);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	err = mlx4_mr_alloc(dev, p->pdn, p->iova, p->length,
			    ibback_mlx4_mr_access(p->access),
			    p->source ? 0 : p->pages.nr, VIBIF_PAGE_SHIFT,
			    &mr->mmr);
	if (err)
		goto err_free;
	if (p->source)
		mr->mmr.mtt = p->source->mmr.mtt;
	else
		err = ibback_mlx4_mtt_write(dev, &mr->mmr.mtt, &p->pages);
	if (!err)
		err = mlx4_mr_enable(dev, &mr->mmr);
	/* The table is the source's to free, and so no more named here */
	if (p->source)
		mr->mmr.mtt.order = -1;
	if (err)
		goto err_mr;
	*lkey = mr->mmr.key;
	*rkey = mr->mmr.key;
	return mr;

err_mr:
	mlx4_mr_free(dev, &mr->mmr);
err_free:
	kfree(mr);
	return ERR_PTR(err);
}

/*
 * Translate through new pages. The old table is left to the caller, in @old,
 * who frees it when the HCA has got the entry back.
 */
static int ibback_mlx4_mr_set_pages(struct mlx4_dev *dev, struct mlx4_mr *mmr,
				    const struct ibback_mr_params *p,
				    struct mlx4_mpt_entry *mpt,
				    struct mlx4_mtt *old)
{
	struct mlx4_mtt mtt = mmr->mtt;
	int err;

	/* Puts a new table in the old one's place before it fills the entry */
	err = mlx4_mr_rereg_mem_write(dev, mmr, p->iova, p->length,
				      p->pages.nr, VIBIF_PAGE_SHIFT, mpt);
	if (err) {
		mmr->mtt = mtt;
		return err;
	}
	*old = mtt;
	mmr->iova = p->iova;
	mmr->size = p->length;
	return ibback_mlx4_mtt_write(dev, &mmr->mtt, &p->pages) ? -EIO : 0;
}

/* Return: 0, -EIO and the entry is half changed, or another and it is not. */
static int ibback_mlx4_mr_change(struct mlx4_dev *dev, struct mlx4_mr *mmr,
				 const struct ibback_mr_params *p, u32 flags,
				 struct mlx4_mpt_entry *mpt,
				 struct mlx4_mtt *old)
{
	int err = 0;

	/* First, because it can fail with nothing changed */
	if (flags & VIBIF_MR_REREG_TRANS)
		err = ibback_mlx4_mr_set_pages(dev, mmr, p, mpt, old);
	if (!err && flags & VIBIF_MR_REREG_PD)
		err = mlx4_mr_hw_change_pd(dev, mpt, p->pdn) ? -EIO : 0;
	if (!err && flags & VIBIF_MR_REREG_ACCESS) {
		mmr->access = ibback_mlx4_mr_access(p->access);
		err = mlx4_mr_hw_change_access(dev, mpt, mmr->access) ?
			-EIO : 0;
	}
	return err;
}

static int ibback_mlx4_mr_rereg(struct ibback_hca *hca, struct ibback_hw_mr *mr,
				const struct ibback_mr_params *p, u32 flags)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);
	struct mlx4_mtt old = { .order = -1 };
	struct mlx4_mpt_entry *mpt, **pmpt = &mpt;
	int in_hca = mr->mmr.enabled;
	int err;

	err = mlx4_mr_hw_get_mpt(dev, &mr->mmr, &pmpt);
	/*
	 * The region is unchanged if the HCA still has it, as with a window
	 * bound to it. Else only destroying it is left.
	 */
	if (err)
		return mr->mmr.enabled == in_hca ? err : -EIO;
	err = ibback_mlx4_mr_change(dev, &mr->mmr, p, flags, *pmpt, &old);
	if (err != -EIO && mlx4_mr_hw_write_mpt(dev, &mr->mmr, pmpt)) {
		/* It may have got there: have a destroy take it away */
		mr->mmr.enabled = in_hca;
		err = -EIO;
	}
	mlx4_mr_hw_put_mpt(dev, pmpt);
	mlx4_mtt_cleanup(dev, &old);
	return err;
}

static int ibback_mlx4_mr_retire(struct ibback_hca *hca,
				 struct ibback_hw_mr *mr)
{
	struct mlx4_mtt mtt = mr->mmr.mtt;
	int err;

	/* The table is not to be freed with the entry */
	mr->mmr.mtt.order = -1;
	err = mlx4_mr_free(ibback_mlx4_dev(hca), &mr->mmr);
	mr->mmr.mtt = mtt;
	if (!err)
		mr->retired = true;
	return err;
}

static int ibback_mlx4_mr_destroy(struct ibback_hca *hca,
				  struct ibback_hw_mr *mr)
{
	struct mlx4_dev *dev = ibback_mlx4_dev(hca);
	int err = 0;

	if (mr->retired)
		mlx4_mtt_cleanup(dev, &mr->mmr.mtt);
	else
		err = mlx4_mr_free(dev, &mr->mmr);
	if (!err)
		kfree(mr);
	return err;
}

const struct ibback_mr_ops ibback_mlx4_mr_ops = {
	.create = ibback_mlx4_mr_create,
	.destroy = ibback_mlx4_mr_destroy,
	.rereg = ibback_mlx4_mr_rereg,
	.retire = ibback_mlx4_mr_retire,
};
