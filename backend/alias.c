// SPDX-License-Identifier: GPL-2.0-only
/*
 * GIDs that are guests' own: alias GUIDs of the HCA's ports.
 *
 * A port has a table of GUIDs. The first is its own. The others are for the
 * subnet manager to set, which is asked here for those that guests are to have.
 * Which index is whose belongs to the attached device, like its doorbell pages:
 * it is in xenstore, and a backend that is reloaded finds it there.
 *
 * A port whose GID is not decided yet is not active for the guest, so that the
 * guest finds one GID when the port comes up and keeps it. Where the subnet
 * manager gives none the guest has the port's, which all such guests share.
 */

#include <linux/completion.h>
#include <linux/slab.h>
#include <rdma/ib_cache.h>
#include <rdma/ib_mad.h>
#include <rdma/ib_sa.h>

#include "ibback.h"

#define GUIDS_PER_BLOCK		8
/* What a queue pair's context has room for */
#define MAX_INDEX		127
/* Of an EUI-64: it was not its maker who gave it */
#define LOCALLY_ADMINISTERED	(0x02ULL << 56)
/* For others to join the same question */
#define COLLECT_MS		20
#define SA_TIMEOUT_MS		1000
/*
 * Between tries while the subnet manager does not answer, and how many until
 * guests are not kept waiting: with the time that each waits for the answer,
 * ten seconds. It is asked for ever after, less often.
 */
#define RETRY_MS		1000
#define MAX_TRIES		5
#define RETRY_LATER_MS		10000
/* Looks at the HCA's table until what is not there is taken for lost */
#define LOST_TRIES		3
/* How often a GUID that somebody else has is asked for again */
#define MAX_TAKEN		10

/**
 * struct alias - an entry of a port's table of GUIDs
 * @dev: whose it is; NULL: nobody's
 * @wanted: what it is to be; 0: what the subnet manager chooses
 * @guid: what it is, or was last asked to be, the same
 * @told: the subnet manager may have it
 * @dirty: it is to be asked (again)
 * @assigned: it was asked to choose, having refused another
 * @refused: it has refused that, too
 * @tries: how often it was asked without an answer
 * @taken: how often the answer was that somebody else has it
 * @seq: changes with @dev
 */
struct alias {
	const struct ibback_dev *dev;
	u64 wanted;
	u64 guid;
	bool told;
	bool dirty;
	bool assigned;
	bool refused;
	u8 tries;
	u8 taken;
	u32 seq;
};

/**
 * struct ibback_aliases - the table of a port of an HCA
 * @hca: the HCA
 * @port: the port
 * @work: asks the subnet manager, and tells guests
 * @nr: entries of the table that guests can have, and the first
 * @nr_blocks: blocks of @alias, whose last one need not be full
 * @alias: by index in the table; [0] is not used
 */
struct ibback_aliases {
	struct ibback_hca *hca;
	u32 port;
	struct delayed_work work;
	u32 nr;
	u32 nr_blocks;
	struct alias alias[];
};

/* Protects all entries, and what devices know of theirs */
static DEFINE_MUTEX(alias_lock);

struct ib_sa_client ibback_sa_client;

static const char *const gid_states[] = {
	[IBBACK_GID_UNKNOWN] = "unknown",
	[IBBACK_GID_SHARED] = "shared",
	[IBBACK_GID_PENDING] = "pending",
	[IBBACK_GID_ALIAS] = "alias",
	[IBBACK_GID_ASSIGNED] = "assigned",
	[IBBACK_GID_REFUSED] = "refused",
	[IBBACK_GID_UNANSWERED] = "unanswered",
	[IBBACK_GID_NO_INDEX] = "no-index",
};

static u64 ibback_gid_guid(const union ib_gid *gid)
{
	__be64 guid;

	memcpy(&guid, gid->raw + 8, sizeof(guid));
	return be64_to_cpu(guid);
}

/* The GUID that the HCA has at an index, 0 if the entry is empty. */
static u64 ibback_alias_in_table(const struct ibback_aliases *a, u32 index)
{
	union ib_gid gid = {};

	return rdma_query_gid(a->hca->ibdev, a->port, index, &gid) ? 0 :
		ibback_gid_guid(&gid);
}

/* What a guest has of a port's table, or NULL. Nodes may say anything. */
static struct alias *ibback_alias_of(const struct ibback_dev *dev, u32 port)
{
	struct ibback_aliases *a = dev->hca->aliases[port];
	u32 index = dev->port[port].alias_index;

