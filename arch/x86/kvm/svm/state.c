// SPDX-License-Identifier: GPL-2.0-only
/* Guest state that lives in the VMCB: segments, descriptor tables, control registers, MSRs. */
#include <asm/msr-index.h>
#include <asm/spec-ctrl.h>
#include <asm/tlbflush.h>
#include "svm.h"

/* --- segments (15.5.1) ----------------------------------------------------------------------- */

static struct vmcb_seg *segment(struct svm_vcpu *s, int seg)
{
	struct vmcb_save_area *save = &s->vmcb->save;

	switch (seg) {
	case X86_ES: return &save->es;
	case X86_CS: return &save->cs;
	case X86_SS: return &save->ss;
	case X86_DS: return &save->ds;
	case X86_FS: return &save->fs;
	case X86_GS: return &save->gs;
	case X86_LDTR: return &save->ldtr;
	default: return &save->tr;
	}
}

void svm_get_segment(struct x86_vcpu *v, struct kvm_segment *out, int seg)
{
	struct svm_vcpu *s = to_svm(v);
	const struct vmcb_seg *in = segment(s, seg);
	u16 a = in->attrib;

	*out = (struct kvm_segment){
		.base = in->base, .limit = in->limit, .selector = in->selector,
		.type = a & 0xf, .s = a >> 4 & 1, .dpl = a >> 5 & 3, .present = a >> 7 & 1,
		.avl = a >> 8 & 1, .l = a >> 9 & 1, .db = a >> 10 & 1, .g = a >> 11 & 1,
	};
	/* Here a null segment is one that is not present; the ABI, and Intel, have a bit for it. */
	out->unusable = !out->present;

	/* Where the CPU leaves bits out that the ABI, or another CPU after migration, relies on: */
	switch (seg) {
	case X86_CS:
		out->g = in->limit > 0xfffff;
		break;
	case X86_TR:
		out->type |= VMCB_ATTR_TSS_BUSY;
		break;
	case X86_SS:
		if (out->unusable)
			out->db = 0;
		out->dpl = s->vmcb->save.cpl;
		fallthrough;
	case X86_DS:
	case X86_ES:
	case X86_FS:
	case X86_GS:
		if (!out->unusable)
			out->type |= VMCB_ATTR_ACCESSED;
		break;
	}
}

void svm_set_segment(struct x86_vcpu *v, const struct kvm_segment *in, int seg)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb_seg *out = segment(s, seg);

	out->base = in->base;
	out->limit = in->limit;
	out->selector = in->selector;
	out->attrib = (in->type & 0xf) | (in->s & 1) << 4 | (in->dpl & 3) << 5 |
		      (in->present && !in->unusable) << 7 | (in->avl & 1) << 8 |
		      (in->l & 1) << 9 | (in->db & 1) << 10 | (in->g & 1) << 11;
	/* The CPU keeps CPL apart; SS.DPL is what it equals (4.9.1), but for a SYSRET. */
	if (seg == X86_SS)
		s->vmcb->save.cpl = in->dpl & 3;
	vmcb_dirty(s->vmcb, VMCB_SEG);
}

int svm_get_cpl(struct x86_vcpu *v)
{
	return to_svm(v)->vmcb->save.cpl;
}

/* CS.L counts in long mode only. */
int svm_cs_bits(struct x86_vcpu *v)
{
	u16 attrib = to_svm(v)->vmcb->save.cs.attrib;

	if ((attrib & VMCB_ATTR_L) && x86_long_mode(v))
		return 64;
	return attrib & VMCB_ATTR_D ? 32 : 16;
}

void svm_get_mode(struct x86_vcpu *v, struct x86_mode *m)
{
	const struct svm_vcpu *s = to_svm(v);
	const struct vmcb_save_area *save = &s->vmcb->save;

	m->cr0 = save->cr0 | s->hidden_cr0;
	m->cr3 = save->cr3;
	m->cr4 = s->guest_cr4;
	m->cpl = save->cpl;
	m->cs_bits = svm_cs_bits(v);
}

