/* SPDX-License-Identifier: GPL-2.0-only */
/* What the emulator's files share: opcode rows, operand forms, flags, helpers. */
#ifndef KEEL_X86_EMUL_INSN_H
#define KEEL_X86_EMUL_INSN_H

#include "emul.h"

/* RFLAGS (SDM 1 3.4.3) */
#define FL_CF		0x1ul
#define FL_FIXED	0x2ul
#define FL_PF		0x4ul
#define FL_AF		0x10ul
#define FL_ZF		0x40ul
#define FL_SF		0x80ul
#define FL_TF		0x100ul
#define FL_IF		0x200ul
#define FL_DF		0x400ul
#define FL_OF		0x800ul
#define FL_IOPL		0x3000ul
#define FL_NT		0x4000ul
#define FL_RF		0x10000ul
#define FL_VM		0x20000ul
#define FL_AC		0x40000ul
#define FL_VIF		0x80000ul
#define FL_VIP		0x100000ul
#define FL_ID		0x200000ul
#define FL_ARITH	(FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)
#define FL_ALL		(FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_RF | FL_VM | \
			 FL_AC | FL_VIF | FL_VIP | FL_ID)

/* Exception vectors */
#define VEC_DE	0
#define VEC_DB	1
#define VEC_BP	3
#define VEC_OF	4
#define VEC_BR	5
#define VEC_UD	6
#define VEC_NM	7
#define VEC_TS	10
#define VEC_NP	11
#define VEC_SS	12
#define VEC_GP	13
#define VEC_PF	14

/* Control register bits that the emulator looks at */
#define CR0_PE		0x1ul
#define CR0_EM		0x4ul
#define CR0_TS		0x8ul
#define CR4_VME		0x1ul
#define CR4_PVI		0x2ul
#define CR4_TSD		0x4ul
#define CR4_DE		0x8ul
#define CR4_PCE		0x100ul
#define CR4_OSFXSR	0x200ul
#define CR4_UMIP	0x800ul
#define CR4_LA57	0x1000ul
#define CR4_FSGSBASE	0x10000ul
#define CR4_OSXSAVE	0x40000ul

#define IDX_EFER		0xc0000080u
#define EFER_SCE_BIT		0x1ul
#define EFER_LMA_BIT		0x400ul
#define IDX_STAR		0xc0000081u
#define IDX_LSTAR		0xc0000082u
#define IDX_CSTAR		0xc0000083u
#define IDX_SFMASK		0xc0000084u
#define IDX_KERNEL_GS		0xc0000102u
#define IDX_TSC_AUX		0xc0000103u
#define IDX_SYSENTER_CS		0x174u
#define IDX_SYSENTER_ESP	0x175u
#define IDX_SYSENTER_EIP	0x176u

/* struct emul_insn.rex */
#define REX_B		1
#define REX_X		2
#define REX_R		4
#define REX_W		8
#define REX_ANY		0x40

/* Operand forms of a row; named after the manuals' letters where those exist. */
enum emul_form {
	O_NONE,
	O_E,		/* modrm.rm: register or memory */
	O_EB,		/* the same, one byte */
	O_EW,		/* the same, a word */
	O_ED,		/* the same, a doubleword */
	O_G,		/* modrm.reg: register */
	O_M,		/* modrm.rm: memory only; the handler accesses it */
	O_A,		/* accumulator */
	O_Z,		/* register in the opcode's low bits */
	O_I,		/* immediate of operand size, at most 4 bytes, sign-extended */
	O_IB,		/* immediate byte, sign-extended */
	O_IV,		/* immediate of full operand size */
	O_IW,		/* immediate word */
	O_O,		/* memory at an immediate offset */
	O_C,		/* CL */
	O_1,		/* constant one */
	O_J,		/* relative target of operand size */
	O_JB,		/* relative target, one byte */
	O_P,		/* far pointer */
	O_S,		/* segment register in modrm.reg */
};

