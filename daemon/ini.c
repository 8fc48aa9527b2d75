// SPDX-License-Identifier: GPL-2.0-only
/*
 * ini.c - files of sections, and keys with values
 *
 * Debian's libinih, with which one would read them, is built without line
 * numbers, does not say where a section begins, so that two of a name are one,
 * and cuts lines at 200 octets; a table of P_Keys has up to 900.
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "xenibd.h"

#define MAX_SIZE	65536

void ini_error(struct ini *ini, const char *fmt, ...)
{
	char text[2560];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ini->errors++;
	say(LOG_ERR, "%s:%u: %s", ini->path, ini->line, text);
}

FILE *ini_open(struct ini *ini)
{
	/* A FIFO must not stop us, nor a link lead us to somebody's file. */
	int fd = open(ini->path,
		      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int saved_errno = errno;
	struct stat st;
	FILE *f;

	if (fd < 0 && saved_errno == ENOENT)
		return NULL;
	if (fd < 0 || fstat(fd, &st)) {
		say(LOG_ERR, "%s: ignored: %s", ini->path,
		    saved_errno == ELOOP ? "a symbolic link" :
		    strerror(saved_errno));
	} else if (!S_ISREG(st.st_mode)) {
		say(LOG_ERR, "%s: ignored: no plain file", ini->path);
	} else if (st.st_uid != geteuid() || st.st_mode & 0022) {
		say(LOG_ERR, "%s: ignored: it has to be root's, and writable for nobody else",
		    ini->path);
	} else if (st.st_size > MAX_SIZE) {
		say(LOG_ERR, "%s: ignored: it has more than %u octets",
		    ini->path, MAX_SIZE);
	} else {
		f = fdopen(fd, "r");
		return must(f);
	}
	if (fd >= 0)
		close(fd);
	errno = EPERM;
	return NULL;
}

/* Cut blanks off both ends of a text of which @end is the end. */
static char *trim(char *text, char *end)
{
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = 0;
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

static void read_line(struct ini *ini, char *line,
		      const struct ini_reader *reader, void *ctx,
		      bool *in_section)
{
	size_t len = strlen(line);
	char *equals;

	if (!*line || *line == '#' || *line == ';')
		return;
	if (*line == '[') {
		*in_section = true;
		if (line[len - 1] != ']') {
			ini_error(ini, "\"%s\" does not end with ]", line);
			reader->section(ctx, ini, NULL);
			return;
		}
		reader->section(ctx, ini, trim(line + 1, line + len - 1));
		return;
	}
	equals = strchr(line, '=');
	if (!equals || equals == line) {
		ini_error(ini, "\"%s\" is neither [SECTION] nor KEY = VALUE, nor a comment with # or ; before it",
			  line);
		return;
	}
	if (!*in_section) {
		ini_error(ini, "\"%s\" stands before the first [SECTION]",
			  line);
		return;
	}
	len = strlen(equals + 1);
	reader->key(ctx, ini, trim(line, equals),
		    trim(equals + 1, equals + 1 + len));
}

void ini_read(FILE *f, struct ini *ini, const struct ini_reader *reader,
	      void *ctx)
{
	bool in_section = false;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, f)) >= 0) {
		ini->line++;
		if (strlen(line) != (size_t)len)
			ini_error(ini, "an octet is 0: this is no text");
		else
			read_line(ini, trim(line, line + len), reader, ctx,
				  &in_section);
	}
	if (ferror(f))
		ini_error(ini, "cannot read on: %s", strerror(errno));
	free(line);
	fclose(f);
}
