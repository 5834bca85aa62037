// SPDX-License-Identifier: GPL-2.0-only
/*
 * FP and SIMD. The guest's registers come into the CPU when it first uses them, by a trap, and leave
 * it before the host's interrupts are on again: code of the kernel that uses SIMD does not know
 * of them. An exit that the world switch handles itself leaves them alone.
 */
#include <linux/preempt.h>
#include <asm/neon.h>
#include "arm.h"
#include "hyp/hyp.h"

/* Lazy component ARM_LAZY_FP: loaded by the world switch. */
void arm_fp_load(struct keel_vcpu *vcpu)
{
	arm_fp_regs_load(&to_arm_vcpu(vcpu)->fp);
}

void arm_fp_save(struct keel_vcpu *vcpu)
{
	arm_fp_regs_save(&to_arm_vcpu(vcpu)->fp);
}

/*
 * The guest's first use since the vCPU was loaded. What the CPU holds may still be the thread's, or
 * that of another that will come back to this CPU. The kernel saves the one and forgets the
 * other, and nothing brings them back as long as we neither return to user space nor are
 * scheduled out.
 */
int arm_exit_fp(struct arm_vcpu *v)
{
	preempt_disable();
	kernel_neon_begin();
	kernel_neon_end();
	v->fp_ready = true;
	preempt_enable();
	return 1;
}
