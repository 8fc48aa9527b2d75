// SPDX-License-Identifier: GPL-2.0-only
/* files.c - see files.h */

#include <setjmp.h>
#include <stdarg.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "files.h"

char files_top[64];
char files_said[65536];

static struct settings settings;
static bool loaded;
static FILE *heard;
static int saved = -1;

/* libxenib has it, of which there is no more here. */
const char *xenib_quota_name(unsigned int quota)
{
	static const char *const names[] = {
		"contexts", "pds", "mrs", "pages", "cqs", "qps", "srqs",
		"mcast", "mws", "xrcds", NULL
	};

	return names[quota];
}

static void make(const char *name)
{
	char *path = files_path(name);

	assert_int_equal(mkdir(path, 0755), 0);
	free(path);
}

int files_setup(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	strcpy(files_top, "/tmp/xenibd-unit-XXXXXX");
	assert_non_null(mkdtemp(files_top));
	make("etc");
	make("run");
	make("devices");
	return 0;
}

static int unlink_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int files_teardown(void **state)
{
	(void)state;
	if (saved >= 0)
		files_heard();
	if (loaded)
		settings_free(&settings);
	loaded = false;
	return nftw(files_top, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
}

char *files_path(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", files_top, name) > 0);
	return path;
}

void files_write(const char *name, const char *text)
{
	char *path = files_path(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	free(path);
	files_mode(name, 0644);
}

void files_mode(const char *name, unsigned int mode)
{
	char *path = files_path(name);

	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

void files_rm(const char *name)
{
	char *path = files_path(name);

	assert_int_equal(unlink(path), 0);
	free(path);
}

void files_hush(void)
{
	heard = tmpfile();
	saved = dup(STDERR_FILENO);
	assert_true(heard && saved >= 0);
	assert_true(dup2(fileno(heard), STDERR_FILENO) >= 0);
}

void files_heard(void)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
	saved = -1;
	rewind(heard);
	files_said[fread(files_said, 1, sizeof(files_said) - 1, heard)] = 0;
	fclose(heard);
}

struct settings *files_load(void)
{
	char *conf = files_path("xenib.conf");
	char *dirs[] = { files_path("etc"), files_path("run"), NULL };

	if (loaded)
		settings_free(&settings);
	files_hush();
	settings_load(&settings, conf, (const char *const *)dirs,
		      FILES_PAGES);
	files_heard();
	loaded = true;
	free(conf);
	free(dirs[0]);
	free(dirs[1]);
	return &settings;
}

void files_assert_said(const char *words)
{
	if (!strstr(files_said, words))
		fail_msg("\"%s\" does not say \"%s\"", files_said, words);
}
