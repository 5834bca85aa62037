/* SPDX-License-Identifier: GPL-2.0-only */
/* The second-stage page-table walker: one body, compiled once for each format. */
#ifndef KEEL_STAGE2_WALK_H
#define KEEL_STAGE2_WALK_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <keel/s2_format.h>

/*
 * Every function here takes the format as its first argument and is inlined with a constant there,
 * so that masks and shifts become immediates and what a format does not need disappears.
 *
 * An entry is one of: empty; a table; a leaf (young or old, both map a page); locked (formats that
 * need break-before-make: somebody is replacing a leaf, under the read lock).
 */

/* ---- entries ---- */

static __always_inline bool s2_has(const struct keel_s2_bits *bits, u64 e)
{
	return (e & (bits->on | bits->off)) == bits->on;
}

static __always_inline u64 s2_grant(const struct keel_s2_bits *bits, u64 e)
{
	return (e | bits->on) & ~bits->off;
}

static __always_inline u64 s2_deny(const struct keel_s2_bits *bits, u64 e)
{
	return (e & ~bits->on) | bits->off;
}

static __always_inline u64 s2_empty(const struct keel_s2_format *fmt, int level)
{
	return level ? fmt->empty : fmt->empty0;
}

static __always_inline bool s2_is_table(const struct keel_s2_format *fmt, u64 e, int level)
{
	return level && (e & fmt->table_mask) == fmt->table_id;
}

static __always_inline bool s2_is_locked(const struct keel_s2_format *fmt, u64 e)
{
	return fmt->needs_bbm && (e == fmt->locked || e == fmt->locked_wp);
}

/* For entries that are neither empty nor tables nor locked. */
static __always_inline bool s2_is_young(const struct keel_s2_format *fmt, u64 e, int level)
{
	if (fmt->save_mask)
		return e & fmt->save_mask;
	return s2_has(level ? &fmt->young : &fmt->young0, e);
}

static __always_inline u64 s2_mk_young(const struct keel_s2_format *fmt, u64 e, int level)
{
	u64 saved = fmt->save_mask << fmt->save_shift;

	if (fmt->save_mask)
		return (e & ~saved) | ((e & saved) >> fmt->save_shift) | (e & fmt->save_mask);
	return s2_grant(level ? &fmt->young : &fmt->young0, e);
}

static __always_inline u64 s2_mk_old(const struct keel_s2_format *fmt, u64 e, int level)
{
	if (fmt->save_mask)
		return (e & ~fmt->save_mask) | ((e & fmt->save_mask) << fmt->save_shift);
	return s2_deny(level ? &fmt->young : &fmt->young0, e);
}

/* Take write permission from a leaf, leaving it as young or old as it is. */
static __always_inline u64 s2_mk_readonly(const struct keel_s2_format *fmt, u64 e, int level)
{
	u64 ro = s2_deny(&fmt->write, s2_mk_young(fmt, e, level));

	return s2_is_young(fmt, e, level) ? ro : s2_mk_old(fmt, ro, level);
}

static __always_inline u32 s2_prot(const struct keel_s2_format *fmt, u64 e, int level)
{
	u32 prot = KEEL_S2_R;

	e = s2_mk_young(fmt, e, level);
	if (s2_has(&fmt->write, e))
		prot |= KEEL_S2_W;
	if (s2_has(&fmt->exec, e))
		prot |= KEEL_S2_X;
	if (fmt->hw_dirty && s2_has(&fmt->dirty, e))
		prot |= KEEL_S2_DIRTY;
	return prot;
}

/* A young leaf; @memtype is in the format's own bits. */
static __always_inline u64 s2_leaf(const struct keel_s2_format *fmt, const struct keel_s2 *s2,
				   u64 pfn, int level, u32 prot, u64 memtype)
{
	u64 e = (pfn << fmt->page_shift) | s2->set_mask | fmt->leaf_tag[level] | memtype;

	e = prot & KEEL_S2_W ? s2_grant(&fmt->write, e) : s2_deny(&fmt->write, e);
	e = prot & KEEL_S2_X ? s2_grant(&fmt->exec, e) : s2_deny(&fmt->exec, e);
	if (fmt->hw_dirty && prot & KEEL_S2_DIRTY)
		e = s2_grant(&fmt->dirty, e);
	return s2_mk_young(fmt, e, level);
}

