// SPDX-License-Identifier: GPL-2.0-only
/* Whose a message of the communication manager is, see cm.h. */

#include <linux/errno.h>
#include <linux/jhash.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cm.h"

/* The octets of a MAD (IBTA, 13.4.2) */
#define MAD_BASE_VERSION	0
#define MAD_CLASS		1
#define MAD_CLASS_VERSION	2
#define MAD_METHOD		3
#define MAD_TID			8
#define MAD_ATTR		16

#define BASE_VERSION		1
#define CLASS_CM		0x07
#define CLASS_CM_VERSION	2
#define METHOD_SEND		0x03

enum cm_attr {
	CM_REQ = 0x10,
	CM_MRA,
	CM_REJ,
	CM_REP,
	CM_RTU,
	CM_DREQ,
	CM_DREP,
	CM_SIDR_REQ,
	CM_SIDR_REP,
	CM_LAP,
	CM_APR,
};

/*
 * The octets of CM messages (IBTA, 12.6 and 12.11), behind the MAD's header. A
 * QPN has three.
 */
#define CM(at)			(24 + (at))
#define CM_LOCAL_ID		CM(0)	/* of SIDR messages: the request's */
#define CM_REMOTE_ID		CM(4)

#define REQ_SERVICE_ID		CM(8)
#define REQ_CA_GUID		CM(16)
#define REQ_QPN			CM(32)
#define REQ_EECN		CM(36)
#define REQ_PKEY		CM(48)
#define REQ_PRIMARY_PATH	CM(52)
#define REQ_ALTERNATE_PATH	CM(96)
#define REQ_PRIVATE		CM(140)
#define MRA_WHAT		CM(8)	/* two bits */
#define REJ_WHAT		CM(8)	/* the same */
#define REJ_INFO_LEN		CM(9)	/* seven bits */
#define REJ_REASON		CM(10)
#define REJ_INFO		CM(12)
#define REP_QPN			CM(12)
#define REP_EECN		CM(16)	/* of an XRC target: its QPN */
#define REP_CA_GUID		CM(28)
#define SIDR_REQ_PKEY		CM(4)
#define SIDR_REQ_SERVICE_ID	CM(8)
#define SIDR_REQ_PRIVATE	CM(16)
#define SIDR_REP_QPN		CM(8)
#define LAP_PATH		CM(20)

/* Of a path: the sender's end and the receiver's, LIDs and GIDs */
#define PATH_LOCAL_LID		0
#define PATH_LOCAL_GID		4
#define PATH_REMOTE_GID		20

#define WHAT_REQ		0	/* is answered by an MRA or a REJ */
#define REASON_TIMEOUT		4

#define MAX_UNICAST_LID		0xbfff
#define PERMISSIVE_LID		0xffff	/* beyond a router */

/* Service IDs of rdma_cm (IBTA, A11), and what it puts before private data */
#define IP_SERVICE_SHIFT	24
#define IP_SERVICE		1
#define IP_VERSION		1	/* the upper four bits */
#define IP_SRC			4
#define IP_DST			20

/**
 * struct ibback_cm_id - a connection of a guest, or a request for one
 * @by_wire: in cm->by_wire
 * @by_local: in cm->by_local, if @has_local
 * @by_peer: in cm->by_peer, if the peer has asked for it
 * @list: in guest->ids[@state]
 * @guest: whose it is
 * @state: how far it is
 * @until: when it is over, if it is closing
 * @tid: the transaction that has opened it
 * @peer_guid: the peer's CA, if the peer has asked for it
 * @wire: its ID on the wire
 * @local: its ID in the guest
 * @peer: the peer's ID
 * @lid: the peer's LID when it was asked for
 * @has_local: @local is known
 * @has_peer: @peer is known, from the peer itself
 * @sidr: it is about a service ID
 */
struct ibback_cm_id {
	struct list_head by_wire;
	struct list_head by_local;
	struct list_head by_peer;
	struct list_head list;
	struct ibback_cm_guest *guest;
	enum ibback_cm_state state;
	u64 until;
	u64 tid;
	u64 peer_guid;
	u32 wire;
	u32 local;
	u32 peer;
	u16 lid;
	bool has_local;
	bool has_peer;
	bool sidr;
};

static u64 ibback_cm_get(const u8 *mad, unsigned int at, unsigned int octets)
{
	u64 value = 0;

	while (octets--)
		value = value << 8 | mad[at++];
	return value;
}

static void ibback_cm_put_id(u8 *mad, unsigned int at, u32 id)
{
	unsigned int shift = 32;

	while (shift) {
		shift -= 8;
		mad[at++] = id >> shift;
	}
}

/* What a REJ or an MRA is the answer to */
static u8 ibback_cm_what(const u8 *mad, unsigned int at)
{
	return mad[at] >> 6;
}

