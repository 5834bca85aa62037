// SPDX-License-Identifier: GPL-2.0-only
/* 64-bit mode: privileged instructions, canonical addresses, fast system calls; lengths. */
#include "testing.h"

static void user_mode(void)
{
	m.ctxt.cpl = 3;
	set_desc(0x28, 0, 0xfffff, 0xafb);
	set_desc(0x20, 0, 0xfffff, 0xcf3);
	m.segs[EMUL_CS] = (struct emul_seg){ .limit = ~0u, .selector = 0x2b, .attr = 0xafb };
	m.segs[EMUL_SS] = (struct emul_seg){ .limit = ~0u, .selector = 0x23, .attr = 0xcf3 };
}

static void canonical(void)
{
	start(EMUL_PROT64);
	BX = 0x0000800000000000;
	FAULT(RUN(0x8b, 0x03), GP, 0);
	BX = 0xffff7fffffffffff;
	FAULT(RUN(0x8b, 0x03), GP, 0);
	BPTR = 0x0000800000000000;
	FAULT(RUN(0x8b, 0x45, 0x00), SS, 0);
	BX = 0x00007fffffffffff;
	FAULT(RUN(0x8b, 0x03), GP, 0);			/* the last byte is not */
	BX = 0xffff800000000000;
	FAULT(RUN(0x8b, 0x03), PF, 0);			/* canonical, but not there */
	EQ(m.ctxt.exc.address, 0xffff800000000000);
	BX = 0x0000800000000000;
	m.cr[4] |= 0x1000;				/* LA57 */
	FAULT(RUN(0x89, 0x03), PF, 2);
	BX = 0x0100000000000000;
	FAULT(RUN(0x8b, 0x03), GP, 0);
	m.cr[4] &= ~0x1000ull;
	BX = 0x0000800000000000;
	FAULT(RUN(0xff, 0xe3), GP, 0);			/* jmp rbx */
	FAULT(RUN(0xff, 0xd3), GP, 0);			/* call rbx */
	EQ(SP, STACK);
	m.ctxt.cpl = 3;
	BX = 0x1000000000;
	FAULT(RUN(0x8b, 0x03), PF, 4);			/* user */
	FAULT(RUN(0x01, 0x03), PF, 6);			/* read for writing */
	/* only FS and GS have bases */
	m.segs[EMUL_DS].base = 0x1000000;
	m.segs[EMUL_GS].base = DATA;
	poke(DATA + 8, 0x4711, 8);
	BX = 8;
	OK(RUN(0x65, 0x48, 0x8b, 0x03));
	EQ(AX, 0x4711);
	BX = DATA + 8;
	AX = 0;
	OK(RUN(0x3e, 0x48, 0x8b, 0x03));
	EQ(AX, 0x4711);
}

static void system_calls(void)
{
	start(EMUL_PROT64);
	user_mode();
	m.star = 0x001b000800000000;
	m.lstar = 0xffffffff81000000;
	m.cstar = 0x7777;
	m.sfmask = 0x700;
	m.ctxt.rflags = 0x302;
	OK(RUN(0x0f, 0x05));
	EQ(m.ctxt.rip, 0xffffffff81000000);
	EQ(CX, CODE + 2);
	EQ(m.regs[11], 0x302);
	EQ(m.ctxt.rflags, 2);
	EQ(m.ctxt.cpl, 0);
	EQ(m.segs[EMUL_CS].selector, 8);
	EQ(m.segs[EMUL_CS].attr, 0xa9b);
	EQ(m.segs[EMUL_SS].selector, 0x10);
	m.ctxt.rip = CODE;
	CX = 0x6000;
	m.regs[11] = 0x13202;
	OK(RUN(0x48, 0x0f, 0x07));			/* sysretq */
	EQ(m.ctxt.rip, 0x6000);
	EQ(m.ctxt.cpl, 3);
	EQ(m.ctxt.rflags, 0x3202);
	EQ(m.segs[EMUL_CS].selector, 0x2b);
	EQ(m.segs[EMUL_CS].attr, 0xafb);
	EQ(m.segs[EMUL_SS].selector, 0x23);
	FAULT(RUN(0x48, 0x0f, 0x07), GP, 0);		/* not at CPL 3 */
	m.efer &= ~1ull;
	FAULT(RUN(0x0f, 0x05), UD, -1);
	FAULT(RUN(0x0f, 0x34), UD, -1);			/* AMD: no sysenter in long mode */
	m.ctxt.intel = true;
	m.sysenter_cs = 8;
	m.sysenter_eip = 0xffffffff82000000;
	OK(RUN(0x0f, 0x34));
	EQ(m.ctxt.rip, 0xffffffff82000000);
	EQ(m.segs[EMUL_CS].attr, 0xa9b);
	m.ctxt.rip = CODE;
	DX = 0x6000;
	CX = 0x9000;
	OK(RUN(0x48, 0x0f, 0x35));
	EQ(m.segs[EMUL_CS].selector, 0x2b);
	EQ(m.ctxt.rip, 0x6000);
	/* to compatibility mode */
	start(EMUL_PROT64);
	m.star = 0x001b000800000000;
	CX = 0x100006000;
	m.regs[11] = 2;
	OK(RUN(0x0f, 0x07));
	EQ(m.ctxt.rip, 0x6000);
	EQ(m.segs[EMUL_CS].selector, 0x1b);
	EQ(m.segs[EMUL_CS].attr, 0xcfb);
}

