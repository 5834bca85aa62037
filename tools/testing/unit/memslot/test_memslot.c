// SPDX-License-Identifier: GPL-2.0-only
/* Unit test of memory slots against a plain array of frames, in user space. TAP output. */
#include "test.h"
#include "../../../../virt/kvm/memslot_check.h"

#define HVA0 0x700000000000ull

int shim_fail, shim_fault;
long shim_live;
bool writable[KEEL_MAX_ASPACES][SHIM_FRAMES];

static u64 state = 1;
static int test, failures;

void check(bool ok, const char *what, const char *file, int line)
{
	if (ok)
		return;
	printf("# %s:%d: %s\n", file, line, what);
	failures++;
}

u64 rng(u64 below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 33) % below;
}

/* ---- the architecture, and what an update does to the second stage ---- */

static int refuse;
static const struct keel_memslot *checked_old, *zapped, *protected, *recovered;
static int changes, syncs;

static int slot_check(struct keel_vm *vm, const struct keel_memslot *old,
		      const struct keel_memslot *new)
{
	checked_old = old;
	return refuse;
}

static void slot_changed(struct keel_vm *vm)
{
	changes++;
}

struct keel_arch_ops keel_ops = {
	.nr_aspaces = 2, .slot_check = slot_check, .slot_changed = slot_changed,
};

static bool in_hva_tree(struct keel_vm *vm, const struct keel_memslot *slot)
{
	const struct interval_tree_node *node;

	for (node = vm->slots[slot->as_id].by_hva.first; node; node = node->next)
		if (node == &slot->hva_node)
			return node->start == slot->hva &&
			       node->last == slot->hva + slot->npages * PAGE_SIZE - 1;
	return false;
}

/* Readers are waited for when the new state can be found, and before anything is torn down. */
void shim_synchronize(struct srcu_struct *srcu)
{
	syncs++;
	CHECK(!zapped && !protected && !recovered);
	CHECK(checked_old);
}

/* The notifier must know a slot for as long as it may have translations. */
void keel_zap_slot(struct keel_vm *vm, struct keel_memslot *slot)
{
	CHECK(syncs == 1 && slot == checked_old && in_hva_tree(vm, slot));
	zapped = slot;
	for (u64 gfn = slot->base; gfn < slot->base + slot->npages; gfn++)
		writable[slot->as_id][gfn] = false;
}

void keel_wrprotect_slot(struct keel_vm *vm, struct keel_memslot *slot)
{
	CHECK(syncs == 1 && in_hva_tree(vm, slot));
	protected = slot;
	for (u64 gfn = slot->base; gfn < slot->base + slot->npages; gfn++)
		writable[slot->as_id][gfn] = false;
}

void keel_recover_slot(struct keel_vm *vm, struct keel_memslot *slot)
{
	CHECK(syncs == 1 && in_hva_tree(vm, slot));
	recovered = slot;
}

/* ---- the model ---- */

#define IDS 12	/* of KEEL_MAX_SLOTS, in each address space */

struct model {
	struct { bool there; u64 gfn, npages, hva; u32 flags; } slot[KEEL_MAX_ASPACES][IDS];
};

static u32 real_id(int id)
{
	return id < IDS / 2 ? id : KEEL_MAX_SLOTS - IDS + id;
}

struct keel_vm *new_vm(void)
{
	struct keel_vm *vm = calloc(1, sizeof(*vm));

	keel_memslots_init(vm);
	for (int i = 0; i < SHIM_VCPUS; i++)
		vm->vcpu[i].vm = vm;
	memset(writable, 0, sizeof(writable));
	return vm;
}

void free_vm(struct keel_vm *vm)
{
	keel_memslots_destroy(vm);
	free(vm);
	CHECK(!shim_live);
}

int set_region(struct keel_vm *vm, u32 slot, u32 flags, u64 gfn, u64 npages, u64 hva)
{
	struct keel_region region = {
		.slot = slot, .flags = flags, .gpa = gfn << PAGE_SHIFT,
		.size = npages << PAGE_SHIFT, .hva = hva,
	};

	zapped = protected = recovered = NULL;
	syncs = changes = 0;
	return keel_set_memory_region(vm, &region, false);
}

