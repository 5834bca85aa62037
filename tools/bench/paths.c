// SPDX-License-Identifier: GPL-2.0-only
/* What every architecture has: memory-mapped I/O, faults, dirty logging, irqfd. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include "bench.h"

/* --- memory-mapped I/O ------------------------------------------------------------------------- */

GUEST_MEASURES(guest_mmio_write, write32(MMIO_GPA, i))
GUEST_MEASURES(guest_mmio_read, read32(MMIO_GPA))

PATH(mmio_write_user, "user")
{
	bench_guest(guest_mmio_write);
}

PATH(mmio_read_user, "user")
{
	bench_guest(guest_mmio_read);
}

static void bell(struct vm *vm, u64 address, unsigned int size)
{
	struct kvm_ioeventfd event = {
		.addr = address, .len = size, .fd = ASSERT_OK(eventfd(0, 0)),
	};

	ASSERT_OK(ioctl(vm->fd, KVM_IOEVENTFD, &event));
}

PATH(ioeventfd_mmio, "kernel")
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	bell(vm, MMIO_GPA, 4);
	bench_guest_in(vm, guest_mmio_write);
}

/* Any write at the address counts, whatever its size. */
PATH(ioeventfd_mmio_any, "kernel")
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	bell(vm, MMIO_GPA, 0);
	bench_guest_in(vm, guest_mmio_write);
}

/* --- faults ------------------------------------------------------------------------------------ */

static void guest_touch(u64 size)
{
	MEASURE(SAMPLES, write32(SLOT_GPA + i * size, 1));
}

#define LARGE 24	/* samples of 2M pages: what a small host has memory for */

static void guest_touch_large(u64 size)
{
	MEASURE(LARGE, write32(SLOT_GPA + i * size, 1));
}

static void *slot_memory(u64 size, int advice)
{
	void *memory = host_memory(size, 2 * MB);

	ASSERT_OK(madvise(memory, size, advice));
	return memory;
}

/* The host has no page yet either. */
PATH(touch_4k, "fault")
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	u64 size = SAMPLES * PAGE;

	vm_add_slot(vm, 1, 0, SLOT_GPA, size, slot_memory(size, MADV_NOHUGEPAGE));
	bench_run(vcpu_create(vm, guest_touch, PAGE));
	bench_report(*vm_var(vm, bench_samples), SAMPLES, 1);
}

/* Leaves the guest's samples in the program's. */
static void touch_large(bool populate)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	u64 size = LARGE * 2 * MB, i;
	u8 *memory = slot_memory(size, MADV_HUGEPAGE);

	for (i = 0; populate && i < LARGE; i++)
		memory[i * 2 * MB] = 1;
	vm_add_slot(vm, 1, 0, SLOT_GPA, size, memory);
	bench_run(vcpu_create(vm, guest_touch_large, 2 * MB));
	memcpy(bench_samples, *vm_var(vm, bench_samples), sizeof(bench_samples));
}

static u64 least(const u64 *samples, unsigned int n)
{
	u64 value = *samples;

	while (--n)
		if (*++samples < value)
			value = *samples;
	return value;
}

/*
 * The host's clearing of 2M is hundreds of times what all else costs, some emulators count each byte
 * of it, and several ticks of the host's timer come meanwhile. So this is what a guest's touch costs
 * beyond a process's of the host, each when it met the fewest ticks.
 */
PATH(touch_2m, "fault")
{
	u64 size = LARGE * 2 * MB, own;
	u8 *memory = slot_memory(size, MADV_HUGEPAGE);

	/* Once before, so that both find the host's allocator alike. */
	memset(memory, 1, size);
	ASSERT_OK(madvise(memory, size, MADV_DONTNEED));
	MEASURE(LARGE, *(volatile u8 *)&memory[i * 2 * MB] = 1);
	own = least(bench_samples, LARGE);
	munmap(memory, size);
	touch_large(false);
	own = least(bench_samples, LARGE) - own;
	bench_report(&own, 1, 1);
}

/* The host has its pages already: the second stage's part alone. */
PATH(map_4k, "kernel")
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	u64 size = SAMPLES * PAGE;
	void *memory = slot_memory(size, MADV_NOHUGEPAGE);

	memset(memory, 1, size);
	vm_add_slot(vm, 1, 0, SLOT_GPA, size, memory);
	bench_run(vcpu_create(vm, guest_touch, PAGE));
	bench_report(*vm_var(vm, bench_samples), SAMPLES, 1);
}

PATH(map_2m, "kernel")
{
	touch_large(true);
	bench_report(bench_samples, LARGE, 1);
}

/* --- dirty logging ------------------------------------------------------------------------------- */

#define LOGGED 1024	/* pages */

static void guest_dirty(u64 arg)
{
	unsigned int n;

	for (;;) {
		for (n = 0; n < LOGGED; n++)
			write32(SLOT_GPA + n * PAGE, 1);
		guest_sync(0);
		MEASURE(SAMPLES, write32(SLOT_GPA + i * PAGE, 1));
		guest_sync(0);
	}
}

static struct vm *logged_vm(void)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	u64 size = LOGGED * PAGE;

	vm_add_slot(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, size,
		    slot_memory(size, MADV_NOHUGEPAGE));
	return vm;
}

PATH(dirty_write, "kernel")
{
	u64 bitmap[LOGGED / 64];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };
	struct vm *vm = logged_vm();
	struct vcpu *vcpu = vcpu_create(vm, guest_dirty, 0);

	bench_run(vcpu);
	ASSERT_OK(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	ASSERT_EQ(bitmap[LOGGED / 64 - 1], ~0ull);
	bench_run(vcpu);
	bench_report(*vm_var(vm, bench_samples), SAMPLES, 1);
}

#define LOGS 15

PATH(get_dirty_log_page, "kernel")
{
	u64 bitmap[LOGGED / 64], best[LOGS];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };
	struct vm *vm = logged_vm();
	struct vcpu *vcpu = vcpu_create(vm, guest_dirty, 0);
	unsigned int n;

	memset(bitmap, 0, sizeof(bitmap));
	for (n = 0; n < LOGS; n++) {
		bench_run(vcpu);
		MEASURE(1, ASSERT_OK(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log)));
		best[n] = bench_samples[0];
		ASSERT_EQ(bitmap[LOGGED / 64 - 1], ~0ull);
		bench_run(vcpu);
	}
	bench_report(best, LOGS, LOGGED);
}
