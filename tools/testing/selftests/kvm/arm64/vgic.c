// SPDX-License-Identifier: GPL-2.0-only
/* The GICv3: rules of its device, SGIs and SPIs, priorities, active lines, save and restore. */
#include <sched.h>
#include "arm64.h"

static int attr(struct vm *vm, u32 group, u64 number, void *value)
{
	return gic_attr(vm, KVM_SET_DEVICE_ATTR, group, number, value);
}

static u32 dist_reg(struct vm *vm, u32 offset)
{
	u32 value;

	ASSERT_OK(gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, offset, &value));
	return value;
}

static int try_create(struct vm *vm, u32 flags)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_V3, .flags = flags };

	if (ioctl(vm->fd, KVM_CREATE_DEVICE, &device))
		return -errno;
	return flags ? 0 : device.fd;
}

TEST(rules)
{
	struct vm *vm = vm_create(0);
	u64 bad = GICD + 0x1000, high = 1ull << 52, good = GICD, redist = GICR;
	u32 n;

	ASSERT_EQ(try_create(vm, KVM_CREATE_DEVICE_TEST), 0);
	vm->irqchip = try_create(vm, 0);
	ASSERT(vm->irqchip >= 0);
	ASSERT_EQ(try_create(vm, 0), -EEXIST);
	/* Lines: a multiple of 32 from 64 to 1024, once. */
	for (n = 0; n <= 2048; n += 16) {
		bool right = n >= 64 && n <= 1024 && n % 32 == 0;

		if (!right)
			ASSERT_ERRNO(EINVAL, attr(vm, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &n));
	}
	n = 128;
	ASSERT_OK(attr(vm, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &n));
	ASSERT_ERRNO(EBUSY, attr(vm, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &n));
	n = 0;
	ASSERT_OK(gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &n));
	ASSERT_EQ(n, 128);
	/* Frames: aligned, inside the guest's physical addresses, once, not over each other. */
	ASSERT_ERRNO(EINVAL, attr(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &bad));
	ASSERT_ERRNO(E2BIG, attr(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &high));
	ASSERT_ERRNO(EFAULT, attr(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, (void *)8));
	ASSERT_ERRNO(ENXIO, attr(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, 77, &good));
	ASSERT_OK(attr(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &good));
	ASSERT_ERRNO(EEXIST, attr(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &good));
	good = 0;
	ASSERT_OK(gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &good));
	ASSERT_EQ(good, GICD);
	ASSERT_OK(attr(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redist));
	ASSERT_ERRNO(ENXIO, gic_attr(vm, KVM_HAS_DEVICE_ATTR, 99, 0, NULL));
	ASSERT_ERRNO(ENXIO, attr(vm, KVM_DEV_ARM_VGIC_GRP_CTRL, 77, NULL));
	ASSERT_OK(gic_attr(vm, KVM_HAS_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL));
}

static void guest_nothing(u64 arg)
{
}

/* A controller without its frames, or that was not told to begin, cannot be run with. */
TEST(incomplete)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu;
	u64 dist = GICD;

	vm->irqchip = try_create(vm, 0);
	ASSERT(vm->irqchip >= 0);
	ASSERT_OK(attr(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &dist));
	vcpu = vcpu_create(vm, guest_nothing, 0);
	ASSERT(vcpu_run_once(vcpu) < 0);
}

/* No vCPU can join afterwards. */
TEST(late_vcpu)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	vcpu_done(vcpu_create(vm, guest_nothing, 0));
	ASSERT_ERRNO(EBUSY, ioctl(vm->fd, KVM_CREATE_VCPU, 9));
}

/* --- SGIs ------------------------------------------------------------------------------------------------ */

#define sgi(value) write_sys(S3_0_C12_C11_5, value)
#define SGI_LIST(line, aff0) ((u64)(line) << 24 | (1ull << (aff0)))
#define SGI_OTHERS(line) ((u64)(line) << 24 | 1ull << 40)

