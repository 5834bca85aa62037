// SPDX-License-Identifier: GPL-2.0-only
/* What is set for a whole x86 VM before its vCPUs are there. */
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
