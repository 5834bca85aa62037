// SPDX-License-Identifier: GPL-2.0-only
/* Random operations on the engine, each held against a plain array. */
#include "test.h"

#define NONE	0xff

struct cell {
	u64 pfn;
	u8 level;	/* NONE: not mapped */
	u8 w : 1, x : 1, young : 1, dirty : 1;
	u8 memtype;
};

/* Guest frames under test; nothing is ever mapped outside of a window. */
struct window {
	u64 base, len;
	struct cell *cells;
};

struct model {
	struct world w;
	const struct subject *s;
	struct window win[3];
	int nr_win;
	int top;			/* largest level that is asked for */
	unsigned long flushes;		/* that the architecture's rules demand */
	bool filling;			/* a block is filled with frames that belong together */
	u64 skew;			/* of their pfns against their gfns */
	int step;
	const char *op;
};

static struct cell *cell(struct model *m, u64 gfn)
{
	int i;

	for (i = 0; i < m->nr_win; i++)
		if (gfn - m->win[i].base < m->win[i].len)
			return &m->win[i].cells[gfn - m->win[i].base];
	return NULL;
}

static u64 block(struct model *m, u64 gfn, int level)
{
	return gfn & ~(span_of(m->s, level) - 1);
}

/* ---- comparing ---- */

struct census {
	struct model *m;
	unsigned long pages[KEEL_S2_MAX_LEVELS];
	u64 frames;
};

static void compare_leaf(void *arg, u64 gfn, int level, const struct view *v, u64 *slot)
{
	struct census *c = arg;
	struct model *m = c->m;
	u64 i, n = span_of(m->s, level), pfn = v->addr >> m->s->levels[0];
	struct cell *ce = cell(m, gfn);

	(void)slot;
	CHECK(ce, "step %d %s: stray leaf at %llx", m->step, m->op, gfn);
	for (i = 0; i < n; i++, ce++)
		if (ce->level != level || ce->pfn != pfn + i || ce->w != v->w || ce->x != v->x ||
		    ce->young != v->young || (m->s->hw_ad && ce->dirty != v->dirty) ||
		    (v->memtype != -2 && ce->memtype != v->memtype))
			FAIL("step %d %s: gfn %llx: level %d pfn %llx w%d x%d y%d d%d m%d, "
			     "expected level %d pfn %llx w%d x%d y%d d%d m%d",
			     m->step, m->op, gfn + i, level, pfn + i, v->w, v->x, v->young,
			     v->dirty, v->memtype, ce->level, ce->pfn, ce->w, ce->x, ce->young,
			     ce->dirty, ce->memtype);
	c->pages[level]++;
	c->frames += n;
}

static void compare(struct model *m)
{
	struct census c = { .m = m };
	u64 frames = 0, i;
	int tables, l, k;

	tables = reader_walk(m->s, &m->w.s2, compare_leaf, &c);
	CHECK(tables > 0, "step %d %s: malformed entry", m->step, m->op);
	for (k = 0; k < m->nr_win; k++)
		for (i = 0; i < m->win[k].len; i++)
			frames += m->win[k].cells[i].level != NONE;
	CHECK(frames == c.frames, "step %d %s: %llu frames mapped, model has %llu", m->step,
	      m->op, c.frames, frames);
	CHECK(tables == atomic64_read(&m->w.s2.tables), "step %d %s: %d tables, counted %lld",
	      m->step, m->op, tables, atomic64_read(&m->w.s2.tables));
	for (l = 0; l < KEEL_S2_MAX_LEVELS; l++)
		CHECK(c.pages[l] == (unsigned long)atomic64_read(&m->w.s2.pages[l]),
		      "step %d %s: %lu leaves of level %d, counted %lld", m->step, m->op,
		      c.pages[l], l, atomic64_read(&m->w.s2.pages[l]));
	CHECK(m->w.flushes == m->flushes, "step %d %s: %lu flushes inside, expected %lu",
	      m->step, m->op, m->w.flushes, m->flushes);
	l = m->w.cache.pool[0].nr + m->w.cache.pool[1].nr;
	CHECK(shim_live == tables + l, "step %d %s: %ld allocations, %d tables, %d cached",
	      m->step, m->op, shim_live, tables, l);
}

/* ---- what the operations mean ---- */

static bool is_table_at(struct model *m, u64 gfn, int level)
{
	struct view v;
	int at;

	reader_find(m->s, &m->w.s2, gfn, level, &at, &v);
	return at == level && v.kind == TABLE;
}

