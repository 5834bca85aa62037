// SPDX-License-Identifier: GPL-2.0-only
/* Interrupt routing: random tables against a walk over their entries. */
#include <keel/vcpu.h>
#include "tap.h"

int shim_fail_alloc;
long shim_allocated;
struct keel_arch_ops keel_ops;

#define PINS	24		/* of each controller of this architecture */
#define MAX	64

static struct keel_vm vm;

/* --- the architecture ------------------------------------------------------------------ */

static struct call {
	struct keel_irq_route route;
	int source, level;
	bool line_status, atomic;
} calls[MAX * 2];
static unsigned int nr_calls, changes;
static int answer[MAX], next_answer;
static bool ready = true, only_msi_atomic;

static void record(const struct keel_irq_route *route, int source, int level, bool line_status,
		   bool atomic)
{
	check(nr_calls < ARRAY_SIZE(calls));
	check(vm.srcu.readers > 0);
	calls[nr_calls++ % ARRAY_SIZE(calls)] = (struct call){
		*route, source, level, line_status, atomic
	};
}

static int set(struct keel_vm *v, const struct keel_irq_route *route, int source, int level,
	       bool line_status)
{
	check(v == &vm);
	record(route, source, level, line_status, false);
	return answer[next_answer++ % MAX];
}

static int set_atomic(struct keel_vm *v, const struct keel_irq_route *route, int source, int level,
		      bool line_status)
{
	if (only_msi_atomic && route->type != KVM_IRQ_ROUTING_MSI)
		return -EWOULDBLOCK;
	record(route, source, level, line_status, true);
	return 1;
}

static int route_set(struct keel_vm *v, struct keel_irq_route *route,
		     const struct kvm_irq_routing_entry *entry)
{
	route->set = set;
	if (entry->type == KVM_IRQ_ROUTING_MSI)
		return entry->u.msi.address_hi == 0xbad ? -EINVAL : 0;
	return entry->type == KVM_IRQ_ROUTING_IRQCHIP && route->chip.pin < PINS ? 0 : -EINVAL;
}

static void routes_changed(struct keel_vm *v)
{
	check(v->irq.lock.held);
	changes++;
}

static bool has_devid = true;

int keel_cap(struct keel_vm *v, unsigned long cap)
{
	check(v == &vm && cap == KVM_CAP_MSI_DEVID);
	return has_devid;
}

static bool irqchip_ready(struct keel_vm *v)
{
	return ready;
}

static void setup(void)
{
	keel_ops = (struct keel_arch_ops){
		.irq_route_set = route_set,
		.irq_set_atomic = set_atomic,
		.irq_routes_changed = routes_changed,
		.irqchip_ready = irqchip_ready,
	};
	memset(&vm, 0, sizeof(vm));
	check(!keel_irq_init(&vm));
}

static void teardown(void)
{
	keel_irq_destroy(&vm);
	check(shim_allocated == 0 && vm.srcu.readers == 0);
}

/* --- entries --------------------------------------------------------------------------- */

static struct kvm_irq_routing_entry pin(u32 gsi, u32 chip, u32 p)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = p },
	};
}

static struct kvm_irq_routing_entry msi(u32 gsi, u32 data)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee00000, .address_hi = 1, .data = data },
	};
}

static bool is_pin(const struct kvm_irq_routing_entry *e)
{
	return e->type == KVM_IRQ_ROUTING_IRQCHIP;
}

static bool valid(const struct kvm_irq_routing_entry *e, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		for (unsigned int j = 0; j < i; j++)
			if (e[i].gsi == e[j].gsi &&
			    (!is_pin(&e[i]) || !is_pin(&e[j]) ||
			     e[i].u.irqchip.irqchip == e[j].u.irqchip.irqchip))
				return false;
	return true;
}

/* --- tests ----------------------------------------------------------------------------- */

static void compare_gsi(const struct kvm_irq_routing_entry *e, unsigned int nr, u32 gsi)
{
	int source = rnd(KEEL_NR_IRQ_SOURCES), level = rnd(2), want = -EINVAL, got;
	bool status = rnd(2);
	unsigned int n = 0;

	for (int i = 0; i < MAX; i++)
		answer[i] = (int)rnd(4) - 1;
	nr_calls = next_answer = 0;
	got = keel_set_irq(&vm, source, gsi, level, status);
	for (unsigned int i = 0; i < nr; i++) {
		const struct call *c = &calls[n];

		if (e[i].gsi != gsi)
			continue;
		if (want == -EINVAL)
			want = -1;
		if (answer[n] >= 0)
			want = (want < 0 ? 0 : want) + answer[n];
		n++;
		check(c->route.gsi == gsi && c->route.type == e[i].type);
		check(c->source == source && c->level == level && c->line_status == status);
		if (is_pin(&e[i]))
			check(c->route.chip.irqchip == e[i].u.irqchip.irqchip &&
			      c->route.chip.pin == e[i].u.irqchip.pin);
		else
			check(c->route.msi.address_lo == e[i].u.msi.address_lo &&
			      c->route.msi.address_hi == e[i].u.msi.address_hi &&
			      c->route.msi.data == e[i].u.msi.data);
	}
	check(nr_calls == n && got == want);

	nr_calls = 0;
	got = keel_pulse_irq_atomic(&vm, source, gsi);
	if (n == 1 && (calls[0].route.type == KVM_IRQ_ROUTING_MSI || !only_msi_atomic)) {
		bool message = calls[0].route.type == KVM_IRQ_ROUTING_MSI;

		check(got == 1 && nr_calls == (message ? 1 : 2));
		check(calls[0].atomic && calls[0].level == 1);
		check(message || calls[1].level == 0);
	} else {
		check(nr_calls == 0 && got == (n ? -EWOULDBLOCK : -EINVAL));
	}
}