void svm_get_dt(struct x86_vcpu *v, struct kvm_dtable *dt, int which)
{
	const struct vmcb_save_area *save = &to_svm(v)->vmcb->save;
	const struct vmcb_seg *seg = which ? &save->idtr : &save->gdtr;

	*dt = (struct kvm_dtable){ .base = seg->base, .limit = seg->limit };
}

void svm_set_dt(struct x86_vcpu *v, const struct kvm_dtable *dt, int which)
{
	struct vmcb *vmcb = to_svm(v)->vmcb;
	struct vmcb_seg *seg = which ? &vmcb->save.idtr : &vmcb->save.gdtr;

	seg->base = dt->base;
	seg->limit = dt->limit;
	vmcb_dirty(vmcb, VMCB_DT);
}

/* --- control registers ----------------------------------------------------------------------- */

unsigned long svm_get_cr(struct x86_vcpu *v, int nr)
{
	struct svm_vcpu *s = to_svm(v);

	switch (nr) {
	case 0:
		return s->vmcb->save.cr0 | s->hidden_cr0;
	case 3:
		return s->vmcb->save.cr3;
	default:
		return s->guest_cr4;
	}
}

void svm_set_cr(struct x86_vcpu *v, int nr, unsigned long val)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb *vmcb = s->vmcb;

	switch (nr) {
	case 0:
		/*
		 * CD in a guest's CR0 makes its memory uncached (15.25.8), and firmware that
		 * never clears it is common: only a VMM that has turned the quirk off gets what
		 * it asks for.
		 */
		s->hidden_cr0 = 0;
		if (x86_quirk(x86_vm_of(v), KVM_X86_QUIRK_CD_NW_CLEARED))
			s->hidden_cr0 = val & (X86_CR0_CD | X86_CR0_NW);
		vmcb->save.cr0 = val & ~(unsigned long)s->hidden_cr0;
		break;
	case 3:
		vmcb->save.cr3 = val;
		break;
	case 4:
		s->guest_cr4 = val;
		/* With MCE clear a machine check would be a shutdown, of the host too. */
		vmcb->save.cr4 = val | (cr4_read_shadow() & X86_CR4_MCE);
		break;
	}
	vmcb_dirty(vmcb, VMCB_CR);
	if (nr != 3)
		svm_update_cr_intercepts(s);
}

void svm_set_efer(struct x86_vcpu *v, u64 efer)
{
	struct vmcb *vmcb = to_svm(v)->vmcb;

	vmcb->save.efer = efer | EFER_SVME;	/* VMRUN insists (15.5.1) */
	vmcb_dirty(vmcb, VMCB_CR);
}

/* --- MSRs ------------------------------------------------------------------------------------ */

#define DEBUGCTL_VALID	(DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF)

/* MSRs that are plain fields of the VMCB's save area. */
static u64 *msr_field(struct svm_vcpu *s, u32 index)
{
	struct vmcb_save_area *save = &s->vmcb->save;

	switch (index) {
	case MSR_STAR: return &save->star;
	case MSR_LSTAR: return &save->lstar;
	case MSR_CSTAR: return &save->cstar;
	case MSR_SYSCALL_MASK: return &save->sfmask;
	case MSR_KERNEL_GS_BASE: return &save->kernel_gs_base;
	case MSR_FS_BASE: return &save->fs.base;
	case MSR_GS_BASE: return &save->gs.base;
	case MSR_IA32_SYSENTER_CS: return &save->sysenter_cs;
	case MSR_IA32_DEBUGCTLMSR: return &save->dbgctl;
	case MSR_IA32_LASTBRANCHFROMIP: return &save->br_from;
	case MSR_IA32_LASTBRANCHTOIP: return &save->br_to;
	case MSR_IA32_LASTINTFROMIP: return &save->last_excp_from;
	case MSR_IA32_LASTINTTOIP: return &save->last_excp_to;
	case MSR_IA32_CR_PAT: return &save->g_pat;
	default: return NULL;
	}
}

