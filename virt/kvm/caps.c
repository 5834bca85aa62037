// SPDX-License-Identifier: GPL-2.0-only
/* Capabilities: what KVM_CHECK_EXTENSION answers and KVM_ENABLE_CAP turns on. */
#include <linux/cpumask.h>
#include <uapi/linux/keel.h>
#include <keel/sync_regs.h>
#include <keel/vcpu.h>
#include "device.h"

#define DIRTY_LOG_FLAGS (KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET)

/* --- KVM_CHECK_EXTENSION ------------------------------------------------------------------ */

static int cap_nr_vcpus(struct keel_vm *vm)
{
	return min(num_online_cpus(), keel_ops.max_vcpus);
}

static int cap_max_vcpus(struct keel_vm *vm)
{
	return keel_ops.max_vcpus;
}

static int cap_max_vcpu_id(struct keel_vm *vm)
{
	return keel_ops.max_vcpu_ids;
}

static int cap_aspaces(struct keel_vm *vm)
{
	return keel_ops.nr_aspaces > 1 ? keel_ops.nr_aspaces : 0;
}

static int cap_irq(struct keel_vm *vm)
{
	return keel_ops.irq_route_set ? 1 : 0;
}

static int cap_routing(struct keel_vm *vm)
{
	return keel_ops.irq_route_set ? KEEL_MAX_GSI : 0;
}

static int cap_ring(struct keel_vm *vm)
{
	return keel_dirty_ring_max();
}

static int __maybe_unused cap_ring_bitmap(struct keel_vm *vm)
{
	return !!keel_dirty_ring_max();
}

static int cap_ring_tso(struct keel_vm *vm)
{
	return keel_ops.tso ? keel_dirty_ring_max() : 0;
}

static int cap_guest_debug(struct keel_vm *vm)
{
	return keel_ops.guest_debug_flags;
}

static int cap_has_guest_debug(struct keel_vm *vm)
{
	return !!keel_ops.guest_debug;
}

static int cap_mp_state(struct keel_vm *vm)
{
	return !!keel_ops.mp_states;
}

static int cap_sync_regs(struct keel_vm *vm)
{
	return keel_sync_regs_mask();
}

static int cap_vm_attrs(struct keel_vm *vm)
{
	return !!keel_ops.nr_vm_attrs;
}

static int cap_vcpu_attrs(struct keel_vm *vm)
{
	return !!keel_ops.nr_vcpu_attrs;
}

/* --- KVM_ENABLE_CAP ---------------------------------------------------------------------- */

static int halt_poll_cap(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	WRITE_ONCE(vm->max_halt_poll_ns, cap->args[0]);
	smp_wmb();	/* pairs with poll_limit() */
	WRITE_ONCE(vm->max_halt_poll_set, true);
	return 0;
}

static int dirty_log_cap(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	/* INITIALLY_SET only makes sense with manual protection. */
	if (cap->args[0] == KVM_DIRTY_LOG_INITIALLY_SET)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);	/* a slot is made under one setting */
	vm->manual_dirty_log = cap->args[0];
	mutex_unlock(&vm->slots_lock);
	return 0;
}

static int dirty_ring_cap(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	return keel_cap(vm, cap->cap) ? keel_enable_dirty_ring(vm, cap->args[0]) : -EINVAL;
}

static int __maybe_unused ring_bitmap_cap(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	return keel_cap(vm, cap->cap) ? keel_enable_dirty_ring_bitmap(vm) : -EINVAL;
}


static int max_vcpu_id_cap(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	u64 ids = cap->args[0];

	if (!ids || ids > keel_ops.max_vcpu_ids || ids < vm->boot_vcpu_id)
		return -EINVAL;
	/* Once set, it stays; the same value again is fine. */
	if (vm->max_vcpu_ids_set && vm->max_vcpu_ids != ids)
		return -EINVAL;
	vm->max_vcpu_ids = ids;
	vm->max_vcpu_ids_set = true;
	return 0;
}

/* --- the table ----------------------------------------------------------------------------- */