/* Frame that the first gfn of a leaf is mapped to. */
static __always_inline u64 s2_pfn(const struct keel_s2_format *fmt, const struct keel_s2 *s2,
				  u64 e, int level)
{
	return (e & fmt->addr_mask & ~s2->set_mask) >> fmt->page_shift &
	       ~(keel_s2_span(fmt, level) - 1);
}

static __always_inline u64 s2_table_entry(const struct keel_s2_format *fmt,
					  const struct keel_s2 *s2, u64 *table, int level)
{
	return __pa(table) | s2->set_mask | fmt->table_tag[level];
}

static __always_inline u64 *s2_table(const struct keel_s2_format *fmt, const struct keel_s2 *s2,
				     u64 e)
{
	return __va(e & fmt->table_addr_mask & ~s2->set_mask);
}

static __always_inline unsigned int s2_nr_entries(const struct keel_s2_format *fmt, int level)
{
	return 1U << (level ? fmt->bits : fmt->bits0);
}

static __always_inline u64 *s2_slot(const struct keel_s2_format *fmt, const struct keel_s2 *s2,
				    u64 *table, u64 gfn, int level)
{
	u64 index = gfn >> keel_s2_shift(fmt, level);

	/* The root may be several tables side by side; gfn is below nr_gfns. */
	if (level != s2->root_level)
		index &= s2_nr_entries(fmt, level) - 1;
	return &table[index];
}

static __always_inline u64 s2_base(const struct keel_s2_format *fmt, u64 gfn, int level)
{
	return gfn & ~(keel_s2_span(fmt, level) - 1);
}

/*
 * Change @slot if it still is @old. May the CPUs have @old in their TLBs, and does the architecture
 * want to be asked then, it is asked.
 */
static __always_inline bool s2_cas(const struct keel_s2_format *fmt, struct keel_s2 *s2, u64 *slot,
				   u64 old, u64 new, u64 gfn, int level)
{
	if (fmt->replace_hook && old != s2_empty(fmt, level) &&
	    (s2_is_table(fmt, old, level) || s2_is_young(fmt, old, level)))
		return s2->hooks->replace(s2, slot, old, new, s2_base(fmt, gfn, level), level);
	return try_cmpxchg64(slot, &old, new);
}

/* Write lock: make @slot empty, whatever the CPUs do to its accessed bit meanwhile. */
static __always_inline u64 s2_clear(const struct keel_s2_format *fmt, struct keel_s2 *s2,
				    u64 *slot, u64 gfn, int level)
{
	u64 e;

	if (!fmt->replace_hook)
		return xchg(slot, s2_empty(fmt, level));
	do {
		e = READ_ONCE(*slot);
	} while (!s2_cas(fmt, s2, slot, e, s2_empty(fmt, level), gfn, level));
	return e;
}

/*
 * Walk down to the entry for @gfn at level @stop, or to the entry above it where the tables end.
 * *@level says which level it became.
 */
static __always_inline u64 *s2_descend(const struct keel_s2_format *fmt, struct keel_s2 *s2,
				       u64 gfn, int stop, int *level)
{
	u64 *table = s2->root;
	int l = s2->root_level;

	for (;;) {
		u64 *slot = s2_slot(fmt, s2, table, gfn, l);
		u64 e = READ_ONCE(*slot);

		if (l == stop || !s2_is_table(fmt, e, l)) {
			*level = l;
			return slot;
		}
		table = s2_table(fmt, s2, e);
		l--;
	}
}

/* ---- tables ---- */

static __always_inline u64 *s2_cache_get(const struct keel_s2_format *fmt,
					 struct keel_s2_cache *cache, int level)
{
	int class = keel_s2_table_class(fmt, level);

	if (!cache || !cache->pool[class].nr)
		return NULL;
	return cache->pool[class].objs[--cache->pool[class].nr];
}

/* @table must be all empty entries, as it came. */
static __always_inline void s2_cache_put(const struct keel_s2_format *fmt,
					 struct keel_s2_cache *cache, u64 *table, int level)
{
	int class = keel_s2_table_class(fmt, level);

