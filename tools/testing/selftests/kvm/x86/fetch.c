// SPDX-License-Identifier: GPL-2.0-only
/* Instructions that the kernel fetches itself: where the guest's page tables and user space's slots lead now. */
#include "x86.h"

/*
 * Linear WINDOW is mapped by a table of the guest's own. What it leads to is changed again and again: each time
 * the kernel must find the page that the CPU has executed from, or accessed.
 */
#define WINDOW	0x80000000ul
#define ROUNDS	4

static u8 code_short[PAGE] __attribute__((aligned(4096)));	/* cpuid; ret */
static u8 code_long[PAGE] __attribute__((aligned(4096)));	/* rex.w cpuid; ret */
static u64 window_table[512] __attribute__((aligned(4096)));

static void map_window(u64 gpa)
{
	WRITE(window_table[0], gpa | 7);
	write64(X86_PD + 2 * PAGE, (u64)window_table | 7);
	invlpg(WINDOW);
}

static u32 call_window(void)
{
	u32 eax = 0, ebx, ecx = 0, edx;

	asm volatile("call *%4" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx) : "r"(WINDOW)
		     : "memory");
	return eax;
}

static const u8 one[4] = { 0x0f, 0xa2, 0xc3 }, two[4] = { 0x48, 0x0f, 0xa2, 0xc3 };

static void set_code(u8 *page, const u8 *code)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		WRITE(page[i], code[i]);
}

/* A length of the other page's instruction would lead into the middle of this one's, or past its RET. */
static void guest_remap(u64 arg)
{
	unsigned int i;
	u32 leaves;

	set_code(code_short, one);
	set_code(code_long, two);
	map_window((u64)code_short);
	leaves = call_window();
	GUEST_ASSERT(leaves);
	for (i = 0; i < ROUNDS; i++) {
		map_window((u64)code_long);
		GUEST_ASSERT_EQ(call_window(), leaves);
		GUEST_ASSERT_EQ(call_window(), leaves);
		map_window((u64)code_short);
		GUEST_ASSERT_EQ(call_window(), leaves);
		GUEST_ASSERT_EQ(call_window(), leaves);
	}
}

TEST(remapped_code)
{
	vcpu_done(vcpu_create(vm_create(0), guest_remap, 0));
}

/* The same page, other bytes. */
static void guest_rewrite(u64 arg)
{
	unsigned int i;
	u32 leaves;

	set_code(code_short, one);
	map_window((u64)code_short);
	leaves = call_window();
	for (i = 0; i < 2 * ROUNDS; i++) {
		set_code(code_short, i & 1 ? one : two);
		GUEST_ASSERT_EQ(call_window(), leaves);
		GUEST_ASSERT_EQ(call_window(), leaves);
	}
}

TEST(rewritten_code)
{
	vcpu_done(vcpu_create(vm_create(0), guest_rewrite, 0));
}

static void guest_two_slots(u64 arg)
{
	u32 leaves;

	map_window(SLOT_GPA);
	leaves = call_window();
	for (;;) {
		guest_sync(0);
		invlpg(WINDOW);
		GUEST_ASSERT_EQ(call_window(), leaves);
		GUEST_ASSERT_EQ(call_window(), leaves);
	}
}

/* User space puts other memory behind the same guest page. */
TEST(replaced_slot)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_two_slots, 0);
	u8 *memory[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		memory[i] = host_memory(PAGE, PAGE);
		memcpy(memory[i], i ? two : one, sizeof(one));
	}
	vm_add_slot(vm, 1, 0, SLOT_GPA, PAGE, memory[0]);
	for (i = 1; i <= 2 * ROUNDS; i++) {
		vcpu_sync(vcpu);
		vm_add_slot(vm, 1, 0, SLOT_GPA, 0, NULL);
		vm_add_slot(vm, 1, 0, SLOT_GPA, PAGE, memory[i & 1]);
	}
	vcpu_sync(vcpu);
}

/* A page table without the accessed and dirty bits: an emulated access sets them, each time. */
static void guest_accessed(u64 arg)
{
	unsigned int i;

	map_window(MMIO_GPA);
	for (i = 0; i < ROUNDS; i++) {
		WRITE(window_table[0], MMIO_GPA | 7);
		invlpg(WINDOW);
		/* Not a plain move: the emulator translates the address itself. */
		asm volatile("andl $0, (%0)" : : "r"(WINDOW) : "memory");
		GUEST_ASSERT_EQ(READ(window_table[0]) & 0x60, 0x60);
	}
}

static bool any_mmio(struct vcpu *vcpu)
{
	return vcpu->run->exit_reason == KVM_EXIT_MMIO;
}

TEST(accessed)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_accessed, 0);

	vcpu->on_exit = any_mmio;
	vcpu_start(vcpu);
	vcpu_join(vcpu);
}

#define DEVICES 3

/* One instruction, and one linear address, for several devices. */
static void guest_devices(u64 arg)
{
	unsigned int i, which;
	u32 value;

	for (i = 0; i < ROUNDS * DEVICES; i++) {
		which = i % DEVICES;
		map_window(MMIO_GPA + which * PAGE);
		asm volatile("movl %1, 8(%0)" : : "r"(WINDOW), "r"(which) : "memory");
		asm volatile("movl 16(%1), %0" : "=r"(value) : "r"(WINDOW) : "memory");
		GUEST_ASSERT_EQ(value, 0x80000000 + which);
		asm volatile("xorl %1, 24(%0)" : : "r"(WINDOW), "r"(which) : "memory");
	}
}

static unsigned int seen;

static bool devices(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned int which = seen / 4 % DEVICES;
	u32 value = 0x80000000 + which;
	/* of a write, a read, and the read and write of XOR */
	static const u8 offsets[4] = { 8, 16, 24, 24 };

	if (run->exit_reason != KVM_EXIT_MMIO)
		return false;
	ASSERT_EQ(run->mmio.phys_addr, MMIO_GPA + which * PAGE + offsets[seen % 4]);
	ASSERT_EQ(run->mmio.len, 4);
	ASSERT_EQ(run->mmio.is_write, seen % 4 == 0 || seen % 4 == 3);
	if (!run->mmio.is_write)
		memcpy(run->mmio.data, &value, 4);
	else if (seen % 4 == 0)
		ASSERT_EQ(*(u32 *)run->mmio.data, which);
	seen++;
	return true;
}

TEST(remapped_devices)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_devices, 0);

	vcpu->on_exit = devices;
	vcpu_start(vcpu);
	vcpu_join(vcpu);
	ASSERT_EQ(seen, 4 * ROUNDS * DEVICES);
}
