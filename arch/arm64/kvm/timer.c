// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's virtual and physical timer (ARM ARM D12).
 *
 * A *direct* timer is in the CPU as long as the vCPU is loaded. It interrupts the host, which tells the
 * virtual GIC that the line is high (timer_host.c says why it does so only once). That the line falls, no
 * interrupt tells: the guest sets the timer anew and deactivates the interrupt without an exit. So after
 * each exit with the line high, arm_timer_sync() looks again, before the next list registers are made.
 * While the vCPU halts, nothing is in the CPU, and an hrtimer wakes the vCPU; then the timer goes back
 * into the CPU and interrupts as above.
 *
 * The virtual timer is always direct: CNTVOFF_EL2 shifts it. The physical one is direct as long as it is not
 * shifted. Even where CNTPOFF_EL2 exists (FEAT_ECV), a shifted timer would compare without the offset while
 * the host runs (D12.2.4: HCR_EL2.{E2H,TGE} is {1,1}), and so interrupt too early or not at all; there
 * CNTPOFF_EL2 serves reads of the counter only, and accesses to the timer are trapped. Without FEAT_ECV both
 * are. An *emulated* timer is an hrtimer that drives the line.
 *
 * Changes of @level of a direct timer happen on the CPU where it is loaded with interrupts off; of an
 * emulated one in the vCPU's thread with its hrtimer stopped, or in the hrtimer.
 */
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include "arm.h"
#include "timer_host.h"

#define CTL_WRITABLE	(ARCH_TIMER_CTRL_ENABLE | ARCH_TIMER_CTRL_IT_MASK)

/* CNTHCTL_EL2 as it is with HCR_EL2.E2H: what EL1 may do without a trap, and what it may not. */
#define VHE_EL1PCTEN	BIT(10)
#define VHE_EL1PTEN	BIT(11)
#define VHE_EL1TVT	BIT(13)
#define VHE_EL1TVCT	BIT(14)
#define VHE_GUEST	(VHE_EL1PCTEN | VHE_EL1PTEN | ARM_CNTHCTL_ECV | VHE_EL1TVT | VHE_EL1TVCT)

static const u32 default_ppi[ARM_NR_TIMERS] = { 27, 30 };

static enum arm_timer_nr nr_of(const struct arm_timer *t)
{
	return t - t->v->timer;
}

u64 arm_timer_count(struct arm_vcpu *v, enum arm_timer_nr nr)
{
	return arch_timer_read_counter() - READ_ONCE(arm_vm_of(v)->timer.offset[nr]);
}

/* When the guest's counter reaches @count, in the host's time. */
static ktime_t expiry_of(struct arm_vcpu *v, enum arm_timer_nr nr, u64 count)
{
	u64 now = arm_timer_count(v, nr);

	if (now >= count)
		return ktime_get();
	return ktime_add_ns(ktime_get(), keel_ticks_to_ns(count - now, arm_host_timers.rate));
}

static bool wants_to_fire(u32 ctl)
{
	return (ctl & CTL_WRITABLE) == ARCH_TIMER_CTRL_ENABLE;
}

static u32 ctl_of(struct arm_timer *t)
{
	u32 ctl;

	if (t->loaded)
		return arm_hw_ctl(nr_of(t));
	ctl = t->ctl;
	if (ctl & ARCH_TIMER_CTRL_ENABLE && arm_timer_count(t->v, nr_of(t)) >= t->cval)
		ctl |= ARCH_TIMER_CTRL_IT_STAT;
	return ctl;
}

static u64 cval_of(struct arm_timer *t)
{
	return t->loaded ? arm_hw_cval(nr_of(t)) : t->cval;
}

/* --- the line -------------------------------------------------------------------------------- */

static void set_level(struct arm_timer *t, bool level)
{
	struct arm_vm *vm = arm_vm_of(t->v);

	if (t->level == level)
		return;
	WRITE_ONCE(t->level, level);
	if (vgic_present(vm))
		vgic_set_irq(vm, t->v, vm->timer.ppi[nr_of(t)], level);
	else if (level)
		keel_request_kick(&t->v->core, KEEL_REQ_UNBLOCK);
}

