// SPDX-License-Identifier: GPL-2.0-only
/*
 * Far control transfers: jumps, calls, returns, interrupt returns, SYSCALL and SYSENTER, real-mode
 * interrupts.
 */
#include "insn.h"

#define TYPE_GATE16	4
#define TYPE_TASK_GATE	5
#define TYPE_GATE32	12

#define ATTR_CODE64	(EMUL_SEG_G | EMUL_SEG_L | EMUL_SEG_P | EMUL_SEG_S | 0xb)
#define ATTR_CODE32	(EMUL_SEG_G | EMUL_SEG_DB | EMUL_SEG_P | EMUL_SEG_S | 0xb)
#define ATTR_DATA32	(EMUL_SEG_G | EMUL_SEG_DB | EMUL_SEG_P | EMUL_SEG_S | 0x3)

/* A code segment's descriptor, fetched and checked for everything but privilege. */
static int read_code_seg(struct emul_ctxt *ctxt, u16 sel, struct emul_seg *seg, u64 *addr)
{
	u64 desc;
	int rc;

	if (!(sel & 0xfffc))
		return emul_gp(ctxt);
	rc = emul_read_desc(ctxt, sel, &desc, addr, VEC_GP);
	if (rc == EMUL_OK)
		emul_unpack_desc(seg, sel, desc);
	return rc;
}

/*
 * Make @seg the target's code segment: the offset must fit. @mode64 tells whether that segment is
 * 64-bit.
 */
static int check_code_target(struct emul_ctxt *ctxt, const struct emul_seg *seg, u64 *off,
			     bool *mode64)
{
	bool lma = emul_long_mode(ctxt);

	*mode64 = lma && (seg->attr & EMUL_SEG_L);
	if (*mode64) {
		if (seg->attr & EMUL_SEG_DB)
			return emul_sel_fault(ctxt, VEC_GP, seg->selector);
		if (!emul_canonical(ctxt, *off))
			return emul_gp(ctxt);
		return EMUL_OK;
	}
	*off = (u32)*off;
	return *off > seg->limit ? emul_gp(ctxt) : EMUL_OK;
}

/* Same privilege: the last steps of a far jump or call, through a gate or not. */
static int enter_code_seg(struct emul_ctxt *ctxt, struct emul_seg *seg, u64 addr, u64 off,
			  unsigned int bytes, bool call)
{
	bool mode64;
	u64 vals[2];
	int rc;

	if (!(seg->attr & EMUL_SEG_P))
		return emul_sel_fault(ctxt, VEC_NP, seg->selector);
	rc = check_code_target(ctxt, seg, &off, &mode64);
	if (rc == EMUL_OK)
		rc = emul_mark_desc(ctxt, addr, seg, EMUL_SEG_ACCESSED, 0);
	if (rc == EMUL_OK && call) {
		vals[0] = emul_seg(ctxt, EMUL_CS)->selector;
		vals[1] = ctxt->next_rip;
		rc = emul_push_many(ctxt, vals, 2, bytes);
	}
	if (rc != EMUL_OK)
		return rc;
	seg->selector = (seg->selector & ~3) | ctxt->cpl;
	ctxt->target = off;
	emul_commit_seg(ctxt, EMUL_CS, seg);
	return EMUL_OK;
}

/*
 * A call gate's target; a more privileged one would need the stack switch, which is not emulated.
 */
static int far_gate(struct emul_ctxt *ctxt, u16 gate_sel, u64 gate, unsigned int type, bool call)
{
	bool lma = emul_long_mode(ctxt);
	unsigned int bytes = lma ? 8 : type == TYPE_GATE16 ? 2 : 4;
	u16 sel = gate >> 16;
	u64 off = (gate & 0xffff) | (bytes > 2 ? (gate >> 48) << 16 : 0);
	struct emul_seg seg;
	u64 addr, upper;
	int rc;

	if (lma) {
		if (!emul_desc_addr(ctxt, gate_sel, 16, &addr))
			return emul_sel_fault(ctxt, VEC_GP, gate_sel);
		rc = emul_read_linear(ctxt, addr + 8, &upper, 8, EMUL_A_SYSTEM);
		if (rc != EMUL_OK)
			return rc;
		if ((upper >> 40) & 0x1f)
			return emul_sel_fault(ctxt, VEC_GP, gate_sel);
		off |= upper << 32;
	}
	rc = read_code_seg(ctxt, sel, &seg, &addr);
	if (rc != EMUL_OK)
		return rc;
	if (!emul_is_code(&seg) || emul_dpl(&seg) > ctxt->cpl)
		return emul_sel_fault(ctxt, VEC_GP, sel);
	if (lma && (seg.attr & (EMUL_SEG_L | EMUL_SEG_DB)) != EMUL_SEG_L)
		return emul_sel_fault(ctxt, VEC_GP, sel);
	if (!emul_is_conforming(&seg) && emul_dpl(&seg) < ctxt->cpl)
		return call ? EMUL_FAIL : emul_sel_fault(ctxt, VEC_GP, sel);
	return enter_code_seg(ctxt, &seg, addr, off, bytes, call);
}

