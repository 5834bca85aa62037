// SPDX-License-Identifier: GPL-2.0-only
/* Control and debug registers, with the checks and side effects of the manual. */
#include <linux/types.h>
#include <asm/fpu/xcr.h>
#include "irqchip.h"
#include "trace.h"
#include "x86.h"

#define CR0_RESERVED	(~(unsigned long)(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | \
					  X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | \
					  X86_CR0_NW | X86_CR0_CD | X86_CR0_PG))
/* A change of these drops what the guest's TLB may hold (SDM 4.10.4.1). */
#define CR0_FLUSHES	(X86_CR0_PG | X86_CR0_WP | X86_CR0_PE)
#define CR4_FLUSHES	(X86_CR4_PGE | X86_CR4_PAE | X86_CR4_PSE | X86_CR4_SMEP | X86_CR4_SMAP | \
			 X86_CR4_PCIDE | X86_CR4_PKE | X86_CR4_LA57)

bool x86_cr0_valid(unsigned long cr0)
{
	if (cr0 >> 32)
		return false;
	if ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD))
		return false;
	return !(cr0 & X86_CR0_PG) || (cr0 & X86_CR0_PE);
}

/* PAE without long mode: the four PDPTEs are loaded, and checked, with CR3 (SDM 4.4.1). */
static bool pdptes_valid(struct x86_vcpu *v, unsigned long cr3)
{
	u64 pdpte[4];
	int i;

	if (keel_read_guest(&v->core, cr3 & 0xffffffe0, pdpte, sizeof(pdpte)))
		return false;
	for (i = 0; i < 4; i++)
		if ((pdpte[i] & 1) && (pdpte[i] & (v->cpuid.reserved_gpa_bits | 0x1e6)))
			return false;
	return true;
}

static bool pae_paging(unsigned long cr0, unsigned long cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(efer & EFER_LMA);
}

int x86_set_cr0(struct x86_vcpu *v, unsigned long cr0)
{
	unsigned long old = x86_cr0(v), cr4 = x86_cr4(v);
	u64 efer = v->efer;

	cr0 |= X86_CR0_ET;
	if (!x86_cr0_valid(cr0))
		return 1;
	cr0 &= ~CR0_RESERVED;	/* bits 31:0 that are reserved read as zero, no fault */
	if ((efer & EFER_LME) && (cr0 & X86_CR0_PG) && !(old & X86_CR0_PG)) {
		struct kvm_segment cs;

		/* Long mode is activated: SDM 9.8.5. */
		if (!(cr4 & X86_CR4_PAE))
			return 1;
		x86_be(get_segment)(v, &cs, X86_CS);
		if (cs.l)
			return 1;
		efer |= EFER_LMA;
	} else if ((efer & EFER_LMA) && !(cr0 & X86_CR0_PG)) {
		if (x86_64bit_code(v))
			return 1;
		efer &= ~EFER_LMA;
	}
	if (!(cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PCIDE))
		return 1;
	if (pae_paging(cr0, cr4, efer) &&
	    ((cr0 ^ old) & (X86_CR0_CD | X86_CR0_NW | X86_CR0_PG)) &&
	    !pdptes_valid(v, x86_cr3(v)))
		return 1;
	if (efer != v->efer) {
		v->efer = efer;
		x86_be(set_efer)(v, efer);
	}
	x86_be(set_cr)(v, 0, cr0);
	if ((cr0 ^ old) & CR0_FLUSHES)
		x86_be(flush_guest)(v);
	return 0;
}

int x86_set_cr3(struct x86_vcpu *v, unsigned long cr3)
{
	unsigned long cr4 = x86_cr4(v);
	bool keep = false;

	if (cr4 & X86_CR4_PCIDE) {
		keep = cr3 & BIT_ULL(63);	/* PCID: no flush wanted */
		cr3 &= ~BIT_ULL(63);
	}
	if (v->efer & EFER_LMA) {
		if (cr3 & v->cpuid.reserved_gpa_bits)
			return 1;
	} else {
		cr3 = (u32)cr3;
		if (pae_paging(x86_cr0(v), cr4, v->efer) && !pdptes_valid(v, cr3))
			return 1;
	}
	x86_be(set_cr)(v, 3, cr3);
	if (!keep)
		x86_be(flush_guest)(v);
	return 0;
}

bool x86_cr4_valid(struct x86_vcpu *v, unsigned long cr4)
{
	return !(cr4 & v->cpuid.cr4_reserved);
}

