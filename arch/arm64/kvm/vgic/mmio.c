// SPDX-License-Identifier: GPL-2.0-only
/* Registers of interrupts: enables, states, priorities, triggers (IHI0069 12.9 and 12.11). */
#include "mmio.h"

/**
 * struct vgic_field - what a register has of each interrupt
 * @offset: of the register of INTID 0
 * @bits: of each interrupt: 1, 2 or 8
 * @ones: only bits that are written as 1 do something
 * @live: what a list register of a running vCPU holds matters to who reads it
 * @get: its value
 * @set: lock held. True: a vCPU that is in the guest with it now must not go on so
 *
 * @user of @get and @set is vgic_access.user.
 */
struct vgic_field {
	u16 offset;
	u8 bits;
	bool ones, live;
	u32 (*get)(const struct vgic_irq *irq, bool user);
	bool (*set)(struct vgic_irq *irq, u32 val, bool user);
};

static bool in_lr(const struct vgic_irq *irq, u8 state)
{
	return READ_ONCE(irq->in_lr) & state;
}

static u32 get_group(const struct vgic_irq *irq, bool user)
{
	return irq->group1;
}

static bool set_group(struct vgic_irq *irq, u32 val, bool user)
{
	bool changed = irq->group1 != val;

	irq->group1 = val;
	return changed && in_lr(irq, VGIC_PENDING);
}

static u32 get_enabled(const struct vgic_irq *irq, bool user)
{
	return irq->enabled;
}

static bool set_enabled(struct vgic_irq *irq, u32 val, bool user)
{
	irq->enabled = true;
	return false;
}

static bool clear_enabled(struct vgic_irq *irq, u32 val, bool user)
{
	irq->enabled = false;
	return in_lr(irq, VGIC_PENDING);
}

/* User space saves the latch here; it saves lines apart. */
static u32 get_pending(const struct vgic_irq *irq, bool user)
{
	if (user)
		return irq->latch;
	return vgic_irq_pending(irq) || in_lr(irq, VGIC_PENDING);
}

static bool set_pending(struct vgic_irq *irq, u32 val, bool user)
{
	irq->latch = val;
	return false;
}

static u32 get_nothing(const struct vgic_irq *irq, bool user)
{
	return 0;
}

static bool clear_pending(struct vgic_irq *irq, u32 val, bool user)
{
	return !user && vgic_irq_clear_pending(irq);
}

static u32 get_clear_pending(const struct vgic_irq *irq, bool user)
{
	return user ? 0 : get_pending(irq, false);
}

static u32 get_active(const struct vgic_irq *irq, bool user)
{
	return irq->active;
}

static bool set_active(struct vgic_irq *irq, u32 val, bool user)
{
	return vgic_irq_set_active(irq);
}

static bool clear_active(struct vgic_irq *irq, u32 val, bool user)
{
	return vgic_irq_clear_active(irq);
}

static u32 get_priority(const struct vgic_irq *irq, bool user)
{
	return irq->priority;
}

static bool set_priority(struct vgic_irq *irq, u32 val, bool user)
{
	irq->priority = val & VGIC_PRIO_MASK;
	return false;
}

static u32 get_trigger(const struct vgic_irq *irq, bool user)
{
	return irq->level ? 0 : 2;
}

static bool set_trigger(struct vgic_irq *irq, u32 val, bool user)
{
	if (irq->intid >= VGIC_NR_SGIS)
		irq->level = !(val & 2);
	return false;
}

static u32 get_line(const struct vgic_irq *irq, bool user)
{
	return irq->intid >= VGIC_NR_SGIS && irq->line;
}

static bool set_line(struct vgic_irq *irq, u32 val, bool user)
{
	irq->line = irq->intid >= VGIC_NR_SGIS && val;
	return false;
}

const struct vgic_field vgic_line_field = { .bits = 1, .get = get_line, .set = set_line };

/* As many bytes as 1024 interrupts have: one row each, sorted. */
static const struct vgic_field fields[] = {
	{ GICD_IGROUPR, 1, false, false, get_group, set_group },
	{ GICD_ISENABLER, 1, true, false, get_enabled, set_enabled },
	{ GICD_ICENABLER, 1, true, false, get_enabled, clear_enabled },
	{ GICD_ISPENDR, 1, true, true, get_pending, set_pending },
	{ GICD_ICPENDR, 1, true, true, get_clear_pending, clear_pending },
	{ GICD_ISACTIVER, 1, true, true, get_active, set_active },
	{ GICD_ICACTIVER, 1, true, true, get_active, clear_active },
	{ GICD_IPRIORITYR, 8, false, false, get_priority, set_priority },
	{ GICD_ITARGETSR, 8, false, false, get_nothing, NULL },
	{ GICD_ICFGR, 2, false, false, get_trigger, set_trigger },
	{ GICD_IGRPMODR, 1, false, false, get_nothing, NULL },
	{ GICD_NSACR, 2, false, false, get_nothing, NULL },
};

