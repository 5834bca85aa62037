// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts from outside: irqfd, routing, MSIs, resampling; and vCPUs that sleep until one comes. */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include "kvm.h"

/* The guest's counters, by GSI and by number of an MSI. */
static u64 taken[32], msis[16], stop;

static void on_irq(unsigned int gsi)
{
	WRITE(taken[gsi], READ(taken[gsi]) + 1);
}

static void on_msi(unsigned int number)
{
	WRITE(msis[number], READ(msis[number]) + 1);
}

/* Guest: sleeps, and takes interrupts of four GSIs; the first two by edge, the others by level. */
static void guest_sleeps(u64 first)
{
	unsigned int i;

	guest_irq_init();
	guest_irq_msi(on_msi);
	for (i = 0; i < 4; i++)
		guest_irq_route(first + i, i >= 2, on_irq);
	guest_sync(0);
	while (!READ(stop))
		guest_wait();
}

static void guest_spins(u64 first)
{
	unsigned int i;

	guest_irq_init();
	guest_irq_msi(on_msi);
	for (i = 0; i < 4; i++)
		guest_irq_route(first + i, i >= 2, on_irq);
	guest_irq_enable();
	guest_sync(0);
	while (!READ(stop))
		guest_relax();
}

struct machine {
	struct vm *vm;
	struct vcpu *vcpu;
	unsigned int gsi;
	volatile u64 *taken, *msis;
	int stats;		/* open: a vCPU that runs may make others wait for it */
};

static struct machine start(guest_fn fn)
{
	struct machine m = { .gsi = arch_first_gsi() };

	NEED_CAP(KVM_CAP_IRQFD);
	m.vm = vm_create(VM_IRQCHIP);
	m.vcpu = vcpu_create(m.vm, fn, m.gsi);
	m.taken = *vm_var(m.vm, taken);
	m.msis = *vm_var(m.vm, msis);
	m.stats = ASSERT_OK(ioctl(m.vcpu->fd, KVM_GET_STATS_FD, NULL));
	vcpu_sync(m.vcpu);
	vcpu_start(m.vcpu);
	return m;
}

