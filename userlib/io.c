// SPDX-License-Identifier: LGPL-2.1-only
/*
 * io.c - open doorbell pages to a guest, and close them
 *
 * A PV guest maps machine frames itself, and Xen lets it once it has
 * permission. A translated guest also needs them in its own physical address
 * space.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

int uars_read(struct xenib *xn, struct device *dev)
{
	struct xenib_uar *uars;
	uint64_t i, count;
	char *value;

	value = store_read(xn, XBT_NULL, dev->be, VIBIF_FIELD_UAR_COUNT);
	if (!value)
		return errno == ENOENT ? 0 : -1;
	if (parse_number(value, 10, VIBIF_MAX_UARS, &count)) {
		fail(xn, EPROTO,
		     "%s/" VIBIF_FIELD_UAR_COUNT " is \"%s\", not 0 .. %u",
		     dev->be, value, VIBIF_MAX_UARS);
		free(value);
		return -1;
	}
	free(value);

	uars = calloc(count + 1, sizeof(*uars));
	if (!uars)
		return fail(xn, ENOMEM, "out of memory");
	for (i = 0; i < count; i++) {
		char node[16];

		snprintf(node, sizeof(node), VIBIF_FIELD_UAR "%u",
			 (unsigned int)i);
		value = store_read(xn, XBT_NULL, dev->be, node);
		if (!value) {
			/* To detach, ENOENT is a device that is not there. */
			if (errno == ENOENT)
				fail(xn, EPROTO, "%s/%s is missing", dev->be,
				     node);
			goto err;
		}
		if (parse_uar(value, &uars[i])) {
			fail(xn, EPROTO, "%s/%s is \"%s\", not a UAR", dev->be,
			     node, value);
			free(value);
			goto err;
		}
		free(value);
	}
	dev->uars = uars;
	dev->nr_uars = count;
	return 0;
err:
	free(uars);
	return -1;
}

static int frame_map(struct xenib *xn, struct device *dev, uint64_t gfn,
		     uint64_t mfn, bool add)
{
	if (!xc_domain_memory_mapping(xn->xc, dev->domid, gfn, mfn, 1,
				      add ? DPCI_ADD_MAPPING :
					    DPCI_REMOVE_MAPPING))
		return 0;
	/*
	 * An interrupted attach may not have mapped it, an interrupted detach
	 * have closed it already (EPERM, see frame_close()); the guest may die.
	 */
	if (!add && (errno == EINVAL || errno == EPERM || errno == ESRCH))
		return 0;
	return fail(xn, errno,
		    "cannot %s frame %#llx at guest frame %#llx of domain %u: %s",
		    add ? "map" : "unmap", (unsigned long long)mfn,
		    (unsigned long long)gfn, dev->domid, strerror(errno));
}

static int frame_permit(struct xenib *xn, struct device *dev, uint64_t mfn,
			bool allow)
{
	if (!xc_domain_iomem_permission(xn->xc, dev->domid, mfn, 1, allow))
		return 0;
	if (!allow && errno == ESRCH)
		return 0;
	return fail(xn, errno, "cannot %s domain %u frame %#llx: %s",
		    allow ? "permit" : "forbid", dev->domid,
		    (unsigned long long)mfn, strerror(errno));
}

/* @gfn is used for translated guests only. */
static int frame_open(struct xenib *xn, struct device *dev, uint64_t gfn,
		      uint64_t mfn)
{
	int saved_errno;

	if (frame_permit(xn, dev, mfn, true))
		return -1;
	if (!dev->translated || !frame_map(xn, dev, gfn, mfn, true))
		return 0;
	saved_errno = errno;
	xc_domain_iomem_permission(xn->xc, dev->domid, mfn, 1, false);
	errno = saved_errno;
	return -1;
}

static int frame_close(struct xenib *xn, struct device *dev, uint64_t gfn,
		       uint64_t mfn)
{
	/* In this order: Xen unmaps only what the guest has permission for. */
	if (dev->translated && frame_map(xn, dev, gfn, mfn, false))
		return -1;
	return frame_permit(xn, dev, mfn, false);
}

/* Frame @i of a device: doorbell and BlueFlame pages take turns. 0: none. */
static uint64_t frame_of(const struct device *dev, size_t i)
{
	const struct xenib_uar *uar = &dev->uars[i / VIBIF_FRAMES_PER_UAR];

	return i % VIBIF_FRAMES_PER_UAR ? uar->bf_frame : uar->frame;
}

static int frames_close(struct xenib *xn, struct device *dev, size_t nr)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < nr; i++) {
		uint64_t mfn = frame_of(dev, i);

		if (mfn && frame_close(xn, dev, dev->gfn_base + i, mfn))
			rc = -1;
	}
	return rc;
}

int uars_open(struct xenib *xn, struct device *dev)
{
	size_t i;

	for (i = 0; i < VIBIF_FRAMES_PER_UAR * dev->nr_uars; i++) {
		uint64_t mfn = frame_of(dev, i);

		if (mfn && frame_open(xn, dev, dev->gfn_base + i, mfn)) {
			struct failure first;

			failure_save(xn, &first);
			frames_close(xn, dev, i);
			failure_restore(xn, &first);
			return -1;
		}
	}
	return 0;
}

int uars_close(struct xenib *xn, struct device *dev)
{
	return frames_close(xn, dev, VIBIF_FRAMES_PER_UAR * dev->nr_uars);
}
