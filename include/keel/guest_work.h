/* SPDX-License-Identifier: GPL-2.0-only */
/* Work that has to be done before guest mode. */
#ifndef KEEL_GUEST_WORK_H
#define KEEL_GUEST_WORK_H

#include <linux/sched.h>
#include <linux/sched/signal.h>
#ifdef CONFIG_KVM_XFER_TO_GUEST_WORK
#include <linux/entry-kvm.h>
#endif

/** keel_guest_work_pending - is there any? Meaningful with interrupts off only. */
static inline bool keel_guest_work_pending(void)
{
#ifdef CONFIG_KVM_XFER_TO_GUEST_WORK
	return __xfer_to_guest_mode_work_pending();
#else
	return need_resched() || signal_pending(current) || test_thread_flag(TIF_NOTIFY_RESUME);
#endif
}

/** keel_guest_work - do it; may sleep. 0, or -EINTR: a signal waits for user space. */
int keel_guest_work(void);

#endif
