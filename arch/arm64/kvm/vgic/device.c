// SPDX-License-Identifier: GPL-2.0-only
/* KVM_DEV_TYPE_ARM_VGIC_V3: the GIC as user space makes it, sets it up, saves and restores it. */
#include <linux/bitfield.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <keel/device_attr.h>
#include "mmio.h"

#define ATTR_MPIDR	KVM_DEV_ARM_VGIC_V3_MPIDR_MASK
#define ATTR_OFFSET	KVM_DEV_ARM_VGIC_OFFSET_MASK

/* KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION: count, base, flags and index in one number */
#define REGION_COUNT	GENMASK_ULL(63, 52)
#define REGION_BASE	GENMASK_ULL(51, 16)
#define REGION_FLAGS	GENMASK_ULL(15, 12)
#define REGION_INDEX	GENMASK_ULL(11, 0)

/* The parts of attr that name an affinity, Aff3 at the top, as MPIDR_EL1 has them. */
static struct arm_vcpu *vcpu_of(struct arm_vm *vm, u64 attr)
{
	u64 aff = FIELD_GET(ATTR_MPIDR, attr);

	return arm_vcpu_by_mpidr(vm, (aff & GENMASK(23, 0)) | aff >> 24 << 32);
}

/* --- addresses ---------------------------------------------------------------------------- */

static int check_range(const struct arm_vm *vm, u64 base, u64 size)
{
	u64 limit = 1ull << (64 - (vm->vtcr & VTCR_EL2_T0SZ_MASK));

	if (!IS_ALIGNED(base, SZ_64K) || base + size < base)
		return -EINVAL;
	return base >= limit || base + size > limit ? -E2BIG : 0;
}

static int set_dist(struct arm_vm *vm, u64 base)
{
	int r;

	if (vm->vgic.base != VGIC_NO_ADDR)
		return -EEXIST;
	r = check_range(vm, base, KVM_VGIC_V3_DIST_SIZE);
	return r ?: vgic_set_dist_addr(vm, base);
}

static int set_redist(struct arm_vm *vm, u64 base)
{
	int r;

	if (!list_empty(&vm->vgic.regions))
		return vm->vgic.legacy_region ? -EEXIST : -EINVAL;
	r = check_range(vm, base, VGIC_FRAME) ?: vgic_add_region(vm, base, 0);
	vm->vgic.legacy_region = !r;
	return r;
}

static int set_region(struct arm_vm *vm, u64 val)
{
	unsigned int index = FIELD_GET(REGION_INDEX, val);
	u64 base = val & REGION_BASE, count = FIELD_GET(REGION_COUNT, val);
	int r;

	if (val & REGION_FLAGS || !count || vm->vgic.legacy_region)
		return -EINVAL;
	/* The next one. */
	if (vgic_region_by_index(vm, index) || (index && !vgic_region_by_index(vm, index - 1)))
		return -EINVAL;
	r = check_range(vm, base, count * VGIC_FRAME);
	return r ?: vgic_add_region(vm, base, count);
}

static int get_region(struct arm_vm *vm, u64 *val)
{
	unsigned int index = FIELD_GET(REGION_INDEX, *val);
	struct vgic_region *region;

	if (vm->vgic.legacy_region)
		return -EINVAL;
	region = vgic_region_by_index(vm, index);
	if (!region)
		return -ENOENT;
	*val = index | region->base | FIELD_PREP(REGION_COUNT, region->count);
	return 0;
}

static int get_redist(struct arm_vm *vm, u64 *val)
{
	struct vgic_region *region = vgic_region_by_index(vm, 0);

	if (region && !vm->vgic.legacy_region)
		return -EINVAL;
	*val = region ? region->base : VGIC_NO_ADDR;
	return 0;
}

/* core.lock held. */
static int addr_attr(struct arm_vm *vm, u64 attr, bool write, u64 *val)
{
	switch (attr) {
	case KVM_VGIC_V3_ADDR_TYPE_DIST:
		if (write)
			return set_dist(vm, *val);
		*val = vm->vgic.base;
		return 0;
	case KVM_VGIC_V3_ADDR_TYPE_REDIST:
		return write ? set_redist(vm, *val) : get_redist(vm, val);
	case KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION:
		return write ? set_region(vm, *val) : get_region(vm, val);
	default:
		return -ENXIO;
	}
}

/* --- registers ---------------------------------------------------------------------------- */

