// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a device, and of a domain that is suspended with it, over a
 * xenbus of one device. What Linux does in one thread, xenwatch, is done by
 * run_xenwatch(); suspend() and resume() run in it, too.
 */

#include <setjmp.h>
#include <cmocka.h>

#define FE		"device/vib/0"
#define BE		"backend/vib/7/0"
#define MAX_NODES	16
#define MAX_EVENTS	128
#define NEVER		UINT_MAX

/* What a toolstack does in the end of an attach, one after the other */
enum { MKDIR, BACKEND, BACKEND_ID, STATE, STEPS };

static struct {
	char path[48];
	char value[32];
} nodes[MAX_NODES];
static unsigned int nr_nodes;

static struct xenbus_driver *driver;
static struct xenbus_device *xbdev;	/* NULL: xenbus knows of none */
static bool bound;
static struct xenbus_watch *watches[4], *events[MAX_EVENTS];
static unsigned int nr_watches, nr_events;
static struct work_struct *wanted;

static struct ibfront_dev *ibdev;	/* the one that is there, or NULL */
static long nr_open;
static bool backend_stays, user_stays, may_be_mapped, suspends;
static unsigned int accesses, step, at[STEPS], seen;

/* xenstore */

static void run_watches(const char *path)
{
	unsigned int i, len;

	for (i = 0; i < nr_watches; i++) {
		len = strlen(watches[i]->node);
		if (strncmp(path, watches[i]->node, len) ||
		    (path[len] && path[len] != '/'))
			continue;
		assert_true(nr_events < MAX_EVENTS);
		events[nr_events++] = watches[i];
	}
}

static unsigned int find(const char *dir, const char *node)
{
	char path[sizeof(nodes[0].path)];
	unsigned int i = 0;

	snprintf(path, sizeof(path), "%s%s%s", dir, *node ? "/" : "", node);
	while (i < nr_nodes && strcmp(nodes[i].path, path))
		i++;
	if (i == nr_nodes)
		strcpy(nodes[i].path, path);
	return i;
}

static const char *get(const char *dir, const char *node)
{
	unsigned int i = find(dir, node);

	return i < nr_nodes ? nodes[i].value : NULL;
}

static void put(const char *dir, const char *node, const char *value)
{
	unsigned int i = find(dir, node);

	if (i == nr_nodes)
		nr_nodes++;
	assert_true(nr_nodes < MAX_NODES);
	snprintf(nodes[i].value, sizeof(nodes[i].value), "%s", value);
	run_watches(nodes[i].path);
}

static enum xenbus_state state_of(const char *dir)
{
	const char *value = get(dir, "state");

	return value ? atoi(value) : XenbusStateUnknown;
}

static void put_state(const char *dir, enum xenbus_state state)
{
	char value[4];

	snprintf(value, sizeof(value), "%u", state);
	put(dir, "state", value);
	if (!strcmp(dir, FE))
		seen |= BIT(state);
}

/* A folder and all in it */
static void rm(const char *dir)
{
	unsigned int i, kept = 0;

	for (i = 0; i < nr_nodes; i++) {
		if (strncmp(nodes[i].path, dir, strlen(dir)))
			nodes[kept++] = nodes[i];
		else
			run_watches(nodes[i].path);
	}
	nr_nodes = kept;
}

/* The toolstack's, as soon as the guest has looked so often into xenstore */
static void attach_steps(void)
{
	for (; step < STEPS && accesses >= at[step]; step++) {
		switch (step) {
		case MKDIR:
			put(FE, "", "");
			break;
		case BACKEND:
			put(FE, "backend", BE);
			break;
		case BACKEND_ID:
			put(FE, "backend-id", "0");
			break;
		default:
			put_state(FE, XenbusStateInitialising);
		}
	}
}

static int access(const char *name, int err)
{
	might_sleep();
	err = kernel_fail(name, err);
	attach_steps();
	accesses++;
	return err;
}

void *xenbus_read(struct xenbus_transaction t, const char *dir,
		  const char *node, unsigned int *len)
{
	int err = access("xenbus_read", -ENOMEM);
	const char *value = get(dir, node);
	char *copy;

	if (err || !value)
		return ERR_PTR(err ?: -ENOENT);
	copy = kmalloc(strlen(value) + 1, GFP_KERNEL);
	return copy ? strcpy(copy, value) : ERR_PTR(-ENOMEM);
}

