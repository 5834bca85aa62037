// SPDX-License-Identifier: GPL-2.0-only
/* arm64 guest code: calls to the host, exceptions, the GICv3. */
#include "arm64.h"

struct guest_caught guest_caught;
static trap_handler handlers[16];
static void (*line_handlers[GIC_LINES])(unsigned int line);
static void (*gsi_handlers[GIC_LINES - SPI])(unsigned int gsi);

void guest_trap(struct trap_frame *frame, u64 vector);

#define ICC_PMR_EL1	S3_0_C4_C6_0
#define ICC_IAR1_EL1	S3_0_C12_C12_0
#define ICC_EOIR1_EL1	S3_0_C12_C12_1
#define ICC_SRE_EL1	S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1	S3_0_C12_C12_7

#define NO_LINE		1020		/* and above: special numbers (IHI 0069, 2.2.1) */

/*
 * A vector has room for 32 instructions: it makes room for a struct trap_frame of 288 bytes and the
 * 512 bytes of vector registers below it, which a handler may use.
 */
asm(".pushsection .text\n"
    ".balign 2048\n"
    ".globl guest_vectors\n"
    "guest_vectors:\n"
    ".set vector, 0\n"
    ".rept 16\n"
    ".balign 128\n"
    "	sub sp, sp, #288\n"
    "	stp x0, x1, [sp]\n"
    "	mov x1, #vector\n"
    "	b trap_common\n"
    ".set vector, vector + 1\n"
    ".endr\n"
    ".balign 128\n"
    "trap_common:\n"
    "	stp x2, x3, [sp, #16]; stp x4, x5, [sp, #32]; stp x6, x7, [sp, #48]; stp x8, x9, [sp, #64]\n"
    "	stp x10, x11, [sp, #80]; stp x12, x13, [sp, #96]; stp x14, x15, [sp, #112]; stp x16, x17, [sp, #128]\n"
    "	stp x18, x19, [sp, #144]; stp x20, x21, [sp, #160]; stp x22, x23, [sp, #176]; stp x24, x25, [sp, #192]\n"
    "	stp x26, x27, [sp, #208]; stp x28, x29, [sp, #224]\n"
    "	add x2, sp, #288\n"
    "	stp x30, x2, [sp, #240]\n"
    "	mrs x2, elr_el1; mrs x3, spsr_el1; stp x2, x3, [sp, #256]\n"
    "	mrs x2, esr_el1; mrs x3, far_el1; stp x2, x3, [sp, #272]\n"
    "	mov x0, sp\n"
    "	mov x19, sp\n"
    "	sub sp, sp, #512\n"
    "	stp q0, q1, [sp]; stp q2, q3, [sp, #32]; stp q4, q5, [sp, #64]; stp q6, q7, [sp, #96]\n"
    "	stp q8, q9, [sp, #128]; stp q10, q11, [sp, #160]; stp q12, q13, [sp, #192]; stp q14, q15, [sp, #224]\n"
    "	stp q16, q17, [sp, #256]; stp q18, q19, [sp, #288]; stp q20, q21, [sp, #320]; stp q22, q23, [sp, #352]\n"
    "	stp q24, q25, [sp, #384]; stp q26, q27, [sp, #416]; stp q28, q29, [sp, #448]; stp q30, q31, [sp, #480]\n"
    "	bl guest_trap\n"
    "	ldp q0, q1, [sp]; ldp q2, q3, [sp, #32]; ldp q4, q5, [sp, #64]; ldp q6, q7, [sp, #96]\n"
    "	ldp q8, q9, [sp, #128]; ldp q10, q11, [sp, #160]; ldp q12, q13, [sp, #192]; ldp q14, q15, [sp, #224]\n"
    "	ldp q16, q17, [sp, #256]; ldp q18, q19, [sp, #288]; ldp q20, q21, [sp, #320]; ldp q22, q23, [sp, #352]\n"
    "	ldp q24, q25, [sp, #384]; ldp q26, q27, [sp, #416]; ldp q28, q29, [sp, #448]; ldp q30, q31, [sp, #480]\n"
    "	mov sp, x19\n"
    "	ldp x2, x3, [sp, #256]; msr elr_el1, x2; msr spsr_el1, x3\n"
    "	ldr x30, [sp, #240]\n"
    "	ldp x26, x27, [sp, #208]; ldp x28, x29, [sp, #224]\n"
    "	ldp x18, x19, [sp, #144]; ldp x20, x21, [sp, #160]; ldp x22, x23, [sp, #176]; ldp x24, x25, [sp, #192]\n"
    "	ldp x10, x11, [sp, #80]; ldp x12, x13, [sp, #96]; ldp x14, x15, [sp, #112]; ldp x16, x17, [sp, #128]\n"
    "	ldp x2, x3, [sp, #16]; ldp x4, x5, [sp, #32]; ldp x6, x7, [sp, #48]; ldp x8, x9, [sp, #64]\n"
    "	ldp x0, x1, [sp]\n"
    "	add sp, sp, #288\n"
    "	eret\n"
    ".popsection");

