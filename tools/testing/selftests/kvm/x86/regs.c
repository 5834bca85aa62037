// SPDX-License-Identifier: GPL-2.0-only
/* Registers: what is set is read back, and the guest has it. */
#include <stdlib.h>
#include "x86.h"

static void guest_nothing(u64 arg)
{
	for (;;)
		guest_sync(0);
}

static struct vcpu *idle_vcpu(unsigned int flags)
{
	return vcpu_create(vm_create(flags), guest_nothing, 0);
}

TEST(general)
{
	struct vcpu *vcpu = idle_vcpu(0);
	struct kvm_regs regs, back;
	u64 *word = (u64 *)&regs, seed = 1;
	unsigned int i;

	for (i = 0; i < sizeof(regs) / 8; i++)
		word[i] = random_next(&seed);
	regs.rflags = 0x2 | BIT(0) | BIT(6) | BIT(18);
	vcpu_set_regs(vcpu, &regs);
	back = vcpu_regs(vcpu);
	ASSERT(!memcmp(&regs, &back, sizeof(regs)));
	/* Bit 1 of RFLAGS is always set. */
	regs.rflags = 0;
	vcpu_set_regs(vcpu, &regs);
	ASSERT_EQ(vcpu_regs(vcpu).rflags, 2);
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_GET_REGS, (void *)8));
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_SET_REGS, (void *)8));
}

/* Guest: changes every general register, and stops; the host turns the values round. */
static void guest_registers(u64 arg)
{
	u64 sum = 0;

	asm volatile("mov $1, %%rbx; mov $2, %%rcx; mov $3, %%rsi; mov $4, %%rdi\n\t"
		     "mov $5, %%r8; mov $6, %%r9; mov $7, %%r10; mov $8, %%r11\n\t"
		     "mov $9, %%r12; mov $10, %%r13; mov $11, %%r14; mov $12, %%r15\n\t"
		     "mov $0x99, %%eax; outb %%al, $0x99\n\t"
		     "lea (%%rbx, %%rcx), %%rax; add %%rsi, %%rax; add %%rdi, %%rax\n\t"
		     "add %%r8, %%rax; add %%r9, %%rax; add %%r10, %%rax; add %%r11, %%rax\n\t"
		     "add %%r12, %%rax; add %%r13, %%rax; add %%r14, %%rax; add %%r15, %%rax"
		     : "=a"(sum) : : "rbx", "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
		       "r13", "r14", "r15", "memory");
	guest_sync(sum);
}

TEST(general_guest)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_registers, 0);
	struct kvm_regs regs;

	vcpu_exit_is(vcpu, KVM_EXIT_IO);
	regs = vcpu_regs(vcpu);
	ASSERT_EQ(regs.rax, 0x99);
	ASSERT_EQ(regs.rbx, 1);
	ASSERT_EQ(regs.rcx, 2);
	ASSERT_EQ(regs.rsi, 3);
	ASSERT_EQ(regs.rdi, 4);
	ASSERT_EQ(regs.r8, 5);
	ASSERT_EQ(regs.r11, 8);
	ASSERT_EQ(regs.r12, 9);
	ASSERT_EQ(regs.r15, 12);
	regs.rbx = 1000;
	regs.rcx = 1 << 20;
	regs.rsi = regs.rdi = regs.r8 = regs.r9 = 1ull << 40;
	regs.r10 = regs.r11 = regs.r12 = regs.r13 = 3;
	regs.r14 = 5ull << 50;
	regs.r15 = 9;
	vcpu_set_regs(vcpu, &regs);
	vcpu_sync_is(vcpu, 1000 + (1 << 20) + (4ull << 40) + 12 + (5ull << 50) + 9);
	vcpu_done(vcpu);
}

