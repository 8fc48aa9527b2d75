// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts: what one process opens, with a doorbell page of its own. The kernel
 * has one for its own objects.
 */

#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <asm/xen/hypercall.h>
#include <xen/interface/xen.h>
#include <xen/page.h>
#include <xen/xen-ops.h>

#include "ibfront.h"

static bool ibfront_is_pv(void)
{
	return !xen_feature(XENFEAT_auto_translated_physmap);
}

static bool ibfront_uars_fit(const struct ibfront_ucontext *ctx)
{
	u32 i;

	if (!ctx->nr_uars || ctx->nr_uars > VIBIF_MAX_CONTEXT_UARS)
		return false;
	for (i = 0; i < ctx->nr_uars; i++)
		if ((ctx->uar[i].frame | ctx->uar[i].bf_frame) >
		    VIBIF_MAX_FRAME)
			return false;
	return true;
}

static int ibfront_open_context(struct ibfront_dev *dev,
				struct ibfront_ucontext *ctx)
{
	struct vibif_req req = { .operation = VIBIF_OP_ALLOC_CONTEXT };
	struct vibif_rsp rsp;
	int err;

	mutex_init(&ctx->db_mutex);
	INIT_LIST_HEAD(&ctx->db_pages);
	err = ibfront_create(dev, &ctx->obj, &req, &rsp);
	if (err)
		return err;

	ctx->nr_uars = rsp.op.alloc_context.nr_uars;
	memcpy(ctx->uar, rsp.op.alloc_context.uar, sizeof(ctx->uar));
	if (!ibfront_uars_fit(ctx)) {
		ibfront_fail(dev, "backend sent bad doorbell pages");
		return -EIO;
	}
	return 0;
}

static int ibfront_alloc_ucontext(struct ib_ucontext *ibctx,
				  struct ib_udata *udata)
{
	struct ibfront_ucontext *ctx = to_fucontext(ibctx);
	struct ibfront_dev *dev = to_fdev(ibctx->device);
	int err;

	err = ibfront_open_context(dev, ctx);
	if (err)
		return err;
	err = dev->provider->alloc_context(dev, udata);
	if (err)
		ibfront_destroy(dev, &ctx->obj);
	return err;
}

static void ibfront_dealloc_ucontext(struct ib_ucontext *ibctx)
{
	struct ibfront_ucontext *ctx = to_fucontext(ibctx);
	struct ibfront_dev *dev = to_fdev(ibctx->device);

	ibfront_cache_empty(dev, ctx);
	ibfront_destroy(dev, &ctx->obj);
}

/*
 * ib_uverbs has zapped the doorbell pages already. That this op exists tells
 * ib_core that open contexts need not keep the device.
 */
static void ibfront_disassociate_ucontext(struct ib_ucontext *ibctx)
{
}

/*
 * Map a machine frame of I/O memory into a process of a PV guest. Xen allows
 * it for frames that the toolstack has opened to this domain. As the owner is
 * DOMID_IO, it allows it for no frame of memory.
 *
 * Like rdma_user_mmap_io(), put the mapping on the list of those that ib_uverbs
 * zaps when the device goes.
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
	 * Nothing may write this page table entry anew. Linux would read a
	 * wrong frame out of it if the guest's own memory has a frame of that
	 * number. And Xen refuses the entry once the frame is closed to this
	 * domain, which a fork() does not survive. So no child inherits the
	 * mapping, and mprotect() can change one right only; what can be
	 * written can be read anyway. That right is one that a mapping can
	 * have: Linux warns of a write to any other, and a process does write
	 * when the device has gone.
	 *
	 * vm_page_prot stays as it is. When the device has gone, ib_uverbs maps
	 * a page of memory in place of the frame, and Xen lets a domain without
	 * I/O memory map nothing uncached: the process would fault for ever on
	 * its next doorbell.
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

static int ibfront_mmap(struct ib_ucontext *ibctx, struct vm_area_struct *vma)
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

	if (ibfront_is_pv())
		return ibfront_mmap_machine_frame(vma, frame, prot);

	/* A backend must not make us hand our own memory to a process. */
	if (page_is_ram(frame))
		return -EINVAL;
	return rdma_user_mmap_io(ibctx, vma, frame, PAGE_SIZE, prot, NULL);
}

