/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What ring.c uses of the kernel that nothing else of the backend here does:
 * a ring, a workqueue, and tracepoints, which are not there.
 */
#ifndef RING_KERNEL_H
#define RING_KERNEL_H

#include "linux.h"

/* Xen's own header of rings, in place of xen.h's */
#define mb()			barrier()
#define rmb()			barrier()
#define wmb()			barrier()
#define virt_rmb()		barrier()
#include <xen/io/ring.h>
#undef DOMID_SELF

#define WQ_UNBOUND		1

struct workqueue_struct;

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active, ...);
void destroy_workqueue(struct workqueue_struct *wq);
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);

#define VIB_TRACE_H
#define trace_vib_request(...)	((void)0)
#define trace_vib_response(...)	((void)0)

#endif /* RING_KERNEL_H */
