// SPDX-License-Identifier: GPL-2.0-only
/* From a destination to the local APICs that it addresses, and delivery to them (SDM 10.6.2). */
#include <linux/kvm_para.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include "lapic.h"

/* How the enabled APICs understand a logical destination. */
enum logical {
	LOGICAL_NONE,		/* nobody has a logical ID */
	LOGICAL_FLAT,		/* xAPIC: a bit for each of 8 */
	LOGICAL_CLUSTER,	/* xAPIC: 15 clusters of 4 */
	LOGICAL_X2,		/* clusters of 16, derived from the ID */
	LOGICAL_MIXED,		/* several of these, or IDs used twice: ask each APIC */
};

#define FLAT_IDS	8
#define CLUSTER_IDS	4
#define X2_CLUSTER_IDS	16

/**
 * struct x86_apic_map - which APIC answers to what; immutable, replaced under RCU
 * @rcu: for its end
 * @ids: length of @by_id (a multiple of 16, so that an x2APIC cluster is a row of it)
 * @logical: what all of them take a logical destination for
 * @aliased: a physical ID is used twice: ask each APIC
 * @row: by logical ID in the two xAPIC modes: flat 8, or 16 rows of 4
 * @by_id: by physical ID
 *
 * It only makes things faster: without a map, too, each APIC is asked.
 */
struct x86_apic_map {
	struct rcu_head rcu;
	u32 ids;
	enum logical logical;
	bool aliased;
	struct x86_vcpu *row[16 * CLUSTER_IDS];
	struct x86_vcpu *by_id[];
};

/* --- building it -------------------------------------------------------------------- */

/*
 * The physical ID that an APIC answers to. An xAPIC has room for 8 bits only; if user space knows
 * of longer IDs, one whose ID is longer is reached by all of it, so that it can be started.
 */
static u32 physical_id(const struct x86_lapic *l)
{
	if (lapic_x2(l) || (l->id > 0xff && x86_vm_of(l->v)->x2apic_ids))
		return l->id;
	return READ_ONCE(l->xid);
}

static void add_logical(struct x86_apic_map *map, const struct x86_lapic *l)
{
	u32 ldr = READ_ONCE(l->ldr) >> 24, row = 0;
	enum logical mode;

	if (map->logical == LOGICAL_MIXED)
		return;
	if (lapic_x2(l)) {
		mode = LOGICAL_X2;
	} else if (!ldr) {
		return;		/* no logical destination can mean it */
	} else if (READ_ONCE(l->dfr) == APIC_DFR_FLAT) {
		mode = LOGICAL_FLAT;
	} else {
		mode = LOGICAL_CLUSTER;
		row = (ldr >> 4) * CLUSTER_IDS;
		ldr &= 0xf;
	}
	if (map->logical == LOGICAL_NONE)
		map->logical = mode;
	if (map->logical != mode || (mode != LOGICAL_X2 && !is_power_of_2(ldr))) {
		map->logical = LOGICAL_MIXED;
		return;
	}
	if (mode == LOGICAL_X2)
		return;		/* by_id serves */
	row += __ffs(ldr);
	if (map->row[row])
		map->logical = LOGICAL_MIXED;
	map->row[row] = l->v;
}

static void add(struct x86_apic_map *map, const struct x86_lapic *l)
{
	u32 id = physical_id(l);

	if (id >= map->ids || map->by_id[id])
		map->aliased = true;
	else
		map->by_id[id] = l->v;
	add_logical(map, l);
}

/* The APIC of the @i-th vCPU, if that one exists and its APIC is enabled. */
static struct x86_lapic *lapic_of(const struct x86_vm *vm, unsigned int i)
{
	struct keel_vcpu *vcpu = keel_vcpu_by_idx((struct keel_vm *)&vm->core, i);
	struct x86_lapic *l = vcpu ? to_x86(vcpu)->lapic : NULL;

	return l && lapic_on(l) ? l : NULL;
}

