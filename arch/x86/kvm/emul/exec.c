// SPDX-License-Identifier: GPL-2.0-only
/* Execution of one decoded instruction: checks, operands in, handler, operands out, commit. */
#include "insn.h"

int emul_raise(struct emul_ctxt *ctxt, u8 vector)
{
	ctxt->exc = (struct emul_exc){ .vector = vector };
	return EMUL_FAULT;
}

int emul_raise_error(struct emul_ctxt *ctxt, u8 vector, u32 error_code)
{
	/* real mode pushes no error codes */
	ctxt->exc = (struct emul_exc){
		.vector = vector,
		.has_error = ctxt->mode != EMUL_REAL,
		.error_code = ctxt->mode != EMUL_REAL ? error_code : 0,
	};
	return EMUL_FAULT;
}

int emul_raise_pf(struct emul_ctxt *ctxt, u64 address, u32 error_code)
{
	emul_raise_error(ctxt, VEC_PF, error_code);
	ctxt->exc.address = address;
	return EMUL_FAULT;
}

int emul_gp(struct emul_ctxt *ctxt)
{
	return emul_raise_error(ctxt, VEC_GP, 0);
}

int emul_ud(struct emul_ctxt *ctxt)
{
	return emul_raise(ctxt, VEC_UD);
}

u64 emul_reg_read(struct emul_ctxt *ctxt, enum emul_reg reg)
{
	reg &= EMUL_NR_REGS - 1;
	if (!(ctxt->gpr_valid & (1u << reg))) {
		ctxt->gpr[reg] = ctxt->regs[reg];
		ctxt->gpr_valid |= 1u << reg;
	}
	return ctxt->gpr[reg];
}

void emul_reg_write(struct emul_ctxt *ctxt, enum emul_reg reg, u64 val)
{
	reg &= EMUL_NR_REGS - 1;
	ctxt->gpr[reg] = val;
	ctxt->gpr_valid |= 1u << reg;
	ctxt->gpr_dirty |= 1u << reg;
}

/* Low @bytes of a register; EMUL_HIGH asks for AH, CH, DH, BH. */
u64 emul_reg_get(struct emul_ctxt *ctxt, unsigned int reg, unsigned int bytes)
{
	if (reg & EMUL_HIGH)
		return (emul_reg_read(ctxt, reg & 3) >> 8) & 0xff;
	return emul_reg_read(ctxt, reg) & emul_mask(bytes);
}

/* Doubleword results clear the upper half, shorter ones merge (SDM 1 3.4.1.1). */
void emul_reg_set(struct emul_ctxt *ctxt, unsigned int reg, u64 val, unsigned int bytes)
{
	u64 mask = emul_mask(bytes);
	u64 old;

	if (reg & EMUL_HIGH) {
		old = emul_reg_read(ctxt, reg & 3);
		emul_reg_write(ctxt, reg & 3, (old & ~0xff00ull) | (val & 0xff) << 8);
	} else if (bytes >= 4) {
		emul_reg_write(ctxt, reg, val & mask);
	} else {
		old = emul_reg_read(ctxt, reg);
		emul_reg_write(ctxt, reg, (old & ~mask) | (val & mask));
	}
}

/* Start afresh: nothing is remembered from an earlier, abandoned try. */
void emul_begin(struct emul_ctxt *ctxt)
{
	ctxt->exc = (struct emul_exc){ .vector = 0 };
	ctxt->gpr_valid = 0;
	ctxt->gpr_dirty = 0;
	ctxt->seg_valid = 0;
	ctxt->flags = (ctxt->rflags & FL_ALL & ~FL_RF) | FL_FIXED;
	ctxt->target = ctxt->next_rip;
	ctxt->new_cpl = ctxt->cpl;
	ctxt->shadow = 0;
	ctxt->tf_trap = false;
	ctxt->restart = false;
	ctxt->switched = false;
	ctxt->yield = false;
	ctxt->no_writeback = false;
	ctxt->no_trap = false;
}

/* Registers and flags, but not RIP: what a REP instruction has done so far. */
void emul_commit_regs(struct emul_ctxt *ctxt)
{
	unsigned int reg;

	for (reg = 0; reg < EMUL_NR_REGS; reg++)
		if (ctxt->gpr_dirty & (1u << reg))
			ctxt->regs[reg] = ctxt->gpr[reg];
	ctxt->gpr_dirty = 0;
	ctxt->rflags = ctxt->flags;
}

void emul_commit(struct emul_ctxt *ctxt)
{
	/* the trap belongs to the TF that the instruction started with; MOV SS holds it back */
	ctxt->tf_trap = (ctxt->rflags & FL_TF) && !(ctxt->shadow & EMUL_SHADOW_MOV_SS) &&
			!ctxt->no_trap;
	emul_commit_regs(ctxt);
	if (!ctxt->restart)
		ctxt->rip = ctxt->target;
	ctxt->cpl = ctxt->new_cpl;
}

/* Without REX, byte registers 4-7 are AH, CH, DH, BH. */
static u8 gpr_index(const struct emul_insn *in, u8 reg, unsigned int bytes)
{
	return bytes == 1 && !in->rex && reg >= 4 ? (reg & 3) | EMUL_HIGH : reg;
}

