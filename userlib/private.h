/* SPDX-License-Identifier: LGPL-2.1-only */
/* private.h - what the files of libxenib share */
#ifndef XENIB_PRIVATE_H
#define XENIB_PRIVATE_H

#include <stdbool.h>

#include <xenctrl.h>
#include <xenstore.h>
#include <xentoollog.h>
#include <xen/interface/io/vibif.h>
#include <xen/io/xenbus.h>

#include "xenib.h"

/*
 * @sysfs: where sysfs is mounted; a directory of their own in tests
 * @message: of the last failure
 * @warning: of the last attach
 */
struct xenib {
	struct xs_handle *xs;
	xc_interface *xc;
	xentoollog_logger log;
	const char *sysfs;
	char message[512];
	char warning[512];
};

/*
 * A device while the library works on it.
 *
 * @be, @fe, @error: its directories in xenstore
 * @hca_guid: node GUID of the HCA that was asked for, "": none was
 * @uuid: of the domain
 * @alive: so is the guest: what is open to it must be closed
 * @translated: the guest is PVH or HVM, and sees UARs at @gfn_base
 * @uars, @nr_uars: as the backend wrote them
 */
struct device {
	uint32_t domid;
	uint32_t devid;
	char be[64];
	char fe[64];
	char error[80];
	char hca_guid[24];
	xen_domain_handle_t uuid;
	bool alive;
	bool translated;
	uint64_t gfn_base;
	struct xenib_uar *uars;
	size_t nr_uars;
};

#define DOMAIN_ROOT	"/local/domain"
#define BACKEND_ROOT	DOMAIN_ROOT "/0/backend/" VIBIF_DEVICE_CLASS
#define ERROR_ROOT	DOMAIN_ROOT "/0/error/backend/" VIBIF_DEVICE_CLASS

/* Below the mount point of sysfs; domain id and device id */
#define SYSFS_DRIVER	"bus/xen-backend/drivers/" VIBIF_DEVICE_CLASS
#define SYSFS_NAME	VIBIF_DEVICE_CLASS "-%u-%u"
#define SYSFS_DEVICE	"bus/xen-backend/devices/" SYSFS_NAME

/* handle.c */

/* The node of a quota in xenstore: "max-contexts" and so on. */
const char *quota_node(enum xenib_quota quota);

/*
 * Quotas by enum xenib_quota, 0: not given. Check that none is too large, and
 * write those that are given to a device's nodes.
 */
int quotas_check(struct xenib *xn, const uint32_t *quota);
int quotas_write(struct xenib *xn, xs_transaction_t t, struct device *dev,
		 const uint32_t *quota);

