// SPDX-License-Identifier: GPL-2.0-only
/* The GICv3's interrupts, taken by hand: the guest reads ICC_IAR1_EL1 with interrupts masked. */
#include "arm64.h"

#define NONE		1023
#define MANY		12		/* more than any emulated CPU has list registers */

static u64 take(void)
{
	return read_sys(icc_iar1_el1);
}

/* What the deactivation of a level brings back comes by way of the host's own interrupt. */
static u64 take_soon(void)
{
	u64 i, line = NONE;

	for (i = 0; i < 100000 && line == NONE; i++)
		line = take();
	return line;
}

static void nothing_comes(void)
{
	u64 i;

	for (i = 0; i < 1000; i++)
		GUEST_ASSERT_EQ(take(), NONE);
}

static void eoi(u64 line)
{
	write_sys(icc_eoir1_el1, line);
}

static void pend(u64 line)
{
	write32(GICD + GICD_ISPENDR + line / 32 * 4, 1u << line % 32);
}

static u32 active(void)
{
	return read32(GICD + GICD_ISACTIVER + 4);
}

static int spi(struct vm *vm, u32 line, int level)
{
	struct kvm_irq_level args = {
		.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | line, .level = level,
	};

	return ioctl(vm->fd, KVM_IRQ_LINE, &args);
}

/* --- level and edge ------------------------------------------------------------------------------------------ */

static void guest_level(u64 arg)
{
	guest_irq_init();
	guest_line_enable(40, true);
	guest_sync(0);				/* the line goes up */
	GUEST_ASSERT_EQ(take(), 40);
	nothing_comes();			/* it is active */
	GUEST_ASSERT_EQ(active(), 1 << 8);
	eoi(40);
	GUEST_ASSERT_EQ(take_soon(), 40);	/* the line is still up */
	guest_sync(1);				/* it goes down */
	eoi(40);
	nothing_comes();
	GUEST_ASSERT_EQ(active(), 0);
	/* Down again before it was seen. */
	guest_sync(2);
	nothing_comes();
	/* By register it stays pending, but for one time. */
	pend(40);
	GUEST_ASSERT_EQ(take_soon(), 40);
	eoi(40);
	nothing_comes();
	/* The line holds what a write to ICPENDR would clear. */
	guest_sync(3);
	write32(GICD + GICD_ICPENDR + 4, 1 << 8);
	GUEST_ASSERT_EQ(read32(GICD + GICD_ISPENDR + 4), 1 << 8);
	GUEST_ASSERT_EQ(take_soon(), 40);
	guest_sync(4);
	eoi(40);
}

TEST(level)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_level, 0);

	vcpu_sync_is(vcpu, 0);
	ASSERT_OK(spi(vm, 40, 1));
	vcpu_sync_is(vcpu, 1);
	ASSERT_OK(spi(vm, 40, 0));
	vcpu_sync_is(vcpu, 2);
	ASSERT_OK(spi(vm, 40, 1));
	ASSERT_OK(spi(vm, 40, 0));
	vcpu_sync_is(vcpu, 3);
	ASSERT_OK(spi(vm, 40, 1));
	vcpu_sync_is(vcpu, 4);
	ASSERT_OK(spi(vm, 40, 0));
	vcpu_done(vcpu);
}

static void guest_edge(u64 arg)
{
	guest_irq_init();
	guest_line_enable(41, false);
	guest_sync(0);				/* two edges */
	GUEST_ASSERT_EQ(take(), 41);
	guest_sync(1);				/* one more, while it is active */
	nothing_comes();
	GUEST_ASSERT_EQ(read32(GICD + GICD_ISPENDR + 4), 1 << 9);
	eoi(41);
	GUEST_ASSERT_EQ(take_soon(), 41);
	eoi(41);
	nothing_comes();
	guest_sync(2);				/* one, which is taken back */
	write32(GICD + GICD_ICPENDR + 4, 1 << 9);
	nothing_comes();
	GUEST_ASSERT_EQ(read32(GICD + GICD_ISPENDR + 4), 0);
}

static void pulse(struct vm *vm, u32 line)
{
	ASSERT_OK(spi(vm, line, 1));
	ASSERT_OK(spi(vm, line, 0));
}

