/* SPDX-License-Identifier: GPL-2.0-only */
/* A second reader of the page tables, written from the manuals and not from the engine. */
#ifndef STAGE2_READER_H
#define STAGE2_READER_H

#include <keel/stage2.h>

enum kind { EMPTY, TABLE, LEAF, BAD };

struct view {
	enum kind kind;
	u64 addr;
	bool w, x, young, dirty;
	int memtype;		/* enum keel_s2_memtype, or -1 */
};

/* One format under test. */
struct subject {
	const char *name;
	const struct keel_s2_ops *ops;
	int ia_bits;			/* asked for */
	int root_level;			/* expected: worked out by hand */
	int root_entries;
	int memtype_set;
	u64 set_mask;
	int levels[5];			/* address bits below each level's index */
	int max_leaf;
	bool hw_ad;			/* the CPU sets accessed and dirty */
	bool bbm;			/* Arm: break before make */
	bool purge;			/* s390: change live entries by IPTE and the like */
	void (*read)(u64 e, int level, struct view *v);
	u64 hw_accessed, hw_dirty;	/* what the CPU would set */
};

extern const struct subject subjects[];
extern const int nr_subjects;

/* Calls @leaf for each leaf, in order; returns the number of tables, or -1 on a malformed entry. */
int reader_walk(const struct subject *s, const struct keel_s2 *s2,
		void (*leaf)(void *arg, u64 gfn, int level, const struct view *v, u64 *slot),
		void *arg);
/* The entry for @gfn at @level, or the one above it where the tables end (*@at). */
u64 *reader_find(const struct subject *s, const struct keel_s2 *s2, u64 gfn, int level, int *at,
		 struct view *v);

static inline u64 span_of(const struct subject *s, int level)
{
	return 1ULL << (s->levels[level] - s->levels[0]);
}

#endif
