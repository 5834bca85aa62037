// SPDX-License-Identifier: GPL-2.0-only
/*
 * Feature identification registers: what the host has, less what guests are not given. User space
 * may take more away, until a vCPU has run.
 */
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include "arm.h"

/**
 * struct idreg - a register, fields of 4 bits each, one bit of the masks per field
 * @index: ARM_IDREG()
 * @given: fields that guests get from the host
 * @writable: of these, those that user space may lower
 * @is_signed: fields where 0xf is less than 0
 * @aarch32: means something with AArch32 at EL0 only
 */
struct idreg {
	u8 index;
	bool aarch32;
	u16 given;
	u16 writable;
	u16 is_signed;
};

#define F(n)	(1u << (n))
#define FF(lo, hi) ((2u << (hi)) - (1u << (lo)))

#define AA32(crm, op2, given_) \
	{ .index = ARM_IDREG(crm, op2), .aarch32 = true, .given = given_ }

#define PFR0	ARM_IDREG(4, 0)
#define PFR1	ARM_IDREG(4, 1)
#define DFR0	ARM_IDREG(5, 0)
#define ISAR0	ARM_IDREG(6, 0)
#define ISAR1	ARM_IDREG(6, 1)
#define ISAR2	ARM_IDREG(6, 2)
#define MMFR0	ARM_IDREG(7, 0)
#define MMFR1	ARM_IDREG(7, 1)
#define MMFR2	ARM_IDREG(7, 2)

/* Those that are not here read as 0. Fields are named by their first bit, divided by 4. */
static const struct idreg idregs[] = {
	AA32(1, 0, 0xffff),		/* ID_PFR0_EL1 */
	AA32(1, 1, 0x00ff),		/* ID_PFR1_EL1: no GIC there */
	AA32(1, 2, 0x00ff),		/* ID_DFR0_EL1: neither PMU nor trace */
	AA32(1, 4, 0xffff),		/* ID_MMFR0_EL1 */
	AA32(1, 5, 0xffff),
	AA32(1, 6, 0xffff),
	AA32(1, 7, 0xffff),
	AA32(2, 0, 0xffff),		/* ID_ISAR0_EL1 */
	AA32(2, 1, 0xffff),
	AA32(2, 2, 0xffff),
	AA32(2, 3, 0xffff),
	AA32(2, 4, 0xffff),
	AA32(2, 5, 0xffff),
	AA32(2, 6, 0xffff),		/* ID_MMFR4_EL1 */
	AA32(2, 7, 0xffff),		/* ID_ISAR6_EL1 */
	AA32(3, 0, 0xffff),		/* MVFR0_EL1 */
	AA32(3, 1, 0xffff),
	AA32(3, 2, 0xffff),
	AA32(3, 4, 0xffff),		/* ID_PFR2_EL1 */
	AA32(3, 6, 0xffff),		/* ID_MMFR5_EL1 */

	/* EL0, EL1, FP, AdvSIMD, RAS, DIT, CSV2, CSV3; GIC when there is one. */
	{ .index = PFR0, .given = F(0) | F(1) | F(4) | F(5) | F(7) | F(12) | F(14) | F(15),
	  .writable = F(0) | F(1) | F(7) | F(12) | F(14) | F(15), .is_signed = F(4) | F(5) },
	/* BT, SSBS */
	{ .index = PFR1, .given = F(0) | F(1), .writable = F(0) | F(1) },
	/* DebugVer, BRPs, WRPs, CTX_CMPs, DoubleLock */
	{ .index = DFR0, .given = F(0) | F(3) | F(5) | F(7) | F(9), .writable = F(0),
	  .is_signed = F(9) },
	/* All but TME. */
	{ .index = ISAR0, .given = 0xffff & ~F(6), .writable = 0xffff & ~F(6) },
	/* All but XS and LS64; APA, API, GPA and GPI as the vCPU has them. */
	{ .index = ISAR1, .given = FF(0, 13), .writable = F(0) | F(3) | F(4) | F(5) | FF(8, 13) },
	/* WFxT, RPRES, GPA3, APA3, BC, PAC_frac, CLRBHB */
	{ .index = ISAR2, .given = FF(0, 3) | F(5) | F(6) | F(7), .writable = F(0) | F(1) | F(5) | F(7) },
	/* PARange, ASIDBits, BigEnd, SNSMem, BigEndEL0, TGran16, TGran64, TGran4 */
	{ .index = MMFR0, .given = FF(0, 7), .writable = F(0) | F(1) | F(2) | FF(4, 7),
	  .is_signed = F(6) | F(7) },
	/* HAFDBS, HPDS, PAN, SpecSEI, XNX, ETS, AFP, nTLBPA, ECBHB */
	{ .index = MMFR1, .given = F(0) | F(3) | F(5) | F(6) | F(7) | F(9) | F(11) | F(12) | F(15),
	  .writable = F(0) | F(3) | F(5) | F(9) | F(11) | F(12) },
	/* CnP, UAO, LSM, IESB, VARange, ST, AT, IDS, TTL, BBM, E0PD */
	{ .index = MMFR2, .given = F(0) | F(1) | F(2) | F(3) | F(4) | F(7) | F(8) | F(9) | F(12) |
				   F(13) | F(15),
	  .writable = F(0) | F(1) | F(2) | F(3) | F(4) | F(7) | F(8) | F(9) | F(12) | F(13) | F(15) },
};

