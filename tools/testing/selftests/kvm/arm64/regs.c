// SPDX-License-Identifier: GPL-2.0-only
/* Registers through ONE_REG, KVM_ARM_VCPU_INIT, and what the guest sees of both. */
#include <stdlib.h>
#include "arm64.h"

static void guest_nothing(u64 arg)
{
	guest_sync(arg);
}

static u64 list_size(struct vcpu *vcpu)
{
	struct kvm_reg_list head = { .n = 0 };

	ASSERT_ERRNO(E2BIG, ioctl(vcpu->fd, KVM_GET_REG_LIST, &head));
	return head.n;
}

static struct kvm_reg_list *list_of(struct vcpu *vcpu)
{
	u64 n = list_size(vcpu);
	struct kvm_reg_list *list = calloc(1, sizeof(*list) + n * 8);

	list->n = n;
	ASSERT_OK(ioctl(vcpu->fd, KVM_GET_REG_LIST, list));
	ASSERT_EQ(list->n, n);
	return list;
}

static unsigned int size_of(u64 id)
{
	return 1u << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

TEST(not_initialized)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_bare(vm, 0);
	struct kvm_reg_list head = { .n = 0 };
	u64 value;

	ASSERT_EQ(vcpu_run_once(vcpu), -ENOEXEC);
	ASSERT_EQ(vcpu_get_reg(vcpu, REG_PC, &value), -ENOEXEC);
	ASSERT_EQ(vcpu_try_set_reg(vcpu, REG_PC, 0), -ENOEXEC);
	ASSERT_ERRNO(ENOEXEC, ioctl(vcpu->fd, KVM_GET_REG_LIST, &head));
}

TEST(init_rules)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_bare(vm, 0);
	struct kvm_vcpu_init good = vcpu_target(vm), bad;

	bad = good;
	bad.target = 77;
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &bad));
	bad = good;
	bad.features[0] |= 1u << 31;
	ASSERT_ERRNO(ENOENT, ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &bad));
	bad = good;
	bad.features[3] = 1;
	ASSERT_ERRNO(ENOENT, ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &bad));
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, (void *)8));
	ASSERT_OK(ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &good));
	/* Again is a reset; with other features it is not possible. */
	vcpu_set_reg(vcpu, REG_X(7), 777);
	vcpu_set_reg(vcpu, REG_PC, 0x1234);
	ASSERT_OK(ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &good));
	ASSERT_EQ(vcpu_reg(vcpu, REG_X(7)), 0);
	ASSERT_EQ(vcpu_reg(vcpu, REG_PC), 0);
	ASSERT_EQ(vcpu_reg(vcpu, REG_PSTATE), PSR_EL1H | PSR_DAIF);
	bad = good;
	bad.features[0] &= ~(1u << KVM_ARM_VCPU_PSCI_0_2);
	ASSERT_ERRNO(EINVAL, ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &bad));
}

/* Every register of the list is there, once, and takes its own value back. */
TEST(list)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, guest_nothing, 0);
	struct kvm_reg_list *list = list_of(vcpu);
	unsigned int i, j, core = 0, sys = 0;
	u8 value[256], again[256];

	for (i = 0; i < list->n; i++) {
		struct kvm_one_reg reg = { .id = list->reg[i], .addr = (u64)value };

		ASSERT_EQ(reg.id & KVM_REG_ARCH_MASK, KVM_REG_ARM64);
		ASSERT(size_of(reg.id) <= sizeof(value));
		for (j = 0; j < i; j++)
			ASSERT_MSG(list->reg[j] != reg.id, "%#llx is there twice", reg.id);
		memset(value, 0xa5, sizeof(value));
		ASSERT_MSG(!ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg), "reading %#llx: %s", reg.id,
			   strerrorname_np(errno));
		ASSERT_EQ(value[size_of(reg.id)], 0xa5);
		ASSERT_MSG(!ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg), "writing its value to %#llx: %s", reg.id,
			   strerrorname_np(errno));
		reg.addr = (u64)again;
		ASSERT_OK(ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg));
		/* Counters go on. */
		if (reg.id != KVM_REG_ARM_TIMER_CNT && reg.id != KVM_REG_ARM_PTIMER_CNT)
			ASSERT_MSG(!memcmp(value, again, size_of(reg.id)), "%#llx changed by writing its value",
				   reg.id);
		core += (reg.id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM_CORE;
		sys += (reg.id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM64_SYSREG;
	}
	test_note("%u registers: %u core, %u system", i, core, sys);
	/* x0-x30, sp, pc, pstate, sp_el1, elr_el1, 5 spsr, 32 vectors, fpsr, fpcr */
	ASSERT_EQ(core, 31 + 3 + 2 + 5 + 32 + 2);
	ASSERT(sys > 100);
	vcpu_sync_is(vcpu, 0);
}