unsigned int xenbus_read_unsigned(const char *dir, const char *node,
				  unsigned int otherwise)
{
	const char *value;

	access("xenbus_read_unsigned", 0);
	value = get(dir, node);
	return value ? strtoul(value, NULL, 10) : otherwise;
}

int xenbus_write(struct xenbus_transaction t, const char *dir,
		 const char *node, const char *value)
{
	int err = access("xenbus_write", -ENOMEM);

	if (!err)
		put(dir, node, value);
	return err;
}

int xenbus_exists(struct xenbus_transaction t, const char *dir,
		  const char *node)
{
	access("xenbus_exists", 0);
	return !!get(dir, node);
}

int xenbus_transaction_start(struct xenbus_transaction *t)
{
	return access("xenbus_transaction_start", -ENOMEM);
}

int xenbus_transaction_end(struct xenbus_transaction t, int abort)
{
	return access("xenbus_transaction_end", abort ? 0 : -EAGAIN);
}

/* xenbus: what is known here and written already is not written again */
int xenbus_switch_state(struct xenbus_device *dev, enum xenbus_state state)
{
	if (state == dev->state)
		return 0;
	access("xenbus_switch_state", 0);
	if (get(FE, "state"))
		put_state(FE, state);
	dev->state = state;
	return 0;
}

int xenbus_frontend_closed(struct xenbus_device *dev)
{
	xenbus_switch_state(dev, XenbusStateClosed);
	complete(&dev->down);
	return 0;
}

void xenbus_dev_fatal(struct xenbus_device *dev, int err, const char *fmt, ...)
{
	access("xenbus_dev_fatal", 0);
	xenbus_switch_state(dev, XenbusStateClosing);
}

int xenbus_watch_pathfmt(struct xenbus_device *dev, struct xenbus_watch *watch,
			 void *will_handle,
			 void (*callback)(struct xenbus_watch *watch,
					  const char *path, const char *token),
			 const char *fmt, ...)
{
	char *node = kmalloc(64, GFP_KERNEL);
	va_list ap;

	if (!node || access("watch", -ENOMEM)) {
		kfree(node);
		xenbus_dev_fatal(dev, -ENOMEM, "watch");
		return -ENOMEM;
	}
	va_start(ap, fmt);
	vsnprintf(node, 64, fmt, ap);
	va_end(ap);
	watch->node = node;
	watch->callback = callback;
	watches[nr_watches++] = watch;
	events[nr_events++] = watch;
	return 0;
}

static void forget(struct xenbus_watch **list, unsigned int *nr,
		   struct xenbus_watch *watch)
{
	unsigned int i, kept = 0;

	for (i = 0; i < *nr; i++)
		if (list[i] != watch)
			list[kept++] = list[i];
	*nr = kept;
}

void unregister_xenbus_watch(struct xenbus_watch *watch)
{
	assert_non_null(watch->node);
	forget(watches, &nr_watches, watch);
	forget(events, &nr_events, watch);
}

static void otherend_changed(struct xenbus_watch *watch, const char *path,
			     const char *token)
{
	if (xbdev->otherend)
		driver->otherend_changed(xbdev, state_of(BE));
}

static int watch_otherend(void)
{
	return xenbus_watch_pathfmt(xbdev, &xbdev->otherend_watch, NULL,
				    otherend_changed, "%s/state", BE);
}

static void forget_otherend(void)
{
	if (xbdev->otherend_watch.node) {
		unregister_xenbus_watch(&xbdev->otherend_watch);
		kfree(xbdev->otherend_watch.node);
		xbdev->otherend_watch.node = NULL;
	}
	kfree(xbdev->otherend);
	xbdev->otherend = NULL;
}

static int talk_to_otherend(void)
{
	void *id, *path;

	forget_otherend();
	id = xenbus_read(XBT_NIL, FE, "backend-id", NULL);
	path = IS_ERR(id) ? id : xenbus_read(XBT_NIL, FE, "backend", NULL);
	if (!IS_ERR(id))
		kfree(id);
	if (IS_ERR(path)) {
		xenbus_dev_fatal(xbdev, PTR_ERR(path), "other end");
		return PTR_ERR(path);
	}
	xbdev->otherend = path;
	return 0;
}

