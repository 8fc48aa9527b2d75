// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multicast and addressed datagrams between processes of several nodes. Exits
 * with 1 if something is not as it should be. Needs one active port.
 *
 * usage: multicast_check receive
 *	Says "LID QPN GID", joins the group, and does what a sender asks for
 * usage: multicast_check send LID QPN GID ...
 *	Has receivers join and leave, and asks each how many datagrams of the
 *	group it got. The questions go with a GRH, the answers to where the
 *	completion says that the question came from.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define WQES		128
#define SLOT		256	/* of the memory: octets for a datagram */
#define GRH_SIZE	40
#define GROUP_LID	0xc123
#define GROUP_QPN	0xffffff
#define MAX_RECEIVERS	8
#define FLOW		0x54321
#define BURST		50

/* What a datagram is */
enum { DATA, JOIN, LEAVE, ANSWER, END };

struct message {
	uint32_t what;
	uint32_t count;		/* DATA: which of a burst; ANSWER: DATA got */
	uint32_t bad;		/* ANSWER: of those not as they should be */
	union ibv_gid from;	/* the sender's port */
};

static const union ibv_gid group = { .raw = {
	0xff, 0x12, 0x40, 0x1b, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34,
} };

static struct ibv_context *ctx;
static struct ibv_pd *pd;
static struct ibv_cq *send_cq, *recv_cq;
static struct ibv_mr *mr;
static char memory[(WQES + 1) * SLOT];
static union ibv_gid gid;
static uint16_t lid;

static struct ibv_qp *create_qp(int flags)
{
	struct ibv_qp_init_attr_ex attr = {
		.send_cq = send_cq,
		.recv_cq = recv_cq,
		.cap = {
			.max_send_wr = WQES,
			.max_recv_wr = WQES,
			.max_send_sge = 1,
			.max_recv_sge = 1,
		},
		.qp_type = IBV_QPT_UD,
		.comp_mask = IBV_QP_INIT_ATTR_PD |
			IBV_QP_INIT_ATTR_CREATE_FLAGS,
		.pd = pd,
		.create_flags = flags,
	};
	struct ibv_qp *qp = ibv_create_qp_ex(ctx, &attr);

	NEED(qp);
	ud_to_rts(qp);
	return qp;
}

static void post_recv(struct ibv_qp *qp, uint64_t slot)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)memory + slot * SLOT,
		.length = SLOT,
		.lkey = mr->lkey,
	};
	struct ibv_recv_wr wr = {
		.wr_id = slot,
		.sg_list = &sge,
		.num_sge = 1,
	}, *bad;

	NEED(!ibv_post_recv(qp, &wr, &bad));
}

static void set_up(void)
{
	ctx = open_hca();
	lid = port_lid(ctx);
	NEED(!ibv_query_gid(ctx, CHECK_PORT, 0, &gid));
	NEED(pd = ibv_alloc_pd(ctx));
	NEED(send_cq = ibv_create_cq(ctx, WQES, NULL, NULL, 0));
	NEED(recv_cq = ibv_create_cq(ctx, 2 * WQES, NULL, NULL, 0));
	NEED(mr = ibv_reg_mr(pd, memory, sizeof(memory),
			     IBV_ACCESS_LOCAL_WRITE));
}

static void send_to(struct ibv_qp *qp, struct ibv_ah *ah, uint32_t qpn,
		    uint32_t qkey, struct message m)
{
	struct message *copy = (struct message *)(memory + WQES * SLOT);
	struct ibv_sge sge = {
		.addr = (uintptr_t)copy,
		.length = sizeof(*copy),
		.lkey = mr->lkey,
	};
	struct ibv_send_wr wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.ud = {
			.ah = ah,
			.remote_qpn = qpn,
			.remote_qkey = qkey,
		},
	}, *bad;
	struct ibv_wc wc;

	m.from = gid;
	*copy = m;
	NEED(!ibv_post_send(qp, &wr, &bad));
	EXPECT(next_wc(send_cq, &wc), IBV_WC_SUCCESS);
}

