// SPDX-License-Identifier: GPL-2.0-only
/* The dirty ring: each page once, full when it is full, reset by the host. */
#include <stdlib.h>
#include "kvm.h"
#include "trace.h"

#define PAGES 4096u
#define ENTRIES 1024u
#define SLOT 1

/* Guest: writes to @count pages from @first, in steps of @step, when asked to. */
static u64 first, count, step;

static void guest_writes(u64 gpa)
{
	u64 i;

	for (;;) {
		guest_sync(1);
		for (i = 0; i < READ(count); i++) {
			u64 page = (READ(first) + i * READ(step)) % PAGES;

			write64(gpa + page * PAGE, page + 1);
		}
	}
}

struct ring {
	struct vm *vm;
	struct vcpu *vcpu;
	struct kvm_dirty_gfn *gfns;
	u32 next, entries;
	u8 seen[PAGES];
	bool joined;
};

static unsigned int ring_cap(void)
{
	return kvm_cap(KVM_CAP_DIRTY_LOG_RING_ACQ_REL) ? KVM_CAP_DIRTY_LOG_RING_ACQ_REL :
							 KVM_CAP_DIRTY_LOG_RING;
}

static void need_ring(void)
{
	if (!KVM_DIRTY_LOG_PAGE_OFFSET || !kvm_cap(ring_cap()))
		test_skip("no dirty ring");
	/* Where Linux has this capability, its ring misses writes to huge pages unless there is a bitmap too. */
	if (!keel_version() && kvm_cap(KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP))
		test_skip("the ring alone is not enough");
}

static void ring_map(struct ring *ring, struct vcpu *vcpu, u32 entries)
{
	ring->vcpu = vcpu;
	ring->entries = entries;
	ring->gfns = mmap(NULL, entries * sizeof(*ring->gfns), PROT_READ | PROT_WRITE, MAP_SHARED,
			  vcpu->fd, KVM_DIRTY_LOG_PAGE_OFFSET * host_page());
	ASSERT(ring->gfns != MAP_FAILED);
}

static struct ring *ring_create(guest_fn fn, unsigned int flags)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	struct vm *vm;

	need_ring();
	vm = ring->vm = vm_create(0);
	ASSERT_OK(vm_enable_cap(vm, ring_cap(), ENTRIES * sizeof(*ring->gfns)));
	ring_map(ring, vcpu_create(vm, fn, SLOT_GPA), ENTRIES);
	vm_add_slot(vm, SLOT, flags, SLOT_GPA, PAGES * PAGE, host_memory(PAGES * PAGE, 2 * MB));
	return ring;
}

/* Takes what is new out of the ring; returns how many. */
static u32 harvest(struct ring *ring)
{
	u32 n = 0;

	for (;; n++) {
		struct kvm_dirty_gfn *gfn = &ring->gfns[ring->next % ring->entries];

		if (__atomic_load_n(&gfn->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
			return n;
		ASSERT_EQ(gfn->slot, SLOT);
		ASSERT_MSG(gfn->offset < PAGES, "page %#lx of the slot", (u64)gfn->offset);
		ring->seen[gfn->offset]++;
		__atomic_store_n(&gfn->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		ring->next++;
	}
}

static u32 reset(struct ring *ring)
{
	return ASSERT_OK(ioctl(ring->vm->fd, KVM_RESET_DIRTY_RINGS, 0));
}

static void order(struct ring *ring, u64 from, u64 n, u64 by)
{
	*vm_var(ring->vm, first) = from;
	*vm_var(ring->vm, count) = n;
	*vm_var(ring->vm, step) = by;
}

static void seen_are(struct ring *ring, u64 from, u64 n, u64 by)
{
	unsigned int i;
	u8 wanted[PAGES] = { 0 };

	for (i = 0; i < n; i++)
		wanted[(from + i * by) % PAGES] = 1;
	for (i = 0; i < PAGES; i++)
		ASSERT_MSG(ring->seen[i] == wanted[i], "page %u is %u times in the ring, not %u", i,
			   ring->seen[i], wanted[i]);
	memset(ring->seen, 0, sizeof(ring->seen));
}

TEST(rules)
{
	struct vm *vm = vm_create(0);
	unsigned int cap = ring_cap();
	int most = kvm_cap(cap);
	u64 page = host_page(), at = KVM_DIRTY_LOG_PAGE_OFFSET * page;
	struct vcpu *vcpu;

	if (!most)
		test_skip("no dirty ring");
	ASSERT_ERRNO(EINVAL, vm_enable_cap(vm, cap, 0));
	ASSERT_ERRNO(EINVAL, vm_enable_cap(vm, cap, 3 * PAGE));
	ASSERT_ERRNO(EINVAL, vm_enable_cap(vm, cap, 16));
	ASSERT_ERRNO(E2BIG, vm_enable_cap(vm, cap, 2 * most));
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0));
	ASSERT_OK(vm_enable_cap(vm, cap, most));
	/* Once, and before there are vCPUs. */
	ASSERT_ERRNO(EINVAL, vm_enable_cap(vm, cap, most));
	vcpu = vcpu_create(vm, guest_writes, SLOT_GPA);
	ASSERT(mmap(NULL, page, PROT_READ, MAP_PRIVATE, vcpu->fd, at) == MAP_FAILED);
	ASSERT(mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_SHARED, vcpu->fd, at) == MAP_FAILED);
	ASSERT(mmap(NULL, most, PROT_READ, MAP_SHARED, vcpu->fd, at) != MAP_FAILED);
	vm_free(vm);
	vm = vm_create(0);
	vcpu_create(vm, guest_writes, SLOT_GPA);
	ASSERT_ERRNO(EINVAL, vm_enable_cap(vm, cap, most));
}