static struct x86_apic_map *build(struct x86_vm *vm)
{
	unsigned int vcpus = atomic_read(&vm->core.online_vcpus), i;
	struct x86_apic_map *map;
	struct x86_lapic *l;
	u32 ids = 256;

	for (i = 0; i < vcpus; i++) {
		l = lapic_of(vm, i);
		if (l)
			ids = max(ids, l->id + 1);
	}
	ids = round_up(ids, X2_CLUSTER_IDS);
	map = kvzalloc(struct_size(map, by_id, ids), GFP_KERNEL_ACCOUNT);
	if (!map)
		return NULL;
	map->ids = ids;
	for (i = 0; i < vcpus; i++) {
		l = lapic_of(vm, i);
		if (l)
			add(map, l);
	}
	return map;
}

/**
 * x86_apic_map_update - publish a new map after an APIC's IDs or mode changed
 * @vm: its apic_map_dirty was set after the change
 *
 * Sleeps. When it returns, every delivery that begins sees the change.
 */
void x86_apic_map_update(struct x86_vm *vm)
{
	struct x86_apic_map *old, *new;

	/* Even if another one has just taken the flag: wait until that one has published. */
	mutex_lock(&vm->apic_map_lock);
	if (atomic_xchg(&vm->apic_map_dirty, 0)) {
		new = build(vm);
		old = rcu_replace_pointer(vm->apic_map, new, lockdep_is_held(&vm->apic_map_lock));
		if (old)
			kvfree_rcu(old, rcu);
	}
	mutex_unlock(&vm->apic_map_lock);
}

/* --- looking into it ---------------------------------------------------------------- */

/*
 * All ones is everybody. In 8 bits, too: also for x2APICs, unless user space knows better
 * (KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK), but never in what an x2APIC itself sends.
 */
static bool is_broadcast(const struct x86_vm *vm, const struct x86_vcpu *src, u32 dest)
{
	if (dest == ~0u)
		return true;
	return dest == 0xff && !vm->x2apic_no_bcast && !(src && lapic_x2(src->lapic));
}

static bool matches(const struct x86_lapic *l, u32 dest, bool logical)
{
	u32 ldr = READ_ONCE(l->ldr);

	if (!lapic_x2(l) && dest == 0xff)
		return true;
	if (!logical)
		return dest == physical_id(l);
	if (lapic_x2(l))
		return dest >> 16 == ldr >> 16 && (dest & ldr & 0xffff);
	ldr >>= 24;
	if (READ_ONCE(l->dfr) == APIC_DFR_FLAT)
		return dest & ldr;
	return (dest & 0xff) >> 4 == ldr >> 4 && (dest & ldr & 0xf);
}

/*
 * The APICs that a message addresses: the set bits of @bits in @list, then of all vCPUs from @i on
 * those that match.
 */
struct targets {
	struct x86_vcpu *const *list;
	unsigned long bits;
	const struct x86_vm *vm;
	unsigned int i, nr;
	bool everybody;
	const struct x86_vcpu *but;
	const struct x86_apic_msg *msg;
};

static struct x86_vcpu *next_target(struct targets *t)
{
	struct x86_lapic *l;
	struct x86_vcpu *v;

	while (t->bits) {
		v = t->list[__ffs(t->bits)];
		t->bits &= t->bits - 1;
		if (v)
			return v;
	}
	while (t->i < t->nr) {
		l = lapic_of(t->vm, t->i++);
		if (!l || l->v == t->but)
			continue;
		if (t->everybody || matches(l, t->msg->dest, t->msg->logical))
			return l->v;
	}
	return NULL;
}

static void find_row(struct targets *t, const struct x86_apic_map *map, u32 dest)
{
	u32 first;

	switch (map->logical) {
	case LOGICAL_FLAT:
		t->list = map->row;
		t->bits = dest & GENMASK(FLAT_IDS - 1, 0);
		return;
	case LOGICAL_CLUSTER:
		t->list = map->row + ((dest >> 4) & 0xf) * CLUSTER_IDS;
		t->bits = dest & GENMASK(CLUSTER_IDS - 1, 0);
		return;
	case LOGICAL_X2:
		first = (dest >> 16) * X2_CLUSTER_IDS;
		if (first >= map->ids)
			return;
		t->list = map->by_id + array_index_nospec(first, map->ids);
		t->bits = dest & GENMASK(X2_CLUSTER_IDS - 1, 0);
		return;
	default:
		return;
	}
}

