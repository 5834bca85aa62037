// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protected mode, 16 and 32 bits: segmentation, descriptors, privilege, far transfers, task
 * switches.
 */
#include "testing.h"

static void user_mode(void)
{
	m.ctxt.cpl = 3;
	set_desc(0x18, 0, 0xfffff, 0xcfb);		/* user code */
	set_desc(0x20, 0, 0xfffff, 0xcf3);		/* user data */
	m.segs[EMUL_CS] = (struct emul_seg){ .limit = ~0u, .selector = 0x1b, .attr = 0xcfb };
	m.segs[EMUL_SS] = (struct emul_seg){ .limit = ~0u, .selector = 0x23, .attr = 0xcf3 };
	m.segs[EMUL_DS] = m.segs[EMUL_ES] = m.segs[EMUL_SS];
}

static void segmentation(void)
{
	start(EMUL_PROT32);
	BX = 0x100;
	m.segs[EMUL_DS] = (struct emul_seg){ .base = DATA, .limit = 0x103, .attr = 0x493 };
	poke(DATA + 0x100, 0x11223344, 4);
	OK(RUN(0x8b, 0x03));				/* mov eax, [ebx]: ends at the limit */
	EQ(AX, 0x11223344);
	FAULT(RUN(0x8b, 0x43, 0x01), GP, 0);
	m.segs[EMUL_DS].attr = 0x491;			/* read-only */
	m.ctxt.rip = CODE;
	OK(RUN(0x8b, 0x03));
	FAULT(RUN(0x89, 0x03), GP, 0);
	FAULT(RUN(0x01, 0x03), GP, 0);
	m.segs[EMUL_DS].attr = 0x499;			/* execute-only code */
	FAULT(RUN(0x8b, 0x03), GP, 0);
	m.segs[EMUL_DS].attr = 0x49b;			/* readable code */
	OK(RUN(0x8b, 0x03));
	FAULT(RUN(0x89, 0x03), GP, 0);
	m.segs[EMUL_DS] = (struct emul_seg){ .selector = 0 };
	FAULT(RUN(0x8b, 0x03), GP, 0);			/* null segment */
	/* expand down: what lies above the limit is valid, up to 64 KiB without B, 4 GiB with it */
	m.segs[EMUL_DS] = (struct emul_seg){ .base = DATA, .limit = 0xff, .attr = 0x497 };
	OK(RUN(0x8b, 0x03));
	FAULT(RUN(0x8b, 0x43, 0xff), GP, 0);
	BX = 0xfffe;
	OK(RUN(0x8b, 0x03));
	m.segs[EMUL_DS].attr = 0x097;
	FAULT(RUN(0x8b, 0x03), GP, 0);
	/* stack segment */
	m.segs[EMUL_SS].limit = 0xfff;
	m.segs[EMUL_SS].attr = 0x493;
	BPTR = 0x1000;
	FAULT(RUN(0x8b, 0x45, 0x00), SS, 0);
	FAULT(RUN(0x50), SS, 0);
	/* code fetch beyond the limit */
	m.segs[EMUL_CS].limit = CODE + 2;
	m.ctxt.rip = CODE;
	FAULT(RUN(0xb8, 0x00, 0x00, 0x00, 0x00), GP, 0);
	OK(RUN(0x90));
	FAULT(RUN(0xeb, 0x10), GP, 0);			/* jump beyond the limit */
	EQ(m.ctxt.rip, CODE + 1);
	OK(RUN(0xeb, 0xff));				/* to the limit itself */
	m.ctxt.rip = CODE + 2;
	OK(RUN(0x90));					/* its last byte */
	FAULT(RUN(0x90), GP, 0);
}

static void wrap(void)
{
	/* linear addresses wrap at 4 GiB */
	start(EMUL_PROT32);
	m.segs[EMUL_DS].base = 0xfffff000;
	BX = 0x1000 + DATA;
	poke(DATA, 0x1234, 2);
	OK(RUN(0x66, 0x8b, 0x03));
	EQ(AX, 0x1234);
	machine_window(&m, 0xfffff000, 0x1000, mem + 0x40000);
	poke(0x40ffe, 0xbbaa, 2);
	poke(0, 0xddcc, 2);
	BX = 0xffe;
	OK(RUN(0x8b, 0x03));
	EQ(AX, 0xddccbbaa);
	AX = 0x44332211;
	OK(RUN(0x89, 0x03));
	EQ(peek(0x40ffe, 2), 0x2211);
	EQ(peek(0, 2), 0x4433);
	/* 32-bit stack, 16-bit stack */
	SP = 0x100000000 + STACK;
	OK(RUN(0x50));
	EQ(SP, STACK - 4);
	m.segs[EMUL_SS].attr = 0x093;
	SP = 0x12340000 | STACK;
	OK(RUN(0x50));
	EQ(SP, (0x12340000 | STACK) - 4);
	EQ(peek(STACK - 4, 4), 0x44332211);
}

