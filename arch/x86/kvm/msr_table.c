// SPDX-License-Identifier: GPL-2.0-only
/* The MSRs of x86 that both backends have: one row each. */
#include <linux/nospec.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/tsc.h>
#include <uapi/asm/kvm_para.h>
#include "irqchip.h"
#include "msr.h"

#define FIELD(name)	.offset = offsetof(struct x86_vcpu, name)
#define LIST		KEEL_REG_LIST
/* Reads 0, writes go nowhere: what systems touch at boot and no virtual machine has. */
#define NOTHING		(KEEL_REG_RAZ | KEEL_REG_WI)

#define GET(name) static int name(struct keel_vcpu *vcpu, const struct keel_reg *reg,		\
				  struct keel_reg_access *a)
#define SET(name) GET(name)
#define VISIBLE(name) static bool name(const struct keel_vcpu *vcpu, const struct keel_reg *reg, \
				       enum keel_reg_actor actor)

static bool by_host(const struct keel_reg_access *a)
{
	return a->actor == KEEL_REG_HOST;
}

/*
 * The guest sees what its CPUID says; the host saves and restores whatever a vCPU could have. With
 * vcpu NULL the question is KVM_GET_MSR_INDEX_LIST's.
 */
static bool has(const struct keel_vcpu *vcpu, enum keel_reg_actor actor, unsigned int feature)
{
	if (actor == KEEL_REG_HOST)
		return x86_cpu_supports(feature);
	return x86_guest_has(container_of(vcpu, struct x86_vcpu, core), feature);
}

#define VISIBLE_IF(name, feature)								\
	VISIBLE(name) { return has(vcpu, actor, feature); }
VISIBLE_IF(has_tsc_adjust, X86_FEATURE_TSC_ADJUST)
VISIBLE_IF(has_arch_capabilities, X86_FEATURE_ARCH_CAPABILITIES)
VISIBLE_IF(has_flush_l1d, X86_FEATURE_FLUSH_L1D)
VISIBLE_IF(has_tsc_deadline, X86_FEATURE_TSC_DEADLINE_TIMER)
VISIBLE_IF(has_xsaves, X86_FEATURE_XSAVES)
VISIBLE_IF(has_osvw, X86_FEATURE_OSVW)
VISIBLE_IF(has_virt_ssbd, X86_FEATURE_VIRT_SSBD)

VISIBLE(has_spec_ctrl)
{
	return has(vcpu, actor, X86_FEATURE_SPEC_CTRL) ||
	       has(vcpu, actor, X86_FEATURE_INTEL_STIBP) ||
	       has(vcpu, actor, X86_FEATURE_SPEC_CTRL_SSBD) ||
	       has(vcpu, actor, X86_FEATURE_AMD_IBRS) ||
	       has(vcpu, actor, X86_FEATURE_AMD_STIBP) ||
	       has(vcpu, actor, X86_FEATURE_AMD_SSBD);
}

VISIBLE(has_pred_cmd)
{
	return has(vcpu, actor, X86_FEATURE_SPEC_CTRL) ||
	       has(vcpu, actor, X86_FEATURE_AMD_IBPB) || has(vcpu, actor, X86_CAP_SBPB);
}

VISIBLE(has_tsc_aux)
{
	return has(vcpu, actor, X86_FEATURE_RDTSCP) || has(vcpu, actor, X86_FEATURE_RDPID);
}

/* --- registers that a backend may keep in the CPU --- */

/* The backend's if it has it, else the row's field. */
GET(get_backend)
{
	if (x86_be(get_msr)(to_x86(vcpu), a->id, &a->val))
		a->val = reg->offset ? *(u64 *)((void *)vcpu + reg->offset) : 0;
	return 0;
}

SET(set_backend)
{
	int r = x86_be(set_msr)(to_x86(vcpu), a->id, a->val, by_host(a));

	if (r < 0)
		return r;
	if (r && reg->offset)
		*(u64 *)((void *)vcpu + reg->offset) = a->val;
	return 0;
}

/* An address: WRMSR of one that is not canonical is #GP (SDM volume 2, WRMSR). */
SET(set_address)
{
	if (!x86_canonical(to_x86(vcpu), a->val))
		return -EINVAL;
	return set_backend(vcpu, reg, a);
}

