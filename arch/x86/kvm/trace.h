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

TRACE_EVENT(kvm_pio,
	TP_PROTO(unsigned int rw, unsigned int port, unsigned int size, unsigned int count,
		 const void *data),
	TP_ARGS(rw, port, size, count, data),
	TP_STRUCT__entry(
		__field(unsigned int, rw)
		__field(unsigned int, port)
		__field(unsigned int, size)
		__field(unsigned int, count)
		__field(unsigned int, val)
	),
	TP_fast_assign(
		__entry->rw = rw;
		__entry->port = port;
		__entry->size = size;
		__entry->count = count;
		__entry->val = 0;
		if (data)
			memcpy(&__entry->val, data, min(size, 4u));
	),
	TP_printk("pio_%s at 0x%x size %d count %d val 0x%x %s",
		  __entry->rw ? "write" : "read", __entry->port, __entry->size,
		  __entry->count, __entry->val, __entry->count > 1 ? "(...)" : "")
);

TRACE_EVENT(kvm_cpuid,
	TP_PROTO(unsigned int function, unsigned int index, unsigned long rax, unsigned long rbx,
		 unsigned long rcx, unsigned long rdx, bool found, bool used_max_basic),
	TP_ARGS(function, index, rax, rbx, rcx, rdx, found, used_max_basic),
	TP_STRUCT__entry(
		__field(unsigned int, function)
		__field(unsigned int, index)
		__field(unsigned long, rax)
		__field(unsigned long, rbx)
		__field(unsigned long, rcx)
		__field(unsigned long, rdx)
		__field(bool, found)
		__field(bool, used_max_basic)
	),
	TP_fast_assign(
		__entry->function = function;
		__entry->index = index;
		__entry->rax = rax;
		__entry->rbx = rbx;
		__entry->rcx = rcx;
		__entry->rdx = rdx;
		__entry->found = found;
		__entry->used_max_basic = used_max_basic;
	),
	TP_printk("func %x idx %x rax %lx rbx %lx rcx %lx rdx %lx, cpuid entry %s%s",
		  __entry->function, __entry->index, __entry->rax, __entry->rbx,
		  __entry->rcx, __entry->rdx, __entry->found ? "found" : "not found",
		  __entry->used_max_basic ? ", used max basic" : "")
);

TRACE_EVENT(kvm_msr,
	TP_PROTO(unsigned int write, u32 ecx, u64 data, bool exception),
	TP_ARGS(write, ecx, data, exception),
	TP_STRUCT__entry(
		__field(unsigned int, write)
		__field(u32, ecx)
		__field(u64, data)
		__field(u8, exception)
	),
	TP_fast_assign(
		__entry->write = write;
		__entry->ecx = ecx;
		__entry->data = data;
		__entry->exception = exception;
	),
	TP_printk("msr_%s %x = 0x%llx%s", __entry->write ? "write" : "read", __entry->ecx,
		  __entry->data, __entry->exception ? " (#GP)" : "")
);

TRACE_EVENT(kvm_cr,
	TP_PROTO(unsigned int rw, unsigned int cr, unsigned long val),
	TP_ARGS(rw, cr, val),
	TP_STRUCT__entry(
		__field(unsigned int, rw)
		__field(unsigned int, cr)
		__field(unsigned long, val)
	),
	TP_fast_assign(
		__entry->rw = rw;
		__entry->cr = cr;
		__entry->val = val;
	),
	TP_printk("cr_%s %x = 0x%lx", __entry->rw ? "write" : "read", __entry->cr, __entry->val)
);

TRACE_EVENT(kvm_hypercall,
	TP_PROTO(unsigned long nr, unsigned long a0, unsigned long a1, unsigned long a2,
		 unsigned long a3),
	TP_ARGS(nr, a0, a1, a2, a3),
	TP_STRUCT__entry(
		__field(unsigned long, nr)
		__field(unsigned long, a0)
		__field(unsigned long, a1)
		__field(unsigned long, a2)
		__field(unsigned long, a3)
	),
	TP_fast_assign(
		__entry->nr = nr;
		__entry->a0 = a0;
		__entry->a1 = a1;
		__entry->a2 = a2;
		__entry->a3 = a3;
	),
	TP_printk("nr 0x%lx a0 0x%lx a1 0x%lx a2 0x%lx a3 0x%lx", __entry->nr,
		  __entry->a0, __entry->a1, __entry->a2, __entry->a3)
);

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

TRACE_EVENT(kvm_inj_virq,
	TP_PROTO(unsigned int vector, bool soft, bool reinjected),
	TP_ARGS(vector, soft, reinjected),
	TP_STRUCT__entry(
		__field(unsigned int, vector)
		__field(bool, soft)
		__field(bool, reinjected)
	),
	TP_fast_assign(
		__entry->vector = vector;
		__entry->soft = soft;
		__entry->reinjected = reinjected;
	),
	TP_printk("%s 0x%x%s", __entry->soft ? "Soft/INTn" : "IRQ", __entry->vector,
		  __entry->reinjected ? " [reinjected]" : "")
);

