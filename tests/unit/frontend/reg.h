/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fastreg.c uses of ib_core and of the rest of the frontend, besides the
 * backend's stand-in for Linux.
 */
#ifndef REG_H
#define REG_H

#include "linux.h"
#include <xen/interface/io/vibif.h>

#define spin_lock_irq(lock)	spin_lock(lock)
#define spin_unlock_irq(lock)	spin_unlock(lock)
#define list_first_entry_or_null(head, type, member)			\
	(list_empty(head) ? NULL : list_first_entry(head, type, member))

#define WQ_UNBOUND		1
#define WQ_MEM_RECLAIM		2

struct workqueue_struct;

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active);
void destroy_workqueue(struct workqueue_struct *wq);
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
void flush_work(struct work_struct *work);

/* ib_core's */

enum ib_wr_opcode { IB_WR_SEND, IB_WR_REG_MR };

struct ib_device {
	int nothing;
};

struct ib_pd {
	struct ib_device *device;
};

struct ib_mr {
	struct ib_pd *pd;
	u64 iova;
	u64 length;
};

struct ib_qp {
	struct ib_device *device;
};

struct ib_send_wr {
	enum ib_wr_opcode opcode;
};

struct ib_reg_wr {
	struct ib_send_wr wr;
	struct ib_mr *mr;
};

#define reg_wr(w)		container_of(w, struct ib_reg_wr, wr)

/* The frontend's */

struct ibfront_obj {
	u32 handle;
};

struct ibfront_share {
	struct ibfront_obj obj;
	u32 lkey;
};

struct ibfront_pd {
	struct ib_pd ibpd;
};

struct ibfront_qp {
	struct ib_qp ibqp;
	struct {
		spinlock_t lock;
	} sq;
};

struct ibfront_held {
	struct list_head entry;
	struct ibfront_qp *qp;
	u32 index;
	u64 addr;
	u64 iova;
	u64 length;
};

struct ibfront_mr {
	struct ib_mr ibmr;
	u64 addr;
	struct ibfront_held held;
	struct ibfront_share moved;
	bool has_moved;
};

struct ibfront_fastreg {
	spinlock_t lock;
	struct list_head held;
	struct work_struct work;
};

struct ibfront_queue_ops {
	void (*release_send)(struct ibfront_qp *qp, u32 index, u32 lkey);
	void (*ring_sq)(struct ibfront_qp *qp);
	u32 no_lkey;
};

struct ibfront_dev {
	struct ib_device ibdev;
	const struct {
		const struct ibfront_queue_ops *queues;
	} *provider;
	struct ibfront_fastreg fastreg;
	bool dead;
};

#define to_fdev(dev)		container_of(dev, struct ibfront_dev, ibdev)
#define to_fmr(mr)		container_of(mr, struct ibfront_mr, ibmr)
#define to_fpd(pd)		container_of(pd, struct ibfront_pd, ibpd)
#define ibfront_ring_dead(d)	((d)->dead)

int ibfront_arena_share(struct ibfront_dev *dev, struct ibfront_pd *pd,
			u64 addr, u64 len, u64 iova,
			struct ibfront_share *share);
int ibfront_try_destroy(struct ibfront_dev *dev, const struct ibfront_obj *obj);
void ibfront_destroy(struct ibfront_dev *dev, const struct ibfront_obj *obj);

int ibfront_fastreg_start(void);
void ibfront_fastreg_stop(void);
void ibfront_fastreg_init(struct ibfront_dev *dev);
void ibfront_fastreg_init_mr(struct ibfront_mr *mr);
void ibfront_fastreg_fini_mr(struct ibfront_dev *dev, struct ibfront_mr *mr);
bool ibfront_fastreg_is_moved(const struct ib_send_wr *wr);
int ibfront_fastreg_hold(struct ibfront_qp *qp, u32 index,
			 const struct ib_send_wr *wr);
void ibfront_fastreg_forget_qp(struct ibfront_qp *qp);

#endif /* REG_H */
