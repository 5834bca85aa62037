// SPDX-License-Identifier: GPL-2.0-only
/* What exits: the intercept vectors and the MSR permission map of a vCPU (15.9 to 15.14). */
#include "svm.h"

/* --- the vectors ----------------------------------------------------------------------------- */

/*
 * Always. Instructions of SVM itself are here for their #UD: guests have no SVM. #DB and #AC are
 * intercepted because a guest can arrange for them to be raised for ever while they are
 * delivered, without an instruction boundary at which an interrupt could get in; #MC because it
 * is the host's; #UD for hypercalls made with the other vendor's instruction.
 */
static const u8 always[] = {
	INTERCEPT_INTR, INTERCEPT_NMI, INTERCEPT_SMI, INTERCEPT_INIT, INTERCEPT_SHUTDOWN,
	INTERCEPT_SELECTIVE_CR0, INTERCEPT_CR4_WRITE, INTERCEPT_TASK_SWITCH,
	INTERCEPT_CPUID, INTERCEPT_RDPMC, INTERCEPT_INVD, INTERCEPT_WBINVD,
	INTERCEPT_IOIO_PROT, INTERCEPT_MSR_PROT, INTERCEPT_XSETBV, INTERCEPT_RDPRU, INTERCEPT_RSM,
	INTERCEPT_VMRUN, INTERCEPT_VMMCALL, INTERCEPT_VMLOAD, INTERCEPT_VMSAVE,
	INTERCEPT_STGI, INTERCEPT_CLGI, INTERCEPT_SKINIT, INTERCEPT_INVLPGA,
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_DB, INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_AC,
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_MC, INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_UD,
};

static void set_if(struct svm_vcpu *s, bool on, unsigned int bit)
{
	if (on)
		vmcb_set_intercept(s->vmcb, bit);
	else
		vmcb_clear_intercept(s->vmcb, bit);
}

void svm_update_exceptions(struct x86_vcpu *v)
{
	set_if(to_svm(v), v->core.guest_debug & KVM_GUESTDBG_USE_SW_BP,
	       INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_BP);
}

/*
 * Reads exit while the VMCB holds something else than the guest has written, and all writes of
 * CR0 then.
 */
void svm_update_cr_intercepts(struct svm_vcpu *s)
{
	set_if(s, s->hidden_cr0, INTERCEPT_CR0_READ);
	set_if(s, s->hidden_cr0, INTERCEPT_CR0_WRITE);
	set_if(s, s->guest_cr4 != s->vmcb->save.cr4, INTERCEPT_CR4_READ);
}

/*
 * Without an in-kernel LAPIC user space is told of CR8 writes. With one the guest has V_TPR to
 * itself until a lower TPR would let an interrupt through. While an interrupt window is open
 * writes always exit: QEMU's TCG aborts when a guest writes CR8 with V_IRQ set.
 */
void svm_update_cr8_intercept(struct svm_vcpu *s)
{
	set_if(s, !s->x86.lapic || s->cr8_trap || (s->vmcb->control.int_ctl & V_IRQ_MASK),
	       INTERCEPT_CR8_WRITE);
}

void svm_update_dr_intercepts(struct svm_vcpu *s)
{
	s->vmcb->control.intercepts[INTERCEPT_DR] = s->dr_native ? 0 : 0x00ff00ff;
	vmcb_dirty(s->vmcb, VMCB_INTERCEPTS);
}

/* --- MSRs (15.11) ---------------------------------------------------------------------------- */

/* Bit of the first of the MSR's two (read, write), or -1: outside the map, always intercepted. */
static int msr_bit(u32 index)
{
	switch (index) {
	case 0 ... 0x1fff:
		return index * 2;
	case 0xc0000000 ... 0xc0001fff:
		return 0x800 * 8 + (index & 0x1fff) * 2;
	case 0xc0010000 ... 0xc0011fff:
		return 0x1000 * 8 + (index & 0x1fff) * 2;
	default:
		return -1;
	}
}

static void pass_msr(struct svm_vcpu *s, u32 index, bool read, bool write)
{
	int bit = msr_bit(index);

	if (WARN_ON_ONCE(bit < 0))
		return;
	if (read && x86_msr_allowed(&s->x86, index, KVM_MSR_FILTER_READ))
		__clear_bit(bit, (unsigned long *)s->msrpm);
	else
		__set_bit(bit, (unsigned long *)s->msrpm);
	if (write && x86_msr_allowed(&s->x86, index, KVM_MSR_FILTER_WRITE))
		__clear_bit(bit + 1, (unsigned long *)s->msrpm);
	else
		__set_bit(bit + 1, (unsigned long *)s->msrpm);
}

