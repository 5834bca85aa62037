/* SPDX-License-Identifier: GPL-2.0-only */
/* The frame of the benchmark: paths, their classes, and how one operation is counted. */
#ifndef BENCH_H
#define BENCH_H

#include "kvm.h"

/*
 * A path is measured in a process of its own. Its class says which limit it has to meet (see run):
 * the host's kernel alone answers; user space does; or the host's own page fault is part of it.
 */
struct path {
	const char *name, *class;
	void (*measure)(void);
	struct path *next;
};

void path_register(struct path *path);

#define PATH(name_, class_)							\
	static void measure_##name_(void);					\
	static struct path path_##name_ = {					\
		.name = #name_, .class = class_, .measure = measure_##name_,	\
	};									\
	static void __attribute__((constructor)) path_register_##name_(void)	\
	{									\
		path_register(&path_##name_);					\
	}									\
	static void measure_##name_(void)

#define SAMPLES 201

/* The guest's, and for what is counted outside of guests the program's own. */
extern u64 bench_samples[SAMPLES];

/* The host's instructions so far, in the guest as in the host. */
static inline u64 ticks(void)
{
#ifdef __x86_64__
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return low | (u64)high << 32;
#elif defined(__aarch64__)
	u64 count;

	/* at 1 GHz, in an emulator whose time is one nanosecond an instruction */
	asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count) : : "memory");
	return count;
#else
#error which counter counts instructions here?
#endif
}

/* What `profile` looks for: where counting begins (1) and ends (2). */
#ifdef __x86_64__
#define MARK(number) asm volatile("nopl 0x5a5a000" #number "(%rax)")
#else
#define MARK(number) do { } while (0)
#endif

/* Counts @op @n times, less what it costs to count nothing at all. @i is the round's number. */
#define MEASURE(n, op)								\
	do {									\
		MARK(1);							\
		for (unsigned int i = 0; i < (n); i++) {			\
			u64 before_ = ticks(), start_ = ticks(), end_;		\
										\
			op;							\
			end_ = ticks();						\
			bench_samples[i] = end_ - start_ - (start_ - before_);	\
		}								\
		MARK(2);							\
	} while (0)

/* Guest code that does nothing but to measure @op. */
#define GUEST_MEASURES(name, op)						\
	static void name(u64 arg)						\
	{									\
		MEASURE(SAMPLES, op);						\
	}

/* Runs the vCPU to its guest's end or next guest_sync(); all else it is to do for the guest is nothing. */
void bench_run(struct vcpu *vcpu);
u64 bench_median(const u64 *samples, unsigned int n);
/* Tells the median of @n samples, of @each operations each. */
void bench_report(const u64 *samples, unsigned int n, unsigned int each);
/* The whole of most paths: a VM with an interrupt controller and one vCPU, whose guest measures. */
void bench_guest(guest_fn fn);
void bench_guest_in(struct vm *vm, guest_fn fn);

#endif
