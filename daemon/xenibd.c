// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenibd.c - the daemon of dom0: waits until something changes, and has
 * "xenib attach" attach what is missing
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <xenib_version.h>

#include "../tools/host.h"
#include "xenibd.h"

/* As xl has them. */
#define EXIT_USAGE	2

/* Directories of their own in tests */
#ifndef CONF_DIR
#define CONF_DIR	"/etc/xenib"
#define RUN_DIR		"/run/xenib"
#endif

#define CONF		CONF_DIR "/xenib.conf"
#define STATE_DIR	RUN_DIR "/devices"
static const char *const guest_dirs[] = {
	CONF_DIR "/guests.d", RUN_DIR "/guests.d", NULL
};

/* So many devices are attached at once. */
#define MAX_JOBS	4

/*
 * What is said of devices can be caused by guests: it is not listened to more
 * often than this.
 */
#define DEVICES_TIME	(SECOND / 5)

/* How long to wait when Xen could not be asked, at first and at most */
#define MIN_RETRY	SECOND
#define MAX_RETRY	(60 * SECOND)

/*
 * A "xenib attach" that runs
 * @pid: 0: there is none
 * @error: what it says
 */
struct job {
	pid_t pid;
	int error;
	char uuid[UUID_LEN + 1];
	uint32_t domid;
	unsigned int devid;
};

/*
 * @max_pages: unless the settings say it
 * @files, @signals: where inotify and signals are told
 * @looked: when the world was looked at last
 * @look_at: when to do so again
 */
struct xenibd {
	struct world *world;
	struct settings settings;
	struct guest *guests;
	struct job jobs[MAX_JOBS];
	unsigned long max_pages;
	int files;
	int signals;
	int64_t looked;
	int64_t look_at;
	int64_t retry;
	bool stopping;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec / 1000000;
}

/* Tell systemd, if that has started us: see sd_notify(3). */
static void tell_systemd(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	socklen_t len;
	int fd;

	if (!path || strlen(path) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, strlen(path));
	len = offsetof(struct sockaddr_un, sun_path) + strlen(path);
	if (*path == '@')
		to.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL,
			     (struct sockaddr *)&to, len) < 0)
		say(LOG_WARNING, "cannot notify %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Settings */

/* Again each time: a directory may be another one by now. */
static void watch_files(struct xenibd *d)
{
	const uint32_t mask = IN_CLOSE_WRITE | IN_MOVE | IN_DELETE | IN_ATTRIB |
			      IN_CREATE | IN_ONLYDIR;
	const char *const *dir;

	inotify_add_watch(d->files, CONF_DIR, mask);
	for (dir = guest_dirs; *dir; dir++)
		if (inotify_add_watch(d->files, *dir, mask) < 0)
			say(LOG_ERR, "cannot watch %s: %s", *dir,
			    strerror(errno));
}

static void load_settings(struct xenibd *d)
{
	settings_free(&d->settings);
	watch_files(d);
	settings_load(&d->settings, CONF, guest_dirs, d->max_pages);
	d->look_at = 0;
}

/* A file that was made is not written yet. Of a directory, all counts. */
static bool concerns_us(const struct inotify_event *event)
{
	const char *dot = event->len ? strrchr(event->name, '.') : NULL;

	if (!event->len || event->mask & IN_ISDIR)
		return true;
	return !(event->mask & IN_CREATE) && dot && !strcmp(dot, ".conf");
}

static void read_files(struct xenibd *d)
{
	char events[4096] __attribute__((aligned(8)));
	const struct inotify_event *event;
	bool load = false;
	ssize_t len, at;

	while ((len = read(d->files, events, sizeof(events))) > 0) {
		for (at = 0; at < len; at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)(events + at);
			load |= concerns_us(event);
		}
	}
	if (load)
		load_settings(d);
}

/* Jobs */

static struct job *free_job(struct xenibd *d)
{
	size_t i;

	for (i = 0; i < MAX_JOBS; i++)
		if (!d->jobs[i].pid)
			return &d->jobs[i];
	return NULL;
}

static bool has_jobs(const struct xenibd *d)
{
	size_t i;

	for (i = 0; i < MAX_JOBS; i++)
		if (d->jobs[i].pid)
			return true;
	return false;
}

static void put_format(char **argv, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void put_format(char **argv, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(argv, fmt, ap) < 0)
		*argv = NULL;
	va_end(ap);
	must(*argv);
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

static char **put_options(char **argv, const char *options)
{
	char *line;

	while ((line = options_next(&options))) {
		put_format(argv++, "--%s", line);
		free(line);
	}
	return argv;
}

/* Of what is given twice, the last counts. */
static char **attach_argv(const struct job *job, const struct settings *s,
			  const char *options)
{
	size_t max = 6 + count_lines(s->defaults) + count_lines(options) + 1;
	char **argv = must(calloc(max, sizeof(*argv))), **p = argv;

	put_format(p++, "xenib");
	put_format(p++, "attach");
	put_format(p++, "--uuid=%s", job->uuid);
	put_format(p++, "--devid=%u", job->devid);
	put_format(p++, "--timeout=%lu", s->timeout);
	p = put_options(p, s->defaults);
	p = put_options(p, options);
	put_format(p, "%u", job->domid);
	return argv;
}

static void run_child(char **argv, int error)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(error, STDERR_FILENO);
	execvp(argv[0], argv);
	fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(EXIT_FAILURE);
}

