// SPDX-License-Identifier: GPL-2.0-only
/* Memory regions. */

#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ibfront.h"

/*
 * As natively, pin and grant for writing what the process may write, whatever
 * the access wanted: re-registration can then widen the access in place.
 */
static int ibfront_umem_access(u64 start, u64 length, int access)
{
	struct vm_area_struct *vma;

	if (ib_access_writable(access))
		return access;

	mmap_read_lock(current->mm);
	start = untagged_addr(start);
	vma = find_vma(current->mm, start);
	if (!vma || vma->vm_start > start || vma->vm_end < start + length ||
	    vma->vm_flags & VM_WRITE)
		access |= IB_ACCESS_LOCAL_WRITE;
	mmap_read_unlock(current->mm);

	return access;
}

/* Pages of its own, which may be kept when it is deregistered */
static int ibfront_mr_map(struct ibfront_ucontext *ctx, struct ibfront_mr *mr,
			  u64 start, u64 length, int access)
{
	struct ibfront_dev *dev = to_fdev(ctx->ibucontext.device);

	mr->watch = ibfront_kept_watch(ctx, start, length);
	mr->mem = ibfront_mem_map(dev, start, length, access);
	if (IS_ERR(mr->mem)) {
		ibfront_kept_unwatch(mr->watch);
		return PTR_ERR(mr->mem);
	}
	return 0;
}

/* The backend has none of its pages any more. */
static void ibfront_mr_unmap(struct ibfront_dev *dev, struct ibfront_mr *mr)
{
	ibfront_kept_unwatch(mr->watch);
	ibfront_kept_put(mr->kept);
	ibfront_mem_unmap(dev, mr->mem);
	ibfront_mem_unmap(dev, mr->other_mem);
}

static void ibfront_mr_fill(const struct ibfront_mr *mr,
			    struct vibif_reg_mr_req *reg)
{
	if (mr->kept) {
		reg->flags = VIBIF_MR_SHARE;
		reg->source = mr->kept->retired.handle;
		return;
	}
	if (mr->mem->umem->writable)
		reg->flags = VIBIF_MR_WRITABLE;
	reg->pages = ibfront_page_list(mr->mem);
}

static struct ib_mr *ibfront_reg_user_mr(struct ib_pd *ibpd, u64 start,
					 u64 length, u64 virt_addr, int access,
					 COMPAT_DMAH struct ib_udata *udata)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_REG_MR,
		.op.reg_mr.iova = virt_addr,
		.op.reg_mr.length = length,
		.op.reg_mr.pd = to_fpd(ibpd)->obj.handle,
		.op.reg_mr.access = access & VIBIF_ACCESS_MASK,
	};
	struct ibfront_dev *dev = to_fdev(ibpd->device);
	struct ibfront_ucontext *ctx = ibfront_context(dev, udata);
	int pin_access = ibfront_umem_access(start, length, access);
	struct vibif_rsp rsp;
	struct ibfront_mr *mr;
	int err = 0;

	mr = kzalloc(sizeof(*mr), GFP_KERNEL);
	if (!mr)
		return ERR_PTR(-ENOMEM);

	mr->kept = ibfront_kept_get(ctx, start, length, pin_access);
	if (!mr->kept)
		err = ibfront_mr_map(ctx, mr, start, length, pin_access);
	if (err)
		goto err_free;

	ibfront_mr_fill(mr, &req.op.reg_mr);
	err = ibfront_create(dev, &mr->obj, &req, &rsp);
	if (err)
		goto err_unmap;

	mr->access = access;
	mr->ibmr.lkey = rsp.op.reg_mr.lkey;
	mr->ibmr.rkey = rsp.op.reg_mr.rkey;
	mr->ibmr.page_size = XEN_PAGE_SIZE;
	return &mr->ibmr;

err_unmap:
	ibfront_mr_unmap(dev, mr);
err_free:
	kfree(mr);
	return ERR_PTR(err);
}

/* Those that its translation is of */
static bool ibfront_mr_is_writable(const struct ibfront_mr *mr)
{
	const struct ibfront_mem *mem = mr->mem ?: mr->kept->mem;

	return mem->umem->writable;
}

static int ibfront_exec_rereg(struct ibfront_dev *dev, struct ibfront_mr *mr,
			      struct vibif_req *req, struct ibfront_mem *mem)
{
	struct vibif_rsp rsp;
	int err;

	req->operation = VIBIF_OP_REREG_MR;
	req->handle = mr->obj.handle;
	if (mem) {
		req->op.reg_mr.pages = ibfront_page_list(mem);
		if (mem->umem->writable)
			req->op.reg_mr.flags |= VIBIF_MR_WRITABLE;
	}
	err = ibfront_exec_alloc(dev, req, &rsp);
	if (!err && mem) {
		swap(mr->mem, mem);
		ibfront_kept_unwatch(mr->watch);
		mr->watch = NULL;
	} else if (err == -EIO && !mr->other_mem) {
		swap(mr->other_mem, mem);
	}
	ibfront_mem_unmap(dev, mem);
	return err;
}

/* Check as natively: the old pages are to be writable in any case. */
static struct ib_mr *ibfront_rereg_user_mr(struct ib_mr *ibmr, int flags,
					   u64 start, u64 length, u64 virt_addr,
					   int access, struct ib_pd *ibpd,
					   struct ib_udata *udata)
{
	struct vibif_req req = {
		.op.reg_mr.flags = flags << 1,
		.op.reg_mr.iova = virt_addr,
		.op.reg_mr.length = length,
		.op.reg_mr.pd = to_fpd(ibpd)->obj.handle,
		.op.reg_mr.access = access & VIBIF_ACCESS_MASK,
	};
	struct ibfront_dev *dev = to_fdev(ibmr->device);
	struct ibfront_mr *mr = to_fmr(ibmr);
	struct ibfront_mem *mem = NULL;
	int err;

