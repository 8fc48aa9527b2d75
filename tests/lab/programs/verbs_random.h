/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of verbs_random share. */

#ifndef VERBS_RANDOM_H
#define VERBS_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <infiniband/verbs.h>

#define ARENA		65536		/* octets that MRs may lie in */
#define MAX_SLOTS	10
#define MAX_SGE		3
#define MAX_SENDS	4		/* work requests in a step */
#define MAX_RECVS	(1 << 18)	/* work requests from the oldest on */

enum kind { PD, MR, CQ, SRQ, QP, AH, MW, XRCD, NR_KINDS };

struct region {		/* beside object[MR] and object[MW] */
	char *addr;
	size_t length;
	bool broken;	/* a re-registration failed: what it is now is open */
};

struct queue_pair {	/* beside object[QP] */
	enum ibv_qp_type type;
	enum ibv_qp_state state;	/* as last heard of */
	int peer;		/* slot, -1: none */
	int sends;		/* signalled work requests not completed */
	int recvs;		/* work requests in its own receive queue */
	unsigned int mrs;	/* bits of those that what is queued names */
	bool dirty;		/* has to be asked for its state */
	bool signal_all;
};

struct shared_queue {	/* beside object[SRQ] */
	bool has_xrcd;
	int recvs;		/* work requests that have not completed */
	unsigned int mrs;	/* as above */
};

extern const int slots[NR_KINDS];
extern void *object[NR_KINDS][MAX_SLOTS];
extern struct region mrs[MAX_SLOTS], mws[MAX_SLOTS];
extern struct queue_pair qps[MAX_SLOTS];
extern struct shared_queue srqs[MAX_SLOTS];
extern int armed[MAX_SLOTS];	/* CQs: 1 for any, 2 for solicited */
extern int groups[MAX_SLOTS];	/* AHs: multicast group, from 1, or 0 */
extern struct posted {
	struct ibv_sge sge[MAX_SGE];
	int srq;		/* -1: a QP's own queue */
} posted[MAX_RECVS];	/* by wr_id >> 2 */

extern struct ibv_context *ctx;
extern struct ibv_comp_channel *channel;
extern char *arena;
extern uint16_t lid;
extern union ibv_gid gid;
extern bool solicited;		/* all that is sent */

/* A QP connected with itself that this program keeps in working order */
extern struct fence {
	struct ibv_qp *qp;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
} fence;

/* Chance */
uint64_t random64(void);
unsigned int below(unsigned int n);
bool chance(unsigned int percent);
long one_of(const long *list, unsigned int n);

#define ONE_OF(...) one_of((const long[]){ __VA_ARGS__ }, \
			   sizeof((long[]){ __VA_ARGS__ }) / sizeof(long))

/* A random slot of a kind, free or in use; -1 if there is none. */
int pick(enum kind kind, bool free);
int used(enum kind kind);
int slot_of(enum kind kind, const void *what);
int qp_of(uint32_t qpn);

/* Says how a verb ended that returns 0, an errno, or -1 with errno. */
int ended(int ret);
/* The same of one that makes an object. */
bool made(enum kind kind, int slot, void *what);
const char *state_name(enum ibv_qp_state state);

#define WR_RECV		1	/* in the low bits of a wr_id */
#define WR_SILENT	2	/* not signalled */
uint64_t next_wr_id(int flags);

/* Is there a work request that names this MR? */
bool is_named(int mr);
/* Ask a QP for its state, until it has drained if it is to. */
void refresh(int i);
/* Wait until what was sent on a QP has completed and arrived. */
void await_traffic(int i);
/*
 * Wait until each signalled work request on a QP that works on them, and each
 * receive on one that flushes them, has completed. Says what has.
 */
void settle(void);
uint64_t arena_hash(void);

struct ibv_qp_attr good_attr(enum ibv_qp_state next, uint32_t dest,
			     enum ibv_mtu mtu);

void step_alloc_mw(void);
void step_alloc_pd(void);
void step_bind_mw(void);
void step_connect(void);
void step_create_ah(void);
void step_create_cq(void);
void step_create_qp(void);
void step_create_srq(void);
void step_modify_qp(void);
void step_modify_srq(void);
void step_multicast(void);
void step_open_xrcd(void);
void step_post_recv(void);
void step_post_send(void);
void step_post_srq_recv(void);
void step_query_qp(void);
void step_query_srq(void);
void step_reg_mr(void);
void step_req_notify(void);
void step_rereg_mr(void);
void step_resize_cq(void);

#endif
