// SPDX-License-Identifier: GPL-2.0-only
/*
 * The provider for mlx4: libmlx4's commands and responses, and the sizes of its
 * queues. The rules are those of mlx4_ib, so that a process is told the same in
 * a guest as natively.
 */

#include <linux/align.h>
#include <linux/log2.h>
#include <linux/overflow.h>
#include <linux/sysfs.h>
#include <rdma/mlx4-abi.h>

#include "../ibfront.h"

/* Octets of what precedes data in a WQE of a send queue */
#define IBFRONT_MLX4_CTRL_SEG		16
#define IBFRONT_MLX4_RADDR_SEG		16
#define IBFRONT_MLX4_ATOMIC_SEG		16
#define IBFRONT_MLX4_DATAGRAM_SEG	48
#define IBFRONT_MLX4_INLINE_SEG		4

/* Octets set aside for the HCA's prefetch, and how many WQEs at most */
#define IBFRONT_MLX4_SQ_HEADROOM	2048
#define IBFRONT_MLX4_SQ_MAX_SPARE	\
	((IBFRONT_MLX4_SQ_HEADROOM >> VIBIF_MLX4_MIN_LOG_SQ_STRIDE) + 1)

/* Page offsets that libmlx4 maps */
#define IBFRONT_MLX4_MMAP_UAR		0
#define IBFRONT_MLX4_MMAP_BLUEFLAME	1

/* Bounds within which the sizes computed from attributes cannot overflow */
#define IBFRONT_MLX4_MAX_WQES		BIT(VIBIF_MAX_LOG_WQES)
#define IBFRONT_MLX4_MAX_DESC		BIT(VIBIF_MAX_LOG_WQE_STRIDE)
#define IBFRONT_MLX4_MAX_SG		128
#define IBFRONT_MLX4_MAX_SRQ_WR		BIT(26)

/*
 * Like mlx4_ib, read the command in its full size and write the one number that
 * every response begins with, whatever lengths the process has given. With a
 * length of 0 the address is NULL, and the copy fails with -EFAULT.
 */
static int ibfront_mlx4_get_cmd(struct ib_udata *udata, void *cmd, size_t len)
{
	return ib_copy_from_udata(cmd, udata, len) ? -EFAULT : 0;
}

static int ibfront_mlx4_put_number(struct ib_udata *udata, u32 number)
{
	return ib_copy_to_udata(udata, &number, sizeof(number)) ? -EFAULT : 0;
}

static int ibfront_mlx4_put_resp(struct ib_udata *udata, void *resp, size_t len)
{
	return ib_copy_to_udata(udata, resp, min(len, udata->outlen)) ?
	       -EFAULT : 0;
}

static const char *
ibfront_mlx4_check_attr(const struct vibif_device_attr *attr)
{
	if (attr->max_srq_wr >= IBFRONT_MLX4_MAX_SRQ_WR)
		return "max_srq_wr";
	if (attr->max_srq_sge > IBFRONT_MLX4_MAX_SG)
		return "max_srq_sge";
	if (!is_power_of_2(attr->mlx4_qp_tab_size))
		return "mlx4_qp_tab_size";
	if (attr->mlx4_cqe_size != 32 && attr->mlx4_cqe_size != 64)
		return "mlx4_cqe_size";
	if (attr->mlx4_max_wqes < 64 ||
	    attr->mlx4_max_wqes > IBFRONT_MLX4_MAX_WQES)
		return "mlx4_max_wqes";
	if (attr->mlx4_max_sq_sg > IBFRONT_MLX4_MAX_SG)
		return "mlx4_max_sq_sg";
	if (attr->mlx4_max_rq_sg > IBFRONT_MLX4_MAX_SG)
		return "mlx4_max_rq_sg";
	if (!attr->mlx4_max_sq_desc_sz ||
	    attr->mlx4_max_sq_desc_sz > IBFRONT_MLX4_MAX_DESC)
		return "mlx4_max_sq_desc_sz";
	return NULL;
}

static int ibfront_mlx4_query_device(const struct ibfront_dev *dev,
				     struct ib_udata *udata)
{
	struct mlx4_uverbs_ex_query_device_resp resp = {};
	struct {
		u32 comp_mask;
		u32 reserved;
	} cmd;
	int err;

