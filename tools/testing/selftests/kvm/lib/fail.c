// SPDX-License-Identifier: GPL-2.0-only
/*
 * With KVMTEST_FAULTS every ioctl of every test is made to fail first: at the first place in the kernel where
 * memory is allocated or user space is copied, at the second, and so on, until the call comes through without
 * one. What a failed call must do is nothing: the call is made again with the same argument, and the test goes
 * on with what it says in the end.
 *
 * The kernel counts the places for each thread (/proc/thread-self/fail-nth). KVM_RUN is left alone here: what it
 * has done before a failure stays done (fault_injection.c, which places its faults itself).
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "fail.h"
#include "test.h"

/* Of each kind of call in a test, so many are made to fail. */
#define EACH 8
/* More places than any call has. */
#define MOST 2000

#define DEBUG "/sys/kernel/debug/"

int __real_ioctl(int fd, unsigned long request, unsigned long arg);
int __wrap_ioctl(int fd, unsigned long request, ...);

/* Files of /proc mean the thread, or the process, that opened them: a child opens its own. */
static __thread int nth_fd = -1;
static __thread pid_t nth_owner;

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	ASSERT_MSG(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s does not take %s", path,
		   text);
	close(fd);
}

bool fail_possible(void)
{
	return !access("/proc/thread-self/fail-nth", W_OK) && !access(DEBUG "failslab", X_OK);
}

void fail_setup(void)
{
	static const char *const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	char path[80];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(path, sizeof(path), DEBUG "%s/verbose", kinds[i]);
		put(path, "0");
	}
	put("/dev/kmsg", "<4>kvmtest: faults are injected\n");	/* so the kernel may complain of want of memory */
	/* Also those that could wait for memory: they are most. */
	put(DEBUG "failslab/ignore-gfp-wait", "N");
	put(DEBUG "fail_page_alloc/ignore-gfp-wait", "N");
	put(DEBUG "fail_page_alloc/ignore-gfp-highmem", "N");
	put(DEBUG "fail_page_alloc/min-order", "0");
}

void fail_nth(unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	if (nth_owner != getpid()) {
		nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
		nth_owner = getpid();
	}
	ASSERT(nth_fd >= 0);
	ASSERT_EQ(pwrite(nth_fd, text, length, 0), length);
}

bool fail_happened(void)
{
	char text[16] = "";

	/* Reading and writing the file copy as well: either may be what fails, and then nothing is left to. */
	if (pread(nth_fd, text, sizeof(text) - 1, 0) < 0)
		return false;
	if (!atoi(text))
		return true;
	ASSERT(pwrite(nth_fd, "0", 1, 0) == 1 || errno == EFAULT);
	return false;
}

/* The argument as it was before, of what the request says its size is. */
struct argument {
	void *at;
	size_t size;
	u8 data[1 << 14];
};

static int own_memory(void)
{
	static __thread int fd = -1;
	static __thread pid_t owner;

	if (owner != getpid()) {
		fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
		owner = getpid();
	}
	return fd;
}

static void save(struct argument *argument, unsigned long request, unsigned long arg)
{
	argument->at = (void *)arg;
	argument->size = _IOC_SIZE(request);
	/* Not readable: nothing to restore either. */
	if (argument->size > sizeof(argument->data) || !arg ||
	    pread(own_memory(), argument->data, argument->size, arg) != argument->size)
		argument->size = 0;
}

static void restore(const struct argument *argument)
{
	if (argument->size)
		ASSERT_EQ(pwrite(own_memory(), argument->data, argument->size, (long)argument->at), argument->size);
}

static bool is_wanted(unsigned long request)
{
	static unsigned int seen[256];
	static int on = -1;

	if (on < 0)
		on = test_number("KVMTEST_FAULTS", 0);
	/* The line has changed when its status cannot be told: a second call finds that it has. */
	return on && _IOC_TYPE(request) == KVMIO && request != KVM_RUN && request != KVM_IRQ_LINE_STATUS &&
	       __atomic_fetch_add(&seen[_IOC_NR(request)], 1, __ATOMIC_RELAXED) < EACH;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct argument argument;
	unsigned long arg;
	unsigned int n;
	int ret, error;
	va_list args;
	bool failed;

	va_start(args, request);
	arg = va_arg(args, unsigned long);
	va_end(args);
	if (!is_wanted(request))
		return __real_ioctl(fd, request, arg);
	save(&argument, request, arg);
	for (n = 1; n < MOST; n++) {
		fail_nth(n);
		ret = __real_ioctl(fd, request, arg);
		error = errno;
		failed = fail_happened();
		errno = error;
		if (!failed || ret >= 0)
			return ret;
		restore(&argument);
	}
	FAIL("request %#lx fails at more than %u places", request, MOST);
}