static void iretq(void)
{
	start(EMUL_PROT64);
	user_mode();
	m.ctxt.cpl = 0;
	m.segs[EMUL_CS] = (struct emul_seg){ .limit = ~0u, .selector = 8, .attr = 0xa9b };
	poke(STACK, 0x6000, 8);
	poke(STACK + 8, 0x2b, 8);
	poke(STACK + 16, 0x10302, 8);			/* with RF and TF */
	poke(STACK + 24, 0x123456789abc, 8);
	poke(STACK + 32, 0x23, 8);
	OK(RUN(0x48, 0xcf));
	EQ(m.ctxt.rip, 0x6000);
	EQ(m.ctxt.cpl, 3);
	EQ(SP, 0x123456789abc);
	EQ(m.ctxt.rflags, 0x10302);
	/* to the same level, the stack is popped too, and may be null */
	start(EMUL_PROT64);
	poke(STACK, 0x6000, 8);
	poke(STACK + 8, 0x8, 8);
	poke(STACK + 16, 2, 8);
	poke(STACK + 24, 0x8000, 8);
	poke(STACK + 32, 0, 8);
	OK(RUN(0x48, 0xcf));
	EQ(SP, 0x8000);
	EQ(m.segs[EMUL_SS].attr & EMUL_SEG_P, 0);
	/* to compatibility mode */
	start(EMUL_PROT64);
	set_desc(0x18, 0, 0xfffff, 0xcfb);
	set_desc(0x20, 0, 0xfffff, 0xcf3);
	poke(STACK, 0x6000, 8);
	poke(STACK + 8, 0x1b, 8);
	poke(STACK + 16, 2, 8);
	poke(STACK + 24, 0x8000, 8);
	poke(STACK + 32, 0x23, 8);
	OK(RUN(0x48, 0xcf));
	EQ(m.segs[EMUL_CS].attr, 0xcfb);
	EQ(m.ctxt.cpl, 3);
	/* not canonical */
	start(EMUL_PROT64);
	poke(STACK, 0x800000000000, 8);
	poke(STACK + 8, 0x8, 8);
	poke(STACK + 32, 0x10, 8);
	FAULT(RUN(0x48, 0xcf), GP, 0);
	m.ctxt.rflags |= 0x4000;			/* no nested tasks in long mode */
	FAULT(RUN(0x48, 0xcf), GP, 0);
	/* a 64-bit code segment must not have D */
	start(EMUL_PROT64);
	set_desc(0x30, 0, 0xfffff, 0xe9b);
	poke(STACK, 0x6000, 8);
	poke(STACK + 8, 0x30, 8);
	poke(STACK + 32, 0x10, 8);
	FAULT(RUN(0x48, 0xcf), GP, 0x30);
}

