/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's frontend: requests in, responses out.
 *
 * What takes xenbus, the ring and the event area in a real backend is done here
 * in a few lines; everything else is the backend's own code, over the provider
 * of fake.h.
 */
#ifndef GUEST_H
#define GUEST_H

#include <setjmp.h>

#include "fake.h"

#include <cmocka.h>

/* Handle and number of an object. A region's number is its lkey. */
struct obj {
	u32 handle;
	u32 number;
};

#define GUEST_DIR		"backend/vib/7/0"
#define GUEST_NR_CONTEXTS	4
#define GUEST_EVENT_WORDS	64

/*
 * For cmocka: an HCA that guests can have; nothing is left of all of it, nor of
 * the device of guest_new().
 */
int guest_setup(void **state);
int guest_teardown(void **state);

/* Who the guest is, from its next device on; first it is domain 7. */
domid_t guest_domid(void);
void guest_set_domid(domid_t domid);
/* The GUID of the HCA that its next device wants, 0 for any */
extern u64 guest_guid;

/*
 * Attach a device as xenbus.c does, with what GUEST_DIR says of quotas and
 * doorbell pages. It is closed if something fails: see xen_error().
 */
struct ibback_dev *guest_attach(void);
void guest_connect(struct ibback_dev *dev);
void guest_disconnect(struct ibback_dev *dev);
/* The backend goes; with xen_rm_nodes() before it, the toolstack detaches. */
void guest_detach(struct ibback_dev *dev);
/* Attach and connect; guest_teardown() ends it. */
struct ibback_dev *guest_new(void);
/* Disconnect, detach, and the guest dies: all of it must be given back. */
void guest_end(struct ibback_dev *dev);

/*
 * Execute a request. After a failure everything must be as it was before, but
 * for the -EIO of a REREG_MR.
 */
int guest_try(struct ibback_dev *dev, const struct vibif_req *req,
	      struct vibif_rsp *rsp);
/*
 * The same; and if it was a failure that fail_at() wanted, the status must be
 * what that stands for, and the same request must succeed when it is repeated,
 * which is done here. But the -EIO of a REREG_MR is returned.
 */
int guest_request(struct ibback_dev *dev, struct vibif_req req,
		  struct vibif_rsp *rsp);
/* The same for those whose response has nothing but a status */
int guest_status(struct ibback_dev *dev, struct vibif_req req);
int guest_destroy(struct ibback_dev *dev, struct obj obj);
/* It must succeed; and makes an object. */
void guest_do(struct ibback_dev *dev, struct vibif_req req);
struct obj guest_create(struct ibback_dev *dev, struct vibif_req req);

/* A page of the guest's; free all of them; so many, granted, in a list. */
void *guest_page(void);
void guest_free_pages(void);
struct vibif_page_list guest_pages(u32 nr, bool writable);
struct vibif_doorbell guest_doorbell(void);
/* The directory page of a list, to change it */
struct vibif_page_directory *guest_directory(const struct vibif_page_list *l);

/* Requests as a sane frontend makes them; 0: no such object */
struct vibif_req req_context(void);
struct vibif_req req_pd(void);
struct vibif_req req_mr(struct obj pd, u32 nr_pages);
struct vibif_req req_share(struct obj pd, struct obj source, u32 nr_pages);
struct vibif_req req_rereg(struct obj mr, u32 flags);
struct vibif_req req_retire(struct obj mr);
struct vibif_req req_mw(struct obj pd);
struct vibif_req req_cq(struct obj context);
struct vibif_req req_resize_cq(struct obj cq, u32 entries);
struct vibif_req req_srq(struct obj pd);
struct vibif_req req_xrc_srq(struct obj pd, struct obj cq, struct obj xrcd);
struct vibif_req req_qp(u8 type, struct obj context, struct obj pd,
			struct obj cq);
struct vibif_req req_srq_qp(struct obj context, struct obj pd, struct obj cq,
			    struct obj srq);
struct vibif_req req_tgt_qp(struct obj xrcd);
struct vibif_req req_modify_qp(struct obj qp, u8 type, enum ib_qp_state next);
struct vibif_req req_mcast(u8 operation, struct obj qp, u8 group);
struct vibif_req req_xrcd(void);
struct vibif_req req_query_device(grant_ref_t gref);
struct vibif_req req_query_port(u8 port);
struct vibif_req req_query_table(u8 operation, u8 port, u16 index);
struct vibif_req req_destroy(struct obj obj);
struct vibif_req req_on(u8 operation, struct obj obj);

/* What time it is, in nanoseconds */
extern u64 guest_now;

/*
 * In place of gsi_hook.c: a MAD of the CM comes; whether it was taken. How many
 * take part, how often it was waited for whoever is taking one, and whether
 * nobody can take part.
 */
bool guest_hook_mad(u32 port, const struct ib_wc *wc, const struct ib_mad *mad);
unsigned int guest_hook_users(void);
extern unsigned int guest_hook_syncs;
extern bool guest_no_hook;

/* Events that have reached an object's word; all are taken. */
u32 guest_events(struct obj obj);
/* How often the guest was asked to take its events in a slower way. */
extern u16 guest_least_period;

/* What the backend holds of one thing, of all guests together: sysfs. */
long guest_total(const char *name);
/* Everything: how many objects, pages, references ... */
struct books {
	struct kernel_books kernel;
	struct fake_books fake;
	long mapped;
	long total[32];
	long used[IBBACK_NR_RESOURCES];
	long refs;
};
void books_read(struct ibback_dev *dev, struct books *books);
void books_compare(const struct books *a, const struct books *b,
		   const char *what);

/*
 * A teardown may find that the HCA keeps something: that nothing else is left
 * is checked, and this says what is, in the test that wants to know.
 */
extern bool guest_may_stick;
extern struct books guest_stuck;
/* How many objects are said to be stuck in this test */
long guest_nr_stuck(void);

/*
 * Run @fn, which attaches a device and ends it, with the 1st, 2nd, ... call of
 * any kind failing, until it is done before one fails.
 */
void sweep(void (*fn)(void));

#endif /* GUEST_H */