/* Private interrupts are the redistributors', all others the distributor's. */
static struct vgic_irq *irq_of(const struct vgic_access *a, u32 intid)
{
	return !a->redist == (intid >= VGIC_NR_PRIVATE) ? vgic_find(a->vm, a->redist, intid) : NULL;
}

/*
 * What the guest did with an interrupt in a list register is known when that vCPU leaves the guest. The one
 * that asks has; if another has it now, wait.
 */
static bool elsewhere(const struct vgic_access *a, u32 first, unsigned int nr)
{
	const struct vgic_irq *irq;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		irq = irq_of(a, first + i);
		if (irq && READ_ONCE(irq->in_lr))
			return true;
	}
	return false;
}

void vgic_read_fields(const struct vgic_access *a, const struct vgic_field *f, u32 first,
		      unsigned int nr, u64 *val)
{
	const struct vgic_irq *irq;
	unsigned int i;

	if (f->live && !a->user && elsewhere(a, first, nr))
		vgic_wait_exits(a->vm);
	*val = 0;
	for (i = 0; i < nr; i++) {
		irq = irq_of(a, first + i);
		if (irq)
			*val |= (u64)f->get(irq, a->user) << i * f->bits;
	}
}

void vgic_write_fields(const struct vgic_access *a, const struct vgic_field *f, u32 first,
		       unsigned int nr, u64 val)
{
	/* User space restores the latches, those that are down too. */
	bool ones = f->ones && !(a->user && f->set == set_pending), wait = false;
	struct vgic_queue *q;
	struct vgic_irq *irq;
	unsigned long flags;
	unsigned int i;
	u32 field;

	for (i = 0; i < nr; i++) {
		field = val >> i * f->bits & GENMASK(f->bits - 1, 0);
		irq = irq_of(a, first + i);
		if (!irq || (ones && !field))
			continue;
		q = vgic_lock(irq, &flags);
		wait |= f->set(irq, field, a->user);
		vgic_unlock(irq, q, flags, true);
		if (unlikely(READ_ONCE(irq->route) != READ_ONCE(irq->home)))
			vgic_irq_settle(irq);
	}
	/* The write is done when its effect is there. */
	if (wait)
		vgic_wait_exits(a->vm);
}

int vgic_field_access(const struct vgic_access *a, int len, bool write, u64 *val)
{
	const struct vgic_field *f = fields;
	unsigned int nr;
	u32 first;

	while (a->offset - f->offset >= 128u * f->bits)
		if (++f == fields + ARRAY_SIZE(fields))
			return -ENXIO;
	first = (a->offset - f->offset) * 8 / f->bits;
	nr = len * 8 / f->bits;
	if (len != 4 && !(len == 1 && f->bits == 8))
		*val = write ? *val : 0;
	else if (!write)
		vgic_read_fields(a, f, first, nr, val);
	else if (f->set)
		vgic_write_fields(a, f, first, nr, *val);
	return 0;
}

/* --- all others --------------------------------------------------------------------------- */

int vgic_reg_access(const struct vgic_access *a, const struct vgic_reg *regs, unsigned int nr,
		    int len, bool write, u64 *val)
{
	const struct vgic_reg *reg = regs;
	unsigned int shift;
	u64 mask;

	while (a->offset - reg->offset >= reg->size)
		if (++reg == regs + nr)
			return -ENXIO;
	shift = (a->offset - reg->offset) % (reg->lens & 8 ? 8 : 4) * 8;
	mask = GENMASK_ULL(len * 8 - 1, 0);
	if (write)
		return reg->write && reg->lens & len ? reg->write(a, *val << shift, mask << shift) : 0;
	*val = reg->read && reg->lens & len ? reg->read(a) >> shift & mask : 0;
	return 0;
}

u64 vgic_read_iidr(const struct vgic_access *a)
{
	return VGIC_IIDR;
}

/* User space says what it expects. */
int vgic_write_iidr(const struct vgic_access *a, u64 val, u64 mask)
{
	return a->user && val != VGIC_IIDR ? -EINVAL : 0;
}

/* Of the identification registers PIDR2 alone says something: the architecture's version. */
u64 vgic_read_id(const struct vgic_access *a)
{
	return (a->offset & (SZ_64K - 4)) == GICD_PIDR2 ? GIC_PIDR2_ARCH_GICv3 | 0xb : 0;
}

void vgic_write_status(const struct vgic_access *a, u32 *status, u64 val, u64 mask)
{
	val &= mask & GENMASK(3, 0);
	*status = a->user ? val : *status & ~val;
}
