// SPDX-License-Identifier: GPL-2.0-only
/* What a guest that knows KVM uses: clock, steal time, EOI by memory, hypercalls; and the TSC. */
#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include "x86.h"

/* --- hypercalls ------------------------------------------------------------------------------------------- */

static u64 intel;

static u64 hypercall(u64 nr, u64 a, u64 b, u64 c, u64 d)
{
	/* Both forms work: the kernel corrects the one that is not the CPU's. */
	if (READ(intel))
		asm volatile("vmcall" : "+a"(nr) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	else
		asm volatile("vmmcall" : "+a"(nr) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return nr;
}

static void guest_hypercalls(u64 form)
{
	intel = form;
	GUEST_ASSERT_EQ(hypercall(0x7777, 1, 2, 3, 4), (u64)-KVM_ENOSYS);
	GUEST_ASSERT_EQ(hypercall(~0ull, 1, 2, 3, 4), (u64)-KVM_ENOSYS);
	GUEST_ASSERT_EQ(hypercall(KVM_HC_VAPIC_POLL_IRQ, 0, 0, 0, 0), 0);
	guest_sync(hypercall(KVM_HC_KICK_CPU, 0, 99, 0, 0));
}

TEST(hypercalls)
{
	vcpu_sync_is(vcpu_create(vm_create(VM_IRQCHIP), guest_hypercalls, 0), 0);
}

/* The instruction of the other maker: rewritten in the guest's memory. */
TEST(hypercall_patched)
{
	vcpu_sync_is(vcpu_create(vm_create(VM_IRQCHIP), guest_hypercalls, 1), 0);
	vcpu_sync_is(vcpu_create(vm_create(VM_IRQCHIP), guest_hypercalls, 0), 0);
}

static u64 flag, got, ready;

static void on_pv_ipi(struct trap_frame *frame)
{
	__atomic_fetch_add(&got, 1 << (8 * (lapic_read(LAPIC_ID) >> 24)), __ATOMIC_SEQ_CST);
	lapic_write(LAPIC_EOI, 0);
}

static void guest_sleeper(u64 arg)
{
	lapic_enable();
	guest_on_trap(0x70, on_pv_ipi);
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	/* Interrupts off: only a kick ends this. */
	hlt();
	WRITE(flag, 1);
	while (READ(flag) != 2)
		guest_wait();
}

static void guest_waker(u64 arg)
{
	u64 n;

	lapic_enable();
	guest_on_trap(0x70, on_pv_ipi);
	sti();
	while (READ(ready) < 1)
		guest_relax();
	while (!READ(flag)) {
		GUEST_ASSERT_EQ(hypercall(KVM_HC_KICK_CPU, 0, 1, 0, 0), 0);
		for (n = 0; n < 1000; n++)
			guest_relax();
	}
	/* To both vCPUs of the bitmap at once. */
	n = hypercall(KVM_HC_SEND_IPI, 3, 0, 0, 0x70);
	GUEST_ASSERT_EQ(n, 2);
	while (READ(got) != 0x101)
		guest_relax();
	hypercall(KVM_HC_SCHED_YIELD, 1, 0, 0, 0);
	WRITE(flag, 2);
	hypercall(KVM_HC_SEND_IPI, 2, 0, 0, 0x70);
}

TEST(kick_and_ipi)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct kvm_cpuid_entry2 *leaf = cpuid_leaf(supported_cpuid(), KVM_CPUID_FEATURES, 0);

	if (!(leaf->eax & BIT(KVM_FEATURE_PV_UNHALT)) || !(leaf->eax & BIT(KVM_FEATURE_PV_SEND_IPI)))
		test_skip("no such hypercalls");
	vcpu_create(vm, guest_waker, 0);
	vcpu_create(vm, guest_sleeper, 0);
	vcpu_start(vm->vcpus[0]);
	vcpu_start(vm->vcpus[1]);
	vcpu_join(vm->vcpus[0]);
	vcpu_join(vm->vcpus[1]);
}

/* Ring 3 has no hypercalls. */
static void guest_unprivileged(u64 arg)
{
	static u8 stack[4096];
	u64 result = 1;

	asm volatile("pushq %[ss]; leaq %[stack], %%rcx; pushq %%rcx; pushq $0x202; pushq %[cs]\n\t"
		     "leaq 1f(%%rip), %%rcx; pushq %%rcx; iretq\n"
		     "1: movl $1, %%eax; vmmcall; movq %%rax, %%rdi\n\t"
		     /* a write that the host sees: there is no other way to speak */
		     "movabsq $0xc0000000, %%rcx; movq %%rdi, (%%rcx)\n"
		     "2: jmp 2b"
		     : : [ss] "i"(SEL_UDATA | 3), [cs] "i"(SEL_UCODE64 | 3),
			 [stack] "m"(stack[4000]), "a"(result)
		     : "rcx", "rdi", "memory");
}

TEST(hypercall_unprivileged)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_unprivileged, 0);

	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(*(u64 *)vcpu->run->mmio.data, (u64)-KVM_EPERM);
}

