// SPDX-License-Identifier: GPL-2.0-only
/* Runs tests, each in a process of its own, and prints TAP. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "fail.h"
#include "test.h"

#define EXIT_SKIP 4

static struct test *tests, **last = &tests;
static char *reason;		/* shared with the process of the test */

void test_register(struct test *test)
{
	*last = test;
	last = &test->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
	const char *name = strrchr(file, '/');
	va_list args;
	int n;

	n = snprintf(reason, 400, "%s:%d: ", name ? name + 1 : file, line);
	va_start(args, format);
	vsnprintf(reason + n, 400 - n, format, args);
	va_end(args);
	_exit(EXIT_FAILURE);
}

void test_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason, 400, format, args);
	va_end(args);
	_exit(EXIT_SKIP);
}

void test_note(const char *format, ...)
{
	char line[400];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n] = 0;
	printf("# %s\n", line);
	fflush(stdout);
}

unsigned long test_number(const char *name, unsigned long standard)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : standard;
}

bool test_quirk(const char *quirk)
{
	const char *quirks = getenv("KVMTEST_QUIRKS");

	return quirks && strstr(quirks, quirk);
}

void test_needs(const char *quirk)
{
	if (test_quirk(quirk))
		test_skip("the emulated host: %s", quirk);
}

unsigned long test_size(unsigned long full, unsigned long reduced)
{
	return test_number("KVMTEST_SLOW", 0) ? reduced : full;
}

/* Waits for a child until the time is over. Return: its status, or -1. */
static int wait_child(pid_t pid, unsigned int seconds)
{
	struct timespec now, end;
	sigset_t set;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	for (;;) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec ||
		    (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec))
			return -1;
		now.tv_sec = end.tv_sec - now.tv_sec;
		now.tv_nsec = 0;
		if (now.tv_sec < 1)
			now.tv_sec = 1;
		sigtimedwait(&set, NULL, &now);
	}
}

static bool run_test(struct test *test, unsigned int number)
{
	struct timespec start, end;
	int status;
	pid_t pid;

	reason[0] = 0;
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid = fork();
	if (!pid) {
		sigset_t none;

		setpgid(0, 0);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		test->run();
		_exit(EXIT_SUCCESS);
	}
	setpgid(pid, pid);
	status = wait_child(pid, test->seconds * test_number("KVMTEST_PATIENCE", test_size(1, 3)));
	/* Whatever the test has started goes with it. */
	kill(-pid, SIGKILL);
	if (status < 0) {
		waitpid(pid, NULL, 0);
		snprintf(reason, 400, "no end after %u s", test->seconds);
	} else if (WIFSIGNALED(status)) {
		snprintf(reason, 400, "killed: %s", strsignal(WTERMSIG(status)));
	} else if (WEXITSTATUS(status) == EXIT_SKIP) {
		printf("ok %u %s.%s # SKIP %s\n", number, test->suite, test->name, reason);
		return true;
	} else if (!WEXITSTATUS(status)) {
		clock_gettime(CLOCK_MONOTONIC, &end);
		printf("ok %u %s.%s # %.1f s\n", number, test->suite, test->name,
		       end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9);
		return true;
	}
	printf("not ok %u %s.%s # %s\n", number, test->suite, test->name, reason);
	return false;
}

/* A pattern is a suite, or a suite and a test with a dot between them. */
static bool chosen(const struct test *test, char **patterns)
{
	size_t n = strlen(test->suite);

	if (!*patterns)
		return true;
	for (; *patterns; patterns++)
		if (!strncmp(*patterns, test->suite, n) &&
		    (!(*patterns)[n] ||
		     ((*patterns)[n] == '.' && !strcmp(*patterns + n + 1, test->name))))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	bool list = argc > 1 && !strcmp(argv[1], "--list");
	char **patterns = argv + 1 + list;
	unsigned int number = 0;
	bool good = true;
	struct test *test;
	sigset_t set;

	reason = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (reason == MAP_FAILED)
		return EXIT_FAILURE;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (test = tests; test; test = test->next) {
		if (!chosen(test, patterns))
			continue;
		number++;
		if (!list && number == 1 && test_number("KVMTEST_FAULTS", 0))
			fail_setup();
		if (list)
			printf("%s.%s %u\n", test->suite, test->name, test->seconds);
		else
			good &= run_test(test, number);
	}
	if (!list)
		printf("1..%u\n", number);
	return good && number ? EXIT_SUCCESS : EXIT_FAILURE;
}
