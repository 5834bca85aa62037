// SPDX-License-Identifier: GPL-2.0-only
/* Stolen time as a guest asks for it (DEN0057): the calls, and where user space has put the structure. */
#include <linux/arm-smccc.h>
#include <linux/sched/stat.h>
#include <asm/pvclock-abi.h>
#include "arm.h"

#define ALIGNMENT	64	/* of the structure, DEN0057 3.3.2 */

void arm_pvtime_create(struct arm_vcpu *v)
{
	v->pvtime.ipa = ARM_PVTIME_NONE;
}

u64 arm_pvtime_features(struct arm_vcpu *v, u32 fn)
{
	switch (fn) {
	case ARM_SMCCC_HV_PV_TIME_FEATURES:
	case ARM_SMCCC_HV_PV_TIME_ST:
		if (v->pvtime.ipa != ARM_PVTIME_NONE)
			return SMCCC_RET_SUCCESS;
		fallthrough;
	default:
		return SMCCC_RET_NOT_SUPPORTED;
	}
}

static const struct keel_steal_layout layout = {
	.len = sizeof(struct pvclock_vcpu_stolen_time),
	.stolen = offsetof(struct pvclock_vcpu_stolen_time, stolen_time),
	.version = -1,
	.preempted = -1,
};

u64 arm_pvtime_st(struct arm_vcpu *v)
{
	const struct pvclock_vcpu_stolen_time fresh = {};	/* revision 0, attributes 0 */
	u64 ipa = v->pvtime.ipa;

	if (ipa == ARM_PVTIME_NONE || keel_steal_start(&v->core, ipa, &layout) ||
	    keel_gcache_write(&v->core, &v->core.steal.area, &fresh, 0, sizeof(fresh)))
		return SMCCC_RET_NOT_SUPPORTED;
	return ipa;
}

/* --- KVM_ARM_VCPU_PVTIME_CTRL ----------------------------------------------------------------- */

bool arm_pvtime_visible(struct keel_vcpu *vcpu)
{
	return sched_info_on();
}

int arm_pvtime_get_ipa(struct keel_vcpu *vcpu, u64 *val)
{
	*val = to_arm_vcpu(vcpu)->pvtime.ipa;
	return 0;
}

int arm_pvtime_set_ipa(struct keel_vcpu *vcpu, u64 val)
{
	struct arm_pvtime *p = &to_arm_vcpu(vcpu)->pvtime;

	if (!IS_ALIGNED(val, ALIGNMENT))
		return -EINVAL;
	if (p->ipa != ARM_PVTIME_NONE)
		return -EEXIST;
	if (!keel_gpa_is_ram(vcpu, val))
		return -EINVAL;
	p->ipa = val;
	return 0;
}
