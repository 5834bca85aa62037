// SPDX-License-Identifier: GPL-2.0-only
/* irqfd: an eventfd that raises an interrupt line, with resampling for level-triggered lines. */
#include <linux/errno.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <keel/compat.h>
#include <keel/vcpu.h>

/*
 * Life of an irqfd. While it is in vm->irq.fds it is active. Who takes it out there (deassign, the
 * end of the VM, or the end of the eventfd), under fds_lock, queues @shutdown, and nobody else may
 * touch it any more: @shutdown takes it apart, in a workqueue of its own, because the end of an
 * eventfd is told in atomic context. fds_mutex keeps @shutdown away from one that is still
 * being assigned.
 *
 * Locks: fds_mutex -> irq.lock; the eventfd's wait-queue lock -> fds_lock.
 */
struct irqfd {
	struct keel_vm *vm;
	struct list_head link;		/* vm->irq.fds */
	struct eventfd_ctx *ctx;
	u32 gsi;
	u64 count;			/* of events, which nobody wants to know */
	wait_queue_entry_t wait;
	poll_table poll;
	struct work_struct inject;	/* where the routes want a context that may sleep */
	struct work_struct shutdown;

	/* With KVM_IRQFD_FLAG_RESAMPLE only. */
	struct resampler *resampler;
	struct list_head sibling;	/* resampler->irqfds */
	struct eventfd_ctx *resample_ctx;
};

/*
 * All resampling irqfds of one GSI. The line stays up until the guest acknowledges it; then it
 * is dropped and every irqfd's user is asked whether its device still wants the interrupt.
 */
struct resampler {
	struct keel_vm *vm;
	struct list_head link;		/* vm->irq.resamplers */
	struct list_head irqfds;	/* changed under fds_mutex, read under vm->srcu */
	struct keel_irq_ack ack;
};

static struct workqueue_struct *shutdown_wq;

/* --- resampling ------------------------------------------------------------------------ */

/* The guest's acknowledge: vm->srcu held, no sleep. */
static void resample(struct keel_irq_ack *ack)
{
	struct resampler *resampler = container_of(ack, struct resampler, ack);
	struct keel_vm *vm = resampler->vm;
	struct irqfd *irqfd;

	keel_set_irq(vm, KEEL_IRQ_SOURCE_RESAMPLE, ack->gsi, 0, false);
	list_for_each_entry_srcu(irqfd, &resampler->irqfds, sibling,
				 srcu_read_lock_held(&vm->srcu))
		keel_eventfd_signal(irqfd->resample_ctx);
}

static int resampler_join(struct irqfd *irqfd)
{
	struct keel_vm *vm = irqfd->vm;
	struct resampler *resampler;

	list_for_each_entry(resampler, &vm->irq.resamplers, link)
		if (resampler->ack.gsi == irqfd->gsi)
			goto found;
	resampler = kzalloc(sizeof(*resampler), GFP_KERNEL_ACCOUNT);
	if (!resampler)
		return -ENOMEM;
	resampler->vm = vm;
	INIT_LIST_HEAD(&resampler->irqfds);
	resampler->ack.gsi = irqfd->gsi;
	resampler->ack.acked = resample;
	list_add(&resampler->link, &vm->irq.resamplers);
	keel_irq_ack_register(vm, &resampler->ack);
found:
	list_add_rcu(&irqfd->sibling, &resampler->irqfds);
	irqfd->resampler = resampler;
	return 0;
}

static void resampler_leave(struct irqfd *irqfd)
{
	struct resampler *resampler = irqfd->resampler;
	struct keel_vm *vm = irqfd->vm;

	list_del_rcu(&irqfd->sibling);
	synchronize_srcu_expedited(&vm->srcu);
	if (!list_empty(&resampler->irqfds))
		return;
	list_del(&resampler->link);
	keel_irq_ack_unregister(vm, &resampler->ack);
	/* Nobody is left who could drop the line. */
	keel_set_irq(vm, KEEL_IRQ_SOURCE_RESAMPLE, irqfd->gsi, 0, false);
	kfree(resampler);
}

/* --- events ---------------------------------------------------------------------------- */

