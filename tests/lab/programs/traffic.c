// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves data between two processes by every opcode on every transport, and
 * checks every octet and every field of the completions.
 *
 * usage: traffic [-p PORT]			the server
 *	  traffic [-p PORT] [OPTIONS] SERVER	the client
 *
 * -n SECONDS	operations of all kinds at random, for so long; without it, each
 *		opcode at each size near an edge of MTU or page, once for each
 *		placement
 * -t LIST	the QPs: rc, uc, ud, xrc, srq (RC with an SRQ), each with a path
 *		MTU, as in rc:256,ud:4096
 * -o LIST	the opcodes, of those in kinds[]
 * -s SEED	repeats what was printed with it
 *
 * Both ends draw the same operations from the same seed, so they tell each
 * other no more than that they are ready. An end keeps a shadow of its memory,
 * in which it does by hand what the HCA is to do; all that differs in the end
 * is a failure, be it inside of a buffer or beside one.
 */

#include <endian.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "traffic.h"

#define MAX_LEN		(48u << 10)
#define PAGE		4096u
#define GRH		40
#define GAP		17		/* octets between segments */
#define RECEIVED	(1 << 16)	/* wr_id of receives */
#define MAX_FAILURES	20

static const struct kind {
	const char *name;
	enum ibv_wr_opcode opcode;
	enum ibv_wc_opcode wc_opcode;
	bool imm;
	bool inl;
} kinds[] = {
	{ "send", IBV_WR_SEND, IBV_WC_SEND, false, false },
	{ "send-imm", IBV_WR_SEND_WITH_IMM, IBV_WC_SEND, true, false },
	{ "send-inline", IBV_WR_SEND, IBV_WC_SEND, false, true },
	{ "send-imm-inline", IBV_WR_SEND_WITH_IMM, IBV_WC_SEND, true, true },
	{ "write", IBV_WR_RDMA_WRITE, IBV_WC_RDMA_WRITE, false, false },
	{ "write-imm", IBV_WR_RDMA_WRITE_WITH_IMM, IBV_WC_RDMA_WRITE, true,
	  false },
	{ "write-inline", IBV_WR_RDMA_WRITE, IBV_WC_RDMA_WRITE, false, true },
	{ "read", IBV_WR_RDMA_READ, IBV_WC_RDMA_READ, false, false },
	{ "cmp-swap", IBV_WR_ATOMIC_CMP_AND_SWP, IBV_WC_COMP_SWAP, false,
	  false },
	{ "fetch-add", IBV_WR_ATOMIC_FETCH_AND_ADD, IBV_WC_FETCH_ADD, false,
	  false },
};

#define NR_KINDS	(sizeof(kinds) / sizeof(kinds[0]))

/* Where a buffer is: at an edge of a page, or across edges at an odd address */
enum place { PAGE_START, PAGE_END, ACROSS, NR_PLACES };

/* Segments of the arena */
struct layout {
	unsigned int nr;
	struct {
		uint32_t at, len;
	} seg[MAX_SGE];
};

struct op {
	struct qp *qp;
	const struct kind *kind;
	unsigned int from;		/* which end requests it */
	unsigned int slot;
	uint32_t len;
	enum place place;		/* of what is local to who requests */
	uint64_t key;			/* from which all values are derived */
	struct layout buf[2];		/* of either end */
	struct layout recv;		/* what the other end posts for it */
};

static struct op ops[SLOTS];
static unsigned int nr_ops, nr_batches;
static uint32_t max_len;		/* of this run */
static unsigned long moved[2][2];	/* by requester: messages, octets */

/* ---- Numbers ---- */

static uint64_t rng;

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* 0 .. @n - 1 */
static uint32_t draw(uint32_t n)
{
	rng += 0x9e3779b97f4a7c15;
	return mix(rng) % n;
}

static bool is_atomic(const struct kind *k)
{
	return k->opcode == IBV_WR_ATOMIC_CMP_AND_SWP ||
	       k->opcode == IBV_WR_ATOMIC_FETCH_AND_ADD;
}

static bool is_send(const struct kind *k)
{
	return k->opcode == IBV_WR_SEND || k->opcode == IBV_WR_SEND_WITH_IMM;
}

static bool takes_recv(const struct kind *k)
{
	return is_send(k) || k->imm;
}

static uint32_t op_imm(const struct op *op)
{
	return mix(op->key + 1);
}

