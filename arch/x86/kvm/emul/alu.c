// SPDX-License-Identifier: GPL-2.0-only
/* Integer arithmetic, moves and conversions. */
#include "insn.h"

/* Result flags that depend on the result only. */
void emul_flags_szp(struct emul_ctxt *ctxt, u64 res, unsigned int bytes)
{
	emul_flag(ctxt, FL_ZF, !(res & emul_mask(bytes)));
	emul_flag(ctxt, FL_SF, res & emul_sign_bit(bytes));
	emul_flag(ctxt, FL_PF, !__builtin_parity(res & 0xff));
}

/* a + b + carry with all flags; the carry out of each bit follows from the operands and the sum */
static u64 add(struct emul_ctxt *ctxt, u64 a, u64 b, bool carry, unsigned int bytes)
{
	u64 sign = emul_sign_bit(bytes);
	u64 res = a + b + carry;
	u64 out = (a & b) | ((a | b) & ~res);

	emul_flag(ctxt, FL_CF, out & sign);
	emul_flag(ctxt, FL_AF, out & 8);
	emul_flag(ctxt, FL_OF, (a ^ res) & (b ^ res) & sign);
	emul_flags_szp(ctxt, res, bytes);
	return res & emul_mask(bytes);
}

/* a - b - borrow */
static u64 sub(struct emul_ctxt *ctxt, u64 a, u64 b, bool borrow, unsigned int bytes)
{
	u64 sign = emul_sign_bit(bytes);
	u64 res = a - b - borrow;
	u64 out = (~a & b) | ((~a | b) & res);

	emul_flag(ctxt, FL_CF, out & sign);
	emul_flag(ctxt, FL_AF, out & 8);
	emul_flag(ctxt, FL_OF, (a ^ b) & (a ^ res) & sign);
	emul_flags_szp(ctxt, res, bytes);
	return res & emul_mask(bytes);
}

u64 emul_compare(struct emul_ctxt *ctxt, u64 a, u64 b, unsigned int bytes)
{
	return sub(ctxt, a, b, false, bytes);
}

static u64 logic(struct emul_ctxt *ctxt, u64 res, unsigned int bytes)
{
	ctxt->flags &= ~(FL_CF | FL_OF | FL_AF);
	emul_flags_szp(ctxt, res, bytes);
	return res & emul_mask(bytes);
}

int ex_alu(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;
	u64 a = dst->val, b = ctxt->src.val;
	bool carry = ctxt->flags & FL_CF;

	switch (ctxt->insn.arg) {
	case ALU_ADD:
		dst->val = add(ctxt, a, b, false, dst->bytes);
		break;
	case ALU_OR:
		dst->val = logic(ctxt, a | b, dst->bytes);
		break;
	case ALU_ADC:
		dst->val = add(ctxt, a, b, carry, dst->bytes);
		break;
	case ALU_SBB:
		dst->val = sub(ctxt, a, b, carry, dst->bytes);
		break;
	case ALU_AND:
		dst->val = logic(ctxt, a & b, dst->bytes);
		break;
	case ALU_SUB:
		dst->val = sub(ctxt, a, b, false, dst->bytes);
		break;
	case ALU_XOR:
		dst->val = logic(ctxt, a ^ b, dst->bytes);
		break;
	default:
		sub(ctxt, a, b, false, dst->bytes);
		break;
	}
	return EMUL_OK;
}

int ex_test(struct emul_ctxt *ctxt)
{
	logic(ctxt, ctxt->dst.val & ctxt->src.val, ctxt->dst.bytes);
	return EMUL_OK;
}

/* INC and DEC leave CF alone. */
int ex_incdec(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;
	u64 carry = ctxt->flags & FL_CF;

	if (ctxt->insn.arg)
		dst->val = sub(ctxt, dst->val, 1, false, dst->bytes);
	else
		dst->val = add(ctxt, dst->val, 1, false, dst->bytes);
	emul_flag(ctxt, FL_CF, carry);
	return EMUL_OK;
}

