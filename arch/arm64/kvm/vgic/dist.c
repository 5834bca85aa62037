// SPDX-License-Identifier: GPL-2.0-only
/* The distributor (IHI0069 12.9), with one security state: GICD_CTLR.DS = 1. */
#include <linux/bitfield.h>
#include <linux/nospec.h>
#include "mmio.h"

#define TYPER_NO_1_OF_N		BIT(25)
#define TYPER_ID_BITS		FIELD_PREP(GENMASK(23, 19), 9)	/* 10 bits */

#define IROUTER_AFFINITY	(GENMASK_ULL(39, 32) | GENMASK_ULL(23, 0))

static u64 read_ctlr(const struct vgic_access *a)
{
	return a->vm->vgic.ctlr | GICD_CTLR_ARE_NS | GICD_CTLR_DS;
}

/* Those that wait are forwarded now, or not any more: every vCPU looks at its own. */
static int write_ctlr(const struct vgic_access *a, u64 val, u64 mask)
{
	u32 *ctlr = &a->vm->vgic.ctlr, old = *ctlr;
	u32 new = val & (GICD_CTLR_ENABLE_SS_G0 | GICD_CTLR_ENABLE_SS_G1);

	WRITE_ONCE(*ctlr, new);
	if (old != new)
		keel_request_all(&a->vm->core, KEEL_REQ_UNBLOCK, old & ~new);
	return 0;
}

/* No LPIs, no message-based SPIs, and an SPI goes to the one vCPU that GICD_IROUTER<n> names. */
static u64 read_typer(const struct vgic_access *a)
{
	return (DIV_ROUND_UP(a->vm->vgic.nr_irqs, 32) - 1) | TYPER_ID_BITS | TYPER_NO_1_OF_N |
	       (vgic_host.vtr & ICH_VTR_A3V_MASK ? BIT(24) : 0);
}

static u64 read_statusr(const struct vgic_access *a)
{
	return a->vm->vgic.statusr;
}

static int write_statusr(const struct vgic_access *a, u64 val, u64 mask)
{
	vgic_write_status(a, &a->vm->vgic.statusr, val, mask);
	return 0;
}

static struct vgic_irq *routed(const struct vgic_access *a)
{
	return vgic_find(a->vm, NULL, (a->offset - GICD_IROUTER) / 8);
}

static u64 read_irouter(const struct vgic_access *a)
{
	const struct vgic_irq *irq = routed(a);

	return irq ? READ_ONCE(irq->affinity) : 0;
}

static int write_irouter(const struct vgic_access *a, u64 val, u64 mask)
{
	struct vgic_irq *irq = routed(a);
	struct arm_vcpu *target;
	struct vgic_queue *q;
	unsigned long flags;
	bool wait;

	if (!irq)
		return 0;
	q = vgic_lock(irq, &flags);
	irq->affinity = (irq->affinity & ~mask) | (val & mask & IROUTER_AFFINITY);
	target = arm_vcpu_by_mpidr(a->vm, irq->affinity);
	WRITE_ONCE(irq->route, target ? &target->vgic.q : &a->vm->vgic.nowhere);
	wait = irq->route != q && irq->in_lr;
	vgic_unlock(irq, q, flags, false);
	/* Out of the list register it goes on by itself. */
	if (wait)
		vgic_wait_exits(a->vm);
	vgic_irq_settle(irq);
	return 0;
}

static const struct vgic_reg regs[] = {
	{ GICD_CTLR, 4, 4, read_ctlr, write_ctlr },
	{ GICD_TYPER, 4, 4, read_typer },
	{ GICD_IIDR, 4, 4, vgic_read_iidr, vgic_write_iidr },
	{ GICD_TYPER2, 4, 4 },
	{ GICD_STATUSR, 4, 4, read_statusr, write_statusr },
	{ GICD_SGIR, 4, 4 },
	{ GICD_CPENDSGIR, 16, 1 | 4 },
	{ GICD_SPENDSGIR, 16, 1 | 4 },
	{ GICD_IROUTER, 8 * 1024, 4 | 8, read_irouter, write_irouter },
	{ GICD_IDREGS, 0x30, 4, vgic_read_id },
};

int vgic_dist_access(const struct vgic_access *a, int len, bool write, u64 *val)
{
	int r = vgic_field_access(a, len, write, val);

	return r == -ENXIO ? vgic_reg_access(a, regs, ARRAY_SIZE(regs), len, write, val) : r;
}

/* --- on the bus --------------------------------------------------------------------------- */

static int access(struct keel_vcpu *vcpu, u64 addr, int len, bool write, u64 *val)
{
	struct vgic_access a = { .vm = to_arm_vm(vcpu->vm) };

	a.offset = addr - a.vm->vgic.base;
	/* What is reserved, or of a length that is not there, reads as 0 and is ignored. */
	if (!IS_ALIGNED(addr, len) || vgic_dist_access(&a, len, write, val))
		*val = 0;
	return 0;
}

static int bus_read(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len, void *val)
{
	u64 data = 0;

	access(vcpu, addr, len, false, &data);
	memcpy(val, &data, len);
	return 0;
}

static int bus_write(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len,
		     const void *val)
{
	u64 data = 0;

	memcpy(&data, val, len);
	return access(vcpu, addr, len, true, &data);
}

static const struct keel_io_dev_ops bus_ops = {
	.read = bus_read,
	.write = bus_write,
};

int vgic_set_dist_addr(struct arm_vm *vm, u64 base)
{
	int r;

	vm->vgic.dev.ops = &bus_ops;
	mutex_lock(&vm->core.slots_lock);
	vm->vgic.base = base;
	r = keel_bus_register(&vm->core, KEEL_BUS_MMIO, base, KVM_VGIC_V3_DIST_SIZE,
			      &vm->vgic.dev);
	if (r)
		vm->vgic.base = VGIC_NO_ADDR;
	mutex_unlock(&vm->core.slots_lock);
	return r;
}