static struct list_head *ibback_cm_hash(struct ibback_cm *cm,
					struct list_head *table, u32 id)
{
	return &table[jhash_1word(id, cm->seed) >> (32 - IBBACK_CM_HASH_BITS)];
}

static struct ibback_cm_id *ibback_cm_find_wire(struct ibback_cm *cm, u32 wire)
{
	struct ibback_cm_id *id;

	list_for_each_entry(id, ibback_cm_hash(cm, cm->by_wire, wire), by_wire)
		if (id->wire == wire)
			return id;
	return NULL;
}

static struct ibback_cm_id *
ibback_cm_find_local(struct ibback_cm *cm, const struct ibback_cm_guest *guest,
		     u32 local)
{
	struct ibback_cm_id *id;

	list_for_each_entry(id, ibback_cm_hash(cm, cm->by_local, local),
			    by_local)
		if (id->guest == guest && id->local == local)
			return id;
	return NULL;
}

/* Whether two LIDs are of one port; all of the subnet have as many. */
static bool ibback_cm_same_lid(const struct ibback_cm *cm, u32 port, u16 a,
			       u16 b)
{
	return a >> cm->port[port].lmc == b >> cm->port[port].lmc;
}

/* What a peer has asked for; of any guest if @guest is NULL */
static struct ibback_cm_id *
ibback_cm_find_peer(struct ibback_cm *cm, const struct ibback_cm_way *way,
		    const struct ibback_cm_guest *guest, u32 peer, bool sidr)
{
	struct ibback_cm_id *id;

	list_for_each_entry(id, ibback_cm_hash(cm, cm->by_peer, peer), by_peer)
		if ((!guest || id->guest == guest) && id->peer == peer &&
		    id->sidr == sidr &&
		    ibback_cm_same_lid(cm, way->port, id->lid, way->lid))
			return id;
	return NULL;
}

static void ibback_cm_id_free(struct ibback_cm_id *id)
{
	list_del(&id->by_wire);
	list_del(&id->by_local);
	list_del(&id->by_peer);
	list_del(&id->list);
	id->guest->nr_ids[id->state]--;
	kfree(id);
}

/* Also one that is in the state already is its newest then. */
static void ibback_cm_id_move(struct ibback_cm_id *id,
			      enum ibback_cm_state state)
{
	id->guest->nr_ids[id->state]--;
	id->guest->nr_ids[state]++;
	id->state = state;
	list_move_tail(&id->list, &id->guest->ids[state]);
}

static void ibback_cm_id_open(struct ibback_cm_id *id)
{
	if (id->state == IBBACK_CM_OPENING)
		ibback_cm_id_move(id, IBBACK_CM_OPEN);
}

static void ibback_cm_id_close(struct ibback_cm_id *id, u64 now)
{
	id->until = now + IBBACK_CM_LINGER_NS;
	ibback_cm_id_move(id, IBBACK_CM_CLOSING);
}

static struct ibback_cm_id *ibback_cm_first(struct ibback_cm_guest *guest,
					    enum ibback_cm_state state)
{
	if (list_empty(&guest->ids[state]))
		return NULL;
	return list_first_entry(&guest->ids[state], struct ibback_cm_id, list);
}

/*
 * Free what has been closing for long enough. Without a timer: the guest's next
 * message is early enough for what is bounded.
 */
static void ibback_cm_expire(struct ibback_cm_guest *guest, u64 now)
{
	struct ibback_cm_id *id;

	while ((id = ibback_cm_first(guest, IBBACK_CM_CLOSING)) &&
	       id->until <= now)
		ibback_cm_id_free(id);
}

/*
 * Make room for another connection of the guest: what is closing has to give
 * way, then what has not been established for the longest.
 */
static bool ibback_cm_make_room(struct ibback_cm_guest *guest)
{
	struct ibback_cm_id *id;

	if (guest->nr_ids[IBBACK_CM_OPENING] + guest->nr_ids[IBBACK_CM_OPEN] +
	    guest->nr_ids[IBBACK_CM_CLOSING] < guest->max_ids)
		return true;
	id = ibback_cm_first(guest, IBBACK_CM_CLOSING);
	if (!id)
		id = ibback_cm_first(guest, IBBACK_CM_OPENING);
	if (!id)
		return false;
	ibback_cm_id_free(id);
	return true;
}

static struct ibback_cm_id *ibback_cm_id_new(struct ibback_cm *cm,
					     struct ibback_cm_guest *guest,
					     enum ibback_cm_state state)
{
	struct ibback_cm_id *id;

