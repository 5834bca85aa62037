// SPDX-License-Identifier: GPL-2.0-only
/* A vCPU of arm64: creation, reset, load and put, and the ioctls that are nobody else's. */
#include <linux/preempt.h>
#include <linux/sched/stat.h>
#include <asm/cpufeature.h>
#include "arm.h"
#include "hyp/hyp.h"

/* ARM ARM D17.2.48. All of a guest's maintenance reaches all CPUs, since its vCPUs move. */
#define HCR_BASE	(HCR_E2H | HCR_RW | HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO |	\
			 HCR_FB | HCR_BSU_IS | HCR_TWI | HCR_TWE | HCR_TIDCP | HCR_TSC | HCR_TACR |	\
			 HCR_TSW | HCR_TID3 | HCR_TLOR)
#define HCR_TID4_	BIT(49)		/* FEAT_EVT: as TID2, but for CTR_EL0 */

#define SCTLR_RESET	0x00c50078
#define OSLSR_OSLM	BIT(3)

/* --- life -------------------------------------------------------------------------------------- */

int arm_vcpu_create(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);
	u64 id = vcpu->id;

	/* 16 in a cluster: as many as an SGI can name at once. */
	v->ctxt.sys[ARM_MPIDR_EL1] = BIT(31) | (id & 0xf) | ((id >> 4) & 0xff) << 8 |
				     ((id >> 12) & 0xff) << 16;
	arm_power_create(v);
	arm_timer_vcpu_create(v);
	arm_pvtime_create(v);
	return vgic_vcpu_create(v);
}

void arm_vcpu_destroy(struct keel_vcpu *vcpu)
{
	arm_timer_vcpu_destroy(to_arm_vcpu(vcpu));
}

/* CTR_EL0 is trapped where it is not what guests see of it. */
void arm_trap_cache_ids(struct arm_vcpu *v)
{
	u64 mmfr2 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR2_EL1);
	bool own_ctr = !arm64_ctr_differs() && arm_vm_of(v)->ctr == arm64_ctr();

	v->hcr &= ~(HCR_TID4_ | HCR_TID2);
	v->hcr |= own_ctr && cpuid_feature_extract_unsigned_field(mmfr2, 56) ? HCR_TID4_ : HCR_TID2;
}

static void reset_hcr(struct arm_vcpu *v)
{
	v->hcr = HCR_BASE;
	arm_trap_cache_ids(v);
	if (cpus_have_final_cap(ARM64_HAS_RAS_EXTN))
		v->hcr |= HCR_TEA | HCR_TERR;
	if (cpus_have_final_cap(ARM64_HAS_STAGE2_FWB))
		v->hcr |= HCR_FWB;
	else
		v->hcr |= HCR_TVM;	/* until it turns its caches on: cache.c */
	if (arm_has_feature(v, KVM_ARM_VCPU_PTRAUTH_ADDRESS))
		v->hcr |= HCR_API | HCR_APK;
}

/**
 * arm_vcpu_reset - as after a cold reset of the CPU
 * @v: the vCPU, by its own thread
 */
void arm_vcpu_reset(struct arm_vcpu *v)
{
	u64 mpidr = v->ctxt.sys[ARM_MPIDR_EL1];
	bool loaded;

	preempt_disable();
	loaded = v->loaded;
	if (loaded)
		arm_vcpu_put(&v->core);
	memset(&v->ctxt, 0, sizeof(v->ctxt));
	v->ctxt.sys[ARM_MPIDR_EL1] = mpidr;
	v->ctxt.sys[ARM_SCTLR_EL1] = SCTLR_RESET;
	v->ctxt.sys[ARM_OSLSR_EL1] = OSLSR_OSLM;
	v->ctxt.sys[ARM_ACTLR_EL1] = read_sysreg(actlr_el1);
	v->ctxt.pstate = PSR_MODE_EL1h | PSR_D_BIT | PSR_A_BIT | PSR_I_BIT | PSR_F_BIT;
	memset(&v->fp, 0, sizeof(v->fp));
	memset(&v->debug, 0, sizeof(v->debug));
	reset_hcr(v);
	v->vsesr = 0;
	arm_debug_update(v);
	keel_io_begin(&v->core);
	if (loaded)
		arm_vcpu_load(&v->core, smp_processor_id());
	preempt_enable();
	arm_timer_reset(v);
}