	if (!(flags & IB_MR_REREG_ACCESS))
		access = mr->access;
	else if (ib_access_writable(access) && !ibfront_mr_is_writable(mr))
		return ERR_PTR(flags & IB_MR_REREG_TRANS ? -EPERM : -EACCES);

	if (flags & IB_MR_REREG_TRANS) {
		mem = ibfront_mem_map(dev, start, length,
				      ibfront_umem_access(start, length,
							  access));
		if (IS_ERR(mem))
			return ERR_CAST(mem);
	}
	err = ibfront_exec_rereg(dev, mr, &req, mem);
	if (err)
		return ERR_PTR(err);
	mr->access = access;
	return NULL;
}

/* Take its keys from it, and keep the pages. If that fails it is as before. */
static int ibfront_mr_retire(struct ibfront_dev *dev, struct ibfront_mr *mr)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_RETIRE_MR,
		.handle = mr->obj.handle,
	};
	struct vibif_rsp rsp;
	int err;

	err = ibfront_exec(dev, &req, &rsp);
	if (err)
		return err;
	ibfront_kept_keep(mr->watch, mr->mem, &mr->obj);
	kfree(mr);
	return 0;
}

static int ibfront_dereg_mr(struct ib_mr *ibmr, struct ib_udata *udata)
{
	struct ibfront_dev *dev = to_fdev(ibmr->device);
	struct ibfront_mr *mr = to_fmr(ibmr);
	int err;

	if (mr->watch && !mr->other_mem &&
	    ibfront_kept_is_wanted(mr->watch, mr->mem) &&
	    !ibfront_mr_retire(dev, mr))
		return 0;
	err = ibfront_try_destroy(dev, &mr->obj);
	if (err)
		return err;
	if (!mr->mem && !mr->kept) {
		ibfront_fastreg_fini_mr(dev, mr);
		ibfront_arena_del_mr(dev, mr->max_pages);
	}
	ibfront_mr_unmap(dev, mr);
	kfree(mr);
	return 0;
}

/*
 * What may be used with any address in the PD would be all of the arena, for
 * all peers. The key for local use is IBFRONT_LOCAL_DMA_LKEY.
 */
static struct ib_mr *ibfront_get_dma_mr(struct ib_pd *ibpd, int access)
{
	return ERR_PTR(-EOPNOTSUPP);
}

/*
 * For fast registration: a memory window of type 2. The list is one piece of
 * the arena, so what a REG_MR work request does is to bind the window to it. If
 * it is to be at another address, see fastreg.c.
 */
static struct ib_mr *ibfront_alloc_mr(struct ib_pd *ibpd,
				      enum ib_mr_type mr_type, u32 max_num_sg)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_ALLOC_MW,
		.op.alloc_mw.pd = to_fpd(ibpd)->obj.handle,
		.op.alloc_mw.type = VIBIF_MW_TYPE_2,
	};
	struct ibfront_dev *dev = to_fdev(ibpd->device);
	struct vibif_rsp rsp;
	struct ibfront_mr *mr;
	int err;

	if (mr_type != IB_MR_TYPE_MEM_REG)
		return ERR_PTR(-EOPNOTSUPP);
	mr = kzalloc(sizeof(*mr), GFP_KERNEL);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	err = ibfront_create(dev, &mr->obj, &req, &rsp);
	if (err) {
		kfree(mr);
		return ERR_PTR(err);
	}
	/* Users invalidate by either. */
	mr->ibmr.rkey = rsp.op.alloc_mw.rkey;
	mr->ibmr.lkey = mr->ibmr.rkey;
	mr->max_pages = max_num_sg;
	ibfront_fastreg_init_mr(mr);
	ibfront_arena_add_mr(dev, max_num_sg);
	return &mr->ibmr;
}

/* As much of the list as is one piece of the arena: natively, of any pages */
static int ibfront_map_mr_sg(struct ib_mr *ibmr, struct scatterlist *sgl,
			     int nents, unsigned int *sg_offset)
{
	unsigned int offset = sg_offset ? *sg_offset : 0;
	struct scatterlist *sg;
	int i;

	ibmr->iova = sg_dma_address(sgl) + offset;
	ibmr->length = 0;
	for_each_sg(sgl, sg, nents, i) {
		if (sg_dma_address(sg) + offset != ibmr->iova + ibmr->length)
			break;
		ibmr->length += sg_dma_len(sg) - offset;
		offset = 0;
	}
	to_fmr(ibmr)->addr = ibmr->iova;
	if (sg_offset)
		*sg_offset = 0;
	return i;
}

const struct ib_device_ops ibfront_mr_ops = {
	.dereg_mr = ibfront_dereg_mr,
	.reg_user_mr = ibfront_reg_user_mr,
};

const struct ib_device_ops ibfront_mr_kernel_ops = {
	.alloc_mr = ibfront_alloc_mr,
	.get_dma_mr = ibfront_get_dma_mr,
	.map_mr_sg = ibfront_map_mr_sg,
};

const struct ib_device_ops ibfront_mr_rereg_ops = {
	.rereg_user_mr = ibfront_rereg_user_mr,
};