	if (state != IBBACK_CM_WAITING) {
		if (!ibback_cm_make_room(guest))
			return NULL;
	} else if (guest->nr_ids[state] >= IBBACK_CM_MAX_REQS) {
		ibback_cm_id_free(ibback_cm_first(guest, state));
	}
	id = kzalloc(sizeof(*id), GFP_ATOMIC);
	if (!id)
		return NULL;
	/* 0 stands for none in messages. */
	do {
		id->wire = get_random_u32();
	} while (!id->wire || ibback_cm_find_wire(cm, id->wire));
	list_add(&id->by_wire, ibback_cm_hash(cm, cm->by_wire, id->wire));
	INIT_LIST_HEAD(&id->by_local);
	INIT_LIST_HEAD(&id->by_peer);
	id->guest = guest;
	id->state = state;
	list_add_tail(&id->list, &guest->ids[state]);
	guest->nr_ids[state]++;
	return id;
}

/* Know @id by the guest's own ID, which it has had for no other since. */
static void ibback_cm_id_bind(struct ibback_cm *cm, struct ibback_cm_id *id,
			      u32 local)
{
	struct ibback_cm_id *old;

	old = ibback_cm_find_local(cm, id->guest, local);
	if (old && old != id)
		ibback_cm_id_free(old);
	list_del(&id->by_local);
	list_add(&id->by_local, ibback_cm_hash(cm, cm->by_local, local));
	id->local = local;
	id->has_local = true;
}

/**
 * ibback_cm_is_message() - whether a MAD is a message that is known here
 * @mad: the MAD
 */
bool ibback_cm_is_message(const u8 *mad)
{
	u16 attr = ibback_cm_get(mad, MAD_ATTR, 2);

	return mad[MAD_BASE_VERSION] == BASE_VERSION &&
		mad[MAD_CLASS] == CLASS_CM &&
		mad[MAD_CLASS_VERSION] == CLASS_CM_VERSION &&
		mad[MAD_METHOD] == METHOD_SEND &&
		attr >= CM_REQ && attr <= CM_APR;
}

/*
 * One of the two IP addresses, at IP_SRC or IP_DST, that rdma_cm says in the
 * private data of a request for this service.
 */
static bool ibback_cm_ip(const u8 *mad, unsigned int service,
			 unsigned int private, unsigned int at, u8 *ip)
{
	const u8 *header = mad + private;

	if (ibback_cm_get(mad, service, 8) >> IP_SERVICE_SHIFT != IP_SERVICE ||
	    header[0])
		return false;
	memcpy(ip, header + at, 16);
	switch (header[IP_VERSION] >> 4) {
	case 4:
		memset(ip, 0, 10);
		memset(ip + 10, 0xff, 2);
		return true;
	case 6:
		return true;
	default:
		return false;
	}
}

/* Who has an IP address at a port; ibback_cm_set_ips() gives it to one only. */
static struct ibback_cm_guest *
ibback_cm_find_ip(const struct ibback_cm *cm, u32 port, const u8 *ip)
{
	const struct ibback_cm_guest_port *p;
	struct ibback_cm_guest *guest;
	unsigned int i;

	list_for_each_entry(guest, &cm->guests, entry) {
		p = &guest->port[port];
		for (i = 0; i < p->nr_ips; i++)
			if (!memcmp(p->ip[i], ip, sizeof(p->ip[i])))
				return guest;
	}
	return NULL;
}

/*
 * From a guest
 */

/* Whether what the guest says of its QPs, its node and its P_Keys is so */
static bool ibback_cm_may_say(struct ibback_cm_guest *guest, u32 port,
			      const u8 *mad)
{
	u32 qpn, eecn;

	switch (ibback_cm_get(mad, MAD_ATTR, 2)) {
	case CM_REQ:
		return ibback_cm_get(mad, REQ_CA_GUID, 8) == guest->node_guid &&
			!ibback_cm_get(mad, REQ_EECN, 3) &&
			guest->has_pkey(guest, port,
					ibback_cm_get(mad, REQ_PKEY, 2)) &&
			guest->owns_qp(guest, ibback_cm_get(mad, REQ_QPN, 3));
	case CM_REP:
		qpn = ibback_cm_get(mad, REP_QPN, 3);
		eecn = ibback_cm_get(mad, REP_EECN, 3);
		return ibback_cm_get(mad, REP_CA_GUID, 8) == guest->node_guid &&
			(qpn || eecn) &&
			(!qpn || guest->owns_qp(guest, qpn)) &&
			(!eecn || guest->owns_qp(guest, eecn));
	case CM_REJ:
		/* The peer finds the connection by this GUID. */
		return ibback_cm_get(mad, REJ_REASON, 2) != REASON_TIMEOUT ||
			(mad[REJ_INFO_LEN] >> 1 >= 8 &&
			 ibback_cm_get(mad, REJ_INFO, 8) == guest->node_guid);
	case CM_SIDR_REQ:
		return guest->has_pkey(guest, port,
				       ibback_cm_get(mad, SIDR_REQ_PKEY, 2));
	case CM_SIDR_REP:
		qpn = ibback_cm_get(mad, SIDR_REP_QPN, 3);
		return !qpn || guest->owns_qp(guest, qpn);
	default:
		return true;
	}
}

