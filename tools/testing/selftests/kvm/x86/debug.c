// SPDX-License-Identifier: GPL-2.0-only
/* Guest debug: single step, software and hardware breakpoints, and the guest's own. */
#include "x86.h"

extern char debug_start[], debug_store[], debug_cpuid[], debug_end[], debug_bp[];
static u64 watched;

/* Straight code with known places. */
static void guest_straight(u64 arg)
{
	guest_sync(0);
	asm volatile("debug_start: nop\n\t"
		     "xor %%eax, %%eax\n"
		     "debug_cpuid: cpuid\n\t"
		     "mov $7, %%ebx\n"
		     "debug_store: movq $5, watched\n\t"
		     "rdtsc\n\t"
		     "inc %%ebx\n"
		     "debug_bp: nop\n"
		     "debug_end: nop"
		     : : : "rax", "rbx", "rcx", "rdx", "memory");
	guest_sync(READ(watched));
}

static void debug_with(struct vcpu *vcpu, u32 control, u64 address, u64 dr7)
{
	struct kvm_guest_debug debug = { .control = control };

	debug.arch.debugreg[0] = address;
	debug.arch.debugreg[7] = dr7;
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &debug));
}

static void expect_debug(struct vcpu *vcpu, u64 exception, u64 pc)
{
	struct kvm_debug_exit_arch *exit = &vcpu->run->debug.arch;

	vcpu_exit_is(vcpu, KVM_EXIT_DEBUG);
	ASSERT_EQ(exit->exception, exception);
	ASSERT_EQ(exit->pc, pc);
	ASSERT_EQ(vcpu_regs(vcpu).rip, pc);
}

/* DR6's reason for the last debug exit. */
static void dr6_has(struct vcpu *vcpu, u64 mask, u64 bits)
{
	if (!test_quirk("no-dr6"))
		ASSERT_EQ(vcpu->run->debug.arch.dr6 & mask, bits);
}

#define ON KVM_GUESTDBG_ENABLE

TEST(hardware_breakpoint)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_straight, 0);

	NEED_CAP(KVM_CAP_SET_GUEST_DEBUG);
	vcpu_sync(vcpu);
	debug_with(vcpu, ON | KVM_GUESTDBG_USE_HW_BP, (u64)debug_bp, 0x401);
	expect_debug(vcpu, V_DB, (u64)debug_bp);
	dr6_has(vcpu, 0xf, 1);
	/* The guest's registers are its own. */
	ASSERT_EQ(vcpu_regs(vcpu).rbx, 8);
	debug_with(vcpu, 0, 0, 0);
	vcpu_sync_is(vcpu, 5);
	vcpu_done(vcpu);
}

TEST(watchpoint)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_straight, 0);
	struct kvm_debug_exit_arch *exit;
	struct kvm_debugregs debug;

	NEED_CAP(KVM_CAP_SET_GUEST_DEBUG);
	vcpu_sync(vcpu);
	/* Writes of 8 bytes. */
	debug_with(vcpu, ON | KVM_GUESTDBG_USE_HW_BP, (u64)&watched, 0x401 | 9ul << 16);
	vcpu_exit_is(vcpu, KVM_EXIT_DEBUG);
	exit = &vcpu->run->debug.arch;
	ASSERT_EQ(exit->exception, V_DB);
	dr6_has(vcpu, 0xf, 1);
	/* Reported behind the write. */
	ASSERT(exit->pc > (u64)debug_store && exit->pc <= (u64)debug_bp);
	ASSERT_EQ(*vm_var(vcpu->vm, watched), 5);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &debug));
	ASSERT_EQ(debug.dr7, 0x400);
	ASSERT_EQ(debug.db[0], 0);
	debug_with(vcpu, 0, 0, 0);
	vcpu_sync_is(vcpu, 5);
	vcpu_done(vcpu);
}

TEST(software_breakpoint)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_straight, 0);
	u8 *code = vm_hva(vm, (u64)debug_bp), old = *code;

	NEED_CAP(KVM_CAP_SET_GUEST_DEBUG);
	test_needs("no-int3-intercept");
	vcpu_sync(vcpu);
	*code = 0xcc;
	debug_with(vcpu, ON | KVM_GUESTDBG_USE_SW_BP, 0, 0);
	expect_debug(vcpu, V_BP, (u64)debug_bp);
	*code = old;
	debug_with(vcpu, 0, 0, 0);
	vcpu_sync_is(vcpu, 5);
	vcpu_done(vcpu);
}

