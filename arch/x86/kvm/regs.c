// SPDX-License-Identifier: GPL-2.0-only
/* Registers for user space: KVM_GET/SET_REGS, _SREGS(2), _DEBUGREGS, and sync regs. */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "irqchip.h"
#include "x86.h"

/* --- general registers --------------------------------------------------------------------- */

void x86_get_regs(struct x86_vcpu *v, struct kvm_regs *r)
{
	const unsigned long *g = v->regs;

	*r = (struct kvm_regs){
		.rax = g[X86_RAX], .rbx = g[X86_RBX], .rcx = g[X86_RCX], .rdx = g[X86_RDX],
		.rsi = g[X86_RSI], .rdi = g[X86_RDI], .rsp = g[X86_RSP], .rbp = g[X86_RBP],
		.r8 = g[X86_R8], .r9 = g[X86_R9], .r10 = g[X86_R10], .r11 = g[X86_R11],
		.r12 = g[X86_R12], .r13 = g[X86_R13], .r14 = g[X86_R14], .r15 = g[X86_R15],
		.rip = v->rip, .rflags = x86_get_rflags(v),
	};
}

void x86_set_regs(struct x86_vcpu *v, const struct kvm_regs *r)
{
	unsigned long *g = v->regs;

	g[X86_RAX] = r->rax;
	g[X86_RBX] = r->rbx;
	g[X86_RCX] = r->rcx;
	g[X86_RDX] = r->rdx;
	g[X86_RSI] = r->rsi;
	g[X86_RDI] = r->rdi;
	g[X86_RSP] = r->rsp;
	g[X86_RBP] = r->rbp;
	g[X86_R8] = r->r8;
	g[X86_R9] = r->r9;
	g[X86_R10] = r->r10;
	g[X86_R11] = r->r11;
	g[X86_R12] = r->r12;
	g[X86_R13] = r->r13;
	g[X86_R14] = r->r14;
	g[X86_R15] = r->r15;
	v->rip = r->rip;
	x86_set_rflags(v, r->rflags | X86_EFLAGS_FIXED);
	/* The instruction that raised it is not where the guest goes on. */
	v->exception.pending = false;
}

/* --- system registers -------------------------------------------------------------------------- */

/* struct kvm_sregs and kvm_sregs2 begin alike; this is the common part. */
static void get_common(struct x86_vcpu *v, struct kvm_sregs *s)
{
	memset(s, 0, sizeof(*s));
	x86_be(get_segment)(v, &s->cs, X86_CS);
	x86_be(get_segment)(v, &s->ds, X86_DS);
	x86_be(get_segment)(v, &s->es, X86_ES);
	x86_be(get_segment)(v, &s->fs, X86_FS);
	x86_be(get_segment)(v, &s->gs, X86_GS);
	x86_be(get_segment)(v, &s->ss, X86_SS);
	x86_be(get_segment)(v, &s->tr, X86_TR);
	x86_be(get_segment)(v, &s->ldt, X86_LDTR);
	x86_be(get_dt)(v, &s->gdt, 0);
	x86_be(get_dt)(v, &s->idt, 1);
	s->cr0 = x86_cr0(v);
	s->cr2 = v->cr2;
	s->cr3 = x86_cr3(v);
	s->cr4 = x86_cr4(v);
	s->cr8 = x86_get_cr8(v);
	s->efer = v->efer;
	s->apic_base = v->apic_base;
}

void x86_get_sregs(struct x86_vcpu *v, struct kvm_sregs *s)
{
	get_common(v, s);
	if (v->irq.injected && !v->irq.soft)
		__set_bit(v->irq.vector, (unsigned long *)s->interrupt_bitmap);
}

/* A combination that the CPU could never reach is refused, and nothing is changed then. */
static bool sregs_valid(struct x86_vcpu *v, const struct kvm_sregs *s)
{
	if ((s->efer & EFER_LME) && (s->cr0 & X86_CR0_PG)) {
		if (!(s->cr4 & X86_CR4_PAE) || !(s->efer & EFER_LMA))
			return false;
		if (s->cr3 & v->cpuid.reserved_gpa_bits)
			return false;
	} else if ((s->efer & EFER_LMA) || s->cs.l) {
		return false;
	}
	if (s->efer & v->cpuid.efer_reserved & ~EFER_LMA)
		return false;
	return x86_cr4_valid(v, s->cr4) && x86_cr0_valid(s->cr0) && !(s->cr8 & ~0xfull);
}

