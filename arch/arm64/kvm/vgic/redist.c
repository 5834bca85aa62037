// SPDX-License-Identifier: GPL-2.0-only
/* Redistributors (IHI0069 12.10): two pages of 64K for each vCPU, in regions. */
#include <linux/bitfield.h>
#include <linux/slab.h>
#include "mmio.h"

/* --- registers of the first page ---------------------------------------------------------- */

/* The last of a row: no other vCPU's follows it. */
static bool is_last(struct arm_vm *vm, unsigned int idx)
{
	u64 addr = vgic_redist_addr(vm, idx);
	struct keel_vcpu *vcpu;
	unsigned long i;

	if (addr == VGIC_NO_ADDR)
		return false;
	keel_for_each_vcpu(i, vcpu, &vm->core)
		if (vgic_redist_addr(vm, i) == addr + VGIC_FRAME)
			return false;
	return true;
}

static u64 read_typer(const struct vgic_access *a)
{
	u64 mpidr = arm_mpidr_aff(a->redist);
	u64 affinity = (mpidr & GENMASK(23, 0)) | (mpidr >> 32 << 24);

	return affinity << 32 | FIELD_PREP(GENMASK(23, 8), a->redist->core.id) |
	       (is_last(a->vm, a->redist->core.idx) ? GICR_TYPER_LAST : 0);
}

static u64 read_statusr(const struct vgic_access *a)
{
	return a->redist->vgic.statusr;
}

static int write_statusr(const struct vgic_access *a, u64 val, u64 mask)
{
	vgic_write_status(a, &a->redist->vgic.statusr, val, mask);
	return 0;
}

/* Without LPIs there is nothing to control, and a redistributor never sleeps. */
static const struct vgic_reg regs[] = {
	{ GICR_CTLR, 4, 4 },
	{ GICR_IIDR, 4, 4, vgic_read_iidr, vgic_write_iidr },
	{ GICR_TYPER, 8, 4 | 8, read_typer },
	{ GICR_STATUSR, 4, 4, read_statusr, write_statusr },
	{ GICR_WAKER, 4, 4 },
	{ GICR_PROPBASER, 8, 4 | 8 },
	{ GICR_PENDBASER, 8, 4 | 8 },
	{ GICR_IDREGS, 0x30, 4, vgic_read_id },
};

int vgic_redist_access(const struct vgic_access *a, int len, bool write, u64 *val)
{
	struct vgic_access second = *a;

	if (a->offset < SZ_64K)
		return vgic_reg_access(a, regs, ARRAY_SIZE(regs), len, write, val);
	second.offset -= SZ_64K;
	return vgic_field_access(&second, len, write, val);
}

/* --- on the bus --------------------------------------------------------------------------- */

static int access(struct keel_io_dev *dev, u64 addr, int len, bool write, u64 *val)
{
	struct vgic_region *region = container_of(dev, struct vgic_region, dev);
	u64 offset = addr - region->base;
	struct vgic_access a = { .vm = region->vm, .offset = offset % VGIC_FRAME };
	struct keel_vcpu *vcpu = keel_vcpu_by_idx(&region->vm->core,
						  region->first + offset / VGIC_FRAME);

	if (!vcpu)
		return -EOPNOTSUPP;
	a.redist = to_arm_vcpu(vcpu);
	if (!IS_ALIGNED(addr, len) || vgic_redist_access(&a, len, write, val))
		*val = 0;
	return 0;
}

static int bus_read(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len, void *val)
{
	u64 data = 0;
	int r = access(dev, addr, len, false, &data);

	if (!r)
		memcpy(val, &data, len);
	return r;
}

static int bus_write(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len,
		     const void *val)
{
	u64 data = 0;

	memcpy(&data, val, len);
	return access(dev, addr, len, true, &data);
}

static const struct keel_io_dev_ops bus_ops = {
	.read = bus_read,
	.write = bus_write,
};

/* --- regions: vCPUs take their places in the order of their creation ---------------------- */

static u64 region_end(const struct vgic_region *region)
{
	u32 count = region->count ?: keel_ops.max_vcpus;

	return region->base + (u64)count * VGIC_FRAME;
}

struct vgic_region *vgic_region_by_index(struct arm_vm *vm, unsigned int index)
{
	struct vgic_region *region;

	list_for_each_entry(region, &vm->vgic.regions, link)
		if (!index--)
			return region;
	return NULL;
}

u64 vgic_redist_addr(struct arm_vm *vm, unsigned int idx)
{
	struct vgic_region *region;

	list_for_each_entry(region, &vm->vgic.regions, link)
		if (idx - region->first < (region->count ?: keel_ops.max_vcpus))
			return region->base + (u64)(idx - region->first) * VGIC_FRAME;
	return VGIC_NO_ADDR;
}

/* The address was checked. @count 0: the only region, as large as necessary. */
int vgic_add_region(struct arm_vm *vm, u64 base, u32 count)
{
	struct vgic_region *region, *other;
	u32 first = 0;
	u64 len;
	int r;

	region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	if (!region)
		return -ENOMEM;
	region->dev.ops = &bus_ops;
	region->vm = vm;
	region->base = base;
	region->count = count;
	list_for_each_entry(other, &vm->vgic.regions, link) {
		if (base < region_end(other) && other->base < region_end(region)) {
			kfree(region);
			return -EINVAL;
		}
		first += other->count;
	}
	region->first = first;
	len = region_end(region) - base;
	mutex_lock(&vm->core.slots_lock);
	r = keel_bus_register(&vm->core, KEEL_BUS_MMIO, base, len, &region->dev);
	mutex_unlock(&vm->core.slots_lock);
	if (r)
		kfree(region);
	else
		list_add_tail_rcu(&region->link, &vm->vgic.regions);
	return r;
}
