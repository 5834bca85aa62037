// SPDX-License-Identifier: GPL-2.0-only
/* The host's GICv3: what it has for guests, and its maintenance interrupt. */
#define pr_fmt(fmt) "keel: " fmt

#include <linux/acpi.h>
#include <linux/interrupt.h>
#include <linux/moduleparam.h>
#include <linux/of.h>
#include <linux/of_irq.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <keel/device_attr.h>
#include "irq.h"

struct vgic_host vgic_host __ro_after_init;

static int maint_irq __ro_after_init;
static u32 maint_gsi __ro_after_init;		/* by ACPI */
static bool maint_registered __ro_after_init;
static int __percpu *maint_dev __ro_after_init;

/* For tests: with few list registers they overflow soon. */
#ifdef CONFIG_KEEL_LAB
static unsigned int max_lrs = VGIC_MAX_LRS;
module_param_named(vgic_lrs, max_lrs, uint, 0444);
MODULE_PARM_DESC(vgic_lrs, "Use no more list registers than these (2 at least)");
#else
enum { max_lrs = VGIC_MAX_LRS };
#endif

/* It has ended guest mode, and vgic_sync() has dealt with its reason. */
static irqreturn_t maintenance(int irq, void *dev)
{
	return IRQ_HANDLED;
}

/* --- where the maintenance interrupt is --------------------------------------------------- */

static int irq_from_dt(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, "arm,gic-v3");
	int irq;

	if (!node)
		return -ENODEV;
	irq = of_irq_get(node, 0);
	of_node_put(node);
	return irq > 0 ? irq : -ENODEV;
}

#ifdef CONFIG_ACPI
/* All CPUs have the same: of the first GICC structure in the MADT (ACPI 5.2.12.14). */
static int irq_from_acpi(void)
{
	const struct acpi_madt_generic_interrupt *gicc;
	const struct acpi_subtable_header *sub;
	struct acpi_table_header *madt;
	int irq = -ENODEV;
	u32 pos;

	if (acpi_disabled || ACPI_FAILURE(acpi_get_table(ACPI_SIG_MADT, 0, &madt)))
		return -ENODEV;
	for (pos = sizeof(struct acpi_table_madt); pos + sizeof(*sub) <= madt->length; pos += sub->length) {
		sub = (void *)madt + pos;
		if (!sub->length)
			break;
		gicc = (void *)sub;
		if (sub->type != ACPI_MADT_TYPE_GENERIC_INTERRUPT || !gicc->vgic_interrupt)
			continue;
		maint_gsi = gicc->vgic_interrupt;
		irq = acpi_register_gsi(NULL, maint_gsi,
					gicc->flags & ACPI_MADT_VGIC_IRQ_MODE ?
					ACPI_EDGE_SENSITIVE : ACPI_LEVEL_SENSITIVE,
					ACPI_ACTIVE_HIGH);
		maint_registered = irq > 0;
		break;
	}
	acpi_put_table(madt);
	return irq > 0 ? irq : -ENODEV;
}

static void forget_acpi(void)
{
	if (maint_registered)
		acpi_unregister_gsi(maint_gsi);
}
#else
static int irq_from_acpi(void)
{
	return -ENODEV;
}

static void forget_acpi(void)
{
}
#endif

/* --- life --------------------------------------------------------------------------------- */

static bool has_cpu_interface(void)
{
	u64 pfr0 = read_sanitised_ftr_reg(SYS_ID_AA64PFR0_EL1);

	/* GICv3 system registers, and firmware has turned them on. */
	return cpuid_feature_extract_unsigned_field(pfr0, ID_AA64PFR0_EL1_GIC_SHIFT) &&
	       read_sysreg_s(SYS_ICC_SRE_EL2) & ICC_SRE_EL2_SRE;
}

static int take_irq(void)
{
	int irq = irq_from_dt(), r;

	if (irq < 0)
		irq = irq_from_acpi();
	if (irq < 0)
		return irq;
	maint_dev = alloc_percpu(int);
	r = maint_dev ? request_percpu_irq(irq, maintenance, "keel-vgic", maint_dev) : -ENOMEM;
	if (r) {
		free_percpu(maint_dev);
		forget_acpi();
		return r;
	}
	maint_irq = irq;
	return 0;
}

int __init vgic_probe(void)
{
	unsigned int pri_bits, nr_lrs;
	u64 vtr;
	int r;

	r = vgic_check_tables();
	if (r)
		return r;
	if (!has_cpu_interface())
		return 0;
	vtr = read_sysreg_s(SYS_ICH_VTR_EL2);
	pri_bits = ((vtr & ICH_VTR_PRI_BITS_MASK) >> ICH_VTR_PRI_BITS_SHIFT) + 1;
	nr_lrs = clamp(max_lrs, 2u, (unsigned int)(vtr & 0x1f) + 1);
	if (nr_lrs > VGIC_MAX_LRS || pri_bits < 5 || pri_bits > 7)
		return 0;
	r = take_irq();
	if (r == -ENODEV) {
		pr_info("no maintenance interrupt: no GIC in the kernel\n");
		return 0;
	}
	if (r)
		return r;
	vgic_host.vtr = vtr;
	vgic_host.nr_aprs = 1 << (pri_bits - 5);
	vgic_host.nr_lrs = nr_lrs;
	r = keel_device_register(KVM_DEV_TYPE_ARM_VGIC_V3, &vgic_device_ops);
	if (r)
		vgic_remove();
	return r;
}

void vgic_remove(void)
{
	if (!vgic_host.nr_lrs)
		return;
	keel_device_unregister(KVM_DEV_TYPE_ARM_VGIC_V3);
	free_percpu_irq(maint_irq, maint_dev);
	free_percpu(maint_dev);
	forget_acpi();
}

bool vgic_supported(void)
{
	return vgic_host.nr_lrs;
}

/* Guests see ICC_SRE_EL1 by vgic_sysreg() alone: without a GIC it must not be there. */
void vgic_cpu_enable(void)
{
	if (!vgic_host.nr_lrs)
		return;
	write_sysreg_s(read_sysreg_s(SYS_ICC_SRE_EL2) & ~(u64)ICC_SRE_EL2_ENABLE, SYS_ICC_SRE_EL2);
	write_sysreg_s(0, SYS_ICH_HCR_EL2);
	isb();
	enable_percpu_irq(maint_irq, IRQ_TYPE_NONE);
}

void vgic_cpu_disable(void)
{
	if (!vgic_host.nr_lrs)
		return;
	disable_percpu_irq(maint_irq);
	write_sysreg_s(0, SYS_ICH_HCR_EL2);
	write_sysreg_s(read_sysreg_s(SYS_ICC_SRE_EL2) | ICC_SRE_EL2_ENABLE, SYS_ICC_SRE_EL2);
	isb();
}
