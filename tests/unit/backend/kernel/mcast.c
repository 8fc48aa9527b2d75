// SPDX-License-Identifier: GPL-2.0-only
/* The stand-in for the part of ib_core that counts members of groups. */

#include "rdma.h"

static LIST_HEAD(memberships);
static long nr_memberships;
static struct ib_sa_multicast *called;

struct ib_sa_multicast *
ib_sa_join_multicast(struct ib_sa_client *client, struct ib_device *device,
		     u32 port, struct ib_sa_mcmember_rec *rec,
		     ib_sa_comp_mask mask, gfp_t flags,
		     int (*callback)(int status, struct ib_sa_multicast *sa),
		     void *context)
{
	struct ib_sa_multicast *sa;

	if (!client->registered)
		kernel_bug("a client that is not registered joins a group");
	sa = kzalloc(sizeof(*sa), flags);
	if (!sa)
		return ERR_PTR(-ENOMEM);
	sa->rec = *rec;
	sa->comp_mask = mask;
	sa->callback = callback;
	sa->context = context;
	sa->port = port;
	list_add_tail(&sa->entry, &memberships);
	nr_memberships++;
	return sa;
}

void ib_sa_free_multicast(struct ib_sa_multicast *sa)
{
	might_sleep();
	if (sa == called)
		kernel_bug("a membership waits for its own callback");
	list_del(&sa->entry);
	nr_memberships--;
	kfree(sa);
}

struct ib_sa_multicast *mcast_member(unsigned int nr)
{
	struct ib_sa_multicast *sa;

	list_for_each_entry(sa, &memberships, entry)
		if (!nr--)
			return sa;
	return NULL;
}

long mcast_nr_members(void)
{
	return nr_memberships;
}

void mcast_tell(struct ib_sa_multicast *sa, int status)
{
	if (sa->failed)
		kernel_bug("a membership that has failed is told of nothing");
	sa->failed = status;
	called = sa;
	if (sa->callback(status, sa))
		kernel_bug("what a callback wants freed is freed elsewhere");
	called = NULL;
}
