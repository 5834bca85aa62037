// SPDX-License-Identifier: GPL-2.0-only
/* The dirty bitmap: it says exactly what the guest has written, whoever clears it and when. */
#include <stdlib.h>
#include "kvm.h"

#define PAGES 1024u
#define SLOT 1
#define WORDS (PAGES / 64)

/* Guest: in each round writes to the pages whose bits are set, and reads all the others. */
static u64 pattern[WORDS];

static void guest_writes_pattern(u64 gpa)
{
	unsigned int i;
	u64 sum = 0;

	for (;;) {
		guest_sync(sum);
		for (i = 0; i < PAGES; i++) {
			u64 at = gpa + i * PAGE + (i * 8) % PAGE;

			if (READ(pattern[i / 64]) & BIT(i % 64))
				write64(at, read64(at) + 1);
			else
				sum += read8(at);
		}
	}
}

struct log {
	struct vm *vm;
	struct vcpu *vcpu;
	u8 *mem;
	u64 bitmap[WORDS], *wanted;	/* the guest's pattern */
	u64 seed;
};

/* @huge: with memory that the host has in huge pages, of which logging must split the guest's view. */
static struct log *log_create(bool huge, u64 protect)
{
	struct log *log = calloc(1, sizeof(*log));

	log->vm = vm_create(0);
	if (protect)
		ASSERT_OK(vm_enable_cap(log->vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, protect));
	log->vcpu = vcpu_create(log->vm, guest_writes_pattern, SLOT_GPA);
	log->mem = host_memory(PAGES * PAGE, 2 * MB);
	madvise(log->mem, PAGES * PAGE, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	log->wanted = *vm_var(log->vm, pattern);
	log->seed = 42;
	return log;
}

static void log_slot(struct log *log, unsigned int flags)
{
	vm_add_slot(log->vm, SLOT, flags, SLOT_GPA, PAGES * PAGE, log->mem);
}

static void guest_round(struct log *log, unsigned int rarely)
{
	unsigned int i, j;

	for (i = 0; i < WORDS; i++) {
		log->wanted[i] = ~0ull;
		for (j = 0; j < rarely; j++)
			log->wanted[i] &= random_next(&log->seed);
	}
	vcpu_sync(log->vcpu);
}

static void get_log(struct log *log)
{
	struct kvm_dirty_log args = { .slot = SLOT, .dirty_bitmap = log->bitmap };

	/* What the kernel does not write must not look right by chance. */
	memset(log->bitmap, 0xa5, sizeof(log->bitmap));
	ASSERT_OK(ioctl(log->vm->fd, KVM_GET_DIRTY_LOG, &args));
}

static int try_clear(struct log *log, u64 first, u32 pages, void *bitmap)
{
	struct kvm_clear_dirty_log args = {
		.slot = SLOT, .first_page = first, .num_pages = pages, .dirty_bitmap = bitmap,
	};

	return ioctl(log->vm->fd, KVM_CLEAR_DIRTY_LOG, &args);
}

static void log_is(struct log *log, const u64 *bits)
{
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		ASSERT_MSG(log->bitmap[i] == bits[i], "pages %u to %u: log %#lx, written %#lx",
			   i * 64, i * 64 + 63, log->bitmap[i], bits[i]);
}

static void get_and_compare(bool huge)
{
	struct log *log = log_create(huge, 0);
	u64 none[WORDS] = { 0 }, round;

	log_slot(log, 0);
	vcpu_sync(log->vcpu);
	guest_round(log, 1);
	/* From now on. */
	log_slot(log, KVM_MEM_LOG_DIRTY_PAGES);
	get_log(log);
	log_is(log, none);
	for (round = 0; round < test_size(12, 4); round++) {
		guest_round(log, round % 5);
		get_log(log);
		log_is(log, log->wanted);
		/* What was told is forgotten. */
		get_log(log);
		log_is(log, none);
	}
	/* Off and on again: a clean start. */
	guest_round(log, 1);
	log_slot(log, 0);
	guest_round(log, 1);
	log_slot(log, KVM_MEM_LOG_DIRTY_PAGES);
	get_log(log);
	log_is(log, none);
	guest_round(log, 2);
	get_log(log);
	log_is(log, log->wanted);
}

TEST(get)
{
	get_and_compare(false);
}

TEST(get_huge)
{
	get_and_compare(true);
}

TEST(rules)
{
	struct log *log = log_create(false, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	struct kvm_dirty_log args = { .slot = SLOT, .dirty_bitmap = log->bitmap };
	int fd = log->vm->fd;

	ASSERT_ERRNO(ENOENT, ioctl(fd, KVM_GET_DIRTY_LOG, &args));
	log_slot(log, 0);
	ASSERT_ERRNO(ENOENT, ioctl(fd, KVM_GET_DIRTY_LOG, &args));
	ASSERT_ERRNO(ENOENT, try_clear(log, 0, 64, log->bitmap));
	log_slot(log, KVM_MEM_LOG_DIRTY_PAGES);
	args.slot = 0x8000;
	ASSERT_ERRNO(EINVAL, ioctl(fd, KVM_GET_DIRTY_LOG, &args));
	args.slot = SLOT | 7 << 16;
	ASSERT_ERRNO(EINVAL, ioctl(fd, KVM_GET_DIRTY_LOG, &args));
	args.slot = SLOT;
	args.dirty_bitmap = (void *)8;
	ASSERT_ERRNO(EFAULT, ioctl(fd, KVM_GET_DIRTY_LOG, &args));
	ASSERT_ERRNO(EFAULT, try_clear(log, 0, PAGES, (void *)8));
	/* Whole words of the bitmap, inside the slot. */
	ASSERT_ERRNO(EINVAL, try_clear(log, 1, 64, log->bitmap));
	ASSERT_ERRNO(EINVAL, try_clear(log, 0, 63, log->bitmap));
	ASSERT_ERRNO(EINVAL, try_clear(log, 64, PAGES, log->bitmap));
	ASSERT_ERRNO(EINVAL, try_clear(log, PAGES + 64, 64, log->bitmap));
	ASSERT_ERRNO(EINVAL, try_clear(log, ~63ull, 64, log->bitmap));
	memset(log->bitmap, 0, sizeof(log->bitmap));
	ASSERT_OK(try_clear(log, 0, PAGES, log->bitmap));
	ASSERT_OK(try_clear(log, PAGES - 64, 64, log->bitmap));
}

/* With manual protection a page stays dirty until it is cleared, and then counts anew. */
static void clear_and_compare(bool huge)
{
	struct log *log = log_create(huge, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	u64 dirty[WORDS], clear[WORDS], i, round;

	log_slot(log, KVM_MEM_LOG_DIRTY_PAGES);
	vcpu_sync(log->vcpu);
	memset(dirty, 0, sizeof(dirty));
	for (round = 0; round < test_size(12, 4); round++) {
		u64 first = round % 3 * 4, last = WORDS - round % 2 * 3;

		guest_round(log, 1 + round % 3);
		for (i = 0; i < WORDS; i++)
			dirty[i] |= log->wanted[i];
		get_log(log);
		log_is(log, dirty);
		get_log(log);
		log_is(log, dirty);
		/* Some of them, and some that are not dirty at all. */
		for (i = first; i < last; i++) {
			clear[i - first] = random_next(&log->seed);
			dirty[i] &= ~clear[i - first];
		}
		ASSERT_OK(try_clear(log, first * 64, (last - first) * 64, clear));
		get_log(log);
		log_is(log, dirty);
	}
}

TEST(clear)
{
	clear_and_compare(false);
}

TEST(clear_huge)
{
	clear_and_compare(true);
}

TEST(initially_set)
{
	struct log *log = log_create(true, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
					   KVM_DIRTY_LOG_INITIALLY_SET);
	u64 all[WORDS], dirty[WORDS], i;

	memset(all, 0xff, sizeof(all));
	log_slot(log, 0);
	vcpu_sync(log->vcpu);
	guest_round(log, 1);
	log_slot(log, KVM_MEM_LOG_DIRTY_PAGES);
	get_log(log);
	log_is(log, all);
	/* Only what is cleared is watched from now on. */
	memset(dirty, 0xff, sizeof(dirty));
	for (i = 2; i < 7; i++)
		dirty[i] = 0;
	ASSERT_OK(try_clear(log, 2 * 64, 5 * 64, all));
	get_log(log);
	log_is(log, dirty);
	guest_round(log, 2);
	for (i = 2; i < 7; i++)
		dirty[i] = log->wanted[i];
	get_log(log);
	log_is(log, dirty);
}

/* The host writing through its own mapping is not the guest writing. */
TEST(host_writes)
{
	struct log *log = log_create(false, 0);
	u64 none[WORDS] = { 0 };

	log_slot(log, KVM_MEM_LOG_DIRTY_PAGES);
	vcpu_sync(log->vcpu);
	memset(log->mem, 0, PAGES * PAGE);
	get_log(log);
	log_is(log, none);
}

/* A slot of 65 pages: the last word of the bitmap is not full. */
TEST(odd_size)
{
	struct vm *vm = vm_create(0);
	u8 *mem = host_memory(65 * PAGE, 2 * MB);
	u64 bitmap[3] = { 0xa5, 0xa5, 0xa5 };
	struct kvm_dirty_log args = { .slot = SLOT, .dirty_bitmap = bitmap };
	struct kvm_clear_dirty_log clear = { .slot = SLOT, .num_pages = 65, .dirty_bitmap = bitmap };

	ASSERT_OK(vm_enable_cap(vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
				KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET));
	vm_add_slot(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, 65 * PAGE, mem);
	ASSERT_OK(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &args));
	ASSERT_EQ(bitmap[0], ~0ull);
	ASSERT_EQ(bitmap[1] & 1, 1);
	ASSERT_EQ(bitmap[2], 0xa5);
	ASSERT_OK(ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear));
	ASSERT_OK(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &args));
	ASSERT_EQ(bitmap[0], 0);
	ASSERT_EQ(bitmap[1] & 1, 0);
}

