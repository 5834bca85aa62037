// SPDX-License-Identifier: GPL-2.0-only
/* Async page faults: the guest does something else while the host brings a page in. */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <keel/async_pf.h>
#include <keel/compat.h>
#include <keel/vcpu.h>
#include <keel/vm.h>
#include "trace.h"

/*
 * An item is on its vCPU's queue from start to end, and on the done list as well once the worker has finished
 * with it. Its work has a reference to the VM, and nobody ever waits for a work: what it waits for may be the
 * VMM's own to do (userfaultfd, FUSE), which a VMM that is being killed, or whose thread waits here, does not
 * do any more. Instead, an item that is given up while its work is under way is left to it.
 */
struct apf_item {
	struct work_struct work;
	struct list_head queue, done;
	struct keel_vcpu *vcpu;
	unsigned long hva;
	u64 gfn;
	u32 token;
	bool write;
	bool given_up;			/* under apf.lock */
};

/* "All pages are present": what waits for a page that was asked for in another host wakes. */
#define TOKEN_ALL	(~0u)

static struct kmem_cache *apf_items;
static struct workqueue_struct *apf_workers;

int keel_apf_setup(void)
{
	apf_items = kmem_cache_create("keel_apf", sizeof(struct apf_item), 0, SLAB_ACCOUNT,
				      NULL);
	if (!apf_items)
		return -ENOMEM;
	apf_workers = alloc_workqueue("keel_apf", WQ_UNBOUND, 0);
	if (!apf_workers) {
		kmem_cache_destroy(apf_items);
		return -ENOMEM;
	}
	return 0;
}

void keel_apf_teardown(void)
{
	destroy_workqueue(apf_workers);
	kmem_cache_destroy(apf_items);
}

void keel_apf_init(struct keel_vcpu *vcpu)
{
	INIT_LIST_HEAD(&vcpu->apf.queue);
	INIT_LIST_HEAD(&vcpu->apf.done);
	spin_lock_init(&vcpu->apf.lock);
}

static void item_free(struct apf_item *item)
{
	struct keel_apf *apf = &item->vcpu->apf;

	spin_lock(&apf->lock);
	apf->queued--;
	spin_unlock(&apf->lock);
	kmem_cache_free(apf_items, item);
}

static void complete_item(struct apf_item *item)
{
	struct keel_vcpu *vcpu = item->vcpu;
	bool given_up;

	spin_lock(&vcpu->apf.lock);
	given_up = item->given_up;
	if (!given_up)
		list_add_tail(&item->done, &vcpu->apf.done);
	spin_unlock(&vcpu->apf.lock);
	if (given_up)
		item_free(item);
	else	/* the item may be gone */
		keel_request_kick(vcpu, KEEL_REQ_APF);
}

static void apf_work(struct work_struct *work)
{
	struct apf_item *item = container_of(work, struct apf_item, work);
	struct keel_vm *vm = item->vcpu->vm;
	struct mm_struct *mm = vm->mm;
	int locked = 1;

	/*
	 * Whether it works out does not matter: the guest touches the page again, and if it is
	 * still not there the fault says why.
	 */
	if (mmget_not_zero(mm)) {
		mmap_read_lock(mm);
		keel_gup_remote(mm, item->hva, item->write ? FOLL_WRITE : 0, &locked);
		if (locked)
			mmap_read_unlock(mm);
		mmput(mm);
	}
	trace_kvm_async_pf_completed(item->hva, item->gfn << PAGE_SHIFT);
	complete_item(item);
	keel_vm_put(vm);
}

static struct apf_item *item_new(struct keel_vcpu *vcpu)
{
	/* The fault can wait for the page as well as for memory. */
	struct apf_item *item = kmem_cache_zalloc(apf_items, GFP_NOWAIT | __GFP_NOWARN);

	if (!item)
		return NULL;
	item->vcpu = vcpu;
	INIT_LIST_HEAD(&item->done);
	INIT_WORK(&item->work, apf_work);
	return item;
}

static void enqueue(struct keel_vcpu *vcpu, struct apf_item *item)
{
	list_add_tail(&item->queue, &vcpu->apf.queue);
	spin_lock(&vcpu->apf.lock);
	vcpu->apf.queued++;
	spin_unlock(&vcpu->apf.lock);
}