	cache->pool[class].objs[cache->pool[class].nr++] = table;
}

static __always_inline void s2_wipe(const struct keel_s2_format *fmt, u64 *table, int level)
{
	unsigned int i;

	for (i = 0; i < s2_nr_entries(fmt, level); i++)
		table[i] = s2_empty(fmt, level);
}

/* Put a removed table on the list. A CPU may still be walking it: the link is not a valid entry. */
static __always_inline void s2_retire(const struct keel_s2_format *fmt, struct keel_s2 *s2,
				      struct keel_s2_free_list *list, u64 *table, int level)
{
	int class = keel_s2_table_class(fmt, level);

	WRITE_ONCE(*table, list->head[class] | s2_empty(fmt, level));
	list->head[class] = __pa(table);
	atomic64_dec(&s2->tables);
}

/* The CPU or the lock is wanted by somebody else. */
static __always_inline bool s2_wanted(const struct keel_s2 *s2, const struct keel_s2_range *range)
{
	return range->may_yield && (need_resched() || rwlock_needbreak(s2->lock));
}

/* ---- changing leaves that stay mapped ---- */

/*
 * Put @new, a leaf or (with @child) a table, in the place of the leaf @old, under either lock.
 * With break-before-make others see a locked entry meanwhile. They leave it alone, but for a
 * write-protector, who cannot wait: he marks it, and we pass it on.
 */
static __always_inline bool s2_restructure(const struct keel_s2_format *fmt, struct keel_s2 *s2,
					   u64 *slot, u64 old, u64 new, u64 *child, u64 gfn,
					   int level)
{
	unsigned int i;

	if (!fmt->needs_bbm)
		return s2_cas(fmt, s2, slot, old, new, gfn, level);

	if (!s2_cas(fmt, s2, slot, old, fmt->locked, gfn, level))
		return false;
	s2->hooks->flush(s2, s2_base(fmt, gfn, level), keel_s2_span(fmt, level));
	old = fmt->locked;
	while (!try_cmpxchg64(slot, &old, new)) {
		if (!child) {
			new = s2_mk_readonly(fmt, new, level);
			continue;
		}
		for (i = 0; i < s2_nr_entries(fmt, level - 1); i++)
			child[i] = s2_mk_readonly(fmt, child[i], level - 1);
	}
	return true;
}

/* Replace the leaf @e by a table that maps the same. 0, -EAGAIN if @e has changed, or -ENOMEM. */
static __always_inline int s2_split(const struct keel_s2_format *fmt, struct keel_s2 *s2,
				    struct keel_s2_cache *cache, u64 *slot, u64 e, u64 gfn,
				    int level)
{
	unsigned int i, nr = s2_nr_entries(fmt, level - 1);
	u64 *child = s2_cache_get(fmt, cache, level - 1);
	u64 leaf;

	if (!child)
		return -ENOMEM;
	leaf = s2_leaf(fmt, s2, s2_pfn(fmt, s2, e, level), level - 1, s2_prot(fmt, e, level),
		       e & fmt->memtype_mask);
	if (!s2_is_young(fmt, e, level))
		leaf = s2_mk_old(fmt, leaf, level - 1);
	for (i = 0; i < nr; i++)
		child[i] = leaf + ((u64)i << (fmt->page_shift + keel_s2_shift(fmt, level - 1)));

	if (!s2_restructure(fmt, s2, slot, e, s2_table_entry(fmt, s2, child, level), child, gfn,
			    level)) {
		s2_wipe(fmt, child, level - 1);
		s2_cache_put(fmt, cache, child, level - 1);
		return -EAGAIN;
	}
	atomic64_dec(&s2->pages[level]);
	atomic64_add(nr, &s2->pages[level - 1]);
	atomic64_inc(&s2->tables);
	return 0;
}

enum s2_touch { S2_WRPROTECT, S2_AGE, S2_TEST_YOUNG, S2_CLEAR_DIRTY };