static uint64_t op_operand(const struct op *op)
{
	return mix(op->key + 2);
}

/* Half of the comparisons fit. */
static uint64_t op_compare(const struct op *op, uint64_t original)
{
	return op->key & 1 ? original : ~original;
}

/* ---- What is wrong ---- */

static void __attribute__((format(printf, 2, 3)))
wrong(const struct op *op, const char *fmt, ...)
{
	va_list ap;

	printf("batch %u, slot %u: %s on %s, %u octets from the %s: ",
	       nr_batches, op->slot, op->kind->name, op->qp->name, op->len,
	       op->from ? "server" : "client");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (++failures >= MAX_FAILURES)
		exit(verdict());
}

static void same(const struct op *op, const char *what, uint64_t got,
		 uint64_t want)
{
	if (got != want)
		wrong(op, "%s is %#llx, not %#llx", what,
		      (unsigned long long)got, (unsigned long long)want);
}

/* ---- Memory ---- */

/* How much memory is in huge pages. */
static unsigned long huge_kib(void)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long sum = 0, n;
	char line[256];

	NEED(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "AnonHugePages: %lu", &n) == 1)
			sum += n;
	fclose(f);
	return sum;
}

/*
 * Lay @len octets out in half of a slot, in up to @nr segments. @empty: some
 * of them may be.
 */
static void lay_out(struct layout *l, enum place place, uint32_t half,
		    uint32_t len, unsigned int nr, bool empty)
{
	uint32_t at = FIRST_SLOT + half * HALF, span, piece;
	unsigned int i;

	if (!empty && nr > len)
		nr = len;
	l->nr = nr;
	span = nr ? len + GAP * (nr - 1) : 0;
	if (place == PAGE_START)
		at += PAGE;
	else if (place == PAGE_END)
		at += HALF - PAGE - span;
	else
		at += HALF / 2 - (span / 2 | 1);
	for (i = 0; i < nr; i++) {
		if (i == nr - 1)
			piece = len;
		else if (empty)
			piece = draw(len + 1);
		else
			piece = 1 + draw(len - (nr - 1 - i));
		l->seg[i].at = at;
		l->seg[i].len = piece;
		at += piece + GAP;
		len -= piece;
	}
}

/* Copy between @data and what lies @skip octets into a layout of @mem. */
static void copy(uint8_t *mem, const struct layout *l, uint32_t skip,
		 void *data, uint32_t len, bool out)
{
	uint8_t *d = data, *m;
	unsigned int i;
	uint32_t n;

	for (i = 0; i < l->nr && len; i++) {
		if (skip >= l->seg[i].len) {
			skip -= l->seg[i].len;
			continue;
		}
		m = mem + l->seg[i].at + skip;
		n = l->seg[i].len - skip;
		if (n > len)
			n = len;
		skip = 0;
		memcpy(out ? d : m, out ? m : d, n);
		d += n;
		len -= n;
	}
}

static void put(uint8_t *mem, const struct layout *l, uint32_t skip,
		void *data, uint32_t len)
{
	copy(mem, l, skip, data, len, false);
}

static void report_difference(uint32_t i)
{
	uint32_t slot;

	while (!memcmp(arena + i, shadow + i, 64))
		i += 64;
	while (arena[i] == shadow[i])
		i++;
	slot = (i - FIRST_SLOT) / SLOT;
	if (i < FIRST_SLOT || slot >= nr_ops)
		slot = 0;
	wrong(&ops[slot],
	      "octet %#x of the arena, %#x of its half, is %02x, not %02x",
	      i, (i - FIRST_SLOT) % HALF, arena[i], shadow[i]);
	memcpy(arena, shadow, ARENA);
}

/*
 * Compare arena and shadow. Nobody is told when a write over UC arrives, only
 * that it has left, so what differs has time to come right, once.
 */
static void check_arena(uint32_t at, uint32_t len)
{
	time_t end = time(NULL) + (failures ? 0 : CHECK_TIMEOUT_S);

	while (memcmp(arena + at, shadow + at, len)) {
		if (time(NULL) >= end) {
			report_difference(at);
			return;
		}
		usleep(1000);
	}
}

/* ---- Operations ---- */

