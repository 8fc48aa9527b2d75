/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the backend uses of ib_core: one RDMA device, one client.
 *
 * Every <rdma/...> that the backend names is this file.
 */
#ifndef KERNEL_RDMA_H
#define KERNEL_RDMA_H

#include "linux.h"

enum ib_qp_type {
	IB_QPT_GSI = 1,
	IB_QPT_RC = 2,
	IB_QPT_UC = 3,
	IB_QPT_UD = 4,
	IB_QPT_XRC_INI = 9,
	IB_QPT_XRC_TGT = 10,
};

enum ib_qp_state {
	IB_QPS_RESET,
	IB_QPS_INIT,
	IB_QPS_RTR,
	IB_QPS_RTS,
	IB_QPS_SQD,
	IB_QPS_SQE,
	IB_QPS_ERR,
};

enum ib_qp_attr_mask {
	IB_QP_STATE = 1 << 0,
	IB_QP_CUR_STATE = 1 << 1,
	IB_QP_EN_SQD_ASYNC_NOTIFY = 1 << 2,
	IB_QP_ACCESS_FLAGS = 1 << 3,
	IB_QP_PKEY_INDEX = 1 << 4,
	IB_QP_PORT = 1 << 5,
	IB_QP_QKEY = 1 << 6,
	IB_QP_AV = 1 << 7,
	IB_QP_PATH_MTU = 1 << 8,
	IB_QP_TIMEOUT = 1 << 9,
	IB_QP_RETRY_CNT = 1 << 10,
	IB_QP_RNR_RETRY = 1 << 11,
	IB_QP_RQ_PSN = 1 << 12,
	IB_QP_MAX_QP_RD_ATOMIC = 1 << 13,
	IB_QP_ALT_PATH = 1 << 14,
	IB_QP_MIN_RNR_TIMER = 1 << 15,
	IB_QP_SQ_PSN = 1 << 16,
	IB_QP_MAX_DEST_RD_ATOMIC = 1 << 17,
	IB_QP_PATH_MIG_STATE = 1 << 18,
	IB_QP_CAP = 1 << 19,
	IB_QP_DEST_QPN = 1 << 20,
};

enum ib_mw_type {
	IB_MW_TYPE_1 = 1,
	IB_MW_TYPE_2 = 2,
};

enum ib_port_state {
	IB_PORT_NOP,
	IB_PORT_DOWN,
	IB_PORT_INIT,
	IB_PORT_ARMED,
	IB_PORT_ACTIVE,
};

#define IB_DEVICE_MEM_WINDOW		(1ULL << 17)
#define IB_DEVICE_XRC			(1ULL << 20)
#define IB_DEVICE_MEM_MGT_EXTENSIONS	(1ULL << 21)
#define IB_DEVICE_MEM_WINDOW_TYPE_2A	(1ULL << 23)
#define IB_DEVICE_MEM_WINDOW_TYPE_2B	(1ULL << 24)
#define IB_DEVICE_RAW_IP_CSUM		(1ULL << 26)
#define IB_DEVICE_MANAGED_FLOW_STEERING	(1ULL << 29)

struct ib_device_attr {
	u64 fw_ver;
	__be64 sys_image_guid;
	u64 max_mr_size;
	u64 page_size_cap;
	u32 vendor_id;
	u32 vendor_part_id;
	u32 hw_ver;
	int max_qp;
	int max_qp_wr;
	u64 device_cap_flags;
	int max_send_sge;
	int max_recv_sge;
	int max_sge_rd;
	int max_cq;
	int max_cqe;
	int max_mr;
	int max_pd;
	int max_qp_rd_atom;
	int max_qp_init_rd_atom;
	int atomic_cap;
	int masked_atomic_cap;
	int max_mw;
	int max_mcast_grp;
	int max_mcast_qp_attach;
	int max_total_mcast_qp_attach;
	int max_ah;
	int max_srq;
	int max_srq_wr;
	int max_srq_sge;
	u16 max_pkeys;
	u8 local_ca_ack_delay;
};

