// SPDX-License-Identifier: GPL-2.0-only
/* The world switch on hosts that run at EL2 (VHE, ARM ARM D5.10): the host's EL1 registers are EL2's. */
#define pr_fmt(fmt) "keel: " fmt

#include <linux/arm-smccc.h>
#include <linux/cpu.h>
#include <asm/arch_gicv3.h>
#include <asm/cpufeature.h>
#include <asm/cputype.h>
#include <asm/virt.h>
#include "../arm.h"
#include "hyp.h"

struct vhe_exit {
	u64 code, hcr;
};

asmlinkage struct vhe_exit vhe_switch(struct arm_ctxt *ctxt, u64 hcr, const void *vectors,
				      u64 cptr);
extern const char vhe_vectors_plain[], vhe_vectors_loop[], vhe_vectors_clear[];
extern const char vhe_vectors_firmware1[], vhe_vectors_firmware3[];

/* For entry.S. */
DECLARE_PER_CPU(u64, vhe_host_vbar);
DECLARE_PER_CPU(u64, vhe_host_hcr);
DECLARE_PER_CPU(u64, vhe_bhb_loops);
DEFINE_PER_CPU(u64, vhe_host_vbar);
DEFINE_PER_CPU(u64, vhe_host_hcr);
DEFINE_PER_CPU(u64, vhe_bhb_loops);

/**
 * struct vhe_cpu - what belongs to a CPU
 * @vectors: our vectors
 * @mdcr: the host's MDCR_EL2 while a vCPU is loaded
 * @hcrx: HCRX_EL2, likewise
 * @fgt: the fine-grained traps, likewise
 * @tpidr: the host thread's TPIDR_EL0 and TPIDRRO_EL0, likewise
 */
struct vhe_cpu {
	const void *vectors;
	u64 mdcr;
	u64 hcrx;
	u64 fgt[6];
	u64 tpidr[2];
};
static DEFINE_PER_CPU(struct vhe_cpu, vhe_cpu);

/* Fine-grained traps: HFGRTR, HFGWTR, HFGITR, HDFGRTR, HDFGWTR, HAFGRTR. */
#define SYS_HFGRTR	sys_reg(3, 4, 1, 1, 4)
#define SYS_HFGWTR	sys_reg(3, 4, 1, 1, 5)
#define SYS_HFGITR	sys_reg(3, 4, 1, 1, 6)
#define SYS_HDFGRTR	sys_reg(3, 4, 3, 1, 4)
#define SYS_HDFGWTR	sys_reg(3, 4, 3, 1, 5)
#define SYS_HCRX	sys_reg(3, 4, 1, 2, 2)
#define VHE_FGT(x)	x(0, SYS_HFGRTR) x(1, SYS_HFGWTR) x(2, SYS_HFGITR) x(3, SYS_HDFGRTR) x(4, SYS_HDFGWTR)

/* CPTR_EL2 in its E2H form: the layout of CPACR_EL1, and TAM. */
#define VHE_CPTR_TTA	BIT(28)
#define VHE_CPTR_TAM	BIT(30)
#define VHE_CPTR_FPEN	(3ul << 20)

