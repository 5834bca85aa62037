// SPDX-License-Identifier: GPL-2.0-only
/* arm64's capabilities: what KVM_CHECK_EXTENSION answers and KVM_ENABLE_CAP turns on. */
#include <linux/sched/stat.h>
#include <asm/cpufeature.h>
#include "arm.h"

static int cap_irqchip(struct keel_vm *vm)
{
	return vgic_supported();
}

static int cap_steal_time(struct keel_vm *vm)
{
	return sched_info_on();
}

static int cap_ipa(struct keel_vm *vm)
{
	return arm_ipa_bits();
}

static int cap_brps(struct keel_vm *vm)
{
	return arm_nr_brps();
}

static int cap_wrps(struct keel_vm *vm)
{
	return arm_nr_wrps();
}

static int cap_serror(struct keel_vm *vm)
{
	return cpus_have_final_cap(ARM64_HAS_RAS_EXTN);
}

static int cap_ptrauth(struct keel_vm *vm)
{
	return arm_has_ptrauth();
}

static int enable_system_suspend(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	set_bit(ARM_VM_SYSTEM_SUSPEND, &to_arm_vm(vm)->flags);
	return 0;
}

static int enable_nisv(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	set_bit(ARM_VM_NISV_TO_USER, &to_arm_vm(vm)->flags);
	return 0;
}

const struct keel_cap arm_caps[] = {
	{ KVM_CAP_IRQCHIP, .get = cap_irqchip },
	{ KVM_CAP_SIGNAL_MSI, 0 },	/* there is no ITS */
	{ KVM_CAP_ARM_IRQ_LINE_LAYOUT_2, 1 },
	{ KVM_CAP_ONE_REG, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_ARM_PSCI, 1 },
	{ KVM_CAP_ARM_PSCI_0_2, 1 },
	{ KVM_CAP_ARM_SYSTEM_SUSPEND, 1, .enable = enable_system_suspend },
	{ KVM_CAP_SYSTEM_EVENT_DATA, 1 },
	{ KVM_CAP_ARM_USER_IRQ, 1 },
	{ KVM_CAP_STEAL_TIME, .get = cap_steal_time },
	{ KVM_CAP_PTP_KVM, 1 },
#ifdef KVM_CAP_COUNTER_OFFSET
	{ KVM_CAP_COUNTER_OFFSET, 1 },
#endif
	{ KVM_CAP_GUEST_DEBUG_HW_BPS, .get = cap_brps },
	{ KVM_CAP_GUEST_DEBUG_HW_WPS, .get = cap_wrps },
	{ KVM_CAP_ARM_VM_IPA_SIZE, .get = cap_ipa },
	{ KVM_CAP_ARM_PTRAUTH_ADDRESS, .get = cap_ptrauth },
	{ KVM_CAP_ARM_PTRAUTH_GENERIC, .get = cap_ptrauth },
	{ KVM_CAP_ARM_INJECT_SERROR_ESR, .get = cap_serror },
	{ KVM_CAP_ARM_INJECT_EXT_DABT, 1 },
	{ KVM_CAP_ARM_NISV_TO_USER, 1, .enable = enable_nisv },
#ifdef KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES
	{ KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES, BIT(0) },
#endif
};

const unsigned int arm_nr_caps = ARRAY_SIZE(arm_caps);
