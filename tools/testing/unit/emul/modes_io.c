// SPDX-License-Identifier: GPL-2.0-only
/* Device memory and ports: what goes to user space, what is replayed, what is committed. */
#include "testing.h"

static int step(void)
{
	int rc = emul_decode(&m.ctxt, NULL, 0);

	return rc == EMUL_OK ? emul_exec(&m.ctxt) : rc;
}

static void mmio_read(void)
{
	start(EMUL_PROT64);
	memcpy(mem + CODE, (const u8[]){ 0x03, 0x03 }, 2);	/* add eax, [rbx] */
	BX = MMIO + 4;
	AX = 5;
	m.ctxt.rflags = 0x8d7;
	EQ(step(), EMUL_IO);
	EQ(AX, 5);
	EQ(m.ctxt.rip, CODE);
	EQ(m.ctxt.rflags, 0x8d7);
	EQ(m.pending.addr, MMIO + 4);
	EQ(m.pending.len, 4);
	m.pending.data[0] = 7;
	m.log[m.nr_log++] = m.pending;
	EQ(step(), EMUL_OK);
	EQ(AX, 12);
	EQ(m.ctxt.rip, CODE + 2);
	EQ(m.ctxt.yield, true);
}

static void mmio_write(void)
{
	start(EMUL_PROT64);
	BX = MMIO;
	OK(RUN(0xc7, 0x03, 0x78, 0x56, 0x34, 0x12));	/* mov dword [rbx], 12345678h */
	EQ(m.nr_trace, 1);
	EQ(m.trace[0].addr, MMIO);
	EQ(m.trace[0].len, 4);
	EQ(m.trace[0].data[3], 0x12);
	EQ(m.ctxt.yield, true);
	/* read, change, write */
	OK(RUN(0x80, 0x0b, 0x81));			/* or byte [rbx], 81h */
	EQ(m.nr_trace, 2);
	EQ(m.trace[1].data[0], m.pending.data[0] | 0x81);
	OK(RUN(0xf0, 0x0f, 0xba, 0x2b, 0x03));		/* lock bts dword [rbx], 3 */
	EQ(m.nr_trace, 3);
	EQ(m.cmpxchgs, 1);
	/* from device to device */
	SI = MMIO;
	DI = MMIO + 0x100;
	OK(RUN(0xa5));
	EQ(m.nr_trace, 4);
	EQ(m.trace[3].addr, MMIO + 0x100);
	CHECK(!memcmp(m.trace[3].data, m.pending.data, 4));
	/* push and pop of device memory */
	OK(RUN(0xff, 0x33));
	EQ(SP, STACK - 8);
	CHECK(!memcmp(mem + STACK - 8, m.pending.data, 8));
	OK(RUN(0x8f, 0x03));
	EQ(SP, STACK);
	EQ(m.nr_trace, 5);
}

static int change_before_cmpxchg(struct machine *mach, enum call_kind kind, u64 addr,
				 unsigned int len, unsigned int flags)
{
	(void)mach;
	(void)len;
	(void)flags;
	if (kind == CALL_CMPXCHG)
		mem[addr]++;
	return EMUL_OK;
}

static void lost_race(void)
{
	start(EMUL_PROT64);
	BX = DATA;
	AX = 1;
	poke(DATA, 1, 4);
	m.hook = change_before_cmpxchg;
	EQ(RUN(0xf0, 0x0f, 0xc1, 0x03), EMUL_RETRY);	/* lock xadd [rbx], eax */
	EQ(AX, 1);
	EQ(m.ctxt.rip, CODE);
	EQ(m.ctxt.rflags, 2);
	m.hook = NULL;
	OK(RUN(0xf0, 0x0f, 0xc1, 0x03));
	EQ(AX, 2);
	EQ(peek(DATA, 4), 3);
}

