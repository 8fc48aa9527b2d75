// SPDX-License-Identifier: GPL-2.0-only
/* What traffic needs before anything can move. */

#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "traffic.h"

#define INLINE		300
#define RD_ATOMIC	4

struct options options = {
	.qps = "rc:256,rc:512,rc:1024,rc:2048,rc:4096,uc:256,uc:4096,"
	       "ud:4096,srq:512,srq:2048,xrc:1024",
};

unsigned int me;
struct ibv_comp_channel *events;
struct ibv_cq *cq;
struct ibv_mr *mr[2];
uint8_t *arena, *shadow;
struct end ends[2];
struct qp qps[MAX_QPS];
unsigned int nr_qps;

static int sock;
static struct ibv_context *ctx;
static struct ibv_pd *pd;
static struct ibv_srq *srq, *xrc_srq;
static struct ibv_xrcd *xrcd;

void fill(uint8_t *data, uint32_t len, uint64_t key)
{
	uint64_t word;
	uint32_t i;

	for (i = 0; i < len; i += sizeof(word)) {
		key = key * 6364136223846793005 + 1442695040888963407;
		word = key ^ key >> 29;
		memcpy(data + i, &word,
		       len - i < sizeof(word) ? len - i : sizeof(word));
	}
}

/* ---- The other end ---- */

static void transfer(const void *out, void *in, size_t len)
{
	size_t done;
	ssize_t n;

	NEED(write(sock, out, len) == (ssize_t)len);
	for (done = 0; done < len; done += n) {
		n = read(sock, (char *)in + done, len - done);
		if (n <= 0) {
			printf("the other end has gone\n");
			exit(1);
		}
	}
}

bool both_ready(bool go_on)
{
	char say[2], heard;

	say[me] = go_on;
	transfer(&say[me], &heard, 1);
	say[!me] = heard;
	return say[0];
}

void meet(const char *host, const char *port)
{
	const struct timeval patience = { .tv_sec = 3 * CHECK_TIMEOUT_S };
	struct addrinfo hints = {
		.ai_family = AF_INET,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = host ? 0 : AI_PASSIVE,
	}, *ai;
	struct options theirs;
	int one = 1, listener;

	NEED(!getaddrinfo(host, port, &hints, &ai));
	NEED((sock = socket(ai->ai_family, ai->ai_socktype, 0)) >= 0);
	if (host) {
		NEED(!connect(sock, ai->ai_addr, ai->ai_addrlen));
	} else {
		listener = sock;
		NEED(!setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one,
				 sizeof(one)));
		NEED(!bind(listener, ai->ai_addr, ai->ai_addrlen));
		NEED(!listen(listener, 1));
		NEED((sock = accept(listener, NULL, NULL)) >= 0);
		close(listener);
	}
	freeaddrinfo(ai);
	NEED(!setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	NEED(!setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience)));
	transfer(&options, &theirs, sizeof(options));
	if (me)
		options = theirs;
}

/* ---- Memory ---- */

