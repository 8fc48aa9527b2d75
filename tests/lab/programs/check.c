// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

int failures;

void expect(int line, const char *expr, long got, long want)
{
	if (got == want)
		return;
	printf("line %d: %s is %ld, not %ld\n", line, expr, got, want);
	failures++;
}

void expect_cmp(int line, const char *expr, long a, long b, int ok)
{
	if (ok)
		return;
	printf("line %d: not %s: %ld and %ld\n", line, expr, a, b);
	failures++;
}

void need(int line, const char *expr, int ok)
{
	if (ok)
		return;
	printf("line %d: %s: %s\n", line, expr, strerror(errno));
	exit(1);
}

struct ibv_context *open_hca(void)
{
	struct ibv_device **devices = ibv_get_device_list(NULL);
	struct ibv_context *ctx;

	NEED(devices && devices[0]);
	NEED(ctx = ibv_open_device(devices[0]));
	ibv_free_device_list(devices);
	return ctx;
}

uint16_t port_lid(struct ibv_context *ctx)
{
	struct ibv_port_attr port;

	NEED(!ibv_query_port(ctx, CHECK_PORT, &port));
	return port.lid;
}

int qp_needs(enum ibv_qp_type type, enum ibv_qp_state cur,
	     enum ibv_qp_state next)
{
	int mask = IBV_QP_STATE;

	if (cur == IBV_QPS_RESET && next == IBV_QPS_INIT)
		return mask | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			(type == IBV_QPT_UD ? IBV_QP_QKEY :
			 IBV_QP_ACCESS_FLAGS);
	if (cur == IBV_QPS_INIT && next == IBV_QPS_RTR &&
	    type != IBV_QPT_UD) {
		mask |= IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN |
			IBV_QP_RQ_PSN;
		if (type == IBV_QPT_RC || type == IBV_QPT_XRC_RECV)
			mask |= IBV_QP_MAX_DEST_RD_ATOMIC |
				IBV_QP_MIN_RNR_TIMER;
	}
	if (cur == IBV_QPS_RTR && next == IBV_QPS_RTS) {
		mask |= IBV_QP_SQ_PSN;
		if (type == IBV_QPT_RC || type == IBV_QPT_XRC_SEND)
			mask |= IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
				IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC;
		if (type == IBV_QPT_XRC_RECV)
			mask |= IBV_QP_TIMEOUT;
	}
	return mask;
}

void qp_to_init(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = CHECK_PORT,
		.qkey = CHECK_QKEY,
		.qp_access_flags = ALL_RIGHTS,
	};

	NEED(!ibv_modify_qp(qp, &attr, qp_needs(qp->qp_type, IBV_QPS_RESET,
						IBV_QPS_INIT)));
}

void qp_to_rtr(struct ibv_qp *qp, uint16_t dlid, uint32_t dest_qpn)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = dest_qpn,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = { .dlid = dlid, .port_num = CHECK_PORT },
	};

	NEED(!ibv_modify_qp(qp, &attr, qp_needs(qp->qp_type, IBV_QPS_INIT,
						IBV_QPS_RTR)));
}

void qp_to_rts(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTS,
		.timeout = 14,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = 1,
	};

	NEED(!ibv_modify_qp(qp, &attr, qp_needs(qp->qp_type, IBV_QPS_RTR,
						IBV_QPS_RTS)));
}

void connect_qps(struct ibv_qp *a, struct ibv_qp *b, uint16_t lid)
{
	qp_to_init(a);
	qp_to_init(b);
	qp_to_rtr(a, lid, b->qp_num);
	qp_to_rtr(b, lid, a->qp_num);
	qp_to_rts(a);
	qp_to_rts(b);
}

void destroy_pair(struct pair p)
{
	EXPECT(ibv_destroy_qp(p.near), 0);
	EXPECT(ibv_destroy_qp(p.far), 0);
}

void ud_to_rts(struct ibv_qp *qp)
{
	qp_to_init(qp);
	qp_to_rtr(qp, 0, 0);
	qp_to_rts(qp);
}

struct ibv_qp *create_ud(struct ibv_pd *pd, struct ibv_cq *send_cq,
			 struct ibv_cq *recv_cq, uint32_t depth)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = send_cq,
		.recv_cq = recv_cq,
		.cap = {
			.max_send_wr = depth,
			.max_recv_wr = depth,
			.max_send_sge = 1,
			.max_recv_sge = 1,
		},
		.qp_type = IBV_QPT_UD,
	};
	struct ibv_qp *qp = ibv_create_qp(pd, &attr);

	NEED(qp);
	ud_to_rts(qp);
	return qp;
}

int next_wc(struct ibv_cq *cq, struct ibv_wc *wc)
{
	time_t end = time(NULL) + CHECK_TIMEOUT_S;
	int n;

	/* Others may need the processor for it to come */
	while (!(n = ibv_poll_cq(cq, 1, wc)) && time(NULL) < end)
		usleep(100);
	return n == 1 ? (int)wc->status : -1;
}

int readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

int verdict(void)
{
	printf("%d failures\n", failures);
	return failures ? 1 : 0;
}

int twice_at_once(void (*checks)(void))
{
	pid_t other = fork();
	int status;

	NEED(other >= 0);
	checks();
	fflush(stdout);
	if (!other)
		_exit(!!failures);
	NEED(waitpid(other, &status, 0) == other);
	EXPECT(status, 0);
	return verdict();
}
