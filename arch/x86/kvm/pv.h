/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files of the paravirtual services. */
#ifndef KEEL_X86_PV_H
#define KEEL_X86_PV_H

#include "x86.h"

/* x86_pv_has - may the guest use this KVM_FEATURE_*? Only an enforced CPUID says no. */
bool x86_pv_has(const struct x86_vcpu *v, unsigned int feature);
/* apf.c: the MSRs of async page faults. 0, or 1 for #GP. */
int x86_set_apf_msr(struct x86_vcpu *v, u32 index, u64 val, bool host);

#endif
