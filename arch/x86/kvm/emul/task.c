// SPDX-License-Identifier: GPL-2.0-only
/* Hardware task switches between 16- and 32-bit task state segments (SDM 3A 8.3, APM 2 12.3). */
#include "insn.h"

#define TSS_BUSY	2
#define TSS_IS32	8
#define CR0_PG		(1ul << 31)
#define DR6_BT		(1ul << 15)
#define DR7_LOCAL	0x155ul

/*
 * Task state segments as memory images; selectors are followed by reserved words in the 32-bit one.
 */
struct tss32 {
	u16 link, r0;
	u32 esp0, ss0, esp1, ss1, esp2, ss2, cr3;
	u32 eip, eflags, gpr[8];
	struct {
		u16 sel, r;
	} seg[6];
	u16 ldt, r1, trap, iomap;
};

struct tss16 {
	u16 link, sp0, ss0, sp1, ss1, sp2, ss2;
	u16 ip, flags, gpr[8], seg[4], ldt;
};

/* What the current task leaves behind in its TSS, and where that lies. */
#define DYN32_START	offsetof(struct tss32, eip)
#define DYN32_SIZE	(offsetof(struct tss32, ldt) - DYN32_START)
#define DYN16_START	offsetof(struct tss16, ip)
#define DYN16_SIZE	(offsetof(struct tss16, ldt) - DYN16_START)

static int task_read(struct emul_ctxt *ctxt, u64 base, void *buf, unsigned int len)
{
	u8 *p = buf;
	unsigned int pos, n;
	int rc;

	for (pos = 0; pos < len; pos += n) {
		n = len - pos < EMUL_MAX_ACCESS ? len - pos : EMUL_MAX_ACCESS;
		rc = emul_read_linear(ctxt, (u32)(base + pos), p + pos, n, EMUL_A_SYSTEM);
		if (rc != EMUL_OK)
			return rc;
	}
	return EMUL_OK;
}

/*
 * The new state in one form: a 16-bit TSS is widened to the 32-bit image (FS and GS become null,
 * CR3 stays).
 */
static int load_image(struct emul_ctxt *ctxt, const struct emul_seg *seg, struct tss32 *new)
{
	struct tss16 t16;
	unsigned int i;
	int rc;

	if (seg->attr & TSS_IS32)
		return task_read(ctxt, seg->base, new, sizeof(*new));
	rc = task_read(ctxt, seg->base, &t16, sizeof(t16));
	if (rc != EMUL_OK)
		return rc;
	*new = (struct tss32){
		.link = t16.link, .eip = t16.ip, .eflags = t16.flags, .ldt = t16.ldt,
	};
	for (i = 0; i < 8; i++)
		new->gpr[i] = 0xffff0000u | t16.gpr[i];
	for (i = 0; i < 4; i++)
		new->seg[i].sel = t16.seg[i];
	return EMUL_OK;
}

/* Store the current task's registers in its TSS. */
static int save_image(struct emul_ctxt *ctxt, const struct emul_seg *old, u64 eip, u64 flags)
{
	unsigned int i;
	int rc;

	if (old->attr & TSS_IS32) {
		struct tss32 t;
		u64 at = (u32)(old->base + DYN32_START);

		if (old->limit < 0x67)
			return emul_sel_fault(ctxt, VEC_TS, old->selector);
		/* reserved words next to the selectors keep what they hold */
		rc = emul_read_linear(ctxt, at, (u8 *)&t + DYN32_START, DYN32_SIZE,
				      EMUL_A_SYSTEM | EMUL_A_WRITE);
		if (rc != EMUL_OK)
			return rc;
		t.eip = eip;
		t.eflags = flags;
		for (i = 0; i < 8; i++)
			t.gpr[i] = emul_reg_read(ctxt, i);
		for (i = 0; i < 6; i++)
			t.seg[i].sel = emul_seg(ctxt, i)->selector;
		return emul_write_linear(ctxt, at, (u8 *)&t + DYN32_START, DYN32_SIZE,
					 EMUL_A_SYSTEM);
	}
	if (old->limit < 0x2b)
		return emul_sel_fault(ctxt, VEC_TS, old->selector);
	{
		struct tss16 t;

		t.ip = eip;
		t.flags = flags;
		for (i = 0; i < 8; i++)
			t.gpr[i] = emul_reg_read(ctxt, i);
		for (i = 0; i < 4; i++)
			t.seg[i] = emul_seg(ctxt, i)->selector;
		return emul_write_linear(ctxt, (u32)(old->base + DYN16_START),
					 (u8 *)&t + DYN16_START, DYN16_SIZE, EMUL_A_SYSTEM);
	}
}