struct ib_port_attr {
	enum ib_port_state state;
	u8 max_mtu;
	u8 active_mtu;
	int gid_tbl_len;
	u32 port_cap_flags;
	u32 max_msg_sz;
	u32 bad_pkey_cntr;
	u32 qkey_viol_cntr;
	u16 pkey_tbl_len;
	u32 sm_lid;
	u32 lid;
	u8 lmc;
	u8 max_vl_num;
	u8 sm_sl;
	u8 subnet_timeout;
	u8 init_type_reply;
	u8 active_width;
	u16 active_speed;
	u8 phys_state;
	u16 port_cap_flags2;
};

#define IB_PORT_SM		(1 << 1)

union ib_gid {
	u8 raw[16];
};

struct ib_event_handler;

struct ib_device {
	struct device dev;
	struct ib_device_attr attrs;
	__be64 node_guid;
	char node_desc[64];
	u32 phys_port_cnt;
	int num_comp_vectors;
	struct ib_port_attr port[4];	/* from 1 */
	u8 pkeys_moved;			/* by so many entries */
	u64 guid[4][16];		/* of alias GIDs, from 1; 0: empty */
	/* The subnet manager */
	struct {
		unsigned int asked;	/* how often it was */
		bool silent;		/* it does not answer */
		bool refuses;		/* it gives no alias */
		bool slow;		/* it answers, and does not set it */
		bool lost;		/* it knows of none that it gave */
		u64 set[4][16];		/* what it believes to be @guid */
		u64 taken;		/* by somebody else */
		u64 next;		/* what it chooses */
	} sm;
	bool ethernet;			/* all of its ports are */
	bool unnoticed[4];		/* nobody was told what a port is now */
	void *client_data;
	struct ib_event_handler *handler;
};

bool ib_modify_qp_is_ok(enum ib_qp_state cur, enum ib_qp_state next,
			enum ib_qp_type type, enum ib_qp_attr_mask mask);
int ib_query_port(struct ib_device *ibdev, u32 port,
		  struct ib_port_attr *attr);
int ib_get_cached_port_state(struct ib_device *ibdev, u32 port,
			     enum ib_port_state *state);
/* A port's own GID says which it is; P_Keys say that and their index. */
int rdma_query_gid(struct ib_device *ibdev, u32 port, int index,
		   union ib_gid *gid);

#define IB_DEFAULT_PKEY_FULL	0xffff

/* The default one is not in a table that is all like this: it is at the end. */
#define DEFAULT_PKEY_INDEX	99

static inline int ib_find_cached_pkey(struct ib_device *ibdev, u32 port,
				      u16 pkey, u16 *index)
{
	if (pkey != IB_DEFAULT_PKEY_FULL)
		return -ENOENT;
	*index = DEFAULT_PKEY_INDEX;
	return 0;
}

int ib_get_cached_pkey(struct ib_device *ibdev, u32 port, int index,
		       u16 *pkey);

/* rdma/ib_sa.h, rdma/ib_mad.h: the answer comes at once */

#define IB_SA_COMP_MASK(n)		cpu_to_be64(1ULL << (n))
#define IB_SA_GUIDINFO_REC_LID		IB_SA_COMP_MASK(0)
#define IB_SA_GUIDINFO_REC_BLOCK_NUM	IB_SA_COMP_MASK(1)
#define IB_MGMT_METHOD_SET		0x02
#define IB_MGMT_METHOD_GET_RESP		0x81
#define IB_SA_METHOD_DELETE		0x15
#define IB_SA_METHOD_DELETE_RESP	0x95

typedef u64 ib_sa_comp_mask;
struct ib_sa_query;

struct ib_sa_client {
	bool registered;
};

struct ib_sa_guidinfo_rec {
	__be16 lid;
	u8 block_num;
	u8 guid_info_list[64];
};