static u64 taken[MAX_VCPUS][GIC_LINES], ready, stop;

static void on_line(unsigned int line)
{
	u64 me = read_sys(tpidr_el1);

	WRITE(taken[me][line], READ(taken[me][line]) + 1);
}

static void listen(void)
{
	unsigned int i;

	guest_irq_init();
	for (i = 0; i < 16; i++) {
		guest_on_line(i, on_line);
		guest_line_enable(i, false);
	}
	guest_irq_enable();
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
}

static void guest_listens(u64 asleep)
{
	listen();
	if (!asleep) {
		while (!READ(stop))
			guest_relax();
		return;
	}
	guest_irq_disable();
	while (!READ(stop))
		guest_wait();
}

static void wait_for(u64 cpu, u64 line, u64 n)
{
	while (READ(taken[cpu][line]) < n)
		guest_relax();
	GUEST_ASSERT_EQ(READ(taken[cpu][line]), n);
}

static void guest_sends(u64 cpus)
{
	u64 i, line;

	listen();
	while (READ(ready) < cpus)
		guest_relax();
	for (i = 1; i <= 20; i++)
		for (line = 0; line < 4; line++) {
			/* To one, to itself, to all the others. */
			sgi(SGI_LIST(line, 1));
			wait_for(1, line, 2 * i - 1);
			sgi(SGI_LIST(line, 0));
			wait_for(0, line, i);
			sgi(SGI_OTHERS(line));
			wait_for(1, line, 2 * i);
			wait_for(2, line, i);
			GUEST_ASSERT_EQ(READ(taken[0][line]), i);
		}
	WRITE(stop, 1);
	sgi(SGI_OTHERS(15));
}

static void sgis(bool asleep)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	unsigned int i;

	vcpu_create(vm, guest_sends, 3);
	vcpu_create(vm, guest_listens, asleep);
	vcpu_create(vm, guest_listens, asleep);
	for (i = 0; i < 3; i++)
		vcpu_start(vm->vcpus[i]);
	for (i = 0; i < 3; i++)
		vcpu_join(vm->vcpus[i]);
}

TEST(sgi_running)
{
	sgis(false);
}

TEST(sgi_sleeping)
{
	sgis(true);
}

/* --- lines from outside ------------------------------------------------------------------------------------ */

static int irq_line(struct vm *vm, u32 type, u32 vcpu, u32 line, int level)
{
	struct kvm_irq_level args = {
		.irq = type << KVM_ARM_IRQ_TYPE_SHIFT | vcpu << KVM_ARM_IRQ_VCPU_SHIFT | line, .level = level,
	};

	return ioctl(vm->fd, KVM_IRQ_LINE, &args);
}

/* A line that stays up is taken again and again: three times, and then it is closed. */
static void on_level(unsigned int line)
{
	on_line(line);
	if (READ(taken[0][line]) % 3 == 0)
		write32(GICD + GICD_ICENABLER + 4, 1 << (line - 32));
}

/* A vCPU's own line is a level here, whatever its configuration says. */
static void on_private(unsigned int line)
{
	on_line(line);
	write32(gicr_of(0) + GICR_SGI + GICD_ICENABLER, 1u << line);
}

static void guest_takes(u64 arg)
{
	guest_irq_init();
	guest_on_line(40, on_level);
	guest_on_line(41, on_line);
	guest_on_line(20, on_private);
	guest_line_enable(40, true);
	guest_line_enable(41, false);
	guest_line_enable(20, true);
	guest_irq_enable();
	for (;;) {
		guest_sync(0);
		write32(GICD + GICD_ISENABLER + 4, 1 << (40 - 32));
	}
}

