// SPDX-License-Identifier: GPL-2.0-only
/* xenib.c - the dom0 command: give guests InfiniBand devices */

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenib.h>
#include <xenib_version.h>

#include "args.h"
#include "print.h"

/* As xl has them. */
#define EXIT_USAGE	2

#define MAX_TIMEOUT	3600	/* seconds */

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
static int cmd_list(const struct command *cmd, int argc, char **argv);
static int cmd_help(const struct command *cmd, int argc, char **argv);

static const struct command commands[] = {
	{ "attach", cmd_attach, "[OPTIONS] DOMAIN",
	  "Give a guest an InfiniBand device",
	  "  --hca HCA       the HCA to use: its name, guid:GUID or pci:ADDRESS\n"
	  "                  (default: the first that the backend can use)\n"
	  "  --devid N       the device's number in the guest (default: 0)\n"
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
	  "Quotas: how many of these the guest may hold at once, up to 67108864\n"
	  "  --contexts N    processes with the device open, up to 256\n"
	  "  --pds N  --mrs N  --cqs N  --qps N  --srqs N  --mws N  --xrcds N\n"
	  "  --pages N       4 KiB pages in memory regions and queues\n"
	  "  --mcast N       multicast attachments\n" },
	{ "detach", cmd_detach, "[OPTIONS] DOMAIN",
	  "Take an InfiniBand device from a guest",
	  "  --devid N       the device's number in the guest (default: 0)\n"
	  "  --force         go on when the guest does not let go of it\n"
	  "  --timeout N     seconds to wait for the guest, and for the backend\n"
	  "                  (default: 30)\n" },
	{ "list", cmd_list, "[OPTIONS] [DOMAIN]",
	  "List InfiniBand devices of guests",
	  "  -l, --long      quotas, counters and doorbell pages, too\n"
	  "  -j, --json      the same as JSON\n" },
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
	fprintf(out, "Usage: xenib %s %s\n\n%s.\n%s%s", cmd->name, cmd->args,
		cmd->summary, *cmd->options ? "\n" : "", cmd->options);
}

/* The message has been printed. */
static int usage_error(const struct command *cmd)
{
	fprintf(stderr, "Try \"xenib help %s\".\n", cmd->name);
	return EXIT_USAGE;
}

/* A number in min .. max, with a message when it is none. Returns 0 or -1. */
static int get_number(const char *option, const char *text,
		      unsigned long min, unsigned long max,
		      unsigned long *value)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long n = 0;

	errno = 0;
	if (digits && !text[digits])
		n = strtoul(text, NULL, 10);
	if (!digits || text[digits] || errno || n < min || n > max) {
		fprintf(stderr, "xenib: --%s: \"%s\" is not a number in %lu .. %lu\n",
			option, text, min, max);
		return -1;
	}
	*value = n;
	return 0;
}

