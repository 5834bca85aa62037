// SPDX-License-Identifier: GPL-2.0-only
/* A virtual machine: its life, its file and its ioctls. */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <keel/device_attr.h>
#include <keel/fault.h>
#include <keel/vcpu.h>
#include "device.h"

LIST_HEAD(keel_vms);
DEFINE_MUTEX(keel_lock);

/* --- life ---------------------------------------------------------------------------- */

/*
 * Undoes what create() did, in its reverse order. Nobody else can reach the VM: no file, no vCPU in use,
 * and after keel_notifier_unregister() no MMU notifier.
 */
static void destroy(struct keel_vm *vm)
{
	unsigned int i;

	mutex_lock(&keel_lock);
	list_del(&vm->link);
	mutex_unlock(&keel_lock);
	keel_vm_debugfs_destroy(vm);
	/* vCPU files may have outlived the VM's, and started again what it had stopped. */
	if (keel_ops.vm_quiesce)
		keel_ops.vm_quiesce(vm);
	keel_notifier_unregister(vm);
	keel_destroy_vcpus(vm);
	keel_destroy_devices(vm);
	keel_bus_destroy(vm);
	keel_ops.vm_destroy(vm);
	for (i = 0; i < keel_ops.nr_aspaces; i++)
		keel_s2_destroy(&vm->s2[i]);
	keel_coalesced_destroy(vm);
	keel_irq_destroy(vm);
	keel_memslots_destroy(vm);
	cleanup_srcu_struct(&vm->srcu);
	mmdrop(vm->mm);
	kvfree(vm);
	module_put(THIS_MODULE);
}

void keel_vm_get(struct keel_vm *vm)
{
	refcount_inc(&vm->users);
}

void keel_vm_put(struct keel_vm *vm)
{
	if (refcount_dec_and_test(&vm->users))
		destroy(vm);
}

static struct keel_vm *create(unsigned long type)
{
	struct keel_vm *vm;
	unsigned int i;
	int r = -ENOMEM;

	vm = kvzalloc(keel_ops.vm_size, GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);
	refcount_set(&vm->users, 1);
	vm->mm = current->mm;
	mmgrab(vm->mm);
	rwlock_init(&vm->mmu_lock);
	mutex_init(&vm->lock);
	mutex_init(&vm->slots_lock);
	INIT_LIST_HEAD(&vm->devices);
	xa_init(&vm->vcpus);
	vm->max_vcpu_ids = keel_ops.max_vcpu_ids;
	snprintf(vm->stats_id, sizeof(vm->stats_id), "kvm-%d", task_pid_nr(current));

	r = init_srcu_struct(&vm->srcu);
	if (r)
		goto err_free;
	r = keel_memslots_init(vm);
	if (r)
		goto err_srcu;
	r = keel_irq_init(vm);
	if (r)
		goto err_slots;
	r = keel_coalesced_init(vm);
	if (r)
		goto err_irq;
	r = keel_bus_init(vm);
	if (r)
		goto err_coalesced;
	r = keel_ops.vm_init(vm, type);
	if (r)
		goto err_bus;
	r = keel_notifier_register(vm);
	if (r)
		goto err_arch;
	mutex_lock(&keel_lock);
	list_add(&vm->link, &keel_vms);
	mutex_unlock(&keel_lock);
	__module_get(THIS_MODULE);
	return vm;

err_arch:
	keel_ops.vm_destroy(vm);
	for (i = 0; i < keel_ops.nr_aspaces; i++)
		keel_s2_destroy(&vm->s2[i]);
err_bus:
	keel_bus_destroy(vm);
err_coalesced:
	keel_coalesced_destroy(vm);
err_irq:
	keel_irq_destroy(vm);
err_slots:
	keel_memslots_destroy(vm);
err_srcu:
	cleanup_srcu_struct(&vm->srcu);
err_free:
	mmdrop(vm->mm);
	kvfree(vm);
	return ERR_PTR(r);
}

/* --- ioctls ---------------------------------------------------------------------------- */

static int set_memory_region(struct keel_vm *vm, void __user *argp)
{
	struct kvm_userspace_memory_region mem;
	struct keel_region region;

	if (copy_from_user(&mem, argp, sizeof(mem)))
		return -EFAULT;
	region = (struct keel_region){
		.slot = mem.slot, .flags = mem.flags, .gpa = mem.guest_phys_addr,
		.size = mem.memory_size, .hva = mem.userspace_addr,
	};
	return keel_set_memory_region(vm, &region, false);
}