static void make_arena(void)
{
	const int rights = ALL_RIGHTS | IBV_ACCESS_REMOTE_ATOMIC;
	uint8_t *p = mmap(NULL, ARENA + HUGE_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(p != MAP_FAILED);
	arena = p + (-(uintptr_t)p & (HUGE_PAGE - 1));
	/* PV guests have none. */
	madvise(arena, ARENA, MADV_HUGEPAGE);
	shadow = mmap(NULL, ARENA, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(shadow != MAP_FAILED);
	madvise(shadow, ARENA, MADV_NOHUGEPAGE);
	fill(arena, ARENA, options.seed + me);
	memcpy(shadow, arena, ARENA);
	NEED(mr[0] = ibv_reg_mr(pd, arena, ARENA, rights));
	NEED(mr[1] = ibv_reg_mr(pd, arena + 1, ARENA - 3, rights));
}

/* ---- Queue pairs ---- */

static void make_shared(void)
{
	struct ibv_srq_init_attr srq_attr = {
		.attr = { .max_wr = SLOTS, .max_sge = MAX_SGE },
	};
	struct ibv_xrcd_init_attr xrcd_attr = {
		.comp_mask = IBV_XRCD_INIT_ATTR_FD | IBV_XRCD_INIT_ATTR_OFLAGS,
		.fd = -1,
		.oflags = O_CREAT,
	};
	struct ibv_srq_init_attr_ex xrc_attr = {
		.attr = srq_attr.attr,
		.comp_mask = IBV_SRQ_INIT_ATTR_TYPE | IBV_SRQ_INIT_ATTR_PD |
			IBV_SRQ_INIT_ATTR_XRCD | IBV_SRQ_INIT_ATTR_CQ,
		.srq_type = IBV_SRQT_XRC,
	};

	ctx = open_hca();
	NEED(pd = ibv_alloc_pd(ctx));
	NEED(events = ibv_create_comp_channel(ctx));
	NEED(cq = ibv_create_cq(ctx, 4 * SLOTS, NULL, events, 0));
	NEED(srq = ibv_create_srq(pd, &srq_attr));
	NEED(xrcd = ibv_open_xrcd(ctx, &xrcd_attr));
	xrc_attr.pd = pd;
	xrc_attr.xrcd = xrcd;
	xrc_attr.cq = cq;
	NEED(xrc_srq = ibv_create_srq_ex(ctx, &xrc_attr));
	NEED(!ibv_get_srq_num(xrc_srq, &ends[me].xrc_srqn));
	NEED(!ibv_query_gid(ctx, CHECK_PORT, 0, &ends[me].gid));
	ends[me].lid = port_lid(ctx);
}

static void create_qp(struct qp *qp)
{
	struct ibv_qp_init_attr_ex attr = {
		.qp_type = qp->type,
		.send_cq = cq,
		.recv_cq = cq,
		.cap = {
			.max_send_wr = SLOTS,
			.max_send_sge = MAX_SGE,
			.max_inline_data = INLINE,
		},
		.comp_mask = IBV_QP_INIT_ATTR_PD,
		.pd = pd,
		.srq = qp->srq == srq ? srq : NULL,
	};

	if (!qp->srq) {
		attr.cap.max_recv_wr = SLOTS;
		attr.cap.max_recv_sge = MAX_SGE;
	}
	NEED(qp->send = ibv_create_qp_ex(ctx, &attr));
	qp->max_inline = attr.cap.max_inline_data;
	qp->recv = qp->send;
	if (qp->type == IBV_QPT_XRC_SEND) {
		attr = (struct ibv_qp_init_attr_ex) {
			.qp_type = IBV_QPT_XRC_RECV,
			.comp_mask = IBV_QP_INIT_ATTR_XRCD,
			.xrcd = xrcd,
		};
		NEED(qp->recv = ibv_create_qp_ex(ctx, &attr));
	}
	ends[me].send_qpn[qp - qps] = qp->send->qp_num;
	ends[me].recv_qpn[qp - qps] = qp->recv->qp_num;
}

/* The attributes of a QP that may be set on its way to @state */
static int attributes(enum ibv_qp_type type, enum ibv_qp_state state)
{
	bool sends = type == IBV_QPT_RC || type == IBV_QPT_XRC_SEND;
	bool answers = type == IBV_QPT_RC || type == IBV_QPT_XRC_RECV;
	bool ud = type == IBV_QPT_UD;

	switch (state) {
	case IBV_QPS_INIT:
		return IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
		       (ud ? IBV_QP_QKEY : IBV_QP_ACCESS_FLAGS);
	case IBV_QPS_RTR:
		return IBV_QP_STATE |
		       (ud ? 0 : IBV_QP_AV | IBV_QP_PATH_MTU |
			IBV_QP_DEST_QPN | IBV_QP_RQ_PSN) |
		       (answers ? IBV_QP_MAX_DEST_RD_ATOMIC |
			IBV_QP_MIN_RNR_TIMER : 0);
	default:
		return IBV_QP_STATE | IBV_QP_SQ_PSN |
		       (sends ? IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
			IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC : 0) |
		       (type == IBV_QPT_XRC_RECV ? IBV_QP_TIMEOUT : 0);
	}
}

struct ibv_ah_attr path(bool global)
{
	return (struct ibv_ah_attr) {
		.dlid = ends[!me].lid,
		.port_num = CHECK_PORT,
		.is_global = global,
		.grh = {
			.dgid = ends[!me].gid,
			.flow_label = 0x12345,
			.traffic_class = 0x67,
			.hop_limit = 8,
		},
	};
}

static enum ibv_mtu mtu_code(uint32_t mtu)
{
	enum ibv_mtu code = IBV_MTU_256;

	while (128u << code < mtu)
		code++;
	return code;
}

static void connect_qp(const struct qp *qp, struct ibv_qp *ibqp, uint32_t dest)
{
	enum ibv_qp_state state;
	struct ibv_qp_attr attr = {
		.port_num = CHECK_PORT,
		.qkey = CHECK_QKEY,
		.qp_access_flags = ALL_RIGHTS | IBV_ACCESS_REMOTE_ATOMIC,
		.path_mtu = mtu_code(qp->mtu),
		.dest_qp_num = dest,
		/* Soon the last, so that 0 comes next */
		.rq_psn = 0xffffe0,
		.sq_psn = 0xffffe0,
		.max_rd_atomic = RD_ATOMIC,
		.max_dest_rd_atomic = RD_ATOMIC,
		.min_rnr_timer = 12,
		.timeout = 16,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.ah_attr = path(qp->global),
	};

	for (state = IBV_QPS_INIT; state <= IBV_QPS_RTS; state++) {
		attr.qp_state = state;
		NEED(!ibv_modify_qp(ibqp, &attr,
				    attributes(ibqp->qp_type, state)));
	}
}

static void connect_all(void)
{
	struct ibv_ah_attr attr;
	struct qp *qp;
	unsigned int i, g;

	for (qp = qps, i = 0; i < nr_qps; qp++, i++) {
		qp->peer_qpn = ends[!me].recv_qpn[i];
		connect_qp(qp, qp->recv, ends[!me].send_qpn[i]);
		if (qp->send != qp->recv)
			connect_qp(qp, qp->send, qp->peer_qpn);
		for (g = 0; g < 2 && qp->type == IBV_QPT_UD; g++) {
			attr = path(g);
			NEED(qp->ah[g] = ibv_create_ah(pd, &attr));
		}
	}
}

static void parse_qps(void)
{
	static const struct {
		const char *name;
		enum ibv_qp_type type;
	} types[] = {
		{ "rc", IBV_QPT_RC }, { "uc", IBV_QPT_UC },
		{ "ud", IBV_QPT_UD }, { "xrc", IBV_QPT_XRC_SEND },
		{ "srq", IBV_QPT_RC },
	};
	char *list = options.qps, *word, *colon;
	struct qp *qp;
	unsigned int i;

	while ((word = strsep(&list, ","))) {
		NEED(nr_qps < MAX_QPS);
		qp = &qps[nr_qps];
		snprintf(qp->name, sizeof(qp->name), "%s", word);
		NEED(colon = strchr(word, ':'));
		*colon = '\0';
		for (i = 0; strcmp(word, types[i].name); )
			NEED(++i < sizeof(types) / sizeof(types[0]));
		qp->type = types[i].type;
		qp->mtu = atoi(colon + 1);
		NEED(qp->mtu == 128u << mtu_code(qp->mtu));
		qp->global = nr_qps++ % 2;
		if (!strcmp(word, "srq"))
			qp->srq = srq;
		else if (!strcmp(word, "xrc"))
			qp->srq = xrc_srq;
		create_qp(qp);
	}
}

void set_up(void)
{
	struct end *mine = &ends[me];

	make_shared();
	make_arena();
	mine->arena = (uintptr_t)arena;
	mine->rkey[0] = mr[0]->rkey;
	mine->rkey[1] = mr[1]->rkey;
	parse_qps();
	transfer(mine, &ends[!me], sizeof(*mine));
	connect_all();
}
