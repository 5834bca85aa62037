// SPDX-License-Identifier: GPL-2.0-only
/* The in-kernel I/O bus: finds the device behind an address. */
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <keel/vcpu.h>

/* The last row that begins at or below @addr, or NULL. Few branches that could go wrong. */
static __always_inline const struct keel_bus_range *last_below(const struct keel_bus *bus, u64 addr)
{
	const struct keel_bus_range *range = bus->range;
	unsigned int n = bus->nr, half;

	if (!n || range->addr > addr)
		return NULL;
	for (; n > 1; n -= half) {
		half = n / 2;
		range += range[half].addr <= addr ? half : 0;
	}
	return range;
}

/* @addr >= range->addr is known, and a row's range does not wrap. */
static __always_inline bool covers(const struct keel_bus_range *range, u64 addr, u32 len)
{
	if (!range->len)
		return addr == range->addr;
	return len && len <= range->len && addr - range->addr <= range->len - len;
}

/* The next row that covers the access, from @range back. @last says when none before reaches up here. */
static __always_inline int next_row(const struct keel_bus *bus, int at, u64 addr, u32 len)
{
	for (; at >= 0 && bus->range[at].last >= addr; at--)
		if (covers(&bus->range[at], addr, len))
			return at;
	return -1;
}

/* Guests access the same few registers over and over: the search itself is done once. */
static __always_inline int first_row(struct keel_bus_hint *hint, const struct keel_bus *bus, u64 addr,
				     u32 len)
{
	const struct keel_bus_range *range;

	if (likely(hint->gen == bus->gen && hint->addr == addr && hint->len == len))
		return hint->at;
	range = last_below(bus, addr);
	hint->at = range ? next_row(bus, range - bus->range, addr, len) : -1;
	hint->gen = bus->gen;
	hint->addr = addr;
	hint->len = len;
	return hint->at;
}

static __always_inline int bus_access(struct keel_vcpu *vcpu, enum keel_bus_id id, bool write,
				      u64 addr, int len, void *val)
{
	struct keel_vm *vm = vcpu->vm;
	int idx = srcu_read_lock(&vm->srcu), ret = -EOPNOTSUPP, at;
	const struct keel_bus *bus = srcu_dereference(vm->bus[id], &vm->srcu);
	struct keel_io_dev *dev;

	at = bus ? first_row(&vcpu->bus_hint[id], bus, addr, len) : -1;
	for (; at >= 0; at = next_row(bus, at - 1, addr, len)) {
		dev = READ_ONCE(bus->range[at].dev);
		if (!dev)
			continue;
		if (write && dev->ops->write)
			ret = dev->ops->write(dev, vcpu, addr, len, val);
		else if (!write && dev->ops->read)
			ret = dev->ops->read(dev, vcpu, addr, len, val);
		if (!ret)
			break;
	}
	srcu_read_unlock(&vm->srcu, idx);
	return ret ? -EOPNOTSUPP : 0;
}

/**
 * keel_bus_read - let an in-kernel device answer a read
 * @vcpu: who reads
 * @bus: which bus
 * @addr: first address
 * @len: bytes: 1, 2, 4 or 8
 * @val: where to; untouched unless a device answers
 *
 * Return: 0, or -EOPNOTSUPP when no device is there.
 */
int keel_bus_read(struct keel_vcpu *vcpu, enum keel_bus_id bus, u64 addr, int len, void *val)
{
	return bus_access(vcpu, bus, false, addr, len, val);
}

/**
 * keel_bus_write - let an in-kernel device take a write
 * @vcpu: who writes
 * @bus: which bus
 * @addr: first address
 * @len: bytes: 1, 2, 4 or 8; 0 on KEEL_BUS_FAST_MMIO
 * @val: the data
 *
 * Return: 0, or -EOPNOTSUPP when no device took it.
 */
int keel_bus_write(struct keel_vcpu *vcpu, enum keel_bus_id bus, u64 addr, int len,
		   const void *val)
{
	return bus_access(vcpu, bus, true, addr, len, (void *)val);
}

/* --- writers, all under slots_lock ----------------------------------------------------- */

