// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slab of doorbell pages (UARs) of a guest.
 *
 * The toolstack opens the frames to the guest for as long as the device is
 * attached, so the reservation belongs to the attached device: it is written
 * to xenstore, survives the unloading of this module there and in the HCA's
 * driver, and is adopted again by the next probe.
 *
 * A guest that has lost its device may still have the pages mapped. They are
 * kept in quarantine until Xen no longer knows the domain, and serve nobody
 * but the same domain, should it get a device again.
 */

#include <linux/slab.h>
#include <asm/xen/hypercall.h>
#include <xen/interface/memory.h>

#include "ibback.h"

#define QUARANTINE_POLL_MS	500

struct quarantine {
	struct list_head entry;
	struct ibback_hca *hca;
	domid_t domid;
	u32 nr;
	struct ibback_uar *uar;
};

static LIST_HEAD(quarantine_list);
static DEFINE_MUTEX(quarantine_lock);	/* protects the list */

static void quarantine_poll(struct work_struct *work);
static DECLARE_DELAYED_WORK(quarantine_work, quarantine_poll);

/* Dying domains are still known: pages of theirs may still be in use. */
static bool domain_gone(domid_t domid)
{
	return HYPERVISOR_memory_op(XENMEM_current_reservation, &domid) ==
		-ESRCH;
}

static void free_uars(struct ibback_hca *hca, struct ibback_uar *uar, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		hca->ops->uar_free(hca, &uar[i]);
	ibback_total_add(IBBACK_TOTAL_UARS, -(long)nr);
}

static void quarantine_drop(struct quarantine *q)
{
	list_del(&q->entry);
	kfree(q->uar);
	kfree(q);
}

static void quarantine_poll(struct work_struct *work)
{
	struct quarantine *q, *next;

	mutex_lock(&quarantine_lock);
	list_for_each_entry_safe(q, next, &quarantine_list, entry) {
		if (!domain_gone(q->domid))
			continue;
		free_uars(q->hca, q->uar, q->nr);
		quarantine_drop(q);
	}
	if (!list_empty(&quarantine_list))
		schedule_delayed_work(&quarantine_work,
				      msecs_to_jiffies(QUARANTINE_POLL_MS));
	mutex_unlock(&quarantine_lock);
}

/* A page that this domain had before, if there is one. */
static bool quarantine_take(struct ibback_dev *dev, struct ibback_uar *uar)
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
			quarantine_drop(q);
		break;
	}
	mutex_unlock(&quarantine_lock);
	return found;
}

static int alloc_slab(struct ibback_dev *dev)
{
	dev->uar = kcalloc(IBBACK_MAX_CONTEXTS, sizeof(*dev->uar), GFP_KERNEL);
	if (!dev->uar) {
		xenbus_dev_fatal(dev->xbdev, -ENOMEM, "allocating UARs");
		return -ENOMEM;
	}
	return 0;
}

static int reserve(struct ibback_dev *dev)
{
	struct ibback_hca *hca = dev->hca;
	u32 nr = dev->quota[IBBACK_CONTEXT];
	int err;

	for (dev->nr_uars = 0; dev->nr_uars < nr; dev->nr_uars++) {
		struct ibback_uar *uar = &dev->uar[dev->nr_uars];

		if (quarantine_take(dev, uar))
			continue;
		err = hca->ops->uar_alloc(hca, uar);
		if (err) {
			xenbus_dev_fatal(dev->xbdev, err,
					 "HCA has %u doorbell pages left, %u wanted",
					 dev->nr_uars, nr);
			return err;
		}
		ibback_total_add(IBBACK_TOTAL_UARS, 1);
	}
	return 0;
}

