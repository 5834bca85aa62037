/* SPDX-License-Identifier: GPL-2.0-only */
/* x86's tracepoints: names and fields are those that perf kvm and trace-cmd's plugin_kvm read. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm

#if !defined(KEEL_X86_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KEEL_X86_TRACE_H

#include <linux/tracepoint.h>
#include <asm/apicdef.h>
#include <asm/pvclock-abi.h>
#include <asm/svm.h>
#include <asm/vmx.h>
#include <keel/trace_event.h>
#include "x86.h"

#ifndef KEEL_X86_TRACE_CONST
#define KEEL_X86_TRACE_CONST
#define X86_TRACE_VMX		1	/* x86_backend.isa */
#define X86_TRACE_SVM		2
#define X86_TRACE_PIO_IN	0
#define X86_TRACE_PIO_OUT	1
/* kvm_emulate_insn.flags: how the emulator was to read the code */
#define X86_TRACE_INSN_CS_D	BIT(0)
#define X86_TRACE_INSN_CS_L	BIT(1)
#define X86_TRACE_INSN_PE	BIT(2)
#define X86_TRACE_INSN_VM	BIT(3)
#define X86_TRACE_INSN_BYTES	15
#endif

/* --- entry and exit ----------------------------------------------------------------- */

TRACE_EVENT(kvm_entry,
	TP_PROTO(struct x86_vcpu *v),
	TP_ARGS(v),
	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(unsigned long, rip)
	),
	TP_fast_assign(
		__entry->vcpu_id = v->core.id;
		__entry->rip = v->rip;
	),
	TP_printk("vcpu %u, rip 0x%lx", __entry->vcpu_id, __entry->rip)
);

/* The backend says what happened: x86_be(exit_info), so this costs nothing when it is off. */
TRACE_EVENT(kvm_exit,
	TP_PROTO(struct x86_vcpu *v),
	TP_ARGS(v),
	TP_STRUCT__entry(
		__field(unsigned int, exit_reason)
		__field(unsigned long, guest_rip)
		__field(u32, isa)
		__field(u64, info1)
		__field(u64, info2)
		__field(u32, intr_info)
		__field(u32, error_code)
		__field(unsigned int, vcpu_id)
	),
	TP_fast_assign(
		__entry->guest_rip = v->rip;
		__entry->isa = x86_backend.isa;
		__entry->vcpu_id = v->core.id;
		x86_be(exit_info)(v, &__entry->exit_reason, &__entry->info1, &__entry->info2,
				  &__entry->intr_info, &__entry->error_code);
	),
	TP_printk("vcpu %u reason %s%s%s rip 0x%lx info1 0x%016llx info2 0x%016llx intr_info 0x%08x error_code 0x%08x",
		  __entry->vcpu_id,
		  __entry->isa == X86_TRACE_VMX ?
		  __print_symbolic(__entry->exit_reason & 0xffff, VMX_EXIT_REASONS) :
		  __print_symbolic(__entry->exit_reason, SVM_EXIT_REASONS),
		  __entry->isa == X86_TRACE_VMX && __entry->exit_reason & ~0xffff ? " " : "",
		  __entry->isa == X86_TRACE_VMX ?
		  __print_flags(__entry->exit_reason & ~0xffff, " ", VMX_EXIT_REASON_FLAGS) : "",
		  __entry->guest_rip, __entry->info1, __entry->info2,
		  __entry->intr_info, __entry->error_code)
);

TRACE_EVENT(kvm_page_fault,
	TP_PROTO(struct x86_vcpu *v, u64 fault_address, u64 error_code),
	TP_ARGS(v, fault_address, error_code),
	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(unsigned long, guest_rip)
		__field(u64, fault_address)
		__field(u64, error_code)
	),
	TP_fast_assign(
		__entry->vcpu_id = v->core.id;
		__entry->guest_rip = v->rip;
		__entry->fault_address = fault_address;
		__entry->error_code = error_code;
	),
	TP_printk("vcpu %u rip 0x%lx address 0x%016llx error_code 0x%llx",
		  __entry->vcpu_id, __entry->guest_rip, __entry->fault_address,
		  __entry->error_code)
);

/* --- instructions that exit --------------------------------------------------------- */

KEEL_TRACE(8, kvm_cpuid, (unsigned int, function, unsigned int, index, unsigned long, rax,
	unsigned long, rbx, unsigned long, rcx, unsigned long, rdx, bool, found,
	bool, used_max_basic),
	"func %x idx %x rax %lx rbx %lx rcx %lx rdx %lx, cpuid entry %s%s",
	__entry->function, __entry->index, __entry->rax, __entry->rbx,
	__entry->rcx, __entry->rdx, __entry->found ? "found" : "not found",
	__entry->used_max_basic ? ", used max basic" : "");

KEEL_TRACE(4, kvm_msr, (unsigned int, write, u32, ecx, u64, data, u8, exception),
	"msr_%s %x = 0x%llx%s", __entry->write ? "write" : "read", __entry->ecx,
	__entry->data, __entry->exception ? " (#GP)" : "");

