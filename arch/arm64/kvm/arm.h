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
#include <keel/vcpu.h>
#include "psci.h"
#include "pvtime.h"
#include "smccc.h"
#include "timer.h"
#include "vgic/vgic.h"

/*
 * System registers that have a place in struct arm_ctxt. Those from ARM_CPU_FIRST to ARM_CPU_LAST
 * are in the CPU while the vCPU is loaded: use arm_read_sys() and arm_write_sys().
 */
enum arm_sys {
	ARM_MPIDR_EL1,
	ARM_CSSELR_EL1,
	ARM_ACTLR_EL1,
	ARM_MDSCR_EL1,
	ARM_MDCCINT_EL1,
	ARM_OSLSR_EL1,
	ARM_DISR_EL1,

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

/* What ended guest mode: the vector taken, and ARM_EXIT_IL when PSTATE was illegal. */
enum arm_exit_code {
	ARM_EXIT_SYNC,
	ARM_EXIT_IRQ,
	ARM_EXIT_FIQ,
	ARM_EXIT_SERROR,
};

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
	ARM_REQ_SLEEP,			/* power.state has changed: look before the next entry */
	ARM_REQ_STEAL,			/* stolen time is to be written (pvtime.c) */
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
 * @exit: why guest mode was left; the syndrome registers are valid for ARM_EXIT_SYNC (@hpfar, @far
 *	for aborts only) and ARM_EXIT_SERROR
 * @loaded: the registers from ARM_CPU_FIRST on are in the CPU
 * @features: KVM_ARM_VCPU_* bits of KVM_ARM_VCPU_INIT
 * @initialized: KVM_ARM_VCPU_INIT was called
 * @ran: KVM_RUN was called since
 * @fp: V registers, FPSR, FPCR
 * @fp_ready: the host's own are saved, so the CPU's may be used as long as the vCPU stays loaded
 * @power: on, off, halted
 * @timer_gen: &struct arm_vm_timer.gen when @timer was last looked at
 * @user_levels: of the timers' lines, as user space knows them where it has the GIC
 */
struct arm_vcpu {
	struct keel_vcpu core;
	struct arm_ctxt ctxt;
	u64 hcr;
	u64 mdcr;
	struct {
		u32 code;
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

	struct arm_power power;
	struct vgic_vcpu vgic;
	struct arm_timer timer[ARM_NR_TIMERS];
	unsigned int timer_gen;
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

/* Behind the instruction that exited; whatever BTYPE and single step it had is over. */
static inline void arm_skip_insn(struct arm_vcpu *v)
{
	v->ctxt.pc += 4;
	v->ctxt.pstate &= ~(PSR_BTYPE_MASK | DBG_SPSR_SS);
}

static inline bool arm_has_feature(const struct arm_vcpu *v, unsigned int feature)
{
	return v->features & BIT(feature);
}

/* vcpu.c. Both: the vCPU's own thread with the mutex held, or the vCPU not loaded anywhere. */
u64 arm_read_sys(struct arm_vcpu *v, enum arm_sys reg);
void arm_write_sys(struct arm_vcpu *v, enum arm_sys reg, u64 val);
struct arm_vcpu *arm_vcpu_by_mpidr(struct arm_vm *vm, u64 mpidr);

void arm_vcpu_reset(struct arm_vcpu *v);	/* registers as after a reset; the vCPU is loaded */
bool arm_serror_pending(struct arm_vcpu *v);	/* an SError waits and is not masked: ends WFI. Any thread */

/*
 * After each exit, interrupts off, before list registers are made: has a timer's line fallen? While no line is high
 * there is nothing to look at: that one rises, the host's interrupt tells.
 */
static inline void arm_timer_sync(struct arm_vcpu *v)
{
	if (unlikely(v->timer[ARM_TIMER_VIRT].level | v->timer[ARM_TIMER_PHYS].level))
		arm_timer_resample(v);
}

/* The affinity fields of MPIDR_EL1, which never change. */
static inline u64 arm_mpidr_aff(const struct arm_vcpu *v)
{
	return v->ctxt.sys[ARM_MPIDR_EL1] & MPIDR_HWID_BITMASK;
}

#endif
