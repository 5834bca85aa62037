// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions, NMIs and interrupts on their way into the guest. */
#include <keel/vcpu.h>
#include "ioctl.h"
#include "lapic.h"
#include "trace.h"
#include "x86.h"

/* --- exceptions (SDM 6.15, APM 8.2.9) --------------------------------------------------- */

static bool contributory(u8 vector)
{
	return vector == 0 || (vector >= 10 && vector <= 13);
}

/* Is a fault (not a trap or abort): the pushed RFLAGS image has RF set (SDM 17.3.1.1). */
static bool is_fault(const struct x86_exception *e)
{
	switch (e->vector) {
	case 1:		/* #DB: instruction breakpoints are faults, and they set RF themselves */
	case 3:
	case 4:
	case 8:
	case 18:
		return false;
	default:
		return true;
	}
}

static void queue(struct x86_vcpu *v, const struct x86_exception *new)
{
	struct x86_exception *e = &v->exception;
	u8 first = e->vector, second = new->vector;

	v->events_dirty = true;
	if (!e->pending && !e->injected) {
		*e = *new;
		return;
	}
	if (first == 8) {
		/* A fault while the double fault is delivered: shutdown. */
		e->pending = e->injected = false;
		keel_request(&v->core, X86_REQ_TRIPLE_FAULT);
		return;
	}
	if ((contributory(first) && contributory(second)) ||
	    (first == 14 && (contributory(second) || second == 14))) {
		*e = (struct x86_exception){ .pending = true, .vector = 8, .has_error = true };
		return;
	}
	/* One after the other: the first is raised again when its instruction is executed again. */
	*e = *new;
}

void x86_queue_exception(struct x86_vcpu *v, u8 vector)
{
	queue(v, &(struct x86_exception){ .pending = true, .vector = vector });
}

void x86_queue_exception_error(struct x86_vcpu *v, u8 vector, u32 error)
{
	queue(v, &(struct x86_exception){ .pending = true, .vector = vector,
					  .has_error = true, .error = error });
}

void x86_queue_db(struct x86_vcpu *v, unsigned long dr6_bits)
{
	queue(v, &(struct x86_exception){ .pending = true, .vector = 1,
					  .has_payload = true, .payload = dr6_bits });
}

void x86_queue_pf(struct x86_vcpu *v, u64 cr2, u32 error)
{
	queue(v, &(struct x86_exception){ .pending = true, .vector = 14, .has_error = true,
					  .error = error, .has_payload = true, .payload = cr2 });
}

int x86_gp(struct x86_vcpu *v)
{
	x86_queue_exception_error(v, 13, 0);
	return 1;
}

int x86_ud(struct x86_vcpu *v)
{
	x86_queue_exception(v, 6);
	return 1;
}

void x86_requeue_exception(struct x86_vcpu *v, u8 vector, bool has_error, u32 error)
{
	v->exception = (struct x86_exception){ .injected = true, .vector = vector,
					       .has_error = has_error, .error = error };
	v->events_dirty = true;
}

void x86_requeue_irq(struct x86_vcpu *v, u8 vector, bool soft)
{
	v->irq.injected = true;
	v->irq.vector = vector;
	v->irq.soft = soft;
	v->events_dirty = true;
}

void x86_clear_injected(struct x86_vcpu *v)
{
	v->exception.injected = false;
	v->irq.injected = false;
	v->nmi_injected = false;
}

/* What the exception writes to registers, at the moment of its delivery (SDM 17.2.3, 4.7). */
static void apply_payload(struct x86_vcpu *v)
{
	struct x86_exception *e = &v->exception;

	if (!e->has_payload)
		return;
	if (e->vector == 1) {
		/* B0-B3 belong to the newest #DB alone; BS, BD, BT are sticky; RTM reads inverted. */
		v->dr6 &= ~0xful;
		v->dr6 |= X86_DR6_INIT;
		v->dr6 |= e->payload;
		v->dr6 ^= e->payload & X86_DR6_INIT;
		if (v->dr7 & X86_DR7_GD) {
			v->dr7 &= ~X86_DR7_GD;
			x86_debug_update(v);
		}
	} else if (e->vector == 14) {
		v->cr2 = e->payload;
	}
	e->has_payload = false;
	e->payload = 0;
}

