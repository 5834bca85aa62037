// SPDX-License-Identifier: GPL-2.0-only
/* Registers for user space: KVM_GET/SET_REGS, _SREGS(2), _DEBUGREGS. */
#include "ioctl.h"
#include "irqchip.h"
#include "x86.h"

/* --- general registers --------------------------------------------------------------------- */

long x86_get_regs(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	const unsigned long *g = v->regs;
	struct kvm_regs *r = data;

	*r = (struct kvm_regs){
		.rax = g[X86_RAX], .rbx = g[X86_RBX], .rcx = g[X86_RCX], .rdx = g[X86_RDX],
		.rsi = g[X86_RSI], .rdi = g[X86_RDI], .rsp = g[X86_RSP], .rbp = g[X86_RBP],
		.r8 = g[X86_R8], .r9 = g[X86_R9], .r10 = g[X86_R10], .r11 = g[X86_R11],
		.r12 = g[X86_R12], .r13 = g[X86_R13], .r14 = g[X86_R14], .r15 = g[X86_R15],
		.rip = v->rip, .rflags = x86_get_rflags(v),
	};
	return 0;
}

long x86_set_regs(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	const struct kvm_regs *r = data;
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
	return 0;
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

long x86_get_sregs(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct kvm_sregs *s = data;

	get_common(v, s);
	if (v->irq.injected && !v->irq.soft)
		__set_bit(v->irq.vector, (unsigned long *)s->interrupt_bitmap);
	return 0;
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
		v->core.mp_state = KVM_MP_STATE_RUNNABLE;
	v->events_dirty = true;
	return 0;
}

long x86_set_sregs(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	const struct kvm_sregs *s = data;
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

long x86_get_sregs2(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct kvm_sregs2 *s2 = data;
	struct kvm_sregs s;

	BUILD_BUG_ON(offsetof(struct kvm_sregs2, flags) !=
		     offsetof(struct kvm_sregs, interrupt_bitmap));
	get_common(v, &s);
	memcpy(s2, &s, offsetof(struct kvm_sregs2, flags));
	if (get_pdptrs(v, s2->pdptrs))
		s2->flags |= KVM_SREGS2_FLAGS_PDPTRS_VALID;
	return 0;
}

long x86_set_sregs2(struct keel_vcpu *vcpu, void *data)
{
	const struct kvm_sregs2 *s2 = data;
	struct kvm_sregs s = {};

	if (s2->flags & ~KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	/* PDPTEs outside PAE paging mean nothing. */
	if ((s2->flags & KVM_SREGS2_FLAGS_PDPTRS_VALID) &&
	    (!(s2->cr0 & X86_CR0_PG) || !(s2->cr4 & X86_CR4_PAE) || (s2->efer & EFER_LMA)))
		return -EINVAL;
	memcpy(&s, s2, offsetof(struct kvm_sregs2, flags));
	return set_common(to_x86(vcpu), &s);
}

/* --- debug registers ------------------------------------------------------------------------------ */

long x86_get_debugregs(struct keel_vcpu *vcpu, void *data)
{
	const struct x86_vcpu *v = to_x86(vcpu);
	struct kvm_debugregs *d = data;
	int i;

	d->dr6 = v->dr6;
	d->dr7 = v->dr7;
	for (i = 0; i < 4; i++)
		d->db[i] = v->db[i];
	return 0;
}

long x86_set_debugregs(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	const struct kvm_debugregs *d = data;
	int i;

	if (d->flags || d->dr6 >> 32 || d->dr7 >> 32)
		return -EINVAL;
	for (i = 0; i < 4; i++)
		v->db[i] = d->db[i];
	v->dr6 = d->dr6;
	v->dr7 = d->dr7;
	x86_debug_update(v);
	return 0;
}
