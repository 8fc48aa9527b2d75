/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private declarations of the backend.
 *
 * Lock order, outermost first:
 *	ibback_hca_mutex	HCAs and the devices on each
 *	ibback_dev.lock		state machine, connection
 *	ibback_dev.walk_lock	removal of objects from the table
 *	ibback_obj.lock		commands on one object
 *	the quarantine's lock, in uar.c; the lock of GIDs, in alias.c; that of
 *	hooks, in gsi_hook.c
 *	ibback_members.lock
 *	ibback_dev.objects.xa_lock, ibback_dev.uar_lock, ibback_dev.mcast_lock,
 *	ibback_ring.lock, ibback_events.lock, ibback_gsi_port.lock,
 *	ibback_gsi.rx_lock, ibback_cm.lock
 */
#ifndef IBBACK_H
#define IBBACK_H

#include <linux/atomic.h>
#include <linux/hashtable.h>
#include <linux/interrupt.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <xen/grant_table.h>
#include <xen/xenbus.h>

#include "cm.h"
#include "compat.h"
#include "hca.h"
#include "validate.h"

/* What a guest can hold; its name in statistics is that of its quota. */
#define IBBACK_RESOURCE_ENUM(id, name, quota)	IBBACK_##id,
enum ibback_resource {
	VIBIF_QUOTAS(IBBACK_RESOURCE_ENUM)
	IBBACK_NR_RESOURCES
};

/* What is counted for a device from its creation on */
#define IBBACK_COUNTERS(X)			\
	X(REQUESTS, requests)			\
	X(EVENTS, events)			\
	X(EVENT_NS, event_ns)			\
	X(THROTTLED, throttled)			\
	X(ERRORS, errors)			\
	X(MAD_TX, mad_tx)			\
	X(MAD_RX, mad_rx)			\
	X(MAD_REFUSED, mad_refused)		\
	X(MAD_DROPPED, mad_dropped)

/* What a guest has no quota for, and is refused nevertheless */
#define IBBACK_LIMITS(X)			\
	X(EVENT_WORDS, event_words)		\
	X(GROUP_QPS, group_qps)			\
	X(CONNECTIONS, connections)		\
	X(MAPTRACK, maptrack)			\
	X(REQUESTS, requests)

#define IBBACK_QUOTA_LIMIT_ENUM(id, name, quota)	IBBACK_LIMIT_##id,
#define IBBACK_LIMIT_ENUM(id, name)			IBBACK_LIMIT_##id,
/* Those of quotas have the numbers of enum ibback_resource. */
enum ibback_limit {
	VIBIF_QUOTAS(IBBACK_QUOTA_LIMIT_ENUM)
	IBBACK_LIMITS(IBBACK_LIMIT_ENUM)
	IBBACK_NR_LIMITS
};

#define IBBACK_COUNTER_ENUM(id, name)		IBBACK_COUNT_##id,
enum ibback_counter {
	IBBACK_COUNTERS(IBBACK_COUNTER_ENUM)
	IBBACK_NR_COUNTERS
};

/* What the whole module holds, besides the resources of all guests */
#define IBBACK_TOTALS(X)			\
	X(DEVICES, devices)			\
	X(GRANTS, grants)			\
	X(UARS, uars)				\
	X(STUCK, stuck)

#define IBBACK_TOTAL_ENUM(id, name)		IBBACK_TOTAL_##id,
enum ibback_total {
	IBBACK_TOTALS(IBBACK_TOTAL_ENUM)
	IBBACK_NR_TOTALS
};

/* QPs of one guest in one multicast group */
#define IBBACK_MAX_GROUP_QPS	16

/* The HCA counts QPNs up, so the QPs of a guest spread well */
#define IBBACK_QP_HASH_BITS	8

struct ib_sa_client;
struct ibback_dev;
struct ibback_gsi;

/**
 * struct ibback_pages - pages of the guest, mapped for the HCA
 * @dma: their bus addresses
 * @handle: their grant handles
 */
