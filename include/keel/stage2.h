/* SPDX-License-Identifier: GPL-2.0-only */
/* The second-stage page-table engine: one interface to EPT-like tables of any architecture. */
#ifndef KEEL_STAGE2_H
#define KEEL_STAGE2_H

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/*
 * Units. Guest frames (gfn) and host frames (pfn) count the smallest page of the format, which is
 * PAGE_SIZE. Level 0 maps such pages, level 1 the next larger size, and so on. Ranges are
 * [start, end).
 *
 * Locking. One rwlock per VM, keel_s2.lock (the VM's mmu_lock), orders everything:
 *
 *	map, reopen, lookup			read lock
 *	age_range, test_young_range,
 *	wrprotect_range, clear_dirty_range,
 *	keel_s2_wrprotect_mask, split_range	read lock or write lock
 *	unmap_range, collapse_range		write lock
 *	init, destroy, cache_topup, cache_free,
 *	free_list				no lock (they allocate, free or sleep)
 *
 * Under the read lock tables are only ever added and entries change by compare-and-exchange, so
 * faults on different pages run in parallel and a lost race is simply seen: the loser gives its
 * table back to its own cache. Tables are removed under the write lock only; nobody walks then
 * but the CPUs, and for their sake removed tables are collected on a list: flush the TLBs, then
 * keel_s2_free_list().
 *
 * Flushing. The engine flushes by itself (keel_s2_hooks.flush) only where map replaces a page and
 * where a format demands it in mid-change. Otherwise keel_s2_range.flush says that the caller must
 * flush the TLBs, and he must do so before he drops the lock (also when an operation was
 * interrupted), because a format that needs break-before-make must not see a new translation while
 * the old one is cached. After age_range the flush may be left out, it only makes ageing exact.
 * "flush" speaks of what this call changed. Two callers that write-protect the same range in
 * parallel must order themselves (the dirty log does, by its own lock).
 *
 * Interrupting. With keel_s2_range.may_yield a range operation returns -EAGAIN as soon as the CPU
 * or the lock is wanted by somebody, never without progress; drop the lock, cond_resched(), take it
 * again, call again with the same range.
 */

#define KEEL_S2_MAX_LEVELS	5

/* Permissions. Every mapping is readable. */
#define KEEL_S2_R		0x1
#define KEEL_S2_W		0x2
#define KEEL_S2_X		0x4
/* With KEEL_S2_W, in map: set the hardware's dirty bit now, it saves the CPU doing so. */
#define KEEL_S2_DIRTY		0x8

enum keel_s2_memtype {
	KEEL_S2_NORMAL,		/* memory: write-back */
	KEEL_S2_UNCACHED,	/* memory that must not be cached; writes may combine */
	KEEL_S2_DEVICE,		/* device registers: strictly ordered */
	KEEL_S2_NR_MEMTYPES
};

#define KEEL_S2_MEMTYPE_SETS	2

/* What map() did, when it did not fail. */
#define KEEL_S2_MAPPED		0	/* there is a new leaf */
#define KEEL_S2_UPGRADED	1	/* a leaf got permissions, or is young again */
#define KEEL_S2_SPURIOUS	2	/* a leaf was there that permits as much and is young */

struct keel_s2;
struct keel_s2_format;

/**
 * struct keel_s2_hooks - what the engine needs from the architecture
 * @flush: make every CPU that may run this VM forget the translations of @nr gfns from @gfn; called
 *	with the lock held in either mode: must not sleep. Required
 * @replace: change the entry at @slot, which the CPUs may be using, from @old to @new as one
 *	compare-and-exchange that also purges its translation from all TLBs; false if it was not
 *	@old. Required by formats with replace_hook, not called for others
 */
struct keel_s2_hooks {
	void (*flush)(struct keel_s2 *s2, u64 gfn, u64 nr);
	bool (*replace)(struct keel_s2 *s2, u64 *slot, u64 old, u64 new, u64 gfn, int level);
};