/* --- NMIs ------------------------------------------------------------------------------------ */

void x86_queue_nmi(struct x86_vcpu *v)
{
	atomic_inc(&v->nmi_queued);
	keel_request_kick(&v->core, X86_REQ_NMI);
}

/* The CPU remembers one NMI while another is handled, and one more when none is blocked. */
void x86_collect_nmis(struct x86_vcpu *v)
{
	unsigned int limit = x86_be(get_nmi_mask)(v) || v->nmi_injected ? 1 : 2;
	unsigned int sum = v->nmi_pending + atomic_xchg(&v->nmi_queued, 0);

	v->nmi_pending = min(sum, limit);
	v->events_dirty = true;
}

/* --- before entry -------------------------------------------------------------------------------- */

static bool irq_waits(struct x86_vcpu *v)
{
	return v->lapic ? x86_irq_pending(v) : v->user_irq >= 0;
}

static int take_irq(struct x86_vcpu *v)
{
	int vector;

	if (v->lapic)
		return x86_irq_take(v);
	vector = v->user_irq;
	v->user_irq = -1;
	return vector;
}

/* Puts at most one event into the backend's hands, by priority (SDM 6.9), and asks for a window for the next. */
static void inject(struct x86_vcpu *v)
{
	bool busy = true;
	int vector;

	v->events_dirty = false;
	if (v->exception.injected) {
		x86_be(inject_exception)(v);
	} else if (v->exception.pending) {
		/* A half-delivered interrupt or NMI waits: it is injected again after this. */
		apply_payload(v);
		if (is_fault(&v->exception))
			v->rflags |= X86_EFLAGS_RF;
		v->exception.pending = false;
		v->exception.injected = true;
		trace_kvm_inj_exception(v->exception.vector, v->exception.has_error,
					v->exception.error, false);
		x86_be(inject_exception)(v);
		if (v->irq.injected || v->nmi_injected)
			v->events_dirty = true;
	} else if (v->nmi_injected) {
		x86_be(inject_nmi)(v);
	} else if (v->irq.injected) {
		x86_be(inject_irq)(v);
		trace_kvm_inj_virq(v->irq.vector, v->irq.soft, true);
	} else {
		busy = false;
	}

	if (v->core.guest_debug & KVM_GUESTDBG_BLOCKIRQ)
		return;		/* looked at again when the debugger lets go */
	if (v->nmi_pending) {
		if (!busy && x86_be(nmi_allowed)(v)) {
			v->nmi_pending--;
			v->nmi_injected = true;
			v->stat.nmi_injections++;
			x86_be(inject_nmi)(v);
			busy = true;
		}
		if (v->nmi_pending)
			x86_be(nmi_window)(v);
	}
	if (irq_waits(v)) {
		if (!busy && x86_be(irq_allowed)(v)) {
			vector = take_irq(v);
			if (vector >= 0) {
				v->irq.injected = true;
				v->irq.vector = vector;
				v->irq.soft = false;
				v->stat.irq_injections++;
				trace_kvm_inj_virq(vector, false, false);
				x86_be(inject_irq)(v);
			}
		}
		if (irq_waits(v))
			x86_be(irq_window)(v);
	}
}

/* User space's interrupt controller has something to say as soon as the guest would listen. */
static int user_window(struct x86_vcpu *v)
{
	if (v->irq.injected || v->user_irq >= 0 || (v->lapic && !x86_extint_accepted(v)))
		return 1;
	if (x86_be(irq_allowed)(v)) {
		v->core.run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
		return 0;
	}
	x86_be(irq_window)(v);
	return 1;
}

int x86_prepare(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (v->events_dirty) {
		v->stat.req_event++;
		inject(v);
		if (v->lapic)
			x86_lapic_before_entry(v);
	} else if (v->lapic && unlikely(!lapic_settled(v->lapic))) {
		x86_lapic_before_entry(v);
	}
	if (unlikely(READ_ONCE(vcpu->run->request_interrupt_window)) &&
	    !x86_pic_in_kernel(x86_vm_of(v)))
		return user_window(v);
	return 1;
}

void x86_cancel(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	x86_be(cancel)(v);
	v->events_dirty = true;	/* what was injected is still marked so, and is injected again */
}