int ex_notneg(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;

	if (ctxt->insn.arg)
		dst->val = sub(ctxt, 0, dst->val, false, dst->bytes);
	else
		dst->val = ~dst->val & emul_mask(dst->bytes);
	return EMUL_OK;
}

/*
 * Low and high part of a product; returns whether the high part holds more than the low part's
 * extension.
 */
static bool multiply(u64 a, u64 b, unsigned int bytes, bool is_signed, u64 *lo, u64 *hi)
{
	u64 mask = emul_mask(bytes);
	emul_u128 p;

	if (is_signed)
		p = (emul_u128)((__int128)emul_sext(a, bytes) * emul_sext(b, bytes));
	else
		p = (emul_u128)a * b;
	*lo = (u64)p & mask;
	*hi = (u64)(p >> (bytes * 8)) & mask;
	if (is_signed)
		return *hi != (*lo & emul_sign_bit(bytes) ? mask : 0);
	return *hi != 0;
}

static void flags_mul(struct emul_ctxt *ctxt, bool overflow)
{
	emul_flag(ctxt, FL_CF, overflow);
	emul_flag(ctxt, FL_OF, overflow);
}

int ex_mul(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->src.bytes;
	u64 acc = emul_reg_get(ctxt, EMUL_RAX, bytes), lo, hi;

	flags_mul(ctxt, multiply(acc, ctxt->src.val, bytes, ctxt->insn.arg, &lo, &hi));
	if (bytes == 1) {
		emul_reg_set(ctxt, EMUL_RAX, lo | hi << 8, 2);
	} else {
		emul_reg_set(ctxt, EMUL_RAX, lo, bytes);
		emul_reg_set(ctxt, EMUL_RDX, hi, bytes);
	}
	return EMUL_OK;
}

static int imul(struct emul_ctxt *ctxt, u64 a, u64 b)
{
	u64 hi;

	flags_mul(ctxt, multiply(a, b, ctxt->dst.bytes, true, &ctxt->dst.val, &hi));
	return EMUL_OK;
}

int ex_imul2(struct emul_ctxt *ctxt)
{
	return imul(ctxt, ctxt->dst.val, ctxt->src.val);
}

int ex_imul3(struct emul_ctxt *ctxt)
{
	return imul(ctxt, ctxt->src.val, ctxt->insn.imm);
}

/*
 * Divide hi:lo by d, which is larger than hi, bit by bit: there is no 128-bit division to call in a
 * kernel.
 */
static u64 divide(u64 hi, u64 lo, u64 d, u64 *rem)
{
	unsigned int i;
	u64 q = 0;

	if (!hi) {
		*rem = lo % d;
		return lo / d;
	}
	for (i = 0; i < 64; i++) {
		bool top = hi >> 63;

		hi = hi << 1 | lo >> 63;
		lo <<= 1;
		q <<= 1;
		if (top || hi >= d) {
			hi -= d;
			q |= 1;
		}
	}
	*rem = hi;
	return q;
}

/* Magnitude of a dividend of 2 * bytes; @neg tells its sign. */
static emul_u128 magnitude(emul_u128 n, unsigned int bytes, bool *neg)
{
	unsigned int shift = 128 - bytes * 16;
	__int128 s = (__int128)(n << shift) >> shift;

	*neg = s < 0;
	return *neg ? -(emul_u128)s : (emul_u128)s;
}

