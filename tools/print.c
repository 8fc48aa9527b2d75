// SPDX-License-Identifier: GPL-2.0-only
/* print.c - devices as a table, at length, and as JSON */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "host.h"
#include "print.h"

const struct xenib_value *find_value(const struct xenib_value *values,
				     size_t nr, const char *name)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (!strcmp(values[i].name, name))
			return &values[i];
	return NULL;
}

/*
 * Strings come from others, and guests have a say in some: a terminal, and who
 * reads it, gets printable ASCII only.
 */
static bool is_safe(char c)
{
	return c >= ' ' && c <= '~';
}

void print_text(FILE *out, const char *s, int width)
{
	int n = 0;

	for (; *s; s++, n++)
		fputc(is_safe(*s) ? *s : '?', out);
	for (; n < width; n++)
		fputc(' ', out);
}

void print_table(FILE *out, const struct listing *list)
{
	size_t i;

	fprintf(out, "%-24s %5s %3s %-10s %-13s %-13s %5s\n", "Domain", "ID",
		"Dev", "HCA", "Backend", "Frontend", "UARs");
	for (i = 0; i < list->nr_devices; i++) {
		const struct xenib_device *d = &list->devices[i];

		print_text(out, d->domain ? d->domain : "-", 24);
		fprintf(out, " %5u %3u ", d->domid, d->devid);
		print_text(out, d->hca ? d->hca : "-", 10);
		fprintf(out, " %-13s %-13s %5zu\n",
			xenib_state_name(d->backend_state),
			xenib_state_name(d->frontend_state), d->nr_uars);
	}
}

static void print_uars(FILE *out, const struct xenib_device *d)
{
	size_t i;

	for (i = 0; i < d->nr_uars; i++) {
		const struct xenib_uar *uar = &d->uars[i];

		fprintf(out, "    UAR %-6" PRIu32 " frame %#" PRIx64,
			uar->index, uar->frame);
		if (uar->bf_frame)
			fprintf(out, ", BlueFlame %#" PRIx64, uar->bf_frame);
		if (d->uar_gfn_base)
			fprintf(out, ", guest frame %#" PRIx64,
				d->uar_gfn_base + 2 * i);
		fputc('\n', out);
	}
}

const char *refused_kind(const struct xenib_value *counter)
{
	static const char prefix[] = "refused_";
	size_t len = sizeof(prefix) - 1;

	return strncmp(counter->name, prefix, len) ? NULL : counter->name + len;
}

static uint64_t count_refused(const struct xenib_device *d, const char *kind)
{
	char name[40];
	const struct xenib_value *v;

	snprintf(name, sizeof(name), "refused_%s", kind);
	v = find_value(d->counters, d->nr_counters, name);
	return v ? v->value : 0;
}

/* Shown with a quota, or one of the many refusals that there never were */
static bool is_shown(const struct xenib_value *counter)
{
	const char *name = refused_kind(counter);
	unsigned int q;

	if (name && !counter->value)
		return true;
	if (!name)
		name = counter->name;
	for (q = 0; q < XENIB_NR_QUOTAS; q++)
		if (!strcmp(name, xenib_quota_name(q)))
			return true;
	return false;
}

/*
 * Quotas with their use, and how often there was no more to be had; use without
 * a quota, then everything else.
 */
static void print_numbers(FILE *out, const struct xenib_device *d)
{
	const struct xenib_value *used, *quota;
	uint64_t refused;
	unsigned int q;
	size_t i;

	for (q = 0; q < XENIB_NR_QUOTAS; q++) {
		const char *name = xenib_quota_name(q);

		used = find_value(d->counters, d->nr_counters, name);
		quota = find_value(d->quotas, d->nr_quotas, name);
		if (used)
			fprintf(out, "    %-12s %" PRIu64, name, used->value);
		else if (quota)
			fprintf(out, "    %-12s -", name);
		if (quota)
			fprintf(out, " of %" PRIu64, quota->value);
		refused = count_refused(d, name);
		if ((used || quota) && refused)
			fprintf(out, ", %" PRIu64 " refused", refused);
		if (used || quota)
			fputc('\n', out);
	}
	for (i = 0; i < d->nr_counters; i++)
		if (!is_shown(&d->counters[i]))
			fprintf(out, "    %-12s %" PRIu64 "\n",
				d->counters[i].name, d->counters[i].value);
}

