// SPDX-License-Identifier: GPL-2.0-only
/* Opcode tables: one row per opcode (SDM 2 appendix A, APM 3 appendix A). */
#include "insn.h"

#define A(h, d, s, f, a)	{ .exec = ex_##h, .dst = (d), .src = (s), .flags = (f), .arg = (a) }
#define R(h, d, s, f)		A(h, d, s, f, 0)
#define SUB(table, d, s, f)	{ .sub = (table), .dst = (d), .src = (s), .flags = (f) }
#define UD			{ .flags = F_UD }
#define NONE			{ .exec = NULL }

#define LS	(F_LD | F_ST)
#define M	F_MODRM
#define B	F_BYTE

#define ALU6(op, f)									\
	A(alu, O_E, O_G, M | B | F_LD | (f), op), A(alu, O_E, O_G, M | F_LD | (f), op),	\
	A(alu, O_G, O_E, M | B | F_LD | (f), op), A(alu, O_G, O_E, M | F_LD | (f), op),	\
	A(alu, O_A, O_I, B | F_LD | (f), op), A(alu, O_A, O_I, F_LD | (f), op)
#define X4(...)		__VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__
#define X8(...)		X4(__VA_ARGS__), X4(__VA_ARGS__)
#define X16(...)	X8(__VA_ARGS__), X8(__VA_ARGS__)

static const struct emul_row grp1[8] = {
	A(alu, 0, 0, F_ST | F_LOCK, ALU_ADD), A(alu, 0, 0, F_ST | F_LOCK, ALU_OR),
	A(alu, 0, 0, F_ST | F_LOCK, ALU_ADC), A(alu, 0, 0, F_ST | F_LOCK, ALU_SBB),
	A(alu, 0, 0, F_ST | F_LOCK, ALU_AND), A(alu, 0, 0, F_ST | F_LOCK, ALU_SUB),
	A(alu, 0, 0, F_ST | F_LOCK, ALU_XOR), A(alu, 0, 0, 0, ALU_CMP),
};

static const struct emul_row grp1a[8] = {
	R(pop, O_E, O_NONE, F_ST | F_D64), UD, UD, UD, UD, UD, UD, UD,
};

static const struct emul_row grp3b[8] = {
	R(test, O_E, O_I, F_LD), R(test, O_E, O_I, F_LD),
	A(notneg, O_E, 0, LS | F_LOCK, 0), A(notneg, O_E, 0, LS | F_LOCK, 1),
	A(mul, 0, O_E, 0, 0), A(mul, 0, O_E, 0, 1), A(div, 0, O_E, 0, 0), A(div, 0, O_E, 0, 1),
};

static const struct emul_row grp4[8] = {
	A(incdec, O_E, 0, LS | F_LOCK, 0), A(incdec, O_E, 0, LS | F_LOCK, 1), X4(UD), UD, UD,
};

static const struct emul_row grp5[8] = {
	A(incdec, O_E, 0, LS | F_LOCK, 0), A(incdec, O_E, 0, LS | F_LOCK, 1),
	R(call, O_NONE, O_E, F_NEAR), A(far_mem, O_NONE, O_M, F_MEMONLY, 1),
	R(jmp, O_NONE, O_E, F_NEAR), A(far_mem, O_NONE, O_M, F_MEMONLY, 0),
	R(push, O_NONE, O_E, F_D64), UD,
};

static const struct emul_row grp11[8] = {
	R(mov, O_E, O_I, F_ST), UD, UD, UD, UD, UD, UD, UD,
};

