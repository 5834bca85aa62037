// SPDX-License-Identifier: GPL-2.0-only
/* Files of VMs, vCPUs, statistics and devices: closed in any order, used by others, keeping the module. */
#include <fcntl.h>
#include <linux/keel.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kvm.h"

static void guest_answer(u64 arg)
{
	for (;;)
		guest_sync(arg++);
}

enum { OWNER_VM, OWNER_VCPU0, OWNER_VCPU1, VM_STATS, VCPU_STATS, RUN_PAGES, FILES };

/* Every file of a VM that ran is closed; @order is the number of a permutation, below FILES factorial. */
static void close_in_order(unsigned int order)
{
	struct vm *vm = vm_create(order & 1 ? VM_IRQCHIP : 0);
	struct vcpu *vcpus[2] = { vcpu_create(vm, guest_answer, 1), vcpu_create(vm, guest_answer, 5) };
	int fds[FILES] = { vm->fd, vcpus[0]->fd, vcpus[1]->fd };
	int left[FILES] = { OWNER_VM, OWNER_VCPU0, OWNER_VCPU1, VM_STATS, VCPU_STATS, RUN_PAGES };
	unsigned int n, expected = 1;
	bool vcpu0 = true;

	fds[VM_STATS] = ASSERT_OK(ioctl(vm->fd, KVM_GET_STATS_FD, NULL));
	fds[VCPU_STATS] = ASSERT_OK(ioctl(vcpus[1]->fd, KVM_GET_STATS_FD, NULL));
	vcpu_sync_is(vcpus[0], expected++);
	vcpu_sync_is(vcpus[1], 5);
	for (n = FILES; n; n--) {
		unsigned int pick = order % n;
		int what = left[pick];

		order /= n;
		left[pick] = left[n - 1];
		if (what == RUN_PAGES) {
			munmap(vcpus[0]->run, vcpus[0]->run_size);
			vcpu0 = false;
		} else {
			close(fds[what]);
			vcpu0 &= what != OWNER_VCPU0;
		}
		/* What is left works. */
		if (vcpu0)
			vcpu_sync_is(vcpus[0], expected++);
		if (what == OWNER_VCPU0)
			ASSERT_ERRNO(EBADF, ioctl(vcpus[0]->fd, KVM_RUN, 0));
	}
	munmap(vm->ram, vm->ram_size);
}

TEST_SECONDS(close_orders, 60)
{
	unsigned int i, n = test_size(120, 12);

	for (i = 0; i < n; i++)
		close_in_order(i * (720 / n));
}

TEST(statistics_after_vm)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_answer, 1);
	int fd = ASSERT_OK(ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL));
	s64 exits;

	vcpu_sync(vcpu);
	exits = stat_value(fd, "exits");
	ASSERT(exits > 0);
	vm_free(vm);
	ASSERT(stat_value(fd, "exits") >= exits);
	close(fd);
}

static char module[32];

static long references(void)
{
	char path[80], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	file = fopen(path, "r");
	ASSERT(file);
	ASSERT(fgets(text, sizeof(text), file));
	fclose(file);
	return atol(text);
}

static void find_module(void)
{
	if (keel_version())
		strcpy(module, "keel");
	else if (!access("/sys/module/kvm_amd", F_OK))
		strcpy(module, "kvm_amd");
	else if (!access("/sys/module/kvm_intel", F_OK))
		strcpy(module, "kvm_intel");
	else
		test_skip("KVM is not a module");
}

static bool unloads(void)
{
	if (!syscall(SYS_delete_module, module, O_NONBLOCK))
		return true;
	ASSERT(errno == EWOULDBLOCK || errno == EBUSY);
	return false;
}

/* While any file is open the module cannot go, and each gives its reference back. */
TEST(module_busy)
{
	struct vcpu *vcpu;
	struct vm *vm;
	int stats, i;
	long before;

	find_module();
	kvm_fd();
	before = references();
	ASSERT_MSG(before > 0, "/dev/kvm is open, and the module has %ld references", before);
	vm = vm_create(0);
	vcpu = vcpu_create(vm, guest_answer, 1);
	stats = ASSERT_OK(ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL));
	ASSERT(references() > before);
	close(vm->fd);
	close(kvm_fd());
	ASSERT(!unloads());
	vcpu_sync_is(vcpu, 1);
	close(vcpu->fd);
	/* The run page is mapped and the statistics are open. */
	ASSERT(references() > 0);
	ASSERT(!unloads());
	munmap(vcpu->run, vcpu->run_size);
	/* Linux lets its vendor module go here, which cannot end well. */
	if (!strcmp(module, "keel")) {
		ASSERT(stat_value(stats, "exits") > 0);
		ASSERT(!unloads());
	}
	close(stats);
	/* The last file's end may come from a worker or after a grace period. */
	for (i = 0; i < 100 && references() >= before; i++)
		sleep_ms(20);
	ASSERT_EQ(references(), before - 1);
}

