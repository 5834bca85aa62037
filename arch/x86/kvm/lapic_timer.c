// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC's timer: one-shot, periodic, TSC deadline (SDM 10.5.4). */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <asm/msr.h>
#include "chips.h"
#include "lapic.h"

/* A guest must not be able to keep a host CPU in its timer interrupt. */
static unsigned int min_timer_period_us = 200;
module_param(min_timer_period_us, uint, 0644);
MODULE_PARM_DESC(min_timer_period_us, "shortest period of a guest's timer, in microseconds");

u64 x86_min_timer_period(void)
{
	return (u64)READ_ONCE(min_timer_period_us) * NSEC_PER_USEC;
}

static u32 timer_mode(const struct x86_lapic *l)
{
	return READ_ONCE(l->lvt[LVT_TIMER]) & LVT_TIMER_MODES;
}

/*
 * At each expiry, in hard interrupt context. The vector goes into IRR at once: nothing is left for
 * the vCPU's thread to do but to take it. Whoever programs the timer anew has waited for this.
 */
static void fire(struct keel_timer *timer, u64 periods)
{
	struct x86_lapic *l = container_of(timer, struct x86_lapic, timer);

	if (timer_mode(l) == APIC_LVT_TIMER_TSCDEADLINE)
		WRITE_ONCE(l->tsc_deadline, 0);
	x86_lapic_local(l, LVT_TIMER);
}

void x86_lapic_timer_init(struct x86_lapic *l)
{
	keel_timer_init(&l->timer, fire);
}

void x86_lapic_timer_stop(struct x86_lapic *l)
{
	keel_timer_cancel(&l->timer);
}

/* --- counting down ------------------------------------------------------------------ */

/* ns of one count: the bus clock, divided by 1 to 128 as bits 3, 1 and 0 of TDCR say */
static u64 ns_per_count(const struct x86_lapic *l)
{
	u32 code = (l->tdcr & 3) | (l->tdcr & 8) >> 1;

	return (u64)max(x86_vm_of(l->v)->apic_bus_cycle_ns, 1u) << ((code + 1) & 7);
}

static u64 counts_to_ns(const struct x86_lapic *l, u32 counts)
{
	/* KVM_CAP_X86_APIC_BUS_CYCLES_NS saw to it that this does not wrap; ktime_t is signed. */
	return min_t(u64, counts * ns_per_count(l), KTIME_MAX / 2);
}

/**
 * x86_lapic_timer_start - count down from @count, then, if periodic, from TMICT again and again
 * @l: the APIC
 * @count: 0 stops the timer
 */
void x86_lapic_timer_start(struct x86_lapic *l, u32 count)
{
	u64 first = counts_to_ns(l, count), period = 0;

	keel_timer_cancel(&l->timer);
	if (!count || timer_mode(l) == APIC_LVT_TIMER_TSCDEADLINE)
		return;
	if (timer_mode(l) == APIC_LVT_TIMER_PERIODIC) {
		period = max(counts_to_ns(l, l->tmict), x86_min_timer_period());
		if (count == l->tmict)
			first = period;
	}
	keel_timer_start(&l->timer, ktime_add_ns(ktime_get(), first), period);
}

/* TMCCT: what is left of the count. */
u32 x86_lapic_timer_count(const struct x86_lapic *l)
{
	u64 left;

	if (timer_mode(l) == APIC_LVT_TIMER_TSCDEADLINE)
		return 0;
	left = div64_u64(keel_timer_remaining(&l->timer), ns_per_count(l));
	return min_t(u64, left, l->tmict);
}

/* LVT timer was written: to and from TSC deadline the timer is disarmed (SDM 10.5.4.1). */
void x86_lapic_timer_mode(struct x86_lapic *l, u32 old_lvtt)
{
	u32 old = old_lvtt & LVT_TIMER_MODES, new = timer_mode(l);

	if (old == new)
		return;
	if (old == APIC_LVT_TIMER_TSCDEADLINE || new == APIC_LVT_TIMER_TSCDEADLINE) {
		keel_timer_cancel(&l->timer);
		l->tmict = 0;
		l->tsc_deadline = 0;
	} else if (keel_timer_armed(&l->timer)) {
		x86_lapic_timer_start(l, x86_lapic_timer_count(l));
	}
}

/* TDCR was written: the count goes on from where it is, at another pace. */
void x86_lapic_timer_divide(struct x86_lapic *l, u32 tdcr)
{
	u32 left = x86_lapic_timer_count(l);
	bool armed = keel_timer_armed(&l->timer);

	l->tdcr = tdcr & 0xb;
	if (armed && timer_mode(l) != APIC_LVT_TIMER_TSCDEADLINE)
		x86_lapic_timer_start(l, left);
}

/* --- TSC deadline ------------------------------------------------------------------- */

static void arm_deadline(struct x86_lapic *l)
{
	u64 deadline = l->tsc_deadline, now;
	struct x86_vcpu *v = l->v;

	if (!deadline || !v->tsc_khz)
		return;
	now = x86_guest_tsc(v, rdtsc());
	if (now >= deadline)
		fire(&l->timer, 1);
	else
		keel_timer_start(&l->timer,
				 ktime_add_ns(ktime_get(), keel_ticks_to_ns(deadline - now, v->tsc_khz * 1000ull)),
				 0);
}

u64 x86_get_tsc_deadline(struct x86_vcpu *v)
{
	struct x86_lapic *l = v->lapic;

	if (!l || !lapic_on(l) || timer_mode(l) != APIC_LVT_TIMER_TSCDEADLINE)
		return 0;
	return READ_ONCE(l->tsc_deadline);
}

/**
 * x86_set_tsc_deadline - MSR_IA32_TSC_DEADLINE: interrupt when the guest's TSC gets there
 * @v: the vCPU that runs here
 * @val: guest TSC; 0 disarms; one that has passed interrupts at once
 *
 * Does not sleep; interrupts may be off.
 */
void x86_set_tsc_deadline(struct x86_vcpu *v, u64 val)
{
	struct x86_lapic *l = v->lapic;

	if (!l || !lapic_on(l) || timer_mode(l) != APIC_LVT_TIMER_TSCDEADLINE)
		return;
	keel_timer_cancel(&l->timer);
	l->tsc_deadline = val;
	arm_deadline(l);
}

void x86_lapic_tsc_changed(struct x86_vcpu *v)
{
	struct x86_lapic *l = v->lapic;

	if (!l || timer_mode(l) != APIC_LVT_TIMER_TSCDEADLINE)
		return;
	keel_timer_cancel(&l->timer);
	arm_deadline(l);
}

void x86_lapic_migrate(struct x86_vcpu *v)
{
	if (v->lapic && keel_timer_armed(&v->lapic->timer))
		keel_timer_migrate(&v->lapic->timer);
}
