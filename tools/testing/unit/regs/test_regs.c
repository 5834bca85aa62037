// SPDX-License-Identifier: GPL-2.0-only
/* The register engine: lookup against a linear search, and the rules of its rows. */
#include "shim.h"
#include "tap.h"
#include <keel/regs.h>

int shim_fail_alloc;
long shim_allocated;

struct keel_vcpu {
	u64 unused;
	u64 plain, masked, narrow, ro, wi, top, array[4];
	u64 set_val;
	bool hidden;
};

#define AT(field) .offset = offsetof(struct keel_vcpu, field)

static int get_computed(struct keel_vcpu *vcpu, const struct keel_reg *reg,
			struct keel_reg_access *a)
{
	(void)vcpu;
	a->val = 0x1000 + (a->id - reg->id);
	return 0;
}

static int set_recorded(struct keel_vcpu *vcpu, const struct keel_reg *reg,
			struct keel_reg_access *a)
{
	(void)reg;
	vcpu->set_val = a->val;
	return a->val == 99 ? 7 : 0;
}

static bool not_hidden(const struct keel_vcpu *vcpu, const struct keel_reg *reg,
		       enum keel_reg_actor actor)
{
	(void)reg;
	return !vcpu->hidden || actor == KEEL_REG_HOST;
}

static const struct keel_reg rows[] = {
	{ .id = 1, AT(plain), .reset = 5, .flags = KEEL_REG_LIST },
	{ .id = 2, AT(masked), .mask = 0xff, .flags = KEEL_REG_LIST },
	{ .id = 3, AT(narrow), .size = 4 },
	{ .id = 4, AT(ro), .flags = KEEL_REG_RO, .reset = 44 },
	{ .id = 5, AT(wi), .flags = KEEL_REG_WI },
	{ .id = 10, .nr = 4, AT(array), .reset = 9, .flags = KEEL_REG_LIST },
	{ .id = 20, .nr = 2, .get = get_computed, .flags = KEEL_REG_LIST },
	{ .id = 30, .set = set_recorded },
	{ .id = 40, .flags = KEEL_REG_RAZ },
	{ .id = ~0ull, AT(top), .reset = 66, .visible = not_hidden, .flags = KEEL_REG_LIST },
};

static const struct keel_reg_table table = { rows, ARRAY_SIZE(rows) };
static struct keel_vcpu vcpu;

static int get(u64 id, u64 *val)
{
	struct keel_reg_access a = { .id = id, .val = 0xdead, .actor = KEEL_REG_GUEST };
	int ret = keel_reg_get(&vcpu, &table, &a);

	*val = a.val;
	return ret;
}

static int set(u64 id, u64 val, enum keel_reg_actor actor)
{
	struct keel_reg_access a = { .id = id, .val = val, .actor = actor };

	return keel_reg_set(&vcpu, &table, &a);
}

static void test_lookup(void)
{
	for (int round = 0; round < 2000; round++) {
		struct keel_reg some[40] = { 0 };
		struct keel_reg_table t = { some, rnd(41) };
		u64 id = rnd(3) ? rnd(20) : 0;

		for (unsigned int i = 0; i < t.nr; i++) {
			some[i].id = id;
			some[i].nr = rnd(5);
			some[i].offset = 8;
			id += (some[i].nr ? some[i].nr : 1) + rnd(3);
		}
		check(keel_regs_check(&t) == 0);
		for (u64 want = 0; want < id + 3; want++) {
			const struct keel_reg *found = NULL;

			for (unsigned int i = 0; i < t.nr; i++)
				if (want >= some[i].id &&
				    want < some[i].id + (some[i].nr ? some[i].nr : 1))
					found = &some[i];
			check(keel_reg_find(&t, want) == found);
		}
	}
}

