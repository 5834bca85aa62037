/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupt controllers in the kernel: LAPIC, IOAPIC, 8259 PIC, 8254 PIT, and MSI. */
#ifndef KEEL_X86_IRQCHIP_H
#define KEEL_X86_IRQCHIP_H

#include "x86.h"

/* An interrupt message on the APIC bus. */
struct x86_apic_msg {
	u32 dest;		/* APIC ID or logical destination */
	u8 vector;
	u8 mode;		/* delivery mode as in ICR bits 10:8 */
	u8 shorthand;		/* ICR bits 19:18 */
	bool logical, level, trig_level;
	bool redir_hint;	/* MSI RH: lowest priority */
};

/* irqchip.c: creation, routing. */
int x86_enable_split(struct keel_vm *vm, const struct kvm_enable_cap *cap);
void x86_irqchip_vm_destroy(struct x86_vm *vm);
void x86_irqchip_vm_quiesce(struct x86_vm *vm);	/* stop timers that could fire into vCPUs */
int x86_irq_route_set(struct keel_vm *vm, struct keel_irq_route *route,
		      const struct kvm_irq_routing_entry *entry);
int x86_irq_set_atomic(struct keel_vm *vm, const struct keel_irq_route *route, int source,
		       int level, bool line_status);
bool x86_irqchip_ready(struct keel_vm *vm);
bool x86_irq_can_ack(struct keel_vm *vm);	/* resampling irqfds need the IOAPIC here */
/** x86_deliver - send @msg to every vCPU it addresses. @src NULL: not from a vCPU.
 * Any context (irqs may be off). Return: vCPUs reached, 0 coalesced, -1 none there. */
int x86_deliver(struct x86_vm *vm, struct x86_vcpu *src, const struct x86_apic_msg *msg);
/** x86_deliver_to_id - a fixed interrupt for the one APIC with physical ID @dest, from a device
 * Return: as x86_deliver(), or X86_NOT_ONE: that is not what @dest means, or not so easily told. */
int x86_deliver_to_id(struct x86_vm *vm, u32 dest, u8 vector, bool level);
#define X86_NOT_ONE (-2)

/* For event.c: the interrupt the vCPU should take next, PIC or LAPIC. */
bool x86_irq_pending(struct x86_vcpu *v);	/* deliverable by priority; IF is not looked at */
int x86_irq_take(struct x86_vcpu *v);		/* acknowledge it: vector, or -1 */
/** x86_extint_pending - an ExtINT from the PIC (or user space's PIC in split mode) waits. */
bool x86_extint_pending(struct x86_vcpu *v);
/** x86_extint_accepted - would this vCPU take an ExtINT (LVT LINT0, or its APIC is off)? */
bool x86_extint_accepted(const struct x86_vcpu *v);

/* lapic.c, lapic_timer.c */
int x86_lapic_create(struct x86_vcpu *v);
/** x86_lapic_created - the vCPU can be seen now: others may address its APIC. May sleep. */
void x86_lapic_created(struct x86_vcpu *v);
void x86_lapic_destroy(struct x86_vcpu *v);
void x86_lapic_reset(struct x86_vcpu *v, bool init);
/** x86_lapic_irq - highest deliverable vector above PPR, or -1. */
int x86_lapic_irq(struct x86_vcpu *v);
/** x86_lapic_irr - highest requested vector, or -1. */
int x86_lapic_irr(struct x86_vcpu *v);
/*
 * Before entry: PV EOI, CR8 intercept. After exit: PV EOI; a backend that lets the guest write
 * CR8 calls x86_lapic_set_tpr(). Both may sleep.
 */
void x86_lapic_before_entry(struct x86_vcpu *v);
void x86_lapic_after_exit(struct x86_vcpu *v);
void x86_lapic_set_tpr(struct x86_vcpu *v, u8 cr8);	/* 4 bits */
u8 x86_lapic_cr8(struct x86_vcpu *v);
/** x86_lapic_mmio - an access to the LAPIC's page? 0 handled, -EOPNOTSUPP not its address. */
int x86_lapic_mmio(struct keel_vcpu *vcpu, u64 gpa, void *val, int len, bool write);
/* MSRs 0x800..0x8ff, APIC_BASE, TSC_DEADLINE: 0, or 1 for #GP */
int x86_x2apic_read(struct x86_vcpu *v, u32 msr, u64 *val);
int x86_x2apic_write(struct x86_vcpu *v, u32 msr, u64 val);
int x86_set_apic_base(struct x86_vcpu *v, u64 val, bool host);
u64 x86_get_tsc_deadline(struct x86_vcpu *v);
void x86_set_tsc_deadline(struct x86_vcpu *v, u64 val);
/** x86_lapic_events - X86_REQ_INIT_SIPI: act on latched INIT and SIPI. 1, or 0 to user space. */
int x86_lapic_events(struct x86_vcpu *v);
/** x86_lapic_set_sipi_vector - KVM_SET_VCPU_EVENTS: of a SIPI that is latched or will be. */
void x86_lapic_set_sipi_vector(struct x86_vcpu *v, u8 vector);
/** x86_lapic_set_sipi - KVM_SET_MP_STATE: a SIPI waits to be acted on. */
void x86_lapic_set_sipi(struct x86_vcpu *v);
/* A SIPI or INIT that would wake this vCPU from its MP state waits. */
bool x86_lapic_wakeup(struct x86_vcpu *v);
void x86_lapic_migrate(struct x86_vcpu *v);	/* on another CPU now: take the timer along */
/** x86_lapic_tsc_changed - the guest's TSC jumped: program the deadline again. */
void x86_lapic_tsc_changed(struct x86_vcpu *v);
int x86_pv_ipi(struct x86_vm *vm, struct x86_vcpu *src, u64 low, u64 high, u32 min, u64 icr,
	       bool op64);
int x86_pv_kick(struct x86_vm *vm, u32 apicid);	/* PV unhalt by APIC ID */
struct x86_vcpu *x86_vcpu_by_apicid(struct x86_vm *vm, u32 apicid);
/** x86_async_pf_irq - raise @vector on this vCPU's own LAPIC (edge). */
void x86_lapic_raise(struct x86_vcpu *v, u8 vector);
/* X86_REQ_EOI_EXIT: fills kvm_run with KVM_EXIT_IOAPIC_EOI or KVM_EXIT_TPR_ACCESS; returns 0 */
int x86_eoi_exit(struct x86_vcpu *v);
void x86_apic_map_update(struct x86_vm *vm);	/* when apic_map_dirty; may sleep */

#endif