TEST(edge)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_edge, 0);

	vcpu_sync_is(vcpu, 0);
	pulse(vm, 41);
	pulse(vm, 41);
	vcpu_sync_is(vcpu, 1);
	pulse(vm, 41);
	vcpu_sync_is(vcpu, 2);
	pulse(vm, 41);
	vcpu_done(vcpu);
}

/* --- more than there are list registers ---------------------------------------------------------------------- */

/* The first is the least urgent. */
static void enable_many(void)
{
	u64 i;

	guest_irq_init();
	for (i = 0; i < MANY; i++) {
		guest_line_enable(40 + i, false);
		write8(GICD + GICD_IPRIORITYR + 40 + i, 0xe8 - 8 * i);
	}
}

static void guest_nests(u64 arg)
{
	u64 i;

	enable_many();
	for (i = 0; i < MANY; i++) {
		pend(40 + i);
		GUEST_ASSERT_EQ(take_soon(), 40 + i);
	}
	GUEST_ASSERT_EQ(active(), (BIT(MANY) - 1) << 8);
	for (i = MANY; i-- > 0;) {
		eoi(40 + i);
		GUEST_ASSERT_EQ(active(), (BIT(i) - 1) << 8);
	}
	/* All of them can come again. */
	for (i = 0; i < MANY; i++)
		pend(40 + i);
	for (i = MANY; i-- > 0;) {
		GUEST_ASSERT_EQ(take_soon(), 40 + i);
		eoi(40 + i);
	}
	nothing_comes();
}

TEST(nested)
{
	vcpu_done(vcpu_create(vm_create(VM_IRQCHIP), guest_nests, 0));
}

/* Dropping the priority and deactivating are two steps, the second in any order. */
static void guest_two_steps(u64 arg)
{
	u64 i, left = (BIT(MANY) - 1) << 8;

	enable_many();
	write_sys(icc_ctlr_el1, 2);
	for (i = 0; i < MANY; i++)
		pend(40 + i);
	for (i = MANY; i-- > 0;) {
		GUEST_ASSERT_EQ(take_soon(), 40 + i);
		eoi(40 + i);
	}
	nothing_comes();
	GUEST_ASSERT_EQ(active(), left);
	for (i = 0; i < MANY; i++) {
		u64 line = (i * 5) % MANY;

		write_sys(icc_dir_el1, 40 + line);
		left &= ~(BIT(line) << 8);
		GUEST_ASSERT_EQ(active(), left);
	}
	for (i = 0; i < MANY; i++) {
		pend(40 + i);
		GUEST_ASSERT_EQ(take_soon(), 40 + i);
		eoi(40 + i);
		write_sys(icc_dir_el1, 40 + i);
	}
	nothing_comes();
}

TEST(two_steps)
{
	vcpu_done(vcpu_create(vm_create(VM_IRQCHIP), guest_two_steps, 0));
}

/* --- active by register, groups, SGIs ------------------------------------------------------------------------- */

static void guest_active(u64 arg)
{
	guest_irq_init();
	guest_line_enable(48, false);
	write32(GICD + GICD_ISACTIVER + 4, 1 << 16);
	pend(48);
	nothing_comes();
	write32(GICD + GICD_ICACTIVER + 4, 1 << 16);
	GUEST_ASSERT_EQ(take_soon(), 48);
	write32(GICD + GICD_ICACTIVER + 4, 1 << 16);
	GUEST_ASSERT_EQ(active(), 0);
	eoi(48);
	pend(48);
	GUEST_ASSERT_EQ(take_soon(), 48);
	eoi(48);
}

TEST(active_registers)
{
	vcpu_done(vcpu_create(vm_create(VM_IRQCHIP), guest_active, 0));
}