/*
 * Intel CPUs refuse a bad SYSENTER address, AMD's take it and drop the upper bits: dropping is good
 * for both, and VM entry never fails for it.
 */
SET(set_sysenter)
{
	unsigned int unused = x86_cr4(to_x86(vcpu)) & X86_CR4_LA57 ? 64 - 57 : 64 - 48;

	a->val = (s64)(a->val << unused) >> unused;
	return set_backend(vcpu, reg, a);
}

SET(set_tsc_aux)
{
	/* Intel: reserved bits 63:32 (SDM 18.17.2). AMD: ignored. */
	if (!to_x86(vcpu)->cpuid.amd && a->actor == KEEL_REG_GUEST && a->val >> 32)
		return -EINVAL;
	a->val = (u32)a->val;
	return set_backend(vcpu, reg, a);
}

GET(get_efer)
{
	a->val = to_x86(vcpu)->efer;
	return 0;
}

SET(set_efer)
{
	return x86_set_efer(to_x86(vcpu), a->val, by_host(a)) ? -EINVAL : 0;
}

/* --- time, LAPIC --- */

GET(get_tsc)
{
	a->val = x86_guest_tsc(to_x86(vcpu), rdtsc());
	return 0;
}

SET(set_tsc)
{
	x86_write_tsc(to_x86(vcpu), a->val, by_host(a));
	return 0;
}

/*
 * The guest's write moves its TSC along (SDM 18.17.3); the host restores a number that the TSC it
 * has restored already contains.
 */
SET(set_tsc_adjust)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (!by_host(a))
		x86_adjust_tsc_offset(v, a->val - v->tsc_adjust);
	v->tsc_adjust = a->val;
	return 0;
}

GET(get_tsc_deadline)
{
	struct x86_vcpu *v = to_x86(vcpu);

	a->val = v->lapic ? x86_get_tsc_deadline(v) : 0;
	return 0;
}

SET(set_tsc_deadline)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (v->lapic)
		x86_set_tsc_deadline(v, a->val);
	return 0;
}

GET(get_apic_base)
{
	a->val = to_x86(vcpu)->apic_base;
	return 0;
}

SET(set_apic_base)
{
	return x86_set_apic_base(to_x86(vcpu), a->val, by_host(a)) ? -EINVAL : 0;
}

GET(get_x2apic)
{
	struct x86_vcpu *v = to_x86(vcpu);

	return !v->lapic || x86_x2apic_read(v, a->id, &a->val) ? -EINVAL : 0;
}

SET(set_x2apic)
{
	struct x86_vcpu *v = to_x86(vcpu);

	return !v->lapic || x86_x2apic_write(v, a->id, a->val) ? -EINVAL : 0;
}

/* --- speculation --- */

SET(set_spec_ctrl)
{
	enum keel_reg_actor actor = a->actor;
	u64 ok = SPEC_CTRL_IBRS | SPEC_CTRL_STIBP;

	if (has(vcpu, actor, X86_FEATURE_SPEC_CTRL_SSBD) || has(vcpu, actor, X86_FEATURE_AMD_SSBD))
		ok |= SPEC_CTRL_SSBD;
	if (has(vcpu, actor, X86_CAP_IPRED_CTRL))
		ok |= BIT(3) | BIT(4);
	if (has(vcpu, actor, X86_CAP_RRSBA_CTRL))
		ok |= BIT(5) | BIT(6);
	if (has(vcpu, actor, X86_CAP_AMD_PSFD) || has(vcpu, actor, X86_CAP_INTEL_PSFD))
		ok |= BIT(7);
	if (has(vcpu, actor, X86_CAP_DDPD_U))
		ok |= BIT(8);
	if (has(vcpu, actor, X86_CAP_BHI_CTRL))
		ok |= BIT(10);
	if (a->val & ~ok)
		return -EINVAL;
	return set_backend(vcpu, reg, a);
}

/* Commands: they act on this CPU now, and cannot be read. */
SET(set_pred_cmd)
{
	u64 ok = 0;

	if (has(vcpu, a->actor, X86_FEATURE_SPEC_CTRL) || has(vcpu, a->actor, X86_FEATURE_AMD_IBPB))
		ok |= PRED_CMD_IBPB;
	if (has(vcpu, a->actor, X86_CAP_SBPB))
		ok |= PRED_CMD_SBPB;
	if (a->val & ~ok)
		return -EINVAL;
	if (a->val)
		wrmsrl(MSR_IA32_PRED_CMD, a->val);
	return 0;
}

