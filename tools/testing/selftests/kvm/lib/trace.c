// SPDX-License-Identifier: GPL-2.0-only
/* The module's tracepoints, as the kernel's trace buffer has them. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "trace.h"

#define TRACING "/sys/kernel/tracing/"

static bool put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_TRUNC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

bool trace_start(const char *const *events, unsigned int n)
{
	char path[200];
	unsigned int i;

	if (access(TRACING "events/kvm", X_OK) || test_quirk("two-kvms"))
		return false;
	trace_stop();
	ASSERT(put(TRACING "trace", ""));
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), TRACING "events/kvm/%s/enable", events[i]);
		ASSERT_MSG(put(path, "1"), "no event %s", events[i]);
	}
	ASSERT(put(TRACING "tracing_on", "1"));
	return true;
}

u64 trace_count(const char *text)
{
	FILE *file = fopen(TRACING "trace", "r");
	char line[500];
	u64 n = 0;

	ASSERT(file);
	while (fgets(line, sizeof(line), file))
		n += line[0] != '#' && strstr(line, text);
	fclose(file);
	return n;
}

void trace_stop(void)
{
	put(TRACING "events/kvm/enable", "0");
}
