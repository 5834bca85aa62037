/* SPDX-License-Identifier: GPL-2.0-only */
/* The x86 instruction emulator: what a caller provides and what it gets back. */
#ifndef KEEL_X86_EMUL_EMUL_H
#define KEEL_X86_EMUL_EMUL_H

#include "env.h"

/*
 * How to use it:
 *
 *	ctxt->ops, regs, mode, rip, rflags, cpl, intel	are filled by the caller
 *	rc = emul_decode(ctxt, bytes, nr_bytes);	(NULL, 0: all bytes come from ops->fetch)
 *	if (rc == EMUL_OK)
 *		rc = emul_exec(ctxt);
 *
 * The same rule holds for both calls: only EMUL_OK changes the guest's general registers, RIP and
 * RFLAGS (ctxt->regs[], ctxt->rip, ctxt->rflags, ctxt->cpl: the caller copies the last three back).
 * One exception: a REP string instruction commits its completed iterations (registers and RFLAGS)
 * before it reports a fault or an I/O request of a later iteration; RIP then still points at the
 * instruction, so that it can simply be started again.
 *
 * The emulator is pure: no allocation, no locks, no floating point, nothing but the callbacks
 * below.
 */

enum emul_rc {
	EMUL_OK,	/* done */
	EMUL_FAULT,	/* ctxt->exc describes an exception (or a software interrupt) to inject */
	EMUL_IO,	/* user space must answer a read first; then run the instruction again */
	EMUL_FAIL,	/* unknown to the emulator, or a callback cannot handle it */
	EMUL_RETRY,	/* nothing happened (a LOCKed update lost a race): enter the guest again */
};

enum emul_mode {
	EMUL_REAL,	/* CR0.PE = 0 */
	EMUL_VM86,	/* RFLAGS.VM = 1 */
	EMUL_PROT16,	/* protected or compatibility mode, CS.D = 0 */
	EMUL_PROT32,	/* protected or compatibility mode, CS.D = 1 */
	EMUL_PROT64,	/* EFER.LMA = 1 and CS.L = 1 */
};

/* Indices into ctxt->regs[]: the order of instruction encodings. */
enum emul_reg {
	EMUL_RAX, EMUL_RCX, EMUL_RDX, EMUL_RBX, EMUL_RSP, EMUL_RBP, EMUL_RSI, EMUL_RDI,
	EMUL_R8, EMUL_R9, EMUL_R10, EMUL_R11, EMUL_R12, EMUL_R13, EMUL_R14, EMUL_R15,
	EMUL_NR_REGS,
};

enum emul_sreg {
	EMUL_ES, EMUL_CS, EMUL_SS, EMUL_DS, EMUL_FS, EMUL_GS,
	EMUL_LDTR, EMUL_TR,
	EMUL_NR_SREGS,
};

/**
 * struct emul_seg - a segment register with its hidden part
 * @base: linear base
 * @limit: last valid byte offset (granularity already applied)
 * @selector: visible part
 * @attr: bits 40-47 of the descriptor in bits 0-7, bits 52-55 in bits 8-11, which is also the
 *	format of a VMCB (APM 15.5.1); an unusable (null) segment has EMUL_SEG_P clear
 */
struct emul_seg {
	u64 base;
	u32 limit;
	u16 selector;
	u16 attr;
};

#define EMUL_SEG_TYPE		0x000f
#define EMUL_SEG_ACCESSED	0x0001
#define EMUL_SEG_WRITE		0x0002	/* data: writable; code: readable */
#define EMUL_SEG_DOWN		0x0004	/* data: expand down; code: conforming */
#define EMUL_SEG_CODE		0x0008
#define EMUL_SEG_S		0x0010
#define EMUL_SEG_DPL		0x0060
#define EMUL_SEG_DPL_SHIFT	5
#define EMUL_SEG_P		0x0080
#define EMUL_SEG_AVL		0x0100
#define EMUL_SEG_L		0x0200
#define EMUL_SEG_DB		0x0400
#define EMUL_SEG_G		0x0800

struct emul_dtr {
	u64 base;
	u16 limit;
};

enum emul_exc_kind {
	EMUL_EXC_FAULT,		/* a fault: RIP stays at the instruction */
	EMUL_EXC_SOFT_INT,	/* INT n: deliver with ctxt->next_rip as return address */
	EMUL_EXC_SOFT_EXC,	/* INT3, INTO: the same, as a software exception */
	EMUL_EXC_PRIV_EXC,	/* INT1: the same, as a privileged software exception */
};