/* The guest's EL1 state, by the names that reach it from EL2. */
#define VHE_EL1_STATE(x)						\
	x(ARM_SCTLR_EL1, sys_reg(3, 5, 1, 0, 0))			\
	x(ARM_CPACR_EL1, sys_reg(3, 5, 1, 0, 2))			\
	x(ARM_TTBR0_EL1, sys_reg(3, 5, 2, 0, 0))			\
	x(ARM_TTBR1_EL1, sys_reg(3, 5, 2, 0, 1))			\
	x(ARM_TCR_EL1, sys_reg(3, 5, 2, 0, 2))				\
	x(ARM_ESR_EL1, sys_reg(3, 5, 5, 2, 0))				\
	x(ARM_AFSR0_EL1, sys_reg(3, 5, 5, 1, 0))			\
	x(ARM_AFSR1_EL1, sys_reg(3, 5, 5, 1, 1))			\
	x(ARM_FAR_EL1, sys_reg(3, 5, 6, 0, 0))				\
	x(ARM_MAIR_EL1, sys_reg(3, 5, 10, 2, 0))			\
	x(ARM_AMAIR_EL1, sys_reg(3, 5, 10, 3, 0))			\
	x(ARM_VBAR_EL1, sys_reg(3, 5, 12, 0, 0))			\
	x(ARM_CONTEXTIDR_EL1, sys_reg(3, 5, 13, 0, 1))			\
	x(ARM_CNTKCTL_EL1, sys_reg(3, 5, 14, 1, 0))			\
	x(ARM_PAR_EL1, sys_reg(3, 0, 7, 4, 0))				\
	x(ARM_TPIDR_EL0, sys_reg(3, 3, 13, 0, 2))			\
	x(ARM_TPIDRRO_EL0, sys_reg(3, 3, 13, 0, 3))			\
	x(ARM_TPIDR_EL1, sys_reg(3, 0, 13, 0, 4))			\
	x(ARM_SP_EL1, sys_reg(3, 4, 4, 1, 0))				\
	x(ARM_ELR_EL1, sys_reg(3, 5, 4, 0, 1))				\
	x(ARM_SPSR_EL1, sys_reg(3, 5, 4, 0, 0))

static u64 read_sys(enum arm_sys reg)
{
#define READ_SYS(reg_, sys_) case reg_: return read_sysreg_s(sys_);
	switch (reg) {
	VHE_EL1_STATE(READ_SYS)
	default:
		return 0;
	}
}

static void write_sys(enum arm_sys reg, u64 val)
{
#define WRITE_SYS(reg_, sys_) case reg_: write_sysreg_s(val, sys_); break;
	switch (reg) {
	VHE_EL1_STATE(WRITE_SYS)
	default:
		break;
	}
}

static bool has_hcrx(void)
{
	return cpuid_feature_extract_unsigned_field(read_sysreg(id_aa64mmfr1_el1), 40);
}

static bool has_fgt(void)
{
	return cpuid_feature_extract_unsigned_field(read_sysreg(id_aa64mmfr0_el1), 56);
}

static DEFINE_STATIC_KEY_FALSE(use_hcrx);
static DEFINE_STATIC_KEY_FALSE(use_fgt);

static void load(struct arm_vcpu *v)
{
	struct vhe_cpu *cpu = this_cpu_ptr(&vhe_cpu);
	u64 *sys = v->ctxt.sys;

	cpu->tpidr[0] = read_sysreg(tpidr_el0);
	cpu->tpidr[1] = read_sysreg(tpidrro_el0);
	cpu->mdcr = read_sysreg(mdcr_el2);
	/* The host's counters stay as they are; all else of debug and profiling is trapped. */
	write_sysreg((cpu->mdcr & (MDCR_EL2_HPMN_MASK | MDCR_EL2_HLP | MDCR_EL2_HPME)) | v->mdcr,
		     mdcr_el2);
	if (static_branch_likely(&use_hcrx)) {
		cpu->hcrx = read_sysreg_s(SYS_HCRX);
		write_sysreg_s(0, SYS_HCRX);
	}
	if (static_branch_likely(&use_fgt)) {
		/* At 0, what was added to the architecture later is trapped, and nothing else. */
#define FGT_LOAD(n, sys_) cpu->fgt[n] = read_sysreg_s(sys_); write_sysreg_s(0, sys_);
		VHE_FGT(FGT_LOAD)
	}
	write_sysreg(arm_vm_of(v)->vtcr, vtcr_el2);
	write_sysreg(v->vttbr, vttbr_el2);
	write_sysreg(read_cpuid_id(), vpidr_el2);
	write_sysreg(sys[ARM_MPIDR_EL1], vmpidr_el2);
#define LOAD(reg_, sys_) write_sysreg_s(sys[reg_], sys_);
	VHE_EL1_STATE(LOAD)
}