TEST(lines)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_takes, 0);
	volatile u64 *mine = (*vm_var(vm, taken))[0];
	u64 i;

	vcpu_sync(vcpu);
	ASSERT_OK(irq_line(vm, KVM_ARM_IRQ_TYPE_SPI, 0, 40, 1));
	for (i = 1; i <= 5; i++) {
		vcpu_sync(vcpu);
		/* before the guest has opened it again, and after */
		ASSERT_EQ(mine[40], 3 * (i + 1));
	}
	ASSERT_OK(irq_line(vm, KVM_ARM_IRQ_TYPE_SPI, 0, 40, 0));
	vcpu_sync(vcpu);
	vcpu_sync(vcpu);
	ASSERT_EQ(mine[40], 18);
	/* An edge stays when the line has gone. */
	ASSERT_OK(irq_line(vm, KVM_ARM_IRQ_TYPE_SPI, 0, 41, 1));
	ASSERT_OK(irq_line(vm, KVM_ARM_IRQ_TYPE_SPI, 0, 41, 0));
	vcpu_sync(vcpu);
	ASSERT_EQ(mine[41], 1);
	ASSERT_OK(irq_line(vm, KVM_ARM_IRQ_TYPE_PPI, 0, 20, 1));
	vcpu_sync(vcpu);
	ASSERT_EQ(mine[20], 1);
	ASSERT_OK(irq_line(vm, KVM_ARM_IRQ_TYPE_PPI, 0, 20, 0));
	ASSERT_ERRNO(EINVAL, irq_line(vm, KVM_ARM_IRQ_TYPE_SPI, 0, 20, 1));
	ASSERT_ERRNO(EINVAL, irq_line(vm, KVM_ARM_IRQ_TYPE_SPI, 0, 200, 1));
	ASSERT_ERRNO(EINVAL, irq_line(vm, KVM_ARM_IRQ_TYPE_PPI, 0, 5, 1));
	ASSERT_ERRNO(EINVAL, irq_line(vm, KVM_ARM_IRQ_TYPE_PPI, 7, 20, 1));
	ASSERT_ERRNO(EINVAL, irq_line(vm, 3, 0, 20, 1));
}

/* Many at once, more than there are list registers: the most urgent first, and every one. */
static u64 order[GIC_LINES], orders;

static void on_ordered(unsigned int line)
{
	order[orders++] = line;
}

static void guest_takes_in_order(u64 arg)
{
	unsigned int line, i;

	guest_irq_init();
	for (line = 32; line < 64; line++) {
		guest_on_line(line, on_ordered);
		guest_line_enable(line, false);
		/* 32 priorities are distinguished; line 63 is the most urgent but the masked ones */
		write8(GICD + GICD_IPRIORITYR + line, (63 - line) << 3);
	}
	guest_sync(0);
	guest_irq_enable();
	for (i = 0; i < 1000 && READ(orders) < 30; i++)
		guest_isb();
	guest_irq_disable();
	guest_sync(READ(orders));
}

TEST(priorities)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_takes_in_order, 0);
	u64 *got, i;

	vcpu_sync(vcpu);
	for (i = 34; i < 64; i++) {
		ASSERT_OK(irq_line(vm, KVM_ARM_IRQ_TYPE_SPI, 0, i, 1));
		ASSERT_OK(irq_line(vm, KVM_ARM_IRQ_TYPE_SPI, 0, i, 0));
	}
	vcpu_sync_is(vcpu, 30);
	got = *vm_var(vm, order);
	for (i = 0; i < 30; i++)
		ASSERT_EQ(got[i], 63 - i);
}

/* --- the guest's view of the frames ------------------------------------------------------------------------- */

