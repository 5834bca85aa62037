// SPDX-License-Identifier: GPL-2.0-only
/* Memory slots: rules, and what the guest sees of every change. */
#include <stdlib.h>
#include "kvm.h"

#define FLAG_UNKNOWN 0x80

/* Guest: reads the addresses that it is told, one after the other. */
static u64 wanted;

static void guest_reads(u64 arg)
{
	for (;;) {
		guest_sync(1);
		guest_sync(read64(READ(wanted)));
	}
}

struct reader {
	struct vm *vm;
	struct vcpu *vcpu;
};

static struct reader reader_create(void)
{
	struct vm *vm = vm_create(0);

	return (struct reader){ vm, vcpu_create(vm, guest_reads, 0) };
}

/* What the guest reads at an address; @mmio when it is nobody's memory, and is answered so. */
static u64 guest_reads_at(struct reader *r, u64 gpa, const u64 *mmio)
{
	struct kvm_run *run = r->vcpu->run;

	vcpu_sync_is(r->vcpu, 1);
	*vm_var(r->vm, wanted) = gpa;
	if (mmio) {
		vcpu_exit_is(r->vcpu, KVM_EXIT_MMIO);
		ASSERT_EQ(run->mmio.phys_addr, gpa);
		ASSERT_EQ(run->mmio.len, 8);
		ASSERT_EQ(run->mmio.is_write, 0);
		memcpy(run->mmio.data, mmio, 8);
	}
	return vcpu_sync(r->vcpu);
}

static void is_memory(struct reader *r, u64 gpa, u64 value)
{
	ASSERT_EQ(guest_reads_at(r, gpa, NULL), value);
}

static void is_nothing(struct reader *r, u64 gpa)
{
	u64 answer = gpa ^ 0x1122334455667788;

	ASSERT_EQ(guest_reads_at(r, gpa, &answer), answer);
}

/* Architectures say it differently. */
static void out_of_reach(int result)
{
	ASSERT_MSG(result < 0 && (errno == EINVAL || errno == EFAULT), "%d, errno %d", result, errno);
}

TEST(rules)
{
	struct vm *vm = vm_create(VM_BARE);
	u8 *mem = host_memory(16 * PAGE, 2 * MB);
	u64 most = vm_cap(vm, KVM_CAP_NR_MEMSLOTS);
	int spaces = vm_cap(vm, KVM_CAP_MULTI_ADDRESS_SPACE);

	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, most, 0, 0, PAGE, mem));
	ASSERT_OK(vm_set_slot(vm, most - 1, 0, 0x10000000, PAGE, mem));
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, (spaces ? spaces : 1) << 16, 0, 0, PAGE, mem));
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, FLAG_UNKNOWN, 0, PAGE, mem));
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, 0, 1, PAGE, mem));
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, 0, 0, PAGE + 1, mem));
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, 0, 0, PAGE / 2, mem));
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, 0, 0, PAGE, mem + 1));
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, 0, 0, PAGE, (void *)(-PAGE)));
	/* The end of the guest's address space. */
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, 0, -2 * PAGE, 4 * PAGE, mem));
	/* Where no guest address reaches: a slot, the end of one, a move. */
	out_of_reach(vm_set_slot(vm, 0, 0, 1ul << 60, PAGE, mem));
	out_of_reach(vm_set_slot(vm, 0, 0, 1ul << 52, PAGE, mem));
	out_of_reach(vm_set_slot(vm, 0, 0, (1ul << 52) - PAGE, 2 * PAGE, mem));
	out_of_reach(vm_set_slot(vm, most - 1, 0, 1ul << 52, PAGE, mem));
	/* More pages than an int counts. */
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, 0, 0, PAGE << 31, mem));
	/* Nothing there to delete. */
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, 0, 0, 0, NULL));
	ASSERT_ERRNO(EFAULT, ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, (void *)8));
}

