// SPDX-License-Identifier: GPL-2.0-only
/* The rows: what a guest's system registers do when it or user space accesses them. */
#include <linux/stddef.h>
#include <asm/cpufeature.h>
#include "arm.h"
#include "sysreg.h"

#define ARGS struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a

static enum arm_sys sys_of(const struct keel_reg *reg)
{
	return (reg->offset - offsetof(struct arm_vcpu, ctxt.sys)) / sizeof(u64);
}

/* --- who sees a row ----------------------------------------------------------------------------- */

static bool guest_only(const struct keel_vcpu *vcpu, const struct keel_reg *reg,
		       enum keel_reg_actor actor)
{
	return actor == KEEL_REG_GUEST;
}

static bool with_ptrauth(const struct keel_vcpu *vcpu, const struct keel_reg *reg,
			 enum keel_reg_actor actor)
{
	const struct arm_vcpu *v = container_of(vcpu, struct arm_vcpu, core);

	return arm_has_feature(v, KVM_ARM_VCPU_PTRAUTH_ADDRESS);
}

/* User space has all sixteen, always. */
static bool is_brp(const struct keel_vcpu *vcpu, const struct keel_reg *reg,
		   enum keel_reg_actor actor)
{
	return actor == KEEL_REG_HOST || (reg->id >> 3 & 15) < arm_nr_brps();
}

static bool is_wrp(const struct keel_vcpu *vcpu, const struct keel_reg *reg,
		   enum keel_reg_actor actor)
{
	return actor == KEEL_REG_HOST || (reg->id >> 3 & 15) < arm_nr_wrps();
}

/* --- registers that the CPU has ------------------------------------------------------------------- */

static int get_sys(ARGS)
{
	a->val = arm_read_sys(to_arm_vcpu(vcpu), sys_of(reg));
	return 0;
}

static int set_sys(ARGS)
{
	arm_write_sys(to_arm_vcpu(vcpu), sys_of(reg), a->val);
	return 0;
}

/* Those that HCR_EL2.TVM traps. */
static int set_vm(ARGS)
{
	if (a->actor == KEEL_REG_GUEST)
		arm_vm_reg_write(to_arm_vcpu(vcpu), sys_of(reg), a->val);
	else
		arm_write_sys(to_arm_vcpu(vcpu), sys_of(reg), a->val);
	return 0;
}

/* --- identification ----------------------------------------------------------------------------------- */

static int get_host_id(ARGS)
{
	switch (ARM_REG_SYS(a->id)) {
	case SYS_MIDR_EL1:
		a->val = read_sysreg(midr_el1);
		break;
	case SYS_REVIDR_EL1:
		a->val = read_sysreg(revidr_el1);
		break;
	default:
		a->val = read_sysreg(aidr_el1);
	}
	return 0;
}

static int get_idreg(ARGS)
{
	a->val = arm_idreg_get(to_arm_vcpu(vcpu), a->id - reg->id);
	return 0;
}

static int set_idreg(ARGS)
{
	return arm_idreg_set(to_arm_vcpu(vcpu), a->id - reg->id, a->val);
}

static int get_clidr(ARGS)
{
	a->val = arm_vm_of(to_arm_vcpu(vcpu))->clidr;
	return 0;
}

static int get_ctr(ARGS)
{
	a->val = arm_vm_of(to_arm_vcpu(vcpu))->ctr;
	return 0;
}

static int set_ctr(ARGS)
{
	return arm_ctr_set(to_arm_vcpu(vcpu), a->val);
}

static int get_ccsidr(ARGS)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	a->val = arm_ccsidr(v, v->ctxt.sys[ARM_CSSELR_EL1]);
	return 0;
}

/* --- caches --------------------------------------------------------------------------------------------- */

static int set_way(ARGS)
{
	arm_set_way(to_arm_vcpu(vcpu));
	return 0;
}

/* --- debug ---------------------------------------------------------------------------------------------- */

#define OSLSR_OSLK	BIT(1)
#define OSLSR_OSLM	BIT(3)

static int set_mdscr(ARGS)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	v->ctxt.sys[ARM_MDSCR_EL1] = a->val;
	arm_debug_update(v);
	return 0;
}

static void set_oslk(struct arm_vcpu *v, bool locked)
{
	v->ctxt.sys[ARM_OSLSR_EL1] = OSLSR_OSLM | (locked ? OSLSR_OSLK : 0);
	arm_debug_update(v);
}