/**
 * struct keel_s2_params - what keel_s2_init() is told
 * @ops: the format, e.g. &npt_s2_ops
 * @hooks: see there
 * @lock: the VM's mmu_lock
 * @ia_bits: width of guest physical addresses. The root is the smallest that covers it (formats
 *	with a fixed walk round it up); keel_s2.root_level and .ia_bits tell the result
 * @leaf_levels: bit L: the CPU can do leaves at level L; the engine adds bit 0 and drops what the
 *	format cannot say. ~0 for all
 * @memtype_set: which of the format's memory type encodings (arm64: 1 with FEAT_S2FWB; EPT:
 *	1 lets the guest's PAT have its say)
 * @set_mask: bits to set in each entry that holds an address (memory encryption), usually 0
 */
struct keel_s2_params {
	const struct keel_s2_ops *ops;
	const struct keel_s2_hooks *hooks;
	rwlock_t *lock;
	u8 ia_bits;
	u8 memtype_set;
	u32 leaf_levels;
	u64 set_mask;
};

/**
 * struct keel_s2 - the second-stage tables of one VM
 * @ops: the format's operations
 * @hooks: the architecture
 * @lock: the VM's mmu_lock
 * @root: the root table; the hardware wants __pa() of it
 * @nr_gfns: guest frames that the root can reach
 * @set_mask: see &struct keel_s2_params
 * @leaf_levels: levels at which leaves may be made
 * @root_level: level of the root's entries; the walk has one level more
 * @ia_bits: address width
 * @memtype_set: see &struct keel_s2_params
 * @pages: leaves by level, for statistics
 * @tables: tables in use, the root included
 */
struct keel_s2 {
	const struct keel_s2_ops *ops;
	const struct keel_s2_hooks *hooks;
	rwlock_t *lock;
	u64 *root;
	u64 nr_gfns;
	u64 set_mask;
	u32 leaf_levels;
	u8 root_level;
	u8 ia_bits;
	u8 memtype_set;
	atomic64_t pages[KEEL_S2_MAX_LEVELS];
	atomic64_t tables;
};

#define KEEL_S2_CLASSES		2	/* a format has at most two sizes of tables */
#define KEEL_S2_CACHE_OBJS	8

/**
 * struct keel_s2_cache - tables allocated in advance, by one vCPU or one ioctl
 * @pool: by class; see keel_s2_table_class()
 *
 * All zero is an empty cache. Not locked: it belongs to whoever calls map() with it. It may serve
 * several &struct keel_s2 if they are alike (same format and root level).
 */
struct keel_s2_cache {
	struct {
		int nr;
		void *objs[KEEL_S2_CACHE_OBJS];
	} pool[KEEL_S2_CLASSES];
};

/**
 * struct keel_s2_free_list - tables that wait for the TLB flush
 * @head: by class; chained through their first entry, as an address that no CPU takes for a valid
 *	entry
 *
 * All zero is an empty list.
 */
struct keel_s2_free_list {
	u64 head[KEEL_S2_CLASSES];
};

/**
 * struct keel_s2_map - one fault's mapping
 * @gfn: the frame that faulted
 * @pfn: its host frame
 * @level: largest size wanted. Must be right for all of the naturally aligned block around @gfn:
 *	slot, host mapping and dirty logging allow it. On return: the level of the leaf. The
 *	engine lowers it when the CPU has no such size, when @gfn and @pfn are not equally aligned
 *	or when a table is there already
 * @prot: KEEL_S2_* permissions; they are added to those of a leaf that is there
 * @memtype: memory type
 */
struct keel_s2_map {
	u64 gfn;
	u64 pfn;
	int level;
	u32 prot;
	enum keel_s2_memtype memtype;
};

/**
 * struct keel_s2_range - a range operation, restartable
 * @start: first gfn
 * @end: gfn after the last
 * @next: how far it has come; equal to @start at first
 * @may_yield: return -EAGAIN when the lock or the CPU is wanted
 * @flush: out, sticky: the caller must flush the TLBs, see "Flushing" above. He may clear it after
 * @hit: out, sticky: age, test_young: something was young; clear_dirty: something was dirty;
 *	wrprotect: something was writable; unmap, collapse: something was changed
 */
struct keel_s2_range {
	u64 start;
	u64 end;
	u64 next;
	bool may_yield;
	bool flush;
	bool hit;
};

#define KEEL_S2_RANGE(_start, _end, _may_yield)	\
	((struct keel_s2_range){ .start = (_start), .next = (_start), .end = (_end),	\
				 .may_yield = (_may_yield) })

