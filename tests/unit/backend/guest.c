// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's device, in place of xenbus.c, ring.c and events.c; books of all
 * that it has; and the sweep.
 */

#include "guest.h"
#include "gsi_hook.h"

static struct xenbus_device xbdev = {
	.nodename = GUEST_DIR,
	.otherend = "device/vib/0",
	.dev.name = "vib-7-0",
};

/* Before an HCA came, and when the device was connected */
static struct books idle, connected;
static long first_stuck;
static u32 event_words[GUEST_EVENT_WORDS];
/* That of guest_new(), until it ends */
static struct ibback_dev *new_dev;

u64 guest_guid;
u64 guest_now;
bool guest_no_hook;
unsigned int guest_hook_syncs;
u16 guest_least_period;
bool guest_may_stick;
struct books guest_stuck;

domid_t guest_domid(void)
{
	return xbdev.otherend_id;
}

void guest_set_domid(domid_t domid)
{
	xbdev.otherend_id = domid;
}

/* In place of events.c: what reaches a guest of an event is the bit. */

void ibback_event(struct ibback_dev *dev, u32 word, unsigned int bit)
{
	if (word >= GUEST_EVENT_WORDS)
		kernel_bug("an event of object %u, which has no word", word);
	event_words[word] |= 1U << bit;
}

void ibback_event_clear(struct ibback_dev *dev, u32 word)
{
	if (word >= GUEST_EVENT_WORDS)
		kernel_bug("object %u has no word for events", word);
	event_words[word] = 0;
}

u64 ktime_get_ns(void)
{
	return guest_now;
}

void ibback_device_event(struct ibback_dev *dev, unsigned int bit)
{
	ibback_event(dev, 0, bit);
}

u16 ibback_moderation(const struct ibback_dev *dev)
{
	return guest_least_period;
}

/* In place of gsi.c, in programs that have none */
__attribute__((weak))
void ibback_gsi_receive(struct ibback_dev *dev, u32 port,
			const struct ib_wc *wc, const struct ib_grh *grh,
			const u8 *mad)
{
	kernel_bug("a message of the CM, and no MAD area");
}

/* In place of gsi_hook.c */

struct ibback_hook {
	ibback_hook_fn *take;
	void *arg;
	unsigned int users;
};

static struct ibback_hook *hook;

struct ibback_hook *ibback_hook_open(struct ib_device *ibdev,
				     ibback_hook_fn *take, void *arg)
{
	struct ibback_hook *h = kzalloc(sizeof(*h), GFP_KERNEL);

	if (h)
		*h = (struct ibback_hook) { take, arg, 0 };
	hook = h;
	return h;
}

void ibback_hook_close(struct ibback_hook *h)
{
	WARN_ON(h->users);
	hook = NULL;
	kfree(h);
}

int ibback_hook_get(struct ibback_hook *h)
{
	if (guest_no_hook)
		return -EOPNOTSUPP;
	h->users++;
	return 0;
}

void ibback_hook_put(struct ibback_hook *h)
{
	h->users--;
}

void ibback_hook_sync(void)
{
	might_sleep();
	guest_hook_syncs++;
}

bool guest_hook_mad(u32 port, const struct ib_wc *wc, const struct ib_mad *mad)
{
	static const struct ib_grh grh;

	if (!hook->users)
		return false;
	return hook->take(hook->arg, port, wc, &grh, mad);
}

unsigned int guest_hook_users(void)
{
	return hook->users;
}

u32 guest_events(struct obj obj)
{
	u32 events = event_words[obj.handle];

	event_words[obj.handle] = 0;
	return events;
}

/* In place of xenbus.c */

