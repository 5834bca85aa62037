// SPDX-License-Identifier: GPL-2.0-only
/* Stolen time: the vCPU's attribute, the calls, and that it is what the thread had to wait. */
#include <sched.h>
#include <stdio.h>
#include "arm64.h"

#define PV_FEATURES	0xc5000020
#define PV_ST		0xc5000021
#define NOT_SUPPORTED	(-1ul)

static u64 stop;

/* DEN0057, 3.3.2 */
struct stolen {
	u32 revision, attributes;
	u64 time;
	u8 reserved[48];
};

static int ipa(struct vcpu *vcpu, unsigned long request, u64 *value)
{
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VCPU_PVTIME_CTRL, .attr = KVM_ARM_VCPU_PVTIME_IPA, .addr = (u64)value,
	};

	return ioctl(vcpu->fd, request, &attr);
}

static int set_ipa(struct vcpu *vcpu, u64 value)
{
	return ipa(vcpu, KVM_SET_DEVICE_ATTR, &value);
}

static void guest_has_none(u64 arg)
{
	GUEST_ASSERT_EQ(guest_hvc(PV_FEATURES, PV_ST, 0, 0, NULL), NOT_SUPPORTED);
	GUEST_ASSERT_EQ(guest_hvc(PV_ST, 0, 0, 0, NULL), NOT_SUPPORTED);
}

TEST(absent)
{
	vcpu_done(vcpu_create(vm_create(0), guest_has_none, 0));
}

TEST(attribute)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_has_none, 0);
	u64 at = vm_alloc(vm, 64, 64), value;

	NEED_CAP(KVM_CAP_STEAL_TIME);
	ASSERT_OK(ipa(vcpu, KVM_HAS_DEVICE_ATTR, NULL));
	ASSERT_OK(ipa(vcpu, KVM_GET_DEVICE_ATTR, &value));
	ASSERT_EQ(value, ~0ul);
	ASSERT_ERRNO(EINVAL, set_ipa(vcpu, at + 32));
	ASSERT_ERRNO(EINVAL, set_ipa(vcpu, MMIO_GPA));
	ASSERT_ERRNO(EFAULT, ipa(vcpu, KVM_SET_DEVICE_ATTR, NULL));
	ASSERT_OK(set_ipa(vcpu, at));
	ASSERT_ERRNO(EEXIST, set_ipa(vcpu, at));
	ASSERT_ERRNO(EEXIST, set_ipa(vcpu, at + 64));
	ASSERT_OK(ipa(vcpu, KVM_GET_DEVICE_ATTR, &value));
	ASSERT_EQ(value, at);
}

static void guest_is_stolen_from(u64 at)
{
	struct stolen *stolen = (struct stolen *)at;

	GUEST_ASSERT_EQ(guest_hvc(PV_FEATURES, PV_FEATURES, 0, 0, NULL), 0);
	GUEST_ASSERT_EQ(guest_hvc(PV_FEATURES, PV_ST, 0, 0, NULL), 0);
	GUEST_ASSERT_EQ(guest_hvc(PV_FEATURES, 0xc5000022, 0, 0, NULL), NOT_SUPPORTED);
	stolen->revision = 77;
	stolen->time = 1ul << 60;
	GUEST_ASSERT_EQ(guest_hvc(PV_ST, 0, 0, 0, NULL), at);
	GUEST_ASSERT_EQ(READ(stolen->revision), 0);
	GUEST_ASSERT_EQ(READ(stolen->attributes), 0);
	guest_sync(READ(stolen->time));
	while (!READ(stop))
		guest_relax();
	guest_sync(READ(stolen->time));
}

static u64 run_delay(void)
{
	char path[64];
	u64 ran, waited;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", gettid());
	file = fopen(path, "r");
	ASSERT(file);
	ASSERT_EQ(fscanf(file, "%lu %lu", &ran, &waited), 2);
	fclose(file);
	return waited;
}

static void *rival(void *data)
{
	u64 end = now_ns() + 400000000;

	while (now_ns() < end)
		;
	WRITE(*(u64 *)data, 1);
	return NULL;
}

TEST(stolen)
{
	struct vm *vm = vm_create(0);
	u64 at = vm_alloc(vm, 64, 64), before, first, last, most;
	struct vcpu *vcpu = vcpu_create(vm, guest_is_stolen_from, at);
	pthread_t thread;
	cpu_set_t set;

	NEED_CAP(KVM_CAP_STEAL_TIME);
	ASSERT_OK(set_ipa(vcpu, at));
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	ASSERT_OK(sched_setaffinity(0, sizeof(set), &set));
	before = run_delay();
	first = vcpu_sync(vcpu);
	ASSERT_MSG(first <= run_delay() - before, "%lu ns stolen at first", first);
	/* Two threads on one CPU, until the other one is done. */
	before = run_delay();
	ASSERT_EQ(pthread_create(&thread, NULL, rival, vm_var(vm, stop)), 0);
	last = vcpu_sync(vcpu);
	most = run_delay() - before;
	pthread_join(thread, NULL);
	test_note("%lu of %lu us of waiting told", (last - first) / 1000, most / 1000);
	ASSERT(last - first <= most);
	ASSERT_MSG(last - first >= 50000000, "%lu ns stolen", last - first);
	vcpu_done(vcpu);
}
