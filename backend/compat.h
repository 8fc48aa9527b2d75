/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that the backend builds against. */
#ifndef IBBACK_COMPAT_H
#define IBBACK_COMPAT_H

#include <linux/version.h>
#include <xen/xenbus.h>

/* remove() of a xenbus driver returns nothing since 6.2 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define IBBACK_REMOVE_RETURN	int
#define IBBACK_REMOVE_DONE	return 0
#else
#define IBBACK_REMOVE_RETURN	void
#define IBBACK_REMOVE_DONE	return
#endif

#endif /* IBBACK_COMPAT_H */