/* Can the map tell who is meant? Not where an 8-bit broadcast is for some and an ID for others. */
static bool map_knows(const struct x86_apic_map *map, u32 dest, bool logical)
{
	if (!map)
		return false;
	if (logical)
		return map->logical != LOGICAL_MIXED &&
		       (dest != 0xff || map->logical == LOGICAL_X2);
	return dest != 0xff && !map->aliased;
}

static struct targets find_targets(const struct x86_apic_map *map, const struct x86_vm *vm,
				   const struct x86_vcpu *src, const struct x86_apic_msg *msg)
{
	struct targets t = { .vm = vm, .msg = msg };
	u32 dest = msg->dest;

	t.everybody = msg->shorthand || is_broadcast(vm, src, dest);
	if (t.everybody || !map_knows(map, dest, msg->logical)) {
		t.nr = atomic_read(&vm->core.online_vcpus);
		if (msg->shorthand == APIC_TO_OTHERS)
			t.but = src;
	} else if (msg->logical) {
		find_row(&t, map, dest);
	} else if (dest < map->ids) {
		t.list = map->by_id + array_index_nospec(dest, map->ids);
		t.bits = 1;
	}
	return t;
}

/*
 * Lowest priority: one of those that would take it. By the vector, so that an interrupt stays on
 * the CPU whose caches know its device, without a counter that all CPUs write.
 */
static int deliver_to_one(struct targets t, const struct x86_apic_msg *msg)
{
	struct targets again = t;
	unsigned int able = 0;
	struct x86_vcpu *v;

	while ((v = next_target(&t)))
		able += lapic_accepts(v->lapic);
	if (!able)
		return -1;
	able = msg->vector % able;
	while ((v = next_target(&again)))
		if (lapic_accepts(v->lapic) && !able--)
			return x86_lapic_accept(v, msg);
	return -1;	/* one was disabled while we looked */
}

static int deliver_to_all(struct targets t, const struct x86_apic_msg *msg)
{
	struct x86_vcpu *v;
	int sum = -1, r;

	while ((v = next_target(&t))) {
		r = x86_lapic_accept(v, msg);
		if (r >= 0)
			sum = max(sum, 0) + r;
	}
	return sum;
}

/*
 * RCU read lock held, in the scheduler's form, which is cheaper to take. The one APIC that physical ID
 * @dest means, or NULL: not one, or hard to say.
 */
static __always_inline struct x86_vcpu *only_target(const struct x86_apic_map *map, u32 dest)
{
	/* The map does not know 8-bit broadcasts, and 32-bit ones are beyond all IDs. */
	if (!map_knows(map, dest, false) || dest >= map->ids)
		return NULL;
	return map->by_id[array_index_nospec(dest, map->ids)];
}

int x86_deliver_to_id(struct x86_vm *vm, u32 dest, u8 vector, bool level)
{
	struct x86_vcpu *only;
	int r = X86_NOT_ONE;

	rcu_read_lock_sched();
	only = only_target(rcu_dereference_sched(vm->apic_map), dest);
	if (likely(only))
		r = x86_lapic_accept_fixed(only->lapic, vector, level);
	rcu_read_unlock_sched();
	return r;
}

