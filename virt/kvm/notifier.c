// SPDX-License-Identifier: GPL-2.0-only
/* The MMU notifier, and what else removes or protects second-stage translations. */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>
#include <keel/fault.h>
#include <keel/host_page.h>
#include <keel/stage2.h>
#include <keel/vm.h>
#include "trace.h"

/* Host addresses that an invalidation works on at a time, without a look at the scheduler. */
#define INVALIDATE_STEP	(1UL << 30)

void keel_flush_range(struct keel_vm *vm, u64 start, u64 end)
{
	vm->stat.remote_tlb_flush_requests++;
	keel_ops.s2_flush(vm, start, end);
}

static void flush_if(struct keel_vm *vm, struct keel_s2_range *range)
{
	if (range->flush)
		keel_flush_range(vm, range->start, range->end);
	range->flush = false;
}

void keel_flush_slot(struct keel_vm *vm, const struct keel_memslot *slot)
{
	keel_flush_range(vm, slot->base, slot->base + slot->npages);
}

void keel_flush_all(struct keel_vm *vm)
{
	keel_flush_range(vm, 0, ~0ULL);
}

/* ---- services for slots and architectures: these may sleep ---- */

void keel_zap_range(struct keel_vm *vm, unsigned int as_id, u64 start, u64 end)
{
	struct keel_s2_range range = KEEL_S2_RANGE(start, end, true);
	struct keel_s2 *s2 = &vm->s2[as_id];
	struct keel_s2_free_list list = {};
	int ret;

	if (!s2->root)
		return;
	do {
		write_lock(&vm->mmu_lock);
		ret = s2->ops->unmap_range(s2, &range, &list);
		flush_if(vm, &range);
		write_unlock(&vm->mmu_lock);
		keel_s2_free_list(s2, &list);
		cond_resched();
	} while (ret);
}

void keel_zap_slot(struct keel_vm *vm, struct keel_memslot *slot)
{
	keel_zap_range(vm, slot->as_id, slot->base, slot->base + slot->npages);
}

void keel_zap_all(struct keel_vm *vm)
{
	unsigned int i;

	/* Faults that have begun, and may go by the old state of things, begin anew. */
	write_lock(&vm->mmu_lock);
	vm->mn_seq++;
	write_unlock(&vm->mmu_lock);

	for (i = 0; i < KEEL_MAX_ASPACES; i++)
		keel_zap_range(vm, i, 0, vm->s2[i].nr_gfns);
}

void keel_wrprotect_slot(struct keel_vm *vm, struct keel_memslot *slot)
{
	struct keel_s2_range range = KEEL_S2_RANGE(slot->base, slot->base + slot->npages, true);
	struct keel_s2 *s2 = &vm->s2[slot->as_id];
	int ret;

	if (!s2->root)
		return;
	do {
		read_lock(&vm->mmu_lock);
		ret = s2->ops->wrprotect_range(s2, &range);
		flush_if(vm, &range);
		read_unlock(&vm->mmu_lock);
		cond_resched();
	} while (ret);
}

bool keel_wrprotect_mask(struct keel_vm *vm, struct keel_memslot *slot, u64 offset, u64 mask)
{
	struct keel_s2 *s2 = &vm->s2[slot->as_id];

	return s2->root && keel_s2_wrprotect_mask(s2, slot->base + offset, mask);
}

static void collapse(struct keel_vm *vm, struct keel_s2 *s2, u64 start, u64 end, int level)
{
	struct keel_s2_range range = KEEL_S2_RANGE(start, end, true);
	struct keel_s2_free_list list = {};
	int ret;

	do {
		write_lock(&vm->mmu_lock);
		ret = s2->ops->collapse_range(s2, &range, &list, level, true);
		flush_if(vm, &range);
		write_unlock(&vm->mmu_lock);
		keel_s2_free_list(s2, &list);
		cond_resched();
	} while (ret);
}

