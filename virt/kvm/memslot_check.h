/* SPDX-License-Identifier: GPL-2.0-only */
/* What a memory region may look like and what it does to a slot: pure checks, no state. */
#ifndef KEEL_MEMSLOT_CHECK_H
#define KEEL_MEMSLOT_CHECK_H

#include <keel/memslot.h>

/* So many pages that their number fits the ABI's signed 32 bits. */
#define KEEL_SLOT_MAX_PAGES ((1UL << 31) - 1)

enum keel_slot_change {
	KEEL_SLOT_SAME,		/* nothing to do */
	KEEL_SLOT_CREATE,
	KEEL_SLOT_DELETE,
	KEEL_SLOT_MOVE,
	KEEL_SLOT_FLAGS,
};

static inline bool keel_region_aligned(const struct keel_region *region)
{
	return !((region->gpa | region->size | region->hva) & (PAGE_SIZE - 1));
}

/**
 * keel_region_check - is the region sound, whatever slots there are?
 * @nr_aspaces: address spaces of the VM
 * @internal: an architecture's own slot
 *
 * Return: 0 or -EINVAL. Whether user space owns the host range is the caller's to check.
 */
static inline int keel_region_check(const struct keel_region *region, unsigned int nr_aspaces,
				    bool internal)
{
	unsigned int ids = KEEL_MAX_SLOTS + (internal ? KEEL_INTERNAL_SLOTS : 0);

	if (region->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY))
		return -EINVAL;
	if (region->slot >> 16 >= nr_aspaces || (region->slot & 0xffff) >= ids)
		return -EINVAL;
	if (!keel_region_aligned(region))
		return -EINVAL;
	/* An end of exactly 2^64 wraps too: so the last frame is never in a slot. */
	if (region->gpa + region->size < region->gpa || region->hva + region->size < region->hva)
		return -EINVAL;
	if (region->size >> PAGE_SHIFT > KEEL_SLOT_MAX_PAGES)
		return -EINVAL;
	return 0;
}

/**
 * keel_region_change - what a sound region does to the slot that has its id
 * @old: that slot, or NULL
 *
 * Return: enum keel_slot_change, or -EINVAL: such a change is not allowed.
 */
static inline int keel_region_change(const struct keel_region *region,
				     const struct keel_memslot *old)
{
	if (!region->size)
		return old ? KEEL_SLOT_DELETE : -EINVAL;
	if (!old)
		return KEEL_SLOT_CREATE;
	if (region->hva != old->hva || region->size >> PAGE_SHIFT != old->npages ||
	    (region->flags ^ old->flags) & KVM_MEM_READONLY)
		return -EINVAL;
	if (region->gpa >> PAGE_SHIFT != old->base)
		return KEEL_SLOT_MOVE;
	return region->flags != old->flags ? KEEL_SLOT_FLAGS : KEEL_SLOT_SAME;
}

/**
 * keel_slot_remainder - which part of @old's frames does @new, of the same size, not cover?
 *
 * Return: false if there is none. It is one piece, since slots of one size cannot be nested.
 */
static inline bool keel_slot_remainder(const struct keel_memslot *old,
				       const struct keel_memslot *new, u64 *first, u64 *last)
{
	*first = old->base;
	*last = old->base + old->npages - 1;
	if (new->base > *last || new->base + new->npages - 1 < *first)
		return true;
	if (new->base > *first)
		*last = new->base - 1;
	else
		*first = new->base + new->npages;
	return *first <= *last;
}

#endif
