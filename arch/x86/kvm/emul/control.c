// SPDX-License-Identifier: GPL-2.0-only
/*
 * Near control transfers, the stack, segment register moves, software interrupts, interrupt flag.
 */
#include "insn.h"

/* Condition of Jcc, SETcc, CMOVcc: the low four bits of the opcode. */
bool emul_cond(u64 flags, unsigned int cc)
{
	bool less = !!(flags & FL_SF) != !!(flags & FL_OF);
	bool res;

	switch ((cc >> 1) & 7) {
	case 0:
		res = flags & FL_OF;
		break;
	case 1:
		res = flags & FL_CF;
		break;
	case 2:
		res = flags & FL_ZF;
		break;
	case 3:
		res = flags & (FL_CF | FL_ZF);
		break;
	case 4:
		res = flags & FL_SF;
		break;
	case 5:
		res = flags & FL_PF;
		break;
	case 6:
		res = less;
		break;
	default:
		res = less || (flags & FL_ZF);
		break;
	}
	return res != (cc & 1);
}

/* Where a near transfer goes; what fails its check leaves everything as it was. */
int emul_set_target(struct emul_ctxt *ctxt, u64 rip, unsigned int bytes)
{
	rip &= emul_mask(bytes);
	if (ctxt->mode == EMUL_PROT64) {
		if (!emul_canonical(ctxt, rip))
			return emul_gp(ctxt);
	} else if (rip > emul_seg(ctxt, EMUL_CS)->limit) {
		return emul_gp(ctxt);
	}
	ctxt->target = rip;
	return EMUL_OK;
}

static int jump_relative(struct emul_ctxt *ctxt)
{
	return emul_set_target(ctxt, ctxt->next_rip + ctxt->insn.imm, ctxt->insn.op_bytes);
}

int ex_jcc(struct emul_ctxt *ctxt)
{
	return emul_cond(ctxt->flags, ctxt->insn.opcode) ? jump_relative(ctxt) : EMUL_OK;
}

int ex_jmp(struct emul_ctxt *ctxt)
{
	if (ctxt->insn.src == O_E)
		return emul_set_target(ctxt, ctxt->src.val, ctxt->insn.op_bytes);
	return jump_relative(ctxt);
}

int ex_call(struct emul_ctxt *ctxt)
{
	int rc = ex_jmp(ctxt);

	return rc == EMUL_OK ? emul_push(ctxt, ctxt->next_rip, ctxt->insn.op_bytes) : rc;
}

int ex_ret(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	u64 rip;
	int rc = emul_peek(ctxt, 0, &rip, bytes);

	if (rc == EMUL_OK)
		rc = emul_set_target(ctxt, rip, bytes);
	if (rc == EMUL_OK)
		emul_move_sp(ctxt, bytes + (u16)ctxt->insn.imm);
	return rc;
}

/* LOOPNE, LOOPE, LOOP */
int ex_loop(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.ad_bytes;
	u64 count = (emul_reg_read(ctxt, EMUL_RCX) - 1) & emul_mask(bytes);
	bool zero = ctxt->flags & FL_ZF;
	bool taken = count && (ctxt->insn.arg == 2 || zero == ctxt->insn.arg);
	int rc = taken ? jump_relative(ctxt) : EMUL_OK;

	if (rc == EMUL_OK)
		emul_reg_set(ctxt, EMUL_RCX, count, bytes);
	return rc;
}

int ex_jcxz(struct emul_ctxt *ctxt)
{
	return emul_reg_get(ctxt, EMUL_RCX, ctxt->insn.ad_bytes) ? EMUL_OK : jump_relative(ctxt);
}

int ex_push(struct emul_ctxt *ctxt)
{
	return emul_push(ctxt, ctxt->src.val, ctxt->insn.op_bytes);
}

int ex_pop(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;
	int rc = emul_peek(ctxt, 0, &dst->val, dst->bytes);

	if (rc != EMUL_OK)
		return rc;
	emul_move_sp(ctxt, dst->bytes);
	/* an address with the stack pointer in it is that after the pop (SDM 2 POP) */
	if (dst->kind == OP_MEM)
		dst->ea = emul_mem_ea(ctxt);
	return EMUL_OK;
}

int ex_pusha(struct emul_ctxt *ctxt)
{
	u64 vals[8];
	unsigned int reg;

	for (reg = 0; reg < 8; reg++)
		vals[reg] = emul_reg_read(ctxt, reg);
	return emul_push_many(ctxt, vals, 8, ctxt->insn.op_bytes);
}

int ex_popa(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes, i;
	u64 vals[8];
	int rc;

	for (i = 0; i < 8; i++) {
		rc = emul_peek(ctxt, i * bytes, &vals[7 - i], bytes);
		if (rc != EMUL_OK)
			return rc;
	}
	for (i = 0; i < 8; i++)
		if (i != EMUL_RSP)
			emul_reg_set(ctxt, i, vals[i], bytes);
	emul_move_sp(ctxt, 8 * bytes);
	return EMUL_OK;
}