static void print_port(FILE *out, const struct xenib_port *port,
		       unsigned int number)
{
	if (!port->gid_state && !port->guid && !port->pkeys)
		return;
	fprintf(out, "    port %-7u GID ", number);
	print_text(out, port->gid ? port->gid : "-", 0);
	fputs(" (", out);
	print_text(out, port->gid_state ? port->gid_state : "-", 0);
	fputc(')', out);
	if (port->pkeys) {
		fputs(", P_Keys ", out);
		print_text(out, port->pkeys, 0);
	}
	fputc('\n', out);
}

static void print_identity(FILE *out, const struct xenib_device *d)
{
	unsigned int i;

	if (d->node_guid) {
		fputs("    node GUID    ", out);
		print_text(out, d->node_guid, 0);
		fputc('\n', out);
	}
	if (d->ips) {
		fputs("    IP addresses ", out);
		print_text(out, d->ips, 0);
		fputc('\n', out);
	}
	if (d->mad_rate)
		fprintf(out, "    MADs         %u a second\n", d->mad_rate);
	if (d->no_mad_pm)
		fputs("    MADs         no performance counters\n", out);
	for (i = 0; i < XENIB_MAX_PORTS; i++)
		print_port(out, &d->port[i], i + 1);
}

/*
 * What the backend says of its objects: kind, handle, number, of QPs their type
 * and state, what they use
 */
static void print_device_qps(FILE *out, const struct xenib_device *d)
{
	char path[128], line[256], type[16], state[16];
	unsigned int number;
	int used;
	FILE *f;

	snprintf(path, sizeof(path),
		 "%s/kernel/debug/xen-ibback/vib-%u-%u/objects", XENIB_SYSFS,
		 d->domid, d->devid);
	f = fopen(path, "re");
	if (!f) {
		fprintf(stderr, "xenib: note: no queue pairs of device %u of domain %u: cannot read %s: %s\n",
			d->devid, d->domid, path, strerror(errno));
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "QP %*u %x %15s %15s %n", &number, type, state,
			   &used) != 3)
			continue;
		line[strcspn(line, "\n")] = 0;
		fprintf(out, "    QP %-9u %-8s %-5s uses ", number, type,
			state);
		print_text(out, line + used, 0);
		fputc('\n', out);
	}
	fclose(f);
}

static void print_devices(FILE *out, const struct listing *list, bool qps)
{
	size_t i;

	for (i = 0; i < list->nr_devices; i++) {
		const struct xenib_device *d = &list->devices[i];

		print_text(out, d->domain ? d->domain : "-", 0);
		fprintf(out, " (domain %u), device %u:\n", d->domid, d->devid);
		fprintf(out, "    UUID         %s\n", d->uuid ? d->uuid : "-");
		fputs("    HCA          ", out);
		print_text(out, d->hca ? d->hca : "-", 0);
		if (d->hca_guid) {
			fputs(" (guid ", out);
			print_text(out, d->hca_guid, 0);
			fputc(')', out);
		}
		fprintf(out, "\n    backend      %s\n    frontend     %s\n",
			xenib_state_name(d->backend_state),
			xenib_state_name(d->frontend_state));
		if (d->error) {
			fputs("    error        ", out);
			print_text(out, d->error, 0);
			fputc('\n', out);
		}
		print_identity(out, d);
		print_numbers(out, d);
		print_uars(out, d);
		if (qps)
			print_device_qps(out, d);
	}
}

void print_qps(FILE *out, const struct listing *list)
{
	print_devices(out, list, true);
}

void print_show(FILE *out, const struct listing *list)
{
	print_devices(out, list, false);
}

void print_long(FILE *out, const struct listing *list)
{
	size_t i;

	print_devices(out, list, false);
	if (!list->totals)
		return;
	fputs("All guests:\n", out);
	for (i = 0; i < list->nr_totals; i++)
		fprintf(out, "    %-12s %" PRIu64 "\n", list->totals[i].name,
			list->totals[i].value);
}

