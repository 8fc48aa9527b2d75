// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of a guest's objects.
 *
 * An object is found only by a handle in its own guest's table and only as the
 * type that the request wants. Whoever uses it, a request or another object,
 * holds a reference; as long as there is one besides the table's, a destroy
 * fails with -EBUSY. So nothing is taken from the HCA, or from memory, while
 * a firmware command refers to it.
 */

#include <linux/slab.h>

#include "ibback.h"

#define OBJ_TYPE(id, kind)	[IBBACK_##id] = &ibback_##kind##_type,
static const struct ibback_obj_type *const obj_types[IBBACK_NR_RESOURCES] = {
	IBBACK_OBJECTS(OBJ_TYPE)
};

#define OBJ_IN_ORDER(id, kind)	IBBACK_##id,
static const enum ibback_resource destroy_order[] = {
	IBBACK_OBJECTS(OBJ_IN_ORDER)
};

/*
 * Charge the guest and reserve a handle, under which nothing is found before
 * ibback_obj_publish(). -ENOMEM: @obj is as before.
 */
static int ibback_obj_init(struct ibback_dev *dev, struct ibback_obj *obj,
			   enum ibback_resource type)
{
	u32 words = dev->limits.nr_event_words;
	struct xa_limit limit = obj_types[type]->events ?
		XA_LIMIT(1, words - 1) : XA_LIMIT(words, INT_MAX);
	int err;

	if (ibback_charge(dev, type, 1))
		return -ENOMEM;
	err = xa_alloc(&dev->objects, &obj->handle, NULL, limit, GFP_KERNEL);
	if (err) {
		ibback_uncharge(dev, type, 1);
		return err == -EBUSY ?
			ibback_refuse(dev, IBBACK_LIMIT_EVENT_WORDS,
				      words - 1) : -ENOMEM;
	}
	obj->dev = dev;
	obj->type = type;
	mutex_init(&obj->lock);
	refcount_set(&obj->refs, 1);
	if (obj_types[type]->events)
		ibback_event_clear(dev, obj->handle);
	return 0;
}

/* The object is complete: from now on the guest can name it. */
static void ibback_obj_publish(struct ibback_obj *obj)
{
	/* The slot exists since xa_alloc(), so this needs no memory */
	xa_store(&obj->dev->objects, obj->handle, obj, GFP_KERNEL);
}

/* Undo ibback_obj_init() and ibback_obj_depend(); the object is free. */
static void ibback_obj_release(struct ibback_obj *obj)
{
	while (obj->nr_deps)
		ibback_obj_put(obj->dep[--obj->nr_deps]);
	xa_erase(&obj->dev->objects, obj->handle);
	ibback_uncharge(obj->dev, obj->type, 1);
	mutex_destroy(&obj->lock);
}

/**
 * ibback_obj_create() - create an object at the guest's request
 * @dev: the guest's device
 * @type: what it is to be
 * @create: fills in the object, which is zeroed but for its first member, and
 *	the response but for the handle; on an error it leaves nothing but
 *	what ibback_obj_depend() has found
 * @req: the request, checked
 * @rsp: the response
 *
 * Return: 0, -ENOMEM if the guest has its quota or dom0 no memory, or what
 * @create returned.
 */
int ibback_obj_create(struct ibback_dev *dev, enum ibback_resource type,
		      ibback_obj_verb *create, const struct vibif_req *req,
		      struct vibif_rsp *rsp)
{
	struct ibback_obj *obj;
	int err;

	obj = kzalloc(obj_types[type]->size, GFP_KERNEL);
	if (!obj)
		return -ENOMEM;
	err = ibback_obj_init(dev, obj, type);
	if (err)
		goto err_free;
	err = create(obj, req, rsp);
	if (err)
		goto err_release;
	rsp->op.created.handle = obj->handle;
	ibback_obj_publish(obj);
	return 0;

err_release:
	ibback_obj_release(obj);
err_free:
	kfree(obj);
	return err;
}

/* A reference to the object, or NULL; dev->objects.xa_lock is held. */
static struct ibback_obj *ibback_obj_find(struct ibback_dev *dev, u32 handle,
					  enum ibback_resource type)
{
	struct ibback_obj *obj;

	lockdep_assert_held(&dev->objects.xa_lock);

	obj = xa_load(&dev->objects, handle);
	if (obj && obj->type == type)
		refcount_inc(&obj->refs);
	else
		obj = NULL;
	return obj;
}

/**
 * ibback_obj_get() - find an object
 * @dev: the guest's device
 * @handle: what the guest calls it
 * @type: what it must be
 *
 * Return: the object with a reference, or NULL.
 */
struct ibback_obj *ibback_obj_get(struct ibback_dev *dev, u32 handle,
				  enum ibback_resource type)
{
	struct ibback_obj *obj;

	xa_lock(&dev->objects);
	obj = ibback_obj_find(dev, handle, type);
	xa_unlock(&dev->objects);
	return obj;
}

/* Only a destroy drops the table's reference, so this never frees. */
void ibback_obj_put(struct ibback_obj *obj)
{
	refcount_dec(&obj->refs);
}

/**
 * ibback_obj_depend() - make an object depend on another
 * @obj: the one being created or changed
 * @handle: the other
 * @type: what the other must be
 *
 * Return: the other, which cannot be destroyed before @obj, or NULL.
 */