static int event_new(void)
{
	return ASSERT_OK(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

static void ring(int fd)
{
	u64 one = 1;

	ASSERT_EQ(write(fd, &one, 8), 8);
}

static int irqfd(struct machine *m, int fd, unsigned int gsi, u32 flags, int resample)
{
	struct kvm_irqfd args = { .fd = fd, .gsi = gsi, .flags = flags, .resamplefd = resample };

	return ioctl(m->vm->fd, KVM_IRQFD, &args);
}

/* Waits until a counter has a value, and a little longer for one too many. */
static void becomes(volatile u64 *counter, u64 value, const char *what)
{
	u64 end = now_ns() + 5000000000;

	while (*counter < value && now_ns() < end)
		sched_yield();
	ASSERT_MSG(*counter == value, "%s: %lu interrupts, not %lu", what, *counter, value);
}

static void stays(volatile u64 *counter, u64 value, const char *what)
{
	sleep_ms(30);
	becomes(counter, value, what);
}

/* Routes: GSIs of the controller as they are, and the MSIs behind them. */
static void route_msis(struct machine *m, unsigned int from, unsigned int n)
{
	struct kvm_irq_routing *table = calloc(1, sizeof(*table) + n * sizeof(table->entries[0]));
	unsigned int i;

	table->nr = n;
	for (i = 0; i < n; i++) {
		struct kvm_msi msi;

		arch_msi(m->vcpu, i % 16, &msi);
		table->entries[i] = (struct kvm_irq_routing_entry){
			.gsi = from + i, .type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = msi.address_lo, .address_hi = msi.address_hi,
				   .data = msi.data },
		};
	}
	ASSERT_OK(ioctl(m->vm->fd, KVM_SET_GSI_ROUTING, table));
	free(table);
}

static void finish(struct machine *m, int fd)
{
	*vm_var(m->vm, stop) = 1;
	ring(fd);
	vcpu_join(m->vcpu);
}

static void edges(guest_fn fn)
{
	struct machine m = start(fn);
	int fds[2] = { event_new(), event_new() };
	unsigned int i;

	for (i = 0; i < 2; i++)
		ASSERT_OK(irqfd(&m, fds[i], m.gsi + i, 0, 0));
	for (i = 1; i <= test_size(100, 20); i++) {
		ring(fds[0]);
		becomes(&m.taken[m.gsi], i, "first");
		if (i % 4 == 0) {
			ring(fds[1]);
			becomes(&m.taken[m.gsi + 1], i / 4, "second");
		}
	}
	i--;
	stays(&m.taken[m.gsi], i, "at the end");
	/* The eventfd was emptied by the kernel. */
	ASSERT_EQ(read(fds[0], &(u64){ 0 }, 8), -1);
	/* Taken off, it is an eventfd like any other. */
	ASSERT_OK(irqfd(&m, fds[0], m.gsi, KVM_IRQFD_FLAG_DEASSIGN, 0));
	ring(fds[0]);
	stays(&m.taken[m.gsi], i, "after deassign");
	ASSERT_EQ(read(fds[0], &(u64){ 0 }, 8), 8);
	/* What was rung before it was assigned arrives. */
	ring(fds[0]);
	ASSERT_OK(irqfd(&m, fds[0], m.gsi, 0, 0));
	becomes(&m.taken[m.gsi], i + 1, "rung before");
	finish(&m, fds[1]);
}

/* GSIs of a table of one's own lead to the controller's pins, in another order than before. */
TEST(routes)
{
	struct machine m = start(guest_sleeps);
	struct kvm_irq_routing *table = calloc(1, sizeof(*table) + 2 * sizeof(table->entries[0]));
	int fds[2] = { event_new(), event_new() };
	unsigned int i, round;

	for (i = 0; i < 2; i++)
		ASSERT_OK(irqfd(&m, fds[i], 40 + i, 0, 0));
	for (round = 0; round < 6; round++) {
		table->nr = 2;
		for (i = 0; i < 2; i++) {
			table->entries[i].gsi = 40 + i;
			table->entries[i].type = KVM_IRQ_ROUTING_IRQCHIP;
			arch_pin(m.gsi + ((i + round) & 1), &table->entries[i].u.irqchip);
		}
		ASSERT_OK(ioctl(m.vm->fd, KVM_SET_GSI_ROUTING, table));
		ring(fds[0]);
		becomes(&m.taken[m.gsi + (round & 1)], round / 2 + 1, "the GSI's pin");
		stays(&m.taken[m.gsi + !(round & 1)], (round + 1) / 2, "the other pin");
	}
	/* The GSIs from before are not in the table. */
	table->nr = 1;
	ASSERT_OK(ioctl(m.vm->fd, KVM_SET_GSI_ROUTING, table));
	ring(fds[1]);
	stays(&m.taken[m.gsi], 3, "a GSI without a route");
	stays(&m.taken[m.gsi + 1], 3, "a GSI without a route");
	finish(&m, fds[0]);
	free(table);
}

TEST(edge_sleeping)
{
	edges(guest_sleeps);
}

TEST(edge_running)
{
	edges(guest_spins);
}

TEST(msi)
{
	struct machine m = start(guest_sleeps);
	unsigned int i, from = 40;
	int fds[16];

	route_msis(&m, from, 16);
	for (i = 0; i < 16; i++) {
		fds[i] = event_new();
		ASSERT_OK(irqfd(&m, fds[i], from + i, 0, 0));
	}
	for (i = 0; i < test_size(160, 32); i++) {
		ring(fds[i % 16]);
		becomes(&m.msis[i % 16], i / 16 + 1, "MSI");
	}
	/* The same file descriptors lead elsewhere after another table. */
	route_msis(&m, from + 1, 15);
	ring(fds[1]);
	becomes(&m.msis[0], i / 16 + 1, "MSI of the new table");
	ring(fds[0]);
	sleep_ms(20);
	stays(&m.msis[1], i / 16, "a GSI without a route");
	finish(&m, fds[2]);
}

TEST(signal_msi)
{
	struct machine m = start(guest_sleeps);
	struct kvm_msi msi;
	unsigned int i;
	int fd = event_new();

	NEED_CAP(KVM_CAP_SIGNAL_MSI);
	for (i = 0; i < 50; i++) {
		arch_msi(m.vcpu, i % 16, &msi);
		ASSERT(ioctl(m.vm->fd, KVM_SIGNAL_MSI, &msi) > 0);
		becomes(&m.msis[i % 16], i / 16 + 1, "MSI");
	}
	msi.flags = 0x80;
	ASSERT_ERRNO(EINVAL, ioctl(m.vm->fd, KVM_SIGNAL_MSI, &msi));
	/* Devices have no numbers where nobody asks for them. */
	msi.flags = KVM_MSI_VALID_DEVID;
	if (keel_version() && !vm_cap(m.vm, KVM_CAP_MSI_DEVID))
		ASSERT_ERRNO(EINVAL, ioctl(m.vm->fd, KVM_SIGNAL_MSI, &msi));
	ASSERT_ERRNO(EFAULT, ioctl(m.vm->fd, KVM_SIGNAL_MSI, (void *)8));
	ASSERT_OK(irqfd(&m, fd, m.gsi, 0, 0));
	finish(&m, fd);
}

/* A level interrupt that several devices share: it goes down when the guest acknowledges. */
TEST(resample)
{
	struct machine m = start(guest_sleeps);
	int fds[2] = { event_new(), event_new() }, ack[2] = { event_new(), event_new() };
	unsigned int gsi = m.gsi + 2, i;
	struct pollfd poll_ack = { .fd = ack[0], .events = POLLIN };
	u64 n;

	NEED_CAP(KVM_CAP_IRQFD_RESAMPLE);
	for (i = 0; i < 2; i++)
		ASSERT_OK(irqfd(&m, fds[i], gsi, KVM_IRQFD_FLAG_RESAMPLE, ack[i]));
	for (i = 1; i <= 40; i++) {
		ring(fds[i & 1]);
		becomes(&m.taken[gsi], i, "level");
		/* Both are asked whether they still want it. */
		ASSERT_EQ(poll(&poll_ack, 1, 2000), 1);
		ASSERT_EQ(read(ack[0], &n, 8), 8);
		poll_ack.fd = ack[1];
		ASSERT_EQ(poll(&poll_ack, 1, 2000), 1);
		ASSERT_EQ(read(ack[1], &n, 8), 8);
		poll_ack.fd = ack[0];
	}
	stays(&m.taken[gsi], 40, "after the acknowledge");
	/* One of them goes away; the other still works. */
	ASSERT_OK(irqfd(&m, fds[0], gsi, KVM_IRQFD_FLAG_DEASSIGN, 0));
	ring(fds[1]);
	becomes(&m.taken[gsi], 41, "the one that is left");
	poll_ack.fd = ack[1];
	ASSERT_EQ(poll(&poll_ack, 1, 2000), 1);
	poll_ack.fd = ack[1];	/* the acknowledge comes after the handler has counted */
	ASSERT_EQ(poll(&poll_ack, 1, 2000), 1);
	ASSERT_EQ(read(ack[1], &n, 8), 8);
	ASSERT_OK(irqfd(&m, event_new(), m.gsi, 0, 0));
	*vm_var(m.vm, stop) = 1;
	ring(fds[1]);
	vcpu_join(m.vcpu);
}

TEST(rules)
{
	struct machine m = start(guest_sleeps);
	struct vm *bare = vm_create(VM_BARE);
	int fd = event_new();
	struct kvm_irqfd args = { .fd = fd, .gsi = m.gsi };
	struct kvm_irq_routing *table = calloc(1, sizeof(*table) + sizeof(table->entries[0]));

	ASSERT_ERRNO(EINVAL, irqfd(&m, fd, m.gsi, 0x80, 0));
	ASSERT_ERRNO(EBADF, irqfd(&m, 0x7ffffff, m.gsi, 0, 0));
	ASSERT_ERRNO(EINVAL, irqfd(&m, kvm_fd(), m.gsi, 0, 0));
	ASSERT_ERRNO(EBADF, irqfd(&m, fd, m.gsi, KVM_IRQFD_FLAG_RESAMPLE, 0x7ffffff));
	ASSERT_ERRNO(EFAULT, ioctl(m.vm->fd, KVM_IRQFD, (void *)8));
	ASSERT_OK(irqfd(&m, fd, m.gsi, 0, 0));
	/* An eventfd belongs to one GSI. */
	ASSERT_ERRNO(EBUSY, irqfd(&m, fd, m.gsi + 1, 0, 0));
	ASSERT_ERRNO(EBUSY, irqfd(&m, fd, m.gsi, 0, 0));
	/* Without a controller there is nothing to interrupt. */
	ASSERT(ioctl(bare->fd, KVM_IRQFD, &args) < 0 && (errno == EAGAIN || errno == EINVAL ||
							  errno == ENOTTY));
	table->nr = 5000;
	ASSERT_ERRNO(EINVAL, ioctl(m.vm->fd, KVM_SET_GSI_ROUTING, table));
	table->nr = 0;
	table->flags = 1;
	ASSERT_ERRNO(EINVAL, ioctl(m.vm->fd, KVM_SET_GSI_ROUTING, table));
	table->flags = 0;
	table->nr = 1;
	table->entries[0].gsi = 50;
	table->entries[0].type = 99;
	ASSERT_ERRNO(EINVAL, ioctl(m.vm->fd, KVM_SET_GSI_ROUTING, table));
	table->entries[0].gsi = kvm_cap(KVM_CAP_IRQ_ROUTING);
	table->entries[0].type = KVM_IRQ_ROUTING_MSI;
	ASSERT_ERRNO(EINVAL, ioctl(m.vm->fd, KVM_SET_GSI_ROUTING, table));
	/* What failed has changed nothing. */
	ring(fd);
	becomes(&m.taken[m.gsi], 1, "the old table");
	finish(&m, fd);
}

/* Everything changes while interrupts arrive: none may go to a wrong place, and none crash. */
static volatile bool quit;

static void *ring_on(void *data)
{
	int *fds = data;
	unsigned int i = 0;

	while (!quit)
		ring(fds[i++ % 4]);
	return NULL;
}

TEST(changes)
{
	struct machine m = start(guest_spins);
	int fds[4] = { event_new(), event_new(), event_new(), event_new() };
	pthread_t thread;
	unsigned int i;
	u64 end = 0;

	route_msis(&m, 40, 4);
	for (i = 0; i < 4; i++)
		ASSERT_OK(irqfd(&m, fds[i], 40 + i, 0, 0));
	pthread_create(&thread, NULL, ring_on, fds);
	for (i = 0; more(&end, i, test_size(500, 60)); i++) {
		route_msis(&m, 40, 4);
		if (i % 3 == 0) {
			ASSERT_OK(irqfd(&m, fds[i % 4], 40 + i % 4, KVM_IRQFD_FLAG_DEASSIGN, 0));
			ASSERT_OK(irqfd(&m, fds[i % 4], 40 + i % 4, 0, 0));
		}
	}
	quit = true;
	pthread_join(thread, NULL);
	for (i = 0; i < 4; i++)
		ASSERT(m.msis[i] > 0);
	for (i = 4; i < 16; i++)
		ASSERT_EQ(m.msis[i], 0);
	/* The eventfd's end takes its interrupt with it. */
	for (i = 0; i < 4; i++)
		close(fds[i]);
	*vm_var(m.vm, stop) = 1;
	vcpu_join(m.vcpu);
}

/* --- sleeping ------------------------------------------------------------------------------------------ */

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_utime.tv_sec + usage.ru_utime.tv_usec / 1e6 + usage.ru_stime.tv_sec +
	       usage.ru_stime.tv_usec / 1e6;
}