static void rep_to_device(void)
{
	/* each posted write ends the call */
	start(EMUL_PROT64);
	SI = DATA;
	DI = MMIO;
	CX = 3;
	poke(DATA, 0x030201, 3);
	OK(RUN(0xf3, 0xa4));
	EQ(CX, 2);
	EQ(m.ctxt.restart, true);
	EQ(m.ctxt.rip, CODE);
	EQ(m.nr_trace, 1);
	OK(RUN(0xf3, 0xa4));
	OK(RUN(0xf3, 0xa4));
	EQ(CX, 0);
	EQ(m.ctxt.restart, false);
	EQ(m.ctxt.rip, CODE + 2);
	EQ(m.nr_trace, 3);
	EQ(m.trace[2].data[0], 3);
	EQ(m.trace[2].addr, MMIO + 2);
}

static void rep_from_ram_to_device(void)
{
	/* iterations in RAM are committed when one needs user space, and are not done again */
	start(EMUL_PROT64);
	SI = MMIO - 3;
	DI = DATA;
	CX = 5;
	poke(MMIO - 3, 0x0c0b0a, 3);
	memcpy(mem + CODE, (const u8[]){ 0xf3, 0xa4 }, 2);
	EQ(step(), EMUL_IO);
	EQ(CX, 2);
	EQ(SI, MMIO);
	EQ(DI, DATA + 3);
	EQ(m.ctxt.rip, CODE);
	EQ(peek(DATA, 4), 0x0c0b0a);
	EQ(m.pending.addr, MMIO);
	m.pending.data[0] = 0x0d;
	m.log[m.nr_log++] = m.pending;
	EQ(step(), EMUL_OK);
	EQ(m.ctxt.restart, true);
	EQ(CX, 1);
	EQ(peek(DATA, 4), 0x0d0c0b0a);
}

static void rep_fault(void)
{
	start(EMUL_PROT64);
	DI = MEM_SIZE - 10;
	AX = 0xcc;
	CX = 0x100;
	FAULT(RUN(0xf3, 0xaa), PF, 2);
	EQ(m.ctxt.exc.address, MEM_SIZE);
	EQ(CX, 0x100 - 10);
	EQ(DI, MEM_SIZE);
	EQ(m.ctxt.rip, CODE);
	EQ(mem[MEM_SIZE - 1], 0xcc);
	/* bounded */
	start(EMUL_PROT64);
	DI = 0x10000;
	CX = 5000;
	OK(RUN(0xf3, 0xab));
	EQ(m.ctxt.restart, true);
	CHECK(CX < 5000 && CX > 3000);
	EQ(DI, 0x10000 + (5000 - CX) * 4);
	/* a search that ends early */
	start(EMUL_PROT64);
	DI = DATA;
	CX = 100;
	AX = 0x42;
	mem[DATA + 7] = 0x42;
	OK(RUN(0xf2, 0xae));				/* repne scasb */
	EQ(CX, 92);
	EQ(DI, DATA + 8);
	EQ(m.ctxt.restart, false);
	EQ(m.ctxt.rflags & 0x40, 0x40);
	/* nothing to do */
	CX = 0;
	OK(RUN(0xf3, 0xaa));
	EQ(DI, DATA + 8);
}

static void ports(void)
{
	start(EMUL_PROT64);
	AX = 0xffffffffffffffff;
	OK(RUN(0xe4, 0x60));				/* in al, 60h */
	EQ(m.pending.addr, 0x60);
	EQ(AX, 0xffffffffffffff00 | m.pending.data[0]);
	DX = 0xcf8;
	OK(RUN(0xed));					/* in eax, dx: clears the upper half */
	CHECK(!memcmp(&AX, m.pending.data, 4));
	EQ(AX >> 32, 0);
	AX = 0x80000000;
	OK(RUN(0xef));
	EQ(m.trace[0].len, 4);
	EQ(m.trace[0].count, 1);
	EQ(m.trace[0].addr, 0xcf8);
	EQ(m.trace[0].data[3], 0x80);
	OK(RUN(0x66, 0xe7, 0x80));
	EQ(m.trace[1].len, 2);
}

