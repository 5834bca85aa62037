// SPDX-License-Identifier: GPL-2.0-only
/* TLB invalidation for guests, from EL2 with VHE (ARM ARM D8.14). */
#include <linux/irqflags.h>
#include <asm/kvm_arm.h>
#include <asm/sysreg.h>
#include <asm/tlbflush.h>
#include "hyp.h"

struct vhe_regime {
	unsigned long flags;
	u64 hcr, vttbr;
};

/*
 * Instructions for EL1&0 mean EL2&0 while HCR_EL2.TGE is set, and mean the VMID in VTTBR_EL2. The
 * tables have been changed before: the first barrier makes that seen by all walks.
 */
static void regime_enter(struct vhe_regime *r, u64 vttbr)
{
	dsb(ishst);
	local_irq_save(r->flags);
	r->vttbr = read_sysreg(vttbr_el2);
	r->hcr = read_sysreg(hcr_el2);
	write_sysreg(vttbr, vttbr_el2);
	isb();
	write_sysreg(r->hcr & ~HCR_TGE, hcr_el2);
	isb();
}

static void regime_leave(struct vhe_regime *r)
{
	write_sysreg(r->hcr, hcr_el2);
	isb();
	write_sysreg(r->vttbr, vttbr_el2);
	isb();
	local_irq_restore(r->flags);
}

void vhe_tlb_flush_vm(u64 vttbr)
{
	struct vhe_regime r;

	regime_enter(&r, vttbr);
	__tlbi(vmalls12e1is);
	dsb(ish);
	isb();
	regime_leave(&r);
}

/* What stage 1 and 2 have been combined to is not found by its IPA: all of stage 1 goes. */
void vhe_tlb_flush_ipa(u64 vttbr, u64 ipa)
{
	struct vhe_regime r;

	regime_enter(&r, vttbr);
	__tlbi(ipas2e1is, ipa >> 12);
	dsb(ish);
	__tlbi(vmalle1is);
	dsb(ish);
	isb();
	regime_leave(&r);
}

void vhe_tlb_flush_local(u64 vttbr)
{
	struct vhe_regime r;

	regime_enter(&r, vttbr);
	__tlbi(vmalle1);
	asm volatile("ic iallu");
	dsb(nsh);
	isb();
	regime_leave(&r);
}

void vhe_tlb_flush_all(void)
{
	dsb(ishst);
	__tlbi(alle1is);
	asm volatile("ic ialluis");
	dsb(ish);
	isb();
}
