// SPDX-License-Identifier: GPL-2.0-only
/* The generic timers: interrupts, waiting, registers, offsets, interrupt numbers, and without a GIC in the kernel. */
#include <sched.h>
#include "arm64.h"

#define CTL_ENABLE	1ul
#define CTL_IMASK	2ul
#define CTL_ISTATUS	4ul

#define VTIMER		27
#define PTIMER		30

#define VCPU_ATTR_GROUP KVM_ARM_VCPU_TIMER_CTRL

static u64 fired[MAX_VCPUS], deadline[MAX_VCPUS], too_early;
static u64 lines[2] = { VTIMER, PTIMER };	/* of the virtual and of the physical timer */

/* --- guest: one of the two timers, by number --- */

static u64 count(bool phys)
{
	guest_isb();
	return phys ? read_sys(cntpct_el0) : read_sys(cntvct_el0);
}

static u64 ctl(bool phys)
{
	return phys ? read_sys(cntp_ctl_el0) : read_sys(cntv_ctl_el0);
}

static void set_ctl(bool phys, u64 value)
{
	if (phys)
		write_sys(cntp_ctl_el0, value);
	else
		write_sys(cntv_ctl_el0, value);
}

static void set_cval(bool phys, u64 value)
{
	if (phys)
		write_sys(cntp_cval_el0, value);
	else
		write_sys(cntv_cval_el0, value);
}

static u64 us(u64 n)
{
	return n * read_sys(cntfrq_el0) / 1000000;
}

static void arm(bool phys, u64 us_ahead)
{
	u64 at = count(phys) + us(us_ahead);

	set_ctl(phys, 0);	/* it might expire between the two */
	WRITE(deadline[read_sys(tpidr_el1)], at);
	set_cval(phys, at);
	set_ctl(phys, CTL_ENABLE);
}

/* Takes the interrupt, and switches the timer off. */
static void on_timer(unsigned int line)
{
	bool phys = line == READ(lines[1]);
	u64 me = read_sys(tpidr_el1);

	if (count(phys) < READ(deadline[me]))
		WRITE(too_early, READ(too_early) + 1);
	if ((ctl(phys) & 7) != (CTL_ENABLE | CTL_ISTATUS))
		guest_call(GUEST_FAILED, (u64)"the control register in the handler", __LINE__, ctl(phys), 0);
	set_ctl(phys, 0);
	WRITE(fired[me], READ(fired[me]) + 1);
}

static void timer_init(bool phys)
{
	unsigned int line = READ(lines[phys]);

	guest_irq_init();
	guest_on_line(line, on_timer);
	guest_line_enable(line, true);
}

/* --- interrupts --- */

enum { ROUNDS = 300 };

static void guest_spins(u64 phys)
{
	u64 i, me = read_sys(tpidr_el1), end;

	timer_init(phys);
	guest_irq_enable();
	for (i = 1; i <= ROUNDS; i++) {
		arm(phys, i % 7 * 40);
		end = count(phys) + us(20 * 1000 * 1000);
		while (READ(fired[me]) < i && count(phys) < end)
			guest_relax();
		GUEST_ASSERT_EQ(READ(fired[me]), i);
	}
	GUEST_ASSERT_EQ(READ(too_early), 0);
}

static void guest_waits(u64 phys)
{
	u64 i, me = read_sys(tpidr_el1);

	timer_init(phys);
	for (i = 1; i <= ROUNDS; i++) {
		arm(phys, i % 7 * 150);
		while (READ(fired[me]) < i)
			guest_wait();
		GUEST_ASSERT_EQ(READ(fired[me]), i);
	}
	GUEST_ASSERT_EQ(READ(too_early), 0);
}

static void one(guest_fn fn, u64 phys)
{
	vcpu_done(vcpu_create(vm_create(VM_IRQCHIP), fn, phys));
}

TEST(virtual)
{
	one(guest_spins, 0);
}

TEST(physical)
{
	one(guest_spins, 1);
}

TEST(virtual_wait)
{
	one(guest_waits, 0);
}

TEST(physical_wait)
{
	one(guest_waits, 1);
}

