// SPDX-License-Identifier: GPL-2.0-only
/*
 * The request ring: how much work a request takes, and what waits for what.
 * The frontend, the interrupt and the workqueue are here. What a request does
 * is a function of the test's.
 */

#include "guest.h"

#define IRQ		42
#define MAX_ACTIVE	4
#define MANY		100

static struct xenbus_device xbdev;
static struct ibback_dev dev;
static struct vibif_sring *sring;
static struct vibif_front_ring front;

static irq_handler_t handler;
static bool masked, ringing;
/* In order; and those that run, the first from a call of run() in a test */
static LIST_HEAD(queued);
static struct work_struct *running[MAX_ACTIVE];
static unsigned int nr_running;

static unsigned int interrupts, works, eois, spurious, notified;
static const char *rogue;
/* The ids of requests as they were executed */
static u16 executed[64];
static unsigned int nr_executed;

/* What a test does while a request is executed, or is copied */
static void (*on_execute)(const struct vibif_req *req);
static void (*on_copy)(void);

/* The kernel */

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active, ...)
{
	assert_int_equal(max_active, MAX_ACTIVE);
	return kmalloc(1, GFP_KERNEL);
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	assert_non_null(wq);
	if (work->pending)
		return false;
	work->pending = true;
	list_add_tail(&work->entry, &queued);
	works++;
	return true;
}

static bool runs(const struct work_struct *work)
{
	unsigned int i;

	for (i = 0; i < nr_running; i++)
		if (running[i] == work)
			return true;
	return false;
}

/* The first that can run: no work runs beside itself. */
static struct work_struct *next_work(void)
{
	struct work_struct *work;

	if (nr_running < MAX_ACTIVE)
		list_for_each_entry(work, &queued, entry)
			if (!runs(work))
				return work;
	return NULL;
}

static void run(void)
{
	struct work_struct *work;

	while ((work = next_work())) {
		list_del(&work->entry);
		work->pending = false;
		running[nr_running++] = work;
		work->func(work);
		nr_running--;
	}
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	run();
	kfree(wq);
}

static void ring_the_bell(void)
{
	if (masked) {
		ringing = true;
		return;
	}
	masked = true;
	ringing = false;
	interrupts++;
	handler(IRQ, &dev.ring);
}

void xen_irq_lateeoi(int irq, unsigned int flags)
{
	assert_true(masked);
	eois++;
	spurious += flags == XEN_EOI_FLAG_SPURIOUS;
	masked = false;
	if (ringing)
		ring_the_bell();
}

void disable_irq(int irq)
{
	masked = true;
}

void notify_remote_via_irq(int irq)
{
	assert_int_equal(irq, IRQ);
	notified++;
}

u64 ktime_get_ns(void)
{
	return 1;
}

/* The rest of the backend */

int ibback_channel_map(struct ibback_dev *d, struct ibback_channel *channel,
		       const struct ibback_channel_nodes *nodes)
{
	channel->area = sring;
	channel->nr_pages = 1;
	return 0;
}

int ibback_channel_bind(struct ibback_dev *d, struct ibback_channel *channel,
			irq_handler_t fn, const char *name, void *arg)
{
	assert_ptr_equal(arg, &dev.ring);
	handler = fn;
	channel->irq = IRQ;
	return 0;
}

void ibback_channel_close(struct ibback_dev *d, struct ibback_channel *channel,
			  void *arg)
{
	channel->area = NULL;
	channel->irq = 0;
}

void ibback_dev_rogue(struct ibback_dev *d, const char *what)
{
	d->ring.stopped = true;
	rogue = what;
}

void xenbus_dev_fatal(struct xenbus_device *d, int err, const char *fmt, ...)
{
	kernel_bug("%s", fmt);
}

void ibback_count(struct ibback_dev *d, enum ibback_counter counter, u64 nr)
{
	if (counter == IBBACK_COUNT_REQUESTS && on_copy)
		on_copy();
}

int ibback_execute(struct ibback_dev *d, const struct vibif_req *req,
		   struct vibif_rsp *rsp)
{
	might_sleep();
	executed[nr_executed++ % ARRAY_SIZE(executed)] = req->id;
	if (on_execute)
		on_execute(req);
	return 0;
}

/* The frontend */

static void put(u16 id)
{
	*RING_GET_REQUEST(&front, front.req_prod_pvt) =
		(struct vibif_req) { .id = id };
	front.req_prod_pvt++;
}

static void push(void)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front, notify);
	if (notify)
		ring_the_bell();
}

static void send(u16 id)
{
	put(id);
	push();
}

/* Take all responses; a bit for each id. */
static u64 take(void)
{
	struct vibif_rsp rsp;
	u64 ids = 0;
	int more;

	do {
		while (front.rsp_cons != sring->rsp_prod) {
			RING_COPY_RESPONSE(&front, front.rsp_cons, &rsp);
			front.rsp_cons++;
			assert_int_equal(rsp.status, 0);
			assert_false(ids & 1ULL << rsp.id);
			ids |= 1ULL << rsp.id;
		}
		RING_FINAL_CHECK_FOR_RESPONSES(&front, more);
	} while (more);
	return ids;
}