static int publish(struct ibback_dev *dev)
{
	const char *dir = dev->xbdev->nodename;
	char node[sizeof("uar-") + 10];
	u32 i;
	int err = 0;

	for (i = 0; i < dev->nr_uars && !err; i++) {
		snprintf(node, sizeof(node), "uar-%u", i);
		err = xenbus_printf(XBT_NIL, dir, node, "%u 0x%llx 0x%llx",
				    dev->uar[i].index, dev->uar[i].frame,
				    dev->uar[i].bf_frame);
	}
	/* Name the HCA, so that the next backend does not choose another */
	if (!err)
		err = xenbus_printf(XBT_NIL, dir, VIBIF_FIELD_HCA, "%s",
				    dev_name(&dev->hca->ibdev->dev));
	if (!err)
		err = xenbus_printf(XBT_NIL, dir, VIBIF_FIELD_HCA_INSTANCE,
				    "%u", dev->hca->instance);
	/* Last: with it the reservation is complete and can be adopted */
	if (!err)
		err = xenbus_printf(XBT_NIL, dir, VIBIF_FIELD_UAR_COUNT, "%u",
				    dev->nr_uars);
	if (err)
		xenbus_dev_fatal(dev->xbdev, err, "writing UARs");
	return err;
}

/* The doorbell pages that were published when the device was attached */
static int read_published(struct ibback_dev *dev, u32 nr)
{
	struct ibback_hca *hca = dev->hca;
	char node[sizeof("uar-") + 10];
	u32 i;

	if (nr > IBBACK_MAX_CONTEXTS) {
		xenbus_dev_fatal(dev->xbdev, -EINVAL,
				 VIBIF_FIELD_UAR_COUNT
				 " is %u, valid range is 1 - %u", nr,
				 IBBACK_MAX_CONTEXTS);
		return -EINVAL;
	}
	for (i = 0; i < nr; i++) {
		snprintf(node, sizeof(node), "uar-%u", i);
		if (xenbus_scanf(XBT_NIL, dev->xbdev->nodename, node, "%u",
				 &dev->uar[i].index) != 1 ||
		    hca->ops->uar_adopt(hca, &dev->uar[i])) {
			xenbus_dev_fatal(dev->xbdev, -EINVAL,
					 "%s is no UAR of the HCA", node);
			return -EINVAL;
		}
	}
	return 0;
}

static int adopt(struct ibback_dev *dev, u32 nr)
{
	int err;

	if (xenbus_read_unsigned(dev->xbdev->nodename,
				 VIBIF_FIELD_HCA_INSTANCE, U32_MAX) !=
	    dev->hca->instance) {
		xenbus_dev_fatal(dev->xbdev, -ESTALE,
				 "HCA was restarted; detach and attach again");
		return -ESTALE;
	}
	err = read_published(dev, nr);
	if (err)
		return err;
	dev->nr_uars = nr;
	ibback_total_add(IBBACK_TOTAL_UARS, nr);
	return 0;
}

/**
 * ibback_uars_reserve - get the guest's doorbell pages
 * @dev: the guest's device, with an HCA and quotas
 *
 * Return: 0, or an errno after xenbus_dev_fatal().
 */
int ibback_uars_reserve(struct ibback_dev *dev)
{
	u32 nr = xenbus_read_unsigned(dev->xbdev->nodename,
				      VIBIF_FIELD_UAR_COUNT, 0);
	int err;

	err = alloc_slab(dev);
	if (err)
		return err;
	if (nr) {
		err = adopt(dev, nr);
		if (err)
			ibback_uars_forget(dev);
		return err;
	}
	err = reserve(dev);
	if (!err)
		err = publish(dev);
	if (err)
		ibback_uars_release(dev);
	return err;
}

/**
 * ibback_uars_retake - get the doorbell pages back after the HCA has restarted
 * @dev: the guest's device, which had no HCA, and has that one now
 *
 * They must be the same: only those are open to the guest.
 *
 * Return: 0, -ENODEV if it never had any, or an errno after xenbus_dev_fatal().
 */
