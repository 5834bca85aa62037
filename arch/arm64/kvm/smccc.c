// SPDX-License-Identifier: GPL-2.0-only
/* A guest's calls to its firmware (SMCCC 1.1, DEN0028): discovery, and who answers. */
#include <linux/arm-smccc.h>
#include <linux/clocksource_ids.h>
#include <linux/ktime.h>
#include "arm.h"

#define OWNER_RANGE(first)	(first), (first) + ARM_SMCCC_FUNC_MASK

/* Which bit of which bitmap of arm_vm.fw_bmap lets a call through: user space may take them away. */
enum { STD, STD_HYP, VENDOR_HYP, ALWAYS };

static const u64 all_features[] = {
	[STD] = BIT_ULL(KVM_REG_ARM_STD_BIT_TRNG_V1_0),
	[STD_HYP] = BIT_ULL(KVM_REG_ARM_STD_HYP_BIT_PV_TIME),
	[VENDOR_HYP] = BIT_ULL(KVM_REG_ARM_VENDOR_HYP_BIT_FUNC_FEAT) |
		       BIT_ULL(KVM_REG_ARM_VENDOR_HYP_BIT_PTP),
};

static bool has_feature(const struct arm_vm *vm, unsigned int map, unsigned int bit)
{
	return READ_ONCE(vm->fw_bmap[map]) & BIT_ULL(bit);
}

static bool permitted(const struct arm_vm *vm, u32 fn)
{
	switch (fn) {
	case ARM_SMCCC_TRNG_VERSION:
	case ARM_SMCCC_TRNG_FEATURES:
	case ARM_SMCCC_TRNG_GET_UUID:
	case ARM_SMCCC_TRNG_RND32:
	case ARM_SMCCC_TRNG_RND64:
		return has_feature(vm, STD, KVM_REG_ARM_STD_BIT_TRNG_V1_0);
	case ARM_SMCCC_HV_PV_TIME_FEATURES:
	case ARM_SMCCC_HV_PV_TIME_ST:
		return has_feature(vm, STD_HYP, KVM_REG_ARM_STD_HYP_BIT_PV_TIME);
	case ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID:
	case ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID:
		return has_feature(vm, VENDOR_HYP, KVM_REG_ARM_VENDOR_HYP_BIT_FUNC_FEAT);
	case ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID:
		return has_feature(vm, VENDOR_HYP, KVM_REG_ARM_VENDOR_HYP_BIT_PTP);
	default:
		return true;
	}
}

/* --- the calls ------------------------------------------------------------------------------- */

static u64 workaround_feature(enum arm_workaround nr)
{
	switch (arm_workaround_state(nr)) {
	case ARM_WORKAROUND_AVAILABLE:
		return SMCCC_RET_SUCCESS;
	case ARM_WORKAROUND_NOT_REQUIRED:
		/* The first and the third say it with a positive number, the second its own way. */
		return nr == ARM_WORKAROUND_2 ? SMCCC_RET_NOT_REQUIRED :
						SMCCC_ARCH_WORKAROUND_RET_UNAFFECTED;
	default:
		return SMCCC_RET_NOT_SUPPORTED;
	}
}

/* SMCCC_ARCH_FEATURES */
static u64 arch_features(struct arm_vcpu *v, u32 fn)
{
	switch (fn) {
	case ARM_SMCCC_VERSION_FUNC_ID:
	case ARM_SMCCC_ARCH_FEATURES_FUNC_ID:
		return SMCCC_RET_SUCCESS;
	case ARM_SMCCC_ARCH_WORKAROUND_1:
		return workaround_feature(ARM_WORKAROUND_1);
	case ARM_SMCCC_ARCH_WORKAROUND_2:
		return workaround_feature(ARM_WORKAROUND_2);
	case ARM_SMCCC_ARCH_WORKAROUND_3:
		return workaround_feature(ARM_WORKAROUND_3);
	case ARM_SMCCC_HV_PV_TIME_FEATURES:
		return permitted(arm_vm_of(v), fn) ? SMCCC_RET_SUCCESS : SMCCC_RET_NOT_SUPPORTED;
	default:
		return SMCCC_RET_NOT_SUPPORTED;
	}
}

/* The exit has done it (workaround.c); where it is not needed, nothing is to be done. */
static u64 workaround(enum arm_workaround nr)
{
	return arm_workaround_state(nr) == ARM_WORKAROUND_UNAVAILABLE ? SMCCC_RET_NOT_SUPPORTED :
									SMCCC_RET_SUCCESS;
}

