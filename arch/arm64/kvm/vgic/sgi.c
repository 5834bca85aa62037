// SPDX-License-Identifier: GPL-2.0-only
/* Software-generated interrupts: ICC_SGI1R_EL1 and its like (IHI0069 12.2.15 to 12.2.17). */
#include <linux/bitfield.h>
#include "irq.h"

#define SGI_TARGETS	GENMASK_ULL(15, 0)
#define SGI_AFF1	GENMASK_ULL(23, 16)
#define SGI_INTID	GENMASK_ULL(27, 24)
#define SGI_AFF2	GENMASK_ULL(39, 32)
#define SGI_IRM		BIT_ULL(40)		/* all but oneself */
#define SGI_RS		GENMASK_ULL(47, 44)
#define SGI_AFF3	GENMASK_ULL(55, 48)

static void send(struct arm_vcpu *to, unsigned int intid, bool group1)
{
	struct vgic_irq *irq = &to->vgic.irq[intid];
	struct vgic_queue *q;
	unsigned long flags;

	q = vgic_lock(irq, &flags);
	if (irq->group1 == group1)
		irq->latch = true;
	vgic_unlock(irq, q, flags, irq->group1 == group1);
}

void vgic_send_sgi(struct arm_vcpu *v, u64 val, bool group1)
{
	unsigned long targets = FIELD_GET(SGI_TARGETS, val), i;
	unsigned int intid = FIELD_GET(SGI_INTID, val);
	struct arm_vm *vm = arm_vm_of(v);
	struct keel_vcpu *vcpu;
	struct arm_vcpu *to;
	u64 base;

	if (val & SGI_IRM) {
		keel_for_each_vcpu(i, vcpu, &vm->core)
			if (vcpu != &v->core)
				send(to_arm_vcpu(vcpu), intid, group1);
		return;
	}
	base = FIELD_GET(SGI_AFF3, val) << 32 | FIELD_GET(SGI_AFF2, val) << 16 |
	       FIELD_GET(SGI_AFF1, val) << 8 | FIELD_GET(SGI_RS, val) << 4;
	for_each_set_bit(i, &targets, 16) {
		to = arm_vcpu_by_mpidr(vm, base | i);
		if (to)
			send(to, intid, group1);
	}
}
