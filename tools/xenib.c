// SPDX-License-Identifier: GPL-2.0-only
/* xenib.c - the dom0 command: give guests InfiniBand devices */

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xenib.h>
#include <xenib_version.h>

#include "args.h"
#include "persist.h"
#include "print.h"

/* As xl has them; and for a device that is already there, or gone already. */
#define EXIT_USAGE	2
#define EXIT_ALREADY	3

/* Seconds from one look to the next, where changes are watched */
#define DEFAULT_DELAY	2
#define MAX_DELAY	3600

/*
 * @name: how it is called
 * @run: does it, on the arguments from the name on, returns the exit status
 * @args: its operands, for the usage line
 * @summary: what it does, in a line
 * @options: one per line
 */
struct command {
	const char *name;
	int (*run)(const struct command *cmd, int argc, char **argv);
	const char *args;
	const char *summary;
	const char *options;
};

static int cmd_attach(const struct command *cmd, int argc, char **argv);
static int cmd_detach(const struct command *cmd, int argc, char **argv);
static int cmd_limit(const struct command *cmd, int argc, char **argv);
static int cmd_list(const struct command *cmd, int argc, char **argv);
static int cmd_top(const struct command *cmd, int argc, char **argv);
static int cmd_show(const struct command *cmd, int argc, char **argv);
static int cmd_metrics(const struct command *cmd, int argc, char **argv);
static int cmd_doctor(const struct command *cmd, int argc, char **argv);
static int cmd_help(const struct command *cmd, int argc, char **argv);

static const struct command commands[] = {
	{ "attach", cmd_attach, "[OPTIONS] DOMAIN...",
	  "Give guests an InfiniBand device",
	  "  --hca HCA       the HCA to use: its name, guid:GUID or pci:ADDRESS\n"
	  "                  (default: the first that the backend can use)\n"
	  "  --devid N       the device's number in the guest (default: the first\n"
	  "                  that is free)\n"
	  "  --uuid UUID     only if the guest has this UUID\n"
	  "  --persist       have xenibd do the same whenever the guest is created\n"
	  "  --wait          return when the guest's driver has connected\n"
	  "  --timeout N     seconds to wait for the backend, and with --wait\n"
	  "                  for the guest (default: 30)\n"
	  "Who the guest is on the fabric:\n"
	  "  --guid [PORT=]auto|sm|shared or PORT=GUID\n"
	  "                  the GUID in the GID of a port, or of each: made from\n"
	  "                  the guest's UUID, chosen by the subnet manager, that\n"
	  "                  of the HCA's port, or GUID (default: auto)\n"
	  "  --node-guid auto|shared|GUID\n"
	  "                  the device's node GUID, in the same way\n"
	  "  --pkeys [PORT=]PKEY[,PKEY...]\n"
	  "                  the P_Keys that it may use at a port, or at each\n"
	  "                  (default: all that the HCA's port has)\n"
	  "  --ips ADDR[,ADDR...]\n"
	  "                  the IP addresses that it can be called by, at each port\n"
	  "                  (default: what its interfaces have, as it says)\n"
	  "What it may do with management datagrams (MADs):\n"
	  "  --mad-rate N    how many it may send a second, up to 1000000\n"
	  "                  (default: 2000)\n"
	  "  --mad-pm on|off read performance counters of ports (default: on)\n"
	  "Quotas: how many of these the guest may hold at once, up to 67108864\n"
	  "  --contexts N    processes with the device open, up to 256\n"
	  "  --pds N  --mrs N  --cqs N  --qps N  --srqs N  --mws N  --xrcds N\n"
	  "  --pages N       4 KiB pages in memory regions and queues\n"
	  "  --mcast N       multicast attachments\n" },
	{ "detach", cmd_detach, "[OPTIONS] DOMAIN...",
	  "Take an InfiniBand device from guests",
	  "  --devid N       the device's number in the guest, needed if it has\n"
	  "                  several\n"
	  "  --persist       undo attach --persist, too\n"
	  "  --force         go on when the guest does not let go of it\n"
	  "  --timeout N     seconds to wait for the guest, and for the backend\n"
	  "                  (default: 30)\n" },
	{ "limit", cmd_limit, "[OPTIONS] DOMAIN...",
	  "Change quotas of a device while the guest uses it",
	  "  --devid N       the device's number in the guest, needed if it has\n"
	  "                  several\n"
	  "  --timeout N     seconds to wait for the backend (default: 30)\n"
	  "Quotas, each up to 67108864; what is not given stays as it is:\n"
	  "  --pds N  --mrs N  --cqs N  --qps N  --srqs N  --mws N  --xrcds N\n"
	  "  --pages N       4 KiB pages in memory regions and queues\n"
	  "  --mcast N       multicast attachments\n" },
	{ "list", cmd_list, "[OPTIONS] [DOMAIN...]",
	  "List InfiniBand devices of guests",
	  "  -l, --long      quotas, counters and doorbell pages, too\n"
	  "  -j, --json      the same as JSON\n"
	  "  --watch[=N]     again and again, every N seconds (default: 2)\n" },
	{ "top", cmd_top, "[OPTIONS] [DOMAIN...]",
	  "Show what guests move in a second, those that move most first",
	  "  --delay N       seconds between two looks (default: 2)\n" },
	{ "show", cmd_show, "[OPTIONS] DOMAIN...",
	  "Show all about the devices of guests",
	  "  --qps           their queue pairs by the HCA's numbers, too\n" },
	{ "metrics", cmd_metrics, "",
	  "Print metrics of all devices for Prometheus", "" },
	{ "doctor", cmd_doctor, "",
	  "Tell what is wrong on this host, and what to do", "" },
	{ "help", cmd_help, "[COMMAND]", "Explain the command, or one part of it",
	  "" },
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	fprintf(stderr, "xenib: no such command: %s\n", name);
	return NULL;
}

