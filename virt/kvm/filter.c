// SPDX-License-Identifier: GPL-2.0-only
/* Filters of user space: ranges of numbers with a bit for each. */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <keel/filter.h>
#include <keel/vm.h>

struct keel_filter *keel_filter_alloc(unsigned int max, bool otherwise)
{
	struct keel_filter *f = kzalloc(struct_size(f, range, max), GFP_KERNEL_ACCOUNT);

	if (f) {
		f->max = max;
		f->otherwise = otherwise;
	}
	return f;
}

void keel_filter_free(struct keel_filter *f)
{
	unsigned int i;

	if (!f)
		return;
	for (i = 0; i < f->nr; i++)
		kfree(f->range[i].bitmap);
	kfree(f);
}

int keel_filter_add(struct keel_filter *f, u32 kinds, u32 base, u32 nr, const void __user *bitmap)
{
	struct keel_filter_range *range = &f->range[f->nr];
	unsigned long *copy;

	if (f->nr == f->max)
		return -ENOSPC;
	copy = memdup_user(bitmap, BITS_TO_LONGS((u64)nr) * sizeof(long));
	if (IS_ERR(copy))
		return PTR_ERR(copy);
	*range = (struct keel_filter_range){
		.kinds = kinds, .base = base, .nr = nr, .bitmap = copy,
	};
	f->nr++;
	return 0;
}

void keel_filter_publish(struct keel_vm *vm, struct keel_filter __rcu **where,
			 struct keel_filter *new)
{
	struct keel_filter *old;

	mutex_lock(&vm->lock);
	old = rcu_replace_pointer(*where, new, lockdep_is_held(&vm->lock));
	mutex_unlock(&vm->lock);
	if (old)
		synchronize_srcu(&vm->srcu);
	keel_filter_free(old);
}

bool keel_filter_allows(struct keel_vm *vm, struct keel_filter __rcu *const *where, u32 number,
			u32 kind)
{
	const struct keel_filter *f;
	bool allowed = true;
	unsigned int i;
	int idx;

	idx = srcu_read_lock(&vm->srcu);
	f = srcu_dereference(*where, &vm->srcu);
	if (!f)
		goto out;
	allowed = f->otherwise;
	for (i = 0; i < f->nr; i++) {
		const struct keel_filter_range *range = &f->range[i];
		u32 bit = number - range->base;

		if (bit >= range->nr || !(range->kinds & kind))
			continue;
		allowed = test_bit(array_index_nospec(bit, range->nr), range->bitmap);
		break;
	}
out:
	srcu_read_unlock(&vm->srcu, idx);
	return allowed;
}
