// SPDX-License-Identifier: GPL-2.0-only
/*
 * Verbs with arguments that are wrong, or that one might take to be wrong: a
 * table of named cases, each with the errno that it ends with. Needs one
 * active port.
 */

#define _GNU_SOURCE	/* strerrorname_np() */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bad_args.h"

struct ibv_context *ctx;
struct ibv_pd *pd, *other_pd;
struct ibv_cq *cq;
struct ibv_mr *mr;
struct ibv_srq *srq, *xrc_srq;
struct ibv_xrcd *xrcd;
union ibv_gid own_gid;
uint16_t lid;
char *memory;

void say(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(": %s\n", !err ? "ok" : err < 0 ? "failed without errno" :
	       strerrorname_np(err) ?: "no errno at all");
}

int errno_of(long ret)
{
	if (ret >= 0)
		return ret;
	return errno ?: -1;
}

struct ibv_qp *make_qp(enum ibv_qp_type type, struct ibv_pd *in_pd,
		       struct ibv_srq *with_srq)
{
	struct ibv_qp_init_attr_ex attr = {
		.send_cq = cq,
		.recv_cq = cq,
		.srq = with_srq,
		.cap = { 8, 8, 2, 2, 64 },
		.qp_type = type,
		.comp_mask = IBV_QP_INIT_ATTR_PD,
		.pd = in_pd,
	};

	if (type == IBV_QPT_XRC_RECV) {
		attr.comp_mask = IBV_QP_INIT_ATTR_XRCD;
		attr.xrcd = xrcd;
	}
	return ibv_create_qp_ex(ctx, &attr);
}

static void *map(size_t length, int prot, int fd)
{
	void *p = mmap(NULL, length, prot, (fd < 0 ? MAP_ANONYMOUS : 0) |
		       MAP_PRIVATE, fd, 0);

	NEED(p != MAP_FAILED);
	return p;
}

/* ---- Memory regions ---- */

static void try_reg_access(void)
{
	static const int access[] = {
		0,
		IBV_ACCESS_LOCAL_WRITE,
		IBV_ACCESS_REMOTE_READ,
		IBV_ACCESS_REMOTE_WRITE,
		IBV_ACCESS_REMOTE_ATOMIC,
		IBV_ACCESS_MW_BIND,
		IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_LOCAL_WRITE,
		IBV_ACCESS_ZERO_BASED,
		IBV_ACCESS_ON_DEMAND,
		IBV_ACCESS_ON_DEMAND | IBV_ACCESS_LOCAL_WRITE,
		IBV_ACCESS_HUGETLB,
		IBV_ACCESS_FLUSH_GLOBAL,
		IBV_ACCESS_FLUSH_PERSISTENT,
		IBV_ACCESS_RELAXED_ORDERING,
		1 << 10,
		1 << 19,
		1 << 30,
		~0,
	};
	char *readable = map(PAGE, PROT_READ, -1);
	unsigned int i;

	for (i = 0; i < sizeof(access) / sizeof(access[0]); i++) {
		MAKE(ibv_reg_mr(pd, memory, PAGE, access[i]), ibv_dereg_mr,
		     "reg_mr/access %#x", access[i]);
		MAKE(ibv_reg_mr(pd, readable, PAGE, access[i]), ibv_dereg_mr,
		     "reg_mr/read-only memory, access %#x", access[i]);
	}
	munmap(readable, PAGE);
}