TEST(system)
{
	struct vcpu *vcpu = idle_vcpu(VM_IRQCHIP);
	struct kvm_sregs sregs = vcpu_sregs(vcpu), back, bad;

	vcpu_sync(vcpu);
	sregs.fs.base = 0x1234567890;
	sregs.gs.base = 0x7fff00001000;
	sregs.gdt.limit = 0x5f;
	sregs.idt.base = 0x123000;
	sregs.cr2 = 0xdeadbeef000;
	sregs.cr8 = 7;
	sregs.ldt = (struct kvm_segment){ .base = 0x5000, .limit = 0xff, .selector = 0x60, .type = 2,
					  .present = 1 };
	vcpu_set_sregs(vcpu, &sregs);
	back = vcpu_sregs(vcpu);
	ASSERT_EQ(back.fs.base, sregs.fs.base);
	ASSERT_EQ(back.gs.base, sregs.gs.base);
	ASSERT_EQ(back.gdt.limit, 0x5f);
	ASSERT_EQ(back.idt.base, 0x123000);
	ASSERT_EQ(back.cr2, sregs.cr2);
	ASSERT_EQ(back.cr8, 7);
	ASSERT_EQ(back.ldt.selector, 0x60);
	ASSERT_EQ(back.ldt.base, 0x5000);
	ASSERT_EQ(back.cr0, sregs.cr0);
	ASSERT_EQ(back.cr3, sregs.cr3);
	ASSERT_EQ(back.cr4, sregs.cr4);
	ASSERT_EQ(back.efer, sregs.efer);
	ASSERT_EQ(back.cs.l, 1);
	ASSERT_EQ(back.cs.selector, SEL_CODE64);
	ASSERT_EQ(back.tr.base, sregs.tr.base);
	ASSERT_EQ(back.apic_base & 0xfffff000, 0xfee00000);
	/* What a CPU would refuse: each leaves everything as it was. */
#define REFUSED(change)								\
	do {									\
		bad = sregs;							\
		change;								\
		bad.cr2 = 0x999;						\
		ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_SREGS, &bad));	\
		back = vcpu_sregs(vcpu);					\
		ASSERT_EQ(back.cr2, sregs.cr2);					\
		ASSERT_EQ(back.cr4, sregs.cr4);					\
	} while (0)
	REFUSED(bad.cr4 |= BIT(29));
	REFUSED(bad.cr4 |= BIT(63));
	REFUSED(bad.cr0 |= BIT(32));
	REFUSED(bad.cr4 &= ~CR4_PAE);
	REFUSED(bad.cr3 |= 1ull << 52);
	/* Linux takes this one. */
	if (keel_version())
		REFUSED(bad.efer |= BIT(5));
}

TEST(system2)
{
	struct vcpu *vcpu = idle_vcpu(0);
	struct kvm_sregs2 sregs, back;

	NEED_CAP(KVM_CAP_SREGS2);
	vcpu_sync(vcpu);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_SREGS2, &sregs));
	ASSERT_EQ(sregs.flags, 0);	/* no PDPTRs in long mode */
	sregs.fs.base = 0x4242;
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_SREGS2, &sregs));
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_SREGS2, &back));
	ASSERT_EQ(back.fs.base, 0x4242);
	ASSERT_EQ(back.cr3, sregs.cr3);
	vcpu_sync(vcpu);
	/* PDPTRs belong to PAE paging, not to this mode. */
	sregs.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_SREGS2, &sregs));
}

