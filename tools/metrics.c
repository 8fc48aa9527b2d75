// SPDX-License-Identifier: GPL-2.0-only
/* metrics.c - devices for Prometheus, in its text format 0.0.4 */

#include <inttypes.h>
#include <string.h>

#include "host.h"
#include "print.h"

/* Counters of the backend, of each device */
static const struct metric {
	const char *counter;
	const char *name;
	const char *help;
} counters[] = {
	{ "requests", "xenib_requests_total", "Requests of the guest" },
	{ "errors", "xenib_errors_total", "Requests that failed" },
	{ "events", "xenib_events_total", "Events reported to the guest" },
	{ "event_ns", "xenib_event_seconds_total",
	  "Time of a processor that the events took" },
	{ "throttled", "xenib_throttled_seconds_total",
	  "Seconds in which the guest was over its event budget" },
	{ "mad_tx", "xenib_mad_transmit_total",
	  "Management datagrams sent for the guest" },
	{ "mad_rx", "xenib_mad_receive_total",
	  "Management datagrams delivered to the guest" },
	{ "mad_refused", "xenib_mad_refused_total",
	  "Management datagrams that are not for guests to send" },
	{ "mad_dropped", "xenib_mad_dropped_total",
	  "Management datagrams that were lost" },
	{ "rx_octets", "xenib_receive_bytes_total",
	  "Bytes that the HCA received for the guest" },
	{ "rx_packets", "xenib_receive_packets_total",
	  "Packets that the HCA received for the guest" },
	{ "tx_octets", "xenib_transmit_bytes_total",
	  "Bytes that the HCA sent for the guest" },
	{ "tx_packets", "xenib_transmit_packets_total",
	  "Packets that the HCA sent for the guest" },
};

/* What the backend has over all guests, and is not the sum of theirs */
static const struct metric host_gauges[] = {
	{ "devices", "xenib_devices", "Devices that the backend serves" },
	{ "grants", "xenib_grants",
	  "Pages of guests that are mapped, each with a maptrack entry" },
	{ "uars", "xenib_doorbell_pages",
	  "Doorbell pages reserved, also of guests without a device" },
	{ "stuck", "xenib_stuck", "Objects that the HCA did not give up" },
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static void begin(FILE *out, const char *name, const char *type,
		  const char *help)
{
	fprintf(out, "# HELP %s %s.\n# TYPE %s %s\n", name, help, name, type);
}

/* A domain names itself, and Prometheus refuses all for one bad octet. */
static void print_label(FILE *out, const char *name, const char *value)
{
	uint32_t c;
	int n;

	fprintf(out, "%s=\"", name);
	for (; *value; value += n) {
		n = get_utf8(value, &c);
		if (c == '"' || c == '\\') {
			fprintf(out, "\\%c", *value);
		} else if (n && !is_control(c)) {
			fwrite(value, 1, n, out);
		} else {
			fputs("\xef\xbf\xbd", out);
			n = n ? n : 1;
		}
	}
	fputc('"', out);
}

/*
 * The id tells apart guests of the same name or UUID, of which there can be
 * two for a while. The sample goes on after this.
 */
static void begin_sample(FILE *out, const char *name,
			 const struct xenib_device *d)
{
	fprintf(out, "%s{", name);
	print_label(out, "domain", d->domain ? d->domain : "");
	fprintf(out, ",domid=\"%u\",devid=\"%u\"", d->domid, d->devid);
}

static void print_info(FILE *out, const struct listing *list)
{
	size_t i;

	begin(out, "xenib_device_info", "gauge", "A device and its states");
	for (i = 0; i < list->nr_devices; i++) {
		const struct xenib_device *d = &list->devices[i];

		begin_sample(out, "xenib_device_info", d);
		fprintf(out, ",uuid=\"%s\",", d->uuid ? d->uuid : "");
		print_label(out, "hca", d->hca ? d->hca : "");
		fprintf(out, ",backend=\"%s\",frontend=\"%s\"} 1\n",
			xenib_state_name(d->backend_state),
			xenib_state_name(d->frontend_state));
	}
}

static void print_used(FILE *out, const struct xenib_device *d,
		       const char *name, const struct xenib_value *values,
		       size_t nr)
{
	const struct xenib_value *v;
	unsigned int q;

	for (q = 0; q < XENIB_NR_QUOTAS; q++) {
		v = find_value(values, nr, xenib_quota_name(q));
		if (!v)
			continue;
		begin_sample(out, name, d);
		fprintf(out, ",resource=\"%s\"} %" PRIu64 "\n", v->name,
			v->value);
	}
}

static void print_resources(FILE *out, const struct listing *list)
{
	size_t i;

	begin(out, "xenib_used", "gauge", "What the guest holds");
	for (i = 0; i < list->nr_devices; i++)
		print_used(out, &list->devices[i], "xenib_used",
			   list->devices[i].counters,
			   list->devices[i].nr_counters);
	begin(out, "xenib_quota", "gauge", "What the guest may hold");
	for (i = 0; i < list->nr_devices; i++)
		print_used(out, &list->devices[i], "xenib_quota",
			   list->devices[i].quotas,
			   list->devices[i].nr_quotas);
}

static void print_counter(FILE *out, const struct listing *list,
			  const struct metric *m)
{
	const struct xenib_value *v;
	size_t i;

	begin(out, m->name, "counter", m->help);
	for (i = 0; i < list->nr_devices; i++) {
		const struct xenib_device *d = &list->devices[i];

		v = find_value(d->counters, d->nr_counters, m->counter);
		if (!v)
			continue;
		begin_sample(out, m->name, d);
		if (!strcmp(m->counter, "event_ns"))
			fprintf(out, "} %" PRIu64 ".%09" PRIu64 "\n",
				v->value / 1000000000, v->value % 1000000000);
		else
			fprintf(out, "} %" PRIu64 "\n", v->value);
	}
}

static void print_refused(FILE *out, const struct listing *list)
{
	static const char name[] = "xenib_refused_total";
	const char *kind;
	size_t i, j;

	begin(out, name, "counter", "What a limit kept the guest from");
	for (i = 0; i < list->nr_devices; i++) {
		const struct xenib_device *d = &list->devices[i];

		for (j = 0; j < d->nr_counters; j++) {
			kind = refused_kind(&d->counters[j]);
			if (!kind)
				continue;
			begin_sample(out, name, d);
			fprintf(out, ",kind=\"%s\"} %" PRIu64 "\n", kind,
				d->counters[j].value);
		}
	}
}

void print_metrics(FILE *out, const struct listing *list)
{
	const struct xenib_value *v;
	uint64_t limit;
	size_t i;

	begin(out, "xenib_backend_up", "gauge", "xen-ibback is loaded");
	fprintf(out, "xenib_backend_up %d\n", !!list->totals);
	print_info(out, list);
	print_resources(out, list);
	for (i = 0; i < ARRAY_SIZE(counters); i++)
		print_counter(out, list, &counters[i]);
	print_refused(out, list);
	for (i = 0; i < ARRAY_SIZE(host_gauges); i++) {
		v = find_value(list->totals, list->nr_totals,
			       host_gauges[i].counter);
		if (!v)
			continue;
		begin(out, host_gauges[i].name, "gauge", host_gauges[i].help);
		fprintf(out, "%s %" PRIu64 "\n", host_gauges[i].name, v->value);
	}
	if (maptrack_limit(&limit))
		return;
	begin(out, "xenib_maptrack_limit", "gauge",
	      "Maptrack entries that this domain can have");
	fprintf(out, "xenib_maptrack_limit %" PRIu64 "\n", limit);
}
