// SPDX-License-Identifier: GPL-2.0-only
/* Huge pages behind the guest: used when they can be, split for logging, back after it. */
#include "kvm.h"

#define SIZE (16 * MB)
#define SLOT 1

static void guest_touches(u64 step)
{
	u64 at;

	for (;;) {
		for (at = SLOT_GPA; at < SLOT_GPA + SIZE; at += step)
			write64(at, read64(at) + 1);
		guest_sync(0);
	}
}

struct box {
	struct vm *vm;
	struct vcpu *vcpu;
	u8 *mem;
};

static struct box box_create(u64 offset)
{
	struct box box = { .vm = vm_create(0), .mem = host_memory(SIZE + 2 * MB, 2 * MB) + offset };

	if (vm_stat(box.vm, "pages_2m") < 0)
		test_skip("no statistic of huge pages");
	ASSERT_OK(madvise(box.mem, SIZE, MADV_HUGEPAGE));
	memset(box.mem, 0, SIZE);
	box.vcpu = vcpu_create(box.vm, guest_touches, 256 * KB);
	vm_add_slot(box.vm, SLOT, 0, SLOT_GPA, SIZE, box.mem);
	return box;
}

static s64 faults(struct box *box)
{
	return vcpu_stat(box->vcpu, "faults");
}

static s64 huge(struct box *box)
{
	return vm_stat(box->vm, "pages_2m");
}

TEST(mapped)
{
	struct box box = box_create(0);
	s64 before;
	u64 i;

	ASSERT_EQ(huge(&box), 0);
	before = faults(&box);
	vcpu_sync(box.vcpu);
	ASSERT_EQ(huge(&box), SIZE / (2 * MB));
	/* One fault each, and a few for the program. */
	ASSERT(before >= 0 && faults(&box) > before);
	ASSERT_MSG(faults(&box) - before < SIZE / (2 * MB) + 30, "%lu faults for 8 huge pages",
		   faults(&box) - before);
	/* A part of one is taken away: the rest stays what it was. */
	for (i = 0; i < SIZE; i += 256 * KB)
		ASSERT_EQ(*(u64 *)(box.mem + i), 1);
	ASSERT_OK(madvise(box.mem + PAGE, PAGE, MADV_DONTNEED));
	vcpu_sync(box.vcpu);
	for (i = 0; i < SIZE; i += 256 * KB)
		ASSERT_EQ(*(u64 *)(box.mem + i), 2);
	ASSERT(huge(&box) >= 7);
	ASSERT_OK(vm_set_slot(box.vm, SLOT, 0, 0, 0, NULL));
	/* Its mappings go with the slot. */
	ASSERT_EQ(huge(&box), 0);
}

/* Guest and host addresses that do not fit each other. */
TEST(misaligned)
{
	struct box box = box_create(PAGE);
	u64 i;

	vcpu_sync(box.vcpu);
	ASSERT_EQ(huge(&box), 0);
	for (i = 0; i < SIZE; i += 256 * KB)
		ASSERT_EQ(*(u64 *)(box.mem + i), 1);
}

TEST(split_and_recovered)
{
	struct box box = box_create(0);
	u64 bitmap[SIZE / PAGE / 64], i;
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bitmap };

	vcpu_sync(box.vcpu);
	ASSERT_EQ(huge(&box), 8);
	vm_add_slot(box.vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SIZE, box.mem);
	vcpu_sync(box.vcpu);
	ASSERT_EQ(huge(&box), 0);
	ASSERT_OK(ioctl(box.vm->fd, KVM_GET_DIRTY_LOG, &log));
	for (i = 0; i < SIZE / PAGE; i++)
		ASSERT_EQ(!!(bitmap[i / 64] & BIT(i % 64)), i % 64 == 0);
	/* Logging ends: with the next touches everything is huge again. */
	vm_add_slot(box.vm, SLOT, 0, SLOT_GPA, SIZE, box.mem);
	vcpu_sync(box.vcpu);
	vcpu_sync(box.vcpu);
	ASSERT_EQ(huge(&box), 8);
	for (i = 0; i < SIZE; i += 256 * KB)
		ASSERT_EQ(*(u64 *)(box.mem + i), 4);
}