static void try_reg_place(void)
{
	int write = IBV_ACCESS_LOCAL_WRITE, fd = open("/proc/self/exe", O_RDONLY);
	char *hole = map(8 * PAGE, PROT_READ | PROT_WRITE, -1);
	char *none = map(PAGE, PROT_NONE, -1), *file;
	const struct {
		const char *name;
		void *addr;
		size_t length;
	} place[] = {
		{ "no length", memory, 0 },
		{ "NULL", NULL, PAGE },
		{ "NULL and no length", NULL, 0 },
		{ "no length within a page", memory + 1, 0 },
		{ "one octet", memory + 1, 1 },
		{ "unmapped", hole + 4 * PAGE, PAGE },
		{ "begins unmapped", hole + 5 * PAGE - 1, 2 },
		{ "ends unmapped", hole + 3 * PAGE, PAGE + 1 },
		{ "hole", hole, 8 * PAGE },
		{ "no rights", none, PAGE },
		{ "huge", memory, 1ul << 40 },
		{ "as long as can be", memory, ~0ul },
		{ "to the end of all addresses", (void *)-4096l, 4096 },
		{ "around the end", (void *)-4096l, 8192 },
		{ "kernel", (void *)-(1l << 40), PAGE },
		{ "not canonical", (void *)(1l << 50), PAGE },
	};
	unsigned int i;

	NEED(fd >= 0 && !munmap(hole + 4 * PAGE, PAGE));
	for (i = 0; i < sizeof(place) / sizeof(place[0]); i++) {
		MAKE(ibv_reg_mr(pd, place[i].addr, place[i].length, write),
		     ibv_dereg_mr, "reg_mr/%s", place[i].name);
		MAKE(ibv_reg_mr(pd, place[i].addr, place[i].length, 0),
		     ibv_dereg_mr, "reg_mr/to read, %s", place[i].name);
	}
	file = map(16 << 20, PROT_READ | PROT_WRITE, fd);
	MAKE(ibv_reg_mr(pd, file, PAGE, write), ibv_dereg_mr, "reg_mr/file");
	MAKE(ibv_reg_mr(pd, file + (8 << 20), PAGE, write), ibv_dereg_mr,
	     "reg_mr/beyond the file");
	MAKE(ibv_reg_mr_iova(pd, memory, PAGE, 1, write), ibv_dereg_mr,
	     "reg_mr/iova of another offset");
	MAKE(ibv_reg_mr_iova(pd, memory, PAGE, -4096l, write), ibv_dereg_mr,
	     "reg_mr/iova at the end");
	MAKE(ibv_reg_mr_iova(pd, memory, 2 * PAGE, -4096l, write),
	     ibv_dereg_mr, "reg_mr/iova around the end");
	MAKE(ibv_reg_dmabuf_mr(pd, 0, PAGE, 0, fd, write), ibv_dereg_mr,
	     "reg_dmabuf_mr/no buffer");
	munmap(file, 16 << 20);
	munmap(hole, 8 * PAGE);
	munmap(none, PAGE);
	close(fd);
}

static void try_rereg(int flags, struct ibv_pd *to_pd, void *addr,
		      size_t length, int access, const char *name)
{
	struct ibv_mr *m = ibv_reg_mr(pd, memory, PAGE, IBV_ACCESS_LOCAL_WRITE);
	int ret;

	NEED(m);
	errno = 0;
	ret = ibv_rereg_mr(m, flags, to_pd, addr, length, access);
	say(ret ? errno_of(-1) : 0, "rereg_mr/%s (%d)", name, ret);
	TRY(ibv_dereg_mr(m), "rereg_mr/%s, dereg_mr", name);
}

static void try_rereg_mr(void)
{
	const int trans = IBV_REREG_MR_CHANGE_TRANSLATION;
	const int access = IBV_REREG_MR_CHANGE_ACCESS;
	char *readable = map(PAGE, PROT_READ, -1);

	try_rereg(0, NULL, NULL, 0, 0, "nothing");
	try_rereg(8, NULL, NULL, 0, 0, "unknown flag");
	try_rereg(trans, NULL, memory, 0, 0, "no length");
	try_rereg(trans, NULL, NULL, PAGE, 0, "NULL");
	try_rereg(trans, NULL, (void *)(1l << 45), PAGE, 0, "unmapped");
	try_rereg(trans, NULL, memory, 1ul << 40, 0, "huge");
	try_rereg(trans, NULL, readable, PAGE, 0, "not writable");
	try_rereg(trans | access, NULL, readable, PAGE, 0, "to read only");
	try_rereg(trans | access, NULL, readable, PAGE,
		  IBV_ACCESS_LOCAL_WRITE, "to write what is not writable");
	try_rereg(access, NULL, NULL, 0, IBV_ACCESS_REMOTE_WRITE,
		  "remote write without local");
	try_rereg(access, NULL, NULL, 0, IBV_ACCESS_ON_DEMAND, "on demand");
	try_rereg(access, NULL, NULL, 0, IBV_ACCESS_ZERO_BASED, "zero based");
	try_rereg(access, NULL, NULL, 0, 1 << 10, "unknown access");
	try_rereg(access, NULL, NULL, 0, IBV_ACCESS_MW_BIND, "for windows");
	try_rereg(IBV_REREG_MR_CHANGE_PD, other_pd, NULL, 0, 0, "other PD");
	munmap(readable, PAGE);
}

