/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that the backend builds against. */
#ifndef IBBACK_COMPAT_H
#define IBBACK_COMPAT_H

#include <linux/version.h>
#include <xen/xenbus.h>

/* What a xenbus driver's remove() returns: nothing since 6.2, before that 0 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define IBBACK_DEFINE_REMOVE(name, fn)					\
static int name(struct xenbus_device *xbdev)				\
{									\
	fn(xbdev);							\
	return 0;							\
}
#else
#define IBBACK_DEFINE_REMOVE(name, fn)					\
static void name(struct xenbus_device *xbdev)				\
{									\
	fn(xbdev);							\
}
#endif

#endif /* IBBACK_COMPAT_H */
