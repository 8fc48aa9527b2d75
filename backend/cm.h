/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose a message of the communication manager (CM; IBTA, chapter 12) is.
 *
 * All guests and this domain share a port, its LID and its QP 1. A CM message
 * names the connection by two numbers, each end's own, and only a REQ says by
 * the receiver's GID whom it is for. Guests choose their numbers as they like.
 * So on the wire each has another, a random one, the wire ID, which is no other
 * guest's, and that is how an answer finds its guest.
 *
 * What a guest says of itself is checked, and it can answer only what has been
 * delivered to it: neither other guests nor this domain, or who talks to them,
 * take anything for theirs that is the guest's.
 */
#ifndef IBBACK_CM_H
#define IBBACK_CM_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <xen/interface/io/vibif.h>

#define IBBACK_CM_HASH_BITS	10

/* REQs and SIDR_REQs to a guest that it has not answered; more replace them */
#define IBBACK_CM_MAX_REQS	1024

/* Addresses of a guest at a port */
#define IBBACK_CM_MAX_IPS	VIBIF_MAX_ADDRS

/* What comes late in a connection that ends is the guest's for so long. */
#define IBBACK_CM_LINGER_NS	(30ULL * 1000 * 1000 * 1000)

/**
 * enum ibback_cm_state - how far a connection is
 * @IBBACK_CM_WAITING: the guest has not answered the request
 * @IBBACK_CM_OPENING: the guest has asked, or has answered
 * @IBBACK_CM_OPEN: it is established
 * @IBBACK_CM_CLOSING: it ends
 */
enum ibback_cm_state {
	IBBACK_CM_WAITING,
	IBBACK_CM_OPENING,
	IBBACK_CM_OPEN,
	IBBACK_CM_CLOSING,
	IBBACK_CM_NR_STATES
};

/**
 * struct ibback_cm_port - a port, as the demultiplexer needs it
 * @lid: its first LID, 0: it has none yet
 * @lmc: log2 of how many it has
 * @gid: its own GID, that of this domain
 */
struct ibback_cm_port {
	u16 lid;
	u8 lmc;
	u8 gid[16];
};

/**
 * struct ibback_cm_guest_port - what a guest is called at a port
 * @has_gid: it has a GID of its own; else it shares the port's
 * @gid: that GID
 * @ips_given: @ip is what the administrator says, not the guest
 * @nr_ips: entries of @ip
 * @ip: its IP addresses, those of IPv4 as ::ffff:a.b.c.d
 */
struct ibback_cm_guest_port {
	bool has_gid;
	u8 gid[16];
	bool ips_given;
	unsigned int nr_ips;
	u8 ip[IBBACK_CM_MAX_IPS][16];
};

/**
 * struct ibback_cm_guest - a guest that can have connections
 * @node_guid: the only CA GUID that it may say it has
 * @max_ids: how many connections it can have at once, those that are ending
 *	included
 * @owns_qp: whether a QP is the guest's; called without locks, may sleep
 * @has_pkey: whether a P_Key is one of the guest's at a port; the same
 * @entry: in cm->guests
 * @port: by port, from 1
 * @ids: its connections by state, those first that have been in it for the
 *	longest
 * @nr_ids: how many they are
 *
 * The first four are the owner's, and constant from ibback_cm_add_guest() on.
 * The rest is under cm->lock; @port may be set at any time.
 */
struct ibback_cm_guest {
	u64 node_guid;
	unsigned int max_ids;
	bool (*owns_qp)(struct ibback_cm_guest *guest, u32 qpn);
	bool (*has_pkey)(struct ibback_cm_guest *guest, u32 port, u16 pkey);
	struct list_head entry;
	struct ibback_cm_guest_port port[VIBIF_MAX_PORTS + 1];
	struct list_head ids[IBBACK_CM_NR_STATES];
	unsigned int nr_ids[IBBACK_CM_NR_STATES];
};

/**
 * struct ibback_cm - the demultiplexer of an HCA
 * @is_own_ip: whether an IP address is this domain's own, which nobody takes
 *	from it; does not sleep, and is constant
 * @lock: protects all else
 * @guests: the guests on the HCA
 * @port: by port, from 1
 * @seed: of the hashes, so that nobody can make them collide
 * @by_wire: connections by wire ID
 * @by_local: those that have one by the guest's ID
 * @by_peer: those that the peer has asked for, by the peer's ID, the newest
 *	first
 */
struct ibback_cm {
	bool (*is_own_ip)(const u8 *ip);
	spinlock_t lock;	/* see above */
	struct list_head guests;
	struct ibback_cm_port port[VIBIF_MAX_PORTS + 1];
	u32 seed;
	struct list_head by_wire[1 << IBBACK_CM_HASH_BITS];
	struct list_head by_local[1 << IBBACK_CM_HASH_BITS];
	struct list_head by_peer[1 << IBBACK_CM_HASH_BITS];
};

/**
 * struct ibback_cm_way - how a message travels
 * @port: the HCA's port
 * @lid: the LID of the other end
 * @now: nanoseconds, of a clock that does not go back
 */
struct ibback_cm_way {
	u32 port;
	u16 lid;
	u64 now;
};

struct ibback_cm *ibback_cm_create(bool (*is_own_ip)(const u8 *ip));
void ibback_cm_destroy(struct ibback_cm *cm);
void ibback_cm_set_port(struct ibback_cm *cm, u32 port, u16 lid, u8 lmc,
			const u8 *gid);

void ibback_cm_add_guest(struct ibback_cm *cm, struct ibback_cm_guest *guest);
void ibback_cm_del_guest(struct ibback_cm *cm, struct ibback_cm_guest *guest);
void ibback_cm_set_gid(struct ibback_cm *cm, struct ibback_cm_guest *guest,
		       u32 port, const u8 *gid);
void ibback_cm_set_ips(struct ibback_cm *cm, struct ibback_cm_guest *guest,
		       u32 port, const u8 *ips, unsigned int nr, bool given);

bool ibback_cm_is_message(const u8 *mad);
int ibback_cm_out(struct ibback_cm *cm, struct ibback_cm_guest *guest,
		  const struct ibback_cm_way *way, u8 *mad);
int ibback_cm_in(struct ibback_cm *cm, const struct ibback_cm_way *way,
		 u8 *mad, struct ibback_cm_guest **guest);

#endif /* IBBACK_CM_H */
