// SPDX-License-Identifier: GPL-2.0-only
/* The CPUID features that Keel can give: KVM_GET_SUPPORTED_CPUID, KVM_GET_EMULATED_CPUID. */
#include <linux/sched/stat.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <uapi/asm/kvm_para.h>
#include "cpuid.h"
#include "ioctl.h"

#define B(feature) BIT((feature) & 31)

/* The bits that leaf 1 EDX and AMD's leaf 0x80000001 EDX have in common. */
#define BASIC_EDX (B(X86_FEATURE_FPU) | B(X86_FEATURE_VME) | B(X86_FEATURE_DE) |		\
	B(X86_FEATURE_PSE) | B(X86_FEATURE_TSC) | B(X86_FEATURE_MSR) | B(X86_FEATURE_PAE) |	\
	B(X86_FEATURE_MCE) | B(X86_FEATURE_CX8) | B(X86_FEATURE_APIC) | B(X86_FEATURE_MTRR) |	\
	B(X86_FEATURE_PGE) | B(X86_FEATURE_MCA) | B(X86_FEATURE_CMOV) | B(X86_FEATURE_PAT) |	\
	B(X86_FEATURE_PSE36) | B(X86_FEATURE_MMX) | B(X86_FEATURE_FXSR))

/* Left out on purpose: VMX, SVM, PMU, SGX, AMX, MPX, CET, PT, LAM, FRED, SMX, LWP, IBS. */
const struct x86_cap_row x86_cap_rows[] = {
	{ 1, 0, CPUID_REG_EDX, CAP_1_EDX,
	  .pass = BASIC_EDX | B(X86_FEATURE_SEP) | B(X86_FEATURE_CLFLUSH) | B(X86_FEATURE_XMM) |
		  B(X86_FEATURE_XMM2) | B(X86_FEATURE_SELFSNOOP),
	  .optional = B(X86_FEATURE_HT) },
	{ 1, 0, CPUID_REG_ECX, CAP_1_ECX,
	  .pass = B(X86_FEATURE_XMM3) | B(X86_FEATURE_PCLMULQDQ) | B(X86_FEATURE_SSSE3) |
		  B(X86_FEATURE_FMA) | B(X86_FEATURE_CX16) | B(X86_FEATURE_PCID) |
		  B(X86_FEATURE_XMM4_1) | B(X86_FEATURE_XMM4_2) | B(X86_FEATURE_MOVBE) |
		  B(X86_FEATURE_POPCNT) | B(X86_FEATURE_AES) | B(X86_FEATURE_XSAVE) |
		  B(X86_FEATURE_AVX) | B(X86_FEATURE_F16C) | B(X86_FEATURE_RDRAND),
	  .emulated = B(X86_FEATURE_X2APIC) | B(X86_FEATURE_HYPERVISOR),
	  .optional = B(X86_FEATURE_MWAIT) | B(X86_FEATURE_TSC_DEADLINE_TIMER) |
		      B(X86_FEATURE_OSXSAVE) },
	{ 6, 0, CPUID_REG_EAX, CAP_6_EAX, .emulated = B(X86_FEATURE_ARAT) },
	{ 7, 0, CPUID_REG_EBX, CAP_7_EBX,
	  .pass = B(X86_FEATURE_FSGSBASE) | B(X86_FEATURE_BMI1) | B(X86_FEATURE_HLE) |
		  B(X86_FEATURE_AVX2) | B(X86_FEATURE_FDP_EXCPTN_ONLY) | B(X86_FEATURE_SMEP) |
		  B(X86_FEATURE_BMI2) | B(X86_FEATURE_ERMS) | B(X86_FEATURE_INVPCID) |
		  B(X86_FEATURE_RTM) | B(X86_FEATURE_ZERO_FCS_FDS) | B(X86_FEATURE_AVX512F) |
		  B(X86_FEATURE_AVX512DQ) | B(X86_FEATURE_RDSEED) | B(X86_FEATURE_ADX) |
		  B(X86_FEATURE_SMAP) | B(X86_FEATURE_AVX512IFMA) | B(X86_FEATURE_CLFLUSHOPT) |
		  B(X86_FEATURE_CLWB) | B(X86_FEATURE_AVX512PF) | B(X86_FEATURE_AVX512ER) |
		  B(X86_FEATURE_AVX512CD) | B(X86_FEATURE_SHA_NI) | B(X86_FEATURE_AVX512BW) |
		  B(X86_FEATURE_AVX512VL),
	  .emulated = B(X86_FEATURE_TSC_ADJUST) },
	{ 7, 0, CPUID_REG_ECX, CAP_7_ECX,
	  .pass = B(X86_FEATURE_AVX512VBMI) | B(X86_FEATURE_UMIP) | B(X86_FEATURE_PKU) |
		  B(X86_FEATURE_AVX512_VBMI2) | B(X86_FEATURE_GFNI) | B(X86_FEATURE_VAES) |
		  B(X86_FEATURE_VPCLMULQDQ) | B(X86_FEATURE_AVX512_VNNI) |
		  B(X86_FEATURE_AVX512_BITALG) | B(X86_FEATURE_AVX512_VPOPCNTDQ) |
		  B(X86_FEATURE_LA57) | B(X86_FEATURE_RDPID) | B(X86_FEATURE_CLDEMOTE) |
		  B(X86_FEATURE_MOVDIRI) | B(X86_FEATURE_MOVDIR64B),
	  .optional = B(X86_FEATURE_OSPKE) },
	{ 7, 0, CPUID_REG_EDX, CAP_7_EDX,
	  .pass = B(X86_FEATURE_AVX512_4VNNIW) | B(X86_FEATURE_AVX512_4FMAPS) |
		  B(X86_FEATURE_FSRM) | B(X86_FEATURE_AVX512_VP2INTERSECT) |
		  B(X86_FEATURE_MD_CLEAR) | B(X86_FEATURE_SERIALIZE) | B(X86_FEATURE_TSXLDTRK) |
		  B(X86_FEATURE_AVX512_FP16) | B(X86_FEATURE_SPEC_CTRL) |
		  B(X86_FEATURE_INTEL_STIBP) | B(X86_FEATURE_FLUSH_L1D) |
		  B(X86_FEATURE_SPEC_CTRL_SSBD),
	  .emulated = B(X86_FEATURE_ARCH_CAPABILITIES) },
	{ 7, 1, CPUID_REG_EAX, CAP_7_1_EAX,
	  /* AVX-VNNI, AVX512-BF16, CMPCCXADD, FZRM, FSRS, FSRC, AVX-IFMA */
	  .pass = BIT(4) | BIT(5) | BIT(7) | BIT(10) | BIT(11) | BIT(12) | BIT(23) },
	{ 7, 1, CPUID_REG_EDX, CAP_7_1_EDX,
	  /* AVX-VNNI-INT8, AVX-NE-CONVERT, AVX-VNNI-INT16, PREFETCHI */
	  .pass = BIT(4) | BIT(5) | BIT(10) | BIT(14) },
	{ 7, 2, CPUID_REG_EDX, CAP_7_2_EDX,
	  .pass = B(X86_CAP_INTEL_PSFD) | B(X86_CAP_IPRED_CTRL) | B(X86_CAP_RRSBA_CTRL) |
		  B(X86_CAP_DDPD_U) | B(X86_CAP_BHI_CTRL) | BIT(5) /* MCDT_NO */ },
	{ 0xd, 1, CPUID_REG_EAX, CAP_D_1_EAX,
	  .pass = B(X86_FEATURE_XSAVEOPT) | B(X86_FEATURE_XSAVEC) | B(X86_FEATURE_XGETBV1) |
		  B(X86_FEATURE_XSAVES) },
	{ 0x80000001, 0, CPUID_REG_EDX, CAP_80000001_EDX,
	  .pass = BASIC_EDX | B(X86_FEATURE_SYSCALL) | B(X86_FEATURE_NX) |
		  B(X86_FEATURE_MMXEXT) | B(X86_FEATURE_FXSR_OPT) | B(X86_FEATURE_GBPAGES) |
		  B(X86_FEATURE_RDTSCP) | B(X86_FEATURE_LM) | B(X86_FEATURE_3DNOWEXT) |
		  B(X86_FEATURE_3DNOW) },
	{ 0x80000001, 0, CPUID_REG_ECX, CAP_80000001_ECX,
	  .pass = B(X86_FEATURE_LAHF_LM) | B(X86_FEATURE_CMP_LEGACY) | B(X86_FEATURE_CR8_LEGACY) |
		  B(X86_FEATURE_ABM) | B(X86_FEATURE_SSE4A) | B(X86_FEATURE_MISALIGNSSE) |
		  B(X86_FEATURE_3DNOWPREFETCH) | B(X86_FEATURE_OSVW) | B(X86_FEATURE_XOP) |
		  B(X86_FEATURE_FMA4) | B(X86_FEATURE_TBM) | B(X86_FEATURE_TOPOEXT) },
	{ 0x80000007, 0, CPUID_REG_EBX, CAP_80000007_EBX,
	  .pass = B(X86_FEATURE_OVERFLOW_RECOV) | B(X86_FEATURE_SUCCOR) },
	{ 0x80000007, 0, CPUID_REG_EDX, CAP_80000007_EDX,
	  .pass = B(X86_CAP_INVARIANT_TSC), .optional = B(X86_CAP_INVARIANT_TSC) },
	{ 0x80000008, 0, CPUID_REG_EBX, CAP_80000008_EBX,
	  .pass = B(X86_FEATURE_CLZERO) | B(X86_FEATURE_XSAVEERPTR) | B(X86_FEATURE_WBNOINVD) |
		  B(X86_FEATURE_AMD_IBPB) | B(X86_FEATURE_AMD_IBRS) | B(X86_FEATURE_AMD_STIBP) |
		  B(X86_FEATURE_AMD_STIBP_ALWAYS_ON) | B(X86_FEATURE_AMD_SSBD) |
		  B(X86_FEATURE_AMD_SSB_NO) | B(X86_CAP_AMD_PSFD) | B(X86_FEATURE_BTC_NO) |
		  B(X86_FEATURE_AMD_IBPB_RET) },
	{ 0x80000021, 0, CPUID_REG_EAX, CAP_80000021_EAX,
	  /* also: no nested data breakpoints, WRMSR to bases does not serialize, VERW... */
	  .pass = BIT(0) | BIT(1) | B(X86_CAP_LFENCE_SERIALIZING) | BIT(5) |
		  B(X86_CAP_NULL_SEL_CLEARS_BASE) | B(X86_CAP_AUTOIBRS) | B(X86_CAP_SBPB) |
		  BIT(28) | BIT(29) | BIT(30),
	  .emulated = B(X86_CAP_NO_SMM_CTL) },
	{ 0x80000021, 0, CPUID_REG_ECX, CAP_80000021_ECX,
	  .pass = BIT(1) | BIT(2) /* TSA_SQ_NO, TSA_L1_NO */ },
};
const unsigned int x86_nr_cap_rows = ARRAY_SIZE(x86_cap_rows);

