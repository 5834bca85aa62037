/* SPDX-License-Identifier: GPL-2.0-only */
/* Stolen time. */
#ifndef KEEL_ARM_PVTIME_H
#define KEEL_ARM_PVTIME_H

#include <linux/types.h>

struct arm_vcpu;

struct arm_pvtime {
};

#endif
