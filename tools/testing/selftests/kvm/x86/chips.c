// SPDX-License-Identifier: GPL-2.0-only
/* The PC's chips in the kernel: IOAPIC, the two 8259 and the 8254. */
#include "x86.h"

static u64 counts[16], last_irq;

/* --- IOAPIC ------------------------------------------------------------------------------------------- */

static void on_gsi(unsigned int gsi)
{
	guest_sync2(0x951, gsi);
}

static void guest_ioapic(u64 arg)
{
	guest_irq_init();
	guest_irq_route(16, true, on_gsi);
	guest_irq_route(17, false, on_gsi);
	GUEST_ASSERT_EQ(ioapic_read(1) >> 16 & 0xff, 23);
	guest_irq_enable();
	guest_sync(0);
	guest_sync(1);
	guest_sync(2);
	guest_sync(3);
	/* Masked. */
	ioapic_write(0x10 + 2 * 17, ioapic_read(0x10 + 2 * 17) | BIT(16));
	guest_sync(4);
	guest_sync(5);
	ioapic_write(0x10 + 2 * 17, ioapic_read(0x10 + 2 * 17) & ~BIT(16));
	guest_sync(6);
}

static int line(struct vm *vm, u32 gsi, u32 level)
{
	struct kvm_irq_level args = { .irq = gsi, .level = level };

	ASSERT_OK(ioctl(vm->fd, KVM_IRQ_LINE_STATUS, &args));
	return args.status;
}

static void expect_gsi(struct vcpu *vcpu, u32 gsi)
{
	vcpu_sync_is(vcpu, 0x951);
	ASSERT_EQ(vcpu->call.args[1], gsi);
}

TEST(ioapic)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_ioapic, 0);
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	vcpu_sync_is(vcpu, 0);
	/* Level: again and again as long as it is up. */
	ASSERT(line(vm, 16, 1) > 0);
	expect_gsi(vcpu, 16);
	ASSERT_OK(ioctl(vm->fd, KVM_GET_IRQCHIP, &chip));
	ASSERT_EQ(chip.chip.ioapic.redirtbl[16].fields.remote_irr, 1);
	ASSERT_EQ(chip.chip.ioapic.irr & BIT(16), BIT(16));
	expect_gsi(vcpu, 16);
	expect_gsi(vcpu, 16);
	line(vm, 16, 0);
	vcpu_sync_is(vcpu, 1);
	/* Edge: once, whatever the line does later. */
	ASSERT(line(vm, 17, 1) > 0);
	expect_gsi(vcpu, 17);
	vcpu_sync_is(vcpu, 2);
	line(vm, 17, 1);
	vcpu_sync_is(vcpu, 3);
	line(vm, 17, 0);
	vcpu_sync_is(vcpu, 4);
	ASSERT(line(vm, 17, 1) <= 0);
	line(vm, 17, 0);
	vcpu_sync_is(vcpu, 5);
	vcpu_sync_is(vcpu, 6);
	ASSERT(line(vm, 17, 1) > 0);
	expect_gsi(vcpu, 17);
	vcpu_done(vcpu);
}

TEST(chip_state)
{
	struct vm *vm = vm_create(VM_IRQCHIP), *bare = vm_create(VM_BARE);
	struct kvm_irqchip chip, back;
	u32 id;

	for (id = 0; id < 3; id++) {
		memset(&chip, 0, sizeof(chip));
		chip.chip_id = id;
		ASSERT_OK(ioctl(vm->fd, KVM_GET_IRQCHIP, &chip));
		if (id == KVM_IRQCHIP_IOAPIC) {
			ASSERT_EQ(chip.chip.ioapic.base_address, IOAPIC);
			ASSERT_EQ(chip.chip.ioapic.redirtbl[3].fields.mask, 1);
			chip.chip.ioapic.redirtbl[3].fields.vector = 0x77;
			chip.chip.ioapic.ioregsel = 5;
		} else {
			chip.chip.pic.imr = 0x5a;
			chip.chip.pic.irq_base = 0x28;
		}
		ASSERT_OK(ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
		memset(&back, 0, sizeof(back));
		back.chip_id = id;
		ASSERT_OK(ioctl(vm->fd, KVM_GET_IRQCHIP, &back));
		if (id == KVM_IRQCHIP_IOAPIC) {
			ASSERT_EQ(back.chip.ioapic.redirtbl[3].fields.vector, 0x77);
			ASSERT_EQ(back.chip.ioapic.ioregsel, 5);
		} else {
			ASSERT_EQ(back.chip.pic.imr, 0x5a);
			ASSERT_EQ(back.chip.pic.irq_base, 0x28);
		}
	}
	chip.chip_id = 7;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_GET_IRQCHIP, &chip));
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
	chip.chip_id = 0;
	ASSERT_ERRNO(ENXIO, ioctl(bare->fd, KVM_GET_IRQCHIP, &chip));
	ASSERT_ERRNO(ENXIO, ioctl(bare->fd, KVM_SET_IRQCHIP, &chip));
	ASSERT_ERRNO(EEXIST, ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	vcpu_create_bare(bare, 0);
	ASSERT_ERRNO(EINVAL, ioctl(bare->fd, KVM_CREATE_IRQCHIP, 0));
}

/* --- 8259 ---------------------------------------------------------------------------------------------- */

#define PIC_BASE 0x30