SET(set_flush_cmd)
{
	if (a->val & ~(u64)L1D_FLUSH)
		return -EINVAL;
	if (a->val)
		wrmsrl(MSR_IA32_FLUSH_CMD, a->val);
	return 0;
}

u64 x86_supported_arch_capabilities(void)
{
	u64 host = 0;

	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl_safe(MSR_IA32_ARCH_CAPABILITIES, &host);
	host &= ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_SKIP_VMENTRY_L1DFLUSH |
		ARCH_CAP_SSB_NO | ARCH_CAP_MDS_NO | ARCH_CAP_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO |
		ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO | ARCH_CAP_FB_CLEAR |
		ARCH_CAP_RRSBA | ARCH_CAP_BHI_NO | ARCH_CAP_PBRSB_NO | ARCH_CAP_GDS_NO |
		ARCH_CAP_RFDS_NO | ARCH_CAP_RFDS_CLEAR;
	/*
	 * Old CPUs cannot say that they are not affected; the kernel knows. The page-size erratum
	 * is the business of hypervisors alone, and the guest cannot be one.
	 */
	host |= ARCH_CAP_PSCHANGE_MC_NO;
	if (!boot_cpu_has_bug(X86_BUG_CPU_MELTDOWN))
		host |= ARCH_CAP_RDCL_NO;
	if (!boot_cpu_has_bug(X86_BUG_SPEC_STORE_BYPASS))
		host |= ARCH_CAP_SSB_NO;
	if (!boot_cpu_has_bug(X86_BUG_MDS))
		host |= ARCH_CAP_MDS_NO;
	if (!boot_cpu_has_bug(X86_BUG_GDS))
		host |= ARCH_CAP_GDS_NO;
	/* Without TSX, or with a CPU that TAA does not affect, there is nothing to switch off. */
	if (!boot_cpu_has(X86_FEATURE_RTM))
		host &= ~ARCH_CAP_TAA_NO;
	else if (!boot_cpu_has_bug(X86_BUG_TAA))
		host |= ARCH_CAP_TAA_NO;
	return host;
}

SET(set_arch_capabilities)
{
	if (a->val & ~x86_supported_arch_capabilities())
		return -EINVAL;
	to_x86(vcpu)->arch_capabilities = a->val;
	return 0;
}

/* --- CPU configuration --- */

GET(get_microcode)
{
	a->val = to_x86(vcpu)->microcode;
	return 0;
}

/* A guest writes 0 before it asks for the revision (SDM 9.11.7.1): nothing to do. */
SET(set_microcode)
{
	if (by_host(a))
		to_x86(vcpu)->microcode = a->val;
	return 0;
}

GET(get_platform_info)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (!by_host(a) && !x86_vm_of(v)->user_cpuid_fault_ok)
		return -EPERM;
	a->val = v->platform_info;
	return 0;
}

SET(set_platform_info)
{
	struct x86_vcpu *v = to_x86(vcpu);

	/* Faulting that is in force cannot become impossible. */
	if (!(a->val & MSR_PLATFORM_INFO_CPUID_FAULT) &&
	    (v->misc_features & MSR_MISC_FEATURES_ENABLES_CPUID_FAULT))
		return -EINVAL;
	v->platform_info = a->val;
	return 0;
}

SET(set_misc_features)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (a->val & ~MSR_MISC_FEATURES_ENABLES_CPUID_FAULT)
		return -EINVAL;
	if ((a->val & MSR_MISC_FEATURES_ENABLES_CPUID_FAULT) &&
	    !(v->platform_info & MSR_PLATFORM_INFO_CPUID_FAULT))
		return -EINVAL;
	v->misc_features = a->val;
	return 0;
}

SET(set_misc_enable)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u64 changed = a->val ^ v->misc_enable;
	/* Bits that say what the PMU has: it has nothing. */
	const u64 fixed = BIT_ULL(7) | MSR_IA32_MISC_ENABLE_BTS_UNAVAIL |
			  MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL;

	if (!by_host(a) && (changed & fixed))
		return -EINVAL;
	if (!x86_quirk(x86_vm_of(v), KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT) &&
	    (changed & MSR_IA32_MISC_ENABLE_MWAIT)) {
		/* The bit exists on CPUs with SSE3 only (SDM volume 4, table 2-2). */
		if (!x86_guest_has(v, X86_FEATURE_XMM3))
			return -EINVAL;
		v->misc_enable = a->val;
		x86_cpuid_runtime(v);
		return 0;
	}
	v->misc_enable = a->val;
	return 0;
}

