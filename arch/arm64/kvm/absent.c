// SPDX-License-Identifier: GPL-2.0-only
/* Until the timers and the firmware are there: nobody has any. */
#include "arm.h"

#ifndef KEEL_HAVE_TIME
const struct keel_reg_table arm_timer_regs, arm_fw_regs, arm_fw_bmap_regs;

u64 arm_timer_read(struct arm_vcpu *v, enum arm_timer_nr nr, enum arm_timer_reg reg) { return 0; }
void arm_timer_write(struct arm_vcpu *v, enum arm_timer_nr nr, enum arm_timer_reg reg, u64 val) {}
void arm_timer_resample(struct arm_vcpu *v) {}
void arm_power_init(struct arm_vcpu *v, bool off) {}
void arm_power_reset_pending(struct arm_vcpu *v) {}

int arm_smccc_call(struct arm_vcpu *v, bool smc)
{
	v->ctxt.x[0] = -1;
	return 1;
}

int arm_handle_wfx(struct arm_vcpu *v)
{
	arm_skip_insn(v);
	return 1;
}

bool arm_runnable(struct keel_vcpu *vcpu) { return true; }
bool arm_wakeup(struct keel_vcpu *vcpu) { return true; }
int arm_unhalt(struct keel_vcpu *vcpu) { return 1; }
void arm_block(struct keel_vcpu *vcpu) {}
void arm_unblock(struct keel_vcpu *vcpu) {}
#endif
