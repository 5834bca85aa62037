/* SPDX-License-Identifier: GPL-2.0-only */
/* Interrupt lines (GSIs): routing, irqfd, acknowledge notifiers. */
#ifndef KEEL_IRQ_H
#define KEEL_IRQ_H

#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct keel_vm;
struct keel_irq_route;

#define KEEL_IRQ_SOURCE_USER	0	/* KVM_IRQ_LINE, and irqfds without resampling */
#define KEEL_IRQ_SOURCE_RESAMPLE 1	/* resampling irqfds, shared by all of them */
#define KEEL_IRQ_SOURCE_ARCH	2	/* first one for devices in the kernel (PIT...) */
#define KEEL_NR_IRQ_SOURCES	8
#define KEEL_MAX_GSI		4096	/* KVM_CAP_IRQ_ROUTING */
#define KEEL_NR_IRQCHIPS	3
#define KEEL_IRQCHIP_PINS	1024

struct keel_msi {
	u32 address_lo, address_hi, data, flags, devid;
};

/* > 0: number of vCPUs reached, 0: coalesced, < 0: masked or ignored */
typedef int (*keel_irq_set_fn)(struct keel_vm *vm, const struct keel_irq_route *route,
			       int source, int level, bool line_status);

/**
 * struct keel_irq_route - where a GSI leads
 * @set: chosen by the architecture's irq_route_set(); process context, vm->srcu held
 *
 * Before irq_route_set() the core has filled @gsi and @type, @chip for
 * KVM_IRQ_ROUTING_IRQCHIP and @msi for KVM_IRQ_ROUTING_MSI; other types and the check of pins and
 * flags are the architecture's.
 */
struct keel_irq_route {
	u32 gsi;
	u32 type;		/* KVM_IRQ_ROUTING_* */
	keel_irq_set_fn set;
	union {
		struct {
			u32 irqchip, pin;
		} chip;
		struct keel_msi msi;
		struct kvm_irq_routing_s390_adapter adapter;
	};
};

struct keel_irq_table;		/* irq.c: immutable, published by SRCU */

struct keel_irq_ack {
	struct hlist_node link;
	u32 gsi;
	void (*acked)(struct keel_irq_ack *ack);	/* vm->srcu held; may not sleep */
};

struct keel_irq {
	struct mutex lock;
	struct keel_irq_table __rcu *table;
	struct hlist_head acks;		/* changed under lock, read under vm->srcu */
	/* irqfd.c */
	struct mutex fds_mutex;		/* assigning and taking apart; before irq.lock */
	spinlock_t fds_lock;		/* innermost, interrupts off: membership in fds */
	struct list_head fds;
	struct list_head resamplers;	/* under fds_mutex */
	struct list_head ioeventfds;	/* ioeventfd.c, under slots_lock */
};

int keel_irq_init(struct keel_vm *vm);
void keel_irq_destroy(struct keel_vm *vm);
/**
 * keel_set_irq - drive @gsi on behalf of @source
 * Process context. Return: -EINVAL no such route; -1 when every route ignored it; else the
 * sum of what the routes reached.
 */
int keel_set_irq(struct keel_vm *vm, int source, u32 gsi, int level, bool line_status);
/**
 * keel_pulse_irq_atomic - an edge on @gsi where sleeping is not allowed
 * Return: as keel_set_irq(); -EWOULDBLOCK: nothing was done, use keel_set_irq(). Only a GSI
 * with a single route can be pulsed at once.
 */
int keel_pulse_irq_atomic(struct keel_vm *vm, int source, u32 gsi);
/** keel_set_routing - replace the whole table (KVM_SET_GSI_ROUTING). Checks everything. */
int keel_set_routing(struct keel_vm *vm, const struct kvm_irq_routing_entry *entries,
		     unsigned int nr, unsigned int flags);
/* @pins lines from @gsi on lead to the pins of @irqchip from @pin on. */
struct keel_irq_wires {
	u32 gsi, irqchip, pin, pins;
};

/**
 * keel_default_routing - what a new interrupt controller's lines are wired to, until user space says
 * @wires: @nr of them; a GSI may lead to several chips. 0: no routes
 *
 * Return: as keel_set_routing().
 */
int keel_default_routing(struct keel_vm *vm, const struct keel_irq_wires *wires, unsigned int nr);
int keel_signal_msi(struct keel_vm *vm, const struct kvm_msi *msi);
/**
 * keel_irq_acked - the guest acknowledged (EOI) this pin: run the notifiers. vm->srcu not
 * needed; notifiers drive lines, so no lock of an interrupt controller may be held.
 */
void keel_irq_acked(struct keel_vm *vm, u32 irqchip, u32 pin);
/** keel_irq_has_ack - does anybody wait for this pin's acknowledge? */
bool keel_irq_has_ack(struct keel_vm *vm, u32 irqchip, u32 pin);
/* Both sleep, take irq.lock and call the architecture's irq_routes_changed() under it. */
void keel_irq_ack_register(struct keel_vm *vm, struct keel_irq_ack *ack);
void keel_irq_ack_unregister(struct keel_vm *vm, struct keel_irq_ack *ack);
/** keel_for_each_route - @fn for every route of @type, until non-zero. vm->srcu is taken. */
int keel_for_each_route(struct keel_vm *vm, u32 type,
			int (*fn)(struct keel_vm *, const struct keel_irq_route *, void *),
			void *arg);
int keel_irqfd(struct keel_vm *vm, const struct kvm_irqfd *args);
/** keel_irqfd_destroy - the VM's file is closed: no irqfd fires after the return. */
void keel_irqfd_destroy(struct keel_vm *vm);
int keel_irqfd_setup(void);
void keel_irqfd_teardown(void);

#endif