/* Every instruction once, those that the kernel emulates as well. */
TEST(single_step)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_straight, 0);
	u64 places[16], n = 0, pc;
	bool seen_cpuid = false, seen_store = false;

	NEED_CAP(KVM_CAP_SET_GUEST_DEBUG);
	vcpu_sync(vcpu);
	debug_with(vcpu, ON | KVM_GUESTDBG_USE_HW_BP, (u64)debug_start, 0x401);
	expect_debug(vcpu, V_DB, (u64)debug_start);
	debug_with(vcpu, ON | KVM_GUESTDBG_SINGLESTEP, 0, 0);
	for (n = 0; n < 16; n++) {
		struct kvm_debug_exit_arch *exit = &vcpu->run->debug.arch;

		vcpu_exit_is(vcpu, KVM_EXIT_DEBUG);
		ASSERT_EQ(exit->exception, V_DB);
		dr6_has(vcpu, BIT(14), BIT(14));
		places[n] = pc = exit->pc;
		ASSERT(pc > (u64)debug_start && (!n || pc > places[n - 1]));
		seen_cpuid |= pc == (u64)debug_cpuid;
		seen_store |= pc == (u64)debug_store;
		/* The trap flag is the host's, not the guest's to see. */
		ASSERT_EQ(vcpu_regs(vcpu).rflags & RFLAGS_TF, 0);
		if (pc == (u64)debug_end)
			break;
	}
	/* nop, xor, cpuid, mov, mov, rdtsc, inc, nop */
	ASSERT_EQ(n, 7);
	ASSERT(seen_cpuid && seen_store);
	debug_with(vcpu, 0, 0, 0);
	vcpu_sync_is(vcpu, 5);
	vcpu_done(vcpu);
}

static u64 steps, break_at, with_dr6;

static void on_step(struct trap_frame *frame)
{
	u64 dr6;

	asm volatile("mov %%dr6, %0" : "=r"(dr6));
	GUEST_ASSERT(!READ(with_dr6) || dr6 & BIT(14));
	asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ul));
	WRITE(steps, READ(steps) + 1);
}

static void on_break(struct trap_frame *frame)
{
	WRITE(break_at, frame->rip);
}

/* Guest: debugs itself. */
static void guest_debugs(u64 arg)
{
	u64 rbx;

	guest_on_trap(V_DB, on_step);
	guest_on_trap(V_BP, on_break);
	/* Five instructions with the trap flag; POPF is followed by the first. */
	asm volatile("pushf; orl $0x100, (%%rsp); popf\n\t"
		     "nop; xor %%eax, %%eax; cpuid; nop; pushf\n\t"
		     "andl $0xfffffeff, (%%rsp); popf"
		     : "=&b"(rbx) : : "rax", "rcx", "rdx", "memory", "cc");
	guest_sync(READ(steps));
	asm volatile("int3");
	GUEST_ASSERT(READ(break_at));
}

TEST(by_the_guest)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_debugs, 0);

	*vm_var(vcpu->vm, with_dr6) = !test_quirk("no-dr6");
	/* nop, xor, cpuid, nop, pushf, and, popf: each is followed by a trap */
	vcpu_sync_is(vcpu, 7);
	vcpu_done(vcpu);
}

static u64 dr6_seen;

static void on_watch(struct trap_frame *frame)
{
	asm volatile("mov %%dr6, %0" : "=r"(dr6_seen));
	asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ul));
	steps++;
}

static void guest_watches(u64 arg)
{
	guest_on_trap(V_DB, on_watch);
	asm volatile("mov %0, %%dr2" : : "r"(&watched));
	asm volatile("mov %0, %%dr7" : : "r"(0x400ul | 1 << 4 | 0xdul << 24));
	guest_sync(0);
	WRITE(watched, 1);
	GUEST_ASSERT_EQ(READ(steps), 1);
	if (READ(with_dr6))
		GUEST_ASSERT_EQ(READ(dr6_seen) & 0xf, 4);
	guest_sync(1);
	WRITE(watched, 2);
	GUEST_ASSERT_EQ(READ(steps), 2);
	asm volatile("mov %0, %%dr7" : : "r"(0x400ul));
	WRITE(watched, 3);
	GUEST_ASSERT_EQ(READ(steps), 2);
}

/* A guest's watchpoint survives exits, other guests and the host. */
TEST(guest_watchpoint)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_watches, 0);
	struct vcpu *other = vcpu_create(vm_create(0), guest_straight, 0);

	*vm_var(vm, with_dr6) = !test_quirk("no-dr6");
	vcpu_sync_is(vcpu, 0);
	vcpu_sync_is(other, 0);
	/* The host's variable at the same address is not the guest's. */
	WRITE(watched, 9);
	vcpu_sync_is(vcpu, 1);
	vcpu_sync_is(other, 5);
	WRITE(watched, 9);
	vcpu_done(vcpu);
}

TEST(rules)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_straight, 0);
	struct kvm_guest_debug debug = { .control = 0 };

	NEED_CAP(KVM_CAP_SET_GUEST_DEBUG);
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &debug));
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, (void *)8));
	if (kvm_cap(KVM_CAP_SET_GUEST_DEBUG2)) {
		unsigned int known = kvm_cap(KVM_CAP_SET_GUEST_DEBUG2);

		ASSERT(known & KVM_GUESTDBG_SINGLESTEP);
		debug.control = ON | (1u << 30);
		if (keel_version() && !(known & (1u << 30)))
			ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &debug));
	}
}