static void guest_groups(u64 arg)
{
	guest_irq_init();
	guest_line_enable(49, false);
	write32(GICD + GICD_IGROUPR + 4, read32(GICD + GICD_IGROUPR + 4) & ~(1u << 17));
	write32(GICD + GICD_CTLR, 3);
	write_sys(icc_igrpen0_el1, 1);
	pend(49);
	nothing_comes();
	GUEST_ASSERT_EQ(read_sys(isr_el1) & 0xc0, 0x40);	/* it is an FIQ */
	GUEST_ASSERT_EQ(read_sys(icc_iar0_el1), 49);
	write_sys(icc_eoir0_el1, 49);
	GUEST_ASSERT_EQ(read_sys(icc_iar0_el1), NONE);
	GUEST_ASSERT_EQ(read_sys(isr_el1) & 0xc0, 0);
}

TEST(groups)
{
	vcpu_done(vcpu_create(vm_create(VM_IRQCHIP), guest_groups, 0));
}

static void guest_forwarding(u64 arg)
{
	guest_irq_init();
	guest_line_enable(50, false);
	write32(GICD + GICD_CTLR, 0);
	pend(50);
	nothing_comes();
	write32(GICD + GICD_CTLR, 2);
	GUEST_ASSERT_EQ(take_soon(), 50);
	eoi(50);
}

TEST(forwarding)
{
	vcpu_done(vcpu_create(vm_create(VM_IRQCHIP), guest_forwarding, 0));
}

static void guest_self_sgi(u64 arg)
{
	u64 sgi = gicr_of(0) + GICR_SGI;

	guest_irq_init();
	guest_line_enable(3, false);
	write_sys(icc_sgi1r_el1, 3ul << 24 | 1);
	GUEST_ASSERT_EQ(take(), 3);
	eoi(3);
	/* Nobody has this affinity, and oneself is not among the others. */
	write_sys(icc_sgi1r_el1, 3ul << 24 | 0xfffe);
	write_sys(icc_sgi1r_el1, 3ul << 24 | 1ul << 16 | 1);
	write_sys(icc_sgi1r_el1, 3ul << 24 | 1ul << 40);
	nothing_comes();
	/* Group 0 is not what it is. */
	write_sys(icc_sgi0r_el1, 3ul << 24 | 1);
	nothing_comes();
	write32(sgi + GICD_ISPENDR, 1 << 3);
	GUEST_ASSERT_EQ(take_soon(), 3);
	eoi(3);
	GUEST_ASSERT_EQ(read_sys(icc_sre_el1), 7);
	write_sys(icc_sre_el1, 0);
	GUEST_ASSERT_EQ(read_sys(icc_sre_el1), 7);
}

TEST(self_sgi)
{
	vcpu_done(vcpu_create(vm_create(VM_IRQCHIP), guest_self_sgi, 0));
}

/* --- routing -------------------------------------------------------------------------------------------------- */

static u64 turn, got;

static void route(u64 line, u64 affinity)
{
	write64(GICD + GICD_IROUTER + line * 8, affinity);
}

static void await(u64 value)
{
	while (READ(turn) < value)
		guest_relax();
}

static void guest_routes(u64 arg)
{
	await(1);
	guest_irq_init();
	guest_line_enable(51, false);
	guest_line_enable(52, false);
	/* It waits here, and goes to the other. */
	pend(51);
	GUEST_ASSERT_EQ(read_sys(isr_el1) & 0x80, 0x80);
	route(51, 1);
	nothing_comes();
	WRITE(turn, 2);
	await(3);
	GUEST_ASSERT_EQ(READ(got), 51);
	/* It is active here: it goes when it is not any more. */
	pend(52);
	GUEST_ASSERT_EQ(take(), 52);
	route(52, 1);
	pend(52);
	WRITE(turn, 4);
	await(5);
	GUEST_ASSERT_EQ(READ(got), NONE);
	eoi(52);
	WRITE(turn, 6);
	/* Whatever ends guest mode: then it is known to be inactive. */
	while (READ(turn) < 7)
		active();
	GUEST_ASSERT_EQ(READ(got), 52);
	/* To nobody, and back. */
	route(51, 0xff);
	pend(51);
	nothing_comes();
	route(51, 0);
	GUEST_ASSERT_EQ(take_soon(), 51);
	eoi(51);
	WRITE(turn, 8);
}