/* --- the clock -------------------------------------------------------------------------------------------- */

struct clock_page {
	u32 version, pad;
	u64 tsc, system_time;
	u32 mul;
	int8_t shift;
	u8 flags, pad2[2];
} __attribute__((packed));

static struct clock_page clocks[2] __attribute__((aligned(64)));
static u64 newest, both, stop;

static u64 read_clock(volatile struct clock_page *c)
{
	u64 delta, time;
	u32 version;

	do {
		version = c->version;
		asm volatile("lfence" : : : "memory");
		delta = rdtsc() - c->tsc;
		if (c->shift >= 0)
			delta <<= c->shift;
		else
			delta >>= -c->shift;
		time = c->system_time + (u64)(((unsigned __int128)delta * c->mul) >> 32);
		asm volatile("lfence" : : : "memory");
	} while ((version & 1) || version != c->version);
	return time;
}

static void guest_clock(u64 arg)
{
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, (u64)&clocks[0] | 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_SYSTEM_TIME_NEW), (u64)&clocks[0] | 1);
	for (;;)
		guest_sync2(read_clock(&clocks[0]), clocks[0].flags);
}

#define STABLE 1
#define STOPPED 2

TEST(clock)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_clock, 0);
	struct kvm_clock_data data = { 0 };
	u64 before, guest, host, last = 0;
	unsigned int i;

	for (i = 0; i < 50; i++) {
		ASSERT_OK(ioctl(vcpu->vm->fd, KVM_GET_CLOCK, &data));
		before = data.clock;
		guest = vcpu_sync(vcpu);
		ASSERT_OK(ioctl(vcpu->vm->fd, KVM_GET_CLOCK, &data));
		/* A little of a different rate is in order. */
		ASSERT_MSG(guest + 1000000 >= before && guest <= data.clock + 1000000,
			   "the guest's clock is %lu, the VM's from %lu to %lu", guest, before,
			   (u64)data.clock);
		ASSERT_MSG(guest >= last, "the clock goes back by %lu ns", last - guest);
		last = guest;
	}
	/* It goes as fast as the host's. */
	guest = vcpu_sync(vcpu);
	host = now_ns();
	sleep_ms(200);
	guest = vcpu_sync(vcpu) - guest;
	host = now_ns() - host;
	ASSERT_MSG(guest > host * 0.98 - 5000000 && guest < host * 1.02 + 5000000,
		   "the guest's clock went %lu us in %lu us", guest / 1000, host / 1000);
	/* Set to another time. */
	data = (struct kvm_clock_data){ .clock = 3600000000000 };
	ASSERT_OK(ioctl(vcpu->vm->fd, KVM_SET_CLOCK, &data));
	guest = vcpu_sync(vcpu);
	ASSERT_MSG(guest >= 3599999000000 && guest < 3603000000000, "one hour is %lu", guest);
	/* Told that it was stopped. */
	if (kvm_cap(KVM_CAP_KVMCLOCK_CTRL)) {
		ASSERT(!(vcpu->call.args[1] & STOPPED));
		ASSERT_OK(ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0));
		vcpu_sync(vcpu);
		ASSERT(vcpu->call.args[1] & STOPPED);
		/* Once: the guest clears it, and it stays so. */
		vm_var(vcpu->vm, clocks)[0]->flags &= ~STOPPED;
	}
	data.flags = 0x80;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->vm->fd, KVM_SET_CLOCK, &data));
	vcpu = vcpu_create(vm_create(0), guest_clock, 0);
	/* Not in use: nothing to tell. */
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0));
}