/* struct emul_row.flags */
#define F_MODRM		(1u << 0)
#define F_BYTE		(1u << 1)	/* byte operands */
#define F_LD		(1u << 2)	/* destination is read */
#define F_ST		(1u << 3)	/* destination is written */
#define F_LOCK		(1u << 4)	/* LOCK allowed when the destination is memory */
#define F_NO64		(1u << 5)	/* #UD in 64-bit mode */
#define F_ONLY64	(1u << 6)	/* #UD elsewhere */
#define F_PROT		(1u << 7)	/* #UD in real and virtual-8086 mode */
#define F_PRIV		(1u << 8)	/* #GP(0) when CPL is not 0 */
#define F_D64		(1u << 9)	/* operand size is 8 or 2 in 64-bit mode */
#define F_NEAR		(1u << 10)	/* near branch: as F_D64, but Intel ignores 66 */
#define F_GROUP		(1u << 11)	/* sub[modrm.reg] */
#define F_MOD3		(1u << 12)	/* sub[mod == 3] */
#define F_RM		(1u << 13)	/* sub[modrm.rm] */
#define F_PFX		(1u << 14)	/* sub[none, 66, F3, F2] */
#define F_IMM8		(1u << 15)	/* one more immediate byte */
#define F_IMM		(1u << 16)	/* one more immediate of operand size */
#define F_VEX		(1u << 17)	/* may come with VEX */
#define F_VEXONLY	(1u << 18)	/* must */
#define F_XCHG		(1u << 19)	/* memory form is LOCKed without the prefix */
#define F_BITS		(1u << 20)	/* source is a bit offset that moves the memory operand */
#define F_UD		(1u << 21)	/* architecturally undefined: #UD */
#define F_IMM16		(1u << 22)	/* ENTER: one more word before the byte */
#define F_REG		(1u << 23)	/* modrm.mod is ignored: rm is always a register */
#define F_MEMONLY	(1u << 25)	/* #UD for the register form */
#define F_VVVV		(1u << 26)	/* VEX.vvvv is an operand (else it must be 1111b) */
#define F_SYS64		(1u << 27)	/* operand size is 8 in 64-bit mode, 4 elsewhere */
#define F_OP32		(1u << 28)	/* operand size is 4, or 8 with REX.W; 66 is no prefix */
#define F_SELECT	(F_GROUP | F_MOD3 | F_RM | F_PFX)

/**
 * struct emul_row - one line of an opcode table
 * @exec: the handler; the operands are loaded before it and stored after it
 * @sub: for F_GROUP, F_MOD3, F_RM, F_PFX: the table to go on with
 * @flags: F_*
 * @dst: enum emul_form
 * @src: enum emul_form
 * @arg: for the handler, where several opcodes share one
 * @opcode: key in the short tables of 0F 38 and 0F 3A
 */
struct emul_row {
	int (*exec)(struct emul_ctxt *ctxt);
	const struct emul_row *sub;
	u32 flags;
	u8 dst, src;
	u8 arg;
	u8 opcode;
};

/* emul_row.arg of vector moves: what moves, and V_STORE for register to r/m */
enum emul_vmove {
	V_FULL,			/* 16 or 32 bytes */
	V_ALIGNED,		/* the same; memory must be aligned */
	V_S4,			/* scalar single: loads clear the rest, register moves merge */
	V_S8,			/* scalar double */
	V_LOW,			/* low quadword, merging */
	V_HIGH,			/* high quadword, merging */
	V_GPR,			/* MOVD, MOVQ: general register or memory */
	V_QUAD,			/* MOVQ between vector registers or memory */
	V_STORE = 0x80,
};

/* emul_row.arg of ex_alu: bits 5-3 of the opcode */
enum emul_alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

/* struct emul_operand.kind */
enum {
	OP_NONE,
	OP_REG,
	OP_MEM,
	OP_IMM,
	OP_SREG,
};

/* A register number with this bit is AH, CH, DH or BH. */
#define EMUL_HIGH	0x10

/* tables.c */
const struct emul_row *emul_lookup(u8 map, u8 opcode, bool vex);

/* mem.c */
u64 emul_mem_ea(struct emul_ctxt *ctxt);
const struct emul_seg *emul_seg(struct emul_ctxt *ctxt, unsigned int sreg);
void emul_commit_seg(struct emul_ctxt *ctxt, unsigned int sreg, const struct emul_seg *seg);
bool emul_canonical(struct emul_ctxt *ctxt, u64 addr);
int emul_linear(struct emul_ctxt *ctxt, int sreg, u64 ea, unsigned int len, unsigned int flags,
		u64 *linear);
