// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts of a virtual GIC: where they are, and how they get there. */
#include <linux/nospec.h>
#include <keel/irq.h>
#include "irq.h"

void vgic_queue_init(struct vgic_queue *q, struct arm_vcpu *v)
{
	raw_spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->ready);
	q->vcpu = v;
}

/* At reset all are in group 1, as guests expect that never heard of group 0. */
void vgic_irq_init(struct vgic_irq *irq, struct vgic_queue *home, u32 intid)
{
	INIT_LIST_HEAD(&irq->link);
	irq->home = home;
	irq->route = home;
	irq->intid = intid;
	irq->group1 = true;
	irq->level = intid >= VGIC_NR_SGIS;
	irq->enabled = intid < VGIC_NR_SGIS;	/* Linux as a guest expects it, and it is allowed */
}

struct vgic_irq *vgic_find(struct arm_vm *vm, struct arm_vcpu *v, u32 intid)
{
	u32 n = intid - VGIC_NR_PRIVATE, nr = min_t(u32, vm->vgic.nr_irqs, VGIC_NR_INTIDS);

	if (intid < VGIC_NR_PRIVATE)
		return v ? &v->vgic.irq[array_index_nospec(intid, VGIC_NR_PRIVATE)] : NULL;
	if (!vm->vgic.spi || intid >= nr)
		return NULL;
	return &vm->vgic.spi[array_index_nospec(n, nr - VGIC_NR_PRIVATE)];
}

struct vgic_queue *vgic_lock(struct vgic_irq *irq, unsigned long *flags)
	__acquires(irq)
{
	struct vgic_queue *q;

	for (;;) {
		q = READ_ONCE(irq->home);
		raw_spin_lock_irqsave(&q->lock, *flags);
		if (likely(q == irq->home))
			return q;
		raw_spin_unlock_irqrestore(&q->lock, *flags);
	}
}

void vgic_requeue(struct vgic_irq *irq)
{
	bool queued = !list_empty(&irq->link), wanted = vgic_irq_wanted(irq);

	if (wanted && !queued) {
		list_add_tail(&irq->link, &irq->home->ready);
		irq->home->nr++;
	} else if (!wanted && queued) {
		list_del_init(&irq->link);
		irq->home->nr--;
	}
}

/*
 * Does the vCPU have to leave guest mode, or its halt, to take it? Not for a level that is in a list
 * register already: its deactivation ends guest mode. The host's GIC deactivates on its own.
 */
static bool must_tell(const struct vgic_irq *irq)
{
	if (!irq->enabled || !vgic_irq_pending(irq))
		return false;
	if (irq->level && !irq->hwirq)
		return !irq->active && !irq->in_lr;
	return true;
}

void vgic_unlock(struct vgic_irq *irq, struct vgic_queue *q, unsigned long flags, bool tell)
	__releases(irq)
{
	struct arm_vcpu *v = q->vcpu;

	vgic_requeue(irq);
	tell = tell && v && must_tell(irq);
	raw_spin_unlock_irqrestore(&q->lock, flags);
	if (tell)
		keel_vcpu_kick(&v->core);
}

static void lock_two(struct vgic_queue *a, struct vgic_queue *b)
	__acquires(a) __acquires(b)
{
	if (a > b)
		swap(a, b);
	raw_spin_lock(&a->lock);
	raw_spin_lock_nested(&b->lock, SINGLE_DEPTH_NESTING);
}

static void unlock_two(struct vgic_queue *a, struct vgic_queue *b)
	__releases(a) __releases(b)
{
	raw_spin_unlock(&a->lock);
	raw_spin_unlock(&b->lock);
}

/* Both locks held. */
static void move_home(struct vgic_irq *irq, struct vgic_queue *to)
{
	if (!list_empty(&irq->link)) {
		list_del_init(&irq->link);
		irq->home->nr--;
	}
	WRITE_ONCE(irq->home, to);
	vgic_requeue(irq);
}

void vgic_irq_settle(struct vgic_irq *irq)
{
	struct arm_vcpu *tell = NULL;
	struct vgic_queue *from, *to;
	bool done = false;
	unsigned long flags;

	local_irq_save(flags);
	while (!done) {
		from = READ_ONCE(irq->home);
		to = READ_ONCE(irq->route);
		if (from == to)
			break;
		lock_two(from, to);
		/* Else it has moved, or has another route, since. */
		if (irq->home == from && irq->route == to) {
			done = true;
			if (!irq->active && !irq->in_lr) {
				move_home(irq, to);
				tell = vgic_irq_wanted(irq) ? to->vcpu : NULL;
			}
		}
		unlock_two(from, to);
	}
	local_irq_restore(flags);
	if (tell)
		keel_vcpu_kick(&tell->core);
}

bool vgic_deactivate(struct vgic_irq *irq)
{
	bool was = irq->active;

	irq->active = false;
	vgic_requeue(irq);
	return was && irq->level;
}

void vgic_ended(struct arm_vm *vm, const struct vgic_irq *irq)
{
	if (irq->intid >= VGIC_NR_PRIVATE)
		keel_irq_acked(&vm->core, 0, irq->intid - VGIC_NR_PRIVATE);
}

void vgic_wait_exits(struct arm_vm *vm)
{
	keel_request_all(&vm->core, KEEL_REQ_UNBLOCK, true);
}

/* --- inputs ------------------------------------------------------------------------------ */

int vgic_set_irq(struct arm_vm *vm, struct arm_vcpu *v, u32 intid, bool level)
{
	struct vgic_irq *irq;
	struct vgic_queue *q;
	unsigned long flags;
	bool was;

	if (!vgic_ready(vm))
		return -EBUSY;
	irq = vgic_find(vm, v, intid);
	if (!irq)
		return -EINVAL;
	q = vgic_lock(irq, &flags);
	was = vgic_irq_pending(irq);
	irq->line = level;
	if (level && !irq->level)
		irq->latch = true;
	vgic_unlock(irq, q, flags, level);
	return level && !was;
}

void vgic_forward_ppi(struct arm_vcpu *v, u32 intid, u32 hwirq)
{
	struct vgic_irq *irq = &v->vgic.irq[intid];
	struct vgic_queue *q;
	unsigned long flags;

	q = vgic_lock(irq, &flags);
	irq->hwirq = hwirq;
	vgic_unlock(irq, q, flags, false);
}

int vgic_own_ppi(struct arm_vcpu *v, u32 intid, u32 hwirq)
{
	struct vgic_irq *irq = &v->vgic.irq[intid];
	struct vgic_queue *q;
	unsigned long flags;
	int r = 0;

	q = vgic_lock(irq, &flags);
	if (irq->owned) {
		r = -EEXIST;
	} else {
		irq->owned = true;
		irq->hwirq = hwirq;
	}
	vgic_unlock(irq, q, flags, false);
	return r;
}
