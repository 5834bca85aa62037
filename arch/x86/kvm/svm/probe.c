// SPDX-License-Identifier: GPL-2.0-only
/* Is there SVM, what can it do; and switching it on and off on each CPU. */
#define pr_fmt(fmt) "keel: " fmt
#include <linux/cc_platform.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <asm/processor.h>
#include <asm/reboot.h>
#include <asm/tlbflush.h>
#include <keel/user_return.h>
#include "svm.h"

struct svm_features svm_has __read_mostly;
u32 svm_max_asid __read_mostly;
u32 svm_clean_mask __read_mostly;
u64 svm_iopm_pa __read_mostly;
int svm_tsc_aux_slot __read_mostly = -1;
DEFINE_PER_CPU(struct svm_cpu, svm_cpu);

static struct page *iopm;
#define IOPM_ORDER	2	/* 12K (15.10) */

/* For tests: do without what the CPU has. */
#ifdef CONFIG_KEEL_LAB
#define FEATURE_PARAM(name, what)					\
	static bool use_##name = true;					\
	module_param_named(svm_##name, use_##name, bool, 0444);		\
	MODULE_PARM_DESC(svm_##name, "use " what)
#else
#define FEATURE_PARAM(name, what) enum { use_##name = true }
#endif

FEATURE_PARAM(nrips, "next-RIP save");
FEATURE_PARAM(flush_by_asid, "TLB flush by ASID");
FEATURE_PARAM(decode_assists, "decode assists");
FEATURE_PARAM(clean_bits, "VMCB clean bits");
FEATURE_PARAM(lbr, "LBR virtualization");
FEATURE_PARAM(pause_filter, "the PAUSE filter");
FEATURE_PARAM(tsc_scaling, "TSC scaling");
FEATURE_PARAM(v_spec_ctrl, "virtual SPEC_CTRL");
FEATURE_PARAM(vnmi, "virtual NMIs");

/* --- each CPU (15.4) ------------------------------------------------------------------------- */

/* Guests only see the ratio, so the last one stays; @ratio 0: none chosen yet. */
void svm_load_tsc_ratio(struct svm_cpu *cpu, u64 ratio)
{
	if (svm_has.tsc_scaling && cpu->tsc_ratio != ratio && ratio) {
		cpu->tsc_ratio = ratio;
		wrmsrl(MSR_AMD64_TSC_RATIO, ratio);
	}
}

/* The core calls these with interrupts off, at load, hotplug, resume and before reboot. */
int svm_cpu_enable(void)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return -EBUSY;	/* somebody else's */
	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(MSR_VM_HSAVE_PA, cpu->hsave_pa);
	cpu->tsc_ratio = 0;
	svm_load_tsc_ratio(cpu, SVM_TSC_RATIO_DEFAULT);
	cpu->last_vcpu = 0;
	/* The first entry starts a new generation, and so flushes what an earlier life has left. */
	cpu->generation++;
	cpu->next_asid = svm_max_asid + 1;
	return 0;
}

/*
 * With GIF clear the CPU would not take the INIT that a reboot or a crash kernel sends (15.17);
 * STGI exists only while SVME is set.
 */
static void svm_off(void)
{
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (!(efer & EFER_SVME))
		return;
	asm volatile("stgi" : : : "memory");
	wrmsrl(MSR_VM_HSAVE_PA, 0);
	wrmsrl(MSR_EFER, efer & ~(u64)EFER_SVME);
}

void svm_cpu_disable(void)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);

	svm_load_tsc_ratio(cpu, SVM_TSC_RATIO_DEFAULT);
	cpu->generation++;	/* no ASID is valid here: nobody may try INVLPGA */
	svm_off();
}

/*
 * A crash stops the other CPUs where they are, maybe with GIF clear. The kernel calls one
 * hypervisor then: this one from its first VM on, when it is clear whose /dev/kvm is.
 */
static DEFINE_MUTEX(emergency_lock);
static bool emergency_registered;

int svm_vm_init(struct x86_vm *vm)
{
	mutex_lock(&emergency_lock);
	if (!emergency_registered)
		cpu_emergency_register_virt_callback(svm_off);
	emergency_registered = true;
	mutex_unlock(&emergency_lock);
	return 0;
}

