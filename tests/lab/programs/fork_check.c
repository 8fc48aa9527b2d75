// SPDX-License-Identifier: GPL-2.0-only
/*
 * The doorbell pages of a PV guest's process, and fork() and mprotect(), also
 * while the guest may not map them any more and its kernel has not noticed. A
 * child registers memory that never comes, which holds the kernel up for as
 * long as that takes. Says "ready" when the device may be detached by force, and
 * goes on when the file of the argument is there. Says what is not as it should
 * be, and exits with 1 then.
 *
 * usage: fork_check FILE
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define PAGE	4096
#define ROUNDS	50

/* The doorbell pages, and how many of them this process has. */
static int doorbells(void **page, int room)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start;
	char line[512];
	int nr = 0;

	NEED(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "/infiniband/uverbs"))
			continue;
		NEED(sscanf(line, "%lx-", &start) == 1 && nr < room);
		page[nr++] = (void *)start;
	}
	fclose(maps);
	return nr;
}

/* A page that never comes: nobody answers its faults. */
static void *absent_page(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC);

	NEED(fd >= 0 && page != MAP_FAILED && !ioctl(fd, UFFDIO_API, &api));
	area.range.start = (unsigned long)page;
	area.range.len = PAGE;
	NEED(!ioctl(fd, UFFDIO_REGISTER, &area));
	return page;
}

static pid_t start_endless_verb(void)
{
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	pid_t child;
	int fds[2];
	char c;

	NEED(!pipe(fds));
	NEED((child = fork()) >= 0);
	if (child) {
		close(fds[1]);
		NEED(read(fds[0], &c, 1) == 1);
		close(fds[0]);
		usleep(200000);		/* until it is in the kernel */
		return child;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ctx = open_hca();
	NEED(pd = ibv_alloc_pd(ctx));
	NEED(write(fds[1], "", 1) == 1);
	ibv_reg_mr(pd, absent_page(), PAGE, ALL_RIGHTS);
	_exit(1);
}

/* The rights of a doorbell page cannot be changed, only given away. */
static void check_rights(void **page, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		errno = 0;
		EXPECT(mprotect(page[i], PAGE, PROT_READ | PROT_WRITE), -1);
		EXPECT(errno, EACCES);
		errno = 0;
		EXPECT(mprotect(page[i], PAGE, PROT_READ), -1);
		EXPECT(errno, EACCES);
	}
}

/* A child has no doorbell page. */
static void check_child(void)
{
	void *page[8];
	int status;
	pid_t child = fork();

	NEED(child >= 0);
	if (!child)
		_exit(doorbells(page, 8));
	NEED(waitpid(child, &status, 0) == child);
	EXPECT(status, 0);
}

static void check(void **page, int nr)
{
	int i;

	for (i = 0; i < ROUNDS && !failures; i++) {
		check_child();
		check_rights(page, nr);
	}
}

int main(int argc, char **argv)
{
	struct ibv_context *ctx;
	void *page[8];
	int nr, status;
	pid_t child;

	setbuf(stdout, NULL);
	NEED(argc == 2);
	child = start_endless_verb();
	ctx = open_hca();
	nr = doorbells(page, 8);
	EXPECT(nr, 2);		/* with BlueFlame's */
	check(page, nr);
	printf("ready\n");
	while (access(argv[1], F_OK))
		usleep(10000);
	check(page, nr);
	/* It is held up still, or this would have shown nothing. */
	EXPECT(waitpid(child, &status, WNOHANG), 0);
	EXPECT(doorbells(page, 8), nr);
	EXPECT(mprotect(page[0], PAGE, PROT_NONE), 0);
	NEED(!kill(child, SIGKILL));
	NEED(waitpid(child, &status, 0) == child);
	ibv_close_device(ctx);
	return verdict();
}
