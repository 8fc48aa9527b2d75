/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's MAD area, in place of channel.c, and what a guest says there.
 */
#ifndef AREA_H
#define AREA_H

#include "guest.h"

#define AREA_ORDER	3
#define AREA_DIR	"device/vib/0"
#define NR_TX		VIBIF_MAD_TX_SLOTS(AREA_ORDER)
#define NR_RX		VIBIF_MAD_RX_SLOTS(AREA_ORDER)

/* The subnet manager's LID */
#define AREA_LID	0x123

extern struct area {
	struct vibif_mad_indices indices;
	struct vibif_mad tx[NR_TX];
	struct vibif_mad rx[NR_RX];
} area;

/* How often its event channel was used, either way, and what was wrong */
extern unsigned int area_notified, area_eois;
extern const char *area_rogue;

/* A new area, in the store; the guest notifies. */
void area_reset(void);
void area_notify(void);

/* MADs of a guest: about performance at port 2, */
struct vibif_mad area_question(u8 method, u32 tid);
/* to be in a group, in a partition of its own, */
struct vibif_mad area_membership(struct ibback_dev *dev);
/* to connect a new queue pair */
struct vibif_mad area_cm_request(struct ibback_dev *dev);

#endif /* AREA_H */
