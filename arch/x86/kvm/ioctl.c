// SPDX-License-Identifier: GPL-2.0-only
/* x86's ioctls, beyond those that every architecture has: who serves which. */
#include "cpuid.h"
#include "irqchip.h"
#include "ioctl.h"

#define CPUID_LIST(flags_) .flags = (flags_), .max = X86_MAX_CPUID_ENTRIES,	\
	.entry = sizeof(struct kvm_cpuid_entry2)
#define MSR_LIST .max = X86_MAX_IO_MSRS, .entry = sizeof(struct kvm_msr_entry)
#define INDEX_LIST .flags = KEEL_IOCTL_FILL | KEEL_IOCTL_COUNT, .max = 1024, .entry = sizeof(u32)

static const struct keel_ioctl dev_rows[] = {
	{ KVM_GET_SUPPORTED_CPUID, CPUID_LIST(KEEL_IOCTL_FILL), .dev = x86_get_supported_cpuid },
	/* Its entries come in, too: their padding must be clean. */
	{ KVM_GET_EMULATED_CPUID, CPUID_LIST(KEEL_IOCTL_FILL | KEEL_IOCTL_IN),
	  .dev = x86_get_emulated_cpuid },
	{ KVM_GET_MSR_INDEX_LIST, INDEX_LIST, .dev = x86_get_msr_list },
	{ KVM_GET_MSR_FEATURE_INDEX_LIST, INDEX_LIST, .dev = x86_get_feature_msr_list },
	{ KVM_GET_MSRS, MSR_LIST, .dev = x86_get_feature_msrs },
	{ KVM_X86_GET_MCE_CAP_SUPPORTED, .dev = x86_get_mce_cap },
	{ KVM_GET_DEVICE_ATTR, .dev = x86_dev_get_attr },
	{ KVM_HAS_DEVICE_ATTR, .dev = x86_dev_has_attr },
};

static const struct keel_ioctl vm_rows[] = {
	{ KVM_SET_TSS_ADDR, .vm = x86_set_tss_addr },
	{ KVM_SET_IDENTITY_MAP_ADDR, .vm = x86_set_identity_map },
	{ KVM_SET_BOOT_CPU_ID, .vm = x86_set_boot_cpu },
	{ KVM_SET_NR_MMU_PAGES, .vm = x86_set_nr_mmu_pages },
	{ KVM_X86_SET_MSR_FILTER, .vm = x86_set_msr_filter },
	{ KVM_CREATE_IRQCHIP, .vm = x86_create_irqchip },
	{ KVM_GET_IRQCHIP, .vm = x86_get_irqchip },
	{ KVM_SET_IRQCHIP, KEEL_IOCTL_IN, .vm = x86_set_irqchip },
	{ KVM_CREATE_PIT, .vm = x86_create_pit },
	{ KVM_CREATE_PIT2, .vm = x86_create_pit2 },
	{ KVM_GET_PIT, .vm = x86_get_pit },
	{ KVM_SET_PIT, KEEL_IOCTL_IN, .vm = x86_set_pit },
	{ KVM_GET_PIT2, .vm = x86_get_pit2 },
	{ KVM_SET_PIT2, .vm = x86_set_pit2 },
	{ KVM_REINJECT_CONTROL, .vm = x86_reinject_control },
	{ KVM_GET_CLOCK, .vm = x86_get_clock },
	{ KVM_SET_CLOCK, .vm = x86_set_clock },
	{ KVM_GET_TSC_KHZ, .vm = x86_vm_get_tsc_khz },
	{ KVM_SET_TSC_KHZ, .vm = x86_vm_set_tsc_khz },
};

