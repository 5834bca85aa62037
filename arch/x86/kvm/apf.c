// SPDX-License-Identifier: GPL-2.0-only
/* Async page faults, as a guest sees them: a #PF says "not yet", an interrupt "now". */
#include <uapi/asm/kvm_para.h>
#include "irqchip.h"
#include "pv.h"

#define AREA_FLAGS	offsetof(struct kvm_vcpu_pv_apf_data, flags)
#define AREA_TOKEN	offsetof(struct kvm_vcpu_pv_apf_data, token)
#define EN_RESERVED	0x30ull
#define EN_ADDRESS	(~0x3full)

static bool enabled(const struct x86_vcpu *v)
{
	const u64 needed = KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT;

	return (v->apf_en_msr & needed) == needed;
}

static int set_enable(struct x86_vcpu *v, u64 val, bool host)
{
	u32 token;

	if (val & EN_RESERVED)
		return 1;
	if (!v->lapic)
		return val ? 1 : 0;
	if (!host && (val & KVM_ASYNC_PF_DELIVERY_AS_INT) &&
	    !x86_pv_has(v, KVM_FEATURE_ASYNC_PF_INT))
		return 1;
	if (!host && (val & KVM_ASYNC_PF_DELIVERY_AS_PF_VMEXIT) &&
	    !x86_pv_has(v, KVM_FEATURE_ASYNC_PF_VMEXIT))
		return 1;
	v->apf_en_msr = val;
	v->apf_pageready = false;
	if (!enabled(v)) {
		keel_apf_flush(&v->core);
		return 0;
	}
	if (keel_gcache_init(&v->core, &v->apf_area, val & EN_ADDRESS,
			     sizeof(struct kvm_vcpu_pv_apf_data)) ||
	    keel_gcache_read(&v->core, &v->apf_area, &token, AREA_TOKEN, sizeof(token))) {
		v->apf_en_msr = 0;
		return 1;
	}
	/* After a migration: told by the old host, and not acknowledged yet. */
	v->apf_pageready = token;
	/* And what the old host would have told nobody tells any more, so wake everything. */
	return keel_apf_wake_all(&v->core) ? 1 : 0;
}

int x86_set_apf_msr(struct x86_vcpu *v, u32 index, u64 val, bool host)
{
	switch (index) {
	case MSR_KVM_ASYNC_PF_EN:
		return set_enable(v, val, host);
	case MSR_KVM_ASYNC_PF_INT:
		if (val & ~(u64)KVM_ASYNC_PF_VEC_MASK)
			return 1;
		v->apf_int_msr = val;
		return 0;
	default:
		if (val & 1) {
			WRITE_ONCE(v->apf_pageready, false);
			keel_request(&v->core, KEEL_REQ_APF);	/* the next one, if any */
		}
		return 0;
	}
}

/* The guest can only do something else if it could schedule: user mode, interrupts on. */
bool x86_apf_can_notify(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (!enabled(v))
		return false;
	if (!(v->apf_en_msr & KVM_ASYNC_PF_SEND_ALWAYS) && !x86_be(get_cpl)(v))
		return false;
	return !v->exception.pending && !v->exception.injected && x86_be(irq_allowed)(v);
}

bool x86_apf_not_present(struct keel_vcpu *vcpu, u32 token)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u32 flags;

	/*
	 * Its handler takes the flags; as long as it has not, a second #PF would be mistaken for a
	 * real one.
	 */
	if (keel_gcache_read(vcpu, &v->apf_area, &flags, AREA_FLAGS, sizeof(flags)) || flags)
		return false;
	flags = KVM_PV_REASON_PAGE_NOT_PRESENT;
	if (keel_gcache_write(vcpu, &v->apf_area, &flags, AREA_FLAGS, sizeof(flags)))
		return false;
	x86_queue_pf(v, token, 0);
	return true;
}

/* No sleep: other threads ask, too. So not the guest's memory but what was last agreed with it. */
bool x86_apf_can_complete(struct keel_vcpu *vcpu)
{
	return !READ_ONCE(to_x86(vcpu)->apf_pageready);
}

bool x86_apf_present(struct keel_vcpu *vcpu, u32 token)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (!enabled(v))
		return true;	/* nobody waits for it any more */
	if (keel_gcache_write(vcpu, &v->apf_area, &token, AREA_TOKEN, sizeof(token)))
		return false;
	WRITE_ONCE(v->apf_pageready, true);
	x86_lapic_raise(v, v->apf_int_msr);
	return true;
}
