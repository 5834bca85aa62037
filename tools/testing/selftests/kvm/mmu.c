// SPDX-License-Identifier: GPL-2.0-only
/* The host changes its mappings under the guest: the guest must see each change, at once. */
#include <asm/mman.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include "kvm.h"

#define SLOT 1

/* Guest: does what it is told with a word of memory. */
enum { PEEK, POKE };
static u64 what, where, value;

static void guest_obeys(u64 arg)
{
	for (;;) {
		guest_sync(value);
		if (READ(what) == PEEK)
			value = read64(READ(where));
		else
			write64(READ(where), READ(value));
	}
}

struct puppet {
	struct vm *vm;
	struct vcpu *vcpu;
	u8 *mem;
};

/* A guest with @size bytes at SLOT_GPA. */
static struct puppet puppet_create(u8 *mem, u64 size)
{
	struct puppet p = { .vm = vm_create(0), .mem = mem };

	p.vcpu = vcpu_create(p.vm, guest_obeys, 0);
	vm_add_slot(p.vm, SLOT, 0, SLOT_GPA, size, mem);
	vcpu_sync(p.vcpu);
	return p;
}

static void order(struct puppet *p, u64 order, u64 offset, u64 poke)
{
	*vm_var(p->vm, what) = order;
	*vm_var(p->vm, where) = SLOT_GPA + offset;
	*vm_var(p->vm, value) = poke;
}

static u64 peek(struct puppet *p, u64 offset)
{
	order(p, PEEK, offset, 0);
	return vcpu_sync(p->vcpu);
}

static void poke(struct puppet *p, u64 offset, u64 number)
{
	order(p, POKE, offset, number);
	vcpu_sync(p->vcpu);
}

/* The access cannot be made: KVM_RUN gives EFAULT, and the guest has not moved. */
static void cannot(struct puppet *p, u64 order_, u64 offset)
{
	struct kvm_run *run = p->vcpu->run;

	order(p, order_, offset, 1);
	ASSERT_EQ(vcpu_run_once(p->vcpu), -EFAULT);
	ASSERT_EQ(vcpu_run_once(p->vcpu), -EFAULT);
	if (keel_version() && kvm_cap(KVM_CAP_MEMORY_FAULT_INFO)) {
		ASSERT_EQ(run->exit_reason, KVM_EXIT_MEMORY_FAULT);
		ASSERT_EQ(run->memory_fault.gpa, SLOT_GPA + offset);
		ASSERT_EQ(run->memory_fault.size, PAGE);
	}
}

#define WORD(p, offset) (*(volatile u64 *)((p)->mem + (offset)))

TEST(dont_need)
{
	struct puppet p = puppet_create(host_memory(4 * MB, 2 * MB), 4 * MB);
	unsigned int i;
	u64 seed = 3;

	for (i = 0; i < test_size(200, 40); i++) {
		u64 at = random_next(&seed) % (4 * MB) & ~7ull;

		poke(&p, at, i + 1);
		ASSERT_EQ(WORD(&p, at), i + 1);
		ASSERT_OK(madvise(p.mem + (at & ~(PAGE - 1)), PAGE, MADV_DONTNEED));
		ASSERT_EQ(peek(&p, at), 0);
		/* That was perhaps the page of zeros: writing has to leave it. */
		poke(&p, at, ~i);
		ASSERT_EQ(WORD(&p, at), (u64)~i);
		WORD(&p, at) = i;
		ASSERT_EQ(peek(&p, at), i);
	}
}

/* A page that was only read, and then gets written by the host. */
TEST(zero_page)
{
	struct puppet p = puppet_create(host_memory(4 * MB, 2 * MB), 4 * MB);
	unsigned int i;

	madvise(p.mem, 4 * MB, MADV_NOHUGEPAGE);
	for (i = 0; i < 64; i++) {
		ASSERT_EQ(peek(&p, i * PAGE), 0);
		WORD(&p, i * PAGE) = 1000 + i;
		ASSERT_EQ(peek(&p, i * PAGE), 1000 + i);
	}
}

