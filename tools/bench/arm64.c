// SPDX-License-Identifier: GPL-2.0-only
/* What arm64 has: hypercalls, trapped registers, the GIC's frames, SGIs, WFI, the virtual timer. */
#include <linux/psci.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include "arm64.h"
#include "bench.h"

#define VTIMER_LINE 27
#define BELL_GPA (MMIO_GPA + 0x100)

static inline void psci_version(void)
{
	register u64 x0 asm("x0") = PSCI_0_2_FN_PSCI_VERSION;

	asm volatile("hvc #0" : "+r"(x0) : : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
		     "x12", "x13", "x14", "x15", "x16", "x17", "memory");
}

GUEST_MEASURES(guest_psci, psci_version())
GUEST_MEASURES(guest_id_register, read_sys(id_aa64isar0_el1))
GUEST_MEASURES(guest_trapped_write, write_sys(oslar_el1, 0))
GUEST_MEASURES(guest_gicd_read, read32(GICD + GICD_ISENABLER + 4))
GUEST_MEASURES(guest_gicd_write, write32(GICD + GICD_IPRIORITYR + 32, i))
GUEST_MEASURES(guest_gicr_read, read32(GICR + GICR_SGI + GICD_ISENABLER))

PATH(hvc, "kernel")
{
	bench_guest(guest_psci);
}

PATH(sysreg_read, "kernel")
{
	bench_guest(guest_id_register);
}

PATH(sysreg_write, "kernel")
{
	bench_guest(guest_trapped_write);
}

PATH(gicd_read, "kernel")
{
	bench_guest(guest_gicd_read);
}

PATH(gicd_write, "kernel")
{
	bench_guest(guest_gicd_write);
}

PATH(gicr_read, "kernel")
{
	bench_guest(guest_gicr_read);
}

/* --- interrupts -------------------------------------------------------------------------------- */

/* Interrupts taken, by line modulo 32. */
u64 bench_irqs[32];
extern char bench_vectors[];

/* The shortest handler: acknowledge, count, end; the virtual timer's is masked as well. */
asm(".pushsection .text\n"
    ".balign 2048\n"
    "bench_vectors:\n"
    ".skip 0x280\n"
    "	stp x0, x1, [sp, #-32]!\n"
    "	str x2, [sp, #16]\n"
    "	mrs x0, S3_0_C12_C12_0\n"
    "	cmp x0, #27\n"
    "	b.ne 1f\n"
    "	mov x1, #3\n"
    "	msr cntv_ctl_el0, x1\n"
    "1:	adrp x1, bench_irqs\n"
    "	add x1, x1, :lo12:bench_irqs\n"
    "	and x2, x0, #31\n"
    "	add x1, x1, x2, lsl #3\n"
    "	ldr x2, [x1]\n"
    "	add x2, x2, #1\n"
    "	str x2, [x1]\n"
    "	msr S3_0_C12_C12_1, x0\n"
    "	ldr x2, [sp, #16]\n"
    "	ldp x0, x1, [sp], #32\n"
    "	eret\n"
    ".popsection");

static void listen(void)
{
	guest_irq_init();
	guest_line_enable(0, false);
	guest_line_enable(1, false);
	guest_line_enable(VTIMER_LINE, true);
	write_sys(vbar_el1, bench_vectors);
}

static void send(u64 target, u64 line)
{
	asm volatile("msr S3_0_C12_C11_5, %0" : : "r"(line << 24 | 1ul << target) : "memory");
}

static void guest_listens(u64 arg)
{
	listen();
}

/* To a vCPU that does not run, another line each time. */
static void guest_sgi(u64 arg)
{
	listen();
	MEASURE(SAMPLES, send(1, i % 16));
}

PATH(sgi, "kernel")
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *from = vcpu_create(vm, guest_sgi, 0);

	bench_run(vcpu_create(vm, guest_listens, 0));
	bench_run(from);
	bench_report(*vm_var(vm, bench_samples), SAMPLES, 1);
}

static void guest_self(u64 arg)
{
	listen();
	guest_irq_enable();
	MEASURE(SAMPLES, send(0, 0); while (READ(bench_irqs[0]) <= i));
	guest_irq_disable();
}

