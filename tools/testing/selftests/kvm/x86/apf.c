// SPDX-License-Identifier: GPL-2.0-only
/* Async page faults: the guest goes on while a page is missing, and is told when it is there. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "trace.h"
#include "x86.h"

#define READY_VECTOR 0x51
#define PAGES 8

/* The area that guest and host share, and what the guest has seen. */
static struct kvm_vcpu_pv_apf_data area __attribute__((aligned(64)));
static u64 missing, present, turns;

static void on_page_fault(struct trap_frame *frame)
{
	u64 token = read_cr2();

	GUEST_ASSERT_EQ(READ(area.flags), KVM_PV_REASON_PAGE_NOT_PRESENT);
	WRITE(area.flags, 0);
	WRITE(missing, token);
	/* Something else to do, until the page is there. */
	sti();
	while (READ(present) != token)
		WRITE(turns, turns + 1);
	cli();
}

static void on_ready(struct trap_frame *frame)
{
	WRITE(present, READ(area.token));
	WRITE(area.token, 0);
	wrmsr(MSR_KVM_ASYNC_PF_ACK, 1);
	lapic_write(LAPIC_EOI, 0);
}

static void apf_enable(void)
{
	lapic_enable();
	guest_on_trap(V_PF, on_page_fault);
	guest_on_trap(READY_VECTOR, on_ready);
	wrmsr(MSR_KVM_ASYNC_PF_INT, READY_VECTOR);
	wrmsr(MSR_KVM_ASYNC_PF_EN, (u64)&area | KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_SEND_ALWAYS |
	      KVM_ASYNC_PF_DELIVERY_AS_INT);
	sti();
}

static void guest_reads_pages(u64 gpa)
{
	unsigned int i;

	apf_enable();
	for (i = 0; i < PAGES; i++)
		GUEST_ASSERT_EQ(read64(gpa + i * PAGE), i + 100);
}

/* Memory at SLOT_GPA whose pages are missing until the test puts them there. */
static int missing_memory(struct vm *vm, int uffd, void **mem)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	if (uffd < 0)
		test_skip("no userfaultfd");
	ASSERT_OK(ioctl(uffd, UFFDIO_API, &api));
	*mem = host_memory(PAGES * PAGE, PAGE);
	range.range.start = (u64)*mem;
	range.range.len = PAGES * PAGE;
	ASSERT_OK(ioctl(uffd, UFFDIO_REGISTER, &range));
	vm_add_slot(vm, 1, 0, SLOT_GPA, PAGES * PAGE, *mem);
	return uffd;
}

static int new_uffd(void)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
}

/* Waits for the next missing page; gives its number. */
static u64 next_missing(int uffd, void *mem)
{
	struct pollfd poll_for = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;

	ASSERT_EQ(poll(&poll_for, 1, 20000), 1);
	ASSERT_EQ(read(uffd, &msg, sizeof(msg)), sizeof(msg));
	ASSERT_EQ(msg.event, UFFD_EVENT_PAGEFAULT);
	return (msg.arg.pagefault.address - (u64)mem) / PAGE;
}

static void put_page(int uffd, void *mem, u64 page)
{
	static u64 data[PAGE / 8];
	struct uffdio_copy copy = { .dst = (u64)mem + page * PAGE, .src = (u64)data, .len = PAGE };

	data[0] = page + 100;
	ASSERT_OK(ioctl(uffd, UFFDIO_COPY, &copy));
}

static void wait_for(u64 *variable, u64 other_than)
{
	while (__atomic_load_n(variable, __ATOMIC_ACQUIRE) == other_than)
		sleep_ms(1);
}

static struct vcpu *apf_vcpu(guest_fn fn)
{
	NEED_CAP(KVM_CAP_ASYNC_PF_INT);
	return vcpu_create(vm_create(VM_IRQCHIP), fn, SLOT_GPA);
}

