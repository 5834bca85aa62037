// SPDX-License-Identifier: GPL-2.0-only
/* Interrupt routing: from a GSI to the controllers' pins or a message, and the way back. */
#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <keel/vcpu.h>
#include "device.h"
#include "trace.h"

#define NO_GSI (-1)

/*
 * Routes sorted by GSI: those of GSI g are routes[first[g]] up to routes[first[g + 1]]. One
 * GSI can lead to one pin of each controller, or be one message.
 */
struct keel_irq_table {
	u32 nr_gsis;
	u32 nr_routes;
	u32 nr_pins;		/* above the highest that any controller uses */
	u32 *first;		/* nr_gsis + 1 */
	s16 *gsi_of;		/* KEEL_NR_IRQCHIPS * nr_pins, for acknowledges; or NO_GSI */
	struct keel_irq_route routes[];
};

static struct keel_irq_table *table_of(struct keel_vm *vm)
{
	return srcu_dereference(vm->irq.table, &vm->srcu);
}

/* The routes of @gsi and their number. @gsi may be anything. */
static __always_inline const struct keel_irq_route *routes_of(const struct keel_irq_table *table,
							      u32 gsi, unsigned int *nr)
{
	*nr = 0;
	if (!table || gsi >= table->nr_gsis)
		return NULL;
	gsi = array_index_nospec(gsi, table->nr_gsis);
	*nr = table->first[gsi + 1] - table->first[gsi];
	return &table->routes[table->first[gsi]];
}

static void trace_route(const struct keel_irq_route *route)
{
	if (trace_kvm_msi_set_irq_enabled() && route->type == KVM_IRQ_ROUTING_MSI)
		trace_kvm_msi_set_irq(route->msi.address_lo | (u64)route->msi.address_hi << 32,
				      route->msi.data);
}

int keel_set_irq(struct keel_vm *vm, int source, u32 gsi, int level, bool line_status)
{
	const struct keel_irq_route *route;
	int idx, r, reached = -1;
	unsigned int nr;

	trace_kvm_set_irq(gsi, level, source);
	idx = srcu_read_lock(&vm->srcu);
	route = routes_of(table_of(vm), gsi, &nr);
	if (!nr)
		reached = -EINVAL;
	for (; nr; nr--, route++) {
		trace_route(route);
		r = route->set(vm, route, source, level, line_status);
		if (r >= 0)
			reached = max(reached, 0) + r;
	}
	srcu_read_unlock(&vm->srcu, idx);
	return reached;
}

static void trace_pulse(const struct keel_irq_route *route, u32 gsi, int source)
{
	trace_kvm_set_irq(gsi, 1, source);
	trace_route(route);
}

int keel_pulse_irq_atomic(struct keel_vm *vm, int source, u32 gsi)
{
	const struct keel_irq_route *route;
	unsigned int nr;
	int idx, r;

	if (!keel_ops.irq_set_atomic)
		return -EWOULDBLOCK;
	idx = srcu_read_lock(&vm->srcu);
	route = routes_of(table_of(vm), gsi, &nr);
	if (likely(nr == 1)) {
		r = keel_ops.irq_set_atomic(vm, route, source, 1, false);
		if ((trace_kvm_set_irq_enabled() || trace_kvm_msi_set_irq_enabled()) &&
		    r != -EWOULDBLOCK)
			trace_pulse(route, gsi, source);
		/* A message has no level that would have to fall again. */
		if (unlikely(route->type != KVM_IRQ_ROUTING_MSI) && r != -EWOULDBLOCK)
			keel_ops.irq_set_atomic(vm, route, source, 0, false);
	} else {
		r = nr ? -EWOULDBLOCK : -EINVAL;
	}
	srcu_read_unlock(&vm->srcu, idx);
	return r;
}

