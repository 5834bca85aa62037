/* SPDX-License-Identifier: GPL-2.0-only */
/* Power state: PSCI, MP state, halting. */
#ifndef KEEL_ARM_PSCI_H
#define KEEL_ARM_PSCI_H

#include <linux/types.h>

struct arm_vcpu;

#endif