static void sixteen_bits(void)
{
	start(EMUL_PROT16);
	m.segs[EMUL_DS].base = 0x10000;
	BX = 0x1234;
	OK(RUN(0x0f, 0x01, 0x3f));			/* invlpg [bx]: with the segment's base */
	EQ(m.invlpg_addr, 0x11234);
	SI = 0x100;
	m.segs[EMUL_DS].limit = 0xff;
	FAULT(RUN(0x6e), GP, 0);			/* outsb beyond the limit */
	EQ(m.nr_trace, 0);
	EQ(SI, 0x100);
	m.segs[EMUL_ES].limit = 0xff;
	DI = 0xfe;
	CX = 2;
	OK(RUN(0xf3, 0x6d));				/* rep insw: one fits, two do not */
	EQ(CX, 1);
	FAULT(RUN(0xf3, 0x6d), GP, 0);
	EQ(CX, 1);
	start(EMUL_PROT16);
	AX = 0x1ffff;
	OK(RUN(0x40));					/* inc ax */
	EQ(AX, 0x10000);
	OK(RUN(0x66, 0x48));				/* dec eax */
	EQ(AX, 0xffff);
	OK(RUN(0xb8, 0x34, 0x12));
	EQ(AX, 0x1234);
	OK(RUN(0x66, 0xb8, 0x78, 0x56, 0x34, 0x12));
	EQ(AX, 0x12345678);
	OK(RUN(0x6a, 0xff));				/* push -1: two bytes */
	EQ(SP, STACK - 2);
	EQ(peek(STACK - 2, 2), 0xffff);
	start(EMUL_PROT32);
	OK(RUN(0x66, 0x60));				/* pushaw */
	EQ(SP, STACK - 16);
	OK(RUN(0x61));					/* popad */
	EQ(SP, STACK + 16);
	BX = 0x10000 + DATA;
	poke(DATA, 0x99, 1);
	OK(RUN(0x67, 0x8a, 0x07));			/* mov al, [bx] */
	EQ(AX & 0xff, 0x99);
}

static void load_segments(void)
{
	start(EMUL_PROT32);
	set_desc(0x30, 0x12345678, 0xabcde, 0x492);	/* not yet accessed */
	AX = 0x30;
	OK(RUN(0x8e, 0xd8));
	EQ(m.segs[EMUL_DS].base, 0x12345678);
	EQ(m.segs[EMUL_DS].limit, 0xabcde);
	EQ(m.segs[EMUL_DS].attr, 0x493);
	EQ(m.segs[EMUL_DS].selector, 0x30);
	EQ(peek(GDT + 0x35, 1), 0x93);			/* accessed, in memory too */
	m.segs[EMUL_DS] = m.segs[EMUL_ES];
	AX = 0x38;
	FAULT(RUN(0x8e, 0xd8), GP, 0x38);		/* empty descriptor */
	set_desc(0x38, 0, 0xffff, 0x413);		/* not present */
	FAULT(RUN(0x8e, 0xd8), NP, 0x38);
	FAULT(RUN(0x8e, 0xd0), SS, 0x38);
	EQ(m.ctxt.rip, CODE + 2);
	set_desc(0x38, 0, 0xffff, 0x491);		/* read-only stack */
	FAULT(RUN(0x8e, 0xd0), GP, 0x38);
	set_desc(0x38, 0, 0xffff, 0x4f3);
	FAULT(RUN(0x8e, 0xd0), GP, 0x38);		/* DPL 3 */
	AX = 0x3b;
	FAULT(RUN(0x8e, 0xd0), GP, 0x38);		/* RPL 3 */
	OK(RUN(0x8e, 0xd8));
	AX = 0x800;
	FAULT(RUN(0x8e, 0xd8), GP, 0x800);		/* beyond the table */
	AX = 0x3c;
	FAULT(RUN(0x8e, 0xd8), GP, 0x3c);		/* no LDT */
	m.segs[EMUL_LDTR] = (struct emul_seg){ .base = LDT, .limit = 0x3f, .attr = 0x82 };
	set_desc(0x3c, 0x7000, 0xfff, 0x493);
	OK(RUN(0x8e, 0xe0));				/* mov fs */
	EQ(m.segs[EMUL_FS].base, 0x7000);
	AX = 3;
	OK(RUN(0x8e, 0xe8));				/* null into gs */
	EQ(m.segs[EMUL_GS].attr & EMUL_SEG_P, 0);
	FAULT(RUN(0x8e, 0xd0), GP, 0);			/* null into ss */
	user_mode();
	AX = 0x10;
	FAULT(RUN(0x8e, 0xd8), GP, 0x10);		/* privileged data */
	set_desc(0x40, 0, 0xffff, 0x49f);
	AX = 0x40;
	OK(RUN(0x8e, 0xd8));				/* conforming code is open */
	poke(STACK - 4, 0x23, 4);
	SP = STACK - 4;
	OK(RUN(0x17));					/* pop ss */
	EQ(SP, STACK);
	EQ(m.ctxt.shadow, EMUL_SHADOW_MOV_SS);
}

