// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random and structured ioctls on random files from several threads at once.
 *
 * What the calls answer does not matter. The verdict is that the process comes to its end, and that the host's
 * kernel has nothing to say: the lab fails the run if it does.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fuzz.h"
#include "kvm.h"

#define THREADS		4
#define FILES		32
#define EVENTS		6
#define ARENA		(4 * MB)
#define BUFFER		8192

/* One file that the calls go to; a slot is taken over whole, so that nobody closes a file twice. */
struct slot {
	_Atomic int fd;		/* -1: free */
	_Atomic int kind;
};

static struct slot slots[FILES];
static int events[EVENTS];
static u8 *arena;
static unsigned long steps, seconds;
static u64 end;
static _Atomic bool over;
static _Atomic unsigned int finished;
static _Atomic unsigned long calls, successes, runs;

struct random {
	u64 state;
};

static u64 next(struct random *r)
{
	return random_next(&r->state);
}

static unsigned int below(struct random *r, unsigned int n)
{
	return (next(r) >> 33) % n;
}

/* A value that code has an opinion about. */
static u64 odd_value(struct random *r)
{
	static const u64 values[] = {
		0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 255, 256, 4095, 4096, 4097, 65535, 65536,
		0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0xfee00000, 0xfec00000, 0xfffff000,
		0x7fffffffffffffff, 0x8000000000000000, ~0ull, ~0xfffull,
	};

	switch (below(r, 4)) {
	case 0:
		return next(r);
	case 1:
		return 1ull << below(r, 64);
	default:
		return values[below(r, ARRAY_SIZE(values))];
	}
}

static void add(int fd, enum fuzz_kind kind, struct random *r)
{
	struct slot *slot = &slots[1 + below(r, FILES - 1)];
	int old = atomic_exchange(&slot->fd, -1);

	if (old >= 0)
		close(old);
	slot->kind = kind;
	old = atomic_exchange(&slot->fd, fd);
	if (old >= 0)
		close(old);
}

/* What a call takes, and where it belongs. Pairs come as GET then SET: a state that is changed a little. */
static const struct fuzz_ioctl common[] = {
#define S(name) { name, FUZZ_SYSTEM }
#define V(name) { name, FUZZ_VM }
#define C(name) { name, FUZZ_VCPU }
	S(KVM_GET_API_VERSION), S(KVM_CHECK_EXTENSION), S(KVM_GET_VCPU_MMAP_SIZE), S(KVM_CREATE_VM),
	V(KVM_CHECK_EXTENSION), V(KVM_CREATE_VCPU), V(KVM_ENABLE_CAP), V(KVM_SET_USER_MEMORY_REGION),
	V(KVM_GET_DIRTY_LOG), V(KVM_CLEAR_DIRTY_LOG), V(KVM_RESET_DIRTY_RINGS), V(KVM_IRQFD),
	V(KVM_IOEVENTFD), V(KVM_SIGNAL_MSI), V(KVM_IRQ_LINE), V(KVM_IRQ_LINE_STATUS),
	V(KVM_SET_GSI_ROUTING), V(KVM_CREATE_DEVICE), V(KVM_GET_STATS_FD),
	V(KVM_REGISTER_COALESCED_MMIO), V(KVM_UNREGISTER_COALESCED_MMIO),
	C(KVM_RUN), C(KVM_RUN), C(KVM_SET_SIGNAL_MASK), C(KVM_GET_REGS), C(KVM_SET_REGS), C(KVM_GET_SREGS),
	C(KVM_SET_SREGS), C(KVM_GET_FPU), C(KVM_SET_FPU), C(KVM_TRANSLATE), C(KVM_ENABLE_CAP),
	C(KVM_GET_MP_STATE), C(KVM_SET_MP_STATE), C(KVM_GET_STATS_FD), C(KVM_SET_GUEST_DEBUG),
	C(KVM_GET_ONE_REG), C(KVM_SET_ONE_REG), C(KVM_GET_REG_LIST),
};

static const struct fuzz_ioctl *any_request(struct random *r)
{
	static unsigned int own;
	unsigned int pick;

	while (arch_fuzz_ioctls[own].request)
		own++;
	pick = below(r, ARRAY_SIZE(common) + own);
	return pick < ARRAY_SIZE(common) ? &common[pick] : &arch_fuzz_ioctls[pick - ARRAY_SIZE(common)];
}

