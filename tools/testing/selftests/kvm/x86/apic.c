// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC: timers, interrupts between vCPUs, starting vCPUs, x2APIC, and its state. */
#include <stdlib.h>
#include "x86.h"

#define TIMER_VECTOR 0x50
#define IPI_VECTOR 0x60

static u64 ticks, ipis[4], nmis, stop, ready;

static void on_tick(struct trap_frame *frame)
{
	WRITE(ticks, READ(ticks) + 1);
	lapic_write(LAPIC_EOI, 0);
}

static void wait_ticks(u64 n)
{
	while (READ(ticks) < n)
		guest_wait();
}

static void timer_init(u32 lvt)
{
	lapic_enable();
	guest_on_trap(TIMER_VECTOR, on_tick);
	lapic_write(LAPIC_LVTT, TIMER_VECTOR | lvt);
	lapic_write(LAPIC_TDCR, 0xb);	/* divided by 1: nanoseconds */
}

#define MS 1000000u

/* @lvt: mode bits */
static void guest_one_shot(u64 arg)
{
	u32 before, after;

	timer_init(0);
	guest_sync(0);
	lapic_write(LAPIC_TMICT, 20 * MS);
	before = lapic_read(LAPIC_TMCCT);
	GUEST_ASSERT(before > 0 && before <= 20 * MS);
	after = lapic_read(LAPIC_TMCCT);
	GUEST_ASSERT(after < before);
	wait_ticks(1);
	guest_sync(1);
	GUEST_ASSERT_EQ(lapic_read(LAPIC_TMCCT), 0);
	/* Only once. Stopped and masked ones do not come at all. */
	lapic_write(LAPIC_TMICT, 5 * MS);
	lapic_write(LAPIC_TMICT, 0);
	lapic_write(LAPIC_LVTT, TIMER_VECTOR | BIT(16));
	lapic_write(LAPIC_TMICT, MS);
	guest_sync(2);
	sti();
	guest_sync(3);
	GUEST_ASSERT_EQ(READ(ticks), 1);
}

static void guest_divided(u64 arg)
{
	timer_init(0);
	lapic_write(LAPIC_TDCR, 3);	/* by 16 */
	guest_sync(0);
	lapic_write(LAPIC_TMICT, 2 * MS);
	wait_ticks(1);
}

static u64 since(u64 *start)
{
	return (now_ns() - *start) / 1000;
}

TEST(one_shot)
{
	struct vcpu *vcpu = vcpu_create(vm_create(VM_IRQCHIP), guest_one_shot, 0);
	u64 start;

	vcpu_sync_is(vcpu, 0);
	start = now_ns();
	vcpu_sync_is(vcpu, 1);
	ASSERT_MSG(since(&start) >= 20000, "20 ms took %lu us", since(&start));
	ASSERT_MSG(since(&start) < 2000000, "20 ms took %lu us", since(&start));
	vcpu_sync_is(vcpu, 2);
	sleep_ms(20);
	vcpu_sync_is(vcpu, 3);
	vcpu_done(vcpu);
}

TEST(divided)
{
	struct vcpu *vcpu = vcpu_create(vm_create(VM_IRQCHIP), guest_divided, 0);
	u64 start;

	vcpu_sync_is(vcpu, 0);
	start = now_ns();
	vcpu_done(vcpu);
	ASSERT_MSG(since(&start) >= 32000, "32 ms took %lu us", since(&start));
	ASSERT_MSG(since(&start) < 2000000, "32 ms took %lu us", since(&start));
}

static void guest_periodic(u64 arg)
{
	timer_init(BIT(17));
	guest_sync(0);
	lapic_write(LAPIC_TMICT, 5 * MS);
	wait_ticks(20);
	guest_sync(1);
	/* A new count is a new period. */
	lapic_write(LAPIC_TMICT, 20 * MS);
	ticks = 0;
	wait_ticks(3);
	lapic_write(LAPIC_TMICT, 0);
}

