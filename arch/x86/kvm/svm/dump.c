// SPDX-License-Identifier: GPL-2.0-only
/* A VMCB that the CPU has refused, in the log. */
#define pr_fmt(fmt) "keel: " fmt
#include <linux/moduleparam.h>
#include <linux/ratelimit.h>
#include "svm.h"

static bool dump_invalid_vmcb;
module_param(dump_invalid_vmcb, bool, 0644);
MODULE_PARM_DESC(dump_invalid_vmcb, "log the VMCB when VMRUN refuses it");

static void dump_segment(const char *name, const struct vmcb_seg *seg)
{
	pr_err("%-5s %04x attributes %04x limit %08x base %016llx\n", name, seg->selector,
	       seg->attrib, seg->limit, seg->base);
}

void svm_dump(struct svm_vcpu *s)
{
	static DEFINE_RATELIMIT_STATE(limit, 5 * HZ, 2);
	const struct vmcb_control_area *c = &s->vmcb->control;
	const struct vmcb_save_area *save = &s->vmcb->save;
	int i;

	if (!dump_invalid_vmcb || !__ratelimit(&limit))
		return;
	pr_err("vCPU %u: VMRUN refused this VMCB on CPU %d\n", s->x86.core.id, s->cpu);
	for (i = 0; i < MAX_INTERCEPT; i++)
		pr_err("intercepts %d: %08x\n", i, c->intercepts[i]);
	pr_err("PAUSE filter %u/%u iopm %016llx msrpm %016llx tsc offset %016llx\n",
	       c->pause_filter_count, c->pause_filter_thresh, c->iopm_base_pa, c->msrpm_base_pa,
	       c->tsc_offset);
	pr_err("asid %u tlb_ctl %u int_ctl %08x int_vector %08x int_state %08x clean %08x\n",
	       c->asid, c->tlb_ctl, c->int_ctl, c->int_vector, c->int_state, c->clean);
	pr_err("exit %08x info %016llx %016llx int_info %08x/%08x inj %08x/%08x next rip %016llx\n",
	       c->exit_code, c->exit_info_1, c->exit_info_2, c->exit_int_info,
	       c->exit_int_info_err, c->event_inj, c->event_inj_err, c->next_rip);
	pr_err("nested_ctl %llx nested cr3 %016llx virt_ext %llx\n", c->nested_ctl, c->nested_cr3,
	       c->virt_ext);
	dump_segment("es", &save->es);
	dump_segment("cs", &save->cs);
	dump_segment("ss", &save->ss);
	dump_segment("ds", &save->ds);
	dump_segment("fs", &save->fs);
	dump_segment("gs", &save->gs);
	dump_segment("gdtr", &save->gdtr);
	dump_segment("ldtr", &save->ldtr);
	dump_segment("idtr", &save->idtr);
	dump_segment("tr", &save->tr);
	pr_err("cpl %u efer %016llx cr0 %016llx cr2 %016llx cr3 %016llx cr4 %016llx\n", save->cpl,
	       save->efer, save->cr0, save->cr2, save->cr3, save->cr4);
	pr_err("dr6 %016llx dr7 %016llx rip %016llx rflags %016llx rsp %016llx rax %016llx\n",
	       save->dr6, save->dr7, save->rip, save->rflags, save->rsp, save->rax);
	pr_err("star %016llx lstar %016llx cstar %016llx sfmask %016llx kernel gs %016llx\n",
	       save->star, save->lstar, save->cstar, save->sfmask, save->kernel_gs_base);
	pr_err("sysenter %016llx %016llx %016llx pat %016llx debugctl %016llx\n",
	       save->sysenter_cs, save->sysenter_esp, save->sysenter_eip, save->g_pat,
	       save->dbgctl);
}