static void put(struct arm_vcpu *v)
{
	struct vhe_cpu *cpu = this_cpu_ptr(&vhe_cpu);
	u64 *sys = v->ctxt.sys;

#define PUT(reg_, sys_) sys[reg_] = read_sysreg_s(sys_);
	VHE_EL1_STATE(PUT)
	write_sysreg(cpu->mdcr, mdcr_el2);
	if (static_branch_likely(&use_hcrx))
		write_sysreg_s(cpu->hcrx, SYS_HCRX);
	if (static_branch_likely(&use_fgt)) {
#define FGT_PUT(n, sys_) write_sysreg_s(cpu->fgt[n], sys_);
		VHE_FGT(FGT_PUT)
	}
	write_sysreg(cpu->tpidr[0], tpidr_el0);
	write_sysreg(cpu->tpidr[1], tpidrro_el0);
}

/* --- entry and exit ------------------------------------------------------------------------------- */

/*
 * HPFAR_EL2 is not valid after a permission fault that was not on a table walk (D17.2.65). The
 * guest's stage 1 tells where FAR_EL2 leads; if it does not any more, the guest has to try again.
 */
static noinstr void find_ipa(struct arm_vcpu *v)
{
	u64 hcr = read_sysreg(hcr_el2), par = read_sysreg_par(), found;

	write_sysreg(v->hcr, hcr_el2);
	isb();
	asm volatile("at s1e1r, %0" : : "r"(v->exit.far));
	isb();
	found = read_sysreg_par();
	write_sysreg(hcr, hcr_el2);
	write_sysreg(par, par_el1);
	isb();
	if (found & SYS_PAR_EL1_F)
		v->exit.code = ARM_EXIT_IRQ;	/* nothing to be done but to enter again */
	else
		v->exit.hpfar = (found & GENMASK_ULL(47, 12)) >> 8;
}

static __always_inline void syndrome(struct arm_vcpu *v)
{
	u64 esr = read_sysreg(esr_el2);

	v->exit.esr = esr;
	switch (ESR_ELx_EC(esr)) {
	case ESR_ELx_EC_DABT_LOW:
	case ESR_ELx_EC_IABT_LOW:
		v->exit.far = read_sysreg(far_el2);
		v->exit.hpfar = read_sysreg(hpfar_el2);
		if ((esr & ESR_ELx_FSC_TYPE) == ESR_ELx_FSC_PERM && !(esr & ESR_ELx_S1PTW))
			find_ipa(v);
		break;
	case ESR_ELx_EC_WATCHPT_LOW:
	case ESR_ELx_EC_BREAKPT_LOW:
		v->exit.far = read_sysreg(far_el2);
		break;
	}
}

/* The guest's first use of FP/SIMD since it was last put away. True: enter again. */
static __always_inline bool fp_trap(struct arm_vcpu *v)
{
	if (v->exit.code != ARM_EXIT_SYNC || ESR_ELx_EC(v->exit.esr) != ESR_ELx_EC_FP_ASIMD ||
	    !v->fp_ready)
		return false;
	arm_fp_regs_load(&v->fp);
	v->core.lazy_loaded |= BIT(ARM_LAZY_FP);
	v->stat.fp_traps++;
	return true;
}