/* In the order of <linux/kvm.h>. */
static const struct keel_cap core_caps[] = {
	{ KVM_CAP_USER_MEMORY, 1 },
	{ KVM_CAP_NR_VCPUS, .get = cap_nr_vcpus },
	{ KVM_CAP_NR_MEMSLOTS, KEEL_MAX_SLOTS },
#ifdef KVM_COALESCED_MMIO_PAGE_OFFSET
	{ KVM_CAP_COALESCED_MMIO, KVM_COALESCED_MMIO_PAGE_OFFSET },
	{ KVM_CAP_COALESCED_PIO, 1 },
#endif
	{ KVM_CAP_MP_STATE, .get = cap_mp_state },
	{ KVM_CAP_SYNC_MMU, 1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
	{ KVM_CAP_INTERNAL_ERROR_DATA, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG, .get = cap_has_guest_debug },
	{ KVM_CAP_SET_GUEST_DEBUG2, .get = cap_guest_debug },
	{ KVM_CAP_SYNC_REGS, .get = cap_sync_regs },
	{ KVM_CAP_IRQ_ROUTING, .get = cap_routing },
	{ KVM_CAP_IRQFD, .get = cap_irq },
	{ KVM_CAP_IRQFD_RESAMPLE, .get = cap_irq },
	{ KVM_CAP_SIGNAL_MSI, .get = cap_irq },
	{ KVM_CAP_IOEVENTFD, 1 },
	{ KVM_CAP_IOEVENTFD_NO_LENGTH, 1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
	{ KVM_CAP_MAX_VCPUS, .get = cap_max_vcpus },
	{ KVM_CAP_MAX_VCPU_ID, .get = cap_max_vcpu_id, .enable = max_vcpu_id_cap,
	  .before_vcpus = true },
	{ KVM_CAP_READONLY_MEM, 1 },
	{ KVM_CAP_DEVICE_CTRL, 1 },
	{ KVM_CAP_VM_ATTRIBUTES, .get = cap_vm_attrs },
	{ KVM_CAP_VCPU_ATTRIBUTES, .get = cap_vcpu_attrs },
	{ KVM_CAP_ENABLE_CAP_VM, 1 },
	{ KVM_CAP_CHECK_EXTENSION_VM, 1 },
	{ KVM_CAP_MULTI_ADDRESS_SPACE, .get = cap_aspaces },
	{ KVM_CAP_IMMEDIATE_EXIT, 1 },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, DIRTY_LOG_FLAGS, .valid = DIRTY_LOG_FLAGS,
	  .enable = dirty_log_cap },
	{ KVM_CAP_HALT_POLL, 1, .valid = UINT_MAX, .enable = halt_poll_cap },
	{ KVM_CAP_DIRTY_LOG_RING, .get = cap_ring_tso, .valid = U32_MAX, .enable = dirty_ring_cap },
#ifdef KVM_CAP_DIRTY_LOG_RING_ACQ_REL
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, .get = cap_ring, .valid = U32_MAX,
	  .enable = dirty_ring_cap },
#endif
#ifdef KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP
	{ KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, .get = cap_ring_bitmap, .enable = ring_bitmap_cap },
#endif
	{ KVM_CAP_BINARY_STATS_FD, 1 },
#ifdef KVM_CAP_USER_MEMORY2
	{ KVM_CAP_USER_MEMORY2, 1 },
#endif
#ifdef KVM_CAP_MEMORY_FAULT_INFO
	{ KVM_CAP_MEMORY_FAULT_INFO, 1 },
#endif
#ifdef KVM_CAP_PRE_FAULT_MEMORY
	{ KVM_CAP_PRE_FAULT_MEMORY, 1 },
#endif
	{ KEEL_CAP_VERSION, KEEL_VERSION },
};

static const struct keel_cap *find_cap(const struct keel_cap *caps, unsigned int nr, u32 cap)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (caps[i].cap == cap)
			return &caps[i];
	return NULL;
}

const struct keel_cap *keel_cap_find(u32 cap)
{
	/* The architecture may know better than the core. */
	return find_cap(keel_ops.caps, keel_ops.nr_caps, cap) ?:
	       find_cap(core_caps, ARRAY_SIZE(core_caps), cap);
}

int keel_cap(struct keel_vm *vm, unsigned long cap)
{
	const struct keel_cap *row = cap == (u32)cap ? keel_cap_find(cap) : NULL;

	if (!row)
		return 0;
	return row->get ? row->get(vm) : row->value;
}
