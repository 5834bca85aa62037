// SPDX-License-Identifier: GPL-2.0-only
/* Memory slots: update and lookup. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <keel/dirty.h>
#include <keel/fault.h>
#include <keel/vcpu.h>
#include <keel/vm.h>
#include "memslot_check.h"

/*
 * An update replaces a slot by another in the tree of frames, which is one step for whoever
 * looks it up, waits for those that may have found the old one (they hold vm->srcu until
 * their translation is in place), and then removes what they have put into the second stage.
 * During all that both slots are known to the MMU notifier by their host addresses, so that
 * no translation that is still there misses an invalidation.
 */

static unsigned long first_hva(const struct keel_memslot *slot)
{
	return slot->hva;
}

static unsigned long last_hva(const struct keel_memslot *slot)
{
	return slot->hva + (slot->npages << PAGE_SHIFT) - 1;
}

static u64 last_gfn(const struct keel_memslot *slot)
{
	return slot->base + slot->npages - 1;
}

int keel_memslots_init(struct keel_vm *vm)
{
	unsigned int i;

	for (i = 0; i < KEEL_MAX_ASPACES; i++) {
		struct keel_memslots *ms = &vm->slots[i];

		/*
		 * Nobody looks for gaps. But a tree that does not keep them is freed wrongly under
		 * RCU, by kernels up to 6.12 at least, once it has three levels.
		 */
		mt_init_flags(&ms->by_gfn, MT_FLAGS_ALLOC_RANGE | MT_FLAGS_USE_RCU);
		xa_init(&ms->by_id);
		ms->by_hva = RB_ROOT_CACHED;
		ms->gen = KEEL_MAX_ASPACES + i;
	}
	return 0;
}

static void slot_free(struct keel_memslot *slot)
{
	keel_dirty_bitmap_free(slot);
	kfree(slot);
}

void keel_memslots_destroy(struct keel_vm *vm)
{
	struct keel_memslot *slot;
	unsigned long id;
	unsigned int i;

	for (i = 0; i < KEEL_MAX_ASPACES; i++) {
		struct keel_memslots *ms = &vm->slots[i];

		mt_clear_in_rcu(&ms->by_gfn);
		mtree_destroy(&ms->by_gfn);
		ms->by_hva = RB_ROOT_CACHED;
		xa_for_each(&ms->by_id, id, slot)
			slot_free(slot);
		xa_destroy(&ms->by_id);
		ms->nr = 0;
		ms->npages = 0;
	}
}

struct keel_memslot *keel_slot_find(struct keel_vm *vm, unsigned int as_id, keel_gfn_t gfn)
{
	return mtree_load(&vm->slots[as_id].by_gfn, gfn);
}

struct keel_memslot *keel_vcpu_slot(struct keel_vcpu *vcpu, keel_gfn_t gfn)
{
	struct keel_memslots *ms = &vcpu->vm->slots[vcpu->as_id];
	/* First: what is found after it is at least as new. */
	u64 gen = smp_load_acquire(&ms->gen);
	struct keel_memslot *slot;

	/* Only a generation that is still the present one says that the hint still exists. */
	if (likely(vcpu->last_gen == gen)) {
		slot = vcpu->last_slot;
		if (gfn - slot->base < slot->npages)
			return slot;
	}
	if (vcpu->hole_gen == gen && vcpu->hole[gfn % KEEL_NR_HOLES] == gfn)
		return NULL;
	slot = mtree_load(&ms->by_gfn, gfn);
	if (slot) {
		vcpu->last_slot = slot;
		vcpu->last_gen = gen;
		return slot;
	}
	if (vcpu->hole_gen != gen)
		memset(vcpu->hole, 0xff, sizeof(vcpu->hole));
	vcpu->hole_gen = gen;
	vcpu->hole[gfn % KEEL_NR_HOLES] = gfn;
	return NULL;
}

bool keel_slots_empty(const struct keel_vm *vm)
{
	unsigned int i;

	for (i = 0; i < KEEL_MAX_ASPACES; i++)
		if (vm->slots[i].nr)
			return false;
	return true;
}

struct keel_memslot *keel_slot_by_id(struct keel_vm *vm, u32 id)
{
	unsigned int as_id = id >> 16;

	if (as_id >= keel_ops.nr_aspaces || (id & 0xffff) >= KEEL_MAX_SLOTS)
		return NULL;
	as_id = array_index_nospec(as_id, KEEL_MAX_ASPACES);
	return xa_load(&vm->slots[as_id].by_id, id & 0xffff);
}

static int tree_store(struct keel_memslots *ms, u64 first, u64 last, struct keel_memslot *slot,
		      gfp_t gfp)
{
	MA_STATE(mas, &ms->by_gfn, first, last);
	int ret;

	mas_lock(&mas);
	ret = mas_store_gfp(&mas, slot, gfp);
	mas_unlock(&mas);
	return ret;
}

/* Is there another slot than @old where @new wants to be? */
static bool overlaps(struct keel_memslots *ms, const struct keel_memslot *new,
		     const struct keel_memslot *old)
{
	unsigned long at = new->base;
	const struct keel_memslot *slot;

	while ((slot = mt_find(&ms->by_gfn, &at, last_gfn(new))))
		if (slot != old)
			return true;
	return false;
}

static void hva_insert(struct keel_vm *vm, struct keel_memslots *ms, struct keel_memslot *slot)
{
	slot->hva_node.start = first_hva(slot);
	slot->hva_node.last = last_hva(slot);
	write_lock(&vm->mmu_lock);
	interval_tree_insert(&slot->hva_node, &ms->by_hva);
	write_unlock(&vm->mmu_lock);
}