/* PAE paging: the four pointers are read and set with the other registers. */
TEST(pae)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_bare(vm, 0);
	struct kvm_sregs2 sregs, back;
	u64 *pdpt = vm_hva(vm, X86_PDPT);
	unsigned int i;
	/* mov eax, [0x40000010]; add eax, 5; out 0x80, eax; hlt */
	static const u8 code[] = { 0xa1, 0x10, 0x00, 0x00, 0x40, 0x83, 0xc0, 0x05, 0xe7, 0x80, 0xf4 };
	u32 *mem = host_memory(PAGE, PAGE);

	NEED_CAP(KVM_CAP_SREGS2);
	vcpu_set_cpuid(vcpu, supported_cpuid());
	vm_add_slot(vm, 1, 0, SLOT_GPA, PAGE, mem);
	mem[4] = 100;
	memcpy(vm_hva(vm, 0x1000), code, sizeof(code));
	for (i = 0; i < 4; i++)
		pdpt[i] = (X86_PD + i * PAGE) | 1;	/* other bits are reserved here */
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_SREGS2, &sregs));
	sregs.cs = (struct kvm_segment){ .limit = ~0u, .selector = SEL_CODE32, .type = 11,
					 .present = 1, .db = 1, .s = 1, .g = 1 };
	sregs.ds = (struct kvm_segment){ .limit = ~0u, .selector = SEL_DATA, .type = 3,
					 .present = 1, .db = 1, .s = 1, .g = 1 };
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	sregs.cr3 = X86_PDPT;
	sregs.cr4 = CR4_PAE;
	sregs.efer = 0;
	sregs.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	for (i = 0; i < 4; i++)
		sregs.pdptrs[i] = pdpt[i];
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_SREGS2, &sregs));
	vcpu_set_regs(vcpu, &(struct kvm_regs){ .rip = 0x1000, .rflags = 2 });
	vcpu_exit_is(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(*(u32 *)((u8 *)vcpu->run + vcpu->run->io.data_offset), 105);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_SREGS2, &back));
	ASSERT_EQ(back.flags, KVM_SREGS2_FLAGS_PDPTRS_VALID);
	for (i = 0; i < 4; i++)
		/* QEMU TCG sets "accessed" in a PDPTE, which has no such bit */
		ASSERT_EQ(back.pdptrs[i] & ~0x20ull, (X86_PD + i * PAGE) | 1);
}

/* --- FPU -------------------------------------------------------------------------------------------- */

static void guest_fpu(u64 arg)
{
	u64 value = 0;

	for (;;) {
		asm volatile("movq %%xmm3, %0" : "=r"(value));
		guest_sync(value);
		asm volatile("movq %0, %%xmm3" : : "r"(value * 3) : "xmm3");
		guest_sync(value * 3);
	}
}

TEST(fpu)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_fpu, 0);
	struct kvm_fpu fpu, back;
	u64 value = 0x1111222233334444;

	vcpu_sync(vcpu);
	vcpu_sync(vcpu);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_FPU, &fpu));
	memcpy(fpu.xmm[3], &value, 8);
	fpu.fpr[2][0] = 0x5a;
	fpu.fcw = 0x27f;
	fpu.ftwx = 4;
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_FPU, &fpu));
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_FPU, &back));
	ASSERT(!memcmp(fpu.xmm, back.xmm, sizeof(fpu.xmm)));
	ASSERT(!memcmp(fpu.fpr, back.fpr, 10));
	ASSERT_EQ(back.fcw, 0x27f);
	/* The guest has it, and what the guest does with it is read back. */
	vcpu_sync_is(vcpu, value);
	vcpu_sync_is(vcpu, value * 3);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_FPU, &back));
	ASSERT_EQ(*(u64 *)back.xmm[3], value * 3);
	ASSERT_EQ(back.fpr[2][0], 0x5a);
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_SET_FPU, (void *)8));
}

static void guest_keeps_xmm(u64 seed)
{
	u64 low, i;

	for (i = 0;; i++) {
		asm volatile("movq %0, %%xmm5; movq %0, %%xmm15" : : "r"(seed + i) : "xmm5", "xmm15");
		guest_sync(i);
		asm volatile("movq %%xmm5, %0" : "=r"(low));
		GUEST_ASSERT_EQ(low, seed + i);
		asm volatile("movq %%xmm15, %0" : "=r"(low));
		GUEST_ASSERT_EQ(low, seed + i);
	}
}

/* Two guests and a host that uses the same registers, on the same CPUs. */
TEST(fpu_switch)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpus[2] = { vcpu_create(vm, guest_keeps_xmm, 0x1000),
				  vcpu_create(vm, guest_keeps_xmm, 0x900000) };
	u64 mine = 0x77777, low;
	unsigned int i;

	for (i = 0; i < 200; i++) {
		asm volatile("movq %0, %%xmm5; movq %0, %%xmm15" : : "r"(mine + i)
			     : "xmm5", "xmm15");
		ASSERT_EQ(vcpu_run_once(vcpus[i & 1]), 0);
		asm volatile("movq %%xmm15, %0" : "=r"(low));
		ASSERT_EQ(low, mine + i);
		ASSERT(vcpu_called(vcpus[i & 1]) && vcpus[i & 1]->call.what == GUEST_SYNC);
	}
}

