/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the virtual GIC call of each other. */
#ifndef KEEL_VGIC_IRQ_H
#define KEEL_VGIC_IRQ_H

#include <linux/irqchip/arm-gic-v3.h>
#include <linux/kvm.h>
#include "../arm.h"

#define VGIC_NO_ADDR	(~0ull)
#define VGIC_PRIO_MASK	0xf8		/* of a priority, what is there: 5 bits, as on any host */
#define VGIC_FRAME	KVM_VGIC_V3_REDIST_SIZE	/* the two pages of a redistributor */
/* What the guest sees as GICD_IIDR and GICR_IIDR: as KVM's, in the revision with groups, without LPIs. */
#define VGIC_IIDR	(0x4bu << 24 | 2u << 12 | 0x43b)

/**
 * struct vgic_host - the host's GIC, constant after vgic_probe()
 * @nr_lrs: list registers; 0: no VM can have a GIC
 * @nr_aprs: active priorities registers of each group
 * @vtr: ICH_VTR_EL2
 */
struct vgic_host {
	unsigned int nr_lrs;
	unsigned int nr_aprs;
	u64 vtr;
};

extern struct vgic_host vgic_host;

/* irq.c */
void vgic_queue_init(struct vgic_queue *q, struct arm_vcpu *v);
void vgic_irq_init(struct vgic_irq *irq, struct vgic_queue *home, u32 intid);
/** vgic_find - the interrupt, or NULL. @v: whose private ones; NULL: none are meant */
struct vgic_irq *vgic_find(struct arm_vm *vm, struct arm_vcpu *v, u32 intid);
struct vgic_queue *vgic_lock(struct vgic_irq *irq, unsigned long *flags) __acquires(irq);
/**
 * vgic_unlock - after a change
 * @tell: the vCPU that has it has to be told if it can take the interrupt now
 */
void vgic_unlock(struct vgic_irq *irq, struct vgic_queue *q, unsigned long flags, bool tell)
	__releases(irq);
/** vgic_requeue - lock held: is @irq where vgic_irq_wanted() says? */
void vgic_requeue(struct vgic_irq *irq);
/** vgic_irq_settle - no lock held: let an SPI go where it is routed to, if it may move. */
void vgic_irq_settle(struct vgic_irq *irq);
/** vgic_deactivate - lock held. Return: as vgic_irq_unload(). */
bool vgic_deactivate(struct vgic_irq *irq);
/** vgic_ended - a level-sensitive interrupt was deactivated; no lock held. */
void vgic_ended(struct arm_vm *vm, const struct vgic_irq *irq);
/** vgic_wait_exits - no vCPU is in the guest with state from before. vCPU thread, no lock held. */
void vgic_wait_exits(struct arm_vm *vm);

/* The vCPU is loaded on this CPU. Preemption off. */
static inline bool vgic_loaded(const struct arm_vcpu *v)
{
	return keel_this_vcpu() == &v->core;
}

/* init.c */
int vgic_init(struct arm_vm *vm);

/* lr.c */
u32 vgic_read_vmcr(struct arm_vcpu *v);

/* sgi.c */
void vgic_send_sgi(struct arm_vcpu *v, u64 val, bool group1);

/* sysreg.c: user space's view of a vCPU that is not loaded. 0, -ENXIO, or -EINVAL */
int vgic_user_sysreg(struct arm_vcpu *v, u64 instr, bool write, u64 *val);
bool vgic_has_user_sysreg(u64 instr);
int vgic_check_tables(void);

/* redist.c; core.lock held */
int vgic_add_region(struct arm_vm *vm, u64 base, u32 count);
struct vgic_region *vgic_region_by_index(struct arm_vm *vm, unsigned int index);
/** vgic_redist_addr - of the vCPU with creation index @idx, or VGIC_NO_ADDR. */
u64 vgic_redist_addr(struct arm_vm *vm, unsigned int idx);

/* dist.c */
int vgic_set_dist_addr(struct arm_vm *vm, u64 base);

/* device.c */
extern const struct keel_device_ops vgic_device_ops;

/* route.c */
int vgic_default_routes(struct arm_vm *vm);

#endif
