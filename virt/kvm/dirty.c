// SPDX-License-Identifier: GPL-2.0-only
/* The dirty bitmap: mark, collect, clear. */
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <keel/dirty.h>
#include <keel/fault.h>
#include <keel/vcpu.h>
#include <keel/vm.h>
#include "dirty_ring.h"

/*
 * Second-stage leaves become writable before their frame is marked, both under mmu_lock, and are
 * write-protected after their mark was taken, under mmu_lock too, all in parallel under the
 * read lock. So a frame that is writable is marked, or will be in a moment, or its mark
 * has been taken and its write permission goes before the collecting ioctl returns.
 */

/* Words of a bitmap that are worked on at a time, without a look at the scheduler. */
#define CHUNK 64

static unsigned long nr_words(const struct keel_memslot *slot)
{
	return BITS_TO_LONGS(slot->npages);
}

/* User space sees a bitmap in little endian, whatever the host is. */
static u64 word_mask(unsigned long word)
{
	return le64_to_cpu((__force __le64)word);
}

static unsigned long mask_word(u64 mask)
{
	return (__force unsigned long)cpu_to_le64(mask);
}

int keel_dirty_bitmap_alloc(struct keel_vm *vm, struct keel_memslot *slot)
{
	unsigned long bytes = nr_words(slot) * sizeof(long);
	unsigned long full = slot->npages / BITS_PER_LONG;
	unsigned long rest = slot->npages % BITS_PER_LONG;

	BUILD_BUG_ON(BITS_PER_LONG != 64);
	if (READ_ONCE(vm->dirty_ring_entries) && !READ_ONCE(vm->dirty_ring_with_bitmap))
		return 0;
	slot->dirty = kvzalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!slot->dirty)
		return -ENOMEM;
	if (vm->manual_dirty_log & KVM_DIRTY_LOG_INITIALLY_SET) {
		memset(slot->dirty, 0xff, full * sizeof(long));
		if (rest)
			slot->dirty[full] = mask_word((1ULL << rest) - 1);
	}
	return 0;
}

void keel_dirty_bitmap_free(struct keel_memslot *slot)
{
	kvfree(slot->dirty);
	slot->dirty = NULL;
}

void keel_mark_dirty(struct keel_vm *vm, struct keel_vcpu *vcpu, struct keel_memslot *slot,
		     u64 gfn)
{
	u64 offset = gfn - slot->base;

	if (!keel_slot_logs(vm, slot))
		return;
	if (vm->dirty_ring_entries && keel_dirty_ring_mark(vm, vcpu, slot, offset))
		return;
	/* Most frames that are written are marked already: leave the cache line shared then. */
	if (slot->dirty && !test_bit_le(offset, slot->dirty))
		set_bit_le(offset, slot->dirty);
}

/* slots_lock held. */
static int logging_slot(struct keel_vm *vm, u32 id, struct keel_memslot **found)
{
	struct keel_memslot *slot;

	if (vm->dirty_ring_entries && !vm->dirty_ring_with_bitmap)
		return -ENXIO;
	if (id >> 16 >= keel_ops.nr_aspaces || (id & 0xffff) >= KEEL_MAX_SLOTS)
		return -EINVAL;
	slot = keel_slot_by_id(vm, id);
	if (!slot || !slot->dirty)
		return -ENOENT;
	*found = slot;
	return 0;
}

/*
 * Take the marks of a chunk of words into @taken and write-protect these frames. With @only, take
 * no more than it names. Return: true if a flush is due. That can wait until the end of
 * the ioctl: what a CPU still writes meanwhile is part of what user space is told about.
 */
static bool collect(struct keel_vm *vm, struct keel_memslot *slot, unsigned long word,
		    unsigned int nr, unsigned long *taken, const unsigned long *only)
{
	bool flush = false;
	unsigned int i;

	read_lock(&vm->mmu_lock);
	for (i = 0; i < nr; i++) {
		unsigned long *p = &slot->dirty[word + i];

		taken[i] = READ_ONCE(*p);
		if (only)
			taken[i] &= only[i];
		if (!taken[i])
			continue;
		if (only)
			taken[i] &= atomic_long_fetch_andnot(taken[i], (atomic_long_t *)p);
		else
			taken[i] = xchg(p, 0);
		flush |= keel_wrprotect_mask(vm, slot, (word + i) * 64, word_mask(taken[i]));
	}
	read_unlock(&vm->mmu_lock);
	return flush;
}

static int get_and_protect(struct keel_vm *vm, struct keel_memslot *slot,
			   unsigned long __user *bitmap)
{
	unsigned long taken[CHUNK];
	unsigned long word, words = nr_words(slot);
	bool flush = false;
	unsigned int nr, i;
	int ret = 0;

	for (word = 0; word < words; word += nr) {
		nr = min_t(unsigned long, words - word, CHUNK);
		flush |= collect(vm, slot, word, nr, taken, NULL);
		if (copy_to_user(bitmap + word, taken, nr * sizeof(long))) {
			/* User space does not know of these: they stay marked. */
			for (i = 0; i < nr; i++)
				atomic_long_or(taken[i], (atomic_long_t *)&slot->dirty[word + i]);
			ret = -EFAULT;
			break;
		}
		cond_resched();
	}
	if (flush)
		keel_flush_slot(vm, slot);
	return ret;
}

int keel_get_dirty_log(struct keel_vm *vm, const struct kvm_dirty_log *log)
{
	struct keel_memslot *slot;
	int ret;

	mutex_lock(&vm->slots_lock);
	ret = logging_slot(vm, log->slot, &slot);
	if (ret)
		goto out;
	if (!vm->manual_dirty_log)
		ret = get_and_protect(vm, slot, log->dirty_bitmap);
	else if (copy_to_user(log->dirty_bitmap, slot->dirty, nr_words(slot) * sizeof(long)))
		ret = -EFAULT;
out:
	mutex_unlock(&vm->slots_lock);
	return ret;
}

int keel_clear_dirty_log(struct keel_vm *vm, const struct kvm_clear_dirty_log *log)
{
	const unsigned long __user *bitmap = log->dirty_bitmap;
	unsigned long only[CHUNK], taken[CHUNK];
	unsigned long word, done, words;
	struct keel_memslot *slot;
	bool flush = false;
	unsigned int nr;
	int ret;

	if (log->first_page & 63)
		return -EINVAL;

	mutex_lock(&vm->slots_lock);
	ret = logging_slot(vm, log->slot, &slot);
	if (ret)
		goto out;
	ret = -EINVAL;
	if (log->first_page > slot->npages || log->num_pages > slot->npages - log->first_page)
		goto out;
	/* Whole words, but for the last one of the slot. */
	if (log->num_pages & 63 && log->num_pages != slot->npages - log->first_page)
		goto out;

	ret = 0;
	word = log->first_page / 64;
	words = DIV_ROUND_UP(log->num_pages, 64);
	for (done = 0; done < words; done += nr) {
		nr = min_t(unsigned long, words - done, CHUNK);
		if (copy_from_user(only, bitmap + done, nr * sizeof(long))) {
			ret = -EFAULT;
			break;
		}
		flush |= collect(vm, slot, word + done, nr, taken, only);
		cond_resched();
	}
	if (flush)
		keel_flush_slot(vm, slot);
out:
	mutex_unlock(&vm->slots_lock);
	return ret;
}
