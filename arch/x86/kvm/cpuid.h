/* SPDX-License-Identifier: GPL-2.0-only */
/* CPUID feature words: the leaf of each one, and names that kernel headers do not have. */
#ifndef KEEL_X86_CPUID_H
#define KEEL_X86_CPUID_H

#include <asm/cpufeatures.h>
#include "x86.h"

#define X86_MAX_CPUID_ENTRIES 256

/*
 * A feature is word * 32 + bit. Words that mirror a register of CPUID have the kernel's own
 * numbers, so X86_FEATURE_* can be used; the kernel scatters the other leaves over words of its
 * own, which are replaced by whole ones from CAP_KEEL on.
 */
enum {
	CAP_1_EDX	= 0,
	CAP_80000001_EDX = 1,
	CAP_1_ECX	= 4,
	CAP_80000001_ECX = 6,
	CAP_7_EBX	= 9,
	CAP_D_1_EAX	= 10,
	CAP_7_1_EAX	= 12,
	CAP_80000008_EBX = 13,
	CAP_6_EAX	= 14,
	CAP_7_ECX	= 16,
	CAP_80000007_EBX = 17,
	CAP_7_EDX	= 18,
	CAP_80000021_EAX = 20,
	CAP_KEEL	= 24,
	CAP_7_1_EDX	= CAP_KEEL,
	CAP_7_2_EDX,
	CAP_80000007_EDX,
	CAP_80000021_ECX,
	X86_NR_CAPS	= 32,
};

#define X86_CAP(word, bit)		((word) * 32 + (bit))
/* Leaf 0x80000021 (APM volume 3, E.4.24): the kernel's words for these differ between versions. */
#define X86_CAP_LFENCE_SERIALIZING	X86_CAP(CAP_80000021_EAX, 2)
#define X86_CAP_NULL_SEL_CLEARS_BASE	X86_CAP(CAP_80000021_EAX, 6)
#define X86_CAP_AUTOIBRS		X86_CAP(CAP_80000021_EAX, 8)
#define X86_CAP_NO_SMM_CTL		X86_CAP(CAP_80000021_EAX, 9)
#define X86_CAP_SBPB			X86_CAP(CAP_80000021_EAX, 27)
/* AMD's predictive store forwarding disable (leaf 0x80000008 EBX), Intel's in leaf 7.2 EDX. */
#define X86_CAP_AMD_PSFD		X86_CAP(CAP_80000008_EBX, 28)
#define X86_CAP_INTEL_PSFD		X86_CAP(CAP_7_2_EDX, 0)
#define X86_CAP_IPRED_CTRL		X86_CAP(CAP_7_2_EDX, 1)
#define X86_CAP_RRSBA_CTRL		X86_CAP(CAP_7_2_EDX, 2)
#define X86_CAP_DDPD_U			X86_CAP(CAP_7_2_EDX, 3)
#define X86_CAP_BHI_CTRL		X86_CAP(CAP_7_2_EDX, 4)
#define X86_CAP_INVARIANT_TSC		X86_CAP(CAP_80000007_EDX, 8)

enum { CPUID_REG_EAX, CPUID_REG_EBX, CPUID_REG_ECX, CPUID_REG_EDX };

/**
 * struct x86_cap_row - one feature word
 * @pass: bits that a guest may have when the host has them
 * @emulated: bits that every guest may have, whatever the host
 * @optional: bits that user space may set although KVM_GET_SUPPORTED_CPUID does not name them: they
 *	say something about the VM (topology, devices), not about the host
 */
struct x86_cap_row {
	u32 function;
	u8 index, reg, word;
	u32 pass, emulated, optional;
};

extern const struct x86_cap_row x86_cap_rows[];
extern const unsigned int x86_nr_cap_rows;

static inline u32 *x86_cpuid_reg(struct kvm_cpuid_entry2 *e, unsigned int reg)
{
	switch (reg) {
	case CPUID_REG_EAX:
		return &e->eax;
	case CPUID_REG_EBX:
		return &e->ebx;
	case CPUID_REG_ECX:
		return &e->ecx;
	default:
		return &e->edx;
	}
}

/** x86_supported_cap - word of what Keel can give; with @all the optional bits, too */
u32 x86_supported_cap(const struct x86_cap_row *row, bool all);
/** x86_cpuid_xsave_size - bytes of an XSAVE area with these components (SDM 13.4.2, 13.4.3) */
u32 x86_cpuid_xsave_size(u64 mask, bool compacted);
extern u64 x86_supported_xss;

#endif
