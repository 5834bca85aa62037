// SPDX-License-Identifier: GPL-2.0-only
/* Instructions that access a device's memory: the kernel executes them in the CPU's place. */
#include <stdlib.h>
#include "x86.h"

/*
 * The device is a page of bytes, in user space: reads are answered from it and writes change it. So each
 * instruction must have done to the page, and to the registers, what it would have done to memory; the
 * guest compares with doing the same to memory of its own.
 */
#define DEVICE MMIO_GPA

static u8 page[PAGE], shadow[PAGE] __attribute__((aligned(64)));

static bool device(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 offset = run->mmio.phys_addr - DEVICE;

	if (run->exit_reason != KVM_EXIT_MMIO)
		return false;
	ASSERT(run->mmio.len <= 8 && offset + run->mmio.len <= 2 * PAGE);
	/* Its second page is the first again. */
	offset %= PAGE;
	ASSERT(offset + run->mmio.len <= PAGE);
	if (run->mmio.is_write)
		memcpy(page + offset, run->mmio.data, run->mmio.len);
	else
		memcpy(run->mmio.data, page + offset, run->mmio.len);
	return true;
}

/* Runs a guest with the device; @compare: its copy of memory must end up the same as the device. */
static void with_device(guest_fn fn, bool compare)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, fn, 0);
	unsigned int i;
	u8 *memory;

	for (i = 0; i < PAGE; i++)
		page[i] = shadow[i] = i * 17 + i / 256;
	memory = *vm_var(vm, shadow);
	memcpy(memory, shadow, PAGE);
	vcpu->on_exit = device;
	vcpu_start(vcpu);
	vcpu_join(vcpu);
	for (i = 0; compare && i < PAGE; i++)
		ASSERT_MSG(page[i] == memory[i], "byte %#x of the device is %#x, of memory %#x", i,
			   page[i], memory[i]);
}

/* The same instruction on the device and on memory: registers and flags must agree. */
static void same(unsigned int line, u64 device_value, u64 memory_value)
{
	if (device_value != memory_value)
		guest_call(GUEST_FAILED, (u64)"the same as in memory", line, device_value,
			   memory_value);
}

struct result {
	u64 value, flags;
};

#define FLAGS 0x8d5ul	/* CF PF AF ZF SF OF */

/* @text: %0 is a register with @start, %2 the operand in memory. */
#define TRY(text, start, offset, mask)						\
	do {									\
		struct result r[2];						\
		unsigned int i_;						\
										\
		for (i_ = 0; i_ < 2; i_++) {					\
			u8 *at = (i_ ? shadow : (u8 *)DEVICE) + (offset);	\
			u64 value_ = (start), flags_;				\
										\
			/* TEST: the flags before are the same both times. */	\
			asm volatile("test %%rsp, %%rsp; stc; " text "; pushf; pop %1" \
				     : "+a"(value_), "=&r"(flags_)		\
				     : "r"(at), "c"(3ul), "d"(0x55ul)		\
				     : "memory", "cc");				\
			r[i_].value = value_;					\
			r[i_].flags = flags_ & (mask);				\
		}								\
		same(__LINE__, r[0].value, r[1].value);				\
		same(__LINE__, r[0].flags, r[1].flags);				\
	} while (0)

#define ARITHMETIC(op)								\
	do {									\
		TRY(op "b %%al, (%2)", 0x7f, 3, FLAGS);				\
		TRY(op "w %%ax, (%2)", 0x8001, 6, FLAGS);			\
		TRY(op "l %%eax, (%2)", 0xfedcba98, 12, FLAGS);			\
		TRY(op "q %%rax, (%2)", 0x123456789abcdef, 16, FLAGS);		\
		TRY(op "b (%2), %%al", 0x7f, 33, FLAGS);			\
		TRY(op "w (%2), %%ax", 0xffff8001, 36, FLAGS);			\
		TRY(op "l (%2), %%eax", 0xffffffff7edcba98, 44, FLAGS);		\
		TRY(op "q (%2), %%rax", 0x923456789abcdef, 48, FLAGS);		\
		TRY(op "b $0x80, (%2)", 0, 65, FLAGS);				\
		TRY(op "w $0x1234, (%2)", 0, 66, FLAGS);			\
		TRY(op "l $-5, (%2)", 0, 68, FLAGS);				\
		TRY(op "q $-70000, (%2)", 0, 72, FLAGS);			\
	} while (0)