void svm_vm_destroy(struct x86_vm *vm)
{
}

/* --- all of them ----------------------------------------------------------------------------- */

static void free_cpus(void)
{
	int i;

	for_each_possible_cpu(i) {
		struct svm_cpu *cpu = per_cpu_ptr(&svm_cpu, i);

		if (cpu->host_pa)
			free_page((unsigned long)__va(__sme_clr(cpu->host_pa)));
		if (cpu->hsave_pa)
			free_page((unsigned long)__va(__sme_clr(cpu->hsave_pa)));
		cpu->host_pa = cpu->hsave_pa = 0;
	}
}

static u64 alloc_area(int node)
{
	struct page *page = alloc_pages_node(node, GFP_KERNEL | __GFP_ZERO, 0);

	return page ? __sme_set(page_to_phys(page)) : 0;
}

static int alloc_cpus(void)
{
	int i;

	for_each_possible_cpu(i) {
		struct svm_cpu *cpu = per_cpu_ptr(&svm_cpu, i);

		svm_exit_work_init(cpu);
		cpu->host_pa = alloc_area(cpu_to_node(i));
		cpu->hsave_pa = alloc_area(cpu_to_node(i));
		if (!cpu->host_pa || !cpu->hsave_pa) {
			free_cpus();
			return -ENOMEM;
		}
	}
	return 0;
}

static bool usable(void)
{
	u64 vm_cr;

	if (boot_cpu_data.x86_vendor != X86_VENDOR_AMD &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_HYGON)
		return false;
	if (!boot_cpu_has(X86_FEATURE_SVM))
		return false;
	if (!rdmsrl_safe(MSR_VM_CR, &vm_cr) && (vm_cr & SVM_VM_CR_SVM_DIS_MASK)) {
		pr_info("SVM is switched off by the firmware\n");
		return false;
	}
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT)) {
		pr_info("an encrypted guest cannot have guests\n");
		return false;
	}
	return true;
}

static bool probe_features(void)
{
	u32 eax, nr_asids, ecx, edx;

	cpuid(0x8000000a, &eax, &nr_asids, &ecx, &edx);
	if (!(edx & SVM_CPUID_NPT)) {
		pr_info("SVM without nested paging is not supported\n");
		return false;
	}
	if (nr_asids < 2)
		return false;
	svm_max_asid = nr_asids - 1;
	svm_has = (struct svm_features){
		.nrips = use_nrips && (edx & SVM_CPUID_NRIPS),
		.flush_by_asid = use_flush_by_asid && (edx & SVM_CPUID_FLUSHBYASID),
		.decode_assists = use_decode_assists && (edx & SVM_CPUID_DECODE),
		.lbr = use_lbr && (edx & SVM_CPUID_LBRV),
		.pause_filter = use_pause_filter && (edx & SVM_CPUID_PAUSE),
		.pause_thresh = use_pause_filter && (edx & SVM_CPUID_PAUSE_THRESH),
		.tsc_scaling = use_tsc_scaling && (edx & SVM_CPUID_TSC_RATE),
		.v_spec_ctrl = use_v_spec_ctrl && (edx & SVM_CPUID_V_SPEC_CTRL),
		.vnmi = use_vnmi && (edx & SVM_CPUID_VNMI),
		.virt_ssbd = boot_cpu_has(X86_FEATURE_LS_CFG_SSBD) ||
			     boot_cpu_has(X86_FEATURE_VIRT_SSBD),
	};
	svm_clean_mask = use_clean_bits && (edx & SVM_CPUID_CLEAN) ? VMCB_ALL : 0;
	return true;
}

