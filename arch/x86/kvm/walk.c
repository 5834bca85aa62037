// SPDX-License-Identifier: GPL-2.0-only
/* The guest's own page tables: from linear to guest physical addresses (SDM 4.3-4.6). */
#include <linux/mm.h>
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
	unsigned long cr0, cr3, cr4;
	bool lma, nx, wide;	/* wide: 8-byte entries (PAE or long mode) */
	int levels;
	u64 reserved;		/* address bits above the guest's MAXPHYADDR */
};

static void walk_mode(struct x86_vcpu *v, const struct x86_mode *m, struct walk *w)
{
	w->cr0 = m->cr0;
	w->cr3 = m->cr3;
	w->cr4 = m->cr4;
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

/* --- walks that were made before ------------------------------------------------------------ */

/*
 * CPUs without next-RIP save make each skipped instruction a fetch by software, and the drivers of
 * a guest access the same few device pages all the time. So the last walks are noted: what they were
 * for, and each entry that they met, with its host address. A walk is not made again when all of
 * these entries still hold what they held; since they are read, as a walk would read
 * them, there is nothing that a guest would have to invalidate.
 */

/* All that a walk's result depends on, besides the entries, in three words. */
struct walk_key {
	u64 page, mode, cr3;
	u32 pkru;
};

#define KEY_VALID	BIT_ULL(6)	/* X86_WALK_* that are in an error code are below it */
#define KEY_IMPLICIT	BIT_ULL(7)
#define KEY_AC		BIT_ULL(8)

static __always_inline struct walk_key walk_key(const struct x86_vcpu *v, const struct x86_mode *m,
						u64 gva, u32 access)
{
	return (struct walk_key){
		.page = (gva & PAGE_MASK) | KEY_VALID |
			(access & (X86_WALK_WRITE | X86_WALK_USER | X86_WALK_FETCH)) |
			(access & X86_WALK_IMPLICIT ? KEY_IMPLICIT : 0) |
			(v->rflags & X86_EFLAGS_AC ? KEY_AC : 0),
		/* CR0's bits in the place of these two are reserved. */
		.mode = (u32)m->cr0 | (v->efer & (EFER_LMA | EFER_NX)) | (u64)m->cr4 << 32,
		.cr3 = m->cr3,
		.pkru = v->pkru,
	};
}

/* Code and data have their own. */
static __always_inline struct x86_walk *walk_slot(struct x86_vcpu *v, u64 gva, u32 access)
{
	return &v->walks[(gva >> PAGE_SHIFT & 1) | (access & X86_WALK_FETCH ? 2 : 0)];
}

/* vm->srcu held. */
static __always_inline bool walk_fits(const struct x86_vcpu *v, const struct x86_walk *n,
				      const struct walk_key *key)
{
	const struct keel_vcpu *vcpu = &v->core;

	return n->page == key->page && n->mode == key->mode && n->cr3 == key->cr3 &&
	       n->pkru == key->pkru &&
	       n->gen == smp_load_acquire(&vcpu->vm->slots[vcpu->as_id].gen);
}

/*
 * Do the entries hold what they held? Their addresses were checked when they were noted. Within a
 * section of user access, which @label leaves.
 */
#define walk_check_entries(n, label)							\
	do {										\
		u64 now_;								\
		int i_;									\
											\
		for (i_ = 0; i_ < (n)->nr; i_++) {					\
			unsafe_get_user(now_, (u64 __user *)(n)->pte[i_].hva, label);	\
			if (now_ != (n)->pte[i_].val)					\
				goto label;						\
		}									\
	} while (0)

/* vm->srcu held. The address, or ~0: it has to be walked for. */
static u64 walked_before(struct x86_vcpu *v, const struct walk_key *key, u64 gva, u32 access)
{
	const struct x86_walk *n = walk_slot(v, gva, access);

	if (!walk_fits(v, n, key) ||
	    !user_access_begin((const void __user *)n->pte[0].hva, sizeof(u64)))
		return ~0ull;
	walk_check_entries(n, changed);
	user_access_end();
	return n->gpa | offset_in_page(gva);
changed:
	user_access_end();
	return ~0ull;
}

/**
 * x86_fetch_again - read instruction bytes where some were read before
 * @v: the vCPU, loaded
 * @m: its mode
 * @linear: their address
 * @bytes: where to
 *
 * May sleep. Return: true when there are 16 bytes; false: the way is through x86_gva_to_gpa(), whatever
 * the reason.
 */
bool x86_fetch_again(struct x86_vcpu *v, const struct x86_mode *m, u64 linear, u64 bytes[2])
{
	u32 access = X86_WALK_FETCH | (m->cpl == 3 ? X86_WALK_USER : 0);
	const struct x86_walk *n = walk_slot(v, linear, access);
	unsigned int offset = offset_in_page(linear);
	struct walk_key key = walk_key(v, m, linear, access);
	const u64 __user *code;
	bool done = false;
	int idx;

	if (offset > PAGE_SIZE - 16)
		return false;
	idx = srcu_read_lock(&v->core.vm->srcu);
	if (!walk_fits(v, n, &key) || !n->hva)
		goto out;
	code = (const u64 __user *)(n->hva + offset);
	if (!user_access_begin(code, 16))
		goto out;
	walk_check_entries(n, changed);
	unsafe_get_user(bytes[0], code, changed);
	unsafe_get_user(bytes[1], code + 1, changed);
	done = true;
changed:
	user_access_end();
out:
	srcu_read_unlock(&v->core.vm->srcu, idx);
	return done;
}

/* A walk's result changes with what the guest's CPUID says of physical addresses. */
void x86_walk_forget(struct x86_vcpu *v)
{
	memset(v->walks, 0, sizeof(v->walks));
}

/* --- the walk --------------------------------------------------------------------------------- */

static u64 walk(struct x86_vcpu *v, const struct x86_mode *m, const struct walk_key *key, u64 gva,
		u32 access, u32 *error)
{
	struct x86_walk *n = walk_slot(v, gva, access);
	u64 pte, table, pte_gpa, rights, base, marks;
	int level, index_bits, bytes, shift, tries = 8;
	unsigned long hva;
	struct walk w;
	u32 err;

	/* First: the slots that are found after it are at least as new. */
	n->gen = smp_load_acquire(&v->core.vm->slots[v->core.as_id].gen);
	n->page = 0;
	walk_mode(v, m, &w);
	if (access & X86_WALK_IMPLICIT)
		access &= ~X86_WALK_USER;
	index_bits = w.wide ? 9 : 10;
	bytes = w.wide ? 8 : 4;
again:
	err = access & (ERR_W | ERR_U);
	if ((access & X86_WALK_FETCH) && ((w.nx && w.wide) || (w.cr4 & X86_CR4_SMEP)))
		err |= ERR_I;
	rights = PTE_W | PTE_U;
	n->nr = 0;
	table = w.cr3 & (w.lma ? GENMASK_ULL(51, 12) : w.wide ? 0xffffffe0 : 0xfffff000);
	for (level = w.levels; ; level--) {
		bool leaf;

		shift = 12 + index_bits * (level - 1);
		pte_gpa = table + ((gva >> shift) & ((1u << index_bits) - 1)) * bytes;
		if (w.wide && !w.lma && level == 3)
			pte_gpa = table + ((gva >> 30) & 3) * 8;
		if (keel_entry_read(&v->core, pte_gpa, bytes, &pte, &hva))
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
		marks = w.wide && !w.lma && level == 3 ? 0 : PTE_A;
		if (keel_entry_mark(&v->core, pte_gpa, bytes, pte, marks) == 1 && --tries)
			goto again;
		n->pte[n->nr].hva = hva;
		n->pte[n->nr++].val = pte | marks;
		table = pte & (w.wide ? GENMASK_ULL(51, 12) : 0xfffff000);
	}

	err |= ERR_P;
	if ((rights & PTE_U) && pkey_denies(v, &w, pte, access)) {
		err |= ERR_PK;
		goto fault;
	}
	if (!allowed(v, &w, rights, access))
		goto fault;
	marks = PTE_A | (access & X86_WALK_WRITE ? PTE_D : 0);
	if (keel_entry_mark(&v->core, pte_gpa, bytes, pte, marks) == 1 && --tries)
		goto again;
	n->pte[n->nr].hva = hva;
	n->pte[n->nr++].val = pte | marks;

	if (w.wide)
		base = pte & GENMASK_ULL(51, 12);
	else if (level == 1)
		base = pte & 0xfffff000;
	else
		base = (pte & 0xffc00000) | (pte & GENMASK_ULL(20, 13)) << 19;
	base = (base & ~(BIT_ULL(shift) - 1)) | (gva & (BIT_ULL(shift) - 1));

	if (w.wide) {
		n->gpa = base & PAGE_MASK;
		n->hva = access & X86_WALK_FETCH ? keel_gpa_hva(&v->core, n->gpa, NULL) : 0;
		n->mode = key->mode;
		n->cr3 = key->cr3;
		n->pkru = key->pkru;
		n->page = key->page;
	}
	return base;

fault:
	*error = err;
	return ~0ull;
}

u64 x86_gva_to_gpa(struct x86_vcpu *v, u64 gva, u32 access, u32 *error)
{
	struct walk_key key;
	struct x86_mode m;
	u64 gpa;
	int idx;

	x86_be(get_mode)(v, &m);
	if (!(m.cr0 & X86_CR0_PG))
		return gva;
	key = walk_key(v, &m, gva, access);
	idx = srcu_read_lock(&v->core.vm->srcu);
	gpa = walked_before(v, &key, gva, access);
	if (gpa == ~0ull)
		gpa = walk(v, &m, &key, gva, access, error);
	srcu_read_unlock(&v->core.vm->srcu, idx);
	return gpa;
}
