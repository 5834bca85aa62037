/* SPDX-License-Identifier: GPL-2.0-only */
/* arm64: what a VM and a vCPU are, and what the files of this directory call of each other. */
#ifndef KEEL_ARM_H
#define KEEL_ARM_H

#include <linux/bitfield.h>
#include <linux/kvm.h>
#include <asm/esr.h>
#include <asm/fpsimd.h>
#include <asm/kvm_arm.h>
#include <asm/ptrace.h>
#include <asm/sysreg.h>
#include <keel/device_attr.h>
#include <keel/fault.h>
#include <keel/ioctl.h>
#include <keel/vcpu.h>
#include "psci.h"
#include "pvtime.h"
#include "smccc.h"
#include "timer.h"
#include "vgic/vgic.h"
#include "hyp/offsets.h"

/*
 * System registers that have a place in struct arm_ctxt. Those from ARM_CPU_FIRST to ARM_CPU_LAST
 * are in the CPU while the vCPU is loaded: use arm_read_sys() and arm_write_sys().
 */
enum arm_sys {
	/* Pointer authentication keys, low and high halves. In the CPU only while the guest runs. */
	ARM_APIAKEYLO_EL1,
	ARM_APIAKEYHI_EL1,
	ARM_APIBKEYLO_EL1,
	ARM_APIBKEYHI_EL1,
	ARM_APDAKEYLO_EL1,
	ARM_APDAKEYHI_EL1,
	ARM_APDBKEYLO_EL1,
	ARM_APDBKEYHI_EL1,
	ARM_APGAKEYLO_EL1,
	ARM_APGAKEYHI_EL1,

	ARM_MPIDR_EL1,
	ARM_CSSELR_EL1,
	ARM_ACTLR_EL1,
	ARM_MDSCR_EL1,
	ARM_MDCCINT_EL1,
	ARM_OSLSR_EL1,
	ARM_DISR_EL1,
	/* AArch32's. No guest has it at EL1: these are for user space alone. */
	ARM_DBGVCR32_EL2,
	ARM_DACR32_EL2,
	ARM_IFSR32_EL2,
	ARM_FPEXC32_EL2,
	ARM_SPSR_ABT,
	ARM_SPSR_UND,
	ARM_SPSR_IRQ,
	ARM_SPSR_FIQ,

	ARM_SCTLR_EL1, ARM_CPU_FIRST = ARM_SCTLR_EL1,
	ARM_CPACR_EL1,
	ARM_TTBR0_EL1,
	ARM_TTBR1_EL1,
	ARM_TCR_EL1,
	ARM_ESR_EL1,
	ARM_AFSR0_EL1,
	ARM_AFSR1_EL1,
	ARM_FAR_EL1,
	ARM_MAIR_EL1,
	ARM_AMAIR_EL1,
	ARM_VBAR_EL1,
	ARM_CONTEXTIDR_EL1,
	ARM_CNTKCTL_EL1,
	ARM_PAR_EL1,
	ARM_TPIDR_EL0,
	ARM_TPIDRRO_EL0,
	ARM_TPIDR_EL1,
	ARM_SP_EL1,
	ARM_ELR_EL1,
	ARM_SPSR_EL1, ARM_CPU_LAST = ARM_SPSR_EL1,

	ARM_NR_SYS
};

/**
 * struct arm_ctxt - the guest's registers
 * @x: x0 to x30, in memory whenever the guest does not run
 * @sp_el0: likewise
 * @pc: likewise
 * @pstate: likewise, as SPSR_EL2 has it
 * @sys: by &enum arm_sys
 */
struct arm_ctxt {
	u64 x[31];
	u64 sp_el0;
	u64 pc;
	u64 pstate;
	u64 sys[ARM_NR_SYS];
};

/* Breakpoints and watchpoints, the control registers with 32 bits in use. */
#define ARM_MAX_DBG	16
struct arm_debug {
	u64 bvr[ARM_MAX_DBG], bcr[ARM_MAX_DBG];
	u64 wvr[ARM_MAX_DBG], wcr[ARM_MAX_DBG];
};

/* MDSCR_EL1: KDE, MDE, SS: debug exceptions can come. */
#define ARM_MDSCR_ON	(BIT(15) | BIT(13) | BIT(0))

/* Feature identification registers: CRn 0, op1 0, CRm 1 to 7, of which 0 to 3 of CRm 1 to 3 are AArch32's. */
#define ARM_NR_IDREGS	56
#define ARM_IDREG(crm, op2)	(((crm) - 1) * 8 + (op2))

