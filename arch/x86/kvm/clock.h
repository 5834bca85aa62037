/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files of guest time: the host's time, the guest's TSC, kvmclock. */
#ifndef KEEL_X86_CLOCK_H
#define KEEL_X86_CLOCK_H

#include <keel/host_time.h>
#include "x86.h"

/* --- clock_host.c --- */

/* Rate of this CPU's TSC. */
u32 x86_host_khz(void);
int x86_host_clock_setup(void);
void x86_host_clock_teardown(void);

/* --- tsc.c --- */

/** x86_tsc_create - rate of a new vCPU's TSC: the VM's default */
void x86_tsc_create(struct x86_vcpu *v);
/** x86_tsc_resync - unstable TSC: hold the guest's against the host's clock. @loaded: just now */
void x86_tsc_resync(struct x86_vcpu *v, bool loaded);
/** x86_tsc_host_lost - the host's TSC has gone back by so many ticks: hide it from the guest */
void x86_tsc_host_lost(struct x86_vcpu *v, u64 ticks);
/** x86_tsc_tell_backend - v->tsc_offset is new to the backend; the vCPU is loaded */
void x86_tsc_tell_backend(struct x86_vcpu *v);
/** x86_tsc_join - a new vCPU: its TSC is that of the others */
void x86_tsc_join(struct x86_vcpu *v);
void x86_tsc_set_offset(struct x86_vcpu *v, u64 offset);
int x86_tsc_set_khz(struct x86_vcpu *v, u32 khz);
bool x86_tsc_khz_possible(u32 khz);
u64 x86_tsc_scale(const struct x86_vcpu *v, u64 host_ticks);
/* Rate at which the guest's TSC really advances on this CPU. */
u32 x86_tsc_khz_now(const struct x86_vcpu *v);

/* --- clock.c --- */

/** x86_clock_stale - a TSC has changed: decide anew about the common pair before the next entry */
void x86_clock_stale(struct x86_vcpu *v);

#endif
