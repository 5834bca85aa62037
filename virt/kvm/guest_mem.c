// SPDX-License-Identifier: GPL-2.0-only
/* The host's access to guest memory, by guest physical address. */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/srcu.h>
#include <linux/uaccess.h>
#include <keel/compat.h>
#include <keel/dirty.h>
#include <keel/guest_mem.h>
#include <keel/vcpu.h>
#include <keel/vm.h>

enum access { READ_MEM, READ_MEM_ATOMIC, WRITE_MEM, CLEAR_MEM };

static bool read_only(const struct keel_memslot *slot)
{
	return slot->flags & KVM_MEM_READONLY;
}

static struct keel_memslot *find(struct keel_vm *vm, struct keel_vcpu *vcpu, u64 gfn)
{
	return vcpu ? keel_vcpu_slot(vcpu, gfn) : keel_slot_find(vm, 0, gfn);
}

static unsigned long hva_of(const struct keel_memslot *slot, u64 gpa)
{
	return keel_slot_hva(slot, gpa >> PAGE_SHIFT) + offset_in_page(gpa);
}

static void mark_range(struct keel_vm *vm, struct keel_vcpu *vcpu, struct keel_memslot *slot,
		       u64 gpa, unsigned long len)
{
	u64 gfn;

	if (!keel_slot_logs(vm, slot))
		return;
	for (gfn = gpa >> PAGE_SHIFT; gfn <= (gpa + len - 1) >> PAGE_SHIFT; gfn++)
		keel_mark_dirty(vm, vcpu, slot, gfn);
}

/* One piece of host memory. Return: true if any of it could not be accessed. */
static __always_inline bool copy(enum access how, unsigned long hva, void *data, unsigned long len)
{
	void __user *mem = (void __user *)hva;
	bool failed;

	switch (how) {
	case READ_MEM:
		return copy_from_user(data, mem, len);
	case READ_MEM_ATOMIC:
		pagefault_disable();
		failed = __copy_from_user_inatomic(data, mem, len);
		pagefault_enable();
		return failed;
	case WRITE_MEM:
		return copy_to_user(mem, data, len);
	case CLEAR_MEM:
	default:
		return clear_user(mem, len);
	}
}

