// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frontend under a backend that is not to be trusted: what it writes to the
 * request ring and the event area, while verbs wait for their answers.
 */

#include <setjmp.h>
#include <cmocka.h>

#include "fuzz.h"

#define MAX_STEPS	256
#define MAX_DEPTH	8
#define NR_OBJS		4
#define RING_IRQ	42
#define EVENTS_IRQ	43

static struct xenbus_device xbdev = { "backend" };
static struct work_struct fail_work;
static struct ibfront_dev dev;
static irq_handler_t ring_handler, events_handler;
static unsigned int ring_order, event_order, steps, depth;
static int backend_state;
/* What the verbs in flight have asked for */
static u8 asked[MAX_DEPTH];

static struct ibfront_obj objs[NR_OBJS];
static bool added[NR_OBJS];

/* The rest of the frontend */

u64 ktime_get_ns(void)
{
	return 0;
}

int xenbus_scanf(struct xenbus_transaction t, const char *dir,
		 const char *node, const char *fmt, ...)
{
	va_list ap;

	if (backend_state < 0)
		return backend_state;
	va_start(ap, fmt);
	*va_arg(ap, int *) = backend_state;
	va_end(ap);
	return 1;
}

void notify_remote_via_irq(int irq)
{
	assert_int_equal(irq, RING_IRQ);
}

void xen_irq_lateeoi(int irq, unsigned int flags)
{
	assert_true(irq == RING_IRQ || irq == EVENTS_IRQ);
}

void ibfront_fail(struct ibfront_dev *d, const char *fmt, ...)
{
	assert_null(d->ring.lock.holder);
	ibfront_ring_kill(d);
}

int ibfront_channel_open(struct ibfront_dev *d, struct ibfront_channel *channel,
			 unsigned int order, irq_handler_t fn, const char *name)
{
	bool ring = channel == &d->ring.channel;

	channel->area = calloc(1, PAGE_SIZE << order);
	channel->irq = ring ? RING_IRQ : EVENTS_IRQ;
	*(ring ? &ring_handler : &events_handler) = fn;
	return 0;
}

void ibfront_channel_close(struct ibfront_dev *d,
			   struct ibfront_channel *channel)
{
	free(channel->area);
}

void ibfront_gsi_died(struct ibfront_dev *d)
{
	assert_true(d->ring.dead);
}

void ibfront_arena_died(struct ibfront_dev *d)
{
	assert_true(d->ring.dead);
}

void ib_dispatch_event(const struct ib_event *event)
{
	assert_true(dev.events.device_events);
	assert_in_range(event->element.port_num, 0, dev.ibdev.phys_port_cnt);
}

static void dispatch(struct ibfront_obj *obj, u32 events)
{
	assert_true(added[obj - objs]);
	assert_int_not_equal(events, 0);
}

static void died(struct ibfront_obj *obj)
{
	assert_true(added[obj - objs]);
}

/* The backend */

static struct vibif_sring *sring(void)
{
	return dev.ring.channel.area;
}

static void respond(void)
{
	unsigned int i = sring()->rsp_prod & (RING_SIZE(&dev.ring.front) - 1);
	struct vibif_rsp rsp = { .id = fuzz_below(MAX_DEPTH) };

	rsp.operation = asked[rsp.id];
	rsp.status = -(int)fuzz_below(8);
	fuzz_alter(&rsp, sizeof(rsp));
	memcpy(&sring()->ring[i], &rsp, sizeof(rsp));
	sring()->rsp_prod++;
}

static void interrupt_ring(void)
{
	RING_IDX taken = dev.ring.front.rsp_cons;
	bool dead = dev.ring.dead;

	ring_handler(RING_IRQ, &dev);
	if (dead)
		assert_int_equal(dev.ring.front.rsp_cons, taken);
	assert_true(dev.ring.front.rsp_cons - taken <= MAX_DEPTH);
}