static void print_usage(FILE *out)
{
	size_t i;

	fputs("Usage: xenib COMMAND [ARGUMENTS]\n\n", out);
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-8s%s\n", commands[i].name,
			commands[i].summary);
	fputs("\n\"xenib help COMMAND\" explains one; \"xenib --version\" tells the version.\n",
	      out);
}

static void print_command_usage(FILE *out, const struct command *cmd)
{
	fprintf(out, "Usage: xenib %s%s%s\n\n%s.\n%s%s", cmd->name,
		*cmd->args ? " " : "", cmd->args, cmd->summary,
		*cmd->options ? "\n" : "", cmd->options);
}

/* The message has been printed. */
static int usage_error(const struct command *cmd)
{
	fprintf(stderr, "Try \"xenib help %s\".\n", cmd->name);
	return EXIT_USAGE;
}

/* Say what is wrong with the value of an option. Returns -1. */
static int bad_option(const char *option, const char *why)
{
	fprintf(stderr, "xenib: --%s: %s\n", option, why);
	return -1;
}

/* A number in min .. max, with a message when it is none. Returns 0 or -1. */
static int get_number(const char *option, const char *text,
		      unsigned long min, unsigned long max,
		      unsigned long *value)
{
	char why[ARGS_WHY];

	return args_number(text, min, max, value, why) ?
	       bad_option(option, why) : 0;
}

static int get_timeout(const char *text, unsigned int *timeout_ms)
{
	unsigned long n;

	if (get_number("timeout", text, 1, ARGS_MAX_TIMEOUT, &n))
		return -1;
	*timeout_ms = n * 1000;
	return 0;
}

/* A domain is left after the options, or several. */
static int check_operands(int argc, char **argv)
{
	if (optind < argc)
		return 0;
	fprintf(stderr, "xenib %s: DOMAIN is missing\n", argv[0]);
	return -1;
}

static struct xenib *open_library(void)
{
	struct xenib *xn = xenib_open(0);

	if (xn)
		return xn;
	if (errno == EACCES || errno == EPERM)
		fputs("xenib: not permitted: only root in dom0 may do this\n",
		      stderr);
	else
		fprintf(stderr, "xenib: cannot reach Xen: %s: is this dom0, and is xenstored running?\n",
			strerror(errno));
	return NULL;
}

