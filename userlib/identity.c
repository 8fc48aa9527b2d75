// SPDX-License-Identifier: LGPL-2.1-only
/* identity.c - who a guest is on the fabric: GUIDs, P_Keys, IP addresses */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define PKEY_PARTITION	0x7fff

/* Bits of the first octet of an EUI-64 */
#define LOCAL		(1ULL << 57)
#define GROUP		(1ULL << 56)

/*
 * FNV-1a, and a last turn so that each bit depends on all. To change it would
 * give all guests other GUIDs.
 */
uint64_t make_guid(const xen_domain_handle_t uuid, uint32_t devid,
		   uint32_t port)
{
	const uint8_t number[] = { devid, port };
	uint64_t h = 0xcbf29ce484222325ULL;
	size_t i;

	for (i = 0; i < sizeof(xen_domain_handle_t) + sizeof(number); i++) {
		h ^= i < sizeof(xen_domain_handle_t) ? uuid[i] :
			number[i - sizeof(xen_domain_handle_t)];
		h *= 0x100000001b3ULL;
	}
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdULL;
	h ^= h >> 33;
	return (h & ~GROUP) | LOCAL;
}

static int check_guid(struct xenib *xn, const char *of,
		      const struct xenib_guid *guid)
{
	if ((unsigned int)guid->from > XENIB_GUID_SHARED)
		return fail(xn, EINVAL, "no such source of the GUID of %s: %u",
			    of, guid->from);
	if (guid->from == XENIB_GUID_GIVEN && !guid->guid)
		return fail(xn, EINVAL, "the GUID of %s is 0", of);
	return 0;
}

static int check_port(struct xenib *xn, unsigned int number,
		      const struct xenib_attach_port *port)
{
	unsigned int i;
	char of[32];

	snprintf(of, sizeof(of), "port %u", number);
	if (check_guid(xn, of, &port->guid))
		return -1;
	if (port->nr_pkeys > XENIB_MAX_PKEYS)
		return fail(xn, EINVAL, "%u P_Keys of %s are more than %u",
			    port->nr_pkeys, of, XENIB_MAX_PKEYS);
	for (i = 0; i < port->nr_pkeys; i++)
		if (!(port->pkey[i] & PKEY_PARTITION))
			return fail(xn, EINVAL,
				    "%#06x cannot be a P_Key of %s: its lower 15 bits are 0",
				    port->pkey[i], of);
	return 0;
}

static const uint8_t v4_mapped[12] = { [10] = 0xff, 0xff };

static bool is_v4(const uint8_t *ip)
{
	return !memcmp(ip, v4_mapped, sizeof(v4_mapped));
}

/* Something that an interface can have */
static bool is_address(const uint8_t *ip)
{
	static const uint8_t none[16];

	if (is_v4(ip))
		return ip[12] && ip[12] < 0xe0;
	return ip[0] != 0xff && memcmp(ip, none, sizeof(none)) != 0;
}

static const char *ip_text(const uint8_t *ip, char *text, size_t size)
{
	return is_v4(ip) ? inet_ntop(AF_INET, ip + 12, text, size) :
			   inet_ntop(AF_INET6, ip, text, size);
}

static int check_ips(struct xenib *xn, const struct xenib_attach_args *args)
{
	char text[INET6_ADDRSTRLEN];
	unsigned int i;

	if (args->nr_ips > XENIB_MAX_IPS)
		return fail(xn, EINVAL, "%u IP addresses are more than %u",
			    args->nr_ips, XENIB_MAX_IPS);
	for (i = 0; i < args->nr_ips; i++)
		if (!is_address(args->ip[i]))
			return fail(xn, EINVAL,
				    "%s cannot be an IP address of a guest",
				    ip_text(args->ip[i], text, sizeof(text)));
	return 0;
}

int identity_check(struct xenib *xn, const struct xenib_attach_args *args)
{
	unsigned int i;

	if (check_guid(xn, "the device", &args->node_guid))
		return -1;
	if (args->node_guid.from == XENIB_GUID_SM)
		return fail(xn, EINVAL,
			    "the subnet manager chooses no GUID of a device");
	for (i = 0; i < XENIB_MAX_PORTS; i++)
		if (check_port(xn, i + 1, &args->port[i]))
			return -1;
	return check_ips(xn, args);
}

