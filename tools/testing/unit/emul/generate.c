// SPDX-License-Identifier: GPL-2.0-only
/* Random instances of instruction templates: encodings, operands, registers, memory. */
#include "instance.h"
#include "machine.h"

static u64 rng = 0x6b65656c;

static u64 rnd(void)
{
	return next_random(&rng);
}

static unsigned int below(unsigned int n)
{
	return rnd() % n;
}

static bool one_in(unsigned int n)
{
	return below(n) == 0;
}

/* Values at which arithmetic goes wrong are worth more than random ones. */
static u64 interesting(void)
{
	static const u64 edge[] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff,
		0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0x99, 0x100, 0x10000,
		0x100000000,
	};

	switch (below(4)) {
	case 0:
		return edge[below(sizeof(edge) / sizeof(edge[0]))] + below(3) - 1;
	case 1:
		return rnd() >> below(64);
	default:
		return rnd();
	}
}

/* A selector that user space may ask about, or not; per-CPU and thread-local ones are left out. */
static u16 some_selector(void)
{
	static const u16 sel[] = { 0, 3, 0x10, 0x1b, 0x20, 0x23, 0x28, 0x2b, 0x30, 0x33, 0xfff8,
		0xffff };

	return sel[below(sizeof(sel) / sizeof(sel[0]))];
}

static void emit8(struct instance *in, unsigned int b)
{
	in->bytes[in->len++] = b;
}

static void emit_imm(struct instance *in, u64 val, unsigned int n)
{
	memcpy(in->bytes + in->len, &val, n);
	in->len += n;
}

/* The encoding of the memory operand under construction. */
struct memory {
	unsigned int mod, rm, sib, disp_bytes;
	bool has_sib, rip_rel, addr_prefix, seg_fs;
	unsigned int base, index, scale;	/* 16: none */
	s64 disp;
};

static u64 pick_address(const struct template *t)
{
	u64 off = below(4) ? 0x100 + below(SCRATCH_SIZE - 0x200) : 0xfc0 + below(0x80);

	/* aligned operands must be aligned most of the time */
	if (t->special == S_ALIGNED && !one_in(8))
		off &= ~31ull;
	return SCRATCH_ADDR + off;
}

/* LEA with 16-bit addressing: all forms, whatever they point to. */
static void choose_memory16(struct instance *in, struct memory *mem)
{
	in->is_mem = true;
	*mem = (struct memory){ .base = 16, .index = 16, .addr_prefix = true };
	mem->mod = below(3);
	mem->rm = below(8);
	mem->disp_bytes = mem->mod == 1 ? 1 : mem->mod == 2 || mem->rm == 6 ? 2 : 0;
	mem->disp = rnd();
}

static void choose_memory(struct instance *in, struct memory *mem, bool fs)
{
	const struct template *t = in->t;
	unsigned int kind = below(8), nr_regs = in->compat ? 8 : 16;
	/* stack operations and bit offsets have their own idea of some registers */
	unsigned int reserved = t->reserved | (t->special == S_BT ? 1u << in->modrm_reg : 0);

	*mem = (struct memory){ .base = 16, .index = 16, .addr_prefix = !in->compat && one_in(8) };
	in->ea = pick_address(t);
	in->is_mem = true;
	if (kind == 0) {
		mem->rip_rel = true;	/* in 32-bit code absolute */
		mem->rm = 5;
		mem->disp_bytes = 4;
		return;
	}
	mem->seg_fs = fs && one_in(16) && !mem->addr_prefix;
	mem->base = below(nr_regs);
	while ((reserved >> mem->base) & 1)
		mem->base = below(nr_regs);
	if (kind >= 4) {
		mem->index = below(nr_regs);
		if (mem->index == 4 || mem->index == mem->base || (reserved >> mem->index) & 1)
			mem->index = 16;
	}
	mem->scale = below(4);
	if (kind == 7 && !mem->seg_fs) {
		/* no base: the displacement makes up for what the index gives */
		mem->base = 16;
		mem->disp_bytes = 4;
		mem->has_sib = true;
		mem->sib = 5;
		mem->rm = 4;
	} else {
		mem->mod = below(3);
		if (mem->mod == 0 && (mem->base & 7) == 5)
			mem->mod = 1;
		mem->disp_bytes = mem->mod == 1 ? 1 : mem->mod == 2 ? 4 : 0;
		mem->disp = mem->mod == 1 ? (s8)rnd() : mem->mod == 2 ? (s32)rnd() : 0;
		mem->has_sib = mem->index < 16 || (mem->base & 7) == 4 || one_in(8);
		mem->rm = mem->has_sib ? 4 : mem->base & 7;
		mem->sib = mem->base & 7;
	}
	if (mem->has_sib)
		mem->sib |= mem->scale << 6 | (mem->index < 16 ? mem->index & 7 : 4) << 3;
}