/* --- under a running guest ------------------------------------------------------------------------ */

#define WRITERS 2
static u64 stop;

/* Guest: counts up words all over memory, each writer in its own cache lines. */
static void guest_keeps_writing(u64 id)
{
	u64 i = id, n = 0;

	while (!READ(stop)) {
		u64 at = SLOT_GPA + (i % PAGES) * PAGE + id * 64 + (n % 7) * 128;

		write64(at, read64(at) + 1);
		i = i * 5 + 3;
		n++;
	}
}

/* As migration does it: what the log names is copied, until it ends; then the copies must agree. */
static void migrate(bool huge, bool manual)
{
	struct log *log = log_create(huge, manual ? KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE : 0);
	u8 *copy = host_memory(PAGES * PAGE, 2 * MB);
	unsigned int i, page, rounds = test_size(40, 6), copied = 0;
	struct vm *vm = log->vm;
	struct vcpu *vcpus[WRITERS];
	bool last = false;

	log_slot(log, 0);
	for (i = 0; i < WRITERS; i++) {
		vcpus[i] = vcpu_create(vm, guest_keeps_writing, i);
		vcpu_start(vcpus[i]);
	}
	sleep_ms(20);
	log_slot(log, KVM_MEM_LOG_DIRTY_PAGES);
	memcpy(copy, log->mem, PAGES * PAGE);
	for (i = 0; !last; i++) {
		if (i == rounds) {
			*vm_var(vm, stop) = 1;
			vcpu_join(vcpus[0]);
			vcpu_join(vcpus[1]);
			last = true;
		} else {
			sleep_ms(5);
		}
		get_log(log);
		/* Clear before copying: what is written in between is dirty again. */
		if (manual) {
			ASSERT_OK(try_clear(log, 0, PAGES / 2, log->bitmap));
			ASSERT_OK(try_clear(log, PAGES / 2, PAGES / 2, log->bitmap + WORDS / 2));
		}
		for (page = 0; page < PAGES; page++)
			if (log->bitmap[page / 64] & BIT(page % 64)) {
				memcpy(copy + page * PAGE, log->mem + page * PAGE, PAGE);
				copied++;
			}
	}
	ASSERT(copied > rounds);
	for (page = 0; page < PAGES; page++)
		ASSERT_MSG(!memcmp(copy + page * PAGE, log->mem + page * PAGE, PAGE),
			   "page %u was written without a trace", page);
}