SET(set_hwcr)
{
	/* Cache and TLB knobs that BIOSes and workarounds turn have no effect: 3, 6, 8. */
	u64 val = a->val & ~(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8));

	/* McStatusWrEn, TscFreqSel */
	if (val & ~(BIT_ULL(18) | BIT_ULL(24)))
		return -EINVAL;
	to_x86(vcpu)->hwcr = val;
	return 0;
}

SET(set_xss)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (a->val & ~(by_host(a) ? x86_supported_xss : v->cpuid.xss_allowed))
		return -EINVAL;
	v->xss = a->val;
	x86_cpuid_runtime(v);
	return 0;
}

/* Only user space configures these, within what the CPU does. */
SET(set_de_cfg)
{
	if (a->val & ~(u64)MSR_AMD64_DE_CFG_LFENCE_SERIALIZE)
		return -EINVAL;
	if (!by_host(a))
		return a->val == to_x86(vcpu)->de_cfg ? 0 : -EINVAL;
	to_x86(vcpu)->de_cfg = a->val;
	return 0;
}

/* A write that is accepted and does nothing, in a register that cannot be read. */
SET(drop)
{
	return 0;
}

/* Numbers that the row carries in @reset (there is no field to be reset). */
GET(get_constant)
{
	a->val = reg->reset;
	return 0;
}

/* --- paravirtual --- */

GET(get_pv)
{
	return x86_get_pv_msr(to_x86(vcpu), a->id, &a->val, by_host(a)) ? -EINVAL : 0;
}

SET(set_pv)
{
	return x86_set_pv_msr(to_x86(vcpu), a->id, a->val, by_host(a)) ? -EINVAL : 0;
}

/* --- the table --- */

