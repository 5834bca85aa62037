// SPDX-License-Identifier: GPL-2.0-only
/* List registers: from the ready list into the CPU and back (IHI0069 chapter 6). */
#include <linux/bitops.h>
#include <linux/list_sort.h>
#include "irq.h"

/* What <asm/sysreg.h> of some kernels lacks. */
#define ICH_HCR_LRENPIE		BIT(2)		/* an EOI found no list register */

/* --- registers, whose numbers are part of the instruction --------------------------------- */

#define LR_CASES(DO)								\
	case 16: DO(15); fallthrough;						\
	case 15: DO(14); fallthrough;						\
	case 14: DO(13); fallthrough;						\
	case 13: DO(12); fallthrough;						\
	case 12: DO(11); fallthrough;						\
	case 11: DO(10); fallthrough;						\
	case 10: DO(9); fallthrough;						\
	case 9: DO(8); fallthrough;						\
	case 8: DO(7); fallthrough;						\
	case 7: DO(6); fallthrough;						\
	case 6: DO(5); fallthrough;						\
	case 5: DO(4); fallthrough;						\
	case 4: DO(3); fallthrough;						\
	case 3: DO(2); fallthrough;						\
	case 2: DO(1); fallthrough;						\
	case 1: DO(0)

#define WRITE_LR(n)	write_sysreg_s(lr[n], SYS_ICH_LR##n##_EL2)
/* An empty one asks for nothing: not for the attention that EOI in it stands for either. */
#define TAKE_LR(n)								\
do {										\
	lr[n] = read_sysreg_s(SYS_ICH_LR##n##_EL2);				\
	write_sysreg_s(0, SYS_ICH_LR##n##_EL2);					\
} while (0)

static void write_lrs(const u64 *lr, unsigned int n)
{
	switch (n) {
	LR_CASES(WRITE_LR);
	}
}

static void take_lrs(u64 *lr, unsigned int n)
{
	switch (n) {
	LR_CASES(TAKE_LR);
	}
}

#define EACH_APR(DO)								\
do {										\
	DO(0);									\
	if (likely(vgic_host.nr_aprs == 1))					\
		break;								\
	DO(1);									\
	if (vgic_host.nr_aprs == 2)						\
		break;								\
	DO(2);									\
	DO(3);									\
} while (0)

#define WRITE_APR(n)								\
do {										\
	write_sysreg_s(vgic->ap0r[n], SYS_ICH_AP0R##n##_EL2);			\
	write_sysreg_s(vgic->ap1r[n], SYS_ICH_AP1R##n##_EL2);			\
} while (0)

#define READ_APR(n)								\
do {										\
	vgic->ap0r[n] = read_sysreg_s(SYS_ICH_AP0R##n##_EL2);			\
	vgic->ap1r[n] = read_sysreg_s(SYS_ICH_AP1R##n##_EL2);			\
} while (0)

/* --- load and put ------------------------------------------------------------------------- */

/*
 * ICH_HCR_EL2 stays: nothing comes of it while the host runs, and the next vCPU writes its own.
 * ICC_SRE_EL1 is trapped as long as the CPU is enabled.
 */
void vgic_load(struct arm_vcpu *v)
{
	struct vgic_vcpu *vgic = &v->vgic;

	if (!vgic_host.nr_lrs)
		return;
	if (!arm_vm_of(v)->vgic.present) {
		write_sysreg_s(ICH_HCR_TC | ICH_HCR_TALL0 | ICH_HCR_TALL1, SYS_ICH_HCR_EL2);
		return;
	}
	write_sysreg_s(vgic->vmcr, SYS_ICH_VMCR_EL2);
	EACH_APR(WRITE_APR);
	vgic->hcr = ICH_HCR_EN;
	write_sysreg_s(ICH_HCR_EN, SYS_ICH_HCR_EL2);
}

void vgic_put(struct arm_vcpu *v)
{
	struct vgic_vcpu *vgic = &v->vgic;

	if (!vgic_host.nr_lrs || !arm_vm_of(v)->vgic.present)
		return;
	WRITE_ONCE(vgic->vmcr, read_sysreg_s(SYS_ICH_VMCR_EL2));
	EACH_APR(READ_APR);
}

u32 vgic_read_vmcr(struct arm_vcpu *v)
{
	u32 vmcr;

	preempt_disable();
	vmcr = vgic_loaded(v) ? read_sysreg_s(SYS_ICH_VMCR_EL2) : READ_ONCE(v->vgic.vmcr);
	preempt_enable();
	return vmcr;
}

/* --- in ----------------------------------------------------------------------------------- */

static int by_rank(void *priv, const struct list_head *a, const struct list_head *b)
{
	u32 vmcr = *(u32 *)priv;

	return (int)vgic_irq_rank(list_entry(a, struct vgic_irq, link), vmcr) -
	       (int)vgic_irq_rank(list_entry(b, struct vgic_irq, link), vmcr);
}

/*
 * More are ready than there are list registers. Underflow says when the next can go in; active
 * ones that stay out say so at their EOI, or by a write to ICC_DIR_EL1 where that is how guests end them.
 * One list register is kept from the active ones: what ends them may depend on another interrupt.
 */
static void overflow(struct vgic_vcpu *vgic, u32 *hcr, unsigned int *active)
{
	u32 vmcr = read_sysreg_s(SYS_ICH_VMCR_EL2);

	list_sort(&vmcr, &vgic->q.ready, by_rank);
	*active = vgic_host.nr_lrs - 1;
	*hcr |= ICH_HCR_LRENPIE;
	if (vmcr & ICH_VMCR_EOIM_MASK && vgic_host.vtr & ICH_VTR_TDS_MASK)
		*hcr |= ICH_HCR_TDIR;
}

void vgic_load_lrs(struct arm_vcpu *v)
{
	struct vgic_vcpu *vgic = &v->vgic;
	u32 groups = READ_ONCE(arm_vm_of(v)->vgic.ctlr), hcr = ICH_HCR_EN;
	unsigned int n = 0, active = vgic_host.nr_lrs;
	struct vgic_irq *irq;
	u64 lr[VGIC_MAX_LRS];

	raw_spin_lock(&vgic->q.lock);
	if (unlikely(vgic->q.nr > vgic_host.nr_lrs))
		overflow(vgic, &hcr, &active);
	list_for_each_entry(irq, &vgic->q.ready, link) {
		if (n == vgic_host.nr_lrs)
			break;
		if (irq->active && n >= active)
			continue;
		lr[n] = vgic_irq_load(irq, groups);
		if (lr[n])
			vgic->lr_irq[n++] = irq;
	}
	raw_spin_unlock(&vgic->q.lock);
	if (hcr != ICH_HCR_EN) {
		if (!n)
			hcr = ICH_HCR_EN;
		else if (n > 1)		/* with one it would exit for ever */
			hcr |= ICH_HCR_UIE;
	}
	vgic->used = n;
	write_lrs(lr, n);
	if (unlikely(hcr != ICH_HCR_EN)) {
		vgic->hcr = hcr;
		write_sysreg_s(hcr, SYS_ICH_HCR_EL2);
	}
}

/* --- back --------------------------------------------------------------------------------- */

/* EOIs that found no list register were those of the active ones outside, by priority. */
static struct vgic_irq *end_outside(struct vgic_vcpu *vgic)
{
	struct vgic_irq *irq, *first = NULL;

	list_for_each_entry(irq, &vgic->q.ready, link)
		if (irq->active && !irq->in_lr && (!first || irq->priority < first->priority))
			first = irq;
	if (first && !vgic_deactivate(first))
		first = NULL;
	return first;
}

static void fold_overflow(struct arm_vcpu *v)
{
	struct vgic_vcpu *vgic = &v->vgic;
	unsigned int eois = (u32)read_sysreg_s(SYS_ICH_HCR_EL2) >> ICH_HCR_EOIcount_SHIFT;
	struct vgic_irq *irq;

	vgic->hcr = ICH_HCR_EN;
	write_sysreg_s(ICH_HCR_EN, SYS_ICH_HCR_EL2);
	for (; eois; eois--) {
		raw_spin_lock(&vgic->q.lock);
		irq = end_outside(vgic);
		raw_spin_unlock(&vgic->q.lock);
		if (irq)
			vgic_ended(arm_vm_of(v), irq);
	}
}

void vgic_fold_lrs(struct arm_vcpu *v)
{
	struct vgic_vcpu *vgic = &v->vgic;
	unsigned long ended = 0, move = 0;
	unsigned int n = vgic->used, i;
	u64 lr[VGIC_MAX_LRS];
	struct vgic_irq *irq;

	take_lrs(lr, n);
	if (unlikely(vgic->hcr != ICH_HCR_EN))
		fold_overflow(v);
	raw_spin_lock(&vgic->q.lock);
	for (i = 0; i < n; i++) {
		irq = vgic->lr_irq[i];
		if (vgic_irq_unload(irq, lr[i]))
			ended |= BIT(i);
		if (irq->route != irq->home)
			move |= BIT(i);
		vgic_requeue(irq);
	}
	raw_spin_unlock(&vgic->q.lock);
	vgic->used = 0;
	for_each_set_bit(i, &move, n)
		vgic_irq_settle(vgic->lr_irq[i]);
	for_each_set_bit(i, &ended, n)
		vgic_ended(arm_vm_of(v), vgic->lr_irq[i]);
}

bool vgic_has_pending(struct arm_vcpu *v)
{
	struct vgic_vcpu *vgic = &v->vgic;
	u32 groups = READ_ONCE(arm_vm_of(v)->vgic.ctlr), vmcr;
	struct vgic_irq *irq;
	unsigned long flags;
	bool found = false;

	if (READ_ONCE(vgic->lines))
		return true;
	if (list_empty_careful(&vgic->q.ready))
		return false;
	vmcr = vgic_read_vmcr(v);
	raw_spin_lock_irqsave(&vgic->q.lock, flags);
	list_for_each_entry(irq, &vgic->q.ready, link) {
		found = vgic_irq_deliverable(irq, groups, vmcr);
		if (found)
			break;
	}
	raw_spin_unlock_irqrestore(&vgic->q.lock, flags);
	return found;
}
