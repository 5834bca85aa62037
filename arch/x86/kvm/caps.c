// SPDX-License-Identifier: GPL-2.0-only
/* x86's capabilities: what KVM_CHECK_EXTENSION answers and KVM_ENABLE_CAP turns on. */
#include <uapi/linux/kvm_para.h>
#include <asm/fpu/api.h>
#include "cpuid.h"
#include "ioctl.h"
#include "irqchip.h"
#include "x86.h"

#define QUIRKS (KVM_X86_QUIRK_LINT0_REENABLED | KVM_X86_QUIRK_CD_NW_CLEARED |			\
		KVM_X86_QUIRK_LAPIC_MMIO_HOLE | KVM_X86_QUIRK_OUT_7E_INC_RIP |			\
		KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT | KVM_X86_QUIRK_FIX_HYPERCALL_INSN |		\
		KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)
#define X2APIC_FLAGS (KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
#define HYPERCALL_EXITS BIT_ULL(KVM_HC_MAP_GPA_RANGE)
#define MSR_EXITS (KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN |			\
		   KVM_MSR_EXIT_REASON_FILTER)

static int cap_tsc_control(struct keel_vm *vm)
{
	return x86_backend.has_tsc_control;
}

static int cap_xsave2(struct keel_vm *vm)
{
	/* Enough for every feature that a guest can be given. */
	return max_t(int, x86_cpuid_xsave_size(x86_supported_xcr0, false), sizeof(struct kvm_xsave));
}

static int cap_xcrs(struct keel_vm *vm)
{
	return x86_cpu_supports(X86_FEATURE_XSAVE);
}

static int cap_disable_exits(struct keel_vm *vm)
{
	int r = KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE;

	if (boot_cpu_has(X86_FEATURE_MWAIT))
		r |= KVM_X86_DISABLE_EXITS_MWAIT;
	return r;
}

/* --- KVM_ENABLE_CAP -------------------------------------------------------------------------------- */

#define SETTING(field_) .setting = offsetof(struct x86_vm, field_)

/* The old call takes anything. */
static int disable_quirks(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	to_x86_vm(vm)->quirks_off = cap->args[0] & QUIRKS;
	return 0;
}

static int disable_exits(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	if (cap->args[0] & ~(u64)cap_disable_exits(NULL))
		return -EINVAL;
	to_x86_vm(vm)->disabled_exits |= cap->args[0];
	keel_request_all(vm, X86_REQ_INTERCEPTS, false);
	return 0;
}