static void string_ports(void)
{
	/* a sector: one transaction */
	start(EMUL_PROT32);
	DX = 0x1f0;
	DI = 0x10000;
	CX = 256;
	OK(RUN(0xf3, 0x66, 0x6d));			/* rep insw */
	EQ(m.pending.kind, IO_PIN);
	EQ(m.pending.count, 256);
	EQ(m.pending.len, 2);
	EQ(CX, 0);
	EQ(DI, 0x10200);
	CHECK(!memcmp(mem + 0x10000, m.pending.data, 512));
	EQ(m.ctxt.restart, false);
	/* up to the end of the page, then the element that crosses it, then the rest */
	m.ctxt.rip = CODE;
	DI = 0x10ffb;
	CX = 4;
	OK(RUN(0xf3, 0x66, 0x6d));
	EQ(m.pending.count, 2);
	EQ(CX, 2);
	EQ(m.ctxt.restart, true);
	OK(RUN(0xf3, 0x66, 0x6d));
	EQ(m.pending.count, 1);
	EQ(DI, 0x11001);
	OK(RUN(0xf3, 0x66, 0x6d));
	EQ(CX, 0);
	EQ(m.ctxt.rip, CODE + 3);
	/* downwards: one by one */
	m.ctxt.rip = CODE;
	m.ctxt.rflags |= 0x400;
	CX = 2;
	DI = 0x12002;
	OK(RUN(0xf3, 0x6d));
	EQ(m.pending.count, 1);
	EQ(DI, 0x11ffe);
	EQ(CX, 1);
	m.ctxt.rflags &= ~0x400ull;
	/* a fault comes before the device is read */
	m.pending.count = 0;
	DI = MEM_SIZE;
	FAULT(RUN(0xf3, 0x6d), PF, 2);
	EQ(m.pending.count, 0);
	EQ(CX, 1);
	/* out */
	m.nr_trace = 0;
	m.ctxt.rip = CODE;
	SI = 0x10000;
	CX = 256;
	OK(RUN(0xf3, 0x66, 0x6f));			/* rep outsw */
	EQ(m.nr_trace, 1);
	EQ(m.trace[0].count, 256);
	EQ(SI, 0x10200);
	CHECK(!memcmp(m.trace[0].data, mem + 0x10000, 512));
	/* to and from device memory: element by element */
	m.nr_trace = 0;
	m.ctxt.rip = CODE;
	SI = MMIO;
	CX = 2;
	OK(RUN(0xf3, 0x6e));
	EQ(m.trace[0].count, 1);
	EQ(CX, 1);
	m.ctxt.rip = CODE;
	DI = MMIO;
	CX = 2;
	OK(RUN(0xf3, 0x6c));
	EQ(m.trace[1].kind, IO_WRITE);
	EQ(m.trace[1].len, 1);
	EQ(CX, 1);
}

static void page_crossing(void)
{
	/*
	 * RAM and device memory in one access: the callback's business, whose first byte decides
	 * here
	 */
	start(EMUL_PROT64);
	BX = 0x10ffc;
	poke(0x10ffc, 0x1122334455667788, 8);
	OK(RUN(0x48, 0x8b, 0x03));
	EQ(AX, 0x1122334455667788);
	BX = MEM_SIZE - 4;
	FAULT(RUN(0x48, 0x89, 0x03), PF, 2);
	EQ(m.ctxt.exc.address, MEM_SIZE);
	EQ(peek(MEM_SIZE - 4, 4), 0);			/* nothing was written */
	/* PUSHA is one write */
	start(EMUL_PROT32);
	m.windows[0].base = 0x1000;
	m.windows[0].mem = mem + 0x1000;
	m.windows[0].size = MMIO - 0x1000;
	SP = 0x1010;
	BX = 0xdeadbeef;
	FAULT(RUN(0x60), PF, 2);
	EQ(SP, 0x1010);
	EQ(peek(0x100c, 4), 0);
}

const struct test io_tests[] = {
	{ "device memory: read and replay", mmio_read },
	{ "device memory: posted writes", mmio_write },
	{ "locked update that loses a race", lost_race },
	{ "REP to device memory", rep_to_device },
	{ "REP from RAM into device memory", rep_from_ram_to_device },
	{ "REP: faults, limits, early end", rep_fault },
	{ "ports", ports },
	{ "string ports", string_ports },
	{ "page crossing", page_crossing },
};

const unsigned int nr_io_tests = sizeof(io_tests) / sizeof(io_tests[0]);