TEST(protect)
{
	struct puppet p = puppet_create(host_memory(8 * PAGE, 2 * MB), 8 * PAGE);
	u64 i;

	for (i = 0; i < 8; i++) {
		poke(&p, i * PAGE, i);
		ASSERT_OK(mprotect(p.mem + i * PAGE, PAGE, PROT_READ));
		ASSERT_EQ(peek(&p, i * PAGE), i);
		cannot(&p, POKE, i * PAGE);
		ASSERT_EQ(WORD(&p, i * PAGE), i);
		ASSERT_OK(mprotect(p.mem + i * PAGE, PAGE, PROT_READ | PROT_WRITE));
		/* The same write, now that it can be made. */
		vcpu_sync(p.vcpu);
		ASSERT_EQ(WORD(&p, i * PAGE), 1);
		ASSERT_OK(mprotect(p.mem + i * PAGE, PAGE, PROT_NONE));
		cannot(&p, PEEK, i * PAGE);
		ASSERT_OK(mprotect(p.mem + i * PAGE, PAGE, PROT_READ));
		vcpu_sync_is(p.vcpu, 1);
		ASSERT_OK(mprotect(p.mem + i * PAGE, PAGE, PROT_READ | PROT_WRITE));
		poke(&p, i * PAGE, i + 100);
		ASSERT_EQ(WORD(&p, i * PAGE), i + 100);
	}
}

TEST(unmap)
{
	struct puppet p = puppet_create(host_memory(4 * PAGE, 2 * MB), 4 * PAGE);

	poke(&p, PAGE, 5);
	ASSERT_OK(munmap(p.mem + PAGE, PAGE));
	cannot(&p, PEEK, PAGE);
	cannot(&p, POKE, PAGE);
	ASSERT(mmap(p.mem + PAGE, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p.mem + PAGE);
	WORD(&p, PAGE) = 6;
	ASSERT_EQ(peek(&p, PAGE), 6);
	ASSERT_EQ(peek(&p, 2 * PAGE), 0);
}

TEST(remap)
{
	struct puppet p = puppet_create(host_memory(4 * PAGE, 2 * MB), 4 * PAGE);
	unsigned int i;

	for (i = 0; i < 50; i++) {
		u64 *page = host_memory(PAGE, PAGE);

		*page = 500 + i;
		ASSERT(mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p.mem + PAGE) ==
		       p.mem + PAGE);
		ASSERT_EQ(peek(&p, PAGE), 500 + i);
		if (i & 1)
			poke(&p, PAGE + 8, i);
		ASSERT_EQ(WORD(&p, PAGE + 8), i & 1 ? i : 0);
	}
}

TEST(punch_hole)
{
	int fd = ASSERT_OK(memfd_create("guest", 0));
	struct puppet p;
	u8 *mem;

	ASSERT_OK(ftruncate(fd, 16 * PAGE));
	mem = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT(mem != MAP_FAILED);
	p = puppet_create(mem, 16 * PAGE);
	poke(&p, 3 * PAGE, 33);
	poke(&p, 4 * PAGE, 44);
	ASSERT_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * PAGE, PAGE));
	ASSERT_EQ(peek(&p, 3 * PAGE), 0);
	ASSERT_EQ(peek(&p, 4 * PAGE), 44);
	/* Through the file, the guest's and the host's writes are the same bytes. */
	mem[3 * PAGE] = 7;
	ASSERT_EQ(peek(&p, 3 * PAGE), 7);
	ASSERT_EQ(pwrite(fd, "\x09", 1, 4 * PAGE), 1);
	ASSERT_EQ(peek(&p, 4 * PAGE), 9);
	/* Behind the file's end there is no page. */
	ASSERT_OK(ftruncate(fd, 4 * PAGE));
	order(&p, PEEK, 4 * PAGE, 0);
	ASSERT_EQ(vcpu_run_once(p.vcpu), -EFAULT);
	ASSERT_OK(ftruncate(fd, 16 * PAGE));
	vcpu_sync_is(p.vcpu, 0);
}

