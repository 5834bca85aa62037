// SPDX-License-Identifier: GPL-2.0-only
/* Arm VMSAv8-64 stage 2 as formats of the stage-2 engine (ARM ARM D8.3 and D8.5). */
#include <linux/bits.h>
#include <linux/sched.h>
#include "../../../virt/kvm/stage2_walk.h"

#define ARM_VALID	BIT_ULL(0)
#define ARM_TABLE	(3ULL << 0)
#define ARM_PAGE	(3ULL << 0)	/* at the last level the same bits mean a page */
#define ARM_BLOCK	(1ULL << 0)
#define ARM_MEMATTR	GENMASK_ULL(5, 2)
#define ARM_S2AP_R	BIT_ULL(6)
#define ARM_S2AP_W	BIT_ULL(7)
#define ARM_SH_INNER	(3ULL << 8)
#define ARM_AF		BIT_ULL(10)
#define ARM_XN		BIT_ULL(54)	/* XN[1]; XN[0], bit 53, stays 0: both exception levels */

#define ARM_LEAF	(ARM_S2AP_R | ARM_SH_INNER)

/* Invalid descriptors; all their other bits are software's. */
#define ARM_LOCKED	BIT_ULL(2)
#define ARM_LOCKED_WP	(BIT_ULL(2) | BIT_ULL(3))

/*
 * The levels are counted from the pages up: level 0 here is level 3 of the manual. Bits of the
 * output address above 47 need FEAT_LPA or LPA2, which these formats do not use.
 */
#define ARM_FORMAT(_name, _page_shift, _max_levels)				\
	.name = _name,								\
	.page_shift = _page_shift,						\
	.bits0 = _page_shift - 3,						\
	.bits = _page_shift - 3,						\
	.min_levels = 2,							\
	.max_levels = _max_levels,						\
	.max_ia_bits = 48,							\
	.root_concat = 4,							\
	.needs_bbm = true,							\
	.table_mask = 3,							\
	.table_id = ARM_TABLE,							\
	.addr_mask = GENMASK_ULL(47, _page_shift),				\
	.table_addr_mask = GENMASK_ULL(47, _page_shift),			\
	.table_tag = { 0, ARM_TABLE, ARM_TABLE, ARM_TABLE },			\
	.write = { .on = ARM_S2AP_W },						\
	.exec = { .off = ARM_XN },						\
	.young0 = { .on = ARM_AF },						\
	.young = { .on = ARM_AF },						\
	.memtype_mask = ARM_MEMATTR,						\
	.memtype = {								\
		{								\
			[KEEL_S2_NORMAL] = 0xfULL << 2,		/* WB, WB */	\
			[KEEL_S2_UNCACHED] = 0x5ULL << 2,	/* NC, NC */	\
			[KEEL_S2_DEVICE] = 0x1ULL << 2,		/* nGnRE */	\
		}, {	/* with FEAT_S2FWB (D8.6.5) */				\
			[KEEL_S2_NORMAL] = 0x6ULL << 2,		/* always WB */	\
			[KEEL_S2_UNCACHED] = 0x5ULL << 2,			\
			[KEEL_S2_DEVICE] = 0x1ULL << 2,				\
		},								\
	},									\
	.locked = ARM_LOCKED,							\
	.locked_wp = ARM_LOCKED_WP

/* The kernel needs the granule of its own pages only; the unit test takes all three. */
#if !defined(__KERNEL__) || PAGE_SHIFT == 12
static const struct keel_s2_format arm_4k_format = {
	ARM_FORMAT("arm-4k", 12, 4),
	.leaf_levels = BIT(0) | BIT(1) | BIT(2),
	.leaf_tag = { ARM_LEAF | ARM_PAGE, ARM_LEAF | ARM_BLOCK, ARM_LEAF | ARM_BLOCK },
};

KEEL_S2_INSTANTIATE(arm_4k, &arm_4k_format);
#endif

#if !defined(__KERNEL__) || PAGE_SHIFT == 14
static const struct keel_s2_format arm_16k_format = {
	ARM_FORMAT("arm-16k", 14, 4),
	.leaf_levels = BIT(0) | BIT(1),
	.leaf_tag = { ARM_LEAF | ARM_PAGE, ARM_LEAF | ARM_BLOCK },
};

KEEL_S2_INSTANTIATE(arm_16k, &arm_16k_format);
#endif

#if !defined(__KERNEL__) || PAGE_SHIFT == 16
static const struct keel_s2_format arm_64k_format = {
	ARM_FORMAT("arm-64k", 16, 3),
	.leaf_levels = BIT(0) | BIT(1),
	.leaf_tag = { ARM_LEAF | ARM_PAGE, ARM_LEAF | ARM_BLOCK },
};

KEEL_S2_INSTANTIATE(arm_64k, &arm_64k_format);
#endif
