// SPDX-License-Identifier: GPL-2.0-only
/* The module on x86: choice of the backend, and the table for the core. */
#define pr_fmt(fmt) "keel: " fmt

#include <linux/miscdevice.h>
#include <linux/module.h>
#include <asm/fpu/xcr.h>
#include "ioctl.h"
#include "irqchip.h"
#include "x86.h"

struct x86_backend x86_backend;
u64 x86_host_xcr0, x86_supported_xcr0, x86_host_efer;

#define DEFINE_BE(ret, name, args) DEFINE_STATIC_CALL_NULL(x86_be_##name, x86_be_##name##_t);
X86_BACKEND_OPS(DEFINE_BE)

static void lazy_syscall_load(struct keel_vcpu *vcpu) { x86_be(lazy_syscall)(to_x86(vcpu), true); }
static void lazy_syscall_save(struct keel_vcpu *vcpu) { x86_be(lazy_syscall)(to_x86(vcpu), false); }
static void lazy_debug_load(struct keel_vcpu *vcpu) { x86_be(lazy_debug)(to_x86(vcpu), true); }
static void lazy_debug_save(struct keel_vcpu *vcpu) { x86_be(lazy_debug)(to_x86(vcpu), false); }

static const struct keel_lazy_ops lazy[] = {
	[X86_LAZY_FPU] = { "fpu", KEEL_LAZY_RUN, x86_fpu_load, x86_fpu_save },
	[X86_LAZY_DEBUG] = { "debug", KEEL_LAZY_EXIT, lazy_debug_load, lazy_debug_save },
	[X86_LAZY_SYSCALL] = { "syscall", KEEL_LAZY_USER, lazy_syscall_load, lazy_syscall_save },
	[X86_LAZY_XCR] = { "xcr", KEEL_LAZY_EXIT, x86_xcr_load, x86_xcr_save },
};

/* --- statistics ------------------------------------------------------------------------------- */

#define VM_PAGES(level_, name_)								\
	KEEL_STAT(struct x86_vm, core.s2[0].pages[level_], name_,			\
		  KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10, 0)
#define VCPU_COUNT(field_, name_) KEEL_STAT_COUNT(struct x86_vcpu, stat.field_, name_)

static const struct keel_stat_row vm_stats[] = {
	VM_PAGES(0, "pages_4k"),
	VM_PAGES(1, "pages_2m"),
	VM_PAGES(2, "pages_1g"),
};

static const struct keel_stat_row vcpu_stats[] = {
	VCPU_COUNT(tlb_flush, "tlb_flush"),
	VCPU_COUNT(invlpg, "invlpg"),
	VCPU_COUNT(irq_window_exits, "irq_window_exits"),
	VCPU_COUNT(nmi_window_exits, "nmi_window_exits"),
	VCPU_COUNT(insn_emulation, "insn_emulation"),
	VCPU_COUNT(insn_emulation_fail, "insn_emulation_fail"),
	VCPU_COUNT(hypercalls, "hypercalls"),
	VCPU_COUNT(irq_injections, "irq_injections"),
	VCPU_COUNT(nmi_injections, "nmi_injections"),
	VCPU_COUNT(req_event, "req_event"),
	KEEL_STAT_COUNT(struct x86_vcpu, core.stat.preemption_reported, "preemption_reported"),
	VCPU_COUNT(pause_exits, "pause_exits"),
};

/* --- small members of the table ------------------------------------------------------------------- */

static u64 host_msr_get(u32 msr)
{
	u64 val;

	rdmsrl(msr, val);
	return val;
}

static void host_msr_set(u32 msr, u64 val)
{
	wrmsrl(msr, val);
}

/*
 * Each vCPU flushes before its next entry; those in the guest are made to leave it. Ranges are not
 * used: no CPU here can flush by guest physical address.
 */
static void s2_flush(struct keel_vm *vm, u64 start_gfn, u64 end_gfn)
{
	if (keel_request_all(vm, KEEL_REQ_TLB_FLUSH, true))
		vm->stat.remote_tlb_flush++;
}

static int slot_check(struct keel_vm *vm, const struct keel_memslot *old, const struct keel_memslot *new)
{
	return new && new->base + new->npages > vm->s2[0].nr_gfns ? -EINVAL : 0;
}

static unsigned int s2_max_order(struct keel_vm *vm, u64 gfn)
{
	return x86_backend.s2_max_order;
}

static bool in_kernel(struct keel_vcpu *vcpu)
{
	return x86_be(get_cpl)(to_x86(vcpu)) == 0;
}

static unsigned long pc(struct keel_vcpu *vcpu)
{
	return to_x86(vcpu)->rip;
}

