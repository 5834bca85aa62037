// SPDX-License-Identifier: GPL-2.0-only
/*
 * One interrupt of the virtual GIC against the architecture's state machine (IHI0069 4.1.2): a random
 * sequence of what devices, vCPUs and the guest do, with list registers as the hardware changes them.
 */
#include <stddef.h>
#include "shim.h"
#include "tap.h"
#ifndef BIT_ULL
#define BIT_ULL(n) (1ull << (n))
#endif
#include "state.h"

int shim_fail_alloc;
long shim_allocated;

#define GROUPS	(VGIC_VMCR_ENG0 | VGIC_VMCR_ENG1)
#define STATE(lr) ((unsigned int)((lr) >> VGIC_LR_STATE_SHIFT))

/*
 * What the manual says: nothing about list registers. An edge while one waits is the same to the manual;
 * here, if the guest is inside, it may be taken as one that came after the acknowledge.
 */
struct model {
	bool line, latch, again, active, enabled, level;
	unsigned int acks;
};

static struct vgic_irq irq;
static struct model m;
static u64 lr;
static bool inside;		/* a vCPU is in the guest; what it has is in lr */
static unsigned int ended;

static bool m_pending(void)
{
	return m.latch || (m.level && m.line);
}

static void enter(void)
{
	lr = vgic_irq_wanted(&irq) ? vgic_irq_load(&irq, GROUPS) : 0;
	inside = true;
	m.again = false;
	check(!lr == !irq.in_lr);
	if (!lr)
		return;
	check((u32)lr == irq.intid && (u8)(lr >> VGIC_LR_PRIO_SHIFT) == irq.priority);
	check(STATE(lr) & VGIC_ACTIVE ? m.active : !m.active);
	if (STATE(lr) & VGIC_PENDING)
		check(m.enabled && m_pending());
	/* What is deliverable must be there. */
	if (m.enabled && m_pending() && !m.active)
		check(STATE(lr) == VGIC_PENDING);
	check(!(lr & VGIC_LR_EOI) == !m.level || (lr & VGIC_LR_HW));
	/* The architecture forbids both states together for the hardware's interrupts. */
	check(!(lr & VGIC_LR_HW) || STATE(lr) != (VGIC_PENDING | VGIC_ACTIVE));
}

static void leave(void)
{
	if (!inside)
		return;
	inside = false;
	if (lr && vgic_irq_unload(&irq, lr))
		ended++;
	check(irq.active == m.active);
	check(irq.enabled == m.enabled);
	check(vgic_irq_pending(&irq) == m_pending());
	check(irq.latch == m.latch);
	check(!irq.in_lr && !irq.lr_clear && !irq.lr_set);
}

/* The CPU interface. */
static void guest_acknowledges(void)
{
	if (!inside || STATE(lr) != VGIC_PENDING)
		return;
	lr = (lr & ~(3ull << VGIC_LR_STATE_SHIFT)) | (u64)VGIC_ACTIVE << VGIC_LR_STATE_SHIFT;
	m.acks++;
	m.active = true;
	m.latch = m.again;
}

static void guest_deactivates(void)
{
	if (!inside || !(STATE(lr) & VGIC_ACTIVE))
		return;
	lr &= ~((u64)VGIC_ACTIVE << VGIC_LR_STATE_SHIFT);
	m.active = false;
	if (!STATE(lr) && (lr & VGIC_LR_EOI))
		leave();	/* the maintenance interrupt */
}

static void set_latch(void)
{
	m.latch = true;
	m.again = inside;
	irq.latch = true;
}

static void set_line(bool up)
{
	if (up && !m.level)
		set_latch();
	m.line = up;
	irq.line = up;
}

static void step(unsigned int what)
{
	switch (what) {
	case 0:
		set_line(true);
		break;
	case 1:
		set_line(false);
		break;
	case 2:
		m.enabled = true;
		irq.enabled = true;
		break;
	case 3:
		m.enabled = false;
		irq.enabled = false;
		if (irq.in_lr & VGIC_PENDING)
			leave();
		break;
	case 4:
		set_latch();
		break;
	case 5:
		m.latch = false;
		m.again = false;
		if (vgic_irq_clear_pending(&irq))
			leave();
		break;
	case 6:
		m.active = true;
		if (vgic_irq_set_active(&irq))
			leave();
		break;
	case 7:
		m.active = false;
		if (vgic_irq_clear_active(&irq))
			leave();
		break;
	case 8:
	case 9:
		leave();
		enter();
		break;
	case 10:
	case 11:
		guest_acknowledges();
		break;
	default:
		guest_deactivates();
	}
}

