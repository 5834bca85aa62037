/* SPDX-License-Identifier: GPL-2.0-only */
/* Differences between kernel versions and configurations: here and nowhere else. */
#ifndef KEEL_COMPAT_H
#define KEEL_COMPAT_H

#include <linux/atomic.h>
#include <linux/context_tracking.h>
#include <linux/cpuhotplug.h>
#include <linux/eventfd.h>
#include <linux/ftrace.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/syscore_ops.h>
#include <linux/version.h>

/* The hotplug state where every task has left a dying CPU, and none has come to a new one. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define KEEL_CPUHP_STATE	CPUHP_AP_KVM_ONLINE
#else
#define KEEL_CPUHP_STATE	CPUHP_AP_KVM_STARTING
#endif

/* When this CPU last told RCU that a guest is entered. */
DECLARE_PER_CPU(unsigned long, keel_rcu_noted);

/*
 * Without context tracking RCU is told that it need not wait for this CPU, which else would look
 * as if it were in the kernel all the time. RCU looks once a tick at the most, and the
 * tick ends guest mode: so the first entry after each is enough.
 */
static __always_inline void keel_note_guest_entry(void)
{
	unsigned long now = jiffies;

	if (likely(raw_cpu_read(keel_rcu_noted) == now))
		return;
	raw_cpu_write(keel_rcu_noted, now);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	rcu_virt_note_context_switch();
#else
	rcu_virt_note_context_switch(smp_processor_id());
#endif
}

/*
 * Around guest mode, interrupts off: tell lockdep and tracing that interrupts count as on (the
 * guest takes them), and context tracking that RCU need not watch.
 */
static __always_inline void keel_guest_state_enter(void)
{
	instrumentation_begin();
	trace_hardirqs_on_prepare();
	lockdep_hardirqs_on_prepare();
	instrumentation_end();
	if (!context_tracking_guest_enter()) {
		instrumentation_begin();
		keel_note_guest_entry();
		instrumentation_end();
	}
	lockdep_hardirqs_on(CALLER_ADDR0);
}

static __always_inline void keel_guest_state_exit(void)
{
	lockdep_hardirqs_off(CALLER_ADDR0);
	context_tracking_guest_exit();
	instrumentation_begin();
	trace_hardirqs_off_finish();
	instrumentation_end();
}

/* Adds one to an eventfd. Any context. */
static inline void keel_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/* Bring a page of another mm in; mmap_lock is held for reading, *@locked says if still. */
static inline long keel_gup_remote(struct mm_struct *mm, unsigned long addr, unsigned int flags,
				   int *locked)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, addr, 1, flags, NULL, locked);
#else
	return get_user_pages_remote(mm, addr, 1, flags, NULL, NULL, locked);
#endif
}

/*
 * Compare and exchange 16 aligned bytes, as two words in memory order. Returns 0 exchanged, 1
 * different (@old is then what was there), -EOPNOTSUPP.
 */
static inline int keel_cmpxchg16(u64 *mem, u64 *old, const u64 *new)
{
#if defined(system_has_cmpxchg128)
	union { u64 word[2]; u128 whole; } o = { { old[0], old[1] } }, n = { { new[0], new[1] } };

	if (!system_has_cmpxchg128())
		return -EOPNOTSUPP;
	if (try_cmpxchg128((u128 *)mem, &o.whole, n.whole))
		return 0;
	old[0] = o.word[0];
	old[1] = o.word[1];
	return 1;
#elif defined(system_has_cmpxchg_double)
	u64 lo, hi;

	if (!system_has_cmpxchg_double())
		return -EOPNOTSUPP;
	for (;;) {
		if (cmpxchg_double((unsigned long *)mem, (unsigned long *)mem + 1,
				   (unsigned long)old[0], (unsigned long)old[1],
				   (unsigned long)new[0], (unsigned long)new[1]))
			return 0;
		/* It does not tell what it found. Look, and prove that it was one value. */
		lo = READ_ONCE(mem[0]);
		hi = READ_ONCE(mem[1]);
		if (lo == old[0] && hi == old[1])
			continue;
		if (cmpxchg_double((unsigned long *)mem, (unsigned long *)mem + 1,
				   (unsigned long)lo, (unsigned long)hi,
				   (unsigned long)lo, (unsigned long)hi)) {
			old[0] = lo;
			old[1] = hi;
			return 1;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
#else
	return -EOPNOTSUPP;
#endif
}

/* What happens around suspend and at shutdown: 6.19 gives the callbacks an argument, and so does 6.12.114. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 114) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0))
#define KEEL_SYSCORE_ARG void *data
#define KEEL_DEFINE_SYSCORE(name, ...)							\
	static const struct syscore_ops name##_ops = { __VA_ARGS__ };			\
	static struct syscore name = { .ops = &name##_ops }
#define keel_syscore_register(syscore)		register_syscore(syscore)
#define keel_syscore_unregister(syscore)	unregister_syscore(syscore)
#else
#define KEEL_SYSCORE_ARG void
#define KEEL_DEFINE_SYSCORE(name, ...)	static struct syscore_ops name = { __VA_ARGS__ }
#define keel_syscore_register(syscore)		register_syscore_ops(syscore)
#define keel_syscore_unregister(syscore)	unregister_syscore_ops(syscore)
#endif

/* Before 6.4 KVM_EXIT_HYPERCALL had no flags, but a word in their place for the only one there is. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define keel_hypercall_flags(run, flags_)	((run)->hypercall.flags = (flags_))
#else
#define keel_hypercall_flags(run, flags_)	((run)->hypercall.longmode = (flags_))
#endif

/* 6.10 hides members of kvm_run that user space changes while the vCPU runs: read them once. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define keel_immediate_exit(run)	READ_ONCE((run)->immediate_exit__unsafe)
#else
#define keel_immediate_exit(run)	READ_ONCE((run)->immediate_exit)
#endif

#endif
