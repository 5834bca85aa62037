// SPDX-License-Identifier: GPL-2.0-only
/* ioeventfd: a guest's write to an address signals an eventfd, without a trip to user space. */
#include <linux/errno.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <keel/compat.h>
#include <keel/vcpu.h>

/* One binding. @link under slots_lock, the rest never changes. */
struct ioeventfd {
	struct keel_io_dev dev;
	struct list_head link;
	struct eventfd_ctx *ctx;
	u64 addr;
	u32 len;		/* 0: any */
	enum keel_bus_id bus;
	bool any_data;		/* else only writes of @match */
	u64 match;
};

/* The data as a number, in the host's byte order; @val need not be aligned. */
static u64 value_of(const void *val, int len)
{
	u16 v16;
	u32 v32;
	u64 v64;

	switch (len) {
	case 1:
		return *(const u8 *)val;
	case 2:
		memcpy(&v16, val, sizeof(v16));
		return v16;
	case 4:
		memcpy(&v32, val, sizeof(v32));
		return v32;
	default:
		memcpy(&v64, val, sizeof(v64));
		return v64;
	}
}

static int ioeventfd_write(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len,
			   const void *val)
{
	struct ioeventfd *p = container_of(dev, struct ioeventfd, dev);

	if (addr != p->addr)
		return -EOPNOTSUPP;
	if (p->len && (len != p->len || (!p->any_data && value_of(val, len) != p->match)))
		return -EOPNOTSUPP;
	keel_eventfd_signal(p->ctx);
	return 0;
}

static void ioeventfd_release(struct keel_io_dev *dev)
{
	struct ioeventfd *p = container_of(dev, struct ioeventfd, dev);

	list_del(&p->link);
	eventfd_ctx_put(p->ctx);
	kfree(p);
}

const struct keel_io_dev_ops keel_ioeventfd_ops = {
	.write = ioeventfd_write,
	.release = ioeventfd_release,
};

/* Would one write signal both? Then which of the two came first would decide. */
static bool collide(const struct ioeventfd *a, const struct ioeventfd *b)
{
	if (a->bus != b->bus || a->addr != b->addr)
		return false;
	if (!a->len || !b->len)
		return true;
	return a->len == b->len && (a->any_data || b->any_data || a->match == b->match);
}

/* The same binding, as KVM_IOEVENTFD_FLAG_DEASSIGN names it. */
static bool same(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->bus == b->bus && a->addr == b->addr && a->len == b->len &&
	       a->ctx == b->ctx && a->any_data == b->any_data &&
	       (a->any_data || a->match == b->match);
}

static int assign(struct keel_vm *vm, struct file *file, const struct ioeventfd *want)
{
	struct ioeventfd *p, *other;
	int ret;

	list_for_each_entry(other, &vm->irq.ioeventfds, link)
		if (collide(other, want))
			return -EEXIST;
	p = kmemdup(want, sizeof(*want), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	p->ctx = eventfd_ctx_fileget(file);	/* a reference of its own */
	list_add_tail(&p->link, &vm->irq.ioeventfds);
	ret = keel_bus_register(vm, p->bus, p->addr, p->len, &p->dev);
	if (ret)
		ioeventfd_release(&p->dev);
	return ret;
}

static int deassign(struct keel_vm *vm, const struct ioeventfd *want)
{
	struct ioeventfd *p;

	list_for_each_entry(p, &vm->irq.ioeventfds, link) {
		if (!same(p, want))
			continue;
		keel_bus_unregister(vm, p->bus, &p->dev);
		ioeventfd_release(&p->dev);
		return 0;
	}
	return -ENOENT;
}

/*
 * A binding without a length on the MMIO bus is mirrored on the bus that is asked with the
 * address alone, before anybody decodes the instruction.
 */
static int change(struct keel_vm *vm, struct file *file, struct ioeventfd *want, bool remove)
{
	bool mirror = want->bus == KEEL_BUS_MMIO && !want->len;
	int ret;

	ret = remove ? deassign(vm, want) : assign(vm, file, want);
	if (ret || !mirror)
		return ret;
	want->bus = KEEL_BUS_FAST_MMIO;
	if (remove)
		return deassign(vm, want);
	ret = assign(vm, file, want);
	if (ret) {
		want->bus = KEEL_BUS_MMIO;
		deassign(vm, want);
	}
	return ret;
}

static bool args_valid(const struct kvm_ioeventfd *args)
{
	const u32 buses = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY;

	if (args->flags & ~KVM_IOEVENTFD_VALID_FLAG_MASK || (args->flags & buses) == buses)
		return false;
	if (memchr_inv(args->pad, 0, sizeof(args->pad)))
		return false;
	switch (args->len) {
	case 0:
		return !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
	case 1:
	case 2:
	case 4:
	case 8:
		return args->addr + args->len >= args->addr;
	}
	return false;
}

/**
 * keel_ioeventfd - KVM_IOEVENTFD
 * @vm: the VM
 * @args: user space's, copied
 *
 * Return: 0, -EINVAL, -EBADF, -EEXIST (another binding would take the same write), -ENOENT
 * (nothing to deassign), -ENOSPC, -ENOMEM.
 */
int keel_ioeventfd(struct keel_vm *vm, const struct kvm_ioeventfd *args)
{
	struct ioeventfd want = {
		.dev.ops = &keel_ioeventfd_ops,
		.addr = args->addr,
		.len = args->len,
		.match = args->datamatch,
		.any_data = !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH),
		.bus = args->flags & KVM_IOEVENTFD_FLAG_PIO ? KEEL_BUS_PIO :
		       args->flags & KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY ? KEEL_BUS_CCW :
		       KEEL_BUS_MMIO,
	};
	struct file *file;
	int ret;

	if (!args_valid(args))
		return -EINVAL;
	file = fget(args->fd);
	if (!file)
		return -EBADF;
	want.ctx = eventfd_ctx_fileget(file);
	if (IS_ERR(want.ctx)) {
		fput(file);
		return PTR_ERR(want.ctx);
	}
	mutex_lock(&vm->slots_lock);
	ret = change(vm, file, &want, args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN);
	mutex_unlock(&vm->slots_lock);
	eventfd_ctx_put(want.ctx);
	fput(file);
	return ret;
}