static void bind(void)
{
	assert_false(bound);
	if (talk_to_otherend() || driver->probe(xbdev, driver->ids))
		return;
	bound = true;
	if (watch_otherend()) {
		driver->remove(xbdev);
		bound = false;
	}
}

static void unbind(void)
{
	struct xenbus_watch *watch = &xbdev->otherend_watch;

	if (bound && watch->node)
		unregister_xenbus_watch(watch);
	if (bound)
		driver->remove(xbdev);
	if (watch->node)
		watches[nr_watches++] = watch;
	forget_otherend();
	if (bound)
		xenbus_switch_state(xbdev, XenbusStateClosed);
	bound = false;
}

int device_reprobe(struct device *dev)
{
	unbind();
	bind();
	return bound ? 0 : -ENODEV;
}

void device_unregister(struct device *dev)
{
	unbind();
	kfree(xbdev);
	xbdev = NULL;
}

/* A device has come or gone. */
static void bus_changed(struct xenbus_watch *watch, const char *path,
			const char *token)
{
	if (!get(FE, "")) {
		if (xbdev)
			device_unregister(&xbdev->dev);
		return;
	}
	if (xbdev || state_of(FE) != XenbusStateInitialising)
		return;
	xbdev = kzalloc(sizeof(*xbdev), GFP_KERNEL);
	xbdev->nodename = FE;
	xbdev->state = XenbusStateInitialising;
	bind();
}

static struct xenbus_watch bus_watch = { "device", bus_changed };

int __xenbus_register_frontend(struct xenbus_driver *drv, void *owner,
			       const char *name)
{
	driver = drv;
	return kernel_fail("register", -ENOMEM);
}

void xenbus_unregister_driver(struct xenbus_driver *drv)
{
	if (xbdev)
		unbind();
}

/* Works */

bool schedule_work(struct work_struct *work)
{
	bool queued = !wanted;

	wanted = work;
	return queued;
}

bool cancel_work_sync(struct work_struct *work)
{
	wanted = NULL;
	return true;
}

void bus_run_work(void)
{
	struct work_struct *work = wanted;

	if (!work || user_stays)
		return;
	wanted = NULL;
	work->func(work);
}

/* The other end */

void bus_run_backend(void)
{
	enum xenbus_state state = state_of(BE);

	if (backend_stays)
		return;
	switch (state_of(FE)) {
	case XenbusStateInitialising:
		if (state == XenbusStateClosed && atoi(get(BE, "online")))
			put_state(BE, XenbusStateInitWait);
		break;
	case XenbusStateInitialised:
		if (state == XenbusStateInitWait)
			put_state(BE, XenbusStateConnected);
		break;
	case XenbusStateClosing:
		if (state == XenbusStateConnected)
			put_state(BE, XenbusStateClosing);
		break;
	case XenbusStateClosed:
		if (state == XenbusStateConnected ||
		    state == XenbusStateClosing)
			put_state(BE, XenbusStateClosed);
		break;
	default:
		break;
	}
}

static bool is_mapped(void)
{
	enum xenbus_state state = state_of(BE);

	return state == XenbusStateConnected || state == XenbusStateClosing;
}

static int suspend(void)
{
	return driver->driver.pm->prepare(&xbdev->dev);
}

/* The rest of the frontend */

struct ibfront_dev *ibfront_dev_alloc(struct xenbus_device *d)
{
	assert_null(ibdev);
	assert_ptr_equal(d, xbdev);
	ibdev = kzalloc(sizeof(*ibdev), GFP_KERNEL);
	if (ibdev)
		ibdev->xbdev = d;
	return ibdev;
}

void ib_dealloc_device(struct ib_device *dev)
{
	unsigned int i;

	assert_ptr_equal(dev, &ibdev->ibdev);
	assert_false(ibdev->registered);
	for (i = 0; i < BUS_PARTS; i++)
		assert_false(ibdev->open[i]);
	kfree(ibdev);
	ibdev = NULL;
}

int ibfront_dev_register(struct ibfront_dev *dev)
{
	int err = kernel_fail("register", -EIO);

	assert_false(dev->registered);
	dev->registered = !err;
	return err;
}

