// SPDX-License-Identifier: GPL-2.0-only
/* KVM_ARM_VM_SMCCC_FILTER: which calls are answered here, which in user space, which not at all. */
#include <linux/uaccess.h>
#include "arm.h"

#ifdef KVM_ARM_VM_SMCCC_CTRL
/**
 * arm_smccc_set_filter - say who answers a range of calls
 * @core: the VM; takes its lock
 * @from: struct kvm_smccc_filter of user space
 *
 * Return: 0, -EFAULT, -EINVAL, -EEXIST: some of the range is decided already (by an earlier call, or
 * because the architecture's own calls stay here), -EBUSY: a vCPU has run, -ENOMEM.
 */
int arm_smccc_set_filter(struct keel_vm *core, const void __user *from)
{
	struct arm_vm *vm = to_arm_vm(core);
	struct kvm_smccc_filter filter;
	u32 last;
	int r;

	if (copy_from_user(&filter, from, sizeof(filter)))
		return -EFAULT;
	if (memchr_inv(filter.pad, 0, sizeof(filter.pad)))
		return -EINVAL;
	last = filter.base + filter.nr_functions - 1;
	if (last < filter.base || filter.action >= NR_SMCCC_FILTER_ACTIONS)
		return -EINVAL;
	mutex_lock(&core->lock);
	if (test_bit(ARM_VM_RAN, &vm->flags))
		r = -EBUSY;
	else
		r = mtree_insert_range(&vm->smccc.filter, filter.base, last,
				       xa_mk_value(filter.action), GFP_KERNEL_ACCOUNT);
	if (!r)
		vm->smccc.filtered = true;
	mutex_unlock(&core->lock);
	return r;
}
#endif