static void guest_reads_frames(u64 cpus)
{
	u32 typer = read32(GICD + GICD_TYPER), i;

	GUEST_ASSERT_EQ(((typer & 31) + 1) * 32, GIC_LINES);
	GUEST_ASSERT((read32(GICD + 0xffe8) & 0xf0) == 0x30);	/* PIDR2: version 3 */
	GUEST_ASSERT((read32(gicr_of(0) + 0xffe8) & 0xf0) == 0x30);
	for (i = 0; i < cpus; i++) {
		u64 type = read64(gicr_of(i) + GICR_TYPER);

		GUEST_ASSERT_EQ(type >> 8 & 0xffff, i);
		GUEST_ASSERT_EQ(type >> 32, i);
		/* Last is said by the last alone; in the lower half by itself too. */
		GUEST_ASSERT_EQ(!!(type & BIT(4)), i == cpus - 1);
		GUEST_ASSERT_EQ(read32(gicr_of(i) + GICR_TYPER), (u32)type);
	}
	guest_irq_init();
	/* Set and clear are two views of the same bits. */
	write32(GICD + GICD_ISENABLER + 4, 0xf0f0);
	GUEST_ASSERT_EQ(read32(GICD + GICD_ICENABLER + 4), 0xf0f0);
	write32(GICD + GICD_ICENABLER + 4, 0x00f0);
	GUEST_ASSERT_EQ(read32(GICD + GICD_ISENABLER + 4), 0xf000);
	write32(GICD + GICD_ICENABLER + 4, ~0u);
	write32(GICD + GICD_ISPENDR + 4, 0x30);
	GUEST_ASSERT_EQ(read32(GICD + GICD_ICPENDR + 4), 0x30);
	write32(GICD + GICD_ICPENDR + 4, 0x10);
	GUEST_ASSERT_EQ(read32(GICD + GICD_ISPENDR + 4), 0x20);
	write32(GICD + GICD_ICPENDR + 4, ~0u);
	write32(GICD + GICD_ISACTIVER + 4, 3);
	GUEST_ASSERT_EQ(read32(GICD + GICD_ICACTIVER + 4), 3);
	write32(GICD + GICD_ICACTIVER + 4, 1);
	GUEST_ASSERT_EQ(read32(GICD + GICD_ISACTIVER + 4), 2);
	write32(GICD + GICD_ICACTIVER + 4, ~0u);
	/* Bytes of a word; only the upper bits of a priority exist. */
	write32(GICD + GICD_IPRIORITYR + 32, 0xf8a05008);
	GUEST_ASSERT_EQ(read8(GICD + GICD_IPRIORITYR + 33), 0x50);
	write8(GICD + GICD_IPRIORITYR + 34, 0xc7);
	GUEST_ASSERT_EQ(read32(GICD + GICD_IPRIORITYR + 32), 0xf8c05008);
	/* The first words belong to the redistributors, and SGIs are edges. */
	GUEST_ASSERT_EQ(read32(GICD + GICD_ISENABLER), 0);
	write32(gicr_of(0) + GICR_SGI + GICD_ISENABLER, 0x10);
	GUEST_ASSERT_EQ(read32(gicr_of(0) + GICR_SGI + GICD_ISENABLER) & 0x10, 0x10);
	write64(GICD + GICD_IROUTER + 8 * 32, 1);
	GUEST_ASSERT_EQ(read64(GICD + GICD_IROUTER + 8 * 32), 1);
	GUEST_ASSERT_EQ(read32(GICD + GICD_IROUTER + 8 * 32), 1);
	/* Reserved places read as zero and take everything. */
	write32(GICD + 0xe00 + 0x1f0, ~0u);
	GUEST_ASSERT_EQ(read32(GICD + 0xe00 + 0x1f0), 0);
	guest_sync(0);
}

TEST(frames)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu;
	unsigned int i;

	vcpu = vcpu_create(vm, guest_reads_frames, 3);
	for (i = 1; i < 3; i++)
		vcpu_create(vm, guest_nothing, 0);
	vcpu_sync_is(vcpu, 0);
	ASSERT_EQ(dist_reg(vm, GICD_IPRIORITYR + 32), 0xf8c05008);
	ASSERT_EQ(dist_reg(vm, GICD_CTLR) & 2, 2);
	vcpu_done(vcpu);
}

