/* SPDX-License-Identifier: GPL-2.0-only */
/* Attribute groups: of devices (KVM_CREATE_DEVICE), of a VM and of a vCPU. */
#ifndef KEEL_DEVICE_ATTR_H
#define KEEL_DEVICE_ATTR_H

#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/types.h>

struct keel_vcpu;
struct keel_vm;
struct keel_device;

/**
 * struct keel_device_ops - one type of device
 * @name: of its file
 * @size: of the structure that holds struct keel_device first; the core allocates and frees it
 * @create: vm->lock held; on error nothing else is called
 * @init: after the device is in vm->devices, before user space has its file. May be NULL
 * @destroy: the device goes: with the VM, when nobody uses it any more. May be NULL
 * @release: if not NULL, the device goes with its file instead, and this is called instead
 *	of @destroy, vm->lock held
 * @set_attr, @get_attr, @has_attr: -ENXIO for an attribute that does not exist; NULL: the device
 *	has none to set, get or ask for (-EPERM)
 * @ioctl: other ioctls on the file. May be NULL
 */
struct keel_device_ops {
	const char *name;
	size_t size;
	int (*create)(struct keel_device *dev, u32 type);
	void (*init)(struct keel_device *dev);
	void (*destroy)(struct keel_device *dev);
	void (*release)(struct keel_device *dev);
	int (*set_attr)(struct keel_device *dev, const struct kvm_device_attr *attr);
	int (*get_attr)(struct keel_device *dev, struct kvm_device_attr *attr);
	int (*has_attr)(struct keel_device *dev, const struct kvm_device_attr *attr);
	long (*ioctl)(struct keel_device *dev, unsigned int ioctl, unsigned long arg);
};

struct keel_device {
	const struct keel_device_ops *ops;
	struct keel_vm *vm;
	struct list_head link;		/* vm->devices, under vm->lock */
};

/** keel_device_register - at module load. 0, -ENOSPC or -EEXIST. */
int keel_device_register(u32 type, const struct keel_device_ops *ops);
void keel_device_unregister(u32 type);
/** keel_create_device - KVM_CREATE_DEVICE; @args->fd gets the file. 0 or a negative errno. */
int keel_create_device(struct keel_vm *vm, struct kvm_create_device *args);
/** keel_destroy_devices - the VM goes: no file of a device is open any more. */
void keel_destroy_devices(struct keel_vm *vm);
/* The core's own device KVM_DEV_TYPE_VFIO is absent. */

/**
 * struct keel_vm_attr - one attribute of a VM, a row of the architecture's table
 * @group, @attr: its number
 * @set, @get: move the payload themselves; no lock held. NULL: it cannot be set (read): -ENXIO
 */
struct keel_vm_attr {
	u32 group;
	u64 attr;
	int (*set)(struct keel_vm *vm, const void __user *from);
	int (*get)(struct keel_vm *vm, void __user *to);
};

/**
 * struct keel_vcpu_attr - one attribute of a vCPU, a row of the architecture's table
 * @group, @attr: its number
 * @size: bytes of its value for user space: 4 or 8
 * @visible: does this vCPU have it? NULL: always
 * @set, @get: as above; the vCPU is loaded
 */
struct keel_vcpu_attr {
	u32 group;
	u32 size;
	u64 attr;
	bool (*visible)(struct keel_vcpu *vcpu);
	int (*set)(struct keel_vcpu *vcpu, u64 val);
	int (*get)(struct keel_vcpu *vcpu, u64 *val);
};

/*
 * KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR and KVM_HAS_DEVICE_ATTR on a VM (no lock held) and on a
 * vCPU (loaded). -ENOTTY: the architecture has no such attributes at all; -ENXIO: not this one.
 */
long keel_vm_attr_ioctl(struct keel_vm *vm, unsigned int ioctl,
			const struct kvm_device_attr *attr);
long keel_vcpu_attr_ioctl(struct keel_vcpu *vcpu, unsigned int ioctl,
			  const struct kvm_device_attr *attr);
#endif
