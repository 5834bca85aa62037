// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: any bytes, in any mode and state, with any outcome of the callbacks. Checked is
 * what the emulator promises its caller: see the comments of emul.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"

#define LOW_SIZE	0x20000u	/* RAM at 0, with the tables in it */
#define MMIO_BASE	0x20000u
#define MMIO_SIZE	0x2000u
#define HIGH_BASE	0xfffff000u	/* RAM just below 4 GiB */
#define KERNEL_BASE	0xffff800000000000ull
#define GDT_BASE	0x1000u
#define LDT_BASE	0x2000u
#define TSS_BASE	0x3000u

#define HEADER		20

static u8 low[LOW_SIZE], high[0x1000], kernel[0x1000], none[MMIO_SIZE];

/* Everything that an instruction can change. */
struct snapshot {
	struct machine m;
	u8 low[LOW_SIZE], high[0x1000], kernel[0x1000];
};

static struct machine m;
static struct snapshot before, first;

/* What the hook does in this run. */
static u64 hook_rng;
static unsigned int hook_rate;	/* one call in so many fails; 0: none */
static unsigned int other_calls;
static bool wrote;		/* a write that is not to a system structure */

#define REQUIRE(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "broken promise: %s (line %d)\n", #cond, __LINE__);	\
			abort();					\
		}							\
	} while (0)

static bool canonical(u64 addr)
{
	return (u64)((s64)(addr << 7) >> 7) == addr;
}

/* The emulator's side of the contract with the callbacks. */
static void check_call(struct machine *mach, enum call_kind kind, u64 addr, unsigned int len,
		       unsigned int flags)
{
	bool bulk = flags & EMUL_A_BULK;

	switch (kind) {
	case CALL_FETCH:
		REQUIRE((addr & 0xfff) + len <= 0x1000);
		fallthrough;
	case CALL_READ:
	case CALL_WRITE:
	case CALL_CMPXCHG:
	case CALL_PROBE:
		REQUIRE(len > 0);
		REQUIRE(len <= (kind == CALL_PROBE ? EMUL_MAX_PIO : EMUL_MAX_ACCESS));
		REQUIRE(!bulk || (addr & 0xfff) + len <= 0x1000);
		REQUIRE(!(flags & EMUL_A_SYSTEM) || !(flags & EMUL_A_USER));
		if (kind == CALL_CMPXCHG)
			REQUIRE(len <= 16 && !(len & (len - 1)));
		if (flags & EMUL_A_SYSTEM)
			break;
		if (mach->ctxt.mode == EMUL_PROT64)
			REQUIRE(canonical(addr) && canonical(addr + len - 1));
		else
			REQUIRE(addr + len <= 1ull << 32);
		break;
	case CALL_PIO:
		REQUIRE(len == 1 || len == 2 || len == 4);
		REQUIRE(flags > 0 && flags * len <= EMUL_MAX_PIO);
		break;
	default:
		break;
	}
}

static int hook(struct machine *mach, enum call_kind kind, u64 addr, unsigned int len,
		unsigned int flags)
{
	u64 r;

	check_call(mach, kind, addr, len, flags);
	/* of what cannot be undone, only the first may fail */
	if (kind == CALL_OTHER && other_calls++)
		return EMUL_OK;
	if (hook_rate) {
		r = next_random(&hook_rng);
		if (r % hook_rate == 0) {
			switch ((r >> 32) % 4) {
			case 0:
				if (kind == CALL_CMPXCHG ||
				    ((kind == CALL_READ || kind == CALL_WRITE ||
				      kind == CALL_PROBE) && (flags & EMUL_A_BULK)))
					return EMUL_RETRY;
				fallthrough;
			case 1:
				return EMUL_FAIL;
			default:
				return emul_raise_pf(&mach->ctxt, addr, 0);
			}
		}
	}
	if (kind == CALL_WRITE && !(flags & EMUL_A_SYSTEM))
		wrote = true;
	return EMUL_OK;
}

static u64 rng;

static u64 rnd(void)
{
	return next_random(&rng);
}

static u64 some_address(void)
{
	switch (rnd() % 8) {
	case 0:
		return rnd();
	case 1:
		return MMIO_BASE - 32 + rnd() % (MMIO_SIZE + 64);
	case 2:
		return HIGH_BASE + rnd() % 0x1010;
	case 3:
		return KERNEL_BASE - 16 + rnd() % 0x1020;
	case 4:
		return rnd() % 64;
	case 5:
		return (rnd() % LOW_SIZE) | rnd() << 32;
	default:
		return rnd() % LOW_SIZE;
	}
}

