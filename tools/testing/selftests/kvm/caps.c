// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel says it can do, and what the ioctls say to nonsense. */
#include <fcntl.h>
#include <linux/keel.h>
#include "kvm.h"

#define NOWHERE ((void *)8)

TEST(version)
{
	ASSERT_EQ(ioctl(kvm_fd(), KVM_GET_API_VERSION, 0), 12);
	ASSERT_ERRNO(EINVAL, ioctl(kvm_fd(), KVM_GET_API_VERSION, 1));
	ASSERT_ERRNO(EINVAL, ioctl(kvm_fd(), KVM_GET_VCPU_MMAP_SIZE, 1));
	ASSERT(ioctl(kvm_fd(), KVM_GET_VCPU_MMAP_SIZE, 0) >= (int)sizeof(struct kvm_run));
}

/* Linux's x86 has EINVAL in its place here and there. */
static bool is_unknown(int fd, unsigned long number)
{
	return ioctl(fd, number, 0) < 0 && (errno == ENOTTY || (errno == EINVAL && !keel_version()));
}

TEST(unknown)
{
	struct vm *vm = vm_create(VM_BARE);
	struct vcpu *vcpu = vcpu_create_bare(vm, 0);

	ASSERT_EQ(kvm_cap(9999), 0);
	ASSERT_EQ(kvm_cap(~0ul), 0);
	ASSERT_EQ(vm_cap(vm, 0x7fffffff), 0);
	ASSERT(is_unknown(kvm_fd(), _IO(KVMIO, 0x3f)));
	ASSERT(is_unknown(vm->fd, _IO(KVMIO, 0x3f)));
	ASSERT(ioctl(vcpu->fd, _IO(KVMIO, 0x3f), 0) < 0);
	ASSERT(ioctl(vcpu->fd, _IO('!', 1), 0) < 0);
	/* Each kind of file has its own ioctls. */
	ASSERT(is_unknown(kvm_fd(), KVM_CREATE_VCPU));
	ASSERT(is_unknown(vm->fd, KVM_CREATE_VM));
	ASSERT(is_unknown(vm->fd, KVM_RUN));
	ASSERT(ioctl(vcpu->fd, KVM_CREATE_VCPU, 1) < 0);
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_RUN, 1));
	ASSERT(ioctl(kvm_fd(), KVM_CREATE_VM, 0x12345ull << 32) < 0);
}

TEST(enable)
{
	struct vm *vm = vm_create(VM_BARE);
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { 1 } };

	ASSERT_ERRNO(EINVAL, vm_enable_cap(vm, 9999, 1));
	ASSERT_ERRNO(EFAULT, ioctl(vm->fd, KVM_ENABLE_CAP, NOWHERE));
	cap.flags = 1;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	cap.flags = 0;
	cap.args[0] = 8;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	/* Initially set bits without manual protection would never be cleared. */
	cap.args[0] = KVM_DIRTY_LOG_INITIALLY_SET;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	cap.args[0] = 3;
	ASSERT_OK(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	cap.args[0] = 0;
	ASSERT_OK(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
}

static void guest_nothing(u64 arg)
{
}

enum whose { ON_DEV, ON_VM, ON_VCPU };

static const struct {
	unsigned int cap;
	enum whose whose;
	unsigned long ioctl;
	const char *name;
} ioctls[] = {
#define ROW(cap, whose, ioctl) { cap, whose, ioctl, #ioctl }
	ROW(KVM_CAP_USER_MEMORY, ON_VM, KVM_SET_USER_MEMORY_REGION),
	ROW(KVM_CAP_USER_MEMORY2, ON_VM, KVM_SET_USER_MEMORY_REGION2),
	ROW(KVM_CAP_USER_MEMORY, ON_VM, KVM_GET_DIRTY_LOG),
	ROW(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, ON_VM, KVM_CLEAR_DIRTY_LOG),
	ROW(KVM_CAP_COALESCED_MMIO, ON_VM, KVM_REGISTER_COALESCED_MMIO),
	ROW(KVM_CAP_COALESCED_MMIO, ON_VM, KVM_UNREGISTER_COALESCED_MMIO),
	ROW(KVM_CAP_IRQFD, ON_VM, KVM_IRQFD),
	ROW(KVM_CAP_IOEVENTFD, ON_VM, KVM_IOEVENTFD),
	ROW(KVM_CAP_SIGNAL_MSI, ON_VM, KVM_SIGNAL_MSI),
	ROW(KVM_CAP_IRQ_ROUTING, ON_VM, KVM_SET_GSI_ROUTING),
	ROW(KVM_CAP_DEVICE_CTRL, ON_VM, KVM_CREATE_DEVICE),
	ROW(KVM_CAP_ENABLE_CAP_VM, ON_VM, KVM_ENABLE_CAP),
	ROW(KVM_CAP_GUEST_MEMFD, ON_VM, KVM_CREATE_GUEST_MEMFD),
	ROW(KVM_CAP_MEMORY_ATTRIBUTES, ON_VM, KVM_SET_MEMORY_ATTRIBUTES),
	ROW(KVM_CAP_PRE_FAULT_MEMORY, ON_VCPU, KVM_PRE_FAULT_MEMORY),
	ROW(KVM_CAP_MP_STATE, ON_VCPU, KVM_GET_MP_STATE),
	ROW(KVM_CAP_MP_STATE, ON_VCPU, KVM_SET_MP_STATE),
#ifdef KVM_CAP_VCPU_EVENTS
	ROW(KVM_CAP_VCPU_EVENTS, ON_VCPU, KVM_GET_VCPU_EVENTS),
	ROW(KVM_CAP_VCPU_EVENTS, ON_VCPU, KVM_SET_VCPU_EVENTS),
#endif
	ROW(KVM_CAP_SET_GUEST_DEBUG, ON_VCPU, KVM_SET_GUEST_DEBUG),
#undef ROW
};

/* An ioctl whose capability is there looks at its argument; one whose capability is not is unknown. */
TEST(ioctls)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_nothing, 0);
	const int fds[] = { kvm_fd(), vm->fd, vcpu->fd };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ioctls); i++) {
		int r = ioctl(fds[ioctls[i].whose], ioctls[i].ioctl, NOWHERE);

		if (vm_cap(vm, ioctls[i].cap))
			ASSERT_MSG(r < 0 && errno == EFAULT, "%s of a bad pointer: %s",
				   ioctls[i].name, r < 0 ? strerrorname_np(errno) : "taken");
		else if (keel_version())
			ASSERT_MSG(r < 0 && errno == ENOTTY, "%s without its capability: %s",
				   ioctls[i].name, r < 0 ? strerrorname_np(errno) : "taken");
	}
	ASSERT_OK(ioctl(vm->fd, KVM_GET_STATS_FD, NULL));
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL));
}

