// SPDX-License-Identifier: GPL-2.0-only
/* From SVM's exit codes (APM volume 2, appendix C) to what is done about them. */
#include <linux/mm.h>
#include <linux/ratelimit.h>
#include <keel/fault.h>
#include "../irqchip.h"
#include "../trace.h"
#include "svm.h"

/**
 * svm_next_rip - where the intercepted instruction ends, if the CPU has said so
 * @v: the vCPU
 *
 * Next-RIP save is for instruction intercepts only (15.7.1); IOIO gives it on every CPU.
 */
unsigned long svm_next_rip(struct x86_vcpu *v)
{
	const struct vmcb_control_area *c = &to_svm(v)->vmcb->control;

	if (c->exit_code == SVM_EXIT_IOIO)
		return c->exit_info_2;
	if (svm_has.nrips && (c->exit_code < SVM_EXIT_EXCP_BASE ||
			      (c->exit_code > SVM_EXIT_VINTR && c->exit_code < SVM_EXIT_NPF)))
		return c->next_rip;
	return 0;
}

void svm_exit_info(struct x86_vcpu *v, u32 *reason, u64 *info1, u64 *info2, u32 *intr_info,
		   u32 *error)
{
	const struct vmcb_control_area *c = &to_svm(v)->vmcb->control;

	*reason = c->exit_code;
	*info1 = c->exit_info_1;
	*info2 = c->exit_info_2;
	*intr_info = c->exit_int_info & SVM_EXITINTINFO_VALID ? c->exit_int_info : 0;
	*error = *intr_info & SVM_EXITINTINFO_VALID_ERR ? c->exit_int_info_err : 0;
}

/* VMMCALL */
void svm_patch_hypercall(struct x86_vcpu *v, u8 insn[3])
{
	insn[0] = 0x0f;
	insn[1] = 0x01;
	insn[2] = 0xd9;
}

/* --- events ---------------------------------------------------------------------------------- */

/* The host has taken it already: interrupts when they were switched on again, NMIs with STGI. */
static int exit_host_event(struct x86_vcpu *v)
{
	v->core.stat.irq_exits++;
	return 1;
}

static int exit_vintr(struct x86_vcpu *v)
{
	v->stat.irq_window_exits++;
	svm_irq_window_close(to_svm(v));
	v->events_dirty = true;
	return 1;
}

static int exit_iret(struct x86_vcpu *v)
{
	v->stat.nmi_window_exits++;
	svm_iret_exit(to_svm(v));
	return 1;
}

/* Handled before interrupts were switched on. */
static int exit_mc(struct x86_vcpu *v)
{
	return 1;
}

static int exit_ac(struct x86_vcpu *v)
{
	x86_queue_exception_error(v, X86_TRAP_AC, 0);
	return 1;
}

/* After this exit the VMCB holds nothing that can be relied on (15.14.3). */
static int exit_shutdown(struct x86_vcpu *v)
{
	x86_vcpu_reset(v, true);
	return x86_exit_shutdown(v);
}

/* --- instructions ---------------------------------------------------------------------------- */

static int exit_ioio(struct x86_vcpu *v)
{
	u32 info = to_svm(v)->vmcb->control.exit_info_1;

	if (unlikely(info & SVM_IOIO_STR_MASK))
		return x86_emulate(v, ~0ull, 0, NULL, 0);
	return x86_fast_pio(v, info & SVM_IOIO_TYPE_MASK,
			    (info & SVM_IOIO_SIZE_MASK) >> SVM_IOIO_SIZE_SHIFT, info >> 16);
}

static int exit_msr(struct x86_vcpu *v)
{
	if (to_svm(v)->vmcb->control.exit_info_1)
		return x86_exit_wrmsr(v);
	return x86_exit_rdmsr(v);
}

/* Some CPUs look at the intercept first, and at CPL after it. */
static int exit_xsetbv(struct x86_vcpu *v)
{
	if (svm_get_cpl(v))
		return x86_gp(v);
	return x86_exit_xsetbv(v);
}

static int exit_pause(struct x86_vcpu *v)
{
	if (svm_has.pause_filter)
		svm_pause_grow(to_svm(v));
	return x86_exit_pause(v);
}

static int emulate_cr(struct x86_vcpu *v)
{
	return x86_emulate(v, ~0ull, 0, NULL, 0);
}

