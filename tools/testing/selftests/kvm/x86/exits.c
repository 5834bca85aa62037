// SPDX-License-Identifier: GPL-2.0-only
/* Exits that x86 has: ports, HLT, interrupts from user space, shutdown, synchronized registers. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include "x86.h"

/* --- ports ------------------------------------------------------------------------------------------- */

static u8 buffer[8192];

static void guest_ports(u64 arg)
{
	outb(0x100, 0x11);
	outw(0x101, 0x2233);
	outl(0x102, 0x44556677);
	GUEST_ASSERT_EQ(inb(0x103), 0xf1);
	GUEST_ASSERT_EQ(inw(0x104), 0xf2f1);
	GUEST_ASSERT_EQ(inl(0x105), 0xf4f3f2f1);
}

static void expect_port(struct vcpu *vcpu, bool out, u16 port, unsigned int size, u32 data)
{
	static const u32 answer = 0xf4f3f2f1;
	struct kvm_run *run = vcpu->run;
	u32 got = 0;

	vcpu_exit_is(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(run->io.direction, out ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN);
	ASSERT_EQ(run->io.port, port);
	ASSERT_EQ(run->io.size, size);
	ASSERT_EQ(run->io.count, 1);
	ASSERT(run->io.data_offset + size <= vcpu->run_size);
	if (out) {
		memcpy(&got, (u8 *)run + run->io.data_offset, size);
		ASSERT_EQ(got, data);
	} else {
		memcpy((u8 *)run + run->io.data_offset, &answer, size);
	}
}

TEST(ports)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_ports, 0);

	expect_port(vcpu, true, 0x100, 1, 0x11);
	expect_port(vcpu, true, 0x101, 2, 0x2233);
	expect_port(vcpu, true, 0x102, 4, 0x44556677);
	expect_port(vcpu, false, 0x103, 1, 0);
	expect_port(vcpu, false, 0x104, 2, 0);
	expect_port(vcpu, false, 0x105, 4, 0);
	vcpu_done(vcpu);
	ASSERT(vcpu_stat(vcpu, "io_exits") >= 6);
}

#define STRING_BYTES 6000u	/* more than a page, over a page's end */

static void guest_strings(u64 size)
{
	u8 *p = buffer + 100;
	u64 n = STRING_BYTES / size;

	if (size == 1)
		asm volatile("rep insb" : "+D"(p), "+c"(n) : "d"(0x200) : "memory");
	else if (size == 2)
		asm volatile("rep insw" : "+D"(p), "+c"(n) : "d"(0x200) : "memory");
	else
		asm volatile("rep insl" : "+D"(p), "+c"(n) : "d"(0x200) : "memory");
	GUEST_ASSERT_EQ(n, 0);
	GUEST_ASSERT_EQ((u64)p, (u64)buffer + 100 + STRING_BYTES / size * size);
	p = buffer + 100;
	n = STRING_BYTES / size;
	if (size == 1)
		asm volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(0x201) : "memory");
	else if (size == 2)
		asm volatile("rep outsw" : "+S"(p), "+c"(n) : "d"(0x201) : "memory");
	else
		asm volatile("rep outsl" : "+S"(p), "+c"(n) : "d"(0x201) : "memory");
	GUEST_ASSERT_EQ(n, 0);
	/* Backwards, and none at all. */
	p = buffer + 200;
	n = 3;
	asm volatile("std; rep outsb; cld" : "+S"(p), "+c"(n) : "d"(0x202) : "memory");
	GUEST_ASSERT_EQ((u64)p, (u64)buffer + 197);
	asm volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(0x203) : "memory");
}