static int frame_attr(struct arm_vm *vm, struct arm_vcpu *redist, u32 offset, bool write, u64 *val)
{
	struct vgic_access a = { .vm = vm, .redist = redist, .user = true, .offset = offset };

	if (!IS_ALIGNED(offset, 4))
		return -ENXIO;
	return redist ? vgic_redist_access(&a, 4, write, val) : vgic_dist_access(&a, 4, write, val);
}

static int level_attr(struct arm_vm *vm, struct arm_vcpu *v, u64 attr, bool write, u64 *val)
{
	u32 intid = attr & KVM_DEV_ARM_VGIC_LINE_LEVEL_INTID_MASK;
	u32 info = (attr & KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_MASK) >> KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT;
	struct vgic_access a = {
		.vm = vm,
		.redist = intid < VGIC_NR_PRIVATE ? v : NULL,
		.user = true,
	};

	if (info != VGIC_LEVEL_INFO_LINE_LEVEL || intid % 32)
		return -EINVAL;
	if (write)
		vgic_write_fields(&a, &vgic_line_field, intid, 32, *val);
	else
		vgic_read_fields(&a, &vgic_line_field, intid, 32, val);
	return 0;
}

static int reg_attr(struct arm_vm *vm, const struct kvm_device_attr *attr, bool write, u64 *val)
{
	struct arm_vcpu *v = NULL;

	if (attr->group != KVM_DEV_ARM_VGIC_GRP_DIST_REGS) {
		v = vcpu_of(vm, attr->attr);
		if (!v)
			return -EINVAL;
	}
	if (!vm->vgic.ready)
		return -EBUSY;
	switch (attr->group) {
	case KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS:
		if (attr->attr & ~(ATTR_MPIDR | KVM_DEV_ARM_VGIC_SYSREG_INSTR_MASK))
			return -EINVAL;
		return vgic_user_sysreg(v, attr->attr & KVM_DEV_ARM_VGIC_SYSREG_INSTR_MASK, write, val);
	case KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO:
		return level_attr(vm, v, attr->attr, write, val);
	default:
		return frame_attr(vm, v, attr->attr & ATTR_OFFSET, write, val);
	}
}

/* No vCPU runs: what the GIC has is in memory. core.lock held. */
static int locked_reg_attr(struct arm_vm *vm, const struct kvm_device_attr *attr, bool write,
			   u64 *val)
{
	int r = keel_lock_all_vcpus(&vm->core);

	if (r)
		return r;
	r = reg_attr(vm, attr, write, val);
	keel_unlock_all_vcpus(&vm->core);
	return r;
}

/* --- settings ----------------------------------------------------------------------------- */

static int set_nr_irqs(struct arm_vm *vm, u32 nr)
{
	if (nr < 64 || nr > 1024 || nr % 32)
		return -EINVAL;
	if (vm->vgic.nr_irqs)
		return -EBUSY;
	vm->vgic.nr_irqs = nr;
	return 0;
}

/* There are no LPIs, so their pending tables are as they should be. */
static int save_pending_tables(struct arm_vm *vm)
{
	int r;

	if (!vm->vgic.ready)
		return -ENXIO;
	r = keel_lock_all_vcpus(&vm->core);
	if (!r)
		keel_unlock_all_vcpus(&vm->core);
	return r;
}

static int control(struct arm_vm *vm, u64 attr)
{
	switch (attr) {
	case KVM_DEV_ARM_VGIC_CTRL_INIT:
		return vgic_init(vm);
	case KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES:
		return save_pending_tables(vm);
	default:
		return -ENXIO;
	}
}

/* --- the device --------------------------------------------------------------------------- */

/* Bytes of a group's values; 0: no such group, or one without values. */
static unsigned int value_size(u32 group)
{
	switch (group) {
	case KVM_DEV_ARM_VGIC_GRP_ADDR:
	case KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS:
		return 8;
	case KVM_DEV_ARM_VGIC_GRP_DIST_REGS:
	case KVM_DEV_ARM_VGIC_GRP_REDIST_REGS:
	case KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO:
	case KVM_DEV_ARM_VGIC_GRP_NR_IRQS:
		return 4;
	default:
		return 0;
	}
}

static int value_attr(struct arm_vm *vm, const struct kvm_device_attr *attr, bool write, u64 *val)
{
	switch (attr->group) {
	case KVM_DEV_ARM_VGIC_GRP_ADDR:
		return addr_attr(vm, attr->attr, write, val);
	case KVM_DEV_ARM_VGIC_GRP_NR_IRQS:
		if (write)
			return set_nr_irqs(vm, *val);
		*val = vm->vgic.nr_irqs ?: VGIC_NR_PRIVATE;
		return 0;
	default:
		return locked_reg_attr(vm, attr, write, val);
	}
}

