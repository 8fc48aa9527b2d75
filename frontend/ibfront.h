/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xen-ibfront: private structures and prototypes.
 *
 * Calls go one way: xenbus.c -> device.c and the object files -> objects.c,
 * pages.c, events.c -> ring.c, channel.c. Failure goes the other way through
 * ibfront_fail(). What a kind of HCA has of its own is behind provider.h.
 *
 * Locks, outermost first:
 *	ibfront_info.lock	connecting and disconnecting
 *	ibfront_arena.lock	growth of the arena, and the PDs that reach it
 *	ibfront_qp.mutex	one QP's state
 *	ibfront_cq.mutex	one CQ's size
 *	ibfront_kernel.mutex	opening the kernel's own context
 *	ibfront_ucontext.db_mutex	one context's doorbell pages
 *	ibfront_dev.tables_lock	what was read of the ports' tables
 *	ibfront_events.lock	which object an event belongs to
 *	ibfront_gsi.lock	the MAD area, and all QPs 0 and 1
 *	ibfront_cq.lock		what is in a CQ of the kernel's own
 *	ibfront_wq.lock		what is in a work queue of the kernel's own
 *	ibfront_ring.lock	the request ring
 *	ibfront_dev.limbo_lock	the limbo list
 *	ibfront_mr_cache.lock	what is kept of memory that was registered
 */

#ifndef IBFRONT_H
#define IBFRONT_H

#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/semaphore.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <rdma/ib_umem.h>
#include <rdma/ib_verbs.h>
#include <rdma/uverbs_ioctl.h>
#include <xen/grant_table.h>
#include <xen/interface/io/vibif.h>
#include <xen/xenbus.h>

#include "compat.h"
#include "provider.h"

/* Two pages hold 32 requests, so 32 verbs are in flight at a time. */
#define IBFRONT_RING_PAGE_ORDER		1
#define IBFRONT_MAX_SLOTS		32
/* Eight pages: room for 7167 CQs, QPs and SRQs. */
#define IBFRONT_EVENT_PAGE_ORDER	3
/* Sixteen pages: slots for 32 MADs to the backend and 128 from it. */
#define IBFRONT_MAD_PAGE_ORDER		4
/* The largest of the three */
#define IBFRONT_MAX_PAGE_ORDER		IBFRONT_MAD_PAGE_ORDER
/*
 * A backend that answers nothing for so long is given up. A firmware command
 * may take as long.
 */
#define IBFRONT_TIMEOUT_S		60
/*
 * How long a module being removed, and a domain being suspended, waits for the
 * backend to let go of pages; and the latter before that for users in the
 * kernel.
 */
#define IBFRONT_CLOSE_TIMEOUT_MS	10000

/* Pages that the backend maps, and an event channel */
struct ibfront_channel {
	void *area;
	unsigned int order;
	grant_ref_t grefs[1 << IBFRONT_MAX_PAGE_ORDER];
	evtchn_port_t evtchn;
	int irq;
};

/* One request in flight. Its index in ibfront_ring.slots is the id. */
struct ibfront_slot {
	struct completion done;
	struct vibif_rsp rsp;	/* valid once answered */
	u64 since;		/* ktime of the request */
	u32 handle;
	u8 operation;
	bool sent;		/* a response with this id is expected */
	bool answered;
};

struct ibfront_ring {
	struct ibfront_channel channel;
	spinlock_t lock;	/* Protects all that follows but free */
	struct vibif_front_ring front;
	struct ibfront_slot slots[IBFRONT_MAX_SLOTS];
	DECLARE_BITMAP(busy, IBFRONT_MAX_SLOTS);	/* slots taken */
	unsigned int nr_slots;
	bool dead;		/* no request is sent or answered */
	struct irq_work died;	/* tells objects of the kernel's own */
	struct semaphore free;	/* counts free slots, first come first served */
};

/* An object of the backend */
struct ibfront_obj {
	u32 handle;
	/*
	 * NULL: it has no events. Called with interrupts off; @events: its word
	 * of the event area, VIBIF_EVENT_* bits.
	 */
	void (*dispatch)(struct ibfront_obj *obj, u32 events);
	/*
	 * NULL: no matter. Called in the same way when the ring has died, for
	 * an object of the kernel's own that has events.
	 */
	void (*died)(struct ibfront_obj *obj);
};

#include "arena.h"

struct ibfront_events {
	struct ibfront_channel channel;
	unsigned int nr_words;
	spinlock_t lock;	/* Protects all that follows */
	struct ibfront_obj **objects;	/* that have events, by handle */
	bool device_events;	/* word 0 may be dispatched */
	u32 early;		/* what word 0 had before */
};

