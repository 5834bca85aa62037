// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions given to a guest, and KVM_GET_VCPU_EVENTS. */
#include <linux/string.h>
#include <asm/cpufeature.h>
#include "arm.h"
#include "hyp/hyp.h"

#define SCTLR_SPAN	BIT_ULL(23)
#define SCTLR_DSSBS	BIT_ULL(44)
#define VECTOR_SYNC	0x000

static unsigned int mode_of(const struct arm_vcpu *v)
{
	return v->ctxt.pstate & (PSR_MODE_MASK | PSR_MODE32_BIT);
}

/* AArch64.TakeException() to EL1 (ARM ARM J1.1). */
static void take_exception(struct arm_vcpu *v, unsigned int offset)
{
	u64 old = v->ctxt.pstate, new, sctlr = arm_read_sys(v, ARM_SCTLR_EL1);
	u64 vector = arm_read_sys(v, ARM_VBAR_EL1) + offset;

	switch (mode_of(v)) {
	case PSR_MODE_EL1t:
		break;
	case PSR_MODE_EL1h:
		vector += 0x200;
		break;
	default:
		vector += old & PSR_MODE32_BIT ? 0x600 : 0x400;
	}
	/* Kept are the flags, DIT and PAN. */
	new = old & (PSR_N_BIT | PSR_Z_BIT | PSR_C_BIT | PSR_V_BIT | PSR_DIT_BIT);
	if (!(old & PSR_MODE32_BIT))
		new |= old & PSR_PAN_BIT;
	if (arm_idreg_field(arm_vm_of(v), 7, 1, 20) && !(sctlr & SCTLR_SPAN))	/* FEAT_PAN */
		new |= PSR_PAN_BIT;
	if (sctlr & SCTLR_DSSBS)
		new |= PSR_SSBS_BIT;
	new |= PSR_D_BIT | PSR_A_BIT | PSR_I_BIT | PSR_F_BIT | PSR_MODE_EL1h;

	arm_write_sys(v, ARM_SPSR_EL1, old);
	arm_write_sys(v, ARM_ELR_EL1, v->ctxt.pc);
	v->ctxt.pstate = new;
	v->ctxt.pc = vector;
}

/* Was it a 32-bit instruction? All of A64 are; T32 has shorter ones. */
static u64 il_of(const struct arm_vcpu *v)
{
	return v->ctxt.pstate & PSR_MODE32_BIT ? v->exit.esr & ESR_ELx_IL : ESR_ELx_IL;
}

void arm_inject_undef(struct arm_vcpu *v)
{
	u64 esr = ESR_ELx_EC_UNKNOWN << ESR_ELx_EC_SHIFT | il_of(v);

	take_exception(v, VECTOR_SYNC);
	arm_write_sys(v, ARM_ESR_EL1, esr);
}

void arm_inject_abort(struct arm_vcpu *v, bool fetch, u64 far)
{
	bool from_el0 = (v->ctxt.pstate & PSR_MODE32_BIT) || mode_of(v) == PSR_MODE_EL0t;
	u64 ec = fetch ? from_el0 ? ESR_ELx_EC_IABT_LOW : ESR_ELx_EC_IABT_CUR :
			 from_el0 ? ESR_ELx_EC_DABT_LOW : ESR_ELx_EC_DABT_CUR;
	u64 esr = ec << ESR_ELx_EC_SHIFT | il_of(v) | ESR_ELx_FSC_EXTABT;

	take_exception(v, VECTOR_SYNC);
	arm_write_sys(v, ARM_ESR_EL1, esr);
	arm_write_sys(v, ARM_FAR_EL1, far);
}

/* The CPU delivers it as soon as the guest lets it. @esr: ISS, for CPUs with the RAS extension. */
void arm_inject_serror(struct arm_vcpu *v, u64 esr)
{
	v->vsesr = esr & ESR_ELx_ISS_MASK;
	v->hcr |= HCR_VSE;
}

bool arm_serror_pending(struct arm_vcpu *v)
{
	return (READ_ONCE(v->hcr) & HCR_VSE) && !(READ_ONCE(v->ctxt.pstate) & PSR_A_BIT);
}

/* --- KVM_GET_VCPU_EVENTS -------------------------------------------------------------------------- */

long arm_set_events(struct keel_vcpu *vcpu, void *data)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);
	const struct kvm_vcpu_events *ev = data;
	bool ras = cpus_have_final_cap(ARM64_HAS_RAS_EXTN);

	if (!v->initialized)
		return -ENOEXEC;
	if (memchr_inv(ev->reserved, 0, sizeof(ev->reserved)) ||
	    memchr_inv(ev->exception.pad, 0, sizeof(ev->exception.pad)))
		return -EINVAL;
	if (ev->exception.serror_pending > 1 || ev->exception.serror_has_esr > 1 ||
	    ev->exception.ext_dabt_pending > 1)
		return -EINVAL;
	if (ev->exception.serror_pending && ev->exception.serror_has_esr) {
		if (!ras || ev->exception.serror_esr & ~(u64)ESR_ELx_ISS_MASK)
			return -EINVAL;
		arm_inject_serror(v, ev->exception.serror_esr);
	} else if (ev->exception.serror_pending) {
		arm_inject_serror(v, ESR_ELx_ISV);	/* implementation defined */
	}
	if (ev->exception.ext_dabt_pending) {
		/* The access that user space was asked for has failed: it is the one that aborts. */
		arm_mmio_undo(v);
		arm_inject_abort(v, false, v->exit.far);
	}
	return 0;
}

long arm_get_events(struct keel_vcpu *vcpu, void *data)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);
	struct kvm_vcpu_events *ev = data;

	if (!v->initialized)
		return -ENOEXEC;
	ev->exception.serror_pending = !!(v->hcr & HCR_VSE);
	ev->exception.serror_has_esr = cpus_have_final_cap(ARM64_HAS_RAS_EXTN);
	if (ev->exception.serror_pending && ev->exception.serror_has_esr)
		ev->exception.serror_esr = v->vsesr;
	/* An external abort is never pending: it is taken at once. */
	return 0;
}
