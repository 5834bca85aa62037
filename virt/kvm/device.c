// SPDX-License-Identifier: GPL-2.0-only
/* /dev/kvm: system ioctls, the CPUs, and the module's life. */
#define pr_fmt(fmt) "keel: " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <keel/compat.h>
#include <keel/host_time.h>
#include <keel/user_return.h>
#include <keel/vcpu.h>
#include "device.h"
#include "run.h"

struct keel_arch_ops keel_ops;

/* --- the device ------------------------------------------------------------------------------- */

static long mmap_size(void)
{
	unsigned long pages = 1;

#ifdef KVM_PIO_PAGE_OFFSET
	pages = max(pages, KVM_PIO_PAGE_OFFSET + 1ul);
#endif
#ifdef KVM_COALESCED_MMIO_PAGE_OFFSET
	pages = max(pages, KVM_COALESCED_MMIO_PAGE_OFFSET + 1ul);
#endif
	return pages * PAGE_SIZE;
}

static long get_api_version(void *arg)
{
	return *(unsigned long *)arg ? -EINVAL : KVM_API_VERSION;
}

static long create_vm(void *type)
{
	return keel_create_vm(*(unsigned long *)type);
}

static long check_extension(void *cap)
{
	return keel_cap(NULL, *(unsigned long *)cap);
}

static long get_mmap_size(void *arg)
{
	return *(unsigned long *)arg ? -EINVAL : mmap_size();
}

static const struct keel_ioctl core_ioctls[] = {
	{ KVM_GET_API_VERSION, .dev = get_api_version },
	{ KVM_CREATE_VM, .dev = create_vm },
	{ KVM_CHECK_EXTENSION, .dev = check_extension },
	{ KVM_GET_VCPU_MMAP_SIZE, .dev = get_mmap_size },
};

static const struct keel_ioctl_table core_table = KEEL_IOCTL_TABLE(core_ioctls);

static long dev_ioctl(struct file *file, unsigned int ioctl, unsigned long arg)
{
	const struct keel_ioctl *row = keel_ioctl_find(&keel_ops.dev_ioctls, &core_table, ioctl);

	return row ? keel_ioctl_call(row, NULL, NULL, arg) : -ENOTTY;
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice dev = {
	.minor = KVM_MINOR,
	.name = "kvm",
	.fops = &dev_fops,
	.mode = 0660,
};

/* --- CPUs ---------------------------------------------------------------------------------------- */

/* A CPU that refused to be switched on is not switched off either, and runs no guest. */
DEFINE_PER_CPU(bool, keel_cpu_on);

static int cpu_up(unsigned int cpu)
{
	unsigned long flags;
	int r = 0;

	local_irq_save(flags);
	if (!__this_cpu_read(keel_cpu_on)) {
		r = keel_ops.cpu_enable();
		__this_cpu_write(keel_cpu_on, !r);
	}
	local_irq_restore(flags);
	if (r)
		pr_err("CPU %u cannot run guests (%d)\n", cpu, r);
	return r;
}

static int cpu_down(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	if (__this_cpu_read(keel_cpu_on)) {
		__this_cpu_write(keel_cpu_on, false);
		keel_uret_cpu_down();
		keel_ops.cpu_disable();
	}
	local_irq_restore(flags);
	return 0;
}

/* Suspend: only the boot CPU is left, interrupts are off. */
static int suspend(KEEL_SYSCORE_ARG)
{
	return cpu_down(smp_processor_id());
}

static void resume(KEEL_SYSCORE_ARG)
{
	if (!cpu_up(smp_processor_id()) && keel_ops.resumed)
		keel_ops.resumed();
}

static void disable_here(void *unused)
{
	struct keel_vcpu *vcpu;

	cpu_down(smp_processor_id());
	/* Interrupted before its last look at the requests, or in guest mode, which has just ended. */
	vcpu = keel_this_vcpu();
	if (vcpu)
		keel_request(vcpu, KEEL_REQ_NO_CPU);
}

/* Reboot and kexec: firmware and the next kernel do not expect virtualization to be on. */
static void shutdown(KEEL_SYSCORE_ARG)
{
	on_each_cpu(disable_here, NULL, 1);
}

KEEL_DEFINE_SYSCORE(syscore, .suspend = suspend, .resume = resume, .shutdown = shutdown);

/* --- module ------------------------------------------------------------------------------------------ */

int keel_init(const struct keel_arch_ops *ops)
{
	int r;

	keel_ops = *ops;
	if (WARN_ON(keel_ops.nr_aspaces < 1 || keel_ops.nr_aspaces > KEEL_MAX_ASPACES))
		return -EINVAL;
	keel_run_setup();
	keel_lazy_setup();
	keel_uret_setup();
	r = keel_vcpu_setup();
	if (r)
		return r;
	r = keel_irqfd_setup();
	if (r)
		goto err_vcpu;
	r = keel_apf_setup();
	if (r)
		goto err_irqfd;
	r = keel_host_time_setup();
	if (r)
		goto err_apf;
	r = cpuhp_setup_state(KEEL_CPUHP_STATE, "virt/keel:online", cpu_up, cpu_down);
	if (r < 0)
		goto err_time;
	keel_syscore_register(&syscore);
	keel_debugfs_setup();
	r = misc_register(&dev);
	if (r)
		goto err_cpus;
	pr_info("%s: ready\n", keel_ops.name);
	return 0;

err_cpus:
	keel_debugfs_teardown();
	keel_syscore_unregister(&syscore);
	cpuhp_remove_state(KEEL_CPUHP_STATE);
err_time:
	keel_host_time_teardown();
err_apf:
	keel_apf_teardown();
err_irqfd:
	keel_irqfd_teardown();
err_vcpu:
	keel_vcpu_teardown();
	return r;
}

void keel_exit(void)
{
	misc_deregister(&dev);
	keel_debugfs_teardown();
	keel_syscore_unregister(&syscore);
	cpuhp_remove_state(KEEL_CPUHP_STATE);
	keel_host_time_teardown();
	keel_apf_teardown();
	keel_irqfd_teardown();
	keel_vcpu_teardown();
}
