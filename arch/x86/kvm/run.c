// SPDX-License-Identifier: GPL-2.0-only
/* x86's part of the run loop: requests, entry and exit, halting and waking. */
#include <asm/fpu/api.h>
#include <keel/compat.h>
#include "lapic.h"
#include "trace.h"
#include "x86.h"

int x86_run_begin(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (v->lapic)
		return 0;
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;	/* HLT went to user space: this is its answer */
	return x86_set_cr8(v, vcpu->run->cr8) ? -EINVAL : 0;
}

/* May user space inject an interrupt by KVM_INTERRUPT now? */
static bool ready_for_irq(struct x86_vcpu *v)
{
	if (x86_pic_in_kernel(x86_vm_of(v)))
		return true;
	return v->user_irq < 0 && !v->irq.injected && x86_be(irq_allowed)(v) &&
	       (!v->lapic || x86_extint_accepted(v));
}

void x86_run_end(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct kvm_run *run = vcpu->run;

	run->if_flag = x86_guest_irqs_on(v);
	run->cr8 = x86_get_cr8(v);
	run->apic_base = v->apic_base;
	run->ready_for_interrupt_injection = ready_for_irq(v);
}

int x86_requests(struct keel_vcpu *vcpu, unsigned long pending)
{
	struct x86_vcpu *v = to_x86(vcpu);
	unsigned long left;
	int r = 1;

#define TAKE(req) __test_and_clear_bit(req, &pending)
	if (TAKE(X86_REQ_TRIPLE_FAULT)) {
		r = x86_exit_shutdown(v);
		goto out;
	}
	if (TAKE(X86_REQ_STEP)) {
		r = x86_step_trap(v);
		if (r <= 0)
			goto out;
	}
	if (TAKE(X86_REQ_EOI_EXIT)) {
		r = x86_eoi_exit(v);
		goto out;
	}
	if (TAKE(X86_REQ_INIT_SIPI)) {
		r = x86_lapic_events(v);
		if (r <= 0)
			goto out;
	}
	if (TAKE(X86_REQ_MASTER_CLOCK))
		x86_master_clock_request(x86_vm_of(v));
	if (TAKE(X86_REQ_CLOCK)) {
		r = x86_clock_request(v);
		if (r <= 0)
			goto out;
	}
	if (TAKE(KEEL_REQ_TLB_FLUSH)) {
		v->stat.tlb_flush++;
		x86_be(flush_tlb)(v);
		__clear_bit(X86_REQ_TLB_FLUSH_GUEST, &pending);
	}
	if (TAKE(X86_REQ_TLB_FLUSH_GUEST))
		x86_be(flush_guest)(v);
	if (TAKE(X86_REQ_INTERCEPTS))
		x86_be(changed)(v);
	if (TAKE(X86_REQ_NMI))
		x86_collect_nmis(v);
	if (TAKE(X86_REQ_EVENT))
		v->events_dirty = true;
	return 1;
out:
	/* What was taken from the vCPU but not done yet. */
	for_each_set_bit(left, &pending, BITS_PER_LONG)
		set_bit(left, &vcpu->requests);
	return r;
}

void x86_enter(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	x86_fpu_reload();
	trace_kvm_entry(v);
	keel_guest_state_enter();
	x86_be(enter)(v);
	keel_guest_state_exit();
}

int x86_handle_exit(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (trace_kvm_exit_enabled())
		trace_kvm_exit(v);
	if (v->lapic && v->lapic->shared)
		x86_lapic_after_exit(v);
	return x86_be(handle_exit)(v);
}

/* --- halting ------------------------------------------------------------------------------- */

bool x86_runnable(struct keel_vcpu *vcpu)
{
	return likely(vcpu->mp_state == KVM_MP_STATE_RUNNABLE);
}

/* An event that a HLT is left for. Other threads ask too: only what may be read without the mutex. */
static bool event_waits(struct x86_vcpu *v)
{
	if (v->exception.pending || v->pv_unhalted)
		return true;
	if ((v->nmi_pending || atomic_read(&v->nmi_queued)) && x86_be(nmi_allowed)(v))
		return true;
	if (!x86_be(irq_allowed)(v))
		return false;
	return v->lapic ? x86_irq_pending(v) : v->user_irq >= 0;
}

bool x86_wakeup(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	unsigned long mask = BIT(X86_REQ_TRIPLE_FAULT) | BIT(X86_REQ_EOI_EXIT);

	if (v->lapic && x86_lapic_wakeup(v))
		return true;
	if (vcpu->mp_state != KVM_MP_STATE_HALTED)
		return false;
	return (READ_ONCE(vcpu->requests) & mask) || keel_apf_has_done(vcpu) || event_waits(v);
}

int x86_unhalt(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	int r;

	if (test_and_clear_bit(X86_REQ_NMI, &vcpu->requests))
		x86_collect_nmis(v);
	if (test_and_clear_bit(X86_REQ_INIT_SIPI, &vcpu->requests)) {
		r = x86_lapic_events(v);
		if (r <= 0)
			return r;
	}
	if (vcpu->mp_state == KVM_MP_STATE_HALTED &&
	    (event_waits(v) || keel_apf_has_done(vcpu) || READ_ONCE(vcpu->requests) &
	     (BIT(X86_REQ_TRIPLE_FAULT) | BIT(X86_REQ_EOI_EXIT)))) {
		v->pv_unhalted = false;
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
		v->events_dirty = true;
	}
	return 1;
}