static __always_inline int access(struct keel_vm *vm, struct keel_vcpu *vcpu, enum access how,
				  u64 gpa, void *data, unsigned long len)
{
	bool writes = how == WRITE_MEM || how == CLEAR_MEM;
	struct keel_memslot *slot;
	unsigned long n;
	u64 left;
	int idx, ret = 0;

	idx = srcu_read_lock(&vm->srcu);
	while (len && !ret) {
		slot = find(vm, vcpu, gpa >> PAGE_SHIFT);
		if (!slot || (writes && read_only(slot))) {
			ret = -EFAULT;
			break;
		}
		left = ((slot->base + slot->npages) << PAGE_SHIFT) - gpa;
		n = min_t(u64, len, left);
		if (copy(how, hva_of(slot, gpa), data, n))
			ret = -EFAULT;
		/* Also when it failed: part of it may be written. */
		if (writes)
			mark_range(vm, vcpu, slot, gpa, n);
		gpa += n;
		data += n;
		len -= n;
	}
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

int keel_read_guest(struct keel_vcpu *vcpu, u64 gpa, void *data, unsigned long len)
{
	return access(vcpu->vm, vcpu, READ_MEM, gpa, data, len);
}

int keel_write_guest(struct keel_vcpu *vcpu, u64 gpa, const void *data, unsigned long len)
{
	return access(vcpu->vm, vcpu, WRITE_MEM, gpa, (void *)data, len);
}

int keel_vm_read_guest(struct keel_vm *vm, u64 gpa, void *data, unsigned long len)
{
	return access(vm, NULL, READ_MEM, gpa, data, len);
}

int keel_vm_write_guest(struct keel_vm *vm, u64 gpa, const void *data, unsigned long len)
{
	return access(vm, NULL, WRITE_MEM, gpa, (void *)data, len);
}

int keel_clear_guest(struct keel_vcpu *vcpu, u64 gpa, unsigned long len)
{
	return access(vcpu->vm, vcpu, CLEAR_MEM, gpa, NULL, len);
}

int keel_read_guest_atomic(struct keel_vcpu *vcpu, u64 gpa, void *data, unsigned long len)
{
	return access(vcpu->vm, vcpu, READ_MEM_ATOMIC, gpa, data, len);
}

/* 0 exchanged, 1 different, and @old is then what was there; or an error. */
static int exchange(void *mem, void *old, const void *new, int len)
{
	switch (len) {
	case 1: {
		u8 want = *(u8 *)old, had = cmpxchg((u8 *)mem, want, *(const u8 *)new);

		*(u8 *)old = had;
		return had != want;
	}
	case 2: {
		u16 want = *(u16 *)old, had = cmpxchg((u16 *)mem, want, *(const u16 *)new);

		*(u16 *)old = had;
		return had != want;
	}
	case 4: {
		u32 want = *(u32 *)old, had = cmpxchg((u32 *)mem, want, *(const u32 *)new);

		*(u32 *)old = had;
		return had != want;
	}
	case 8: {
		u64 want = *(u64 *)old, had = cmpxchg((u64 *)mem, want, *(const u64 *)new);

		*(u64 *)old = had;
		return had != want;
	}
	default:
		return keel_cmpxchg16(mem, old, new);
	}
}

int keel_cmpxchg_guest(struct keel_vcpu *vcpu, u64 gpa, void *old, const void *new, int len)
{
	struct keel_memslot *slot;
	struct page *page;
	int idx, ret;
	void *map;

	if (len < 1 || len > 16 || len & (len - 1) || gpa & (len - 1))
		return -EINVAL;

	idx = srcu_read_lock(&vcpu->vm->srcu);
	ret = -EFAULT;
	slot = keel_vcpu_slot(vcpu, gpa >> PAGE_SHIFT);
	if (!slot || read_only(slot))
		goto out;
	/* Pinned, so that the page is still the guest's while it is written. */
	if (pin_user_pages_fast(hva_of(slot, gpa) & PAGE_MASK, 1, FOLL_WRITE, &page) != 1)
		goto out;
	map = kmap_local_page(page);
	ret = exchange(map + offset_in_page(gpa), old, new, len);
	kunmap_local(map);
	unpin_user_pages_dirty_lock(&page, 1, !ret);
	if (!ret)
		keel_mark_dirty(vcpu->vm, vcpu, slot, gpa >> PAGE_SHIFT);
out:
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return ret;
}

int keel_entry_read(struct keel_vcpu *vcpu, u64 gpa, int len, u64 *val, unsigned long *hva)
{
	u32 narrow;
	int r;

	*hva = keel_gpa_hva(vcpu, gpa, NULL);
	if (!*hva)
		return -EFAULT;
	if (len == 8)
		return get_user(*val, (u64 __user *)*hva);
	r = get_user(narrow, (u32 __user *)*hva);
	*val = narrow;
	return r;
}

int keel_entry_mark(struct keel_vcpu *vcpu, u64 gpa, int len, u64 old, u64 marks)
{
	u64 new = old | marks;
	u32 old32 = old, new32 = new;

	if (old == new)
		return 0;
	if (len == 8)
		return keel_cmpxchg_guest(vcpu, gpa, &old, &new, 8);
	return keel_cmpxchg_guest(vcpu, gpa, &old32, &new32, 4);
}

bool keel_gpa_is_ram(struct keel_vcpu *vcpu, u64 gpa)
{
	int idx = srcu_read_lock(&vcpu->vm->srcu);
	bool is = keel_vcpu_slot(vcpu, gpa >> PAGE_SHIFT);

	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return is;
}

unsigned long keel_gpa_hva(struct keel_vcpu *vcpu, u64 gpa, bool *writable)
{
	struct keel_memslot *slot = keel_vcpu_slot(vcpu, gpa >> PAGE_SHIFT);

	if (writable)
		*writable = slot && !read_only(slot);
	return slot ? hva_of(slot, gpa) : 0;
}

/* ---- areas that are touched often ---- */

/* vm->srcu held. */
static void gcache_look_up(struct keel_vm *vm, struct keel_gcache *cache)
{
	/* First: what is found after it is at least as new. */
	u64 gen = smp_load_acquire(&vm->slots[0].gen);
	struct keel_memslot *slot = keel_slot_find(vm, 0, cache->gpa >> PAGE_SHIFT);

	cache->gen = gen;
	cache->slot = slot;
	cache->hva = 0;
	if (slot && cache->len <= ((slot->base + slot->npages) << PAGE_SHIFT) - cache->gpa)
		cache->hva = hva_of(slot, cache->gpa);
}

/* vm->srcu held. Return: may the host address be used? If not, the way is through the slots. */
static bool gcache_direct(struct keel_vm *vm, struct keel_gcache *cache)
{
	if (unlikely(cache->gen != smp_load_acquire(&vm->slots[0].gen)))
		gcache_look_up(vm, cache);
	return cache->hva;
}

int keel_gcache_init(struct keel_vcpu *vcpu, struct keel_gcache *cache, u64 gpa, unsigned long len)
{
	struct keel_vm *vm = vcpu->vm;
	u64 at, end = gpa + len;
	int idx, ret = 0;

	cache->gpa = gpa;
	cache->len = len;
	if (!len || end < gpa)
		ret = -EFAULT;

	idx = srcu_read_lock(&vm->srcu);
	gcache_look_up(vm, cache);
	for (at = gpa; !cache->hva && !ret && at < end; at = (at & PAGE_MASK) + PAGE_SIZE)
		if (!keel_slot_find(vm, 0, at >> PAGE_SHIFT))
			ret = -EFAULT;
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

static bool gcache_bounds(const struct keel_gcache *cache, unsigned int offset, unsigned long len)
{
	return offset <= cache->len && len <= cache->len - offset;
}

int keel_gcache_write(struct keel_vcpu *vcpu, struct keel_gcache *cache, const void *data,
		      unsigned int offset, unsigned long len)
{
	struct keel_vm *vm = vcpu->vm;
	int idx, ret = -EFAULT;

	if (!gcache_bounds(cache, offset, len))
		return -EFAULT;
	if (!len)
		return 0;

	idx = srcu_read_lock(&vm->srcu);
	if (!gcache_direct(vm, cache)) {
		ret = access(vm, NULL, WRITE_MEM, cache->gpa + offset, (void *)data, len);
	} else if (!read_only(cache->slot)) {
		ret = copy_to_user((void __user *)(cache->hva + offset), data, len) ? -EFAULT : 0;
		mark_range(vm, vcpu, cache->slot, cache->gpa + offset, len);
	}
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

int keel_gcache_read(struct keel_vcpu *vcpu, struct keel_gcache *cache, void *data,
		     unsigned int offset, unsigned long len)
{
	struct keel_vm *vm = vcpu->vm;
	int idx, ret;

	if (!gcache_bounds(cache, offset, len))
		return -EFAULT;

	idx = srcu_read_lock(&vm->srcu);
	if (gcache_direct(vm, cache))
		ret = copy_from_user(data, (void __user *)(cache->hva + offset), len) ? -EFAULT : 0;
	else
		ret = access(vm, NULL, READ_MEM, cache->gpa + offset, data, len);
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

u32 keel_gcache_publish(struct keel_vcpu *vcpu, struct keel_gcache *cache, unsigned int version,
			const void *data, unsigned int offset, unsigned long len)
{
	u32 now;

	if (keel_gcache_read(vcpu, cache, &now, version, sizeof(now)))
		return 0;
	now = (now + 1) | 1;
	if (keel_gcache_write(vcpu, cache, &now, version, sizeof(now)))
		return 0;
	smp_wmb();	/* odd before the change... */
	if (keel_gcache_write(vcpu, cache, data, offset, len))
		return 0;
	smp_wmb();	/* ...and even after it */
	now++;
	return keel_gcache_write(vcpu, cache, &now, version, sizeof(now)) ? 0 : now;
}
