/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the objects of fake.c have in common, whoever they are: memory that they
 * use, other objects and doorbell pages that they refer to, events.
 */
#ifndef HW_H
#define HW_H

#include "fake.h"

struct hw {
	struct list_head entry;
	enum fake_kind kind;
	u32 number;
	unsigned int users;
	struct hw *dep[4 + VIBIF_MAX_PORTS];
	unsigned int nr_deps;
	const struct ibback_uar *uar;	/* NULL: none */
	u64 *page;
	u32 nr_pages;
	u64 db;				/* 0: none */
	struct ibback_sink sink;
};

/* Who has which doorbell page */
extern struct hw_uar {
	bool taken;
	bool other;	/* by another user than the backend */
	unsigned int users;
} hw_uars[FAKE_UARS];

/* What each op that can fail does first. Return: 0 or the errno. */
int hw_op(const char *name);

/* A new one, which has a struct hw at its beginning and is all zeros behind */
void *hw_new(enum fake_kind kind, size_t size, u32 *number);
void hw_free(struct hw *hw);
/* One that there is */
struct hw *hw_find(enum fake_kind kind, u32 number);
#define hw_find_as(type, kind, number)					\
	container_of(hw_find(kind, number), struct ibback_hw_##type, hw)

void hw_use(struct hw *hw, struct hw *dep);
/* What was used last is not any more. */
void hw_unuse(struct hw *hw);
void hw_use_uars(struct hw *hw, const struct ibback_uar *uar);

void hw_add_pages(struct hw *hw, const struct ibback_dma *pages);
/* All of them must be mapped, and for writing if @writable. */
void hw_check_mapped(const struct hw *hw, bool writable);
void hw_set_db(struct hw *hw, u64 addr, u32 size);

void hw_reset(void);
void hw_forget_uars(void);

#endif /* HW_H */
