// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC's registers: as memory, as x2APIC MSRs, and for user space to save and restore. */
#include <linux/nospec.h>
#include <linux/string.h>
#include "ioctl.h"
#include "lapic.h"
#include "trace.h"

#define VERSION		0x14u		/* an integrated xAPIC */
#define REG_STEP	0x10
#define REG_END		0x400		/* as many as KVM_GET_LAPIC shows */
#define LVT_REG(i)	(APIC_LVTT + (i) * REG_STEP)

/* What a guest may set in each LVT entry (SDM figure 10-8); the timer's modes depend on CPUID. */
static const u32 lvt_writable[NR_LVT] = {
	[LVT_TIMER] = APIC_VECTOR_MASK | APIC_LVT_MASKED | APIC_LVT_TIMER_PERIODIC,
	[LVT_THERMAL] = APIC_VECTOR_MASK | APIC_MODE_MASK | APIC_LVT_MASKED,
	[LVT_PERF] = APIC_VECTOR_MASK | APIC_MODE_MASK | APIC_LVT_MASKED,
	[LVT_LINT0] = APIC_VECTOR_MASK | APIC_MODE_MASK | APIC_INPUT_POLARITY |
		      APIC_LVT_LEVEL_TRIGGER | APIC_LVT_MASKED,
	[LVT_LINT1] = APIC_VECTOR_MASK | APIC_MODE_MASK | APIC_INPUT_POLARITY |
		      APIC_LVT_LEVEL_TRIGGER | APIC_LVT_MASKED,
	[LVT_ERROR] = APIC_VECTOR_MASK | APIC_LVT_MASKED,
};

/* ICR as an MSR: what the SDM does not define must be zero (figure 10-28); bit 12 is ignored. */
#define X2_ICR_RESERVED	(GENMASK_ULL(31, 20) | GENMASK_ULL(17, 16) | BIT_ULL(13))

/*
 * Suppressing the EOI broadcast is only of use with an IOAPIC that has an EOI register: ours has
 * none, user space's may.
 */
static bool has_directed_eoi(const struct x86_lapic *l)
{
	return x86_vm_of(l->v)->irqchip == X86_IRQCHIP_SPLIT &&
	       x86_guest_has(l->v, X86_FEATURE_X2APIC);
}

/* --- reading ------------------------------------------------------------------------ */

static unsigned int lvt_of(u32 reg)
{
	return array_index_nospec((reg - LVT_REG(0)) / REG_STEP, NR_LVT);
}

static u32 word_of(const unsigned long *set, u32 reg)
{
	return READ_ONCE(((u32 *)set)[(reg / REG_STEP) & 7]);
}

/**
 * x86_lapic_read_reg - one 32-bit register
 * @l: the APIC
 * @reg: offset, a multiple of 16 (the architecture's 128-bit spacing)
 * @absent: set when no readable register is there in the present mode
 */
u32 x86_lapic_read_reg(struct x86_lapic *l, u32 reg, bool *absent)
{
	bool x2 = lapic_x2(l);

	*absent = false;
	switch (reg) {
	case APIC_ID:
		return x2 ? l->id : (u32)l->xid << 24;
	case APIC_LVR:
		return VERSION | (NR_LVT - 1) << 16 |
		       (has_directed_eoi(l) ? APIC_LVR_DIRECTED_EOI : 0);
	case APIC_TASKPRI:
		return l->tpr;
	case APIC_PROCPRI:
		return l->ppr;
	case APIC_LDR:
		return l->ldr;
	case APIC_SPIV:
		return l->svr;
	case APIC_ISR ... APIC_ISR + 0x70:
		return word_of(l->isr, reg);
	case APIC_TMR ... APIC_TMR + 0x70:
		return word_of(l->tmr, reg);
	case APIC_IRR ... APIC_IRR + 0x70:
		return word_of(l->irr, reg);
	case APIC_ESR:
		return l->esr;
	case APIC_ICR:
		return l->icr;
	case LVT_REG(LVT_TIMER) ... LVT_REG(LVT_ERROR):
		return l->lvt[lvt_of(reg)];
	case APIC_TMICT:
		return l->tmict;
	case APIC_TMCCT:
		return x86_lapic_timer_count(l);
	case APIC_TDCR:
		return l->tdcr;
	case APIC_ARBPRI:
	case APIC_RRR:
		*absent = x2;
		return 0;
	case APIC_DFR:
		*absent = x2;
		return l->dfr;
	case APIC_ICR2:
		*absent = x2;
		return l->icr >> 32;
	default:
		*absent = true;
		return 0;
	}
}

/* --- writing ------------------------------------------------------------------------ */

