/* SPDX-License-Identifier: GPL-2.0-only */
/* What virt/kvm's I/O and interrupt code needs of a kernel, as a user program with one thread. */
#ifndef SHIM_H
#define SHIM_H

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>

#define PAGE_SIZE	4096u
#define BIT(n)		(1u << (n))
#define __user
#define __rcu
#define __force
#ifndef __always_inline
#define __always_inline	inline __attribute__((always_inline))
#endif
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define READ_ONCE(x)	(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define struct_size(p, member, n) (sizeof(*(p)) + (n) * sizeof((p)->member[0]))
#define offset_in_page(p) ((unsigned long)(p) & (PAGE_SIZE - 1))
#define min(a, b)	((a) < (b) ? (a) : (b))
#define max(a, b)	((a) > (b) ? (a) : (b))
#define min_t(t, a, b)	min((t)(a), (t)(b))
#define min3(a, b, c)	min(min(a, b), c)

static inline int fls(unsigned int x) { return x ? 32 - __builtin_clz(x) : 0; }

#define array_index_nospec(i, n) (assert((u64)(i) < (u64)(n)), (i))

#define IS_ERR(p)	((unsigned long)(p) >= -4095ul)
#define PTR_ERR(p)	((long)(p))
#define ERR_PTR(e)	((void *)(long)(e))

/* Memory that can be made to run out: shim_fail_alloc counts down to the one that fails. */
extern int shim_fail_alloc;
extern long shim_allocated;

static inline void *shim_alloc(size_t size, bool zero)
{
	void *p;

	if (shim_fail_alloc && !--shim_fail_alloc)
		return NULL;
	p = malloc(size);
	memset(p, zero ? 0 : 0xa5, size);
	shim_allocated++;
	return p;
}

static inline void shim_free(const void *p)
{
	if (p)
		shim_allocated--;
	free((void *)p);
}

#define GFP_KERNEL_ACCOUNT 0
#define kmalloc(size, gfp)	shim_alloc(size, false)
#define kzalloc(size, gfp)	shim_alloc(size, true)
#define kvmalloc(size, gfp)	shim_alloc(size, false)
#define kvzalloc(size, gfp)	shim_alloc(size, true)
#define kvcalloc(n, size, gfp)	shim_alloc((n) * (size), true)
#define kfree(p)		shim_free(p)
#define kvfree(p)		shim_free(p)
#define get_zeroed_page(gfp)	((unsigned long)shim_alloc(PAGE_SIZE, true))
#define free_page(p)		shim_free((void *)(p))
#define virt_to_page(p)		((struct page *)(p))

static inline void *kmemdup(const void *from, size_t size, int gfp)
{
	void *p = shim_alloc(size, false);

	(void)gfp;
	return p ? memcpy(p, from, size) : NULL;
}

static inline void *memchr_inv(const void *p, int c, size_t n)
{
	const unsigned char *s = p;

	for (; n; n--, s++)
		if (*s != c)
			return (void *)s;
	return NULL;
}

/* Locks only check that they are used in pairs. */
struct mutex { int held; };
typedef struct { int held; } spinlock_t;

#define mutex_init(m)		((m)->held = 0)
#define mutex_lock(m)		assert(!(m)->held++)
#define mutex_unlock(m)		assert(!--(m)->held)
#define spin_lock_init(l)	((l)->held = 0)
#define spin_lock(l)		assert(!(l)->held++)
#define spin_unlock(l)		assert(!--(l)->held)
#define lockdep_is_held(m)	((m)->held)

/* SRCU: what may not wait for itself does not; what is read is read inside. */
struct srcu_struct { int readers; };

static inline int srcu_read_lock(struct srcu_struct *srcu) { return srcu->readers++; }
static inline void srcu_read_unlock(struct srcu_struct *srcu, int idx)
{
	assert(--srcu->readers == idx);
}

#define srcu_read_lock_held(srcu)	((srcu)->readers)
#define synchronize_srcu_expedited(srcu) assert(!(srcu)->readers)
#define srcu_dereference(p, srcu)	(assert((srcu)->readers), (p))
#define rcu_dereference_protected(p, c)	(assert(c), (p))
#define rcu_assign_pointer(p, v)	((p) = (v))
#define RCU_INIT_POINTER(p, v)		((p) = (v))
#define rcu_replace_pointer(p, v, c)	\
	({ typeof(p) old_ = (p); assert(c); (p) = (v); old_; })

struct list_head { struct list_head *next, *prev; };
struct hlist_node { struct hlist_node *next, **pprev; };
struct hlist_head { struct hlist_node *first; };

#define INIT_LIST_HEAD(h)	((h)->next = (h)->prev = (h))
#define INIT_HLIST_HEAD(h)	((h)->first = NULL)
#define list_empty(h)		((h)->next == (h))

static inline void list_add_tail(struct list_head *e, struct list_head *h)
{
	e->prev = h->prev;
	e->next = h;
	h->prev->next = e;
	h->prev = e;
}

static inline void list_del(struct list_head *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
	e->next = e->prev = NULL;
}

static inline void hlist_add_head_rcu(struct hlist_node *n, struct hlist_head *h)
{
	n->next = h->first;
	n->pprev = &h->first;
	if (h->first)
		h->first->pprev = &n->next;
	h->first = n;
}

static inline void hlist_del_init_rcu(struct hlist_node *n)
{
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
	n->pprev = NULL;
}

#define shim_entry(p, type, m)	container_of(p, type, m)
#define list_for_each_entry(p, h, m)						\
	for (p = shim_entry((h)->next, typeof(*p), m); &p->m != (h);		\
	     p = shim_entry(p->m.next, typeof(*p), m))
#define list_for_each_entry_safe(p, n, h, m)					\
	for (p = shim_entry((h)->next, typeof(*p), m);				\
	     n = shim_entry(p->m.next, typeof(*p), m), &p->m != (h); p = n)
#define shim_hlist(p, type, m)						\
	({ struct hlist_node *n_ = (p); n_ ? shim_entry(n_, type, m) : NULL; })
#define hlist_for_each_entry_srcu(p, h, m, cond)				\
	for (p = shim_hlist((h)->first, typeof(*p), m); p && (assert(cond), 1);	\
	     p = shim_hlist(p->m.next, typeof(*p), m))

/* eventfds: file descriptor n is shim_eventfd[n]. */
struct eventfd_ctx { int refs; u64 count; };
struct file { struct eventfd_ctx ctx; };

#define SHIM_EVENTFDS 8
extern struct file shim_eventfd[SHIM_EVENTFDS];

static inline struct file *fget(unsigned int fd)
{
	return fd < SHIM_EVENTFDS ? &shim_eventfd[fd] : NULL;
}

#define fput(file)	((void)(file))

static inline struct eventfd_ctx *eventfd_ctx_fileget(struct file *file)
{
	file->ctx.refs++;
	return &file->ctx;
}

#define eventfd_ctx_put(c)	((c)->refs--)
#define keel_eventfd_signal(c)	((c)->count++)

/* Tracepoints vanish. */
#define TP_PROTO(args...)	args
#define TRACE_EVENT(name, proto, ...)						\
	static inline void trace_##name(proto) {}				\
	static inline bool trace_##name##_enabled(void) { return false; }
#define DECLARE_EVENT_CLASS(...)
#define DEFINE_EVENT(class, name, proto, ...) TRACE_EVENT(name, PARAMS(proto))
#define PARAMS(args...)		args

#endif
