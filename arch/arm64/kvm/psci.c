// SPDX-License-Identifier: GPL-2.0-only
/* PSCI 0.1, 0.2, 1.0 and 1.1 (DEN0022): a guest starts and stops its CPUs and its machine. */
#include <linux/arm-smccc.h>
#include <uapi/linux/psci.h>
#include "arm.h"

#define FN_64BIT(fn)	((fn) & PSCI_0_2_64BIT)

u32 arm_psci_version(const struct arm_vcpu *v)
{
	u32 version = READ_ONCE(to_arm_vm(v->core.vm)->psci_version);

	if (!arm_has_feature(v, KVM_ARM_VCPU_PSCI_0_2))
		return ARM_PSCI_0_1;
	return version ?: ARM_PSCI_1_1;
}

int arm_psci_set_version(struct arm_vcpu *v, u64 version)
{
	bool has_0_2 = arm_has_feature(v, KVM_ARM_VCPU_PSCI_0_2);

	switch (version) {
	case ARM_PSCI_0_1:
		if (has_0_2)
			return -EINVAL;
		break;
	case ARM_PSCI_0_2:
	case ARM_PSCI_1_0:
	case ARM_PSCI_1_1:
		if (!has_0_2)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	WRITE_ONCE(arm_vm_of(v)->psci_version, version);
	return 0;
}

/* Argument @n of a call: of the 32-bit functions the lower half counts. */
static u64 arg(const struct arm_vcpu *v, u32 fn, unsigned int n)
{
	u64 val = arm_get_reg(v, n);

	return FN_64BIT(fn) ? val : (u32)val;
}

static bool valid_affinity(u64 affinity)
{
	return !(affinity & ~MPIDR_HWID_BITMASK);
}

static u64 cpu_on(struct arm_vcpu *v, u64 affinity, u64 pc, u64 context)
{
	bool be = arm_read_sys(v, ARM_SCTLR_EL1) & SCTLR_ELx_EE;
	struct arm_vcpu *target;

	if (!valid_affinity(affinity))
		return PSCI_RET_INVALID_PARAMS;
	target = arm_vcpu_by_mpidr(arm_vm_of(v), affinity);
	if (!target)
		return PSCI_RET_INVALID_PARAMS;
	if (arm_power_on(target, pc, context, be))
		return PSCI_RET_SUCCESS;
	return arm_psci_version(v) == ARM_PSCI_0_1 ? PSCI_RET_INVALID_PARAMS : PSCI_RET_ALREADY_ON;
}

/* Is any CPU of an affinity level on? */
static u64 affinity_info(struct arm_vcpu *v, u64 affinity, u64 level)
{
	struct keel_vcpu *vcpu;
	bool found = false;
	unsigned long i;
	u64 mask;

	if (!valid_affinity(affinity) || level > 3)
		return PSCI_RET_INVALID_PARAMS;
	mask = ~(BIT_ULL(MPIDR_LEVEL_SHIFT(level)) - 1) & MPIDR_HWID_BITMASK;
	keel_for_each_vcpu(i, vcpu, v->core.vm) {
		struct arm_vcpu *other = to_arm_vcpu(vcpu);

		if ((arm_mpidr_aff(other) ^ affinity) & mask)
			continue;
		found = true;
		if (READ_ONCE(other->core.mp_state) != KVM_MP_STATE_STOPPED)
			return PSCI_0_2_AFFINITY_LEVEL_ON;
	}
	return found ? PSCI_0_2_AFFINITY_LEVEL_OFF : PSCI_RET_INVALID_PARAMS;
}

/*
 * The machine goes off or starts anew: no vCPU runs on, and user space does the rest. Should it let this
 * one run nevertheless, the call has failed.
 */
static int system_end(struct arm_vcpu *v, u32 type, u64 flags)
{
	struct keel_vcpu *vcpu;
	unsigned long i;

	keel_for_each_vcpu(i, vcpu, v->core.vm)
		arm_power_off(to_arm_vcpu(vcpu));
	arm_system_event(v, type, flags);
	arm_set_reg(v, 0, PSCI_RET_INTERNAL_FAILURE);
	return 0;
}

static int system_reset2(struct arm_vcpu *v, u32 type, u64 *ret)
{
	/* Architectural resets other than the warm one are reserved. */
	if (type && type < PSCI_1_1_RESET_TYPE_VENDOR_START) {
		*ret = PSCI_RET_INVALID_PARAMS;
		return 1;
	}
	return system_end(v, KVM_SYSTEM_EVENT_RESET, KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2);
}

static bool has_system_suspend(const struct arm_vcpu *v)
{
	return test_bit(ARM_VM_SYSTEM_SUSPEND, &to_arm_vm(v->core.vm)->flags);
}

static u64 features(const struct arm_vcpu *v, u32 fn)
{
	switch (fn) {
	case PSCI_0_2_FN_PSCI_VERSION:
	case PSCI_0_2_FN_CPU_SUSPEND:
	case PSCI_0_2_FN64_CPU_SUSPEND:
	case PSCI_0_2_FN_CPU_OFF:
	case PSCI_0_2_FN_CPU_ON:
	case PSCI_0_2_FN64_CPU_ON:
	case PSCI_0_2_FN_AFFINITY_INFO:
	case PSCI_0_2_FN64_AFFINITY_INFO:
	case PSCI_0_2_FN_MIGRATE_INFO_TYPE:
	case PSCI_0_2_FN_SYSTEM_OFF:
	case PSCI_0_2_FN_SYSTEM_RESET:
	case PSCI_1_0_FN_PSCI_FEATURES:
	case ARM_SMCCC_VERSION_FUNC_ID:
		return 0;
	case PSCI_1_0_FN_SYSTEM_SUSPEND:
	case PSCI_1_0_FN64_SYSTEM_SUSPEND:
		return has_system_suspend(v) ? 0 : PSCI_RET_NOT_SUPPORTED;
	case PSCI_1_1_FN_SYSTEM_RESET2:
	case PSCI_1_1_FN64_SYSTEM_RESET2:
		return arm_psci_version(v) >= ARM_PSCI_1_1 ? 0 : PSCI_RET_NOT_SUPPORTED;
	default:
		return PSCI_RET_NOT_SUPPORTED;
	}
}

static int call_0_1(struct arm_vcpu *v, u32 fn, u64 *ret)
{
	switch (fn) {
	case KVM_PSCI_FN_CPU_OFF:
		arm_power_off(v);
		*ret = PSCI_RET_SUCCESS;
		break;
	case KVM_PSCI_FN_CPU_ON:
		*ret = cpu_on(v, arm_get_reg(v, 1), arm_get_reg(v, 2), arm_get_reg(v, 3));
		break;
	}
	return 1;
}

static int call_1_x(struct arm_vcpu *v, u32 fn, u64 *ret)
{
	switch (fn) {
	case PSCI_1_0_FN_PSCI_FEATURES:
		*ret = features(v, arg(v, fn, 1));
		return 1;
	case PSCI_1_0_FN_SYSTEM_SUSPEND:
	case PSCI_1_0_FN64_SYSTEM_SUSPEND:
		/* User space carries it out, or refuses it by writing x0. */
		if (!has_system_suspend(v))
			return 1;
		arm_system_event(v, KVM_SYSTEM_EVENT_SUSPEND, 0);
		v->core.run->system_event.ndata = 0;
		return 0;
	case PSCI_1_1_FN_SYSTEM_RESET2:
	case PSCI_1_1_FN64_SYSTEM_RESET2:
		if (arm_psci_version(v) >= ARM_PSCI_1_1)
			return system_reset2(v, arm_get_reg(v, 1), ret);
		return 1;
	default:
		return 1;
	}
}

int arm_psci_call(struct arm_vcpu *v, u32 fn, u64 *ret)
{
	u32 version = arm_psci_version(v);

	*ret = PSCI_RET_NOT_SUPPORTED;
	if (version == ARM_PSCI_0_1)
		return call_0_1(v, fn, ret);
	switch (fn) {
	case PSCI_0_2_FN_PSCI_VERSION:
		*ret = version;
		break;
	case PSCI_0_2_FN_CPU_SUSPEND:
	case PSCI_0_2_FN64_CPU_SUSPEND:
		/* Every state is a standby state (DEN0022 5.1.2 allows that): WFI. */
		arm_halt(v, ~0ull);
		*ret = PSCI_RET_SUCCESS;
		break;
	case PSCI_0_2_FN_CPU_OFF:
		arm_power_off(v);
		*ret = PSCI_RET_SUCCESS;
		break;
	case PSCI_0_2_FN_CPU_ON:
	case PSCI_0_2_FN64_CPU_ON:
		*ret = cpu_on(v, arg(v, fn, 1), arg(v, fn, 2), arg(v, fn, 3));
		break;
	case PSCI_0_2_FN_AFFINITY_INFO:
	case PSCI_0_2_FN64_AFFINITY_INFO:
		*ret = affinity_info(v, arg(v, fn, 1), arg(v, fn, 2));
		break;
	case PSCI_0_2_FN_MIGRATE_INFO_TYPE:
		*ret = PSCI_0_2_TOS_MP;		/* no Trusted OS, so none that had to migrate */
		break;
	case PSCI_0_2_FN_SYSTEM_OFF:
		return system_end(v, KVM_SYSTEM_EVENT_SHUTDOWN, 0);
	case PSCI_0_2_FN_SYSTEM_RESET:
		return system_end(v, KVM_SYSTEM_EVENT_RESET, 0);
	default:
		if (version >= ARM_PSCI_1_0)
			return call_1_x(v, fn, ret);
	}
	return 1;
}
