// SPDX-License-Identifier: GPL-2.0-only
/* The core's tracepoints, defined once. */
#define CREATE_TRACE_POINTS
#include "trace.h"
