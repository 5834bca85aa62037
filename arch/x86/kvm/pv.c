// SPDX-License-Identifier: GPL-2.0-only
/* Paravirtual services: their MSRs, steal time, the PV EOI word, and hypercalls. */
#include <linux/mm.h>
#include <linux/sched/stat.h>
#include <linux/time64.h>
#include <linux/uaccess.h>
#include <uapi/asm/kvm_para.h>
#include <uapi/linux/kvm_para.h>
#include "irqchip.h"
#include "pv.h"
#include "trace.h"

bool x86_pv_has(const struct x86_vcpu *v, unsigned int feature)
{
	return !v->enforce_pv_cpuid || (v->cpuid.pv_features & BIT(feature));
}

/* --- steal time --- */

static const struct keel_steal_layout steal_layout = {
	.len = sizeof(struct kvm_steal_time),
	.stolen = offsetof(struct kvm_steal_time, steal),
	.version = offsetof(struct kvm_steal_time, version),
	.preempted = offsetof(struct kvm_steal_time, preempted),
	.mark = KVM_VCPU_PREEMPTED,
};

/* Other vCPUs leave a TLB flush there instead of sending an IPI to one that does not run. */
void x86_steal_message(struct keel_vcpu *vcpu, u8 message)
{
	if (message & KVM_VCPU_FLUSH_TLB)
		x86_be(flush_guest)(to_x86(vcpu));
}

static int set_steal(struct x86_vcpu *v, u64 val)
{
	if (!sched_info_on() || (val & KVM_STEAL_RESERVED_MASK))
		return 1;
	v->steal_msr = val;
	keel_steal_stop(&v->core);
	if (!(val & KVM_MSR_ENABLED))
		return 0;
	return keel_steal_start(&v->core, val & KVM_STEAL_VALID_BITS, &steal_layout) ? 1 : 0;
}

/* --- PV EOI --- */

bool x86_pv_eoi_enabled(const struct x86_vcpu *v)
{
	return v->pv_eoi_msr & KVM_MSR_ENABLED;
}

/* The word's bit is set: the guest may clear it instead of writing its EOI register. */
void x86_pv_eoi_set(struct x86_vcpu *v)
{
	const u8 set = KVM_PV_EOI_ENABLED;

	v->pv_eoi_told = !keel_gcache_write(&v->core, &v->pv_eoi_area, &set, 0, sizeof(set));
}

/* Return: true, the guest has cleared it: that was its EOI. Either way it is clear now. */
bool x86_pv_eoi_clear(struct x86_vcpu *v)
{
	const u8 clear = KVM_PV_EOI_DISABLED;
	u8 now;

	if (!v->pv_eoi_told)
		return false;
	v->pv_eoi_told = false;
	if (keel_gcache_read(&v->core, &v->pv_eoi_area, &now, 0, sizeof(now)))
		return false;
	if (!(now & KVM_PV_EOI_ENABLED))
		return true;
	keel_gcache_write(&v->core, &v->pv_eoi_area, &clear, 0, sizeof(clear));
	return false;
}

static int set_pv_eoi(struct x86_vcpu *v, u64 val)
{
	u64 gpa = val & ~(u64)KVM_MSR_ENABLED;

	if (!v->lapic)
		return val ? 1 : 0;
	if (!IS_ALIGNED(gpa, 4))
		return 1;
	if ((val & KVM_MSR_ENABLED) &&
	    keel_gcache_init(&v->core, &v->pv_eoi_area, gpa, sizeof(u8)))
		return 1;
	v->pv_eoi_msr = val;
	return 0;
}

/* --- the MSRs --- */

