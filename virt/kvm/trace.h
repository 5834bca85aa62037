/* SPDX-License-Identifier: GPL-2.0-only */
/* The core's tracepoints: names and fields are those that perf kvm and trace-cmd look for. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm

#if !defined(KEEL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KEEL_TRACE_H

#include <linux/kvm.h>
#include <linux/tracepoint.h>
#include <keel/compat.h>

/* kvm_mmio.type; perf kvm pairs the first two by these numbers. */
#ifndef KEEL_TRACE_MMIO_READ
#define KEEL_TRACE_MMIO_READ_UNSATISFIED 0	/* user space will have to answer */
#define KEEL_TRACE_MMIO_READ		1
#define KEEL_TRACE_MMIO_WRITE		2
#endif

/* Exit reasons that belong to no architecture; others are printed as numbers. */
#define keel_exit_name(name) { KVM_EXIT_##name, "KVM_EXIT_" #name }
#ifdef KVM_EXIT_MEMORY_FAULT
#define keel_exit_name_memory_fault , keel_exit_name(MEMORY_FAULT)
#else
#define keel_exit_name_memory_fault
#endif
#define keel_exit_names								\
	keel_exit_name(UNKNOWN), keel_exit_name(EXCEPTION),			\
	keel_exit_name(IO), keel_exit_name(HYPERCALL), keel_exit_name(DEBUG),	\
	keel_exit_name(HLT), keel_exit_name(MMIO),				\
	keel_exit_name(IRQ_WINDOW_OPEN), keel_exit_name(SHUTDOWN),		\
	keel_exit_name(FAIL_ENTRY), keel_exit_name(INTR),			\
	keel_exit_name(SET_TPR), keel_exit_name(TPR_ACCESS),			\
	keel_exit_name(NMI), keel_exit_name(INTERNAL_ERROR),			\
	keel_exit_name(WATCHDOG), keel_exit_name(SYSTEM_EVENT),			\
	keel_exit_name(IOAPIC_EOI), keel_exit_name(DIRTY_RING_FULL),		\
	keel_exit_name(AP_RESET_HOLD), keel_exit_name(NOTIFY)			\
	keel_exit_name_memory_fault

TRACE_EVENT(kvm_userspace_exit,
	TP_PROTO(u32 reason, int err),
	TP_ARGS(reason, err),

	TP_STRUCT__entry(
		__field(u32, reason)
		__field(int, errno)
	),
	TP_fast_assign(
		__entry->reason = reason;
		__entry->errno = err;
	),
	TP_printk("reason %s (%d)",
		  __entry->errno >= 0 ?
			__print_symbolic(__entry->reason, keel_exit_names) :
		  __entry->errno == -EINTR ? "restart" : "error",
		  __entry->errno >= 0 ? (int)__entry->reason : -__entry->errno)
);

TRACE_EVENT(kvm_vcpu_wakeup,
	TP_PROTO(u64 ns, bool waited, bool valid),
	TP_ARGS(ns, waited, valid),

	TP_STRUCT__entry(
		__field(u64, ns)
		__field(bool, waited)
		__field(bool, valid)
	),
	TP_fast_assign(
		__entry->ns = ns;
		__entry->waited = waited;
		__entry->valid = valid;
	),
	TP_printk("%s time %lld ns, polling %s", __entry->waited ? "wait" : "poll",
		  __entry->ns, __entry->valid ? "valid" : "invalid")
);

TRACE_EVENT(kvm_halt_poll_ns,
	TP_PROTO(bool grow, unsigned int vcpu_id, unsigned int new, unsigned int old),
	TP_ARGS(grow, vcpu_id, new, old),

	TP_STRUCT__entry(
		__field(bool, grow)
		__field(unsigned int, vcpu_id)
		__field(unsigned int, new)
		__field(unsigned int, old)
	),
	TP_fast_assign(
		__entry->grow = grow;
		__entry->vcpu_id = vcpu_id;
		__entry->new = new;
		__entry->old = old;
	),
	TP_printk("vcpu %u: halt_poll_ns %u (%s %u)", __entry->vcpu_id, __entry->new,
		  __entry->grow ? "grow" : "shrink", __entry->old)
);