struct ibback_pages {
	struct ibback_dma dma;
	grant_handle_t *handle;
};

/**
 * struct ibback_queue - a queue in the guest's memory
 * @pages: the queue itself
 * @db: the page with its doorbell record
 * @db_addr: bus address of the record, 0 if it has none
 */
struct ibback_queue {
	struct ibback_pages pages;
	struct ibback_pages db;
	u64 db_addr;
};

#define IBBACK_MAX_DEPS		6

/**
 * struct ibback_obj - an object that a guest has created
 * @dev: whose it is
 * @type: what it is, of IBBACK_OBJECTS
 * @handle: its name on the wire
 * @number: its name in the HCA: UAR, PDN, CQN, QPN, SRQN or key; 0: none
 * @refs: 1 for the table, and one for each object that depends on it and each
 *	request that works on it; it can be destroyed when this is 1
 * @lock: held during commands that change it
 * @nr_deps: entries of @dep
 * @dep: the objects it depends on, each with a reference; changes under
 *	dev->objects.xa_lock
 */
struct ibback_obj {
	struct ibback_dev *dev;
	enum ibback_resource type;
	u32 handle;
	u32 number;
	refcount_t refs;
	struct mutex lock;	/* orders commands on the object */
	unsigned int nr_deps;
	struct ibback_obj *dep[IBBACK_MAX_DEPS];
};

/* Begins with what all kinds of objects have, whose name is obj in each. */
#define ibback_to(kind, o)	container_of(o, struct ibback_##kind, obj)

/* What objects use of each other; a PD is its number, and nothing else */
struct ibback_context {
	struct ibback_obj obj;
	struct ibback_uar *uar;	/* hca->uars_per_context of them */
};

/**
 * struct ibback_cq - a completion queue
 * @obj: depends on the context
 * @hw: the HCA's
 * @count: event moderation that the guest has set: completions, and
 * @period_us: microseconds
 * @queue: its memory
 */
struct ibback_cq {
	struct ibback_obj obj;
	struct ibback_hw_cq *hw;
	u16 count;
	u16 period_us;
	struct ibback_queue queue;
};

struct ibback_srq {
	struct ibback_obj obj;
	struct ibback_hw_srq *hw;
	u32 nr_wqes;
	struct ibback_queue queue;
};

/* A request taken from the ring, until its response is there; or the reader. */
struct ibback_request {
	struct work_struct work;
	struct list_head entry;		/* in ring.idle */
	struct ibback_dev *dev;
	struct vibif_req req;
	u64 since;	/* ktime of its arrival, 0: none; under ring.lock */
	bool executing;	/* it waits for others no more */
};

/**
 * struct ibback_channel - pages that the frontend shares, and an event channel
 * @area: the pages, NULL if not mapped
 * @nr_pages: how many
 * @evtchn: the frontend's event channel
 * @irq: of the event channel, 0 if it is not bound
 */
struct ibback_channel {
	void *area;
	unsigned int nr_pages;
	unsigned int evtchn;
	int irq;
};

/**
 * struct ibback_channel_nodes - where the frontend announces a channel
 * @what: for messages
 * @order: node of log2 of the number of pages,
 * @min_order: from this
 * @max_order: up to this
 * @ref: nodes of the pages' references, without their number
 * @evtchn: node of the event channel
 */
struct ibback_channel_nodes {
	const char *what;
	const char *order;
	unsigned int min_order;
	unsigned int max_order;
	const char *ref;
	const char *evtchn;
};

/**
 * struct ibback_ring - the request ring of a connected device
 * @channel: its pages and event channel
 * @back: indices, valid while @channel is mapped
 * @lock: protects the response side of @back, @idle, and @requests appearing
 *	and going
 * @idle: requests free to be used
 * @requests: one for each slot of the ring, and @reader; NULL if not connected
 * @nr_requests: how many
 * @workqueue: executes requests; bounds how many of one guest are in flight
 * @reader: the work of this one reads the ring next. It belongs to whoever may
 *	queue that: to the interrupt, and without an EOI to the work itself
 * @stopped: nothing is read from the ring any more: it is not connected, or the
 *	frontend broke its rules
 */