static int setup(void **state)
{
	kernel_reset();
	sring = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	memset(sring, 0, PAGE_SIZE);
	SHARED_RING_INIT(sring);
	FRONT_RING_INIT(&front, sring, PAGE_SIZE);
	memset(&dev, 0, sizeof(dev));
	dev.xbdev = &xbdev;
	spin_lock_init(&dev.ring.lock);
	masked = false;
	ringing = false;
	interrupts = 0;
	works = 0;
	eois = 0;
	spurious = 0;
	notified = 0;
	nr_executed = 0;
	rogue = NULL;
	on_execute = NULL;
	on_copy = NULL;
	assert_int_equal(ibback_ring_connect(&dev), 0);
	return 0;
}

static int teardown(void **state)
{
	ibback_ring_disconnect(&dev);
	assert_true(list_empty(&queued));
	assert_int_equal(kernel_books.slabs, 0);
	assert_int_equal(kernel_books.vmallocs, 0);
	kernel_check_idle();
	free(sring);
	return 0;
}

/* A request that comes alone: one interrupt, one work, one notification */
static void test_alone(void **state)
{
	unsigned int i;

	for (i = 1; i <= MANY; i++) {
		send(5);
		assert_int_equal(interrupts, i);
		run();
		assert_int_equal(works, i);
		assert_int_equal(notified, i);
		assert_int_equal(eois, i);
		assert_int_equal(nr_executed, i);
		assert_int_equal(take(), 1 << 5);
	}
	assert_int_equal(spurious, 0);
}

static unsigned int handed_on;

static void note_handed_on(const struct vibif_req *req)
{
	struct work_struct *work;

	if (nr_executed > 1)
		return;
	list_for_each_entry(work, &queued, entry)
		handed_on++;
}

/* Of many, all but the last are handed on before that is executed. */
static void test_many(void **state)
{
	unsigned int i, nr = RING_SIZE(&front);

	handed_on = 0;
	on_execute = note_handed_on;
	for (i = 0; i < nr; i++)
		put(i);
	push();
	run();
	assert_int_equal(executed[0], nr - 1);
	assert_int_equal(handed_on, nr - 1);
	for (i = 1; i < nr; i++)
		assert_int_equal(executed[i], i - 1);
	assert_int_equal(take(), (1ULL << nr) - 1);
	assert_int_equal(interrupts, 1);
	assert_int_equal(works, nr);
	assert_int_equal(eois, 1);
}

static u64 taken[MAX_ACTIVE + 2];

/* Each takes until all that can run beside it has; then what was answered. */
static void send_another(const struct vibif_req *req)
{
	if (req->id <= MAX_ACTIVE)
		send(req->id + 1);
	run();
	taken[req->id] = take();
}

/*
 * One that takes long keeps none from being read, until as many are executed as
 * may be. The next waits in the ring, and the first that is done is followed by
 * it.
 */
static void test_long(void **state)
{
	on_execute = send_another;
	send(1);
	run();
	assert_int_equal(nr_executed, MAX_ACTIVE + 1);
	assert_int_equal(taken[4], 0);
	assert_int_equal(taken[5], 1 << 4);
	assert_int_equal(taken[3], 1 << 5);
	assert_int_equal(taken[2], 1 << 3);
	assert_int_equal(taken[1], 1 << 2);
	assert_int_equal(take(), 1 << 1);
	assert_int_equal(works, MAX_ACTIVE + 1);
	assert_int_equal(interrupts, MAX_ACTIVE + 1);
}

static void ring_again(const struct vibif_req *req)
{
	on_execute = NULL;
	/* The frontend has no slot free: there is nothing to be read. */
	ring_the_bell();
	ring_the_bell();
	run();
}

/* A ring full of requests leaves somebody to read it. */
static void test_full(void **state)
{
	unsigned int i, round, nr = RING_SIZE(&front);

	for (round = 1; round <= 3; round++) {
		on_execute = ring_again;
		for (i = 0; i < nr; i++)
			put(i);
		push();
		run();
		assert_int_equal(take(), (1ULL << nr) - 1);
		assert_int_equal(spurious, 2 * round);
		assert_int_equal(nr_executed, round * nr);
	}
	assert_null(rogue);
	assert_false(masked);
}

static void send_unheard(void)
{
	on_copy = NULL;
	send(2);
}

/* What comes while the ring is being read makes no interrupt. */
static void test_while_reading(void **state)
{
	on_copy = send_unheard;
	send(1);
	run();
	assert_int_equal(take(), 1 << 1 | 1 << 2);
	assert_int_equal(interrupts, 1);
	assert_int_equal(works, 2);
	assert_int_equal(eois, 1);
	assert_int_equal(spurious, 0);
}

/* Nothing is executed of a ring with more requests than slots. */
static void test_overrun(void **state)
{
	sring->req_prod = RING_SIZE(&front) + 1;
	ring_the_bell();
	run();
	assert_non_null(rogue);
	assert_int_equal(nr_executed, 0);
	assert_int_equal(eois, 0);
	assert_int_equal(works, 1);
}

static void stop(const struct vibif_req *req)
{
	dev.ring.stopped = true;
}

/* Of a ring that has been stopped nothing more is executed, */
static void test_stopped(void **state)
{
	on_execute = stop;
	put(1);
	put(2);
	push();
	run();
	assert_int_equal(nr_executed, 1);
	assert_int_equal(sring->rsp_prod, 2);
	assert_int_equal(RING_GET_RESPONSE(&front, 1)->status, -EIO);
}

/* and nothing is read. */
static void test_disconnect(void **state)
{
	send(1);
	ibback_ring_disconnect(&dev);
	assert_int_equal(nr_executed, 0);
	assert_int_equal(sring->rsp_prod, 0);
	assert_int_equal(eois, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_while_reading, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_overrun, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disconnect, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