static void guest_arithmetic(u64 arg)
{
	ARITHMETIC("add");
	ARITHMETIC("adc");
	ARITHMETIC("sub");
	ARITHMETIC("sbb");
	ARITHMETIC("xor");
	ARITHMETIC("and");
	ARITHMETIC("or");
	ARITHMETIC("cmp");
	TRY("testb %%al, (%2)", 0x81, 100, FLAGS & ~0x10);
	TRY("testl $0x80000001, (%2)", 0, 104, FLAGS & ~0x10);
	TRY("incb (%2)", 0, 111, FLAGS);
	TRY("decw (%2)", 0, 112, FLAGS);
	TRY("incl (%2)", 0, 116, FLAGS);
	TRY("decq (%2)", 0, 120, FLAGS);
	TRY("notl (%2)", 0, 124, FLAGS);
	TRY("negq (%2)", 0, 128, FLAGS);
	TRY("negb (%2)", 0, 137, FLAGS);
}

TEST(arithmetic)
{
	with_device(guest_arithmetic, true);
}

static void guest_moves(u64 arg)
{
	TRY("movb %%al, (%2)", 0x11223344556677ff, 1, 0);
	TRY("movw %%ax, (%2)", 0x1122334455667788, 2, 0);
	TRY("movl %%eax, (%2)", 0x1122334455667788, 4, 0);
	TRY("movq %%rax, (%2)", 0x1122334455667788, 8, 0);
	TRY("movb (%2), %%al", ~0ul, 16, 0);
	TRY("movb (%2), %%ah", ~0ul, 17, 0);
	TRY("movw (%2), %%ax", ~0ul, 18, 0);
	TRY("movl (%2), %%eax", ~0ul, 20, 0);
	TRY("movq (%2), %%rax", 0, 24, 0);
	TRY("movzbl (%2), %%eax", ~0ul, 33, 0);
	TRY("movzwq (%2), %%rax", ~0ul, 34, 0);
	TRY("movsbq (%2), %%rax", 0, 40, 0);
	TRY("movswl (%2), %%eax", 0, 42, 0);
	TRY("movslq (%2), %%rax", 0, 44, 0);
	TRY("movb $0x5a, (%2)", 0, 48, 0);
	TRY("movl $0x80000001, (%2)", 0, 52, 0);
	TRY("movq $-2, (%2)", 0, 56, 0);
	TRY("xchgb %%al, (%2)", 0x42, 65, 0);
	TRY("xchgq %%rax, (%2)", 0x4242, 72, 0);
	TRY("movbel (%2), %%eax", 0, 80, 0);
	TRY("movbeq %%rax, (%2)", 0x0102030405060708, 88, 0);
	TRY("pushq (%2); popq %%rax", 0, 96, 0);
	TRY("pushq %%rax; popq (%2)", 0x7777, 104, 0);
	TRY("setc (%2)", 0, 110, 0);
	TRY("cmovcl (%2), %%eax", ~0ul, 112, 0);
	TRY("cmovncl (%2), %%eax", ~0ul, 112, 0);
	/* addressing forms */
	TRY("movl 4(%2, %3, 4), %%eax", 0, 128, 0);
	TRY("movb %%al, -1(%2, %3)", 0x5e, 160, 0);
}

TEST(moves)
{
	struct kvm_cpuid_entry2 *leaf = cpuid_leaf(supported_cpuid(), 1, 0);

	if (!(leaf->ecx & BIT(22)))
		test_skip("no MOVBE");
	with_device(guest_moves, true);
}

