// SPDX-License-Identifier: GPL-2.0-only
/* Instruction decoder: bytes to struct emul_insn (SDM 2 chapter 2, APM 3 chapter 1). */
#include "insn.h"

#define MAX_LEN		15

enum parse_result {
	PARSE_OK,
	PARSE_MORE,	/* the instruction goes on after the bytes given */
	PARSE_UD,	/* architecturally undefined */
	PARSE_UNKNOWN,	/* not in the tables */
};

struct cursor {
	const u8 *p;
	unsigned int pos, avail;
};

static const struct emul_row movsxd = {
	.exec = ex_movsx, .dst = O_G, .src = O_ED, .flags = F_MODRM | F_ST,
};

static bool take(struct cursor *c, unsigned int bytes, bool sign, u64 *val)
{
	unsigned int i;

	if (c->avail - c->pos < bytes)
		return false;
	*val = 0;
	for (i = 0; i < bytes; i++)
		*val |= (u64)c->p[c->pos++] << (i * 8);
	if (sign && bytes)
		*val = emul_sext(*val, bytes);
	return true;
}

/* Legacy prefixes and REX; leaves the cursor at the opcode. */
static enum parse_result parse_prefixes(struct emul_insn *in, struct cursor *c, bool mode64,
					bool *adsize)
{
	for (; c->pos < c->avail; c->pos++) {
		u8 b = c->p[c->pos];

		switch (b) {
		case 0x66:
			in->opsize = true;
			break;
		case 0x67:
			*adsize = true;
			break;
		case 0xf0:
			in->lock = true;
			break;
		case 0xf2:
		case 0xf3:
			in->rep = b;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			/* no meaning in 64-bit mode */
			if (!mode64) {
				in->seg = (b >> 3) & 3;
				in->seg_override = true;
			}
			break;
		case 0x64:
		case 0x65:
			in->seg = b & 7;
			in->seg_override = true;
			break;
		default:
			if (mode64 && (b & 0xf0) == 0x40) {
				in->rex = REX_ANY | (b & 0xf);
				continue;
			}
			return PARSE_OK;
		}
		/* only a REX just before the opcode counts */
		in->rex = 0;
	}
	return PARSE_MORE;
}

static enum parse_result parse_vex(struct emul_insn *in, struct cursor *c, bool three, bool mode64,
				   u8 *pp)
{
	u64 b1, b2 = 0;

	if (!take(c, 1, false, &b1) || (three && !take(c, 1, false, &b2)))
		return PARSE_MORE;
	if (in->rex || in->lock || in->rep || in->opsize)
		return PARSE_UD;
	in->vex = 1;
	in->rex = REX_ANY;
	if (!(b1 & 0x80))
		in->rex |= REX_R;
	if (three) {
		in->map = b1 & 0x1f;
		if (!(b1 & 0x40))
			in->rex |= REX_X;
		if (!(b1 & 0x20))
			in->rex |= REX_B;
		if (b2 & 0x80)
			in->rex |= REX_W;
		if (in->map < 1 || in->map > 3)
			return PARSE_UD;
	} else {
		in->map = 1;
		b2 = b1;
	}
	in->vvvv = (~b2 >> 3) & 0xf;
	in->vex_l = (b2 >> 2) & 1;
	*pp = b2 & 3;
	if (!mode64) {
		/* eight registers and no 64-bit operands; vvvv's top bit is ignored */
		in->rex = REX_ANY;
		in->vvvv &= 7;
	}
	return PARSE_OK;
}

static bool parse_mem16(struct emul_insn *in, struct cursor *c, unsigned int mod, unsigned int rm)
{
	static const u8 base[8] = {
		EMUL_RBX, EMUL_RBX, EMUL_RBP, EMUL_RBP, EMUL_RSI, EMUL_RDI, EMUL_RBP, EMUL_RBX,
	};
	static const u8 index[8] = {
		EMUL_RSI, EMUL_RDI, EMUL_RSI, EMUL_RDI, EMUL_NR_REGS, EMUL_NR_REGS, EMUL_NR_REGS,
		EMUL_NR_REGS,
	};

	if (mod == 0 && rm == 6)
		return take(c, 2, true, &in->disp);
	in->base = base[rm];
	in->index = index[rm];
	return mod == 0 || take(c, mod == 1 ? 1 : 2, true, &in->disp);
}

