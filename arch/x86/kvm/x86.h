/* SPDX-License-Identifier: GPL-2.0-only */
/* x86: what a VM and a vCPU hold, and who does what. */
#ifndef KEEL_X86_H
#define KEEL_X86_H

#include <linux/kvm.h>
#include <linux/seqlock.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/processor-flags.h>
#include <keel/guest_mem.h>
#include <keel/regs.h>
#include <keel/timer.h>
#include <keel/vcpu.h>
#include "backend.h"
#include "emul/emul.h"

struct clocksource;
struct keel_s2_fault;
struct x86_lapic;
struct x86_apic_map;
struct x86_ioapic;
struct x86_pic;
struct x86_pit;

/* General registers in hardware order. */
enum {
	X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
	X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
	X86_NR_GPRS,
};

/* Segment registers in the encoding of ModRM.reg, then the two system segments. */
enum {
	X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_LDTR, X86_TR, X86_NR_SEGS,
};

/* Lazy components: index in x86_lazy[] (main.c). */
enum {
	X86_LAZY_FPU,		/* until KVM_RUN returns */
	X86_LAZY_DEBUG,		/* DR0-3, DR6: until the exit, wanted only when in use */
	X86_LAZY_SYSCALL,	/* STAR, LSTAR, TSC_AUX...: until return to user */
	X86_LAZY_XCR,		/* XCR0, PKRU: until the exit, wanted only when not the host's */
};

/* Debug registers: SDM 17.2.3, 17.2.4. */
#define X86_DR6_BS		0x00004000
#define X86_DR6_BD		0x00002000
#define X86_DR6_BT		0x00008000
#define X86_DR6_VOLATILE	0x0000e00f
#define X86_DR6_FIXED		0xfffe07f0ul
#define X86_DR6_BUS_LOCK	0x00000800	/* active low */
#define X86_DR6_RTM		0x00010000	/* active low */
#define X86_DR6_INIT		0xffff0ff0ul
#define X86_DR7_ENABLE		0x000000ff
#define X86_DR7_GD		0x00002000
#define X86_DR7_VOLATILE	0xffff2bff
#define X86_DR7_FIXED		0x00000400

/* Requests beyond the core's (vcpu.h). */
enum {
	X86_REQ_EVENT = KEEL_REQ_ARCH,	/* look at interrupts, NMIs and exceptions again */
	X86_REQ_NMI,			/* nmi_queued has grown */
	X86_REQ_INIT_SIPI,		/* the LAPIC holds an INIT or SIPI */
	X86_REQ_TRIPLE_FAULT,
	X86_REQ_CLOCK,			/* write this vCPU's kvmclock page again */
	X86_REQ_MASTER_CLOCK,		/* the VM's clock pair must be taken anew */
	X86_REQ_EOI_EXIT,		/* split irqchip: KVM_EXIT_IOAPIC_EOI */
	X86_REQ_TLB_FLUSH_GUEST,	/* guest asked: its own translations only */
	X86_REQ_STEP,			/* a single-step trap waits for posted writes */
	X86_REQ_INTERCEPTS,		/* the MSR filter or the disabled exits have changed */
};

enum x86_irqchip {
	X86_IRQCHIP_NONE,	/* all in user space */
	X86_IRQCHIP_KERNEL,
	X86_IRQCHIP_SPLIT,	/* LAPIC here, the rest in user space */
};

/**
 * struct x86_vm - x86's part of a VM, first member of the backend's
 */
struct x86_vm {
	struct keel_vm core;

	enum x86_irqchip irqchip;	/* under core.lock; read freely once vCPUs exist */
	u8 split_pins;			/* IOAPIC pins reserved for user space's IOAPIC */
	bool x2apic_ids;		/* KVM_X2APIC_API_USE_32BIT_IDS */
	bool x2apic_no_bcast;		/* KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK */
	struct x86_pic *pic;
	struct x86_ioapic *ioapic;
	struct x86_pit *pit;
	struct x86_apic_map __rcu *apic_map;
	struct mutex apic_map_lock;
	atomic_t apic_map_dirty;
	u32 apic_bus_cycle_ns;