	return index && index < a->nr && a->alias[index].dev == dev ?
		&a->alias[index] : NULL;
}

/* ---- What a guest is told ---- */

/*
 * For people, and the toolstack. The toolstack may have removed the nodes, and
 * none is to be made anew.
 */
static void ibback_gid_publish(struct ibback_dev *dev, u32 port)
{
	const struct ibback_port *p = &dev->port[port];
	const char *dir = dev->xbdev->nodename;
	struct xenbus_transaction xbt;
	char state[sizeof(VIBIF_FIELD_GID_STATE) + 10];
	char index[sizeof(VIBIF_FIELD_GID_INDEX) + 10];
	char gid[sizeof(VIBIF_FIELD_GID) + 10];
	int err;

	snprintf(state, sizeof(state), VIBIF_FIELD_GID_STATE "%u", port);
	snprintf(index, sizeof(index), VIBIF_FIELD_GID_INDEX "%u", port);
	snprintf(gid, sizeof(gid), VIBIF_FIELD_GID "%u", port);
	do {
		err = xenbus_transaction_start(&xbt);
		if (err)
			break;
		/* Written last of what a device is attached with */
		if (xenbus_exists(xbt, dir, VIBIF_FIELD_UAR_COUNT)) {
			err = xenbus_printf(xbt, dir, state, "%s",
					    gid_states[p->gid_state]);
			err = err ?: xenbus_printf(xbt, dir, index, "%u",
						   p->alias_index);
			err = err ?: xenbus_printf(xbt, dir, gid, "%pI6",
						   p->gid.raw);
		}
		err = xenbus_transaction_end(xbt, err) ?: err;
	} while (err == -EAGAIN);
	if (err)
		dev_err(&dev->xbdev->dev, "cannot write the state of GIDs [%d]\n",
			err);
}

static bool ibback_port_active(struct ibback_hca *hca, u32 port, u16 *lid)
{
	struct ib_port_attr attr;

	if (ib_query_port(hca->ibdev, port, &attr))
		return false;
	*lid = attr.lid;
	return attr.state == IB_PORT_ACTIVE;
}

static enum ibback_gid_state
ibback_alias_state(const struct ibback_aliases *a, const struct alias *alias,
		   const struct ibback_port *p)
{
	u64 guid = ibback_alias_in_table(a, p->alias_index);

	if (alias->refused)
		return IBBACK_GID_REFUSED;
	if (guid && guid == alias->guid)
		return guid == p->guid ? IBBACK_GID_ALIAS : IBBACK_GID_ASSIGNED;
	return alias->tries < MAX_TRIES ? p->gid_state : IBBACK_GID_UNANSWERED;
}

/**
 * ibback_gid_get() - what a guest is told that its GID is
 * @dev: the guest's device
 * @port: a port of it
 * @gid: is filled
 *
 * While the subnet manager is being asked this is what it is asked for. The
 * port is not active by then, but IPoIB reads its GID, and not always again.
 *
 * Return: 0 or a negative errno.
 */
int ibback_gid_get(const struct ibback_dev *dev, u32 port, union ib_gid *gid)
{
	const struct ibback_port *p = &dev->port[port];
	bool pending = ibback_gid_pending(dev, port);
	__be64 guid = cpu_to_be64(p->guid);
	int err;

	err = rdma_query_gid(dev->hca->ibdev, port,
			     pending ? 0 : READ_ONCE(p->sgid_index), gid);
	if (!err && pending)
		memcpy(gid->raw + 8, &guid, sizeof(guid));
	return err;
}

/*
 * Decide what a guest's GID is by what is known now.
 *
 * Return: whether that is something else than before.
 */
static bool ibback_gid_decide(struct ibback_dev *dev, u32 port)
{
	const struct alias *alias = ibback_alias_of(dev, port);
	struct ibback_port *p = &dev->port[port];
	enum ibback_gid_state old = p->gid_state, new = old;
	union ib_gid gid = {}, told = {};
	bool changed;

	lockdep_assert_held(&alias_lock);

	if (alias)
		new = ibback_alias_state(dev->hca->aliases[port], alias, p);
	WRITE_ONCE(p->gid_state, new);
	WRITE_ONCE(p->sgid_index, ibback_gid_is_own(new) ? p->alias_index : 0);
	rdma_query_gid(dev->hca->ibdev, port, p->sgid_index, &gid);
	ibback_gid_get(dev, port, &told);
	changed = new != old || memcmp(&told, &p->gid, sizeof(told));
	p->gid = told;
	ibback_cm_set_gid(dev->hca->cm, &dev->cm, port,
			  ibback_gid_is_own(new) ? gid.raw : NULL);
	return changed;
}

