// SPDX-License-Identifier: GPL-2.0-only
/* Machine-check banks, and machine checks from user space (SDM chapter 16, APM chapter 9). */
#include <linux/nospec.h>
#include <asm/mce.h>
#include "ioctl.h"
#include "msr.h"

/* No CMCI: nothing here corrects errors behind the guest's back. */
static const u64 supported_mcg_cap = MCG_CTL_P | MCG_SER_P;

enum { BANK_CTL, BANK_STATUS, BANK_ADDR, BANK_MISC };	/* in the order of their MSRs */

static unsigned int nr_banks(const struct x86_vcpu *v)
{
	return v->mcg_cap & MCG_BANKCNT_MASK;
}

int x86_mcg_get(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	struct x86_vcpu *v = to_x86(vcpu);

	switch (a->id) {
	case MSR_IA32_MCG_CAP:
		a->val = v->mcg_cap;
		return 0;
	case MSR_IA32_MCG_CTL:
		/* There by MCG_CAP only; a host that saves it may read 0. */
		if (!(v->mcg_cap & MCG_CTL_P) && a->actor == KEEL_REG_GUEST)
			return -EINVAL;
		a->val = v->mcg_ctl;
		return 0;
	default:
		a->val = v->mcg_status;
		return 0;
	}
}

int x86_mcg_set(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	struct x86_vcpu *v = to_x86(vcpu);
	bool host = a->actor == KEEL_REG_HOST;

	switch (a->id) {
	case MSR_IA32_MCG_CAP:
		return host && a->val == v->mcg_cap ? 0 : -EINVAL;
	case MSR_IA32_MCG_CTL:
		if (!(v->mcg_cap & MCG_CTL_P) && (a->val || !host))
			return -EINVAL;
		if (a->val && a->val != ~0ull)
			return -EINVAL;
		v->mcg_ctl = a->val;
		return 0;
	default:
		v->mcg_status = a->val;
		return 0;
	}
}

static u64 *bank_reg(struct x86_vcpu *v, u64 id)
{
	u64 i = id - MSR_IA32_MC0_CTL;

	if (i >= 4 * nr_banks(v))
		return NULL;
	return &v->mce_banks[array_index_nospec(i, ARRAY_SIZE(v->mce_banks))];
}

int x86_mce_bank_get(struct keel_vcpu *vcpu, const struct keel_reg *reg,
		     struct keel_reg_access *a)
{
	u64 *p = bank_reg(to_x86(vcpu), a->id);

	if (!p)
		return -EINVAL;
	a->val = *p;
	return 0;
}

int x86_mce_bank_set(struct keel_vcpu *vcpu, const struct keel_reg *reg,
		     struct keel_reg_access *a)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u64 *p = bank_reg(v, a->id);

	if (!p)
		return -EINVAL;
	switch (a->id & 3) {
	case BANK_CTL:
		/*
		 * All or nothing, but for two bits that old kernels clear to work around errata: 10
		 * (GART table walk errors) and 0 (corrected ECC errors).
		 */
		if (a->val && (a->val | BIT(10) | BIT(0)) != ~0ull)
			return -EINVAL;
		break;
	case BANK_STATUS:
		/* Software may only clear it; AMD lets HWCR.McStatusWrEn change that. */
		if (a->actor == KEEL_REG_GUEST && a->val &&
		    !(v->cpuid.amd && (v->hwcr & BIT(18))))
			return -EINVAL;
		break;
	}
	*p = a->val;
	return 0;
}

void x86_mce_reset(struct x86_vcpu *v)
{
	v->mcg_cap = X86_MCE_BANKS;
	v->mcg_status = 0;
	v->mcg_ctl = 0;
	memset(v->mce_banks, 0, sizeof(v->mce_banks));
}

long x86_get_mce_cap(void *data)
{
	*(u64 *)data = supported_mcg_cap;
	return 0;
}

long x86_setup_mce(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u64 cap = *(u64 *)data;
	unsigned int i;

	if (!(cap & MCG_BANKCNT_MASK) || (cap & MCG_BANKCNT_MASK) > X86_MCE_BANKS)
		return -EINVAL;
	/* Bits 23:16 count extended state registers: user space's to say, as the banks are. */
	if (cap & ~(supported_mcg_cap | MCG_BANKCNT_MASK | MCG_EXT_CNT_MASK))
		return -EINVAL;
	v->mcg_cap = cap;
	if (cap & MCG_CTL_P)
		v->mcg_ctl = ~0ull;
	for (i = 0; i < nr_banks(v); i++)
		v->mce_banks[4 * i + BANK_CTL] = ~0ull;
	return 0;
}

/*
 * "Uncorrected, no action": logged like a corrected error, and told by CMCI, which does not exist
 * here (SDM 16.6.3). Anything else that is uncorrected raises #MC.
 */
static bool needs_action(const struct kvm_x86_mce *mce)
{
	return mce->mcg_status ||
	       (mce->status & (MCI_STATUS_PCC | MCI_STATUS_S | MCI_STATUS_AR));
}

long x86_set_mce(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct kvm_x86_mce *mce = data;
	bool raise;
	u64 *bank;

	if (mce->bank >= nr_banks(v) || !(mce->status & MCI_STATUS_VAL))
		return -EINVAL;
	bank = &v->mce_banks[4 * array_index_nospec(mce->bank, X86_MCE_BANKS)];
	raise = (mce->status & MCI_STATUS_UC) && needs_action(mce);

	if (raise) {
		/* Not enabled, for all banks or for this one: the error goes unseen. */
		if ((v->mcg_cap & MCG_CTL_P) && v->mcg_ctl != ~0ull)
			return 0;
		if (bank[BANK_CTL] != ~0ull)
			return 0;
		if ((v->mcg_status & MCG_STATUS_MCIP) || !(x86_cr4(v) & X86_CR4_MCE)) {
			keel_request(&v->core, X86_REQ_TRIPLE_FAULT);
			return 0;
		}
	} else if ((bank[BANK_STATUS] & MCI_STATUS_VAL) && (bank[BANK_STATUS] & MCI_STATUS_UC)) {
		/* An uncorrected error is not overwritten by a lesser one. */
		bank[BANK_STATUS] |= MCI_STATUS_OVER;
		return 0;
	}
	if (bank[BANK_STATUS] & MCI_STATUS_VAL)
		mce->status |= MCI_STATUS_OVER;
	bank[BANK_ADDR] = mce->addr;
	bank[BANK_MISC] = mce->misc;
	bank[BANK_STATUS] = mce->status;
	if (raise) {
		v->mcg_status = mce->mcg_status;
		x86_queue_exception(v, MC_VECTOR);
	}
	return 0;
}
