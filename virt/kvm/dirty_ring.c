// SPDX-License-Identifier: GPL-2.0-only
/* Dirty rings: each vCPU tells user space the frames it wrote, in order. */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <keel/dirty.h>
#include <keel/fault.h>
#include <keel/vcpu.h>
#include <keel/vm.h>
#include "dirty_ring.h"
#include "trace.h"

/*
 * The ring's memory is user space's to write. Of what stands there only the RESET flag is
 * believed, and slot and offset after they have been looked up; where the ring begins and ends
 * is kept here.
 * An entry goes: empty -> DIRTY (the vCPU) -> RESET (user space) -> empty (the reset ioctl).
 */

#define RING_MAX_ENTRIES	65536
/* What one trip into the guest may still mark after the soft limit was seen. */
#define RING_RESERVE		64

int keel_dirty_ring_max(void)
{
	return KVM_DIRTY_LOG_PAGE_OFFSET ? RING_MAX_ENTRIES * sizeof(struct kvm_dirty_gfn) : 0;
}

int keel_enable_dirty_ring(struct keel_vm *vm, u32 bytes)
{
	if (!keel_dirty_ring_max())
		return -EINVAL;
	if (!is_power_of_2(bytes) || bytes < PAGE_SIZE ||
	    bytes <= RING_RESERVE * sizeof(struct kvm_dirty_gfn))
		return -EINVAL;
	if (bytes > RING_MAX_ENTRIES * sizeof(struct kvm_dirty_gfn))
		return -E2BIG;
	if (vm->dirty_ring_entries || vm->created_vcpus)
		return -EINVAL;
	WRITE_ONCE(vm->dirty_ring_entries, bytes / sizeof(struct kvm_dirty_gfn));
	return 0;
}

int keel_enable_dirty_ring_bitmap(struct keel_vm *vm)
{
	int ret = -EINVAL;

	if (!vm->dirty_ring_entries)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	/* Slots that log already have no bitmap. */
	if (keel_slots_empty(vm)) {
		WRITE_ONCE(vm->dirty_ring_with_bitmap, true);
		ret = 0;
	}
	mutex_unlock(&vm->slots_lock);
	return ret;
}

int keel_dirty_ring_init(struct keel_vcpu *vcpu)
{
	struct keel_dirty_ring *ring = &vcpu->dirty_ring;
	u32 entries = vcpu->vm->dirty_ring_entries;

	if (!entries)
		return 0;
	ring->gfns = __vmalloc(entries * sizeof(*ring->gfns), GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!ring->gfns)
		return -ENOMEM;
	ring->size = entries;
	ring->soft_limit = entries - RING_RESERVE;
	return 0;
}

void keel_dirty_ring_destroy(struct keel_vcpu *vcpu)
{
	struct keel_dirty_ring *ring = &vcpu->dirty_ring;

	vfree(ring->gfns);
	ring->gfns = NULL;
	ring->size = 0;
}

bool keel_dirty_ring_full(struct keel_vcpu *vcpu)
{
	struct keel_dirty_ring *ring = &vcpu->dirty_ring;

	return ring->size && ring->head - READ_ONCE(ring->tail) >= ring->soft_limit;
}

struct page *keel_dirty_ring_page(struct keel_vcpu *vcpu, unsigned long pgoff)
{
	struct keel_dirty_ring *ring = &vcpu->dirty_ring;

	if (pgoff >= ring->size * sizeof(*ring->gfns) / PAGE_SIZE)
		return NULL;
	return vmalloc_to_page((void *)ring->gfns + pgoff * PAGE_SIZE);
}

