/* SPDX-License-Identifier: GPL-2.0-only */
/* What a backend (SVM, VMX) gives to x86: one list makes the table and its static calls. */
#ifndef KEEL_X86_BACKEND_H
#define KEEL_X86_BACKEND_H

#include <linux/kvm.h>
#include <linux/static_call.h>
#include <linux/types.h>
#include <keel/stage2.h>

struct x86_mode;
struct x86_vcpu;
struct x86_vm;

/*
 * X(return type, name, parameters). Everything on a vCPU is called with it loaded, unless
 * said otherwise. Registers and control registers were checked by the caller.
 *
 * vcpu_reset	hardware state at RESET, or INIT when the flag is set
 * cs_bits	64 (CS.L in long mode), else 32 or 16 by CS.D
 * get_mode	control registers, CPL and code size, all at once
 * get_cr	0, 3, 4: as the guest sees it
 * set_cr	0, 3, 4: value checked; set_efer likewise
 * get_dt	which: 0 GDT, 1 IDT
 * set_debug	debug registers in force have changed (v->eff_db, v->eff_dr7): intercepts and DR7
 * int_shadow	KVM_X86_SHADOW_INT_* bits
 * next_rip	address after the intercepted instruction, 0 when the CPU did not save it
 * inject_*	from v->exception, v->irq.vector, or an NMI: to be delivered at the next entry
 * cancel	an injection that did not happen: back to x86 by x86_requeue_*
 * irq_allowed	an external interrupt can be injected now (IF, shadow, nothing injected)
 * nmi_allowed	likewise
 * irq_window	exit as soon as irq_allowed becomes true; nmi_window likewise
 * cr8_intercept the LAPIC's TPR against its highest pending: @irr -1 none. Decides CR8 write exits
 * get_msr, set_msr backend's own MSRs (segment bases, SYSENTER, SYSCALL set...): 0, or 1 unknown
 * changed	CPUID, MSR filter or disabled exits have changed: recompute the intercepts
 * set_tsc	v->tsc_offset and v->tsc_ratio have changed
 * flush_tlb	everything this vCPU has cached, before its next entry; flush_guest: guest's own only
 * flush_gva	one guest linear address
 * update_exceptions	guest debug has changed which exceptions exit
 * exit_info	for tracepoints: reason, two qualifiers, event in delivery and its error
 * kick_nmi etc. are the core's
 */
#define X86_BACKEND_OPS(X)								\
	X(int, cpu_enable, (void))							\
	X(void, cpu_disable, (void))							\
	X(int, vm_init, (struct x86_vm *vm))						\
	X(void, vm_destroy, (struct x86_vm *vm))					\
	X(int, vcpu_create, (struct x86_vcpu *v))					\
	X(void, vcpu_destroy, (struct x86_vcpu *v))					\
	X(void, vcpu_reset, (struct x86_vcpu *v, bool init))				\
	X(void, vcpu_load, (struct x86_vcpu *v, int cpu))				\
	X(void, vcpu_put, (struct x86_vcpu *v))						\
	X(void, get_segment, (struct x86_vcpu *v, struct kvm_segment *s, int seg))	\
	X(void, set_segment, (struct x86_vcpu *v, const struct kvm_segment *s, int seg))	\
	X(int, get_cpl, (struct x86_vcpu *v))						\
	X(int, cs_bits, (struct x86_vcpu *v))						\
	X(void, get_mode, (struct x86_vcpu *v, struct x86_mode *m))			\
	X(void, get_dt, (struct x86_vcpu *v, struct kvm_dtable *dt, int which))		\
	X(void, set_dt, (struct x86_vcpu *v, const struct kvm_dtable *dt, int which))	\
	X(unsigned long, get_cr, (struct x86_vcpu *v, int nr))				\
	X(void, set_cr, (struct x86_vcpu *v, int nr, unsigned long val))		\
	X(void, set_efer, (struct x86_vcpu *v, u64 efer))				\
	X(void, set_debug, (struct x86_vcpu *v))					\
	X(u32, get_int_shadow, (struct x86_vcpu *v))					\
	X(void, set_int_shadow, (struct x86_vcpu *v, u32 shadow))			\
	X(unsigned long, next_rip, (struct x86_vcpu *v))				\
	X(void, inject_exception, (struct x86_vcpu *v))					\
	X(void, inject_irq, (struct x86_vcpu *v))					\
	X(void, inject_nmi, (struct x86_vcpu *v))					\
	X(void, cancel, (struct x86_vcpu *v))						\
	X(bool, irq_allowed, (struct x86_vcpu *v))					\
	X(bool, nmi_allowed, (struct x86_vcpu *v))					\
	X(void, irq_window, (struct x86_vcpu *v))					\
	X(void, nmi_window, (struct x86_vcpu *v))					\
	X(bool, get_nmi_mask, (struct x86_vcpu *v))					\
	X(void, set_nmi_mask, (struct x86_vcpu *v, bool masked))			\
	X(void, cr8_intercept, (struct x86_vcpu *v, int tpr, int irr))			\
	X(int, get_msr, (struct x86_vcpu *v, u32 index, u64 *val))			\
	X(int, set_msr, (struct x86_vcpu *v, u32 index, u64 val, bool host))		\
	X(void, changed, (struct x86_vcpu *v))						\
	X(void, set_tsc, (struct x86_vcpu *v))						\
	X(void, flush_tlb, (struct x86_vcpu *v))					\
	X(void, flush_guest, (struct x86_vcpu *v))					\
	X(void, flush_gva, (struct x86_vcpu *v, unsigned long gva))			\
	X(void, update_exceptions, (struct x86_vcpu *v))				\
	X(void, lazy_syscall, (struct x86_vcpu *v, bool load))				\
	X(void, lazy_debug, (struct x86_vcpu *v, bool load))				\
	X(void, enter, (struct x86_vcpu *v))						\
	X(int, handle_exit, (struct x86_vcpu *v))					\
	X(void, exit_info, (struct x86_vcpu *v, u32 *reason, u64 *info1, u64 *info2,	\
			    u32 *intr_info, u32 *error))				\
	X(void, patch_hypercall, (struct x86_vcpu *v, u8 insn[3]))

#define X86_BE_MEMBER(ret, name, args) ret (*name) args;
/**
 * struct x86_backend - a backend's table; the words before the operations are data
 * @isa: 1 VMX, 2 SVM (as the kvm_exit tracepoint numbers them)
 */
struct x86_backend {
	const char *name;
	u32 isa;
	size_t vm_size, vcpu_size;
	const struct keel_s2_ops *s2_ops;
	unsigned int s2_levels;
	unsigned int s2_max_order;	/* log2 pages: 18 with 1G pages, 9 with 2M */
	u32 lazy_always;		/* BIT(X86_LAZY_*) that every vCPU wants */
	bool has_tsc_control;
	u8 tsc_ratio_frac_bits;
	u64 tsc_ratio_max;
	X86_BACKEND_OPS(X86_BE_MEMBER)
};

extern struct x86_backend x86_backend;	/* a copy of the one chosen at load */

#define X86_BE_TYPE(ret, name, args) typedef ret x86_be_##name##_t args;
X86_BACKEND_OPS(X86_BE_TYPE)
#define X86_BE_DECLARE(ret, name, args) DECLARE_STATIC_CALL(x86_be_##name, x86_be_##name##_t);
X86_BACKEND_OPS(X86_BE_DECLARE)
#define x86_be(name) static_call(x86_be_##name)

/* Each probes its CPU features: NULL when this CPU does not have it. Clears and sets caps. */
const struct x86_backend *svm_probe(void);
void svm_teardown(void);

#endif