static void send_ipi(struct x86_lapic *l)
{
	u32 low = l->icr, dest = l->icr >> (lapic_x2(l) ? 32 : 56);
	struct x86_apic_msg msg = {
		.dest = dest,
		.vector = low,
		.mode = GET_APIC_DELIVERY_MODE(low),
		.shorthand = (low >> 18) & 3,
		.logical = low & APIC_DEST_LOGICAL,
		.level = low & APIC_INT_ASSERT,
	};

	trace_kvm_apic_ipi(low, dest);
	if (msg.mode <= APIC_DELIVERY_MODE_LOWESTPRIO && msg.vector < 16) {
		x86_lapic_error(l, APIC_ESR_SENDILL);
		return;
	}
	/* The trigger mode counts for INIT alone: every other IPI is an edge (SDM 10.6.1). */
	if (msg.mode == APIC_DELIVERY_MODE_INIT)
		msg.trig_level = low & APIC_INT_LEVELTRIG;
	x86_deliver(x86_vm_of(l->v), l->v, &msg);
}

static void self_ipi(struct x86_lapic *l, u8 vector)
{
	struct x86_apic_msg msg = { .vector = vector, .level = true };

	if (vector < 16)
		x86_lapic_error(l, APIC_ESR_SENDILL);
	else
		x86_lapic_accept(l->v, &msg);
}

static void write_lvt(struct x86_lapic *l, unsigned int i, u32 val)
{
	u32 old = l->lvt[i], mask = lvt_writable[i];

	if (i == LVT_TIMER && x86_guest_has(l->v, X86_FEATURE_TSC_DEADLINE_TIMER))
		mask |= APIC_LVT_TIMER_TSCDEADLINE;
	val &= mask;
	if (!(l->svr & APIC_SPIV_APIC_ENABLED))
		val |= APIC_LVT_MASKED;		/* SDM 10.4.7.2 */
	WRITE_ONCE(l->lvt[i], val);
	if (i == LVT_TIMER)
		x86_lapic_timer_mode(l, old);
	else if (i == LVT_LINT0)
		x86_lapic_update_extint(l);
}

static void write_svr(struct x86_lapic *l, u32 val)
{
	u32 mask = APIC_VECTOR_MASK | APIC_SPIV_APIC_ENABLED | APIC_SPIV_FOCUS_DISABLED;
	unsigned int i;

	if (has_directed_eoi(l))
		mask |= APIC_SPIV_DIRECTED_EOI;
	WRITE_ONCE(l->svr, val & mask);
	if (val & APIC_SPIV_APIC_ENABLED)
		return;
	for (i = 0; i < NR_LVT; i++)
		WRITE_ONCE(l->lvt[i], l->lvt[i] | APIC_LVT_MASKED);
	x86_lapic_update_extint(l);
}

/* Return: 0, or 1: no writable register is there in the present mode. */
static int write_reg(struct x86_lapic *l, u32 reg, u32 val)
{
	bool x2 = lapic_x2(l);

	trace_kvm_apic(1, reg, val);
	switch (reg) {
	case APIC_TASKPRI:
		l->tpr = val;
		x86_lapic_update_ppr(l);
		return 0;
	case APIC_EOI:
		x86_lapic_eoi(l);
		return 0;
	case APIC_SPIV:
		write_svr(l, val);
		return 0;
	case APIC_ESR:
		l->esr = xchg(&l->esr_new, 0);
		return 0;
	case LVT_REG(LVT_TIMER) ... LVT_REG(LVT_ERROR):
		write_lvt(l, lvt_of(reg), val);
		return 0;
	case APIC_TMICT:
		if ((l->lvt[LVT_TIMER] & LVT_TIMER_MODES) == APIC_LVT_TIMER_TSCDEADLINE)
			return 0;
		l->tmict = val;
		x86_lapic_timer_start(l, val);
		return 0;
	case APIC_TDCR:
		x86_lapic_timer_divide(l, val);
		return 0;
	case APIC_SELF_IPI:
		if (x2)
			self_ipi(l, val);
		return !x2;
	case APIC_ID:
		if (x2)
			return 1;
		WRITE_ONCE(l->xid, val >> 24);
		x86_lapic_map_changed(l);
		return 0;
	case APIC_LDR:
		if (x2)
			return 1;
		WRITE_ONCE(l->ldr, val & APIC_LDR_MASK);
		x86_lapic_map_changed(l);
		return 0;
	case APIC_DFR:
		if (x2)
			return 1;
		WRITE_ONCE(l->dfr, val | APIC_DFR_CLUSTER);
		x86_lapic_map_changed(l);
		return 0;
	case APIC_ICR:
		l->icr = (l->icr & GENMASK_ULL(63, 32)) | (val & ~APIC_ICR_BUSY);
		send_ipi(l);
		return 0;
	case APIC_ICR2:
		if (x2)
			return 1;
		l->icr = (u32)l->icr | (u64)(val & GENMASK(31, 24)) << 32;
		return 0;
	case APIC_LVR:
	case APIC_PROCPRI:
	case APIC_ISR ... APIC_IRR + 0x70:
	case APIC_TMCCT:
	case APIC_ARBPRI:
	case APIC_RRR:
		return x2;		/* read-only: as memory, a write does nothing */
	default:
		return 1;
	}
}