bool keel_apf_possible(struct keel_vcpu *vcpu)
{
	return keel_ops.apf_not_present && READ_ONCE(vcpu->apf.queued) < KEEL_APF_MAX &&
	       keel_ops.apf_can_notify(vcpu);
}

/* Never 0 and never "all", which mean something else to guests. */
static u32 new_token(struct keel_vcpu *vcpu)
{
	u32 token;

	do {
		token = ++vcpu->apf.id << 12 | (vcpu->id & 0xfff);
	} while (!(token >> 12) || token == TOKEN_ALL);
	return token;
}

bool keel_apf_start(struct keel_vcpu *vcpu, u64 gpa, unsigned long hva, bool write)
{
	struct apf_item *item;

	if (!keel_apf_possible(vcpu))
		return false;
	trace_kvm_try_async_get_page(gpa, gpa >> PAGE_SHIFT);
	/* One task of the guest waits for it already: a second one waits here. */
	list_for_each_entry(item, &vcpu->apf.queue, queue)
		if (item->gfn == gpa >> PAGE_SHIFT && item->token != TOKEN_ALL)
			return false;

	item = item_new(vcpu);
	if (!item)
		return false;
	item->gfn = gpa >> PAGE_SHIFT;
	item->hva = hva & PAGE_MASK;
	item->write = write;
	item->token = new_token(vcpu);
	if (!keel_ops.apf_not_present(vcpu, item->token)) {
		kmem_cache_free(apf_items, item);
		return false;
	}
	trace_kvm_async_pf_not_present(item->token, gpa);
	enqueue(vcpu, item);
	keel_vm_get(vcpu->vm);
	queue_work(apf_workers, &item->work);
	return true;
}

static struct apf_item *take_done(struct keel_vcpu *vcpu)
{
	struct keel_apf *apf = &vcpu->apf;
	struct apf_item *item;

	spin_lock(&apf->lock);
	item = list_first_entry_or_null(&apf->done, struct apf_item, done);
	if (item)
		list_del_init(&item->done);
	spin_unlock(&apf->lock);
	return item;
}

bool keel_apf_has_done(struct keel_vcpu *vcpu)
{
	return !list_empty_careful(&vcpu->apf.done) && keel_ops.apf_can_complete(vcpu);
}

void keel_apf_deliver(struct keel_vcpu *vcpu)
{
	struct apf_item *item;

	while (keel_apf_has_done(vcpu)) {
		item = take_done(vcpu);
		if (!keel_ops.apf_present(vcpu, item->token)) {
			/* The guest's area is not there for the moment: with the next kick again. */
			spin_lock(&vcpu->apf.lock);
			list_add(&item->done, &vcpu->apf.done);
			spin_unlock(&vcpu->apf.lock);
			break;
		}
		trace_kvm_async_pf_ready(item->token, item->gfn << PAGE_SHIFT);
		list_del(&item->queue);
		item_free(item);
	}
}

/* Is the item's work not under way, and will not be? Otherwise the item is the work's from now on. */
static bool take_back(struct keel_vcpu *vcpu, struct apf_item *item)
{
	bool ours;

	if (cancel_work(&item->work)) {
		keel_vm_put(vcpu->vm);	/* not the last one: our caller's vCPU keeps the VM */
		return true;
	}
	spin_lock(&vcpu->apf.lock);
	ours = !list_empty(&item->done);
	if (ours)
		list_del_init(&item->done);
	else
		item->given_up = true;
	spin_unlock(&vcpu->apf.lock);
	return ours;
}

void keel_apf_flush(struct keel_vcpu *vcpu)
{
	struct apf_item *item, *next;

	list_for_each_entry_safe(item, next, &vcpu->apf.queue, queue) {
		list_del(&item->queue);
		if (take_back(vcpu, item))
			item_free(item);
	}
}

int keel_apf_wake_all(struct keel_vcpu *vcpu)
{
	struct apf_item *item;

	if (!keel_ops.apf_not_present || !list_empty_careful(&vcpu->apf.done))
		return 0;
	item = item_new(vcpu);
	if (!item)
		return -ENOMEM;
	item->token = TOKEN_ALL;
	enqueue(vcpu, item);
	complete_item(item);
	return 0;
}