static void system_segments(void)
{
	start(EMUL_PROT32);
	set_desc(0x30, 0x4000, 0x67, 0x089);		/* available TSS */
	set_desc(0x38, LDT, 0x3f, 0x082);
	AX = 0x30;
	OK(RUN(0x0f, 0x00, 0xd8));			/* ltr */
	EQ(m.segs[EMUL_TR].base, 0x4000);
	EQ(m.segs[EMUL_TR].attr, 0x8b);
	EQ(peek(GDT + 0x35, 1), 0x8b);
	FAULT(RUN(0x0f, 0x00, 0xd8), GP, 0x30);		/* busy now */
	AX = 0;
	FAULT(RUN(0x0f, 0x00, 0xd8), GP, 0);
	OK(RUN(0x0f, 0x00, 0xd0));			/* lldt null */
	EQ(m.segs[EMUL_LDTR].attr, 0);
	AX = 0x38;
	OK(RUN(0x0f, 0x00, 0xd0));
	EQ(m.segs[EMUL_LDTR].base, LDT);
	OK(RUN(0x0f, 0x00, 0xc3));			/* sldt ebx */
	EQ(BX, 0x38);
	OK(RUN(0x0f, 0x00, 0x0d, 0x00, 0x50, 0x00, 0x00));	/* str [DATA] */
	EQ(peek(DATA, 4), 0x30);
	user_mode();
	FAULT(RUN(0x0f, 0x00, 0xd0), GP, 0);
	OK(RUN(0x0f, 0x00, 0xc3));
	m.cr[4] |= 0x800;				/* UMIP */
	FAULT(RUN(0x0f, 0x00, 0xc3), GP, 0);
	FAULT(RUN(0x0f, 0x01, 0x03), GP, 0);
	FAULT(RUN(0x0f, 0x01, 0xe3), GP, 0);
}

static void inspection(void)
{
	start(EMUL_PROT32);
	set_desc(0x30, 0, 0x12345, 0x493);
	CX = 0x30;
	OK(RUN(0x0f, 0x02, 0xc1));			/* lar eax, cx */
	EQ(AX, 0x419300);
	EQ(m.ctxt.rflags & 0x40, 0x40);
	OK(RUN(0x0f, 0x03, 0xc1));			/* lsl */
	EQ(AX, 0x12345);
	set_desc(0x30, 0, 0x12345, 0xc93);
	OK(RUN(0x0f, 0x03, 0xc1));
	EQ(AX, 0x12345fff);
	OK(RUN(0x66, 0x0f, 0x02, 0xd9));		/* lar bx */
	EQ(BX, 0x9300);
	OK(RUN(0x0f, 0x00, 0xe1));			/* verr */
	EQ(m.ctxt.rflags & 0x40, 0x40);
	OK(RUN(0x0f, 0x00, 0xe9));			/* verw */
	EQ(m.ctxt.rflags & 0x40, 0x40);
	set_desc(0x30, 0, 0xf, 0x499);			/* execute-only */
	OK(RUN(0x0f, 0x00, 0xe1));
	EQ(m.ctxt.rflags & 0x40, 0);
	CX = 0x7000;
	AX = 0x55;
	OK(RUN(0x0f, 0x02, 0xc1));			/* outside the table: no fault, ZF clear */
	EQ(AX, 0x55);
	EQ(m.ctxt.rflags & 0x40, 0);
	set_desc(0x38, 0, 0xf, 0x08c);			/* call gate: LAR yes, LSL no */
	CX = 0x38;
	OK(RUN(0x0f, 0x02, 0xc1));
	EQ(m.ctxt.rflags & 0x40, 0x40);
	OK(RUN(0x0f, 0x03, 0xc1));
	EQ(m.ctxt.rflags & 0x40, 0);
	AX = 0x10;
	DX = 3;
	OK(RUN(0x63, 0xd0));				/* arpl ax, dx */
	EQ(AX, 0x13);
	EQ(m.ctxt.rflags & 0x40, 0x40);
	OK(RUN(0x63, 0xd0));
	EQ(m.ctxt.rflags & 0x40, 0);
}

