// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mitigations that a guest would ask its firmware for (SMCCC_ARCH_WORKAROUND_1 to 3, DEN0070).
 *
 * Whether a CPU is affected at all, the host's capabilities tell. How the host mitigates it is not told to
 * modules. What is certain: where the host's firmware has the call, the world switch makes it at each
 * exit from a guest, so that a guest which asks for it has got it by asking.
 */
#include <linux/arm-smccc.h>
#include <linux/cpu.h>
#include <linux/smp.h>
#include <asm/cpufeature.h>
#include "arm.h"

static const u32 functions[ARM_NR_WORKAROUNDS] = {
	[ARM_WORKAROUND_1] = ARM_SMCCC_ARCH_WORKAROUND_1,
	[ARM_WORKAROUND_3] = ARM_SMCCC_ARCH_WORKAROUND_3,
};

static enum arm_workaround_state states[ARM_NR_WORKAROUNDS];

/* Each CPU's firmware: one that does not know the call spoils it for all. */
static void ask_firmware(void *missing)
{
	struct arm_smccc_res res;
	unsigned int i;

	for (i = 0; i < ARM_NR_WORKAROUNDS; i++) {
		if (!functions[i])
			continue;
		arm_smccc_1_1_smc(ARM_SMCCC_ARCH_FEATURES_FUNC_ID, functions[i], &res);
		if ((int)res.a0 < 0)
			set_bit(i, missing);
	}
}

/** arm_workaround_probe - at module load */
void arm_workaround_probe(void)
{
	unsigned long missing = ~0ul;
	const bool affected[ARM_NR_WORKAROUNDS] = {
		[ARM_WORKAROUND_1] = cpus_have_final_cap(ARM64_SPECTRE_V2),
		[ARM_WORKAROUND_2] = cpus_have_final_cap(ARM64_SPECTRE_V4),
		[ARM_WORKAROUND_3] = cpus_have_final_cap(ARM64_SPECTRE_BHB),
	};
	unsigned int i;

	if (arm_smccc_1_1_get_conduit() == SMCCC_CONDUIT_SMC && !cpu_mitigations_off()) {
		missing = BIT(ARM_WORKAROUND_2);	/* the guest has PSTATE.SSBS, or nothing */
		on_each_cpu(ask_firmware, &missing, 1);
	}
	for (i = 0; i < ARM_NR_WORKAROUNDS; i++)
		states[i] = !affected[i] ? ARM_WORKAROUND_NOT_REQUIRED :
			    missing & BIT(i) ? ARM_WORKAROUND_UNAVAILABLE : ARM_WORKAROUND_AVAILABLE;
}

enum arm_workaround_state arm_workaround_state(enum arm_workaround nr)
{
	return states[nr];
}
