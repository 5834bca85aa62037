// SPDX-License-Identifier: GPL-2.0-only
/* A guest timer, one-shot or periodic, that fires in hard interrupt context of the host. */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <keel/timer.h>

/* Pinned: a vCPU's timer belongs on the CPU that the vCPU runs on, where no IPI is needed. */
#define MODE HRTIMER_MODE_ABS_PINNED_HARD

/*
 * A period is counted from the last expiry as it should have been, never from now, so that the
 * guest's clock does not drift however late the host is.
 */
static enum hrtimer_restart expired(struct hrtimer *hr)
{
	struct keel_timer *timer = container_of(hr, struct keel_timer, hr);
	ktime_t now, expiry = timer->expiry;
	u64 periods = 1, late;

	if (!timer->period) {
		timer->fire(timer, 1);
		return HRTIMER_NORESTART;
	}
	now = hrtimer_cb_get_time(hr);
	if (ktime_after(now, expiry)) {
		late = ktime_to_ns(ktime_sub(now, expiry));
		if (late >= timer->period)
			periods += div64_u64(late, timer->period);
	}
	expiry = ktime_add_ns(expiry, periods * timer->period);
	WRITE_ONCE(timer->expiry, expiry);
	timer->fire(timer, periods);

	now = ktime_add_ns(now, KEEL_TIMER_MIN_GAP_NS);
	hrtimer_set_expires(hr, ktime_after(now, expiry) ? now : expiry);
	return HRTIMER_RESTART;
}

u64 keel_ticks_to_ns(u64 ticks, u64 hz)
{
	u64 rest, seconds = div64_u64_rem(ticks, hz, &rest);

	/* In a century nobody waits for it. */
	if (seconds > 100ull * 366 * 24 * 3600)
		return KTIME_MAX / 2;
	return seconds * NSEC_PER_SEC + div64_u64(rest * NSEC_PER_SEC, hz) + 1;
}

u64 keel_ns_to_ticks(u64 ns, u64 hz)
{
	u32 rest;
	u64 seconds = div_u64_rem(ns, NSEC_PER_SEC, &rest);

	return seconds * hz + div_u64(rest * hz, NSEC_PER_SEC);
}

/**
 * keel_timer_init - prepare a timer
 * @timer: the timer
 * @fire: see struct keel_timer
 */
void keel_timer_init(struct keel_timer *timer, void (*fire)(struct keel_timer *, u64))
{
	hrtimer_init(&timer->hr, CLOCK_MONOTONIC, MODE);
	timer->hr.function = expired;
	timer->fire = fire;
	timer->expiry = 0;
	timer->period = 0;
}

void keel_timer_start(struct keel_timer *timer, ktime_t expiry, u64 period)
{
	hrtimer_cancel(&timer->hr);
	timer->period = min_t(u64, period, KTIME_MAX / 2);
	WRITE_ONCE(timer->expiry, expiry);
	hrtimer_start(&timer->hr, expiry, MODE);
}

bool keel_timer_cancel(struct keel_timer *timer)
{
	return hrtimer_cancel(&timer->hr);
}

bool keel_timer_armed(const struct keel_timer *timer)
{
	return hrtimer_active(&timer->hr);
}

u64 keel_timer_remaining(const struct keel_timer *timer)
{
	s64 left;

	if (!hrtimer_active(&timer->hr))
		return 0;
	left = ktime_to_ns(ktime_sub(READ_ONCE(timer->expiry), ktime_get()));
	return left > 0 ? left : 0;
}

void keel_timer_migrate(struct keel_timer *timer)
{
	if (hrtimer_cancel(&timer->hr))
		hrtimer_start_expires(&timer->hr, MODE);
}
