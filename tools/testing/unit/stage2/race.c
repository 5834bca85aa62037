// SPDX-License-Identifier: GPL-2.0-only
/* Two operations at once, deterministically: one runs in the middle of the other. */
#include "test.h"

/*
 * Under the read lock everything happens by compare-and-exchange. So "another CPU was faster" is
 * the same as: the other operation ran as a whole just before one of our exchanges. The shim does
 * that before the k-th exchange, for each k that there is.
 */

static struct world w;
static struct keel_s2_cache other;	/* the intruder's */
static const struct subject *s;
static u64 block, n;			/* the first gfn and the size of a block of level 1 */
static bool intruded;
static int ret2;			/* what the intruder got */

static int fault(struct keel_s2_cache *cache, u64 gfn, int *level, u32 prot, u64 moved)
{
	struct keel_s2_map map = {
		.gfn = gfn, .pfn = gfn + 16 * n + moved, .level = *level, .prot = prot | KEEL_S2_R,
	};
	int ret = w.s2.ops->map(&w.s2, cache, &map);

	*level = map.level;
	return ret;
}

static int fault0(struct keel_s2_cache *cache, u64 gfn, u32 prot)
{
	int level = 0;

	return fault(cache, gfn, &level, prot, 0);
}

static struct keel_s2_leaf look(u64 gfn)
{
	struct keel_s2_leaf leaf;

	CHECK(w.s2.ops->lookup(&w.s2, gfn, &leaf), "gfn %llx is not mapped", gfn);
	return leaf;
}

static void all_readonly(void)
{
	u64 i;

	for (i = 0; i < n; i++)
		CHECK(!(look(block + i).prot & KEEL_S2_W), "frame %llx is writable", i);
}

static struct keel_s2_range whole(void)
{
	return KEEL_S2_RANGE(block, block + n, false);
}

static void wrprotect(void)
{
	struct keel_s2_range range = whole();

	CHECK(!w.s2.ops->wrprotect_range(&w.s2, &range), "wrprotect");
	CHECK(range.flush && range.hit, "nothing to write-protect");
}

/* ---- intruders ---- */

static void by_wrprotect(void)
{
	wrprotect();
}

static void by_split(void)
{
	ret2 = fault0(&other, block + 7, KEEL_S2_X);
}

static void by_same_read(void)
{
	ret2 = fault0(&other, block + 5, 0);
}

static void by_same_write(void)
{
	ret2 = fault0(&other, block + 5, KEEL_S2_W);
}

static void by_neighbour(void)
{
	ret2 = fault0(&other, block + 6, 0);
}

static void by_huge(void)
{
	int level = 1;

	ret2 = fault(&other, block + 6, &level, KEEL_S2_W, 0);
}

static void by_cpu_write(void)
{
	struct view v;
	int at;

	*reader_find(s, &w.s2, block + 5, 0, &at, &v) |= s->hw_accessed | s->hw_dirty;
}

/* Everything that may meet an entry in the middle of a change. */
static void by_passers(void)
{
	struct keel_s2_range range = whole();
	struct keel_s2_leaf leaf;

	CHECK(fault0(&other, block + 5, 0) == -EAGAIN, "map went through a locked entry");
	CHECK(!w.s2.ops->lookup(&w.s2, block + 5, &leaf), "lookup saw a locked entry");
	CHECK(!w.s2.ops->age_range(&w.s2, &range) && range.hit, "a locked entry is not young");
	range = whole();
	CHECK(!w.s2.ops->test_young_range(&w.s2, &range) && range.hit, "nor tested as young");
	range = whole();
	CHECK(w.s2.ops->split_range(&w.s2, &range, &other, 0) == -EAGAIN, "split it twice");
}

/* ---- the scenes ---- */

static void start(void (*intruder)(void), int k)
{
	CHECK(!keel_s2_cache_topup(&w.s2, &w.cache), "topup");
	CHECK(!keel_s2_cache_topup(&w.s2, &other), "topup");
	intruded = false;
	ret2 = -1;
	shim_intruder = intruder;
	shim_intrude_at = k;
}