/* --- as memory (SDM 10.4.1) --------------------------------------------------------- */

static void mmio_read(struct x86_lapic *l, u32 offset, void *val, int len)
{
	u32 reg = offset & ~0xf, data;
	bool absent;

	memset(val, 0, len);
	/* Only the first four of each sixteen bytes are a register. */
	if ((offset & 0xf) + len > 4)
		return;
	data = x86_lapic_read_reg(l, reg, &absent);
	if (absent) {
		x86_lapic_error(l, APIC_ESR_ILLREGA);
		return;
	}
	trace_kvm_apic(0, reg, data);
	memcpy(val, (u8 *)&data + (offset & 0xf), len);
}

int x86_lapic_mmio(struct keel_vcpu *vcpu, u64 gpa, void *val, int len, bool write)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct x86_lapic *l = v->lapic;
	u32 offset = gpa & 0xfff, data;

	if (!l || ((gpa ^ v->apic_base) >> 12))
		return -EOPNOTSUPP;
	if (unlikely(!lapic_on(l) || lapic_x2(l))) {
		if (!x86_quirk(x86_vm_of(v), KVM_X86_QUIRK_LAPIC_MMIO_HOLE))
			return -EOPNOTSUPP;
		if (!write)
			memset(val, 0xff, len);
		return 0;
	}
	if (unlikely(l->tpr_reporting) && offset == APIC_TASKPRI) {
		l->tpr_rip = v->rip;
		l->tpr_write = write;
		x86_lapic_tell_user(l, LAPIC_EXIT_TPR);
	}
	if (!write) {
		mmio_read(l, offset, val, len);
	} else if (len == 4 && !(offset & 0xf)) {
		memcpy(&data, val, sizeof(data));
		if (write_reg(l, offset, data))
			x86_lapic_error(l, APIC_ESR_ILLREGA);
	}
	return 0;
}

/* --- as MSRs (SDM 10.12.1) ---------------------------------------------------------- */

int x86_x2apic_read(struct x86_vcpu *v, u32 msr, u64 *val)
{
	struct x86_lapic *l = v->lapic;
	u32 reg = (msr - APIC_BASE_MSR) << 4;
	bool absent;

	if (!l || !lapic_x2(l) || reg >= REG_END)
		return 1;
	if (reg == APIC_ICR) {
		*val = l->icr;
		absent = false;
	} else {
		*val = x86_lapic_read_reg(l, reg, &absent);
	}
	if (!absent)
		trace_kvm_apic(0, reg, *val);
	return absent;
}

/* Does not sleep: what would change the map cannot be written in x2APIC mode. */
int x86_x2apic_write(struct x86_vcpu *v, u32 msr, u64 val)
{
	struct x86_lapic *l = v->lapic;
	u32 reg = (msr - APIC_BASE_MSR) << 4;

	if (!l || !lapic_x2(l) || reg >= REG_END)
		return 1;
	if (reg == APIC_ICR) {
		if (val & X2_ICR_RESERVED)
			return 1;
		trace_kvm_apic(1, reg, val);
		l->icr = val & ~(u64)APIC_ICR_BUSY;
		send_ipi(l);
		return 0;
	}
	if (val >> 32)
		return 1;
	switch (reg) {
	case APIC_EOI:
	case APIC_ESR:
		if (val)
			return 1;
		break;
	case APIC_TASKPRI:
	case APIC_SELF_IPI:
		if (val > 0xff)
			return 1;
		break;
	}
	return write_reg(l, reg, val);
}

/* --- TPR patching by user space (KVM_CAP_VAPIC) ------------------------------------- */

long x86_set_vapic(struct keel_vcpu *vcpu, void *data)
{
	const struct kvm_vapic_addr *addr = data;
	struct x86_lapic *l = to_x86(vcpu)->lapic;

	if (!l)
		return -EINVAL;
	l->shared &= ~LAPIC_VAPIC;
	if (!addr->vapic_addr)
		return 0;
	if (keel_gcache_init(vcpu, &l->vapic, addr->vapic_addr, sizeof(u32)))
		return -EINVAL;
	l->shared |= LAPIC_VAPIC;
	return 0;
}

