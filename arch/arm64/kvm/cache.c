// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cache maintenance. A guest whose caches are off sees memory and not what the host has in the
 * data cache; one that fetches instructions sees what the instruction cache has (ARM ARM D7.5).
 */
#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <asm/cache.h>
#include <asm/cacheflush.h>
#include <asm/cpufeature.h>
#include "arm.h"
#include "hyp/hyp.h"
#include "trace.h"

/* To the point of coherency: what uncached accesses see. */
static void dcache_flush(void *addr, unsigned long size)
{
	unsigned long line = 4ul << ((arm64_ctr() >> 16) & 0xf), p;

	for (p = (unsigned long)addr & ~(line - 1); p < (unsigned long)addr + size; p += line)
		asm volatile("dc civac, %0" : : "r"(p) : "memory");
	dsb(sy);
}

u64 arm64_ctr(void)
{
	return read_sanitised_ftr_reg(SYS_CTR_EL0);
}

/* Do CPUs have line sizes that differ? CTR_EL0 of each then is not what guests should go by. */
bool arm64_ctr_differs(void)
{
	return cpus_have_final_cap(ARM64_MISMATCHED_CACHE_TYPE);
}

/* A page is about to be mapped. With FEAT_S2FWB all accesses are cached, whatever the guest says. */
void arm_page_mapped(struct keel_vcpu *vcpu, const struct keel_s2_fault *fault, u64 pfn)
{
	unsigned long size = PAGE_SIZE << fault->order;
	void *addr;

	if (fault->memtype != KEEL_S2_NORMAL)
		return;
	addr = __va(pfn << PAGE_SHIFT & ~(u64)(size - 1));
	if (!cpus_have_final_cap(ARM64_HAS_STAGE2_FWB))
		dcache_flush(addr, size);
	/* Does nothing where hardware keeps the instruction cache coherent. */
	if (fault->exec || !fault->lazy_exec)
		caches_clean_inval_pou((unsigned long)addr, (unsigned long)addr + size);
}

/* --- the guest's caches, on and off ------------------------------------------------------------------- */

static void flush_slot(struct keel_vm *vm, const struct keel_memslot *slot)
{
	struct keel_s2 *s2 = &vm->s2[0];
	u64 gfn = slot->base, end = slot->base + slot->npages, size;
	struct keel_s2_leaf leaf;

	read_lock(&vm->mmu_lock);
	while (gfn < end) {
		bool found = s2->ops->lookup(s2, gfn, &leaf);

		size = leaf.level ? 1ull << (keel_s2_level_shift(s2, leaf.level) - PAGE_SHIFT) : 1;
		size -= gfn & (size - 1);	/* what is left of the block */
		size = min(size, end - gfn);
		if (found && pfn_valid(leaf.pfn))
			dcache_flush(__va(leaf.pfn << PAGE_SHIFT), size << PAGE_SHIFT);
		gfn += size;
		if (need_resched() || rwlock_needbreak(&vm->mmu_lock)) {
			read_unlock(&vm->mmu_lock);
			cond_resched();
			read_lock(&vm->mmu_lock);
		}
	}
	read_unlock(&vm->mmu_lock);
}

static void flush_guest(struct keel_vm *vm)
{
	struct keel_memslot *slot;
	unsigned long gfn = 0;
	int idx = srcu_read_lock(&vm->srcu);

	mt_for_each(&vm->slots[0].by_gfn, slot, gfn, ULONG_MAX)
		flush_slot(vm, slot);
	srcu_read_unlock(&vm->srcu, idx);
}

static bool caches_on(struct arm_vcpu *v)
{
	return (arm_read_sys(v, ARM_SCTLR_EL1) & (SCTLR_ELx_M | SCTLR_ELx_C)) ==
	       (SCTLR_ELx_M | SCTLR_ELx_C);
}

/**
 * arm_set_way - the guest has cleaned or invalidated by set and way
 * @v: the vCPU, by its own thread
 *
 * That cannot be done for a guest. It is a sign of the caches being turned on or off: all of its
 * memory is flushed, and once more when it has changed them.
 */
void arm_set_way(struct arm_vcpu *v)
{
	if (v->hcr & (HCR_TVM | HCR_FWB))
		return;
	trace_kvm_set_way_flush(v->ctxt.pc, caches_on(v));
	flush_guest(v->core.vm);
	v->hcr |= HCR_TVM;
}

/**
 * arm_vm_reg_write - a trapped write to a register of stage 1 (HCR_EL2.TVM)
 * @v: the vCPU, by its own thread
 * @reg: the register
 * @val: its new value
 */
void arm_vm_reg_write(struct arm_vcpu *v, enum arm_sys reg, u64 val)
{
	bool was = caches_on(v), now;

	arm_write_sys(v, reg, val);
	now = caches_on(v);
	if (now != was)
		flush_guest(v->core.vm);
	if (now)
		v->hcr &= ~HCR_TVM;
	trace_kvm_toggle_cache(v->ctxt.pc, was, now);
}
