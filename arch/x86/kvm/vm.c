// SPDX-License-Identifier: GPL-2.0-only
/* A VM of x86: creation, and the ioctls that are nobody else's. */
#include <keel/fault.h>
#include <keel/filter.h>
#include "ioctl.h"
#include "irqchip.h"
#include "x86.h"

#define DEFAULT_IDENTITY_MAP	0xfffbc000ull
#define MIN_MMU_PAGES		64	/* as the kernel's KVM_MIN_ALLOC_MMU_PAGES */

static void s2_flush_hook(struct keel_s2 *s2, u64 gfn, u64 nr)
{
	struct keel_vm *vm = container_of(s2->lock, struct keel_vm, mmu_lock);

	keel_flush_range(vm, gfn, gfn + nr);
}

static const struct keel_s2_hooks s2_hooks = {
	.flush = s2_flush_hook,
};

int x86_vm_init(struct keel_vm *core, unsigned long type)
{
	struct x86_vm *vm = to_x86_vm(core);
	const struct keel_s2_params params = {
		.ops = x86_backend.s2_ops,
		.hooks = &s2_hooks,
		.lock = &core->mmu_lock,
		.ia_bits = x86_backend.s2_levels == 5 ? 57 : 48,
		.leaf_levels = BIT(0) | BIT(1) | (x86_backend.s2_max_order >= 18 ? BIT(2) : 0),
	};
	int r;

	if (type)
		return -EINVAL;
	mutex_init(&vm->apic_map_lock);
	vm->identity_map_addr = DEFAULT_IDENTITY_MAP;
	vm->apic_bus_cycle_ns = 1;
	vm->user_cpuid_fault_ok = true;
	r = keel_s2_init(&core->s2[0], &params);
	if (r)
		return r;
	r = x86_be(vm_init)(vm);
	if (r) {
		keel_s2_destroy(&core->s2[0]);
		return r;
	}
	x86_clock_vm_init(vm);
	return 0;
}

void x86_vm_quiesce(struct keel_vm *core)
{
	x86_clock_vm_quiesce(to_x86_vm(core));
	x86_irqchip_vm_quiesce(to_x86_vm(core));
}

void x86_vm_destroy(struct keel_vm *core)
{
	struct x86_vm *vm = to_x86_vm(core);

	x86_irqchip_vm_destroy(vm);
	keel_filter_free(rcu_dereference_protected(vm->msr_filter, true));
	x86_be(vm_destroy)(vm);
}

long x86_set_boot_cpu(struct keel_vm *vm, void *data)
{
	unsigned long id = *(unsigned long *)data;
	int r = 0;

	mutex_lock(&vm->lock);
	if (vm->created_vcpus)
		r = -EBUSY;
	else if (id >= vm->max_vcpu_ids)
		r = -EINVAL;
	else
		vm->boot_vcpu_id = id;
	mutex_unlock(&vm->lock);
	return r;
}

/*
 * The TSS and identity-map pages serve CPUs that cannot run real mode. Keel's backends can, so the addresses
 * are taken and nothing is put there.
 */
long x86_set_identity_map(struct keel_vm *vm, void *addr)
{
	int r = 0;

	mutex_lock(&vm->lock);
	if (vm->created_vcpus)
		r = -EINVAL;
	else
		to_x86_vm(vm)->identity_map_addr = *(u64 *)addr ?: DEFAULT_IDENTITY_MAP;
	mutex_unlock(&vm->lock);
	return r;
}

/*
 * Limits the memory of shadow page tables. Keel's backends have nested paging and no such tables: any limit is kept
 * that is one.
 */
long x86_set_nr_mmu_pages(struct keel_vm *vm, void *nr)
{
	return *(unsigned long *)nr < MIN_MMU_PAGES ? -EINVAL : 0;
}

long x86_set_tss_addr(struct keel_vm *vm, void *addr)
{
	if (*(unsigned long *)addr > (u32)(-3 * PAGE_SIZE))
		return -EINVAL;
	to_x86_vm(vm)->tss_addr = *(unsigned long *)addr;
	return 0;
}
