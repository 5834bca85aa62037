/* SPDX-License-Identifier: GPL-2.0-only */
/* System registers as rows of the core's register engine. */
#ifndef KEEL_ARM_SYSREG_H
#define KEEL_ARM_SYSREG_H

#include <linux/kvm.h>
#include <asm/sysreg.h>
#include <keel/regs.h>

/* The id that user space and the engine's tables know a register by, and back. */
#define ARM_REG_ID(sysreg)	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG | (sysreg) >> 5)
#define ARM_REG_SYS(id)		((u32)((id) & 0xffff) << 5)

/* A guest's access went to what it may not do, and it was told: do not step over. */
#define ARM_SYSREG_TRAPPED	1

extern const struct keel_reg_table arm_sysregs;

#endif