static void privilege(void)
{
	start(EMUL_PROT32);
	user_mode();
	FAULT(RUN(0xf4), GP, 0);
	FAULT(RUN(0xfa), GP, 0);
	FAULT(RUN(0x0f, 0x22, 0xc0), GP, 0);
	FAULT(RUN(0x0f, 0x32), GP, 0);
	FAULT(RUN(0x0f, 0x06), GP, 0);
	FAULT(RUN(0x0f, 0x01, 0x3b), GP, 0);
	FAULT(RUN(0x0f, 0x21, 0xf8), GP, 0);
	SP = STACK - 4;
	poke(STACK - 4, 0x3202 | 0x200000, 4);
	m.ctxt.rflags = 2;
	OK(RUN(0x9d));					/* popf: IOPL and IF stay */
	EQ(m.ctxt.rflags, 0x200002);
	m.ctxt.rflags = 0x3002;
	OK(RUN(0xfb));
	EQ(m.ctxt.rflags, 0x3202);
	m.ctxt.rflags = 2;
	m.cr[4] |= 2;					/* PVI */
	OK(RUN(0xfb));
	EQ(m.ctxt.rflags, 0x80002);
	OK(RUN(0xfa));
	EQ(m.ctxt.rflags, 2);
	OK(RUN(0x0f, 0x31));				/* rdtsc */
	m.cr[4] |= 4;
	FAULT(RUN(0x0f, 0x31), GP, 0);
	FAULT(RUN(0x0f, 0x33), GP, 0);			/* rdpmc without PCE */
	m.cr[4] |= 0x100;
	OK(RUN(0x0f, 0x33));
	EQ(RUN(0xcc), EMUL_FAULT);			/* int3 is delivered by the caller */
	EQ(m.ctxt.exc.vector, BP);
	EQ(m.ctxt.exc.kind, EMUL_EXC_SOFT_EXC);
	EQ(m.ctxt.next_rip, m.ctxt.rip + 1);
	EQ(RUN(0xf1), EMUL_FAULT);
	EQ(m.ctxt.exc.kind, EMUL_EXC_PRIV_EXC);
}

static void port_bitmap(void)
{
	start(EMUL_PROT32);
	user_mode();
	m.segs[EMUL_TR] = (struct emul_seg){ .base = 0x4000, .limit = 0x88, .attr = 0x8b };
	poke(0x4066, 0x68, 2);
	memset(mem + 0x4068, 0xff, 0x21);
	poke(0x4068 + 0x60 / 8, 0xee, 1);		/* ports 60 and 64 */
	AX = 0x7f;
	OK(RUN(0xe6, 0x60));				/* out 60h, al */
	EQ(m.trace[0].addr, 0x60);
	EQ(m.trace[0].data[0], 0x7f);
	FAULT(RUN(0xe6, 0x61), GP, 0);
	FAULT(RUN(0x66, 0xe7, 0x60), GP, 0);		/* a word needs 61 too */
	DX = 0x100;
	FAULT(RUN(0xee), GP, 0);			/* a byte is beyond the limit */
	DX = 0xff;
	FAULT(RUN(0xee), GP, 0);			/* within, and forbidden */
	poke(0x4068 + 0x1f, 0x7f, 1);
	OK(RUN(0xee));
	m.segs[EMUL_TR].attr = 0x83;			/* a 16-bit TSS has no bitmap */
	FAULT(RUN(0xe6, 0x60), GP, 0);
	m.ctxt.rflags |= 0x3000;
	OK(RUN(0xe6, 0x61));				/* with IOPL 3 all are allowed */
}