/* Far transfer through a system descriptor: a call gate, a task gate or a TSS. */
static int far_system(struct emul_ctxt *ctxt, const struct emul_seg *seg, u64 desc, bool call)
{
	unsigned int type = seg->attr & EMUL_SEG_TYPE;
	u16 sel = seg->selector;
	bool lma = emul_long_mode(ctxt);

	switch (type) {
	case TYPE_GATE32:
		break;
	case TYPE_GATE16:
	case TYPE_TASK_GATE:
	case 1:
	case 9:
		if (!lma)
			break;
		fallthrough;
	default:
		return emul_sel_fault(ctxt, VEC_GP, sel);
	}
	if (emul_dpl(seg) < ctxt->cpl || emul_dpl(seg) < (sel & 3u))
		return emul_sel_fault(ctxt, VEC_GP, sel);
	if (!(seg->attr & EMUL_SEG_P))
		return emul_sel_fault(ctxt, VEC_NP, sel);
	if (type == TYPE_GATE32 || type == TYPE_GATE16)
		return far_gate(ctxt, sel, desc, type, call);
	if (type == TYPE_TASK_GATE)
		sel = desc >> 16;
	return emul_task(ctxt, sel, call ? EMUL_TASK_CALL : EMUL_TASK_JMP, false, 0,
			 ctxt->next_rip);
}

static int far_protected(struct emul_ctxt *ctxt, u16 sel, u64 off, unsigned int bytes, bool call)
{
	struct emul_seg seg;
	u64 desc, addr;
	bool allowed;
	int rc;

	if (!(sel & 0xfffc))
		return emul_gp(ctxt);
	rc = emul_read_desc(ctxt, sel, &desc, &addr, VEC_GP);
	if (rc != EMUL_OK)
		return rc;
	emul_unpack_desc(&seg, sel, desc);
	if (!(seg.attr & EMUL_SEG_S))
		return far_system(ctxt, &seg, desc, call);
	if (emul_is_conforming(&seg))
		allowed = emul_dpl(&seg) <= ctxt->cpl;
	else
		allowed = (sel & 3) <= ctxt->cpl && emul_dpl(&seg) == ctxt->cpl;
	if (!emul_is_code(&seg) || !allowed)
		return emul_sel_fault(ctxt, VEC_GP, sel);
	return enter_code_seg(ctxt, &seg, addr, off, bytes, call);
}

/* Real and virtual-8086 mode. */
static int far_real(struct emul_ctxt *ctxt, u16 sel, u64 off, unsigned int bytes, bool call)
{
	struct emul_seg seg;
	u64 vals[2];
	int rc;

	emul_real_seg(ctxt, EMUL_CS, sel, &seg);
	off &= emul_mask(bytes);
	if (off > seg.limit)
		return emul_gp(ctxt);
	if (call) {
		vals[0] = emul_seg(ctxt, EMUL_CS)->selector;
		vals[1] = ctxt->next_rip;
		rc = emul_push_many(ctxt, vals, 2, bytes);
		if (rc != EMUL_OK)
			return rc;
	}
	ctxt->target = off;
	emul_commit_seg(ctxt, EMUL_CS, &seg);
	return EMUL_OK;
}

static int far_transfer(struct emul_ctxt *ctxt, u16 sel, u64 off, bool call)
{
	unsigned int bytes = ctxt->insn.op_bytes;

	if (emul_is_prot(ctxt))
		return far_protected(ctxt, sel, off, bytes, call);
	return far_real(ctxt, sel, off, bytes, call);
}

int ex_far_imm(struct emul_ctxt *ctxt)
{
	return far_transfer(ctxt, ctxt->insn.imm2, ctxt->insn.imm, ctxt->insn.arg);
}