/*
 * MOV to and from a control register, decoded by the CPU; all else (LMSW, SMSW, CLTS) by
 * software.
 */
static int exit_cr(struct x86_vcpu *v)
{
	const struct vmcb_control_area *c = &to_svm(v)->vmcb->control;
	u64 info = c->exit_info_1;
	unsigned long *gpr = &v->regs[info & SVM_EXITINFO_REG_MASK];
	unsigned long val;
	int gp;

	v->stat.cr_exits++;
	if (!svm_has.decode_assists || !(info & EXIT_CR_MOV))
		return emulate_cr(v);
	val = svm_cs_bits(v) == 64 ? *gpr : (u32)*gpr;
	switch (c->exit_code) {
	case SVM_EXIT_WRITE_CR0:
	case SVM_EXIT_CR0_SEL_WRITE:
		gp = x86_set_cr0(v, val);
		break;
	case SVM_EXIT_WRITE_CR4:
		gp = x86_set_cr4(v, val);
		break;
	case SVM_EXIT_READ_CR0:
		*gpr = x86_cr0(v);
		gp = 0;
		break;
	case SVM_EXIT_READ_CR4:
		*gpr = x86_cr4(v);
		gp = 0;
		break;
	default:
		return emulate_cr(v);
	}
	return gp ? x86_gp(v) : x86_skip(v);
}

/* Without an in-kernel LAPIC, user space wants to know when the TPR has been lowered. */
static int exit_cr8(struct x86_vcpu *v)
{
	unsigned long old = x86_get_cr8(v);
	int r;

	v->stat.cr_exits++;
	r = emulate_cr(v);
	if (v->lapic)
		return r;
	svm_rearm(to_svm(v));
	if (r <= 0 || x86_get_cr8(v) >= old)
		return r;
	v->core.run->exit_reason = KVM_EXIT_SET_TPR;
	return 0;
}

/* APM 15.14.1; the error code of a fault that goes through a task gate is in the second word. */
static int exit_task_switch(struct x86_vcpu *v)
{
	struct vmcb_control_area *c = &to_svm(v)->vmcb->control;
	u16 selector = c->exit_info_1;
	u64 info = c->exit_info_2;
	bool has_error = false;
	u32 error = 0, type = c->exit_int_info & SVM_EXITINTINFO_TYPE_MASK;
	u8 vector = c->exit_int_info & SVM_EXITINTINFO_VEC_MASK;
	int reason;
	enum { CALL, IRET, JMP, GATE };	/* as the emulator numbers them */

	if (info & BIT_ULL(SVM_EXITINFOSHIFT_TS_REASON_IRET))
		reason = IRET;
	else if (info & BIT_ULL(SVM_EXITINFOSHIFT_TS_REASON_JMP))
		reason = JMP;
	else if (c->exit_int_info & SVM_EXITINTINFO_VALID)
		reason = GATE;
	else
		reason = CALL;

	if (reason == GATE) {
		/* The task switch delivers the event: it is not to be injected again. */
		if (info & BIT_ULL(SVM_EXITINFOSHIFT_TS_HAS_ERROR_CODE)) {
			has_error = true;
			error = info;
		}
		x86_clear_injected(v);
	}
	/* The old task goes on after the instruction that has left it. */
	if (reason != GATE || type == SVM_EXITINTINFO_TYPE_SOFT ||
	    (type == SVM_EXITINTINFO_TYPE_EXEPT &&
	     (vector == X86_TRAP_BP || vector == X86_TRAP_OF))) {
		int len = x86_insn_len(v);

		if (!len)
			return keel_internal_error(&v->core, KVM_INTERNAL_ERROR_EMULATION, 0, NULL);
		v->rip += len;
	}
	return x86_task_switch(v, selector, reason, has_error, error);
}

/* --- #UD ------------------------------------------------------------------------------------- */

/* An instruction, zero where it cannot be fetched: the last byte of a page may be an #UD. */
static void fetch(struct x86_vcpu *v, u64 linear, u32 user, u8 *insn, unsigned int len)
{
	u32 error;

	memset(insn, 0, len);
	for (; len; len--, linear++, insn++) {
		u64 gpa = x86_gva_to_gpa(v, linear, X86_WALK_FETCH | user, &error);

		if (gpa == ~0ull || keel_read_guest(&v->core, gpa, insn, 1))
			break;
	}
}