/* Whether a path begins where the guest is, at @port */
static bool ibback_cm_is_own_path(const struct ibback_cm *cm,
				  const struct ibback_cm_guest *guest,
				  u32 port, const u8 *path)
{
	const struct ibback_cm_port *p = &cm->port[port];
	const u8 *gid = guest->port[port].has_gid ? guest->port[port].gid :
		p->gid;
	u16 lid = ibback_cm_get(path, PATH_LOCAL_LID, 2);

	return p->lid && !memcmp(path + PATH_LOCAL_GID, gid, 16) &&
		(lid == PERMISSIVE_LID ||
		 ibback_cm_same_lid(cm, port, lid, p->lid));
}

/* Whether one does at any of its ports */
static bool ibback_cm_is_own_alternate(const struct ibback_cm *cm,
				       const struct ibback_cm_guest *guest,
				       const u8 *path)
{
	u32 port;

	for (port = 1; port <= VIBIF_MAX_PORTS; port++)
		if (ibback_cm_is_own_path(cm, guest, port, path))
			return true;
	return false;
}

/* A REQ without an alternate path has zeros there. */
static bool ibback_cm_may_alternate(const struct ibback_cm *cm,
				    const struct ibback_cm_guest *guest,
				    const u8 *mad)
{
	const u8 *path = mad + REQ_ALTERNATE_PATH;

	if (!ibback_cm_get(path, PATH_LOCAL_LID, 2) &&
	    !ibback_cm_get(path, PATH_LOCAL_GID, 8) &&
	    !ibback_cm_get(path, PATH_LOCAL_GID + 8, 8))
		return true;
	return ibback_cm_is_own_alternate(cm, guest, path);
}

/* Who was given addresses calls from these, and all others from what is free */
static bool ibback_cm_may_call(const struct ibback_cm *cm,
			       const struct ibback_cm_guest *guest, u32 port,
			       const u8 *mad, unsigned int service,
			       unsigned int private)
{
	const struct ibback_cm_guest *owner;
	u8 ip[16];

	if (!ibback_cm_ip(mad, service, private, IP_SRC, ip))
		return true;
	owner = ibback_cm_find_ip(cm, port, ip);
	if (owner == guest)
		return true;
	return !guest->port[port].ips_given && !cm->is_own_ip(ip) &&
		!(owner && owner->port[port].ips_given);
}

/* Whether the addresses are its own that the guest says it sends from */
static bool ibback_cm_may_be(const struct ibback_cm *cm,
			     const struct ibback_cm_guest *guest, u32 port,
			     const u8 *mad)
{
	switch (ibback_cm_get(mad, MAD_ATTR, 2)) {
	case CM_REQ:
		return ibback_cm_is_own_path(cm, guest, port,
					     mad + REQ_PRIMARY_PATH) &&
			ibback_cm_may_alternate(cm, guest, mad) &&
			ibback_cm_may_call(cm, guest, port, mad,
					   REQ_SERVICE_ID, REQ_PRIVATE);
	case CM_SIDR_REQ:
		return ibback_cm_may_call(cm, guest, port, mad,
					  SIDR_REQ_SERVICE_ID,
					  SIDR_REQ_PRIVATE);
	case CM_LAP:
		return ibback_cm_is_own_alternate(cm, guest, mad + LAP_PATH);
	default:
		return true;
	}
}

/*
 * A request: sent again it is the same one, with the same wire ID, because
 * the peer tells requests apart by it.
 */
static int ibback_cm_ask(struct ibback_cm *cm, struct ibback_cm_guest *guest,
			 const struct ibback_cm_way *way, u8 *mad, bool sidr)
{
	u32 local = ibback_cm_get(mad, CM_LOCAL_ID, 4);
	u64 tid = ibback_cm_get(mad, MAD_TID, 8);
	struct ibback_cm_id *id;

	id = ibback_cm_find_local(cm, guest, local);
	if (!id || !list_empty(&id->by_peer) || id->sidr != sidr ||
	    id->tid != tid || id->lid != way->lid ||
	    id->state == IBBACK_CM_CLOSING) {
		id = ibback_cm_id_new(cm, guest, IBBACK_CM_OPENING);
		if (!id)
			return guest->nr_ids[IBBACK_CM_OPEN] < guest->max_ids ?
				-ENOMEM : -ENOSPC;
		ibback_cm_id_bind(cm, id, local);
		id->sidr = sidr;
		id->tid = tid;
		id->lid = way->lid;
	}
	ibback_cm_put_id(mad, CM_LOCAL_ID, id->wire);
	return 0;
}

