// SPDX-License-Identifier: GPL-2.0-only
/* /dev/kvm: system ioctls, capabilities, and the module's life. */
#define pr_fmt(fmt) "keel: " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/syscore_ops.h>
#include <linux/uaccess.h>
#include <uapi/linux/keel.h>
#include <keel/compat.h>
#include <keel/vcpu.h>
#include "device.h"
#include "run.h"

struct keel_arch_ops keel_ops;

/* --- capabilities ------------------------------------------------------------------------- */

static int cap_nr_vcpus(struct keel_vm *vm)
{
	return min(num_online_cpus(), keel_ops.max_vcpus);
}

static int cap_max_vcpus(struct keel_vm *vm)
{
	return keel_ops.max_vcpus;
}

static int cap_max_vcpu_id(struct keel_vm *vm)
{
	return keel_ops.max_vcpu_ids;
}

static int cap_aspaces(struct keel_vm *vm)
{
	return keel_ops.nr_aspaces > 1 ? keel_ops.nr_aspaces : 0;
}

static int cap_irq(struct keel_vm *vm)
{
	return keel_ops.irq_route_set ? 1 : 0;
}

static int cap_routing(struct keel_vm *vm)
{
	return keel_ops.irq_route_set ? KEEL_MAX_GSI : 0;
}

static int cap_ring(struct keel_vm *vm)
{
	return keel_dirty_ring_max();
}

static int __maybe_unused cap_ring_bitmap(struct keel_vm *vm)
{
	return !!keel_dirty_ring_max();
}

/* In the order of <linux/kvm.h>. */
static const struct keel_cap core_caps[] = {
	{ KVM_CAP_USER_MEMORY, 1 },
	{ KVM_CAP_NR_VCPUS, .get = cap_nr_vcpus },
	{ KVM_CAP_NR_MEMSLOTS, KEEL_MAX_SLOTS },
#ifdef KVM_COALESCED_MMIO_PAGE_OFFSET
	{ KVM_CAP_COALESCED_MMIO, KVM_COALESCED_MMIO_PAGE_OFFSET },
	{ KVM_CAP_COALESCED_PIO, 1 },
#endif
	{ KVM_CAP_SYNC_MMU, 1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
	{ KVM_CAP_INTERNAL_ERROR_DATA, 1 },
	{ KVM_CAP_IRQ_ROUTING, .get = cap_routing },
	{ KVM_CAP_IRQFD, .get = cap_irq },
	{ KVM_CAP_IRQFD_RESAMPLE, .get = cap_irq },
	{ KVM_CAP_SIGNAL_MSI, .get = cap_irq },
	{ KVM_CAP_IOEVENTFD, 1 },
	{ KVM_CAP_IOEVENTFD_NO_LENGTH, 1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
	{ KVM_CAP_MAX_VCPUS, .get = cap_max_vcpus },
	{ KVM_CAP_MAX_VCPU_ID, .get = cap_max_vcpu_id },
	{ KVM_CAP_READONLY_MEM, 1 },
	{ KVM_CAP_DEVICE_CTRL, 1 },
	{ KVM_CAP_ENABLE_CAP_VM, 1 },
	{ KVM_CAP_CHECK_EXTENSION_VM, 1 },
	{ KVM_CAP_MULTI_ADDRESS_SPACE, .get = cap_aspaces },
	{ KVM_CAP_IMMEDIATE_EXIT, 1 },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
	  KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET },
	{ KVM_CAP_HALT_POLL, 1 },
#ifdef KVM_CAP_DIRTY_LOG_RING_ACQ_REL
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, .get = cap_ring },
#endif
#ifdef KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP
	{ KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, .get = cap_ring_bitmap },
#endif
	{ KVM_CAP_BINARY_STATS_FD, 1 },
#ifdef KVM_CAP_USER_MEMORY2
	{ KVM_CAP_USER_MEMORY2, 1 },
#endif
#ifdef KVM_CAP_MEMORY_FAULT_INFO
	{ KVM_CAP_MEMORY_FAULT_INFO, 1 },
#endif
#ifdef KVM_CAP_PRE_FAULT_MEMORY
	{ KVM_CAP_PRE_FAULT_MEMORY, 1 },
#endif
	{ KEEL_CAP_VERSION, KEEL_VERSION },
};

static const struct keel_cap *find_cap(const struct keel_cap *caps, unsigned int nr,
				       unsigned long cap)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (caps[i].cap == cap)
			return &caps[i];
	return NULL;
}

int keel_cap(struct keel_vm *vm, unsigned long cap)
{
	/* The architecture may know better than the core. */
	const struct keel_cap *row = find_cap(keel_ops.caps, keel_ops.nr_caps, cap);

	if (!row)
		row = find_cap(core_caps, ARRAY_SIZE(core_caps), cap);
	if (!row)
		return 0;
	return row->get ? row->get(vm) : row->value;
}

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

static long dev_ioctl(struct file *file, unsigned int ioctl, unsigned long arg)
{
	switch (ioctl) {
	case KVM_GET_API_VERSION:
		return arg ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return keel_create_vm(arg);
	case KVM_CHECK_EXTENSION:
		return keel_cap(NULL, arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : mmap_size();
	default:
		return keel_ops.dev_ioctl ? keel_ops.dev_ioctl(ioctl, arg) : -ENOTTY;
	}
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
		keel_ops.cpu_disable();
	}
	local_irq_restore(flags);
	return 0;
}

/* Suspend: only the boot CPU is left, interrupts are off. */
static int suspend(void)
{
	return cpu_down(smp_processor_id());
}

static void resume(void)
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
static void shutdown(void)
{
	on_each_cpu(disable_here, NULL, 1);
}

static struct syscore_ops syscore = {
	.suspend = suspend,
	.resume = resume,
	.shutdown = shutdown,
};

/* --- module ------------------------------------------------------------------------------------------ */

int keel_init(const struct keel_arch_ops *ops)
{
	int r;

	keel_ops = *ops;
	if (WARN_ON(keel_ops.nr_aspaces < 1 || keel_ops.nr_aspaces > KEEL_MAX_ASPACES))
		return -EINVAL;
	keel_run_setup();
	keel_lazy_setup();
	r = keel_vcpu_setup();
	if (r)
		return r;
	r = keel_irqfd_setup();
	if (r)
		goto err_vcpu;
	r = keel_apf_setup();
	if (r)
		goto err_irqfd;
	r = cpuhp_setup_state(KEEL_CPUHP_STATE, "virt/keel:online", cpu_up, cpu_down);
	if (r < 0)
		goto err_apf;
	register_syscore_ops(&syscore);
	keel_debugfs_setup();
	r = misc_register(&dev);
	if (r)
		goto err_cpus;
	pr_info("%s: ready\n", keel_ops.name);
	return 0;

err_cpus:
	keel_debugfs_teardown();
	unregister_syscore_ops(&syscore);
	cpuhp_remove_state(KEEL_CPUHP_STATE);
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
	unregister_syscore_ops(&syscore);
	cpuhp_remove_state(KEEL_CPUHP_STATE);
	keel_apf_teardown();
	keel_irqfd_teardown();
	keel_vcpu_teardown();
}
