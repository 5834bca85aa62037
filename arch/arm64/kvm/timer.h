/* SPDX-License-Identifier: GPL-2.0-only */
/* The generic timers of a guest. */
#ifndef KEEL_ARM_TIMER_H
#define KEEL_ARM_TIMER_H

#include <linux/types.h>
#include <keel/regs.h>
#include <keel/timer.h>

struct arm_vcpu;
struct arm_vm;
struct keel_vcpu;
struct keel_vm;

enum arm_timer_nr { ARM_TIMER_VIRT, ARM_TIMER_PHYS, ARM_NR_TIMERS };

enum arm_timer_reg { ARM_TIMER_CTL, ARM_TIMER_CVAL, ARM_TIMER_TVAL, ARM_TIMER_CNT };

/**
 * struct arm_vm_timer - what is common to all vCPUs of a VM
 * @offset: what a guest's counter lags behind the host's; written under core.lock
 * @gen: changes with @offset
 * @offset_set: KVM_ARM_SET_COUNTER_OFFSET was called: writes to counters do not count any more
 * @ppi: interrupt numbers
 */
struct arm_vm_timer {
	u64 offset[ARM_NR_TIMERS];
	unsigned int gen;
	bool offset_set;
	u32 ppi[ARM_NR_TIMERS];
};

/**
 * struct arm_timer - one timer of a vCPU
 * @soft: for a timer in the CPU: while the vCPU halts. For an emulated one: whenever it will expire
 * @cval: compare value, and
 * @ctl: control without ISTATUS, while they are not in the CPU
 * @direct: the guest has the CPU's own timer, else it is emulated
 * @loaded: @cval and @ctl are in the CPU
 * @level: the interrupt line as the GIC (or user space) was told
 */
struct arm_timer {
	struct keel_timer soft;
	struct arm_vcpu *v;
	u64 cval;
	u32 ctl;
	bool direct;
	bool loaded;
	bool level;
};

/* timer_host.c: the host's timers and their interrupts. Probe and remove: module load and unload. */
int arm_timer_probe(void);
void arm_timer_remove(void);
/* On the CPU itself, interrupts off. */
void arm_timer_cpu_enable(void);
void arm_timer_cpu_disable(void);

/* timer.c */
void arm_timer_vm_init(struct arm_vm *vm);
void arm_timer_vcpu_create(struct arm_vcpu *v);
void arm_timer_vcpu_destroy(struct arm_vcpu *v);
/** arm_timer_reset - both timers off, as after a reset of the CPU. The vCPU's thread. */
void arm_timer_reset(struct arm_vcpu *v);
/**
 * arm_timer_first_run - before a vCPU's first entry, after vgic_first_run(). May sleep
 * Sets ARM_VM_RAN, under core.lock: what is not to change after the first run does not change meanwhile.
 * Return: 0, or -EINVAL: both timers have the same interrupt, or somebody else has it.
 */
int arm_timer_first_run(struct arm_vcpu *v);

/* Preemption off. */
void arm_timer_load(struct arm_vcpu *v);
void arm_timer_put(struct arm_vcpu *v);
/** arm_timer_resample - see arm_timer_sync(). */
void arm_timer_resample(struct arm_vcpu *v);

/** arm_timer_run_end - KVM_RUN returns: tell user space the levels. */
void arm_timer_run_end(struct arm_vcpu *v);
/** arm_timer_pending - does a timer end the vCPU's halt by itself? No sleep, any thread. */
bool arm_timer_pending(struct arm_vcpu *v);
/**
 * arm_timer_block - the vCPU halts: see to it that it wakes up
 * @deadline: of WFIT, in virtual counts; ~0: none
 */
void arm_timer_block(struct arm_vcpu *v, u64 deadline);
void arm_timer_unblock(struct arm_vcpu *v);

/**
 * arm_timer_read, arm_timer_write - a register of a timer
 * By the vCPU's thread, for an access of its guest that was trapped, or by its ioctl. A counter is
 * written by ioctls only.
 */
u64 arm_timer_read(struct arm_vcpu *v, enum arm_timer_nr nr, enum arm_timer_reg reg);
void arm_timer_write(struct arm_vcpu *v, enum arm_timer_nr nr, enum arm_timer_reg reg, u64 val);
/** arm_timer_count - a guest's counter now. Any context. */
u64 arm_timer_count(struct arm_vcpu *v, enum arm_timer_nr nr);

/* What KVM_GET_ONE_REG knows of the timers; for the table of onereg.c. */
extern const struct keel_reg_table arm_timer_regs;

/** arm_set_counter_offset - KVM_ARM_SET_COUNTER_OFFSET: 0, -EINVAL, -EBUSY a vCPU is in use. */
long arm_set_counter_offset(struct keel_vm *vm, void *data);

/* KVM_ARM_VCPU_TIMER_CTRL: rows of the vCPU's attributes. */
int arm_timer_get_vppi(struct keel_vcpu *vcpu, u64 *val);
int arm_timer_set_vppi(struct keel_vcpu *vcpu, u64 val);
int arm_timer_get_pppi(struct keel_vcpu *vcpu, u64 *val);
int arm_timer_set_pppi(struct keel_vcpu *vcpu, u64 val);

#endif