static int try_attach(struct ibback_dev *dev)
{
	int err = ibback_identity_read(dev);

	if (!err)
		err = ibback_uars_read(dev);
	if (!err)
		ibback_hca_bind(dev);
	if (!err && !dev->hca)
		err = -ENODEV;
	mutex_lock(&dev->lock);
	if (!err)
		err = ibback_uars_reserve(dev);
	if (!err)
		ibback_aliases_claim(dev);
	dev->state = err ? XenbusStateClosed : XenbusStateInitWait;
	mutex_unlock(&dev->lock);
	return err;
}

struct ibback_dev *guest_attach(void)
{
	struct ibback_dev *dev = calloc(1, sizeof(*dev));
	int before = failed();

	if (!xen_read(GUEST_DIR, VIBIF_FIELD_QUOTA(contexts)))
		xen_write(GUEST_DIR, VIBIF_FIELD_QUOTA(contexts), "4");
	dev->xbdev = &xbdev;
	dev->guid = guest_guid;
	mutex_init(&dev->lock);
	mutex_init(&dev->flow_lock);
	spin_lock_init(&dev->uar_lock);
	mutex_init(&dev->walk_lock);
	spin_lock_init(&dev->mcast_lock);
	INIT_LIST_HEAD(&dev->mcast);
	INIT_LIST_HEAD(&dev->hca_entry);
	ibback_refusals_init(dev);
	ibback_quotas_read(dev);
	if (!try_attach(dev))
		return dev;
	if (before || !failed())
		return dev;
	/* What was asked to fail has: the toolstack tries again. */
	assert_int_equal(xen_error(), failed());
	guest_detach(dev);
	return guest_attach();
}

static void disconnect(struct ibback_dev *dev);

void guest_connect(struct ibback_dev *dev)
{
	assert_int_equal(dev->state, XenbusStateInitWait);
	books_read(NULL, &connected);
	mutex_lock(&dev->lock);
	ibback_flows_alloc(dev);
	mutex_unlock(&dev->lock);
	dev->limits.nr_event_words = GUEST_EVENT_WORDS;
	xa_init_flags(&dev->objects, XA_FLAGS_ALLOC);
	dev->state = XenbusStateConnected;
}

void guest_disconnect(struct ibback_dev *dev)
{
	mutex_lock(&dev->lock);
	disconnect(dev);
	mutex_unlock(&dev->lock);
	kernel_check_idle();
}

void guest_detach(struct ibback_dev *dev)
{
	bool attached = xen_read(GUEST_DIR, VIBIF_FIELD_UAR_COUNT);

	guest_disconnect(dev);
	mutex_lock(&dev->lock);
	ibback_aliases_release(dev, attached);
	if (attached)
		ibback_uars_forget(dev);
	else
		ibback_uars_release(dev);
	mutex_unlock(&dev->lock);
	ibback_hca_unbind(dev);
	kernel_check_idle();
	free(dev);
}

struct ibback_dev *guest_new(void)
{
	new_dev = guest_attach();
	guest_connect(new_dev);
	return new_dev;
}

void guest_end(struct ibback_dev *dev)
{
	if (dev == new_dev)
		new_dev = NULL;
	xen_rm_nodes();
	guest_detach(dev);
	xen_domain_gone(guest_domid());
	kernel_run_work();
}

void ibback_dev_hca_gone(struct ibback_dev *dev)
{
	mutex_lock(&dev->lock);
	disconnect(dev);
	ibback_gids_forget(dev);
	dev->hca = NULL;
	mutex_unlock(&dev->lock);
}

bool ibback_dev_hca_back(struct ibback_dev *dev, struct ibback_hca *hca)
{
	if (dev->guid != hca->guid)
		return false;
	mutex_lock(&dev->lock);
	dev->hca = hca;
	ibback_limits_set(dev);
	if (!ibback_uars_retake(dev)) {
		ibback_aliases_claim(dev);
		dev->state = XenbusStateInitWait;
	} else if (!dev->nr_uars) {
		dev->hca = NULL;
	}
	mutex_unlock(&dev->lock);
	return dev->hca;
}

/* Books */

