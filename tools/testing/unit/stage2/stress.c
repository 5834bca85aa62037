// SPDX-License-Identifier: GPL-2.0-only
/* Threads that fault, age and write-protect under the read lock while others remove. */
#include <sched.h>
#include <unistd.h>
#include "test.h"

#define THREADS		4
#define BLOCKS		4	/* of level 1, that everybody works in */

struct stress {
	struct world w;
	const struct subject *s;
	pthread_barrier_t barrier;
	u64 base;		/* first gfn */
	int rounds;
};

struct worker {
	struct stress *st;
	int nr;
	pthread_t thread;
	struct keel_s2_cache cache;
	unsigned long mapped;
};

static u64 host_pfn(struct stress *st, u64 gfn)
{
	return gfn + span_of(st->s, 1) * 7;
}

static void fault(struct worker *me, u64 gfn, int level, u32 prot)
{
	struct keel_s2 *s2 = &me->st->w.s2;
	struct keel_s2_map map = {
		.gfn = gfn, .pfn = host_pfn(me->st, gfn), .level = level, .prot = prot,
	};
	int ret;

	CHECK(!keel_s2_cache_topup(s2, &me->cache), "topup");
	pthread_rwlock_rdlock(&me->st->w.lock);
	ret = s2->ops->map(s2, &me->cache, &map);
	pthread_rwlock_unlock(&me->st->w.lock);
	CHECK(ret >= 0 || ret == -EAGAIN, "map: %d", ret);
	me->mapped += ret == KEEL_S2_MAPPED;
}

/* Everything at once. */
static void free_for_all(struct worker *me)
{
	struct stress *st = me->st;
	struct keel_s2 *s2 = &st->w.s2;
	u64 n = span_of(st->s, 1), gfn = st->base + below(BLOCKS * n), end = gfn + 1 + below(n);
	struct keel_s2_range range = KEEL_S2_RANGE(gfn, min(end, st->base + BLOCKS * n), false);
	struct keel_s2_free_list list = {};
	int what = below(64);

	if (what < 50) {
		fault(me, gfn, !below(6), KEEL_S2_R | (below(2) ? KEEL_S2_W : 0) |
		      (below(2) ? KEEL_S2_X : 0));
	} else if (what < 60) {
		pthread_rwlock_rdlock(&st->w.lock);
		if (what < 54)
			s2->ops->age_range(s2, &range);
		else if (what < 58)
			s2->ops->wrprotect_range(s2, &range);
		else if (what < 59)
			s2->ops->test_young_range(s2, &range);
		else
			s2->ops->split_range(s2, &range, &me->cache, 0);
		pthread_rwlock_unlock(&st->w.lock);
	} else {
		pthread_rwlock_wrlock(&st->w.lock);
		if (what < 62) {
			s2->ops->unmap_range(s2, &range, &list);
		} else {
			range = KEEL_S2_RANGE(st->base, st->base + BLOCKS * n, false);
			s2->ops->collapse_range(s2, &range, &list, 1, !below(8));
		}
		pthread_rwlock_unlock(&st->w.lock);
		keel_s2_free_list(s2, &list);
	}
}

/*
 * Writable blocks; all threads but one split them (they want small executable pages), one
 * write-protects once. Whatever comes first, nothing may stay writable.
 */
static void split_against_wrprotect(struct worker *me)
{
	struct stress *st = me->st;
	struct keel_s2 *s2 = &st->w.s2;
	u64 n = span_of(st->s, 1), gfn;
	struct keel_s2_range range = KEEL_S2_RANGE(st->base, st->base + BLOCKS * n, false);
	struct keel_s2_free_list list = {};

	if (!me->nr) {
		pthread_rwlock_wrlock(&st->w.lock);
		s2->ops->unmap_range(s2, &range, &list);
		pthread_rwlock_unlock(&st->w.lock);
		keel_s2_free_list(s2, &list);
		for (gfn = st->base; gfn < range.end; gfn += n)
			fault(me, gfn, 1, KEEL_S2_R | KEEL_S2_W);
	}
	pthread_barrier_wait(&st->barrier);
	if (!me->nr) {
		u64 spin = below(3000);

		while (spin--)
			__asm__ volatile("" ::: "memory");
		range.next = range.start;
		range.flush = false;
		pthread_rwlock_rdlock(&st->w.lock);
		s2->ops->wrprotect_range(s2, &range);
		pthread_rwlock_unlock(&st->w.lock);
		CHECK(range.flush, "write protection wants no flush");
	} else {
		for (gfn = st->base; gfn < range.end; gfn += n)
			fault(me, gfn + below(n), 0, KEEL_S2_R | KEEL_S2_X);
	}
	pthread_barrier_wait(&st->barrier);
	if (!me->nr) {
		struct keel_s2_leaf leaf;

		for (gfn = st->base; gfn < range.end; gfn++) {
			CHECK(s2->ops->lookup(s2, gfn, &leaf), "gfn %llx got lost", gfn);
			CHECK(!(leaf.prot & KEEL_S2_W), "gfn %llx is writable", gfn);
		}
	}
	pthread_barrier_wait(&st->barrier);
}

static void *work(void *arg)
{
	struct worker *me = arg;
	int i;

	rng_state = 0x9e3779b97f4a7c15ULL * (me->nr + 1);
	for (i = 0; i < me->st->rounds; i++)
		free_for_all(me);
	pthread_barrier_wait(&me->st->barrier);
	for (i = 0; i < me->st->rounds / 100; i++)
		split_against_wrprotect(me);
	keel_s2_cache_free(&me->st->w.s2, &me->cache);
	return NULL;
}

struct tally {
	struct stress *st;
	long long pages[KEEL_S2_MAX_LEVELS];
};

static void count_leaf(void *arg, u64 gfn, int level, const struct view *v, u64 *slot)
{
	struct tally *t = arg;

	(void)slot;
	t->pages[level]++;
	CHECK(gfn - t->st->base < BLOCKS * span_of(t->st->s, 1), "stray leaf at %llx", gfn);
	CHECK(v->addr >> t->st->s->levels[0] == host_pfn(t->st, gfn), "gfn %llx is wrong", gfn);
}

void test_stress(const struct subject *s, int rounds)
{
	struct stress *st = calloc(1, sizeof(*st));
	struct worker workers[THREADS] = {};
	struct tally tally = { .st = st };
	unsigned long mapped = 0;
	int i, tables;

	world_init(&st->w, s);
	st->s = s;
	st->rounds = rounds;
	st->base = span_of(s, s->root_level > 1 ? 2 : 1) * 4 - 2 * span_of(s, 1);
	pthread_barrier_init(&st->barrier, NULL, THREADS);
	for (i = 0; i < THREADS; i++) {
		workers[i].st = st;
		workers[i].nr = i;
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		mapped += workers[i].mapped;
	}
	tables = reader_walk(s, &st->w.s2, count_leaf, &tally);
	CHECK(tables == atomic64_read(&st->w.s2.tables), "%d tables, counted %lld", tables,
	      atomic64_read(&st->w.s2.tables));
	for (i = 0; i < KEEL_S2_MAX_LEVELS; i++)
		CHECK(tally.pages[i] == atomic64_read(&st->w.s2.pages[i]),
		      "%lld leaves of level %d, counted %lld", tally.pages[i], i,
		      atomic64_read(&st->w.s2.pages[i]));
	CHECK(mapped > (unsigned long)rounds / 10, "only %lu faults mapped", mapped);
	pthread_barrier_destroy(&st->barrier);
	world_exit(&st->w);
	free(st);
}