#include "gsi.h"
#include "mr_cache.h"

/* The last response about the GIDs or P_Keys of a port */
struct ibfront_table {
	bool valid;
	u16 first;	/* index of its first entry */
	struct vibif_rsp rsp;
};

struct ibfront_ucontext {
	struct ib_ucontext ibucontext;
	struct ibfront_obj obj;
	struct mutex db_mutex;	/* Protects db_pages */
	struct list_head db_pages;	/* ibfront_mem */
	u32 nr_uars;
	struct vibif_uar uar[VIBIF_MAX_CONTEXT_UARS];
};

/* The context of the kernel's own objects, from the first of them on */
struct ibfront_kernel {
	struct mutex mutex;	/* Protects opening */
	bool open;
	struct ibfront_ucontext context;
	void __iomem *uar;	/* its doorbell page, mapped */
	pte_t uar_pte;		/* of a PV guest: what was mapped before */
};

/* Registrations at addresses of the users' own, see fastreg.c */
struct ibfront_fastreg {
	spinlock_t lock;	/* Protects held, and each entry */
	struct list_head held;
	struct work_struct work;
};

/* What network interfaces of the device are called */
struct ibfront_addrs {
	bool started;		/* under ibfront_info.lock */
	struct notifier_block v4;
	struct notifier_block v6;
	struct work_struct work;
	/* Of each port, as the backend knows it; the work's own */
	struct vibif_set_addrs_req told[VIBIF_MAX_PORTS];
};

/* One connection to a backend, from InitWait to Closed. */
struct ibfront_dev {
	struct ib_device ibdev;
	struct xenbus_device *xbdev;
	struct work_struct *fail_work;	/* closes the device after a failure */
	struct ibfront_ring ring;
	struct ibfront_events events;
	struct ibfront_gsi gsi;
	struct ibfront_addrs addrs;
	struct vibif_device_attr attr;
	const struct ibfront_provider *provider;	/* set with attr */
	struct mutex tables_lock;	/* Protects tables */
	struct ibfront_table tables[VIBIF_MAX_PORTS][2]; /* P_Keys, GIDs */
	bool registered;	/* with ib_core; under ibfront_info.lock */
	spinlock_t limbo_lock;	/* Protects limbo */
	struct list_head limbo;	/* ibfront_mem the backend may have mapped */
	struct ibfront_arena arena;
	struct ibfront_mr_cache mr_cache;
	struct ibfront_fastreg fastreg;
	struct dentry *debugfs;	/* its directory */
	struct ibfront_kernel kernel;
	struct xarray qps;	/* of the kernel's own, by number */
};

/*
 * Memory pinned and granted to the backend: either a list of pages with its
 * directory or, with nr_dirs 0, one page of doorbell records.
 */
struct ibfront_dir {
	struct vibif_page_directory *page;
	grant_ref_t gref;
};

struct ibfront_mem {
	struct list_head entry;	/* in limbo, or in db_pages of a context */
	struct ib_umem *umem;	/* user memory, or NULL */
	struct sg_table kernel;	/* memory of the kernel's own, each page held */
	struct ibfront_dir *dirs;
	unsigned int nr_dirs;
	unsigned int nr_pages;	/* granted */
	grant_ref_t gref;	/* of the page of doorbell records */
	unsigned int users;	/* of its records; under db_mutex */
	/* The kernel's own records, in use, of IBFRONT_DB_SIZE octets each */
	unsigned long records;
};

/* A cache line: what one processor writes, another does not wait for. */
#define IBFRONT_DB_SIZE		64
#define IBFRONT_DB_RECORDS		(PAGE_SIZE / IBFRONT_DB_SIZE)
static_assert(IBFRONT_DB_RECORDS <= BITS_PER_LONG &&
	      IBFRONT_DB_RECORDS <= VIBIF_MAX_GREF_RECORDS);

/* A doorbell record; all zero: none */
struct ibfront_db {
	struct ibfront_ucontext *context;
	struct ibfront_mem *page;
	u16 offset;		/* in the page */
};

/* What a CQ, SRQ or QP has in memory; all zero: nothing */
struct ibfront_queue {
	struct ibfront_mem *mem;
	struct ibfront_db db;
	/* Of the kernel's own */
	void *area;
	void *record;
};

struct ibfront_pd {
	struct ib_pd ibpd;
	struct ibfront_obj obj;
	u32 number;		/* in the HCA */
	/* Of the kernel's own */
	struct list_head entry;	/* in arena.pds */
	struct ibfront_share *share;	/* by chunk */
};