struct arm_vmid {
	u64 value;		/* generation above the 16 bits of the VMID; 0: none yet */
};

/* Bits of arm_vm.flags. */
enum {
	ARM_VM_NISV_TO_USER,		/* KVM_CAP_ARM_NISV_TO_USER */
	ARM_VM_RAN,			/* a vCPU has run: what guests were told stays */
	ARM_VM_INIT_DONE,		/* init_features is valid */
	ARM_VM_SYSTEM_SUSPEND,		/* KVM_CAP_ARM_SYSTEM_SUSPEND */
};

/**
 * struct arm_vm - a VM
 * @vtcr: VTCR_EL2
 * @vmid: its VMID
 * @last_ran: per CPU, index of the vCPU that ran there last, or -1
 * @flags: ARM_VM_*
 * @init_features: what all vCPUs were initialized with; under core.lock
 * @idregs: ID registers as the guest sees them; by ARM_IDREG()
 * @psci_version: as user space has set it, or 0: the newest
 * @fw_bmap: firmware feature bitmaps: KVM_REG_ARM_STD_BMAP and those after it (smccc.c)
 */
struct arm_vm {
	struct keel_vm core;
	u64 vtcr;
	struct arm_vmid vmid;
	int __percpu *last_ran;
	unsigned long flags;
	unsigned long init_features;
	u64 idregs[ARM_NR_IDREGS];
	u64 ctr;
	u64 clidr;
	struct vgic_dist vgic;
	struct arm_vm_timer timer;
	u32 psci_version;
	u64 fw_bmap[3];
	struct arm_vm_smccc smccc;
};

/* Requests of arm64. */
enum {
	ARM_REQ_RESET = KEEL_REQ_ARCH,	/* PSCI CPU_ON: arm_power_reset_pending() */
	ARM_REQ_SLEEP,			/* core.mp_state has changed: look before the next entry */
	ARM_REQ_IRQ,			/* interrupts have changed: leave guest mode, nothing more */
	ARM_REQ_VGIC,			/* for vgic.c */
};

/* Lazy components. */
enum {
	ARM_LAZY_FP,
	ARM_LAZY_DEBUG,
};

/**
 * struct arm_vcpu - a vCPU
 * @ctxt: registers
 * @hcr: HCR_EL2 while the guest runs
 * @mdcr: MDCR_EL2 while the vCPU is loaded
 * @mdscr: what counts of MDSCR_EL1 while the guest runs
 * @vttbr: VTTBR_EL2 while the vCPU is loaded
 * @exit: why guest mode was left: ARM_EXIT_*, with the syndrome of ARM_EXIT_SYNC (@hpfar, @far
 *	for aborts only). @serror: an SError that is the guest's came, with @disr
 * @loaded: the registers from ARM_CPU_FIRST on are in the CPU
 * @features: KVM_ARM_VCPU_* bits of KVM_ARM_VCPU_INIT
 * @initialized: KVM_ARM_VCPU_INIT was called
 * @ran: KVM_RUN was called since
 * @vsesr: VSESR_EL2, for the SError that HCR_EL2.VSE makes pending
 * @mmio: the access that user space was asked for, and where the guest was
 * @debug: the guest's breakpoints and watchpoints
 * @user_debug: those of a debugger in user space
 * @fp: V registers, FPSR, FPCR
 * @fp_ready: the host's own are saved, so the CPU's may be used as long as the vCPU stays loaded
 * @power: on, off, halted
 * @timer_gen: &struct arm_vm_timer.gen when @timer was last looked at
 * @timers_owned: the timers have their interrupts of @vgic
 * @user_levels: of the timers' lines, as user space knows them where it has the GIC
 */
struct arm_vcpu {
	struct keel_vcpu core;
	struct arm_ctxt ctxt;
	u64 hcr;
	u64 mdcr;
	u64 mdscr;
	u64 vttbr;
	struct {
		u32 code;
		bool serror;
		u64 esr, far, hpfar, disr;
	} exit;
	bool loaded;
	bool initialized;
	bool ran;
	bool fp_ready;
	unsigned long features;
	u64 vsesr;
	struct user_fpsimd_state fp;
	struct arm_debug debug, user_debug;
	struct {
		u64 gpa, pc, pstate;
	} mmio;

	struct arm_power power;
	struct vgic_vcpu vgic;
	struct arm_timer timer[ARM_NR_TIMERS];
	unsigned int timer_gen;
	bool timers_owned;
	u64 user_levels;
	struct arm_pvtime pvtime;

