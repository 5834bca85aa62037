// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC: what waits, what is in service, its life (SDM 3A chapter 10, APM chapter 16). */
#include <linux/slab.h>
#include "chips.h"
#include "lapic.h"
#include "trace.h"

#define LOWEST_LEGAL_VECTOR	16	/* SDM 10.5.2 */

/* --- requests: from any CPU, in any context ----------------------------------------- */

/**
 * x86_lapic_error - note an error of APIC_ESR_*, and tell the guest if it asked (SDM 10.5.3)
 * @l: the APIC
 * @error: one APIC_ESR_* bit
 */
void x86_lapic_error(struct x86_lapic *l, u32 error)
{
	if (!test_and_set_bit(__ffs(error), &l->esr_new))
		x86_lapic_local(l, LVT_ERROR);
}

static __always_inline int accept_fixed(struct x86_lapic *l, u8 vector, bool level)
{
	if (!lapic_accepts(l))
		return 0;
	if (unlikely(vector < LOWEST_LEGAL_VECTOR)) {
		x86_lapic_error(l, APIC_ESR_RECVILL);
		return 0;
	}
	/* Before the request: who takes it looks at its trigger mode when it ends. */
	if (test_bit(vector, l->tmr) != level)
		assign_bit(vector, l->tmr, level);
	if (test_and_set_bit(vector, l->irr))
		return 0;
	keel_request_kick(&l->v->core, X86_REQ_EVENT);
	return 1;
}

/**
 * x86_lapic_accept - a message has reached this APIC
 * @v: the vCPU it belongs to
 * @msg: the message; its destination was matched
 *
 * Any context. Return: 1 taken; 0 coalesced with one that waits already, or the guest wants none;
 * -1 there is no such message.
 */
int x86_lapic_accept(struct x86_vcpu *v, const struct x86_apic_msg *msg)
{
	struct x86_lapic *l = v->lapic;

	trace_kvm_apic_accept_irq(l->id, msg->mode << 8, msg->trig_level, msg->vector);
	switch (msg->mode) {
	case APIC_DELIVERY_MODE_FIXED:
	case APIC_DELIVERY_MODE_LOWESTPRIO:
		return accept_fixed(l, msg->vector, msg->trig_level);
	case APIC_DELIVERY_MODE_NMI:
		x86_queue_nmi(v);
		return 1;
	case APIC_DELIVERY_MODE_INIT:
		if (msg->trig_level && !msg->level)
			return -1;	/* INIT level de-assert: no CPU of today heeds it */
		clear_bit(LAPIC_SIPI, &l->latched);
		set_bit(LAPIC_INIT, &l->latched);
		keel_request_kick(&v->core, X86_REQ_INIT_SIPI);
		return 1;
	case X86_DELIVERY_SIPI:
		WRITE_ONCE(l->sipi_vector, msg->vector);
		smp_mb__before_atomic();	/* the vector before the bit */
		set_bit(LAPIC_SIPI, &l->latched);
		keel_request_kick(&v->core, X86_REQ_INIT_SIPI);
		return 1;
	default:
		return -1;	/* SMI: there is no SMM. ExtINT comes over LINT0 only. */
	}
}

/**
 * x86_lapic_local - a source of this APIC's own: timer, LINT pins, errors
 * @l: the APIC
 * @lvt: LVT_*
 *
 * Any context. Return: as x86_lapic_accept().
 */
int x86_lapic_local(struct x86_lapic *l, unsigned int lvt)
{
	u32 entry = READ_ONCE(l->lvt[lvt]);
	struct x86_apic_msg msg = {
		.vector = entry,
		.mode = GET_APIC_DELIVERY_MODE(entry),
		.level = true,
		.trig_level = entry & APIC_LVT_LEVEL_TRIGGER,
	};

	if ((entry & APIC_LVT_MASKED) || !lapic_on(l))
		return -1;
	if (msg.mode != APIC_DELIVERY_MODE_FIXED)
		msg.trig_level = false;		/* all others are edges, whatever bit 15 says */
	return x86_lapic_accept(l->v, &msg);
}