/* Several vCPUs that share the host's CPUs, and that change them. */
TEST(many)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	cpu_set_t set;
	unsigned int i, n, cpus = sysconf(_SC_NPROCESSORS_ONLN);

	for (i = 0; i < 4; i++)
		vcpu_create(vm, i & 2 ? guest_waits : guest_spins, i & 1);
	for (i = 0; i < 4; i++)
		vcpu_start(vm->vcpus[i]);
	for (n = 0; n < 100; n++) {
		for (i = 0; i < 4; i++) {
			CPU_ZERO(&set);
			CPU_SET((n + i / 2) % cpus, &set);
			pthread_setaffinity_np(vm->vcpus[i]->thread, sizeof(set), &set);
		}
		sleep_ms(5);
	}
	for (i = 0; i < 4; i++)
		vcpu_join(vm->vcpus[i]);
}

/* The line is a level: a handler that leaves the timer as it is comes back. */
static void on_timer_lazily(unsigned int line)
{
	u64 me = read_sys(tpidr_el1);

	WRITE(fired[me], READ(fired[me]) + 1);
	if (READ(fired[me]) % 5 == 0)
		set_ctl(line == PTIMER, CTL_ENABLE | CTL_IMASK);
}

static void guest_level(u64 phys)
{
	u64 me = read_sys(tpidr_el1), end;

	timer_init(phys);
	guest_on_line(lines[phys], on_timer_lazily);
	arm(phys, 0);
	guest_irq_enable();
	end = count(phys) + us(10 * 1000 * 1000);
	while (READ(fired[me]) < 5 && count(phys) < end)
		guest_relax();
	GUEST_ASSERT_EQ(READ(fired[me]), 5);
	GUEST_ASSERT_EQ(ctl(phys), CTL_ENABLE | CTL_IMASK | CTL_ISTATUS);
	end = count(phys) + us(2000);
	while (count(phys) < end)
		guest_relax();
	GUEST_ASSERT_EQ(READ(fired[me]), 5);	/* masked */
	set_ctl(phys, CTL_ENABLE);
	end = count(phys) + us(10 * 1000 * 1000);
	while (READ(fired[me]) < 10 && count(phys) < end)
		guest_relax();
	GUEST_ASSERT_EQ(READ(fired[me]), 10);
	set_ctl(phys, 0);
}

TEST(level)
{
	one(guest_level, 0);
	one(guest_level, 1);
}

/* Expired while the interrupt is disabled, and set anew before anybody has taken it: it is as if nothing had been. */
static void guest_takes_back(u64 phys)
{
	u64 frame = gicr_of(0) + GICR_SGI, bit = BIT(READ(lines[phys])), end;

	timer_init(phys);
	write32(frame + GICD_ICENABLER, bit);
	guest_irq_enable();
	arm(phys, 0);
	end = count(phys) + us(1000);
	while (count(phys) < end)
		guest_relax();
	GUEST_ASSERT(read32(frame + GICD_ISPENDR) & bit);
	set_cval(phys, count(phys) + us(1000 * 1000 * 1000));
	GUEST_ASSERT(!(read32(frame + GICD_ISPENDR) & bit));
	write32(frame + GICD_ISENABLER, bit);
	GUEST_ASSERT_EQ(READ(fired[0]), 0);
	/* And it still works. */
	arm(phys, 100);
	end = count(phys) + us(10 * 1000 * 1000);
	while (!READ(fired[0]) && count(phys) < end)
		guest_relax();
	GUEST_ASSERT_EQ(READ(fired[0]), 1);
	/* Pending first, enabled then. */
	write32(frame + GICD_ICENABLER, bit);
	arm(phys, 0);
	end = count(phys) + us(1000);
	while (count(phys) < end)
		guest_relax();
	GUEST_ASSERT_EQ(READ(fired[0]), 1);
	write32(frame + GICD_ISENABLER, bit);
	end = count(phys) + us(10 * 1000 * 1000);
	while (READ(fired[0]) < 2 && count(phys) < end)
		guest_relax();
	GUEST_ASSERT_EQ(READ(fired[0]), 2);
}

TEST(take_back)
{
	one(guest_takes_back, 0);
	one(guest_takes_back, 1);
}