/* The host's wall clock together with the guest's counter, for the guest's ptp_kvm. */
static void ptp(struct arm_vcpu *v, u64 ret[4])
{
	struct system_time_snapshot snap;
	enum arm_timer_nr nr;
	u64 count;

	ret[0] = SMCCC_RET_NOT_SUPPORTED;
	switch ((u32)arm_get_reg(v, 1)) {
	case KVM_PTP_VIRT_COUNTER:
		nr = ARM_TIMER_VIRT;
		break;
	case KVM_PTP_PHYS_COUNTER:
		nr = ARM_TIMER_PHYS;
		break;
	default:
		return;
	}
	ktime_get_snapshot(&snap);
	if (snap.cs_id != CSID_ARM_ARCH_COUNTER)
		return;		/* the host's time comes from another clock */
	count = snap.cycles - READ_ONCE(arm_vm_of(v)->timer.offset[nr]);
	ret[0] = upper_32_bits(snap.real);
	ret[1] = lower_32_bits(snap.real);
	ret[2] = upper_32_bits(count);
	ret[3] = lower_32_bits(count);
}

/* Return: as arm_smccc_call(). */
static int call(struct arm_vcpu *v, u32 fn, u64 ret[4])
{
	switch (fn) {
	case ARM_SMCCC_VERSION_FUNC_ID:
		ret[0] = ARM_SMCCC_VERSION_1_1;
		break;
	case ARM_SMCCC_ARCH_FEATURES_FUNC_ID:
		ret[0] = arch_features(v, arm_get_reg(v, 1));
		break;
	case ARM_SMCCC_ARCH_WORKAROUND_1:
		ret[0] = workaround(ARM_WORKAROUND_1);
		break;
	case ARM_SMCCC_ARCH_WORKAROUND_2:
		ret[0] = workaround(ARM_WORKAROUND_2);
		break;
	case ARM_SMCCC_ARCH_WORKAROUND_3:
		ret[0] = workaround(ARM_WORKAROUND_3);
		break;
	case ARM_SMCCC_HV_PV_TIME_FEATURES:
		ret[0] = arm_pvtime_features(v, arm_get_reg(v, 1));
		break;
	case ARM_SMCCC_HV_PV_TIME_ST:
		ret[0] = arm_pvtime_st(v);
		break;
	case ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID:
		ret[0] = ARM_SMCCC_VENDOR_HYP_UID_KVM_REG_0;
		ret[1] = ARM_SMCCC_VENDOR_HYP_UID_KVM_REG_1;
		ret[2] = ARM_SMCCC_VENDOR_HYP_UID_KVM_REG_2;
		ret[3] = ARM_SMCCC_VENDOR_HYP_UID_KVM_REG_3;
		break;
	case ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID:
		ret[0] = READ_ONCE(arm_vm_of(v)->fw_bmap[VENDOR_HYP]);
		break;
	case ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID:
		ptp(v, ret);
		break;
	case ARM_SMCCC_TRNG_VERSION:
	case ARM_SMCCC_TRNG_FEATURES:
	case ARM_SMCCC_TRNG_GET_UUID:
	case ARM_SMCCC_TRNG_RND32:
	case ARM_SMCCC_TRNG_RND64:
		arm_trng_call(v, fn, ret);
		break;
	default:
		return arm_psci_call(v, fn, ret);
	}
	return 1;
}

#ifdef KVM_ARM_VM_SMCCC_CTRL
static unsigned int action_of(const struct arm_vm *vm, u32 fn)
{
	void *action;

	if (likely(!vm->smccc.filtered))
		return KVM_SMCCC_FILTER_HANDLE;
	action = mtree_load((struct maple_tree *)&vm->smccc.filter, fn);
	return action ? xa_to_value(action) : KVM_SMCCC_FILTER_HANDLE;
}

#endif

int arm_smccc_call(struct arm_vcpu *v, bool smc)
{
	u64 ret[4] = { SMCCC_RET_NOT_SUPPORTED };
	u32 fn = arm_get_reg(v, 0);
	unsigned int i;
	int r = 1;

#ifdef KVM_ARM_VM_SMCCC_CTRL
	switch (action_of(arm_vm_of(v), fn)) {
	case KVM_SMCCC_FILTER_FWD_TO_USER:
		return keel_hypercall_exit(&v->core, fn, smc ? KVM_HYPERCALL_EXIT_SMC : 0, 0, NULL);
	case KVM_SMCCC_FILTER_DENY:
		goto out;
	}
#endif
	if (permitted(arm_vm_of(v), fn))
		r = call(v, fn, ret);
	if (r <= 0)
		return r;
#ifdef KVM_ARM_VM_SMCCC_CTRL
out:
#endif
	for (i = 0; i < ARRAY_SIZE(ret); i++)
		arm_set_reg(v, i, ret[i]);
	return r;
}

/* --- a VM ------------------------------------------------------------------------------------ */

