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

static long create_vcpu(struct keel_vm *vm, void *id)
{
	return keel_create_vcpu(vm, *(unsigned long *)id);
}

static long check_extension(struct keel_vm *vm, void *cap)
{
	return keel_cap(vm, *(unsigned long *)cap);
}

static long set_memory_region(struct keel_vm *vm, void *data)
{
	const struct kvm_userspace_memory_region *mem = data;
	const struct keel_region region = {
		.slot = mem->slot, .flags = mem->flags, .gpa = mem->guest_phys_addr,
		.size = mem->memory_size, .hva = mem->userspace_addr,
	};

	return keel_set_memory_region(vm, &region, false);
}

#ifdef KVM_SET_USER_MEMORY_REGION2
static long set_memory_region2(struct keel_vm *vm, void *data)
{
	/* guest_memfd is absent: with its flag refused, its fields and the padding mean nothing. */
	BUILD_BUG_ON(offsetof(struct kvm_userspace_memory_region2, guest_memfd_offset) !=
		     sizeof(struct kvm_userspace_memory_region));
	return set_memory_region(vm, data);
}
#endif

static long get_dirty_log(struct keel_vm *vm, void *log)
{
	return keel_get_dirty_log(vm, log);
}

static long clear_dirty_log(struct keel_vm *vm, void *log)
{
	return keel_clear_dirty_log(vm, log);
}

static long reset_dirty_rings(struct keel_vm *vm, void *unused)
{
	return keel_dirty_rings_reset(vm);
}

static long register_coalesced(struct keel_vm *vm, void *zone)
{
	return keel_coalesced_register(vm, zone);
}

static long unregister_coalesced(struct keel_vm *vm, void *zone)
{
	return keel_coalesced_unregister(vm, zone);
}

static long irqfd(struct keel_vm *vm, void *args)
{
	return keel_irqfd(vm, args);
}

static long ioeventfd(struct keel_vm *vm, void *args)
{
	return keel_ioeventfd(vm, args);
}

static long signal_msi(struct keel_vm *vm, void *arg)
{
	struct kvm_msi msi;

	/* Before its argument is looked at: where nothing takes messages there is no such call. */
	if (!keel_cap(vm, KVM_CAP_SIGNAL_MSI))
		return -ENOTTY;
	if (copy_from_user(&msi, (void __user *)*(unsigned long *)arg, sizeof(msi)))
		return -EFAULT;
	return keel_signal_msi(vm, &msi);
}

static long irq_line(struct keel_vm *vm, void *data)
{
	const struct kvm_irq_level *level = data;

	if (!keel_ops.irqchip_ready || !keel_ops.irqchip_ready(vm))
		return -ENXIO;
	/* Only the other call tells, and an unused line is no error. */
	keel_set_irq(vm, KEEL_IRQ_SOURCE_USER, level->irq, level->level, false);
	return 0;
}

static long irq_line_status(struct keel_vm *vm, void *data)
{
	struct kvm_irq_level *level = data;

	if (!keel_ops.irqchip_ready || !keel_ops.irqchip_ready(vm))
		return -ENXIO;
	level->status = keel_set_irq(vm, KEEL_IRQ_SOURCE_USER, level->irq, level->level, true);
	return 0;
}

/* Not a list of the engine's: too many entries are EINVAL here. */
static long set_routing(struct keel_vm *vm, void *data)
{
	struct kvm_irq_routing __user *argp = *(void __user **)data;
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

static long create_device(struct keel_vm *vm, void *args)
{
	return keel_create_device(vm, args);
}

static long set_attr(struct keel_vm *vm, void *data)
{
	return keel_vm_attr_ioctl(vm, KVM_SET_DEVICE_ATTR, data);
}

static long get_attr(struct keel_vm *vm, void *data)
{
	return keel_vm_attr_ioctl(vm, KVM_GET_DEVICE_ATTR, data);
}

static long has_attr(struct keel_vm *vm, void *data)
{
	return keel_vm_attr_ioctl(vm, KVM_HAS_DEVICE_ATTR, data);
}

static long stats_fd(struct keel_vm *vm, void *unused)
{
	return keel_vm_stats_fd(vm);
}

static long enable_cap(struct keel_vm *vm, void *data)
{
	const struct kvm_enable_cap *cap = data;
	const struct keel_cap *row = keel_cap_find(cap->cap);
	int r = 0;

	if (cap->flags || !row || !(row->enable || row->setting))
		return -EINVAL;
	if (row->valid && cap->args[0] & ~row->valid)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (row->before_vcpus && vm->created_vcpus)
		r = -EINVAL;
	else if (row->enable)
		r = row->enable(vm, cap);
	else
		WRITE_ONCE(*(u64 *)((void *)vm + row->setting), cap->args[0]);
	mutex_unlock(&vm->lock);
	return r;
}

static const struct keel_ioctl core_ioctls[] = {
	{ KVM_IRQ_LINE, .vm = irq_line },
	{ KVM_IRQ_LINE_STATUS, .vm = irq_line_status },
	{ KVM_SIGNAL_MSI, KEEL_IOCTL_VALUE, .vm = signal_msi },
	{ KVM_CREATE_VCPU, .vm = create_vcpu },
	{ KVM_CHECK_EXTENSION, .vm = check_extension },
	{ KVM_ENABLE_CAP, .vm = enable_cap },
	{ KVM_SET_USER_MEMORY_REGION, .vm = set_memory_region },
#ifdef KVM_SET_USER_MEMORY_REGION2
	{ KVM_SET_USER_MEMORY_REGION2, .vm = set_memory_region2 },
#endif
	{ KVM_GET_DIRTY_LOG, .vm = get_dirty_log },
	{ KVM_CLEAR_DIRTY_LOG, KEEL_IOCTL_IN, .vm = clear_dirty_log },
	{ KVM_RESET_DIRTY_RINGS, .vm = reset_dirty_rings },
	{ KVM_REGISTER_COALESCED_MMIO, .vm = register_coalesced },
	{ KVM_UNREGISTER_COALESCED_MMIO, .vm = unregister_coalesced },
	{ KVM_IRQFD, .vm = irqfd },
	{ KVM_IOEVENTFD, .vm = ioeventfd },
	{ KVM_SET_GSI_ROUTING, KEEL_IOCTL_VALUE, .vm = set_routing },
	{ KVM_CREATE_DEVICE, .vm = create_device },
	{ KVM_SET_DEVICE_ATTR, .vm = set_attr },
	{ KVM_GET_DEVICE_ATTR, .vm = get_attr },
	{ KVM_HAS_DEVICE_ATTR, .vm = has_attr },
	{ KVM_GET_STATS_FD, .vm = stats_fd },
};

static const struct keel_ioctl_table core_table = KEEL_IOCTL_TABLE(core_ioctls);

static long vm_ioctl(struct file *file, unsigned int ioctl, unsigned long arg)
{
	struct keel_vm *vm = file->private_data;
	const struct keel_ioctl *row;

	if (vm->mm != current->mm)
		return -EIO;
	row = keel_ioctl_find(&keel_ops.vm_ioctls, &core_table, ioctl);
	return row ? keel_ioctl_call(row, vm, NULL, arg) : -ENOTTY;
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