static bool parse_mem(struct emul_insn *in, struct cursor *c, unsigned int mod, unsigned int rm,
		      bool mode64)
{
	unsigned int disp = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	if (rm == 4) {
		u64 sib;
		unsigned int index;

		if (!take(c, 1, false, &sib))
			return false;
		index = ((sib >> 3) & 7) | (in->rex & REX_X ? 8 : 0);
		if (index != EMUL_RSP) {
			in->index = index;
			in->scale = sib >> 6;
		}
		rm = sib & 7;
		if (rm == 5 && mod == 0)
			disp = 4;
		else
			in->base = rm | (in->rex & REX_B ? 8 : 0);
	} else if (rm == 5 && mod == 0) {
		disp = 4;
		in->rip_rel = mode64;
	} else {
		in->base = rm | (in->rex & REX_B ? 8 : 0);
	}
	return take(c, disp, true, &in->disp);
}

static bool parse_modrm_mem(struct emul_insn *in, struct cursor *c, bool mode64)
{
	unsigned int mod = in->modrm >> 6, rm = in->modrm & 7;

	in->base = EMUL_NR_REGS;
	in->index = EMUL_NR_REGS;
	if (!in->is_mem)
		return true;
	if (in->ad_bytes == 2) {
		if (!parse_mem16(in, c, mod, rm))
			return false;
	} else if (!parse_mem(in, c, mod, rm, mode64)) {
		return false;
	}
	if (!in->seg_override && (in->base == EMUL_RSP || in->base == EMUL_RBP))
		in->seg = EMUL_SS;
	return true;
}

static void operand_size(struct emul_insn *in, enum emul_mode mode, bool intel)
{
	bool mode64 = mode == EMUL_PROT64;
	bool wide = mode == EMUL_PROT32 || mode64;

	if (in->flags & F_BYTE)
		in->op_bytes = 1;
	else if (in->flags & F_SYS64)
		in->op_bytes = mode64 ? 8 : 4;
	else if (mode64 && (in->flags & F_NEAR) && intel)
		in->op_bytes = 8;
	else if (in->rex & REX_W)
		in->op_bytes = 8;
	else if (in->flags & F_OP32)
		in->op_bytes = 4;
	else if (mode64 && (in->flags & (F_D64 | F_NEAR)))
		in->op_bytes = in->opsize ? 2 : 8;
	else
		in->op_bytes = wide != in->opsize ? 4 : 2;
}

static bool parse_immediate(struct emul_insn *in, struct cursor *c)
{
	unsigned int size = in->op_bytes > 4 ? 4 : in->op_bytes;
	u8 form = in->dst == O_O ? O_O : in->src;
	u64 sel;

	switch (form) {
	case O_I:
	case O_J:
		if (!take(c, size, true, &in->imm))
			return false;
		break;
	case O_IB:
	case O_JB:
		if (!take(c, 1, true, &in->imm))
			return false;
		break;
	case O_IV:
		if (!take(c, in->op_bytes, true, &in->imm))
			return false;
		break;
	case O_IW:
		if (!take(c, 2, false, &in->imm))
			return false;
		break;
	case O_O:
		if (!take(c, in->ad_bytes, false, &in->imm))
			return false;
		break;
	case O_P:
		if (!take(c, size, false, &in->imm) || !take(c, 2, false, &sel))
			return false;
		in->imm2 = sel;
		break;
	default:
		break;
	}
	if (in->flags & F_IMM16) {
		if (!take(c, 2, false, &sel) || !take(c, 1, false, &in->imm))
			return false;
		in->imm2 = sel;
	}
	if (in->flags & F_IMM8)
		return take(c, 1, true, &in->imm);
	if (in->flags & F_IMM)
		return take(c, size, true, &in->imm);
	return true;
}

/*
 * Follow a row's sub-tables to the one that has the handler, collecting flags and operand forms on
 * the way.
 */