static void far_transfers(void)
{
	start(EMUL_PROT64);
	set_desc(0x18, 0, 0xfffff, 0xc9b);
	poke(DATA, 0x6000, 4);
	poke(DATA + 4, 0x18, 2);
	BX = DATA;
	OK(RUN(0xff, 0x2b));				/* jmp far [rbx] to compatibility mode */
	EQ(m.ctxt.rip, 0x6000);
	EQ(m.segs[EMUL_CS].selector, 0x18);
	EQ(m.segs[EMUL_CS].attr, 0xc9b);
	m.ctxt.mode = EMUL_PROT32;
	OK(RUN(0xea, 0x00, 0x70, 0x00, 0x00, 0x08, 0x00));	/* and back */
	EQ(m.segs[EMUL_CS].attr, 0xa9b);
	m.ctxt.mode = EMUL_PROT64;
	FAULT(RUN(0xea, 0x00, 0x70, 0x00, 0x00, 0x08, 0x00), UD, -1);
	/* a 64-bit call gate */
	poke(GDT + 0x40, 0x12348c0000085678, 8);
	poke(GDT + 0x48, 0xffff8000, 8);
	poke(DATA + 4, 0x40, 2);
	OK(RUN(0xff, 0x1b));				/* call far */
	EQ(m.ctxt.rip, 0xffff800012345678);
	EQ(SP, STACK - 16);
	EQ(peek(STACK - 16, 8), CODE + 2);
	m.ctxt.rip = CODE;
	poke(GDT + 0x48, 0x0000080000000000, 8);	/* the upper half's type must be 0 */
	FAULT(RUN(0xff, 0x1b), GP, 0x40);
	poke(GDT + 0x48, 0xffff8000, 8);
	m.gdt.limit = 0x4e;
	FAULT(RUN(0xff, 0x1b), GP, 0x40);		/* its upper half is cut */
	m.gdt.limit = 0x7ff;
	set_desc(0x08, 0, 0xfffff, 0xc9b);
	FAULT(RUN(0xff, 0x1b), GP, 8);			/* leads to 32-bit code */
	set_desc(0x50, 0x4000, 0x67, 0x089);
	poke(DATA + 4, 0x50, 2);
	FAULT(RUN(0xff, 0x2b), GP, 0x50);		/* no task switches */
}

static void descriptor_tables(void)
{
	start(EMUL_PROT64);
	BX = DATA;
	poke(DATA, 0x7f, 2);
	poke(DATA + 2, 0xffff800000001000, 8);
	OK(RUN(0x0f, 0x01, 0x13));			/* lgdt */
	EQ(m.gdt.base, 0xffff800000001000);
	EQ(m.gdt.limit, 0x7f);
	OK(RUN(0x66, 0x0f, 0x01, 0x1b));		/* lidt: 66 means nothing */
	EQ(m.idt.base, 0xffff800000001000);
	OK(RUN(0x0f, 0x01, 0x43, 0x20));		/* sgdt */
	EQ(peek(DATA + 0x20, 2), 0x7f);
	EQ(peek(DATA + 0x22, 8), 0xffff800000001000);
	poke(DATA + 2, 0x0080000000001000, 8);
	FAULT(RUN(0x0f, 0x01, 0x13), GP, 0);
	/* system descriptors have 16 bytes */
	start(EMUL_PROT64);
	set_desc(0x30, 0x12345678, 0x67, 0x089);
	poke(GDT + 0x38, 0xffff8000, 8);
	AX = 0x30;
	OK(RUN(0x0f, 0x00, 0xd8));			/* ltr */
	EQ(m.segs[EMUL_TR].base, 0xffff800012345678);
	m.gdt.limit = 0x3e;				/* cuts the upper half */
	AX = 0x30;
	set_desc(0x30, 0x12345678, 0x67, 0x089);
	FAULT(RUN(0x0f, 0x00, 0xd8), GP, 0x30);
	m.gdt.limit = 0x7ff;
	OK(RUN(0x0f, 0x00, 0xd8));
	set_desc(0x40, 0x100, 0x2b, 0x081);
	AX = 0x40;
	FAULT(RUN(0x0f, 0x00, 0xd8), GP, 0x40);		/* no 16-bit TSS */
	set_desc(0x40, 0x100, 0x2b, 0x082);
	poke(GDT + 0x48, 0x8000, 8);
	FAULT(RUN(0x0f, 0x00, 0xd0), GP, 0x40);		/* base is not canonical */
	CX = 0x30;
	OK(RUN(0x0f, 0x03, 0xc1));			/* lsl of a busy TSS */
	EQ(AX, 0x67);
	AX = 0;
	OK(RUN(0x8e, 0xd0));				/* null stack segment at CPL 0 */
	EQ(m.segs[EMUL_SS].attr, 0);
}

