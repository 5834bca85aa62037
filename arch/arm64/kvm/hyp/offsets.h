/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers that entry.S shares with C; vhe.c checks them. */
#ifndef KEEL_ARM_OFFSETS_H
#define KEEL_ARM_OFFSETS_H

#define ARM_CTXT_PC	256	/* struct arm_ctxt: pc, then pstate */
#define ARM_CTXT_KEYS	272	/* sys[ARM_APIAKEYLO_EL1] and the nine after it */

/* What ended guest mode: the vector taken. */
#define ARM_EXIT_SYNC		0
#define ARM_EXIT_IRQ		1
#define ARM_EXIT_FIQ		2
#define ARM_EXIT_SERROR		3
#define ARM_EXIT_SERROR_PENDING	4	/* a flag: an SError of the guest came after the exit */

#define HCR_API_SHIFT_	41

#endif
