// SPDX-License-Identifier: GPL-2.0-only
/* AMD nested page tables as a format of the stage-2 engine (APM volume 2, 5.3 and 15.25). */
#include <linux/bits.h>
#include <linux/sched.h>
#include "../../../virt/kvm/stage2_walk.h"

#define NPT_P		BIT_ULL(0)
#define NPT_RW		BIT_ULL(1)
#define NPT_US		BIT_ULL(2)	/* the nested walk is always a user access (15.25.5) */
#define NPT_PWT		BIT_ULL(3)
#define NPT_PCD		BIT_ULL(4)
#define NPT_A		BIT_ULL(5)
#define NPT_D		BIT_ULL(6)
#define NPT_PS		BIT_ULL(7)
#define NPT_NX		BIT_ULL(63)

#define NPT_TABLE	(NPT_P | NPT_RW | NPT_US)
#define NPT_LARGE	(NPT_P | NPT_US | NPT_PS)

static const struct keel_s2_format npt_format = {
	.name = "npt",
	.page_shift = 12,
	.bits0 = 9,
	.bits = 9,
	/* The nested walk has the depth of the host's own: 4 levels, or 5 under LA57. */
	.min_levels = 4,
	.max_levels = 5,
	.hw_accessed = true,
	.hw_dirty = true,
	.leaf_levels = BIT(0) | BIT(1) | BIT(2),
	.table_mask = NPT_P | NPT_PS,
	.table_id = NPT_P,
	.addr_mask = GENMASK_ULL(51, 12),
	.table_addr_mask = GENMASK_ULL(51, 12),
	.table_tag = { 0, NPT_TABLE, NPT_TABLE, NPT_TABLE, NPT_TABLE },
	.leaf_tag = { NPT_P | NPT_US, NPT_LARGE, NPT_LARGE },
	.write = { .on = NPT_RW },
	.exec = { .off = NPT_NX },
	.dirty = { .on = NPT_D },
	.young0 = { .on = NPT_A },
	.young = { .on = NPT_A },
	/*
	 * These bits select an entry of the host's PAT, and Linux keeps write-back in entry 0, UC-
	 * in 2 and UC in 3. The guest's own type is combined with it (15.25.8).
	 */
	.memtype_mask = NPT_PWT | NPT_PCD,
	.memtype = {
		{ [KEEL_S2_UNCACHED] = NPT_PCD, [KEEL_S2_DEVICE] = NPT_PCD | NPT_PWT },
		{ [KEEL_S2_UNCACHED] = NPT_PCD, [KEEL_S2_DEVICE] = NPT_PCD | NPT_PWT },
	},
};

KEEL_S2_INSTANTIATE(npt, &npt_format);