/* Do @what to one entry that is not a table. Returns early if it has become one. */
static __always_inline void s2_touch_one(const struct keel_s2_format *fmt, struct keel_s2 *s2,
					 struct keel_s2_range *range, u64 *slot, u64 e, u64 gfn,
					 int level, enum s2_touch what)
{
	u64 new;

	for (;; e = READ_ONCE(*slot)) {
		if (e == s2_empty(fmt, level) || s2_is_table(fmt, e, level))
			return;
		if (s2_is_locked(fmt, e)) {
			/* Whoever replaces it does so for an access: it is young. */
			if (what == S2_WRPROTECT && e == fmt->locked &&
			    !s2_cas(fmt, s2, slot, e, fmt->locked_wp, gfn, level))
				continue;
			range->hit = true;
			range->flush |= what == S2_WRPROTECT;
			return;
		}
		switch (what) {
		case S2_WRPROTECT:
			if (!(s2_prot(fmt, e, level) & KEEL_S2_W))
				return;
			new = s2_mk_readonly(fmt, e, level);
			break;
		case S2_AGE:
		case S2_TEST_YOUNG:
			if (!s2_is_young(fmt, e, level))
				return;
			new = s2_mk_old(fmt, e, level);
			break;
		case S2_CLEAR_DIRTY:
		default:
			if (!s2_has(&fmt->dirty, e))
				return;
			new = s2_deny(&fmt->dirty, e);
			break;
		}
		if (what == S2_TEST_YOUNG) {
			range->hit = true;
			return;
		}
		if (s2_cas(fmt, s2, slot, e, new, gfn, level)) {
			range->hit = true;
			range->flush = true;
			return;
		}
	}
}

static __always_inline int s2_touch_range(const struct keel_s2_format *fmt, struct keel_s2 *s2,
					  struct keel_s2_range *range, enum s2_touch what)
{
	u64 end = min(range->end, s2->nr_gfns);
	u64 gfn = range->next;
	u64 *slot, e;
	int level;

	while (gfn < end) {
		slot = s2_descend(fmt, s2, gfn, 0, &level);
		do {
			e = READ_ONCE(*slot);
			if (e != s2_empty(fmt, level)) {
				if (s2_is_table(fmt, e, level))
					break;
				s2_touch_one(fmt, s2, range, slot, e, gfn, level, what);
				if (s2_is_table(fmt, READ_ONCE(*slot), level))
					break;	/* split meanwhile: do it to the parts */
			}
			slot++;
			gfn = s2_base(fmt, gfn, level) + keel_s2_span(fmt, level);
		} while (gfn < end && gfn != s2_base(fmt, gfn, level + 1));

		range->next = gfn;
		if (what == S2_TEST_YOUNG && range->hit)
			return 0;
		if (gfn < end && s2_wanted(s2, range))
			return -EAGAIN;
	}
	return 0;
}

static __always_inline int s2_split_range(const struct keel_s2_format *fmt, struct keel_s2 *s2,
					  struct keel_s2_range *range, struct keel_s2_cache *cache,
					  int target)
{
	u64 end = min(range->end, s2->nr_gfns);
	u64 gfn = range->next;
	u64 *slot, e;
	int level, ret;

	while (gfn < end) {
		slot = s2_descend(fmt, s2, gfn, target, &level);
		e = READ_ONCE(*slot);
		ret = 0;
		if (level <= target)		/* so is all of its table: nothing to split here */
			gfn = s2_base(fmt, gfn, level + 1) + keel_s2_span(fmt, level + 1);
		else if (e == s2_empty(fmt, level))
			gfn = s2_base(fmt, gfn, level) + keel_s2_span(fmt, level);
		else if (s2_is_locked(fmt, e))
			ret = -EAGAIN;
		else if (!s2_is_table(fmt, e, level))
			ret = s2_split(fmt, s2, cache, slot, e, gfn, level);
		range->next = gfn;
		if (ret)
			return ret;
		if (gfn < end && s2_wanted(s2, range))
			return -EAGAIN;
	}
	return 0;
}

/* ---- map ---- */

/* The largest size up to map->level that the CPU has and both addresses are aligned for. */
static __always_inline int s2_map_level(const struct keel_s2_format *fmt, const struct keel_s2 *s2,
					const struct keel_s2_map *map, int level)
{
	while (level > 0 && (level > s2->root_level || !(s2->leaf_levels & (1U << level)) ||
			     (map->gfn ^ map->pfn) & (keel_s2_span(fmt, level) - 1)))
		level--;
	return level;
}

