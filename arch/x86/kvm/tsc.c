// SPDX-License-Identifier: GPL-2.0-only
/* A guest's TSC: host TSC * ratio + offset, kept equal on all vCPUs that want it so. */
#include <linux/math64.h>
#include <asm/msr.h>
#include <asm/tsc.h>
#include "clock.h"
#include "irqchip.h"
#include "trace.h"

/* A rate this near to the host's is the host's: nobody calibrates better. Millionths. */
#define TOLERANCE_PPM	250

u32 x86_max_tsc_khz;

static u64 unity(void)
{
	return 1ull << x86_backend.tsc_ratio_frac_bits;
}

u64 x86_tsc_scale(const struct x86_vcpu *v, u64 host_ticks)
{
	if (likely(v->tsc_ratio == unity()))
		return host_ticks;
	return mul_u64_u64_shr(host_ticks, v->tsc_ratio, x86_backend.tsc_ratio_frac_bits);
}

/**
 * x86_guest_tsc - the guest's TSC at a moment of the host's
 * @v: the vCPU
 * @host_tsc: the host's TSC then, on the CPU that @v is loaded on
 */
u64 x86_guest_tsc(struct x86_vcpu *v, u64 host_tsc)
{
	return x86_tsc_scale(v, host_tsc) + v->tsc_offset;
}

u32 x86_tsc_khz_now(const struct x86_vcpu *v)
{
	return max_t(u64, x86_tsc_scale(v, x86_host_khz()), 1);
}

/*
 * What a TSC of @khz counts between two host times. Nothing when they are the wrong way round, which
 * a change of the host's clock source may cause.
 */
static u64 ticks_between(u64 then, u64 now, u32 khz)
{
	return (s64)(now - then) <= 0 ? 0 : keel_ns_to_ticks(now - then, khz * 1000ull);
}

void x86_tsc_tell_backend(struct x86_vcpu *v)
{
	preempt_disable();
	v->tsc_dirty = keel_this_vcpu() != &v->core;	/* later: x86_clock_load() */
	if (!v->tsc_dirty)
		x86_be(set_tsc)(v);
	preempt_enable();
}

static void set_offset(struct x86_vcpu *v, u64 offset)
{
	trace_kvm_write_tsc_offset(v->core.id, v->tsc_offset, offset);
	v->tsc_offset = offset;
	x86_tsc_tell_backend(v);
	if (v->lapic)
		x86_lapic_tsc_changed(v);
}

/* --- synchronization --- */

/*
 * User space restores or starts the TSCs of a VM one after the other, and means them to be equal: a
 * value that lies within a second of what the first one shows by now is taken for the same TSC, and
 * gets the same offset. So does 0, which means "new". Found a group otherwise.
 */
static bool belongs(const struct x86_clock *c, const struct x86_vcpu *v, u64 tsc, u64 ns)
{
	u64 expected, second = (u64)v->tsc_khz * MSEC_PER_SEC;

	if (!c->group.khz || c->group.khz != v->tsc_khz)
		return false;
	if (!tsc)
		return true;
	if (!c->group.by_user)
		return false;
	expected = c->group.tsc + ticks_between(c->group.ns, ns, v->tsc_khz);
	return tsc - expected + second < 2 * second;
}

static void write_synced(struct x86_vcpu *v, u64 tsc, bool by_user)
{
	struct x86_clock *c = &x86_vm_of(v)->clock;
	struct keel_host_time now;
	u64 offset;

	raw_spin_lock(&c->lock);
	keel_host_time(&now);
	if (belongs(c, v, tsc, now.boot_ns)) {
		offset = c->group.offset;
		/*
		 * Each CPU counts on its own: only the host's clock can tell what the TSC should
		 * be.
		 */
		if (check_tsc_unstable())
			offset = c->group.tsc +
				 ticks_between(c->group.ns, now.boot_ns, v->tsc_khz) -
				 x86_tsc_scale(v, now.count);
	} else {
		offset = tsc - x86_tsc_scale(v, now.count);
		c->group.ns = now.boot_ns;
		c->group.tsc = tsc;
		c->group.offset = offset;
		c->group.khz = v->tsc_khz;
	}
	c->group.by_user |= by_user;
	v->tsc_anchor = c->group.tsc;
	v->tsc_anchor_ns = c->group.ns;
	raw_spin_unlock(&c->lock);
	set_offset(v, offset);
	x86_clock_stale(v);
}

void x86_tsc_join(struct x86_vcpu *v)
{
	write_synced(v, 0, false);
}

