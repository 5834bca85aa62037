// SPDX-License-Identifier: GPL-2.0-only
/* Stolen time (DEN0057): how long a vCPU could not run although it wanted to. */
#include <linux/arm-smccc.h>
#include <linux/kernel_stat.h>
#include <linux/sched.h>
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

u64 arm_pvtime_st(struct arm_vcpu *v)
{
	const struct pvclock_vcpu_stolen_time fresh = {};	/* revision 0, attributes 0 */
	struct arm_pvtime *p = &v->pvtime;

	if (p->ipa == ARM_PVTIME_NONE ||
	    keel_gcache_init(&v->core, &p->area, p->ipa, sizeof(fresh)) ||
	    keel_gcache_write(&v->core, &p->area, &fresh, 0, sizeof(fresh)))
		return SMCCC_RET_NOT_SUPPORTED;
	p->last = current->sched_info.run_delay;
	return p->ipa;
}

void arm_pvtime_load(struct arm_vcpu *v)
{
	if (v->pvtime.ipa != ARM_PVTIME_NONE && v->pvtime.last != current->sched_info.run_delay)
		keel_request(&v->core, ARM_REQ_STEAL);
}

void arm_pvtime_update(struct arm_vcpu *v)
{
	const unsigned int at = offsetof(struct pvclock_vcpu_stolen_time, stolen_time);
	u64 delay = current->sched_info.run_delay, before = v->pvtime.last;
	struct keel_gcache *area = &v->pvtime.area;
	__le64 stolen;

	v->pvtime.last = delay;
	/* Nobody has asked where it is yet; or another thread runs the vCPU now. */
	if (!area->len || delay <= before)
		return;
	if (keel_gcache_read(&v->core, area, &stolen, at, sizeof(stolen)))
		return;
	stolen = cpu_to_le64(le64_to_cpu(stolen) + delay - before);
	keel_gcache_write(&v->core, area, &stolen, at, sizeof(stolen));
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