static enum parse_result resolve(struct emul_insn *in, struct cursor *c, const struct emul_row *row,
				 u8 pp)
{
	bool have_modrm = false;

	for (;;) {
		in->flags |= row->flags & ~F_SELECT;
		if (row->dst)
			in->dst = row->dst;
		if (row->src)
			in->src = row->src;
		if ((in->flags & F_MODRM) && !have_modrm) {
			u64 modrm;

			if (!take(c, 1, false, &modrm))
				return PARSE_MORE;
			have_modrm = true;
			in->modrm = modrm;
			in->is_mem = modrm < 0xc0;
			in->reg = ((modrm >> 3) & 7) | (in->rex & REX_R ? 8 : 0);
			in->rm = (modrm & 7) | (in->rex & REX_B ? 8 : 0);
		}
		if (row->flags & F_GROUP)
			row = &row->sub[(in->modrm >> 3) & 7];
		else if (row->flags & F_MOD3)
			row = &row->sub[!in->is_mem];
		else if (row->flags & F_RM)
			row = &row->sub[in->modrm & 7];
		else if (row->flags & F_PFX)
			row = &row->sub[pp];
		else
			break;
	}
	if (in->flags & F_UD)
		return PARSE_UD;
	if (!row->exec)
		return PARSE_UNKNOWN;
	in->exec = row->exec;
	in->arg = row->arg;
	if (in->flags & F_REG)
		in->is_mem = false;
	return PARSE_OK;
}

/* AMD gives CR8 to those without REX: LOCK MOV CR0 (APM 3 MOV CRn). */
static void alternative_cr8(struct emul_insn *in)
{
	if (in->lock && in->reg == 0 && (in->exec == ex_mov_from_cr || in->exec == ex_mov_to_cr)) {
		in->lock = false;
		in->reg = 8;
	}
}

/* What makes a known instruction undefined after all. */
static bool undefined(const struct emul_insn *in, bool mode64)
{
	if (mode64 ? in->flags & F_NO64 : in->flags & F_ONLY64)
		return true;
	if ((in->flags & F_MEMONLY) && !in->is_mem)
		return true;
	if (in->lock && !((in->flags & F_LOCK) && in->is_mem && (in->dst == O_E || in->dst == O_M)))
		return true;
	if (in->flags & F_VEXONLY)
		return !in->vex || in->vex_l || (in->vvvv && !(in->flags & F_VVVV));
	return in->vex && in->vvvv && !(in->flags & F_VVVV);
}

static enum parse_result parse(struct emul_insn *in, const u8 *bytes, unsigned int avail,
			       enum emul_mode mode, bool intel)
{
	struct cursor c = { .p = bytes, .avail = avail };
	bool mode64 = mode == EMUL_PROT64;
	const struct emul_row *row;
	bool adsize = false;
	enum parse_result res;
	u64 byte;
	u8 pp;

	*in = (struct emul_insn){
		.seg = EMUL_DS,
		.ad_bytes = mode64 ? 8 : mode == EMUL_PROT32 ? 4 : 2,
	};
	res = parse_prefixes(in, &c, mode64, &adsize);
	if (res != PARSE_OK)
		return res;
	if (adsize)
		in->ad_bytes = in->ad_bytes == 4 ? 2 : 4;
	pp = in->rep == 0xf3 ? 2 : in->rep == 0xf2 ? 3 : in->opsize;

	byte = c.p[c.pos++];
	if ((byte == 0xc4 || byte == 0xc5) && mode >= EMUL_PROT16) {
		/*
		 * outside 64-bit mode these are LES and LDS unless what follows looks like a
		 * register form
		 */
		if (c.pos == c.avail)
			return PARSE_MORE;
		if (mode64 || c.p[c.pos] >= 0xc0) {
			res = parse_vex(in, &c, byte == 0xc4, mode64, &pp);
			if (res != PARSE_OK)
				return res;
		}
	}
	if (byte == 0x0f || in->vex) {
		if (!in->vex)
			in->map = 1;
		if (!take(&c, 1, false, &byte))
			return PARSE_MORE;
		if (!in->vex && (byte == 0x38 || byte == 0x3a)) {
			in->map = byte == 0x38 ? 2 : 3;
			if (!take(&c, 1, false, &byte))
				return PARSE_MORE;
		}
	}
	in->opcode = byte;
	if (mode64 && in->map == 0 && byte == 0x63)
		row = &movsxd;
	else if (mode64 && in->map == 0 && byte == 0x62)
		row = NULL;	/* EVEX */
	else
		row = emul_lookup(in->map, in->opcode, in->vex);
	if (!row)
		return PARSE_UNKNOWN;