static bool ring_push(struct keel_vcpu *vcpu, const struct keel_memslot *slot, u64 offset)
{
	struct keel_dirty_ring *ring = &vcpu->dirty_ring;
	u32 used = ring->head - READ_ONCE(ring->tail);
	struct kvm_dirty_gfn *entry;

	if (used < ring->size) {
		entry = &ring->gfns[ring->head & (ring->size - 1)];
		trace_kvm_dirty_ring_push(vcpu->idx, ring->head, ring->head - used, slot->id, offset);
		WRITE_ONCE(entry->slot, (u32)slot->as_id << 16 | slot->id);
		WRITE_ONCE(entry->offset, offset);
		smp_store_release(&entry->flags, KVM_DIRTY_GFN_F_DIRTY);
		/* Pairs with the acquire in ring_reset(). */
		smp_store_release(&ring->head, ring->head + 1);
	}
	if (used + 1 >= ring->soft_limit && !keel_request_pending(vcpu, KEEL_REQ_DIRTY_RING))
		keel_request(vcpu, KEEL_REQ_DIRTY_RING);
	return used < ring->size;
}

bool keel_dirty_ring_mark(struct keel_vm *vm, struct keel_vcpu *vcpu,
			  const struct keel_memslot *slot, u64 offset)
{
	bool done = false;

	/* The thread may mark frames when it is scheduled out, too: not in the middle of another. */
	preempt_disable();
	if (!vcpu)
		vcpu = keel_this_vcpu();
	if (vcpu && vcpu->vm == vm)
		done = ring_push(vcpu, slot, offset);
	preempt_enable();
	return done;
}

/* Frames of one slot, 64 at most, that are to be write-protected together. */
struct batch {
	u32 slot;
	u64 offset;
	u64 mask;
};

/* Return: true if a flush is due. */
static bool batch_protect(struct keel_vm *vm, struct batch *batch)
{
	struct keel_memslot *slot = keel_slot_by_id(vm, batch->slot);
	u64 mask = batch->mask;
	bool flush;

	batch->mask = 0;
	if (!mask || !slot || batch->offset >= slot->npages)
		return false;
	if (slot->npages - batch->offset < 64)
		mask &= (1ULL << (slot->npages - batch->offset)) - 1;
	read_lock(&vm->mmu_lock);
	flush = keel_wrprotect_mask(vm, slot, batch->offset, mask);
	read_unlock(&vm->mmu_lock);
	return flush;
}

/* One round at most: a vCPU that goes on filling its ring must not keep us here. */
static long ring_reset(struct keel_vm *vm, struct keel_vcpu *vcpu, bool *flush)
{
	struct keel_dirty_ring *ring = &vcpu->dirty_ring;
	struct batch batch = {};
	long nr = 0;

	while (nr < ring->size && ring->tail != smp_load_acquire(&ring->head)) {
		struct kvm_dirty_gfn *entry = &ring->gfns[ring->tail & (ring->size - 1)];
		u32 slot;
		u64 offset;

		/* User space has read the entry before it set the flag. */
		if (!(smp_load_acquire(&entry->flags) & KVM_DIRTY_GFN_F_RESET))
			break;
		slot = READ_ONCE(entry->slot);
		offset = READ_ONCE(entry->offset);
		WRITE_ONCE(entry->flags, 0);
		/* The entry is the vCPU's again. */
		smp_store_release(&ring->tail, ring->tail + 1);
		nr++;

		/* Guests often write frames in sequence. */
		if (slot != batch.slot || offset / 64 != batch.offset / 64) {
			*flush |= batch_protect(vm, &batch);
			batch.slot = slot;
			batch.offset = offset & ~63ULL;
		}
		batch.mask |= 1ULL << (offset & 63);
		cond_resched();
	}
	*flush |= batch_protect(vm, &batch);
	trace_kvm_dirty_ring_reset(vcpu->idx, READ_ONCE(ring->head), ring->tail);
	return nr;
}

long keel_dirty_rings_reset(struct keel_vm *vm)
{
	struct keel_vcpu *vcpu;
	unsigned long i;
	bool flush = false;
	long nr = 0;

	if (!vm->dirty_ring_entries)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	keel_for_each_vcpu(i, vcpu, vm)
		if (vcpu->dirty_ring.size)
			nr += ring_reset(vm, vcpu, &flush);
	/* Frames of any slot may be among them. */
	if (flush)
		keel_flush_all(vm);
	mutex_unlock(&vm->slots_lock);
	return nr;
}