TEST(xsave)
{
	struct vcpu *vcpu = idle_vcpu(0);
	int size = kvm_cap(KVM_CAP_XSAVE2);
	struct kvm_xsave *area = calloc(1, size > 4096 ? size : 4096);
	struct kvm_xsave *back = calloc(1, size > 4096 ? size : 4096);
	u64 value = 0xabcdabcdabcd, bv;

	NEED_CAP(KVM_CAP_XSAVE);
	vcpu_sync(vcpu);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_XSAVE, area));
	memcpy((u8 *)area + 160 + 16, &value, 8);	/* XMM1 */
	memcpy(&bv, (u8 *)area + 512, 8);
	bv |= 2;
	memcpy((u8 *)area + 512, &bv, 8);
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_XSAVE, area));
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_XSAVE, back));
	ASSERT(!memcmp((u8 *)back + 160 + 16, &value, 8));
	ASSERT(!memcmp((u8 *)area + 160, (u8 *)back + 160, 256));
	if (size) {
		ASSERT(size >= 4096);
		memset(back, 0, size);
		ASSERT_OK(ioctl(vcpu->fd, KVM_GET_XSAVE2, back));
		ASSERT(!memcmp((u8 *)back + 160 + 16, &value, 8));
	}
	/* A component that does not exist, and a header that XRSTOR would refuse. */
	bv |= BIT(50);
	memcpy((u8 *)area + 512, &bv, 8);
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_XSAVE, area));
	bv &= ~BIT(50);
	memcpy((u8 *)area + 512, &bv, 8);
	memset((u8 *)area + 24, 0xff, 4);	/* reserved bits of MXCSR */
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_XSAVE, area));
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_GET_XSAVE, (void *)8));
}

static void guest_xcr0(u64 value)
{
	u32 low, high;

	write_cr4(read_cr4() | CR4_OSXSAVE);
	asm volatile("xsetbv" : : "a"((u32)value), "d"(0), "c"(0));
	guest_sync(1);
	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	guest_sync(low);
	/* What the architecture forbids. */
	GUEST_ASSERT_EQ(CATCH("xsetbv", : : "a"(0), "d"(0), "c"(0)), V_GP);
	GUEST_ASSERT_EQ(CATCH("xsetbv", : : "a"(5), "d"(0), "c"(0)), V_GP);
	GUEST_ASSERT_EQ(CATCH("xsetbv", : : "a"(1), "d"(0), "c"(1)), V_GP);
	GUEST_ASSERT_EQ(CATCH("xsetbv", : : "a"(1), "d"(0x40000000), "c"(0)), V_GP);
	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	guest_sync(low);
}

TEST(xcrs)
{
	u64 value = cpu_has_avx() ? 7 : 3;
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_xcr0, value);
	struct kvm_xcrs xcrs = { 0 };

	NEED_CAP(KVM_CAP_XCRS);
	if (!(cpuid_leaf(supported_cpuid(), 1, 0)->ecx & BIT(26)))
		test_skip("no XSAVE");
	vcpu_sync(vcpu);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_XCRS, &xcrs));
	ASSERT_EQ(xcrs.nr_xcrs, 1);
	ASSERT_EQ(xcrs.xcrs[0].xcr, 0);
	ASSERT_EQ(xcrs.xcrs[0].value, value);
	xcrs.xcrs[0].value = 3;
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs));
	vcpu_sync_is(vcpu, 3);
	xcrs.xcrs[0].value = 2;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs));
	xcrs.xcrs[0].value = 3;
	xcrs.nr_xcrs = 100;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs));
	xcrs.nr_xcrs = 1;
	xcrs.flags = 1;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs));
	vcpu_sync_is(vcpu, 3);
	vcpu_done(vcpu);
}

static void guest_avx(u64 seed)
{
	u64 in[4], out[4], i, j;

	write_cr4(read_cr4() | CR4_OSXSAVE);
	asm volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
	for (i = 0;; i++) {
		for (j = 0; j < 4; j++)
			in[j] = seed * (i + 1) + j;
		asm volatile("vmovdqu %0, %%ymm7" : : "m"(in));
		guest_sync(i);
		asm volatile("vmovdqu %%ymm7, %0" : "=m"(out));
		for (j = 0; j < 4; j++)
			GUEST_ASSERT_EQ(out[j], in[j]);
	}
}

