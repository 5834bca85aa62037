// SPDX-License-Identifier: GPL-2.0-only
/* The bus against a linear search; ioeventfd and coalesced zones through the bus. */
#include "test.h"

/* --- random ranges --------------------------------------------------------------------- */

#define NR 60

static struct {
	struct device d;
	u64 addr;
	u32 len;
	bool there;
	unsigned int since;		/* order of registration */
} row[NR];

static struct device *taken_by;

static void on_device(struct device *d, bool write, u64 addr, int len, void *val)
{
	(void)write;
	(void)addr;
	(void)len;
	(void)val;
	taken_by = d;
}

static bool before(int a, int b)
{
	return row[a].addr != row[b].addr ? row[a].addr > row[b].addr :
	       row[a].since > row[b].since;
}

/* The one that begins last, then the one that came last, of those that cover and accept. */
static struct device *expected(u64 addr, int len)
{
	int best = -1;

	for (int i = 0; i < NR; i++) {
		u64 off = addr - row[i].addr;
		bool in = row[i].len ? len && addr >= row[i].addr && off < row[i].len &&
				       len <= row[i].len - off : !off;

		if (row[i].there && in && row[i].d.budget && (best < 0 || before(i, best)))
			best = i;
	}
	return best < 0 ? NULL : &row[best].d;
}

static void test_ranges(void)
{
	static const u64 bases[] = { 0, 0x1000, ~0ull - 0x3f };
	unsigned int clock = 0;

	vm_create();
	device_hook = on_device;
	for (int step = 0; step < 20000 && !tap_bad; step++) {
		int i = rnd(NR);

		if (!row[i].there) {
			row[i].addr = bases[rnd(3)] + rnd(0x30);
			row[i].len = rnd(4) ? rnd(0x10) : 0;
			row[i].d.budget = rnd(3) ? -1 : 0;
			row[i].since = ++clock;
			row[i].there = true;
			register_device(&row[i].d, KEEL_BUS_MMIO, row[i].addr, row[i].len);
		} else {
			mutex_lock(&vm.slots_lock);
			keel_bus_unregister(&vm, KEEL_BUS_MMIO, &row[i].d.dev);
			mutex_unlock(&vm.slots_lock);
			row[i].there = false;
		}
		for (int probe = 0; probe < 20; probe++) {
			u64 addr = bases[rnd(3)] + rnd(0x40);
			int len = rnd(8) ? 1 << rnd(4) : 0;
			struct device *want = expected(addr, len);
			u64 val = 0;

			taken_by = NULL;
			check(keel_bus_write(&vcpu, KEEL_BUS_MMIO, addr, len, &val) ==
			      (want ? 0 : -EOPNOTSUPP));
			check(taken_by == want);
			check(keel_bus_read(&vcpu, KEEL_BUS_PIO, addr, len, &val) == -EOPNOTSUPP);
		}
	}
	vm_destroy();
	for (int i = 0; i < NR; i++)
		check(row[i].d.released == row[i].there);
}

static void test_limits(void)
{
	static struct device many[KEEL_BUS_MAX_DEVS + 1];
	struct device extra = { .dev.ops = &device_ops };

	vm_create();
	for (int i = 0; i < KEEL_BUS_MAX_DEVS; i++)
		register_device(&many[i], KEEL_BUS_PIO, i, 1);
	mutex_lock(&vm.slots_lock);
	check(keel_bus_register(&vm, KEEL_BUS_PIO, 0, 1, &extra.dev) == -ENOSPC);
	check(keel_bus_register(&vm, KEEL_BUS_MMIO, ~0ull, 2, &extra.dev) == -EINVAL);
	check(!keel_bus_register(&vm, KEEL_BUS_MMIO, ~0ull, 1, &extra.dev));
	keel_bus_unregister(&vm, KEEL_BUS_PIO, &many[5].dev);
	shim_fail_alloc = 1;
	check(keel_bus_register(&vm, KEEL_BUS_PIO, 0, 1, &many[5].dev) == -ENOMEM);
	shim_fail_alloc = 0;
	check(!keel_bus_register(&vm, KEEL_BUS_PIO, 0, 1, &many[5].dev));
	mutex_unlock(&vm.slots_lock);
	vm_destroy();
}

/* --- ioeventfd ------------------------------------------------------------------------- */

static int ioeventfd(u64 addr, u32 len, int fd, u32 flags, u64 match)
{
	struct kvm_ioeventfd args = {
		.addr = addr, .len = len, .fd = fd, .flags = flags, .datamatch = match,
	};

	return keel_ioeventfd(&vm, &args);
}

