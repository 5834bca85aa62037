/* SPDX-License-Identifier: GPL-2.0-only */
/* The two worlds the emulator compiles in: the kernel, and user programs (tests and fuzzing). */
#ifndef KEEL_X86_EMUL_ENV_H
#define KEEL_X86_EMUL_ENV_H

#ifdef __KERNEL__

#include <linux/compiler.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

#else

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef long long s64;

#define fallthrough	__attribute__((__fallthrough__))

#endif /* __KERNEL__ */

typedef unsigned __int128 emul_u128;

#endif
