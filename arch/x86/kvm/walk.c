// SPDX-License-Identifier: GPL-2.0-only
/* The guest's own page tables: from linear to guest physical addresses (SDM 4.3-4.6). */
#include <linux/uaccess.h>
#include "x86.h"

#define ERR_P	BIT(0)
#define ERR_W	BIT(1)
#define ERR_U	BIT(2)
#define ERR_RSVD	BIT(3)
#define ERR_I	BIT(4)
#define ERR_PK	BIT(5)

/* Bits of an entry, the same at every level and in every format. */
#define PTE_P	BIT_ULL(0)
#define PTE_W	BIT_ULL(1)
#define PTE_U	BIT_ULL(2)
#define PTE_A	BIT_ULL(5)
#define PTE_D	BIT_ULL(6)
#define PTE_PS	BIT_ULL(7)
#define PTE_NX	BIT_ULL(63)

/* What the walk needs of the vCPU, read once. */
struct walk {
	unsigned long cr0, cr4;
	bool lma, nx, wide;	/* wide: 8-byte entries (PAE or long mode) */
	int levels;
	u64 reserved;		/* address bits above the guest's MAXPHYADDR */
};

static void walk_mode(struct x86_vcpu *v, struct walk *w)
{
	w->cr0 = x86_cr0(v);
	w->cr4 = x86_cr4(v);
	w->lma = v->efer & EFER_LMA;
	w->nx = v->efer & EFER_NX;
	w->wide = w->cr4 & X86_CR4_PAE;
	w->levels = !w->wide ? 2 : !w->lma ? 3 : w->cr4 & X86_CR4_LA57 ? 5 : 4;
	w->reserved = v->cpuid.reserved_gpa_bits & GENMASK_ULL(51, 0);
}

static u64 leaf_reserved(const struct walk *w, int level, u64 pte)
{
	u64 bad = 0;

	if (w->wide) {
		bad = w->reserved;
		if (!w->nx)
			bad |= PTE_NX;
		if (!w->lma)
			bad |= GENMASK_ULL(62, 52);
		/* Bit 12 of a large page is PAT, the rest up to its size is reserved. */
		if (level > 1)
			bad |= GENMASK_ULL(12 + 9 * (level - 1) - 1, 13);
	} else if (level == 2) {
		/* 4M pages: PSE-36 address bits 20:13 reach 40 bits, bit 21 is reserved. */
		bad = BIT_ULL(21);
	}
	return pte & bad;
}

static u64 table_reserved(const struct walk *w, int level, u64 pte)
{
	u64 bad = 0;

	if (!w->wide)
		return 0;
	bad = w->reserved;
	if (!w->nx)
		bad |= PTE_NX;
	if (!w->lma) {
		bad |= GENMASK_ULL(62, 52);
		if (level == 3)		/* PDPTE: no R/W, U/S, A, D, PS, NX */
			bad |= 0x1e6 | PTE_NX;
	} else if (level >= 4) {
		bad |= PTE_PS;
	}
	return pte & bad;
}

/* Aligned, so one access; skips that need no next RIP walk four levels: no call for each. */
static int read_pte(struct x86_vcpu *v, const struct walk *w, u64 gpa, u64 *pte)
{
	unsigned long hva = keel_gpa_hva(&v->core, gpa, NULL);
	u32 narrow;
	int r;

	if (!hva)
		return -EFAULT;
	if (w->wide)
		return get_user(*pte, (u64 __user *)hva);
	r = get_user(narrow, (u32 __user *)hva);
	*pte = narrow;
	return r;
}

/* Sets accessed and dirty bits as the CPU would. 0, 1: the entry has changed meanwhile, or -EFAULT. */
static int mark_pte(struct x86_vcpu *v, const struct walk *w, u64 gpa, u64 old, u64 bits)
{
	u64 new = old | bits;
	u32 old32 = old, new32 = new;

	if (old == new)
		return 0;
	if (w->wide)
		return keel_cmpxchg_guest(&v->core, gpa, &old, &new, 8);
	return keel_cmpxchg_guest(&v->core, gpa, &old32, &new32, 4);
}

/* Protection keys: data accesses to user-mode addresses (SDM 4.6.2). */
static bool pkey_denies(struct x86_vcpu *v, const struct walk *w, u64 pte, u32 access)
{
	u32 key = (pte >> 59) & 0xf, bits;

	if (!(w->cr4 & X86_CR4_PKE) || !w->lma || (access & X86_WALK_FETCH))
		return false;
	bits = v->pkru >> (2 * key);
	if (bits & 1)
		return true;
	return (bits & 2) && (access & X86_WALK_WRITE) &&
	       ((access & X86_WALK_USER) || (w->cr0 & X86_CR0_WP));
}