/* The same for a fixed interrupt. */
int x86_lapic_accept_fixed(struct x86_lapic *l, u8 vector, bool level)
{
	trace_kvm_apic_accept_irq(l->id, APIC_DM_FIXED, level, vector);
	return accept_fixed(l, vector, level);
}

/* The PIC raised INTR: if its wire leads to this vCPU, let it look. Any context. */
bool x86_lapic_kick_extint(struct x86_vcpu *v)
{
	if (!v->lapic || !READ_ONCE(v->lapic->extint_ok))
		return false;
	keel_request_kick(&v->core, X86_REQ_EVENT);
	return true;
}

/* The PIT's tick as an NMI: how guests once wired a watchdog, LINT0 of every CPU in NMI mode. */
void x86_lapic_watchdog(struct x86_vcpu *v)
{
	struct x86_lapic *l = v->lapic;

	if (l && GET_APIC_DELIVERY_MODE(READ_ONCE(l->lvt[LVT_LINT0])) == APIC_DELIVERY_MODE_NMI)
		x86_lapic_local(l, LVT_LINT0);
}

void x86_lapic_raise(struct x86_vcpu *v, u8 vector)
{
	if (v->lapic)
		accept_fixed(v->lapic, vector, false);
}

/* --- what the vCPU does with them --------------------------------------------------- */

/* PPR follows TPR and the vector in service (SDM 10.8.3.1). A lower one may let one through. */
void x86_lapic_update_ppr(struct x86_lapic *l)
{
	u8 isr = l->isrv < 0 ? 0 : l->isrv & 0xf0;

	l->ppr = l->tpr >= isr ? l->tpr : isr;
	if (lapic_deliverable(l) >= 0)
		l->v->events_dirty = true;
}

/* Take the vector that x86_lapic_irq() shows: it is in service now. Return: it, or -1. */
int x86_lapic_ack(struct x86_lapic *l)
{
	int vector = lapic_deliverable(l);

	if (vector < 0)
		return -1;
	clear_bit(vector, l->irr);
	__set_bit(vector, l->isr);
	l->isrv = vector;
	l->ppr = vector & 0xf0;		/* above the old one, so above TPR too */
	return vector;
}

/* Before the next entry, KVM_RUN returns with this. */
void x86_lapic_tell_user(struct x86_lapic *l, u8 exit)
{
	l->user_exits |= exit;
	keel_request(&l->v->core, X86_REQ_EOI_EXIT);
}

/* The end of a level-triggered interrupt concerns the IOAPIC that sent it (SDM 10.8.5). */
static void tell_ioapic(struct x86_lapic *l, u8 vector)
{
	struct x86_vm *vm = x86_vm_of(l->v);
	bool level = test_bit(vector, l->tmr);

	if (vm->ioapic) {
		if (x86_ioapic_uses(vm->ioapic, vector))
			x86_ioapic_eoi(vm->ioapic, vector, level);
	} else if (level && vm->split_pins && !(l->svr & APIC_SPIV_DIRECTED_EOI)) {
		l->eoi_vector = vector;
		x86_lapic_tell_user(l, LAPIC_EXIT_EOI);
	}
}

/**
 * x86_lapic_eoi - the guest has handled the interrupt in service
 * @l: the APIC of the vCPU that runs here
 */
void x86_lapic_eoi(struct x86_lapic *l)
{
	int vector = l->isrv;

	trace_kvm_eoi(l->id, vector);
	if (vector < 0)
		return;
	__clear_bit(vector, l->isr);
	l->isrv = lapic_highest(l->isr);
	x86_lapic_update_ppr(l);
	tell_ioapic(l, vector);
}

int x86_lapic_irq(struct x86_vcpu *v)
{
	return v->lapic ? lapic_deliverable(v->lapic) : -1;
}

