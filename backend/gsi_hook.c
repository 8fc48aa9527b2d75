// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages of the communication manager, seen before this domain's own CM, see
 * gsi_hook.h.
 */

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/string.h>

#include "gsi_hook.h"

#define CM_CLASS_VERSION	2
/* Between looks whether another module has gone */
#define GONE_MS			100

static char *ibback_hook_param = "hook";
module_param_named(cm, ibback_hook_param, charp, 0444);
MODULE_PARM_DESC(cm, "how guests' connections are told from this domain's: hook: in front of the HCA's driver (default), own: this domain has no connections of its own, and the module is loaded before ib_cm, off: guests have none");

enum ibback_hook_mode {
	IBBACK_HOOK_OP,
	IBBACK_HOOK_AGENT,
	IBBACK_HOOK_OFF,
};

static const char *const ibback_hook_modes[] = { "hook", "own", "off" };

static enum ibback_hook_mode ibback_hook_mode;

/**
 * struct ibback_hook - the hook of an HCA
 * @entry: in ibback_hooks
 * @ibdev: the HCA's
 * @take: what gets MADs, NULL if nothing does any more
 * @arg: its first argument
 * @users: guests that need it
 * @installed: the op is ours, or was when somebody else put his before it
 * @called: it may have been called
 * @op: the one before
 * @nr_agents: entries of @agent
 * @agent: those of the class, by port from 0, if it is all ours
 *
 * From @users to @op under ibback_hook_mutex.
 */
struct ibback_hook {
	struct list_head entry;
	struct ib_device *ibdev;
	ibback_hook_fn *take;
	void *arg;
	unsigned int users;
	bool installed;
	bool called;
	int (*op)(struct ib_device *ibdev, int flags, u32 port,
		  const struct ib_wc *wc, const struct ib_grh *grh,
		  const struct ib_mad *in, struct ib_mad *out,
		  size_t *out_size, u16 *out_pkey_index);
	u32 nr_agents;
	struct ib_mad_agent *agent[];
};

static DEFINE_MUTEX(ibback_hook_mutex);
static LIST_HEAD(ibback_hooks);

/*
 * Who is in the op, who may wait long for the HCA there; and who is in take(),
 * who waits for nothing.
 */
DEFINE_STATIC_SRCU(ibback_hook_srcu);
DEFINE_STATIC_SRCU(ibback_take_srcu);

static bool ibback_hook_take(struct ibback_hook *hook, u32 port,
			     const struct ib_wc *wc, const struct ib_grh *grh,
			     const struct ib_mad *mad)
{
	int idx = srcu_read_lock(&ibback_take_srcu);
	ibback_hook_fn *take = READ_ONCE(hook->take);
	bool taken = take && take(hook->arg, port, wc, grh, mad);

	srcu_read_unlock(&ibback_take_srcu, idx);
	return taken;
}

static struct ibback_hook *ibback_hook_find(const struct ib_device *ibdev)
{
	struct ibback_hook *hook;

	list_for_each_entry_srcu(hook, &ibback_hooks, entry,
				 srcu_read_lock_held(&ibback_hook_srcu))
		if (hook->ibdev == ibdev)
			return hook;
	return NULL;
}

/* In place of the op of the HCA's driver. Without @wc it is no received MAD. */
static int ibback_hook_process_mad(struct ib_device *ibdev, int flags,
				   u32 port, const struct ib_wc *wc,
				   const struct ib_grh *grh,
				   const struct ib_mad *in, struct ib_mad *out,
				   size_t *out_size, u16 *out_pkey_index)
{
	int idx = srcu_read_lock(&ibback_hook_srcu);
	struct ibback_hook *hook = ibback_hook_find(ibdev);
	int ret = IB_MAD_RESULT_FAILURE;
	typeof(hook->op) op;

	if (WARN_ON_ONCE(!hook))
		goto out;
	op = READ_ONCE(hook->op);
	if (wc && in->mad_hdr.mgmt_class == IB_MGMT_CLASS_CM &&
	    ibback_hook_take(hook, port, wc, grh, in))
		ret = IB_MAD_RESULT_SUCCESS | IB_MAD_RESULT_CONSUMED;
	else
		ret = op(ibdev, flags, port, wc, grh, in, out, out_size,
			 out_pkey_index);
out:
	srcu_read_unlock(&ibback_hook_srcu, idx);
	return ret;
}

