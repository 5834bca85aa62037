// SPDX-License-Identifier: GPL-2.0-only
/* A vCPU that halts: polling, blocking, waking, and yielding to another vCPU. */
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <keel/compat.h>
#include <keel/vcpu.h>
#include "trace.h"

/*
 * Polling window: starts at halt_poll_ns_grow_start when a short wait was missed, is multiplied by
 * halt_poll_ns_grow each time that happens again, and divided by halt_poll_ns_shrink (0: reset) when a
 * halt lasted long.
 */
static unsigned int halt_poll_ns = 200000;
module_param(halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "Longest time in ns that a halted vCPU polls before it sleeps");
static unsigned int halt_poll_ns_grow = 2;
module_param(halt_poll_ns_grow, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns_grow, "Factor by which the polling time grows; 0: never grows");
static unsigned int halt_poll_ns_grow_start = 10000;
module_param(halt_poll_ns_grow_start, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns_grow_start, "First polling time in ns");
static unsigned int halt_poll_ns_shrink = 2;
module_param(halt_poll_ns_shrink, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns_shrink, "Divisor by which the polling time shrinks; 0: to nothing at once");

static unsigned int poll_limit(struct keel_vm *vm)
{
	if (READ_ONCE(vm->max_halt_poll_set)) {
		smp_rmb();	/* pairs with KVM_CAP_HALT_POLL's order: value first, then the flag */
		return READ_ONCE(vm->max_halt_poll_ns);
	}
	return READ_ONCE(halt_poll_ns);
}

static void poll_adapt(struct keel_vcpu *vcpu, u64 waited, bool polled, unsigned int limit)
{
	unsigned int old = vcpu->halt_poll_ns, new = old;
	unsigned int grow = READ_ONCE(halt_poll_ns_grow), shrink = READ_ONCE(halt_poll_ns_shrink);

	if (polled || waited <= old)
		return;
	if (waited > limit) {
		/* Too long to be polled for: the next one probably is, too. */
		new = shrink ? old / shrink : 0;
		if (new < READ_ONCE(halt_poll_ns_grow_start))
			new = 0;
	} else if (grow) {
		u64 want = max_t(u64, (u64)old * grow, READ_ONCE(halt_poll_ns_grow_start));

		new = min_t(u64, want, limit);
	}
	if (new == old)
		return;
	vcpu->halt_poll_ns = new;
	trace_kvm_halt_poll_ns(new > old, vcpu->id, new, old);
}

/* Log2 histogram of ns: bucket 0 is [0, 1], bucket n is [2^(n-1), 2^n), the last is open. */
static void hist_add(u64 *hist, u64 ns)
{
	hist[min_t(unsigned int, ns ? fls64(ns) : 0, KEEL_HIST_BUCKETS - 1)]++;
}

static bool halt_over(struct keel_vcpu *vcpu)
{
	return keel_ops.wakeup(vcpu) || signal_pending(current) ||
	       keel_request_pending(vcpu, KEEL_REQ_UNBLOCK);
}

static bool poll_wakeup(struct keel_vcpu *vcpu, ktime_t start, unsigned int ns)
{
	ktime_t stop = ktime_add_ns(start, ns), now;

	vcpu->stat.halt_attempted_poll++;
	do {
		if (halt_over(vcpu)) {
			u64 took = ktime_to_ns(ktime_sub(ktime_get(), start));

			vcpu->stat.halt_successful_poll++;
			vcpu->stat.halt_poll_success_ns += took;
			hist_add(vcpu->stat.halt_poll_success_hist, took);
			if (!keel_ops.wakeup(vcpu))
				vcpu->stat.halt_poll_invalid++;
			return true;
		}
		cpu_relax();
		now = ktime_get();
	} while (ktime_before(now, stop) && !need_resched() && single_task_running());

	vcpu->stat.halt_poll_fail_ns += ktime_to_ns(ktime_sub(now, start));
	hist_add(vcpu->stat.halt_poll_fail_hist, ktime_to_ns(ktime_sub(now, start)));
	return false;
}

static bool block(struct keel_vcpu *vcpu)
{
	bool waited = false;

	vcpu->stat.blocking = 1;
	if (keel_ops.block)
		keel_ops.block(vcpu);
	prepare_to_rcuwait(&vcpu->wait);
	for (;;) {
		/* Pairs with the wake-up's barrier: what it is about is seen, or we are woken. */
		set_current_state(TASK_INTERRUPTIBLE);
		if (halt_over(vcpu))
			break;
		waited = true;
		schedule();
	}
	finish_rcuwait(&vcpu->wait);
	if (keel_ops.unblock)
		keel_ops.unblock(vcpu);
	vcpu->stat.blocking = 0;
	return waited;
}