/* A message within a connection, whose ends both are known */
static struct ibback_cm_id *
ibback_cm_go_on(struct ibback_cm *cm, struct ibback_cm_guest *guest, u8 *mad)
{
	struct ibback_cm_id *id;

	id = ibback_cm_find_local(cm, guest,
				  ibback_cm_get(mad, CM_LOCAL_ID, 4));
	if (!id || !id->has_peer ||
	    id->peer != ibback_cm_get(mad, CM_REMOTE_ID, 4))
		return NULL;
	ibback_cm_put_id(mad, CM_LOCAL_ID, id->wire);
	return id;
}

/* The first that the guest says to a request, or that once more */
static int ibback_cm_answer(struct ibback_cm *cm, struct ibback_cm_guest *guest,
			    const struct ibback_cm_way *way, u8 *mad)
{
	u32 local = ibback_cm_get(mad, CM_LOCAL_ID, 4);
	struct ibback_cm_id *id;

	id = ibback_cm_find_peer(cm, way, guest,
				 ibback_cm_get(mad, CM_REMOTE_ID, 4), false);
	if (!id)
		return -ENOENT;
	if (id->state == IBBACK_CM_WAITING) {
		if (!ibback_cm_make_room(guest))
			return -ENOSPC;
		ibback_cm_id_move(id, IBBACK_CM_OPENING);
	}
	ibback_cm_id_bind(cm, id, local);
	ibback_cm_put_id(mad, CM_LOCAL_ID, id->wire);
	return 0;
}

static int ibback_cm_reject(struct ibback_cm *cm, struct ibback_cm_guest *guest,
			    const struct ibback_cm_way *way, u8 *mad)
{
	struct ibback_cm_id *id;

	if (ibback_cm_get(mad, REJ_REASON, 2) == REASON_TIMEOUT) {
		/* The guest has heard nothing, so it knows no peer's ID. */
		id = ibback_cm_find_local(cm, guest,
					  ibback_cm_get(mad, CM_LOCAL_ID, 4));
		if (!id || ibback_cm_get(mad, CM_REMOTE_ID, 4))
			return -ENOENT;
		ibback_cm_put_id(mad, CM_LOCAL_ID, id->wire);
	} else if (ibback_cm_what(mad, REJ_WHAT) != WHAT_REQ) {
		id = ibback_cm_go_on(cm, guest, mad);
		if (!id)
			return -ENOENT;
	} else {
		id = ibback_cm_find_peer(cm, way, guest,
					 ibback_cm_get(mad, CM_REMOTE_ID, 4),
					 false);
		if (!id)
			return -ENOENT;
		/*
		 * Peers do not look at this ID, which the guest does not have
		 * if it refuses at once. Linux has something else there then.
		 */
		ibback_cm_put_id(mad, CM_LOCAL_ID,
				 id->has_local ? id->wire : 0);
		if (!id->has_local) {
			ibback_cm_id_free(id);
			return 0;
		}
	}
	ibback_cm_id_close(id, way->now);
	return 0;
}

static int ibback_cm_translate(struct ibback_cm *cm,
			       struct ibback_cm_guest *guest,
			       const struct ibback_cm_way *way, u8 *mad)
{
	u16 attr = ibback_cm_get(mad, MAD_ATTR, 2);
	struct ibback_cm_id *id;

	switch (attr) {
	case CM_REQ:
	case CM_SIDR_REQ:
		return ibback_cm_ask(cm, guest, way, mad, attr == CM_SIDR_REQ);
	case CM_SIDR_REP:
		id = ibback_cm_find_peer(cm, way, guest,
					 ibback_cm_get(mad, CM_LOCAL_ID, 4),
					 true);
		if (!id)
			return -ENOENT;
		ibback_cm_id_free(id);
		return 0;
	case CM_REJ:
		return ibback_cm_reject(cm, guest, way, mad);
	case CM_REP:
		return ibback_cm_answer(cm, guest, way, mad);
	case CM_MRA:
		if (ibback_cm_what(mad, MRA_WHAT) == WHAT_REQ)
			return ibback_cm_answer(cm, guest, way, mad);
		break;
	}
	id = ibback_cm_go_on(cm, guest, mad);
	if (!id)
		return -ENOENT;
	if (attr == CM_RTU)
		ibback_cm_id_open(id);
	else if (attr == CM_DREQ)
		ibback_cm_id_close(id, way->now);
	return 0;
}

/**
 * ibback_cm_out() - make a guest's message one that may be sent
 * @cm: the HCA's demultiplexer
 * @guest: the guest
 * @way: where to
 * @mad: the message, a private copy of 256 octets; changed
 *
 * May sleep, in the guest's callbacks.
 *
 * Return: 0, or
 *	-EINVAL: it is no message of the CM;
 *	-EPERM: it says of the guest what is not so;
 *	-ENOENT: it is about a connection, or a request, that the guest does not
 *		have;
 *	-ENOSPC: the guest has too many, all of them established;
 *	-ENOMEM: there is no memory.
 */
