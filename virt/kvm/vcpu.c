// SPDX-License-Identifier: GPL-2.0-only
/* A virtual CPU: its life, its file and its ioctls. */
#include <linux/anon_inodes.h>
#include <linux/cpumask.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <keel/device_attr.h>
#include <keel/fault.h>
#include <keel/vcpu.h>
#include "device.h"

static DEFINE_PER_CPU(struct keel_vcpu *, running);
static DEFINE_PER_CPU(cpumask_var_t, kick_mask);

/* --- load and put ---------------------------------------------------------------------- */

static void load_on(struct keel_vcpu *vcpu, int cpu)
{
	if (unlikely(!__this_cpu_read(keel_cpu_on)))
		keel_request(vcpu, KEEL_REQ_NO_CPU);
	__this_cpu_write(running, vcpu);
	if (keel_steal_due(&vcpu->steal))
		keel_request(vcpu, KEEL_REQ_STEAL);
	keel_ops.vcpu_load(vcpu, cpu);
	WRITE_ONCE(vcpu->cpu, cpu);
}

void keel_vcpu_load(struct keel_vcpu *vcpu)
{
	int cpu = get_cpu();

	preempt_notifier_register(&vcpu->pn);
	load_on(vcpu, cpu);
	put_cpu();
}

void keel_vcpu_put(struct keel_vcpu *vcpu)
{
	preempt_disable();
	keel_lazy_put(vcpu, KEEL_LAZY_RUN);
	keel_steal_put(vcpu);
	keel_ops.vcpu_put(vcpu);
	preempt_notifier_unregister(&vcpu->pn);
	__this_cpu_write(running, NULL);
	preempt_enable();
}

static void sched_in(struct preempt_notifier *pn, int cpu)
{
	struct keel_vcpu *vcpu = container_of(pn, struct keel_vcpu, pn);

	WRITE_ONCE(vcpu->preempted, false);
	WRITE_ONCE(vcpu->ready, false);
	load_on(vcpu, cpu);
}

static void sched_out(struct preempt_notifier *pn, struct task_struct *next)
{
	struct keel_vcpu *vcpu = container_of(pn, struct keel_vcpu, pn);

	if (READ_ONCE(current->__state) == TASK_RUNNING && vcpu->in_run) {
		WRITE_ONCE(vcpu->preempted, true);
		WRITE_ONCE(vcpu->ready, true);
	}
	keel_lazy_put(vcpu, KEEL_LAZY_SCHED);
	keel_steal_put(vcpu);
	keel_ops.vcpu_put(vcpu);
	__this_cpu_write(running, NULL);
}

static struct preempt_ops preempt_ops = {
	.sched_in = sched_in,
	.sched_out = sched_out,
};

struct keel_vcpu *keel_this_vcpu(void)
{
	return this_cpu_read(running);
}

/* --- kicks -------------------------------------------------------------------------------- */

void keel_vcpu_kick_now(struct keel_vcpu *vcpu)
{
	struct task_struct *task;

	if (keel_vcpu_wake(vcpu))
		return;
	/* From an interrupt on the vCPU's own CPU nothing is left to do: it has exited. */
	if (cmpxchg(&vcpu->mode, KEEL_IN_GUEST, KEEL_EXITING) != KEEL_IN_GUEST)
		return;
	rcu_read_lock();
	task = rcu_dereference(vcpu->runner);
	if (task)
		kick_process(task);
	rcu_read_unlock();
}

static void ack(void *unused)
{
	/* The interrupt itself did it: the vCPU has left guest mode. */
}

bool keel_request_all(struct keel_vm *vm, unsigned int req, bool wait)
{
	struct keel_vcpu *vcpu;
	struct cpumask *mask;
	unsigned long i;
	int me = get_cpu(), cpu;
	bool any = false;

	mask = this_cpu_cpumask_var_ptr(kick_mask);
	cpumask_clear(mask);
	if (!atomic_read(&vm->online_vcpus))
		goto out;
	keel_for_each_vcpu(i, vcpu, vm) {
		keel_request(vcpu, req);
		if (!wait)
			keel_vcpu_wake(vcpu);
		/* As in keel_vcpu_kick(). A vCPU found EXITING may not have left yet: wait for it too. */
		smp_mb();
		if (READ_ONCE(vcpu->mode) == KEEL_OUTSIDE)
			continue;
		cmpxchg(&vcpu->mode, KEEL_IN_GUEST, KEEL_EXITING);
		cpu = READ_ONCE(vcpu->cpu);
		if (cpu >= 0 && cpu != me) {
			cpumask_set_cpu(cpu, mask);
			any = true;
		}
	}
	if (any)
		smp_call_function_many(mask, ack, NULL, wait);
out:
	put_cpu();
	return any;
}

/* --- life ----------------------------------------------------------------------------------- */

