/* SPDX-License-Identifier: GPL-2.0-only */
/* The module's tracepoints, as the kernel's trace buffer has them. */
#ifndef KVMTEST_TRACE_H
#define KVMTEST_TRACE_H

#include "test.h"

/* Empties the buffer and switches on events of the kvm system. False: the module's cannot be seen in this host. */
bool trace_start(const char *const *events, unsigned int n);
/* Lines of the buffer with this text, such as an event's name. */
u64 trace_count(const char *text);
void trace_stop(void);

#endif
