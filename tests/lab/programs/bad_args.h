/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of bad_args share: the way to say a case, and good objects. */

#ifndef BAD_ARGS_H
#define BAD_ARGS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <infiniband/verbs.h>

#include "check.h"

#define MEMORY		65536	/* octets at memory, writable; none behind */
#define PAGE		4096

extern struct ibv_context *ctx;
extern struct ibv_pd *pd, *other_pd;
extern struct ibv_cq *cq;
extern struct ibv_mr *mr;
extern struct ibv_srq *srq, *xrc_srq;
extern struct ibv_xrcd *xrcd;
extern union ibv_gid own_gid;
extern uint16_t lid;
extern char *memory;

/* One line of the table: a name made as by printf(), and how the case ended. */
__attribute__((format(printf, 2, 3)))
void say(int err, const char *format, ...);

/* An errno, from what returns 0, an errno, or -1 with errno. */
int errno_of(long ret);

/* A verb that returns a number. */
#define TRY(expr, ...) do { \
	errno = 0; \
	say(errno_of(expr), __VA_ARGS__); \
} while (0)

/* A verb that makes an object, which goes again if there is one. */
#define MAKE(expr, destroy, ...) do { \
	errno = 0; \
	__auto_type made_ = (expr); \
	say(made_ ? 0 : errno_of(-1), __VA_ARGS__); \
	if (made_) \
		NEED(!destroy(made_)); \
} while (0)

struct ibv_qp *make_qp(enum ibv_qp_type type, struct ibv_pd *in_pd,
		       struct ibv_srq *with_srq);

void try_create_qp(void);
void try_modify_qp(void);
void try_raw(void);
void try_mmap(void);

#endif