int ex_div(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->src.bytes;
	bool is_signed = ctxt->insn.arg;
	u64 mask = emul_mask(bytes), sign = emul_sign_bit(bytes);
	u64 d = ctxt->src.val, q, r;
	bool neg_n = false, neg_d = false;
	emul_u128 n;

	if (bytes == 1)
		n = emul_reg_get(ctxt, EMUL_RAX, 2);
	else
		n = (emul_u128)emul_reg_get(ctxt, EMUL_RDX, bytes) << (bytes * 8) |
		    emul_reg_get(ctxt, EMUL_RAX, bytes);
	if (is_signed) {
		n = magnitude(n, bytes, &neg_n);
		neg_d = d & sign;
		if (neg_d)
			d = -d & mask;
	}
	/* the quotient must fit */
	if (!d || (n >> (bytes * 8)) >= d)
		return emul_raise(ctxt, VEC_DE);
	q = divide(n >> 64, n, d, &r);
	if (is_signed) {
		if (q > sign - (neg_n == neg_d))
			return emul_raise(ctxt, VEC_DE);
		if (neg_n != neg_d)
			q = -q;
		if (neg_n)
			r = -r;
	}
	if (bytes == 1) {
		emul_reg_set(ctxt, EMUL_RAX, (q & 0xff) | (r & 0xff) << 8, 2);
	} else {
		emul_reg_set(ctxt, EMUL_RAX, q, bytes);
		emul_reg_set(ctxt, EMUL_RDX, r, bytes);
	}
	return EMUL_OK;
}

int ex_mov(struct emul_ctxt *ctxt)
{
	ctxt->dst.val = ctxt->src.val;
	return EMUL_OK;
}

int ex_lea(struct emul_ctxt *ctxt)
{
	ctxt->dst.val = ctxt->src.ea;
	return EMUL_OK;
}

int ex_xchg(struct emul_ctxt *ctxt)
{
	u64 old = ctxt->dst.val;

	/*
	 * 90 is NOP (and with F3 PAUSE), not XCHG EAX, EAX, which would clear the upper half of RAX
	 */
	if (ctxt->insn.opcode == 0x90 && !(ctxt->insn.rex & REX_B)) {
		ctxt->no_writeback = true;
		return EMUL_OK;
	}
	ctxt->dst.val = ctxt->src.val;
	emul_reg_set(ctxt, ctxt->src.reg, old, ctxt->src.bytes);
	return EMUL_OK;
}

int ex_xadd(struct emul_ctxt *ctxt)
{
	u64 old = ctxt->dst.val;

	ctxt->dst.val = add(ctxt, old, ctxt->src.val, false, ctxt->dst.bytes);
	emul_reg_set(ctxt, ctxt->src.reg, old, ctxt->src.bytes);
	return EMUL_OK;
}

int ex_cmpxchg(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;
	u64 acc = emul_reg_get(ctxt, EMUL_RAX, dst->bytes);
	u64 old = dst->val;

	if (sub(ctxt, acc, old, false, dst->bytes)) {
		/* memory is written with what it holds, a register is left alone */
		emul_reg_set(ctxt, EMUL_RAX, old, dst->bytes);
		ctxt->no_writeback = dst->kind == OP_REG;
		return EMUL_OK;
	}
	dst->val = ctxt->src.val;
	return EMUL_OK;
}

int ex_cmpxchg8b(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;
	unsigned int half = dst->bytes;
	u8 old[16], new[16];
	u64 lo = 0, hi = 0, val;
	bool same;
	int rc = half == 8 ? emul_check_aligned(ctxt, 16) : EMUL_OK;

	if (rc != EMUL_OK)
		return rc;
	rc = emul_read(ctxt, dst->seg, dst->ea, old, 2 * half, EMUL_A_WRITE);
	if (rc != EMUL_OK)
		return rc;
	memcpy(&lo, old, half);
	memcpy(&hi, old + half, half);
	same = lo == emul_reg_get(ctxt, EMUL_RAX, half) && hi == emul_reg_get(ctxt, EMUL_RDX, half);
	if (same) {
		val = emul_reg_get(ctxt, EMUL_RBX, half);
		memcpy(new, &val, half);
		val = emul_reg_get(ctxt, EMUL_RCX, half);
		memcpy(new + half, &val, half);
	} else {
		memcpy(new, old, 2 * half);
		emul_reg_set(ctxt, EMUL_RAX, lo, half);
		emul_reg_set(ctxt, EMUL_RDX, hi, half);
	}
	emul_flag(ctxt, FL_ZF, same);
	if (ctxt->insn.lock)
		return emul_cmpxchg(ctxt, dst->seg, dst->ea, old, new, 2 * half);
	return emul_write(ctxt, dst->seg, dst->ea, new, 2 * half);
}

