// SPDX-License-Identifier: GPL-2.0-only
/* Life of a VM's GIC: its parts, KVM_DEV_ARM_VGIC_CTRL_INIT, and the first KVM_RUN. */
#include <linux/slab.h>
#include "irq.h"

#define DEFAULT_NR_IRQS	256

bool vgic_present(const struct arm_vm *vm)
{
	return READ_ONCE(vm->vgic.present);
}

bool vgic_ready(const struct arm_vm *vm)
{
	return smp_load_acquire(&vm->vgic.ready);
}

void vgic_vm_init(struct arm_vm *vm)
{
	vm->vgic.base = VGIC_NO_ADDR;
	INIT_LIST_HEAD(&vm->vgic.regions);
	vgic_queue_init(&vm->vgic.nowhere, NULL);
}

/* The bus is gone already. */
void vgic_vm_destroy(struct arm_vm *vm)
{
	struct vgic_region *region, *next;

	list_for_each_entry_safe(region, next, &vm->vgic.regions, link)
		kfree(region);
	kvfree(vm->vgic.spi);
}

/* core.lock held. Return: 0, or -EBUSY the GIC is initialized. */
int vgic_vcpu_create(struct arm_vcpu *v)
{
	struct vgic_vcpu *vgic = &v->vgic;
	unsigned int i;

	if (vgic_ready(arm_vm_of(v)))
		return -EBUSY;
	vgic_queue_init(&vgic->q, v);
	for (i = 0; i < VGIC_NR_PRIVATE; i++)
		vgic_irq_init(&vgic->irq[i], &vgic->q, i);
	return 0;
}

/* core.lock held. As INIT may be called at any time after the last vCPU, SPIs are routed to vCPU 0.0.0.0. */
static int make_spis(struct arm_vm *vm)
{
	struct vgic_dist *dist = &vm->vgic;
	u32 nr = min_t(u32, dist->nr_irqs, VGIC_NR_INTIDS) - VGIC_NR_PRIVATE, i;
	struct arm_vcpu *first = arm_vcpu_by_mpidr(vm, 0);
	struct vgic_irq *spi;

	spi = kvcalloc(nr, sizeof(*spi), GFP_KERNEL_ACCOUNT);
	if (!spi)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		vgic_irq_init(&spi[i], first ? &first->vgic.q : &dist->nowhere,
			      VGIC_NR_PRIVATE + i);
	dist->spi = spi;
	return 0;
}

/**
 * vgic_init - KVM_DEV_ARM_VGIC_CTRL_INIT
 * @vm: the VM; core.lock held
 *
 * Return: 0, also when it was done before; -EBUSY a vCPU is being created; -ENODEV there is none; -ENOMEM.
 */
int vgic_init(struct arm_vm *vm)
{
	struct vgic_dist *dist = &vm->vgic;
	int online = atomic_read(&vm->core.online_vcpus), r;

	if (dist->ready)
		return 0;
	if (vm->core.created_vcpus != online)
		return -EBUSY;
	if (!online)
		return -ENODEV;
	if (!dist->nr_irqs)
		dist->nr_irqs = DEFAULT_NR_IRQS;
	if (!dist->spi) {
		r = make_spis(vm);
		if (r)
			return r;
	}
	r = vgic_default_routes(vm);
	if (!r)
		smp_store_release(&dist->ready, true);
	return r;
}

/* --- before a vCPU runs ------------------------------------------------------------------- */

static bool overlaps_dist(const struct vgic_dist *dist, u64 addr)
{
	return addr < dist->base + KVM_VGIC_V3_DIST_SIZE && dist->base < addr + VGIC_FRAME;
}

static int check_frames(struct arm_vm *vm)
{
	struct vgic_dist *dist = &vm->vgic;
	unsigned int i, nr = atomic_read(&vm->core.online_vcpus);
	u64 addr;

	for (i = 0; i < nr; i++)
		if (vgic_redist_addr(vm, i) == VGIC_NO_ADDR)
			return -ENXIO;
	if (dist->base == VGIC_NO_ADDR)
		return -ENXIO;
	for (i = 0; i < nr; i++) {
		addr = vgic_redist_addr(vm, i);
		if (overlaps_dist(dist, addr))
			return -EINVAL;
	}
	return dist->ready ? 0 : -EBUSY;
}

int vgic_first_run(struct arm_vcpu *v)
{
	struct arm_vm *vm = arm_vm_of(v);
	int r = 0;

	if (!vgic_present(vm) || READ_ONCE(vm->vgic.mapped))
		return 0;
	mutex_lock(&vm->core.lock);
	r = check_frames(vm);
	if (!r)
		WRITE_ONCE(vm->vgic.mapped, true);
	mutex_unlock(&vm->core.lock);
	return r;
}