/* True if there was a k-th exchange. */
static bool stop(void)
{
	intruded = !shim_intruder;
	shim_intruder = NULL;
	return intruded;
}

static void prepare(int level, u32 prot)
{
	keel_s2_destroy(&w.s2);
	keel_s2_cache_free(&w.s2, &w.cache);
	keel_s2_cache_free(&w.s2, &other);
	world_init(&w, s);
	CHECK(!keel_s2_cache_topup(&w.s2, &w.cache), "topup");
	if (level >= 0)
		CHECK(!fault(&w.cache, block + 5, &level, prot, 0), "first mapping");
}

/* Counters and allocations fit what is there. */
static void audit_leaf(void *arg, u64 gfn, int level, const struct view *v, u64 *slot)
{
	(void)gfn;
	(void)v;
	(void)slot;
	((long long *)arg)[level]++;
}

static void audit(void)
{
	long long pages[KEEL_S2_MAX_LEVELS] = {};
	int tables = reader_walk(s, &w.s2, audit_leaf, pages), i, cached = 0;

	CHECK(tables == atomic64_read(&w.s2.tables), "%d tables", tables);
	for (i = 0; i < KEEL_S2_MAX_LEVELS; i++)
		CHECK(pages[i] == atomic64_read(&w.s2.pages[i]), "%lld leaves of level %d",
		      pages[i], i);
	for (i = 0; i < KEEL_S2_CLASSES; i++)
		cached += w.cache.pool[i].nr + other.pool[i].nr;
	CHECK(shim_live == tables + cached, "%ld allocations", shim_live);
}