/* @rights: PTE_W, PTE_U and PTE_NX over all levels (NX set: not executable). */
static bool allowed(struct x86_vcpu *v, const struct walk *w, u64 rights, u32 access)
{
	bool user = access & X86_WALK_USER;

	if (user && !(rights & PTE_U))
		return false;
	if (access & X86_WALK_FETCH) {
		if (w->nx && w->wide && (rights & PTE_NX))
			return false;
		if (!user && (w->cr4 & X86_CR4_SMEP) && (rights & PTE_U))
			return false;
	} else if (!user && (w->cr4 & X86_CR4_SMAP) && (rights & PTE_U)) {
		/* Explicit supervisor accesses are let through by EFLAGS.AC. */
		if ((access & X86_WALK_IMPLICIT) || !(v->rflags & X86_EFLAGS_AC))
			return false;
	}
	if ((access & X86_WALK_WRITE) && !(rights & PTE_W))
		return !user && !(w->cr0 & X86_CR0_WP);
	return true;
}

static u64 walk(struct x86_vcpu *v, u64 gva, u32 access, u32 *error)
{
	u64 pte, table, pte_gpa, rights, base;
	int level, index_bits, shift, tries = 8;
	struct walk w;
	u32 err;

	walk_mode(v, &w);
	if (access & X86_WALK_IMPLICIT)
		access &= ~X86_WALK_USER;
	index_bits = w.wide ? 9 : 10;
again:
	err = access & (ERR_W | ERR_U);
	if ((access & X86_WALK_FETCH) && ((w.nx && w.wide) || (w.cr4 & X86_CR4_SMEP)))
		err |= ERR_I;
	rights = PTE_W | PTE_U;
	table = x86_cr3(v) & (w.lma ? GENMASK_ULL(51, 12) : w.wide ? 0xffffffe0 : 0xfffff000);
	for (level = w.levels; ; level--) {
		bool leaf;

		shift = 12 + index_bits * (level - 1);
		pte_gpa = table + ((gva >> shift) & ((1u << index_bits) - 1)) * (w.wide ? 8 : 4);
		if (w.wide && !w.lma && level == 3)
			pte_gpa = table + ((gva >> 30) & 3) * 8;
		if (read_pte(v, &w, pte_gpa, &pte))
			goto fault;	/* tables outside of RAM: what the bus gives is not present */
		if (!(pte & PTE_P))
			goto fault;
		leaf = level == 1 ||
		       ((pte & PTE_PS) && level < 4 && !(level == 3 && !w.lma) &&
			(w.wide || (w.cr4 & X86_CR4_PSE)));
		if (leaf ? leaf_reserved(&w, level, pte) : table_reserved(&w, level, pte)) {
			err |= ERR_P | ERR_RSVD;
			goto fault;
		}
		if (!(w.wide && !w.lma && level == 3)) {	/* PDPTEs have no rights */
			rights &= pte | ~(PTE_W | PTE_U);
			rights |= pte & PTE_NX;
		}
		if (leaf)
			break;
		if (!(w.wide && !w.lma && level == 3) && !(pte & PTE_A) &&
		    mark_pte(v, &w, pte_gpa, pte, PTE_A) == 1 && --tries)
			goto again;
		table = pte & (w.wide ? GENMASK_ULL(51, 12) : 0xfffff000);
	}

	err |= ERR_P;
	if ((rights & PTE_U) && pkey_denies(v, &w, pte, access)) {
		err |= ERR_PK;
		goto fault;
	}
	if (!allowed(v, &w, rights, access))
		goto fault;
	if (mark_pte(v, &w, pte_gpa, pte, PTE_A | (access & X86_WALK_WRITE ? PTE_D : 0)) == 1 &&
	    --tries)
		goto again;

	if (w.wide)
		base = pte & GENMASK_ULL(51, 12);
	else if (level == 1)
		base = pte & 0xfffff000;
	else
		base = (pte & 0xffc00000) | (pte & GENMASK_ULL(20, 13)) << 19;
	return (base & ~(BIT_ULL(shift) - 1)) | (gva & (BIT_ULL(shift) - 1));

fault:
	*error = err;
	return ~0ull;
}

u64 x86_gva_to_gpa(struct x86_vcpu *v, u64 gva, u32 access, u32 *error)
{
	u64 gpa;
	int idx;

	if (!x86_paging(v))
		return gva;
	idx = srcu_read_lock(&v->core.vm->srcu);
	gpa = walk(v, gva, access, error);
	srcu_read_unlock(&v->core.vm->srcu, idx);
	return gpa;
}
