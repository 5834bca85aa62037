// SPDX-License-Identifier: GPL-2.0-only
/* A second reader of the page tables, written from the manuals and not from the engine. */
#include "reader.h"

extern const struct keel_s2_ops npt_s2_ops, ept_s2_ops, ept_noad_s2_ops, arm_4k_s2_ops,
				arm_16k_s2_ops, arm_64k_s2_ops, s390_dat_s2_ops;

#define C_BIT	(1ULL << 51)	/* stands for memory encryption */

static bool is_pow2_multiple(u64 addr, int bits)
{
	return !(addr & ((1ULL << bits) - 1));
}

static const int x86_shift[] = { 12, 21, 30, 39, 48 };

/* APM 2: figures 5-20 to 5-29. Nested tables must allow user access. */
static void read_npt(u64 e, int level, struct view *v)
{
	memset(v, 0, sizeof(*v));
	if (!(e & 0x1)) {
		v->kind = e ? BAD : EMPTY;
		return;
	}
	v->addr = e & 0x000ffffffffff000ULL;
	if (level && !(e & 0x80)) {
		/* Permissions of all levels are combined: only the leaf may restrict. */
		v->kind = (e & 0x6) == 0x6 && !(e >> 52) && !(e & 0xf18) ? TABLE : BAD;
		return;
	}
	v->kind = LEAF;
	if (level > 2 || !(e & 0x4) || (e >> 52 & 0x7ff) || e & 0xf00 || (!level && e & 0x80))
		v->kind = BAD;
	v->w = e & 0x2;
	v->x = !(e >> 63);
	v->young = e & 0x20;
	v->dirty = e & 0x40;
	v->memtype = (e & 0x18) == 0 ? KEEL_S2_NORMAL : (e & 0x18) == 0x10 ? KEEL_S2_UNCACHED :
		     (e & 0x18) == 0x18 ? KEEL_S2_DEVICE : -1;
	if (!is_pow2_multiple(v->addr, x86_shift[level]))
		v->kind = BAD;
}

static void read_npt_enc(u64 e, int level, struct view *v)
{
	read_npt(e, level, v);
	if (v->kind == TABLE || v->kind == LEAF) {
		if (!(e & C_BIT))
			v->kind = BAD;
		v->addr &= ~C_BIT;
	}
}

/* SDM 3, tables 29-1 to 29-6. */
static void read_ept_leaf(u64 e, u64 perm, int level, bool guest_pat, struct view *v)
{
	int mt = e >> 3 & 7, ipat = e >> 6 & 1;

	v->kind = LEAF;
	v->addr = e & 0x000ffffffffff000ULL;
	if (level > 2 || !(perm & 1) || (level && !(e & 0x80)) || (!level && e & 0x80) ||
	    e & 0xc00 || e >> 61 || !is_pow2_multiple(v->addr, x86_shift[level]))
		v->kind = BAD;
	v->w = perm & 2;
	v->x = perm & 4;
	v->memtype = mt == 6 && ipat == !guest_pat ? KEEL_S2_NORMAL :
		     mt == 1 && ipat ? KEEL_S2_UNCACHED : mt == 0 && !ipat ? KEEL_S2_DEVICE : -1;
}

static void read_ept(u64 e, int level, struct view *v)
{
	memset(v, 0, sizeof(*v));
	if (!e)
		return;
	if (level && (e & 0x87) == 0x7) {
		v->kind = e >> 52 || e & 0xe78 ? BAD : TABLE;
		v->addr = e & 0x000ffffffffff000ULL;
		return;
	}
	read_ept_leaf(e, e & 7, level, false, v);
	v->young = e & 0x100;
	v->dirty = e & 0x200;
	if (e >> 52)
		v->kind = BAD;
}

/* Without accessed bits: one that is not present but keeps its permissions above is old. */
static void read_ept_noad(u64 e, int level, struct view *v)
{
	memset(v, 0, sizeof(*v));
	if (!e)
		return;
	if (level && (e & 0x87) == 0x7) {
		v->kind = e >> 52 || e & 0xf78 ? BAD : TABLE;
		v->addr = e & 0x000ffffffffff000ULL;
		return;
	}
	v->young = e & 7;
	read_ept_leaf(e, v->young ? e & 7 : e >> 52 & 7, level, true, v);
	if (e & 0x300 || (v->young && e >> 52) || e >> 55)
		v->kind = BAD;
}

