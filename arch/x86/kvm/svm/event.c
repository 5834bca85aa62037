// SPDX-License-Identifier: GPL-2.0-only
/* Events on SVM: injection, interrupt and NMI windows, and what an exit has interrupted. */
#include "svm.h"

u32 svm_get_int_shadow(struct x86_vcpu *v)
{
	/* STI's and MOV SS's are one here (15.21.5). */
	if (to_svm(v)->vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK)
		return KVM_X86_SHADOW_INT_STI | KVM_X86_SHADOW_INT_MOV_SS;
	return 0;
}

void svm_set_int_shadow(struct x86_vcpu *v, u32 shadow)
{
	struct vmcb_control_area *c = &to_svm(v)->vmcb->control;

	if (shadow)
		c->int_state |= SVM_INTERRUPT_SHADOW_MASK;
	else
		c->int_state &= ~SVM_INTERRUPT_SHADOW_MASK;
}

/* --- injection (15.20) ----------------------------------------------------------------------- */

static void inject(struct svm_vcpu *s, enum svm_event kind, u32 event, u32 error)
{
	s->vmcb->control.event_inj = event | SVM_EVTINJ_VALID;
	s->vmcb->control.event_inj_err = error;
	s->injected = kind;
	s->after |= SVM_AFTER_INJECTED;
}

/*
 * INT3 and INTO return behind themselves, but RIP is still at the instruction. CPUs with next-RIP
 * save push the next RIP of the VMCB for them, others (and Bochs) push RIP, so both are set.
 * Return: is there such an instruction? If not, whatever is there can be executed as well.
 */
static bool inject_soft(struct svm_vcpu *s)
{
	struct x86_vcpu *v = &s->x86;
	int len = x86_insn_len(v);

	if (!len)
		return false;
	s->soft.active = true;
	s->soft.old_rip = v->rip;
	v->rip += len;
	s->soft.new_rip = v->rip;
	s->vmcb->control.next_rip = v->rip;
	return true;
}

/* The injection has not happened, or not to its end. */
static void undo_soft(struct svm_vcpu *s)
{
	if (s->soft.active && s->x86.rip == s->soft.new_rip)
		s->x86.rip = s->soft.old_rip;
	s->soft.active = false;
}

static bool is_soft(u8 vector)
{
	return vector == X86_TRAP_BP || vector == X86_TRAP_OF;
}

void svm_inject_exception(struct x86_vcpu *v)
{
	const struct x86_exception *e = &v->exception;
	struct svm_vcpu *s = to_svm(v);

	if (is_soft(e->vector) && !inject_soft(s)) {
		v->exception.injected = false;
		return;
	}
	inject(s, SVM_EVENT_EXCEPTION, e->vector | SVM_EVTINJ_TYPE_EXEPT |
	       (e->has_error ? SVM_EVTINJ_VALID_ERR : 0), e->error);
}

void svm_inject_irq(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	if (v->irq.soft) {
		/* INT n, interrupted: RIP is at the instruction, which simply executes again. */
		v->irq.injected = false;
		return;
	}
	svm_irq_window_close(s);
	inject(s, SVM_EVENT_IRQ, v->irq.vector | SVM_EVTINJ_TYPE_INTR, 0);
}

void svm_inject_nmi(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb_control_area *c = &s->vmcb->control;

	if (svm_has.vnmi) {
		c->int_ctl |= V_NMI_PENDING_MASK;
		vmcb_dirty(s->vmcb, VMCB_INTR);
		s->injected = SVM_EVENT_NMI;
		s->after |= SVM_AFTER_INJECTED;
		return;
	}
	inject(s, SVM_EVENT_NMI, X86_TRAP_NMI | SVM_EVTINJ_TYPE_NMI, 0);
	s->nmi_masked = true;
	s->after &= ~SVM_AFTER_IRET;
	vmcb_set_intercept(s->vmcb, INTERCEPT_IRET);
}

/* Not delivered after all: x86 still has it marked as injected. */
void svm_cancel(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	s->exit_soon = false;
	if (!(s->after & SVM_AFTER_INJECTED)) {
		s->after &= ~SVM_AFTER_STEP;
		return;
	}
	s->after &= ~(SVM_AFTER_INJECTED | SVM_AFTER_STEP);
	s->vmcb->control.event_inj = 0;
	if (svm_has.vnmi && s->injected == SVM_EVENT_NMI) {
		s->vmcb->control.int_ctl &= ~V_NMI_PENDING_MASK;
		vmcb_dirty(s->vmcb, VMCB_INTR);
	}
	undo_soft(s);
}