/* See keel_s2_ops.reopen. */
static __always_inline bool s2_reopen(const struct keel_s2_format *fmt, struct keel_s2 *s2, u64 gfn)
{
	u64 *slot, e, new;
	int level;

	if (!fmt->hw_dirty || gfn >= s2->nr_gfns)
		return false;
	slot = s2_descend(fmt, s2, gfn, 0, &level);
	e = READ_ONCE(*slot);
	if (level || e == s2_empty(fmt, 0) || s2_is_locked(fmt, e) ||
	    !s2_is_young(fmt, e, 0) || !s2_has(&fmt->dirty, e))
		return false;
	new = s2_grant(&fmt->write, e);
	return new == e || s2_cas(fmt, s2, slot, e, new, gfn, 0);
}

#define S2_WENT_DOWN	(KEEL_S2_SPURIOUS + 1)

/*
 * There is a leaf @e where map wants one. What map returns, or S2_WENT_DOWN: it was split, go on
 * below; or -EAGAIN: it has changed, look again.
 */

static __always_inline int s2_map_over(const struct keel_s2_format *fmt, struct keel_s2 *s2,
				       struct keel_s2_cache *cache, const struct keel_s2_map *map,
				       u64 *slot, u64 e, u64 memtype, int level, int target)
{
	u64 offset = map->gfn & (keel_s2_span(fmt, level) - 1);
	u32 prot = s2_prot(fmt, e, level);
	bool same = s2_pfn(fmt, s2, e, level) + offset == map->pfn &&
		    (e & fmt->memtype_mask) == memtype;
	u64 new;
	int ret;

	if (same && !(map->prot & (KEEL_S2_W | KEEL_S2_X) & ~prot)) {
		if (s2_is_young(fmt, e, level))
			return KEEL_S2_SPURIOUS;
		new = s2_mk_young(fmt, e, level);
		return s2_cas(fmt, s2, slot, e, new, map->gfn, level) ? KEEL_S2_UPGRADED : -EAGAIN;
	}
	if (level > target) {
		ret = s2_split(fmt, s2, cache, slot, e, map->gfn, level);
		return ret ? ret : S2_WENT_DOWN;
	}
	if (same) {
		new = s2_leaf(fmt, s2, map->pfn - offset, level, prot | map->prot, memtype);
		return s2_cas(fmt, s2, slot, e, new, map->gfn, level) ? KEEL_S2_UPGRADED : -EAGAIN;
	}
	/* The host has another page, or another kind of memory, there by now. */
	new = s2_leaf(fmt, s2, map->pfn - offset, level, map->prot, memtype);
	if (!s2_restructure(fmt, s2, slot, e, new, NULL, map->gfn, level))
		return -EAGAIN;
	if (!fmt->needs_bbm && !fmt->replace_hook)
		s2->hooks->flush(s2, s2_base(fmt, map->gfn, level), keel_s2_span(fmt, level));
	return KEEL_S2_MAPPED;
}

static __always_inline int s2_map(const struct keel_s2_format *fmt, struct keel_s2 *s2,
				  struct keel_s2_cache *cache, struct keel_s2_map *map)
{
	u64 memtype = fmt->memtype[s2->memtype_set][map->memtype];
	int level = s2->root_level;
	u64 *table = s2->root;
	u64 *slot, *child;
	u64 e, new;
	int target, ret;

	if (map->gfn >= s2->nr_gfns || map->pfn > fmt->addr_mask >> fmt->page_shift ||
	    (map->pfn << fmt->page_shift) & s2->set_mask)
		return -EINVAL;
	target = s2_map_level(fmt, s2, map, map->level);

