/* SPDX-License-Identifier: GPL-2.0-only */
/* One random instance of a template: the bytes and the state to run them in. */
#ifndef EMUL_TEST_INSTANCE_H
#define EMUL_TEST_INSTANCE_H

#include "native.h"
#include "templates.h"

#define ARITH	0x8d5ull
#define DF	0x400ull

struct instance {
	const struct template *t;
	bool compat;		/* runs in a 32-bit code segment */
	u8 bytes[32];
	unsigned int len;
	unsigned int op_bytes;
	u64 gpr[16];
	u64 flags;
	bool is_mem;
	bool bad_address;	/* meant to be non-canonical */
	unsigned int modrm_reg, modrm_rm;
	u64 ea;
	u64 imm;
};

/* Fills @in, the scratch memory and the vector registers of @state. */
void generate(struct instance *in, const struct template *t, bool compat,
	      struct native_state *state, u64 fs_base);
/*
 * Flags that the manuals leave undefined for this instance; *result is set when the result is
 * undefined as well.
 */
u64 undefined_flags(const struct instance *in, bool *result);

#endif
