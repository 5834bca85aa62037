/* SPDX-License-Identifier: GPL-2.0-only */
/* Stolen time: how long a vCPU could not run although it wanted to, told to the guest in its memory. */
#ifndef KEEL_STEAL_H
#define KEEL_STEAL_H

#include <linux/sched.h>
#include <keel/guest_mem.h>

/**
 * struct keel_steal - the guest's structure and what it was told; the vCPU's own
 * @area: the structure, anywhere in RAM
 * @last: the run delay of the vCPU's thread that was told already
 * @stolen: offset of the stolen ns, a little-endian u64 that only grows
 * @version: offset of the structure's version, see keel_gcache_publish(); -1: there is none
 * @on: the guest wants to know
 */
struct keel_steal {
	struct keel_gcache area;
	u64 last;
	u16 stolen;
	s16 version;
	bool on;
};

/**
 * keel_steal_start - from now on, count
 * @vcpu: the vCPU; its thread
 * @gpa: of the guest's structure, @len bytes
 * @stolen: see struct keel_steal
 * @version: likewise
 *
 * Return: 0, or -EFAULT: not all of it is RAM.
 */
int keel_steal_start(struct keel_vcpu *vcpu, u64 gpa, unsigned int len, unsigned int stolen,
		     int version);
/** keel_steal_update - KEEL_REQ_STEAL: tell what is new. Loaded; may sleep. */
void keel_steal_update(struct keel_vcpu *vcpu);

/** keel_steal_due - is there anything new? The vCPU's thread, any context. */
static inline bool keel_steal_due(const struct keel_steal *steal)
{
	return steal->on && current->sched_info.run_delay != steal->last;
}

#endif
