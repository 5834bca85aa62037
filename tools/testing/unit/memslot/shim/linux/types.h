/* SPDX-License-Identifier: GPL-2.0-only */
/* The system's <linux/types.h>, which the ABI's headers need, and the kernel's short names. */
#ifndef SHIM_TYPES_H
#define SHIM_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef unsigned int gfp_t;

#endif