/*
 * Set registers and displacement so that the operand lies at in->ea; @next is the end of the
 * instruction.
 */
static void place_memory(struct instance *in, struct memory *mem, u64 next, u64 fs_base)
{
	bool short_address = mem->addr_prefix && !in->compat;
	u64 ea = in->ea;

	if (in->t->form & T_ADDR16)
		return;
	if (mem->seg_fs)
		ea -= fs_base;
	if (mem->rip_rel) {
		mem->disp = in->compat ? ea : ea - next;
		return;
	}
	if (mem->base == 16) {
		if (mem->index < 16)
			in->gpr[mem->index] = short_address ? (u32)below(0x1000) | rnd() << 32 :
				below(0x1000);
		mem->disp = ea - (mem->index < 16 ? (u32)in->gpr[mem->index] << mem->scale : 0);
		return;
	}
	if (mem->index < 16)
		ea -= in->gpr[mem->index] << mem->scale;
	in->gpr[mem->base] = ea - mem->disp;
	if (in->compat) {
		in->gpr[mem->base] = (u32)in->gpr[mem->base];
	} else if (short_address) {
		in->gpr[mem->base] = (u32)in->gpr[mem->base] | rnd() << 32;
	} else if (one_in(64)) {
		in->gpr[mem->base] ^= 1ull << (48 + below(15));
		in->bad_address = true;
	}
}

static void emit_prefixes(struct instance *in, const struct memory *mem, bool lock, bool opsize)
{
	static const u8 useless[] = { 0x26, 0x2e, 0x36, 0x3e };

	/* without meaning in 64-bit mode; a harmless choice elsewhere, but for writes through CS */
	if (!(in->t->form & (T_VEX | T_PP)) && one_in(8))
		emit8(in, useless[in->compat ? 2 * below(2) : below(4)]);
	if (opsize)
		emit8(in, 0x66);
	if (mem->addr_prefix)
		emit8(in, 0x67);
	if (mem->seg_fs)
		emit8(in, 0x64);
	if (lock)
		emit8(in, 0xf0);
	if (in->t->form & T_REP)
		emit8(in, below(2) ? 0xf2 : 0xf3);
	else if (in->t->pp && !(in->t->form & T_VEX))
		emit8(in, in->t->pp);
}

static void emit_vex(struct instance *in, unsigned int rex, unsigned int vvvv, bool l)
{
	const struct template *t = in->t;
	unsigned int pp = t->pp == 0x66 ? 1 : t->pp == 0xf3 ? 2 : t->pp == 0xf2 ? 3 : 0;
	unsigned int last = (~vvvv & 0xf) << 3 | l << 2 | pp;

	if (t->map == 1 && !(rex & 0xb) && below(2)) {
		emit8(in, 0xc5);
		emit8(in, (rex & 4 ? 0 : 0x80) | last);
		return;
	}
	/* W means nothing outside 64-bit mode */
	if (in->compat && (t->form & T_W) && below(2))
		rex |= 8;
	emit8(in, 0xc4);
	emit8(in, (rex & 4 ? 0 : 0x80) | (rex & 2 ? 0 : 0x40) | (rex & 1 ? 0 : 0x20) | t->map);
	emit8(in, (rex & 8 ? 0x80 : 0) | last);
}

static unsigned int immediate_size(const struct template *t, unsigned int op_bytes)
{
	switch (t->imm) {
	case I_Z:
		return op_bytes > 4 ? 4 : op_bytes;
	case I_V:
		return op_bytes;
	case I_8_16:
		return 3;
	default:
		return t->imm;
	}
}

