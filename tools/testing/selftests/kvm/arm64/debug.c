// SPDX-License-Identifier: GPL-2.0-only
/* Debugging a guest from outside: breakpoints, watchpoints, single steps; the guest's own debugging stays its own. */
#include "arm64.h"

static void set_debug(struct vcpu *vcpu, u32 control, const struct kvm_guest_debug_arch *arch)
{
	struct kvm_guest_debug debug = { .control = control };

	if (arch)
		debug.arch = *arch;
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &debug));
}

static struct kvm_debug_exit_arch *exit_of(struct vcpu *vcpu)
{
	vcpu_exit_is(vcpu, KVM_EXIT_DEBUG);
	return &vcpu->run->debug.arch;
}

#define EC_BREAKPOINT	0x30
#define EC_STEP		0x32
#define EC_WATCHPOINT	0x34
#define EC_BRK		0x3c

extern char at_brk[], after_brk[], at_first[], at_second[], at_third[];
static u64 watched, counter;

static void guest_debugged(u64 arg)
{
	guest_sync(0);
	asm volatile("at_brk: brk #7\n\tafter_brk: nop" : : : "memory");
	guest_sync(1);
	asm volatile("at_first: nop\n\tat_second: add %0, %0, #1\n\tat_third: nop" : "+r"(counter));
	guest_sync(2);
	WRITE(watched, 7);
	guest_sync(3);
}

TEST(breakpoints)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_debugged, 0);
	struct kvm_guest_debug_arch arch = { 0 };
	struct kvm_debug_exit_arch *exit;

	NEED_CAP(KVM_CAP_SET_GUEST_DEBUG);
	vcpu_sync_is(vcpu, 0);
	/* BRK goes to the host, which lets the guest pass. */
	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP, NULL);
	exit = exit_of(vcpu);
	ASSERT_EQ(ESR_EC(exit->hsr), EC_BRK);
	ASSERT_EQ(exit->hsr & 0xffff, 7);
	ASSERT_EQ(vcpu_reg(vcpu, REG_PC), (u64)at_brk);
	vcpu_set_reg(vcpu, REG_PC, (u64)after_brk);
	vcpu_sync_is(vcpu, 1);
	/* In hardware: on any instruction of EL1. */
	ASSERT(kvm_cap(KVM_CAP_GUEST_DEBUG_HW_BPS) >= 2);
	arch.dbg_bvr[1] = (u64)at_second;
	arch.dbg_bcr[1] = 0xf << 5 | 1 << 1 | 1;
	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW, &arch);
	exit = exit_of(vcpu);
	ASSERT_EQ(ESR_EC(exit->hsr), EC_BREAKPOINT);
	ASSERT_EQ(vcpu_reg(vcpu, REG_PC), (u64)at_second);
	set_debug(vcpu, 0, NULL);
	vcpu_sync_is(vcpu, 2);
	/* A store of eight bytes. */
	arch = (struct kvm_guest_debug_arch){ 0 };
	arch.dbg_wvr[0] = (u64)&watched;
	arch.dbg_wcr[0] = 0xff << 5 | 2 << 3 | 1 << 1 | 1;
	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW, &arch);
	exit = exit_of(vcpu);
	ASSERT_EQ(ESR_EC(exit->hsr), EC_WATCHPOINT);
	ASSERT_EQ(exit->far, (u64)&watched);
	ASSERT_EQ(*vm_var(vcpu->vm, watched), 0);
	set_debug(vcpu, 0, NULL);
	vcpu_sync_is(vcpu, 3);
	ASSERT_EQ(*vm_var(vcpu->vm, watched), 7);
	vcpu_done(vcpu);
}

extern char step_from[], step_to[];

static void guest_stepped(u64 arg)
{
	u64 x = 0;

	guest_sync(0);
	asm volatile("step_from: nop\n\t"
		     "add %0, %0, #1\n\t"
		     "b 1f\n\t"
		     "nop\n\t"
		     "1: mrs %0, id_aa64isar0_el1\n\t"	/* traps, and is emulated */
		     "msr oslar_el1, xzr\n\t"
		     "step_to: nop" : "+r"(x));
	guest_sync(1);
}

