/* SPDX-License-Identifier: GPL-2.0-only */
/* x86: registers of vCPUs for the host's side, instructions and traps for the guest's. */
#ifndef KVMTEST_X86_H
#define KVMTEST_X86_H

#include <linux/kvm_para.h>
#include "kvm.h"

/* Where the architecture's part of a VM's memory is; below 1 MB all is the test's. */
#define X86_PML4	0x200000ul
#define X86_PDPT	0x201000ul
#define X86_PD		0x202000ul	/* 4 of them: 4 GB in 2M pages */
#define X86_GDT		0x206000ul
#define X86_IDT		0x207000ul
#define X86_TSS		0x208000ul	/* 256 bytes a vCPU */
#define X86_FREE	0x20a000ul	/* up to the program, at 0x400000: a test's */

enum { SEL_NULL, SEL_CODE64 = 0x08, SEL_DATA = 0x10, SEL_CODE32 = 0x18, SEL_CODE16 = 0x20,
       SEL_DATA16 = 0x28, SEL_UDATA = 0x30, SEL_UCODE64 = 0x38, SEL_TSS = 0x40 };

#define CALL_PORT 0x5ca1

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)
#define CR4_DE BIT(3)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_PGE BIT(7)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_OSXSAVE BIT(18)
#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NX BIT(11)
#define EFER_SVME BIT(12)
#define RFLAGS_TF BIT(8)
#define RFLAGS_IF BIT(9)

#define MSR_TSC 0x10
#define MSR_APIC_BASE 0x1b
#define MSR_TSC_ADJUST 0x3b
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_POWER_CTL 0x1fc
#define MSR_PAT 0x277
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX 0xc0000103

enum { V_DE, V_DB, V_NMI, V_BP, V_OF, V_BR, V_UD, V_NM, V_DF, V_TS = 10, V_NP, V_SS, V_GP, V_PF,
       V_MF = 16, V_AC, V_MC, V_XM };

#define LAPIC 0xfee00000ul
#define LAPIC_ID 0x20
#define LAPIC_TPR 0x80
#define LAPIC_PPR 0xa0
#define LAPIC_EOI 0xb0
#define LAPIC_LDR 0xd0
#define LAPIC_DFR 0xe0
#define LAPIC_SVR 0xf0
#define LAPIC_ISR 0x100
#define LAPIC_IRR 0x200
#define LAPIC_ICR 0x300
#define LAPIC_ICR2 0x310
#define LAPIC_LVTT 0x320
#define LAPIC_LVT0 0x350
#define LAPIC_LVT1 0x360
#define LAPIC_TMICT 0x380
#define LAPIC_TMCCT 0x390
#define LAPIC_TDCR 0x3e0
#define IOAPIC 0xfec00000ul

#define GSI_VECTOR 0x40		/* of GSI 0 */
#define MSI_VECTOR 0x80
#define SPURIOUS_VECTOR 0xff

/* --- the host's side ------------------------------------------------------------------------------ */

struct kvm_cpuid2 *supported_cpuid(void);
/* A leaf of a table, or NULL. */
struct kvm_cpuid_entry2 *cpuid_leaf(struct kvm_cpuid2 *cpuid, u32 function, u32 index);
void vcpu_set_cpuid(struct vcpu *vcpu, struct kvm_cpuid2 *cpuid);
bool cpu_has_avx(void);

struct kvm_regs vcpu_regs(struct vcpu *vcpu);
void vcpu_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs);
struct kvm_sregs vcpu_sregs(struct vcpu *vcpu);
void vcpu_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);
/* Return: 1 when the MSR exists (and takes the value). */
int vcpu_get_msr(struct vcpu *vcpu, u32 msr, u64 *value);
int vcpu_set_msr(struct vcpu *vcpu, u32 msr, u64 value);
u64 vcpu_msr(struct vcpu *vcpu, u32 msr);

/* A vCPU in real mode at CS:IP = 0:@ip, its program copied there. */
struct vcpu *vcpu_create_real(struct vm *vm, u16 ip, const void *code, const void *end);

