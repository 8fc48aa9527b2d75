/* SPDX-License-Identifier: GPL-2.0-only */
/* ends.h - a backend and guests that answer, or do not, for tests */
#ifndef ENDS_H
#define ENDS_H

/* How the backend behaves */
enum backend {
	BACKEND_GOOD,
	BACKEND_SILENT,		/* as if it hung */
	BACKEND_REFUSES,	/* with an error node */
	BACKEND_FORBIDS,	/* with EACCES */
	BACKEND_CLOSES,		/* without one */
	BACKEND_GARBLED,	/* writes a UAR that is none */
	BACKEND_LATE,		/* with its statistics */
	BACKEND_HOLDS,		/* does not let go of a device without nodes */
};

/* How the guest's driver behaves */
enum guest {
	GUEST_NONE,		/* not loaded */
	GUEST_GOOD,
	GUEST_STUBBORN,		/* connects and never lets go */
	GUEST_CLOSES,		/* instead of connecting */
};

/* Of each device; those of device 0: 1032 0xfe408 0xfe808, 1033 ... */
#define ENDS_UARS	2

/* So often a backend has seen nodes of a device that are not all there. */
extern int ends_remnants;

extern enum backend ends_backend;
extern enum guest ends_guest;

/*
 * fake_reset(), domains 3 "pv" and 4 "pvh" with good guests, and a good backend
 * that serves devices 0 and 1 of both
 */
void ends_reset(void);

#endif /* ENDS_H */
