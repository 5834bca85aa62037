// SPDX-License-Identifier: GPL-2.0-only
/* Moves between vector registers and memory, SSE and AVX: what drivers do to device memory. */
#include "insn.h"

/* Is the state enabled, and not away (CR0.TS)? SDM 2 2.4, 2.5, 3A 13.1. */
static int vector_allowed(struct emul_ctxt *ctxt)
{
	u64 cr0 = ctxt->ops->get_cr(ctxt, 0), cr4 = ctxt->ops->get_cr(ctxt, 4), xcr0;
	int rc;

	if (ctxt->insn.vex) {
		if (!(cr4 & CR4_OSXSAVE))
			return emul_ud(ctxt);
		rc = ctxt->ops->get_xcr(ctxt, 0, &xcr0);
		if (rc != EMUL_OK)
			return rc;
		if ((xcr0 & 6) != 6)
			return emul_ud(ctxt);
	} else if ((cr0 & CR0_EM) || !(cr4 & CR4_OSFXSR)) {
		return emul_ud(ctxt);
	}
	return cr0 & CR0_TS ? emul_raise(ctxt, VEC_NM) : EMUL_OK;
}

static void read_vec(struct emul_ctxt *ctxt, unsigned int reg, u8 *buf, unsigned int len)
{
	ctxt->ops->read_vec(ctxt, reg, buf, len);
}

/* SSE instructions leave the upper part of the register alone, AVX ones clear it. */
static void write_vec(struct emul_ctxt *ctxt, unsigned int reg, u8 *buf, unsigned int len)
{
	if (!ctxt->insn.vex) {
		ctxt->ops->write_vec(ctxt, reg, buf, 16);
		return;
	}
	if (len < 32)
		memset(buf + len, 0, 32 - len);
	ctxt->ops->write_vec(ctxt, reg, buf, 32);
}

static int read_mem(struct emul_ctxt *ctxt, u8 *buf, unsigned int len)
{
	return emul_read(ctxt, ctxt->insn.seg, emul_mem_ea(ctxt), buf, len, 0);
}

static int write_mem(struct emul_ctxt *ctxt, const u8 *buf, unsigned int len)
{
	return emul_write(ctxt, ctxt->insn.seg, emul_mem_ea(ctxt), buf, len);
}

/* The whole register. */
static int move_full(struct emul_ctxt *ctxt, bool is_store, bool aligned)
{
	struct emul_insn *in = &ctxt->insn;
	unsigned int len = in->vex_l ? 32 : 16;
	u8 buf[32];
	int rc;

	if (in->is_mem && aligned) {
		rc = emul_check_aligned(ctxt, len);
		if (rc != EMUL_OK)
			return rc;
	}
	if (is_store) {
		read_vec(ctxt, in->reg, buf, len);
		if (in->is_mem)
			return write_mem(ctxt, buf, len);
		write_vec(ctxt, in->rm, buf, len);
		return EMUL_OK;
	}
	if (in->is_mem) {
		rc = read_mem(ctxt, buf, len);
		if (rc != EMUL_OK)
			return rc;
	} else {
		read_vec(ctxt, in->rm, buf, len);
	}
	write_vec(ctxt, in->reg, buf, len);
	return EMUL_OK;
}

/* The register whose other part a merging move keeps: the destination, or VEX.vvvv. */
static unsigned int merge_source(const struct emul_insn *in, unsigned int dst)
{
	return in->vex ? in->vvvv : dst;
}

/* MOVSS, MOVSD */
static int move_scalar(struct emul_ctxt *ctxt, bool is_store, unsigned int len)
{
	struct emul_insn *in = &ctxt->insn;
	unsigned int dst = is_store ? in->rm : in->reg, src = is_store ? in->reg : in->rm;
	u8 buf[32] = { 0 }, part[16];
	int rc;

	if (!in->is_mem) {
		read_vec(ctxt, merge_source(in, dst), buf, 16);
		read_vec(ctxt, src, part, 16);
		memcpy(buf, part, len);
		write_vec(ctxt, dst, buf, 16);
		return EMUL_OK;
	}
	/* only the register form has a third operand */
	if (in->vvvv)
		return emul_ud(ctxt);
	if (is_store) {
		read_vec(ctxt, in->reg, buf, 16);
		return write_mem(ctxt, buf, len);
	}
	rc = read_mem(ctxt, buf, len);
	if (rc == EMUL_OK)
		write_vec(ctxt, in->reg, buf, 16);
	return rc;
}