/**
 * x86_write_tsc - IA32_TSC is written
 * @v: the vCPU, loaded
 * @guest_tsc: the new value
 * @host: by user space, which may mean a TSC that is common to all vCPUs
 */
void x86_write_tsc(struct x86_vcpu *v, u64 guest_tsc, bool host)
{
	u64 delta;

	if (host) {
		write_synced(v, guest_tsc, true);
		return;
	}
	/* SDM 18.17.3: a write of the TSC moves TSC_ADJUST along. */
	delta = guest_tsc - x86_guest_tsc(v, rdtsc());
	v->tsc_adjust += delta;
	x86_adjust_tsc_offset(v, delta);
}

void x86_adjust_tsc_offset(struct x86_vcpu *v, s64 delta)
{
	v->tsc_anchor += delta;
	set_offset(v, v->tsc_offset + delta);
	x86_clock_stale(v);
}

/* KVM_VCPU_TSC_OFFSET: user space knows what it wants, no guess. */
void x86_tsc_set_offset(struct x86_vcpu *v, u64 offset)
{
	struct x86_clock *c = &x86_vm_of(v)->clock;
	struct keel_host_time now;

	raw_spin_lock(&c->lock);
	keel_host_time(&now);
	v->tsc_anchor = x86_tsc_scale(v, now.count) + offset;
	v->tsc_anchor_ns = now.boot_ns;
	if (c->group.khz != v->tsc_khz || c->group.offset != offset) {
		c->group.ns = now.boot_ns;
		c->group.tsc = v->tsc_anchor;
		c->group.offset = offset;
		c->group.khz = v->tsc_khz;
	}
	c->group.by_user = true;
	raw_spin_unlock(&c->lock);
	set_offset(v, offset);
	x86_clock_stale(v);
}

/*
 * The host's TSCs cannot be compared: put the guest's where the host's clock says it should be, but
 * never back.
 */
void x86_tsc_resync(struct x86_vcpu *v, bool loaded)
{
	struct keel_host_time now;
	u64 want, seen;

	keel_host_time(&now);
	want = v->tsc_anchor + ticks_between(v->tsc_anchor_ns, now.boot_ns, v->tsc_khz);
	if (!loaded || v->host_tsc) {
		seen = x86_guest_tsc(v, loaded ? v->host_tsc : now.count);
		if ((s64)(want - seen) < 0)
			want = seen;
	}
	set_offset(v, want - x86_tsc_scale(v, now.count));
}

void x86_tsc_host_lost(struct x86_vcpu *v, u64 ticks)
{
	if (ticks)
		set_offset(v, v->tsc_offset + x86_tsc_scale(v, ticks));
}

/* --- rate --- */

static int ratio_for(u32 khz, u64 *ratio)
{
	u64 slack = div_u64((u64)tsc_khz * TOLERANCE_PPM, USEC_PER_SEC);

	if (khz >= tsc_khz - slack && khz <= tsc_khz + slack) {
		*ratio = unity();
		return 0;
	}
	if (!x86_backend.has_tsc_control || khz >= x86_max_tsc_khz)
		return -EINVAL;
	*ratio = mul_u64_u32_div(unity(), khz, tsc_khz);
	return *ratio && *ratio < x86_backend.tsc_ratio_max ? 0 : -EINVAL;
}

bool x86_tsc_khz_possible(u32 khz)
{
	u64 ratio;

	return !ratio_for(khz, &ratio);
}

/**
 * x86_tsc_set_khz - change the rate of a vCPU's TSC
 * @v: the vCPU, loaded
 * @khz: new rate
 *
 * Return: 0, or -EINVAL: the CPU cannot do that.
 */
int x86_tsc_set_khz(struct x86_vcpu *v, u32 khz)
{
	u64 ratio;

	if (ratio_for(khz, &ratio))
		return -EINVAL;
	if (khz == v->tsc_khz && ratio == v->tsc_ratio)
		return 0;
	v->tsc_khz = khz;
	v->tsc_ratio = ratio;
	x86_tsc_join(v);	/* the others get the same rate, one after the other */
	return 0;
}

void x86_tsc_create(struct x86_vcpu *v)
{
	u32 khz = READ_ONCE(x86_vm_of(v)->clock.default_khz);

	v->tsc_ratio = unity();
	v->tsc_khz = tsc_khz;
	if (!ratio_for(khz, &v->tsc_ratio))
		v->tsc_khz = khz;
}
