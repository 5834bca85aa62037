/* SPDX-License-Identifier: GPL-2.0-only */
/* The world switch: registers, the state behind VMLOAD, and what must precede the first RET. */
#include <linux/objtool.h>
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>

/* Kernels that do not tell the two cases apart. */
#ifndef UNTRAIN_RET_VM
#define UNTRAIN_RET_VM	UNTRAIN_RET
#endif

/* struct x86_vcpu.regs: hardware order */
#define RCX	8
#define RDX	16
#define RBX	24
#define RBP	40
#define RSI	48
#define RDI	56
#define R(n)	((n) * 8)

/* On the stack, above the saved registers */
#define SPEC	0
#define HOST	8
#define REGS	16

.section .noinstr.text, "ax"

/*
 * void svm_switch(unsigned long *regs, u64 vmcb_pa, u64 host_pa, u64 spec_ctrl)
 *
 * Runs the guest until its next exit. Interrupts are off, and are off again afterwards; whatever
 * was pending is still so. GIF is clear in between, which holds NMIs and machine checks off while
 * GS is not the host's; RFLAGS.IF is set around VMRUN, because with V_INTR_MASKING it decides
 * whether a host interrupt ends guest mode (APM 15.21.1).
 *
 * @spec_ctrl: 0, or when they differ the guest's SPEC_CTRL in bits 63:32, the host's in 31:0
 *
 * RAX, RSP, RIP and RFLAGS of the guest are in its VMCB; VMRUN gives the host's RAX back.
 */
SYM_FUNC_START(svm_switch)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi
	push	%rdx
	push	%rcx

	test	%rcx, %rcx
	jnz	.Lguest_spec_ctrl
.Lgo:
	clgi
	mov	%rsi, %rax
	vmload	%rax
	mov	RCX(%rdi), %rcx
	mov	RDX(%rdi), %rdx
	mov	RBX(%rdi), %rbx
	mov	RBP(%rdi), %rbp
	mov	RSI(%rdi), %rsi
	mov	R(8)(%rdi), %r8
	mov	R(9)(%rdi), %r9
	mov	R(10)(%rdi), %r10
	mov	R(11)(%rdi), %r11
	mov	R(12)(%rdi), %r12
	mov	R(13)(%rdi), %r13
	mov	R(14)(%rdi), %r14
	mov	R(15)(%rdi), %r15
	mov	RDI(%rdi), %rdi

	/*
	 * The last thing before the guest runs: nothing of the host's is left in the CPU's
	 * buffers.
	 */
	VM_CLEAR_CPU_BUFFERS
	sti
	vmrun	%rax
SYM_INNER_LABEL(svm_after_vmrun, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR	/* compared with, never jumped to */
	cli

	vmsave	%rax
	mov	HOST(%rsp), %rax
	vmload	%rax
	mov	REGS(%rsp), %rax
	mov	%rcx, RCX(%rax)
	mov	%rdx, RDX(%rax)
	mov	%rbx, RBX(%rax)
	mov	%rbp, RBP(%rax)
	mov	%rsi, RSI(%rax)
	mov	%rdi, RDI(%rax)
	mov	%r8, R(8)(%rax)
	mov	%r9, R(9)(%rax)
	mov	%r10, R(10)(%rax)
	mov	%r11, R(11)(%rax)
	mov	%r12, R(12)(%rax)
	mov	%r13, R(13)(%rax)
	mov	%r14, R(14)(%rax)
	mov	%r15, R(15)(%rax)

	/*
	 * The guest has had the branch predictors to itself: from here to the first RET or
	 * indirect branch the host does whatever it has decided to do on entries of this kind.
	 * Values of the guest must not be left in registers where speculated code could take them
	 * for its own.
	 */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
	cmpq	$0, SPEC(%rsp)
	jne	.Lhost_spec_ctrl
.Lback:
	UNTRAIN_RET_VM
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d

	stgi
	add	$24, %rsp
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lguest_spec_ctrl:
	mov	%rcx, %rax
	shr	$32, %rax
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	xor	%edx, %edx
	wrmsr
	jmp	.Lgo

.Lhost_spec_ctrl:
	mov	SPEC(%rsp), %eax
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	xor	%edx, %edx
	wrmsr
	jmp	.Lback
SYM_FUNC_END(svm_switch)