/* The size number @i near an edge, of those that the QP's MTU has */
static bool edge(const struct qp *qp, const struct kind *k, unsigned int i,
		 uint32_t *len)
{
	static const uint16_t inl[] = {
		0, 1, 27, 28, 29, 43, 44, 45, 59, 60, 61, 63, 64, 65,
		123, 124, 125, 187, 188,
	};
	/* Multiples of the MTU and of a page, and what is added */
	static const struct {
		uint8_t mtus, pages;
		int8_t add;
	} edges[] = {
		{ 0, 0, 0 }, { 0, 0, 1 }, { 1, 0, -1 }, { 1, 0, 0 },
		{ 1, 0, 1 }, { 2, 0, -1 }, { 2, 0, 0 }, { 2, 0, 1 },
		{ 0, 1, -1 }, { 0, 1, 0 }, { 0, 1, 1 },
	};
	static const uint16_t ud[] = {
		0, 1, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2047,
		2048, 2049, 4056, 4057, 4095, 4096,
	};

	if (k->inl && i < sizeof(inl) / sizeof(inl[0]))
		*len = inl[i];
	else if (k->inl && i == sizeof(inl) / sizeof(inl[0]))
		*len = qp->max_inline;
	else if (is_atomic(k) && !i)
		*len = 8;
	else if (k->inl || is_atomic(k))
		return false;
	else if (qp->type == IBV_QPT_UD && i < sizeof(ud) / sizeof(ud[0]))
		*len = ud[i];
	else if (qp->type != IBV_QPT_UD && i < sizeof(edges) / sizeof(edges[0]))
		*len = edges[i].mtus * qp->mtu + edges[i].pages * PAGE +
			edges[i].add;
	else
		return false;
	return true;
}

static uint32_t random_len(const struct qp *qp, const struct kind *k)
{
	uint32_t most = max_len;

	if (is_atomic(k))
		return 8;
	if (qp->type == IBV_QPT_UD)
		most = qp->mtu;
	if (k->inl)
		most = qp->max_inline;
	/* As many small ones as large ones */
	while (most > 16 && draw(3))
		most /= 2;
	return draw(most + 1);
}

static bool listed(const char *name)
{
	size_t n = strlen(name);
	const char *p = options.opcodes;

	while (*p) {
		if (!strncmp(p, name, n) && (p[n] == ',' || !p[n]))
			return true;
		p += strcspn(p, ",");
		p += *p == ',';
	}
	return p == options.opcodes;		/* none: all */
}

static bool allowed(const struct qp *qp, const struct kind *k, uint32_t len)
{
	if (!listed(k->name) || (k->inl && len > qp->max_inline))
		return false;
	if (qp->type == IBV_QPT_UD)
		return is_send(k) && len <= qp->mtu;
	if (qp->type == IBV_QPT_UC)
		return !is_atomic(k) && k->opcode != IBV_WR_RDMA_READ;
	return true;
}

/* The next of all that there are; false: there is none. */
static bool next_edge(struct op *op)
{
	static unsigned int q, k, i, variant;

	for (; q < nr_qps; q++, k = 0) {
		for (; k < NR_KINDS; k++, i = 0) {
			op->qp = &qps[q];
			op->kind = &kinds[k];
			for (; edge(op->qp, op->kind, i, &op->len); i++) {
				if (!allowed(op->qp, op->kind, op->len) ||
				    variant == 2 * NR_PLACES) {
					variant = 0;
					continue;
				}
				op->from = variant % 2;
				op->place = variant++ / 2;
				return true;
			}
		}
	}
	return false;
}

static void next_random(struct op *op)
{
	unsigned int tries = 10000;

	do {
		if (!tries--) {
			printf("none of these opcodes is of these QPs\n");
			exit(2);
		}
		op->qp = &qps[draw(nr_qps)];
		op->kind = &kinds[draw(NR_KINDS)];
		op->len = random_len(op->qp, op->kind);
	} while (!allowed(op->qp, op->kind, op->len));
	op->from = draw(2);
	op->place = draw(NR_PLACES);
}