TEST(periodic)
{
	struct vcpu *vcpu = vcpu_create(vm_create(VM_IRQCHIP), guest_periodic, 0);
	u64 start;

	vcpu_sync_is(vcpu, 0);
	start = now_ns();
	vcpu_sync_is(vcpu, 1);
	ASSERT_MSG(since(&start) >= 95000, "20 times 5 ms took %lu us", since(&start));
	ASSERT_MSG(since(&start) < 3000000, "20 times 5 ms took %lu us", since(&start));
	start = now_ns();
	vcpu_done(vcpu);
	ASSERT_MSG(since(&start) >= 55000, "3 times 20 ms took %lu us", since(&start));
}

static void guest_deadline(u64 khz)
{
	u64 i, at;

	timer_init(BIT(18));
	GUEST_ASSERT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	for (i = 1; i <= 5; i++) {
		at = rdtsc() + 10 * khz;
		wrmsr(MSR_TSC_DEADLINE, at);
		GUEST_ASSERT_EQ(rdmsr(MSR_TSC_DEADLINE), at);
		wait_ticks(i);
		GUEST_ASSERT(rdtsc() >= at);
		GUEST_ASSERT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	}
	/* In the past: at once. */
	wrmsr(MSR_TSC_DEADLINE, 1);
	wait_ticks(6);
	/* Taken back. */
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 5 * khz);
	wrmsr(MSR_TSC_DEADLINE, 0);
	sti();
	for (at = rdtsc() + 10 * khz; rdtsc() < at;)
		guest_relax();
	GUEST_ASSERT_EQ(READ(ticks), 6);
}

TEST(deadline)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct kvm_cpuid2 *cpuid = supported_cpuid();
	struct vcpu *vcpu;

	NEED_CAP(KVM_CAP_TSC_DEADLINE_TIMER);
	/* Not in the table: whoever has an APIC in the kernel adds it. */
	cpuid_leaf(cpuid, 1, 0)->ecx |= BIT(24);
	vcpu = vcpu_create(vm, guest_deadline, 0);
	vcpu_set_regs(vcpu, &(struct kvm_regs){
		.rip = vcpu_regs(vcpu).rip, .rsp = vcpu_regs(vcpu).rsp, .rsi = vcpu_regs(vcpu).rsi,
		.rdi = ASSERT_OK(ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0)), .rflags = 2 });
	vcpu_done(vcpu);
}

/* --- between vCPUs ------------------------------------------------------------------------------------------ */

static void on_ipi(struct trap_frame *frame)
{
	u32 id = lapic_read(LAPIC_ID) >> 24;

	WRITE(ipis[id], READ(ipis[id]) + 1);
	lapic_write(LAPIC_EOI, 0);
}

static void on_nmi(struct trap_frame *frame)
{
	__atomic_fetch_add(&nmis, 1, __ATOMIC_SEQ_CST);
}

static void ipi_init(void)
{
	u32 id = lapic_read(LAPIC_ID) >> 24;

	lapic_enable();
	guest_on_trap(IPI_VECTOR, on_ipi);
	guest_on_trap(V_NMI, on_nmi);
	lapic_write(LAPIC_DFR, ~0u);
	lapic_write(LAPIC_LDR, 1u << (24 + id));	/* logical: a bit each */
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
}

static void guest_target(u64 arg)
{
	ipi_init();
	while (!READ(stop))
		guest_wait();
}

static void reaches(u64 a, u64 b, u64 c)
{
	const u64 want[3] = { a, b, c };
	u64 i, spins;

	for (i = 0; i < 3; i++) {
		for (spins = 0; READ(ipis[i]) < want[i] && spins < 20000000; spins++)
			guest_relax();
		if (READ(ipis[i]) != want[i])
			guest_call(GUEST_FAILED, (u64)"interrupts of a vCPU", __LINE__,
				   i << 32 | READ(ipis[i]), want[i]);
	}
}