/* --- the guest's side ----------------------------------------------------------------------------- */

struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, code;
	u64 rip, cs, rflags, rsp, ss;
};

typedef void (*trap_handler)(struct trap_frame *frame);
void guest_on_trap(unsigned int vector, trap_handler handler);

/* The last trap that CATCH() caught; @vector is -1 when there was none. One for all vCPUs of a VM. */
struct guest_caught {
	u64 resume;
	s64 vector;
	u64 code, rip, cr2;
};
extern struct guest_caught guest_caught;

/*
 * Executes instructions, one of which may trap. Gives the trap's vector or -1. Operands follow as in
 * asm(): outputs and inputs, each with its colon. r11 is lost.
 */
#define CATCH_CODE(instructions)						\
	"leaq 771f(%%rip), %%r11\n\t"						\
	"movq %%r11, guest_caught\n\t"						\
	"movq $-1, guest_caught + 8\n\t"					\
	instructions "\n"							\
	"771:\n\t"								\
	"movq $0, guest_caught"

#define CATCH(instructions, ...)						\
	({									\
		asm volatile(CATCH_CODE(instructions) __VA_ARGS__ : "r11", "memory", "cc"); \
		READ(guest_caught.vector);					\
	})

/* The vector that RDMSR gives, or -1. */
static inline s64 catch_rdmsr(u32 msr)
{
	u32 low, high;

	return CATCH("rdmsr", : "=a"(low), "=d"(high) : "c"(msr));
}

static inline s64 catch_wrmsr(u32 msr, u64 value)
{
	return CATCH("wrmsr", : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)));
}

#define GUEST_IN(suffix, bits)							\
	static inline u##bits in##suffix(u16 port)				\
	{									\
		u##bits value;							\
										\
		asm volatile("in" #suffix " %1, %0" : "=a"(value) : "Nd"(port) : "memory"); \
		return value;							\
	}									\
	static inline void out##suffix(u16 port, u##bits value)			\
	{									\
		asm volatile("out" #suffix " %0, %1" : : "a"(value), "Nd"(port) : "memory"); \
	}
GUEST_IN(b, 8)
GUEST_IN(w, 16)
GUEST_IN(l, 32)

static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return low | (u64)high << 32;
}

static inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return low | (u64)high << 32;
}

static inline void cpuid(u32 leaf, u32 sub, u32 out[4])
{
	asm volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
		     : "a"(leaf), "c"(sub) : "memory");
}

#define GUEST_CR(n)								\
	static inline u64 read_cr##n(void)					\
	{									\
		u64 value;							\
										\
		asm volatile("mov %%cr" #n ", %0" : "=r"(value) : : "memory");	\
		return value;							\
	}									\
	static inline void write_cr##n(u64 value)				\
	{									\
		asm volatile("mov %0, %%cr" #n : : "r"(value) : "memory");	\
	}
GUEST_CR(0)
GUEST_CR(2)
GUEST_CR(3)
GUEST_CR(4)
GUEST_CR(8)

static inline void sti(void)
{
	asm volatile("sti" : : : "memory");
}

static inline void cli(void)
{
	asm volatile("cli" : : : "memory");
}

static inline void hlt(void)
{
	asm volatile("hlt" : : : "memory");
}

static inline void invlpg(u64 address)
{
	asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline u32 lapic_read(u32 reg)
{
	return read32(LAPIC + reg);
}

static inline void lapic_write(u32 reg, u32 value)
{
	write32(LAPIC + reg, value);
}

static inline u32 ioapic_read(u32 reg)
{
	write32(IOAPIC, reg);
	return read32(IOAPIC + 0x10);
}

static inline void ioapic_write(u32 reg, u32 value)
{
	write32(IOAPIC, reg);
	write32(IOAPIC + 0x10, value);
}

void lapic_enable(void);
/* An inter-processor interrupt: @low is the ICR's lower half. */
void lapic_ipi(u32 target, u32 low);

#endif
