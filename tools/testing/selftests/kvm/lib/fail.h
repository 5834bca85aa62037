/* SPDX-License-Identifier: GPL-2.0-only */
/* Failures of the kernel's allocations and user copies, on a kernel with fault injection. */
#ifndef KVMTEST_FAIL_H
#define KVMTEST_FAIL_H

#include <stdbool.h>

/* Can this kernel inject faults? */
bool fail_possible(void);
/* Makes it inject them quietly, into every kind of allocation. */
void fail_setup(void);
/* The @n-th place that can fail, of this thread's system calls from here on, does. 0: none. */
void fail_nth(unsigned int n);
/* Has it? Takes the order back if it has not. */
bool fail_happened(void);

#endif
