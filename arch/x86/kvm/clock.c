// SPDX-License-Identifier: GPL-2.0-only
/* kvmclock: the pages that guests read their time from, and the ioctls about time. */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/workqueue.h>
#include <asm/msr.h>
#include <asm/pvclock.h>
#include <asm/tsc.h>
#include <uapi/asm/kvm_para.h>
#include "clock.h"
#include "ioctl.h"
#include "irqchip.h"
#include "trace.h"

#define VALID_CLOCK_FLAGS (KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC)

/* How often pages are written again for TSCs and clocks that drift apart. */
#define SYNC_UNSTABLE	HZ
#define SYNC_STABLE	(300 * HZ)

static u32 epoch;	/* counts suspends */

/*
 * Ticks to nanoseconds as the guest does it: ns = ((ticks << shift) * mult) >> 32, a negative shift
 * goes right; mult uses all 32 bits.
 */
static void factors(u32 khz, u32 *mult, s8 *shift)
{
	u64 n = (u64)USEC_PER_SEC << 32;

	*shift = 0;
	while (div_u64(n, khz) >> 32) {
		n >>= 1;
		++*shift;
	}
	while (!(div_u64(n, khz) >> 31)) {
		n <<= 1;
		--*shift;
	}
	*mult = div_u64(n, khz);
}

/* --- the VM's clock --- */

static u64 master_ns_at(const struct x86_clock *c, u64 tsc)
{
	s64 ticks = tsc - c->master_tsc;

	if (ticks < 0)		/* a CPU that lags, or a TSC that was reset by a suspend */
		ticks = 0;
	return c->master_ns + c->offset + pvclock_scale_delta(ticks, c->mult, c->shift);
}

static u64 clock_at(const struct x86_clock *c, const struct keel_host_time *t)
{
	return c->master ? master_ns_at(c, t->count) : t->boot_ns + c->offset;
}

static u64 read_clock(struct x86_vm *vm, struct keel_host_time *t, bool *exact, bool *master)
{
	struct x86_clock *c = &vm->clock;
	unsigned int seq;
	u64 ns;

	do {
		seq = read_seqcount_begin(&c->seq);
		*exact = keel_host_time(t);
		*master = c->master;
		ns = clock_at(c, t);
	} while (read_seqcount_retry(&c->seq, seq));
	return ns;
}

static bool tscs_match(struct x86_vm *vm)
{
	struct keel_vcpu *vcpu;
	struct x86_vcpu *first = NULL, *v;
	unsigned long i;

	if (!atomic_read(&vm->core.online_vcpus))
		return false;
	keel_for_each_vcpu(i, vcpu, &vm->core) {
		v = to_x86(vcpu);
		first = first ?: v;
		if (READ_ONCE(v->tsc_offset) != READ_ONCE(first->tsc_offset) ||
		    READ_ONCE(v->tsc_ratio) != READ_ONCE(first->tsc_ratio))
			return false;
	}
	return true;
}

/*
 * A guest that was promised a stable clock reads vCPU 0's page on every vCPU. So all pages must be
 * made from one pair of TSC and time, and no vCPU may run on the old pair while another one has the
 * new: everybody leaves the guest, and waits at the sequence count before it enters again. @set:
 * the clock's new value; NULL: time goes on, and never back. Lock held.
 */
static void retake(struct x86_vm *vm, const u64 *set)
{
	struct x86_clock *c = &vm->clock;
	struct keel_host_time now;
	bool exact, match;
	u64 ns;

	lockdep_assert_held(&c->lock);
	WRITE_ONCE(c->stale, false);
	match = tscs_match(vm);
	write_seqcount_begin(&c->seq);
	keel_request_all(&vm->core, X86_REQ_CLOCK, true);
	exact = keel_host_time(&now);
	ns = clock_at(c, &now);
	if (set)
		c->offset = *set - now.boot_ns;
	else if ((s64)(ns - (now.boot_ns + c->offset)) > 0)
		c->offset = ns - now.boot_ns;	/* rounding of the old pair */
	c->master = exact && match && !check_tsc_unstable();
	c->master_tsc = now.count;
	c->master_ns = now.boot_ns;
	factors(tsc_khz, &c->mult, &c->shift);
	write_seqcount_end(&c->seq);
	trace_kvm_update_master_clock(c->master, exact, match);
}

void x86_master_clock_request(struct x86_vm *vm)
{
	struct x86_clock *c = &vm->clock;

	raw_spin_lock(&c->lock);
	if (c->stale)		/* else another vCPU was here first */
		retake(vm, NULL);
	raw_spin_unlock(&c->lock);
}

