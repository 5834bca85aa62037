/* SPDX-License-Identifier: GPL-2.0-only */
/* The frame that every test runs in: registration, assertions, TAP. */
#ifndef KVMTEST_TEST_H
#define KVMTEST_TEST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1ull << (n))
#define KB 1024ul
#define MB (1024ul * KB)
#define GB (1024ul * MB)

/*
 * A test is a function in a suite; the suite is its file (the Makefile defines SUITE). It runs in a
 * process of its own and passes when it returns. Assertions may fail in any thread of it.
 */
struct test {
	const char *suite, *name;
	void (*run)(void);
	unsigned int seconds;
	struct test *next;
};

void test_register(struct test *test);

#define TEST_SECONDS(name_, seconds_)						\
	static void test_##name_(void);						\
	static struct test test_entry_##name_ = {				\
		.suite = SUITE, .name = #name_, .run = test_##name_, .seconds = seconds_, \
	};									\
	static void __attribute__((constructor)) test_register_##name_(void)	\
	{									\
		test_register(&test_entry_##name_);				\
	}									\
	static void test_##name_(void)

/* @name: a test that ends within 30 seconds. */
#define TEST(name) TEST_SECONDS(name, 30)

void __attribute__((noreturn, format(printf, 3, 4)))
test_fail(const char *file, int line, const char *format, ...);
void __attribute__((noreturn, format(printf, 1, 2))) test_skip(const char *format, ...);

/* A comment in the output: a measured value, a reason. */
void __attribute__((format(printf, 1, 2))) test_note(const char *format, ...);

/* Sizes and repetitions: @reduced where the host is slow (KVMTEST_SLOW is set). */
unsigned long test_size(unsigned long full, unsigned long reduced);

/* What the emulator that is the host does not do as a CPU does it: a word in KVMTEST_QUIRKS (see run). */
bool test_quirk(const char *quirk);
/* Skips the test there. */
void test_needs(const char *quirk);

/* The fuzzer's steps and seed (KVMTEST_STEPS, KVMTEST_SEED), or the defaults. */
unsigned long test_number(const char *name, unsigned long standard);

#define FAIL(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)

#define ASSERT(condition)							\
	do {									\
		if (!(condition))						\
			FAIL("%s", #condition);					\
	} while (0)

#define ASSERT_MSG(condition, ...)						\
	do {									\
		if (!(condition))						\
			FAIL(__VA_ARGS__);					\
	} while (0)

#define ASSERT_EQ(a, b)								\
	do {									\
		u64 a_ = (u64)(a), b_ = (u64)(b);				\
										\
		if (a_ != b_)							\
			FAIL("%s is %#lx, not %#lx (%s)", #a, a_, b_, #b);	\
	} while (0)

/* A system call that must succeed; gives its value. */
#define ASSERT_OK(call)								\
	({									\
		long ok_ = (long)(call);					\
										\
		if (ok_ < 0)							\
			FAIL("%s: %s", #call, strerrorname_np(errno));		\
		ok_;								\
	})

/* A system call that must fail with a certain errno. */
#define ASSERT_ERRNO(error, call)						\
	do {									\
		long bad_ = (long)(call);					\
		int errno_ = errno;						\
										\
		if (bad_ >= 0)							\
			FAIL("%s gives %ld, not %s", #call, bad_, #error);	\
		if (errno_ != (error))						\
			FAIL("%s: %s, not %s", #call, strerrorname_np(errno_), #error); \
	} while (0)

/* glibc declares it for GNU sources only; so that any order of includes works. */
const char *strerrorname_np(int error);

#endif