static int model_set(struct model *m, int as, int id, u32 flags, u64 gfn, u64 npages, u64 hva)
{
	if (!npages) {
		if (!m->slot[as][id].there)
			return -EINVAL;
		m->slot[as][id].there = false;
		return 0;
	}
	if (m->slot[as][id].there &&
	    (m->slot[as][id].npages != npages || m->slot[as][id].hva != hva ||
	     (m->slot[as][id].flags ^ flags) & KVM_MEM_READONLY))
		return -EINVAL;
	for (int i = 0; i < IDS; i++)
		if (i != id && m->slot[as][i].there && m->slot[as][i].gfn < gfn + npages &&
		    gfn < m->slot[as][i].gfn + m->slot[as][i].npages)
			return -EEXIST;
	m->slot[as][id].there = true;
	m->slot[as][id].gfn = gfn;
	m->slot[as][id].npages = npages;
	m->slot[as][id].hva = hva;
	m->slot[as][id].flags = flags;
	return 0;
}

static int model_at(const struct model *m, int as, u64 gfn)
{
	for (int i = 0; i < IDS; i++)
		if (m->slot[as][i].there && gfn - m->slot[as][i].gfn < m->slot[as][i].npages)
			return i;
	return -1;
}

static void compare_frame(struct keel_vm *vm, const struct model *m, int as, u64 gfn,
			  const struct keel_memslot *slot)
{
	int id = model_at(m, as, gfn);

	CHECK(!slot == (id < 0));
	if (!slot || id < 0)
		return;
	CHECK(slot->id == real_id(id) && slot->as_id == as);
	CHECK(slot->base == m->slot[as][id].gfn && slot->npages == m->slot[as][id].npages);
	CHECK(slot->flags == m->slot[as][id].flags);
	CHECK(keel_slot_hva(slot, gfn) ==
	      m->slot[as][id].hva + (gfn - m->slot[as][id].gfn) * PAGE_SIZE);
	CHECK(!slot->dirty == !(slot->flags & KVM_MEM_LOG_DIRTY_PAGES));
}

static void compare(struct keel_vm *vm, const struct model *m)
{
	const struct interval_tree_node *node;
	struct keel_memslot *slot;
	unsigned long nr, npages, nodes;

	for (int as = 0; as < KEEL_MAX_ASPACES; as++) {
		for (u64 gfn = 0; gfn < SHIM_FRAMES; gfn++)
			compare_frame(vm, m, as, gfn, keel_slot_find(vm, as, gfn));
		nr = npages = nodes = 0;
		for (int i = 0; i < IDS; i++) {
			slot = keel_slot_by_id(vm, (u32)as << 16 | real_id(i));
			CHECK(!slot == !m->slot[as][i].there);
			CHECK(!slot || in_hva_tree(vm, slot));
			nr += m->slot[as][i].there;
			npages += m->slot[as][i].there ? m->slot[as][i].npages : 0;
		}
		for (node = vm->slots[as].by_hva.first; node; node = node->next)
			nodes++;
		CHECK(vm->slots[as].nr == nr && vm->slots[as].npages == npages && nodes == nr);
	}
}

/* Look up as vCPUs do, in both address spaces in turn, with whatever hint is left over. */
static void compare_hints(struct keel_vm *vm, const struct model *m)
{
	for (int i = 0; i < 6; i++) {
		struct keel_vcpu *vcpu = &vm->vcpu[rng(SHIM_VCPUS)];
		u64 gfn = rng(SHIM_FRAMES);

		vcpu->as_id = rng(KEEL_MAX_ASPACES);
		compare_frame(vm, m, vcpu->as_id, gfn, keel_vcpu_slot(vcpu, gfn));
	}
}