static u64 host[ARM_NR_IDREGS];		/* what guests can be given at most */

static const struct idreg *find(unsigned int index)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(idregs); i++)
		if (idregs[i].index == index)
			return &idregs[i];
	return NULL;
}

static u64 fields_mask(u16 fields)
{
	u64 mask = 0;
	unsigned int i;

	for (i = 0; i < 16; i++)
		if (fields & F(i))
			mask |= 0xfull << (4 * i);
	return mask;
}

static unsigned int field(u64 val, unsigned int shift)
{
	return val >> shift & 0xf;
}

/* Lower a field to @limit. */
static void limit(u64 *reg, unsigned int shift, unsigned int limit)
{
	if (field(*reg, shift) > limit)
		*reg = (*reg & ~(0xfull << shift)) | (u64)limit << shift;
}

/* At EL0, on every CPU. */
bool arm_has_aarch32(void)
{
	return field(read_sanitised_ftr_reg(SYS_ID_AA64PFR0_EL1), 0) == 2;
}

void arm_idregs_setup(void)
{
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(idregs); i++) {
		if (idregs[i].aarch32 && !arm_has_aarch32())
			continue;
		n = idregs[i].index;
		host[n] = read_sanitised_ftr_reg(sys_reg(3, 0, 0, n / 8 + 1, n % 8)) &
			  fields_mask(idregs[i].given);
	}
	limit(&host[PFR0], 4, 1);	/* EL1 is AArch64's alone */
	limit(&host[PFR0], 28, 1);	/* RAS */
	limit(&host[PFR0], 56, 1);	/* CSV2: SCXTNUM is trapped */
	limit(&host[PFR0], 60, 1);
	limit(&host[PFR1], 4, 2);
	limit(&host[DFR0], 0, 6);	/* what later architectures add is not there */
	limit(&host[MMFR0], 0, 5);	/* addresses of 48 bits */
	limit(&host[MMFR2], 16, 0);	/* VARange: as the granules that are given */
	/* TGran4 and 16 with 52 bits need DS in our tables as well. */
	limit(&host[MMFR0], 20, 1);
	if (field(host[MMFR0], 28) == 1)
		limit(&host[MMFR0], 28, 0);
	if (!arm_has_ptrauth()) {
		host[ISAR1] &= ~fields_mask(F(1) | F(2) | F(6) | F(7));
		host[ISAR2] &= ~fields_mask(F(2) | F(3) | F(6));
	}
}

bool arm_has_ptrauth(void)
{
	return system_supports_address_auth() && system_supports_generic_auth();
}

/* CLIDR_EL1 and CCSIDR_EL1: one level, as CTR_EL0 has it. Nobody can flush by set and way. */
static u64 make_clidr(u64 ctr)
{
	u64 clidr = 3 | 1ull << 24;	/* Ctype1: separate; LoC */

	if (!(ctr & BIT(28)))		/* IDC */
		clidr |= 1ull << 21 | 1ull << 27;	/* LoUIS, LoUU */
	return clidr;
}

u64 arm_ccsidr(struct arm_vcpu *v, u64 csselr)
{
	u64 ctr = arm_vm_of(v)->ctr;

	if (csselr & 0xe)
		return 0;	/* no further level: UNKNOWN */
	/* LineSize counts words of 4 bytes less 2, logarithmically; CTR_EL0 counts all of them. */
	return (csselr & 1 ? ctr & 0xf : ctr >> 16 & 0xf) - 2;
}

void arm_idregs_vm_init(struct arm_vm *vm)
{
	memcpy(vm->idregs, host, sizeof(vm->idregs));
	vm->ctr = arm64_ctr();
	vm->clidr = make_clidr(vm->ctr);
}

