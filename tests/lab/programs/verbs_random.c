// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of verbs: one line says what each step tried and how it
 * ended, in words that are the same wherever verbs are the same. Objects have
 * the numbers of their slots; keys, QPNs, LIDs and addresses are not shown.
 *
 * All traffic is loopback within port 1, which has to be active. A step ends
 * when all that it set going has come to rest: see settle().
 *
 * usage: verbs_random SEED STEPS
 */

#define _GNU_SOURCE	/* strerrorname_np() */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "verbs_random.h"

#define MAX_WCS		512		/* completions of a CQ in a step */
#define LATE_S		10
#define MARGIN		32768
#define GRH_SIZE	40

static const char *const kind_name[NR_KINDS] = {
	"pd", "mr", "cq", "srq", "qp", "ah", "mw", "xrcd"
};
const int slots[NR_KINDS] = { 3, 8, 5, 4, MAX_SLOTS, 4, 4, 2 };
void *object[NR_KINDS][MAX_SLOTS];
struct region mrs[MAX_SLOTS], mws[MAX_SLOTS];
struct queue_pair qps[MAX_SLOTS];
int armed[MAX_SLOTS], groups[MAX_SLOTS];
struct shared_queue srqs[MAX_SLOTS];
struct posted posted[MAX_RECVS];

struct ibv_context *ctx;
struct ibv_comp_channel *channel;
char *arena;
uint16_t lid;
union ibv_gid gid;
bool solicited;
struct fence fence;

static struct ibv_wc wcs[MAX_SLOTS][MAX_WCS];
static int nr_wcs[MAX_SLOTS];
static int nr_strays[MAX_SLOTS];	/* completions of nothing that is there */
static uint64_t sequence;	/* of work requests */

/* ---- Chance: splitmix64 ---- */

static uint64_t seed;

