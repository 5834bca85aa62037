/* SPDX-License-Identifier: GPL-2.0-only */
/* Into the guest and out of it, with VHE: the host kernel runs at EL2. */
#include <linux/arm-smccc.h>
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/assembler.h>
#include <asm/kvm_arm.h>
#include <asm/sysreg.h>
#include "offsets.h"

/* The frame on the host's stack while the guest runs. */
#define F_X18		96	/* and sp_el0, which is the host's "current" */
#define F_CTXT		112	/* struct arm_ctxt, and the host's HCR_EL2 */
#define F_VBAR		128	/* the host's VBAR_EL2, and the guest's HCR_EL2 */
#define F_CPTR		144	/* the host's CPTR_EL2 */
#define F_KEYS		160	/* the host's pointer authentication keys */
#define F_SIZE		240

#define X(n)		(8 * (n))

.macro	keys_save base, off
	.irp	n, 0, 1, 2, 3, 4
	.if	\n == 0
	mrs_s	x2, SYS_APIAKEYLO_EL1
	mrs_s	x3, SYS_APIAKEYHI_EL1
	.elseif	\n == 1
	mrs_s	x2, SYS_APIBKEYLO_EL1
	mrs_s	x3, SYS_APIBKEYHI_EL1
	.elseif	\n == 2
	mrs_s	x2, SYS_APDAKEYLO_EL1
	mrs_s	x3, SYS_APDAKEYHI_EL1
	.elseif	\n == 3
	mrs_s	x2, SYS_APDBKEYLO_EL1
	mrs_s	x3, SYS_APDBKEYHI_EL1
	.else
	mrs_s	x2, SYS_APGAKEYLO_EL1
	mrs_s	x3, SYS_APGAKEYHI_EL1
	.endif
	stp	x2, x3, [\base, #\off + 16 * \n]
	.endr
.endm

.macro	keys_load base, off
	.irp	n, 0, 1, 2, 3, 4
	ldp	x2, x3, [\base, #\off + 16 * \n]
	.if	\n == 0
	msr_s	SYS_APIAKEYLO_EL1, x2
	msr_s	SYS_APIAKEYHI_EL1, x3
	.elseif	\n == 1
	msr_s	SYS_APIBKEYLO_EL1, x2
	msr_s	SYS_APIBKEYHI_EL1, x3
	.elseif	\n == 2
	msr_s	SYS_APDAKEYLO_EL1, x2
	msr_s	SYS_APDAKEYHI_EL1, x3
	.elseif	\n == 3
	msr_s	SYS_APDBKEYLO_EL1, x2
	msr_s	SYS_APDBKEYHI_EL1, x3
	.else
	msr_s	SYS_APGAKEYLO_EL1, x2
	msr_s	SYS_APGAKEYHI_EL1, x3
	.endif
	.endr
.endm

	.section .noinstr.text, "ax"

/*
 * struct vhe_exit vhe_switch(struct arm_ctxt *ctxt, u64 hcr, const void *vectors, u64 cptr)
 *
 * All exceptions are masked. x0 is the exit code and x1 what HCR_EL2 was then. ERET synchronizes
 * what was written before it.
 */
SYM_FUNC_START(vhe_switch)
	stp	x29, x30, [sp, #-F_SIZE]!
	mov	x29, sp
	stp	x27, x28, [sp, #16]
	stp	x25, x26, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x21, x22, [sp, #64]
	stp	x19, x20, [sp, #80]
	mrs	x4, sp_el0
	stp	x18, x4, [sp, #F_X18]
	mrs	x4, hcr_el2
	stp	x0, x4, [sp, #F_CTXT]
	mrs	x4, vbar_el1
	stp	x4, x1, [sp, #F_VBAR]
	mrs	x4, cpacr_el1			// CPTR_EL2, by HCR_EL2.E2H
	str	x4, [sp, #F_CPTR]
	ldp	x5, x6, [x0, #ARM_CTXT_PC]
	msr	elr_el2, x5
	msr	spsr_el2, x6
	msr	cpacr_el1, x3
	msr	vbar_el1, x2
alternative_if ARM64_WORKAROUND_SPECULATIVE_AT
	isb					// stage 2 is the guest's before stage 1 can be walked
alternative_else_nop_endif
	msr	hcr_el2, x1
	tbnz	x1, #HCR_API_SHIFT_, 2f
1:	ldp	x30, x2, [x0, #X(30)]
	msr	sp_el0, x2
	ldp	x28, x29, [x0, #X(28)]
	ldp	x26, x27, [x0, #X(26)]
	ldp	x24, x25, [x0, #X(24)]
	ldp	x22, x23, [x0, #X(22)]
	ldp	x20, x21, [x0, #X(20)]
	ldp	x18, x19, [x0, #X(18)]
	ldp	x16, x17, [x0, #X(16)]
	ldp	x14, x15, [x0, #X(14)]
	ldp	x12, x13, [x0, #X(12)]
	ldp	x10, x11, [x0, #X(10)]
	ldp	x8, x9, [x0, #X(8)]
	ldp	x6, x7, [x0, #X(6)]
	ldp	x4, x5, [x0, #X(4)]
	ldp	x2, x3, [x0, #X(2)]
	ldp	x0, x1, [x0, #X(0)]
	eret
	sb
2:	keys_save sp, F_KEYS
	keys_load x0, ARM_CTXT_KEYS
	b	1b
SYM_FUNC_END(vhe_switch)

/* From the vectors. x0 is the exit code; the guest's x0 and x1 are on the stack. */
SYM_CODE_START_LOCAL(vhe_exit)
	ldr	x1, [sp, #F_CTXT + 16]
	stp	x2, x3, [x1, #X(2)]
	ldp	x2, x3, [sp], #16
	stp	x2, x3, [x1, #X(0)]
	stp	x4, x5, [x1, #X(4)]
	stp	x6, x7, [x1, #X(6)]
	stp	x8, x9, [x1, #X(8)]
	stp	x10, x11, [x1, #X(10)]
	stp	x12, x13, [x1, #X(12)]
	stp	x14, x15, [x1, #X(14)]
	stp	x16, x17, [x1, #X(16)]
	stp	x18, x19, [x1, #X(18)]
	stp	x20, x21, [x1, #X(20)]
	stp	x22, x23, [x1, #X(22)]
	stp	x24, x25, [x1, #X(24)]
	stp	x26, x27, [x1, #X(26)]
	stp	x28, x29, [x1, #X(28)]
	mrs	x2, sp_el0
	stp	x30, x2, [x1, #X(30)]
	mrs	x2, elr_el2
	mrs	x3, spsr_el2
	stp	x2, x3, [x1, #ARM_CTXT_PC]
	ldp	x5, x6, [sp, #F_VBAR]
	tbnz	x6, #HCR_API_SHIFT_, 4f
3:
alternative_if_not ARM64_HAS_RAS_EXTN
	b	vhe_drain
alternative_else_nop_endif
SYM_INNER_LABEL(vhe_drained, SYM_L_LOCAL)
	mrs	x1, hcr_el2
	ldr	x4, [sp, #F_CTXT + 8]
	msr	hcr_el2, x4
	msr	vbar_el1, x5
	ldr	x4, [sp, #F_CPTR]
	msr	cpacr_el1, x4
	ldp	x18, x4, [sp, #F_X18]
	msr	sp_el0, x4
	isb
	ldp	x19, x20, [sp, #80]
	ldp	x21, x22, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #32]
	ldp	x27, x28, [sp, #16]
	ldp	x29, x30, [sp], #F_SIZE
	ret
4:	keys_save x1, ARM_CTXT_KEYS
	keys_load sp, F_KEYS
	isb
	b	3b

/*
 * Without the RAS extension nothing tells whose SError it is that comes after the exit. What the
 * guest has caused is made to come now, while the vectors are still ours.
 */
SYM_INNER_LABEL(vhe_drain, SYM_L_LOCAL)
	dsb	sy
	isb
	mrs	x2, isr_el1
	tbz	x2, #8, vhe_drained		// ISR_EL1.A
	msr	daifclr, #4
	isb					// vhe_serror
	msr	daifset, #4
	b	vhe_drained
SYM_CODE_END(vhe_exit)

/* It changes nothing but the exit code. */
SYM_CODE_START_LOCAL(vhe_serror)
	orr	x0, x0, #ARM_EXIT_SERROR_PENDING
	eret
	sb
SYM_CODE_END(vhe_serror)

/*
 * An exception in vhe_switch itself: a bug. With the host's vectors back, it is repeated and
 * reported.
 */
SYM_CODE_START_LOCAL(vhe_bad)
	stp	x0, x1, [sp, #-16]!
	ldr_this_cpu x0, vhe_host_vbar, x1
	msr	vbar_el1, x0
	ldr_this_cpu x0, vhe_host_hcr, x1
	msr	hcr_el2, x0
	isb
	ldp	x0, x1, [sp], #16
	eret
	sb
SYM_CODE_END(vhe_bad)

/*
 * What has to be done about branch predictors that the guest has trained, before the first
 * branch of the host that could use them; see vhe_vectors_pick().
 */
.macro	harden_none
.endm

.macro	harden_loop			// Spectre-BHB: fill the history
	ldr_this_cpu x0, vhe_bhb_loops, x1
10:	b	11f
11:	subs	x0, x0, #1
	b.ne	10b
	sb
.endm

.macro	harden_clear
	hint	#22				// CLRBHB
	isb
.endm

.macro	harden_call func
	stp	x2, x3, [sp, #-16]!
	mov_q	x0, \func
	smc	#0
	ldp	x2, x3, [sp], #16
.endm

.macro	harden_firmware1
	harden_call ARM_SMCCC_ARCH_WORKAROUND_1
.endm

.macro	harden_firmware3
	harden_call ARM_SMCCC_ARCH_WORKAROUND_3
.endm

.macro	vector_exit code, harden
	.align	7
	hint	#16				// ESB: SErrors of the guest go to DISR_EL1
	stp	x0, x1, [sp, #-16]!
	\harden
	mov	x0, #\code
	b	vhe_exit
.endm

.macro	vector_to target
	.align	7
	b	\target
.endm

.macro	vhe_vectors name, harden
	.align	11
SYM_CODE_START_NOALIGN(\name)
	.rept	4				// EL2 with SP_EL0
	vector_to vhe_bad
	.endr
	vector_to vhe_bad			// EL2 with SP_EL2
	vector_to vhe_bad
	vector_to vhe_bad
	vector_to vhe_serror
	.rept	2				// lower, AArch64; lower, AArch32
	vector_exit ARM_EXIT_SYNC, \harden
	vector_exit ARM_EXIT_IRQ, \harden
	vector_exit ARM_EXIT_FIQ, \harden
	vector_exit ARM_EXIT_SERROR, \harden
	.endr
SYM_CODE_END(\name)
.endm

	vhe_vectors vhe_vectors_plain, harden_none
	vhe_vectors vhe_vectors_loop, harden_loop
	vhe_vectors vhe_vectors_clear, harden_clear
	vhe_vectors vhe_vectors_firmware1, harden_firmware1
	vhe_vectors vhe_vectors_firmware3, harden_firmware3
