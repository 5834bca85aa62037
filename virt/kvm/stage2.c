// SPDX-License-Identifier: GPL-2.0-only
/* Second-stage page tables: life of the tables, their memory, and what needs no format. */
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <keel/s2_format.h>

/* A page table starts at a multiple of its size; both allocators promise that for powers of two. */
static u64 *table_alloc(unsigned int order, u64 empty)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO;
	u64 *table;
	size_t i;

	if (order < PAGE_SHIFT)
		table = kmalloc(1UL << order, gfp);
	else
		table = (u64 *)__get_free_pages(gfp, order - PAGE_SHIFT);
	if (table && empty)
		for (i = 0; i < (1UL << order) / sizeof(u64); i++)
			table[i] = empty;
	return table;
}

static void table_free(u64 *table, unsigned int order)
{
	if (order < PAGE_SHIFT)
		kfree(table);
	else
		free_pages((unsigned long)table, order - PAGE_SHIFT);
}

/* A class is named by a level that belongs to it: 0 is 0, 1 is all others. */
static unsigned int class_order(const struct keel_s2_format *fmt, int class)
{
	return keel_s2_table_order(fmt, class);
}

static unsigned int root_order(const struct keel_s2 *s2)
{
	const struct keel_s2_format *fmt = s2->ops->fmt;
	unsigned int need = s2->ia_bits - fmt->page_shift - keel_s2_shift(fmt, s2->root_level) + 3;

	return max(need, keel_s2_table_order(fmt, s2->root_level));
}

/**
 * keel_s2_init() - make an empty set of second-stage tables
 * @s2: what to initialize
 * @params: format, address width and CPU features
 *
 * Return: 0; -EINVAL if the format cannot reach @params->ia_bits; -ENOMEM.
 */
int keel_s2_init(struct keel_s2 *s2, const struct keel_s2_params *params)
{
	const struct keel_s2_format *fmt = params->ops->fmt;
	unsigned int ia_bits = params->ia_bits;
	unsigned int reach;
	int level, top;

	if (params->memtype_set >= KEEL_S2_MEMTYPE_SETS ||
	    (fmt->max_ia_bits && ia_bits > fmt->max_ia_bits))
		return -EINVAL;
	for (level = 0; ; level++) {
		if (level == fmt->max_levels)
			return -EINVAL;
		reach = fmt->page_shift + keel_s2_shift(fmt, level + 1);
		if (level + 1 >= fmt->min_levels && ia_bits <= reach + fmt->root_concat)
			break;
	}
	if (!fmt->root_concat)
		ia_bits = reach;
	else if (ia_bits <= fmt->page_shift + keel_s2_shift(fmt, level))
		return -EINVAL;

	memset(s2, 0, sizeof(*s2));
	s2->ops = params->ops;
	s2->hooks = params->hooks;
	s2->lock = params->lock;
	s2->set_mask = params->set_mask;
	s2->leaf_levels = (params->leaf_levels & fmt->leaf_levels) | 1;
	s2->root_level = level;
	s2->ia_bits = ia_bits;
	s2->memtype_set = params->memtype_set;
	s2->nr_gfns = 1ULL << (ia_bits - fmt->page_shift);
	for (top = 0; top < KEEL_S2_MAX_LEVELS; top++)
		atomic64_set(&s2->pages[top], 0);

	s2->root = table_alloc(root_order(s2), level ? fmt->empty : fmt->empty0);
	if (!s2->root)
		return -ENOMEM;
	atomic64_set(&s2->tables, 1);
	return 0;
}

/**
 * keel_s2_destroy() - free all tables
 * @s2: initialized, or all zero (nothing happens)
 *
 * No vCPU may be able to run with these tables any more and nobody else may use them. The caller
 * has flushed, or will before the VM's TLB tag is used again. May sleep.
 */
void keel_s2_destroy(struct keel_s2 *s2)
{
	struct keel_s2_range range;
	struct keel_s2_free_list list = {};

	if (!s2->root)
		return;
	range = KEEL_S2_RANGE(0, s2->nr_gfns, true);
	while (s2->ops->unmap_range(s2, &range, &list)) {
		keel_s2_free_list(s2, &list);
		cond_resched();
	}
	keel_s2_free_list(s2, &list);
	table_free(s2->root, root_order(s2));
	s2->root = NULL;
	atomic64_set(&s2->tables, 0);
}