bool arm_timer_fired(enum arm_timer_nr nr)
{
	struct keel_vcpu *vcpu = keel_this_vcpu();
	struct arm_timer *t;

	if (!vcpu)
		return false;
	t = &to_arm_vcpu(vcpu)->timer[nr];
	if (!t->loaded || !arm_timer_line(arm_hw_ctl(nr)))
		return false;
	set_level(t, true);
	return true;
}

/* Look at the line of a loaded timer. Interrupts off. */
static void resample(struct arm_timer *t)
{
	enum arm_timer_nr nr = nr_of(t);
	bool level;

	if (!t->loaded)
		return;
	level = arm_timer_line(arm_hw_ctl(nr));
	set_level(t, level);
	if (!level)
		arm_host_timer_release(nr);
}

void arm_timer_resample(struct arm_vcpu *v)
{
	resample(&v->timer[ARM_TIMER_VIRT]);
	resample(&v->timer[ARM_TIMER_PHYS]);
}

/* --- an emulated timer ----------------------------------------------------------------------- */

/* In hard interrupt context. */
static void fire(struct keel_timer *soft, u64 periods)
{
	struct arm_timer *t = container_of(soft, struct arm_timer, soft);

	if (t->direct)
		keel_request_kick(&t->v->core, KEEL_REQ_UNBLOCK);
	else
		set_level(t, true);
}

/* Its registers or its counter were changed. The vCPU's thread. */
static void emulate(struct arm_timer *t)
{
	u32 ctl;

	keel_timer_cancel(&t->soft);
	ctl = ctl_of(t);
	set_level(t, arm_timer_line(ctl));
	if (wants_to_fire(ctl) && !t->level)
		keel_timer_start(&t->soft, expiry_of(t->v, nr_of(t), t->cval), 0);
}

/* --- load and put ---------------------------------------------------------------------------- */

/* Both: interrupts off. */
static void load_one(struct arm_timer *t)
{
	enum arm_timer_nr nr = nr_of(t);

	arm_hw_set_cval(nr, t->cval);
	t->loaded = true;
	arm_hw_set_ctl(nr, t->ctl);
}

static void put_one(struct arm_timer *t)
{
	enum arm_timer_nr nr = nr_of(t);

	if (!t->loaded)
		return;
	t->ctl = arm_hw_ctl(nr) & CTL_WRITABLE;
	t->cval = arm_hw_cval(nr);
	t->loaded = false;
	arm_hw_set_ctl(nr, 0);
	arm_host_timer_release(nr);
}

/* The host's interrupt that the guest's stands for. */
static u32 forwarded(const struct arm_timer *t)
{
	return t->direct ? arm_host_timers.hwirq[nr_of(t)] : 0;
}

/* The VM's offsets have changed: which timers are direct now? Not loaded. */
static void choose(struct arm_vcpu *v)
{
	const struct arm_vm_timer *vt = &arm_vm_of(v)->timer;
	struct arm_timer *t = &v->timer[ARM_TIMER_PHYS];

	v->timer_gen = READ_ONCE(vt->gen);
	smp_rmb();	/* pairs with set_offset() */
	keel_timer_cancel(&t->soft);
	t->direct = arm_host_timers.virq[ARM_TIMER_PHYS] && !READ_ONCE(vt->offset[ARM_TIMER_PHYS]);
	if (v->timers_owned)
		vgic_forward_ppi(v, vt->ppi[ARM_TIMER_PHYS], forwarded(t));
	if (!t->direct)
		emulate(t);
}

static void set_traps(struct arm_vcpu *v)
{
	u64 want = 0;

	if (v->timer[ARM_TIMER_PHYS].direct) {
		want = VHE_EL1PCTEN | VHE_EL1PTEN;
	} else if (arm_host_timers.cntpoff) {
		want = VHE_EL1PCTEN | ARM_CNTHCTL_ECV;
		write_sysreg_s(arm_vm_of(v)->timer.offset[ARM_TIMER_PHYS], ARM_SYS_CNTPOFF_EL2);
	}
	sysreg_clear_set(cnthctl_el2, VHE_GUEST, want);
}

