/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages of the communication manager (CM), seen before this domain's own CM.
 *
 * ib_core gives each MAD that comes to QP 1 to the HCA's driver first, as its
 * process_mad op, then to the one agent that a class has. That of the CM is
 * ib_cm's. So a hook stands in front of the op, and takes what is a guest's.
 */
#ifndef IBBACK_GSI_HOOK_H
#define IBBACK_GSI_HOOK_H

#include <rdma/ib_mad.h>
#include <rdma/ib_verbs.h>

struct ibback_hook;

/*
 * Takes a MAD of the CM, which it must not change, and says whether it has:
 * then nobody else gets it. In process context, for several MADs at a time.
 */
typedef bool ibback_hook_fn(void *arg, u32 port, const struct ib_wc *wc,
			    const struct ib_grh *grh,
			    const struct ib_mad *mad);

int ibback_hook_init(void);
struct ibback_hook *ibback_hook_open(struct ib_device *ibdev,
				     ibback_hook_fn *take, void *arg);
void ibback_hook_close(struct ibback_hook *hook);
int ibback_hook_get(struct ibback_hook *hook);
void ibback_hook_put(struct ibback_hook *hook);
void ibback_hook_sync(void);

#endif /* IBBACK_GSI_HOOK_H */
