/* SPDX-License-Identifier: GPL-2.0-only */
/* arm64: registers of vCPUs for the host's side, instructions and traps for the guest's. */
#ifndef KVMTEST_ARM64_H
#define KVMTEST_ARM64_H

#include "kvm.h"

/* Where the architecture's part of a VM's memory is; below 2 MB all is the test's. */
#define ARM_TABLE1	0x200000ul	/* 1 GB an entry */
#define ARM_TABLE2	0x201000ul	/* the first of them: 2 MB an entry */
#define ARM_FREE	0x202000ul	/* up to the program, at 0x400000: a test's */

/* Guest-physical places between the VM's own memory and SLOT_GPA. */
#define GICD		0x08000000ul
#define GICR		0x08100000ul	/* 128 KB a vCPU */
#define GICR_SIZE	0x20000ul
#define CALL_GPA	0x09000000ul

#define GIC_LINES	96		/* 32 of them a vCPU's own */
#define SPI		32		/* the first shared one, GSI 0 */

#define GICD_CTLR	0x0000
#define GICD_TYPER	0x0004
#define GICD_IIDR	0x0008
#define GICD_IGROUPR	0x0080
#define GICD_ISENABLER	0x0100
#define GICD_ICENABLER	0x0180
#define GICD_ISPENDR	0x0200
#define GICD_ICPENDR	0x0280
#define GICD_ISACTIVER	0x0300
#define GICD_ICACTIVER	0x0380
#define GICD_IPRIORITYR	0x0400
#define GICD_ICFGR	0x0c00
#define GICD_IROUTER	0x6000
#define GICR_CTLR	0x0000
#define GICR_TYPER	0x0008
#define GICR_WAKER	0x0014
#define GICR_SGI	0x10000		/* the second frame has a GICD's layout for lines 0 to 31 */

/* --- the host's side ------------------------------------------------------------------------------ */

#define CORE_REG(name)	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))
#define REG_X(n)	(CORE_REG(regs.regs[0]) + 2 * (n))
#define REG_PC		CORE_REG(regs.pc)
#define REG_PSTATE	CORE_REG(regs.pstate)
#define REG_SP_EL0	CORE_REG(regs.sp)
#define REG_SP_EL1	CORE_REG(sp_el1)

#define SYS_MIDR_EL1	ARM64_SYS_REG(3, 0, 0, 0, 0)
#define SYS_MPIDR_EL1	ARM64_SYS_REG(3, 0, 0, 0, 5)
#define SYS_SCTLR_EL1	ARM64_SYS_REG(3, 0, 1, 0, 0)
#define SYS_CPACR_EL1	ARM64_SYS_REG(3, 0, 1, 0, 2)
#define SYS_TTBR0_EL1	ARM64_SYS_REG(3, 0, 2, 0, 0)
#define SYS_TCR_EL1	ARM64_SYS_REG(3, 0, 2, 0, 2)
#define SYS_MAIR_EL1	ARM64_SYS_REG(3, 0, 10, 2, 0)
#define SYS_VBAR_EL1	ARM64_SYS_REG(3, 0, 12, 0, 0)
#define SYS_TPIDR_EL1	ARM64_SYS_REG(3, 0, 13, 0, 4)

u64 vcpu_reg(struct vcpu *vcpu, u64 id);
void vcpu_set_reg(struct vcpu *vcpu, u64 id, u64 value);
/* Return: 0 or -errno. */
int vcpu_get_reg(struct vcpu *vcpu, u64 id, u64 *value);
int vcpu_try_set_reg(struct vcpu *vcpu, u64 id, u64 value);

/* What KVM_ARM_VCPU_INIT takes here: the preferred target with PSCI 0.2 and later. */
struct kvm_vcpu_init vcpu_target(struct vm *vm);
/* A vCPU that waits for the guest's PSCI CPU_ON. */
struct vcpu *vcpu_create_off(struct vm *vm);

/* An attribute of the VM's interrupt controller (VM_IRQCHIP). */
int gic_attr(struct vm *vm, unsigned long request, u32 group, u64 attr, void *value);

/* --- the guest's side ----------------------------------------------------------------------------- */

#define PSR_EL1H	5ul
#define PSR_DAIF	(0xful << 6)

struct trap_frame {
	u64 x[31], sp;
	u64 elr, spsr, esr, far;
};

/* Which of the 16 vectors (ARM ARM D1.3.1). */
enum { VEC_SYNC_SP0, VEC_IRQ_SP0, VEC_FIQ_SP0, VEC_SERROR_SP0, VEC_SYNC, VEC_IRQ, VEC_FIQ, VEC_SERROR,
       VEC_SYNC_EL0, VEC_IRQ_EL0, VEC_FIQ_EL0, VEC_SERROR_EL0 };

#define ESR_EC(esr)	((esr) >> 26 & 0x3f)

typedef void (*trap_handler)(struct trap_frame *frame);
void guest_on_trap(unsigned int vector, trap_handler handler);
/* Of any interrupt line, on every vCPU of the VM; acknowledged when it returns. */
void guest_on_line(unsigned int line, void (*handler)(unsigned int line));
/* The line goes to the vCPU that calls this; lines below SPI are its own. */
void guest_line_enable(unsigned int line, bool level);

/* The last synchronous exception that CATCH() caught; @ec is -1 when there was none. One for all vCPUs of a VM. */
struct guest_caught {
	u64 resume;
	s64 ec;
	u64 esr, elr, far;
};
extern struct guest_caught guest_caught;

/*
 * Executes instructions, one of which may trap. Gives the exception class or -1. Operands follow as in
 * asm(): outputs and inputs, each with its colon. x9 to x11 are lost.
 */
#define CATCH_CODE(instructions)						\
	"adrp x9, guest_caught\n\t"						\
	"add x9, x9, :lo12:guest_caught\n\t"					\
	"adr x10, 771f\n\t"							\
	"mov x11, #-1\n\t"							\
	"stp x10, x11, [x9]\n\t"						\
	instructions "\n"							\
	"771:\n\t"								\
	"adrp x9, guest_caught\n\t"						\
	"str xzr, [x9, :lo12:guest_caught]"

#define CATCH(instructions, ...)						\
	({									\
		asm volatile(CATCH_CODE(instructions) __VA_ARGS__ : "x9", "x10", "x11", "memory", "cc"); \
		READ(guest_caught.ec);						\
	})

#define read_sys(name)								\
	({									\
		u64 value_;							\
										\
		asm volatile("mrs %0, " #name : "=r"(value_) : : "memory");	\
		value_;								\
	})
#define write_sys(name, value)							\
	asm volatile("msr " #name ", %x0\n\tisb" : : "rZ"((u64)(value)) : "memory")

/* A call by the SMC calling convention: x0 to x3 in, x0 out (or all four in @out). */
struct smccc { u64 x[4]; };
static inline u64 guest_hvc(u64 function, u64 a, u64 b, u64 c, struct smccc *out)
{
	register u64 x0 asm("x0") = function;
	register u64 x1 asm("x1") = a;
	register u64 x2 asm("x2") = b;
	register u64 x3 asm("x3") = c;

	asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
		     : : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
		     "x17", "memory");
	if (out)
		*out = (struct smccc){ { x0, x1, x2, x3 } };
	return x0;
}

static inline void guest_isb(void)
{
	asm volatile("isb" : : : "memory");
}

static inline void guest_wfi(void)
{
	asm volatile("wfi" : : : "memory");
}

/* The frame of the redistributor that belongs to the vCPU with this index. */
static inline u64 gicr_of(unsigned int index)
{
	return GICR + index * GICR_SIZE;
}

#endif
