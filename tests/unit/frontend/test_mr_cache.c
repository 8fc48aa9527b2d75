// SPDX-License-Identifier: GPL-2.0-only
/* What is kept of memory that was registered: for whom, how long, how much. */

#include <setjmp.h>
#include <cmocka.h>

#define START		0x7f0000003000UL
#define SIZE		(4 * PAGE_SIZE)
#define WRITE		IB_ACCESS_LOCAL_WRITE
/* A quarter of what fills a frame of grants */
#define MAX_PAGES	128

struct task_struct *current;

static struct mm_struct mms[2];
static struct task_struct tasks[2] = { { &mms[0] }, { &mms[1] } };
static struct ib_device *ibdev;
static struct ibfront_dev dev;
static struct ibfront_ucontext contexts[2];

static struct work_struct *wanted;
static struct shrinker *shrinker;
static unsigned int feature;
static unsigned int watching, mems, retired;
static u32 last_handle, destroyed;

/* The rest of the kernel and of the frontend */

bool schedule_work(struct work_struct *work)
{
	wanted = work;
	return true;
}

static bool run_work(void)
{
	struct work_struct *work = wanted;

	wanted = NULL;
	if (work)
		work->func(work);
	return work;
}

bool flush_work(struct work_struct *work)
{
	might_sleep();
	return run_work();
}

int mmu_interval_notifier_insert(struct mmu_interval_notifier *notifier,
				 struct mm_struct *mm, unsigned long start,
				 unsigned long length,
				 const struct mmu_interval_notifier_ops *ops)
{
	int err = kernel_fail("notifier", -ENOMEM);

	might_sleep();
	if (err)
		return err;
	assert_int_equal(start % PAGE_SIZE, 0);
	assert_int_equal(length % PAGE_SIZE, 0);
	assert_ptr_equal(mm, current->mm);
	notifier->ops = ops;
	notifier->mm = mm;
	notifier->start = start;
	notifier->length = length;
	watching++;
	return 0;
}

void mmu_interval_notifier_remove(struct mmu_interval_notifier *notifier)
{
	might_sleep();
	assert_non_null(notifier->ops);
	notifier->ops = NULL;
	watching--;
}

struct shrinker *shrinker_alloc(unsigned int flags, const char *name)
{
	shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);
	return shrinker;
}

void shrinker_register(struct shrinker *s)
{
	assert_non_null(s->count_objects);
	assert_non_null(s->scan_objects);
}

void shrinker_free(struct shrinker *s)
{
	kfree(s);
	shrinker = NULL;
}

unsigned int gnttab_max_grant_frames(void)
{
	return 1;
}

unsigned int xenbus_read_unsigned(const char *dir, const char *node,
				  unsigned int value)
{
	assert_string_equal(node, VIBIF_FIELD_FEATURE_MR_RETIRE);
	return feature;
}

void ibfront_destroy(struct ibfront_dev *d, const struct ibfront_obj *obj)
{
	might_sleep();
	assert_ptr_equal(d, &dev);
	destroyed = obj->handle;
	retired--;
}

/* The backend has let go of it first. */
void ibfront_mem_unmap(struct ibfront_dev *d, struct ibfront_mem *mem)
{
	might_sleep();
	assert_ptr_equal(d, &dev);
	mems--;
	free(mem->umem);
	free(mem);
}

/* What a process does */

static struct ibfront_mem *mem_map(unsigned long start, size_t length,
				   int access)
{
	struct ibfront_mem *mem = calloc(1, sizeof(*mem));

	mem->umem = calloc(1, sizeof(*mem->umem));
	*mem->umem = (struct ib_umem) {
		.owning_mm = current->mm,
		.address = start,
		.length = length,
		.writable = access == WRITE,
	};
	mem->nr_pages = (start % PAGE_SIZE + length + PAGE_SIZE - 1) /
			PAGE_SIZE;
	mems++;
	return mem;
}

static bool invalidate(struct ibfront_kept *kept)
{
	static const struct mmu_notifier_range range;

	return kept->notifier.ops->invalidate(&kept->notifier, &range, 1);
}

/* Registers and deregisters. Return: what may keep the pages. */
static struct ibfront_kept *use(unsigned int context, unsigned long start,
				size_t length, int access)
{
	struct ibfront_kept *kept = ibfront_kept_watch(&contexts[context],
						       start, length);
	struct ibfront_mem *mem = mem_map(start, length, access);
	struct ibfront_obj obj;

	if (!kept || !ibfront_kept_is_wanted(kept, mem)) {
		ibfront_kept_unwatch(kept);
		ibfront_mem_unmap(&dev, mem);
		return NULL;
	}
	obj.handle = ++last_handle;
	retired++;
	ibfront_kept_keep(kept, mem, &obj);
	run_work();
	return kept;
}