struct ibback_ring {
	struct ibback_channel channel;
	struct vibif_back_ring back;
	spinlock_t lock;	/* see above */
	struct list_head idle;
	struct ibback_request *requests;
	unsigned int nr_requests;
	struct workqueue_struct *workqueue;
	struct ibback_request *reader;
	bool stopped;
};

/**
 * struct ibback_events - the event area of a connected device
 * @channel: its pages and event channel
 * @lock: the channel stays while it is held and @open
 * @open: the channel is mapped and bound
 * @stopped: events of objects are not told any more
 * @window: when the current second of the budget began, by local_clock()
 * @spent: nanoseconds that events have taken since
 * @withheld: the guest was over its budget and has not been notified since
 * @late_work: notifies a guest over its budget, and moderates its CQs
 * @struck: the last @window in which the guest was over its budget
 * @strikes: how many there were while its CQs were moderated
 * @quiet_at: jiffies when that ends if there is no other
 *
 * The last three are @late_work's own.
 */
struct ibback_events {
	struct ibback_channel channel;
	spinlock_t lock;	/* see above */
	bool open;
	bool stopped;
	u64 window;
	atomic64_t spent;
	bool withheld;
	struct delayed_work late_work;
	u64 struck;
	unsigned int strikes;
	unsigned long quiet_at;
};

/**
 * struct ibback_members - the multicast groups that a guest has joined
 * @lock: protects the lists and what is in them
 * @list: struct ibback_member, one for each group and kind of membership
 * @left: those to be given back
 * @work: does that
 */
struct ibback_members {
	struct mutex lock;	/* see above */
	struct list_head list;
	struct list_head left;
	struct delayed_work work;
};

/* How a guest came by its GID */
enum ibback_gid_state {
	IBBACK_GID_UNKNOWN,	/* it has no HCA */
	IBBACK_GID_SHARED,	/* the port's is wanted */
	IBBACK_GID_PENDING,	/* the subnet manager is being asked */
	IBBACK_GID_ALIAS,	/* its own, as wanted */
	IBBACK_GID_ASSIGNED,	/* its own, the subnet manager's choice */
	/* The port's, because: */
	IBBACK_GID_REFUSED,	/* the subnet manager gives none */
	IBBACK_GID_UNANSWERED,	/* the subnet manager does not answer */
	IBBACK_GID_NO_INDEX,	/* the HCA's table is full */
};

static inline bool ibback_gid_is_own(enum ibback_gid_state state)
{
	return state == IBBACK_GID_PENDING || state == IBBACK_GID_ALIAS ||
		state == IBBACK_GID_ASSIGNED;
}

/**
 * struct ibback_port - a port as a guest has it
 * @wants_alias: it is to have a GID of its own,
 * @guid: with this GUID; 0: with one that the subnet manager chooses
 * @alias_index: reserved for that in the HCA's table; 0: none is
 * @gid_state: what became of it
 * @gid: its GID as the guest was last told
 * @sgid_index: where its GID is in the HCA's table
 * @nr_pkeys: entries of @pkey; 0: its P_Keys are the HCA's
 * @pkey: its P_Key table, of which the HCA's may lack some
 */
struct ibback_port {
	bool wants_alias;
	u64 guid;
	u32 alias_index;
	enum ibback_gid_state gid_state;
	union ib_gid gid;
	u8 sgid_index;
	u16 nr_pkeys;
	u16 pkey[VIBIF_MAX_PKEYS];
};