static void try_windows(void)
{
	struct ibv_mw_bind bind = { .bind_info = { .mr = mr, .length = 1,
		.addr = (uintptr_t)mr->addr } };
	struct ibv_qp *qp = make_qp(IBV_QPT_RC, pd, NULL);
	struct ibv_mw *mw = ibv_alloc_mw(pd, IBV_MW_TYPE_1);
	struct ibv_mw *mw2 = ibv_alloc_mw(pd, IBV_MW_TYPE_2);
	struct ibv_mw *other = ibv_alloc_mw(other_pd, IBV_MW_TYPE_1);
	int type;

	for (type = 0; type < 5; type++)
		MAKE(ibv_alloc_mw(pd, type), ibv_dealloc_mw,
		     "alloc_mw/type %d", type);
	NEED(qp && mw && other);
	if (mw2) {
		TRY(ibv_bind_mw(qp, mw2, &bind), "bind_mw/type 2");
		NEED(!ibv_dealloc_mw(mw2));
	}
	TRY(ibv_bind_mw(qp, other, &bind), "bind_mw/other PD");
	bind.bind_info.mr = NULL;
	TRY(ibv_bind_mw(qp, mw, &bind), "bind_mw/length without MR");
	NEED(!ibv_dealloc_mw(mw) && !ibv_destroy_qp(qp));
	TRY(ibv_dealloc_pd(other_pd), "dealloc_pd/with a window");
	NEED(!ibv_dealloc_mw(other));
}

/* ---- Completion queues ---- */

static void try_create_cq(void)
{
	static const int size[] = {
		-1, 0, 1, 2, 3, 4096, 65535, 0x400000, 0x7fffffff
	};
	static const int vector[] = { -1, 1000, 0x7fffffff };
	unsigned int i;

	for (i = 0; i < sizeof(size) / sizeof(size[0]); i++)
		MAKE(ibv_create_cq(ctx, size[i], NULL, NULL, 0),
		     ibv_destroy_cq, "create_cq/size %d", size[i]);
	for (i = 0; i < sizeof(vector) / sizeof(vector[0]); i++)
		MAKE(ibv_create_cq(ctx, 10, NULL, NULL, vector[i]),
		     ibv_destroy_cq, "create_cq/vector %d", vector[i]);
	MAKE(ibv_create_cq(ctx, 10, NULL, NULL, ctx->num_comp_vectors - 1),
	     ibv_destroy_cq, "create_cq/last vector");
}

static int destroy_cq_ex(struct ibv_cq_ex *cq_ex)
{
	return ibv_destroy_cq(ibv_cq_ex_to_cq(cq_ex));
}

static void try_create_cq_ex(struct ibv_cq_init_attr_ex attr, const char *name)
{
	attr.cqe = attr.cqe ?: 10;
	MAKE(ibv_create_cq_ex(ctx, &attr), destroy_cq_ex, "create_cq_ex/%s",
	     name);
}

#define CQ_EX(name, ...) \
	try_create_cq_ex((struct ibv_cq_init_attr_ex){ __VA_ARGS__ }, name)