/* Disabled or masked, an interrupt waits. */
static void guest_masks(u64 arg)
{
	u64 i;

	guest_irq_init();
	guest_on_line(36, on_line);
	guest_line_enable(36, false);
	guest_irq_enable();
	write_sys(S3_0_C4_C6_0, 0x50);		/* PMR: below the line's priority */
	write32(GICD + GICD_ISPENDR + 4, 1 << 4);
	for (i = 0; i < 1000; i++)
		guest_isb();
	GUEST_ASSERT_EQ(READ(taken[0][36]), 0);
	write_sys(S3_0_C4_C6_0, 0xf0);
	while (READ(taken[0][36]) < 1)
		guest_relax();
	write32(GICD + GICD_ICENABLER + 4, 1 << 4);
	write32(GICD + GICD_ISPENDR + 4, 1 << 4);
	for (i = 0; i < 1000; i++)
		guest_isb();
	GUEST_ASSERT_EQ(READ(taken[0][36]), 1);
	write32(GICD + GICD_ISENABLER + 4, 1 << 4);
	while (READ(taken[0][36]) < 2)
		guest_relax();
	/* The group's switch. */
	write_sys(S3_0_C12_C12_7, 0);
	write32(GICD + GICD_ISPENDR + 4, 1 << 4);
	for (i = 0; i < 1000; i++)
		guest_isb();
	GUEST_ASSERT_EQ(READ(taken[0][36]), 2);
	write_sys(S3_0_C12_C12_7, 1);
	while (READ(taken[0][36]) < 3)
		guest_relax();
}

TEST(masks)
{
	vcpu_done(vcpu_create(vm_create(VM_IRQCHIP), guest_masks, 0));
}

/* --- moving a controller -------------------------------------------------------------------------------------- */

static void on_level_once(unsigned int line)
{
	on_line(line);
	write32(GICD + GICD_ICENABLER + 4, 1 << (line - 32));
}

static void guest_prepares(u64 arg)
{
	guest_irq_init();
	guest_on_line(50, on_line);
	guest_on_line(51, on_level_once);
	guest_on_line(22, on_line);
	guest_line_enable(50, false);
	guest_line_enable(51, true);
	guest_line_enable(22, false);
	write32(GICD + GICD_ISPENDR + 4, 1 << 18);
	write32(gicr_of(0) + GICR_SGI + GICD_ISPENDR, 1 << 22);
	guest_sync(0);
	/* In another VM by now. */
	GUEST_ASSERT_EQ(READ(taken[0][50]), 0);
	guest_irq_enable();
	while (READ(taken[0][50]) < 1 || READ(taken[0][51]) < 1 || READ(taken[0][22]) < 1)
		guest_relax();
	guest_sync(1);
}

static void copy_reg(struct vm *from, struct vm *to, u32 group, u64 number)
{
	u64 value = 0;

	ASSERT_MSG(!gic_attr(from, KVM_GET_DEVICE_ATTR, group, number, &value), "group %u, %#lx: %s", group, number,
		   strerrorname_np(errno));
	ASSERT_MSG(!gic_attr(to, KVM_SET_DEVICE_ATTR, group, number, &value), "group %u, %#lx = %#lx: %s", group,
		   number, value, strerrorname_np(errno));
}