static bool write_signals(enum keel_bus_id bus, u64 addr, int len, u64 val, int fd)
{
	u64 before = shim_eventfd[fd].ctx.count;
	int ret = keel_bus_write(&vcpu, bus, addr, len, &val);

	check(ret == (shim_eventfd[fd].ctx.count == before ? -EOPNOTSUPP : 0));
	return !ret;
}

#define MATCH	KVM_IOEVENTFD_FLAG_DATAMATCH
#define PIO	KVM_IOEVENTFD_FLAG_PIO
#define CCW	KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY
#define GONE	KVM_IOEVENTFD_FLAG_DEASSIGN

static void test_ioeventfd(void)
{
	struct kvm_ioeventfd bad = { .addr = 0x100, .len = 4, .fd = 1 };

	vm_create();
	check(ioeventfd(0x100, 3, 1, 0, 0) == -EINVAL);
	check(ioeventfd(0x100, 16, 1, 0, 0) == -EINVAL);
	check(ioeventfd(0x100, 0, 1, MATCH, 0) == -EINVAL);
	check(ioeventfd(~0ull, 4, 1, 0, 0) == -EINVAL);
	check(ioeventfd(0x100, 4, 1, 1u << 10, 0) == -EINVAL);
	check(ioeventfd(0x100, 4, 1, PIO | CCW, 0) == -EINVAL);
	check(ioeventfd(0x100, 4, 99, 0, 0) == -EBADF);
	check(ioeventfd(0x100, 4, 1, GONE, 0) == -ENOENT);
	bad.pad[3] = 1;
	check(keel_ioeventfd(&vm, &bad) == -EINVAL);

	check(!ioeventfd(0x100, 4, 1, 0, 0));
	check(write_signals(KEEL_BUS_MMIO, 0x100, 4, 7, 1));
	check(!write_signals(KEEL_BUS_MMIO, 0x100, 2, 7, 1));
	check(!write_signals(KEEL_BUS_MMIO, 0x101, 4, 7, 1));
	check(!write_signals(KEEL_BUS_PIO, 0x100, 4, 7, 1));
	check(ioeventfd(0x100, 4, 2, MATCH, 9) == -EEXIST);
	check(ioeventfd(0x100, 0, 2, 0, 0) == -EEXIST);
	check(!ioeventfd(0x100, 2, 2, 0, 0));
	check(write_signals(KEEL_BUS_MMIO, 0x100, 2, 7, 2));

	for (int len = 1; len <= 8; len *= 2) {
		u64 val = 0x8182838485868788ull >> (64 - 8 * len);

		check(!ioeventfd(0x200, len, 3, PIO | MATCH, val));
		check(ioeventfd(0x200, len, 4, PIO | MATCH, val) == -EEXIST);
		check(!ioeventfd(0x200, len, 4, PIO | MATCH, val + 1));
		check(write_signals(KEEL_BUS_PIO, 0x200, len, val, 3));
		check(write_signals(KEEL_BUS_PIO, 0x200, len, val + 1, 4));
		check(!write_signals(KEEL_BUS_PIO, 0x200, len, val + 2, 4));
		check(ioeventfd(0x200, len, 3, PIO | MATCH | GONE, val + 1) == -ENOENT);
		check(!ioeventfd(0x200, len, 3, PIO | MATCH | GONE, val));
		check(!write_signals(KEEL_BUS_PIO, 0x200, len, val, 3));
	}

	/* Any length: also on the bus that knows the address only. */
	check(!ioeventfd(0x300, 0, 5, 0, 0));
	check(write_signals(KEEL_BUS_MMIO, 0x300, 1, 0, 5));
	check(write_signals(KEEL_BUS_MMIO, 0x300, 8, 0, 5));
	check(write_signals(KEEL_BUS_FAST_MMIO, 0x300, 0, 0, 5));
	check(!write_signals(KEEL_BUS_FAST_MMIO, 0x301, 0, 0, 5));
	check(!ioeventfd(0x300, 0, 5, GONE, 0));
	check(!write_signals(KEEL_BUS_FAST_MMIO, 0x300, 0, 0, 5));
	check(!write_signals(KEEL_BUS_MMIO, 0x300, 1, 0, 5));

	check(!ioeventfd(3, 8, 6, CCW | MATCH, 1));
	check(write_signals(KEEL_BUS_CCW, 3, 8, 1, 6));
	check(!write_signals(KEEL_BUS_CCW, 3, 8, 2, 6));

	for (int fail = 1; fail <= 4; fail++) {
		shim_fail_alloc = fail;
		check(ioeventfd(0x400, 0, 7, 0, 0) == -ENOMEM);
		shim_fail_alloc = 0;
		check(shim_eventfd[7].ctx.refs == 0);
		check(!write_signals(KEEL_BUS_FAST_MMIO, 0x400, 0, 0, 7));
	}
	check(!ioeventfd(0x400, 0, 7, 0, 0));
	vm_destroy();		/* with bindings left */
}