/*
 * Says what has failed, and returns the exit status. With errno @already
 * there was nothing to do; 0: none is like that.
 */
static int failed(struct xenib *xn, int already)
{
	int err = errno;
	/* Root is refused by somebody who has other reasons. */
	bool hint = (err == EPERM || err == EACCES) && geteuid();

	fprintf(stderr, "xenib: %s%s\n", xenib_error(xn),
		hint ? " (only root in dom0 may do this)" : "");
	return already && err == already ? EXIT_ALREADY : EXIT_FAILURE;
}

static void print_warning(struct xenib *xn)
{
	if (*xenib_warning(xn))
		fprintf(stderr, "xenib: warning: %s\n", xenib_warning(xn));
}

/*
 * Run @fn, which returns an exit status, for each domain, also after a failure.
 * Returns the worst status.
 */
static int for_domains(char **domains, const void *arg,
		       int (*fn)(struct xenib *xn, const char *domain,
				 const void *arg))
{
	struct xenib *xn = open_library();
	int status = EXIT_SUCCESS;

	if (!xn)
		return EXIT_FAILURE;
	for (; *domains; domains++) {
		int rc = fn(xn, *domains, arg);

		if (rc && status != EXIT_FAILURE)
			status = rc;
	}
	xenib_close(xn);
	return status;
}

/* Values of options without a letter */
enum {
	OPT_DEVICE = 256,	/* those of args.h */
	OPT_DEVID,
	OPT_UUID,
	OPT_TIMEOUT,
	OPT_WAIT,
	OPT_FORCE,
	OPT_QPS,
	OPT_WATCH,
	OPT_DELAY,
	OPT_PERSIST,
};

/* Set what an option of args.h says. Returns 0, or -1, and has said why. */
static int set_option(struct xenib_attach_args *args,
		      const struct option *option, const char *value)
{
	char why[ARGS_WHY];

	return args_set(args, option->name, value, why) ?
	       bad_option(option->name, why) : 0;
}

/* More than one can reasonably say of a device */
#define MAX_GIVEN	64

/*
 * @any_devid: the first that is free
 * @persist: also in a file, with
 * @given: options of args.h but devid, and their values, @nr_given of them
 */
struct attach_options {
	struct xenib_attach_args args;
	bool any_devid;
	bool help;
	bool persist;
	const char *given[MAX_GIVEN][2];
	unsigned int nr_given;
};

/* In a file nothing may be said twice; here the last counts. */
static int note_given(struct attach_options *o, const char *name,
		      const char *value)
{
	unsigned int i = o->nr_given;

	if (!args_may_repeat(name))
		for (i = 0; i < o->nr_given; i++)
			if (!strcmp(o->given[i][0], name))
				break;
	if (i == MAX_GIVEN)
		return bad_option(name, "there are too many options");
	o->nr_given += i == o->nr_given;
	o->given[i][0] = name;
	o->given[i][1] = value;
	return 0;
}

static int persist(const char *domain, const struct attach_options *o,
		   uint32_t devid)
{
	char *text = NULL;
	unsigned int i;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int rc = -1;

	for (i = 0; f && i < o->nr_given; i++)
		fprintf(f, "%s = %s\n", o->given[i][0], o->given[i][1]);
	if (!f || fclose(f))
		fputs("xenib: out of memory\n", stderr);
	else
		rc = persist_add(domain, devid, text);
	free(text);
	return rc;
}

/*
 * Files are about guests by name, as ids are others' after a while. A file that
 * cannot be written is said before anything is done.
 */
