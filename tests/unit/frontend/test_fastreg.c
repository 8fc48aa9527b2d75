// SPDX-License-Identifier: GPL-2.0-only
/* Registrations at addresses of the users' own: when the HCA gets them, and
 * what is left of them. */

#include <setjmp.h>
#include <cmocka.h>

#define NO_LKEY		0x100
#define ADDR		(IOVA(0) + 0x3000)
#define IOVA(upper)	((u64)(upper) << 32 | 0x7000)

static struct ibfront_dev dev;
static struct ibfront_pd pd;
static struct ibfront_qp qp[2];
static struct ibfront_mr mr[3];
static struct ib_reg_wr reg[3];

static struct work_struct *wanted;
static unsigned int flushed;
static int share_err, destroy_err;
/* Shares that there are, and those ever asked for */
static unsigned int shares, asked;
static u64 last_iova;
/* What the HCA got last, and how often it was told */
static struct ibfront_qp *got_qp;
static u32 got_index, got_lkey;
static unsigned int got, rung;

/* The rest of the kernel and of the frontend */

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active)
{
	assert_true(flags & WQ_MEM_RECLAIM);
	return kmalloc(1, GFP_KERNEL);
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	kfree(wq);
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	assert_non_null(wq);
	assert_ptr_equal(work, &dev.fastreg.work);
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

/* Whoever waits does not do so for ever. */
void flush_work(struct work_struct *work)
{
	might_sleep();
	assert_true(++flushed < 100);
	run_work();
}

int ibfront_arena_share(struct ibfront_dev *d, struct ibfront_pd *p, u64 addr,
			u64 len, u64 iova, struct ibfront_share *share)
{
	might_sleep();
	assert_ptr_equal(p, &pd);
	assert_int_equal(addr, ADDR);
	asked++;
	last_iova = iova;
	if (share_err || dev.dead)
		return -ENOMEM;
	shares++;
	share->obj.handle = asked;
	share->lkey = 0x5000 + asked;
	return 0;
}

int ibfront_try_destroy(struct ibfront_dev *d, const struct ibfront_obj *obj)
{
	might_sleep();
	if (!destroy_err)
		shares--;
	return destroy_err;
}

void ibfront_destroy(struct ibfront_dev *d, const struct ibfront_obj *obj)
{
	assert_int_equal(ibfront_try_destroy(d, obj), 0);
}

static void release_send(struct ibfront_qp *q, u32 index, u32 lkey)
{
	lockdep_assert_held(&q->sq.lock);
	got++;
	got_qp = q;
	got_index = index;
	got_lkey = lkey;
}

static void ring_sq(struct ibfront_qp *q)
{
	lockdep_assert_held(&q->sq.lock);
	assert_ptr_equal(q, got_qp);
	rung++;
}

static const struct ibfront_queue_ops queues = {
	.release_send = release_send,
	.ring_sq = ring_sq,
	.no_lkey = NO_LKEY,
};

static int setup(void **state)
{
	static const typeof(*dev.provider) provider = { &queues };
	unsigned int i;

	kernel_reset();
	dev = (struct ibfront_dev) { .provider = &provider };
	assert_int_equal(ibfront_fastreg_start(), 0);
	ibfront_fastreg_init(&dev);
	pd.ibpd.device = &dev.ibdev;
	for (i = 0; i < ARRAY_SIZE(qp); i++) {
		qp[i].ibqp.device = &dev.ibdev;
		spin_lock_init(&qp[i].sq.lock);
	}
	for (i = 0; i < ARRAY_SIZE(mr); i++) {
		mr[i] = (struct ibfront_mr) {
			.ibmr = { .pd = &pd.ibpd, .length = 5000 },
			.addr = ADDR,
		};
		ibfront_fastreg_init_mr(&mr[i]);
		reg[i] = (struct ib_reg_wr) { { IB_WR_REG_MR }, &mr[i].ibmr };
	}
	wanted = NULL;
	flushed = 0;
	share_err = 0;
	destroy_err = 0;
	shares = 0;
	asked = 0;
	got = 0;
	rung = 0;
	return 0;
}

static int teardown(void **state)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mr); i++)
		ibfront_fastreg_fini_mr(&dev, &mr[i]);
	assert_int_equal(shares, 0);
	ibfront_fastreg_stop();
	kernel_check_idle();
	return 0;
}

static int hold(unsigned int q, u32 index, unsigned int i, u64 iova)
{
	int err;

	mr[i].ibmr.iova = iova;
	spin_lock(&qp[q].sq.lock);
	err = ibfront_fastreg_hold(&qp[q], index, &reg[i].wr);
	spin_unlock(&qp[q].sq.lock);
	return err;
}

