// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random user-mode instructions, executed by the emulator and by the processor: the results must be
 * the same.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "instance.h"
#include "machine.h"

#define GDT_ADDR	0x1000u

static struct machine m64, m32;
static struct native_state *nat;
static u8 shadow[SCRATCH_SIZE];
static u64 gdt[8];
static u64 fs_base;

static const char *hex(const struct instance *in)
{
	static char buf[64];
	unsigned int i;

	for (i = 0; i < in->len; i++)
		sprintf(buf + 3 * i, "%02x ", in->bytes[i]);
	return buf;
}

static bool complain(const struct instance *in, const char *what, u64 native, u64 emulated)
{
	printf("# %s: [ %s] %s: processor %#llx, emulator %#llx\n", in->t->name, hex(in), what,
	       native, emulated);
	if (in->is_mem)
		printf("#   operand at %#llx%s\n", in->ea,
		       in->bad_address ? " (not canonical)" : "");
	return false;
}

/* Registers and flags, without what the manuals leave undefined. */
static bool compare_registers(const struct instance *in, const struct machine *m, u64 undef)
{
	unsigned int i;
	char name[16];

	for (i = 0; i < (in->compat ? 8 : 16); i++) {
		u64 mask = in->compat ? 0xffffffff : ~0ull;

		sprintf(name, "register %u", i);
		if ((nat->gpr[i] ^ m->regs[i]) & mask)
			return complain(in, name, nat->gpr[i], m->regs[i]);
		sprintf(name, "vector %u", i);
		if (memcmp(nat->vec[i], m->vec[i], 32))
			return complain(in, name, *(u64 *)nat->vec[i], *(u64 *)m->vec[i]);
	}
	if ((nat->flags ^ m->ctxt.rflags) & ~undef & 0xffff)
		return complain(in, "flags", nat->flags & ~undef, m->ctxt.rflags & ~undef);
	return true;
}

static bool compare(const struct instance *in, const struct machine *m, int rc)
{
	struct native_insn where = native_layout(in->len, in->compat);
	bool undefined_result;
	u64 undef = undefined_flags(in, &undefined_result), rip = m->ctxt.rip, expected;
	unsigned int i;

	if (undefined_result)
		return true;
	if (nat->signal) {
		if (rc != EMUL_FAULT || m->ctxt.exc.vector != nat->vector)
			return complain(in, "fault", nat->vector, rc * 1000 + m->ctxt.exc.vector);
		if (rip != INSN_ADDR)
			return complain(in, "rip after a fault", INSN_ADDR, rip);
		undef |= ARITH;
	} else {
		if (rc != EMUL_OK)
			return complain(in, "result", 0, rc * 1000 + m->ctxt.exc.vector);
		expected = nat->end == END_NEXT ? where.next : where.target;
		if (rip != expected)
			return complain(in, "rip", expected, rip);
		if (m->ctxt.next_rip != where.next)
			return complain(in, "length", in->len, m->ctxt.next_rip - INSN_ADDR);
	}
	if (!compare_registers(in, m, undef))
		return false;
	for (i = 0; i < SCRATCH_SIZE; i += 8)
		if (memcmp((u8 *)SCRATCH_ADDR + i, shadow + i, 8))
			return complain(in, "memory", *(u64 *)(SCRATCH_ADDR + i),
					*(u64 *)(shadow + i));
	return true;
}

static bool check_length(const struct instance *in, enum emul_mode mode)
{
	int len = emul_insn_len(in->bytes, in->len, mode);

	if (len != (int)in->len)
		return complain(in, "emul_insn_len", in->len, len);
	if (emul_insn_len(in->bytes, in->len - 1, mode))
		return complain(in, "emul_insn_len of a cut instruction", 0, 1);
	return true;
}

static bool run_instance(const struct template *t, bool compat)
{
	struct machine *m = compat ? &m32 : &m64;
	struct emul_seg segs[EMUL_NR_SREGS];
	struct instance in;
	unsigned int i;
	int rc;

	generate(&in, t, compat, nat, fs_base);
	if (in.len > 15)
		return true;
	memcpy(shadow, (u8 *)SCRATCH_ADDR, SCRATCH_SIZE);
	memcpy(m->vec, nat->vec, sizeof(m->vec));
	memcpy(segs, m->segs, sizeof(segs));
	for (i = 0; i < 16; i++)
		m->regs[i] = in.gpr[i];
	memcpy(nat->gpr, in.gpr, sizeof(in.gpr));
	nat->flags = in.flags;
	native_run(in.bytes, in.len, compat);

	m->ctxt.rip = INSN_ADDR;
	m->ctxt.rflags = in.flags;
	rc = machine_step(m);
	if (memcmp(segs, m->segs, sizeof(segs)))
		return complain(&in, "segments", 0, 1);
	if (!compare(&in, m, rc)) {
		/* leave both worlds alike for the next one */
		memcpy((u8 *)SCRATCH_ADDR, shadow, SCRATCH_SIZE);
		return false;
	}
	return rc != EMUL_OK || check_length(&in, m->ctxt.mode);
}