static int set_oslar(ARGS)
{
	set_oslk(to_arm_vcpu(vcpu), a->val & 1);
	return 0;
}

static int set_oslsr(ARGS)
{
	if ((a->val & ~OSLSR_OSLK) != OSLSR_OSLM)
		return -EINVAL;
	set_oslk(to_arm_vcpu(vcpu), a->val & OSLSR_OSLK);
	return 0;
}

/* --- timers and interrupts: of timer.c and vgic/ ------------------------------------------------------- */

static int get_icc(ARGS)
{
	return vgic_sysreg(to_arm_vcpu(vcpu), ARM_REG_SYS(a->id), false, &a->val);
}

static int set_icc(ARGS)
{
	return vgic_sysreg(to_arm_vcpu(vcpu), ARM_REG_SYS(a->id), true, &a->val);
}

static bool timer_of(u64 id, enum arm_timer_nr *nr, enum arm_timer_reg *reg)
{
	*nr = ARM_TIMER_PHYS;
	switch (ARM_REG_SYS(id)) {
	case sys_reg(3, 3, 14, 0, 1):	/* CNTPCT_EL0 */
	case sys_reg(3, 3, 14, 0, 5):	/* CNTPCTSS_EL0 */
		*reg = ARM_TIMER_CNT;
		return true;
	case sys_reg(3, 3, 14, 2, 0):	/* CNTP_TVAL_EL0 */
		*reg = ARM_TIMER_TVAL;
		return true;
	case sys_reg(3, 3, 14, 2, 1):	/* CNTP_CTL_EL0 */
		*reg = ARM_TIMER_CTL;
		return true;
	case sys_reg(3, 3, 14, 2, 2):	/* CNTP_CVAL_EL0 */
		*reg = ARM_TIMER_CVAL;
		return true;
	}
	return false;
}

static int get_timer(ARGS)
{
	enum arm_timer_nr nr;
	enum arm_timer_reg what;

	if (!timer_of(a->id, &nr, &what))
		return -ENOENT;
	a->val = arm_timer_read(to_arm_vcpu(vcpu), nr, what);
	return 0;
}

static int set_timer(ARGS)
{
	enum arm_timer_nr nr;
	enum arm_timer_reg what;

	if (!timer_of(a->id, &nr, &what) || what == ARM_TIMER_CNT)
		return -ENOENT;
	arm_timer_write(to_arm_vcpu(vcpu), nr, what, a->val);
	return 0;
}

/* --- rows ------------------------------------------------------------------------------------------------ */

#define ID(op0, op1, crn, crm, op2)	.id = ARM_REG_ID(sys_reg(op0, op1, crn, crm, op2))
#define CTXT(reg_)	.offset = offsetof(struct arm_vcpu, ctxt.sys[reg_])
/* In the CPU while the vCPU is loaded. */
#define CPU(reg_)	CTXT(reg_), .get = get_sys, .set = set_sys, .flags = KEEL_REG_LIST
#define VM(reg_)	CTXT(reg_), .get = get_sys, .set = set_vm, .flags = KEEL_REG_LIST
/* In memory only. */
#define MEM(reg_)	CTXT(reg_), .flags = KEEL_REG_LIST
#define KEY(reg_)	CTXT(reg_), .flags = KEEL_REG_LIST, .visible = with_ptrauth
#define GUEST_RAZ_WI	.flags = KEEL_REG_RAZ | KEEL_REG_WI, .visible = guest_only
#define DBG(n)												\
	{ ID(2, 0, 0, n, 4), .offset = offsetof(struct arm_vcpu, debug.bvr[n]), .flags = KEEL_REG_LIST,	\
	  .visible = is_brp },										\
	{ ID(2, 0, 0, n, 5), .offset = offsetof(struct arm_vcpu, debug.bcr[n]), .flags = KEEL_REG_LIST,	\
	  .visible = is_brp },										\
	{ ID(2, 0, 0, n, 6), .offset = offsetof(struct arm_vcpu, debug.wvr[n]), .flags = KEEL_REG_LIST,	\
	  .visible = is_wrp },										\
	{ ID(2, 0, 0, n, 7), .offset = offsetof(struct arm_vcpu, debug.wcr[n]), .flags = KEEL_REG_LIST,	\
	  .visible = is_wrp }