void ibfront_dev_unregister(struct ibfront_dev *dev)
{
	assert_true(dev->dead);
	dev->registered = false;
	/* Whoever closes it may have to wait for a thread that is frozen. */
	if (suspends)
		assert_int_equal(suspend(), -EBUSY);
}

bool ibfront_ring_kill(struct ibfront_dev *dev)
{
	bool lived = !dev->dead;

	dev->dead = true;
	return lived;
}

int ibfront_channel_publish(struct ibfront_dev *dev,
			    struct ibfront_channel *channel,
			    struct xenbus_transaction xbt, const char *order,
			    const char *ref, const char *evtchn)
{
	assert_non_null(channel->area);
	return xenbus_write(xbt, FE, ref, "1");
}

void ibfront_mem_empty_limbo(struct ibfront_dev *dev)
{
	assert_false(is_mapped() && !may_be_mapped);
}

static struct ibfront_channel *channel_of(struct ibfront_dev *dev,
					  enum bus_part part)
{
	struct ibfront_channel *channels[BUS_PARTS] = {
		&dev->ring.channel, &dev->events.channel, &dev->gsi.channel,
	};

	return channels[part];
}

int bus_open(struct ibfront_dev *dev, enum bus_part part)
{
	int err = kernel_fail("open", part == BUS_DEBUGFS ? 0 : -ENOMEM);

	assert_false(dev->open[part]);
	if (err)
		return err;
	if (channel_of(dev, part))
		channel_of(dev, part)->area = dev;
	dev->open[part] = true;
	nr_open++;
	return 0;
}

void bus_close(struct ibfront_dev *dev, enum bus_part part)
{
	assert_true(dev->open[part]);
	dev->open[part] = false;
	nr_open--;
}

/* What happens */

static void run_xenwatch(void)
{
	unsigned int limit = 100;

	while (nr_events && limit--) {
		struct xenbus_watch *watch = events[0];

		memmove(events, events + 1, --nr_events * sizeof(*events));
		watch->callback(watch, NULL, NULL);
		kernel_check_idle();
	}
	assert_int_equal(nr_events, 0);
}

/* Until nobody has anything more to do */
static void settle(void)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		run_xenwatch();
		bus_run_work();
		bus_run_backend();
	}
}

/* The toolstack attaches a device, in steps that are to be made then. */
static void attach_at(unsigned int before, unsigned int last)
{
	step = 0;
	accesses = 0;
	at[MKDIR] = before;
	at[BACKEND] = before;
	at[BACKEND_ID] = last;
	at[STATE] = last;
	put(BE, "versions", "0, " VIBIF_PROTOCOL_VERSION);
	put(BE, "online", "1");
	put(BE, "state", "2");
	attach_steps();
}

static void connect(void)
{
	attach_at(0, 0);
	settle();
	assert_int_equal(state_of(FE), XenbusStateConnected);
	assert_true(ibdev->registered);
}

/* After a checkpoint */
static void resume(void)
{
	(driver->driver.pm->complete)(&xbdev->dev);
	kernel_check_idle();
}

/* In another domain, with other nodes */
static void restore(void)
{
	unsigned int i;

	/* Not that of the bus, which is told of no device by that */
	for (i = 1; i < nr_watches; i++)
		events[nr_events++] = watches[i];
	if (!talk_to_otherend()) {
		xbdev->state = XenbusStateInitialising;
		watch_otherend();
	}
	resume();
}

static void assert_no_device(void)
{
	assert_null(ibdev);
	assert_int_equal(nr_open, 0);
}

static void assert_works(void)
{
	assert_true(bound);
	assert_int_equal(state_of(FE), XenbusStateConnected);
	assert_int_equal(xbdev->state, XenbusStateConnected);
	assert_int_equal(state_of(BE), XenbusStateConnected);
	assert_true(ibdev->registered);
	assert_false(ibdev->dead);
}

static int setup(void **state)
{
	kernel_reset();
	nr_nodes = 0;
	xbdev = NULL;
	ibdev = NULL;
	bound = false;
	nr_open = 0;
	watches[0] = &bus_watch;
	nr_watches = 1;
	nr_events = 0;
	wanted = NULL;
	backend_stays = false;
	user_stays = false;
	may_be_mapped = false;
	suspends = false;
	seen = 0;
	step = STEPS;
	return bus_load();
}