/**
 * struct ibback_dev - a virtual HCA of a guest
 * @xbdev: its xenbus device
 * @hca: where it lives; NULL after the HCA has gone
 * @guid: of the HCA, also while it is away; 0 if the device never had one
 * @hca_entry: in hca->devices
 * @node_guid: the guest's; 0: the HCA's
 * @port: who it is at each port; [0] is not used
 * @nr_ips: entries of @ip; 0: the guest says which addresses it has
 * @ip: its IP addresses at each port, those of IPv4 as ::ffff:a.b.c.d
 * @lock: protects @state, @stale_frontend, @abandoned, @removed, @hca, the
 *	connection, @gfn_base, and the slab but for its busy marks
 * @state: of the state machine, as last written to xenstore
 * @stale_frontend: the frontend was still with an earlier backend when this one
 *	came, and has not been seen to close since
 * @abandoned: the guest has removed its side, and this has been said
 * @removed: the driver lets go of the device, no HCA is for it any more
 * @nodes_watch: on the backend's nodes, which only the toolstack and this
 *	driver write
 * @watch_work: looks at both sides' nodes and acts on them
 * @close_work: closes the device when the frontend does not
 * @limits: the HCA's, and the guest's event words
 * @quota: what the guest may hold
 * @used: what it holds
 * @count: statistics
 * @refused: how often a limit kept the guest from something
 * @refused_log: how often that is said
 * @uar_lock: protects the busy marks of @uar
 * @uar: the slab, @nr_uars entries; kept while the HCA is away
 * @nr_uars: 0 when there is no slab
 * @uar_instance: the HCA's when the slab was reserved
 * @gfn_base: where the UARs are in the guest, if @has_gfn_base
 * @has_gfn_base: the guest is auto-translated
 * @flow_lock: protects all from here to @flow_read_end
 * @flow: the HCA's counters of what the guest moves, by port from 1 on; they
 *	stay from the connection's begin to its end
 * @nr_flows: those there are: of all ports, or none
 * @moved: what earlier ones have counted, by port from 1 on, too
 * @flow_read: that, and what these had counted when they were last read
 * @flow_read_end: jiffies until when that stands
 * @ring: the request ring
 * @events: the event area
 * @gsi: the MAD area; NULL if there is none
 * @cm: as who the guest has connections
 * @has_cm: it can have some now
 * @members: what it has joined by MADs
 * @moderated: the HCA tells the guest of completions at a bounded rate only
 * @objects: all objects of the guest, by handle
 * @qps: its queue pairs, by number, as long as the HCA has them; under
 *	@objects.xa_lock
 * @walk_lock: while it is held no object leaves @objects
 * @mcast_lock: protects @mcast
 * @mcast: all memberships of the guest's QPs in multicast groups
 * @debugfs: directory of the device
 */
struct ibback_dev {
	struct xenbus_device *xbdev;
	struct ibback_hca *hca;
	u64 guid;
	struct list_head hca_entry;
	u64 node_guid;
	struct ibback_port port[VIBIF_MAX_PORTS + 1];
	unsigned int nr_ips;
	u8 ip[VIBIF_MAX_ADDRS][16];
	struct mutex lock;	/* see above */
	enum xenbus_state state;
	bool stale_frontend;
	bool abandoned;
	bool removed;
	struct xenbus_watch nodes_watch;
	struct delayed_work watch_work;
	struct delayed_work close_work;
	struct ibback_limits limits;
	u32 quota[IBBACK_NR_RESOURCES];
	atomic_t used[IBBACK_NR_RESOURCES];
	atomic64_t count[IBBACK_NR_COUNTERS];
	atomic64_t refused[IBBACK_NR_LIMITS];
	struct ratelimit_state refused_log;
	spinlock_t uar_lock;	/* see above */
	struct ibback_uar *uar;
	u32 nr_uars;
	u32 uar_instance;
	u64 gfn_base;
	bool has_gfn_base;
	struct mutex flow_lock;	/* see above */
	u32 flow[VIBIF_MAX_PORTS];
	u32 nr_flows;
	struct ibback_flow moved[VIBIF_MAX_PORTS];
	struct ibback_flow flow_read[VIBIF_MAX_PORTS];
	unsigned long flow_read_end;
	struct ibback_ring ring;
	struct ibback_events events;
	struct ibback_gsi *gsi;
	struct ibback_cm_guest cm;
	bool has_cm;
	struct ibback_members members;
	bool moderated;
	struct xarray objects;
	DECLARE_HASHTABLE(qps, IBBACK_QP_HASH_BITS);
	struct mutex walk_lock;	/* see above */
	spinlock_t mcast_lock;	/* see above */
	struct list_head mcast;
	struct dentry *debugfs;
};