/* --- interrupts and I/O ---------------------------------------------------------------- */

TRACE_EVENT(kvm_set_irq,
	TP_PROTO(unsigned int gsi, int level, int source),
	TP_ARGS(gsi, level, source),

	TP_STRUCT__entry(
		__field(unsigned int, gsi)
		__field(int, level)
		__field(int, irq_source_id)
	),
	TP_fast_assign(
		__entry->gsi = gsi;
		__entry->level = level;
		__entry->irq_source_id = source;
	),
	TP_printk("gsi %u level %d source %d", __entry->gsi, __entry->level,
		  __entry->irq_source_id)
);

TRACE_EVENT(kvm_msi_set_irq,
	TP_PROTO(u64 address, u64 data),
	TP_ARGS(address, data),

	TP_STRUCT__entry(
		__field(u64, address)
		__field(u64, data)
	),
	TP_fast_assign(
		__entry->address = address;
		__entry->data = data;
	),
	TP_printk("address %#llx data %#llx", __entry->address, __entry->data)
);

TRACE_EVENT(kvm_ack_irq,
	TP_PROTO(unsigned int irqchip, unsigned int pin),
	TP_ARGS(irqchip, pin),

	TP_STRUCT__entry(
		__field(unsigned int, irqchip)
		__field(unsigned int, pin)
	),
	TP_fast_assign(
		__entry->irqchip = irqchip;
		__entry->pin = pin;
	),
	TP_printk("irqchip %u pin %u", __entry->irqchip, __entry->pin)
);

TRACE_EVENT(kvm_mmio,
	TP_PROTO(int type, int len, u64 gpa, const void *val),
	TP_ARGS(type, len, gpa, val),

	TP_STRUCT__entry(
		__field(u32, type)
		__field(u32, len)
		__field(u64, gpa)
		__field(u64, val)
	),
	TP_fast_assign(
		__entry->type = type;
		__entry->len = len;
		__entry->gpa = gpa;
		__entry->val = 0;
		if (val)
			memcpy(&__entry->val, val, min_t(u32, sizeof(__entry->val), len));
	),
	TP_printk("mmio %s len %u gpa 0x%llx val 0x%llx",
		  __print_symbolic(__entry->type,
				   { KEEL_TRACE_MMIO_READ_UNSATISFIED, "unsatisfied-read" },
				   { KEEL_TRACE_MMIO_READ, "read" },
				   { KEEL_TRACE_MMIO_WRITE, "write" }),
		  __entry->len, __entry->gpa, __entry->val)
);

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

/* --- memory ------------------------------------------------------------------------------ */

TRACE_EVENT(kvm_unmap_hva_range,
	TP_PROTO(unsigned long start, unsigned long end),
	TP_ARGS(start, end),

	TP_STRUCT__entry(
		__field(unsigned long, start)
		__field(unsigned long, end)
	),
	TP_fast_assign(
		__entry->start = start;
		__entry->end = end;
	),
	TP_printk("mmu notifier unmap range: %#016lx -- %#016lx", __entry->start, __entry->end)
);

TRACE_EVENT(kvm_age_hva,
	TP_PROTO(unsigned long start, unsigned long end),
	TP_ARGS(start, end),

	TP_STRUCT__entry(
		__field(unsigned long, start)
		__field(unsigned long, end)
	),
	TP_fast_assign(
		__entry->start = start;
		__entry->end = end;
	),
	TP_printk("mmu notifier age hva: %#016lx -- %#016lx", __entry->start, __entry->end)
);

TRACE_EVENT(kvm_test_age_hva,
	TP_PROTO(unsigned long hva),
	TP_ARGS(hva),

	TP_STRUCT__entry(
		__field(unsigned long, hva)
	),
	TP_fast_assign(
		__entry->hva = hva;
	),
	TP_printk("mmu notifier test age hva: %#016lx", __entry->hva)
);