/* A registration that waits for memory to be at the address it names */
struct ibfront_held {
	struct list_head entry;	/* in fastreg.held */
	/* Until it is taken from there */
	struct ibfront_qp *qp;
	u32 index;		/* of the work request */
	u64 addr;		/* in the arena */
	u64 iova;
	u64 length;
};

struct ibfront_mr {
	struct ib_mr ibmr;
	struct ibfront_obj obj;	/* for fast registration, a memory window */
	int access;		/* IB_ACCESS_* */
	struct ibfront_mem *mem;	/* NULL: it has no pages of its own */
	struct ibfront_kept *kept;	/* NULL, or whose pages it shares */
	struct ibfront_kept *watch;	/* NULL, or what can keep mem */
	/* What a re-registration that failed halfway may have left in use */
	struct ibfront_mem *other_mem;

	/* For fast registration, which has none of these */
	u32 max_pages;		/* that it can have */
	u64 addr;		/* of what is mapped, in the arena */
	struct ibfront_held held;
	struct ibfront_share moved;	/* the work item's own */
	bool has_moved;
};

struct ibfront_mw {
	struct ib_mw ibmw;
	struct ibfront_obj obj;
};

struct ibfront_cq {
	struct ib_cq ibcq;
	struct ibfront_obj obj;
	struct mutex mutex;	/* Protects queue.mem and ibcq.cqe */
	struct ibfront_queue queue;

	/* Of the kernel's own */
	bool kernel;
	u32 number;		/* in the HCA */
	u32 arm_sn;		/* counts events; in dispatch() only */
	spinlock_t lock;	/* Protects all that follows */
	u32 next;		/* CQEs taken from the ring */
	bool armed;		/* a completion calls comp_handler */
	bool flushed;		/* the ring is not looked at any more */
	struct list_head send_qps;
	struct list_head recv_qps;
	struct ib_wc *soft;	/* software completions, room for all entries */
	u32 soft_head;
	u32 soft_tail;
	struct irq_work notify;	/* calls comp_handler */
};

struct ibfront_srq {
	struct ib_srq ibsrq;
	struct ibfront_obj obj;
	struct ibfront_queue queue;
	struct ibfront_wq wq;

	/*
	 * Of the kernel's own: WQEs that are free, each with the next, and the
	 * last of them; under wq.lock. The HCA goes from each to the next, so
	 * the last is never posted.
	 */
	u16 *next;
	u16 first_free;
	u16 last_free;
};

struct ibfront_qp {
	struct ib_qp ibqp;
	struct ibfront_obj obj;
	struct ibfront_queue queue;	/* sq, rq and the doorbell record */
	struct ibfront_wq sq;
	struct ibfront_wq rq;
	struct mutex mutex;	/* Protects state and port */
	enum ib_qp_state state;
	u8 port;
	bool signal_all;
	bool block_mcast_loopback;
	bool inl_recv;		/* short messages into the WQE */

	bool kernel;		/* the kernel's own */
	struct list_head send_entry;	/* in send_cq; under its lock */
	struct list_head recv_entry;	/* in recv_cq; under its lock */

	struct ibfront_gsi_qp *gsi;	/* of QP 0 or 1: it has nothing else */
};

struct ibfront_ah {
	struct ib_ah ibah;
	struct rdma_ah_attr attr;
};

static inline struct ibfront_dev *to_fdev(struct ib_device *ibdev)
{
	return container_of(ibdev, struct ibfront_dev, ibdev);
}

static inline struct ibfront_ucontext *to_fucontext(struct ib_ucontext *ibctx)
{
	return container_of(ibctx, struct ibfront_ucontext, ibucontext);
}

static inline struct ibfront_pd *to_fpd(struct ib_pd *ibpd)
{
	return container_of(ibpd, struct ibfront_pd, ibpd);
}

static inline struct ibfront_mr *to_fmr(struct ib_mr *ibmr)
{
	return container_of(ibmr, struct ibfront_mr, ibmr);
}

static inline struct ibfront_mw *to_fmw(struct ib_mw *ibmw)
{
	return container_of(ibmw, struct ibfront_mw, ibmw);
}

static inline struct ibfront_cq *to_fcq(struct ib_cq *ibcq)
{
	return container_of(ibcq, struct ibfront_cq, ibcq);
}

static inline struct ibfront_srq *to_fsrq(struct ib_srq *ibsrq)
{
	return container_of(ibsrq, struct ibfront_srq, ibsrq);
}

