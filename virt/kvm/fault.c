// SPDX-License-Identifier: GPL-2.0-only
/* A guest's second-stage fault: slot, host page, second-stage leaf. */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <keel/async_pf.h>
#include <keel/dirty.h>
#include <keel/fault.h>
#include <keel/host_page.h>
#include <keel/stage2.h>
#include <keel/vcpu.h>
#include <keel/vm.h>

/* What resolve() says besides enum keel_fault_result: there is a translation now. */
#define FAULT_MAPPED	(KEEL_FAULT_USER + 1)

/*
 * The race with the MMU notifier. The sequence is read before the host page is looked up. An
 * invalidation that begins after that and takes the page away has, when we come to look under
 * mmu_lock, either ended, and counted the sequence up, or is still under way, and its range says
 * so. One that begins later waits for mmu_lock and finds our leaf.
 */
static unsigned long notifier_seq(const struct keel_vm *vm)
{
	unsigned long seq = READ_ONCE(vm->mn_seq);

	smp_rmb();	/* the host's tables are read after it */
	return seq;
}

/* mmu_lock held: may host addresses [@start, @end) have changed since @seq? */
static bool stale(const struct keel_vm *vm, unsigned long seq, unsigned long start,
		  unsigned long end)
{
	return vm->mn_seq != seq ||
	       (vm->mn_active && start < vm->mn_end && end > vm->mn_start);
}

/* Without mmu_lock, as a hint: is it of no use yet to look at @hva? */
static bool invalidating(const struct keel_vm *vm, unsigned long hva)
{
	return hva >= READ_ONCE(vm->mn_start) && hva < READ_ONCE(vm->mn_end);
}

static unsigned int level_order(const struct keel_s2 *s2, int level)
{
	return level ? keel_s2_level_shift(s2, level) - PAGE_SHIFT : 0;
}

int keel_block_level(struct keel_vm *vm, const struct keel_memslot *slot, u64 gfn,
		     unsigned int order)
{
	const struct keel_s2 *s2 = &vm->s2[slot->as_id];
	u64 offset = gfn - slot->base;
	u64 mask, before;
	int level;

	if (!order || keel_slot_logs(vm, slot))
		return 0;
	if (keel_ops.s2_max_order)
		order = min(order, keel_ops.s2_max_order(vm, gfn));
	for (level = s2->root_level; level > 0; level--) {
		if (level_order(s2, level) > order)
			continue;
		mask = (1ULL << level_order(s2, level)) - 1;
		before = gfn & mask;	/* frames of the block that precede this one */
		if (!((slot->base ^ (slot->hva >> PAGE_SHIFT)) & mask) && before <= offset &&
		    mask - before < slot->npages - offset)
			return level;
	}
	return 0;
}

/*
 * The guest can write without the host's page tables knowing. Told while mmu_lock keeps the page
 * from going away.
 */
static void host_page_dirtied(struct page *page)
{
	if (!PageDirty(page))
		set_page_dirty(page);
}

