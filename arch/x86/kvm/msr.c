// SPDX-License-Identifier: GPL-2.0-only
/* MSRs: RDMSR and WRMSR exits, exits to user space for them, and the ioctls. */
#include <linux/module.h>
#include <asm/msr.h>
#include "ioctl.h"
#include "irqchip.h"
#include "msr.h"
#include "trace.h"

static bool ignore_msrs;
module_param(ignore_msrs, bool, 0644);
MODULE_PARM_DESC(ignore_msrs, "Unknown MSRs read as zero and writes to them are ignored");
static bool report_ignored_msrs = true;
module_param(report_ignored_msrs, bool, 0644);
MODULE_PARM_DESC(report_ignored_msrs, "Log accesses that ignore_msrs lets pass");

/* --- access --- */

static int unknown(struct x86_vcpu *v, u32 index, u64 *val, bool write, bool host)
{
	int r = 1;

	/* Not a row: the backend may have registers of its own. */
	if (!keel_reg_find(&x86_msrs, index))
		r = write ? x86_be(set_msr)(v, index, *val, host) : x86_be(get_msr)(v, index, val);
	if (r <= 0)
		return r;
	if (!ignore_msrs)
		return -ENOENT;
	if (report_ignored_msrs)
		pr_info_ratelimited("keel: vcpu%u: ignored %s of MSR 0x%x\n", v->core.id,
				    write ? "write" : "read", index);
	if (!write)
		*val = 0;
	return 0;
}

/**
 * x86_get_msr - read an MSR of a vCPU
 * @v: the vCPU, loaded
 * @index: the register
 * @val: its value
 * @host: on behalf of user space: also what the guest's CPUID hides
 *
 * Return: 0; -ENOENT when there is no such register; another negative errno when it cannot be read.
 */
int x86_get_msr(struct x86_vcpu *v, u32 index, u64 *val, bool host)
{
	struct keel_reg_access a = {
		.id = index, .actor = host ? KEEL_REG_HOST : KEEL_REG_GUEST,
	};
	int r = keel_reg_get(&v->core, &x86_msrs, &a);

	*val = a.val;
	return unlikely(r == -ENOENT) ? unknown(v, index, val, false, host) : r;
}

/* The same the other way round. */
int x86_set_msr(struct x86_vcpu *v, u32 index, u64 val, bool host)
{
	struct keel_reg_access a = {
		.id = index, .val = val, .actor = host ? KEEL_REG_HOST : KEEL_REG_GUEST,
	};
	int r = keel_reg_set(&v->core, &x86_msrs, &a);

	return unlikely(r == -ENOENT) ? unknown(v, index, &val, true, host) : r;
}

/* --- the guest's own accesses --- */

static int complete_msr(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	const struct kvm_run *run = vcpu->run;
	u64 data = READ_ONCE(run->msr.data);

	if (READ_ONCE(run->msr.error))
		return x86_gp(v);
	if (!v->msr_write) {
		v->regs[X86_RAX] = (u32)data;
		v->regs[X86_RDX] = data >> 32;
	}
	return x86_skip(v);
}

/*
 * The access has failed: does user space want to have a look? Its answer is the whole
 * instruction's.
 */
static int failed(struct x86_vcpu *v, u32 index, bool write, u64 val, u32 reason)
{
	struct kvm_run *run = v->core.run;

	if (!(READ_ONCE(x86_vm_of(v)->user_msr_mask) & reason))
		return 1;
	memset(&run->msr, 0, sizeof(run->msr));
	run->exit_reason = write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	run->msr.reason = reason;
	run->msr.index = index;
	run->msr.data = val;
	v->msr_write = write;
	v->core.complete = complete_msr;
	return X86_MSR_USER;
}

static u32 reason_of(int r)
{
	return r == -ENOENT ? KVM_MSR_EXIT_REASON_UNKNOWN : KVM_MSR_EXIT_REASON_INVAL;
}

static bool filtered(struct x86_vcpu *v, u32 index, u32 type)
{
	return unlikely(rcu_access_pointer(x86_vm_of(v)->msr_filter)) &&
	       !x86_msr_allowed(v, index, type);
}

int x86_guest_rdmsr(struct x86_vcpu *v, u32 index, u64 *val)
{
	int r;

	if (filtered(v, index, KVM_MSR_FILTER_READ))
		return failed(v, index, false, 0, KVM_MSR_EXIT_REASON_FILTER);
	r = x86_get_msr(v, index, val, false);
	if (likely(!r)) {
		trace_kvm_msr(0, index, *val, false);
		return 0;
	}
	trace_kvm_msr(0, index, 0, true);
	return failed(v, index, false, 0, reason_of(r));
}