struct keel_vcpu *keel_vcpu_by_id(struct keel_vm *vm, unsigned int id)
{
	struct keel_vcpu *vcpu = keel_vcpu_by_idx(vm, id);
	unsigned long i;

	if (vcpu && vcpu->id == id)	/* the usual case: created in the order of their ids */
		return vcpu;
	if (!atomic_read(&vm->online_vcpus))
		return NULL;
	keel_for_each_vcpu(i, vcpu, vm)
		if (vcpu->id == id)
			return vcpu;
	return NULL;
}

static vm_fault_t vcpu_fault(struct vm_fault *vmf)
{
	struct keel_vcpu *vcpu = vmf->vma->vm_file->private_data;
	struct page *page = NULL;

	if (vmf->pgoff == 0)
		page = virt_to_page(vcpu->run);
#ifdef KVM_PIO_PAGE_OFFSET
	else if (vmf->pgoff == KVM_PIO_PAGE_OFFSET)
		page = keel_io_page(vcpu);
#endif
#ifdef KVM_COALESCED_MMIO_PAGE_OFFSET
	else if (vmf->pgoff == KVM_COALESCED_MMIO_PAGE_OFFSET)
		page = virt_to_page(vcpu->vm->coalesced.ring);
#endif
#ifdef KVM_DIRTY_LOG_PAGE_OFFSET
	else if (KVM_DIRTY_LOG_PAGE_OFFSET && vmf->pgoff >= KVM_DIRTY_LOG_PAGE_OFFSET)
		page = keel_dirty_ring_page(vcpu, vmf->pgoff - KVM_DIRTY_LOG_PAGE_OFFSET);
#endif
	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
#ifdef KVM_DIRTY_LOG_PAGE_OFFSET
	/* The ring is shared with the kernel both ways: a private copy would be useless. */
	if (KVM_DIRTY_LOG_PAGE_OFFSET &&
	    vma->vm_pgoff + vma_pages(vma) > KVM_DIRTY_LOG_PAGE_OFFSET &&
	    ((vma->vm_flags & VM_EXEC) || !(vma->vm_flags & VM_SHARED)))
		return -EINVAL;
#endif
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct keel_vcpu *vcpu = file->private_data;

	keel_vm_put(vcpu->vm);	/* vCPUs die with the VM */
	return 0;
}

/* --- ioctls ------------------------------------------------------------------------------ */

static long set_signal_mask(struct keel_vcpu *vcpu, void *data)
{
	struct kvm_signal_mask __user *arg = *(void __user **)data;
	struct kvm_signal_mask head;
	sigset_t set;

	if (!arg) {
		vcpu->sigset_active = false;
		return 0;
	}
	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	if (head.len != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, arg->sigset, sizeof(set)))
		return -EFAULT;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset = set;
	vcpu->sigset_active = true;
	return 0;
}

static long translate(struct keel_vcpu *vcpu, void *tr)
{
	return keel_ops.translate ? keel_ops.translate(vcpu, tr) : -ENOTTY;
}

static long get_mp_state(struct keel_vcpu *vcpu, void *data)
{
	struct kvm_mp_state *mp = data;
	int r = keel_ops.mp_state_sync ? keel_ops.mp_state_sync(vcpu) : 0;

	mp->mp_state = vcpu->mp_state;
	return r;
}

static long set_mp_state(struct keel_vcpu *vcpu, void *data)
{
	u32 state = ((struct kvm_mp_state *)data)->mp_state;
	int r;

	if (state >= 32 || !(keel_ops.mp_states & BIT(state)))
		return -EINVAL;
	r = keel_ops.mp_state_set ? keel_ops.mp_state_set(vcpu, &state) : 0;
	if (!r)
		vcpu->mp_state = state;
	return r;
}

static long set_guest_debug(struct keel_vcpu *vcpu, void *data)
{
	const struct kvm_guest_debug *dbg = data;
	u32 old = vcpu->guest_debug;
	int r;

	if (!keel_ops.guest_debug)
		return -ENOTTY;
	if (dbg->control & ~keel_ops.guest_debug_flags)
		return -EINVAL;
	vcpu->guest_debug = dbg->control & KVM_GUESTDBG_ENABLE ? dbg->control : 0;
	r = keel_ops.guest_debug(vcpu, dbg, old);
	if (r)
		vcpu->guest_debug = old;
	return r;
}

static long enable_cap(struct keel_vcpu *vcpu, void *data)
{
	const struct kvm_enable_cap *cap = data;
	const struct keel_cap *row = keel_cap_find(cap->cap);

	if (cap->flags || !row || !row->vcpu_enable)
		return -EINVAL;
	return row->vcpu_enable(vcpu, cap);
}

static long set_attr(struct keel_vcpu *vcpu, void *data)
{
	return keel_vcpu_attr_ioctl(vcpu, KVM_SET_DEVICE_ATTR, data);
}