/* The two differ in their last byte only, so that other vCPUs see the one or the other. */
static int fix_hypercall(struct x86_vcpu *v, u64 linear, u32 user)
{
	u32 error;
	u64 gpa = x86_gva_to_gpa(v, linear + 2, X86_WALK_WRITE | user, &error);
	u8 insn[3];

	if (gpa == ~0ull) {
		x86_queue_pf(v, linear + 2, error);
		return 1;
	}
	svm_patch_hypercall(v, insn);
	return keel_write_guest(&v->core, gpa, &insn[2], 1) ? x86_ud(v) : 1;
}

/*
 * Most are the guest's own. Some are not: VMCALL, Intel's hypercall, is replaced in the guest's
 * code by what works here if user space has not switched that off; SYSENTER and SYSEXIT, which
 * AMD's long mode lacks, are emulated for a guest that was told it runs on Intel's; and there are
 * instructions that Keel gives to guests of a CPU without them.
 */
static int exit_ud(struct x86_vcpu *v)
{
	u32 user = svm_get_cpl(v) == 3 ? X86_WALK_USER : 0;
	u64 linear = x86_linear_rip(v);
	u8 insn[3];

	fetch(v, linear, user, insn, sizeof(insn));
	if (insn[0] == 0x0f && insn[1] == 0x01 && insn[2] == 0xc1 &&
	    x86_quirk(x86_vm_of(v), KVM_X86_QUIRK_FIX_HYPERCALL_INSN))
		return fix_hypercall(v, linear, user);
	if (insn[0] == 0x0f && (insn[1] == 0x34 || insn[1] == 0x35) && !v->cpuid.amd)
		return x86_emulate(v, ~0ull, 0, NULL, 0);
	return x86_emulate_missing(v);
}

/* APM 15.5.1: VMRUN did not like the VMCB. */
static int failed_entry(struct svm_vcpu *s)
{
	struct kvm_run *run = s->x86.core.run;

	svm_dump(s);
	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	run->fail_entry.hardware_entry_failure_reason = s->vmcb->control.exit_code;
	run->fail_entry.cpu = s->cpu;
	return 0;
}

/* --- nested page faults (15.25.6) ------------------------------------------------------------ */

extern const u8 svm_after_vmrun[];

/*
 * Has the CPU stayed half in guest mode after an exit, and left it again on the host's first
 * instruction? Then the VMCB holds the host's state, and the guest's is lost. QEMU's emulation
 * does this now and then (Documentation/lab.rst).
 */
static bool host_in_vmcb(const struct vmcb_save_area *save)
{
	return unlikely(save->rip == (unsigned long)svm_after_vmrun) && save->cr3 == __read_cr3();
}

/* The guest cannot go on; nor may anybody read the host's state as its. */
static int host_state_lost(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);

	pr_err("keel: the CPU left guest mode twice for one exit\n");
	memset(&s->vmcb->save, 0, sizeof(s->vmcb->save));
	v->regs[X86_RAX] = v->regs[X86_RSP] = v->rip = v->rflags = 0;
	return failed_entry(s);
}

static int exit_npf(struct x86_vcpu *v)
{
	struct vmcb_control_area *c = &to_svm(v)->vmcb->control;
	u64 info = c->exit_info_1;
	struct keel_s2_fault fault = {
		.gpa = c->exit_info_2,
		.write = info & EXIT_NPF_WRITE,
		.exec = info & EXIT_NPF_EXEC,
		.present = info & EXIT_NPF_PRESENT,
	};
	const void *insn = NULL;
	int len = 0;

	if (host_in_vmcb(&to_svm(v)->vmcb->save))
		return host_state_lost(v);
	trace_kvm_page_fault(v, fault.gpa, info);
	if (svm_has.decode_assists && c->insn_len) {
		insn = c->insn_bytes;
		len = min_t(int, c->insn_len, sizeof(c->insn_bytes));
	}
	/*
	 * No table of ours has a reserved bit set: the address itself is beyond what the CPU can
	 * do.
	 */
	if (unlikely(info & EXIT_NPF_RESERVED))
		return x86_emulate(v, fault.gpa, 0, insn, len);
	return x86_exit_s2(v, &fault, info & EXIT_NPF_FINAL, insn, len);
}

/* --- the table ------------------------------------------------------------------------------- */

struct svm_exit {
	const char *name;
	int (*handler)(struct x86_vcpu *v);
};