/**
 * struct keel_s2_leaf - what lookup() found
 * @pfn: host frame of the gfn asked for (not of the block around it)
 * @level: level of the leaf, or of the empty entry where the walk ended
 * @prot: KEEL_S2_R/W/X; 0 if there is no leaf. KEEL_S2_DIRTY if the format knows and it is
 * @young: accessed since it was last aged
 * @memtype: raw memory type bits of the entry, for debugfs
 * @entry: the entry itself, for debugfs
 */
struct keel_s2_leaf {
	u64 pfn;
	int level;
	u32 prot;
	bool young;
	u64 memtype;
	u64 entry;
};

/**
 * struct keel_s2_ops - the engine, compiled for one format
 * @fmt: the format
 * @map: map a page or block. KEEL_S2_MAPPED, _UPGRADED or _SPURIOUS; -EAGAIN: raced, let the
 *	guest fault again; -ENOMEM: @cache ran out (does not happen after
 *	keel_s2_cache_topup()); -EINVAL: @gfn or @pfn is out of reach. A larger leaf that does not
 *	permit enough, or maps something else, is split in place
 * @unmap_range: remove all leaves in the range, and tables that the range covers. A leaf that only
 *	partly lies in the range goes as a whole. 0 or -EAGAIN
 * @reopen: give write permission back to the smallest leaf at @gfn if it is dirty. It had that permission
 *	then, and only wrprotect_range takes it away without the mapping: what was right to map
 *	writable still is. False: there is no such leaf, or the format does not know what is dirty
 * @wrprotect_range: take write permission from all leaves that touch the range. 0 or -EAGAIN
 * @age_range: make leaves old; @hit if one was young. 0 or -EAGAIN
 * @test_young_range: @hit if a leaf is young. 0 or -EAGAIN
 * @clear_dirty_range: clear the dirty bit of leaves; @hit if one was set. 0 or -EAGAIN.
 *	Does nothing in formats without hw_dirty
 * @split_range: split all leaves above @level that touch the range. 0, -EAGAIN or -ENOMEM: top up
 *	@cache (without the lock) and call again
 * @collapse_range: turn tables that entries of @level point to, and that lie in the range as a
 *	whole, into leaves of @level: in place if all that the table maps is one aligned block, with
 *	the permissions that all of it has. With @zap what cannot be turned so is unmapped, to be
 *	faulted in again at whatever size is right by then. 0 or -EAGAIN
 * @lookup: the leaf of a gfn; false if there is none
 *
 * "hit" and "flush" are the range's. -EAGAIN: see "Interrupting" above; from split_range also: an
 * entry is in the middle of a change by another fault.
 */
struct keel_s2_ops {
	const struct keel_s2_format *fmt;
	int (*map)(struct keel_s2 *s2, struct keel_s2_cache *cache, struct keel_s2_map *map);
	int (*unmap_range)(struct keel_s2 *s2, struct keel_s2_range *range,
			   struct keel_s2_free_list *list);
	bool (*reopen)(struct keel_s2 *s2, u64 gfn);
	int (*wrprotect_range)(struct keel_s2 *s2, struct keel_s2_range *range);
	int (*age_range)(struct keel_s2 *s2, struct keel_s2_range *range);
	int (*test_young_range)(struct keel_s2 *s2, struct keel_s2_range *range);
	int (*clear_dirty_range)(struct keel_s2 *s2, struct keel_s2_range *range);
	int (*split_range)(struct keel_s2 *s2, struct keel_s2_range *range,
			   struct keel_s2_cache *cache, int level);
	int (*collapse_range)(struct keel_s2 *s2, struct keel_s2_range *range,
			      struct keel_s2_free_list *list, int level, bool zap);
	bool (*lookup)(struct keel_s2 *s2, u64 gfn, struct keel_s2_leaf *leaf);
};

int keel_s2_init(struct keel_s2 *s2, const struct keel_s2_params *params);
void keel_s2_destroy(struct keel_s2 *s2);
int keel_s2_cache_topup(struct keel_s2 *s2, struct keel_s2_cache *cache);
void keel_s2_cache_free(struct keel_s2 *s2, struct keel_s2_cache *cache);
void keel_s2_free_list(struct keel_s2 *s2, struct keel_s2_free_list *list);
bool keel_s2_wrprotect_mask(struct keel_s2 *s2, u64 base, u64 mask);
unsigned int keel_s2_level_shift(const struct keel_s2 *s2, int level);

#endif
