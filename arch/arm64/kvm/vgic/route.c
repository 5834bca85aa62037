// SPDX-License-Identifier: GPL-2.0-only
/* Ways into the GIC from outside: KVM_IRQ_LINE, and routes, of which GSI n leads to SPI 32 + n. */
#include <keel/irq.h>
#include "irq.h"

/* --- KVM_IRQ_LINE ------------------------------------------------------------------------- */

/* The GIC is in user space: a vCPU has two lines, seen at its next entry. */
static int set_cpu_line(struct arm_vcpu *v, u32 num, int level)
{
	unsigned int bit = num == KVM_ARM_IRQ_CPU_IRQ ? __builtin_ctzl(HCR_VI) : __builtin_ctzl(HCR_VF);
	bool was;

	if (num > KVM_ARM_IRQ_CPU_FIQ)
		return -EINVAL;
	was = level ? test_and_set_bit(bit, &v->vgic.lines) : test_and_clear_bit(bit, &v->vgic.lines);
	if (was != !!level)
		keel_request_kick(&v->core, ARM_REQ_IRQ);
	return 0;
}

static int set_ppi(struct arm_vm *vm, struct arm_vcpu *v, u32 intid, int level)
{
	if (intid < VGIC_NR_SGIS || intid >= VGIC_NR_PRIVATE || v->vgic.irq[intid].owned)
		return -EINVAL;
	return vgic_set_irq(vm, v, intid, level);
}

/* What KVM_IRQ_LINE says: type, vCPU and number in one. Return: as vgic_set_irq(), or -ENXIO. */
static int set_line(struct arm_vm *vm, u32 irq, int level)
{
	u32 type = irq >> KVM_ARM_IRQ_TYPE_SHIFT & KVM_ARM_IRQ_TYPE_MASK;
	u32 num = irq >> KVM_ARM_IRQ_NUM_SHIFT & KVM_ARM_IRQ_NUM_MASK;
	u32 idx = (irq >> KVM_ARM_IRQ_VCPU_SHIFT & KVM_ARM_IRQ_VCPU_MASK) +
		  (irq >> KVM_ARM_IRQ_VCPU2_SHIFT & KVM_ARM_IRQ_VCPU2_MASK) * (KVM_ARM_IRQ_VCPU_MASK + 1);
	struct keel_vcpu *vcpu;

	if (type > KVM_ARM_IRQ_TYPE_PPI)
		return -EINVAL;
	if ((type == KVM_ARM_IRQ_TYPE_CPU) == vgic_present(vm))
		return -ENXIO;
	if (type == KVM_ARM_IRQ_TYPE_SPI)
		return num < VGIC_NR_PRIVATE ? -EINVAL : vgic_set_irq(vm, NULL, num, level);
	vcpu = keel_vcpu_by_idx(&vm->core, idx);
	if (!vcpu)
		return -EINVAL;
	return type == KVM_ARM_IRQ_TYPE_CPU ? set_cpu_line(to_arm_vcpu(vcpu), num, level) :
					      set_ppi(vm, to_arm_vcpu(vcpu), num, level);
}

/**
 * vgic_irq_line - KVM_IRQ_LINE and KVM_IRQ_LINE_STATUS
 * @vm: the VM
 * @data: struct kvm_irq_level
 *
 * Return: 0; -ENXIO the type does not go with where the GIC is; -EINVAL no such vCPU, number or type;
 * -EBUSY the GIC is not initialized.
 */
long vgic_irq_line(struct keel_vm *vm, void *data)
{
	struct kvm_irq_level *line = data;
	int r = set_line(to_arm_vm(vm), line->irq, line->level);

	if (r < 0)
		return r;
	line->status = r;
	return 0;
}

/**
 * vgic_create_irqchip - KVM_CREATE_IRQCHIP: on arm64 it makes a GICv2
 * @vm: the VM
 * @data: nothing
 *
 * Return: -ENXIO no GIC in the kernel at all; -EEXIST there is one; -ENODEV this host's cannot be a GICv2.
 */
long vgic_create_irqchip(struct keel_vm *vm, void *data)
{
	if (!vgic_supported())
		return -ENXIO;
	return vgic_present(to_arm_vm(vm)) ? -EEXIST : -ENODEV;
}

/* --- routes ------------------------------------------------------------------------------- */

static int set_spi(struct keel_vm *vm, const struct keel_irq_route *route, int source, int level,
		   bool line_status)
{
	return vgic_set_irq(to_arm_vm(vm), NULL, VGIC_NR_PRIVATE + route->chip.pin, level);
}

int vgic_route_set(struct keel_vm *vm, struct keel_irq_route *route,
		   const struct kvm_irq_routing_entry *entry)
{
	if (entry->type != KVM_IRQ_ROUTING_IRQCHIP || entry->u.irqchip.irqchip ||
	    entry->u.irqchip.pin >= VGIC_NR_INTIDS - VGIC_NR_PRIVATE)
		return -EINVAL;
	route->set = set_spi;
	return 0;
}

int vgic_irq_set_atomic(struct keel_vm *vm, const struct keel_irq_route *route, int source,
			int level, bool line_status)
{
	return route->set(vm, route, source, level, line_status);
}

bool vgic_irqchip_ready(struct keel_vm *vm)
{
	return vgic_ready(to_arm_vm(vm));
}

int vgic_default_routes(struct arm_vm *vm)
{
	struct keel_irq_wires wires = {
		.pins = min_t(u32, vm->vgic.nr_irqs, VGIC_NR_INTIDS) - VGIC_NR_PRIVATE,
	};

	return keel_default_routing(&vm->core, &wires, 1);
}