#define PV_FEATURES (BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_NOP_IO_DELAY) |		\
	BIT(KVM_FEATURE_CLOCKSOURCE2) | BIT(KVM_FEATURE_ASYNC_PF) | BIT(KVM_FEATURE_PV_EOI) |	\
	BIT(KVM_FEATURE_PV_UNHALT) | BIT(KVM_FEATURE_PV_TLB_FLUSH) |				\
	BIT(KVM_FEATURE_PV_SEND_IPI) | BIT(KVM_FEATURE_POLL_CONTROL) |				\
	BIT(KVM_FEATURE_PV_SCHED_YIELD) | BIT(KVM_FEATURE_ASYNC_PF_INT) |			\
	BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT))

static u32 supported[X86_NR_CAPS];	/* what KVM_GET_SUPPORTED_CPUID tells */
static u32 optional[X86_NR_CAPS];
u64 x86_supported_xss;

static struct {
	u32 size, offset, flags;
} xfeature[64];

u32 x86_supported_cap(const struct x86_cap_row *row, bool all)
{
	return supported[row->word] | (all ? optional[row->word] : 0);
}

bool x86_cpu_supports(unsigned int feature)
{
	unsigned int word = feature / 32;

	return word < X86_NR_CAPS &&
	       ((supported[word] | optional[word]) & BIT(feature % 32));
}