/* ARM ARM D8.3.1, D8.4.2, D8.5.5, D8.6. @memattr of normal memory differs with FWB. */
static void read_arm(u64 e, int level, const int *shift, int max_leaf, int wb, struct view *v)
{
	int attr = e >> 2 & 15;

	memset(v, 0, sizeof(*v));
	if (!(e & 1)) {
		v->kind = e ? BAD : EMPTY;
		return;
	}
	v->addr = e & 0x0000ffffffffffffULL & ~0ULL << shift[0];
	if (level && e & 2) {
		v->kind = TABLE;
		if (e & ~v->addr & ~3ULL)
			v->kind = BAD;
		return;
	}
	v->kind = LEAF;
	if ((!level && !(e & 2)) || level > max_leaf || !(e & 0x40) || (e & 0x300) != 0x300 ||
	    !is_pow2_multiple(v->addr, shift[level]) || e & (1ULL << 11) || e >> 55 ||
	    e >> 48 & 0x3f)
		v->kind = BAD;
	v->w = e & 0x80;
	v->x = !(e >> 54 & 1);
	v->young = e & 0x400;
	v->memtype = attr == wb ? KEEL_S2_NORMAL : attr == 5 ? KEEL_S2_UNCACHED :
		     attr == 1 ? KEEL_S2_DEVICE : -1;
}

static const int shift_4k[] = { 12, 21, 30, 39 };
static const int shift_16k[] = { 14, 25, 36, 47 };
static const int shift_64k[] = { 16, 29, 42 };

static void read_arm_4k(u64 e, int level, struct view *v)
{
	read_arm(e, level, shift_4k, 2, 15, v);
}

static void read_arm_4k_fwb(u64 e, int level, struct view *v)
{
	read_arm(e, level, shift_4k, 2, 6, v);
}

static void read_arm_16k(u64 e, int level, struct view *v)
{
	read_arm(e, level, shift_16k, 1, 15, v);
}

static void read_arm_64k(u64 e, int level, struct view *v)
{
	read_arm(e, level, shift_64k, 1, 15, v);
}

/* POP 3-46 to 3-51: region, segment and page table entries. No memory types in them. */
static void read_s390(u64 e, int level, struct view *v)
{
	static const int shift[] = { 12, 20, 31, 42, 53 };

	memset(v, 0, sizeof(*v));
	if (!level) {
		if (e == 0x400)
			return;
		v->kind = e & 0x8fe ? BAD : LEAF;
		if (!(e & 1))		/* Keel's own mark */
			v->kind = BAD;
		v->addr = e & ~0xfffULL;
		v->young = !(e & 0x400);
	} else {
		int type = e >> 2 & 3;

		if (e == 0x20)
			return;
		if (type != level - 1) {
			v->kind = BAD;
			return;
		}
		if (level > 2 || !(e & 0x400)) {
			/* Full-length tables (TF 0, TL 3) below region entries. */
			u64 low = level == 1 ? 0x7ff : 0xfff;

			v->addr = e & ~low;
			v->kind = (e & low & ~0xcULL) == (level == 1 ? 0 : 3) ? TABLE : BAD;
			return;
		}
		v->addr = e & ~0ULL << shift[level];
		v->kind = e & ~v->addr & ~0x72cULL ? BAD : LEAF;
		v->young = !(e & 0x20);
	}
	v->w = !(e & 0x200);
	v->x = !(e & 0x100);
	v->memtype = -2;	/* any */
}

