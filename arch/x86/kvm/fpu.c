// SPDX-License-Identifier: GPL-2.0-only
/* FPU and extended state: lazily switched, and KVM_GET/SET_FPU, _XSAVE(2), _XCRS. */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/special_insns.h>
#include "ioctl.h"
#include "x86.h"

int x86_fpu_create(struct x86_vcpu *v)
{
	v->xcr0 = XFEATURE_MASK_FP;
	return fpu_alloc_guest_fpstate(&v->guest_fpu) ? 0 : -ENOMEM;
}

void x86_fpu_destroy(struct x86_vcpu *v)
{
	fpu_free_guest_fpstate(&v->guest_fpu);
}

void x86_fpu_reset(struct x86_vcpu *v, bool init)
{
	/* INIT leaves the FPU and XCR0 as they are (SDM 10.1.1). */
	if (!init) {
		v->xcr0 = XFEATURE_MASK_FP;
		v->xss = 0;
		v->pkru = 0;
	}
	x86_xcr_update(v);
}

/* Between load and save the scheduler switches the guest's FPU state with the thread. */
void x86_fpu_load(struct keel_vcpu *vcpu)
{
	fpu_swap_kvm_fpstate(&to_x86(vcpu)->guest_fpu, true);
}

void x86_fpu_save(struct keel_vcpu *vcpu)
{
	fpu_swap_kvm_fpstate(&to_x86(vcpu)->guest_fpu, false);
}

/*
 * XCR0 and PKRU cannot wait: the kernel's own XSAVE in an interrupt goes by XCR0, and its user accesses
 * by PKRU. So they are switched at every entry and exit, if the guest's are different at all.
 */
void x86_xcr_load(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	x86_fpu_reload();	/* XRSTOR goes by XCR0 as well */
	if (v->xcr0 != x86_host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, v->xcr0);
	if (cpu_feature_enabled(X86_FEATURE_OSPKE)) {
		v->host_pkru = rdpkru();
		if (v->pkru != v->host_pkru)
			wrpkru(v->pkru);
	}
}

void x86_xcr_save(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (cpu_feature_enabled(X86_FEATURE_OSPKE)) {
		v->pkru = rdpkru();
		if (v->pkru != v->host_pkru)
			wrpkru(v->host_pkru);
	}
	if (v->xcr0 != x86_host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, x86_host_xcr0);
}

/* CR4, XCR0 or both have changed. A guest that cannot use XCR0 or PKRU does not see their values. */
void x86_xcr_update(struct x86_vcpu *v)
{
	unsigned long cr4 = x86_cr4(v);
	bool pku = cpu_feature_enabled(X86_FEATURE_OSPKE) &&
		   ((cr4 & X86_CR4_PKE) ||
		    ((cr4 & X86_CR4_OSXSAVE) && (v->xcr0 & XFEATURE_MASK_PKRU)));

	if (pku || ((cr4 & X86_CR4_OSXSAVE) && v->xcr0 != x86_host_xcr0))
		v->core.lazy_wanted |= BIT(X86_LAZY_XCR);
	else
		v->core.lazy_wanted &= ~BIT(X86_LAZY_XCR);
}

static struct fxregs_state *fxsave(struct x86_vcpu *v)
{
	return &v->guest_fpu.fpstate->regs.fxsave;
}

long x86_get_fpu(struct keel_vcpu *vcpu, void *data)
{
	const struct fxregs_state *fx = fxsave(to_x86(vcpu));
	struct kvm_fpu *fpu = data;

	memcpy(fpu->fpr, fx->st_space, sizeof(fpu->fpr));
	fpu->fcw = fx->cwd;
	fpu->fsw = fx->swd;
	fpu->ftwx = fx->twd;
	fpu->last_opcode = fx->fop;
	fpu->last_ip = fx->rip;
	fpu->last_dp = fx->rdp;
	memcpy(fpu->xmm, fx->xmm_space, sizeof(fpu->xmm));
	fpu->mxcsr = fx->mxcsr;
	return 0;
}