/* An SGI to itself: a trap, an injection, and the handler, whose acknowledge and end are the hardware's. */
PATH(sgi_self, "kernel")
{
	bench_guest(guest_self);
}

/* Waits with WFI for the next interrupt of a line. Interrupts are off before and after. */
static void await(unsigned int which, u64 count)
{
	while (READ(bench_irqs[which]) < count)
		guest_wait();
}

#define TURNS (SAMPLES + 1)

static void guest_ping(u64 arg)
{
	listen();
	guest_sync(0);
	/* The other one says that it is there. */
	await(0, 1);
	MEASURE(SAMPLES, send(1, 1); await(0, i + 2));
	send(1, 1);
}

static void guest_pong(u64 arg)
{
	u64 n;

	listen();
	for (n = 1; n <= TURNS; n++) {
		send(0, 0);
		await(1, n);
	}
}

static void *run_thread(void *vcpu)
{
	bench_run(vcpu);
	return NULL;
}

/* Two vCPUs that wake each other in turn: each turn is an SGI, a WFI, a wake-up and an interrupt. */
PATH(wfi_wake, "kernel")
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *ping = vcpu_create(vm, guest_ping, 0), *pong = vcpu_create(vm, guest_pong, 0);
	pthread_t thread;

	bench_run(ping);
	ASSERT_EQ(pthread_create(&thread, NULL, run_thread, pong), 0);
	bench_run(ping);
	ASSERT_EQ(pthread_join(thread, NULL), 0);
	bench_report(*vm_var(vm, bench_samples), SAMPLES, 2);
}

static void guest_timer(u64 arg)
{
	listen();
	guest_irq_enable();
	write_sys(cntv_cval_el0, 0);
	MEASURE(SAMPLES, write_sys(cntv_ctl_el0, 1); while (READ(bench_irqs[VTIMER_LINE]) <= i));
	guest_irq_disable();
}

/* The virtual timer's condition is there as soon as it is enabled: an exit by the host's line, an injection. */
PATH(vtimer, "kernel")
{
	bench_guest(guest_timer);
}

static void guest_ring_and_take(u64 line)
{
	listen();
	guest_line_enable(SPI + 4, false);
	guest_irq_enable();
	MEASURE(SAMPLES, write32(BELL_GPA, 1); while (READ(bench_irqs[4]) <= i));
	guest_irq_disable();
}

static int irqfd(struct vm *vm, int fd)
{
	struct kvm_irqfd irqfd = { .fd = fd, .gsi = 4 };

	ASSERT_OK(ioctl(vm->fd, KVM_IRQFD, &irqfd));
	return fd;
}

static void ready(struct vm *vm)
{
	arch_vm_ready(vm);
	vm->ready = true;
}

/* The guest rings a bell whose eventfd is an irqfd's: a write, an injection, a handler and its end. */
PATH(irqfd, "kernel")
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_ring_and_take, 0);
	struct kvm_ioeventfd event = { .addr = BELL_GPA, .len = 4, .fd = ASSERT_OK(eventfd(0, 0)) };

	ready(vm);
	ASSERT_OK(ioctl(vm->fd, KVM_IOEVENTFD, &event));
	irqfd(vm, event.fd);
	bench_run(vcpu);
	bench_report(*vm_var(vm, bench_samples), SAMPLES, 1);
}

static void guest_enables(u64 arg)
{
	listen();
	guest_line_enable(SPI + 4, false);
}

/* User space signals the irqfd of a vCPU that does not run; the controller forgets that each time. */
PATH(irqfd_write, "user")
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_enables, 0);
	int fd = ASSERT_OK(eventfd(0, 0));
	u64 samples[SAMPLES], one = 1;
	unsigned int n;
	u32 none = 0;

	bench_run(vcpu);
	irqfd(vm, fd);
	for (n = 0; n < SAMPLES; n++) {
		MEASURE(1, ASSERT_OK(write(fd, &one, sizeof(one))));
		samples[n] = bench_samples[0];
		ASSERT_OK(gic_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_ISPENDR + 4,
				   &none));
	}
	bench_report(samples, SAMPLES, 1);
}