	res = resolve(in, &c, row, pp);
	if (res != PARSE_OK)
		return res;
	if (in->vex && !(in->flags & (F_VEX | F_VEXONLY)))
		return PARSE_UNKNOWN;
	if (!intel)
		alternative_cr8(in);
	if (undefined(in, mode64))
		return PARSE_UD;
	operand_size(in, mode, intel);
	if (!parse_modrm_mem(in, &c, mode64) || !parse_immediate(in, &c))
		return PARSE_MORE;
	in->len = c.pos;
	return PARSE_OK;
}

/* Get more bytes: as many as may be wanted, but not of a page that may not be wanted. */
static int fetch(struct emul_ctxt *ctxt)
{
	unsigned int len = MAX_LEN - ctxt->fetched;
	unsigned int page;
	u64 linear;
	int rc;

	if (ctxt->mode == EMUL_PROT64) {
		linear = ctxt->rip + ctxt->fetched;
		if (!emul_canonical(ctxt, linear))
			return emul_gp(ctxt);
	} else {
		const struct emul_seg *cs = emul_seg(ctxt, EMUL_CS);
		u32 offset = (u32)ctxt->rip + ctxt->fetched;

		if (offset > cs->limit)
			return emul_gp(ctxt);
		if (len - 1 > cs->limit - offset)
			len = cs->limit - offset + 1;
		linear = (u32)(cs->base + offset);
	}
	page = 0x1000 - (linear & 0xfff);
	if (len > page)
		len = page;
	rc = ctxt->ops->fetch(ctxt, linear, ctxt->bytes + ctxt->fetched, len);
	if (rc == EMUL_OK)
		ctxt->fetched += len;
	return rc;
}

/* --- what was decoded before ---------------------------------------------------------------- */

static u8 known_mode(enum emul_mode mode, bool intel)
{
	return mode | intel << 7;
}

static unsigned int known_index(u64 rip)
{
	return (rip ^ rip >> 3) & (EMUL_NR_KNOWN - 1);
}

/* The first @len bytes, 1 to 15, as two little-endian words. */
static bool same_bytes(const u64 *a, const u64 *b, unsigned int len)
{
	if (len < 8)
		return !((a[0] ^ b[0]) & emul_mask(len));
	return a[0] == b[0] && !((a[1] ^ b[1]) & emul_mask(len - 8));
}

const struct emul_insn *emul_recall(const struct emul_ctxt *ctxt, u64 rip, const u64 bytes[2],
				    enum emul_mode mode, bool intel)
{
	const struct emul_known *known = &ctxt->known[known_index(rip)];

	/* A length of 0 is none that was ever noted. */
	if (!known->insn.len || known->mode != known_mode(mode, intel) ||
	    !same_bytes(known->bytes, bytes, known->insn.len))
		return NULL;
	return &known->insn;
}

static bool recall(struct emul_ctxt *ctxt)
{
	const struct emul_insn *insn;
	u64 bytes[2];

	memcpy(bytes, ctxt->bytes, sizeof(bytes));
	insn = emul_recall(ctxt, ctxt->rip, bytes, ctxt->mode, ctxt->intel);
	if (!insn || insn->len > ctxt->fetched)
		return false;
	ctxt->insn = *insn;
	return true;
}

static void note(struct emul_ctxt *ctxt)
{
	struct emul_known *known = &ctxt->known[known_index(ctxt->rip)];

	memcpy(known->bytes, ctxt->bytes, sizeof(known->bytes));
	known->mode = known_mode(ctxt->mode, ctxt->intel);
	known->insn = ctxt->insn;
}

