// SPDX-License-Identifier: GPL-2.0-only
/* The register engine: guest and user space read and write registers by rows of a sorted table. */
#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/types.h>
#include <keel/regs.h>

static u32 count_of(const struct keel_reg *reg)
{
	return reg->nr ? reg->nr : 1;
}

/* Where the value of a register with an @offset lives. The index comes from the guest. */
static __always_inline u64 *place_of(struct keel_vcpu *vcpu, const struct keel_reg *reg, u64 id)
{
	u64 *base = (void *)vcpu + reg->offset;

	return reg->nr > 1 ? base + array_index_nospec(id - reg->id, reg->nr) : base;
}

static bool fits(const struct keel_reg *reg, u64 val)
{
	return !reg->size || reg->size >= sizeof(val) || !(val >> (8 * reg->size));
}

static __always_inline const struct keel_reg *find_visible(const struct keel_vcpu *vcpu,
							   const struct keel_reg_table *table,
							   const struct keel_reg_access *a)
{
	const struct keel_reg *reg = keel_reg_find(table, a->id);

	if (reg && reg->visible && !reg->visible(vcpu, reg, a->actor))
		return NULL;
	return reg;
}

static __always_inline int get(struct keel_vcpu *vcpu, const struct keel_reg *reg,
			       struct keel_reg_access *a)
{
	if (reg->get)
		return reg->get(vcpu, reg, a);
	if (reg->offset)
		a->val = *place_of(vcpu, reg, a->id);
	else if (reg->flags & KEEL_REG_RAZ)
		a->val = 0;
	else
		return -EPERM;
	return 0;
}

/**
 * keel_regs_check - check a table once, at module load
 * @table: the table
 *
 * Return: 0, or -EINVAL: rows are not sorted, overlap, wrap, or cannot be read nor written.
 */
int keel_regs_check(const struct keel_reg_table *table)
{
	const struct keel_reg *reg;
	unsigned int i;
	u64 last = 0;

	for (i = 0; i < table->nr; i++) {
		reg = &table->rows[i];
		if (i && reg->id <= last)
			return -EINVAL;
		last = reg->id + count_of(reg) - 1;
		if (last < reg->id)
			return -EINVAL;
		if (!reg->get && !reg->set && !reg->offset && !(reg->flags & KEEL_REG_RAZ))
			return -EINVAL;
	}
	return 0;
}

int keel_reg_get(struct keel_vcpu *vcpu, const struct keel_reg_table *table,
		 struct keel_reg_access *a)
{
	const struct keel_reg *reg = find_visible(vcpu, table, a);

	return likely(reg) ? get(vcpu, reg, a) : -ENOENT;
}

/* Nowhere to write to: accept what is there anyway. */
static int set_unchanged(struct keel_vcpu *vcpu, const struct keel_reg *reg,
			 struct keel_reg_access *a)
{
	struct keel_reg_access now = *a;
	int ret = get(vcpu, reg, &now);

	return ret ? ret : now.val == a->val ? 0 : -EINVAL;
}

int keel_reg_set(struct keel_vcpu *vcpu, const struct keel_reg_table *table,
		 struct keel_reg_access *a)
{
	const struct keel_reg *reg = find_visible(vcpu, table, a);

	if (unlikely(!reg))
		return -ENOENT;
	if (a->actor == KEEL_REG_GUEST && unlikely(reg->flags & (KEEL_REG_RO | KEEL_REG_WI)))
		return reg->flags & KEEL_REG_WI ? 0 : -EPERM;
	if (unlikely(!fits(reg, a->val)))
		return -EINVAL;
	if (reg->set)
		return reg->set(vcpu, reg, a);
	if (!reg->offset)
		return a->actor == KEEL_REG_GUEST ? -EPERM : set_unchanged(vcpu, reg, a);
	if (reg->mask && a->val & ~reg->mask)
		return -EINVAL;
	*place_of(vcpu, reg, a->id) = a->val;
	return 0;
}

void keel_regs_reset(struct keel_vcpu *vcpu, const struct keel_reg_table *table)
{
	const struct keel_reg *reg;
	unsigned int i, n;

	for (i = 0; i < table->nr; i++) {
		reg = &table->rows[i];
		for (n = 0; reg->offset && n < count_of(reg); n++)
			*place_of(vcpu, reg, reg->id + n) = reg->reset;
	}
}

static unsigned int list(const struct keel_vcpu *vcpu, const struct keel_reg_table *table,
			 u64 *out64, u32 *out32, unsigned int max)
{
	unsigned int i, n, count = 0;
	const struct keel_reg *reg;

	for (i = 0; i < table->nr; i++) {
		reg = &table->rows[i];
		if (!(reg->flags & KEEL_REG_LIST) ||
		    (reg->visible && !reg->visible(vcpu, reg, KEEL_REG_HOST)))
			continue;
		for (n = 0; n < count_of(reg); n++, count++) {
			if (count >= max)
				continue;
			if (out64)
				out64[count] = reg->id + n;
			else if (out32)
				out32[count] = reg->id + n;
		}
	}
	return count;
}

unsigned int keel_regs_list(const struct keel_vcpu *vcpu, const struct keel_reg_table *table,
			    u64 *out, unsigned int max)
{
	return list(vcpu, table, out, NULL, max);
}

unsigned int keel_regs_list32(const struct keel_vcpu *vcpu, const struct keel_reg_table *table,
			      u32 *out, unsigned int max)
{
	return list(vcpu, table, NULL, out, max);
}