static struct ibfront_kept *get(unsigned int context, unsigned long start,
				size_t length, int access)
{
	return ibfront_kept_get(&contexts[context], start, length, access);
}

static void expect_kept(unsigned int nr)
{
	assert_int_equal(watching, nr);
	assert_int_equal(mems, nr);
	assert_int_equal(retired, nr);
}

static int setup(void **state)
{
	memset(&dev, 0, sizeof(dev));
	ibdev = &dev.ibdev;
	dev.xbdev = calloc(1, sizeof(*dev.xbdev));
	contexts[0].ibucontext.device = ibdev;
	contexts[1].ibucontext.device = ibdev;
	current = &tasks[0];
	feature = 1;
	last_handle = 0;
	ibfront_cache_init(&dev);
	ibfront_cache_start(&dev);
	return 0;
}

/* In the end there is nothing of the contexts. */
static int teardown(void **state)
{
	ibfront_cache_empty(&dev, &contexts[0]);
	ibfront_cache_empty(&dev, &contexts[1]);
	expect_kept(0);
	ibfront_cache_stop(&dev);
	assert_int_equal(dev.mr_cache.nr_pages, 0);
	assert_int_equal(dev.mr_cache.nr_idle, 0);
	free(dev.xbdev);
	return 0;
}

/* The same pages, wherever in the first and last of them it begins and ends */
static void test_found(void **state)
{
	struct ibfront_kept *kept = use(0, START + 8, SIZE - 8, WRITE);

	assert_non_null(kept);
	expect_kept(1);
	assert_ptr_equal(get(0, START, SIZE, WRITE), kept);
	assert_ptr_equal(get(0, START + 99, SIZE - 100, 0), kept);
	assert_int_equal(kept->retired.handle, last_handle);
	ibfront_kept_put(kept);
	ibfront_kept_put(kept);
	expect_kept(1);
}

static void test_not_found(void **state)
{
	use(0, START, SIZE, 0);
	assert_null(get(0, START, SIZE + 1, 0));
	assert_null(get(0, START, SIZE - PAGE_SIZE, 0));
	assert_null(get(0, START + PAGE_SIZE, SIZE - PAGE_SIZE, 0));
	assert_null(get(0, START + PAGE_SIZE, SIZE, 0));
	assert_null(get(0, START, 0, 0));
	assert_null(get(0, START, -START, 0));
	assert_null(get(0, START, ~0UL, 0));
	/* For reading only */
	assert_null(get(0, START, SIZE, WRITE));
	assert_null(get(1, START, SIZE, 0));
	/* Another process, with the same context */
	current = &tasks[1];
	assert_null(get(0, START, SIZE, 0));
	current = &tasks[0];
	ibfront_kept_put(get(0, START, SIZE, 0));
	/* More octets than there are, which end in the page that is kept */
	use(1, START, PAGE_SIZE, 0);
	assert_null(get(1, START + 8, -4UL, 0));
	ibfront_kept_put(get(1, START, PAGE_SIZE, 0));
}

/* It is found no more, and goes when nothing has its pages. */
static void test_stale(void **state)
{
	struct ibfront_kept *kept = use(0, START, SIZE, WRITE);

	invalidate(kept);
	assert_null(get(0, START, SIZE, WRITE));
	expect_kept(1);
	run_work();
	expect_kept(0);

	kept = use(0, START, SIZE, WRITE);
	get(0, START, SIZE, WRITE);
	get(0, START, SIZE, WRITE);
	invalidate(kept);
	invalidate(kept);
	run_work();
	expect_kept(1);
	assert_null(get(0, START, SIZE, WRITE));
	ibfront_kept_put(kept);
	expect_kept(1);
	ibfront_kept_put(kept);
	expect_kept(0);
}

/* What has changed while it was registered is not kept. */
static void test_stale_before(void **state)
{
	struct ibfront_kept *kept = ibfront_kept_watch(&contexts[0], START,
						       SIZE);
	struct ibfront_mem *mem = mem_map(START, SIZE, WRITE);
	struct ibfront_obj obj = { 1 };

	assert_true(ibfront_kept_is_wanted(kept, mem));
	invalidate(kept);
	assert_false(ibfront_kept_is_wanted(kept, mem));
	retired++;
	ibfront_kept_keep(kept, mem, &obj);
	expect_kept(0);
}