static void setup_machine(struct machine *m, bool compat)
{
	/* what Linux has at these places: code and data of the kernel, then of user space */
	static const struct emul_seg none = { .base = 0 };
	const struct emul_seg cs = {
		.limit = ~0u, .selector = compat ? USER32_CS : USER64_CS,
		.attr = compat ? 0xcfb : 0xafb,
	};
	const struct emul_seg data = { .limit = ~0u, .selector = USER_DS, .attr = 0xcf3 };

	machine_init(m, compat ? EMUL_PROT32 : EMUL_PROT64);
	m->ctxt.cpl = 3;
	m->ctxt.intel = cpu_is_intel();
	m->efer = 0x501;
	machine_window(m, SCRATCH_ADDR, SCRATCH_SIZE, shadow);
	machine_window(m, CODE_ADDR, CODE_SIZE, (u8 *)CODE_ADDR);
	machine_window(m, GDT_ADDR, sizeof(gdt), (u8 *)gdt);
	m->gdt = (struct emul_dtr){ .base = GDT_ADDR, .limit = sizeof(gdt) - 1 };
	m->cr[4] |= 0x10000;
	/* no I/O bitmap: all ports are forbidden */
	m->segs[EMUL_TR].limit = 0x40;
	m->segs[EMUL_CS] = cs;
	m->segs[EMUL_SS] = m->segs[EMUL_DS] = m->segs[EMUL_ES] = data;
	m->segs[EMUL_FS] = m->segs[EMUL_GS] = none;
	m->segs[EMUL_FS].base = fs_base;
	if (cpu_has(CPU_OSXSAVE)) {
		unsigned int lo, hi;

		asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
		m->xcr0 = (u64)hi << 32 | lo;
	}
}

static void setup(void)
{
	unsigned long fs = 0;

	nat = native_init(cpu_has(CPU_AVX));
	syscall(SYS_arch_prctl, ARCH_GET_FS, &fs);
	fs_base = fs;
	gdt[1] = 0x00cf9b000000ffff;
	gdt[2] = 0x00af9b000000ffff;
	gdt[3] = 0x00cf93000000ffff;
	gdt[4] = 0x00cffb000000ffff;
	gdt[5] = 0x00cff3000000ffff;
	gdt[6] = 0x00affb000000ffff;
	setup_machine(&m64, false);
	setup_machine(&m32, true);
}

/* Can this process enter a 32-bit code segment? */
static bool has_compat(void)
{
	static const u8 nop[] = { 0x90 };

	native_run(nop, sizeof(nop), true);
	return !nat->signal && nat->end == END_NEXT;
}

/* All templates in one mode; returns the number that failed. */
static unsigned int run_templates(unsigned int per_template, bool compat, unsigned int *number,
				  bool skip, u64 *total)
{
	unsigned int i, n, bad, failed = 0;

	for (i = 0; i < nr_templates; i++) {
		const struct template *t = &templates[i];

		if (t->form & (compat ? T_ONLY64 : T_ONLY32))
			continue;
		++*number;
		if (skip || !cpu_has(t->cpu)) {
			printf("ok %u - %s, %u bits # SKIP not on this machine\n", *number, t->name,
			       compat ? 32 : 64);
			continue;
		}
		for (n = 0, bad = 0; n < per_template && bad < 3; n++)
			bad += !run_instance(t, compat);
		*total += n;
		failed += bad != 0;
		printf("%sok %u - %s, %u bits\n", bad ? "not " : "", *number, t->name,
		       compat ? 32 : 64);
	}
	return failed;
}

int main(int argc, char **argv)
{
	unsigned int per_template = argc > 1 ? atoi(argv[1]) : 2000;
	unsigned int number = 0, failed;
	u64 total = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	build_templates();
	setup();
	printf("TAP version 13\n");
	failed = run_templates(per_template, false, &number, false, &total);
	failed += run_templates(per_template, true, &number, !has_compat(), &total);
	printf("1..%u\n# %llu instances, %u of %u templates failed\n", number, total, failed,
	       number);
	return failed != 0;
}