static void test_check(void)
{
	struct keel_reg bad[] = { { .id = 1, .nr = 3, .offset = 8 }, { .id = 3, .offset = 8 } };
	struct keel_reg_table t = { bad, 2 };

	check(keel_regs_check(&table) == 0);
	check(keel_regs_check(&t) == -EINVAL);
	bad[1].id = 4;
	check(keel_regs_check(&t) == 0);
	bad[1].id = 0;
	check(keel_regs_check(&t) == -EINVAL);
	bad[1].id = ~0ull;
	check(keel_regs_check(&t) == 0);
	bad[1].nr = 2;
	check(keel_regs_check(&t) == -EINVAL);
	bad[1].nr = 0;
	bad[1].offset = 0;
	check(keel_regs_check(&t) == -EINVAL);
}

static void test_access(void)
{
	u64 val;

	keel_regs_reset(&vcpu, &table);
	check(!get(1, &val) && val == 5);
	check(!get(4, &val) && val == 44);
	check(!set(1, 77, KEEL_REG_GUEST) && !get(1, &val) && val == 77);
	check(!set(2, 0xff, KEEL_REG_GUEST) && set(2, 0x100, KEEL_REG_GUEST) == -EINVAL);
	check(vcpu.masked == 0xff);
	check(!set(3, ~0u, KEEL_REG_GUEST) && set(3, 1ull << 32, KEEL_REG_HOST) == -EINVAL);
	check(set(4, 1, KEEL_REG_GUEST) == -EPERM && vcpu.ro == 44);
	check(!set(4, 1, KEEL_REG_HOST) && vcpu.ro == 1);
	check(!set(5, 1, KEEL_REG_GUEST) && vcpu.wi == 0);
	check(!set(5, 1, KEEL_REG_HOST) && vcpu.wi == 1);
	for (int i = 0; i < 4; i++)
		check(!get(10 + i, &val) && val == 9 && !set(10 + i, i, KEEL_REG_GUEST) &&
		      vcpu.array[i] == (u64)i);
	check(get(14, &val) == -ENOENT && get(9, &val) == -ENOENT && get(0, &val) == -ENOENT);
	check(!get(21, &val) && val == 0x1001);
	check(set(21, 0x1001, KEEL_REG_GUEST) == -EPERM);
	check(!set(21, 0x1001, KEEL_REG_HOST) && set(21, 0x1000, KEEL_REG_HOST) == -EINVAL);
	check(!set(30, 3, KEEL_REG_GUEST) && vcpu.set_val == 3);
	check(set(30, 99, KEEL_REG_GUEST) == 7);
	check(get(30, &val) == -EPERM);
	check(!get(40, &val) && val == 0);
	check(!set(40, 0, KEEL_REG_HOST) && set(40, 1, KEEL_REG_HOST) == -EINVAL);
	check(!get(~0ull, &val) && val == 66);
	vcpu.hidden = true;
	check(get(~0ull, &val) == -ENOENT && set(~0ull, 1, KEEL_REG_GUEST) == -ENOENT);
	check(!set(~0ull, 8, KEEL_REG_HOST) && vcpu.top == 8);
	vcpu.hidden = false;
	check(vcpu.unused == 0);
}

static void test_list(void)
{
	static const u64 want[] = { 1, 2, 10, 11, 12, 13, 20, 21, ~0ull };
	u64 out[16];

	memset(out, 0, sizeof(out));
	check(keel_regs_list(&vcpu, &table, NULL, 0) == ARRAY_SIZE(want));
	check(keel_regs_list(&vcpu, &table, out, 5) == ARRAY_SIZE(want));
	check(!memcmp(out, want, 5 * sizeof(u64)) && !out[5]);
	check(keel_regs_list(&vcpu, &table, out, 16) == ARRAY_SIZE(want));
	check(!memcmp(out, want, sizeof(want)));
}

int main(void)
{
	tap_test("lookup agrees with a linear search", test_lookup);
	tap_test("bad tables are refused", test_check);
	tap_test("access rules", test_access);
	tap_test("list", test_list);
	return tap_done();
}
