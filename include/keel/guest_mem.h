/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's access to guest memory, by guest physical address. */
#ifndef KEEL_GUEST_MEM_H
#define KEEL_GUEST_MEM_H

#include <linux/types.h>
#include <keel/memslot.h>

struct keel_vcpu;
struct keel_vm;

/*
 * All of these take vm->srcu themselves (nesting is fine), may sleep, run in a thread of the
 * VM's mm, cross pages and slots, mark what they write as dirty, and return 0 or -EFAULT.
 * Writes to read-only slots give -EFAULT. Those that take a vCPU act in its address space and are
 * for the thread that has it; others use the keel_vm_ ones, which act in address space 0.
 */
int keel_read_guest(struct keel_vcpu *vcpu, u64 gpa, void *data, unsigned long len);
int keel_write_guest(struct keel_vcpu *vcpu, u64 gpa, const void *data, unsigned long len);
int keel_vm_read_guest(struct keel_vm *vm, u64 gpa, void *data, unsigned long len);
int keel_vm_write_guest(struct keel_vm *vm, u64 gpa, const void *data, unsigned long len);
int keel_clear_guest(struct keel_vcpu *vcpu, u64 gpa, unsigned long len);
/** keel_read_guest_atomic - no sleep, page faults off: -EFAULT where it would have to wait. */
int keel_read_guest_atomic(struct keel_vcpu *vcpu, u64 gpa, void *data, unsigned long len);
/**
 * keel_cmpxchg_guest - atomic compare and exchange of 1, 2, 4, 8 or 16 aligned bytes
 * Return: 0 exchanged, 1 the memory held something else (now in @old), -EFAULT no RAM there
 * (also: read-only slot, or memory that is no page, such as a device's), -EINVAL not aligned,
 * -EOPNOTSUPP size not supported by this host, -EINTR killed.
 */
int keel_cmpxchg_guest(struct keel_vcpu *vcpu, u64 gpa, void *old, const void *new, int len);
/**
 * keel_entry_read - read an entry of the guest's own tables, in one access
 * @vcpu: whose tables; its thread calls, with vm->srcu held
 * @gpa: of the entry, aligned to @len
 * @len: its bytes, 4 or 8
 * @val: what it holds
 * @hva: where it is for the host, as long as the slots stay
 *
 * Return: 0, or -EFAULT: no RAM there.
 */
int keel_entry_read(struct keel_vcpu *vcpu, u64 gpa, int len, u64 *val, unsigned long *hva);
/**
 * keel_entry_mark - set bits in such an entry as the CPU would, if it still holds @old
 * Return: 0 set, or all were; else as keel_cmpxchg_guest().
 */
int keel_entry_mark(struct keel_vcpu *vcpu, u64 gpa, int len, u64 old, u64 marks);
/** keel_gpa_is_ram - is there a slot behind @gpa? vm->srcu is taken. */
bool keel_gpa_is_ram(struct keel_vcpu *vcpu, u64 gpa);
/** keel_gpa_hva - host address of @gpa or 0; *writable may be NULL. vm->srcu held by the caller. */
unsigned long keel_gpa_hva(struct keel_vcpu *vcpu, u64 gpa, bool *writable);

/**
 * struct keel_gcache - a fixed guest area that the host touches often (steal time, clock)
 * Re-looked-up when the slots change. Owned by one vCPU thread or protected by its owner. Always in
 * address space 0.
 */
struct keel_gcache {
	u64 gpa;
	u64 gen;
	unsigned long hva;	/* 0: crosses slots, or no slot: use the slow path */
	unsigned long len;
	struct keel_memslot *slot;
};

/** keel_gcache_init - 0, or -EFAULT: not all of it is RAM (when it is, the cache works). */
int keel_gcache_init(struct keel_vcpu *vcpu, struct keel_gcache *cache, u64 gpa, unsigned long len);
int keel_gcache_write(struct keel_vcpu *vcpu, struct keel_gcache *cache, const void *data,
		      unsigned int offset, unsigned long len);
int keel_gcache_read(struct keel_vcpu *vcpu, struct keel_gcache *cache, void *data,
		     unsigned int offset, unsigned long len);
/**
 * keel_gcache_publish - change a record that the guest reads without a lock
 * @version: offset of a u32 that is odd while the record changes and grows with each change: the
 *	guest reads it before and after the rest, and again if it was odd or has changed
 *
 * Return: the new version, or 0: nothing was written, or not all of it.
 */
u32 keel_gcache_publish(struct keel_vcpu *vcpu, struct keel_gcache *cache, unsigned int version,
			const void *data, unsigned int offset, unsigned long len);

#endif