void x86_clock_stale(struct x86_vcpu *v)
{
	WRITE_ONCE(x86_vm_of(v)->clock.stale, true);
	keel_request(&v->core, X86_REQ_MASTER_CLOCK);
	keel_request(&v->core, X86_REQ_CLOCK);
}

void x86_clock_stale_vm(struct keel_vm *vm)
{
	WRITE_ONCE(to_x86_vm(vm)->clock.stale, true);
	keel_request_all(vm, X86_REQ_MASTER_CLOCK, false);
}

static void sync_fn(struct work_struct *work)
{
	struct x86_vm *vm = container_of(work, struct x86_vm, clock.sync.work);

	if (!READ_ONCE(vm->clock.master))
		keel_request_all(&vm->core, X86_REQ_CLOCK, false);
	schedule_delayed_work(&vm->clock.sync,
			      check_tsc_unstable() ? SYNC_UNSTABLE : SYNC_STABLE);
}

/* --- a vCPU's page --- */

/* The reader may be another vCPU. */
static void write_page(struct x86_vcpu *v, struct pvclock_vcpu_time_info *new)
{
	const unsigned int body = offsetof(struct pvclock_vcpu_time_info, tsc_timestamp);
	u8 flags;

	if (keel_gcache_read(&v->core, &v->clock_area, &flags,
			     offsetof(struct pvclock_vcpu_time_info, flags), sizeof(flags)))
		return;
	/* The guest clears this one when it has seen it. */
	new->flags |= flags & PVCLOCK_GUEST_STOPPED;
	if (v->clock_stopped && !v->clock_old)
		new->flags |= PVCLOCK_GUEST_STOPPED;
	v->clock_stopped = false;

	new->version = keel_gcache_publish(&v->core, &v->clock_area, 0, (char *)new + body, body,
					   sizeof(*new) - body);
	trace_kvm_pvclock_update(v->core.id, new);
}

/**
 * x86_clock_request - X86_REQ_CLOCK: the page of this vCPU is out of date
 * @v: the vCPU, loaded
 *
 * Return: 1, go on.
 */
int x86_clock_request(struct x86_vcpu *v)
{
	struct x86_clock *c = &x86_vm_of(v)->clock;
	struct pvclock_vcpu_time_info page = {};
	struct keel_host_time t;
	unsigned int seq;
	bool master;
	u32 khz;

	if (check_tsc_unstable() && v->clock_jiffies != jiffies) {
		v->clock_jiffies = jiffies;
		x86_tsc_resync(v, false);
	}
	if (!v->clock_active) {
		/* Nobody reads it, but nobody may enter while the pair changes either. */
		read_seqcount_begin(&c->seq);
		return 1;
	}
	do {
		seq = read_seqcount_begin(&c->seq);
		master = c->master;
		if (master) {
			t.count = c->master_tsc;
			t.boot_ns = c->master_ns;
		} else {
			keel_host_time(&t);
		}
		page.system_time = t.boot_ns + c->offset;
	} while (read_seqcount_retry(&c->seq, seq));

	khz = x86_tsc_khz_now(v);
	if (unlikely(khz != v->clock_khz)) {
		factors(khz, &v->clock_mult, &v->clock_shift);
		v->clock_khz = khz;
	}
	page.tsc_timestamp = x86_guest_tsc(v, t.count);
	page.tsc_to_system_mul = v->clock_mult;
	page.tsc_shift = v->clock_shift;
	/* Guests that know the old registers only do not know the flags. */
	page.flags = master && !v->clock_old ? PVCLOCK_TSC_STABLE_BIT : 0;
	write_page(v, &page);
	return 1;
}

int x86_set_clock_msr(struct x86_vcpu *v, u64 val, bool old_msr)
{
	v->clock_msr = val;
	v->clock_old = old_msr;
	v->clock_active = val & KVM_MSR_ENABLED;
	if (!v->clock_active)
		return 0;
	/* Where there is no memory (yet) writes fail, and nobody is told: so on a real bus. */
	keel_gcache_init(&v->core, &v->clock_area, val & ~(u64)KVM_MSR_ENABLED,
			 sizeof(struct pvclock_vcpu_time_info));
	keel_request(&v->core, X86_REQ_CLOCK);
	return 0;
}