static void guest_bits(u64 arg)
{
	TRY("shlb $3, (%2)", 0, 1, FLAGS & ~0x810ul);
	TRY("shrw $1, (%2)", 0, 2, FLAGS & ~0x10ul);
	TRY("sarl %%cl, (%2)", 0, 4, FLAGS & ~0x810ul);
	TRY("rolq $1, (%2)", 0, 8, 0x801);
	TRY("rorl %%cl, (%2)", 0, 16, 1);
	TRY("rclq $1, (%2)", 0, 24, 0x801);
	TRY("rcrb $1, (%2)", 0, 33, 0x801);
	TRY("shldl $5, %%eax, (%2)", 0xdeadbeef, 36, FLAGS & ~0x810ul);
	TRY("shrdq %%cl, %%rax, (%2)", 0xdeadbeef, 40, FLAGS & ~0x810ul);
	TRY("btl $3, (%2)", 0, 48, 1);
	TRY("btsl $31, (%2)", 0, 52, 1);
	TRY("btrq $63, (%2)", 0, 56, 1);
	TRY("btcw $9, (%2)", 0, 64, 1);
	/* A bit far outside of the operand. */
	TRY("btsl %%eax, (%2)", 100, 68, 1);
	TRY("btrq %%rax, (%2)", (u64)-70, 96, 1);
	TRY("bsfl (%2), %%eax", 0, 100, 0x40);
	TRY("bsrq (%2), %%rax", 0, 104, 0x40);
	TRY("mull (%2); mov %%rdx, %%rcx; add %%rcx, %%rax; mov $3, %%ecx; mov $0x55, %%edx", 77, 112,
	    0);
	TRY("imull (%2), %%eax", 1234567, 116, 0x801);
	TRY("imulq $-3, (%2), %%rax", 0, 120, 0x801);
	TRY("xor %%edx, %%edx; divl (%2); add %%rdx, %%rax; mov $0x55, %%edx", 0x7fffffff, 128, 0);
	TRY("cqo; idivq (%2); mov $0x55, %%edx", (u64)-5000000000000000000, 136, 0);
}

TEST(bits)
{
	with_device(guest_bits, true);
}

static void guest_locked(u64 arg)
{
	unsigned int i;

	TRY("lock; addl %%eax, (%2)", 0x80000000, 0, FLAGS);
	TRY("lock; incq (%2)", 0, 8, FLAGS);
	TRY("lock; orb $0x81, (%2)", 0, 17, FLAGS & ~0x10);
	TRY("lock; xaddl %%eax, (%2)", 5, 20, FLAGS);
	TRY("xaddb %%al, (%2)", 0xff, 25, FLAGS);
	TRY("lock; btsl $7, (%2)", 0, 28, 1);
	/* The comparison fails, and succeeds with what it has loaded. */
	TRY("lock; cmpxchgl %%edx, (%2)", 0xffffffff, 32, FLAGS);
	TRY("movq (%2), %%rax; lock; cmpxchgq %%rdx, (%2)", 0, 40, FLAGS);
	TRY("movb (%2), %%al; cmpxchgb %%dl, (%2)", 0, 49, FLAGS);
	for (i = 0; i < 2; i++) {
		u64 got[2], zf[2];
		unsigned int j;

		for (j = 0; j < 2; j++) {
			u64 *at = (u64 *)((j ? shadow : (u8 *)DEVICE) + 56);
			u32 low = *(u32 *)(shadow + 56) + i, high = *(u32 *)(shadow + 60);

			asm volatile("lock; cmpxchg8b (%3); setz %%cl; movzbl %%cl, %%ecx"
				     : "+a"(low), "+d"(high), "=c"(zf[j])
				     : "r"(at), "b"(0x11111111), "2"(0x22222222ul)
				     : "memory", "cc");
			got[j] = low | (u64)high << 32;
			if (i == 0 && j == 0)
				*(u64 *)(shadow + 200) = zf[0];
		}
		if (i)
			same(__LINE__, got[0], got[1]);
	}
	*(u64 *)(shadow + 200) = 0;
}

