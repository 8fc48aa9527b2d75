/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the request ring and the event area use of ib_core, of Xen and of the
 * rest of the frontend, besides the backend's stand-in for Linux.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "linux.h"

#define spin_lock_irq(lock)	spin_lock(lock)
#define spin_unlock_irq(lock)	spin_unlock(lock)
#define xchg(p, value)		__atomic_exchange_n(p, value, __ATOMIC_SEQ_CST)

/* Bitmaps of a few words */

#define BITS_PER_LONG		64
#define DECLARE_BITMAP(name, nr)					\
	unsigned long name[DIV_ROUND_UP(nr, BITS_PER_LONG)]
#define test_bit(i, map)						\
	((map)[(i) / BITS_PER_LONG] >> (i) % BITS_PER_LONG & 1)
#define __set_bit(i, map)						\
	((map)[(i) / BITS_PER_LONG] |= BIT((i) % BITS_PER_LONG))
#define __clear_bit(i, map)						\
	((map)[(i) / BITS_PER_LONG] &= ~BIT((i) % BITS_PER_LONG))
#define for_each_set_bit(i, map, nr)					\
	for (i = 0; (i) < (nr); (i)++)					\
		if (test_bit(i, map))

static inline unsigned int find_first_zero_bit(const unsigned long *map,
					       unsigned int nr)
{
	unsigned int i = 0;

	while (i < nr && test_bit(i, map))
		i++;
	return i;
}

struct semaphore {
	int count;
};

#define sema_init(s, nr)	((void)((s)->count = (nr)))
#define down(s)								\
	((s)->count-- > 0 ? (void)0 : kernel_bug("%s() waits for ever", __func__))
#define up(s)			((void)(s)->count++)

/* Others do something meanwhile, maybe what is waited for. */
void request_others(void);

#define reinit_completion(c)	init_completion(c)
#define wait_for_completion_timeout(c, timeout)				\
	(might_sleep(), request_others(), (c)->done)

/* It runs when it is let. */
struct irq_work {
	void (*func)(struct irq_work *work);
	bool pending;
};

#define init_irq_work(w, fn)	(*(w) = (struct irq_work) { .func = (fn) })
#define irq_work_queue(w)	((void)((w)->pending = true))

static inline void irq_work_sync(struct irq_work *work)
{
	bool pending = work->pending;

	work->pending = false;
	if (pending)
		work->func(work);
}

#define schedule_work(w)	((void)((w)->pending = true))

/* Xen's: its own header of rings */

#define mb()			barrier()
#define rmb()			barrier()
#define wmb()			barrier()

#include <xen/io/ring.h>
#include <xen/interface/io/vibif.h>

DEFINE_RING_TYPES(vibif, struct vibif_req, struct vibif_rsp);

#define XEN_PAGE_SIZE		PAGE_SIZE
#define XEN_EOI_FLAG_SPURIOUS	1U

enum { XenbusStateConnected = 4 };

struct xenbus_transaction {
	u32 id;
};

#define XBT_NIL			((struct xenbus_transaction) { 0 })

struct xenbus_device {
	const char *otherend;
};

int xenbus_scanf(struct xenbus_transaction t, const char *dir,
		 const char *node, const char *fmt, ...);
void notify_remote_via_irq(int irq);
void xen_irq_lateeoi(int irq, unsigned int flags);

/* ib_core's */

enum ib_event_type {
	IB_EVENT_DEVICE_FATAL, IB_EVENT_PORT_ACTIVE, IB_EVENT_PORT_ERR,
	IB_EVENT_LID_CHANGE, IB_EVENT_PKEY_CHANGE, IB_EVENT_SM_CHANGE,
	IB_EVENT_CLIENT_REREGISTER, IB_EVENT_GID_CHANGE,
};

struct ib_device {
	u32 phys_port_cnt;
};

struct ib_event {
	struct ib_device *device;
	union {
		u32 port_num;
	} element;
	enum ib_event_type event;
};

void ib_dispatch_event(const struct ib_event *event);

/* The frontend's, as in ibfront.h */

#define VIB_TRACE_H
#define trace_vib_request(...)	((void)0)
#define trace_vib_response(...)	((void)0)
#define trace_vib_event(...)	((void)0)

#define IBFRONT_MAX_SLOTS	32
#define IBFRONT_TIMEOUT_S	60

struct ibfront_channel {
	void *area;
	int irq;
};

struct ibfront_slot {
	struct completion done;
	struct vibif_rsp rsp;
	u64 since;
	u32 handle;
	u8 operation;
	bool sent;
	bool answered;
};

struct ibfront_ring {
	struct ibfront_channel channel;
	spinlock_t lock;
	struct vibif_front_ring front;
	struct ibfront_slot slots[IBFRONT_MAX_SLOTS];
	DECLARE_BITMAP(busy, IBFRONT_MAX_SLOTS);
	unsigned int nr_slots;
	bool dead;
	struct irq_work died;
	struct semaphore free;
};

struct ibfront_obj {
	u32 handle;
	void (*dispatch)(struct ibfront_obj *obj, u32 events);
	void (*died)(struct ibfront_obj *obj);
};

struct ibfront_events {
	struct ibfront_channel channel;
	unsigned int nr_words;
	spinlock_t lock;
	struct ibfront_obj **objects;
	bool device_events;
	u32 early;
};

struct ibfront_dev {
	struct ib_device ibdev;
	struct xenbus_device *xbdev;
	struct work_struct *fail_work;
	struct ibfront_ring ring;
	struct ibfront_events events;
};

void ibfront_fail(struct ibfront_dev *dev, const char *fmt, ...);
int ibfront_channel_open(struct ibfront_dev *dev,
			 struct ibfront_channel *channel, unsigned int order,
			 irq_handler_t handler, const char *name);
void ibfront_channel_close(struct ibfront_dev *dev,
			   struct ibfront_channel *channel);
void ibfront_gsi_died(struct ibfront_dev *dev);
void ibfront_arena_died(struct ibfront_dev *dev);

/* ring.c, events.c */
bool ibfront_ring_kill(struct ibfront_dev *dev);
int ibfront_exec(struct ibfront_dev *dev, struct vibif_req *req,
		 struct vibif_rsp *rsp);
int ibfront_ring_init(struct ibfront_dev *dev, unsigned int order);
void ibfront_ring_fini(struct ibfront_dev *dev);
int ibfront_events_init(struct ibfront_dev *dev, unsigned int order);
void ibfront_events_fini(struct ibfront_dev *dev);
void ibfront_events_died(struct ibfront_dev *dev);
int ibfront_events_add(struct ibfront_dev *dev, struct ibfront_obj *obj);
void ibfront_events_del(struct ibfront_dev *dev, const struct ibfront_obj *obj);
void ibfront_events_enable_device(struct ibfront_dev *dev, bool enable);

#endif /* REQUEST_H */
