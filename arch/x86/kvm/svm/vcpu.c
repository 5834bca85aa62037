// SPDX-License-Identifier: GPL-2.0-only
/* A vCPU on SVM: its life, its reset state, and what changes with the CPU that it is bound to. */
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include <linux/moduleparam.h>
#include <asm/debugreg.h>
#include <asm/nospec-branch.h>
#include <asm/spec-ctrl.h>
#include <keel/user_return.h>
#include "svm.h"

#define MSRPM_ORDER	1	/* 8K (15.11) */

/*
 * A guest that spins sees an exit after so many PAUSEs; the number adapts while that does not
 * help.
 */
static ushort pause_count = 3000;
module_param_named(svm_pause_count, pause_count, ushort, 0444);
MODULE_PARM_DESC(svm_pause_count, "PAUSEs in a loop before an exit (0: do not intercept PAUSE)");
static ushort pause_thresh = 128;
module_param_named(svm_pause_thresh, pause_thresh, ushort, 0444);
MODULE_PARM_DESC(svm_pause_thresh, "cycles between PAUSEs of one loop (0: do not look)");
static ushort pause_grow = 2;
module_param_named(svm_pause_grow, pause_grow, ushort, 0444);
MODULE_PARM_DESC(svm_pause_grow, "factor by which the number grows at each such exit (0: fixed)");
static ushort pause_max = U16_MAX;
module_param_named(svm_pause_max, pause_max, ushort, 0444);
MODULE_PARM_DESC(svm_pause_max, "largest number");

int svm_vcpu_create(struct x86_vcpu *v)
{
	static atomic64_t last_id;
	struct svm_vcpu *s = to_svm(v);

	s->vmcb = (struct vmcb *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!s->vmcb)
		return -ENOMEM;
	s->msrpm = (u32 *)__get_free_pages(GFP_KERNEL_ACCOUNT, MSRPM_ORDER);
	if (!s->msrpm) {
		free_page((unsigned long)s->vmcb);
		s->vmcb = NULL;
		return -ENOMEM;
	}
	memset(s->msrpm, 0xff, PAGE_SIZE << MSRPM_ORDER);
	s->vmcb_pa = __sme_set(__pa(s->vmcb));
	s->cpu = -1;
	s->id = atomic64_inc_return(&last_id);
	svm_rearm(s);
	return 0;
}

void svm_vcpu_destroy(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	free_page((unsigned long)s->vmcb);
	free_pages((unsigned long)s->msrpm, MSRPM_ORDER);
}

/* --- reset (14.1.3) -------------------------------------------------------------------------- */

static void reset_save_area(struct svm_vcpu *s, bool init)
{
	struct vmcb_save_area *save = &s->vmcb->save;

	save->dr6 = X86_DR6_INIT;
	if (init)
		return;
	save->star = save->lstar = save->cstar = save->sfmask = save->kernel_gs_base = 0;
	save->sysenter_cs = save->sysenter_esp = save->sysenter_eip = 0;
	s->sysenter_esp_high = s->sysenter_eip_high = 0;
	save->dbgctl = save->br_from = save->br_to = 0;
	save->last_excp_from = save->last_excp_to = 0;
	save->g_pat = 0x0007040600070406ull;
	save->spec_ctrl = 0;
	s->virt_spec_ctrl = 0;
}

/* What x86 does not set by itself, register by register, as soon as this returns. */
void svm_vcpu_reset(struct x86_vcpu *v, bool init)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb_control_area *c = &s->vmcb->control;

	reset_save_area(s, init);
	c->iopm_base_pa = svm_iopm_pa;
	c->msrpm_base_pa = __sme_set(__pa(s->msrpm));
	c->nested_ctl = SVM_NESTED_CTL_NP_ENABLE;
	c->nested_cr3 = __sme_set(__pa(v->core.vm->s2[0].root));
	c->int_ctl = V_INTR_MASKING_MASK | (svm_has.vnmi ? V_NMI_ENABLE_MASK : 0);
	c->int_state = 0;
	c->event_inj = 0;
	c->tsc_offset = v->tsc_offset;
	c->virt_ext = 0;
	c->pause_filter_thresh = svm_has.pause_thresh ? pause_thresh : 0;
	s->pause_window = pause_count;
	svm_pause_reset(s);

	s->after = 0;
	s->vtpr = 0;
	s->cr8_trap = s->dr_native = s->nmi_masked = false;
	s->exit_soon = s->swallow_bs = false;
	s->soft.active = false;
	svm_changed(v);
	vmcb_dirty(s->vmcb, VMCB_ALL);
	svm_flush_tlb(v);
}

