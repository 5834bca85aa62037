// SPDX-License-Identifier: GPL-2.0-only
/* Real mode, and the ways out of it: what firmware and boot loaders do. */
#include "x86.h"

#define CODE(name, text)							\
	extern const char name[], name##_end[];					\
	asm(".pushsection .rodata\n" #name ":\n" text #name "_end:\n.popsection\n")

#define ADDRESS 0x8000		/* where the code is linked for; used as 0:0x8000 */

/* Tells the host: AX at port 0x10. */
#define REPORT "outw %ax, $0x10\n"

static void report_is(struct vcpu *vcpu, u16 value)
{
	struct kvm_run *run = vcpu->run;

	vcpu_exit_is(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(run->io.port, 0x10);
	ASSERT_EQ(*(u16 *)((u8 *)run + run->io.data_offset), value);
}

CODE(segments,
     ".code16\n"
     "mov $0x1234, %ax\n" REPORT
     /* segment times 16 plus offset */
     "mov $0x2000, %ax; mov %ax, %ds; mov %ax, %es\n"
     "movw $0xbeef, 0x10\n"
     "mov $0x2001, %ax; mov %ax, %ds\n"
     "mov 0x0, %ax\n" REPORT
     /* strings */
     "mov $0x2000, %ax; mov %ax, %ds\n"
     "mov $0x100, %di; mov $0x4142, %ax; mov $16, %cx; cld; rep stosw\n"
     "mov $0x100, %si; mov $0x200, %di; mov $32, %cx; rep movsb\n"
     "mov 0x21e, %ax\n" REPORT
     "mov %di, %ax\n" REPORT
     /* stack */
     "xor %ax, %ax; mov %ax, %ss; mov $0x7000, %sp\n"
     "pushw $0x55aa; pushf; popf; pop %ax\n" REPORT
     "mov %sp, %ax\n" REPORT
     /* far call and return, into another segment for the same code */
     "lcall $0x0100, $(far - segments + 0x7000)\n"
     REPORT
     /* 32-bit operands in 16-bit code */
     "mov $0x12345678, %eax; shr $16, %eax\n" REPORT
     "hlt\n"
     "far: mov %cs, %ax; lret\n"
     ".code64\n");

TEST(segments)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_real(vm, ADDRESS, segments, segments_end);

	report_is(vcpu, 0x1234);
	report_is(vcpu, 0xbeef);
	report_is(vcpu, 0x4142);
	report_is(vcpu, 0x220);
	report_is(vcpu, 0x55aa);
	report_is(vcpu, 0x7000);
	report_is(vcpu, 0x0100);
	report_is(vcpu, 0x1234);
	vcpu_exit_is(vcpu, KVM_EXIT_HLT);
	ASSERT_EQ(*(u16 *)vm_hva(vm, 0x20010), 0xbeef);
}

CODE(interrupts,
     ".code16\n"
     "xor %ax, %ax; mov %ax, %ds; mov %ax, %ss; mov $0x7000, %sp\n"
     /* vectors: divide error, INT 0x21, #UD, and one from outside */
     "movw $(divide - interrupts + 0x8000), 0; movw $0, 2\n"
     "movw $(invalid - interrupts + 0x8000), 6*4; movw $0, 6*4+2\n"
     "movw $(soft - interrupts + 0x8000), 0x21*4; movw $0, 0x21*4+2\n"
     "movw $(hard - interrupts + 0x8000), 0x30*4; movw $0, 0x30*4+2\n"
     "mov $7, %ah; int $0x21\n" REPORT
     "xor %dx, %dx; mov $5, %ax; xor %cx, %cx\n"
     "div %cx\n" REPORT
     "ud2\n" REPORT
     "sti; hlt\n" REPORT
     "cli; hlt\n"
     "soft: mov $0x21, %al; iret\n"
     "divide: mov $0xd1, %ax; mov %sp, %bp; addw $2, (%bp); iret\n"
     "invalid: mov $0xdd, %ax; mov %sp, %bp; addw $2, (%bp); iret\n"
     "hard: mov $0x30, %ax; iret\n"
     ".code64\n");

TEST(interrupts)
{
	struct vcpu *vcpu = vcpu_create_real(vm_create(0), ADDRESS, interrupts, interrupts_end);
	struct kvm_interrupt irq = { 0x30 };

	report_is(vcpu, 0x0721);
	report_is(vcpu, 0xd1);
	report_is(vcpu, 0xdd);
	vcpu_exit_is(vcpu, KVM_EXIT_HLT);
	ASSERT_OK(ioctl(vcpu->fd, KVM_INTERRUPT, &irq));
	report_is(vcpu, 0x30);
	vcpu_exit_is(vcpu, KVM_EXIT_HLT);
}

/* Real mode, protected mode, a limit of 4 GB kept in real mode, and back again. */
CODE(protected,
     ".code16\n"
     "cli; xor %ax, %ax; mov %ax, %ds; mov %ax, %ss; mov $0x7000, %sp\n"
     "lgdtl (gdtr - protected + 0x8000)\n"
     "mov %cr0, %eax; or $1, %al; mov %eax, %cr0\n"
     "ljmpl $0x08, $(in32 - protected + 0x8000)\n"
     ".code32\n"
     "in32: mov $0x10, %ax; mov %ax, %ds; mov %ax, %es; mov %ax, %ss; mov $0x7000, %esp\n"
     "movl $0xcafe0001, 0x300000\n"
     "mov 0x300000, %eax; shr $16, %eax\n" REPORT
     "push $0x4321; pop %eax\n" REPORT
     "ljmp $0x18, $(in16 - protected + 0x8000)\n"
     ".code16\n"
     /* DS keeps its 4 GB: unreal mode */
     "in16: mov %cr0, %eax; and $0xfe, %al; mov %eax, %cr0\n"
     "ljmp $0, $(real - protected + 0x8000)\n"
     "real: mov $0x300000, %ebx\n"
     "movw (%ebx), %ax\n" REPORT
     "xor %ax, %ax; mov %ax, %ss; mov %cs, %ax\n" REPORT
     "smsw %ax; and $1, %ax\n" REPORT
     "hlt\n"
     ".balign 8\n"
     "gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00009b000000ffff\n"
     "gdtr: .word 31; .long gdt - protected + 0x8000\n"
     ".code64\n");

TEST(protected_and_back)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_real(vm, ADDRESS, protected, protected_end);

	report_is(vcpu, 0xcafe);
	report_is(vcpu, 0x4321);
	report_is(vcpu, 1);
	report_is(vcpu, 0);
	report_is(vcpu, 0);
	vcpu_exit_is(vcpu, KVM_EXIT_HLT);
}

