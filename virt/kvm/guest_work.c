// SPDX-License-Identifier: GPL-2.0-only
/* Work that has to be done before guest mode: signals, rescheduling, task work, live patching. */
#include <keel/guest_work.h>
#ifdef CONFIG_KVM_XFER_TO_GUEST_WORK
#include <linux/kvm_host.h>

/*
 * The kernel's service does task work, restartable sequences and memory-cgroup throttling, which no other
 * exported function does. It also notes a signal in the kernel KVM's own vCPU structure: this one is
 * there for that alone, and nobody reads it.
 */
static struct kvm_run nobodys_run;
static struct kvm_vcpu nobody = { .run = &nobodys_run };

int keel_guest_work(void)
{
	return xfer_to_guest_mode_handle_work(&nobody);
}
#else
/* No exported service does such work here: let the return to user space do it. */
int keel_guest_work(void)
{
	if (signal_pending(current) || test_thread_flag(TIF_NOTIFY_RESUME))
		return -EINTR;
	cond_resched();
	return 0;
}
#endif
