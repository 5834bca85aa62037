// SPDX-License-Identifier: GPL-2.0-only
/* Registers that only user code depends on: they keep guest values until the CPU returns to it. */
#include <linux/errno.h>
#include <linux/percpu.h>
#include <linux/static_call.h>
#include <linux/user-return-notifier.h>
#include <keel/arch.h>
#include <keel/user_return.h>

/* Only where the kernel tells of returns to user code; elsewhere KEEL_LAZY_USER has no components. */
#ifdef CONFIG_USER_RETURN_NOTIFIER

#define MAX_SLOTS 8

static u32 regs[MAX_SLOTS];
static int nr_regs;

DEFINE_STATIC_CALL_NULL(host_reg_get, *((struct keel_arch_ops *)0)->host_reg_get);
DEFINE_STATIC_CALL_NULL(host_reg_set, *((struct keel_arch_ops *)0)->host_reg_set);

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
		for (i = 0; i < nr_regs; i++) {
			if ((cpu->known & BIT(i)) && cpu->slot[i].now != cpu->slot[i].host) {
				static_call(host_reg_set)(regs[i], cpu->slot[i].host);
				cpu->slot[i].now = cpu->slot[i].host;
			}
		}
	}
	local_irq_restore(flags);
}

int keel_uret_add(u32 reg)
{
	int i;

	for (i = 0; i < nr_regs; i++)
		if (regs[i] == reg)
			return i;
	if (nr_regs == MAX_SLOTS)
		return -ENOSPC;
	regs[nr_regs] = reg;
	return nr_regs++;
}

static void first_use(struct uret_cpu *cpu, int slot)
{
	cpu->slot[slot].host = static_call(host_reg_get)(regs[slot]);
	cpu->slot[slot].now = cpu->slot[slot].host;
	cpu->known |= BIT(slot);
}

void keel_uret_set(int slot, u64 val, u64 mask)
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
	static_call(host_reg_set)(regs[slot], val);
	cpu->slot[slot].now = val;
	local_irq_restore(flags);
}

void keel_uret_cpu_down(void)
{
	struct uret_cpu *cpu = this_cpu_ptr(&uret);

	restore(&cpu->notifier);
	cpu->known = 0;
}

void keel_uret_setup(void)
{
	static_call_update(host_reg_get, keel_ops.host_reg_get);
	static_call_update(host_reg_set, keel_ops.host_reg_set);
}

#endif