static void guest_routed(u64 arg)
{
	u64 i;

	guest_irq_init();
	WRITE(turn, 1);
	await(2);
	WRITE(got, take_soon());
	eoi(51);
	WRITE(turn, 3);
	await(4);
	for (i = 0; i < 1000; i++)
		WRITE(got, take());
	WRITE(turn, 5);
	await(6);
	do
		WRITE(got, take());
	while (READ(got) == NONE);
	eoi(52);
	WRITE(turn, 7);
	await(8);
}

TEST(routes)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	vcpu_create(vm, guest_routes, 0);
	vcpu_create(vm, guest_routed, 0);
	vcpu_start(vm->vcpus[0]);
	vcpu_start(vm->vcpus[1]);
	vcpu_join(vm->vcpus[0]);
	vcpu_join(vm->vcpus[1]);
}

/* --- without the device ----------------------------------------------------------------------------------------- */

static int cpu_line(struct vm *vm, u32 line, int level)
{
	struct kvm_irq_level args = {
		.irq = KVM_ARM_IRQ_TYPE_CPU << KVM_ARM_IRQ_TYPE_SHIFT | line, .level = level,
	};

	return ioctl(vm->fd, KVM_IRQ_LINE, &args);
}

static void guest_without(u64 arg)
{
	s64 ec;
	u64 x;

	GUEST_ASSERT_EQ(read_sys(id_aa64pfr0_el1) >> 24 & 0xf, 0);
	ec = CATCH("msr icc_sgi1r_el1, xzr", : :);
	GUEST_ASSERT_EQ(ec, 0);
	ec = CATCH("msr icc_pmr_el1, xzr", : :);
	GUEST_ASSERT_EQ(ec, 0);
	ec = CATCH("mrs %0, icc_iar1_el1", : "=r"(x) :);
	GUEST_ASSERT_EQ(ec, 0);
	guest_sync(read_sys(isr_el1));
	guest_sync(read_sys(isr_el1));
	guest_sync(read_sys(isr_el1));
	guest_wfi();		/* ends at once: a line is up */
	guest_sync(read_sys(isr_el1));
}

TEST(without)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_without, 0);

	ASSERT_ERRNO(ENXIO, spi(vm, 40, 1));
	vcpu_sync_is(vcpu, 0);
	ASSERT_OK(cpu_line(vm, KVM_ARM_IRQ_CPU_IRQ, 1));
	vcpu_sync_is(vcpu, 0x80);
	ASSERT_OK(cpu_line(vm, KVM_ARM_IRQ_CPU_FIQ, 1));
	vcpu_sync_is(vcpu, 0xc0);
	ASSERT_OK(cpu_line(vm, KVM_ARM_IRQ_CPU_IRQ, 0));
	vcpu_sync_is(vcpu, 0x40);
	ASSERT_ERRNO(EINVAL, cpu_line(vm, 2, 1));
}

/* --- the device's rules ----------------------------------------------------------------------------------------- */

#define REGION(count, base, flags, index) ((u64)(count) << 52 | (base) | (flags) << 12 | (index))

static int set_addr(struct vm *vm, u64 type, u64 value)
{
	return gic_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR, type, &value);
}

static int set_region(struct vm *vm, u64 value)
{
	return set_addr(vm, KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, value);
}

static struct vm *with_device(void)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	struct vm *vm = vm_create(0);

	ASSERT_OK(ioctl(vm->fd, KVM_CREATE_DEVICE, &device));
	vm->irqchip = device.fd;
	return vm;
}

static void guest_returns(u64 arg)
{
}

