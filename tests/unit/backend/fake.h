/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A provider without hardware, which keeps books.
 *
 * It has the ops of hca.h, and a geometry that is nobody else's. It knows what
 * it has given out and who refers to what, and fails the test when something is
 * destroyed that is in use, when a page is unmapped that it could still write
 * to, or when it is given one that is not mapped.
 */
#ifndef FAKE_H
#define FAKE_H

#include "ibback.h"

#define FAKE_UARS		64
#define FAKE_RESERVED_UARS	2	/* the first ones are nobody's */
#define FAKE_UARS_PER_CONTEXT	2
#define FAKE_CQE_SIZE		128
#define FAKE_MIN_CQ_ENTRIES	4
#define FAKE_MAX_CQ_ENTRIES	4096
#define FAKE_VECTORS		3
#define FAKE_SQ_LIMITS		{ 8, 5, 9 }
#define FAKE_RQ_LIMITS		{ 10, 6, 8 }
#define FAKE_SRQ_LIMITS		{ 9, 7, 7 }
#define FAKE_CQ_DB_SIZE		16
#define FAKE_QP_DB_SIZE		8
#define FAKE_SRQ_DB_SIZE	32
#define FAKE_CAPS		(IB_DEVICE_XRC | IB_DEVICE_MEM_WINDOW)
#define FAKE_GUID		0xfa4e000000000001ULL
#define FAKE_PROVIDER		0xfa4e
#define FAKE_UAR_FRAME		0xd000

enum fake_kind {
	FAKE_PD,
	FAKE_MR,
	FAKE_MW,
	FAKE_CQ,
	FAKE_QP,
	FAKE_SRQ,
	FAKE_XRCD,
	FAKE_FLOW,
	FAKE_NR_KINDS
};

struct fake_books {
	long objects[FAKE_NR_KINDS];
	long members;		/* of multicast groups */
	long uars;		/* reserved */
	long active;		/* QPs that are not in Reset */
	long open;		/* HCAs */
};

extern struct fake_books fake_books;

/* Its RDMA device, for ib_device_add() */
extern struct ib_device fake_device;

/* The errno of ops that kernel_fail() has fail; -ENOSPC after fake_reset(). */
extern int fake_errno;

/* Nothing may go before all QPs are in Reset. */
extern bool fake_teardown;

void fake_reset(void);

/*
 * Its core driver restarts, between ib_device_remove() and ib_device_add(): it
 * has forgotten who has which doorbell page.
 */
void fake_restart(void);
/* Another user takes a doorbell page. */
void fake_uar_take(u32 index);

/* An event of the object with this number: false if there is none. */
bool fake_event(enum fake_kind kind, u32 number, unsigned int event);
/* Binds a window, which keeps the region; windows forget when they go. */
void fake_bind(u32 window_rkey, u32 region_lkey);
/* What was last asked for: of a CQ's moderation, of an SRQ's limit. */
u16 fake_cq_period(u32 cqn);
u32 fake_srq_limit(u32 srqn);
/* Called when a QP is being destroyed, if not NULL */
extern void (*fake_qp_dies)(u32 qpn);
/*
 * Which of the HCA's GIDs a QP sends from, also by its alternate path, and
 * which P_Key it has
 */
u8 fake_qp_sgid_index(u32 qpn);
u8 fake_qp_alt_sgid_index(u32 qpn);
u16 fake_qp_pkey_index(u32 qpn);
/* The state of a QP; and what the HCA may do to it by itself */
enum ib_qp_state fake_qp_state(u32 qpn);
void fake_qp_error(u32 qpn);
void fake_qp_migrate(u32 qpn, u8 port);
/* What a counter has counted, for tests to change; how many QPs name it */
struct ibback_flow *fake_flow(u32 index);
unsigned int fake_flow_users(u32 index);
/* How often one was read */
extern unsigned int fake_flow_reads;
/* The page @i of an object's memory, 0 behind the last */
u64 fake_page(enum fake_kind kind, u32 number, u32 i);

#endif /* FAKE_H */
