// SPDX-License-Identifier: GPL-2.0-only
/* arm64's ioctls, beyond those that every architecture has: who serves which. */
#include "arm.h"

static const struct keel_ioctl vm_rows[] = {
	{ KVM_CREATE_IRQCHIP, .vm = vgic_create_irqchip },
	{ KVM_IRQ_LINE, .vm = vgic_irq_line },
	{ KVM_IRQ_LINE_STATUS, .vm = vgic_irq_line },
#ifdef KVM_ARM_SET_COUNTER_OFFSET
	{ KVM_ARM_SET_COUNTER_OFFSET, .vm = arm_set_counter_offset },
#endif
	{ KVM_ARM_PREFERRED_TARGET, .vm = arm_preferred_target },
#ifdef KVM_ARM_GET_REG_WRITABLE_MASKS
	{ KVM_ARM_GET_REG_WRITABLE_MASKS, KEEL_IOCTL_IN, .vm = arm_writable_masks },
#endif
};

static const struct keel_ioctl vcpu_rows[] = {
	{ KVM_ARM_VCPU_INIT, .vcpu = arm_vcpu_init },
	{ KVM_ARM_VCPU_FINALIZE, .vcpu = arm_vcpu_finalize },
	{ KVM_GET_ONE_REG, .vcpu = arm_get_one_reg },
	{ KVM_SET_ONE_REG, .vcpu = arm_set_one_reg },
	{ KVM_GET_REG_LIST, KEEL_IOCTL_VALUE, .vcpu = arm_get_reg_list },
	{ KVM_GET_VCPU_EVENTS, .vcpu = arm_get_events },
	{ KVM_SET_VCPU_EVENTS, .vcpu = arm_set_events },
};

const struct keel_ioctl_table arm_vm_ioctls = KEEL_IOCTL_TABLE(vm_rows);
const struct keel_ioctl_table arm_vcpu_ioctls = KEEL_IOCTL_TABLE(vcpu_rows);

const struct keel_vm_attr arm_vm_attrs[] = {
#ifdef KVM_ARM_VM_SMCCC_CTRL
	{ KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER, .set = arm_smccc_set_filter },
#endif
};
const unsigned int arm_nr_vm_attrs = ARRAY_SIZE(arm_vm_attrs);

const struct keel_vcpu_attr arm_vcpu_attrs[] = {
	{ KVM_ARM_VCPU_TIMER_CTRL, sizeof(u32), KVM_ARM_VCPU_TIMER_IRQ_VTIMER,
	  .set = arm_timer_set_vppi, .get = arm_timer_get_vppi },
	{ KVM_ARM_VCPU_TIMER_CTRL, sizeof(u32), KVM_ARM_VCPU_TIMER_IRQ_PTIMER,
	  .set = arm_timer_set_pppi, .get = arm_timer_get_pppi },
	{ KVM_ARM_VCPU_PVTIME_CTRL, sizeof(u64), KVM_ARM_VCPU_PVTIME_IPA, arm_pvtime_visible,
	  arm_pvtime_set_ipa, arm_pvtime_get_ipa },
};
const unsigned int arm_nr_vcpu_attrs = ARRAY_SIZE(arm_vcpu_attrs);