static void sequence(bool level, u16 hwirq)
{
	unsigned int i;

	for (i = 0; i < 400000 && !tap_bad; i++) {
		if (i % 1000 == 0) {
			leave();
			irq = (struct vgic_irq){ .intid = 40, .group1 = true, .level = level, .hwirq = hwirq };
			m = (struct model){ .level = level };
			irq.priority = rnd(32) << 3;
			lr = 0;
		}
		step(rnd(14));
		leave();
		enter();
		step(rnd(14));
	}
	leave();
}

static void test_edge(void)
{
	sequence(false, 0);
}

static void test_level(void)
{
	ended = 0;
	sequence(true, 0);
	check(ended > 1000);
}

static void test_hardware(void)
{
	sequence(true, 27);
}

/* Each edge that finds no other waiting is delivered, wherever it comes in between. */
static void test_no_edge_lost(void)
{
	unsigned int i, acks = 0;

	irq = (struct vgic_irq){ .intid = 40, .group1 = true, .enabled = true };
	m = (struct model){ .enabled = true };
	for (i = 0; i < 100; i++) {
		set_line(true);
		enter();
		check(STATE(lr) == VGIC_PENDING);
		guest_acknowledges();
		acks++;
		set_line(true);		/* while it is active */
		leave();
		enter();
		check(STATE(lr) == (VGIC_PENDING | VGIC_ACTIVE));
		guest_deactivates();
		check(STATE(lr) == VGIC_PENDING);
		guest_acknowledges();
		acks++;
		guest_deactivates();
		leave();
		check(!vgic_irq_wanted(&irq));
	}
	check(m.acks == acks);
}

static void test_groups(void)
{
	irq = (struct vgic_irq){ .intid = 40, .enabled = true, .latch = true, .priority = 0x50 };
	check(!vgic_irq_load(&irq, VGIC_VMCR_ENG1) && irq.latch);
	check(vgic_irq_deliverable(&irq, GROUPS, 0x60u << VGIC_VMCR_PMR_SHIFT | GROUPS));
	check(!vgic_irq_deliverable(&irq, GROUPS, 0x50u << VGIC_VMCR_PMR_SHIFT | GROUPS));
	check(!vgic_irq_deliverable(&irq, GROUPS, 0xf0u << VGIC_VMCR_PMR_SHIFT | VGIC_VMCR_ENG1));
	check(!vgic_irq_deliverable(&irq, VGIC_VMCR_ENG1, 0xf0u << VGIC_VMCR_PMR_SHIFT | GROUPS));
	irq.active = true;
	check(!vgic_irq_deliverable(&irq, GROUPS, 0xf0u << VGIC_VMCR_PMR_SHIFT | GROUPS));
	/* Active, it goes in even if its group is not forwarded. */
	lr = vgic_irq_load(&irq, VGIC_VMCR_ENG1);
	check(STATE(lr) == VGIC_ACTIVE && !(lr & VGIC_LR_GROUP1) && irq.latch);
}

static void test_rank(void)
{
	struct vgic_irq a = { .priority = 0xf0, .active = true }, b = { .priority = 0x10, .group1 = true };
	struct vgic_irq c = { .priority = 0x18, .group1 = true }, d = { .priority = 0 };
	u32 vmcr = VGIC_VMCR_ENG1;

	check(vgic_irq_rank(&a, vmcr) < vgic_irq_rank(&b, vmcr));
	check(vgic_irq_rank(&b, vmcr) < vgic_irq_rank(&c, vmcr));
	/* Its group is off in the CPU interface: it must not keep others out. */
	check(vgic_irq_rank(&c, vmcr) < vgic_irq_rank(&d, vmcr));
	check(vgic_irq_rank(&d, GROUPS) < vgic_irq_rank(&b, GROUPS));
}

int main(void)
{
	tap_test("edge-triggered: random sequences", test_edge);
	tap_test("level-sensitive: random sequences", test_level);
	tap_test("forwarded from hardware: random sequences", test_hardware);
	tap_test("no edge is lost", test_no_edge_lost);
	tap_test("groups and priority mask", test_groups);
	tap_test("order when list registers overflow", test_rank);
	return tap_done();
}