static void model_split(struct model *m, u64 gfn, int target)
{
	u64 base, i;
	int l;

	for (l = cell(m, gfn)->level; l > target; l--) {
		base = block(m, gfn, l);
		for (i = 0; i < span_of(m->s, l); i++)
			cell(m, base)[i].level = l - 1;
		m->flushes += m->s->bbm;
	}
}

static int model_map(struct model *m, struct keel_s2_map *map)
{
	struct cell *c = cell(m, map->gfn), *b;
	int target = map->level;
	bool same, enough;
	u64 i, base;

	while (target && (target > m->s->max_leaf || is_table_at(m, map->gfn, target) ||
			  (map->gfn ^ map->pfn) % span_of(m->s, target)))
		target--;
	map->level = target;
	if (c->level != NONE) {
		same = c->pfn == map->pfn &&
		       (c->memtype == map->memtype || m->s->read == subjects[nr_subjects - 1].read);
		enough = (c->w || !(map->prot & KEEL_S2_W)) && (c->x || !(map->prot & KEEL_S2_X));
		if (same && enough) {
			bool young = c->young;

			map->level = c->level;
			b = cell(m, block(m, map->gfn, c->level));
			for (i = 0; i < span_of(m->s, map->level); i++)
				b[i].young = 1;
			return young ? KEEL_S2_SPURIOUS : KEEL_S2_UPGRADED;
		}
		model_split(m, map->gfn, target);
		b = cell(m, block(m, map->gfn, target));
		if (same) {
			for (i = 0; i < span_of(m->s, target); i++) {
				b[i].w |= !!(map->prot & KEEL_S2_W);
				b[i].x |= !!(map->prot & KEEL_S2_X);
				b[i].dirty |= !!(map->prot & KEEL_S2_DIRTY);
				b[i].young = 1;
			}
			return KEEL_S2_UPGRADED;
		}
		m->flushes += !m->s->purge;
	}
	base = block(m, map->gfn, target);
	b = cell(m, base);
	for (i = 0; i < span_of(m->s, target); i++)
		b[i] = (struct cell){
			.pfn = (map->pfn & ~(span_of(m->s, target) - 1)) + i,
			.level = target, .w = !!(map->prot & KEEL_S2_W),
			.x = !!(map->prot & KEEL_S2_X), .young = 1,
			.dirty = !!(map->prot & KEEL_S2_DIRTY), .memtype = map->memtype,
		};
	return KEEL_S2_MAPPED;
}

enum verb { UNMAP, WRPROTECT, AGE, TEST_YOUNG, CLEAR_DIRTY };

/* Do it to all leaves that touch [start, end). True if there was something to do. */
static bool model_range(struct model *m, u64 start, u64 end, enum verb verb)
{
	bool hit = false;
	u64 gfn, i, n;
	int k, level;

	for (k = 0; k < m->nr_win; k++) {
		u64 from = max(start, m->win[k].base);
		u64 to = min(end, m->win[k].base + m->win[k].len);

		for (gfn = from; gfn < to; gfn = block(m, gfn, level) + n) {
			struct cell *c = cell(m, gfn);

			level = c->level == NONE ? 0 : c->level;
			n = span_of(m->s, level);
			if (c->level == NONE)
				continue;
			c = cell(m, block(m, gfn, level));
			hit |= verb == UNMAP || (verb == WRPROTECT && c->w) ||
			       ((verb == AGE || verb == TEST_YOUNG) && c->young) ||
			       (verb == CLEAR_DIRTY && c->dirty && m->s->hw_ad);
			for (i = 0; i < n; i++) {
				if (verb == UNMAP)
					c[i].level = NONE;
				else if (verb == WRPROTECT)
					c[i].w = 0;
				else if (verb == AGE)
					c[i].young = 0;
				else if (verb == CLEAR_DIRTY && m->s->hw_ad)
					c[i].dirty = 0;
			}
		}
	}
	return hit;
}