#define LOGICAL BIT(11)
#define LOWEST (1 << 8)

static void guest_sender(u64 rounds)
{
	u64 i, low = 0;

	ipi_init();
	sti();
	while (READ(ready) < 3)
		guest_relax();
	for (i = 1; i <= rounds; i++) {
		lapic_ipi(1, IPI_VECTOR);
		reaches(0, i, 0);
	}
	lapic_ipi(0, IPI_VECTOR);			/* itself */
	reaches(1, rounds, 0);
	lapic_ipi(0, IPI_VECTOR | 1 << 18);		/* shorthand: itself */
	reaches(2, rounds, 0);
	lapic_ipi(0, IPI_VECTOR | 3 << 18);		/* all but itself */
	reaches(2, rounds + 1, 1);
	lapic_ipi(0, IPI_VECTOR | 2 << 18);		/* all */
	reaches(3, rounds + 2, 2);
	lapic_ipi(0xff, IPI_VECTOR);			/* broadcast */
	reaches(4, rounds + 3, 3);
	lapic_ipi(6, IPI_VECTOR | LOGICAL);		/* 1 and 2 */
	reaches(4, rounds + 4, 4);
	lapic_ipi(4, IPI_VECTOR | LOGICAL);
	reaches(4, rounds + 4, 5);
	lapic_ipi(7, IPI_VECTOR);			/* nobody */
	reaches(4, rounds + 4, 5);
	/* One of several, whoever: and the one with the lower priority if there is one. */
	for (i = 0; i < 10; i++) {
		lapic_ipi(6, IPI_VECTOR | LOGICAL | LOWEST);
		low++;
		while (READ(ipis[1]) + READ(ipis[2]) < rounds + 9 + low)
			guest_relax();
	}
	GUEST_ASSERT_EQ(READ(ipis[1]) + READ(ipis[2]), rounds + 9 + 10);
	/* Non-maskable ones. */
	lapic_ipi(2, 4 << 8);
	while (!READ(nmis))
		guest_relax();
	WRITE(stop, 1);
	lapic_ipi(0, IPI_VECTOR | 3 << 18);
}

TEST_SECONDS(between_vcpus, 60)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	unsigned int i;

	vcpu_create(vm, guest_sender, test_size(200, 30));
	vcpu_create(vm, guest_target, 0);
	vcpu_create(vm, guest_target, 0);
	for (i = 0; i < 3; i++)
		vcpu_start(vm->vcpus[i]);
	for (i = 0; i < 3; i++)
		vcpu_join(vm->vcpus[i]);
}

/* Priorities: what is not above the task's waits; the higher goes first. */
static u64 order[8], taken;

static void on_any(struct trap_frame *frame)
{
	order[taken++ & 7] = frame->vector;
	lapic_write(LAPIC_EOI, 0);
}

static void guest_priorities(u64 arg)
{
	unsigned int i;

	lapic_enable();
	for (i = 0x40; i < 0xf0; i += 0x10)
		guest_on_trap(i + 1, on_any);
	write_cr8(6);
	GUEST_ASSERT_EQ(lapic_read(LAPIC_TPR), 0x60);
	lapic_ipi(0, 0x51);
	lapic_ipi(0, 0x61);
	lapic_ipi(0, 0x71);
	lapic_ipi(0, 0x91);
	GUEST_ASSERT_EQ(lapic_read(LAPIC_IRR + 0x10 * (0x91 / 32)) & BIT(0x91 % 32), BIT(0x91 % 32));
	sti();
	asm volatile("nop");
	GUEST_ASSERT_EQ(READ(taken), 2);
	GUEST_ASSERT_EQ(READ(order[0]), 0x91);
	GUEST_ASSERT_EQ(READ(order[1]), 0x71);
	lapic_write(LAPIC_TPR, 0x50);
	GUEST_ASSERT_EQ(read_cr8(), 5);
	asm volatile("nop");
	GUEST_ASSERT_EQ(READ(taken), 3);
	GUEST_ASSERT_EQ(READ(order[2]), 0x61);
	write_cr8(0);
	asm volatile("nop");
	GUEST_ASSERT_EQ(READ(taken), 4);
	GUEST_ASSERT_EQ(READ(order[3]), 0x51);
	cli();
	/* The same vector twice while it waits is once. */
	lapic_ipi(0, 0x51);
	lapic_ipi(0, 0x51);
	sti();
	asm volatile("nop");
	GUEST_ASSERT_EQ(READ(taken), 5);
}