int x86_lapic_irr(struct x86_vcpu *v)
{
	return v->lapic ? lapic_highest(v->lapic->irr) : -1;
}

void x86_lapic_set_tpr(struct x86_vcpu *v, u8 cr8)
{
	v->lapic->tpr = (cr8 & 0xf) << 4;	/* SDM 10.8.6 */
	x86_lapic_update_ppr(v->lapic);
}

u8 x86_lapic_cr8(struct x86_vcpu *v)
{
	return v->lapic->tpr >> 4;
}

int x86_eoi_exit(struct x86_vcpu *v)
{
	struct x86_lapic *l = v->lapic;
	struct kvm_run *run = v->core.run;

	if (l->user_exits & LAPIC_EXIT_TPR) {
		l->user_exits &= ~LAPIC_EXIT_TPR;
		run->exit_reason = KVM_EXIT_TPR_ACCESS;
		run->tpr_access.rip = l->tpr_rip;
		run->tpr_access.is_write = l->tpr_write;
	} else {
		l->user_exits &= ~LAPIC_EXIT_EOI;
		run->exit_reason = KVM_EXIT_IOAPIC_EOI;
		run->eoi.vector = l->eoi_vector;
	}
	if (l->user_exits)
		keel_request(&v->core, X86_REQ_EOI_EXIT);
	return 0;
}

/* --- around an entry ---------------------------------------------------------------- */

/*
 * May the guest end the interrupt in service by writing memory? Not if that end has to let
 * another one through, or has to reach an IOAPIC.
 */
static bool silent_eoi_ok(const struct x86_lapic *l, int irr)
{
	const struct x86_vm *vm = x86_vm_of(l->v);

	if (irr >= 0 || test_bit(l->isrv, l->tmr))
		return false;
	return !vm->ioapic || !x86_ioapic_uses(vm->ioapic, l->isrv);
}

/* What patched instructions work with: TPR, the class in service, the highest request. */
static void put_vapic(struct x86_lapic *l, int irr)
{
	u32 isr = l->isrv < 0 ? 0 : l->isrv & 0xf0;
	u32 data = l->tpr | isr << 8 | (u32)max(irr, 0) << 24;

	keel_gcache_write(&l->v->core, &l->vapic, &data, 0, sizeof(data));
}

static void get_vapic(struct x86_lapic *l)
{
	u8 tpr;

	if (keel_gcache_read(&l->v->core, &l->vapic, &tpr, 0, sizeof(tpr)) || tpr == l->tpr)
		return;
	l->tpr = tpr;
	x86_lapic_update_ppr(l);
}

void x86_lapic_before_entry(struct x86_vcpu *v)
{
	struct x86_lapic *l = v->lapic;
	int irr = lapic_highest(l->irr);

	if (unlikely(irr != l->cr8_irr || l->tpr != l->cr8_tpr)) {
		l->cr8_irr = irr;
		l->cr8_tpr = l->tpr;
		/* Both as priority classes, so that one compares with the other. */
		x86_be(cr8_intercept)(v, l->tpr >> 4, irr < 0 ? -1 : irr >> 4);
	}
	if (l->isrv >= 0 && !(l->shared & LAPIC_PV_EOI) && x86_pv_eoi_enabled(v) &&
	    silent_eoi_ok(l, irr)) {
		x86_pv_eoi_set(v);
		l->shared |= LAPIC_PV_EOI;
	}
	if (unlikely(l->shared & LAPIC_VAPIC))
		put_vapic(l, irr);
}

void x86_lapic_after_exit(struct x86_vcpu *v)
{
	struct x86_lapic *l = v->lapic;

	if (l->shared & LAPIC_PV_EOI) {
		l->shared &= ~LAPIC_PV_EOI;
		if (x86_pv_eoi_clear(v)) {
			trace_kvm_pv_eoi(l->id, l->isrv);
			x86_lapic_eoi(l);
		}
	}
	if (l->shared & LAPIC_VAPIC)
		get_vapic(l);
}