/* At least @min and at most @max operands are left after the options. */
static int check_operands(int argc, char **argv, int min, int max)
{
	int n = argc - optind;

	if (n < min)
		fprintf(stderr, "xenib %s: DOMAIN is missing\n", argv[0]);
	else if (n > max)
		fprintf(stderr, "xenib %s: too many arguments: %s\n", argv[0],
			argv[optind + max]);
	return n < min || n > max ? -1 : 0;
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

/* Says what has failed, and releases the handle. */
static int failed(struct xenib *xn)
{
	bool hint = errno == EPERM || errno == EACCES;

	fprintf(stderr, "xenib: %s%s\n", xenib_error(xn),
		hint ? " (only root in dom0 may do this)" : "");
	xenib_close(xn);
	return EXIT_FAILURE;
}

/* Values of options without a letter; quotas follow in a row from the last */
enum {
	OPT_HCA = 256,
	OPT_DEVID,
	OPT_TIMEOUT,
	OPT_WAIT,
	OPT_FORCE,
	OPT_GUID,
	OPT_NODE_GUID,
	OPT_PKEYS,
	OPT_IPS,
	OPT_QUOTA,
};

struct attach_options {
	struct xenib_attach_args args;
	bool help;
};

/* Returns 0, or -1 with a message printed. */
static int parse_attach(int argc, char **argv, struct attach_options *o)
{
	struct option options[10 + XENIB_NR_QUOTAS] = {
		{ "help", no_argument, NULL, 'h' },
		{ "hca", required_argument, NULL, OPT_HCA },
		{ "devid", required_argument, NULL, OPT_DEVID },
		{ "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "wait", no_argument, NULL, OPT_WAIT },
		{ "guid", required_argument, NULL, OPT_GUID },
		{ "node-guid", required_argument, NULL, OPT_NODE_GUID },
		{ "pkeys", required_argument, NULL, OPT_PKEYS },
		{ "ips", required_argument, NULL, OPT_IPS },
	};
	unsigned long n, max;
	int i, opt, index;

	for (i = 0; i < XENIB_NR_QUOTAS; i++)
		options[9 + i] = (struct option){ xenib_quota_name(i),
			required_argument, NULL, OPT_QUOTA + i };

	while ((opt = getopt_long(argc, argv, "h", options, &index)) != -1) {
		switch (opt) {
		case 'h':
			o->help = true;
			return 0;
		case OPT_HCA:
			o->args.hca = optarg;
			break;
		case OPT_DEVID:
			if (get_number("devid", optarg, 0, XENIB_MAX_DEVID, &n))
				return -1;
			o->args.devid = n;
			break;
		case OPT_TIMEOUT:
			if (get_number("timeout", optarg, 1, MAX_TIMEOUT, &n))
				return -1;
			o->args.timeout_ms = n * 1000;
			break;
		case OPT_WAIT:
			o->args.wait = 1;
			break;
		case OPT_GUID:
			if (get_guid(optarg, o->args.port))
				return -1;
			break;
		case OPT_NODE_GUID:
			if (get_node_guid(optarg, &o->args.node_guid))
				return -1;
			break;
		case OPT_PKEYS:
			if (get_pkeys(optarg, o->args.port))
				return -1;
			break;
		case OPT_IPS:
			if (get_ips(optarg, &o->args))
				return -1;
			break;
		case '?':
			return -1;
		default:
			i = opt - OPT_QUOTA;
			max = i == XENIB_QUOTA_CONTEXT ? XENIB_MAX_CONTEXTS :
							  XENIB_MAX_QUOTA;
			if (get_number(options[index].name, optarg, 1, max, &n))
				return -1;
			o->args.quota[i] = n;
		}
	}
	return check_operands(argc, argv, 1, 1);
}

static int cmd_attach(const struct command *cmd, int argc, char **argv)
{
	struct attach_options o = {
		.args = { .timeout_ms = XENIB_DEFAULT_TIMEOUT },
	};
	struct xenib *xn;

	if (parse_attach(argc, argv, &o))
		return usage_error(cmd);
	if (o.help) {
		print_command_usage(stdout, cmd);
		return EXIT_SUCCESS;
	}
	xn = open_library();
	if (!xn)
		return EXIT_FAILURE;
	if (xenib_domain(xn, argv[optind], &o.args.domid) ||
	    xenib_attach(xn, &o.args))
		return failed(xn);
	if (*xenib_warning(xn))
		fprintf(stderr, "xenib: warning: %s\n", xenib_warning(xn));
	xenib_close(xn);
	return EXIT_SUCCESS;
}

static int cmd_detach(const struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "devid", required_argument, NULL, OPT_DEVID },
		{ "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "force", no_argument, NULL, OPT_FORCE },
		{ 0 },
	};
	unsigned long devid = 0, timeout = XENIB_DEFAULT_TIMEOUT / 1000;
	unsigned int flags = 0;
	struct xenib *xn;
	uint32_t domid;
	int opt, rc = 0;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'h':
			print_command_usage(stdout, cmd);
			return EXIT_SUCCESS;
		case OPT_DEVID:
			rc = get_number("devid", optarg, 0, UINT32_MAX, &devid);
			break;
		case OPT_TIMEOUT:
			rc = get_number("timeout", optarg, 1, MAX_TIMEOUT,
					&timeout);
			break;
		case OPT_FORCE:
			flags |= XENIB_DETACH_FORCE;
			break;
		default:
			rc = -1;
		}
		if (rc)
			return usage_error(cmd);
	}
	if (check_operands(argc, argv, 1, 1))
		return usage_error(cmd);
	xn = open_library();
	if (!xn)
		return EXIT_FAILURE;
	if (xenib_domain(xn, argv[optind], &domid) ||
	    xenib_detach(xn, domid, devid, flags, timeout * 1000))
		return failed(xn);
	xenib_close(xn);
	return EXIT_SUCCESS;
}

/* Print one domain or all. Returns 0 or -1, as the library does. */
static int list(struct xenib *xn, const char *domain,
		void (*print)(FILE *out, const struct listing *list))
{
	uint32_t domid = XENIB_ALL_DOMAINS;
	struct xenib_device *devices;
	struct xenib_value *totals;
	struct listing l = { 0 };
	size_t nr, nr_totals;

	if (domain && xenib_domain(xn, domain, &domid))
		return -1;
	if (xenib_list(xn, domid, &devices, &nr))
		return -1;
	l.devices = devices;
	l.nr_devices = nr;
	/* Without the backend there is nothing to count. */
	if (xenib_totals(xn, &totals, &nr_totals)) {
		if (errno != ENXIO) {
			xenib_list_free(devices, nr);
			return -1;
		}
		totals = NULL;
		nr_totals = 0;
	}
	l.totals = totals;
	l.nr_totals = nr_totals;
	print(stdout, &l);
	xenib_totals_free(totals, nr_totals);
	xenib_list_free(devices, nr);
	return 0;
}

static int cmd_list(const struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "long", no_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	void (*print)(FILE *out, const struct listing *list) = print_table;
	struct xenib *xn;
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
		default:
			return usage_error(cmd);
		}
	}
	if (check_operands(argc, argv, 0, 1))
		return usage_error(cmd);
	xn = open_library();
	if (!xn)
		return EXIT_FAILURE;
	if (list(xn, argv[optind], print))
		return failed(xn);
	xenib_close(xn);
	return EXIT_SUCCESS;
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