/* The VM's memory is that of the process that made it. */
TEST(other_process)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_answer, 1);
	int status;
	pid_t pid;

	vcpu_sync_is(vcpu, 1);
	pid = ASSERT_OK(fork());
	if (!pid) {
		ASSERT_ERRNO(EIO, ioctl(vcpu->fd, KVM_RUN, 0));
		ASSERT_ERRNO(EIO, ioctl(vm->fd, KVM_CREATE_VCPU, 7));
		ASSERT_ERRNO(EIO, ioctl(vm->fd, KVM_GET_STATS_FD, NULL));
		ASSERT_ERRNO(EIO, vm_set_slot(vm, 3, 0, SLOT_GPA, PAGE, vm->ram));
		_exit(0);
	}
	ASSERT_OK(waitpid(pid, &status, 0));
	ASSERT_MSG(!status, "in the other process: see the reason above");
	vcpu_sync_is(vcpu, 2);
}

static sigjmp_buf fault;

static void on_fault(int signal)
{
	siglongjmp(fault, signal);
}

static int touch(volatile u8 *p)
{
	int signal = sigsetjmp(fault, 1);

	if (!signal)
		(void)*p;
	return signal;
}

TEST(run_page)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_answer, 1);
	u64 page = host_page(), size = vcpu->run_size;
	u8 *second, *after, *writable;

	signal(SIGBUS, on_fault);
	signal(SIGSEGV, on_fault);
	ASSERT(size >= sizeof(struct kvm_run) && !(size % page));
	/* Two mappings show the same. */
	second = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	ASSERT(second != MAP_FAILED);
	vcpu_sync_is(vcpu, 1);
	ASSERT_EQ(((struct kvm_run *)second)->exit_reason, vcpu->run->exit_reason);
	((struct kvm_run *)second)->immediate_exit = 1;
	ASSERT_EQ(vcpu_run_once(vcpu), -EINTR);
	vcpu->run->immediate_exit = 0;
	vcpu_sync_is(vcpu, 2);
	/* Behind the end there is nothing. */
	after = mmap(NULL, page, PROT_READ, MAP_SHARED, vcpu->fd, size);
	if (after != MAP_FAILED)
		ASSERT_EQ(touch(after), SIGBUS);
	/* The other files have nothing to map. */
	ASSERT(mmap(NULL, page, PROT_READ, MAP_SHARED, vm->fd, 0) == MAP_FAILED);
	ASSERT(mmap(NULL, page, PROT_READ, MAP_SHARED, kvm_fd(), 0) == MAP_FAILED);
	/* It outlives the files. */
	writable = (u8 *)vcpu->run;
	close(vcpu->fd);
	close(vm->fd);
	ASSERT_EQ(touch(writable), 0);
	writable[size - 1] = writable[0];
}

TEST(vcpu_numbers)
{
	struct vm *vm = vm_create(VM_BARE);
	int most = vm_cap(vm, KVM_CAP_MAX_VCPU_ID);

	ASSERT(most >= vm_cap(vm, KVM_CAP_MAX_VCPUS));
	vcpu_create_bare(vm, 3);
	vcpu_create_bare(vm, 0);
	ASSERT_ERRNO(EEXIST, ioctl(vm->fd, KVM_CREATE_VCPU, 3));
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_CREATE_VCPU, most));
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_CREATE_VCPU, ~0u));
	/* Older kernels look at the lower half only. */
	if (keel_version())
		ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_CREATE_VCPU, 1ull << 32));
}

/* As many vCPUs as the capability says, and not one more. */
TEST_SECONDS(most_vcpus, 60)
{
	struct vm *vm = vm_create(VM_BARE);
	int i, most = vm_cap(vm, KVM_CAP_MAX_VCPUS);

	if (test_size(0, 1))
		test_skip("takes long on a slow host");
	ASSERT(most >= 64);
	for (i = 0; i < most; i++)
		if (ioctl(vm->fd, KVM_CREATE_VCPU, i) < 0) {
			if (errno == EMFILE)
				break;	/* the process's limit */
			FAIL("vCPU %d of %d: %s", i, most, strerrorname_np(errno));
		}
	if (i == most)
		ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_CREATE_VCPU, most));
}

/* Many VMs live, die and are used at once. */
TEST_SECONDS(many_vms, 40)
{
	unsigned int i, n = test_size(40, 8);
	struct vm *vms[40];
	u64 seed = 5;

	for (i = 0; i < n; i++) {
		vms[i] = vm_create(i & 1 ? VM_IRQCHIP : 0);
		vcpu_create(vms[i], guest_answer, i);
	}
	for (i = 0; i < n; i++)
		vcpu_sync_is(vms[i]->vcpus[0], i);
	for (i = 0; i < 3 * n; i++) {
		unsigned int pick = random_next(&seed) % n;

		vm_free(vms[pick]);
		vms[pick] = vm_create(0);
		vcpu_create(vms[pick], guest_answer, 1000 + i);
		vcpu_sync_is(vms[pick]->vcpus[0], 1000 + i);
	}
	for (i = 0; i < n; i++)
		vcpu_sync(vms[i]->vcpus[0]);
}