static int check_persist(const char *command, char **domains)
{
	for (; *domains; domains++) {
		if (!(*domains)[strspn(*domains, "0123456789")]) {
			fprintf(stderr, "xenib %s: --persist is for names of guests, and %s is an id\n",
				command, *domains);
			return EXIT_USAGE;
		}
		if (persist_check(*domains))
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/* Returns 0, or -1 with a message printed. */
static int parse_attach(int argc, char **argv, struct attach_options *o)
{
	struct option options[6 + ARGS_MAX] = {
		{ "help", no_argument, NULL, 'h' },
		{ "persist", no_argument, NULL, OPT_PERSIST },
		{ "uuid", required_argument, NULL, OPT_UUID },
		{ "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "wait", no_argument, NULL, OPT_WAIT },
	};
	int i, opt, index;

	for (i = 0; args_name(i); i++)
		options[5 + i] = (struct option){ args_name(i),
			required_argument, NULL, OPT_DEVICE };

	while ((opt = getopt_long(argc, argv, "h", options, &index)) != -1) {
		switch (opt) {
		case 'h':
			o->help = true;
			return 0;
		case OPT_PERSIST:
			o->persist = true;
			break;
		case OPT_UUID:
			o->args.uuid = optarg;
			break;
		case OPT_TIMEOUT:
			if (get_timeout(optarg, &o->args.timeout_ms))
				return -1;
			break;
		case OPT_WAIT:
			o->args.wait = 1;
			break;
		case OPT_DEVICE:
			if (set_option(&o->args, &options[index], optarg))
				return -1;
			if (!strcmp(options[index].name, "devid"))
				o->any_devid = false;
			else if (note_given(o, options[index].name, optarg))
				return -1;
			break;
		default:
			return -1;
		}
	}
	if (o->args.uuid && argc - optind > 1) {
		fputs("xenib attach: --uuid is for one DOMAIN\n", stderr);
		return -1;
	}
	return check_operands(argc, argv);
}

/* The number of the first device that the domain has not */
static int find_free(struct xenib *xn, uint32_t domid, uint32_t *devid)
{
	struct xenib_device *devices;
	size_t i, nr;

	if (xenib_list(xn, domid, &devices, &nr))
		return -1;
	for (i = 0; i < nr && devices[i].devid == i; i++)
		;
	xenib_list_free(devices, nr);
	*devid = i;
	return 0;
}

static int attach(struct xenib *xn, struct xenib_attach_args *args,
		  bool any_devid)
{
	uint32_t tried = UINT32_MAX;

	if (!any_devid)
		return xenib_attach(xn, args);
	/* Others may take the number first. */
	for (;;) {
		if (find_free(xn, args->domid, &args->devid))
			return -1;
		if (!xenib_attach(xn, args))
			return 0;
		if (errno != EEXIST || args->devid == tried)
			return -1;
		tried = args->devid;
	}
}

static int attach_domain(struct xenib *xn, const char *domain, const void *arg)
{
	const struct attach_options *o = arg;
	struct xenib_attach_args args = o->args;

	if (xenib_domain(xn, domain, &args.domid) ||
	    attach(xn, &args, o->any_devid))
		return failed(xn, EEXIST);
	print_warning(xn);
	if (o->persist && persist(domain, o, args.devid))
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

static int cmd_attach(const struct command *cmd, int argc, char **argv)
{
	struct attach_options o = {
		.args = { .timeout_ms = XENIB_DEFAULT_TIMEOUT },
		.any_devid = true,
	};
	int status = EXIT_SUCCESS;

	if (parse_attach(argc, argv, &o))
		return usage_error(cmd);
	if (o.help) {
		print_command_usage(stdout, cmd);
		return EXIT_SUCCESS;
	}
	if (o.persist)
		status = check_persist(argv[0], argv + optind);
	if (status)
		return status;
	return for_domains(argv + optind, &o, attach_domain);
}

#define ONLY_DEVICE	UINT32_MAX

/*
 * Unless @devid is a number already: that of the only device of a domain, 0 if
 * it has none, as there may be rests of it. Returns 0, or an exit status with a
 * message printed.
 */
static int find_only(struct xenib *xn, const char *domain, uint32_t domid,
		     uint32_t *devid)
{
	struct xenib_device *devices = NULL;
	size_t i, nr = 0;

	if (*devid != ONLY_DEVICE)
		return 0;
	if (xenib_list(xn, domid, &devices, &nr) && errno != ESRCH)
		return failed(xn, 0);
	*devid = nr ? devices[0].devid : 0;
	if (nr > 1) {
		fprintf(stderr, "xenib: %s has devices %u", domain, *devid);
		for (i = 1; i < nr; i++)
			fprintf(stderr, ", %u", devices[i].devid);
		fputs(": which is meant? Add --devid\n", stderr);
	}
	xenib_list_free(devices, nr);
	return nr > 1 ? EXIT_FAILURE : 0;
}

struct detach_options {
	uint32_t devid;
	bool persist;
	unsigned int flags;
	unsigned int timeout_ms;
};

static int detach(struct xenib *xn, const char *domain,
		  const struct detach_options *o, uint32_t *devid)
{
	uint32_t domid;
	int status;

	if (xenib_domain(xn, domain, &domid))
		return failed(xn, ENOENT);
	status = find_only(xn, domain, domid, devid);
	if (status)
		return status;
	if (xenib_detach(xn, domid, *devid, o->flags, o->timeout_ms))
		return failed(xn, ENOENT);
	return EXIT_SUCCESS;
}

/* What is gone already may still be in the file. */
static int detach_domain(struct xenib *xn, const char *domain, const void *arg)
{
	const struct detach_options *o = arg;
	uint32_t devid = o->devid;
	int status = detach(xn, domain, o, &devid);

	if (!o->persist || (status && status != EXIT_ALREADY))
		return status;
	if (persist_remove(domain, devid == ONLY_DEVICE ? 0 : devid))
		return EXIT_FAILURE;
	return status;
}

static int cmd_detach(const struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "devid", required_argument, NULL, OPT_DEVID },
		{ "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "force", no_argument, NULL, OPT_FORCE },
		{ "persist", no_argument, NULL, OPT_PERSIST },
		{ 0 },
	};
	struct detach_options o = {
		.devid = ONLY_DEVICE,
		.timeout_ms = XENIB_DEFAULT_TIMEOUT,
	};
	unsigned long n;
	int opt, status = EXIT_SUCCESS;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'h':
			print_command_usage(stdout, cmd);
			return EXIT_SUCCESS;
		case OPT_DEVID:
			if (get_number("devid", optarg, 0, ONLY_DEVICE - 1, &n))
				return usage_error(cmd);
			o.devid = n;
			break;
		case OPT_TIMEOUT:
			if (get_timeout(optarg, &o.timeout_ms))
				return usage_error(cmd);
			break;
		case OPT_FORCE:
			o.flags |= XENIB_DETACH_FORCE;
			break;
		case OPT_PERSIST:
			o.persist = true;
			break;
		default:
			return usage_error(cmd);
		}
	}
	if (check_operands(argc, argv))
		return usage_error(cmd);
	if (o.persist)
		status = check_persist(argv[0], argv + optind);
	if (status)
		return status;
	return for_domains(argv + optind, &o, detach_domain);
}

struct limit_options {
	uint32_t devid;
	uint32_t quota[XENIB_NR_QUOTAS];
	unsigned int timeout_ms;
};

static int limit_domain(struct xenib *xn, const char *domain, const void *arg)
{
	const struct limit_options *o = arg;
	uint32_t domid, devid = o->devid;
	int status;

	if (xenib_domain(xn, domain, &domid))
		return failed(xn, 0);
	status = find_only(xn, domain, domid, &devid);
	if (status)
		return status;
	if (xenib_limit(xn, domid, devid, o->quota, o->timeout_ms))
		return failed(xn, 0);
	print_warning(xn);
	return EXIT_SUCCESS;
}

static int cmd_limit(const struct command *cmd, int argc, char **argv)
{
	struct option options[4 + XENIB_NR_QUOTAS] = {
		{ "help", no_argument, NULL, 'h' },
		{ "devid", required_argument, NULL, OPT_DEVID },
		{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	};
	struct limit_options o = {
		.devid = ONLY_DEVICE,
		.timeout_ms = XENIB_DEFAULT_TIMEOUT,
	};
	struct xenib_attach_args args = { 0 };
	int i, opt, index;
	bool any = false;
	unsigned long n;

	for (i = 0; i < XENIB_NR_QUOTAS; i++)
		options[3 + i] = (struct option){ xenib_quota_name(i),
			required_argument, NULL, OPT_DEVICE };

	while ((opt = getopt_long(argc, argv, "h", options, &index)) != -1) {
		switch (opt) {
		case 'h':
			print_command_usage(stdout, cmd);
			return EXIT_SUCCESS;
		case OPT_DEVID:
			if (get_number("devid", optarg, 0, XENIB_MAX_DEVID, &n))
				return usage_error(cmd);
			o.devid = n;
			break;
		case OPT_TIMEOUT:
			if (get_timeout(optarg, &o.timeout_ms))
				return usage_error(cmd);
			break;
		case OPT_DEVICE:
			if (set_option(&args, &options[index], optarg))
				return usage_error(cmd);
			any = true;
			break;
		default:
			return usage_error(cmd);
		}
	}
	memcpy(o.quota, args.quota, sizeof(o.quota));
	if (!any) {
		fputs("xenib limit: no quota is given\n", stderr);
		return usage_error(cmd);
	}
	if (check_operands(argc, argv))
		return usage_error(cmd);
	return for_domains(argv + optind, &o, limit_domain);
}

/* Add the devices of a domain. Returns 0 or -1, as the library does. */
static int add_domain(struct xenib *xn, const char *domain,
		      struct listing *list)
{
	uint32_t domid = XENIB_ALL_DOMAINS;
	struct xenib_device *devices, *all;
	size_t nr;

	if (domain && xenib_domain(xn, domain, &domid))
		return -1;
	if (xenib_list(xn, domid, &devices, &nr))
		return -1;
	if (!nr)
		return 0;
	all = realloc(list->devices, (list->nr_devices + nr) * sizeof(*all));
	if (!all) {
		fputs("xenib: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	memcpy(all + list->nr_devices, devices, nr * sizeof(*all));
	list->devices = all;
	list->nr_devices += nr;
	/* What is in them belongs to the list now. */
	xenib_list_free(devices, 0);
	return 0;
}

typedef void print_fn(FILE *out, const struct listing *list);

/*
 * Print the domains, or all if there are none. One that cannot be listed is not
 * in the way of others. With @note, say so if there is no backend. Returns the
 * exit status.
 */
static int list(FILE *out, char **domains, print_fn *print, bool note)
{
	struct xenib *xn = open_library();
	struct listing l = { 0 };
	int status = EXIT_SUCCESS;

	if (!xn)
		return EXIT_FAILURE;
	do {
		if (add_domain(xn, *domains, &l))
			status = failed(xn, 0);
	} while (*domains && *++domains);
	if (xenib_totals(xn, &l.totals, &l.nr_totals)) {
		if (errno != ENXIO)
			status = failed(xn, 0);
		else if (note)
			fprintf(stderr, "xenib: note: %s\n", xenib_error(xn));
	}
	if (l.nr_devices || !status)
		print(out, &l);
	xenib_totals_free(l.totals, l.nr_totals);
	xenib_list_free(l.devices, l.nr_devices);
	xenib_close(xn);
	return status;
}

/* As list(), again and again until something fails. Returns the exit status. */
static int watch(char **domains, print_fn *print, bool note,
		 unsigned long seconds)
{
	const struct timespec delay = { .tv_sec = seconds };
	unsigned int shown = 0;
	int status = 0;
	size_t size;
	char *text;
	FILE *f;

	while (!status) {
		text = NULL;
		f = open_memstream(&text, &size);
		if (f)
			status = list(f, domains, print, note);
		if (!f || fclose(f)) {
			fputs("xenib: out of memory\n", stderr);
			exit(EXIT_FAILURE);
		}
		/* What has failed is said on standard error. */
		if (!status && *text && watch_show(text, &shown)) {
			fprintf(stderr, "xenib: cannot write: %s\n",
				strerror(errno));
			status = EXIT_FAILURE;
		}
		free(text);
		note = false;
		if (!status)
			nanosleep(&delay, NULL);
	}
	return status;
}

static int get_seconds(const char *option, const char *text, unsigned long *n)
{
	return get_number(option, text, 1, MAX_DELAY, n);
}

static int cmd_list(const struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "long", no_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ "watch", optional_argument, NULL, OPT_WATCH },
		{ 0 },
	};
	print_fn *print = print_table;
	unsigned long seconds = 0;
	int opt;

	while ((opt = getopt_long(argc, argv, "hlj", options, NULL)) != -1) {
		switch (opt) {
		case 'h':
			print_command_usage(stdout, cmd);
			return EXIT_SUCCESS;
		case 'l':
			print = print_long;
			break;
		case 'j':
			print = print_json;
			break;
		case OPT_WATCH:
			seconds = DEFAULT_DELAY;
			if (optarg && get_seconds("watch", optarg, &seconds))
				return usage_error(cmd);
			break;
		default:
			return usage_error(cmd);
		}
	}
	argv += optind;
	return seconds ? watch(argv, print, print != print_json, seconds) :
			 list(stdout, argv, print, print != print_json);
}

static int cmd_top(const struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "delay", required_argument, NULL, OPT_DELAY },
		{ 0 },
	};
	unsigned long seconds = DEFAULT_DELAY;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'h') {
			print_command_usage(stdout, cmd);
			return EXIT_SUCCESS;
		}
		if (opt != OPT_DELAY || get_seconds("delay", optarg, &seconds))
			return usage_error(cmd);
	}
	top_begin();
	return watch(argv + optind, print_top, true, seconds);
}