	for (;;) {
		slot = s2_slot(fmt, s2, table, map->gfn, level);
		e = READ_ONCE(*slot);

		if (e == s2_empty(fmt, level)) {
			if (level == target) {
				new = s2_leaf(fmt, s2, s2_base(fmt, map->pfn, level), level,
					      map->prot, memtype);
				if (!s2_cas(fmt, s2, slot, e, new, map->gfn, level))
					continue;
				atomic64_inc(&s2->pages[level]);
				ret = KEEL_S2_MAPPED;
				break;
			}
			child = s2_cache_get(fmt, cache, level - 1);
			if (!child)
				return -ENOMEM;
			new = s2_table_entry(fmt, s2, child, level);
			if (!s2_cas(fmt, s2, slot, e, new, map->gfn, level)) {
				s2_cache_put(fmt, cache, child, level - 1);
				continue;
			}
			atomic64_inc(&s2->tables);
			table = child;
			level--;
			continue;
		}
		if (s2_is_table(fmt, e, level)) {
			if (level == target)
				target = s2_map_level(fmt, s2, map, level - 1);
			table = s2_table(fmt, s2, e);
			level--;
			continue;
		}
		if (s2_is_locked(fmt, e))
			return -EAGAIN;
		ret = s2_map_over(fmt, s2, cache, map, slot, e, memtype, level, target);
		if (ret == -EAGAIN || ret == S2_WENT_DOWN)
			continue;	/* the entry is something else now: look what */
		if (ret < 0)
			return ret;
		break;
	}
	map->level = level;
	return ret;
}

/* ---- removing: write lock ---- */

/* Remove the table that the entry @slot points to, with the leaves in it. */
static __always_inline void s2_remove_table(const struct keel_s2_format *fmt, struct keel_s2 *s2,
					    struct keel_s2_range *range,
					    struct keel_s2_free_list *list, u64 *slot, u64 gfn,
					    int level)
{
	u64 *child = s2_table(fmt, s2, s2_clear(fmt, s2, slot, gfn, level));
	unsigned int i, nr = 0;

	/* Above the lowest level a table is removed only when it is empty. */
	if (level == 1)
		for (i = 0; i < s2_nr_entries(fmt, 0); i++)
			nr += READ_ONCE(child[i]) != s2_empty(fmt, 0);
	if (nr)
		atomic64_sub(nr, &s2->pages[0]);
	s2_retire(fmt, s2, list, child, level - 1);
	/* Even an empty table may be in the CPUs' paging-structure caches. */
	range->flush = true;
	range->hit = true;
}

/* All below @gfn is done: remove the tables that end there if they are empty now. */
static __always_inline void s2_prune(const struct keel_s2_format *fmt, struct keel_s2 *s2,
				     struct keel_s2_range *range, struct keel_s2_free_list *list,
				     u64 gfn)
{
	unsigned int i, nr = 1U << fmt->bits;
	int level, at;
	u64 *slot, *child;
	u64 span, e;

	for (level = 2; level <= s2->root_level; level++) {
		span = keel_s2_span(fmt, level);
		if (gfn & (span - 1))
			return;
		slot = s2_descend(fmt, s2, gfn - span, level, &at);
		e = READ_ONCE(*slot);
		if (at != level || !s2_is_table(fmt, e, level))
			continue;
		child = s2_table(fmt, s2, e);
		for (i = 0; i < nr && READ_ONCE(child[i]) == fmt->empty; i++)
			;
		if (i == nr)
			s2_remove_table(fmt, s2, range, list, slot, gfn - span, level);
	}
}

static __always_inline int s2_unmap_range(const struct keel_s2_format *fmt, struct keel_s2 *s2,
					  struct keel_s2_range *range,
					  struct keel_s2_free_list *list)
{
	u64 end = min(range->end, s2->nr_gfns);
	u64 gfn = range->next;
	u64 *slot, base, e;
	int level;

	while (gfn < end) {
		slot = s2_descend(fmt, s2, gfn, 1, &level);
		base = s2_base(fmt, gfn, level);
		e = READ_ONCE(*slot);
		if (s2_is_table(fmt, e, level)) {
			if (base >= range->start && base + keel_s2_span(fmt, 1) <= end) {
				s2_remove_table(fmt, s2, range, list, slot, gfn, 1);
				gfn = base + keel_s2_span(fmt, 1);
				goto done;
			}
			level = 0;
			slot = s2_slot(fmt, s2, s2_table(fmt, s2, e), gfn, 0);
		}
		do {
			e = READ_ONCE(*slot);
			if (s2_is_table(fmt, e, level))
				break;
			if (e != s2_empty(fmt, level)) {
				s2_clear(fmt, s2, slot, gfn, level);
				atomic64_dec(&s2->pages[level]);
				range->flush = true;
				range->hit = true;
			}
			slot++;
			gfn = s2_base(fmt, gfn, level) + keel_s2_span(fmt, level);
		} while (gfn < end && gfn != s2_base(fmt, gfn, level + 1));
done:
		s2_prune(fmt, s2, range, list, gfn);
		range->next = gfn;
		if (gfn < end && s2_wanted(s2, range))
			return -EAGAIN;
	}
	return 0;
}

