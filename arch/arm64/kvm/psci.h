/* SPDX-License-Identifier: GPL-2.0-only */
/* Power state: PSCI, MP state, halting. */
#ifndef KEEL_ARM_PSCI_H
#define KEEL_ARM_PSCI_H

#include <linux/types.h>

struct arm_vcpu;
struct arm_vm;
struct keel_vcpu;

/**
 * struct arm_power - power state of a vCPU
 * @lock: of @start, and of changes of core.mp_state (RUNNABLE, STOPPED or SUSPENDED) by other vCPUs
 * @start: what CPU_ON asked for, valid with ARM_REQ_RESET
 * @halted: waits for an interrupt (WFI, CPU_SUSPEND). Its own
 * @deadline: of WFIT: virtual count at which the wait ends, ~0: none. Its own
 */
struct arm_power {
	spinlock_t lock;
	struct {
		u64 pc, x0;
		bool big_endian;
	} start;
	bool halted;
	u64 deadline;
};

/* --- psci.c --- */

/* 0.1 is what a vCPU without KVM_ARM_VCPU_PSCI_0_2 has. */
#define ARM_PSCI_0_1	0x00000001
#define ARM_PSCI_0_2	0x00000002
#define ARM_PSCI_1_0	0x00010000
#define ARM_PSCI_1_1	0x00010001

/** arm_psci_version - of this vCPU's firmware. */
u32 arm_psci_version(const struct arm_vcpu *v);
/** arm_psci_set_version - KVM_REG_ARM_PSCI_VERSION: 0 or -EINVAL. */
int arm_psci_set_version(struct arm_vcpu *v, u64 version);
/**
 * arm_psci_call - a PSCI function
 * @fn: its number, in x0 of the guest
 * @ret: for x0, when the answer is 1. PSCI_RET_NOT_SUPPORTED: also for what is no PSCI function
 * Return: 1 re-enter with @ret in x0, 0 to user space with kvm_run and x0 as they should be.
 */
int arm_psci_call(struct arm_vcpu *v, u32 fn, u64 *ret);

/* --- power.c --- */

void arm_power_create(struct arm_vcpu *v);
/** arm_power_init - at KVM_ARM_VCPU_INIT. @off: KVM_ARM_VCPU_POWER_OFF. */
void arm_power_init(struct arm_vcpu *v, bool off);
/** arm_power_off - stop the vCPU, by itself or (system events) by another. */
void arm_power_off(struct arm_vcpu *v);
/**
 * arm_power_on - CPU_ON: start another vCPU at @pc with @x0
 * Return: false: it is on already.
 */
bool arm_power_on(struct arm_vcpu *target, u64 pc, u64 x0, bool big_endian);
/** arm_power_start - ARM_REQ_RESET: carry out what CPU_ON asked for. The vCPU is loaded. */
void arm_power_start(struct arm_vcpu *v);
/** arm_power_reset_pending - the same, if need be, before user space looks at registers or changes them. */
void arm_power_reset_pending(struct arm_vcpu *v);
/** arm_power_changed - ARM_REQ_SLEEP: the state may have changed since the run loop looked. */
void arm_power_changed(struct arm_vcpu *v);
/** arm_system_event - KVM_EXIT_SYSTEM_EVENT. */
void arm_system_event(struct arm_vcpu *v, u32 type, u64 flags);

/** arm_halt - wait for an interrupt, from the next round of the run loop on. */
void arm_halt(struct arm_vcpu *v, u64 deadline);
/** arm_handle_wfx - an exit by WFI, WFE, WFIT or WFET. 1. */
int arm_handle_wfx(struct arm_vcpu *v);

/* Members of struct keel_arch_ops. */
#define ARM_MP_STATES	(BIT(KVM_MP_STATE_RUNNABLE) | BIT(KVM_MP_STATE_STOPPED) | \
			 BIT(KVM_MP_STATE_SUSPENDED))
int arm_mp_state_set(struct keel_vcpu *vcpu, u32 *state);
bool arm_runnable(struct keel_vcpu *vcpu);
bool arm_wakeup(struct keel_vcpu *vcpu);
int arm_unhalt(struct keel_vcpu *vcpu);
void arm_block(struct keel_vcpu *vcpu);
void arm_unblock(struct keel_vcpu *vcpu);

#endif