/* Registers of instructions that would only fault with random ones. */
static void prepare(struct instance *in)
{
	u64 *r = in->gpr;

	switch (in->t->special) {
	case S_STRING:
		r[6] = SCRATCH_ADDR + 0x400 + below(0x1800);
		r[7] = one_in(4) ? r[6] + below(16) : SCRATCH_ADDR + 0x400 + below(0x1800);
		r[1] = one_in(8) ? 0 : below(48);
		break;
	case S_STACK:
	case S_CALL:
	case S_RET:
	case S_POPF:
	case S_ENTER:
	case S_FAR:
	case S_RETF:
	case S_IRET:
		r[4] = SCRATCH_ADDR + 0x800 + below(0x1000);
		/*
		 * the outer frames must not lie where the new one is built, because the emulator
		 * reads before it writes
		 */
		if (in->t->special == S_ENTER)
			r[5] = r[4] + 0x80 + below(0x400);
		break;
	case S_LEAVE:
		r[5] = SCRATCH_ADDR + 0x800 + below(0x1000);
		break;
	case S_DIV:
		/* most quotients should fit */
		if (!one_in(4))
			r[2] = one_in(2) ? 0 : below(200);
		if (one_in(4))
			r[2] = (s64)r[0] < 0 ? ~0ull : 0;
		if (one_in(4))
			r[0] = (s16)(r[0] & 0x3ff);
		break;
	case S_BT:
		r[in->modrm_reg] = (s64)(s32)below(4096) - 2048;
		if (in->op_bytes < 8)
			r[in->modrm_reg] =
				(r[in->modrm_reg] & (in->op_bytes == 2 ? 0xffff : 0xffffffff)) |
					   (in->op_bytes == 2 ? rnd() << 16 : rnd() << 32);
		break;
	case S_LOOP:
		if (below(2))
			r[1] = (rnd() & ~0xffffffffull) | below(3);
		else if (below(2))
			r[1] = below(3);
		break;
	case S_XGETBV:
		r[1] = 0;
		break;
	case S_XLAT:
		r[3] = SCRATCH_ADDR + below(0x1000);
		break;
	default:
		break;
	}
}

/* What the accumulator must be for the interesting half of CMPXCHG. */
static void prepare_cmpxchg(struct instance *in)
{
	u64 val = 0;

	if ((in->t->special != S_CMPXCHG && in->t->special != S_CMPXCHG8B) || below(2))
		return;
	if (in->t->special == S_CMPXCHG8B) {
		u8 *p = (u8 *)in->ea;

		if (!in->is_mem || in->bad_address)
			return;
		memcpy(&val, p, in->op_bytes);
		in->gpr[0] = val;
		memcpy(&val, p + in->op_bytes, in->op_bytes);
		in->gpr[2] = val;
	} else if (!in->is_mem) {
		in->gpr[0] = in->gpr[in->modrm_rm];
	} else if (!in->bad_address) {
		memcpy(&val, (u8 *)in->ea, in->op_bytes);
		in->gpr[0] = val;
	}
}

/* Memory around the operand, and vector registers: the same in both worlds. */
static void randomize(struct instance *in, struct native_state *state)
{
	bool at_operand = in->is_mem && !(in->t->form & T_ADDR16);
	u64 from, i;

	for (i = 0; i < 8; i++) {
		u64 val = interesting();

		from = i < 5 &&
			at_operand ? in->ea - SCRATCH_ADDR - 16 + i * 8 : below(SCRATCH_SIZE - 8);
		memcpy((u8 *)SCRATCH_ADDR + from, &val, 8);
	}
	for (i = 0; i < sizeof(state->vec); i += 8) {
		u64 val = rnd();

		memcpy((u8 *)state->vec + i, &val, 8);
	}
}

static void store(u64 addr, u64 val, unsigned int bytes)
{
	memcpy((u8 *)addr, &val, bytes);
}

