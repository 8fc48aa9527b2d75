// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slab of doorbell pages (UARs) of a guest.
 *
 * The toolstack opens the frames to the guest for as long as the device is
 * attached, so the reservation belongs to the attached device: it is written
 * to xenstore, survives the unloading of this module there and in the HCA's
 * core driver, and is adopted again by the next probe.
 *
 * A guest that has lost its device may still have the pages mapped. They are
 * kept in quarantine until Xen no longer knows the domain, and serve nobody
 * but the same domain, should it get a device again.
 *
 * Whoever has a doorbell page mapped can post work to the queues of its owner,
 * on the BlueFlame page that belongs to it. An HCA's core driver that restarts
 * forgets who has which. So all pages that guests may have, of devices and in
 * quarantine, are retaken before anybody else can get one from here.
 */

#define pr_fmt(fmt)	"xen-ibback: " fmt

#include <linux/slab.h>
#include <asm/xen/hypercall.h>
#include <xen/interface/memory.h>

#include "ibback.h"

#define QUARANTINE_POLL_MS	500

/**
 * struct quarantine - pages that a domain without its device may have mapped
 * @entry: in the list of all
 * @guid: of the HCA
 * @instance: of the HCA when they were reserved
 * @hca: the HCA, NULL while it is away
 * @domid: the domain
 * @nr: entries of @uar
 * @uar: the pages
 */
struct quarantine {
	struct list_head entry;
	u64 guid;
	u32 instance;
	struct ibback_hca *hca;
	domid_t domid;
	u32 nr;
	struct ibback_uar *uar;
};

static LIST_HEAD(quarantine_list);
static DEFINE_MUTEX(quarantine_lock);	/* protects the list */

static void ibback_quarantine_poll(struct work_struct *work);
static DECLARE_DELAYED_WORK(quarantine_work, ibback_quarantine_poll);

/* Dying domains are still known: pages of theirs may still be in use. */
static bool ibback_domain_gone(domid_t domid)
{
	return HYPERVISOR_memory_op(XENMEM_current_reservation, &domid) ==
		-ESRCH;
}

static void ibback_free_uars(struct ibback_hca *hca, struct ibback_uar *uar,
			     u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		hca->ops->uar->free(hca, &uar[i]);
	ibback_total_add(IBBACK_TOTAL_UARS, -(long)nr);
}

static void ibback_quarantine_drop(struct quarantine *q)
{
	list_del(&q->entry);
	kfree(q->uar);
	kfree(q);
}

static void ibback_quarantine_poll(struct work_struct *work)
{
	struct quarantine *q, *next;

	mutex_lock(&quarantine_lock);
	list_for_each_entry_safe(q, next, &quarantine_list, entry) {
		if (!q->hca || !ibback_domain_gone(q->domid))
			continue;
		ibback_free_uars(q->hca, q->uar, q->nr);
		ibback_quarantine_drop(q);
	}
	if (!list_empty(&quarantine_list))
		schedule_delayed_work(&quarantine_work,
				      msecs_to_jiffies(QUARANTINE_POLL_MS));
	mutex_unlock(&quarantine_lock);
}

/* A page that this domain had before, if there is one. */
static bool ibback_quarantine_take(struct ibback_dev *dev,
				   struct ibback_uar *uar)
{
	struct quarantine *q;
	bool found = false;

	mutex_lock(&quarantine_lock);
	list_for_each_entry(q, &quarantine_list, entry) {
		if (q->domid != dev->xbdev->otherend_id || q->hca != dev->hca)
			continue;
		*uar = q->uar[--q->nr];
		found = true;
		if (!q->nr)
			ibback_quarantine_drop(q);
		break;
	}
	mutex_unlock(&quarantine_lock);
	return found;
}

static int ibback_alloc_slab(struct ibback_dev *dev)
{
	dev->uar = kcalloc(VIBIF_MAX_UARS, sizeof(*dev->uar), GFP_KERNEL);
	if (!dev->uar) {
		xenbus_dev_fatal(dev->xbdev, -ENOMEM, "allocating UARs");
		return -ENOMEM;
	}
	return 0;
}

