/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory slots: which host memory stands behind which guest frames. */
#ifndef KEEL_MEMSLOT_H
#define KEEL_MEMSLOT_H

#include <linux/interval_tree.h>
#include <linux/kvm.h>
#include <linux/maple_tree.h>
#include <linux/mm_types.h>
#include <linux/nospec.h>
#include <linux/rbtree.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct keel_vm;
struct keel_vcpu;

#define KEEL_MAX_SLOTS 32764	/* user slots in each address space (KVM_CAP_NR_MEMSLOTS) */
#define KEEL_INTERNAL_SLOTS 4	/* an architecture's own, with the ids after them */

typedef u64 keel_gfn_t;
typedef u64 keel_pfn_t;

/**
 * struct keel_memslot - one slot; never changes while readers can see it, but for the
 * dirty bitmap's bits. An update replaces it by another.
 */
struct keel_memslot {
	keel_gfn_t base;
	unsigned long npages;
	unsigned long hva;
	u32 flags;			/* KVM_MEM_* */
	u16 id, as_id;
	unsigned long *dirty;		/* bitmap, little endian as user space sees it, or NULL */
	struct interval_tree_node hva_node;	/* in keel_memslots.by_hva */
};

/**
 * struct keel_memslots - the slots of one address space
 * @by_gfn: guest frames -> slot; written under slots_lock, read under vm->srcu (or RCU)
 * @by_id: written and read under slots_lock
 * @by_hva: host addresses -> slots for the MMU notifier; under mmu_lock
 * @gen: changes with every update; read under vm->srcu, before the slot it vouches for. No two
 *	address spaces ever have the same, and none is 0
 */
struct keel_memslots {
	struct maple_tree by_gfn;
	struct xarray by_id;
	struct rb_root_cached by_hva;
	u64 gen;
	unsigned long nr;
	u64 npages;
};

int keel_memslots_init(struct keel_vm *vm);
/** keel_memslots_destroy - the VM is going: nobody reads any more. */
void keel_memslots_destroy(struct keel_vm *vm);

/**
 * struct keel_region - what KVM_SET_USER_MEMORY_REGION asks for
 * @slot: id, and the address space in the upper 16 bits
 */
struct keel_region {
	u32 slot, flags;
	u64 gpa, size, hva;
};

/**
 * keel_set_memory_region - KVM_SET_USER_MEMORY_REGION(2), also for slots that an
 * architecture creates for itself (@internal: ids from KEEL_MAX_SLOTS on)
 *
 * Takes slots_lock. In a thread of the VM's mm. Return: 0, -EINVAL, -EEXIST (overlap), -ENOMEM,
 * or what slot_check() says. When it returns, no vCPU uses the old state any more.
 */
int keel_set_memory_region(struct keel_vm *vm, const struct keel_region *region, bool internal);

/** keel_slots_empty - has the VM no slots at all? slots_lock held. */
bool keel_slots_empty(const struct keel_vm *vm);
/** keel_slot_by_id - @id as in keel_region.slot; NULL if there is none. slots_lock held. */
struct keel_memslot *keel_slot_by_id(struct keel_vm *vm, u32 id);

/** keel_slot_find - the slot that holds @gfn, or NULL. vm->srcu held. */
struct keel_memslot *keel_slot_find(struct keel_vm *vm, unsigned int as_id, keel_gfn_t gfn);
/**
 * keel_vcpu_slot - the same with the vCPU's hint, in the address space that the vCPU runs in
 * (vcpu->as_id, kept by the architecture). vm->srcu held; only by the thread that has the vCPU.
 */
struct keel_memslot *keel_vcpu_slot(struct keel_vcpu *vcpu, keel_gfn_t gfn);

/* The host address of a frame in the slot; speculatively too, for guests choose @gfn. */
static inline unsigned long keel_slot_hva(const struct keel_memslot *slot, keel_gfn_t gfn)
{
	return slot->hva + (array_index_nospec(gfn - slot->base, slot->npages) << PAGE_SHIFT);
}

/* dirty.c */
int keel_get_dirty_log(struct keel_vm *vm, const struct kvm_dirty_log *log);
int keel_clear_dirty_log(struct keel_vm *vm, const struct kvm_clear_dirty_log *log);

#endif
