// SPDX-License-Identifier: GPL-2.0-only
/* What x86 has: instructions that exit, ports, IPIs, HLT, interrupts. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include "bench.h"
#include "x86.h"

#define USER_PORT 0x5000	/* nobody's */
#define BELL_PORT 0x5010
#define X2APIC_EOI 0x80b
#define X2APIC_SVR 0x80f
#define X2APIC_ICR 0x830

/* --- instructions ------------------------------------------------------------------------------ */

static inline void vmmcall(u64 nr)
{
	asm volatile("vmmcall" : "+a"(nr) : : "rbx", "memory");
}

static u32 leaf[4];

GUEST_MEASURES(guest_cpuid, cpuid(0, 0, leaf))
GUEST_MEASURES(guest_rdmsr, rdmsr(MSR_PAT))
GUEST_MEASURES(guest_wrmsr, wrmsr(MSR_PAT, 0x0007040600070406))
GUEST_MEASURES(guest_vmmcall, vmmcall(KVM_HC_VAPIC_POLL_IRQ))
GUEST_MEASURES(guest_in_pic, inb(0x21))
GUEST_MEASURES(guest_out, outl(USER_PORT, i))
GUEST_MEASURES(guest_in, inl(USER_PORT))
GUEST_MEASURES(guest_bell, outw(BELL_PORT, 1))

PATH(cpuid, "kernel")
{
	bench_guest(guest_cpuid);
}

PATH(rdmsr, "kernel")
{
	bench_guest(guest_rdmsr);
}

PATH(wrmsr, "kernel")
{
	bench_guest(guest_wrmsr);
}

PATH(vmmcall, "kernel")
{
	bench_guest(guest_vmmcall);
}

/* --- ports ------------------------------------------------------------------------------------- */

PATH(in_pic, "kernel")
{
	bench_guest(guest_in_pic);
}

PATH(out_user, "user")
{
	bench_guest(guest_out);
}

PATH(in_user, "user")
{
	bench_guest(guest_in);
}

static int bell(struct vm *vm)
{
	struct kvm_ioeventfd event = {
		.addr = BELL_PORT, .len = 2, .fd = ASSERT_OK(eventfd(0, 0)),
		.flags = KVM_IOEVENTFD_FLAG_PIO,
	};

	ASSERT_OK(ioctl(vm->fd, KVM_IOEVENTFD, &event));
	return event.fd;
}

PATH(ioeventfd_pio, "kernel")
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	bell(vm);
	bench_guest_in(vm, guest_bell);
}

/* --- interrupts -------------------------------------------------------------------------------- */

/* Interrupts taken, one count for each of two vectors. */
u64 bench_irqs[2];
extern char bench_irq0[], bench_irq1[];

/* The shortest handler: count and end the interrupt. */
#define HANDLER(name, counter)							\
	asm(".pushsection .text\n"						\
	    #name ":\n"								\
	    "	push %rax; push %rcx; push %rdx\n"				\
	    "	incq " counter "\n"						\
	    "	mov $0x80b, %ecx; xor %eax, %eax; xor %edx, %edx\n"		\
	    "	wrmsr\n"							\
	    "	pop %rdx; pop %rcx; pop %rax\n"					\
	    "	iretq\n"							\
	    ".popsection")
HANDLER(bench_irq0, "bench_irqs");
HANDLER(bench_irq1, "bench_irqs + 8");

static void set_gate(struct vm *vm, unsigned int vector, const void *handler)
{
	u64 *gate = vm_hva(vm, X86_IDT + 16 * vector), address = (u64)handler;

	gate[0] = (address & 0xffff) | SEL_CODE64 << 16 | 0x8e00ull << 32 | (address >> 16) << 48;
	gate[1] = address >> 32;
}

static struct vm *irq_vm(void)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	set_gate(vm, MSI_VECTOR, bench_irq0);
	set_gate(vm, MSI_VECTOR + 1, bench_irq1);
	return vm;
}

static void x2apic(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	wrmsr(X2APIC_SVR, 0x100 | SPURIOUS_VECTOR);
}

static void send(u32 target, u8 vector)
{
	wrmsr(X2APIC_ICR, (u64)target << 32 | vector);
}

static void guest_x2apic(u64 arg)
{
	x2apic();
}

/* To a vCPU that does not run, another vector each time. */
static void guest_ipi(u64 arg)
{
	x2apic();
	MEASURE(SAMPLES, send(1, 0x20 + i));
}

