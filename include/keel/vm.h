/* SPDX-License-Identifier: GPL-2.0-only */
/* A virtual machine: what its parts are and who protects them. */
#ifndef KEEL_VM_H
#define KEEL_VM_H

#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/rwlock.h>
#include <linux/srcu.h>
#include <linux/xarray.h>
#include <keel/arch.h>
#include <keel/bus.h>
#include <keel/irq.h>
#include <keel/memslot.h>
#include <keel/stage2.h>
#include <keel/stats.h>

#define KEEL_MAX_ASPACES 2

/**
 * struct keel_vm - the core's part of a VM, first member of the architecture's
 *
 * Lock order: lock -> slots_lock -> irq.lock -> srcu readers -> mmu_lock.
 * vcpu->mutex comes before lock only where lock_all_vcpus says so.
 */
struct keel_vm {
	/* Second stage: read for faults, write for removal. On lines of its own. */
	rwlock_t mmu_lock ____cacheline_aligned_in_smp;
	struct keel_s2 s2[KEEL_MAX_ASPACES];
	/* MMU-notifier race detection, see fault.h; written under mmu_lock. */
	unsigned long mn_seq;
	long mn_active;
	u64 mn_start, mn_end;		/* hva range of the active invalidations */

	struct mm_struct *mm ____cacheline_aligned_in_smp;
	refcount_t users;
	struct list_head link;		/* keel_vms, under keel_lock */
	struct mutex lock;		/* vCPU creation, irqchip creation, VM-wide settings */

	struct mutex slots_lock;	/* writers of the slots */
	struct srcu_struct srcu;	/* readers of slots, buses and routes */
	struct keel_memslots slots[KEEL_MAX_ASPACES];
	struct mmu_notifier mn;
	bool mn_registered;

	struct xarray vcpus;		/* by index, dense; entries never leave while the VM lives */
	atomic_t online_vcpus;
	unsigned int created_vcpus;	/* under lock */
	unsigned int max_vcpu_ids;
	bool max_vcpu_ids_set;		/* by KVM_CAP_MAX_VCPU_ID */
	unsigned int boot_vcpu_id;	/* for architectures that let user space choose */
	unsigned long last_boosted;	/* directed yield's round robin */

	struct keel_bus __rcu *bus[KEEL_NR_BUSES];
	u64 bus_gen;			/* of the newest, under slots_lock */
	struct keel_coalesced coalesced;
	struct keel_irq irq;
	struct list_head devices;	/* device_attr.h, under lock */

	/* Settings made by KVM_ENABLE_CAP, under lock, read freely. */
	u32 dirty_ring_entries;		/* 0: bitmap */
	bool dirty_ring_with_bitmap;
	u32 manual_dirty_log;		/* KVM_DIRTY_LOG_* flags of MANUAL_PROTECT2 */
	unsigned int max_halt_poll_ns;
	bool max_halt_poll_set;

	struct keel_vm_stat stat;
	struct dentry *debugfs;
	char stats_id[48];
};

/** keel_vm_get - take one more reference; the caller holds one. */
void keel_vm_get(struct keel_vm *vm);
/** keel_vm_put - drop a reference; the last one destroys the VM. May sleep. */
void keel_vm_put(struct keel_vm *vm);

#define keel_for_each_vcpu(idx, vcpu, vm) \
	xa_for_each_range(&(vm)->vcpus, idx, vcpu, 0, atomic_read(&(vm)->online_vcpus) - 1ul)

/* All VMs of the module: link is protected by keel_lock (device.c). */
extern struct list_head keel_vms;
extern struct mutex keel_lock;

/* vm.c, for device.c and the file operations of vCPUs and devices. */
long keel_create_vm(unsigned long type);
bool keel_file_is_vm(struct file *file);

#endif
