/* SPDX-License-Identifier: GPL-2.0-only */
/* As much of a VM and of a vCPU as slots and dirty log know. */
#ifndef SHIM_VM_H
#define SHIM_VM_H

#include <linux/kvm.h>
#include <keel/dirty.h>
#include <keel/memslot.h>

#define KEEL_MAX_ASPACES 2
#define KEEL_REQ_DIRTY_RING 3
#define SHIM_VCPUS 2

#define KEEL_NR_HOLES 4

struct keel_vcpu {
	struct keel_vm *vm;
	u32 idx;
	struct keel_memslot *last_slot;
	u64 last_gen;
	u64 hole_gen, hole[KEEL_NR_HOLES];
	u8 as_id;
	unsigned long requests;
	struct keel_dirty_ring dirty_ring;
};

struct keel_vm {
	rwlock_t mmu_lock;
	struct mutex slots_lock;
	struct srcu_struct srcu;
	struct keel_memslots slots[KEEL_MAX_ASPACES];
	unsigned int created_vcpus;
	u32 dirty_ring_entries;
	bool dirty_ring_with_bitmap;
	u32 manual_dirty_log;
	struct keel_vcpu vcpu[SHIM_VCPUS];
};

struct keel_arch_ops {
	unsigned int nr_aspaces;
	int (*slot_check)(struct keel_vm *vm, const struct keel_memslot *old,
			  const struct keel_memslot *new);
	void (*slot_changed)(struct keel_vm *vm);
};

extern struct keel_arch_ops keel_ops;

#define keel_request(vcpu, req)		((void)((vcpu)->requests |= BIT(req)))
#define keel_request_pending(vcpu, req)	((vcpu)->requests & BIT(req))
#define keel_this_vcpu()		((struct keel_vcpu *)NULL)
#define keel_for_each_vcpu(i, v, vm) \
	for (i = 0; i < (vm)->created_vcpus && (v = &(vm)->vcpu[i], 1); i++)

#endif