TEST(priorities)
{
	vcpu_done(vcpu_create(vm_create(VM_IRQCHIP), guest_priorities, 0));
}

/* --- x2APIC --------------------------------------------------------------------------------------------------- */

#define X2APIC(reg) (0x800 + (reg) / 16)

static u64 strict;	/* Linux is not in everything */

static void on_x2_ipi(struct trap_frame *frame)
{
	u64 id = rdmsr(X2APIC(LAPIC_ID));

	WRITE(ipis[id], READ(ipis[id]) + 1);
	wrmsr(X2APIC(LAPIC_EOI), 0);
}

static void x2_init(u64 id)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	GUEST_ASSERT_EQ(base, LAPIC | BIT(11) | (id ? 0 : BIT(8)));
	if (!id)	/* only one at a time may catch */
		GUEST_ASSERT_EQ(catch_rdmsr(X2APIC(LAPIC_ID)), V_GP);
	wrmsr(MSR_APIC_BASE, base | BIT(10));
	GUEST_ASSERT_EQ(rdmsr(X2APIC(LAPIC_ID)), id);
	GUEST_ASSERT_EQ(rdmsr(X2APIC(LAPIC_LDR)), 1u << id);
	wrmsr(X2APIC(LAPIC_SVR), 0x100 | SPURIOUS_VECTOR);
	guest_on_trap(IPI_VECTOR, on_x2_ipi);
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
}

static void guest_x2_target(u64 id)
{
	x2_init(id);
	while (!READ(stop))
		guest_wait();
}

static void guest_x2_sender(u64 rounds)
{
	u64 i, base = rdmsr(MSR_APIC_BASE);

	x2_init(0);
	sti();
	while (READ(ready) < 3)
		guest_relax();
	for (i = 1; i <= rounds; i++) {
		wrmsr(X2APIC(LAPIC_ICR), 1ull << 32 | IPI_VECTOR);
		reaches(0, i, 0);
	}
	wrmsr(0x83f, IPI_VECTOR);			/* self-IPI register */
	reaches(1, rounds, 0);
	wrmsr(X2APIC(LAPIC_ICR), 0xffffffffull << 32 | IPI_VECTOR);
	reaches(2, rounds + 1, 1);
	wrmsr(X2APIC(LAPIC_ICR), 6ull << 32 | LOGICAL | IPI_VECTOR);
	reaches(2, rounds + 2, 2);
	/* Reserved, read-only and missing registers. */
	GUEST_ASSERT_EQ(catch_wrmsr(X2APIC(LAPIC_ID), 1), V_GP);
	GUEST_ASSERT_EQ(catch_rdmsr(X2APIC(LAPIC_DFR)), V_GP);
	GUEST_ASSERT_EQ(catch_rdmsr(X2APIC(LAPIC_ICR2)), V_GP);
	if (READ(strict)) {
		GUEST_ASSERT_EQ(catch_wrmsr(X2APIC(LAPIC_EOI), 1), V_GP);
		GUEST_ASSERT_EQ(catch_wrmsr(X2APIC(LAPIC_TPR), 0x100), V_GP);
	}
	/* Back to xAPIC only through off. */
	GUEST_ASSERT_EQ(catch_wrmsr(MSR_APIC_BASE, base), V_GP);
	WRITE(stop, 1);
	wrmsr(X2APIC(LAPIC_ICR), 3 << 18 | IPI_VECTOR);
	cli();
	wrmsr(MSR_APIC_BASE, base & ~BIT(11));
	wrmsr(MSR_APIC_BASE, base);
	GUEST_ASSERT_EQ(lapic_read(LAPIC_ID) >> 24, 0);
}

