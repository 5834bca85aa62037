/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the bitmap and the rings, for nobody else. */
#ifndef KEEL_DIRTY_RING_H
#define KEEL_DIRTY_RING_H

#include <linux/types.h>

struct keel_memslot;
struct keel_vcpu;
struct keel_vm;

/**
 * keel_dirty_ring_mark - put a frame into a vCPU's ring
 * @vcpu: whose thread this is; NULL: the one that is loaded here, if any
 * @offset: of the frame in the slot
 *
 * Return: false if there is no such vCPU or no room.
 */
bool keel_dirty_ring_mark(struct keel_vm *vm, struct keel_vcpu *vcpu,
			  const struct keel_memslot *slot, u64 offset);

#endif