/*
 * Linux has no way to map a frame that is not its own into the kernel of a PV
 * guest. So take a page with an address, and have Xen map the frame there.
 */
static int ibfront_map_uar_pv(struct ibfront_kernel *kernel, u64 frame)
{
	pte_t pte = mfn_pte(frame, pgprot_noncached(PAGE_KERNEL));
	unsigned int level;
	void *page;

	page = vmalloc(PAGE_SIZE);
	if (!page)
		return -ENOMEM;
	kernel->uar_pte = *lookup_address((unsigned long)page, &level);
	if (HYPERVISOR_update_va_mapping((unsigned long)page, pte,
					 UVMF_INVLPG | UVMF_ALL)) {
		vfree(page);
		return -EAGAIN;
	}
	kernel->uar = (void __iomem *)page;
	return 0;
}

static int ibfront_map_uar(struct ibfront_kernel *kernel)
{
	u64 frame = kernel->context.uar[0].frame;

	if (ibfront_is_pv())
		return ibfront_map_uar_pv(kernel, frame);

	/* As for a process: our own memory is no doorbell page. */
	if (page_is_ram(frame))
		return -EINVAL;
	kernel->uar = ioremap(frame << PAGE_SHIFT, PAGE_SIZE);
	return kernel->uar ? 0 : -ENOMEM;
}

static void ibfront_unmap_uar(struct ibfront_kernel *kernel)
{
	void *page = (void __force *)kernel->uar;

	/* An address that Xen does not give back is nobody else's. */
	if (!ibfront_is_pv())
		iounmap(kernel->uar);
	else if (!HYPERVISOR_update_va_mapping((unsigned long)page,
					       kernel->uar_pte,
					       UVMF_INVLPG | UVMF_ALL))
		vfree(page);
}

/* On an error that the backend did not make there is no context. */
static int ibfront_open_kernel(struct ibfront_dev *dev)
{
	struct ibfront_kernel *kernel = &dev->kernel;
	int err;

	lockdep_assert_held(&kernel->mutex);

	if (kernel->open)
		return 0;
	err = ibfront_open_context(dev, &kernel->context);
	if (err)
		return err;
	err = ibfront_map_uar(kernel);
	if (err) {
		ibfront_destroy(dev, &kernel->context.obj);
		return err;
	}
	kernel->open = true;
	return 0;
}

/**
 * ibfront_context() - the context that a new object belongs to
 * @dev: device
 * @udata: of the verb; NULL: the object is the kernel's own
 *
 * Return: the context, or an ERR_PTR: the kernel's is opened when it is first
 * needed, and closed by ibfront_kernel_fini().
 */
struct ibfront_ucontext *ibfront_context(struct ibfront_dev *dev,
					 struct ib_udata *udata)
{
	struct ibfront_kernel *kernel = &dev->kernel;
	int err;

	if (udata)
		return rdma_udata_to_drv_context(udata, struct ibfront_ucontext,
						 ibucontext);
	mutex_lock(&kernel->mutex);
	err = ibfront_open_kernel(dev);
	mutex_unlock(&kernel->mutex);
	return err ? ERR_PTR(err) : &kernel->context;
}

void ibfront_kernel_init(struct ibfront_dev *dev)
{
	mutex_init(&dev->kernel.mutex);
	dev->kernel.context.ibucontext.device = &dev->ibdev;
}

/* The context itself is gone with the backend. */
void ibfront_kernel_fini(struct ibfront_dev *dev)
{
	if (dev->kernel.open)
		ibfront_unmap_uar(&dev->kernel);
}

const struct ib_device_ops ibfront_context_ops = {
	.alloc_ucontext = ibfront_alloc_ucontext,
	.dealloc_ucontext = ibfront_dealloc_ucontext,
	.disassociate_ucontext = ibfront_disassociate_ucontext,
	.mmap = ibfront_mmap,

	INIT_RDMA_OBJ_SIZE(ib_ucontext, ibfront_ucontext, ibucontext),
};