TEST(locked)
{
	with_device(guest_locked, false);
}

/* A locked exchange that fails still writes, or at least does not change, the device. */
static void guest_cmpxchg8b(u64 arg)
{
	u32 low = 0x01010101, high = 0x02020202;
	u8 equal;

	*(volatile u64 *)(DEVICE + 64) = 0x0202020201010101;
	asm volatile("lock; cmpxchg8b (%3); setz %2"
		     : "+a"(low), "+d"(high), "=q"(equal)
		     : "r"(DEVICE + 64), "b"(0x33333333), "c"(0x44444444) : "memory", "cc");
	GUEST_ASSERT_EQ(equal, 1);
	GUEST_ASSERT_EQ(read64(DEVICE + 64), 0x4444444433333333);
	asm volatile("lock; cmpxchg8b (%3); setz %2"
		     : "+a"(low), "+d"(high), "=q"(equal)
		     : "r"(DEVICE + 64), "b"(0x55555555), "c"(0x66666666) : "memory", "cc");
	GUEST_ASSERT_EQ(equal, 0);
	GUEST_ASSERT_EQ(low, 0x33333333);
	GUEST_ASSERT_EQ(high, 0x44444444);
	GUEST_ASSERT_EQ(read64(DEVICE + 64), 0x4444444433333333);
}

TEST(exchange)
{
	with_device(guest_cmpxchg8b, false);
}

static void guest_vectors(u64 arg)
{
	u64 out[4] __attribute__((aligned(32))), in[4] __attribute__((aligned(32))) = { 1, 2, 3, 4 };
	u64 i;

	asm volatile("movdqa (%1), %%xmm4; movdqa %%xmm4, %0"
		     : "=m"(out) : "r"(DEVICE + 16) : "xmm4", "memory");
	for (i = 0; i < 2; i++)
		same(__LINE__, out[i], *(u64 *)(shadow + 16 + 8 * i));
	asm volatile("movups (%1), %%xmm5; movdqa %%xmm5, %0"
		     : "=m"(out) : "r"(DEVICE + 35) : "xmm5", "memory");
	for (i = 0; i < 2; i++)
		same(__LINE__, out[i], *(u64 *)(shadow + 35 + 8 * i));
	asm volatile("movdqa %1, %%xmm14; movaps %%xmm14, (%0); movdqu %%xmm14, 25(%0)"
		     : : "r"(DEVICE + 64), "m"(in) : "xmm14", "memory");
	asm volatile("movdqa %1, %%xmm14; movaps %%xmm14, (%0); movdqu %%xmm14, 25(%0)"
		     : : "r"(shadow + 64), "m"(in) : "xmm14", "memory");
	asm volatile("movntdq %%xmm14, (%0); movnti %1, 16(%0)"
		     : : "r"(DEVICE + 128), "r"(0x123456789ul) : "memory");
	asm volatile("movntdq %%xmm14, (%0); movnti %1, 16(%0)"
		     : : "r"(shadow + 128), "r"(0x123456789ul) : "memory");
	/* movaps wants an aligned address, and says so before it asks the device. */
	GUEST_ASSERT_EQ(CATCH("movaps (%0), %%xmm4", : : "r"(DEVICE + 8)), V_GP);
}

TEST(vectors)
{
	with_device(guest_vectors, true);
}