static long read_attr(struct attribute *attr)
{
	struct driver_attribute *d = container_of(attr,
						  struct driver_attribute,
						  attr);
	char buf[PAGE_SIZE];

	assert_true(d->show(NULL, buf) > 0);
	return strtol(buf, NULL, 10);
}

long guest_total(const char *name)
{
	struct attribute **attr = ibback_driver_groups[0]->attrs;

	while (*attr && strcmp((*attr)->name, name))
		attr++;
	if (!*attr)
		kernel_bug("nothing is counted as %s", name);
	return read_attr(*attr);
}

void books_read(struct ibback_dev *dev, struct books *books)
{
	struct attribute **attr = ibback_driver_groups[0]->attrs;
	struct ibback_obj *obj;
	unsigned long handle;
	unsigned int i;

	memset(books, 0, sizeof(*books));
	books->kernel = kernel_books;
	/* What is asked for in the background may be done at any time */
	books->kernel.works = 0;
	books->fake = fake_books;
	books->mapped = xen_nr_mapped();
	for (i = 0; attr[i]; i++) {
		assert_true(i < ARRAY_SIZE(books->total));
		books->total[i] = read_attr(attr[i]);
	}
	if (!dev)
		return;
	for (i = 0; i < IBBACK_NR_RESOURCES; i++)
		books->used[i] = atomic_read(&dev->used[i]);
	xa_for_each(&dev->objects, handle, obj)
		books->refs += refcount_read(&obj->refs);
}

static void compare(const char *what, const char *kind, const long *a,
		    const long *b, size_t octets)
{
	size_t i;

	for (i = 0; i < octets / sizeof(*a); i++)
		if (a[i] != b[i])
			kernel_bug("%s: %s %zu: %ld before, %ld after", what,
				   kind, i, a[i], b[i]);
}

#define COMPARE(member)							\
	compare(what, #member, (const long *)&a->member,		\
		(const long *)&b->member, sizeof(a->member))

void books_compare(const struct books *a, const struct books *b,
		   const char *what)
{
	COMPARE(kernel);
	COMPARE(fake);
	COMPARE(mapped);
	COMPARE(total);
	COMPARE(used);
	COMPARE(refs);
}

/* All of it is longs. */
static void books_add(struct books *a, const struct books *b, int sign)
{
	long *to = (long *)a;
	const long *from = (const long *)b;
	size_t i;

	for (i = 0; i < sizeof(*a) / sizeof(*to); i++)
		to[i] += sign * from[i];
}

/*
 * Nothing is left of what the guest has created, but what the HCA has kept:
 * that is said to be stuck, and only a failure makes it so.
 */
static void disconnect(struct ibback_dev *dev)
{
	long stuck = guest_total("stuck");
	int before = failed();

	if (dev->state == XenbusStateConnected) {
		fake_teardown = true;
		ibback_objects_destroy_all(dev);
		fake_teardown = false;
		ibback_flows_free(dev);
		books_read(NULL, &guest_stuck);
		if (guest_total("stuck") == stuck ||
		    !(guest_may_stick || (failed() && !before)))
			books_compare(&connected, &guest_stuck, "teardown");
		books_add(&guest_stuck, &connected, -1);
		books_add(&idle, &guest_stuck, 1);
	}
	dev->state = XenbusStateClosed;
}

long guest_nr_stuck(void)
{
	return guest_total("stuck") - first_stuck;
}

/* Between guest_setup() and guest_teardown(), also for ever after a failure */
static bool busy;

int guest_setup(void **state)
{
	if (busy)
		fail_msg("not tried, as the one before has failed");
	busy = true;
	kernel_reset();
	xen_reset();
	fake_reset();
	guest_least_period = 0;
	guest_no_hook = false;
	guest_may_stick = false;
	guest_guid = 0;
	guest_set_domid(7);
	memset(event_words, 0, sizeof(event_words));
	books_read(NULL, &idle);
	first_stuck = guest_total("stuck");
	assert_int_equal(ibback_hca_init(), 0);
	assert_int_equal(ib_device_add(&fake_device), 0);
	/* As if the HCA had been there for a while: nothing is looked for */
	while (kernel_books.works)
		kernel_run_work();
	return 0;
}

