// SPDX-License-Identifier: GPL-2.0-only
/*
 * In place of libFuzzer: runs a fuzzer with the inputs of a corpus. Each is in
 * hexadecimal, on a line of its own and on those behind that begin with a blank.
 * What is behind a # is for people.
 */

#include <ctype.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OCTETS	4096

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
/* The sanitizers', when they are there */
void __sanitizer_set_death_callback(void (*fn)(void)) __attribute__((weak));

static const char *path;
static unsigned int line;

static void broken(const char *what)
{
	fprintf(stderr, "%s:%u: %s\n", path, line, what);
	exit(1);
}

/* The input so far, and the line on which it begins */
static uint8_t octets[MAX_OCTETS];
static size_t len;
static unsigned int nr, first_line;

/* On the heap, so that whoever reads behind its end is found. */
static void run(void)
{
	uint8_t *input;

	if (!len)
		return;
	input = malloc(len);
	memcpy(input, octets, len);
	LLVMFuzzerTestOneInput(input, len);
	free(input);
	len = 0;
	nr++;
}

static void tell(void)
{
	fprintf(stderr, "%s:%u: the input that failed\n", path, first_line);
}

static void aborted(int sig)
{
	(void)sig;
	tell();
}

static void parse(const char *text)
{
	int used;

	for (;;) {
		while (isspace((unsigned char)*text))
			text++;
		if (!*text || *text == '#')
			return;
		used = 0;
		if (len == MAX_OCTETS ||
		    sscanf(text, "%2hhx%n", &octets[len++], &used) != 1 ||
		    used != 2)
			broken("no input");
		text += used;
	}
}

int main(int argc, char **argv)
{
	static char text[4 * MAX_OCTETS];
	FILE *f;

	LLVMFuzzerInitialize(&argc, &argv);
	path = argv[1];
	f = argc == 2 ? fopen(path, "r") : NULL;
	if (!f) {
		fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
		return 2;
	}
	signal(SIGABRT, aborted);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(tell);
	while (fgets(text, sizeof(text), f)) {
		line++;
		if (!isblank((unsigned char)text[0])) {
			run();
			first_line = line;
		}
		parse(text);
	}
	run();
	fclose(f);
	printf("%s: %u inputs\n", path, nr);
	return !nr;
}
