/* SPDX-License-Identifier: GPL-2.0-only */
/* Instruction templates for the comparison with the processor. */
#ifndef EMUL_TEST_TEMPLATES_H
#define EMUL_TEST_TEMPLATES_H

#include "../../../../arch/x86/kvm/emul/env.h"

/* struct template.form */
#define T_MODRM		(1u << 0)
#define T_BYTE		(1u << 1)	/* byte operands */
#define T_SIZES		(1u << 2)	/* 2, 4, 8 by 66 and REX.W */
#define T_W		(1u << 3)	/* 4, 8 by REX.W or VEX.W */
#define T_D64		(1u << 4)	/* 8, or 2 with 66 */
#define T_FIXED8	(1u << 5)	/* always 8 */
#define T_LOCK		(1u << 6)
#define T_MEM		(1u << 7)	/* memory form only */
#define T_REG		(1u << 8)	/* register form only */
#define T_VEX		(1u << 9)
#define T_VVVV		(1u << 10)	/* VEX.vvvv is an operand */
#define T_L		(1u << 11)	/* VEX.L may be 1 */
#define T_PLUSR		(1u << 12)	/* register in the opcode */
#define T_PP		(1u << 13)	/* the mandatory prefix must be the last one */
#define T_REP		(1u << 14)
#define T_CL		(1u << 15)	/* count in CL */
#define T_NO_F0		(1u << 19)	/* processors differ on LOCK before it */

#define T_ONLY32	(1u << 16)
#define T_ONLY64	(1u << 17)
#define T_ADDR16	(1u << 18)

#define EXT(n)		((n) + 1)

/* struct template.imm: 0, 1, 2, 4, 6, or: */
#define I_Z		16		/* operand size, at most 4 */
#define I_V		17		/* operand size */
#define I_8_16		18		/* ENTER */

enum special {
	S_NONE, S_STRING, S_STACK, S_CALL, S_RET, S_POPF, S_ENTER, S_LEAVE, S_DIV, S_BT, S_BRANCH,
	S_LOOP, S_XLAT, S_SHIFT,
	S_SHD, S_CMPXCHG, S_CMPXCHG8B, S_ALIGNED, S_XGETBV,
	S_FAR, S_RETF, S_IRET, S_LSS, S_SELECTOR, S_XSETBV,
};

enum cpu_feature {
	CPU_ANY, CPU_AVX, CPU_BMI1, CPU_BMI2, CPU_LZCNT, CPU_MOVBE, CPU_SSE42, CPU_SSE41,
	CPU_POPCNT, CPU_ADX, CPU_OSXSAVE,
	CPU_FSGSBASE, CPU_CX16, CPU_LAHF,
};

struct template {
	const char *name;
	u32 form;
	u8 map;			/* 0, 1: 0F, 2: 0F 38, 3: 0F 3A */
	u8 opcode;
	u8 pp;			/* mandatory prefix: 0, 66, F3, F2 */
	u8 ext;			/* EXT(modrm.reg), or 0: any */
	u8 imm;
	enum special special;
	u64 undefined;		/* flags */
	enum cpu_feature cpu;
	u16 reserved;		/* registers that must not address memory */
};

extern struct template templates[];
extern unsigned int nr_templates;

void build_templates(void);
bool cpu_has(enum cpu_feature feature);
bool cpu_is_intel(void);

#endif
