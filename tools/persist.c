// SPDX-License-Identifier: GPL-2.0-only
/* persist.c - see persist.h */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "persist.h"
#include "print.h"

/* Who has this for the first line of a file has it changed by us. */
#define MARK	"# Written by xenib attach --persist; xenib detach --persist removes it.\n"

/* With .conf, and what a file of no name yet has more, 255 is the most. */
#define MAX_NAME	240

/* xenibd reads no more of a file. */
#define MAX_SIZE	65536

struct file {
	char path[512];
	char *text;	/* NULL: there is none */
};

static int failed(const char *path, const char *why)
{
	fputs("xenib: ", stderr);
	print_text(stderr, path, 0);
	fprintf(stderr, ": %s\n", why);
	return -1;
}

/*
 * A name must be one of a file, which xenibd reads, and the same in it: not a
 * pattern that other guests fit, nor with what would end its line.
 */
static int check_name(const char *guest)
{
	const char *p;

	for (p = guest; *p; p++)
		if (strchr("/*?[\x7f", *p) || (unsigned char)*p < ' ' ||
		    (*p == ' ' && (p == guest || !p[1])))
			break;
	if (!*p && *guest && *guest != '.' && p - guest <= MAX_NAME)
		return 0;
	fputs("xenib: \"", stderr);
	print_text(stderr, guest, 0);
	fprintf(stderr, "\" cannot be the name of a file of %s: write one by hand, with the guest's UUID\n",
		XENIB_GUESTS_DIR);
	return -1;
}

static int read_text(struct file *file)
{
	FILE *f = fopen(file->path, "re");
	char *text;
	size_t len;

	if (!f)
		return errno == ENOENT ? 0 :
					 failed(file->path, strerror(errno));
	text = calloc(1, MAX_SIZE + 1);
	len = text ? fread(text, 1, MAX_SIZE, f) : 0;
	if (!text || ferror(f)) {
		failed(file->path, strerror(errno));
	} else if (strncmp(text, MARK, strlen(MARK)) || len == MAX_SIZE) {
		failed(file->path,
		       "not written by xenib attach --persist: change it by hand");
	} else {
		file->text = text;
		text = NULL;
	}
	fclose(f);
	free(text);
	return file->text ? 0 : -1;
}

static int file_read(struct file *file, const char *guest)
{
	file->text = NULL;
	if (check_name(guest))
		return -1;
	snprintf(file->path, sizeof(file->path), "%s/%s.conf",
		 XENIB_GUESTS_DIR, guest);
	return read_text(file);
}

/* xenibd never reads a file by half. */
static int file_replace(const struct file *file, const char *text)
{
	char path[600];
	FILE *f;
	int fd;

	/* No .conf, which nobody reads */
	snprintf(path, sizeof(path), "%s.XXXXXX", file->path);
	fd = mkstemp(path);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return failed(file->path, strerror(errno));
	fputs(text, f);
	if (fflush(f) || fchmod(fd, 0644) || fsync(fd) ||
	    rename(path, file->path)) {
		failed(file->path, strerror(errno));
		fclose(f);
		unlink(path);
		return -1;
	}
	fclose(f);
	return 0;
}

/* All of a text of ours but the device of this number. Are others left? */
static bool copy_others(FILE *to, const char *text, uint32_t devid)
{
	bool skip = false, others = false;
	size_t len;

	for (; *text; text += len) {
		unsigned int n;

		len = strcspn(text, "\n");
		len += text[len] == '\n';
		if (*text == '[')
			skip = sscanf(text, "[device] devid = %u", &n) == 1 &&
				n == devid;
		others |= !skip && !strncmp(text, "[device]", 8);
		if (!skip)
			fwrite(text, 1, len, to);
	}
	return others;
}

/* @options: NULL: there is to be no such device */
static int change(const char *guest, uint32_t devid, const char *options)
{
	char *text = NULL;
	struct file file;
	bool any;
	size_t size;
	FILE *f;
	int rc;

	if (file_read(&file, guest))
		return -1;
	if (!file.text && !options)
		return 0;
	f = open_memstream(&text, &size);
	if (!f)
		goto no_memory;
	if (!file.text)
		fprintf(f, MARK "[guest]\nname = %s\n", guest);
	any = copy_others(f, file.text ? file.text : "", devid);
	if (options)
		fprintf(f, "[device]\ndevid = %u\n%s", devid, options);
	if (fclose(f))
		goto no_memory;
	if (any || options)
		rc = file_replace(&file, text);
	else
		rc = unlink(file.path) ? failed(file.path, strerror(errno)) : 0;
	free(text);
	free(file.text);
	return rc;

no_memory:
	free(text);
	free(file.text);
	return failed(file.path, "out of memory");
}

/* One at a time, so that devices that two attach at once are both there. */
static int change_locked(const char *guest, uint32_t devid, const char *options)
{
	int fd = open(XENIB_GUESTS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0 || flock(fd, LOCK_EX))
		rc = failed(XENIB_GUESTS_DIR, strerror(errno));
	else
		rc = change(guest, devid, options);
	if (fd >= 0)
		close(fd);
	return rc;
}

int persist_check(const char *guest)
{
	struct file file;

	if (access(XENIB_GUESTS_DIR, W_OK))
		return failed(XENIB_GUESTS_DIR, strerror(errno));
	if (file_read(&file, guest))
		return -1;
	free(file.text);
	return 0;
}

int persist_add(const char *guest, uint32_t devid, const char *options)
{
	return change_locked(guest, devid, options);
}

int persist_remove(const char *guest, uint32_t devid)
{
	return change_locked(guest, devid, NULL);
}