/* MSR_KVM_WALL_CLOCK: what time it was when the guest's clock was 0. Written once, on demand. */
void x86_write_wall_clock(struct x86_vcpu *v, u64 gpa)
{
	const unsigned int body = offsetof(struct pvclock_wall_clock, sec);
	struct x86_vm *vm = x86_vm_of(v);
	struct pvclock_wall_clock wall;
	struct keel_gcache area;
	struct keel_host_time t;
	bool exact, master;
	u32 nsec;
	u64 ns;

	vm->clock.wall_gpa = gpa;
	if (!gpa || keel_gcache_init(&v->core, &area, gpa, sizeof(wall)))
		return;
	ns = read_clock(vm, &t, &exact, &master);
	wall.sec = div_u64_rem(t.real_ns - ns, NSEC_PER_SEC, &nsec);
	wall.nsec = nsec;
	keel_gcache_publish(&v->core, &area, 0, (char *)&wall + body, body, sizeof(wall) - body);
}

/**
 * x86_clock_pair - the host's wall clock and the guest's TSC at the same moment
 * @v: the vCPU, loaded
 * @ts: CLOCK_REALTIME
 * @tsc: the guest's TSC
 *
 * Return: false when the host's clock is not its TSC, so that no such pair exists.
 */
bool x86_clock_pair(struct x86_vcpu *v, struct timespec64 *ts, u64 *tsc)
{
	struct keel_host_time t;

	if (!keel_host_time(&t) || check_tsc_unstable())
		return false;
	*ts = ns_to_timespec64(t.real_ns);
	*tsc = x86_guest_tsc(v, t.count);
	return true;
}

/* --- load, put, suspend --- */

/*
 * A suspend may have set the host's TSC back. All vCPUs of a VM add the same, so that they still
 * match: what the one that ran last has seen of it. Its first vCPU to run again finds that out.
 */
static void after_suspend(struct x86_vcpu *v, u32 now_epoch)
{
	struct x86_vm *vm = x86_vm_of(v);
	struct x86_clock *c = &vm->clock;
	struct keel_vcpu *vcpu;
	u64 now, last = 0, lost;
	unsigned long i;

	raw_spin_lock(&c->lock);
	if (c->epoch != now_epoch) {
		now = rdtsc();
		keel_for_each_vcpu(i, vcpu, &vm->core)
			last = max(last, READ_ONCE(to_x86(vcpu)->host_tsc));
		if (last > now) {
			c->host_tsc_lost += last - now;
			c->group.offset += x86_tsc_scale(v, last - now);
		}
		c->epoch = now_epoch;
	}
	lost = c->host_tsc_lost - v->host_tsc_lost;
	v->host_tsc_lost = c->host_tsc_lost;
	raw_spin_unlock(&c->lock);
	v->clock_epoch = now_epoch;
	v->host_tsc -= min(v->host_tsc, lost);
	x86_tsc_host_lost(v, lost);
	x86_clock_stale(v);
}

static noinline void load_slow(struct x86_vcpu *v, u32 now_epoch)
{
	if (v->clock_epoch != now_epoch)
		after_suspend(v, now_epoch);
	v->clock_jiffies = jiffies;
	if (check_tsc_unstable())
		x86_tsc_resync(v, true);
	else if (v->tsc_dirty)
		x86_tsc_tell_backend(v);
	if (!READ_ONCE(x86_vm_of(v)->clock.master) && v->clock_active)
		keel_request(&v->core, X86_REQ_CLOCK);
}

void x86_clock_load(struct x86_vcpu *v, int cpu, bool migrated)
{
	u32 now_epoch = READ_ONCE(epoch);

	/*
	 * An unstable TSC still counts evenly on one CPU for the length of a tick: that much is let
	 * pass between looks at the host's clock, which is then a slow device.
	 */
	if (likely(!migrated && !v->tsc_dirty && v->clock_epoch == now_epoch &&
		   (v->clock_jiffies == jiffies || !check_tsc_unstable())))
		return;
	load_slow(v, now_epoch);
}

void x86_clock_put(struct x86_vcpu *v)
{
	v->host_tsc = rdtsc();
}

void x86_clock_resumed(void)
{
	WRITE_ONCE(epoch, epoch + 1);
}

/* --- ioctls --- */

long x86_get_clock(struct keel_vm *vm, void *out)
{
	struct kvm_clock_data *data = out;
	struct keel_host_time t;
	bool exact, master;

	data->clock = read_clock(to_x86_vm(vm), &t, &exact, &master);
	if (master) {
		data->flags = KVM_CLOCK_TSC_STABLE;
		if (exact) {
			data->flags |= KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC;
			data->realtime = t.real_ns;
			data->host_tsc = t.count;
		}
	}
	return 0;
}

