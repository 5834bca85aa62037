/* SPDX-License-Identifier: GPL-2.0-only */
/* Dirty tracking: who wrote which guest frame, by bitmap or by a ring per vCPU. */
#ifndef KEEL_DIRTY_H
#define KEEL_DIRTY_H

#include <linux/kvm.h>
#include <linux/types.h>
#include <keel/memslot.h>

struct keel_vcpu;
struct keel_vm;
struct page;

struct keel_dirty_ring {
	struct kvm_dirty_gfn *gfns;	/* user space maps it at KVM_DIRTY_LOG_PAGE_OFFSET */
	u32 size;			/* entries, power of two; 0: no ring */
	u32 soft_limit;
	u32 head, tail;			/* free running */
};

/**
 * keel_mark_dirty - @gfn was written by @vcpu (NULL: by the kernel outside a vCPU)
 *
 * vm->srcu held. Does nothing for slots without logging. May be called under mmu_lock. A
 * second-stage mapping must be made writable first and marked then, both under mmu_lock: the log
 * is collected in the other order.
 */
void keel_mark_dirty(struct keel_vm *vm, struct keel_vcpu *vcpu, struct keel_memslot *slot,
		     u64 gfn);

static inline bool keel_slot_logs(const struct keel_vm *vm, const struct keel_memslot *slot)
{
	return slot->flags & KVM_MEM_LOG_DIRTY_PAGES;
}

/* memslot.c: the bitmap of a slot that begins to log, if the VM uses bitmaps. 0 or -ENOMEM. */
int keel_dirty_bitmap_alloc(struct keel_vm *vm, struct keel_memslot *slot);
void keel_dirty_bitmap_free(struct keel_memslot *slot);

int keel_dirty_ring_init(struct keel_vcpu *vcpu);
void keel_dirty_ring_destroy(struct keel_vcpu *vcpu);
/** keel_dirty_ring_full - at the soft limit: KVM_RUN must leave (KVM_EXIT_DIRTY_RING_FULL). */
bool keel_dirty_ring_full(struct keel_vcpu *vcpu);
/** keel_dirty_ring_page - backing page for the vCPU file's mmap at @pgoff pages into the ring. */
struct page *keel_dirty_ring_page(struct keel_vcpu *vcpu, unsigned long pgoff);
/** keel_dirty_rings_reset - KVM_RESET_DIRTY_RINGS. Return: number of entries, or -EINVAL. */
long keel_dirty_rings_reset(struct keel_vm *vm);
/**
 * keel_enable_dirty_ring - KVM_CAP_DIRTY_LOG_RING(_ACQ_REL): @bytes per ring. vm->lock held.
 * Return: 0, -EINVAL (bad size, ring already there, or vCPUs), -E2BIG.
 */
int keel_enable_dirty_ring(struct keel_vm *vm, u32 bytes);
/**
 * keel_enable_dirty_ring_bitmap - KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP: keep a bitmap as well, for
 * what no vCPU writes. vm->lock held. Return: 0, -EINVAL (no ring, or slots exist).
 */
int keel_enable_dirty_ring_bitmap(struct keel_vm *vm);
/** keel_dirty_ring_max - most bytes of a ring, for KVM_CHECK_EXTENSION; 0: no rings here. */
int keel_dirty_ring_max(void);

#endif