static void try_cqs(void)
{
	struct ibv_modify_cq_attr moderate = {
		.attr_mask = IBV_CQ_ATTR_MODERATE,
		.moderate = { 10, 10 },
	};
	static const int size[] = {
		-1, 0, 1, 2, 5000, 0x400000, 0x7fffffff
	};
	struct ibv_cq *c = ibv_create_cq(ctx, 100, NULL, NULL, 0);
	unsigned int i;

	try_create_cq();
	CQ_EX("nothing", 0);
	CQ_EX("vector", .comp_vector = 1000);
	CQ_EX("huge", .cqe = 0x400000);
	CQ_EX("wc_flags", .wc_flags = 1ull << 40);
	CQ_EX("comp_mask", .comp_mask = 1 << 20);
	CQ_EX("flags", .comp_mask = IBV_CQ_INIT_ATTR_MASK_FLAGS,
	      .flags = 1 << 20);
	CQ_EX("ignore overrun", .comp_mask = IBV_CQ_INIT_ATTR_MASK_FLAGS,
	      .flags = IBV_CREATE_CQ_ATTR_IGNORE_OVERRUN);
	CQ_EX("single threaded", .comp_mask = IBV_CQ_INIT_ATTR_MASK_FLAGS,
	      .flags = IBV_CREATE_CQ_ATTR_SINGLE_THREADED);
	CQ_EX("parent domain", .comp_mask = IBV_CQ_INIT_ATTR_MASK_PD,
	      .parent_domain = pd);
	NEED(c);
	for (i = 0; i < sizeof(size) / sizeof(size[0]); i++)
		TRY(ibv_resize_cq(c, size[i]), "resize_cq/size %d", size[i]);
	TRY(ibv_modify_cq(c, &moderate), "modify_cq/moderate");
	moderate.moderate.cq_count = 0xffff;
	moderate.moderate.cq_period = 0xffff;
	TRY(ibv_modify_cq(c, &moderate), "modify_cq/moderate most");
	moderate.attr_mask = 2;
	TRY(ibv_modify_cq(c, &moderate), "modify_cq/unknown attribute");
	moderate.attr_mask = 0;
	TRY(ibv_modify_cq(c, &moderate), "modify_cq/nothing");
	NEED(!ibv_destroy_cq(c));
}

/* ---- Shared receive queues, XRC domains ---- */

static void try_create_srq(uint32_t wr, uint32_t sge, uint32_t limit)
{
	struct ibv_srq_init_attr attr = { .attr = { wr, sge, limit } };

	MAKE(ibv_create_srq(pd, &attr), ibv_destroy_srq,
	     "create_srq/wr %u sge %u limit %u", wr, sge, limit);
}

static void try_create_srq_ex(struct ibv_srq_init_attr_ex attr,
			      const char *name)
{
	attr.attr = (struct ibv_srq_attr) { 10, 1, 0 };
	MAKE(ibv_create_srq_ex(ctx, &attr), ibv_destroy_srq,
	     "create_srq_ex/%s", name);
}

#define SRQ_EX(name, ...) \
	try_create_srq_ex((struct ibv_srq_init_attr_ex){ __VA_ARGS__ }, name)

#define SRQ_MASK (IBV_SRQ_INIT_ATTR_TYPE | IBV_SRQ_INIT_ATTR_PD)
#define XSRQ_MASK (SRQ_MASK | IBV_SRQ_INIT_ATTR_XRCD | IBV_SRQ_INIT_ATTR_CQ)

static void try_srqs(void)
{
	struct ibv_srq_attr attr = { .srq_limit = 1 };
	uint32_t number;

	try_create_srq(0, 1, 0);
	try_create_srq(1, 0, 0);
	try_create_srq(0, 0, 0);
	try_create_srq(10, 1, 20);
	try_create_srq(16383, 1, 0);
	try_create_srq(16384, 1, 0);
	try_create_srq(65535, 1, 0);
	try_create_srq(65536, 1, 0);
	try_create_srq(65537, 1, 0);
	try_create_srq(10, 31, 0);
	try_create_srq(10, 32, 0);
	try_create_srq(10, 64, 0);
	try_create_srq(10, 65, 0);
	SRQ_EX("tag matching", .comp_mask = SRQ_MASK | IBV_SRQ_INIT_ATTR_TM,
	       .srq_type = IBV_SRQT_TM, .pd = pd);
	SRQ_EX("XRC", .comp_mask = XSRQ_MASK, .srq_type = IBV_SRQT_XRC,
	       .pd = pd, .xrcd = xrcd, .cq = cq);
	for (attr.srq_limit = 0; attr.srq_limit < 40; attr.srq_limit += 13)
		TRY(ibv_modify_srq(srq, &attr, IBV_SRQ_LIMIT),
		    "modify_srq/limit %u", attr.srq_limit);
	attr.max_wr = 5;
	TRY(ibv_modify_srq(srq, &attr, IBV_SRQ_MAX_WR), "modify_srq/size");
	TRY(ibv_modify_srq(srq, &attr, IBV_SRQ_MAX_WR | IBV_SRQ_LIMIT),
	    "modify_srq/size and limit");
	TRY(ibv_modify_srq(srq, &attr, 0), "modify_srq/nothing");
	TRY(ibv_modify_srq(srq, &attr, 4), "modify_srq/unknown");
	TRY(ibv_query_srq(srq, &attr), "query_srq/good");
	/* Of one without an XRC domain libmlx4 tells what malloc() left there */
	TRY(ibv_get_srq_num(xrc_srq, &number), "get_srq_num/XRC");
}

