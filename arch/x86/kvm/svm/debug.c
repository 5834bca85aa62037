// SPDX-License-Identifier: GPL-2.0-only
/* Debug registers on SVM, and the exceptions that debuggers use. */
#include <linux/hw_breakpoint.h>
#include <asm/debugreg.h>
#include "svm.h"

static bool debugger_owns_drs(const struct x86_vcpu *v)
{
	return v->core.guest_debug & KVM_GUESTDBG_USE_HW_BP;
}

/*
 * DR6 of the VMCB is at its reset value but while the guest's DRs are in the CPU, so that what a
 * #DB exit finds there is what this #DB has set.
 */
void svm_set_debug(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	s->vmcb->save.dr7 = v->eff_dr7 | X86_DR7_FIXED;
	vmcb_dirty(s->vmcb, VMCB_DR);
}

/**
 * svm_lazy_debug - the guest's DR0-3 into the CPU, or out of it
 * @v: the vCPU; interrupts off
 * @load: into it
 *
 * VMRUN switches DR6 and DR7 only. While the registers are there the guest uses them without
 * exits, unless they are those of user space's debugger.
 */
void svm_lazy_debug(struct x86_vcpu *v, bool load)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb_save_area *save = &s->vmcb->save;

	if (load) {
		set_debugreg(0ul, 7);	/* the host's DR7 must not see the guest's addresses */
		set_debugreg(v->eff_db[0], 0);
		set_debugreg(v->eff_db[1], 1);
		set_debugreg(v->eff_db[2], 2);
		set_debugreg(v->eff_db[3], 3);
		if (!debugger_owns_drs(v)) {
			save->dr6 = v->dr6;
			s->dr_native = true;
			svm_update_dr_intercepts(s);
		}
		vmcb_dirty(s->vmcb, VMCB_DR);
		return;
	}
	if (s->dr_native) {
		get_debugreg(v->db[0], 0);
		get_debugreg(v->db[1], 1);
		get_debugreg(v->db[2], 2);
		get_debugreg(v->db[3], 3);
		memcpy(v->eff_db, v->db, sizeof(v->eff_db));
		v->dr6 = save->dr6;
		v->dr7 = v->eff_dr7 = save->dr7;
		if (!(v->dr7 & X86_DR7_ENABLE))
			v->core.lazy_wanted &= ~BIT(X86_LAZY_DEBUG);
		/* A #DB exit still has to see what is new. */
		if (s->vmcb->control.exit_code != SVM_EXIT_EXCP_BASE + X86_TRAP_DB)
			save->dr6 = X86_DR6_INIT;
		s->dr_native = false;
		svm_update_dr_intercepts(s);
		vmcb_dirty(s->vmcb, VMCB_DR);
	}
	set_debugreg(X86_DR6_INIT, 6);
	if (hw_breakpoint_active())
		hw_breakpoint_restore();
}

/*
 * The guest touches its debug registers: it gets them until the next exit, and longer if it
 * enables any.
 */
int svm_exit_dr(struct x86_vcpu *v)
{
	v->stat.dr_exits++;
	if (debugger_owns_drs(v))
		return x86_emulate(v, ~0ull, 0, NULL, 0);
	v->core.lazy_wanted |= BIT(X86_LAZY_DEBUG);
	return 1;
}

static int exit_to_debugger(struct x86_vcpu *v, u32 exception, u64 dr6)
{
	struct kvm_run *run = v->core.run;

	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.exception = exception;
	run->debug.arch.pc = x86_linear_rip(v);
	run->debug.arch.dr6 = dr6;
	run->debug.arch.dr7 = to_svm(v)->vmcb->save.dr7;
	return 0;
}

int svm_exit_db(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);
	u64 dr6 = s->vmcb->save.dr6;
	unsigned long bits;

	s->vmcb->save.dr6 = X86_DR6_INIT;
	vmcb_dirty(s->vmcb, VMCB_DR);
	bits = (dr6 ^ X86_DR6_INIT) & (X86_DR6_VOLATILE | X86_DR6_RTM | X86_DR6_BUS_LOCK);
	if (s->swallow_bs) {
		s->swallow_bs = false;
		bits &= ~(unsigned long)X86_DR6_BS;
		if (!bits)
			return 1;
	}
	if (v->core.guest_debug & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP))
		return exit_to_debugger(v, X86_TRAP_DB, dr6);
	x86_queue_db(v, bits);
	return 1;
}

int svm_exit_bp(struct x86_vcpu *v)
{
	return exit_to_debugger(v, X86_TRAP_BP, X86_DR6_INIT);
}