static int map_page(struct keel_vcpu *vcpu, struct keel_s2_fault *fault,
		    const struct keel_host_page *hp, unsigned long seq)
{
	struct keel_vm *vm = vcpu->vm;
	struct keel_s2 *s2 = &vm->s2[fault->as_id];
	u64 gfn = fault->gpa >> PAGE_SHIFT;
	unsigned long start, size;
	struct keel_s2_map map;
	bool logs = keel_slot_logs(vm, fault->slot);
	int ret;

	/* A page that is only read is not dirty: its first write has to be seen. */
	fault->writable = hp->writable && !(fault->slot->flags & KVM_MEM_READONLY) &&
			  (fault->write || !logs);
	fault->pfn = hp->pfn;
	fault->memtype = hp->device ? KEEL_S2_DEVICE : KEEL_S2_NORMAL;

	map.gfn = gfn;
	map.pfn = hp->pfn;
	map.memtype = fault->memtype;
	map.level = keel_block_level(vm, fault->slot, gfn, min(hp->order, fault->order));
	map.prot = KEEL_S2_R;
	/* Instruction fetches from a device, even speculative ones, may have side effects. */
	if (fault->exec || !(hp->device || fault->lazy_exec))
		map.prot |= KEEL_S2_X;
	if (fault->writable)
		map.prot |= KEEL_S2_W | (fault->write ? KEEL_S2_DIRTY : 0);
	fault->order = level_order(s2, map.level);
	size = PAGE_SIZE << fault->order;
	start = fault->hva & ~(size - 1);

	ret = keel_s2_cache_topup(s2, &vcpu->s2_cache);
	if (ret)
		return ret;

	read_lock(&vm->mmu_lock);
	if (stale(vm, seq, start, start + size)) {
		ret = KEEL_FAULT_RETRY;
		goto out;
	}
	if (keel_ops.page_mapped)
		keel_ops.page_mapped(vcpu, fault, hp->pfn);
	ret = s2->ops->map(s2, &vcpu->s2_cache, &map);
	if (ret < 0) {
		/* Lost a race, or the tables that were ready have been used up by several. */
		if (ret == -EAGAIN || ret == -ENOMEM)
			ret = KEEL_FAULT_RETRY;
		goto out;
	}
	if (ret == KEEL_S2_SPURIOUS)
		vcpu->stat.fault_spurious++;
	fault->order = level_order(s2, map.level);
	if (fault->writable) {
		if (hp->page)
			host_page_dirtied(hp->page);
		if (logs)
			keel_mark_dirty(vm, vcpu, fault->slot, gfn);
	}
	ret = FAULT_MAPPED;
out:
	read_unlock(&vm->mmu_lock);
	return ret;
}

/*
 * The dirty log has taken write permission from a page that the guest now writes again, most often.
 * While its leaf is there the host has not taken back anything: nothing has to be asked for again.
 */
static bool reopen(struct keel_vcpu *vcpu, const struct keel_s2_fault *fault, u64 gfn)
{
	struct keel_vm *vm = vcpu->vm;
	struct keel_s2 *s2 = &vm->s2[fault->as_id];
	bool done;

	read_lock(&vm->mmu_lock);
	done = s2->ops->reopen(s2, gfn);
	if (done)
		keel_mark_dirty(vm, vcpu, fault->slot, gfn);
	read_unlock(&vm->mmu_lock);
	return done;
}

/* User space has promised memory in the slot, and there is none. */
static int no_memory(struct keel_vcpu *vcpu, const struct keel_s2_fault *fault)
{
#ifdef KVM_EXIT_MEMORY_FAULT
	vcpu->run->exit_reason = KVM_EXIT_MEMORY_FAULT;
	vcpu->run->memory_fault.flags = 0;
	vcpu->run->memory_fault.gpa = fault->gpa & PAGE_MASK;
	vcpu->run->memory_fault.size = PAGE_SIZE;
	return KEEL_FAULT_USER;
#else
	return -EFAULT;
#endif
}

/* keel_host_fault_in(), but rather than wait for the page the guest may do something else. */
static int fault_in(struct keel_vcpu *vcpu, struct keel_s2_fault *fault,
		    struct keel_host_page *hp)
{
	struct mm_struct *mm = vcpu->vm->mm;
	int ret = -EAGAIN;

	if (!fault->no_async && keel_apf_possible(vcpu)) {
		ret = keel_host_fault_in(mm, fault->hva, fault->write, true, hp);
		if (ret == -EAGAIN &&
		    keel_apf_start(vcpu, fault->gpa, fault->hva, fault->write))
			return -EAGAIN;
	}
	if (ret == -EAGAIN)
		ret = keel_host_fault_in(mm, fault->hva, fault->write, false, hp);
	return ret;
}