TEST(avx_switch)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpus[2];
	unsigned int i;

	if (!cpu_has_avx())
		test_skip("no AVX");
	vcpus[0] = vcpu_create(vm, guest_avx, 0x123456789);
	vcpus[1] = vcpu_create(vm, guest_avx, 0xabcdef);
	for (i = 0; i < 100; i++)
		vcpu_sync_is(vcpus[i & 1], i / 2);
}

/* --- the rest --------------------------------------------------------------------------------------- */

static void guest_debug_registers(u64 arg)
{
	u64 value;

	asm volatile("mov %%dr0, %0" : "=r"(value));
	guest_sync(value);
	asm volatile("mov %%dr3, %0" : "=r"(value));
	guest_sync(value);
	asm volatile("mov %0, %%dr1" : : "r"(0x4444ul));
	asm volatile("mov %0, %%dr7" : : "r"(0x400ul));
	guest_sync(0);
	asm volatile("mov %%dr7, %0" : "=r"(value));
	guest_sync(value);
	asm volatile("mov %%dr6, %0" : "=r"(value));
	guest_sync(value);
	/* DR4 is DR6 as long as CR4.DE is off. */
	GUEST_ASSERT_EQ(CATCH("mov %%dr4, %0", : "=r"(value) :), -1);
	write_cr4(read_cr4() | CR4_DE);
	GUEST_ASSERT_EQ(CATCH("mov %%dr4, %0", : "=r"(value) :), V_UD);
	write_cr4(read_cr4() & ~CR4_DE);
	GUEST_ASSERT_EQ(CATCH("mov %0, %%dr7", : : "r"(1ul << 32)), V_GP);
	GUEST_ASSERT_EQ(CATCH("mov %0, %%dr6", : : "r"(1ul << 32)), V_GP);
}

TEST(debug_registers)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_debug_registers, 0);
	struct kvm_debugregs debug = { 0 }, back;

	NEED_CAP(KVM_CAP_DEBUGREGS);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &debug));
	ASSERT_EQ(debug.dr6, 0xffff0ff0);
	ASSERT_EQ(debug.dr7, 0x400);
	debug.db[0] = 0x1111;
	debug.db[3] = 0x3333;
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &debug));
	vcpu_sync_is(vcpu, 0x1111);
	vcpu_sync_is(vcpu, 0x3333);
	vcpu_sync(vcpu);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &back));
	ASSERT_EQ(back.db[1], 0x4444);
	ASSERT_EQ(back.db[3], 0x3333);
	ASSERT_EQ(back.dr7, 0x400);
	vcpu_sync_is(vcpu, 0x400);
	vcpu_sync_is(vcpu, 0xffff0ff0);
	vcpu_done(vcpu);
	debug.flags = 1;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &debug));
	debug.flags = 0;
	debug.dr7 = 1ull << 40;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &debug));
}

TEST(events)
{
	struct vcpu *vcpu = idle_vcpu(VM_IRQCHIP);
	struct kvm_vcpu_events events = { 0 }, back;

	NEED_CAP(KVM_CAP_VCPU_EVENTS);
	vcpu_sync(vcpu);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	ASSERT_EQ(events.exception.injected, 0);
	ASSERT_EQ(events.nmi.pending, 0);
	ASSERT_EQ(events.interrupt.injected, 0);
	events.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	events.nmi.masked = 1;
	events.nmi.pending = 1;
	events.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &back));
	ASSERT_EQ(back.nmi.masked, 1);
	ASSERT_EQ(back.nmi.pending, 1);
	ASSERT(back.interrupt.shadow);
	events = back;
	events.flags = 0x8000;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	events.flags = 0;
	events.exception.injected = 1;
	events.exception.nr = 32;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	events.exception.nr = 2;	/* an NMI is no exception */
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
}