/**
 * keel_s2_cache_topup() - allocate tables in advance
 * @s2: whose tables they will become
 * @cache: to be filled
 *
 * After it one map(), whatever it meets, finds the tables it needs. May sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int keel_s2_cache_topup(struct keel_s2 *s2, struct keel_s2_cache *cache)
{
	const struct keel_s2_format *fmt = s2->ops->fmt;
	int class, want;

	for (class = 0; class < KEEL_S2_CLASSES; class++) {
		u64 empty = class ? fmt->empty : fmt->empty0;

		if (class && !keel_s2_table_class(fmt, class))
			break;
		/* One for each level below the root is enough: the walk meets each once. */
		if (cache->pool[class].nr >= s2->root_level)
			continue;
		/* Small tables go fastest: fill up, so that a run of faults allocates once. */
		want = class ? s2->root_level : KEEL_S2_CACHE_OBJS;
		while (cache->pool[class].nr < want) {
			u64 *table = table_alloc(class_order(fmt, class), empty);

			if (!table)
				break;
			cache->pool[class].objs[cache->pool[class].nr++] = table;
		}
		if (cache->pool[class].nr < s2->root_level)
			return -ENOMEM;
	}
	return 0;
}

/**
 * keel_s2_cache_free() - free what a cache still holds
 * @s2: whose cache it is; its tables may be gone already, but it must have been initialized
 * @cache: empty afterwards, and usable again
 */
void keel_s2_cache_free(struct keel_s2 *s2, struct keel_s2_cache *cache)
{
	int class;

	for (class = 0; class < KEEL_S2_CLASSES; class++)
		while (cache->pool[class].nr)
			table_free(cache->pool[class].objs[--cache->pool[class].nr],
				   class_order(s2->ops->fmt, class));
}

/**
 * keel_s2_free_list() - free removed tables
 * @s2: where they were removed
 * @list: empty afterwards
 *
 * Only after the TLB flush that the operation which filled the list asked for.
 */
void keel_s2_free_list(struct keel_s2 *s2, struct keel_s2_free_list *list)
{
	int class;

	for (class = 0; class < KEEL_S2_CLASSES; class++) {
		unsigned int order = class_order(s2->ops->fmt, class);
		u64 pa = list->head[class];

		list->head[class] = 0;
		while (pa) {
			u64 *table = __va(pa);

			/*
			 * The low bits say "not valid" to a CPU that still walked here; one that
			 * marked the old entry accessed in the last moment spoilt only them.
			 */
			pa = READ_ONCE(*table) & ~((1ULL << order) - 1);
			table_free(table, order);
		}
	}
}

/**
 * keel_s2_wrprotect_mask() - write-protect single frames
 * @s2: the tables
 * @base: gfn of bit 0
 * @mask: which of the 64 frames from @base
 *
 * For the dirty log, which hands out dirty pages 64 to a word. A large leaf that holds one of
 * them is write-protected as a whole. Read lock or write lock.
 *
 * Return: true if the TLBs must be flushed.
 */
bool keel_s2_wrprotect_mask(struct keel_s2 *s2, u64 base, u64 mask)
{
	struct keel_s2_range range;
	unsigned int first, nr;
	bool flush = false;

	while (mask) {
		first = __ffs64(mask);
		nr = ~(mask >> first) ? __ffs64(~(mask >> first)) : 64;
		range = KEEL_S2_RANGE(base + first, base + first + nr, false);
		s2->ops->wrprotect_range(s2, &range);
		flush |= range.flush;
		if (first + nr >= 64)
			break;
		mask &= ~0ULL << (first + nr);
	}
	return flush;
}

/**
 * keel_s2_level_shift() - size of the leaves of a level
 * @s2: the tables
 * @level: 0 up to the root's
 *
 * Return: log2 of the bytes that a leaf of @level maps.
 */
unsigned int keel_s2_level_shift(const struct keel_s2 *s2, int level)
{
	const struct keel_s2_format *fmt = s2->ops->fmt;

	return fmt->page_shift + keel_s2_shift(fmt, level);
}