	if (udata->inlen) {
		if (udata->inlen < sizeof(cmd))
			return -EINVAL;
		err = ibfront_mlx4_get_cmd(udata, &cmd, sizeof(cmd));
		if (err)
			return err;
		if (cmd.comp_mask || cmd.reserved)
			return -EINVAL;
	}
	if (!udata->outlen)
		return 0;

	/* No clock page, no RSS, no TSO: zeroes say so. */
	resp.max_inl_recv_sz = dev->attr.mlx4_max_rq_sg * VIBIF_MLX4_DATA_SEG;
	resp.response_length = min(sizeof(resp), udata->outlen);
	return ibfront_mlx4_put_resp(udata, &resp, sizeof(resp));
}

static int ibfront_mlx4_alloc_context(const struct ibfront_dev *dev,
				      struct ib_udata *udata)
{
	struct mlx4_ib_alloc_ucontext_resp resp = {
		.dev_caps = dev->attr.mlx4_dev_caps,
		.qp_tab_size = dev->attr.mlx4_qp_tab_size,
		.bf_reg_size = dev->attr.mlx4_bf_reg_size,
		.bf_regs_per_page = dev->attr.mlx4_bf_regs_per_page,
		.cqe_size = dev->attr.mlx4_cqe_size,
	};

	return ibfront_mlx4_put_resp(udata, &resp, sizeof(resp));
}

static u64 ibfront_mlx4_doorbell_frame(const struct ibfront_ucontext *ctx,
				       unsigned long pgoff, bool *wc)
{
	switch (pgoff) {
	case IBFRONT_MLX4_MMAP_UAR:
		*wc = false;
		return ctx->uar[0].frame;
	case IBFRONT_MLX4_MMAP_BLUEFLAME:
		*wc = true;
		return ctx->uar[0].bf_frame;
	default:
		return 0;
	}
}

/* The HCA takes a queue to begin with its first page. */
static u64 ibfront_mlx4_buf_addr(u64 addr)
{
	return addr & PAGE_MASK;
}

/* Of the address of an SRQ's or QP's record the HCA ignores the low bits. */
static u64 ibfront_mlx4_wq_db_addr(u64 addr)
{
	return ALIGN_DOWN(addr, VIBIF_MLX4_WQ_DOORBELL);
}

static void ibfront_mlx4_lay_out_cq(const struct ibfront_dev *dev, u32 entries,
				    u64 buf_addr, struct ibfront_layout *layout)
{
	layout->addr = ibfront_mlx4_buf_addr(buf_addr);
	layout->size = (size_t)entries * dev->attr.mlx4_cqe_size;
}

static int ibfront_mlx4_create_cq(const struct ibfront_dev *dev, u32 entries,
				  struct ib_udata *udata,
				  struct ibfront_layout *layout)
{
	struct mlx4_ib_create_cq cmd = {};
	int err = 0;

	if (udata)
		err = ibfront_mlx4_get_cmd(udata, &cmd, sizeof(cmd));
	if (err)
		return err;
	ibfront_mlx4_lay_out_cq(dev, entries, cmd.buf_addr, layout);
	layout->db_addr = cmd.db_addr;
	layout->db_size = VIBIF_MLX4_CQ_DOORBELL;
	return 0;
}

static int ibfront_mlx4_resize_cq(const struct ibfront_dev *dev, u32 entries,
				  struct ib_udata *udata,
				  struct ibfront_layout *layout)
{
	struct mlx4_ib_resize_cq cmd;
	int err;

	err = ibfront_mlx4_get_cmd(udata, &cmd, sizeof(cmd));
	if (err)
		return err;
	ibfront_mlx4_lay_out_cq(dev, entries, cmd.buf_addr, layout);
	return 0;
}

/* The sizes that libmlx4 computes from the same attributes */
static int ibfront_mlx4_size_srq(const struct ibfront_dev *dev,
				 const struct ib_srq_attr *attr,
				 struct ibfront_wq *wq)
{
	u32 stride;

	if (attr->max_wr > dev->attr.max_srq_wr ||
	    attr->max_sge > dev->attr.max_srq_sge)
		return -EINVAL;

