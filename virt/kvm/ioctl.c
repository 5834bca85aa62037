// SPDX-License-Identifier: GPL-2.0-only
/* The ioctl engine: finds the row, copies in, calls, copies out. */
#include <linux/errno.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <keel/ioctl.h>

#define SMALL 128	/* bytes that are worth no allocation */

static const struct keel_ioctl *find(const struct keel_ioctl_table *table, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < table->nr; i++)
		if (table->rows[i].nr == nr)
			return &table->rows[i];
	return NULL;
}

const struct keel_ioctl *keel_ioctl_find(const struct keel_ioctl_table *first,
					 const struct keel_ioctl_table *second, unsigned int nr)
{
	return find(first, nr) ?: find(second, nr);
}

static long call(const struct keel_ioctl *row, struct keel_vm *vm, struct keel_vcpu *vcpu,
		 void *data)
{
	if (vcpu)
		return row->vcpu(vcpu, data);
	return vm ? row->vm(vm, data) : row->dev(data);
}

/* A structure of fixed size. */
static long call_plain(const struct keel_ioctl *row, struct keel_vm *vm, struct keel_vcpu *vcpu,
		       void __user *user)
{
	unsigned int size = _IOC_SIZE(row->nr);
	bool in = row->flags & KEEL_IOCTL_IN || _IOC_DIR(row->nr) & _IOC_WRITE;
	bool out = !(row->flags & KEEL_IOCTL_IN) && _IOC_DIR(row->nr) & _IOC_READ;
	u64 small[SMALL / sizeof(u64)];
	void *data = small;
	long r;

	if (size > SMALL) {
		data = kmalloc(size, GFP_KERNEL_ACCOUNT);
		if (!data)
			return -ENOMEM;
	}
	r = -EFAULT;
	if (!in)
		memset(data, 0, size);
	else if (copy_from_user(data, user, size))
		goto out;
	r = call(row, vm, vcpu, data);
	if (out && (r >= 0 || row->flags & KEEL_IOCTL_TELL) && copy_to_user(user, data, size))
		r = -EFAULT;
out:
	if (data != small)
		kfree(data);
	return r;
}

/* A head and as many entries as its first word says. */
static long call_list(const struct keel_ioctl *row, struct keel_vm *vm, struct keel_vcpu *vcpu,
		      void __user *user)
{
	unsigned int head = _IOC_SIZE(row->nr);
	bool fill = row->flags & KEEL_IOCTL_FILL;
	u32 room, *count;
	void *data;
	long r;

	if (get_user(room, (u32 __user *)user))
		return -EFAULT;
	if (room > row->max && !fill)
		return -E2BIG;
	room = min(room, row->max);
	data = kvzalloc(size_add(head, array_size(room, row->entry)), GFP_KERNEL_ACCOUNT);
	if (!data)
		return -ENOMEM;
	r = -EFAULT;
	if (copy_from_user(data, user, fill ? head : head + room * row->entry))
		goto out;
	count = data;
	*count = room;		/* whatever user space has written there meanwhile */
	r = call(row, vm, vcpu, data);
	if (r < 0)
		goto out;
	if (*count > room) {
		r = row->flags & KEEL_IOCTL_COUNT && put_user(*count, (u32 __user *)user) ?
		    -EFAULT : -E2BIG;
		goto out;
	}
	if (_IOC_DIR(row->nr) & _IOC_READ &&
	    copy_to_user(user, data, head + *count * row->entry))
		r = -EFAULT;
out:
	kvfree(data);
	return r;
}

long keel_ioctl_call(const struct keel_ioctl *row, struct keel_vm *vm, struct keel_vcpu *vcpu,
		     unsigned long arg)
{
	if (row->flags & KEEL_IOCTL_VALUE || _IOC_DIR(row->nr) == _IOC_NONE)
		return call(row, vm, vcpu, &arg);
	if (row->entry)
		return call_list(row, vm, vcpu, (void __user *)arg);
	return call_plain(row, vm, vcpu, (void __user *)arg);
}