/* An exception that is injected by the host reaches the guest's handler. */
static void on_ud(struct trap_frame *frame)
{
	guest_sync2(0xdd, frame->rip);
}

static void guest_gets_ud(u64 arg)
{
	guest_on_trap(V_UD, on_ud);
	guest_sync(1);
	guest_sync(2);
}

TEST(inject_exception)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_gets_ud, 0);
	struct kvm_vcpu_events events;

	NEED_CAP(KVM_CAP_VCPU_EVENTS);
	vcpu_sync_is(vcpu, 1);
	/* The call's instruction completes first. */
	vcpu->run->immediate_exit = 1;
	ASSERT_EQ(vcpu_run_once(vcpu), -EINTR);
	vcpu->run->immediate_exit = 0;
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	events.flags = 0;
	events.exception.injected = 1;
	events.exception.nr = V_UD;
	events.exception.has_error_code = 0;
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	vcpu_sync_is(vcpu, 0xdd);
	vcpu_sync_is(vcpu, 2);
	vcpu_done(vcpu);
}

static u64 nmis;

static void on_nmi(struct trap_frame *frame)
{
	WRITE(nmis, nmis + 1);
}

static void guest_gets_ud_and_nmi(u64 arg)
{
	guest_on_trap(V_NMI, on_nmi);
	guest_gets_ud(arg);
}

/* An NMI that has to wait because another event is injected comes after it. */
TEST(inject_exception_and_nmi)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_gets_ud_and_nmi, 0);
	struct kvm_vcpu_events events;
	unsigned int i;

	NEED_CAP(KVM_CAP_VCPU_EVENTS);
	vcpu_sync_is(vcpu, 1);
	for (i = 0; i < (test_quirk("one-nmi") ? 1 : 2); i++) {
		vcpu->run->immediate_exit = 1;
		ASSERT_EQ(vcpu_run_once(vcpu), -EINTR);
		vcpu->run->immediate_exit = 0;
		ASSERT_OK(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
		events.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
		events.nmi.pending = 1;
		events.exception.injected = 1;
		events.exception.nr = V_UD;
		events.exception.has_error_code = 0;
		ASSERT_OK(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
		vcpu_sync_is(vcpu, 0xdd);
		ASSERT_EQ(*vm_var(vcpu->vm, nmis), i + 1);
	}
	vcpu_sync_is(vcpu, 2);
	vcpu_done(vcpu);
}

TEST(mp_state)
{
	struct vm *vm = vm_create(VM_IRQCHIP), *bare = vm_create(VM_BARE);
	struct vcpu *first = vcpu_create_bare(vm, 0), *second = vcpu_create_bare(vm, 1);
	struct vcpu *alone = vcpu_create_bare(bare, 0);
	struct kvm_mp_state state;

	ASSERT_OK(ioctl(first->fd, KVM_GET_MP_STATE, &state));
	ASSERT_EQ(state.mp_state, KVM_MP_STATE_RUNNABLE);
	ASSERT_OK(ioctl(second->fd, KVM_GET_MP_STATE, &state));
	ASSERT_EQ(state.mp_state, KVM_MP_STATE_UNINITIALIZED);
	/* It does not run before it is started. */
	second->run->immediate_exit = 1;
	ASSERT_EQ(vcpu_run_once(second), -EINTR);
	state.mp_state = KVM_MP_STATE_HALTED;
	ASSERT_OK(ioctl(second->fd, KVM_SET_MP_STATE, &state));
	ASSERT_OK(ioctl(second->fd, KVM_GET_MP_STATE, &state));
	ASSERT_EQ(state.mp_state, KVM_MP_STATE_HALTED);
	state.mp_state = 77;
	ASSERT_ERRNO(EINVAL, ioctl(second->fd, KVM_SET_MP_STATE, &state));
	/* Without a LAPIC there is nothing to wait for. */
	state.mp_state = KVM_MP_STATE_SIPI_RECEIVED;
	ASSERT_ERRNO(EINVAL, ioctl(alone->fd, KVM_SET_MP_STATE, &state));
	state.mp_state = KVM_MP_STATE_RUNNABLE;
	ASSERT_OK(ioctl(alone->fd, KVM_SET_MP_STATE, &state));
}

TEST(translate)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_nothing, 0);
	struct kvm_translation tr = { .linear_address = 0x123456 };
	u64 *pd = vm_hva(vm, X86_PD);

	vcpu_sync(vcpu);
	ASSERT_OK(ioctl(vcpu->fd, KVM_TRANSLATE, &tr));
	ASSERT_EQ(tr.valid, 1);
	ASSERT_EQ(tr.physical_address, 0x123456);
	pd[100] = (64 * MB) | 0x87;
	tr.linear_address = 200 * MB + 0x1234;
	ASSERT_OK(ioctl(vcpu->fd, KVM_TRANSLATE, &tr));
	ASSERT_EQ(tr.valid, 1);
	ASSERT_EQ(tr.physical_address, 64 * MB + 0x1234);
	pd[100] = 0;
	ASSERT_OK(ioctl(vcpu->fd, KVM_TRANSLATE, &tr));
	ASSERT_EQ(tr.valid, 0);
}

