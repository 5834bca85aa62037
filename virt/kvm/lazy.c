// SPDX-License-Identifier: GPL-2.0-only
/* Lazy state: load guest register sets on first need, put the host's back as late as allowed. */
#include <linux/bitops.h>
#include <keel/vcpu.h>

u32 keel_lazy_mask[KEEL_LAZY_USER + 1];

void keel_lazy_setup(void)
{
	unsigned int i;

	memset(keel_lazy_mask, 0, sizeof(keel_lazy_mask));
	for (i = 0; i < keel_ops.nr_lazy; i++)
		keel_lazy_mask[keel_ops.lazy[i].until] |= BIT(i);
}

void keel_lazy_load(struct keel_vcpu *vcpu, u32 mask)
{
	vcpu->lazy_loaded |= mask;
	for (; mask; mask &= mask - 1)
		keel_ops.lazy[__ffs(mask)].load(vcpu);
}

void keel_lazy_save(struct keel_vcpu *vcpu, u32 mask)
{
	mask &= vcpu->lazy_loaded;
	vcpu->lazy_loaded &= ~mask;
	for (; mask; mask &= mask - 1)
		keel_ops.lazy[__ffs(mask)].save(vcpu);
}

void keel_lazy_put(struct keel_vcpu *vcpu, enum keel_lazy_point point)
{
	u32 mask = keel_lazy_mask[KEEL_LAZY_EXIT] | keel_lazy_mask[KEEL_LAZY_SCHED];

	if (point == KEEL_LAZY_RUN)
		mask |= keel_lazy_mask[KEEL_LAZY_RUN];
	if (vcpu->lazy_loaded & mask)
		keel_lazy_save(vcpu, mask);
	/* What lasts until user code runs may be replaced by another vCPU before we are back. */
	vcpu->lazy_loaded &= ~keel_lazy_mask[KEEL_LAZY_USER];
}
