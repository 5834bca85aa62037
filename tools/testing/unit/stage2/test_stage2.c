// SPDX-License-Identifier: GPL-2.0-only
/* Unit test of the stage-2 page-table engine, all formats, in user space. TAP output. */
#include <getopt.h>
#include <sched.h>
#include <setjmp.h>
#include "test.h"

__thread u64 rng_state = 1;
long shim_live;
int shim_fail_after = -1;
bool shim_resched;
void (*shim_watcher)(u64 *slot, u64 old, u64 new);
void (*shim_intruder)(void);
int shim_intrude_at;

static jmp_buf failed;
static pthread_t main_thread;

void fail_now(void)
{
	if (!pthread_equal(pthread_self(), main_thread)) {
		printf("Bail out! a thread found an error\n");
		exit(1);
	}
	longjmp(failed, 1);
}

/* ---- the kernel's part ---- */

void *shim_alloc(size_t size)
{
	void *p;

	if (!shim_fail_after)
		return NULL;
	if (shim_fail_after > 0)
		shim_fail_after--;
	p = aligned_alloc(size, size);
	if (!p)
		abort();
	memset(p, 0, size);
	__atomic_add_fetch(&shim_live, 1, __ATOMIC_RELAXED);
	return p;
}

void shim_free(void *p, size_t size)
{
	/* Whoever still walks here will notice. */
	if (size)
		memset(p, 0xa5, size);
	free(p);
	__atomic_sub_fetch(&shim_live, 1, __ATOMIC_RELAXED);
}

bool need_resched(void)
{
	return shim_resched && !below(3);
}

/* ---- the architecture's part, and its rules ---- */

static const struct subject *watched;
static const u64 *arm_slot;	/* made invalid, and not flushed yet */
static bool in_replace;

/* ARM ARM D8.16.1: two valid descriptors may differ in permissions and the access flag only. */
static void watch_arm(u64 *slot, u64 old, u64 new)
{
	if (old & 1 && new & 1)
		CHECK(!((old ^ new) & ~((1ULL << 7) | (1ULL << 10) | (3ULL << 53))),
		      "%s: %llx became %llx without a break", watched->name, old, new);
	if (old & 1 && !(new & 1) && new)
		arm_slot = slot;
	if (!(old & 1) && new & 1)
		CHECK(arm_slot != slot, "%s: made without a flush", watched->name);
}

/* POP 3-66: what a CPU may have attached is changed by IPTE, IDTE, CRDTE only. */
static void watch_s390(u64 *slot, u64 old, u64 new)
{
	bool page = (old & 3) == 1, empty = old == 0x400 || old == 0x20;

	(void)slot;
	CHECK(in_replace || empty || old & (page ? 0x400 : 0x20),
	      "%s: live entry %llx became %llx by a plain store", watched->name, old, new);
}

static void hook_flush(struct keel_s2 *s2, u64 gfn, u64 nr)
{
	struct world *w = (struct world *)((char *)s2 - offsetof(struct world, s2));

	if (gfn & (nr - 1) || gfn + nr > s2->nr_gfns)
		FAIL("flush of %llx + %llx", gfn, nr);
	__atomic_add_fetch(&w->flushes, 1, __ATOMIC_RELAXED);
	if (shim_watcher)
		arm_slot = NULL;
	else
		sched_yield();	/* it takes a while: let the others see the entry locked */
}

static bool hook_replace(struct keel_s2 *s2, u64 *slot, u64 old, u64 new, u64 gfn, int level)
{
	bool done;

	(void)s2;
	(void)gfn;
	CHECK(!(old & (level ? 0x20 : 0x400)), "replace of an entry that is not valid: %llx", old);
	if (shim_watcher)
		in_replace = true;
	done = try_cmpxchg64(slot, &old, new);
	if (shim_watcher)
		in_replace = false;
	return done;
}

static const struct keel_s2_hooks hooks = { .flush = hook_flush, .replace = hook_replace };

void world_init(struct world *w, const struct subject *s)
{
	struct keel_s2_params params = {
		.ops = s->ops, .hooks = &hooks, .lock = &w->lock, .ia_bits = s->ia_bits,
		.leaf_levels = ~0u, .memtype_set = s->memtype_set, .set_mask = s->set_mask,
	};
	int ret;

	w->s = s;
	pthread_rwlock_init(&w->lock, NULL);
	ret = keel_s2_init(&w->s2, &params);
	CHECK(!ret, "init: %d", ret);
	CHECK(w->s2.root_level == s->root_level, "root at level %d", w->s2.root_level);
	CHECK(!((uintptr_t)w->s2.root & ((uintptr_t)s->root_entries * 8 - 1)),
	      "root %p is not aligned", (void *)w->s2.root);
}