/* Whatever a test has done, the device can be detached, and all is given back. */
static int teardown(void **state)
{
	backend_stays = false;
	user_stays = false;
	settle();
	rm(FE);
	rm(BE);
	settle();
	assert_null(xbdev);
	assert_no_device();
	assert_int_equal(nr_watches, 1);
	assert_int_equal(kernel_books.slabs, 0);
	kernel_check_idle();
	bus_unload();
	return 0;
}

/* Connecting and closing */

static void test_connects(void **state)
{
	attach_at(0, 0);
	run_xenwatch();
	assert_int_equal(state_of(FE), XenbusStateInitialised);
	seen = 0;
	/* Said again */
	put_state(BE, XenbusStateInitWait);
	settle();
	assert_works();
	assert_int_equal(seen, BIT(XenbusStateConnected));
}

static void test_other_versions(void **state)
{
	attach_at(0, 0);
	put(BE, "versions", "1" VIBIF_PROTOCOL_VERSION ",0");
	settle();
	assert_int_equal(state_of(FE), XenbusStateClosing);
	assert_no_device();
}

/* Each thing that can fail does: all is given back, or it connects. */
static void test_failures(void **state)
{
	unsigned int call, nr_failed = 0;

	for (call = 2;; call++) {
		fail_at(call);
		attach_at(0, 0);
		settle();
		if (!failed())
			break;
		fail_at(0);
		if (state_of(FE) == XenbusStateConnected) {
			assert_works();
		} else {
			nr_failed++;
			assert_true(!ibdev || !ibdev->registered);
			assert_false(is_mapped());
		}
		teardown(NULL);
		setup(NULL);
	}
	assert_true(nr_failed > 8);
	assert_works();
}

static void test_backend_goes_and_comes(void **state)
{
	connect();
	put_state(BE, XenbusStateClosing);
	run_xenwatch();
	assert_int_equal(state_of(FE), XenbusStateClosed);
	/* The backend may have it mapped until it has closed. */
	assert_non_null(ibdev);
	assert_false(ibdev->registered);
	put_state(BE, XenbusStateClosed);
	run_xenwatch();
	assert_no_device();
	put_state(BE, XenbusStateInitWait);
	settle();
	assert_works();
}

static void test_fails_once(void **state)
{
	connect();
	ibfront_fail(ibdev, "number %u", 1);
	bus_run_work();
	ibfront_fail(ibdev, "number %u", 2);
	assert_null(wanted);
	settle();
	assert_no_device();
	assert_int_equal(state_of(FE), XenbusStateClosed);
}

/* The work that closes a device comes late, to the next one. */
static void test_failed_before(void **state)
{
	struct work_struct *late;

	connect();
	ibfront_fail(ibdev, "it failed");
	late = wanted;
	wanted = NULL;
	put_state(BE, XenbusStateClosing);
	run_xenwatch();
	seen = 0;
	late->func(late);
	put_state(BE, XenbusStateClosed);
	run_xenwatch();
	late->func(late);
	assert_int_equal(seen, 0);
	assert_int_equal(state_of(FE), XenbusStateClosed);
	put_state(BE, XenbusStateInitWait);
	settle();
	late->func(late);
	assert_works();
}

static void test_module_unloaded(void **state)
{
	connect();
	backend_stays = true;
	may_be_mapped = true;
	/* It does not wait for ever. */
	bus_unload();
	assert_no_device();
	assert_int_equal(state_of(FE), XenbusStateClosed);
	assert_true(kernel_logged("did not close"));
}

/* Suspending */

static void test_checkpoint(void **state)
{
	connect();
	assert_int_equal(suspend(), 0);
	/* dom0 has nothing mapped, and knows it. */
	assert_no_device();
	assert_int_equal(state_of(FE), XenbusStateClosed);
	assert_int_equal(state_of(BE), XenbusStateClosed);
	resume();
	settle();
	assert_works();
}

/* Devices that have not connected are left as they are. */
static void test_checkpoint_without_a_device(void **state)
{
	attach_at(0, 0);
	put_state(BE, XenbusStateInitialising);
	run_xenwatch();
	seen = 0;
	assert_int_equal(suspend(), 0);
	resume();
	run_xenwatch();
	assert_int_equal(seen, 0);
	put_state(BE, XenbusStateInitWait);
	settle();
	assert_works();
}

