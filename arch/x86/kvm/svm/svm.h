/* SPDX-License-Identifier: GPL-2.0-only */
/* The SVM backend's inside: what a vCPU and a CPU hold, and which file does what. */
#ifndef KEEL_SVM_H
#define KEEL_SVM_H

#include <linux/irq_work.h>
#include <linux/percpu.h>
#include <asm/trapnr.h>
#include "../x86.h"
#include "vmcb.h"

extern const struct keel_s2_ops npt_s2_ops;	/* s2_npt.c */

/* What the CPU offers and the module's parameters allow. */
struct svm_features {
	bool nrips, flush_by_asid, decode_assists, lbr, pause_filter, pause_thresh;
	bool tsc_scaling, v_spec_ctrl, vnmi;
	bool virt_ssbd;		/* SSBD without a SPEC_CTRL bit: by LS_CFG or VIRT_SPEC_CTRL */
};

extern struct svm_features svm_has;
extern u32 svm_max_asid, svm_clean_mask;
extern u64 svm_iopm_pa;
extern int svm_tsc_aux_slot;	/* of user-return.c, or -1 */

/**
 * struct svm_cpu - one CPU
 * @host_pa: where VMSAVE keeps the host's FS, GS, TR, LDTR, SYSCALL and SYSENTER registers
 * @hsave_pa: where VMRUN keeps the rest, in a format of its own
 * @generation: of its ASIDs; grows when all were given out, and then the TLB is flushed as a whole
 * @next_asid: the next one of this generation
 * @last_vcpu: svm_vcpu.id of the last one that ran here, for the branch predictor barrier
 * @tsc_ratio: what MSR_AMD64_TSC_RATIO holds
 * @exit_work: an interrupt to itself, for an exit that follows the entry at once
 */
struct svm_cpu {
	u64 host_pa, hsave_pa;
	u64 generation;
	u32 next_asid;
	u64 last_vcpu;
	u64 tsc_ratio;
	struct irq_work exit_work;
};

DECLARE_PER_CPU(struct svm_cpu, svm_cpu);

/* svm_vcpu.after: what the next exit must look at */
#define SVM_AFTER_INJECTED	BIT(0)	/* an event was handed to the CPU */
#define SVM_AFTER_IRET		BIT(1)	/* an IRET that ends an NMI handler is about to execute */
#define SVM_AFTER_STEP		BIT(2)	/* TF was set to get an exit after one instruction */

enum svm_event { SVM_EVENT_EXCEPTION, SVM_EVENT_IRQ, SVM_EVENT_NMI };

/**
 * struct svm_vcpu - SVM's part of a vCPU
 * @vmcb_pa: with the encryption bit, if the host uses it
 * @host_ldt: the LDT that the host had when its state was last saved on this CPU. Any difference
 *	(svm_rearm() makes one) sends the next entry through the slow part of enter.c
 * @host_pa: copy of svm_cpu.host_pa
 * @asid_generation: of the ASID in the VMCB, on CPU @cpu; 0: none
 * @vtpr: V_TPR as the LAPIC knows it
 * @after: SVM_AFTER_*
 * @injected: which event was handed to the CPU
 * @guest_cr4: VMCB's CR4 has MCE besides
 * @hidden_cr0: CD and NW that the guest has set and the VMCB does not
 * @cr8_trap: CR8 writes must exit for the LAPIC's sake
 * @dr_native: DR0-7 are the guest's own until the next exit
 * @nmi_masked: without virtual NMIs: an NMI handler runs
 * @iret_rip: SVM_AFTER_IRET: of the IRET
 * @step_rip: SVM_AFTER_STEP: where the step began
 * @step_tf: TF was set anyway
 * @step_iret: the instruction stepped over is an IRET, which loads TF
 * @swallow_bs: the single-step trap of this exit is nobody's but ours
 * @exit_soon: the next entry shall end as soon as its event is delivered
 * @soft: RIP was moved behind INT3 or INTO for its injection
 * @pause_window: current PAUSE filter count
 * @sysenter_esp_high, @sysenter_eip_high: AMD keeps 32 bits; guests of the other vendor see 64
 * @id: never used twice, for the branch predictor barrier
 */
struct svm_vcpu {
	struct x86_vcpu x86;

	/* The hot line */
	struct vmcb *vmcb;
	u64 vmcb_pa;
	const void *host_ldt;
	u64 host_pa;
	u32 after;
	u8 injected;
	u8 vtpr;
	bool cr8_trap, dr_native, nmi_masked;
	bool step_tf, step_iret, swallow_bs, exit_soon;

	int cpu;
	u64 asid_generation;
	unsigned long guest_cr4;
	u32 hidden_cr0;
	unsigned long iret_rip, step_rip;
	struct {
		bool active;
		unsigned long old_rip, new_rip;
	} soft;
	u16 pause_window;
	u32 sysenter_esp_high, sysenter_eip_high;
	u64 virt_spec_ctrl;
	u64 id;
	u32 *msrpm;
};

static inline struct svm_vcpu *to_svm(struct x86_vcpu *v)
{
	return container_of(v, struct svm_vcpu, x86);
}