uint64_t random64(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

unsigned int below(unsigned int n)
{
	return random64() % n;
}

bool chance(unsigned int percent)
{
	return below(100) < percent;
}

long one_of(const long *list, unsigned int n)
{
	return list[below(n)];
}

int pick(enum kind kind, bool free)
{
	int found[MAX_SLOTS], n = 0, i;

	for (i = 0; i < slots[kind]; i++)
		if (!object[kind][i] == free)
			found[n++] = i;
	return n ? found[below(n)] : -1;
}

int used(enum kind kind)
{
	return pick(kind, false);
}

int slot_of(enum kind kind, const void *what)
{
	int i;

	for (i = 0; what && i < slots[kind]; i++)
		if (object[kind][i] == what)
			return i;
	return -1;
}

/* ---- What is said ---- */

/* How a verb that returns 0, an errno, or -1 with errno ended. */
int ended(int ret)
{
	int err = ret > 0 ? ret : ret ? errno : 0;

	printf(" = %s", err ? strerrorname_np(err) : ret ? "?" : "ok");
	return ret;
}

/* The same of one that makes an object. */
bool made(enum kind kind, int slot, void *what)
{
	object[kind][slot] = what;
	ended(what ? 0 : -1);
	return what;
}

const char *state_name(enum ibv_qp_state state)
{
	static const char *const name[] = {
		"RESET", "INIT", "RTR", "RTS", "SQD", "SQE", "ERR"
	};

	return state <= IBV_QPS_ERR ? name[state] : "?";
}

int qp_of(uint32_t qpn)
{
	int i;

	for (i = 0; i < slots[QP]; i++)
		if (object[QP][i] && ((struct ibv_qp *)object[QP][i])->qp_num == qpn)
			return i;
	return -1;
}

static void say_wc(int cq, const struct ibv_wc *wc)
{
	printf("\tcq%d wr%lu qp%d status %d", cq, wc->wr_id,
	       qp_of(wc->qp_num), wc->status);
	if (wc->status) {
		printf(" vendor %#x\n", wc->vendor_err);
		return;
	}
	printf(" opcode %d len %u flags %#x", wc->opcode,
	       wc->opcode & IBV_WC_RECV || wc->opcode == IBV_WC_RDMA_READ ?
	       wc->byte_len : 0, wc->wc_flags);
	if (wc->wc_flags & IBV_WC_WITH_IMM)
		printf(" imm %#x", wc->imm_data);
	if (wc->opcode & IBV_WC_RECV && qp_of(wc->qp_num) >= 0 &&
	    qps[qp_of(wc->qp_num)].type == IBV_QPT_UD)
		printf(" from qp%d lid %d sl %u path %u", qp_of(wc->src_qp),
		       wc->slid == lid, wc->sl, wc->dlid_path_bits);
	printf("\n");
}

uint64_t arena_hash(void)
{
	const uint64_t *word = (uint64_t *)arena;
	uint64_t hash = 0;
	unsigned int i;

	for (i = 0; i < ARENA / sizeof(*word); i++)
		hash = (hash ^ word[i]) * 0x100000001b3;
	return hash;
}

/* ---- Coming to rest ---- */

uint64_t next_wr_id(int flags)
{
	return sequence++ << 2 | flags;
}

/* Which GRH comes with a datagram says where this is: forget it. */
static void forget_grh(const struct ibv_wc *wc)
{
	struct ibv_sge *sge = posted[(wc->wr_id >> 2) % MAX_RECVS].sge;
	uint32_t left = GRH_SIZE, n;
	int i;

	for (i = 0; i < MAX_SGE && left; i++) {
		n = sge[i].length < left ? sge[i].length : left;
		memset((void *)(uintptr_t)sge[i].addr, 0, n);
		left -= n;
	}
}

static void account(const struct ibv_wc *wc)
{
	int i = qp_of(wc->qp_num), srq;
	struct queue_pair *q = &qps[i];

	if (i < 0)
		return;
	if (wc->status)
		q->dirty = true;
	if (wc->status && q->peer >= 0)
		qps[q->peer].dirty = true;
	if (wc->wr_id & WR_RECV) {
		srq = posted[(wc->wr_id >> 2) % MAX_RECVS].srq;
		if (srq < 0)
			q->recvs--;
		else if (!--srqs[srq].recvs)
			srqs[srq].mrs = 0;
		if (q->type == IBV_QPT_UD)
			forget_grh(wc);
	} else {
		q->sends -= !(wc->wr_id & WR_SILENT);
	}
	if (!q->sends && !q->recvs)
		q->mrs = 0;
}

static void drain(void)
{
	int i, n;

	for (i = 0; i < slots[CQ]; i++) {
		while (object[CQ][i] && nr_wcs[i] < MAX_WCS &&
		       (n = ibv_poll_cq(object[CQ][i], 1,
					&wcs[i][nr_wcs[i]]))) {
			if (n > 0)
				account(&wcs[i][nr_wcs[i]++]);
			else
				nr_strays[i]++;
		}
	}
}

void refresh(int i)
{
	struct ibv_qp_init_attr init_attr;
	struct ibv_qp_attr attr;
	int tries = 1000;

	qps[i].dirty = false;
	do {
		if (!object[QP][i] || ibv_query_qp(object[QP][i], &attr,
						   IBV_QP_STATE, &init_attr))
			return;
		qps[i].state = attr.qp_state;
	} while (attr.sq_draining && tries-- && !usleep(500));
}

static bool is_busy(int i)
{
	const struct queue_pair *q = &qps[i];

	if (!object[QP][i])
		return false;
	return (q->sends && (q->state == IBV_QPS_RTS ||
			     q->state == IBV_QPS_SQE)) ||
		((q->sends || q->recvs) && q->state == IBV_QPS_ERR);
}

static bool wants_event(int cq)
{
	const struct ibv_wc *wc;
	int i;

	for (i = 0; i < nr_wcs[cq]; i++) {
		wc = &wcs[cq][i];
		if (armed[cq] == 1 || wc->status ||
		    (wc->wr_id & WR_RECV && solicited))
			return true;
	}
	return false;
}

/* Each CQ that was armed and has completed something tells so once. */
static void take_event(int cq)
{
	struct pollfd fd = { .fd = channel->fd, .events = POLLIN };
	struct ibv_cq *from;
	void *context;

	if (!armed[cq] || !wants_event(cq))
		return;
	armed[cq] = 0;
	if (poll(&fd, 1, LATE_S * 1000) != 1 ||
	    ibv_get_cq_event(channel, &from, &context)) {
		printf("\tcq%d no event\n", cq);
		return;
	}
	ibv_ack_cq_events(from, 1);
	printf("\tevent\n");
}

static void say_completions(void)
{
	int i, j;

	for (i = 0; i < slots[CQ]; i++) {
		for (j = 0; j < nr_wcs[i]; j++)
			say_wc(i, &wcs[i][j]);
		if (nr_strays[i])
			printf("\tcq%d %d strays\n", i, nr_strays[i]);
		nr_strays[i] = 0;
		take_event(i);
		nr_wcs[i] = 0;
	}
}

void settle(void)
{
	enum ibv_qp_state before[MAX_SLOTS];
	time_t end = time(NULL) + LATE_S;
	bool busy;
	int i;

	for (i = 0; i < slots[QP]; i++)
		before[i] = qps[i].state;
	do {
		drain();
		for (i = 0; i < slots[QP]; i++)
			if (qps[i].dirty)
				refresh(i);
		drain();
		for (busy = false, i = 0; i < slots[QP]; i++)
			busy |= qps[i].dirty || is_busy(i);
		if (busy)
			usleep(200);
	} while (busy && time(NULL) < end);
	say_completions();
	for (i = 0; i < slots[QP]; i++) {
		if (before[i] != qps[i].state)
			printf("\tqp%d is %s\n", i, state_name(qps[i].state));
		if (!is_busy(i))
			continue;
		printf("\tqp%d: %d sends, %d receives did not complete\n", i,
		       qps[i].sends, qps[i].recvs);
		qps[i].sends = qps[i].recvs = 0;
	}
}

/* What was sent on any QP of this HCA before has arrived after this. */
static void pass_fence(void)
{
	struct ibv_sge sge = { (uintptr_t)fence.mr->addr, 8, fence.mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { sge.addr, fence.mr->rkey },
	};
	struct ibv_wc wc;

	NEED(!ibv_post_send(fence.qp, &wr, &bad));
	NEED(next_wc(fence.cq, &wc) == IBV_WC_SUCCESS);
}


void await_traffic(int i)
{
	struct queue_pair *q = &qps[i];
	time_t end = time(NULL) + LATE_S;
	int j;

	while (q->sends && q->state != IBV_QPS_SQD && time(NULL) < end)
		drain();
	/* Unreliable requests complete before they have arrived */
	if ((q->type != IBV_QPT_UC && q->type != IBV_QPT_UD) ||
	    q->state != IBV_QPS_RTS)
		return;
	pass_fence();
	/* and who receives them may not say so */
	if (q->peer >= 0)
		qps[q->peer].dirty = true;
	for (j = 0; q->type == IBV_QPT_UD && j < slots[QP]; j++)
		if (qps[j].type == IBV_QPT_UD && qps[j].recvs)
			qps[j].dirty = true;
}

/* ---- Destroying, in use or not ---- */

static int destroy(enum kind kind, int i)
{
	switch (kind) {
	case PD:
		return ibv_dealloc_pd(object[kind][i]);
	case MR:
		return ibv_dereg_mr(object[kind][i]);
	case CQ:
		return ibv_destroy_cq(object[kind][i]);
	case SRQ:
		return ibv_destroy_srq(object[kind][i]);
	case QP:
		return ibv_destroy_qp(object[kind][i]);
	case AH:
		return ibv_destroy_ah(object[kind][i]);
	case MW:
		return ibv_dealloc_mw(object[kind][i]);
	default:
		return ibv_close_xrcd(object[kind][i]);
	}
}

static void destroy_and_say(enum kind kind, int i)
{
	int j;

	printf(" %s%d", kind_name[kind], i);
	if (ended(destroy(kind, i)))
		return;
	object[kind][i] = NULL;
	for (j = 0; kind == QP && j < slots[QP]; j++)
		if (qps[j].peer == i)
			qps[j].peer = -1;
}

bool is_named(int mr)
{
	unsigned int mrs = 0;
	int i;

	for (i = 0; i < slots[QP]; i++)
		mrs |= object[QP][i] ? qps[i].mrs : 0;
	for (i = 0; i < slots[SRQ]; i++)
		mrs |= object[SRQ][i] ? srqs[i].mrs : 0;
	return mrs & 1 << mr;
}

/* The kernel knows nothing of address handles, and would not refuse it. */
static bool has_ah(const struct ibv_pd *pd)
{
	int i;

	for (i = 0; i < slots[AH]; i++)
		if (object[AH][i] && ((struct ibv_ah *)object[AH][i])->pd == pd)
			return true;
	return false;
}

static void step_destroy(void)
{
	/* Queue pairs hold most of the others */
	enum kind kind = chance(40) ? QP : below(NR_KINDS);
	int i = used(kind);

	/* A number that still is in use may soon mean something else */
	if (i < 0 || (kind == MR && is_named(i)) ||
	    (kind == PD && has_ah(object[PD][i])))
		return;
	destroy_and_say(kind, i);
}

/* ---- Asking ---- */

static void query_device(void)
{
	struct ibv_device_attr_ex a = {};

	if (ended(ibv_query_device_ex(ctx, NULL, &a)))
		return;
	printf(" wr %d sge %d rd %d %d %d cqe %d atomic %d srq %d %d ack %u odp %#lx",
	       a.orig_attr.max_qp_wr, a.orig_attr.max_sge,
	       a.orig_attr.max_sge_rd, a.orig_attr.max_qp_rd_atom,
	       a.orig_attr.max_qp_init_rd_atom, a.orig_attr.max_cqe,
	       a.orig_attr.atomic_cap, a.orig_attr.max_srq_wr,
	       a.orig_attr.max_srq_sge, a.orig_attr.local_ca_ack_delay,
	       a.odp_caps.general_caps);
}

static void query_port(int port)
{
	struct ibv_port_attr a = {};

	printf(" port %d", port);
	if (ended(ibv_query_port(ctx, port, &a)) || port != 1)
		return;
	printf(" %d mtu %d %d gids %d max %u pkeys %u lmc %u sl %u vls %u width %u speed %u link %u flags %u",
	       a.state, a.max_mtu, a.active_mtu, a.gid_tbl_len, a.max_msg_sz,
	       a.pkey_tbl_len, a.lmc, a.sm_sl, a.max_vl_num, a.active_width,
	       a.active_speed, a.link_layer, a.flags);
}

static void step_query(void)
{
	int port = chance(80) ? 1 : below(4);
	int index = chance(70) ? below(2) : ONE_OF(-1, 15, 127, 128, 60000);
	union ibv_gid address = {};
	__be16 pkey = 0;

	switch (below(4)) {
	case 0:
		query_device();
		break;
	case 1:
		query_port(port);
		break;
	case 2:
		printf(" port %d gid %d", port, index);
		ended(ibv_query_gid(ctx, port, index, &address));
		printf(" prefix %#llx",
		       (unsigned long long)address.global.subnet_prefix);
		break;
	case 3:
		printf(" port %d pkey %d", port, index);
		ended(ibv_query_pkey(ctx, port, index, &pkey));
		printf(" %#x", pkey);
		break;
	}
}

/* ---- Steps ---- */

static const struct step {
	const char *name;
	void (*run)(void);
	unsigned int weight;
} steps[] = {
	{ "alloc_mw", step_alloc_mw, 2 },
	{ "alloc_pd", step_alloc_pd, 2 },
	{ "bind_mw", step_bind_mw, 3 },
	{ "connect", step_connect, 5 },
	{ "create_ah", step_create_ah, 3 },
	{ "create_cq", step_create_cq, 3 },
	{ "create_qp", step_create_qp, 6 },
	{ "create_srq", step_create_srq, 3 },
	{ "destroy", step_destroy, 10 },
	{ "modify_qp", step_modify_qp, 10 },
	{ "modify_srq", step_modify_srq, 2 },
	{ "multicast", step_multicast, 3 },
	{ "open_xrcd", step_open_xrcd, 2 },
	{ "post_recv", step_post_recv, 12 },
	{ "post_send", step_post_send, 24 },
	{ "post_srq_recv", step_post_srq_recv, 4 },
	{ "query", step_query, 2 },
	{ "query_qp", step_query_qp, 3 },
	{ "query_srq", step_query_srq, 1 },
	{ "reg_mr", step_reg_mr, 5 },
	{ "req_notify", step_req_notify, 4 },
	{ "rereg_mr", step_rereg_mr, 3 },
	{ "resize_cq", step_resize_cq, 2 },
};

static const struct step *any_step(void)
{
	const unsigned int nr = sizeof(steps) / sizeof(steps[0]);
	unsigned int total = 0, i, at;

	for (i = 0; i < nr; i++)
		total += steps[i].weight;
	at = below(total);
	for (i = 0; at >= steps[i].weight; i++)
		at -= steps[i].weight;
	return &steps[i];
}

static void run(unsigned long nr)
{
	uint64_t before = arena_hash(), hash;
	const struct step *step;
	unsigned long i;

	for (i = 1; i <= nr; i++) {
		step = any_step();
		printf("%lu %s", i, step->name);
		errno = 0;
		step->run();
		printf("\n");
		settle();
		hash = arena_hash();
		if (hash != before)
			printf("\tmemory %016lx\n", hash);
		before = hash;
	}
}

static void tear_down(void)
{
	static const enum kind order[] = {
		AH, QP, MW, MR, SRQ, CQ, XRCD, PD
	};
	unsigned int i;
	int j;

	for (i = 0; i < NR_KINDS; i++)
		for (j = 0; j < slots[order[i]]; j++)
			if (object[order[i]][j]) {
				printf("end");
				destroy_and_say(order[i], j);
				printf("\n");
			}
}

static void make_fence(void)
{
	struct ibv_qp_init_attr init = {
		.cap = { 16, 1, 1, 1, 0 },
		.qp_type = IBV_QPT_RC,
	};
	static uint64_t memory[512] __attribute__((aligned(4096)));
	struct ibv_pd *pd = ibv_alloc_pd(ctx);
	enum ibv_qp_state next;
	struct ibv_qp_attr attr;

	NEED(pd);
	fence.cq = ibv_create_cq(ctx, 16, NULL, NULL, 0);
	fence.mr = ibv_reg_mr(pd, memory, sizeof(memory),
			      IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	init.send_cq = init.recv_cq = fence.cq;
	fence.qp = ibv_create_qp(pd, &init);
	NEED(fence.cq && fence.mr && fence.qp);
	for (next = IBV_QPS_INIT; next <= IBV_QPS_RTS; next++) {
		attr = good_attr(next, fence.qp->qp_num, IBV_MTU_1024);
		attr.retry_cnt = 7;
		NEED(!ibv_modify_qp(fence.qp, &attr,
				    qp_needs(IBV_QPT_RC, next - 1, next)));
	}
}

static void set_up(void)
{
	unsigned int i;

	ctx = open_hca();
	lid = port_lid(ctx);
	NEED(!ibv_query_gid(ctx, CHECK_PORT, 0, &gid));
	NEED(channel = ibv_create_comp_channel(ctx));
	/* What is sent inline is read here, also where it is beyond the arena */
	arena = mmap(NULL, ARENA + 2 * MARGIN, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(arena != MAP_FAILED);
	arena += MARGIN;
	for (i = 0; i < ARENA; i++)
		arena[i] = random64();
	make_fence();
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: verbs_random SEED STEPS\n");
		return 2;
	}
	seed = strtoull(argv[1], NULL, 0);
	solicited = chance(50);
	set_up();
	run(strtoul(argv[2], NULL, 0));
	tear_down();
	return 0;
}