static inline struct ibfront_qp *to_fqp(struct ib_qp *ibqp)
{
	return container_of(ibqp, struct ibfront_qp, ibqp);
}

static inline struct ibfront_ah *to_fah(struct ib_ah *ibah)
{
	return container_of(ibah, struct ibfront_ah, ibah);
}

/* xenbus.c */
__printf(2, 3)
void ibfront_fail(struct ibfront_dev *dev, const char *fmt, ...);

/* channel.c */
int __must_check ibfront_channel_open(struct ibfront_dev *dev,
				      struct ibfront_channel *channel,
				      unsigned int order, irq_handler_t handler,
				      const char *name);
void ibfront_channel_close(struct ibfront_dev *dev,
			   struct ibfront_channel *channel);
int __must_check ibfront_channel_publish(struct ibfront_dev *dev,
					 const struct ibfront_channel *channel,
					 struct xenbus_transaction xbt,
					 const char *order, const char *ref,
					 const char *evtchn);

/* ring.c */
int __must_check ibfront_ring_init(struct ibfront_dev *dev, unsigned int order);
void ibfront_ring_fini(struct ibfront_dev *dev);
bool ibfront_ring_kill(struct ibfront_dev *dev);
int __must_check ibfront_exec(struct ibfront_dev *dev, struct vibif_req *req,
			      struct vibif_rsp *rsp);

/* Objects that the backend had are gone if it is, and pages may be in use. */
static inline bool ibfront_ring_dead(const struct ibfront_dev *dev)
{
	return READ_ONCE(dev->ring.dead);
}

/* addrs.c */
void ibfront_addrs_start(struct ibfront_dev *dev);
void ibfront_addrs_stop(struct ibfront_dev *dev);

/* context.c */
struct ibfront_ucontext *ibfront_context(struct ibfront_dev *dev,
					 struct ib_udata *udata);
void ibfront_kernel_init(struct ibfront_dev *dev);
void ibfront_kernel_fini(struct ibfront_dev *dev);

/* events.c */
int __must_check ibfront_events_init(struct ibfront_dev *dev,
				     unsigned int order);
void ibfront_events_fini(struct ibfront_dev *dev);
void ibfront_events_died(struct ibfront_dev *dev);
void ibfront_events_enable_device(struct ibfront_dev *dev, bool enable);
int __must_check ibfront_events_add(struct ibfront_dev *dev,
				    struct ibfront_obj *obj);
void ibfront_events_del(struct ibfront_dev *dev, const struct ibfront_obj *obj);

/* fastreg.c */
int __must_check ibfront_fastreg_start(void);
void ibfront_fastreg_stop(void);
void ibfront_fastreg_init(struct ibfront_dev *dev);
void ibfront_fastreg_init_mr(struct ibfront_mr *mr);
void ibfront_fastreg_fini_mr(struct ibfront_dev *dev, struct ibfront_mr *mr);
bool ibfront_fastreg_is_moved(const struct ib_send_wr *wr);
int __must_check ibfront_fastreg_hold(struct ibfront_qp *qp, u32 index,
				      const struct ib_send_wr *wr);
void ibfront_fastreg_forget_qp(struct ibfront_qp *qp);

/* qp.c */
void ibfront_av_from_ah(struct vibif_av *av, const struct rdma_ah_attr *ah);

/* xrcd.c */
bool ibfront_has_xrc(const struct ibfront_dev *dev);
void ibfront_xrc_fill_target(struct vibif_create_qp_req *create,
			     const struct ib_qp_init_attr *init_attr);
void ibfront_xrc_fill_srq(struct vibif_create_srq_req *create,
			  const struct ib_srq_init_attr *init_attr);

/* objects.c */
int __must_check ibfront_exec_alloc(struct ibfront_dev *dev,
				    struct vibif_req *req,
				    struct vibif_rsp *rsp);
int __must_check ibfront_create(struct ibfront_dev *dev,
				struct ibfront_obj *obj, struct vibif_req *req,
				struct vibif_rsp *rsp);
int __must_check ibfront_put_number(struct ibfront_dev *dev,
				    struct ibfront_obj *obj,
				    struct ib_udata *udata, u32 number);
int __must_check ibfront_try_destroy(struct ibfront_dev *dev,
				     const struct ibfront_obj *obj);
void ibfront_destroy(struct ibfront_dev *dev, const struct ibfront_obj *obj);

/* debugfs.c */
void ibfront_debugfs_init(void);
void ibfront_debugfs_exit(void);
void ibfront_debugfs_add(struct ibfront_dev *dev);
/* Returns when nobody reads any more. */
void ibfront_debugfs_remove(struct ibfront_dev *dev);