/* A change of the HCA's table, or of what is known of it */
static void ibback_gid_settle(struct ibback_dev *dev, u32 port, bool active)
{
	struct ibback_port *p = &dev->port[port];
	bool was_pending = p->gid_state == IBBACK_GID_PENDING;

	if (p->gid_state == IBBACK_GID_UNKNOWN || !ibback_gid_decide(dev, port))
		return;
	ibback_gid_publish(dev, port);
	ibback_device_event(dev, VIBIF_EVENT_PORT(port,
						  VIBIF_EVENT_PORT_GID_CHANGE));
	if (was_pending && p->gid_state != IBBACK_GID_PENDING && active)
		ibback_device_event(dev,
				    VIBIF_EVENT_PORT(port,
						     VIBIF_EVENT_PORT_ACTIVE));
}

/* ---- What the subnet manager is asked ---- */

/**
 * struct question - about one block of a table
 * @rec: its GUIDs
 * @mask: which of them
 * @seq: whose they were when it was asked
 * @status: 0 or an errno
 * @done: there is an answer
 */
struct question {
	struct ib_sa_guidinfo_rec rec;
	ib_sa_comp_mask mask;
	u32 seq[GUIDS_PER_BLOCK];
	int status;
	struct completion done;
};

static void ibback_alias_answer(int status, struct ib_sa_guidinfo_rec *rec,
				void *context)
{
	struct question *q = context;

	q->status = status;
	if (!status && rec)
		q->rec = *rec;
	complete(&q->done);
}

/* An answer, or that there is none, comes soon after SA_TIMEOUT_MS at most. */
static int ibback_alias_ask(struct ibback_aliases *a, struct question *q,
			    u32 block, u16 lid, u8 method)
{
	struct ib_sa_query *query;
	int id;

	q->rec.lid = cpu_to_be16(lid);
	q->rec.block_num = block;
	init_completion(&q->done);
	id = ib_sa_guid_info_rec_query(&ibback_sa_client, a->hca->ibdev,
				       a->port, &q->rec,
				       IB_SA_GUIDINFO_REC_LID |
				       IB_SA_GUIDINFO_REC_BLOCK_NUM | q->mask,
				       method, SA_TIMEOUT_MS, GFP_KERNEL,
				       ibback_alias_answer, q, &query);
	if (id < 0)
		return id;
	wait_for_completion(&q->done);
	return q->status;
}

static u64 question_get(const struct question *q, u32 i)
{
	__be64 guid;

	memcpy(&guid, q->rec.guid_info_list + 8 * i, sizeof(guid));
	return be64_to_cpu(guid);
}

/* IB_SA_GUIDINFO_REC_GID0 and those that follow it */
static ib_sa_comp_mask question_bit(u32 i)
{
	return IB_SA_COMP_MASK(4 + i);
}

static void question_add(struct question *q, const struct alias *alias, u32 i,
			 u64 guid)
{
	__be64 value = cpu_to_be64(guid);

	memcpy(q->rec.guid_info_list + 8 * i, &value, sizeof(value));
	q->mask |= question_bit(i);
	q->seq[i] = alias->seq;
}

/* What nobody has any more, before others ask for the same elsewhere */
static void ibback_aliases_delete(struct ibback_aliases *a, u32 block, u16 lid)
{
	struct alias *alias = &a->alias[block * GUIDS_PER_BLOCK];
	struct question q = {};
	u32 i;

	mutex_lock(&alias_lock);
	for (i = 0; i < GUIDS_PER_BLOCK; i++)
		if (!alias[i].dev && alias[i].told)
			question_add(&q, &alias[i], i, ~0ULL);
	mutex_unlock(&alias_lock);
	if (!q.mask || ibback_alias_ask(a, &q, block, lid,
					IB_SA_METHOD_DELETE))
		return;
	mutex_lock(&alias_lock);
	for (i = 0; i < GUIDS_PER_BLOCK; i++)
		if (q.mask & question_bit(i) &&
		    q.seq[i] == alias[i].seq)
			alias[i].told = false;
	mutex_unlock(&alias_lock);
}

