/* SPDX-License-Identifier: GPL-2.0-only */
/* What virt/kvm's slots and dirty log need of a kernel, as a user program with one thread. */
#ifndef SHIM_H
#define SHIM_H

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define BITS_PER_LONG	64
#define BITS_TO_LONGS(n) DIV_ROUND_UP(n, BITS_PER_LONG)
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define BIT(n)		(1ul << (n))
#define __user
#define __force
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define READ_ONCE(x)	(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define min_t(t, a, b)	((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define BUILD_BUG_ON(c)	_Static_assert(!(c), #c)
#define array_index_nospec(i, n) ({ typeof(i) i_ = (i); assert((u64)i_ < (u64)(n)); i_; })
#define cond_resched()	((void)0)
#define preempt_disable() ((void)0)
#define preempt_enable() ((void)0)
#define is_power_of_2(n) ((n) && !((n) & ((n) - 1)))

#define xchg(p, v)	__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
typedef unsigned long atomic_long_t;
#define atomic_long_fetch_andnot(v, p) __atomic_fetch_and(p, ~(v), __ATOMIC_SEQ_CST)
#define atomic_long_or(v, p) ((void)__atomic_fetch_or(p, v, __ATOMIC_SEQ_CST))
#define cpu_to_le64(v)	htole64(v)
#define le64_to_cpu(v)	le64toh(v)

static inline bool test_bit_le(u64 nr, const void *p)
{
	return ((const u8 *)p)[nr / 8] >> nr % 8 & 1;
}

static inline void set_bit_le(u64 nr, void *p)
{
	((u8 *)p)[nr / 8] |= 1u << nr % 8;
}

/* Memory that can be made to run out: shim_fail counts down to the allocation that fails. */
extern int shim_fail;
extern long shim_live;

static inline bool shim_fails(void)
{
	return shim_fail && !--shim_fail;
}

static inline void *shim_alloc(size_t size)
{
	if (shim_fails())
		return NULL;
	shim_live++;
	return calloc(1, size);
}

static inline void shim_free(const void *p)
{
	shim_live -= !!p;
	free((void *)p);
}

#define GFP_KERNEL_ACCOUNT	1u
#define __GFP_ZERO		2u
#define __GFP_NOFAIL		4u
#define kzalloc(size, gfp)	shim_alloc(size)
#define kvzalloc(size, gfp)	shim_alloc(size)
#define __vmalloc(size, gfp)	shim_alloc(size)
#define kfree(p)		shim_free(p)
#define kvfree(p)		shim_free(p)
#define vfree(p)		shim_free(p)
#define vmalloc_to_page(p)	((struct page *)(p))

/* Tracepoints vanish. */
#define TP_PROTO(args...)	args
#define PARAMS(args...)		args
#define TRACE_EVENT(name, proto, ...)	static inline void trace_##name(proto) {}
#define DECLARE_EVENT_CLASS(...)
#define DEFINE_EVENT(class, name, proto, ...) TRACE_EVENT(name, PARAMS(proto))

/* User space: all pointers are good but NULL; shim_fault counts down to the copy that faults. */
extern int shim_fault;

static inline unsigned long shim_copy(void *to, const void *from, unsigned long n)
{
	if (!to || !from || (shim_fault && !--shim_fault))
		return n;
	memcpy(to, from, n);
	return 0;
}

#define copy_to_user(to, from, n)	shim_copy(to, from, n)
#define copy_from_user(to, from, n)	shim_copy(to, from, n)
#define untagged_addr(p)		(p)
#define access_ok(p, n)			((u64)(p) + (n) <= 1ull << 47)

/* Locks check that they are used in pairs, and where they must be held. */
struct mutex { int held; };
typedef struct { int readers, writers; } rwlock_t;
struct srcu_struct { int readers; };

#define mutex_lock(m)		assert(!(m)->held++)
#define mutex_unlock(m)		assert(!--(m)->held)
#define read_lock(l)		(assert(!(l)->writers && !(l)->readers), (l)->readers++)
#define read_unlock(l)		assert(!--(l)->readers)
#define write_lock(l)		(assert(!(l)->writers && !(l)->readers), (l)->writers++)
#define write_unlock(l)		assert(!--(l)->writers)
#define synchronize_srcu_expedited(s) shim_synchronize(s)
void shim_synchronize(struct srcu_struct *srcu);

/* A tree of ranges is an array over all frames there are. */
#define SHIM_FRAMES 2048

struct maple_tree { void *at[SHIM_FRAMES]; };
struct ma_state { struct maple_tree *tree; u64 first, last; };

#define MT_FLAGS_ALLOC_RANGE	0
#define MT_FLAGS_USE_RCU	0
#define MA_STATE(name, mt, first, last) struct ma_state name = { mt, first, last }
#define mas_lock(mas)		((void)(mas))
#define mas_unlock(mas)		((void)(mas))
#define mt_init_flags(mt, flags) memset(mt, 0, sizeof(*(mt)))
#define mt_clear_in_rcu(mt)	((void)(mt))
#define mtree_destroy(mt)	memset(mt, 0, sizeof(*(mt)))

static inline int mas_store_gfp(struct ma_state *mas, void *entry, gfp_t gfp)
{
	if (!(gfp & __GFP_NOFAIL) && shim_fails())
		return -ENOMEM;
	assert(mas->first <= mas->last && mas->last < SHIM_FRAMES);
	for (u64 i = mas->first; i <= mas->last; i++)
		mas->tree->at[i] = entry;
	return 0;
}

static inline void *mtree_load(struct maple_tree *mt, unsigned long index)
{
	return index < SHIM_FRAMES ? mt->at[index] : NULL;
}

static inline void *mt_find(struct maple_tree *mt, unsigned long *index, unsigned long max)
{
	void *entry;

	for (; *index <= max && *index < SHIM_FRAMES; ++*index) {
		entry = mt->at[*index];
		if (!entry)
			continue;
		while (*index < SHIM_FRAMES && mt->at[*index] == entry)
			++*index;
		return entry;
	}
	return NULL;
}

/* An xarray is an array of the ids there are; those in use sit at both ends. */
#define SHIM_IDS 32768

struct xarray { void *at[SHIM_IDS]; };

#define xa_init(xa)	memset(xa, 0, sizeof(*(xa)))
#define xa_destroy(xa)	memset(xa, 0, sizeof(*(xa)))
#define xa_load(xa, id)	((xa)->at[id])
#define xa_erase(xa, id) ((void)((xa)->at[id] = NULL))
#define xa_for_each(xa, id, entry) \
	for (id = 0; id < SHIM_IDS; id++) if ((entry = (xa)->at[id]))

static inline int xa_err(void *entry)
{
	long err = (long)entry;

	return err < 0 && err > -4096 ? err : 0;
}

static inline void *xa_store(struct xarray *xa, unsigned long id, void *entry, gfp_t gfp)
{
	void *old = xa->at[id];

	if (!old && shim_fails())
		return (void *)(long)-ENOMEM;
	xa->at[id] = entry;
	return old;
}

/* An interval tree is a list. */
struct interval_tree_node {
	unsigned long start, last;
	struct interval_tree_node *next;
};
struct rb_root_cached { struct interval_tree_node *first; };

#define RB_ROOT_CACHED ((struct rb_root_cached){})

static inline void interval_tree_insert(struct interval_tree_node *node,
					struct rb_root_cached *root)
{
	node->next = root->first;
	root->first = node;
}

static inline void interval_tree_remove(struct interval_tree_node *node,
					struct rb_root_cached *root)
{
	struct interval_tree_node **p = &root->first;

	while (*p != node) {
		assert(*p);
		p = &(*p)->next;
	}
	*p = node->next;
}

#endif
