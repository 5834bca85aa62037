// SPDX-License-Identifier: GPL-2.0-only
/* Stolen time: the scheduler's run delay, added up in the guest's memory. */
#include <linux/sched.h>
#include <keel/vcpu.h>

int keel_steal_start(struct keel_vcpu *vcpu, u64 gpa, unsigned int len, unsigned int stolen,
		     int version)
{
	struct keel_steal *s = &vcpu->steal;

	s->on = false;
	if (keel_gcache_init(vcpu, &s->area, gpa, len))
		return -EFAULT;
	s->stolen = stolen;
	s->version = version;
	s->last = current->sched_info.run_delay;
	s->on = true;
	return 0;
}

void keel_steal_update(struct keel_vcpu *vcpu)
{
	struct keel_steal *s = &vcpu->steal;
	u64 delay = current->sched_info.run_delay, before = s->last;
	__le64 stolen;

	s->last = delay;
	if (!s->on || delay <= before)	/* nothing new, or another thread runs the vCPU now */
		return;
	if (keel_gcache_read(vcpu, &s->area, &stolen, s->stolen, sizeof(stolen)))
		return;
	stolen = cpu_to_le64(le64_to_cpu(stolen) + delay - before);
	if (s->version < 0)
		keel_gcache_write(vcpu, &s->area, &stolen, s->stolen, sizeof(stolen));
	else
		keel_gcache_publish(vcpu, &s->area, s->version, &stolen, s->stolen, sizeof(stolen));
}