static void test_kept_once(void **state)
{
	assert_non_null(use(0, START, SIZE, WRITE));
	assert_null(use(0, START, SIZE, WRITE));
	/* What it is good for, that is */
	assert_null(use(0, START, SIZE, 0));
	expect_kept(1);
	assert_non_null(use(1, START, SIZE, 0));
	assert_non_null(use(1, START, SIZE, WRITE));
	expect_kept(3);
}

/* Least recently used ones go first, and none that is in use. */
static void test_limit(void **state)
{
	struct ibfront_kept *first, *second;
	size_t half = MAX_PAGES / 2 * PAGE_SIZE;

	first = use(0, 0, half, WRITE);
	second = use(0, half, half, WRITE);
	assert_ptr_equal(get(0, 0, half, WRITE), first);
	ibfront_kept_put(first);
	use(0, 2 * half, PAGE_SIZE, WRITE);
	assert_int_equal(destroyed, 2);
	expect_kept(2);
	assert_null(get(0, half, half, WRITE));
	second = get(0, 2 * half, PAGE_SIZE, WRITE);
	/* Too much for all that is idle, but not for the cache */
	use(0, half, 2 * half, WRITE);
	expect_kept(2);
	ibfront_kept_put(second);
	/* Too much for the cache */
	assert_null(use(0, 0, 2 * half + PAGE_SIZE, WRITE));
}

static void test_memory_is_wanted(void **state)
{
	struct shrink_control control = { .nr_to_scan = 1 };
	struct ibfront_kept *kept;

	assert_int_equal(shrinker->count_objects(shrinker, &control),
			 SHRINK_EMPTY);
	use(0, START, SIZE, WRITE);
	use(0, START + SIZE, SIZE, WRITE);
	assert_int_equal(shrinker->count_objects(shrinker, &control), 8);
	kept = get(0, START, SIZE, WRITE);
	assert_int_equal(shrinker->count_objects(shrinker, &control), 4);
	assert_int_equal(shrinker->scan_objects(shrinker, &control), 4);
	assert_int_equal(shrinker->scan_objects(shrinker, &control), 0);
	run_work();
	expect_kept(1);
	ibfront_kept_put(kept);
	assert_int_equal(shrinker->scan_objects(shrinker, &control), 4);
	run_work();
	expect_kept(0);
}

static void test_empty(void **state)
{
	struct ibfront_kept *kept;

	assert_false(ibfront_cache_empty(&dev, NULL));
	use(0, START, SIZE, WRITE);
	use(1, START, SIZE, WRITE);
	assert_true(ibfront_cache_empty(&dev, &contexts[1]));
	expect_kept(1);
	kept = get(0, START, SIZE, WRITE);
	assert_false(ibfront_cache_empty(&dev, NULL));
	ibfront_kept_put(kept);
	assert_true(ibfront_cache_empty(&dev, NULL));
	expect_kept(0);
	/* What is going already counts. */
	invalidate(use(0, START, SIZE, WRITE));
	assert_true(ibfront_cache_empty(&dev, NULL));
	expect_kept(0);
}

/* An old backend, or no memory: all is as it would be without. */
static void test_without(void **state)
{
	ibfront_cache_stop(&dev);
	feature = 0;
	ibfront_cache_start(&dev);
	assert_null(use(0, START, SIZE, WRITE));
	feature = 1;
	fail_always("kmalloc", -ENOMEM);
	ibfront_cache_start(&dev);
	assert_null(use(0, START, SIZE, WRITE));
	fail_always(NULL, 0);
	ibfront_cache_start(&dev);
	fail_always("notifier", -ENOMEM);
	assert_null(use(0, START, SIZE, WRITE));
	fail_always(NULL, 0);
	assert_null(ibfront_kept_watch(&contexts[0], START, 0));
	assert_null(ibfront_kept_watch(&contexts[0], START, -START));
	assert_null(ibfront_kept_watch(&contexts[0], START + 8, -4UL));
	ibfront_kept_unwatch(NULL);
	ibfront_kept_put(NULL);
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_found),
		TEST(test_not_found),
		TEST(test_stale),
		TEST(test_stale_before),
		TEST(test_kept_once),
		TEST(test_limit),
		TEST(test_memory_is_wanted),
		TEST(test_empty),
		TEST(test_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
