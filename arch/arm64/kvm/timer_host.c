// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's EL1 timers and their interrupts. A VHE host uses the EL2 physical timer for itself, so the
 * EL1 timers are the guests'.
 *
 * The interrupts are level-sensitive: as long as a guest's timer has expired and the guest has not set it
 * anew, the line stays high, and an ordinary handler would be called again and again. So they are
 * forwarded: the host's GIC works with separate priority drop and deactivation (EOImode 1), and
 * irq_set_vcpu_affinity() makes the host leave out the deactivation. After the handler the interrupt is
 * still active and is not signalled again here, until it is deactivated:
 * - by the guest: the list register with the virtual interrupt names the physical one (HW bit), and
 *   the guest's own deactivation deactivates both. If the line is still high then, it is signalled again.
 *   No exit is needed for any of this;
 * - by arm_host_timer_release() through ICC_DIR_EL1: when the vCPU leaves this CPU, as the next one
 *   needs the interrupt; and when the line was found low. To deactivate what is not active any more does
 *   no harm.
 * Neither takes a lock, nor a register of the distributor.
 */
#define pr_fmt(fmt) "keel: " fmt

#include <linux/acpi.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqchip/arm-gic-v3.h>
#include <linux/of.h>
#include <linux/of_irq.h>
#include <linux/percpu.h>
#include <asm/arch_gicv3.h>
#include <asm/cpufeature.h>
#include <asm/kvm_arm.h>
#include "timer_host.h"

struct arm_host_timers arm_host_timers;

static const char *const names[ARM_NR_TIMERS] = { "keel-vtimer", "keel-ptimer" };

/* Interrupts that the handler has left active here: one bit each. */
static DEFINE_PER_CPU(unsigned int, left_active);

static void deactivate(enum arm_timer_nr nr)
{
	gic_write_dir(arm_host_timers.hwirq[nr]);
}

void arm_host_timer_release(enum arm_timer_nr nr)
{
	if (!(__this_cpu_read(left_active) & BIT(nr)))
		return;
	__this_cpu_and(left_active, ~BIT(nr));
	deactivate(nr);
}

static irqreturn_t handle_irq(int irq, void *unused)
{
	enum arm_timer_nr nr = irq == arm_host_timers.virq[ARM_TIMER_VIRT] ? ARM_TIMER_VIRT :
									     ARM_TIMER_PHYS;

	/* Too late: the vCPU has gone, or has set its timer anew. */
	if (!arm_timer_fired(nr))
		deactivate(nr);
	else
		__this_cpu_or(left_active, BIT(nr));
	return IRQ_HANDLED;
}

void arm_timer_cpu_enable(void)
{
	enum arm_timer_nr nr;

	__this_cpu_write(left_active, 0);
	for (nr = 0; nr < ARM_NR_TIMERS; nr++) {
		arm_hw_set_ctl(nr, 0);
		if (arm_host_timers.virq[nr])
			enable_percpu_irq(arm_host_timers.virq[nr], IRQ_TYPE_NONE);
	}
}

void arm_timer_cpu_disable(void)
{
	enum arm_timer_nr nr;

	for (nr = 0; nr < ARM_NR_TIMERS; nr++) {
		if (!arm_host_timers.virq[nr])
			continue;
		disable_percpu_irq(arm_host_timers.virq[nr]);
		arm_host_timer_release(nr);
	}
}

/* --- module load and unload ----------------------------------------------------------------- */

/* Positions in the device tree's list, where it has no names for them (arm,arch_timer.yaml). */
static const struct {
	const char *name;
	int index;
} dt_irqs[ARM_NR_TIMERS] = { { "virt", 2 }, { "phys", 1 } };

static int find_by_dt(struct device_node *node)
{
	bool named = of_property_read_bool(node, "interrupt-names");
	enum arm_timer_nr nr;
	int r;

	of_property_read_u32(node, "clock-frequency", &arm_host_timers.rate);
	for (nr = 0; nr < ARM_NR_TIMERS; nr++) {
		r = named ? of_irq_get_byname(node, dt_irqs[nr].name) :
			    of_irq_get(node, dt_irqs[nr].index);
		arm_host_timers.virq[nr] = r > 0 ? r : 0;
	}
	return 0;
}

#ifdef CONFIG_ACPI
static int map_gsi(u32 gsi, u32 flags)
{
	int r;

	if (!gsi)
		return 0;
	r = acpi_register_gsi(NULL, gsi,
			      flags & ACPI_GTDT_INTERRUPT_MODE ? ACPI_EDGE_SENSITIVE :
								 ACPI_LEVEL_SENSITIVE,
			      flags & ACPI_GTDT_INTERRUPT_POLARITY ? ACPI_ACTIVE_LOW :
								     ACPI_ACTIVE_HIGH);
	return r > 0 ? r : 0;
}

static int find_by_acpi(void)
{
	struct acpi_table_header *table;
	struct acpi_table_gtdt *gtdt;

	if (acpi_disabled || ACPI_FAILURE(acpi_get_table(ACPI_SIG_GTDT, 0, &table)))
		return -ENODEV;
	gtdt = container_of(table, struct acpi_table_gtdt, header);
	arm_host_timers.virq[ARM_TIMER_VIRT] = map_gsi(gtdt->virtual_timer_interrupt,
						       gtdt->virtual_timer_flags);
	arm_host_timers.virq[ARM_TIMER_PHYS] = map_gsi(gtdt->non_secure_el1_interrupt,
						       gtdt->non_secure_el1_flags);
	acpi_put_table(table);
	return 0;
}
#else
static int find_by_acpi(void)
{
	return -ENODEV;
}
#endif

