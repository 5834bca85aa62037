// SPDX-License-Identifier: GPL-2.0-only
/* Measures paths, each in a process of its own, and prints a line for each: name, class, median. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include "bench.h"

u64 bench_samples[SAMPLES];

static struct path *paths, **last = &paths;
static const struct path *current;

void path_register(struct path *path)
{
	*last = path;
	last = &path->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: %s:%d: ", current->name, file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

/* There is no skipping: a path that cannot be measured is missing from the table. */
void test_skip(const char *format, ...)
{
	FAIL("cannot be measured: %s", format);
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

u64 bench_median(const u64 *samples, unsigned int n)
{
	u64 sorted[SAMPLES];

	memcpy(sorted, samples, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	return sorted[n / 2];
}

void bench_report(const u64 *samples, unsigned int n, unsigned int each)
{
	printf("%s\t%s\t%.*f\n", current->name, current->class, each > 16,
	       (double)bench_median(samples, n) / each);
}

void bench_run(struct vcpu *vcpu)
{
	do {
		ASSERT_OK(vcpu_run_once(vcpu));
	} while ((vcpu->run->exit_reason == KVM_EXIT_MMIO || vcpu->run->exit_reason == KVM_EXIT_IO) &&
		 !arch_call_address(vcpu));
	if (!vcpu_called(vcpu) || (vcpu->call.what != GUEST_SYNC && vcpu->call.what != GUEST_DONE))
		vcpu_unexpected(vcpu, "the guest's end");
}

void bench_guest_in(struct vm *vm, guest_fn fn)
{
	bench_run(vcpu_create(vm, fn, 0));
	bench_report(*vm_var(vm, bench_samples), SAMPLES, 1);
}

void bench_guest(guest_fn fn)
{
	bench_guest_in(vm_create(VM_IRQCHIP), fn);
}

static bool chosen(const char *name, char **names)
{
	if (!*names)
		return true;
	while (*names)
		if (!strcmp(*names++, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	bool good = true;
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (current = paths; current; current = current->next) {
		if (!chosen(current->name, argv + 1))
			continue;
		if (!fork()) {
			current->measure();
			exit(EXIT_SUCCESS);
		}
		wait(&status);
		good &= !status;
	}
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
