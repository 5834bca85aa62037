// SPDX-License-Identifier: GPL-2.0-only
/* Which vCPU has which affinity. */
#include "arm.h"

/**
 * arm_vcpu_by_mpidr - find a vCPU
 * @vm: the VM
 * @mpidr: the affinity fields of its MPIDR_EL1; other bits are ignored
 *
 * Return: the vCPU, or NULL.
 */
struct arm_vcpu *arm_vcpu_by_mpidr(struct arm_vm *vm, u64 mpidr)
{
	u64 aff = mpidr & MPIDR_HWID_BITMASK;
	/* Where it is when vCPUs were created in the order of their ids: 16 at each Aff1. */
	unsigned long i = (aff & 0xf) | (aff >> 8 & 0xff) << 4 | (aff >> 16 & 0xff) << 12;
	struct keel_vcpu *vcpu = keel_vcpu_by_idx(&vm->core, i);

	if (vcpu && arm_mpidr_aff(to_arm_vcpu(vcpu)) == aff)
		return to_arm_vcpu(vcpu);
	if (!atomic_read(&vm->core.online_vcpus))
		return NULL;
	keel_for_each_vcpu(i, vcpu, &vm->core)
		if (arm_mpidr_aff(to_arm_vcpu(vcpu)) == aff)
			return to_arm_vcpu(vcpu);
	return NULL;
}
