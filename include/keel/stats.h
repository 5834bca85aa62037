/* SPDX-License-Identifier: GPL-2.0-only */
/* Statistics: one table of rows serves KVM_GET_STATS_FD and debugfs. */
#ifndef KEEL_STATS_H
#define KEEL_STATS_H

#include <linux/kvm.h>
#include <linux/stddef.h>
#include <linux/types.h>

struct keel_vcpu;
struct keel_vm;

#define KEEL_HIST_BUCKETS 32	/* log2 of nanoseconds */

/* Written by the vCPU's own thread (or rarely), read by anyone: plain u64. */
struct keel_vcpu_stat {
	u64 exits, user_exits, signal_exits, irq_exits;
	u64 halt_exits, mmio_exits, io_exits, request_exits;
	u64 faults, fault_spurious, fault_mmio, fault_async;
	u64 halt_successful_poll, halt_attempted_poll, halt_poll_invalid, halt_wakeup;
	u64 halt_poll_success_ns, halt_poll_fail_ns, halt_wait_ns;
	u64 halt_poll_success_hist[KEEL_HIST_BUCKETS];
	u64 halt_poll_fail_hist[KEEL_HIST_BUCKETS];
	u64 halt_wait_hist[KEEL_HIST_BUCKETS];
	u64 blocking;
	u64 preemption_reported;
	u64 directed_yield_attempted, directed_yield_successful;
};

struct keel_vm_stat {
	u64 remote_tlb_flush, remote_tlb_flush_requests;
	u64 mn_invalidations;
};

/**
 * struct keel_stat_row - one statistic
 * @offset: from the start of struct keel_vm or struct keel_vcpu (so an architecture's
 *	structure too)
 * @flags: KVM_STATS_TYPE_* | KVM_STATS_UNIT_* | KVM_STATS_BASE_*
 * @size: values (1, or the buckets of a histogram)
 */
struct keel_stat_row {
	const char *name;	/* at most 47 characters */
	u32 flags;
	s16 exponent;
	u16 size;
	u32 offset;
	u32 bucket_size;
};

#define KEEL_STAT(type_, field_, name_, flags_, exp_)				\
	{ .name = name_, .flags = (flags_), .exponent = (exp_), .size = 1,	\
	  .offset = offsetof(type_, field_) }
#define KEEL_STAT_COUNT(type_, field_, name_) \
	KEEL_STAT(type_, field_, name_, \
		  KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10, 0)
#define KEEL_STAT_NS(type_, field_, name_) \
	KEEL_STAT(type_, field_, name_, \
		  KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_SECONDS | KVM_STATS_BASE_POW10, -9)
/* How many there are now, of a u64 or atomic64_t. */
#define KEEL_STAT_INSTANT(type_, field_, name_) \
	KEEL_STAT(type_, field_, name_, \
		  KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10, 0)
#define KEEL_STAT_BOOL(type_, field_, name_) \
	KEEL_STAT(type_, field_, name_, \
		  KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_BOOLEAN | KVM_STATS_BASE_POW10, 0)

/* Log2 histogram of nanoseconds: bucket 0 counts 0, bucket n counts [2^(n-1), 2^n). */
#define KEEL_STAT_HIST_NS(type_, field_, name_)					\
	{ .name = name_, .exponent = -9, .size = KEEL_HIST_BUCKETS,		\
	  .flags = KVM_STATS_TYPE_LOG_HIST | KVM_STATS_UNIT_SECONDS | KVM_STATS_BASE_POW10, \
	  .offset = offsetof(type_, field_) }

/* KVM_GET_STATS_FD on a VM or a vCPU: a file descriptor or a negative errno. */
int keel_vm_stats_fd(struct keel_vm *vm);
int keel_vcpu_stats_fd(struct keel_vcpu *vcpu);
/*
 * debugfs: errors are not fatal, statistics are then absent there. teardown and destroy wait for
 * readers, who take keel_lock: do not hold it. destroy comes before the vCPUs go.
 */
void keel_debugfs_setup(void);
void keel_debugfs_teardown(void);
void keel_vm_debugfs_create(struct keel_vm *vm, int fd);
void keel_vm_debugfs_destroy(struct keel_vm *vm);
void keel_vcpu_debugfs_create(struct keel_vcpu *vcpu);

#endif