static void inject_work(struct work_struct *work)
{
	struct irqfd *irqfd = container_of(work, struct irqfd, inject);

	if (irqfd->resampler) {
		keel_set_irq(irqfd->vm, KEEL_IRQ_SOURCE_RESAMPLE, irqfd->gsi, 1, false);
		return;
	}
	keel_set_irq(irqfd->vm, KEEL_IRQ_SOURCE_USER, irqfd->gsi, 1, false);
	keel_set_irq(irqfd->vm, KEEL_IRQ_SOURCE_USER, irqfd->gsi, 0, false);
}

static void inject(struct irqfd *irqfd)
{
	if (irqfd->resampler ||
	    keel_pulse_irq_atomic(irqfd->vm, KEEL_IRQ_SOURCE_USER, irqfd->gsi) == -EWOULDBLOCK)
		schedule_work(&irqfd->inject);
}

/* fds_lock held. Only the one that deactivates an irqfd gets here for it. */
static void deactivate(struct irqfd *irqfd)
{
	list_del_init(&irqfd->link);
	queue_work(shutdown_wq, &irqfd->shutdown);
}

static void closed(struct irqfd *irqfd)
{
	struct keel_irq *irq = &irqfd->vm->irq;
	unsigned long irqs;

	spin_lock_irqsave(&irq->fds_lock, irqs);
	if (!list_empty(&irqfd->link))
		deactivate(irqfd);
	spin_unlock_irqrestore(&irq->fds_lock, irqs);
}

/* Somebody wrote to the eventfd, or it is closed. Its wait-queue lock is held, IRQs are off. */
static int event(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	__poll_t flags = key_to_poll(key);
	int taken = 0;

	if (flags & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->ctx, &irqfd->count);
		inject(irqfd);
		taken = 1;	/* nobody after us needs to be woken */
	}
	if (unlikely(flags & EPOLLHUP))
		closed(irqfd);
	return taken;
}

static void wait_on(struct file *file, wait_queue_head_t *head, poll_table *poll)
{
	struct irqfd *irqfd = container_of(poll, struct irqfd, poll);

	/* Before readers in user space: an event that became an interrupt is nobody else's. */
	add_wait_queue_priority(head, &irqfd->wait);
}

static void shutdown_work(struct work_struct *work)
{
	struct irqfd *irqfd = container_of(work, struct irqfd, shutdown);
	struct keel_vm *vm = irqfd->vm;
	u64 count;

	mutex_lock(&vm->irq.fds_mutex);
	eventfd_ctx_remove_wait_queue(irqfd->ctx, &irqfd->wait, &count);
	/* No new event from here on; one may still be on its way. */
	flush_work(&irqfd->inject);
	if (irqfd->resampler)
		resampler_leave(irqfd);
	mutex_unlock(&vm->irq.fds_mutex);
	if (irqfd->resample_ctx)
		eventfd_ctx_put(irqfd->resample_ctx);
	eventfd_ctx_put(irqfd->ctx);
	kfree(irqfd);
}

/* --- KVM_IRQFD ------------------------------------------------------------------------- */

/* One eventfd raises one line of a VM: its counter can be read once only. */
static int activate(struct irqfd *irqfd)
{
	struct keel_irq *irq = &irqfd->vm->irq;
	struct irqfd *other;
	int ret = 0;

	spin_lock_irq(&irq->fds_lock);
	list_for_each_entry(other, &irq->fds, link)
		if (other->ctx == irqfd->ctx)
			ret = -EBUSY;
	if (!ret)
		list_add_tail(&irqfd->link, &irq->fds);
	spin_unlock_irq(&irq->fds_lock);
	return ret;
}

/* fds_mutex held. */
static int start(struct irqfd *irqfd, struct file *file)
{
	int ret;

	if (irqfd->resample_ctx) {
		ret = resampler_join(irqfd);
		if (ret)
			return ret;
	}
	ret = activate(irqfd);
	if (ret) {
		if (irqfd->resampler)
			resampler_leave(irqfd);
		return ret;
	}
	/* From here on it goes by shutdown_work() only, which waits for fds_mutex. */
	if (vfs_poll(file, &irqfd->poll) & EPOLLIN)
		schedule_work(&irqfd->inject);	/* an event from before */
	return 0;
}

