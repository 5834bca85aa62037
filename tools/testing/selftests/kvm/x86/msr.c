// SPDX-License-Identifier: GPL-2.0-only
/* MSRs: the lists, values from both sides, and the ones that user space handles. */
#include <stdlib.h>
#include "x86.h"

#define UNKNOWN_MSR 0x4b564dee	/* of nobody */

static struct kvm_msr_list *msr_list(unsigned long request)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + 1000 * sizeof(u32));
	u32 n;

	/* It says how many there are when there is too little room. */
	list->nmsrs = 0;
	ASSERT_ERRNO(E2BIG, ioctl(kvm_fd(), request, list));
	n = list->nmsrs;
	ASSERT(n > 0 && n < 1000);
	list->nmsrs = n;
	ASSERT_OK(ioctl(kvm_fd(), request, list));
	ASSERT_EQ(list->nmsrs, n);
	return list;
}

static void no_doubles(const struct kvm_msr_list *list)
{
	unsigned int i, j;

	for (i = 0; i < list->nmsrs; i++)
		for (j = 0; j < i; j++)
			ASSERT_MSG(list->indices[i] != list->indices[j], "MSR %#x twice",
				   list->indices[i]);
}

static bool listed(const struct kvm_msr_list *list, u32 msr)
{
	unsigned int i;

	for (i = 0; i < list->nmsrs; i++)
		if (list->indices[i] == msr)
			return true;
	return false;
}

static void guest_nothing(u64 arg)
{
	for (;;)
		guest_sync(0);
}

/* Each listed MSR can be read, and written with what was read: that is what migration does. */
TEST(list)
{
	static const u32 must[] = { MSR_TSC, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
				    MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_KERNEL_GS_BASE,
				    MSR_PAT, MSR_KVM_SYSTEM_TIME_NEW, MSR_KVM_WALL_CLOCK_NEW,
				    MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN, MSR_KVM_ASYNC_PF_EN };
	struct kvm_msr_list *list = msr_list(KVM_GET_MSR_INDEX_LIST);
	struct vcpu *vcpu = vcpu_create(vm_create(VM_IRQCHIP), guest_nothing, 0);
	unsigned int i;
	u64 value;

	no_doubles(list);
	for (i = 0; i < ARRAY_SIZE(must); i++)
		ASSERT_MSG(listed(list, must[i]), "MSR %#x is not listed", must[i]);
	vcpu_sync(vcpu);
	for (i = 0; i < list->nmsrs; i++) {
		u32 msr = list->indices[i];

		ASSERT_MSG(vcpu_get_msr(vcpu, msr, &value) == 1, "MSR %#x cannot be read", msr);
		ASSERT_MSG(vcpu_set_msr(vcpu, msr, value) == 1, "MSR %#x cannot be set to %#lx",
			   msr, value);
	}
	vcpu_sync(vcpu);
}

TEST(features)
{
	struct kvm_msr_list *list;
	struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + 1000 * sizeof(struct kvm_msr_entry));
	unsigned int i;

	NEED_CAP(KVM_CAP_GET_MSR_FEATURES);
	list = msr_list(KVM_GET_MSR_FEATURE_INDEX_LIST);
	no_doubles(list);
	msrs->nmsrs = list->nmsrs;
	for (i = 0; i < list->nmsrs; i++)
		msrs->entries[i].index = list->indices[i];
	ASSERT_EQ(ASSERT_OK(ioctl(kvm_fd(), KVM_GET_MSRS, msrs)), list->nmsrs);
	/* One that is none stops it there. */
	if (list->nmsrs > 1) {
		msrs->entries[1].index = UNKNOWN_MSR;
		ASSERT_EQ(ASSERT_OK(ioctl(kvm_fd(), KVM_GET_MSRS, msrs)), 1);
	}
}

