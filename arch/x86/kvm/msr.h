/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files that make up the MSRs of x86: the table, and what fills its rows. */
#ifndef KEEL_X86_MSR_H
#define KEEL_X86_MSR_H

#include <asm/msr-index.h>
#include "cpuid.h"

#define X86_MCE_BANKS 32

/* A row's get() or set(). */
typedef int x86_msr_fn(struct keel_vcpu *vcpu, const struct keel_reg *reg,
		       struct keel_reg_access *a);

/* msr_table.c */
extern const struct keel_reg_table x86_msrs;
void x86_msr_defaults(struct x86_vcpu *v);
u64 x86_supported_arch_capabilities(void);

/* mtrr.c */
x86_msr_fn x86_mtrr_cap_get, x86_mtrr_fixed_set, x86_mtrr_var_set, x86_mtrr_deftype_set;
x86_msr_fn x86_mtrr_fixed_get, x86_pat_set;

/* mce.c */
x86_msr_fn x86_mcg_get, x86_mcg_set, x86_mce_bank_get, x86_mce_bank_set;
void x86_mce_reset(struct x86_vcpu *v);

#endif