TEST_SECONDS(x2apic, 60)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	unsigned int i;

	*vm_var(vm, strict) = keel_version();
	vcpu_create(vm, guest_x2_sender, test_size(200, 30));
	vcpu_create(vm, guest_x2_target, 1);
	vcpu_create(vm, guest_x2_target, 2);
	for (i = 0; i < 3; i++)
		vcpu_start(vm->vcpus[i]);
	for (i = 0; i < 3; i++)
		vcpu_join(vm->vcpus[i]);
}

/* --- INIT and SIPI ---------------------------------------------------------------------------------------------- */

extern const char ap_code[], ap_code_end[];
asm(".pushsection .rodata\n"
    "ap_code:\n"
    ".code16\n"
    "mov %cs, %ax; mov %ax, %ds\n"
    "incw 0x100\n"
    "mov %cs, 0x102\n"
    "1: cli; hlt; jmp 1b\n"
    ".code64\n"
    "ap_code_end:\n"
    ".popsection");

#define AP_PAGE 0x9000ul

static void start_ap(u64 count)
{
	u64 i;

	lapic_ipi(1, 0x4500);				/* INIT */
	lapic_ipi(1, 0x4600 | AP_PAGE / PAGE);		/* SIPI */
	for (i = 0; read16(AP_PAGE + 0x100) < count; i++)
		guest_relax();
	GUEST_ASSERT_EQ(read16(AP_PAGE + 0x100), count);
	GUEST_ASSERT_EQ(read16(AP_PAGE + 0x102), AP_PAGE / 16);
}

static void guest_boots_others(u64 rounds)
{
	u64 i;

	lapic_enable();
	sti();
	guest_sync(0);
	for (i = 1; i <= rounds; i++)
		start_ap(i);
	/* A second SIPI finds it running, and does nothing. */
	lapic_ipi(1, 0x4600 | AP_PAGE / PAGE);
	guest_sync(1);
	GUEST_ASSERT_EQ(read16(AP_PAGE + 0x100), rounds);
}

static void *run_ap(void *data)
{
	vcpu_run(data);
	vcpu_unexpected(data, "nothing");
}

TEST(start_up)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_boots_others, test_size(30, 5)), *ap;
	struct kvm_mp_state state;

	memcpy(vm_hva(vm, AP_PAGE), ap_code, ap_code_end - ap_code);
	ap = vcpu_create_bare(vm, 1);
	vcpu_set_cpuid(ap, supported_cpuid());
	ASSERT_OK(ioctl(ap->fd, KVM_GET_MP_STATE, &state));
	ASSERT_EQ(state.mp_state, KVM_MP_STATE_UNINITIALIZED);
	vcpu_sync_is(vcpu, 0);
	pthread_create(&ap->thread, NULL, run_ap, ap);
	vcpu_sync_is(vcpu, 1);
	sleep_ms(10);
	vcpu_done(vcpu);
}

/* --- NMI -------------------------------------------------------------------------------------------------------- */

static u64 nested, nmi_now;

static void on_slow_nmi(struct trap_frame *frame)
{
	nested = READ(nested) | READ(nmi_now);
	WRITE(nmi_now, 1);
	WRITE(nmis, READ(nmis) + 1);
	guest_sync(READ(nmis));
	WRITE(nmi_now, 0);
}

static void guest_nmi(u64 arg)
{
	guest_on_trap(V_NMI, on_slow_nmi);
	guest_sync(100);
	guest_sync(200);
	GUEST_ASSERT_EQ(READ(nested), 0);
}