/* Where the data of an operation is, and where it goes */
static void lay_out_op(struct op *op)
{
	unsigned int half = 2 * op->slot + nr_batches % 2, nr;
	bool read = op->kind->opcode == IBV_WR_RDMA_READ;
	struct layout *local = &op->buf[op->from];
	struct layout *remote = &op->buf[!op->from];
	enum place far = (op->place + draw(NR_PLACES)) % NR_PLACES;
	uint32_t room = op->len;

	nr = is_atomic(op->kind) ? 1 : draw(MAX_SGE + 1);
	if (!nr && op->len)
		nr = 1;
	lay_out(local, op->place, half, op->len, nr, !read);
	lay_out(remote, far, half, op->len, 1, true);
	if (is_atomic(op->kind))
		remote->seg[0].at &= ~7;

	if (op->qp->srq)
		room = max_len;		/* It may take any message. */
	else if (draw(2))
		room += draw(100);
	if (op->qp->type == IBV_QPT_UD)
		room += GRH;
	lay_out(&op->recv, far, half ^ 1, room, 1 + draw(MAX_SGE), false);
}

static void draw_batch(void)
{
	struct op *op;

	for (nr_ops = 0; nr_ops < SLOTS; nr_ops++) {
		op = &ops[nr_ops];
		op->slot = nr_ops;
		if (options.seconds)
			next_random(op);
		else if (!next_edge(op))
			break;
		op->key = mix(rng + 3);
		lay_out_op(op);
	}
}

static struct ibv_sge *sges(const struct layout *l, unsigned int which)
{
	static struct ibv_sge sge[MAX_SGE];
	unsigned int i;

	for (i = 0; i < l->nr; i++)
		sge[i] = (struct ibv_sge) {
			.addr = (uintptr_t)arena + l->seg[i].at,
			.length = l->seg[i].len,
			.lkey = mr[(which + i) % 2]->lkey,
		};
	return sge;
}

static void post_recv(struct op *op)
{
	struct ibv_recv_wr wr = {
		.wr_id = RECEIVED | op->slot,
		.sg_list = sges(&op->recv, op->slot),
		.num_sge = op->recv.nr,
	}, *bad;
	struct fifo *f = &op->qp->received;

	if (op->qp->srq)
		NEED(!ibv_post_srq_recv(op->qp->srq, &wr, &bad));
	else
		NEED(!ibv_post_recv(op->qp->recv, &wr, &bad));
	f->op[f->end++ % SLOTS] = op;
}

static uint64_t original_value(const struct op *op)
{
	uint64_t value;

	fill((uint8_t *)&value, sizeof(value), op->key);
	return value;
}

/* Sets the scene, and does in the shadow what is going to happen. */
static void prepare(struct op *op)
{
	static uint8_t data[MAX_LEN];
	const struct layout *here = &op->buf[me];
	bool read = op->kind->opcode == IBV_WR_RDMA_READ;
	bool mine = op->from == me;
	uint64_t value = original_value(op);

	fill(data, op->len, op->key);
	if (is_atomic(op->kind)) {
		if (!mine)
			put(arena, here, 0, data, op->len);
		if (!mine && op->kind->opcode == IBV_WR_ATOMIC_FETCH_AND_ADD)
			value += op_operand(op);
		else if (!mine && op_compare(op, value) == value)
			value = op_operand(op);
		put(shadow, here, 0, &value, sizeof(value));
	} else if (mine || !is_send(op->kind)) {
		put(shadow, here, 0, data, op->len);
		if (mine != read)
			put(arena, here, 0, data, op->len);
	}
	if (!mine && takes_recv(op->kind))
		post_recv(op);
}

static void post(struct op *op)
{
	const struct end *peer = &ends[!me];
	const struct layout *there = &op->buf[!me];
	uint64_t remote = peer->arena + there->seg[0].at;
	uint32_t rkey = peer->rkey[op->slot % 2];
	struct ibv_send_wr wr = {
		.wr_id = op->slot,
		.sg_list = sges(&op->buf[me], op->slot),
		.num_sge = op->buf[me].nr,
		.opcode = op->kind->opcode,
		.send_flags = IBV_SEND_SIGNALED |
			(op->kind->inl ? IBV_SEND_INLINE : 0),
		.imm_data = htobe32(op_imm(op)),
	}, *bad;
	struct fifo *f = &op->qp->sent;

	if (is_atomic(op->kind)) {
		wr.wr.atomic.remote_addr = remote;
		wr.wr.atomic.rkey = rkey;
		wr.wr.atomic.compare_add =
			op->kind->opcode == IBV_WR_ATOMIC_FETCH_AND_ADD ?
			op_operand(op) : op_compare(op, original_value(op));
		wr.wr.atomic.swap = op_operand(op);
	} else if (op->qp->type == IBV_QPT_UD) {
		wr.wr.ud.ah = op->qp->ah[op->key / 2 % 2];
		wr.wr.ud.remote_qpn = op->qp->peer_qpn;
		wr.wr.ud.remote_qkey = CHECK_QKEY;
	} else {
		wr.wr.rdma.remote_addr = remote;
		wr.wr.rdma.rkey = rkey;
	}
	if (op->qp->type == IBV_QPT_XRC_SEND)
		wr.qp_type.xrc.remote_srqn = peer->xrc_srqn;
	NEED(!ibv_post_send(op->qp->send, &wr, &bad));
	f->op[f->end++ % SLOTS] = op;
}