static const struct emul_row one_byte[256] = {
	/* 00 */ ALU6(ALU_ADD, F_ST | F_LOCK), A(push_sreg, 0, 0, F_NO64, EMUL_ES),
		 A(pop_sreg, 0, 0, F_NO64, EMUL_ES),
	/* 08 */ ALU6(ALU_OR, F_ST | F_LOCK), A(push_sreg, 0, 0, F_NO64, EMUL_CS), NONE,
	/* 10 */ ALU6(ALU_ADC, F_ST | F_LOCK), A(push_sreg, 0, 0, F_NO64, EMUL_SS),
		 A(pop_sreg, 0, 0, F_NO64, EMUL_SS),
	/* 18 */ ALU6(ALU_SBB, F_ST | F_LOCK), A(push_sreg, 0, 0, F_NO64, EMUL_DS),
		 A(pop_sreg, 0, 0, F_NO64, EMUL_DS),
	/* 20 */ ALU6(ALU_AND, F_ST | F_LOCK), NONE, A(bcd, 0, 0, F_NO64, 0),
	/* 28 */ ALU6(ALU_SUB, F_ST | F_LOCK), NONE, A(bcd, 0, 0, F_NO64, 1),
	/* 30 */ ALU6(ALU_XOR, F_ST | F_LOCK), NONE, A(bcd, 0, 0, F_NO64, 2),
	/* 38 */ ALU6(ALU_CMP, 0), NONE, A(bcd, 0, 0, F_NO64, 3),
	/* 40 */ X8(A(incdec, O_Z, 0, LS, 0)), X8(A(incdec, O_Z, 0, LS, 1)),
	/* 50 */ X8(R(push, O_NONE, O_Z, F_D64)), X8(R(pop, O_Z, O_NONE, F_ST | F_D64)),
	/* 60 */ R(pusha, 0, 0, F_NO64), R(popa, 0, 0, F_NO64),
		 R(bound, O_G, O_M, M | F_LD | F_NO64 | F_MEMONLY),
	/* 63 */ R(arpl, O_EW, O_G, M | LS | F_PROT), NONE, NONE, NONE, NONE,
	/* 68 */ R(push, O_NONE, O_I, F_D64), R(imul3, O_G, O_E, M | F_ST | F_IMM),
	/* 6a */ R(push, O_NONE, O_IB, F_D64), R(imul3, O_G, O_E, M | F_ST | F_IMM8),
	/* 6c */ R(ins, 0, 0, B), R(ins, 0, 0, 0), R(outs, 0, 0, B), R(outs, 0, 0, 0),
	/* 70 */ X16(R(jcc, 0, O_JB, F_NEAR)),
	/* 80 */ SUB(grp1, O_E, O_I, F_GROUP | M | B | F_LD),
		 SUB(grp1, O_E, O_I, F_GROUP | M | F_LD),
	/* 82 */ SUB(grp1, O_E, O_I, F_GROUP | M | B | F_LD | F_NO64),
		 SUB(grp1, O_E, O_IB, F_GROUP | M | F_LD),
	/* 84 */ R(test, O_E, O_G, M | B | F_LD), R(test, O_E, O_G, M | F_LD),
	/* 86 */ R(xchg, O_E, O_G, M | B | LS | F_LOCK | F_XCHG),
		 R(xchg, O_E, O_G, M | LS | F_LOCK | F_XCHG),
	/* 88 */ R(mov, O_E, O_G, M | B | F_ST), R(mov, O_E, O_G, M | F_ST),
	/* 8a */ R(mov, O_G, O_E, M | B | F_ST), R(mov, O_G, O_E, M | F_ST),
	/* 8c */ R(mov_sreg, O_E, O_S, M | F_ST), R(lea, O_G, O_M, M | F_ST | F_MEMONLY),
	/* 8e */ R(mov_to_sreg, O_S, O_EW, M), SUB(grp1a, 0, 0, F_GROUP | M),
	/* 90 */ X8(R(xchg, O_Z, O_A, LS)),
	/* 98 */ R(convert, 0, 0, 0), R(cwd, 0, 0, 0), A(far_imm, 0, O_P, F_NO64, 1), NONE,
	/* 9c */ R(pushf, 0, 0, F_D64), R(popf, 0, 0, F_D64), R(sahf, 0, 0, 0), R(lahf, 0, 0, 0),
	/* a0 */ R(mov, O_A, O_O, B | F_ST), R(mov, O_A, O_O, F_ST), R(mov, O_O, O_A, B | F_ST),
		 R(mov, O_O, O_A, F_ST),
	/* a4 */ R(movs, 0, 0, B), R(movs, 0, 0, 0), R(cmps, 0, 0, B), R(cmps, 0, 0, 0),
	/* a8 */ R(test, O_A, O_I, B | F_LD), R(test, O_A, O_I, F_LD),
	/* aa */ R(stos, 0, 0, B), R(stos, 0, 0, 0),
	/* ac */ R(lods, 0, 0, B), R(lods, 0, 0, 0), R(scas, 0, 0, B), R(scas, 0, 0, 0),
	/* b0 */ X8(R(mov, O_Z, O_I, B | F_ST)), X8(R(mov, O_Z, O_IV, F_ST)),
	/* c0 */ R(shift, O_E, O_IB, M | B | LS), R(shift, O_E, O_IB, M | LS),
	/* c2 */ R(ret, 0, O_IW, F_NEAR), R(ret, 0, 0, F_NEAR),
	/* c4 */ A(lxs, O_G, O_M, M | F_ST | F_NO64 | F_MEMONLY, EMUL_ES),
	/* c5 */ A(lxs, O_G, O_M, M | F_ST | F_NO64 | F_MEMONLY, EMUL_DS),
	/* c6 */ SUB(grp11, 0, 0, F_GROUP | M | B), SUB(grp11, 0, 0, F_GROUP | M),
	/* c8 */ R(enter, 0, 0, F_D64 | F_IMM16), R(leave, 0, 0, F_D64), R(retf, 0, O_IW, 0),
		 R(retf, 0, 0, 0),
	/* cc */ R(int3, 0, 0, 0), R(int, 0, O_IB, 0), R(into, 0, 0, F_NO64), R(iret, 0, 0, 0),
	/* d0 */ R(shift, O_E, O_1, M | B | LS), R(shift, O_E, O_1, M | LS),
	/* d2 */ R(shift, O_E, O_C, M | B | LS), R(shift, O_E, O_C, M | LS),
	/* d4 */ R(aam, 0, O_IB, F_NO64), R(aad, 0, O_IB, F_NO64), R(salc, 0, 0, F_NO64),
		 R(xlat, 0, 0, 0),
	/* d8 */ X8(NONE),
	/* e0 */ A(loop, 0, O_JB, F_NEAR, 0), A(loop, 0, O_JB, F_NEAR, 1),
		 A(loop, 0, O_JB, F_NEAR, 2),
	/* e3 */ R(jcxz, 0, O_JB, F_NEAR),
	/* e4 */ R(in, 0, O_IB, B), R(in, 0, O_IB, 0), R(out, 0, O_IB, B), R(out, 0, O_IB, 0),
	/* e8 */ R(call, 0, O_J, F_NEAR), R(jmp, 0, O_J, F_NEAR), A(far_imm, 0, O_P, F_NO64, 0),
		 R(jmp, 0, O_JB, F_NEAR),
	/* ec */ R(in, 0, 0, B), R(in, 0, 0, 0), R(out, 0, 0, B), R(out, 0, 0, 0),
	/* f0 */ NONE, R(int1, 0, 0, 0), NONE, NONE, R(hlt, 0, 0, F_PRIV), A(flag, 0, 0, 0, 0),
	/* f6 */ SUB(grp3b, 0, 0, F_GROUP | M | B), SUB(grp3b, 0, 0, F_GROUP | M),
	/* f8 */ A(flag, 0, 0, 0, 1), A(flag, 0, 0, 0, 2), R(cli, 0, 0, 0), R(sti, 0, 0, 0),
	/* fc */ A(flag, 0, 0, 0, 3), A(flag, 0, 0, 0, 4), SUB(grp4, 0, 0, F_GROUP | M | B),
		 SUB(grp5, 0, 0, F_GROUP | M),
};