static unsigned int feature_of(u32 index)
{
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_SYSTEM_TIME:
		return KVM_FEATURE_CLOCKSOURCE;
	case MSR_KVM_WALL_CLOCK_NEW:
	case MSR_KVM_SYSTEM_TIME_NEW:
		return KVM_FEATURE_CLOCKSOURCE2;
	case MSR_KVM_ASYNC_PF_EN:
		return KVM_FEATURE_ASYNC_PF;
	case MSR_KVM_STEAL_TIME:
		return KVM_FEATURE_STEAL_TIME;
	case MSR_KVM_PV_EOI_EN:
		return KVM_FEATURE_PV_EOI;
	case MSR_KVM_POLL_CONTROL:
		return KVM_FEATURE_POLL_CONTROL;
	default:
		return KVM_FEATURE_ASYNC_PF_INT;
	}
}

int x86_get_pv_msr(struct x86_vcpu *v, u32 index, u64 *val, bool host)
{
	if (!host && !x86_pv_has(v, feature_of(index)))
		return 1;
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		*val = x86_vm_of(v)->clock.wall_gpa;
		break;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		*val = v->clock_msr;
		break;
	case MSR_KVM_ASYNC_PF_EN:
		*val = v->apf_en_msr;
		break;
	case MSR_KVM_ASYNC_PF_INT:
		*val = v->apf_int_msr;
		break;
	case MSR_KVM_ASYNC_PF_ACK:
		*val = 0;
		break;
	case MSR_KVM_STEAL_TIME:
		*val = v->steal_msr;
		break;
	case MSR_KVM_PV_EOI_EN:
		*val = v->pv_eoi_msr;
		break;
	case MSR_KVM_POLL_CONTROL:
		*val = v->poll_control;
		break;
	default:
		return 1;
	}
	return 0;
}

int x86_set_pv_msr(struct x86_vcpu *v, u32 index, u64 val, bool host)
{
	if (!host && !x86_pv_has(v, feature_of(index)))
		return 1;
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		x86_write_wall_clock(v, val);
		return 0;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		return x86_set_clock_msr(v, val, index == MSR_KVM_SYSTEM_TIME);
	case MSR_KVM_ASYNC_PF_EN:
	case MSR_KVM_ASYNC_PF_INT:
	case MSR_KVM_ASYNC_PF_ACK:
		return x86_set_apf_msr(v, index, val, host);
	case MSR_KVM_STEAL_TIME:
		return set_steal(v, val);
	case MSR_KVM_PV_EOI_EN:
		return set_pv_eoi(v, val);
	case MSR_KVM_POLL_CONTROL:
		if (val & ~1ull)
			return 1;
		v->poll_control = val;
		v->core.no_halt_poll = !val;
		return 0;
	default:
		return 1;
	}
}

void x86_pv_reset(struct x86_vcpu *v)
{
	v->clock_msr = 0;
	v->clock_active = false;
	v->clock_stopped = false;
	v->steal_msr = 0;
	keel_steal_stop(&v->core);
	v->pv_eoi_msr = 0;
	v->pv_eoi_told = false;
	v->pv_unhalted = false;
	v->poll_control = 1;
	v->core.no_halt_poll = false;
	v->apf_en_msr = 0;
	v->apf_int_msr = 0;
	v->apf_pageready = false;
}

/* --- hypercalls --- */

static long clock_pairing(struct x86_vcpu *v, u64 gpa, u64 type)
{
	struct kvm_clock_pairing pair = {};
	struct timespec64 ts;
	u64 tsc;

	if (type != KVM_CLOCK_PAIRING_WALLCLOCK || !x86_clock_pair(v, &ts, &tsc))
		return -KVM_EOPNOTSUPP;
	pair.sec = ts.tv_sec;
	pair.nsec = ts.tv_nsec;
	pair.tsc = tsc;
	return keel_write_guest(&v->core, gpa, &pair, sizeof(pair)) ? -KVM_EFAULT : 0;
}

/* The guest knows who holds what it waits for. */
static void yield_to_apic(struct x86_vcpu *v, u32 apicid)
{
	struct x86_vcpu *target = x86_vcpu_by_apicid(x86_vm_of(v), apicid);

	keel_yield_directed(&v->core, target ? &target->core : NULL);
}

