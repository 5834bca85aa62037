// SPDX-License-Identifier: GPL-2.0-only
/* Intel extended page tables as formats of the stage-2 engine (SDM 29.3). */
#include <linux/bits.h>
#include <linux/sched.h>
#include "../../../virt/kvm/stage2_walk.h"

#define EPT_R		BIT_ULL(0)
#define EPT_W		BIT_ULL(1)
#define EPT_X		BIT_ULL(2)
#define EPT_RWX		(EPT_R | EPT_W | EPT_X)
#define EPT_UC		(0ULL << 3)
#define EPT_WC		(1ULL << 3)
#define EPT_WB		(6ULL << 3)
#define EPT_MT		GENMASK_ULL(5, 3)
#define EPT_IPAT	BIT_ULL(6)	/* ignore the guest's PAT */
#define EPT_LARGE	BIT_ULL(7)
#define EPT_A		BIT_ULL(8)
#define EPT_D		BIT_ULL(9)
#define EPT_SAVE_SHIFT	52		/* bits 60:52 are software's */

/* What does not depend on whether EPTP bit 6 turns accessed and dirty bits on. */
#define EPT_COMMON							\
	.page_shift = 12,						\
	.bits0 = 9,							\
	.bits = 9,							\
	.min_levels = 4,						\
	.max_levels = 5,						\
	.leaf_levels = BIT(0) | BIT(1) | BIT(2),			\
	.table_mask = EPT_RWX | EPT_LARGE,				\
	.table_id = EPT_RWX,						\
	.addr_mask = GENMASK_ULL(51, 12),				\
	.table_addr_mask = GENMASK_ULL(51, 12),				\
	.table_tag = { 0, EPT_RWX, EPT_RWX, EPT_RWX, EPT_RWX },		\
	.leaf_tag = { EPT_R, EPT_R | EPT_LARGE, EPT_R | EPT_LARGE },	\
	.write = { .on = EPT_W },					\
	.exec = { .on = EPT_X },					\
	.memtype_mask = EPT_MT | EPT_IPAT,				\
	.memtype = {							\
		{							\
			[KEEL_S2_NORMAL] = EPT_WB | EPT_IPAT,		\
			[KEEL_S2_UNCACHED] = EPT_WC | EPT_IPAT,		\
			[KEEL_S2_DEVICE] = EPT_UC,			\
		}, {							\
			[KEEL_S2_NORMAL] = EPT_WB,			\
			[KEEL_S2_UNCACHED] = EPT_WC | EPT_IPAT,		\
			[KEEL_S2_DEVICE] = EPT_UC,			\
		},							\
	}

static const struct keel_s2_format ept_format = {
	.name = "ept",
	EPT_COMMON,
	.hw_accessed = true,
	.hw_dirty = true,
	.dirty = { .on = EPT_D },
	.young0 = { .on = EPT_A },
	.young = { .on = EPT_A },
};

/* Here an old entry is one that is not present; its permissions wait in the software bits. */
static const struct keel_s2_format ept_noad_format = {
	.name = "ept-noad",
	EPT_COMMON,
	.save_mask = EPT_RWX,
	.save_shift = EPT_SAVE_SHIFT,
};

KEEL_S2_INSTANTIATE(ept, &ept_format);
KEEL_S2_INSTANTIATE(ept_noad, &ept_noad_format);
