// SPDX-License-Identifier: GPL-2.0-only
/* KVM_RUN: leaving a guest that does not want to, signals, and the time it took. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kvm.h"

static u64 spins;

static void guest_spins(u64 arg)
{
	for (;;)
		WRITE(spins, READ(spins) + 1);
}

static void guest_syncs(u64 arg)
{
	for (;;)
		guest_sync(++arg);
}

static void on_signal(int signal)
{
}

static void catch(int number)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(number, &action, NULL);
}

TEST(immediate_exit)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_spins, 0);
	unsigned int i;

	NEED_CAP(KVM_CAP_IMMEDIATE_EXIT);
	vcpu->run->immediate_exit = 1;
	for (i = 0; i < 10; i++)
		ASSERT_EQ(vcpu_run_once(vcpu), -EINTR);
	ASSERT_EQ(*vm_var(vm, spins), 0);
}

/* A thread that spins in a guest, and tells when KVM_RUN has returned. */
struct spinner {
	struct vcpu *vcpu;
	pthread_t thread;
	volatile int returns, error, reason;
	volatile bool quit;
};

static void *spin(void *data)
{
	struct spinner *s = data;

	while (!s->quit) {
		s->error = vcpu_run_once(s->vcpu);
		s->reason = s->vcpu->run->exit_reason;
		s->returns++;
	}
	return NULL;
}

static void spinner_start(struct spinner *s, struct vm *vm)
{
	*s = (struct spinner){ .vcpu = vcpu_create(vm, guest_spins, 0) };
	catch(SIGUSR1);
	pthread_create(&s->thread, NULL, spin, s);
	while (!READ(*vm_var(vm, spins)))
		sleep_ms(1);
}

TEST_SECONDS(kick, 60)
{
	struct vm *vm = vm_create(0);
	u64 worst = 0, end = 0, start, took;
	struct spinner s;
	unsigned int i;

	spinner_start(&s, vm);
	for (i = 0; more(&end, i, test_size(200, 30)); i++) {
		int before = s.returns;
		u64 spun = *vm_var(vm, spins);

		start = now_ns();
		pthread_kill(s.thread, SIGUSR1);
		while (s.returns == before)
			sched_yield();
		took = now_ns() - start;
		if (took > worst)
			worst = took;
		ASSERT_EQ(s.error, -EINTR);
		ASSERT_EQ(s.reason, KVM_EXIT_INTR);
		/* And the guest goes on where it was. */
		while (READ(*vm_var(vm, spins)) == spun)
			sched_yield();
	}
	test_note("worst kick %lu us", worst / 1000);
	ASSERT_MSG(worst < 1000000000, "a kick took %lu ms", worst / 1000000);
	s.quit = true;
	pthread_kill(s.thread, SIGUSR1);
	pthread_join(s.thread, NULL);
	ASSERT(vcpu_stat(s.vcpu, "signal_exits") >= 20);
}

/* immediate_exit set by another thread, with a kick: one way never to lose a request to stop. */
TEST(immediate_exit_race)
{
	struct vm *vm = vm_create(0);
	unsigned int i;
	struct spinner s;
	u64 end = 0;

	NEED_CAP(KVM_CAP_IMMEDIATE_EXIT);
	spinner_start(&s, vm);
	for (i = 0; more(&end, i, test_size(300, 30)); i++) {
		int before = s.returns;

		s.vcpu->run->immediate_exit = 1;
		pthread_kill(s.thread, SIGUSR1);
		while (s.returns < before + 2)
			sched_yield();
		s.vcpu->run->immediate_exit = 0;
		ASSERT_EQ(s.error, -EINTR);
	}
	s.quit = true;
	pthread_kill(s.thread, SIGUSR1);
	pthread_join(s.thread, NULL);
}

static int set_mask(struct vcpu *vcpu, const sigset_t *set)
{
	struct {
		struct kvm_signal_mask head;
		u64 bits;
	} args = { { .len = 8 } };

	if (!set)
		return ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, NULL);
	memcpy(args.head.sigset, set, 8);
	return ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, &args);
}

TEST(signal_mask)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_syncs, 0);
	struct kvm_signal_mask bad = { .len = 16 };
	sigset_t all, but_usr1, now;

	catch(SIGUSR1);
	catch(SIGUSR2);
	sigfillset(&all);
	but_usr1 = all;
	sigdelset(&but_usr1, SIGUSR1);
	/* Blocked outside, let through inside. */
	sigprocmask(SIG_SETMASK, &all, NULL);
	raise(SIGUSR1);
	vcpu_sync_is(vcpu, 1);
	ASSERT_OK(set_mask(vcpu, &but_usr1));
	ASSERT_EQ(vcpu_run_once(vcpu), -EINTR);
	/* It is pending still: the thread's own mask is back. */
	sigprocmask(SIG_SETMASK, NULL, &now);
	ASSERT(sigismember(&now, SIGUSR1));
	ASSERT_EQ(vcpu_run_once(vcpu), -EINTR);
	sigpending(&now);
	ASSERT(sigismember(&now, SIGUSR1));
	/* Others do not get through. */
	ASSERT_OK(sigwaitinfo(&now, NULL));
	raise(SIGUSR2);
	vcpu_sync_is(vcpu, 2);
	/* Without a mask of its own again. */
	ASSERT_OK(set_mask(vcpu, NULL));
	raise(SIGUSR1);
	vcpu_sync_is(vcpu, 3);
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, &bad));
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, (void *)8));
}

