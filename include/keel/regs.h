/* SPDX-License-Identifier: GPL-2.0-only */
/* One table-driven register engine: ONE_REG, MSRs, system registers. */
#ifndef KEEL_REGS_H
#define KEEL_REGS_H

#include <linux/bits.h>
#include <linux/types.h>

struct keel_vcpu;
struct keel_reg;

/* Who asks. Guest accesses follow the manual; the host (user space) may also restore. */
enum keel_reg_actor { KEEL_REG_GUEST, KEEL_REG_HOST };

struct keel_reg_access {
	u64 id;				/* the register asked for (inside the row's range) */
	u64 val;
	enum keel_reg_actor actor;
};

#define KEEL_REG_RO	BIT(0)	/* the guest may not write; @set serves the host only */
#define KEEL_REG_LIST	BIT(1)	/* part of the list that user space saves and restores */
#define KEEL_REG_WI	BIT(2)	/* guest writes are ignored */
#define KEEL_REG_RAZ	BIT(3)	/* reads as zero, when there is no @get and no @offset */

/**
 * struct keel_reg - one row (sorted by @id in its table)
 * @id: first register; @nr registers follow one another (0 means 1)
 * @nr: see @id
 * @flags: KEEL_REG_*
 * @size: bytes in ONE_REG terms; 0 means 8. Larger values are refused
 * @offset: of a u64 (or @nr of them) in the vCPU structure, from struct keel_vcpu on, used
 *	when @get (@set) is NULL; 0: none
 * @reset: value at reset, written by keel_regs_reset() when there is an @offset
 * @mask: bits that may be written when there is no @set (others set: error); 0 means all
 * @get: 0, or a negative errno, or a positive number with a meaning of the architecture's
 *	own (handed through)
 * @set: likewise
 * @visible: NULL: always
 *
 * A row that has no place for a value (no @set, no @offset) takes from the host the value
 * that it reads as, so that user space can restore what it saved, and -EINVAL else.
 */
struct keel_reg {
	u64 id;
	u32 nr;
	u16 flags;
	u16 size;
	u32 offset;
	u64 reset;
	u64 mask;
	int (*get)(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a);
	int (*set)(struct keel_vcpu *vcpu, const struct keel_reg *reg, struct keel_reg_access *a);
	bool (*visible)(const struct keel_vcpu *vcpu, const struct keel_reg *reg,
			enum keel_reg_actor actor);
};

struct keel_reg_table {
	const struct keel_reg *rows;
	unsigned int nr;
};

/** keel_reg_find - the row that holds @id, or NULL. */
static __always_inline const struct keel_reg *keel_reg_find(const struct keel_reg_table *table,
							    u64 id)
{
	const struct keel_reg *reg = table->rows;
	unsigned int n = table->nr, half;

	if (!n)
		return NULL;
	for (; n > 1; n -= half) {
		half = n / 2;
		reg += reg[half].id <= id ? half : 0;
	}
	/* An id below the first row wraps to a large difference. */
	return id - reg->id < (reg->nr ? reg->nr : 1) ? reg : NULL;
}

/** keel_regs_check - is the table sorted and without overlaps? At module load. 0 or -EINVAL. */
int keel_regs_check(const struct keel_reg_table *table);
/**
 * keel_reg_get - read @a->id into @a->val
 * Return: -ENOENT: no such register, or not visible; -EPERM: it cannot be read; or what @get says.
 */
int keel_reg_get(struct keel_vcpu *vcpu, const struct keel_reg_table *table,
		 struct keel_reg_access *a);
/**
 * keel_reg_set - write @a->val to @a->id
 * Return: -ENOENT as above; -EPERM: a guest's write to a read-only register; -EINVAL: a value that
 * it cannot hold; or what @set says.
 */
int keel_reg_set(struct keel_vcpu *vcpu, const struct keel_reg_table *table,
		 struct keel_reg_access *a);
void keel_regs_reset(struct keel_vcpu *vcpu, const struct keel_reg_table *table);
/** keel_regs_list - ids with KEEL_REG_LIST into @out (may be NULL to count). Return: count. */
unsigned int keel_regs_list(const struct keel_vcpu *vcpu, const struct keel_reg_table *table,
			    u64 *out, unsigned int max);
/** keel_regs_list32 - the same where ids have 32 bits. */
unsigned int keel_regs_list32(const struct keel_vcpu *vcpu, const struct keel_reg_table *table,
			      u32 *out, unsigned int max);

#endif
