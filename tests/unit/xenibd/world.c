// SPDX-License-Identifier: GPL-2.0-only
/*
 * world.c - what Xen says, from a file "world": a line for each domain, with
 * its id, UUID, name or -, state (runs, reboots or off) and devices, each as
 * NUMBER:OPTION,OPTION...
 */

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "../../../tools/host.h"
#include "xenibd.h"

struct world {
	int fd;
};

struct world *world_open(void)
{
	struct world *w = must(calloc(1, sizeof(*w)));

	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (inotify_add_watch(w->fd, ".", IN_MOVED_TO) < 0)
		abort();
	return w;
}

int maptrack_limit(uint64_t *entries)
{
	(void)entries;
	return -1;
}

int world_fd(const struct world *w)
{
	return w->fd;
}

enum world_event world_event(struct world *w)
{
	char events[4096];

	while (read(w->fd, events, sizeof(events)) > 0)
		;
	return WORLD_DOMAINS;
}

static void read_device(struct domain *d, char *text)
{
	char *options = NULL, *option, *save;
	unsigned int devid = strtoul(text, &text, 10);

	for (option = strtok_r(text + 1, ",", &save); option;
	     option = strtok_r(NULL, ",", &save)) {
		char *value = strchr(option, '=');

		*value++ = 0;
		options_add(&options, option, value);
	}
	d->devices = must(reallocarray(d->devices, d->nr_devices + 1,
				       sizeof(*d->devices)));
	d->devices[d->nr_devices++] = (struct attached){
		devid, true, options ? options : must(strdup(""))
	};
}

static void read_domain(struct domain *d, char *line)
{
	char *save, *word;

	memset(d, 0, sizeof(*d));
	d->domid = strtoul(strtok_r(line, " \n", &save), NULL, 10);
	strcpy(d->uuid, strtok_r(NULL, " \n", &save));
	d->name = must(strdup(strtok_r(NULL, " \n", &save)));
	word = strtok_r(NULL, " \n", &save);
	d->ended = strcmp(word, "runs");
	d->restarts = !strcmp(word, "reboots");
	while ((word = strtok_r(NULL, " \n", &save)))
		read_device(d, word);
}

ssize_t world_read(struct world *w, struct domain **domains)
{
	FILE *f = fopen("world", "r");
	char line[512];
	size_t nr = 0;

	(void)w;
	if (!f)
		return -1;
	*domains = must(calloc(8, sizeof(**domains)));
	while (fgets(line, sizeof(line), f))
		read_domain(&(*domains)[nr++], line);
	fclose(f);
	return nr;
}