int ex_far_mem(struct emul_ctxt *ctxt)
{
	u64 off;
	u16 sel;
	int rc = emul_read_far(ctxt, &off, &sel);

	return rc == EMUL_OK ? far_transfer(ctxt, sel, off, ctxt->insn.arg) : rc;
}

/* What RETF and IRET take from the stack. */
struct frame {
	u64 ip, sp;
	u16 cs, ss;
	bool stack;	/* SP and SS are part of it */
	bool mode64;	/* the target is 64-bit code */
	struct emul_seg code, data;
};

static int pop_real(struct emul_ctxt *ctxt, struct frame *f, u64 *flags)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	u64 cs;
	int rc;

	rc = emul_peek(ctxt, 0, &f->ip, bytes);
	if (rc == EMUL_OK)
		rc = emul_peek(ctxt, bytes, &cs, bytes);
	if (rc == EMUL_OK && flags)
		rc = emul_peek(ctxt, 2 * bytes, flags, bytes);
	if (rc != EMUL_OK)
		return rc;
	emul_real_seg(ctxt, EMUL_CS, cs, &f->code);
	return f->ip > f->code.limit ? emul_gp(ctxt) : EMUL_OK;
}

/*
 * Protected-mode return to f->cs:f->ip: check the code segment, and fetch and check the stack,
 * which lies at @offset from the stack pointer, if the privilege changes (or always, with f->stack:
 * IRETQ).
 */
static int check_return(struct emul_ctxt *ctxt, struct frame *f, unsigned int offset)
{
	unsigned int bytes = ctxt->insn.op_bytes, rpl = f->cs & 3;
	u64 addr, ss;
	int rc;

	rc = read_code_seg(ctxt, f->cs, &f->code, &addr);
	if (rc != EMUL_OK)
		return rc;
	if (!emul_is_code(&f->code) || rpl < ctxt->cpl)
		return emul_sel_fault(ctxt, VEC_GP, f->cs);
	if (emul_is_conforming(&f->code) ? emul_dpl(&f->code) > rpl : emul_dpl(&f->code) != rpl)
		return emul_sel_fault(ctxt, VEC_GP, f->cs);
	if (!(f->code.attr & EMUL_SEG_P))
		return emul_sel_fault(ctxt, VEC_NP, f->cs);
	rc = check_code_target(ctxt, &f->code, &f->ip, &f->mode64);
	if (rc != EMUL_OK)
		return rc;
	if (rpl != ctxt->cpl)
		f->stack = true;
	if (f->stack) {
		enum emul_mode mode = ctxt->mode;

		rc = emul_peek(ctxt, offset, &f->sp, bytes);
		if (rc == EMUL_OK)
			rc = emul_peek(ctxt, offset + bytes, &ss, bytes);
		if (rc != EMUL_OK)
			return rc;
		f->ss = ss;
		/* whether a null SS is good depends on where the return goes */
		ctxt->mode = f->mode64 ? EMUL_PROT64 : EMUL_PROT32;
		rc = emul_check_data_seg(ctxt, EMUL_SS, f->ss, rpl, VEC_GP, &f->data);
		ctxt->mode = mode;
		if (rc != EMUL_OK)
			return rc;
	}
	return emul_mark_desc(ctxt, addr, &f->code, EMUL_SEG_ACCESSED, 0);
}

/* A less privileged level must not inherit data segments that it could not load itself. */
static void drop_segments(struct emul_ctxt *ctxt, unsigned int cpl)
{
	static const u8 data[] = { EMUL_ES, EMUL_DS, EMUL_FS, EMUL_GS };
	unsigned int i;

	for (i = 0; i < sizeof(data); i++) {
		const struct emul_seg *seg = emul_seg(ctxt, data[i]);
		struct emul_seg none = { .base = 0 };

		if (!(seg->attr & EMUL_SEG_P) || emul_dpl(seg) >= cpl)
			continue;
		if (!emul_is_conforming(seg))
			emul_commit_seg(ctxt, data[i], &none);
	}
}

