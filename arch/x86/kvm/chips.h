/* SPDX-License-Identifier: GPL-2.0-only */
/* What the chips of the board (PIC, IOAPIC, PIT) and irqchip.c know of each other. */
#ifndef KEEL_X86_CHIPS_H
#define KEEL_X86_CHIPS_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include "irqchip.h"

#define X86_PIC_PINS	16	/* 0-7 master, 8-15 slave */
#define X86_PIT_SOURCE	KEEL_IRQ_SOURCE_ARCH
#define X86_PIT_GSI	0

/**
 * struct x86_pic - two cascaded 8259A
 * @output: INTR, read without the lock
 * @acked: pins whose interrupt has ended; their notifiers run when the lock is dropped
 * @sources: who holds the line up, by pin
 * @chip: the registers, in the ABI's form
 */
struct x86_pic {
	struct x86_vm *vm;
	raw_spinlock_t lock;
	bool output;
	u16 acked;
	u8 sources[X86_PIC_PINS];
	struct kvm_pic_state chip[2];
	struct keel_io_dev port[3];
};

struct x86_pic *x86_pic_create(struct x86_vm *vm);
void x86_pic_destroy(struct x86_pic *pic);
/** x86_pic_set_irq - any context. As keel_irq_set_fn. */
int x86_pic_set_irq(struct x86_pic *pic, unsigned int pin, int source, int level);
/** x86_pic_ack - INTA: the vector, or -1 when nothing waits any more. */
int x86_pic_ack(struct x86_pic *pic);
void x86_pic_get(struct x86_pic *pic, struct kvm_pic_state *state, unsigned int chip);
void x86_pic_set(struct x86_pic *pic, const struct kvm_pic_state *state, unsigned int chip);

/**
 * struct x86_ioapic - an 82093AA
 * @irr: lines that are up, by pin
 * @vectors: those that any entry names; read without the lock, a bit of an entry
 *	that stays never vanishes
 * @sources: who holds the line up, by pin
 * @storm: by pin, level-triggered interrupts whose line was up again at their EOI, in
 *	a row; @later goes on when there were too many
 */
struct x86_ioapic {
	struct x86_vm *vm;
	raw_spinlock_t lock;
	u8 select;
	u32 id, irr;
	u64 redir[KVM_IOAPIC_NUM_PINS];
	u8 sources[KVM_IOAPIC_NUM_PINS];
	u16 storm[KVM_IOAPIC_NUM_PINS];
	DECLARE_BITMAP(vectors, 256);
	struct delayed_work later;
	struct keel_io_dev dev;
};

struct x86_ioapic *x86_ioapic_create(struct x86_vm *vm);
void x86_ioapic_quiesce(struct x86_ioapic *io);
void x86_ioapic_destroy(struct x86_ioapic *io);
/** x86_ioapic_set_irq - any context. As keel_irq_set_fn. */
int x86_ioapic_set_irq(struct x86_ioapic *io, unsigned int pin, int source, int level);
/** x86_ioapic_uses - does any entry name @vector? Any context, no lock. */
static inline bool x86_ioapic_uses(const struct x86_ioapic *io, u8 vector)
{
	return test_bit(vector, io->vectors);
}
/** x86_ioapic_eoi - a LAPIC has ended @vector, which had come level- or edge-triggered. */
void x86_ioapic_eoi(struct x86_ioapic *io, u8 vector, bool level);
void x86_ioapic_get(struct x86_ioapic *io, struct kvm_ioapic_state *state);
void x86_ioapic_set(struct x86_ioapic *io, const struct kvm_ioapic_state *state);

/**
 * struct x86_pit - an 8254, channel 0 wired to GSI 0, channel 2 to the speaker
 * @lock: everything but what the timer's interrupt uses
 * @frozen: by channel, ns that had been counted when the gate went down
 * @reinject: ticks that the guest has missed are caught up
 * @missed: ticks not yet acknowledged, the one under way included
 * @ready: the last one was acknowledged; 0 or 1
 */
struct x86_pit {
	struct x86_vm *vm;
	struct mutex lock;
	struct kvm_pit_state2 state;
	s64 frozen[3];
	struct keel_timer timer;
	bool reinject;
	atomic_t missed, ready;
	struct keel_irq_ack ack;
	struct keel_io_dev port[2];	/* the chip's, the speaker's */
};

struct x86_pit *x86_pit_create(struct x86_vm *vm, u32 flags);
void x86_pit_quiesce(struct x86_pit *pit);
void x86_pit_destroy(struct x86_pit *pit);
/** x86_pit_unmasked - the guest opens the way for GSI 0: what went before is forgotten. */
void x86_pit_unmasked(struct x86_pit *pit);
void x86_pit_set_reinject(struct x86_pit *pit, bool on);
void x86_pit_get(struct x86_pit *pit, struct kvm_pit_state2 *state);
int x86_pit_set(struct x86_pit *pit, const struct kvm_pit_state2 *state);

/* lapic.c, lapic_timer.c */
bool x86_lapic_kick_extint(struct x86_vcpu *v);
void x86_lapic_watchdog(struct x86_vcpu *v);
u64 x86_min_timer_period(void);	/* ns */

#endif