static const struct keel_reg rows[] = {
	{ MSR_IA32_TSC, .flags = LIST, .get = get_tsc, .set = set_tsc },
	{ MSR_KVM_WALL_CLOCK, 2, .flags = LIST, .get = get_pv, .set = set_pv },
	{ MSR_IA32_PLATFORM_ID, .flags = KEEL_REG_RAZ | KEEL_REG_RO },
	{ MSR_IA32_APICBASE, .get = get_apic_base, .set = set_apic_base },
	{ MSR_IA32_EBL_CR_POWERON, .flags = KEEL_REG_RAZ | KEEL_REG_RO },
	/* Bus clock: the Pentium 4's register says 100 MHz, the Core 2's 133. */
	{ MSR_EBC_FREQUENCY_ID, .flags = KEEL_REG_RO, .get = get_constant, .reset = 1 << 24 },
	{ MSR_IA32_TSC_ADJUST, .flags = LIST, FIELD(tsc_adjust), .set = set_tsc_adjust,
	  .visible = has_tsc_adjust },
	{ MSR_IA32_SPEC_CTRL, .flags = LIST, FIELD(spec_ctrl), .get = get_backend,
	  .set = set_spec_ctrl, .visible = has_spec_ctrl },
	{ MSR_IA32_PRED_CMD, .set = set_pred_cmd, .visible = has_pred_cmd },
	{ MSR_IA32_UCODE_WRITE, .set = drop },
	{ MSR_IA32_UCODE_REV, .flags = LIST, .get = get_microcode, .set = set_microcode },
	{ MSR_P6_PERFCTR0, 2, .flags = NOTHING },
	{ MSR_FSB_FREQ, .flags = KEEL_REG_RO, .get = get_constant, .reset = 3 },
	{ MSR_PLATFORM_INFO, .flags = LIST | KEEL_REG_RO, .get = get_platform_info,
	  .set = set_platform_info },
	{ MSR_MTRRcap, .flags = KEEL_REG_RO, .get = x86_mtrr_cap_get },
	{ MSR_IA32_ARCH_CAPABILITIES, .flags = LIST | KEEL_REG_RO, FIELD(arch_capabilities),
	  .set = set_arch_capabilities, .visible = has_arch_capabilities },
	{ MSR_IA32_FLUSH_CMD, .set = set_flush_cmd, .visible = has_flush_l1d },
	/* L2 cache of the Pentium II and III: there, enabled, 256K (as firmware would find it). */
	{ MSR_IA32_BBL_CR_CTL3, .flags = KEEL_REG_WI, .get = get_constant, .reset = 0xbe702111 },
	{ MSR_MISC_FEATURES_ENABLES, .flags = LIST, FIELD(misc_features),
	  .set = set_misc_features },
	{ MSR_IA32_SYSENTER_CS, .flags = LIST, .get = get_backend, .set = set_backend },
	{ MSR_IA32_SYSENTER_ESP, 2, .flags = LIST, .get = get_backend, .set = set_sysenter },
	{ MSR_IA32_MCG_CAP, .flags = KEEL_REG_RO, .get = x86_mcg_get, .set = x86_mcg_set },
	{ MSR_IA32_MCG_STATUS, 2, .flags = LIST, .get = x86_mcg_get, .set = x86_mcg_set },
	{ MSR_P6_EVNTSEL0, 2, .flags = NOTHING },
	/*
	 * The CPU runs at 4 times a bus clock that ticks the TSC 1000 times, whatever that means
	 * here.
	 */
	{ MSR_IA32_PERF_STATUS, .flags = KEEL_REG_RO, .get = get_constant,
	  .reset = 1000 | 4ull << 40 },
	{ MSR_IA32_PERF_CTL, .flags = NOTHING },
	{ MSR_IA32_MISC_ENABLE, .flags = LIST, FIELD(misc_enable), .set = set_misc_enable,
	  .reset = MSR_IA32_MISC_ENABLE_BTS_UNAVAIL | MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL },
	{ MSR_IA32_DEBUGCTLMSR, .get = get_backend, .set = set_backend },
	{ MSR_IA32_LASTBRANCHFROMIP, 4, .flags = KEEL_REG_RO, .get = get_backend },
	/* The guest's wishes about power change nothing here; they are kept for it. */
	{ MSR_IA32_POWER_CTL, .flags = LIST, FIELD(power_ctl) },
	{ 0x200, 16, .flags = LIST, FIELD(mtrr_var), .set = x86_mtrr_var_set },
	{ MSR_MTRRfix64K_00000, .flags = LIST, .get = x86_mtrr_fixed_get,
	  .set = x86_mtrr_fixed_set },
	{ MSR_MTRRfix16K_80000, 2, .flags = LIST, .get = x86_mtrr_fixed_get,
	  .set = x86_mtrr_fixed_set },
	{ MSR_MTRRfix4K_C0000, 8, .flags = LIST, .get = x86_mtrr_fixed_get,
	  .set = x86_mtrr_fixed_set },
	/* PA0-7 at reset: WB, WT, UC-, UC twice (SDM 12.12.4). */
	{ MSR_IA32_CR_PAT, .flags = LIST, FIELD(pat), .set = x86_pat_set,
	  .reset = 0x0007040600070406ull },
	{ MSR_MTRRdefType, .flags = LIST, FIELD(mtrr_deftype), .set = x86_mtrr_deftype_set },
	{ MSR_IA32_MC0_CTL, 4 * X86_MCE_BANKS, .get = x86_mce_bank_get, .set = x86_mce_bank_set },
	{ MSR_RAPL_POWER_UNIT, .flags = KEEL_REG_RAZ | KEEL_REG_RO },
	{ MSR_PKG_ENERGY_STATUS, .flags = KEEL_REG_RAZ | KEEL_REG_RO },
	{ MSR_DRAM_ENERGY_STATUS, .flags = KEEL_REG_RAZ | KEEL_REG_RO },
	{ MSR_PP0_ENERGY_STATUS, .flags = KEEL_REG_RAZ | KEEL_REG_RO },
	{ MSR_PP1_ENERGY_STATUS, .flags = KEEL_REG_RAZ | KEEL_REG_RO },
	{ MSR_IA32_TSC_DEADLINE, .flags = LIST, .get = get_tsc_deadline,
	  .set = set_tsc_deadline, .visible = has_tsc_deadline },
	{ APIC_BASE_MSR, 0x100, .get = get_x2apic, .set = set_x2apic },
	{ MSR_IA32_XSS, .flags = LIST, FIELD(xss), .set = set_xss, .visible = has_xsaves },
	{ MSR_KVM_WALL_CLOCK_NEW, 8, .flags = LIST, .get = get_pv, .set = set_pv },
	{ MSR_EFER, .get = get_efer, .set = set_efer },
	{ MSR_STAR, .flags = LIST, FIELD(star), .get = get_backend, .set = set_backend },
	{ MSR_LSTAR, .flags = LIST, FIELD(lstar), .get = get_backend, .set = set_address },
	{ MSR_CSTAR, .flags = LIST, FIELD(cstar), .get = get_backend, .set = set_address },
	{ MSR_SYSCALL_MASK, .flags = LIST, FIELD(sfmask), .get = get_backend, .set = set_backend },
	{ MSR_FS_BASE, 2, .get = get_backend, .set = set_address },
	{ MSR_KERNEL_GS_BASE, .flags = LIST, .get = get_backend, .set = set_address },
	{ MSR_TSC_AUX, .flags = LIST, FIELD(tsc_aux), .get = get_backend, .set = set_tsc_aux,
	  .visible = has_tsc_aux },
	{ MSR_K7_EVNTSEL0, 8, .flags = NOTHING },
	{ MSR_AMD64_SYSCFG, .flags = NOTHING },
	{ MSR_K7_HWCR, .flags = LIST, FIELD(hwcr), .set = set_hwcr },
	{ MSR_K7_CLK_CTL, .flags = KEEL_REG_RO, .get = get_constant, .reset = 0x20000000 },
	{ MSR_AMD64_NB_CFG, .flags = NOTHING },
	{ MSR_AMD64_PATCH_LOADER, .set = drop },
	{ MSR_K8_INT_PENDING_MSG, .flags = NOTHING },
	{ MSR_FAM10H_MMIO_CONF_BASE, .flags = KEEL_REG_RAZ | KEEL_REG_RO },
	{ MSR_K8_TSEG_ADDR, 2, .flags = KEEL_REG_RAZ | KEEL_REG_RO },
	{ MSR_VM_HSAVE_PA, .flags = NOTHING },
	{ MSR_AMD64_VIRT_SPEC_CTRL, .flags = LIST, .get = get_backend, .set = set_backend,
	  .visible = has_virt_ssbd },
	{ MSR_AMD64_OSVW_ID_LENGTH, .flags = LIST | KEEL_REG_RO, FIELD(osvw_length),
	  .visible = has_osvw },
	{ MSR_AMD64_OSVW_STATUS, .flags = LIST | KEEL_REG_RO, FIELD(osvw_status),
	  .visible = has_osvw },
	{ MSR_AMD64_DC_CFG, 2, .flags = NOTHING },	/* and TW_CFG */
	{ MSR_AMD64_DE_CFG, .flags = LIST, FIELD(de_cfg), .set = set_de_cfg },
	{ MSR_AMD64_BU_CFG2, .flags = NOTHING },
	{ MSR_F15H_EX_CFG, .flags = NOTHING },
};