/* Up to long mode, as a kernel does it by itself. */
CODE(to_long,
     ".code16\n"
     "cli; xor %ax, %ax; mov %ax, %ds\n"
     "lgdtl (gdtr2 - to_long + 0x8000)\n"
     "mov %cr4, %eax; or $0x20, %eax; mov %eax, %cr4\n"
     "mov $0x200000, %eax; mov %eax, %cr3\n"
     "mov $0xc0000080, %ecx; rdmsr; or $0x100, %eax; wrmsr\n"
     "mov %cr0, %eax; or $0x80000001, %eax; mov %eax, %cr0\n"
     "ljmpl $0x08, $(in64 - to_long + 0x8000)\n"
     ".code64\n"
     "in64: mov $0xc0000080, %ecx; rdmsr; shr $10, %eax; and $1, %eax\n" REPORT
     "mov $0x1122334455667788, %rax; shr $48, %rax\n" REPORT
     "hlt\n"
     ".balign 8\n"
     "gdt2: .quad 0, 0x00af9b000000ffff\n"
     "gdtr2: .word 15; .long gdt2 - to_long + 0x8000\n");

TEST(to_long_mode)
{
	struct vcpu *vcpu = vcpu_create_real(vm_create(0), ADDRESS, to_long, to_long_end);

	report_is(vcpu, 1);
	report_is(vcpu, 0x1122);
	vcpu_exit_is(vcpu, KVM_EXIT_HLT);
	ASSERT_EQ(vcpu_sregs(vcpu).efer & EFER_LMA, EFER_LMA);
	ASSERT_EQ(vcpu_sregs(vcpu).cs.l, 1);
}

