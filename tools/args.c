// SPDX-License-Identifier: GPL-2.0-only
/* args.c - options of "xenib attach" that say what a device is to be */

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

#define PKEY_PARTITION	0x7fff

static int bad(char *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int bad(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, ARGS_WHY, fmt, ap);
	va_end(ap);
	return -1;
}

int args_number(const char *text, unsigned long min, unsigned long max,
		unsigned long *value, char *why)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long n = 0;

	errno = 0;
	if (digits && !text[digits])
		n = strtoul(text, NULL, 10);
	if (!digits || text[digits] || errno || n < min || n > max)
		return bad(why, "\"%s\" is not a number in %lu .. %lu", text,
			   min, max);
	*value = n;
	return 0;
}

/* "PORT=..." or what is for all ports. Returns the rest, or NULL. */
static const char *get_port(const char *text, unsigned int *first,
			    unsigned int *last, char *why)
{
	const char *equals = strchr(text, '=');
	unsigned int port;

	*first = 1;
	*last = XENIB_MAX_PORTS;
	if (!equals)
		return text;
	port = equals == text + 1 ? text[0] - '0' : 0;
	if (port < 1 || port > XENIB_MAX_PORTS) {
		bad(why, "\"%.*s\" is not a port in 1 .. %u",
		    (int)(equals - text), text, XENIB_MAX_PORTS);
		return NULL;
	}
	*first = port;
	*last = port;
	return equals + 1;
}

/* Four groups of four hexadecimal digits, with colons between or without */
static bool parse_guid(const char *text, uint64_t *guid)
{
	bool colons = strchr(text, ':');
	size_t i, len = strlen(text);

	if (len != (colons ? 19 : 16))
		return false;
	*guid = 0;
	for (i = 0; i < len; i++) {
		const char digit[] = { text[i], 0 };

		if (colons && i % 5 == 4) {
			if (text[i] != ':')
				return false;
			continue;
		}
		if (!isxdigit((unsigned char)text[i]))
			return false;
		*guid = *guid << 4 | strtoul(digit, NULL, 16);
	}
	return *guid;
}

static bool parse_from(const char *text, struct xenib_guid *guid)
{
	guid->from = !strcmp(text, "auto") ? XENIB_GUID_AUTO :
		     !strcmp(text, "sm") ? XENIB_GUID_SM :
		     !strcmp(text, "shared") ? XENIB_GUID_SHARED :
		     XENIB_GUID_GIVEN;
	return guid->from != XENIB_GUID_GIVEN;
}

static int set_guid(struct xenib_attach_args *args, const char *text, char *why)
{
	unsigned int first, last, i;
	struct xenib_guid guid = { 0 };
	const char *value = get_port(text, &first, &last, why);

	if (!value)
		return -1;
	if (!parse_from(value, &guid)) {
		if (!parse_guid(value, &guid.guid))
			return bad(why, "\"%s\" is not auto, sm or shared, nor a GUID other than 0 like 0200:1234:5678:9abc",
				   value);
		if (first != last)
			return bad(why, "\"%s\" is not for all ports: a GUID is one port's, as in 1=0200:1234:5678:9abc",
				   value);
	}
	for (i = first; i <= last; i++)
		args->port[i - 1].guid = guid;
	return 0;
}

static int set_node_guid(struct xenib_attach_args *args, const char *text,
			 char *why)
{
	struct xenib_guid *guid = &args->node_guid;

	if (parse_from(text, guid) ? guid->from == XENIB_GUID_SM :
				     !parse_guid(text, &guid->guid))
		return bad(why, "\"%s\" is not auto or shared, nor a GUID other than 0 like 0200:1234:5678:9abc",
			   text);
	return 0;
}

/* One of a list, and on to the next. 010 is ten, as for other options. */
static bool parse_pkey(const char **text, uint16_t *pkey)
{
	int base = strncmp(*text, "0x", 2) ? 10 : 16;
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	n = strtoul(*text, &end, base);
	if (n > UINT16_MAX || !(n & PKEY_PARTITION) || (*end && *end != ','))
		return false;
	*pkey = n;
	*text = *end ? end + 1 : end;
	return *end != ',' || **text;
}