	u64 tss_addr, identity_map_addr;
	u32 disabled_exits;		/* KVM_X86_DISABLE_EXITS_* */
	/* Settings of KVM_ENABLE_CAP (caps.c). */
	u64 quirks_off;			/* KVM_X86_QUIRK_* disabled */
	u64 user_msr_mask;		/* KVM_MSR_EXIT_REASON_* */
	u64 hypercall_exits;		/* KVM_CAP_EXIT_HYPERCALL mask */
	u64 exception_payload, triple_fault_event, exit_on_emul_error;
	u64 user_cpuid_fault_ok;	/* the guest may read MSR_PLATFORM_INFO */
	struct keel_filter __rcu *msr_filter;

	/* clock.c */
	struct x86_clock {
		raw_spinlock_t lock;	/* writers of all below; interrupts on */
		seqcount_raw_spinlock_t seq;	/* master, master_*, offset, mult, shift */
		bool stale;		/* master and its pair are to be determined anew */
		bool master;		/* one pair for all: TSCs match, and the host's clock is the TSC */
		u64 master_tsc, master_ns;	/* the pair: host TSC, host boot time */
		s64 offset;		/* guest clock = host boot time + offset */
		u32 mult;		/* host TSC to ns */
		s8 shift;
		/* TSCs written within a second of each other are meant to be equal: the first one */
		struct {
			u64 ns, tsc, offset;
			u32 khz;
			bool by_user;
		} group;
		u32 epoch;		/* of host_tsc_lost */
		u64 host_tsc_lost;	/* by how much the host's TSC went back, all suspends together */
		u32 default_khz;
		u64 wall_gpa;
		struct delayed_work sync;
	} clock;
};

/* An exception on its way to the guest. */
struct x86_exception {
	bool pending;		/* to be delivered; payload not yet applied */
	bool injected;		/* delivery was begun, and interrupted by an exit */
	bool has_error, has_payload;
	u8 vector;
	u32 error;
	u64 payload;		/* CR2 for #PF, DR6 bits for #DB */
};

struct x86_cpuid {
	struct kvm_cpuid_entry2 *entries;
	int nr;
	u16 head[64], *next;	/* chains by leaf: index into entries + 1, 0 ends */
	/* Derived whenever the entries change: */
	u32 caps[32];		/* by cpuid.h's leaf index: what the guest may use */
	u8 maxphyaddr;
	u64 reserved_gpa_bits;
	u64 xcr0_allowed, xss_allowed;
	u64 cr4_reserved, efer_reserved;
	u32 pv_leaf;		/* function of KVM_CPUID_FEATURES in this guest, 0: none */
	u32 pv_features;	/* its eax */
	u32 max_basic;		/* highest basic leaf */
	bool wraps;		/* leaves out of range give the highest basic leaf's data (Intel) */
	bool amd;		/* vendor as the guest sees it: AMD or Hygon */
};

/* What decides how the guest's code and its addresses are to be read. */
struct x86_mode {
	unsigned long cr0, cr3, cr4;
	u8 cpl;
	u8 cs_bits;		/* 64 (CS.L in long mode), else 32 or 16 by CS.D */
};

/* A walk of the guest's page tables, and what it depends on (walk.c). @page 0: none */
struct x86_walk {
	u64 page, mode, cr3;
	u32 pkru;
	int nr;
	u64 gen;		/* of the memory slots */
	u64 gpa;
	unsigned long hva;	/* of code in RAM, else 0 */
	struct {
		unsigned long hva;
		u64 val;
	} pte[5];
};

#define X86_NR_WALKS 4

/**
 * struct x86_vcpu - x86's part of a vCPU, first member of the backend's
 *
 * @regs, @rip and @rflags hold the guest's values whenever it does not run: the backend
 * fetches them after each exit and loads them at each entry.
 */