#ifdef KVM_SET_USER_MEMORY_REGION2
static int set_memory_region2(struct keel_vm *vm, void __user *argp)
{
	struct kvm_userspace_memory_region2 mem;
	struct keel_region region;

	if (copy_from_user(&mem, argp, sizeof(mem)))
		return -EFAULT;
	/* guest_memfd is absent: with its flag refused, its fields and the padding mean nothing. */
	region = (struct keel_region){
		.slot = mem.slot, .flags = mem.flags, .gpa = mem.guest_phys_addr,
		.size = mem.memory_size, .hva = mem.userspace_addr,
	};
	return keel_set_memory_region(vm, &region, false);
}
#endif

static int irq_line(struct keel_vm *vm, void __user *argp, bool status)
{
	struct kvm_irq_level level;
	int r;

	if (copy_from_user(&level, argp, sizeof(level)))
		return -EFAULT;
	if (!keel_ops.irqchip_ready || !keel_ops.irqchip_ready(vm))
		return -ENXIO;
	r = keel_set_irq(vm, KEEL_IRQ_SOURCE_USER, level.irq, level.level, status);
	if (!status)
		return 0;	/* only the other call tells, and an unused line is no error */
	level.status = r;
	return copy_to_user(argp, &level, sizeof(level)) ? -EFAULT : 0;
}

static int set_routing(struct keel_vm *vm, struct kvm_irq_routing __user *argp)
{
	struct kvm_irq_routing_entry *entries = NULL;
	struct kvm_irq_routing head;
	int r;

	if (copy_from_user(&head, argp, sizeof(head)))
		return -EFAULT;
	if (!keel_ops.irqchip_ready || !keel_ops.irqchip_ready(vm) || head.nr > KEEL_MAX_GSI ||
	    head.flags)
		return -EINVAL;
	if (head.nr) {
		entries = vmemdup_user(argp->entries,
				       array_size(sizeof(*entries), head.nr));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	r = keel_set_routing(vm, entries, head.nr, head.flags);
	kvfree(entries);
	return r;
}

static int create_device(struct keel_vm *vm, void __user *argp)
{
	struct kvm_create_device args;
	int r;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	r = keel_create_device(vm, &args);
	if (!r && copy_to_user(argp, &args, sizeof(args)))
		r = -EFAULT;
	return r;
}

static int halt_poll_cap(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	if (cap->flags || cap->args[0] != (unsigned int)cap->args[0])
		return -EINVAL;
	WRITE_ONCE(vm->max_halt_poll_ns, cap->args[0]);
	smp_wmb();	/* pairs with poll_limit() */
	WRITE_ONCE(vm->max_halt_poll_set, true);
	return 0;
}

static int dirty_log_cap(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	u64 allowed = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

	/* INITIALLY_SET only makes sense with manual protection. */
	if (cap->args[0] & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE)
		allowed |= KVM_DIRTY_LOG_INITIALLY_SET;
	if (cap->flags || cap->args[0] & ~allowed)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);	/* a slot is made under one setting */
	vm->manual_dirty_log = cap->args[0];
	mutex_unlock(&vm->slots_lock);
	return 0;
}

static int dirty_ring_cap(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	if (!keel_cap(vm, cap->cap) || cap->flags)
		return -EINVAL;
	if (cap->args[0] != (u32)cap->args[0])
		return -EINVAL;
	return keel_enable_dirty_ring(vm, cap->args[0]);
}

#ifdef KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP
static int ring_bitmap_cap(struct keel_vm *vm, const struct kvm_enable_cap *cap)
{
	if (!keel_cap(vm, cap->cap) || cap->flags)
		return -EINVAL;
	return keel_enable_dirty_ring_bitmap(vm);
}
#endif

static int enable_cap(struct keel_vm *vm, void __user *argp)
{
	struct kvm_enable_cap cap;
	int r;

	if (copy_from_user(&cap, argp, sizeof(cap)))
		return -EFAULT;
	mutex_lock(&vm->lock);
	switch (cap.cap) {
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		r = dirty_log_cap(vm, &cap);
		break;
	case KVM_CAP_HALT_POLL:
		r = halt_poll_cap(vm, &cap);
		break;
#ifdef KVM_CAP_DIRTY_LOG_RING_ACQ_REL
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
#endif
	case KVM_CAP_DIRTY_LOG_RING:
		r = dirty_ring_cap(vm, &cap);
		break;
#ifdef KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP
	case KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP:
		r = ring_bitmap_cap(vm, &cap);
		break;
#endif
	default:
		r = keel_ops.vm_enable_cap ? keel_ops.vm_enable_cap(vm, &cap) : -EINVAL;
	}
	mutex_unlock(&vm->lock);
	return r;
}