static int access_attr(struct keel_device *dev, const struct kvm_device_attr *attr, bool write)
{
	unsigned int size = value_size(attr->group);
	void __user *addr = u64_to_user_ptr(attr->addr);
	struct arm_vm *vm = to_arm_vm(dev->vm);
	u64 val = 0;
	int r;

	if (!size)
		return -ENXIO;
	/* The index of a region is read, too. */
	if ((write || attr->group == KVM_DEV_ARM_VGIC_GRP_ADDR) && copy_from_user(&val, addr, size))
		return -EFAULT;
	mutex_lock(&vm->core.lock);
	r = value_attr(vm, attr, write, &val);
	mutex_unlock(&vm->core.lock);
	if (!r && !write && copy_to_user(addr, &val, size))
		r = -EFAULT;
	return r;
}

static int set_attr(struct keel_device *dev, const struct kvm_device_attr *attr)
{
	struct arm_vm *vm = to_arm_vm(dev->vm);
	int r;

	if (attr->group != KVM_DEV_ARM_VGIC_GRP_CTRL)
		return access_attr(dev, attr, true);
	mutex_lock(&vm->core.lock);
	r = control(vm, attr->attr);
	mutex_unlock(&vm->core.lock);
	return r;
}

static int get_attr(struct keel_device *dev, struct kvm_device_attr *attr)
{
	return access_attr(dev, attr, false);
}

static int has_attr(struct keel_device *dev, const struct kvm_device_attr *attr)
{
	struct arm_vm *vm = to_arm_vm(dev->vm);
	struct arm_vcpu *v;
	u64 val;

	switch (attr->group) {
	case KVM_DEV_ARM_VGIC_GRP_ADDR:
		return attr->attr == KVM_VGIC_V3_ADDR_TYPE_DIST ||
		       attr->attr == KVM_VGIC_V3_ADDR_TYPE_REDIST ||
		       attr->attr == KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION ? 0 : -ENXIO;
	case KVM_DEV_ARM_VGIC_GRP_NR_IRQS:
		return 0;
	case KVM_DEV_ARM_VGIC_GRP_CTRL:
		return attr->attr == KVM_DEV_ARM_VGIC_CTRL_INIT ||
		       attr->attr == KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES ? 0 : -ENXIO;
	case KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO:
		return (attr->attr & KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_MASK) >>
		       KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT == VGIC_LEVEL_INFO_LINE_LEVEL ? 0 : -ENXIO;
	case KVM_DEV_ARM_VGIC_GRP_DIST_REGS:
		return frame_attr(vm, NULL, attr->attr & ATTR_OFFSET, false, &val);
	case KVM_DEV_ARM_VGIC_GRP_REDIST_REGS:
	case KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS:
		v = vcpu_of(vm, attr->attr);
		if (!v)
			return -EINVAL;
		if (attr->group == KVM_DEV_ARM_VGIC_GRP_REDIST_REGS)
			return frame_attr(vm, v, attr->attr & ATTR_OFFSET, false, &val);
		return vgic_has_user_sysreg(attr->attr & KVM_DEV_ARM_VGIC_SYSREG_INSTR_MASK) ? 0 : -ENXIO;
	default:
		return -ENXIO;
	}
}

/* core.lock held. It may come before the vCPUs or after them, but they must not have run without it. */
static int create(struct keel_device *dev, u32 type)
{
	struct arm_vm *vm = to_arm_vm(dev->vm);
	struct keel_vcpu *vcpu;
	unsigned long i;
	int r;

	if (vm->vgic.present)
		return -EEXIST;
	if (vm->core.created_vcpus != atomic_read(&vm->core.online_vcpus))
		return -EBUSY;
	r = keel_lock_all_vcpus(&vm->core);
	if (r)
		return r;
	xa_for_each(&vm->core.vcpus, i, vcpu)
		if (to_arm_vcpu(vcpu)->ran)
			r = -EBUSY;
	if (!r)
		WRITE_ONCE(vm->vgic.present, true);
	keel_unlock_all_vcpus(&vm->core);
	return r;
}

const struct keel_device_ops vgic_device_ops = {
	.name = "kvm-arm-vgic-v3",
	.size = sizeof(struct keel_device),
	.create = create,
	.set_attr = set_attr,
	.get_attr = get_attr,
	.has_attr = has_attr,
};