/* An indirect transfer must come out where it is waited for: at @target. */
static void prepare_target(struct instance *in, u64 target)
{
	unsigned int word = in->compat ? 4 : 8, n = in->op_bytes;
	u16 cs = in->compat ? USER32_CS : USER64_CS;
	u64 sp = in->gpr[4];

	switch (in->t->special) {
	case S_RET:
		store(sp, target, word);
		break;
	case S_CALL:
		if (in->t->imm)
			break;
		if (in->is_mem)
			store(in->ea, target, word);
		else
			in->gpr[in->modrm_rm] = target;
		break;
	case S_POPF:
		store(sp, rnd() & (ARITH | DF), word);
		break;
	case S_FAR:
		if (in->is_mem)
			store(in->ea,
			      target | (u64)(one_in(16) ? some_selector() & ~0x33 : cs) << 32, 6);
		break;
	case S_IRET:
		store(sp + 2 * n, (rnd() & (ARITH | DF)) | 0x202, n);
		store(sp + 3 * n, SCRATCH_ADDR + below(0x1000), n);
		store(sp + 4 * n, USER_DS, n);
		fallthrough;
	case S_RETF:
		store(sp, target, n);
		store(sp + n, cs, n);
		break;
	case S_LSS:
		store(in->ea,
		      (u32)rnd() | (u64)(one_in(8) ? some_selector() & ~0x33 : USER_DS) << 32, 6);
		break;
	case S_SELECTOR:
		if (in->is_mem)
			store(in->ea, some_selector(), 2);
		else
			in->gpr[in->modrm_rm] = some_selector() | rnd() << 16;
		break;
	default:
		break;
	}
}

/* Prefixes and REX bits that give the operand size. */
static void choose_size(struct instance *in, bool *opsize, unsigned int *rex)
{
	u32 form = in->t->form;
	unsigned int sel = below(4);

	if (form & T_BYTE) {
		in->op_bytes = 1;
		*opsize = one_in(16) && !in->t->pp && !(form & T_VEX);
		*rex |= one_in(8) && !in->compat ? 8 : 0;
	} else if (form & T_SIZES) {
		in->op_bytes = sel == 0 ? 2 : sel == 1 && !in->compat ? 8 : 4;
		*opsize = sel == 0;
		if (in->op_bytes == 8)
			*rex |= 8;
	} else if (form & T_W) {
		in->op_bytes = (sel & 1) && !in->compat ? 8 : 4;
		*rex |= in->op_bytes == 8 ? 8 : 0;
	} else if (form & T_D64) {
		in->op_bytes = sel == 0 ? 2 : in->compat ? 4 : 8;
		*opsize = sel == 0;
	} else {
		in->op_bytes = (form & T_FIXED8) && !in->compat ? 8 : 4;
	}
}

static void choose_operands(struct instance *in, struct memory *mem, bool fs)
{
	const struct template *t = in->t;
	unsigned int nr_regs = in->compat ? 8 : 16;

	in->modrm_reg = t->ext ? t->ext - 1u : below(nr_regs);
	if (t->form & T_ADDR16) {
		choose_memory16(in, mem);
	} else if ((t->form & T_MODRM) && !(t->form & T_REG) && ((t->form & T_MEM) || below(2))) {
		choose_memory(in, mem, fs);
	} else if (t->form & (T_MODRM | T_PLUSR)) {
		in->modrm_rm = t->special == S_XGETBV ? 0 : t->special == S_XSETBV ? 1 :
			below(nr_regs);
		/* a call through the stack pointer cannot have a stack as well */
		if (t->special == S_CALL && in->modrm_rm == 4)
			in->modrm_rm = 3;
	}
	if ((t->special == S_STRING || t->special == S_LOOP || t->special == S_XLAT) && !in->compat)
		mem->addr_prefix = one_in(8);
}

static unsigned int rex_registers(const struct instance *in, const struct memory *mem)
{
	unsigned int rex = in->modrm_reg & 8 ? 4 : 0;

	if (!in->is_mem)
		return rex | (in->modrm_rm & 8 ? 1 : 0);
	if (mem->index < 16 && mem->index & 8)
		rex |= 2;
	if (mem->base < 16 && mem->base & 8)
		rex |= 1;
	return rex;
}