static void random_op(struct keel_vm *vm, struct model *m)
{
	int as = rng(KEEL_MAX_ASPACES), id = rng(IDS), want, got;
	u64 npages = 1 + rng(rng(4) ? 40 : 600), gfn = rng(SHIM_FRAMES - npages);
	u64 hva = HVA0 + rng(1 << 20) * PAGE_SIZE, gen = vm->slots[as].gen;
	u32 flags = rng(4);
	struct model before = *m;
	bool was = m->slot[as][id].there;
	u32 was_flags = m->slot[as][id].flags;

	/* Mostly things that the slot can take. */
	if (was && rng(8)) {
		npages = m->slot[as][id].npages;
		hva = m->slot[as][id].hva;
		flags = (flags & KVM_MEM_LOG_DIRTY_PAGES) | (was_flags & KVM_MEM_READONLY);
		gfn = m->slot[as][id].gfn;
		if (!rng(3)) {		/* move, often onto itself */
			gfn += rng(2 * npages);
			gfn = gfn < npages ? 0 : gfn - npages;
			gfn = min_t(u64, gfn, SHIM_FRAMES - npages);
		}
		if (!rng(4))
			npages = 0;
	}
	refuse = rng(16) ? 0 : -EPERM;
	shim_fail = rng(3) ? 0 : 1 + rng(5);

	want = model_set(m, as, id, flags, gfn, npages, hva);
	got = set_region(vm, (u32)as << 16 | real_id(id), flags, gfn, npages, hva);
	shim_fail = 0;

	if (!want && (got == -ENOMEM || (got == -EPERM && refuse))) {
		*m = before;
		CHECK(!zapped && !protected && !recovered && !changes);
		CHECK(vm->slots[as].gen == gen);
		return;
	}
	/* An allocation may fail before the overlap is seen. */
	CHECK(got == want || (want == -EEXIST && got == -ENOMEM));
	if (got)
		return;
	if (was && npages && gfn == before.slot[as][id].gfn && flags == was_flags) {
		CHECK(!changes && !syncs && vm->slots[as].gen == gen);
		return;
	}
	CHECK(changes == 1 && vm->slots[as].gen != gen);
	CHECK(vm->slots[0].gen != vm->slots[1].gen);
	if (was) {
		bool moved = !npages || gfn != before.slot[as][id].gfn;

		CHECK(syncs == 1 && !zapped == !moved);
		CHECK(!protected == (moved || !(flags & ~was_flags & KVM_MEM_LOG_DIRTY_PAGES)));
		CHECK(!recovered == (moved || !(was_flags & ~flags & KVM_MEM_LOG_DIRTY_PAGES)));
	}
}

static void test_model(void)
{
	for (int round = 0; round < 60; round++) {
		struct keel_vm *vm = new_vm();
		struct model m = {};

		for (int i = 0; i < 120; i++) {
			random_op(vm, &m);
			compare_hints(vm, &m);
			compare(vm, &m);
		}
		free_vm(vm);
	}
}

static void test_arguments(void)
{
	struct keel_vm *vm = new_vm();
	struct keel_region ok = { .slot = 1, .gpa = 0x1000, .size = 0x2000, .hva = HVA0 }, r;

#define BAD(field, value, internal) \
	(r = ok, r.field = (value), CHECK(keel_set_memory_region(vm, &r, internal) == -EINVAL))
	BAD(flags, 4, false);
	BAD(flags, 1u << 31, false);
	BAD(gpa, 0x1001, false);
	BAD(size, 0x2001, false);
	BAD(hva, HVA0 + 8, false);
	BAD(gpa, -0x2000ull, false);		/* ends at 2^64 */
	BAD(gpa, -0x1000ull, false);
	BAD(size, (KEEL_SLOT_MAX_PAGES + 1) << PAGE_SHIFT, false);
	BAD(size, -0x1000ull, false);
	BAD(hva, -0x2000ull, false);
	BAD(hva, 1ull << 47, false);
	BAD(hva, (1ull << 47) - 0x1000, false);
	BAD(slot, KEEL_MAX_SLOTS, false);
	BAD(slot, 0xffff, false);
	BAD(slot, KEEL_MAX_SLOTS + KEEL_INTERNAL_SLOTS, true);
	BAD(slot, 2u << 16, false);
	BAD(slot, 0xffffu << 16, false);
	BAD(size, 0, false);			/* deletes what is not there */
	CHECK(!keel_set_memory_region(vm, &ok, false));
	BAD(size, 0x1000, false);
	BAD(size, 0x3000, false);
	BAD(hva, HVA0 + 0x1000, false);
	BAD(flags, KVM_MEM_READONLY, false);
	r = ok;
	r.slot = KEEL_MAX_SLOTS;
	r.gpa = 0x10000;
	CHECK(!keel_set_memory_region(vm, &r, true));
	CHECK(!keel_slot_by_id(vm, KEEL_MAX_SLOTS) && keel_slot_by_id(vm, 1));
	CHECK(!keel_slot_by_id(vm, 2u << 16 | 1) && !keel_slot_by_id(vm, 1u << 16 | 1));
	CHECK(!keel_slots_empty(vm));
#undef BAD
	free_vm(vm);
}

static void run(const char *name, void (*fn)(void))
{
	int before = failures;

	fn();
	printf("%s %d - %s\n", failures == before ? "ok" : "not ok", ++test, name);
}

int main(void)
{
	setlinebuf(stdout);
	printf("TAP version 13\n1..5\n");
	run("arguments of KVM_SET_USER_MEMORY_REGION", test_arguments);
	run("random updates against a model, with failures", test_model);
	run("dirty bitmap against a model", test_bitmap);
	run("dirty bitmap, its edges", test_bitmap_edges);
	run("dirty ring", test_ring);
	return failures != 0;
}