/* ---- Completions ---- */

static struct op *next_op(struct fifo *f, const struct ibv_wc *wc)
{
	if (f->first == f->end) {
		printf("QP %#x: a completion of nothing, wr_id %#llx\n",
		       wc->qp_num, (unsigned long long)wc->wr_id);
		exit(1);
	}
	return f->op[f->first++ % SLOTS];
}

static void check_sent(const struct ibv_wc *wc)
{
	struct op *op = &ops[wc->wr_id];

	same(op, "the operation to complete next",
	     next_op(&op->qp->sent, wc)->slot, op->slot);
	same(op, "opcode", wc->opcode, op->kind->wc_opcode);
	same(op, "qp_num", wc->qp_num, op->qp->send->qp_num);
	if (op->kind->opcode == IBV_WR_RDMA_READ || is_atomic(op->kind))
		same(op, "byte_len", wc->byte_len, op->len);
}

static void check_grh(const struct op *op, const struct layout *l)
{
	const struct ibv_ah_attr want = path(true);
	struct ibv_grh grh;
	/* BTH, DETH, immediate, data with its pad, ICRC */
	unsigned int len = 12 + 8 + 4 * op->kind->imm + (op->len + 3) / 4 * 4 + 4;

	copy(arena, l, 0, &grh, GRH, true);
	same(op, "GRH: version, class and label",
	     be32toh(grh.version_tclass_flow), 6u << 28 |
	     (uint32_t)want.grh.traffic_class << 20 | want.grh.flow_label);
	same(op, "GRH: length", be16toh(grh.paylen), len);
	same(op, "GRH: next header", grh.next_hdr, 0x1b);
	same(op, "GRH: hop limit", grh.hop_limit, want.grh.hop_limit);
	same(op, "GRH: sgid differs",
	     !!memcmp(&grh.sgid, &ends[!me].gid, sizeof(grh.sgid)), 0);
	same(op, "GRH: dgid differs",
	     !!memcmp(&grh.dgid, &ends[me].gid, sizeof(grh.dgid)), 0);
}

static void check_datagram(const struct op *op, const struct ibv_wc *wc,
			   const struct layout *l)
{
	uint8_t grh[GRH];

	same(op, "src_qp", wc->src_qp, ends[!me].send_qpn[op->qp - qps]);
	same(op, "slid", wc->slid, ends[!me].lid);
	same(op, "sl", wc->sl, 0);
	if (wc->wc_flags & IBV_WC_GRH)
		check_grh(op, l);
	/* Without a GRH, nobody says what is in its place. */
	copy(arena, l, 0, grh, GRH, true);
	put(shadow, l, 0, grh, GRH);
}

static void check_received(const struct ibv_wc *wc)
{
	const struct layout *l = &ops[wc->wr_id & ~RECEIVED].recv;
	static uint8_t data[MAX_LEN];
	unsigned int flags, grh;
	struct op *op;
	struct qp *qp = qps;

	while (qp->recv->qp_num != wc->qp_num)
		NEED(++qp < qps + nr_qps);
	op = next_op(&qp->received, wc);
	grh = qp->type == IBV_QPT_UD ? GRH : 0;
	flags = (op->kind->imm ? IBV_WC_WITH_IMM : 0) |
		(grh && op->key / 2 % 2 ? IBV_WC_GRH : 0);
	same(op, "opcode", wc->opcode, is_send(op->kind) ?
	     IBV_WC_RECV : IBV_WC_RECV_RDMA_WITH_IMM);
	same(op, "byte_len", wc->byte_len, op->len + grh);
	same(op, "wc_flags", wc->wc_flags, flags);
	if (op->kind->imm)
		same(op, "imm_data", be32toh(wc->imm_data), op_imm(op));
	if (!qp->srq)
		same(op, "the slot received in", wc->wr_id & ~RECEIVED,
		     op->slot);
	if (grh)
		check_datagram(op, wc, l);
	fill(data, op->len, op->key);
	if (is_send(op->kind))
		put(shadow, l, grh, data, op->len);
}