/*
 * Where the host has a large page, and only there, tables of small ones give way: joined in
 * place or to be faulted in again. What may be mapped with which size is asked at the fault;
 * here a wrong guess costs no more than that fault.
 */
void keel_recover_slot(struct keel_vm *vm, struct keel_memslot *slot)
{
	u64 gfn = slot->base, end = slot->base + slot->npages;
	struct keel_s2 *s2 = &vm->s2[slot->as_id];
	struct keel_host_page hp;
	u64 base, step;
	int level;

	if (!s2->root || !s2->root_level)
		return;
	for (; gfn < end; gfn = base + step) {
		level = 0;
		if (keel_host_peek(vm->mm, keel_slot_hva(slot, gfn), false, &hp))
			level = keel_block_level(vm, slot, gfn, hp.order);
		step = 1ULL << (keel_s2_level_shift(s2, level ? level : 1) - PAGE_SHIFT);
		base = gfn & ~(step - 1);
		if (level)
			collapse(vm, s2, base, base + step, level);
		cond_resched();
	}
}

/* ---- the MMU notifier ---- */

static struct keel_vm *to_vm(struct mmu_notifier *mn)
{
	return container_of(mn, struct keel_vm, mn);
}

/* The part of a slot's frames that host addresses [@start, @end) stand behind. */
static struct keel_s2_range slot_part(const struct keel_memslot *slot, unsigned long start,
				      unsigned long end)
{
	unsigned long slot_end = slot->hva + (slot->npages << PAGE_SHIFT);

	start = max(start & PAGE_MASK, slot->hva);
	end = min(PAGE_ALIGN(end), slot_end);
	return KEEL_S2_RANGE(slot->base + ((start - slot->hva) >> PAGE_SHIFT),
			     slot->base + ((end - slot->hva) >> PAGE_SHIFT), false);
}

static struct keel_memslot *hva_first(struct keel_memslots *ms, unsigned long start,
				      unsigned long end)
{
	struct interval_tree_node *node = interval_tree_iter_first(&ms->by_hva, start, end - 1);

	return node ? container_of(node, struct keel_memslot, hva_node) : NULL;
}

static struct keel_memslot *hva_next(struct keel_memslot *slot, unsigned long start,
				     unsigned long end)
{
	struct interval_tree_node *node = interval_tree_iter_next(&slot->hva_node, start, end - 1);

	return node ? container_of(node, struct keel_memslot, hva_node) : NULL;
}

#define for_each_slot_at(slot, ms, start, end)				\
	for (slot = hva_first(ms, start, end); slot; slot = hva_next(slot, start, end))

/* Write lock held. */
static void unmap_hvas(struct keel_vm *vm, unsigned long start, unsigned long end,
		       struct keel_s2_free_list *lists)
{
	struct keel_memslot *slot;
	unsigned int i;

	for (i = 0; i < KEEL_MAX_ASPACES; i++) {
		struct keel_s2 *s2 = &vm->s2[i];

		if (!s2->root)
			continue;
		for_each_slot_at(slot, &vm->slots[i], start, end) {
			struct keel_s2_range range = slot_part(slot, start, end);

			s2->ops->unmap_range(s2, &range, &lists[i]);
			flush_if(vm, &range);
		}
	}
}

/* First host address in [@start, @end) that is in any slot, or @end. */
static unsigned long first_in_slots(struct keel_vm *vm, unsigned long start, unsigned long end)
{
	unsigned long first = end;
	struct keel_memslot *slot;
	unsigned int i;

	for (i = 0; i < KEEL_MAX_ASPACES; i++) {
		slot = hva_first(&vm->slots[i], start, end);
		if (slot)
			first = min(first, max(start, slot->hva));
	}
	return first;
}

