// SPDX-License-Identifier: GPL-2.0-only
/* The MAD area of a guest, see area.h. */

#include "area.h"

#define IRQ		42

#define SUBN_ADM	3
#define PERF_MGMT	4
#define MC_MEMBER	0x38
#define SET		2

struct area area;
unsigned int area_notified, area_eois;
const char *area_rogue;

static irq_handler_t handler;
static void *handler_arg;

int ibback_channel_map(struct ibback_dev *d, struct ibback_channel *channel,
		       const struct ibback_channel_nodes *nodes)
{
	int err = kernel_fail("ibback_channel_map", -ENOENT);

	if (err)
		return err;
	assert_int_equal(nodes->max_order, VIBIF_MAX_MAD_PAGE_ORDER);
	channel->area = &area;
	channel->nr_pages = 1 << AREA_ORDER;
	return 0;
}

int ibback_channel_bind(struct ibback_dev *d, struct ibback_channel *channel,
			irq_handler_t fn, const char *name, void *arg)
{
	int err = kernel_fail("ibback_channel_bind", -EINVAL);

	if (err)
		return err;
	channel->irq = IRQ;
	handler = fn;
	handler_arg = arg;
	return 0;
}

void ibback_channel_close(struct ibback_dev *d, struct ibback_channel *channel,
			  void *arg)
{
	/* All who use it are gone */
	assert_null(mad_agent(1));
	assert_null(mad_agent(2));
	assert_int_equal(mcast_nr_members(), 0);
	channel->area = NULL;
	channel->irq = 0;
	handler = NULL;
}

void disable_irq(int irq)
{
	assert_int_equal(irq, IRQ);
}

void notify_remote_via_irq(int irq)
{
	assert_int_equal(irq, IRQ);
	area_notified++;
}

void xen_irq_lateeoi(int irq, unsigned int flags)
{
	assert_int_equal(irq, IRQ);
	area_eois++;
}

void ibback_dev_rogue(struct ibback_dev *d, const char *what)
{
	area_rogue = what;
}

void area_reset(void)
{
	memset(&area, 0, sizeof(area));
	xen_write(AREA_DIR, VIBIF_FIELD_MAD_PAGE_ORDER, "3");
	area_notified = 0;
	area_eois = 0;
	area_rogue = NULL;
}

void area_notify(void)
{
	handler(IRQ, handler_arg);
}

struct vibif_mad area_question(u8 method, u32 tid)
{
	struct vibif_mad m = {
		.port = 2,
		.qpn = 1,
		.av.dlid = AREA_LID,
		.av.sl = 3,
		.mad = { 1, PERF_MGMT, 1, method },
	};

	memcpy(m.mad + 8, "abcd", 4);
	memcpy(m.mad + 12, &tid, sizeof(tid));
	return m;
}

struct vibif_mad area_membership(struct ibback_dev *dev)
{
	static const u8 group[16] = { 0xff }, gid[16] = { 0xfe, 0x80, [14] = 2 };
	struct vibif_mad m = area_question(SET, 7);

	dev->hca->sm_lid[1] = AREA_LID;
	m.mad[1] = SUBN_ADM;
	m.mad[2] = 2;
	m.mad[17] = MC_MEMBER;
	m.mad[53] = 1;
	m.mad[55] = 0x83;
	memcpy(m.mad + 56, group, sizeof(group));
	memcpy(m.mad + 72, gid, sizeof(gid));
	m.mad[96] = 0x82;
	m.mad[104] = 1;
	return m;
}

struct vibif_mad area_cm_request(struct ibback_dev *dev)
{
	struct vibif_mad m = area_question(3, 7);
	struct obj context = guest_create(dev, req_context());
	struct obj pd = guest_create(dev, req_pd());
	struct obj cq = guest_create(dev, req_cq(context));
	u32 qpn = guest_create(dev, req_qp(VIBIF_QPT_RC, context, pd,
					   cq)).number;
	__be64 guid = cpu_to_be64(FAKE_GUID);

	m.mad[1] = 7;
	m.mad[2] = 2;
	m.mad[17] = 0x10;
	m.mad[27] = 9;
	memcpy(m.mad + 40, &guid, sizeof(guid));
	m.mad[57] = qpn >> 8;
	m.mad[58] = qpn;
	m.mad[72] = 0x82;
	m.mad[73] = 1;
	m.mad[76] = AREA_LID >> 8;
	m.mad[77] = AREA_LID & 0xff;
	m.mad[80] = 0xfe;
	m.mad[81] = 0x80;
	m.mad[94] = 2;
	return m;
}