/* xenbus.c */
void ibback_dev_hca_gone(struct ibback_dev *dev);
bool ibback_dev_hca_back(struct ibback_dev *dev, struct ibback_hca *hca);
void ibback_dev_rogue(struct ibback_dev *dev, const char *what);

/* flow.c */
void ibback_flows_alloc(struct ibback_dev *dev);
void ibback_flows_free(struct ibback_dev *dev);
void ibback_flows_read(struct ibback_dev *dev, struct ibback_flow *flow);

/* channel.c */
int __must_check
ibback_channel_map(struct ibback_dev *dev, struct ibback_channel *channel,
		   const struct ibback_channel_nodes *nodes);
int __must_check
ibback_channel_bind(struct ibback_dev *dev, struct ibback_channel *channel,
		    irq_handler_t handler, const char *name, void *arg);
void ibback_channel_close(struct ibback_dev *dev,
			  struct ibback_channel *channel, void *arg);

/* ring.c */
int ibback_ring_connect(struct ibback_dev *dev);
void ibback_ring_disconnect(struct ibback_dev *dev);

/* verbs.c */
int ibback_execute(struct ibback_dev *dev, const struct vibif_req *req,
		   struct vibif_rsp *rsp);

/* A request to the device, and one that makes an object or is on one. */
typedef int ibback_dev_verb(struct ibback_dev *dev, const struct vibif_req *req,
			    struct vibif_rsp *rsp);
typedef int ibback_obj_verb(struct ibback_obj *obj, const struct vibif_req *req,
			    struct vibif_rsp *rsp);

/**
 * struct ibback_obj_type - a kind of object
 * @name: for messages
 * @size: of its struct, which has an obj first
 * @events: it has a word in the event area
 * @destroy: take it from the HCA and free what it holds, but not the object.
 *	After an error it is as before
 * @stop: if not NULL, comes first of all when a guest goes: afterwards the
 *	HCA uses its memory no more
 * @detach: if not NULL, comes before @destroy when a guest goes: leave what
 *	would keep it from that
 */
struct ibback_obj_type {
	const char *name;
	size_t size;
	bool events;
	int (*destroy)(struct ibback_obj *obj);
	void (*stop)(struct ibback_obj *obj);
	void (*detach)(struct ibback_obj *obj);
};

/* All kinds, users before what they use: the order they are destroyed in */
#define IBBACK_OBJECTS(X)			\
	X(MW, mw)				\
	X(QP, qp)				\
	X(SRQ, srq)				\
	X(XRCD, xrcd)				\
	X(CQ, cq)				\
	X(MR, mr)				\
	X(PD, pd)				\
	X(CONTEXT, context)

#define IBBACK_OBJ_TYPE_DECLARE(id, kind)	\
	extern const struct ibback_obj_type ibback_##kind##_type;
IBBACK_OBJECTS(IBBACK_OBJ_TYPE_DECLARE)

/* context.c, pd.c, mr.c, mw.c, cq.c, srq.c, qp.c, xrcd.c */
ibback_obj_verb ibback_context_create, ibback_pd_create;
ibback_obj_verb ibback_mr_create, ibback_mr_rereg, ibback_mr_retire;
ibback_obj_verb ibback_mw_create;
ibback_obj_verb ibback_cq_create, ibback_cq_modify, ibback_cq_resize;
ibback_obj_verb ibback_srq_create, ibback_srq_modify, ibback_srq_query;
ibback_obj_verb ibback_qp_create, ibback_qp_modify, ibback_qp_query;
ibback_obj_verb ibback_qp_attach_mcast, ibback_qp_detach_mcast;
ibback_obj_verb ibback_xrcd_create;
int __must_check
ibback_xrc_target_depend(struct ibback_obj *obj,
			 const struct vibif_create_qp_req *args,
			 struct ibback_qp_params *params);
