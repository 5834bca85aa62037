// SPDX-License-Identifier: GPL-2.0-only
/* Random numbers for guests: the TRNG firmware interface 1.0 (DEN0098). */
#include <linux/arm-smccc.h>
#include <linux/random.h>
#include <linux/string.h>
#include "arm.h"

#define TRNG_1_0		0x10000
#define TRNG_SUCCESS		0ull
#define TRNG_NOT_SUPPORTED	(-1ull)
#define TRNG_INVALID_PARAMETERS	(-2ull)

/* Keel's: fd2b5cf2-bd0e-4f6f-8f0a-27d71c9ea3ac */
static const u64 uuid[4] = { 0xf25c2bfd, 0x6f4f0ebd, 0xd7270a8f, 0xaca39e1c };

/* The lowest @bits of x1 (highest) to x3 (lowest), each with @width bits of it. */
static void rnd(u64 ret[4], u64 bits, unsigned int width)
{
	unsigned int n, i;

	if (!bits || bits > 3 * width) {
		ret[0] = TRNG_INVALID_PARAMETERS;
		return;
	}
	ret[0] = TRNG_SUCCESS;
	for (i = 3; i; i--, bits -= n) {
		n = min_t(u64, bits, width);
		ret[i] = n ? get_random_u64() >> (64 - n) : 0;
	}
}

void arm_trng_call(struct arm_vcpu *v, u32 fn, u64 ret[4])
{
	ret[0] = TRNG_NOT_SUPPORTED;
	switch (fn) {
	case ARM_SMCCC_TRNG_VERSION:
		ret[0] = TRNG_1_0;
		break;
	case ARM_SMCCC_TRNG_FEATURES:
		switch ((u32)arm_get_reg(v, 1)) {
		case ARM_SMCCC_TRNG_VERSION:
		case ARM_SMCCC_TRNG_FEATURES:
		case ARM_SMCCC_TRNG_GET_UUID:
		case ARM_SMCCC_TRNG_RND32:
		case ARM_SMCCC_TRNG_RND64:
			ret[0] = TRNG_SUCCESS;
		}
		break;
	case ARM_SMCCC_TRNG_GET_UUID:
		memcpy(ret, uuid, sizeof(uuid));
		break;
	case ARM_SMCCC_TRNG_RND32:
		rnd(ret, (u32)arm_get_reg(v, 1), 32);
		break;
	case ARM_SMCCC_TRNG_RND64:
		rnd(ret, arm_get_reg(v, 1), 64);
		break;
	}
}
