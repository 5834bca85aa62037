// SPDX-License-Identifier: GPL-2.0-only
/* Runs the table tests of all modes and prints TAP. */
#include "testing.h"

struct machine m;
u8 mem[MEM_SIZE];

static bool failed;

void check(bool ok, const char *what, int line)
{
	if (ok)
		return;
	printf("# line %d: %s is false\n", line, what);
	failed = true;
}

void check_eq(u64 got, u64 want, const char *what, int line)
{
	if (got == want)
		return;
	printf("# line %d: %s is %#llx, not %#llx\n", line, what, got, want);
	failed = true;
}

void check_fault(int rc, unsigned int vector, int error, int line)
{
	struct emul_exc *exc = &m.ctxt.exc;

	if (rc == EMUL_FAULT && exc->vector == vector && exc->has_error == (error >= 0) &&
	    (error < 0 || exc->error_code == (u32)error))
		return;
	printf("# line %d: rc %d, vector %u, error code %#x (%s), not vector %u, error code %d\n",
	       line, rc, exc->vector,
	       exc->error_code, exc->has_error ? "present" : "none", vector, error);
	failed = true;
}

void start(enum emul_mode mode)
{
	memset(mem, 0, sizeof(mem));
	machine_init(&m, mode);
	machine_window(&m, 0, MMIO, mem);
	machine_window(&m, MMIO, 0x1000, mem + MMIO)->mmio = true;
	machine_window(&m, MMIO + 0x1000, MEM_SIZE - MMIO - 0x1000, mem + MMIO + 0x1000);
	m.ctxt.rip = CODE;
	m.regs[EMUL_RSP] = STACK;
	m.gdt = (struct emul_dtr){ .base = GDT, .limit = 0x7ff };
	m.idt = (struct emul_dtr){ .base = mode == EMUL_REAL ? 0 : IDT,
		.limit = mode == EMUL_REAL ? 0x3ff : 0xfff };
	if (mode >= EMUL_PROT16) {
		set_desc(0x08, 0, 0xfffff,
			 mode == EMUL_PROT64 ? 0xa9b : mode == EMUL_PROT32 ? 0xc9b : 0x89b);
		set_desc(0x10, 0, 0xfffff, 0xc93);
	}
}

int run(const u8 *bytes, unsigned int len)
{
	u64 linear = m.ctxt.rip + (m.ctxt.mode == EMUL_PROT64 ? 0 : m.segs[EMUL_CS].base);

	memcpy(mem + linear, bytes, len);
	return machine_step(&m);
}

void poke(u64 addr, u64 val, unsigned int bytes)
{
	memcpy(mem + addr, &val, bytes);
}

u64 peek(u64 addr, unsigned int bytes)
{
	u64 val = 0;

	memcpy(&val, mem + addr, bytes);
	return val;
}

void set_desc(u16 sel, u32 base, u32 limit, unsigned int attr)
{
	u64 desc = (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(attr & 0xff) << 40 |
		(u64)(limit >> 16 & 0xf) << 48 |
		   (u64)(attr >> 8 & 0xf) << 52 | (u64)(base >> 24) << 56;

	poke((sel & 4 ? LDT : GDT) + (sel & ~7u), desc, 8);
}

static unsigned int number, failures;

static void run_all(const struct test *tests, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		failed = false;
		tests[i].run();
		failures += failed;
		printf("%sok %u - %s\n", failed ? "not " : "", ++number, tests[i].name);
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%u\n",
	       nr_real_tests + nr_prot_tests + nr_long_tests + nr_io_tests);
	run_all(real_tests, nr_real_tests);
	run_all(prot_tests, nr_prot_tests);
	run_all(long_tests, nr_long_tests);
	run_all(io_tests, nr_io_tests);
	printf("# %u of %u tests failed\n", failures, number);
	return failures != 0;
}