static void model_collapse(struct model *m, u64 start, u64 end, int target, bool zap)
{
	u64 n = span_of(m->s, target), base, i;
	int k;

	for (k = 0; k < m->nr_win; k++)
		for (base = m->win[k].base; base < m->win[k].base + m->win[k].len; base += n) {
			struct cell *c = cell(m, base), all = { .w = 1, .x = 1 };
			bool ok = !(c->pfn % n);

			if (base < start || base + n > end || !is_table_at(m, base, target))
				continue;
			for (i = 0; i < n; i++) {
				ok &= c[i].level == target - 1 && c[i].pfn == c[0].pfn + i &&
				      (c[i].memtype == c[0].memtype ||
				       m->s->read == subjects[nr_subjects - 1].read);
				all.w &= c[i].w;
				all.x &= c[i].x;
				all.young |= c[i].young;
			}
			if (!ok && zap)
				model_range(m, base, base + n, UNMAP);
			if (!ok)
				continue;
			m->flushes += m->s->bbm;
			for (i = 0; i < n; i++) {
				c[i].level = target;
				c[i].w = all.w;
				c[i].x = all.x;
				c[i].young = all.young;
				c[i].dirty = all.w;
			}
		}
}

/* ---- one random step ---- */

static u64 pick_gfn(struct model *m)
{
	struct window *w = &m->win[below(m->nr_win)];

	return w->base + below(w->len);
}

static void pick_range(struct model *m, u64 *start, u64 *end)
{
	struct window *w = &m->win[below(m->nr_win)];
	int level = below(m->top + 1);

	if (!below(40)) {
		*start = 0;
		*end = below(2) ? m->w.s2.nr_gfns : ~0ULL;
		return;
	}
	*start = w->base + below(w->len);
	*end = *start + 1 + below(span_of(m->s, level) * 2);
	if (!below(3)) {
		*start = block(m, *start, level);
		*end = block(m, *end + span_of(m->s, level) - 1, level);
	}
	*end = min(*end, w->base + w->len + below(2) * 100000);
	if (*end > m->w.s2.nr_gfns)
		*end = m->w.s2.nr_gfns;
}

static void step_map(struct model *m, u64 gfn, int level)
{
	struct keel_s2 *s2 = &m->w.s2;
	u64 shift = span_of(m->s, m->top) * 3, max_pfn = (1ULL << (46 - m->s->levels[0])) - 1;
	struct keel_s2_map map = { .gfn = gfn, .level = level }, want;
	struct keel_s2_cache none = {};
	int ret, expect;

	map.prot = KEEL_S2_R | (below(2) ? KEEL_S2_W : 0) | (below(4) ? KEEL_S2_X : 0);
	if (map.prot & KEEL_S2_W && below(2))
		map.prot |= KEEL_S2_DIRTY;
	map.memtype = m->filling || below(20) ? KEEL_S2_NORMAL : below(KEEL_S2_NR_MEMTYPES);
	map.pfn = (gfn + shift + m->skew) & max_pfn;
	if (!m->filling && !below(30))	/* the host moved it: aligned alike, or not */
		map.pfn = ((map.pfn ^ span_of(m->s, below(m->top + 1)) << below(2)) + shift) &
			  max_pfn;

	if (!m->filling && !below(20)) {
		want = map;
		ret = s2->ops->map(s2, &none, &want);
		/* Without tables it works or changes nothing. */
		if (ret == -ENOMEM)
			return;
	} else {
		CHECK(!keel_s2_cache_topup(s2, &m->w.cache), "topup");
		want = map;
		ret = s2->ops->map(s2, &m->w.cache, &want);
	}
	expect = model_map(m, &map);
	CHECK(ret == expect && want.level == map.level,
	      "step %d: map gfn %llx: %d at level %d, expected %d at %d", m->step, gfn, ret,
	      want.level, expect, map.level);
}

static void step_access(struct model *m, u64 gfn)
{
	struct cell *c = cell(m, gfn);
	bool write = below(2);
	struct view v;
	u64 i, *slot;
	int at;

	if (!m->s->hw_ad || c->level == NONE || (write && !c->w))
		return;
	slot = reader_find(m->s, &m->w.s2, gfn, 0, &at, &v);
	*slot |= m->s->hw_accessed | (write ? m->s->hw_dirty : 0);
	c = cell(m, block(m, gfn, c->level));
	for (i = 0; i < span_of(m->s, at); i++) {
		c[i].young = 1;
		c[i].dirty |= write;
	}
}

/* What the dirty log took comes back, and nothing else. */
static void step_reopen(struct model *m, u64 gfn)
{
	struct cell *c = cell(m, gfn);
	bool expect = m->s->hw_ad && !c->level && c->young && c->dirty;
	bool done = m->w.s2.ops->reopen(&m->w.s2, gfn);

	CHECK(done == expect, "step %d: reopen %llx: %d", m->step, gfn, done);
	if (done)
		c->w = 1;
	CHECK(!m->w.s2.ops->reopen(&m->w.s2, m->w.s2.nr_gfns), "reopen past the end");
}