static void far_same_level(void)
{
	start(EMUL_PROT32);
	set_desc(0x30, 0x1000, 0xffff, 0x49a);
	OK(RUN(0x9a, 0x00, 0x60, 0x00, 0x00, 0x30, 0x00));	/* call 30:6000 */
	EQ(m.ctxt.rip, 0x6000);
	EQ(m.segs[EMUL_CS].base, 0x1000);
	EQ(m.segs[EMUL_CS].attr, 0x49b);
	EQ(peek(GDT + 0x35, 1), 0x9b);
	EQ(SP, STACK - 8);
	EQ(peek(STACK - 8, 4), CODE + 7);
	EQ(peek(STACK - 4, 4), 8);
	OK(RUN(0xcb));
	EQ(m.ctxt.rip, CODE + 7);
	EQ(m.segs[EMUL_CS].selector, 8);
	EQ(SP, STACK);
	FAULT(RUN(0xea, 0x00, 0x00, 0x01, 0x00, 0x30, 0x00), GP, 0);	/* beyond the limit */
	FAULT(RUN(0xea, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00), GP, 0);	/* null */
	FAULT(RUN(0xea, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00), GP, 0x10);	/* data */
	set_desc(0x38, 0, 0xffff, 0x41a);
	FAULT(RUN(0xea, 0x00, 0x00, 0x00, 0x00, 0x38, 0x00), NP, 0x38);
	set_desc(0x38, 0, 0xffff, 0x4fa);
	FAULT(RUN(0xea, 0x00, 0x00, 0x00, 0x00, 0x38, 0x00), GP, 0x38);	/* less privileged */
	EQ(m.segs[EMUL_CS].selector, 8);
	/* a call gate to the same level */
	poke(GDT + 0x40, 0x00008c0000306100, 8);
	OK(RUN(0x9a, 0xef, 0xbe, 0xad, 0xde, 0x40, 0x00));
	EQ(m.ctxt.rip, 0x6100);
	EQ(m.segs[EMUL_CS].selector, 0x30);
	EQ(SP, STACK - 8);
	/* from user mode it would need a stack switch */
	start(EMUL_PROT32);
	user_mode();
	set_desc(0x30, 0x1000, 0xffff, 0x49a);
	poke(GDT + 0x40, 0x0000ec0000306100, 8);
	EQ(RUN(0x9a, 0xef, 0xbe, 0xad, 0xde, 0x40, 0x00), EMUL_FAIL);
	EQ(m.ctxt.rip, CODE);
	EQ(SP, STACK);
	poke(GDT + 0x40, 0x00008c0000306100, 8);
	FAULT(RUN(0x9a, 0xef, 0xbe, 0xad, 0xde, 0x40, 0x00), GP, 0x40);
	/* what a gate must not lead to */
	start(EMUL_PROT32);
	poke(GDT + 0x40, 0x00008c0000106100, 8);
	FAULT(RUN(0x9a, 0xef, 0xbe, 0xad, 0xde, 0x40, 0x00), GP, 0x10);	/* data */
	poke(GDT + 0x40, 0x00008c0000006100, 8);
	FAULT(RUN(0x9a, 0xef, 0xbe, 0xad, 0xde, 0x40, 0x00), GP, 0);		/* nothing */
	poke(GDT + 0x40, 0x00000c0000086100, 8);
	FAULT(RUN(0x9a, 0xef, 0xbe, 0xad, 0xde, 0x40, 0x00), NP, 0x40);
	poke(GDT + 0x40, 0x0000820000086100, 8);
	FAULT(RUN(0x9a, 0xef, 0xbe, 0xad, 0xde, 0x40, 0x00), GP, 0x40);	/* an LDT is no gate */
	/* conforming code may be called from outside, and keeps the level */
	start(EMUL_PROT32);
	user_mode();
	set_desc(0x30, 0, 0xffff, 0x49f);
	OK(RUN(0x9a, 0x00, 0x60, 0x00, 0x00, 0x30, 0x00));
	EQ(m.segs[EMUL_CS].selector, 0x33);
	EQ(m.ctxt.cpl, 3);
}