/**
 * svm_update_msrs - which MSRs the guest has to itself, as far as its filter lets it
 * @s: the vCPU
 *
 * All but these stay intercepted for ever.
 */
void svm_update_msrs(struct svm_vcpu *s)
{
	static const u32 own[] = {	/* swapped by VMLOAD and VMSAVE */
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK, MSR_KERNEL_GS_BASE,
		MSR_FS_BASE, MSR_GS_BASE, MSR_IA32_SYSENTER_CS,
	};
	static const u32 lbr[] = {	/* swapped by VMRUN with LBR virtualization */
		MSR_IA32_LASTBRANCHFROMIP, MSR_IA32_LASTBRANCHTOIP,
		MSR_IA32_LASTINTFROMIP, MSR_IA32_LASTINTTOIP,
	};
	struct x86_vcpu *v = &s->x86;
	bool amd = v->cpuid.amd, on;
	int i;

	for (i = 0; i < ARRAY_SIZE(own); i++)
		pass_msr(s, own[i], true, true);
	pass_msr(s, MSR_IA32_SYSENTER_ESP, amd, amd);
	pass_msr(s, MSR_IA32_SYSENTER_EIP, amd, amd);
	on = s->vmcb->control.virt_ext & LBR_CTL_ENABLE_MASK;
	for (i = 0; i < ARRAY_SIZE(lbr); i++)
		pass_msr(s, lbr[i], on, on);
	/*
	 * Where the CPU swaps it; elsewhere each write exits, so that no exit has to read it
	 * back.
	 */
	on = svm_has.v_spec_ctrl && (x86_guest_has(v, X86_FEATURE_SPEC_CTRL) ||
				     x86_guest_has(v, X86_FEATURE_AMD_STIBP) ||
				     x86_guest_has(v, X86_FEATURE_AMD_IBRS) ||
				     x86_guest_has(v, X86_FEATURE_AMD_SSBD));
	pass_msr(s, MSR_IA32_SPEC_CTRL, on, on);
	on = boot_cpu_has(X86_FEATURE_IBPB) && (x86_guest_has(v, X86_FEATURE_SPEC_CTRL) ||
						x86_guest_has(v, X86_FEATURE_AMD_IBPB));
	pass_msr(s, MSR_IA32_PRED_CMD, false, on);
	vmcb_dirty(s->vmcb, VMCB_PERM);
}

/* --- all of it ------------------------------------------------------------------------------- */

/**
 * svm_changed - CPUID, the MSR filter or the exits that user space has disabled have changed
 * @v: the vCPU
 */
void svm_changed(struct x86_vcpu *v)
{
	const struct x86_vm *vm = x86_vm_of(v);
	struct svm_vcpu *s = to_svm(v);
	int i;

	for (i = 0; i < ARRAY_SIZE(always); i++)
		vmcb_set_intercept(s->vmcb, always[i]);
	set_if(s, !x86_hlt_in_guest(vm), INTERCEPT_HLT);
	set_if(s, !x86_pause_in_guest(vm) && s->pause_window, INTERCEPT_PAUSE);
	set_if(s, !x86_mwait_in_guest(vm), INTERCEPT_MONITOR);
	set_if(s, !x86_mwait_in_guest(vm), INTERCEPT_MWAIT);
	/* These would work whatever the guest's CPUID says. */
	set_if(s, !x86_guest_has(v, X86_FEATURE_RDTSCP), INTERCEPT_RDTSCP);
	set_if(s, boot_cpu_has(X86_FEATURE_INVPCID) && !x86_guest_has(v, X86_FEATURE_INVPCID),
	       INTERCEPT_INVPCID);
	set_if(s, s->vmcb->control.int_ctl & V_IRQ_MASK, INTERCEPT_VINTR);
	set_if(s, s->nmi_masked && !(s->after & SVM_AFTER_IRET), INTERCEPT_IRET);
	svm_update_exceptions(v);
	svm_update_cr_intercepts(s);
	svm_update_cr8_intercept(s);
	svm_update_dr_intercepts(s);
	svm_update_msrs(s);
}