static const struct emul_row grp6[8] = {
	A(sldt, O_E, 0, F_PROT | F_ST, EMUL_LDTR), A(sldt, O_E, 0, F_PROT | F_ST, EMUL_TR),
	R(lldt, 0, O_EW, F_PROT | F_PRIV), R(ltr, 0, O_EW, F_PROT | F_PRIV),
	A(verify, 0, O_EW, F_PROT, 0), A(verify, 0, O_EW, F_PROT, 1), UD, UD,
};

static const struct emul_row grp7_mem[8] = {
	A(sdt, 0, O_M, F_SYS64, 0), A(sdt, 0, O_M, F_SYS64, 1),
	A(ldt, 0, O_M, F_SYS64 | F_PRIV, 0), A(ldt, 0, O_M, F_SYS64 | F_PRIV, 1),
	R(smsw, O_EW, 0, F_ST), NONE, R(lmsw, 0, O_EW, F_PRIV), R(invlpg, 0, O_M, F_PRIV),
};

static const struct emul_row grp7_vmx[8] = {
	NONE, R(vmcall, 0, 0, 0), NONE, NONE, NONE, NONE, NONE, NONE,
};

static const struct emul_row grp7_smap[8] = {
	NONE, NONE, A(stac, 0, 0, 0, 0), A(stac, 0, 0, 0, 1), NONE, NONE, NONE, NONE,
};

