// SPDX-License-Identifier: GPL-2.0-only
/* Virtual machines for tests. */
#include <fcntl.h>
#include <link.h>
#include <linux/keel.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "kvm.h"

extern char _end[];

int kvm_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = ASSERT_OK(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	return fd;
}

int kvm_cap(unsigned long cap)
{
	return ASSERT_OK(ioctl(kvm_fd(), KVM_CHECK_EXTENSION, cap));
}

int keel_version(void)
{
	/* kept: a test may ask when it has closed /dev/kvm */
	static int version = -1;

	if (version < 0)
		version = kvm_cap(KEEL_CAP_VERSION);
	return version;
}

int need_cap(unsigned long cap, const char *name)
{
	int value = kvm_cap(cap);

	if (!value)
		test_skip("no %s", name);
	return value;
}

u64 host_page(void)
{
	return sysconf(_SC_PAGESIZE);
}

u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

bool more(u64 *end, u64 n, u64 count)
{
	u64 now = now_ns();

	if (!*end)
		*end = now + 2000000000;
	return n < count && (n < 20 || now < *end);
}

void sleep_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000l };

	while (nanosleep(&time, &time))
		;
}

u64 random_next(u64 *state)
{
	/* xorshift64* */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

void *host_memory(u64 size, u64 align)
{
	u8 *p = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u8 *start;

	ASSERT(p != MAP_FAILED);
	start = (u8 *)(((u64)p + align - 1) / align * align);
	if (start > p)
		munmap(p, start - p);
	if (p + align > start)
		munmap(start + size, p + align - start);
	return start;
}

/* --- VMs --------------------------------------------------------------------------------------- */

static int copy_segments(struct dl_phdr_info *info, size_t size, void *data)
{
	struct vm *vm = data;
	int i;

	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD)
			memcpy(vm->ram + segment->p_vaddr, (void *)segment->p_vaddr,
			       segment->p_memsz);
	}
	return 1;	/* the program comes first, and is all that is wanted */
}

struct vm *vm_create(unsigned int flags)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	vm->flags = flags;
	vm->irqchip = -1;
	vm->fd = ASSERT_OK(ioctl(kvm_fd(), KVM_CREATE_VM, 0));
	if (flags & VM_BARE)
		return vm;
	arch_vm_early(vm);
	vm->ram_used = ((u64)_end + 2 * MB - 1) & ~(2 * MB - 1);
	vm->ram_size = vm->ram_used + 8 * MB;
	vm->ram = host_memory(vm->ram_size, 2 * MB);
	/* What is copied below would otherwise cost 2M pages, cleared, in each test. */
	madvise(vm->ram, vm->ram_size, MADV_NOHUGEPAGE);
	dl_iterate_phdr(copy_segments, vm);
	vm_add_slot(vm, RAM_SLOT, 0, 0, vm->ram_size, vm->ram);
	arch_vm_init(vm);
	return vm;
}

void vm_free(struct vm *vm)
{
	while (vm->nr_vcpus)
		vcpu_close(vm->vcpus[vm->nr_vcpus - 1]);
	if (vm->irqchip >= 0)
		close(vm->irqchip);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->ram)
		munmap(vm->ram, vm->ram_size);
	free(vm);
}

int vm_cap(struct vm *vm, unsigned long cap)
{
	return ASSERT_OK(ioctl(vm->fd, KVM_CHECK_EXTENSION, cap));
}

int vm_enable_cap(struct vm *vm, unsigned int cap, u64 arg)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &enable);
}

u64 vm_alloc(struct vm *vm, u64 size, u64 align)
{
	u64 start = (vm->ram_used + align - 1) / align * align;

	ASSERT(start + size <= vm->ram_size);
	vm->ram_used = start + size;
	return start;
}

void *vm_hva(struct vm *vm, u64 gpa)
{
	ASSERT(gpa < vm->ram_size);
	return vm->ram + gpa;
}

int vm_set_slot(struct vm *vm, unsigned int slot, unsigned int flags, u64 gpa, u64 size, void *hva)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (u64)hva,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

void vm_add_slot(struct vm *vm, unsigned int slot, unsigned int flags, u64 gpa, u64 size, void *hva)
{
	ASSERT_OK(vm_set_slot(vm, slot, flags, gpa, size, hva));
}

/* --- vCPUs ------------------------------------------------------------------------------------- */

struct vcpu *vcpu_create_bare(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));

	ASSERT(vm->nr_vcpus < MAX_VCPUS);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = ASSERT_OK(ioctl(vm->fd, KVM_CREATE_VCPU, id));
	vcpu->run_size = ASSERT_OK(ioctl(kvm_fd(), KVM_GET_VCPU_MMAP_SIZE, 0));
	vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	ASSERT(vcpu->run != MAP_FAILED);
	vm->vcpus[vm->nr_vcpus++] = vcpu;
	return vcpu;
}

struct vcpu *vcpu_create(struct vm *vm, guest_fn fn, u64 arg)
{
	struct vcpu *vcpu = vcpu_create_bare(vm, vm->nr_vcpus);

	arch_vcpu_init(vcpu, fn, arg);
	return vcpu;
}

void vcpu_close(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	unsigned int i;

	munmap(vcpu->run, vcpu->run_size);
	close(vcpu->fd);
	for (i = 0; vm->vcpus[i] != vcpu; i++)
		;
	vm->vcpus[i] = vm->vcpus[--vm->nr_vcpus];
	free(vcpu);
}

static void vm_ready(struct vm *vm)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	if (!vm->ready)
		arch_vm_ready(vm);
	__atomic_store_n(&vm->ready, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&lock);
}