static long get_attr(struct keel_vcpu *vcpu, void *data)
{
	return keel_vcpu_attr_ioctl(vcpu, KVM_GET_DEVICE_ATTR, data);
}

static long has_attr(struct keel_vcpu *vcpu, void *data)
{
	return keel_vcpu_attr_ioctl(vcpu, KVM_HAS_DEVICE_ATTR, data);
}

static long stats_fd(struct keel_vcpu *vcpu, void *unused)
{
	return keel_vcpu_stats_fd(vcpu);
}

#ifdef KVM_PRE_FAULT_MEMORY
static long pre_fault(struct keel_vcpu *vcpu, void *range)
{
	return keel_pre_fault(vcpu, range);
}
#endif

static const struct keel_ioctl core_ioctls[] = {
	{ KVM_SET_SIGNAL_MASK, KEEL_IOCTL_VALUE, .vcpu = set_signal_mask },
	{ KVM_TRANSLATE, .vcpu = translate },
	{ KVM_GET_MP_STATE, .vcpu = get_mp_state },
	{ KVM_SET_MP_STATE, .vcpu = set_mp_state },
	{ KVM_SET_GUEST_DEBUG, .vcpu = set_guest_debug },
	{ KVM_ENABLE_CAP, .vcpu = enable_cap },
	{ KVM_SET_DEVICE_ATTR, .vcpu = set_attr },
	{ KVM_GET_DEVICE_ATTR, .vcpu = get_attr },
	{ KVM_HAS_DEVICE_ATTR, .vcpu = has_attr },
	{ KVM_GET_STATS_FD, KEEL_IOCTL_ASYNC, .vcpu = stats_fd },
#ifdef KVM_PRE_FAULT_MEMORY
	/* What was done is told even when the rest failed. */
	{ KVM_PRE_FAULT_MEMORY, KEEL_IOCTL_TELL, .vcpu = pre_fault },
#endif
};

static const struct keel_ioctl_table core_table = KEEL_IOCTL_TABLE(core_ioctls);

static long vcpu_ioctl(struct file *file, unsigned int ioctl, unsigned long arg)
{
	struct keel_vcpu *vcpu = file->private_data;
	const struct keel_ioctl *row = NULL;
	long r;

	if (vcpu->vm->mm != current->mm)
		return -EIO;
	if (ioctl != KVM_RUN) {
		if (_IOC_TYPE(ioctl) != KVMIO)
			return -EINVAL;
		row = keel_ioctl_find(&keel_ops.vcpu_ioctls, &core_table, ioctl);
		if (!row)
			return -ENOTTY;
		if (row->flags & KEEL_IOCTL_ASYNC)
			return keel_ioctl_call(row, vcpu->vm, vcpu, arg);
	} else if (arg) {
		return -EINVAL;
	}
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	keel_vcpu_load(vcpu);
	r = row ? keel_ioctl_call(row, vcpu->vm, vcpu, arg) : keel_vcpu_run(vcpu);
	keel_vcpu_put(vcpu);
	mutex_unlock(&vcpu->mutex);
	return r;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_release,
	.unlocked_ioctl = vcpu_ioctl,
	.mmap = vcpu_mmap,
	.llseek = noop_llseek,
};

static void free_vcpu(struct keel_vcpu *vcpu)
{
	keel_dirty_ring_destroy(vcpu);
	keel_io_destroy(&vcpu->io);
	free_page((unsigned long)vcpu->run);
	kvfree(vcpu);
}

static struct keel_vcpu *alloc_vcpu(struct keel_vm *vm, unsigned int id)
{
	struct keel_vcpu *vcpu = kvzalloc(keel_ops.vcpu_size, GFP_KERNEL_ACCOUNT);

	if (!vcpu)
		return NULL;
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->cpu = -1;
	mutex_init(&vcpu->mutex);
	rcuwait_init(&vcpu->wait);
	preempt_notifier_init(&vcpu->pn, &preempt_ops);
	keel_apf_init(vcpu);
	vcpu->run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vcpu->run || keel_io_init(&vcpu->io) || keel_dirty_ring_init(vcpu)) {
		free_vcpu(vcpu);
		return NULL;
	}
	snprintf(vcpu->stats_id, sizeof(vcpu->stats_id), "kvm-%d/vcpu-%u",
		 task_pid_nr(current), id);
	return vcpu;
}