static noinstr void enter(struct arm_vcpu *v)
{
	struct vhe_cpu *cpu = this_cpu_ptr(&vhe_cpu);
	u64 mdscr = 0, cptr = VHE_CPTR_TTA | VHE_CPTR_TAM;
	u64 daif = read_sysreg(daif);
	struct vhe_exit exit;

	asm volatile("msr daifset, #0xf" : : : "memory");
	if (system_uses_irq_prio_masking()) {
		/* The host's interrupts end guest mode. */
		write_sysreg_s(GIC_PRIO_IRQON | GIC_PRIO_PSR_I_SET, SYS_ICC_PMR_EL1);
		pmr_sync();
	}
	/* A debugger of the host, with breakpoints that the guest must not meet. */
	if (!(v->core.lazy_loaded & BIT(ARM_LAZY_DEBUG))) {
		mdscr = read_sysreg(mdscr_el1);
		if (unlikely(mdscr & ARM_MDSCR_ON))
			write_sysreg(0, mdscr_el1);
	}
	if (unlikely(v->hcr & HCR_VSE) && cpus_have_final_cap(ARM64_HAS_RAS_EXTN))
		write_sysreg_s(v->vsesr, SYS_VSESR_EL2);
	do {
		exit = vhe_switch(&v->ctxt, v->hcr | READ_ONCE(v->vgic.lines), cpu->vectors,
				  v->core.lazy_loaded & BIT(ARM_LAZY_FP) ? cptr | VHE_CPTR_FPEN :
									  cptr);
		v->exit.code = exit.code & 3;
		if (likely(v->exit.code == ARM_EXIT_SYNC))
			syndrome(v);
	} while (fp_trap(v));

	if (unlikely(mdscr & ARM_MDSCR_ON))
		write_sysreg(mdscr, mdscr_el1);
	if (unlikely(v->hcr & HCR_VSE) && !(exit.hcr & HCR_VSE))
		v->hcr &= ~HCR_VSE;	/* it was delivered */
	if (cpus_have_final_cap(ARM64_HAS_RAS_EXTN)) {
		u64 disr = read_sysreg_s(SYS_DISR_EL1);

		if (unlikely(disr)) {
			write_sysreg_s(0, SYS_DISR_EL1);
			v->exit.disr = disr;
			exit.code |= ARM_EXIT_SERROR_PENDING;
		}
	}
	if (unlikely(exit.code >= ARM_EXIT_SERROR)) {
		if (v->exit.code == ARM_EXIT_SERROR)
			v->exit.disr = read_sysreg(esr_el2);
		else if (!cpus_have_final_cap(ARM64_HAS_RAS_EXTN))
			v->exit.disr = 0;
		v->exit.serror = true;
	}
	if (system_uses_irq_prio_masking())
		write_sysreg_s(GIC_PRIO_IRQOFF, SYS_ICC_PMR_EL1);
	asm volatile("msr daif, %0" : : "r"(daif) : "memory");
}

/* --- CPUs ------------------------------------------------------------------------------------------- */

/* Branches that make the history of these CPUs forget what a guest has put there (Arm's advisory). */
static u64 bhb_loops(void)
{
	static const struct { u32 midr; u8 loops; } models[] = {
		{ MIDR_CORTEX_X3, 132 },	{ MIDR_NEOVERSE_V2, 132 },
		{ MIDR_CORTEX_A715, 38 },	{ MIDR_CORTEX_A720, 38 },
		{ MIDR_CORTEX_A78, 32 },	{ MIDR_CORTEX_A78AE, 32 },
		{ MIDR_CORTEX_A78C, 32 },	{ MIDR_CORTEX_X1, 32 },
		{ MIDR_CORTEX_X1C, 32 },	{ MIDR_CORTEX_A710, 32 },
		{ MIDR_CORTEX_X2, 32 },		{ MIDR_NEOVERSE_N2, 32 },
		{ MIDR_NEOVERSE_V1, 32 },	{ MIDR_CORTEX_A76, 24 },
		{ MIDR_CORTEX_A76AE, 24 },	{ MIDR_CORTEX_A77, 24 },
		{ MIDR_NEOVERSE_N1, 24 },	{ MIDR_AMPERE1, 11 },
		{ MIDR_CORTEX_A57, 8 },		{ MIDR_CORTEX_A72, 8 },
	};
	u32 model = read_cpuid_id() & MIDR_CPU_MODEL_MASK;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(models); i++)
		if (models[i].midr == model)
			return models[i].loops;
	return 0;
}