static void guest_half_vectors(u64 arg)
{
	u64 out[2], value = 0xabcdef0123456789, i;

	asm volatile("movq %1, %%xmm3; movq %%xmm3, (%0); movd %%xmm3, 8(%0)"
		     : : "r"(DEVICE + 128), "r"(value) : "xmm3", "memory");
	asm volatile("movq %1, %%xmm3; movq %%xmm3, (%0); movd %%xmm3, 8(%0)"
		     : : "r"(shadow + 128), "r"(value) : "xmm3", "memory");
	asm volatile("movlps %%xmm3, (%0); movhps %%xmm3, 8(%0)" : : "r"(DEVICE + 192) : "memory");
	asm volatile("movlps %%xmm3, (%0); movhps %%xmm3, 8(%0)" : : "r"(shadow + 192) : "memory");
	/* A load of half a register clears the rest, or leaves it. */
	asm volatile("pcmpeqd %%xmm2, %%xmm2; movq (%1), %%xmm2; movdqu %%xmm2, %0"
		     : "=m"(out) : "r"(DEVICE + 40) : "xmm2", "memory");
	same(__LINE__, out[0], *(u64 *)(shadow + 40));
	same(__LINE__, out[1], 0);
	asm volatile("pcmpeqd %%xmm2, %%xmm2; movhps (%1), %%xmm2; movdqu %%xmm2, %0"
		     : "=m"(out) : "r"(DEVICE + 40) : "xmm2", "memory");
	for (i = 0; i < 2; i++)
		same(__LINE__, out[i], i ? *(u64 *)(shadow + 40) : ~0ull);
}

/* Linux's emulator does not know these. */
TEST(half_vectors)
{
	if (!keel_version())
		test_skip("not Keel");
	with_device(guest_half_vectors, true);
}

static void guest_avx(u64 arg)
{
	u64 out[4], in[4] = { 0x1111111111111111, 2, 3, 0x4444444444444444 }, i;

	write_cr4(read_cr4() | CR4_OSXSAVE);
	asm volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
	asm volatile("vmovdqu (%1), %%ymm4; vmovdqu %%ymm4, %0"
		     : "=m"(out) : "r"(DEVICE + 17) : "memory");
	for (i = 0; i < 4; i++)
		same(__LINE__, out[i], *(u64 *)(shadow + 17 + 8 * i));
	asm volatile("vmovdqu %1, %%ymm9; vmovdqu %%ymm9, (%0); vmovups %%xmm9, 40(%0)"
		     : : "r"(DEVICE + 64), "m"(in) : "memory");
	asm volatile("vmovdqu %1, %%ymm9; vmovdqu %%ymm9, (%0); vmovups %%xmm9, 40(%0)"
		     : : "r"(shadow + 64), "m"(in) : "memory");
	/* A load into the lower half clears the upper. */
	asm volatile("vmovdqu (%1), %%xmm9; vmovdqu %%ymm9, %0"
		     : "=m"(out) : "r"(DEVICE + 256) : "memory");
	same(__LINE__, out[0], *(u64 *)(shadow + 256));
	same(__LINE__, out[2] | out[3], 0);
}

/* Linux's emulator knows no VEX prefix: this is Keel's. */
TEST(avx)
{
	if (!cpu_has_avx())
		test_skip("no AVX");
	if (!keel_version())
		test_skip("not Keel");
	with_device(guest_avx, true);
}