int arm_smccc_vm_init(struct arm_vm *vm)
{
	memcpy(vm->fw_bmap, all_features, sizeof(vm->fw_bmap));
	mt_init(&vm->smccc.filter);
#ifdef KVM_ARM_VM_SMCCC_CTRL
	/* Arm Architecture Calls, of 32 and of 64 bits, cannot be taken away. */
	if (mtree_insert_range(&vm->smccc.filter, OWNER_RANGE(ARM_SMCCC_VERSION_FUNC_ID),
			       xa_mk_value(KVM_SMCCC_FILTER_HANDLE), GFP_KERNEL_ACCOUNT) ||
	    mtree_insert_range(&vm->smccc.filter,
			       OWNER_RANGE(ARM_SMCCC_VERSION_FUNC_ID | BIT(30)),
			       xa_mk_value(KVM_SMCCC_FILTER_HANDLE), GFP_KERNEL_ACCOUNT)) {
		mtree_destroy(&vm->smccc.filter);
		return -ENOMEM;
	}
#endif
	return 0;
}

void arm_smccc_vm_destroy(struct arm_vm *vm)
{
	mtree_destroy(&vm->smccc.filter);
}

/* --- pseudo registers ------------------------------------------------------------------------ */

static int get_psci_version(struct keel_vcpu *vcpu, const struct keel_reg *reg,
			    struct keel_reg_access *a)
{
	a->val = arm_psci_version(to_arm_vcpu(vcpu));
	return 0;
}

static int set_psci_version(struct keel_vcpu *vcpu, const struct keel_reg *reg,
			    struct keel_reg_access *a)
{
	return arm_psci_set_version(to_arm_vcpu(vcpu), a->val);
}

/* Of the three it is the second whose levels are others. */
static u64 workaround_level(u64 id)
{
	switch (id) {
	case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1:
		return arm_workaround_state(ARM_WORKAROUND_1);
	case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3:
		return arm_workaround_state(ARM_WORKAROUND_3);
	default:
		return arm_workaround_state(ARM_WORKAROUND_2) == ARM_WORKAROUND_NOT_REQUIRED ?
		       KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_REQUIRED :
		       KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_AVAIL;
	}
}

static int get_workaround(struct keel_vcpu *vcpu, const struct keel_reg *reg,
			  struct keel_reg_access *a)
{
	static_assert(ARM_WORKAROUND_UNAVAILABLE == KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_NOT_AVAIL);
	static_assert(ARM_WORKAROUND_AVAILABLE == KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_AVAIL);
	static_assert(ARM_WORKAROUND_NOT_REQUIRED ==
		      KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_NOT_REQUIRED);

	a->val = workaround_level(a->id);
	return 0;
}

/* The host a guest comes from must not have promised more than this one can do. */
static int set_workaround(struct keel_vcpu *vcpu, const struct keel_reg *reg,
			  struct keel_reg_access *a)
{
	return a->val > workaround_level(a->id) ? -EINVAL : 0;
}

/* Levels of the past, when a guest could switch the mitigation itself, count as one of the two of today. */
static int set_workaround_2(struct keel_vcpu *vcpu, const struct keel_reg *reg,
			    struct keel_reg_access *a)
{
	u64 level = a->val & ~(u64)KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_ENABLED;

	if (level != a->val && level != KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_AVAIL)
		return -EINVAL;
	switch (level) {
	case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_AVAIL:
	case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_UNKNOWN:
		return 0;
	case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_AVAIL:
	case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_REQUIRED:
		return workaround_level(a->id) == KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_REQUIRED ?
		       0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static const struct keel_reg fw_rows[] = {
	{ .id = KVM_REG_ARM_PSCI_VERSION, .flags = KEEL_REG_LIST, .get = get_psci_version,
	  .set = set_psci_version },
	{ .id = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, .flags = KEEL_REG_LIST, .get = get_workaround,
	  .set = set_workaround },
	{ .id = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, .flags = KEEL_REG_LIST, .get = get_workaround,
	  .set = set_workaround_2 },
	{ .id = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, .flags = KEEL_REG_LIST, .get = get_workaround,
	  .set = set_workaround },
};

const struct keel_reg_table arm_fw_regs = { fw_rows, ARRAY_SIZE(fw_rows) };

static int get_bmap(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	a->val = to_arm_vm(vcpu->vm)->fw_bmap[a->id - KVM_REG_ARM_STD_BMAP];
	return 0;
}

/* What guests were told stays: but to write what is there is no change. */
static int set_bmap(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	struct arm_vm *vm = to_arm_vm(vcpu->vm);
	unsigned int map = a->id - KVM_REG_ARM_STD_BMAP;
	int r = 0;

	if (a->val & ~all_features[map])
		return -EINVAL;
	mutex_lock(&vm->core.lock);
	if (test_bit(ARM_VM_RAN, &vm->flags) && a->val != vm->fw_bmap[map])
		r = -EBUSY;
	else
		WRITE_ONCE(vm->fw_bmap[map], a->val);
	mutex_unlock(&vm->core.lock);
	return r;
}

static const struct keel_reg bmap_rows[] = {
	{ .id = KVM_REG_ARM_STD_BMAP, .nr = ARRAY_SIZE(all_features), .flags = KEEL_REG_LIST,
	  .get = get_bmap, .set = set_bmap },
};

const struct keel_reg_table arm_fw_bmap_regs = { bmap_rows, ARRAY_SIZE(bmap_rows) };
