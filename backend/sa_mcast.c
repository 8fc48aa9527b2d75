// SPDX-License-Identifier: GPL-2.0-only
/*
 * The multicast groups that a guest has joined.
 *
 * The subnet manager knows that a port is in a group, and not for whom. Among
 * the port's users ib_core counts: the first joins, the last leaves. So what a
 * guest asks of the subnet administration (SA) is done here, as one more user,
 * and what the guest leaves behind is left for it.
 *
 * A membership ends when the subnet manager, or ib_core, has forgotten it. The
 * guest is told, and joins again.
 */

#include <linux/log2.h>
#include <linux/slab.h>
#include <rdma/ib_cache.h>
#include <rdma/ib_mad.h>
#include <rdma/ib_sa.h>

#include "ibback.h"

/* Status of an answer of the SA's (IBTA, 15.2.3) */
#define SA_NO_RESOURCES		0x0100
#define SA_INVALID		0x0200
#define SA_INVALID_GID		0x0500
#define SA_INCOMPLETE		0x0600
#define SA_DENIED		0x0700

/* Who is to be in which group */
#define MASK_LEAVE	(IB_SA_MCMEMBER_REC_MGID |			\
			 IB_SA_MCMEMBER_REC_PORT_GID |			\
			 IB_SA_MCMEMBER_REC_JOIN_STATE)
/* And in which partition: the port can be in one that is not the guest's */
#define MASK_JOIN	(MASK_LEAVE | IB_SA_MCMEMBER_REC_PKEY)

/* An MCMemberRecord as it is in a MAD (IBTA, 15.2.5.17) */
struct mcmember {
	union ib_gid mgid;
	union ib_gid port_gid;
	__be32 qkey;
	__be16 mlid;
	u8 mtu;			/* and its selector above it */
	u8 traffic_class;
	__be16 pkey;
	u8 rate;		/* the same */
	u8 packet_life_time;	/* the same */
	__be32 sl_flow_hop;
	u8 scope_state;
	u8 proxy_join;
	u8 reserved[2];
} __packed;

/* What an MGID of IPoIB has for IPv4 and IPv6 (RFC 4391, section 4) */
#define IPOIB_IPV4		0x401b
#define IPOIB_IPV6		0x601b

#define SELECTOR_SHIFT		6
#define SELECTED		0x3f
#define SL_SHIFT		28
#define FLOW_SHIFT		8
#define FLOW_MASK		0xfffff
#define SCOPE_SHIFT		4
#define STATE_MASK		0xf

/**
 * struct ibback_member - a membership of a group, or a try to have one
 * @entry: in the guest's members.list, then in members.left
 * @dev: the guest's device
 * @sa: ib_core's
 * @asked: what the guest has sent, last if it has repeated it
 * @joined: it is one, and the guest has its answer
 * @left: it is in members.left, or out of that
 */
struct ibback_member {
	struct list_head entry;
	struct ibback_dev *dev;
	struct ib_sa_multicast *sa;
	struct vibif_mad asked;
	bool joined;
	bool left;
};

static const struct ib_sa_mad *ibback_sa_mad(const struct vibif_mad *m)
{
	static_assert(sizeof(struct ib_sa_mad) == sizeof(m->mad));
	return (const struct ib_sa_mad *)m->mad;
}

static const struct mcmember *ibback_sa_wanted(const struct vibif_mad *m)
{
	static_assert(sizeof(struct mcmember) == 52);
	return (const struct mcmember *)ibback_sa_mad(m)->data;
}

static u8 ibback_sa_state(const struct vibif_mad *m)
{
	return ibback_sa_wanted(m)->scope_state & STATE_MASK;
}

static bool ibback_sa_same_group(const struct vibif_mad *a,
				 const struct vibif_mad *b)
{
	return a->port == b->port &&
		!memcmp(&ibback_sa_wanted(a)->mgid, &ibback_sa_wanted(b)->mgid,
			sizeof(union ib_gid));
}

static bool ibback_sa_same(const struct vibif_mad *a, const struct vibif_mad *b)
{
	return ibback_sa_mad(a)->sa_hdr.comp_mask ==
		ibback_sa_mad(b)->sa_hdr.comp_mask &&
		!memcmp(ibback_sa_wanted(a), ibback_sa_wanted(b),
			sizeof(struct mcmember));
}

static void ibback_sa_unpack(const struct mcmember *in,
			     struct ib_sa_mcmember_rec *rec)
{
	u32 word = be32_to_cpu(in->sl_flow_hop);