/* A private mapping of a file: the guest's writes stay the process's own. */
TEST(private_file)
{
	int fd = ASSERT_OK(memfd_create("guest", 0));
	u64 word = 111;
	struct puppet p;
	u8 *mem;

	ASSERT_OK(ftruncate(fd, 2 * PAGE));
	ASSERT_EQ(pwrite(fd, &word, 8, 0), 8);
	mem = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	p = puppet_create(mem, 2 * PAGE);
	ASSERT_EQ(peek(&p, 0), 111);
	/* Not yet copied: the guest still looks at the file. */
	word = 222;
	ASSERT_EQ(pwrite(fd, &word, 8, 0), 8);
	ASSERT_EQ(peek(&p, 0), 222);
	poke(&p, 0, 333);
	ASSERT_EQ(pread(fd, &word, 8, 0), 8);
	ASSERT_EQ(word, 222);
	word = 444;
	ASSERT_EQ(pwrite(fd, &word, 8, 0), 8);
	ASSERT_EQ(peek(&p, 0), 333);
}

/* A child gets the memory as it was: the guest's later writes are not its. */
TEST(fork)
{
	enum { N = 64 };
	struct puppet p = puppet_create(host_memory(N * PAGE, 2 * MB), N * PAGE);
	int to_child[2], status;
	unsigned int i, round;
	pid_t pid;
	char c;

	for (round = 0; round < 5; round++) {
		for (i = 0; i < N; i++)
			poke(&p, i * PAGE, i + round);
		ASSERT_OK(pipe(to_child));
		pid = ASSERT_OK(fork());
		if (!pid) {
			ASSERT_EQ(read(to_child[0], &c, 1), 1);
			for (i = 0; i < N; i++)
				ASSERT_MSG(WORD(&p, i * PAGE) == i + round,
					   "page %u of the child has %#lx", i,
					   WORD(&p, i * PAGE));
			_exit(0);
		}
		for (i = 0; i < N; i++) {
			if (i & 1)
				ASSERT_EQ(peek(&p, i * PAGE), i + round);
			poke(&p, i * PAGE, 10000 + i);
			ASSERT_EQ(WORD(&p, i * PAGE), 10000 + i);
		}
		ASSERT_EQ(write(to_child[1], "x", 1), 1);
		ASSERT_OK(waitpid(pid, &status, 0));
		ASSERT_MSG(!status, "the child saw the guest's writes");
		for (i = 0; i < N; i++)
			ASSERT_EQ(peek(&p, i * PAGE), 10000 + i);
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		test_note("%s: %s", path, strerrorname_np(errno));
	close(fd);
}

static long read_number(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return atol(text);
}

/* Pages with the same content are merged, read-only; a guest's write parts them again. */
TEST(same_page_merging)
{
	enum { N = 64 };
	const char *ksm = "/sys/kernel/mm/ksm/run";
	struct puppet p;
	unsigned int i;

	if (access(ksm, W_OK))
		test_skip("no KSM");
	p = puppet_create(host_memory(N * PAGE, 2 * MB), N * PAGE);
	madvise(p.mem, N * PAGE, MADV_NOHUGEPAGE);
	for (i = 0; i < N; i++)
		poke(&p, i * PAGE + 16, 0x5a5a5a);
	write_file("/sys/kernel/mm/ksm/pages_to_scan", "5000");
	write_file("/sys/kernel/mm/ksm/sleep_millisecs", "10");
	write_file(ksm, "1");
	ASSERT_OK(madvise(p.mem, N * PAGE, MADV_MERGEABLE));
	for (i = 0; i < 500 && read_number("/sys/kernel/mm/ksm/pages_sharing") < N / 2; i++)
		sleep_ms(10);
	ASSERT_MSG(i < 500, "the host merges nothing");
	for (i = 0; i < N; i++)
		ASSERT_EQ(peek(&p, i * PAGE + 16), 0x5a5a5a);
	for (i = 0; i < N; i += 2)
		poke(&p, i * PAGE + 16, i);
	for (i = 0; i < N; i++) {
		ASSERT_EQ(peek(&p, i * PAGE + 16), i & 1 ? 0x5a5a5a : i);
		ASSERT_EQ(WORD(&p, i * PAGE + 16), i & 1 ? 0x5a5a5a : i);
	}
	write_file(ksm, "2");
	for (i = 1; i < N; i += 2)
		ASSERT_EQ(peek(&p, i * PAGE + 16), 0x5a5a5a);
	write_file(ksm, "0");
}

/* Real swapping, where the host has a swap device. */
TEST_SECONDS(swap, 40)
{
	enum { N = 1024 };
	struct puppet p;
	unsigned int i, j, out = 0;
	u8 in_core[N];

	if (read_number("/sys/block/zram0/disksize") <= 0)
		test_skip("no swap device");
	p = puppet_create(host_memory(N * PAGE, 2 * MB), N * PAGE);
	madvise(p.mem, N * PAGE, MADV_NOHUGEPAGE);
	for (j = 0; j < test_size(4, 1); j++) {
		for (i = 0; i < N; i++)
			poke(&p, i * PAGE + 24, i * 3 + j);
		ASSERT_OK(madvise(p.mem, N * PAGE, MADV_PAGEOUT));
		ASSERT_OK(mincore(p.mem, N * PAGE, in_core));
		for (i = 0; i < N; i++)
			out += !(in_core[i] & 1);
		for (i = 0; i < N; i++)
			ASSERT_EQ(peek(&p, i * PAGE + 24), i * 3 + j);
	}
	ASSERT_MSG(out > N / 2, "the host swaps nothing out");
}

/* --- the guest runs meanwhile ---------------------------------------------------------------------- */

#define PAGES 64
static u64 stop;
static u64 published[PAGES];

/*
 * Guest: each page holds a number that the host has published after it was there. A stale translation shows
 * an older one.
 */
static void guest_checks(u64 stride)
{
	unsigned int i = stride;

	while (!READ(stop)) {
		u64 least = __atomic_load_n(&published[i], __ATOMIC_ACQUIRE);
		u64 value = read64(SLOT_GPA + i * PAGE);

		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		/* Unless the host is at this page just now. */
		if (value < least && READ(published[i]) == least)
			guest_sync2(i, least);
		i = (i + stride) % PAGES;
	}
}

static void stale(struct vcpu *vcpu)
{
	FAIL("page %lu: the guest sees an old page after %lu", vcpu->call.args[0],
	     vcpu->call.args[1]);
}

static void start_checkers(struct vm *vm, struct vcpu *vcpus[2])
{
	vcpus[0] = vcpu_create(vm, guest_checks, 1);
	vcpus[1] = vcpu_create(vm, guest_checks, 3);
	vcpus[0]->on_sync = vcpus[1]->on_sync = stale;
	vcpu_start(vcpus[0]);
	vcpu_start(vcpus[1]);
}

static void stop_all(struct vm *vm)
{
	unsigned int i;

	*vm_var(vm, stop) = 1;
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_join(vm->vcpus[i]);
}

TEST_SECONDS(stale_remap, 40)
{
	struct vm *vm = vm_create(0);
	u8 *mem = host_memory(PAGES * PAGE, 2 * MB);
	u64 *told, n, seed = 8, end = 0;
	struct vcpu *vcpus[2];

	told = *vm_var(vm, published);
	vm_add_slot(vm, SLOT, 0, SLOT_GPA, PAGES * PAGE, mem);
	start_checkers(vm, vcpus);
	for (n = 1; more(&end, n, test_size(8000, 800)); n++) {
		u64 page = random_next(&seed) % PAGES, *fresh = host_memory(PAGE, PAGE);

		*fresh = n;
		ASSERT(mremap(fresh, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			      mem + page * PAGE) == mem + page * PAGE);
		__atomic_store_n(&told[page], n, __ATOMIC_RELEASE);
		if (n % 500 == 0)
			sleep_ms(1);
	}
	stop_all(vm);
}

/* The same when the page is taken out of a file, and the file gets another one. */
TEST_SECONDS(stale_hole, 40)
{
	int fd = ASSERT_OK(memfd_create("guest", 0));
	struct vm *vm = vm_create(0);
	struct vcpu *vcpus[2];
	u64 *told, n, seed = 9, end = 0;
	u8 *mem;

	ASSERT_OK(ftruncate(fd, PAGES * PAGE));
	mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	told = *vm_var(vm, published);
	vm_add_slot(vm, SLOT, 0, SLOT_GPA, PAGES * PAGE, mem);
	start_checkers(vm, vcpus);
	for (n = 1; more(&end, n, test_size(8000, 800)); n++) {
		u64 page = random_next(&seed) % PAGES;

		__atomic_store_n(&told[page], 0, __ATOMIC_SEQ_CST);
		ASSERT_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * PAGE,
				    PAGE));
		*(volatile u64 *)(mem + page * PAGE) = n;
		__atomic_store_n(&told[page], n, __ATOMIC_RELEASE);
		if (n % 500 == 0)
			sleep_ms(1);
	}
	stop_all(vm);
}