static void guest_strings(u64 arg)
{
	u8 *di, *si;
	u64 n, i, ax;

	/* From memory to the device, from the device to memory, over a page's end. */
	for (i = 0; i < 3000; i++)
		shadow[i] = i * 13;
	di = (u8 *)DEVICE + 2000;
	si = shadow;
	n = 3000;
	asm volatile("cld; rep movsb" : "+D"(di), "+S"(si), "+c"(n) : : "memory");
	GUEST_ASSERT_EQ(n, 0);
	GUEST_ASSERT_EQ((u64)di, DEVICE + 5000);
	GUEST_ASSERT_EQ((u64)si, (u64)shadow + 3000);
	for (i = 0; i < 3000; i += 100)
		GUEST_ASSERT_EQ(read8(DEVICE + 2000 + i), (u8)(i * 13));
	di = shadow;
	si = (u8 *)DEVICE + 2001;
	n = 100;
	asm volatile("rep movsq" : "+D"(di), "+S"(si), "+c"(n) : : "memory");
	for (i = 0; i < 800; i++)
		GUEST_ASSERT_EQ(shadow[i], (u8)((i + 1) * 13));
	/* From the device to itself, and filling it. */
	di = (u8 *)DEVICE + 100;
	si = (u8 *)DEVICE + 2000;
	n = 20;
	asm volatile("rep movsl" : "+D"(di), "+S"(si), "+c"(n) : : "memory");
	GUEST_ASSERT_EQ(read32(DEVICE + 176), read32(DEVICE + 2076));
	di = (u8 *)DEVICE + 300;
	n = 30;
	asm volatile("rep stosw" : "+D"(di), "+c"(n) : "a"(0x7e57) : "memory");
	GUEST_ASSERT_EQ(read16(DEVICE + 358), 0x7e57);
	GUEST_ASSERT_EQ((u64)di, DEVICE + 360);
	/* Loading, comparing and searching. */
	si = (u8 *)DEVICE + 300;
	asm volatile("xor %%eax, %%eax; lodsw" : "+S"(si), "=a"(ax) : : "memory");
	GUEST_ASSERT_EQ(ax, 0x7e57);
	write8(DEVICE + 330, 0x11);
	di = (u8 *)DEVICE + 300;
	n = 100;
	asm volatile("repne scasb" : "+D"(di), "+c"(n) : "a"(0x11) : "memory", "cc");
	GUEST_ASSERT_EQ((u64)di, DEVICE + 331);
	GUEST_ASSERT_EQ(n, 69);
	di = (u8 *)DEVICE + 100;
	si = (u8 *)DEVICE + 2000;
	n = 200;
	asm volatile("repe cmpsb" : "+D"(di), "+S"(si), "+c"(n) : : "memory", "cc");
	GUEST_ASSERT_EQ((u64)di, DEVICE + 181);
	/* Backwards. */
	di = (u8 *)DEVICE + 400;
	n = 4;
	asm volatile("std; rep stosb; cld" : "+D"(di), "+c"(n) : "a"(0xaa) : "memory");
	GUEST_ASSERT_EQ(read32(DEVICE + 397), 0xaaaaaaaa);
	GUEST_ASSERT_EQ((u64)di, DEVICE + 396);
}

TEST_SECONDS(strings, 60)
{
	with_device(guest_strings, false);
}

/* Accesses that cross from memory into the device, and out of it. */
static void guest_crosses(u64 arg)
{
	u64 border = SLOT_GPA + PAGE;

	write64(border - 3, 0x1122334455667788);
	GUEST_ASSERT_EQ(read64(border - 3), 0x1122334455667788);
	GUEST_ASSERT_EQ(read8(border - 1), 0x66);
	write32(border - 2, 0xa1b2c3d4);
	GUEST_ASSERT_EQ(read32(border - 2), 0xa1b2c3d4);
}

static u8 beyond[16];

static bool beyond_device(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 offset = run->mmio.phys_addr - SLOT_GPA - PAGE;

	if (run->exit_reason != KVM_EXIT_MMIO || offset + run->mmio.len > sizeof(beyond))
		return false;
	if (run->mmio.is_write)
		memcpy(beyond + offset, run->mmio.data, run->mmio.len);
	else
		memcpy(run->mmio.data, beyond + offset, run->mmio.len);
	return true;
}

TEST(crossing)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_crosses, 0);
	u8 *mem = host_memory(PAGE, 2 * MB);

	vm_add_slot(vm, 1, 0, SLOT_GPA, PAGE, mem);
	vcpu->on_exit = beyond_device;
	vcpu_start(vcpu);
	vcpu_join(vcpu);
	ASSERT_EQ(*(u16 *)(mem + PAGE - 2), 0xc3d4);
	ASSERT_EQ(mem[PAGE - 3], 0x88);
	ASSERT_EQ(*(u32 *)beyond, 0x2233a1b2);
	ASSERT_EQ(beyond[4], 0x11);
}