KEEL_TRACE(3, kvm_cr, (unsigned int, rw, unsigned int, cr, unsigned long, val),
	"cr_%s %x = 0x%lx", __entry->rw ? "write" : "read", __entry->cr, __entry->val);

KEEL_TRACE(5, kvm_hypercall, (unsigned long, nr, unsigned long, a0, unsigned long, a1,
	unsigned long, a2, unsigned long, a3),
	"nr 0x%lx a0 0x%lx a1 0x%lx a2 0x%lx a3 0x%lx", __entry->nr,
	__entry->a0, __entry->a1, __entry->a2, __entry->a3);

TRACE_EVENT(kvm_emulate_insn,
	TP_PROTO(u64 rip, u32 csbase, const u8 *insn, u8 len, u8 flags, bool failed),
	TP_ARGS(rip, csbase, insn, len, flags, failed),
	TP_STRUCT__entry(
		__field(u64, rip)
		__field(u32, csbase)
		__field(u8, len)
		__array(u8, insn, X86_TRACE_INSN_BYTES)
		__field(u8, flags)
		__field(u8, failed)
	),
	TP_fast_assign(
		__entry->rip = rip;
		__entry->csbase = csbase;
		__entry->len = min_t(u8, len, X86_TRACE_INSN_BYTES);
		memset(__entry->insn, 0, X86_TRACE_INSN_BYTES);
		memcpy(__entry->insn, insn, min_t(u8, len, X86_TRACE_INSN_BYTES));
		__entry->flags = flags;
		__entry->failed = failed;
	),
	TP_printk("%x:%llx:%s%s%s", __entry->csbase, __entry->rip,
		  __print_hex(__entry->insn, __entry->len),
		  __entry->flags & X86_TRACE_INSN_CS_L ? " (prot64)" :
		  !(__entry->flags & X86_TRACE_INSN_PE) ? " (real)" :
		  __entry->flags & X86_TRACE_INSN_VM ? " (vm16)" :
		  __entry->flags & X86_TRACE_INSN_CS_D ? " (prot32)" : " (prot16)",
		  __entry->failed ? " failed" : "")
);

/* --- events on their way in --------------------------------------------------------- */

KEEL_TRACE(3, kvm_inj_virq, (unsigned int, vector, bool, soft, bool, reinjected),
	"%s 0x%x%s", __entry->soft ? "Soft/INTn" : "IRQ", __entry->vector,
	__entry->reinjected ? " [reinjected]" : "");

KEEL_TRACE(4, kvm_inj_exception, (u8, exception, u8, has_error, u32, error_code, bool, reinjected),
	"%s%s%x%s%s",
	__print_symbolic(__entry->exception,
		{ 0, "#DE" }, { 1, "#DB" }, { 3, "#BP" }, { 4, "#OF" },
		{ 5, "#BR" }, { 6, "#UD" }, { 7, "#NM" }, { 8, "#DF" },
		{ 10, "#TS" }, { 11, "#NP" }, { 12, "#SS" }, { 13, "#GP" },
		{ 14, "#PF" }, { 16, "#MF" }, { 17, "#AC" }, { 18, "#MC" },
		{ 19, "#XM" }),
	__entry->has_error ? " (0x" : " (", __entry->error_code, ")",
	__entry->reinjected ? " [reinjected]" : "");

/* --- interrupt controllers ---------------------------------------------------------- */

KEEL_TRACE(3, kvm_apic, (unsigned int, rw, unsigned int, reg, u64, val),
	"apic_%s %s = 0x%llx", __entry->rw ? "write" : "read",
	__print_symbolic(__entry->reg,
		{ APIC_ID, "APIC_ID" }, { APIC_LVR, "APIC_LVR" },
		{ APIC_TASKPRI, "APIC_TASKPRI" },
		{ APIC_ARBPRI, "APIC_ARBPRI" },
		{ APIC_PROCPRI, "APIC_PROCPRI" }, { APIC_EOI, "APIC_EOI" },
		{ APIC_RRR, "APIC_RRR" }, { APIC_LDR, "APIC_LDR" },
		{ APIC_DFR, "APIC_DFR" }, { APIC_SPIV, "APIC_SPIV" },
		{ APIC_ISR, "APIC_ISR" }, { APIC_TMR, "APIC_TMR" },
		{ APIC_IRR, "APIC_IRR" }, { APIC_ESR, "APIC_ESR" },
		{ APIC_ICR, "APIC_ICR" }, { APIC_ICR2, "APIC_ICR2" },
		{ APIC_LVTT, "APIC_LVTT" }, { APIC_LVTTHMR, "APIC_LVTTHMR" },
		{ APIC_LVTPC, "APIC_LVTPC" }, { APIC_LVT0, "APIC_LVT0" },
		{ APIC_LVT1, "APIC_LVT1" }, { APIC_LVTERR, "APIC_LVTERR" },
		{ APIC_TMICT, "APIC_TMICT" }, { APIC_TMCCT, "APIC_TMCCT" },
		{ APIC_TDCR, "APIC_TDCR" },
		{ APIC_SELF_IPI, "APIC_SELF_IPI" }),
	__entry->val);