static void event(void)
{
	unsigned int word = fuzz_16() % dev.events.nr_words;
	u64 *summary = dev.events.channel.area;
	u32 *words = dev.events.channel.area + PAGE_SIZE;

	words[word] |= fuzz_32();
	summary[word / VIBIF_SUMMARY_BITS] |= 1ULL << word % VIBIF_SUMMARY_BITS;
}

static void scribble(bool ring)
{
	if (ring)
		fuzz_alter(sring(), PAGE_SIZE << ring_order);
	else
		fuzz_alter(dev.events.channel.area, PAGE_SIZE << event_order);
}

/* The guest */

static void exec(void)
{
	struct vibif_req req = { .operation = fuzz_8(), .handle = 5 };
	struct vibif_rsp rsp = {};
	int err;

	if (depth == MAX_DEPTH || depth == dev.ring.nr_slots)
		return;
	/* The first slot that is free is the one that it gets. */
	asked[find_first_zero_bit(dev.ring.busy, MAX_DEPTH)] = req.operation;
	depth++;
	err = ibfront_exec(&dev, &req, &rsp);
	depth--;
	assert_in_range(-err, 0, MAX_ERRNO);
	if (!err) {
		assert_int_equal(rsp.operation, req.operation);
		assert_int_equal(rsp.status, 0);
	}
	assert_int_equal(dev.ring.free.count + depth, dev.ring.nr_slots);
}

static void add_or_del(void)
{
	unsigned int i = fuzz_below(NR_OBJS);

	if (added[i]) {
		ibfront_events_del(&dev, &objs[i]);
		added[i] = false;
		return;
	}
	objs[i] = (struct ibfront_obj) { fuzz_16(), dispatch, died };
	added[i] = !ibfront_events_add(&dev, &objs[i]);
}

static void step(void)
{
	unsigned int what = fuzz_8();

	steps++;
	switch (what >> 4) {
	case 0 ... 2:
		respond();
		break;
	case 3 ... 5:
		interrupt_ring();
		break;
	case 6:
		event();
		break;
	case 7:
		events_handler(EVENTS_IRQ, &dev);
		break;
	case 8:
		scribble(what & 1);
		break;
	case 9:
		sring()->rsp_prod = fuzz_32();
		break;
	case 10:
		backend_state = fuzz_8() < 0x80 ? (int)fuzz_below(8) :
			-(int)fuzz_8();
		break;
	case 11:
		add_or_del();
		break;
	case 12:
		ibfront_events_enable_device(&dev, what & 1);
		break;
	case 13:
		irq_work_sync(&dev.ring.died);
		break;
	case 14:
		if (!(what & 0xf))
			ibfront_ring_kill(&dev);
		break;
	default:
		exec();
	}
	kernel_check_idle();
}

void request_others(void)
{
	do
		step();
	while (steps < MAX_STEPS && fuzz_more() && fuzz_below(4));
}

static void setup(void)
{
	kernel_reset();
	memset(&dev, 0, sizeof(dev));
	memset(asked, 0, sizeof(asked));
	memset(added, 0, sizeof(added));
	dev.xbdev = &xbdev;
	dev.fail_work = &fail_work;
	dev.ibdev.phys_port_cnt = VIBIF_MAX_PORTS;
	spin_lock_init(&dev.ring.lock);
	spin_lock_init(&dev.events.lock);
	backend_state = XenbusStateConnected;
	steps = 0;
	depth = 0;
	ring_order = fuzz_below(2);
	event_order = 1 + fuzz_below(3);
	assert_int_equal(ibfront_ring_init(&dev, ring_order), 0);
	assert_int_equal(ibfront_events_init(&dev, event_order), 0);
}

void fuzz_run(void)
{
	setup();
	while (steps < MAX_STEPS && fuzz_more())
		step();
	assert_int_equal(find_first_zero_bit(dev.ring.busy, MAX_DEPTH), 0);
	assert_int_equal(dev.ring.free.count, dev.ring.nr_slots);
	ibfront_ring_kill(&dev);
	ibfront_ring_fini(&dev);
	ibfront_events_fini(&dev);
	kernel_check_idle();
	assert_int_equal(kernel_books.vmallocs, 0);
}