static const struct keel_arch_ops x86_ops = {
	.max_vcpus = 1024,
	.max_vcpu_ids = 4096,
	.nr_aspaces = 1,
	.tso = true,
	.vm_stats = vm_stats,
	.nr_vm_stats = ARRAY_SIZE(vm_stats),
	.vcpu_stats = vcpu_stats,
	.nr_vcpu_stats = ARRAY_SIZE(vcpu_stats),
	.lazy = lazy,
	.nr_lazy = ARRAY_SIZE(lazy),
	.host_reg_get = host_msr_get,
	.host_reg_set = host_msr_set,
	.resumed = x86_clock_resumed,
	.host_counter = x86_host_counter,
	.host_clock_is_counter = x86_host_clock_is_counter,
	.host_clock_changed = x86_clock_stale_vm,
	.vm_init = x86_vm_init,
	.vm_destroy = x86_vm_destroy,
	.vm_quiesce = x86_vm_quiesce,
	.vcpu_create = x86_vcpu_create,
	.vcpu_created = x86_vcpu_created,
	.vcpu_destroy = x86_vcpu_destroy,
	.vcpu_load = x86_vcpu_load,
	.vcpu_put = x86_vcpu_put,
	.mp_states = BIT(KVM_MP_STATE_RUNNABLE) | BIT(KVM_MP_STATE_UNINITIALIZED) |
		     BIT(KVM_MP_STATE_INIT_RECEIVED) | BIT(KVM_MP_STATE_HALTED) |
		     BIT(KVM_MP_STATE_SIPI_RECEIVED),
	.mp_state_sync = x86_mp_state_sync,
	.mp_state_set = x86_mp_state_set,
	.guest_debug_flags = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
			     KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_USE_SW_BP |
			     KVM_GUESTDBG_INJECT_BP | KVM_GUESTDBG_INJECT_DB |
			     KVM_GUESTDBG_BLOCKIRQ,
	.guest_debug = x86_guest_debug,
	.run_begin = x86_run_begin,
	.run_end = x86_run_end,
	.requests = x86_requests,
	.prepare = x86_prepare,
	.enter = x86_enter,
	.cancel = x86_cancel,
	.handle_exit = x86_handle_exit,
	.replay = x86_replay,
	.runnable = x86_runnable,
	.wakeup = x86_wakeup,
	.unhalt = x86_unhalt,
	.in_kernel = in_kernel,
	.s2_flush = s2_flush,
	.slot_check = slot_check,
	.s2_max_order = s2_max_order,
	.irq_route_set = x86_irq_route_set,
	.irq_set_atomic = x86_irq_set_atomic,
	.irqchip_ready = x86_irqchip_ready,
	.irq_can_ack = x86_irq_can_ack,
	.steal_message = x86_steal_message,
	.apf_can_notify = x86_apf_can_notify,
	.apf_not_present = x86_apf_not_present,
	.apf_can_complete = x86_apf_can_complete,
	.apf_present = x86_apf_present,
	.vcpu_mmio = x86_lapic_mmio,
	.translate = x86_translate,
	.pc = pc,
};

/* --- module ---------------------------------------------------------------------------------------- */

static const struct x86_backend *probe(void)
{
#ifdef CONFIG_KEEL_SVM
	const struct x86_backend *svm = svm_probe();

	if (svm)
		return svm;
#endif
	return NULL;
}

static void backend_teardown(void)
{
#ifdef CONFIG_KEEL_SVM
	svm_teardown();
#endif
}

static int __init x86_module_init(void)
{
	const struct x86_backend *backend;
	struct keel_arch_ops ops = x86_ops;
	int r;

	rdmsrl_safe(MSR_EFER, &x86_host_efer);
	if (boot_cpu_has(X86_FEATURE_XSAVE)) {
		x86_host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
		x86_supported_xcr0 = x86_host_xcr0 &
			(XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM | XFEATURE_MASK_AVX512 |
			 XFEATURE_MASK_PKRU);
	}
	backend = probe();
	if (!backend) {
		pr_err("this CPU has no virtualization that Keel can use, or the firmware locks it\n");
		return -EOPNOTSUPP;
	}
	x86_backend = *backend;
#define UPDATE_BE(ret, name, args) static_call_update(x86_be_##name, x86_backend.name);
	X86_BACKEND_OPS(UPDATE_BE)
	ops.name = x86_backend.name;
	ops.vm_size = x86_backend.vm_size;
	ops.vcpu_size = x86_backend.vcpu_size;
	ops.cpu_enable = x86_backend.cpu_enable;
	ops.cpu_disable = x86_backend.cpu_disable;
	ops.caps = x86_caps;
	ops.nr_caps = x86_nr_caps;
	ops.dev_ioctls = x86_dev_ioctls;
	ops.vm_ioctls = x86_vm_ioctls;
	ops.vcpu_ioctls = x86_vcpu_ioctls;
	ops.vcpu_attrs = x86_vcpu_attrs;
	ops.nr_vcpu_attrs = x86_nr_vcpu_attrs;
	ops.sync_regs = x86_sync_regs;
	ops.nr_sync_regs = x86_nr_sync_regs;
	x86_cpuid_setup();
	r = x86_msr_setup();
	if (r)
		goto err_backend;
	r = x86_clock_setup();
	if (r)
		goto err_backend;
	r = keel_init(&ops);
	if (r)
		goto err_clock;
	return 0;

err_clock:
	x86_clock_teardown();
err_backend:
	backend_teardown();
	return r;
}

static void __exit x86_module_exit(void)
{
	keel_exit();
	x86_clock_teardown();
	backend_teardown();
}

module_init(x86_module_init);
module_exit(x86_module_exit);
MODULE_DESCRIPTION("Keel: a KVM-compatible hypervisor");
MODULE_LICENSE("GPL");
MODULE_ALIAS_MISCDEV(KVM_MINOR);
MODULE_ALIAS("devname:kvm");