int x86_deliver(struct x86_vm *vm, struct x86_vcpu *src, const struct x86_apic_msg *msg)
{
	const struct x86_apic_map *map;
	struct x86_vcpu *only;
	struct targets t;
	int r;

	if (msg->shorthand == APIC_TO_SELF)
		return src ? x86_lapic_accept(src, msg) : -1;
	rcu_read_lock_sched();
	map = rcu_dereference_sched(vm->apic_map);
	only = msg->shorthand || msg->logical ? NULL : only_target(map, msg->dest);
	if (likely(only)) {
		r = x86_lapic_accept(only, msg);
		rcu_read_unlock_sched();
		return r;
	}
	t = find_targets(map, vm, src, msg);
	if (msg->mode == APIC_DELIVERY_MODE_LOWESTPRIO || msg->redir_hint)
		r = deliver_to_one(t, msg);
	else
		r = deliver_to_all(t, msg);
	rcu_read_unlock_sched();
	return r;
}

/* NULL: nobody. A vCPU outlives the map that knew it. */
struct x86_vcpu *x86_vcpu_by_apicid(struct x86_vm *vm, u32 apicid)
{
	struct x86_apic_msg msg = { .dest = apicid };
	struct x86_vcpu *v = NULL;
	struct targets t;

	rcu_read_lock();
	t = find_targets(rcu_dereference(vm->apic_map), vm, NULL, &msg);
	if (!t.everybody)
		v = next_target(&t);
	rcu_read_unlock();
	return v;
}

/* --- paravirtual (Documentation/virt/kvm/x86/hypercalls.rst) ------------------------ */

/* One word of KVM_HC_SEND_IPI's bitmap: bit 0 is the APIC with ID @first. */
static int pv_ipi_word(const struct x86_apic_map *map, u64 word, u64 first,
		       const struct x86_apic_msg *msg)
{
	struct x86_vcpu *v;
	int sum = 0, r;
	u64 id;

	for (; word; word &= word - 1) {
		id = first + __ffs64(word);
		if (id >= map->ids)
			break;
		v = map->by_id[array_index_nospec(id, map->ids)];
		if (!v)
			continue;
		r = x86_lapic_accept(v, msg);
		if (r > 0)
			sum += r;
	}
	return sum;
}

/**
 * x86_pv_ipi - KVM_HC_SEND_IPI: an IPI to up to 128 APICs
 * @vm: the VM
 * @src: who sends
 * @low: APICs @min + 0...; 64 of them, or 32 if not @op64
 * @high: those after these
 * @min: the first APIC ID
 * @icr: vector and delivery mode as in ICR
 * @op64: the guest was in 64-bit mode
 *
 * Return: how many were reached, -KVM_EINVAL, -KVM_EOPNOTSUPP.
 */
int x86_pv_ipi(struct x86_vm *vm, struct x86_vcpu *src, u64 low, u64 high, u32 min, u64 icr,
	       bool op64)
{
	struct x86_apic_msg msg = {
		.vector = icr,
		.mode = GET_APIC_DELIVERY_MODE(icr),
		.level = icr & APIC_INT_ASSERT,
		.trig_level = (icr & APIC_INT_LEVELTRIG) &&
			      GET_APIC_DELIVERY_MODE(icr) == APIC_DELIVERY_MODE_INIT,
	};
	unsigned int width = op64 ? 64 : 32;
	const struct x86_apic_map *map;
	int sum = -KVM_EOPNOTSUPP;

	if (icr & (APIC_DEST_LOGICAL | APIC_DEST_ALLBUT))
		return -KVM_EINVAL;
	if (!op64) {
		low = (u32)low;
		high = (u32)high;
	}
	rcu_read_lock();
	map = rcu_dereference(vm->apic_map);
	if (likely(map))
		sum = pv_ipi_word(map, low, min, &msg) +
		      pv_ipi_word(map, high, (u64)min + width, &msg);
	rcu_read_unlock();
	return sum;
}

/* KVM_HC_KICK_CPU: end the halt of the vCPU that waits for a lock. */
int x86_pv_kick(struct x86_vm *vm, u32 apicid)
{
	struct x86_vcpu *v = x86_vcpu_by_apicid(vm, apicid);

	if (!v)
		return -ESRCH;
	WRITE_ONCE(v->pv_unhalted, true);
	keel_request_kick(&v->core, X86_REQ_EVENT);
	return 0;
}
