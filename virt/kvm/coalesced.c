// SPDX-License-Identifier: GPL-2.0-only
/* Coalesced I/O: writes that can wait, in a ring that user space empties at its next exit. */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <keel/vcpu.h>

struct io_zone {
	struct keel_io_dev dev;
	struct list_head link;
	struct keel_vm *vm;
	u64 addr;
	u32 size;
	bool pio;
};

static enum keel_bus_id bus_of(const struct io_zone *zone)
{
	return zone->pio ? KEEL_BUS_PIO : KEEL_BUS_MMIO;
}

/* User space can write anything into the ring's page: its indices are checked on each use. */
static int zone_write(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len,
		      const void *val)
{
	struct io_zone *zone = container_of(dev, struct io_zone, dev);
	struct keel_coalesced *c = &zone->vm->coalesced;
	struct kvm_coalesced_mmio_ring *ring = c->ring;
	struct kvm_coalesced_mmio *entry;
	u32 last, next;

	if (len > (int)sizeof(entry->data))
		return -EOPNOTSUPP;
	spin_lock(&c->ring_lock);
	last = READ_ONCE(ring->last);
	next = last + 1 < KVM_COALESCED_MMIO_MAX ? last + 1 : 0;
	/* Full: the write goes to user space by itself, which empties the ring first. */
	if (last >= KVM_COALESCED_MMIO_MAX || next == READ_ONCE(ring->first)) {
		spin_unlock(&c->ring_lock);
		return -EOPNOTSUPP;
	}
	entry = &ring->coalesced_mmio[array_index_nospec(last, KVM_COALESCED_MMIO_MAX)];
	entry->phys_addr = addr;
	entry->len = len;
	memcpy(entry->data, val, len);
	entry->pio = zone->pio;
	/* The entry first: user space reads without a lock. */
	smp_store_release(&ring->last, next);
	spin_unlock(&c->ring_lock);
	return 0;
}

static void zone_release(struct keel_io_dev *dev)
{
	struct io_zone *zone = container_of(dev, struct io_zone, dev);

	list_del(&zone->link);
	kfree(zone);
}

static const struct keel_io_dev_ops zone_ops = {
	.write = zone_write,
	.release = zone_release,
};

int keel_coalesced_init(struct keel_vm *vm)
{
	INIT_LIST_HEAD(&vm->coalesced.zones);
	spin_lock_init(&vm->coalesced.ring_lock);
#ifdef KVM_COALESCED_MMIO_PAGE_OFFSET
	vm->coalesced.ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vm->coalesced.ring)
		return -ENOMEM;
#endif
	return 0;
}

void keel_coalesced_destroy(struct keel_vm *vm)
{
	free_page((unsigned long)vm->coalesced.ring);
	vm->coalesced.ring = NULL;
}

/**
 * keel_coalesced_register - KVM_REGISTER_COALESCED_MMIO
 * @vm: the VM
 * @args: user space's, copied
 *
 * Return: 0, -EINVAL, -ENOSPC, -ENOMEM, or -ENOTTY where the ABI has no place for the ring.
 */
int keel_coalesced_register(struct keel_vm *vm, const struct kvm_coalesced_mmio_zone *args)
{
	struct io_zone *zone;
	int ret;

	if (!vm->coalesced.ring)
		return -ENOTTY;
	if (args->pio > 1 || !args->size)
		return -EINVAL;
	zone = kzalloc(sizeof(*zone), GFP_KERNEL_ACCOUNT);
	if (!zone)
		return -ENOMEM;
	zone->dev.ops = &zone_ops;
	zone->vm = vm;
	zone->addr = args->addr;
	zone->size = args->size;
	zone->pio = args->pio;

	mutex_lock(&vm->slots_lock);
	list_add_tail(&zone->link, &vm->coalesced.zones);
	ret = keel_bus_register(vm, bus_of(zone), zone->addr, zone->size, &zone->dev);
	if (ret)
		zone_release(&zone->dev);
	mutex_unlock(&vm->slots_lock);
	return ret;
}

/* A zone goes as a whole when any part of it is named, even when that part is smaller. */
static bool names(const struct kvm_coalesced_mmio_zone *args, const struct io_zone *zone)
{
	return args->pio == zone->pio && args->size <= zone->size && args->addr >= zone->addr &&
	       args->addr - zone->addr <= zone->size - args->size;
}

/**
 * keel_coalesced_unregister - KVM_UNREGISTER_COALESCED_MMIO
 * @vm: the VM
 * @args: user space's, copied; every zone that contains this range goes
 *
 * Return: 0 (also when there was none), or -EINVAL.
 */
int keel_coalesced_unregister(struct keel_vm *vm, const struct kvm_coalesced_mmio_zone *args)
{
	struct io_zone *zone, *next;

	if (!vm->coalesced.ring)
		return -ENOTTY;
	if (args->pio > 1)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	list_for_each_entry_safe(zone, next, &vm->coalesced.zones, link) {
		if (!names(args, zone))
			continue;
		keel_bus_unregister(vm, bus_of(zone), &zone->dev);
		zone_release(&zone->dev);
	}
	mutex_unlock(&vm->slots_lock);
	return 0;
}