static void returns(void)
{
	start(EMUL_PROT32);
	set_desc(0x18, 0, 0xfffff, 0xcfb);
	set_desc(0x20, 0, 0xfffff, 0xcf3);
	m.segs[EMUL_ES] = (struct emul_seg){ .limit = ~0u, .selector = 0x23, .attr = 0xcf3 };
	poke(STACK, 0x1234, 4);
	poke(STACK + 4, 0x1b, 4);
	poke(STACK + 8, 0x3202, 4);
	poke(STACK + 12, 0x8888, 4);
	poke(STACK + 16, 0x23, 4);
	OK(RUN(0xcf));					/* iret to user mode */
	EQ(m.ctxt.rip, 0x1234);
	EQ(m.ctxt.cpl, 3);
	EQ(m.ctxt.rflags, 0x3202);
	EQ(SP, 0x8888);
	EQ(m.segs[EMUL_SS].selector, 0x23);
	EQ(m.segs[EMUL_CS].selector, 0x1b);
	EQ(m.segs[EMUL_DS].attr, 0);			/* kernel data is taken away */
	EQ(m.segs[EMUL_ES].selector, 0x23);		/* user data stays */
	/* and back is impossible */
	SP = STACK;
	poke(STACK + 4, 8, 4);
	FAULT(RUN(0xcb), GP, 8);

	start(EMUL_PROT32);
	set_desc(0x18, 0, 0xfffff, 0xcfb);
	set_desc(0x20, 0, 0xfffff, 0xcf3);
	poke(STACK, 0x1234, 4);
	poke(STACK + 4, 0x1b, 4);
	poke(STACK + 8 + 4, 0x8888, 4);
	poke(STACK + 8 + 8, 0x23, 4);
	OK(RUN(0xca, 0x04, 0x00));			/* retf 4 to user mode: from both stacks */
	EQ(m.ctxt.cpl, 3);
	EQ(SP, 0x888c);
	/* to a stack segment of the wrong level */
	start(EMUL_PROT32);
	set_desc(0x18, 0, 0xfffff, 0xcfb);
	poke(STACK, 0x1234, 4);
	poke(STACK + 4, 0x1b, 4);
	poke(STACK + 16, 0x13, 4);
	FAULT(RUN(0xcf), GP, 0x10);
	EQ(SP, STACK);
	EQ(m.ctxt.cpl, 0);
	/* same level */
	poke(STACK + 4, 8, 4);
	poke(STACK + 8, 0x246, 4);
	OK(RUN(0xcf));
	EQ(SP, STACK + 12);
	EQ(m.ctxt.rflags, 0x246);
	/* to virtual-8086 mode */
	start(EMUL_PROT32);
	poke(STACK, 0x1234, 4);
	poke(STACK + 4, 0x2000, 4);
	poke(STACK + 8, 0x20202, 4);
	poke(STACK + 12, 0xfffe, 4);
	poke(STACK + 16, 0x3000, 4);
	poke(STACK + 20, 0x4000, 4);
	poke(STACK + 24, 0x5000, 4);
	OK(RUN(0xcf));
	EQ(m.ctxt.rip, 0x1234);
	EQ(m.ctxt.cpl, 3);
	EQ(m.ctxt.rflags, 0x20202);
	EQ(m.segs[EMUL_CS].base, 0x20000);
	EQ(m.segs[EMUL_SS].base, 0x30000);
	EQ(m.segs[EMUL_ES].base, 0x40000);
	EQ(m.segs[EMUL_DS].base, 0x50000);
	EQ(m.segs[EMUL_GS].attr, 0xf3);
	EQ(SP, 0xfffe);
}

static void fast_calls(void)
{
	start(EMUL_PROT32);
	user_mode();
	m.sysenter_cs = 8;
	m.sysenter_esp = 0x5000;
	m.sysenter_eip = 0x6000;
	m.ctxt.rflags = 0x202;
	OK(RUN(0x0f, 0x34));
	EQ(m.ctxt.cpl, 0);
	EQ(m.ctxt.rip, 0x6000);
	EQ(SP, 0x5000);
	EQ(m.ctxt.rflags, 2);
	EQ(m.segs[EMUL_CS].selector, 8);
	EQ(m.segs[EMUL_CS].attr, 0xc9b);
	EQ(m.segs[EMUL_SS].selector, 0x10);
	EQ(m.segs[EMUL_SS].attr, 0xc93);
	CX = 0x7000;
	DX = CODE;
	OK(RUN(0x0f, 0x35));
	EQ(m.ctxt.cpl, 3);
	EQ(m.ctxt.rip, CODE);
	EQ(SP, 0x7000);
	EQ(m.segs[EMUL_CS].selector, 0x1b);
	EQ(m.segs[EMUL_SS].selector, 0x23);
	FAULT(RUN(0x0f, 0x35), GP, 0);
	m.sysenter_cs = 0;
	FAULT(RUN(0x0f, 0x34), GP, 0);
	/* AMD has SYSCALL here, Intel does not */
	m.star = 0x0013000800006000;
	OK(RUN(0x0f, 0x05));
	EQ(m.ctxt.rip, 0x6000);
	EQ(CX, CODE + 2);
	EQ(m.ctxt.cpl, 0);
	m.ctxt.intel = true;
	FAULT(RUN(0x0f, 0x05), UD, -1);
}

static void debug_registers(void)
{
	start(EMUL_PROT32);
	AX = 0x1234;
	OK(RUN(0x0f, 0x23, 0xc0));			/* mov dr0, eax */
	EQ(m.dr[0], 0x1234);
	AX = 0x401;
	OK(RUN(0x0f, 0x23, 0xf8));			/* mov dr7, eax */
	EQ(m.dr[7], 0x401);
	m.dr[6] = 0xffff0ff0;
	OK(RUN(0x0f, 0x21, 0xe3));			/* mov ebx, dr4: is dr6 */
	EQ(BX, 0xffff0ff0);
	m.cr[4] |= 8;
	FAULT(RUN(0x0f, 0x21, 0xe3), UD, -1);
	m.dr[7] = 0x2400;				/* GD */
	FAULT(RUN(0x0f, 0x21, 0xc0), DB, -1);
	EQ(m.ctxt.exc.address, 0x2000);
}