static void take_stock(void);

/* Backends come first: what they find is then not overwritten. */
void x86_cpu_cap_clear(unsigned int feature)
{
	take_stock();
	supported[feature / 32] &= ~BIT(feature % 32);
	optional[feature / 32] &= ~BIT(feature % 32);
}

void x86_cpu_cap_set(unsigned int feature)
{
	take_stock();
	supported[feature / 32] |= BIT(feature % 32);
}

static void give(unsigned int feature, bool yes)
{
	if (yes)
		supported[feature / 32] |= BIT(feature % 32);
}

static u32 host_reg(u32 function, u32 index, unsigned int reg)
{
	struct kvm_cpuid_entry2 e;

	if (cpuid_eax(function & 0x80000000) < function)
		return 0;
	if (function == 7 && index) {
		cpuid_count(7, 0, &e.eax, &e.ebx, &e.ecx, &e.edx);
		if (e.eax < index)
			return 0;
	}
	cpuid_count(function, index, &e.eax, &e.ebx, &e.ecx, &e.edx);
	return *x86_cpuid_reg(&e, reg);
}

/*
 * Speculation control has one meaning and two sets of names. A guest may look for either, whatever
 * its vendor, so each set implies the other where the kernel knows that the MSRs are there.
 */
static void speculation_caps(void)
{
	if (boot_cpu_has(X86_FEATURE_IBPB) && boot_cpu_has(X86_FEATURE_IBRS) &&
	    boot_cpu_has(X86_FEATURE_AMD_IBPB_RET))
		give(X86_FEATURE_SPEC_CTRL, true);
	give(X86_FEATURE_INTEL_STIBP, boot_cpu_has(X86_FEATURE_STIBP));
	give(X86_FEATURE_SPEC_CTRL_SSBD, boot_cpu_has(X86_FEATURE_AMD_SSBD));
	give(X86_FEATURE_AMD_IBPB, boot_cpu_has(X86_FEATURE_IBPB));
	give(X86_FEATURE_AMD_IBRS, boot_cpu_has(X86_FEATURE_IBRS));
	give(X86_FEATURE_AMD_STIBP, boot_cpu_has(X86_FEATURE_STIBP));
	give(X86_FEATURE_AMD_SSBD, boot_cpu_has(X86_FEATURE_SPEC_CTRL_SSBD));
	give(X86_FEATURE_AMD_SSB_NO, !boot_cpu_has_bug(X86_BUG_SPEC_STORE_BYPASS));
	give(X86_CAP_LFENCE_SERIALIZING, boot_cpu_has(X86_FEATURE_LFENCE_RDTSC));
	give(X86_CAP_NULL_SEL_CLEARS_BASE, !boot_cpu_has_bug(X86_BUG_NULL_SEG));
}

