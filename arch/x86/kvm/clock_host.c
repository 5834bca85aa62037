// SPDX-License-Identifier: GPL-2.0-only
/* The host's time, read together with its TSC. */
#include <linux/cpufreq.h>
#include <linux/irq_work.h>
#include <linux/ktime.h>
#include <linux/pvclock_gtod.h>
#include <linux/seqlock.h>
#include <linux/timekeeper_internal.h>
#include <linux/workqueue.h>
#include <asm/msr.h>
#include <asm/tsc.h>
#include "clock.h"

/*
 * What the timekeeper said at its last update (every tick), enough to read the time for a TSC value
 * of one's own. Written with the timekeeper's lock held, interrupts off.
 */
static struct {
	seqcount_t seq;
	bool is_tsc, unstable;
	u64 cycle_last, boot_offset;
	struct line {
		u64 base, nsec;		/* base + (nsec + ticks * mult) >> shift */
		u32 mult, shift;
	} raw, real;
} host = { .seq = SEQCNT_ZERO(host.seq) };

static DEFINE_PER_CPU(u32, rate_khz);	/* where it changes with the CPU's frequency; 0: tsc_khz */

static u64 line_at(const struct line *line, u64 ticks)
{
	return line->base + ((line->nsec + ticks * line->mult) >> line->shift);
}

bool x86_host_time(struct x86_host_time *t)
{
	unsigned long flags;
	unsigned int seq;
	bool is_tsc;
	u64 ticks;

	do {
		seq = read_seqcount_begin(&host.seq);
		is_tsc = host.is_tsc;
		if (!is_tsc)
			break;
		t->tsc = rdtsc_ordered();
		/* Another CPU's TSC may be a little ahead of ours. */
		ticks = t->tsc > host.cycle_last ? t->tsc - host.cycle_last : 0;
		t->boot_ns = line_at(&host.raw, ticks) + host.boot_offset;
		t->real_ns = line_at(&host.real, ticks);
	} while (read_seqcount_retry(&host.seq, seq));
	if (is_tsc)
		return true;

	local_irq_save(flags);
	t->tsc = rdtsc_ordered();
	t->boot_ns = ktime_get_raw_ns() + READ_ONCE(host.boot_offset);
	t->real_ns = ktime_get_real_ns();
	local_irq_restore(flags);
	return false;
}

bool x86_host_tsc_unstable(void)
{
	return READ_ONCE(host.unstable);
}

u32 x86_host_khz(void)
{
	u32 khz = boot_cpu_has(X86_FEATURE_CONSTANT_TSC) ? 0 : raw_cpu_read(rate_khz);

	return khz ?: tsc_khz;
}

/* --- the clock source has changed: every VM decides anew --- */

static void changed_fn(struct work_struct *work)
{
	struct keel_vm *vm;

	mutex_lock(&keel_lock);
	list_for_each_entry(vm, &keel_vms, link)
		x86_clock_stale_vm(to_x86_vm(vm));
	mutex_unlock(&keel_lock);
}

static DECLARE_WORK(changed_work, changed_fn);

/* Waking a worker takes the time, which the notifier's caller is about to change: later. */
static void changed_irq_fn(struct irq_work *work)
{
	schedule_work(&changed_work);
}

static DEFINE_IRQ_WORK(changed_irq, changed_irq_fn);

static int timekeeper_updated(struct notifier_block *nb, unsigned long was_set, void *data)
{
	const struct timekeeper *tk = data;
	bool is_tsc = tk->tkr_mono.clock->vdso_clock_mode == VDSO_CLOCKMODE_TSC;
	bool changed = is_tsc != host.is_tsc;

	write_seqcount_begin(&host.seq);
	host.is_tsc = is_tsc;
	host.unstable = check_tsc_unstable();
	host.cycle_last = tk->tkr_mono.cycle_last;
	host.boot_offset = ktime_to_ns(tk->offs_boot);
	host.raw = (struct line){
		.base = ktime_to_ns(tk->tkr_raw.base), .nsec = tk->tkr_raw.xtime_nsec,
		.mult = tk->tkr_raw.mult, .shift = tk->tkr_raw.shift,
	};
	host.real = (struct line){
		.base = tk->xtime_sec * NSEC_PER_SEC, .nsec = tk->tkr_mono.xtime_nsec,
		.mult = tk->tkr_mono.mult, .shift = tk->tkr_mono.shift,
	};
	write_seqcount_end(&host.seq);
	if (changed)
		irq_work_queue(&changed_irq);
	return 0;
}

static struct notifier_block timekeeper_nb = {
	.notifier_call = timekeeper_updated,
};

/* --- CPUs whose TSC follows their frequency --- */

#ifdef CONFIG_CPU_FREQ
static int freq_changed(struct notifier_block *nb, unsigned long when, void *data)
{
	const struct cpufreq_freqs *freq = data;
	struct keel_vcpu *vcpu;
	struct keel_vm *vm;
	unsigned long i;
	int cpu;

	if (when != CPUFREQ_POSTCHANGE)
		return 0;
	for_each_cpu(cpu, freq->policy->cpus)
		per_cpu(rate_khz, cpu) = freq->new;
	mutex_lock(&keel_lock);
	list_for_each_entry(vm, &keel_vms, link) {
		if (!atomic_read(&vm->online_vcpus))
			continue;
		keel_for_each_vcpu(i, vcpu, vm) {
			cpu = READ_ONCE(vcpu->cpu);
			if (cpu >= 0 && cpumask_test_cpu(cpu, freq->policy->cpus))
				keel_request_kick(vcpu, X86_REQ_CLOCK);
		}
	}
	mutex_unlock(&keel_lock);
	return 0;
}

static struct notifier_block freq_nb = {
	.notifier_call = freq_changed,
};

static int freq_setup(void)
{
	int cpu, r;

	if (boot_cpu_has(X86_FEATURE_CONSTANT_TSC))
		return 0;
	r = cpufreq_register_notifier(&freq_nb, CPUFREQ_TRANSITION_NOTIFIER);
	if (r)
		return r;
	for_each_online_cpu(cpu)
		if (!per_cpu(rate_khz, cpu))
			per_cpu(rate_khz, cpu) = cpufreq_quick_get(cpu);
	return 0;
}

static void freq_teardown(void)
{
	if (!boot_cpu_has(X86_FEATURE_CONSTANT_TSC))
		cpufreq_unregister_notifier(&freq_nb, CPUFREQ_TRANSITION_NOTIFIER);
}
#else
static int freq_setup(void) { return 0; }
static void freq_teardown(void) { }
#endif

int x86_host_clock_setup(void)
{
	int r;

	if (!tsc_khz)
		return -EOPNOTSUPP;	/* its rate is unknown: nothing can be built on it */
	r = freq_setup();
	if (r)
		return r;
	r = pvclock_gtod_register_notifier(&timekeeper_nb);
	if (r)
		freq_teardown();
	return r;
}

void x86_host_clock_teardown(void)
{
	pvclock_gtod_unregister_notifier(&timekeeper_nb);
	irq_work_sync(&changed_irq);
	cancel_work_sync(&changed_work);
	freq_teardown();
}
