// SPDX-License-Identifier: GPL-2.0-only
/* Shifts, rotates, bit tests, bit counts and the VEX-coded bit instructions. */
#include "insn.h"

/*
 * Rotates: @count is already reduced to the operand's width (RCL, RCR: width + 1). CF and OF are
 * the only flags; OF is defined for single-bit rotates, and what processors do for the others is
 * the same formula.
 */
static u64 rotate(struct emul_ctxt *ctxt, unsigned int op, u64 val, unsigned int count,
		  unsigned int bytes)
{
	unsigned int width = bytes * 8;
	u64 mask = emul_mask(bytes), sign = emul_sign_bit(bytes);
	u64 res;

	count %= width;
	if (op == 0) {
		res = count ? (val << count | val >> (width - count)) & mask : val;
		emul_flag(ctxt, FL_CF, res & 1);
		emul_flag(ctxt, FL_OF, !!(res & sign) != (res & 1));
	} else {
		res = count ? (val >> count | val << (width - count)) & mask : val;
		emul_flag(ctxt, FL_CF, res & sign);
		emul_flag(ctxt, FL_OF, !!(res & sign) != !!(res & (sign >> 1)));
	}
	return res;
}

static u64 rotate_carry(struct emul_ctxt *ctxt, unsigned int op, u64 val, unsigned int count,
			unsigned int bytes)
{
	u64 mask = emul_mask(bytes), sign = emul_sign_bit(bytes);
	unsigned int i;

	count %= bytes * 8 + 1;
	for (i = 0; i < count; i++) {
		u64 carry = ctxt->flags & FL_CF;

		if (op == 2) {
			emul_flag(ctxt, FL_CF, val & sign);
			val = (val << 1 | carry) & mask;
		} else {
			emul_flag(ctxt, FL_CF, val & 1);
			val = val >> 1 | (carry ? sign : 0);
		}
	}
	if (op == 2)
		emul_flag(ctxt, FL_OF, !!(val & sign) != (ctxt->flags & FL_CF));
	else
		emul_flag(ctxt, FL_OF, !!(val & sign) != !!(val & (sign >> 1)));
	return val;
}

static u64 shift(struct emul_ctxt *ctxt, unsigned int op, u64 val, unsigned int count,
		 unsigned int bytes)
{
	unsigned int width = bytes * 8;
	u64 mask = emul_mask(bytes), sign = emul_sign_bit(bytes);
	bool carry;
	u64 res;

	switch (op) {
	case 5:
		carry = count <= width && (val >> (count - 1)) & 1;
		res = count < width ? val >> count : 0;
		emul_flag(ctxt, FL_OF, val & sign);
		break;
	case 7:
		if (count >= width)
			count = width;
		carry = (emul_sext(val, bytes) >> (count - 1)) & 1;
		res = (emul_sext(val, bytes) >> (count < 64 ? count : 63)) & mask;
		emul_flag(ctxt, FL_OF, false);
		break;
	default:
		carry = count <= width && (val >> (width - count)) & 1;
		res = count < width ? (val << count) & mask : 0;
		emul_flag(ctxt, FL_OF, !!(res & sign) != carry);
		break;
	}
	emul_flag(ctxt, FL_CF, carry);
	emul_flags_szp(ctxt, res, bytes);
	return res;
}

/* Group 2: modrm.reg tells which */
int ex_shift(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;
	unsigned int count = ctxt->src.val & (dst->bytes == 8 ? 0x3f : 0x1f);
	unsigned int op = (ctxt->insn.modrm >> 3) & 7;

	if (!count)
		return EMUL_OK;
	if (op < 2)
		dst->val = rotate(ctxt, op, dst->val, count, dst->bytes);
	else if (op < 4)
		dst->val = rotate_carry(ctxt, op, dst->val, count, dst->bytes);
	else
		dst->val = shift(ctxt, op, dst->val, count, dst->bytes);
	return EMUL_OK;
}

/*
 * SHLD, SHRD. A count above 16 for words is undefined; here bits of the destination come in again.
 */