/* The subnet manager says that it is set, and it has not come. */
static bool ibback_alias_is_lost(const struct ibback_aliases *a, u32 index)
{
	const struct alias *alias = &a->alias[index];

	return alias->dev && !alias->dirty && alias->guid &&
	       alias->tries >= LOST_TRIES &&
	       ibback_alias_in_table(a, index) != alias->guid;
}

/*
 * A subnet manager sets what changes. When an HCA has lost its table, or a
 * table got lost on the way to it, and the subnet manager has not noticed, it
 * has to be told something else first. A GUID that is a member of a multicast
 * group cannot be deleted, but it can be replaced: by the one that differs in
 * who administers it, which nobody is likely to have.
 */
static void ibback_aliases_displace(struct ibback_aliases *a, u32 block,
				    u16 lid)
{
	struct alias *alias = &a->alias[block * GUIDS_PER_BLOCK];
	struct question q = {};
	u32 i;

	mutex_lock(&alias_lock);
	for (i = 0; i < GUIDS_PER_BLOCK; i++) {
		if (!ibback_alias_is_lost(a, block * GUIDS_PER_BLOCK + i))
			continue;
		question_add(&q, &alias[i], i,
			     alias[i].guid ^ LOCALLY_ADMINISTERED);
		alias[i].dirty = true;
	}
	mutex_unlock(&alias_lock);
	if (q.mask)
		ibback_alias_ask(a, &q, block, lid, IB_MGMT_METHOD_SET);
}

/*
 * Somebody else has the GUID. If that is the host that the guest comes from it
 * has it no more as soon as the guest runs here.
 */
static bool ibback_alias_may_come(struct alias *alias, u64 guid)
{
	if (!alias->guid || guid == alias->guid || alias->taken == MAX_TAKEN)
		return false;
	alias->taken++;
	alias->tries = 0;
	return true;
}

/* The subnet manager says what it has at the index. */
static void ibback_alias_answered(struct alias *alias, u64 guid)
{
	alias->dirty = false;
	if (guid && (guid == alias->guid || !alias->guid)) {
		alias->guid = guid;
	} else if (!alias->assigned) {
		/* Somebody has this one: any other will do */
		alias->assigned = true;
		alias->guid = 0;
		alias->dirty = true;
	} else {
		alias->refused = true;
	}
}

/*
 * All of a block's, for a subnet manager that has restarted sets the block to
 * those that it is told. Return: whether some are to be asked for otherwise.
 */
static bool ibback_aliases_set(struct ibback_aliases *a, u32 block, u16 lid)
{
	struct alias *alias = &a->alias[block * GUIDS_PER_BLOCK];
	struct question q = {};
	bool dirty = false;
	int err;
	u32 i;

	mutex_lock(&alias_lock);
	for (i = 0; i < GUIDS_PER_BLOCK; i++) {
		if (!alias[i].dev)
			continue;
		question_add(&q, &alias[i], i, alias[i].guid);
		alias[i].told = true;
		dirty |= alias[i].dirty;
	}
	mutex_unlock(&alias_lock);
	if (!dirty)
		return false;
	err = ibback_alias_ask(a, &q, block, lid, IB_MGMT_METHOD_SET);
	dirty = false;
	mutex_lock(&alias_lock);
	for (i = 0; i < GUIDS_PER_BLOCK; i++) {
		if (!(q.mask & question_bit(i)) ||
		    q.seq[i] != alias[i].seq)
			continue;
		/* What the SM says, and not that it says nothing */
		if (!err && ibback_alias_may_come(&alias[i],
						  question_get(&q, i)))
			continue;
		if (!err)
			ibback_alias_answered(&alias[i], question_get(&q, i));
		else if (err == -EINVAL)
			ibback_alias_answered(&alias[i], 0);
		else
			continue;
		dirty |= alias[i].dirty;
	}
	mutex_unlock(&alias_lock);
	return dirty;
}

/* Return: milliseconds until some are to be looked at again; 0: none. */
static unsigned int ibback_aliases_count(struct ibback_aliases *a)
{
	unsigned int again_ms = 0;
	u32 i;

	mutex_lock(&alias_lock);
	for (i = 1; i < a->nr; i++) {
		struct alias *alias = &a->alias[i];

		if (!alias->dev || alias->refused ||
		    (!alias->dirty && alias->guid &&
		     ibback_alias_in_table(a, i) == alias->guid))
			continue;
		if (alias->tries < MAX_TRIES)
			alias->tries++;
		if (alias->tries < MAX_TRIES)
			again_ms = RETRY_MS;
		else if (!again_ms)
			again_ms = RETRY_LATER_MS;
	}
	mutex_unlock(&alias_lock);
	return again_ms;
}