/* --- INIT and SIPI (SDM 8.4) -------------------------------------------------------- */

bool x86_lapic_wakeup(struct x86_vcpu *v)
{
	unsigned long latched = v->lapic ? READ_ONCE(v->lapic->latched) : 0;

	return (latched & BIT(LAPIC_INIT)) ||
	       ((latched & BIT(LAPIC_SIPI)) && v->core.mp_state == KVM_MP_STATE_INIT_RECEIVED);
}

void x86_lapic_set_sipi_vector(struct x86_vcpu *v, u8 vector)
{
	if (v->lapic)
		WRITE_ONCE(v->lapic->sipi_vector, vector);
}

void x86_lapic_set_sipi(struct x86_vcpu *v)
{
	if (!v->lapic)
		return;
	set_bit(LAPIC_SIPI, &v->lapic->latched);
	keel_request(&v->core, X86_REQ_INIT_SIPI);
}

static void start_at_sipi(struct x86_vcpu *v)
{
	u8 vector = READ_ONCE(v->lapic->sipi_vector);
	struct kvm_segment cs;

	x86_be(get_segment)(v, &cs, X86_CS);
	cs.selector = vector << 8;
	cs.base = vector << 12;
	x86_be(set_segment)(v, &cs, X86_CS);
	v->rip = 0;
	v->core.mp_state = KVM_MP_STATE_RUNNABLE;
}

int x86_lapic_events(struct x86_vcpu *v)
{
	struct x86_lapic *l = v->lapic;

	if (!l)
		return 1;
	if (test_and_clear_bit(LAPIC_INIT, &l->latched)) {
		x86_vcpu_reset(v, true);
		v->core.mp_state = x86_is_bsp(v) ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_INIT_RECEIVED;
	}
	/* Only a CPU that waits for it takes a SIPI; it does not stay for later. */
	if (test_and_clear_bit(LAPIC_SIPI, &l->latched) &&
	    v->core.mp_state == KVM_MP_STATE_INIT_RECEIVED)
		start_at_sipi(v);
	return 1;
}

/* --- life --------------------------------------------------------------------------- */

void x86_lapic_map_changed(struct x86_lapic *l)
{
	struct x86_vm *vm = x86_vm_of(l->v);

	atomic_set(&vm->apic_map_dirty, 1);
	x86_apic_map_update(vm);
}

/* Does the PIC's output reach this CPU? By LINT0 as a virtual wire, or if the APIC is off. */
void x86_lapic_update_extint(struct x86_lapic *l)
{
	u32 lint0 = l->lvt[LVT_LINT0];

	l->extint_ok = !lapic_on(l) ||
		       (!(lint0 & APIC_LVT_MASKED) &&
			GET_APIC_DELIVERY_MODE(lint0) == APIC_DELIVERY_MODE_EXTINT);
	if (l->extint_ok)
		l->v->events_dirty = true;
}

/* SDM 10.4.7.1 and 10.4.7.3: all but the IDs and the arbitration priority. */
static void clear_registers(struct x86_lapic *l)
{
	unsigned int i;

	x86_lapic_timer_stop(l);
	for (i = 0; i < NR_LVT; i++)
		l->lvt[i] = APIC_LVT_MASKED;
	/* Firmware of old expects the PIC to be wired to the boot CPU without asking for it. */
	if (x86_is_bsp(l->v) && x86_quirk(x86_vm_of(l->v), KVM_X86_QUIRK_LINT0_REENABLED))
		l->lvt[LVT_LINT0] = SET_APIC_DELIVERY_MODE(0, APIC_DELIVERY_MODE_EXTINT);
	WRITE_ONCE(l->svr, 0xff);
	bitmap_zero(l->irr, LAPIC_VECTORS);
	bitmap_zero(l->isr, LAPIC_VECTORS);
	bitmap_zero(l->tmr, LAPIC_VECTORS);
	l->isrv = -1;
	l->tpr = 0;
	WRITE_ONCE(l->dfr, APIC_DFR_FLAT);
	WRITE_ONCE(l->ldr, lapic_x2(l) ? lapic_x2_ldr(l->id) : 0);
	l->esr = 0;
	l->esr_new = 0;
	l->icr = 0;
	l->tmict = 0;
	l->tdcr = 0;
	l->tsc_deadline = 0;
	l->shared &= ~LAPIC_PV_EOI;
	l->cr8_irr = LAPIC_IRR_UNTOLD;
	x86_lapic_update_ppr(l);
	x86_lapic_update_extint(l);
}