void arm_timer_load(struct arm_vcpu *v)
{
	const struct arm_vm_timer *vt = &arm_vm_of(v)->timer;
	unsigned long flags;

	if (unlikely(v->timer_gen != READ_ONCE(vt->gen)))
		choose(v);
	local_irq_save(flags);
	write_sysreg(READ_ONCE(vt->offset[ARM_TIMER_VIRT]), cntvoff_el2);
	set_traps(v);
	load_one(&v->timer[ARM_TIMER_VIRT]);
	if (v->timer[ARM_TIMER_PHYS].direct)
		load_one(&v->timer[ARM_TIMER_PHYS]);
	local_irq_restore(flags);
}

void arm_timer_put(struct arm_vcpu *v)
{
	unsigned long flags;

	local_irq_save(flags);
	put_one(&v->timer[ARM_TIMER_VIRT]);
	put_one(&v->timer[ARM_TIMER_PHYS]);
	local_irq_restore(flags);
}

/* --- halting --------------------------------------------------------------------------------- */

/*
 * Where the line is high already the GIC knows: if it does not deliver the interrupt, then neither
 * would the hrtimer's firing help.
 */
static void block_one(struct arm_timer *t, u64 deadline)
{
	u64 until = deadline;
	u32 ctl = ctl_of(t);

	if (!t->direct)
		return;
	if (wants_to_fire(ctl) && !arm_timer_line(ctl))
		until = min(until, cval_of(t));
	if (until != ~0ull)
		keel_timer_start(&t->soft, expiry_of(t->v, nr_of(t), until), 0);
}

void arm_timer_block(struct arm_vcpu *v, u64 deadline)
{
	preempt_disable();	/* it stays loaded */
	local_irq_disable();
	arm_timer_resample(v);
	local_irq_enable();
	block_one(&v->timer[ARM_TIMER_VIRT], deadline);
	block_one(&v->timer[ARM_TIMER_PHYS], ~0ull);
	preempt_enable();
}

void arm_timer_unblock(struct arm_vcpu *v)
{
	enum arm_timer_nr nr;

	for (nr = 0; nr < ARM_NR_TIMERS; nr++)
		if (v->timer[nr].direct)
			keel_timer_cancel(&v->timer[nr].soft);
	local_irq_disable();
	arm_timer_resample(v);
	local_irq_enable();
}

/* --- without a GIC in the kernel -------------------------------------------------------------- */

static u64 user_levels(struct arm_vcpu *v)
{
	return (READ_ONCE(v->timer[ARM_TIMER_VIRT].level) ? KVM_ARM_DEV_EL1_VTIMER : 0) |
	       (READ_ONCE(v->timer[ARM_TIMER_PHYS].level) ? KVM_ARM_DEV_EL1_PTIMER : 0);
}

bool arm_timer_pending(struct arm_vcpu *v)
{
	return !vgic_present(arm_vm_of(v)) && user_levels(v) != v->user_levels;
}

void arm_timer_run_end(struct arm_vcpu *v)
{
	if (vgic_present(arm_vm_of(v)))
		return;
	local_irq_disable();
	arm_timer_resample(v);
	local_irq_enable();
	v->user_levels = user_levels(v);
	v->core.run->s.regs.device_irq_level = v->user_levels;
}

/* --- registers ------------------------------------------------------------------------------- */

u64 arm_timer_read(struct arm_vcpu *v, enum arm_timer_nr nr, enum arm_timer_reg reg)
{
	struct arm_timer *t = &v->timer[nr];
	unsigned long flags;
	u64 val;

	local_irq_save(flags);
	switch (reg) {
	case ARM_TIMER_CTL:
		val = ctl_of(t);
		break;
	case ARM_TIMER_CVAL:
		val = cval_of(t);
		break;
	case ARM_TIMER_TVAL:
		val = (u32)(cval_of(t) - arm_timer_count(v, nr));
		break;
	default:
		val = arm_timer_count(v, nr);
	}
	local_irq_restore(flags);
	return val;
}

/* core.lock held. Other vCPUs see it when they are loaded next. */
static void set_offset(struct arm_vm_timer *vt, enum arm_timer_nr nr, u64 offset)
{
	WRITE_ONCE(vt->offset[nr], offset);
	smp_wmb();	/* pairs with choose() */
	WRITE_ONCE(vt->gen, vt->gen + 1);
}

