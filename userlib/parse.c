// SPDX-License-Identifier: LGPL-2.1-only
/* parse.c - what nodes and arguments may hold, and where UARs go */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

/*
 * One number at *@s, moving it on. strtoull() alone would take blanks and a
 * sign; a base prefix is allowed where the base has one.
 */
static int take_number(const char **s, int base, uint64_t max, uint64_t *value)
{
	unsigned long long n;
	char *end;

	if (!(base == 16 ? isxdigit((unsigned char)**s) :
			   isdigit((unsigned char)**s)))
		return -1;
	errno = 0;
	n = strtoull(*s, &end, base);
	if (errno || n > max)
		return -1;
	*s = end;
	*value = n;
	return 0;
}

int parse_number(const char *s, int base, uint64_t max, uint64_t *value)
{
	uint64_t n;

	if (take_number(&s, base, max, &n) || *s)
		return -1;
	*value = n;
	return 0;
}

int parse_uar(const char *s, struct xenib_uar *uar)
{
	uint64_t index, frame, bf_frame;

	if (take_number(&s, 10, UINT32_MAX, &index) || *s++ != ' ' ||
	    take_number(&s, 16, VIBIF_MAX_FRAME, &frame) || *s++ != ' ' ||
	    take_number(&s, 16, VIBIF_MAX_FRAME, &bf_frame) || *s || !frame)
		return -1;
	uar->index = index;
	uar->frame = frame;
	uar->bf_frame = bf_frame;
	return 0;
}

int parse_error(const char *s, const char **text)
{
	const char *p = s;
	uint64_t err;

	if (take_number(&p, 10, 4095, &err) || !err || *p != ' ') {
		*text = s;
		return EPROTO;
	}
	*text = p + 1;
	return err;
}

int parse_guid(const char *s, uint64_t *guid)
{
	char digits[17] = "";
	uint64_t n;
	size_t i;

	if (strchr(s, ':')) {
		if (strlen(s) != 19)
			return -1;
		for (i = 0; i < 19; i++) {
			if (i % 5 == 4 ? s[i] != ':' :
					 !isxdigit((unsigned char)s[i]))
				return -1;
			if (i % 5 != 4)
				digits[i - i / 5] = s[i];
		}
		s = digits;
	}
	if (parse_number(s, 16, UINT64_MAX, &n) || !n)
		return -1;
	*guid = n;
	return 0;
}

int parse_uuid(const char *s, xen_domain_handle_t uuid)
{
	bool hyphens = strchr(s, '-');
	char octet[3] = "";
	size_t i;

	for (i = 0; i < sizeof(xen_domain_handle_t); i++) {
		if (hyphens && (i == 4 || i == 6 || i == 8 || i == 10) &&
		    *s++ != '-')
			return -1;
		if (!isxdigit((unsigned char)s[0]) ||
		    !isxdigit((unsigned char)s[1]))
			return -1;
		octet[0] = *s++;
		octet[1] = *s++;
		uuid[i] = strtoul(octet, NULL, 16);
	}
	return *s ? -1 : 0;
}

bool valid_hca_name(const char *s)
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:");

	/* The kernel's names have up to 63 characters. */
	return len && len < 64 && !s[len] && s[0] != '.';
}

/*
 * RAM ends below 4 GiB + max_pages, whatever its layout and however far the
 * guest balloons up. A gap of at least 1 GiB keeps clear of what a guest puts
 * right behind its RAM; every device has a slot of fixed size, so that it
 * does not matter in which order devices come and go.
 */
uint64_t choose_gfn_base(uint64_t max_pages, unsigned int gpaddr_bits,
			 uint32_t devid)
{
	const uint64_t gib = 1ULL << (30 - XC_PAGE_SHIFT);
	const uint64_t slot = VIBIF_FRAMES_PER_UAR * VIBIF_MAX_UARS;
	uint64_t limit, base;

	/* 36 bits is the least that any processor with hvm support has */
	if (gpaddr_bits < 36)
		gpaddr_bits = 36;
	if (gpaddr_bits > 52)
		gpaddr_bits = 52;
	limit = 1ULL << (gpaddr_bits - XC_PAGE_SHIFT);
	if (max_pages > limit)
		return 0;
	base = (4 * gib + max_pages + gib - 1) / gib * gib + gib;
	base += devid * slot;
	return base + slot <= limit ? base : 0;
}
