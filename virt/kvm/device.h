/* SPDX-License-Identifier: GPL-2.0-only */
/* Capabilities, for the rest of the core. */
#ifndef KEEL_DEVICE_H
#define KEEL_DEVICE_H

#include <linux/types.h>

struct keel_cap;
struct keel_vm;

/** keel_cap_find - the row of a capability, or NULL. */
const struct keel_cap *keel_cap_find(u32 cap);
/** keel_cap - what KVM_CHECK_EXTENSION answers; @vm NULL: asked on /dev/kvm. */
int keel_cap(struct keel_vm *vm, unsigned long cap);

#endif
