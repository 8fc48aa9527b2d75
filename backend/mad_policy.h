/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest may say in management datagrams (MADs), and how their
 * transactions are told apart: pure functions, without kernel calls and locks,
 * so that they are also built and tested in user space.
 */
#ifndef IBBACK_MAD_POLICY_H
#define IBBACK_MAD_POLICY_H

#include "validate.h"

/* What is to become of a MAD that a guest sends */
enum ibback_mad_verdict {
	IBBACK_MAD_DISCARD,
	/* Answer it in the peer's name: there is no such method */
	IBBACK_MAD_REFUSE,
	/* Do what it wants of memberships of groups, see sa_mcast.c */
	IBBACK_MAD_MEMBER,
	/* Send a request, whose answer will come */
	IBBACK_MAD_REQUEST,
	/* Send what belongs to a transaction that there must be already */
	IBBACK_MAD_CONTROL,
};

/**
 * struct ibback_mad_rules - what depends on the guest and the port
 * @sm_lid: the LID of the port's subnet manager
 * @pm: performance counters may be read
 */
struct ibback_mad_rules {
	u16 sm_lid;
	bool pm;
};

/**
 * struct ibback_mad_tids - the transactions of a guest at a port
 * @uses: how often one was used
 * @tid: the guest's ID of each, octets as they are in the MAD
 * @used: @uses when it was used last; 0: it is free
 * @generation: how often the entry has had another transaction
 * @mgmt_class: its class
 *
 * In this domain a transaction is the number of its entry, with the generation
 * above it: an answer that comes when the entry has another one is for nobody.
 */
struct ibback_mad_tids {
	u64 uses;
	u64 tid[VIBIF_MAD_TRANSACTIONS];
	u64 used[VIBIF_MAD_TRANSACTIONS];
	u32 generation[VIBIF_MAD_TRANSACTIONS];
	u8 mgmt_class[VIBIF_MAD_TRANSACTIONS];
};

/**
 * struct ibback_mad_bucket - a bound of how often something happens
 * @full_at: nanoseconds, when all of its tokens will be there again
 */
struct ibback_mad_bucket {
	u64 full_at;
};

enum ibback_mad_verdict ibback_mad_judge(const u8 *mad, u16 dlid,
					 const struct ibback_mad_rules *rules);
bool ibback_mad_is_sa(const u8 *mad);
void ibback_mad_clean(u8 *mad);
void ibback_mad_refuse(u8 *mad);

bool ibback_mad_tid_out(struct ibback_mad_tids *tids, u8 *mad, u32 hi_tid,
			bool may_begin);
bool ibback_mad_tid_in(struct ibback_mad_tids *tids, u8 *mad);

u64 ibback_mad_bucket_take(struct ibback_mad_bucket *bucket, u32 rate,
			   u64 now);

#endif /* IBBACK_MAD_POLICY_H */
