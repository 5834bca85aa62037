/* SPDX-License-Identifier: GPL-2.0-only */
/* The in-kernel I/O bus: devices by address range, ioeventfd, coalesced I/O. */
#ifndef KEEL_BUS_H
#define KEEL_BUS_H

#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct keel_vcpu;
struct keel_vm;

enum keel_bus_id {
	KEEL_BUS_MMIO,
	KEEL_BUS_PIO,
	KEEL_BUS_FAST_MMIO,	/* address-only ioeventfds: no length, no data to decode */
	KEEL_BUS_CCW,		/* virtio-ccw notifications: the address is a subchannel */
	KEEL_NR_BUSES,
};

#define KEEL_BUS_MAX_DEVS 1000	/* on one bus, ioeventfds not counted */

struct keel_io_dev;

/**
 * struct keel_io_dev_ops - how the bus reaches a device
 * @read: @addr and @len lie in the registered range, @len is 1, 2, 4 or 8.
 *	0 handled, -EOPNOTSUPP: not mine, try the next on the same address.
 * @write: likewise
 * @release: the last reader is gone; free it
 *
 * read and write may sleep; vm->srcu is held. @vcpu is the one that accesses. @val need
 * not be aligned.
 */
struct keel_io_dev_ops {
	int (*read)(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len, void *val);
	int (*write)(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len,
		     const void *val);
	void (*release)(struct keel_io_dev *dev);
};

struct keel_io_dev {
	const struct keel_io_dev_ops *ops;
};

/**
 * struct keel_bus_range - one row of a bus
 * @len: 0: matches an access of any length that starts at @addr
 * @last: the highest address that this row or any before it reaches, so that a search
 *	that walks back over overlapping rows knows where to stop
 * @dev: NULL when it was unregistered; the next registration leaves the row out
 */
struct keel_bus_range {
	u64 addr;
	u32 len;
	u64 last;
	struct keel_io_dev *dev;
};

struct keel_bus {		/* but for range[].dev, immutable once published */
	u64 gen;		/* no other of the VM's buses, before or after, has it */
	unsigned int nr;
	struct keel_bus_range range[];	/* sorted by addr */
};

/**
 * struct keel_bus_hint - where a vCPU's last search on a bus began
 * @gen: of the bus; 0: nothing was searched for yet
 * @addr, @len: what was searched for
 * @at: the row that begins last of those that cover it, or -1
 */
struct keel_bus_hint {
	u64 gen, addr;
	u32 len;
	int at;
};

struct keel_coalesced {
	struct list_head zones;		/* under slots_lock */
	spinlock_t ring_lock;
	struct kvm_coalesced_mmio_ring *ring;	/* one page, mapped behind kvm_run */
};

/*
 * Both return 0 when a device took it, -EOPNOTSUPP when none did. May sleep. An ioeventfd of
 * KEEL_BUS_FAST_MMIO is written with @len 0.
 */
int keel_bus_read(struct keel_vcpu *vcpu, enum keel_bus_id bus, u64 addr, int len, void *val);
int keel_bus_write(struct keel_vcpu *vcpu, enum keel_bus_id bus, u64 addr, int len,
		   const void *val);
/**
 * keel_bus_register - put @dev on a bus, once. vm->slots_lock held.
 *
 * Ranges may overlap: the one that begins last is asked first. Return: 0, -EINVAL the range
 * wraps, -ENOSPC, -ENOMEM.
 */
int keel_bus_register(struct keel_vm *vm, enum keel_bus_id bus, u64 addr, u32 len,
		      struct keel_io_dev *dev);
/**
 * struct keel_bus_place - where a device of the kernel answers
 * @bus, @addr, @len: the range
 * @ops: its accesses
 */
struct keel_bus_place {
	enum keel_bus_id bus;
	u32 len;
	u64 addr;
	const struct keel_io_dev_ops *ops;
};

/**
 * keel_bus_attach - put a device with @nr places on the buses; takes vm->slots_lock
 * @dev: as many; each gets its place's @ops
 *
 * Return: 0, or an errno of keel_bus_register(): it is on none of them.
 */
int keel_bus_attach(struct keel_vm *vm, const struct keel_bus_place *place, unsigned int nr,
		    struct keel_io_dev *dev);
/** keel_bus_detach - the way back. What was never attached may be detached. */
void keel_bus_detach(struct keel_vm *vm, const struct keel_bus_place *place, unsigned int nr,
		     struct keel_io_dev *dev);
/** keel_bus_unregister - vm->slots_lock held. Waits for readers; then @dev may be freed. */
void keel_bus_unregister(struct keel_vm *vm, enum keel_bus_id bus, struct keel_io_dev *dev);
int keel_bus_init(struct keel_vm *vm);
/** keel_bus_destroy - release every device that is left; nobody uses the VM any more. */
void keel_bus_destroy(struct keel_vm *vm);

/* ioeventfd.c, coalesced.c; these take vm->slots_lock. */
extern const struct keel_io_dev_ops keel_ioeventfd_ops;
int keel_ioeventfd(struct keel_vm *vm, const struct kvm_ioeventfd *args);
int keel_coalesced_init(struct keel_vm *vm);
void keel_coalesced_destroy(struct keel_vm *vm);
int keel_coalesced_register(struct keel_vm *vm, const struct kvm_coalesced_mmio_zone *zone);
int keel_coalesced_unregister(struct keel_vm *vm, const struct kvm_coalesced_mmio_zone *zone);

#endif
