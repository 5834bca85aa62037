// SPDX-License-Identifier: GPL-2.0-only
/* A vCPU of x86: creation, reset, load and put, and the ioctls that are nobody else's. */
#include <asm/kvm_para.h>
#include "ioctl.h"
#include "irqchip.h"
#include "x86.h"

/* --- life ------------------------------------------------------------------------------------ */

int x86_vcpu_create(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct x86_vm *vm = x86_vm_of(v);
	int r;

	v->user_irq = -1;
	vcpu->mp_state = !x86_irqchip_in_kernel(vm) || x86_is_bsp(v) ? KVM_MP_STATE_RUNNABLE :
								       KVM_MP_STATE_UNINITIALIZED;
	vcpu->lazy_wanted = BIT(X86_LAZY_FPU) | x86_backend.lazy_always;
	r = x86_emul_create(v);
	if (r)
		return r;
	r = x86_fpu_create(v);
	if (r)
		goto err_emul;
	x86_clock_create(v);
	x86_cpuid_create(v);
	if (x86_irqchip_in_kernel(vm)) {
		r = x86_lapic_create(v);
		if (r)
			goto err_cpuid;
	}
	r = x86_be(vcpu_create)(v);
	if (r)
		goto err_lapic;
	keel_vcpu_load(vcpu);
	x86_vcpu_reset(v, false);
	keel_vcpu_put(vcpu);
	return 0;

err_lapic:
	x86_lapic_destroy(v);
err_cpuid:
	x86_cpuid_destroy(v);
	x86_fpu_destroy(v);
err_emul:
	x86_emul_destroy(v);
	return r;
}

void x86_vcpu_created(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	x86_lapic_created(v);
	x86_clock_vcpu_created(v);
}

void x86_vcpu_destroy(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	x86_lapic_destroy(v);
	x86_be(vcpu_destroy)(v);
	x86_cpuid_destroy(v);
	x86_fpu_destroy(v);
	x86_emul_destroy(v);
}

static void reset_segments(struct x86_vcpu *v)
{
	struct kvm_segment data = { .limit = 0xffff, .type = 3, .s = 1, .present = 1 };
	struct kvm_segment cs = { .base = 0xffff0000, .selector = 0xf000, .limit = 0xffff,
				  .type = 0xb, .s = 1, .present = 1 };
	struct kvm_segment ldt = { .limit = 0xffff, .type = 2, .present = 1 };
	struct kvm_segment tr = { .limit = 0xffff, .type = 0xb, .present = 1 };
	struct kvm_dtable dt = { .limit = 0xffff };
	int seg;

	for (seg = X86_ES; seg <= X86_GS; seg++)
		x86_be(set_segment)(v, seg == X86_CS ? &cs : &data, seg);
	x86_be(set_segment)(v, &ldt, X86_LDTR);
	x86_be(set_segment)(v, &tr, X86_TR);
	x86_be(set_dt)(v, &dt, 0);
	x86_be(set_dt)(v, &dt, 1);
}