int ibback_uars_retake(struct ibback_dev *dev)
{
	u32 nr = xenbus_read_unsigned(dev->xbdev->nodename,
				      VIBIF_FIELD_UAR_COUNT, 0);
	int err;

	if (!nr)
		return -ENODEV;
	err = alloc_slab(dev);
	if (err)
		return err;
	err = read_published(dev, nr);
	if (err)
		goto err_free;
	err = dev->hca->ops->uar_retake(dev->hca, dev->uar, nr);
	if (err) {
		xenbus_dev_fatal(dev->xbdev, err,
				 "another has its UARs; detach and attach again");
		goto err_free;
	}
	dev->nr_uars = nr;
	ibback_total_add(IBBACK_TOTAL_UARS, nr);
	err = publish(dev);
	if (err)
		ibback_uars_release(dev);
	return err;

err_free:
	ibback_uars_forget(dev);
	return err;
}

/*
 * The device is no longer attached: free its doorbell pages, as soon as the
 * guest certainly cannot reach them.
 */
void ibback_uars_release(struct ibback_dev *dev)
{
	struct quarantine *q;

	if (!dev->nr_uars || !dev->hca) {
		ibback_uars_forget(dev);
		return;
	}
	if (domain_gone(dev->xbdev->otherend_id)) {
		free_uars(dev->hca, dev->uar, dev->nr_uars);
		kfree(dev->uar);
	} else {
		q = kmalloc(sizeof(*q), GFP_KERNEL | __GFP_NOFAIL);
		*q = (struct quarantine) {
			.hca = dev->hca,
			.domid = dev->xbdev->otherend_id,
			.nr = dev->nr_uars,
			.uar = dev->uar,
		};
		mutex_lock(&quarantine_lock);
		list_add_tail(&q->entry, &quarantine_list);
		schedule_delayed_work(&quarantine_work, 0);
		mutex_unlock(&quarantine_lock);
	}
	dev->uar = NULL;
	dev->nr_uars = 0;
}

/* Leave them reserved in the HCA's driver, for the next backend to adopt. */
void ibback_uars_forget(struct ibback_dev *dev)
{
	ibback_total_add(IBBACK_TOTAL_UARS, -(long)dev->nr_uars);
	kfree(dev->uar);
	dev->uar = NULL;
	dev->nr_uars = 0;
}

/**
 * ibback_uar_get - take a doorbell page for a context
 * @dev: the guest's device
 *
 * Return: the page, or NULL if all are in use.
 */
struct ibback_uar *ibback_uar_get(struct ibback_dev *dev)
{
	struct ibback_uar *uar = NULL;
	u32 i;

	spin_lock(&dev->uar_lock);
	for (i = 0; i < dev->nr_uars && !uar; i++) {
		if (!dev->uar[i].busy) {
			uar = &dev->uar[i];
			uar->busy = true;
		}
	}
	spin_unlock(&dev->uar_lock);
	return uar;
}

void ibback_uar_put(struct ibback_dev *dev, struct ibback_uar *uar)
{
	spin_lock(&dev->uar_lock);
	uar->busy = false;
	spin_unlock(&dev->uar_lock);
}

static void quarantine_abandon(struct ibback_hca *hca)
{
	struct quarantine *q, *next;

	mutex_lock(&quarantine_lock);
	list_for_each_entry_safe(q, next, &quarantine_list, entry) {
		if (hca && q->hca != hca)
			continue;
		pr_notice("xen-ibback: domain %u may still use %u UARs, which stay reserved until the HCA restarts\n",
			  q->domid, q->nr);
		ibback_total_add(IBBACK_TOTAL_UARS, -(long)q->nr);
		quarantine_drop(q);
	}
	mutex_unlock(&quarantine_lock);
}

/*
 * The HCA's RDMA device goes away. Its core driver may live on, so pages that
 * a guest may have mapped stay reserved there.
 */
void ibback_uars_hca_gone(struct ibback_hca *hca)
{
	quarantine_abandon(hca);
}

void ibback_uars_exit(void)
{
	/* What can be freed now is */
	quarantine_poll(NULL);
	cancel_delayed_work_sync(&quarantine_work);
	quarantine_abandon(NULL);
}