static int last_acked;

static void acked(struct keel_irq_ack *ack)
{
	check(last_acked == -1);
	last_acked = ack->gsi;
}

static void compare_acks(const struct kvm_irq_routing_entry *e, unsigned int nr, u32 gsi)
{
	for (u32 chip = 0; chip < KEEL_NR_IRQCHIPS + 1; chip++)
		for (u32 p = 0; p < PINS + 2; p++) {
			bool hit = false;

			/* The last entry for the pin says which GSI it stands for. */
			for (unsigned int i = 0; i < nr; i++)
				if (is_pin(&e[i]) && e[i].u.irqchip.irqchip == chip &&
				    e[i].u.irqchip.pin == p)
					hit = e[i].gsi == gsi;
			last_acked = -1;
			keel_irq_acked(&vm, chip, p);
			check(last_acked == (hit ? (int)gsi : -1));
			check(keel_irq_has_ack(&vm, chip, p) == hit);
		}
}

static int count_route(struct keel_vm *v, const struct keel_irq_route *route, void *arg)
{
	check(route->type == KVM_IRQ_ROUTING_MSI);
	return !--*(int *)arg;
}

static void test_random(void)
{
	static struct kvm_irq_routing_entry kept[MAX], e[MAX];
	unsigned int nr_kept = 0, good = 0;

	setup();
	for (int round = 0; round < 4000 && !tap_bad; round++) {
		unsigned int nr = rnd(8) ? rnd(12) : rnd(MAX), gsis = 1 + rnd(80);
		struct keel_irq_ack ack = { .gsi = rnd(gsis), .acked = acked };
		int messages = 0, left;

		for (unsigned int i = 0; i < nr; i++)
			e[i] = rnd(3) ? pin(rnd(gsis), rnd(3), rnd(PINS)) : msi(rnd(gsis), rnd(99));
		only_msi_atomic = rnd(2);
		if (valid(e, nr)) {
			check(!keel_set_routing(&vm, e, nr, 0));
			memcpy(kept, e, sizeof(e));
			nr_kept = nr;
			good++;
		} else {
			check(keel_set_routing(&vm, e, nr, 0) == -EINVAL);
		}
		/* A refused table leaves the old one. */
		for (u32 gsi = 0; gsi < gsis + 2; gsi++)
			compare_gsi(kept, nr_kept, gsi);
		keel_irq_ack_register(&vm, &ack);
		compare_acks(kept, nr_kept, ack.gsi);
		keel_irq_ack_unregister(&vm, &ack);

		for (unsigned int i = 0; i < nr_kept; i++)
			messages += !is_pin(&kept[i]);
		left = messages + 1;
		check(!keel_for_each_route(&vm, KVM_IRQ_ROUTING_MSI, count_route, &left));
		check(left == 1);
		left = 1;
		check(keel_for_each_route(&vm, KVM_IRQ_ROUTING_MSI, count_route, &left) ==
		      !!messages);
	}
	check(good > 1000 && changes == good + 2 * 4000);
	teardown();
}