static void registers(void)
{
	start(EMUL_PROT64);
	AX = 0x123456789abcdef0;
	OK(RUN(0x0f, 0x22, 0xd8));			/* mov cr3, rax: 64 bits without REX.W */
	EQ(m.cr[3], 0x123456789abcdef0);
	AX = 5;
	OK(RUN(0x44, 0x0f, 0x22, 0xc0));		/* mov cr8, rax */
	EQ(m.cr[8], 5);
	OK(RUN(0x44, 0x0f, 0x20, 0xc3));		/* mov rbx, cr8 */
	EQ(BX, 5);
	OK(RUN(0x44, 0x0f, 0x20, 0x03));		/* mod is ignored */
	FAULT(RUN(0x44, 0x0f, 0x20, 0xcb), UD, -1);	/* cr9 */
	FAULT(RUN(0x0f, 0x20, 0xeb), UD, -1);		/* cr5 */
	FAULT(RUN(0x44, 0x0f, 0x21, 0xc3), UD, -1);	/* dr8 */
	m.msr = 0x1122334455667788;
	CX = 0xffffffff00000277;
	AX = DX = ~0ul;
	OK(RUN(0x0f, 0x32));				/* rdmsr */
	EQ(AX, 0x55667788);
	EQ(DX, 0x11223344);
	EQ(m.msr_index, 0x277);
	AX = 0xffffffff00000001;
	DX = 0xffffffff00000002;
	OK(RUN(0x0f, 0x30));
	EQ(m.msr, 0x200000001);
	m.tsc = 0x123456789a;
	m.tsc_aux = 42;
	OK(RUN(0x0f, 0x01, 0xf9));			/* rdtscp */
	EQ(AX, 0x3456789a);
	EQ(DX, 0x12);
	EQ(CX, 42);
	OK(RUN(0xf3, 0x0f, 0xc7, 0xf8));		/* rdpid rax */
	EQ(AX, 42);
	AX = 7;
	CX = 1;
	OK(RUN(0x0f, 0xa2));				/* cpuid */
	EQ(AX, 7 * 0x01000193 + 31);
	EQ(BX, 7 * 0x01000193 + 31 + 1);
	EQ(DX, 7 * 0x01000193 + 31 + 3);
	CX = 0;
	OK(RUN(0x0f, 0x01, 0xd0));			/* xgetbv */
	EQ(AX, 7);
	AX = 3;
	DX = 0;
	OK(RUN(0x0f, 0x01, 0xd1));
	EQ(m.xcr0, 3);
	CX = 1;
	FAULT(RUN(0x0f, 0x01, 0xd0), GP, 0);
	m.cr[4] &= ~0x40000ull;
	FAULT(RUN(0x0f, 0x01, 0xd0), UD, -1);
	FAULT(RUN(0xc5, 0xf8, 0x10, 0xc1), UD, -1);	/* AVX without XSAVE */
	m.segs[EMUL_GS].base = 0x1000;
	m.kernel_gs = 0xffff888000000000;
	OK(RUN(0x0f, 0x01, 0xf8));			/* swapgs */
	EQ(m.segs[EMUL_GS].base, 0xffff888000000000);
	EQ(m.kernel_gs, 0x1000);
	FAULT(RUN(0xf3, 0x48, 0x0f, 0xae, 0xd3), UD, -1);	/* wrfsbase without CR4.FSGSBASE */
	m.cr[4] |= 0x10000;
	BX = 0x7f0000001000;
	OK(RUN(0xf3, 0x48, 0x0f, 0xae, 0xd3));
	EQ(m.segs[EMUL_FS].base, 0x7f0000001000);
	BX = 0x800000000000;
	FAULT(RUN(0xf3, 0x48, 0x0f, 0xae, 0xd3), GP, 0);
}