/* The first vCPU says if there is pointer authentication. */
void arm_idregs_vcpu_init(struct arm_vcpu *v)
{
	struct arm_vm *vm = arm_vm_of(v);

	if (arm_has_feature(v, KVM_ARM_VCPU_PTRAUTH_ADDRESS))
		return;
	vm->idregs[ISAR1] &= ~fields_mask(F(1) | F(2) | F(6) | F(7));
	vm->idregs[ISAR2] &= ~fields_mask(F(2) | F(3) | F(6));
}

unsigned int arm_idreg_field(const struct arm_vm *vm, unsigned int crm, unsigned int op2,
			     unsigned int shift)
{
	return field(vm->idregs[ARM_IDREG(crm, op2)], shift);
}

#define PFR0_GIC	(0xfull << 24)

u64 arm_idreg_get(struct arm_vcpu *v, unsigned int index)
{
	struct arm_vm *vm = arm_vm_of(v);
	u64 val = vm->idregs[index];

	/* User space saves the registers before it makes the GIC, and restores them after that. */
	if (index == PFR0 && vgic_supported() &&
	    (vgic_present(vm) || !test_bit(ARM_VM_RAN, &vm->flags)))
		val |= 1ull << 24;
	return val;
}

/* Is @val a lower value of the fields that may be lowered, and the same in the rest? */
static bool may_be(const struct idreg *reg, u64 now, u64 most, u64 val)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		int old = field(now, 4 * i), top = field(most, 4 * i), new = field(val, 4 * i);

		if (new == old)
			continue;
		if (!reg || !(reg->writable & F(i)))
			return false;
		if (reg->is_signed & F(i)) {
			new = sign_extend32(new, 3);
			top = sign_extend32(top, 3);
		}
		if (new > top)
			return false;
	}
	return true;
}

int arm_idreg_set(struct arm_vcpu *v, unsigned int index, u64 val)
{
	struct arm_vm *vm = arm_vm_of(v);
	u64 now = arm_idreg_get(v, index), most = host[index];
	int r = 0;

	if (index == PFR0)	/* the GIC is what KVM_CREATE_DEVICE makes of it */
		val = (val & ~PFR0_GIC) | (now & PFR0_GIC);
	if (val == now)
		return 0;
	if (!may_be(find(index), now, most, val))
		return -EINVAL;
	mutex_lock(&vm->core.lock);
	if (test_bit(ARM_VM_RAN, &vm->flags))
		r = -EBUSY;
	else if (index == PFR0)
		vm->idregs[index] = val & ~PFR0_GIC;
	else
		vm->idregs[index] = val;
	mutex_unlock(&vm->core.lock);
	return r;
}

/* CTR_EL0: IDC and DIC may be taken away, and lines be told shorter. */
int arm_ctr_set(struct arm_vcpu *v, u64 val)
{
	struct arm_vm *vm = arm_vm_of(v);
	u64 most = arm64_ctr(), flags = BIT(28) | BIT(29), lines = 0xf000f;
	int r = 0;

	if (val == vm->ctr)
		return 0;
	if ((val ^ most) & ~(flags | lines) || (val & ~most & flags) ||
	    (val & 0xf) > (most & 0xf) || (val & 0xf) < 2 ||
	    (val >> 16 & 0xf) > (most >> 16 & 0xf) || (val >> 16 & 0xf) < 2)
		return -EINVAL;
	mutex_lock(&vm->core.lock);
	if (test_bit(ARM_VM_RAN, &vm->flags)) {
		r = -EBUSY;
	} else {
		vm->ctr = val;
		vm->clidr = make_clidr(val);
	}
	mutex_unlock(&vm->core.lock);
	return r;
}

#ifdef KVM_ARM_GET_REG_WRITABLE_MASKS
long arm_writable_masks(struct keel_vm *core, void *data)
{
	const struct reg_mask_range *range = data;
	u64 __user *masks = (u64 __user *)range->addr;
	unsigned int i, n;

	if (range->range != KVM_ARM_FEATURE_ID_RANGE ||
	    memchr_inv(range->reserved, 0, sizeof(range->reserved)))
		return -EINVAL;
	if (clear_user(masks, KVM_ARM_FEATURE_ID_RANGE_SIZE * sizeof(u64)))
		return -EFAULT;
	for (i = 0; i < ARRAY_SIZE(idregs); i++) {
		n = idregs[i].index;
		if (put_user(fields_mask(idregs[i].writable),
			     masks + KVM_ARM_FEATURE_ID_RANGE_IDX(3, 0, 0, n / 8 + 1, n % 8)))
			return -EFAULT;
	}
	if (put_user(BIT(28) | BIT(29) | 0xf000f,
		     masks + KVM_ARM_FEATURE_ID_RANGE_IDX(3, 3, 0, 0, 1)))
		return -EFAULT;
	return 0;
}
#endif
