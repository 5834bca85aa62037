// SPDX-License-Identifier: GPL-2.0-only
/* Attributes: of devices that user space makes (KVM_CREATE_DEVICE), of a VM and of a vCPU. */
#include <linux/anon_inodes.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <keel/device_attr.h>
#include <keel/vcpu.h>
#include <keel/vm.h>

/* Changed at module load and unload only, when there is no VM. */
static const struct keel_device_ops *types[KVM_DEV_TYPE_MAX];

int keel_device_register(u32 type, const struct keel_device_ops *ops)
{
	if (type >= ARRAY_SIZE(types))
		return -ENOSPC;
	if (types[type])
		return -EEXIST;
	types[type] = ops;
	return 0;
}

void keel_device_unregister(u32 type)
{
	if (type < ARRAY_SIZE(types))
		types[type] = NULL;
}

/* The attribute's own address and payload are checked by the device that knows them. */
static long attr_ioctl(struct keel_device *dev, unsigned int ioctl, void __user *argp)
{
	const struct keel_device_ops *ops = dev->ops;
	struct kvm_device_attr attr;

	if (copy_from_user(&attr, argp, sizeof(attr)))
		return -EFAULT;
	if (attr.flags)
		return -EINVAL;
	switch (ioctl) {
	case KVM_SET_DEVICE_ATTR:
		return ops->set_attr ? ops->set_attr(dev, &attr) : -EPERM;
	case KVM_GET_DEVICE_ATTR:
		return ops->get_attr ? ops->get_attr(dev, &attr) : -EPERM;
	default:
		return ops->has_attr ? ops->has_attr(dev, &attr) : -EPERM;
	}
}

static long device_ioctl(struct file *file, unsigned int ioctl, unsigned long arg)
{
	struct keel_device *dev = file->private_data;

	if (dev->vm->mm != current->mm)
		return -EIO;
	switch (ioctl) {
	case KVM_SET_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_HAS_DEVICE_ATTR:
		return attr_ioctl(dev, ioctl, (void __user *)arg);
	default:
		return dev->ops->ioctl ? dev->ops->ioctl(dev, ioctl, arg) : -ENOTTY;
	}
}

/* vm->lock held, or nobody else knows the VM. */
static void remove_device(struct keel_device *dev)
{
	list_del(&dev->link);
	if (dev->ops->release)
		dev->ops->release(dev);
	else if (dev->ops->destroy)
		dev->ops->destroy(dev);
	kfree(dev);
}