static void calls_out(void)
{
	start(EMUL_PROT64);
	AX = 0x55;
	OK(RUN(0x0f, 0x01, 0xd9));			/* vmmcall */
	EQ(m.hypercalls, 1);
	EQ(AX, ~0x55ul);
	OK(RUN(0x0f, 0x01, 0xc1));			/* vmcall */
	EQ(m.hypercalls, 2);
	OK(RUN(0xf4));
	EQ(m.hlts, 1);
	EQ(m.ctxt.rip, CODE + 7);
	OK(RUN(0x0f, 0x09));
	OK(RUN(0x0f, 0x08));
	EQ(m.wbinvds, 2);
	m.segs[EMUL_GS].base = 0x100000;
	BX = 0x123;
	OK(RUN(0x65, 0x0f, 0x01, 0x3b));		/* invlpg gs:[rbx] */
	EQ(m.invlpg_addr, 0x100123);
	BX = 0x800000000000;
	OK(RUN(0x0f, 0x01, 0x3b));			/* any address will do */
	EQ(m.invlpgs, 2);
	OK(RUN(0x0f, 0x01, 0xcb));			/* stac */
	EQ(m.ctxt.rflags, 0x40002);
	OK(RUN(0x0f, 0x01, 0xca));
	EQ(m.ctxt.rflags, 2);
	/* known to nobody */
	EQ(RUN(0x0f, 0x01, 0xd8), EMUL_FAIL);		/* vmrun */
	EQ(RUN(0xd9, 0xc0), EMUL_FAIL);			/* x87 */
	EQ(RUN(0x62, 0xf1, 0x7c, 0x48, 0x10, 0x00), EMUL_FAIL);	/* EVEX */
	FAULT(RUN(0x0f, 0x0b), UD, -1);
	FAULT(RUN(0xc4, 0xe2, 0x78, 0xf3, 0xf8), UD, -1);	/* group 17, /7 */
	FAULT(RUN(0x0f, 0x00, 0xf8), UD, -1);
	FAULT(RUN(0x0f, 0xba, 0xd8, 0x00), UD, -1);
	FAULT(RUN(0xff, 0xf8), UD, -1);
	FAULT(RUN(0xfe, 0xf8), UD, -1);
	FAULT(RUN(0xc7, 0xf8, 0, 0, 0, 0), UD, -1);
	FAULT(RUN(0x8f, 0xf8), UD, -1);
	EQ(RUN(0x0f, 0xae, 0x38), EMUL_OK);		/* clflush */
	EQ(RUN(0x0f, 0xae, 0x30), EMUL_FAIL);		/* xsaveopt */
	/* 66 before a near branch: AMD's is short, Intel's is not */
	m.ctxt.rip = CODE;
	OK(RUN(0x66, 0xe9, 0x10, 0x00, 0x00, 0x00));
	EQ(m.ctxt.rip, CODE + 4 + 0x10);
	m.ctxt.rip = CODE;
	m.ctxt.intel = true;
	OK(RUN(0x66, 0xe9, 0x10, 0x00, 0x01, 0x00));
	EQ(m.ctxt.rip, CODE + 6 + 0x10010);
}

static void vectors(void)
{
	u8 want[32];

	start(EMUL_PROT64);
	BX = DATA;
	memset(m.vec[1], 0x5a, 32);
	OK(RUN(0x0f, 0x11, 0x0b));			/* movups [rbx], xmm1 */
	EQ(peek(DATA + 8, 8), 0x5a5a5a5a5a5a5a5a);
	EQ(peek(DATA + 16, 8), 0);
	m.cr[0] |= 8;
	FAULT(RUN(0x0f, 0x11, 0x0b), NM, -1);
	m.cr[0] = (m.cr[0] & ~8ull) | 4;
	FAULT(RUN(0x0f, 0x11, 0x0b), UD, -1);
	m.cr[0] &= ~4ull;
	m.cr[4] &= ~0x200ull;
	FAULT(RUN(0x0f, 0x11, 0x0b), UD, -1);
	m.xcr0 = 3;
	FAULT(RUN(0xc5, 0xfc, 0x11, 0x0b), UD, -1);
	m.xcr0 = 7;
	OK(RUN(0xc5, 0xfc, 0x11, 0x0b));		/* vmovups [rbx], ymm1 */
	EQ(peek(DATA + 24, 8), 0x5a5a5a5a5a5a5a5a);
	memset(m.vec[2], 0x77, 32);
	poke(DATA, 0x1234, 8);
	OK(RUN(0xc5, 0xfa, 0x7e, 0x13));		/* vmovq xmm2, [rbx]: clears the rest */
	memset(want, 0, 32);
	want[0] = 0x34;
	want[1] = 0x12;
	CHECK(!memcmp(m.vec[2], want, 32));
	/* wide accesses to device memory are one transaction */
	BX = MMIO + 0x10;
	OK(RUN(0xc5, 0xfc, 0x11, 0x0b));
	EQ(m.nr_trace, 1);
	EQ(m.trace[0].len, 32);
	OK(RUN(0xc5, 0xfe, 0x6f, 0x1b));		/* vmovdqu ymm3, [rbx] */
	CHECK(!memcmp(m.vec[3], m.pending.data, 32));
}