static void on_pic(struct trap_frame *frame)
{
	u64 irq = frame->vector - PIC_BASE;

	WRITE(counts[irq], READ(counts[irq]) + 1);
	WRITE(last_irq, irq);
	if (irq >= 8)
		outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

static void pic_init(u16 unmasked)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		guest_on_trap(PIC_BASE + i, on_pic);
	outb(0x20, 0x11);
	outb(0x21, PIC_BASE);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0xa0, 0x11);
	outb(0xa1, PIC_BASE + 8);
	outb(0xa1, 2);
	outb(0xa1, 1);
	outb(0x21, ~unmasked);
	outb(0xa1, ~unmasked >> 8);
	GUEST_ASSERT_EQ(inb(0x21), (u8)~unmasked);
	GUEST_ASSERT_EQ(inb(0xa1), (u8)(~unmasked >> 8));
	/* The LAPIC lets it through. */
	lapic_enable();
	lapic_write(LAPIC_LVT0, 0x700);
}

/* STI holds interrupts off for one instruction more. */
static void open_gate(void)
{
	asm volatile("sti; nop; nop" : : : "memory");
}

static void guest_pic(u64 arg)
{
	pic_init(BIT(2) | BIT(3) | BIT(5) | BIT(10));
	guest_sync(0);
	GUEST_ASSERT(inb(0x20) & BIT(3));	/* the request register */
	open_gate();
	guest_sync(READ(last_irq) * 100 + READ(counts[3]));
	guest_sync(READ(last_irq) * 100 + READ(counts[10]));
	/* Two at once: the lower number goes first, so it is not the last. */
	cli();
	guest_sync(1);
	open_gate();
	guest_sync(READ(last_irq));
	/* Masked: it waits. */
	outb(0x21, inb(0x21) | BIT(5));
	guest_sync(2);
	guest_sync(READ(counts[5]));
	outb(0x21, inb(0x21) & ~BIT(5));
	guest_sync(READ(counts[5]));
}

static void pulse(struct vm *vm, u32 gsi)
{
	line(vm, gsi, 1);
	line(vm, gsi, 0);
}

TEST(pic)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_pic, 0);

	vcpu_sync_is(vcpu, 0);
	line(vm, 3, 1);
	vcpu_sync_is(vcpu, 301);
	line(vm, 3, 0);
	pulse(vm, 10);
	vcpu_sync_is(vcpu, 1001);
	vcpu_sync_is(vcpu, 1);
	line(vm, 5, 1);
	line(vm, 3, 1);
	vcpu_sync_is(vcpu, 5);
	line(vm, 5, 0);
	line(vm, 3, 0);
	vcpu_sync_is(vcpu, 2);
	line(vm, 5, 1);
	vcpu_sync_is(vcpu, 1);
	vcpu_sync_is(vcpu, 2);
	vcpu_done(vcpu);
	ASSERT_EQ((*vm_var(vm, counts))[3], 2);
}

/* --- 8254 ---------------------------------------------------------------------------------------------- */

static void guest_pit(u64 hz)
{
	u64 i;

	pic_init(BIT(0) | BIT(2));
	/* Channel 0, both bytes, rate generator. */
	outb(0x43, 0x34);
	outb(0x40, 1193182 / hz);
	outb(0x40, (1193182 / hz) >> 8);
	guest_sync(0);
	while (READ(counts[0]) < 50)
		guest_wait();
	guest_sync(1);
	/* Reading back what it counts. */
	for (i = 0; i < 20; i++) {
		u64 count;

		outb(0x43, 0);
		count = inb(0x40);
		count |= (u64)inb(0x40) << 8;
		GUEST_ASSERT(count <= 1193182 / hz);
	}
	/* Off: mode 0 with nothing to count. */
	outb(0x43, 0x30);
	guest_sync(2);
	/* Channel 2 and the speaker's gate, as boot code measures time. */
	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, 0xff);
	outb(0x42, 0x1f);
	GUEST_ASSERT(!(inb(0x61) & 0x20));
	while (!(inb(0x61) & 0x20))
		guest_relax();
}

TEST(pit)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	u64 hz = 200, start;
	struct vcpu *vcpu = vcpu_create(vm, guest_pit, hz);
	struct kvm_pit_state2 state, back;
	struct kvm_reinject_control reinject = { .pit_reinject = 1 };

	vcpu_sync_is(vcpu, 0);
	start = now_ns();
	ASSERT_OK(ioctl(vm->fd, KVM_GET_PIT2, &state));
	ASSERT_EQ(state.channels[0].count, 1193182 / hz);
	ASSERT_EQ(state.channels[0].mode, 2);
	ASSERT_OK(ioctl(vm->fd, KVM_REINJECT_CONTROL, &reinject));
	vcpu_sync_is(vcpu, 1);
	start = now_ns() - start;
	ASSERT_MSG(start >= 230000000, "50 ticks at 200 Hz took %lu ms", start / 1000000);
	ASSERT_MSG(start < 5000000000, "50 ticks at 200 Hz took %lu ms", start / 1000000);
	vcpu_sync_is(vcpu, 2);
	vcpu_done(vcpu);
	state.channels[1].count = 0x1234;
	state.channels[1].mode = 3;
	state.flags = 0;
	ASSERT_OK(ioctl(vm->fd, KVM_SET_PIT2, &state));
	ASSERT_OK(ioctl(vm->fd, KVM_GET_PIT2, &back));
	ASSERT_EQ(back.channels[1].count, 0x1234);
	ASSERT_EQ(back.channels[1].mode, 3);
	ASSERT_ERRNO(EEXIST, ioctl(vm->fd, KVM_CREATE_PIT2, &(struct kvm_pit_config){ 0 }));
	ASSERT_ERRNO(EFAULT, ioctl(vm->fd, KVM_GET_PIT2, (void *)8));
	vm = vm_create(VM_BARE);
	ASSERT_ERRNO(ENXIO, ioctl(vm->fd, KVM_GET_PIT2, &state));
	ASSERT_ERRNO(ENXIO, ioctl(vm->fd, KVM_SET_PIT2, &state));
}
