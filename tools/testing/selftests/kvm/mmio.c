// SPDX-License-Identifier: GPL-2.0-only
/* Accesses to nobody's memory: to user space and back, coalesced, or to an eventfd. */
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include "kvm.h"

/* Guest: one access of each kind; the answers must arrive with the right width. */
static void guest_all_sizes(u64 gpa)
{
	write8(gpa + 1, 0x11);
	write16(gpa + 2, 0x2211);
	write32(gpa + 4, 0x44332211);
	write64(gpa + 8, 0x8877665544332211);
	GUEST_ASSERT_EQ(read8(gpa + 1), 0xf1);
	GUEST_ASSERT_EQ(read16(gpa + 2), 0xf2f1);
	GUEST_ASSERT_EQ(read32(gpa + 4), 0xf4f3f2f1);
	GUEST_ASSERT_EQ(read64(gpa + 8), 0xf8f7f6f5f4f3f2f1);
	GUEST_ASSERT_EQ((s64) * (volatile int8_t *)(gpa + 1), (s64)(int8_t)0xf1);
	GUEST_ASSERT_EQ((s64) * (volatile int32_t *)(gpa + 4), (s64)(int32_t)0xf4f3f2f1);
}

static void expect_access(struct vcpu *vcpu, bool write, u64 gpa, unsigned int len)
{
	static const u8 answer[8] = { 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8 };
	static const u8 sent[8] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 };
	struct kvm_run *run = vcpu->run;

	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(run->mmio.phys_addr, gpa);
	ASSERT_EQ(run->mmio.len, len);
	ASSERT_EQ(run->mmio.is_write, write);
	if (write)
		ASSERT_MSG(!memcmp(run->mmio.data, sent, len), "written: %#lx",
			   *(u64 *)run->mmio.data);
	/* More than was asked for: the rest must not get anywhere. */
	memcpy(run->mmio.data, answer, sizeof(answer));
}

TEST(sizes)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_all_sizes, MMIO_GPA);
	unsigned int write, len;

	for (write = 1; write <= 1; write--)
		for (len = 1; len <= 8; len *= 2)
			expect_access(vcpu, write, MMIO_GPA + len, len);
	expect_access(vcpu, false, MMIO_GPA + 1, 1);
	expect_access(vcpu, false, MMIO_GPA + 4, 4);
	vcpu_done(vcpu);
	ASSERT(vcpu_stat(vcpu, "mmio_exits") >= 10);
}

/* An answer is taken by the next KVM_RUN, even one that must not run the guest. */
static void guest_reads_once(u64 gpa)
{
	guest_sync(read32(gpa));
	guest_sync(read32(gpa + 4));
}

TEST(completion)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_reads_once, MMIO_GPA);
	struct kvm_run *run = vcpu->run;
	u32 data = 77;

	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	memcpy(run->mmio.data, &data, 4);
	run->immediate_exit = 1;
	ASSERT_EQ(vcpu_run_once(vcpu), -EINTR);
	run->immediate_exit = 0;
	/* the exit that was completed so is still described */
	ASSERT_EQ(run->exit_reason, KVM_EXIT_MMIO);
	ASSERT_EQ(run->mmio.phys_addr, MMIO_GPA);
	memset(run->mmio.data, 0xee, 8);
	vcpu_sync_is(vcpu, 77);
	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(run->mmio.phys_addr, MMIO_GPA + 4);
	data = 78;
	memcpy(run->mmio.data, &data, 4);
	vcpu_sync_is(vcpu, 78);
	vcpu_done(vcpu);
}

static void guest_reads_many(u64 count)
{
	u64 i;

	for (i = 0; i < count; i++)
		GUEST_ASSERT_EQ(read32(MMIO_GPA + i * 4), (u32)i * 3);
}

static bool answer_triple(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u32 data = (run->mmio.phys_addr - MMIO_GPA) / 4 * 3;

	if (run->exit_reason != KVM_EXIT_MMIO || run->mmio.is_write)
		return false;
	memcpy(run->mmio.data, &data, 4);
	return true;
}

