// SPDX-License-Identifier: GPL-2.0-only
/* Exits for which arm64 has its own rules: accesses without a syndrome, injected aborts, WFI and WFE, device tables. */
#include <sys/resource.h>
#include "arm64.h"

#define EC_IABT 0x21
#define EC_DABT 0x25

/* --- accesses that the syndrome does not describe ----------------------------------------------------------- */

static void guest_pair(u64 gpa)
{
	u64 a, b;

	/* Two registers at once: ESR has no ISV then (ARM ARM D17.2.37). */
	s64 ec = CATCH("ldp %0, %1, [%2]", : "=&r"(a), "=&r"(b) : "r"(gpa));

	guest_sync2(ec, guest_caught.far);
}

TEST(no_syndrome)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_pair, MMIO_GPA);

	/* Nobody has asked for them. Linux gives up; Keel takes it for what it mostly is, a guest astray. */
	if (keel_version()) {
		vcpu_sync_is(vcpu, EC_DABT);
		ASSERT_EQ(vcpu->call.args[1], MMIO_GPA);
	} else {
		ASSERT_EQ(vcpu_run_once(vcpu), -ENOSYS);
	}
}

TEST(no_syndrome_to_user)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_pair, MMIO_GPA + 0x128);
	struct kvm_vcpu_events events;

	NEED_CAP(KVM_CAP_ARM_NISV_TO_USER);
	ASSERT_OK(vm_enable_cap(vm, KVM_CAP_ARM_NISV_TO_USER, 0));
	vcpu_exit_is(vcpu, KVM_EXIT_ARM_NISV);
	ASSERT_EQ(vcpu->run->arm_nisv.fault_ipa, MMIO_GPA + 0x128);
	ASSERT_EQ(vcpu->run->arm_nisv.esr_iss & BIT(24), 0);
	/* User space answers with an external abort. */
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	ASSERT_EQ(events.exception.ext_dabt_pending, 0);
	events.exception.ext_dabt_pending = 1;
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	vcpu_sync_is(vcpu, EC_DABT);
	ASSERT_EQ(vcpu->call.args[1], MMIO_GPA + 0x128);
	vcpu_done(vcpu);
}

TEST(event_rules)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_pair, MMIO_GPA);
	struct kvm_vcpu_events events;

	NEED_CAP(KVM_CAP_VCPU_EVENTS);
	memset(&events, 0xff, sizeof(events));
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	ASSERT_EQ(events.exception.serror_pending, 0);
	events.exception.pad[0] = 1;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	events.exception.pad[0] = 0;
	events.reserved[3] = 1;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	events.reserved[3] = 0;
	events.exception.serror_has_esr = 1;
	events.exception.serror_pending = 1;
	/* Without FEAT_RAS an SError has no syndrome; with it, 24 bits. */
	events.exception.serror_esr = 1ull << 40;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
}

static u64 serrors;

static void on_serror(struct trap_frame *frame)
{
	serrors++;
}

static void guest_takes_serror(u64 arg)
{
	guest_on_trap(VEC_SERROR, on_serror);
	guest_sync(0);
	/* It waits while it is masked. */
	GUEST_ASSERT_EQ(READ(serrors), 0);
	asm volatile("msr daifclr, #4; isb");
	GUEST_ASSERT_EQ(READ(serrors), 1);
	guest_sync(1);
	GUEST_ASSERT_EQ(READ(serrors), 1);
}

TEST(serror)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_takes_serror, 0);
	struct kvm_vcpu_events events = { .exception.serror_pending = 1 };

	NEED_CAP(KVM_CAP_VCPU_EVENTS);
	vcpu_sync_is(vcpu, 0);
	ASSERT_OK(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	events.exception.serror_pending = 0;
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	ASSERT_EQ(events.exception.serror_pending, 1);
	vcpu_sync_is(vcpu, 1);
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	ASSERT_EQ(events.exception.serror_pending, 0);
	vcpu_done(vcpu);
}

/* --- executing where there is nothing ------------------------------------------------------------------------ */

static void guest_jumps(u64 gpa)
{
	s64 ec;

	asm volatile("adrp x9, guest_caught\n\tadd x9, x9, :lo12:guest_caught\n\tadr x10, 1f\n\tmov x11, #-1\n\t"
		     "stp x10, x11, [x9]\n\tbr %0\n\t1: adrp x9, guest_caught\n\tstr xzr, [x9, :lo12:guest_caught]"
		     : : "r"(gpa) : "x9", "x10", "x11", "memory");
	ec = READ(guest_caught.ec);
	GUEST_ASSERT_EQ(ec, EC_IABT);
	GUEST_ASSERT_EQ(READ(guest_caught.far), gpa);
	guest_sync(1);
}

TEST(execute_nothing)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_jumps, SLOT_GPA);

	vcpu_sync_is(vcpu, 1);
	vcpu_done(vcpu);
}

/* Code that the host writes, and writes anew: the guest must not execute what was there before. */
typedef u64 (*made_fn)(void);

static void guest_calls_made_code(u64 arg)
{
	for (;;) {
		asm volatile("ic iallu; dsb nsh; isb" : : : "memory");
		guest_sync(((made_fn)SLOT_GPA)());
	}
}