static void ibback_aliases_work(struct work_struct *work)
{
	struct ibback_aliases *a = container_of(to_delayed_work(work),
						struct ibback_aliases, work);
	unsigned int again_ms;
	u32 block;
	u16 lid;

	/* Else its coming up is the time */
	if (!ibback_port_active(a->hca, a->port, &lid))
		return;
	for (block = 0; block < a->nr_blocks; block++)
		ibback_aliases_delete(a, block, lid);
	for (block = 0; block < a->nr_blocks; block++)
		ibback_aliases_displace(a, block, lid);
	for (block = 0; block < a->nr_blocks; block++)
		if (ibback_aliases_set(a, block, lid))
			ibback_aliases_set(a, block, lid);
	again_ms = ibback_aliases_count(a);
	ibback_hca_gids_changed(a->hca, a->port);
	if (again_ms)
		queue_delayed_work(system_unbound_wq, &a->work,
				   msecs_to_jiffies(again_ms));
}

static void ibback_aliases_kick(struct ibback_aliases *a)
{
	mod_delayed_work(system_unbound_wq, &a->work,
			 msecs_to_jiffies(COLLECT_MS));
}

/* ---- Whose they are ---- */

/*
 * A free one, best that which has this GUID: the subnet manager gives none
 * twice. What another GUID is at may be somebody's.
 */
static u32 ibback_alias_find(const struct ibback_aliases *a, u64 guid)
{
	u32 i, found = 0;
	u64 there;

	for (i = a->nr - 1; i; i--) {
		if (a->alias[i].dev)
			continue;
		there = a->alias[i].told ? a->alias[i].guid :
			ibback_alias_in_table(a, i);
		if (there && there == guid)
			return i;
		if (!a->alias[i].told && !there)
			found = i;
	}
	return found;
}

static void ibback_alias_claim(struct ibback_dev *dev, u32 port)
{
	struct ibback_aliases *a = dev->hca->aliases[port];
	struct ibback_port *p = &dev->port[port];
	struct alias *alias;
	u64 there;

	p->gid_state = IBBACK_GID_SHARED;
	if (!p->wants_alias) {
		p->alias_index = 0;
	} else {
		p->gid_state = IBBACK_GID_PENDING;
		if (!p->alias_index || p->alias_index >= a->nr ||
		    a->alias[p->alias_index].dev)
			p->alias_index = ibback_alias_find(a, p->guid);
		if (!p->alias_index)
			p->gid_state = IBBACK_GID_NO_INDEX;
	}
	if (p->gid_state == IBBACK_GID_PENDING) {
		alias = &a->alias[p->alias_index];
		there = ibback_alias_in_table(a, p->alias_index);
		*alias = (struct alias) {
			.dev = dev,
			.wanted = p->guid,
			/* What the subnet manager has chosen stays */
			.guid = p->guid ?: there,
			/* An earlier backend has */
			.told = alias->told || there,
			.dirty = true,
			.seq = alias->seq + 1,
		};
		ibback_aliases_kick(a);
	}
	ibback_gid_decide(dev, port);
	ibback_gid_publish(dev, port);
}

/**
 * ibback_aliases_claim() - have a GID of its own for each port that wants one
 * @dev: the guest's device, with an HCA; dev->lock is held
 *
 * What it had before, as xenstore or @dev says, it has again if it can.
 */
void ibback_aliases_claim(struct ibback_dev *dev)
{
	u32 port;

	mutex_lock(&alias_lock);
	for (port = 1; port <= dev->limits.num_ports; port++)
		ibback_alias_claim(dev, port);
	mutex_unlock(&alias_lock);
}

/**
 * ibback_aliases_release() - give its GIDs back, or leave them
 * @dev: the guest's device, with no queue pair any more; dev->lock is held
 * @keep: for the next backend
 */