/* The domain's own from quarantine, then new ones. */
static int ibback_uars_fill(struct ibback_dev *dev)
{
	u32 each = dev->hca->uars_per_context;
	u32 nr = min(dev->quota[IBBACK_CONTEXT], VIBIF_MAX_UARS / each) * each;
	u32 new;
	int err;

	while (dev->nr_uars < nr &&
	       ibback_quarantine_take(dev, &dev->uar[dev->nr_uars]))
		dev->nr_uars++;
	new = nr - dev->nr_uars;
	if (!new)
		return 0;
	err = dev->hca->ops->uar->alloc(dev->hca, &dev->uar[dev->nr_uars], new);
	if (err) {
		xenbus_dev_error(dev->xbdev, err,
				 "HCA has not the %u doorbell pages wanted",
				 nr);
		return err;
	}
	dev->nr_uars = nr;
	ibback_total_add(IBBACK_TOTAL_UARS, new);
	return 0;
}

static int ibback_uars_publish(struct ibback_dev *dev)
{
	const char *dir = dev->xbdev->nodename;
	char node[sizeof(VIBIF_FIELD_UAR) + 10];
	u32 i;
	int err = 0;

	for (i = 0; i < dev->nr_uars && !err; i++) {
		snprintf(node, sizeof(node), VIBIF_FIELD_UAR "%u", i);
		err = xenbus_printf(XBT_NIL, dir, node, "%u 0x%llx 0x%llx",
				    dev->uar[i].index, dev->uar[i].frame,
				    dev->uar[i].bf_frame);
	}
	if (!err)
		err = ibback_hca_publish(dev);
	if (!err)
		err = xenbus_printf(XBT_NIL, dir, VIBIF_FIELD_HCA_INSTANCE,
				    "%u", dev->uar_instance);
	/* Last: with it the reservation is complete and can be adopted */
	if (!err)
		err = xenbus_printf(XBT_NIL, dir, VIBIF_FIELD_UAR_COUNT, "%u",
				    dev->nr_uars);
	if (err)
		xenbus_dev_error(dev->xbdev, err, "writing UARs");
	return err;
}

/**
 * ibback_uars_read() - learn what was published when the device was attached
 * @dev: the guest's device, which may have no HCA yet
 *
 * Return: 0, also if that was nothing, or an errno after xenbus_dev_fatal().
 */
int ibback_uars_read(struct ibback_dev *dev)
{
	const char *dir = dev->xbdev->nodename;
	u32 nr = xenbus_read_unsigned(dir, VIBIF_FIELD_UAR_COUNT, 0);
	char node[sizeof(VIBIF_FIELD_UAR) + 10];
	u32 i;
	int err;

	if (nr > VIBIF_MAX_UARS) {
		xenbus_dev_fatal(dev->xbdev, -EINVAL,
				 VIBIF_FIELD_UAR_COUNT
				 " is %u, valid range is 1 - %u", nr,
				 VIBIF_MAX_UARS);
		return -EINVAL;
	}
	err = ibback_alloc_slab(dev);
	if (err)
		return err;
	for (i = 0; i < nr; i++) {
		snprintf(node, sizeof(node), VIBIF_FIELD_UAR "%u", i);
		if (xenbus_scanf(XBT_NIL, dir, node, "%u",
				 &dev->uar[i].index) != 1) {
			xenbus_dev_fatal(dev->xbdev, -EINVAL, "reading %s",
					 node);
			return -EINVAL;
		}
	}
	dev->uar_instance = xenbus_read_unsigned(dir, VIBIF_FIELD_HCA_INSTANCE,
						 0);
	dev->nr_uars = nr;
	ibback_total_add(IBBACK_TOTAL_UARS, nr);
	return 0;
}

/*
 * Reserve what may have gone to others while the HCA was away. This cannot be
 * mended here when it has happened, so it is said as loudly as can be.
 *
 * Return: how many are left; they are the first ones.
 */
static u32 ibback_uars_retake_lost(struct ibback_hca *hca, domid_t domid,
				   struct ibback_uar *uar, u32 nr)
{
	u32 i, left = 0;