static void check_got(unsigned int nr, unsigned int q, u32 index, u32 lkey)
{
	assert_int_equal(got, nr);
	assert_ptr_equal(got_qp, &qp[q]);
	assert_int_equal(got_index, index);
	assert_int_equal(got_lkey, lkey);
}

static void test_is_moved(void **state)
{
	struct ib_send_wr send = { IB_WR_SEND };

	assert_false(ibfront_fastreg_is_moved(&send));
	mr[0].ibmr.iova = ADDR;
	assert_false(ibfront_fastreg_is_moved(&reg[0].wr));
	mr[0].ibmr.iova = ADDR + 1;
	assert_true(ibfront_fastreg_is_moved(&reg[0].wr));
}

/* In order; the HCA is told each time. */
static void test_release(void **state)
{
	assert_int_equal(hold(0, 7, 0, IOVA(1)), 0);
	assert_int_equal(hold(1, 9, 1, IOVA(2)), 0);
	assert_int_equal(asked, 0);
	assert_int_equal(got, 0);
	assert_true(run_work());
	assert_int_equal(last_iova, IOVA(1));
	check_got(1, 0, 7, 0x5001);
	assert_true(run_work());
	assert_int_equal(last_iova, IOVA(2));
	check_got(2, 1, 9, 0x5002);
	assert_int_equal(rung, 2);
	assert_false(run_work());
	assert_int_equal(shares, 2);
}

/* One share for each region, however often it is registered */
static void test_again(void **state)
{
	unsigned int i;

	for (i = 0; i < 5; i++) {
		assert_int_equal(hold(0, i, 0, IOVA(i + 1)), 0);
		assert_true(run_work());
		check_got(i + 1, 0, i, 0x5001 + i);
		assert_int_equal(shares, 1);
	}
}

static void test_no_share(void **state)
{
	share_err = -ENOMEM;
	assert_int_equal(hold(0, 3, 0, IOVA(1)), 0);
	run_work();
	check_got(1, 0, 3, NO_LKEY);
	assert_int_equal(rung, 1);
	assert_int_equal(shares, 0);
	share_err = 0;
	assert_int_equal(hold(0, 4, 0, IOVA(2)), 0);
	run_work();
	check_got(2, 0, 4, 0x5002);
}

/* The window is still bound to the share that there is: it stays. */
static void test_share_in_use(void **state)
{
	assert_int_equal(hold(0, 3, 0, IOVA(1)), 0);
	run_work();
	destroy_err = -EBUSY;
	assert_int_equal(hold(0, 4, 0, IOVA(2)), 0);
	run_work();
	check_got(2, 0, 4, NO_LKEY);
	assert_int_equal(shares, 1);
	assert_int_equal(asked, 1);
	destroy_err = 0;
}

static void test_wrong(void **state)
{
	assert_int_equal(hold(0, 0, 0, ADDR + 256), -EINVAL);
	assert_int_equal(hold(0, 0, 0, IOVA(1)), 0);
	assert_int_equal(hold(1, 1, 0, IOVA(2)), -EBUSY);
	run_work();
	assert_int_equal(last_iova, IOVA(1));
	check_got(1, 0, 0, 0x5001);
}

static void test_dead(void **state)
{
	assert_int_equal(hold(0, 3, 0, IOVA(1)), 0);
	dev.dead = true;
	run_work();
	check_got(1, 0, 3, NO_LKEY);
	assert_int_equal(rung, 0);
}

/* Of a QP that goes nothing is released, and of others all is. */
static void test_forget_qp(void **state)
{
	unsigned int i;

	assert_int_equal(hold(0, 1, 0, IOVA(1)), 0);
	assert_int_equal(hold(1, 2, 1, IOVA(2)), 0);
	assert_int_equal(hold(0, 3, 2, IOVA(3)), 0);
	ibfront_fastreg_forget_qp(&qp[0]);
	for (i = 0; i < 3; i++)
		run_work();
	check_got(1, 1, 2, 0x5001);
}

/* Who gives a region up waits until nothing is to be done for it. */
static void test_fini_mr(void **state)
{
	assert_int_equal(hold(1, 1, 1, IOVA(1)), 0);
	assert_int_equal(hold(0, 2, 0, IOVA(2)), 0);
	assert_int_equal(hold(0, 3, 2, IOVA(3)), 0);
	ibfront_fastreg_fini_mr(&dev, &mr[0]);
	mr[0].has_moved = false;
	/* Once it is not held any more, the work has come to its end again. */
	check_got(3, 0, 3, 0x5003);
	assert_int_equal(shares, 2);
}

int main(void)
{
#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_is_moved),
		TEST(test_release),
		TEST(test_again),
		TEST(test_no_share),
		TEST(test_share_in_use),
		TEST(test_wrong),
		TEST(test_dead),
		TEST(test_forget_qp),
		TEST(test_fini_mr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