int svm_get_msr(struct x86_vcpu *v, u32 index, u64 *val)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb_save_area *save = &s->vmcb->save;
	const u64 *field;

	switch (index) {
	case MSR_IA32_SYSENTER_ESP:
		*val = (u32)save->sysenter_esp | (u64)s->sysenter_esp_high << 32;
		return 0;
	case MSR_IA32_SYSENTER_EIP:
		*val = (u32)save->sysenter_eip | (u64)s->sysenter_eip_high << 32;
		return 0;
	case MSR_IA32_SPEC_CTRL:
		*val = svm_has.v_spec_ctrl ? save->spec_ctrl : v->spec_ctrl;
		return 0;
	case MSR_AMD64_VIRT_SPEC_CTRL:
		*val = s->virt_spec_ctrl;
		return 0;
	case MSR_TSC_AUX:
		*val = v->tsc_aux;
		return 0;
	}
	field = msr_field(s, index);
	if (!field)
		return 1;
	*val = *field;
	return 0;
}

static int set_debugctl(struct svm_vcpu *s, u64 val)
{
	struct vmcb *vmcb = s->vmcb;

	if (val & ~(u64)DEBUGCTL_VALID)
		return -EINVAL;
	if (!svm_has.lbr)
		return 0;	/* as on a CPU that records nothing */
	vmcb->save.dbgctl = val;
	/*
	 * With LBR virtualization DEBUGCTL is swapped too, which costs: only while the guest uses
	 * it.
	 */
	if (val)
		vmcb->control.virt_ext |= LBR_CTL_ENABLE_MASK;
	else
		vmcb->control.virt_ext &= ~LBR_CTL_ENABLE_MASK;
	vmcb_dirty(vmcb, VMCB_LBR);
	svm_update_msrs(s);
	return 0;
}

static int set_virt_spec_ctrl(struct svm_vcpu *s, u64 val)
{
	if (val & ~SPEC_CTRL_SSBD)
		return -EINVAL;
	s->virt_spec_ctrl = val;
	if (svm_has.virt_ssbd) {
		preempt_disable();
		x86_virt_spec_ctrl(val, true);
		preempt_enable();
	}
	return 0;
}

/*
 * AMD's SYSENTER registers have 32 bits; a guest that thinks it is on Intel's reads back all of
 * them.
 */
static u32 high_half(const struct x86_vcpu *v, u64 val)
{
	return v->cpuid.amd ? 0 : val >> 32;
}

/**
 * svm_set_msr - MSRs that are kept here
 * @v: the vCPU
 * @index: which
 * @val: canonical, without reserved bits: the tables of x86 have checked it
 * @host: on behalf of user space
 *
 * Return: 0, 1: not one of these, -EINVAL: no such value.
 */
int svm_set_msr(struct x86_vcpu *v, u32 index, u64 val, bool host)
{
	struct svm_vcpu *s = to_svm(v);
	struct vmcb *vmcb = s->vmcb;
	u64 *field;

	switch (index) {
	case MSR_IA32_SYSENTER_ESP:
		vmcb->save.sysenter_esp = (u32)val;
		s->sysenter_esp_high = high_half(v, val);
		return 0;
	case MSR_IA32_SYSENTER_EIP:
		vmcb->save.sysenter_eip = (u32)val;
		s->sysenter_eip_high = high_half(v, val);
		return 0;
	case MSR_IA32_SPEC_CTRL:
		v->spec_ctrl = val;
		vmcb->save.spec_ctrl = val;
		return 0;
	case MSR_AMD64_VIRT_SPEC_CTRL:
		return set_virt_spec_ctrl(s, val);
	case MSR_TSC_AUX:
		v->tsc_aux = (u32)val;
		v->core.lazy_loaded &= ~BIT(X86_LAZY_SYSCALL);	/* load it anew */
		return 0;
	case MSR_IA32_DEBUGCTLMSR:
		return set_debugctl(s, val);
	case MSR_IA32_CR_PAT:
		vmcb_dirty(vmcb, VMCB_NPT);
		break;
	case MSR_IA32_LASTBRANCHFROMIP:
	case MSR_IA32_LASTBRANCHTOIP:
	case MSR_IA32_LASTINTFROMIP:
	case MSR_IA32_LASTINTTOIP:
		vmcb_dirty(vmcb, VMCB_LBR);
		break;
	}
	field = msr_field(s, index);
	if (!field)
		return 1;
	*field = val;
	return 0;
}
