// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transaction engine: random instructions run against devices in the kernel and in user
 * space; each access must reach its device once, in order, however often the instruction is
 * executed.
 */
#include "test.h"

int shim_fail_alloc;
long shim_allocated;
struct file shim_eventfd[SHIM_EVENTFDS];
struct keel_vm vm;
struct keel_vcpu vcpu;
void (*device_hook)(struct device *d, bool write, u64 addr, int len, void *val);

static int device_read(struct keel_io_dev *dev, struct keel_vcpu *v, u64 addr, int len, void *val)
{
	struct device *d = container_of(dev, struct device, dev);

	check(v == &vcpu);
	if (!d->budget)
		return -EOPNOTSUPP;
	d->budget--;
	device_hook(d, false, addr, len, val);
	return 0;
}

static int device_write(struct keel_io_dev *dev, struct keel_vcpu *v, u64 addr, int len,
			const void *val)
{
	struct device *d = container_of(dev, struct device, dev);

	check(v == &vcpu);
	if (!d->budget)
		return -EOPNOTSUPP;
	d->budget--;
	device_hook(d, true, addr, len, (void *)val);
	return 0;
}

static void device_released(struct keel_io_dev *dev)
{
	container_of(dev, struct device, dev)->released = true;
}

const struct keel_io_dev_ops device_ops = { device_read, device_write, device_released };

void register_device(struct device *d, enum keel_bus_id bus, u64 addr, u32 len)
{
	d->dev.ops = &device_ops;
	d->released = false;
	mutex_lock(&vm.slots_lock);
	check(!keel_bus_register(&vm, bus, addr, len, &d->dev));
	mutex_unlock(&vm.slots_lock);
}

void vm_create(void)
{
	memset(&vm, 0, sizeof(vm));
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.vm = &vm;
	vcpu.run = calloc(1, PAGE_SIZE);
	INIT_LIST_HEAD(&vm.irq.ioeventfds);
	check(!keel_coalesced_init(&vm) && !keel_bus_init(&vm) && !keel_io_init(&vcpu.io));
}

void vm_destroy(void)
{
	keel_io_destroy(&vcpu.io);
	keel_bus_destroy(&vm);
	keel_coalesced_destroy(&vm);
	free(vcpu.run);
	check(shim_allocated == 0);
	check(vm.srcu.readers == 0);
	for (int i = 0; i < SHIM_EVENTFDS; i++)
		check(shim_eventfd[i].ctx.refs == 0);
}

/* --- what an instruction does, what should happen, and what happens -------------------- */

#define MAX_ACCESSES	5
#define MAX_BYTES	192
#define MAX_EVENTS	4096

struct access {
	bool write, pio;
	u64 addr;
	int size, count;		/* MMIO: size 1..64, count 1 */
	u8 data[MAX_BYTES];
};

/* One element at one device. */
struct event {
	bool write, pio;
	u64 addr;
	int size;
	u8 data[8];
};

struct events {
	unsigned int nr;
	struct event e[MAX_EVENTS];
};

static struct events in_kernel, in_user;
static struct device devices[6];
static u64 fresh;		/* no two reads give the same value */

static void add(struct events *list, bool write, bool pio, u64 addr, int size, const void *data)
{
	struct event *e = &list->e[list->nr++ % MAX_EVENTS];

	*e = (struct event){ .write = write, .pio = pio, .addr = addr, .size = size };
	memcpy(e->data, data, size);
}

static void on_device(struct device *d, bool write, u64 addr, int len, void *val)
{
	if (!write) {
		fresh += 0x0123456789abcdefull;
		memcpy(val, &fresh, len);
	}
	add(&in_kernel, write, d >= &devices[3], addr, len, val);
}

/* User space: answer what kvm_run asks, then write nonsense over the question. */
static void in_user_space(void)
{
	struct kvm_run *run = vcpu.run;

	if (run->exit_reason == KVM_EXIT_MMIO) {
		check(run->mmio.len <= 8);
		if (!run->mmio.is_write) {
			fresh += 0x0123456789abcdefull;
			memcpy(run->mmio.data, &fresh, 8);
		}
		add(&in_user, run->mmio.is_write, false, run->mmio.phys_addr, run->mmio.len,
		    run->mmio.data);
		run->mmio.len = rnd(256) << rnd(24);
		run->mmio.phys_addr = rnd(1000);
		run->mmio.is_write = rnd(2);
#ifdef KVM_PIO_PAGE_OFFSET
	} else if (run->exit_reason == KVM_EXIT_IO) {
		bool out = run->io.direction == KVM_EXIT_IO_OUT;
		u8 *data = (u8 *)keel_io_page(&vcpu);

		check(run->io.data_offset == KVM_PIO_PAGE_OFFSET * PAGE_SIZE);
		for (u32 i = 0; i < run->io.count; i++, data += run->io.size) {
			if (!out) {
				fresh += 0x0123456789abcdefull;
				memcpy(data, &fresh, run->io.size);
			}
			add(&in_user, out, true, run->io.port, run->io.size, data);
		}
		run->io.count = rnd(100000);
		run->io.size = rnd(256);
		run->io.direction = rnd(256);
		run->io.data_offset = rnd(1 << 30);
#endif
	} else {
		check(false);
	}
	run->exit_reason = rnd(40);
}