int ex_movzx(struct emul_ctxt *ctxt)
{
	ctxt->dst.val = ctxt->src.val;
	return EMUL_OK;
}

int ex_movsx(struct emul_ctxt *ctxt)
{
	ctxt->dst.val = emul_sext(ctxt->src.val, ctxt->src.bytes);
	return EMUL_OK;
}

static u64 swap_bytes(u64 val, unsigned int bytes)
{
	return __builtin_bswap64(val) >> (64 - bytes * 8);
}

int ex_bswap(struct emul_ctxt *ctxt)
{
	/* undefined for 16 bits, where processors give zero */
	ctxt->dst.val = ctxt->dst.bytes == 2 ? 0 : swap_bytes(ctxt->dst.val, ctxt->dst.bytes);
	return EMUL_OK;
}

int ex_movbe(struct emul_ctxt *ctxt)
{
	ctxt->dst.val = swap_bytes(ctxt->src.val, ctxt->dst.bytes);
	return EMUL_OK;
}

int ex_cmov(struct emul_ctxt *ctxt)
{
	if (emul_cond(ctxt->flags, ctxt->insn.opcode))
		ctxt->dst.val = ctxt->src.val;
	return EMUL_OK;
}

int ex_setcc(struct emul_ctxt *ctxt)
{
	ctxt->dst.val = emul_cond(ctxt->flags, ctxt->insn.opcode);
	return EMUL_OK;
}

/* CBW, CWDE, CDQE */
int ex_convert(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes, half = bytes / 2;

	emul_reg_set(ctxt, EMUL_RAX, emul_sext(emul_reg_get(ctxt, EMUL_RAX, half), half), bytes);
	return EMUL_OK;
}

/* CWD, CDQ, CQO */
int ex_cwd(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	bool neg = emul_reg_get(ctxt, EMUL_RAX, bytes) & emul_sign_bit(bytes);

	emul_reg_set(ctxt, EMUL_RDX, neg ? ~0ull : 0, bytes);
	return EMUL_OK;
}

/* DAA, DAS (SDM 2 3.2): decimal adjust of AL. */
static void decimal_adjust(struct emul_ctxt *ctxt, bool subtract)
{
	u8 al = emul_reg_get(ctxt, EMUL_RAX, 1), res = al;
	bool carry = ctxt->flags & FL_CF, cf = false;
	u8 fix = 0;

	if ((al & 0xf) > 9 || (ctxt->flags & FL_AF)) {
		fix = 6;
		ctxt->flags |= FL_AF;
		cf = carry || (subtract && al < 6);
	} else {
		ctxt->flags &= ~FL_AF;
	}
	if (al > 0x99 || carry) {
		fix += 0x60;
		cf = true;
	}
	res = subtract ? al - fix : al + fix;
	emul_flag(ctxt, FL_CF, cf);
	emul_flag(ctxt, FL_OF, false);
	emul_flags_szp(ctxt, res, 1);
	emul_reg_set(ctxt, EMUL_RAX, res, 1);
}

/* AAA, AAS: unpacked decimal adjust of AX. */
static void ascii_adjust(struct emul_ctxt *ctxt, bool subtract)
{
	u16 ax = emul_reg_get(ctxt, EMUL_RAX, 2);
	bool adjust = (ax & 0xf) > 9 || (ctxt->flags & FL_AF);

	if (adjust)
		ax = subtract ? ax - 0x106 : ax + 0x106;
	emul_flag(ctxt, FL_AF, adjust);
	emul_flag(ctxt, FL_CF, adjust);
	ax &= 0xff0f;
	emul_flags_szp(ctxt, ax, 1);
	emul_reg_set(ctxt, EMUL_RAX, ax, 2);
}