int ex_shd(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;
	unsigned int width = dst->bytes * 8;
	u64 mask = emul_mask(dst->bytes), sign = emul_sign_bit(dst->bytes);
	u64 count = ctxt->insn.flags & F_IMM8 ? ctxt->insn.imm : emul_reg_get(ctxt, EMUL_RCX, 1);
	u64 a = dst->val, b = ctxt->src.val, res;
	bool carry;

	count &= dst->bytes == 8 ? 0x3f : 0x1f;
	if (!count)
		return EMUL_OK;
	if (count > width) {
		u64 tmp = a;

		a = b;
		b = tmp;
		count -= width;
	}
	if (ctxt->insn.arg) {
		res = count < width ? (a >> count | b << (width - count)) & mask : b;
		carry = (a >> (count - 1)) & 1;
	} else {
		res = count < width ? (a << count | b >> (width - count)) & mask : b;
		carry = (a >> (width - count)) & 1;
	}
	emul_flag(ctxt, FL_CF, carry);
	emul_flag(ctxt, FL_OF, (res ^ dst->val) & sign);
	emul_flags_szp(ctxt, res, dst->bytes);
	dst->val = res;
	return EMUL_OK;
}

/* BT, BTS, BTR, BTC */
int ex_bt(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;
	u64 bit = 1ull << (ctxt->src.val & (dst->bytes * 8 - 1));

	emul_flag(ctxt, FL_CF, dst->val & bit);
	switch (ctxt->insn.arg) {
	case 1:
		dst->val |= bit;
		break;
	case 2:
		dst->val &= ~bit;
		break;
	case 3:
		dst->val ^= bit;
		break;
	default:
		break;
	}
	return EMUL_OK;
}

static unsigned int leading_zeros(u64 val, unsigned int bytes)
{
	return val ? (unsigned int)__builtin_clzll(val) - (64 - bytes * 8) : bytes * 8;
}

static unsigned int trailing_zeros(u64 val, unsigned int bytes)
{
	return val ? (unsigned int)__builtin_ctzll(val) : bytes * 8;
}

/* BSF, BSR, TZCNT, LZCNT */
int ex_bitscan(struct emul_ctxt *ctxt)
{
	u64 val = ctxt->src.val;
	unsigned int bytes = ctxt->src.bytes;

	if (ctxt->insn.arg >= 2) {
		if (ctxt->insn.arg == 2)
			ctxt->dst.val = trailing_zeros(val, bytes);
		else
			ctxt->dst.val = leading_zeros(val, bytes);
		emul_flag(ctxt, FL_CF, !val);
		emul_flag(ctxt, FL_ZF, !ctxt->dst.val);
		return EMUL_OK;
	}
	emul_flag(ctxt, FL_ZF, !val);
	if (!val)
		ctxt->no_writeback = true;
	else if (ctxt->insn.arg == 0)
		ctxt->dst.val = trailing_zeros(val, bytes);
	else
		ctxt->dst.val = bytes * 8 - 1 - leading_zeros(val, bytes);
	return EMUL_OK;
}

int ex_popcnt(struct emul_ctxt *ctxt)
{
	u64 val = ctxt->src.val;
	unsigned int n = 0;

	for (; val; val &= val - 1)
		n++;
	ctxt->dst.val = n;
	ctxt->flags &= ~FL_ARITH;
	emul_flag(ctxt, FL_ZF, !n);
	return EMUL_OK;
}

