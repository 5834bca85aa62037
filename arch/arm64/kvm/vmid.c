// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMIDs: a VM gets one when it is loaded and its own is of an old generation. When all are in use,
 * a new generation begins with one flush of everything; VMs that are loaded somewhere keep theirs.
 */
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <asm/cpufeature.h>
#include "arm.h"
#include "hyp/hyp.h"

#define GENERATION(vmid)	((vmid) >> 16)
#define NUMBER(vmid)		((u16)(vmid))

static unsigned int nr_vmids;
static unsigned long *used;		/* under lock */
static u64 generation = 1;		/* changed under lock */
static unsigned int hint = 1;
static DEFINE_RAW_SPINLOCK(lock);

/* The value that is loaded on a CPU; 0: none, or a new generation has begun since. */
static DEFINE_PER_CPU(u64, active);
/* What was loaded there when the generation began: not to be given to another VM. */
static DEFINE_PER_CPU(u64, reserved);

static u64 arm_vttbr(struct arm_vm *vm, u64 vmid)
{
	return (u64)NUMBER(vmid) << 48 | __pa(vm->core.s2[0].root);
}

int arm_vmid_setup(void)
{
	u64 mmfr1 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR1_EL1);
	bool wide = cpuid_feature_extract_unsigned_field(mmfr1, ID_AA64MMFR1_EL1_VMIDBits_SHIFT) == 2;

	nr_vmids = wide ? 65536 : 256;
	used = bitmap_zalloc(nr_vmids, GFP_KERNEL);
	if (!used)
		return -ENOMEM;
	__set_bit(0, used);	/* the host's, with no stage 2 at all */
	return 0;
}

void arm_vmid_teardown(void)
{
	bitmap_free(used);
}

static void new_generation(void)
{
	int cpu;
	u64 vmid;

	WRITE_ONCE(generation, generation + 1);
	bitmap_zero(used, nr_vmids);
	__set_bit(0, used);
	for_each_possible_cpu(cpu) {
		/* Whoever was quicker than us and has taken the fast way is seen here. */
		vmid = xchg(per_cpu_ptr(&active, cpu), 0);
		if (!vmid)
			vmid = per_cpu(reserved, cpu);
		per_cpu(reserved, cpu) = vmid;
		__set_bit(NUMBER(vmid), used);
	}
	arm_switch->tlb_flush_all();
}

/* A VM that kept its number through a new generation has it still. */
static bool take_reserved(u64 old, u64 new)
{
	bool found = false;
	int cpu;

	for_each_possible_cpu(cpu) {
		if (per_cpu(reserved, cpu) == old) {
			per_cpu(reserved, cpu) = new;
			found = true;
		}
	}
	return found;
}

static u64 allocate(u64 old)
{
	unsigned int number;
	u64 new;

	if (old) {
		new = generation << 16 | NUMBER(old);
		if (take_reserved(old, new))
			return new;
		/* Nobody has taken its number yet: what CPUs remember of it is gone all the same. */
		if (!__test_and_set_bit(NUMBER(old), used))
			return new;
	}
	number = find_next_zero_bit(used, nr_vmids, hint);
	if (number == nr_vmids) {
		new_generation();
		number = find_next_zero_bit(used, nr_vmids, 1);
	}
	__set_bit(number, used);
	hint = number;
	return generation << 16 | number;
}

/**
 * arm_vmid_load - this CPU is going to run the VM
 * @vm: the VM; preemption off
 *
 * Return: VTTBR_EL2
 */
u64 arm_vmid_load(struct arm_vm *vm)
{
	u64 *mine = this_cpu_ptr(&active);
	u64 vmid = READ_ONCE(vm->vmid.value), was = READ_ONCE(*mine);
	unsigned long flags;

	if (was && GENERATION(vmid) == READ_ONCE(generation) &&
	    try_cmpxchg_relaxed(mine, &was, vmid))
		return arm_vttbr(vm, vmid);
	raw_spin_lock_irqsave(&lock, flags);
	vmid = vm->vmid.value;
	if (GENERATION(vmid) != generation) {
		vmid = allocate(vmid);
		WRITE_ONCE(vm->vmid.value, vmid);
		/* Who changes the tables and then reads the value flushes this one, or we see the change. */
		smp_mb();
	}
	WRITE_ONCE(*mine, vmid);
	raw_spin_unlock_irqrestore(&lock, flags);
	return arm_vttbr(vm, vmid);
}

/* --- flushing ------------------------------------------------------------------------------------- */

static u64 current_vttbr(struct arm_vm *vm)
{
	smp_mb();	/* as in arm_vmid_load() */
	return arm_vttbr(vm, READ_ONCE(vm->vmid.value));
}

void arm_s2_flush(struct keel_vm *core, u64 start_gfn, u64 end_gfn)
{
	/* A block goes as a whole, and CPUs may have it in pieces: ranges are of no use. */
	arm_switch->tlb_flush_vm(current_vttbr(to_arm_vm(core)));
	core->stat.remote_tlb_flush++;
}

static void flush_hook(struct keel_s2 *s2, u64 gfn, u64 nr)
{
	struct arm_vm *vm = container_of(s2->lock, struct arm_vm, core.mmu_lock);

	if (nr == 1)
		arm_switch->tlb_flush_ipa(current_vttbr(vm), gfn << PAGE_SHIFT);
	else
		arm_switch->tlb_flush_vm(current_vttbr(vm));
}

const struct keel_s2_hooks arm_s2_hooks = {
	.flush = flush_hook,
};
