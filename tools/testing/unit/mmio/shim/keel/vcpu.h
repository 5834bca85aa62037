/* SPDX-License-Identifier: GPL-2.0-only */
/* The few fields of a VM and a vCPU that the code under test uses. */
#ifndef SHIM_VCPU_H
#define SHIM_VCPU_H

#include "../shim.h"
#include <keel/arch.h>
#include <keel/bus.h>
#include <keel/irq.h>
#include <keel/mmio.h>

struct keel_vm {
	struct srcu_struct srcu;
	struct mutex slots_lock;
	struct keel_bus *bus[KEEL_NR_BUSES];
	u64 bus_gen;
	struct keel_coalesced coalesced;
	struct keel_irq irq;
};

struct keel_vcpu {
	struct keel_vm *vm;
	struct kvm_run *run;
	struct keel_bus_hint bus_hint[KEEL_NR_BUSES];
	struct keel_io io;
	struct {
		u64 mmio_exits, io_exits;
	} stat;
};

#endif