int guest_teardown(void **state)
{
	struct books books;

	if (new_dev)
		guest_end(new_dev);
	ibback_uars_exit();
	ib_device_remove(&fake_device);
	ibback_hca_exit();
	kernel_check_idle();
	guest_free_pages();
	books_read(NULL, &books);
	books_compare(&idle, &books, "when all is over");
	assert_int_equal(kernel_books.works, 0);
	busy = false;
	return 0;
}

/* Requests */

/* -EIO of a REREG_MR is the one that leaves something changed. */
static bool changes_anyway(const struct vibif_req *req, int err)
{
	return req->operation == VIBIF_OP_REREG_MR && err == -EIO;
}

/* A CQ is created even if its moderation cannot be set. */
static bool is_tolerated(const struct vibif_req *req)
{
	return req->operation == VIBIF_OP_CREATE_CQ &&
		!strcmp(failed_call(), "cq modify");
}

int guest_try(struct ibback_dev *dev, const struct vibif_req *req,
	      struct vibif_rsp *rsp)
{
	struct books before, after;
	char what[32];
	int err;

	books_read(dev, &before);
	*rsp = (struct vibif_rsp) { .operation = req->operation };
	err = ibback_execute(dev, req, rsp);
	kernel_check_idle();
	if (err && !changes_anyway(req, err)) {
		books_read(dev, &after);
		snprintf(what, sizeof(what), "operation %u, status %d",
			 req->operation, err);
		books_compare(&before, &after, what);
	}
	return err;
}

int guest_request(struct ibback_dev *dev, struct vibif_req req,
		  struct vibif_rsp *rsp)
{
	int before = failed();
	int err = guest_try(dev, &req, rsp);

	if (before || !failed())
		return err;
	if (!err) {
		assert_true(is_tolerated(&req));
		return 0;
	}
	assert_int_equal(err, failed());
	return changes_anyway(&req, err) ? err : guest_try(dev, &req, rsp);
}

int guest_status(struct ibback_dev *dev, struct vibif_req req)
{
	struct vibif_rsp rsp;

	return guest_request(dev, req, &rsp);
}

int guest_destroy(struct ibback_dev *dev, struct obj obj)
{
	return guest_status(dev, req_destroy(obj));
}

static void succeed(struct ibback_dev *dev, struct vibif_req req,
		    struct vibif_rsp *rsp)
{
	int err = guest_request(dev, req, rsp);

	if (err)
		kernel_bug("operation %u: status %d", req.operation, err);
}

struct obj guest_create(struct ibback_dev *dev, struct vibif_req req)
{
	struct vibif_rsp rsp;
	struct obj obj;

	succeed(dev, req, &rsp);
	/* All responses that name an object begin so. */
	obj.handle = rsp.op.create_qp.handle;
	obj.number = rsp.op.create_qp.qpn;
	assert_int_not_equal(obj.handle, 0);
	return obj;
}

void guest_do(struct ibback_dev *dev, struct vibif_req req)
{
	struct vibif_rsp rsp;

	succeed(dev, req, &rsp);
}

void sweep(void (*fn)(void))
{
	/* -EIO is the one that means something to the backend. */
	static const int errnos[] = { -ENOSPC, -EIO };
	unsigned int i, call;
	bool done;

	for (i = 0; i < ARRAY_SIZE(errnos); i++) {
		call = 0;
		do {
			guest_setup(NULL);
			fake_errno = errnos[i];
			fail_at(++call);
			fn();
			done = !failed();
			guest_teardown(NULL);
		} while (!done);
		print_message("[          ] each of %u calls failed once\n",
			      call - 1);
	}
}
