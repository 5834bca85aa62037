// SPDX-License-Identifier: GPL-2.0-only
/* Segment descriptors: reading, checking, and the instructions about them. */
#include "insn.h"

#define TYPE_TSS16	1
#define TYPE_LDT	2
#define TYPE_TSS32	9

bool emul_long_mode(struct emul_ctxt *ctxt)
{
	if (ctxt->mode == EMUL_PROT64)
		return true;
	return emul_is_prot(ctxt) && (ctxt->ops->peek_msr(ctxt, IDX_EFER) & EFER_LMA_BIT);
}

/* An exception whose error code is a selector. */
int emul_sel_fault(struct emul_ctxt *ctxt, u8 vec, u16 sel)
{
	return emul_raise_error(ctxt, vec, sel & 0xfffc);
}

/* Linear address of a descriptor of @len bytes; false when it is outside its table. */
bool emul_desc_addr(struct emul_ctxt *ctxt, u16 sel, unsigned int len, u64 *addr)
{
	u32 offset = sel & 0xfff8;

	if (sel & 4) {
		const struct emul_seg *ldt = emul_seg(ctxt, EMUL_LDTR);

		if (!(ldt->attr & EMUL_SEG_P) || offset + len - 1 > ldt->limit)
			return false;
		*addr = ldt->base + offset;
	} else {
		struct emul_dtr gdt;

		ctxt->ops->get_gdt(ctxt, &gdt);
		if (offset + len - 1 > gdt.limit)
			return false;
		*addr = gdt.base + offset;
	}
	return true;
}

/* The descriptor of a selector that is not null; @vec is raised when there is none. */
int emul_read_desc(struct emul_ctxt *ctxt, u16 sel, u64 *desc, u64 *addr, u8 vec)
{
	if (!emul_desc_addr(ctxt, sel, 8, addr))
		return emul_sel_fault(ctxt, vec, sel);
	return emul_read_linear(ctxt, *addr, desc, 8, EMUL_A_SYSTEM);
}

void emul_unpack_desc(struct emul_seg *seg, u16 sel, u64 desc)
{
	seg->selector = sel;
	seg->base = ((desc >> 16) & 0xffffff) | (desc >> 56) << 24;
	seg->limit = (desc & 0xffff) | ((desc >> 32) & 0xf0000);
	seg->attr = ((desc >> 40) & 0xff) | ((desc >> 52) & 0xf) << 8;
	if (seg->attr & EMUL_SEG_G)
		seg->limit = seg->limit << 12 | 0xfff;
}

/*
 * Change a descriptor's type byte (accessed, busy) in memory and in @seg, unless it is so already.
 */
int emul_mark_desc(struct emul_ctxt *ctxt, u64 addr, struct emul_seg *seg, u8 set, u8 clear)
{
	u8 old = seg->attr, new = (old | set) & ~clear;
	int rc;

	if (old == new)
		return EMUL_OK;
	rc = ctxt->ops->compare_exchange(ctxt, addr + 5, &old, &new, 1, EMUL_A_SYSTEM);
	if (rc == EMUL_OK)
		seg->attr = (seg->attr & ~0xff) | new;
	return rc;
}

/*
 * Real and virtual-8086 mode: the selector gives the base. Real mode keeps what protected mode has
 * left in limit and type.
 */
void emul_real_seg(struct emul_ctxt *ctxt, unsigned int sreg, u16 sel, struct emul_seg *seg)
{
	if (ctxt->mode == EMUL_REAL) {
		*seg = *emul_seg(ctxt, sreg);
	} else {
		seg->limit = 0xffff;
		seg->attr = EMUL_SEG_P | EMUL_SEG_DPL | EMUL_SEG_S | EMUL_SEG_WRITE |
			EMUL_SEG_ACCESSED;
	}
	seg->selector = sel;
	seg->base = (u32)sel << 4;
}

/*
 * What may be loaded into SS, DS, ES, FS, GS (SDM 2 MOV, 3A 5.7). @vec is #GP, or #TS in a task
 * switch.
 */
int emul_check_data_seg(struct emul_ctxt *ctxt, unsigned int sreg, u16 sel, u8 cpl, u8 vec,
			struct emul_seg *seg)
{
	unsigned int rpl = sel & 3, dpl;
	u64 desc, addr;
	int rc;