/* --- KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS ---------------------------------------------------- */

long x86_get_vcpu_events(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct kvm_vcpu_events *ev = data;
	const struct x86_exception *e = &v->exception;
	bool payload = x86_vm_of(v)->exception_payload;

	x86_collect_nmis(v);
	/* Without the capability a pending exception is told as injected, its payload applied. */
	if (e->pending && !payload)
		apply_payload(v);
	memset(ev, 0, sizeof(*ev));
	ev->exception.injected = e->injected;
	ev->exception.pending = e->pending;
	if (!payload)
		ev->exception.injected |= e->pending;
	ev->exception.nr = e->vector;
	ev->exception.has_error_code = e->has_error;
	ev->exception.error_code = e->error;
	ev->exception_has_payload = e->has_payload;
	ev->exception_payload = e->payload;
	if (!payload) {
		ev->exception.pending = 0;
		ev->exception_has_payload = 0;
		ev->exception_payload = 0;
	}

	ev->interrupt.injected = v->irq.injected && !v->irq.soft;
	ev->interrupt.nr = v->irq.vector;
	ev->interrupt.soft = 0;
	ev->interrupt.shadow = x86_be(get_int_shadow)(v);
	ev->nmi.injected = v->nmi_injected;
	ev->nmi.pending = v->nmi_pending;
	ev->nmi.masked = x86_be(get_nmi_mask)(v);
	ev->sipi_vector = 0;	/* never valid when read */
	ev->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	if (payload)
		ev->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
#ifdef KVM_VCPUEVENT_VALID_TRIPLE_FAULT
	if (x86_vm_of(v)->triple_fault_event) {
		ev->triple_fault.pending = keel_request_pending(&v->core, X86_REQ_TRIPLE_FAULT);
		ev->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	}
#endif
	return 0;
}

long x86_set_vcpu_events(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	const struct kvm_vcpu_events *ev = data;
	const struct x86_vm *vm = x86_vm_of(v);
	u32 allowed = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
		      KVM_VCPUEVENT_VALID_SHADOW;
	bool pending = false, injected = ev->exception.injected;

#ifdef KVM_VCPUEVENT_VALID_TRIPLE_FAULT
	if (vm->triple_fault_event)
		allowed |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
#endif
	if (vm->exception_payload)
		allowed |= KVM_VCPUEVENT_VALID_PAYLOAD;
	if (ev->flags & ~allowed)
		return -EINVAL;
	if (ev->flags & KVM_VCPUEVENT_VALID_PAYLOAD) {
		pending = ev->exception.pending;
		if (pending)
			injected = false;
	}
	if ((pending || injected) && (ev->exception.nr > 31 || ev->exception.nr == 2))
		return -EINVAL;

	x86_collect_nmis(v);
	v->exception = (struct x86_exception){
		.pending = pending, .injected = injected,
		.vector = ev->exception.nr,
		.has_error = ev->exception.has_error_code, .error = ev->exception.error_code,
	};
	if (pending) {
		v->exception.has_payload = ev->exception_has_payload;
		v->exception.payload = ev->exception_payload;
	}
	v->irq.injected = ev->interrupt.injected;
	v->irq.vector = ev->interrupt.nr;
	v->irq.soft = ev->interrupt.soft;
	if (ev->flags & KVM_VCPUEVENT_VALID_SHADOW)
		x86_be(set_int_shadow)(v, ev->interrupt.shadow);
	v->nmi_injected = ev->nmi.injected;
	if (ev->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		v->nmi_pending = min_t(u8, ev->nmi.pending, 2);
	x86_be(set_nmi_mask)(v, ev->nmi.masked);
	if ((ev->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR) && v->lapic)
		x86_lapic_set_sipi_vector(v, ev->sipi_vector);
#ifdef KVM_VCPUEVENT_VALID_TRIPLE_FAULT
	if (ev->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT) {
		if (ev->triple_fault.pending)
			keel_request(&v->core, X86_REQ_TRIPLE_FAULT);
		else
			clear_bit(X86_REQ_TRIPLE_FAULT, &v->core.requests);
	}
#endif
	v->events_dirty = true;
	return 0;
}