/* Half of the descriptors make sense. */
static u64 some_descriptor(void)
{
	static const u8 types[] = { 0x9b, 0x93, 0xfb, 0xf3, 0x9f, 0x97, 0x91, 0x89, 0x8b, 0x82,
		0x8c, 0x85, 0xec, 0x81, 0x9a, 0x92 };
	u64 desc = rnd();

	if (rnd() % 4 == 0)
		return desc;
	desc &= ~(0xffull << 40);
	desc |= (u64)types[rnd() % sizeof(types)] << 40;
	if (rnd() % 4)
		desc &= 0x008fff000001ffffull;		/* base below 128 KiB */
	if (rnd() % 2)
		desc |= 0xffff;
	return desc;
}

static void some_segment(struct emul_seg *seg, bool code)
{
	if (rnd() % 2)
		return;
	seg->base = rnd() % 4 ? rnd() % LOW_SIZE : (u32)rnd();
	seg->limit = rnd() % 2 ? 0xffff : rnd() >> (32 + rnd() % 32);
	if (rnd() % 4 == 0)
		seg->attr = (rnd() & 0xfff) | (code ? 0x98 : 0);
	seg->selector = rnd() & 0xff;
}

static void make_state(const u8 *data)
{
	enum emul_mode mode = data[0] % 5;
	unsigned int i;
	u16 u;

	memcpy(&rng, data + 4, 8);
	for (i = 0; i < sizeof(low); i += 8) {
		u64 val = i % 64 ? rng + i : rnd();

		memcpy(low + i, &val, 8);
	}
	for (i = 0; i < 0x400; i += 8) {
		u64 desc = some_descriptor();

		memcpy(low + GDT_BASE + i, &desc, 8);
		desc = some_descriptor();
		memcpy(low + LDT_BASE + i, &desc, 8);
	}
	machine_init(&m, mode);
	machine_window(&m, 0, LOW_SIZE, low);
	machine_window(&m, MMIO_BASE, MMIO_SIZE, none)->mmio = true;
	machine_window(&m, HIGH_BASE, sizeof(high), high);
	machine_window(&m, KERNEL_BASE, sizeof(kernel), kernel)->read_only = data[1] & 1;
	m.ctxt.intel = data[1] & 2;
	if (mode >= EMUL_PROT16)
		m.ctxt.cpl = (data[1] >> 2) & 3;
	memcpy(&u, data + 2, 2);
	m.ctxt.rflags |= ((u64)u & 0x7dd5) | ((u64)(data[1] & 0x30) << 15);
	m.efer |= data[1] & 0x40 && mode >= EMUL_PROT16 ? 0x400 : 0;
	if (mode == EMUL_PROT64)
		m.efer |= 0x400;
	for (i = 0; i < EMUL_NR_REGS; i++)
		m.regs[i] = some_address();
	for (i = EMUL_ES; i <= EMUL_GS; i++)
		some_segment(&m.segs[i], i == EMUL_CS);
	m.segs[EMUL_TR] = (struct emul_seg){ .base = TSS_BASE, .limit = rnd() % 0x100,
		.selector = rnd() & 0x78, .attr = 0x83 | (rnd() & 8) };
	m.segs[EMUL_LDTR] = (struct emul_seg){ .base = LDT_BASE, .limit = 0x3ff, .selector = 8,
		.attr = rnd() % 4 ? 0x82 : 0 };
	m.gdt = (struct emul_dtr){ .base = GDT_BASE, .limit = rnd() % 2 ? 0x3ff : rnd() % 0x400 };
	m.idt = (struct emul_dtr){ .base = 0, .limit = 0x3ff };
	m.cr[0] = (mode == EMUL_REAL ? 0 : 0x80000001) | (rnd() % 4 ? 0 : rnd() & 0xe);
	m.cr[4] = rnd() % 2 ? 0x40200 : rnd() & 0x73b3f;
	m.xcr0 = rnd() % 4 ? 7 : 3;
	m.star = rnd();
	m.lstar = some_address();
	m.sysenter_cs = rnd() & 0xffff;
	m.device = 1;
	m.dr[7] = rnd() % 8 ? 0x400 : 0x2400;
	m.ctxt.rip = mode == EMUL_PROT64 || rnd() % 2 ? 0x8000 + rnd() % 0x1000 : rnd() % 0x10000;
}

static void save(struct snapshot *s)
{
	s->m = m;
	memcpy(s->low, low, sizeof(low));
	memcpy(s->high, high, sizeof(high));
	memcpy(s->kernel, kernel, sizeof(kernel));
}

static void restore(const struct snapshot *s)
{
	m = s->m;
	memcpy(low, s->low, sizeof(low));
	memcpy(high, s->high, sizeof(high));
	memcpy(kernel, s->kernel, sizeof(kernel));
}