/* Guest: owns a word in every page, counts it up, and checks that it has stayed what it was. */
static u64 owned;		/* bytes */

static void guest_owns(u64 id)
{
	u64 n, at;

	for (n = 0; !READ(stop); n++)
		for (at = SLOT_GPA + id * 8; at < SLOT_GPA + READ(owned); at += PAGE) {
			u64 old = read64(at);

			if (old != n)
				guest_sync2(at, old);
			write64(at, n + 1);
		}
}

static void lost(struct vcpu *vcpu)
{
	FAIL("at %#lx the guest finds %#lx, which it has not written", vcpu->call.args[0],
	     vcpu->call.args[1]);
}

static struct vm *start_owners(u8 *mem, u64 size)
{
	struct vm *vm = vm_create(0);
	unsigned int i;

	vm_add_slot(vm, SLOT, 0, SLOT_GPA, size, mem);
	*vm_var(vm, owned) = size;
	for (i = 0; i < 2; i++)
		vcpu_create(vm, guest_owns, i)->on_sync = lost;
	for (i = 0; i < 2; i++)
		vcpu_start(vm->vcpus[i]);
	return vm;
}

/* The host moves pages to other places in memory. */
TEST_SECONDS(migration, 90)
{
	u64 size = 2 * MB, holes = 8 * MB, i, end = 0;
	u8 *mem = host_memory(size, 2 * MB), *other = host_memory(holes, 2 * MB);
	struct vm *vm;

	if (access("/proc/sys/vm/compact_memory", W_OK))
		test_skip("no compaction");
	madvise(mem, size, MADV_NOHUGEPAGE);
	madvise(other, holes, MADV_NOHUGEPAGE);
	vm = start_owners(mem, size);
	memset(other, 1, holes);
	/* Memory full of holes, so that there is something to compact. */
	for (i = 0; i < holes; i += 2 * PAGE)
		madvise(other + i, PAGE, MADV_DONTNEED);
	for (i = 0; more(&end, 20 + i, test_size(25, 22)); i++) {
		write_file("/proc/sys/vm/compact_memory", "1");
		sleep_ms(10);
	}
	stop_all(vm);
}

