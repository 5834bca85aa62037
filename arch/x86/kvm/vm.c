// SPDX-License-Identifier: GPL-2.0-only
/* A VM of x86: creation, and the ioctls that are nobody else's. */
#include <linux/nospec.h>
#include <linux/uaccess.h>
#include "irqchip.h"
#include "x86.h"

#define DEFAULT_IDENTITY_MAP	0xfffbc000ull

static void s2_flush_hook(struct keel_s2 *s2, u64 gfn, u64 nr)
{
	struct keel_vm *vm = container_of(s2->lock, struct keel_vm, mmu_lock);

	keel_request_all(vm, KEEL_REQ_TLB_FLUSH, true);
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
	x86_msr_vm_destroy(vm);
	x86_be(vm_destroy)(vm);
}

static int set_boot_cpu(struct x86_vm *vm, unsigned long id)
{
	int r = 0;

	mutex_lock(&vm->core.lock);
	if (vm->core.created_vcpus)
		r = -EBUSY;
	else if (id >= vm->core.max_vcpu_ids)
		r = -EINVAL;
	else
		vm->bsp_id = id;
	mutex_unlock(&vm->core.lock);
	return r;
}

/*
 * The TSS and identity-map pages serve CPUs that cannot run real mode. Keel's backends can, so the addresses
 * are taken and nothing is put there.
 */
static int set_identity_map(struct x86_vm *vm, const u64 __user *argp)
{
	u64 addr;
	int r = 0;

	if (copy_from_user(&addr, argp, sizeof(addr)))
		return -EFAULT;
	mutex_lock(&vm->core.lock);
	if (vm->core.created_vcpus)
		r = -EINVAL;
	else
		vm->identity_map_addr = addr ?: DEFAULT_IDENTITY_MAP;
	mutex_unlock(&vm->core.lock);
	return r;
}

static int set_msr_filter(struct x86_vm *vm, void __user *argp)
{
	struct kvm_msr_filter filter;

	if (copy_from_user(&filter, argp, sizeof(filter)))
		return -EFAULT;
	return x86_set_msr_filter(vm, &filter);
}

long x86_vm_ioctl(struct keel_vm *core, unsigned int ioctl, unsigned long arg)
{
	struct x86_vm *vm = to_x86_vm(core);
	void __user *argp = (void __user *)arg;
	long r;

	switch (ioctl) {
	case KVM_SET_TSS_ADDR:
		if (arg > (u32)(-3 * PAGE_SIZE))
			return -EINVAL;
		vm->tss_addr = arg;
		return 0;
	case KVM_SET_IDENTITY_MAP_ADDR:
		return set_identity_map(vm, argp);
	case KVM_SET_BOOT_CPU_ID:
		return set_boot_cpu(vm, arg);
	case KVM_X86_SET_MSR_FILTER:
		return set_msr_filter(vm, argp);
	}
	r = x86_irqchip_vm_ioctl(vm, ioctl, arg);
	if (r != -ENOTTY)
		return r;
	return x86_clock_vm_ioctl(vm, ioctl, arg);
}