void x86_lapic_reset(struct x86_vcpu *v, bool init)
{
	struct x86_lapic *l = v->lapic;

	if (!init)
		WRITE_ONCE(v->apic_base, APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE |
			   (x86_is_bsp(v) ? MSR_IA32_APICBASE_BSP : 0));
	if (!l)
		return;
	if (!init) {
		WRITE_ONCE(l->xid, l->id);
		l->latched = 0;
	}
	clear_registers(l);
	x86_lapic_map_changed(l);
}

int x86_lapic_create(struct x86_vcpu *v)
{
	struct x86_lapic *l;

	if (!x86_irqchip_in_kernel(x86_vm_of(v)))
		return 0;
	l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);
	if (!l)
		return -ENOMEM;
	l->v = v;
	l->id = v->core.id;
	l->isrv = -1;		/* all else is set by the reset that follows */
	x86_lapic_timer_init(l);
	v->lapic = l;
	return 0;
}

void x86_lapic_created(struct x86_vcpu *v)
{
	if (v->lapic)
		x86_lapic_map_changed(v->lapic);
}

void x86_lapic_destroy(struct x86_vcpu *v)
{
	struct x86_lapic *l = v->lapic;

	if (!l)
		return;
	x86_lapic_timer_stop(l);
	v->lapic = NULL;
	kfree(l);
}

/* --- IA32_APIC_BASE (SDM 10.4.4, 10.12.1, 10.12.5) ------------------------------------- */

/* Bits 7:0 and 9 are reserved always, those above MAXPHYADDR by the guest's CPUID. */
#define APIC_BASE_RESERVED	0x2ffull
#define APIC_BASE_MODE		(MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE)

static bool transition_ok(u64 old, u64 new)
{
	/* Only through "disabled" does a guest get from x2APIC to xAPIC; not in one step there. */
	switch (new & APIC_BASE_MODE) {
	case APIC_BASE_MODE:
		return old & MSR_IA32_APICBASE_ENABLE;
	case MSR_IA32_APICBASE_ENABLE:
		return !(old & X2APIC_ENABLE);
	default:
		return true;
	}
}

int x86_set_apic_base(struct x86_vcpu *v, u64 val, bool host)
{
	u64 old = v->apic_base, reserved = APIC_BASE_RESERVED | v->cpuid.reserved_gpa_bits;
	struct x86_lapic *l = v->lapic;

	if (!x86_guest_has(v, X86_FEATURE_X2APIC))
		reserved |= X2APIC_ENABLE;
	if ((val & reserved) || (val & APIC_BASE_MODE) == X2APIC_ENABLE)
		return 1;
	if (!host && !transition_ok(old, val))
		return 1;
	WRITE_ONCE(v->apic_base, val);
	if ((old ^ val) & MSR_IA32_APICBASE_ENABLE)
		x86_cpuid_runtime(v);
	if (!l || !((old ^ val) & APIC_BASE_MODE))
		return 0;

	if (!(val & MSR_IA32_APICBASE_ENABLE)) {
		clear_registers(l);
	} else {
		if (!(val & X2APIC_ENABLE))
			WRITE_ONCE(l->xid, l->id);
		WRITE_ONCE(l->ldr, val & X2APIC_ENABLE ? lapic_x2_ldr(l->id) : 0);
		l->icr = 0;
		x86_lapic_update_extint(l);
	}
	x86_lapic_map_changed(l);
	return 0;
}
