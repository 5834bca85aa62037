// SPDX-License-Identifier: GPL-2.0-only
/* Register sets in kvm_run. */
#include <linux/slab.h>
#include <linux/string.h>
#include <keel/sync_regs.h>

u64 keel_sync_regs_mask(void)
{
	unsigned int i;
	u64 mask = 0;

	for (i = 0; i < keel_ops.nr_sync_regs; i++)
		mask |= keel_ops.sync_regs[i].bit;
	return mask;
}

int keel_sync_regs_take(struct keel_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	const struct keel_sync_reg *row = keel_ops.sync_regs;
	const struct keel_sync_reg *end = row + keel_ops.nr_sync_regs;
	u64 dirty = READ_ONCE(run->kvm_dirty_regs);
	void *copy;
	int r;

	if ((run->kvm_valid_regs | dirty) & ~keel_sync_regs_mask())
		return -EINVAL;
	for (; row < end; row++) {
		if (!(dirty & row->bit))
			continue;
		copy = kmemdup((void *)run + row->offset, row->size, GFP_KERNEL_ACCOUNT);
		if (!copy)
			return -ENOMEM;
		r = row->set(vcpu, copy);
		kfree(copy);
		if (r)
			return r;
	}
	run->kvm_dirty_regs = 0;
	return 0;
}

void keel_sync_regs_give(struct keel_vcpu *vcpu)
{
	u64 valid = READ_ONCE(vcpu->run->kvm_valid_regs);
	const struct keel_sync_reg *row;
	unsigned int i;

	for (i = 0; i < keel_ops.nr_sync_regs; i++) {
		row = &keel_ops.sync_regs[i];
		if (valid & row->bit)
			row->get(vcpu, (void *)vcpu->run + row->offset);
	}
}