/* TVAL is a signed number of 32 bits, relative to the counter. */
static void guest_tval(u64 arg)
{
	s64 left;

	write_sys(cntv_tval_el0, 0x7fffffff);
	left = (int)read_sys(cntv_tval_el0);
	GUEST_ASSERT(left <= 0x7fffffff && left > 0x70000000);
	GUEST_ASSERT(read_sys(cntv_cval_el0) - count(false) > 0x70000000);
	write_sys(cntp_tval_el0, (u64)-1000 & 0xffffffff);
	GUEST_ASSERT((int)read_sys(cntp_tval_el0) <= -1000);
	write_sys(cntp_ctl_el0, CTL_ENABLE | CTL_IMASK);
	GUEST_ASSERT_EQ(read_sys(cntp_ctl_el0), CTL_ENABLE | CTL_IMASK | CTL_ISTATUS);
	write_sys(cntp_tval_el0, 0x70000000);
	GUEST_ASSERT_EQ(read_sys(cntp_ctl_el0), CTL_ENABLE | CTL_IMASK);
	write_sys(cntp_ctl_el0, 0);
}

TEST(tval)
{
	one(guest_tval, 0);
}

/* --- registers for user space --- */

static void guest_registers(u64 arg)
{
	write_sys(cntv_cval_el0, 0x1122334455667788);
	write_sys(cntv_ctl_el0, CTL_ENABLE | CTL_IMASK);
	write_sys(cntp_cval_el0, 0x0122334455667799);
	write_sys(cntp_ctl_el0, CTL_IMASK);
	guest_sync(count(false));
	GUEST_ASSERT_EQ(read_sys(cntv_cval_el0), 0x99);
	GUEST_ASSERT_EQ(read_sys(cntv_ctl_el0), CTL_ENABLE | CTL_IMASK | CTL_ISTATUS);
	GUEST_ASSERT_EQ(read_sys(cntp_cval_el0), 0x77);
	guest_sync(count(false));
	guest_sync(count(false));
}

static u64 host_count(void)
{
	u64 value;

	asm volatile("isb; mrs %0, cntvct_el0" : "=r"(value) : : "memory");
	return value;
}

static u64 host_ms(u64 ms)
{
	u64 frequency;

	asm volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
	return ms * frequency / 1000;
}

TEST(registers)
{
	struct vcpu *vcpu = vcpu_create(vm_create(VM_IRQCHIP), guest_registers, 0);
	u64 seen, now;

	seen = vcpu_sync(vcpu);
	/* A new VM's time has just begun. */
	ASSERT_MSG(seen < host_ms(20000), "virtual counter %lu", seen);
	ASSERT_EQ(vcpu_reg(vcpu, KVM_REG_ARM_TIMER_CVAL), 0x1122334455667788);
	ASSERT_EQ(vcpu_reg(vcpu, KVM_REG_ARM_TIMER_CTL), CTL_ENABLE | CTL_IMASK);
	ASSERT_EQ(vcpu_reg(vcpu, KVM_REG_ARM_PTIMER_CVAL), 0x0122334455667799);
	ASSERT_EQ(vcpu_reg(vcpu, KVM_REG_ARM_PTIMER_CTL), CTL_IMASK);
	now = vcpu_reg(vcpu, KVM_REG_ARM_TIMER_CNT);
	ASSERT_MSG(now >= seen && now < seen + host_ms(20000), "%lu after %lu", now, seen);
	vcpu_set_reg(vcpu, KVM_REG_ARM_TIMER_CVAL, 0x99);
	vcpu_set_reg(vcpu, KVM_REG_ARM_PTIMER_CVAL, 0x77);
	now = vcpu_sync(vcpu);
	ASSERT(now >= seen);
	/* The counter itself can be set. */
	vcpu_set_reg(vcpu, KVM_REG_ARM_TIMER_CNT, 1ul << 50);
	now = vcpu_sync(vcpu);
	ASSERT_MSG(now >= 1ul << 50 && now < (1ul << 50) + host_ms(20000), "%#lx", now);
	vcpu_done(vcpu);
}

static void guest_masked(u64 arg)
{
	for (;;)
		guest_sync2(count(false), count(true));
}

