// SPDX-License-Identifier: GPL-2.0-only
/* Firmware calls: discovery, feature bitmaps, workarounds, random numbers, the host's clock, the filter. */
#include <linux/psci.h>
#include "arm64.h"

#define NOT_SUPPORTED	(-1ul)
#define INVALID		(-2ul)

#define VERSION		0x80000000
#define ARCH_FEATURES	0x80000001
#define WORKAROUND_1	0x80008000
#define WORKAROUND_2	0x80007fff
#define WORKAROUND_3	0x80003fff
#define TRNG_VERSION	0x84000050
#define TRNG_FEATURES	0x84000051
#define TRNG_GET_UUID	0x84000052
#define TRNG_RND32	0x84000053
#define TRNG_RND64	0xc4000053
#define PV_FEATURES	0xc5000020
#define HYP_UID		0x8600ff01
#define HYP_FEATURES	0x86000000
#define HYP_PTP		0x86000001

static u64 guest_smc(u64 function, u64 a)
{
	register u64 x0 asm("x0") = function;
	register u64 x1 asm("x1") = a;

	asm volatile("smc #0" : "+r"(x0), "+r"(x1) : : "x2", "x3", "memory");
	return x0;
}

static u64 hvc(u64 function, u64 a)
{
	return guest_hvc(function, a, 0, 0, NULL);
}

