// SPDX-License-Identifier: GPL-2.0-only
/* arm64: making vCPUs ready for 64-bit code at EL1, and access to their registers. */
#include <stdlib.h>
#include <string.h>
#include "arm64.h"

extern char guest_vectors[];

const unsigned int arch_keel_caps[] = {
	KVM_CAP_ONE_REG, KVM_CAP_IRQCHIP, KVM_CAP_ARM_PSCI, KVM_CAP_ARM_PSCI_0_2, KVM_CAP_MP_STATE,
	KVM_CAP_VCPU_EVENTS, KVM_CAP_SET_GUEST_DEBUG, KVM_CAP_GUEST_DEBUG_HW_BPS, KVM_CAP_GUEST_DEBUG_HW_WPS,
	KVM_CAP_VCPU_ATTRIBUTES, KVM_CAP_VM_ATTRIBUTES, KVM_CAP_ARM_VM_IPA_SIZE, KVM_CAP_ARM_NISV_TO_USER,
	KVM_CAP_ARM_INJECT_EXT_DABT, KVM_CAP_ARM_SET_DEVICE_ADDR, KVM_CAP_STEAL_TIME,
	KVM_CAP_ARM_SYSTEM_SUSPEND, KVM_CAP_COUNTER_OFFSET,
	0,
};

const char *arch_stock_stat(const char *name)
{
	static const char *const names[][2] = {
		{ "mmio_exits", "mmio_exit_user" }, { "halt_exits", "wfi_exit_stat" }, { "irq_exits", NULL },
		{ "faults", NULL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i][0]))
			return names[i][1];
	return name;
}

/* --- VMs --------------------------------------------------------------------------------------- */

int gic_attr(struct vm *vm, unsigned long request, u32 group, u64 attr, void *value)
{
	struct kvm_device_attr args = { .group = group, .attr = attr, .addr = (u64)value };

	return ioctl(vm->irqchip, request, &args);
}

static void gic_set(struct vm *vm, u32 group, u64 attr, void *value)
{
	ASSERT_OK(gic_attr(vm, KVM_SET_DEVICE_ATTR, group, attr, value));
}

void arch_vm_early(struct vm *vm)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	u64 dist = GICD, redist = GICR;
	u32 lines = GIC_LINES;

	if (!(vm->flags & VM_IRQCHIP))
		return;
	ASSERT_OK(ioctl(vm->fd, KVM_CREATE_DEVICE, &device));
	vm->irqchip = device.fd;
	gic_set(vm, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &lines);
	gic_set(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &dist);
	gic_set(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redist);
}

/* The controller wants to know all vCPUs. */
void arch_vm_ready(struct vm *vm)
{
	if (vm->flags & VM_IRQCHIP)
		gic_set(vm, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
}

/* Stage-1 descriptors (ARM ARM D8.3): attribute indices are those of MAIR_EL1 below. */
#define DESC_TABLE	3ul
#define DESC_BLOCK	(1ul | 1ul << 10)	/* accessed; EL1 only, writable, executable */
#define DESC_NORMAL	(0ul << 2 | 3ul << 8)	/* inner shareable */
#define DESC_DEVICE	(1ul << 2)
#define MAIR_VALUE	0x04fful		/* 0: write-back; 1: Device-nGnRE */

void arch_vm_init(struct vm *vm)
{
	u64 *table1 = vm_hva(vm, ARM_TABLE1), *table2 = vm_hva(vm, ARM_TABLE2);
	u64 i;

	table1[0] = ARM_TABLE2 | DESC_TABLE;
	for (i = 1; i < 4; i++)
		table1[i] = i * GB | DESC_BLOCK | (i * GB >= (MMIO_GPA & -GB) ? DESC_DEVICE : DESC_NORMAL);
	for (i = 0; i < 512; i++)
		table2[i] = i * 2 * MB | DESC_BLOCK | (i * 2 * MB >= GICD ? DESC_DEVICE : DESC_NORMAL);
}

/* --- vCPUs ------------------------------------------------------------------------------------- */

int vcpu_get_reg(struct vcpu *vcpu, u64 id, u64 *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (u64)value };

	*value = 0;
	return ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg) ? -errno : 0;
}