/* The whole state of a vCPU moves into another one, in another VM: the guest does not notice. */
static void guest_migrates(u64 seed)
{
	u64 i, low;

	wrmsr(MSR_KERNEL_GS_BASE, 0x123456000);
	wrmsr(MSR_LSTAR, 0xffff800000001000);
	asm volatile("movq %0, %%xmm9" : : "r"(seed) : "xmm9");
	for (i = 0; i < 100; i++) {
		guest_sync(i);
		GUEST_ASSERT_EQ(rdmsr(MSR_KERNEL_GS_BASE), 0x123456000);
		GUEST_ASSERT_EQ(rdmsr(MSR_LSTAR), 0xffff800000001000);
		asm volatile("movq %%xmm9, %0" : "=r"(low));
		GUEST_ASSERT_EQ(low, seed);
	}
}

static void copy_vcpu(struct vcpu *to, struct vcpu *from)
{
	static const u32 msrs[] = { MSR_KERNEL_GS_BASE, MSR_LSTAR, MSR_STAR, MSR_CSTAR, MSR_SFMASK,
				    MSR_PAT, MSR_SYSENTER_CS, MSR_TSC };
	struct kvm_regs regs = vcpu_regs(from);
	struct kvm_sregs sregs = vcpu_sregs(from);
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_mp_state mp;
	struct kvm_xsave xsave;
	unsigned int i;

	vcpu_set_cpuid(to, supported_cpuid());
	vcpu_set_sregs(to, &sregs);
	vcpu_set_regs(to, &regs);
	ASSERT_OK(ioctl(from->fd, KVM_GET_XSAVE, &xsave));
	ASSERT_OK(ioctl(to->fd, KVM_SET_XSAVE, &xsave));
	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		ASSERT_EQ(vcpu_set_msr(to, msrs[i], vcpu_msr(from, msrs[i])), 1);
	ASSERT_OK(ioctl(from->fd, KVM_GET_DEBUGREGS, &debug));
	ASSERT_OK(ioctl(to->fd, KVM_SET_DEBUGREGS, &debug));
	ASSERT_OK(ioctl(from->fd, KVM_GET_VCPU_EVENTS, &events));
	ASSERT_OK(ioctl(to->fd, KVM_SET_VCPU_EVENTS, &events));
	ASSERT_OK(ioctl(from->fd, KVM_GET_MP_STATE, &mp));
	ASSERT_OK(ioctl(to->fd, KVM_SET_MP_STATE, &mp));
}

TEST(whole_state)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_migrates, 0x5eed);
	unsigned int i;

	for (i = 0; i < 100; i++) {
		struct vm *next;
		struct vcpu *moved;

		vcpu_sync_is(vcpu, i);
		if (i % 10)
			continue;
		vcpu->run->immediate_exit = 1;
		ASSERT_EQ(vcpu_run_once(vcpu), -EINTR);
		next = vm_create(0);
		memcpy(next->ram, vm->ram, vm->ram_size);
		moved = vcpu_create_bare(next, 0);
		copy_vcpu(moved, vcpu);
		vm_free(vm);
		vm = next;
		vcpu = moved;
	}
	vcpu_done(vcpu);
}