	struct {
		u64 hvc, wfe, wfi, sysreg, mmio_user, mmio_kernel, fp_traps;
	} stat;
};

static inline struct arm_vm *to_arm_vm(struct keel_vm *vm)
{
	return container_of(vm, struct arm_vm, core);
}

static inline struct arm_vcpu *to_arm_vcpu(struct keel_vcpu *vcpu)
{
	return container_of(vcpu, struct arm_vcpu, core);
}

static inline struct arm_vm *arm_vm_of(struct arm_vcpu *v)
{
	return to_arm_vm(v->core.vm);
}

/* Register 31 of an instruction that loads or stores is the zero register. */
static inline u64 arm_get_reg(const struct arm_vcpu *v, unsigned int n)
{
	return n == 31 ? 0 : v->ctxt.x[n];
}

static inline void arm_set_reg(struct arm_vcpu *v, unsigned int n, u64 val)
{
	if (n != 31)
		v->ctxt.x[n] = val;
}

void arm_skip_insn32(struct arm_vcpu *v);

/* Behind the instruction that exited; whatever BTYPE and single step it had is over. */
static inline void arm_skip_insn(struct arm_vcpu *v)
{
	if (unlikely(v->ctxt.pstate & PSR_MODE32_BIT)) {
		arm_skip_insn32(v);
		return;
	}
	v->ctxt.pc += 4;
	v->ctxt.pstate &= ~(PSR_BTYPE_MASK | DBG_SPSR_SS);
}

static inline bool arm_has_feature(const struct arm_vcpu *v, unsigned int feature)
{
	return v->features & BIT(feature);
}

/*
 * After each exit, interrupts off, before list registers are made: has a timer's line fallen? While no line is high
 * there is nothing to look at: that one rises, the host's interrupt tells.
 */
static inline void arm_timer_sync(struct arm_vcpu *v)
{
	if (unlikely(v->timer[ARM_TIMER_VIRT].level | v->timer[ARM_TIMER_PHYS].level))
		arm_timer_resample(v);
}

/*
 * Before an entry, interrupts on: without a GIC in the kernel user space has to be told first when a timer's line
 * has changed. 1 enter, -EINTR.
 */
static inline int arm_timer_prepare(struct arm_vcpu *v)
{
	return likely(READ_ONCE(arm_vm_of(v)->vgic.present)) || !arm_timer_pending(v) ? 1 : -EINTR;
}

/* The affinity fields of MPIDR_EL1. */
static inline u64 arm_mpidr_aff(const struct arm_vcpu *v)
{
	return v->ctxt.sys[ARM_MPIDR_EL1] & MPIDR_HWID_BITMASK;
}

/* The engine's operations for the host's page size. */
#if PAGE_SHIFT == 12
#define ARM_S2_OPS (&arm_4k_s2_ops)
#elif PAGE_SHIFT == 14
#define ARM_S2_OPS (&arm_16k_s2_ops)
#else
#define ARM_S2_OPS (&arm_64k_s2_ops)
#endif
extern const struct keel_s2_ops arm_4k_s2_ops, arm_16k_s2_ops, arm_64k_s2_ops;

/* vcpu.c */
/*
 * arm_read_sys, arm_write_sys: by the vCPU's own thread with the mutex held, or while the vCPU cannot
 * be loaded.
 */
u64 arm_read_sys(struct arm_vcpu *v, enum arm_sys reg);
void arm_write_sys(struct arm_vcpu *v, enum arm_sys reg, u64 val);
struct arm_vcpu *arm_vcpu_by_mpidr(struct arm_vm *vm, u64 mpidr);
int arm_vcpu_create(struct keel_vcpu *vcpu);
void arm_vcpu_destroy(struct keel_vcpu *vcpu);
void arm_trap_cache_ids(struct arm_vcpu *v);
void arm_vcpu_reset(struct arm_vcpu *v);
void arm_vcpu_load(struct keel_vcpu *vcpu, int cpu);
void arm_vcpu_put(struct keel_vcpu *vcpu);
long arm_vcpu_init(struct keel_vcpu *vcpu, void *data);
long arm_vcpu_finalize(struct keel_vcpu *vcpu, void *data);

/* vm.c */
unsigned int arm_ipa_bits(void);
int arm_vm_init(struct keel_vm *core, unsigned long type);
void arm_vm_destroy(struct keel_vm *core);
int arm_slot_check(struct keel_vm *vm, const struct keel_memslot *old, const struct keel_memslot *new);
long arm_preferred_target(struct keel_vm *core, void *data);

/* caps.c */
extern const struct keel_cap arm_caps[];
extern const unsigned int arm_nr_caps;

