// SPDX-License-Identifier: GPL-2.0-only
/* arm64's tracepoints, defined once. */
#define CREATE_TRACE_POINTS
#include "trace.h"
