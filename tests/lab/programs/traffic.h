/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of traffic share: setup makes what operations use. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>
#include <infiniband/verbs.h>

#include "check.h"

#define HUGE_PAGE	(2u << 20)
#define ARENA		(4 * HUGE_PAGE)
/* Operations at a time, each with a part of its own of both arenas */
#define SLOTS		32
#define SLOT		(128u << 10)
#define HALF		(SLOT / 2)
/* Edges between huge pages lie in the middle of some slot's half. */
#define FIRST_SLOT	(HUGE_PAGE - HALF / 2)
#define MAX_SGE		7
#define MAX_QPS		16

struct options {
	uint64_t seed;
	uint32_t seconds;
	char qps[200];
	char opcodes[200];
};

/* What one end tells the other of itself */
struct end {
	uint64_t arena;
	uint32_t rkey[2];
	uint32_t xrc_srqn;
	uint16_t lid;
	union ibv_gid gid;
	uint32_t send_qpn[MAX_QPS];
	uint32_t recv_qpn[MAX_QPS];
};

struct op;

/* What must complete next, in this order */
struct fifo {
	struct op *op[SLOTS];
	unsigned int first, end;
};

/* QPs of both ends, connected; of XRC, one for each direction */
struct qp {
	char name[16];
	enum ibv_qp_type type;		/* of the one that sends */
	uint32_t mtu;
	uint32_t max_inline;
	bool global;			/* with a GRH */
	struct ibv_qp *send, *recv;
	struct ibv_srq *srq;
	struct ibv_ah *ah[2];		/* UD: without and with a GRH */
	uint32_t peer_qpn;		/* that is sent to */
	struct fifo sent, received;
	unsigned long nr_ops, octets;
};

extern struct options options;
extern unsigned int me;			/* 0: the client, 1: the server */
extern struct ibv_comp_channel *events;
extern struct ibv_cq *cq;
extern struct ibv_mr *mr[2];
extern uint8_t *arena, *shadow;
extern struct end ends[2];
extern struct qp qps[MAX_QPS];
extern unsigned int nr_qps;

/* Pseudo-random octets */
void fill(uint8_t *data, uint32_t len, uint64_t key);

/*
 * Find the other end, of which the client names the @host, and have the same
 * options.
 */
void meet(const char *host, const char *port);

/* Wait until both ends have come here. Return: what the client said. */
bool both_ready(bool go_on);

/* Memory, queues, and QPs that are connected. */
void set_up(void);

struct ibv_ah_attr path(bool global);

#endif /* TRAFFIC_H */