/* Real mode code that touches devices: ports, strings of them, and memory that nobody has. */
CODE(devices,
     ".code16\n"
     "mov $0x70, %dx; mov $0x8f, %al; outb %al, %dx\n"
     "in $0x71, %al; xor %ah, %ah\n" REPORT
     "mov $0x3000, %ax; mov %ax, %es; xor %di, %di; mov $0x1f0, %dx; mov $4, %cx\n"
     "cld; rep insw\n"
     "mov %es:6, %ax\n" REPORT
     "mov $0xf000, %ax; mov %ax, %ds\n"
     "mov 0xff00, %ax\n" REPORT
     "movb $0x99, 0xff02\n"
     "hlt\n"
     ".code64\n");

TEST(devices)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu;
	struct kvm_run *run;
	u16 words[4] = { 0x1111, 0x2222, 0x3333, 0x4444 };
	unsigned int n = 0;

	/* A hole in the memory, where a PC has its firmware. */
	ASSERT_OK(vm_set_slot(vm, RAM_SLOT, 0, 0, 0, NULL));
	vm_add_slot(vm, RAM_SLOT, 0, 0, 0xf0000, vm->ram);
	vm_add_slot(vm, 1, 0, 0x100000, vm->ram_size - 0x100000, vm->ram + 0x100000);
	vcpu = vcpu_create_real(vm, ADDRESS, devices, devices_end);
	run = vcpu->run;
	vcpu_exit_is(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(run->io.port, 0x70);
	vcpu_exit_is(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(run->io.port, 0x71);
	*((u8 *)run + run->io.data_offset) = 0x26;
	report_is(vcpu, 0x26);
	while (n < 4) {
		vcpu_exit_is(vcpu, KVM_EXIT_IO);
		ASSERT_EQ(run->io.port, 0x1f0);
		ASSERT_EQ(run->io.size, 2);
		ASSERT(n + run->io.count <= 4);
		memcpy((u8 *)run + run->io.data_offset, &words[n], run->io.count * 2);
		n += run->io.count;
	}
	report_is(vcpu, 0x4444);
	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(run->mmio.phys_addr, 0xfff00);
	ASSERT_EQ(run->mmio.len, 2);
	*(u16 *)run->mmio.data = 0xaa55;
	report_is(vcpu, 0xaa55);
	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(run->mmio.phys_addr, 0xfff02);
	ASSERT_EQ(run->mmio.is_write, 1);
	ASSERT_EQ(run->mmio.data[0], 0x99);
	vcpu_exit_is(vcpu, KVM_EXIT_HLT);
}

/* The state after reset, and where the first instruction is fetched. */
TEST(reset)
{
	struct vm *vm = vm_create(VM_BARE);
	struct vcpu *vcpu = vcpu_create_bare(vm, 0);
	struct kvm_sregs sregs = vcpu_sregs(vcpu);
	u8 *rom = host_memory(64 * KB, 2 * MB);
	/* mov al, 0x42; out 0x10, al; hlt */
	static const u8 code[] = { 0xb0, 0x42, 0xe6, 0x10, 0xf4 };

	ASSERT_EQ(sregs.cs.base, 0xffff0000);
	ASSERT_EQ(sregs.cs.selector, 0xf000);
	ASSERT_EQ(sregs.cs.limit, 0xffff);
	ASSERT_EQ(sregs.ds.base, 0);
	ASSERT_EQ(sregs.cr0, CR0_NW | CR0_CD | CR0_ET);
	ASSERT_EQ(sregs.cr4, 0);
	ASSERT_EQ(sregs.efer, 0);
	ASSERT_EQ(sregs.idt.limit, 0xffff);
	ASSERT_EQ(vcpu_regs(vcpu).rip, 0xfff0);
	ASSERT_EQ(vcpu_regs(vcpu).rflags, 2);
	memcpy(rom + 0xfff0, code, sizeof(code));
	vm_add_slot(vm, 0, KVM_MEM_READONLY, 0xffff0000, 64 * KB, rom);
	ASSERT_EQ(vcpu_run_once(vcpu), 0);
	ASSERT_EQ(vcpu->run->exit_reason, KVM_EXIT_IO);
	ASSERT_EQ(*((u8 *)vcpu->run + vcpu->run->io.data_offset), 0x42);
	ASSERT_EQ(vcpu_run_once(vcpu), 0);
	ASSERT_EQ(vcpu->run->exit_reason, KVM_EXIT_HLT);
}

/* 32-bit protected mode, and virtual-8086 mode entered by IRET. */
CODE(virtual_8086,
     ".code32\n"
     "mov $0x7000, %esp; mov $0x11, %ax\n" REPORT
     "push $0; push $0; push $0; push $0x3000\n"	/* GS FS DS ES */
     "push $0; push $0x6000\n"				/* SS ESP */
     "push $0x23002\n"					/* EFLAGS: VM, IOPL 3 */
     "push $0x0; push $(v86 - virtual_8086 + 0x8000)\n"	/* CS EIP */
     "iret\n"
     ".code16\n"
     /* what there is of ports depends on the task state; memory that nobody has is simpler */
     "v86: mov $0x3000, %ax; mov %ax, %ds; movw $0x1986, 4; mov %es:4, %ax\n"
     "mov $0xf000, %bx; mov %bx, %ds; mov %ax, 0xff00\n"
     "mov $0x7000, %bx; mov %bx, %ds; mov %cs, %ax; inc %ax; mov $0xf000, %bx; mov %bx, %es\n"
     "mov $0xff10, %di; mov $2, %cx; cld; rep stosw\n"
     "1: jmp 1b\n"
     ".code64\n");

TEST(virtual_8086)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_real(vm, ADDRESS, virtual_8086, virtual_8086_end);
	struct kvm_sregs sregs = vcpu_sregs(vcpu);
	unsigned int i;

	test_needs("no-v86");
	/* The hole of a PC. */
	ASSERT_OK(vm_set_slot(vm, RAM_SLOT, 0, 0, 0, NULL));
	vm_add_slot(vm, RAM_SLOT, 0, 0, 0xf0000, vm->ram);

	sregs.cr0 = CR0_PE | CR0_ET;
	sregs.gdt = (struct kvm_dtable){ .base = X86_GDT, .limit = PAGE - 1 };
	sregs.cs = (struct kvm_segment){ .limit = ~0u, .selector = SEL_CODE32, .type = 11,
					 .present = 1, .db = 1, .s = 1, .g = 1 };
	sregs.ds = (struct kvm_segment){ .limit = ~0u, .selector = SEL_DATA, .type = 3,
					 .present = 1, .db = 1, .s = 1, .g = 1 };
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	vcpu_set_sregs(vcpu, &sregs);
	report_is(vcpu, 0x11);
	vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(vcpu->run->mmio.phys_addr, 0xfff00);
	ASSERT_EQ(*(u16 *)vcpu->run->mmio.data, 0x1986);
	for (i = 0; i < 2; i++) {
		vcpu_exit_is(vcpu, KVM_EXIT_MMIO);
		ASSERT_EQ(vcpu->run->mmio.phys_addr, 0xfff10 + 2 * i);
		ASSERT_EQ(vcpu->run->mmio.len, 2);
		ASSERT_EQ(*(u16 *)vcpu->run->mmio.data, 1);
	}
	ASSERT(vcpu_regs(vcpu).rflags & BIT(17));
	ASSERT_EQ(vcpu_sregs(vcpu).ds.base, 0x70000);
	ASSERT_EQ(vcpu_sregs(vcpu).es.selector, 0xf000);
}