/* Sets the message and errno. Returns -1. */
int fail(struct xenib *xn, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Sets the warning. */
void warn(struct xenib *xn, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Keep a failure while cleaning up after it, which may fail in turn: what went
 * wrong first is what the caller wants to know.
 */
struct failure {
	int err;
	char message[512];
};

void failure_save(const struct xenib *xn, struct failure *f);
void failure_restore(struct xenib *xn, const struct failure *f);

/*
 * Find out about a domain: 1 it lives, 0 it is gone or dying, -1 error.
 * @info may be NULL.
 */
int domain_alive(struct xenib *xn, uint32_t domid, xc_domaininfo_t *info);

/* The backend driver is loaded. */
bool backend_loaded(struct xenib *xn);

/* The backend driver serves this device. */
bool backend_bound(struct xenib *xn, const struct device *dev);

/* The kernel has the device; no more, once its driver has released it. */
bool backend_holds(struct xenib *xn, const struct device *dev);

/* parse.c: pure functions, and what a node or file may hold */

/*
 * Parse an unsigned number that is the whole of @s, without sign or blanks.
 * Returns 0, or -1 if it is none or greater than @max.
 */
int parse_number(const char *s, int base, uint64_t max, uint64_t *value);

/* Parse the value of a node uar-<i>. Returns 0 or -1. */
int parse_uar(const char *s, struct xenib_uar *uar);

/*
 * Parse the value of an error node, "<errno> <text>". Returns the errno,
 * EPROTO where there is none, and the text, which is part of @s.
 */
int parse_error(const char *s, const char **text);

/*
 * Parse a GUID: four groups of four hexadecimal digits with colons between, or
 * a hexadecimal number. Returns 0 or -1; 0 is none.
 */
int parse_guid(const char *s, uint64_t *guid);

/*
 * Parse a UUID: 32 hexadecimal digits, in groups of 8, 4, 4, 4 and 12 with
 * hyphens between, or without. Returns 0 or -1.
 */
int parse_uuid(const char *s, xen_domain_handle_t uuid);

/* A name that can be a network or RDMA device: one component of a path. */
bool valid_hca_name(const char *s);

/*
 * Choose where in a translated guest the UARs of a device go.
 * @max_pages: most memory that the guest may have
 * @gpaddr_bits: width of its physical addresses, 0: not known
 * Returns the guest frame, 0 when there is no room.
 */
uint64_t choose_gfn_base(uint64_t max_pages, unsigned int gpaddr_bits,
			 uint32_t devid);

/* identity.c: who a guest is on the fabric */

/* Checks what xenib_attach() is asked for. Returns 0 or -1. */
int identity_check(struct xenib *xn, const struct xenib_attach_args *args);

/* Write it to the backend's nodes. Returns 0 or -1. */
int identity_write(struct xenib *xn, xs_transaction_t t,
		   const struct device *dev,
		   const struct xenib_attach_args *args);

/* Read it from there, with what has become of it. Returns 0 or -1. */
int identity_read(struct xenib *xn, const struct device *dev,
		  struct xenib_device *d);

void identity_free(struct xenib_device *d);

/*
 * A GUID for a port of a guest's device, or with port 0 for the device, that is
 * locally administered.
 */
uint64_t make_guid(const xen_domain_handle_t uuid, uint32_t devid,
		   uint32_t port);

/* hca.c */

/* @which can be struct xenib_attach_args' hca. Returns 0 or -1. */
int hca_check_form(struct xenib *xn, const char *which);

/*
 * Find the HCA that is asked for, and set dev->hca_guid. NULL: none is, and
 * there is one that guests can be given.
 */
int hca_find(struct xenib *xn, const char *which, struct device *dev);

/*
 * Warn when the guests of the HCA of @dev, which is attached, may together
 * cause more events than the HCA has room for.
 */
void hca_check_events(struct xenib *xn, struct device *dev,
		      unsigned int timeout_ms);

/* store.c: xenstore */

void device_paths(struct device *dev, uint32_t domid, uint32_t devid);

/* Read @dir/@node. Returns a string to free, NULL with errno (ENOENT). */
char *store_read(struct xenib *xn, xs_transaction_t t, const char *dir,
		 const char *node);

/* The same; *@value is NULL if there is none. Returns 0 or -1. */
int store_read_optional(struct xenib *xn, const char *dir, const char *node,
			char **value);

/* Is there such a node? 1, 0 or -1. */
int store_exists(struct xenib *xn, xs_transaction_t t, const char *path);

int store_write(struct xenib *xn, xs_transaction_t t, const char *dir,
		const char *node, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* Make a directory that @owner may write and @reader may read. */
int store_mkdir(struct xenib *xn, xs_transaction_t t, const char *path,
		uint32_t owner, uint32_t reader);

/* Remove a tree. No such tree: fine. */
int store_rm(struct xenib *xn, xs_transaction_t t, const char *path);

/* The same, and remove its parent if that is empty then. */
int store_remove(struct xenib *xn, xs_transaction_t t, const char *path);

/* The numbers that name the entries of a directory, ascending. */
int store_ids(struct xenib *xn, const char *path, uint32_t **ids, size_t *nr);

/* The state of one end, 0 (Unknown) for what is none, -1 on error. */
int store_state(struct xenib *xn, xs_transaction_t t, const char *dir);

/* Milliseconds of a clock that only goes on. */
int64_t now_ms(void);

/* For messages, which people read who gave seconds */
static inline double seconds(unsigned int ms)
{
	return ms / 1000.0;
}

/* Let a little time pass; false: there is none before @deadline. */
bool pause_until(int64_t deadline);

/*
 * Do all of @fn or nothing. It may run more than once, as long as others
 * interfere: once at least, and not again after @timeout_ms, when it fails
 * with ETIMEDOUT. A guest can interfere wherever it may write.
 */
int store_transact(struct xenib *xn, struct device *dev, const void *arg,
		   unsigned int timeout_ms,
		   int (*fn)(struct xenib *xn, xs_transaction_t t,
			     struct device *dev, const void *arg));

/*
 * Wait until @fn, called again after each change of the device's nodes, returns
 * nonzero. Returns 1 for 1, -1 for -1 or a failure, 0 when time is up.
 */
int store_wait(struct xenib *xn, struct device *dev, unsigned int timeout_ms,
	       int (*fn)(struct xenib *xn, struct device *dev));

/* io.c: what the guest may reach */

/* Read uar-count and uar-<i> into @dev; no uar-count: none. */
int uars_read(struct xenib *xn, struct device *dev);

/* Open all UARs of @dev to the guest, or none. */
int uars_open(struct xenib *xn, struct device *dev);

/* Close them all; goes on after a failure, and reports it at the end. */
int uars_close(struct xenib *xn, struct device *dev);

/* list.c */

/* Read a readable file that holds one decimal number, else return -1. */
int counter_read(int dirfd, const char *name, uint64_t *value);

/* detach.c */

/* Remove what there is of a device, with flags and steps of xenib_detach(). */
int device_remove(struct xenib *xn, struct device *dev, unsigned int flags,
		  unsigned int timeout_ms);

#endif /* XENIB_PRIVATE_H */
