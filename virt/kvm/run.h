/* SPDX-License-Identifier: GPL-2.0-only */
/* The run loop's own services, for device.c. */
#ifndef KEEL_RUN_H
#define KEEL_RUN_H

/* Once, when keel_ops is set. */
void keel_run_setup(void);

#endif