/* @ring: the vCPU's index; @dirty and @reset: the free-running indices of its ring */
TRACE_EVENT(kvm_dirty_ring_push,
	TP_PROTO(int ring, u32 dirty, u32 reset, u32 slot, u64 offset),
	TP_ARGS(ring, dirty, reset, slot, offset),

	TP_STRUCT__entry(
		__field(int, index)
		__field(u32, dirty_index)
		__field(u32, reset_index)
		__field(u32, slot)
		__field(u64, offset)
	),
	TP_fast_assign(
		__entry->index = ring;
		__entry->dirty_index = dirty;
		__entry->reset_index = reset;
		__entry->slot = slot;
		__entry->offset = offset;
	),
	TP_printk("ring %d: dirty 0x%x reset 0x%x slot %u offset 0x%llx (used %u)",
		  __entry->index, __entry->dirty_index, __entry->reset_index, __entry->slot,
		  __entry->offset, __entry->dirty_index - __entry->reset_index)
);

TRACE_EVENT(kvm_dirty_ring_reset,
	TP_PROTO(int ring, u32 dirty, u32 reset),
	TP_ARGS(ring, dirty, reset),

	TP_STRUCT__entry(
		__field(int, index)
		__field(u32, dirty_index)
		__field(u32, reset_index)
	),
	TP_fast_assign(
		__entry->index = ring;
		__entry->dirty_index = dirty;
		__entry->reset_index = reset;
	),
	TP_printk("ring %d: dirty 0x%x reset 0x%x (used %u)", __entry->index,
		  __entry->dirty_index, __entry->reset_index,
		  __entry->dirty_index - __entry->reset_index)
);

TRACE_EVENT(kvm_dirty_ring_exit,
	TP_PROTO(int vcpu_id),
	TP_ARGS(vcpu_id),

	TP_STRUCT__entry(
		__field(int, vcpu_id)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
	),
	TP_printk("vcpu %d", __entry->vcpu_id)
);

/* --- async page faults --------------------------------------------------------------------- */

TRACE_EVENT(kvm_try_async_get_page,
	TP_PROTO(u64 gva, u64 gfn),
	TP_ARGS(gva, gfn),

	TP_STRUCT__entry(
		__field(u64, gva)
		__field(u64, gfn)
	),
	TP_fast_assign(
		__entry->gva = gva;
		__entry->gfn = gfn;
	),
	TP_printk("gva = %#llx, gfn = %#llx", __entry->gva, __entry->gfn)
);

DECLARE_EVENT_CLASS(keel_async_pf_token,
	TP_PROTO(u64 token, u64 gva),
	TP_ARGS(token, gva),

	TP_STRUCT__entry(
		__field(u64, token)
		__field(u64, gva)
	),
	TP_fast_assign(
		__entry->token = token;
		__entry->gva = gva;
	),
	TP_printk("token %#llx gva %#llx", __entry->token, __entry->gva)
);

DEFINE_EVENT(keel_async_pf_token, kvm_async_pf_not_present,
	TP_PROTO(u64 token, u64 gva),
	TP_ARGS(token, gva)
);

DEFINE_EVENT(keel_async_pf_token, kvm_async_pf_ready,
	TP_PROTO(u64 token, u64 gva),
	TP_ARGS(token, gva)
);

TRACE_EVENT(kvm_async_pf_completed,
	TP_PROTO(unsigned long address, u64 gva),
	TP_ARGS(address, gva),

	TP_STRUCT__entry(
		__field(unsigned long, address)
		__field(u64, gva)
	),
	TP_fast_assign(
		__entry->address = address;
		__entry->gva = gva;
	),
	TP_printk("gva %#llx address %#lx", __entry->gva, __entry->address)
);

#endif

/* Seen from the module's include/ folder, which is in the include path. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH ../virt/kvm
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
