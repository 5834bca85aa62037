/* SPDX-License-Identifier: GPL-2.0-only */
/* The world switch: what its backends (VHE) give to the rest of arm64. */
#ifndef KEEL_ARM_HYP_H
#define KEEL_ARM_HYP_H

#include <linux/types.h>

struct arm_vcpu;
struct arm_vm;

/**
 * struct arm_switch_ops - one way to run a guest
 * @name: for the log
 * @cpu_enable: this CPU, interrupts off: may run guests from now on. 0 or a negative errno
 * @cpu_disable: this CPU, interrupts off: as it was before
 * @load: the guest's EL1 state into the CPU. Preemption off
 * @put: and out again
 * @enter: run the guest until its next exit. Interrupts off, guest state entered
 */
struct arm_switch_ops {
	const char *name;
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);
	void (*load)(struct arm_vcpu *v);
	void (*put)(struct arm_vcpu *v);
	void (*enter)(struct arm_vcpu *v);
};

/* vhe.c: NULL when the kernel does not run at EL2. */
const struct arm_switch_ops *vhe_probe(void);

#endif
