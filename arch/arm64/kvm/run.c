// SPDX-License-Identifier: GPL-2.0-only
/* arm64's part of the run loop: entry and exit. */
#include <keel/compat.h>
#include "arm.h"
#include "hyp/hyp.h"
#include "trace.h"

int arm_run_begin(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	if (unlikely(!v->initialized))
		return -ENOEXEC;
	if (unlikely(!v->ran)) {
		int r = vgic_first_run(v);

		if (!r)
			r = arm_timer_first_run(v);
		if (r)
			return r;
		arm_trap_cache_ids(v);
		v->ran = true;
	}
	/* A WFI may end at any time; and user space may have changed what the guest is at. */
	v->power.halted = false;
	arm_debug_run_begin(v);
	return 0;
}

void arm_run_end(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	arm_debug_run_end(v);
	arm_timer_run_end(v);
}

int arm_requests(struct keel_vcpu *vcpu, unsigned long pending)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	if (pending & BIT(ARM_REQ_RESET))
		arm_power_start(v);
	if (pending & BIT(ARM_REQ_SLEEP))
		arm_power_changed(v);
	return 1;
}

int arm_prepare(struct keel_vcpu *vcpu)
{
	return arm_timer_prepare(to_arm_vcpu(vcpu));
}

void arm_cancel(struct keel_vcpu *vcpu)
{
	/* Nothing is injected before arm_enter(). */
}

void arm_enter(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	vgic_flush(v, &v->vgic);
	trace_kvm_entry(v->ctxt.pc);
	keel_guest_state_enter();
	arm_switch->enter(v);
	keel_guest_state_exit();
	arm_timer_sync(v);
	vgic_sync(v, &v->vgic);
}

/* The guest's SError. What the CPU has contained stays in the guest. */
static int serror(struct arm_vcpu *v)
{
	v->exit.serror = false;
	arm_inject_serror(v, v->exit.disr & ESR_ELx_ISS_MASK);
	return 1;
}

int arm_handle_exit(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	trace_kvm_exit(v);
	if (unlikely(v->exit.serror))
		return serror(v);
	if (likely(v->exit.code == ARM_EXIT_SYNC))
		return arm_exit_sync(v);
	v->core.stat.irq_exits++;
	return 1;
}

bool arm_in_kernel(struct keel_vcpu *vcpu)
{
	u64 pstate = to_arm_vcpu(vcpu)->ctxt.pstate;

	return !(pstate & PSR_MODE32_BIT) && (pstate & PSR_MODE_MASK) != PSR_MODE_EL0t;
}

unsigned long arm_pc(struct keel_vcpu *vcpu)
{
	return to_arm_vcpu(vcpu)->ctxt.pc;
}
