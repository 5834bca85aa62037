/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual GIC, as the rest of arm64 sees it. */
#ifndef KEEL_VGIC_H
#define KEEL_VGIC_H

#include <linux/types.h>

struct arm_vcpu;
struct arm_vm;

struct vgic_dist {
};

struct vgic_vcpu {
};

#endif