bool svm_irq_allowed(struct x86_vcpu *v)
{
	const struct svm_vcpu *s = to_svm(v);

	return (v->rflags & X86_EFLAGS_IF) && !(s->after & SVM_AFTER_INJECTED) &&
	       !(s->vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK);
}

bool svm_nmi_allowed(struct x86_vcpu *v)
{
	const struct svm_vcpu *s = to_svm(v);

	/* The CPU keeps a virtual NMI until the guest can take it. */
	if (svm_has.vnmi)
		return !(s->vmcb->control.int_ctl & V_NMI_PENDING_MASK);
	return !s->nmi_masked && !(s->after & SVM_AFTER_INJECTED) &&
	       !(s->vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK);
}

/* --- windows --------------------------------------------------------------------------------- */

/*
 * A virtual interrupt of highest priority exits when it would be taken, instead of being taken
 * (15.21.4).
 */
void svm_irq_window(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb_control_area *c = &s->vmcb->control;

	if (c->int_ctl & V_IRQ_MASK)
		return;
	c->int_ctl |= V_IRQ_MASK | V_INTR_PRIO_MASK | V_IGN_TPR_MASK;
	c->int_vector = 0;
	vmcb_dirty(s->vmcb, VMCB_INTR);
	vmcb_set_intercept(s->vmcb, INTERCEPT_VINTR);
	svm_update_cr8_intercept(s);
}

void svm_irq_window_close(struct svm_vcpu *s)
{
	struct vmcb_control_area *c = &s->vmcb->control;

	if (!(c->int_ctl & V_IRQ_MASK))
		return;
	c->int_ctl &= ~V_IRQ_INJECTION_BITS_MASK;
	vmcb_dirty(s->vmcb, VMCB_INTR);
	vmcb_clear_intercept(s->vmcb, INTERCEPT_VINTR);
	svm_update_cr8_intercept(s);
}

/* TF is set at entry (enter.c), so that nobody sees it who looks at the guest's flags before. */
static void step(struct svm_vcpu *s)
{
	s->after |= SVM_AFTER_STEP;
	s->step_iret = s->after & SVM_AFTER_IRET;
	svm_rearm(s);
}

/*
 * An NMI waits for one of three things: the end of an NMI handler, which is an IRET; the delivery
 * of another event, which the next entry does; or the end of an interrupt shadow, one instruction
 * ahead.
 */
void svm_nmi_window(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	if (svm_has.vnmi)
		return;		/* taken back from the CPU at the next exit if need be */
	if (s->nmi_masked && !(s->after & SVM_AFTER_IRET))
		return;		/* the IRET intercept is armed */
	if (s->after & SVM_AFTER_INJECTED) {
		s->exit_soon = true;
		svm_rearm(s);
		v->events_dirty = true;	/* at that exit it is the NMI's turn */
		return;
	}
	step(s);
}

/* The NMI handler is at its IRET, which has not been executed. NMIs are open when it has been. */
void svm_iret_exit(struct svm_vcpu *s)
{
	s->after |= SVM_AFTER_IRET;
	s->iret_rip = s->x86.rip;
	vmcb_clear_intercept(s->vmcb, INTERCEPT_IRET);
	s->x86.events_dirty = true;
}

bool svm_get_nmi_mask(struct x86_vcpu *v)
{
	const struct svm_vcpu *s = to_svm(v);

	if (svm_has.vnmi)
		return s->vmcb->control.int_ctl & V_NMI_BLOCKING_MASK;
	return s->nmi_masked;
}

void svm_set_nmi_mask(struct x86_vcpu *v, bool masked)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb_control_area *c = &s->vmcb->control;

	if (svm_has.vnmi) {
		if (masked)
			c->int_ctl |= V_NMI_BLOCKING_MASK;
		else
			c->int_ctl &= ~V_NMI_BLOCKING_MASK;
		vmcb_dirty(s->vmcb, VMCB_INTR);
		return;
	}
	s->nmi_masked = masked;
	s->after &= ~SVM_AFTER_IRET;
	if (masked)
		vmcb_set_intercept(s->vmcb, INTERCEPT_IRET);
	else
		vmcb_clear_intercept(s->vmcb, INTERCEPT_IRET);
}