int ibback_cm_out(struct ibback_cm *cm, struct ibback_cm_guest *guest,
		  const struct ibback_cm_way *way, u8 *mad)
{
	int err;

	if (!ibback_cm_is_message(mad) || !way->lid ||
	    way->lid > MAX_UNICAST_LID)
		return -EINVAL;
	if (!ibback_cm_may_say(guest, way->port, mad))
		return -EPERM;
	spin_lock(&cm->lock);
	ibback_cm_expire(guest, way->now);
	if (ibback_cm_may_be(cm, guest, way->port, mad))
		err = ibback_cm_translate(cm, guest, way, mad);
	else
		err = -EPERM;
	spin_unlock(&cm->lock);
	return err;
}

/*
 * From the wire
 */

/* Whom a REQ is for; there are no more guests at a port than GIDs. */
static struct ibback_cm_guest *ibback_cm_called(struct ibback_cm *cm, u32 port,
						const u8 *mad)
{
	const u8 *gid = mad + REQ_PRIMARY_PATH + PATH_REMOTE_GID;
	struct ibback_cm_guest *guest;
	u8 ip[16];

	list_for_each_entry(guest, &cm->guests, entry)
		if (guest->port[port].has_gid &&
		    !memcmp(guest->port[port].gid, gid, 16))
			return guest;
	if (memcmp(cm->port[port].gid, gid, 16) ||
	    !ibback_cm_ip(mad, REQ_SERVICE_ID, REQ_PRIVATE, IP_DST, ip) ||
	    cm->is_own_ip(ip))
		return NULL;
	guest = ibback_cm_find_ip(cm, port, ip);
	return guest && !guest->port[port].has_gid ? guest : NULL;
}

/* Whom a SIDR_REQ is for, which says no GID */
static struct ibback_cm_guest *
ibback_cm_called_by_ip(struct ibback_cm *cm, u32 port, const u8 *mad)
{
	u8 ip[16];

	if (!ibback_cm_ip(mad, SIDR_REQ_SERVICE_ID, SIDR_REQ_PRIVATE, IP_DST,
			  ip) || cm->is_own_ip(ip))
		return NULL;
	return ibback_cm_find_ip(cm, port, ip);
}

/*
 * Whether a REQ that is no guest's is for this domain, which has no GIDs but
 * those of the ports. What was a guest's until now is nobody's: this domain may
 * listen to the same service, and was not meant.
 */
static bool ibback_cm_is_own_req(const struct ibback_cm *cm, u32 port,
				 const u8 *mad)
{
	const u8 *guid = mad + REQ_PRIMARY_PATH + PATH_REMOTE_GID + 8;
	u32 i;

	for (i = 1; i <= VIBIF_MAX_PORTS; i++)
		if (!memcmp(cm->port[i].gid + 8, guid, 8))
			return true;
	return !cm->port[port].lid;
}

/* Remember a request, which the guest may answer then */
static int ibback_cm_asked(struct ibback_cm *cm, struct ibback_cm_guest *guest,
			   const struct ibback_cm_way *way, const u8 *mad,
			   bool sidr)
{
	u32 peer = ibback_cm_get(mad, CM_LOCAL_ID, 4);
	u64 tid = ibback_cm_get(mad, MAD_TID, 8);
	struct ibback_cm_id *id;

	ibback_cm_expire(guest, way->now);
	id = ibback_cm_find_peer(cm, way, guest, peer, sidr);
	if (!id || (id->tid != tid && id->state != IBBACK_CM_WAITING) ||
	    id->state == IBBACK_CM_CLOSING) {
		id = ibback_cm_id_new(cm, guest, IBBACK_CM_WAITING);
		if (!id)
			return -ENOSPC;
		id->peer = peer;
		id->has_peer = true;
		id->sidr = sidr;
		id->lid = way->lid;
		list_add(&id->by_peer, ibback_cm_hash(cm, cm->by_peer, peer));
	}
	id->tid = tid;
	if (!sidr)
		id->peer_guid = ibback_cm_get(mad, REQ_CA_GUID, 8);
	return 1;
}

/*
 * Whether a message to @id is from its other end. That has said its own ID
 * with its REP. Before that it answers the request, in the same transaction and
 * from where that was sent to.
 */
static bool ibback_cm_is_from_peer(const struct ibback_cm *cm,
				   const struct ibback_cm_way *way,
				   const struct ibback_cm_id *id,
				   const u8 *mad, u16 attr)
{
	if (id->has_peer)
		return id->peer == ibback_cm_get(mad, CM_LOCAL_ID, 4);
	return (attr == CM_REP || attr == CM_MRA || attr == CM_REJ ||
		attr == CM_SIDR_REP) &&
		id->tid == ibback_cm_get(mad, MAD_TID, 8) &&
		ibback_cm_same_lid(cm, way->port, id->lid, way->lid);
}

