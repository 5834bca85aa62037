/* SPDX-License-Identifier: GPL-2.0-only */
/* A virtual CPU: life, requests and kicks. */
#ifndef KEEL_VCPU_H
#define KEEL_VCPU_H

#include <linux/hrtimer.h>
#include <linux/kvm.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <linux/spinlock.h>
#include <keel/async_pf.h>
#include <keel/dirty.h>
#include <keel/lazy.h>
#include <keel/mmio.h>
#include <keel/stage2.h>
#include <keel/stats.h>
#include <keel/steal.h>
#include <keel/vm.h>

enum keel_vcpu_mode {
	KEEL_OUTSIDE,		/* a request is seen before the next entry: no IPI needed */
	KEEL_IN_GUEST,		/* an IPI is needed, and whoever sends it sets EXITING */
	KEEL_EXITING,		/* an IPI is on its way */
};

/*
 * Requests: bits set by anyone, taken by the vCPU before it enters. Numbers from
 * KEEL_REQ_ARCH on belong to the architecture.
 */
enum {
	KEEL_REQ_TLB_FLUSH,	/* architecture flushes the whole guest TLB of this vCPU */
	KEEL_REQ_UNBLOCK,	/* look at wakeup() again */
	KEEL_REQ_NO_CPU,	/* this CPU's virtualization is off: no entry here */
	KEEL_REQ_DIRTY_RING,	/* the dirty ring is near full: exit to user space */
	KEEL_REQ_APF,		/* async page faults completed */
	KEEL_REQ_STEAL,		/* stolen time to be told */
	KEEL_REQ_ARCH = 8,
};

#define KEEL_NR_HOLES 4

/**
 * struct keel_vcpu - the core's part of a vCPU, first member of the architecture's
 *
 * Everything not marked otherwise belongs to the thread that holds @mutex.
 */
struct keel_vcpu {
	/* The hot line: read on every entry. */
	unsigned long requests;			/* atomic bits */
	int mode;				/* enum keel_vcpu_mode, atomic */
	int cpu;				/* loaded on last, -1 at first */
	u32 lazy_loaded, lazy_wanted;		/* lazy.h: bits by component */
	struct kvm_run *run;
	struct keel_vm *vm;

	struct keel_memslot *last_slot;		/* lookup hint, valid for @last_gen only */
	u64 last_gen;
	u64 hole_gen;			/* the same for frames of devices, which no slot has */
	u64 hole[KEEL_NR_HOLES];
	u8 as_id;			/* address space it runs in: 0 but for modes such as SMM */
	bool no_halt_poll;			/* the guest polls by itself */
	bool preempted;				/* scheduled out involuntarily */
	bool ready;				/* wake-up pending: good target for a yield */
	bool in_spin_loop, dy_eligible;		/* directed yield heuristics */
	bool in_run;				/* between run_begin and run_end */
	u8 mp_state;				/* KVM_MP_STATE_* */
	u32 guest_debug;			/* KVM_GUESTDBG_*, 0: off */

	struct mutex mutex;
	unsigned int id;			/* user space's number */
	unsigned int idx;			/* dense, creation order */
	struct task_struct __rcu *runner;	/* the thread inside KVM_RUN, or NULL */
	struct preempt_notifier pn;
	struct rcuwait wait;
	sigset_t sigset;
	bool sigset_active;
	unsigned int halt_poll_ns;

	struct keel_bus_hint bus_hint[KEEL_NR_BUSES];
	struct keel_io io;			/* mmio.h */
	/* KVM_RUN finishes an exit that is not I/O by this, once. 0 or a negative errno. */
	int (*complete)(struct keel_vcpu *vcpu);
	struct keel_s2_cache s2_cache;
	struct keel_dirty_ring dirty_ring;
	struct keel_apf apf;
	struct keel_steal steal;

	struct keel_vcpu_stat stat;
	struct dentry *debugfs;
	char stats_id[48];
};

static inline void keel_request(struct keel_vcpu *vcpu, unsigned int req)
{
	/* Pairs with the barrier after mode = IN_GUEST: what the request is about comes first. */
	smp_mb__before_atomic();
	set_bit(req, &vcpu->requests);
}

static inline bool keel_request_pending(struct keel_vcpu *vcpu, unsigned int req)
{
	return test_bit(req, &vcpu->requests);
}

