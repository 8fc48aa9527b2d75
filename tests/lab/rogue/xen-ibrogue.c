// SPDX-License-Identifier: GPL-2.0-only
/*
 * xen-ibrogue: what the kernel of a hostile guest can do, for a process.
 *
 * For the lab's tests only, in place of xen-ibfront. With this, the stock
 * /dev/xen/evtchn and xenstore a program plays the frontend of a device as
 * honestly or not as it likes. There is no policy here: a process of root can
 * do to its own guest whatever it wants.
 *
 * /dev/ibrogue, numbers as in tests/lab/programs/rogue.py:
 *	IBROGUE_ALLOC	pages of memory, all zero; mmap() from the offset that
 *			was returned as a number of pages
 *	IBROGUE_GRANT	grants one of them, or any frame number at all
 *	IBROGUE_REVOKE	ends a grant; EBUSY while somebody has it mapped
 *	IBROGUE_TABLE	tells the frame of the page table of an address
 *	mmap() from IBROGUE_IO_PAGE + frame: frames of I/O memory, machine
 *			frames in a PV guest
 * What a file has made goes when it is closed; pages that are still mapped by
 * then when they no longer are.
 */

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>
#include <xen/grant_table.h>
#include <xen/page.h>
#include <xen/xen.h>
#include <xen/xen-ops.h>

#define IBROGUE_IO_PAGE		BIT(40)
#define IBROGUE_MAX_PAGES	65536

struct ibrogue_alloc {
	__u32 nr;		/* in: how many */
	__u32 first;		/* out: number of the first */
};

#define IBROGUE_FRAME		BIT(0)	/* number is a frame, not a page's */
#define IBROGUE_READONLY	BIT(1)

struct ibrogue_grant {
	__u64 number;
	__u16 domid;		/* to whom */
	__u16 flags;
	__u32 ref;		/* out */
};

struct ibrogue_table {
	__u64 address;		/* in: of a page that is there */
	__u64 frame;		/* out */
};

#define IBROGUE_ALLOC		_IOWR('R', 0, struct ibrogue_alloc)
#define IBROGUE_GRANT		_IOWR('R', 1, struct ibrogue_grant)
#define IBROGUE_REVOKE		_IO('R', 2)	/* argument: the reference */
#define IBROGUE_TABLE		_IOWR('R', 3, struct ibrogue_table)

struct ibrogue {
	struct mutex lock;	/* Protects the rest */
	u32 nr_pages;
	struct xarray pages;	/* by number from 0 */
	struct xarray grants;	/* by reference; the value means nothing */
};

static int ibrogue_add_page(struct ibrogue *rogue)
{
	struct page *page;
	int err;

	page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!page)
		return -ENOMEM;
	err = xa_err(xa_store(&rogue->pages, rogue->nr_pages, page,
			      GFP_KERNEL));
	if (err)
		__free_page(page);
	else
		rogue->nr_pages++;
	return err;
}

static int ibrogue_alloc(struct ibrogue *rogue, struct ibrogue_alloc *arg)
{
	u32 i;
	int err = 0;

	if (arg->nr > IBROGUE_MAX_PAGES - rogue->nr_pages)
		return -ENOSPC;
	arg->first = rogue->nr_pages;
	for (i = 0; i < arg->nr && !err; i++)
		err = ibrogue_add_page(rogue);
	return err;
}

static int ibrogue_grant(struct ibrogue *rogue, struct ibrogue_grant *arg)
{
	unsigned long frame = arg->number;
	struct page *page;
	int ref, err;

	if (!(arg->flags & IBROGUE_FRAME)) {
		page = xa_load(&rogue->pages, arg->number);
		if (!page)
			return -ENOENT;
		frame = xen_page_to_gfn(page);
	}
	ref = gnttab_grant_foreign_access(arg->domid, frame,
					  arg->flags & IBROGUE_READONLY);
	if (ref < 0)
		return ref;
	err = xa_err(xa_store(&rogue->grants, ref, rogue, GFP_KERNEL));
	if (err)
		gnttab_end_foreign_access(ref, NULL);
	arg->ref = ref;
	return err;
}

static int ibrogue_revoke(struct ibrogue *rogue, unsigned long ref)
{
	if (!xa_load(&rogue->grants, ref))
		return -ENOENT;
	if (!gnttab_try_end_foreign_access(ref))
		return -EBUSY;
	xa_erase(&rogue->grants, ref);
	return 0;
}

static int ibrogue_table(struct ibrogue_table *arg)
{
	struct mm_struct *mm = current->mm;
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;
	pgd_t *pgd;
	int err = -EFAULT;

	if (arg->address >= TASK_SIZE)
		return -EINVAL;
	mmap_read_lock(mm);
	pgd = pgd_offset(mm, arg->address);
	if (!pgd_present(*pgd))
		goto out;
	p4d = p4d_offset(pgd, arg->address);
	if (!p4d_present(*p4d))
		goto out;
	pud = pud_offset(p4d, arg->address);
	if (!pud_present(*pud) || pud_leaf(*pud))
		goto out;
	pmd = pmd_offset(pud, arg->address);
	if (!pmd_present(*pmd) || pmd_leaf(*pmd))
		goto out;
	arg->frame = pfn_to_gfn(pmd_pfn(*pmd));
	err = 0;
out:
	mmap_read_unlock(mm);
	return err;
}

