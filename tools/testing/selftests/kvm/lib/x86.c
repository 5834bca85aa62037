// SPDX-License-Identifier: GPL-2.0-only
/* x86: making vCPUs ready for 64-bit code, and access to their registers. */
#include <stdlib.h>
#include "x86.h"

extern char guest_trap_stubs[];

const unsigned int arch_keel_caps[] = {
	KVM_CAP_IRQCHIP, KVM_CAP_SIGNAL_MSI, KVM_CAP_HLT, KVM_CAP_SET_TSS_ADDR, KVM_CAP_EXT_CPUID, KVM_CAP_CLOCKSOURCE,
	KVM_CAP_PIT2, KVM_CAP_PIT_STATE2, KVM_CAP_REINJECT_CONTROL, KVM_CAP_MP_STATE,
	KVM_CAP_USER_NMI, KVM_CAP_IRQ_INJECT_STATUS, KVM_CAP_SET_GUEST_DEBUG, KVM_CAP_MCE,
	KVM_CAP_MMU_SHADOW_CACHE_CONTROL, KVM_CAP_SET_IDENTITY_MAP_ADDR, KVM_CAP_SET_BOOT_CPU_ID, KVM_CAP_ADJUST_CLOCK,
	KVM_CAP_VCPU_EVENTS, KVM_CAP_EXCEPTION_PAYLOAD, KVM_CAP_X86_TRIPLE_FAULT_EVENT,
	KVM_CAP_DEBUGREGS, KVM_CAP_XSAVE, KVM_CAP_XSAVE2, KVM_CAP_XCRS, KVM_CAP_ASYNC_PF,
	KVM_CAP_ASYNC_PF_INT, KVM_CAP_GET_TSC_KHZ, KVM_CAP_TSC_DEADLINE_TIMER,
	KVM_CAP_KVMCLOCK_CTRL, KVM_CAP_SPLIT_IRQCHIP, KVM_CAP_X2APIC_API, KVM_CAP_DISABLE_QUIRKS2,
	KVM_CAP_X86_DISABLE_EXITS, KVM_CAP_SYNC_REGS, KVM_CAP_GET_MSR_FEATURES,
	KVM_CAP_X86_USER_SPACE_MSR, KVM_CAP_X86_MSR_FILTER, KVM_CAP_SREGS2, KVM_CAP_STEAL_TIME,
	0,
};

const char *arch_stock_stat(const char *name)
{
	return strcmp(name, "faults") ? name : "pf_taken";
}

/* --- VMs --------------------------------------------------------------------------------------- */

void arch_vm_early(struct vm *vm)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (!(vm->flags & VM_IRQCHIP))
		return;
	ASSERT_OK(ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	ASSERT_OK(ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
}

void arch_vm_ready(struct vm *vm)
{
}

struct gate {
	u16 offset0, selector, flags, offset1;
	u32 offset2, zero;
};

void arch_vm_init(struct vm *vm)
{
	u64 *pml4 = vm_hva(vm, X86_PML4), *pdpt = vm_hva(vm, X86_PDPT), *pd = vm_hva(vm, X86_PD);
	u64 *gdt = vm_hva(vm, X86_GDT);
	struct gate *idt = vm_hva(vm, X86_IDT);
	unsigned int i;

	pml4[0] = X86_PDPT | 7;
	for (i = 0; i < 4; i++)
		pdpt[i] = (X86_PD + i * PAGE) | 7;
	for (i = 0; i < 2048; i++)
		pd[i] = i * 2 * MB | 0x87;	/* present, writable, user, large */
	gdt[SEL_CODE64 / 8] = 0x00af9b000000ffff;
	gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
	gdt[SEL_CODE32 / 8] = 0x00cf9b000000ffff;
	gdt[SEL_CODE16 / 8] = 0x00009b000000ffff;
	gdt[SEL_DATA16 / 8] = 0x000093000000ffff;
	gdt[SEL_UDATA / 8] = 0x00cff3000000ffff;
	gdt[SEL_UCODE64 / 8] = 0x00affb000000ffff;
	for (i = 0; i < MAX_VCPUS; i++) {
		u64 base = X86_TSS + i * 256;

		gdt[SEL_TSS / 8 + 2 * i] = 0x67 | (base & 0xffffff) << 16 | 0x89ull << 40 |
					   (base >> 24 & 0xff) << 56;
		gdt[SEL_TSS / 8 + 2 * i + 1] = base >> 32;
	}
	for (i = 0; i < 256; i++) {
		u64 handler = (u64)guest_trap_stubs + 16 * i;

		idt[i] = (struct gate){ handler, SEL_CODE64, 0x8e00, handler >> 16,
					handler >> 32, 0 };
	}
}

/* --- vCPUs ------------------------------------------------------------------------------------- */

struct kvm_cpuid2 *supported_cpuid(void)
{
	static struct kvm_cpuid2 *cpuid;

	if (!cpuid) {
		cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));
		cpuid->nent = 256;
		ASSERT_OK(ioctl(kvm_fd(), KVM_GET_SUPPORTED_CPUID, cpuid));
	}
	return cpuid;
}

struct kvm_cpuid_entry2 *cpuid_leaf(struct kvm_cpuid2 *cpuid, u32 function, u32 index)
{
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	return NULL;
}

bool cpu_has_avx(void)
{
	struct kvm_cpuid_entry2 *leaf = cpuid_leaf(supported_cpuid(), 1, 0);

	return leaf && leaf->ecx & BIT(28);
}

void vcpu_set_cpuid(struct vcpu *vcpu, struct kvm_cpuid2 *cpuid)
{
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid));
}