static void traps(void)
{
	start(EMUL_PROT32);
	m.ctxt.rflags |= 0x100;
	OK(RUN(0x90));
	EQ(m.ctxt.tf_trap, true);
	AX = 0x10;
	OK(RUN(0x8e, 0xd0));				/* mov ss holds the trap back */
	EQ(m.ctxt.tf_trap, false);
	SP = STACK;
	poke(STACK, 2, 4);
	OK(RUN(0x9d));					/* popf clears TF, and still traps */
	EQ(m.ctxt.tf_trap, true);
	OK(RUN(0x90));
	EQ(m.ctxt.tf_trap, false);
	poke(STACK + 4, 0x102, 4);
	OK(RUN(0x9d));					/* popf sets TF: the next one traps */
	EQ(m.ctxt.tf_trap, false);
	m.ctxt.rip = CODE;
	CX = 3;
	DI = DATA;
	OK(RUN(0xf3, 0xaa));				/* each iteration traps */
	EQ(CX, 2);
	EQ(m.ctxt.rip, CODE);
	EQ(m.ctxt.restart, true);
	EQ(m.ctxt.tf_trap, true);
}

/* A task at 0x4000 (selector 30h, current) and one at 0x4100 (selector 38h). */
static void two_tasks(bool new_busy)
{
	start(EMUL_PROT32);
	set_desc(0x30, 0x4000, 0x67, 0x08b);
	set_desc(0x38, 0x4100, 0x67, new_busy ? 0x08b : 0x089);
	set_desc(0x18, 0, 0xfffff, 0xcfb);
	set_desc(0x20, 0, 0xfffff, 0xcf3);
	m.segs[EMUL_TR] = (struct emul_seg){ .base = 0x4000, .limit = 0x67, .selector = 0x30,
		.attr = 0x8b };
	poke(0x411c, 0x123000, 4);			/* CR3 */
	poke(0x4120, 0x6543, 4);			/* EIP */
	poke(0x4124, 0x202, 4);
	poke(0x4128, 0xa, 4);				/* EAX */
	poke(0x4138, 0x8800, 4);			/* ESP */
	poke(0x4144, 0xd1, 4);				/* EDI */
	poke(0x4148, 0x23, 4);				/* ES, CS, SS, DS, FS, GS */
	poke(0x414c, 0x1b, 4);
	poke(0x4150, 0x23, 4);
	poke(0x4154, 0x23, 4);
	AX = 0x11111111;
	DI = 0x77777777;
	m.ctxt.rflags = 0x246;
}

static void task_switch(void)
{
	two_tasks(false);
	OK(RUN(0x9a, 0x00, 0x00, 0x00, 0x00, 0x38, 0x00));	/* call 38:0 */
	EQ(m.ctxt.rip, 0x6543);
	EQ(m.ctxt.cpl, 3);
	EQ(m.ctxt.rflags, 0x4202);			/* NT */
	EQ(AX, 0xa);
	EQ(DI, 0xd1);
	EQ(SP, 0x8800);
	EQ(m.cr[3], 0x123000);
	EQ(m.cr[0] & 8, 8);
	EQ(m.segs[EMUL_TR].selector, 0x38);
	EQ(m.segs[EMUL_TR].attr, 0x8b);
	EQ(m.segs[EMUL_CS].selector, 0x1b);
	EQ(m.segs[EMUL_SS].selector, 0x23);
	EQ(peek(GDT + 0x3d, 1), 0x8b);
	EQ(peek(GDT + 0x35, 1), 0x8b);			/* the caller stays busy */
	EQ(peek(0x4020, 4), CODE + 7);
	EQ(peek(0x4024, 4), 0x246);
	EQ(peek(0x4028, 4), 0x11111111);
	EQ(peek(0x4044, 4), 0x77777777);
	EQ(peek(0x404c, 2), 8);
	EQ(peek(0x4100, 2), 0x30);			/* back link */
	/* and back, with IRET */
	poke(0x404c, 8, 4);
	poke(0x4050, 0x10, 4);
	poke(0x401c, 0x321000, 4);
	OK(RUN(0xcf));
	EQ(m.ctxt.rip, CODE + 7);
	EQ(m.ctxt.cpl, 0);
	EQ(m.ctxt.rflags, 0x246);
	EQ(AX, 0x11111111);
	EQ(m.segs[EMUL_TR].selector, 0x30);
	EQ(peek(GDT + 0x3d, 1), 0x89);			/* no longer busy */
	EQ(peek(0x4124, 4), 0x202);			/* NT is not saved */
}

