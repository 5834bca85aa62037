// SPDX-License-Identifier: GPL-2.0-only
/* The host's counter, its TSC: what is known of it. */
#include <linux/clocksource.h>
#include <linux/cpufreq.h>
#include <asm/msr.h>
#include <asm/tsc.h>
#include "clock.h"

static DEFINE_PER_CPU(u32, rate_khz);	/* where it changes with the CPU's frequency; 0: tsc_khz */

u64 x86_host_counter(void)
{
	return rdtsc_ordered();
}

bool x86_host_clock_is_counter(const struct clocksource *clock)
{
	return clock->vdso_clock_mode == VDSO_CLOCKMODE_TSC;
}

u32 x86_host_khz(void)
{
	u32 khz = boot_cpu_has(X86_FEATURE_CONSTANT_TSC) ? 0 : raw_cpu_read(rate_khz);

	return khz ?: tsc_khz;
}

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
	/* Without its rate nothing can be built on it. */
	return tsc_khz ? freq_setup() : -EOPNOTSUPP;
}

void x86_host_clock_teardown(void)
{
	freq_teardown();
}