#define COPY_IN_AND(type, argp, call)					\
({									\
	type in;							\
									\
	copy_from_user(&in, argp, sizeof(in)) ? -EFAULT : call;	\
})

static long vm_ioctl(struct file *file, unsigned int ioctl, unsigned long arg)
{
	struct keel_vm *vm = file->private_data;
	void __user *argp = (void __user *)arg;

	if (vm->mm != current->mm)
		return -EIO;
	switch (ioctl) {
	case KVM_CREATE_VCPU:
		return keel_create_vcpu(vm, arg);
	case KVM_CHECK_EXTENSION:
		return keel_cap(vm, arg);
	case KVM_ENABLE_CAP:
		return enable_cap(vm, argp);
	case KVM_SET_USER_MEMORY_REGION:
		return set_memory_region(vm, argp);
#ifdef KVM_SET_USER_MEMORY_REGION2
	case KVM_SET_USER_MEMORY_REGION2:
		return set_memory_region2(vm, argp);
#endif
	case KVM_GET_DIRTY_LOG:
		return COPY_IN_AND(struct kvm_dirty_log, argp, keel_get_dirty_log(vm, &in));
	case KVM_CLEAR_DIRTY_LOG:
		return COPY_IN_AND(struct kvm_clear_dirty_log, argp,
				   keel_clear_dirty_log(vm, &in));
	case KVM_RESET_DIRTY_RINGS:
		return keel_dirty_rings_reset(vm);
	case KVM_REGISTER_COALESCED_MMIO:
		return COPY_IN_AND(struct kvm_coalesced_mmio_zone, argp,
				   keel_coalesced_register(vm, &in));
	case KVM_UNREGISTER_COALESCED_MMIO:
		return COPY_IN_AND(struct kvm_coalesced_mmio_zone, argp,
				   keel_coalesced_unregister(vm, &in));
	case KVM_IRQFD:
		return COPY_IN_AND(struct kvm_irqfd, argp, keel_irqfd(vm, &in));
	case KVM_IOEVENTFD:
		return COPY_IN_AND(struct kvm_ioeventfd, argp, keel_ioeventfd(vm, &in));
	case KVM_SIGNAL_MSI:
		return COPY_IN_AND(struct kvm_msi, argp, keel_signal_msi(vm, &in));
	case KVM_IRQ_LINE:
		return irq_line(vm, argp, false);
	case KVM_IRQ_LINE_STATUS:
		return irq_line(vm, argp, true);
	case KVM_SET_GSI_ROUTING:
		return set_routing(vm, argp);
	case KVM_CREATE_DEVICE:
		return create_device(vm, argp);
	case KVM_GET_STATS_FD:
		return keel_vm_stats_fd(vm);
	case KVM_SET_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_HAS_DEVICE_ATTR:
		return keel_vm_attr_ioctl(vm, ioctl, argp);
	default:
		return keel_ops.vm_ioctl(vm, ioctl, arg);
	}
}

static int vm_release(struct inode *inode, struct file *file)
{
	struct keel_vm *vm = file->private_data;

	/* Other files may keep the VM; from here on no event reaches it from outside. */
	keel_irqfd_destroy(vm);
	if (keel_ops.vm_quiesce)
		keel_ops.vm_quiesce(vm);
	keel_vm_put(vm);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.release = vm_release,
	.unlocked_ioctl = vm_ioctl,
	.llseek = noop_llseek,
};

bool keel_file_is_vm(struct file *file)
{
	return file && file->f_op == &vm_fops;
}

/**
 * keel_create_vm - KVM_CREATE_VM
 * @type: architecture's VM type
 *
 * Return: a file descriptor or a negative errno.
 */
long keel_create_vm(unsigned long type)
{
	struct file *file;
	struct keel_vm *vm;
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	vm = create(type);
	if (IS_ERR(vm)) {
		put_unused_fd(fd);
		return PTR_ERR(vm);
	}
	file = anon_inode_getfile("kvm-vm", &vm_fops, vm, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		keel_vm_put(vm);
		return PTR_ERR(file);
	}
	keel_vm_debugfs_create(vm, fd);
	fd_install(fd, file);
	return fd;
}