int x86_set_cr4(struct x86_vcpu *v, unsigned long cr4)
{
	unsigned long old = x86_cr4(v), changed = cr4 ^ old;

	if (!x86_cr4_valid(v, cr4))
		return 1;
	if (x86_long_mode(v)) {
		if (!(cr4 & X86_CR4_PAE) || (changed & X86_CR4_LA57))
			return 1;
	} else if (pae_paging(x86_cr0(v), cr4, v->efer) &&
		   (changed & (X86_CR4_PGE | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_SMEP)) &&
		   !pdptes_valid(v, x86_cr3(v))) {
		return 1;
	}
	if ((cr4 & X86_CR4_PCIDE) && !(old & X86_CR4_PCIDE) &&
	    (!x86_long_mode(v) || (x86_cr3(v) & 0xfff)))
		return 1;
	x86_be(set_cr)(v, 4, cr4);
	if (changed & CR4_FLUSHES)
		x86_be(flush_guest)(v);
	if (changed & (X86_CR4_OSXSAVE | X86_CR4_PKE)) {
		x86_xcr_update(v);
		x86_cpuid_runtime(v);
	}
	return 0;
}

int x86_set_cr8(struct x86_vcpu *v, unsigned long cr8)
{
	if (cr8 & ~0xful)
		return 1;
	if (v->lapic)
		x86_lapic_set_tpr(v, cr8);
	else
		v->cr8 = cr8;
	return 0;
}

unsigned long x86_get_cr8(struct x86_vcpu *v)
{
	return v->lapic ? x86_lapic_cr8(v) : v->cr8;
}

int x86_set_efer(struct x86_vcpu *v, u64 efer, bool host)
{
	u64 old = v->efer;

	if (host) {
		if (efer & v->cpuid.efer_reserved & ~EFER_LMA)
			return 1;
	} else {
		if (efer & v->cpuid.efer_reserved & ~EFER_LMA)
			return 1;
		if ((old ^ efer) & EFER_LME && x86_paging(v))
			return 1;
		efer = (efer & ~EFER_LMA) | (old & EFER_LMA);	/* the CPU's own bit */
	}
	v->efer = efer;
	x86_be(set_efer)(v, efer);
	if ((old ^ efer) & (EFER_NX | EFER_LMA))
		x86_be(flush_guest)(v);
	return 0;
}

static bool xcr0_valid(struct x86_vcpu *v, u64 xcr0)
{
	if (!(xcr0 & XFEATURE_MASK_FP))
		return false;
	if ((xcr0 & XFEATURE_MASK_YMM) && !(xcr0 & XFEATURE_MASK_SSE))
		return false;
	if (!(xcr0 & XFEATURE_MASK_BNDREGS) != !(xcr0 & XFEATURE_MASK_BNDCSR))
		return false;
	if (xcr0 & XFEATURE_MASK_AVX512) {
		if (!(xcr0 & XFEATURE_MASK_YMM) ||
		    (xcr0 & XFEATURE_MASK_AVX512) != XFEATURE_MASK_AVX512)
			return false;
	}
	return !(xcr0 & ~(v->cpuid.xcr0_allowed | XFEATURE_MASK_FP));
}

int x86_set_xcr0(struct x86_vcpu *v, u32 index, u64 xcr)
{
	if (index != XCR_XFEATURE_ENABLED_MASK || !xcr0_valid(v, xcr))
		return 1;
	v->xcr0 = xcr;
	x86_xcr_update(v);
	x86_cpuid_runtime(v);
	return 0;
}

/* --- debug registers (SDM 17.2) ---------------------------------------------------------------- */

/* Return: 0, or 1 for #GP(0). CR4.DE and DR7.GD are the callers' business: they give #UD and #DB. */
int x86_set_dr(struct x86_vcpu *v, int nr, unsigned long val)
{
	switch (nr) {
	case 0 ... 3:
		v->db[nr] = val;
		x86_debug_update(v);
		return 0;
	case 4:
	case 6:
		if (val >> 32)
			return 1;
		v->dr6 = (val & X86_DR6_VOLATILE) | x86_dr6_fixed(v);
		return 0;
	default:
		if (val >> 32)
			return 1;
		v->dr7 = (val & X86_DR7_VOLATILE) | X86_DR7_FIXED;
		x86_debug_update(v);
		return 0;
	}
}

unsigned long x86_get_dr(struct x86_vcpu *v, int nr)
{
	switch (nr) {
	case 0 ... 3:
		return v->db[nr];
	case 4:
	case 6:
		return v->dr6;
	default:
		return v->dr7;
	}
}

bool x86_64bit_code(struct x86_vcpu *v)
{
	return x86_be(cs_bits)(v) == 64;
}