	if (!(sel & 0xfffc)) {
		/* only 64-bit mode has a use for a null stack segment, whose DPL is then the CPL */
		if (sreg == EMUL_SS && (ctxt->mode != EMUL_PROT64 || cpl == 3 || rpl != cpl))
			return emul_sel_fault(ctxt, vec, 0);
		*seg = (struct emul_seg){ .selector = sel };
		if (sreg == EMUL_SS)
			seg->attr = cpl << EMUL_SEG_DPL_SHIFT;
		return EMUL_OK;
	}
	rc = emul_read_desc(ctxt, sel, &desc, &addr, vec);
	if (rc != EMUL_OK)
		return rc;
	emul_unpack_desc(seg, sel, desc);
	dpl = emul_dpl(seg);
	if (!(seg->attr & EMUL_SEG_S))
		return emul_sel_fault(ctxt, vec, sel);
	if (sreg == EMUL_SS) {
		if (rpl != cpl || dpl != cpl || !emul_is_writable(seg))
			return emul_sel_fault(ctxt, vec, sel);
		if (!(seg->attr & EMUL_SEG_P))
			return emul_sel_fault(ctxt, VEC_SS, sel);
	} else {
		if (emul_is_unreadable(seg))
			return emul_sel_fault(ctxt, vec, sel);
		if (!emul_is_conforming(seg) && (rpl > dpl || cpl > dpl))
			return emul_sel_fault(ctxt, vec, sel);
		if (!(seg->attr & EMUL_SEG_P))
			return emul_sel_fault(ctxt, VEC_NP, sel);
	}
	return emul_mark_desc(ctxt, addr, seg, EMUL_SEG_ACCESSED, 0);
}

/* System descriptors have 16 bytes in long mode: add the upper half of the base. */
static int read_upper_base(struct emul_ctxt *ctxt, u16 sel, struct emul_seg *seg)
{
	u64 upper, addr;
	int rc;

	if (!emul_long_mode(ctxt))
		return EMUL_OK;
	if (!emul_desc_addr(ctxt, sel, 16, &addr))
		return emul_sel_fault(ctxt, VEC_GP, sel);
	rc = emul_read_linear(ctxt, addr + 8, &upper, 8, EMUL_A_SYSTEM);
	if (rc != EMUL_OK)
		return rc;
	seg->base |= upper << 32;
	if (!emul_canonical(ctxt, seg->base))
		return emul_sel_fault(ctxt, VEC_GP, sel);
	return EMUL_OK;
}

int emul_check_ldt(struct emul_ctxt *ctxt, u16 sel, u8 vec, struct emul_seg *seg)
{
	u64 desc, addr;
	int rc;

	*seg = (struct emul_seg){ .selector = sel };
	if (!(sel & 0xfffc))
		return EMUL_OK;
	if (sel & 4)
		return emul_sel_fault(ctxt, vec, sel);
	rc = emul_read_desc(ctxt, sel, &desc, &addr, vec);
	if (rc != EMUL_OK)
		return rc;
	emul_unpack_desc(seg, sel, desc);
	if ((seg->attr & (EMUL_SEG_S | EMUL_SEG_TYPE)) != TYPE_LDT)
		return emul_sel_fault(ctxt, vec, sel);
	if (!(seg->attr & EMUL_SEG_P))
		return emul_sel_fault(ctxt, vec == VEC_TS ? VEC_TS : VEC_NP, sel);
	return read_upper_base(ctxt, sel, seg);
}

int ex_lldt(struct emul_ctxt *ctxt)
{
	struct emul_seg seg;
	int rc = emul_check_ldt(ctxt, ctxt->src.val, VEC_GP, &seg);

	if (rc == EMUL_OK)
		emul_commit_seg(ctxt, EMUL_LDTR, &seg);
	return rc;
}

int ex_ltr(struct emul_ctxt *ctxt)
{
	u16 sel = ctxt->src.val;
	struct emul_seg seg;
	unsigned int type;
	u64 desc, addr;
	int rc;

	if (!(sel & 0xfffc) || (sel & 4))
		return emul_sel_fault(ctxt, VEC_GP, sel);
	rc = emul_read_desc(ctxt, sel, &desc, &addr, VEC_GP);
	if (rc != EMUL_OK)
		return rc;
	emul_unpack_desc(&seg, sel, desc);
	type = seg.attr & (EMUL_SEG_S | EMUL_SEG_TYPE);
	if (type != TYPE_TSS32 && (type != TYPE_TSS16 || emul_long_mode(ctxt)))
		return emul_sel_fault(ctxt, VEC_GP, sel);
	if (!(seg.attr & EMUL_SEG_P))
		return emul_sel_fault(ctxt, VEC_NP, sel);
	rc = read_upper_base(ctxt, sel, &seg);
	if (rc == EMUL_OK)
		rc = emul_mark_desc(ctxt, addr, &seg, 2, 0);
	if (rc == EMUL_OK)
		emul_commit_seg(ctxt, EMUL_TR, &seg);
	return rc;
}

static bool umip_blocks(struct emul_ctxt *ctxt)
{
	return ctxt->cpl && (ctxt->ops->get_cr(ctxt, 4) & CR4_UMIP);
}

/* SLDT, STR: a word in memory, zero-extended in a register */
int ex_sldt(struct emul_ctxt *ctxt)
{
	if (umip_blocks(ctxt))
		return emul_gp(ctxt);
	ctxt->dst.val = emul_seg(ctxt, ctxt->insn.arg)->selector;
	if (ctxt->dst.kind == OP_MEM)
		ctxt->dst.bytes = 2;
	return EMUL_OK;
}