static void copy_gic(struct vm *from, struct vm *to)
{
	static const u32 words[] = { GICD_IGROUPR, GICD_ISENABLER, GICD_ISPENDR, GICD_ISACTIVER };
	static const u64 cpu[] = {
		ARM64_SYS_REG(3, 0, 4, 6, 0), ARM64_SYS_REG(3, 0, 12, 8, 3), ARM64_SYS_REG(3, 0, 12, 12, 3),
		ARM64_SYS_REG(3, 0, 12, 12, 4), ARM64_SYS_REG(3, 0, 12, 12, 5), ARM64_SYS_REG(3, 0, 12, 12, 6),
		ARM64_SYS_REG(3, 0, 12, 12, 7),
	};
	unsigned int i, j;

	copy_reg(from, to, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_CTLR);
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		for (j = 1; j < GIC_LINES / 32; j++)
			copy_reg(from, to, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, words[i] + 4 * j);
		copy_reg(from, to, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, GICR_SGI + words[i]);
	}
	for (i = 32; i < GIC_LINES; i += 4)
		copy_reg(from, to, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_IPRIORITYR + i);
	for (i = 0; i < 32; i += 4)
		copy_reg(from, to, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, GICR_SGI + GICD_IPRIORITYR + i);
	for (i = 32; i < GIC_LINES; i += 16)
		copy_reg(from, to, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_ICFGR + i / 4);
	copy_reg(from, to, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, GICR_SGI + GICD_ICFGR + 4);
	for (i = 32; i < GIC_LINES; i++) {
		copy_reg(from, to, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_IROUTER + 8 * i);
		copy_reg(from, to, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_IROUTER + 8 * i + 4);
	}
	for (i = 0; i < GIC_LINES; i += 32)
		copy_reg(from, to, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO,
			 (u64)VGIC_LEVEL_INFO_LINE_LEVEL << KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT | i);
	for (i = 0; i < ARRAY_SIZE(cpu); i++)
		copy_reg(from, to, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, cpu[i] & KVM_DEV_ARM_VGIC_SYSREG_INSTR_MASK);
}

TEST(move)
{
	struct vm *from = vm_create(VM_IRQCHIP), *to = vm_create(VM_IRQCHIP);
	struct vcpu *a = vcpu_create(from, guest_prepares, 0), *b = vcpu_create(to, guest_nothing, 0);
	struct kvm_reg_list *list, head = { .n = 0 };
	u64 value[4], i;
	u32 level;

	vcpu_sync_is(a, 0);
	a->run->immediate_exit = 1;
	ASSERT_EQ(vcpu_run_once(a), -EINTR);
	/* What comes from outside is part of it: line 51 is up. */
	ASSERT_OK(irq_line(from, KVM_ARM_IRQ_TYPE_SPI, 0, 51, 1));
	arch_vm_ready(to);
	to->ready = true;
	memcpy(to->ram, from->ram, from->ram_size);
	ASSERT_ERRNO(E2BIG, ioctl(a->fd, KVM_GET_REG_LIST, &head));
	list = vm_hva(to, vm_alloc(to, sizeof(*list) + head.n * 8, 8));
	list->n = head.n;
	ASSERT_OK(ioctl(a->fd, KVM_GET_REG_LIST, list));
	for (i = 0; i < list->n; i++) {
		struct kvm_one_reg reg = { .id = list->reg[i], .addr = (u64)value };

		ASSERT_OK(ioctl(a->fd, KVM_GET_ONE_REG, &reg));
		ASSERT_OK(ioctl(b->fd, KVM_SET_ONE_REG, &reg));
	}
	copy_gic(from, to);
	ASSERT_OK(gic_attr(to, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, 32, &level));
	ASSERT_EQ(level, BIT(51 - 32));
	vm_free(from);
	vcpu_sync_is(b, 1);
}

TEST(attribute_rules)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_nothing, 0);
	u64 value = 0;

	/* Before it begins there is nothing to see. */
	ASSERT_ERRNO(EBUSY, gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_CTLR, &value));
	vcpu_done(vcpu);
	ASSERT_OK(gic_attr(vm, KVM_HAS_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_CTLR, NULL));
	ASSERT_ERRNO(ENXIO, gic_attr(vm, KVM_HAS_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0xfff0000, NULL));
	ASSERT_OK(gic_attr(vm, KVM_HAS_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, GICR_TYPER, NULL));
	ASSERT_OK(gic_attr(vm, KVM_HAS_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
			   ARM64_SYS_REG(3, 0, 4, 6, 0) & KVM_DEV_ARM_VGIC_SYSREG_INSTR_MASK, NULL));
	/* A vCPU that is not there. */
	ASSERT_ERRNO(EINVAL, gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
				      77ull << KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT | GICR_TYPER, &value));
	/* The level's number is that of the first line of a word. */
	ASSERT_ERRNO(EINVAL, gic_attr(vm, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, 33, &value));
}
