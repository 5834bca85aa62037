// SPDX-License-Identifier: GPL-2.0-only
/* x86's capabilities: what KVM_CHECK_EXTENSION answers and KVM_ENABLE_CAP turns on. */
#include <uapi/linux/kvm_para.h>
#include <asm/fpu/api.h>
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
	return max_t(int, x86_xstate_size(x86_supported_xcr0), sizeof(struct kvm_xsave));
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

/* Stores are ordered here: the ring without acquire and release works as well. */
static int cap_ring(struct keel_vm *vm)
{
	return keel_dirty_ring_max();
}

const struct keel_cap x86_caps[] = {
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_HLT, 1 },
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
	{ KVM_CAP_MP_STATE, 1 },
	{ KVM_CAP_USER_NMI, 1 },
	{ KVM_CAP_IRQ_INJECT_STATUS, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG2, .get = x86_guestdbg_cap },
	{ KVM_CAP_MCE, 32 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ KVM_CAP_ADJUST_CLOCK, KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_EXCEPTION_PAYLOAD, 1 },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1 },
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
	{ KVM_CAP_VCPU_ATTRIBUTES, 1 },
	{ KVM_CAP_SPLIT_IRQCHIP, 1 },
	{ KVM_CAP_X2APIC_API, X2APIC_FLAGS },
	{ KVM_CAP_DISABLE_QUIRKS, 1 },
	{ KVM_CAP_DISABLE_QUIRKS2, QUIRKS },
	{ KVM_CAP_X86_DISABLE_EXITS, .get = cap_disable_exits },
	{ KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS },
	{ KVM_CAP_GET_MSR_FEATURES, 1 },
	{ KVM_CAP_MSR_PLATFORM_INFO, 1 },
	{ KVM_CAP_X86_USER_SPACE_MSR, MSR_EXITS },
	{ KVM_CAP_X86_MSR_FILTER, 1 },
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1 },
	{ KVM_CAP_SREGS2, 1 },
	{ KVM_CAP_EXIT_HYPERCALL, HYPERCALL_EXITS },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1 },
	{ KVM_CAP_STEAL_TIME, 1 },
	{ KVM_CAP_DIRTY_LOG_RING, .get = cap_ring },
#ifdef KVM_CAP_X86_APIC_BUS_CYCLES_NS
	{ KVM_CAP_X86_APIC_BUS_CYCLES_NS, 1 },
#endif
#ifdef KVM_CAP_VM_TYPES
	{ KVM_CAP_VM_TYPES, BIT(KVM_X86_DEFAULT_VM) },
#endif
};

const unsigned int x86_nr_caps = ARRAY_SIZE(x86_caps);

/* --- KVM_ENABLE_CAP -------------------------------------------------------------------------------- */

static int disable_exits(struct x86_vm *vm, u64 exits)
{
	if (exits & ~(u64)cap_disable_exits(NULL))
		return -EINVAL;
	if (vm->core.created_vcpus)
		return -EINVAL;
	vm->disabled_exits |= exits;
	return 0;
}

static int set_x2apic_api(struct x86_vm *vm, u64 flags)
{
	if (flags & ~X2APIC_FLAGS)
		return -EINVAL;
	if (flags & KVM_X2APIC_API_USE_32BIT_IDS)
		vm->x2apic_ids = true;
	if (flags & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
		vm->x2apic_no_bcast = true;
	return 0;
}

static int set_max_vcpu_id(struct x86_vm *vm, u64 ids)
{
	if (!ids || ids > keel_ops.max_vcpu_ids || vm->core.created_vcpus)
		return -EINVAL;
	/* Once set, it stays; the same value again is fine. */
	if (vm->max_ids_set && vm->core.max_vcpu_ids != ids)
		return -EINVAL;
	vm->core.max_vcpu_ids = ids;
	vm->max_ids_set = true;
	return 0;
}

#ifdef KVM_CAP_X86_APIC_BUS_CYCLES_NS
static int set_apic_bus(struct x86_vm *vm, u64 ns)
{
	/* The timer's longest period must not overflow: 32-bit count, divided by up to 128. */
	if (!ns || ns > U64_MAX / U32_MAX / 128 || ns > U32_MAX)
		return -EINVAL;
	if (!x86_irqchip_in_kernel(vm))
		return -ENXIO;
	if (vm->core.created_vcpus)
		return -EINVAL;
	vm->apic_bus_cycle_ns = ns;
	return 0;
}
#endif

int x86_vm_enable_cap(struct keel_vm *core, const struct kvm_enable_cap *cap)
{
	struct x86_vm *vm = to_x86_vm(core);
	u64 arg = cap->args[0];

	if (cap->flags)
		return -EINVAL;
	switch (cap->cap) {
	case KVM_CAP_DISABLE_QUIRKS2:
		if (arg & ~QUIRKS)
			return -EINVAL;
		vm->quirks_off = arg;
		return 0;
	case KVM_CAP_DISABLE_QUIRKS:
		vm->quirks_off = arg & QUIRKS;	/* the old call takes anything */
		return 0;
	case KVM_CAP_SPLIT_IRQCHIP:
		return arg == (u32)arg ? x86_enable_split(vm, arg) : -EINVAL;
	case KVM_CAP_X2APIC_API:
		return set_x2apic_api(vm, arg);
	case KVM_CAP_X86_DISABLE_EXITS:
		return disable_exits(vm, arg);
	case KVM_CAP_MSR_PLATFORM_INFO:
		vm->user_cpuid_fault_ok = arg;
		return 0;
	case KVM_CAP_EXCEPTION_PAYLOAD:
		vm->exception_payload = arg;
		return 0;
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
		vm->triple_fault_event = arg;
		return 0;
	case KVM_CAP_X86_USER_SPACE_MSR:
		if (arg & ~(u64)MSR_EXITS)
			return -EINVAL;
		vm->user_msr_mask = arg;
		return 0;
	case KVM_CAP_EXIT_HYPERCALL:
		if (arg & ~HYPERCALL_EXITS)
			return -EINVAL;
		vm->hypercall_exits = arg;
		return 0;
	case KVM_CAP_EXIT_ON_EMULATION_FAILURE:
		if (arg & ~1ull)
			return -EINVAL;
		vm->exit_on_emul_error = arg;
		return 0;
	case KVM_CAP_MAX_VCPU_ID:
		return set_max_vcpu_id(vm, arg);
#ifdef KVM_CAP_X86_APIC_BUS_CYCLES_NS
	case KVM_CAP_X86_APIC_BUS_CYCLES_NS:
		return set_apic_bus(vm, arg);
#endif
	default:
		return -EINVAL;
	}
}

int x86_vcpu_enable_cap(struct keel_vcpu *vcpu, const struct kvm_enable_cap *cap)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (cap->flags || cap->cap != KVM_CAP_ENFORCE_PV_FEATURE_CPUID)
		return -EINVAL;
	v->enforce_pv_cpuid = cap->args[0];
	return 0;
}