void ib_sa_register_client(struct ib_sa_client *client);
void ib_sa_unregister_client(struct ib_sa_client *client);
int ib_sa_guid_info_rec_query(struct ib_sa_client *client,
			      struct ib_device *ibdev, u32 port,
			      struct ib_sa_guidinfo_rec *rec,
			      ib_sa_comp_mask mask, u8 method,
			      unsigned long timeout_ms, gfp_t flags,
			      void (*callback)(int status,
					       struct ib_sa_guidinfo_rec *rec,
					       void *context),
			      void *context, struct ib_sa_query **query);

/* Members of multicast groups: mcast.c, which only some tests have */

#define IB_SA_MCMEMBER_REC_MGID			IB_SA_COMP_MASK(0)
#define IB_SA_MCMEMBER_REC_PORT_GID		IB_SA_COMP_MASK(1)
#define IB_SA_MCMEMBER_REC_PKEY			IB_SA_COMP_MASK(7)
#define IB_SA_MCMEMBER_REC_JOIN_STATE		IB_SA_COMP_MASK(16)
#define IB_SA_MCMEMBER_REC_PROXY_JOIN		IB_SA_COMP_MASK(17)

struct ib_sa_mcmember_rec {
	union ib_gid mgid;
	union ib_gid port_gid;
	__be32 qkey;
	__be16 mlid;
	u8 mtu_selector;
	u8 mtu;
	u8 traffic_class;
	__be16 pkey;
	u8 rate_selector;
	u8 rate;
	u8 packet_life_time_selector;
	u8 packet_life_time;
	u8 sl;
	__be32 flow_label;
	u8 hop_limit;
	u8 scope;
	u8 join_state;
	u8 proxy_join;
};

struct ib_sa_multicast {
	struct ib_sa_mcmember_rec rec;
	ib_sa_comp_mask comp_mask;
	int (*callback)(int status, struct ib_sa_multicast *sa);
	void *context;
	struct list_head entry;
	u32 port;
	bool failed;		/* it was told so */
};

struct ib_sa_multicast *
ib_sa_join_multicast(struct ib_sa_client *client, struct ib_device *device,
		     u32 port, struct ib_sa_mcmember_rec *rec,
		     ib_sa_comp_mask mask, gfp_t flags,
		     int (*callback)(int status, struct ib_sa_multicast *sa),
		     void *context);
void ib_sa_free_multicast(struct ib_sa_multicast *sa);

/*
 * What tests do: the memberships there are, from the first that was asked for;
 * and one is told what became of it.
 */
struct ib_sa_multicast *mcast_member(unsigned int nr);
long mcast_nr_members(void);
void mcast_tell(struct ib_sa_multicast *sa, int status);

enum rdma_link_layer {
	IB_LINK_LAYER_INFINIBAND = 1,
	IB_LINK_LAYER_ETHERNET = 2,
};

#define rdma_for_each_port(ibdev, port)					\
	for (port = 1; port <= (ibdev)->phys_port_cnt; port++)
#define rdma_protocol_ib(ibdev, port)	((void)(port), !(ibdev)->ethernet)
#define rdma_port_get_link_layer(ibdev, port)				\
	((void)(port), (ibdev)->ethernet ? IB_LINK_LAYER_ETHERNET :	\
	 IB_LINK_LAYER_INFINIBAND)

/* Management datagrams: mad.c, which only some tests have */

#define IB_MGMT_MAD_HDR		24
#define IB_MGMT_MAD_DATA	232
#define IB_MGMT_BASE_VERSION	1
#define IB_MGMT_SA_DATA		200
#define IB_GRH_NEXT_HDR		0x1b
#define IB_WC_GRH		1

struct ib_pd {
	struct ib_device *device;
};

struct ib_qp {
	struct ib_pd *pd;
};

struct ib_grh {
	__be32 version_tclass_flow;
	__be16 paylen;
	u8 next_hdr;
	u8 hop_limit;
	union ib_gid sgid;
	union ib_gid dgid;
};