/**
 * struct emul_exc - what to inject after EMUL_FAULT
 * @vector: interrupt vector
 * @kind: enum emul_exc_kind
 * @has_error: an error code is pushed
 * @error_code: it
 * @address: #PF: the faulting linear address, for CR2; #DB: bits for DR6
 */
struct emul_exc {
	u8 vector;
	u8 kind;
	bool has_error;
	u32 error_code;
	u64 address;
};

/* Access flags of the memory callbacks. */
#define EMUL_A_USER	(1u << 0)	/* a CPL 3 access */
#define EMUL_A_SYSTEM	(1u << 1)	/* implicit supervisor access: descriptor tables, TSS */
#define EMUL_A_WRITE	(1u << 2)	/* read, probe: the instruction will write there, too */
#define EMUL_A_BULK	(1u << 3)	/* a batch of string elements: RAM only, see below */

/* A memory callback is asked for at most so many bytes at a time. */
#define EMUL_MAX_ACCESS	64
/* A string port instruction is batched up to so many bytes. */
#define EMUL_MAX_PIO	1024

struct emul_ctxt;

/**
 * struct emul_ops - what the emulator needs to know about the guest
 *
 * All return enum emul_rc unless they return void or a value. A callback that returns EMUL_FAULT
 * has filled ctxt->exc (emul_raise(), emul_raise_pf()). Addresses are linear: segmentation, limits
 * and canonical form are already checked.
 *
 * Reads come before writes in every instruction. A read (or pio_in) that needs user space returns
 * EMUL_IO; nothing of the instruction is committed and the caller runs it again when user space has
 * answered: it is deterministic, so the same reads come in the same order, and the callback answers
 * them from its log. A write (or pio_out) that needs user space is queued by the callback, which
 * returns EMUL_OK, and the caller goes to user space after the instruction. In both cases (a write
 * queued, or a read answered from the log) the callback sets ctxt->yield, so that a REP string
 * instruction ends after the current iteration. So, when a call commits iterations and then returns
 * EMUL_IO, no answer from the log has been used, and the log holds nothing but the new request.
 *
 * @fetch: instruction bytes; never crosses a page
 * @read: data; up to EMUL_MAX_ACCESS bytes, which may cross a page (in 64-bit mode even the top of
 *	the address space): the callback splits. With EMUL_A_BULK the range is many elements
 *	of a string instruction within one page: a callback
 *	that does not find plain RAM there returns EMUL_RETRY without any effect, and the elements
 *	then come one by one.
 * @write: the same; must have translated (and permission-checked) both pages before it changes one
 * @cmpxchg: compare @len bytes with @old and store @new, atomically in RAM; 1, 2, 4, 8 or 16 bytes.
 *	EMUL_RETRY when memory no longer holds @old. Elsewhere (MMIO) it may do a plain write of
 *	@new.
 * @probe: check that @len bytes can be accessed (EMUL_A_WRITE: written) without a fault, access
 *	nothing
 * @pio_in: @count reads of @size bytes from one port
 * @pio_out: @count writes of @size bytes to one port
 * @get_seg: a segment register, LDTR or TR, with the hidden part
 * @set_seg: the same. A changed CPL is reported in ctxt->cpl only, after EMUL_OK; the mode is the
 *	caller's to derive from CS, CR0 and EFER.
 * @get_gdt: GDTR
 * @get_idt: IDTR
 * @set_gdt: GDTR; the base is canonical
 * @set_idt: IDTR; the base is canonical
 * @get_cr: CR0, 2, 3, 4, 8 (others are never asked for)
 * @set_cr: the same; does the architecture's consistency checks and raises #GP(0) itself. A task
 *	switch loads CR3 through it too.
 * @get_dr: debug registers 0-3, 6, 7
 * @set_dr: the same; reserved-bit checks (#GP) are the callback's
 * @get_msr: RDMSR, with filters; #GP(0) for a bad index; may return EMUL_IO
 * @set_msr: WRMSR, with filters; #GP(0) for a bad index or value; may return EMUL_IO, because
 *	nothing comes after it
 * @peek_msr: what the processor itself uses while it executes: EFER, STAR, LSTAR, CSTAR, SFMASK,
 *	KERNEL_GS_BASE, SYSENTER_CS, _ESP, _EIP, TSC_AUX. No filters; cannot fail.
 * @poke_msr: KERNEL_GS_BASE, for SWAPGS
 * @cpuid: @regs is EAX, EBX, ECX, EDX, with leaf and subleaf in [0] and [2] on entry
 * @rdtsc: the guest's time-stamp counter
 * @rdpmc: performance counter by ECX
 * @get_xcr: extended control register; #GP(0) for a bad index
 * @set_xcr: the same; the checks of the value are the callback's, too
 * @hlt: HLT has passed its checks; do it
 * @wbinvd: WBINVD or INVD, likewise
 * @invlpg: likewise; any linear address
 * @hypercall: VMCALL or VMMCALL, at any CPL; registers through emul_reg_read(), emul_reg_write()
 * @read_vec: XMM (16 bytes) or YMM (32 bytes) register
 * @write_vec: the same; 16 bytes leave bits 128 and up alone (SSE), 32 bytes clear everything above
 *	bit 255 (AVX)
 */