int keel_for_each_route(struct keel_vm *vm, u32 type,
			int (*fn)(struct keel_vm *, const struct keel_irq_route *, void *),
			void *arg)
{
	int idx = srcu_read_lock(&vm->srcu), ret = 0;
	const struct keel_irq_table *table = table_of(vm);
	unsigned int i;

	for (i = 0; table && i < table->nr_routes && !ret; i++)
		if (table->routes[i].type == type)
			ret = fn(vm, &table->routes[i], arg);
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

/* --- acknowledges ---------------------------------------------------------------------- */

/* vm->srcu held. */
static int acked_gsi(struct keel_vm *vm, u32 irqchip, u32 pin)
{
	const struct keel_irq_table *table = table_of(vm);

	if (!table || irqchip >= KEEL_NR_IRQCHIPS || pin >= table->nr_pins)
		return NO_GSI;
	return table->gsi_of[array_index_nospec(irqchip * table->nr_pins + pin,
						KEEL_NR_IRQCHIPS * table->nr_pins)];
}

void keel_irq_acked(struct keel_vm *vm, u32 irqchip, u32 pin)
{
	int idx = srcu_read_lock(&vm->srcu), gsi;
	struct keel_irq_ack *ack;

	trace_kvm_ack_irq(irqchip, pin);
	gsi = acked_gsi(vm, irqchip, pin);
	if (gsi != NO_GSI)
		hlist_for_each_entry_srcu(ack, &vm->irq.acks, link,
					  srcu_read_lock_held(&vm->srcu))
			if (ack->gsi == gsi)
				ack->acked(ack);
	srcu_read_unlock(&vm->srcu, idx);
}

bool keel_irq_has_ack(struct keel_vm *vm, u32 irqchip, u32 pin)
{
	int idx = srcu_read_lock(&vm->srcu), gsi;
	struct keel_irq_ack *ack;
	bool found = false;

	gsi = acked_gsi(vm, irqchip, pin);
	if (gsi != NO_GSI)
		hlist_for_each_entry_srcu(ack, &vm->irq.acks, link,
					  srcu_read_lock_held(&vm->srcu))
			found |= ack->gsi == gsi;
	srcu_read_unlock(&vm->srcu, idx);
	return found;
}

void keel_irq_ack_register(struct keel_vm *vm, struct keel_irq_ack *ack)
{
	mutex_lock(&vm->irq.lock);
	hlist_add_head_rcu(&ack->link, &vm->irq.acks);
	if (keel_ops.irq_routes_changed)
		keel_ops.irq_routes_changed(vm);
	mutex_unlock(&vm->irq.lock);
}

void keel_irq_ack_unregister(struct keel_vm *vm, struct keel_irq_ack *ack)
{
	mutex_lock(&vm->irq.lock);
	hlist_del_init_rcu(&ack->link);
	if (keel_ops.irq_routes_changed)
		keel_ops.irq_routes_changed(vm);
	mutex_unlock(&vm->irq.lock);
	synchronize_srcu_expedited(&vm->srcu);
}

/* --- the table ------------------------------------------------------------------------- */

static bool pin_valid(const struct kvm_irq_routing_entry *entry)
{
	return entry->u.irqchip.irqchip < KEEL_NR_IRQCHIPS &&
	       entry->u.irqchip.pin < KEEL_IRQCHIP_PINS;
}

static int fill_route(struct keel_vm *vm, struct keel_irq_route *route,
		      const struct kvm_irq_routing_entry *entry)
{
	bool devid = entry->type == KVM_IRQ_ROUTING_MSI && entry->flags & KVM_MSI_VALID_DEVID;

	if (entry->flags & ~(devid ? KVM_MSI_VALID_DEVID : 0) || entry->pad)
		return -EINVAL;
	if (devid && !keel_cap(vm, KVM_CAP_MSI_DEVID))
		return -EINVAL;
	memset(route, 0, sizeof(*route));
	route->gsi = entry->gsi;
	route->type = entry->type;
	if (entry->type == KVM_IRQ_ROUTING_IRQCHIP) {
		if (!pin_valid(entry))
			return -EINVAL;
		route->chip.irqchip = entry->u.irqchip.irqchip;
		route->chip.pin = entry->u.irqchip.pin;
	} else if (entry->type == KVM_IRQ_ROUTING_MSI) {
		route->msi.address_lo = entry->u.msi.address_lo;
		route->msi.address_hi = entry->u.msi.address_hi;
		route->msi.data = entry->u.msi.data;
		route->msi.flags = entry->flags;
		if (devid)
			route->msi.devid = entry->u.msi.devid;
	}
	return keel_ops.irq_route_set(vm, route, entry);
}

/* May @new stand beside @old under the same GSI? Only as a pin of another controller. */
static bool compatible(const struct keel_irq_route *old, const struct keel_irq_route *new)
{
	return old->type == KVM_IRQ_ROUTING_IRQCHIP && new->type == KVM_IRQ_ROUTING_IRQCHIP &&
	       old->chip.irqchip != new->chip.irqchip;
}

static struct keel_irq_table *table_alloc(const struct kvm_irq_routing_entry *entries,
					  unsigned int nr)
{
	u32 nr_gsis = 0, nr_pins = 0, nr_ack, i;
	struct keel_irq_table *table;
	size_t size;

	for (i = 0; i < nr; i++) {
		if (entries[i].gsi >= KEEL_MAX_GSI)
			return ERR_PTR(-EINVAL);
		nr_gsis = max(nr_gsis, entries[i].gsi + 1);
		if (entries[i].type == KVM_IRQ_ROUTING_IRQCHIP && pin_valid(&entries[i]))
			nr_pins = max(nr_pins, entries[i].u.irqchip.pin + 1);
	}
	nr_ack = KEEL_NR_IRQCHIPS * nr_pins;
	size = struct_size(table, routes, nr);
	table = kvzalloc(size + (nr_gsis + 1) * sizeof(*table->first) +
			 nr_ack * sizeof(*table->gsi_of), GFP_KERNEL_ACCOUNT);
	if (!table)
		return ERR_PTR(-ENOMEM);
	table->first = (void *)table + size;
	table->gsi_of = (void *)(table->first + nr_gsis + 1);
	table->nr_gsis = nr_gsis;
	table->nr_routes = nr;
	table->nr_pins = nr_pins;
	for (i = 0; i < nr_ack; i++)
		table->gsi_of[i] = NO_GSI;
	return table;
}

/*
 * A counting sort. After the second loop first[g] is the end of g's routes; placing them backwards
 * moves it to their begin, and leaves routes of one GSI in the order of the entries.
 */
static int table_fill(struct keel_vm *vm, struct keel_irq_table *table,
		      const struct kvm_irq_routing_entry *entries)
{
	struct keel_irq_route *route, *other;
	u32 i, gsi, end;
	s16 *acked;
	int ret;

	for (i = 0; i < table->nr_routes; i++)
		table->first[entries[i].gsi]++;
	for (gsi = 1; gsi <= table->nr_gsis; gsi++)
		table->first[gsi] += table->first[gsi - 1];
	for (i = table->nr_routes; i-- > 0;) {
		gsi = entries[i].gsi;
		route = &table->routes[--table->first[gsi]];
		ret = fill_route(vm, route, &entries[i]);
		if (ret)
			return ret;
		if (route->type == KVM_IRQ_ROUTING_IRQCHIP) {
			acked = &table->gsi_of[entries[i].u.irqchip.irqchip * table->nr_pins +
					       entries[i].u.irqchip.pin];
			if (*acked == NO_GSI)	/* else a later entry for the pin: it wins */
				*acked = gsi;
		}
	}
	for (i = 0; i < table->nr_routes; i++) {
		route = &table->routes[i];
		end = table->first[route->gsi + 1];
		for (other = route + 1; other < &table->routes[end]; other++)
			if (!compatible(route, other))
				return -EINVAL;
	}
	return 0;
}

/**
 * keel_set_routing - replace the routing table
 * @vm: the VM
 * @entries: the new table, copied from user space
 * @nr: entries
 * @flags: must be 0
 *
 * Also for an architecture that sets the default routes of its controllers. When it returns, nobody
 * uses the old routes any more. Return: 0, -EINVAL, -ENOMEM, or what irq_route_set() says.
 */
int keel_set_routing(struct keel_vm *vm, const struct kvm_irq_routing_entry *entries,
		     unsigned int nr, unsigned int flags)
{
	struct keel_irq_table *table, *old;
	int ret;

	if (flags || nr > KEEL_MAX_GSI || !keel_ops.irq_route_set)
		return -EINVAL;
	table = table_alloc(entries, nr);
	if (IS_ERR(table))
		return PTR_ERR(table);
	ret = table_fill(vm, table, entries);
	if (ret) {
		kvfree(table);
		return ret;
	}

	mutex_lock(&vm->irq.lock);
	old = rcu_replace_pointer(vm->irq.table, table, lockdep_is_held(&vm->irq.lock));
	if (keel_ops.irq_routes_changed)
		keel_ops.irq_routes_changed(vm);
	mutex_unlock(&vm->irq.lock);
	synchronize_srcu_expedited(&vm->srcu);
	kvfree(old);
	return 0;
}

int keel_default_routing(struct keel_vm *vm, const struct keel_irq_wires *wires, unsigned int nr)
{
	struct kvm_irq_routing_entry *entries, *e;
	unsigned int i, pin, total = 0;
	int r;

	for (i = 0; i < nr; i++)
		total += wires[i].pins;
	entries = e = kvcalloc(total, sizeof(*entries), GFP_KERNEL_ACCOUNT);
	if (!entries)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		for (pin = 0; pin < wires[i].pins; pin++, e++) {
			e->gsi = wires[i].gsi + pin;
			e->type = KVM_IRQ_ROUTING_IRQCHIP;
			e->u.irqchip.irqchip = wires[i].irqchip;
			e->u.irqchip.pin = wires[i].pin + pin;
		}
	r = keel_set_routing(vm, entries, total, 0);
	kvfree(entries);
	return r;
}

/**
 * keel_signal_msi - KVM_SIGNAL_MSI
 * @vm: the VM
 * @msi: user space's, copied
 *
 * Return: > 0 delivered, 0 blocked by the guest, or a negative errno.
 */
int keel_signal_msi(struct keel_vm *vm, const struct kvm_msi *msi)
{
	struct kvm_irq_routing_entry entry = {
		.type = KVM_IRQ_ROUTING_MSI,
		.flags = msi->flags,
		.u.msi = {
			.address_lo = msi->address_lo,
			.address_hi = msi->address_hi,
			.data = msi->data,
			.devid = msi->devid,
		},
	};
	struct keel_irq_route route;
	int ret, idx;

	if (!keel_ops.irq_route_set)
		return -ENOTTY;
	if (memchr_inv(msi->pad, 0, sizeof(msi->pad)))
		return -EINVAL;
	if (keel_ops.irqchip_ready && !keel_ops.irqchip_ready(vm))
		return -EINVAL;
	ret = fill_route(vm, &route, &entry);
	if (ret)
		return ret;
	trace_route(&route);
	idx = srcu_read_lock(&vm->srcu);
	ret = route.set(vm, &route, KEEL_IRQ_SOURCE_USER, 1, false);
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

int keel_irq_init(struct keel_vm *vm)
{
	struct keel_irq *irq = &vm->irq;

	mutex_init(&irq->lock);
	mutex_init(&irq->fds_mutex);
	spin_lock_init(&irq->fds_lock);
	INIT_HLIST_HEAD(&irq->acks);
	INIT_LIST_HEAD(&irq->fds);
	INIT_LIST_HEAD(&irq->resamplers);
	INIT_LIST_HEAD(&irq->ioeventfds);
	RCU_INIT_POINTER(irq->table, NULL);
	return 0;
}

void keel_irq_destroy(struct keel_vm *vm)
{
	kvfree(rcu_dereference_protected(vm->irq.table, true));
	RCU_INIT_POINTER(vm->irq.table, NULL);
}