	if (!hca->ops->uar->retake(hca, uar, nr))
		return nr;
	for (i = 0; i < nr; i++) {
		if (uar[i].held)
			uar[left++] = uar[i];
		else
			dev_crit(&hca->ibdev->dev,
				 "doorbell page %u went to another user while the HCA restarted: domain %u, which may have it mapped, can post work to that user's queues; destroy one of them\n",
				 uar[i].index, domid);
	}
	return left;
}

static void ibback_quarantine_add(struct ibback_dev *dev)
{
	struct quarantine *q = kmalloc(sizeof(*q), GFP_KERNEL | __GFP_NOFAIL);

	*q = (struct quarantine) {
		.guid = dev->guid,
		.instance = dev->uar_instance,
		.hca = dev->hca,
		.domid = dev->xbdev->otherend_id,
		.nr = dev->nr_uars,
		.uar = dev->uar,
	};
	mutex_lock(&quarantine_lock);
	list_add_tail(&q->entry, &quarantine_list);
	schedule_delayed_work(&quarantine_work, 0);
	mutex_unlock(&quarantine_lock);
	dev->uar = NULL;
	dev->nr_uars = 0;
}

/**
 * ibback_uars_retake() - have the doorbell pages that are open to the guest
 * @dev: the guest's device, with an HCA that it had before
 *
 * They must be the same: only those are open to the guest.
 *
 * Return: 0, -ENODEV if it never had any, or an errno after xenbus_dev_error().
 * Not xenbus_dev_fatal(), which writes Closing: a device that has waited for
 * its HCA is Closed already, and would never say so again.
 */
int ibback_uars_retake(struct ibback_dev *dev)
{
	struct ibback_hca *hca = dev->hca;
	u32 i, left = dev->nr_uars;

	if (!left)
		return -ENODEV;
	for (i = 0; i < dev->nr_uars; i++) {
		if (!hca->ops->uar->adopt(hca, &dev->uar[i]))
			continue;
		xenbus_dev_error(dev->xbdev, -EINVAL,
				 "uar-%u is no UAR of the HCA", i);
		ibback_uars_forget(dev);
		return -EINVAL;
	}
	/* If only its RDMA device was away: they were reserved all the time */
	if (dev->uar_instance != hca->instance)
		left = ibback_uars_retake_lost(hca, dev->xbdev->otherend_id,
					       dev->uar, left);
	dev->uar_instance = hca->instance;
	/* In both cases: it may have failed the last time */
	if (left == dev->nr_uars)
		return ibback_uars_publish(dev);
	xenbus_dev_error(dev->xbdev, -EBUSY,
			 "another user has %u of its doorbell pages; detach and attach again",
			 dev->nr_uars - left);
	ibback_total_add(IBBACK_TOTAL_UARS, (long)left - dev->nr_uars);
	dev->nr_uars = left;
	ibback_uars_release(dev);
	return -EBUSY;
}

/**
 * ibback_uars_reserve() - get the guest's doorbell pages
 * @dev: the guest's device after ibback_uars_read(), with an HCA and quotas
 *
 * Return: 0, or an errno after xenbus_dev_error().
 */
int ibback_uars_reserve(struct ibback_dev *dev)
{
	int err;

	if (dev->nr_uars)
		return ibback_uars_retake(dev);
	dev->uar_instance = dev->hca->instance;
	err = ibback_uars_fill(dev);
	if (!err)
		err = ibback_uars_publish(dev);
	if (err)
		ibback_uars_release(dev);
	return err;
}

/*
 * The device is no longer attached: free its doorbell pages, as soon as the
 * guest certainly cannot reach them.
 */
void ibback_uars_release(struct ibback_dev *dev)
{
	if (!dev->nr_uars) {
		ibback_uars_forget(dev);
	} else if (dev->hca && ibback_domain_gone(dev->xbdev->otherend_id)) {
		ibback_free_uars(dev->hca, dev->uar, dev->nr_uars);
		kfree(dev->uar);
		dev->uar = NULL;
		dev->nr_uars = 0;
	} else {
		ibback_quarantine_add(dev);
	}
}

/*
 * Say the HCA's instance if it could not be said when the HCA came back: the
 * next backend would take the guest's own pages for another user's.
 */
