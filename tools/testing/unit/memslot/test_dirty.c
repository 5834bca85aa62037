// SPDX-License-Identifier: GPL-2.0-only
/* Unit test of the dirty log: nothing that is written may be missing from it. */
#include "test.h"

#define HVA	0x700000000000ull
#define BASE	100
#define WORDS	(SHIM_FRAMES / 64)

static bool flushed;

bool keel_wrprotect_mask(struct keel_vm *vm, struct keel_memslot *slot, u64 offset, u64 mask)
{
	bool any = false;

	CHECK(vm->mmu_lock.readers && vm->slots_lock.held);
	for (int i = 0; i < 64; i++)
		if (mask >> i & 1) {
			CHECK(offset + i < slot->npages);
			any |= writable[slot->as_id][slot->base + offset + i];
			writable[slot->as_id][slot->base + offset + i] = false;
		}
	flushed &= !any;
	return any;
}

void keel_flush_slot(struct keel_vm *vm, const struct keel_memslot *slot)
{
	CHECK(vm->slots_lock.held);
	flushed = true;
}

void keel_flush_all(struct keel_vm *vm)
{
	CHECK(vm->slots_lock.held);
	flushed = true;
}

/* The guest writes: faults if it may not yet. */
static void guest_write(struct keel_vm *vm, struct keel_vcpu *vcpu, u64 gfn)
{
	struct keel_memslot *slot = keel_slot_find(vm, 0, gfn);

	if (writable[0][gfn])
		return;
	writable[0][gfn] = true;
	keel_mark_dirty(vm, vcpu, slot, gfn);
}

static int get_log(struct keel_vm *vm, u32 slot, void *bitmap)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };
	int r;

	flushed = true;
	r = keel_get_dirty_log(vm, &log);
	CHECK(flushed);
	return r;
}

static int clear_log(struct keel_vm *vm, u32 slot, u64 first, u32 nr, void *bitmap)
{
	struct kvm_clear_dirty_log log = {
		.slot = slot, .first_page = first, .num_pages = nr, .dirty_bitmap = bitmap,
	};
	int r;

	flushed = true;
	r = keel_clear_dirty_log(vm, &log);
	CHECK(flushed);
	return r;
}

static bool bit(const void *bitmap, u64 nr)
{
	return ((const u8 *)bitmap)[nr / 8] >> nr % 8 & 1;
}

static void rounds(u32 manual, u64 npages)
{
	struct keel_vm *vm = new_vm();
	bool written[SHIM_FRAMES] = {};
	u64 got[WORDS], clear[WORDS];
	int r;

	CHECK(!set_region(vm, 0, 0, BASE, npages, HVA));
	for (int i = 0; i < 50; i++)
		guest_write(vm, NULL, BASE + rng(npages));
	vm->manual_dirty_log = manual;
	CHECK(!set_region(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, BASE, npages, HVA));
	if (manual & KVM_DIRTY_LOG_INITIALLY_SET)
		memset(written, 1, npages);

	for (int i = 0; i < 200; i++) {
		for (int n = rng(200); n; n--) {
			u64 at = rng(npages);

			guest_write(vm, NULL, BASE + at);
			written[at] = true;
		}
		memset(got, 0xee, sizeof(got));
		shim_fault = rng(4) ? 0 : 1 + rng(2);
		r = get_log(vm, 0, got);
		if (shim_fault == 0 && r) {	/* it fired: nothing may be lost by that */
			CHECK(r == -EFAULT);
			/* Whole chunks may have been handed out before; they are user space's. */
			if (!manual)
				for (u64 at = 0; at < npages; at++)
					if (!bit(keel_slot_by_id(vm, 0)->dirty, at) && written[at])
						written[at] = !bit(got, at);
			continue;
		}
		shim_fault = 0;
		CHECK(!r);
		for (u64 at = 0; at < npages; at++)
			CHECK(bit(got, at) == written[at]);
		for (u64 at = npages; at < (npages + 63) / 64 * 64; at++)
			CHECK(!bit(got, at));
		if (!manual) {
			memset(written, 0, sizeof(written));
			for (u64 at = 0; at < npages; at++)
				CHECK(!bit(got, at) || !writable[0][BASE + at]);
			continue;
		}
		for (int w = 0; w < WORDS; w++)
			clear[w] = rng(2) ? rng(~0u) << 32 | rng(~0u) : ~0ull;
		u64 first = rng(npages / 64 + 1) * 64;
		u32 nr = rng(2) || first + 64 > npages ? npages - first : 64;

		CHECK(!clear_log(vm, 0, first, nr, clear));
		for (u64 at = first; at < first + nr; at++)
			if (bit(clear, at - first) && written[at]) {
				written[at] = false;
				CHECK(!writable[0][BASE + at]);
			}
	}
	free_vm(vm);
}

