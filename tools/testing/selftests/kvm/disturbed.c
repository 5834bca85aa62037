// SPDX-License-Identifier: GPL-2.0-only
/* Guests that run while the host takes away their process, or their CPU. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include "kvm.h"

#define VCPUS 4
#define SLOT 1
#define PAGES 512u

static u64 stop, turns[VCPUS];

/* Memory, MMIO and port accesses: whatever takes a vCPU through the kernel. */
static void guest_works(u64 id)
{
	u64 i;

	for (i = 0; !READ(stop); i++) {
		u64 at = SLOT_GPA + (i * (id * 2 + 1) % PAGES) * PAGE + id * 8;

		write64(at, read64(at) + 1);
		if (!(i % 64))
			write32(MMIO_GPA + id * 0x1000, i);
		if (!(i % 256))
			guest_sync(i);
		WRITE(turns[id], i);
	}
}

static void guest_returns(u64 arg)
{
}

static bool is_mmio(struct vcpu *vcpu)
{
	return vcpu->run->exit_reason == KVM_EXIT_MMIO;
}

/* A VMM of @vcpus vCPUs, with all that it has running; its main thread is free. */
static struct vm *vmm(unsigned int vcpus, u8 **mem)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	unsigned int i;

	*mem = host_memory(PAGES * PAGE, 2 * MB);
	vm_add_slot(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, PAGES * PAGE, *mem);
	for (i = 0; i < vcpus; i++) {
		struct vcpu *vcpu = vcpu_create(vm, guest_works, i);

		vcpu->on_exit = is_mmio;
	}
	for (i = 0; i < vcpus; i++)
		vcpu_start(vm->vcpus[i]);
	return vm;
}

/* What a VMM's main thread does: slots and logs change, interrupts and events come and go. */
static void __attribute__((noreturn)) busy_vmm(void)
{
	struct vm *vm;
	u8 *mem, *other = host_memory(64 * PAGE, PAGE), bitmap[PAGES / 8];
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bitmap };
	int event = eventfd(0, EFD_NONBLOCK);
	struct kvm_ioeventfd io = { .addr = MMIO_GPA + 0x1000, .len = 4, .fd = event };
	struct kvm_irqfd irqfd = { .fd = event, .gsi = arch_first_gsi() };
	u64 i;

	vm = vmm(VCPUS, &mem);
	for (i = 0;; i++) {
		io.flags = i & 1 ? KVM_IOEVENTFD_FLAG_DEASSIGN : 0;
		irqfd.flags = i & 1 ? KVM_IRQFD_FLAG_DEASSIGN : 0;
		ASSERT_OK(ioctl(vm->fd, KVM_IOEVENTFD, &io));
		ASSERT_OK(ioctl(vm->fd, KVM_IRQFD, &irqfd));
		ASSERT_OK(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
		ASSERT_OK(vm_set_slot(vm, 2, 0, SLOT_GPA + GB, i & 1 ? 0 : 64 * PAGE, other));
		ASSERT_OK(madvise(mem + i % 16 * 16 * PAGE, 16 * PAGE, MADV_DONTNEED));
		ASSERT_EQ(write(event, &(u64){ 1 }, 8), 8);
	}
}

TEST_SECONDS(killed, 600)
{
	u64 kills = test_number("KVMTEST_KILLS", test_size(20, 3)), seed = test_number("KVMTEST_SEED", 1), i;
	int status;

	NEED_CAP(KVM_CAP_IRQFD);
	for (i = 0; i < kills; i++) {
		pid_t child = ASSERT_OK(fork());
		u64 us = random_next(&seed) % 1000;

		if (!child)
			busy_vmm();
		/* From its first instructions on to a VMM in full swing: each time scale as often as the others. */
		us <<= random_next(&seed) % 11;
		nanosleep(&(struct timespec){ us / 1000000, us % 1000000 * 1000 }, NULL);
		ASSERT_OK(kill(child, SIGKILL));
		ASSERT_EQ(waitpid(child, &status, 0), child);
		/* It may not have come to an end by itself. */
		ASSERT_MSG(WIFSIGNALED(status), "the VMM ended by itself, round %lu", i);
	}
	test_note("%lu VMMs killed", kills);
}

static bool cpu_online(unsigned int cpu, bool online)
{
	char path[80];
	int fd, n;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	n = write(fd, online ? "1" : "0", 1);
	close(fd);
	return n == 1;
}

static u64 all_turns(struct vm *vm)
{
	u64 sum = 0, i;

	for (i = 0; i < VCPUS; i++)
		sum += __atomic_load_n(vm_var(vm, turns[i]), __ATOMIC_RELAXED);
	return sum;
}

TEST_SECONDS(hotplug, 240)
{
	u64 rounds = test_number("KVMTEST_HOTPLUGS", test_size(20, 5)), i, before;
	struct vm *vm;
	u8 *mem;

	if (!cpu_online(1, true))
		test_skip("no second CPU that can be switched off");
	vm = vmm(VCPUS, &mem);
	for (i = 0; i < rounds * 2; i++) {
		/* They go on. */
		before = all_turns(vm);
		while (all_turns(vm) == before)
			sleep_ms(1);
		ASSERT_MSG(cpu_online(1, i & 1), "CPU 1 does not go %s", i & 1 ? "on" : "off");
		/* A VM that is made now finds virtualization on, where there is a CPU. */
		if (!(i % 4)) {
			struct vm *other = vm_create(0);

			vcpu_done(vcpu_create(other, guest_returns, 0));
			vm_free(other);
		}
	}
	*vm_var(vm, stop) = 1;
	for (i = 0; i < VCPUS; i++)
		vcpu_join(vm->vcpus[i]);
}
