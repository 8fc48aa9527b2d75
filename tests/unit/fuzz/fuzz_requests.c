// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests of a guest, those of a sane one with octets of theirs replaced, over
 * the provider without hardware: between them the HCA has events, goes and comes
 * back, calls fail, and pages change while they are read.
 */

#include "guest.h"

#include "fuzz.h"

#define MAX_STEPS	64
#define MAX_OBJS	MAX_STEPS
/* More than are in one page of a directory, once in each input */
#define MANY_PAGES	(VIBIF_GREFS_PER_PAGE + 3)

static struct ibback_dev *dev;

/* What the guest has, as it knows from the responses */
static struct {
	enum ibback_resource type;
	struct obj obj;
	bool bound;		/* a window that has been */
} objs[MAX_OBJS];
static unsigned int nr_objs;
/*
 * What there was before the guest was connected: it stays charged for what the
 * HCA has kept of an earlier connection.
 */
static struct fake_books base;
static unsigned int base_used[IBBACK_NR_RESOURCES];

static bool hca_present;
static bool had_many_pages;
static bool racing;

static const struct {
	enum ibback_resource type;
	enum fake_kind kind;
} in_hca[] = {
	{ IBBACK_PD, FAKE_PD }, { IBBACK_MR, FAKE_MR }, { IBBACK_MW, FAKE_MW },
	{ IBBACK_CQ, FAKE_CQ }, { IBBACK_QP, FAKE_QP },
	{ IBBACK_SRQ, FAKE_SRQ }, { IBBACK_XRCD, FAKE_XRCD },
};

static unsigned int used_now(enum ibback_resource type)
{
	return atomic_read(&dev->used[type]);
}

static unsigned int count(enum ibback_resource type)
{
	unsigned int i, nr = 0;

	for (i = 0; i < nr_objs; i++)
		nr += objs[i].type == type;
	return nr;
}

/* An index into objs of one of this type, or now and then of any */
static int choose(enum ibback_resource type)
{
	unsigned int i, nr = count(type), which = fuzz_8();

	if (which >= 0xf0 && nr_objs)
		return which % nr_objs;
	if (!nr)
		return -1;
	which %= nr;
	for (i = 0; objs[i].type != type || which--; i++)
		;
	return i;
}

static struct obj pick(enum ibback_resource type)
{
	int i = choose(type);

	return i < 0 ? (struct obj) {} : objs[i].obj;
}

/* The guest's, the backend's and the HCA's idea of what there is are one. */
static void check(void)
{
	enum ibback_resource type;
	unsigned int i, nr;

	kernel_check_idle();
	if (dev->state != XenbusStateConnected)
		return;
	for (i = 0; i < ARRAY_SIZE(in_hca); i++) {
		type = in_hca[i].type;
		nr = count(type);
		if (used_now(type) != base_used[type] + nr ||
		    used_now(type) > dev->quota[type] ||
		    nr != fake_books.objects[in_hca[i].kind] -
			  base.objects[in_hca[i].kind])
			kernel_bug("resource %u: the guest has %u", type, nr);
	}
	if (used_now(IBBACK_CONTEXT) != count(IBBACK_CONTEXT))
		kernel_bug("contexts");
}

static int type_made_by(u8 operation)
{
	switch (operation) {
	case VIBIF_OP_ALLOC_CONTEXT:
		return IBBACK_CONTEXT;
	case VIBIF_OP_ALLOC_PD:
		return IBBACK_PD;
	case VIBIF_OP_REG_MR:
		return IBBACK_MR;
	case VIBIF_OP_CREATE_CQ:
		return IBBACK_CQ;
	case VIBIF_OP_CREATE_SRQ:
		return IBBACK_SRQ;
	case VIBIF_OP_CREATE_QP:
		return IBBACK_QP;
	case VIBIF_OP_ALLOC_MW:
		return IBBACK_MW;
	case VIBIF_OP_ALLOC_XRCD:
		return IBBACK_XRCD;
	default:
		return -1;
	}
}

static void forget(u32 handle)
{
	unsigned int i;

	for (i = 0; i < nr_objs && objs[i].obj.handle != handle; i++)
		;
	if (i == nr_objs)
		kernel_bug("object %u was destroyed, which is none", handle);
	objs[i] = objs[--nr_objs];
}

static void send(struct vibif_req req)
{
	struct vibif_rsp rsp;
	int type;

	fuzz_alter(&req, sizeof(req));
	if (dev->state != XenbusStateConnected)
		return;
	if (guest_try(dev, &req, &rsp))
		return;
	type = type_made_by(req.operation);
	if (type >= 0) {
		objs[nr_objs].type = type;
		objs[nr_objs].bound = false;
		objs[nr_objs++].obj = (struct obj) {
			rsp.op.create_qp.handle, rsp.op.create_qp.qpn };
	} else if (req.operation == VIBIF_OP_DESTROY) {
		forget(req.handle);
	}
}

/* Requests */

static u32 some_pages(void)
{
	unsigned int nr = fuzz_8();

	if (nr < 0xff || had_many_pages)
		return nr % 16 + 1;
	had_many_pages = true;
	return MANY_PAGES;
}