static void try_open_xrcd(int fd, int flags, int mask, const char *name)
{
	struct ibv_xrcd_init_attr attr = {
		.comp_mask = mask,
		.fd = fd,
		.oflags = flags,
	};

	MAKE(ibv_open_xrcd(ctx, &attr), ibv_close_xrcd, "open_xrcd/%s", name);
}

static void try_xrcds(void)
{
	const int both = IBV_XRCD_INIT_ATTR_FD | IBV_XRCD_INIT_ATTR_OFLAGS;
	struct ibv_qp *target = make_qp(IBV_QPT_XRC_RECV, NULL, NULL);
	struct ibv_qp_open_attr open_attr = {
		.comp_mask = IBV_QP_OPEN_ATTR_NUM | IBV_QP_OPEN_ATTR_XRCD |
			IBV_QP_OPEN_ATTR_TYPE,
		.qp_type = IBV_QPT_XRC_RECV,
		.xrcd = xrcd,
		.qp_num = 0xfffffe,
	};

	try_open_xrcd(-1, O_CREAT, both, "good");
	try_open_xrcd(-1, 0, both, "not there");
	try_open_xrcd(-1, O_EXCL, both, "exclusive");
	try_open_xrcd(-1, O_CREAT | O_EXCL, both, "exclusive, to create");
	try_open_xrcd(-1, O_RDWR, both, "unknown flag");
	try_open_xrcd(1000, O_CREAT, both, "no file");
	try_open_xrcd(0, 0, both, "file without domain");
	try_open_xrcd(-1, O_CREAT, IBV_XRCD_INIT_ATTR_FD, "no flags");
	NEED(target);
	TRY(ibv_close_xrcd(xrcd), "close_xrcd/in use");
	MAKE(ibv_open_qp(ctx, &open_attr), ibv_destroy_qp,
	     "open_qp/no such QP");
	open_attr.qp_num = target->qp_num;
	open_attr.qp_type = IBV_QPT_RC;
	MAKE(ibv_open_qp(ctx, &open_attr), ibv_destroy_qp, "open_qp/type");
	open_attr.qp_type = IBV_QPT_XRC_RECV;
	MAKE(ibv_open_qp(ctx, &open_attr), ibv_destroy_qp, "open_qp/good");
	NEED(!ibv_destroy_qp(target));
}

/* ---- Addresses, groups, questions ---- */

static void try_create_ah(struct ibv_ah_attr attr, const char *name)
{
	attr.dlid = attr.dlid ?: lid;
	MAKE(ibv_create_ah(pd, &attr), ibv_destroy_ah, "create_ah/%s", name);
}

#define AH(name, ...) try_create_ah((struct ibv_ah_attr){ __VA_ARGS__ }, name)

static void try_ahs(void)
{
	AH("good", .port_num = 1);
	AH("port 0", .port_num = 0);
	AH("port 3", .port_num = 3);
	AH("port 255", .port_num = 255);
	AH("rate", .port_num = 1, .static_rate = 255);
	AH("sl", .port_num = 1, .sl = 255);
	AH("path bits", .port_num = 1, .src_path_bits = 255);
	AH("sgid index", .port_num = 1, .is_global = 1,
	   .grh.sgid_index = 255);
}

static void try_mcast(const char *name, struct ibv_qp *qp, int first, int to)
{
	union ibv_gid gid = { .raw = { first, 0x12, 0xa0, 0x1b } };

	TRY(ibv_detach_mcast(qp, &gid, to), "detach_mcast/before, %s", name);
	TRY(ibv_attach_mcast(qp, &gid, to), "attach_mcast/%s", name);
	TRY(ibv_attach_mcast(qp, &gid, to), "attach_mcast/again, %s", name);
	TRY(ibv_detach_mcast(qp, &gid, to), "detach_mcast/%s", name);
}

