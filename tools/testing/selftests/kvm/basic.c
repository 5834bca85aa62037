// SPDX-License-Identifier: GPL-2.0-only
/* A VM that runs: the smallest of everything. */
#include "kvm.h"

static u64 number = 41;

static void guest_count(u64 arg)
{
	number++;
	guest_sync(number + arg);
	guest_sync(READ(number));
}

TEST(run)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_count, 100);

	vcpu_sync_is(vcpu, 142);
	/* The guest has its own copy. */
	ASSERT_EQ(number, 41);
	ASSERT_EQ(*vm_var(vm, number), 42);
	*vm_var(vm, number) = 7;
	vcpu_sync_is(vcpu, 7);
	vcpu_done(vcpu);
	vm_free(vm);
}

static void guest_fails(u64 arg)
{
	GUEST_ASSERT_EQ(arg, 1);
	guest_sync(0);
}

/* The frame's own test: what a guest asserts must reach the host. */
TEST(guest_assert)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_fails, 2);

	ASSERT_EQ(vcpu_run_once(vcpu), 0);
	ASSERT(vcpu_called(vcpu));
	ASSERT_EQ(vcpu->call.what, GUEST_FAILED);
	ASSERT_EQ(vcpu->call.args[2], 2);
	ASSERT_EQ(vcpu->call.args[3], 1);
}
