/* SPDX-License-Identifier: GPL-2.0-only */
/* Lazy state: register sets that stay in the CPU as long as nobody else needs them there. */
#ifndef KEEL_LAZY_H
#define KEEL_LAZY_H

#include <linux/types.h>

struct keel_vcpu;

/* The latest point at which the host's values must be back. */
enum keel_lazy_point {
	KEEL_LAZY_EXIT,		/* after every exit, interrupts off */
	KEEL_LAZY_SCHED,	/* the thread is scheduled out, or the vCPU is put */
	KEEL_LAZY_RUN,		/* the vCPU is put: the scheduler switches this state by itself */
	KEEL_LAZY_USER,		/* the CPU returns to any user code: user_return.h does it */
};

/**
 * struct keel_lazy_ops - one component, one row of the architecture's table
 * @name: for debugging
 * @until: when the core calls @save
 * @load: guest values into the CPU. Preemption off; interrupts off too where @until is KEEL_LAZY_EXIT.
 * @save: guest values out (if they may have changed), host values in. Preemption off.
 *
 * The core loads a component when its bit is in vcpu->lazy_wanted and not in
 * vcpu->lazy_loaded. Component number = index in the table.
 */
struct keel_lazy_ops {
	const char *name;
	enum keel_lazy_point until;
	void (*load)(struct keel_vcpu *vcpu);
	void (*save)(struct keel_vcpu *vcpu);
};

/* Components by point, one bit each; constant after keel_lazy_setup(). */
extern u32 keel_lazy_mask[KEEL_LAZY_USER + 1];

void keel_lazy_setup(void);
/* Preemption off, both. @mask: components. */
void keel_lazy_load(struct keel_vcpu *vcpu, u32 mask);
void keel_lazy_save(struct keel_vcpu *vcpu, u32 mask);
/** keel_lazy_put - at KEEL_LAZY_SCHED, or at KEEL_LAZY_RUN (the vCPU is put). Preemption off. */
void keel_lazy_put(struct keel_vcpu *vcpu, enum keel_lazy_point point);

#endif