struct emul_ops {
	int (*fetch)(struct emul_ctxt *ctxt, u64 linear, u8 *buf, unsigned int len);
	int (*read)(struct emul_ctxt *ctxt, u64 linear, u8 *buf, unsigned int len,
		    unsigned int flags);
	int (*write)(struct emul_ctxt *ctxt, u64 linear, const u8 *buf, unsigned int len,
		     unsigned int flags);
	int (*compare_exchange)(struct emul_ctxt *ctxt, u64 linear, const u8 *old, const u8 *new,
		       unsigned int len, unsigned int flags);
	int (*probe)(struct emul_ctxt *ctxt, u64 linear, unsigned int len, unsigned int flags);

	int (*pio_in)(struct emul_ctxt *ctxt, u16 port, unsigned int size, u8 *buf,
		      unsigned int count);
	int (*pio_out)(struct emul_ctxt *ctxt, u16 port, unsigned int size, const u8 *buf,
		       unsigned int count);

	void (*get_seg)(struct emul_ctxt *ctxt, enum emul_sreg sreg, struct emul_seg *seg);
	void (*set_seg)(struct emul_ctxt *ctxt, enum emul_sreg sreg, const struct emul_seg *seg);
	void (*get_gdt)(struct emul_ctxt *ctxt, struct emul_dtr *dt);
	void (*get_idt)(struct emul_ctxt *ctxt, struct emul_dtr *dt);
	void (*set_gdt)(struct emul_ctxt *ctxt, const struct emul_dtr *dt);
	void (*set_idt)(struct emul_ctxt *ctxt, const struct emul_dtr *dt);

	u64 (*get_cr)(struct emul_ctxt *ctxt, unsigned int nr);
	int (*set_cr)(struct emul_ctxt *ctxt, unsigned int nr, u64 val);
	u64 (*get_dr)(struct emul_ctxt *ctxt, unsigned int nr);
	int (*set_dr)(struct emul_ctxt *ctxt, unsigned int nr, u64 val);
	int (*get_msr)(struct emul_ctxt *ctxt, u32 index, u64 *val);
	int (*set_msr)(struct emul_ctxt *ctxt, u32 index, u64 val);
	u64 (*peek_msr)(struct emul_ctxt *ctxt, u32 index);
	void (*poke_msr)(struct emul_ctxt *ctxt, u32 index, u64 val);
	int (*cpuid)(struct emul_ctxt *ctxt, u32 regs[4]);
	u64 (*rdtsc)(struct emul_ctxt *ctxt);
	int (*rdpmc)(struct emul_ctxt *ctxt, u32 index, u64 *val);
	int (*get_xcr)(struct emul_ctxt *ctxt, u32 index, u64 *val);
	int (*set_xcr)(struct emul_ctxt *ctxt, u32 index, u64 val);

	int (*hlt)(struct emul_ctxt *ctxt);
	int (*wbinvd)(struct emul_ctxt *ctxt);
	int (*invlpg)(struct emul_ctxt *ctxt, u64 linear);
	int (*hypercall)(struct emul_ctxt *ctxt);

	void (*read_vec)(struct emul_ctxt *ctxt, unsigned int reg, u8 *buf, unsigned int len);
	void (*write_vec)(struct emul_ctxt *ctxt, unsigned int reg, const u8 *buf,
			  unsigned int len);
};

/*
 * struct emul_insn - one decoded instruction; depends on nothing but its bytes and the mode
 */