static void write_count(struct arm_vcpu *v, enum arm_timer_nr nr, u64 val)
{
	struct arm_vm *vm = arm_vm_of(v);

	mutex_lock(&vm->core.lock);
	if (!vm->timer.offset_set)
		set_offset(&vm->timer, nr, arch_timer_read_counter() - val);
	mutex_unlock(&vm->core.lock);
	preempt_disable();
	if (keel_this_vcpu() == &v->core) {
		arm_timer_put(v);
		arm_timer_load(v);
	}
	preempt_enable();
}

void arm_timer_write(struct arm_vcpu *v, enum arm_timer_nr nr, enum arm_timer_reg reg, u64 val)
{
	struct arm_timer *t = &v->timer[nr];
	unsigned long flags;
	bool loaded;

	if (reg == ARM_TIMER_CNT) {
		write_count(v, nr, val);
		return;
	}
	/* TVAL counts down from what is written, as a signed number of 32 bits. */
	if (reg == ARM_TIMER_TVAL)
		val = arm_timer_count(v, nr) + (s64)(s32)val;
	local_irq_save(flags);
	loaded = t->loaded;
	if (reg == ARM_TIMER_CTL) {
		val &= CTL_WRITABLE;
		if (loaded)
			arm_hw_set_ctl(nr, val);
		else
			t->ctl = val;
	} else {
		if (loaded)
			arm_hw_set_cval(nr, val);
		else
			t->cval = val;
		isb();
	}
	resample(t);
	local_irq_restore(flags);
	if (!t->direct)
		emulate(t);
}

struct user_reg {
	enum arm_timer_nr nr;
	enum arm_timer_reg reg;
};

/* The ABI has the numbers of the virtual timer's CVAL and CNT exchanged (<asm/kvm.h>). */
static struct user_reg user_reg(u64 id)
{
	switch (id) {
	case KVM_REG_ARM_TIMER_CTL:
		return (struct user_reg){ ARM_TIMER_VIRT, ARM_TIMER_CTL };
	case KVM_REG_ARM_TIMER_CVAL:
		return (struct user_reg){ ARM_TIMER_VIRT, ARM_TIMER_CVAL };
	case KVM_REG_ARM_TIMER_CNT:
		return (struct user_reg){ ARM_TIMER_VIRT, ARM_TIMER_CNT };
	case KVM_REG_ARM_PTIMER_CTL:
		return (struct user_reg){ ARM_TIMER_PHYS, ARM_TIMER_CTL };
	case KVM_REG_ARM_PTIMER_CVAL:
		return (struct user_reg){ ARM_TIMER_PHYS, ARM_TIMER_CVAL };
	default:
		return (struct user_reg){ ARM_TIMER_PHYS, ARM_TIMER_CNT };
	}
}

static int get_user_reg(struct keel_vcpu *vcpu, const struct keel_reg *reg,
			struct keel_reg_access *a)
{
	struct user_reg r = user_reg(a->id);

	a->val = arm_timer_read(to_arm_vcpu(vcpu), r.nr, r.reg);
	return 0;
}

static int set_user_reg(struct keel_vcpu *vcpu, const struct keel_reg *reg,
			struct keel_reg_access *a)
{
	struct user_reg r = user_reg(a->id);

	arm_timer_write(to_arm_vcpu(vcpu), r.nr, r.reg, a->val);
	return 0;
}

#define USER_REG(id_) { .id = id_, .flags = KEEL_REG_LIST, .get = get_user_reg, .set = set_user_reg }

static const struct keel_reg user_regs[] = {
	USER_REG(KVM_REG_ARM_PTIMER_CNT),
	USER_REG(KVM_REG_ARM_TIMER_CVAL),
	USER_REG(KVM_REG_ARM_PTIMER_CTL),
	USER_REG(KVM_REG_ARM_PTIMER_CVAL),
	USER_REG(KVM_REG_ARM_TIMER_CTL),
	USER_REG(KVM_REG_ARM_TIMER_CNT),
};

const struct keel_reg_table arm_timer_regs = { user_regs, ARRAY_SIZE(user_regs) };

#ifdef KVM_ARM_SET_COUNTER_OFFSET
long arm_set_counter_offset(struct keel_vm *core, void *data)
{
	const struct kvm_arm_counter_offset *arg = data;
	struct arm_vm *vm = to_arm_vm(core);
	int r;

	if (arg->reserved)
		return -EINVAL;
	mutex_lock(&core->lock);
	r = keel_lock_all_vcpus(core);
	if (!r) {
		vm->timer.offset_set = true;
		set_offset(&vm->timer, ARM_TIMER_VIRT, arg->counter_offset);
		set_offset(&vm->timer, ARM_TIMER_PHYS, arg->counter_offset);
		keel_unlock_all_vcpus(core);
	}
	mutex_unlock(&core->lock);
	return r;
}
#endif