/* Sleeps until the CQ has something, or its event comes too late. */
static void wait_event(void)
{
	struct pollfd fd = { .fd = events->fd, .events = POLLIN };
	struct ibv_cq *event_cq;
	void *context;

	if (poll(&fd, 1, CHECK_TIMEOUT_S * 1000) != 1) {
		printf("batch %u: no event in %d s, %s\n", nr_batches,
		       CHECK_TIMEOUT_S, ibv_poll_cq(cq, 1, &(struct ibv_wc){}) ?
		       "but a completion" : "nor a completion");
		exit(1);
	}
	NEED(!ibv_get_cq_event(events, &event_cq, &context));
	ibv_ack_cq_events(event_cq, 1);
}

static void complete(unsigned int nr)
{
	static bool armed;
	struct ibv_wc wc;
	int n;

	while (nr) {
		n = ibv_poll_cq(cq, 1, &wc);
		NEED(n >= 0);
		if (!n && armed) {
			wait_event();
			armed = false;
		} else if (!n) {
			NEED(!ibv_req_notify_cq(cq, 0));
			armed = true;
		} else if (wc.status) {
			wrong(&ops[wc.wr_id & ~RECEIVED], "%s%s",
			      wc.wr_id & RECEIVED ? "receive: " : "",
			      ibv_wc_status_str(wc.status));
			exit(verdict());
		} else if (wc.wr_id & RECEIVED) {
			check_received(&wc);
			nr--;
		} else {
			check_sent(&wc);
			nr--;
		}
	}
}

/* ---- All together ---- */

/* Returns what the client said, the client @go_on. */
static bool run_batch(bool go_on)
{
	unsigned int nr_completions = 0;
	struct op *op;

	for (op = ops; op < ops + nr_ops; op++) {
		prepare(op);
		nr_completions += op->from == me || takes_recv(op->kind);
		op->qp->nr_ops++;
		op->qp->octets += op->len;
		moved[op->from][0]++;
		moved[op->from][1] += op->len;
	}
	both_ready(true);
	for (op = ops; op < ops + nr_ops; op++)
		if (op->from == me)
			post(op);
	complete(nr_completions);
	go_on = both_ready(go_on);
	check_arena(FIRST_SLOT, SLOTS * SLOT);
	nr_batches++;
	return go_on;
}

static void run(void)
{
	time_t end = time(NULL) + options.seconds;

	do {
		draw_batch();
	} while (nr_ops && run_batch(!options.seconds || time(NULL) < end));
	check_arena(0, ARENA);
}

static void report(void)
{
	unsigned int i;

	for (i = 0; i < nr_qps; i++)
		printf("%-8s %8lu messages %12lu octets\n", qps[i].name,
		       qps[i].nr_ops, qps[i].octets);
	for (i = 0; i < 2; i++)
		printf("from the %s: %lu messages, %lu octets\n",
		       i ? "server" : "client", moved[i][0], moved[i][1]);
	printf("%lu KiB of huge pages\n", huge_kib());
}

static void parse_arguments(int argc, char **argv, const char **port)
{
	int c;

	options.seed = time(NULL);
	while ((c = getopt(argc, argv, "p:n:t:o:s:")) != -1) {
		switch (c) {
		case 'p':
			*port = optarg;
			break;
		case 'n':
			options.seconds = atoi(optarg);
			break;
		case 't':
			snprintf(options.qps, sizeof(options.qps), "%s",
				 optarg);
			break;
		case 'o':
			snprintf(options.opcodes, sizeof(options.opcodes),
				 "%s", optarg);
			break;
		case 's':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	const char *port = "18515";

	parse_arguments(argc, argv, &port);
	me = !argv[optind];
	setvbuf(stdout, NULL, _IOLBF, 0);
	meet(argv[optind], port);
	printf("seed %llu\n", (unsigned long long)options.seed);
	rng = options.seed;
	max_len = options.seconds ? MAX_LEN : 2 * PAGE + 1;
	set_up();
	run();
	report();
	return verdict();
}