TEST(bad_ids)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_nothing, 0);
	struct kvm_one_reg reg = { .id = REG_PC, .addr = 8 };
	static const u64 ids[] = {
		0, ~0ull, KVM_REG_ARM64, KVM_REG_X86 | KVM_REG_SIZE_U64,
		/* between registers, wider and narrower than they are, behind them all */
		REG_PC + 1, REG_PC ^ KVM_REG_SIZE_U64 ^ KVM_REG_SIZE_U32, REG_X(33) + 0x1000,
		ARM64_SYS_REG(3, 7, 15, 15, 7),
		ARM64_SYS_REG(3, 0, 1, 0, 0) ^ KVM_REG_SIZE_U64 ^ KVM_REG_SIZE_U32,
	};
	unsigned int i;
	u64 value[4];

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		int r = vcpu_get_reg(vcpu, ids[i], value);

		ASSERT_MSG(r == -ENOENT || r == -EINVAL, "reading %#lx gives %d", ids[i], r);
		r = vcpu_try_set_reg(vcpu, ids[i], 0);
		ASSERT_MSG(r == -ENOENT || r == -EINVAL, "writing %#lx gives %d", ids[i], r);
	}
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_GET_ONE_REG, &reg));
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg));
	ASSERT_ERRNO(EFAULT, ioctl(vcpu->fd, KVM_GET_ONE_REG, (void *)8));
	/* A mode that no arm64 CPU has. */
	ASSERT_EQ(vcpu_try_set_reg(vcpu, REG_PSTATE, 0x3), -EINVAL);
}

/* --- what the guest sees ------------------------------------------------------------------------------ */

static u64 seen[8];

static void guest_tells(u64 arg)
{
	seen[0] = read_sys(tpidr_el0);
	seen[1] = read_sys(tpidrro_el0);
	seen[2] = read_sys(contextidr_el1);
	seen[3] = read_sys(mpidr_el1);
	seen[4] = read_sys(midr_el1);
	seen[5] = read_sys(id_aa64mmfr0_el1);
	seen[6] = read_sys(sp_el0);
	seen[7] = read_sys(vbar_el1);
	guest_sync(0);
	write_sys(tpidr_el0, 0x1001);
	write_sys(tpidrro_el0, 0x1002);
	write_sys(contextidr_el1, 0x1003);
	write_sys(sp_el0, 0x1004);
	write_sys(par_el1, 0x1000);
	write_sys(csselr_el1, 2);
	write_sys(far_el1, 0x1234567890);
	write_sys(esr_el1, 0x56000001);
	write_sys(elr_el1, 0x1238);
	write_sys(spsr_el1, 0x3c5);
	guest_sync(1);
}

#define SYS_TPIDR_EL0	ARM64_SYS_REG(3, 3, 13, 0, 2)
#define SYS_TPIDRRO_EL0	ARM64_SYS_REG(3, 3, 13, 0, 3)
#define SYS_CONTEXTIDR	ARM64_SYS_REG(3, 0, 13, 0, 1)
#define SYS_PAR_EL1	ARM64_SYS_REG(3, 0, 7, 4, 0)
#define SYS_CSSELR_EL1	ARM64_SYS_REG(3, 2, 0, 0, 0)
#define SYS_FAR_EL1	ARM64_SYS_REG(3, 0, 6, 0, 0)
#define SYS_ESR_EL1	ARM64_SYS_REG(3, 0, 5, 2, 0)
#define SYS_MMFR0	ARM64_SYS_REG(3, 0, 0, 7, 0)

TEST(seen_by_guest)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_tells, 0);
	u64 *guest = *vm_var(vm, seen);

	vcpu_set_reg(vcpu, SYS_TPIDR_EL0, 0xa1);
	vcpu_set_reg(vcpu, SYS_TPIDRRO_EL0, 0xa2);
	vcpu_set_reg(vcpu, SYS_CONTEXTIDR, 0xa3);
	vcpu_set_reg(vcpu, REG_SP_EL0, 0xa4);
	vcpu_sync_is(vcpu, 0);
	ASSERT_EQ(guest[0], 0xa1);
	ASSERT_EQ(guest[1], 0xa2);
	ASSERT_EQ(guest[2], 0xa3);
	ASSERT_EQ(guest[3], vcpu_reg(vcpu, SYS_MPIDR_EL1));
	ASSERT_EQ(guest[4], vcpu_reg(vcpu, SYS_MIDR_EL1));
	ASSERT_EQ(guest[5], vcpu_reg(vcpu, SYS_MMFR0));
	ASSERT_EQ(guest[6], 0xa4);
	ASSERT_EQ(guest[7], vcpu_reg(vcpu, SYS_VBAR_EL1));
	vcpu_sync_is(vcpu, 1);
	ASSERT_EQ(vcpu_reg(vcpu, SYS_TPIDR_EL0), 0x1001);
	ASSERT_EQ(vcpu_reg(vcpu, SYS_TPIDRRO_EL0), 0x1002);
	ASSERT_EQ(vcpu_reg(vcpu, SYS_CONTEXTIDR), 0x1003);
	ASSERT_EQ(vcpu_reg(vcpu, REG_SP_EL0), 0x1004);
	ASSERT_EQ(vcpu_reg(vcpu, SYS_PAR_EL1) & 0xfffff000, 0x1000);
	ASSERT_EQ(vcpu_reg(vcpu, SYS_CSSELR_EL1), 2);
	ASSERT_EQ(vcpu_reg(vcpu, SYS_FAR_EL1), 0x1234567890);
	ASSERT_EQ(vcpu_reg(vcpu, SYS_ESR_EL1), 0x56000001);
	ASSERT_EQ(vcpu_reg(vcpu, CORE_REG(elr_el1)), 0x1238);
	ASSERT_EQ(vcpu_reg(vcpu, CORE_REG(spsr[KVM_SPSR_EL1])), 0x3c5);
	vcpu_done(vcpu);
}