struct length {
	enum emul_mode mode;
	u8 len;
	u8 bytes[15];
};

static void lengths(void)
{
	static const struct length rows[] = {
		{ EMUL_PROT64, 2, { 0x0f, 0xa2 } },
		{ EMUL_PROT64, 3, { 0x48, 0x0f, 0xa2 } },
		{ EMUL_PROT64, 2, { 0x0f, 0x30 } },
		{ EMUL_PROT64, 2, { 0x0f, 0x31 } },
		{ EMUL_PROT64, 2, { 0x0f, 0x32 } },
		{ EMUL_PROT64, 3, { 0x2e, 0x0f, 0x32 } },
		{ EMUL_PROT64, 3, { 0x0f, 0x01, 0xd9 } },
		{ EMUL_PROT64, 3, { 0x0f, 0x01, 0xd8 } },	/* vmrun */
		{ EMUL_PROT64, 3, { 0x0f, 0x01, 0xf9 } },
		{ EMUL_PROT64, 3, { 0x0f, 0x01, 0xd1 } },
		{ EMUL_PROT64, 1, { 0xf4 } },
		{ EMUL_PROT64, 2, { 0xf3, 0x90 } },
		{ EMUL_PROT64, 2, { 0x0f, 0x09 } },
		{ EMUL_PROT64, 2, { 0xe4, 0x60 } },
		{ EMUL_PROT64, 1, { 0xec } },
		{ EMUL_PROT64, 2, { 0x66, 0xed } },
		{ EMUL_PROT64, 2, { 0xf3, 0x6d } },
		{ EMUL_PROT64, 3, { 0x0f, 0x20, 0xc0 } },
		{ EMUL_PROT64, 4, { 0x44, 0x0f, 0x22, 0xc0 } },
		{ EMUL_PROT64, 3, { 0x0f, 0x23, 0xf8 } },
		{ EMUL_PROT64, 3, { 0x0f, 0x01, 0x3b } },
		{ EMUL_PROT64, 4, { 0x0f, 0x01, 0x7d, 0x10 } },
		{ EMUL_PROT64, 8, { 0x0f, 0x01, 0x3c, 0x25, 1, 2, 3, 4 } },
		{ EMUL_PROT64, 7, { 0x0f, 0x01, 0x3d, 1, 2, 3, 4 } },
		{ EMUL_PROT64, 9, { 0x65, 0x0f, 0x01, 0xbc, 0xc3, 1, 2, 3, 4 } },
		{ EMUL_PROT32, 7, { 0x0f, 0x01, 0x3d, 1, 2, 3, 4 } },
		{ EMUL_PROT16, 5, { 0x0f, 0x01, 0x3e, 1, 2 } },
		{ EMUL_PROT16, 8, { 0x67, 0x0f, 0x01, 0x3d, 1, 2, 3, 4 } },
		{ EMUL_REAL, 4, { 0x0f, 0x01, 0x7f, 0x10 } },
		{ EMUL_PROT64, 10, { 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8 } },
		{ EMUL_PROT64, 9, { 0xa1, 1, 2, 3, 4, 5, 6, 7, 8 } },
		{ EMUL_PROT64, 6, { 0x67, 0xa1, 1, 2, 3, 4 } },
		{ EMUL_PROT32, 7, { 0xea, 1, 2, 3, 4, 5, 6 } },
		{ EMUL_REAL, 5, { 0xea, 1, 2, 3, 4 } },
		{ EMUL_REAL, 4, { 0xc8, 1, 2, 3 } },
		{ EMUL_PROT64, 2, { 0xcd, 0x80 } },
		{ EMUL_PROT64, 5, { 0xe8, 1, 2, 3, 4 } },
		{ EMUL_PROT64, 4, { 0x66, 0xe8, 1, 2 } },	/* AMD */
		{ EMUL_PROT64, 0, { 0x0f, 0x0b } },
		{ EMUL_PROT64, 0, { 0x27 } },
		{ EMUL_PROT32, 1, { 0x27 } },
		{ EMUL_PROT64, 0, { 0xf0, 0x90 } },
		{ EMUL_PROT64, 0, { 0xdb, 0x00 } },		/* x87 is not known */
	};
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		EQ(emul_insn_len(rows[i].bytes, 15, rows[i].mode), rows[i].len);
		if (rows[i].len) {
			EQ(emul_insn_len(rows[i].bytes, rows[i].len, rows[i].mode), rows[i].len);
			EQ(emul_insn_len(rows[i].bytes, rows[i].len - 1, rows[i].mode), 0);
		}
	}
	EQ(emul_insn_len(rows[0].bytes, 0, EMUL_PROT64), 0);
}