TEST_SECONDS(migrate, 40)
{
	migrate(false, false);
}

TEST_SECONDS(migrate_huge, 40)
{
	migrate(true, false);
}

TEST_SECONDS(migrate_manual, 40)
{
	migrate(false, true);
}

TEST_SECONDS(migrate_manual_huge, 40)
{
	migrate(true, true);
}

/* Logging goes on and off under the writers, as when migrations are given up: no write is lost. */
TEST_SECONDS(on_off, 40)
{
	struct log *log = log_create(true, 0);
	struct vcpu *vcpus[WRITERS];
	unsigned int i, j;
	u64 sum, before = 0, end = 0;

	log_slot(log, 0);
	for (i = 0; i < WRITERS; i++) {
		vcpus[i] = vcpu_create(log->vm, guest_keeps_writing, i);
		vcpu_start(vcpus[i]);
	}
	for (i = 0; more(&end, i, test_size(40, 6)); i++) {
		log_slot(log, i & 1 ? 0 : KVM_MEM_LOG_DIRTY_PAGES);
		sleep_ms(4);
		for (j = sum = 0; j < PAGES * PAGE / 8; j++)
			sum += READ(((u64 *)log->mem)[j]);
		ASSERT_MSG(sum >= before, "counters went back");
		before = sum;
	}
	*vm_var(log->vm, stop) = 1;
	for (i = 0; i < WRITERS; i++)
		vcpu_join(vcpus[i]);
}