/* MOVLPS, MOVHPS and their register forms MOVHLPS, MOVLHPS; @half is 0 or 8. */
static int move_half(struct emul_ctxt *ctxt, bool is_store, unsigned int half)
{
	struct emul_insn *in = &ctxt->insn;
	u8 buf[32], part[16];
	int rc = EMUL_OK;

	if (is_store) {
		read_vec(ctxt, in->reg, buf, 16);
		return write_mem(ctxt, buf + half, 8);
	}
	if (in->is_mem) {
		rc = read_mem(ctxt, part, 8);
	} else {
		/* the half moves across: high to low, low to high */
		read_vec(ctxt, in->rm, buf, 16);
		memcpy(part, buf + (half ^ 8), 8);
	}
	if (rc != EMUL_OK)
		return rc;
	read_vec(ctxt, merge_source(in, in->reg), buf, 16);
	memcpy(buf + half, part, 8);
	write_vec(ctxt, in->reg, buf, 16);
	return EMUL_OK;
}

/* MOVD and MOVQ between a vector register and a general register or memory; the rest is cleared. */
static int move_gpr(struct emul_ctxt *ctxt, bool is_store)
{
	struct emul_insn *in = &ctxt->insn;
	unsigned int len = in->op_bytes;
	u8 buf[32] = { 0 };
	u64 val = 0;
	int rc;

	if (is_store) {
		read_vec(ctxt, in->reg, buf, 16);
		if (in->is_mem)
			return write_mem(ctxt, buf, len);
		memcpy(&val, buf, len);
		emul_reg_set(ctxt, in->rm, val, len);
		return EMUL_OK;
	}
	if (in->is_mem) {
		rc = read_mem(ctxt, buf, len);
		if (rc != EMUL_OK)
			return rc;
	} else {
		val = emul_reg_get(ctxt, in->rm, len);
		memcpy(buf, &val, len);
	}
	write_vec(ctxt, in->reg, buf, 16);
	return EMUL_OK;
}

/* MOVQ between vector registers or memory; clears the high quadword. */
static int move_quad(struct emul_ctxt *ctxt, bool is_store)
{
	struct emul_insn *in = &ctxt->insn;
	u8 buf[32] = { 0 };
	int rc;

	if (is_store) {
		read_vec(ctxt, in->reg, buf, 16);
		if (in->is_mem)
			return write_mem(ctxt, buf, 8);
	} else if (in->is_mem) {
		rc = read_mem(ctxt, buf, 8);
		if (rc != EMUL_OK)
			return rc;
	} else {
		read_vec(ctxt, in->rm, buf, 16);
	}
	memset(buf + 8, 0, 8);
	write_vec(ctxt, is_store ? in->rm : in->reg, buf, 16);
	return EMUL_OK;
}

int ex_vec(struct emul_ctxt *ctxt)
{
	unsigned int kind = ctxt->insn.arg & ~V_STORE;
	bool is_store = ctxt->insn.arg & V_STORE;
	int rc;

	if (kind >= V_LOW && ctxt->insn.vex_l)
		return emul_ud(ctxt);
	rc = vector_allowed(ctxt);
	if (rc != EMUL_OK)
		return rc;
	switch (kind) {
	case V_FULL:
	case V_ALIGNED:
		return move_full(ctxt, is_store, kind == V_ALIGNED);
	case V_S4:
		return move_scalar(ctxt, is_store, 4);
	case V_S8:
		return move_scalar(ctxt, is_store, 8);
	case V_LOW:
		return move_half(ctxt, is_store, 0);
	case V_HIGH:
		return move_half(ctxt, is_store, 8);
	case V_GPR:
		return move_gpr(ctxt, is_store);
	default:
		return move_quad(ctxt, is_store);
	}
}