/* vm->srcu held, so that the slot stays and whoever replaces it waits for our leaf. */
static int resolve(struct keel_vcpu *vcpu, struct keel_s2_fault *fault)
{
	struct keel_vm *vm = vcpu->vm;
	u64 gfn = fault->gpa >> PAGE_SHIFT;
	struct keel_host_page hp;
	unsigned long seq;
	int tries, ret;

	fault->slot = fault->as_id == vcpu->as_id ? keel_vcpu_slot(vcpu, gfn) :
						    keel_slot_find(vm, fault->as_id, gfn);
	if (!fault->slot || (fault->write && fault->slot->flags & KVM_MEM_READONLY)) {
		vcpu->stat.fault_mmio++;
		return KEEL_FAULT_MMIO;
	}
	if (fault->present && fault->write && keel_slot_logs(vm, fault->slot) &&
	    reopen(vcpu, fault, gfn))
		return FAULT_MAPPED;
	fault->hva = keel_slot_hva(fault->slot, gfn);

	for (tries = 0; tries < 3; tries++) {
		if (unlikely(READ_ONCE(vm->mn_active)) && invalidating(vm, fault->hva)) {
			cond_resched();
			break;
		}
		seq = notifier_seq(vm);
		if (likely(keel_host_peek(vm->mm, fault->hva, fault->write, &hp)))
			return map_page(vcpu, fault, &hp, seq);
		ret = fault_in(vcpu, fault, &hp);
		if (ret == -EAGAIN) {
			vcpu->stat.fault_async++;
			return KEEL_FAULT_ASYNC;
		}
		if (ret < 0)
			return ret;
		if (!ret)
			return map_page(vcpu, fault, &hp, seq);
	}
	/* The host is taking it away, or does so as fast as it comes. */
	return KEEL_FAULT_RETRY;
}

int keel_fault(struct keel_vcpu *vcpu, struct keel_s2_fault *fault)
{
	int idx, ret;

	vcpu->stat.faults++;
	idx = srcu_read_lock(&vcpu->vm->srcu);
	ret = resolve(vcpu, fault);
	srcu_read_unlock(&vcpu->vm->srcu, idx);

	switch (ret) {
	case FAULT_MAPPED:
		return KEEL_FAULT_RETRY;
	case -EFAULT:
		return no_memory(vcpu, fault);
	case -EHWPOISON:
		/* As if the thread had touched the page itself; the signal ends KVM_RUN. */
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)fault->hva, PAGE_SHIFT, current);
		return KEEL_FAULT_RETRY;
	default:
		return ret;
	}
}

int keel_fault_exit(struct keel_vcpu *vcpu, struct keel_s2_fault *fault)
{
	int r = keel_fault(vcpu, fault);

	switch (r) {
	case KEEL_FAULT_RETRY:
	case KEEL_FAULT_ASYNC:
		return 1;
	case KEEL_FAULT_USER:
		return -EFAULT;		/* kvm_run says where */
	case KEEL_FAULT_MMIO:
		return KEEL_EXIT_MMIO;
	default:
		return r;
	}
}

#ifdef KVM_PRE_FAULT_MEMORY
/* Return: bytes done from @gpa on, or an error. */
static long pre_fault_one(struct keel_vcpu *vcpu, u64 gpa)
{
	struct keel_s2_fault fault = {
		.gpa = gpa, .no_async = true, .as_id = vcpu->as_id, .order = U8_MAX,
	};
	int idx, ret;

	do {
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
		idx = srcu_read_lock(&vcpu->vm->srcu);
		ret = resolve(vcpu, &fault);
		srcu_read_unlock(&vcpu->vm->srcu, idx);
	} while (ret == KEEL_FAULT_RETRY);

	switch (ret) {
	case FAULT_MAPPED:
		return (gpa | ((PAGE_SIZE << fault.order) - 1)) + 1 - gpa;
	case KEEL_FAULT_MMIO:
		return -ENOENT;
	default:
		return ret;
	}
}

long keel_pre_fault(struct keel_vcpu *vcpu, struct kvm_pre_fault_memory *range)
{
	u64 whole = range->size, end;
	long ret = 0;
	u64 done;

	if (range->flags || memchr_inv(range->padding, 0, sizeof(range->padding)))
		return -EINVAL;
	if (!range->size || !PAGE_ALIGNED(range->gpa) || !PAGE_ALIGNED(range->size) ||
	    check_add_overflow(range->gpa, range->size, &end))
		return -EINVAL;

	while (range->size) {
		ret = pre_fault_one(vcpu, range->gpa);
		if (ret < 0)
			break;
		done = min_t(u64, ret, range->size);
		range->gpa += done;
		range->size -= done;
		ret = 0;
	}
	return range->size < whole ? 0 : ret;
}
#endif