/* The leaf of @level that maps what all of @child maps, if that is one aligned block; else 0. */
static __always_inline u64 s2_joined(const struct keel_s2_format *fmt, const struct keel_s2 *s2,
				     u64 *child, int level)
{
	u64 first = READ_ONCE(child[0]);
	u64 pfn = s2_pfn(fmt, s2, first, level - 1);
	u32 prot = KEEL_S2_R | KEEL_S2_W | KEEL_S2_X;
	bool young = false;
	u64 e, leaf, offset;
	unsigned int i;

	for (i = 0; i < s2_nr_entries(fmt, level - 1); i++) {
		e = READ_ONCE(child[i]);
		offset = (u64)i << keel_s2_shift(fmt, level - 1);
		if (e == s2_empty(fmt, level - 1) || s2_is_table(fmt, e, level - 1) ||
		    s2_pfn(fmt, s2, e, level - 1) != pfn + offset ||
		    (e ^ first) & fmt->memtype_mask)
			return 0;
		prot &= s2_prot(fmt, e, level - 1);
		young |= s2_is_young(fmt, e, level - 1);
	}
	if (pfn & (keel_s2_span(fmt, level) - 1))
		return 0;
	/* The CPUs may be marking a part dirty right now. */
	if (prot & KEEL_S2_W)
		prot |= KEEL_S2_DIRTY;
	leaf = s2_leaf(fmt, s2, pfn, level, prot, first & fmt->memtype_mask);
	return young ? leaf : s2_mk_old(fmt, leaf, level);
}

static __always_inline void s2_join(const struct keel_s2_format *fmt, struct keel_s2 *s2,
				    struct keel_s2_range *range, struct keel_s2_free_list *list,
				    u64 *slot, u64 leaf, u64 gfn, int level)
{
	u64 e;

	if (fmt->needs_bbm) {
		e = s2_clear(fmt, s2, slot, gfn, level);
		s2->hooks->flush(s2, gfn, keel_s2_span(fmt, level));
		WRITE_ONCE(*slot, leaf);
	} else {
		do {
			e = READ_ONCE(*slot);
		} while (!s2_cas(fmt, s2, slot, e, leaf, gfn, level));
	}
	atomic64_sub(s2_nr_entries(fmt, level - 1), &s2->pages[level - 1]);
	atomic64_inc(&s2->pages[level]);
	s2_retire(fmt, s2, list, s2_table(fmt, s2, e), level - 1);
	range->flush = true;
	range->hit = true;
}

static __always_inline int s2_collapse_range(const struct keel_s2_format *fmt, struct keel_s2 *s2,
					     struct keel_s2_range *range,
					     struct keel_s2_free_list *list, int target, bool zap)
{
	u64 end = min(range->end, s2->nr_gfns);
	u64 gfn = range->next;
	struct keel_s2_range part;
	u64 *slot, base, next, leaf;
	int level;

	if (target < 1 || target > s2->root_level || !(s2->leaf_levels & (1U << target)))
		return 0;
	while (gfn < end) {
		slot = s2_descend(fmt, s2, gfn, target, &level);
		base = s2_base(fmt, gfn, level);
		next = base + keel_s2_span(fmt, level);
		if (level == target && s2_is_table(fmt, READ_ONCE(*slot), level) &&
		    base >= range->start && next <= end) {
			leaf = s2_joined(fmt, s2, s2_table(fmt, s2, READ_ONCE(*slot)), level);
			if (leaf) {
				s2_join(fmt, s2, range, list, slot, leaf, base, level);
			} else if (zap) {
				part = KEEL_S2_RANGE(base, next, false);
				s2->ops->unmap_range(s2, &part, list);
				range->flush |= part.flush;
				range->hit |= part.hit;
			}
		}
		gfn = next;
		range->next = gfn;
		if (gfn < end && s2_wanted(s2, range))
			return -EAGAIN;
	}
	return 0;
}