static int start_job(struct job *job, char **argv)
{
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC))
		return -1;
	job->pid = fork();
	if (!job->pid)
		run_child(argv, pipes[1]);
	close(pipes[1]);
	if (job->pid < 0) {
		job->pid = 0;
		close(pipes[0]);
		return -1;
	}
	job->error = pipes[0];
	return 0;
}

static void say_failed(const struct guest *g, const struct slot *slot,
		       const char *why)
{
	say(LOG_ERR, "%s (%s) device %u: not attached: %s; trying again %lld s after this attempt began",
	    g->name, g->uuid, slot->devid, why,
	    (long long)(slot->delay / SECOND));
}

static bool has_room(const struct xenibd *d, const struct guest *g,
		     const struct slot *slot)
{
	const struct settings *s = &d->settings;
	unsigned long held = plan_pages(d->guests, s->defaults);
	unsigned long pages = options_pages(slot_options(slot), s->defaults);
	char why[160];

	if (!s->max_pages || held + pages <= s->max_pages)
		return true;
	snprintf(why, sizeof(why),
		 "its %lu pages and %lu of other devices are more than max-total-pages, %lu",
		 pages, held, s->max_pages);
	say_failed(g, slot, why);
	return false;
}

static void attach(struct xenibd *d, struct job *job, const struct guest *g,
		   struct slot *slot)
{
	bool room = has_room(d, g, slot);
	char **argv, **p;

	plan_begin(slot, now_ms());
	slot->busy = room;
	if (!room)
		return;
	memcpy(job->uuid, g->uuid, sizeof(job->uuid));
	job->domid = g->domid;
	job->devid = slot->devid;
	argv = attach_argv(job, &d->settings, slot_options(slot));
	if (start_job(job, argv)) {
		slot->busy = false;
		say_failed(g, slot, strerror(errno));
	}
	for (p = argv; *p; p++)
		free(*p);
	free(argv);
}

/* Begin what can be; when to do so again */
static int64_t attach_missing(struct xenibd *d)
{
	int64_t when = INT64_MAX;
	struct slot *slot;
	struct guest *g;
	struct job *job;

	while (!d->stopping && (job = free_job(d)) &&
	       (slot = plan_next(d->guests, &d->settings, now_ms(), &g, &when)))
		attach(d, job, g, slot);
	return when;
}

/* What a command has said, in a line, without its name */
static void read_error(const struct job *job, char *text, size_t size)
{
	ssize_t len = read(job->error, text, size - 1);

	text[len > 0 ? len : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	if (!strncmp(text, "xenib: ", 7))
		memmove(text, text + 7, strlen(text + 7) + 1);
}

static void say_attached(const struct guest *g, const struct slot *slot,
			 const struct job *job, const char *warning)
{
	char *options, *p;

	options = must(strdup(slot_options(slot) ? slot_options(slot) : ""));
	for (p = options; *p; p++)
		if (*p == '\n')
			*p = p[1] ? ' ' : 0;
	say(LOG_INFO, "%s (%s) device %u: attached to domain %u: %s", g->name,
	    g->uuid, slot->devid, job->domid,
	    *options ? options : "as by default");
	free(options);
	if (*warning)
		say(LOG_WARNING, "%s (%s) device %u: %s", g->name, g->uuid,
		    slot->devid, warning);
}

static void end_job(struct xenibd *d, struct job *job, int status)
{
	struct guest *g = guest_find(d->guests, job->uuid);
	struct slot *slot = slot_find(g, job->devid);
	char text[512];

	read_error(job, text, sizeof(text));
	slot->busy = false;
	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		say_attached(g, slot, job, text);
		if (g->lives && g->domid == job->domid)
			slot->state = SLOT_ATTACHED;
	} else if (g->lives && g->domid == job->domid) {
		say_failed(g, slot, *text ? text : "xenib was killed");
	}
	close(job->error);
	job->pid = 0;
	d->look_at = 0;
}

static void end_jobs(struct xenibd *d)
{
	size_t i;

	for (i = 0; i < MAX_JOBS; i++) {
		struct job *job = &d->jobs[i];
		int status;

		if (job->pid && waitpid(job->pid, &status, WNOHANG) == job->pid)
			end_job(d, job, status);
	}
}

/* The loop */