static int access_once(struct access *a, u8 *data)
{
#ifdef KVM_PIO_PAGE_OFFSET
	if (a->pio)
		return a->write ? keel_pio_write(&vcpu, a->addr, a->size, data, a->count) :
				  keel_pio_read(&vcpu, a->addr, a->size, data, a->count);
#endif
	return a->write ? keel_mmio_write(&vcpu, a->addr, data, a->size) :
			  keel_mmio_read(&vcpu, a->addr, data, a->size);
}

static int execute(struct access *a, int nr)
{
	for (int i = 0; i < nr; i++) {
		int ret = access_once(&a[i], a[i].data);

		if (ret)
			return ret;
	}
	return 0;
}

/* As the run loop does it; returns when the instruction is complete and its writes are out. */
static int run(struct access *a, int nr)
{
	int ret, trips = 0;

	keel_io_begin(&vcpu);
	ret = execute(a, nr);
	while (!keel_io_idle(&vcpu.io) && keel_io_exit(&vcpu)) {
		do {
			in_user_space();
			check(++trips < 1000);
		} while (!keel_io_complete(&vcpu));
		if (vcpu.io.replay)
			ret = execute(a, nr);
	}
	check(keel_io_idle(&vcpu.io));
	return ret;
}

/* Which device would take it, without taking it. As laid out in setup(). */
static struct device *taker(struct access *a, u64 addr, int size)
{
	static const struct { u64 addr; u32 len; } at[6] = {
		{ 0x1000, 0x100 }, { 0x1ffc, 8 }, { 0x3000, 0 },
		{ 0x20, 2 }, { 0x60, 8 }, { 0x64, 1 },
	};

	for (int i = a->pio ? 5 : 2; i >= (a->pio ? 3 : 0); i--) {
		bool in = at[i].len ? addr >= at[i].addr && addr + size <= at[i].addr + at[i].len :
				      addr == at[i].addr;

		if (in && devices[i].budget)
			return &devices[i];
	}
	return NULL;
}

static void setup(void)
{
	vm_create();
	device_hook = on_device;
	register_device(&devices[0], KEEL_BUS_MMIO, 0x1000, 0x100);
	register_device(&devices[1], KEEL_BUS_MMIO, 0x1ffc, 8);
	register_device(&devices[2], KEEL_BUS_MMIO, 0x3000, 0);
	register_device(&devices[3], KEEL_BUS_PIO, 0x20, 2);
	register_device(&devices[4], KEEL_BUS_PIO, 0x60, 8);
	register_device(&devices[5], KEEL_BUS_PIO, 0x64, 1);
}

/* What run() should do: elements of each side, and the sides, in program order. */
static struct events want_kernel, want_user;
static bool side_user[MAX_EVENTS];

static void predict_element(struct access *a, u64 addr, int size, u8 *data, bool *user)
{
	struct device *d = *user ? NULL : taker(a, addr, size);

	side_user[(want_kernel.nr + want_user.nr) % MAX_EVENTS] = !d;
	if (d) {
		d->budget--;
		add(&want_kernel, a->write, a->pio, addr, size, data);
	} else {
		*user |= a->pio;	/* a string stays in user space once it is there */
		add(&want_user, a->write, a->pio, addr, size, data);
	}
}

static void predict(struct access *a)
{
	bool user = false;
	u8 *data = a->data;
	u64 addr = a->addr;
	int left = a->size;

	if (a->pio) {
		for (int i = 0; i < a->count; i++, data += a->size)
			predict_element(a, addr, a->size, data, &user);
		return;
	}
	while (left) {
		int n = 8;

		while (n > left || (addr & 0xfff) + n > 0x1000)
			n /= 2;
		predict_element(a, addr, n, data, &user);
		user = false;
		addr += n;
		data += n;
		left -= n;
	}
}