/* A kernel in which the op is another needs another hook, or cm=own. */
static_assert(__same_type(((struct ib_device *)NULL)->ops.process_mad,
			  &ibback_hook_process_mad));

static void ibback_hook_install(struct ibback_hook *hook)
{
	typeof(hook->op) *op = &hook->ibdev->ops.process_mad;

	if (hook->installed)
		return;
	WRITE_ONCE(hook->op, READ_ONCE(*op));
	hook->installed = true;
	hook->called = true;
	/* Who finds the hook's op finds the hook */
	smp_store_release(op, &ibback_hook_process_mad);
}

/*
 * Return: whether nobody calls the op any more. Else somebody has put his own
 * before it, and it stays.
 */
static bool ibback_hook_uninstall(struct ibback_hook *hook)
{
	lockdep_assert_held(&ibback_hook_mutex);

	if (hook->installed &&
	    cmpxchg(&hook->ibdev->ops.process_mad, &ibback_hook_process_mad,
		    hook->op) == &ibback_hook_process_mad)
		hook->installed = false;
	return !hook->installed;
}

/**
 * ibback_hook_get() - begin to take MADs
 * @hook: the HCA's hook
 *
 * Return: 0, or -EOPNOTSUPP if none can be had.
 */
int ibback_hook_get(struct ibback_hook *hook)
{
	int err = 0;

	if (ibback_hook_mode == IBBACK_HOOK_AGENT)
		return hook->nr_agents ? 0 : -EOPNOTSUPP;
	if (ibback_hook_mode == IBBACK_HOOK_OFF)
		return -EOPNOTSUPP;
	mutex_lock(&ibback_hook_mutex);
	/* ib_core looks whether there is one, and then calls what is there. */
	if (READ_ONCE(hook->ibdev->ops.process_mad)) {
		hook->users++;
		ibback_hook_install(hook);
	} else {
		err = -EOPNOTSUPP;
	}
	mutex_unlock(&ibback_hook_mutex);
	return err;
}

/**
 * ibback_hook_put() - undo ibback_hook_get()
 * @hook: the HCA's hook
 *
 * Without users the op is the driver's again. Who is in the hook's stays there
 * until ibback_hook_close().
 */
void ibback_hook_put(struct ibback_hook *hook)
{
	if (ibback_hook_mode == IBBACK_HOOK_AGENT)
		return;
	mutex_lock(&ibback_hook_mutex);
	if (!--hook->users)
		ibback_hook_uninstall(hook);
	mutex_unlock(&ibback_hook_mutex);
}

/**
 * ibback_hook_sync() - wait for those who are taking a MAD now
 *
 * Afterwards nobody uses what could not be found any more before.
 */
void ibback_hook_sync(void)
{
	synchronize_srcu(&ibback_take_srcu);
}

/* With cm=own */
static void ibback_hook_recv(struct ib_mad_agent *agent,
			     struct ib_mad_send_buf *msg,
			     struct ib_mad_recv_wc *recv)
{
	ibback_hook_take(agent->context, agent->port_num, recv->wc,
			 recv->recv_buf.grh, recv->recv_buf.mad);
	ib_free_recv_mad(recv);
}

static void ibback_hook_unregister(struct ibback_hook *hook)
{
	while (hook->nr_agents)
		ib_unregister_mad_agent(hook->agent[--hook->nr_agents]);
}