/* --- on this CPU ----------------------------------------------------------------------------- */

void svm_vcpu_load(struct x86_vcpu *v, int cpu)
{
	struct svm_cpu *this = this_cpu_ptr(&svm_cpu);
	struct svm_vcpu *s = to_svm(v);

	if (s->cpu != cpu) {
		s->cpu = cpu;
		/*
		 * Flushes meant for this vCPU went elsewhere meanwhile: what is cached here is
		 * stale.
		 */
		s->asid_generation = 0;
		vmcb_dirty(s->vmcb, VMCB_ALL);
	}
	/* Another thread's state may be in the CPU: it is saved by the next entry. */
	svm_rearm(s);
	if (this->last_vcpu != s->id) {
		this->last_vcpu = s->id;
		if (!cpu_feature_enabled(X86_FEATURE_IBPB_ON_VMEXIT))
			indirect_branch_prediction_barrier();
	}
	svm_load_tsc_ratio(this, v->tsc_ratio);
	if (unlikely(svm_has.virt_ssbd))
		x86_virt_spec_ctrl(s->virt_spec_ctrl, true);
	if (s->pause_window != pause_count)
		svm_pause_reset(s);
}

void svm_vcpu_put(struct x86_vcpu *v)
{
	if (unlikely(svm_has.virt_ssbd))
		x86_virt_spec_ctrl(to_svm(v)->virt_spec_ctrl, false);
}

void svm_set_tsc(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	s->vmcb->control.tsc_offset = v->tsc_offset;
	vmcb_dirty(s->vmcb, VMCB_INTERCEPTS);
	preempt_disable();
	svm_load_tsc_ratio(this_cpu_ptr(&svm_cpu), v->tsc_ratio);
	preempt_enable();
}

/* User code is the only one to see TSC_AUX: the guest's stays until some runs here. */
void svm_lazy_syscall(struct x86_vcpu *v, bool load)
{
	if (load && svm_tsc_aux_slot >= 0)
		keel_uret_set(svm_tsc_aux_slot, v->tsc_aux, ~0ull);
}

/* --- PAUSE filter (15.14.4) ------------------------------------------------------------------ */

static void set_pause_window(struct svm_vcpu *s, u16 window)
{
	s->pause_window = window;
	s->vmcb->control.pause_filter_count = svm_has.pause_filter ? window : 0;
	vmcb_dirty(s->vmcb, VMCB_INTERCEPTS);
}

/*
 * Yielding has not ended the guest's waiting: let it wait longer next time, until it is scheduled
 * in again.
 */
void svm_pause_grow(struct svm_vcpu *s)
{
	if (pause_grow > 1 && s->pause_window < pause_max)
		set_pause_window(s, min_t(u32, (u32)s->pause_window * pause_grow, pause_max));
}

void svm_pause_reset(struct svm_vcpu *s)
{
	set_pause_window(s, pause_count);
}

/* --- TLB (15.16) ----------------------------------------------------------------------------- */

void svm_flush_tlb(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	if (svm_has.flush_by_asid) {
		s->vmcb->control.tlb_ctl = TLB_CONTROL_FLUSH_ASID;
	} else {
		s->asid_generation = 0;
		svm_rearm(s);
	}
}

void svm_flush_gva(struct x86_vcpu *v, unsigned long gva)
{
	struct svm_vcpu *s = to_svm(v);

	v->stat.invlpg++;
	preempt_disable();
	/* Without a valid ASID on this CPU there is nothing to drop. */
	if (s->asid_generation == this_cpu_ptr(&svm_cpu)->generation)
		asm volatile("invlpga %0, %1" : : "a"(gva), "c"(s->vmcb->control.asid) : "memory");
	preempt_enable();
}
