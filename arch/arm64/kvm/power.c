// SPDX-License-Identifier: GPL-2.0-only
/* Power state of a vCPU: on, off, suspended; waiting for an interrupt or an event. */
#include <keel/compat.h>
#include "arm.h"

/* --- MP state -------------------------------------------------------------------------------- */

void arm_power_create(struct arm_vcpu *v)
{
	spin_lock_init(&v->power.lock);
	v->core.mp_state = KVM_MP_STATE_RUNNABLE;
}

void arm_power_init(struct arm_vcpu *v, bool off)
{
	spin_lock(&v->power.lock);
	clear_bit(ARM_REQ_RESET, &v->core.requests);
	v->power.halted = false;
	WRITE_ONCE(v->core.mp_state, off ? KVM_MP_STATE_STOPPED : KVM_MP_STATE_RUNNABLE);
	spin_unlock(&v->power.lock);
}

void arm_power_off(struct arm_vcpu *v)
{
	spin_lock(&v->power.lock);
	WRITE_ONCE(v->core.mp_state, KVM_MP_STATE_STOPPED);
	spin_unlock(&v->power.lock);
	keel_request_kick(&v->core, ARM_REQ_SLEEP);
}

bool arm_power_on(struct arm_vcpu *target, u64 pc, u64 x0, bool big_endian)
{
	struct arm_power *power = &target->power;
	bool was_off;

	spin_lock(&power->lock);
	was_off = target->core.mp_state == KVM_MP_STATE_STOPPED;
	if (was_off) {
		power->start.pc = pc;
		power->start.x0 = x0;
		power->start.big_endian = big_endian;
		keel_request(&target->core, ARM_REQ_RESET);
		/* It enters as soon as it sees this, and must see the request then. */
		smp_store_release(&target->core.mp_state, KVM_MP_STATE_RUNNABLE);
	}
	spin_unlock(&power->lock);
	if (was_off)
		keel_vcpu_kick(&target->core);
	return was_off;
}

void arm_power_start(struct arm_vcpu *v)
{
	struct arm_power *power = &v->power;
	u64 pc, x0;
	bool be;

	spin_lock(&power->lock);
	pc = power->start.pc;
	x0 = power->start.x0;
	be = power->start.big_endian;
	spin_unlock(&power->lock);

	arm_vcpu_reset(v);
	power->halted = false;
	v->ctxt.pc = pc;
	v->ctxt.x[0] = x0;
	if (be)		/* as the caller's */
		arm_write_sys(v, ARM_SCTLR_EL1, arm_read_sys(v, ARM_SCTLR_EL1) | SCTLR_ELx_EE);
}

void arm_power_reset_pending(struct arm_vcpu *v)
{
	if (unlikely(test_and_clear_bit(ARM_REQ_RESET, &v->core.requests)))
		arm_power_start(v);
}

void arm_power_changed(struct arm_vcpu *v)
{
	/* Requests keep the vCPU from entering; after this one the run loop looks at the state again. */
	if (!arm_runnable(&v->core))
		keel_request(&v->core, KEEL_REQ_UNBLOCK);
}

int arm_mp_state_set(struct keel_vcpu *vcpu, u32 *state)
{
	to_arm_vcpu(vcpu)->power.halted = false;
	return 0;
}

/* Not even the other vCPUs of the VM run on after such an event, unless user space says so. */
void arm_system_event(struct arm_vcpu *v, u32 type, u64 flags)
{
	struct kvm_run *run = v->core.run;

	memset(&run->system_event, 0, sizeof(run->system_event));
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = type;
	run->system_event.ndata = 1;
	run->system_event.data[0] = flags;
}

/* --- halting --------------------------------------------------------------------------------- */

void arm_halt(struct arm_vcpu *v, u64 deadline)
{
	v->power.deadline = deadline;
	v->power.halted = true;
	v->core.stat.halt_exits++;
}

static bool deadline_passed(struct arm_vcpu *v)
{
	u64 deadline = READ_ONCE(v->power.deadline);

	return deadline != ~0ull && arm_timer_count(v, ARM_TIMER_VIRT) >= deadline;
}

/* ISS of a trapped WFI or WFE (ARM ARM, ESR_ELx, "ISS encoding for an exception from a WF* instruction"). */
#define WFX_TI_E	BIT(0)		/* WFE or WFET */
#define WFX_TI_T	BIT(1)		/* WFIT or WFET */
#define WFX_RV		BIT(2)		/* RN is valid */
#define WFX_RN(iss)	((iss) >> 5 & 0x1f)

int arm_handle_wfx(struct arm_vcpu *v)
{
	u64 iss = v->exit.esr & ESR_ELx_ISS_MASK, deadline = ~0ull;

	if (iss & WFX_TI_T && iss & WFX_RV)
		deadline = arm_get_reg(v, WFX_RN(iss));
	arm_skip_insn(v);
	if (iss & WFX_TI_E) {
		v->stat.wfe++;
		if (deadline == ~0ull || arm_timer_count(v, ARM_TIMER_VIRT) < deadline)
			keel_yield_on_spin(&v->core, (v->ctxt.pstate & PSR_MODE_MASK) != PSR_MODE_EL0t);
	} else {
		v->stat.wfi++;
		arm_halt(v, deadline);
	}
	return 1;
}

bool arm_runnable(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	/* Pairs with arm_power_on(). */
	return smp_load_acquire(&v->core.mp_state) == KVM_MP_STATE_RUNNABLE && !v->power.halted;
}

static bool has_event(struct arm_vcpu *v)
{
	return vgic_has_pending(v) || arm_timer_pending(v) || arm_serror_pending(v);
}

/* Other threads ask too. */
bool arm_wakeup(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	switch (smp_load_acquire(&v->core.mp_state)) {
	case KVM_MP_STATE_STOPPED:
		return false;
	case KVM_MP_STATE_SUSPENDED:
		return has_event(v);
	default:
		return !READ_ONCE(v->power.halted) || has_event(v) || deadline_passed(v);
	}
}

int arm_unhalt(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	/* It stays suspended until user space lets it run. */
	if (READ_ONCE(v->core.mp_state) == KVM_MP_STATE_SUSPENDED) {
		memset(&vcpu->run->system_event, 0, sizeof(vcpu->run->system_event));
		vcpu->run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
		vcpu->run->system_event.type = KVM_SYSTEM_EVENT_WAKEUP;
		return 0;
	}
	v->power.halted = false;
	return 1;
}

void arm_block(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	/* While it is off nothing wakes it but CPU_ON. */
	if (READ_ONCE(v->core.mp_state) != KVM_MP_STATE_STOPPED)
		arm_timer_block(v, v->power.halted ? v->power.deadline : ~0ull);
}

void arm_unblock(struct keel_vcpu *vcpu)
{
	arm_timer_unblock(to_arm_vcpu(vcpu));
}
