// SPDX-License-Identifier: GPL-2.0-only
/* PSCI and the SMC calling convention: CPUs on and off, the system's end, discovery, MP states. */
#include <linux/psci.h>
#include "arm64.h"

#define SMCCC_VERSION		0x80000000
#define SMCCC_FEATURES		0x80000001
#define NOT_SUPPORTED		(-1l)
#define INVALID_PARAMETERS	(-2l)
#define ALREADY_ON		(-4l)
#define AFFINITY_ON		0
#define AFFINITY_OFF		1

static u64 started[MAX_VCPUS];

extern char second_start[];
/* Where CPU_ON leads: MMU off, EL1; the context is the address of a stack with a function at its top. */
asm(".pushsection .text\n"
    ".globl second_start\n"
    "second_start:\n"
    "	ldp x1, x2, [x0]\n"		/* MAIR, TTBR0 */
    "	ldp x3, x4, [x0, #16]\n"	/* TCR, SCTLR */
    "	ldp x5, x6, [x0, #32]\n"	/* stack, number */
    "	msr mair_el1, x1\n"
    "	msr ttbr0_el1, x2\n"
    "	msr tcr_el1, x3\n"
    "	msr tpidr_el1, x6\n"
    "	isb\n"
    "	msr sctlr_el1, x4\n"
    "	mov x7, #(3 << 20)\n"
    "	msr cpacr_el1, x7\n"
    "	adrp x7, guest_vectors\n"
    "	add x7, x7, :lo12:guest_vectors\n"
    "	msr vbar_el1, x7\n"
    "	isb\n"
    "	mov sp, x5\n"
    "	mov x0, x6\n"
    "	bl second_main\n"
    ".popsection");

static struct start {
	u64 mair, ttbr, tcr, sctlr, stack, number;
} starts[MAX_VCPUS];
static u8 stacks[MAX_VCPUS][4096] __attribute__((aligned(16)));

void second_main(u64 number);
void second_main(u64 number)
{
	WRITE(started[number], READ(started[number]) + 1);
	GUEST_ASSERT_EQ(read_sys(CurrentEL), 4);
	GUEST_ASSERT_EQ(read_sys(daif), PSR_DAIF);
	guest_call(GUEST_SYNC, number, READ(started[number]), 0, 0);
	guest_hvc(PSCI_0_2_FN_CPU_OFF, 0, 0, 0, NULL);
	guest_call(GUEST_FAILED, (u64)"CPU_OFF came back", __LINE__, 0, 0);
}

static s64 cpu_on(u64 mpidr, u64 number)
{
	starts[number] = (struct start){
		read_sys(mair_el1), read_sys(ttbr0_el1), read_sys(tcr_el1), read_sys(sctlr_el1),
		(u64)stacks[number + 1], number,
	};
	/* The other one begins with its caches off. */
	asm volatile("dc civac, %0; dsb sy" : : "r"(&starts[number]) : "memory");
	return guest_hvc(PSCI_0_2_FN64_CPU_ON, mpidr, (u64)second_start, (u64)&starts[number], NULL);
}

static s64 affinity_info(u64 mpidr)
{
	return guest_hvc(PSCI_0_2_FN64_AFFINITY_INFO, mpidr, 0, 0, NULL);
}

static u64 mpidrs[MAX_VCPUS];

static void guest_starts_others(u64 n)
{
	u64 round, i;

	GUEST_ASSERT_EQ(cpu_on(0x123456, 1), INVALID_PARAMETERS);
	GUEST_ASSERT_EQ(cpu_on(mpidrs[0], 0), ALREADY_ON);
	GUEST_ASSERT_EQ(affinity_info(0x123456), INVALID_PARAMETERS);
	for (round = 1; round <= 3; round++) {
		for (i = 1; i < n; i++)
			GUEST_ASSERT_EQ(affinity_info(mpidrs[i]), AFFINITY_OFF);
		for (i = 1; i < n; i++)
			GUEST_ASSERT_EQ(cpu_on(mpidrs[i], i), 0);
		for (i = 1; i < n; i++) {
			while (READ(started[i]) < round)
				guest_relax();
			while (affinity_info(mpidrs[i]) != AFFINITY_OFF)
				guest_relax();
		}
	}
}

static void *run_off(void *data)
{
	struct vcpu *vcpu = data;
	unsigned int round;

	for (round = 1; round <= 3; round++) {
		vcpu_run(vcpu);
		if (vcpu->call.what != GUEST_SYNC)
			vcpu_unexpected(vcpu, "guest_sync()");
		ASSERT_EQ(vcpu->call.args[0], vcpu->id);
		ASSERT_EQ(vcpu->call.args[1], round);
	}
	/* The last CPU_OFF: it sleeps until the test's end. */
	vcpu_run_once(vcpu);
	return NULL;
}

TEST(cpu_on)
{
	enum { N = 4 };
	struct vm *vm = vm_create(0);
	struct vcpu *first = vcpu_create(vm, guest_starts_others, N);
	unsigned int i;
	pthread_t threads[N];

	for (i = 1; i < N; i++)
		vcpu_create_off(vm);
	for (i = 0; i < N; i++)
		(*vm_var(vm, mpidrs))[i] = vcpu_reg(vm->vcpus[i], SYS_MPIDR_EL1) & 0xff00ffffff;
	for (i = 1; i < N; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, run_off, vm->vcpus[i]), 0);
	vcpu_done(first);
	for (i = 1; i < N; i++)
		ASSERT_EQ((*vm_var(vm, started))[i], 3);
}