static void guest_compares_clocks(u64 id)
{
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, (u64)&clocks[id] | 1);
	__atomic_fetch_add(&both, 1, __ATOMIC_SEQ_CST);
	while (READ(both) < 2)
		guest_relax();
	while (!READ(stop)) {
		u64 seen = __atomic_load_n(&newest, __ATOMIC_SEQ_CST);
		u64 now = read_clock(&clocks[id]);

		/* Only with the flag do the two promise to agree. */
		if (now < seen && READ(clocks[0].flags) & READ(clocks[1].flags) & STABLE)
			guest_sync2(seen, now);
		while (now > seen && !__atomic_compare_exchange_n(&newest, &seen, now, false,
								  __ATOMIC_SEQ_CST,
								  __ATOMIC_SEQ_CST))
			;
	}
}

static bool host_trusts_tsc(void)
{
	char name[16] = "";
	int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY);

	return fd >= 0 && read(fd, name, sizeof(name) - 1) > 0 && !strncmp(name, "tsc", 3);
}

static void clock_went_back(struct vcpu *vcpu)
{
	FAIL("one vCPU saw %lu, then the other %lu", vcpu->call.args[0], vcpu->call.args[1]);
}

TEST(clock_of_two)
{
	struct vm *vm = vm_create(0);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		vcpu_create(vm, guest_compares_clocks, i)->on_sync = clock_went_back;
		vcpu_start(vm->vcpus[i]);
	}
	sleep_ms(test_size(500, 200));
	*vm_var(vm, stop) = 1;
	for (i = 0; i < 2; i++)
		vcpu_join(vm->vcpus[i]);
	/* Where the host itself trusts its TSC, the guest may. */
	if (host_trusts_tsc())
		ASSERT((*vm_var(vm, clocks))[0].flags & (*vm_var(vm, clocks))[1].flags & STABLE);
}

struct wall_page {
	u32 version, sec, nsec;
} __attribute__((packed));
static struct wall_page wall __attribute__((aligned(16)));

static void guest_wall(u64 arg)
{
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, (u64)&clocks[0] | 1);
	wrmsr(MSR_KVM_WALL_CLOCK_NEW, (u64)&wall);
	guest_sync2(wall.sec * 1000000000ull + wall.nsec + read_clock(&clocks[0]), wall.version);
}

TEST(wall_clock)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_wall, 0);
	struct timespec now;
	s64 difference;

	vcpu_sync(vcpu);
	clock_gettime(CLOCK_REALTIME, &now);
	difference = now.tv_sec * 1000000000ll + now.tv_nsec - vcpu->call.args[0];
	ASSERT_MSG(difference > -100000000 && difference < 1000000000,
		   "the guest's time of day is off by %ld ms", difference / 1000000);
	ASSERT_EQ(vcpu->call.args[1] & 1, 0);
}

/* --- steal time -------------------------------------------------------------------------------------------- */

struct steal_page {
	u64 steal;
	u32 version, flags;
	u8 preempted, pad[47];
} __attribute__((packed));
static struct steal_page steals[2] __attribute__((aligned(64)));

static void guest_steal(u64 id)
{
	wrmsr(MSR_KVM_STEAL_TIME, (u64)&steals[id] | 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_STEAL_TIME), (u64)&steals[id] | 1);
	/* Bits that are reserved. */
	GUEST_ASSERT_EQ(catch_wrmsr(MSR_KVM_STEAL_TIME, (u64)&steals[id] | 3), V_GP);
	guest_sync(READ(steals[id].version));
	while (!READ(stop))
		guest_relax();
}

static void *run_pinned(void *data)
{
	struct vcpu *vcpu = data;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
	vcpu_done(vcpu);
	return NULL;
}

TEST(steal_time)
{
	struct vm *vm = vm_create(0);
	volatile struct steal_page *pages = *vm_var(vm, steals);
	unsigned int i;

	NEED_CAP(KVM_CAP_STEAL_TIME);
	for (i = 0; i < 2; i++) {
		vcpu_create(vm, guest_steal, i);
		vcpu_sync(vm->vcpus[i]);
		ASSERT_EQ(vm->vcpus[i]->call.args[0] & 1, 0);
	}
	/* Two that never rest on one CPU: each waits about half of the time. */
	for (i = 0; i < 2; i++)
		pthread_create(&vm->vcpus[i]->thread, NULL, run_pinned, vm->vcpus[i]);
	sleep_ms(1000);
	*vm_var(vm, stop) = 1;
	for (i = 0; i < 2; i++)
		pthread_join(vm->vcpus[i]->thread, NULL);
	for (i = 0; i < 2; i++) {
		ASSERT_MSG(pages[i].steal > 100000000 && pages[i].steal < 5000000000,
			   "%lu ms stolen of a second", pages[i].steal / 1000000);
		ASSERT_EQ(pages[i].version & 1, 0);
	}
}

