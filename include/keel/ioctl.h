/* SPDX-License-Identifier: GPL-2.0-only */
/* Ioctls as rows of a table: the engine moves the data, a handler sees it in kernel memory only. */
#ifndef KEEL_IOCTL_H
#define KEEL_IOCTL_H

#include <linux/bits.h>
#include <linux/types.h>

struct keel_vcpu;
struct keel_vm;

/*
 * What an ioctl's number says of its structure (direction and size) is taken from there. _IO() has
 * none: its argument is a value, and @data points to that unsigned long. The flags are for where
 * the number does not say it, or says it wrongly.
 */
#define KEEL_IOCTL_IN		BIT(0)	/* user space to kernel, and not the other way */
#define KEEL_IOCTL_VALUE	BIT(1)	/* the argument itself: a number, or the handler copies */
#define KEEL_IOCTL_FILL		BIT(2)	/* a list: the handler writes the entries and their number */
#define KEEL_IOCTL_COUNT	BIT(3)	/* with FILL: the number is told even if it is E2BIG */
#define KEEL_IOCTL_TELL		BIT(4)	/* the structure goes back even if the handler fails */
#define KEEL_IOCTL_ASYNC	BIT(5)	/* on a vCPU: may run beside KVM_RUN; not loaded, no mutex */

typedef long keel_dev_ioctl_fn(void *data);
typedef long keel_vm_ioctl_fn(struct keel_vm *vm, void *data);
typedef long keel_vcpu_ioctl_fn(struct keel_vcpu *vcpu, void *data);

/**
 * struct keel_ioctl - one row
 * @nr: the ioctl
 * @flags: KEEL_IOCTL_*
 * @entry: not 0: the structure is the head of a list, its first u32 the number of entries that
 *	follow, and this the size of one
 * @max: of a list: more entries than this are E2BIG; with KEEL_IOCTL_FILL no more are given room
 * @dev: the handler on /dev/kvm. It gets the structure in kernel memory (zeroed, where user space
 *	gives nothing in), and returns what the ioctl does. What it has written is copied back unless
 *	it fails. A handler that fills a list finds the room for entries in the head, writes no more
 *	than that, and puts into the head how many there are; if they are more, E2BIG is the result.
 * @vm: the same on a VM, with no lock held
 * @vcpu: the same on a vCPU, with its mutex held and the vCPU loaded (but see KEEL_IOCTL_ASYNC)
 */
struct keel_ioctl {
	u32 nr;
	u16 flags;
	u16 entry;
	u32 max;
	union {
		keel_dev_ioctl_fn *dev;
		keel_vm_ioctl_fn *vm;
		keel_vcpu_ioctl_fn *vcpu;
	};
};

struct keel_ioctl_table {
	const struct keel_ioctl *rows;
	unsigned int nr;
};

#define KEEL_IOCTL_TABLE(rows_) { .rows = (rows_), .nr = ARRAY_SIZE(rows_) }

/** keel_ioctl_find - the row of @nr, or NULL; @first is asked before @second. */
const struct keel_ioctl *keel_ioctl_find(const struct keel_ioctl_table *first,
					 const struct keel_ioctl_table *second, unsigned int nr);
/**
 * keel_ioctl_call - run one row
 * @row: the row
 * @vm: the VM, or NULL on /dev/kvm
 * @vcpu: the vCPU, or NULL if it is not on one
 * @arg: the ioctl's argument
 *
 * Return: what the handler returns; -EFAULT, -E2BIG, -ENOMEM.
 */
long keel_ioctl_call(const struct keel_ioctl *row, struct keel_vm *vm, struct keel_vcpu *vcpu,
		     unsigned long arg);

#endif