TEST(regions)
{
	struct vm *vm = with_device();
	u64 value = 0, type;
	unsigned int i;

	ASSERT_ERRNO(ENOENT, gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR,
				      KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, &value));
	ASSERT_ERRNO(EINVAL, set_region(vm, REGION(0, GICR, 0ul, 0)));
	ASSERT_ERRNO(EINVAL, set_region(vm, REGION(1, GICR, 1ul, 0)));
	ASSERT_ERRNO(EINVAL, set_region(vm, REGION(1, GICR, 0ul, 1)));
	ASSERT_OK(set_region(vm, REGION(2, GICR, 0ul, 0)));
	ASSERT_ERRNO(EINVAL, set_region(vm, REGION(2, GICR, 0ul, 0)));
	ASSERT_ERRNO(EINVAL, set_region(vm, REGION(2, GICR + GICR_SIZE, 0ul, 1)));
	ASSERT_ERRNO(EINVAL, set_region(vm, REGION(2, GICR + 8 * GICR_SIZE, 0ul, 2)));
	ASSERT_ERRNO(E2BIG, set_region(vm, REGION(2, 0xffffffff00000ul, 0ul, 1)));
	ASSERT_OK(set_region(vm, REGION(1, GICR + 4 * GICR_SIZE, 0ul, 1)));
	ASSERT_ERRNO(EINVAL, set_addr(vm, KVM_VGIC_V3_ADDR_TYPE_REDIST, GICR + 8 * GICR_SIZE));
	value = 1;
	ASSERT_OK(gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR,
			   KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, &value));
	ASSERT_EQ(value, REGION(1, GICR + 4 * GICR_SIZE, 0ul, 1));
	ASSERT_OK(set_addr(vm, KVM_VGIC_V3_ADDR_TYPE_DIST, GICD));
	for (i = 0; i < 3; i++)
		vcpu_create(vm, guest_returns, 0);
	type = GICR_TYPER;
	ASSERT_ERRNO(EBUSY, gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, type, &value));
	ASSERT_ERRNO(EINVAL, gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
				      5ul << 32 | type, &value));
	ASSERT_OK(gic_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL));
	for (i = 0; i < 3; i++) {
		value = 0;
		ASSERT_OK(gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
				   (u64)i << 32 | type, &value));
		ASSERT_EQ(value, i << 8 | (i ? BIT(4) : 0));
	}
	vcpu_done(vm->vcpus[0]);
}

TEST(too_few_redistributors)
{
	struct vm *vm = with_device();

	ASSERT_OK(set_region(vm, REGION(1, GICR, 0ul, 0)));
	ASSERT_OK(set_addr(vm, KVM_VGIC_V3_ADDR_TYPE_DIST, GICD));
	vcpu_create(vm, guest_returns, 0);
	vcpu_create(vm, guest_returns, 0);
	ASSERT_OK(gic_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL));
	ASSERT_EQ(vcpu_run_once(vm->vcpus[0]), -ENXIO);
}

TEST(not_initialized)
{
	struct vm *vm = with_device();

	ASSERT_OK(set_addr(vm, KVM_VGIC_V3_ADDR_TYPE_REDIST, GICR));
	ASSERT_OK(set_addr(vm, KVM_VGIC_V3_ADDR_TYPE_DIST, GICD));
	vcpu_create(vm, guest_returns, 0);
	ASSERT_EQ(vcpu_run_once(vm->vcpus[0]), -EBUSY);
	ASSERT_ERRNO(EBUSY, spi(vm, 40, 1));
}

TEST(overlapping_frames)
{
	struct vm *vm = with_device();

	ASSERT_OK(set_addr(vm, KVM_VGIC_V3_ADDR_TYPE_REDIST, GICD));
	ASSERT_OK(set_addr(vm, KVM_VGIC_V3_ADDR_TYPE_DIST, GICD + 0x10000));
	vcpu_create(vm, guest_returns, 0);
	ASSERT_OK(gic_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL));
	ASSERT_EQ(vcpu_run_once(vm->vcpus[0]), -EINVAL);
}

static int cpu_reg(struct vm *vm, unsigned long request, u64 mpidr, u64 reg, u64 *value)
{
	return gic_attr(vm, request, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, mpidr << 32 | reg, value);
}

#define INSTR(crn, crm, op2) (3ul << 14 | (crn) << 7 | (crm) << 3 | (op2))