struct emul_insn {
	int (*exec)(struct emul_ctxt *ctxt);	/* the handler */
	u64 imm;		/* immediate, sign-extended where the instruction does */
	u64 disp;		/* displacement, sign-extended */
	u32 flags;		/* F_* of insn.h */
	u16 imm2;		/* second immediate: far selector, ENTER's frame size */
	u8 dst, src;		/* enum emul_form of insn.h */
	u8 arg;			/* for handlers that serve several opcodes */
	u8 len;
	u8 map;			/* 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A */
	u8 opcode;
	u8 rex;			/* W R X B in bits 3-0; bit 6: there is a REX prefix */
	u8 rep;			/* 0, 0xf2 or 0xf3: the last one */
	u8 vex;			/* there is a VEX prefix */
	u8 vex_l;		/* VEX.L: 256 bits */
	u8 vvvv;		/* VEX's second source register, already inverted */
	u8 op_bytes;		/* 1 (byte forms), 2, 4, 8 */
	u8 ad_bytes;		/* 2, 4, 8 */
	u8 modrm;
	u8 reg;			/* modrm.reg with REX.R */
	u8 rm;			/* modrm.rm with REX.B (mod 3) */
	u8 base, index, scale;	/* memory form; EMUL_NR_REGS: none */
	s8 seg;			/* segment of the memory operand, override applied */
	bool seg_override;
	bool opsize;		/* 66 seen */
	bool lock;
	bool rip_rel;
	bool is_mem;		/* there is a memory operand */
};

/* A decoded operand. */
struct emul_operand {
	u8 kind;		/* enum in insn.h */
	u8 bytes;
	u8 reg;
	s8 seg;
	u64 ea;			/* offset in the segment */
	u64 val;
	u64 old;		/* what memory held, for LOCKed updates */
};

/* An instruction that was decoded before, and the bytes that it begins; of length 0: none. */
struct emul_known {
	u64 bytes[2];
	u8 mode;		/* enum emul_mode, and bit 7: as Intel's */
	struct emul_insn insn;
};

#define EMUL_NR_KNOWN 8

/* ctxt->shadow: interrupts blocked for one instruction */
#define EMUL_SHADOW_STI		(1u << 0)
#define EMUL_SHADOW_MOV_SS	(1u << 1)

/*
 * struct emul_ctxt - one instruction
 *
 * Embed it and get at the surroundings with container_of().
 */
struct emul_ctxt {
	/* filled by the caller */
	const struct emul_ops *ops;
	unsigned long *regs;	/* RAX..R15 of the guest */
	enum emul_mode mode;
	u8 cpl;			/* 0 in real mode, 3 in virtual-8086 mode */
	bool intel;		/* vendor-dependent corners follow Intel's manual, not AMD's */
	u64 rip;
	u64 rflags;

	/* results: rip, rflags and cpl above, and these */
	struct emul_exc exc;
	u64 next_rip;		/* end of the instruction */
	u8 shadow;		/* EMUL_SHADOW_*: valid after EMUL_OK */
	bool tf_trap;		/* RFLAGS.TF was set at the start: a #DB (DR6.BS) is due */
	bool restart;		/* EMUL_OK, but a REP has iterations left: RIP still points at it */
	bool switched;		/* the fault came after the commit point of a task switch */
	bool yield;		/* set by callbacks, see struct emul_ops */

	/* private to the emulator from here on */
	struct emul_insn insn;
	u8 fetched;
	u8 bytes[16];
	struct emul_known known[EMUL_NR_KNOWN];
	u64 gpr[EMUL_NR_REGS];	/* shadow registers: what is abandoned leaves no trace */
	u16 gpr_valid, gpr_dirty;
	u64 flags;		/* shadow RFLAGS */
	u64 target;		/* shadow RIP */
	u8 new_cpl;		/* shadow CPL */
	struct emul_seg seg[EMUL_NR_SREGS];
	u8 seg_valid;
	bool no_writeback;
	bool no_trap;		/* TF does not outlive the instruction */
	struct emul_operand dst, src;
	u8 pio[EMUL_MAX_PIO];
};

/**
 * emul_decode() - decode the instruction at ctxt->rip
 * @ctxt: with the caller's part filled
 * @bytes: bytes that the hardware has already fetched, or NULL
 * @len: how many; the rest comes from ops->fetch if it is needed
 *
 * Return: EMUL_OK, EMUL_FAULT (#UD, #GP for a too long one, #PF...), or what ops->fetch returned.
 */
int emul_decode(struct emul_ctxt *ctxt, const u8 *bytes, int len);