TEST(overlap)
{
	struct vm *vm = vm_create(VM_BARE);
	u8 *mem = host_memory(16 * PAGE, 2 * MB);

	ASSERT_OK(vm_set_slot(vm, 0, 0, 4 * PAGE, 4 * PAGE, mem));
	/* Inside, around, at each end, by one page. */
	ASSERT_ERRNO(EEXIST, vm_set_slot(vm, 1, 0, 5 * PAGE, PAGE, mem));
	ASSERT_ERRNO(EEXIST, vm_set_slot(vm, 1, 0, 4 * PAGE, 4 * PAGE, mem));
	ASSERT_ERRNO(EEXIST, vm_set_slot(vm, 1, 0, 3 * PAGE, 8 * PAGE, mem));
	ASSERT_ERRNO(EEXIST, vm_set_slot(vm, 1, 0, 7 * PAGE, PAGE, mem));
	ASSERT_ERRNO(EEXIST, vm_set_slot(vm, 1, 0, 3 * PAGE, 2 * PAGE, mem));
	/* Neighbours. */
	ASSERT_OK(vm_set_slot(vm, 1, 0, 8 * PAGE, PAGE, mem));
	ASSERT_OK(vm_set_slot(vm, 2, 0, 3 * PAGE, PAGE, mem));
	/* Moving onto a neighbour. */
	ASSERT_ERRNO(EEXIST, vm_set_slot(vm, 2, 0, 8 * PAGE, PAGE, mem));
	ASSERT_OK(vm_set_slot(vm, 1, 0, 0, 0, NULL));
	ASSERT_OK(vm_set_slot(vm, 2, 0, 8 * PAGE, PAGE, mem));
	/* Moving by less than its size: it does not overlap itself. */
	ASSERT_OK(vm_set_slot(vm, 0, 0, 3 * PAGE, 4 * PAGE, mem));
	ASSERT_OK(vm_set_slot(vm, 3, 0, 7 * PAGE, PAGE, mem));
}

TEST(changes)
{
	struct vm *vm = vm_create(VM_BARE);
	u8 *mem = host_memory(16 * PAGE, 2 * MB);

	ASSERT_OK(vm_set_slot(vm, 0, 0, 0, 4 * PAGE, mem));
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, 0, 0, 2 * PAGE, mem));
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, 0, 0, 5 * PAGE, mem));
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, 0, 0, 4 * PAGE, mem + PAGE));
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, KVM_MEM_READONLY, 0, 4 * PAGE, mem));
	ASSERT_OK(vm_set_slot(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, 4 * PAGE, mem));
	ASSERT_OK(vm_set_slot(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, 4 * PAGE, mem));
	ASSERT_OK(vm_set_slot(vm, 0, 0, 0, 4 * PAGE, mem));
	ASSERT_OK(vm_set_slot(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 64 * PAGE, 4 * PAGE, mem));
	ASSERT_OK(vm_set_slot(vm, 0, 0, 0, 0, NULL));
	ASSERT_OK(vm_set_slot(vm, 0, KVM_MEM_READONLY, 0, 2 * PAGE, mem));
	ASSERT_ERRNO(EINVAL, vm_set_slot(vm, 0, 0, 0, 2 * PAGE, mem));
}

TEST(delete_and_add)
{
	struct reader r = reader_create();
	u64 *mem = host_memory(2 * MB, 2 * MB), i;

	for (i = 0; i < 20; i++) {
		is_nothing(&r, SLOT_GPA);
		vm_add_slot(r.vm, 1, 0, SLOT_GPA, 2 * MB, mem);
		mem[0] = i;
		mem[2 * MB / 8 - 1] = ~i;
		is_memory(&r, SLOT_GPA, i);
		is_memory(&r, SLOT_GPA + 2 * MB - 8, ~i);
		is_nothing(&r, SLOT_GPA + 2 * MB);
		is_nothing(&r, SLOT_GPA - 8);
		ASSERT_OK(vm_set_slot(r.vm, 1, 0, 0, 0, NULL));
	}
}

TEST(move)
{
	struct reader r = reader_create();
	u64 *mem = host_memory(4 * PAGE, 2 * MB), at = SLOT_GPA, to, i;

	mem[0] = 0xfeed;
	mem[3 * PAGE / 8] = 0xf00d;
	vm_add_slot(r.vm, 1, 0, at, 4 * PAGE, mem);
	is_memory(&r, at, 0xfeed);
	for (i = 1; i < 8; i++) {
		to = SLOT_GPA + i * 3 * PAGE;	/* overlaps where it was */
		vm_add_slot(r.vm, 1, 0, to, 4 * PAGE, mem);
		is_memory(&r, to, 0xfeed);
		is_memory(&r, to + 3 * PAGE, 0xf00d);
		is_nothing(&r, at);
		is_nothing(&r, to + 4 * PAGE);
		at = to;
	}
}