struct x86_vcpu {
	struct keel_vcpu core;

	unsigned long regs[X86_NR_GPRS];
	unsigned long rip, rflags;	/* use the accessors below: guest debug owns TF, RF */
	bool events_dirty;		/* x86_prepare() must look: same as X86_REQ_EVENT, no atomics */
	unsigned long cr2, cr8;		/* cr8 without an in-kernel LAPIC */
	u64 efer, apic_base;
	u64 xcr0, xss;
	struct x86_lapic *lapic;	/* NULL without an in-kernel LAPIC */

	/* event.c */
	struct x86_exception exception;
	struct {
		bool injected, soft;
		u8 vector;
	} irq;				/* an interrupt whose delivery was interrupted */
	atomic_t nmi_queued;		/* KVM_NMI and LAPIC NMIs not yet seen by the vCPU */
	u8 nmi_pending;			/* 0..2 */
	bool nmi_injected;
	int user_irq;			/* KVM_INTERRUPT without an in-kernel LAPIC, or -1 */

	/* debug.c */
	unsigned long db[4], dr6, dr7;
	unsigned long eff_db[4], guest_debug_dr7, eff_dr7;

	struct x86_cpuid cpuid;
	struct fpu_guest guest_fpu;
	u32 pkru, host_pkru;

	/* msr.c */
	u64 star, lstar, cstar, sfmask, tsc_aux;	/* loaded by X86_LAZY_SYSCALL where not in VMCB */
	u64 pat, misc_enable, power_ctl, arch_capabilities, spec_ctrl, mtrr_deftype;
	u64 mtrr_fixed[11], mtrr_var[16];
	u64 mcg_cap, mcg_status, mcg_ctl;
	u64 mce_banks[4 * 32];		/* CTL, STATUS, ADDR, MISC of each */
	u64 platform_info, misc_features, hwcr, microcode, de_cfg;
	u64 osvw_length, osvw_status;
	bool msr_write;			/* the user-space MSR exit in flight is a WRMSR */

	/* clock.c */
	u64 tsc_offset, tsc_ratio, tsc_adjust;
	u32 tsc_khz;			/* the guest's */
	u64 tsc_anchor, tsc_anchor_ns;	/* where the host's TSC is unstable: guest TSC at a host time */
	u64 host_tsc;			/* when the vCPU was last put */
	u64 host_tsc_lost;		/* of x86_clock.host_tsc_lost: already in tsc_offset */
	unsigned long clock_jiffies;	/* when the TSC was last held against the host's clock */
	u32 clock_epoch;
	bool tsc_dirty;			/* the backend does not know tsc_offset yet */
	bool clock_active, clock_old, clock_stopped;	/* clock_stopped: KVM_KVMCLOCK_CTRL */
	u64 clock_msr;			/* MSR_KVM_SYSTEM_TIME(_NEW) */
	struct keel_gcache clock_area;
	u32 clock_khz, clock_mult;	/* the page's factors, and what they were computed from */
	s8 clock_shift;

	/* pv.c, apf.c */
	u64 steal_msr;
	bool pv_eoi_told;		/* the guest may clear a bit instead of writing EOI */
	bool pv_unhalted;		/* KVM_HC_KICK_CPU */
	bool apf_pageready;		/* told, not acknowledged */
	u64 pv_eoi_msr;
	struct keel_gcache pv_eoi_area;
	u64 apf_en_msr, apf_int_msr;
	struct keel_gcache apf_area;
	u64 poll_control;		/* bit 0: the host may poll on the guest's halts */
	bool enforce_pv_cpuid;	/* KVM_CAP_ENFORCE_PV_FEATURE_CPUID */

	/* walk.c */
	struct x86_walk walks[X86_NR_WALKS];

	/* emulate.c */
	struct emul_ctxt *emul;
	u8 emul_type;
	unsigned long replay_rip;	/* linear address of the instruction that waits for user space */
	struct {
		u8 size;		/* 0: not a plain IN */
		u16 port;
	} fast_in;
	struct {
		struct emul_move move;	/* of length 0: nor a plain move, the emulator replays */
		u64 gpa;
	} fast_read;