static const struct keel_ioctl vcpu_rows[] = {
	{ KVM_GET_REGS, .vcpu = x86_get_regs },
	{ KVM_SET_REGS, .vcpu = x86_set_regs },
	{ KVM_GET_SREGS, .vcpu = x86_get_sregs },
	{ KVM_SET_SREGS, .vcpu = x86_set_sregs },
	{ KVM_GET_SREGS2, .vcpu = x86_get_sregs2 },
	{ KVM_SET_SREGS2, .vcpu = x86_set_sregs2 },
	{ KVM_GET_DEBUGREGS, .vcpu = x86_get_debugregs },
	{ KVM_SET_DEBUGREGS, .vcpu = x86_set_debugregs },
	{ KVM_GET_VCPU_EVENTS, .vcpu = x86_get_vcpu_events },
	{ KVM_SET_VCPU_EVENTS, .vcpu = x86_set_vcpu_events },
	{ KVM_GET_FPU, .vcpu = x86_get_fpu },
	{ KVM_SET_FPU, .vcpu = x86_set_fpu },
	{ KVM_GET_XSAVE, KEEL_IOCTL_VALUE, .vcpu = x86_get_xsave },
	{ KVM_GET_XSAVE2, KEEL_IOCTL_VALUE, .vcpu = x86_get_xsave2 },
	{ KVM_SET_XSAVE, KEEL_IOCTL_VALUE, .vcpu = x86_set_xsave },
	{ KVM_GET_XCRS, .vcpu = x86_get_xcrs },
	{ KVM_SET_XCRS, .vcpu = x86_set_xcrs },
	{ KVM_GET_MSRS, MSR_LIST, .vcpu = x86_get_msrs },
	{ KVM_SET_MSRS, MSR_LIST, .vcpu = x86_set_msrs },
	{ KVM_X86_SETUP_MCE, .vcpu = x86_setup_mce },
	{ KVM_X86_SET_MCE, .vcpu = x86_set_mce },
	{ KVM_SET_CPUID, .max = X86_MAX_CPUID_ENTRIES, .entry = sizeof(struct kvm_cpuid_entry),
	  .vcpu = x86_set_cpuid },
	{ KVM_SET_CPUID2, CPUID_LIST(0), .vcpu = x86_set_cpuid2 },
	{ KVM_GET_CPUID2, CPUID_LIST(KEEL_IOCTL_FILL), .vcpu = x86_get_cpuid2 },
	{ KVM_GET_LAPIC, .vcpu = x86_get_lapic },
	{ KVM_SET_LAPIC, .vcpu = x86_set_lapic },
	{ KVM_SET_VAPIC_ADDR, .vcpu = x86_set_vapic },
	{ KVM_TPR_ACCESS_REPORTING, .vcpu = x86_set_tpr_reporting },
	{ KVM_INTERRUPT, .vcpu = x86_interrupt },
	{ KVM_NMI, KEEL_IOCTL_ASYNC, .vcpu = x86_nmi },
	{ KVM_GET_TSC_KHZ, .vcpu = x86_get_tsc_khz },
	{ KVM_SET_TSC_KHZ, .vcpu = x86_set_tsc_khz },
	{ KVM_KVMCLOCK_CTRL, .vcpu = x86_kvmclock_ctrl },
};

const struct keel_ioctl_table x86_dev_ioctls = KEEL_IOCTL_TABLE(dev_rows);
const struct keel_ioctl_table x86_vm_ioctls = KEEL_IOCTL_TABLE(vm_rows);
const struct keel_ioctl_table x86_vcpu_ioctls = KEEL_IOCTL_TABLE(vcpu_rows);

const struct keel_sync_reg x86_sync_regs[] = {
	KEEL_SYNC_REG(KVM_SYNC_X86_REGS, regs, x86_get_regs, x86_set_regs),
	KEEL_SYNC_REG(KVM_SYNC_X86_SREGS, sregs, x86_get_sregs, x86_set_sregs),
	KEEL_SYNC_REG(KVM_SYNC_X86_EVENTS, events, x86_get_vcpu_events, x86_set_vcpu_events),
};

const unsigned int x86_nr_sync_regs = ARRAY_SIZE(x86_sync_regs);