typedef int (*range_op)(struct keel_s2 *s2, struct keel_s2_range *range);

static void run_range(struct model *m, range_op op, struct keel_s2_range *range)
{
	u64 before;

	do {
		before = range->next;
		if (!op(&m->w.s2, range))
			return;
		CHECK(range->may_yield && range->next > before && range->next < range->end,
		      "step %d %s: stopped at %llx after %llx", m->step, m->op, range->next,
		      before);
	} while (true);
}

static void step_touch(struct model *m, enum verb verb)
{
	const struct keel_s2_ops *ops = m->w.s2.ops;
	struct keel_s2_range range = {};
	bool hit;

	pick_range(m, &range.start, &range.end);
	range = KEEL_S2_RANGE(range.start, range.end, below(2));
	run_range(m, verb == WRPROTECT ? ops->wrprotect_range : verb == AGE ? ops->age_range :
		  verb == TEST_YOUNG ? ops->test_young_range : ops->clear_dirty_range, &range);
	hit = model_range(m, range.start, range.end, verb);
	CHECK(range.hit == hit, "step %d %s: hit %d, expected %d", m->step, m->op, range.hit, hit);
	CHECK(range.flush == (hit && verb != TEST_YOUNG), "step %d %s: flush %d", m->step, m->op,
	      range.flush);
}

static void step_mask(struct model *m)
{
	u64 gfn = pick_gfn(m) & ~63ULL, mask = rnd() | rnd() << 40, i;
	bool flush, hit = false;

	if (!below(3))
		mask &= rnd() & rnd();
	if (!below(20))
		mask = below(2) ? ~0ULL : 0;
	flush = keel_s2_wrprotect_mask(&m->w.s2, gfn, mask);
	for (i = 0; i < 64; i++)
		if (mask >> i & 1)
			hit |= model_range(m, gfn + i, gfn + i + 1, WRPROTECT);
	CHECK(flush == hit, "step %d mask: flush %d, expected %d", m->step, flush, hit);
}

static void step_unmap(struct model *m)
{
	struct keel_s2_free_list list = {};
	struct keel_s2_range range = {};
	bool hit;

	pick_range(m, &range.start, &range.end);
	range = KEEL_S2_RANGE(range.start, range.end, below(2));
	while (m->w.s2.ops->unmap_range(&m->w.s2, &range, &list))
		CHECK(range.may_yield, "step %d: unmap stopped unasked", m->step);
	keel_s2_free_list(&m->w.s2, &list);
	hit = model_range(m, range.start, range.end, UNMAP);
	CHECK(range.flush || !hit, "step %d: unmap wants no flush", m->step);
}

static void step_split(struct model *m)
{
	struct keel_s2_range range = {};
	int target = below(m->top), ret, k;
	u64 gfn;

	pick_range(m, &range.start, &range.end);
	range = KEEL_S2_RANGE(range.start, range.end, below(2));
	while ((ret = m->w.s2.ops->split_range(&m->w.s2, &range, &m->w.cache, target))) {
		CHECK(ret == -ENOMEM || (ret == -EAGAIN && range.may_yield), "split: %d", ret);
		CHECK(!keel_s2_cache_topup(&m->w.s2, &m->w.cache), "topup");
	}
	for (k = 0; k < m->nr_win; k++)
		for (gfn = max(range.start, m->win[k].base);
		     gfn < min(range.end, m->win[k].base + m->win[k].len); gfn++)
			if (cell(m, gfn)->level != NONE)
				model_split(m, gfn, target);
}

static void step_collapse(struct model *m)
{
	struct keel_s2_free_list list = {};
	struct keel_s2_range range = {};
	int target = 1 + below(m->top);
	bool zap = !below(3);

	pick_range(m, &range.start, &range.end);
	if (below(3)) {
		range.start = block(m, range.start, target);
		range.end = range.start + span_of(m->s, target);
	}
	model_collapse(m, range.start, range.end, target, zap);
	range = KEEL_S2_RANGE(range.start, range.end, below(2));
	while (m->w.s2.ops->collapse_range(&m->w.s2, &range, &list, target, zap))
		CHECK(range.may_yield, "step %d: collapse stopped unasked", m->step);
	keel_s2_free_list(&m->w.s2, &list);
}

