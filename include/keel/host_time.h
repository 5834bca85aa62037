/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's time, together with the hardware counter that guests' clocks are made from. */
#ifndef KEEL_HOST_TIME_H
#define KEEL_HOST_TIME_H

#include <linux/types.h>

/**
 * struct keel_host_time - one moment
 * @count: the counter (keel_arch_ops.host_counter)
 * @boot_ns: since boot, with suspend, at the counter's own rate (CLOCK_MONOTONIC_RAW)
 * @real_ns: CLOCK_REALTIME
 */
struct keel_host_time {
	u64 count;
	u64 boot_ns;
	u64 real_ns;
};

/**
 * keel_host_time - now. Any context in which the timekeeper's lock is not held
 *
 * Return: true: the host's clock is this counter, so that the three belong exactly together; false:
 * they were read one after the other.
 */
bool keel_host_time(struct keel_host_time *t);

/* device.c */
int keel_host_time_setup(void);
void keel_host_time_teardown(void);

#endif