/* --- EOI by memory ------------------------------------------------------------------------------------------ */

static u32 eoi_flag __attribute__((aligned(4)));
static u64 interrupts, without_exit;

static void on_vector(struct trap_frame *frame)
{
	u8 was_set;

	interrupts++;
	asm volatile("btrl $0, %0; setc %1" : "+m"(eoi_flag), "=q"(was_set) : : "memory", "cc");
	if (was_set)
		without_exit++;
	else
		lapic_write(LAPIC_EOI, 0);
}

static void guest_pv_eoi(u64 arg)
{
	unsigned int i;

	lapic_enable();
	guest_on_trap(0x50, on_vector);
	guest_on_trap(0x90, on_vector);
	wrmsr(MSR_KVM_PV_EOI_EN, (u64)&eoi_flag | 1);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_PV_EOI_EN), (u64)&eoi_flag | 1);
	GUEST_ASSERT_EQ(catch_wrmsr(MSR_KVM_PV_EOI_EN, (u64)&eoi_flag | 3), V_GP);
	sti();
	for (i = 1; i <= 20; i++) {
		lapic_ipi(0, 0x50);
		while (READ(interrupts) < i)
			guest_relax();
	}
	GUEST_ASSERT(READ(without_exit) > 0);
	/* Two at a time: the second must not be forgotten when the first is acknowledged by memory. */
	for (i = 21; i <= 40; i += 2) {
		cli();
		lapic_ipi(0, 0x50);
		lapic_ipi(0, 0x90);
		sti();
		while (READ(interrupts) < i + 1)
			guest_relax();
	}
	GUEST_ASSERT_EQ(lapic_read(LAPIC_ISR + 0x10 * (0x50 / 32)), 0);
	guest_sync(READ(without_exit));
}

TEST(eoi)
{
	struct vcpu *vcpu = vcpu_create(vm_create(VM_IRQCHIP), guest_pv_eoi, 0);
	u64 n = vcpu_sync(vcpu);

	test_note("%lu of 40 acknowledged by memory", n);
}

/* --- MSRs' rules ---------------------------------------------------------------------------------------------- */

static void guest_pv_msrs(u64 arg)
{
	/* Places that are not the guest's memory, or not aligned. */
	GUEST_ASSERT_EQ(catch_wrmsr(MSR_KVM_PV_EOI_EN, 0x123 | 1), V_GP);
	wrmsr(MSR_KVM_ASYNC_PF_EN, 0);
	GUEST_ASSERT_EQ(rdmsr(MSR_KVM_ASYNC_PF_EN), 0);
	GUEST_ASSERT_EQ(catch_wrmsr(MSR_KVM_ASYNC_PF_EN, 0x30), V_GP);
	guest_sync(0);
	/* Memory that goes away under the clock: that is the guest's problem only. */
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, SLOT_GPA | 1);
	wrmsr(MSR_KVM_STEAL_TIME, (SLOT_GPA + 64) | 1);
	guest_sync(1);
	guest_sync(2);
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, (SLOT_GPA + 1024 * MB) | 1);
	guest_sync(3);
	guest_sync(4);
}

TEST(bad_places)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_pv_msrs, 0);

	vm_add_slot(vm, 1, 0, SLOT_GPA, PAGE, host_memory(PAGE, PAGE));
	vcpu_sync_is(vcpu, 0);
	vcpu_sync_is(vcpu, 1);
	ASSERT_OK(vm_set_slot(vm, 1, 0, 0, 0, NULL));
	sleep_ms(5);
	vcpu_sync_is(vcpu, 2);
	vcpu_sync_is(vcpu, 3);
	vcpu_sync_is(vcpu, 4);
	vcpu_done(vcpu);
}

/* --- TSC ------------------------------------------------------------------------------------------------------- */

static void guest_tsc(u64 arg)
{
	for (;;) {
		u64 tsc = rdtsc();

		guest_sync2(tsc, rdmsr(MSR_TSC));
		if (READ(flag)) {
			wrmsr(MSR_TSC, READ(flag));
			flag = 0;
		}
	}
}

