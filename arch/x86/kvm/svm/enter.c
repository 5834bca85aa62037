// SPDX-License-Identifier: GPL-2.0-only
/* Entry and exit around the world switch, and the ASIDs; interrupts are off. */
#include <linux/context_tracking.h>
#include <linux/hw_breakpoint.h>
#include <linux/mm_types.h>
#include <linux/sched.h>
#include <asm/debugreg.h>
#include <asm/mce.h>
#include <asm/nospec-branch.h>
#include <asm/ptrace.h>
#include <keel/compat.h>
#include "svm.h"

static __always_inline const void *current_ldt(void)
{
#ifdef CONFIG_MODIFY_LDT_SYSCALL
	return READ_ONCE(current->mm->context.ldt);
#else
	return NULL;
#endif
}

/*
 * A TLB flush on CPUs that can only flush everything is a new ASID: what is cached under the old
 * one is not found any more. When all have been given out, one flush of everything starts a new
 * generation. This must be followed by VMRUN on this CPU: the flush is in this VMCB.
 */
static __always_inline void new_asid(struct svm_vcpu *s, struct svm_cpu *cpu)
{
	struct vmcb_control_area *c = &s->vmcb->control;

	if (cpu->next_asid > svm_max_asid) {
		cpu->generation++;
		cpu->next_asid = 1;
		c->tlb_ctl = TLB_CONTROL_FLUSH_ALL_ASID;
	}
	c->asid = cpu->next_asid++;
	s->asid_generation = cpu->generation;
	vmcb_dirty(s->vmcb, VMCB_ASID);
}

static void nothing(struct irq_work *work)
{
}

/*
 * At run time, because a module's per-CPU variables cannot be initialized with addresses: kernels up to 6.12 at
 * least do not relocate that section.
 */
void svm_exit_work_init(struct svm_cpu *cpu)
{
	cpu->exit_work = IRQ_WORK_INIT_HARD(nothing);
}

/* RCU may have to watch for what these do: they leave guest state for a moment. */
static noinstr void raise_exit(struct svm_vcpu *s)
{
	s->exit_soon = false;
	keel_guest_state_exit();
	instrumentation_begin();
	irq_work_queue(&this_cpu_ptr(&svm_cpu)->exit_work);
	instrumentation_end();
	keel_guest_state_enter();
}

/*
 * The CPU does not hold an intercepted machine check for later, as it does an NMI (15.13): its
 * handler must be called. What was running was not the kernel, which makes most of them
 * survivable.
 */
static noinstr void machine_check(void)
{
#ifdef CONFIG_X86_MCE
	struct pt_regs regs = {
		.cs = 3,
		.flags = X86_EFLAGS_IF,
	};

	keel_guest_state_exit();
	instrumentation_begin();
	do_machine_check(&regs);
	instrumentation_end();
	keel_guest_state_enter();
#endif
}

/*
 * What few entries need: the first one on a CPU or after scheduling, the first one after a TLB
 * flush without FLUSHBYASID or after a CR8 write without a LAPIC, and those that step or must
 * exit soon.
 *
 * The host's state behind VMSAVE belongs to the thread and does not change while it is in the
 * kernel, with one exception: modify_ldt() in another thread of the VMM, which reloads LDTR here
 * by an IPI. VMLOAD after the exit would bring back an LDT that has been freed; so a new one is
 * noticed before each entry.
 */
static noinstr void arm(struct svm_vcpu *s)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);

	s->host_pa = cpu->host_pa;
	asm volatile("vmsave %0" : : "a"(cpu->host_pa) : "memory");
	s->host_ldt = current_ldt();
	if (s->asid_generation != cpu->generation)
		new_asid(s, cpu);
	if (!s->x86.lapic && s->vtpr != s->x86.cr8) {
		/* CR8 is user space's, and the guest reads it here. */
		s->vtpr = s->x86.cr8;
		s->vmcb->control.int_ctl &= ~V_TPR_MASK;
		s->vmcb->control.int_ctl |= s->vtpr;
		vmcb_dirty(s->vmcb, VMCB_INTR);
	}
	if (s->after & SVM_AFTER_STEP) {
		s->step_rip = s->x86.rip;
		s->step_tf = s->x86.rflags & X86_EFLAGS_TF;
		s->vmcb->save.rflags |= X86_EFLAGS_TF;
	}
	if (s->exit_soon)
		raise_exit(s);
}

/*
 * VMRUN has refused the VMCB, and the manual does not say whether it had done the flush that
 * TLB_CONTROL asked for: all ASIDs of this CPU are given up. The event was not delivered either.
 */
static noinstr void refused(struct svm_vcpu *s)
{
	this_cpu_ptr(&svm_cpu)->next_asid = svm_max_asid + 1;
	s->asid_generation = 0;
	svm_rearm(s);
	s->vmcb->control.event_inj = 0;
	s->vmcb->control.clean = 0;
}

/**
 * svm_enter - run the guest until its next exit
 * @v: the vCPU; interrupts off, guest state entered
 *
 * After it, all of the guest's registers are in @v and in the VMCB, and the CPU is the host's but
 * for what the lazy engine keeps there. APM 15.5, 15.6.
 */
noinstr void svm_enter(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb *vmcb = s->vmcb;
	u64 spec_ctrl = 0;

	vmcb->save.rax = v->regs[X86_RAX];
	vmcb->save.rsp = v->regs[X86_RSP];
	vmcb->save.rip = v->rip;
	vmcb->save.rflags = v->rflags;
	if (unlikely(vmcb->save.cr2 != v->cr2)) {
		vmcb->save.cr2 = v->cr2;
		vmcb_dirty(vmcb, VMCB_CR2);
	}
	if (unlikely(s->host_ldt != current_ldt()))
		arm(s);
	if (cpu_feature_enabled(X86_FEATURE_MSR_SPEC_CTRL) && !svm_has.v_spec_ctrl) {
		u64 host = this_cpu_read(x86_spec_ctrl_current);

		/* Both are below 2^32, and where they are equal nothing is to be done. */
		if (unlikely(host != v->spec_ctrl))
			spec_ctrl = v->spec_ctrl << 32 | host;
	}
	/*
	 * The predictors are the guest's from here on: not to be used by the VMM's user code
	 * either.
	 */
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);

	svm_switch(v->regs, s->vmcb_pa, s->host_pa, spec_ctrl);

	v->regs[X86_RAX] = vmcb->save.rax;
	v->regs[X86_RSP] = vmcb->save.rsp;
	v->rip = vmcb->save.rip;
	v->rflags = vmcb->save.rflags;
	v->cr2 = vmcb->save.cr2;
	vmcb->control.tlb_ctl = TLB_CONTROL_DO_NOTHING;
	vmcb->control.clean = svm_clean_mask;

	/*
	 * An exit disables all breakpoints (15.6); with the guest's in the CPU, lazy_debug does
	 * this.
	 */
	if (unlikely(hw_breakpoint_active()) &&
	    !(v->core.lazy_loaded & BIT(X86_LAZY_DEBUG))) {
		instrumentation_begin();
		hw_breakpoint_restore();
		instrumentation_end();
	}
	if (unlikely(vmcb->control.exit_code == SVM_EXIT_EXCP_BASE + X86_TRAP_MC))
		machine_check();
	if (unlikely(vmcb->control.exit_code == (u32)SVM_EXIT_ERR))
		refused(s);
}