static const struct emul_row grp7_xcr[8] = {
	R(xgetbv, 0, 0, 0), R(xsetbv, 0, 0, 0), NONE, NONE, NONE, NONE, NONE, NONE,
};

static const struct emul_row grp7_svm[8] = {
	NONE, R(vmcall, 0, 0, 0), NONE, NONE, NONE, NONE, NONE, NONE,
};

static const struct emul_row grp7_gs[8] = {
	R(swapgs, 0, 0, F_ONLY64 | F_PRIV), R(rdtscp, 0, 0, 0), NONE, NONE, NONE, NONE, NONE, NONE,
};

static const struct emul_row grp7_reg[8] = {
	SUB(grp7_vmx, 0, 0, F_RM), SUB(grp7_smap, 0, 0, F_RM), SUB(grp7_xcr, 0, 0, F_RM),
	SUB(grp7_svm, 0, 0, F_RM),
	R(smsw, O_E, 0, F_ST), NONE, R(lmsw, 0, O_EW, F_PRIV), SUB(grp7_gs, 0, 0, F_RM),
};

static const struct emul_row grp7[2] = {
	SUB(grp7_mem, 0, 0, F_GROUP), SUB(grp7_reg, 0, 0, F_GROUP),
};

static const struct emul_row grp8[8] = {
	UD, UD, UD, UD, A(bt, 0, 0, 0, 0), A(bt, 0, 0, F_ST | F_LOCK, 1),
	A(bt, 0, 0, F_ST | F_LOCK, 2),
	A(bt, 0, 0, F_ST | F_LOCK, 3),
};

static const struct emul_row grp9_mem[8] = {
	NONE, R(cmpxchg8b, O_M, 0, F_LOCK | F_OP32), NONE, NONE, NONE, NONE, NONE, NONE,
};

static const struct emul_row rdpid_pfx[4] = { NONE, NONE, R(rdpid, O_E, 0, F_ST | F_SYS64), NONE };

static const struct emul_row grp9_reg[8] = {
	UD, UD, UD, UD, UD, UD, NONE, SUB(rdpid_pfx, 0, 0, F_PFX),
};

static const struct emul_row grp9[2] = {
	SUB(grp9_mem, 0, 0, F_GROUP), SUB(grp9_reg, 0, 0, F_GROUP),
};

static const struct emul_row clwb_pfx[4] = { NONE, R(clflush, 0, O_M, 0), NONE, NONE };
static const struct emul_row clflush_pfx[4] = {
	R(clflush, 0, O_M, 0), R(clflush, 0, O_M, 0), NONE, NONE,
};
static const struct emul_row rdfs_pfx[4] = {
	UD, UD, A(fsgsbase, O_E, 0, F_ONLY64 | F_ST | F_OP32, EMUL_FS), UD,
};
static const struct emul_row rdgs_pfx[4] = {
	UD, UD, A(fsgsbase, O_E, 0, F_ONLY64 | F_ST | F_OP32, EMUL_GS), UD,
};
static const struct emul_row wrfs_pfx[4] = {
	UD, UD, A(fsgsbase, 0, O_E, F_ONLY64 | F_OP32, EMUL_FS), UD,
};
static const struct emul_row wrgs_pfx[4] = {
	UD, UD, A(fsgsbase, 0, O_E, F_ONLY64 | F_OP32, EMUL_GS), UD,
};
static const struct emul_row fence_pfx[4] = { R(nop, 0, 0, 0), NONE, NONE, NONE };

static const struct emul_row grp15_mem[8] = {
	X4(NONE), NONE, NONE, SUB(clwb_pfx, 0, 0, F_PFX), SUB(clflush_pfx, 0, 0, F_PFX),
};