static int device_release(struct inode *inode, struct file *file)
{
	struct keel_device *dev = file->private_data;
	struct keel_vm *vm = dev->vm;

	if (dev->ops->release) {
		mutex_lock(&vm->lock);
		remove_device(dev);
		mutex_unlock(&vm->lock);
	}
	keel_vm_put(vm);
	return 0;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

int keel_create_device(struct keel_vm *vm, struct kvm_create_device *args)
{
	const struct keel_device_ops *ops;
	struct keel_device *dev;
	int ret;

	if (args->flags & ~KVM_CREATE_DEVICE_TEST)
		return -EINVAL;
	if (args->type >= ARRAY_SIZE(types))
		return -ENODEV;
	ops = types[array_index_nospec(args->type, ARRAY_SIZE(types))];
	if (!ops)
		return -ENODEV;
	if (args->flags & KVM_CREATE_DEVICE_TEST)
		return 0;

	dev = kzalloc(ops->size, GFP_KERNEL_ACCOUNT);
	if (!dev)
		return -ENOMEM;
	dev->ops = ops;
	dev->vm = vm;
	mutex_lock(&vm->lock);
	ret = ops->create(dev, args->type);
	if (!ret)
		list_add(&dev->link, &vm->devices);
	mutex_unlock(&vm->lock);
	if (ret) {
		kfree(dev);
		return ret;
	}
	if (ops->init)
		ops->init(dev);

	keel_vm_get(vm);
	ret = anon_inode_getfd(ops->name, &device_fops, dev, O_RDWR | O_CLOEXEC);
	if (ret < 0) {
		mutex_lock(&vm->lock);
		remove_device(dev);
		mutex_unlock(&vm->lock);
		keel_vm_put(vm);
		return ret;
	}
	args->fd = ret;
	return 0;
}

void keel_destroy_devices(struct keel_vm *vm)
{
	struct keel_device *dev, *next;

	list_for_each_entry_safe(dev, next, &vm->devices, link)
		remove_device(dev);
}

/* --- a VM's and a vCPU's own attributes ---------------------------------------------------- */

static const struct keel_vm_attr *find_vm_attr(const struct kvm_device_attr *attr)
{
	const struct keel_vm_attr *row = keel_ops.vm_attrs;
	unsigned int i;

	for (i = 0; i < keel_ops.nr_vm_attrs; i++, row++)
		if (row->group == attr->group && row->attr == attr->attr)
			return row;
	return NULL;
}

long keel_vm_attr_ioctl(struct keel_vm *vm, unsigned int ioctl, const struct kvm_device_attr *attr)
{
	const struct keel_vm_attr *row;

	if (!keel_ops.nr_vm_attrs)
		return -ENOTTY;
	row = find_vm_attr(attr);
	if (!row)
		return -ENXIO;
	if (attr->flags)
		return -EINVAL;
	switch (ioctl) {
	case KVM_SET_DEVICE_ATTR:
		return row->set ? row->set(vm, u64_to_user_ptr(attr->addr)) : -ENXIO;
	case KVM_GET_DEVICE_ATTR:
		return row->get ? row->get(vm, u64_to_user_ptr(attr->addr)) : -ENXIO;
	default:
		return 0;
	}
}

static const struct keel_vcpu_attr *find_vcpu_attr(struct keel_vcpu *vcpu,
						   const struct kvm_device_attr *attr)
{
	const struct keel_vcpu_attr *row = keel_ops.vcpu_attrs;
	unsigned int i;

	for (i = 0; i < keel_ops.nr_vcpu_attrs; i++, row++)
		if (row->group == attr->group && row->attr == attr->attr)
			return !row->visible || row->visible(vcpu) ? row : NULL;
	return NULL;
}

static long set_vcpu_attr(struct keel_vcpu *vcpu, const struct keel_vcpu_attr *row,
			  const void __user *from)
{
	u64 val;
	u32 word;

	if (!row->set)
		return -ENXIO;
	if (row->size == sizeof(val))
		return get_user(val, (const u64 __user *)from) ? -EFAULT : row->set(vcpu, val);
	return get_user(word, (const u32 __user *)from) ? -EFAULT : row->set(vcpu, word);
}

static long get_vcpu_attr(struct keel_vcpu *vcpu, const struct keel_vcpu_attr *row, void __user *to)
{
	u64 val;
	int r;

	if (!row->get)
		return -ENXIO;
	r = row->get(vcpu, &val);
	if (r)
		return r;
	return row->size == sizeof(val) ? put_user(val, (u64 __user *)to) :
					  put_user((u32)val, (u32 __user *)to);
}

long keel_vcpu_attr_ioctl(struct keel_vcpu *vcpu, unsigned int ioctl,
			  const struct kvm_device_attr *attr)
{
	const struct keel_vcpu_attr *row;

	if (!keel_ops.nr_vcpu_attrs)
		return -ENOTTY;
	row = find_vcpu_attr(vcpu, attr);
	if (!row)
		return -ENXIO;
	if (attr->flags)
		return -EINVAL;
	switch (ioctl) {
	case KVM_SET_DEVICE_ATTR:
		return set_vcpu_attr(vcpu, row, u64_to_user_ptr(attr->addr));
	case KVM_GET_DEVICE_ATTR:
		return get_vcpu_attr(vcpu, row, u64_to_user_ptr(attr->addr));
	default:
		return 0;
	}
}