static int set_common(struct x86_vcpu *v, const struct kvm_sregs *s)
{
	if (!sregs_valid(v, s))
		return -EINVAL;
	if (x86_set_apic_base(v, s->apic_base, true))
		return -EINVAL;

	x86_be(set_dt)(v, &s->gdt, 0);
	x86_be(set_dt)(v, &s->idt, 1);
	v->cr2 = s->cr2;
	x86_set_cr8(v, s->cr8);
	v->efer = s->efer;
	x86_be(set_efer)(v, s->efer);
	x86_be(set_cr)(v, 0, s->cr0 | X86_CR0_ET);
	x86_be(set_cr)(v, 4, s->cr4);
	x86_be(set_cr)(v, 3, s->cr3);
	x86_be(set_segment)(v, &s->cs, X86_CS);
	x86_be(set_segment)(v, &s->ds, X86_DS);
	x86_be(set_segment)(v, &s->es, X86_ES);
	x86_be(set_segment)(v, &s->fs, X86_FS);
	x86_be(set_segment)(v, &s->gs, X86_GS);
	x86_be(set_segment)(v, &s->ss, X86_SS);
	x86_be(set_segment)(v, &s->tr, X86_TR);
	x86_be(set_segment)(v, &s->ldt, X86_LDTR);
	x86_xcr_update(v);
	x86_cpuid_runtime(v);
	x86_be(flush_guest)(v);

	/* VMMs reset a machine through this call: the boot processor is not halted any more. */
	if (x86_is_bsp(v) && v->rip == 0xfff0 && s->cs.selector == 0xf000 &&
	    !(s->cr0 & X86_CR0_PE))
		v->mp_state = KVM_MP_STATE_RUNNABLE;
	v->events_dirty = true;
	return 0;
}

int x86_set_sregs(struct x86_vcpu *v, const struct kvm_sregs *s)
{
	unsigned int irq;
	int r = set_common(v, s);

	if (r)
		return r;
	irq = find_first_bit((const unsigned long *)s->interrupt_bitmap, KVM_NR_INTERRUPTS);
	if (irq < KVM_NR_INTERRUPTS)
		x86_requeue_irq(v, irq, false);
	return 0;
}

/* PAE paging: SVM and EPT CPUs load the PDPTEs from memory themselves, so memory is where they are. */
static bool get_pdptrs(struct x86_vcpu *v, u64 *pdptrs)
{
	unsigned long cr0 = x86_cr0(v), cr4 = x86_cr4(v);

	if (!(cr0 & X86_CR0_PG) || !(cr4 & X86_CR4_PAE) || x86_long_mode(v))
		return false;
	return !keel_read_guest(&v->core, x86_cr3(v) & 0xffffffe0, pdptrs, 4 * sizeof(u64));
}

static int get_sregs2(struct x86_vcpu *v, void __user *argp)
{
	struct kvm_sregs2 s2 = {};
	struct kvm_sregs s;

	BUILD_BUG_ON(offsetof(struct kvm_sregs2, flags) !=
		     offsetof(struct kvm_sregs, interrupt_bitmap));
	get_common(v, &s);
	memcpy(&s2, &s, offsetof(struct kvm_sregs2, flags));
	if (get_pdptrs(v, s2.pdptrs))
		s2.flags |= KVM_SREGS2_FLAGS_PDPTRS_VALID;
	return copy_to_user(argp, &s2, sizeof(s2)) ? -EFAULT : 0;
}