static void make_regions(unsigned int what)
{
	struct obj pd = pick(IBBACK_PD), mr = pick(IBBACK_MR);
	struct vibif_req req;

	switch (what % 5) {
	case 0:
		send(req_mr(pd, some_pages()));
		break;
	case 1:
		send(req_share(pd, mr, some_pages()));
		break;
	case 2:
		req = req_rereg(mr, fuzz_8());
		req.op.reg_mr.pd = pd.handle;
		send(req);
		break;
	case 3:
		send(req_retire(mr));
		break;
	default:
		send(req_mw(pd));
	}
}

static void make_queues(unsigned int what)
{
	struct obj pd = pick(IBBACK_PD), cq = pick(IBBACK_CQ);
	struct obj context = pick(IBBACK_CONTEXT), xrcd = pick(IBBACK_XRCD);

	switch (what % 6) {
	case 0:
		send(req_cq(context));
		break;
	case 1:
		send(req_srq(pd));
		break;
	case 2:
		send(req_xrc_srq(pd, cq, xrcd));
		break;
	case 3:
		send(req_qp(fuzz_8(), context, pd, cq));
		break;
	case 4:
		send(req_srq_qp(context, pd, cq, pick(IBBACK_SRQ)));
		break;
	default:
		send(req_tgt_qp(xrcd));
	}
}

static void modify(unsigned int what)
{
	struct obj cq = pick(IBBACK_CQ), qp = pick(IBBACK_QP);
	u8 type;

	switch (what % 7) {
	case 0:
		send(req_resize_cq(cq, 1 << fuzz_below(10)));
		break;
	case 1:
		send(req_on(VIBIF_OP_MODIFY_CQ, cq));
		break;
	case 2:
		send(req_on(VIBIF_OP_MODIFY_SRQ, pick(IBBACK_SRQ)));
		break;
	case 3:
		type = fuzz_8();
		send(req_modify_qp(qp, type, fuzz_below(8)));
		break;
	case 4:
		send(req_mcast(VIBIF_OP_ATTACH_MCAST, qp, fuzz_8()));
		break;
	case 5:
		send(req_mcast(VIBIF_OP_DETACH_MCAST, qp, fuzz_8()));
		break;
	default:
		send((struct vibif_req) {
			.operation = VIBIF_OP_SET_ADDRS,
			.op.set_addrs = { .port = 1, .count = 1,
					  .addr = { { 0xfd, [15] = 1 } } },
		});
	}
}

static void query(unsigned int what)
{
	switch (what % 7) {
	case 0:
		send(req_query_device(xen_grant(guest_page(), fuzz_8() < 0x80)));
		break;
	case 1:
		send(req_query_port(fuzz_8()));
		break;
	case 2:
		send(req_query_table(VIBIF_OP_QUERY_GID, 1, fuzz_8()));
		break;
	case 3:
		send(req_query_table(VIBIF_OP_QUERY_PKEY, 1, fuzz_8()));
		break;
	case 4:
		send(req_on(VIBIF_OP_QUERY_SRQ, pick(IBBACK_SRQ)));
		break;
	case 5:
		send(req_on(VIBIF_OP_QUERY_QP, pick(IBBACK_QP)));
		break;
	default:
		send((struct vibif_req) {
			.operation = VIBIF_OP_QUERY_COUNTERS,
			.op.query_counters.port = fuzz_8(),
		});
	}
}

static void request(void)
{
	unsigned int what = fuzz_8();

	switch (what >> 5) {
	case 0:
		send(req_context());
		break;
	case 1:
		send(what & 1 ? req_xrcd() : req_pd());
		break;
	case 2:
		make_regions(what);
		break;
	case 3:
		make_queues(what & 0x1f);
		break;
	case 4:
		modify(what & 0x1f);
		break;
	case 5:
		query(what & 0x1f);
		break;
	case 6:
		send(req_destroy(pick(what & 0xf)));
		break;
	default:
		send((struct vibif_req) { .operation = what & 0x1f,
					  .handle = fuzz_8() });
	}
}

/* Others that do something meanwhile */

/* What the guest's own programs tell the HCA past the backend */
static void bind_window(void)
{
	int mw = choose(IBBACK_MW), mr = choose(IBBACK_MR);

	if (mw < 0 || mr < 0 || objs[mw].type != IBBACK_MW ||
	    objs[mr].type != IBBACK_MR || objs[mw].bound)
		return;
	fake_bind(objs[mw].obj.number, objs[mr].obj.number);
	objs[mw].bound = true;
}

/* The backend hears of an error only when it asks. */
static void qp_error(void)
{
	int i = choose(IBBACK_QP);

	if (i < 0 || objs[i].type != IBBACK_QP ||
	    fake_qp_state(objs[i].obj.number) == IB_QPS_RESET)
		return;
	fake_qp_error(objs[i].obj.number);
	fail_at(0);
	guest_do(dev, req_on(VIBIF_OP_QUERY_QP, objs[i].obj));
}

