// SPDX-License-Identifier: GPL-2.0-only
/* x86 guest code: calls to the host, traps, interrupts. */
#include "x86.h"

struct guest_caught guest_caught;
static trap_handler handlers[256];
static void (*irq_handlers[32])(unsigned int gsi);
static void (*msi_handler)(unsigned int number);

void guest_trap(struct trap_frame *frame);

/* Each vector has a stub of 16 bytes, which makes the stack look the same for all. */
asm(".pushsection .text\n"
    ".balign 16\n"
    ".globl guest_trap_stubs\n"
    "guest_trap_stubs:\n"
    ".set vector, 0\n"
    ".rept 256\n"
    ".balign 16\n"
    ".if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || "
    "vector == 29 || vector == 30)\n"
    "	push $0\n"
    ".endif\n"
    "	push $vector\n"
    "	jmp trap_common\n"
    ".set vector, vector + 1\n"
    ".endr\n"
    "trap_common:\n"
    "	push %rax; push %rbx; push %rcx; push %rdx; push %rsi; push %rdi; push %rbp\n"
    "	push %r8; push %r9; push %r10; push %r11; push %r12; push %r13; push %r14; push %r15\n"
    "	mov %rsp, %rdi\n"
    "	mov %rsp, %rbx\n"
    "	cld\n"
    "	sub $512, %rsp\n"
    "	and $-16, %rsp\n"
    /* A handler may use vector registers; but not while CR0 has TS or EM set. */
    "	mov %cr0, %rax\n"
    "	test $0xc, %al\n"
    "	jnz 1f\n"
    "	fxsave (%rsp)\n"
    "	call guest_trap\n"
    "	fxrstor (%rsp)\n"
    "	jmp 2f\n"
    "1:	call guest_trap\n"
    "2:	mov %rbx, %rsp\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9; pop %r8\n"
    "	pop %rbp; pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rbx; pop %rax\n"
    "	add $16, %rsp\n"
    "	iretq\n"
    ".popsection");

void guest_on_trap(unsigned int vector, trap_handler handler)
{
	handlers[vector] = handler;
}

void guest_trap(struct trap_frame *frame)
{
	unsigned int vector = frame->vector;

	if (READ(guest_caught.resume) && vector < 32) {
		guest_caught.vector = vector;
		guest_caught.code = frame->code;
		guest_caught.rip = frame->rip;
		guest_caught.cr2 = read_cr2();
		frame->rip = guest_caught.resume;
		WRITE(guest_caught.resume, 0);
	} else if (handlers[vector]) {
		handlers[vector](frame);
	} else if (vector >= GSI_VECTOR && vector < GSI_VECTOR + 32 &&
		   irq_handlers[vector - GSI_VECTOR]) {
		irq_handlers[vector - GSI_VECTOR](vector - GSI_VECTOR);
		lapic_write(LAPIC_EOI, 0);
	} else if (vector >= MSI_VECTOR && vector < MSI_VECTOR + 16 && msi_handler) {
		msi_handler(vector - MSI_VECTOR);
		lapic_write(LAPIC_EOI, 0);
	} else if (vector != SPURIOUS_VECTOR) {
		guest_call(GUEST_TRAPPED, vector, frame->code, frame->rip, read_cr2());
	}
}

void arch_guest_call(struct guest_call *call)
{
	asm volatile("outl %%eax, %%dx" : : "a"((u32)(u64)call), "d"(CALL_PORT) : "memory");
}

void guest_relax(void)
{
	asm volatile("pause" : : : "memory");
}

void lapic_enable(void)
{
	lapic_write(LAPIC_SVR, 0x100 | SPURIOUS_VECTOR);
}

void lapic_ipi(u32 target, u32 low)
{
	lapic_write(LAPIC_ICR2, target << 24);
	lapic_write(LAPIC_ICR, low);
	while (lapic_read(LAPIC_ICR) & BIT(12))
		guest_relax();
}

void guest_irq_init(void)
{
	lapic_enable();
}

void guest_irq_route(unsigned int gsi, bool level, void (*handler)(unsigned int gsi))
{
	irq_handlers[gsi] = handler;
	ioapic_write(0x11 + 2 * gsi, lapic_read(LAPIC_ID));
	ioapic_write(0x10 + 2 * gsi, (GSI_VECTOR + gsi) | (level ? BIT(15) : 0));
}

void guest_irq_msi(void (*handler)(unsigned int number))
{
	msi_handler = handler;
}

void guest_irq_enable(void)
{
	sti();
}

void guest_irq_disable(void)
{
	cli();
}

void guest_wait(void)
{
	/* Nothing can come between the two: STI holds interrupts off for one instruction. */
	asm volatile("sti; hlt; cli" : : : "memory");
}