int keel_halt(struct keel_vcpu *vcpu)
{
	unsigned int limit = vcpu->no_halt_poll ? 0 : poll_limit(vcpu->vm);
	ktime_t start = ktime_get(), end;
	bool polled = false, waited = false;
	u64 ns;

	if (vcpu->halt_poll_ns > limit)
		vcpu->halt_poll_ns = limit;
	if (vcpu->halt_poll_ns)
		polled = poll_wakeup(vcpu, start, vcpu->halt_poll_ns);
	if (!polled) {
		ktime_t since = ktime_get();

		waited = block(vcpu);
		end = ktime_get();
		if (waited) {
			ns = ktime_to_ns(ktime_sub(end, since));
			vcpu->stat.halt_wait_ns += ns;
			hist_add(vcpu->stat.halt_wait_hist, ns);
		}
	} else {
		end = ktime_get();
	}
	ns = ktime_to_ns(ktime_sub(end, start));
	if (limit)
		poll_adapt(vcpu, ns, polled, limit);
	trace_kvm_vcpu_wakeup(ns, waited, true);

	clear_bit(KEEL_REQ_UNBLOCK, &vcpu->requests);
	WRITE_ONCE(vcpu->ready, false);
	if (keel_ops.wakeup(vcpu))
		return keel_ops.unhalt(vcpu);
	return 1;	/* a signal, or for nothing: the run loop looks */
}

bool keel_vcpu_wake(struct keel_vcpu *vcpu)
{
	if (!rcuwait_wake_up(&vcpu->wait))
		return false;
	WRITE_ONCE(vcpu->ready, true);
	vcpu->stat.halt_wakeup++;
	return true;
}

/* --- directed yield ----------------------------------------------------------------- */

bool keel_yield_to(struct keel_vcpu *target)
{
	struct task_struct *task;
	bool ran = false;

	rcu_read_lock();
	task = rcu_dereference(target->runner);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	if (task) {
		ran = yield_to(task, true) > 0;
		put_task_struct(task);
	}
	return ran;
}

/*
 * A vCPU that spins itself is a poor target: it waits for the same lock. Give it a turn every
 * second time only, so that a wrong guess costs no more than one round.
 */
static bool eligible(struct keel_vcpu *vcpu)
{
	bool yes = !vcpu->in_spin_loop || vcpu->dy_eligible;

	if (vcpu->in_spin_loop)
		vcpu->dy_eligible = !vcpu->dy_eligible;
	return yes;
}

void keel_yield_on_spin(struct keel_vcpu *me, bool in_kernel_only)
{
	struct keel_vm *vm = me->vm;
	unsigned long nr = atomic_read(&vm->online_vcpus), first, i;
	int tries = 3;

	if (nr < 2) {
		cond_resched();
		return;
	}
	me->in_spin_loop = true;
	me->stat.directed_yield_attempted++;
	first = READ_ONCE(vm->last_boosted) + 1;
	for (i = 0; i < nr && tries; i++) {
		unsigned long idx = (first + i) % nr;
		struct keel_vcpu *vcpu = keel_vcpu_by_idx(vm, idx);

		if (!vcpu || vcpu == me || !READ_ONCE(vcpu->ready))
			continue;
		if (rcuwait_active(&vcpu->wait) && !keel_ops.wakeup(vcpu))
			continue;
		if (READ_ONCE(vcpu->preempted) && in_kernel_only && keel_ops.in_kernel &&
		    !keel_ops.in_kernel(vcpu))
			continue;
		if (!eligible(vcpu))
			continue;
		tries--;
		if (keel_yield_to(vcpu)) {
			WRITE_ONCE(vm->last_boosted, idx);
			me->stat.directed_yield_successful++;
			break;
		}
	}
	me->in_spin_loop = false;
	me->dy_eligible = false;
}

void keel_yield_directed(struct keel_vcpu *vcpu, struct keel_vcpu *target)
{
	vcpu->stat.directed_yield_attempted++;
	if (target && target != vcpu && READ_ONCE(target->ready) && keel_yield_to(target))
		vcpu->stat.directed_yield_successful++;
}