/* pages.c */
struct ibfront_mem *ibfront_mem_map(struct ibfront_dev *dev, unsigned long addr,
				    size_t len, int access);
struct ibfront_mem *ibfront_mem_map_kernel(struct ibfront_dev *dev, void *area,
					   unsigned int nr_pages);
void ibfront_mem_unmap(struct ibfront_dev *dev, struct ibfront_mem *mem);
void ibfront_mem_empty_limbo(struct ibfront_dev *dev);
int __must_check ibfront_queue_map(struct ibfront_ucontext *ctx,
				   struct ibfront_queue *queue,
				   const struct ibfront_layout *layout);
void ibfront_queue_unmap(struct ibfront_dev *dev, struct ibfront_queue *queue);

/* work.c */
int __must_check ibfront_wq_init(struct ibfront_wq *wq,
				 const struct ibfront_queue *queue,
				 bool writes);
void ibfront_wq_fini(struct ibfront_wq *wq);
int __must_check ibfront_srq_init(struct ibfront_srq *srq);
void ibfront_srq_fini(struct ibfront_srq *srq);
bool ibfront_srq_put(struct ibfront_srq *srq, u16 index, struct ibfront_wr *wr,
		     u32 len);
int __must_check ibfront_cq_init(struct ibfront_cq *cq);
void ibfront_cq_fini(struct ibfront_cq *cq);
void ibfront_cq_add_soft(struct ibfront_cq *cq, const struct ib_wc *wc);
void ibfront_cq_clean_soft(struct ibfront_cq *cq, const struct ib_qp *ibqp);
int __must_check ibfront_qp_init(struct ibfront_qp *qp);
void ibfront_qp_fini(struct ibfront_qp *qp);
int __must_check ibfront_qp_add(struct ibfront_qp *qp);
void ibfront_qp_del(struct ibfront_qp *qp);
void ibfront_qp_reset(struct ibfront_qp *qp);

static inline struct vibif_page_list
ibfront_page_list(const struct ibfront_mem *mem)
{
	return (struct vibif_page_list){
		.gref_directory = mem->dirs[0].gref,
		.nr_pages = mem->nr_pages,
	};
}

static inline struct vibif_doorbell
ibfront_doorbell(const struct ibfront_queue *queue)
{
	const struct ibfront_db *db = &queue->db;

	if (!db->page)
		return (struct vibif_doorbell){};
	return (struct vibif_doorbell){
		.gref = db->page->gref,
		.offset = db->offset,
	};
}

/*
 * ib_core exports rdma_umap_priv_init() but keeps its declaration in a header
 * that is not installed. It is the same in Linux 6.1 to 7.2.
 */
struct rdma_umap_priv {
	struct vm_area_struct *vma;
	struct list_head list;
	struct rdma_user_mmap_entry *entry;
};

void rdma_umap_priv_init(struct rdma_umap_priv *priv,
			 struct vm_area_struct *vma,
			 struct rdma_user_mmap_entry *entry);

/* device.c */
struct ibfront_dev *ibfront_dev_alloc(struct xenbus_device *xbdev);
int __must_check ibfront_dev_register(struct ibfront_dev *dev);
void ibfront_dev_unregister(struct ibfront_dev *dev);

/*
 * X(name, feature): the verbs, each file's of its own objects, and for some the
 * backend's node that says whether it serves them. A verb that is not set fails
 * with -EOPNOTSUPP.
 */
#define IBFRONT_VERBS(X)				\
	X(query, NULL)					\
	X(counters, NULL)				\
	X(context, NULL)				\
	X(pd, NULL)					\
	X(mr, NULL)					\
	X(mr_kernel, VIBIF_FIELD_FEATURE_MR_SHARE)	\
	X(mr_rereg, VIBIF_FIELD_FEATURE_REREG_MR)	\
	X(mw, VIBIF_FIELD_FEATURE_MW)			\
	X(cq, NULL)					\
	X(cq_resize, VIBIF_FIELD_FEATURE_RESIZE_CQ)	\
	X(srq, NULL)					\
	X(qp, NULL)					\
	X(xrcd, VIBIF_FIELD_FEATURE_XRC)		\
	X(gsi, VIBIF_FIELD_FEATURE_MAD)			\
	X(ah, NULL)					\
	X(work, NULL)

#define IBFRONT_DECLARE_OPS(name, feature)		\
	extern const struct ib_device_ops ibfront_##name##_ops;
IBFRONT_VERBS(IBFRONT_DECLARE_OPS)

#endif /* IBFRONT_H */