static void try_mcasts(void)
{
	struct ibv_qp *ud = make_qp(IBV_QPT_UD, pd, NULL);
	struct ibv_qp *rc = make_qp(IBV_QPT_RC, pd, NULL);
	union ibv_gid gid = { .raw = { 0xff, 0x12, 0xa0, 0x1b } };

	NEED(ud && rc);
	try_mcast("good", ud, 0xff, 0xc001);
	try_mcast("no group", ud, 0xfe, 0xc001);
	try_mcast("LID 0", ud, 0xff, 0);
	try_mcast("LID of a port", ud, 0xff, 1);
	try_mcast("permissive LID", ud, 0xff, 0xffff);
	try_mcast("RC", rc, 0xff, 0xc001);
	qp_to_init(ud);
	try_mcast("in INIT", ud, 0xff, 0xc001);
	try_mcast("in INIT, LID 0", ud, 0xff, 0);
	NEED(!ibv_attach_mcast(ud, &gid, 0xc001));
	TRY(ibv_destroy_qp(ud), "destroy_qp/in a group");
	NEED(!ibv_detach_mcast(ud, &gid, 0xc001));
	NEED(!ibv_destroy_qp(ud) && !ibv_destroy_qp(rc));
}

static void try_queries(void)
{
	static const int port[] = { 0, 1, 2, 3, 255 };
	static const int index[] = { -1, 0, 15, 127, 128, 255, 65535, 65536 };
	struct ibv_query_device_ex_input input = { .comp_mask = 1 };
	struct ibv_device_attr_ex device;
	struct ibv_values_ex values = { .comp_mask = 2 };
	struct ibv_port_attr attr;
	struct ibv_gid_entry entry;
	unsigned int i, j;
	__be16 pkey;
	union ibv_gid gid;

	for (i = 0; i < sizeof(port) / sizeof(port[0]); i++) {
		TRY(ibv_query_port(ctx, port[i], &attr), "query_port/%d",
		    port[i]);
		for (j = 0; j < sizeof(index) / sizeof(index[0]); j++) {
			TRY(ibv_query_gid(ctx, port[i], index[j], &gid),
			    "query_gid/port %d index %d", port[i], index[j]);
			TRY(ibv_query_gid_ex(ctx, port[i], index[j], &entry,
					     0),
			    "query_gid_ex/port %d index %d", port[i], index[j]);
			TRY(ibv_query_pkey(ctx, port[i], index[j], &pkey),
			    "query_pkey/port %d index %d", port[i], index[j]);
		}
	}
	TRY(ibv_query_gid_ex(ctx, 1, 0, &entry, 1), "query_gid_ex/flags");
	TRY(ibv_query_device_ex(ctx, &input, &device),
	    "query_device_ex/comp_mask");
	TRY(ibv_query_rt_values_ex(ctx, &values),
	    "query_rt_values_ex/comp_mask");
}

/* ---- What is in use, what is not there ---- */

static void try_in_use(void)
{
	struct ibv_srq_init_attr srq_attr = { .attr = { 10, 1, 0 } };
	struct ibv_mw *mw;
	struct ibv_srq *s;
	struct ibv_qp *qp;
	struct ibv_mr *m;
	struct ibv_ah *ah;

	NEED(m = ibv_reg_mr(other_pd, memory, PAGE, 0));
	TRY(ibv_dealloc_pd(other_pd), "dealloc_pd/with an MR");
	NEED(!ibv_dereg_mr(m));
	NEED(s = ibv_create_srq(other_pd, &srq_attr));
	TRY(ibv_dealloc_pd(other_pd), "dealloc_pd/with an SRQ");
	NEED(qp = make_qp(IBV_QPT_RC, pd, s));
	TRY(ibv_destroy_srq(s), "destroy_srq/with a QP");
	NEED(!ibv_destroy_qp(qp) && !ibv_destroy_srq(s));
	NEED(qp = make_qp(IBV_QPT_RC, other_pd, NULL));
	TRY(ibv_dealloc_pd(other_pd), "dealloc_pd/with a QP");
	TRY(ibv_destroy_cq(cq), "destroy_cq/with QPs");
	TRY(ibv_close_xrcd(xrcd), "close_xrcd/with an SRQ");
	NEED(!ibv_destroy_qp(qp));
	NEED(ah = ibv_create_ah(other_pd, &(struct ibv_ah_attr){
		.dlid = lid, .port_num = 1 }));
	NEED(!ibv_destroy_ah(ah));
	NEED(mw = ibv_alloc_mw(other_pd, IBV_MW_TYPE_1));
	TRY(ibv_dealloc_pd(other_pd), "dealloc_pd/with an MW");
	NEED(!ibv_dealloc_mw(mw));
}