/* Change some of it: random words, odd values, single bits. */
static void mutate(struct random *r, u8 *buffer, unsigned int size)
{
	unsigned int n = below(r, 4);

	while (n-- && size >= 8) {
		unsigned int at = below(r, size / 4) * 4;
		u64 value = odd_value(r);

		if (below(r, 2))
			memcpy(buffer + at, &value, at + 8 <= size ? 8 : 4);
		else
			buffer[below(r, size)] ^= 1 << below(r, 8);
	}
}

/* Guest memory is the arena, or nowhere: a guest that runs wild must not reach our own. */
static u64 host_address(struct random *r)
{
	return below(r, 4) ? (u64)arena + below(r, ARENA / 4096) * 4096 : odd_value(r) | 1ull << 63;
}

static void structured(struct random *r, unsigned int request, u8 *b)
{
	if (arch_fuzz_argument(request, b, &r->state))
		return;
	switch (request) {
	case KVM_SET_USER_MEMORY_REGION: {
		struct kvm_userspace_memory_region *m = (void *)b;
		u64 room;

		m->slot = below(r, 6) | (below(r, 8) ? 0 : 1 << 16);
		m->flags = below(r, 4);
		m->guest_phys_addr = below(r, 3) ? below(r, 1024) * 4096ull : odd_value(r);
		m->userspace_addr = host_address(r);
		room = (u64)arena + ARENA - m->userspace_addr;
		m->memory_size = below(r, 5) ? below(r, 256) * 4096ull : odd_value(r);
		if (m->userspace_addr >= (u64)arena && m->userspace_addr < (u64)arena + ARENA &&
		    m->memory_size > room)
			m->memory_size = room;
		break;
	}
	case KVM_IRQFD: {
		struct kvm_irqfd *f = (void *)b;

		f->fd = events[below(r, EVENTS)];
		f->gsi = below(r, 30);
		f->flags = below(r, 4);
		f->resamplefd = events[below(r, EVENTS)];
		break;
	}
	case KVM_IOEVENTFD: {
		struct kvm_ioeventfd *f = (void *)b;

		f->addr = below(r, 2) ? below(r, 16) * 8 : odd_value(r);
		f->len = 1 << below(r, 4);
		f->fd = events[below(r, EVENTS)];
		f->flags = below(r, 8);
		break;
	}
	case KVM_ENABLE_CAP: {
		struct kvm_enable_cap *c = (void *)b;

		c->cap = below(r, 240);
		c->flags = below(r, 8) ? 0 : odd_value(r);
		c->args[0] = odd_value(r);
		break;
	}
	case KVM_SET_GSI_ROUTING: {
		struct kvm_irq_routing *table = (void *)b;
		unsigned int i;

		table->nr = below(r, 40);
		table->flags = 0;
		for (i = 0; i < table->nr; i++) {
			table->entries[i].gsi = below(r, 30);
			table->entries[i].type = 1 + below(r, 4);
			table->entries[i].u.irqchip.irqchip = below(r, 4);
			table->entries[i].u.irqchip.pin = below(r, 26);
		}
		break;
	}
	case KVM_GET_DIRTY_LOG:
	case KVM_CLEAR_DIRTY_LOG: {
		struct kvm_clear_dirty_log *log = (void *)b;

		log->slot = below(r, 6);
		log->num_pages = below(r, 5) * 64;
		log->first_page = below(r, 3) * 64;
		log->dirty_bitmap = below(r, 4) ? b + BUFFER / 2 : (void *)odd_value(r);
		if (request == KVM_GET_DIRTY_LOG)
			((struct kvm_dirty_log *)log)->dirty_bitmap = b + BUFFER / 2;
		break;
	}
	case KVM_CREATE_DEVICE: {
		struct kvm_create_device *d = (void *)b;

		d->type = below(r, 12);
		d->flags = below(r, 2);
		break;
	}
	case KVM_SET_SIGNAL_MASK:
		((struct kvm_signal_mask *)b)->len = below(r, 2) ? 8 : odd_value(r);
		memset(b + 4, 0, 8);
		break;
	}
}

static void run(int fd, struct random *r)
{
	struct kvm_run *run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (run == MAP_FAILED)
		return;
	run->immediate_exit = !below(r, 3);
	run->request_interrupt_window = below(r, 2);
	if (!below(r, 4)) {
		run->kvm_valid_regs = below(r, 16);
		run->kvm_dirty_regs = below(r, 16);
	}
	if (!ioctl(fd, KVM_RUN, 0))
		runs++;
	munmap(run, 4096);
}

static void add_vcpu(int vm, int fd, struct random *r)
{
	arch_fuzz_vcpu(vm, fd);
	add(fd, FUZZ_VCPU, r);
}

