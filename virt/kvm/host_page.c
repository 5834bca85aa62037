// SPDX-License-Identifier: GPL-2.0-only
/* What the host has at a user address, without taking a reference. */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/mmu_context.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <keel/host_page.h>

/*
 * A page that is mapped stays where it is until the MMU notifier is told. So a fault needs no
 * reference, and to find a page that is there it needs no get_user_pages either: a walk of the
 * host's tables with interrupts off, which keeps the tables from being freed, tells the
 * page, whether it may be written, and how large the mapping is, all at once.
 */

/*
 * Pages that the kernel itself must not touch (memfd_secret) are pages of files, never large; where
 * they are on an LRU list at all it is the unevictable one. Whatever looks so goes through
 * get_user_pages, which knows them for certain and refuses.
 */
static bool may_be_secret(struct page *page)
{
	struct folio *folio = page_folio(page);

	return !folio_test_large(folio) && !folio_test_anon(folio) &&
	       (!folio_test_lru(folio) || folio_test_unevictable(folio));
}

/* A mapping that stands for a device, or for memory that nobody keeps account of. */
static void set_special(struct keel_host_page *hp)
{
	hp->page = NULL;
	hp->device = !is_zero_pfn(hp->pfn) &&
		     (!pfn_valid(hp->pfn) || PageReserved(pfn_to_page(hp->pfn)));
}

/* A large mapping: nothing marks the special ones on all kernels, the pages must tell. */
static void set_large(struct keel_host_page *hp, unsigned long hva, unsigned int shift)
{
	hp->order = shift - PAGE_SHIFT;
	hp->pfn += (hva & ((1UL << shift) - 1)) >> PAGE_SHIFT;
	set_special(hp);
	if (!hp->device)
		hp->page = pfn_to_page(hp->pfn);
}

enum peek { PEEK_NONE, PEEK_FOUND, PEEK_ASK };

static enum peek peek(struct mm_struct *mm, unsigned long hva, bool write,
		      struct keel_host_page *hp)
{
	pgd_t *pgdp = pgd_offset(mm, hva), pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;
	pte_t pte;

	if (pgd_none(pgd))
		return PEEK_NONE;
	p4dp = p4d_offset_lockless(pgdp, pgd, hva);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d))
		return PEEK_NONE;

	pudp = pud_offset_lockless(p4dp, p4d, hva);
	pud = READ_ONCE(*pudp);
	if (!pud_present(pud))
		return PEEK_NONE;
	if (pud_leaf(pud)) {
		if (!pud_access_permitted(pud, write))
			return PEEK_NONE;
		hp->writable = write || pud_access_permitted(pud, true);
		hp->pfn = pud_pfn(pud);
		set_large(hp, hva, PUD_SHIFT);
		return PEEK_FOUND;
	}

	pmdp = pmd_offset_lockless(pudp, pud, hva);
	pmd = READ_ONCE(*pmdp);
	if (!pmd_present(pmd))
		return PEEK_NONE;
	if (pmd_leaf(pmd)) {
		if (pmd_protnone(pmd) || !pmd_access_permitted(pmd, write))
			return PEEK_NONE;
		hp->writable = write || pmd_access_permitted(pmd, true);
		hp->pfn = pmd_pfn(pmd);
		set_large(hp, hva, PMD_SHIFT);
		return PEEK_FOUND;
	}

	pte = ptep_get_lockless(pte_offset_kernel(&pmd, hva));
	if (!pte_present(pte) || pte_protnone(pte) || !pte_access_permitted(pte, write))
		return PEEK_NONE;
	hp->writable = write || pte_access_permitted(pte, true);
	hp->pfn = pte_pfn(pte);
	hp->order = 0;
	if (pte_special(pte)) {
		set_special(hp);
		return PEEK_FOUND;
	}
	hp->device = false;
	hp->page = pfn_to_page(hp->pfn);
	return may_be_secret(hp->page) ? PEEK_ASK : PEEK_FOUND;
}

static void set_page(struct keel_host_page *hp, struct page *page, bool writable)
{
	hp->pfn = page_to_pfn(page);
	hp->page = writable ? page : NULL;
	hp->order = 0;
	hp->writable = writable;
	hp->device = false;
	put_page(page);
}

bool keel_host_peek(struct mm_struct *mm, unsigned long hva, bool write,
		    struct keel_host_page *hp)
{
	unsigned long flags;
	struct page *page;
	enum peek found;

	hp->refused = false;
	local_irq_save(flags);
	found = peek(mm, hva, write, hp);
	local_irq_restore(flags);

	if (likely(found != PEEK_ASK))
		return found == PEEK_FOUND;
	if (!get_user_page_fast_only(hva, hp->writable ? FOLL_WRITE : 0, &page)) {
		hp->refused = true;
		return false;
	}
	set_page(hp, page, hp->writable);
	return true;
}

/* Does the mapping as such permit the access? mmap_lock held. */
static bool vma_permits(struct vm_area_struct *vma, bool write)
{
	return vma && vma->vm_flags & (write ? VM_WRITE : VM_READ) &&
	       arch_vma_access_permitted(vma, write, false, false);
}

/* There is a page that peek() was not sure of. get_user_pages is, and takes or refuses it. */
static int ask(unsigned long hva, bool write, struct keel_host_page *hp)
{
	unsigned int flags = FOLL_HWPOISON | (write ? FOLL_WRITE : 0);
	struct page *page;
	long nr;

	nr = get_user_pages_unlocked(hva, 1, &page, flags);
	if (nr != 1)
		return nr == -EHWPOISON ? nr : fatal_signal_pending(current) ? -EINTR : -EFAULT;
	set_page(hp, page, write);
	return 0;
}

/*
 * The host's own fault handler serves all kinds of mappings alike. get_user_pages would call it
 * too, with two more walks of the tables and a reference, all for a page that is looked up once
 * more in any case, to see how large it is.
 */
int keel_host_fault_in(struct mm_struct *mm, unsigned long hva, bool write, bool nowait,
		       struct keel_host_page *hp)
{
	unsigned int flags = FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_KILLABLE |
			     FAULT_FLAG_INTERRUPTIBLE;
	struct vm_area_struct *vma;
	vm_fault_t done;

	if (hp->refused)
		return ask(hva, write, hp);
	if (write)
		flags |= FAULT_FLAG_WRITE;
	if (nowait)
		flags |= FAULT_FLAG_RETRY_NOWAIT;

	for (;;) {
		if (mmap_read_lock_killable(mm))
			return -EINTR;
		vma = vma_lookup(mm, hva);
		if (!vma_permits(vma, write)) {
			mmap_read_unlock(mm);
			return -EFAULT;
		}
		done = handle_mm_fault(vma, hva, flags, NULL);
		if (done & VM_FAULT_COMPLETED)
			return 1;	/* the lock is dropped */
		if (!(done & VM_FAULT_RETRY) || nowait)
			mmap_read_unlock(mm);
		if (done & VM_FAULT_ERROR)
			return done & (VM_FAULT_HWPOISON | VM_FAULT_HWPOISON_LARGE) ? -EHWPOISON :
										      -EFAULT;
		if (!(done & VM_FAULT_RETRY))
			return 1;
		if (nowait)
			return -EAGAIN;
		if (signal_pending(current))
			return -EINTR;
		flags |= FAULT_FLAG_TRIED;
		cond_resched();
	}
}
