/* SPDX-License-Identifier: GPL-2.0-only */
/* The one table through which the core reaches an architecture. */
#ifndef KEEL_ARCH_H
#define KEEL_ARCH_H

#include <linux/kvm.h>
#include <linux/types.h>
#include <keel/ioctl.h>

struct clocksource;
struct file;
struct keel_irq_route;
struct keel_lazy_ops;
struct keel_memslot;
struct keel_s2_ops;
struct keel_s2_fault;
struct keel_stat_row;
struct keel_sync_reg;
struct keel_vcpu;
struct keel_vcpu_attr;
struct keel_vm;
struct keel_vm_attr;

/**
 * struct keel_cap - one row of the capability table
 * @cap: a KVM_CAP_* number
 * @value: what KVM_CHECK_EXTENSION answers when @get is NULL
 * @get: computes the answer; @vm is NULL when asked on /dev/kvm
 * @valid: of KVM_ENABLE_CAP's first argument, the bits that may be set; 0: @enable looks itself
 * @setting: not 0: enabled on a VM by writing the first argument to the u64 at this offset from
 *	struct keel_vm; read freely
 * @enable: enables it on a VM, vm->lock held. KVM_ENABLE_CAP's flags are 0
 * @vcpu_enable: enables it on a vCPU, loaded and its mutex held
 * @before_vcpus: -EINVAL as soon as the VM has a vCPU
 */
struct keel_cap {
	u32 cap;
	int value;
	int (*get)(struct keel_vm *vm);
	u64 valid;
	u32 setting;
	int (*enable)(struct keel_vm *vm, const struct kvm_enable_cap *cap);
	int (*vcpu_enable)(struct keel_vcpu *vcpu, const struct kvm_enable_cap *cap);
	bool before_vcpus;
};

/**
 * struct keel_arch_ops - what an architecture gives to the core
 *
 * Handed over once by keel_init(). A NULL member means that the architecture does
 * not have the concept: the core then answers as a kernel that lacks it.
 * Unless a member says otherwise it is called in process context and may sleep.
 */
struct keel_arch_ops {
	const char *name;
	size_t vm_size;			/* of the structure that holds struct keel_vm first */
	size_t vcpu_size;		/* of the structure that holds struct keel_vcpu first */
	unsigned int max_vcpus;
	unsigned int max_vcpu_ids;
	unsigned int nr_aspaces;	/* 1 or 2 guest address spaces */
	bool tso;	/* stores are seen in order: user space's dirty ring needs no barriers */

	const struct keel_cap *caps;
	unsigned int nr_caps;
	const struct keel_stat_row *vm_stats, *vcpu_stats;	/* beyond the core's */
	unsigned int nr_vm_stats, nr_vcpu_stats;
	const struct keel_lazy_ops *lazy;			/* see lazy.h */
	unsigned int nr_lazy;
	/* Beyond the core's. A row here is taken before the core's own. */
	struct keel_ioctl_table dev_ioctls, vm_ioctls, vcpu_ioctls;
	const struct keel_vm_attr *vm_attrs;			/* see device_attr.h */
	const struct keel_vcpu_attr *vcpu_attrs;
	unsigned int nr_vm_attrs, nr_vcpu_attrs;
	const struct keel_sync_reg *sync_regs;			/* sync_regs.h */
	unsigned int nr_sync_regs;