static void task_switch_faults(void)
{
	two_tasks(true);
	FAULT(RUN(0xea, 0x00, 0x00, 0x00, 0x00, 0x38, 0x00), GP, 0x38);	/* busy */
	EQ(m.ctxt.switched, false);
	EQ(AX, 0x11111111);
	two_tasks(false);
	set_desc(0x38, 0x4100, 0x66, 0x089);
	FAULT(RUN(0xea, 0x00, 0x00, 0x00, 0x00, 0x38, 0x00), TS, 0x38);	/* too short */
	two_tasks(false);
	poke(0x4150, 0x10, 4);				/* the new stack is not the new level's */
	FAULT(RUN(0xea, 0x00, 0x00, 0x00, 0x00, 0x38, 0x00), TS, 0x10);
	EQ(m.ctxt.switched, true);			/* the fault is the new task's */
	EQ(m.ctxt.rip, 0x6543);
	EQ(AX, 0xa);
	EQ(m.segs[EMUL_TR].selector, 0x38);
	EQ(peek(GDT + 0x35, 1), 0x89);			/* JMP leaves the old task for good */
	two_tasks(false);
	poke(0x4164, 1, 2);				/* debug trap */
	FAULT(RUN(0xea, 0x00, 0x00, 0x00, 0x00, 0x38, 0x00), DB, -1);
	EQ(m.ctxt.exc.address, 0x8000);
	EQ(m.ctxt.rip, 0x6543);
	/* an exception through a task gate pushes its error code on the new stack */
	two_tasks(false);
	EQ(emul_task_switch(&m.ctxt, 0x38, EMUL_TASK_GATE, true, 0xabc), EMUL_OK);
	EQ(SP, 0x87fc);
	EQ(peek(0x87fc, 4), 0xabc);
	EQ(m.ctxt.rip, 0x6543);
	EQ(peek(0x4020, 4), CODE);
	/* a task gate in the GDT */
	two_tasks(false);
	poke(GDT + 0x40, 0x0000850000380000, 8);
	OK(RUN(0xea, 0x00, 0x00, 0x00, 0x00, 0x40, 0x00));
	EQ(m.ctxt.rip, 0x6543);
}

static void task_switch_16(void)
{
	two_tasks(false);
	set_desc(0x38, 0x4100, 0x2b, 0x081);
	memset(mem + 0x4100, 0, 0x68);
	poke(0x410e, 0x6543, 2);
	poke(0x4110, 0x0202, 2);
	poke(0x4112, 0x000a, 2);			/* AX */
	poke(0x411a, 0x8800, 2);			/* SP */
	poke(0x4122, 0x10, 2);				/* ES, CS, SS, DS */
	poke(0x4124, 0x08, 2);
	poke(0x4126, 0x10, 2);
	poke(0x4128, 0x10, 2);
	m.cr[3] = 0x5000;
	OK(RUN(0xea, 0x00, 0x00, 0x00, 0x00, 0x38, 0x00));
	EQ(m.ctxt.rip, 0x6543);
	EQ(AX & 0xffff, 0xa);
	EQ(SP & 0xffff, 0x8800);
	EQ(m.cr[3], 0x5000);
	EQ(m.segs[EMUL_DS].selector, 0x10);
	EQ(m.segs[EMUL_TR].attr, 0x83);
	/* from the 16-bit task back to the 32-bit one */
	poke(0x4020, 0x7777, 4);
	poke(0x4024, 2, 4);
	poke(0x404c, 8, 4);
	poke(0x4050, 0x10, 4);
	m.ctxt.rip = CODE;
	AX = 0x1234;
	OK(RUN(0xea, 0x00, 0x00, 0x00, 0x00, 0x30, 0x00));
	EQ(m.ctxt.rip, 0x7777);
	EQ(peek(0x4112, 2), 0x1234);
	EQ(peek(0x410e, 2), CODE + 7);
}

const struct test prot_tests[] = {
	{ "protected mode: segmentation", segmentation },
	{ "protected mode: wrap-around", wrap },
	{ "protected mode: 16- and 32-bit forms", sixteen_bits },
	{ "protected mode: loading segment registers", load_segments },
	{ "protected mode: LDTR and TR", system_segments },
	{ "protected mode: LAR, LSL, VERR, VERW, ARPL", inspection },
	{ "protected mode: privilege", privilege },
	{ "protected mode: I/O permission bitmap", port_bitmap },
	{ "protected mode: far calls and gates", far_same_level },
	{ "protected mode: returns", returns },
	{ "protected mode: SYSENTER, SYSCALL", fast_calls },
	{ "protected mode: debug registers", debug_registers },
	{ "protected mode: single-step", traps },
	{ "task switch: call and return", task_switch },
	{ "task switch: faults and gates", task_switch_faults },
	{ "task switch: 16 bits", task_switch_16 },
};

const unsigned int nr_prot_tests = sizeof(prot_tests) / sizeof(prot_tests[0]);