static int complete_hypercall(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u64 ret = READ_ONCE(vcpu->run->hypercall.ret);

	v->regs[X86_RAX] = x86_64bit_code(v) ? ret : (u32)ret;
	return x86_skip(v);
}

/* Which pages the guest wants to share with its host is for user space to note. */
static long map_gpa_range(struct x86_vcpu *v, u64 gpa, u64 npages, u64 attrs, bool op64)
{
	const u64 args[] = { gpa, npages, attrs };
	u64 gfn = gpa >> PAGE_SHIFT;

	if (!(READ_ONCE(x86_vm_of(v)->hypercall_exits) & BIT(KVM_HC_MAP_GPA_RANGE)) ||
	    !x86_pv_has(v, KVM_FEATURE_HC_MAP_GPA_RANGE))
		return -KVM_ENOSYS;
	if (!PAGE_ALIGNED(gpa) || !npages || gfn + npages <= gfn)
		return -KVM_EINVAL;
	v->core.complete = complete_hypercall;
	/* Bit 0 is KVM_EXIT_HYPERCALL_LONG_MODE, which older headers lack. */
	return keel_hypercall_exit(&v->core, KVM_HC_MAP_GPA_RANGE, op64, ARRAY_SIZE(args), args);
}

/**
 * x86_hypercall - VMMCALL or VMCALL: number in RAX, arguments in RBX, RCX, RDX, RSI, result in RAX
 * @v: the vCPU
 *
 * Return: 1: done, the caller moves RIP on; 0: kvm_run is filled, and the answer will bring both
 * the result and the new RIP.
 */
int x86_hypercall(struct x86_vcpu *v)
{
	unsigned long nr = v->regs[X86_RAX], a0 = v->regs[X86_RBX], a1 = v->regs[X86_RCX],
		      a2 = v->regs[X86_RDX], a3 = v->regs[X86_RSI];
	struct x86_vm *vm = x86_vm_of(v);
	bool op64 = x86_64bit_code(v);
	long ret = -KVM_ENOSYS;

	v->stat.hypercalls++;
	if (!op64) {
		nr = (u32)nr;
		a0 = (u32)a0;
		a1 = (u32)a1;
		a2 = (u32)a2;
		a3 = (u32)a3;
	}
	trace_kvm_hypercall(nr, a0, a1, a2, a3);
	if (x86_be(get_cpl)(v)) {
		ret = -KVM_EPERM;
		goto out;
	}
	switch (nr) {
	case KVM_HC_VAPIC_POLL_IRQ:
		ret = 0;	/* the exit itself was the poll */
		break;
	case KVM_HC_KICK_CPU:
		if (!x86_pv_has(v, KVM_FEATURE_PV_UNHALT))
			break;
		x86_pv_kick(vm, a1);
		yield_to_apic(v, a1);
		ret = 0;
		break;
	case KVM_HC_CLOCK_PAIRING:
		ret = clock_pairing(v, a0, a1);
		break;
	case KVM_HC_SEND_IPI:
		if (x86_pv_has(v, KVM_FEATURE_PV_SEND_IPI))
			ret = x86_pv_ipi(vm, v, a0, a1, a2, a3, op64);
		break;
	case KVM_HC_SCHED_YIELD:
		if (!x86_pv_has(v, KVM_FEATURE_PV_SCHED_YIELD))
			break;
		yield_to_apic(v, a0);
		ret = 0;
		break;
	case KVM_HC_MAP_GPA_RANGE:
		ret = map_gpa_range(v, a0, a1, a2, op64);
		if (!ret)
			return 0;
		break;
	}
out:
	v->regs[X86_RAX] = op64 ? ret : (u32)ret;
	return 1;
}

int x86_exit_hypercall(struct x86_vcpu *v)
{
	return x86_hypercall(v) ? x86_skip(v) : 0;
}