static int cmd_show(const struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "qps", no_argument, NULL, OPT_QPS },
		{ 0 },
	};
	print_fn *print = print_show;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'h') {
			print_command_usage(stdout, cmd);
			return EXIT_SUCCESS;
		}
		if (opt != OPT_QPS)
			return usage_error(cmd);
		print = print_qps;
	}
	if (check_operands(argc, argv))
		return usage_error(cmd);
	return list(stdout, argv + optind, print, true);
}

/* For commands that have neither options nor operands; -1: to be run. */
static int parse_nothing(const struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt = getopt_long(argc, argv, "h", options, NULL);

	if (opt == 'h') {
		print_command_usage(stdout, cmd);
		return EXIT_SUCCESS;
	}
	if (opt != -1)
		return usage_error(cmd);
	if (optind == argc)
		return -1;
	fprintf(stderr, "xenib %s: too many arguments: %s\n", argv[0],
		argv[optind]);
	return usage_error(cmd);
}

/* Print all devices for a command of its own. Returns the exit status. */
static int list_all(const struct command *cmd, int argc, char **argv,
		    print_fn *print)
{
	int status = parse_nothing(cmd, argc, argv);
	char *none = NULL;

	if (status >= 0)
		return status;
	return list(stdout, &none, print, false);
}

