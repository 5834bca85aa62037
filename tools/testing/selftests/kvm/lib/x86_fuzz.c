// SPDX-License-Identifier: GPL-2.0-only
/* What the fuzzer of ioctls knows of x86. */
#include <linux/kvm.h>
#include <string.h>
#include "fuzz.h"

const struct fuzz_ioctl arch_fuzz_ioctls[] = {
	{ KVM_GET_SUPPORTED_CPUID, FUZZ_SYSTEM }, { KVM_GET_EMULATED_CPUID, FUZZ_SYSTEM },
	{ KVM_GET_MSR_INDEX_LIST, FUZZ_SYSTEM }, { KVM_GET_MSR_FEATURE_INDEX_LIST, FUZZ_SYSTEM },
	{ KVM_GET_MSRS, FUZZ_SYSTEM }, { KVM_X86_GET_MCE_CAP_SUPPORTED, FUZZ_SYSTEM },
	{ KVM_CREATE_IRQCHIP, FUZZ_VM }, { KVM_GET_IRQCHIP, FUZZ_VM }, { KVM_SET_IRQCHIP, FUZZ_VM },
	{ KVM_CREATE_PIT2, FUZZ_VM }, { KVM_GET_PIT2, FUZZ_VM }, { KVM_SET_PIT2, FUZZ_VM },
	{ KVM_REINJECT_CONTROL, FUZZ_VM }, { KVM_GET_CLOCK, FUZZ_VM }, { KVM_SET_CLOCK, FUZZ_VM },
	{ KVM_SET_TSS_ADDR, FUZZ_VM }, { KVM_SET_IDENTITY_MAP_ADDR, FUZZ_VM },
	{ KVM_SET_BOOT_CPU_ID, FUZZ_VM }, { KVM_X86_SET_MSR_FILTER, FUZZ_VM }, { KVM_SET_TSC_KHZ, FUZZ_VM },
	{ KVM_GET_LAPIC, FUZZ_VCPU }, { KVM_SET_LAPIC, FUZZ_VCPU }, { KVM_GET_XSAVE, FUZZ_VCPU },
	{ KVM_SET_XSAVE, FUZZ_VCPU }, { KVM_GET_XCRS, FUZZ_VCPU }, { KVM_SET_XCRS, FUZZ_VCPU },
	{ KVM_GET_DEBUGREGS, FUZZ_VCPU }, { KVM_SET_DEBUGREGS, FUZZ_VCPU },
	{ KVM_GET_VCPU_EVENTS, FUZZ_VCPU }, { KVM_SET_VCPU_EVENTS, FUZZ_VCPU }, { KVM_GET_MSRS, FUZZ_VCPU },
	{ KVM_SET_MSRS, FUZZ_VCPU }, { KVM_SET_CPUID2, FUZZ_VCPU }, { KVM_GET_CPUID2, FUZZ_VCPU },
	{ KVM_INTERRUPT, FUZZ_VCPU }, { KVM_NMI, FUZZ_VCPU }, { KVM_SET_TSC_KHZ, FUZZ_VCPU },
	{ KVM_GET_TSC_KHZ, FUZZ_VCPU }, { KVM_KVMCLOCK_CTRL, FUZZ_VCPU }, { KVM_X86_SETUP_MCE, FUZZ_VCPU },
	{ KVM_X86_SET_MCE, FUZZ_VCPU }, { KVM_GET_SREGS2, FUZZ_VCPU }, { KVM_SET_SREGS2, FUZZ_VCPU },
	{ KVM_SET_VAPIC_ADDR, FUZZ_VCPU }, { KVM_TPR_ACCESS_REPORTING, FUZZ_VCPU },
	{ KVM_SET_DEVICE_ATTR, FUZZ_VCPU }, { KVM_GET_DEVICE_ATTR, FUZZ_VCPU },
	{ KVM_HAS_DEVICE_ATTR, FUZZ_VCPU },
	{ 0 },
};

void arch_fuzz_code(u8 *memory, size_t size)
{
	size_t i;

	/* Port accesses, HLT, a jump back. */
	for (i = 0; i + 8 <= size; i += 8)
		memcpy(memory + i, "\xe6\x80\xe4\x80\xf4\x90\xeb\xf8", 8);
}

void arch_fuzz_vcpu(int vm, int vcpu)
{
}

bool arch_fuzz_argument(unsigned int request, u8 *buffer, u64 *random)
{
	return false;
}