static void guest_discovers(u64 arg)
{
	static const u32 known[] = {
		PSCI_0_2_FN_PSCI_VERSION, PSCI_0_2_FN64_CPU_SUSPEND, PSCI_0_2_FN_CPU_OFF, PSCI_0_2_FN64_CPU_ON,
		PSCI_0_2_FN64_AFFINITY_INFO, PSCI_0_2_FN_MIGRATE_INFO_TYPE, PSCI_0_2_FN_SYSTEM_OFF,
		PSCI_0_2_FN_SYSTEM_RESET, SMCCC_VERSION,
	};
	u64 version = guest_hvc(PSCI_0_2_FN_PSCI_VERSION, 0, 0, 0, NULL);
	unsigned int i;

	guest_sync(version);
	for (i = 0; i < ARRAY_SIZE(known); i++)
		GUEST_ASSERT((s64)guest_hvc(PSCI_1_0_FN_PSCI_FEATURES, known[i], 0, 0, NULL) >= 0);
	GUEST_ASSERT_EQ(guest_hvc(PSCI_1_0_FN_PSCI_FEATURES, 0x8400ffff, 0, 0, NULL), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(guest_hvc(0x8400ffff, 0, 0, 0, NULL), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(guest_hvc(0xc6000000 | 0x4711, 0, 0, 0, NULL), NOT_SUPPORTED);
	/* 2: there is no trusted OS that would have to move. */
	GUEST_ASSERT_EQ(guest_hvc(PSCI_0_2_FN_MIGRATE_INFO_TYPE, 0, 0, 0, NULL), 2);
	guest_sync(guest_hvc(SMCCC_VERSION, 0, 0, 0, NULL));
}

TEST(discovery)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_discovers, 0);
	u64 version = vcpu_sync(vcpu);

	ASSERT_MSG(version >> 16 == 1 && (version & 0xffff) >= 1, "PSCI version %#lx", version);
	ASSERT_EQ(vcpu_reg(vcpu, KVM_REG_ARM_PSCI_VERSION), version);
	vcpu_sync_is(vcpu, 0x10001);
	vcpu_done(vcpu);
}

/* An older version on demand: without what came later. */
static void guest_asks_old(u64 arg)
{
	guest_sync(guest_hvc(PSCI_0_2_FN_PSCI_VERSION, 0, 0, 0, NULL));
	GUEST_ASSERT_EQ(guest_hvc(PSCI_1_0_FN_PSCI_FEATURES, PSCI_0_2_FN_CPU_OFF, 0, 0, NULL), NOT_SUPPORTED);
}

TEST(old_version)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_asks_old, 0);

	vcpu_set_reg(vcpu, KVM_REG_ARM_PSCI_VERSION, 2);
	ASSERT_EQ(vcpu_try_set_reg(vcpu, KVM_REG_ARM_PSCI_VERSION, 0x70001), -EINVAL);
	vcpu_sync_is(vcpu, 2);
	vcpu_done(vcpu);
}

static void guest_ends(u64 function)
{
	guest_hvc(function, 0, 0, 0, NULL);
	guest_call(GUEST_FAILED, (u64)"the system goes on", __LINE__, function, 0);
}

static void ends(u64 function, u32 type)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_ends, function), *other = vcpu_create(vm, guest_ends, 0);
	struct kvm_mp_state state;

	vcpu_exit_is(vcpu, KVM_EXIT_SYSTEM_EVENT);
	ASSERT_EQ(vcpu->run->system_event.type, type);
	/* No CPU of the machine runs on by itself. */
	if (type != KVM_SYSTEM_EVENT_SUSPEND) {
		ASSERT_OK(ioctl(other->fd, KVM_GET_MP_STATE, &state));
		ASSERT_EQ(state.mp_state, KVM_MP_STATE_STOPPED);
	}
}

TEST(system_off)
{
	ends(PSCI_0_2_FN_SYSTEM_OFF, KVM_SYSTEM_EVENT_SHUTDOWN);
}

TEST(system_reset)
{
	ends(PSCI_0_2_FN_SYSTEM_RESET, KVM_SYSTEM_EVENT_RESET);
}

TEST(mp_state)
{
	struct vm *vm = vm_create(0);
	struct vcpu *on = vcpu_create(vm, guest_asks_old, 0), *off = vcpu_create_off(vm);
	struct kvm_mp_state state = { 77 };

	ASSERT_OK(ioctl(on->fd, KVM_GET_MP_STATE, &state));
	ASSERT_EQ(state.mp_state, KVM_MP_STATE_RUNNABLE);
	ASSERT_OK(ioctl(off->fd, KVM_GET_MP_STATE, &state));
	ASSERT_EQ(state.mp_state, KVM_MP_STATE_STOPPED);
	state.mp_state = 77;
	ASSERT_ERRNO(EINVAL, ioctl(on->fd, KVM_SET_MP_STATE, &state));
	state.mp_state = KVM_MP_STATE_STOPPED;
	ASSERT_OK(ioctl(on->fd, KVM_SET_MP_STATE, &state));
	ASSERT_OK(ioctl(on->fd, KVM_GET_MP_STATE, &state));
	ASSERT_EQ(state.mp_state, KVM_MP_STATE_STOPPED);
	state.mp_state = KVM_MP_STATE_RUNNABLE;
	ASSERT_OK(ioctl(on->fd, KVM_SET_MP_STATE, &state));
	vcpu_set_reg(on, KVM_REG_ARM_PSCI_VERSION, 2);
	vcpu_sync_is(on, 2);
}
