// SPDX-License-Identifier: GPL-2.0-only
/* ICC registers: those that are trapped, and user space's view of all (IHI0069 12.2). */
#include <linux/bitfield.h>
#include <keel/regs.h>
#include "irq.h"

#define SRE_VALUE	(ICC_SRE_EL1_SRE | ICC_SRE_EL1_DFB | ICC_SRE_EL1_DIB)

/* --- traps -------------------------------------------------------------------------------- */

/* ICC_DIR_EL1, trapped while an active interrupt found no list register. All are in memory now. */
static void deactivate(struct arm_vcpu *v, u32 intid)
{
	struct vgic_irq *irq = vgic_find(arm_vm_of(v), v, intid);
	struct vgic_queue *q;
	unsigned long flags;
	bool ended;

	if (!irq)
		return;
	q = vgic_lock(irq, &flags);
	ended = q->vcpu == v && vgic_deactivate(irq);
	vgic_unlock(irq, q, flags, false);
	vgic_irq_settle(irq);
	if (ended)
		vgic_ended(arm_vm_of(v), irq);
}

int vgic_sysreg(struct arm_vcpu *v, u32 reg, bool write, u64 *val)
{
	if (!vgic_present(arm_vm_of(v)))
		return -ENOENT;
	switch (reg) {
	case SYS_ICC_SGI1R_EL1:
		if (!write)
			return -ENOENT;
		vgic_send_sgi(v, *val, true);
		return 0;
	case SYS_ICC_SGI0R_EL1:
	case SYS_ICC_ASGI1R_EL1:	/* the other group: there is one security state only */
		if (!write)
			return -ENOENT;
		vgic_send_sgi(v, *val, false);
		return 0;
	case SYS_ICC_SRE_EL1:
		if (!write)
			*val = SRE_VALUE;
		return 0;
	case SYS_ICC_DIR_EL1:
		if (!write)
			return -ENOENT;
		deactivate(v, *val & GENMASK(23, 0));
		return 0;
	default:
		return -ENOENT;
	}
}

/* --- user space: rows of fields of ICH_VMCR_EL2 ------------------------------------------- */

/* KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS numbers registers as instructions do, without the lowest 5 bits. */
#define ID(reg)		((reg) >> 5)
#define VMCR_ROW(reg, field)							\
	{ .id = ID(reg), .mask = field, .get = get_vmcr, .set = set_vmcr }

static struct vgic_vcpu *vgic_of(struct keel_vcpu *vcpu)
{
	return &to_arm_vcpu(vcpu)->vgic;
}

static int get_vmcr(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	a->val = (vgic_of(vcpu)->vmcr & reg->mask) >> __ffs(reg->mask);
	return 0;
}

static int set_vmcr(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	u32 *vmcr = &vgic_of(vcpu)->vmcr;

	*vmcr = (*vmcr & ~reg->mask) | (a->val << __ffs(reg->mask) & reg->mask);
	return 0;
}

/* With ICC_CTLR_EL1.CBPR both groups have group 0's binary point (IHI0069 4.8.2). */
static int get_bpr1(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	u32 vmcr = vgic_of(vcpu)->vmcr;

	if (!(vmcr & ICH_VMCR_CBPR_MASK))
		return get_vmcr(vcpu, reg, a);
	a->val = min_t(u32, ((vmcr & ICH_VMCR_BPR0_MASK) >> ICH_VMCR_BPR0_SHIFT) + 1, 7);
	return 0;
}

static int set_bpr1(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	return vgic_of(vcpu)->vmcr & ICH_VMCR_CBPR_MASK ? 0 : set_vmcr(vcpu, reg, a);
}

static u64 *apr_of(struct keel_vcpu *vcpu, const struct keel_reg *reg, u64 id)
{
	struct vgic_vcpu *vgic = vgic_of(vcpu);

	if (id - reg->id >= vgic_host.nr_aprs)
		return NULL;
	return reg->id == ID(SYS_ICC_AP0R0_EL1) ? &vgic->ap0r[id - reg->id] :
						  &vgic->ap1r[id - reg->id];
}

static int get_apr(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	const u64 *apr = apr_of(vcpu, reg, a->id);

	a->val = apr ? *apr : 0;
	return apr ? 0 : -EINVAL;
}