/* The next datagram's message, its GRH and completion. */
static struct message next_message(struct ibv_qp *qp, struct ibv_grh *grh,
				   struct ibv_wc *wc)
{
	char *slot;

	NEED(next_wc(recv_cq, wc) == IBV_WC_SUCCESS);
	slot = memory + wc->wr_id * SLOT;
	EXPECT(wc->byte_len, GRH_SIZE + sizeof(struct message));
	EXPECT(wc->wc_flags & IBV_WC_GRH, IBV_WC_GRH);
	memcpy(grh, slot, sizeof(*grh));
	post_recv(qp, wc->wr_id);
	return *(struct message *)(slot + GRH_SIZE);
}

static int is_good(const struct message *m, const struct ibv_grh *grh,
		   uint32_t nr)
{
	return !memcmp(&grh->dgid, &group, sizeof(group)) &&
		!memcmp(&grh->sgid, &m->from, sizeof(m->from)) &&
		(ntohl(grh->version_tclass_flow) & 0xfffff) == FLOW &&
		m->count == nr;
}

static void answer(struct ibv_qp *qp, struct ibv_wc *wc, struct ibv_grh *grh,
		   struct message m)
{
	struct ibv_ah *ah = ibv_create_ah_from_wc(pd, wc, grh, CHECK_PORT);

	NEED(ah);
	m.what = ANSWER;
	send_to(qp, ah, wc->src_qp, CHECK_QKEY, m);
	EXPECT(ibv_destroy_ah(ah), 0);
}

static int receive(void)
{
	struct message m, got = {};
	char text[INET6_ADDRSTRLEN];
	struct ibv_grh grh;
	struct ibv_qp *qp;
	struct ibv_wc wc;
	int i;

	set_up();
	qp = create_qp(0);
	for (i = 0; i < WQES; i++)
		post_recv(qp, i);
	EXPECT(ibv_attach_mcast(qp, &gid, lid), EINVAL);
	EXPECT(ibv_attach_mcast(qp, &group, GROUP_LID), 0);
	printf("%u %u %s\n", lid, qp->qp_num,
	       inet_ntop(AF_INET6, &gid, text, sizeof(text)));
	fflush(stdout);
	do {
		m = next_message(qp, &grh, &wc);
		switch (m.what) {
		case DATA:
			got.bad += !is_good(&m, &grh, got.count);
			got.count++;
			continue;
		case JOIN:
			EXPECT(ibv_attach_mcast(qp, &group, GROUP_LID), 0);
			break;
		case LEAVE:
			EXPECT(ibv_detach_mcast(qp, &group, GROUP_LID), 0);
			EXPECT_CMP(ibv_detach_mcast(qp, &group, GROUP_LID), !=, 0);
			break;
		}
		EXPECT(memcmp(&grh.dgid, &gid, sizeof(gid)), 0);
		answer(qp, &wc, &grh, got);
		got = (struct message) {};
	} while (m.what != END);
	EXPECT(ibv_destroy_qp(qp), EBUSY);
	EXPECT(ibv_detach_mcast(qp, &group, GROUP_LID), 0);
	EXPECT(ibv_destroy_qp(qp), 0);
	return verdict();
}

struct receiver {
	struct ibv_ah *ah;
	uint32_t qpn;
	uint16_t lid;
};

static struct receiver receivers[MAX_RECEIVERS];
static int nr_receivers;

static struct ibv_ah *create_ah(uint16_t dlid, const union ibv_gid *dgid)
{
	struct ibv_ah_attr attr = {
		.dlid = dlid,
		.port_num = CHECK_PORT,
		.is_global = 1,
		.grh = { .dgid = *dgid, .flow_label = FLOW, .hop_limit = 1 },
	};
	struct ibv_ah *ah = ibv_create_ah(pd, &attr);

	NEED(ah);
	return ah;
}

