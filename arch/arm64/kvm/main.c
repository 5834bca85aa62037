// SPDX-License-Identifier: GPL-2.0-only
/* The module on arm64: choice of the world switch, and the table for the core. */
#define pr_fmt(fmt) "keel: " fmt

#include <linux/miscdevice.h>
#include <linux/module.h>
#include "arm.h"
#include "hyp/hyp.h"

static const struct keel_arch_ops arm_ops = {
	.name = "arm64",
	.vm_size = sizeof(struct arm_vm),
	.vcpu_size = sizeof(struct arm_vcpu),
	.max_vcpus = 512,
	.max_vcpu_ids = 512,
	.nr_aspaces = 1,
};

static int __init arm_module_init(void)
{
	return keel_init(&arm_ops);
}

static void __exit arm_module_exit(void)
{
	keel_exit();
}

module_init(arm_module_init);
module_exit(arm_module_exit);
MODULE_DESCRIPTION("Keel: a KVM-compatible hypervisor");
MODULE_LICENSE("GPL");
MODULE_ALIAS_MISCDEV(KVM_MINOR);
MODULE_ALIAS("devname:kvm");