int vcpu_run_once(struct vcpu *vcpu)
{
	if (!__atomic_load_n(&vcpu->vm->ready, __ATOMIC_ACQUIRE))
		vm_ready(vcpu->vm);
	return ioctl(vcpu->fd, KVM_RUN, 0) ? -errno : 0;
}

bool vcpu_called(struct vcpu *vcpu)
{
	u64 address = arch_call_address(vcpu);

	if (!address)
		return false;
	memcpy(&vcpu->call, vm_hva(vcpu->vm, address), sizeof(vcpu->call));
	return true;
}

static void check_failed(struct vcpu *vcpu)
{
	u64 *args = vcpu->call.args;

	if (vcpu->call.what == GUEST_FAILED)
		FAIL("guest, line %lu: %s (%#lx, %#lx)", args[1],
		     (char *)vm_hva(vcpu->vm, args[0]), args[2], args[3]);
	if (vcpu->call.what == GUEST_TRAPPED)
		FAIL("guest exception %lu, error code %#lx, at %#lx, address %#lx", args[0],
		     args[1], args[2], args[3]);
}

void vcpu_run(struct vcpu *vcpu)
{
	int r;

	do {
		r = vcpu_run_once(vcpu);
		/* EAGAIN: the vCPU was started by another one. */
	} while (r == -EINTR || r == -EAGAIN);
	if (r)
		FAIL("KVM_RUN: %s (exit reason %u)", strerrorname_np(-r), vcpu->run->exit_reason);
	vcpu->call.what = 0;
	if (vcpu_called(vcpu))
		check_failed(vcpu);
}

void vcpu_unexpected(struct vcpu *vcpu, const char *wanted)
{
	struct kvm_run *run = vcpu->run;

	if (vcpu->call.what)
		FAIL("call %lu(%#lx) where %s was expected", vcpu->call.what, vcpu->call.args[0],
		     wanted);
	if (run->exit_reason == KVM_EXIT_MMIO)
		FAIL("%s of %u bytes at %#lx (MMIO) where %s was expected",
		     run->mmio.is_write ? "write" : "read", run->mmio.len,
		     (u64)run->mmio.phys_addr, wanted);
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		FAIL("internal error %u (%#lx, %#lx) where %s was expected", run->internal.suberror,
		     (u64)run->internal.data[0], (u64)run->internal.data[1], wanted);
	FAIL("exit reason %u where %s was expected", run->exit_reason, wanted);
}

u64 vcpu_sync(struct vcpu *vcpu)
{
	vcpu_run(vcpu);
	if (vcpu->call.what != GUEST_SYNC)
		vcpu_unexpected(vcpu, "guest_sync()");
	return vcpu->call.args[0];
}

void vcpu_sync_is(struct vcpu *vcpu, u64 value)
{
	u64 got = vcpu_sync(vcpu);

	if (got != value)
		FAIL("guest_sync(%#lx) where %#lx was expected", got, value);
}

void vcpu_done(struct vcpu *vcpu)
{
	vcpu_run(vcpu);
	if (vcpu->call.what != GUEST_DONE)
		vcpu_unexpected(vcpu, "the guest's end");
}

void vcpu_exit_is(struct vcpu *vcpu, unsigned int reason)
{
	char wanted[40];

	vcpu_run(vcpu);
	snprintf(wanted, sizeof(wanted), "exit reason %u", reason);
	if (vcpu->call.what || vcpu->run->exit_reason != reason)
		vcpu_unexpected(vcpu, wanted);
}

static void *vcpu_thread(void *data)
{
	struct vcpu *vcpu = data;

	for (;;) {
		vcpu_run(vcpu);
		if (vcpu->call.what == GUEST_DONE)
			return NULL;
		if (vcpu->call.what == GUEST_SYNC) {
			if (vcpu->on_sync)
				vcpu->on_sync(vcpu);
			continue;
		}
		if (!vcpu->on_exit || !vcpu->on_exit(vcpu))
			vcpu_unexpected(vcpu, "a call");
	}
}

void vcpu_start(struct vcpu *vcpu)
{
	ASSERT_EQ(pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu), 0);
}

void vcpu_join(struct vcpu *vcpu)
{
	ASSERT_EQ(pthread_join(vcpu->thread, NULL), 0);
}

/* --- statistics ---------------------------------------------------------------------------------- */

s64 stat_value(int fd, const char *name)
{
	struct kvm_stats_header head;
	struct kvm_stats_desc *desc;
	s64 value = -1;
	size_t size;
	u32 i;

	if (!keel_version())
		name = arch_stock_stat(name);
	if (!name)
		return -1;
	ASSERT_EQ(pread(fd, &head, sizeof(head), 0), sizeof(head));
	size = sizeof(*desc) + head.name_size;
	desc = malloc(size);
	for (i = 0; i < head.num_desc; i++) {
		ASSERT_EQ(pread(fd, desc, size, head.desc_offset + i * size), size);
		if (strcmp(desc->name, name))
			continue;
		ASSERT_EQ(pread(fd, &value, sizeof(value), head.data_offset + desc->offset),
			  sizeof(value));
		break;
	}
	free(desc);
	return value;
}

static s64 stat_of(int owner, const char *name)
{
	int fd = ASSERT_OK(ioctl(owner, KVM_GET_STATS_FD, NULL));
	s64 value = stat_value(fd, name);

	close(fd);
	return value;
}

s64 vm_stat(struct vm *vm, const char *name)
{
	return stat_of(vm->fd, name);
}

s64 vcpu_stat(struct vcpu *vcpu, const char *name)
{
	return stat_of(vcpu->fd, name);
}