static void guest_discovers(u64 arg)
{
	struct smccc out;

	GUEST_ASSERT_EQ(hvc(VERSION, 0), 0x10001);
	GUEST_ASSERT_EQ(guest_smc(VERSION, 0), 0x10001);
	GUEST_ASSERT_EQ(hvc(ARCH_FEATURES, VERSION), 0);
	GUEST_ASSERT_EQ(hvc(ARCH_FEATURES, PV_FEATURES), 0);
	GUEST_ASSERT_EQ(hvc(ARCH_FEATURES, 0x80001234), NOT_SUPPORTED);
	guest_hvc(HYP_UID, 0, 0, 0, &out);
	GUEST_ASSERT_EQ(out.x[0], 0xb66fb428);
	GUEST_ASSERT_EQ(out.x[1], 0xe911c52e);
	GUEST_ASSERT_EQ(out.x[2], 0x564bcaa9);
	GUEST_ASSERT_EQ(out.x[3], 0x743a004d);
	GUEST_ASSERT_EQ(hvc(HYP_FEATURES, 0), 3);
	/* Nobody's. */
	GUEST_ASSERT_EQ(hvc(0x80001234, 0), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(hvc(0xc2000000, 0), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(hvc(0xb2000000, 0), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(hvc(~0ul, 0), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(hvc(0, 0), NOT_SUPPORTED);
	/* The function number is 32 bits. */
	GUEST_ASSERT_EQ(hvc(VERSION | 0x1234ul << 32, 0), 0x10001);
}

static void run_to_end(guest_fn fn, u64 arg)
{
	vcpu_done(vcpu_create(vm_create(0), fn, arg));
}

TEST(discovery)
{
	run_to_end(guest_discovers, 0);
}

/* --- workarounds --- */

static void guest_workarounds(u64 arg)
{
	static const u32 calls[] = { WORKAROUND_1, WORKAROUND_2, WORKAROUND_3 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		guest_sync(hvc(ARCH_FEATURES, calls[i]));
	hvc(WORKAROUND_1, 0);
	hvc(WORKAROUND_3, 0);
}

/* What a guest is told and what user space is told agree. */
TEST(workarounds)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_workarounds, 0);
	static const u64 ids[] = { KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2,
				   KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		s64 told = (int)vcpu_sync(vcpu);
		u64 level = vcpu_reg(vcpu, ids[i]), best = i == 1 ? 3 : 2;

		test_note("workaround %u: guest %ld, level %lu", i + 1, told, level);
		if (level == best)
			ASSERT_EQ(told, i == 1 ? -2 : 1);
		else
			ASSERT_EQ(told, level ? 0 : -1);
		/* What it is, it can be made; what it is not, it cannot. */
		vcpu_set_reg(vcpu, ids[i], level);
		vcpu_set_reg(vcpu, ids[i], 0);
		if (level < best)
			ASSERT_EQ(vcpu_try_set_reg(vcpu, ids[i], best), -EINVAL);
		ASSERT_EQ(vcpu_try_set_reg(vcpu, ids[i], best + 1), -EINVAL);
		ASSERT_EQ(vcpu_try_set_reg(vcpu, ids[i], 1ul << 32), -EINVAL);
	}
	vcpu_done(vcpu);
}

/* --- random numbers --- */

static void guest_random(u64 arg)
{
	struct smccc a, b;
	u64 all = 0;
	unsigned int i;

	GUEST_ASSERT_EQ(hvc(TRNG_VERSION, 0), 0x10000);
	GUEST_ASSERT_EQ(hvc(TRNG_FEATURES, TRNG_RND32), 0);
	GUEST_ASSERT_EQ(hvc(TRNG_FEATURES, TRNG_RND64), 0);
	GUEST_ASSERT_EQ(hvc(TRNG_FEATURES, TRNG_GET_UUID), 0);
	GUEST_ASSERT_EQ(hvc(TRNG_FEATURES, VERSION), NOT_SUPPORTED);
	GUEST_ASSERT(hvc(TRNG_GET_UUID, 0) != NOT_SUPPORTED);
	GUEST_ASSERT_EQ(hvc(TRNG_RND64, 0), INVALID);
	GUEST_ASSERT_EQ(hvc(TRNG_RND64, 193), INVALID);
	GUEST_ASSERT_EQ(hvc(TRNG_RND32, 97), INVALID);
	GUEST_ASSERT_EQ(hvc(TRNG_RND64, ~0ul), INVALID);

	GUEST_ASSERT_EQ(guest_hvc(TRNG_RND64, 192, 0, 0, &a), 0);
	GUEST_ASSERT_EQ(guest_hvc(TRNG_RND64, 192, 0, 0, &b), 0);
	for (i = 1; i < 4; i++)
		GUEST_ASSERT(a.x[i] != b.x[i]);
	GUEST_ASSERT_EQ(guest_hvc(TRNG_RND32, 96, 0, 0, &a), 0);
	GUEST_ASSERT(!((a.x[1] | a.x[2] | a.x[3]) >> 32));
	/* The lowest bits only, and each of them sooner or later. */
	for (i = 0; i < 64; i++) {
		GUEST_ASSERT_EQ(guest_hvc(TRNG_RND64, 70, 0, 0, &a), 0);
		GUEST_ASSERT_EQ(a.x[1], 0);
		GUEST_ASSERT(a.x[2] < 64);
		all |= a.x[2];
	}
	GUEST_ASSERT_EQ(all, 63);
}

TEST(random)
{
	run_to_end(guest_random, 0);
}

/* --- the host's clock --- */

static void guest_ptp(u64 arg)
{
	struct smccc out;
	u64 which;

	for (which = 0; which < 2; which++) {
		guest_hvc(HYP_PTP, which, 0, 0, &out);
		guest_call(GUEST_SYNC, out.x[0] << 32 | (u32)out.x[1], out.x[2] << 32 | (u32)out.x[3],
			   which ? read_sys(cntpct_el0) : read_sys(cntvct_el0), 0);
	}
	GUEST_ASSERT_EQ(hvc(HYP_PTP, 2), NOT_SUPPORTED);
}

TEST(ptp)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_ptp, 0);
	struct timespec before, after;
	unsigned int which;
	u64 ns;

	NEED_CAP(KVM_CAP_PTP_KVM);
	for (which = 0; which < 2; which++) {
		clock_gettime(CLOCK_REALTIME, &before);
		ns = vcpu_sync(vcpu);
		clock_gettime(CLOCK_REALTIME, &after);
		ASSERT(ns >= before.tv_sec * 1000000000ul + before.tv_nsec);
		ASSERT(ns <= after.tv_sec * 1000000000ul + after.tv_nsec);
		/* Taken a moment before the guest reads its own. */
		ASSERT(vcpu->call.args[1] <= vcpu->call.args[2]);
		ASSERT(vcpu->call.args[2] - vcpu->call.args[1] < 1ul << 32);
	}
	vcpu_done(vcpu);
}

/* --- feature bitmaps --- */

static void guest_without(u64 arg)
{
	GUEST_ASSERT_EQ(hvc(TRNG_VERSION, 0), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(hvc(ARCH_FEATURES, PV_FEATURES), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(hvc(PV_FEATURES, PV_FEATURES), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(hvc(HYP_FEATURES, 0), 1);
	GUEST_ASSERT_EQ(hvc(HYP_PTP, 0), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(hvc(VERSION, 0), 0x10001);
	GUEST_ASSERT((s64)hvc(PSCI_0_2_FN_PSCI_VERSION, 0) > 0);
}

TEST(bitmaps)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_without, 0);
	static const struct {
		u64 id, all, some;
	} maps[] = {
		{ KVM_REG_ARM_STD_BMAP, 1, 0 },
		{ KVM_REG_ARM_STD_HYP_BMAP, 1, 0 },
		{ KVM_REG_ARM_VENDOR_HYP_BMAP, 3, 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		ASSERT_EQ(vcpu_reg(vcpu, maps[i].id), maps[i].all);
		ASSERT_EQ(vcpu_try_set_reg(vcpu, maps[i].id, maps[i].all + 1), -EINVAL);
		vcpu_set_reg(vcpu, maps[i].id, maps[i].some);
		ASSERT_EQ(vcpu_reg(vcpu, maps[i].id), maps[i].some);
	}
	vcpu_done(vcpu);
	/* Too late for others; what is there can be written. */
	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		ASSERT_EQ(vcpu_try_set_reg(vcpu, maps[i].id, maps[i].all), -EBUSY);
		vcpu_set_reg(vcpu, maps[i].id, maps[i].some);
	}
}

/* --- the filter --- */

static int filter(struct vm *vm, const struct kvm_smccc_filter *filter)
{
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VM_SMCCC_CTRL, .attr = KVM_ARM_VM_SMCCC_FILTER, .addr = (u64)filter,
	};

	return ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &attr);
}

static int filter_range(struct vm *vm, u32 base, u32 nr, u8 action)
{
	struct kvm_smccc_filter range = { .base = base, .nr_functions = nr, .action = action };

	return filter(vm, &range);
}

static struct vm *filter_vm(void)
{
	struct vm *vm = vm_create(0);
	struct kvm_device_attr attr = { .group = KVM_ARM_VM_SMCCC_CTRL, .attr = KVM_ARM_VM_SMCCC_FILTER };

	if (ioctl(vm->fd, KVM_HAS_DEVICE_ATTR, &attr))
		test_skip("no KVM_ARM_VM_SMCCC_FILTER");
	return vm;
}

static void guest_filtered(u64 arg)
{
	GUEST_ASSERT_EQ(hvc(PSCI_0_2_FN_PSCI_VERSION, 0), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(hvc(0x84001234, 7), 0x5a5a);
	GUEST_ASSERT_EQ(guest_smc(0x84001235, 8), 0x5a5b);
	GUEST_ASSERT_EQ(hvc(0x84001236, 0), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(hvc(VERSION, 0), 0x10001);
}

TEST(filter)
{
	struct vm *vm = filter_vm();
	struct vcpu *vcpu = vcpu_create(vm, guest_filtered, 0);
	unsigned int i;

	ASSERT_OK(filter_range(vm, PSCI_0_2_FN_PSCI_VERSION, 1, KVM_SMCCC_FILTER_DENY));
	ASSERT_OK(filter_range(vm, 0x84001234, 2, KVM_SMCCC_FILTER_FWD_TO_USER));
	for (i = 0; i < 2; i++) {
		u64 pc;

		vcpu_exit_is(vcpu, KVM_EXIT_HYPERCALL);
		ASSERT_EQ(vcpu->run->hypercall.nr, 0x84001234 + i);
		ASSERT_EQ(vcpu->run->hypercall.flags, i ? KVM_HYPERCALL_EXIT_SMC : 0);
		ASSERT_EQ(vcpu_reg(vcpu, REG_X(0)), 0x84001234 + i);
		ASSERT_EQ(vcpu_reg(vcpu, REG_X(1)), 7 + i);
		/* Behind the instruction: HVC #0 or SMC #0. */
		pc = vcpu_reg(vcpu, REG_PC);
		ASSERT_EQ(*(u32 *)vm_hva(vm, pc - 4), i ? 0xd4000003 : 0xd4000002);
		vcpu_set_reg(vcpu, REG_X(0), 0x5a5a + i);
	}
	vcpu_done(vcpu);
	ASSERT_ERRNO(EBUSY, filter_range(vm, 0x84002000, 1, KVM_SMCCC_FILTER_DENY));
}

TEST(filter_errors)
{
	struct vm *vm = filter_vm();
	struct kvm_smccc_filter range = { .base = 0x84001000, .nr_functions = 1 };
	struct kvm_device_attr attr = { .group = KVM_ARM_VM_SMCCC_CTRL, .attr = 77, .addr = (u64)&range };

	ASSERT_ERRNO(ENXIO, ioctl(vm->fd, KVM_HAS_DEVICE_ATTR, &attr));
	ASSERT_ERRNO(ENXIO, ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &attr));
	ASSERT_ERRNO(EFAULT, filter(vm, NULL));
	range.pad[14] = 1;
	ASSERT_ERRNO(EINVAL, filter(vm, &range));
	ASSERT_ERRNO(EINVAL, filter_range(vm, 0x84001000, 0, KVM_SMCCC_FILTER_DENY));
	ASSERT_ERRNO(EINVAL, filter_range(vm, ~0u, ~0u, KVM_SMCCC_FILTER_DENY));
	ASSERT_ERRNO(EINVAL, filter_range(vm, 0x84001000, 1, 3));
	ASSERT_OK(filter_range(vm, 0x84001000, 16, KVM_SMCCC_FILTER_DENY));
	ASSERT_ERRNO(EEXIST, filter_range(vm, 0x8400100f, 16, KVM_SMCCC_FILTER_HANDLE));
	ASSERT_OK(filter_range(vm, 0x84001010, 1, KVM_SMCCC_FILTER_HANDLE));
	/* The architecture's own. */
	ASSERT_ERRNO(EEXIST, filter_range(vm, WORKAROUND_1, 1, KVM_SMCCC_FILTER_DENY));
	ASSERT_ERRNO(EEXIST, filter_range(vm, 0xc0000000, 1, KVM_SMCCC_FILTER_DENY));
	ASSERT_ERRNO(EEXIST, filter_range(vm, 0, ~0u, KVM_SMCCC_FILTER_DENY));
	/* All but those. */
	ASSERT_OK(filter_range(vm, 0xc0010000, 0x3fff0000, KVM_SMCCC_FILTER_DENY));
}