static int invalidate_range_start(struct mmu_notifier *mn, const struct mmu_notifier_range *r)
{
	struct keel_s2_free_list lists[KEEL_MAX_ASPACES] = {};
	struct keel_vm *vm = to_vm(mn);
	unsigned long at = r->start, to;
	unsigned int i;

	trace_kvm_unmap_hva_range(r->start, r->end);
	write_lock(&vm->mmu_lock);
	if (!vm->mn_active++) {
		vm->mn_start = r->start;
		vm->mn_end = r->end;
	} else {
		vm->mn_start = min_t(u64, vm->mn_start, r->start);
		vm->mn_end = max_t(u64, vm->mn_end, r->end);
	}
	vm->stat.mn_invalidations++;
	/*
	 * No fault can map anything in the range from here on, so the lock may be dropped between
	 * the steps; no place in the tree of slots is remembered across that.
	 */
	for (;;) {
		at = first_in_slots(vm, at, r->end);
		if (at >= r->end)
			break;
		to = r->end - at > INVALIDATE_STEP ? at + INVALIDATE_STEP : r->end;
		unmap_hvas(vm, at, to, lists);
		at = to;
		if (at >= r->end)
			break;
		if (mmu_notifier_range_blockable(r))
			cond_resched_rwlock_write(&vm->mmu_lock);
	}
	write_unlock(&vm->mmu_lock);

	for (i = 0; i < KEEL_MAX_ASPACES; i++)
		if (vm->s2[i].root)
			keel_s2_free_list(&vm->s2[i], &lists[i]);
	return 0;
}

static void invalidate_range_end(struct mmu_notifier *mn, const struct mmu_notifier_range *r)
{
	struct keel_vm *vm = to_vm(mn);

	write_lock(&vm->mmu_lock);
	vm->mn_seq++;
	vm->mn_active--;
	write_unlock(&vm->mmu_lock);
}

enum age { AGE_TEST, AGE_CLEAR, AGE_CLEAR_FLUSH };

static int age_hvas(struct keel_vm *vm, unsigned long start, unsigned long end, enum age how)
{
	struct keel_memslot *slot;
	bool young = false;
	unsigned int i;

	read_lock(&vm->mmu_lock);
	for (i = 0; i < KEEL_MAX_ASPACES; i++) {
		struct keel_s2 *s2 = &vm->s2[i];

		if (!s2->root)
			continue;
		for_each_slot_at(slot, &vm->slots[i], start, end) {
			struct keel_s2_range range = slot_part(slot, start, end);

			if (how == AGE_TEST)
				s2->ops->test_young_range(s2, &range);
			else
				s2->ops->age_range(s2, &range);
			young |= range.hit;
			if (how == AGE_CLEAR_FLUSH)
				flush_if(vm, &range);
		}
	}
	read_unlock(&vm->mmu_lock);
	return young;
}

static int clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long start,
			     unsigned long end)
{
	trace_kvm_age_hva(start, end);
	return age_hvas(to_vm(mn), start, end, AGE_CLEAR_FLUSH);
}

/* Without a flush a CPU that has the translation cached looks older than it is: good enough. */
static int clear_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long start,
		       unsigned long end)
{
	trace_kvm_age_hva(start, end);
	return age_hvas(to_vm(mn), start, end, AGE_CLEAR);
}

static int test_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long address)
{
	trace_kvm_test_age_hva(address);
	return age_hvas(to_vm(mn), address, address + PAGE_SIZE, AGE_TEST);
}

/* The mm goes, with no further word about what it held; its threads are gone already. */
static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	keel_zap_all(to_vm(mn));
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start	= invalidate_range_start,
	.invalidate_range_end	= invalidate_range_end,
	.clear_flush_young	= clear_flush_young,
	.clear_young		= clear_young,
	.test_young		= test_young,
	.release		= release,
};

int keel_notifier_register(struct keel_vm *vm)
{
	int ret;

	vm->mn.ops = &notifier_ops;
	ret = mmu_notifier_register(&vm->mn, vm->mm);
	vm->mn_registered = !ret;
	return ret;
}

void keel_notifier_unregister(struct keel_vm *vm)
{
	if (vm->mn_registered)
		mmu_notifier_unregister(&vm->mn, vm->mm);
	vm->mn_registered = false;
}
