// SPDX-License-Identifier: GPL-2.0-only
/* Guest debug: single step and breakpoints set by user space, and whose debug registers count. */
#include "x86.h"

unsigned long x86_linear_rip(struct x86_vcpu *v)
{
	struct kvm_segment cs;

	if (x86_64bit_code(v))
		return v->rip;
	x86_be(get_segment)(v, &cs, X86_CS);
	return (u32)(cs.base + v->rip);
}

/* TF belongs to the debugger while it single-steps: the guest neither sees nor keeps it. */
unsigned long x86_get_rflags(struct x86_vcpu *v)
{
	if (v->core.guest_debug & KVM_GUESTDBG_SINGLESTEP)
		return v->rflags & ~X86_EFLAGS_TF;
	return v->rflags;
}

void x86_set_rflags(struct x86_vcpu *v, unsigned long rflags)
{
	if (v->core.guest_debug & KVM_GUESTDBG_SINGLESTEP)
		rflags |= X86_EFLAGS_TF;
	if (rflags & ~v->rflags & X86_EFLAGS_IF)
		v->events_dirty = true;
	v->rflags = rflags;
}

/* DR6 bits that read as one (and RTM, bit 16, when the guest has no TSX). */
unsigned long x86_dr6_fixed(struct x86_vcpu *v)
{
	unsigned long fixed = X86_DR6_FIXED;

	if (!x86_guest_has(v, X86_FEATURE_RTM))
		fixed |= X86_DR6_RTM;
	if (!x86_guest_has(v, X86_FEATURE_BUS_LOCK_DETECT))
		fixed |= X86_DR6_BUS_LOCK;
	return fixed;
}

void x86_debug_update(struct x86_vcpu *v)
{
	bool user = v->core.guest_debug & KVM_GUESTDBG_USE_HW_BP;

	if (!user)
		memcpy(v->eff_db, v->db, sizeof(v->eff_db));
	v->eff_dr7 = user ? v->guest_debug_dr7 : v->dr7;
	if (v->eff_dr7 & X86_DR7_ENABLE)
		v->core.lazy_wanted |= BIT(X86_LAZY_DEBUG);
	else
		v->core.lazy_wanted &= ~BIT(X86_LAZY_DEBUG);
	x86_be(set_debug)(v);
}

int x86_guest_debug(struct keel_vcpu *vcpu, const struct kvm_guest_debug *dbg, u32 old)
{
	struct x86_vcpu *v = to_x86(vcpu);
	int i;

	if (dbg->control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)) {
		if (v->exception.pending || v->exception.injected)
			return -EBUSY;
		x86_queue_exception(v, dbg->control & KVM_GUESTDBG_INJECT_DB ? 1 : 3);
	}
	if (vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP) {
		for (i = 0; i < 4; i++)
			v->eff_db[i] = dbg->arch.debugreg[i];
		v->guest_debug_dr7 = (dbg->arch.debugreg[7] & X86_DR7_VOLATILE) | X86_DR7_FIXED;
	}
	x86_debug_update(v);
	if (old & KVM_GUESTDBG_SINGLESTEP)
		v->rflags &= ~X86_EFLAGS_TF;
	x86_set_rflags(v, v->rflags);
	x86_be(update_exceptions)(v);
	return 0;
}

/*
 * An instruction was emulated or stepped over with TF set at its start.
 * Return: 1, or 0 when the trap is the debugger's.
 */
int x86_step_trap(struct x86_vcpu *v)
{
	struct kvm_run *run = v->core.run;

	/* What the instruction has written leaves first: user space sees the trap after it. */
	if (v->core.io.nr_posted) {
		keel_request(&v->core, X86_REQ_STEP);
		return 1;
	}
	if (!(v->core.guest_debug & KVM_GUESTDBG_SINGLESTEP)) {
		x86_queue_db(v, X86_DR6_BS);
		return 1;
	}
	run->debug.arch.dr6 = X86_DR6_BS | x86_dr6_fixed(v);
	run->debug.arch.pc = x86_linear_rip(v);
	run->debug.arch.exception = 1;
	run->exit_reason = KVM_EXIT_DEBUG;
	return 0;
}
