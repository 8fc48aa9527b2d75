// SPDX-License-Identifier: GPL-2.0-only
/* What a guest may say in MADs, see mad_policy.h. */

#ifdef __KERNEL__
#include <linux/kernel.h>
#include <linux/string.h>
#else
#include <string.h>
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#include "mad_policy.h"

/* The octets of a MAD (IBTA, 13.4.2) */
#define MAD_BASE_VERSION	0
#define MAD_CLASS		1
#define MAD_CLASS_VERSION	2
#define MAD_METHOD		3
#define MAD_STATUS		4	/* two octets */
#define MAD_TID			8	/* eight octets */
#define MAD_ATTRIBUTE		16	/* two octets */
/* With RMPP (13.6.2.1) */
#define MAD_RMPP_TYPE		25
#define MAD_RMPP_FLAGS		26
#define MAD_SM_KEY		36	/* of SubnAdm, eight octets */
#define MAD_OUI			37	/* of vendors, three octets */

#define BASE_VERSION		1
#define CLASS_SUBN_ADM		0x03
#define CLASS_PERF_MGMT		0x04
#define CLASS_DEV_MGMT		0x06
#define CLASS_VENDOR_OPENIB	0x32

#define METHOD_RESPONSE		0x80
#define METHOD_GET		0x01
#define METHOD_SET		0x02
#define METHOD_GET_TABLE	0x12
#define METHOD_GET_TRACE_TABLE	0x13
#define METHOD_GET_MULTI	0x14
#define METHOD_DELETE		0x15

#define ATTR_MC_MEMBER		0x38

#define STATUS_NO_METHOD	0x0c

#define RMPP_FLAG_ACTIVE	1
#define RMPP_TYPE_ACK		2
#define RMPP_TYPE_ABORT		4	/* STOP is between them */

/* The numbers of entries are below this, generations above */
#define ENTRY_BITS		10
static_assert(VIBIF_MAD_TRANSACTIONS == 1 << ENTRY_BITS, "entries");

static const u8 openib_oui[3] = { 0x00, 0x14, 0x05 };

struct mad_class {
	u8 mgmt_class;
	u8 version;
	bool rmpp;
	u8 methods[2];
};

/* What guests may use, and with which methods */
static const struct mad_class mad_classes[] = {
	{ CLASS_SUBN_ADM, 2, true, { METHOD_GET, METHOD_GET_TABLE } },
	{ CLASS_PERF_MGMT, 1, false, { METHOD_GET } },
	{ CLASS_DEV_MGMT, 1, true, { METHOD_GET } },
	{ CLASS_VENDOR_OPENIB, 1, true, { METHOD_GET } },
};

static const struct mad_class *mad_find_class(const u8 *mad)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mad_classes); i++)
		if (mad_classes[i].mgmt_class == mad[MAD_CLASS])
			return &mad_classes[i];
	return NULL;
}

static bool mad_known(const struct mad_class *class, const u8 *mad)
{
	return class && mad[MAD_BASE_VERSION] == BASE_VERSION &&
		mad[MAD_CLASS_VERSION] == class->version;
}

/* What a guest wants of the port's memberships is not sent, but done */
static bool mad_is_member(const struct mad_class *class, const u8 *mad,
			  u16 dlid, const struct ibback_mad_rules *rules)
{
	return mad_known(class, mad) && class->mgmt_class == CLASS_SUBN_ADM &&
		(mad[MAD_METHOD] == METHOD_SET ||
		 mad[MAD_METHOD] == METHOD_DELETE) &&
		!mad[MAD_ATTRIBUTE] &&
		mad[MAD_ATTRIBUTE + 1] == ATTR_MC_MEMBER &&
		dlid == rules->sm_lid;
}

/* Whether this is for guests at all */
static bool mad_allowed(const struct mad_class *class, const u8 *mad, u16 dlid,
			const struct ibback_mad_rules *rules)
{
	u8 method = mad[MAD_METHOD];

	if (!mad_known(class, mad) || !method ||
	    (method != class->methods[0] && method != class->methods[1]))
		return false;
	switch (class->mgmt_class) {
	case CLASS_SUBN_ADM:
		return dlid == rules->sm_lid;
	case CLASS_PERF_MGMT:
		return rules->pm;
	case CLASS_VENDOR_OPENIB:
		return !memcmp(mad + MAD_OUI, openib_oui, sizeof(openib_oui));
	default:
		return true;
	}
}

/* Whether somebody waits for an answer who should not wait in vain */
static bool mad_is_question(const u8 *mad)
{
	switch (mad[MAD_METHOD]) {
	case METHOD_GET:
	case METHOD_SET:
	case METHOD_GET_TABLE:
	case METHOD_GET_TRACE_TABLE:
	case METHOD_GET_MULTI:
	case METHOD_DELETE:
		return true;
	default:
		return false;
	}
}

/**
 * ibback_mad_judge() - what is to become of a MAD that a guest sends
 * @mad: its 256 octets, a private copy
 * @dlid: where to
 * @rules: the guest's and the port's
 */
enum ibback_mad_verdict ibback_mad_judge(const u8 *mad, u16 dlid,
					 const struct ibback_mad_rules *rules)
{
	const struct mad_class *class = mad_find_class(mad);
	bool allowed = mad_allowed(class, mad, dlid, rules);
	u8 type = mad[MAD_RMPP_TYPE];

	if (class && class->rmpp && mad[MAD_RMPP_FLAGS] & RMPP_FLAG_ACTIVE)
		return allowed && type >= RMPP_TYPE_ACK &&
			type <= RMPP_TYPE_ABORT ?
			IBBACK_MAD_CONTROL : IBBACK_MAD_DISCARD;
	if (mad_is_member(class, mad, dlid, rules))
		return IBBACK_MAD_MEMBER;
	if (allowed)
		return IBBACK_MAD_REQUEST;
	return mad_is_question(mad) ? IBBACK_MAD_REFUSE : IBBACK_MAD_DISCARD;
}

