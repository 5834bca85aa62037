// SPDX-License-Identifier: GPL-2.0-only
/* s390 DAT tables (guest address space of SIE) as a format of the stage-2 engine (POP 3-46 ff.). */
#include <linux/bits.h>
#include <linux/sched.h>
#include "../../../virt/kvm/stage2_walk.h"

/* POP counts bits from the left; these are values. */
#define DAT_TL		0x003ULL	/* region tables: table length 3, all 2048 entries */
#define DAT_TT(n)	((u64)(n) << 2)	/* type of the table it is in: segment 0, r3 1 */
#define DAT_I		0x020ULL	/* invalid: region and segment entries */
#define DAT_FC		0x400ULL	/* format control: maps 1M or 2G itself */
#define DAT_P		0x200ULL	/* protected */
#define DAT_IEP		0x100ULL	/* no instruction fetch */
#define DAT_PAGE_I	0x400ULL	/* invalid: page entries */
#define DAT_PAGE_USED	0x001ULL	/* bits 56-63 of a page entry are software's: has a frame */

static const struct keel_s2_format s390_dat_format = {
	.name = "s390-dat",
	.page_shift = 12,
	.bits0 = 8,	/* page tables: 256 entries, 2K */
	.bits = 11,	/* segment and region tables: 2048 entries, 16K */
	.min_levels = 2,
	.max_levels = 5,
	.replace_hook = true,	/* POP 3-66, modification of translation tables */
	.leaf_levels = BIT(0) | BIT(1) | BIT(2),	/* 1M: EDAT-1; 2G: EDAT-2 */
	.empty0 = DAT_PAGE_I,
	.empty = DAT_I,
	.table_mask = DAT_FC | DAT_I,
	.table_id = 0,
	.addr_mask = GENMASK_ULL(63, 12),
	.table_addr_mask = GENMASK_ULL(63, 11),
	.table_tag = { 0, 0, DAT_TT(1) | DAT_TL, DAT_TT(2) | DAT_TL, DAT_TT(3) | DAT_TL },
	.leaf_tag = { DAT_PAGE_USED, DAT_FC, DAT_FC | DAT_TT(1) },
	.write = { .off = DAT_P },
	.exec = { .off = DAT_IEP },
	/* An old entry is an invalid one that is not empty: its next use faults. */
	.young0 = { .off = DAT_PAGE_I },
	.young = { .off = DAT_I },
};

KEEL_S2_INSTANTIATE(s390_dat, &s390_dat_format);
