// SPDX-License-Identifier: GPL-2.0-only
/* Memory as an instruction sees it: effective addresses, segmentation, the stack. */
#include "insn.h"

/* Offset of the memory operand within its segment. */
u64 emul_mem_ea(struct emul_ctxt *ctxt)
{
	struct emul_insn *in = &ctxt->insn;
	u64 ea = in->disp;

	if (in->rip_rel)
		ea += ctxt->next_rip;
	if (in->base < EMUL_NR_REGS)
		ea += emul_reg_read(ctxt, in->base);
	if (in->index < EMUL_NR_REGS)
		ea += emul_reg_read(ctxt, in->index) << in->scale;
	return ea & emul_mask(in->ad_bytes);
}

const struct emul_seg *emul_seg(struct emul_ctxt *ctxt, unsigned int sreg)
{
	if (!(ctxt->seg_valid & (1u << sreg))) {
		ctxt->ops->get_seg(ctxt, sreg, &ctxt->seg[sreg]);
		ctxt->seg_valid |= 1u << sreg;
	}
	return &ctxt->seg[sreg];
}

void emul_commit_seg(struct emul_ctxt *ctxt, unsigned int sreg, const struct emul_seg *seg)
{
	ctxt->seg[sreg] = *seg;
	ctxt->seg_valid |= 1u << sreg;
	ctxt->ops->set_seg(ctxt, sreg, seg);
}

bool emul_canonical(struct emul_ctxt *ctxt, u64 addr)
{
	/* only an address that fails with 48 bits makes it worth asking for 57 */
	if ((u64)((s64)(addr << 16) >> 16) == addr)
		return true;
	return (u64)((s64)(addr << 7) >> 7) == addr && (ctxt->ops->get_cr(ctxt, 4) & CR4_LA57);
}

static int segment_fault(struct emul_ctxt *ctxt, int sreg)
{
	return emul_raise_error(ctxt, sreg == EMUL_SS ? VEC_SS : VEC_GP, 0);
}

static bool within_limit(const struct emul_seg *seg, u64 ea, unsigned int len)
{
	u64 last = ea + len - 1;

	if ((seg->attr & (EMUL_SEG_CODE | EMUL_SEG_DOWN)) == EMUL_SEG_DOWN)
		return ea > seg->limit && last <= emul_mask(seg->attr & EMUL_SEG_DB ? 4 : 2);
	return last <= seg->limit;
}

/* Segmentation (SDM 3A 5.3, 5.4, 3.4.4): what the segment allows, and the linear address. */
int emul_linear(struct emul_ctxt *ctxt, int sreg, u64 ea, unsigned int len, unsigned int flags,
		u64 *linear)
{
	const struct emul_seg *seg;

	if (ctxt->mode == EMUL_PROT64) {
		if (sreg == EMUL_FS || sreg == EMUL_GS)
			ea += emul_seg(ctxt, sreg)->base;
		if (!emul_canonical(ctxt, ea) || !emul_canonical(ctxt, ea + len - 1))
			return segment_fault(ctxt, sreg);
		*linear = ea;
		return EMUL_OK;
	}

	seg = emul_seg(ctxt, sreg);
	if (emul_is_prot(ctxt)) {
		if (!(seg->attr & EMUL_SEG_P))
			return segment_fault(ctxt, sreg);
		/* bit 1 is writable for data, readable for code, which nobody can write */
		if (seg->attr & EMUL_SEG_CODE) {
			if ((flags & EMUL_A_WRITE) || !(seg->attr & EMUL_SEG_WRITE))
				return segment_fault(ctxt, sreg);
		} else if ((flags & EMUL_A_WRITE) && !(seg->attr & EMUL_SEG_WRITE)) {
			return segment_fault(ctxt, sreg);
		}
	}
	if (!within_limit(seg, ea, len))
		return segment_fault(ctxt, sreg);
	*linear = (u32)(seg->base + ea);
	return EMUL_OK;
}

/* The memory operand's alignment: that comes before all else that may be wrong with an address. */
int emul_check_aligned(struct emul_ctxt *ctxt, unsigned int len)
{
	int sreg = ctxt->insn.seg;
	u64 linear = emul_mem_ea(ctxt);

	if (ctxt->mode != EMUL_PROT64 || sreg == EMUL_FS || sreg == EMUL_GS)
		linear += emul_seg(ctxt, sreg)->base;
	return linear & (len - 1) ? emul_gp(ctxt) : EMUL_OK;
}

static unsigned int user_flag(struct emul_ctxt *ctxt, unsigned int flags)
{
	return !(flags & EMUL_A_SYSTEM) && ctxt->cpl == 3 ? EMUL_A_USER : 0;
}

/* Outside 64-bit mode linear addresses wrap at 4 GiB: how many bytes come before that? */
static unsigned int before_wrap(struct emul_ctxt *ctxt, u64 linear, unsigned int len)
{
	if (ctxt->mode == EMUL_PROT64 || linear + len <= (1ull << 32))
		return len;
	return linear < (1ull << 32) ? (1ull << 32) - linear : len;
}