int emul_check_aligned(struct emul_ctxt *ctxt, unsigned int len);
int emul_read(struct emul_ctxt *ctxt, int sreg, u64 ea, void *buf, unsigned int len,
	      unsigned int flags);
int emul_write(struct emul_ctxt *ctxt, int sreg, u64 ea, const void *buf, unsigned int len);
int emul_cmpxchg(struct emul_ctxt *ctxt, int sreg, u64 ea, const void *old, const void *new,
		 unsigned int len);
int emul_read_linear(struct emul_ctxt *ctxt, u64 linear, void *buf, unsigned int len,
		     unsigned int flags);
int emul_write_linear(struct emul_ctxt *ctxt, u64 linear, const void *buf, unsigned int len,
		      unsigned int flags);
u64 emul_stack_mask(struct emul_ctxt *ctxt);
int emul_push(struct emul_ctxt *ctxt, u64 val, unsigned int bytes);
int emul_push_many(struct emul_ctxt *ctxt, const u64 *vals, unsigned int nr, unsigned int bytes);
int emul_peek(struct emul_ctxt *ctxt, unsigned int offset, u64 *val, unsigned int bytes);
void emul_move_sp(struct emul_ctxt *ctxt, s64 delta);
u64 emul_reg_get(struct emul_ctxt *ctxt, unsigned int reg, unsigned int bytes);
void emul_reg_set(struct emul_ctxt *ctxt, unsigned int reg, u64 val, unsigned int bytes);

/* exec.c */
void emul_begin(struct emul_ctxt *ctxt);
void emul_commit_regs(struct emul_ctxt *ctxt);
void emul_commit(struct emul_ctxt *ctxt);
int emul_gp(struct emul_ctxt *ctxt);
int emul_ud(struct emul_ctxt *ctxt);

/* alu.c */
void emul_flags_szp(struct emul_ctxt *ctxt, u64 res, unsigned int bytes);
u64 emul_compare(struct emul_ctxt *ctxt, u64 a, u64 b, unsigned int bytes);

/* desc.c */
bool emul_long_mode(struct emul_ctxt *ctxt);
bool emul_desc_addr(struct emul_ctxt *ctxt, u16 sel, unsigned int len, u64 *addr);
int emul_read_desc(struct emul_ctxt *ctxt, u16 sel, u64 *desc, u64 *addr, u8 vec);
void emul_unpack_desc(struct emul_seg *seg, u16 sel, u64 desc);
int emul_mark_desc(struct emul_ctxt *ctxt, u64 addr, struct emul_seg *seg, u8 set, u8 clear);
int emul_sel_fault(struct emul_ctxt *ctxt, u8 vec, u16 sel);
int emul_check_data_seg(struct emul_ctxt *ctxt, unsigned int sreg, u16 sel, u8 cpl, u8 vec,
			struct emul_seg *seg);
int emul_check_ldt(struct emul_ctxt *ctxt, u16 sel, u8 vec, struct emul_seg *seg);
void emul_real_seg(struct emul_ctxt *ctxt, unsigned int sreg, u16 sel, struct emul_seg *seg);

/* control.c */
int emul_set_target(struct emul_ctxt *ctxt, u64 rip, unsigned int bytes);
bool emul_cond(u64 flags, unsigned int cc);
u64 emul_writable_flags(struct emul_ctxt *ctxt, unsigned int bytes);
int emul_read_far(struct emul_ctxt *ctxt, u64 *off, u16 *sel);

/* far.c */
int emul_vector_real(struct emul_ctxt *ctxt, u8 vector, u64 ret);

/* task.c */
int emul_task(struct emul_ctxt *ctxt, u16 sel, enum emul_task_reason reason, bool has_error,
	      u32 error_code, u64 ret);

/* io.c */
int emul_io_allowed(struct emul_ctxt *ctxt, u16 port, unsigned int size);