int vcpu_try_set_reg(struct vcpu *vcpu, u64 id, u64 value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (u64)&value };

	return ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg) ? -errno : 0;
}

u64 vcpu_reg(struct vcpu *vcpu, u64 id)
{
	u64 value;
	int r = vcpu_get_reg(vcpu, id, &value);

	ASSERT_MSG(!r, "reading register %#lx: %s", id, strerrorname_np(-r));
	return value;
}

void vcpu_set_reg(struct vcpu *vcpu, u64 id, u64 value)
{
	int r = vcpu_try_set_reg(vcpu, id, value);

	ASSERT_MSG(!r, "writing %#lx to register %#lx: %s", value, id, strerrorname_np(-r));
}

struct kvm_vcpu_init vcpu_target(struct vm *vm)
{
	struct kvm_vcpu_init init;

	ASSERT_OK(ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init));
	init.features[0] |= 1 << KVM_ARM_VCPU_PSCI_0_2;
	return init;
}

static void __attribute__((noreturn)) guest_main(u64 arg, guest_fn fn)
{
	fn(arg);
	for (;;)
		guest_call(GUEST_DONE, 0, 0, 0, 0);
}

void arch_vcpu_init(struct vcpu *vcpu, guest_fn fn, u64 arg)
{
	struct kvm_vcpu_init init = vcpu_target(vcpu->vm);

	ASSERT_OK(ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &init));
	vcpu_set_reg(vcpu, SYS_MAIR_EL1, MAIR_VALUE);
	vcpu_set_reg(vcpu, SYS_TTBR0_EL1, ARM_TABLE1);
	/* 39 bits in 4 KB pages, walked through the caches, nothing in TTBR1, 40 physical bits */
	vcpu_set_reg(vcpu, SYS_TCR_EL1, 25 | 1ul << 8 | 1ul << 10 | 3ul << 12 | 1ul << 23 | 2ul << 32);
	vcpu_set_reg(vcpu, SYS_CPACR_EL1, 3ul << 20);
	vcpu_set_reg(vcpu, SYS_VBAR_EL1, (u64)guest_vectors);
	/* RES1 bits, instruction and data caches, MMU */
	vcpu_set_reg(vcpu, SYS_SCTLR_EL1, 0x30d00800 | BIT(12) | BIT(2) | BIT(0));
	vcpu_set_reg(vcpu, SYS_TPIDR_EL1, vcpu->id);
	vcpu_set_reg(vcpu, REG_SP_EL1, vm_alloc(vcpu->vm, 32 * KB, PAGE) + 32 * KB);
	vcpu_set_reg(vcpu, REG_PSTATE, PSR_EL1H | PSR_DAIF);
	vcpu_set_reg(vcpu, REG_PC, (u64)guest_main);
	vcpu_set_reg(vcpu, REG_X(0), arg);
	vcpu_set_reg(vcpu, REG_X(1), (u64)fn);
}

struct vcpu *vcpu_create_off(struct vm *vm)
{
	struct vcpu *vcpu = vcpu_create_bare(vm, vm->nr_vcpus);
	struct kvm_vcpu_init init = vcpu_target(vm);

	init.features[0] |= 1 << KVM_ARM_VCPU_POWER_OFF;
	ASSERT_OK(ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &init));
	return vcpu;
}

u64 arch_call_address(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 address;

	if (run->exit_reason != KVM_EXIT_MMIO || run->mmio.phys_addr != CALL_GPA || run->mmio.len != 8 ||
	    !run->mmio.is_write)
		return 0;
	memcpy(&address, run->mmio.data, sizeof(address));
	return address;
}

void arch_msi(struct vcpu *target, unsigned int number, struct kvm_msi *msi)
{
	/* A message reaches a vCPU through an ITS, for which there is no guest code here. */
	test_skip("these machines have no ITS");
}

unsigned int arch_first_gsi(void)
{
	return 4;
}

void arch_pin(unsigned int gsi, struct kvm_irq_routing_irqchip *pin)
{
	*pin = (struct kvm_irq_routing_irqchip){ .pin = gsi };
}