/* System state: nothing of it may change unless the instruction completes. */
static bool same_system(const struct machine *a, const struct machine *b)
{
	return !memcmp(a->vec, b->vec, sizeof(a->vec)) &&
	       !memcmp(a->segs, b->segs, sizeof(a->segs)) &&
	       a->gdt.base == b->gdt.base && a->gdt.limit == b->gdt.limit &&
	       	a->idt.base == b->idt.base &&
	       a->idt.limit == b->idt.limit && !memcmp(a->cr, b->cr, sizeof(a->cr)) &&
	       	!memcmp(a->dr, b->dr, sizeof(a->dr)) &&
	       a->xcr0 == b->xcr0 && a->msr == b->msr && a->kernel_gs == b->kernel_gs;
}

static bool same_results(const struct machine *a, const struct machine *b)
{
	unsigned int i;

	if (memcmp(a->regs, b->regs, sizeof(a->regs)) || a->ctxt.rip != b->ctxt.rip ||
	    a->ctxt.rflags != b->ctxt.rflags ||
	    a->ctxt.cpl != b->ctxt.cpl || a->nr_trace != b->nr_trace)
		return false;
	for (i = 0; i < a->nr_trace && i < MAX_TRACE; i++)
		if (a->trace[i].addr != b->trace[i].addr || a->trace[i].len != b->trace[i].len ||
		    memcmp(a->trace[i].data, b->trace[i].data, a->trace[i].len * a->trace[i].count))
			return false;
	return same_system(a, b);
}

static void check_fault(void)
{
	struct emul_exc *exc = &m.ctxt.exc;

	if (exc->kind != EMUL_EXC_FAULT)
		return;
	REQUIRE(exc->vector < 32);
	/* DF, TS, NP, SS, GP, PF, AC have error codes, but not in real mode */
	if (exc->has_error)
		REQUIRE((0x27d00u >> exc->vector) & 1);
	else if (m.ctxt.mode != EMUL_REAL)
		REQUIRE(!((0x27d00u >> exc->vector) & 1));
}

static void check_result(int rc, bool decoded)
{
	bool string = decoded && (m.ctxt.insn.map == 0) &&
		      ((m.ctxt.insn.opcode & 0xfc) == 0x6c ||
		       (m.ctxt.insn.opcode >= 0xa4 && m.ctxt.insn.opcode <= 0xaf));
	unsigned int i;

	REQUIRE(rc >= EMUL_OK && rc <= EMUL_RETRY);
	REQUIRE(m.ctxt.rflags & 2);
	REQUIRE(!(m.ctxt.rflags & ~0x3f7fd7ull));
	REQUIRE(m.ctxt.cpl <= 3);
	if (rc == EMUL_FAULT)
		check_fault();
	if (rc == EMUL_OK) {
		if (m.ctxt.mode != EMUL_PROT64 && m.ctxt.mode == before.m.ctxt.mode &&
		    !(m.efer & 0x400))
			REQUIRE(m.ctxt.rip <= 0xffffffff);
		if (m.ctxt.restart)
			REQUIRE(string && m.ctxt.rip == before.m.ctxt.rip);
		return;
	}
	/* a fault of the new task */
	if (m.ctxt.switched)
		return;
	REQUIRE(m.ctxt.rip == before.m.ctxt.rip);
	REQUIRE(m.ctxt.cpl == before.m.ctxt.cpl);
	REQUIRE(same_system(&m, &before.m));
	if (!string || !m.ctxt.insn.rep) {
		REQUIRE(m.ctxt.rflags == before.m.ctxt.rflags);
		REQUIRE(!memcmp(m.regs, before.m.regs, sizeof(m.regs)));
	} else {
		for (i = 0; i < EMUL_NR_REGS; i++)
			if (i != EMUL_RAX && i != EMUL_RCX && i != EMUL_RSI && i != EMUL_RDI)
				REQUIRE(m.regs[i] == before.m.regs[i]);
	}
	if (rc == EMUL_IO && !string)
		REQUIRE(!wrote);
}

/*
 * One instruction; user space answers at once (@immediate), or the instruction is run again for
 * each answer.
 */