/**
 * svm_cr8_intercept - the LAPIC's TPR or its highest request has changed
 * @v: the vCPU
 * @tpr: priority class of the TPR
 * @irr: priority class of the highest request, or -1
 *
 * The guest reads and writes V_TPR by itself, unless a lower value would let a request through.
 */
void svm_cr8_intercept(struct x86_vcpu *v, int tpr, int irr)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb_control_area *c = &s->vmcb->control;
	bool trap = irr >= 0 && irr <= tpr;

	if (s->vtpr != tpr) {
		s->vtpr = tpr;
		c->int_ctl = (c->int_ctl & ~V_TPR_MASK) | tpr;
		vmcb_dirty(s->vmcb, VMCB_INTR);
	}
	if (s->cr8_trap != trap) {
		s->cr8_trap = trap;
		svm_update_cr8_intercept(s);
	}
}

/* --- after an exit --------------------------------------------------------------------------- */

static void injection_done(struct svm_vcpu *s)
{
	struct vmcb_control_area *c = &s->vmcb->control;
	struct x86_vcpu *v = &s->x86;

	switch (s->injected) {
	case SVM_EVENT_EXCEPTION:
		v->exception.injected = false;
		break;
	case SVM_EVENT_IRQ:
		v->irq.injected = false;
		break;
	case SVM_EVENT_NMI:
		v->nmi_injected = false;
		if (svm_has.vnmi && (c->int_ctl & V_NMI_PENDING_MASK)) {
			/* Not taken yet: it waits with x86, where it can be seen and saved. */
			c->int_ctl &= ~V_NMI_PENDING_MASK;
			vmcb_dirty(s->vmcb, VMCB_INTR);
			v->nmi_pending = min(v->nmi_pending + 1, 2);
			v->events_dirty = true;
		}
		break;
	}
}

static void step_done(struct svm_vcpu *s)
{
	struct x86_vcpu *v = &s->x86;
	bool moved = v->rip != s->step_rip;

	/* An IRET that was executed has loaded the TF that the guest wants. */
	if (!s->step_tf && !(s->step_iret && moved))
		v->rflags &= ~X86_EFLAGS_TF;
	s->swallow_bs = !s->step_tf &&
			s->vmcb->control.exit_code == SVM_EXIT_EXCP_BASE + X86_TRAP_DB;
	v->events_dirty = true;
}

/* What svm_vcpu.after promised to do at the next exit. */
void svm_after_exit(struct svm_vcpu *s)
{
	u32 after = s->after;

	s->after = 0;
	if (after & SVM_AFTER_INJECTED)
		injection_done(s);
	if (after & SVM_AFTER_STEP)
		step_done(s);
	if (after & SVM_AFTER_IRET) {
		if (s->x86.rip == s->iret_rip) {
			s->after = SVM_AFTER_IRET;	/* still before it */
		} else {
			s->nmi_masked = false;
			s->x86.events_dirty = true;
		}
	}
}

/**
 * svm_interrupted_event - the exit came while an event was being delivered (15.7.2)
 * @s: the vCPU; EXITINTINFO is valid
 *
 * What came from outside is given back to x86. Software interrupts and exceptions of the guest's
 * own are not: RIP is at their instruction, and it will raise them again.
 */
void svm_interrupted_event(struct svm_vcpu *s)
{
	const struct vmcb_control_area *c = &s->vmcb->control;
	struct x86_vcpu *v = &s->x86;
	u32 info = c->exit_int_info;
	u8 vector = info & SVM_EXITINTINFO_VEC_MASK;

	switch (info & SVM_EXITINTINFO_TYPE_MASK) {
	case SVM_EXITINTINFO_TYPE_INTR:
		x86_requeue_irq(v, vector, false);
		break;
	case SVM_EXITINTINFO_TYPE_NMI:
		v->nmi_injected = true;
		v->events_dirty = true;
		break;
	case SVM_EXITINTINFO_TYPE_EXEPT:
		if (is_soft(vector) && !s->soft.active)
			break;
		undo_soft(s);
		x86_requeue_exception(v, vector, info & SVM_EXITINTINFO_VALID_ERR,
				      c->exit_int_info_err);
		break;
	}
}