/* How many of a burst each got since it was last asked. */
static void ask_all(int line, struct ibv_qp *qp, uint32_t what, uint32_t want)
{
	struct ibv_grh grh;
	struct message m;
	struct ibv_wc wc;
	int i;

	for (i = 0; i < nr_receivers; i++) {
		struct receiver *r = &receivers[i];

		send_to(qp, r->ah, r->qpn, CHECK_QKEY,
			(struct message) { .what = what });
		m = next_message(qp, &grh, &wc);
		expect(line, "kind of answer", m.what, ANSWER);
		expect(line, "datagrams", m.count, want);
		expect(line, "bad datagrams", m.bad, 0);
		EXPECT(wc.src_qp, r->qpn);
		EXPECT(wc.slid, r->lid);
		EXPECT(memcmp(&grh.dgid, &gid, sizeof(gid)), 0);
		EXPECT(memcmp(&grh.sgid, &m.from, sizeof(m.from)), 0);
	}
}

static void burst(struct ibv_qp *qp, struct ibv_ah *ah, uint32_t qkey)
{
	int i;

	for (i = 0; i < BURST; i++)
		send_to(qp, ah, GROUP_QPN, qkey,
			(struct message) { .what = DATA, .count = i });
}

/* A burst of one's own that comes back, as far as @want says. */
static void burst_and_back(int line, struct ibv_qp *qp, struct ibv_ah *ah,
			   int want)
{
	struct ibv_grh grh;
	struct message m;
	struct ibv_wc wc;
	int i;

	EXPECT(ibv_attach_mcast(qp, &group, GROUP_LID), 0);
	burst(qp, ah, CHECK_QKEY);
	for (i = 0; i < want; i++) {
		m = next_message(qp, &grh, &wc);
		expect(line, "what came back", is_good(&m, &grh, i), 1);
		EXPECT(wc.src_qp, qp->qp_num);
	}
	EXPECT(ibv_detach_mcast(qp, &group, GROUP_LID), 0);
	ask_all(line, qp, ANSWER, BURST);
}

static void add_receiver(char **argv)
{
	struct receiver *r = &receivers[nr_receivers++];
	union ibv_gid to;

	r->lid = atoi(argv[0]);
	r->qpn = atoi(argv[1]);
	NEED(inet_pton(AF_INET6, argv[2], &to) == 1);
	r->ah = create_ah(r->lid, &to);
}

static int send_all(int argc, char **argv)
{
	struct ibv_qp *qp, *deaf;
	struct ibv_ah *ah;
	int i;

	set_up();
	qp = create_qp(0);
	deaf = create_qp(IBV_QP_CREATE_BLOCK_SELF_MCAST_LB);
	for (i = 0; i < WQES / 2; i++) {
		post_recv(qp, i);
		post_recv(deaf, WQES / 2 + i);
	}
	for (; argc >= 3 && nr_receivers < MAX_RECEIVERS; argc -= 3, argv += 3)
		add_receiver(argv);
	NEED(nr_receivers && !argc);
	ah = create_ah(GROUP_LID, &group);

	burst(qp, ah, CHECK_QKEY);
	ask_all(__LINE__, qp, LEAVE, BURST);
	burst(qp, ah, CHECK_QKEY);
	ask_all(__LINE__, qp, JOIN, 0);
	burst(qp, ah, CHECK_QKEY);
	ask_all(__LINE__, qp, ANSWER, BURST);
	burst(qp, ah, CHECK_QKEY + 1);
	ask_all(__LINE__, qp, ANSWER, 0);
	burst_and_back(__LINE__, qp, ah, BURST);
	burst_and_back(__LINE__, deaf, ah, 0);
	ask_all(__LINE__, qp, END, 0);
	return verdict();
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "receive"))
		return receive();
	if (argc > 2 && !strcmp(argv[1], "send"))
		return send_all(argc - 2, argv + 2);
	fprintf(stderr, "usage: %s receive | send LID QPN GID ...\n", argv[0]);
	return 2;
}
