/* SPDX-License-Identifier: GPL-2.0-only */
/* What the stage-2 engine takes from the kernel, for a user program: physical is virtual. */
#ifndef STAGE2_SHIM_H
#define STAGE2_SHIM_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef unsigned int gfp_t;

#undef __always_inline
#define __always_inline	inline __attribute__((__always_inline__))

#define PAGE_SHIFT	12
#define BIT(n)		(1UL << (n))
#define BIT_ULL(n)	(1ULL << (n))
#define GENMASK_ULL(h, l)	((~0ULL >> (63 - (h))) & (~0ULL << (l)))
#define __ffs64(x)	((unsigned int)__builtin_ctzll(x))
#define min(a, b)	((a) < (b) ? (a) : (b))
#define max(a, b)	((a) > (b) ? (a) : (b))

/* An entry is read to follow the table it names: what the kernel leaves to address dependency. */
#define READ_ONCE(x)	__atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_RELEASE)

/* The test sees every exchange of an entry, so that it can hold it against the manual's rules. */
extern void (*shim_watcher)(u64 *slot, u64 old, u64 new);

static inline void shim_watch(u64 *slot, u64 old, u64 new)
{
	if (shim_watcher)
		shim_watcher(slot, old, new);
}

/* Called once, before the shim_intrude_at'th next exchange: another CPU that was faster. */
extern void (*shim_intruder)(void);
extern int shim_intrude_at;

static inline void shim_intrude(void)
{
	void (*intruder)(void) = shim_intruder;

	if (intruder && !shim_intrude_at--) {
		shim_intruder = NULL;
		intruder();
	}
}

static inline bool try_cmpxchg64(u64 *slot, u64 *old, u64 new)
{
	u64 was = *old;
	bool done;

	shim_intrude();
	done = __atomic_compare_exchange_n(slot, old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
	if (done)
		shim_watch(slot, was, new);
	return done;
}

static inline u64 xchg(u64 *slot, u64 new)
{
	u64 old = __atomic_exchange_n(slot, new, __ATOMIC_SEQ_CST);

	shim_watch(slot, old, new);
	return old;
}

typedef struct { long long v; } atomic64_t;

#define atomic64_set(a, n)	((a)->v = (n))
#define atomic64_read(a)	__atomic_load_n(&(a)->v, __ATOMIC_RELAXED)
#define atomic64_add(n, a)	((void)__atomic_fetch_add(&(a)->v, n, __ATOMIC_RELAXED))
#define atomic64_sub(n, a)	((void)__atomic_fetch_sub(&(a)->v, n, __ATOMIC_RELAXED))
#define atomic64_inc(a)		atomic64_add(1, a)
#define atomic64_dec(a)		atomic64_sub(1, a)

typedef pthread_rwlock_t rwlock_t;

bool need_resched(void);
#define rwlock_needbreak(lock)	((void)(lock), false)
#define cond_resched()		((void)0)

#define GFP_KERNEL_ACCOUNT	0u
#define __GFP_ZERO		0u

void *shim_alloc(size_t size);
void shim_free(void *p, size_t size);
#define kmalloc(size, gfp)	((void)(gfp), shim_alloc(size))
#define kfree(p)		shim_free(p, 0)
#define __get_free_pages(gfp, order)	((unsigned long)kmalloc(4096UL << (order), gfp))
#define free_pages(addr, order)	shim_free((void *)(addr), 4096UL << (order))

#define __pa(p)		((u64)(uintptr_t)(p))
#define __va(pa)	((void *)(uintptr_t)(pa))

#endif
