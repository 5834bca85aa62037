/* SPDX-License-Identifier: GPL-2.0-only */
/* One guest timer, backed by one hrtimer: LAPIC, PIT, arch timer, clock comparator. */
#ifndef KEEL_TIMER_H
#define KEEL_TIMER_H

#include <linux/hrtimer.h>
#include <linux/types.h>

/*
 * A guest may set any period. The host is interrupted no more often than this; what expired in
 * between is counted and reported at once.
 */
#define KEEL_TIMER_MIN_GAP_NS	50000

/**
 * struct keel_timer - a one-shot or periodic guest timer
 * @fire: called at each expiry in hard interrupt context with the number of periods
 *	that passed (1 for one-shot). Must not sleep, and must not start or cancel this timer.
 * @expiry: ns of CLOCK_MONOTONIC of the next expiry that was not reported, or of the last
 *	one of a one-shot
 * @period: ns, 0 for one-shot
 *
 * Start, cancel and migrate are for one thread at a time; the rest may be called by anyone.
 */
struct keel_timer {
	struct hrtimer hr;
	void (*fire)(struct keel_timer *timer, u64 periods);
	ktime_t expiry;
	u64 period;
};

/**
 * keel_ticks_to_ns - how long a counter needs
 * @ticks: for so many
 * @hz: its rate, below 2^34
 *
 * Return: rounded up, for whoever is interrupted too early has to set the timer again; and never so
 * large that it could not be added to a time.
 */
u64 keel_ticks_to_ns(u64 ticks, u64 hz);
/** keel_ns_to_ticks - what a counter of @hz counts in @ns, modulo 2^64 as a counter does. */
u64 keel_ns_to_ticks(u64 ns, u64 hz);

void keel_timer_init(struct keel_timer *timer, void (*fire)(struct keel_timer *, u64));
/** keel_timer_start - arm for @expiry (may be in the past: fires at once), then each @period ns. */
void keel_timer_start(struct keel_timer *timer, ktime_t expiry, u64 period);
/** keel_timer_cancel - disarm and wait for a running @fire. Return: true when it was armed. */
bool keel_timer_cancel(struct keel_timer *timer);
bool keel_timer_armed(const struct keel_timer *timer);
/** keel_timer_remaining - ns until the next expiry, 0 when past or not armed. */
u64 keel_timer_remaining(const struct keel_timer *timer);
/** keel_timer_migrate - restart on this CPU, so that it fires where the vCPU runs. */
void keel_timer_migrate(struct keel_timer *timer);

#endif
