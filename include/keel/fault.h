/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's second-stage fault, from its address to a mapped page. */
#ifndef KEEL_FAULT_H
#define KEEL_FAULT_H

#include <linux/types.h>
#include <keel/memslot.h>

struct keel_vcpu;
struct keel_vm;

/**
 * struct keel_s2_fault - what a backend decoded from an exit
 * @gpa: guest physical address
 * @write, @exec: kind of access (neither: read)
 * @present: the second stage had a translation, but not the permission
 * @no_async: resolve synchronously, never by an async page fault
 * @lazy_exec: let the guest fetch from the page only when it does: caches have to be looked after then
 * @as_id: guest address space
 * @order: in: largest order wanted (log2 pages); out: the order mapped
 * @slot, @hva, @pfn, @writable, @memtype: filled by keel_fault(); @slot may be looked at only
 *	while the caller himself has held vm->srcu since before, @memtype is KEEL_S2_*
 */
struct keel_s2_fault {
	u64 gpa;
	bool write, exec, present;
	bool no_async, lazy_exec;
	u8 as_id;
	u8 order;
	/* filled by keel_fault() */
	bool writable;
	u8 memtype;
	struct keel_memslot *slot;
	unsigned long hva;
	u64 pfn;
};

enum keel_fault_result {
	KEEL_FAULT_RETRY,	/* mapped, or raced: enter the guest again */
	KEEL_FAULT_MMIO,	/* no slot there (or a write to a read-only one): emulate */
	KEEL_FAULT_ASYNC,	/* an async fault is under way: the guest was told, enter again */
	KEEL_FAULT_USER,	/* kvm_run is filled (KVM_EXIT_MEMORY_FAULT) and errno is -EFAULT */
};

/**
 * keel_fault - resolve a second-stage fault
 * Takes vm->srcu and mmu_lock itself; may sleep. Return: enum keel_fault_result or a
 * negative errno: -EINTR a signal is pending, -EFAULT host memory is not there (on kernels without
 * KVM_EXIT_MEMORY_FAULT), -ENOMEM, -EINVAL @gpa is out of the tables' reach. Poisoned memory
 * is answered by SIGBUS to the thread, and KEEL_FAULT_RETRY.
 */
int keel_fault(struct keel_vcpu *vcpu, struct keel_s2_fault *fault);
/**
 * keel_fault_exit - the same, with what an exit handler returns
 *
 * Return: 1: enter the guest again; KEEL_EXIT_MMIO: there is no memory, it is the architecture's
 * to emulate or refuse; a negative errno.
 */
#define KEEL_EXIT_MMIO 2
int keel_fault_exit(struct keel_vcpu *vcpu, struct keel_s2_fault *fault);

/**
 * keel_pre_fault - KVM_PRE_FAULT_MEMORY on one range; updates @range as it goes
 * The vCPU is loaded. Return: 0 if anything was done, -EINVAL, -EINTR, -ENOENT (no slot), -EFAULT.
 */
struct kvm_pre_fault_memory;
long keel_pre_fault(struct keel_vcpu *vcpu, struct kvm_pre_fault_memory *range);

/**
 * keel_block_level - largest level at which @gfn could be mapped, by what the slot says
 * @order: log2 pages that the host maps as one there
 *
 * The whole aligned block lies in the slot and is aligned alike on both sides; nothing is logged.
 */
int keel_block_level(struct keel_vm *vm, const struct keel_memslot *slot, u64 gfn,
		     unsigned int order);

/* notifier.c: the host's side of invalidation. vm->mm is set and is the caller's. */
int keel_notifier_register(struct keel_vm *vm);
void keel_notifier_unregister(struct keel_vm *vm);

/** keel_zap_slot - drop every translation of the slot and flush. slots_lock held; may sleep. */
void keel_zap_slot(struct keel_vm *vm, struct keel_memslot *slot);
/** keel_zap_range - the same for guest frames [start, end) of an address space. */
void keel_zap_range(struct keel_vm *vm, unsigned int as_id, u64 start, u64 end);
/** keel_zap_all - every address space; for changes of attributes (PAT, CD...). */
void keel_zap_all(struct keel_vm *vm);
/** keel_wrprotect_slot - start of dirty logging: all of the slot read-only, and flush. */
void keel_wrprotect_slot(struct keel_vm *vm, struct keel_memslot *slot);
/** keel_recover_slot - end of dirty logging: let huge pages form. In a thread of the VM's mm. */
void keel_recover_slot(struct keel_vm *vm, struct keel_memslot *slot);
/**
 * keel_wrprotect_mask - frames slot->base + @offset + i for each set bit i
 * mmu_lock held in either mode; slots_lock held. Return: true if keel_flush_slot() is due before
 * slots_lock is dropped.
 */
bool keel_wrprotect_mask(struct keel_vm *vm, struct keel_memslot *slot, u64 offset, u64 mask);
/** keel_flush_range - make every CPU forget translations of guest frames [start, end). Any lock. */
void keel_flush_range(struct keel_vm *vm, u64 start, u64 end);
/** keel_flush_slot - make every CPU forget translations of the slot. */
void keel_flush_slot(struct keel_vm *vm, const struct keel_memslot *slot);
void keel_flush_all(struct keel_vm *vm);

#endif
