/* SPDX-License-Identifier: GPL-2.0-only */
/* arm64's tracepoints: names and fields are those that perf kvm reads. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm

#if !defined(KEEL_ARM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KEEL_ARM_TRACE_H

#include <linux/tracepoint.h>
#include "arm.h"

#ifndef KEEL_ARM_TRACE_CONST
#define KEEL_ARM_TRACE_CONST
/* kvm_exit.ret */
#define ARM_TRACE_IRQ		0
#define ARM_TRACE_SERROR	1
#define ARM_TRACE_TRAP		2
#endif

TRACE_EVENT(kvm_entry,
	TP_PROTO(unsigned long vcpu_pc),
	TP_ARGS(vcpu_pc),
	TP_STRUCT__entry(
		__field(unsigned long, vcpu_pc)
	),
	TP_fast_assign(
		__entry->vcpu_pc = vcpu_pc;
	),
	TP_printk("PC: 0x%016lx", __entry->vcpu_pc)
);

TRACE_EVENT(kvm_exit,
	TP_PROTO(const struct arm_vcpu *v),
	TP_ARGS(v),
	TP_STRUCT__entry(
		__field(int, ret)
		__field(unsigned int, esr_ec)
		__field(unsigned long, vcpu_pc)
	),
	TP_fast_assign(
		__entry->ret = v->exit.code == ARM_EXIT_SYNC ? ARM_TRACE_TRAP :
			       v->exit.code == ARM_EXIT_SERROR ? ARM_TRACE_SERROR : ARM_TRACE_IRQ;
		__entry->esr_ec = v->exit.code == ARM_EXIT_SYNC ? ESR_ELx_EC(v->exit.esr) : 0;
		__entry->vcpu_pc = v->ctxt.pc;
	),
	TP_printk("%s: HSR_EC: 0x%04x, PC: 0x%016lx",
		  __print_symbolic(__entry->ret, { ARM_TRACE_IRQ, "IRQ" },
				   { ARM_TRACE_SERROR, "SERROR" }, { ARM_TRACE_TRAP, "TRAP" }),
		  __entry->esr_ec, __entry->vcpu_pc)
);

TRACE_EVENT(kvm_guest_fault,
	TP_PROTO(unsigned long vcpu_pc, unsigned long hsr, unsigned long hxfar,
		 unsigned long long ipa),
	TP_ARGS(vcpu_pc, hsr, hxfar, ipa),
	TP_STRUCT__entry(
		__field(unsigned long, vcpu_pc)
		__field(unsigned long, hsr)
		__field(unsigned long, hxfar)
		__field(unsigned long long, ipa)
	),
	TP_fast_assign(
		__entry->vcpu_pc = vcpu_pc;
		__entry->hsr = hsr;
		__entry->hxfar = hxfar;
		__entry->ipa = ipa;
	),
	TP_printk("ipa %#llx, hsr %#08lx, hxfar %#08lx, pc %#016lx",
		  __entry->ipa, __entry->hsr, __entry->hxfar, __entry->vcpu_pc)
);

TRACE_EVENT(kvm_wfx_arm64,
	TP_PROTO(unsigned long vcpu_pc, bool is_wfe),
	TP_ARGS(vcpu_pc, is_wfe),
	TP_STRUCT__entry(
		__field(unsigned long, vcpu_pc)
		__field(bool, is_wfe)
	),
	TP_fast_assign(
		__entry->vcpu_pc = vcpu_pc;
		__entry->is_wfe = is_wfe;
	),
	TP_printk("guest executed wf%c at: 0x%016lx", __entry->is_wfe ? 'e' : 'i',
		  __entry->vcpu_pc)
);

TRACE_EVENT(kvm_hvc_arm64,
	TP_PROTO(unsigned long vcpu_pc, unsigned long r0, unsigned long imm),
	TP_ARGS(vcpu_pc, r0, imm),
	TP_STRUCT__entry(
		__field(unsigned long, vcpu_pc)
		__field(unsigned long, r0)
		__field(unsigned long, imm)
	),
	TP_fast_assign(
		__entry->vcpu_pc = vcpu_pc;
		__entry->r0 = r0;
		__entry->imm = imm;
	),
	TP_printk("HVC at 0x%016lx (r0: 0x%016lx, imm: 0x%lx)", __entry->vcpu_pc, __entry->r0,
		  __entry->imm)
);

TRACE_EVENT(kvm_handle_sys_reg,
	TP_PROTO(unsigned long hsr),
	TP_ARGS(hsr),
	TP_STRUCT__entry(
		__field(unsigned long, hsr)
	),
	TP_fast_assign(
		__entry->hsr = hsr;
	),
	TP_printk("HSR 0x%08lx", __entry->hsr)
);

TRACE_EVENT(kvm_set_way_flush,
	TP_PROTO(unsigned long vcpu_pc, bool cache),
	TP_ARGS(vcpu_pc, cache),
	TP_STRUCT__entry(
		__field(unsigned long, vcpu_pc)
		__field(bool, cache)
	),
	TP_fast_assign(
		__entry->vcpu_pc = vcpu_pc;
		__entry->cache = cache;
	),
	TP_printk("S/W flush at 0x%016lx (cache %s)", __entry->vcpu_pc,
		  __entry->cache ? "on" : "off")
);

TRACE_EVENT(kvm_toggle_cache,
	TP_PROTO(unsigned long vcpu_pc, bool was, bool now),
	TP_ARGS(vcpu_pc, was, now),
	TP_STRUCT__entry(
		__field(unsigned long, vcpu_pc)
		__field(bool, was)
		__field(bool, now)
	),
	TP_fast_assign(
		__entry->vcpu_pc = vcpu_pc;
		__entry->was = was;
		__entry->now = now;
	),
	TP_printk("VM op at 0x%016lx (cache was %s, now %s)", __entry->vcpu_pc,
		  __entry->was ? "on" : "off", __entry->now ? "on" : "off")
);

#endif

/* By way of include/keel: no directory of the kernel's own tree answers to this path. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH keel/../../arch/arm64/kvm
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