	/* CPUs: run on the CPU itself, interrupts off. */
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);
	/* The host's value of a register that user_return.h has a slot for, on this CPU. */
	u64 (*host_reg_get)(u32 reg);
	void (*host_reg_set)(u32 reg, u64 val);
	/*
	 * host_time.h. host_counter: the counter that guests' clocks are made from; any context.
	 * host_clock_is_counter: does this clock source read it? host_clock_changed: for each VM, when
	 * that has become another one; process context, keel_lock held.
	 */
	u64 (*host_counter)(void);
	bool (*host_clock_is_counter)(const struct clocksource *clock);
	void (*host_clock_changed)(struct keel_vm *vm);
	/* All VMs are frozen for suspend, or run again. */
	void (*resumed)(void);

	/*
	 * VM life. vm_init: @type is KVM_CREATE_VM's argument; it also calls keel_s2_init() for
	 * each address space (the core destroys them). vm_destroy: no vCPU is left.
	 */
	int (*vm_init)(struct keel_vm *vm, unsigned long type);
	void (*vm_destroy)(struct keel_vm *vm);
	/* The VM's file was closed, and again when the VM goes: stop what could still fire. */
	void (*vm_quiesce)(struct keel_vm *vm);

	/*
	 * vCPU life. vcpu_create runs before the vCPU can be seen by anyone and under
	 * vm->lock; vcpu_created after it can, loaded; vcpu_destroy when nobody can any more.
	 */
	int (*vcpu_check)(struct keel_vm *vm, unsigned int id);
	int (*vcpu_create)(struct keel_vcpu *vcpu);
	void (*vcpu_created)(struct keel_vcpu *vcpu);
	void (*vcpu_destroy)(struct keel_vcpu *vcpu);
	/* Bound to a CPU; preemption off. Called on every schedule in and out as well. */
	void (*vcpu_load)(struct keel_vcpu *vcpu, int cpu);
	void (*vcpu_put)(struct keel_vcpu *vcpu);
	/*
	 * KVM_GET_MP_STATE, KVM_SET_MP_STATE: @mp_states has the bits of those that exist here.
	 * mp_state_sync: events that change vcpu->mp_state may have arrived; 0 or errno.
	 * mp_state_set: vcpu->mp_state is about to become *@state, or what is put there instead. 0,
	 *	or an errno that refuses it.
	 */
	u32 mp_states;
	int (*mp_state_sync)(struct keel_vcpu *vcpu);
	int (*mp_state_set)(struct keel_vcpu *vcpu, u32 *state);
	/*
	 * KVM_SET_GUEST_DEBUG: @guest_debug_flags has the KVM_GUESTDBG_* that exist here.
	 * guest_debug: vcpu->guest_debug is set, and was @old before. An errno undoes that.
	 */
	u32 guest_debug_flags;
	int (*guest_debug)(struct keel_vcpu *vcpu, const struct kvm_guest_debug *dbg, u32 old);

	/*
	 * The run loop (run.c). All with the vCPU loaded.
	 * run_begin: KVM_RUN has begun, and sync regs are in: finish what user space answered.
	 *	0 or a negative errno. KVM_RUN's own argument checks are done.
	 * run_end: KVM_RUN is about to return; sync regs go out after it.
	 * requests: @pending bits (KEEL_REQ_*) were taken from the vCPU. 1 go on, 0 leave to
	 *	user space with kvm_run filled, negative errno.
	 * prepare: last word before entry, interrupts on, preemption on: inject events.
	 *	1, 0, or errno as above.
	 * enter: interrupts off. Runs the guest until the next exit that it does not handle
	 *	itself, with keel_guest_state_enter() and _exit() (compat.h) around the world
	 *	switch; host interrupts are taken by the core afterwards.
	 * cancel: prepare was called but enter will not be: take back what was injected.
	 *	Interrupts off.
	 * handle_exit: interrupts on. 1 re-enter, 0 to user space, negative errno.
	 */
	int (*run_begin)(struct keel_vcpu *vcpu);
	void (*run_end)(struct keel_vcpu *vcpu);
	int (*requests)(struct keel_vcpu *vcpu, unsigned long pending);
	int (*prepare)(struct keel_vcpu *vcpu);
	void (*enter)(struct keel_vcpu *vcpu);
	void (*cancel)(struct keel_vcpu *vcpu);
	int (*handle_exit)(struct keel_vcpu *vcpu);
	/*
	 * Executes again what could not finish without user space (mmio.h): the core's
	 * I/O log has the answers. 1, 0 or errno as handle_exit.
	 */
	int (*replay)(struct keel_vcpu *vcpu);

	/* halt.c. runnable: the vCPU is not in a halt-like state. Any context, no sleep. */
	bool (*runnable)(struct keel_vcpu *vcpu);
	/* An event waits that ends this vCPU's halt. No sleep. */
	bool (*wakeup)(struct keel_vcpu *vcpu);
	/* A halt has ended because wakeup() was true: become runnable. 1, 0, or errno. */
	int (*unhalt)(struct keel_vcpu *vcpu);
	void (*block)(struct keel_vcpu *vcpu);
	void (*unblock)(struct keel_vcpu *vcpu);
	/* Is the vCPU in kernel (privileged) mode: candidate for a directed yield. */
	bool (*in_kernel)(struct keel_vcpu *vcpu);

	/*
	 * Second stage. s2_ops: the format for this VM. s2_flush: drop stale translations of
	 * [start, end) guest frames on every CPU before returning (ranges are a hint);
	 * may be called with mmu_lock held for writing. Counts stat.remote_tlb_flush when it had to
	 * reach another CPU.
	 */
	void (*s2_flush)(struct keel_vm *vm, u64 start_gfn, u64 end_gfn);
	/* Largest order (log2 pages) the architecture wants a guest frame mapped with. */
	unsigned int (*s2_max_order)(struct keel_vm *vm, u64 gfn);
	/* A page about to become reachable by the guest: cache maintenance. */
	void (*page_mapped)(struct keel_vcpu *vcpu, const struct keel_s2_fault *fault, u64 pfn);
	/* Slot changes: check before, told after the change is visible. */
	int (*slot_check)(struct keel_vm *vm, const struct keel_memslot *old,
			  const struct keel_memslot *new);
	void (*slot_changed)(struct keel_vm *vm);

	/* Interrupts (irq.h). */
	int (*irq_route_set)(struct keel_vm *vm, struct keel_irq_route *route,
			     const struct kvm_irq_routing_entry *entry);
	/* As @route->set but must not sleep; -EWOULDBLOCK sends the caller to process context. */
	int (*irq_set_atomic)(struct keel_vm *vm, const struct keel_irq_route *route,
			      int source, int level, bool line_status);
	void (*irq_routes_changed)(struct keel_vm *vm);
	bool (*irqchip_ready)(struct keel_vm *vm);
	/* Do the guest's acknowledges reach keel_irq_acked()? NULL: whenever irqchip_ready(). */
	bool (*irq_can_ack)(struct keel_vm *vm);

	/* steal.h: the guest's other CPUs have left this in the byte that marks this one as preempted. */
	void (*steal_message)(struct keel_vcpu *vcpu, u8 message);

	/* Async page faults (async_pf.h). */
	bool (*apf_can_notify)(struct keel_vcpu *vcpu);
	bool (*apf_not_present)(struct keel_vcpu *vcpu, u32 token);
	bool (*apf_can_complete)(struct keel_vcpu *vcpu);
	bool (*apf_present)(struct keel_vcpu *vcpu, u32 token);	/* false: not told, try again */

	/* An access to what this vCPU alone has at @gpa: 0, or -EOPNOTSUPP: nothing. May sleep. */
	int (*vcpu_mmio)(struct keel_vcpu *vcpu, u64 gpa, void *val, int len, bool write);
	/* KVM_TRANSLATE, with the vCPU loaded. */
	int (*translate)(struct keel_vcpu *vcpu, struct kvm_translation *tr);
	/* The guest's program counter, for tracepoints and profiling. */
	unsigned long (*pc)(struct keel_vcpu *vcpu);
};

extern struct keel_arch_ops keel_ops;

/**
 * keel_init - bring the core up and publish /dev/kvm
 * @ops: the architecture's table; copied
 *
 * Return: 0 or a negative errno; nothing is left behind on error.
 */
int keel_init(const struct keel_arch_ops *ops);

/** keel_exit - withdraw /dev/kvm; no VM exists any more. */
void keel_exit(void);

#endif