int x86_guest_wrmsr(struct x86_vcpu *v, u32 index, u64 val)
{
	int r;

	if (filtered(v, index, KVM_MSR_FILTER_WRITE))
		return failed(v, index, true, val, KVM_MSR_EXIT_REASON_FILTER);
	r = x86_set_msr(v, index, val, false);
	trace_kvm_msr(1, index, val, r);
	if (likely(!r))
		return 0;
	return failed(v, index, true, val, reason_of(r));
}

int x86_exit_rdmsr(struct x86_vcpu *v)
{
	u64 val;
	int r = x86_guest_rdmsr(v, (u32)v->regs[X86_RCX], &val);

	v->stat.msr_exits++;
	if (likely(!r)) {
		v->regs[X86_RAX] = (u32)val;
		v->regs[X86_RDX] = val >> 32;
		return x86_skip(v);
	}
	return r == X86_MSR_USER ? 0 : x86_gp(v);
}

int x86_exit_wrmsr(struct x86_vcpu *v)
{
	int r = x86_guest_wrmsr(v, (u32)v->regs[X86_RCX], x86_edx_eax(v));

	v->stat.msr_exits++;
	if (likely(!r))
		return x86_skip(v);
	return r == X86_MSR_USER ? 0 : x86_gp(v);
}

/* --- life --- */

int x86_msr_setup(void)
{
	return keel_regs_check(&x86_msrs);
}

void x86_msr_reset(struct x86_vcpu *v, bool init)
{
	/*
	 * INIT changes none of them (SDM 10.1.1, APM 14.1.3); EFER and the LAPIC's have their own
	 * places.
	 */
	if (init)
		return;
	keel_regs_reset(&v->core, &x86_msrs);
	x86_msr_defaults(v);
}

/* --- feature MSRs: what the host has to offer, asked on /dev/kvm --- */

static const u32 feature_msrs[] = {
	MSR_IA32_UCODE_REV, MSR_IA32_ARCH_CAPABILITIES, MSR_AMD64_DE_CFG,
};

static int get_feature_msr(u32 index, u64 *val)
{
	switch (index) {
	case MSR_IA32_UCODE_REV:
		return rdmsrl_safe(index, val) ? -EINVAL : 0;
	case MSR_IA32_ARCH_CAPABILITIES:
		*val = x86_supported_arch_capabilities();
		return 0;
	case MSR_AMD64_DE_CFG:
		if (boot_cpu_data.x86_vendor != X86_VENDOR_AMD &&
		    boot_cpu_data.x86_vendor != X86_VENDOR_HYGON)
			return -EINVAL;
		*val = boot_cpu_has(X86_FEATURE_LFENCE_RDTSC) ?
		       MSR_AMD64_DE_CFG_LFENCE_SERIALIZE : 0;
		return 0;
	default:
		return -EINVAL;
	}
}

long x86_get_feature_msr_list(void *data)
{
	struct kvm_msr_list *list = data;
	u32 room = list->nmsrs;
	unsigned int i;
	u64 val;

	list->nmsrs = 0;
	for (i = 0; i < ARRAY_SIZE(feature_msrs); i++) {
		if (get_feature_msr(feature_msrs[i], &val))
			continue;
		if (list->nmsrs < room)
			list->indices[list->nmsrs] = feature_msrs[i];
		list->nmsrs++;
	}
	return 0;
}

long x86_get_msr_list(void *data)
{
	struct kvm_msr_list *list = data;

	list->nmsrs = keel_regs_list32(NULL, &x86_msrs, list->indices, list->nmsrs);
	return 0;
}

/* --- KVM_GET_MSRS, KVM_SET_MSRS: as many as succeed, and their number --- */

long x86_get_feature_msrs(void *data)
{
	struct kvm_msrs *msrs = data;
	u32 i;

	for (i = 0; i < msrs->nmsrs; i++)
		if (get_feature_msr(msrs->entries[i].index, &msrs->entries[i].data))
			break;
	return i;
}

long x86_get_msrs(struct keel_vcpu *vcpu, void *data)
{
	struct kvm_msrs *msrs = data;
	u32 i;

	for (i = 0; i < msrs->nmsrs; i++)
		if (x86_get_msr(to_x86(vcpu), msrs->entries[i].index, &msrs->entries[i].data, true))
			break;
	return i;
}

long x86_set_msrs(struct keel_vcpu *vcpu, void *data)
{
	const struct kvm_msrs *msrs = data;
	u32 i;

	for (i = 0; i < msrs->nmsrs; i++)
		if (x86_set_msr(to_x86(vcpu), msrs->entries[i].index, msrs->entries[i].data, true))
			break;
	return i;
}
