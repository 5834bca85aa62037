/* SPDX-License-Identifier: GPL-2.0-only */
/* One interrupt: its state, and how the state goes into a list register and comes back. Pure code. */
#ifndef KEEL_VGIC_STATE_H
#define KEEL_VGIC_STATE_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/types.h>

struct vgic_queue;

/* ICH_LR<n>_EL2 (IHI0069 12.4.9) */
#define VGIC_LR_PHYS_SHIFT	32
#define VGIC_LR_EOI		BIT_ULL(41)	/* for HW = 0: tell when it is deactivated */
#define VGIC_LR_PRIO_SHIFT	48
#define VGIC_LR_GROUP1		BIT_ULL(60)
#define VGIC_LR_HW		BIT_ULL(61)
#define VGIC_LR_STATE_SHIFT	62

/* The states of a list register; in struct vgic_irq.in_lr also: pending by the latch. */
#define VGIC_PENDING		1
#define VGIC_ACTIVE		2
#define VGIC_LATCHED		4

/* ICH_VMCR_EL2 (IHI0069 12.4.10) */
#define VGIC_VMCR_ENG0		BIT(0)
#define VGIC_VMCR_ENG1		BIT(1)
#define VGIC_VMCR_PMR_SHIFT	24

/**
 * struct vgic_irq - an interrupt: an SPI of a VM, or an SGI or PPI of a vCPU
 * @home: who has it: its lock protects everything here. Changes with both locks held
 * @link: in @home->ready while the vCPU there has something to do with it
 * @route: where an SPI shall be; it moves there as soon as it is neither active nor in the guest
 * @affinity: GICD_IROUTER<n>
 * @intid: its number
 * @hwirq: number of the host's interrupt that it stands for; 0: none
 * @priority: 0 is the highest
 * @in_lr: VGIC_* as the list register was loaded; 0: it is in none. What was latched is in the list
 *	register then, and @latch says if there was more since
 * @lr_clear: of the state that comes back from the list register, what does not count any more
 * @lr_set: what counts in any case
 * @line: the input
 * @latch: pending by an edge, or by a write to GICD_ISPENDR
 * @level: level-sensitive, else edge-triggered
 * @owned: a device in the kernel drives it: user space must not
 */
struct vgic_irq {
	struct vgic_queue *home;
	struct list_head link;
	struct vgic_queue *route;
	u64 affinity;
	u16 intid;
	u16 hwirq;
	u8 priority;
	u8 in_lr, lr_clear, lr_set;
	bool line, latch, active, enabled, level, group1, owned;
};

static inline bool vgic_irq_pending(const struct vgic_irq *irq)
{
	return irq->latch || (irq->level && irq->line);
}

/* Belongs into a list register, or would if its group were enabled. */
static inline bool vgic_irq_wanted(const struct vgic_irq *irq)
{
	return irq->active || (irq->enabled && vgic_irq_pending(irq));
}

/* Can the CPU interface take it now? @groups: VGIC_VMCR_ENG0 and _ENG1 of the distributor. */
static inline bool vgic_irq_deliverable(const struct vgic_irq *irq, u32 groups, u32 vmcr)
{
	return irq->enabled && !irq->active && vgic_irq_pending(irq) &&
	       groups & vmcr & (irq->group1 ? VGIC_VMCR_ENG1 : VGIC_VMCR_ENG0) &&
	       irq->priority < vmcr >> VGIC_VMCR_PMR_SHIFT;
}

/*
 * Which of two comes first when there are more than list registers: an active one, because the guest
 * will deactivate it; then one whose group the guest takes; then by priority.
 */
static inline u32 vgic_irq_rank(const struct vgic_irq *irq, u32 vmcr)
{
	u32 group = irq->group1 ? VGIC_VMCR_ENG1 : VGIC_VMCR_ENG0;

	return (irq->active ? 0 : vmcr & group ? 0x100 : 0x200) | irq->priority;
}

/**
 * vgic_irq_load - move an interrupt into a list register
 * @irq: the interrupt
 * @groups: VGIC_VMCR_ENG0 and _ENG1 of those that the distributor forwards
 *
 * A level-sensitive interrupt that is active does not go there as pending too: it is looked at
 * again when it is deactivated, as its line may have fallen by then.
 *
 * Return: what to write, or 0: nothing, as its group is not forwarded.
 */
static inline u64 vgic_irq_load(struct vgic_irq *irq, u32 groups)
{
	bool forward = groups & (irq->group1 ? VGIC_VMCR_ENG1 : VGIC_VMCR_ENG0);
	u64 lr = irq->intid | (u64)irq->priority << VGIC_LR_PRIO_SHIFT;
	u8 state = irq->active ? VGIC_ACTIVE : 0;

	if (forward && irq->enabled && vgic_irq_pending(irq) && !(irq->level && irq->active)) {
		state |= VGIC_PENDING | (irq->latch ? VGIC_LATCHED : 0);
		irq->latch = false;
	}
	irq->in_lr = state;
	if (!state)
		return 0;
	if (irq->group1)
		lr |= VGIC_LR_GROUP1;
	if (irq->hwirq)
		lr |= VGIC_LR_HW | (u64)irq->hwirq << VGIC_LR_PHYS_SHIFT;
	else if (irq->level)
		lr |= VGIC_LR_EOI;
	return lr | (u64)(state & (VGIC_PENDING | VGIC_ACTIVE)) << VGIC_LR_STATE_SHIFT;
}

/**
 * vgic_irq_unload - take an interrupt back from a list register
 * @irq: the interrupt
 * @lr: what the list register holds now
 *
 * Return: the guest has deactivated it since vgic_irq_load(), and it is level-sensitive: whoever
 * drives the line may want to know.
 */
static inline bool vgic_irq_unload(struct vgic_irq *irq, u64 lr)
{
	u8 was = irq->in_lr, now = lr >> VGIC_LR_STATE_SHIFT;

	/* Not acknowledged: it is latched still. Else the line says if there is more. */
	if ((now & ~irq->lr_clear & VGIC_PENDING) && (was & VGIC_LATCHED))
		irq->latch = true;
	irq->active = ((now & ~irq->lr_clear) | irq->lr_set) & VGIC_ACTIVE;
	irq->in_lr = 0;
	irq->lr_clear = 0;
	irq->lr_set = 0;
	return irq->level && !now;
}

/*
 * Writes to GICD_ICPENDR, GICD_ISACTIVER and GICD_ICACTIVER. True: a vCPU has it in a list register, and must
 * leave the guest for the write to be seen there.
 */
static inline bool vgic_irq_clear_pending(struct vgic_irq *irq)
{
	irq->latch = false;
	if (!(irq->in_lr & VGIC_PENDING))
		return false;
	irq->lr_clear |= VGIC_PENDING;
	return true;
}

static inline bool vgic_irq_set_active(struct vgic_irq *irq)
{
	irq->active = true;
	irq->lr_set |= irq->in_lr ? VGIC_ACTIVE : 0;
	return irq->in_lr;
}

static inline bool vgic_irq_clear_active(struct vgic_irq *irq)
{
	irq->active = false;
	irq->lr_set = 0;
	irq->lr_clear |= irq->in_lr ? VGIC_ACTIVE : 0;
	return irq->in_lr;
}

#endif
