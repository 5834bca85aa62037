// SPDX-License-Identifier: GPL-2.0-only
/* Stage 2 faults: memory, or MMIO by the syndrome (ARM ARM D17.2.37, ISS for a Data Abort). */
#include <linux/bitops.h>
#include <linux/sched/signal.h>
#include <asm/cpufeature.h>
#include <keel/fault.h>
#include "arm.h"
#include "hyp/hyp.h"
#include "trace.h"

/* Types of faults that the headers of older kernels do not name. */
#define FSC_ADDRESS_SIZE	0x00
#define FSC_EXTABT_WALK		0x14

/* The IPA. HPFAR_EL2 has no bits of the page's own. */
static u64 fault_gpa(const struct arm_vcpu *v)
{
	return (v->exit.hpfar & GENMASK_ULL(43, 4)) << 8 | (v->exit.far & 0xfff);
}

/* --- MMIO ------------------------------------------------------------------------------------------- */

static u64 sign_extend(u64 val, unsigned int bytes)
{
	return sign_extend64(val, bytes * 8 - 1);
}

static bool big_endian(struct arm_vcpu *v)
{
	u64 sctlr;

	if (v->ctxt.pstate & PSR_MODE32_BIT)
		return v->ctxt.pstate & PSR_AA32_E_BIT;
	sctlr = arm_read_sys(v, ARM_SCTLR_EL1);
	return sctlr & ((v->ctxt.pstate & PSR_MODE_MASK) == PSR_MODE_EL0t ? SCTLR_EL1_E0E :
									    SCTLR_ELx_EE);
}

static u64 swap_bytes(u64 val, unsigned int bytes)
{
	switch (bytes) {
	case 1:
		return val;
	case 2:
		return swab16(val);
	case 4:
		return swab32(val);
	default:
		return swab64(val);
	}
}

static int mmio_load(struct arm_vcpu *v, u64 gpa, unsigned int len)
{
	u64 esr = v->exit.esr, val = 0;
	int r = keel_mmio_read(&v->core, gpa, &val, len);

	if (r == KEEL_IO_USER)
		return 1;	/* the run loop leaves to user space */
	if (r)
		return r;
	if (big_endian(v))
		val = swap_bytes(val, len);
	if (esr & ESR_ELx_SSE)
		val = sign_extend(val, len);
	if (!(esr & ESR_ELx_SF))
		val = (u32)val;
	arm_set_reg(v, FIELD_GET(ESR_ELx_SRT_MASK, esr), val);
	arm_skip_insn(v);
	return 1;
}

static int mmio_store(struct arm_vcpu *v, u64 gpa, unsigned int len)
{
	u64 val = arm_get_reg(v, FIELD_GET(ESR_ELx_SRT_MASK, v->exit.esr));
	int r;

	if (big_endian(v))
		val = swap_bytes(val, len);
	r = keel_mmio_write(&v->core, gpa, &val, len);
	if (r)
		return r;
	arm_skip_insn(v);
	return 1;
}

static int mmio(struct arm_vcpu *v)
{
	unsigned int len = 1u << FIELD_GET(ESR_ELx_SAS, v->exit.esr);

	if (v->exit.esr & ESR_ELx_WNR)
		return mmio_store(v, v->mmio.gpa, len);
	return mmio_load(v, v->mmio.gpa, len);
}

/* User space has answered a load. If it has also sent the guest elsewhere, the answer is for nobody. */
int arm_replay(struct keel_vcpu *vcpu)
{
	struct arm_vcpu *v = to_arm_vcpu(vcpu);

	if (v->ctxt.pc != v->mmio.pc) {
		keel_io_begin(vcpu);
		return 1;
	}
	return mmio(v);
}

/* User space takes the access back: the guest is at the instruction again. */
void arm_mmio_undo(struct arm_vcpu *v)
{
	if (!v->core.io.exited)
		return;
	v->ctxt.pc = v->mmio.pc;
	v->ctxt.pstate = v->mmio.pstate;
}

