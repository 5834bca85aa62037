/* SPDX-License-Identifier: GPL-2.0-only */
/* Execution of one instruction on the real CPU, with all registers under control. */
#ifndef EMUL_TEST_NATIVE_H
#define EMUL_TEST_NATIVE_H

#include "../../../../arch/x86/kvm/emul/env.h"

#define STATE_ADDR	0x10000000ul
#define CODE_ADDR	0x11000000ul
#define CODE_SIZE	0x1000ul
#define COMPAT_ADDR	(CODE_ADDR + 0x400)	/* entry to 32-bit mode */
#define INSN_ADDR	(CODE_ADDR + 0x800)
#define SCRATCH_ADDR	0x20000000ul
#define SCRATCH_SIZE	0x2000ul

enum native_end { END_NONE, END_NEXT, END_TARGET };

/* At STATE_ADDR, where code with 32-bit displacements reaches it. */
struct native_state {
	u64 gpr[16];		/* in and out */
	u64 flags;		/* in and out */
	u64 host_rsp;
	u64 end;		/* enum native_end: fell through, or went to the target */
	u32 far_offset;		/* of the jump to 32-bit mode */
	u32 far_selector;
	u64 padding[4];
	u8 vec[16][32];		/* in and out; only with AVX */
	/* filled by the signal handler */
	int signal;
	int vector;
};

/**
 * struct native_insn - where things are around the instruction
 * @next: its end
 * @target: where a branch goes that is taken
 */
struct native_insn {
	u64 next, target;
};

/* Linux' selectors for user space. */
#define USER32_CS	0x23
#define USER_DS		0x2b
#define USER64_CS	0x33

struct native_state *native_init(bool avx);
/*
 * The addresses that an instruction of this length will have in 64-bit mode or (@compat) in a
 * 32-bit segment.
 */
struct native_insn native_layout(unsigned int len, bool compat);
/* Run it; in native_state->signal the signal it has raised, or 0. */
void native_run(const u8 *insn, unsigned int len, bool compat);

#endif