/* Two threads: the second KVM_RUN of a vCPU waits for the first, and can be killed waiting. */
TEST(one_at_a_time)
{
	struct vm *vm = vm_create(0);
	struct spinner a, b;

	spinner_start(&a, vm);
	b = (struct spinner){ .vcpu = a.vcpu };
	pthread_create(&b.thread, NULL, spin, &b);
	sleep_ms(30);
	ASSERT_EQ(a.returns, 0);
	ASSERT_EQ(b.returns, 0);
	a.quit = b.quit = true;
	pthread_kill(a.thread, SIGUSR1);
	pthread_join(a.thread, NULL);
	sleep_ms(5);
	while (!b.returns)
		pthread_kill(b.thread, SIGUSR1), sleep_ms(1);
	pthread_join(b.thread, NULL);
}

/* The vCPU moves from thread to thread and from CPU to CPU. */
static void *run_some(void *data)
{
	struct vcpu *vcpu = data;
	u64 value = vcpu->call.args[0];
	unsigned int i;

	for (i = 0; i < 20; i++)
		vcpu_sync_is(vcpu, ++value);
	return NULL;
}

TEST(threads)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_syncs, 0);
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int i;
	pthread_t thread;

	vcpu_sync_is(vcpu, 1);
	for (i = 0; i < test_size(40, 10); i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(i % cpus, &set);
		ASSERT_EQ(pthread_create(&thread, NULL, run_some, vcpu), 0);
		pthread_setaffinity_np(thread, sizeof(set), &set);
		pthread_join(thread, NULL);
	}
}

/* --- time -------------------------------------------------------------------------------------------- */

/* Guest time of this process in clock ticks, from /proc/self/stat. */
static long guest_ticks(void)
{
	char text[1024], *p;
	FILE *file = fopen("/proc/self/stat", "r");
	unsigned int i;
	size_t n;

	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = 0;
	p = strrchr(text, ')');
	for (i = 2; i < 43; i++)
		p = strchr(p + 1, ' ');
	return atol(p);
}

static long system_guest_ticks(void)
{
	long value[10] = { 0 };
	FILE *file = fopen("/proc/stat", "r");

	ASSERT_EQ(fscanf(file, "cpu %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld", value, value + 1,
			 value + 2, value + 3, value + 4, value + 5, value + 6, value + 7,
			 value + 8, value + 9), 10);
	fclose(file);
	return value[8];
}

TEST(guest_time)
{
	struct vm *vm = vm_create(0);
	long before = guest_ticks(), all = system_guest_ticks();
	struct rusage usage;
	struct spinner s;
	double ran;
	long ticks;

	spinner_start(&s, vm);
	sleep_ms(1500);
	s.quit = true;
	pthread_kill(s.thread, SIGUSR1);
	pthread_join(s.thread, NULL);
	ticks = guest_ticks() - before;
	all = system_guest_ticks() - all;
	getrusage(RUSAGE_SELF, &usage);
	ran = usage.ru_utime.tv_sec + usage.ru_utime.tv_usec / 1e6 + usage.ru_stime.tv_sec +
	      usage.ru_stime.tv_usec / 1e6;
	test_note("%.2f s of CPU, %ld ticks of a guest, %ld in all", ran, ticks, all);
	/* Most of what was used went into the guest; an emulated host makes the rest dear. */
	ASSERT_MSG(ticks >= ran * 100 * 0.3, "%ld ticks of %.2f s were the guest's", ticks, ran);
	ASSERT(all >= ticks / 2);
}

/* --- kill -9 ----------------------------------------------------------------------------------------- */

static void guest_busy(u64 id)
{
	u64 i;

	for (i = 0;; i++) {
		write64(SLOT_GPA + (i * 7 + id) % 256 * PAGE, i);
		if (i % 1000 == id)
			guest_sync(i);
		if (i % 5000 == id)
			read32(MMIO_GPA);
	}
}

static bool go_on(struct vcpu *vcpu)
{
	return vcpu->run->exit_reason == KVM_EXIT_MMIO;
}

TEST_SECONDS(kill, 120)
{
	unsigned int round;
	u64 seed = 11, end = 0;
	siginfo_t info;

	for (round = 0; more(&end, round, test_size(50, 10)); round++) {
		pid_t pid = ASSERT_OK(fork());

		if (!pid) {
			struct vm *vm = vm_create(round & 1 ? VM_IRQCHIP : 0);
			u8 *mem = host_memory(256 * PAGE, 2 * MB);
			unsigned int i;

			vm_add_slot(vm, 1, round & 2 ? KVM_MEM_LOG_DIRTY_PAGES : 0, SLOT_GPA,
				    256 * PAGE, mem);
			for (i = 0; i < 4; i++)
				vcpu_create(vm, guest_busy, i)->on_exit = go_on;
			for (i = 0; i < 4; i++)
				vcpu_start(vm->vcpus[i]);
			for (;;) {
				ASSERT_OK(madvise(mem, 64 * PAGE, MADV_DONTNEED));
				vm_set_slot(vm, 2, 0, SLOT_GPA + 16 * MB, PAGE, mem);
				vm_set_slot(vm, 2, 0, 0, 0, NULL);
			}
		}
		usleep(random_next(&seed) % test_size(60000, 30000));
		/* Not reaped before: it must still have been alive. */
		info.si_pid = 0;
		ASSERT_OK(waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT));
		ASSERT_MSG(!info.si_pid, "the process ended by itself");
		ASSERT_OK(kill(pid, SIGKILL));
		ASSERT_EQ(waitpid(pid, NULL, 0), pid);
	}
	/* A VM after all that. */
	vcpu_sync_is(vcpu_create(vm_create(0), guest_syncs, 0), 1);
}