static int set_apr(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	u64 *apr = apr_of(vcpu, reg, a->id);

	if (!apr || a->val != (u32)a->val)
		return -EINVAL;
	*apr = a->val;
	return 0;
}

/* What the host's GIC has, a guest cannot be without. */
static u64 host_ctlr(void)
{
	u64 vtr = vgic_host.vtr;

	return FIELD_PREP(ICC_CTLR_EL1_PRI_BITS_MASK, (vtr & ICH_VTR_PRI_BITS_MASK) >> ICH_VTR_PRI_BITS_SHIFT) |
	       FIELD_PREP(ICC_CTLR_EL1_ID_BITS_MASK, (vtr & ICH_VTR_ID_BITS_MASK) >> ICH_VTR_ID_BITS_SHIFT) |
	       (vtr & ICH_VTR_SEIS_MASK ? ICC_CTLR_EL1_SEIS_MASK : 0) |
	       (vtr & ICH_VTR_A3V_MASK ? ICC_CTLR_EL1_A3V_MASK : 0);
}

static int get_ctlr(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	u32 vmcr = vgic_of(vcpu)->vmcr;

	a->val = host_ctlr() | (vmcr & ICH_VMCR_CBPR_MASK ? ICC_CTLR_EL1_CBPR_MASK : 0) |
		 (vmcr & ICH_VMCR_EOIM_MASK ? ICC_CTLR_EL1_EOImode_MASK : 0);
	return 0;
}

static int set_ctlr(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	u32 *vmcr = &vgic_of(vcpu)->vmcr;

	if ((a->val ^ host_ctlr()) & (ICC_CTLR_EL1_PRI_BITS_MASK | ICC_CTLR_EL1_ID_BITS_MASK |
				      ICC_CTLR_EL1_SEIS_MASK | ICC_CTLR_EL1_A3V_MASK))
		return -EINVAL;
	*vmcr &= ~(ICH_VMCR_CBPR_MASK | ICH_VMCR_EOIM_MASK);
	if (a->val & ICC_CTLR_EL1_CBPR_MASK)
		*vmcr |= ICH_VMCR_CBPR_MASK;
	if (a->val & ICC_CTLR_EL1_EOImode_MASK)
		*vmcr |= ICH_VMCR_EOIM_MASK;
	return 0;
}

static int get_sre(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	a->val = SRE_VALUE;
	return 0;
}

static const struct keel_reg rows[] = {
	VMCR_ROW(SYS_ICC_PMR_EL1, ICH_VMCR_PMR_MASK),
	VMCR_ROW(SYS_ICC_BPR0_EL1, ICH_VMCR_BPR0_MASK),
	{ .id = ID(SYS_ICC_AP0R0_EL1), .nr = 4, .get = get_apr, .set = set_apr },
	{ .id = ID(SYS_ICC_AP1R0_EL1), .nr = 4, .get = get_apr, .set = set_apr },
	{ .id = ID(SYS_ICC_BPR1_EL1), .mask = ICH_VMCR_BPR1_MASK, .get = get_bpr1, .set = set_bpr1 },
	{ .id = ID(SYS_ICC_CTLR_EL1), .get = get_ctlr, .set = set_ctlr },
	{ .id = ID(SYS_ICC_SRE_EL1), .get = get_sre },
	VMCR_ROW(SYS_ICC_IGRPEN0_EL1, ICH_VMCR_ENG0_MASK),
	VMCR_ROW(SYS_ICC_IGRPEN1_EL1, ICH_VMCR_ENG1_MASK),
};

static const struct keel_reg_table table = { rows, ARRAY_SIZE(rows) };

int vgic_check_tables(void)
{
	return keel_regs_check(&table);
}

bool vgic_has_user_sysreg(u64 instr)
{
	return keel_reg_find(&table, instr);
}

int vgic_user_sysreg(struct arm_vcpu *v, u64 instr, bool write, u64 *val)
{
	struct keel_reg_access a = { .id = instr, .actor = KEEL_REG_HOST };
	int r;

	if (write) {
		a.val = *val;
		r = keel_reg_set(&v->core, &table, &a);
	} else {
		r = keel_reg_get(&v->core, &table, &a);
		*val = a.val;
	}
	return r == -ENOENT ? -ENXIO : r;
}