#define X86_TRACE_DELIVERY_MODES						\
	{ 0, "Fixed" }, { 1, "LowPrio" }, { 2, "SMI" }, { 3, "Res3" },		\
	{ 4, "NMI" }, { 5, "INIT" }, { 6, "SIPI" }, { 7, "ExtINT" }

KEEL_TRACE(2, kvm_apic_ipi, (u32, icr_low, u32, dest_id),
	"dst %x vec %u (%s|%s|%s|%s|%s)", __entry->dest_id,
	(u8)__entry->icr_low,
	__print_symbolic((__entry->icr_low >> 8) & 7, X86_TRACE_DELIVERY_MODES),
	__entry->icr_low & APIC_DEST_LOGICAL ? "logical" : "physical",
	__entry->icr_low & APIC_INT_ASSERT ? "assert" : "de-assert",
	__entry->icr_low & APIC_INT_LEVELTRIG ? "level" : "edge",
	__print_symbolic((__entry->icr_low >> 18) & 3,
		{ 0, "dst" }, { 1, "self" }, { 2, "all" },
		{ 3, "all-but-self" }));

KEEL_TRACE(4, kvm_apic_accept_irq, (u32, apicid, u16, dm, u16, tm, u8, vec),
	"apicid %x vec %u (%s|%s)", __entry->apicid, __entry->vec,
	__print_symbolic(__entry->dm >> 8 & 7, X86_TRACE_DELIVERY_MODES),
	__entry->tm ? "level" : "edge");

KEEL_TRACE(2, kvm_eoi, (u32, apicid, int, vector),
	"apicid %x vector %d", __entry->apicid, __entry->vector);

KEEL_TRACE(2, kvm_pv_eoi, (u32, apicid, int, vector),
	"apicid %x vector %d", __entry->apicid, __entry->vector);

KEEL_TRACE(5, kvm_pic_set_irq, (u8, chip, u8, pin, u8, elcr, u8, imr, bool, coalesced),
	"chip %u pin %u (%s%s)%s", __entry->chip, __entry->pin,
	__entry->elcr & (1 << __entry->pin) ? "level" : "edge",
	__entry->imr & (1 << __entry->pin) ? "|masked" : "",
	__entry->coalesced ? " (coalesced)" : "");

KEEL_TRACE(3, kvm_ioapic_set_irq, (u64, e, int, pin, bool, coalesced),
	"pin %u dst %x vec %u (%s|%s|%s%s)%s", __entry->pin,
	(u8)(__entry->e >> 56), (u8)__entry->e,
	__print_symbolic((__entry->e >> 8) & 7, X86_TRACE_DELIVERY_MODES),
	__entry->e & BIT(11) ? "logical" : "physical",
	__entry->e & BIT(15) ? "level" : "edge",
	__entry->e & BIT(16) ? "|masked" : "",
	__entry->coalesced ? " (coalesced)" : "");

/* --- time --------------------------------------------------------------------------- */

#define X86_TRACE_HOST_CLOCKS { 0, "none" }, { 1, "tsc" }

KEEL_TRACE(3, kvm_write_tsc_offset, (unsigned int, vcpu_id, u64, previous_tsc_offset,
	u64, next_tsc_offset),
	"vcpu=%u prev=%llu next=%llu", __entry->vcpu_id,
	__entry->previous_tsc_offset, __entry->next_tsc_offset);

/* @host_clock: 1 when the host keeps time by the TSC */
KEEL_TRACE(3, kvm_update_master_clock, (bool, use_master_clock, unsigned int, host_clock,
	bool, offset_matched),
	"masterclock %d hostclock %s offsetmatched %u", __entry->use_master_clock,
	__print_symbolic(__entry->host_clock, X86_TRACE_HOST_CLOCKS),
	__entry->offset_matched);

TRACE_EVENT(kvm_pvclock_update,
	TP_PROTO(unsigned int vcpu_id, const struct pvclock_vcpu_time_info *pvclock),
	TP_ARGS(vcpu_id, pvclock),
	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(u32, version)
		__field(u64, tsc_timestamp)
		__field(u64, system_time)
		__field(u32, tsc_to_system_mul)
		__field(s8, tsc_shift)
		__field(u8, flags)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->version = pvclock->version;
		__entry->tsc_timestamp = pvclock->tsc_timestamp;
		__entry->system_time = pvclock->system_time;
		__entry->tsc_to_system_mul = pvclock->tsc_to_system_mul;
		__entry->tsc_shift = pvclock->tsc_shift;
		__entry->flags = pvclock->flags;
	),
	TP_printk("vcpu_id %u, pvclock { version %u, tsc_timestamp 0x%llx, system_time 0x%llx, "
		  "tsc_to_system_mul 0x%x, tsc_shift %d, flags 0x%x }",
		  __entry->vcpu_id, __entry->version, __entry->tsc_timestamp,
		  __entry->system_time, __entry->tsc_to_system_mul, __entry->tsc_shift,
		  __entry->flags)
);

#endif

/* By way of include/keel: no directory of the kernel's own tree answers to this path. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH keel/../../arch/x86/kvm
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