/* Several vCPUs, each with its own access under way. */
TEST(vcpus)
{
	struct vm *vm = vm_create(0);
	unsigned int i;

	for (i = 0; i < 4; i++) {
		struct vcpu *vcpu = vcpu_create(vm, guest_reads_many, test_size(1000, 200));

		vcpu->on_exit = answer_triple;
		vcpu_start(vcpu);
	}
	for (i = 0; i < 4; i++)
		vcpu_join(vm->vcpus[i]);
}

/* --- coalesced -------------------------------------------------------------------------------------- */

static u64 writes;

static void guest_writes(u64 gpa)
{
	u64 i, n = 0;

	for (;;) {
		for (i = 0; i < READ(writes); i++, n++)
			write32(gpa + (i % 16) * 4, n);
		guest_sync(n);
	}
}

static int zone(struct vm *vm, unsigned long request, u64 gpa, u32 size)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = gpa, .size = size };

	return ioctl(vm->fd, request, &zone);
}

/* Takes everything out of the ring and compares it with what guest_writes() does. */
static u32 drain(struct kvm_coalesced_mmio_ring *ring, u32 expected)
{
	u32 size = (host_page() - sizeof(*ring)) / sizeof(ring->coalesced_mmio[0]), n = 0, data;

	while (ring->first != READ(ring->last)) {
		struct kvm_coalesced_mmio *entry = &ring->coalesced_mmio[ring->first];

		memcpy(&data, entry->data, 4);
		ASSERT_EQ(data, expected + n);
		ASSERT_EQ(entry->len, 4);
		ASSERT_EQ(entry->pio, 0);
		ring->first = (ring->first + 1) % size;
		n++;
	}
	return n;
}

TEST(coalesced)
{
	int offset = NEED_CAP(KVM_CAP_COALESCED_MMIO);
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_writes, MMIO_GPA);
	struct kvm_coalesced_mmio_ring *ring = (void *)((u8 *)vcpu->run + offset * host_page());
	u32 room = (host_page() - sizeof(*ring)) / sizeof(ring->coalesced_mmio[0]) - 1, n = 0;
	u64 *count = vm_var(vm, writes);

	ASSERT_OK(zone(vm, KVM_REGISTER_COALESCED_MMIO, MMIO_GPA, 64));
	*count = 16;
	vcpu_sync_is(vcpu, 16);
	ASSERT_EQ(drain(ring, 0), 16);
	/* Around the ring's end more than once, emptied in time. */
	*count = room / 2;
	for (n = 16; n < 4 * room; n += room / 2) {
		vcpu_sync(vcpu);
		ASSERT_EQ(drain(ring, n), room / 2);
	}
	/* Nobody empties it: what does not fit comes as an exit. */
	*count = room + 1;
	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(*(u32 *)vcpu->run->mmio.data, n + room);
	ASSERT_EQ(drain(ring, n), room);
	vcpu_sync(vcpu);
	n += room + 1;
	/* A zone that is no more. */
	ASSERT_OK(zone(vm, KVM_UNREGISTER_COALESCED_MMIO, MMIO_GPA, 64));
	*count = 1;
	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(*(u32 *)vcpu->run->mmio.data, n);
	vcpu_sync(vcpu);
	ASSERT_EQ(drain(ring, 0), 0);
	/* A zone has an end, and one before another does not reach into it. */
	ASSERT_OK(zone(vm, KVM_REGISTER_COALESCED_MMIO, MMIO_GPA - 64, 64));
	ASSERT_OK(zone(vm, KVM_REGISTER_COALESCED_MMIO, MMIO_GPA + 4, 60));
	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.phys_addr, MMIO_GPA);
	vcpu_sync(vcpu);
	*count = 0;
	vcpu_sync(vcpu);
}