/* SGDT, SIDT */
int ex_sdt(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	struct emul_dtr dt;
	u8 buf[10];

	if (umip_blocks(ctxt))
		return emul_gp(ctxt);
	if (ctxt->insn.arg)
		ctxt->ops->get_idt(ctxt, &dt);
	else
		ctxt->ops->get_gdt(ctxt, &dt);
	memcpy(buf, &dt.limit, 2);
	memcpy(buf + 2, &dt.base, bytes);
	return emul_write(ctxt, ctxt->src.seg, ctxt->src.ea, buf, bytes + 2);
}

/* LGDT, LIDT */
int ex_ldt(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	struct emul_dtr dt = { .base = 0 };
	u8 buf[10];
	int rc = emul_read(ctxt, ctxt->src.seg, ctxt->src.ea, buf, bytes + 2, 0);

	if (rc != EMUL_OK)
		return rc;
	memcpy(&dt.limit, buf, 2);
	memcpy(&dt.base, buf + 2, bytes);
	/* a word operand has a base of 24 bits */
	if (bytes == 4 && (ctxt->mode == EMUL_PROT32) == ctxt->insn.opsize)
		dt.base &= 0xffffff;
	if (!emul_canonical(ctxt, dt.base))
		return emul_gp(ctxt);
	if (ctxt->insn.arg)
		ctxt->ops->set_idt(ctxt, &dt);
	else
		ctxt->ops->set_gdt(ctxt, &dt);
	return EMUL_OK;
}

/*
 * VERR, VERW, LAR, LSL look at a descriptor without faulting when they may not see it. *ok tells
 * whether there is one whose privilege allows the look.
 */
static int inspect(struct emul_ctxt *ctxt, u16 sel, u64 *desc, struct emul_seg *seg, bool *ok)
{
	unsigned int dpl, rpl = sel & 3;
	u64 addr;
	int rc;

	*ok = false;
	if (!(sel & 0xfffc) || !emul_desc_addr(ctxt, sel, 8, &addr))
		return EMUL_OK;
	rc = emul_read_linear(ctxt, addr, desc, 8, EMUL_A_SYSTEM);
	if (rc != EMUL_OK)
		return rc;
	emul_unpack_desc(seg, sel, *desc);
	dpl = emul_dpl(seg);
	*ok = emul_is_conforming(seg) || (dpl >= ctxt->cpl && dpl >= rpl);
	return EMUL_OK;
}

/*
 * Bit n: system descriptor type n is valid for LAR; the subset for LSL has no gates. Long mode has
 * fewer types.
 */
#define LAR_TYPES	0x1a3e
#define LAR_TYPES_LONG	0x1a04
#define LSL_TYPES	0x0a0e
#define LSL_TYPES_LONG	0x0a04

static bool valid_type(struct emul_ctxt *ctxt, const struct emul_seg *seg, u16 types,
		       u16 types_long)
{
	if (seg->attr & EMUL_SEG_S)
		return true;
	return ((emul_long_mode(ctxt) ? types_long : types) >> (seg->attr & EMUL_SEG_TYPE)) & 1;
}

/* VERR, VERW */
int ex_verify(struct emul_ctxt *ctxt)
{
	struct emul_seg seg;
	u64 desc;
	bool ok;
	int rc = inspect(ctxt, ctxt->src.val, &desc, &seg, &ok);

	if (rc != EMUL_OK)
		return rc;
	if (ok && ctxt->insn.arg)
		ok = emul_is_writable(&seg);
	else if (ok)
		ok = (seg.attr & EMUL_SEG_S) && !emul_is_unreadable(&seg);
	emul_flag(ctxt, FL_ZF, ok);
	return EMUL_OK;
}

int ex_lar(struct emul_ctxt *ctxt)
{
	struct emul_seg seg;
	u64 desc;
	bool ok;
	int rc = inspect(ctxt, ctxt->src.val, &desc, &seg, &ok);

	if (rc != EMUL_OK)
		return rc;
	ok = ok && valid_type(ctxt, &seg, LAR_TYPES, LAR_TYPES_LONG);
	emul_flag(ctxt, FL_ZF, ok);
	if (ok)
		ctxt->dst.val = (desc >> 32) & 0xffff00;
	else
		ctxt->no_writeback = true;
	return EMUL_OK;
}

int ex_lsl(struct emul_ctxt *ctxt)
{
	struct emul_seg seg;
	u64 desc;
	bool ok;
	int rc = inspect(ctxt, ctxt->src.val, &desc, &seg, &ok);

	if (rc != EMUL_OK)
		return rc;
	ok = ok && valid_type(ctxt, &seg, LSL_TYPES, LSL_TYPES_LONG);
	emul_flag(ctxt, FL_ZF, ok);
	if (ok)
		ctxt->dst.val = seg.limit;
	else
		ctxt->no_writeback = true;
	return EMUL_OK;
}

int ex_arpl(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;
	unsigned int rpl = ctxt->src.val & 3;
	bool lower = (dst->val & 3) < rpl;

	emul_flag(ctxt, FL_ZF, lower);
	if (lower)
		dst->val = (dst->val & ~3ull) | rpl;
	else
		ctxt->no_writeback = true;
	return EMUL_OK;
}