static bool same_event(const struct event *a, const struct event *b, bool values)
{
	return a->write == b->write && a->pio == b->pio && a->addr == b->addr &&
	       a->size == b->size && (!values || !memcmp(a->data, b->data, a->size));
}

/* Take the values that the devices gave for @a and compare them with what @a got. */
static void compare(struct access *a, unsigned int *k, unsigned int *u)
{
	unsigned int done = 0, total = a->size * a->count;
	struct event *e;

	while (done < total) {
		u64 addr = a->pio ? a->addr : a->addr + done;

		e = side_user[*k + *u] ? &in_user.e[(*u)++] : &in_kernel.e[(*k)++];
		check(e->addr == addr && e->write == a->write && e->pio == a->pio);
		check(!memcmp(e->data, a->data + done, e->size));
		if (tap_bad)
			return;
		done += e->size;
	}
}

static void random_access(struct access *a)
{
	static const u64 mmio[] = {
		0x1000, 0x10f8, 0x10ff, 0x1ff0, 0x1ffa, 0x1ffe, 0x3000, 0x8000
	};
	static const u64 pio[] = { 0x20, 0x21, 0x60, 0x62, 0x64, 0x3f8 };

	*a = (struct access){ .write = rnd(2), .count = 1 };
#ifdef KVM_PIO_PAGE_OFFSET
	a->pio = rnd(2);
#endif
	if (a->pio) {
		a->addr = pio[rnd(ARRAY_SIZE(pio))];
		a->size = 1 << rnd(3);
		a->count = rnd(3) ? 1 : 1 + rnd(MAX_BYTES / a->size);
	} else {
		a->addr = mmio[rnd(ARRAY_SIZE(mmio))] + rnd(4);
		a->size = rnd(3) ? 1 << rnd(4) : 1 + rnd(24);
	}
	for (int i = 0; i < MAX_BYTES; i++)
		a->data[i] = rnd(256);
}

static void test_random(void)
{
	static struct access a[MAX_ACCESSES];
	int budget[6];

	setup();
	for (int round = 0; round < 100000 && !tap_bad; round++) {
		int nr = 1 + rnd(MAX_ACCESSES);
		unsigned int k = 0, u = 0;

		in_kernel.nr = in_user.nr = want_kernel.nr = want_user.nr = 0;
		for (int i = 0; i < 6; i++)
			devices[i].budget = budget[i] = rnd(4) ? -1 : (int)rnd(20);
		for (int i = 0; i < nr; i++) {
			random_access(&a[i]);
			predict(&a[i]);
		}
		for (int i = 0; i < 6; i++)
			devices[i].budget = budget[i];
		if (want_kernel.nr + want_user.nr > MAX_EVENTS)
			continue;
		check(run(a, nr) == 0);
		check(in_kernel.nr == want_kernel.nr && in_user.nr == want_user.nr);
		for (unsigned int i = 0; i < in_kernel.nr && !tap_bad; i++)
			check(same_event(&in_kernel.e[i], &want_kernel.e[i],
					 in_kernel.e[i].write));
		for (unsigned int i = 0; i < in_user.nr && !tap_bad; i++)
			check(same_event(&in_user.e[i], &want_user.e[i], in_user.e[i].write));
		for (int i = 0; i < nr && !tap_bad; i++)
			compare(&a[i], &k, &u);
	}
	vm_destroy();
}

/* An instruction that turns into another one while user space works: no crash, no stale data. */
static void test_changing(void)
{
	static struct access a[MAX_ACCESSES];

	setup();
	for (int round = 0; round < 100000 && !tap_bad; round++) {
		int nr = 1 + rnd(MAX_ACCESSES), trips = 0, ret;

		in_kernel.nr = in_user.nr = 0;
		for (int i = 0; i < 6; i++)
			devices[i].budget = -1;
		for (int i = 0; i < nr; i++)
			random_access(&a[i]);
		keel_io_begin(&vcpu);
		ret = execute(a, nr);
		while (!keel_io_idle(&vcpu.io) && keel_io_exit(&vcpu) && !tap_bad) {
			do {
				in_user_space();
			} while (!keel_io_complete(&vcpu));
			if (!vcpu.io.replay)
				continue;
			if (trips++ < 20)
				random_access(&a[rnd(nr)]);
			ret = execute(a, nr);
			check(trips < 1000);
		}
		check(ret == 0 || ret == -ENOSPC);
		/* What did not end in user space is forgotten by the next instruction. */
		keel_io_begin(&vcpu);
		check(keel_io_idle(&vcpu.io));
	}
	vm_destroy();
}