static const struct emul_row grp15_reg[8] = {
	SUB(rdfs_pfx, 0, 0, F_PFX), SUB(rdgs_pfx, 0, 0, F_PFX), SUB(wrfs_pfx, 0, 0, F_PFX),
	SUB(wrgs_pfx, 0, 0, F_PFX),
	NONE, SUB(fence_pfx, 0, 0, F_PFX), SUB(fence_pfx, 0, 0, F_PFX), SUB(fence_pfx, 0, 0, F_PFX),
};

static const struct emul_row grp15[2] = {
	SUB(grp15_mem, 0, 0, F_GROUP), SUB(grp15_reg, 0, 0, F_GROUP),
};

static const struct emul_row popcnt_pfx[4] = { NONE, NONE, R(popcnt, O_G, O_E, F_ST), NONE };
/* tzcnt and lzcnt are bsf and bsr with F3; 66 only sets the operand size */
static const struct emul_row bsf_pfx[4] = {
	A(bitscan, O_G, O_E, LS, 0), A(bitscan, O_G, O_E, LS, 0), A(bitscan, O_G, O_E, F_ST, 2),
	A(bitscan, O_G, O_E, LS, 0),
};
static const struct emul_row bsr_pfx[4] = {
	A(bitscan, O_G, O_E, LS, 1), A(bitscan, O_G, O_E, LS, 1), A(bitscan, O_G, O_E, F_ST, 3),
	A(bitscan, O_G, O_E, LS, 1),
};

#define V(kind, f)	A(vec, 0, 0, F_VEX | (f), kind)
#define VS(kind, f)	A(vec, 0, 0, F_VEX | (f), (kind) | V_STORE)
/* 128-bit moves of a part: VEX.vvvv gives the rest, but only where there is a rest to give */
static const struct emul_row v10[4] = {
	V(V_FULL, 0), V(V_FULL, 0), V(V_S4, F_VVVV), V(V_S8, F_VVVV),
};
static const struct emul_row v11[4] = {
	VS(V_FULL, 0), VS(V_FULL, 0), VS(V_S4, F_VVVV), VS(V_S8, F_VVVV),
};
static const struct emul_row v12[4] = {
	V(V_LOW, F_VVVV), V(V_LOW, F_VVVV | F_MEMONLY), NONE, NONE,
};
static const struct emul_row v13[4] = { VS(V_LOW, F_MEMONLY), VS(V_LOW, F_MEMONLY), UD, UD };
static const struct emul_row v16[4] = {
	V(V_HIGH, F_VVVV), V(V_HIGH, F_VVVV | F_MEMONLY), NONE, NONE,
};
static const struct emul_row v17[4] = { VS(V_HIGH, F_MEMONLY), VS(V_HIGH, F_MEMONLY), UD, UD };
static const struct emul_row v28[4] = { V(V_ALIGNED, 0), V(V_ALIGNED, 0), UD, UD };
static const struct emul_row v29[4] = { VS(V_ALIGNED, 0), VS(V_ALIGNED, 0), UD, UD };
static const struct emul_row v2b[4] = {
	VS(V_ALIGNED, F_MEMONLY), VS(V_ALIGNED, F_MEMONLY), NONE, NONE,
};
static const struct emul_row v6e[4] = { NONE, V(V_GPR, F_OP32), UD, UD };
static const struct emul_row v6f[4] = { NONE, V(V_ALIGNED, 0), V(V_FULL, 0), UD };
static const struct emul_row v7e[4] = { NONE, VS(V_GPR, F_OP32), V(V_QUAD, 0), UD };
static const struct emul_row v7f[4] = { NONE, VS(V_ALIGNED, 0), VS(V_FULL, 0), UD };
static const struct emul_row vd6[4] = { UD, VS(V_QUAD, 0), NONE, NONE };
static const struct emul_row ve7[4] = { NONE, VS(V_ALIGNED, F_MEMONLY), UD, UD };
static const struct emul_row vf0[4] = { UD, UD, UD, V(V_FULL, F_MEMONLY) };
static const struct emul_row v38_2a[4] = { UD, V(V_ALIGNED, F_MEMONLY), UD, UD };

#define P(table)	SUB(table, 0, 0, F_PFX | M)
#define HINT		R(nop, 0, 0, M)