TEST(new_code)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_calls_made_code, 0);
	u32 *code = host_memory(PAGE, 2 * MB);
	u64 i;

	vm_add_slot(vm, 1, 0, SLOT_GPA, PAGE, code);
	for (i = 0; i < 50; i++) {
		if (i % 4 == 0)
			ASSERT_OK(madvise(code, PAGE, MADV_DONTNEED));
		code[0] = 0xd2800000 | (100 + i) << 5;	/* mov x0, #100 + i */
		code[1] = 0xd65f03c0;			/* ret */
		__builtin___clear_cache((char *)code, (char *)(code + 2));
		vcpu_sync_is(vcpu, 100 + i);
	}
}

/* --- caches off ------------------------------------------------------------------------------------------------ */

/* The guest switches its MMU and caches off and on while the host changes memory under it. */
static void guest_toggles_caches(u64 rounds)
{
	u64 sctlr = read_sys(sctlr_el1), value;

	for (; rounds; rounds--) {
		asm volatile("dsb sy\n\tmsr sctlr_el1, %1\n\tisb\n\t"
			     "ldr %0, [%3]\n\tstr %0, [%3, #8]\n\tdsb sy\n\t"
			     "msr sctlr_el1, %2\n\tisb"
			     : "=&r"(value) : "r"(sctlr & ~(BIT(0) | BIT(2) | BIT(12))), "r"(sctlr), "r"(SLOT_GPA)
			     : "memory");
		guest_sync2(value, rounds);
	}
}

TEST(caches_off)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_toggles_caches, 20);
	u64 *mem = host_memory(PAGE, 2 * MB), i;

	vm_add_slot(vm, 1, 0, SLOT_GPA, PAGE, mem);
	for (i = 0; i < 20; i++) {
		/* A fresh page each time: it goes to the guest cleaned to where the guest looks. */
		ASSERT_OK(madvise(mem, PAGE, MADV_DONTNEED));
		mem[0] = 1000 + i;
		vcpu_sync_is(vcpu, 1000 + i);
	}
	vcpu_done(vcpu);
}

/* --- waiting ---------------------------------------------------------------------------------------------------- */

static u64 go;

static void guest_waits_for_event(u64 arg)
{
	while (!READ(go))
		asm volatile("wfe");
	guest_sync(1);
}

static void guest_gives_event(u64 arg)
{
	WRITE(go, 1);
	asm volatile("dsb ish; sev");
}

TEST(event)
{
	struct vm *vm = vm_create(0);
	struct vcpu *waits = vcpu_create(vm, guest_waits_for_event, 0), *gives = vcpu_create(vm, guest_gives_event, 0);

	vcpu_start(waits);
	sleep_ms(50);
	vcpu_done(gives);
	vcpu_join(waits);
}

/* WFI with an interrupt from user space, without any controller: KVM_IRQ_LINE's CPU type. */
static void guest_sleeps_once(u64 arg)
{
	guest_sync(0);
	guest_wfi();
	guest_sync(1);
}

TEST(line_without_controller)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_sleeps_once, 0);
	struct kvm_irq_level line = { .irq = KVM_ARM_IRQ_TYPE_CPU << KVM_ARM_IRQ_TYPE_SHIFT | KVM_ARM_IRQ_CPU_IRQ,
				      .level = 1 };

	vcpu_sync_is(vcpu, 0);
	ASSERT_OK(ioctl(vm->fd, KVM_IRQ_LINE, &line));
	vcpu_sync_is(vcpu, 1);
	line.irq |= 2;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_IRQ_LINE, &line));
	vcpu_done(vcpu);
}

/* --- address sizes ----------------------------------------------------------------------------------------------- */

TEST(address_sizes)
{
	int most = NEED_CAP(KVM_CAP_ARM_VM_IPA_SIZE), bits, fd;

	ASSERT(most >= 40 && most <= 52);
	for (bits = 32; bits <= most; bits++) {
		fd = ASSERT_OK(ioctl(kvm_fd(), KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(bits)));
		close(fd);
	}
	ASSERT_ERRNO(EINVAL, ioctl(kvm_fd(), KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(31)));
	ASSERT_ERRNO(EINVAL, ioctl(kvm_fd(), KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(most + 1)));
	ASSERT_ERRNO(EINVAL, ioctl(kvm_fd(), KVM_CREATE_VM, 1ul << 20));
}

/* A slot must lie inside them. */
TEST(slot_beyond)
{
	struct vm *vm = vm_create(VM_BARE);
	void *mem = host_memory(2 * PAGE, 2 * MB);

	ASSERT_OK(vm_set_slot(vm, 1, 0, (1ull << 40) - PAGE, PAGE, mem));
	ASSERT_ERRNO(EFAULT, vm_set_slot(vm, 2, 0, 1ull << 40, PAGE, mem));
	ASSERT_OK(vm_set_slot(vm, 1, 0, 0, 0, NULL));
	ASSERT_ERRNO(EFAULT, vm_set_slot(vm, 2, 0, (1ull << 40) - PAGE, 2 * PAGE, mem));
}