_Static_assert(sizeof(struct trap_frame) == 288, "as the code above has it");

void guest_on_trap(unsigned int vector, trap_handler handler)
{
	handlers[vector] = handler;
}

void guest_on_line(unsigned int line, void (*handler)(unsigned int line))
{
	line_handlers[line] = handler;
}

static void take_interrupt(struct trap_frame *frame)
{
	u64 line = read_sys(ICC_IAR1_EL1);

	if (line >= NO_LINE)
		return;
	if (line < GIC_LINES && line_handlers[line])
		line_handlers[line](line);
	else if (line >= SPI && line < GIC_LINES && gsi_handlers[line - SPI])
		gsi_handlers[line - SPI](line - SPI);
	else
		guest_call(GUEST_TRAPPED, 256 + line, 0, frame->elr, 0);
	write_sys(ICC_EOIR1_EL1, line);
}

void guest_trap(struct trap_frame *frame, u64 vector)
{
	if (READ(guest_caught.resume) && vector == VEC_SYNC) {
		guest_caught.ec = ESR_EC(frame->esr);
		guest_caught.esr = frame->esr;
		guest_caught.elr = frame->elr;
		guest_caught.far = frame->far;
		frame->elr = guest_caught.resume;
		WRITE(guest_caught.resume, 0);
	} else if (handlers[vector]) {
		handlers[vector](frame);
	} else if (vector == VEC_IRQ) {
		take_interrupt(frame);
	} else {
		guest_call(GUEST_TRAPPED, vector, frame->esr, frame->elr, frame->far);
	}
}

void arch_guest_call(struct guest_call *call)
{
	/* One store of one register: what it was is in the syndrome, and the exit is an ordinary one. */
	asm volatile("str %0, [%1]" : : "r"(call), "r"(CALL_GPA) : "memory");
}

void guest_relax(void)
{
	asm volatile("yield" : : : "memory");
}

void guest_irq_init(void)
{
	u64 gicr = gicr_of(read_sys(tpidr_el1));

	write_sys(ICC_SRE_EL1, 7);
	/* Affinity routing and group 1. */
	write32(GICD + GICD_CTLR, BIT(4) | BIT(1));
	write32(gicr + GICR_WAKER, 0);
	write32(gicr + GICR_SGI + GICD_IGROUPR, ~0u);
	write_sys(ICC_PMR_EL1, 0xf0);
	write_sys(ICC_IGRPEN1_EL1, 1);
}

void guest_line_enable(unsigned int line, bool level)
{
	u64 frame = line < SPI ? gicr_of(read_sys(tpidr_el1)) + GICR_SGI : GICD;
	u64 config = frame + GICD_ICFGR + line / 16 * 4, group = frame + GICD_IGROUPR + line / 32 * 4;

	write32(group, read32(group) | 1u << line % 32);
	if (line >= 16)
		write32(config, (read32(config) & ~(2u << line % 16 * 2)) | (level ? 0 : 2u) << line % 16 * 2);
	write8(frame + GICD_IPRIORITYR + line, 0xa0);
	if (line >= SPI)
		write64(GICD + GICD_IROUTER + line * 8, read_sys(mpidr_el1) & 0xff00ffffff);
	write32(frame + GICD_ISENABLER + line / 32 * 4, 1u << line % 32);
}

void guest_irq_route(unsigned int gsi, bool level, void (*handler)(unsigned int gsi))
{
	gsi_handlers[gsi] = handler;
	guest_line_enable(SPI + gsi, level);
}

void guest_irq_msi(void (*handler)(unsigned int number))
{
	/* arch_msi() skips the test. */
}

void guest_irq_enable(void)
{
	asm volatile("msr daifclr, #2" : : : "memory");
}

void guest_irq_disable(void)
{
	asm volatile("msr daifset, #2" : : : "memory");
}

void guest_wait(void)
{
	/* WFI ends when an interrupt is pending, masked or not; it is taken between the two. */
	asm volatile("wfi; msr daifclr, #2; isb; msr daifset, #2" : : : "memory");
}