TEST(nmi)
{
	struct vcpu *vcpu = vcpu_create(vm_create(VM_IRQCHIP), guest_nmi, 0);
	unsigned int i;

	vcpu_sync_is(vcpu, 100);
	ASSERT_OK(ioctl(vcpu->fd, KVM_NMI, 0));
	vcpu_sync_is(vcpu, 1);
	/* Inside the handler: one more waits until IRET, not two. */
	for (i = 0; i < 5; i++)
		ASSERT_OK(ioctl(vcpu->fd, KVM_NMI, 0));
	vcpu_sync_is(vcpu, 2);
	vcpu_sync_is(vcpu, 200);
	vcpu_done(vcpu);
}

/* --- state ------------------------------------------------------------------------------------------------------ */

static u32 *lapic_reg(struct kvm_lapic_state *state, unsigned int reg)
{
	return (u32 *)(state->regs + reg);
}

TEST(state)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_periodic, 0);
	struct vcpu *bare = vcpu_create(vm_create(0), guest_periodic, 0);
	struct kvm_lapic_state state, back;

	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_LAPIC, &state));
	ASSERT_EQ(*lapic_reg(&state, LAPIC_SVR), 0xff);
	ASSERT_EQ(*lapic_reg(&state, LAPIC_LVTT), BIT(16));
	ASSERT_EQ(*lapic_reg(&state, 0x30) & 0xff, 0x14);
	vcpu_sync_is(vcpu, 0);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_LAPIC, &state));
	ASSERT_EQ(*lapic_reg(&state, LAPIC_SVR), 0x1ff);
	ASSERT_EQ(*lapic_reg(&state, LAPIC_LVTT), BIT(17) | TIMER_VECTOR);
	*lapic_reg(&state, LAPIC_TPR) = 0x20;
	*lapic_reg(&state, LAPIC_LVT0) = 0x700;
	*lapic_reg(&state, LAPIC_IRR + 0x70) = BIT(3);
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_LAPIC, &state));
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_LAPIC, &back));
	ASSERT_EQ(*lapic_reg(&back, LAPIC_TPR), 0x20);
	ASSERT_EQ(*lapic_reg(&back, LAPIC_LVT0), 0x700);
	ASSERT_EQ(*lapic_reg(&back, LAPIC_IRR + 0x70), BIT(3));
	ASSERT_EQ(vcpu_sregs(vcpu).cr8, 2);
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_GET_LAPIC, (void *)8));
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_SET_LAPIC, (void *)8));
	ASSERT_ERRNO(EINVAL, ioctl(bare->fd, KVM_GET_LAPIC, &state));
	ASSERT_ERRNO(EINVAL, ioctl(bare->fd, KVM_SET_LAPIC, &state));
}

/* Switched off, its page is nobody's; but for a quirk, by which the kernel answers with ones. */
static void guest_switches_off(u64 answer)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	GUEST_ASSERT_EQ(lapic_read(0x30) & 0xff, 0x14);
	wrmsr(MSR_APIC_BASE, base & ~BIT(11));
	GUEST_ASSERT_EQ(lapic_read(0x30), answer);
	wrmsr(MSR_APIC_BASE, base);
	GUEST_ASSERT_EQ(lapic_read(0x30) & 0xff, 0x14);
	GUEST_ASSERT_EQ(catch_wrmsr(MSR_APIC_BASE, base | BIT(0)), V_GP);
	GUEST_ASSERT_EQ(catch_wrmsr(MSR_APIC_BASE, BIT(10)), V_GP);
}

TEST(switched_off)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu;
	u32 value = 0x600d;

	vcpu_done(vcpu_create(vm, guest_switches_off, ~0u));
	NEED_CAP(KVM_CAP_DISABLE_QUIRKS2);
	vm = vm_create(VM_IRQCHIP);
	ASSERT_OK(vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_LAPIC_MMIO_HOLE));
	vcpu = vcpu_create(vm, guest_switches_off, value);
	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.phys_addr, LAPIC + 0x30);
	memcpy(vcpu->run->mmio.data, &value, 4);
	vcpu_done(vcpu);
}