TEST(sleep)
{
	struct machine m = start(guest_sleeps);
	int fd = event_new();
	unsigned int i;
	double used;

	ASSERT_OK(irqfd(&m, fd, m.gsi, 0, 0));
	for (i = 1; i <= 20; i++) {
		sleep_ms(5);
		ring(fd);
		becomes(&m.taken[m.gsi], i, "sleeping");
	}
	sleep_ms(50);
	ASSERT_EQ(stat_value(m.stats, "blocking"), 1);
	used = cpu_seconds();
	sleep_ms(500);
	used = cpu_seconds() - used;
	ASSERT_MSG(used < 0.2, "%.2f s of CPU in half a second of sleep", used);
	ASSERT(stat_value(m.stats, "halt_exits") >= 20);
	ASSERT(stat_value(m.stats, "halt_wakeup") + stat_value(m.stats, "halt_successful_poll") >= 15);
	ASSERT(stat_value(m.stats, "halt_wait_ns") > 50000000);
	ring(fd);
	becomes(&m.taken[m.gsi], 21, "after a long sleep");
	finish(&m, fd);
	ASSERT_EQ(stat_value(m.stats, "blocking"), 0);
}

/* With polling, short sleeps end without the scheduler. */
TEST(polling)
{
	struct machine m = start(guest_sleeps);
	int fd = event_new();
	unsigned int i;
	s64 polls;

	NEED_CAP(KVM_CAP_HALT_POLL);
	ASSERT_OK(irqfd(&m, fd, m.gsi, 0, 0));
	/* Never. */
	ASSERT_OK(vm_enable_cap(m.vm, KVM_CAP_HALT_POLL, 0));
	ring(fd);
	becomes(&m.taken[m.gsi], 1, "polling");
	sleep_ms(20);
	polls = stat_value(m.stats, "halt_attempted_poll");
	for (i = 2; i <= 10; i++) {
		ring(fd);
		becomes(&m.taken[m.gsi], i, "not polling");
	}
	ASSERT_EQ(stat_value(m.stats, "halt_attempted_poll"), polls);
	/* Up to 200 ms, which is longer than any of the sleeps here. */
	ASSERT_OK(vm_enable_cap(m.vm, KVM_CAP_HALT_POLL, 200000000));
	for (; i <= 40; i++) {
		sleep_ms(1);
		ring(fd);
		becomes(&m.taken[m.gsi], i, "polling");
	}
	ASSERT(stat_value(m.stats, "halt_attempted_poll") > polls);
	ASSERT_ERRNO(EINVAL, vm_enable_cap(m.vm, KVM_CAP_HALT_POLL, 1ull << 32));
	finish(&m, fd);
}

/* A signal gets a sleeper out. */
static void on_signal(int number)
{
}

static volatile int returned;

static void *run_until_signal(void *vcpu)
{
	returned = vcpu_run_once(vcpu);
	return NULL;
}

TEST(signal_while_asleep)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_sleeps, arch_first_gsi());
	unsigned int i;

	sigaction(SIGUSR1, &action, NULL);
	vcpu_sync(vcpu);
	for (i = 0; i < 10; i++) {
		returned = 1;
		pthread_create(&vcpu->thread, NULL, run_until_signal, vcpu);
		sleep_ms(i * 2);
		ASSERT_EQ(returned, 1);
		while (returned == 1) {
			pthread_kill(vcpu->thread, SIGUSR1);
			sleep_ms(1);
		}
		pthread_join(vcpu->thread, NULL);
		ASSERT_EQ(returned, -EINTR);
	}
}
