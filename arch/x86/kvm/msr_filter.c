// SPDX-License-Identifier: GPL-2.0-only
/* KVM_X86_SET_MSR_FILTER: which MSRs user space lets the guest access. */
#include <asm/apicdef.h>
#include <keel/filter.h>
#include "ioctl.h"
#include "msr.h"

#define KINDS (KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)

/* x2APIC registers are the LAPIC's, which cannot work with some of them denied. */
static bool is_x2apic(u32 index)
{
	return index - APIC_BASE_MSR < 0x100;
}

bool x86_msr_allowed(struct x86_vcpu *v, u32 index, u32 type)
{
	struct x86_vm *vm = x86_vm_of(v);

	return !rcu_access_pointer(vm->msr_filter) || is_x2apic(index) ||
	       keel_filter_allows(&vm->core, &vm->msr_filter, index, type);
}

static int take_range(struct keel_filter *f, const struct kvm_msr_filter_range *user)
{
	if (!user->flags || (user->flags & ~KINDS))
		return -EINVAL;
	if (BITS_TO_LONGS((u64)user->nmsrs) * sizeof(long) > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	return keel_filter_add(f, user->flags, user->base, user->nmsrs,
			       (const void __user *)user->bitmap);
}

/**
 * x86_set_msr_filter - KVM_X86_SET_MSR_FILTER: replace the VM's filter
 * @vm: the VM; takes its lock, and sleeps
 * @data: struct kvm_msr_filter, with user space's pointers in it
 *
 * Return: 0, -EINVAL (unknown flags, too long, or everything denied by no range at all), -EFAULT,
 * -ENOMEM.
 */
long x86_set_msr_filter(struct keel_vm *vm, void *data)
{
	const struct kvm_msr_filter *user = data;
	struct keel_filter *new;
	unsigned int i;
	int r = 0;

	if (user->flags & ~KVM_MSR_FILTER_DEFAULT_DENY)
		return -EINVAL;
	new = keel_filter_alloc(ARRAY_SIZE(user->ranges),
				!(user->flags & KVM_MSR_FILTER_DEFAULT_DENY));
	if (!new)
		return -ENOMEM;
	for (i = 0; !r && i < ARRAY_SIZE(user->ranges); i++)
		if (user->ranges[i].nmsrs)
			r = take_range(new, &user->ranges[i]);
	if (!r && !new->nr && !new->otherwise)
		r = -EINVAL;
	if (r || !new->nr) {	/* without ranges nothing is denied: no filter */
		keel_filter_free(new);
		new = NULL;
	}
	if (r)
		return r;
	keel_filter_publish(vm, &to_x86_vm(vm)->msr_filter, new);
	/* The CPU goes by a permission map: no guest runs on with one that the old filter made. */
	keel_request_all(vm, X86_REQ_INTERCEPTS, true);
	return 0;
}