static void hva_remove(struct keel_vm *vm, struct keel_memslots *ms, struct keel_memslot *slot)
{
	write_lock(&vm->mmu_lock);
	interval_tree_remove(&slot->hva_node, &ms->by_hva);
	write_unlock(&vm->mmu_lock);
}

/*
 * Make the tree say @new instead of @old; either may be NULL. On error nothing has changed. For
 * a move the rest of the old range is taken out afterwards, when there is no way back: but for
 * this readers are content to find either.
 */
static int publish(struct keel_memslots *ms, struct keel_memslot *old, struct keel_memslot *new)
{
	u64 first, last;
	int ret;

	if (!new)
		return tree_store(ms, old->base, last_gfn(old), NULL, GFP_KERNEL_ACCOUNT);
	ret = tree_store(ms, new->base, last_gfn(new), new, GFP_KERNEL_ACCOUNT);
	if (ret || !old || !keel_slot_remainder(old, new, &first, &last))
		return ret;
	return tree_store(ms, first, last, NULL, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
}

/* The tree has changed: bring everything else in line with it and get rid of the old slot. */
static void commit(struct keel_vm *vm, struct keel_memslots *ms, struct keel_memslot *old,
		   struct keel_memslot *new, enum keel_slot_change change)
{
	bool logged = old && keel_slot_logs(vm, old);
	bool logs = new && keel_slot_logs(vm, new);

	smp_store_release(&ms->gen, ms->gen + KEEL_MAX_ASPACES);
	if (change == KEEL_SLOT_CREATE) {
		ms->nr++;
		ms->npages += new->npages;
		return;
	}
	synchronize_srcu_expedited(&vm->srcu);

	if (change == KEEL_SLOT_FLAGS) {
		if (logs && !logged && !(vm->manual_dirty_log & KVM_DIRTY_LOG_INITIALLY_SET))
			keel_wrprotect_slot(vm, new);
		else if (logged && !logs)
			keel_recover_slot(vm, new);
	} else {
		keel_zap_slot(vm, old);
	}
	if (change == KEEL_SLOT_DELETE) {
		ms->nr--;
		ms->npages -= old->npages;
	}
	hva_remove(vm, ms, old);
	if (new && new->dirty == old->dirty)
		old->dirty = NULL;
	slot_free(old);
}

static struct keel_memslot *slot_new(struct keel_vm *vm, const struct keel_region *region,
				     const struct keel_memslot *old)
{
	struct keel_memslot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return NULL;
	slot->base = region->gpa >> PAGE_SHIFT;
	slot->npages = region->size >> PAGE_SHIFT;
	slot->hva = region->hva;
	slot->flags = region->flags;
	slot->id = region->slot & 0xffff;
	slot->as_id = region->slot >> 16;
	if (!keel_slot_logs(vm, slot))
		return slot;
	/* A slot that moves takes its log along. */
	if (old && old->dirty) {
		slot->dirty = old->dirty;
	} else if (keel_dirty_bitmap_alloc(vm, slot)) {
		kfree(slot);
		return NULL;
	}
	return slot;
}

static int update(struct keel_vm *vm, struct keel_memslots *ms, const struct keel_region *region,
		  struct keel_memslot *old, enum keel_slot_change change)
{
	struct keel_memslot *new = NULL;
	int ret;

	if (change != KEEL_SLOT_DELETE) {
		new = slot_new(vm, region, old);
		if (!new)
			return -ENOMEM;
		ret = -EEXIST;
		if (change != KEEL_SLOT_FLAGS && overlaps(ms, new, old))
			goto free;
	}
	if (keel_ops.slot_check) {
		ret = keel_ops.slot_check(vm, old, new);
		if (ret)
			goto free;
	}
	if (new) {
		ret = xa_err(xa_store(&ms->by_id, new->id, new, GFP_KERNEL_ACCOUNT));
		if (ret)
			goto free;
		hva_insert(vm, ms, new);
	}
	ret = publish(ms, old, new);
	if (ret)
		goto undo;
	if (!new)
		xa_erase(&ms->by_id, old->id);
	commit(vm, ms, old, new, change);
	if (keel_ops.slot_changed)
		keel_ops.slot_changed(vm);
	return 0;

undo:
	if (new) {
		hva_remove(vm, ms, new);
		/* In place of an entry that is there: needs no memory. */
		if (old)
			xa_store(&ms->by_id, old->id, old, GFP_KERNEL_ACCOUNT);
		else
			xa_erase(&ms->by_id, new->id);
	}
free:
	if (new) {
		if (old && new->dirty == old->dirty)
			new->dirty = NULL;
		slot_free(new);
	}
	return ret;
}

int keel_set_memory_region(struct keel_vm *vm, const struct keel_region *region, bool internal)
{
	struct keel_memslots *ms;
	struct keel_memslot *old;
	unsigned int as_id;
	int change, ret;

	ret = keel_region_check(region, keel_ops.nr_aspaces, internal);
	if (ret)
		return ret;
	if (region->hva != untagged_addr(region->hva) ||
	    !access_ok((void __user *)(unsigned long)region->hva, region->size))
		return -EINVAL;
	as_id = array_index_nospec(region->slot >> 16, KEEL_MAX_ASPACES);
	ms = &vm->slots[as_id];

	mutex_lock(&vm->slots_lock);
	old = xa_load(&ms->by_id, region->slot & 0xffff);
	change = keel_region_change(region, old);
	if (change < 0)
		ret = change;
	else if (change == KEEL_SLOT_CREATE &&
		 ms->npages + (region->size >> PAGE_SHIFT) < ms->npages)
		ret = -EINVAL;
	else if (change != KEEL_SLOT_SAME)
		ret = update(vm, ms, region, old, change);
	mutex_unlock(&vm->slots_lock);
	return ret;
}