/* --- interrupt numbers ----------------------------------------------------------------------- */

static int set_ppi(struct keel_vcpu *vcpu, enum arm_timer_nr nr, u64 val)
{
	struct arm_vm *vm = to_arm_vm(vcpu->vm);
	int r = 0;

	if (!vgic_present(vm) || val < VGIC_NR_SGIS || val >= VGIC_NR_PRIVATE)
		return -EINVAL;
	mutex_lock(&vm->core.lock);
	/* The same for all vCPUs, and for good as soon as one has run. */
	if (test_bit(ARM_VM_RAN, &vm->flags))
		r = -EBUSY;
	else
		vm->timer.ppi[nr] = val;
	mutex_unlock(&vm->core.lock);
	return r;
}

int arm_timer_get_vppi(struct keel_vcpu *vcpu, u64 *val)
{
	*val = to_arm_vm(vcpu->vm)->timer.ppi[ARM_TIMER_VIRT];
	return 0;
}

int arm_timer_set_vppi(struct keel_vcpu *vcpu, u64 val)
{
	return set_ppi(vcpu, ARM_TIMER_VIRT, val);
}

int arm_timer_get_pppi(struct keel_vcpu *vcpu, u64 *val)
{
	*val = to_arm_vm(vcpu->vm)->timer.ppi[ARM_TIMER_PHYS];
	return 0;
}

int arm_timer_set_pppi(struct keel_vcpu *vcpu, u64 val)
{
	return set_ppi(vcpu, ARM_TIMER_PHYS, val);
}

/* --- life ------------------------------------------------------------------------------------ */

void arm_timer_vm_init(struct arm_vm *vm)
{
	struct arm_vm_timer *vt = &vm->timer;

	memcpy(vt->ppi, default_ppi, sizeof(vt->ppi));
	vt->offset[ARM_TIMER_VIRT] = arch_timer_read_counter();	/* a guest's time begins now */
	vt->gen = 1;
}

void arm_timer_vcpu_create(struct arm_vcpu *v)
{
	enum arm_timer_nr nr;

	for (nr = 0; nr < ARM_NR_TIMERS; nr++) {
		v->timer[nr].v = v;
		keel_timer_init(&v->timer[nr].soft, fire);
	}
	v->timer[ARM_TIMER_VIRT].direct = true;
	choose(v);
}

void arm_timer_vcpu_destroy(struct arm_vcpu *v)
{
	enum arm_timer_nr nr;

	for (nr = 0; nr < ARM_NR_TIMERS; nr++)
		keel_timer_cancel(&v->timer[nr].soft);
}

void arm_timer_reset(struct arm_vcpu *v)
{
	arm_timer_write(v, ARM_TIMER_VIRT, ARM_TIMER_CTL, 0);
	arm_timer_write(v, ARM_TIMER_PHYS, ARM_TIMER_CTL, 0);
}

int arm_timer_first_run(struct arm_vcpu *v)
{
	struct arm_vm *vm = arm_vm_of(v);
	const u32 *ppi = vm->timer.ppi;
	enum arm_timer_nr nr;
	int r = 0;

	mutex_lock(&vm->core.lock);
	if (vgic_present(vm)) {
		if (ppi[ARM_TIMER_VIRT] == ppi[ARM_TIMER_PHYS])
			r = -EINVAL;
		for (nr = 0; nr < ARM_NR_TIMERS && !r; nr++)
			r = vgic_own_ppi(v, ppi[nr], forwarded(&v->timer[nr])) ? -EINVAL : 0;
		/* A timer may have expired before there was anybody to tell. */
		for (nr = 0; nr < ARM_NR_TIMERS && !r; nr++)
			vgic_set_irq(vm, v, ppi[nr], READ_ONCE(v->timer[nr].level));
		v->timers_owned = !r;
	}
	if (!r)
		set_bit(ARM_VM_RAN, &vm->flags);
	mutex_unlock(&vm->core.lock);
	return r;
}