TRACE_EVENT(kvm_inj_exception,
	TP_PROTO(unsigned int exception, bool has_error, unsigned int error_code,
		 bool reinjected),
	TP_ARGS(exception, has_error, error_code, reinjected),
	TP_STRUCT__entry(
		__field(u8, exception)
		__field(u8, has_error)
		__field(u32, error_code)
		__field(bool, reinjected)
	),
	TP_fast_assign(
		__entry->exception = exception;
		__entry->has_error = has_error;
		__entry->error_code = error_code;
		__entry->reinjected = reinjected;
	),
	TP_printk("%s%s%x%s%s",
		  __print_symbolic(__entry->exception,
				   { 0, "#DE" }, { 1, "#DB" }, { 3, "#BP" }, { 4, "#OF" },
				   { 5, "#BR" }, { 6, "#UD" }, { 7, "#NM" }, { 8, "#DF" },
				   { 10, "#TS" }, { 11, "#NP" }, { 12, "#SS" }, { 13, "#GP" },
				   { 14, "#PF" }, { 16, "#MF" }, { 17, "#AC" }, { 18, "#MC" },
				   { 19, "#XM" }),
		  __entry->has_error ? " (0x" : " (", __entry->error_code, ")",
		  __entry->reinjected ? " [reinjected]" : "")
);

/* --- interrupt controllers ---------------------------------------------------------- */

TRACE_EVENT(kvm_apic,
	TP_PROTO(unsigned int rw, unsigned int reg, u64 val),
	TP_ARGS(rw, reg, val),
	TP_STRUCT__entry(
		__field(unsigned int, rw)
		__field(unsigned int, reg)
		__field(u64, val)
	),
	TP_fast_assign(
		__entry->rw = rw;
		__entry->reg = reg;
		__entry->val = val;
	),
	TP_printk("apic_%s %s = 0x%llx", __entry->rw ? "write" : "read",
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
		  __entry->val)
);

#define X86_TRACE_DELIVERY_MODES						\
	{ 0, "Fixed" }, { 1, "LowPrio" }, { 2, "SMI" }, { 3, "Res3" },		\
	{ 4, "NMI" }, { 5, "INIT" }, { 6, "SIPI" }, { 7, "ExtINT" }

TRACE_EVENT(kvm_apic_ipi,
	TP_PROTO(u32 icr_low, u32 dest_id),
	TP_ARGS(icr_low, dest_id),
	TP_STRUCT__entry(
		__field(u32, icr_low)
		__field(u32, dest_id)
	),
	TP_fast_assign(
		__entry->icr_low = icr_low;
		__entry->dest_id = dest_id;
	),
	TP_printk("dst %x vec %u (%s|%s|%s|%s|%s)", __entry->dest_id,
		  (u8)__entry->icr_low,
		  __print_symbolic((__entry->icr_low >> 8) & 7, X86_TRACE_DELIVERY_MODES),
		  __entry->icr_low & APIC_DEST_LOGICAL ? "logical" : "physical",
		  __entry->icr_low & APIC_INT_ASSERT ? "assert" : "de-assert",
		  __entry->icr_low & APIC_INT_LEVELTRIG ? "level" : "edge",
		  __print_symbolic((__entry->icr_low >> 18) & 3,
				   { 0, "dst" }, { 1, "self" }, { 2, "all" },
				   { 3, "all-but-self" }))
);

TRACE_EVENT(kvm_apic_accept_irq,
	TP_PROTO(u32 apicid, u16 dm, u16 tm, u8 vec),
	TP_ARGS(apicid, dm, tm, vec),
	TP_STRUCT__entry(
		__field(u32, apicid)
		__field(u16, dm)
		__field(u16, tm)
		__field(u8, vec)
	),
	TP_fast_assign(
		__entry->apicid = apicid;
		__entry->dm = dm;
		__entry->tm = tm;
		__entry->vec = vec;
	),
	TP_printk("apicid %x vec %u (%s|%s)", __entry->apicid, __entry->vec,
		  __print_symbolic(__entry->dm >> 8 & 7, X86_TRACE_DELIVERY_MODES),
		  __entry->tm ? "level" : "edge")
);

TRACE_EVENT(kvm_eoi,
	TP_PROTO(u32 apicid, int vector),
	TP_ARGS(apicid, vector),
	TP_STRUCT__entry(
		__field(u32, apicid)
		__field(int, vector)
	),
	TP_fast_assign(
		__entry->apicid = apicid;
		__entry->vector = vector;
	),
	TP_printk("apicid %x vector %d", __entry->apicid, __entry->vector)
);

