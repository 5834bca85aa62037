/* SPDX-License-Identifier: GPL-2.0-only */
/* Test Anything Protocol: one line per test, and random numbers that repeat. */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Shared by the files of a test program. */
__attribute__((weak)) unsigned int tap_count, tap_failed, tap_bad;

/* A check inside a test; the test fails with its first bad check. */
#define check(cond)									\
	do {										\
		if (!(cond) && !tap_bad++)						\
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);		\
	} while (0)

static inline void tap_test(const char *name, void (*test)(void))
{
	tap_bad = 0;
	test();
	if (tap_bad)
		tap_failed++;
	printf("%sok %u - %s\n", tap_bad ? "not " : "", ++tap_count, name);
	fflush(stdout);
}

static inline int tap_done(void)
{
	printf("1..%u\n", tap_count);
	return tap_failed ? 1 : 0;
}

static inline unsigned int rnd(unsigned int below)
{
	static unsigned long long state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % below;
}

#endif
