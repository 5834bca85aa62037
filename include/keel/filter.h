/* SPDX-License-Identifier: GPL-2.0-only */
/* Which of a set of numbers (registers, calls, events) user space lets a guest use. */
#ifndef KEEL_FILTER_H
#define KEEL_FILTER_H

#include <linux/types.h>

struct keel_vm;

/**
 * struct keel_filter - ranges of numbers; immutable once published, read under vm->srcu
 * @otherwise: is a number allowed that no range has?
 * @nr: ranges in use
 * @max: room for ranges
 * @range: the first one that has a number and the kind of its use decides
 */
struct keel_filter {
	bool otherwise;
	unsigned int nr, max;
	struct keel_filter_range {
		u32 kinds, base, nr;
		unsigned long *bitmap;		/* set: allowed */
	} range[];
};

/** keel_filter_alloc - an empty one, or NULL. */
struct keel_filter *keel_filter_alloc(unsigned int max, bool otherwise);
void keel_filter_free(struct keel_filter *filter);
/**
 * keel_filter_add - one more range, before it is published
 * @kinds: for which kinds of use it speaks, bits of the caller's
 * @base: its first number
 * @nr: how many
 * @bitmap: one bit for each, in user space
 *
 * Return: 0, -ENOSPC, -EFAULT, -ENOMEM.
 */
int keel_filter_add(struct keel_filter *filter, u32 kinds, u32 base, u32 nr,
		    const void __user *bitmap);
/**
 * keel_filter_publish - put @new (or NULL) in the place of what is at @where, and free that
 * Takes vm->lock, and sleeps. After it nobody goes by the old one.
 */
void keel_filter_publish(struct keel_vm *vm, struct keel_filter __rcu **where,
			 struct keel_filter *new);
/** keel_filter_allows - may @number be used so? @kind: one bit. Any thread; does not sleep. */
bool keel_filter_allows(struct keel_vm *vm, struct keel_filter __rcu *const *where, u32 number,
			u32 kind);

#endif
