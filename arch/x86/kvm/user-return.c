// SPDX-License-Identifier: GPL-2.0-only
/* MSRs that only user code depends on: they keep guest values until the CPU returns to it. */
#include <linux/percpu.h>
#include <linux/user-return-notifier.h>
#include <asm/msr.h>
#include "x86.h"

#define MAX_SLOTS 8

static u32 msrs[MAX_SLOTS];
static int nr_msrs;

/*
 * What this CPU holds. @host is read when a slot is first used here: these registers are the same
 * from the end of the CPU's bring-up on. Touched by the CPU itself only, with interrupts off.
 */
struct uret_cpu {
	struct user_return_notifier notifier;
	bool armed;
	u32 known;		/* slots whose host value was read */
	struct {
		u64 host, now;
	} slot[MAX_SLOTS];
};

static DEFINE_PER_CPU(struct uret_cpu, uret);

static void restore(struct user_return_notifier *notifier)
{
	struct uret_cpu *cpu = container_of(notifier, struct uret_cpu, notifier);
	unsigned long flags;
	int i;

	/* The CPU may be taken down from an interrupt that comes right now. */
	local_irq_save(flags);
	if (cpu->armed) {
		cpu->armed = false;
		user_return_notifier_unregister(notifier);
		for (i = 0; i < nr_msrs; i++) {
			if ((cpu->known & BIT(i)) && cpu->slot[i].now != cpu->slot[i].host) {
				wrmsrl(msrs[i], cpu->slot[i].host);
				cpu->slot[i].now = cpu->slot[i].host;
			}
		}
	}
	local_irq_restore(flags);
}

/**
 * x86_uret_add - reserve a slot; at module load only
 * @msr: the register
 *
 * Return: the slot, or -1 when this CPU does not have a register that can be read and written.
 */
int x86_uret_add(u32 msr)
{
	u64 val;
	int i, r;

	for (i = 0; i < nr_msrs; i++)
		if (msrs[i] == msr)
			return i;
	if (nr_msrs == MAX_SLOTS)
		return -1;
	preempt_disable();
	r = rdmsrl_safe(msr, &val) ?: wrmsrl_safe(msr, val);
	preempt_enable();
	if (r)
		return -1;
	msrs[nr_msrs] = msr;
	return nr_msrs++;
}

static void first_use(struct uret_cpu *cpu, int slot)
{
	rdmsrl(msrs[slot], cpu->slot[slot].host);
	cpu->slot[slot].now = cpu->slot[slot].host;
	cpu->known |= BIT(slot);
}

/**
 * x86_uret_set - put a guest's value into this CPU
 * @slot: from x86_uret_add()
 * @val: the guest's value
 * @mask: bits that get the guest's value; the others keep the host's
 *
 * Preemption off. Costs a compare when the value is there already.
 */
void x86_uret_set(int slot, u64 val, u64 mask)
{
	struct uret_cpu *cpu = this_cpu_ptr(&uret);
	unsigned long flags;

	if (likely(cpu->known & BIT(slot)) &&
	    ((val & mask) | (cpu->slot[slot].host & ~mask)) == cpu->slot[slot].now)
		return;
	local_irq_save(flags);
	if (!(cpu->known & BIT(slot)))
		first_use(cpu, slot);
	val = (val & mask) | (cpu->slot[slot].host & ~mask);
	if (!cpu->armed) {
		cpu->notifier.on_user_return = restore;
		user_return_notifier_register(&cpu->notifier);
		cpu->armed = true;
	}
	wrmsrl(msrs[slot], val);
	cpu->slot[slot].now = val;
	local_irq_restore(flags);
}

/* This CPU will run no guest any more: host values back. Interrupts off. */
void x86_uret_cpu_disable(void)
{
	struct uret_cpu *cpu = this_cpu_ptr(&uret);

	restore(&cpu->notifier);
	cpu->known = 0;
}

int x86_uret_setup(void)
{
	/* Slots were added by the backend already; all that could fail has failed there. */
	return 0;
}

void x86_uret_teardown(void)
{
	nr_msrs = 0;
}