TEST(steps)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_stepped, 0);
	struct kvm_guest_debug_arch arch = { 0 };
	struct kvm_debug_exit_arch *exit;
	unsigned int i;
	/* offsets of the instructions after each step */
	static const u64 path[] = { 4, 8, 16, 20, 24 };

	NEED_CAP(KVM_CAP_SET_GUEST_DEBUG);
	vcpu_sync_is(vcpu, 0);
	/* To the start by a breakpoint. */
	arch.dbg_bvr[0] = (u64)step_from;
	arch.dbg_bcr[0] = 0xf << 5 | 1 << 1 | 1;
	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW, &arch);
	exit_of(vcpu);
	ASSERT_EQ(vcpu_reg(vcpu, REG_PC), (u64)step_from);
	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, NULL);
	for (i = 0; i < ARRAY_SIZE(path); i++) {
		exit = exit_of(vcpu);
		ASSERT_EQ(ESR_EC(exit->hsr), EC_STEP);
		ASSERT_EQ(vcpu_reg(vcpu, REG_PC) - (u64)step_from, path[i]);
	}
	ASSERT_EQ(vcpu_reg(vcpu, REG_PC), (u64)step_to);
	/* The guest is not to find a step of ours in its state. */
	set_debug(vcpu, 0, NULL);
	ASSERT_EQ(vcpu_reg(vcpu, REG_PSTATE) & BIT(21), 0);
	vcpu_sync_is(vcpu, 1);
	vcpu_done(vcpu);
}

TEST(rules)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_stepped, 0);
	struct kvm_guest_debug debug = { .control = 0x80000 };

	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &debug));
	debug.control = KVM_GUESTDBG_ENABLE | 0x8;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &debug));
	vcpu_sync_is(vcpu, 0);
}

/* --- the guest debugs itself ---------------------------------------------------------------------------------- */

static u64 traps, last_ec, last_pc, last_far;

static void on_sync(struct trap_frame *frame)
{
	traps++;
	last_ec = ESR_EC(frame->esr);
	last_pc = frame->elr;
	last_far = frame->far;
	if (last_ec == 0x3c)
		frame->elr += 4;
	else if (last_ec == 0x31)
		write_sys(dbgbcr0_el1, 0);
	else if (last_ec == 0x35)
		write_sys(dbgwcr0_el1, 0);
	else if (last_ec == 0x33)
		frame->spsr &= ~BIT(21);
}

extern char own_break[];

static void guest_debugs_itself(u64 rounds)
{
	guest_on_trap(VEC_SYNC, on_sync);
	for (; rounds; rounds--) {
		traps = 0;
		asm volatile("brk #9");
		GUEST_ASSERT_EQ(READ(last_ec), 0x3c);
		write_sys(oslar_el1, 0);
		/* MDE and KDE; debug exceptions are not masked (PSTATE.D). */
		write_sys(mdscr_el1, BIT(15) | BIT(13));
		asm volatile("msr daifclr, #8");
		write_sys(dbgbvr0_el1, own_break);
		write_sys(dbgbcr0_el1, 0xf << 5 | 1 << 1 | 1);
		/* Leaving to the host in between must keep it. */
		guest_sync(rounds);
		asm volatile("own_break: nop");
		GUEST_ASSERT_EQ(READ(traps), 2);
		GUEST_ASSERT_EQ(READ(last_ec), 0x31);
		GUEST_ASSERT_EQ(READ(last_pc), own_break);
		write_sys(dbgwvr0_el1, &watched);
		write_sys(dbgwcr0_el1, 0xff << 5 | 2 << 3 | 1 << 1 | 1);
		WRITE(watched, rounds);
		GUEST_ASSERT_EQ(READ(traps), 3);
		GUEST_ASSERT_EQ(READ(last_ec), 0x35);
		GUEST_ASSERT_EQ(READ(last_far), &watched);
		GUEST_ASSERT_EQ(READ(watched), rounds);
		write_sys(mdscr_el1, 0);
		asm volatile("msr daifset, #8");
	}
}

TEST(guests_own)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_debugs_itself, 5);
	u64 i;

	for (i = 5; i; i--)
		vcpu_sync_is(vcpu, i);
	vcpu_done(vcpu);
}