struct rdma_ah_attr {
	int type;
	u32 port_num;
	u32 dlid;
	u8 sl;
	u8 path_bits;
	u8 static_rate;
	bool has_grh;
	union ib_gid dgid;
	u32 flow_label;
	u8 sgid_index;
	u8 hop_limit;
	u8 traffic_class;
};

struct ib_ah {
	struct rdma_ah_attr attr;
};

#define RDMA_CREATE_AH_SLEEPABLE	1
#define RDMA_DESTROY_AH_SLEEPABLE	1
#define rdma_ah_find_type(ibdev, port)	((void)(ibdev), (int)(port))
#define rdma_ah_set_port_num(a, v)	((a)->port_num = (v))
#define rdma_ah_set_dlid(a, v)		((a)->dlid = (v))
#define rdma_ah_set_sl(a, v)		((a)->sl = (v))
#define rdma_ah_set_path_bits(a, v)	((a)->path_bits = (v))
#define rdma_ah_set_static_rate(a, v)	((a)->static_rate = (v))

static inline void rdma_ah_set_grh(struct rdma_ah_attr *attr,
				   union ib_gid *dgid, u32 flow_label,
				   u8 sgid_index, u8 hop_limit,
				   u8 traffic_class)
{
	attr->has_grh = true;
	attr->dgid = *dgid;
	attr->flow_label = flow_label;
	attr->sgid_index = sgid_index;
	attr->hop_limit = hop_limit;
	attr->traffic_class = traffic_class;
}

struct ib_ah *rdma_create_ah(struct ib_pd *pd, struct rdma_ah_attr *attr,
			     u32 flags);
void rdma_destroy_ah(struct ib_ah *ah, u32 flags);

struct ib_wc {
	u32 src_qp;
	u32 slid;
	u8 sl;
	u8 dlid_path_bits;
	u16 pkey_index;
	int wc_flags;
};

struct ib_mad {
	u8 octets[256];
};

struct ib_mad_hdr {
	u8 base_version;
	u8 mgmt_class;
	u8 class_version;
	u8 method;
	__be16 status;
	__be16 class_specific;
	__be64 tid;
	__be16 attr_id;
	__be16 resv;
	__be32 attr_mod;
};

struct ib_sa_hdr {
	__be64 sm_key;
	__be16 attr_offset;
	__be16 reserved;
	ib_sa_comp_mask comp_mask;
} __packed;

struct ib_sa_mad {
	struct ib_mad_hdr mad_hdr;
	u8 rmpp_hdr[12];
	struct ib_sa_hdr sa_hdr;
	u8 data[IB_MGMT_SA_DATA];
} __packed;

struct ib_mad_agent;
struct ib_mad_reg_req;

struct ib_mad_send_buf {
	struct ib_mad_agent *mad_agent;
	void *mad;
	struct ib_ah *ah;
	int timeout_ms;
	struct list_head entry;		/* posted */
	struct ib_mad octets;
	u32 qpn;
	u16 pkey_index;
	bool seen;			/* by the test */
};

struct ib_mad_send_wc {
	struct ib_mad_send_buf *send_buf;
};

struct ib_mad_recv_wc {
	struct ib_wc *wc;
	struct {
		struct ib_grh *grh;
		struct ib_mad *mad;
	} recv_buf;
};

typedef void (*ib_mad_send_handler)(struct ib_mad_agent *agent,
				    struct ib_mad_send_wc *wc);
typedef void (*ib_mad_recv_handler)(struct ib_mad_agent *agent,
				    struct ib_mad_send_buf *send_buf,
				    struct ib_mad_recv_wc *wc);

struct ib_mad_agent {
	struct ib_device *device;
	struct ib_qp *qp;
	ib_mad_send_handler send_handler;
	ib_mad_recv_handler recv_handler;
	void *context;
	u32 hi_tid;
	u32 port_num;
	struct list_head posted;
	bool used;
};