TEST(coalesced_rules)
{
	int offset = NEED_CAP(KVM_CAP_COALESCED_MMIO);
	struct kvm_coalesced_mmio_zone bad = { .addr = MMIO_GPA, .size = 8, .pio = 2 };
	struct vm *vm = vm_create(0);
	struct vcpu *vcpus[2] = { vcpu_create(vm, guest_writes, MMIO_GPA),
				  vcpu_create(vm, guest_writes, MMIO_GPA) };
	struct kvm_coalesced_mmio_ring *rings[2];
	int i, registered = 0;

	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_REGISTER_COALESCED_MMIO, &bad));
	ASSERT_OK(zone(vm, KVM_UNREGISTER_COALESCED_MMIO, MMIO_GPA, 8));
	/* One ring, whichever vCPU it is looked at through. */
	for (i = 0; i < 2; i++)
		rings[i] = (void *)((u8 *)vcpus[i]->run + offset * host_page());
	ASSERT_OK(zone(vm, KVM_REGISTER_COALESCED_MMIO, MMIO_GPA, 64));
	*vm_var(vm, writes) = 3;
	vcpu_sync(vcpus[1]);
	ASSERT_EQ(rings[0]->last, 3);
	ASSERT_EQ(drain(rings[0], 0), 3);
	vcpu_sync(vcpus[0]);
	ASSERT_EQ(rings[1]->last, 6);
	/* Any number of zones, but not without end. */
	for (i = 0; i < 100000; i++, registered++)
		if (zone(vm, KVM_REGISTER_COALESCED_MMIO, MMIO_GPA + PAGE + 16 * i, 16))
			break;
	ASSERT_MSG(registered >= 100 && registered < 100000, "%d zones", registered);
	ASSERT(errno == ENOSPC || errno == ENOMEM);
}

/* The host writes nonsense where the kernel counts: that must not hurt anyone but its own VM. */
TEST(coalesced_hostile)
{
	int offset = NEED_CAP(KVM_CAP_COALESCED_MMIO);
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_writes, MMIO_GPA);
	struct kvm_coalesced_mmio_ring *ring = (void *)((u8 *)vcpu->run + offset * host_page());
	static const u32 bad[] = { ~0u, 0x80000000, 100000, 4096, 171, 170 };
	unsigned int i;

	ASSERT_OK(zone(vm, KVM_REGISTER_COALESCED_MMIO, MMIO_GPA, 64));
	*vm_var(vm, writes) = 3;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ring->last = bad[i];
		ring->first = i & 1 ? 0 : bad[i];
		do {
			vcpu_run(vcpu);
			if (!vcpu->call.what && vcpu->run->exit_reason != KVM_EXIT_MMIO)
				vcpu_unexpected(vcpu, "a write");
		} while (!vcpu->call.what);
	}
	ring->first = ring->last = 0;
	vcpu_sync(vcpu);
	ASSERT_EQ(ring->last, 3);
}

/* --- eventfds --------------------------------------------------------------------------------------- */

enum { W8 = 1, W16 = 2, W32 = 4, W64 = 8 };
static u64 place, datum, width;

static void guest_writes_what_it_is_told(u64 arg)
{
	for (;;) {
		switch (READ(width)) {
		case W8:
			write8(READ(place), READ(datum));
			break;
		case W16:
			write16(READ(place), READ(datum));
			break;
		case W32:
			write32(READ(place), READ(datum));
			break;
		case W64:
			write64(READ(place), READ(datum));
			break;
		}
		guest_sync(READ(width));
	}
}

struct bell {
	struct vm *vm;
	struct vcpu *vcpu;
};

static struct bell bell_create(void)
{
	struct bell bell = { .vm = vm_create(0) };

	bell.vcpu = vcpu_create(bell.vm, guest_writes_what_it_is_told, 0);
	vcpu_sync(bell.vcpu);
	return bell;
}

/* Does a write of the guest reach user space as an exit? */
static bool exits(struct bell *bell, u64 gpa, unsigned int bytes, u64 data)
{
	*vm_var(bell->vm, place) = gpa;
	*vm_var(bell->vm, datum) = data;
	*vm_var(bell->vm, width) = bytes;
	vcpu_run(bell->vcpu);
	if (bell->vcpu->call.what)
		return false;
	if (bell->vcpu->run->exit_reason != KVM_EXIT_MMIO)
		vcpu_unexpected(bell->vcpu, "a write");
	vcpu_sync(bell->vcpu);
	return true;
}