static void step(struct random *r, u8 *buffer)
{
	struct slot *slot = &slots[below(r, FILES)];
	const struct fuzz_ioctl *which = any_request(r);
	unsigned int request, size;
	enum fuzz_kind kind = slot->kind;
	int fd = slot->fd, result, i;
	unsigned long arg;

	if (fd < 0) {
		result = ioctl(slots[0].fd, KVM_CREATE_VM, 0);
		if (result >= 0)
			add(result, FUZZ_VM, r);
		return;
	}
	/* A call that belongs to the file, most of the time. */
	for (i = 0; i < 20 && kind != which->kind && below(r, 16); i++)
		which = any_request(r);
	request = which->request;
	if (!below(r, 32))
		request = _IO(KVMIO, below(r, 256));
	if (slot != &slots[0] && !below(r, 64)) {
		fd = atomic_exchange(&slot->fd, -1);
		if (fd >= 0)
			close(fd);
		return;
	}
	if (request == KVM_RUN) {
		run(fd, r);
		return;
	}
	size = _IOC_SIZE(request);
	arg = (unsigned long)buffer;
	switch (below(r, 8)) {
	case 0:		/* whatever was there, changed */
		break;
	case 1:
		arg = odd_value(r) | 1ull << 63;	/* not an address of ours */
		break;
	default:
		memset(buffer, 0, 64);
		structured(r, request, buffer);
	}
	if (!size || request == KVM_CREATE_VCPU)
		arg = request == KVM_CREATE_VM ? 0 : below(r, 4) ? below(r, 8) : odd_value(r);
	else if (arg == (unsigned long)buffer && below(r, 2) && request != KVM_SET_USER_MEMORY_REGION)
		mutate(r, buffer, size < 64 ? 64 : size);
	calls++;
	result = ioctl(fd, request, arg);
	if (result < 0)
		return;
	successes++;
	if (request == KVM_CREATE_VM)
		add(result, FUZZ_VM, r);
	else if (request == KVM_CREATE_VCPU)
		add_vcpu(fd, result, r);
	else if (request == KVM_GET_STATS_FD)
		add(result, FUZZ_OTHER, r);
	else if (request == KVM_CREATE_DEVICE && !(((struct kvm_create_device *)buffer)->flags & 1))
		add(((struct kvm_create_device *)buffer)->fd, FUZZ_OTHER, r);
}

static void *fuzz(void *argument)
{
	struct random r = { .state = (u64)argument * 0x9e3779b97f4a7c15ull + 1 };
	u8 *buffer = calloc(2, BUFFER);
	unsigned long i;

	ASSERT(buffer);
	for (i = 0; seconds ? now_ns() < end : i < steps / THREADS; i++)
		step(&r, buffer);
	free(buffer);
	finished++;
	return NULL;
}

static void on_signal(int number)
{
	/* it ends KVM_RUN */
}

/* Guests of random state may run for ever: every thread is signalled all the time. */
static void *kick(void *argument)
{
	pthread_t *threads = argument;
	unsigned int i;

	while (!over) {
		usleep(3000);
		for (i = 0; i < THREADS && !over; i++)
			pthread_kill(threads[i], SIGUSR1);
	}
	return NULL;
}

TEST_SECONDS(random, 240)
{
	u64 seed = test_number("KVMTEST_SEED", 1);
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t threads[THREADS], kicker;
	unsigned int i;
	int fd;

	steps = test_number("KVMTEST_STEPS", 20000);
	seconds = test_number("KVMTEST_SECONDS", 0);	/* in place of the steps */
	end = now_ns() + seconds * 1000000000ull;
	ASSERT_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT(arena != MAP_FAILED);
	arch_fuzz_code(arena, ARENA);
	for (i = 0; i < EVENTS; i++)
		events[i] = eventfd(0, EFD_NONBLOCK);
	for (i = 0; i < FILES; i++)
		slots[i].fd = -1;
	fd = open("/dev/kvm", O_RDWR);
	ASSERT(fd >= 0);
	slots[0].kind = FUZZ_SYSTEM;
	slots[0].fd = fd;
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, fuzz, (void *)(seed * THREADS + i + 1)), 0);
	ASSERT_EQ(pthread_create(&kicker, NULL, kick, threads), 0);
	/* A thread that was joined must not be signalled any more: they are joined after the kicker. */
	while (finished < THREADS)
		usleep(10000);
	over = true;
	pthread_join(kicker, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	test_note("%lu calls, %lu of them successful, %lu runs of a guest", calls, successes, runs);
	ASSERT(successes > calls / 50 && calls > 100);
}