void world_exit(struct world *w)
{
	keel_s2_cache_free(&w->s2, &w->cache);
	keel_s2_destroy(&w->s2);
	CHECK(!shim_live, "%ld tables leaked", shim_live);
	keel_s2_destroy(&w->s2);
	pthread_rwlock_destroy(&w->lock);
}

/* ---- small tests ---- */

static void test_init(void)
{
	extern const struct keel_s2_ops npt_s2_ops, arm_4k_s2_ops, arm_64k_s2_ops;
	static const struct {
		const struct keel_s2_ops *ops;
		int ia_bits, memtype_set, ret, root_level, got_bits;
	} cases[] = {
		{ &npt_s2_ops, 32, 0, 0, 3, 48 },
		{ &npt_s2_ops, 48, 0, 0, 3, 48 },
		{ &npt_s2_ops, 49, 0, 0, 4, 57 },
		{ &npt_s2_ops, 58, 0, -EINVAL },
		{ &npt_s2_ops, 48, 2, -EINVAL },
		{ &arm_4k_s2_ops, 32, 0, 0, 1, 32 },
		{ &arm_4k_s2_ops, 36, 0, 0, 2, 36 },
		{ &arm_4k_s2_ops, 43, 0, 0, 2, 43 },
		{ &arm_4k_s2_ops, 48, 0, 0, 3, 48 },
		{ &arm_4k_s2_ops, 49, 0, -EINVAL },
		{ &arm_64k_s2_ops, 29, 0, -EINVAL },
		{ &arm_64k_s2_ops, 46, 0, 0, 1, 46 },
	};
	struct keel_s2_params params = { .hooks = &hooks, .leaf_levels = ~0u };
	struct keel_s2 s2 = {};
	unsigned int i;
	int ret;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		params.ops = cases[i].ops;
		params.ia_bits = cases[i].ia_bits;
		params.memtype_set = cases[i].memtype_set;
		ret = keel_s2_init(&s2, &params);
		CHECK(ret == cases[i].ret, "case %u: %d", i, ret);
		if (ret)
			continue;
		CHECK(s2.root_level == cases[i].root_level && s2.ia_bits == cases[i].got_bits,
		      "case %u: level %d, %d bits", i, s2.root_level, s2.ia_bits);
		keel_s2_destroy(&s2);
		CHECK(!shim_live, "case %u: leak", i);
	}
}

/* A CPU without a size gets the next smaller one. */
static void test_leaf_levels(const struct subject *s)
{
	struct world w = {};
	u64 n = span_of(s, s->max_leaf);
	struct keel_s2_map map = { .gfn = 3, .pfn = 3 + n, .prot = KEEL_S2_R }, small;
	int skip, expect;

	for (skip = 1; skip <= s->max_leaf; skip++) {
		world_init(&w, s);
		w.s2.leaf_levels &= ~(1u << skip);
		expect = skip == s->max_leaf ? skip - 1 : s->max_leaf;
		CHECK(!keel_s2_cache_topup(&w.s2, &w.cache), "topup");
		map.level = s->max_leaf;
		CHECK(s->ops->map(&w.s2, &w.cache, &map) == KEEL_S2_MAPPED, "map");
		CHECK(map.level == expect, "without level %d: level %d", skip, map.level);

		/* Under a table that is there already, too. */
		CHECK(!keel_s2_cache_topup(&w.s2, &w.cache), "topup");
		small = (struct keel_s2_map){ .gfn = n + 3, .pfn = 3 + n * 2, .prot = KEEL_S2_R };
		CHECK(s->ops->map(&w.s2, &w.cache, &small) == KEEL_S2_MAPPED, "small");
		CHECK(!keel_s2_cache_topup(&w.s2, &w.cache), "topup");
		small.gfn += span_of(s, 1);
		small.pfn += span_of(s, 1);
		small.level = s->max_leaf;
		CHECK(s->ops->map(&w.s2, &w.cache, &small) == KEEL_S2_MAPPED, "beside small");
		expect = s->max_leaf == 2 && skip == 1 ? 0 : s->max_leaf == 2;
		CHECK(small.level == expect || s->max_leaf == 1, "without level %d: level %d",
		      skip, small.level);
		world_exit(&w);
	}
}