long x86_set_tpr_reporting(struct keel_vcpu *vcpu, void *data)
{
	const struct kvm_tpr_access_ctl *ctl = data;
	struct x86_lapic *l = to_x86(vcpu)->lapic;

	if (!l || ctl->flags)
		return -EINVAL;
	l->tpr_reporting = ctl->enabled;
	return 0;
}

/* --- KVM_GET_LAPIC, KVM_SET_LAPIC --------------------------------------------------- */

static void put_reg(struct kvm_lapic_state *s, u32 reg, u32 val)
{
	memcpy(s->regs + reg, &val, sizeof(val));
}

static u32 get_reg(const struct kvm_lapic_state *s, u32 reg)
{
	u32 val;

	memcpy(&val, s->regs + reg, sizeof(val));
	return val;
}

/*
 * The layout is the xAPIC page's. In x2APIC mode ICR's upper half is both in ICR2, where user
 * space has always found it, and behind the lower half, as in a virtual-APIC page; and the ID is
 * in bits 31:24 unless user space asked for all of it (KVM_X2APIC_API_USE_32BIT_IDS).
 */
long x86_get_lapic(struct keel_vcpu *vcpu, void *data)
{
	struct x86_lapic *l = to_x86(vcpu)->lapic;
	struct kvm_lapic_state *s = data;
	bool absent;
	u32 reg, val;

	if (!l)
		return -EINVAL;
	for (reg = 0; reg < REG_END; reg += REG_STEP) {
		val = x86_lapic_read_reg(l, reg, &absent);
		if (!absent)
			put_reg(s, reg, val);
	}
	put_reg(s, APIC_DFR, l->dfr);
	put_reg(s, APIC_ICR2, l->icr >> 32);
	if (!lapic_x2(l))
		return 0;
	put_reg(s, APIC_ICR + 4, l->icr >> 32);
	if (!x86_vm_of(l->v)->x2apic_ids)
		put_reg(s, APIC_ID, l->id << 24);
	return 0;
}

static void set_vectors(unsigned long *set, const struct kvm_lapic_state *s, u32 reg)
{
	unsigned int i;

	for (i = 0; i < LAPIC_VECTORS / 32; i++)
		((u32 *)set)[i] = get_reg(s, reg + i * REG_STEP);
}

long x86_set_lapic(struct keel_vcpu *vcpu, void *data)
{
	struct x86_lapic *l = to_x86(vcpu)->lapic;
	const struct kvm_lapic_state *s = data;
	unsigned int i;
	u32 count;
	bool x2;

	if (!l)
		return -EINVAL;
	x2 = lapic_x2(l);
	if (x2 && x86_vm_of(l->v)->x2apic_ids && get_reg(s, APIC_ID) != l->id)
		return -EINVAL;
	x86_lapic_timer_stop(l);
	l->tsc_deadline = 0;
	write_svr(l, get_reg(s, APIC_SPIV));
	if (!x2)
		WRITE_ONCE(l->xid, get_reg(s, APIC_ID) >> 24);
	WRITE_ONCE(l->ldr, x2 ? lapic_x2_ldr(l->id) : get_reg(s, APIC_LDR) & APIC_LDR_MASK);
	WRITE_ONCE(l->dfr, get_reg(s, APIC_DFR) | APIC_DFR_CLUSTER);
	l->tpr = get_reg(s, APIC_TASKPRI);
	l->esr = get_reg(s, APIC_ESR);
	l->icr = get_reg(s, APIC_ICR) | (u64)get_reg(s, APIC_ICR2) << 32;
	set_vectors(l->isr, s, APIC_ISR);
	set_vectors(l->tmr, s, APIC_TMR);
	set_vectors(l->irr, s, APIC_IRR);
	l->isrv = lapic_highest(l->isr);
	l->tdcr = get_reg(s, APIC_TDCR) & 0xb;
	for (i = 0; i < NR_LVT; i++)
		write_lvt(l, i, get_reg(s, LVT_REG(i)));
	l->tmict = get_reg(s, APIC_TMICT);
	/* A one-shot count of 0 has expired; a periodic one is about to begin again. */
	count = get_reg(s, APIC_TMCCT);
	if (!count && (l->lvt[LVT_TIMER] & LVT_TIMER_MODES) == APIC_LVT_TIMER_PERIODIC)
		count = l->tmict;
	x86_lapic_timer_start(l, min(count, l->tmict));
	x86_lapic_update_ppr(l);
	l->cr8_irr = LAPIC_IRR_UNTOLD;
	l->v->events_dirty = true;
	x86_lapic_map_changed(l);
	return 0;
}