/* Virtual-8086 mode without I/O privilege, with the virtual interrupt flag (SDM 3B 21.3). */
static bool vm86_has_vif(struct emul_ctxt *ctxt)
{
	return ctxt->insn.op_bytes == 2 && (ctxt->ops->get_cr(ctxt, 4) & CR4_VME);
}

int ex_pushf(struct emul_ctxt *ctxt)
{
	u64 image = ctxt->flags & ~FL_VM;

	if (ctxt->mode == EMUL_VM86 && emul_iopl(ctxt) < 3) {
		if (!vm86_has_vif(ctxt))
			return emul_gp(ctxt);
		image = (image & ~FL_IF) | FL_IOPL | (image & FL_VIF ? FL_IF : 0);
	}
	return emul_push(ctxt, image, ctxt->insn.op_bytes);
}

/* Which flags POPF and IRET may change at this privilege level; of a word only the low half. */
u64 emul_writable_flags(struct emul_ctxt *ctxt, unsigned int bytes)
{
	u64 mask = FL_ARITH | FL_DF | FL_TF | FL_NT | FL_AC | FL_ID;

	if (ctxt->mode != EMUL_VM86 && ctxt->cpl == 0)
		mask |= FL_IOPL | FL_IF;
	else if (ctxt->cpl <= emul_iopl(ctxt))
		mask |= FL_IF;
	return mask & emul_mask(bytes);
}

int ex_popf(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	u64 mask = emul_writable_flags(ctxt, bytes);
	u64 image;
	int rc = emul_peek(ctxt, 0, &image, bytes);

	if (rc != EMUL_OK)
		return rc;
	if (ctxt->mode == EMUL_VM86 && emul_iopl(ctxt) < 3) {
		if (!vm86_has_vif(ctxt) || (image & FL_TF) ||
		    ((image & FL_IF) && (ctxt->flags & FL_VIP)))
			return emul_gp(ctxt);
		emul_flag(ctxt, FL_VIF, image & FL_IF);
	} else if (bytes > 2 && ctxt->cpl == 0) {
		ctxt->flags &= ~(FL_VIF | FL_VIP);
	}
	ctxt->flags = (ctxt->flags & ~mask) | (image & mask);
	emul_move_sp(ctxt, bytes);
	return EMUL_OK;
}

int ex_enter(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes, level = ctxt->insn.imm & 31, i;
	u64 mask = emul_stack_mask(ctxt);
	u64 bp = emul_reg_read(ctxt, EMUL_RBP);
	u64 frame = emul_reg_read(ctxt, EMUL_RSP) - bytes;
	u64 vals[33];
	int rc;

	/* the old frame pointer, the outer levels' frame pointers, and the new one */
	vals[0] = bp;
	for (i = 1; i < level; i++) {
		vals[i] = 0;
		rc = emul_read(ctxt, EMUL_SS, (bp - i * bytes) & mask, &vals[i], bytes, 0);
		if (rc != EMUL_OK)
			return rc;
	}
	if (level)
		vals[level] = frame;
	rc = emul_push_many(ctxt, vals, level + 1, bytes);
	if (rc != EMUL_OK)
		return rc;
	emul_reg_set(ctxt, EMUL_RBP, frame, bytes);
	emul_move_sp(ctxt, -(s64)ctxt->insn.imm2);
	return EMUL_OK;
}

int ex_leave(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	u64 mask = emul_stack_mask(ctxt);
	u64 bp = emul_reg_read(ctxt, EMUL_RBP), val = 0;
	int rc = emul_read(ctxt, EMUL_SS, bp & mask, &val, bytes, 0);

	if (rc != EMUL_OK)
		return rc;
	emul_move_sp(ctxt, bp + bytes - emul_reg_read(ctxt, EMUL_RSP));
	emul_reg_set(ctxt, EMUL_RBP, val, bytes);
	return EMUL_OK;
}

/*
 * Load a data or stack segment register; the last thing an instruction does, but for its general
 * registers.
 */
static int load_sreg(struct emul_ctxt *ctxt, unsigned int sreg, u16 sel)
{
	struct emul_seg seg;
	int rc = EMUL_OK;

	if (emul_is_prot(ctxt))
		rc = emul_check_data_seg(ctxt, sreg, sel, ctxt->cpl, VEC_GP, &seg);
	else
		emul_real_seg(ctxt, sreg, sel, &seg);
	if (rc == EMUL_OK)
		emul_commit_seg(ctxt, sreg, &seg);
	return rc;
}

int ex_push_sreg(struct emul_ctxt *ctxt)
{
	return emul_push(ctxt, emul_seg(ctxt, ctxt->insn.arg)->selector, ctxt->insn.op_bytes);
}

int ex_pop_sreg(struct emul_ctxt *ctxt)
{
	u64 sel;
	int rc = emul_peek(ctxt, 0, &sel, 2);

	if (rc != EMUL_OK)
		return rc;
	emul_move_sp(ctxt, ctxt->insn.op_bytes);
	if (ctxt->insn.arg == EMUL_SS)
		ctxt->shadow = EMUL_SHADOW_MOV_SS;
	return load_sreg(ctxt, ctxt->insn.arg, sel);
}

