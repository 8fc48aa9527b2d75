/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, the same on both sides of the protocol. A module defines
 * TRACE_SYSTEM, in its trace.h, and includes this.
 *
 * A device is named by the domain at the other end (domid) and its number
 * there (devid), an object by its handle.
 */
#if !defined(VIB_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VIB_TRACE_H

#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <xen/xenbus.h>

#include "vib_names.h"

TRACE_DEFINE_ENUM(XenbusStateUnknown);
TRACE_DEFINE_ENUM(XenbusStateInitialising);
TRACE_DEFINE_ENUM(XenbusStateInitWait);
TRACE_DEFINE_ENUM(XenbusStateInitialised);
TRACE_DEFINE_ENUM(XenbusStateConnected);
TRACE_DEFINE_ENUM(XenbusStateClosing);
TRACE_DEFINE_ENUM(XenbusStateClosed);

TRACE_EVENT(vib_request,
	TP_PROTO(const struct xenbus_device *xbdev,
		 const struct vibif_req *req),
	TP_ARGS(xbdev, req),
	TP_STRUCT__entry(
		__field(u32, domid)
		__field(u32, devid)
		__field(u32, handle)
		__field(u16, id)
		__field(u8, operation)
	),
	TP_fast_assign(
		__entry->domid = xbdev->otherend_id;
		__entry->devid = vib_devid(xbdev);
		__entry->handle = req->handle;
		__entry->id = req->id;
		__entry->operation = req->operation;
	),
	TP_printk("domid=%u devid=%u id=%u %s handle=%u",
		  __entry->domid, __entry->devid, __entry->id,
		  __print_symbolic(__entry->operation, VIB_OPERATION_NAMES),
		  __entry->handle)
);

/* With the handle and the HCA's number of an object that was created */
TRACE_EVENT(vib_response,
	TP_PROTO(const struct xenbus_device *xbdev,
		 const struct vibif_rsp *rsp, u32 handle),
	TP_ARGS(xbdev, rsp, handle),
	TP_STRUCT__entry(
		__field(u32, domid)
		__field(u32, devid)
		__field(u32, handle)
		__field(u32, number)
		__field(s32, status)
		__field(u16, id)
		__field(u8, operation)
	),
	TP_fast_assign(
		bool creates = vib_creates(rsp->operation);

		__entry->domid = xbdev->otherend_id;
		__entry->devid = vib_devid(xbdev);
		__entry->handle = creates ? vib_new_handle(rsp) : handle;
		__entry->number = creates ? vib_new_number(rsp) : 0;
		__entry->status = rsp->status;
		__entry->id = rsp->id;
		__entry->operation = rsp->operation;
	),
	TP_printk("domid=%u devid=%u id=%u %s handle=%u number=0x%x status=%d",
		  __entry->domid, __entry->devid, __entry->id,
		  __print_symbolic(__entry->operation, VIB_OPERATION_NAMES),
		  __entry->handle, __entry->number, __entry->status)
);

/* Bits of the object's word, VIBIF_EVENT_*; handle 0 is the device */
TRACE_EVENT(vib_event,
	TP_PROTO(const struct xenbus_device *xbdev, u32 handle, u32 bits),
	TP_ARGS(xbdev, handle, bits),
	TP_STRUCT__entry(
		__field(u32, domid)
		__field(u32, devid)
		__field(u32, handle)
		__field(u32, bits)
	),
	TP_fast_assign(
		__entry->domid = xbdev->otherend_id;
		__entry->devid = vib_devid(xbdev);
		__entry->handle = handle;
		__entry->bits = bits;
	),
	TP_printk("domid=%u devid=%u handle=%u bits=0x%x",
		  __entry->domid, __entry->devid, __entry->handle,
		  __entry->bits)
);

DECLARE_EVENT_CLASS(vib_any_state,
	TP_PROTO(const struct xenbus_device *xbdev, enum xenbus_state state),
	TP_ARGS(xbdev, state),
	TP_STRUCT__entry(
		__field(u32, domid)
		__field(u32, devid)
		__field(u32, state)
	),
	TP_fast_assign(
		__entry->domid = xbdev->otherend_id;
		__entry->devid = vib_devid(xbdev);
		__entry->state = state;
	),
	TP_printk("domid=%u devid=%u %s", __entry->domid, __entry->devid,
		  __print_symbolic(__entry->state, VIB_STATE_NAMES))
);

/* The state that this side enters */
DEFINE_EVENT(vib_any_state, vib_state,
	TP_PROTO(const struct xenbus_device *xbdev, enum xenbus_state state),
	TP_ARGS(xbdev, state)
);

/* The state in which this side finds the other */
DEFINE_EVENT(vib_any_state, vib_otherend_state,
	TP_PROTO(const struct xenbus_device *xbdev, enum xenbus_state state),
	TP_ARGS(xbdev, state)
);

#endif /* VIB_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE vib_trace
#include <trace/define_trace.h>