int emul_read_linear(struct emul_ctxt *ctxt, u64 linear, void *buf, unsigned int len,
		     unsigned int flags)
{
	unsigned int head = before_wrap(ctxt, linear, len);
	u8 *p = buf;
	int rc;

	flags |= user_flag(ctxt, flags);
	rc = ctxt->ops->read(ctxt, linear, p, head, flags);
	if (rc == EMUL_OK && head < len)
		rc = ctxt->ops->read(ctxt, 0, p + head, len - head, flags);
	return rc;
}

int emul_write_linear(struct emul_ctxt *ctxt, u64 linear, const void *buf, unsigned int len,
		      unsigned int flags)
{
	unsigned int head = before_wrap(ctxt, linear, len);
	const u8 *p = buf;
	int rc;

	flags |= user_flag(ctxt, flags);
	rc = ctxt->ops->write(ctxt, linear, p, head, flags);
	if (rc == EMUL_OK && head < len)
		rc = ctxt->ops->write(ctxt, 0, p + head, len - head, flags);
	return rc;
}

int emul_read(struct emul_ctxt *ctxt, int sreg, u64 ea, void *buf, unsigned int len,
	      unsigned int flags)
{
	u64 linear;
	int rc = emul_linear(ctxt, sreg, ea, len, flags, &linear);

	return rc == EMUL_OK ? emul_read_linear(ctxt, linear, buf, len, flags) : rc;
}

int emul_write(struct emul_ctxt *ctxt, int sreg, u64 ea, const void *buf, unsigned int len)
{
	u64 linear;
	int rc = emul_linear(ctxt, sreg, ea, len, EMUL_A_WRITE, &linear);

	return rc == EMUL_OK ? emul_write_linear(ctxt, linear, buf, len, 0) : rc;
}

int emul_cmpxchg(struct emul_ctxt *ctxt, int sreg, u64 ea, const void *old, const void *new,
		 unsigned int len)
{
	u64 linear;
	int rc = emul_linear(ctxt, sreg, ea, len, EMUL_A_WRITE, &linear);

	if (rc != EMUL_OK)
		return rc;
	if (before_wrap(ctxt, linear, len) != len)
		return EMUL_FAIL;
	return ctxt->ops->compare_exchange(ctxt, linear, old, new, len, user_flag(ctxt, 0));
}

static unsigned int stack_width(struct emul_ctxt *ctxt)
{
	if (ctxt->mode == EMUL_PROT64)
		return 8;
	return emul_seg(ctxt, EMUL_SS)->attr & EMUL_SEG_DB ? 4 : 2;
}

u64 emul_stack_mask(struct emul_ctxt *ctxt)
{
	return emul_mask(stack_width(ctxt));
}

void emul_move_sp(struct emul_ctxt *ctxt, s64 delta)
{
	emul_reg_set(ctxt, EMUL_RSP, emul_reg_read(ctxt, EMUL_RSP) + delta, stack_width(ctxt));
}

int emul_push(struct emul_ctxt *ctxt, u64 val, unsigned int bytes)
{
	u64 sp = (emul_reg_read(ctxt, EMUL_RSP) - bytes) & emul_stack_mask(ctxt);
	int rc = emul_write(ctxt, EMUL_SS, sp, &val, bytes);

	if (rc == EMUL_OK)
		emul_move_sp(ctxt, -(s64)bytes);
	return rc;
}

/*
 * Push several values, the first one first; in one write where the stack does not wrap, so that all
 * or nothing happens.
 */
int emul_push_many(struct emul_ctxt *ctxt, const u64 *vals, unsigned int nr, unsigned int bytes)
{
	u64 sp = emul_reg_read(ctxt, EMUL_RSP) & emul_stack_mask(ctxt);
	u8 buf[EMUL_MAX_ACCESS];
	unsigned int i;
	int rc;

	if (nr * bytes > sizeof(buf) || sp < nr * bytes) {
		for (i = 0; i < nr; i++) {
			rc = emul_push(ctxt, vals[i], bytes);
			if (rc != EMUL_OK)
				return rc;
		}
		return EMUL_OK;
	}
	for (i = 0; i < nr; i++)
		memcpy(buf + (nr - 1 - i) * bytes, &vals[i], bytes);
	rc = emul_write(ctxt, EMUL_SS, sp - nr * bytes, buf, nr * bytes);
	if (rc == EMUL_OK)
		emul_move_sp(ctxt, -(s64)(nr * bytes));
	return rc;
}

/* Read @bytes at an offset from the stack pointer, which does not move. */
int emul_peek(struct emul_ctxt *ctxt, unsigned int offset, u64 *val, unsigned int bytes)
{
	u64 sp = (emul_reg_read(ctxt, EMUL_RSP) + offset) & emul_stack_mask(ctxt);

	*val = 0;
	return emul_read(ctxt, EMUL_SS, sp, val, bytes, 0);
}