static int set_x2apic_api(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	if (cap->args[0] & KVM_X2APIC_API_USE_32BIT_IDS)
		to_x86_vm(vm)->x2apic_ids = true;
	if (cap->args[0] & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
		to_x86_vm(vm)->x2apic_no_bcast = true;
	return 0;
}

#ifdef KVM_CAP_X86_APIC_BUS_CYCLES_NS
static int set_apic_bus(struct keel_vm *core, const struct kvm_enable_cap *cap)
{
	struct x86_vm *vm = to_x86_vm(core);
	u64 ns = cap->args[0];

	/* The timer's longest period must not overflow: 32-bit count, divided by up to 128. */
	if (!ns || ns > U64_MAX / U32_MAX / 128 || ns > U32_MAX)
		return -EINVAL;
	if (!x86_irqchip_in_kernel(vm))
		return -ENXIO;
	if (core->created_vcpus)
		return -EINVAL;
	vm->apic_bus_cycle_ns = ns;
	return 0;
}
#endif

static int enforce_pv_cpuid(struct keel_vcpu *vcpu, const struct kvm_enable_cap *cap)
{
	to_x86(vcpu)->enforce_pv_cpuid = cap->args[0];
	return 0;
}

/* --- attributes of /dev/kvm ------------------------------------------------------------------------- */

/* What a VMM must ask the host kernel for before a guest may use it (AMX): nothing that Keel has is of that kind. */
long x86_dev_has_attr(void *data)
{
	const struct kvm_device_attr *attr = data;

	if (attr->flags)
		return -EINVAL;
	return attr->group || attr->attr != KVM_X86_XCOMP_GUEST_SUPP ? -ENXIO : 0;
}

long x86_dev_get_attr(void *data)
{
	const struct kvm_device_attr *attr = data;

	return x86_dev_has_attr(data) ?: put_user(x86_supported_xcr0, (u64 __user *)u64_to_user_ptr(attr->addr));
}

/* --- the table -------------------------------------------------------------------------------------- */

const struct keel_cap x86_caps[] = {
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_HLT, 1 },
	{ KVM_CAP_MMU_SHADOW_CACHE_CONTROL, 1 },
	{ KVM_CAP_SYS_ATTRIBUTES, 1 },
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_EXT_EMUL_CPUID, 1 },
	{ KVM_CAP_VAPIC, 1 },
	{ KVM_CAP_ENABLE_CAP, 1 },
	{ KVM_CAP_CLOCKSOURCE, 1 },
	{ KVM_CAP_NOP_IO_DELAY, 1 },
	{ KVM_CAP_PIT, 1 },
	{ KVM_CAP_PIT2, 1 },
	{ KVM_CAP_PIT_STATE2, 1 },
	{ KVM_CAP_REINJECT_CONTROL, 1 },
	{ KVM_CAP_USER_NMI, 1 },
	{ KVM_CAP_IRQ_INJECT_STATUS, 1 },
	{ KVM_CAP_MCE, 32 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ KVM_CAP_ADJUST_CLOCK, KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_EXCEPTION_PAYLOAD, 1, SETTING(exception_payload) },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1, SETTING(triple_fault_event) },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_X86_ROBUST_SINGLESTEP, 1 },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_XSAVE2, .get = cap_xsave2 },
	{ KVM_CAP_XCRS, .get = cap_xcrs },
	{ KVM_CAP_ASYNC_PF, 1 },
	{ KVM_CAP_ASYNC_PF_INT, 1 },
	{ KVM_CAP_GET_TSC_KHZ, 1 },
	{ KVM_CAP_TSC_CONTROL, .get = cap_tsc_control },
	{ KVM_CAP_VM_TSC_CONTROL, .get = cap_tsc_control },
	{ KVM_CAP_TSC_DEADLINE_TIMER, 1 },
	{ KVM_CAP_KVMCLOCK_CTRL, 1 },
	{ KVM_CAP_SPLIT_IRQCHIP, 1, .valid = U32_MAX, .enable = x86_enable_split },
	{ KVM_CAP_X2APIC_API, X2APIC_FLAGS, .valid = X2APIC_FLAGS, .enable = set_x2apic_api },
	{ KVM_CAP_DISABLE_QUIRKS, 1, .enable = disable_quirks },
	{ KVM_CAP_DISABLE_QUIRKS2, QUIRKS, .valid = QUIRKS, SETTING(quirks_off) },
	{ KVM_CAP_X86_DISABLE_EXITS, .get = cap_disable_exits, .enable = disable_exits },
	{ KVM_CAP_GET_MSR_FEATURES, 1 },
	{ KVM_CAP_MSR_PLATFORM_INFO, 1, SETTING(user_cpuid_fault_ok) },
	{ KVM_CAP_X86_USER_SPACE_MSR, MSR_EXITS, .valid = MSR_EXITS, SETTING(user_msr_mask) },
	{ KVM_CAP_X86_MSR_FILTER, 1 },
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1, .vcpu_enable = enforce_pv_cpuid },
	{ KVM_CAP_SREGS2, 1 },
	{ KVM_CAP_EXIT_HYPERCALL, HYPERCALL_EXITS, .valid = HYPERCALL_EXITS,
	  SETTING(hypercall_exits) },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1, .valid = 1, SETTING(exit_on_emul_error) },
	{ KVM_CAP_STEAL_TIME, 1 },
#ifdef KVM_CAP_X86_APIC_BUS_CYCLES_NS
	{ KVM_CAP_X86_APIC_BUS_CYCLES_NS, 1, .enable = set_apic_bus },
#endif
#ifdef KVM_CAP_VM_TYPES
	{ KVM_CAP_VM_TYPES, BIT(KVM_X86_DEFAULT_VM) },
#endif
};

const unsigned int x86_nr_caps = ARRAY_SIZE(x86_caps);