static void set_reg(struct emul_ctxt *ctxt, struct emul_operand *op, u8 reg)
{
	op->kind = OP_REG;
	op->reg = gpr_index(&ctxt->insn, reg, op->bytes);
}

static void set_mem(struct emul_ctxt *ctxt, struct emul_operand *op, u64 ea)
{
	op->kind = OP_MEM;
	op->seg = ctxt->insn.seg;
	op->ea = ea;
}

static void set_imm(struct emul_operand *op, u64 val)
{
	op->kind = OP_IMM;
	op->val = val;
}

static void set_operand(struct emul_ctxt *ctxt, struct emul_operand *op, u8 form)
{
	struct emul_insn *in = &ctxt->insn;

	*op = (struct emul_operand){ .bytes = in->op_bytes };
	switch (form) {
	case O_NONE:
		break;
	case O_EB:
	case O_EW:
	case O_ED:
		op->bytes = form == O_EB ? 1 : form == O_EW ? 2 : 4;
		fallthrough;
	case O_E:
	case O_M:
		if (in->is_mem)
			set_mem(ctxt, op, emul_mem_ea(ctxt));
		else
			set_reg(ctxt, op, in->rm);
		break;
	case O_G:
		set_reg(ctxt, op, in->reg);
		break;
	case O_A:
		set_reg(ctxt, op, EMUL_RAX);
		break;
	case O_Z:
		set_reg(ctxt, op, (in->opcode & 7) | (in->rex & REX_B ? 8 : 0));
		break;
	case O_O:
		set_mem(ctxt, op, in->imm);
		break;
	case O_C:
		set_imm(op, emul_reg_get(ctxt, EMUL_RCX, 1));
		break;
	case O_1:
		set_imm(op, 1);
		break;
	case O_S:
		op->kind = OP_SREG;
		op->reg = (in->modrm >> 3) & 7;
		break;
	default:
		set_imm(op, in->imm);
		break;
	}
}

static int load(struct emul_ctxt *ctxt, struct emul_operand *op, unsigned int flags)
{
	int rc = EMUL_OK;

	if (op->kind == OP_REG) {
		op->val = emul_reg_get(ctxt, op->reg, op->bytes);
	} else if (op->kind == OP_MEM) {
		op->val = 0;
		rc = emul_read(ctxt, op->seg, op->ea, &op->val, op->bytes, flags);
	}
	op->old = op->val;
	return rc;
}

static int store(struct emul_ctxt *ctxt, struct emul_operand *op)
{
	struct emul_insn *in = &ctxt->insn;

	if (op->kind == OP_REG) {
		emul_reg_set(ctxt, op->reg, op->val, op->bytes);
		return EMUL_OK;
	}
	if (op->kind != OP_MEM)
		return EMUL_OK;
	if ((in->lock || (in->flags & F_XCHG)) && (in->flags & F_LD))
		return emul_cmpxchg(ctxt, op->seg, op->ea, &op->old, &op->val, op->bytes);
	return emul_write(ctxt, op->seg, op->ea, &op->val, op->bytes);
}

/*
 * BT and friends with a register offset address a bit string: the offset, as a signed number,
 * selects the element as well as the bit (SDM 2 3.1.1.9).
 */
static void move_bit_operand(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;
	unsigned int shift = dst->bytes == 8 ? 6 : dst->bytes == 4 ? 5 : 4;
	s64 element = emul_sext(ctxt->src.val, dst->bytes) >> shift;

	dst->ea = (dst->ea + (u64)element * dst->bytes) & emul_mask(ctxt->insn.ad_bytes);
}

static int load_operands(struct emul_ctxt *ctxt)
{
	struct emul_insn *in = &ctxt->insn;
	int rc;

	set_operand(ctxt, &ctxt->dst, in->dst);
	set_operand(ctxt, &ctxt->src, in->src);
	if (in->src != O_M) {
		rc = load(ctxt, &ctxt->src, 0);
		if (rc != EMUL_OK)
			return rc;
	}
	if ((in->flags & F_BITS) && ctxt->dst.kind == OP_MEM)
		move_bit_operand(ctxt);
	if ((in->flags & F_LD) && in->dst != O_M)
		return load(ctxt, &ctxt->dst, in->flags & F_ST ? EMUL_A_WRITE : 0);
	return EMUL_OK;
}

int emul_exec(struct emul_ctxt *ctxt)
{
	struct emul_insn *in = &ctxt->insn;
	int rc;

	emul_begin(ctxt);
	if ((in->flags & F_PROT) && !emul_is_prot(ctxt))
		return emul_ud(ctxt);
	if ((in->flags & F_PRIV) && ctxt->cpl)
		return emul_gp(ctxt);
	rc = load_operands(ctxt);
	if (rc == EMUL_OK)
		rc = in->exec(ctxt);
	if (rc == EMUL_OK && (in->flags & F_ST) && !ctxt->no_writeback)
		rc = store(ctxt, &ctxt->dst);
	if (rc == EMUL_OK)
		emul_commit(ctxt);
	return rc;
}