TEST(counter_offset)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu;
	struct kvm_arm_counter_offset offset = { .counter_offset = 1ul << 40 };
	u64 before, after, virt, phys;

	if (!vm_cap(vm, KVM_CAP_COUNTER_OFFSET))
		test_skip("no KVM_CAP_COUNTER_OFFSET");
	vcpu = vcpu_create(vm, guest_masked, 0);
	offset.reserved = 1;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_ARM_SET_COUNTER_OFFSET, &offset));
	offset.reserved = 0;
	/* By default the physical counter is the host's. */
	before = host_count();
	vcpu_sync(vcpu);
	phys = vcpu->call.args[1];
	after = host_count();
	ASSERT_MSG(phys >= before && phys <= after, "%#lx <= %#lx <= %#lx", before, phys, after);

	offset.counter_offset = before - 12345;
	ASSERT_OK(ioctl(vm->fd, KVM_ARM_SET_COUNTER_OFFSET, &offset));
	before = host_count();
	virt = vcpu_sync(vcpu);
	phys = vcpu->call.args[1];
	after = host_count();
	ASSERT_MSG(virt >= before - offset.counter_offset && virt <= after - offset.counter_offset, "%#lx", virt);
	ASSERT_MSG(phys >= virt && phys <= after - offset.counter_offset, "%#lx", phys);
	/* From now on writes to the counters do not count. */
	vcpu_set_reg(vcpu, KVM_REG_ARM_TIMER_CNT, 1ul << 50);
	virt = vcpu_sync(vcpu);
	ASSERT(virt < 1ul << 50);
}

/* A shifted physical timer, whether the CPU can shift it or not. */
TEST(offset_interrupts)
{
	guest_fn fns[] = { guest_spins, guest_waits, guest_level, guest_takes_back };
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_SIZE(fns); i++) {
		struct kvm_arm_counter_offset offset = { .counter_offset = host_count() - 1000 };
		struct vm *vm = vm_create(VM_IRQCHIP);
		struct vcpu *vcpu = vcpu_create(vm, fns[i / 2], i & 1);

		if (!vm_cap(vm, KVM_CAP_COUNTER_OFFSET))
			test_skip("no KVM_CAP_COUNTER_OFFSET");
		ASSERT_OK(ioctl(vm->fd, KVM_ARM_SET_COUNTER_OFFSET, &offset));
		vcpu_done(vcpu);
		vm_free(vm);
	}
}

static u64 stop;

static void guest_until_stopped(u64 arg)
{
	while (!READ(stop))
		guest_relax();
}

TEST(offset_busy)
{
	struct kvm_arm_counter_offset offset = {};
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_until_stopped, 0);
	int r, tries;

	if (!vm_cap(vm, KVM_CAP_COUNTER_OFFSET))
		test_skip("no KVM_CAP_COUNTER_OFFSET");
	vcpu_start(vcpu);
	for (tries = 0; tries < 1000; tries++) {
		r = ioctl(vm->fd, KVM_ARM_SET_COUNTER_OFFSET, &offset);
		if (r)
			break;
		sleep_ms(1);
	}
	ASSERT_EQ(r, -1);
	ASSERT_EQ(errno, EBUSY);
	WRITE(*vm_var(vm, stop), 1);
	vcpu_join(vcpu);
	ASSERT_OK(ioctl(vm->fd, KVM_ARM_SET_COUNTER_OFFSET, &offset));
}

/* --- interrupt numbers --- */

static int ppi(struct vcpu *vcpu, unsigned long request, u64 attr, int *irq)
{
	struct kvm_device_attr args = { .group = VCPU_ATTR_GROUP, .attr = attr, .addr = (u64)irq };

	return ioctl(vcpu->fd, request, &args);
}

static int set_ppi(struct vcpu *vcpu, u64 attr, int irq)
{
	return ppi(vcpu, KVM_SET_DEVICE_ATTR, attr, &irq);
}