	*rec = (struct ib_sa_mcmember_rec) {
		.mgid = in->mgid,
		.port_gid = in->port_gid,
		.qkey = in->qkey,
		.mlid = in->mlid,
		.mtu_selector = in->mtu >> SELECTOR_SHIFT,
		.mtu = in->mtu & SELECTED,
		.traffic_class = in->traffic_class,
		.pkey = in->pkey,
		.rate_selector = in->rate >> SELECTOR_SHIFT,
		.rate = in->rate & SELECTED,
		.packet_life_time_selector =
			in->packet_life_time >> SELECTOR_SHIFT,
		.packet_life_time = in->packet_life_time & SELECTED,
		.sl = word >> SL_SHIFT,
		.flow_label = cpu_to_be32(word >> FLOW_SHIFT & FLOW_MASK),
		.hop_limit = word,
		.scope = in->scope_state >> SCOPE_SHIFT,
		.join_state = in->scope_state & STATE_MASK,
	};
}

static void ibback_sa_pack(const struct ib_sa_mcmember_rec *rec,
			   struct mcmember *out)
{
	*out = (struct mcmember) {
		.mgid = rec->mgid,
		.port_gid = rec->port_gid,
		.qkey = rec->qkey,
		.mlid = rec->mlid,
		.mtu = rec->mtu_selector << SELECTOR_SHIFT | rec->mtu,
		.traffic_class = rec->traffic_class,
		.pkey = rec->pkey,
		.rate = rec->rate_selector << SELECTOR_SHIFT | rec->rate,
		.packet_life_time =
			rec->packet_life_time_selector << SELECTOR_SHIFT |
			rec->packet_life_time,
		.sl_flow_hop = cpu_to_be32((u32)rec->sl << SL_SHIFT |
					   be32_to_cpu(rec->flow_label) <<
					   FLOW_SHIFT | rec->hop_limit),
		.scope_state = rec->scope << SCOPE_SHIFT | rec->join_state,
	};
}

/* Answer in the SA's name, with @rec or what was asked. */
static void ibback_sa_answer(struct ibback_dev *dev,
			     const struct vibif_mad *asked, u16 status,
			     const struct ib_sa_mcmember_rec *rec)
{
	struct vibif_mad m = *asked;
	struct ib_sa_mad *mad = (struct ib_sa_mad *)m.mad;

	mad->mad_hdr.method = mad->mad_hdr.method == IB_MGMT_METHOD_SET ?
		IB_MGMT_METHOD_GET_RESP : IB_SA_METHOD_DELETE_RESP;
	mad->mad_hdr.status = cpu_to_be16(status);
	if (rec)
		ibback_sa_pack(rec, (struct mcmember *)mad->data);
	ibback_gsi_answer(dev, &m);
}

/* ---- What ib_core says ---- */

static void ibback_member_leave(struct ibback_member *member)
{
	struct ibback_members *members = &member->dev->members;

	lockdep_assert_held(&members->lock);
	member->left = true;
	list_move_tail(&member->entry, &members->left);
	queue_delayed_work(system_unbound_wq, &members->work, 0);
}

/*
 * A guest that asks for what it has is a member anew, by ib_core's word, and
 * then no more by that of the earlier time. The guest learns all states that
 * it is in the group with, as from a subnet manager that it is alone with.
 */
static void ibback_member_joined(struct ibback_member *member)
{
	struct ibback_dev *dev = member->dev;
	struct ib_sa_mcmember_rec rec = member->sa->rec;
	struct ibback_member *other, *next;
	u8 state = ibback_sa_state(&member->asked);

	list_for_each_entry_safe(other, next, &dev->members.list, entry) {
		if (!other->joined ||
		    !ibback_sa_same_group(&other->asked, &member->asked))
			continue;
		rec.join_state |= ibback_sa_state(&other->asked);
		if (ibback_sa_state(&other->asked) == state)
			ibback_member_leave(other);
	}
	member->joined = true;
	rec.port_gid = ibback_sa_wanted(&member->asked)->port_gid;
	ibback_sa_answer(dev, &member->asked, 0, &rec);
}

/*
 * Called by ib_core, and again when a membership has ended. It waits for nobody
 * but others here, none of whom waits for it: memberships are given back
 * without the lock.
 *
 * Return: 0, it is always ibback_members_give_back() that frees it.
 */