/* Decoded before or not: what counts are the bytes that are there now, the mode and the vendor. */
static void recalled(void)
{
	static const u8 mov[] = { 0x48, 0x89, 0x44, 0x8b, 0x10 };	/* mov %rax, 16(%rbx, %rcx, 4) */
	static const u8 shorter[] = { 0x89, 0x44, 0x8b, 0x10 };
	unsigned long regs[16] = { [EMUL_RBX] = 0x1000, [EMUL_RCX] = 3 };
	const struct emul_insn *in;
	struct emul_move move;
	u64 bytes[2] = { ~0ull, ~0ull }, ea;

	start(EMUL_PROT64);
	memcpy(bytes, mov, sizeof(mov));
	EQ(!emul_recall(&m.ctxt, CODE, bytes, EMUL_PROT64, m.ctxt.intel), true);
	memcpy(mem + CODE, mov, sizeof(mov));
	EQ(emul_decode(&m.ctxt, NULL, 0), EMUL_OK);
	in = emul_recall(&m.ctxt, CODE, bytes, EMUL_PROT64, m.ctxt.intel);
	EQ(!in, 0);
	EQ(in->len, 5);
	EQ(!emul_recall(&m.ctxt, CODE, bytes, EMUL_PROT32, m.ctxt.intel), true);
	EQ(!emul_recall(&m.ctxt, CODE, bytes, EMUL_PROT64, !m.ctxt.intel), true);

	EQ(emul_plain_move(in, regs, CODE + 5, &move, &ea), true);
	EQ(ea, 0x1000 + 12 + 16);
	EQ(move.write, true);
	EQ(move.bytes, 8);
	EQ(move.reg, EMUL_RAX);

	/* Each byte of it counts, none after it. */
	bytes[0] ^= 1ull << 39;
	EQ(!emul_recall(&m.ctxt, CODE, bytes, EMUL_PROT64, m.ctxt.intel), true);
	bytes[0] ^= 1ull << 39 | 1ull << 40;
	EQ(!emul_recall(&m.ctxt, CODE, bytes, EMUL_PROT64, m.ctxt.intel), 0);

	memcpy(mem + CODE, shorter, sizeof(shorter));
	EQ(emul_decode(&m.ctxt, NULL, 0), EMUL_OK);
	EQ(m.ctxt.insn.len, 4);
	EQ(m.ctxt.insn.op_bytes, 4);
	EQ(emul_decode(&m.ctxt, NULL, 0), EMUL_OK);
	EQ(m.ctxt.insn.len, 4);
}

static bool plain(const u8 *code, unsigned int len, struct emul_move *move)
{
	static const unsigned long regs[16];
	u64 ea;

	start(EMUL_PROT64);
	memcpy(mem + CODE, code, len);
	EQ(emul_decode(&m.ctxt, NULL, 0), EMUL_OK);
	EQ(m.ctxt.insn.len, len);
	return emul_plain_move(&m.ctxt.insn, regs, CODE + len, move, &ea);
}

#define PLAIN(...)								\
	plain((const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }), &move)

