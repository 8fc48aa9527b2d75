/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs share. They say what is not as it should be and go
 * on, and exit with 1 then; what they cannot do without ends them at once.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <infiniband/verbs.h>

#define CHECK_PORT	1
#define CHECK_QKEY	0x11111111
/* How long what must come is waited for */
#define CHECK_TIMEOUT_S	20

#define ALL_RIGHTS	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | \
			 IBV_ACCESS_REMOTE_READ)

extern int failures;

#define EXPECT(expr, want) expect(__LINE__, #expr, (long)(expr), (long)(want))
/* As EXPECT(), of two numbers: the values are printed. */
#define EXPECT_CMP(a, op, b) do {					\
	long a_ = (long)(a), b_ = (long)(b);				\
	expect_cmp(__LINE__, #a " " #op " " #b, a_, b_, a_ op b_);	\
} while (0)
#define NEED(expr) need(__LINE__, #expr, !!(expr))

void expect(int line, const char *expr, long got, long want);
void expect_cmp(int line, const char *expr, long a, long b, int ok);
void need(int line, const char *expr, int ok);

/* The first HCA that there is. */
struct ibv_context *open_hca(void);
uint16_t port_lid(struct ibv_context *ctx);

/* The attributes that a transition needs, as the IBTA has it. */
int qp_needs(enum ibv_qp_type type, enum ibv_qp_state cur,
	     enum ibv_qp_state next);

/* A QP of RC, UC or UD through its states, every optional attribute modest. */
void qp_to_init(struct ibv_qp *qp);
void qp_to_rtr(struct ibv_qp *qp, uint16_t dlid, uint32_t dest_qpn);
void qp_to_rts(struct ibv_qp *qp);

/* Two QPs of RC or UC on a port, from RESET to RTS, each for the other. */
void connect_qps(struct ibv_qp *a, struct ibv_qp *b, uint16_t lid);

struct pair {
	struct ibv_qp *near;
	struct ibv_qp *far;
};

void destroy_pair(struct pair p);

/* A UD QP from RESET to RTS. */
void ud_to_rts(struct ibv_qp *qp);

/* A UD QP in RTS, each queue of which takes @depth WQEs of one entry. */
struct ibv_qp *create_ud(struct ibv_pd *pd, struct ibv_cq *send_cq,
			 struct ibv_cq *recv_cq, uint32_t depth);

/* The status of the next completion, or -1 if none comes in time. */
int next_wc(struct ibv_cq *cq, struct ibv_wc *wc);

/* Whether @fd can be read within @ms milliseconds. */
int readable(int fd, int ms);

/* Prints the number of failures. Return: the exit status. */
int verdict(void);

/*
 * Runs @checks in two processes at once, which are to see nothing of each
 * other. Return: as verdict(), over both.
 */
int twice_at_once(void (*checks)(void));

#endif /* CHECK_H */
