// SPDX-License-Identifier: GPL-2.0-only
/* args.c - arguments of "xenib attach" that say who a guest is */

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

#define PKEY_PARTITION	0x7fff

static int bad(const char *option, const char *text, const char *wanted)
{
	fprintf(stderr, "xenib: --%s: \"%s\" is not %s\n", option, text,
		wanted);
	return -1;
}

/* "PORT=..." or what is for all ports. Returns the rest, or NULL. */
static const char *get_port(const char *option, const char *text,
			    unsigned int *first, unsigned int *last)
{
	const char *equals = strchr(text, '=');
	unsigned int port;

	*first = 1;
	*last = XENIB_MAX_PORTS;
	if (!equals)
		return text;
	port = equals == text + 1 ? text[0] - '0' : 0;
	if (port < 1 || port > XENIB_MAX_PORTS) {
		fprintf(stderr, "xenib: --%s: \"%.*s\" is not a port in 1 .. %u\n",
			option, (int)(equals - text), text, XENIB_MAX_PORTS);
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

int get_guid(const char *text, struct xenib_attach_port *ports)
{
	unsigned int first, last, i;
	struct xenib_guid guid = { 0 };
	const char *value = get_port("guid", text, &first, &last);

	if (!value)
		return -1;
	if (!parse_from(value, &guid)) {
		if (!parse_guid(value, &guid.guid))
			return bad("guid", value,
				   "auto, sm or shared, nor a GUID other than 0 like 0200:1234:5678:9abc");
		if (first != last)
			return bad("guid", value,
				   "for all ports: a GUID is one port's, as in 1=0200:1234:5678:9abc");
	}
	for (i = first; i <= last; i++)
		ports[i - 1].guid = guid;
	return 0;
}

int get_node_guid(const char *text, struct xenib_guid *guid)
{
	if (parse_from(text, guid) ? guid->from == XENIB_GUID_SM :
				     !parse_guid(text, &guid->guid))
		return bad("node-guid", text,
			   "auto or shared, nor a GUID other than 0 like 0200:1234:5678:9abc");
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

int get_pkeys(const char *text, struct xenib_attach_port *ports)
{
	struct xenib_attach_port list = { 0 };
	unsigned int first, last, i;
	const char *value = get_port("pkeys", text, &first, &last), *rest;

	if (!value)
		return -1;
	rest = value;
	do {
		if (list.nr_pkeys == XENIB_MAX_PKEYS ||
		    !parse_pkey(&rest, &list.pkey[list.nr_pkeys++])) {
			fprintf(stderr, "xenib: --pkeys: \"%s\" is not a list of P_Keys in 0x0001 .. 0x7fff (limited member) or 0x8001 .. 0xffff (full member) with commas between, %u at most\n",
				value, XENIB_MAX_PKEYS);
			return -1;
		}
	} while (*rest);
	for (i = first; i <= last; i++) {
		memcpy(ports[i - 1].pkey, list.pkey, sizeof(list.pkey));
		ports[i - 1].nr_pkeys = list.nr_pkeys;
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

int get_ips(const char *text, struct xenib_attach_args *args)
{
	const char *rest = text;
	char one[INET6_ADDRSTRLEN];
	size_t len;

	args->nr_ips = 0;
	do {
		len = strcspn(rest, ",");
		snprintf(one, sizeof(one), "%.*s", (int)len, rest);
		if (args->nr_ips == XENIB_MAX_IPS || len >= sizeof(one) ||
		    !parse_ip(one, args->ip[args->nr_ips++])) {
			fprintf(stderr, "xenib: --ips: \"%s\" is not a list of IP addresses like 10.0.0.1 or fd00::1 with commas between, %u at most\n",
				text, XENIB_MAX_IPS);
			return -1;
		}
		rest += len;
	} while (*rest++);
	return 0;
}