TEST(pages)
{
	static const char *const events[] = { "kvm_try_async_get_page", "kvm_async_pf_not_present",
					      "kvm_async_pf_completed", "kvm_async_pf_ready" };
	struct vcpu *vcpu = apf_vcpu(guest_reads_pages);
	struct vm *vm = vcpu->vm;
	u64 i, token, before = 0;
	void *mem;
	int uffd = missing_memory(vm, new_uffd(), &mem);

	if (!trace_start(events, ARRAY_SIZE(events)))
		test_skip("no tracepoints");
	vcpu_start(vcpu);
	for (i = 0; i < PAGES; i++) {
		ASSERT_EQ(next_missing(uffd, mem), i);
		wait_for(vm_var(vm, missing), before);
		token = before = *vm_var(vm, missing);
		/* It runs. */
		wait_for(vm_var(vm, turns), *vm_var(vm, turns));
		ASSERT(*vm_var(vm, present) != token);
		put_page(uffd, mem, i);
	}
	vcpu_join(vcpu);
	for (i = 0; i < ARRAY_SIZE(events); i++)
		ASSERT_MSG(trace_count(events[i]) >= PAGES, "%s came %lu times", events[i], trace_count(events[i]));
	trace_stop();
}

static void give_up(struct trap_frame *frame)
{
	GUEST_ASSERT_EQ(READ(area.flags), KVM_PV_REASON_PAGE_NOT_PRESENT);
	WRITE(area.flags, 0);
	guest_sync(100);
	wrmsr(MSR_KVM_ASYNC_PF_EN, 0);
	frame->rip += 3;	/* over the MOV */
	wrmsr(MSR_KVM_ASYNC_PF_EN, (u64)&area | KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_SEND_ALWAYS |
	      KVM_ASYNC_PF_DELIVERY_AS_INT);
}

/* Switches it off with a page outstanding, which must not wait for the page; and on again. */
static void guest_gives_up(u64 gpa)
{
	unsigned int i;

	apf_enable();
	guest_on_trap(V_PF, give_up);
	for (i = 0; i < 3; i++) {
		asm volatile("movq (%%rdi), %%rax" : : "D"(gpa + i * PAGE) : "rax", "memory");
		guest_sync(i);
	}
}

TEST(given_up)
{
	struct vcpu *vcpu = apf_vcpu(guest_gives_up);
	void *mem;
	int uffd = missing_memory(vcpu->vm, new_uffd(), &mem);
	u64 i;

	/* This thread would have to bring the pages. */
	for (i = 0; i < 3; i++) {
		vcpu_sync_is(vcpu, 100);
		ASSERT_EQ(next_missing(uffd, mem), i);
		vcpu_sync_is(vcpu, i);
	}
	for (i = 0; i < 3; i++)
		put_page(uffd, mem, i);
}

static void guest_hangs(u64 gpa)
{
	apf_enable();
	read64(gpa);
}

/*
 * A VMM that is killed with a page outstanding: who would have brought it is gone as well. Its files are closed in
 * both orders.
 */
static void killed(bool uffd_first)
{
	int pipe_fds[2], status;
	pid_t child;
	char byte;

	ASSERT_OK(pipe(pipe_fds));
	child = ASSERT_OK(fork());
	if (!child) {
		int uffd = uffd_first ? new_uffd() : -1;
		struct vcpu *vcpu = apf_vcpu(guest_hangs);
		void *mem;

		uffd = missing_memory(vcpu->vm, uffd_first ? uffd : new_uffd(), &mem);
		vcpu_start(vcpu);
		next_missing(uffd, mem);
		wait_for(vm_var(vcpu->vm, missing), 0);
		ASSERT_EQ(write(pipe_fds[1], "!", 1), 1);
		for (;;)
			pause();
	}
	close(pipe_fds[1]);
	ASSERT_EQ(read(pipe_fds[0], &byte, 1), 1);
	ASSERT_OK(kill(child, SIGKILL));
	ASSERT_EQ(waitpid(child, &status, 0), child);
	ASSERT(WIFSIGNALED(status));
}

TEST(killed)
{
	killed(false);
	killed(true);
}
