// SPDX-License-Identifier: GPL-2.0-only
/* CPUID: the tables' rules, and what the guest gets. */
#include <stdlib.h>
#include "x86.h"

#define MOST 256

static struct kvm_cpuid2 *table_new(unsigned int nent)
{
	struct kvm_cpuid2 *table = calloc(1, sizeof(*table) + MOST * sizeof(table->entries[0]));

	table->nent = nent;
	return table;
}

static void system_table(unsigned long request, const char *name)
{
	struct kvm_cpuid2 *table = table_new(MOST);
	u32 n, i, j;

	ASSERT_OK(ioctl(kvm_fd(), request, table));
	n = table->nent;
	ASSERT_MSG(n > 0 && n < MOST, "%s has %u entries", name, n);
	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			ASSERT_MSG(table->entries[i].function != table->entries[j].function ||
				   table->entries[i].index != table->entries[j].index,
				   "%s has leaf %#x.%u twice", name, table->entries[i].function,
				   table->entries[i].index);
	/* Exactly enough room, and less. Linux wants more room than it uses for the emulated ones. */
	if (request == KVM_GET_EMULATED_CPUID && !keel_version())
		return;
	table->nent = n;
	ASSERT_OK(ioctl(kvm_fd(), request, table));
	ASSERT_EQ(table->nent, n);
	if (n > 1) {
		table->nent = n - 1;
		ASSERT_ERRNO(E2BIG, ioctl(kvm_fd(), request, table));
	}
	ASSERT_ERRNO(EFAULT, ioctl(kvm_fd(), request, (void *)8));
}

TEST(supported)
{
	struct kvm_cpuid_entry2 *leaf;

	system_table(KVM_GET_SUPPORTED_CPUID, "supported");
	leaf = cpuid_leaf(supported_cpuid(), 0, 0);
	ASSERT(leaf && leaf->eax >= 1);
	leaf = cpuid_leaf(supported_cpuid(), 0x40000000, 0);
	ASSERT(leaf && !memcmp(&leaf->ebx, "KVMKVMKVM\0\0\0", 12));
	leaf = cpuid_leaf(supported_cpuid(), 0x40000001, 0);
	ASSERT(leaf && leaf->eax & BIT(3));	/* kvmclock */
	/* Not to be offered without a LAPIC to have it. */
	leaf = cpuid_leaf(supported_cpuid(), 1, 0);
	ASSERT(leaf->ecx & BIT(21));		/* x2APIC, emulated whatever the CPU has */
	ASSERT(!(leaf->ecx & BIT(3)));		/* MONITOR */
	leaf = cpuid_leaf(supported_cpuid(), 0x80000001, 0);
	ASSERT(leaf && leaf->edx & BIT(29));	/* long mode */
}

TEST(emulated)
{
	NEED_CAP(KVM_CAP_EXT_EMUL_CPUID);
	system_table(KVM_GET_EMULATED_CPUID, "emulated");
}

static u64 leaf, index_, out[4];

static void guest_asks(u64 arg)
{
	u32 regs[4];
	unsigned int i;

	for (;;) {
		guest_sync(0);
		cpuid(READ(leaf), READ(index_), regs);
		for (i = 0; i < 4; i++)
			out[i] = regs[i];
	}
}

static u64 *ask(struct vcpu *vcpu, u32 function, u32 index)
{
	*vm_var(vcpu->vm, leaf) = function;
	*vm_var(vcpu->vm, index_) = index;
	vcpu_sync(vcpu);
	return *vm_var(vcpu->vm, out);
}

TEST(guest)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_asks, 0);
	struct kvm_cpuid2 *table = table_new(MOST);
	struct kvm_cpuid_entry2 *e = table->entries, *from;
	u64 *got;

	memcpy(table, supported_cpuid(), sizeof(*table) +
	       supported_cpuid()->nent * sizeof(table->entries[0]));
	/* A leaf of our own, one with indices, and a maximum. */
	e = &table->entries[table->nent++];
	*e = (struct kvm_cpuid_entry2){ .function = 0x40001234, .eax = 1, .ebx = 2, .ecx = 3,
					.edx = 4 };
	cpuid_leaf(table, 0x40000000, 0)->eax = 0x40001234;
	vcpu_set_cpuid(vcpu, table);
	vcpu_sync(vcpu);
	got = ask(vcpu, 0x40001234, 99);
	ASSERT_EQ(got[0], 1);
	ASSERT_EQ(got[1], 2);
	ASSERT_EQ(got[2], 3);
	ASSERT_EQ(got[3], 4);
	from = cpuid_leaf(table, 0x80000001, 0);
	got = ask(vcpu, 0x80000001, 0);
	ASSERT_EQ(got[2], from->ecx);
	ASSERT_EQ(got[3], from->edx);
	from = cpuid_leaf(table, 7, 0);
	if (from) {
		got = ask(vcpu, 7, 0);
		ASSERT_EQ(got[1], from->ebx);
		got = ask(vcpu, 7, 55);		/* an index that is not there */
		ASSERT_EQ(got[1], 0);
	}
	/* OSXSAVE mirrors CR4. */
	got = ask(vcpu, 1, 0);
	ASSERT(!(got[2] & BIT(27)));
}

static void guest_osxsave(u64 arg)
{
	u32 regs[4];

	cpuid(1, 0, regs);
	GUEST_ASSERT(!(regs[2] & BIT(27)));
	write_cr4(read_cr4() | CR4_OSXSAVE);
	cpuid(1, 0, regs);
	GUEST_ASSERT(regs[2] & BIT(27));
}

TEST(osxsave)
{
	if (!(cpuid_leaf(supported_cpuid(), 1, 0)->ecx & BIT(26)))
		test_skip("no XSAVE");
	vcpu_done(vcpu_create(vm_create(0), guest_osxsave, 0));
}

TEST(set_and_get)
{
	struct vcpu *vcpu = vcpu_create_bare(vm_create(VM_BARE), 0);
	struct kvm_cpuid2 *table = table_new(MOST), *big = table_new(5000);
	u32 n;

	/* Nothing was set. Older kernels leave the number as it was. */
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_CPUID2, table));
	if (keel_version())
		ASSERT_EQ(table->nent, 0);
	vcpu_set_cpuid(vcpu, supported_cpuid());
	table->nent = MOST;
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_CPUID2, table));
	n = supported_cpuid()->nent;
	if (keel_version())
		ASSERT_EQ(table->nent, n);
	ASSERT(!memcmp(table->entries, supported_cpuid()->entries, 2 * sizeof(table->entries[0])));
	table->nent = n - 1;
	ASSERT_ERRNO(E2BIG, ioctl(vcpu->fd, KVM_GET_CPUID2, table));
	ASSERT_ERRNO(E2BIG, ioctl(vcpu->fd, KVM_SET_CPUID2, big));
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_SET_CPUID2, (void *)8));
	/* The old form. */
	ASSERT_ERRNO(E2BIG, ioctl(vcpu->fd, KVM_SET_CPUID, big));
}

TEST(change_after_run)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_asks, 0);
	struct kvm_cpuid2 *table = table_new(MOST);

	table->nent = MOST;
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_CPUID2, table));
	table->nent = supported_cpuid()->nent;
	vcpu_sync(vcpu);
	/* The same again is fine; another one comes too late. */
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_CPUID2, table));
	cpuid_leaf(table, 1, 0)->ecx ^= BIT(0);
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_CPUID2, table));
}