static const struct emul_row two_byte[256] = {
	[0x00] = SUB(grp6, 0, 0, F_GROUP | M), SUB(grp7, 0, 0, F_MOD3 | M),
	[0x02] = R(lar, O_G, O_EW, M | LS | F_PROT), R(lsl, O_G, O_EW, M | LS | F_PROT),
	[0x05] = R(syscall, 0, 0, 0), R(clts, 0, 0, F_PRIV), R(sysret, 0, 0, F_PROT),
	[0x08] = A(wbinvd, 0, 0, F_PRIV, 1), A(wbinvd, 0, 0, F_PRIV, 0),
	[0x0b] = UD,
	[0x0d] = HINT,
	[0x10] = P(v10), P(v11), P(v12), P(v13), [0x16] = P(v16), P(v17),
	[0x18] = X8(HINT),
	[0x20] = R(mov_from_cr, 0, 0, M | F_REG | F_SYS64),
		 R(mov_from_dr, 0, 0, M | F_REG | F_SYS64),
	[0x22] = R(mov_to_cr, 0, 0, M | F_REG | F_SYS64),
		 R(mov_to_dr, 0, 0, M | F_REG | F_SYS64),
	[0x28] = P(v28), P(v29), [0x2b] = P(v2b),
	[0x30] = R(wrmsr, 0, 0, F_PRIV), R(rdtsc, 0, 0, 0), R(rdmsr, 0, 0, F_PRIV),
		 R(rdpmc, 0, 0, 0),
	[0x34] = R(sysenter, 0, 0, 0), R(sysexit, 0, 0, 0),
	[0x40] = X16(R(cmov, O_G, O_E, M | LS)),
	[0x6e] = P(v6e), P(v6f), [0x7e] = P(v7e), P(v7f),
	[0x80] = X16(R(jcc, 0, O_J, F_NEAR)),
	[0x90] = X16(R(setcc, O_E, 0, M | B | F_ST)),
	[0xa0] = A(push_sreg, 0, 0, F_D64, EMUL_FS), A(pop_sreg, 0, 0, F_D64, EMUL_FS),
		 R(cpuid, 0, 0, 0),
	[0xa3] = A(bt, O_E, O_G, M | F_LD | F_BITS, 0),
	[0xa4] = A(shd, O_E, O_G, M | LS | F_IMM8, 0), A(shd, O_E, O_G, M | LS, 0),
	[0xa8] = A(push_sreg, 0, 0, F_D64, EMUL_GS), A(pop_sreg, 0, 0, F_D64, EMUL_GS),
	[0xab] = A(bt, O_E, O_G, M | LS | F_BITS | F_LOCK, 1),
	[0xac] = A(shd, O_E, O_G, M | LS | F_IMM8, 1), A(shd, O_E, O_G, M | LS, 1),
	[0xae] = SUB(grp15, 0, 0, F_MOD3 | M), R(imul2, O_G, O_E, M | LS),
	[0xb0] = R(cmpxchg, O_E, O_G, M | B | LS | F_LOCK), R(cmpxchg, O_E, O_G, M | LS | F_LOCK),
	[0xb2] = A(lxs, O_G, O_M, M | F_ST | F_MEMONLY, EMUL_SS),
		 A(bt, O_E, O_G, M | LS | F_BITS | F_LOCK, 2),
	[0xb4] = A(lxs, O_G, O_M, M | F_ST | F_MEMONLY, EMUL_FS),
		 A(lxs, O_G, O_M, M | F_ST | F_MEMONLY, EMUL_GS),
	[0xb6] = R(movzx, O_G, O_EB, M | F_ST), R(movzx, O_G, O_EW, M | F_ST),
	[0xb8] = P(popcnt_pfx), { .flags = F_UD | M }, SUB(grp8, O_E, O_IB, F_GROUP | M | F_LD),
	[0xbb] = A(bt, O_E, O_G, M | LS | F_BITS | F_LOCK, 3), P(bsf_pfx), P(bsr_pfx),
	[0xbe] = R(movsx, O_G, O_EB, M | F_ST), R(movsx, O_G, O_EW, M | F_ST),
	[0xc0] = R(xadd, O_E, O_G, M | B | LS | F_LOCK), R(xadd, O_E, O_G, M | LS | F_LOCK),
	[0xc3] = R(mov, O_E, O_G, M | F_ST | F_OP32 | F_MEMONLY),
	[0xc7] = SUB(grp9, 0, 0, F_MOD3 | M),
	[0xc8] = X8(R(bswap, O_Z, 0, LS)),
	[0xd6] = P(vd6), [0xe7] = P(ve7), [0xf0] = P(vf0), [0xff] = { .flags = F_UD | M },
};