static long ibrogue_ioctl(struct file *file, unsigned int cmd,
			  unsigned long user)
{
	struct ibrogue *rogue = file->private_data;
	union {
		struct ibrogue_alloc alloc;
		struct ibrogue_grant grant;
		struct ibrogue_table table;
	} arg;
	unsigned int len = _IOC_SIZE(cmd);
	int err;

	if (len > sizeof(arg) ||
	    copy_from_user(&arg, (void __user *)user, len))
		return -EFAULT;
	mutex_lock(&rogue->lock);
	switch (cmd) {
	case IBROGUE_ALLOC:
		err = ibrogue_alloc(rogue, &arg.alloc);
		break;
	case IBROGUE_GRANT:
		err = ibrogue_grant(rogue, &arg.grant);
		break;
	case IBROGUE_REVOKE:
		err = ibrogue_revoke(rogue, user);
		break;
	case IBROGUE_TABLE:
		err = ibrogue_table(&arg.table);
		break;
	default:
		err = -ENOTTY;
	}
	mutex_unlock(&rogue->lock);
	if (!err && copy_to_user((void __user *)user, &arg, len))
		return -EFAULT;
	return err;
}

static int ibrogue_map_pages(struct ibrogue *rogue, struct vm_area_struct *vma)
{
	unsigned long addr, nr = vma->vm_pgoff;
	struct page *page;
	int err = 0;

	for (addr = vma->vm_start; addr < vma->vm_end && !err;
	     addr += PAGE_SIZE) {
		page = xa_load(&rogue->pages, nr++);
		err = page ? vm_insert_page(vma, addr, page) : -ENXIO;
	}
	return err;
}

static int ibrogue_map_io(struct vm_area_struct *vma)
{
	pgprot_t prot = pgprot_noncached(vma->vm_page_prot);
	unsigned long addr = vma->vm_start;
	xen_pfn_t frame = vma->vm_pgoff - IBROGUE_IO_PAGE;
	int err = 0;

	if (xen_feature(XENFEAT_auto_translated_physmap))
		return remap_pfn_range(vma, addr, frame,
				       vma->vm_end - vma->vm_start, prot);

	/* Xen does not let a child have it: a fork would go wrong */
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTCOPY | VM_DONTEXPAND |
		     VM_DONTDUMP);
	for (; addr < vma->vm_end; addr += PAGE_SIZE, frame++)
		if (xen_remap_pfn(vma, addr, &frame, 1, &err, prot, DOMID_IO,
				  true) != 1)
			return -EPERM;
	return 0;
}

static int ibrogue_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ibrogue *rogue = file->private_data;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff >= IBROGUE_IO_PAGE)
		return ibrogue_map_io(vma);
	return ibrogue_map_pages(rogue, vma);
}

static int ibrogue_open(struct inode *inode, struct file *file)
{
	struct ibrogue *rogue = kzalloc(sizeof(*rogue), GFP_KERNEL);

	if (!rogue)
		return -ENOMEM;
	mutex_init(&rogue->lock);
	xa_init(&rogue->pages);
	xa_init(&rogue->grants);
	file->private_data = rogue;
	return 0;
}

static int ibrogue_release(struct inode *inode, struct file *file)
{
	struct ibrogue *rogue = file->private_data;
	unsigned long nr;
	void *entry;

	/* Holds the page as long as it is mapped elsewhere */
	xa_for_each(&rogue->grants, nr, entry)
		gnttab_end_foreign_access(nr, NULL);
	xa_for_each(&rogue->pages, nr, entry)
		put_page(entry);
	xa_destroy(&rogue->grants);
	xa_destroy(&rogue->pages);
	kfree(rogue);
	return 0;
}

static const struct file_operations ibrogue_fops = {
	.owner = THIS_MODULE,
	.open = ibrogue_open,
	.release = ibrogue_release,
	.unlocked_ioctl = ibrogue_ioctl,
	.mmap = ibrogue_mmap,
};

static struct miscdevice ibrogue_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ibrogue",
	.fops = &ibrogue_fops,
	.mode = 0600,
};

static int __init ibrogue_init(void)
{
	return xen_domain() ? misc_register(&ibrogue_misc) : -ENODEV;
}
module_init(ibrogue_init);

static void __exit ibrogue_exit(void)
{
	misc_deregister(&ibrogue_misc);
}
module_exit(ibrogue_exit);

MODULE_DESCRIPTION("Grants and I/O frames for a hostile frontend");
MODULE_LICENSE("GPL");