/* Whose a message is that is no request, and is rewritten for that guest */
static struct ibback_cm_id *ibback_cm_answered(struct ibback_cm *cm,
					       const struct ibback_cm_way *way,
					       u8 *mad, u16 attr)
{
	bool sidr = attr == CM_SIDR_REP;
	unsigned int at = sidr ? CM_LOCAL_ID : CM_REMOTE_ID;
	struct ibback_cm_id *id;

	id = ibback_cm_find_wire(cm, ibback_cm_get(mad, at, 4));
	if (!id || !id->has_local || id->sidr != sidr ||
	    (id->state == IBBACK_CM_CLOSING && id->until <= way->now) ||
	    !ibback_cm_is_from_peer(cm, way, id, mad, attr))
		return NULL;
	ibback_cm_put_id(mad, at, id->local);
	return id;
}

/* Whose a REJ is of a peer that has heard nothing, and says no ID of ours */
static struct ibback_cm_id *ibback_cm_given_up(struct ibback_cm *cm,
					       const struct ibback_cm_way *way,
					       const u8 *mad)
{
	struct ibback_cm_id *id;

	if (ibback_cm_get(mad, REJ_REASON, 2) != REASON_TIMEOUT)
		return NULL;
	id = ibback_cm_find_peer(cm, way, NULL,
				 ibback_cm_get(mad, CM_LOCAL_ID, 4), false);
	if (!id || id->peer_guid != ibback_cm_get(mad, REJ_INFO, 8))
		return NULL;
	return id;
}

static int ibback_cm_sort(struct ibback_cm *cm, const struct ibback_cm_way *way,
			  u8 *mad, struct ibback_cm_guest **guest)
{
	u16 attr = ibback_cm_get(mad, MAD_ATTR, 2);
	struct ibback_cm_id *id;

	if (attr == CM_REQ || attr == CM_SIDR_REQ) {
		*guest = attr == CM_REQ ?
			ibback_cm_called(cm, way->port, mad) :
			ibback_cm_called_by_ip(cm, way->port, mad);
		if (!*guest)
			return attr == CM_SIDR_REQ ||
				ibback_cm_is_own_req(cm, way->port, mad) ?
				0 : -ENOENT;
		return ibback_cm_asked(cm, *guest, way, mad,
				       attr == CM_SIDR_REQ);
	}
	id = ibback_cm_answered(cm, way, mad, attr);
	if (!id && attr == CM_REJ)
		id = ibback_cm_given_up(cm, way, mad);
	if (!id)
		return 0;
	*guest = id->guest;
	switch (attr) {
	case CM_REP:
		id->peer = ibback_cm_get(mad, CM_LOCAL_ID, 4);
		id->has_peer = true;
		break;
	case CM_RTU:
		ibback_cm_id_open(id);
		break;
	case CM_REJ:
	case CM_DREQ:
	case CM_SIDR_REP:
		if (id->state == IBBACK_CM_WAITING)
			ibback_cm_id_free(id);
		else
			ibback_cm_id_close(id, way->now);
		break;
	}
	return 1;
}

/**
 * ibback_cm_in() - whose a message from the wire is
 * @cm: the demultiplexer of the HCA that it has come to
 * @way: where from
 * @mad: the message, a copy of 256 octets; changed to what the guest is to see
 *	if it is a guest's
 * @guest: whose it is, if it is a guest's
 *
 * The guest is there until ibback_cm_del_guest(): its owner sees to it that
 * nobody is between this and what he does with the guest when he frees it.
 *
 * Return: 1 if it is a guest's, 0 if it is this domain's, -ENOSPC if it is a
 *	guest's and has to be dropped, -ENOENT if it is nobody's.
 */
int ibback_cm_in(struct ibback_cm *cm, const struct ibback_cm_way *way,
		 u8 *mad, struct ibback_cm_guest **guest)
{
	int ret;

	if (!ibback_cm_is_message(mad))
		return 0;
	spin_lock(&cm->lock);
	ret = ibback_cm_sort(cm, way, mad, guest);
	spin_unlock(&cm->lock);
	return ret;
}

/*
 * Guests and ports
 */

/**
 * ibback_cm_create() - make a demultiplexer for an HCA
 * @is_own_ip: see struct ibback_cm
 *
 * Return: one without ports and guests, or NULL.
 */
struct ibback_cm *ibback_cm_create(bool (*is_own_ip)(const u8 *ip))
{
	struct ibback_cm *cm = kvzalloc(sizeof(*cm), GFP_KERNEL);
	unsigned int i;

	if (!cm)
		return NULL;
	cm->is_own_ip = is_own_ip;
	spin_lock_init(&cm->lock);
	INIT_LIST_HEAD(&cm->guests);
	cm->seed = get_random_u32();
	for (i = 0; i < ARRAY_SIZE(cm->by_wire); i++) {
		INIT_LIST_HEAD(&cm->by_wire[i]);
		INIT_LIST_HEAD(&cm->by_local[i]);
		INIT_LIST_HEAD(&cm->by_peer[i]);
	}
	return cm;
}