static void string_io(unsigned int size)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_strings, size);
	unsigned int wanted = STRING_BYTES / size * size, got, i, exits = 0;
	struct kvm_run *run = vcpu->run;
	u8 *mem = *vm_var(vm, buffer), *data;

	for (got = 0; got < wanted; exits++) {
		vcpu_exit_is(vcpu, KVM_EXIT_IO);
		ASSERT_EQ(run->io.direction, KVM_EXIT_IO_IN);
		ASSERT_EQ(run->io.port, 0x200);
		ASSERT_EQ(run->io.size, size);
		data = (u8 *)run + run->io.data_offset;
		ASSERT(run->io.data_offset + run->io.count * size <= vcpu->run_size);
		for (i = 0; i < run->io.count * size; i++, got++)
			data[i] = got * 7;
		ASSERT(got <= wanted);
	}
	/* Not one exit for each. */
	ASSERT_MSG(exits < wanted / size / 4, "%u exits for %u bytes", exits, wanted);
	for (got = 0; got < wanted;) {
		vcpu_exit_is(vcpu, KVM_EXIT_IO);
		ASSERT_EQ(run->io.direction, KVM_EXIT_IO_OUT);
		ASSERT_EQ(run->io.port, 0x201);
		data = (u8 *)run + run->io.data_offset;
		for (i = 0; i < run->io.count * size; i++, got++)
			ASSERT_EQ(data[i], (u8)(got * 7));
		ASSERT(got <= wanted);
	}
	for (i = 0; i < wanted; i++)
		ASSERT_EQ(mem[100 + i], (u8)(i * 7));
	ASSERT_EQ(mem[100 + wanted], 0);
	for (i = 0; i < 3;) {
		vcpu_exit_is(vcpu, KVM_EXIT_IO);
		ASSERT_EQ(run->io.port, 0x202);
		data = (u8 *)run + run->io.data_offset;
		for (got = 0; got < run->io.count; got++, i++)
			ASSERT_EQ(data[got], mem[200 - i]);
	}
	vcpu_done(vcpu);
}

TEST(string_bytes)
{
	string_io(1);
}

TEST(string_words)
{
	string_io(2);
}

TEST(string_longs)
{
	string_io(4);
}

/* Ports that are coalesced or ring an eventfd. */
static void guest_rings_ports(u64 arg)
{
	unsigned int i;

	for (;;) {
		for (i = 0; i < 10; i++)
			outb(0x300, i);
		guest_sync(0);
	}
}

TEST(coalesced_port)
{
	int offset = NEED_CAP(KVM_CAP_COALESCED_PIO);
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_rings_ports, 0);
	struct kvm_coalesced_mmio_ring *ring = (void *)((u8 *)vcpu->run +
							kvm_cap(KVM_CAP_COALESCED_MMIO) * host_page());
	struct kvm_coalesced_mmio_zone zone = { .addr = 0x300, .size = 1, .pio = 1 };
	unsigned int i;

	ASSERT(offset > 0);
	ASSERT_OK(ioctl(vcpu->vm->fd, KVM_REGISTER_COALESCED_MMIO, &zone));
	vcpu_sync(vcpu);
	ASSERT_EQ(ring->last, 10);
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(ring->coalesced_mmio[i].phys_addr, 0x300);
		ASSERT_EQ(ring->coalesced_mmio[i].len, 1);
		ASSERT_EQ(ring->coalesced_mmio[i].pio, 1);
		ASSERT_EQ(ring->coalesced_mmio[i].data[0], i);
	}
	ring->first = ring->last;
	ASSERT_OK(ioctl(vcpu->vm->fd, KVM_UNREGISTER_COALESCED_MMIO, &zone));
	vcpu_exit_is(vcpu, KVM_EXIT_IO);
}

TEST(event_port)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_rings_ports, 0);
	struct kvm_ioeventfd args = {
		.addr = 0x300, .len = 1, .fd = eventfd(0, EFD_NONBLOCK),
		.flags = KVM_IOEVENTFD_FLAG_PIO,
	};
	u64 n;

	ASSERT_OK(ioctl(vcpu->vm->fd, KVM_IOEVENTFD, &args));
	vcpu_sync(vcpu);
	ASSERT_EQ(read(args.fd, &n, 8), 8);
	ASSERT_EQ(n, 10);
	/* A port is not an address of memory. */
	args.flags = KVM_IOEVENTFD_FLAG_DEASSIGN;
	ASSERT_ERRNO(ENOENT, ioctl(vcpu->vm->fd, KVM_IOEVENTFD, &args));
	args.flags |= KVM_IOEVENTFD_FLAG_PIO;
	ASSERT_OK(ioctl(vcpu->vm->fd, KVM_IOEVENTFD, &args));
	args.flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH;
	args.datamatch = 4;
	ASSERT_OK(ioctl(vcpu->vm->fd, KVM_IOEVENTFD, &args));
	expect_port(vcpu, true, 0x300, 1, 0);
	expect_port(vcpu, true, 0x300, 1, 1);
	expect_port(vcpu, true, 0x300, 1, 2);
	expect_port(vcpu, true, 0x300, 1, 3);
	expect_port(vcpu, true, 0x300, 1, 5);
	ASSERT_EQ(read(args.fd, &n, 8), 8);
	ASSERT_EQ(n, 1);
}