/* Clear the busy bit of the task that is left for good. */
static int clear_busy(struct emul_ctxt *ctxt, const struct emul_seg *old)
{
	struct emul_seg seg;
	u64 desc, addr;
	int rc = emul_read_desc(ctxt, old->selector, &desc, &addr, VEC_TS);

	if (rc != EMUL_OK)
		return rc;
	emul_unpack_desc(&seg, old->selector, desc);
	return emul_mark_desc(ctxt, addr, &seg, 0, TSS_BUSY);
}

/* The new task's TSS descriptor, checked for this kind of switch. */
static int find_tss(struct emul_ctxt *ctxt, u16 sel, enum emul_task_reason reason,
		    struct emul_seg *seg, u64 *addr)
{
	u8 vec = reason == EMUL_TASK_IRET ? VEC_TS : VEC_GP;
	unsigned int want = 1 | (reason == EMUL_TASK_IRET ? TSS_BUSY : 0);
	u64 desc;
	int rc;

	if (!(sel & 0xfffc) || (sel & 4))
		return emul_sel_fault(ctxt, vec, sel);
	rc = emul_read_desc(ctxt, sel, &desc, addr, vec);
	if (rc != EMUL_OK)
		return rc;
	emul_unpack_desc(seg, sel, desc);
	if ((seg->attr & (EMUL_SEG_S | EMUL_SEG_TYPE) & ~TSS_IS32) != want)
		return emul_sel_fault(ctxt, vec, sel);
	if (!(seg->attr & EMUL_SEG_P))
		return emul_sel_fault(ctxt, VEC_NP, sel);
	if (seg->limit < (seg->attr & TSS_IS32 ? 0x67u : 0x2bu))
		return emul_sel_fault(ctxt, VEC_TS, sel);
	return EMUL_OK;
}

static int load_task_cs(struct emul_ctxt *ctxt, u16 sel)
{
	unsigned int rpl = sel & 3, dpl;
	struct emul_seg seg;
	u64 desc, addr;
	int rc;

	if (!(sel & 0xfffc))
		return emul_sel_fault(ctxt, VEC_TS, sel);
	rc = emul_read_desc(ctxt, sel, &desc, &addr, VEC_TS);
	if (rc != EMUL_OK)
		return rc;
	emul_unpack_desc(&seg, sel, desc);
	dpl = emul_dpl(&seg);
	if (!emul_is_code(&seg) || (emul_is_conforming(&seg) ? dpl > rpl : dpl != rpl))
		return emul_sel_fault(ctxt, VEC_TS, sel);
	if (!(seg.attr & EMUL_SEG_P))
		return emul_sel_fault(ctxt, VEC_NP, sel);
	rc = emul_mark_desc(ctxt, addr, &seg, EMUL_SEG_ACCESSED, 0);
	if (rc == EMUL_OK)
		emul_commit_seg(ctxt, EMUL_CS, &seg);
	return rc;
}

/* Load LDTR and the segment registers of the new task; faults belong to it. */
static int load_segments(struct emul_ctxt *ctxt, const struct tss32 *new)
{
	static const u8 order[] = { EMUL_SS, EMUL_DS, EMUL_ES, EMUL_FS, EMUL_GS };
	struct emul_seg seg;
	unsigned int i;
	int rc;

	/* until they are loaded, the selectors are there, but nothing is usable */
	for (i = EMUL_ES; i <= EMUL_GS; i++) {
		u16 sel = new->seg[i].sel;

		if (ctxt->mode == EMUL_VM86) {
			emul_real_seg(ctxt, i, sel, &seg);
		} else {
			seg = (struct emul_seg){ .selector = sel };
			if (i == EMUL_SS || i == EMUL_CS)
				seg.attr = ctxt->cpl << EMUL_SEG_DPL_SHIFT;
		}
		emul_commit_seg(ctxt, i, &seg);
	}
	seg = (struct emul_seg){ .selector = new->ldt };
	emul_commit_seg(ctxt, EMUL_LDTR, &seg);

	rc = emul_check_ldt(ctxt, new->ldt, VEC_TS, &seg);
	if (rc != EMUL_OK)
		return rc;
	emul_commit_seg(ctxt, EMUL_LDTR, &seg);
	if (ctxt->mode == EMUL_VM86)
		return EMUL_OK;
	rc = load_task_cs(ctxt, new->seg[EMUL_CS].sel);
	for (i = 0; i < sizeof(order) && rc == EMUL_OK; i++) {
		rc = emul_check_data_seg(ctxt, order[i], new->seg[order[i]].sel, ctxt->cpl, VEC_TS,
					 &seg);
		if (rc == EMUL_OK)
			emul_commit_seg(ctxt, order[i], &seg);
	}
	return rc;
}