TEST(collect)
{
	struct ring *ring = ring_create(guest_writes, KVM_MEM_LOG_DIRTY_PAGES);
	unsigned int round;

	vcpu_sync(ring->vcpu);
	ASSERT_EQ(harvest(ring), 0);
	for (round = 0; round < test_size(20, 5); round++) {
		u64 n = 100 + 37 * round;

		order(ring, round * 11, n, 5);
		vcpu_sync(ring->vcpu);
		ASSERT_EQ(harvest(ring), n);
		seen_are(ring, round * 11, n, 5);
		/* Collected but not reset: still writable, so not news. */
		vcpu_sync(ring->vcpu);
		ASSERT_EQ(harvest(ring), 0);
		ASSERT_EQ(reset(ring), n);
		ASSERT_EQ(reset(ring), 0);
		vcpu_sync(ring->vcpu);
		ASSERT_EQ(harvest(ring), n);
		seen_are(ring, round * 11, n, 5);
		ASSERT_EQ(reset(ring), n);
	}
}

TEST(events)
{
	static const char *const events[] = { "kvm_dirty_ring_push", "kvm_dirty_ring_reset" };
	struct ring *ring = ring_create(guest_writes, KVM_MEM_LOG_DIRTY_PAGES);

	vcpu_sync(ring->vcpu);
	order(ring, 3, 10, 2);
	if (!trace_start(events, ARRAY_SIZE(events)))
		test_skip("no tracepoints");
	vcpu_sync(ring->vcpu);
	ASSERT_EQ(harvest(ring), 10);
	ASSERT_EQ(trace_count("kvm_dirty_ring_push"), 10);
	ASSERT_EQ(trace_count("kvm_dirty_ring_reset"), 0);
	ASSERT_EQ(trace_count("slot 1 offset 0x15 "), 1);
	ASSERT_EQ(reset(ring), 10);
	ASSERT(trace_count("kvm_dirty_ring_reset") >= 1);
	trace_stop();
}

/* Without the flag on the slot nothing is recorded. */
TEST(not_logged)
{
	struct ring *ring = ring_create(guest_writes, 0);
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = ring->seen };

	vcpu_sync(ring->vcpu);
	order(ring, 0, 50, 1);
	vcpu_sync(ring->vcpu);
	ASSERT_EQ(harvest(ring), 0);
	ASSERT_EQ(reset(ring), 0);
	/* And there is no bitmap. */
	ASSERT_ERRNO(ENXIO, ioctl(ring->vm->fd, KVM_GET_DIRTY_LOG, &log));
}