/* --- exceptions that the kernel must raise -------------------------------------------------------------------- */

static u64 strict, with_cr2;

static void cr2_is(u64 address)
{
	if (READ(with_cr2))
		GUEST_ASSERT_EQ(READ(guest_caught.cr2), address);
}

static void guest_faults(u64 arg)
{
	u64 *pd = (u64 *)X86_PD, device_pd = DEVICE / (2 * MB), value;

	/* The source is the device, the destination not mapped. */
	pd[100] = 0;
	invlpg(200 * MB);
	GUEST_ASSERT_EQ(CATCH("movsb", : : "S"(DEVICE), "D"(200 * MB)), V_PF);
	cr2_is(200 * MB);
	GUEST_ASSERT_EQ(READ(guest_caught.code), 2);
	/* Mapped for reading only. */
	pd[100] = 0x81;
	GUEST_ASSERT_EQ(CATCH("movsb", : : "S"(DEVICE), "D"(200 * MB + 5)), V_PF);
	cr2_is(200 * MB + 5);
	GUEST_ASSERT_EQ(READ(guest_caught.code), 3);
	/* The device itself, for reading only: the CPU notices first. */
	pd[device_pd] &= ~2ull;
	invlpg(DEVICE);
	GUEST_ASSERT_EQ(read8(DEVICE + 1), 17);
	GUEST_ASSERT_EQ(CATCH("movb $1, 1(%0)", : : "r"(DEVICE)), V_PF);
	GUEST_ASSERT_EQ(READ(guest_caught.code), 3);
	if (READ(strict))
		GUEST_ASSERT_EQ(CATCH("addl $1, 1(%0)", : : "r"(DEVICE)), V_PF);
	pd[device_pd] |= 2;
	invlpg(DEVICE);
	/* Division of what the device says. */
	write32(DEVICE + 64, 0);
	GUEST_ASSERT_EQ(CATCH("divl (%0)", : : "r"(DEVICE + 64), "a"(1), "d"(0)), V_DE);
	/* Not canonical, at the other end of a copy. */
	GUEST_ASSERT_EQ(CATCH("movsb", : : "S"(DEVICE), "D"(1ul << 63)), V_GP);
	/* A lock where none may be. */
	GUEST_ASSERT_EQ(CATCH(".byte 0xf0; movl %%eax, (%0)", : : "r"(DEVICE)), V_UD);
	/* The string operation stops where it faults, and says how far it came. */
	pd[100] = 0;
	invlpg(200 * MB);
	{
		u64 si = DEVICE, di = 200 * MB - 4, n = 10;
		s64 trap;

		pd[99] = (SLOT_GPA) | 0x83;
		invlpg(200 * MB - 4);
		trap = CATCH("rep movsb", : "+S"(si), "+D"(di), "+c"(n) :);
		GUEST_ASSERT_EQ(trap, V_PF);
		GUEST_ASSERT_EQ(n, 6);
		GUEST_ASSERT_EQ(di, 200 * MB);
		GUEST_ASSERT_EQ(si, DEVICE + 4);
	}
	/* Nothing is left of all that. */
	asm volatile("movq (%1), %0" : "=r"(value) : "r"(DEVICE + 8));
	GUEST_ASSERT_EQ(value & 0xff, 8 * 17);
}

TEST(faults)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_faults, 0);
	unsigned int i;

	/*
	 * A CPU checks for writing before it reads what it will write, QEMU's does not; Linux relies on
	 * it and Keel checks by itself.
	 */
	*vm_var(vm, strict) = keel_version();
	*vm_var(vm, with_cr2) = !test_quirk("no-cr2");
	vm_add_slot(vm, 1, 0, SLOT_GPA, 2 * MB, host_memory(2 * MB, 2 * MB));
	for (i = 0; i < PAGE; i++)
		page[i] = i * 17;
	vcpu->on_exit = device;
	vcpu_start(vcpu);
	vcpu_join(vcpu);
}