struct ibback_obj *ibback_obj_depend(struct ibback_obj *obj, u32 handle,
				     enum ibback_resource type)
{
	struct ibback_dev *dev = obj->dev;
	struct ibback_obj *dep = NULL;

	xa_lock(&dev->objects);
	if (!WARN_ON_ONCE(obj->nr_deps == IBBACK_MAX_DEPS))
		dep = ibback_obj_find(dev, handle, type);
	if (dep)
		obj->dep[obj->nr_deps++] = dep;
	xa_unlock(&dev->objects);
	return dep;
}

/* Undo ibback_obj_depend(), while @obj lives on. */
void ibback_obj_undepend(struct ibback_obj *obj, struct ibback_obj *dep)
{
	struct ibback_dev *dev = obj->dev;
	unsigned int i = 0;

	xa_lock(&dev->objects);
	while (i < obj->nr_deps && obj->dep[i] != dep)
		i++;
	if (!WARN_ON_ONCE(i == obj->nr_deps)) {
		obj->dep[i] = obj->dep[--obj->nr_deps];
		ibback_obj_put(dep);
	}
	xa_unlock(&dev->objects);
}

/* @obj has left the table, its handle is still reserved. */
static int ibback_obj_finish(struct ibback_obj *obj)
{
	struct ibback_dev *dev = obj->dev;
	int err;

	err = obj_types[obj->type]->destroy(obj);
	if (err) {
		refcount_set(&obj->refs, 1);
		ibback_obj_publish(obj);
		return err;
	}
	if (obj_types[obj->type]->events)
		ibback_event_clear(dev, obj->handle);
	ibback_obj_release(obj);
	kfree(obj);
	return 0;
}

/**
 * ibback_obj_destroy() - destroy an object at the guest's request
 * @dev: the guest's device
 * @handle: the object
 *
 * Return: 0, -ENOENT, -EBUSY, or what the HCA says; then it is unchanged.
 */
int ibback_obj_destroy(struct ibback_dev *dev, u32 handle)
{
	struct ibback_obj *obj;
	int err = 0;

	/* A reference that this side took for itself must not be -EBUSY */
	mutex_lock(&dev->walk_lock);
	xa_lock(&dev->objects);
	obj = xa_load(&dev->objects, handle);
	if (!obj)
		err = -ENOENT;
	else if (!refcount_dec_if_one(&obj->refs))
		err = -EBUSY;
	else	/* an allocating xarray keeps the handle reserved */
		__xa_store(&dev->objects, handle, NULL, GFP_ATOMIC);
	xa_unlock(&dev->objects);
	mutex_unlock(&dev->walk_lock);
	return err ?: ibback_obj_finish(obj);
}

/* As a region that shares the pages of another */
static bool ibback_obj_on_own_type(const struct ibback_obj *obj)
{
	unsigned int i;

	for (i = 0; i < obj->nr_deps; i++)
		if (obj->dep[i]->type == obj->type)
			return true;
	return false;
}

/* Those that depend on another of their type, @on_own, or the rest */
static void ibback_destroy_type(struct ibback_dev *dev,
				enum ibback_resource type, bool on_own)
{
	struct ibback_obj *obj;
	unsigned long handle;
	int err;

	xa_for_each(&dev->objects, handle, obj) {
		if (obj->type != type || ibback_obj_on_own_type(obj) != on_own)
			continue;
		if (obj_types[type]->detach)
			obj_types[type]->detach(obj);
		err = ibback_obj_destroy(dev, handle);
		if (err)
			dev_err(&dev->xbdev->dev, "HCA keeps %s %u [%d]\n",
				ibback_obj_kind(obj), obj->handle, err);
		cond_resched();
	}
}

/*
 * Destroy everything, when no request is in flight. What can use memory without
 * being asked, queue pairs, stops first, whatever else fails. What the HCA does
 * not give up keeps its memory pinned for good: releasing it would let the HCA
 * write into pages that belong to someone else by then. That can be a memory
 * region, with its PD, and these have no events, so nothing of them finds the
 * way back here.
 */
void ibback_objects_destroy_all(struct ibback_dev *dev)
{
	struct ibback_obj *obj;
	unsigned long handle;
	unsigned int i;

	xa_for_each(&dev->objects, handle, obj) {
		if (obj_types[obj->type]->stop)
			obj_types[obj->type]->stop(obj);
		cond_resched();
	}
	for (i = 0; i < ARRAY_SIZE(destroy_order); i++) {
		ibback_destroy_type(dev, destroy_order[i], true);
		ibback_destroy_type(dev, destroy_order[i], false);
	}
	xa_for_each(&dev->objects, handle, obj)
		ibback_total_add(IBBACK_TOTAL_STUCK, 1);
	xa_destroy(&dev->objects);
}

/* Where the HCA's events arrive, in any context; @arg is the object. */
void ibback_obj_event(void *arg, unsigned int event)
{
	struct ibback_obj *obj = arg;

	ibback_event(obj->dev, obj->handle, event);
}

/* What messages and debugfs call it */
const char *ibback_obj_kind(const struct ibback_obj *obj)
{
	return obj_types[obj->type]->name;
}