void test_bitmap(void)
{
	static const u64 sizes[] = { 1, 63, 64, 65, 500, 1000 };

	for (int i = 0; i < 6; i++) {
		rounds(0, sizes[i]);
		rounds(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE, sizes[i]);
		rounds(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET, sizes[i]);
	}
}

void test_bitmap_edges(void)
{
	struct keel_vm *vm = new_vm();
	u64 b[WORDS] = {};

	CHECK(get_log(vm, 0, b) == -ENOENT && get_log(vm, KEEL_MAX_SLOTS, b) == -EINVAL);
	CHECK(get_log(vm, 2u << 16, b) == -EINVAL && get_log(vm, 1u << 16, b) == -ENOENT);
	CHECK(!set_region(vm, 0, 0, BASE, 130, HVA));
	CHECK(get_log(vm, 0, b) == -ENOENT && clear_log(vm, 0, 0, 64, b) == -ENOENT);
	guest_write(vm, NULL, BASE);
	CHECK(!set_region(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, BASE, 130, HVA) && !writable[0][BASE]);
	CHECK(!get_log(vm, 0, b) && !b[0] && get_log(vm, 0, NULL) == -EFAULT);

	CHECK(clear_log(vm, 0, 1, 64, b) == -EINVAL && clear_log(vm, 0, 0, 63, b) == -EINVAL);
	CHECK(clear_log(vm, 0, 0, 131, b) == -EINVAL && clear_log(vm, 0, 192, 0, b) == -EINVAL);
	CHECK(clear_log(vm, 0, 128, 3, b) == -EINVAL && clear_log(vm, 0, ~63ull, 64, b) == -EINVAL);
	CHECK(clear_log(vm, 0, 0, 64, NULL) == -EFAULT);
	CHECK(!clear_log(vm, 0, 128, 2, b) && !clear_log(vm, 0, 0, 130, b));
	CHECK(!clear_log(vm, 0, 128, 0, b) && !clear_log(vm, 0, 0, 0, NULL));

	/* Bits that nobody set are not taken, and a slot that moves takes its log along. */
	guest_write(vm, NULL, BASE + 129);
	CHECK(!set_region(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, BASE + 50, 130, HVA));
	guest_write(vm, NULL, BASE + 50);
	CHECK(!get_log(vm, 0, b) && b[0] == 1 && !b[1] && b[2] == 2);
	CHECK(!set_region(vm, 0, 0, BASE + 50, 130, HVA) && get_log(vm, 0, b) == -ENOENT);
	free_vm(vm);
}