TEST(get_and_set)
{
	static const struct {
		u32 msr;
		u64 value;
	} rows[] = {
		{ MSR_LSTAR, 0xffff800012345678 }, { MSR_CSTAR, 0x7fff12345678 },
		{ MSR_STAR, 0x23001000000000 }, { MSR_SFMASK, 0x47700 },
		{ MSR_KERNEL_GS_BASE, 0xffff900000000000 }, { MSR_FS_BASE, 0x123456 },
		{ MSR_GS_BASE, 0x654321 }, { MSR_PAT, 0x0007040600070406 },
		/* AMD's have 32 bits */
		{ MSR_SYSENTER_CS, 0x10 }, { MSR_SYSENTER_EIP, 0x80001234 },
		{ MSR_SYSENTER_ESP, 0x80004321 },
		/* of Intel's, but every guest has it */
		{ MSR_POWER_CTL, 0x123456789a },
	};
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_nothing, 0);
	struct kvm_msrs *many = calloc(1, sizeof(*many) + 3 * sizeof(struct kvm_msr_entry));
	unsigned int i;

	vcpu_sync(vcpu);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ASSERT_EQ(vcpu_set_msr(vcpu, rows[i].msr, rows[i].value), 1);
		ASSERT_EQ(vcpu_msr(vcpu, rows[i].msr), rows[i].value);
	}
	vcpu_sync(vcpu);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		ASSERT_EQ(vcpu_msr(vcpu, rows[i].msr), rows[i].value);
	/* Values that the architecture does not have. */
	ASSERT_EQ(vcpu_set_msr(vcpu, MSR_PAT, 0x2), 0);
	ASSERT_EQ(vcpu_set_msr(vcpu, MSR_PAT, 0x0900000000000000), 0);
	ASSERT_EQ(vcpu_set_msr(vcpu, MSR_EFER, 1ull << 30), 0);
	ASSERT_EQ(vcpu_msr(vcpu, MSR_PAT), 0x0007040600070406);
	/* Several at once, up to the first that fails. */
	many->nmsrs = 3;
	many->entries[0] = (struct kvm_msr_entry){ .index = MSR_CSTAR, .data = 1 };
	many->entries[1] = (struct kvm_msr_entry){ .index = UNKNOWN_MSR, .data = 2 };
	many->entries[2] = (struct kvm_msr_entry){ .index = MSR_LSTAR, .data = 3 };
	ASSERT_EQ(ASSERT_OK(ioctl(vcpu->fd, KVM_SET_MSRS, many)), 1);
	ASSERT_EQ(vcpu_msr(vcpu, MSR_CSTAR), 1);
	ASSERT_EQ(vcpu_msr(vcpu, MSR_LSTAR), rows[0].value);
	ASSERT_EQ(ASSERT_OK(ioctl(vcpu->fd, KVM_GET_MSRS, many)), 1);
	many->nmsrs = 1 << 20;
	ASSERT_ERRNO(E2BIG, ioctl(vcpu->fd, KVM_GET_MSRS, many));
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_GET_MSRS, (void *)8));
}

/* --- from the guest ---------------------------------------------------------------------------------- */

static void guest_uses_msrs(u64 arg)
{
	u64 efer = rdmsr(MSR_EFER);

	wrmsr(MSR_LSTAR, 0xffff800000112233);
	GUEST_ASSERT_EQ(rdmsr(MSR_LSTAR), 0xffff800000112233);
	wrmsr(MSR_PAT, 0x0106070500000000);
	GUEST_ASSERT_EQ(rdmsr(MSR_PAT), 0x0106070500000000);
	wrmsr(MSR_SYSENTER_EIP, 0x1234);
	GUEST_ASSERT_EQ(rdmsr(MSR_SYSENTER_EIP), 0x1234);
	wrmsr(MSR_POWER_CTL, 0x12);
	GUEST_ASSERT_EQ(rdmsr(MSR_POWER_CTL), 0x12);
	wrmsr(MSR_EFER, efer & ~EFER_SCE);
	GUEST_ASSERT_EQ(rdmsr(MSR_EFER), efer & ~EFER_SCE);
	wrmsr(MSR_EFER, efer);
	/* Unknown ones, read-only ones, and values that cannot be. */
	GUEST_ASSERT_EQ(catch_rdmsr(UNKNOWN_MSR), V_GP);
	GUEST_ASSERT_EQ(catch_wrmsr(UNKNOWN_MSR, 0), V_GP);
	GUEST_ASSERT_EQ(catch_wrmsr(MSR_PAT, 2), V_GP);
	GUEST_ASSERT_EQ(catch_wrmsr(MSR_EFER, 1ull << 32), V_GP);
	/* Long mode is not left by this. */
	GUEST_ASSERT_EQ(catch_wrmsr(MSR_EFER, efer & ~EFER_LME), V_GP);
	/* As before. */
	GUEST_ASSERT_EQ(rdmsr(MSR_PAT), 0x0106070500000000);
	GUEST_ASSERT_EQ(rdmsr(MSR_EFER), efer);
}

TEST(guest)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_uses_msrs, 0);

	vcpu_done(vcpu);
	ASSERT_EQ(vcpu_msr(vcpu, MSR_LSTAR), 0xffff800000112233);
	ASSERT_EQ(vcpu_msr(vcpu, MSR_SYSENTER_EIP), 0x1234);
}