static int trip(struct access *a, int nr)
{
	check(keel_io_exit(&vcpu));
	in_user_space();
	check(keel_io_complete(&vcpu) == 1 && vcpu.io.replay);
	return execute(a, nr);
}

/* A read that was not made before is made: it gets no other read's answer from the log. */
static void test_changed_read(void)
{
	struct access a[2] = {
		{ .addr = 0x1000, .size = 4, .count = 1 },
		{ .addr = 0x8000, .size = 8, .count = 1 },
	};

	setup();
	in_kernel.nr = in_user.nr = 0;
	for (int i = 0; i < 6; i++)
		devices[i].budget = -1;
	keel_io_begin(&vcpu);
	check(execute(a, 2) == KEEL_IO_USER && in_kernel.nr == 1);
	a[0].addr = 0x1010;
	check(trip(a, 2) == KEEL_IO_USER);
	check(in_kernel.nr == 2 && in_kernel.e[1].addr == 0x1010);
	check(!memcmp(a[0].data, in_kernel.e[1].data, 4));
	check(trip(a, 2) == 0 && in_kernel.nr == 2 && in_user.nr == 2);
	check(!memcmp(a[1].data, in_user.e[1].data, 8));
#ifdef KVM_PIO_PAGE_OFFSET
	/* What became void gives its room back. */
	a[1] = (struct access){ .pio = true, .addr = 0x3f8, .size = 4, .count = MAX_BYTES / 4 };
	keel_io_begin(&vcpu);
	check(execute(a, 2) == KEEL_IO_USER);
	for (int i = 0; i < 20; i++) {
		a[0].addr ^= 0x10;
		check(trip(a, 2) == KEEL_IO_USER);
	}
	check(trip(a, 2) == 0);
#endif
	check(keel_io_idle(&vcpu.io) || vcpu.io.replay);
	vm_destroy();
}

/* More than the log or the queue hold: refused, and what was accepted still goes out. */
static void test_limits(void)
{
	struct access w = { .write = true, .addr = 0x8000, .size = 8, .count = 1 };
	struct access r = { .addr = 0x1000, .size = 8, .count = 1 };
	int ret = 0, n;

	setup();
	in_kernel.nr = in_user.nr = 0;
	for (int i = 0; i < 6; i++)
		devices[i].budget = -1;
	keel_io_begin(&vcpu);
	for (n = 0; !ret && n < 1000; n++)
		ret = access_once(&w, w.data);
	check(ret == -ENOSPC && n == KEEL_IO_QUEUE + 1);
	check(keel_io_exit(&vcpu));
	do {
		in_user_space();
	} while (!keel_io_complete(&vcpu));
	check(in_user.nr == KEEL_IO_QUEUE && keel_io_idle(&vcpu.io));

	keel_io_begin(&vcpu);
	for (ret = n = 0; !ret && n < 1000; n++)
		ret = access_once(&r, r.data);
	check(ret == -ENOSPC && n == KEEL_IO_LOG_ENTRIES + 1);
	keel_io_begin(&vcpu);
	check(!access_once(&r, r.data) && keel_io_idle(&vcpu.io));
#ifdef KVM_PIO_PAGE_OFFSET
	u8 data[KEEL_IO_LOG_BYTES + 4];

	keel_io_begin(&vcpu);
	check(keel_pio_read(&vcpu, 0x3f8, 4, data, KEEL_IO_LOG_BYTES / 4 + 1) == -ENOSPC);
	check(keel_io_idle(&vcpu.io));
	check(keel_pio_read(&vcpu, 0x3f8, 4, data, KEEL_IO_LOG_BYTES / 4) == KEEL_IO_USER);
	check(keel_io_exit(&vcpu) && !keel_io_idle(&vcpu.io));
	check(vcpu.run->io.count == KEEL_IO_LOG_BYTES / 4);
	keel_io_begin(&vcpu);
#endif
	vm_destroy();
}

static void test_alloc(void)
{
	struct keel_io io;

	for (int fail = 1; fail <= 2; fail++) {
		shim_fail_alloc = fail;
		if (!keel_io_init(&io))
			keel_io_destroy(&io);
		shim_fail_alloc = 0;
		check(shim_allocated == 0);
	}
}

int main(void)
{
	tap_test("random instructions: every access once and in order", test_random);
	tap_test("instructions that change before their replay", test_changing);
	tap_test("a changed read is made, not served", test_changed_read);
	tap_test("limits of the log and of the queue", test_limits);
	tap_test("allocation failures", test_alloc);
	bus_tests();
	return tap_done();
}