TEST(tsc)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_tsc, 0);
	s64 khz = ASSERT_OK(ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0));
	u64 tsc, host, far = 1ull << 45;

	ASSERT(khz > 1000);
	tsc = vcpu_sync(vcpu);
	host = now_ns();
	ASSERT(vcpu->call.args[1] >= tsc);
	sleep_ms(200);
	tsc = vcpu_sync(vcpu) - tsc;
	host = now_ns() - host;
	ASSERT_MSG(tsc > host * khz / 1000000 * 0.95 && tsc < host * khz / 1000000 * 1.05,
		   "%lu ticks in %lu us at %ld kHz", tsc, host / 1000, khz);
	/* The host sets it. */
	ASSERT_EQ(vcpu_set_msr(vcpu, MSR_TSC, far), 1);
	tsc = vcpu_sync(vcpu);
	ASSERT_MSG(tsc >= far && tsc < far + 5000ull * khz, "%#lx after %#lx", tsc, far);
	/* The guest sets it. */
	*vm_var(vcpu->vm, flag) = far << 1;
	tsc = vcpu_sync(vcpu);
	ASSERT_MSG(tsc >= far << 1 && tsc < (far << 1) + 5000ull * khz, "%#lx after %#lx", tsc,
		   far << 1);
	/* Its own rate can always be asked for. */
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_TSC_KHZ, khz));
	ASSERT_EQ(ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0), khz);
	if (!kvm_cap(KVM_CAP_TSC_CONTROL)) {
		ASSERT(ioctl(vcpu->fd, KVM_SET_TSC_KHZ, khz / 2) < 0);
		return;
	}
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_TSC_KHZ, khz / 2));
	ASSERT_EQ(ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0), khz / 2);
	tsc = vcpu_sync(vcpu);
	host = now_ns();
	sleep_ms(200);
	tsc = vcpu_sync(vcpu) - tsc;
	host = now_ns() - host;
	ASSERT_MSG(tsc > host * khz / 2000000 * 0.95 && tsc < host * khz / 2000000 * 1.05,
		   "%lu ticks in %lu us at %ld kHz", tsc, host / 1000, khz / 2);
}

TEST(tsc_offset)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_tsc, 0);
	u64 offset = 0, before, moved;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (u64)&offset,
	};

	NEED_CAP(KVM_CAP_VCPU_ATTRIBUTES);
	ASSERT_OK(ioctl(vcpu->fd, KVM_HAS_DEVICE_ATTR, &attr));
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_DEVICE_ATTR, &attr));
	before = vcpu_sync(vcpu);
	offset += 1ull << 50;
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &attr));
	moved = vcpu_sync(vcpu);
	ASSERT_MSG(moved - before >= 1ull << 50 && moved - before < (1ull << 50) + (1ull << 40),
		   "%#lx after %#lx", moved, before);
	attr.attr = 77;
	ASSERT_ERRNO(ENXIO, ioctl(vcpu->fd, KVM_HAS_DEVICE_ATTR, &attr));
	ASSERT_ERRNO(ENXIO, ioctl(vcpu->fd, KVM_GET_DEVICE_ATTR, &attr));
}

/* TSCs of vCPUs that are made one after the other agree, as far as the host's do. */
static void guest_compares_tsc(u64 tolerance)
{
	__atomic_fetch_add(&both, 1, __ATOMIC_SEQ_CST);
	while (READ(both) < 2)
		guest_relax();
	while (!READ(stop)) {
		u64 seen = __atomic_load_n(&newest, __ATOMIC_SEQ_CST), now;

		asm volatile("lfence" : : : "memory");
		now = rdtsc();
		if (now + tolerance < seen)
			guest_sync2(seen, now);
		while (now > seen && !__atomic_compare_exchange_n(&newest, &seen, now, false,
								  __ATOMIC_SEQ_CST,
								  __ATOMIC_SEQ_CST))
			;
	}
}

TEST(tsc_of_two)
{
	struct vm *vm = vm_create(0);
	unsigned int i;
	/* 2 ms of drift where the host does not trust its own TSCs. */
	u64 slack = host_trusts_tsc() ? 0 : 2 * ASSERT_OK(ioctl(vm->fd, KVM_GET_TSC_KHZ, 0));

	for (i = 0; i < 2; i++) {
		vcpu_create(vm, guest_compares_tsc, slack)->on_sync = clock_went_back;
		if (!i)
			sleep_ms(20);
	}
	for (i = 0; i < 2; i++)
		vcpu_start(vm->vcpus[i]);
	sleep_ms(test_size(500, 200));
	*vm_var(vm, stop) = 1;
	for (i = 0; i < 2; i++)
		vcpu_join(vm->vcpus[i]);
}
