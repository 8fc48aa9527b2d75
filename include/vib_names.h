/* SPDX-License-Identifier: GPL-2.0-only */
/* What traces and debugfs of both modules call things. */
#ifndef VIB_NAMES_H
#define VIB_NAMES_H

#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/tracepoint-defs.h>
#include <xen/interface/io/vibif.h>
#include <xen/xenbus.h>

/* For __print_symbolic() and arrays of struct trace_print_flags */
#define VIB_OPERATION_NAMES				\
	{ VIBIF_OP_QUERY_DEVICE, "QUERY_DEVICE" },	\
	{ VIBIF_OP_QUERY_PORT, "QUERY_PORT" },		\
	{ VIBIF_OP_QUERY_GID, "QUERY_GID" },		\
	{ VIBIF_OP_QUERY_PKEY, "QUERY_PKEY" },		\
	{ VIBIF_OP_ALLOC_CONTEXT, "ALLOC_CONTEXT" },	\
	{ VIBIF_OP_ALLOC_PD, "ALLOC_PD" },		\
	{ VIBIF_OP_REG_MR, "REG_MR" },			\
	{ VIBIF_OP_REREG_MR, "REREG_MR" },		\
	{ VIBIF_OP_CREATE_CQ, "CREATE_CQ" },		\
	{ VIBIF_OP_MODIFY_CQ, "MODIFY_CQ" },		\
	{ VIBIF_OP_RESIZE_CQ, "RESIZE_CQ" },		\
	{ VIBIF_OP_CREATE_SRQ, "CREATE_SRQ" },		\
	{ VIBIF_OP_MODIFY_SRQ, "MODIFY_SRQ" },		\
	{ VIBIF_OP_QUERY_SRQ, "QUERY_SRQ" },		\
	{ VIBIF_OP_CREATE_QP, "CREATE_QP" },		\
	{ VIBIF_OP_MODIFY_QP, "MODIFY_QP" },		\
	{ VIBIF_OP_QUERY_QP, "QUERY_QP" },		\
	{ VIBIF_OP_ATTACH_MCAST, "ATTACH_MCAST" },	\
	{ VIBIF_OP_DETACH_MCAST, "DETACH_MCAST" },	\
	{ VIBIF_OP_DESTROY, "DESTROY" },		\
	{ VIBIF_OP_ALLOC_XRCD, "ALLOC_XRCD" },		\
	{ VIBIF_OP_ALLOC_MW, "ALLOC_MW" },		\
	{ VIBIF_OP_SET_ADDRS, "SET_ADDRS" },		\
	{ VIBIF_OP_QUERY_COUNTERS, "QUERY_COUNTERS" },	\
	{ VIBIF_OP_RETIRE_MR, "RETIRE_MR" }

#define VIB_STATE_NAMES					\
	{ XenbusStateUnknown, "Unknown" },		\
	{ XenbusStateInitialising, "Initialising" },	\
	{ XenbusStateInitWait, "InitWait" },		\
	{ XenbusStateInitialised, "Initialised" },	\
	{ XenbusStateConnected, "Connected" },		\
	{ XenbusStateClosing, "Closing" },		\
	{ XenbusStateClosed, "Closed" }

static inline const char *vib_operation_name(u8 operation)
{
	static const struct trace_print_flags names[] = {
		VIB_OPERATION_NAMES
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].mask == operation)
			return names[i].name;
	return "unknown";
}

/* The operations that create an object */
#define VIB_CREATING_OPS						\
	(BIT(VIBIF_OP_ALLOC_CONTEXT) | BIT(VIBIF_OP_ALLOC_PD) |		\
	 BIT(VIBIF_OP_REG_MR) | BIT(VIBIF_OP_CREATE_CQ) |		\
	 BIT(VIBIF_OP_CREATE_SRQ) | BIT(VIBIF_OP_CREATE_QP) |		\
	 BIT(VIBIF_OP_ALLOC_XRCD) | BIT(VIBIF_OP_ALLOC_MW))

static inline bool vib_creates(u8 operation)
{
	return operation <= VIBIF_OP_MAX && BIT(operation) & VIB_CREATING_OPS;
}

/* The handle of what they have created: all their responses begin alike */
static inline u32 vib_new_handle(const struct vibif_rsp *rsp)
{
	return rsp->op.created.handle;
}

/* The HCA's number of it, of a context its first UAR's; 0: none */
static inline u32 vib_new_number(const struct vibif_rsp *rsp)
{
	if (rsp->operation == VIBIF_OP_ALLOC_CONTEXT)
		return rsp->op.alloc_context.uar[0].index;
	return rsp->op.alloc_pd.pdn;
}

/* The number of a device, which ends its directory's path in xenstore */
static inline u32 vib_devid(const struct xenbus_device *xbdev)
{
	const char *slash = strrchr(xbdev->nodename, '/');
	u32 devid;

	return slash && !kstrtou32(slash + 1, 10, &devid) ? devid : 0;
}

/* Milliseconds since ktime_get_ns() was @since */
static inline u64 vib_age_ms(u64 since)
{
	return div_u64(ktime_get_ns() - since, NSEC_PER_MSEC);
}

#endif /* VIB_NAMES_H */