#define MOVBE_LOAD	A(movbe, O_G, O_E, F_ST | F_MEMONLY, 0)
#define MOVBE_STORE	A(movbe, O_E, O_G, F_ST | F_MEMONLY, 0)
#define ADX(a)		A(adx, O_G, O_E, LS | F_OP32, a)
#define BMI		(F_VEXONLY | F_OP32)
static const struct emul_row f0_pfx[4] = { MOVBE_LOAD, MOVBE_LOAD, UD, R(crc32, O_G, O_EB, LS) };
static const struct emul_row f1_pfx[4] = { MOVBE_STORE, MOVBE_STORE, UD, R(crc32, O_G, O_E, LS) };
static const struct emul_row adx_pfx[4] = { NONE, ADX(0), ADX(1), UD };
static const struct emul_row vf3_grp[8] = {
	UD, A(bls, 0, O_E, BMI | F_VVVV, 1), A(bls, 0, O_E, BMI | F_VVVV, 2),
	A(bls, 0, O_E, BMI | F_VVVV, 3), UD, UD, UD, UD,
};
static const struct emul_row vf2_pfx[4] = { R(andn, O_G, O_E, BMI | F_VVVV | F_ST), UD, UD, UD };
static const struct emul_row vf3_pfx[4] = { SUB(vf3_grp, 0, 0, F_GROUP), UD, UD, UD };
static const struct emul_row vf5_pfx[4] = {
	R(bzhi, O_G, O_E, BMI | F_VVVV | F_ST), UD, R(pext, O_G, O_E, BMI | F_VVVV | F_ST),
	R(pdep, O_G, O_E, BMI | F_VVVV | F_ST),
};
static const struct emul_row vf6_pfx[4] = { UD, UD, UD, R(mulx, O_G, O_E, BMI | F_VVVV | F_ST) };
static const struct emul_row vf7_pfx[4] = {
	R(bextr, O_G, O_E, BMI | F_VVVV | F_ST), A(shiftx, O_G, O_E, BMI | F_VVVV | F_ST, 0),
	A(shiftx, O_G, O_E, BMI | F_VVVV | F_ST, 2), A(shiftx, O_G, O_E, BMI | F_VVVV | F_ST, 1),
};
static const struct emul_row rorx_pfx[4] = { UD, UD, UD, R(rorx, O_G, O_E, BMI | F_ST | F_IMM8) };

#define K(op, table)	{ .opcode = (op), .sub = (table), .flags = F_PFX | M }

static const struct emul_row legacy_38[] = {
	K(0x2a, v38_2a), K(0xf0, f0_pfx), K(0xf1, f1_pfx), K(0xf6, adx_pfx),
};
static const struct emul_row vex_38[] = {
	K(0x2a, v38_2a), K(0xf2, vf2_pfx), K(0xf3, vf3_pfx), K(0xf5, vf5_pfx), K(0xf6, vf6_pfx),
	K(0xf7, vf7_pfx),
};
static const struct emul_row vex_3a[] = { K(0xf0, rorx_pfx) };

static const struct emul_row *search(const struct emul_row *rows, unsigned int nr, u8 opcode)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (rows[i].opcode == opcode)
			return &rows[i];
	return NULL;
}

#define SEARCH(rows, opcode)	search(rows, sizeof(rows) / sizeof((rows)[0]), opcode)

/* The row of an opcode, or NULL where the emulator knows none. */
const struct emul_row *emul_lookup(u8 map, u8 opcode, bool vex)
{
	switch (map) {
	case 0:
		return &one_byte[opcode];
	case 1:
		return &two_byte[opcode];
	case 2:
		return vex ? SEARCH(vex_38, opcode) : SEARCH(legacy_38, opcode);
	case 3:
		return vex ? SEARCH(vex_3a, opcode) : NULL;
	default:
		return NULL;
	}
}