int ex_bcd(struct emul_ctxt *ctxt)
{
	if (ctxt->insn.arg < 2)
		decimal_adjust(ctxt, ctxt->insn.arg & 1);
	else
		ascii_adjust(ctxt, ctxt->insn.arg & 1);
	return EMUL_OK;
}

int ex_aam(struct emul_ctxt *ctxt)
{
	u8 al = emul_reg_get(ctxt, EMUL_RAX, 1), base = ctxt->insn.imm;

	if (!base)
		return emul_raise(ctxt, VEC_DE);
	logic(ctxt, al % base, 1);
	emul_reg_set(ctxt, EMUL_RAX, al % base | (al / base) << 8, 2);
	return EMUL_OK;
}

int ex_aad(struct emul_ctxt *ctxt)
{
	u16 ax = emul_reg_get(ctxt, EMUL_RAX, 2);
	u8 al = ax + (ax >> 8) * ctxt->insn.imm;

	logic(ctxt, al, 1);
	emul_reg_set(ctxt, EMUL_RAX, al, 2);
	return EMUL_OK;
}

#define LAHF_FLAGS	(FL_SF | FL_ZF | FL_AF | FL_PF | FL_CF)

int ex_lahf(struct emul_ctxt *ctxt)
{
	emul_reg_set(ctxt, EMUL_RAX | EMUL_HIGH, (ctxt->flags & LAHF_FLAGS) | FL_FIXED, 1);
	return EMUL_OK;
}

int ex_sahf(struct emul_ctxt *ctxt)
{
	u64 ah = emul_reg_get(ctxt, EMUL_RAX | EMUL_HIGH, 1);

	ctxt->flags = (ctxt->flags & ~LAHF_FLAGS) | (ah & LAHF_FLAGS);
	return EMUL_OK;
}

/* CMC, CLC, STC, CLD, STD */
int ex_flag(struct emul_ctxt *ctxt)
{
	switch (ctxt->insn.arg) {
	case 0:
		ctxt->flags ^= FL_CF;
		break;
	case 1:
		ctxt->flags &= ~FL_CF;
		break;
	case 2:
		ctxt->flags |= FL_CF;
		break;
	case 3:
		ctxt->flags &= ~FL_DF;
		break;
	default:
		ctxt->flags |= FL_DF;
		break;
	}
	return EMUL_OK;
}

/* SALC: AL = CF ? FF : 0, not in the manuals' main tables but in all processors */
int ex_salc(struct emul_ctxt *ctxt)
{
	emul_reg_set(ctxt, EMUL_RAX, ctxt->flags & FL_CF ? 0xff : 0, 1);
	return EMUL_OK;
}

int ex_xlat(struct emul_ctxt *ctxt)
{
	struct emul_insn *in = &ctxt->insn;
	u64 ea = emul_reg_read(ctxt, EMUL_RBX) + emul_reg_get(ctxt, EMUL_RAX, 1);
	u8 val;
	int rc = emul_read(ctxt, in->seg, ea & emul_mask(in->ad_bytes), &val, 1, 0);

	if (rc == EMUL_OK)
		emul_reg_set(ctxt, EMUL_RAX, val, 1);
	return rc;
}

int ex_nop(struct emul_ctxt *ctxt)
{
	ctxt->no_writeback = true;
	return EMUL_OK;
}

/* ADCX, ADOX: an addition that uses and sets one flag only */
int ex_adx(struct emul_ctxt *ctxt)
{
	struct emul_operand *dst = &ctxt->dst;
	u64 flag = ctxt->insn.arg ? FL_OF : FL_CF;
	emul_u128 sum = (emul_u128)dst->val + ctxt->src.val + !!(ctxt->flags & flag);

	emul_flag(ctxt, flag, (u64)(sum >> (dst->bytes * 8)) & 1);
	dst->val = (u64)sum & emul_mask(dst->bytes);
	return EMUL_OK;
}
