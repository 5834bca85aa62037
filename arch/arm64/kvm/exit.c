// SPDX-License-Identifier: GPL-2.0-only
/* Synchronous exits, by the exception class of ESR_EL2 (ARM ARM D17.2.37). */
#include "arm.h"
#include "trace.h"

/* ITSTATE in an AArch32 SPSR: bits 7 to 2 are 15 to 10, bits 1 and 0 are 26 and 25. */
#define SPSR_IT_HIGH	GENMASK(15, 10)
#define SPSR_IT_LOW	GENMASK(26, 25)

/* A program at EL0 may be AArch32. T32 has short instructions, and those in an IT block are counted. */
void arm_skip_insn32(struct arm_vcpu *v)
{
	u64 pstate = v->ctxt.pstate;
	unsigned int it = FIELD_GET(SPSR_IT_HIGH, pstate) << 2 | FIELD_GET(SPSR_IT_LOW, pstate);

	it = it & 7 ? (it & 0xe0) | (it << 1 & 0x1f) : 0;
	pstate &= ~(SPSR_IT_HIGH | SPSR_IT_LOW | DBG_SPSR_SS);
	v->ctxt.pstate = pstate | FIELD_PREP(SPSR_IT_HIGH, it >> 2) | FIELD_PREP(SPSR_IT_LOW, it & 3);
	v->ctxt.pc += v->exit.esr & ESR_ELx_IL ? 4 : 2;
}

static int undef(struct arm_vcpu *v)
{
	arm_inject_undef(v);
	return 1;
}

static int hvc(struct arm_vcpu *v)
{
	trace_kvm_hvc_arm64(v->ctxt.pc, v->ctxt.x[0], v->exit.esr & 0xffff);
	v->stat.hvc++;
	return arm_smccc_call(v, false);
}

static int smc(struct arm_vcpu *v)
{
	/* Unlike an HVC, it was not executed: the guest is still at it. */
	arm_skip_insn(v);
	v->stat.hvc++;
	return arm_smccc_call(v, true);
}

static int wfx(struct arm_vcpu *v)
{
	trace_kvm_wfx_arm64(v->ctxt.pc, v->exit.esr & 1);
	return arm_handle_wfx(v);
}

/* By class. What is not there comes from instructions that our guests do not have. */
static int (*const handlers[ESR_ELx_EC_MAX + 1])(struct arm_vcpu *v) = {
	[ESR_ELx_EC_WFx] = wfx,
	[ESR_ELx_EC_FP_ASIMD] = arm_exit_fp,
	[ESR_ELx_EC_HVC64] = hvc,
	[ESR_ELx_EC_SMC64] = smc,
	[ESR_ELx_EC_SYS64] = arm_exit_sysreg,
	[ESR_ELx_EC_IABT_LOW] = arm_exit_abort,
	[ESR_ELx_EC_DABT_LOW] = arm_exit_abort,
	[ESR_ELx_EC_BREAKPT_LOW] = arm_exit_debug,
	[ESR_ELx_EC_SOFTSTP_LOW] = arm_exit_debug,
	[ESR_ELx_EC_WATCHPT_LOW] = arm_exit_debug,
	[ESR_ELx_EC_BKPT32] = arm_exit_debug,
	[ESR_ELx_EC_BRK64] = arm_exit_debug,
};

int arm_exit_sync(struct arm_vcpu *v)
{
	int (*handler)(struct arm_vcpu *v) = handlers[ESR_ELx_EC(v->exit.esr)];

	return likely(handler) ? handler(v) : undef(v);
}