static int ibback_member_status(int status, struct ib_sa_multicast *sa)
{
	struct ibback_member *member = sa->context;
	struct ibback_members *members = &member->dev->members;
	unsigned int lost;

	mutex_lock(&members->lock);
	if (member->left)
		goto out;
	if (!status) {
		ibback_member_joined(member);
		goto out;
	}
	lost = VIBIF_EVENT_PORT(member->asked.port,
				VIBIF_EVENT_PORT_CLIENT_REREGISTER);
	if (member->joined)
		ibback_device_event(member->dev, lost);
	/* If the subnet manager is silent, so is this domain */
	else if (status == -EINVAL)
		ibback_sa_answer(member->dev, &member->asked, SA_INVALID, NULL);
	ibback_member_leave(member);
out:
	mutex_unlock(&members->lock);
	return 0;
}

/* ib_core waits for a callback that runs, and then calls no more. */
static void ibback_members_give_back(struct ibback_dev *dev)
{
	struct ibback_members *members = &dev->members;
	struct ibback_member *member;

	mutex_lock(&members->lock);
	while (!list_empty(&members->left)) {
		member = list_first_entry(&members->left, struct ibback_member,
					  entry);
		list_del(&member->entry);
		mutex_unlock(&members->lock);
		ib_sa_free_multicast(member->sa);
		kfree(member);
		ibback_uncharge(dev, IBBACK_MCAST, 1);
		mutex_lock(&members->lock);
	}
	mutex_unlock(&members->lock);
}

static void ibback_members_work(struct work_struct *work)
{
	ibback_members_give_back(container_of(to_delayed_work(work),
					      struct ibback_dev, members.work));
}

/* ---- What the guest says ---- */

static bool ibback_sa_own_gid(struct ibback_dev *dev, const struct vibif_mad *m)
{
	union ib_gid gid;

	return !rdma_query_gid(dev->hca->ibdev, m->port,
			       READ_ONCE(dev->port[m->port].sgid_index),
			       &gid) &&
		!memcmp(&ibback_sa_wanted(m)->port_gid, &gid, sizeof(gid));
}

/* Return: 0 or a status of the SA's. */
static u16 ibback_sa_check(struct ibback_dev *dev, const struct vibif_mad *m,
			   ib_sa_comp_mask needed)
{
	ib_sa_comp_mask mask = ibback_sa_mad(m)->sa_hdr.comp_mask;

	if ((mask & needed) != needed)
		return SA_INCOMPLETE;
	/* It speaks for nobody else */
	if (mask & IB_SA_MCMEMBER_REC_PROXY_JOIN ||
	    !ibback_sa_own_gid(dev, m))
		return SA_INVALID_GID;
	return 0;
}

/* A group of IPoIB has its P_Key in its MGID, too: RFC 4391, section 4. */
static bool ibback_sa_is_in(const union ib_gid *mgid, u16 pkey)
{
	u16 signature = mgid->raw[2] << 8 | mgid->raw[3];
	u16 partition = mgid->raw[4] << 8 | mgid->raw[5];

	return (signature != IPOIB_IPV4 && signature != IPOIB_IPV6) ||
		!((partition ^ pkey) & IBBACK_PARTITION);
}

/* Groups that the SA is to name are not for guests, nor several states. */
static u16 ibback_sa_check_join(struct ibback_dev *dev,
				const struct vibif_mad *m)
{
	const struct mcmember *wanted = ibback_sa_wanted(m);
	u16 status = ibback_sa_check(dev, m, MASK_JOIN);

	if (status)
		return status;
	if (wanted->mgid.raw[0] != 0xff ||
	    !is_power_of_2(ibback_sa_state(m)))
		return SA_INVALID;
	return ibback_has_pkey(dev, m->port, be16_to_cpu(wanted->pkey)) &&
		ibback_sa_is_in(&wanted->mgid, be16_to_cpu(wanted->pkey)) ?
		0 : SA_DENIED;
}