static int run(bool immediate)
{
	unsigned int tries;
	bool decoded;
	int rc;

	m.nr_log = 0;
	m.hook = hook;
	m.immediate = immediate;
	for (tries = 0; tries < MAX_LOG; tries++) {
		struct machine *b = &before.m;

		b->nr_log = m.nr_log;
		m.log_pos = 0;
		other_calls = 0;
		wrote = false;
		rc = emul_decode(&m.ctxt, NULL, 0);
		decoded = rc == EMUL_OK;
		if (decoded && !m.ctxt.intel)
			REQUIRE(emul_insn_len(m.ctxt.bytes, m.ctxt.fetched,
					      m.ctxt.mode) == m.ctxt.insn.len);
		if (decoded)
			rc = emul_exec(&m.ctxt);
		check_result(rc, decoded);
		if (rc != EMUL_IO)
			return rc;
		REQUIRE(!immediate);
		/* iterations of a REP that are committed stay so */
		memcpy(b->regs, m.regs, sizeof(m.regs));
		b->ctxt.rflags = m.ctxt.rflags;
		machine_answer(&m);
	}
	return EMUL_IO;
}

/* Most random bytes are arithmetic: put an opcode of the others in front. */
static void rare_opcode(u8 sel, u8 *insn, size_t *len)
{
	static const u8 rare[][5] = {
		{ 2, 0x0f, 0x00 }, { 2, 0x0f, 0x01 }, { 2, 0x0f, 0x02 }, { 2, 0x0f, 0x03 },
		{ 2, 0x0f, 0x05 }, { 2, 0x0f, 0x07 },
		{ 2, 0x0f, 0x34 }, { 2, 0x0f, 0x35 }, { 2, 0x0f, 0xae }, { 2, 0x0f, 0xc7 },
		{ 1, 0xea }, { 1, 0x9a }, { 2, 0xff, 0x2d },
		{ 2, 0xff, 0x1d }, { 1, 0xcf }, { 2, 0x48, 0xcf }, { 1, 0xcb }, { 2, 0x48, 0xcb },
		{ 2, 0x8e, 0xd8 }, { 2, 0x8e, 0xd0 },
		{ 1, 0xc5 }, { 1, 0xc4 }, { 3, 0xc4, 0xe2, 0x78 }, { 3, 0xc4, 0xe2, 0x7a },
		{ 3, 0xc4, 0xe2, 0x7b }, { 3, 0x0f, 0x38, 0xf0 },
		{ 3, 0x0f, 0x38, 0xf1 }, { 4, 0x66, 0x0f, 0x38, 0xf6 }, { 2, 0xf3, 0x0f },
		{ 2, 0x66, 0x0f }, { 2, 0xf2, 0x0f }, { 2, 0xf0, 0x0f },
		{ 2, 0xf3, 0x6d }, { 2, 0xf3, 0x6f }, { 2, 0xf3, 0xa5 }, { 2, 0xf3, 0xa7 },
		{ 2, 0xf3, 0xab }, { 1, 0xc8 }, { 1, 0x60 }, { 1, 0x17 },
		{ 2, 0x0f, 0xb2 }, { 2, 0x0f, 0x10 }, { 2, 0x0f, 0x20 }, { 2, 0x0f, 0x22 },
		{ 2, 0x0f, 0x23 }, { 1, 0xcd }, { 1, 0x8f }, { 1, 0x9d },
	};
	const u8 *row = rare[(sel >> 1) % (sizeof(rare) / sizeof(rare[0]))];

	if (sel & 1)
		return;
	memmove(insn + row[0], insn, *len);
	memcpy(insn, row + 1, row[0]);
	*len = *len + row[0] > 15 ? 15 : *len + row[0];
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	size_t i, len;
	u8 insn[32];
	u64 linear;
	int rc, rc2;

	if (size < HEADER + 1)
		return 0;
	make_state(data);
	linear = m.ctxt.rip;
	if (m.ctxt.mode != EMUL_PROT64)
		linear = (u32)(linear + m.segs[EMUL_CS].base);
	len = size - HEADER < 15 ? size - HEADER : 15;
	memcpy(insn, data + HEADER, len);
	rare_opcode(data[14], insn, &len);
	for (i = 0; i < len; i++) {
		u8 *p = machine_ptr(&m, linear + i, 1);

		if (p)
			*p = insn[i];
	}
	/* with failing callbacks: only the promises */
	if (data[12] & 1) {
		save(&before);
		memcpy(&hook_rng, data + 12, 8);
		hook_rate = 2 + (data[13] & 7);
		run(true);
		return 0;
	}
	/* without: replay must come to the same end as immediate answers */
	hook_rate = 0;
	save(&before);
	rc = run(true);
	save(&first);
	restore(&before);
	/* the run above has not touched this, but the next one updates it */
	rc2 = run(false);
	if (rc2 == EMUL_IO)
		return 0;
	REQUIRE(rc == rc2);
	REQUIRE(same_results(&m, &first.m));
	REQUIRE(!memcmp(low, first.low, sizeof(low)));
	REQUIRE(!memcmp(high, first.high, sizeof(high)));
	REQUIRE(!memcmp(kernel, first.kernel, sizeof(kernel)));
	return 0;
}