int get_utf8(const char *s, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const uint8_t *p = (const uint8_t *)s;
	int i, n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

	if (n > 1 && (*p < 0xc2 || *p > 0xf4))
		return 0;
	*c = n == 1 ? *p : *p & (0x7f >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	/* Too long, half of a pair of UTF-16, or beyond the last */
	if (*c < least[n] || (*c & ~0x7ffU) == 0xd800 || *c > 0x10ffff)
		return 0;
	return n;
}

bool is_control(uint32_t c)
{
	return c < ' ' || (c > '~' && c < 0xa0);
}

/*
 * Readers need UTF-8: an octet that is none becomes U+FFFD. Control characters
 * are escaped.
 */
static void json_string(FILE *out, const char *s)
{
	uint32_t c;
	int n;

	if (!s) {
		fputs("null", out);
		return;
	}
	fputc('"', out);
	for (; *s; s += n) {
		n = get_utf8(s, &c);
		if (!n) {
			c = 0xfffd;
			n = 1;
		}
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", *s);
		else if (is_control(c) || c == 0xfffd)
			fprintf(out, "\\u%04x", c);
		else
			fwrite(s, 1, n, out);
	}
	fputc('"', out);
}

static void json_values(FILE *out, const struct xenib_value *values, size_t nr)
{
	size_t i;

	fputc('{', out);
	for (i = 0; i < nr; i++) {
		fputs(i ? ", " : "", out);
		json_string(out, values[i].name);
		fprintf(out, ": %" PRIu64, values[i].value);
	}
	fputc('}', out);
}

static void json_identity(FILE *out, const struct xenib_device *d)
{
	unsigned int i;

	fputs(",\n     \"node_guid\": ", out);
	json_string(out, d->node_guid);
	fputs(", \"ips\": ", out);
	json_string(out, d->ips);
	fputs(", \"ports\": [", out);
	for (i = 0; i < XENIB_MAX_PORTS; i++) {
		const struct xenib_port *port = &d->port[i];

		fprintf(out, "%s{\"guid\": ", i ? ", " : "");
		json_string(out, port->guid);
		fputs(", \"gid\": ", out);
		json_string(out, port->gid);
		fputs(", \"gid_state\": ", out);
		json_string(out, port->gid_state);
		fputs(", \"pkeys\": ", out);
		json_string(out, port->pkeys);
		fputc('}', out);
	}
	fputs("],\n     \"mad_rate\": ", out);
	if (d->mad_rate)
		fprintf(out, "%u", d->mad_rate);
	else
		fputs("null", out);
	fprintf(out, ", \"mad_pm\": %s", d->no_mad_pm ? "false" : "true");
}

static void json_device(FILE *out, const struct xenib_device *d)
{
	size_t i;

	fputs("    {\"domain\": ", out);
	json_string(out, d->domain);
	fputs(", \"uuid\": ", out);
	json_string(out, d->uuid);
	fprintf(out, ", \"domid\": %u, \"devid\": %u,\n     \"hca\": ",
		d->domid, d->devid);
	json_string(out, d->hca);
	fputs(", \"hca_guid\": ", out);
	json_string(out, d->hca_guid);
	fprintf(out, ",\n     \"backend_state\": \"%s\", \"frontend_state\": \"%s\", \"error\": ",
		xenib_state_name(d->backend_state),
		xenib_state_name(d->frontend_state));
	json_string(out, d->error);
	json_identity(out, d);
	fputs(",\n     \"quotas\": ", out);
	json_values(out, d->quotas, d->nr_quotas);
	fputs(",\n     \"counters\": ", out);
	json_values(out, d->counters, d->nr_counters);
	fputs(",\n     \"uar_gfn_base\": ", out);
	if (d->uar_gfn_base)
		fprintf(out, "%" PRIu64, d->uar_gfn_base);
	else
		fputs("null", out);
	fputs(",\n     \"uars\": [", out);
	for (i = 0; i < d->nr_uars; i++)
		fprintf(out, "%s{\"index\": %" PRIu32 ", \"frame\": %" PRIu64
			", \"bf_frame\": %" PRIu64 "}", i ? ", " : "",
			d->uars[i].index, d->uars[i].frame,
			d->uars[i].bf_frame);
	fputs("]}", out);
}

void print_json(FILE *out, const struct listing *list)
{
	size_t i;

	fputs("{\n  \"version\": 1,\n  \"devices\": [", out);
	for (i = 0; i < list->nr_devices; i++) {
		fputs(i ? ",\n" : "\n", out);
		json_device(out, &list->devices[i]);
	}
	fputs("],\n  \"totals\": ", out);
	if (list->totals)
		json_values(out, list->totals, list->nr_totals);
	else
		fputs("null", out);
	fputs("\n}\n", out);
}
