// SPDX-License-Identifier: GPL-2.0-only
/* KVM_RUN: the loop that takes a vCPU into the guest and back. */
#include <linux/sched/signal.h>
#include <linux/static_call.h>
#include <linux/vtime.h>
#include <keel/compat.h>
#include <keel/guest_work.h>
#include <keel/mmio.h>
#include <keel/sync_regs.h>
#include <keel/vcpu.h>
#include "run.h"
#include "trace.h"

/* The table calls of the hot path; their functions are known from keel_init() on. */
#define HOT(name) DEFINE_STATIC_CALL_NULL(keel_##name, *((struct keel_arch_ops *)0)->name)
HOT(runnable);
HOT(prepare);
HOT(enter);
HOT(cancel);
HOT(handle_exit);

DEFINE_PER_CPU(unsigned long, keel_rcu_noted);

void keel_run_setup(void)
{
	static_call_update(keel_runnable, keel_ops.runnable);
	static_call_update(keel_prepare, keel_ops.prepare);
	static_call_update(keel_enter, keel_ops.enter);
	static_call_update(keel_cancel, keel_ops.cancel);
	static_call_update(keel_handle_exit, keel_ops.handle_exit);
}

static int take_requests(struct keel_vcpu *vcpu)
{
	unsigned long pending = xchg(&vcpu->requests, 0);
	unsigned int req;

	if (pending & BIT(KEEL_REQ_NO_CPU)) {
		bool off;

		preempt_disable();
		off = !this_cpu_read(keel_cpu_on);
		preempt_enable();
		/* The machine goes down, or this CPU could not be switched on. Elsewhere it may work. */
		if (off) {
			for_each_set_bit(req, &pending, BITS_PER_LONG)
				set_bit(req, &vcpu->requests);
			return -EIO;
		}
		pending &= ~BIT(KEEL_REQ_NO_CPU);
	}
	if (pending & BIT(KEEL_REQ_DIRTY_RING) && keel_dirty_ring_full(vcpu)) {
		/* The rest still has to be done: after user space has emptied the ring. */
		for_each_set_bit(req, &pending, BITS_PER_LONG)
			set_bit(req, &vcpu->requests);
		vcpu->run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
		trace_kvm_dirty_ring_exit(vcpu->id);
		return 0;
	}
	if (pending & BIT(KEEL_REQ_APF))
		keel_apf_deliver(vcpu);
	if (pending & BIT(KEEL_REQ_STEAL))
		keel_steal_update(vcpu);
	pending &= ~(BIT(KEEL_REQ_UNBLOCK) | BIT(KEEL_REQ_DIRTY_RING) | BIT(KEEL_REQ_APF) |
		     BIT(KEEL_REQ_STEAL));
	return pending ? keel_ops.requests(vcpu, pending) : 1;
}

static int enter_guest(struct keel_vcpu *vcpu)
{
	u32 missing;
	int r;

	if (unlikely(READ_ONCE(vcpu->requests))) {
		r = take_requests(vcpu);
		if (r <= 0)
			return r;
	}
	r = static_call(keel_prepare)(vcpu);
	if (r <= 0)
		return r;

	preempt_disable();
	missing = vcpu->lazy_wanted & ~vcpu->lazy_loaded;
	if (missing & ~keel_lazy_mask[KEEL_LAZY_EXIT])
		keel_lazy_load(vcpu, missing & ~keel_lazy_mask[KEEL_LAZY_EXIT]);
	local_irq_disable();
	/*
	 * IN_GUEST before the last look at the requests: who sets a request after it sends
	 * an IPI, which ends guest mode as soon as it has begun.
	 */
	smp_store_mb(vcpu->mode, KEEL_IN_GUEST);
	if (unlikely(READ_ONCE(vcpu->requests) || keel_guest_work_pending())) {
		WRITE_ONCE(vcpu->mode, KEEL_OUTSIDE);
		static_call(keel_cancel)(vcpu);
		local_irq_enable();
		preempt_enable();
		vcpu->stat.request_exits++;
		return 1;
	}
	/* What host interrupts must not meet in the CPU. */
	if (missing & keel_lazy_mask[KEEL_LAZY_EXIT])
		keel_lazy_load(vcpu, missing & keel_lazy_mask[KEEL_LAZY_EXIT]);
	vtime_account_guest_enter();
	static_call(keel_enter)(vcpu);
	/* Whoever sees OUTSIDE knows that no stale translation is in use any more. */
	smp_store_release(&vcpu->mode, KEEL_OUTSIDE);
	if (keel_lazy_mask[KEEL_LAZY_EXIT] & vcpu->lazy_loaded)
		keel_lazy_save(vcpu, keel_lazy_mask[KEEL_LAZY_EXIT]);
	vcpu->stat.exits++;
	/*
	 * The interrupt that ended guest mode is taken here, still on the guest's account,
	 * so that the tick charges the guest.
	 */
	local_irq_enable();
	local_irq_disable();
	vtime_account_guest_exit();
	local_irq_enable();
	preempt_enable();

	return static_call(keel_handle_exit)(vcpu);
}

