/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest's instruction accesses, when the host carries it out: RAM or a device, in one page or two. */
#ifndef KEEL_GUEST_ACCESS_H
#define KEEL_GUEST_ACCESS_H

#include <linux/mm.h>
#include <linux/types.h>

struct keel_vcpu;

/**
 * struct keel_span - bytes that follow each other for the guest, in at most two pages
 * @gpa: where each part is, by the caller's translation
 * @len: of each part; the second may be 0
 */
struct keel_span {
	u64 gpa[2];
	unsigned int len[2];
};

/** keel_span_split - the parts of @len bytes (up to a page) at the virtual @gva. Return: that of the second. */
static inline u64 keel_span_split(struct keel_span *span, u64 gva, unsigned int len)
{
	span->len[0] = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(gva));
	span->len[1] = len - span->len[0];
	return gva + span->len[0];
}

/*
 * All of these are for the vCPU's thread, between keel_io_begin() and the end of the instruction, and
 * may sleep.
 */

/**
 * keel_ram_read - read RAM, however its slots change meanwhile
 * Return: 0; -ENXIO: no RAM there; -EFAULT: a slot without host memory.
 */
int keel_ram_read(struct keel_vcpu *vcpu, u64 gpa, void *buf, unsigned int len);
/**
 * keel_span_read - RAM first, then what the vCPU has there by itself, then the buses and user space
 * Return: 0, KEEL_IO_USER: user space has to answer first (mmio.h), or a negative errno.
 */
int keel_span_read(struct keel_vcpu *vcpu, const struct keel_span *span, void *buf);
/** keel_span_write - likewise. 0 or a negative errno. */
int keel_span_write(struct keel_vcpu *vcpu, const struct keel_span *span, const void *buf);
/**
 * keel_span_cmpxchg - write @new if there still is @old
 * Atomic where a CPU could be with one access; what is split, or no RAM, is just written.
 * Return: 0, 1: there is something else, or a negative errno.
 */
int keel_span_cmpxchg(struct keel_vcpu *vcpu, const struct keel_span *span, const void *old,
		      const void *new);

#endif