long x86_set_fpu(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct fxregs_state *fx = fxsave(v);
	const struct kvm_fpu *fpu = data;

	if (fpu->mxcsr & ~(fx->mxcsr_mask ?: 0xffbf))
		return -EINVAL;		/* FXRSTOR in the kernel would fault */
	memcpy(fx->st_space, fpu->fpr, sizeof(fpu->fpr));
	fx->cwd = fpu->fcw;
	fx->swd = fpu->fsw;
	fx->twd = fpu->ftwx;
	fx->fop = fpu->last_opcode;
	fx->rip = fpu->last_ip;
	fx->rdp = fpu->last_dp;
	memcpy(fx->xmm_space, fpu->xmm, sizeof(fpu->xmm));
	fx->mxcsr = fpu->mxcsr;
	/* What the header calls unused would be loaded as its initial value. */
	if (cpu_feature_enabled(X86_FEATURE_XSAVE))
		v->guest_fpu.fpstate->regs.xsave.header.xfeatures |= XFEATURE_MASK_FPSSE;
	return 0;
}

/* XSAVE areas have the size that the CPU gives them, so these three copy by themselves. */
static unsigned int xsave_size(struct x86_vcpu *v)
{
	return max_t(unsigned int, v->guest_fpu.uabi_size, sizeof(struct kvm_xsave));
}

long x86_get_xsave2(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	unsigned int size = xsave_size(v);
	void *buf = kzalloc(size, GFP_KERNEL_ACCOUNT);
	int r = 0;

	if (!buf)
		return -ENOMEM;
	fpu_copy_guest_fpstate_to_uabi(&v->guest_fpu, buf, size,
				       v->cpuid.xcr0_allowed | XFEATURE_MASK_FPSSE,
				       v->pkru);
	if (copy_to_user(*(void __user **)data, buf, size))
		r = -EFAULT;
	kfree(buf);
	return r;
}

/* The caller's buffer is one page; a larger state needs KVM_GET_XSAVE2. */
long x86_get_xsave(struct keel_vcpu *vcpu, void *data)
{
	if (xsave_size(to_x86(vcpu)) > sizeof(struct kvm_xsave))
		return -EINVAL;
	return x86_get_xsave2(vcpu, data);
}

long x86_set_xsave(struct keel_vcpu *vcpu, void *data)
{
	struct x86_vcpu *v = to_x86(vcpu);
	void *buf = memdup_user(*(void __user **)data, xsave_size(v));
	int r;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	r = fpu_copy_uabi_to_guest_fpstate(&v->guest_fpu, buf, x86_supported_xcr0, &v->pkru);
	kfree(buf);
	return r;
}

long x86_get_xcrs(struct keel_vcpu *vcpu, void *data)
{
	struct kvm_xcrs *xcrs = data;

	if (!x86_cpu_supports(X86_FEATURE_XSAVE))
		return -EINVAL;
	xcrs->nr_xcrs = 1;
	xcrs->xcrs[0].xcr = XCR_XFEATURE_ENABLED_MASK;
	xcrs->xcrs[0].value = to_x86(vcpu)->xcr0;
	return 0;
}

long x86_set_xcrs(struct keel_vcpu *vcpu, void *data)
{
	const struct kvm_xcrs *xcrs = data;
	u32 i;

	if (!x86_cpu_supports(X86_FEATURE_XSAVE) || xcrs->nr_xcrs > KVM_MAX_XCRS || xcrs->flags)
		return -EINVAL;
	for (i = 0; i < xcrs->nr_xcrs; i++)
		if (xcrs->xcrs[i].xcr == XCR_XFEATURE_ENABLED_MASK)
			return x86_set_xcr0(to_x86(vcpu), xcrs->xcrs[i].xcr, xcrs->xcrs[i].value) ?
			       -EINVAL : 0;
	return 0;
}