static const struct keel_reg rows[] = {
	/* Cache maintenance by set and way: DC ISW, CSW, CISW. */
	{ ID(1, 0, 7, 6, 2), .set = set_way, .visible = guest_only },
	{ ID(1, 0, 7, 10, 2), .set = set_way, .visible = guest_only },
	{ ID(1, 0, 7, 14, 2), .set = set_way, .visible = guest_only },

	{ ID(2, 0, 0, 0, 2), GUEST_RAZ_WI },				/* OSDTRRX_EL1 */
	DBG(0),
	DBG(1),
	{ ID(2, 0, 0, 2, 0), MEM(ARM_MDCCINT_EL1) },
	{ ID(2, 0, 0, 2, 2), CTXT(ARM_MDSCR_EL1), .set = set_mdscr, .flags = KEEL_REG_LIST },
	DBG(2),
	{ ID(2, 0, 0, 3, 2), GUEST_RAZ_WI },				/* OSDTRTX_EL1 */
	DBG(3),
	DBG(4),
	DBG(5),
	{ ID(2, 0, 0, 6, 2), GUEST_RAZ_WI },				/* OSECCR_EL1 */
	DBG(6),
	DBG(7),
	DBG(8),
	DBG(9),
	DBG(10),
	DBG(11),
	DBG(12),
	DBG(13),
	DBG(14),
	DBG(15),
	{ ID(2, 0, 1, 0, 0), GUEST_RAZ_WI },				/* MDRAR_EL1 */
	{ ID(2, 0, 1, 0, 4), .set = set_oslar, .visible = guest_only },	/* OSLAR_EL1 */
	{ ID(2, 0, 1, 1, 4), CTXT(ARM_OSLSR_EL1), .set = set_oslsr, .flags = KEEL_REG_LIST | KEEL_REG_RO },
	{ ID(2, 0, 1, 3, 4), GUEST_RAZ_WI },				/* OSDLR_EL1 */
	{ ID(2, 0, 1, 4, 4), GUEST_RAZ_WI },				/* DBGPRCR_EL1 */
	{ ID(2, 0, 7, 8, 6), GUEST_RAZ_WI },				/* DBGCLAIMSET_EL1 */
	{ ID(2, 0, 7, 9, 6), GUEST_RAZ_WI },				/* DBGCLAIMCLR_EL1 */
	{ ID(2, 0, 7, 14, 6), GUEST_RAZ_WI },				/* DBGAUTHSTATUS_EL1 */
	{ ID(2, 3, 0, 1, 0), GUEST_RAZ_WI },				/* MDCCSR_EL0 */
	{ ID(2, 3, 0, 4, 0), GUEST_RAZ_WI },				/* DBGDTR_EL0 */
	{ ID(2, 3, 0, 5, 0), GUEST_RAZ_WI },				/* DBGDTRTX_EL0 */
	{ ID(2, 4, 0, 7, 0), MEM(ARM_DBGVCR32_EL2) },

	{ ID(3, 0, 0, 0, 0), .get = get_host_id, .flags = KEEL_REG_LIST | KEEL_REG_RO },	/* MIDR_EL1 */
	{ ID(3, 0, 0, 0, 5), MEM(ARM_MPIDR_EL1) },
	{ ID(3, 0, 0, 0, 6), .get = get_host_id, .flags = KEEL_REG_LIST | KEEL_REG_RO },	/* REVIDR_EL1 */
	{ ID(3, 0, 0, 1, 0), .nr = ARM_NR_IDREGS, .get = get_idreg, .set = set_idreg,
	  .flags = KEEL_REG_LIST | KEEL_REG_RO },
	{ ID(3, 0, 1, 0, 0), VM(ARM_SCTLR_EL1) },
	{ ID(3, 0, 1, 0, 1), CTXT(ARM_ACTLR_EL1), .flags = KEEL_REG_LIST | KEEL_REG_WI },
	{ ID(3, 0, 1, 0, 2), CPU(ARM_CPACR_EL1) },
	{ ID(3, 0, 2, 0, 0), VM(ARM_TTBR0_EL1) },
	{ ID(3, 0, 2, 0, 1), VM(ARM_TTBR1_EL1) },
	{ ID(3, 0, 2, 0, 2), VM(ARM_TCR_EL1) },
	{ ID(3, 0, 2, 1, 0), KEY(ARM_APIAKEYLO_EL1) },
	{ ID(3, 0, 2, 1, 1), KEY(ARM_APIAKEYHI_EL1) },
	{ ID(3, 0, 2, 1, 2), KEY(ARM_APIBKEYLO_EL1) },
	{ ID(3, 0, 2, 1, 3), KEY(ARM_APIBKEYHI_EL1) },
	{ ID(3, 0, 2, 2, 0), KEY(ARM_APDAKEYLO_EL1) },
	{ ID(3, 0, 2, 2, 1), KEY(ARM_APDAKEYHI_EL1) },
	{ ID(3, 0, 2, 2, 2), KEY(ARM_APDBKEYLO_EL1) },
	{ ID(3, 0, 2, 2, 3), KEY(ARM_APDBKEYHI_EL1) },
	{ ID(3, 0, 2, 3, 0), KEY(ARM_APGAKEYLO_EL1) },
	{ ID(3, 0, 2, 3, 1), KEY(ARM_APGAKEYHI_EL1) },
	{ ID(3, 0, 4, 6, 0), .get = get_icc, .set = set_icc, .visible = guest_only },	/* ICC_PMR_EL1 */
	{ ID(3, 0, 5, 1, 0), VM(ARM_AFSR0_EL1) },
	{ ID(3, 0, 5, 1, 1), VM(ARM_AFSR1_EL1) },
	{ ID(3, 0, 5, 2, 0), VM(ARM_ESR_EL1) },
	/* Error records: ERRIDR_EL1 says that there are none. */
	{ ID(3, 0, 5, 3, 0), .nr = 24, GUEST_RAZ_WI },
	{ ID(3, 0, 6, 0, 0), VM(ARM_FAR_EL1) },
	{ ID(3, 0, 7, 4, 0), CPU(ARM_PAR_EL1) },
	{ ID(3, 0, 10, 2, 0), VM(ARM_MAIR_EL1) },
	{ ID(3, 0, 10, 3, 0), VM(ARM_AMAIR_EL1) },
	{ ID(3, 0, 12, 0, 0), CPU(ARM_VBAR_EL1) },
	{ ID(3, 0, 12, 1, 1), MEM(ARM_DISR_EL1) },
	/* ICC_IAR0_EL1 to ICC_IGRPEN1_EL1. */
	{ ID(3, 0, 12, 8, 0), .nr = 40, .get = get_icc, .set = set_icc, .visible = guest_only },
	{ ID(3, 0, 13, 0, 1), VM(ARM_CONTEXTIDR_EL1) },
	{ ID(3, 0, 13, 0, 4), CPU(ARM_TPIDR_EL1) },
	{ ID(3, 0, 14, 1, 0), CPU(ARM_CNTKCTL_EL1) },
	{ ID(3, 1, 0, 0, 0), .get = get_ccsidr, .flags = KEEL_REG_RO, .visible = guest_only },
	{ ID(3, 1, 0, 0, 1), .get = get_clidr, .flags = KEEL_REG_LIST | KEEL_REG_RO },
	{ ID(3, 1, 0, 0, 7), .get = get_host_id, .flags = KEEL_REG_LIST | KEEL_REG_RO },	/* AIDR_EL1 */
	{ ID(3, 2, 0, 0, 0), MEM(ARM_CSSELR_EL1) },
	{ ID(3, 3, 0, 0, 1), .get = get_ctr, .set = set_ctr, .flags = KEEL_REG_LIST | KEEL_REG_RO },
	{ ID(3, 3, 13, 0, 2), CPU(ARM_TPIDR_EL0) },
	{ ID(3, 3, 13, 0, 3), CPU(ARM_TPIDRRO_EL0) },
	/* Timers: what the guest has not directly. User space has rows of timer.c. */
	{ ID(3, 3, 14, 0, 1), .get = get_timer, .flags = KEEL_REG_RO, .visible = guest_only },
	{ ID(3, 3, 14, 0, 5), .get = get_timer, .flags = KEEL_REG_RO, .visible = guest_only },
	{ ID(3, 3, 14, 2, 0), .nr = 3, .get = get_timer, .set = set_timer, .visible = guest_only },
	{ ID(3, 4, 3, 0, 0), MEM(ARM_DACR32_EL2) },
	{ ID(3, 4, 5, 0, 1), MEM(ARM_IFSR32_EL2) },
	{ ID(3, 4, 5, 3, 0), MEM(ARM_FPEXC32_EL2) },
};

const struct keel_reg_table arm_sysregs = { rows, ARRAY_SIZE(rows) };