/* The affinity of each vCPU is its own, and bit 31 is set (ARM ARM D19.2.102). */
TEST(affinity)
{
	struct vm *vm = vm_create(VM_BARE);
	u64 values[40];
	unsigned int i, j;

	for (i = 0; i < MAX_VCPUS; i++) {
		struct vcpu *vcpu = vcpu_create_bare(vm, i * 3);
		struct kvm_vcpu_init init = vcpu_target(vm);

		ASSERT_OK(ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &init));
		values[i] = vcpu_reg(vcpu, SYS_MPIDR_EL1);
		ASSERT(values[i] & BIT(31));
		ASSERT_EQ(values[i] & BIT(30), 0);
		for (j = 0; j < i; j++)
			ASSERT(values[i] != values[j]);
	}
}

/* --- vector registers ----------------------------------------------------------------------------------- */

#define REG_V(n) (KVM_REG_ARM64 | KVM_REG_SIZE_U128 | KVM_REG_ARM_CORE | \
		  (KVM_REG_ARM_CORE_REG(fp_regs.vregs[0]) + 4 * (n)))

/* Guest: fills v0 to v3 with what belongs to it, and checks them again and again. */
static void guest_vectors_stay(u64 id)
{
	u64 a, b, c, d, i;

	asm volatile("dup v0.2d, %0; dup v1.2d, %1; dup v30.2d, %0; dup v31.2d, %1" : : "r"(id), "r"(~id)
		     : "v0", "v1", "v30", "v31");
	for (i = 0;; i++) {
		if (i % 256 == 0)
			guest_sync(i);
		asm volatile("umov %0, v0.d[1]; umov %1, v1.d[0]; umov %2, v30.d[0]; umov %3, v31.d[1]"
			     : "=r"(a), "=r"(b), "=r"(c), "=r"(d));
		GUEST_ASSERT_EQ(a, id);
		GUEST_ASSERT_EQ(b, ~id);
		GUEST_ASSERT_EQ(c, id);
		GUEST_ASSERT_EQ(d, ~id);
	}
}

TEST(vectors)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpus[2] = { vcpu_create(vm, guest_vectors_stay, 0x1111),
				  vcpu_create(vm, guest_vectors_stay, 0x2222) };
	u64 value[2], host[2] = { 0xdead, 0xbeef };
	unsigned int i;
	struct kvm_one_reg reg = { .id = REG_V(30), .addr = (u64)value };

	/* Alternating on one thread, the host's own vector registers in between. */
	for (i = 0; i < 100; i++) {
		asm volatile("ldr q8, %0" : : "m"(host) : "v8");
		vcpu_sync(vcpus[i & 1]);
		asm volatile("str q8, %0" : "=m"(value));
		/* v8 to v15 keep their lower halves in calls */
		ASSERT_EQ(value[0], 0xdead);
	}
	for (i = 0; i < 2; i++) {
		ASSERT_OK(ioctl(vcpus[i]->fd, KVM_GET_ONE_REG, &reg));
		ASSERT_EQ(value[0], 0x1111 * (i + 1));
		ASSERT_EQ(value[1], 0x1111 * (i + 1));
	}
	/* What is set is what the guest finds. */
	value[0] = 0x1111;
	value[1] = 0x9999;
	ASSERT_OK(ioctl(vcpus[0]->fd, KVM_SET_ONE_REG, &reg));
	vcpu_sync(vcpus[0]);
	ASSERT_OK(ioctl(vcpus[0]->fd, KVM_GET_ONE_REG, &reg));
	ASSERT_EQ(value[1], 0x9999);
}

static void keep_running(struct vcpu *vcpu)
{
}

static u64 stop;