/* Another driver has refused, after xenbus has resumed the device. */
static void test_resumed_in_the_same_domain(void **state)
{
	connect();
	assert_int_equal(suspend(), 0);
	restore();
	settle();
	assert_works();
}

static void test_user_stays(void **state)
{
	connect();
	user_stays = true;
	assert_int_equal(suspend(), -EBUSY);
	assert_true(kernel_logged("still in use"));
	/* The domain runs on: all is still there, and nothing is sent. */
	assert_non_null(ibdev);
	assert_true(ibdev->dead);
	settle();
	assert_true(ibdev->registered);
	assert_int_equal(suspend(), -EBUSY);
	/* When the user has gone the device comes back. */
	user_stays = false;
	settle();
	assert_works();
	assert_int_equal(suspend(), 0);
	resume();
	settle();
	assert_works();
}

static void stays_in(enum xenbus_state backend)
{
	connect();
	put_state(BE, backend);
	backend_stays = true;
	assert_int_equal(suspend(), -ETIMEDOUT);
	assert_true(kernel_logged("did not close"));
	assert_non_null(ibdev);
	assert_false(ibdev->registered);
	settle();
	assert_non_null(ibdev);
	assert_int_equal(suspend(), -ETIMEDOUT);
	backend_stays = false;
	settle();
	assert_works();
}

static void test_backend_stays(void **state)
{
	stays_in(XenbusStateConnected);
}

static void test_backend_stays_closing(void **state)
{
	stays_in(XenbusStateClosing);
}

/* It is not for a suspend that was refused long ago that it comes back. */
static void test_comes_back_once(void **state)
{
	connect();
	backend_stays = true;
	assert_int_equal(suspend(), -ETIMEDOUT);
	backend_stays = false;
	settle();
	assert_works();
	ibfront_fail(ibdev, "it failed");
	settle();
	assert_int_equal(state_of(FE), XenbusStateClosed);
}

static void test_suspended_while_closing(void **state)
{
	connect();
	suspends = true;
	ibfront_fail(ibdev, "it failed");
	settle();
	assert_int_equal(state_of(FE), XenbusStateClosed);
}

/* It has failed before, and the backend has not looked yet. */
static void test_suspended_when_closed(void **state)
{
	connect();
	backend_stays = true;
	ibfront_fail(ibdev, "it failed");
	assert_non_null(wanted);
	settle();
	backend_stays = false;
	assert_int_equal(suspend(), 0);
	assert_no_device();
	resume();
	settle();
	assert_works();
}

/* In another domain */

static void move(void)
{
	connect();
	assert_int_equal(suspend(), 0);
	rm(FE);
	rm(BE);
	nr_events = 0;
	seen = 0;
}

static void test_restored_without_a_device(void **state)
{
	move();
	restore();
	run_xenwatch();
	assert_null(xbdev);
	connect();
	assert_works();
}

static void test_restored_with_a_device(void **state)
{
	move();
	attach_at(0, 0);
	restore();
	settle();
	assert_works();
}

/*
 * The toolstack attaches a device while a domain is being restored: it works,
 * and who attaches sees no driver that gives up.
 */
static void test_attached_while_restored(void **state)
{
	unsigned int before, last;

	for (before = 0; before < 20; before++) {
		for (last = before; last < 20; last++) {
			move();
			attach_at(before, last);
			restore();
			run_xenwatch();
			accesses = NEVER;
			attach_steps();
			settle();
			assert_works();
			assert_false(seen & (BIT(XenbusStateClosing) |
					     BIT(XenbusStateClosed)));
			teardown(NULL);
			setup(NULL);
		}
	}
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_connects),
		TEST(test_other_versions),
		TEST(test_failures),
		TEST(test_backend_goes_and_comes),
		TEST(test_fails_once),
		TEST(test_failed_before),
		TEST(test_module_unloaded),
		TEST(test_checkpoint),
		TEST(test_checkpoint_without_a_device),
		TEST(test_resumed_in_the_same_domain),
		TEST(test_user_stays),
		TEST(test_backend_stays),
		TEST(test_backend_stays_closing),
		TEST(test_comes_back_once),
		TEST(test_suspended_while_closing),
		TEST(test_suspended_when_closed),
		TEST(test_restored_without_a_device),
		TEST(test_restored_with_a_device),
		TEST(test_attached_while_restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