static struct x86_backend svm_backend = {
	.name = "svm",
	.isa = 2,
	.vm_size = sizeof(struct x86_vm),
	.vcpu_size = sizeof(struct svm_vcpu),
	.s2_ops = &npt_s2_ops,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = svm_cpu_disable,
	.vm_init = svm_vm_init,
	.vm_destroy = svm_vm_destroy,
	.vcpu_create = svm_vcpu_create,
	.vcpu_destroy = svm_vcpu_destroy,
	.vcpu_reset = svm_vcpu_reset,
	.vcpu_load = svm_vcpu_load,
	.vcpu_put = svm_vcpu_put,
	.get_segment = svm_get_segment,
	.set_segment = svm_set_segment,
	.get_cpl = svm_get_cpl,
	.cs_bits = svm_cs_bits,
	.get_mode = svm_get_mode,
	.get_dt = svm_get_dt,
	.set_dt = svm_set_dt,
	.get_cr = svm_get_cr,
	.set_cr = svm_set_cr,
	.set_efer = svm_set_efer,
	.set_debug = svm_set_debug,
	.get_int_shadow = svm_get_int_shadow,
	.set_int_shadow = svm_set_int_shadow,
	.next_rip = svm_next_rip,
	.inject_exception = svm_inject_exception,
	.inject_irq = svm_inject_irq,
	.inject_nmi = svm_inject_nmi,
	.cancel = svm_cancel,
	.irq_allowed = svm_irq_allowed,
	.nmi_allowed = svm_nmi_allowed,
	.irq_window = svm_irq_window,
	.nmi_window = svm_nmi_window,
	.get_nmi_mask = svm_get_nmi_mask,
	.set_nmi_mask = svm_set_nmi_mask,
	.cr8_intercept = svm_cr8_intercept,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.changed = svm_changed,
	.set_tsc = svm_set_tsc,
	.flush_tlb = svm_flush_tlb,
	.flush_guest = svm_flush_tlb,	/* combined translations know one tag only, the ASID */
	.flush_gva = svm_flush_gva,
	.update_exceptions = svm_update_exceptions,
	.lazy_syscall = svm_lazy_syscall,
	.lazy_debug = svm_lazy_debug,
	.enter = svm_enter,
	.handle_exit = svm_handle_exit,
	.exit_info = svm_exit_info,
	.patch_hypercall = svm_patch_hypercall,
};

/**
 * svm_probe - is this CPU one for this backend?
 *
 * Return: the backend, or NULL. svm_teardown() takes back what it has allocated.
 */
const struct x86_backend *svm_probe(void)
{
	u64 tsc_aux;

	if (!usable() || !probe_features())
		return NULL;
	iopm = alloc_pages(GFP_KERNEL, IOPM_ORDER);
	if (!iopm)
		return NULL;
	memset(page_address(iopm), 0xff, PAGE_SIZE << IOPM_ORDER);
	svm_iopm_pa = __sme_set(page_to_phys(iopm));
	if (alloc_cpus()) {
		__free_pages(iopm, IOPM_ORDER);
		return NULL;
	}
	svm_tsc_aux_slot = -1;
	if ((boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID)) &&
	    !rdmsrl_safe(MSR_TSC_AUX, &tsc_aux))
		svm_tsc_aux_slot = keel_uret_add(MSR_TSC_AUX);

	x86_cpu_cap_clear(X86_FEATURE_SVM);
	if (boot_cpu_has(X86_FEATURE_LS_CFG_SSBD) || boot_cpu_has(X86_FEATURE_AMD_SSBD))
		x86_cpu_cap_set(X86_FEATURE_VIRT_SSBD);

	/* Nested walks are as deep as the host's own (15.25.3). */
	svm_backend.s2_levels = pgtable_l5_enabled() ? 5 : 4;
	svm_backend.s2_max_order = boot_cpu_has(X86_FEATURE_GBPAGES) ? 18 : 9;
	svm_backend.lazy_always = BIT(X86_LAZY_FPU);
	if (svm_tsc_aux_slot >= 0)
		svm_backend.lazy_always |= BIT(X86_LAZY_SYSCALL);
	svm_backend.has_tsc_control = svm_has.tsc_scaling;
	svm_backend.tsc_ratio_frac_bits = 32;
	svm_backend.tsc_ratio_max = SVM_TSC_RATIO_MAX;
	return &svm_backend;
}

void svm_teardown(void)
{
	if (emergency_registered)
		cpu_emergency_unregister_virt_callback(svm_off);
	emergency_registered = false;
	free_cpus();
	__free_pages(iopm, IOPM_ORDER);
}