/* The vCPU becomes visible, first to the kernel, then to user space. vm->lock held. */
static int publish(struct keel_vcpu *vcpu)
{
	struct keel_vm *vm = vcpu->vm;
	struct file *file;
	char name[20];
	int fd, r;

	vcpu->idx = atomic_read(&vm->online_vcpus);
	r = xa_reserve(&vm->vcpus, vcpu->idx, GFP_KERNEL_ACCOUNT);
	if (r)
		return r;
	r = fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto err_index;
	snprintf(name, sizeof(name), "kvm-vcpu:%u", vcpu->id);
	file = anon_inode_getfile(name, &vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(file)) {
		r = PTR_ERR(file);
		goto err_fd;
	}
	/* From here on nothing can fail: a file that is given back lives longer than the vCPU would. */
	keel_vm_get(vm);	/* the file's; vcpu_release() drops it */
	xa_store(&vm->vcpus, vcpu->idx, vcpu, 0);
	smp_wmb();	/* the entry before the count: pairs with keel_vcpu_by_idx() */
	atomic_inc(&vm->online_vcpus);
	fd_install(fd, file);
	return fd;

err_fd:
	put_unused_fd(fd);
err_index:
	xa_release(&vm->vcpus, vcpu->idx);
	return r;
}

/**
 * keel_create_vcpu - KVM_CREATE_VCPU
 * @vm: the VM
 * @id: user space's number for it
 *
 * Return: a file descriptor, or -EINVAL (number or count out of range), -EEXIST, -ENOMEM...
 */
long keel_create_vcpu(struct keel_vm *vm, unsigned long id)
{
	struct keel_vcpu *vcpu;
	int r;

	if (id >= keel_ops.max_vcpu_ids)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (id >= vm->max_vcpu_ids || vm->created_vcpus >= keel_ops.max_vcpus) {
		mutex_unlock(&vm->lock);
		return -EINVAL;
	}
	r = keel_ops.vcpu_check ? keel_ops.vcpu_check(vm, id) : 0;
	if (r) {
		mutex_unlock(&vm->lock);
		return r;
	}
	vm->created_vcpus++;
	mutex_unlock(&vm->lock);

	r = -ENOMEM;
	vcpu = alloc_vcpu(vm, id);
	if (!vcpu)
		goto out;
	mutex_lock(&vm->lock);
	if (keel_vcpu_by_id(vm, id)) {
		r = -EEXIST;
	} else {
		r = keel_ops.vcpu_create(vcpu);
		if (!r) {
			r = publish(vcpu);
			if (r < 0)
				keel_ops.vcpu_destroy(vcpu);
		}
	}
	mutex_unlock(&vm->lock);
	if (r < 0) {
		free_vcpu(vcpu);
		goto out;
	}
	/* If it is killed, the VM goes with the task. */
	if (keel_ops.vcpu_created && !mutex_lock_killable(&vcpu->mutex)) {
		keel_vcpu_load(vcpu);
		keel_ops.vcpu_created(vcpu);
		keel_vcpu_put(vcpu);
		mutex_unlock(&vcpu->mutex);
	}
	keel_vcpu_debugfs_create(vcpu);
	return r;
out:
	mutex_lock(&vm->lock);
	vm->created_vcpus--;
	mutex_unlock(&vm->lock);
	return r;
}

void keel_destroy_vcpus(struct keel_vm *vm)
{
	struct keel_vcpu *vcpu;
	unsigned long i;

	xa_for_each(&vm->vcpus, i, vcpu)
		keel_apf_flush(vcpu);
	xa_for_each(&vm->vcpus, i, vcpu) {
		keel_ops.vcpu_destroy(vcpu);
		keel_s2_cache_free(&vm->s2[0], &vcpu->s2_cache);
		free_vcpu(vcpu);
	}
	xa_destroy(&vm->vcpus);
	atomic_set(&vm->online_vcpus, 0);
}

int keel_lock_all_vcpus(struct keel_vm *vm)
{
	struct keel_vcpu *vcpu;
	unsigned long i, j;

	lockdep_assert_held(&vm->lock);
	xa_for_each(&vm->vcpus, i, vcpu)
		if (!mutex_trylock(&vcpu->mutex))
			goto busy;
	return 0;
busy:
	xa_for_each(&vm->vcpus, j, vcpu) {
		if (j == i)
			break;
		mutex_unlock(&vcpu->mutex);
	}
	return -EBUSY;
}

void keel_unlock_all_vcpus(struct keel_vm *vm)
{
	struct keel_vcpu *vcpu;
	unsigned long i;

	xa_for_each(&vm->vcpus, i, vcpu)
		mutex_unlock(&vcpu->mutex);
}

static void free_masks(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		free_cpumask_var(per_cpu(kick_mask, cpu));
}

int keel_vcpu_setup(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		if (!zalloc_cpumask_var_node(&per_cpu(kick_mask, cpu), GFP_KERNEL,
					     cpu_to_node(cpu))) {
			free_masks();
			return -ENOMEM;
		}
	}
	preempt_notifier_inc();
	return 0;
}

void keel_vcpu_teardown(void)
{
	preempt_notifier_dec();
	free_masks();
}