/* One host page behind two guest pages. */
TEST(alias)
{
	struct reader r = reader_create();
	u64 *mem = host_memory(PAGE, 2 * MB);

	vm_add_slot(r.vm, 1, 0, SLOT_GPA, PAGE, mem);
	vm_add_slot(r.vm, 2, 0, SLOT_GPA + 16 * MB, PAGE, mem);
	mem[1] = 77;
	is_memory(&r, SLOT_GPA + 8, 77);
	is_memory(&r, SLOT_GPA + 16 * MB + 8, 77);
	ASSERT_OK(vm_set_slot(r.vm, 1, 0, 0, 0, NULL));
	is_nothing(&r, SLOT_GPA + 8);
	is_memory(&r, SLOT_GPA + 16 * MB + 8, 77);
	/* Unmapping the host page reaches every alias. */
	vm_add_slot(r.vm, 1, 0, SLOT_GPA, PAGE, mem);
	is_memory(&r, SLOT_GPA + 8, 77);
	ASSERT_OK(madvise(mem, PAGE, MADV_DONTNEED));
	is_memory(&r, SLOT_GPA + 8, 0);
	is_memory(&r, SLOT_GPA + 16 * MB + 8, 0);
}

static void guest_writes_read_only(u64 gpa)
{
	GUEST_ASSERT_EQ(read64(gpa), 0xabcdef);
	write32(gpa + 4, 0x1234);
	GUEST_ASSERT_EQ(read64(gpa), 0xabcdef);
	write8(gpa + PAGE - 1, 0x56);
}

TEST(read_only)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_writes_read_only, SLOT_GPA);
	u64 *mem = host_memory(PAGE, 2 * MB);
	struct kvm_run *run = vcpu->run;

	NEED_CAP(KVM_CAP_READONLY_MEM);
	mem[0] = 0xabcdef;
	/* What the guest cannot write, the host need not be able to write either. */
	mprotect(mem, PAGE, PROT_READ);
	vm_add_slot(vm, 1, KVM_MEM_READONLY, SLOT_GPA, PAGE, mem);
	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(run->mmio.phys_addr, SLOT_GPA + 4);
	ASSERT_EQ(run->mmio.is_write, 1);
	ASSERT_EQ(run->mmio.len, 4);
	ASSERT_EQ(*(u32 *)run->mmio.data, 0x1234);
	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(run->mmio.phys_addr, SLOT_GPA + PAGE - 1);
	ASSERT_EQ(run->mmio.data[0], 0x56);
	vcpu_done(vcpu);
	ASSERT_EQ(mem[0], 0xabcdef);
}

TEST_SECONDS(many, 60)
{
	unsigned int i, n = test_size(1000, 120);
	struct reader r = reader_create();
	u64 *mem = host_memory(n * PAGE, 2 * MB), seed = 99;
	bool *there = calloc(n, 1);

	if (vm_cap(r.vm, KVM_CAP_NR_MEMSLOTS) <= n)
		test_skip("not as many slots");
	/* Every other page of the guest, in an order that is not theirs. */
	for (i = 0; i < n; i++) {
		u64 page = (i * 7919ul) % n;

		mem[page * PAGE / 8] = page + 1;
		vm_add_slot(r.vm, page + 1, 0, SLOT_GPA + 2 * page * PAGE, PAGE,
			    (u8 *)mem + page * PAGE);
		there[page] = true;
	}
	for (i = 0; i < n; i++) {
		is_memory(&r, SLOT_GPA + 2 * i * PAGE, i + 1);
		is_nothing(&r, SLOT_GPA + (2 * i + 1) * PAGE);
	}
	for (i = 0; i < 2 * n; i++) {
		unsigned int page = random_next(&seed) % n;

		ASSERT_OK(vm_set_slot(r.vm, page + 1, 0, SLOT_GPA + 2 * page * PAGE,
				      there[page] ? 0 : PAGE, (u8 *)mem + page * PAGE));
		there[page] = !there[page];
	}
	for (i = 0; i < n; i++) {
		if (there[i])
			is_memory(&r, SLOT_GPA + 2 * i * PAGE, i + 1);
		else
			is_nothing(&r, SLOT_GPA + 2 * i * PAGE);
	}
}