/* Everything is checked: return. @pop is what leaves the stack, @extra what RETF n adds. */
static int finish_return(struct emul_ctxt *ctxt, struct frame *f, unsigned int pop,
			 unsigned int extra)
{
	unsigned int rpl = f->cs & 3;

	ctxt->target = f->ip;
	if (f->stack) {
		unsigned int width = f->mode64 ? 8 : f->data.attr & EMUL_SEG_DB ? 4 : 2;

		emul_reg_set(ctxt, EMUL_RSP, f->sp + extra, width);
		emul_commit_seg(ctxt, EMUL_SS, &f->data);
	} else {
		emul_move_sp(ctxt, pop + extra);
	}
	emul_commit_seg(ctxt, EMUL_CS, &f->code);
	if (rpl != ctxt->cpl)
		drop_segments(ctxt, rpl);
	ctxt->new_cpl = rpl;
	return EMUL_OK;
}

int ex_retf(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	unsigned int extra = (u16)ctxt->insn.imm;
	struct frame f = { .ip = 0 };
	u64 cs;
	int rc;

	if (!emul_is_prot(ctxt)) {
		rc = pop_real(ctxt, &f, NULL);
		if (rc != EMUL_OK)
			return rc;
		ctxt->target = f.ip;
		emul_move_sp(ctxt, 2 * bytes + extra);
		emul_commit_seg(ctxt, EMUL_CS, &f.code);
		return EMUL_OK;
	}
	rc = emul_peek(ctxt, 0, &f.ip, bytes);
	if (rc == EMUL_OK)
		rc = emul_peek(ctxt, bytes, &cs, bytes);
	if (rc != EMUL_OK)
		return rc;
	f.cs = cs;
	rc = check_return(ctxt, &f, 2 * bytes + extra);
	return rc == EMUL_OK ? finish_return(ctxt, &f, 2 * bytes, extra) : rc;
}

static int iret_real(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	u64 mask = (emul_writable_flags(ctxt, bytes) | FL_RF) & emul_mask(bytes);
	struct frame f = { .ip = 0 };
	u64 flags;
	int rc;

	if (ctxt->mode == EMUL_VM86 && emul_iopl(ctxt) < 3) {
		/* with the virtual interrupt flag there would be more to it */
		if (bytes == 2 && (ctxt->ops->get_cr(ctxt, 4) & CR4_VME))
			return EMUL_FAIL;
		return emul_gp(ctxt);
	}
	rc = pop_real(ctxt, &f, &flags);
	if (rc != EMUL_OK)
		return rc;
	ctxt->flags = (ctxt->flags & ~mask) | (flags & mask);
	ctxt->target = f.ip;
	emul_move_sp(ctxt, 3 * bytes);
	emul_commit_seg(ctxt, EMUL_CS, &f.code);
	return EMUL_OK;
}

/* IRETD to virtual-8086 mode, from CPL 0 (SDM 3B 21.2.5). */
static int iret_vm86(struct emul_ctxt *ctxt, u64 ip, u16 cs, u64 flags)
{
	static const u8 order[] = { EMUL_SS, EMUL_ES, EMUL_DS, EMUL_FS, EMUL_GS };
	enum emul_mode mode = ctxt->mode;
	u64 sp, sel[5];
	struct emul_seg seg;
	unsigned int i;
	int rc;

	rc = emul_peek(ctxt, 12, &sp, 4);
	for (i = 0; i < 5 && rc == EMUL_OK; i++)
		rc = emul_peek(ctxt, 16 + 4 * i, &sel[i], 2);
	if (rc != EMUL_OK)
		return rc;
	ip = (u16)ip;
	ctxt->mode = EMUL_VM86;
	for (i = 0; i < 5; i++) {
		emul_real_seg(ctxt, order[i], sel[i], &seg);
		emul_commit_seg(ctxt, order[i], &seg);
	}
	emul_real_seg(ctxt, EMUL_CS, cs, &seg);
	emul_commit_seg(ctxt, EMUL_CS, &seg);
	ctxt->mode = mode;
	emul_reg_set(ctxt, EMUL_RSP, sp, 4);
	ctxt->flags = (flags & FL_ALL) | FL_FIXED;
	ctxt->target = ip;
	ctxt->new_cpl = 3;
	return EMUL_OK;
}