/* Code that lies in the device, and cannot be executed there: the kernel says so. */
static void guest_runs_device(u64 arg)
{
	((void (*)(void))DEVICE)();
}

TEST(code_in_device)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_runs_device, 0);

	ASSERT_EQ(vcpu_run_once(vcpu), 0);
	ASSERT_EQ(vcpu->run->exit_reason, KVM_EXIT_INTERNAL_ERROR);
	ASSERT_EQ(vcpu->run->internal.suberror, KVM_INTERNAL_ERROR_EMULATION);
}

/* Instructions that always exit: CR moves, descriptor tables, INVLPG, WBINVD, HLT at ring 3. */
static void guest_system(u64 trap_of_monitor)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4(), value;
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) table;

	write_cr0(cr0 | CR0_TS);
	GUEST_ASSERT(read_cr0() & CR0_TS);
	GUEST_ASSERT_EQ(CATCH("movaps %%xmm0, %%xmm1", : :), V_NM);
	asm volatile("clts");
	GUEST_ASSERT_EQ(read_cr0(), cr0);
	write_cr0(cr0 | CR0_EM);
	GUEST_ASSERT_EQ(CATCH("movaps %%xmm0, %%xmm1", : :), V_UD);
	write_cr0(cr0);
	GUEST_ASSERT_EQ(CATCH("mov %0, %%cr0", : : "r"(cr0 & ~CR0_PE)), V_GP);
	GUEST_ASSERT_EQ(CATCH("mov %0, %%cr0", : : "r"(cr0 | CR0_NW)), V_GP);
	GUEST_ASSERT_EQ(CATCH("mov %0, %%cr4", : : "r"(cr4 & ~CR4_PAE)), V_GP);
	GUEST_ASSERT_EQ(CATCH("mov %0, %%cr4", : : "r"(cr4 | BIT(29))), V_GP);
	GUEST_ASSERT_EQ(read_cr4(), cr4);
	asm volatile("smsw %0" : "=r"(value));
	GUEST_ASSERT_EQ(value & 0xffff, cr0 & 0xffff);
	asm volatile("sgdt %0" : "=m"(table));
	GUEST_ASSERT_EQ(table.base, X86_GDT);
	GUEST_ASSERT_EQ(table.limit, PAGE - 1);
	asm volatile("lgdt %0" : : "m"(table));
	asm volatile("sidt %0; lidt %0" : "+m"(table));
	GUEST_ASSERT_EQ(table.base, X86_IDT);
	asm volatile("wbinvd" : : : "memory");
	write_cr3(read_cr3());
	invlpg(0);
	asm volatile("str %w0" : "=r"(value));
	GUEST_ASSERT_EQ((u16)value, SEL_TSS);
	asm volatile("sldt %w0" : "=r"(value));
	/* Not there, or not for guests. */
	GUEST_ASSERT_EQ(CATCH("vmrun", : : "a"(0x1000)), V_UD);
	GUEST_ASSERT_EQ(CATCH("rsm", : :), V_UD);
	/* MONITOR does nothing, or is not there: as user space wants it. */
	GUEST_ASSERT_EQ(CATCH("monitor", : : "a"(X86_FREE), "c"(0), "d"(0)), trap_of_monitor);
}

TEST(system)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid();
	struct vm *vm = vm_create(0);

	/* No nested guests here, whatever the host offers. */
	if (cpuid_leaf(cpuid, 0x80000001, 0))
		cpuid_leaf(cpuid, 0x80000001, 0)->ecx &= ~BIT(2);
	vcpu_done(vcpu_create(vm, guest_system, -1));
	if (!(kvm_cap(KVM_CAP_DISABLE_QUIRKS2) & KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS))
		return;
	vm = vm_create(0);
	ASSERT_OK(vm_enable_cap(vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS));
	vcpu_done(vcpu_create(vm, guest_system, V_UD));
}
