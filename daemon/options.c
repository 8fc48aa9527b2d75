// SPDX-License-Identifier: GPL-2.0-only
/* options.c - options of "xenib attach" as text */

#include <stdlib.h>
#include <string.h>

#include "xenibd.h"

void options_add(char **options, const char *key, const char *value)
{
	size_t len = *options ? strlen(*options) : 0;
	size_t more = strlen(key) + strlen(value) + sizeof("=\n");

	*options = must(realloc(*options, len + more));
	snprintf(*options + len, more, "%s=%s\n", key, value);
}

bool options_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

char *options_next(const char **rest)
{
	size_t len = strcspn(*rest, "\n");
	char *line;

	if (!**rest)
		return NULL;
	line = must(strndup(*rest, len));
	*rest += len + 1;
	return line;
}

char *options_get(const char *options, const char *key)
{
	size_t len = strlen(key);
	char *found = NULL, *line;

	while ((line = options_next(&options))) {
		if (!strncmp(line, key, len) && line[len] == '=') {
			free(found);
			found = must(strdup(line + len + 1));
		}
		free(line);
	}
	return found;
}

/* If it is not 0 */
static void add_number(char **options, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	if (value)
		options_add(options, name, text);
}

static void add_of_port(char **options, const char *key, unsigned int port,
			const char *value)
{
	char *text;

	if (asprintf(&text, "%u=%s", port, value) < 0)
		text = NULL;
	options_add(options, key, must(text));
	free(text);
}

/* As xenib_attach() writes a GUID that the subnet manager is to choose */
static const char *guid_option(const char *guid)
{
	if (!guid)
		return "shared";
	return strspn(guid, "0:") == strlen(guid) ? "sm" : guid;
}

char *options_of(const struct xenib_device *d)
{
	char *options = must(strdup("")), *hca;
	unsigned int i;
	size_t j;

	if (d->hca_guid) {
		if (asprintf(&hca, "guid:%s", d->hca_guid) < 0)
			hca = NULL;
		options_add(&options, "hca", must(hca));
		free(hca);
	}
	options_add(&options, "node-guid", guid_option(d->node_guid));
	for (i = 0; i < XENIB_MAX_PORTS; i++) {
		add_of_port(&options, "guid", i + 1,
			    guid_option(d->port[i].guid));
		if (d->port[i].pkeys)
			add_of_port(&options, "pkeys", i + 1, d->port[i].pkeys);
	}
	if (d->ips)
		options_add(&options, "ips", d->ips);
	add_number(&options, "mad-rate", d->mad_rate);
	if (d->no_mad_pm)
		options_add(&options, "mad-pm", "off");
	/* None of a kind can be had by other tools only. */
	for (j = 0; j < d->nr_quotas; j++)
		add_number(&options, d->quotas[j].name, d->quotas[j].value);
	return options;
}