int __must_check ibback_xrc_srq_depend(struct ibback_obj *obj,
				       const struct vibif_create_srq_req *args,
				       struct ibback_srq_params *params);
void ibback_cqs_moderate(struct ibback_dev *dev, bool on);
bool ibback_qp_is_of(struct ibback_dev *dev, u32 qpn);
const char *ibback_qp_type_name(const struct ibback_obj *obj);
const char *ibback_qp_state_name(const struct ibback_obj *obj);

/* identity.c */
/* Of a P_Key; the other bit is that of full members. Partition 0 is none. */
#define IBBACK_PARTITION	0x7fff

int ibback_guid_read(struct ibback_dev *dev, const char *node, u64 *guid);
int ibback_identity_read(struct ibback_dev *dev);
void ibback_limits_set(struct ibback_dev *dev);
int ibback_pkey_get(struct ibback_dev *dev, u8 port, u16 index, u16 *pkey);
int __must_check ibback_pkey_to_hw(struct ibback_dev *dev, u8 port, u16 index,
				   u16 *hw_index);
u16 ibback_pkey_from_hw(struct ibback_dev *dev, u8 port, u16 hw_index);
bool ibback_has_pkey(struct ibback_dev *dev, u8 port, u16 pkey);

/* alias.c */
extern struct ib_sa_client ibback_sa_client;
int ibback_aliases_open(struct ibback_hca *hca);
void ibback_aliases_close(struct ibback_hca *hca);
void ibback_aliases_claim(struct ibback_dev *dev);
void ibback_aliases_release(struct ibback_dev *dev, bool keep);
void ibback_aliases_ask_again(struct ibback_hca *hca, u32 port);
void ibback_gids_changed(struct ibback_hca *hca, u32 port);
void ibback_gids_forget(struct ibback_dev *dev);
bool ibback_gid_pending(const struct ibback_dev *dev, u32 port);
int ibback_gid_get(const struct ibback_dev *dev, u32 port, union ib_gid *gid);
void ibback_aliases_init(void);
void ibback_aliases_exit(void);

/* query.c */
ibback_dev_verb ibback_query_device, ibback_query_port;
ibback_dev_verb ibback_query_gid, ibback_query_pkey, ibback_query_counters;

/* objects.c */
int ibback_obj_create(struct ibback_dev *dev, enum ibback_resource type,
		      ibback_obj_verb *create, const struct vibif_req *req,
		      struct vibif_rsp *rsp);
struct ibback_obj *ibback_obj_get(struct ibback_dev *dev, u32 handle,
				  enum ibback_resource type);
void ibback_obj_put(struct ibback_obj *obj);
struct ibback_obj * __must_check
ibback_obj_depend(struct ibback_obj *obj, u32 handle,
		  enum ibback_resource type);
void ibback_obj_undepend(struct ibback_obj *obj, struct ibback_obj *dep);
int ibback_obj_destroy(struct ibback_dev *dev, u32 handle);
void ibback_objects_destroy_all(struct ibback_dev *dev);
void ibback_obj_event(void *arg, unsigned int event);
const char *ibback_obj_kind(const struct ibback_obj *obj);

/* pages.c */
int __must_check ibback_pages_map(struct ibback_dev *dev,
				  struct ibback_pages *pages,
				  const struct vibif_page_list *list,
				  bool writable);
void ibback_pages_unmap(struct ibback_dev *dev, struct ibback_pages *pages);
int __must_check ibback_queue_map(struct ibback_dev *dev,
				  struct ibback_queue *queue,
				  const struct vibif_page_list *list,
				  const struct vibif_doorbell *db);
void ibback_queue_unmap(struct ibback_dev *dev, struct ibback_queue *queue);
int __must_check ibback_copy_to_guest(struct ibback_dev *dev, grant_ref_t gref,
				      void *data, size_t len);