/* CRC32-C, reflected polynomial; the result is 32 bits, in a register of 64 with REX.W */
int ex_crc32(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;
	u32 crc = dst->val;
	unsigned int i, bit;

	dst->bytes = ctxt->insn.rex & REX_W ? 8 : 4;
	crc = emul_reg_read(ctxt, ctxt->insn.reg);
	for (i = 0; i < ctxt->src.bytes; i++) {
		crc ^= (ctxt->src.val >> (i * 8)) & 0xff;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	dst->val = crc;
	return EMUL_OK;
}

static u64 vvvv(struct emul_ctxt *ctxt)
{
	return emul_reg_get(ctxt, ctxt->insn.vvvv, ctxt->insn.op_bytes);
}

static void flags_bmi(struct emul_ctxt *ctxt, u64 res)
{
	ctxt->flags &= ~(FL_OF | FL_CF);
	emul_flag(ctxt, FL_ZF, !res);
	emul_flag(ctxt, FL_SF, res & emul_sign_bit(ctxt->insn.op_bytes));
}

int ex_andn(struct emul_ctxt *ctxt)
{
	ctxt->dst.val = ~vvvv(ctxt) & ctxt->src.val & emul_mask(ctxt->insn.op_bytes);
	flags_bmi(ctxt, ctxt->dst.val);
	return EMUL_OK;
}

/* BLSR, BLSMSK, BLSI: the destination is vvvv */
int ex_bls(struct emul_ctxt *ctxt)
{
	u64 src = ctxt->src.val, mask = emul_mask(ctxt->insn.op_bytes);
	u64 res;

	switch (ctxt->insn.arg) {
	case 1:
		res = src & (src - 1) & mask;
		break;
	case 2:
		res = (src ^ (src - 1)) & mask;
		break;
	default:
		res = src & -src & mask;
		break;
	}
	flags_bmi(ctxt, res);
	emul_flag(ctxt, FL_CF, ctxt->insn.arg == 3 ? src : !src);
	emul_reg_set(ctxt, ctxt->insn.vvvv, res, ctxt->insn.op_bytes);
	return EMUL_OK;
}

int ex_bextr(struct emul_ctxt *ctxt)
{
	u64 control = vvvv(ctxt);
	unsigned int start = control & 0xff, len = (control >> 8) & 0xff;
	u64 res = start < 64 ? ctxt->src.val >> start : 0;

	if (len < 64)
		res &= (1ull << len) - 1;
	ctxt->dst.val = res;
	ctxt->flags &= ~(FL_OF | FL_CF);
	emul_flag(ctxt, FL_ZF, !res);
	return EMUL_OK;
}

int ex_bzhi(struct emul_ctxt *ctxt)
{
	unsigned int n = vvvv(ctxt) & 0xff, width = ctxt->insn.op_bytes * 8;

	ctxt->dst.val = n < width ? ctxt->src.val & ((1ull << n) - 1) : ctxt->src.val;
	flags_bmi(ctxt, ctxt->dst.val);
	emul_flag(ctxt, FL_CF, n >= width);
	return EMUL_OK;
}

/* SHLX, SHRX, SARX: no flags */
int ex_shiftx(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	unsigned int count = vvvv(ctxt) & (bytes * 8 - 1);

	if (ctxt->insn.arg == 0)
		ctxt->dst.val = ctxt->src.val << count;
	else if (ctxt->insn.arg == 1)
		ctxt->dst.val = ctxt->src.val >> count;
	else
		ctxt->dst.val = emul_sext(ctxt->src.val, bytes) >> count;
	return EMUL_OK;
}

int ex_rorx(struct emul_ctxt *ctxt)
{
	unsigned int width = ctxt->insn.op_bytes * 8;
	unsigned int count = ctxt->insn.imm & (width - 1);

	ctxt->dst.val = ctxt->src.val;
	if (count)
		ctxt->dst.val = ctxt->src.val >> count | ctxt->src.val << (width - count);
	return EMUL_OK;
}

/* MULX: low half to vvvv, high half to modrm.reg, which wins when both are the same */
int ex_mulx(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	emul_u128 p = (emul_u128)emul_reg_get(ctxt, EMUL_RDX, bytes) * ctxt->src.val;

	emul_reg_set(ctxt, ctxt->insn.vvvv, p, bytes);
	ctxt->dst.val = p >> (bytes * 8);
	return EMUL_OK;
}

int ex_pdep(struct emul_ctxt *ctxt)
{
	u64 from = vvvv(ctxt), mask = ctxt->src.val, res = 0;

	for (; mask; mask &= mask - 1, from >>= 1)
		if (from & 1)
			res |= mask & -mask;
	ctxt->dst.val = res;
	return EMUL_OK;
}

int ex_pext(struct emul_ctxt *ctxt)
{
	u64 from = vvvv(ctxt), mask = ctxt->src.val, res = 0, bit = 1;

	for (; mask; mask &= mask - 1, bit <<= 1)
		if (from & mask & -mask)
			res |= bit;
	ctxt->dst.val = res;
	return EMUL_OK;
}