/* From here on the new task runs: a fault is its own, with all of its registers loaded. */
static int enter_task(struct emul_ctxt *ctxt, const struct emul_seg *tr, const struct tss32 *new,
		      bool has_error, u32 error)
{
	bool is32 = tr->attr & TSS_IS32;
	unsigned int i;
	u64 flags = new->eflags;
	int rc;

	if (is32 && (ctxt->ops->get_cr(ctxt, 0) & CR0_PG)) {
		rc = ctxt->ops->set_cr(ctxt, 3, new->cr3);
		if (rc != EMUL_OK)
			return rc;
	}
	rc = ctxt->ops->set_cr(ctxt, 0, ctxt->ops->get_cr(ctxt, 0) | CR0_TS);
	if (rc != EMUL_OK)
		return rc;
	emul_commit_seg(ctxt, EMUL_TR, tr);
	for (i = 0; i < 8; i++)
		emul_reg_write(ctxt, i, new->gpr[i]);
	ctxt->flags = (flags & FL_ALL & (is32 ? ~0ul : 0xfffful)) | FL_FIXED;
	ctxt->target = new->eip;
	ctxt->cpl = ctxt->flags & FL_VM ? 3 : new->seg[EMUL_CS].sel & 3;
	ctxt->new_cpl = ctxt->cpl;
	ctxt->mode = ctxt->flags & FL_VM ? EMUL_VM86 : EMUL_PROT32;
	ctxt->switched = true;
	ctxt->no_trap = true;

	rc = load_segments(ctxt, new);
	if (rc == EMUL_OK && has_error)
		rc = emul_push(ctxt, error, is32 ? 4 : 2);
	if (rc == EMUL_OK && ctxt->target > emul_seg(ctxt, EMUL_CS)->limit)
		rc = emul_gp(ctxt);
	/* local breakpoints are the old task's */
	if (rc == EMUL_OK && (ctxt->ops->get_dr(ctxt, 7) & DR7_LOCAL))
		rc = ctxt->ops->set_dr(ctxt, 7, ctxt->ops->get_dr(ctxt, 7) & ~DR7_LOCAL);
	if (rc == EMUL_OK && is32 && (new->trap & 1)) {
		rc = emul_raise(ctxt, VEC_DB);
		ctxt->exc.address = DR6_BT;
	}
	if (rc == EMUL_FAULT)
		emul_commit(ctxt);
	return rc;
}

int emul_task(struct emul_ctxt *ctxt, u16 sel, enum emul_task_reason reason, bool has_error,
	      u32 error_code, u64 ret)
{
	bool nested = reason == EMUL_TASK_CALL || reason == EMUL_TASK_GATE;
	struct emul_seg old = *emul_seg(ctxt, EMUL_TR), tr;
	u64 flags = ctxt->flags, addr;
	struct tss32 new;
	int rc;

	if (emul_long_mode(ctxt) || ctxt->mode == EMUL_REAL)
		return EMUL_FAIL;
	if (reason == EMUL_TASK_IRET)
		flags &= ~FL_NT;

	/* all reads of the new task come first */
	rc = find_tss(ctxt, sel, reason, &tr, &addr);
	if (rc == EMUL_OK)
		rc = load_image(ctxt, &tr, &new);
	if (rc == EMUL_OK)
		rc = save_image(ctxt, &old, ret, flags);
	if (rc == EMUL_OK && !nested)
		rc = clear_busy(ctxt, &old);
	if (rc == EMUL_OK && nested)
		rc = emul_write_linear(ctxt, (u32)tr.base, &old.selector, 2, EMUL_A_SYSTEM);
	if (rc == EMUL_OK)
		rc = emul_mark_desc(ctxt, addr, &tr, TSS_BUSY, 0);
	if (rc != EMUL_OK)
		return rc;
	if (nested)
		new.eflags |= FL_NT;
	return enter_task(ctxt, &tr, &new, has_error, error_code);
}

int emul_task_switch(struct emul_ctxt *ctxt, u16 selector, enum emul_task_reason reason,
		     bool has_error,
		     u32 error_code)
{
	int rc;

	emul_begin(ctxt);
	rc = emul_task(ctxt, selector, reason, has_error, error_code, ctxt->rip);
	if (rc == EMUL_OK)
		emul_commit(ctxt);
	return rc;
}