	struct x86_vcpu_stat {
		u64 tlb_flush, irq_window_exits, nmi_window_exits, nmi_injections,
		    irq_injections, insn_emulation, insn_emulation_fail, hypercalls,
		    cpuid_exits, msr_exits, cr_exits, dr_exits, pause_exits, invlpg, req_event;
	} stat;
};

static inline struct x86_vm *to_x86_vm(struct keel_vm *vm)
{
	return container_of(vm, struct x86_vm, core);
}

static inline struct x86_vcpu *to_x86(struct keel_vcpu *vcpu)
{
	return container_of(vcpu, struct x86_vcpu, core);
}

static inline struct x86_vm *x86_vm_of(const struct x86_vcpu *v)
{
	return to_x86_vm(v->core.vm);
}

/* --- small accessors ------------------------------------------------------------------ */

static inline u64 x86_edx_eax(const struct x86_vcpu *v)
{
	return (u32)v->regs[X86_RAX] | (u64)v->regs[X86_RDX] << 32;
}

static inline unsigned long x86_cr0(struct x86_vcpu *v)
{
	return x86_be(get_cr)(v, 0);
}

static inline unsigned long x86_cr3(struct x86_vcpu *v)
{
	return x86_be(get_cr)(v, 3);
}

static inline unsigned long x86_cr4(struct x86_vcpu *v)
{
	return x86_be(get_cr)(v, 4);
}

static inline bool x86_paging(struct x86_vcpu *v)
{
	return x86_cr0(v) & X86_CR0_PG;
}

static inline bool x86_protected(struct x86_vcpu *v)
{
	return x86_cr0(v) & X86_CR0_PE;
}

static inline bool x86_long_mode(const struct x86_vcpu *v)
{
	return v->efer & EFER_LMA;
}
/** x86_64bit_code - is CS.L in force */
bool x86_64bit_code(struct x86_vcpu *v);
/** x86_get_rflags, x86_set_rflags - the guest's own view, without a debugger's TF */
unsigned long x86_get_rflags(struct x86_vcpu *v);
void x86_set_rflags(struct x86_vcpu *v, unsigned long rflags);

static inline bool x86_guest_irqs_on(const struct x86_vcpu *v)
{
	return v->rflags & X86_EFLAGS_IF;
}

/* --- event.c: exceptions, interrupts, NMIs -------------------------------------------- */

/** x86_queue_exception - the guest gets @vector; combines with one already pending (#DF, triple fault). */
void x86_queue_exception(struct x86_vcpu *v, u8 vector);
void x86_queue_exception_error(struct x86_vcpu *v, u8 vector, u32 error);
/** x86_queue_db - #DB with these DR6 bits. */
void x86_queue_db(struct x86_vcpu *v, unsigned long dr6_bits);
void x86_queue_pf(struct x86_vcpu *v, u64 cr2, u32 error);
/** x86_requeue_* - what an exit interrupted in mid-delivery (backend, after the exit). */
void x86_requeue_exception(struct x86_vcpu *v, u8 vector, bool has_error, u32 error);
void x86_requeue_irq(struct x86_vcpu *v, u8 vector, bool soft);
void x86_clear_injected(struct x86_vcpu *v);
void x86_queue_nmi(struct x86_vcpu *v);
/** x86_gp - inject #GP(0); returns 1 so that exit handlers can end with it. */
int x86_gp(struct x86_vcpu *v);
int x86_ud(struct x86_vcpu *v);
int x86_prepare(struct keel_vcpu *vcpu);
void x86_cancel(struct keel_vcpu *vcpu);
/** x86_collect_nmis - X86_REQ_NMI: take what was queued. */
void x86_collect_nmis(struct x86_vcpu *v);

/* --- cr.c: control registers, checked as the manual says --------------------------------- */