static int set_sregs2(struct x86_vcpu *v, const void __user *argp)
{
	struct kvm_sregs2 s2;
	struct kvm_sregs s = {};

	if (copy_from_user(&s2, argp, sizeof(s2)))
		return -EFAULT;
	if (s2.flags & ~KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	/* PDPTEs outside PAE paging mean nothing. */
	if ((s2.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID) &&
	    (!(s2.cr0 & X86_CR0_PG) || !(s2.cr4 & X86_CR4_PAE) || (s2.efer & EFER_LMA)))
		return -EINVAL;
	memcpy(&s, &s2, offsetof(struct kvm_sregs2, flags));
	return set_common(v, &s);
}

/* --- debug registers ------------------------------------------------------------------------------ */

static int get_debugregs(struct x86_vcpu *v, void __user *argp)
{
	struct kvm_debugregs d = { .dr6 = v->dr6, .dr7 = v->dr7 };
	int i;

	for (i = 0; i < 4; i++)
		d.db[i] = v->db[i];
	return copy_to_user(argp, &d, sizeof(d)) ? -EFAULT : 0;
}

static int set_debugregs(struct x86_vcpu *v, const void __user *argp)
{
	struct kvm_debugregs d;
	int i;

	if (copy_from_user(&d, argp, sizeof(d)))
		return -EFAULT;
	if (d.flags || d.dr6 >> 32 || d.dr7 >> 32)
		return -EINVAL;
	for (i = 0; i < 4; i++)
		v->db[i] = d.db[i];
	v->dr6 = d.dr6;
	v->dr7 = d.dr7;
	x86_debug_update(v);
	return 0;
}

/* --- sync regs --------------------------------------------------------------------------------------- */

int x86_sync_regs_in(struct x86_vcpu *v)
{
	struct kvm_run *run = v->core.run;
	u64 dirty = run->kvm_dirty_regs;
	int r;

	/* Copied before use: user space may write to kvm_run meanwhile. */
	if (dirty & KVM_SYNC_X86_REGS) {
		struct kvm_regs regs = run->s.regs.regs;

		x86_set_regs(v, &regs);
	}
	if (dirty & KVM_SYNC_X86_SREGS) {
		struct kvm_sregs sregs = run->s.regs.sregs;

		r = x86_set_sregs(v, &sregs);
		if (r)
			return r;
	}
	if (dirty & KVM_SYNC_X86_EVENTS) {
		struct kvm_vcpu_events events = run->s.regs.events;

		r = x86_set_vcpu_events(v, &events);
		if (r)
			return r;
	}
	run->kvm_dirty_regs = 0;
	return 0;
}

void x86_sync_regs_out(struct x86_vcpu *v)
{
	struct kvm_run *run = v->core.run;
	u64 valid = run->kvm_valid_regs;

	if (likely(!valid))
		return;
	if (valid & KVM_SYNC_X86_REGS)
		x86_get_regs(v, &run->s.regs.regs);
	if (valid & KVM_SYNC_X86_SREGS)
		x86_get_sregs(v, &run->s.regs.sregs);
	if (valid & KVM_SYNC_X86_EVENTS)
		x86_get_vcpu_events(v, &run->s.regs.events);
}

/* --- ioctls ---------------------------------------------------------------------------------------------- */

/* A user structure of type @type, by way of one heap copy of it: some are large for the stack. */
#define GET(type, fill)							\
({									\
	type *out = kzalloc(sizeof(type), GFP_KERNEL_ACCOUNT);		\
	int r_ = -ENOMEM;						\
									\
	if (out) {							\
		fill(v, out);						\
		r_ = copy_to_user(argp, out, sizeof(*out)) ? -EFAULT : 0; \
		kfree(out);						\
	}								\
	r_;								\
})

long x86_regs_ioctl(struct x86_vcpu *v, unsigned int ioctl, unsigned long arg)
{
	void __user *argp = (void __user *)arg;
	void *in;
	long r = 0;

	switch (ioctl) {
	case KVM_GET_REGS:
		return GET(struct kvm_regs, x86_get_regs);
	case KVM_SET_REGS:
		in = memdup_user(argp, sizeof(struct kvm_regs));
		if (IS_ERR(in))
			return PTR_ERR(in);
		x86_set_regs(v, in);
		break;
	case KVM_GET_SREGS:
		return GET(struct kvm_sregs, x86_get_sregs);
	case KVM_SET_SREGS:
		in = memdup_user(argp, sizeof(struct kvm_sregs));
		if (IS_ERR(in))
			return PTR_ERR(in);
		r = x86_set_sregs(v, in);
		break;
	case KVM_GET_SREGS2:
		return get_sregs2(v, argp);
	case KVM_SET_SREGS2:
		return set_sregs2(v, argp);
	case KVM_GET_DEBUGREGS:
		return get_debugregs(v, argp);
	case KVM_SET_DEBUGREGS:
		return set_debugregs(v, argp);
	case KVM_GET_VCPU_EVENTS:
		return GET(struct kvm_vcpu_events, x86_get_vcpu_events);
	case KVM_SET_VCPU_EVENTS:
		in = memdup_user(argp, sizeof(struct kvm_vcpu_events));
		if (IS_ERR(in))
			return PTR_ERR(in);
		r = x86_set_vcpu_events(v, in);
		break;
	case KVM_SET_GUEST_DEBUG:
		in = memdup_user(argp, sizeof(struct kvm_guest_debug));
		if (IS_ERR(in))
			return PTR_ERR(in);
		r = x86_set_guest_debug(v, in);
		break;
	default:
		return -ENOTTY;
	}
	kfree(in);
	return r;
}
