/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual GICv3: what a VM and a vCPU have of it, and what the rest of arm64 calls. */
#ifndef KEEL_VGIC_H
#define KEEL_VGIC_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <keel/bus.h>
#include "state.h"

struct arm_vcpu;
struct arm_vm;
struct keel_irq_route;
struct keel_vm;
struct kvm_irq_routing_entry;

#define VGIC_NR_SGIS	16
#define VGIC_NR_PRIVATE	32	/* SGIs and PPIs */
#define VGIC_NR_INTIDS	1020	/* those above are special (IHI0069 2.2.1) */
#define VGIC_MAX_LRS	16
#define VGIC_MAX_APRS	4

/**
 * struct vgic_queue - interrupts that are at one vCPU, or, as SPIs can be, at none
 * @lock: of every interrupt whose home it is. Taken in any context, interrupts off. Two of them are
 *	taken only by vgic_irq_settle(), the one at the lower address first. No other lock is taken
 *	inside; kicks and acknowledges happen outside
 * @ready: the interrupts that belong into list registers
 * @nr: how many they are
 * @vcpu: whose it is, or NULL
 */
struct vgic_queue {
	raw_spinlock_t lock;
	struct list_head ready;
	unsigned int nr;
	struct arm_vcpu *vcpu;
};

/**
 * struct vgic_vcpu - a vCPU's part of the GIC
 * @q: its interrupts that wait or are active
 * @used: list registers in use; only between vgic_flush() and vgic_sync()
 * @hcr: ICH_HCR_EL2 then
 * @vmcr: ICH_VMCR_EL2 while not loaded
 * @lines: HCR_EL2.VI and VF as KVM_IRQ_LINE sets them where there is no GIC; atomic
 * @lr_irq: which interrupts are in the list registers
 * @irq: SGIs and PPIs
 */
struct vgic_vcpu {
	struct vgic_queue q;
	unsigned int used;
	u32 hcr;
	u32 vmcr;
	u32 statusr;
	unsigned long lines;
	u64 ap0r[VGIC_MAX_APRS], ap1r[VGIC_MAX_APRS];
	struct vgic_irq *lr_irq[VGIC_MAX_LRS];
	struct vgic_irq irq[VGIC_NR_PRIVATE];
};

/**
 * struct vgic_region - a row of redistributors
 * @count: how many; 0: as many as there are vCPUs
 * @first: index of the vCPU that has the first
 */
struct vgic_region {
	struct keel_io_dev dev;
	struct list_head link;
	struct arm_vm *vm;
	u64 base;
	u32 count;
	u32 first;
};

/**
 * struct vgic_dist - a VM's part of the GIC
 * @present: KVM_CREATE_DEVICE has made it. Changes under core.lock
 * @ready: KVM_DEV_ARM_VGIC_CTRL_INIT is done: @spi and @nr_irqs will not change any more
 * @mapped: the first KVM_RUN has found the frames in order
 * @ctlr: the group enables of GICD_CTLR, which are also VGIC_VMCR_ENG0 and _ENG1
 * @nr_irqs: INTIDs, private ones included; 0: user space has not said
 * @spi: the SPIs
 * @nowhere: home of SPIs that are routed to no vCPU
 * @base: of the distributor, or VGIC_NO_ADDR
 * @regions: of redistributors; under core.lock, and constant once @mapped
 */
struct vgic_dist {
	bool present;
	bool ready;
	bool mapped;
	bool legacy_region;
	u32 ctlr;
	u32 nr_irqs;
	u32 statusr;
	struct vgic_irq *spi;
	struct vgic_queue nowhere;
	u64 base;
	struct keel_io_dev dev;
	struct list_head regions;
};

/* host.c */
/** vgic_probe - find the host's GIC. 0, also when it has none that can be used; or an errno. */
int vgic_probe(void);
void vgic_remove(void);
/** vgic_supported - can VMs have a GICv3 (KVM_CAP_IRQCHIP)? */
bool vgic_supported(void);
/* On the CPU itself, interrupts off. */
void vgic_cpu_enable(void);
void vgic_cpu_disable(void);