static u64 rung(int fd)
{
	u64 n = 0;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return 0;
	return n;
}

static int event_new(void)
{
	return ASSERT_OK(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

static int bind_event(struct bell *bell, int fd, u64 gpa, u32 len, u32 flags, u64 match)
{
	struct kvm_ioeventfd event = {
		.addr = gpa, .len = len, .fd = fd, .flags = flags, .datamatch = match,
	};

	return ioctl(bell->vm->fd, KVM_IOEVENTFD, &event);
}

#define MATCH KVM_IOEVENTFD_FLAG_DATAMATCH
#define AWAY KVM_IOEVENTFD_FLAG_DEASSIGN

TEST(event)
{
	struct bell bell = bell_create();
	int fd = event_new(), i;

	NEED_CAP(KVM_CAP_IOEVENTFD);
	ASSERT(exits(&bell, MMIO_GPA, W32, 1));
	ASSERT_OK(bind_event(&bell, fd, MMIO_GPA, 4, 0, 0));
	for (i = 0; i < 10; i++)
		ASSERT(!exits(&bell, MMIO_GPA, W32, i));
	ASSERT_EQ(rung(fd), 10);
	/* Another size, another place, or a read: not its business. */
	ASSERT(exits(&bell, MMIO_GPA, W16, 1));
	ASSERT(exits(&bell, MMIO_GPA, W64, 1));
	ASSERT(exits(&bell, MMIO_GPA + 4, W32, 1));
	ASSERT_EQ(rung(fd), 0);
	ASSERT_OK(bind_event(&bell, fd, MMIO_GPA, 4, AWAY, 0));
	ASSERT(exits(&bell, MMIO_GPA, W32, 1));
	ASSERT_EQ(rung(fd), 0);
	ASSERT_ERRNO(ENOENT, bind_event(&bell, fd, MMIO_GPA, 4, AWAY, 0));
}

TEST(event_match)
{
	struct bell bell = bell_create();
	int fds[3] = { event_new(), event_new(), event_new() };

	NEED_CAP(KVM_CAP_IOEVENTFD);
	ASSERT_OK(bind_event(&bell, fds[0], MMIO_GPA, 2, MATCH, 5));
	ASSERT_OK(bind_event(&bell, fds[1], MMIO_GPA, 2, MATCH, 6));
	ASSERT_OK(bind_event(&bell, fds[2], MMIO_GPA, 8, MATCH, 0x500000005));
	ASSERT(!exits(&bell, MMIO_GPA, W16, 5));
	ASSERT(!exits(&bell, MMIO_GPA, W16, 6));
	ASSERT(!exits(&bell, MMIO_GPA, W16, 6));
	ASSERT(exits(&bell, MMIO_GPA, W16, 7));
	ASSERT(exits(&bell, MMIO_GPA, W16, 0x105));
	ASSERT(exits(&bell, MMIO_GPA, W64, 5));
	ASSERT(!exits(&bell, MMIO_GPA, W64, 0x500000005));
	ASSERT_EQ(rung(fds[0]), 1);
	ASSERT_EQ(rung(fds[1]), 2);
	ASSERT_EQ(rung(fds[2]), 1);
	/* The same thing twice. */
	ASSERT_ERRNO(EEXIST, bind_event(&bell, fds[1], MMIO_GPA, 2, MATCH, 5));
	ASSERT_ERRNO(EEXIST, bind_event(&bell, fds[0], MMIO_GPA, 2, 0, 0));
	/* Taking away needs all of it to be right. */
	ASSERT_ERRNO(ENOENT, bind_event(&bell, fds[0], MMIO_GPA, 2, AWAY | MATCH, 6));
	ASSERT_ERRNO(ENOENT, bind_event(&bell, fds[1], MMIO_GPA, 2, AWAY | MATCH, 5));
	ASSERT_ERRNO(ENOENT, bind_event(&bell, fds[0], MMIO_GPA, 2, AWAY, 5));
	ASSERT_OK(bind_event(&bell, fds[0], MMIO_GPA, 2, AWAY | MATCH, 5));
	ASSERT(exits(&bell, MMIO_GPA, W16, 5));
	ASSERT(!exits(&bell, MMIO_GPA, W16, 6));
}

TEST(event_any_length)
{
	struct bell bell = bell_create();
	int fd = event_new();

	NEED_CAP(KVM_CAP_IOEVENTFD_ANY_LENGTH);
	ASSERT_OK(bind_event(&bell, fd, MMIO_GPA, 0, 0, 0));
	ASSERT(!exits(&bell, MMIO_GPA, W8, 1));
	ASSERT(!exits(&bell, MMIO_GPA, W16, 1));
	ASSERT(!exits(&bell, MMIO_GPA, W32, 1));
	ASSERT(!exits(&bell, MMIO_GPA, W64, 1));
	ASSERT(exits(&bell, MMIO_GPA + 1, W8, 1));
	ASSERT_EQ(rung(fd), 4);
	ASSERT_OK(bind_event(&bell, fd, MMIO_GPA, 0, AWAY, 0));
	ASSERT(exits(&bell, MMIO_GPA, W8, 1));
	ASSERT_ERRNO(EINVAL, bind_event(&bell, fd, MMIO_GPA, 0, MATCH, 1));
}

TEST(event_rules)
{
	struct bell bell = bell_create();
	int fd = event_new();

	NEED_CAP(KVM_CAP_IOEVENTFD);
	ASSERT_ERRNO(EINVAL, bind_event(&bell, fd, MMIO_GPA, 3, 0, 0));
	ASSERT_ERRNO(EINVAL, bind_event(&bell, fd, MMIO_GPA, 16, 0, 0));
	ASSERT_ERRNO(EINVAL, bind_event(&bell, fd, -4ull, 8, 0, 0));
	ASSERT_ERRNO(EINVAL, bind_event(&bell, fd, MMIO_GPA, 4, 0x80, 0));
	ASSERT_ERRNO(EBADF, bind_event(&bell, 0x7ffffff, MMIO_GPA, 4, 0, 0));
	/* The VM outlives the descriptor's number, and the event the VM's binding. */
	ASSERT_OK(bind_event(&bell, fd, MMIO_GPA, 4, 0, 0));
	close(fd);
	ASSERT(!exits(&bell, MMIO_GPA, W32, 1));
	fd = event_new();
	ASSERT_OK(bind_event(&bell, fd, MMIO_GPA + 8, 4, 0, 0));
	vm_free(bell.vm);
	ASSERT_EQ(rung(fd), 0);
}

/* Many at once, as a machine with many queues has. */
TEST(event_many)
{
	struct bell bell = bell_create();
	int fds[200], i;
	u64 seed = 4;

	NEED_CAP(KVM_CAP_IOEVENTFD);
	for (i = 0; i < 200; i++) {
		fds[i] = event_new();
		ASSERT_OK(bind_event(&bell, fds[i], MMIO_GPA + i / 2 * 4, 4, MATCH, i & 1));
	}
	for (i = 0; i < 200; i++) {
		unsigned int pick = random_next(&seed) % 200;

		ASSERT(!exits(&bell, MMIO_GPA + pick / 2 * 4, W32, pick & 1));
		ASSERT_EQ(rung(fds[pick]), 1);
		ASSERT_EQ(rung(fds[pick ^ 1]), 0);
	}
	for (i = 0; i < 200; i += 2)
		ASSERT_OK(bind_event(&bell, fds[i], MMIO_GPA + i / 2 * 4, 4, AWAY | MATCH, 0));
	ASSERT(exits(&bell, MMIO_GPA + 40, W32, 0));
	ASSERT(!exits(&bell, MMIO_GPA + 40, W32, 1));
}
