/* SPDX-License-Identifier: GPL-2.0-only */
/* A second-stage page-table format, as data. */
#ifndef KEEL_S2_FORMAT_H
#define KEEL_S2_FORMAT_H

#include <linux/types.h>
#include <keel/stage2.h>

/**
 * struct keel_s2_bits - how an entry says one thing
 * @on: bits that are all set when it is so
 * @off: bits that are all clear when it is so
 *
 * A permission can be granted by a bit (x86 "writable") or denied by one (s390 "protected").
 * Both zero: the format cannot say it.
 */
struct keel_s2_bits {
	u64 on;
	u64 off;
};

/**
 * struct keel_s2_format - everything the walker must know of a page-table format
 * @name: for debugfs and the tests
 * @page_shift: log2 of the smallest page, the unit of every gfn and pfn
 * @bits0: index bits of the lowest table (level 0, whose entries map pages)
 * @bits: index bits of every other table
 * @min_levels: least number of levels a root may have
 * @max_levels: greatest number of levels
 * @max_ia_bits: widest address that the levels can be used for; 0 if they themselves are the limit
 * @root_concat: log2 of the number of tables that may stand side by side as the root. If not 0 the
 *	address width is free, otherwise it is what the levels reach
 * @hw_accessed: the CPU sets the accessed bit by itself; if not, a young entry that was aged
 *	faults on its next use and the fault makes it young again
 * @hw_dirty: the CPU sets @dirty by itself
 * @needs_bbm: a live entry may change its address, size or memory type only after it has been
 *	made invalid and flushed ("break before make"); it passes through @locked
 * @replace_hook: a live entry may be changed by the architecture's own instruction only: the
 *	engine then calls keel_s2_hooks.replace
 * @leaf_levels: bit L: an entry of level L may be a leaf. Bit 0 is always set
 * @empty0: an unused entry of level 0
 * @empty: an unused entry of any higher level
 * @table_mask: with @table_id, tells tables from all else above level 0
 * @table_id: value of an entry under @table_mask if it points to a table
 * @addr_mask: address bits of a leaf (the engine drops those below the leaf's own size)
 * @table_addr_mask: address bits of an entry that points to a table
 * @table_tag: by level, the bits of a table entry besides its address
 * @leaf_tag: by level, the bits that every leaf has, however little it permits; read included
 * @write: write permission
 * @exec: execute permission
 * @dirty: has been written to
 * @young0: the accessed state of a leaf at level 0
 * @young: the accessed state of a leaf at a higher level
 * @save_mask: for formats with no accessed bit at all: an old leaf is one whose @save_mask bits
 *	have been moved up by @save_shift, which leaves it not present. Zero: not used
 * @save_shift: see @save_mask
 * @memtype_mask: memory type bits of a leaf, the same at each level
 * @memtype: memory type bits by &enum keel_s2_memtype; two sets, keel_s2_params.memtype_set
 *	says which
 * @locked: a leaf that is being split or replaced (only with @needs_bbm): not valid, not @empty
 * @locked_wp: the same, after somebody has write-protected it meanwhile
 *
 * Level 0 is the level of the smallest pages, whatever the manual counts. No bit of @leaf_tag may
 * be among @addr_mask, @write, @exec, @dirty, @young or @memtype_mask, except that @save_mask
 * overlaps what it saves.
 */
struct keel_s2_format {
	const char *name;
	u8 page_shift;
	u8 bits0;
	u8 bits;
	u8 min_levels;
	u8 max_levels;
	u8 max_ia_bits;
	u8 root_concat;
	bool hw_accessed;
	bool hw_dirty;
	bool needs_bbm;
	bool replace_hook;
	u32 leaf_levels;
	u64 empty0;
	u64 empty;
	u64 table_mask;
	u64 table_id;
	u64 addr_mask;
	u64 table_addr_mask;
	u64 table_tag[KEEL_S2_MAX_LEVELS];
	u64 leaf_tag[KEEL_S2_MAX_LEVELS];
	struct keel_s2_bits write;
	struct keel_s2_bits exec;
	struct keel_s2_bits dirty;
	struct keel_s2_bits young0;
	struct keel_s2_bits young;
	u64 save_mask;
	u8 save_shift;
	u64 memtype_mask;
	u64 memtype[KEEL_S2_MEMTYPE_SETS][KEEL_S2_NR_MEMTYPES];
	u64 locked;
	u64 locked_wp;
};

/* log2 of the bytes of a table whose entries are of @level. */
static __always_inline unsigned int keel_s2_table_order(const struct keel_s2_format *fmt, int level)
{
	return (level ? fmt->bits : fmt->bits0) + 3;
}

/* Which pool of a cache, and which chain of a free list, holds the tables of @level. */
static __always_inline int keel_s2_table_class(const struct keel_s2_format *fmt, int level)
{
	return level && fmt->bits != fmt->bits0;
}

/* log2 of the gfns that an entry of @level covers. */
static __always_inline unsigned int keel_s2_shift(const struct keel_s2_format *fmt, int level)
{
	return level ? fmt->bits0 + (level - 1) * fmt->bits : 0;
}

static __always_inline u64 keel_s2_span(const struct keel_s2_format *fmt, int level)
{
	return 1ULL << keel_s2_shift(fmt, level);
}

#endif
