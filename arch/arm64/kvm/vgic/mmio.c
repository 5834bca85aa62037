// SPDX-License-Identifier: GPL-2.0-only
/* Registers of interrupts: enables, states, priorities, triggers (IHI0069 12.9 and 12.11). */
#include "mmio.h"

/**
 * struct vgic_field - what a register has of each interrupt
 * @offset: of the register of INTID 0
 * @bits: of each interrupt: 1, 2 or 8
 * @ones: only bits that are written as 1 do something
 * @live: what a list register of a running vCPU holds matters to who reads it
 * @member: the byte of struct vgic_irq that is its value; 0: @get says it
 * @get: its value
 * @set: lock held. True: a vCPU that is in the guest with it now must not go on so
 *
 * @user of @get and @set is vgic_access.user.
 */
struct vgic_field {
	u16 offset;
	u8 bits;
	bool ones, live;
	u8 member;
	u32 (*get)(const struct vgic_irq *irq, bool user);
	bool (*set)(struct vgic_irq *irq, u32 val, bool user);
};

static bool in_lr(const struct vgic_irq *irq, u8 state)
{
	return READ_ONCE(irq->in_lr) & state;
}

static bool set_group(struct vgic_irq *irq, u32 val, bool user)
{
	bool changed = irq->group1 != val;

	irq->group1 = val;
	return changed && in_lr(irq, VGIC_PENDING);
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

static bool set_active(struct vgic_irq *irq, u32 val, bool user)
{
	return vgic_irq_set_active(irq);
}

static bool clear_active(struct vgic_irq *irq, u32 val, bool user)
{
	return vgic_irq_clear_active(irq);
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
#define MEMBER(name)	.member = offsetof(struct vgic_irq, name)
static const struct vgic_field fields[] = {
	{ GICD_IGROUPR, 1, MEMBER(group1), .set = set_group },
	{ GICD_ISENABLER, 1, .ones = true, MEMBER(enabled), .set = set_enabled },
	{ GICD_ICENABLER, 1, .ones = true, MEMBER(enabled), .set = clear_enabled },
	{ GICD_ISPENDR, 1, .ones = true, .live = true, .get = get_pending, .set = set_pending },
	{ GICD_ICPENDR, 1, .ones = true, .live = true, .get = get_clear_pending, .set = clear_pending },
	{ GICD_ISACTIVER, 1, .ones = true, .live = true, MEMBER(active), .set = set_active },
	{ GICD_ICACTIVER, 1, .ones = true, .live = true, MEMBER(active), .set = clear_active },
	{ GICD_IPRIORITYR, 8, MEMBER(priority), .set = set_priority },
	{ GICD_ITARGETSR, 8, .get = get_nothing },
	{ GICD_ICFGR, 2, .get = get_trigger, .set = set_trigger },
	{ GICD_IGRPMODR, 1, .get = get_nothing },
	{ GICD_NSACR, 2, .get = get_nothing },
};

/*
 * Those that there are of *@nr from @first on: private interrupts are the redistributors', all others the
 * distributor's.
 */
static struct vgic_irq *irqs_of(const struct vgic_access *a, u32 first, unsigned int *nr)
{
	struct vgic_irq *irq = NULL;

	if (!a->redist == (first >= VGIC_NR_PRIVATE))
		irq = vgic_find(a->vm, a->redist, first);
	if (!irq)
		*nr = 0;
	else if (first >= VGIC_NR_PRIVATE)
		*nr = min3(*nr, a->vm->vgic.nr_irqs - first, VGIC_NR_INTIDS - first);
	return irq;
}

/*
 * What the guest did with an interrupt in a list register is known when that vCPU leaves the guest. The one
 * that asks has; if another has it now, wait.
 */
static void wait_if_elsewhere(const struct vgic_access *a, const struct vgic_irq *irq,
			      unsigned int nr)
{
	u8 in_lrs = 0;

	while (nr--)
		in_lrs |= READ_ONCE(irq++->in_lr);
	if (in_lrs)
		vgic_wait_exits(a->vm);
}

void vgic_read_fields(const struct vgic_access *a, const struct vgic_field *f, u32 first,
		      unsigned int nr, u64 *val)
{
	const struct vgic_irq *irq = irqs_of(a, first, &nr);
	const u8 *value = (const u8 *)(irq + nr) + f->member;
	u64 sum = 0;

	if (f->live && !a->user)
		wait_if_elsewhere(a, irq, nr);
	if (f->member) {
		/* The usual case is one bit: a constant shift is free. */
		for (; nr && f->bits == 1; nr--)
			sum = sum << 1 | *(value -= sizeof(*irq));
		for (; nr; nr--)
			sum = sum << f->bits | *(value -= sizeof(*irq));
	}
	for (; nr; nr--)
		sum = sum << f->bits | f->get(&irq[nr - 1], a->user);
	*val = sum;
}

void vgic_write_fields(const struct vgic_access *a, const struct vgic_field *f, u32 first,
		       unsigned int nr, u64 val)
{
	/* User space restores the latches, those that are down too. */
	bool ones = f->ones && !(a->user && f->set == set_pending), wait = false;
	struct vgic_irq *irq = irqs_of(a, first, &nr);
	struct vgic_queue *q;
	unsigned long flags;
	u32 field;

	for (; nr; nr--, irq++, val >>= f->bits) {
		field = val & GENMASK(f->bits - 1, 0);
		if (ones && !field)
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
