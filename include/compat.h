/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that the modules build for, Linux 6.1 to
 * 7.2. The code is written for the newest; here others get what they lack.
 */

#ifndef XENIB_COMPAT_H
#define XENIB_COMPAT_H

#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <xen/xenbus.h>

struct ib_udata;
struct mlx4_qp;
struct uverbs_attr_bundle;

/* What a xenbus driver's remove() returns: nothing, or 0 before 6.1.162 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 162)
#define COMPAT_DEFINE_REMOVE(name, fn)					\
static int name(struct xenbus_device *xbdev)				\
{									\
	fn(xbdev);							\
	return 0;							\
}
#else
#define COMPAT_DEFINE_REMOVE(name, fn)					\
static void name(struct xenbus_device *xbdev)				\
{									\
	fn(xbdev);							\
}
#endif

/* xenbus_read_driver_state(), but for its arguments, which have changed */
static inline enum xenbus_state compat_read_state(const char *path)
{
	return xenbus_read_unsigned(path, "state", XenbusStateUnknown);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}

/* The reference that a QP's event comes with is mlx4_core's to give back. */
static inline void mlx4_put_qp(struct mlx4_qp *qp)
{
}
#endif

/* What create_cq() gets its udata in */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define compat_cq_attrs			ib_udata
#define compat_cq_udata(attrs)		(attrs)
#else
#define compat_cq_attrs			uverbs_attr_bundle
#define compat_cq_udata(attrs)		(&(attrs)->driver_udata)
#endif

/* An argument of reg_user_mr(): always NULL, as we allocate no such handles */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define COMPAT_DMAH
#else
#define COMPAT_DMAH			struct ib_dmah *dmah,
#endif

/* dma_map_ops.map_phys(), and unmap_phys(), which is what unmap_page() was */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define map_phys			map_page
#define unmap_phys			unmap_page
#define DMA_ATTR_MMIO			0UL
#define COMPAT_DEFINE_MAP_PHYS(name, fn)				\
static dma_addr_t name(struct device *dev, struct page *page,		\
		       unsigned long offset, size_t size,		\
		       enum dma_data_direction dir, unsigned long attrs) \
{									\
	return fn(dev, page_to_phys(page) + offset, size, dir, attrs);	\
}
#else
#define COMPAT_DEFINE_MAP_PHYS(name, fn)				\
static dma_addr_t name(struct device *dev, phys_addr_t phys,		\
		       size_t size, enum dma_data_direction dir,	\
		       unsigned long attrs)				\
{									\
	return fn(dev, phys, size, dir, attrs);				\
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
struct compat_shrinker {
	struct shrinker shrinker;
	void *private_data;
};

#define compat_shrinker_data(ptr)					\
	(container_of(ptr, struct compat_shrinker, shrinker)->private_data)

static inline struct shrinker *shrinker_alloc(unsigned int flags,
					      const char *name)
{
	struct compat_shrinker *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	s->shrinker.seeks = DEFAULT_SEEKS;
	return &s->shrinker;
}

/* If it fails, which takes no memory, nothing is shrunk. */
static inline void shrinker_register(struct shrinker *shrinker)
{
	if (register_shrinker(shrinker, "xen-ibfront"))
		pr_warn("xen-ibfront: cannot give back memory under pressure\n");
}

static inline void shrinker_free(struct shrinker *shrinker)
{
	if (!shrinker)
		return;
	unregister_shrinker(shrinker);
	kfree(container_of(shrinker, struct compat_shrinker, shrinker));
}
#else
#define compat_shrinker_data(ptr)	((ptr)->private_data)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#define compat_cqe_t			int
#define resize_user_cq			resize_cq
#define ib_umem_get_va			ib_umem_get
#else
#define compat_cqe_t			unsigned int
#endif

#endif /* XENIB_COMPAT_H */