#define SVM_HOST_STALE ((const void *)-1l)

static inline void svm_rearm(struct svm_vcpu *s)
{
	s->host_ldt = SVM_HOST_STALE;
}

/* probe.c: what the CPU offers, and switching SVM on and off on each CPU */
int svm_cpu_enable(void);
void svm_load_tsc_ratio(struct svm_cpu *cpu, u64 ratio);
void svm_cpu_disable(void);
int svm_vm_init(struct x86_vm *vm);
void svm_vm_destroy(struct x86_vm *vm);

/* vcpu.c: a vCPU's life; CPUs it is bound to */
int svm_vcpu_create(struct x86_vcpu *v);
void svm_vcpu_destroy(struct x86_vcpu *v);
void svm_vcpu_reset(struct x86_vcpu *v, bool init);
void svm_vcpu_load(struct x86_vcpu *v, int cpu);
void svm_vcpu_put(struct x86_vcpu *v);
void svm_set_tsc(struct x86_vcpu *v);
void svm_pause_grow(struct svm_vcpu *s);
void svm_pause_reset(struct svm_vcpu *s);
void svm_flush_tlb(struct x86_vcpu *v);
void svm_flush_gva(struct x86_vcpu *v, unsigned long gva);
void svm_lazy_syscall(struct x86_vcpu *v, bool load);

/* state.c: segments, control registers, descriptor tables, MSRs */
void svm_get_segment(struct x86_vcpu *v, struct kvm_segment *s, int seg);
void svm_set_segment(struct x86_vcpu *v, const struct kvm_segment *s, int seg);
int svm_get_cpl(struct x86_vcpu *v);
int svm_cs_bits(struct x86_vcpu *v);
void svm_get_mode(struct x86_vcpu *v, struct x86_mode *m);
void svm_get_dt(struct x86_vcpu *v, struct kvm_dtable *dt, int which);
void svm_set_dt(struct x86_vcpu *v, const struct kvm_dtable *dt, int which);
unsigned long svm_get_cr(struct x86_vcpu *v, int nr);
void svm_set_cr(struct x86_vcpu *v, int nr, unsigned long val);
void svm_set_efer(struct x86_vcpu *v, u64 efer);
int svm_get_msr(struct x86_vcpu *v, u32 index, u64 *val);
int svm_set_msr(struct x86_vcpu *v, u32 index, u64 val, bool host);

/* intercept.c: what exits */
void svm_changed(struct x86_vcpu *v);
void svm_update_exceptions(struct x86_vcpu *v);
void svm_update_cr_intercepts(struct svm_vcpu *s);
void svm_update_cr8_intercept(struct svm_vcpu *s);
void svm_update_dr_intercepts(struct svm_vcpu *s);
void svm_update_msrs(struct svm_vcpu *s);

/* event.c: injection, windows, and what an exit interrupted */
u32 svm_get_int_shadow(struct x86_vcpu *v);
void svm_set_int_shadow(struct x86_vcpu *v, u32 shadow);
void svm_inject_exception(struct x86_vcpu *v);
void svm_inject_irq(struct x86_vcpu *v);
void svm_inject_nmi(struct x86_vcpu *v);
void svm_cancel(struct x86_vcpu *v);
bool svm_irq_allowed(struct x86_vcpu *v);
bool svm_nmi_allowed(struct x86_vcpu *v);
void svm_irq_window(struct x86_vcpu *v);
void svm_irq_window_close(struct svm_vcpu *s);
void svm_nmi_window(struct x86_vcpu *v);
bool svm_get_nmi_mask(struct x86_vcpu *v);
void svm_set_nmi_mask(struct x86_vcpu *v, bool masked);
void svm_iret_exit(struct svm_vcpu *s);
void svm_cr8_intercept(struct x86_vcpu *v, int tpr, int irr);
void svm_after_exit(struct svm_vcpu *s);
void svm_interrupted_event(struct svm_vcpu *s);

/* debug.c: debug registers, #DB and #BP */
void svm_set_debug(struct x86_vcpu *v);
void svm_lazy_debug(struct x86_vcpu *v, bool load);
int svm_exit_dr(struct x86_vcpu *v);
int svm_exit_db(struct x86_vcpu *v);
int svm_exit_bp(struct x86_vcpu *v);

/* exit.c: from exit code to handler */
int svm_handle_exit(struct x86_vcpu *v);
unsigned long svm_next_rip(struct x86_vcpu *v);
void svm_exit_info(struct x86_vcpu *v, u32 *reason, u64 *info1, u64 *info2, u32 *intr_info,
		   u32 *error);
void svm_patch_hypercall(struct x86_vcpu *v, u8 insn[3]);

/* dump.c */
void svm_dump(struct svm_vcpu *s);

/* enter.c, switch.S: the world switch */
void svm_enter(struct x86_vcpu *v);
void svm_exit_work_init(struct svm_cpu *cpu);
asmlinkage void svm_switch(unsigned long *regs, u64 vmcb_pa, u64 host_pa, u64 spec_ctrl);

#endif