static void try_unsupported(void)
{
	struct ibv_wq_init_attr wq_attr = {
		.wq_type = IBV_WQT_RQ, .max_wr = 4, .max_sge = 1,
		.pd = pd, .cq = cq,
	};
	struct ibv_flow_attr flow = {
		.type = IBV_FLOW_ATTR_NORMAL, .size = sizeof(flow), .port = 1,
	};
	struct ibv_td_init_attr td = {};
	struct ibv_alloc_dm_attr dm = { .length = PAGE };
	struct ibv_counters_init_attr counters = {};
	struct ibv_qp *qp = make_qp(IBV_QPT_UD, pd, NULL);

	NEED(qp);
	MAKE(ibv_create_wq(ctx, &wq_attr), ibv_destroy_wq, "create_wq/RQ");
	MAKE(ibv_create_flow(qp, &flow), ibv_destroy_flow, "create_flow/UD");
	MAKE(ibv_alloc_td(ctx, &td), ibv_dealloc_td, "alloc_td");
	MAKE(ibv_alloc_dm(ctx, &dm), ibv_free_dm, "alloc_dm");
	MAKE(ibv_create_counters(ctx, &counters), ibv_destroy_counters,
	     "create_counters");
	MAKE(ibv_alloc_null_mr(pd), ibv_dereg_mr, "alloc_null_mr");
	TRY(ibv_advise_mr(pd, IBV_ADVISE_MR_ADVICE_PREFETCH, 0, NULL, 0),
	    "advise_mr");
	NEED(!ibv_destroy_qp(qp));
}

static void make_objects(void)
{
	struct ibv_xrcd_init_attr xrcd_attr = {
		.comp_mask = IBV_XRCD_INIT_ATTR_FD | IBV_XRCD_INIT_ATTR_OFLAGS,
		.fd = -1,
		.oflags = O_CREAT,
	};
	struct ibv_srq_init_attr_ex attr = {
		.attr = { 10, 1, 0 },
		.comp_mask = XSRQ_MASK,
		.srq_type = IBV_SRQT_XRC,
	};

	ctx = open_hca();
	lid = port_lid(ctx);
	NEED(!ibv_query_gid(ctx, 1, 0, &own_gid));
	memory = map(MEMORY + PAGE, PROT_READ | PROT_WRITE, -1);
	NEED(!munmap(memory + MEMORY, PAGE));
	NEED(pd = ibv_alloc_pd(ctx));
	NEED(other_pd = ibv_alloc_pd(ctx));
	NEED(cq = ibv_create_cq(ctx, 100, NULL, NULL, 0));
	NEED(mr = ibv_reg_mr(pd, memory, MEMORY, IBV_ACCESS_LOCAL_WRITE |
			     IBV_ACCESS_MW_BIND));
	NEED(xrcd = ibv_open_xrcd(ctx, &xrcd_attr));
	attr.pd = pd;
	attr.cq = cq;
	attr.xrcd = xrcd;
	NEED(xrc_srq = ibv_create_srq_ex(ctx, &attr));
	NEED(srq = ibv_create_srq(pd, (struct ibv_srq_init_attr *)&attr));
}

int main(void)
{
	make_objects();
	try_reg_access();
	try_reg_place();
	try_rereg_mr();
	try_windows();
	try_cqs();
	try_srqs();
	try_xrcds();
	try_ahs();
	try_mcasts();
	try_queries();
	try_in_use();
	try_unsupported();
	try_create_qp();
	try_modify_qp();
	try_raw();
	try_mmap();
	NEED(!ibv_destroy_srq(srq) && !ibv_destroy_srq(xrc_srq));
	NEED(!ibv_close_xrcd(xrcd) && !ibv_dereg_mr(mr) && !ibv_destroy_cq(cq));
	NEED(!ibv_dealloc_pd(pd) && !ibv_dealloc_pd(other_pd));
	printf("end: ok\n");
	return 0;
}
