// SPDX-License-Identifier: GPL-2.0-only
/* KVM_X86_SET_MSR_FILTER: which MSRs user space lets the guest access. */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>
#include "ioctl.h"
#include "msr.h"

/* Immutable once published in vm->msr_filter; read under vm->srcu. */
struct x86_msr_filter {
	bool allow;		/* what no range mentions */
	unsigned int nr;
	struct {
		u32 flags, base, nmsrs;
		unsigned long *bitmap;
	} range[KVM_MSR_FILTER_MAX_RANGES];
};

/* x2APIC registers are the LAPIC's, which cannot work with some of them denied. */
static bool is_x2apic(u32 index)
{
	return index - APIC_BASE_MSR < 0x100;
}

bool x86_msr_allowed(struct x86_vcpu *v, u32 index, u32 type)
{
	struct x86_vm *vm = x86_vm_of(v);
	const struct x86_msr_filter *f;
	bool allowed = true;
	unsigned int i;
	int srcu;

	if (!rcu_access_pointer(vm->msr_filter) || is_x2apic(index))
		return true;
	srcu = srcu_read_lock(&vm->core.srcu);
	f = srcu_dereference(vm->msr_filter, &vm->core.srcu);
	if (!f)
		goto out;
	allowed = f->allow;
	for (i = 0; i < f->nr; i++) {
		u32 bit = index - f->range[i].base;

		if (bit >= f->range[i].nmsrs || !(f->range[i].flags & type))
			continue;
		allowed = test_bit(array_index_nospec(bit, f->range[i].nmsrs), f->range[i].bitmap);
		break;
	}
out:
	srcu_read_unlock(&vm->core.srcu, srcu);
	return allowed;
}

static void free_filter(struct x86_msr_filter *f)
{
	unsigned int i;

	if (!f)
		return;
	for (i = 0; i < f->nr; i++)
		kfree(f->range[i].bitmap);
	kfree(f);
}

static int take_range(struct x86_msr_filter *f, const struct kvm_msr_filter_range *user)
{
	size_t size = BITS_TO_LONGS((u64)user->nmsrs) * sizeof(long);
	unsigned long *bitmap;

	if (!user->flags || (user->flags & ~(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)))
		return -EINVAL;
	if (size > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	bitmap = memdup_user((void __user *)user->bitmap, size);
	if (IS_ERR(bitmap))
		return PTR_ERR(bitmap);
	f->range[f->nr].flags = user->flags;
	f->range[f->nr].base = user->base;
	f->range[f->nr].nmsrs = user->nmsrs;
	f->range[f->nr].bitmap = bitmap;
	f->nr++;
	return 0;
}

/**
 * x86_set_msr_filter - KVM_X86_SET_MSR_FILTER: replace the VM's filter
 * @core: the VM; takes its lock, and sleeps
 * @data: struct kvm_msr_filter, with user space's pointers in it
 *
 * Return: 0, -EINVAL (unknown flags, too long, or everything denied by no range at all), -EFAULT,
 * -ENOMEM.
 */
long x86_set_msr_filter(struct keel_vm *core, void *data)
{
	struct x86_vm *vm = to_x86_vm(core);
	const struct kvm_msr_filter *user = data;
	struct x86_msr_filter *new, *old;
	unsigned int i;
	int r = 0;

	if (user->flags & ~KVM_MSR_FILTER_DEFAULT_DENY)
		return -EINVAL;
	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->allow = !(user->flags & KVM_MSR_FILTER_DEFAULT_DENY);
	for (i = 0; !r && i < ARRAY_SIZE(user->ranges); i++)
		if (user->ranges[i].nmsrs)
			r = take_range(new, &user->ranges[i]);
	if (!r && !new->nr && !new->allow)
		r = -EINVAL;
	if (r) {
		free_filter(new);
		return r;
	}
	if (!new->nr) {		/* nothing is denied: no filter */
		free_filter(new);
		new = NULL;
	}
	mutex_lock(&vm->core.lock);
	old = rcu_replace_pointer(vm->msr_filter, new, lockdep_is_held(&vm->core.lock));
	mutex_unlock(&vm->core.lock);
	synchronize_srcu(&vm->core.srcu);
	free_filter(old);
	keel_request_all(&vm->core, X86_REQ_INTERCEPTS, false);
	return 0;
}

void x86_msr_vm_destroy(struct x86_vm *vm)
{
	free_filter(rcu_dereference_protected(vm->msr_filter, true));
	RCU_INIT_POINTER(vm->msr_filter, NULL);
}