TEST(numbers)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_waits, 0), *other = vcpu_create(vm, guest_waits, 1);
	int irq;

	ASSERT_OK(ppi(vcpu, KVM_HAS_DEVICE_ATTR, KVM_ARM_VCPU_TIMER_IRQ_VTIMER, NULL));
	ASSERT_OK(ppi(vcpu, KVM_HAS_DEVICE_ATTR, KVM_ARM_VCPU_TIMER_IRQ_PTIMER, NULL));
	ASSERT_ERRNO(ENXIO, ppi(vcpu, KVM_HAS_DEVICE_ATTR, 77, NULL));
	ASSERT_ERRNO(ENXIO, ppi(vcpu, KVM_GET_DEVICE_ATTR, 77, &irq));
	ASSERT_OK(ppi(vcpu, KVM_GET_DEVICE_ATTR, KVM_ARM_VCPU_TIMER_IRQ_VTIMER, &irq));
	ASSERT_EQ(irq, VTIMER);
	ASSERT_OK(ppi(vcpu, KVM_GET_DEVICE_ATTR, KVM_ARM_VCPU_TIMER_IRQ_PTIMER, &irq));
	ASSERT_EQ(irq, PTIMER);
	ASSERT_ERRNO(EINVAL, set_ppi(vcpu, KVM_ARM_VCPU_TIMER_IRQ_VTIMER, 15));
	ASSERT_ERRNO(EINVAL, set_ppi(vcpu, KVM_ARM_VCPU_TIMER_IRQ_VTIMER, 32));
	ASSERT_ERRNO(EINVAL, set_ppi(vcpu, KVM_ARM_VCPU_TIMER_IRQ_PTIMER, -1));
	ASSERT_ERRNO(EFAULT, ppi(vcpu, KVM_SET_DEVICE_ATTR, KVM_ARM_VCPU_TIMER_IRQ_PTIMER, NULL));
	ASSERT_OK(set_ppi(vcpu, KVM_ARM_VCPU_TIMER_IRQ_VTIMER, 20));
	ASSERT_OK(set_ppi(vcpu, KVM_ARM_VCPU_TIMER_IRQ_PTIMER, 21));
	/* One vCPU's are everybody's. */
	ASSERT_OK(ppi(other, KVM_GET_DEVICE_ATTR, KVM_ARM_VCPU_TIMER_IRQ_VTIMER, &irq));
	ASSERT_EQ(irq, 20);
	(*vm_var(vm, lines))[0] = 20;
	(*vm_var(vm, lines))[1] = 21;
	vcpu_start(vcpu);
	vcpu_start(other);
	vcpu_join(vcpu);
	vcpu_join(other);
	ASSERT_ERRNO(EBUSY, set_ppi(vcpu, KVM_ARM_VCPU_TIMER_IRQ_VTIMER, 22));
}

TEST(numbers_equal)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_waits, 0);

	ASSERT_OK(set_ppi(vcpu, KVM_ARM_VCPU_TIMER_IRQ_VTIMER, PTIMER));
	arch_vm_ready(vm);
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_RUN, 0));
}

/* --- without a GIC in the kernel --- */

static void guest_alone(u64 phys)
{
	GUEST_ASSERT_EQ(ctl(phys), 0);
	arm(phys, 1000);
	guest_wfi();
	for (;;)
		guest_relax();
}

static void user_irq(bool phys)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_alone, phys);
	u64 bit = phys ? KVM_ARM_DEV_EL1_PTIMER : KVM_ARM_DEV_EL1_VTIMER;

	if (!vm_cap(vm, KVM_CAP_ARM_USER_IRQ))
		test_skip("no KVM_CAP_ARM_USER_IRQ");
	ASSERT_EQ(vcpu->run->s.regs.device_irq_level, 0);
	ASSERT_EQ(vcpu_run_once(vcpu), -EINTR);
	ASSERT_EQ(vcpu->run->exit_reason, KVM_EXIT_INTR);
	ASSERT_EQ(vcpu->run->s.regs.device_irq_level, bit);
	/* User space clears the line by setting the timer anew, as its emulation of a guest might. */
	vcpu_set_reg(vcpu, phys ? KVM_REG_ARM_PTIMER_CTL : KVM_REG_ARM_TIMER_CTL, 0);
	ASSERT_EQ(vcpu_run_once(vcpu), -EINTR);
	ASSERT_EQ(vcpu->run->s.regs.device_irq_level, 0);
}

TEST(user_irq_virtual)
{
	user_irq(false);
}

TEST(user_irq_physical)
{
	user_irq(true);
}
