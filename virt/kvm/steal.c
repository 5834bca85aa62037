// SPDX-License-Identifier: GPL-2.0-only
/* Stolen time: the scheduler's run delay, added up in the guest's memory. */
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <keel/vcpu.h>

int keel_steal_start(struct keel_vcpu *vcpu, u64 gpa, const struct keel_steal_layout *layout)
{
	struct keel_steal *s = &vcpu->steal;

	keel_steal_stop(vcpu);
	if (keel_gcache_init(vcpu, &s->area, gpa, layout->len))
		return -EFAULT;
	s->last = current->sched_info.run_delay;
	s->layout = layout;
	return 0;
}

void keel_steal_stop(struct keel_vcpu *vcpu)
{
	vcpu->steal.layout = NULL;
	vcpu->steal.marked = false;
}

/* The message is taken together with the mark, and acted on before the guest goes on. */
static void clear_mark(struct keel_vcpu *vcpu, struct keel_steal *s)
{
	const u64 at = s->area.gpa + s->layout->preempted;
	u8 old, new = 0;
	int tries = 16, r = 1;

	s->marked = false;
	if (keel_gcache_read(vcpu, &s->area, &old, s->layout->preempted, sizeof(old)))
		return;
	while (r == 1 && tries--)
		r = keel_cmpxchg_guest(vcpu, at, &old, &new, sizeof(old));
	if (r) {	/* a guest that keeps changing it, or no plain memory: assume the worst */
		keel_gcache_write(vcpu, &s->area, &new, s->layout->preempted, sizeof(new));
		old = U8_MAX;
	}
	keel_ops.steal_message(vcpu, old);
}

void keel_steal_update(struct keel_vcpu *vcpu)
{
	struct keel_steal *s = &vcpu->steal;
	const struct keel_steal_layout *l = s->layout;
	u64 delay = current->sched_info.run_delay, before = s->last;
	__le64 stolen;

	if (!l)
		return;
	if (s->marked)
		clear_mark(vcpu, s);
	s->last = delay;
	if (delay <= before)	/* nothing new, or another thread runs the vCPU now */
		return;
	if (keel_gcache_read(vcpu, &s->area, &stolen, l->stolen, sizeof(stolen)))
		return;
	stolen = cpu_to_le64(le64_to_cpu(stolen) + delay - before);
	if (l->version < 0)
		keel_gcache_write(vcpu, &s->area, &stolen, l->stolen, sizeof(stolen));
	else
		keel_gcache_publish(vcpu, &s->area, l->version, &stolen, l->stolen, sizeof(stolen));
}

void keel_steal_put(struct keel_vcpu *vcpu)
{
	struct keel_steal *s = &vcpu->steal;
	const struct keel_steal_layout *l = s->layout;

	if (!l || l->preempted < 0 || s->marked || !vcpu->in_run || !s->area.hva ||
	    s->area.gen != READ_ONCE(vcpu->vm->slots[0].gen) || current->mm != vcpu->vm->mm)
		return;
	pagefault_disable();	/* a hint: not worth waiting for a page */
	if (!keel_gcache_write(vcpu, &s->area, &l->mark, l->preempted, sizeof(l->mark))) {
		s->marked = true;
		vcpu->stat.preemption_reported++;
	}
	pagefault_enable();
}
