// SPDX-License-Identifier: GPL-2.0-only
/* Debug registers: the guest's own, and those of a debugger in user space (ARM ARM D2). */
#include <linux/kvm.h>
#include <asm/cpufeature.h>
#include <asm/cputype.h>
#include <asm/debug-monitors.h>
#include <asm/hw_breakpoint.h>
#include "arm.h"

#define MDSCR_SS	BIT(0)
#define MDSCR_KDE	BIT(13)
#define MDSCR_MDE	BIT(15)
#define OSLSR_OSLK	BIT(1)

/* All accesses to debug and profiling registers are trapped; their values are in memory. */
#define MDCR_BASE	(MDCR_EL2_TPM | MDCR_EL2_TPMCR | MDCR_EL2_TPMS | MDCR_EL2_TTRF |	\
			 MDCR_EL2_TDRA | MDCR_EL2_TDOSA | MDCR_EL2_TDA | MDCR_EL2_TDCC)

unsigned int arm_nr_brps(void)
{
	u64 dfr0 = read_sanitised_ftr_reg(SYS_ID_AA64DFR0_EL1);

	return 1 + cpuid_feature_extract_unsigned_field(dfr0, 12);
}

unsigned int arm_nr_wrps(void)
{
	u64 dfr0 = read_sanitised_ftr_reg(SYS_ID_AA64DFR0_EL1);

	return 1 + cpuid_feature_extract_unsigned_field(dfr0, 20);
}

/**
 * arm_debug_update - what the CPU needs while the guest runs
 * @v: the vCPU, by its own thread, after a change of MDSCR_EL1, the OS lock or guest debug
 */
void arm_debug_update(struct arm_vcpu *v)
{
	u64 mdscr = v->ctxt.sys[ARM_MDSCR_EL1] & ARM_MDSCR_ON;
	u32 user = v->core.guest_debug;

	if (v->ctxt.sys[ARM_OSLSR_EL1] & OSLSR_OSLK)
		mdscr = 0;		/* D2.5: no debug exceptions but from BRK */
	v->mdcr = MDCR_BASE;
	if (user) {
		v->mdcr |= MDCR_EL2_TDE;	/* all debug exceptions come to us */
		mdscr &= ~(u64)MDSCR_SS;
		if (user & KVM_GUESTDBG_SINGLESTEP)
			mdscr |= MDSCR_SS;
		if (user & KVM_GUESTDBG_USE_HW)
			mdscr |= MDSCR_MDE | MDSCR_KDE;
	}
	v->mdscr = mdscr;
	if (mdscr)
		v->core.lazy_wanted |= BIT(ARM_LAZY_DEBUG);
	else
		v->core.lazy_wanted &= ~BIT(ARM_LAZY_DEBUG);
}

/* --- in the CPU -------------------------------------------------------------------------------------- */

#define EACH_DBG(x)	x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15)

static void regs_load(const struct arm_debug *d, unsigned int brps, unsigned int wrps)
{
	/* Those that the CPU does not have must not be named. */
#define LOAD_BRP(n)								\
	if (n < brps) {								\
		write_sysreg(d->bvr[n], dbgbvr##n##_el1);			\
		write_sysreg(d->bcr[n], dbgbcr##n##_el1);			\
	}
#define LOAD_WRP(n)								\
	if (n < wrps) {								\
		write_sysreg(d->wvr[n], dbgwvr##n##_el1);			\
		write_sysreg(d->wcr[n], dbgwcr##n##_el1);			\
	}
	EACH_DBG(LOAD_BRP)
	EACH_DBG(LOAD_WRP)
}

static void regs_save(struct arm_debug *d, unsigned int brps, unsigned int wrps)
{
#define SAVE_BRP(n)								\
	if (n < brps) {								\
		d->bvr[n] = read_sysreg(dbgbvr##n##_el1);			\
		d->bcr[n] = read_sysreg(dbgbcr##n##_el1);			\
	}
#define SAVE_WRP(n)								\
	if (n < wrps) {								\
		d->wvr[n] = read_sysreg(dbgwvr##n##_el1);			\
		d->wcr[n] = read_sysreg(dbgwcr##n##_el1);			\
	}
	EACH_DBG(SAVE_BRP)
	EACH_DBG(SAVE_WRP)
}

struct host_debug {
	struct arm_debug regs;
	u64 mdscr;
};
static DEFINE_PER_CPU(struct host_debug, host_debug);

/* Lazy component ARM_LAZY_DEBUG: while debug exceptions can come from the guest's registers. */
void arm_debug_load(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);
	struct host_debug *host = this_cpu_ptr(&host_debug);

	host->mdscr = read_sysreg(mdscr_el1);
	write_sysreg(0, mdscr_el1);
	isb();
	if (v->mdscr & MDSCR_MDE) {
		regs_save(&host->regs, arm_nr_brps(), arm_nr_wrps());
		regs_load(vcpu->guest_debug & KVM_GUESTDBG_USE_HW ? &v->user_debug : &v->debug,
			  arm_nr_brps(), arm_nr_wrps());
	}
	write_sysreg(v->mdscr, mdscr_el1);
	isb();
}

void arm_debug_save(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);
	struct host_debug *host = this_cpu_ptr(&host_debug);

	write_sysreg(0, mdscr_el1);
	isb();
	if (v->mdscr & MDSCR_MDE)
		regs_load(&host->regs, arm_nr_brps(), arm_nr_wrps());
	write_sysreg(host->mdscr, mdscr_el1);
	isb();
}

/* --- a debugger in user space ------------------------------------------------------------------------ */

int arm_guest_debug(struct keel_vcpu *vcpu, const struct kvm_guest_debug *dbg, u32 old)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);
	unsigned int i;

	if (vcpu->guest_debug & KVM_GUESTDBG_USE_HW) {
		for (i = 0; i < ARM_MAX_DBG; i++) {
			v->user_debug.bvr[i] = dbg->arch.dbg_bvr[i];
			v->user_debug.bcr[i] = (u32)dbg->arch.dbg_bcr[i];
			v->user_debug.wvr[i] = dbg->arch.dbg_wvr[i];
			v->user_debug.wcr[i] = (u32)dbg->arch.dbg_wcr[i];
		}
	}
	/* MDCR_EL2 goes into the CPU when the vCPU is loaded the next time, before KVM_RUN. */
	arm_debug_update(v);
	return 0;
}

/* KVM_RUN begins: one instruction, if so wanted. */
void arm_debug_run_begin(struct arm_vcpu *v)
{
	if (v->core.guest_debug & KVM_GUESTDBG_SINGLESTEP)
		v->ctxt.pstate |= DBG_SPSR_SS;
}

void arm_debug_run_end(struct arm_vcpu *v)
{
	if (v->core.guest_debug & KVM_GUESTDBG_SINGLESTEP)
		v->ctxt.pstate &= ~DBG_SPSR_SS;
}

/* A debug exception of the guest: it comes to EL2 only when user space debugs. */
int arm_exit_debug(struct arm_vcpu *v)
{
	struct kvm_run *run = v->core.run;

	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.hsr = lower_32_bits(v->exit.esr);
	run->debug.arch.hsr_high = upper_32_bits(v->exit.esr);
#ifdef KVM_DEBUG_ARCH_HSR_HIGH_VALID
	run->flags = KVM_DEBUG_ARCH_HSR_HIGH_VALID;
#endif
	if (ESR_ELx_EC(v->exit.esr) == ESR_ELx_EC_WATCHPT_LOW)
		run->debug.arch.far = v->exit.far;
	else
		run->debug.arch.far = 0;
	return 0;
}