static void set_own_cpuid(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *from = supported_cpuid(), *cpuid;
	size_t size = sizeof(*from) + from->nent * sizeof(from->entries[0]);
	unsigned int i;

	cpuid = malloc(size);
	memcpy(cpuid, from, size);
	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *leaf = &cpuid->entries[i];

		if (leaf->function == 1)
			leaf->ebx = (leaf->ebx & 0xffffff) | vcpu->id << 24;
		else if (leaf->function == 0xb)
			leaf->edx = vcpu->id;
	}
	vcpu_set_cpuid(vcpu, cpuid);
	free(cpuid);
}

struct kvm_regs vcpu_regs(struct vcpu *vcpu)
{
	struct kvm_regs regs;

	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_REGS, &regs));
	return regs;
}

void vcpu_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs)
{
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_REGS, regs));
}

struct kvm_sregs vcpu_sregs(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_SREGS, &sregs));
	return sregs;
}

void vcpu_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_SREGS, sregs));
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

int vcpu_get_msr(struct vcpu *vcpu, u32 msr, u64 *value)
{
	struct one_msr one = { { .nmsrs = 1 }, { .index = msr } };
	int r = ASSERT_OK(ioctl(vcpu->fd, KVM_GET_MSRS, &one));

	*value = one.entry.data;
	return r;
}

int vcpu_set_msr(struct vcpu *vcpu, u32 msr, u64 value)
{
	struct one_msr one = { { .nmsrs = 1 }, { .index = msr, .data = value } };

	return ASSERT_OK(ioctl(vcpu->fd, KVM_SET_MSRS, &one));
}

u64 vcpu_msr(struct vcpu *vcpu, u32 msr)
{
	u64 value;

	if (vcpu_get_msr(vcpu, msr, &value) != 1)
		FAIL("no MSR %#x", msr);
	return value;
}

static void __attribute__((noreturn)) guest_main(u64 arg, guest_fn fn)
{
	fn(arg);
	for (;;)
		guest_call(GUEST_DONE, 0, 0, 0, 0);
}

static struct kvm_segment segment(u16 selector, u8 type, bool l)
{
	return (struct kvm_segment){
		.limit = ~0u, .selector = selector, .type = type, .present = 1, .db = !l, .s = 1,
		.l = l, .g = 1,
	};
}

void arch_vcpu_init(struct vcpu *vcpu, guest_fn fn, u64 arg)
{
	struct kvm_mp_state running = { KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs sregs = vcpu_sregs(vcpu);
	struct kvm_regs regs = {
		.rip = (u64)guest_main, .rdi = arg, .rsi = (u64)fn,
		/*
		 * Interrupts on where none can come: Bochs does not let the host's through while
		 * the guest's are off, and a guest that spins so would have the host's CPU for ever.
		 */
		.rflags = 2 | (vcpu->vm->flags & VM_IRQCHIP ? 0 : RFLAGS_IF),
		/* as after a call: the return address lies at the top */
		.rsp = vm_alloc(vcpu->vm, 32 * KB, PAGE) + 32 * KB - 8,
	};

	set_own_cpuid(vcpu);
	sregs.cs = segment(SEL_CODE64, 11, true);
	sregs.ds = segment(SEL_DATA, 3, false);
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	sregs.tr = (struct kvm_segment){
		.base = X86_TSS + vcpu->id * 256, .limit = 0x67, .selector = SEL_TSS + 16 * vcpu->id,
		.type = 11, .present = 1,
	};
	sregs.ldt = (struct kvm_segment){ .unusable = 1 };
	sregs.gdt = (struct kvm_dtable){ .base = X86_GDT, .limit = PAGE - 1 };
	sregs.idt = (struct kvm_dtable){ .base = X86_IDT, .limit = PAGE - 1 };
	sregs.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	sregs.cr3 = X86_PML4;
	sregs.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	sregs.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;
	vcpu_set_sregs(vcpu, &sregs);
	vcpu_set_regs(vcpu, &regs);
	/* vCPUs other than the first wait for SIPI when there is a LAPIC. */
	if (vcpu->vm->flags & VM_IRQCHIP)
		ASSERT_OK(ioctl(vcpu->fd, KVM_SET_MP_STATE, &running));
}

struct vcpu *vcpu_create_real(struct vm *vm, u16 ip, const void *code, const void *end)
{
	struct vcpu *vcpu = vcpu_create_bare(vm, vm->nr_vcpus);
	struct kvm_regs regs = { .rip = ip, .rsp = 0x7000, .rflags = 2 };
	struct kvm_sregs sregs = vcpu_sregs(vcpu);

	memcpy(vm_hva(vm, ip), code, (const u8 *)end - (const u8 *)code);
	set_own_cpuid(vcpu);
	sregs.cs.base = sregs.cs.selector = 0;
	vcpu_set_sregs(vcpu, &sregs);
	vcpu_set_regs(vcpu, &regs);
	return vcpu;
}

u64 arch_call_address(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u32 address;

	if (run->exit_reason != KVM_EXIT_IO || run->io.port != CALL_PORT || run->io.size != 4 ||
	    run->io.count != 1 || run->io.direction != KVM_EXIT_IO_OUT)
		return 0;
	memcpy(&address, (u8 *)run + run->io.data_offset, sizeof(address));
	return address;
}

void arch_msi(struct vcpu *target, unsigned int number, struct kvm_msi *msi)
{
	*msi = (struct kvm_msi){
		.address_lo = LAPIC | target->id << 12, .data = MSI_VECTOR + number,
	};
}

unsigned int arch_first_gsi(void)
{
	return 16;	/* the PIC has the ones before as well */
}

void arch_pin(unsigned int gsi, struct kvm_irq_routing_irqchip *pin)
{
	*pin = (struct kvm_irq_routing_irqchip){ .irqchip = KVM_IRQCHIP_IOAPIC, .pin = gsi };
}