PATH(ipi, "kernel")
{
	struct vm *vm = irq_vm();
	struct vcpu *from = vcpu_create(vm, guest_ipi, 0);

	bench_run(vcpu_create(vm, guest_x2apic, 0));
	bench_run(from);
	bench_report(*vm_var(vm, bench_samples), SAMPLES, 1);
}

/*
 * Waits with HLT for the next interrupt of a vector. Interrupts are off before and after. They are let in
 * before the HLT too: Bochs ends guest mode for an open interrupt window when interrupts are switched on, but
 * not at an entry, so that the distribution's KVM would halt and wake for ever.
 */
static void await(unsigned int which, u64 count)
{
	asm volatile("sti; nop; nop; cli" : : : "memory");
	while (READ(bench_irqs[which]) < count)
		asm volatile("sti; hlt; nop; cli; sti; nop; nop; cli" : : : "memory");
}

#define TURNS (SAMPLES + 1)

static void guest_ping(u64 arg)
{
	x2apic();
	guest_sync(0);
	/* The other one says that it is there. */
	await(0, 1);
	MEASURE(SAMPLES, send(1, MSI_VECTOR + 1); await(0, i + 2));
	send(1, MSI_VECTOR + 1);
}

static void guest_pong(u64 arg)
{
	u64 n;

	x2apic();
	for (n = 1; n <= TURNS; n++) {
		send(0, MSI_VECTOR);
		await(1, n);
	}
}

static void *run_thread(void *vcpu)
{
	bench_run(vcpu);
	return NULL;
}

/* Two vCPUs that wake each other in turn: each turn is an IPI, a HLT, a wake-up and an interrupt. */
PATH(hlt_wake, "kernel")
{
	struct vm *vm = irq_vm();
	struct vcpu *ping = vcpu_create(vm, guest_ping, 0), *pong = vcpu_create(vm, guest_pong, 0);
	pthread_t thread;

	bench_run(ping);
	ASSERT_EQ(pthread_create(&thread, NULL, run_thread, pong), 0);
	bench_run(ping);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	bench_report(*vm_var(vm, bench_samples), SAMPLES, 2);
}

#define MSI_GSI 24

static void route_irqfd(struct vm *vm, struct vcpu *vcpu, int fd)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} table = {
		.head.nr = 1,
		.entry = { .gsi = MSI_GSI, .type = KVM_IRQ_ROUTING_MSI },
	};
	struct kvm_irqfd irqfd = { .fd = fd, .gsi = MSI_GSI };
	struct kvm_msi msi;

	arch_msi(vcpu, 0, &msi);
	table.entry.u.msi.address_lo = msi.address_lo;
	table.entry.u.msi.data = msi.data;
	ASSERT_OK(ioctl(vm->fd, KVM_SET_GSI_ROUTING, &table));
	ASSERT_OK(ioctl(vm->fd, KVM_IRQFD, &irqfd));
}

static void guest_ring_and_take(u64 arg)
{
	x2apic();
	sti();
	MEASURE(SAMPLES, outw(BELL_PORT, 1); while (READ(bench_irqs[0]) <= i));
	cli();
}

/* The guest rings a bell whose eventfd is an irqfd's: a write, an injection, a handler and an EOI. */
PATH(irqfd, "kernel")
{
	struct vm *vm = irq_vm();
	struct vcpu *vcpu = vcpu_create(vm, guest_ring_and_take, 0);

	route_irqfd(vm, vcpu, bell(vm));
	bench_run(vcpu);
	bench_report(*vm_var(vm, bench_samples), SAMPLES, 1);
}

/* User space signals the irqfd of a vCPU that does not run; its LAPIC forgets that each time. */
PATH(irqfd_write, "user")
{
	struct vm *vm = irq_vm();
	struct vcpu *vcpu = vcpu_create(vm, guest_x2apic, 0);
	int fd = ASSERT_OK(eventfd(0, 0));
	struct kvm_lapic_state lapic;
	u64 samples[SAMPLES], one = 1;
	unsigned int n;

	route_irqfd(vm, vcpu, fd);
	bench_run(vcpu);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic));
	for (n = 0; n < SAMPLES; n++) {
		MEASURE(1, ASSERT_OK(write(fd, &one, sizeof(one))));
		samples[n] = bench_samples[0];
		ASSERT_OK(ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic));
	}
	bench_report(samples, SAMPLES, 1);
}