/**
 * emul_recall() - an instruction that emul_decode() has met before
 * @ctxt: any
 * @rip: where it is, a hint only
 * @bytes: 16 bytes from there on
 * @mode: mode of the code segment
 * @intel: as in &struct emul_ctxt
 *
 * Drivers execute the same few instructions all the time. Guests may change them: what counts are
 * their bytes.
 *
 * Return: the instruction, until the next call of emul_decode(); or NULL.
 */
const struct emul_insn *emul_recall(const struct emul_ctxt *ctxt, u64 rip, const u64 bytes[2],
				    enum emul_mode mode, bool intel);

/*
 * struct emul_move - what emul_plain_move() found
 */
struct emul_move {
	bool write;		/* from a register or immediate to memory; else to a register */
	bool sign;		/* extended with its sign */
	u8 bytes;		/* of memory */
	u8 reg_bytes;		/* of the register: 2, 4 or 8, or 1 */
	u8 reg;			/* EMUL_NR_REGS: @imm is written */
	u8 len;			/* of the instruction */
	u64 imm;
};

/**
 * emul_plain_move() - is it a MOV, MOVZX or MOVSX between memory and a register or an immediate?
 * @in: the instruction, decoded in 64-bit mode
 * @regs: RAX..R15, with which its address is computed
 * @next_rip: end of the instruction
 * @move: filled if so
 * @ea: its address in memory
 *
 * With what drivers use, that is: not with segment overrides, nor AH, BH, CH and DH.
 */
bool emul_plain_move(const struct emul_insn *in, const unsigned long *regs, u64 next_rip,
		     struct emul_move *move, u64 *ea);

/**
 * emul_exec() - execute the instruction that emul_decode() has decoded
 * @ctxt: the same
 *
 * Return: enum emul_rc
 */
int emul_exec(struct emul_ctxt *ctxt);

/**
 * emul_insn_len() - length of an instruction
 * @bytes: the instruction's bytes
 * @len: how many there are
 * @mode: mode of the code segment
 *
 * Cheap for what a hypervisor intercepts. Decodes as AMD processors do: those are the ones that may
 * lack next-RIP save.
 *
 * Return: 1..15, or 0 when @bytes is no instruction that the emulator knows, or more than @len
 * bytes are needed.
 */
int emul_insn_len(const u8 *bytes, int len, enum emul_mode mode);

enum emul_task_reason {
	EMUL_TASK_CALL,
	EMUL_TASK_JMP,
	EMUL_TASK_IRET,
	EMUL_TASK_GATE,		/* interrupt or exception through a task gate */
};

/**
 * emul_task_switch() - hardware task switch (SDM 3A 8.3, APM 2 12.3)
 * @ctxt: with the caller's part filled; ctxt->rip must already point to where the old task goes on
 * @selector: of the new TSS
 * @reason: what causes the switch
 * @has_error: EMUL_TASK_GATE: the exception has an error code, to be pushed on the new stack
 * @error_code: it
 *
 * On EMUL_OK the caller takes rip, rflags, cpl and regs from @ctxt as after emul_exec(). EMUL_FAULT
 * with ctxt->switched set is a fault in the context of the new task: the caller takes the state
 * over too, and then injects.
 *
 * Return: enum emul_rc
 */
int emul_task_switch(struct emul_ctxt *ctxt, u16 selector, enum emul_task_reason reason,
		     bool has_error, u32 error_code);

/**
 * emul_real_int() - deliver an interrupt in real mode, through the interrupt vector table
 * @ctxt: with the caller's part filled; mode must be EMUL_REAL; ctxt->rip is the return address
 * @vector: interrupt vector
 *
 * Return: enum emul_rc; on EMUL_OK the caller takes rip, rflags and regs from @ctxt
 */
int emul_real_int(struct emul_ctxt *ctxt, u8 vector);

/* For callbacks: fill ctxt->exc and return EMUL_FAULT. */
int emul_raise(struct emul_ctxt *ctxt, u8 vector);
int emul_raise_error(struct emul_ctxt *ctxt, u8 vector, u32 error_code);
int emul_raise_pf(struct emul_ctxt *ctxt, u64 address, u32 error_code);

/*
 * For callbacks (hypercall): registers as the instruction sees them; a write is committed with the
 * instruction.
 */
u64 emul_reg_read(struct emul_ctxt *ctxt, enum emul_reg reg);
void emul_reg_write(struct emul_ctxt *ctxt, enum emul_reg reg, u64 val);

#endif