/* init.c */
void vgic_vm_init(struct arm_vm *vm);
void vgic_vm_destroy(struct arm_vm *vm);
int vgic_vcpu_create(struct arm_vcpu *v);
/** vgic_present - was a GIC made for the VM? Without one ICC registers are undefined. */
bool vgic_present(const struct arm_vm *vm);
/** vgic_ready - is it initialized? No vCPU may be created any more, and interrupts can be driven. */
bool vgic_ready(const struct arm_vm *vm);
/**
 * vgic_first_run - at a vCPU's first KVM_RUN; may sleep, no lock held
 * Return: 0 (there may be no GIC), -EBUSY not initialized, -ENXIO frames have no address, -EINVAL they
 * overlap.
 */
int vgic_first_run(struct arm_vcpu *v);

/* lr.c. Load and put: preemption off. The rest: interrupts off. */
void vgic_load(struct arm_vcpu *v);
void vgic_put(struct arm_vcpu *v);
void vgic_load_lrs(struct arm_vcpu *v);
void vgic_fold_lrs(struct arm_vcpu *v);

/**
 * vgic_flush - put interrupts into list registers; core.mode is IN_GUEST
 * @v: about to enter
 *
 * Who makes one ready adds it to the list, and then looks at the mode: it is seen here, or the
 * vCPU is kicked.
 */
static __always_inline void vgic_flush(struct arm_vcpu *v, struct vgic_vcpu *vgic)
{
	if (unlikely(!list_empty(&vgic->q.ready)))
		vgic_load_lrs(v);
}

/** vgic_sync - take them back, after every vgic_flush(); the kernel's state is the host's again. */
static __always_inline void vgic_sync(struct arm_vcpu *v, struct vgic_vcpu *vgic)
{
	if (unlikely(vgic->used))
		vgic_fold_lrs(v);
}

/** vgic_has_pending - is there an interrupt that ends WFI? Any thread, no sleep. */
bool vgic_has_pending(struct arm_vcpu *v);

/* irq.c */
/**
 * vgic_set_irq - drive an input line. Any context.
 * @v: whose PPI; NULL for SPIs
 * Return: 1 made pending, 0 coalesced or lowered, -EBUSY not initialized, -EINVAL no such interrupt.
 */
int vgic_set_irq(struct arm_vm *vm, struct arm_vcpu *v, u32 intid, bool level);
/**
 * vgic_own_ppi - a device in the kernel will drive this PPI
 * @hwirq: number in the host's GIC of an interrupt that is forwarded to the guest: the guest's
 *	deactivation deactivates it. 0: none
 * Return: 0, or -EEXIST somebody does.
 */
int vgic_own_ppi(struct arm_vcpu *v, u32 intid, u32 hwirq);
/** vgic_forward_ppi - a change of what vgic_own_ppi() was told of @hwirq. */
void vgic_forward_ppi(struct arm_vcpu *v, u32 intid, u32 hwirq);

/* sgi.c, sysreg.c */
/**
 * vgic_sysreg - a trapped access to an ICC register. No sleep; interrupts may be off
 * @reg: SYS_ICC_*
 * Return: 0 done; -ENOENT undefined for the guest.
 */
int vgic_sysreg(struct arm_vcpu *v, u32 reg, bool write, u64 *val);

/* route.c: ioctls of a VM, KVM_IRQ_LINE and KVM_IRQ_LINE_STATUS the same; members of the core's table */
long vgic_irq_line(struct keel_vm *vm, void *data);
long vgic_create_irqchip(struct keel_vm *vm, void *data);
int vgic_route_set(struct keel_vm *vm, struct keel_irq_route *route,
		   const struct kvm_irq_routing_entry *entry);
int vgic_irq_set_atomic(struct keel_vm *vm, const struct keel_irq_route *route, int source,
			int level, bool line_status);
bool vgic_irqchip_ready(struct keel_vm *vm);

#endif