/**
 * ibback_cm_destroy() - undo ibback_cm_create()
 * @cm: one without guests
 */
void ibback_cm_destroy(struct ibback_cm *cm)
{
	if (cm)
		WARN_ON(!list_empty(&cm->guests));
	kvfree(cm);
}

/**
 * ibback_cm_set_port() - say what a port is called now
 * @cm: the HCA's demultiplexer
 * @port: the port
 * @lid: its first LID
 * @lmc: log2 of how many it has
 * @gid: its own GID
 */
void ibback_cm_set_port(struct ibback_cm *cm, u32 port, u16 lid, u8 lmc,
			const u8 *gid)
{
	struct ibback_cm_port *p = &cm->port[port];

	spin_lock(&cm->lock);
	p->lid = lid;
	p->lmc = lmc;
	memcpy(p->gid, gid, sizeof(p->gid));
	spin_unlock(&cm->lock);
}

/**
 * ibback_cm_add_guest() - a guest can have connections from now on
 * @cm: the HCA's demultiplexer
 * @guest: the guest, whose owner has filled in his part and cleared the rest
 */
void ibback_cm_add_guest(struct ibback_cm *cm, struct ibback_cm_guest *guest)
{
	unsigned int i;

	for (i = 0; i < IBBACK_CM_NR_STATES; i++)
		INIT_LIST_HEAD(&guest->ids[i]);
	spin_lock(&cm->lock);
	list_add_tail(&guest->entry, &cm->guests);
	spin_unlock(&cm->lock);
}

/**
 * ibback_cm_del_guest() - a guest has no connections any more
 * @cm: the HCA's demultiplexer
 * @guest: the guest
 *
 * What comes for it from now on is this domain's, whose CM tells peers that
 * there is no such connection.
 */
void ibback_cm_del_guest(struct ibback_cm *cm, struct ibback_cm_guest *guest)
{
	struct ibback_cm_id *id;
	unsigned int i;

	spin_lock(&cm->lock);
	list_del(&guest->entry);
	for (i = 0; i < IBBACK_CM_NR_STATES; i++)
		while ((id = ibback_cm_first(guest, i)))
			ibback_cm_id_free(id);
	spin_unlock(&cm->lock);
}

/**
 * ibback_cm_set_gid() - say what GID a guest has
 * @cm: the HCA's demultiplexer
 * @guest: the guest
 * @port: the port where it has it
 * @gid: the GID, NULL if it shares the port's
 */
void ibback_cm_set_gid(struct ibback_cm *cm, struct ibback_cm_guest *guest,
		       u32 port, const u8 *gid)
{
	struct ibback_cm_guest_port *p = &guest->port[port];

	spin_lock(&cm->lock);
	p->has_gid = gid;
	if (gid)
		memcpy(p->gid, gid, sizeof(p->gid));
	spin_unlock(&cm->lock);
}

/* Also if the guest has said it more than once */
static void ibback_cm_drop_ip(struct ibback_cm_guest_port *p, const u8 *ip)
{
	unsigned int i;

	for (i = p->nr_ips; i--;)
		if (!memcmp(p->ip[i], ip, sizeof(p->ip[i])))
			memmove(p->ip[i], p->ip[--p->nr_ips],
				sizeof(p->ip[i]));
}

/**
 * ibback_cm_set_ips() - say what IP addresses a guest has
 * @cm: the HCA's demultiplexer
 * @guest: the guest
 * @port: the port where it has them
 * @ips: the addresses, 16 octets each, those of IPv4 as ::ffff:a.b.c.d
 * @nr: how many, IBBACK_CM_MAX_IPS at most
 * @given: the administrator says so, and not the guest: it may use no others
 *
 * Who has an address first keeps it, but what guests say gives way to what the
 * administrator does. What is this domain's, now or later, is no guest's.
 */
void ibback_cm_set_ips(struct ibback_cm *cm, struct ibback_cm_guest *guest,
		       u32 port, const u8 *ips, unsigned int nr, bool given)
{
	struct ibback_cm_guest_port *p = &guest->port[port];
	struct ibback_cm_guest *owner;

	spin_lock(&cm->lock);
	p->ips_given = given;
	p->nr_ips = 0;
	for (; nr--; ips += 16) {
		owner = ibback_cm_find_ip(cm, port, ips);
		if (owner && owner != guest) {
			if (!given || owner->port[port].ips_given)
				continue;
			ibback_cm_drop_ip(&owner->port[port], ips);
		}
		memcpy(p->ip[p->nr_ips++], ips, 16);
	}
	spin_unlock(&cm->lock);
}
