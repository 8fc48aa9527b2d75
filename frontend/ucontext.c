// SPDX-License-Identifier: GPL-2.0-only
/* What one process opens: a context with a doorbell page of its own. */

#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <xen/interface/xen.h>
#include <xen/xen-ops.h>

#include "ibfront.h"

/* Frame numbers of x86 have 40 bits at most. */
#define IBFRONT_FRAME_BITS	40

int ibfront_alloc_ucontext(struct ib_ucontext *ibctx, struct ib_udata *udata)
{
	struct vibif_req req = { .operation = VIBIF_OP_ALLOC_CONTEXT };
	struct ibfront_ucontext *ctx = to_fucontext(ibctx);
	struct ibfront_dev *dev = to_fdev(ibctx->device);
	struct vibif_rsp rsp;
	int err;

	mutex_init(&ctx->db_mutex);
	INIT_LIST_HEAD(&ctx->db_pages);
	err = ibfront_exec(dev, &req, &rsp);
	if (err)
		return err;

	ctx->handle = rsp.op.alloc_context.handle;
	ctx->uar_frame = rsp.op.alloc_context.uar[0].frame;
	ctx->bf_frame = rsp.op.alloc_context.uar[0].bf_frame;
	if ((ctx->uar_frame | ctx->bf_frame) >> IBFRONT_FRAME_BITS) {
		ibfront_fail(dev, "backend sent frames %#llx and %#llx",
			     ctx->uar_frame, ctx->bf_frame);
		return -EIO;
	}

	err = dev->provider->alloc_context(dev, udata);
	if (err)
		ibfront_destroy(dev, ctx->handle);
	return err;
}

void ibfront_dealloc_ucontext(struct ib_ucontext *ibctx)
{
	ibfront_destroy(to_fdev(ibctx->device), to_fucontext(ibctx)->handle);
}

/*
 * ib_uverbs has zapped the doorbell pages already. That this operation exists
 * tells ib_core that open contexts need not keep the device.
 */
void ibfront_disassociate_ucontext(struct ib_ucontext *ibctx)
{
}

/*
 * Maps a machine frame of I/O memory into a process of a PV guest. Xen allows
 * it for frames that the toolstack has opened to this domain, and, the owner
 * being DOMID_IO, for none that is memory.
 *
 * The mapping is put on the list of those that ib_uverbs zaps when the device
 * goes, as by rdma_user_mmap_io().
 */
static int ibfront_mmap_machine_frame(struct vm_area_struct *vma, u64 frame,
				      pgprot_t prot)
{
	struct rdma_umap_priv *priv;
	xen_pfn_t mfn = frame;
	int nr, err;

	if (!(vma->vm_flags & VM_SHARED) ||
	    vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;

	priv = kzalloc(sizeof(*priv), GFP_KERNEL);
	if (!priv)
		return -ENOMEM;

	/*
	 * Nothing may write this page table entry anew: Linux would read a wrong
	 * frame out of it where the frame's number is one of this guest's memory,
	 * too, and Xen refuses it once the frame is closed to this domain, which
	 * a fork() does not survive. So no child gets it, and of the rights that
	 * mprotect() could change one is left; what can be written can be read
	 * anyway. That one has to be a right that could be had: Linux warns of a
	 * write to any other mapping, and the process writes when the device has
	 * gone.
	 *
	 * vm_page_prot stays as it is: ib_uverbs maps a page of memory in place of
	 * the frame when the device has gone, and Xen lets a domain that has no
	 * I/O memory any more map nothing uncached. The process would fault for
	 * ever on its next doorbell.
	 */
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP |
			  VM_DONTCOPY);
	vm_flags_clear(vma, VM_EXEC | VM_MAYREAD | VM_MAYEXEC |
			    (vma->vm_flags & VM_WRITE ? VM_READ : VM_MAYWRITE));
	nr = xen_remap_pfn(vma, vma->vm_start, &mfn, 1, &err, prot, DOMID_IO,
			   true);
	if (nr != 1) {
		kfree(priv);
		return -EAGAIN;
	}

	rdma_umap_priv_init(priv, vma, NULL);
	return 0;
}

int ibfront_mmap(struct ib_ucontext *ibctx, struct vm_area_struct *vma)
{
	struct ibfront_dev *dev = to_fdev(ibctx->device);
	pgprot_t prot;
	u64 frame;
	bool wc;

	frame = dev->provider->doorbell_frame(to_fucontext(ibctx),
					      vma->vm_pgoff, &wc);
	if (!frame)
		return -EINVAL;
	prot = wc ? pgprot_writecombine(vma->vm_page_prot) :
		    pgprot_noncached(vma->vm_page_prot);

	if (!xen_feature(XENFEAT_auto_translated_physmap))
		return ibfront_mmap_machine_frame(vma, frame, prot);

	/* A backend must not make us hand our own memory to a process. */
	if (page_is_ram(frame))
		return -EINVAL;
	return rdma_user_mmap_io(ibctx, vma, frame, PAGE_SIZE, prot, NULL);
}