static void ibback_uars_publish_instance(struct ibback_dev *dev)
{
	const char *dir = dev->xbdev->nodename;
	u32 said;
	int err;

	if (!dev->nr_uars ||
	    xenbus_scanf(XBT_NIL, dir, VIBIF_FIELD_HCA_INSTANCE, "%u",
			 &said) != 1 || said == dev->uar_instance)
		return;
	err = xenbus_printf(XBT_NIL, dir, VIBIF_FIELD_HCA_INSTANCE, "%u",
			    dev->uar_instance);
	if (err)
		xenbus_dev_error(dev->xbdev, err, "writing "
				 VIBIF_FIELD_HCA_INSTANCE);
}

/* Leave them reserved in the HCA's driver, for the next backend to adopt. */
void ibback_uars_forget(struct ibback_dev *dev)
{
	ibback_uars_publish_instance(dev);
	ibback_total_add(IBBACK_TOTAL_UARS, -(long)dev->nr_uars);
	kfree(dev->uar);
	dev->uar = NULL;
	dev->nr_uars = 0;
}

/**
 * ibback_uars_get() - take doorbell pages for a context
 * @dev: the guest's device
 *
 * Return: the first of hca->uars_per_context, all marked by the first one's
 * busy; or NULL if all are in use.
 */
struct ibback_uar *ibback_uars_get(struct ibback_dev *dev)
{
	u32 i, each = dev->hca->uars_per_context;
	struct ibback_uar *uar = NULL;

	spin_lock(&dev->uar_lock);
	for (i = 0; i + each <= dev->nr_uars && !uar; i += each) {
		if (!dev->uar[i].busy) {
			uar = &dev->uar[i];
			uar->busy = true;
		}
	}
	spin_unlock(&dev->uar_lock);
	return uar;
}

void ibback_uars_put(struct ibback_dev *dev, struct ibback_uar *uar)
{
	spin_lock(&dev->uar_lock);
	uar->busy = false;
	spin_unlock(&dev->uar_lock);
}

/**
 * ibback_uars_hca_gone() - the HCA's RDMA device goes away
 * @hca: the HCA
 *
 * Its core driver may live on, and be the same when the device comes back.
 */
void ibback_uars_hca_gone(struct ibback_hca *hca)
{
	struct quarantine *q;

	mutex_lock(&quarantine_lock);
	list_for_each_entry(q, &quarantine_list, entry)
		if (q->hca == hca)
			q->hca = NULL;
	mutex_unlock(&quarantine_lock);
}

/**
 * ibback_uars_hca_back() - reserve what is in quarantine on an HCA that comes
 * @hca: the HCA, which nobody can take pages of from here yet
 */
void ibback_uars_hca_back(struct ibback_hca *hca)
{
	struct quarantine *q, *next;
	u32 left;

	mutex_lock(&quarantine_lock);
	list_for_each_entry_safe(q, next, &quarantine_list, entry) {
		if (q->hca || q->guid != hca->guid)
			continue;
		q->hca = hca;
		if (q->instance == hca->instance)
			continue;
		q->instance = hca->instance;
		left = ibback_uars_retake_lost(hca, q->domid, q->uar, q->nr);
		ibback_total_add(IBBACK_TOTAL_UARS, (long)left - q->nr);
		q->nr = left;
		if (!left)
			ibback_quarantine_drop(q);
	}
	mutex_unlock(&quarantine_lock);
}

void ibback_uars_exit(void)
{
	struct quarantine *q, *next;

	/* What can be freed now is */
	ibback_quarantine_poll(NULL);
	cancel_delayed_work_sync(&quarantine_work);
	mutex_lock(&quarantine_lock);
	list_for_each_entry_safe(q, next, &quarantine_list, entry) {
		pr_notice("domain %u may still use %u UARs; they stay reserved until the HCA's core driver restarts, and are anybody's then\n",
			  q->domid, q->nr);
		ibback_total_add(IBBACK_TOTAL_UARS, -(long)q->nr);
		ibback_quarantine_drop(q);
	}
	mutex_unlock(&quarantine_lock);
}
