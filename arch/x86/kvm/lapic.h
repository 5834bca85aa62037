/* SPDX-License-Identifier: GPL-2.0-only */
/* The local APIC's inside: for lapic.c, lapic_regs.c, lapic_timer.c, apic_map.c and irqchip.c. */
#ifndef KEEL_X86_LAPIC_H
#define KEEL_X86_LAPIC_H

#include <linux/bitmap.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include "irqchip.h"

#define LAPIC_VECTORS	256

/* Beside the kernel's APIC_DELIVERY_MODE_*: start-up IPI (SDM 10.6.1) */
#define X86_DELIVERY_SIPI	6

/* ICR bits 19:18 */
enum { APIC_TO_DEST, APIC_TO_SELF, APIC_TO_ALL, APIC_TO_OTHERS };

/* Index in lvt[]: (register - 0x320) / 16 */
enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, NR_LVT };

#define LVT_TIMER_MODES	(APIC_LVT_TIMER_PERIODIC | APIC_LVT_TIMER_TSCDEADLINE)

/* Bits of x86_lapic.latched */
enum { LAPIC_INIT, LAPIC_SIPI };

/* x86_lapic.shared: guest memory that stands for a register while the guest runs */
#define LAPIC_PV_EOI	BIT(0)
#define LAPIC_VAPIC	BIT(1)

/* x86_lapic.cr8_irr: no such value, the backend must be told anew */
#define LAPIC_IRR_UNTOLD (-2)

/* x86_lapic.user_exits: what user space waits to hear */
#define LAPIC_EXIT_EOI	BIT(0)
#define LAPIC_EXIT_TPR	BIT(1)

/**
 * struct x86_lapic - one local APIC
 *
 * Only the first line, @latched and @esr_new are written by other CPUs; all the rest belongs to the
 * vCPU's own thread, and others only look at it.
 *
 * @irr, @tmr: requested vectors, and which of them came level-triggered; atomic bits
 * @isr: vectors in service, @isrv the highest of them or -1
 * @ppr: derived from @tpr and @isrv whenever one of them changes, because every
 *	entry compares with it
 * @extint_ok: LVT LINT0 (or a disabled APIC) lets the PIC's INTR through
 * @shared: LAPIC_PV_EOI: the guest was told before its last entry that a write to memory is its
 *	EOI; LAPIC_VAPIC: user space has given a page for @vapic
 * @cr8_tpr, @cr8_irr: what the backend was told last by cr8_intercept
 * @user_exits: LAPIC_EXIT_*; @eoi_vector, @tpr_rip and @tpr_write go with them
 * @tpr_reporting: user space patches instructions that access TPR, and wants to see them
 * @vapic: TPR for such instructions, beside what they must compare it with
 */
struct x86_lapic {
	DECLARE_BITMAP(irr, LAPIC_VECTORS) ____cacheline_aligned_in_smp;
	DECLARE_BITMAP(tmr, LAPIC_VECTORS);

	struct x86_vcpu *v ____cacheline_aligned_in_smp;
	s16 isrv;
	u8 tpr, ppr;
	bool extint_ok;
	u8 shared;
	s16 cr8_tpr, cr8_irr;
	u32 svr;
	DECLARE_BITMAP(isr, LAPIC_VECTORS);

	unsigned long latched;	/* INIT and SIPI that wait; atomic bits */
	u8 sipi_vector, eoi_vector, user_exits;
	bool tpr_reporting, tpr_write;
	u8 xid;			/* the 8-bit ID, writable in xAPIC mode */
	u32 id;			/* the 32-bit ID: the vCPU's number */
	u32 ldr, dfr, esr;
	unsigned long esr_new;	/* errors since the last write to ESR; atomic bits */
	u64 icr;
	u32 lvt[NR_LVT];

	u32 tmict, tdcr;
	u64 tsc_deadline, tpr_rip;
	struct keel_timer timer;
	struct keel_gcache vapic;
};

/* The highest vector of a set that others may be changing, or -1. */
static __always_inline int lapic_highest(const unsigned long *set)
{
	int i;

	for (i = BITS_TO_LONGS(LAPIC_VECTORS) - 1; i >= 0; i--) {
		unsigned long word = READ_ONCE(set[i]);

		if (word)
			return i * BITS_PER_LONG + __fls(word);
	}
	return -1;
}

/* Globally enabled by IA32_APIC_BASE */
static inline bool lapic_on(const struct x86_lapic *l)
{
	return READ_ONCE(l->v->apic_base) & MSR_IA32_APICBASE_ENABLE;
}

static inline bool lapic_x2(const struct x86_lapic *l)
{
	return READ_ONCE(l->v->apic_base) & X2APIC_ENABLE;
}

/* ... and by the spurious-interrupt vector register, so that it takes fixed interrupts */
static inline bool lapic_accepts(const struct x86_lapic *l)
{
	return (READ_ONCE(l->svr) & APIC_SPIV_APIC_ENABLED) && lapic_on(l);
}

static inline u32 lapic_x2_ldr(u32 id)
{
	return (id >> 4) << 16 | 1u << (id & 0xf);	/* SDM 10.12.10.2 */
}

/* The highest vector that may interrupt now, or -1. */
static __always_inline int lapic_deliverable(const struct x86_lapic *l)
{
	int vector = lapic_highest(l->irr);

	return vector >= 0 && (vector & 0xf0) > (l->ppr & 0xf0) ? vector : -1;
}

/*
 * Is all as the last x86_lapic_before_entry() has left it? A new request is no question of this: it
 * comes with X86_REQ_EVENT.
 */
static inline bool lapic_settled(const struct x86_lapic *l)
{
	return l->isrv < 0 && !l->shared && l->tpr == l->cr8_tpr && l->cr8_irr != LAPIC_IRR_UNTOLD;
}

/* lapic.c */
int x86_lapic_accept(struct x86_vcpu *v, const struct x86_apic_msg *msg);
int x86_lapic_accept_fixed(struct x86_lapic *l, u8 vector, bool level);
int x86_lapic_local(struct x86_lapic *l, unsigned int lvt);
int x86_lapic_ack(struct x86_lapic *l);
void x86_lapic_eoi(struct x86_lapic *l);
void x86_lapic_update_ppr(struct x86_lapic *l);
void x86_lapic_update_extint(struct x86_lapic *l);
void x86_lapic_tell_user(struct x86_lapic *l, u8 exit);
void x86_lapic_error(struct x86_lapic *l, u32 error);
void x86_lapic_map_changed(struct x86_lapic *l);

/* lapic_regs.c */
u32 x86_lapic_read_reg(struct x86_lapic *l, u32 reg, bool *absent);

/* lapic_timer.c: all on the vCPU's own thread */
void x86_lapic_timer_init(struct x86_lapic *l);
void x86_lapic_timer_stop(struct x86_lapic *l);
void x86_lapic_timer_start(struct x86_lapic *l, u32 count);
u32 x86_lapic_timer_count(const struct x86_lapic *l);
void x86_lapic_timer_mode(struct x86_lapic *l, u32 old_lvtt);
void x86_lapic_timer_divide(struct x86_lapic *l, u32 tdcr);

#endif