static void look(struct xenibd *d)
{
	int64_t now = now_ms();
	struct domain *domains;
	struct guest *g;
	ssize_t nr;

	nr = world_read(d->world, &domains);
	if (nr < 0) {
		d->look_at = now + d->retry;
		d->retry = 2 * d->retry < MAX_RETRY ? 2 * d->retry : MAX_RETRY;
		return;
	}
	d->looked = now;
	d->look_at = INT64_MAX;
	d->retry = MIN_RETRY;
	plan_update(&d->guests, domains, nr, &d->settings, now);
	domains_free(domains, nr);
	while ((g = plan_forget(d->guests, now))) {
		state_remove(g, STATE_DIR);
		guest_remove(&d->guests, g);
	}
	state_save(d->guests, STATE_DIR);
}

static void read_signals(struct xenibd *d)
{
	struct signalfd_siginfo info;

	while (read(d->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		tell_systemd("STOPPING=1");
		d->stopping = true;
	}
	end_jobs(d);
}

/* Returns 0, or -1 when there is no going on. */
static int wait_for_change(struct xenibd *d, int64_t when)
{
	struct pollfd fds[] = {
		{ world_fd(d->world), POLLIN, 0 },
		{ d->files, POLLIN, 0 },
		{ d->signals, POLLIN, 0 },
	};
	int64_t left = when - now_ms(), at;

	/* Clocks of 32 bits end after 24 days. */
	if (left > 3600 * SECOND)
		left = 3600 * SECOND;
	if (poll(fds, 3, left < 0 ? 0 : left) < 0 && errno != EINTR) {
		say(LOG_ERR, "poll: %s", strerror(errno));
		return -1;
	}
	if (fds[2].revents)
		read_signals(d);
	if (fds[1].revents)
		read_files(d);
	if (!fds[0].revents)
		return 0;
	/* libxenstore closes its end, and calls that no event. */
	switch (fds[0].revents & ~POLLIN ? WORLD_LOST : world_event(d->world)) {
	case WORLD_LOST:
		say(LOG_ERR, "the connection to xenstored is lost");
		return -1;
	case WORLD_DOMAINS:
		d->look_at = 0;
		break;
	case WORLD_DEVICES:
		at = d->looked + DEVICES_TIME;
		d->look_at = at < d->look_at ? at : d->look_at;
		break;
	default:
		break;
	}
	return 0;
}

static int loop(struct xenibd *d)
{
	bool ready = false;
	int64_t when;

	while (!d->stopping || has_jobs(d)) {
		if (now_ms() >= d->look_at)
			look(d);
		when = attach_missing(d);
		if (!ready && d->looked)
			tell_systemd("READY=1");
		ready |= d->looked != 0;
		if (wait_for_change(d, when < d->look_at ? when : d->look_at))
			return -1;
	}
	/* What the last of them did is to be known the next time. */
	look(d);
	return 0;
}

static int make_directory(const char *path, mode_t mode)
{
	if (!mkdir(path, mode) || errno == EEXIST)
		return 0;
	say(LOG_ERR, "cannot make %s: %s", path, strerror(errno));
	return -1;
}

/* Two would attach everything twice. The lock ends with us. */
static int be_the_only_one(void)
{
	int fd = open(RUN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	say(LOG_ERR, "cannot lock %s: %s", RUN_DIR,
	    errno == EWOULDBLOCK ? "another xenibd runs" : strerror(errno));
	return -1;
}

/* What Xen has room for, with some left for disks and networks; 0: not known */
static unsigned long usual_max_pages(void)
{
	uint64_t entries;

	return maptrack_limit(&entries) ? 0 : entries / 4 * 3;
}

static int start(struct xenibd *d)
{
	sigset_t signals;

	umask(022);
	if (make_directory(RUN_DIR, 0755) ||
	    make_directory(RUN_DIR "/guests.d", 0755) ||
	    make_directory(STATE_DIR, 0700) ||
	    be_the_only_one())
		return -1;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	d->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	d->files = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (d->signals < 0 || d->files < 0) {
		say(LOG_ERR, "cannot wait for signals and files: %s",
		    strerror(errno));
		return -1;
	}
	d->world = world_open();
	if (!d->world)
		return -1;
	d->retry = MIN_RETRY;
	d->max_pages = usual_max_pages();
	state_load(&d->guests, STATE_DIR);
	load_settings(d);
	return 0;
}

static int usage(FILE *out, int status)
{
	fputs("Usage: xenibd [--help | --version]\n\n"
	      "Gives guests the InfiniBand devices that the files of " CONF_DIR "/guests.d\n"
	      "and " RUN_DIR "/guests.d say. See xenibd(8) and xenib.conf(5).\n",
	      out);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	struct xenibd d = { 0 };
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'h':
			return usage(stdout, EXIT_SUCCESS);
		case 'v':
			puts("xenibd " XENIB_VERSION);
			return EXIT_SUCCESS;
		default:
			return usage(stderr, EXIT_USAGE);
		}
	}
	if (optind < argc)
		return usage(stderr, EXIT_USAGE);
	return start(&d) || loop(&d) ? EXIT_FAILURE : EXIT_SUCCESS;
}
