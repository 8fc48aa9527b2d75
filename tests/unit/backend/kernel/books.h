/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stand-in for the kernel as tests see it: what is held, and failures on
 * demand.
 */
#ifndef KERNEL_BOOKS_H
#define KERNEL_BOOKS_H

#include <stdbool.h>

/* What has been taken and not given back. */
struct kernel_books {
	long slabs;		/* kmalloc() and kin */
	long vmallocs;		/* kvmalloc() and kin */
	long pages;		/* __get_free_page() */
	long slots;		/* in xarrays */
	long works;		/* pending */
};

extern struct kernel_books kernel_books;

/* Forget everything: a new test. What is allocated is freed. */
void kernel_reset(void);

/* A rule was broken: the test fails here. */
void kernel_bug(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* No lock is held. */
void kernel_check_idle(void);

/*
 * Of the calls that can fail, to the kernel, to Xen and to the HCA, the one of
 * this number, from 1, does; 0: none does.
 */
void fail_at(unsigned int call);
/* Every call of this name fails with @err, as long as @name is not NULL. */
void fail_always(const char *name, int err);
/* What the failure that was asked for made of it, 0 if it has not come yet. */
int failed(void);
/* The name of the call that failed. */
const char *failed_call(void);

/*
 * Called wherever something can fail. Return: 0, or the errno with which it
 * does: @err, or what fail_always() says; with @err 0 only that makes it.
 */
int kernel_fail(const char *name, int err);

/* What was logged; it is kept until kernel_reset(). */
void kernel_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Whether a message has this in it. */
bool kernel_logged(const char *part);
/* All of it */
const char *kernel_log_text(void);

/* Do all work that is pending now, whatever its delay. */
void kernel_run_work(void);

#endif /* KERNEL_BOOKS_H */
