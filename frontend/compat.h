/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that the frontend builds for. */

#ifndef IBFRONT_COMPAT_H
#define IBFRONT_COMPAT_H

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void ibfront_vm_flags_set(struct vm_area_struct *vma,
					unsigned long flags)
{
	vma->vm_flags |= flags;
}
#else
static inline void ibfront_vm_flags_set(struct vm_area_struct *vma,
					unsigned long flags)
{
	vm_flags_set(vma, flags);
}
#endif

struct rdma_user_mmap_entry;

/*
 * ib_core exports rdma_umap_priv_init() but keeps its declaration in a header
 * that is not installed. The same in all of Linux 5.5 .. 6.12.
 */
struct rdma_umap_priv {
	struct vm_area_struct *vma;
	struct list_head list;
	struct rdma_user_mmap_entry *entry;
};

void rdma_umap_priv_init(struct rdma_umap_priv *priv,
			 struct vm_area_struct *vma,
			 struct rdma_user_mmap_entry *entry);

#endif /* IBFRONT_COMPAT_H */