void test_ring(void)
{
	struct keel_vm *vm = new_vm();
	struct keel_vcpu *vcpu = &vm->vcpu[0];
	u64 b[WORDS] = {};
	struct kvm_dirty_gfn *e;
	u32 size = 256;

	if (!keel_dirty_ring_max()) {
		CHECK(keel_enable_dirty_ring(vm, 4096) == -EINVAL);
		free_vm(vm);
		return;
	}
	CHECK(keel_dirty_rings_reset(vm) == -EINVAL);
	CHECK(keel_enable_dirty_ring_bitmap(vm) == -EINVAL);
	CHECK(keel_enable_dirty_ring(vm, 0) == -EINVAL);
	CHECK(keel_enable_dirty_ring(vm, 5000) == -EINVAL);
	CHECK(keel_enable_dirty_ring(vm, 2048) == -EINVAL);
	CHECK(keel_enable_dirty_ring(vm, keel_dirty_ring_max() * 2) == -E2BIG);
	CHECK(!keel_enable_dirty_ring(vm, size * sizeof(*e)));
	CHECK(keel_enable_dirty_ring(vm, 4096) == -EINVAL);
	CHECK(!keel_dirty_ring_init(vcpu) && !keel_dirty_ring_init(&vm->vcpu[1]));
	vm->created_vcpus = 2;
	e = vcpu->dirty_ring.gfns;

	CHECK(!set_region(vm, 7, KVM_MEM_LOG_DIRTY_PAGES, BASE, 1000, HVA));
	CHECK(get_log(vm, 7, b) == -ENXIO);
	for (int i = 0; i < 100; i++)
		guest_write(vm, vcpu, BASE + i * 2);
	for (int i = 0; i < 100; i++)
		CHECK(e[i].flags == KVM_DIRTY_GFN_F_DIRTY && e[i].slot == 7 &&
		      e[i].offset == i * 2);
	CHECK(!e[100].flags && !keel_dirty_ring_full(vcpu) && !vcpu->requests);

	/* Only what user space has taken, in order, and whatever it wrote there. */
	CHECK(!keel_dirty_rings_reset(vm));
	for (int i = 0; i < 50; i++)
		e[i].flags = KVM_DIRTY_GFN_F_RESET;
	e[60].flags = KVM_DIRTY_GFN_F_RESET;
	e[10].slot = 8;
	e[11].slot = 2u << 16;
	e[12].offset = 1000;
	e[13].offset = ~0ull;
	e[14].offset = 999;
	flushed = true;
	CHECK(keel_dirty_rings_reset(vm) == 50 && flushed);
	CHECK(!writable[0][BASE] && writable[0][BASE + 20] && !writable[0][BASE + 98]);
	CHECK(writable[0][BASE + 100] && !e[49].flags && e[50].flags == KVM_DIRTY_GFN_F_DIRTY);

	/* Full: the request comes first, then entries stay as they are. */
	for (int i = 0; i < 1000; i++)
		guest_write(vm, vcpu, BASE + i);
	CHECK(keel_dirty_ring_full(vcpu) && vcpu->requests == BIT(KEEL_REQ_DIRTY_RING));
	CHECK(vcpu->dirty_ring.head - vcpu->dirty_ring.tail == size);
	CHECK(e[51].offset == 102 && e[51].flags == KVM_DIRTY_GFN_F_DIRTY);
	for (int i = 0; i < size; i++)
		e[i].flags = KVM_DIRTY_GFN_F_RESET;
	CHECK(keel_dirty_rings_reset(vm) == size && !keel_dirty_rings_reset(vm));
	CHECK(!keel_dirty_ring_full(vcpu) && !keel_dirty_ring_full(&vm->vcpu[1]));

	CHECK(keel_dirty_ring_page(vcpu, 0) == (void *)e && !keel_dirty_ring_page(vcpu, 1));
	keel_dirty_ring_destroy(vcpu);
	keel_dirty_ring_destroy(&vm->vcpu[1]);
	free_vm(vm);

	/* With a bitmap as well: for what no vCPU writes, and for what does not fit. */
	vm = new_vm();
	vcpu = &vm->vcpu[0];
	CHECK(!keel_enable_dirty_ring(vm, 4096) && !keel_enable_dirty_ring_bitmap(vm));
	CHECK(!keel_dirty_ring_init(vcpu));
	CHECK(!set_region(vm, 7, KVM_MEM_LOG_DIRTY_PAGES, BASE, 1000, HVA));
	CHECK(keel_enable_dirty_ring_bitmap(vm) == -EINVAL);
	guest_write(vm, NULL, BASE + 65);
	CHECK(!get_log(vm, 7, b) && !b[0] && b[1] == 2 && !vcpu->dirty_ring.gfns[0].flags);
	for (int i = 0; i < size + 3; i++)
		guest_write(vm, vcpu, BASE + i);
	CHECK(!get_log(vm, 7, b) && !b[0] && b[size / 64] == 7);
	keel_dirty_ring_destroy(vcpu);
	free_vm(vm);
}
