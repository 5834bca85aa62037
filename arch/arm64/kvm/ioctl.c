// SPDX-License-Identifier: GPL-2.0-only
/* arm64's ioctls, beyond those that every architecture has: who serves which. */
#include "arm.h"

static const struct keel_ioctl vm_rows[] = {
	{ KVM_CREATE_IRQCHIP, .vm = vgic_create_irqchip },
	{ KVM_IRQ_LINE, .vm = vgic_irq_line },
	{ KVM_IRQ_LINE_STATUS, .vm = vgic_irq_line },
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
