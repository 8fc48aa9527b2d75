/* SPDX-License-Identifier: GPL-2.0-only */
/* files.h - settings in a directory of their own, and what is said of them */
#ifndef FILES_H
#define FILES_H

#include "xenibd.h"

/* The directory; xenib.conf, etc/ and run/ are in it. */
extern char files_top[64];

/* What has been said since files_load() began or files_hush() */
extern char files_said[65536];

/* Make the directories, and remove all again: setup and teardown of a test. */
int files_setup(void **state);
int files_teardown(void **state);

/* Write a file below it: "run/web1.conf". */
void files_write(const char *name, const char *text);
void files_mode(const char *name, unsigned int mode);
void files_rm(const char *name);
char *files_path(const char *name);

/* What there is room for, unless xenib.conf says otherwise */
#define FILES_PAGES	1000

/* Read the settings; they are the ones that files_teardown() releases. */
struct settings *files_load(void);

/* Keep what is said, up to files_heard(). */
void files_hush(void);
void files_heard(void);

/* They have been said: @words. */
void files_assert_said(const char *words);

#endif /* FILES_H */
