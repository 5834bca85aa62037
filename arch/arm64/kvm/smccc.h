/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of the guest to its firmware: HVC and SMC. */
#ifndef KEEL_ARM_SMCCC_H
#define KEEL_ARM_SMCCC_H

#include <linux/types.h>

struct arm_vcpu;

struct arm_vm_smccc {
};

#endif