/* More pages than entries: the vCPU stops before it would lose one. */
TEST(full)
{
	struct ring *ring = ring_create(guest_writes, KVM_MEM_LOG_DIRTY_PAGES);
	u32 n, total = 0, exits = 0;

	vcpu_sync(ring->vcpu);
	order(ring, 17, PAGES, 3);
	for (;;) {
		vcpu_run(ring->vcpu);
		if (ring->vcpu->call.what)
			break;
		if (ring->vcpu->run->exit_reason != KVM_EXIT_DIRTY_RING_FULL)
			vcpu_unexpected(ring->vcpu, "a full ring");
		if (!exits++) {
			/* Nothing has been done about it: so it says again. */
			vcpu_exit_is(ring->vcpu, KVM_EXIT_DIRTY_RING_FULL);
		}
		n = harvest(ring);
		ASSERT(n > ENTRIES / 2 && n <= ENTRIES);
		total += n;
		ASSERT_EQ(reset(ring), n);
	}
	total += harvest(ring);
	ASSERT(exits >= PAGES / ENTRIES);
	/* The page whose write had not happened yet when the ring was full is told again. */
	ASSERT(total >= PAGES && total <= PAGES + exits);
	for (n = 0; n < PAGES; n++)
		ASSERT_MSG(ring->seen[n], "page %u is not in the ring", n);
}

/* --- under running guests -------------------------------------------------------------------------- */

static u64 stop;

static void guest_keeps_writing(u64 id)
{
	u64 i = id * 2000;

	while (!READ(stop)) {
		u64 at = SLOT_GPA + (i % PAGES) * PAGE + id * 64;

		write64(at, read64(at) + 1);
		i += 1 + id * 2;
	}
}

static void *run_writer(void *data)
{
	struct vcpu *vcpu = data;

	for (;;) {
		vcpu_run(vcpu);
		if (vcpu->call.what == GUEST_DONE)
			return NULL;
		if (vcpu->run->exit_reason != KVM_EXIT_DIRTY_RING_FULL)
			vcpu_unexpected(vcpu, "a full ring");
		sleep_ms(1);	/* the collector makes room */
	}
}

/* A thread can be joined once only. */
static bool joined(struct ring *ring)
{
	if (!ring->joined)
		ring->joined = !pthread_tryjoin_np(ring->vcpu->thread, NULL);
	return ring->joined;
}

TEST_SECONDS(migrate, 40)
{
	struct ring *rings[2];
	u8 *copy = host_memory(PAGES * PAGE, 2 * MB), *mem = host_memory(PAGES * PAGE, 2 * MB);
	unsigned int i, round, page, rounds = test_size(60, 8), copied = 0;
	struct vm *vm = vm_create(0);
	u8 *seen;

	need_ring();
	ASSERT_OK(vm_enable_cap(vm, ring_cap(), ENTRIES * sizeof(struct kvm_dirty_gfn)));
	vm_add_slot(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, PAGES * PAGE, mem);
	for (i = 0; i < 2; i++) {
		rings[i] = calloc(1, sizeof(*rings[i]));
		rings[i]->vm = vm;
		ring_map(rings[i], vcpu_create(vm, guest_keeps_writing, i), ENTRIES);
		pthread_create(&rings[i]->vcpu->thread, NULL, run_writer, rings[i]->vcpu);
	}
	for (round = 0; round <= rounds; round++) {
		bool last = round == rounds;

		if (last) {
			*vm_var(vm, stop) = 1;
			/* A full ring may still hold a writer up. */
			while (!joined(rings[0]) || !joined(rings[1])) {
				harvest(rings[0]);
				harvest(rings[1]);
				reset(rings[0]);
				sleep_ms(1);
			}
		} else {
			sleep_ms(3);
		}
		harvest(rings[0]);
		harvest(rings[1]);
		/* Protect again before copying, so that no later write is missed. */
		reset(rings[0]);
		for (i = 0; i < 2; i++)
			for (seen = rings[i]->seen, page = 0; page < PAGES; page++)
				if (seen[page]) {
					memcpy(copy + page * PAGE, mem + page * PAGE, PAGE);
					seen[page] = 0;
					copied++;
				}
	}
	ASSERT(copied > rounds);
	for (page = 0; page < PAGES; page++)
		ASSERT_MSG(!memcmp(copy + page * PAGE, mem + page * PAGE, PAGE),
			   "page %u was written without a trace", page);
}
