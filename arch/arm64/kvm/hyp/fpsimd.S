/* SPDX-License-Identifier: GPL-2.0-only */
/* The FP/SIMD registers, as struct user_fpsimd_state has them. */
#include <linux/linkage.h>
#include <asm/assembler.h>
#include <asm/fpsimdmacros.h>

	.section .noinstr.text, "ax"

SYM_FUNC_START(arm_fp_regs_save)
	fpsimd_save x0, 8
	ret
SYM_FUNC_END(arm_fp_regs_save)

SYM_FUNC_START(arm_fp_regs_load)
	fpsimd_restore x0, 8
	ret
SYM_FUNC_END(arm_fp_regs_load)