/* Small pages become huge ones, and small ones again. */
TEST_SECONDS(collapse, 60)
{
	unsigned int i, collapsed = 0;
	u64 at, size = 8 * MB, end = 0;
	u8 *mem = host_memory(size, 2 * MB);
	struct vm *vm;

	madvise(mem, size, MADV_NOHUGEPAGE);
	for (at = 0; at < size; at += PAGE)
		mem[at + PAGE - 1] = 1;
	vm = start_owners(mem, size);
	sleep_ms(20);
	madvise(mem, size, MADV_HUGEPAGE);
	for (i = 0; more(&end, 20 + i, test_size(26, 22)); i++) {
		for (at = 0; at < size; at += 2 * MB)
			collapsed += !madvise(mem + at, 2 * MB, MADV_COLLAPSE);
		sleep_ms(5);
		/* A different protection for one page splits a huge one. */
		for (at = 0; at < size; at += 2 * MB) {
			mprotect(mem + at + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
			mprotect(mem + at + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE);
		}
		sleep_ms(5);
	}
	stop_all(vm);
	if (!collapsed)
		test_skip("the host does not collapse");
}

/* The host asks which pages are in use, and forgets. */
TEST_SECONDS(aging, 60)
{
	u64 size = 4 * MB, end = 0;
	u8 *mem = host_memory(size, 2 * MB);
	struct vm *vm = start_owners(mem, size);
	unsigned int i;

	for (i = 0; more(&end, 10 + i, test_size(70, 15)); i++) {
		write_file("/proc/self/clear_refs", i & 1 ? "1" : "4");
		ASSERT_OK(madvise(mem + i % 2 * 2 * MB, 2 * MB, MADV_COLD));
		sleep_ms(3);
	}
	stop_all(vm);
}

/* --- faults ---------------------------------------------------------------------------------------- */

#define FAULT_PAGES 2048ul

/* Guest: vCPU @id writes to every page of its share, then adds up all that the others did. */
static u64 ready, together;

static void guest_faults(u64 id)
{
	u64 i, n = READ(together), sum = 0;

	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	while (READ(ready) < n)
		guest_relax();
	for (i = 0; i < FAULT_PAGES; i++) {
		/* the same page at the same time, different words */
		write64(SLOT_GPA + i * PAGE + id * 8, i + id);
	}
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	while (READ(ready) < 2 * n)
		guest_relax();
	for (i = 0; i < FAULT_PAGES; i++)
		for (id = 0; id < n; id++)
			sum += read64(SLOT_GPA + i * PAGE + id * 8);
	GUEST_ASSERT_EQ(sum, n * FAULT_PAGES * (FAULT_PAGES - 1) / 2 +
			     FAULT_PAGES * n * (n - 1) / 2);
}

static void parallel(int advice)
{
	u8 *mem = host_memory(FAULT_PAGES * PAGE, 2 * MB);
	struct vm *vm = vm_create(0);
	unsigned int i, id;

	madvise(mem, FAULT_PAGES * PAGE, advice);
	vm_add_slot(vm, SLOT, 0, SLOT_GPA, FAULT_PAGES * PAGE, mem);
	*vm_var(vm, together) = 4;
	for (i = 0; i < 4; i++)
		vcpu_create(vm, guest_faults, i);
	for (i = 0; i < 4; i++)
		vcpu_start(vm->vcpus[i]);
	for (i = 0; i < 4; i++)
		vcpu_join(vm->vcpus[i]);
	for (i = 0; i < FAULT_PAGES; i++)
		for (id = 0; id < 4; id++)
			ASSERT_EQ(((u64 *)(mem + i * PAGE))[id], i + id);
}

TEST_SECONDS(parallel_faults, 40)
{
	parallel(MADV_NOHUGEPAGE);
}

TEST_SECONDS(parallel_faults_huge, 40)
{
	parallel(MADV_HUGEPAGE);
}

static s64 faults(struct puppet *p)
{
	s64 mmio = vcpu_stat(p->vcpu, "fault_mmio");

	/* Calls of the guest may be MMIO. */
	return vcpu_stat(p->vcpu, "faults") - (mmio > 0 ? mmio : 0);
}

TEST(prefault)
{
	enum { N = 512 };
	struct puppet p = puppet_create(host_memory(N * PAGE, 2 * MB), N * PAGE);
	struct kvm_pre_fault_memory range = { .gpa = SLOT_GPA, .size = N / 2 * PAGE };
	s64 before, after;
	u8 in_core[N];
	unsigned int i;

	NEED_CAP(KVM_CAP_PRE_FAULT_MEMORY);
	madvise(p.mem, N * PAGE, MADV_NOHUGEPAGE);
	ASSERT_OK(ioctl(p.vcpu->fd, KVM_PRE_FAULT_MEMORY, &range));
	ASSERT_EQ(range.size, 0);
	ASSERT_EQ(range.gpa, SLOT_GPA + N / 2 * PAGE);
	ASSERT_OK(mincore(p.mem, N * PAGE, in_core));
	for (i = 0; i < N / 2; i++)
		ASSERT_MSG(in_core[i] & 1, "page %u is not there", i);
	for (; i < N; i++)
		ASSERT_MSG(!(in_core[i] & 1), "page %u is there", i);
	/* No fault is left for the guest to take. */
	before = faults(&p);
	for (i = 0; i < N / 2; i++)
		ASSERT_EQ(peek(&p, i * PAGE), 0);
	after = faults(&p);
	ASSERT_MSG(before >= 0 && after - before < 8, "%ld faults in memory that is there",
		   (long)(after - before));
	/* Rules. */
	range = (struct kvm_pre_fault_memory){ .gpa = SLOT_GPA };
	ASSERT_ERRNO(EINVAL, ioctl(p.vcpu->fd, KVM_PRE_FAULT_MEMORY, &range));
	range.size = PAGE + 1;
	ASSERT_ERRNO(EINVAL, ioctl(p.vcpu->fd, KVM_PRE_FAULT_MEMORY, &range));
	range.size = PAGE;
	range.gpa++;
	ASSERT_ERRNO(EINVAL, ioctl(p.vcpu->fd, KVM_PRE_FAULT_MEMORY, &range));
	range.gpa = SLOT_GPA;
	range.flags = 1;
	ASSERT_ERRNO(EINVAL, ioctl(p.vcpu->fd, KVM_PRE_FAULT_MEMORY, &range));
	range = (struct kvm_pre_fault_memory){ .gpa = MMIO_GPA, .size = PAGE };
	ASSERT_ERRNO(ENOENT, ioctl(p.vcpu->fd, KVM_PRE_FAULT_MEMORY, &range));
	range = (struct kvm_pre_fault_memory){ .gpa = -PAGE, .size = 2 * PAGE };
	ASSERT_ERRNO(EINVAL, ioctl(p.vcpu->fd, KVM_PRE_FAULT_MEMORY, &range));
	ASSERT_ERRNO(EFAULT, ioctl(p.vcpu->fd, KVM_PRE_FAULT_MEMORY, (void *)8));
	/* As far as it goes. */
	range = (struct kvm_pre_fault_memory){ .gpa = SLOT_GPA + (N - 1) * PAGE, .size = 4 * PAGE };
	ASSERT_OK(ioctl(p.vcpu->fd, KVM_PRE_FAULT_MEMORY, &range));
	ASSERT_EQ(range.gpa, SLOT_GPA + N * PAGE);
	ASSERT_EQ(range.size, 3 * PAGE);
}

/* Memory that somebody else delivers while the vCPU waits for it. */
struct filler {
	u8 *mem;
	int fd;
	unsigned int pages;
};

static void *fill(void *data)
{
	struct filler *filler = data;
	unsigned int i;

	for (i = 0; i < filler->pages; i++) {
		u64 word = 7000 + i;

		sleep_ms(1);
		ASSERT_EQ(pwrite(filler->fd, &word, 8, i * PAGE), 8);
		ASSERT_OK(mprotect(filler->mem + i * PAGE, PAGE, PROT_READ | PROT_WRITE));
	}
	return NULL;
}

TEST(late_memory)
{
	enum { N = 100 };
	int fd = ASSERT_OK(memfd_create("guest", 0));
	struct filler filler = { .fd = fd, .pages = N };
	pthread_t thread;
	struct puppet p;
	unsigned int i, waits = 0;
	int r;

	ASSERT_OK(ftruncate(fd, N * PAGE));
	filler.mem = mmap(NULL, N * PAGE, PROT_NONE, MAP_SHARED, fd, 0);
	p = puppet_create(filler.mem, N * PAGE);
	pthread_create(&thread, NULL, fill, &filler);
	for (i = 0; i < N; i++) {
		order(&p, PEEK, i * PAGE, 0);
		for (;;) {
			r = vcpu_run_once(p.vcpu);
			if (!r)
				break;
			ASSERT_EQ(r, -EFAULT);
			waits++;
		}
		ASSERT(vcpu_called(p.vcpu));
		ASSERT_EQ(p.vcpu->call.args[0], 7000 + i);
	}
	pthread_join(thread, NULL);
	ASSERT(waits > 0);
}
