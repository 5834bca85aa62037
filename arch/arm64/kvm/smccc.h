/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of the guest to its firmware: HVC and SMC. */
#ifndef KEEL_ARM_SMCCC_H
#define KEEL_ARM_SMCCC_H

#include <linux/maple_tree.h>
#include <linux/types.h>
#include <keel/regs.h>

struct arm_vcpu;
struct arm_vm;
struct keel_vm;

/**
 * struct arm_vm_smccc - who answers which call
 * @filter: function numbers to KVM_SMCCC_FILTER_*; what is not in it is handled here. Changes under
 *	core.lock, and not any more when a vCPU has run
 * @filtered: user space has put something into it
 */
struct arm_vm_smccc {
	struct maple_tree filter;
	bool filtered;
};

/* --- smccc.c --- */
int arm_smccc_vm_init(struct arm_vm *vm);
void arm_smccc_vm_destroy(struct arm_vm *vm);
/**
 * arm_smccc_call - an exit by HVC or SMC
 * @smc: by SMC; the instruction is stepped over already
 * Return: 1 re-enter, 0 to user space with kvm_run filled.
 */
int arm_smccc_call(struct arm_vcpu *v, bool smc);

/* The firmware's pseudo registers, for the table of onereg.c. */
extern const struct keel_reg_table arm_fw_regs, arm_fw_bmap_regs;

/* --- smccc_filter.c --- */
#ifdef KVM_ARM_VM_SMCCC_CTRL
int arm_smccc_set_filter(struct keel_vm *vm, const void __user *from);
#endif

/* --- workaround.c: mitigations that are the firmware's --- */
enum arm_workaround {
	ARM_WORKAROUND_1,		/* branch target injection (CVE-2017-5715) */
	ARM_WORKAROUND_2,		/* speculative store bypass (CVE-2018-3639) */
	ARM_WORKAROUND_3,		/* branch history injection (CVE-2022-23960) */
	ARM_NR_WORKAROUNDS
};

enum arm_workaround_state {
	ARM_WORKAROUND_UNAVAILABLE,	/* needed, and not there for guests */
	ARM_WORKAROUND_AVAILABLE,	/* a guest's call does it: each exit from a guest does */
	ARM_WORKAROUND_NOT_REQUIRED,
};

void arm_workaround_probe(void);
enum arm_workaround_state arm_workaround_state(enum arm_workaround nr);
/* --- trng.c: random numbers (DEN0098) --- */
/**
 * arm_trng_call - a TRNG function
 * @ret: for x0 to x3
 */
void arm_trng_call(struct arm_vcpu *v, u32 fn, u64 ret[4]);

#endif
