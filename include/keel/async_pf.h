/* SPDX-License-Identifier: GPL-2.0-only */
/* Async page faults: the guest does something else while the host brings a page in. */
#ifndef KEEL_ASYNC_PF_H
#define KEEL_ASYNC_PF_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct keel_vcpu;

#define KEEL_APF_MAX 64

struct keel_apf {
	struct list_head queue;		/* the work items of this vCPU; its thread's own */
	struct list_head done;		/* those that are complete, in order; under lock */
	spinlock_t lock;
	u32 queued;			/* length of queue, and items given up whose work goes on; under lock */
	u32 id;				/* token source */
};

void keel_apf_init(struct keel_vcpu *vcpu);
/** keel_apf_possible - could keel_apf_start() succeed now? vCPU thread. */
bool keel_apf_possible(struct keel_vcpu *vcpu);
/** keel_apf_start - have a worker bring @hva in and notify later. true: the guest was told. */
bool keel_apf_start(struct keel_vcpu *vcpu, u64 gpa, unsigned long hva, bool write);
/**
 * keel_apf_deliver - KEEL_REQ_APF: hand completed faults to the guest. vCPU thread.
 * Stops when apf_can_complete() says no: the architecture raises KEEL_REQ_APF again as soon as
 * the guest can take the next one.
 */
void keel_apf_deliver(struct keel_vcpu *vcpu);
/** keel_apf_has_done - a completed fault waits and can be delivered: ends a halt. */
bool keel_apf_has_done(struct keel_vcpu *vcpu);
/** keel_apf_flush - give up all, wait for none; at reset and destruction. */
void keel_apf_flush(struct keel_vcpu *vcpu);
/** keel_apf_wake_all - queue one "all present" (token ~0) notification, after migration. */
int keel_apf_wake_all(struct keel_vcpu *vcpu);
int keel_apf_setup(void);
void keel_apf_teardown(void);

#endif