/* Whether this is for the subnet manager, or comes from it */
bool ibback_mad_is_sa(const u8 *mad)
{
	return mad[MAD_CLASS] == CLASS_SUBN_ADM;
}

/**
 * ibback_mad_clean() - take out of a MAD what is not the guest's to say
 * @mad: one that is going to be sent
 *
 * The SM_Key would make the guest one that the subnet manager trusts: it is 1
 * in most subnets.
 */
void ibback_mad_clean(u8 *mad)
{
	if (ibback_mad_is_sa(mad))
		memset(mad + MAD_SM_KEY, 0, 8);
}

/**
 * ibback_mad_refuse() - make the answer to a MAD that is not for guests
 * @mad: the question, and then the answer
 */
void ibback_mad_refuse(u8 *mad)
{
	/* GetResp answers both */
	if (mad[MAD_METHOD] == METHOD_SET)
		mad[MAD_METHOD] = METHOD_GET;
	mad[MAD_METHOD] |= METHOD_RESPONSE;
	mad[MAD_STATUS] = 0;
	mad[MAD_STATUS + 1] = STATUS_NO_METHOD;
}

static u64 mad_get_tid(const u8 *mad)
{
	u64 tid;

	memcpy(&tid, mad + MAD_TID, sizeof(tid));
	return tid;
}

static void mad_put_be32(u8 *p, u32 value)
{
	p[0] = value >> 24;
	p[1] = value >> 16;
	p[2] = value >> 8;
	p[3] = value;
}

static u32 mad_get_be32(const u8 *p)
{
	return (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static u32 mad_tid_number(const struct ibback_mad_tids *tids, u32 entry)
{
	return tids->generation[entry] << ENTRY_BITS | entry;
}

/* Return: the entry that a MAD from the fabric names, or that many: none. */
static u32 mad_tid_entry(const struct ibback_mad_tids *tids, const u8 *mad)
{
	u32 number = mad_get_be32(mad + MAD_TID + 4);
	u32 entry = number % VIBIF_MAD_TRANSACTIONS;

	if (!tids->used[entry] || number != mad_tid_number(tids, entry) ||
	    mad[MAD_CLASS] != tids->mgmt_class[entry])
		return VIBIF_MAD_TRANSACTIONS;
	return entry;
}

/**
 * ibback_mad_tid_out() - give a MAD of the guest an ID of this domain
 * @tids: the guest's transactions
 * @mad: the MAD
 * @hi_tid: the upper half of all IDs of the guest at this port
 * @may_begin: the MAD may begin a transaction, for which the one that has not
 *	been used for the longest is forgotten, if necessary
 *
 * Return: false if it had to be one that there is, and is none.
 */
bool ibback_mad_tid_out(struct ibback_mad_tids *tids, u8 *mad, u32 hi_tid,
			bool may_begin)
{
	u64 tid = mad_get_tid(mad);
	u32 i, entry = 0;

	for (i = 0; i < VIBIF_MAD_TRANSACTIONS; i++) {
		if (tids->used[i] && tids->tid[i] == tid &&
		    tids->mgmt_class[i] == mad[MAD_CLASS])
			break;
		if (tids->used[i] < tids->used[entry])
			entry = i;
	}
	if (i < VIBIF_MAD_TRANSACTIONS) {
		entry = i;
	} else {
		if (!may_begin)
			return false;
		tids->tid[entry] = tid;
		tids->mgmt_class[entry] = mad[MAD_CLASS];
		tids->generation[entry]++;
	}
	tids->used[entry] = ++tids->uses;
	mad_put_be32(mad + MAD_TID, hi_tid);
	mad_put_be32(mad + MAD_TID + 4, mad_tid_number(tids, entry));
	return true;
}

/**
 * ibback_mad_tid_in() - give a MAD from the fabric the guest's ID
 * @tids: the guest's transactions
 * @mad: the MAD
 *
 * A transaction ends with its answer, if that is not one of many segments.
 *
 * Return: false if it is not an answer in one of the transactions.
 */
bool ibback_mad_tid_in(struct ibback_mad_tids *tids, u8 *mad)
{
	u32 entry = mad_tid_entry(tids, mad);
	const struct mad_class *class;

	if (entry == VIBIF_MAD_TRANSACTIONS ||
	    !(mad[MAD_METHOD] & METHOD_RESPONSE))
		return false;
	class = mad_find_class(mad);
	if (class && class->rmpp && mad[MAD_RMPP_FLAGS] & RMPP_FLAG_ACTIVE)
		tids->used[entry] = ++tids->uses;
	else
		tids->used[entry] = 0;
	memcpy(mad + MAD_TID, &tids->tid[entry], sizeof(tids->tid[entry]));
	return true;
}

/**
 * ibback_mad_bucket_take() - take a token
 * @bucket: of which VIBIF_MAD_BURST can be taken at once
 * @rate: how many come back in a second
 * @now: nanoseconds
 *
 * Return: 0, or nanoseconds until there is one; then none is taken.
 */
u64 ibback_mad_bucket_take(struct ibback_mad_bucket *bucket, u32 rate, u64 now)
{
	u64 each = 1000000000 / rate;
	u64 full_at = bucket->full_at > now ? bucket->full_at : now;

	full_at += each;
	if (full_at - now > VIBIF_MAD_BURST * each)
		return full_at - now - VIBIF_MAD_BURST * each;
	bucket->full_at = full_at;
	return 0;
}