void ibback_aliases_release(struct ibback_dev *dev, bool keep)
{
	struct alias *alias;
	u32 port;

	mutex_lock(&alias_lock);
	for (port = 1; dev->hca && port <= dev->limits.num_ports; port++) {
		alias = ibback_alias_of(dev, port);
		dev->port[port].gid_state = IBBACK_GID_UNKNOWN;
		if (!alias)
			continue;
		alias->dev = NULL;
		alias->seq++;
		if (keep)
			alias->told = false;
		else if (alias->told)
			ibback_aliases_kick(dev->hca->aliases[port]);
	}
	mutex_unlock(&alias_lock);
}

/**
 * ibback_gids_forget() - the HCA goes, and all that it has of a guest's GIDs
 * @dev: the guest's device, which is to have the same when the HCA is back
 */
void ibback_gids_forget(struct ibback_dev *dev)
{
	u32 port;

	mutex_lock(&alias_lock);
	for (port = 1; port <= VIBIF_MAX_PORTS; port++)
		dev->port[port].gid_state = IBBACK_GID_UNKNOWN;
	mutex_unlock(&alias_lock);
}

/**
 * ibback_gid_pending() - whether a port is kept from a guest until it has a GID
 * @dev: the guest's device
 * @port: a port of it
 */
bool ibback_gid_pending(const struct ibback_dev *dev, u32 port)
{
	return READ_ONCE(dev->port[port].gid_state) == IBBACK_GID_PENDING;
}

/**
 * ibback_gids_changed() - the table of an HCA's port, or what is known of it,
 * has changed
 * @hca: the HCA; ibback_hca_mutex is held
 * @port: a port of it
 */
void ibback_gids_changed(struct ibback_hca *hca, u32 port)
{
	struct ibback_dev *dev;
	u16 lid;
	bool active = ibback_port_active(hca, port, &lid);

	mutex_lock(&alias_lock);
	list_for_each_entry(dev, &hca->devices, hca_entry)
		ibback_gid_settle(dev, port, active);
	mutex_unlock(&alias_lock);
}

/**
 * ibback_aliases_ask_again() - the subnet manager may be another, or willing
 * @hca: the HCA
 * @port: a port of it
 */
void ibback_aliases_ask_again(struct ibback_hca *hca, u32 port)
{
	struct ibback_aliases *a = hca->aliases[port];
	bool some = false;
	u32 i;

	mutex_lock(&alias_lock);
	for (i = 1; i < a->nr; i++) {
		struct alias *alias = &a->alias[i];

		some |= alias->dev || alias->told;
		if (!alias->dev)
			continue;
		if (alias->refused) {
			alias->guid = alias->wanted;
			alias->assigned = false;
			alias->refused = false;
		}
		alias->dirty = true;
		alias->tries = 0;
	}
	mutex_unlock(&alias_lock);
	if (some)
		ibback_aliases_kick(a);
}

/**
 * ibback_aliases_open() - make room for the GIDs of an HCA's guests
 * @hca: the HCA, with limits
 *
 * Return: 0 or -ENOMEM.
 */
int ibback_aliases_open(struct ibback_hca *hca)
{
	struct ibback_aliases *a;
	u32 port, nr, nr_blocks;

	for (port = 1; port <= hca->limits.num_ports; port++) {
		nr = min(hca->limits.gid_tbl_len[port], (u32)MAX_INDEX + 1);
		nr_blocks = DIV_ROUND_UP(nr, GUIDS_PER_BLOCK);
		a = kzalloc(struct_size(a, alias, nr_blocks * GUIDS_PER_BLOCK),
			    GFP_KERNEL);
		if (!a) {
			ibback_aliases_close(hca);
			return -ENOMEM;
		}
		a->hca = hca;
		a->port = port;
		a->nr = nr;
		a->nr_blocks = nr_blocks;
		INIT_DELAYED_WORK(&a->work, ibback_aliases_work);
		hca->aliases[port] = a;
	}
	return 0;
}

/**
 * ibback_aliases_close() - undo ibback_aliases_open(), also in part
 * @hca: the HCA, which no device is on
 */
void ibback_aliases_close(struct ibback_hca *hca)
{
	u32 port;

	for (port = 1; port <= hca->limits.num_ports; port++) {
		if (!hca->aliases[port])
			continue;
		cancel_delayed_work_sync(&hca->aliases[port]->work);
		kfree(hca->aliases[port]);
		hca->aliases[port] = NULL;
	}
}

void ibback_aliases_init(void)
{
	ib_sa_register_client(&ibback_sa_client);
}

void ibback_aliases_exit(void)
{
	ib_sa_unregister_client(&ibback_sa_client);
}
