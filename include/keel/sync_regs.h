/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM_CAP_SYNC_REGS: register sets that pass through kvm_run with KVM_RUN, without ioctls of their own. */
#ifndef KEEL_SYNC_REGS_H
#define KEEL_SYNC_REGS_H

#include <linux/compiler.h>
#include <linux/kvm.h>
#include <keel/vcpu.h>

/**
 * struct keel_sync_reg - one register set
 * @bit: in kvm_valid_regs and kvm_dirty_regs
 * @offset, @size: where it is in struct kvm_run
 * @get, @set: those of the set's ioctls; @set gets a copy that user space cannot change
 */
struct keel_sync_reg {
	u64 bit;
	u32 offset, size;
	keel_vcpu_ioctl_fn *get, *set;
};

#define KEEL_SYNC_REG(bit_, member_, get_, set_)				\
	{ .bit = (bit_), .offset = offsetof(struct kvm_run, s.regs.member_),	\
	  .size = sizeof_field(struct kvm_run, s.regs.member_), .get = (get_), .set = (set_) }

/* The bits that exist: what KVM_CAP_SYNC_REGS answers. */
u64 keel_sync_regs_mask(void);
int keel_sync_regs_take(struct keel_vcpu *vcpu);
void keel_sync_regs_give(struct keel_vcpu *vcpu);

/** keel_sync_regs_in - take what user space has marked dirty. 0, -EINVAL unknown bits, or @set's. */
static inline int keel_sync_regs_in(struct keel_vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	return likely(!(run->kvm_valid_regs | run->kvm_dirty_regs)) ? 0 : keel_sync_regs_take(vcpu);
}

/** keel_sync_regs_out - put out what user space has asked for. */
static inline void keel_sync_regs_out(struct keel_vcpu *vcpu)
{
	if (unlikely(vcpu->run->kvm_valid_regs))
		keel_sync_regs_give(vcpu);
}

#endif