/* SDM 3A table 10-1, "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT". */
void x86_vcpu_reset(struct x86_vcpu *v, bool init)
{
	struct kvm_cpuid_entry2 *leaf1 = x86_cpuid_find(v, 1, 0);
	unsigned long cr0 = X86_CR0_CD | X86_CR0_NW | X86_CR0_ET;

	if (init)	/* INIT leaves the caches as they are */
		cr0 = (x86_cr0(v) & (X86_CR0_CD | X86_CR0_NW)) | X86_CR0_ET;
	memset(&v->exception, 0, sizeof(v->exception));
	memset(&v->irq, 0, sizeof(v->irq));
	v->user_irq = -1;
	v->nmi_pending = 0;
	atomic_set(&v->nmi_queued, 0);
	v->nmi_injected = false;
	clear_bit(X86_REQ_TRIPLE_FAULT, &v->core.requests);
	v->core.complete = NULL;
	keel_io_begin(&v->core);

	x86_be(vcpu_reset)(v, init);
	memset(v->regs, 0, sizeof(v->regs));
	v->regs[X86_RDX] = leaf1 ? leaf1->eax : 0x600;
	v->rip = 0xfff0;
	x86_set_rflags(v, X86_EFLAGS_FIXED);
	v->cr2 = 0;
	v->cr8 = 0;
	v->efer = 0;
	x86_be(set_efer)(v, 0);
	x86_be(set_cr)(v, 0, cr0);
	x86_be(set_cr)(v, 3, 0);
	x86_be(set_cr)(v, 4, 0);
	reset_segments(v);

	memset(v->db, 0, sizeof(v->db));
	v->dr6 = X86_DR6_INIT;
	v->dr7 = X86_DR7_FIXED;
	x86_debug_update(v);
	x86_fpu_reset(v, init);
	x86_msr_reset(v, init);
	x86_pv_reset(v);
	keel_apf_flush(&v->core);
	if (v->lapic)
		x86_lapic_reset(v, init);
	x86_cpuid_runtime(v);
	x86_be(update_exceptions)(v);
	x86_be(flush_guest)(v);
	v->events_dirty = true;
}

void x86_vcpu_load(struct keel_vcpu *vcpu, int cpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	bool migrated = vcpu->cpu != cpu;

	x86_be(vcpu_load)(v, cpu);
	x86_clock_load(v, cpu, migrated);
	if (migrated && v->lapic)
		x86_lapic_migrate(v);
}

void x86_vcpu_put(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	x86_clock_put(v);
	x86_be(vcpu_put)(v);
}

/* --- ioctls ------------------------------------------------------------------------------------- */

/* An INIT or SIPI that has arrived counts; so does a kick that ends a halt. */
int x86_mp_state_sync(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	int r = 0;

	if (v->lapic && test_and_clear_bit(X86_REQ_INIT_SIPI, &vcpu->requests))
		r = x86_lapic_events(v);
	if (vcpu->mp_state == KVM_MP_STATE_HALTED && v->pv_unhalted) {
		v->pv_unhalted = false;
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	}
	return min(r, 0);
}

int x86_mp_state_set(struct keel_vcpu *vcpu, u32 *state)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (*state != KVM_MP_STATE_RUNNABLE && !v->lapic)
		return -EINVAL;
	if (*state == KVM_MP_STATE_SIPI_RECEIVED) {
		/* The SIPI is still to be acted on: KVM_SET_VCPU_EVENTS has its vector. */
		*state = KVM_MP_STATE_INIT_RECEIVED;
		x86_lapic_set_sipi(v);
	}
	v->events_dirty = true;
	return 0;
}

/* KVM_INTERRUPT: user space's PIC delivers a vector. */
long x86_interrupt(struct keel_vcpu *vcpu, void *data)
{
	const struct kvm_interrupt *irq = data;
	struct x86_vcpu *v = to_x86(vcpu);

	if (irq->irq >= KVM_NR_INTERRUPTS)
		return -EINVAL;
	if (x86_pic_in_kernel(x86_vm_of(v)))
		return -ENXIO;
	if (v->user_irq >= 0)
		return -EEXIST;
	v->user_irq = irq->irq;
	v->events_dirty = true;
	return 0;
}

long x86_nmi(struct keel_vcpu *vcpu, void *unused)
{
	x86_queue_nmi(to_x86(vcpu));
	return 0;
}

int x86_translate(struct keel_vcpu *vcpu, struct kvm_translation *tr)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u32 error;
	u64 gpa = x86_gva_to_gpa(v, tr->linear_address, X86_WALK_IMPLICIT, &error);

	tr->valid = gpa != ~0ull;
	tr->physical_address = gpa;
	tr->writeable = 1;
	tr->usermode = 0;
	return 0;
}
