/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host has at a user address, without taking a reference. */
#ifndef KEEL_HOST_PAGE_H
#define KEEL_HOST_PAGE_H

#include <linux/types.h>

struct mm_struct;
struct page;

/**
 * struct keel_host_page - a host mapping, as it was a moment ago
 * @pfn: the page at the address asked for
 * @page: to be told that it gets dirty, or NULL if nobody keeps account of that
 * @order: log2 pages of the host's mapping, which is naturally aligned
 * @writable: the host's mapping permits writing
 * @device: not memory
 * @refused: keel_host_peek() failed not for want of a page, but could not be sure of it
 *
 * No reference is held: this is only good for as long as the MMU notifier has not spoken.
 */
struct keel_host_page {
	u64 pfn;
	struct page *page;
	u8 order;
	bool writable;
	bool device;
	bool refused;
};

/**
 * keel_host_peek - what is mapped at @hva now, if it permits the access
 * @mm: of the calling thread
 *
 * Does not sleep and does not change anything. Return: false: not there, or @hp->refused.
 */
bool keel_host_peek(struct mm_struct *mm, unsigned long hva, bool write,
		    struct keel_host_page *hp);

/**
 * keel_host_fault_in - bring the page at @hva in, as the host's own page fault would
 * @mm: of the calling thread
 * @nowait: do not wait for I/O
 * @hp: what keel_host_peek() has left when it failed
 *
 * May sleep. Return: 1: it is there, peek; 0: so it is, and @hp says all there is to say; -EAGAIN:
 * it would have had to wait; -EFAULT; -EHWPOISON; -EINTR: a signal.
 */
int keel_host_fault_in(struct mm_struct *mm, unsigned long hva, bool write, bool nowait,
		       struct keel_host_page *hp);

#endif