/* All ports or none: with ib_cm at some nobody would know whose what is. */
static void ibback_hook_register(struct ibback_hook *hook)
{
	struct ib_mad_reg_req req = {
		.mgmt_class = IB_MGMT_CLASS_CM,
		.mgmt_class_version = CM_CLASS_VERSION,
	};
	struct ib_device *ibdev = hook->ibdev;
	struct ib_mad_agent *agent;
	u32 port;

	set_bit(IB_MGMT_METHOD_SEND, req.method_mask);
	for (port = 1; port <= ibdev->phys_port_cnt; port++) {
		agent = ib_register_mad_agent(ibdev, port, IB_QPT_GSI, &req, 0,
					      NULL, ibback_hook_recv, hook, 0);
		if (IS_ERR(agent)) {
			dev_err(&ibdev->dev,
				"cm=own: another has the CM of port %u; load xen-ibback before ib_cm [%ld]\n",
				port, PTR_ERR(agent));
			ibback_hook_unregister(hook);
			return;
		}
		hook->agent[hook->nr_agents++] = agent;
	}
}

/**
 * ibback_hook_open() - prepare the hook of an HCA
 * @ibdev: the HCA's
 * @take: what gets MADs, as long as there are users
 * @arg: its first argument
 *
 * Return: the hook, or NULL without memory.
 */
struct ibback_hook *ibback_hook_open(struct ib_device *ibdev,
				     ibback_hook_fn *take, void *arg)
{
	struct ibback_hook *hook;

	hook = kzalloc(struct_size(hook, agent, ibdev->phys_port_cnt),
		       GFP_KERNEL);
	if (!hook)
		return NULL;
	hook->ibdev = ibdev;
	hook->take = take;
	hook->arg = arg;
	mutex_lock(&ibback_hook_mutex);
	list_add_rcu(&hook->entry, &ibback_hooks);
	mutex_unlock(&ibback_hook_mutex);
	if (ibback_hook_mode == IBBACK_HOOK_AGENT)
		ibback_hook_register(hook);
	return hook;
}

/*
 * Wait until nobody is in the op, nor on the way there or back: who has read
 * the pointer to it goes there without sleeping, and so does who comes from it,
 * and what is between counts its readers.
 */
static void ibback_hook_drain(void)
{
	synchronize_rcu_tasks();
	synchronize_srcu(&ibback_hook_srcu);
	synchronize_rcu_tasks();
}

static bool ibback_hook_is_out(struct ibback_hook *hook)
{
	bool out;

	mutex_lock(&ibback_hook_mutex);
	WARN_ON_ONCE(hook->users);
	out = ibback_hook_uninstall(hook);
	mutex_unlock(&ibback_hook_mutex);
	return out;
}

/**
 * ibback_hook_close() - undo ibback_hook_open()
 * @hook: one without users; may be NULL
 *
 * Afterwards @take is not called any more. If somebody has put his own op
 * before ours, who will call it, the hook and this module stay for ever. A
 * module that is being unloaded already cannot stay: it waits for him to go.
 */
void ibback_hook_close(struct ibback_hook *hook)
{
	if (!hook)
		return;
	ibback_hook_unregister(hook);
	WRITE_ONCE(hook->take, NULL);
	ibback_hook_sync();
	if (!ibback_hook_is_out(hook)) {
		bool stays = try_module_get(THIS_MODULE);

		dev_warn(&hook->ibdev->dev,
			 "process_mad has been replaced by another module; xen-ibback %s\n",
			 stays ? "cannot be unloaded" : "waits for that to go");
		if (stays)
			return;
		while (!ibback_hook_is_out(hook))
			msleep(GONE_MS);
	}
	if (hook->called)
		ibback_hook_drain();
	mutex_lock(&ibback_hook_mutex);
	list_del_rcu(&hook->entry);
	mutex_unlock(&ibback_hook_mutex);
	/* Who looks for another HCA's hook may be at this one. */
	synchronize_srcu(&ibback_hook_srcu);
	kfree(hook);
}

/**
 * ibback_hook_init() - read the parameter
 *
 * Return: 0, or -EINVAL if it is none of the three.
 */
int ibback_hook_init(void)
{
	int mode = match_string(ibback_hook_modes,
				ARRAY_SIZE(ibback_hook_modes),
				ibback_hook_param);

	if (mode < 0) {
		pr_err("xen-ibback: cm=%s is none of hook, own, off\n",
		       ibback_hook_param);
		return mode;
	}
	ibback_hook_mode = mode;
	return 0;
}