/** keel_vcpu_kick - make the vCPU look at its requests soon: IPI, wake-up, or nothing. */
void keel_vcpu_kick_now(struct keel_vcpu *vcpu);
static inline void keel_vcpu_kick(struct keel_vcpu *vcpu)
{
	/*
	 * Orders the request (or IRR bit) before the look at who waits, which pairs with
	 * set_current_state() in halt.c: the reason is seen there, or we see the sleeper; and before the
	 * look at mode, which pairs with smp_store_mb() in run.c.
	 */
	smp_mb();
	if (rcuwait_active(&vcpu->wait) || READ_ONCE(vcpu->mode) == KEEL_IN_GUEST)
		keel_vcpu_kick_now(vcpu);
}
/** keel_vcpu_wake - end a halt if there is one. Return: true when it woke somebody. */
bool keel_vcpu_wake(struct keel_vcpu *vcpu);
static inline void keel_request_kick(struct keel_vcpu *vcpu, unsigned int req)
{
	keel_request(vcpu, req);
	keel_vcpu_kick(vcpu);
}
/**
 * keel_request_all - set @req on every vCPU and kick those in guest mode
 * @wait: return only when each has left guest mode (TLB flush semantics)
 * Does not sleep; may be called under mmu_lock.
 * Return: was another CPU interrupted for it?
 */
bool keel_request_all(struct keel_vm *vm, unsigned int req, bool wait);

/** keel_vcpu_by_idx - by creation order; NULL when there is none. */
static inline struct keel_vcpu *keel_vcpu_by_idx(struct keel_vm *vm, unsigned long idx)
{
	if (idx >= (unsigned int)atomic_read(&vm->online_vcpus))
		return NULL;
	smp_rmb();	/* pairs with the publication in keel_create_vcpu() */
	return xa_load(&vm->vcpus, idx);
}

/** keel_vcpu_by_id - by user space's number; NULL when there is none. */
struct keel_vcpu *keel_vcpu_by_id(struct keel_vm *vm, unsigned int id);

/* device.c: is this CPU's virtualization on? Changes with interrupts off. */
DECLARE_PER_CPU(bool, keel_cpu_on);

/** keel_this_vcpu - the vCPU loaded on this CPU or NULL; preemption off. */
struct keel_vcpu *keel_this_vcpu(void);

/* vcpu.c: load and put around everything that touches hardware state. */
void keel_vcpu_load(struct keel_vcpu *vcpu);
void keel_vcpu_put(struct keel_vcpu *vcpu);
long keel_create_vcpu(struct keel_vm *vm, unsigned long id);
int keel_vcpu_setup(void);
void keel_vcpu_teardown(void);
void keel_destroy_vcpus(struct keel_vm *vm);

/** keel_lock_all_vcpus - take every vcpu->mutex without waiting. vm->lock held. 0 or -EBUSY. */
int keel_lock_all_vcpus(struct keel_vm *vm);
void keel_unlock_all_vcpus(struct keel_vm *vm);

/* run.c */
/** keel_internal_error - KVM_EXIT_INTERNAL_ERROR with @n words of @data. Return: 0, to user space. */
int keel_internal_error(struct keel_vcpu *vcpu, u32 suberror, unsigned int n, const u64 *data);
/** keel_emulation_failure - the same for an instruction: its bytes, as far as they are known. 0. */
int keel_emulation_failure(struct keel_vcpu *vcpu, const u8 *bytes, unsigned int len);
/**
 * keel_hypercall_exit - KVM_EXIT_HYPERCALL
 * @nr: number of the call
 * @flags: KVM_EXIT_HYPERCALL_* of the architecture
 * @n: arguments, up to 6
 *
 * Return: 0, to user space. What it answers is in kvm_run's hypercall.ret.
 */
int keel_hypercall_exit(struct keel_vcpu *vcpu, u64 nr, u64 flags, unsigned int n,
			const u64 *args);
int keel_vcpu_run(struct keel_vcpu *vcpu);

/* halt.c */
/** keel_halt - block until wakeup() or a signal. 1 go on, 0 to user space, errno. */
int keel_halt(struct keel_vcpu *vcpu);
/** keel_yield_on_spin - the guest spins (PAUSE, WFE, DIAG 44): yield to a likely lock holder. */
void keel_yield_on_spin(struct keel_vcpu *vcpu, bool in_kernel_only);
/**
 * keel_yield_directed - the guest says whom it waits for: give that vCPU this CPU, if it wants one
 * @target: may be NULL, or the vCPU itself
 */
void keel_yield_directed(struct keel_vcpu *vcpu, struct keel_vcpu *target);
/** keel_yield_to - give the CPU to @target. Return: true when it ran. */
bool keel_yield_to(struct keel_vcpu *target);

#endif
