// SPDX-License-Identifier: GPL-2.0-only
/* Running vCPUs while allocations and user copies fail: KVM_RUN may say so, and must go on afterwards. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include "fail.h"
#include "kvm.h"

#define SLOT 1
#define PAGES 64

static void need_faults(void)
{
	if (!fail_possible())
		test_skip("a kernel without fault injection");
	if (test_number("KVMTEST_FAULTS", 0))
		test_skip("it places faults itself");
	fail_setup();
}

static void guest_touches(u64 gpa)
{
	u64 sum, i;

	for (;;) {
		for (sum = i = 0; i < PAGES; i++)
			write64(gpa + i * PAGE, i);
		for (i = 0; i < PAGES; i++)
			sum += read64(gpa + i * PAGE);
		guest_sync(sum);
	}
}

/* Until the guest has a sum; the first KVM_RUN with the @n-th place failing. Return: was there one? */
static bool sum_with_fault(struct vcpu *vcpu, unsigned int n, unsigned int *refused)
{
	bool happened;
	int ret, error;

	fail_nth(n);
	ret = ioctl(vcpu->fd, KVM_RUN, 0);
	error = errno;
	happened = fail_happened();
	if (ret) {
		ASSERT_MSG(error == ENOMEM || error == EFAULT, "KVM_RUN: %s", strerrorname_np(error));
		++*refused;
		vcpu_sync_is(vcpu, PAGES * (PAGES - 1) / 2);
		return happened;
	}
	ASSERT(vcpu_called(vcpu));
	ASSERT_EQ(vcpu->call.what, GUEST_SYNC);
	ASSERT_EQ(vcpu->call.args[0], PAGES * (PAGES - 1) / 2);
	return happened;
}

static void touch(unsigned int flags, bool huge)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_touches, SLOT_GPA);
	u8 *mem = host_memory(4 * MB, 2 * MB);
	unsigned int n, refused = 0;
	bool happened;

	need_faults();
	madvise(mem, 4 * MB, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	for (n = 1, happened = true; happened; n++) {
		/* Neither the host has a page nor the second stage a table. */
		ASSERT_OK(madvise(mem, 4 * MB, MADV_DONTNEED));
		vm_add_slot(vm, SLOT, flags, SLOT_GPA, 4 * MB, mem);
		happened = sum_with_fault(vcpu, n, &refused);
		ASSERT_OK(vm_set_slot(vm, SLOT, 0, 0, 0, NULL));
		ASSERT(n < 5000);
	}
	test_note("%u places, %u of them make KVM_RUN fail", n - 1, refused);
	ASSERT(refused > 0);
}

TEST(small_pages)
{
	touch(0, false);
}

TEST(huge_pages)
{
	touch(0, true);
}

TEST(logged)
{
	touch(KVM_MEM_LOG_DIRTY_PAGES, false);
}

/* The whole life of a VM, each of its system calls failing at the n-th place of all. */
static bool life(unsigned int n)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = 16 * PAGE, .flags = KVM_MEM_LOG_DIRTY_PAGES,
	};
	u64 bitmap = 0;
	struct kvm_dirty_log log = { .dirty_bitmap = &bitmap };
	struct kvm_irqfd irqfd = { .gsi = 5 };
	struct kvm_ioeventfd io = { .addr = 0x1000, .len = 4 };
	int kvm, vm, vcpu, event;
	void *mem, *run;
	bool happened;

	mem = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	event = eventfd(0, 0);
	region.userspace_addr = (u64)mem;
	irqfd.fd = io.fd = event;
	fail_nth(n);
	kvm = open("/dev/kvm", O_RDWR);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
#ifdef __x86_64__
	ioctl(vm, KVM_CREATE_IRQCHIP, 0);
#endif
	ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	ioctl(vm, KVM_IRQFD, &irqfd);
	ioctl(vm, KVM_IOEVENTFD, &io);
	run = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run != MAP_FAILED)
		((volatile struct kvm_run *)run)->immediate_exit = 1;
	ioctl(vcpu, KVM_RUN, 0);
	ioctl(vm, KVM_GET_DIRTY_LOG, &log);
	happened = fail_happened();
	/* Closed in no order. */
	close(vm);
	close(kvm);
	if (run != MAP_FAILED)
		munmap(run, PAGE);
	close(event);
	close(vcpu);
	munmap(mem, 16 * PAGE);
	return happened;
}

TEST_SECONDS(life, 120)
{
	unsigned int n;

	need_faults();
	for (n = 1; life(n); n++)
		ASSERT(n < 5000);
	test_note("%u places", n - 1);
}