	stride = VIBIF_MLX4_NEXT_SEG + attr->max_sge * VIBIF_MLX4_DATA_SEG;
	stride = max_t(u32, stride, 1 << VIBIF_MLX4_MIN_LOG_SRQ_STRIDE);
	wq->count = roundup_pow_of_two(attr->max_wr + 1);
	wq->max_sge = attr->max_sge;
	wq->log_stride = order_base_2(stride);

	if (ilog2(wq->count) > VIBIF_MAX_LOG_WQES ||
	    wq->log_stride > VIBIF_MAX_LOG_WQE_STRIDE)
		return -EINVAL;
	return 0;
}

static int ibfront_mlx4_create_srq(const struct ibfront_dev *dev,
				   const struct ib_srq_attr *attr,
				   struct ib_udata *udata,
				   struct ibfront_wq *wq,
				   struct ibfront_layout *layout)
{
	struct mlx4_ib_create_srq cmd = {};
	int err;

	err = ibfront_mlx4_size_srq(dev, attr, wq);
	if (err)
		return err;
	if (udata)
		err = ibfront_mlx4_get_cmd(udata, &cmd, sizeof(cmd));
	if (err)
		return err;
	wq->data_offset = VIBIF_MLX4_NEXT_SEG;
	layout->addr = ibfront_mlx4_buf_addr(cmd.buf_addr);
	layout->size = ibfront_wq_size(wq);
	layout->db_addr = ibfront_mlx4_wq_db_addr(cmd.db_addr);
	layout->db_size = VIBIF_MLX4_WQ_DOORBELL;
	return 0;
}

static u32 ibfront_mlx4_max_sge(const struct ibfront_dev *dev)
{
	return min(dev->attr.mlx4_max_sq_sg, dev->attr.mlx4_max_rq_sg);
}

static u32 ibfront_mlx4_max_wr(const struct ibfront_dev *dev)
{
	return dev->attr.mlx4_max_wqes - IBFRONT_MLX4_SQ_MAX_SPARE;
}

/* The receive queue that libmlx4 has laid out for the same capabilities */
static int ibfront_mlx4_size_rq(const struct ibfront_dev *dev,
				struct ibfront_qp *qp, struct ib_qp_cap *cap,
				bool has_rq, u32 inl_recv_sz)
{
	u32 max_inl = dev->attr.mlx4_max_rq_sg * VIBIF_MLX4_DATA_SEG;
	struct ibfront_wq *rq = &qp->rq;

	if (cap->max_recv_wr > ibfront_mlx4_max_wr(dev) ||
	    cap->max_recv_sge > ibfront_mlx4_max_sge(dev))
		return -EINVAL;

	if (!has_rq) {
		if (cap->max_recv_wr || inl_recv_sz)
			return -EINVAL;
	} else {
		if (!cap->max_recv_wr || !cap->max_recv_sge ||
		    inl_recv_sz > max_inl)
			return -EINVAL;
		qp->inl_recv = inl_recv_sz;
		rq->count = roundup_pow_of_two(cap->max_recv_wr);
		rq->max_sge = roundup_pow_of_two(cap->max_recv_sge);
		rq->log_stride = ilog2(max_t(u32, inl_recv_sz, rq->max_sge *
					     VIBIF_MLX4_DATA_SEG));
	}

	cap->max_recv_wr = rq->count;
	cap->max_recv_sge = rq->max_sge;
	return 0;
}

static int ibfront_mlx4_size_sq(const struct ibfront_dev *dev,
				struct ibfront_wq *sq,
				const struct mlx4_ib_create_qp *cmd)
{
	u32 max_stride = roundup_pow_of_two(dev->attr.mlx4_max_sq_desc_sz);

	if (check_shl_overflow(1, cmd->log_sq_bb_count, &sq->count) ||
	    sq->count > dev->attr.mlx4_max_wqes)
		return -EINVAL;
	if (cmd->log_sq_stride > ilog2(max_stride) ||
	    cmd->log_sq_stride < VIBIF_MLX4_MIN_LOG_SQ_STRIDE)
		return -EINVAL;
	sq->log_stride = cmd->log_sq_stride;
	return 0;
}