static int loop(struct keel_vcpu *vcpu)
{
	int r;

	for (;;) {
		if (likely(static_call(keel_runnable)(vcpu)))
			r = enter_guest(vcpu);
		else
			r = keel_halt(vcpu);
		if (r <= 0)
			return r;
		/* Before signals: a write that the guest has made must not wait behind them. */
		if (unlikely(!keel_io_idle(&vcpu->io)) && keel_io_exit(vcpu))
			return 0;
		if (unlikely(keel_guest_work_pending())) {
			r = keel_guest_work();
			if (r) {
				vcpu->stat.signal_exits++;
				return r;
			}
		}
	}
}

static int run(struct keel_vcpu *vcpu)
{
	int (*complete)(struct keel_vcpu *vcpu);
	int r = keel_sync_regs_in(vcpu);

	if (r)
		return r;
	r = keel_ops.run_begin(vcpu);
	if (r)
		return r;
	complete = vcpu->complete;
	if (unlikely(complete)) {
		vcpu->complete = NULL;
		r = complete(vcpu);
		if (r < 0)
			return r;
	}
	if (vcpu->io.exited) {
		r = keel_io_complete(vcpu);
		if (r <= 0)
			return r;
		if (vcpu->io.replay) {
			r = keel_ops.replay(vcpu);
			if (r <= 0)
				return r;
		}
	}
	if (!keel_io_idle(&vcpu->io) && keel_io_exit(vcpu))
		return 0;
	/* The exit that this call completed can still be read: user space may complete it first and look at it then. */
	if (keel_immediate_exit(vcpu->run))
		return -EINTR;
	vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	r = loop(vcpu);
	if (r == -EINTR)
		vcpu->run->exit_reason = KVM_EXIT_INTR;
	return r;
}

int keel_internal_error(struct keel_vcpu *vcpu, u32 suberror, unsigned int n, const u64 *data)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = suberror;
	run->internal.ndata = min_t(u32, n, ARRAY_SIZE(run->internal.data));
	memcpy(run->internal.data, data, run->internal.ndata * sizeof(*data));
	return 0;
}

int keel_emulation_failure(struct keel_vcpu *vcpu, const u8 *bytes, unsigned int len)
{
	struct kvm_run *run = vcpu->run;

	memset(&run->emulation_failure, 0, sizeof(run->emulation_failure));
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	if (len) {
		/* flags, then size and bytes as in the ABI structure: 3 words in all */
		len = min_t(unsigned int, len, sizeof(run->emulation_failure.insn_bytes));
		run->emulation_failure.flags =
			KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
		run->emulation_failure.insn_size = len;
		memcpy(run->emulation_failure.insn_bytes, bytes, len);
		run->emulation_failure.ndata = 3;
	}
	return 0;
}

int keel_hypercall_exit(struct keel_vcpu *vcpu, u64 nr, u64 flags, unsigned int n,
			const u64 *args)
{
	struct kvm_run *run = vcpu->run;

	memset(&run->hypercall, 0, sizeof(run->hypercall));
	run->exit_reason = KVM_EXIT_HYPERCALL;
	run->hypercall.nr = nr;
	if (n)
		memcpy(run->hypercall.args, args, n * sizeof(*args));
	keel_hypercall_flags(run, flags);
	return 0;
}

/**
 * keel_vcpu_run - KVM_RUN with the vCPU loaded and its mutex held
 * @vcpu: the vCPU
 *
 * Return: 0 with kvm_run filled, -EINTR, or another negative errno.
 */
int keel_vcpu_run(struct keel_vcpu *vcpu)
{
	int r;

	rcu_assign_pointer(vcpu->runner, current);
	vcpu->in_run = true;
	/* real_blocked keeps signals that only the caller's own mask blocks from being dropped. */
	if (vcpu->sigset_active)
		sigprocmask(SIG_SETMASK, &vcpu->sigset, &current->real_blocked);
	vcpu->run->flags = 0;
	r = run(vcpu);
	keel_ops.run_end(vcpu);
	keel_sync_regs_out(vcpu);
	if (vcpu->sigset_active) {
		sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
		sigemptyset(&current->real_blocked);
	}
	if (r > 0)
		r = 0;
	vcpu->in_run = false;
	RCU_INIT_POINTER(vcpu->runner, NULL);
	vcpu->stat.user_exits++;
	trace_kvm_userspace_exit(vcpu->run->exit_reason, r);
	return r;
}