static bool firmware_has(u32 workaround)
{
	struct arm_smccc_res res;

	if (arm_smccc_1_1_get_conduit() != SMCCC_CONDUIT_SMC)
		return false;
	arm_smccc_1_1_smc(ARM_SMCCC_ARCH_FEATURES_FUNC_ID, workaround, &res);
	return (int)res.a0 == SMCCC_RET_SUCCESS;
}

/*
 * The CPU's branch predictors carry over from the guest. Each CPU tells if it is safe, or has an
 * instruction for it; for others the host has found out (capabilities), and here the way is found.
 */
static const void *vhe_vectors_pick(void)
{
	u64 pfr0 = read_sysreg(id_aa64pfr0_el1), mmfr1 = read_sysreg(id_aa64mmfr1_el1);
	unsigned int csv2 = cpuid_feature_extract_unsigned_field(pfr0, ID_AA64PFR0_EL1_CSV2_SHIFT);

	if (cpu_mitigations_off())
		return vhe_vectors_plain;
	if (!csv2 && cpus_have_final_cap(ARM64_SPECTRE_V2) &&
	    firmware_has(ARM_SMCCC_ARCH_WORKAROUND_1))
		return vhe_vectors_firmware1;
	if (!cpus_have_final_cap(ARM64_SPECTRE_BHB) || csv2 >= 3 ||
	    cpuid_feature_extract_unsigned_field(mmfr1, ID_AA64MMFR1_EL1_ECBHB_SHIFT))
		return vhe_vectors_plain;
	/* ID_AA64ISAR2_EL1.CLRBHB */
	if (cpuid_feature_extract_unsigned_field(read_sysreg_s(SYS_ID_AA64ISAR2_EL1), 28))
		return vhe_vectors_clear;
	__this_cpu_write(vhe_bhb_loops, bhb_loops());
	if (__this_cpu_read(vhe_bhb_loops))
		return vhe_vectors_loop;
	if (firmware_has(ARM_SMCCC_ARCH_WORKAROUND_3))
		return vhe_vectors_firmware3;
	return vhe_vectors_plain;
}

static int cpu_enable(void)
{
	static_assert(offsetof(struct arm_ctxt, pc) == ARM_CTXT_PC);
	static_assert(offsetof(struct arm_ctxt, pstate) == ARM_CTXT_PC + 8);
	static_assert(offsetof(struct arm_ctxt, sys[ARM_APIAKEYLO_EL1]) == ARM_CTXT_KEYS);
	static_assert(offsetof(struct arm_ctxt, sp_el0) == 31 * 8);

	__this_cpu_write(vhe_host_vbar, read_sysreg(vbar_el1));
	__this_cpu_write(vhe_host_hcr, read_sysreg(hcr_el2));
	this_cpu_ptr(&vhe_cpu)->vectors = vhe_vectors_pick();
	return 0;
}

static void cpu_disable(void)
{
	/* Nothing is left in a CPU that has no vCPU loaded. */
}

static const struct arm_switch_ops vhe_ops = {
	.name = "arm64 VHE",
	.cpu_enable = cpu_enable,
	.cpu_disable = cpu_disable,
	.load = load,
	.put = put,
	.enter = enter,
	.read_sys = read_sys,
	.write_sys = write_sys,
	.tlb_flush_vm = vhe_tlb_flush_vm,
	.tlb_flush_ipa = vhe_tlb_flush_ipa,
	.tlb_flush_local = vhe_tlb_flush_local,
	.tlb_flush_all = vhe_tlb_flush_all,
};

const struct arm_switch_ops *vhe_probe(void)
{
	if (!is_kernel_in_hyp_mode())
		return NULL;
	if (has_hcrx())
		static_branch_enable(&use_hcrx);
	if (has_fgt())
		static_branch_enable(&use_fgt);
	return &vhe_ops;
}