/* Return: 0, or 1 when the write is a #GP(0). */
int x86_set_cr0(struct x86_vcpu *v, unsigned long cr0);
bool x86_cr0_valid(unsigned long cr0);
bool x86_cr4_valid(struct x86_vcpu *v, unsigned long cr4);
int x86_set_cr3(struct x86_vcpu *v, unsigned long cr3);
int x86_set_cr4(struct x86_vcpu *v, unsigned long cr4);
int x86_set_cr8(struct x86_vcpu *v, unsigned long cr8);
unsigned long x86_get_cr8(struct x86_vcpu *v);
int x86_set_xcr0(struct x86_vcpu *v, u32 index, u64 xcr);
/** x86_set_efer - @host: a restore, may set what the guest may not. */
int x86_set_efer(struct x86_vcpu *v, u64 efer, bool host);
int x86_set_dr(struct x86_vcpu *v, int nr, unsigned long val);
unsigned long x86_get_dr(struct x86_vcpu *v, int nr);

/* --- regs.c, fpu.c, debug.c: state for user space ------------------------------------------- */
int x86_fpu_create(struct x86_vcpu *v);
void x86_fpu_destroy(struct x86_vcpu *v);
void x86_fpu_reset(struct x86_vcpu *v, bool init);
void x86_fpu_load(struct keel_vcpu *vcpu);
void x86_fpu_save(struct keel_vcpu *vcpu);
/** x86_fpu_reload - a softirq may have used the FPU since it was loaded. Interrupts off. */
static inline void x86_fpu_reload(void)
{
	if (unlikely(test_thread_flag(TIF_NEED_FPU_LOAD)))
		switch_fpu_return();
}
void x86_xcr_load(struct keel_vcpu *vcpu);
void x86_xcr_save(struct keel_vcpu *vcpu);
/** x86_xcr_update - XCR0 or CR4 has changed: are they to be switched? */
void x86_xcr_update(struct x86_vcpu *v);
int x86_guest_debug(struct keel_vcpu *vcpu, const struct kvm_guest_debug *dbg, u32 old);
/** x86_debug_update - DR0-3, DR7 or the debugger's have changed: which ones count. */
void x86_debug_update(struct x86_vcpu *v);
unsigned long x86_dr6_fixed(struct x86_vcpu *v);
unsigned long x86_linear_rip(struct x86_vcpu *v);
/** x86_step_trap - single-step trap after an emulated instruction. 1, or 0: the debugger's. */
int x86_step_trap(struct x86_vcpu *v);

/* --- walk.c: the guest's own page tables ------------------------------------------------------ */
#define X86_WALK_WRITE	BIT(1)	/* as in the #PF error code */
#define X86_WALK_USER	BIT(2)
#define X86_WALK_FETCH	BIT(4)
#define X86_WALK_IMPLICIT BIT(16) /* supervisor access whatever the CPL: descriptor tables... */
/**
 * x86_gva_to_gpa - translate by the guest's tables with its permissions
 * @error: the #PF error code on failure
 * Return: the gpa, or ~0ull.
 */
u64 x86_gva_to_gpa(struct x86_vcpu *v, u64 gva, u32 access, u32 *error);
bool x86_fetch_again(struct x86_vcpu *v, const struct x86_mode *m, u64 linear, u64 bytes[2]);
/** x86_walk_forget - the guest's CPUID has changed. */
void x86_walk_forget(struct x86_vcpu *v);

/* --- emulate.c: what the emulator needs of a vCPU ---------------------------------------------- */
#define X86_EMUL_NO_IO	BIT(0)
#define X86_EMUL_GP	BIT(1)	/* the exit was a #GP: reinject it if this emulation fails */
#define X86_EMUL_MISSING BIT(2)	/* the exit was a #UD: only what KVM_GET_EMULATED_CPUID names */
/**
 * x86_emulate - emulate the instruction at RIP
 * @insn, @len: its bytes if the CPU gave them (decode assists), else NULL, 0
 * @gpa: the address the fault gave, ~0 when none
 * Return: as handle_exit.
 */