static struct keel_bus *bus_of(struct keel_vm *vm, enum keel_bus_id id)
{
	return rcu_dereference_protected(vm->bus[id], lockdep_is_held(&vm->slots_lock));
}

static u64 last_address(const struct keel_bus_range *range)
{
	return range->addr + max(range->len, 1u) - 1;
}

int keel_bus_register(struct keel_vm *vm, enum keel_bus_id id, u64 addr, u32 len,
		      struct keel_io_dev *dev)
{
	struct keel_bus_range row = { .addr = addr, .len = len, .dev = dev };
	struct keel_bus *old = bus_of(vm, id), *new;
	unsigned int i, nr = 1, nr_devs = 0;
	bool placed = false;
	u64 last = 0;

	if (last_address(&row) < addr)
		return -EINVAL;
	for (i = 0; old && i < old->nr; i++) {
		if (!old->range[i].dev)
			continue;
		nr++;
		if (old->range[i].dev->ops != &keel_ioeventfd_ops)
			nr_devs++;
	}
	if (dev->ops != &keel_ioeventfd_ops && nr_devs >= KEEL_BUS_MAX_DEVS)
		return -ENOSPC;

	new = kvmalloc(struct_size(new, range, nr), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->gen = ++vm->bus_gen;
	new->nr = nr;
	nr = 0;
	for (i = 0; old && i < old->nr; i++) {
		if (!old->range[i].dev)
			continue;
		if (!placed && old->range[i].addr > addr) {
			new->range[nr++] = row;
			placed = true;
		}
		new->range[nr++] = old->range[i];
	}
	if (!placed)
		new->range[nr++] = row;
	for (i = 0; i < nr; i++) {
		last = max(last, last_address(&new->range[i]));
		new->range[i].last = last;
	}
	rcu_assign_pointer(vm->bus[id], new);
	synchronize_srcu_expedited(&vm->srcu);
	kvfree(old);
	return 0;
}

/* In place, so that it needs no memory and cannot fail. */
void keel_bus_unregister(struct keel_vm *vm, enum keel_bus_id id, struct keel_io_dev *dev)
{
	struct keel_bus *bus = bus_of(vm, id);
	unsigned int i;

	for (i = 0; bus && i < bus->nr; i++)
		if (bus->range[i].dev == dev)
			WRITE_ONCE(bus->range[i].dev, NULL);
	synchronize_srcu_expedited(&vm->srcu);
}

void keel_bus_detach(struct keel_vm *vm, const struct keel_bus_place *place, unsigned int nr,
		     struct keel_io_dev *dev)
{
	unsigned int i;

	mutex_lock(&vm->slots_lock);
	for (i = 0; i < nr; i++)
		keel_bus_unregister(vm, place[i].bus, &dev[i]);
	mutex_unlock(&vm->slots_lock);
}

int keel_bus_attach(struct keel_vm *vm, const struct keel_bus_place *place, unsigned int nr,
		    struct keel_io_dev *dev)
{
	unsigned int i;
	int r = 0;

	mutex_lock(&vm->slots_lock);
	for (i = 0; i < nr && !r; i++) {
		dev[i].ops = place[i].ops;
		r = keel_bus_register(vm, place[i].bus, place[i].addr, place[i].len, &dev[i]);
	}
	mutex_unlock(&vm->slots_lock);
	if (r)
		keel_bus_detach(vm, place, nr, dev);
	return r;
}

int keel_bus_init(struct keel_vm *vm)
{
	unsigned int id;

	for (id = 0; id < KEEL_NR_BUSES; id++)
		RCU_INIT_POINTER(vm->bus[id], NULL);
	return 0;
}

void keel_bus_destroy(struct keel_vm *vm)
{
	unsigned int id, i;

	for (id = 0; id < KEEL_NR_BUSES; id++) {
		struct keel_bus *bus = rcu_dereference_protected(vm->bus[id], true);

		RCU_INIT_POINTER(vm->bus[id], NULL);
		for (i = 0; bus && i < bus->nr; i++)
			if (bus->range[i].dev && bus->range[i].dev->ops->release)
				bus->range[i].dev->ops->release(bus->range[i].dev);
		kvfree(bus);
	}
}