/* Nothing tells what the instruction does. */
static int no_syndrome(struct arm_vcpu *v, u64 gpa, bool slot)
{
	struct kvm_run *run = v->core.run;

	if (test_bit(ARM_VM_NISV_TO_USER, &arm_vm_of(v)->flags)) {
		run->exit_reason = KVM_EXIT_ARM_NISV;
		run->arm_nisv.esr_iss = v->exit.esr & (ESR_ELx_CM | ESR_ELx_WNR | ESR_ELx_FSC);
		run->arm_nisv.fault_ipa = gpa;
		return 0;
	}
	if (slot)
		return -ENOSYS;		/* memory that is read-only: user space has to decide */
	arm_inject_abort(v, false, v->exit.far);
	return 1;
}

static bool has_slot(struct arm_vcpu *v, u64 gpa)
{
	int idx = srcu_read_lock(&v->core.vm->srcu);
	bool found = keel_slot_find(v->core.vm, 0, gpa >> PAGE_SHIFT);

	srcu_read_unlock(&v->core.vm->srcu, idx);
	return found;
}

static int no_memory(struct arm_vcpu *v, u64 gpa)
{
	u64 esr = v->exit.esr;

	if (ESR_ELx_EC(esr) == ESR_ELx_EC_IABT_LOW) {
		arm_inject_abort(v, true, v->exit.far);
		return 1;
	}
	if (esr & ESR_ELx_S1PTW) {
		/* Tables where there is no memory, or none that could be written. */
		arm_inject_abort(v, false, v->exit.far);
		return 1;
	}
	/* Maintenance of what is never cached. */
	if (esr & ESR_ELx_CM) {
		arm_skip_insn(v);
		return 1;
	}
	if (!(esr & ESR_ELx_ISV))
		return no_syndrome(v, gpa, has_slot(v, gpa));
	keel_io_begin(&v->core);
	v->mmio.gpa = gpa;
	v->mmio.pc = v->ctxt.pc;
	v->mmio.pstate = v->ctxt.pstate;
	return mmio(v);
}

/* --- memory ------------------------------------------------------------------------------------------- */

/* Of the host's memory: not the guest's doing, but its loss. */
static int external_abort(struct arm_vcpu *v)
{
	arm_inject_serror(v, ESR_ELx_ISV);
	return 1;
}

int arm_exit_abort(struct arm_vcpu *v)
{
	u64 esr = v->exit.esr, gpa = fault_gpa(v);
	unsigned int type = esr & ESR_ELx_FSC_TYPE;
	bool fetch = ESR_ELx_EC(esr) == ESR_ELx_EC_IABT_LOW;
	struct keel_s2_fault fault = {
		.gpa = gpa,
		.exec = fetch,
		.present = type == ESR_ELx_FSC_PERM,
		.order = U8_MAX,
		.lazy_exec = !cpus_have_final_cap(ARM64_HAS_CACHE_DIC),
	};
	int r;

	trace_kvm_guest_fault(v->ctxt.pc, esr, v->exit.far, gpa);
	switch (type) {
	case ESR_ELx_FSC_FAULT:
	case ESR_ELx_FSC_ACCESS:
	case ESR_ELx_FSC_PERM:
		break;
	case FSC_ADDRESS_SIZE:
		/* Beyond the guest's physical addresses, which it could have known. */
		arm_inject_abort(v, fetch, v->exit.far);
		return 1;
	case ESR_ELx_FSC_EXTABT:
	case FSC_EXTABT_WALK:
		return external_abort(v);
	default:
		return keel_internal_error(&v->core, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, 1,
					   &esr);
	}
	/* A walk only reads, unless it sets flags in the guest's tables; WnR is then about the access. */
	if (esr & ESR_ELx_S1PTW)
		fault.write = type == ESR_ELx_FSC_PERM;
	else
		fault.write = !fetch && (esr & ESR_ELx_WNR) && !(esr & ESR_ELx_CM);
	if (gpa >> v->core.vm->s2[0].ia_bits) {
		arm_inject_abort(v, fetch, v->exit.far);
		return 1;
	}

	r = keel_fault_exit(&v->core, &fault);
	return r == KEEL_EXIT_MMIO ? no_memory(v, gpa) : r;
}