static void test_entries(void)
{
	static struct kvm_irq_routing_entry many[KEEL_MAX_GSI + 1];
	struct kvm_irq_routing_entry e;

	setup();
	check(keel_set_irq(&vm, 0, 0, 1, false) == -EINVAL);
	check(keel_pulse_irq_atomic(&vm, 0, ~0u) == -EINVAL);
	e = pin(0, 0, 0);
	check(keel_set_routing(&vm, &e, 1, 1) == -EINVAL);
	e.flags = KVM_MSI_VALID_DEVID;
	check(keel_set_routing(&vm, &e, 1, 0) == -EINVAL);
	e = pin(KEEL_MAX_GSI, 0, 0);
	check(keel_set_routing(&vm, &e, 1, 0) == -EINVAL);
	e = pin(0, KEEL_NR_IRQCHIPS, 0);
	check(keel_set_routing(&vm, &e, 1, 0) == -EINVAL);
	e = pin(0, 0, PINS);
	check(keel_set_routing(&vm, &e, 1, 0) == -EINVAL);
	e = pin(0, ~0u, ~0u);
	check(keel_set_routing(&vm, &e, 1, 0) == -EINVAL);
	e = pin(0, 0, 0);
	e.pad = 1;
	check(keel_set_routing(&vm, &e, 1, 0) == -EINVAL);
	e = pin(0, 0, 0);
	e.type = 99;
	check(keel_set_routing(&vm, &e, 1, 0) == -EINVAL);
	e = msi(0, 5);
	e.flags = KVM_MSI_VALID_DEVID << 1;
	check(keel_set_routing(&vm, &e, 1, 0) == -EINVAL);
	e.flags = KVM_MSI_VALID_DEVID;
	e.u.msi.devid = 77;
	has_devid = false;
	check(keel_set_routing(&vm, &e, 1, 0) == -EINVAL);
	has_devid = true;
	check(!keel_set_routing(&vm, &e, 1, 0));
	nr_calls = 0;
	keel_set_irq(&vm, 0, 0, 1, false);
	check(calls[0].route.msi.devid == 77 && calls[0].route.msi.flags == KVM_MSI_VALID_DEVID);

	for (int i = 0; i <= KEEL_MAX_GSI; i++)
		many[i] = msi(i % KEEL_MAX_GSI, i);
	check(keel_set_routing(&vm, many, KEEL_MAX_GSI + 1, 0) == -EINVAL);
	check(!keel_set_routing(&vm, many, KEEL_MAX_GSI, 0));
	nr_calls = 0;
	keel_set_irq(&vm, 0, KEEL_MAX_GSI - 1, 1, false);
	check(nr_calls == 1 && calls[0].route.msi.data == KEEL_MAX_GSI - 1);
	shim_fail_alloc = 1;
	check(keel_set_routing(&vm, many, 1, 0) == -ENOMEM);
	shim_fail_alloc = 0;
	check(!keel_set_routing(&vm, NULL, 0, 0));
	check(keel_set_irq(&vm, 0, 0, 1, false) == -EINVAL);
	teardown();
}

static void test_msi(void)
{
	struct kvm_msi m = { .address_lo = 1, .address_hi = 2, .data = 3 };

	setup();
	nr_calls = next_answer = 0;
	answer[0] = 2;
	check(keel_signal_msi(&vm, &m) == 2 && nr_calls == 1);
	check(calls[0].route.msi.address_lo == 1 && calls[0].route.msi.address_hi == 2 &&
	      calls[0].route.msi.data == 3 && calls[0].level == 1);
	m.flags = 1u << 31;
	check(keel_signal_msi(&vm, &m) == -EINVAL);
	m.flags = 0;
	m.pad[2] = 1;
	check(keel_signal_msi(&vm, &m) == -EINVAL);
	m.pad[2] = 0;
	m.address_hi = 0xbad;
	check(keel_signal_msi(&vm, &m) == -EINVAL);
	m.address_hi = 0;
	ready = false;
	check(keel_signal_msi(&vm, &m) == -EINVAL);
	ready = true;
	check(nr_calls == 1);
	keel_ops.irq_route_set = NULL;
	check(keel_signal_msi(&vm, &m) == -ENOTTY);
	check(keel_set_routing(&vm, NULL, 0, 0) == -EINVAL);
	teardown();
}

static void test_default(void)
{
	static const struct keel_irq_wires wires[] = {
		{ .gsi = 2, .irqchip = 1, .pin = 3, .pins = 4 },
		{ .gsi = 5, .irqchip = 2, .pins = PINS },
	};

	setup();
	check(!keel_default_routing(&vm, wires, ARRAY_SIZE(wires)));
	check(keel_set_irq(&vm, 0, 1, 1, false) == -EINVAL);
	nr_calls = 0;
	keel_set_irq(&vm, 0, 5, 1, false);	/* the fourth wire of one, the first of the other */
	check(nr_calls == 2);
	for (unsigned int i = 0; i < nr_calls; i++)
		check(calls[i].route.chip.irqchip == 1 ? calls[i].route.chip.pin == 6 :
		      calls[i].route.chip.irqchip == 2 && !calls[i].route.chip.pin);
	nr_calls = 0;
	keel_set_irq(&vm, 0, 5 + PINS - 1, 1, false);
	check(nr_calls == 1 && calls[0].route.chip.pin == PINS - 1);
	check(keel_set_irq(&vm, 0, 5 + PINS, 1, false) == -EINVAL);
	shim_fail_alloc = 1;
	check(keel_default_routing(&vm, wires, 1) == -ENOMEM);
	shim_fail_alloc = 0;
	teardown();
}

int main(void)
{
	tap_test("random tables", test_random);
	tap_test("what an entry may say", test_entries);
	tap_test("messages from user space", test_msi);
	tap_test("default routing", test_default);
	return tap_done();
}