static void xstate_caps(void)
{
	static const unsigned int avx[] = {
		X86_FEATURE_AVX, X86_FEATURE_FMA, X86_FEATURE_F16C, X86_FEATURE_AVX2,
		X86_FEATURE_XOP, X86_FEATURE_FMA4, X86_FEATURE_VAES, X86_FEATURE_VPCLMULQDQ,
	};
	u64 host_xss = 0;
	unsigned int i;

	x86_supported_xss = 0;
	if (!(supported[CAP_1_ECX] & B(X86_FEATURE_XSAVE))) {
		supported[CAP_D_1_EAX] = 0;
		supported[CAP_7_ECX] &= ~B(X86_FEATURE_PKU);
	}
	if (!(supported[CAP_1_ECX] & B(X86_FEATURE_XSAVE)) ||
	    !(x86_supported_xcr0 & XFEATURE_MASK_YMM)) {
		for (i = 0; i < ARRAY_SIZE(avx); i++)
			supported[avx[i] / 32] &= ~B(avx[i]);
		supported[CAP_7_1_EAX] &= ~(BIT(4) | BIT(23));
		supported[CAP_7_1_EDX] &= ~(BIT(4) | BIT(5) | BIT(10));
	}
	if ((x86_supported_xcr0 & XFEATURE_MASK_AVX512) != XFEATURE_MASK_AVX512) {
		supported[CAP_7_EBX] &= ~(B(X86_FEATURE_AVX512F) | B(X86_FEATURE_AVX512DQ) |
			B(X86_FEATURE_AVX512IFMA) | B(X86_FEATURE_AVX512PF) |
			B(X86_FEATURE_AVX512ER) | B(X86_FEATURE_AVX512CD) |
			B(X86_FEATURE_AVX512BW) | B(X86_FEATURE_AVX512VL));
		supported[CAP_7_ECX] &= ~(B(X86_FEATURE_AVX512VBMI) |
			B(X86_FEATURE_AVX512_VBMI2) | B(X86_FEATURE_AVX512_VNNI) |
			B(X86_FEATURE_AVX512_BITALG) | B(X86_FEATURE_AVX512_VPOPCNTDQ));
		supported[CAP_7_EDX] &= ~(B(X86_FEATURE_AVX512_4VNNIW) |
			B(X86_FEATURE_AVX512_4FMAPS) | B(X86_FEATURE_AVX512_VP2INTERSECT) |
			B(X86_FEATURE_AVX512_FP16));
		supported[CAP_7_1_EAX] &= ~BIT(5);
	}
	/*
	 * The guest's IA32_XSS is always 0, and nobody switches the register: XSAVES is only safe
	 * to give where the host's is 0 as well.
	 */
	if (boot_cpu_has(X86_FEATURE_XSAVES))
		rdmsrl_safe(MSR_IA32_XSS, &host_xss);
	if (host_xss)
		supported[CAP_D_1_EAX] &= ~B(X86_FEATURE_XSAVES);

	memset(xfeature, 0, sizeof(xfeature));
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return;
	for (i = 2; i < 64; i++) {
		struct kvm_cpuid_entry2 e;

		if (!(x86_supported_xcr0 & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &e.eax, &e.ebx, &e.ecx, &e.edx);
		xfeature[i].size = e.eax;
		xfeature[i].offset = e.ebx;
		xfeature[i].flags = e.ecx;
	}
}

u32 x86_cpuid_xsave_size(u64 mask, bool compacted)
{
	u32 size = 512 + 64;	/* legacy region and header */
	unsigned int i;

	for (i = 2; i < 64; i++) {
		if (!(mask & BIT_ULL(i)) || !xfeature[i].size)
			continue;
		if (!compacted) {
			size = max(size, xfeature[i].offset + xfeature[i].size);
		} else {
			if (xfeature[i].flags & BIT(1))
				size = ALIGN(size, 64);
			size += xfeature[i].size;
		}
	}
	return size;
}

/* What the host has. Once, before anybody changes it. */
static void take_stock(void)
{
	const struct x86_cap_row *row;
	static bool taken;
	unsigned int i;
	u32 host;

	if (taken)
		return;
	taken = true;
	for (i = 0; i < x86_nr_cap_rows; i++) {
		row = &x86_cap_rows[i];
		host = host_reg(row->function, row->index, row->reg);
		/*
		 * What the kernel has taken away, for an erratum or by its command line, is away.
		 */
		if (row->word < NCAPINTS) {
			u32 kernel = boot_cpu_data.x86_capability[row->word];

			/* ...but the host's own page-table depth does not bind the guest. */
			if (row->word == CAP_7_ECX)
				kernel |= B(X86_FEATURE_LA57);
			host &= kernel;
		}
		supported[row->word] = (host & row->pass) | row->emulated;
		optional[row->word] = row->optional;
	}
	if (!boot_cpu_has(X86_FEATURE_OSPKE))
		supported[CAP_7_ECX] &= ~B(X86_FEATURE_PKU);
	speculation_caps();
}

/**
 * x86_cpuid_setup - close the list: the backend has spoken, x86_supported_xcr0 is known
 */
void x86_cpuid_setup(void)
{
	take_stock();
	xstate_caps();
}

/* --- KVM_GET_SUPPORTED_CPUID --- */

struct fill {
	struct kvm_cpuid_entry2 *entries;
	unsigned int nr, max;
	struct kvm_cpuid_entry2 spill;	/* written to when there is no room: counted, not kept */
};

static struct kvm_cpuid_entry2 *add(struct fill *f, u32 function, u32 index, bool indexed)
{
	struct kvm_cpuid_entry2 *e = f->nr < f->max ? &f->entries[f->nr] : &f->spill;

	f->nr++;
	memset(e, 0, sizeof(*e));
	e->function = function;
	e->index = index;
	if (indexed)
		e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	return e;
}

static void host_values(struct kvm_cpuid_entry2 *e)
{
	cpuid_count(e->function, e->index, &e->eax, &e->ebx, &e->ecx, &e->edx);
}

static void set_caps(struct kvm_cpuid_entry2 *e)
{
	unsigned int i;

	for (i = 0; i < x86_nr_cap_rows; i++) {
		const struct x86_cap_row *row = &x86_cap_rows[i];

		if (row->function == e->function && row->index == e->index)
			*x86_cpuid_reg(e, row->reg) = supported[row->word];
	}
}

/* Caches: subleaves until one has type 0 (SDM: leaf 4, APM: leaf 0x8000001d). */
static void add_caches(struct fill *f, u32 function)
{
	struct kvm_cpuid_entry2 *e;
	u32 index = 0;

	do {
		e = add(f, function, index, true);
		host_values(e);
	} while ((e->eax & 0x1f) && ++index < 16);
}

static void add_xsave(struct fill *f)
{
	struct kvm_cpuid_entry2 *e = add(f, 0xd, 0, true);
	u64 xcr0 = x86_supported_xcr0;
	unsigned int i;

	if (!(supported[CAP_1_ECX] & B(X86_FEATURE_XSAVE)))
		return;
	e->eax = xcr0;
	e->edx = xcr0 >> 32;
	e->ebx = x86_cpuid_xsave_size(xcr0, false);
	e->ecx = e->ebx;
	e = add(f, 0xd, 1, true);
	set_caps(e);
	if (e->eax & (B(X86_FEATURE_XSAVES) | B(X86_FEATURE_XSAVEC)))
		e->ebx = x86_cpuid_xsave_size(xcr0 | x86_supported_xss, true);
	e->ecx = x86_supported_xss;
	e->edx = x86_supported_xss >> 32;
	for (i = 2; i < 64; i++) {
		if (!(xcr0 & BIT_ULL(i)) || !xfeature[i].size)
			continue;
		e = add(f, 0xd, i, true);
		e->eax = xfeature[i].size;
		e->ebx = xfeature[i].offset;
		e->ecx = xfeature[i].flags & BIT(1);
	}
}

static void add_address_sizes(struct fill *f)
{
	struct kvm_cpuid_entry2 *e = add(f, 0x80000008, 0, false);
	u32 phys, virt, guest;

	host_values(e);
	phys = e->eax & 0xff;
	virt = e->eax >> 8 & 0xff;
	/* With less levels than the CPU has address bits a guest cannot reach all of them. */
	guest = x86_backend.s2_levels == 4 && phys > 48 ? 48 : 0;
	e->eax = phys | virt << 8 | guest << 16;
	e->ecx = 0;
	e->edx = 0;
	set_caps(e);
}

static void add_basic(struct fill *f, u32 function)
{
	struct kvm_cpuid_entry2 *e;

	switch (function) {
	case 1:
		e = add(f, function, 0, false);
		host_values(e);
		e->ebx &= 0xffff;	/* not this CPU's APIC ID, nor the package's size */
		set_caps(e);
		break;
	case 2:
		host_values(add(f, function, 0, false));
		break;
	case 4:
		add_caches(f, function);
		break;
	case 6:
		set_caps(add(f, function, 0, false));
		break;
	case 7:
		e = add(f, function, 0, true);
		e->eax = min(host_reg(7, 0, CPUID_REG_EAX), 2u);
		set_caps(e);
		if (e->eax >= 1)
			set_caps(add(f, function, 1, true));
		if (e->eax >= 2)
			set_caps(add(f, function, 2, true));
		break;
	case 0xb:
	case 0x1f:
		add(f, function, 0, true);	/* no topology: that is the VMM's */
		break;
	case 0xd:
		add_xsave(f);
		break;
	default:
		add(f, function, 0, false);
		break;
	}
}

static void add_extended(struct fill *f, u32 function)
{
	struct kvm_cpuid_entry2 *e;

	switch (function) {
	case 0x80000001:
		e = add(f, function, 0, false);
		host_values(e);
		e->ebx &= ~0x0fff0000u;
		set_caps(e);
		break;
	case 0x80000002 ... 0x80000005:
	case 0x80000019:
		host_values(add(f, function, 0, false));
		break;
	case 0x80000006:
		e = add(f, function, 0, false);
		host_values(e);
		e->edx &= ~0x00030000u;
		break;
	case 0x80000008:
		add_address_sizes(f);
		break;
	case 0x8000001a:
		e = add(f, function, 0, false);
		host_values(e);
		e->eax &= 7;
		e->ebx = e->ecx = e->edx = 0;
		break;
	case 0x8000001d:
		add_caches(f, function);
		break;
	default:
		e = add(f, function, 0, false);
		set_caps(e);
		break;
	}
}

static void add_supported(struct fill *f)
{
	struct kvm_cpuid_entry2 *e = add(f, 0, 0, false);
	static const char signature[12] = KVM_SIGNATURE;
	u32 max, function;

	host_values(e);
	max = min(e->eax, 0x1fu);
	e->eax = max;
	for (function = 1; function <= max; function++)
		add_basic(f, function);

	e = add(f, KVM_CPUID_SIGNATURE, 0, false);
	e->eax = KVM_CPUID_FEATURES;
	memcpy(&e->ebx, signature + 0, 4);
	memcpy(&e->ecx, signature + 4, 4);
	memcpy(&e->edx, signature + 8, 4);
	e = add(f, KVM_CPUID_FEATURES, 0, false);
	e->eax = PV_FEATURES;
	if (sched_info_on())
		e->eax |= BIT(KVM_FEATURE_STEAL_TIME);

	e = add(f, 0x80000000, 0, false);
	host_values(e);
	max = min(e->eax, 0x80000021u);
	/*
	 * Older CPUs have features that only this leaf can tell of. Not below 0x8000001d: QEMU asks
	 * the host itself for that leaf as soon as it sees a higher one.
	 */
	if (max >= 0x8000001d && max < 0x80000021 && supported[CAP_80000021_EAX])
		max = 0x80000021;
	e->eax = max;
	for (function = 0x80000001; function <= max; function++)
		add_extended(f, function);
}

/* The emulator knows these; a guest gets them where the CPU raises #UD. */
static void add_emulated(struct fill *f)
{
	struct kvm_cpuid_entry2 *e = add(f, 0, 0, false);

	e->eax = 7;
	e = add(f, 1, 0, false);
	e->ecx = B(X86_FEATURE_MOVBE);
	e = add(f, 7, 0, true);
	if (supported[CAP_80000001_EDX] & B(X86_FEATURE_RDTSCP))
		e->ecx = B(X86_FEATURE_RDPID);
}

long x86_get_supported_cpuid(void *data)
{
	struct kvm_cpuid2 *c = data;
	struct fill f = { .entries = c->entries, .max = c->nent };

	add_supported(&f);
	c->nent = f.nr;
	return 0;
}

/* Wants clean padding in, so that it may be given a meaning one day. */
long x86_get_emulated_cpuid(void *data)
{
	struct kvm_cpuid2 *c = data;
	struct fill f = { .entries = c->entries, .max = c->nent };
	unsigned int i;

	for (i = 0; i < c->nent; i++)
		if (memchr_inv(c->entries[i].padding, 0, sizeof(c->entries[i].padding)))
			return -EINVAL;
	add_emulated(&f);
	c->nent = f.nr;
	return 0;
}
