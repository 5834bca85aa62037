/* SPDX-License-Identifier: GPL-2.0-only */
/* Stolen time (DEN0057): how long a vCPU could not run although it wanted to. */
#ifndef KEEL_ARM_PVTIME_H
#define KEEL_ARM_PVTIME_H

#include <linux/types.h>

struct arm_vcpu;
struct keel_vcpu;

#define ARM_PVTIME_NONE	(~0ull)

/**
 * struct arm_pvtime - stolen time of a vCPU; steal.h has the rest
 * @ipa: of its structure, or ARM_PVTIME_NONE
 */
struct arm_pvtime {
	u64 ipa;
};

void arm_pvtime_create(struct arm_vcpu *v);
/** arm_pvtime_features - PV_TIME_FEATURES: is @fn there? SMCCC_RET_SUCCESS or _NOT_SUPPORTED. */
u64 arm_pvtime_features(struct arm_vcpu *v, u32 fn);
/** arm_pvtime_st - PV_TIME_ST: where the structure is, which starts anew; or NOT_SUPPORTED. */
u64 arm_pvtime_st(struct arm_vcpu *v);

/* KVM_ARM_VCPU_PVTIME_CTRL, and KVM_CAP_STEAL_TIME. */
bool arm_pvtime_visible(struct keel_vcpu *vcpu);
int arm_pvtime_get_ipa(struct keel_vcpu *vcpu, u64 *val);
int arm_pvtime_set_ipa(struct keel_vcpu *vcpu, u64 val);

#endif