const struct subject subjects[] = {
	{ "npt, 4 levels", &npt_s2_ops, 48, 3, 512, 0, 0, { 12, 21, 30, 39, 48 }, 2,
	  true, false, false, read_npt, 0x20, 0x40 },
	{ "npt, 5 levels", &npt_s2_ops, 52, 4, 512, 0, 0, { 12, 21, 30, 39, 48 }, 2,
	  true, false, false, read_npt, 0x20, 0x40 },
	{ "npt, encrypted", &npt_s2_ops, 40, 3, 512, 0, C_BIT, { 12, 21, 30, 39, 48 }, 2,
	  true, false, false, read_npt_enc, 0x20, 0x40 },
	{ "ept, 4 levels", &ept_s2_ops, 46, 3, 512, 0, 0, { 12, 21, 30, 39, 48 }, 2,
	  true, false, false, read_ept, 0x100, 0x200 },
	{ "ept, 5 levels", &ept_s2_ops, 57, 4, 512, 0, 0, { 12, 21, 30, 39, 48 }, 2,
	  true, false, false, read_ept, 0x100, 0x200 },
	{ "ept without AD", &ept_noad_s2_ops, 48, 3, 512, 1, 0, { 12, 21, 30, 39, 48 }, 2,
	  false, false, false, read_ept_noad },
	/* 40 bits need 2^10 entries of 1G: two tables side by side (D8.2.2). */
	{ "arm 4K, 40 bits", &arm_4k_s2_ops, 40, 2, 1024, 0, 0, { 12, 21, 30, 39 }, 2,
	  false, true, false, read_arm_4k },
	{ "arm 4K, 44 bits, FWB", &arm_4k_s2_ops, 44, 3, 512, 1, 0, { 12, 21, 30, 39 }, 2,
	  false, true, false, read_arm_4k_fwb },
	{ "arm 16K, 40 bits", &arm_16k_s2_ops, 40, 1, 32768, 0, 0, { 14, 25, 36, 47 }, 1,
	  false, true, false, read_arm_16k },
	{ "arm 16K, 47 bits", &arm_16k_s2_ops, 47, 2, 2048, 0, 0, { 14, 25, 36, 47 }, 1,
	  false, true, false, read_arm_16k },
	{ "arm 64K, 42 bits", &arm_64k_s2_ops, 42, 1, 8192, 0, 0, { 16, 29, 42 }, 1,
	  false, true, false, read_arm_64k },
	{ "arm 64K, 48 bits", &arm_64k_s2_ops, 48, 2, 8192, 0, 0, { 16, 29, 42 }, 1,
	  false, true, false, read_arm_64k },
	{ "s390, region 3 root", &s390_dat_s2_ops, 42, 2, 2048, 0, 0, { 12, 20, 31, 42, 53 }, 2,
	  false, false, true, read_s390 },
	{ "s390, region 1 root", &s390_dat_s2_ops, 64, 4, 2048, 0, 0, { 12, 20, 31, 42, 53 }, 2,
	  false, false, true, read_s390 },
};

const int nr_subjects = sizeof(subjects) / sizeof(subjects[0]);

static int nr_entries(const struct subject *s, int level)
{
	if (level == s->root_level)
		return s->root_entries;
	return 1 << (s->levels[level + 1] - s->levels[level]);
}

static int walk_table(const struct subject *s, u64 *table, int level, u64 gfn,
		      void (*leaf)(void *arg, u64 gfn, int level, const struct view *v, u64 *slot),
		      void *arg)
{
	int i, below, tables = 1;
	struct view v;

	for (i = 0; i < nr_entries(s, level); i++, gfn += span_of(s, level)) {
		s->read(table[i], level, &v);
		switch (v.kind) {
		case EMPTY:
			break;
		case TABLE:
			below = walk_table(s, (u64 *)(uintptr_t)v.addr, level - 1, gfn, leaf, arg);
			if (below < 0)
				return -1;
			tables += below;
			break;
		case LEAF:
			leaf(arg, gfn, level, &v, &table[i]);
			break;
		default:
			return -1;
		}
	}
	return tables;
}

int reader_walk(const struct subject *s, const struct keel_s2 *s2,
		void (*leaf)(void *arg, u64 gfn, int level, const struct view *v, u64 *slot),
		void *arg)
{
	return walk_table(s, s2->root, s->root_level, 0, leaf, arg);
}

u64 *reader_find(const struct subject *s, const struct keel_s2 *s2, u64 gfn, int level, int *at,
		 struct view *v)
{
	u64 *table = s2->root;
	int l;

	for (l = s->root_level; ; l--) {
		u64 *slot = &table[gfn / span_of(s, l) % nr_entries(s, l)];

		s->read(*slot, l, v);
		*at = l;
		if (l == level || v->kind != TABLE)
			return slot;
		table = (u64 *)(uintptr_t)v->addr;
	}
}