static int iret_protected(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	struct frame f = { .stack = ctxt->mode == EMUL_PROT64 };
	u64 cs, flags, mask;
	int rc;

	if (ctxt->flags & FL_NT) {
		u16 link;

		if (emul_long_mode(ctxt))
			return emul_gp(ctxt);
		rc = emul_read_linear(ctxt, emul_seg(ctxt, EMUL_TR)->base, &link, 2, EMUL_A_SYSTEM);
		if (rc != EMUL_OK)
			return rc;
		return emul_task(ctxt, link, EMUL_TASK_IRET, false, 0, ctxt->next_rip);
	}
	rc = emul_peek(ctxt, 0, &f.ip, bytes);
	if (rc == EMUL_OK)
		rc = emul_peek(ctxt, bytes, &cs, bytes);
	if (rc == EMUL_OK)
		rc = emul_peek(ctxt, 2 * bytes, &flags, bytes);
	if (rc != EMUL_OK)
		return rc;
	if ((flags & FL_VM) && bytes == 4 && ctxt->cpl == 0 && !emul_long_mode(ctxt))
		return iret_vm86(ctxt, f.ip, cs, flags);
	f.cs = cs;
	rc = check_return(ctxt, &f, 3 * bytes);
	if (rc != EMUL_OK)
		return rc;
	mask = FL_RF;
	if (ctxt->cpl == 0)
		mask |= FL_VIF | FL_VIP;
	mask = (mask | emul_writable_flags(ctxt, 8)) & emul_mask(bytes);
	ctxt->flags = (ctxt->flags & ~mask) | (flags & mask);
	return finish_return(ctxt, &f, 3 * bytes, 0);
}

int ex_iret(struct emul_ctxt *ctxt)
{
	return emul_is_prot(ctxt) ? iret_protected(ctxt) : iret_real(ctxt);
}

/*
 * A real-mode interrupt: flags, CS and IP to the stack, CS:IP from the vector table (SDM 3B
 * 21.1.4).
 */
int emul_vector_real(struct emul_ctxt *ctxt, u8 vector, u64 ret)
{
	u64 vals[3] = { ctxt->flags, emul_seg(ctxt, EMUL_CS)->selector, ret };
	struct emul_seg seg;
	struct emul_dtr idt;
	u16 entry[2];
	int rc;

	ctxt->ops->get_idt(ctxt, &idt);
	if (vector * 4u + 3 > idt.limit)
		return emul_gp(ctxt);
	rc = emul_read_linear(ctxt, idt.base + vector * 4u, entry, 4, EMUL_A_SYSTEM);
	if (rc != EMUL_OK)
		return rc;
	emul_real_seg(ctxt, EMUL_CS, entry[1], &seg);
	if (entry[0] > seg.limit)
		return emul_gp(ctxt);
	rc = emul_push_many(ctxt, vals, 3, 2);
	if (rc != EMUL_OK)
		return rc;
	ctxt->flags &= ~(FL_IF | FL_TF | FL_AC | FL_RF);
	ctxt->no_trap = true;
	ctxt->target = entry[0];
	emul_commit_seg(ctxt, EMUL_CS, &seg);
	return EMUL_OK;
}

int emul_real_int(struct emul_ctxt *ctxt, u8 vector)
{
	int rc;

	emul_begin(ctxt);
	if (ctxt->mode != EMUL_REAL)
		return EMUL_FAIL;
	rc = emul_vector_real(ctxt, vector, ctxt->rip);
	if (rc == EMUL_OK)
		emul_commit(ctxt);
	return rc;
}

/* CS and SS of the fast system calls do not come from descriptors. */
static void flat_segments(struct emul_ctxt *ctxt, u16 cs, u16 ss, bool mode64, unsigned int cpl)
{
	unsigned int dpl = cpl << EMUL_SEG_DPL_SHIFT;
	struct emul_seg code = {
		.limit = ~0u, .selector = cs, .attr = (mode64 ? ATTR_CODE64 : ATTR_CODE32) | dpl,
	};
	struct emul_seg data = { .limit = ~0u, .selector = ss, .attr = ATTR_DATA32 | dpl };

	emul_commit_seg(ctxt, EMUL_CS, &code);
	emul_commit_seg(ctxt, EMUL_SS, &data);
	ctxt->new_cpl = cpl;
}

static bool syscall_enabled(struct emul_ctxt *ctxt)
{
	if (!(ctxt->ops->peek_msr(ctxt, IDX_EFER) & EFER_SCE_BIT))
		return false;
	return emul_is_prot(ctxt) && (!ctxt->intel || ctxt->mode == EMUL_PROT64);
}

