/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guest code may do.
 *
 * A test's guest code stands in the test itself, as ordinary C. Before a VM starts, the whole
 * program, code and data, is copied into its memory at the addresses that it was linked for, and the
 * guest runs with all memory mapped to the same addresses. So guest code can call functions, use
 * constants and variables of the program: the variables are the VM's own copies (vm_var() is the
 * host's way to them). What it cannot do is to call the C library, which is a guest to nobody.
 *
 * It talks to the host by calls: guest_sync() and the like leave the guest with a struct guest_call,
 * by whatever exit to user space the architecture has.
 */
#ifndef KVMTEST_GUEST_H
#define KVMTEST_GUEST_H

#include "test.h"

#define GUEST_CALL_ARGS 4

enum guest_call_what {
	GUEST_SYNC = 1,		/* go on when told to */
	GUEST_DONE,		/* the guest's function has returned */
	GUEST_FAILED,		/* GUEST_ASSERT: text, file's line, two values */
	GUEST_TRAPPED,		/* an exception nobody expects: number, code, address of code, of data */
};

struct guest_call {
	u64 what;
	u64 args[GUEST_CALL_ARGS];
};

void guest_call(u64 what, u64 a, u64 b, u64 c, u64 d);

static inline void guest_sync(u64 value)
{
	guest_call(GUEST_SYNC, value, 0, 0, 0);
}

static inline void guest_sync2(u64 a, u64 b)
{
	guest_call(GUEST_SYNC, a, b, 0, 0);
}

#define GUEST_ASSERT(condition)							\
	do {									\
		if (!(condition))						\
			guest_call(GUEST_FAILED, (u64)#condition, __LINE__, 0, 0); \
	} while (0)

#define GUEST_ASSERT_EQ(a, b)							\
	do {									\
		u64 a_ = (u64)(a), b_ = (u64)(b);				\
										\
		if (a_ != b_)							\
			guest_call(GUEST_FAILED, (u64)#a " == " #b, __LINE__, a_, b_); \
	} while (0)

#define READ(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))

/*
 * One access by one plain load or store. The compiler does not see where the address comes from: it might
 * otherwise make an access that also advances the address, of which not every processor tells a
 * hypervisor enough to emulate it.
 */
#define GUEST_ACCESS(bits)							\
	static inline u##bits read##bits(u64 address)				\
	{									\
		asm volatile("" : "+r"(address));				\
		return *(volatile u##bits *)address;				\
	}									\
	static inline void write##bits(u64 address, u##bits value)		\
	{									\
		asm volatile("" : "+r"(address));				\
		*(volatile u##bits *)address = value;				\
	}
GUEST_ACCESS(8)
GUEST_ACCESS(16)
GUEST_ACCESS(32)
GUEST_ACCESS(64)

/* --- given by the architecture (lib/ARCH_guest.c) ---------------------------------------------- */

/* Leaves to the host with a call. */
void arch_guest_call(struct guest_call *call);
/* In a loop that waits for another CPU. */
void guest_relax(void);
/*
 * Interrupts. guest_irq_init() comes first, on each vCPU. guest_irq_route() makes @handler take GSI @gsi,
 * on the vCPU that calls it; @handler runs with interrupts off, and the interrupt is
 * acknowledged when it returns.
 */
void guest_irq_init(void);
void guest_irq_route(unsigned int gsi, bool level, void (*handler)(unsigned int gsi));
/* The same for MSIs, which arch_msi() makes. */
void guest_irq_msi(void (*handler)(unsigned int number));
void guest_irq_enable(void);
void guest_irq_disable(void);
/* Sleeps until the next interrupt has been taken. Interrupts are off before and after. */
void guest_wait(void);

#endif
