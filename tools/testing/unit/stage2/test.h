/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the stage-2 engine's test share. */
#ifndef STAGE2_TEST_H
#define STAGE2_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include "reader.h"

extern __thread u64 rng_state;

static inline u64 rnd(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state * 0x2545f4914f6cdd1dULL >> 11;
}

static inline u64 below(u64 n)
{
	return rnd() % n;
}

#define FAIL(...) do {									\
	fprintf(stderr, "# %s:%d: ", __FILE__, __LINE__);				\
	fprintf(stderr, __VA_ARGS__);							\
	fputc('\n', stderr);								\
	fail_now();									\
} while (0)
#define CHECK(cond, ...) do { if (!(cond)) FAIL(__VA_ARGS__); } while (0)

/* Ends the current test as failed; from a second thread, the program. */
void fail_now(void) __attribute__((noreturn));

extern long shim_live;		/* allocations not freed */
extern int shim_fail_after;	/* allocations until they fail; -1: never */
extern bool shim_resched;	/* need_resched() says yes now and then */

struct world {
	const struct subject *s;
	struct keel_s2 s2;
	pthread_rwlock_t lock;
	struct keel_s2_cache cache;
	unsigned long flushes;		/* calls of the flush hook */
};

void world_init(struct world *w, const struct subject *s);
void world_exit(struct world *w);
void test_model(const struct subject *s, int top, int steps);
void test_races(const struct subject *s);
void test_stress(const struct subject *s, int rounds);

#endif
