/* SPDX-License-Identifier: GPL-2.0-only */
/* Handlers of ioctls, attributes and sync regs, by file; the tables that name them are in ioctl.c. */
#ifndef KEEL_X86_IOCTL_H
#define KEEL_X86_IOCTL_H

#include <keel/device_attr.h>
#include <keel/ioctl.h>
#include <keel/sync_regs.h>

#define X86_MAX_IO_MSRS 255	/* of KVM_GET_MSRS and KVM_SET_MSRS */

/* ioctl.c */
extern const struct keel_ioctl_table x86_dev_ioctls, x86_vm_ioctls, x86_vcpu_ioctls;
extern const struct keel_sync_reg x86_sync_regs[];
extern const unsigned int x86_nr_sync_regs;

/* cpuid_host.c, cpuid.c */
keel_dev_ioctl_fn x86_get_supported_cpuid, x86_get_emulated_cpuid;
keel_vcpu_ioctl_fn x86_set_cpuid, x86_set_cpuid2, x86_get_cpuid2;
/* msr.c, mce.c, msr_filter.c */
keel_dev_ioctl_fn x86_get_msr_list, x86_get_feature_msr_list, x86_get_feature_msrs;
keel_vcpu_ioctl_fn x86_get_msrs, x86_set_msrs;
keel_dev_ioctl_fn x86_get_mce_cap;
keel_vcpu_ioctl_fn x86_setup_mce, x86_set_mce;
keel_vm_ioctl_fn x86_set_msr_filter;
/* vm.c, vcpu.c */
keel_vm_ioctl_fn x86_set_tss_addr, x86_set_identity_map, x86_set_boot_cpu;
keel_vm_ioctl_fn x86_set_nr_mmu_pages;
/* caps.c */
keel_dev_ioctl_fn x86_dev_get_attr, x86_dev_has_attr;
keel_vcpu_ioctl_fn x86_interrupt, x86_nmi;
/* irqchip.c */
keel_vm_ioctl_fn x86_create_irqchip, x86_get_irqchip, x86_set_irqchip;
keel_vm_ioctl_fn x86_create_pit, x86_create_pit2, x86_get_pit, x86_set_pit, x86_get_pit2;
keel_vm_ioctl_fn x86_set_pit2, x86_reinject_control;
/* regs.c, event.c, fpu.c */
keel_vcpu_ioctl_fn x86_get_regs, x86_set_regs, x86_get_sregs, x86_set_sregs;
keel_vcpu_ioctl_fn x86_get_sregs2, x86_set_sregs2, x86_get_debugregs, x86_set_debugregs;
keel_vcpu_ioctl_fn x86_get_vcpu_events, x86_set_vcpu_events;
keel_vcpu_ioctl_fn x86_get_fpu, x86_set_fpu, x86_get_xsave, x86_get_xsave2, x86_set_xsave;
keel_vcpu_ioctl_fn x86_get_xcrs, x86_set_xcrs;
/* lapic_regs.c */
keel_vcpu_ioctl_fn x86_get_lapic, x86_set_lapic, x86_set_vapic, x86_set_tpr_reporting;
/* clock.c */
keel_vm_ioctl_fn x86_get_clock, x86_set_clock, x86_vm_get_tsc_khz, x86_vm_set_tsc_khz;
keel_vcpu_ioctl_fn x86_get_tsc_khz, x86_set_tsc_khz, x86_kvmclock_ctrl;
extern const struct keel_vcpu_attr x86_vcpu_attrs[];
extern const unsigned int x86_nr_vcpu_attrs;

#endif
