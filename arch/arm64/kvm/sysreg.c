// SPDX-License-Identifier: GPL-2.0-only
/* A guest's access to a system register that traps. */
#include "arm.h"
#include "sysreg.h"
#include "trace.h"

/* ISS of a trapped MSR, MRS or system instruction (ARM ARM D17.2.37). */
static u64 iss_id(u64 esr)
{
	u32 enc = sys_reg(esr >> 20 & 3, esr >> 14 & 7, esr >> 10 & 15, esr >> 1 & 15,
			  esr >> 17 & 7);

	return ARM_REG_ID(enc);
}

int arm_exit_sysreg(struct arm_vcpu *v)
{
	u64 esr = v->exit.esr;
	unsigned int rt = esr >> 5 & 31;
	bool read = esr & 1;
	struct keel_reg_access a = {
		.id = iss_id(esr),
		.actor = KEEL_REG_GUEST,
	};
	int r;

	v->stat.sysreg++;
	trace_kvm_handle_sys_reg(esr);
	if (read) {
		r = keel_reg_get(&v->core, &arm_sysregs, &a);
		if (!r)
			arm_set_reg(v, rt, a.val);
	} else {
		a.val = arm_get_reg(v, rt);
		r = keel_reg_set(&v->core, &arm_sysregs, &a);
	}
	if (likely(!r))
		arm_skip_insn(v);
	else if (r != ARM_SYSREG_TRAPPED)
		arm_inject_undef(v);
	return 1;
}