int emul_decode(struct emul_ctxt *ctxt, const u8 *bytes, int len)
{
	enum parse_result res = PARSE_MORE;
	int rc;

	emul_begin(ctxt);
	ctxt->fetched = 0;
	if (bytes && len > 0) {
		ctxt->fetched = len > MAX_LEN ? MAX_LEN : len;
		memcpy(ctxt->bytes, bytes, ctxt->fetched);
	}
	for (;;) {
		if (ctxt->fetched && recall(ctxt))
			goto known;
		if (ctxt->fetched)
			res = parse(&ctxt->insn, ctxt->bytes, ctxt->fetched, ctxt->mode,
				    ctxt->intel);
		if (res != PARSE_MORE)
			break;
		if (ctxt->fetched == MAX_LEN)
			return emul_gp(ctxt);
		rc = fetch(ctxt);
		if (rc != EMUL_OK)
			return rc;
	}
	if (res == PARSE_UD)
		return emul_ud(ctxt);
	if (res == PARSE_UNKNOWN)
		return EMUL_FAIL;
	note(ctxt);
known:
	ctxt->next_rip = ctxt->rip + ctxt->insn.len;
	if (ctxt->mode != EMUL_PROT64)
		ctxt->next_rip = (u32)ctxt->next_rip;
	return EMUL_OK;
}

/* --- without a context ------------------------------------------------------------------------ */

bool emul_plain_move(const struct emul_insn *in, const unsigned long *regs, u64 next_rip,
		     struct emul_move *move, u64 *ea)
{
	u64 address = in->disp;
	u8 form;

	if ((in->exec != ex_mov && in->exec != ex_movzx && in->exec != ex_movsx) || !in->is_mem ||
	    in->seg == EMUL_FS || in->seg == EMUL_GS || in->ad_bytes != 8 || in->lock)
		return false;
	move->write = in->dst == O_E;
	form = move->write ? in->src : in->dst;
	if (form != O_G && (!move->write || form != O_I))
		return false;
	/* Without REX these are AH, CH, DH, BH; see gpr_index() in exec.c. */
	if (in->op_bytes == 1 && form == O_G && !in->rex && in->reg >= 4)
		return false;
	move->reg = form == O_G ? in->reg : EMUL_NR_REGS;
	move->reg_bytes = in->op_bytes;
	form = move->write ? in->dst : in->src;
	move->bytes = form == O_EB ? 1 : form == O_EW ? 2 : form == O_ED ? 4 : in->op_bytes;
	move->sign = in->exec == ex_movsx;
	move->len = in->len;
	move->imm = in->imm;

	if (in->rip_rel)
		address += next_rip;
	if (in->base < EMUL_NR_REGS)
		address += regs[in->base];
	if (in->index < EMUL_NR_REGS)
		address += (u64)regs[in->index] << in->scale;
	*ea = address;
	return true;
}

/*
 * Lengths of the two-byte opcodes that hypervisors intercept and that have neither operands in
 * memory nor immediates.
 */
static int short_len(const u8 *p, int len)
{
	switch (p[0]) {
	case 0xf4:			/* HLT */
	case 0xec ... 0xef:		/* IN, OUT with DX */
		return 1;
	case 0xe4 ... 0xe7:		/* IN, OUT with an immediate */
		return len >= 2 ? 2 : 0;
	case 0x0f:
		break;
	default:
		return 0;
	}
	if (len < 2)
		return 0;
	switch (p[1]) {
	case 0x06:			/* CLTS */
	case 0x08 ... 0x09:		/* INVD, WBINVD */
	case 0x30 ... 0x33:		/* WRMSR, RDTSC, RDMSR, RDPMC */
	case 0xa2:			/* CPUID */
		return 2;
	case 0x20 ... 0x23:		/* MOV CR, MOV DR: always registers */
		return len >= 3 ? 3 : 0;
	case 0x01:			/* VMMCALL, XSETBV, SVM instructions, SWAPGS, RDTSCP... */
		return len >= 3 && p[2] >= 0xc0 ? 3 : 0;
	default:
		return 0;
	}
}

int emul_insn_len(const u8 *bytes, int len, enum emul_mode mode)
{
	struct emul_insn insn;
	int n = 0;

	if (len > MAX_LEN)
		len = MAX_LEN;
	if (len <= 0)
		return 0;
	/* One REP (PAUSE) or REX in front is common. */
	if (bytes[0] == 0xf3 || (mode == EMUL_PROT64 && (bytes[0] & 0xf0) == 0x40))
		n = 1;
	if (n < len) {
		int rest = short_len(bytes + n, len - n);

		if (rest)
			return n + rest;
		if (bytes[0] == 0xf3 && bytes[1] == 0x90)
			return 2;
	}
	return parse(&insn, bytes, len, mode, false) == PARSE_OK ? insn.len : 0;
}