/* Have ib_core join, as the port: it knows no other GID in groups. */
static u16 ibback_member_start(struct ibback_dev *dev,
			       const struct vibif_mad *m)
{
	struct ib_device *ibdev = dev->hca->ibdev;
	struct ib_sa_mcmember_rec rec;
	struct ibback_member *member;

	ibback_sa_unpack(ibback_sa_wanted(m), &rec);
	if (rdma_query_gid(ibdev, m->port, 0, &rec.port_gid) ||
	    ibback_charge(dev, IBBACK_MCAST, 1))
		return SA_NO_RESOURCES;
	member = kzalloc(sizeof(*member), GFP_KERNEL);
	if (!member)
		goto err_uncharge;
	member->dev = dev;
	member->asked = *m;
	member->sa = ib_sa_join_multicast(&ibback_sa_client, ibdev, m->port,
					  &rec,
					  ibback_sa_mad(m)->sa_hdr.comp_mask,
					  GFP_KERNEL, ibback_member_status,
					  member);
	if (IS_ERR(member->sa))
		goto err_free;
	list_add_tail(&member->entry, &dev->members.list);
	return 0;

err_free:
	kfree(member);
err_uncharge:
	ibback_uncharge(dev, IBBACK_MCAST, 1);
	return SA_NO_RESOURCES;
}

/* One that is being joined, and is not again; or NULL */
static struct ibback_member *ibback_member_find(struct ibback_dev *dev,
						const struct vibif_mad *m)
{
	struct ibback_member *member;

	list_for_each_entry(member, &dev->members.list, entry)
		if (!member->joined &&
		    ibback_sa_same_group(&member->asked, m) &&
		    ibback_sa_state(&member->asked) == ibback_sa_state(m))
			return member;
	return NULL;
}

static enum ibback_counter ibback_sa_join(struct ibback_dev *dev,
					  const struct vibif_mad *m)
{
	enum ibback_counter count = IBBACK_COUNT_MAD_TX;
	u16 status = ibback_sa_check_join(dev, m);
	struct ibback_member *member;

	mutex_lock(&dev->members.lock);
	member = ibback_member_find(dev, m);
	if (status)
		;
	else if (!member)
		status = ibback_member_start(dev, m);
	else if (ibback_sa_same(&member->asked, m))
		member->asked = *m;
	else
		count = IBBACK_COUNT_MAD_DROPPED;
	mutex_unlock(&dev->members.lock);
	if (status) {
		ibback_sa_answer(dev, m, status, NULL);
		count = IBBACK_COUNT_MAD_REFUSED;
	}
	return count;
}

static enum ibback_counter ibback_sa_leave(struct ibback_dev *dev,
					   const struct vibif_mad *m)
{
	u16 status = ibback_sa_check(dev, m, MASK_LEAVE);
	struct ibback_member *member, *next;
	bool found = false;

	mutex_lock(&dev->members.lock);
	list_for_each_entry_safe(member, next, &dev->members.list, entry) {
		if (status || !ibback_sa_same_group(&member->asked, m) ||
		    !(ibback_sa_state(&member->asked) & ibback_sa_state(m)))
			continue;
		ibback_member_leave(member);
		found = true;
	}
	mutex_unlock(&dev->members.lock);
	if (!status && !found)
		status = SA_INVALID;
	ibback_sa_answer(dev, m, status, NULL);
	return status ? IBBACK_COUNT_MAD_REFUSED : IBBACK_COUNT_MAD_TX;
}

/**
 * ibback_members_ask() - do what a guest wants of its memberships
 * @dev: the guest's device
 * @m: a Set or Delete of an MCMemberRecord, a copy that has been checked
 *
 * Return: what to count.
 */
enum ibback_counter ibback_members_ask(struct ibback_dev *dev,
				       const struct vibif_mad *m)
{
	return ibback_sa_mad(m)->mad_hdr.method == IB_MGMT_METHOD_SET ?
		ibback_sa_join(dev, m) : ibback_sa_leave(dev, m);
}

/**
 * ibback_members_leave() - leave all groups of a guest
 * @dev: its device, which asks no more
 *
 * After this nothing is heard of them any more. Others of the port stay.
 */
void ibback_members_leave(struct ibback_dev *dev)
{
	struct ibback_members *members = &dev->members;
	struct ibback_member *member, *next;

	mutex_lock(&members->lock);
	list_for_each_entry_safe(member, next, &members->list, entry)
		ibback_member_leave(member);
	mutex_unlock(&members->lock);
	cancel_delayed_work_sync(&members->work);
	ibback_members_give_back(dev);
}

/**
 * ibback_members_init() - before a guest asks for anything
 * @dev: its device
 */
void ibback_members_init(struct ibback_dev *dev)
{
	struct ibback_members *members = &dev->members;

	mutex_init(&members->lock);
	INIT_LIST_HEAD(&members->list);
	INIT_LIST_HEAD(&members->left);
	INIT_DELAYED_WORK(&members->work, ibback_members_work);
}