/* ---- lookup ---- */

static __always_inline bool s2_lookup(const struct keel_s2_format *fmt, struct keel_s2 *s2,
				      u64 gfn, struct keel_s2_leaf *leaf)
{
	int level;
	u64 e;

	*leaf = (struct keel_s2_leaf){};
	if (gfn >= s2->nr_gfns)
		return false;
	e = READ_ONCE(*s2_descend(fmt, s2, gfn, 0, &level));
	leaf->level = level;
	leaf->entry = e;
	/* It may have become a table since s2_descend() looked: as good as a race lost. */
	if (e == s2_empty(fmt, level) || s2_is_table(fmt, e, level) || s2_is_locked(fmt, e))
		return false;
	leaf->pfn = s2_pfn(fmt, s2, e, level) + (gfn & (keel_s2_span(fmt, level) - 1));
	leaf->prot = s2_prot(fmt, e, level);
	leaf->young = s2_is_young(fmt, e, level);
	leaf->memtype = e & fmt->memtype_mask;
	return true;
}

/* ---- the instance ---- */

/**
 * KEEL_S2_INSTANTIATE() - compile the engine for one format
 * @name: gives &struct keel_s2_ops name##_s2_ops
 * @format: address of a static const &struct keel_s2_format
 */
#define KEEL_S2_INSTANTIATE(name, format)						\
static int name##_map(struct keel_s2 *s2, struct keel_s2_cache *cache,			\
		      struct keel_s2_map *map)						\
{											\
	return s2_map(format, s2, cache, map);						\
}											\
static int name##_unmap_range(struct keel_s2 *s2, struct keel_s2_range *range,		\
			      struct keel_s2_free_list *list)				\
{											\
	return s2_unmap_range(format, s2, range, list);					\
}											\
static bool name##_reopen(struct keel_s2 *s2, u64 gfn)					\
{											\
	return s2_reopen(format, s2, gfn);						\
}											\
static int name##_wrprotect_range(struct keel_s2 *s2, struct keel_s2_range *range)	\
{											\
	return s2_touch_range(format, s2, range, S2_WRPROTECT);				\
}											\
static int name##_age_range(struct keel_s2 *s2, struct keel_s2_range *range)		\
{											\
	return s2_touch_range(format, s2, range, S2_AGE);				\
}											\
static int name##_test_young_range(struct keel_s2 *s2, struct keel_s2_range *range)	\
{											\
	return s2_touch_range(format, s2, range, S2_TEST_YOUNG);			\
}											\
static int name##_clear_dirty_range(struct keel_s2 *s2, struct keel_s2_range *range)	\
{											\
	return (format)->hw_dirty ? s2_touch_range(format, s2, range, S2_CLEAR_DIRTY) : 0; \
}											\
static int name##_split_range(struct keel_s2 *s2, struct keel_s2_range *range,		\
			      struct keel_s2_cache *cache, int level)			\
{											\
	return s2_split_range(format, s2, range, cache, level);				\
}											\
static int name##_collapse_range(struct keel_s2 *s2, struct keel_s2_range *range,	\
				 struct keel_s2_free_list *list, int level, bool zap)	\
{											\
	return s2_collapse_range(format, s2, range, list, level, zap);			\
}											\
static bool name##_lookup(struct keel_s2 *s2, u64 gfn, struct keel_s2_leaf *leaf)	\
{											\
	return s2_lookup(format, s2, gfn, leaf);					\
}											\
extern const struct keel_s2_ops name##_s2_ops;						\
const struct keel_s2_ops name##_s2_ops = {						\
	.fmt = format,									\
	.map = name##_map,								\
	.unmap_range = name##_unmap_range,						\
	.reopen = name##_reopen,							\
	.wrprotect_range = name##_wrprotect_range,					\
	.age_range = name##_age_range,							\
	.test_young_range = name##_test_young_range,					\
	.clear_dirty_range = name##_clear_dirty_range,					\
	.split_range = name##_split_range,						\
	.collapse_range = name##_collapse_range,					\
	.lookup = name##_lookup,							\
}

#endif