static void step_lookup(struct model *m)
{
	u64 gfn = pick_gfn(m);
	struct cell *c = cell(m, gfn);
	struct keel_s2_leaf leaf;
	bool found = m->w.s2.ops->lookup(&m->w.s2, gfn, &leaf);

	CHECK(found == (c->level != NONE), "step %d: lookup %llx: %d", m->step, gfn, found);
	if (found)
		CHECK(leaf.pfn == c->pfn && leaf.level == c->level && leaf.young == c->young &&
		      !!(leaf.prot & KEEL_S2_W) == c->w && !!(leaf.prot & KEEL_S2_X) == c->x &&
		      leaf.prot & KEEL_S2_R &&
		      !!(leaf.prot & KEEL_S2_DIRTY) == (c->dirty && m->s->hw_ad),
		      "step %d: lookup %llx: pfn %llx level %d prot %x", m->step, gfn, leaf.pfn,
		      leaf.level, leaf.prot);
	CHECK(!m->w.s2.ops->lookup(&m->w.s2, m->w.s2.nr_gfns, &leaf), "lookup past the end");
}

static void one_step(struct model *m)
{
	int what = below(100), i;
	u64 gfn = pick_gfn(m), n;

	if (what < 40) {
		m->op = "map";
		for (i = below(30); i >= 0; i--)
			step_map(m, below(2) ? pick_gfn(m) : gfn, below(m->top + 1));
	} else if (what < 44) {		/* fill a block with small pages */
		m->op = "fill";
		n = span_of(m->s, 1);
		m->filling = true;
		m->skew = below(4) ? 0 : 1 + below(n);
		for (gfn = block(m, gfn, 1), i = 0; i < (int)n; i++)
			step_map(m, gfn + i, 0);
		m->skew = 0;
		m->filling = false;
	} else if (what < 52) {
		m->op = "access";
		for (i = 0; i < 20; i++)
			step_access(m, pick_gfn(m));
	} else if (what < 54) {
		m->op = "reopen";
		for (i = 0; i < 20; i++)
			step_reopen(m, pick_gfn(m));
	} else if (what < 60) {
		m->op = "unmap";
		step_unmap(m);
	} else if (what < 66) {
		m->op = "wrprotect";
		step_touch(m, WRPROTECT);
	} else if (what < 72) {
		m->op = "mask";
		step_mask(m);
	} else if (what < 78) {
		m->op = "age";
		step_touch(m, AGE);
	} else if (what < 80) {
		m->op = "test young";
		step_touch(m, TEST_YOUNG);
	} else if (what < 84) {
		m->op = "clear dirty";
		step_touch(m, CLEAR_DIRTY);
	} else if (what < 88) {
		m->op = "split";
		step_split(m);
	} else if (what < 94) {
		m->op = "collapse";
		step_collapse(m);
	} else {
		m->op = "lookup";
		step_lookup(m);
	}
}

static void add_window(struct model *m, u64 base, u64 len)
{
	struct window *w = &m->win[m->nr_win++];
	u64 i;

	*w = (struct window){ base, len, calloc(len, sizeof(struct cell)) };
	for (i = 0; i < len; i++)
		w->cells[i].level = NONE;
}

/* @top: largest leaf level used. 1 uses small windows in three places, 2 a large one. */
void test_model(const struct subject *s, int top, int steps)
{
	struct model *m = calloc(1, sizeof(*m));
	struct keel_s2_map map = {};
	u64 n = span_of(s, top);
	int i;

	world_init(&m->w, s);
	m->s = s;
	m->top = top;
	m->op = "init";
	if (top == 1) {
		add_window(m, 0, 2 * n);
		add_window(m, m->w.s2.nr_gfns - 2 * n, 2 * n);
	}
	/* Across the border of the next higher level, if there is one. */
	add_window(m, (s->root_level > top ? span_of(s, top + 1) : 5 * n) - n, 2 * n);
	compare(m);

	map.gfn = m->w.s2.nr_gfns;
	CHECK(m->w.s2.ops->map(&m->w.s2, &m->w.cache, &map) == -EINVAL, "gfn past the end");
	map = (struct keel_s2_map){ .pfn = 1ULL << (64 - s->levels[0]) };
	CHECK(m->w.s2.ops->map(&m->w.s2, &m->w.cache, &map) == -EINVAL, "pfn past the end");

	for (m->step = 0; m->step < steps; m->step++) {
		one_step(m);
		if (top == 1 || m->step % 4 == 0)
			compare(m);
	}
	compare(m);
	world_exit(&m->w);
	for (i = 0; i < m->nr_win; i++)
		free(m->win[i].cells);
	free(m);
}
