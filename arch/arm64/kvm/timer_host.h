/* SPDX-License-Identifier: GPL-2.0-only */
/* Between timer_host.c and timer.c: the CPU's EL1 timers, which belong to guests. */
#ifndef KEEL_ARM_TIMER_HOST_H
#define KEEL_ARM_TIMER_HOST_H

#include <asm/sysreg.h>
#include <clocksource/arm_arch_timer.h>
#include "timer.h"

/**
 * struct arm_host_timers - what the host has; constant after arm_timer_probe()
 * @rate: of the counter, in Hz
 * @virq: Linux' numbers of the timers' interrupts, 0: it has none that can be used
 * @hwirq: their numbers in the GIC
 * @cntpoff: CNTPOFF_EL2 can shift the physical counter (FEAT_ECV)
 */
struct arm_host_timers {
	u32 rate;
	int virq[ARM_NR_TIMERS];
	u32 hwirq[ARM_NR_TIMERS];
	bool cntpoff;
};

extern struct arm_host_timers arm_host_timers;

/* What <asm/sysreg.h> of some kernels lacks. ECV: CNTPOFF_EL2 counts. */
#define ARM_SYS_CNTPOFF_EL2	sys_reg(3, 4, 14, 0, 6)
#define ARM_CNTHCTL_ECV		BIT(12)

#define ARM_TIMER_LINE	(ARCH_TIMER_CTRL_ENABLE | ARCH_TIMER_CTRL_IT_MASK | ARCH_TIMER_CTRL_IT_STAT)

/* Is a control register's interrupt line high? */
static inline bool arm_timer_line(u32 ctl)
{
	return (ctl & ARM_TIMER_LINE) == (ARCH_TIMER_CTRL_ENABLE | ARCH_TIMER_CTRL_IT_STAT);
}

static inline u32 arm_hw_ctl(enum arm_timer_nr nr)
{
	return nr == ARM_TIMER_VIRT ? read_sysreg_s(SYS_CNTV_CTL_EL02) :
				      read_sysreg_s(SYS_CNTP_CTL_EL02);
}

static inline void arm_hw_set_ctl(enum arm_timer_nr nr, u32 ctl)
{
	if (nr == ARM_TIMER_VIRT)
		write_sysreg_s(ctl, SYS_CNTV_CTL_EL02);
	else
		write_sysreg_s(ctl, SYS_CNTP_CTL_EL02);
	isb();
}

static inline u64 arm_hw_cval(enum arm_timer_nr nr)
{
	return nr == ARM_TIMER_VIRT ? read_sysreg_s(SYS_CNTV_CVAL_EL02) :
				      read_sysreg_s(SYS_CNTP_CVAL_EL02);
}

static inline void arm_hw_set_cval(enum arm_timer_nr nr, u64 cval)
{
	if (nr == ARM_TIMER_VIRT)
		write_sysreg_s(cval, SYS_CNTV_CVAL_EL02);
	else
		write_sysreg_s(cval, SYS_CNTP_CVAL_EL02);
}

/** arm_host_timer_release - deactivate the host's interrupt of a timer here, if need be. */
void arm_host_timer_release(enum arm_timer_nr nr);

/* timer.c: the interrupt of a timer that a guest has. Return: the guest was told. */
bool arm_timer_fired(enum arm_timer_nr nr);

#endif
