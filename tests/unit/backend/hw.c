// SPDX-License-Identifier: GPL-2.0-only
/* The books of a provider without hardware, see hw.h. */

#include "hw.h"

struct fake_books fake_books;
int fake_errno;
bool fake_teardown;
struct hw_uar hw_uars[FAKE_UARS];

static LIST_HEAD(objects);
static u32 last_number;

static const char * const kind_names[] = {
	[FAKE_PD] = "PD",
	[FAKE_MR] = "MR",
	[FAKE_MW] = "MW",
	[FAKE_CQ] = "CQ",
	[FAKE_QP] = "QP",
	[FAKE_SRQ] = "SRQ",
	[FAKE_XRCD] = "XRCD",
	[FAKE_FLOW] = "flow counter",
};

static void check_quiet(const char *what)
{
	if (fake_teardown && fake_books.active)
		kernel_bug("%s in a teardown, and QPs are active", what);
}

int hw_op(const char *name)
{
	kernel_might_sleep(name);
	check_quiet(name);
	return kernel_fail(name, fake_errno);
}

static struct hw *find(enum fake_kind kind, u32 number)
{
	struct hw *hw;

	list_for_each_entry(hw, &objects, entry)
		if (hw->kind == kind && hw->number == number)
			return hw;
	return NULL;
}

struct hw *hw_find(enum fake_kind kind, u32 number)
{
	struct hw *hw = find(kind, number);

	if (!hw)
		kernel_bug("the HCA has no %s %u", kind_names[kind], number);
	return hw;
}

void *hw_new(enum fake_kind kind, size_t size, u32 *number)
{
	struct hw *hw = calloc(1, size);

	hw->kind = kind;
	hw->number = ++last_number;
	if (number)
		*number = hw->number;
	list_add(&hw->entry, &objects);
	fake_books.objects[kind]++;
	return hw;
}

static void forget(struct hw *hw)
{
	list_del(&hw->entry);
	free(hw->page);
	free(hw);
}

void hw_free(struct hw *hw)
{
	unsigned int i;

	check_quiet(kind_names[hw->kind]);
	if (hw->users)
		kernel_bug("%s %u is destroyed with %u users",
			   kind_names[hw->kind], hw->number, hw->users);
	/* The last moment at which there can be one */
	if (hw->sink.fn)
		hw->sink.fn(hw->sink.arg, 1);
	while (hw->nr_deps)
		hw_unuse(hw);
	for (i = 0; hw->uar && i < FAKE_UARS_PER_CONTEXT; i++)
		hw_uars[hw->uar[i].index].users--;
	fake_books.objects[hw->kind]--;
	forget(hw);
}

void hw_use(struct hw *hw, struct hw *dep)
{
	hw->dep[hw->nr_deps++] = dep;
	dep->users++;
}

void hw_unuse(struct hw *hw)
{
	hw->dep[--hw->nr_deps]->users--;
}

void hw_use_uars(struct hw *hw, const struct ibback_uar *uar)
{
	unsigned int i;

	for (i = 0; i < FAKE_UARS_PER_CONTEXT; i++) {
		struct hw_uar *u = &hw_uars[uar[i].index];

		if (!u->taken || u->other)
			kernel_bug("UAR %u is not reserved", uar[i].index);
		u->users++;
	}
	hw->uar = uar;
}

static void check_mapped(u64 addr, bool writable)
{
	if (!xen_is_mapped(addr & ~(PAGE_SIZE - 1), writable))
		kernel_bug("page %#llx is given to the HCA and not mapped%s",
			   addr, writable ? " for writing" : "");
}

void hw_check_mapped(const struct hw *hw, bool writable)
{
	u32 i;

	for (i = 0; i < hw->nr_pages; i++)
		check_mapped(hw->page[i], writable);
}

void hw_add_pages(struct hw *hw, const struct ibback_dma *pages)
{
	u32 i;

	hw->page = realloc(hw->page, (hw->nr_pages + pages->nr) *
			   sizeof(*hw->page));
	for (i = 0; i < pages->nr; i++)
		hw->page[hw->nr_pages++] = pages->addr[i];
}

void hw_set_db(struct hw *hw, u64 addr, u32 size)
{
	if (!addr || addr % size)
		kernel_bug("no doorbell record of %u octets is at %#llx", size,
			   addr);
	check_mapped(addr, false);
	hw->db = addr;
}

static unsigned int times_used(const struct hw *hw, u64 page)
{
	unsigned int nr = hw->db && (hw->db & ~(PAGE_SIZE - 1)) == page;
	u32 i;

	for (i = 0; i < hw->nr_pages; i++)
		nr += hw->page[i] == page;
	return nr;
}

static void before_unmap(u64 addr)
{
	unsigned int nr = 0;
	struct hw *hw;

	list_for_each_entry(hw, &objects, entry)
		nr += times_used(hw, addr);
	if (nr >= xen_times_mapped(addr))
		kernel_bug("page %#llx is unmapped, and the HCA uses it", addr);
}

bool fake_event(enum fake_kind kind, u32 number, unsigned int event)
{
	struct hw *hw = find(kind, number);

	if (hw)
		hw->sink.fn(hw->sink.arg, event);
	return hw;
}

u64 fake_page(enum fake_kind kind, u32 number, u32 i)
{
	struct hw *hw = hw_find(kind, number);

	return i < hw->nr_pages ? hw->page[i] : 0;
}

void fake_uar_take(u32 index)
{
	hw_uars[index].taken = true;
	hw_uars[index].other = true;
}

void hw_forget_uars(void)
{
	memset(hw_uars, 0, sizeof(hw_uars));
	fake_books.uars = 0;
}

void hw_reset(void)
{
	while (!list_empty(&objects))
		forget(list_first_entry(&objects, struct hw, entry));
	memset(&fake_books, 0, sizeof(fake_books));
	hw_forget_uars();
	xen_before_unmap = before_unmap;
}
