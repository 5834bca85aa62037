/* SPDX-License-Identifier: GPL-2.0-only */
/* The rows of all statistics, the core's and the architecture's, for stats.c and debugfs.c. */
#ifndef KEEL_STATS_ROWS_H
#define KEEL_STATS_ROWS_H

#include <linux/compiler.h>
#include <keel/stats.h>

enum keel_stat_kind { KEEL_STATS_VM, KEEL_STATS_VCPU };

/** keel_stat_row - the @i-th row of a kind, or NULL after the last. */
const struct keel_stat_row *keel_stat_row(enum keel_stat_kind kind, unsigned int i);

/** keel_stat_value - @object: the VM or vCPU; @i: which of row->size values */
static inline u64 keel_stat_value(const void *object, const struct keel_stat_row *row,
				  unsigned int i)
{
	return READ_ONCE(((const u64 *)(object + row->offset))[i]);
}

#endif
