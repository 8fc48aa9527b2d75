// SPDX-License-Identifier: GPL-2.0-only
/* How objects of the backend come and go, whatever their kind. */

#include "ibfront.h"

/**
 * ibfront_exec_alloc() - execute a request that takes memory or quota
 * @dev: device
 * @req: the request
 * @rsp: filled in
 *
 * Return: as ibfront_exec(); -ENOMEM only when nothing is kept any more that
 * could be given back.
 */
int ibfront_exec_alloc(struct ibfront_dev *dev, struct vibif_req *req,
		       struct vibif_rsp *rsp)
{
	int err = ibfront_exec(dev, req, rsp);

	if (err == -ENOMEM && ibfront_cache_empty(dev, NULL))
		err = ibfront_exec(dev, req, rsp);
	return err;
}

/**
 * ibfront_create() - have the backend make an object
 * @dev: device
 * @obj: the object; its handle is filled in
 * @req: the request
 * @rsp: filled in when 0 is returned
 *
 * If the object can have events, they are delivered from now on.
 *
 * Return: 0; -EIO if the backend chose an impossible handle; or as
 * ibfront_exec(). After an error there is no object.
 */
int ibfront_create(struct ibfront_dev *dev, struct ibfront_obj *obj,
		   struct vibif_req *req, struct vibif_rsp *rsp)
{
	int err;

	err = ibfront_exec_alloc(dev, req, rsp);
	if (err)
		return err;
	obj->handle = rsp->op.created.handle;
	return obj->dispatch ? ibfront_events_add(dev, obj) : 0;
}

/**
 * ibfront_put_number() - tell the process's library the number of a new object
 * @dev: device
 * @obj: the object, destroyed after an error
 * @udata: where to
 * @number: the object's number in the HCA
 *
 * Return: 0 or -EFAULT.
 */
int ibfront_put_number(struct ibfront_dev *dev, struct ibfront_obj *obj,
		       struct ib_udata *udata, u32 number)
{
	int err;

	err = dev->provider->put_number(udata, number);
	if (err)
		ibfront_destroy(dev, obj);
	return err;
}

/**
 * ibfront_try_destroy() - have the backend destroy an object without events
 * @dev: device
 * @obj: the object
 *
 * Return: 0, also when the backend is gone and the object with it; or the
 * status of the response, -EBUSY if another object uses this one.
 */
int ibfront_try_destroy(struct ibfront_dev *dev, const struct ibfront_obj *obj)
{
	struct vibif_req req = {
		.operation = VIBIF_OP_DESTROY,
		.handle = obj->handle,
	};
	struct vibif_rsp rsp;
	int err;

	err = ibfront_exec(dev, &req, &rsp);
	return ibfront_ring_dead(dev) ? 0 : err;
}

/**
 * ibfront_destroy() - destroy an object that no other object uses
 * @dev: device
 * @obj: the object
 *
 * A backend that refuses is wrong, and nothing can be done but log it.
 */
void ibfront_destroy(struct ibfront_dev *dev, const struct ibfront_obj *obj)
{
	int err;

	/* First: the backend may reuse the handle before it answers. */
	if (obj->dispatch)
		ibfront_events_del(dev, obj);
	err = ibfront_try_destroy(dev, obj);
	if (err)
		dev_err_ratelimited(&dev->xbdev->dev,
				    "cannot destroy object %u: %d\n",
				    obj->handle, err);
}