/* Handlers, by file. */
#define EMUL_HANDLERS(X)						\
	/* alu.c */							\
	X(alu) X(test) X(incdec) X(notneg) X(mul) X(imul2) X(imul3)	\
	X(div) X(mov) X(xchg) X(xadd) X(cmpxchg) X(cmpxchg8b) X(movzx)	\
	X(movsx) X(lea) X(bswap) X(movbe) X(cmov) X(setcc) X(convert)	\
	X(cwd) X(bcd) X(aam) X(aad) X(lahf) X(sahf) X(flag) X(salc)	\
	X(xlat) X(nop) X(adx)						\
	/* bits.c */							\
	X(shift) X(shd) X(bt) X(bitscan) X(popcnt) X(crc32) X(andn)	\
	X(bls) X(bextr) X(bzhi) X(shiftx) X(rorx) X(mulx) X(pdep) X(pext) \
	/* control.c */							\
	X(push) X(pop) X(pusha) X(popa) X(pushf) X(popf) X(enter)	\
	X(leave) X(jcc) X(jmp) X(call) X(ret) X(loop) X(jcxz)		\
	X(push_sreg) X(pop_sreg) X(mov_sreg) X(mov_to_sreg) X(lxs)	\
	X(bound) X(int) X(int3) X(int1) X(into) X(cli) X(sti)		\
	/* far.c */							\
	X(far_imm) X(far_mem) X(retf) X(iret) X(syscall) X(sysret)	\
	X(sysenter) X(sysexit)						\
	/* string.c */							\
	X(movs) X(cmps) X(stos) X(lods) X(scas) X(ins) X(outs)		\
	/* io.c */							\
	X(in) X(out)							\
	/* desc.c, system.c */						\
	X(sdt) X(ldt) X(sldt) X(lldt) X(ltr) X(verify) X(lar) X(lsl)	\
	X(arpl) X(smsw) X(lmsw) X(invlpg) X(swapgs) X(rdtscp) X(xgetbv) \
	X(xsetbv) X(vmcall) X(clts) X(mov_from_cr) X(mov_to_cr)		\
	X(mov_from_dr) X(mov_to_dr) X(rdmsr) X(wrmsr) X(rdtsc) X(rdpmc) \
	X(cpuid) X(hlt) X(wbinvd) X(stac) X(fsgsbase) X(rdpid) X(clflush) \
	/* vector.c */							\
	X(vec)

#define EMUL_DECLARE(name) int ex_##name(struct emul_ctxt *ctxt);
EMUL_HANDLERS(EMUL_DECLARE)
#undef EMUL_DECLARE

static inline u64 emul_mask(unsigned int bytes)
{
	return bytes >= 8 ? ~0ull : (1ull << (bytes * 8)) - 1;
}

static inline u64 emul_sign_bit(unsigned int bytes)
{
	return 1ull << (bytes * 8 - 1);
}

static inline s64 emul_sext(u64 val, unsigned int bytes)
{
	switch (bytes) {
	case 1:
		return (s8)val;
	case 2:
		return (s16)val;
	case 4:
		return (s32)val;
	default:
		return (s64)val;
	}
}

static inline unsigned int emul_dpl(const struct emul_seg *seg)
{
	return (seg->attr & EMUL_SEG_DPL) >> EMUL_SEG_DPL_SHIFT;
}

static inline bool emul_is_code(const struct emul_seg *seg)
{
	return (seg->attr & (EMUL_SEG_S | EMUL_SEG_CODE)) == (EMUL_SEG_S | EMUL_SEG_CODE);
}

/* Conforming code, which is open to less privileged levels. */
static inline bool emul_is_conforming(const struct emul_seg *seg)
{
	return emul_is_code(seg) && (seg->attr & EMUL_SEG_DOWN);
}

/* Code that can only be executed. */
static inline bool emul_is_unreadable(const struct emul_seg *seg)
{
	return emul_is_code(seg) && !(seg->attr & EMUL_SEG_WRITE);
}

/* Data that can be written: the only thing that a stack can be. */
static inline bool emul_is_writable(const struct emul_seg *seg)
{
	return (seg->attr & EMUL_SEG_S) && !(seg->attr & EMUL_SEG_CODE) &&
	       (seg->attr & EMUL_SEG_WRITE);
}

static inline bool emul_is_prot(const struct emul_ctxt *ctxt)
{
	return ctxt->mode >= EMUL_PROT16;
}

static inline unsigned int emul_iopl(const struct emul_ctxt *ctxt)
{
	return (ctxt->rflags & FL_IOPL) >> 12;
}

static inline void emul_flag(struct emul_ctxt *ctxt, u64 flag, bool on)
{
	ctxt->flags = on ? ctxt->flags | flag : ctxt->flags & ~flag;
}

#endif