static int set_pkeys(struct xenib_attach_args *args, const char *text,
		     char *why)
{
	struct xenib_attach_port list = { 0 };
	unsigned int first, last, i;
	const char *value = get_port(text, &first, &last, why), *rest;

	if (!value)
		return -1;
	rest = value;
	do {
		if (list.nr_pkeys == XENIB_MAX_PKEYS ||
		    !parse_pkey(&rest, &list.pkey[list.nr_pkeys++]))
			return bad(why, "\"%s\" is not a list of P_Keys in 0x0001 .. 0x7fff (limited member) or 0x8001 .. 0xffff (full member) with commas between, %u at most",
				   value, XENIB_MAX_PKEYS);
	} while (*rest);
	for (i = first; i <= last; i++) {
		memcpy(args->port[i - 1].pkey, list.pkey, sizeof(list.pkey));
		args->port[i - 1].nr_pkeys = list.nr_pkeys;
	}
	return 0;
}

static bool parse_ip(const char *text, uint8_t *ip)
{
	static const uint8_t v4_mapped[12] = { [10] = 0xff, 0xff };

	memcpy(ip, v4_mapped, sizeof(v4_mapped));
	return inet_pton(AF_INET, text, ip + 12) == 1 ||
		inet_pton(AF_INET6, text, ip) == 1;
}

static int set_ips(struct xenib_attach_args *args, const char *text, char *why)
{
	const char *rest = text;
	char one[INET6_ADDRSTRLEN];
	size_t len;

	args->nr_ips = 0;
	do {
		len = strcspn(rest, ",");
		snprintf(one, sizeof(one), "%.*s", (int)len, rest);
		if (args->nr_ips == XENIB_MAX_IPS || len >= sizeof(one) ||
		    !parse_ip(one, args->ip[args->nr_ips++]))
			return bad(why, "\"%s\" is not a list of IP addresses like 10.0.0.1 or fd00::1 with commas between, %u at most",
				   text, XENIB_MAX_IPS);
		rest += len;
	} while (*rest++);
	return 0;
}

static int set_hca(struct xenib_attach_args *args, const char *text, char *why)
{
	if (!*text)
		return bad(why, "there is none");
	args->hca = text;
	return 0;
}

static int set_number(uint32_t *to, const char *text, uint32_t min,
		      uint32_t max, char *why)
{
	unsigned long n;

	if (args_number(text, min, max, &n, why))
		return -1;
	*to = n;
	return 0;
}

static int set_devid(struct xenib_attach_args *args, const char *text,
		     char *why)
{
	return set_number(&args->devid, text, 0, XENIB_MAX_DEVID, why);
}

static int set_mad_rate(struct xenib_attach_args *args, const char *text,
			char *why)
{
	return set_number(&args->mad_rate, text, 1, XENIB_MAX_MAD_RATE, why);
}

static int set_mad_pm(struct xenib_attach_args *args, const char *text,
		      char *why)
{
	args->no_mad_pm = !strcmp(text, "off");
	return args->no_mad_pm || !strcmp(text, "on") ? 0 :
		bad(why, "\"%s\" is not on or off", text);
}

static const struct {
	const char *name;
	int (*set)(struct xenib_attach_args *args, const char *text, char *why);
} settings[] = {
	{ "hca", set_hca },
	{ "devid", set_devid },
	{ "guid", set_guid },
	{ "node-guid", set_node_guid },
	{ "pkeys", set_pkeys },
	{ "ips", set_ips },
	{ "mad-rate", set_mad_rate },
	{ "mad-pm", set_mad_pm },
};

#define NR_SETTINGS	(sizeof(settings) / sizeof(settings[0]))
static_assert(NR_SETTINGS + XENIB_NR_QUOTAS < ARGS_MAX, "room for all options");

const char *args_name(unsigned int i)
{
	return i < NR_SETTINGS ? settings[i].name :
				 xenib_quota_name(i - NR_SETTINGS);
}

bool args_may_repeat(const char *name)
{
	return !strcmp(name, "guid") || !strcmp(name, "pkeys");
}

static int set_quota(struct xenib_attach_args *args, unsigned int quota,
		     const char *text, char *why)
{
	return set_number(&args->quota[quota], text, 1,
			  quota == XENIB_QUOTA_CONTEXT ? XENIB_MAX_CONTEXTS :
							 XENIB_MAX_QUOTA, why);
}

int args_set(struct xenib_attach_args *args, const char *name,
	     const char *value, char *why)
{
	unsigned int i;
	size_t len;

	for (i = 0; args_name(i); i++) {
		if (strcmp(args_name(i), name))
			continue;
		return i < NR_SETTINGS ? settings[i].set(args, value, why) :
			set_quota(args, i - NR_SETTINGS, value, why);
	}
	bad(why, "there is no such thing, only ");
	for (i = 0; args_name(i); i++) {
		len = strlen(why);
		snprintf(why + len, ARGS_WHY - len, "%s%s", i ? ", " : "",
			 args_name(i));
	}
	return -1;
}
