// SPDX-License-Identifier: GPL-2.0-only
/* A VM of arm64: creation, and the ioctls that are nobody else's. */
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include "arm.h"
#include "hyp/hyp.h"

#define DEFAULT_IPA_BITS	40
#define MIN_IPA_BITS		32

/* Bits of a physical address, by ID_AA64MMFR0_EL1.PARange; what more than 48 needs is not used. */
static unsigned int pa_bits(void)
{
	static const u8 bits[] = { 32, 36, 40, 42, 44, 48 };
	u64 mmfr0 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1);
	unsigned int range = cpuid_feature_extract_unsigned_field(mmfr0, ID_AA64MMFR0_EL1_PARANGE_SHIFT);

	return bits[min_t(unsigned int, range, ARRAY_SIZE(bits) - 1)];
}

unsigned int arm_ipa_bits(void)
{
	return pa_bits();
}

/* VTCR_EL2 (ARM ARM D17.2.157) for tables as the engine has made them. */
static u64 make_vtcr(const struct keel_s2 *s2)
{
	/* The manual counts levels from the root down to 3. SL0 is the first one, from below. */
	int start = 3 - s2->root_level;
	u64 sl0 = PAGE_SHIFT == 12 ? 2 - start : 3 - start;
	u64 tg0 = PAGE_SHIFT == 12 ? VTCR_EL2_TG0_4K :
		  PAGE_SHIFT == 14 ? VTCR_EL2_TG0_16K : VTCR_EL2_TG0_64K;
	u64 mmfr0 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1);
	u64 mmfr1 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR1_EL1);
	u64 ps = cpuid_feature_extract_unsigned_field(mmfr0, ID_AA64MMFR0_EL1_PARANGE_SHIFT);
	u64 vtcr = VTCR_EL2_RES1 | VTCR_EL2_SH0_INNER | VTCR_EL2_ORGN0_WBWA | VTCR_EL2_IRGN0_WBWA;

	vtcr |= min_t(u64, ps, 5) << VTCR_EL2_PS_SHIFT;
	vtcr |= tg0 | sl0 << VTCR_EL2_SL0_SHIFT | (64 - s2->ia_bits);
	if (cpuid_feature_extract_unsigned_field(mmfr1, ID_AA64MMFR1_EL1_VMIDBits_SHIFT) == 2)
		vtcr |= VTCR_EL2_VS_16BIT;
	return vtcr;
}

int arm_vm_init(struct keel_vm *core, unsigned long type)
{
	struct arm_vm *vm = to_arm_vm(core);
	unsigned int bits = type & KVM_VM_TYPE_ARM_IPA_SIZE_MASK;
	struct keel_s2_params params = {
		.ops = ARM_S2_OPS,
		.hooks = &arm_s2_hooks,
		.lock = &core->mmu_lock,
		.leaf_levels = ~0,
		.memtype_set = cpus_have_final_cap(ARM64_HAS_STAGE2_FWB),
	};
	int cpu, r;

	if (type & ~(unsigned long)KVM_VM_TYPE_ARM_IPA_SIZE_MASK)
		return -EINVAL;
	if (!bits)
		bits = DEFAULT_IPA_BITS;
	if (bits < MIN_IPA_BITS || bits > pa_bits())
		return -EINVAL;
	params.ia_bits = bits;

	vm->last_ran = alloc_percpu(int);
	if (!vm->last_ran)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		*per_cpu_ptr(vm->last_ran, cpu) = -1;
	r = arm_smccc_vm_init(vm);
	if (r)
		goto err_percpu;
	r = keel_s2_init(&core->s2[0], &params);
	if (r)
		goto err_smccc;
	vm->vtcr = make_vtcr(&core->s2[0]);
	arm_idregs_vm_init(vm);
	vgic_vm_init(vm);
	arm_timer_vm_init(vm);
	return 0;

err_smccc:
	arm_smccc_vm_destroy(vm);
err_percpu:
	free_percpu(vm->last_ran);
	return r;
}

/* A slot lies within the guest's physical addresses. */
int arm_slot_check(struct keel_vm *vm, const struct keel_memslot *old, const struct keel_memslot *new)
{
	u64 pages = 1ull << (vm->s2[0].ia_bits - PAGE_SHIFT);

	return new && new->base + new->npages > pages ? -EFAULT : 0;
}

void arm_vm_destroy(struct keel_vm *core)
{
	struct arm_vm *vm = to_arm_vm(core);

	vgic_vm_destroy(vm);
	arm_smccc_vm_destroy(vm);
	free_percpu(vm->last_ran);
}

long arm_preferred_target(struct keel_vm *core, void *data)
{
	struct kvm_vcpu_init *init = data;

	init->target = KVM_ARM_TARGET_GENERIC_V8;
	return 0;
}