static void emit_opcode(struct instance *in, unsigned int rex)
{
	const struct template *t = in->t;
	/* without REX, registers 4-7 of byte operands are the high ones */
	bool high = (t->form & T_BYTE) && below(2);

	if (!in->compat && (rex || (!high && one_in(3)) || ((t->form & T_BYTE) && !high)))
		emit8(in, 0x40 | rex);
	if (t->map >= 1)
		emit8(in, 0x0f);
	if (t->map >= 2)
		emit8(in, t->map == 2 ? 0x38 : 0x3a);
}

void generate(struct instance *in, const struct template *t, bool compat,
	      struct native_state *state, u64 fs_base)
{
	struct memory mem = { .base = 16, .index = 16 };
	unsigned int rex = 0, imm_bytes, disp_at = 0, i;
	bool lock, opsize = false;
	u64 next;

	*in = (struct instance){ .t = t, .compat = compat };
	for (i = 0; i < 16; i++)
		in->gpr[i] = interesting();
	in->flags = (rnd() & (ARITH | DF)) | 0x202;
	choose_size(in, &opsize, &rex);
	choose_operands(in, &mem, !compat);
	lock = t->form & T_LOCK ? one_in(3) : !(t->form & (T_VEX | T_NO_F0)) && one_in(50);
	prepare(in);
	for (i = 0; i < 16 && compat; i++)
		in->gpr[i] = (u32)in->gpr[i];

	emit_prefixes(in, &mem, lock, opsize);
	rex |= rex_registers(in, &mem);
	if (t->form & T_VEX)
		emit_vex(in, rex, t->form & T_VVVV ? below(compat ? 8 : 16) : 0, (t->form & T_L) &&
			 below(2));
	else
		emit_opcode(in, rex);
	emit8(in, t->form & T_PLUSR ? t->opcode | (in->modrm_rm & 7) : t->opcode);
	if ((t->form & T_MODRM) && in->is_mem) {
		emit8(in, mem.mod << 6 | (in->modrm_reg & 7) << 3 | mem.rm);
		if (mem.has_sib)
			emit8(in, mem.sib);
		disp_at = in->len;
		in->len += mem.disp_bytes;
	} else if (t->form & T_MODRM) {
		emit8(in, 0xc0 | (in->modrm_reg & 7) << 3 | (in->modrm_rm & 7));
	}
	imm_bytes = immediate_size(t, in->op_bytes);
	next = INSN_ADDR + in->len + imm_bytes;
	if (in->is_mem) {
		place_memory(in, &mem, next, fs_base);
		memcpy(in->bytes + disp_at, &mem.disp, mem.disp_bytes);
	}

	in->imm = interesting();
	if (t->special == S_BRANCH || t->special == S_LOOP || (t->special == S_CALL && imm_bytes))
		in->imm = native_layout(in->len + imm_bytes, compat).target - next;
	else if ((t->special == S_RET || t->special == S_RETF) && imm_bytes)
		in->imm = below(0x100);
	else if (t->special == S_FAR)
		in->imm = native_layout(in->len + imm_bytes, compat).target | (u64)USER32_CS << 32;
	else if (t->special == S_ENTER)
		in->imm = below(0x400) | below(12) << 16;
	emit_imm(in, in->imm, imm_bytes);

	randomize(in, state);
	prepare_cmpxchg(in);
	prepare_target(in, native_layout(in->len, compat).target);
	for (i = 0; i < 16 && compat; i++)
		in->gpr[i] = (u32)in->gpr[i];
}

u64 undefined_flags(const struct instance *in, bool *result)
{
	const struct template *t = in->t;
	unsigned int width = in->op_bytes * 8, count, op = t->ext - 1u;

	*result = false;
	if (t->special != S_SHIFT && t->special != S_SHD)
		return t->undefined;
	count = t->imm == 1 ? in->imm & 0xff : t->form & T_CL ? in->gpr[1] & 0xff : 1;
	count &= width == 64 ? 63 : 31;
	if (!count)
		return 0;
	if (t->special == S_SHD) {
		*result = count > width;
		return count > width ? ARITH : count == 1 ? 0x10 : 0x810;
	}
	if (op < 4)
		return count == 1 ? 0 : 0x800;
	return 0x10 | (count == 1 ? 0 : 0x800) | (count >= width && op != 7 ? 1 : 0);
}
