/* SPDX-License-Identifier: GPL-2.0-only */
/* The VM and the devices that the tests of this folder share. */
#ifndef TEST_H
#define TEST_H

#include <keel/vcpu.h>
#include "tap.h"

/* A device that counts, and takes @budget accesses before it declines (< 0: any number). */
struct device {
	struct keel_io_dev dev;
	int budget;
	bool released;
};

extern const struct keel_io_dev_ops device_ops;
extern struct keel_vm vm;
extern struct keel_vcpu vcpu;

/* Called at each access that a device takes; a read's value goes to @val. */
extern void (*device_hook)(struct device *d, bool write, u64 addr, int len, void *val);

void vm_create(void);
void vm_destroy(void);		/* and checks that nothing was left behind */
void register_device(struct device *d, enum keel_bus_id bus, u64 addr, u32 len);

void bus_tests(void);

#endif