static void guest_syscall(u64 arg)
{
	u64 rcx = 0;

	/* SYSCALL to the instruction behind it, with the flags that SFMASK clears. */
	asm volatile("leaq 1f(%%rip), %%rax; movq %%rax, %%rdx; shrq $32, %%rdx\n\t"
		     "movl %1, %%ecx; wrmsr\n\t"
		     "syscall\n"
		     "1: movq %%rcx, %0"
		     : "=&r"(rcx) : "i"(MSR_LSTAR) : "rax", "rcx", "rdx", "r11", "memory");
	guest_sync(rcx != 0);
}

/* Guests with different syscall targets take turns, with the host's own in between. */
TEST(syscall)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpus[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		vcpus[i] = vcpu_create(vm, guest_syscall, 0);
		/* The kernel's code at 8, data behind it: as the GDT here has it. */
		ASSERT_EQ(vcpu_set_msr(vcpus[i], MSR_STAR, 0x0000000800000000), 1);
		ASSERT_EQ(vcpu_set_msr(vcpus[i], MSR_SFMASK, 0), 1);
	}
	for (i = 0; i < 2; i++)
		vcpu_sync_is(vcpus[i], 1);
	for (i = 0; i < 2; i++)
		vcpu_done(vcpus[i]);
}

/* --- user space's ------------------------------------------------------------------------------------ */

static void guest_asks_user(u64 arg)
{
	GUEST_ASSERT_EQ(rdmsr(UNKNOWN_MSR), 0x1122334455667788);
	wrmsr(UNKNOWN_MSR, 0x99);
	GUEST_ASSERT_EQ(catch_rdmsr(UNKNOWN_MSR), V_GP);
	GUEST_ASSERT_EQ(catch_wrmsr(UNKNOWN_MSR, 0x600000005), V_GP);
}

static void expect_msr(struct vcpu *vcpu, bool write, u32 msr, u32 reason, u64 data)
{
	struct kvm_run *run = vcpu->run;

	vcpu_exit_is(vcpu, write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR);
	ASSERT_EQ(run->msr.index, msr);
	ASSERT_EQ(run->msr.reason, reason);
	if (write)
		ASSERT_EQ(run->msr.data, data);
	run->msr.data = data;
	run->msr.error = 0;
}

TEST(user_unknown)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu;

	NEED_CAP(KVM_CAP_X86_USER_SPACE_MSR);
	ASSERT_ERRNO(EINVAL, vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR, 0x100));
	ASSERT_OK(vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_UNKNOWN));
	vcpu = vcpu_create(vm, guest_asks_user, 0);
	expect_msr(vcpu, false, UNKNOWN_MSR, KVM_MSR_EXIT_REASON_UNKNOWN, 0x1122334455667788);
	expect_msr(vcpu, true, UNKNOWN_MSR, KVM_MSR_EXIT_REASON_UNKNOWN, 0x99);
	/* An answer that is an error becomes #GP. */
	expect_msr(vcpu, false, UNKNOWN_MSR, KVM_MSR_EXIT_REASON_UNKNOWN, 0);
	vcpu->run->msr.error = 1;
	expect_msr(vcpu, true, UNKNOWN_MSR, KVM_MSR_EXIT_REASON_UNKNOWN, 0x600000005);
	vcpu->run->msr.error = 1;
	vcpu_done(vcpu);
}

static void guest_bad_value(u64 arg)
{
	wrmsr(MSR_PAT, 0x2);
	GUEST_ASSERT_EQ(catch_rdmsr(UNKNOWN_MSR), V_GP);
}

TEST(user_invalid)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu;

	NEED_CAP(KVM_CAP_X86_USER_SPACE_MSR);
	ASSERT_OK(vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_INVAL));
	vcpu = vcpu_create(vm, guest_bad_value, 0);
	expect_msr(vcpu, true, MSR_PAT, KVM_MSR_EXIT_REASON_INVAL, 2);
	vcpu_done(vcpu);
}

/* --- the filter -------------------------------------------------------------------------------------- */

static void set_filter(struct vm *vm, u32 flags, u32 range_flags, u32 base, u32 n, const u8 *bitmap)
{
	struct kvm_msr_filter filter = {
		.flags = flags,
		.ranges = { { .flags = range_flags, .base = base, .nmsrs = n, .bitmap = (u8 *)bitmap } },
	};

	ASSERT_OK(ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter));
}

static void guest_reads_and_writes(u64 value)
{
	for (;;) {
		u64 caught = catch_rdmsr(MSR_LSTAR);
		u64 caught2 = catch_wrmsr(MSR_LSTAR, value);

		guest_sync2(caught, caught2);
		value++;
	}
}

#define NONE ((u64)-1)

static void traps_are(struct vcpu *vcpu, u64 on_read, u64 on_write)
{
	vcpu_sync(vcpu);
	ASSERT_EQ(vcpu->call.args[0], on_read);
	ASSERT_EQ(vcpu->call.args[1], on_write);
}