TEST(registers)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_returns, 0);
	u64 value = 0, ctlr = 0, i;
	u32 word;

	vcpu_done(vcpu);
	/* PMR, BPR0, BPR1, AP0R0, AP1R0, IGRPEN0, IGRPEN1: what is written is there. */
	static const struct { u64 reg, value; } plain[] = {
		{ INSTR(4, 6, 0), 0x88 }, { INSTR(12, 8, 3), 5 }, { INSTR(12, 12, 3), 6 }, { INSTR(12, 8, 4), 0x10 },
		{ INSTR(12, 9, 0), 0x80000001 }, { INSTR(12, 12, 6), 1 }, { INSTR(12, 12, 7), 1 },
	};
	for (i = 0; i < ARRAY_SIZE(plain); i++) {
		value = plain[i].value;
		ASSERT_OK(cpu_reg(vm, KVM_SET_DEVICE_ATTR, 0, plain[i].reg, &value));
		value = 0;
		ASSERT_OK(cpu_reg(vm, KVM_GET_DEVICE_ATTR, 0, plain[i].reg, &value));
		ASSERT_EQ(value, plain[i].value);
	}
	ASSERT_OK(cpu_reg(vm, KVM_GET_DEVICE_ATTR, 0, INSTR(12, 12, 4), &ctlr));
	value = ctlr | 3;
	ASSERT_OK(cpu_reg(vm, KVM_SET_DEVICE_ATTR, 0, INSTR(12, 12, 4), &value));
	value = ctlr ^ 0x100;			/* more priority bits than there are, or less */
	ASSERT_ERRNO(EINVAL, cpu_reg(vm, KVM_SET_DEVICE_ATTR, 0, INSTR(12, 12, 4), &value));
	/* With a common binary point, group 1 has group 0's, plus one. */
	ASSERT_OK(cpu_reg(vm, KVM_GET_DEVICE_ATTR, 0, INSTR(12, 12, 3), &value));
	ASSERT_EQ(value, 6);
	value = 0;
	ASSERT_ERRNO(EINVAL, cpu_reg(vm, KVM_SET_DEVICE_ATTR, 0, INSTR(12, 12, 5), &value));
	/* KVM's documentation says ENXIO; Linux says ENOENT. */
	ASSERT(cpu_reg(vm, KVM_GET_DEVICE_ATTR, 0, INSTR(12, 12, 0), &value) < 0 &&
	       (errno == ENXIO || (errno == ENOENT && !keel_version())));
	ASSERT_ERRNO(EINVAL, cpu_reg(vm, KVM_GET_DEVICE_ATTR, 9, INSTR(4, 6, 0), &value));
	ASSERT_ERRNO(ENXIO, gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 2, &word));
	ASSERT_ERRNO(ENXIO, gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0x20000, &word));
	/* The latch, both ways; levels apart from it. */
	word = 0xf0;
	ASSERT_OK(gic_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_ISPENDR + 4, &word));
	word = 0x30;
	ASSERT_OK(gic_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_ISPENDR + 4, &word));
	ASSERT_OK(gic_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_ICPENDR + 4, &word));
	ASSERT_OK(spi(vm, 40, 1));
	ASSERT_OK(gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_ISPENDR + 4, &word));
	ASSERT_EQ(word, 0x30);
	ASSERT_OK(gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, 32, &word));
	ASSERT_EQ(word, 0x100);
	ASSERT_ERRNO(EINVAL, gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, 33, &word));
	ASSERT_ERRNO(EINVAL, gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, 1 << 10 | 32, &word));
	/* What it says it is, it may be told to be, and nothing else. */
	ASSERT_OK(gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_IIDR, &word));
	ASSERT_OK(gic_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_IIDR, &word));
	word ^= 1;
	ASSERT_ERRNO(EINVAL, gic_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_IIDR, &word));
	ASSERT_OK(gic_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL,
			   KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES, NULL));
}

static void guest_spins(u64 arg)
{
	WRITE(turn, 1);
	await(2);
}

TEST(busy)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_spins, 0);
	volatile u64 *now = vm_var(vm, turn);
	u64 value;
	u32 word;

	vcpu_start(vcpu);
	while (!*now)
		sleep_ms(1);
	ASSERT_ERRNO(EBUSY, gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_CTLR, &word));
	ASSERT_ERRNO(EBUSY, cpu_reg(vm, KVM_GET_DEVICE_ATTR, 0, INSTR(4, 6, 0), &value));
	*now = 2;
	vcpu_join(vcpu);
	ASSERT_OK(gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_CTLR, &word));
}