static int cmd_metrics(const struct command *cmd, int argc, char **argv)
{
	return list_all(cmd, argc, argv, print_metrics);
}

static unsigned int nr_wrong;

static void print_wrong(FILE *out, const struct listing *list)
{
	nr_wrong = doctor(list);
	if (!nr_wrong)
		fputs("Nothing is wrong here.\n", out);
}

static int cmd_doctor(const struct command *cmd, int argc, char **argv)
{
	int status;

	nr_wrong = 0;
	status = list_all(cmd, argc, argv, print_wrong);
	return status ? status : nr_wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int cmd_help(const struct command *cmd, int argc, char **argv)
{
	if (argc > 2) {
		fprintf(stderr, "xenib help: too many arguments: %s\n",
			argv[2]);
		return usage_error(cmd);
	}
	if (argc == 2) {
		cmd = find_command(argv[1]);
		if (!cmd)
			return EXIT_USAGE;
		print_command_usage(stdout, cmd);
	} else {
		print_usage(stdout);
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const struct command *cmd;
	int status;

	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("xenib " XENIB_VERSION);
		return EXIT_SUCCESS;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_usage(stdout);
		return EXIT_SUCCESS;
	}
	cmd = find_command(argv[1]);
	if (!cmd) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	status = cmd->run(cmd, argc - 1, argv + 1);
	/* A listing that could not be written is a failure. */
	if (fflush(stdout) && !status) {
		fprintf(stderr, "xenib: cannot write: %s\n", strerror(errno));
		status = EXIT_FAILURE;
	}
	return status;
}