enum { REST, READ_ON, END };

static u64 reads, task;

static void guest_keeps_reading(u64 arg)
{
	for (;;) {
		while (READ(task) == REST)
			guest_relax();
		if (READ(task) == END)
			return;
		while (catch_rdmsr(MSR_LSTAR) == -1)
			WRITE(reads, reads + 1);
		WRITE(task, REST);
	}
}

/* When the call returns, no vCPU goes by the old filter any more. */
TEST(filter_running)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_keeps_reading, 0);
	volatile u64 *now = vm_var(vm, reads), *to_do = vm_var(vm, task);
	u64 seen, end = 0, i;
	u8 deny[1] = { 0 };

	NEED_CAP(KVM_CAP_X86_MSR_FILTER);
	vcpu_start(vcpu);
	for (i = 0; more(&end, i, 2000); i++) {
		set_filter(vm, KVM_MSR_FILTER_DEFAULT_ALLOW, 0, 0, 0, NULL);
		seen = *now;
		*to_do = READ_ON;
		while (*now == seen)
			;
		set_filter(vm, KVM_MSR_FILTER_DEFAULT_ALLOW, KVM_MSR_FILTER_READ, MSR_LSTAR, 1, deny);
		seen = *now;
		while (*to_do != REST)
			;
		/* One may have been read, and not counted yet. */
		ASSERT_MSG(*now <= seen + 1, "%lu reads of what is denied", *now - seen);
	}
	*to_do = END;
	vcpu_join(vcpu);
}

TEST(filter)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_reads_and_writes, 100);
	u8 deny[1] = { 0 }, allow[1] = { 0xff };
	struct kvm_msr_filter filter = { 0 };

	NEED_CAP(KVM_CAP_X86_MSR_FILTER);
	traps_are(vcpu, NONE, NONE);
	set_filter(vm, KVM_MSR_FILTER_DEFAULT_ALLOW, KVM_MSR_FILTER_READ, MSR_LSTAR, 1, deny);
	traps_are(vcpu, V_GP, NONE);
	set_filter(vm, KVM_MSR_FILTER_DEFAULT_ALLOW, KVM_MSR_FILTER_WRITE, MSR_LSTAR, 1, deny);
	traps_are(vcpu, NONE, V_GP);
	set_filter(vm, KVM_MSR_FILTER_DEFAULT_ALLOW, KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
		   MSR_LSTAR - 1, 3, deny);
	traps_are(vcpu, V_GP, V_GP);
	/* The host is not meant. */
	ASSERT_EQ(vcpu_set_msr(vcpu, MSR_LSTAR, 0x5555), 1);
	ASSERT_EQ(vcpu_msr(vcpu, MSR_LSTAR), 0x5555);
	/* Denied by default, with one allowed. */
	set_filter(vm, KVM_MSR_FILTER_DEFAULT_DENY, KVM_MSR_FILTER_READ, MSR_LSTAR, 1, allow);
	traps_are(vcpu, NONE, V_GP);
	set_filter(vm, KVM_MSR_FILTER_DEFAULT_ALLOW, 0, 0, 0, NULL);
	traps_are(vcpu, NONE, NONE);
	/* To user space in place of the trap. */
	ASSERT_OK(vm_enable_cap(vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER));
	set_filter(vm, KVM_MSR_FILTER_DEFAULT_ALLOW, KVM_MSR_FILTER_READ, MSR_LSTAR, 1, deny);
	expect_msr(vcpu, false, MSR_LSTAR, KVM_MSR_EXIT_REASON_FILTER, 1);
	traps_are(vcpu, NONE, NONE);
	expect_msr(vcpu, false, MSR_LSTAR, KVM_MSR_EXIT_REASON_FILTER, 1);
	vcpu->run->msr.error = 1;
	traps_are(vcpu, V_GP, NONE);
	/* Rules. */
	filter.flags = 8;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter));
	filter.flags = KVM_MSR_FILTER_DEFAULT_DENY;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter));
	filter.flags = 0;
	filter.ranges[0] = (typeof(filter.ranges[0])){
		.flags = KVM_MSR_FILTER_READ, .nmsrs = 0x10000, .bitmap = deny };
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter));
	filter.ranges[0].nmsrs = 1;
	filter.ranges[0].flags = 8;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter));
	filter.ranges[0].flags = KVM_MSR_FILTER_READ;
	filter.ranges[0].bitmap = (void *)8;
	ASSERT_ERRNO(EFAULT, ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter));
	ASSERT_ERRNO(EFAULT, ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, (void *)8));
}