struct ib_mad_agent *
ib_register_mad_agent(struct ib_device *device, u32 port,
		      enum ib_qp_type type, struct ib_mad_reg_req *req,
		      u8 rmpp_version, ib_mad_send_handler send_handler,
		      ib_mad_recv_handler recv_handler, void *context,
		      u32 flags);
void ib_unregister_mad_agent(struct ib_mad_agent *agent);
struct ib_mad_send_buf *
ib_create_send_mad(struct ib_mad_agent *agent, u32 remote_qpn, u16 pkey_index,
		   int rmpp_active, int hdr_len, int data_len, gfp_t flags,
		   u8 base_version);
int ib_post_send_mad(struct ib_mad_send_buf *msg,
		     struct ib_mad_send_buf **bad);
void ib_free_send_mad(struct ib_mad_send_buf *msg);
void ib_free_recv_mad(struct ib_mad_recv_wc *wc);

/* What tests do: whom ib_core has at a port, and what was posted first. */
struct ib_mad_agent *mad_agent(u32 port);
struct ib_mad_send_buf *mad_posted(u32 port);
/*
 * An answer to what was posted comes, or @octets do from anywhere; or none
 * comes, or the send has ended.
 */
void mad_answer(u32 port, const struct ib_wc *wc, const struct ib_grh *grh,
		const struct ib_mad *mad);
void mad_done(struct ib_mad_send_buf *msg);
/* How many messages and address handles there are. */
long mad_nr_messages(void);
long mad_nr_ahs(void);

/* Events and clients */

enum ib_event_type {
	IB_EVENT_CQ_ERR,
	IB_EVENT_QP_FATAL,
	IB_EVENT_QP_REQ_ERR,
	IB_EVENT_QP_ACCESS_ERR,
	IB_EVENT_COMM_EST,
	IB_EVENT_SQ_DRAINED,
	IB_EVENT_PATH_MIG,
	IB_EVENT_PATH_MIG_ERR,
	IB_EVENT_DEVICE_FATAL,
	IB_EVENT_PORT_ACTIVE,
	IB_EVENT_PORT_ERR,
	IB_EVENT_LID_CHANGE,
	IB_EVENT_PKEY_CHANGE,
	IB_EVENT_SM_CHANGE,
	IB_EVENT_SRQ_ERR,
	IB_EVENT_SRQ_LIMIT_REACHED,
	IB_EVENT_QP_LAST_WQE_REACHED,
	IB_EVENT_CLIENT_REREGISTER,
	IB_EVENT_GID_CHANGE,
};

struct ib_event {
	struct ib_device *device;
	union {
		u32 port_num;
	} element;
	enum ib_event_type event;
};

struct ib_event_handler {
	struct ib_device *device;
	void (*handler)(struct ib_event_handler *handler,
			struct ib_event *event);
};

struct ib_client {
	const char *name;
	int (*add)(struct ib_device *ibdev);
	void (*remove)(struct ib_device *ibdev, void *client_data);
	void (*rename)(struct ib_device *ibdev, void *client_data);
};

#define INIT_IB_EVENT_HANDLER(ptr, ibdev, fn)				\
	(*(ptr) = (struct ib_event_handler) { ibdev, fn })
#define ib_set_client_data(ibdev, client, data)				\
	((void)((ibdev)->client_data = (data)))

int ib_register_client(struct ib_client *client);
void ib_unregister_client(struct ib_client *client);
void ib_dispatch_event(const struct ib_event *event);
void ib_register_event_handler(struct ib_event_handler *handler);
void ib_unregister_event_handler(struct ib_event_handler *handler);

/* What tests do: the device comes, goes, has another name or an event. */
int ib_device_add(struct ib_device *ibdev);
void ib_device_remove(struct ib_device *ibdev);
void ib_device_rename(struct ib_device *ibdev, const char *name);
void ib_device_event(struct ib_device *ibdev, enum ib_event_type type,
		     u32 port);

#endif /* KERNEL_RDMA_H */