int x86_emulate(struct x86_vcpu *v, u64 gpa, u32 type, const void *insn, int len);
int x86_emul_replay(struct x86_vcpu *v);
/** x86_emulate_missing - a #UD: the guest's own, or an instruction that this CPU lacks and Keel gives? */
int x86_emulate_missing(struct x86_vcpu *v);
int x86_task_switch(struct x86_vcpu *v, u16 selector, int reason, bool has_error, u32 error);
int x86_emul_create(struct x86_vcpu *v);
void x86_emul_destroy(struct x86_vcpu *v);
/** x86_insn_len - length of the instruction at RIP, for CPUs that do not save the next RIP; 0: unknown */
int x86_insn_len(struct x86_vcpu *v);
/**
 * x86_plain_mmio - a move to or from memory-mapped I/O that needs no emulator
 * @fault: what the CPU said: the address is the instruction's own access
 * @in: the instruction
 * Return: as handle_exit, or X86_NOT_PLAIN.
 */
#define X86_NOT_PLAIN 2
int x86_plain_mmio(struct x86_vcpu *v, const struct keel_s2_fault *fault, const struct emul_insn *in);
int x86_plain_replay(struct x86_vcpu *v);
/** x86_known_insn - the instruction at RIP, if it was decoded before. @insn, @len as in x86_emulate() */
const struct emul_insn *x86_known_insn(struct x86_vcpu *v, const void *insn, int len);
/** x86_decode - the same, if it can be decoded at all. */
const struct emul_insn *x86_decode(struct x86_vcpu *v, const void *insn, int len);
/** x86_skip_by - step over an instruction of @len bytes in 64-bit mode; as x86_skip(). */
int x86_skip_by(struct x86_vcpu *v, int len);
/** x86_skip - step over the intercepted instruction, with its trap if TF is set. 1, or 0 to user space. */
int x86_skip(struct x86_vcpu *v);
/* I/O instructions without strings, decoded by the CPU. */
int x86_fast_pio(struct x86_vcpu *v, bool in, int size, u16 port);

/* --- exit.c: exits that both backends have ------------------------------------------------------- */
int x86_exit_cpuid(struct x86_vcpu *v);
int x86_exit_rdmsr(struct x86_vcpu *v);
int x86_exit_wrmsr(struct x86_vcpu *v);
int x86_exit_hlt(struct x86_vcpu *v);
/** x86_halt - the guest has nothing to do: 1, or 0 when that is user space's business. */
int x86_halt(struct x86_vcpu *v);
int x86_replay(struct keel_vcpu *vcpu);
int x86_exit_hypercall(struct x86_vcpu *v);
int x86_exit_invd(struct x86_vcpu *v);
int x86_exit_rdpmc(struct x86_vcpu *v);
int x86_exit_xsetbv(struct x86_vcpu *v);
int x86_exit_mwait(struct x86_vcpu *v);
int x86_exit_pause(struct x86_vcpu *v);
/**
 * x86_exit_s2 - a second-stage fault, decoded. @insn, @len as in x86_emulate()
 * @own: the address is the instruction's own access, not one of its page walk
 */
int x86_exit_s2(struct x86_vcpu *v, struct keel_s2_fault *fault, bool own, const void *insn, int len);
int x86_exit_shutdown(struct x86_vcpu *v);