/* --- HLT and interrupts without a controller in the kernel -------------------------------------------------- */

static u64 got_vector;

static void on_vector(struct trap_frame *frame)
{
	WRITE(got_vector, frame->vector);
}

static void guest_takes_interrupts(u64 arg)
{
	unsigned int i;

	for (i = 0x20; i < 256; i++)
		guest_on_trap(i, on_vector);
	cli();
	hlt();			/* with interrupts off: user space says when it is over */
	guest_sync(1);
	sti();
	hlt();
	guest_sync(READ(got_vector));
	cli();
	outb(0x80, 0);
	outb(0x80, 1);
	guest_sync(READ(got_vector));
	sti();
	outb(0x80, 2);
	guest_sync(READ(got_vector));
}

static int interrupt(struct vcpu *vcpu, u32 vector)
{
	struct kvm_interrupt args = { .irq = vector };

	return ioctl(vcpu->fd, KVM_INTERRUPT, &args);
}

TEST(interrupts)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_takes_interrupts, 0);
	struct kvm_run *run = vcpu->run;

	vcpu_exit_is(vcpu, KVM_EXIT_HLT);
	ASSERT_EQ(run->if_flag, 0);
	vcpu_sync_is(vcpu, 1);
	vcpu_exit_is(vcpu, KVM_EXIT_HLT);
	ASSERT_EQ(run->if_flag, 1);
	ASSERT_EQ(run->ready_for_interrupt_injection, 1);
	ASSERT_OK(interrupt(vcpu, 0x77));
	vcpu_sync_is(vcpu, 0x77);
	/* Closed: a window can be asked for. */
	expect_port(vcpu, true, 0x80, 1, 0);
	ASSERT_EQ(run->if_flag, 0);
	ASSERT_EQ(run->ready_for_interrupt_injection, 0);
	run->request_interrupt_window = 1;
	expect_port(vcpu, true, 0x80, 1, 1);
	vcpu_sync_is(vcpu, 0x77);
	vcpu_exit_is(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	ASSERT_EQ(run->ready_for_interrupt_injection, 1);
	ASSERT_EQ(run->if_flag, 1);
	run->request_interrupt_window = 0;
	ASSERT_OK(interrupt(vcpu, 0xfe));
	expect_port(vcpu, true, 0x80, 1, 2);
	vcpu_sync_is(vcpu, 0xfe);
	ASSERT_ERRNO(EINVAL, interrupt(vcpu, 256));
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_INTERRUPT, (void *)8));
	vcpu_done(vcpu);
}

static void guest_cr8(u64 arg)
{
	GUEST_ASSERT_EQ(read_cr8(), 0);
	write_cr8(5);
	GUEST_ASSERT_EQ(read_cr8(), 5);
	guest_sync(0);
	guest_sync(read_cr8());
	GUEST_ASSERT_EQ(CATCH("mov %0, %%cr8", : : "r"(16ul)), V_GP);
}

TEST(task_priority)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_cr8, 0);

	vcpu_run(vcpu);
	/* A lower priority is a reason to tell user space's controller. */
	if (!vcpu->call.what) {
		ASSERT_EQ(vcpu->run->exit_reason, KVM_EXIT_SET_TPR);
		vcpu_sync(vcpu);
	}
	ASSERT_EQ(vcpu->run->cr8, 5);
	vcpu->run->cr8 = 9;
	vcpu_sync_is(vcpu, 9);
	vcpu_done(vcpu);
}

/* --- the end ----------------------------------------------------------------------------------------------- */

static void guest_dies(u64 arg)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) nothing = { 0, 0 };

	asm volatile("lidt %0; ud2" : : "m"(nothing));
	guest_sync(0);
}

