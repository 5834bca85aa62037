// SPDX-License-Identifier: GPL-2.0-only
/* The module on arm64: choice of the world switch, and the table for the core. */
#define pr_fmt(fmt) "keel: " fmt

#include <linux/miscdevice.h>
#include <linux/module.h>
#include "arm.h"
#include "hyp/hyp.h"
#include "sysreg.h"

const struct arm_switch_ops *arm_switch;

static const struct keel_lazy_ops lazy[] = {
	[ARM_LAZY_FP] = { "fpsimd", KEEL_LAZY_EXIT, arm_fp_load, arm_fp_save },
	[ARM_LAZY_DEBUG] = { "debug", KEEL_LAZY_EXIT, arm_debug_load, arm_debug_save },
};

/* --- statistics ------------------------------------------------------------------------------- */

#define VM_PAGES(level_, name_)								\
	KEEL_STAT(struct arm_vm, core.s2[0].pages[level_], name_,			\
		  KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10, 0)
#define VCPU_COUNT(field_, name_) KEEL_STAT_COUNT(struct arm_vcpu, stat.field_, name_)

static const struct keel_stat_row vm_stats[] = {
	VM_PAGES(0, "pages_0"),
	VM_PAGES(1, "pages_1"),
	VM_PAGES(2, "pages_2"),
};

static const struct keel_stat_row vcpu_stats[] = {
	VCPU_COUNT(hvc, "hvc_exit_stat"),
	VCPU_COUNT(wfe, "wfe_exit_stat"),
	VCPU_COUNT(wfi, "wfi_exit_stat"),
	VCPU_COUNT(sysreg, "sysreg_exits"),
	VCPU_COUNT(mmio_user, "mmio_exit_user"),
	VCPU_COUNT(mmio_kernel, "mmio_exit_kernel"),
	VCPU_COUNT(fp_traps, "fp_traps"),
};

/* --- the table --------------------------------------------------------------------------------- */

static int cpu_enable(void)
{
	int r = arm_switch->cpu_enable();

	if (r)
		return r;
	vgic_cpu_enable();
	arm_timer_cpu_enable();
	return 0;
}

static void cpu_disable(void)
{
	arm_timer_cpu_disable();
	vgic_cpu_disable();
	arm_switch->cpu_disable();
}

static const struct keel_arch_ops arm_ops = {
	.vm_size = sizeof(struct arm_vm),
	.vcpu_size = sizeof(struct arm_vcpu),
	.max_vcpus = 512,
	.max_vcpu_ids = 512,
	.nr_aspaces = 1,
	.vm_stats = vm_stats,
	.nr_vm_stats = ARRAY_SIZE(vm_stats),
	.vcpu_stats = vcpu_stats,
	.nr_vcpu_stats = ARRAY_SIZE(vcpu_stats),
	.lazy = lazy,
	.nr_lazy = ARRAY_SIZE(lazy),
	.guest_debug_flags = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_SW_BP |
			     KVM_GUESTDBG_USE_HW,
	.guest_debug = arm_guest_debug,
	.cpu_enable = cpu_enable,
	.cpu_disable = cpu_disable,
	.vm_init = arm_vm_init,
	.vm_destroy = arm_vm_destroy,
	.slot_check = arm_slot_check,
	.vcpu_create = arm_vcpu_create,
	.vcpu_destroy = arm_vcpu_destroy,
	.vcpu_load = arm_vcpu_load,
	.vcpu_put = arm_vcpu_put,
	.run_begin = arm_run_begin,
	.run_end = arm_run_end,
	.requests = arm_requests,
	.prepare = arm_prepare,
	.enter = arm_enter,
	.cancel = arm_cancel,
	.handle_exit = arm_handle_exit,
	.replay = arm_replay,
	.runnable = arm_runnable,
	.wakeup = arm_wakeup,
	.unhalt = arm_unhalt,
	.block = arm_block,
	.unblock = arm_unblock,
	.in_kernel = arm_in_kernel,
	.s2_flush = arm_s2_flush,
	.page_mapped = arm_page_mapped,
	.mp_states = ARM_MP_STATES,
	.mp_state_set = arm_mp_state_set,
	.irq_route_set = vgic_route_set,
	.irq_set_atomic = vgic_irq_set_atomic,
	.irqchip_ready = vgic_irqchip_ready,
	.pc = arm_pc,
};

/* --- module ------------------------------------------------------------------------------------- */

static int __init arm_module_init(void)
{
	struct keel_arch_ops ops = arm_ops;
	int r;

	arm_switch = vhe_probe();
	if (!arm_switch) {
		pr_err("the kernel does not run at EL2: there is no way to run guests\n");
		return -EOPNOTSUPP;
	}
	r = keel_regs_check(&arm_sysregs);
	if (r)
		return r;
	arm_idregs_setup();
	r = arm_vmid_setup();
	if (r)
		return r;
	r = vgic_probe();
	if (r)
		goto err_vmid;
	r = arm_timer_probe();
	if (r)
		goto err_vgic;
	arm_workaround_probe();
	ops.name = arm_switch->name;
	ops.caps = arm_caps;
	ops.nr_caps = arm_nr_caps;
	ops.vm_ioctls = arm_vm_ioctls;
	ops.vcpu_ioctls = arm_vcpu_ioctls;
	ops.vm_attrs = arm_vm_attrs;
	ops.nr_vm_attrs = arm_nr_vm_attrs;
	ops.vcpu_attrs = arm_vcpu_attrs;
	ops.nr_vcpu_attrs = arm_nr_vcpu_attrs;
	r = keel_init(&ops);
	if (r)
		goto err_timer;
	return 0;

err_timer:
	arm_timer_remove();
err_vgic:
	vgic_remove();
err_vmid:
	arm_vmid_teardown();
	return r;
}

static void __exit arm_module_exit(void)
{
	keel_exit();
	arm_timer_remove();
	vgic_remove();
	arm_vmid_teardown();
}

module_init(arm_module_init);
module_exit(arm_module_exit);
MODULE_DESCRIPTION("Keel: a KVM-compatible hypervisor");
MODULE_LICENSE("GPL");
MODULE_ALIAS_MISCDEV(KVM_MINOR);
MODULE_ALIAS("devname:kvm");