/*
 * The send queue of a QP of the kernel's own: @overhead octets precede the data
 * of a WQE.
 */
static int ibfront_mlx4_size_kernel_sq(const struct ibfront_dev *dev,
				       struct ib_qp_cap *cap, u32 overhead,
				       struct ibfront_wq *sq)
{
	u32 max_desc = dev->attr.mlx4_max_sq_desc_sz;
	u32 max_sge = ibfront_mlx4_max_sge(dev);
	u32 spare, size;

	if (cap->max_send_wr > ibfront_mlx4_max_wr(dev) ||
	    cap->max_send_sge > max_sge || cap->max_inline_data > max_desc)
		return -EINVAL;
	size = overhead +
	       max(cap->max_send_sge * VIBIF_MLX4_DATA_SEG,
		   cap->max_inline_data + IBFRONT_MLX4_INLINE_SEG);
	if (size > max_desc)
		return -EINVAL;

	size = roundup_pow_of_two(size);
	spare = IBFRONT_MLX4_SQ_HEADROOM / size + 1;
	sq->log_stride = ilog2(size);
	sq->count = roundup_pow_of_two(cap->max_send_wr + spare);
	sq->max_post = sq->count - spare;
	sq->max_sge = min((min(max_desc, size) - overhead) /
			  VIBIF_MLX4_DATA_SEG, max_sge);
	cap->max_send_wr = sq->max_post;
	cap->max_send_sge = sq->max_sge;
	cap->max_inline_data = 0;
	return 0;
}

/*
 * An XRC target QP never sends, and yet mlx4_ib tells of the send queue that it
 * has laid out for it, as for a QP of the kernel's own.
 */
static int ibfront_mlx4_size_target(const struct ibfront_dev *dev,
				    struct ibfront_qp *qp,
				    struct ib_qp_cap *cap)
{
	struct ibfront_wq sq;
	int err;

	err = ibfront_mlx4_size_rq(dev, qp, cap, false, 0);
	if (err)
		return err;
	return ibfront_mlx4_size_kernel_sq(dev, cap, IBFRONT_MLX4_CTRL_SEG,
					   &sq);
}

static u32 ibfront_mlx4_overhead(enum ib_qp_type type)
{
	switch (type) {
	case IB_QPT_UD:
		return IBFRONT_MLX4_CTRL_SEG + IBFRONT_MLX4_DATAGRAM_SEG;
	case IB_QPT_UC:
		return IBFRONT_MLX4_CTRL_SEG + IBFRONT_MLX4_RADDR_SEG;
	default:
		return IBFRONT_MLX4_CTRL_SEG + IBFRONT_MLX4_RADDR_SEG +
		       IBFRONT_MLX4_ATOMIC_SEG;
	}
}

/* As mlx4_ib, give the kernel's own a receive at least. */
static int ibfront_mlx4_size_kernel(const struct ibfront_dev *dev,
				    struct ib_qp_init_attr *init_attr,
				    struct ibfront_qp *qp, bool has_rq)
{
	u32 overhead = ibfront_mlx4_overhead(init_attr->qp_type);
	struct ib_qp_cap *cap = &init_attr->cap;
	int err;

	if (has_rq) {
		cap->max_recv_wr = max(cap->max_recv_wr, 1U);
		cap->max_recv_sge = max(cap->max_recv_sge, 1U);
	} else {
		cap->max_recv_wr = 0;
		cap->max_recv_sge = 0;
	}
	err = ibfront_mlx4_size_rq(dev, qp, cap, has_rq, 0);
	if (err)
		return err;
	qp->rq.max_post = qp->rq.count;
	err = ibfront_mlx4_size_kernel_sq(dev, cap, overhead, &qp->sq);
	if (err)
		return err;
	/* The queue with the larger WQEs comes first. */
	if (qp->rq.log_stride > qp->sq.log_stride)
		qp->sq.offset = ibfront_wq_size(&qp->rq);
	else
		qp->rq.offset = ibfront_wq_size(&qp->sq);
	return 0;
}

static int ibfront_mlx4_create_qp(const struct ibfront_dev *dev,
				  struct ib_qp_init_attr *init_attr,
				  struct ib_udata *udata, struct ibfront_qp *qp,
				  struct ibfront_layout *layout)
{
	bool has_rq = init_attr->qp_type != IB_QPT_XRC_INI && !init_attr->srq;
	struct mlx4_ib_create_qp cmd = {};
	int err;

