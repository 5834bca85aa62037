/* SPDX-License-Identifier: GPL-2.0-only */
/* The generic timers of a guest. */
#ifndef KEEL_ARM_TIMER_H
#define KEEL_ARM_TIMER_H

#include <linux/types.h>

struct arm_vcpu;
struct arm_vm;

enum { ARM_TIMER_VIRT, ARM_TIMER_PHYS, ARM_NR_TIMERS };

struct arm_vm_timer {
};

struct arm_timer {
};

#endif