void arm_vcpu_load(struct keel_vcpu *vcpu, int cpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);
	struct arm_vm *vm = arm_vm_of(v);
	int *last_ran = this_cpu_ptr(vm->last_ran);

	v->vttbr = arm_vmid_load(vm);
	/* Two vCPUs may mean different things by the same ASID, each on its own CPU. */
	if (*last_ran != vcpu->idx) {
		if (*last_ran >= 0)
			arm_switch->tlb_flush_local(v->vttbr);
		*last_ran = vcpu->idx;
	}
	v->fp_ready = false;
	/* Alone on the CPU, a guest may as well wait for its event there. */
	if (single_task_running())
		v->hcr &= ~HCR_TWE;
	else
		v->hcr |= HCR_TWE;
	arm_switch->load(v);
	vgic_load(v);
	arm_timer_load(v);
	v->loaded = true;
}

void arm_vcpu_put(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	arm_timer_put(v);
	vgic_put(v);
	arm_switch->put(v);
	v->loaded = false;
}

/* --- registers that may be in the CPU ----------------------------------------------------------------- */

u64 arm_read_sys(struct arm_vcpu *v, enum arm_sys reg)
{
	u64 val;

	if (reg < ARM_CPU_FIRST || reg > ARM_CPU_LAST)
		return v->ctxt.sys[reg];
	preempt_disable();
	val = v->loaded ? arm_switch->read_sys(reg) : v->ctxt.sys[reg];
	preempt_enable();
	return val;
}

void arm_write_sys(struct arm_vcpu *v, enum arm_sys reg, u64 val)
{
	preempt_disable();
	if (v->loaded && reg >= ARM_CPU_FIRST && reg <= ARM_CPU_LAST)
		arm_switch->write_sys(reg, val);
	else
		v->ctxt.sys[reg] = val;
	preempt_enable();
}

/* --- KVM_ARM_VCPU_INIT ------------------------------------------------------------------------------------ */

static unsigned long supported_features(void)
{
	unsigned long features = BIT(KVM_ARM_VCPU_POWER_OFF) | BIT(KVM_ARM_VCPU_PSCI_0_2);

	if (arm_has_ptrauth())
		features |= BIT(KVM_ARM_VCPU_PTRAUTH_ADDRESS) | BIT(KVM_ARM_VCPU_PTRAUTH_GENERIC);
	return features;
}

/* Which features exist at all: the others are unknown, not just unsupported. */
#define KNOWN_FEATURES	GENMASK(KVM_ARM_VCPU_PTRAUTH_GENERIC, 0)

static int check_features(const struct kvm_vcpu_init *init)
{
	unsigned long both = BIT(KVM_ARM_VCPU_PTRAUTH_ADDRESS) | BIT(KVM_ARM_VCPU_PTRAUTH_GENERIC);
	unsigned long features = init->features[0];
	unsigned int i;

	if (features & ~KNOWN_FEATURES)
		return -ENOENT;
	for (i = 1; i < ARRAY_SIZE(init->features); i++)
		if (init->features[i])
			return -ENOENT;
	if (features & ~supported_features())
		return -EINVAL;
	/* One bit of HCR_EL2 is for both. */
	if ((features & both) && (features & both) != both)
		return -EINVAL;
	return 0;
}

long arm_vcpu_init(struct keel_vcpu *vcpu, void *data)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);
	struct arm_vm *vm = arm_vm_of(v);
	const struct kvm_vcpu_init *init = data;
	unsigned long features;
	int r;

	if (init->target != KVM_ARM_TARGET_GENERIC_V8)
		return -EINVAL;
	r = check_features(init);
	if (r)
		return r;
	/* Power may be off at one time and on at another. */
	features = init->features[0] & ~BIT(KVM_ARM_VCPU_POWER_OFF);
	if (v->initialized && v->features != features)
		return -EINVAL;

	mutex_lock(&vm->core.lock);
	if (test_bit(ARM_VM_INIT_DONE, &vm->flags) && vm->init_features != features)
		r = -EINVAL;
	vm->init_features = features;
	set_bit(ARM_VM_INIT_DONE, &vm->flags);
	mutex_unlock(&vm->core.lock);
	if (r)
		return r;
	v->features = features;
	if (!v->initialized)
		arm_idregs_vcpu_init(v);
	v->initialized = true;
	arm_vcpu_reset(v);
	arm_power_init(v, init->features[0] & BIT(KVM_ARM_VCPU_POWER_OFF));
	return 0;
}

long arm_vcpu_finalize(struct keel_vcpu *vcpu, void *data)
{
	if (!to_arm_vcpu(vcpu)->initialized)
		return -ENOEXEC;
	return -EINVAL;		/* no feature that is supported has to be finalized */
}
