// SPDX-License-Identifier: GPL-2.0-only
/* MTRRs and PAT, kept for the guest with the manuals' checks (SDM 12.11, 12.12; APM 7.7, 7.8). */
#include <linux/nospec.h>
#include <asm/mtrr.h>
#include "msr.h"

/*
 * They decide nothing here: no device is assigned, so all guest memory is coherent and written
 * back, and the guest's own page attributes say the rest.
 */
#define VARIABLE_RANGES		8
#define MTRR_CAP_VALUE		(VARIABLE_RANGES | BIT(8) /* fixed ranges */ | BIT(10) /* WC */)
#define DEFTYPE_VALID		(0xffull | BIT(10) | BIT(11))
#define BASE_RESERVED		GENMASK_ULL(11, 8)
#define MASK_RESERVED		GENMASK_ULL(10, 0)

static bool mtrr_type_valid(u64 type)
{
	return type < 8 && (BIT(type) & (BIT(MTRR_TYPE_UNCACHABLE) | BIT(MTRR_TYPE_WRCOMB) |
					 BIT(MTRR_TYPE_WRTHROUGH) | BIT(MTRR_TYPE_WRPROT) |
					 BIT(MTRR_TYPE_WRBACK)));
}

/* As MTRR types, and UC- as 7. */
static bool pat_type_valid(u64 type)
{
	return type == 7 || mtrr_type_valid(type);
}

static bool each_byte(u64 val, bool (*valid)(u64 type))
{
	int i;

	for (i = 0; i < 64; i += 8)
		if (!valid(val >> i & 0xff))
			return false;
	return true;
}

int x86_mtrr_cap_get(struct keel_vcpu *vcpu, const struct keel_reg *reg,
		     struct keel_reg_access *a)
{
	a->val = MTRR_CAP_VALUE;
	return 0;
}

int x86_mtrr_deftype_set(struct keel_vcpu *vcpu, const struct keel_reg *reg,
			 struct keel_reg_access *a)
{
	if ((a->val & ~DEFTYPE_VALID) || !mtrr_type_valid(a->val & 0xff))
		return -EINVAL;
	to_x86(vcpu)->mtrr_deftype = a->val;
	return 0;
}

/* Eleven registers at three places: 64K (0x250), 16K (0x258, 9), 4K (0x268..f). */
static u64 *fixed(struct keel_vcpu *vcpu, u32 index)
{
	unsigned int i = index == MSR_MTRRfix64K_00000 ? 0 :
			 index <= MSR_MTRRfix16K_A0000 ? 1 + index - MSR_MTRRfix16K_80000 :
							 3 + index - MSR_MTRRfix4K_C0000;

	return &to_x86(vcpu)->mtrr_fixed[array_index_nospec(i, 11)];
}

int x86_mtrr_fixed_get(struct keel_vcpu *vcpu, const struct keel_reg *reg,
		       struct keel_reg_access *a)
{
	a->val = *fixed(vcpu, a->id);
	return 0;
}

int x86_mtrr_fixed_set(struct keel_vcpu *vcpu, const struct keel_reg *reg,
		       struct keel_reg_access *a)
{
	if (!each_byte(a->val, mtrr_type_valid))
		return -EINVAL;
	*fixed(vcpu, a->id) = a->val;
	return 0;
}

int x86_mtrr_var_set(struct keel_vcpu *vcpu, const struct keel_reg *reg,
		     struct keel_reg_access *a)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u64 reserved = v->cpuid.reserved_gpa_bits;
	bool mask = a->id & 1;

	reserved |= mask ? MASK_RESERVED : BASE_RESERVED;
	if ((a->val & reserved) || (!mask && !mtrr_type_valid(a->val & 0xff)))
		return -EINVAL;
	v->mtrr_var[array_index_nospec(a->id - reg->id, 2 * VARIABLE_RANGES)] = a->val;
	return 0;
}

int x86_pat_set(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (!each_byte(a->val, pat_type_valid))
		return -EINVAL;
	v->pat = a->val;
	/*
	 * A backend that keeps it elsewhere as well knows the register; one that does not has it
	 * from here.
	 */
	x86_be(set_msr)(v, MSR_IA32_CR_PAT, a->val, a->actor == KEEL_REG_HOST);
	return 0;
}