long x86_set_clock(struct keel_vm *core, void *in)
{
	struct x86_vm *vm = to_x86_vm(core);
	const struct kvm_clock_data *data = in;
	struct keel_host_time t;
	u64 ns = data->clock;

	if (data->flags & ~VALID_CLOCK_FLAGS)
		return -EINVAL;
	raw_spin_lock(&vm->clock.lock);
	if (data->flags & KVM_CLOCK_REALTIME) {
		/* Time that passed since the value was taken, perhaps on another host. */
		keel_host_time(&t);
		if (t.real_ns > data->realtime)
			ns += t.real_ns - data->realtime;
	}
	retake(vm, &ns);
	raw_spin_unlock(&vm->clock.lock);
	return 0;
}

long x86_vm_get_tsc_khz(struct keel_vm *vm, void *unused)
{
	return READ_ONCE(to_x86_vm(vm)->clock.default_khz);
}

long x86_vm_set_tsc_khz(struct keel_vm *vm, void *data)
{
	u32 khz = (u32)*(unsigned long *)data ?: tsc_khz;

	if (!x86_tsc_khz_possible(khz))
		return -EINVAL;
	WRITE_ONCE(to_x86_vm(vm)->clock.default_khz, khz);
	return 0;
}

long x86_get_tsc_khz(struct keel_vcpu *vcpu, void *unused)
{
	return to_x86(vcpu)->tsc_khz;
}

long x86_set_tsc_khz(struct keel_vcpu *vcpu, void *data)
{
	return x86_tsc_set_khz(to_x86(vcpu), (u32)*(unsigned long *)data ?: tsc_khz);
}

/* The VMM has stopped the guest: its watchdogs should know. */
long x86_kvmclock_ctrl(struct keel_vcpu *vcpu, void *unused)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (!v->clock_active)
		return -EINVAL;
	v->clock_stopped = true;
	keel_request(vcpu, X86_REQ_CLOCK);
	return 0;
}

static int get_tsc_offset(struct keel_vcpu *vcpu, u64 *val)
{
	*val = to_x86(vcpu)->tsc_offset;
	return 0;
}

static int set_tsc_offset(struct keel_vcpu *vcpu, u64 val)
{
	x86_tsc_set_offset(to_x86(vcpu), val);
	return 0;
}

const struct keel_vcpu_attr x86_vcpu_attrs[] = {
	{ .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .size = sizeof(u64),
	  .get = get_tsc_offset, .set = set_tsc_offset },
};
const unsigned int x86_nr_vcpu_attrs = ARRAY_SIZE(x86_vcpu_attrs);

/* --- life --- */

void x86_clock_create(struct x86_vcpu *v)
{
	struct x86_clock *c = &x86_vm_of(v)->clock;

	raw_spin_lock(&c->lock);
	v->clock_epoch = c->epoch;
	v->host_tsc_lost = c->host_tsc_lost;
	raw_spin_unlock(&c->lock);
	x86_tsc_create(v);
}

void x86_clock_vcpu_created(struct x86_vcpu *v)
{
	x86_tsc_join(v);
	schedule_delayed_work(&x86_vm_of(v)->clock.sync,
			      check_tsc_unstable() ? SYNC_UNSTABLE : SYNC_STABLE);
}

void x86_clock_vm_init(struct x86_vm *vm)
{
	struct x86_clock *c = &vm->clock;
	struct keel_host_time t;

	raw_spin_lock_init(&c->lock);
	seqcount_raw_spinlock_init(&c->seq, &c->lock);
	INIT_DELAYED_WORK(&c->sync, sync_fn);
	c->default_khz = tsc_khz;
	c->epoch = READ_ONCE(epoch);
	keel_host_time(&t);
	c->offset = -t.boot_ns;		/* a new VM's clock starts at 0 */
}

void x86_clock_vm_quiesce(struct x86_vm *vm)
{
	cancel_delayed_work_sync(&vm->clock.sync);
}

int x86_clock_setup(void)
{
	u64 max = tsc_khz;

	if (x86_backend.has_tsc_control) {
		/* Rates above fit into neither the ratio nor user space's int. */
		max = mul_u64_u64_shr(tsc_khz, x86_backend.tsc_ratio_max,
				      x86_backend.tsc_ratio_frac_bits);
	}
	x86_max_tsc_khz = min_t(u64, max, INT_MAX);
	return x86_host_clock_setup();
}

void x86_clock_teardown(void)
{
	x86_host_clock_teardown();
}