/* --- coalesced I/O --------------------------------------------------------------------- */

#ifdef KVM_COALESCED_MMIO_PAGE_OFFSET
static int zone(u64 addr, u32 size, u32 pio, bool remove)
{
	struct kvm_coalesced_mmio_zone args = { .addr = addr, .size = size, .pio = pio };

	return remove ? keel_coalesced_unregister(&vm, &args) :
			keel_coalesced_register(&vm, &args);
}

static bool taken(enum keel_bus_id bus, u64 addr, int len, u64 val)
{
	return !keel_bus_write(&vcpu, bus, addr, len, &val);
}

static void test_zones(void)
{
	u64 val;

	vm_create();
	check(zone(0x1000, 0, 0, false) == -EINVAL);
	check(zone(0x1000, 0x10, 2, false) == -EINVAL && zone(0x1000, 0x10, 2, true) == -EINVAL);
	check(zone(~0ull, 0x10, 0, false) == -EINVAL);
	check(!zone(0x1000, 0x100, 0, false) && !zone(0x80, 4, 1, false));
	check(taken(KEEL_BUS_MMIO, 0x1000, 4, 1) && taken(KEEL_BUS_MMIO, 0x10f8, 8, 2));
	check(!taken(KEEL_BUS_MMIO, 0x10fc, 8, 3) && !taken(KEEL_BUS_MMIO, 0xffe, 4, 3));
	check(taken(KEEL_BUS_PIO, 0x80, 1, 4) && !taken(KEEL_BUS_PIO, 0x1000, 4, 4));
	check(keel_bus_read(&vcpu, KEEL_BUS_MMIO, 0x1000, 4, &val) == -EOPNOTSUPP);
	check(vm.coalesced.ring->last == 3);
	check(vm.coalesced.ring->coalesced_mmio[2].pio == 1);
	check(!zone(0x2000, 4, 0, true));
	check(!zone(0x1080, 0x100, 0, true) && taken(KEEL_BUS_MMIO, 0x1000, 4, 1));
	check(!zone(0x1080, 0x10, 0, true) && !taken(KEEL_BUS_MMIO, 0x1000, 4, 1));
	for (int fail = 1; fail <= 2; fail++) {
		shim_fail_alloc = fail;
		check(zone(0x3000, 8, 0, false) == -ENOMEM);
		shim_fail_alloc = 0;
	}
	check(!taken(KEEL_BUS_MMIO, 0x3000, 8, 0));
	vm_destroy();
}

static void test_ring(void)
{
	struct kvm_coalesced_mmio_ring *ring;
	u64 in = 0, out = 0;

	vm_create();
	ring = vm.coalesced.ring;
	check(!zone(0, 0x10000, 0, false));
	for (int step = 0; step < 100000 && !tap_bad; step++) {
		if (rnd(2)) {
			int len = 1 << rnd(4);
			u64 used = in - out;

			if (taken(KEEL_BUS_MMIO, in % 0x8000, len, in)) {
				u32 prev = (ring->last ? ring->last : KVM_COALESCED_MMIO_MAX) - 1;

				check(used < KVM_COALESCED_MMIO_MAX - 1);
				check(ring->coalesced_mmio[prev].len == len);
				in++;
			} else {
				check(used == KVM_COALESCED_MMIO_MAX - 1);
			}
		} else if (rnd(100)) {
			for (int n = rnd(3); n && ring->first != ring->last; n--, out++) {
				check(ring->coalesced_mmio[ring->first].phys_addr == out % 0x8000);
				check(ring->coalesced_mmio[ring->first].data[0] == (u8)out);
				ring->first = (ring->first + 1) % KVM_COALESCED_MMIO_MAX;
			}
		}
	}
	/* User space owns the page, too. */
	for (int step = 0; step < 10000; step++) {
		ring->first = rnd(2) ? rnd(400) : rnd(~0u);
		ring->last = rnd(2) ? rnd(400) : rnd(~0u);
		taken(KEEL_BUS_MMIO, 0x100, 8, 1);
	}
	vm_destroy();
}
#endif

void bus_tests(void)
{
	tap_test("bus: overlapping ranges come and go", test_ranges);
	tap_test("bus: limits", test_limits);
	tap_test("ioeventfd", test_ioeventfd);
#ifdef KVM_COALESCED_MMIO_PAGE_OFFSET
	tap_test("coalesced: zones", test_zones);
	tap_test("coalesced: ring", test_ring);
#endif
}