/* --- split: the LAPIC in the kernel, the rest in user space ------------------------------------------------------ */

static void on_level(unsigned int number)
{
	guest_sync2(0x1e7e1, number);
}

static void guest_split(u64 arg)
{
	guest_irq_init();
	guest_irq_msi(on_level);
	guest_sync(0);
	guest_irq_enable();
	guest_sync(1);
	guest_sync(2);
	guest_sync(3);
}

TEST(split)
{
	struct vm *vm = vm_create(0);
	struct kvm_irq_routing *table = calloc(1, sizeof(*table) + 24 * sizeof(table->entries[0]));
	struct vcpu *vcpu;
	struct kvm_msi msi;
	unsigned int i;

	NEED_CAP(KVM_CAP_SPLIT_IRQCHIP);
	ASSERT_ERRNO(EINVAL, vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 100000));
	ASSERT_OK(vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24));
	ASSERT_ERRNO(EEXIST, vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24));
	ASSERT(ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0);
	vcpu = vcpu_create(vm, guest_split, 0);
	/* The user space IOAPIC's pins, as it would route them: pin 5 by level. */
	table->nr = 24;
	for (i = 0; i < 24; i++) {
		arch_msi(vcpu, i % 16, &msi);
		table->entries[i] = (struct kvm_irq_routing_entry){
			.gsi = i, .type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = msi.address_lo,
				   .data = msi.data | (i == 5 ? BIT(15) : 0) },
		};
	}
	ASSERT_OK(ioctl(vm->fd, KVM_SET_GSI_ROUTING, table));
	vcpu_sync_is(vcpu, 0);
	arch_msi(vcpu, 5, &msi);
	msi.data |= BIT(15);
	ASSERT(ioctl(vm->fd, KVM_SIGNAL_MSI, &msi) > 0);
	vcpu_sync_is(vcpu, 0x1e7e1);
	/* Its acknowledge goes to user space. */
	vcpu_exit_is(vcpu, KVM_EXIT_IOAPIC_EOI);
	ASSERT_EQ(vcpu->run->eoi.vector, MSI_VECTOR + 5);
	vcpu_sync_is(vcpu, 1);
	/* One by edge does not. */
	arch_msi(vcpu, 6, &msi);
	ASSERT(ioctl(vm->fd, KVM_SIGNAL_MSI, &msi) > 0);
	vcpu_sync_is(vcpu, 0x1e7e1);
	vcpu_sync_is(vcpu, 2);
	/* An interrupt of the user space PIC. */
	ASSERT_EQ(vcpu->run->ready_for_interrupt_injection, 1);
	vcpu_sync_is(vcpu, 3);
	vcpu_done(vcpu);
}

/* Several vCPUs sleep and wake each other, round and round. */
static void guest_ring(u64 id)
{
	u64 rounds = READ(stop), i;

	ipi_init();
	if (!id) {
		sti();
		while (READ(ready) < 4)
			guest_relax();
		cli();
		lapic_ipi(1, IPI_VECTOR);
	}
	for (i = 1; i <= rounds; i++) {
		while (READ(ipis[id]) < i)
			guest_wait();
		if (id || i < rounds)
			lapic_ipi((id + 1) % 4, IPI_VECTOR);
	}
}

TEST_SECONDS(round_and_round, 60)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	u64 rounds = test_size(200, 30);
	unsigned int i;

	for (i = 0; i < 4; i++)
		vcpu_create(vm, guest_ring, i);
	*vm_var(vm, stop) = rounds;
	for (i = 0; i < 4; i++)
		vcpu_start(vm->vcpus[i]);
	for (i = 0; i < 4; i++)
		vcpu_join(vm->vcpus[i]);
	for (i = 0; i < 4; i++)
		ASSERT_EQ((*vm_var(vm, ipis))[i], rounds);
}