/* ioctl.c */
extern const struct keel_ioctl_table arm_vm_ioctls, arm_vcpu_ioctls;
extern const struct keel_vm_attr arm_vm_attrs[];
extern const struct keel_vcpu_attr arm_vcpu_attrs[];
extern const unsigned int arm_nr_vm_attrs, arm_nr_vcpu_attrs;

/* vmid.c */
extern const struct keel_s2_hooks arm_s2_hooks;
int arm_vmid_setup(void);
void arm_vmid_teardown(void);
u64 arm_vmid_load(struct arm_vm *vm);
void arm_s2_flush(struct keel_vm *core, u64 start_gfn, u64 end_gfn);

/* run.c: members of struct keel_arch_ops */
int arm_run_begin(struct keel_vcpu *vcpu);
void arm_run_end(struct keel_vcpu *vcpu);
int arm_requests(struct keel_vcpu *vcpu, unsigned long pending);
int arm_prepare(struct keel_vcpu *vcpu);
void arm_cancel(struct keel_vcpu *vcpu);
void arm_enter(struct keel_vcpu *vcpu);
int arm_handle_exit(struct keel_vcpu *vcpu);
bool arm_in_kernel(struct keel_vcpu *vcpu);
unsigned long arm_pc(struct keel_vcpu *vcpu);

/* exit.c, sysreg.c, abort.c: exits. 1 re-enter, 0 to user space, negative errno. */
int arm_exit_sync(struct arm_vcpu *v);
int arm_exit_sysreg(struct arm_vcpu *v);
int arm_exit_abort(struct arm_vcpu *v);
int arm_replay(struct keel_vcpu *vcpu);
void arm_mmio_undo(struct arm_vcpu *v);

/* inject.c: all by the vCPU's own thread; the guest is at the exception's vector then. */
void arm_inject_undef(struct arm_vcpu *v);
void arm_inject_abort(struct arm_vcpu *v, bool fetch, u64 far);
void arm_inject_serror(struct arm_vcpu *v, u64 esr);
/* An SError waits and is not masked: ends WFI. Any thread. */
bool arm_serror_pending(struct arm_vcpu *v);
long arm_get_events(struct keel_vcpu *vcpu, void *data);
long arm_set_events(struct keel_vcpu *vcpu, void *data);

/* fpsimd.c, debug.c: lazy components and their exits */
void arm_fp_load(struct keel_vcpu *vcpu);
void arm_fp_save(struct keel_vcpu *vcpu);
int arm_exit_fp(struct arm_vcpu *v);
unsigned int arm_nr_brps(void);
unsigned int arm_nr_wrps(void);
void arm_debug_update(struct arm_vcpu *v);
void arm_debug_load(struct keel_vcpu *vcpu);
void arm_debug_save(struct keel_vcpu *vcpu);
void arm_debug_run_begin(struct arm_vcpu *v);
void arm_debug_run_end(struct arm_vcpu *v);
int arm_guest_debug(struct keel_vcpu *vcpu, const struct kvm_guest_debug *dbg, u32 old);
int arm_exit_debug(struct arm_vcpu *v);

/* cache.c */
u64 arm64_ctr(void);
bool arm64_ctr_differs(void);
void arm_page_mapped(struct keel_vcpu *vcpu, const struct keel_s2_fault *fault, u64 pfn);
void arm_set_way(struct arm_vcpu *v);
void arm_vm_reg_write(struct arm_vcpu *v, enum arm_sys reg, u64 val);

/* idregs.c */
void arm_idregs_setup(void);
bool arm_has_aarch32(void);
bool arm_has_ptrauth(void);
void arm_idregs_vm_init(struct arm_vm *vm);
void arm_idregs_vcpu_init(struct arm_vcpu *v);
unsigned int arm_idreg_field(const struct arm_vm *vm, unsigned int crm, unsigned int op2,
			     unsigned int shift);
u64 arm_idreg_get(struct arm_vcpu *v, unsigned int index);
int arm_idreg_set(struct arm_vcpu *v, unsigned int index, u64 val);
u64 arm_ccsidr(struct arm_vcpu *v, u64 csselr);
int arm_ctr_set(struct arm_vcpu *v, u64 val);
long arm_writable_masks(struct keel_vm *core, void *data);

/* onereg.c */
long arm_get_one_reg(struct keel_vcpu *vcpu, void *data);
long arm_set_one_reg(struct keel_vcpu *vcpu, void *data);
long arm_get_reg_list(struct keel_vcpu *vcpu, void *data);

#endif
