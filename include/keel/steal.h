/* SPDX-License-Identifier: GPL-2.0-only */
/* Stolen time: how long a vCPU could not run although it wanted to, told to the guest in its memory. */
#ifndef KEEL_STEAL_H
#define KEEL_STEAL_H

#include <linux/sched.h>
#include <keel/guest_mem.h>

/**
 * struct keel_steal_layout - the guest's structure
 * @len: its bytes
 * @stolen: offset of the stolen ns, a little-endian u64 that only grows
 * @version: offset of its version, see keel_gcache_publish(); -1: it has none
 * @preempted: offset of a byte that tells the guest's other CPUs that this one does not run; they may
 *	leave a message there. -1: it has none
 * @mark: its value then; 0 otherwise
 */
struct keel_steal_layout {
	u16 len, stolen;
	s16 version, preempted;
	u8 mark;
};

/**
 * struct keel_steal - what the guest was told; the vCPU's own
 * @area: the structure, anywhere in RAM
 * @layout: NULL: the guest does not want to know
 * @last: the run delay of the vCPU's thread that was told already
 * @marked: the guest was told that this CPU does not run
 */
struct keel_steal {
	struct keel_gcache area;
	const struct keel_steal_layout *layout;
	u64 last;
	bool marked;
};

/** keel_steal_start - from now on, tell: 0, or -EFAULT: not all of it is RAM. The vCPU's thread. */
int keel_steal_start(struct keel_vcpu *vcpu, u64 gpa, const struct keel_steal_layout *layout);
void keel_steal_stop(struct keel_vcpu *vcpu);
/** keel_steal_update - KEEL_REQ_STEAL: tell what is new. Loaded; may sleep. */
void keel_steal_update(struct keel_vcpu *vcpu);
/**
 * keel_steal_put - the vCPU is put: if that is because it lost its CPU, the others may know
 * Interrupts are off and the run queue's lock is held when the scheduler is the caller.
 */
void keel_steal_put(struct keel_vcpu *vcpu);

/** keel_steal_due - is there anything new? The vCPU's thread, any context. */
static inline bool keel_steal_due(const struct keel_steal *steal)
{
	return steal->layout &&
	       (steal->marked || current->sched_info.run_delay != steal->last);
}

#endif