/* events.c */
void ibback_events_init(struct ibback_dev *dev);
void ibback_events_stop(struct ibback_dev *dev);
u16 ibback_moderation(const struct ibback_dev *dev);
int ibback_events_connect(struct ibback_dev *dev);
void ibback_events_disconnect(struct ibback_dev *dev);
void ibback_event(struct ibback_dev *dev, u32 word, unsigned int bit);
void ibback_device_event(struct ibback_dev *dev, unsigned int bit);
void ibback_event_clear(struct ibback_dev *dev, u32 word);

/* gsi.c */
int ibback_gsi_connect(struct ibback_dev *dev);
void ibback_gsi_disconnect(struct ibback_dev *dev);
void ibback_gsi_receive(struct ibback_dev *dev, u32 port,
			const struct ib_wc *wc, const struct ib_grh *grh,
			const u8 *mad);
void ibback_gsi_answer(struct ibback_dev *dev, const struct vibif_mad *m);

/* gsi_cm.c */
ibback_dev_verb ibback_set_addrs;
void ibback_gsi_cm_open(struct ibback_dev *dev);
void ibback_gsi_cm_close(struct ibback_dev *dev);
int ibback_gsi_cm_out(struct ibback_dev *dev, struct vibif_mad *m);
int ibback_gsi_cm_hca_open(struct ibback_hca *hca);
void ibback_gsi_cm_hca_close(struct ibback_hca *hca);
void ibback_gsi_cm_port_changed(struct ibback_hca *hca, u32 port,
				const struct ib_port_attr *attr);

/* sa_mcast.c */
void ibback_members_init(struct ibback_dev *dev);
void ibback_members_leave(struct ibback_dev *dev);
enum ibback_counter ibback_members_ask(struct ibback_dev *dev,
				       const struct vibif_mad *m);

/* uar.c */
int ibback_uars_read(struct ibback_dev *dev);
int ibback_uars_reserve(struct ibback_dev *dev);
int ibback_uars_retake(struct ibback_dev *dev);
void ibback_uars_release(struct ibback_dev *dev);
void ibback_uars_forget(struct ibback_dev *dev);
struct ibback_uar *ibback_uars_get(struct ibback_dev *dev);
void ibback_uars_put(struct ibback_dev *dev, struct ibback_uar *uar);
void ibback_uars_hca_gone(struct ibback_hca *hca);
void ibback_uars_hca_back(struct ibback_hca *hca);
void ibback_uars_exit(void);

/* stats.c */
void ibback_refusals_init(struct ibback_dev *dev);
int ibback_refuse(struct ibback_dev *dev, enum ibback_limit limit, u32 value);
int ibback_refuse_maptrack(struct ibback_dev *dev);
void ibback_count_refused(struct ibback_dev *dev, enum ibback_limit limit);
int __must_check ibback_charge(struct ibback_dev *dev,
			       enum ibback_resource res, u32 nr);
void ibback_uncharge(struct ibback_dev *dev, enum ibback_resource res, u32 nr);
void ibback_count(struct ibback_dev *dev, enum ibback_counter counter, u64 nr);
void ibback_total_add(enum ibback_total total, long nr);
void ibback_quotas_read(struct ibback_dev *dev);
extern const struct attribute_group *ibback_dev_groups[];
extern const struct attribute_group *ibback_driver_groups[];

/* debugfs.c */
void ibback_debugfs_init(void);
void ibback_debugfs_exit(void);
void ibback_debugfs_add(struct ibback_dev *dev);
void ibback_debugfs_remove(struct ibback_dev *dev);

/* hca.c */
int ibback_hca_init(void);
void ibback_hca_exit(void);
void ibback_hca_bind(struct ibback_dev *dev);
void ibback_hca_unbind(struct ibback_dev *dev);
int ibback_hca_publish(struct ibback_dev *dev);
void ibback_hca_gids_changed(struct ibback_hca *hca, u32 port);

#endif /* IBBACK_H */