static void object_event(void)
{
	static const unsigned int nr_events[FAKE_NR_KINDS] = {
		[FAKE_CQ] = 2, [FAKE_QP] = 5, [FAKE_SRQ] = 2,
	};
	int i = nr_objs ? fuzz_below(nr_objs) : -1;
	unsigned int k;

	for (k = 0; i >= 0 && k < ARRAY_SIZE(in_hca); k++)
		if (in_hca[k].type == objs[i].type &&
		    nr_events[in_hca[k].kind])
			fake_event(in_hca[k].kind, objs[i].obj.number,
				   fuzz_below(nr_events[in_hca[k].kind]));
}

static void connect(void)
{
	unsigned int i;

	if (dev->state != XenbusStateInitWait)
		return;
	guest_connect(dev);
	base = fake_books;
	for (i = 0; i < IBBACK_NR_RESOURCES; i++)
		base_used[i] = used_now(i);
}

/* Nothing is left of what the guest had. */
static void disconnected(void)
{
	if (dev->state != XenbusStateConnected)
		nr_objs = 0;
}

static void hca_goes(void)
{
	if (!hca_present)
		return;
	ib_device_remove(&fake_device);
	hca_present = false;
}

static void hca_comes(unsigned int what)
{
	if (hca_present)
		return;
	if (what & 1) {
		fake_restart();
		if (what & 2)
			fake_uar_take(FAKE_RESERVED_UARS +
				      fuzz_below(FAKE_UARS -
						 FAKE_RESERVED_UARS));
	}
	hca_present = !ib_device_add(&fake_device);
}

/*
 * The backend is loaded anew, or the toolstack detaches and attaches. If the
 * HCA's instance could not be said when it came back, this is the last time
 * that it can be, and must not fail too.
 */
static void reload(bool detach)
{
	fail_at(0);
	if (detach)
		xen_rm_nodes();
	guest_detach(dev);
	dev = guest_attach();
}

static void other(void)
{
	unsigned int what = fuzz_8();

	switch (what >> 4) {
	case 0:
		fail_at(1 + what % 16 * 2);
		fake_errno = -ENOSPC;
		return;
	case 1:
		fail_at(1 + what % 16);
		fake_errno = -EIO;
		return;
	case 2:
		racing = what & 1;
		break;
	case 3:
		bind_window();
		break;
	case 4:
		if (dev->state == XenbusStateConnected)
			qp_error();
		break;
	case 5:
		object_event();
		break;
	case 6:
		guest_least_period = what & 1 ? 100 : 0;
		if (dev->state == XenbusStateConnected)
			ibback_cqs_moderate(dev, what & 2);
		break;
	case 7:
		if (hca_present)
			ib_device_event(&fake_device,
					IB_EVENT_DEVICE_FATAL +
					fuzz_below(IB_EVENT_GID_CHANGE -
						   IB_EVENT_DEVICE_FATAL + 1),
					what % 4);
		break;
	case 8:
		kernel_run_work();
		break;
	case 9:
		fake_device.sm.silent = what & 1;
		fake_device.sm.refuses = what & 2;
		fake_device.sm.slow = what & 4;
		break;
	case 10:
		guest_disconnect(dev);
		break;
	case 11:
		hca_goes();
		break;
	case 12:
		hca_comes(what);
		break;
	case 13:
		reload(what & 1);
		break;
	case 14:
		guest_now += 1000000000ULL << what % 16;
		break;
	default:
		connect();
	}
}

/* A guest's other processor writes to the page that is about to be copied. */
static void race(void *page)
{
	u32 *word = page;
	unsigned int i;

	if (!racing || !page)
		return;
	i = fuzz_16() % (PAGE_SIZE / sizeof(*word));
	word[i] = fuzz_16();
}

static void setup(void)
{
	static const char *const pkeys[] = { NULL, "0x8101", "0x8103 0x8105" };
	unsigned int config = fuzz_8();

	nr_objs = 0;
	had_many_pages = false;
	racing = false;
	guest_now = 1000000000;
	guest_may_stick = true;
	guest_setup(NULL);
	hca_present = true;
	xen_before_copy = race;
	guest_guid = FAKE_GUID;
	if (config & 1)
		xen_write(GUEST_DIR, "guid-1", "0200:0000:0000:0abc");
	if (config & 2)
		xen_write(GUEST_DIR, "max-mrs", "2");
	if (config & 4)
		xen_write(GUEST_DIR, "max-pages", "64");
	if (config & 8)
		fake_device.attrs.device_cap_flags = 0;
	if (pkeys[config >> 4 & 1])
		xen_write(GUEST_DIR, "pkeys-1", pkeys[config >> 4 & 1]);
	dev = guest_attach();
	connect();
}

void fuzz_run(void)
{
	unsigned int step;

	setup();
	for (step = 0; step < MAX_STEPS && fuzz_more(); step++) {
		if (fuzz_8() < 0xd0)
			request();
		else
			other();
		disconnected();
		connect();
		check();
	}
	fail_at(0);
	hca_comes(0);
	guest_end(dev);
	guest_teardown(NULL);
}
