/* SPDX-License-Identifier: GPL-2.0-only */
/* KEEL_LAZY_USER: registers that only user code depends on keep guest values until the CPU returns to it. */
#ifndef KEEL_USER_RETURN_H
#define KEEL_USER_RETURN_H

#include <linux/types.h>

#ifdef CONFIG_USER_RETURN_NOTIFIER
/**
 * keel_uret_add - reserve a slot for a register that can be read and written; before keel_init()
 * @reg: its number, for the architecture's host_reg_get() and host_reg_set()
 *
 * Return: the slot, -ENOSPC.
 */
int keel_uret_add(u32 reg);
/**
 * keel_uret_set - put a guest's value into this CPU
 * @slot: from keel_uret_add()
 * @val: the guest's value
 * @mask: bits that get the guest's value; the others keep the host's
 *
 * Preemption off. Costs a compare when the value is there already.
 */
void keel_uret_set(int slot, u64 val, u64 mask);
/* device.c: this CPU will run no guest any more: host values back. Interrupts off. */
void keel_uret_cpu_down(void);
void keel_uret_setup(void);
#else
static inline void keel_uret_cpu_down(void) { }
static inline void keel_uret_setup(void) { }
#endif

#endif