int ex_syscall(struct emul_ctxt *ctxt)
{
	const struct emul_ops *ops = ctxt->ops;
	bool lma = emul_long_mode(ctxt);
	u32 entry;
	u64 star;
	u16 cs;

	if (!syscall_enabled(ctxt))
		return emul_ud(ctxt);
	star = ops->peek_msr(ctxt, IDX_STAR);
	cs = (star >> 32) & 0xfffc;
	if (lma) {
		emul_reg_write(ctxt, EMUL_RCX, ctxt->next_rip);
		emul_reg_write(ctxt, EMUL_R11, ctxt->flags);
		entry = ctxt->mode == EMUL_PROT64 ? IDX_LSTAR : IDX_CSTAR;
		ctxt->target = ops->peek_msr(ctxt, entry);
		ctxt->flags = (ctxt->flags & ~(ops->peek_msr(ctxt, IDX_SFMASK) | FL_RF)) | FL_FIXED;
	} else {
		emul_reg_set(ctxt, EMUL_RCX, ctxt->next_rip, 4);
		ctxt->target = (u32)star;
		ctxt->flags &= ~(FL_VM | FL_IF | FL_RF);
	}
	ctxt->no_trap = !(ctxt->flags & FL_TF);
	flat_segments(ctxt, cs, cs + 8, lma, 0);
	return EMUL_OK;
}

int ex_sysret(struct emul_ctxt *ctxt)
{
	bool lma = emul_long_mode(ctxt), wide = ctxt->insn.op_bytes == 8;
	u64 rip = emul_reg_get(ctxt, EMUL_RCX, wide ? 8 : 4);
	u16 base;

	if (!syscall_enabled(ctxt))
		return emul_ud(ctxt);
	if (ctxt->cpl || (wide && !emul_canonical(ctxt, rip)))
		return emul_gp(ctxt);
	base = ctxt->ops->peek_msr(ctxt, IDX_STAR) >> 48;
	if (lma)
		ctxt->flags = (emul_reg_read(ctxt, EMUL_R11) & FL_ALL & ~(FL_RF | FL_VM)) |
			FL_FIXED;
	else
		ctxt->flags |= FL_IF;
	ctxt->target = rip;
	flat_segments(ctxt, (wide ? base + 16 : base) | 3, (base + 8) | 3, wide, 3);
	return EMUL_OK;
}

int ex_sysenter(struct emul_ctxt *ctxt)
{
	const struct emul_ops *ops = ctxt->ops;
	bool lma = emul_long_mode(ctxt);
	u16 cs;

	if (lma && !ctxt->intel)
		return emul_ud(ctxt);
	cs = ops->peek_msr(ctxt, IDX_SYSENTER_CS) & 0xfffc;
	if (ctxt->mode == EMUL_REAL || !cs)
		return emul_gp(ctxt);
	ctxt->flags &= ~(FL_VM | FL_IF | FL_RF);
	ctxt->target = ops->peek_msr(ctxt, IDX_SYSENTER_EIP) & emul_mask(lma ? 8 : 4);
	emul_reg_set(ctxt, EMUL_RSP, ops->peek_msr(ctxt, IDX_SYSENTER_ESP), lma ? 8 : 4);
	flat_segments(ctxt, cs, cs + 8, lma, 0);
	return EMUL_OK;
}

int ex_sysexit(struct emul_ctxt *ctxt)
{
	bool lma = emul_long_mode(ctxt), wide = ctxt->insn.op_bytes == 8;
	unsigned int bytes = wide ? 8 : 4;
	u64 rip, rsp;
	u16 cs;

	if (lma && !ctxt->intel)
		return emul_ud(ctxt);
	cs = ctxt->ops->peek_msr(ctxt, IDX_SYSENTER_CS) & 0xfffc;
	if (!emul_is_prot(ctxt) || ctxt->cpl || !cs)
		return emul_gp(ctxt);
	rip = emul_reg_get(ctxt, EMUL_RDX, bytes);
	rsp = emul_reg_get(ctxt, EMUL_RCX, bytes);
	if (wide && (!emul_canonical(ctxt, rip) || !emul_canonical(ctxt, rsp)))
		return emul_gp(ctxt);
	ctxt->target = rip;
	emul_reg_set(ctxt, EMUL_RSP, rsp, bytes);
	flat_segments(ctxt, (cs + (wide ? 32 : 16)) | 3, (cs + (wide ? 40 : 24)) | 3, wide, 3);
	return EMUL_OK;
}