static bool scene(int nr, int k)
{
	struct keel_s2_range range = whole();
	bool locked = s->bbm && k == 1;		/* the intruder met the entry locked */
	int ret, level = 1;
	u64 i;

	switch (nr) {
	case 0:		/* write-protect a block that is being split */
		prepare(1, KEEL_S2_W);
		start(by_split, k);
		wrprotect();
		if (!stop())
			return false;
		all_readonly();
		break;
	case 1:		/* split a block that is being write-protected */
		prepare(1, KEEL_S2_W);
		start(by_wrprotect, k);
		ret = fault0(&w.cache, block + 7, KEEL_S2_X);
		if (!stop())
			return false;
		CHECK(ret == KEEL_S2_UPGRADED, "split: %d", ret);
		all_readonly();
		break;
	case 2:		/* replace a page that is being write-protected */
		prepare(0, KEEL_S2_W);
		start(by_wrprotect, k);
		level = 0;
		ret = fault(&w.cache, block + 5, &level, KEEL_S2_W, 1);
		if (!stop())
			return false;
		CHECK(ret == KEEL_S2_MAPPED, "replace: %d", ret);
		CHECK(look(block + 5).pfn == block + 5 + 16 * n + 1, "not replaced");
		CHECK(!(look(block + 5).prot & KEEL_S2_W) == locked, "writable, or not");
		break;
	case 3:		/* two faults on the same page */
		prepare(-1, 0);
		start(by_same_read, k);
		ret = fault0(&w.cache, block + 5, KEEL_S2_W);
		if (!stop())
			return false;
		CHECK(ret == KEEL_S2_UPGRADED && ret2 == KEEL_S2_MAPPED, "%d and %d", ret, ret2);
		CHECK(look(block + 5).prot & KEEL_S2_W, "not writable");
		break;
	case 4:		/* two faults that need the same tables */
		prepare(-1, 0);
		start(by_neighbour, k);
		ret = fault0(&w.cache, block + 5, KEEL_S2_W);
		if (!stop())
			return false;
		CHECK(ret == KEEL_S2_MAPPED && ret2 == KEEL_S2_MAPPED, "%d and %d", ret, ret2);
		CHECK(look(block + 5).prot & KEEL_S2_W && !(look(block + 6).prot & KEEL_S2_W),
		      "permissions");
		break;
	case 5:		/* a large page where somebody puts a small one */
		prepare(-1, 0);
		start(by_neighbour, k);
		ret = fault(&w.cache, block + 5, &level, KEEL_S2_W, 0);
		if (!stop())
			return false;
		CHECK(ret == KEEL_S2_MAPPED && ret2 == KEEL_S2_MAPPED && !level, "%d at %d", ret,
		      level);
		break;
	case 6:		/* a small page where somebody puts a large one */
		prepare(-1, 0);
		start(by_huge, k);
		ret = fault0(&w.cache, block + 5, 0);
		if (!stop())
			return false;
		CHECK(ret2 == KEEL_S2_MAPPED, "huge: %d", ret2);
		CHECK(ret == KEEL_S2_SPURIOUS || (ret == KEEL_S2_MAPPED && !look(block + 6).level),
		      "small: %d", ret);
		break;
	case 7:		/* age a page that is being made writable */
		prepare(0, 0);
		start(by_same_write, k);
		CHECK(!w.s2.ops->age_range(&w.s2, &range) && range.hit, "age");
		if (!stop())
			return false;
		CHECK(ret2 == KEEL_S2_UPGRADED, "upgrade: %d", ret2);
		CHECK(look(block + 5).prot & KEEL_S2_W && !look(block + 5).young, "lost");
		break;
	case 8:		/* age a block that is being split: all parts get old */
		prepare(1, 0);
		start(by_split, k);
		CHECK(!w.s2.ops->age_range(&w.s2, &range) && range.hit, "age");
		if (!stop())
			return false;
		for (i = 0; i < n; i++)
			CHECK(!look(block + i).young, "frame %llx is young", i);
		break;
	case 9:		/* write-protect while the CPU sets the dirty bit */
		prepare(0, KEEL_S2_W);
		if (!s->hw_ad)
			return false;
		start(by_cpu_write, k);
		wrprotect();
		if (!stop())
			return false;
		CHECK(look(block + 5).prot == (KEEL_S2_R | KEEL_S2_DIRTY), "dirty bit lost");
		break;
	case 10:	/* split while the CPU sets the dirty bit */
		prepare(1, KEEL_S2_W);
		if (!s->hw_ad)
			return false;
		start(by_cpu_write, k);
		fault0(&w.cache, block + 7, KEEL_S2_X);
		if (!stop())
			return false;
		CHECK(look(block + 5).prot & KEEL_S2_DIRTY, "dirty bit lost");
		break;
	case 11:	/* what others see of a break before make */
		prepare(1, KEEL_S2_W);
		if (k != 1 || !s->bbm)
			return k == 0;
		start(by_passers, k);
		ret = fault0(&w.cache, block + 7, KEEL_S2_X);
		CHECK(stop() && ret == KEEL_S2_UPGRADED, "split: %d", ret);
		break;
	case 12:	/* split_range against a fault that splits */
		prepare(1, KEEL_S2_W);
		start(by_split, k);
		if (locked)
			shim_intruder = by_neighbour;
		ret = w.s2.ops->split_range(&w.s2, &range, &w.cache, 0);
		if (!stop())
			return false;
		CHECK(!ret || ret == -EAGAIN, "split: %d", ret);
		CHECK(!w.s2.ops->split_range(&w.s2, &range, &w.cache, 0), "split again");
		CHECK(atomic64_read(&w.s2.pages[1]) == 0, "a large page is left");
		break;
	}
	audit();
	return true;
}

#define SCENES	13

void test_races(const struct subject *subject)
{
	int nr, k, played = 0;

	s = subject;
	n = span_of(s, 1);
	block = 6 * n;
	memset(&w, 0, sizeof(w));
	memset(&other, 0, sizeof(other));
	world_init(&w, s);
	for (nr = 0; nr < SCENES; nr++) {
		for (k = 0; scene(nr, k); k++)
			played++;
		CHECK(k || (nr > 8 && !s->hw_ad), "scene %d never happened", nr);
	}
	CHECK(played > SCENES, "only %d scenes", played);
	keel_s2_cache_free(&w.s2, &other);
	world_exit(&w);
}