/* Sizes that the format or the CPU does not have are left alone. */
static void test_no_such_level(const struct subject *s)
{
	struct keel_s2_map map = { .gfn = 1, .pfn = 1, .prot = KEEL_S2_R };
	struct keel_s2_free_list list = {};
	struct keel_s2_range range;
	struct world w = {};
	int level;

	world_init(&w, s);
	CHECK(!keel_s2_cache_topup(&w.s2, &w.cache), "topup");
	CHECK(!s->ops->map(&w.s2, &w.cache, &map), "map");
	for (level = -1; level <= s->root_level + 1; level++) {
		if (level > 0 && level <= s->max_leaf)
			continue;
		range = KEEL_S2_RANGE(0, w.s2.nr_gfns, false);
		CHECK(!s->ops->collapse_range(&w.s2, &range, &list, level, true) && !range.hit,
		      "collapsed to level %d", level);
	}
	for (level = 0; level <= s->root_level; level++)
		CHECK(keel_s2_level_shift(&w.s2, level) == s->levels[level], "level %d", level);
	world_exit(&w);
}

/* Whichever allocation fails, nothing is lost and the next try works. */
static void test_nomem(const struct subject *s)
{
	struct keel_s2_map map = { .gfn = 5, .pfn = 5, .prot = KEEL_S2_R | KEEL_S2_W };
	struct keel_s2_params params = { .ops = s->ops, .hooks = &hooks, .ia_bits = s->ia_bits };
	struct world w = {};
	int n, ret, want = s->root_level;

	shim_fail_after = 0;
	ret = keel_s2_init(&w.s2, &params);
	shim_fail_after = -1;
	CHECK(ret == -ENOMEM && !shim_live, "init: %d", ret);
	for (n = 0; n < want; n++) {
		world_init(&w, s);
		shim_fail_after = n;
		ret = keel_s2_cache_topup(&w.s2, &w.cache);
		CHECK(ret == -ENOMEM, "topup with %d tables: %d", n, ret);
		ret = s->ops->map(&w.s2, &w.cache, &map);
		CHECK(ret == (s->purge && s->root_level == 1 ? 0 : -ENOMEM), "map: %d", ret);
		shim_fail_after = -1;
		CHECK(!keel_s2_cache_topup(&w.s2, &w.cache), "topup");
		ret = s->ops->map(&w.s2, &w.cache, &map);
		CHECK(!ret, "map after all: %d", ret);
		world_exit(&w);
	}
}

static int nr_tests, nr_failed;

#define RUN(call, ...) do {								\
	char name[128];									\
											\
	snprintf(name, sizeof(name), __VA_ARGS__);					\
	shim_live = 0;									\
	shim_fail_after = -1;								\
	in_replace = false;								\
	shim_intruder = NULL;								\
	arm_slot = NULL;								\
	nr_tests++;									\
	if (!setjmp(failed)) {								\
		call;									\
		printf("ok %d - %s\n", nr_tests, name);					\
	} else {									\
		nr_failed++;								\
		printf("not ok %d - %s\n", nr_tests, name);				\
	}										\
	fflush(stdout);									\
} while (0)

int main(int argc, char **argv)
{
	/* static: they outlive a longjmp() */
	static int steps = 3000, rounds = 20000, i;
	static u64 seed = 20240607;
	int opt;

	while ((opt = getopt(argc, argv, "n:r:s:")) != -1) {
		switch (opt) {
		case 'n':
			steps = atoi(optarg);
			break;
		case 'r':
			rounds = atoi(optarg);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		default:
			fprintf(stderr, "usage: %s [-n steps] [-r stress rounds] [-s seed]\n",
				argv[0]);
			return 2;
		}
	}
	main_thread = pthread_self();
	printf("TAP version 13\n# seed %llu, %d steps, %d stress rounds\n", seed, steps, rounds);

	RUN(test_init(), "roots");
	for (i = 0; i < nr_subjects; i++) {
		const struct subject *s = &subjects[i];

		RUN(test_leaf_levels(s), "%s: missing leaf sizes", s->name);
		RUN(test_no_such_level(s), "%s: sizes that there are not", s->name);
		RUN(test_nomem(s), "%s: out of memory", s->name);

		watched = s;
		shim_watcher = s->bbm ? watch_arm : s->purge ? watch_s390 : NULL;
		shim_resched = true;
		rng_state = seed + i;
		if (steps)
			RUN(test_model(s, 1, steps), "%s: model", s->name);
		if (steps && s->max_leaf > 1)
			RUN(test_model(s, 2, steps / 10), "%s: model, large pages", s->name);
		shim_resched = false;
		RUN(test_races(s), "%s: races, one by one", s->name);
		shim_watcher = NULL;
		if (rounds)
			RUN(test_stress(s, rounds), "%s: threads", s->name);
	}
	printf("1..%d\n", nr_tests);
	return nr_failed != 0;
}