/* With port 0 it is the device's. */
static int write_guid(struct xenib *xn, xs_transaction_t t,
		      const struct device *dev, const char *node, uint32_t port,
		      const struct xenib_guid *guid)
{
	uint64_t n = 0;

	switch (guid->from) {
	case XENIB_GUID_AUTO:
		n = make_guid(dev->uuid, dev->devid, port);
		break;
	case XENIB_GUID_GIVEN:
		n = guid->guid;
		break;
	case XENIB_GUID_SM:
		break;
	default:
		return 0;
	}
	return store_write(xn, t, dev->be, node, "%04x:%04x:%04x:%04x",
			   (unsigned int)(n >> 48),
			   (unsigned int)(n >> 32 & 0xffff),
			   (unsigned int)(n >> 16 & 0xffff),
			   (unsigned int)(n & 0xffff));
}

static int write_pkeys(struct xenib *xn, xs_transaction_t t,
		       const struct device *dev, const char *node,
		       const struct xenib_attach_port *port)
{
	char text[XENIB_MAX_PKEYS * sizeof("0x1234,")] = "";
	size_t len = 0;
	unsigned int i;

	if (!port->nr_pkeys)
		return 0;
	for (i = 0; i < port->nr_pkeys; i++)
		len += sprintf(text + len, "%s0x%04x", i ? "," : "",
			       port->pkey[i]);
	return store_write(xn, t, dev->be, node, "%s", text);
}

static int write_ips(struct xenib *xn, xs_transaction_t t,
		     const struct device *dev,
		     const struct xenib_attach_args *args)
{
	char text[XENIB_MAX_IPS * (INET6_ADDRSTRLEN + 1)] = "";
	size_t len = 0;
	unsigned int i;

	if (!args->nr_ips)
		return 0;
	for (i = 0; i < args->nr_ips; i++) {
		if (i)
			text[len++] = ',';
		ip_text(args->ip[i], text + len, sizeof(text) - len);
		len += strlen(text + len);
	}
	return store_write(xn, t, dev->be, VIBIF_FIELD_IPS, "%s", text);
}

static const char *port_node(char *node, size_t size, const char *field,
			     unsigned int port)
{
	snprintf(node, size, "%s%u", field, port);
	return node;
}

int identity_write(struct xenib *xn, xs_transaction_t t,
		   const struct device *dev,
		   const struct xenib_attach_args *args)
{
	char node[32];
	unsigned int i;

	if (write_guid(xn, t, dev, VIBIF_FIELD_NODE_GUID, 0,
		       &args->node_guid) ||
	    write_ips(xn, t, dev, args))
		return -1;
	for (i = 0; i < XENIB_MAX_PORTS; i++) {
		port_node(node, sizeof(node), VIBIF_FIELD_GUID, i + 1);
		if (write_guid(xn, t, dev, node, i + 1, &args->port[i].guid))
			return -1;
		port_node(node, sizeof(node), VIBIF_FIELD_PKEYS, i + 1);
		if (write_pkeys(xn, t, dev, node, &args->port[i]))
			return -1;
	}
	return 0;
}

static int read_port(struct xenib *xn, const struct device *dev,
		     unsigned int number, struct xenib_port *port)
{
	const struct {
		const char *field;
		char **value;
	} nodes[] = {
		{ VIBIF_FIELD_GUID, &port->guid },
		{ VIBIF_FIELD_GID, &port->gid },
		{ VIBIF_FIELD_GID_STATE, &port->gid_state },
		{ VIBIF_FIELD_PKEYS, &port->pkeys },
	};
	char node[32];
	size_t i;

	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		port_node(node, sizeof(node), nodes[i].field, number);
		if (store_read_optional(xn, dev->be, node, nodes[i].value))
			return -1;
	}
	return 0;
}

int identity_read(struct xenib *xn, const struct device *dev,
		  struct xenib_device *d)
{
	unsigned int i;

	if (store_read_optional(xn, dev->be, VIBIF_FIELD_NODE_GUID,
				&d->node_guid) ||
	    store_read_optional(xn, dev->be, VIBIF_FIELD_IPS, &d->ips))
		return -1;
	for (i = 0; i < XENIB_MAX_PORTS; i++)
		if (read_port(xn, dev, i + 1, &d->port[i]))
			return -1;
	return 0;
}

void identity_free(struct xenib_device *d)
{
	unsigned int i;

	free(d->node_guid);
	free(d->ips);
	for (i = 0; i < XENIB_MAX_PORTS; i++) {
		free(d->port[i].guid);
		free(d->port[i].gid);
		free(d->port[i].gid_state);
		free(d->port[i].pkeys);
	}
}