static int find(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, "arm,armv8-timer");
	int r;

	if (!node)
		return find_by_acpi();
	r = find_by_dt(node);
	of_node_put(node);
	return r;
}

static int __percpu *dev_ids;

static int take(enum arm_timer_nr nr)
{
	int virq = arm_host_timers.virq[nr], r;
	struct irq_data *data;

	if (!virq)
		return -ENODEV;
	/* The outermost domain is that of the GIC, whose numbers are what list registers hold. */
	for (data = irq_get_irq_data(virq); data && data->parent_data; data = data->parent_data)
		;
	if (!data || data->hwirq < 16 || data->hwirq > 31)
		return -ENODEV;
	arm_host_timers.hwirq[nr] = data->hwirq;
	r = request_percpu_irq(virq, handle_irq, names[nr], dev_ids);
	if (r)
		return r;
	r = irq_set_vcpu_affinity(virq, &arm_host_timers);
	if (r)
		free_percpu_irq(virq, dev_ids);
	return r;
}

static void give_back(enum arm_timer_nr nr)
{
	if (!arm_host_timers.virq[nr])
		return;
	irq_set_vcpu_affinity(arm_host_timers.virq[nr], NULL);
	free_percpu_irq(arm_host_timers.virq[nr], dev_ids);
	arm_host_timers.virq[nr] = 0;
}

/*
 * Does CNTPOFF_EL2 shift the physical counter? That needs SCR_EL3.ECVEn, which is the firmware's; so look: with a
 * shift into the future a timer there has expired. It counts only with HCR_EL2.TGE clear. Interrupts off.
 */
static bool cntpoff_works(void)
{
	u64 hcr = read_sysreg(hcr_el2), cnthctl = read_sysreg(cnthctl_el2), now;
	bool works;

	write_sysreg(hcr & ~HCR_TGE, hcr_el2);
	write_sysreg(cnthctl | ARM_CNTHCTL_ECV, cnthctl_el2);
	write_sysreg_s(-(1ull << 40), ARM_SYS_CNTPOFF_EL2);
	isb();
	now = arch_timer_read_counter();
	arm_hw_set_cval(ARM_TIMER_PHYS, now + (1ull << 39));
	arm_hw_set_ctl(ARM_TIMER_PHYS, ARCH_TIMER_CTRL_ENABLE | ARCH_TIMER_CTRL_IT_MASK);
	works = arm_hw_ctl(ARM_TIMER_PHYS) & ARCH_TIMER_CTRL_IT_STAT;
	arm_hw_set_ctl(ARM_TIMER_PHYS, 0);
	write_sysreg_s(0, ARM_SYS_CNTPOFF_EL2);
	write_sysreg(cnthctl, cnthctl_el2);
	write_sysreg(hcr, hcr_el2);
	isb();
	return works;
}

/* A GIC with system registers whose interrupts are deactivated separately. */
static bool can_forward(void)
{
	u64 pfr0 = read_sanitised_ftr_reg(SYS_ID_AA64PFR0_EL1);

	return cpuid_feature_extract_unsigned_field(pfr0, ID_AA64PFR0_EL1_GIC_SHIFT) &&
	       read_sysreg_s(SYS_ICC_SRE_EL1) & ICC_SRE_EL1_SRE &&
	       read_sysreg_s(SYS_ICC_CTLR_EL1) & ICC_CTLR_EL1_EOImode_MASK;
}

/**
 * arm_timer_probe - find the host's timers and take their interrupts
 *
 * Return: 0, or a negative errno: it has no virtual timer that guests could be given. Without the
 * physical one guests have that emulated.
 */
int arm_timer_probe(void)
{
	u64 mmfr0 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1);
	unsigned long flags;
	int r;

	local_irq_save(flags);
	arm_host_timers.cntpoff = mmfr0 >> ID_AA64MMFR0_EL1_ECV_SHIFT >= 2 && cntpoff_works();
	local_irq_restore(flags);
	r = find();
	if (r)
		return r;
	if (!arm_host_timers.rate)
		arm_host_timers.rate = read_sysreg(cntfrq_el0);
	if (!arm_host_timers.rate || !can_forward()) {
		pr_err("no counter frequency, or the GIC cannot forward interrupts\n");
		return -ENODEV;
	}
	dev_ids = alloc_percpu(int);
	if (!dev_ids)
		return -ENOMEM;
	r = take(ARM_TIMER_VIRT);
	if (r) {
		pr_err("the virtual timer's interrupt cannot be had (%d)\n", r);
		free_percpu(dev_ids);
		return r;
	}
	if (take(ARM_TIMER_PHYS))
		arm_host_timers.virq[ARM_TIMER_PHYS] = 0;
	return 0;
}

void arm_timer_remove(void)
{
	give_back(ARM_TIMER_PHYS);
	give_back(ARM_TIMER_VIRT);
	free_percpu(dev_ids);
}
