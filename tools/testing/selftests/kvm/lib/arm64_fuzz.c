// SPDX-License-Identifier: GPL-2.0-only
/* What the fuzzer of ioctls knows of arm64. */
#include <string.h>
#include "arm64.h"
#include "fuzz.h"

const struct fuzz_ioctl arch_fuzz_ioctls[] = {
	{ KVM_ARM_PREFERRED_TARGET, FUZZ_VM }, { KVM_ARM_SET_DEVICE_ADDR, FUZZ_VM },
	{ KVM_ARM_SET_COUNTER_OFFSET, FUZZ_VM }, { KVM_ARM_MTE_COPY_TAGS, FUZZ_VM },
	{ KVM_SET_DEVICE_ATTR, FUZZ_VM }, { KVM_HAS_DEVICE_ATTR, FUZZ_VM }, { KVM_CREATE_IRQCHIP, FUZZ_VM },
	{ KVM_ARM_VCPU_INIT, FUZZ_VCPU }, { KVM_ARM_VCPU_INIT, FUZZ_VCPU }, { KVM_ARM_VCPU_FINALIZE, FUZZ_VCPU },
	{ KVM_GET_VCPU_EVENTS, FUZZ_VCPU }, { KVM_SET_VCPU_EVENTS, FUZZ_VCPU },
	{ KVM_SET_DEVICE_ATTR, FUZZ_VCPU }, { KVM_GET_DEVICE_ATTR, FUZZ_VCPU }, { KVM_HAS_DEVICE_ATTR, FUZZ_VCPU },
	{ KVM_SET_DEVICE_ATTR, FUZZ_OTHER }, { KVM_GET_DEVICE_ATTR, FUZZ_OTHER }, { KVM_HAS_DEVICE_ATTR, FUZZ_OTHER },
	{ 0 },
};

void arch_fuzz_code(u8 *memory, size_t size)
{
	static const u32 code[] = {
		0xf9000020,	/* str x0, [x1] */
		0xd503207f,	/* wfi */
		0xd4000002,	/* hvc #0 */
		0xd5384240,	/* mrs x0, CurrentEL */
		0xb9400062,	/* ldr w2, [x3] */
		0xd518cba0,	/* msr icc_sgi1r_el1, x0 */
		0xd53be020,	/* mrs x0, cntpct_el0 */
		0x17fffff9,	/* b to the first */
	};
	size_t i;

	for (i = 0; i + sizeof(code) <= size; i += sizeof(code))
		memcpy(memory + i, code, sizeof(code));
}

void arch_fuzz_vcpu(int vm, int vcpu)
{
	struct kvm_vcpu_init init;

	if (!ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init))
		ioctl(vcpu, KVM_ARM_VCPU_INIT, &init);
}

bool arch_fuzz_argument(unsigned int request, u8 *buffer, u64 *random)
{
	static const u64 core[] = { REG_PC, REG_PSTATE, REG_SP_EL1, SYS_SCTLR_EL1, SYS_TTBR0_EL1, SYS_MPIDR_EL1 };

	switch (request) {
	case KVM_ARM_VCPU_INIT: {
		struct kvm_vcpu_init *init = (void *)buffer;

		init->target = random_next(random) % 16 ? KVM_ARM_TARGET_GENERIC_V8 : random_next(random);
		init->features[0] = random_next(random) & 0xff;
		return true;
	}
	case KVM_GET_ONE_REG:
	case KVM_SET_ONE_REG: {
		struct kvm_one_reg *reg = (void *)buffer;

		switch (random_next(random) % 4) {
		case 0:
			reg->id = core[random_next(random) % ARRAY_SIZE(core)];
			break;
		case 1:
			reg->id = REG_X(random_next(random) % 256);
			break;
		case 2:
			reg->id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | (random_next(random) % 32) << 16 |
				  (random_next(random) & 0xf);
			break;
		default:
			reg->id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG |
				  (random_next(random) & 0xffff);
		}
		reg->addr = (u64)buffer + 64;
		return true;
	}
	case KVM_SET_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_HAS_DEVICE_ATTR: {
		struct kvm_device_attr *attr = (void *)buffer;

		attr->flags = 0;
		attr->group = random_next(random) % 12;
		attr->attr = random_next(random) % 8 << (random_next(random) & 1 ? 0 : 8);
		attr->addr = (u64)buffer + 64;
		return true;
	}
	}
	return false;
}