/* What every architecture of Keel has. */
static const unsigned int core_caps[] = {
	KVM_CAP_USER_MEMORY, KVM_CAP_NR_VCPUS, KVM_CAP_NR_MEMSLOTS, KVM_CAP_SYNC_MMU,
	KVM_CAP_DESTROY_MEMORY_REGION_WORKS, KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,
	KVM_CAP_INTERNAL_ERROR_DATA, KVM_CAP_IRQ_ROUTING, KVM_CAP_IRQFD, KVM_CAP_IRQFD_RESAMPLE,
	KVM_CAP_IOEVENTFD, KVM_CAP_IOEVENTFD_NO_LENGTH,
	KVM_CAP_IOEVENTFD_ANY_LENGTH, KVM_CAP_MAX_VCPUS, KVM_CAP_MAX_VCPU_ID, KVM_CAP_READONLY_MEM,
	KVM_CAP_DEVICE_CTRL, KVM_CAP_ENABLE_CAP_VM, KVM_CAP_CHECK_EXTENSION_VM,
	KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_CAP_HALT_POLL,
	KVM_CAP_BINARY_STATS_FD, KVM_CAP_DIRTY_LOG_RING_ACQ_REL,
	0,
};

static void all_present(struct vm *vm, const unsigned int *caps)
{
	for (; *caps; caps++) {
		ASSERT_MSG(kvm_cap(*caps) > 0, "capability %u is missing", *caps);
		ASSERT_MSG(vm_cap(vm, *caps) > 0, "capability %u is missing on a VM", *caps);
	}
}

/* Tests skip what is not there; so that nothing is lost in silence, it is said here what must be. */
TEST(keel_has_all)
{
	struct vm *vm = vm_create(VM_BARE);

	if (!keel_version())
		test_skip("not Keel");
	ASSERT_EQ(keel_version(), KEEL_VERSION);
	all_present(vm, core_caps);
	all_present(vm, arch_keel_caps);
	ASSERT_EQ(kvm_cap(KVM_CAP_NR_MEMSLOTS), 32764);
	ASSERT(kvm_cap(KVM_CAP_NR_VCPUS) <= kvm_cap(KVM_CAP_MAX_VCPUS));
}

/* The ABI's additions since 6.1 depend on the headers that the module was built with. */
TEST(keel_has_new)
{
	if (!keel_version())
		test_skip("not Keel");
	if (!kvm_cap(KVM_CAP_USER_MEMORY2))
		test_skip("built for an older ABI");
	ASSERT(kvm_cap(KVM_CAP_PRE_FAULT_MEMORY) > 0);
	ASSERT(kvm_cap(KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP) > 0);
	ASSERT(kvm_cap(KVM_CAP_MEMORY_FAULT_INFO) > 0);
}

TEST(device)
{
	struct vm *vm = vm_create(VM_BARE);
	struct kvm_create_device device = { .type = 0xffff };

	ASSERT_ERRNO(ENODEV, ioctl(vm->fd, KVM_CREATE_DEVICE, &device));
	device.flags = KVM_CREATE_DEVICE_TEST;
	ASSERT_ERRNO(ENODEV, ioctl(vm->fd, KVM_CREATE_DEVICE, &device));
}

TEST(bad_files)
{
	struct vm *vm = vm_create(VM_BARE);
	struct kvm_ioeventfd event = { .addr = MMIO_GPA, .len = 4, .fd = 0x7fffffff };

	ASSERT_ERRNO(EBADF, ioctl(vm->fd, KVM_IOEVENTFD, &event));
	/* A file that is not an eventfd. */
	event.fd = vm->fd;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_IOEVENTFD, &event));
}