/* Numbers up to the last that there is; a slot takes a grace period each, so not all of them. */
TEST_SECONDS(limit, 40)
{
	struct reader r = reader_create();
	u64 i, n = vm_cap(r.vm, KVM_CAP_NR_MEMSLOTS), step = test_size(1 + n / 500, 1 + n / 50);
	u64 *mem = host_memory(PAGE, 2 * MB);

	mem[0] = 4711;
	for (i = n - 1; i > step; i -= step)
		vm_add_slot(r.vm, i, 0, SLOT_GPA + i * PAGE, PAGE, mem);
	ASSERT_ERRNO(EINVAL, vm_set_slot(r.vm, n, 0, SLOT_GPA + n * PAGE, PAGE, mem));
	is_nothing(&r, SLOT_GPA);
	is_memory(&r, SLOT_GPA + (i + step) * PAGE, 4711);
	is_memory(&r, SLOT_GPA + (n - 1) * PAGE, 4711);
	is_nothing(&r, SLOT_GPA + n * PAGE);
}

TEST(region2)
{
	struct reader r = reader_create();
	u64 *mem = host_memory(2 * PAGE, 2 * MB);
	struct kvm_userspace_memory_region2 region = {
		.slot = 1, .guest_phys_addr = SLOT_GPA, .memory_size = 2 * PAGE,
		.userspace_addr = (u64)mem,
	};

	NEED_CAP(KVM_CAP_USER_MEMORY2);
	mem[0] = 5;
	ASSERT_OK(ioctl(r.vm->fd, KVM_SET_USER_MEMORY_REGION2, &region));
	is_memory(&r, SLOT_GPA, 5);
	/* The first call sees what the second has made. */
	ASSERT_ERRNO(EEXIST, vm_set_slot(r.vm, 2, 0, SLOT_GPA, PAGE, mem));
	region.memory_size = 0;
	ASSERT_OK(ioctl(r.vm->fd, KVM_SET_USER_MEMORY_REGION2, &region));
	is_nothing(&r, SLOT_GPA);
	region.memory_size = 2 * PAGE;
	region.flags = FLAG_UNKNOWN;
	ASSERT_ERRNO(EINVAL, ioctl(r.vm->fd, KVM_SET_USER_MEMORY_REGION2, &region));
	if (!vm_cap(r.vm, KVM_CAP_GUEST_MEMFD)) {
		region.flags = KVM_MEM_GUEST_MEMFD;
		ASSERT_ERRNO(EINVAL, ioctl(r.vm->fd, KVM_SET_USER_MEMORY_REGION2, &region));
	}
	ASSERT_ERRNO(EFAULT, ioctl(r.vm->fd, KVM_SET_USER_MEMORY_REGION2, (void *)8));
}

/* A guest in a loop reads a slot that comes and goes: memory or nothing, never anything else. */
static u64 stop;

static void guest_hammers(u64 gpa)
{
	while (!READ(stop)) {
		u64 value = read64(gpa);

		if (value != 0x600d && value != 0xbad)
			guest_sync(value);
	}
}

static bool answer_nothing(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 value = 0xbad;

	if (run->exit_reason != KVM_EXIT_MMIO || run->mmio.is_write)
		return false;
	memcpy(run->mmio.data, &value, 8);
	++*(u64 *)vcpu->data;
	return true;
}

static void wrong_value(struct vcpu *vcpu)
{
	FAIL("the guest read %#lx", vcpu->call.args[0]);
}

TEST_SECONDS(under_way, 40)
{
	u64 *mem = host_memory(PAGE, 2 * MB), exits[2] = { 0 }, end = 0;
	unsigned int i;
	struct vm *vm = vm_create(0);
	struct vcpu *vcpus[2];

	mem[0] = 0x600d;
	for (i = 0; i < 2; i++) {
		vcpus[i] = vcpu_create(vm, guest_hammers, SLOT_GPA);
		vcpus[i]->on_exit = answer_nothing;
		vcpus[i]->on_sync = wrong_value;
		vcpus[i]->data = &exits[i];
		vcpu_start(vcpus[i]);
	}
	for (i = 0; more(&end, i, test_size(400, 60)); i++) {
		vm_add_slot(vm, 1, 0, SLOT_GPA, PAGE, mem);
		if (i % 3 == 0)
			vm_add_slot(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, PAGE, mem);
		if (i % 5 == 0)
			vm_add_slot(vm, 1, 0, SLOT_GPA + 64 * PAGE, PAGE, mem);
		if (i % 16 == 0)
			sleep_ms(2);
		ASSERT_OK(vm_set_slot(vm, 1, 0, 0, 0, NULL));
		if (i % 16 == 8)
			sleep_ms(2);
	}
	*vm_var(vm, stop) = 1;
	for (i = 0; i < 2; i++) {
		vcpu_join(vcpus[i]);
		ASSERT_MSG(READ(exits[i]) > 0, "the slot was never seen to be gone");
	}
}