static void plain_moves(void)
{
	struct emul_move move;

	EQ(PLAIN(0x0f, 0xbe, 0x0b), true);		/* movsx (%rbx), %ecx: from a byte */
	EQ(move.sign && !move.write && move.bytes == 1 && move.reg_bytes == 4, true);
	EQ(move.reg, EMUL_RCX);
	EQ(PLAIN(0x66, 0x0f, 0xb6, 0x0b), true);	/* movzx, to 16 bits */
	EQ(!move.sign && move.bytes == 1 && move.reg_bytes == 2, true);
	EQ(PLAIN(0x4c, 0x0f, 0xb7, 0x03), true);	/* movzx, from a word to %r8 */
	EQ(move.bytes == 2 && move.reg_bytes == 8 && move.reg == EMUL_R8, true);
	EQ(PLAIN(0x48, 0x63, 0x03), true);		/* movsxd */
	EQ(move.sign && move.bytes == 4 && move.reg_bytes == 8, true);
	EQ(PLAIN(0xc6, 0x03, 0x80), true);		/* movb $0x80, (%rbx) */
	EQ(move.write && move.bytes == 1 && move.reg == EMUL_NR_REGS, true);
	EQ((u8)move.imm, 0x80);
	EQ(PLAIN(0x48, 0xc7, 0x03, 0xff, 0xff, 0xff, 0xff), true);
	EQ(move.imm, ~0ull);
	EQ(PLAIN(0x40, 0x88, 0x33), true);		/* mov %sil, (%rbx) */
	EQ(move.reg, EMUL_RSI);
	EQ(PLAIN(0x88, 0x33), false);			/* mov %dh, (%rbx) */
	EQ(PLAIN(0x8a, 0x33), false);
	EQ(PLAIN(0x0f, 0xb6, 0x33), true);		/* to %esi, whose number %dh has */
	EQ(PLAIN(0x64, 0x8b, 0x03), false);		/* %fs */
	EQ(PLAIN(0x67, 0x8b, 0x03), false);		/* a 32-bit address */
	EQ(PLAIN(0x89, 0xc3), false);			/* between registers */
	EQ(PLAIN(0x01, 0x03), false);			/* add */
	EQ(PLAIN(0x87, 0x03), false);			/* xchg */
	EQ(PLAIN(0x8c, 0x1b), false);			/* a segment register */
}

static void prefetched(void)
{
	static const u8 bytes[] = { 0x48, 0xc7, 0xc0, 0x78, 0x56, 0x34, 0x12 };

	start(EMUL_PROT64);
	/* complete: memory is not looked at, which holds zeroes */
	EQ(emul_decode(&m.ctxt, bytes, sizeof(bytes)), EMUL_OK);
	EQ(m.ctxt.insn.len, 7);
	EQ(emul_exec(&m.ctxt), EMUL_OK);
	EQ(AX, 0x12345678);
	EQ(m.ctxt.rip, CODE + 7);
	/* incomplete: the rest comes from memory */
	m.ctxt.rip = CODE;
	memcpy(mem + CODE, bytes, sizeof(bytes));
	EQ(emul_decode(&m.ctxt, bytes, 3), EMUL_OK);
	EQ(m.ctxt.insn.len, 7);
	/* across a page that is missing */
	m.ctxt.rip = MEM_SIZE - 2;
	FAULT(RUN(0x48, 0xc7), PF, 0);
	EQ(m.ctxt.exc.address, MEM_SIZE);
	OK(RUN(0x66, 0x90));
}

const struct test long_tests[] = {
	{ "64-bit mode: canonical addresses", canonical },
	{ "64-bit mode: SYSCALL, SYSRET, SYSENTER, SYSEXIT", system_calls },
	{ "64-bit mode: IRETQ", iretq },
	{ "64-bit mode: far transfers", far_transfers },
	{ "64-bit mode: descriptor tables", descriptor_tables },
	{ "64-bit mode: system registers", registers },
	{ "64-bit mode: calls to the hypervisor", calls_out },
	{ "64-bit mode: vector registers", vectors },
	{ "instruction lengths", lengths },
	{ "bytes from the hardware", prefetched },
	{ "instructions decoded before", recalled },
	{ "plain moves", plain_moves },
};

const unsigned int nr_long_tests = sizeof(long_tests) / sizeof(long_tests[0]);