/* --- cpuid.c ------------------------------------------------------------------------------------------ */
struct kvm_cpuid_entry2 *x86_cpuid_find(struct x86_vcpu *v, u32 function, u32 index);
/** x86_cpuid - what the guest's CPUID gives, out-of-range leaves included. */
void x86_cpuid(struct x86_vcpu *v, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
/** x86_guest_has - may the guest use this feature? X86_FEATURE_* of <asm/cpufeatures.h>. */
static inline bool x86_guest_has(const struct x86_vcpu *v, unsigned int feature)
{
	return v->cpuid.caps[feature / 32] & BIT(feature % 32);
}
/** x86_cpu_supports - can Keel give this feature at all (host has it, backend supports it)? */
bool x86_cpu_supports(unsigned int feature);
void x86_cpuid_setup(void);				/* after the backend's setup, x86_supported_xcr0 known */
void x86_cpu_cap_clear(unsigned int feature);		/* for backends, in their setup */
void x86_cpu_cap_set(unsigned int feature);
/** x86_cpuid_runtime - OSXSAVE, APIC, MWAIT and XSAVE size leaves follow CR4, APIC base, XCR0. */
void x86_cpuid_runtime(struct x86_vcpu *v);
void x86_cpuid_destroy(struct x86_vcpu *v);
void x86_cpuid_create(struct x86_vcpu *v);	/* no CPUID yet: what a vCPU may do then */

/* --- msr.c ----------------------------------------------------------------------------------------------- */
/* 0; 1 or -ENOENT: #GP; X86_MSR_USER: kvm_run is filled. */
#define X86_MSR_USER 2
int x86_get_msr(struct x86_vcpu *v, u32 index, u64 *val, bool host);
int x86_set_msr(struct x86_vcpu *v, u32 index, u64 val, bool host);
/** x86_guest_rdmsr, x86_guest_wrmsr - the same on behalf of the guest: MSR filter, user-space exits. */
int x86_guest_rdmsr(struct x86_vcpu *v, u32 index, u64 *val);
int x86_guest_wrmsr(struct x86_vcpu *v, u32 index, u64 val);
/** x86_msr_allowed - does the VM's filter let the guest access @index? @type KVM_MSR_FILTER_READ/WRITE */
bool x86_msr_allowed(struct x86_vcpu *v, u32 index, u32 type);
void x86_msr_reset(struct x86_vcpu *v, bool init);
int x86_msr_setup(void);

/* --- clock.c --------------------------------------------------------------------------------------------- */
int x86_clock_setup(void);
void x86_clock_create(struct x86_vcpu *v);		/* before the backend's vcpu_create */
void x86_clock_teardown(void);
void x86_clock_vm_init(struct x86_vm *vm);
void x86_clock_vm_quiesce(struct x86_vm *vm);
void x86_clock_vcpu_created(struct x86_vcpu *v);
void x86_clock_load(struct x86_vcpu *v, int cpu, bool migrated);
void x86_clock_put(struct x86_vcpu *v);
u64 x86_guest_tsc(struct x86_vcpu *v, u64 host_tsc);
void x86_write_tsc(struct x86_vcpu *v, u64 guest_tsc, bool host);
void x86_adjust_tsc_offset(struct x86_vcpu *v, s64 delta);
int x86_clock_request(struct x86_vcpu *v);		/* X86_REQ_CLOCK */
void x86_master_clock_request(struct x86_vm *vm);	/* X86_REQ_MASTER_CLOCK */
int x86_set_clock_msr(struct x86_vcpu *v, u64 val, bool old_msr);
void x86_write_wall_clock(struct x86_vcpu *v, u64 gpa);
bool x86_clock_pair(struct x86_vcpu *v, struct timespec64 *ts, u64 *tsc);	/* KVM_HC_CLOCK_PAIRING */
void x86_clock_resumed(void);				/* after suspend */
u64 x86_host_counter(void);
bool x86_host_clock_is_counter(const struct clocksource *clock);
void x86_clock_stale_vm(struct keel_vm *vm);		/* the host's clock has changed; any thread, no lock */
extern u32 x86_max_tsc_khz;

/* --- pv.c: paravirtual services ----------------------------------------------------------------------------- */
int x86_hypercall(struct x86_vcpu *v);			/* 1: done, RIP is the caller's; 0: to user space */
int x86_set_pv_msr(struct x86_vcpu *v, u32 index, u64 val, bool host);
int x86_get_pv_msr(struct x86_vcpu *v, u32 index, u64 *val, bool host);
void x86_steal_message(struct keel_vcpu *vcpu, u8 message);
void x86_pv_reset(struct x86_vcpu *v);
bool x86_pv_eoi_enabled(const struct x86_vcpu *v);
/* The guest's PV EOI word: set before entry when the EOI may be skipped; test-and-clear later. */
void x86_pv_eoi_set(struct x86_vcpu *v);
bool x86_pv_eoi_clear(struct x86_vcpu *v);		/* true: the guest had done its EOI */
bool x86_apf_can_notify(struct keel_vcpu *vcpu);
bool x86_apf_not_present(struct keel_vcpu *vcpu, u32 token);
bool x86_apf_can_complete(struct keel_vcpu *vcpu);
bool x86_apf_present(struct keel_vcpu *vcpu, u32 token);

/* --- vcpu.c / vm.c / main.c ------------------------------------------------------------------------------------ */
/** x86_vcpu_reset - RESET, or INIT (@init): SDM 10.1.1, APM 14.1.3 */
void x86_vcpu_reset(struct x86_vcpu *v, bool init);
/* vcpu.c, for main.c's table: see struct keel_arch_ops. */
int x86_vcpu_create(struct keel_vcpu *vcpu);
void x86_vcpu_created(struct keel_vcpu *vcpu);
void x86_vcpu_destroy(struct keel_vcpu *vcpu);
void x86_vcpu_load(struct keel_vcpu *vcpu, int cpu);
void x86_vcpu_put(struct keel_vcpu *vcpu);
int x86_mp_state_sync(struct keel_vcpu *vcpu);
int x86_mp_state_set(struct keel_vcpu *vcpu, u32 *state);
int x86_translate(struct keel_vcpu *vcpu, struct kvm_translation *tr);
/* run.c */
int x86_run_begin(struct keel_vcpu *vcpu);
void x86_run_end(struct keel_vcpu *vcpu);
int x86_requests(struct keel_vcpu *vcpu, unsigned long pending);
void x86_enter(struct keel_vcpu *vcpu);
int x86_handle_exit(struct keel_vcpu *vcpu);
bool x86_runnable(struct keel_vcpu *vcpu);
bool x86_wakeup(struct keel_vcpu *vcpu);
int x86_unhalt(struct keel_vcpu *vcpu);
/* caps.c, vm.c */
extern const struct keel_cap x86_caps[];
extern const unsigned int x86_nr_caps;
int x86_vm_init(struct keel_vm *vm, unsigned long type);
void x86_vm_destroy(struct keel_vm *vm);
void x86_vm_quiesce(struct keel_vm *vm);

static inline bool x86_irqchip_in_kernel(const struct x86_vm *vm)
{
	return vm->irqchip != X86_IRQCHIP_NONE;
}

static inline bool x86_pic_in_kernel(const struct x86_vm *vm)
{
	return vm->irqchip == X86_IRQCHIP_KERNEL;
}

static inline bool x86_hlt_in_guest(const struct x86_vm *vm)
{
	return vm->disabled_exits & KVM_X86_DISABLE_EXITS_HLT;
}

static inline bool x86_pause_in_guest(const struct x86_vm *vm)
{
	return vm->disabled_exits & KVM_X86_DISABLE_EXITS_PAUSE;
}

static inline bool x86_mwait_in_guest(const struct x86_vm *vm)
{
	return vm->disabled_exits & KVM_X86_DISABLE_EXITS_MWAIT;
}

static inline bool x86_is_bsp(const struct x86_vcpu *v)
{
	return v->core.id == v->core.vm->boot_vcpu_id;
}
static inline bool x86_quirk(const struct x86_vm *vm, u32 quirk) { return !(vm->quirks_off & quirk); }
static inline bool x86_canonical(struct x86_vcpu *v, u64 la)
{
	unsigned int bits = x86_cr4(v) & X86_CR4_LA57 ? 57 : 48;

	return (u64)((s64)(la << (64 - bits)) >> (64 - bits)) == la;
}

extern u64 x86_host_xcr0, x86_supported_xcr0, x86_host_efer;

#endif