static void guest_vectors_until(u64 id)
{
	u64 a, b;

	asm volatile("dup v5.2d, %0; dup v25.2d, %1" : : "r"(id), "r"(~id) : "v5", "v25");
	while (!READ(stop)) {
		asm volatile("umov %0, v5.d[1]; umov %1, v25.d[0]" : "=r"(a), "=r"(b));
		GUEST_ASSERT_EQ(a, id);
		GUEST_ASSERT_EQ(b, ~id);
	}
}

/* More vCPUs than CPUs: they are preempted wherever they are, by each other and by host threads with vectors. */
TEST(vectors_preempted)
{
	struct vm *vm = vm_create(0);
	volatile double sum = 0;
	u64 end = now_ns() + 1000000000;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		vcpu_create(vm, guest_vectors_until, 0x100 + i)->on_sync = keep_running;
		vcpu_start(vm->vcpus[i]);
	}
	for (i = 0; now_ns() < end; i++)
		sum = sum + i * 0.5;
	ASSERT(sum == i * (i - 1.0) / 4);
	*vm_var(vm, stop) = 1;
	for (i = 0; i < 6; i++)
		vcpu_join(vm->vcpus[i]);
}

/* --- moving a vCPU ----------------------------------------------------------------------------------------- */

static void guest_counts(u64 n)
{
	u64 keep = n * 3;

	write_sys(tpidr_el0, keep);
	for (;;) {
		guest_sync(n++);
		GUEST_ASSERT_EQ(read_sys(tpidr_el0), keep);
	}
}

/* All registers of the list make a vCPU: another VM goes on where this one was. */
TEST(move)
{
	struct vm *from = vm_create(0), *to = vm_create(0);
	struct vcpu *a = vcpu_create(from, guest_counts, 5), *b = vcpu_create(to, guest_nothing, 0);
	struct kvm_reg_list *list = list_of(a);
	u8 value[256];
	u64 i;

	for (i = 5; i < 10; i++)
		vcpu_sync_is(a, i);
	/* The call's store completes with the next entry. */
	a->run->immediate_exit = 1;
	ASSERT_EQ(vcpu_run_once(a), -EINTR);
	memcpy(to->ram, from->ram, from->ram_size);
	for (i = 0; i < list->n; i++) {
		struct kvm_one_reg reg = { .id = list->reg[i], .addr = (u64)value };

		ASSERT_OK(ioctl(a->fd, KVM_GET_ONE_REG, &reg));
		ASSERT_MSG(!ioctl(b->fd, KVM_SET_ONE_REG, &reg), "%#llx: %s", reg.id, strerrorname_np(errno));
	}
	vm_free(from);
	for (i = 10; i < 15; i++)
		vcpu_sync_is(b, i);
}

/* --- instructions that trap ---------------------------------------------------------------------------------- */

#define EC_UNKNOWN 0

static void guest_tries(u64 arg)
{
	u64 v;

	/* Not an instruction; registers of other exception levels; one that nobody has. */
	GUEST_ASSERT_EQ(CATCH("udf #1", : :), EC_UNKNOWN);
	GUEST_ASSERT_EQ(CATCH("mrs %0, hcr_el2", : "=r"(v) :), EC_UNKNOWN);
	GUEST_ASSERT_EQ(CATCH("mrs %0, S3_0_C15_C15_7", : "=r"(v) :), EC_UNKNOWN);
	GUEST_ASSERT_EQ(CATCH("msr S3_0_C0_C0_0, xzr", : :), EC_UNKNOWN);
	/* ID registers of the reserved space read as zero. */
	GUEST_ASSERT_EQ(CATCH("mrs %0, S3_0_C0_C7_7", : "=r"(v) :), (u64)-1);
	GUEST_ASSERT_EQ(v, 0);
	/* Cache maintenance by set and way is harmless, whatever the hypervisor makes of it. */
	GUEST_ASSERT_EQ(CATCH("dc cisw, xzr", : :), (u64)-1);
	GUEST_ASSERT_EQ(CATCH("mrs %0, ctr_el0", : "=r"(v) :), (u64)-1);
	/* The OS lock can be taken and is seen. */
	write_sys(oslar_el1, 1);
	GUEST_ASSERT_EQ(read_sys(oslsr_el1) & 2, 2);
	write_sys(oslar_el1, 0);
	GUEST_ASSERT_EQ(read_sys(oslsr_el1) & 2, 0);
	/* Debug registers. */
	write_sys(dbgbvr0_el1, 0x4000);
	GUEST_ASSERT_EQ(read_sys(dbgbvr0_el1), 0x4000);
	guest_sync(0);
	GUEST_ASSERT_EQ(read_sys(dbgbvr0_el1), 0x4000);
}

TEST(traps)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), guest_tries, 0);

	vcpu_sync_is(vcpu, 0);
	vcpu_done(vcpu);
}