#define EXIT(code, f)	[SVM_EXIT_##code] = { #code, f }
#define EXCP(n, f)	[SVM_EXIT_EXCP_BASE + X86_TRAP_##n] = { "EXCP_" #n, f }
#define DR(n)		EXIT(READ_DR##n, svm_exit_dr), EXIT(WRITE_DR##n, svm_exit_dr)

static const struct svm_exit exits[] = {
	EXIT(READ_CR0, exit_cr),
	EXIT(READ_CR4, exit_cr),
	EXIT(WRITE_CR0, exit_cr),
	EXIT(WRITE_CR4, exit_cr),
	EXIT(WRITE_CR8, exit_cr8),
	DR(0), DR(1), DR(2), DR(3), DR(4), DR(5), DR(6), DR(7),
	EXCP(DB, svm_exit_db),
	EXCP(BP, svm_exit_bp),
	EXCP(UD, exit_ud),
	EXCP(AC, exit_ac),
	EXCP(MC, exit_mc),
	EXIT(INTR, exit_host_event),
	EXIT(NMI, exit_host_event),
	EXIT(SMI, exit_host_event),
	EXIT(INIT, exit_host_event),
	EXIT(VINTR, exit_vintr),
	EXIT(CR0_SEL_WRITE, exit_cr),
	EXIT(RDPMC, x86_exit_rdpmc),
	EXIT(CPUID, x86_exit_cpuid),
	EXIT(RSM, x86_ud),
	EXIT(IRET, exit_iret),
	EXIT(INVD, x86_exit_invd),
	EXIT(PAUSE, exit_pause),
	EXIT(HLT, x86_exit_hlt),
	EXIT(INVLPGA, x86_ud),
	EXIT(IOIO, exit_ioio),
	EXIT(MSR, exit_msr),
	EXIT(TASK_SWITCH, exit_task_switch),
	EXIT(SHUTDOWN, exit_shutdown),
	EXIT(VMRUN, x86_ud),
	EXIT(VMMCALL, x86_exit_hypercall),
	EXIT(VMLOAD, x86_ud),
	EXIT(VMSAVE, x86_ud),
	EXIT(STGI, x86_ud),
	EXIT(CLGI, x86_ud),
	EXIT(SKINIT, x86_ud),
	EXIT(RDTSCP, x86_ud),
	EXIT(WBINVD, x86_exit_invd),
	EXIT(MONITOR, x86_exit_mwait),
	EXIT(MWAIT, x86_exit_mwait),
	EXIT(XSETBV, exit_xsetbv),
	EXIT(RDPRU, x86_ud),
	EXIT(INVPCID, x86_ud),
};

static const struct svm_exit npf = { "NPF", exit_npf };

static int unknown_exit(struct svm_vcpu *s)
{
	u64 data[2] = { s->vmcb->control.exit_code, s->cpu };

	if (s->vmcb->control.exit_code == (u32)SVM_EXIT_ERR)
		return failed_entry(s);
	pr_err_ratelimited("keel: unexpected SVM exit %#x\n", s->vmcb->control.exit_code);
	return keel_internal_error(&s->x86.core, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON,
				  ARRAY_SIZE(data), data);
}

/**
 * svm_handle_exit - do what the last exit asks for
 * @v: the vCPU; interrupts on
 *
 * Return: 1 to enter again, 0 to go to user space with kvm_run filled, or a negative errno.
 */
int svm_handle_exit(struct x86_vcpu *v)
{
	struct svm_vcpu *s = to_svm(v);
	const struct vmcb_control_area *c = &s->vmcb->control;
	const struct svm_exit *exit;
	u32 code = c->exit_code;

	if (unlikely(s->after))
		svm_after_exit(s);
	if (unlikely(c->exit_int_info & SVM_EXITINTINFO_VALID))
		svm_interrupted_event(s);
	s->soft.active = false;
	if (unlikely((c->int_ctl & V_TPR_MASK) != s->vtpr)) {
		s->vtpr = c->int_ctl & V_TPR_MASK;
		if (v->lapic)
			x86_lapic_set_tpr(v, s->vtpr);
	}
	if (likely(code < ARRAY_SIZE(exits)))
		exit = &exits[code];
	else if (code == SVM_EXIT_NPF)
		exit = &npf;
	else
		return unknown_exit(s);
	return likely(exit->handler) ? exit->handler(v) : unknown_exit(s);
}