	if (init_attr->qp_type == IB_QPT_XRC_TGT)
		return ibfront_mlx4_size_target(dev, qp, &init_attr->cap);

	if (udata) {
		err = ibfront_mlx4_get_cmd(udata, &cmd, sizeof(cmd));
		if (err)
			return err;
		err = ibfront_mlx4_size_rq(dev, qp, &init_attr->cap, has_rq,
					   cmd.inl_recv_sz);
		if (err)
			return err;
		err = ibfront_mlx4_size_sq(dev, &qp->sq, &cmd);
	} else {
		err = ibfront_mlx4_size_kernel(dev, init_attr, qp, has_rq);
	}
	if (err)
		return err;

	layout->addr = ibfront_mlx4_buf_addr(cmd.buf_addr);
	layout->size = ibfront_wq_size(&qp->rq) + ibfront_wq_size(&qp->sq);
	if (has_rq) {
		layout->db_addr = ibfront_mlx4_wq_db_addr(cmd.db_addr);
		layout->db_size = VIBIF_MLX4_WQ_DOORBELL;
	}
	return 0;
}

static void ibfront_mlx4_get_fw_str(struct ib_device *ibdev, char *str)
{
	u64 fw_ver = to_fdev(ibdev)->attr.fw_ver;

	snprintf(str, IB_FW_VERSION_NAME_MAX, "%d.%d.%d",
		 (int)(fw_ver >> 32), (int)(fw_ver >> 16) & 0xffff,
		 (int)fw_ver & 0xffff);
}

static struct ibfront_dev *ibfront_mlx4_to_fdev(struct device *device)
{
	return rdma_device_to_drv_device(device, struct ibfront_dev, ibdev);
}

static ssize_t hca_type_show(struct device *device,
			     struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "MT%u\n",
			  ibfront_mlx4_to_fdev(device)->attr.vendor_part_id);
}
static DEVICE_ATTR_RO(hca_type);

static ssize_t hw_rev_show(struct device *device,
			   struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%x\n",
			  ibfront_mlx4_to_fdev(device)->attr.hw_ver);
}
static DEVICE_ATTR_RO(hw_rev);

static ssize_t board_id_show(struct device *device,
			     struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  ibfront_mlx4_to_fdev(device)->attr.board_id);
}
static DEVICE_ATTR_RO(board_id);

static struct attribute *ibfront_mlx4_attributes[] = {
	&dev_attr_hw_rev.attr,
	&dev_attr_hca_type.attr,
	&dev_attr_board_id.attr,
	NULL
};

static const struct attribute_group ibfront_mlx4_attr_group = {
	.attrs = ibfront_mlx4_attributes,
};

static const struct ib_device_ops ibfront_mlx4_dev_ops = {
	.driver_id = RDMA_DRIVER_MLX4,
	.uverbs_abi_ver = MLX4_IB_UVERBS_ABI_VERSION,
	.device_group = &ibfront_mlx4_attr_group,

	.get_dev_fw_str = ibfront_mlx4_get_fw_str,
};

const struct ibfront_provider ibfront_mlx4 = {
	.name = "mlx4_%d",
	.ops = &ibfront_mlx4_dev_ops,
	.queues = &ibfront_mlx4_queues,
	.qp_create_flags = IB_QP_CREATE_IPOIB_UD_LSO |
			   IB_QP_CREATE_BLOCK_MULTICAST_LOOPBACK |
			   IB_QP_CREATE_NETIF_QP,

	.check_attr = ibfront_mlx4_check_attr,
	.query_device = ibfront_mlx4_query_device,
	.alloc_context = ibfront_mlx4_alloc_context,
	.put_number = ibfront_mlx4_put_number,
	.doorbell_frame = ibfront_mlx4_doorbell_frame,
	.create_cq = ibfront_mlx4_create_cq,
	.resize_cq = ibfront_mlx4_resize_cq,
	.create_srq = ibfront_mlx4_create_srq,
	.create_qp = ibfront_mlx4_create_qp,
};