int ex_mov_sreg(struct emul_ctxt *ctxt)
{
	if (ctxt->src.reg > EMUL_GS)
		return emul_ud(ctxt);
	ctxt->dst.val = emul_seg(ctxt, ctxt->src.reg)->selector;
	if (ctxt->dst.kind == OP_MEM)
		ctxt->dst.bytes = 2;
	return EMUL_OK;
}

int ex_mov_to_sreg(struct emul_ctxt *ctxt)
{
	unsigned int sreg = ctxt->dst.reg;

	if (sreg == EMUL_CS || sreg > EMUL_GS)
		return emul_ud(ctxt);
	if (sreg == EMUL_SS)
		ctxt->shadow = EMUL_SHADOW_MOV_SS;
	return load_sreg(ctxt, sreg, ctxt->src.val);
}

/* A far pointer in memory. AMD has no 64-bit offsets in them. */
int emul_read_far(struct emul_ctxt *ctxt, u64 *off, u16 *sel)
{
	unsigned int bytes = ctxt->insn.op_bytes == 8 && !ctxt->intel ? 4 : ctxt->insn.op_bytes;
	u8 buf[10];
	int rc = emul_read(ctxt, ctxt->src.seg, ctxt->src.ea, buf, bytes + 2, 0);

	if (rc != EMUL_OK)
		return rc;
	*off = 0;
	memcpy(off, buf, bytes);
	memcpy(sel, buf + bytes, 2);
	return EMUL_OK;
}

/* LES, LDS, LSS, LFS, LGS */
int ex_lxs(struct emul_ctxt *ctxt)
{
	u16 sel;
	int rc = emul_read_far(ctxt, &ctxt->dst.val, &sel);

	return rc == EMUL_OK ? load_sreg(ctxt, ctxt->insn.arg, sel) : rc;
}

int ex_bound(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	s64 index = emul_sext(ctxt->dst.val, bytes);
	u64 lower = 0, upper = 0;
	u8 buf[8];
	int rc = emul_read(ctxt, ctxt->src.seg, ctxt->src.ea, buf, 2 * bytes, 0);

	if (rc != EMUL_OK)
		return rc;
	memcpy(&lower, buf, bytes);
	memcpy(&upper, buf + bytes, bytes);
	if (index < emul_sext(lower, bytes) || index > emul_sext(upper, bytes))
		return emul_raise(ctxt, VEC_BR);
	return EMUL_OK;
}

/*
 * Real mode is served from the interrupt vector table; elsewhere the processor delivers, so that
 * the caller injects it as a software interrupt with ctxt->next_rip as return address.
 */
static int soft_int(struct emul_ctxt *ctxt, u8 vector, enum emul_exc_kind kind)
{
	if (ctxt->mode == EMUL_REAL)
		return emul_vector_real(ctxt, vector, ctxt->next_rip);
	emul_raise(ctxt, vector);
	ctxt->exc.kind = kind;
	return EMUL_FAULT;
}

int ex_int(struct emul_ctxt *ctxt)
{
	if (ctxt->mode == EMUL_VM86) {
		/* the redirection bitmap is not looked at */
		if (ctxt->ops->get_cr(ctxt, 4) & CR4_VME)
			return EMUL_FAIL;
		if (emul_iopl(ctxt) < 3)
			return emul_gp(ctxt);
	}
	return soft_int(ctxt, ctxt->insn.imm, EMUL_EXC_SOFT_INT);
}

int ex_int3(struct emul_ctxt *ctxt)
{
	return soft_int(ctxt, VEC_BP, EMUL_EXC_SOFT_EXC);
}

int ex_int1(struct emul_ctxt *ctxt)
{
	return soft_int(ctxt, VEC_DB, EMUL_EXC_PRIV_EXC);
}

int ex_into(struct emul_ctxt *ctxt)
{
	return ctxt->flags & FL_OF ? soft_int(ctxt, VEC_OF, EMUL_EXC_SOFT_EXC) : EMUL_OK;
}

/* Who has no I/O privilege may have the virtual interrupt flag instead (SDM 3B 21.3, 21.4). */
static bool has_vif(struct emul_ctxt *ctxt)
{
	u64 cr4 = ctxt->ops->get_cr(ctxt, 4);

	return ctxt->cpl == 3 && (cr4 & (ctxt->mode == EMUL_VM86 ? CR4_VME : CR4_PVI));
}

int ex_cli(struct emul_ctxt *ctxt)
{
	if (ctxt->cpl <= emul_iopl(ctxt))
		ctxt->flags &= ~FL_IF;
	else if (has_vif(ctxt))
		ctxt->flags &= ~FL_VIF;
	else
		return emul_gp(ctxt);
	return EMUL_OK;
}

int ex_sti(struct emul_ctxt *ctxt)
{
	if (ctxt->cpl <= emul_iopl(ctxt)) {
		if (!(ctxt->flags & FL_IF))
			ctxt->shadow = EMUL_SHADOW_STI;
		ctxt->flags |= FL_IF;
	} else if (has_vif(ctxt) && !(ctxt->flags & FL_VIP)) {
		ctxt->flags |= FL_VIF;
	} else {
		return emul_gp(ctxt);
	}
	return EMUL_OK;
}