static int assign(struct keel_vm *vm, const struct kvm_irqfd *args)
{
	bool resampling = args->flags & KVM_IRQFD_FLAG_RESAMPLE;
	struct irqfd *irqfd;
	struct file *file;
	int ret;

	if (keel_ops.irqchip_ready && !keel_ops.irqchip_ready(vm))
		return -EINVAL;
	if (resampling && keel_ops.irq_can_ack && !keel_ops.irq_can_ack(vm))
		return -EINVAL;
	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd)
		return -ENOMEM;
	irqfd->vm = vm;
	irqfd->gsi = args->gsi;
	INIT_LIST_HEAD(&irqfd->link);
	INIT_WORK(&irqfd->inject, inject_work);
	INIT_WORK(&irqfd->shutdown, shutdown_work);
	init_waitqueue_func_entry(&irqfd->wait, event);
	init_poll_funcptr(&irqfd->poll, wait_on);

	file = fget(args->fd);
	if (!file) {
		ret = -EBADF;
		goto err_free;
	}
	irqfd->ctx = eventfd_ctx_fileget(file);
	if (IS_ERR(irqfd->ctx)) {
		ret = PTR_ERR(irqfd->ctx);
		goto err_file;
	}
	if (resampling) {
		irqfd->resample_ctx = eventfd_ctx_fdget(args->resamplefd);
		if (IS_ERR(irqfd->resample_ctx)) {
			ret = PTR_ERR(irqfd->resample_ctx);
			goto err_ctx;
		}
	}
	mutex_lock(&vm->irq.fds_mutex);
	ret = start(irqfd, file);
	mutex_unlock(&vm->irq.fds_mutex);
	if (!ret) {
		fput(file);	/* the eventfd may end now: event() is told */
		return 0;
	}
	if (irqfd->resample_ctx)
		eventfd_ctx_put(irqfd->resample_ctx);
err_ctx:
	eventfd_ctx_put(irqfd->ctx);
err_file:
	fput(file);
err_free:
	kfree(irqfd);
	return ret;
}

/* @ctx NULL: all. When it returns none of them raises anything any more. */
static void deassign(struct keel_vm *vm, struct eventfd_ctx *ctx, u32 gsi)
{
	struct irqfd *irqfd, *next;

	spin_lock_irq(&vm->irq.fds_lock);
	list_for_each_entry_safe(irqfd, next, &vm->irq.fds, link)
		if (!ctx || (irqfd->ctx == ctx && irqfd->gsi == gsi))
			deactivate(irqfd);
	spin_unlock_irq(&vm->irq.fds_lock);
	/* Also those that others have deactivated, just before. */
	flush_workqueue(shutdown_wq);
}

/**
 * keel_irqfd - KVM_IRQFD
 * @vm: the VM
 * @args: user space's, copied
 *
 * Return: 0, -EINVAL, -EBADF, -EBUSY (the eventfd already raises a line), -ENOMEM.
 */
int keel_irqfd(struct keel_vm *vm, const struct kvm_irqfd *args)
{
	struct eventfd_ctx *ctx;

	if (!keel_ops.irq_route_set)
		return -ENOTTY;
	if (args->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE) ||
	    args->gsi >= KEEL_MAX_GSI || memchr_inv(args->pad, 0, sizeof(args->pad)))
		return -EINVAL;
	if (!(args->flags & KVM_IRQFD_FLAG_DEASSIGN))
		return assign(vm, args);
	ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	deassign(vm, ctx, args->gsi);
	eventfd_ctx_put(ctx);
	return 0;
}

void keel_irqfd_destroy(struct keel_vm *vm)
{
	deassign(vm, NULL, 0);
}

int keel_irqfd_setup(void)
{
	shutdown_wq = alloc_workqueue("keel-irqfd", 0, 0);
	return shutdown_wq ? 0 : -ENOMEM;
}

void keel_irqfd_teardown(void)
{
	destroy_workqueue(shutdown_wq);
}
