/* SPDX-License-Identifier: GPL-2.0-only */
/* The world switch: what its backends (VHE) give to the rest of arm64. */
#ifndef KEEL_ARM_HYP_H
#define KEEL_ARM_HYP_H

#include <linux/types.h>

struct arm_vcpu;
struct user_fpsimd_state;
enum arm_sys;

/**
 * struct arm_switch_ops - one way to run a guest
 * @name: for the log
 * @cpu_enable: this CPU, interrupts off: may run guests from now on. 0 or a negative errno
 * @cpu_disable: this CPU, interrupts off: as it was before
 * @load: the guest's EL1 state into the CPU. Preemption off
 * @put: and out again
 * @enter: run the guest until its next exit. Interrupts off, guest state entered
 * @read_sys, @write_sys: a register of the guest that @load has put into the CPU
 * @tlb_flush_vm: every CPU forgets all translations of the VMID in @vttbr. Does not sleep
 * @tlb_flush_ipa: the same for the page at @ipa
 * @tlb_flush_local: this CPU forgets the VMID's stage 1 translations and fetched instructions
 * @tlb_flush_all: every CPU forgets all guests
 */
struct arm_switch_ops {
	const char *name;
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);
	void (*load)(struct arm_vcpu *v);
	void (*put)(struct arm_vcpu *v);
	void (*enter)(struct arm_vcpu *v);
	u64 (*read_sys)(enum arm_sys reg);
	void (*write_sys)(enum arm_sys reg, u64 val);
	void (*tlb_flush_vm)(u64 vttbr);
	void (*tlb_flush_ipa)(u64 vttbr, u64 ipa);
	void (*tlb_flush_local)(u64 vttbr);
	void (*tlb_flush_all)(void);
};

extern const struct arm_switch_ops *arm_switch;

/* tlb.c */
void vhe_tlb_flush_vm(u64 vttbr);
void vhe_tlb_flush_ipa(u64 vttbr, u64 ipa);
void vhe_tlb_flush_local(u64 vttbr);
void vhe_tlb_flush_all(void);

/* fpsimd.S */
asmlinkage void arm_fp_regs_save(struct user_fpsimd_state *fp);
asmlinkage void arm_fp_regs_load(const struct user_fpsimd_state *fp);

/* vhe.c: NULL when the kernel does not run at EL2. */
const struct arm_switch_ops *vhe_probe(void);

#endif