TRACE_EVENT(kvm_pv_eoi,
	TP_PROTO(u32 apicid, int vector),
	TP_ARGS(apicid, vector),
	TP_STRUCT__entry(
		__field(u32, apicid)
		__field(int, vector)
	),
	TP_fast_assign(
		__entry->apicid = apicid;
		__entry->vector = vector;
	),
	TP_printk("apicid %x vector %d", __entry->apicid, __entry->vector)
);

TRACE_EVENT(kvm_pic_set_irq,
	TP_PROTO(u8 chip, u8 pin, u8 elcr, u8 imr, bool coalesced),
	TP_ARGS(chip, pin, elcr, imr, coalesced),
	TP_STRUCT__entry(
		__field(u8, chip)
		__field(u8, pin)
		__field(u8, elcr)
		__field(u8, imr)
		__field(bool, coalesced)
	),
	TP_fast_assign(
		__entry->chip = chip;
		__entry->pin = pin;
		__entry->elcr = elcr;
		__entry->imr = imr;
		__entry->coalesced = coalesced;
	),
	TP_printk("chip %u pin %u (%s%s)%s", __entry->chip, __entry->pin,
		  __entry->elcr & (1 << __entry->pin) ? "level" : "edge",
		  __entry->imr & (1 << __entry->pin) ? "|masked" : "",
		  __entry->coalesced ? " (coalesced)" : "")
);

TRACE_EVENT(kvm_ioapic_set_irq,
	TP_PROTO(u64 e, int pin, bool coalesced),
	TP_ARGS(e, pin, coalesced),
	TP_STRUCT__entry(
		__field(u64, e)
		__field(int, pin)
		__field(bool, coalesced)
	),
	TP_fast_assign(
		__entry->e = e;
		__entry->pin = pin;
		__entry->coalesced = coalesced;
	),
	TP_printk("pin %u dst %x vec %u (%s|%s|%s%s)%s", __entry->pin,
		  (u8)(__entry->e >> 56), (u8)__entry->e,
		  __print_symbolic((__entry->e >> 8) & 7, X86_TRACE_DELIVERY_MODES),
		  __entry->e & BIT(11) ? "logical" : "physical",
		  __entry->e & BIT(15) ? "level" : "edge",
		  __entry->e & BIT(16) ? "|masked" : "",
		  __entry->coalesced ? " (coalesced)" : "")
);

/* --- time --------------------------------------------------------------------------- */

#define X86_TRACE_HOST_CLOCKS { 0, "none" }, { 1, "tsc" }

TRACE_EVENT(kvm_write_tsc_offset,
	TP_PROTO(unsigned int vcpu_id, u64 previous_tsc_offset, u64 next_tsc_offset),
	TP_ARGS(vcpu_id, previous_tsc_offset, next_tsc_offset),
	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(u64, previous_tsc_offset)
		__field(u64, next_tsc_offset)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->previous_tsc_offset = previous_tsc_offset;
		__entry->next_tsc_offset = next_tsc_offset;
	),
	TP_printk("vcpu=%u prev=%llu next=%llu", __entry->vcpu_id,
		  __entry->previous_tsc_offset, __entry->next_tsc_offset)
);

/* @host_clock: 1 when the host keeps time by the TSC */
TRACE_EVENT(kvm_update_master_clock,
	TP_PROTO(bool use_master_clock, unsigned int host_clock, bool offset_matched),
	TP_ARGS(use_master_clock, host_clock, offset_matched),
	TP_STRUCT__entry(
		__field(bool, use_master_clock)
		__field(unsigned int, host_clock)
		__field(bool, offset_matched)
	),
	TP_fast_assign(
		__entry->use_master_clock = use_master_clock;
		__entry->host_clock = host_clock;
		__entry->offset_matched = offset_matched;
	),
	TP_printk("masterclock %d hostclock %s offsetmatched %u", __entry->use_master_clock,
		  __print_symbolic(__entry->host_clock, X86_TRACE_HOST_CLOCKS),
		  __entry->offset_matched)
);

TRACE_EVENT(kvm_track_tsc,
	TP_PROTO(unsigned int vcpu_id, unsigned int nr_matched, unsigned int online_vcpus,
		 bool use_master_clock, unsigned int host_clock),
	TP_ARGS(vcpu_id, nr_matched, online_vcpus, use_master_clock, host_clock),
	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(unsigned int, nr_vcpus_matched_tsc)
		__field(unsigned int, online_vcpus)
		__field(bool, use_master_clock)
		__field(unsigned int, host_clock)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->nr_vcpus_matched_tsc = nr_matched;
		__entry->online_vcpus = online_vcpus;
		__entry->use_master_clock = use_master_clock;
		__entry->host_clock = host_clock;
	),
	TP_printk("vcpu_id %u masterclock %u offsetmatched %u nr_online %u hostclock %s",
		  __entry->vcpu_id, __entry->use_master_clock, __entry->nr_vcpus_matched_tsc,
		  __entry->online_vcpus,
		  __print_symbolic(__entry->host_clock, X86_TRACE_HOST_CLOCKS))
);

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