const struct keel_reg_table x86_msrs = { rows, ARRAY_SIZE(rows) };

/* After the rows' resets: what describes the CPU, and so depends on the host. */
void x86_msr_defaults(struct x86_vcpu *v)
{
	u64 status = 0;

	memset(v->mtrr_fixed, 0, sizeof(v->mtrr_fixed));
	x86_mce_reset(v);
	v->arch_capabilities = x86_supported_arch_capabilities();
	v->platform_info = MSR_PLATFORM_INFO_CPUID_FAULT;
	/*
	 * High enough for every erratum that a guest looks for by revision (K8 and later; Intel:
	 * bits 63:32).
	 */
	v->microcode = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL ? 0x100000000ull : 0x01000065;
	/*
	 * OS visible workarounds, APM 2 appendix A: three IDs are known. 1 and 2 (errata 400 and
	 * 415) do not concern a guest whose HLT and I/O exit; what the host says of 0 (erratum 298)
	 * holds.
	 */
	if (boot_cpu_has(X86_FEATURE_OSVW))
		rdmsrl_safe(MSR_AMD64_OSVW_STATUS, &status);
	/* Where the LAPIC is, also when user space has it. */
	if (!v->lapic)
		v->apic_base = APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE |
			       (x86_is_bsp(v) ? MSR_IA32_APICBASE_BSP : 0);
	v->osvw_length = 3;
	v->osvw_status = status & BIT(0);
	v->de_cfg = 0;
}