TEST(triple_fault)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_dies, 0);
	struct kvm_vcpu_events events;

	test_needs("no-shutdown");
	vcpu_exit_is(vcpu, KVM_EXIT_SHUTDOWN);
	/* With the capability, it can be seen and taken back. */
	NEED_CAP(KVM_CAP_X86_TRIPLE_FAULT_EVENT);
	ASSERT_OK(vm_enable_cap(vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1));
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	ASSERT(events.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	ASSERT_EQ(events.triple_fault.pending, 0);
	events.flags = KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	events.triple_fault.pending = 1;
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	vcpu_exit_is(vcpu, KVM_EXIT_SHUTDOWN);
}

/* --- synchronized registers ------------------------------------------------------------------------------------ */

static void guest_counts(u64 arg)
{
	asm volatile("xor %%ebx, %%ebx\n"
		     "1: inc %%rbx; mov %%rbx, %%rax; outb %%al, $0x90; jmp 1b"
		     : : : "rax", "rbx", "memory");
}

TEST(sync_registers)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_counts, 0);
	struct kvm_run *run = vcpu->run;
	unsigned int all = NEED_CAP(KVM_CAP_SYNC_REGS);

	ASSERT_EQ(all, KVM_SYNC_X86_VALID_FIELDS);
	run->kvm_valid_regs = all << 1;
	ASSERT_EQ(vcpu_run_once(vcpu), -EINVAL);
	run->kvm_valid_regs = 0;
	run->kvm_dirty_regs = ~0ull;
	ASSERT_EQ(vcpu_run_once(vcpu), -EINVAL);
	run->kvm_dirty_regs = 0;
	/* Not asked for: not given. */
	memset(&run->s.regs.regs, 0xcc, sizeof(run->s.regs.regs));
	expect_port(vcpu, true, 0x90, 1, 1);
	ASSERT_EQ(run->s.regs.regs.rbx, 0xcccccccccccccccc);
	run->kvm_valid_regs = all;
	expect_port(vcpu, true, 0x90, 1, 2);
	ASSERT_EQ(run->s.regs.regs.rbx, 2);
	ASSERT_EQ(run->s.regs.sregs.cr3, X86_PML4);
	ASSERT(run->s.regs.sregs.efer & EFER_LMA);
	/* What is changed but not called dirty does not count. */
	run->s.regs.regs.rbx = 50;
	expect_port(vcpu, true, 0x90, 1, 3);
	ASSERT_EQ(run->s.regs.regs.rbx, 3);
	run->s.regs.regs.rbx = 50;
	run->s.regs.sregs.cr2 = 0x1357000;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	expect_port(vcpu, true, 0x90, 1, 51);
	if (!test_quirk("no-cr2"))
		ASSERT_EQ(vcpu_sregs(vcpu).cr2, 0x1357000);
	/* Taken once. */
	ASSERT_EQ(run->kvm_dirty_regs, 0);
	/* Bad ones are refused. */
	run->s.regs.sregs.cr4 |= BIT(63);
	run->kvm_dirty_regs = KVM_SYNC_X86_SREGS;
	ASSERT_EQ(vcpu_run_once(vcpu), -EINVAL);
	run->kvm_dirty_regs = 0;
	expect_port(vcpu, true, 0x90, 1, 52);
}

/* --- disabled exits ---------------------------------------------------------------------------------------------- */

static void guest_pauses(u64 arg)
{
	unsigned int i;

	for (i = 0; i < 1000; i++)
		guest_relax();
}

static void guest_halts_twice(u64 arg)
{
	hlt();
	hlt();
}

TEST(disabled)
{
	struct vm *vm = vm_create(0), *other = vm_create(0);
	int exits = NEED_CAP(KVM_CAP_X86_DISABLE_EXITS);
	struct vcpu *vcpu;

	ASSERT(exits & KVM_X86_DISABLE_EXITS_HLT);
	ASSERT_ERRNO(EINVAL, vm_enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS, BIT(40)));
	ASSERT_OK(vm_enable_cap(vm, KVM_CAP_X86_DISABLE_EXITS, KVM_X86_DISABLE_EXITS_PAUSE));
	vcpu_done(vcpu_create(vm, guest_pauses, 0));
	/* Also after vCPUs have been created, and for them. The next host interrupt ends the second HLT. */
	vcpu = vcpu_create(other, guest_halts_twice, 0);
	vcpu_exit_is(vcpu, KVM_EXIT_HLT);
	ASSERT_OK(vm_enable_cap(other, KVM_CAP_X86_DISABLE_EXITS, exits));
	if (keel_version())
		vcpu_done(vcpu);
}
