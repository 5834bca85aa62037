// SPDX-License-Identifier: GPL-2.0-only
/* What is set for a whole x86 VM before its vCPUs are there, and asked of /dev/kvm before there is a VM. */
#include "x86.h"

/* The number of vCPU ids may not be set so low that the boot CPU could not be created. */
TEST(boot_cpu_and_most_ids)
{
	struct vm *vm = vm_create(VM_BARE);
	int most = vm_cap(vm, KVM_CAP_MAX_VCPU_ID);

	NEED_CAP(KVM_CAP_SET_BOOT_CPU_ID);
	ASSERT_ERRNO(EINVAL, vm_enable_cap(vm, KVM_CAP_MAX_VCPU_ID, most + 1));
	ASSERT_OK(ioctl(vm->fd, KVM_SET_BOOT_CPU_ID, 20));
	ASSERT_ERRNO(EINVAL, vm_enable_cap(vm, KVM_CAP_MAX_VCPU_ID, 19));
	ASSERT_OK(vm_enable_cap(vm, KVM_CAP_MAX_VCPU_ID, 21));
	ASSERT_ERRNO(EINVAL, vm_enable_cap(vm, KVM_CAP_MAX_VCPU_ID, 22));
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_CREATE_VCPU, 21));
	vcpu_create_bare(vm, 20);
}

TEST(mmu_pages)
{
	struct vm *vm = vm_create(VM_BARE);

	NEED_CAP(KVM_CAP_MMU_SHADOW_CACHE_CONTROL);
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_SET_NR_MMU_PAGES, 63));
	ASSERT_OK(ioctl(vm->fd, KVM_SET_NR_MMU_PAGES, 64));
}

/* The XSAVE features that a guest may be given, as CPUID has them too. */
TEST(system_attributes)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid();
	const struct kvm_cpuid_entry2 *xsave = cpuid_leaf(cpuid, 0xd, 0);
	u64 features = 0;
	struct kvm_device_attr attr = { .attr = KVM_X86_XCOMP_GUEST_SUPP, .addr = (unsigned long)&features };

	NEED_CAP(KVM_CAP_SYS_ATTRIBUTES);
	ASSERT_OK(ioctl(kvm_fd(), KVM_HAS_DEVICE_ATTR, &attr));
	ASSERT_OK(ioctl(kvm_fd(), KVM_GET_DEVICE_ATTR, &attr));
	ASSERT_EQ(features, xsave ? (u64)xsave->edx << 32 | xsave->eax : 0);
	attr.addr = 8;
	ASSERT_ERRNO(EFAULT, ioctl(kvm_fd(), KVM_GET_DEVICE_ATTR, &attr));
	attr.attr = 99;
	ASSERT_ERRNO(ENXIO, ioctl(kvm_fd(), KVM_HAS_DEVICE_ATTR, &attr));
	attr = (struct kvm_device_attr){ .group = 7 };
	ASSERT_ERRNO(ENXIO, ioctl(kvm_fd(), KVM_GET_DEVICE_ATTR, &attr));
}
