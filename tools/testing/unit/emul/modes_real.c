// SPDX-License-Identifier: GPL-2.0-only
/* Real and virtual-8086 mode. */
#include "testing.h"

static void addressing(void)
{
	start(EMUL_REAL);
	m.segs[EMUL_DS].base = 0x1000;
	m.segs[EMUL_SS].base = 0x2000;
	m.segs[EMUL_ES].base = 0x30000;
	BX = 0x100;
	SI = 0x20;
	BPTR = 0x300;
	poke(0x1000 + 0x100 + 0x20 + 0x12, 0xbeef, 2);
	OK(RUN(0x8b, 0x40, 0x12));			/* mov ax, [bx+si+12h] */
	EQ(AX, 0xbeef);
	EQ(m.ctxt.rip, CODE + 3);
	m.ctxt.rip = CODE;
	poke(0x2000 + 0x300 - 2, 0x1234, 2);
	OK(RUN(0x8b, 0x46, 0xfe));			/* mov ax, [bp-2]: stack segment */
	EQ(AX, 0x1234);
	m.ctxt.rip = CODE;
	poke(0x30000 + 0x4321, 0x77, 1);
	OK(RUN(0x26, 0x8a, 0x26, 0x21, 0x43));		/* mov ah, es:[4321h] */
	EQ(AX, 0x7734);
	/* the sum wraps at 64 KiB */
	m.ctxt.rip = CODE;
	BX = 0xfff0;
	poke(0x1000 + 0x10, 0x55aa, 2);
	OK(RUN(0x8b, 0x00));				/* mov ax, [bx+si] */
	EQ(AX, 0x55aa);
}

static void wide_forms(void)
{
	start(EMUL_REAL);
	AX = 0xffffffff12345678;
	OK(RUN(0x66, 0x05, 0x01, 0x00, 0x00, 0x10));	/* add eax, 10000001h */
	EQ(AX, 0x22345679);
	EQ(m.ctxt.rip, CODE + 6);
	m.ctxt.rip = CODE;
	BX = 0x5000;
	CX = 2;
	poke(0x5008, 0xcafe, 2);
	OK(RUN(0x67, 0x8b, 0x04, 0x8b));		/* mov ax, [ebx+ecx*4] */
	EQ(AX, 0x2234cafe);
	m.ctxt.rip = CODE;
	BX = 0x10000;
	FAULT(RUN(0x67, 0x8b, 0x03), GP, -1);		/* no error code in real mode */
	EQ(m.ctxt.rip, CODE);
	/* "unreal" mode: the limit is what protected mode has left */
	m.segs[EMUL_DS].limit = ~0u;
	poke(0x10000, 0x4242, 2);
	OK(RUN(0x67, 0x8b, 0x03));
	EQ(AX, 0x22344242);
}

static void limits(void)
{
	start(EMUL_REAL);
	BX = 0xffff;
	FAULT(RUN(0x8b, 0x07), GP, -1);			/* word at offset ffff */
	OK(RUN(0x8a, 0x07));				/* byte */
	m.ctxt.rip = CODE;
	BPTR = 0xffff;
	FAULT(RUN(0x8b, 0x46, 0x00), SS, -1);
	/* instruction bytes beyond the limit of CS */
	m.ctxt.rip = 0xffff;
	FAULT(RUN(0xb8, 0x00, 0x00), GP, -1);
	/* 15 bytes of prefixes */
	m.ctxt.rip = CODE;
	FAULT(RUN(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
		  0x66, 0x66, 0x90), GP, -1);
}

static void stack(void)
{
	start(EMUL_REAL);
	m.segs[EMUL_SS].base = 0x20000;
	SP = 0xabcd0000;
	AX = 0x1122;
	OK(RUN(0x50));					/* push ax: SP wraps alone */
	EQ(SP, 0xabcdfffe);
	EQ(peek(0x2fffe, 2), 0x1122);
	OK(RUN(0x5b));
	EQ(SP, 0xabcd0000);
	EQ(BX, 0x1122);
	SP = 0x1000;
	OK(RUN(0x54));					/* push sp: the old value */
	EQ(peek(0x20ffe, 2), 0x1000);
	OK(RUN(0x5c));					/* pop sp */
	EQ(SP, 0x1000);
	AX = 1;
	CX = 2;
	DX = 3;
	BX = 4;
	BPTR = 6;
	SI = 7;
	DI = 8;
	OK(RUN(0x60));					/* pusha */
	EQ(SP, 0xff0);
	EQ(peek(0x20ffe, 2), 1);
	EQ(peek(0x20ff6, 2), 0x1000);
	EQ(peek(0x20ff0, 2), 8);
	poke(0x20ff6, 0xdead, 2);
	AX = CX = DX = BX = SI = DI = 0;
	OK(RUN(0x61));					/* popa, which skips SP */
	EQ(SP, 0x1000);
	EQ(AX, 1);
	EQ(CX, 2);
	EQ(DI, 8);
	SP = 0x1000;
	BPTR = 0x1111;
	OK(RUN(0xc8, 0x10, 0x00, 0x00));		/* enter 16, 0 */
	EQ(BPTR, 0xffe);
	EQ(SP, 0xfee);
	EQ(peek(0x20ffe, 2), 0x1111);
	OK(RUN(0xc9));
	EQ(SP, 0x1000);
	EQ(BPTR, 0x1111);
}

static void segments(void)
{
	start(EMUL_REAL);
	AX = 0x1234;
	OK(RUN(0x8e, 0xd8));				/* mov ds, ax */
	EQ(m.segs[EMUL_DS].base, 0x12340);
	EQ(m.segs[EMUL_DS].limit, 0xffff);
	OK(RUN(0x8e, 0xd0));				/* mov ss, ax */
	EQ(m.ctxt.shadow, EMUL_SHADOW_MOV_SS);
	FAULT(RUN(0x8e, 0xc8), UD, -1);			/* mov cs, ax */
	FAULT(RUN(0x8e, 0xf0), UD, -1);			/* segment register 6 */
	m.segs[EMUL_DS].base = 0;
	BX = DATA;
	poke(DATA, 0x20005678, 4);
	OK(RUN(0xc4, 0x0f));				/* les cx, [bx] */
	EQ(CX, 0x5678);
	EQ(m.segs[EMUL_ES].base, 0x20000);
	EQ(m.segs[EMUL_ES].selector, 0x2000);
	FAULT(RUN(0xc4, 0xc0), UD, -1);			/* register form: no VEX in real mode */
	OK(RUN(0x8c, 0xc2));				/* mov dx, es */
	EQ(DX, 0x2000);
}

static void far_transfers(void)
{
	start(EMUL_REAL);
	OK(RUN(0xea, 0x00, 0x10, 0x00, 0x20));		/* jmp 2000:1000 */
	EQ(m.ctxt.rip, 0x1000);
	EQ(m.segs[EMUL_CS].base, 0x20000);
	EQ(m.segs[EMUL_CS].selector, 0x2000);
	OK(RUN(0x9a, 0x34, 0x12, 0x00, 0x30));		/* call 3000:1234 */
	EQ(m.ctxt.rip, 0x1234);
	EQ(SP, STACK - 4);
	EQ(peek(STACK - 4, 4), 0x20001005);
	OK(RUN(0xca, 0x02, 0x00));			/* retf 2 */
	EQ(m.ctxt.rip, 0x1005);
	EQ(m.segs[EMUL_CS].base, 0x20000);
	EQ(SP, STACK + 2);
	m.segs[EMUL_DS].base = 0;
	BX = DATA;
	poke(DATA, 0x40000042, 4);
	OK(RUN(0xff, 0x2f));				/* jmp far [bx] */
	EQ(m.segs[EMUL_CS].base, 0x40000);
	EQ(m.ctxt.rip, 0x42);
	FAULT(RUN(0x66, 0xea, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00), GP, -1);
	EQ(m.segs[EMUL_CS].base, 0x40000);
	m.ctxt.rip = 0x100;
	OK(RUN(0xe8, 0xfd, 0x00));			/* call 200h */
	EQ(m.ctxt.rip, 0x200);
	EQ(peek(STACK, 2), 0x103);
	OK(RUN(0xc3));
	EQ(m.ctxt.rip, 0x103);
	m.ctxt.rip = 0x20;
	OK(RUN(0xeb, 0x80));				/* jmp -80h: IP wraps */
	EQ(m.ctxt.rip, 0xffa2);
}

static void interrupts(void)
{
	start(EMUL_REAL);
	poke(0x21 * 4, 0x5000abcd, 4);
	m.ctxt.rflags = 0x702;				/* IF, TF and DF */
	OK(RUN(0xcd, 0x21));				/* int 21h */
	EQ(m.ctxt.rip, 0xabcd);
	EQ(m.segs[EMUL_CS].base, 0x50000);
	EQ(m.ctxt.rflags, 0x402);
	EQ(m.ctxt.tf_trap, false);
	EQ(SP, STACK - 6);
	EQ(peek(STACK - 6, 2), CODE + 2);
	EQ(peek(STACK - 4, 2), 0);
	EQ(peek(STACK - 2, 2), 0x702);
	OK(RUN(0xcf));					/* iret */
	EQ(m.ctxt.rip, CODE + 2);
	EQ(m.ctxt.rflags, 0x702);
	EQ(m.ctxt.tf_trap, false);			/* after the next instruction */
	EQ(SP, STACK);
	EQ(m.segs[EMUL_CS].base, 0);
	/* an interrupt from outside returns to the instruction itself */
	poke(8 * 4, 0xf000fea5, 4);
	EQ(emul_real_int(&m.ctxt, 8), EMUL_OK);
	EQ(m.ctxt.rip, 0xfea5);
	EQ(peek(STACK - 6, 2), CODE + 2);
	/* beyond the table */
	start(EMUL_REAL);
	m.idt.limit = 0x83;
	FAULT(RUN(0xcd, 0x21), GP, -1);
	EQ(SP, STACK);
	OK(RUN(0xcd, 0x20));
	start(EMUL_REAL);
	poke(3 * 4, 0x10000020, 4);
	OK(RUN(0xcc));
	EQ(m.ctxt.rip, 0x20);
	start(EMUL_REAL);
	OK(RUN(0xce));					/* into without OF */
	EQ(m.ctxt.rip, CODE + 1);
	m.ctxt.rflags |= 0x800;
	poke(4 * 4, 0x10000030, 4);
	OK(RUN(0xce));
	EQ(m.ctxt.rip, 0x30);
}

static void interrupt_flag(void)
{
	start(EMUL_REAL);
	OK(RUN(0xfb));					/* sti */
	EQ(m.ctxt.rflags, 0x202);
	EQ(m.ctxt.shadow, EMUL_SHADOW_STI);
	OK(RUN(0xfb));					/* again: no shadow */
	EQ(m.ctxt.shadow, 0);
	OK(RUN(0xfa));
	EQ(m.ctxt.rflags, 2);
	SP = STACK;
	poke(STACK, 0x7fd7, 2);
	OK(RUN(0x9d));					/* popf: all is writable */
	EQ(m.ctxt.rflags, 0x7fd7);
	OK(RUN(0x9c));
	EQ(peek(STACK, 2), 0x7fd7);
	EQ(m.ctxt.tf_trap, true);
	OK(RUN(0x66, 0x9c));				/* pushfd */
	EQ(peek(STACK - 4, 4), 0x7fd7);
}

static void decimal(void)
{
	start(EMUL_REAL);
	AX = 0xae;
	m.ctxt.rflags = 2;
	OK(RUN(0x27));					/* daa: ae -> 14, carry */
	EQ(AX, 0x14);
	EQ(m.ctxt.rflags & 0xd5, 0x15);
	AX = 0x35 - 0x47 + 0x100;			/* sub 35h - 47h: ee with CF and AF */
	m.ctxt.rflags = 0x13;
	OK(RUN(0x2f));					/* das: 88, borrow */
	EQ(AX, 0x88);
	EQ(m.ctxt.rflags & 0x11, 0x11);
	AX = 0x010b;
	m.ctxt.rflags = 2;
	OK(RUN(0x37));					/* aaa: 0b -> 0201 */
	EQ(AX, 0x0201);
	EQ(m.ctxt.rflags & 0x11, 0x11);
	AX = 0x02ff;
	m.ctxt.rflags = 0x12;
	OK(RUN(0x3f));					/* aas */
	EQ(AX, 0x0109);
	AX = 0x3f;
	OK(RUN(0xd4, 0x0a));				/* aam: 63 -> 06 03 */
	EQ(AX, 0x0603);
	OK(RUN(0xd5, 0x0a));				/* aad: back */
	EQ(AX, 0x3f);
	FAULT(RUN(0xd4, 0x00), DE, -1);
	m.ctxt.rflags = 3;
	OK(RUN(0xd6));					/* salc */
	EQ(AX, 0xff);
	BX = DATA;
	AX = 0x12;
	poke(DATA + 0x12, 0x99, 1);
	OK(RUN(0xd7));					/* xlat */
	EQ(AX, 0x99);
}

static void bounds(void)
{
	start(EMUL_REAL);
	BX = DATA;
	poke(DATA, 0x0005fffb, 4);			/* -5 .. 5 */
	AX = 0xfffb;
	OK(RUN(0x62, 0x07));
	AX = 5;
	OK(RUN(0x62, 0x07));
	AX = 6;
	FAULT(RUN(0x62, 0x07), BR, -1);
	AX = 0xfffa;
	FAULT(RUN(0x62, 0x07), BR, -1);
	FAULT(RUN(0x62, 0xc0), UD, -1);
}

static void loops(void)
{
	start(EMUL_REAL);
	CX = 0xffff0001;
	OK(RUN(0xe2, 0x10));				/* loop: CX becomes 0 */
	EQ(m.ctxt.rip, CODE + 2);
	EQ(CX, 0xffff0000);
	OK(RUN(0xe3, 0x10));				/* jcxz */
	EQ(m.ctxt.rip, CODE + 0x14);
	OK(RUN(0x67, 0xe3, 0x10));			/* jecxz: not zero */
	EQ(m.ctxt.rip, CODE + 0x17);
	OK(RUN(0xe2, 0xfe));				/* CX wraps to ffff */
	EQ(m.ctxt.rip, CODE + 0x17);
	EQ(CX, 0xffffffff);
}

static void strings(void)
{
	start(EMUL_REAL);
	m.segs[EMUL_DS].base = 0x10000;
	m.segs[EMUL_ES].base = 0x20000;
	poke(0x10010, 0x8877665544332211, 8);
	SI = 0x10;
	DI = 0x20;
	CX = 4;
	OK(RUN(0xf3, 0xa5));				/* rep movsw */
	EQ(peek(0x20020, 8), 0x8877665544332211);
	EQ(SI, 0x18);
	EQ(DI, 0x28);
	EQ(CX, 0);
	EQ(m.ctxt.rip, CODE + 2);
	m.ctxt.rip = CODE;
	m.ctxt.rflags |= 0x400;
	DI = 0;
	CX = 2;
	AX = 0xaa;
	OK(RUN(0xf3, 0xaa));				/* rep stosb downwards, through 0 */
	EQ(peek(0x20000, 1), 0xaa);
	EQ(peek(0x2ffff, 1), 0xaa);
	EQ(DI, 0xfffe);
	m.ctxt.rip = CODE;
	m.segs[EMUL_SS].base = 0x30000;
	poke(0x30011, 0x5a, 1);
	SI = 0x11;
	OK(RUN(0x36, 0xac));				/* ss: lodsb */
	EQ(AX, 0x5a);
}

static void descriptor_tables(void)
{
	start(EMUL_REAL);
	BX = DATA;
	poke(DATA, 0x1234, 2);
	poke(DATA + 2, 0x87654321, 4);
	OK(RUN(0x0f, 0x01, 0x17));			/* lgdt: 24 bits of base */
	EQ(m.gdt.limit, 0x1234);
	EQ(m.gdt.base, 0x654321);
	OK(RUN(0x66, 0x0f, 0x01, 0x1f));		/* lidt with 32 */
	EQ(m.idt.base, 0x87654321);
	OK(RUN(0x0f, 0x01, 0x4f, 0x10));		/* sidt */
	EQ(peek(DATA + 0x10, 2), 0x1234);
	EQ(peek(DATA + 0x12, 4), 0x87654321);
}

static void control_registers(void)
{
	start(EMUL_REAL);
	AX = 0x11;
	OK(RUN(0x0f, 0x22, 0xc0));			/* mov cr0, eax */
	EQ(m.cr[0], 0x11);
	BX = 0xffffffff00000000;
	OK(RUN(0x0f, 0x20, 0xc3));			/* mov ebx, cr0: always 32 bits */
	EQ(BX, 0x11);
	m.cr[0] = 0x10;
	AX = 0xfff1;
	OK(RUN(0x0f, 0x01, 0xf0));			/* lmsw ax */
	EQ(m.cr[0], 0x11);
	AX = 0;
	OK(RUN(0x0f, 0x01, 0xf0));			/* cannot clear PE */
	EQ(m.cr[0], 0x11);
	OK(RUN(0x0f, 0x01, 0xe1));			/* smsw cx */
	EQ(CX & 0xffff, 0x11);
	m.cr[0] = 0x18;
	OK(RUN(0x0f, 0x06));				/* clts */
	EQ(m.cr[0], 0x10);
	FAULT(RUN(0x0f, 0x20, 0xc8), UD, -1);		/* cr1 */
	m.cr[8] = 5;
	OK(RUN(0xf0, 0x0f, 0x20, 0xc0));		/* AMD: lock mov eax, cr0 is cr8 */
	EQ(AX, 5);
	m.ctxt.intel = true;
	FAULT(RUN(0xf0, 0x0f, 0x20, 0xc0), UD, -1);
}

static void not_in_real_mode(void)
{
	start(EMUL_REAL);
	FAULT(RUN(0x0f, 0x00, 0xd8), UD, -1);		/* ltr */
	FAULT(RUN(0x0f, 0x02, 0xc0), UD, -1);		/* lar */
	FAULT(RUN(0x63, 0xc0), UD, -1);			/* arpl */
	FAULT(RUN(0x0f, 0x05), UD, -1);			/* syscall */
	FAULT(RUN(0x0f, 0x34), GP, -1);			/* sysenter */
}

static void lock_prefix(void)
{
	start(EMUL_REAL);
	BX = DATA;
	poke(DATA, 0x41, 2);
	OK(RUN(0xf0, 0xff, 0x07));			/* lock inc word [bx] */
	EQ(peek(DATA, 2), 0x42);
	EQ(m.cmpxchgs, 1);
	FAULT(RUN(0xf0, 0x40), UD, -1);			/* lock inc ax */
	FAULT(RUN(0xf0, 0x8b, 0x07), UD, -1);		/* lock mov */
	FAULT(RUN(0xf0, 0x03, 0x07), UD, -1);		/* destination is a register */
	FAULT(RUN(0xf0, 0x39, 0x07), UD, -1);		/* lock cmp */
	AX = 0x1111;
	OK(RUN(0x87, 0x07));				/* xchg with memory is locked anyway */
	EQ(m.cmpxchgs, 2);
	EQ(AX, 0x42);
	EQ(peek(DATA, 2), 0x1111);
}

static void vm86(void)
{
	start(EMUL_VM86);
	FAULT(RUN(0xfa), GP, 0);			/* cli with IOPL 0 */
	FAULT(RUN(0x9c), GP, 0);
	FAULT(RUN(0x9d), GP, 0);
	FAULT(RUN(0xcd, 0x21), GP, 0);
	FAULT(RUN(0xcf), GP, 0);
	FAULT(RUN(0xf4), GP, 0);
	FAULT(RUN(0x0f, 0x22, 0xc0), GP, 0);
	FAULT(RUN(0x0f, 0x00, 0xd8), UD, -1);
	m.ctxt.rflags |= 0x3000;
	OK(RUN(0xfb));
	EQ(m.ctxt.rflags, 0x23202);
	OK(RUN(0x9c));
	EQ(peek(STACK - 2, 2), 0x3202);
	EQ(RUN(0xcd, 0x21), EMUL_FAULT);
	EQ(m.ctxt.exc.vector, 0x21);
	EQ(m.ctxt.exc.kind, EMUL_EXC_SOFT_INT);
	poke(STACK, 0x4321, 2);
	SP = STACK;
	AX = 0x2345;
	OK(RUN(0x8e, 0xc0));				/* mov es, ax */
	EQ(m.segs[EMUL_ES].base, 0x23450);
	EQ(m.segs[EMUL_ES].attr, 0xf3);
	/* with the virtual interrupt flag */
	start(EMUL_VM86);
	m.cr[4] |= 1;
	OK(RUN(0xfb));
	EQ(m.ctxt.rflags, 0xa0002);
	OK(RUN(0x9c));
	EQ(peek(STACK - 2, 2), 0x3202);
	OK(RUN(0xfa));
	EQ(m.ctxt.rflags, 0x20002);
	OK(RUN(0x9d));
	EQ(m.ctxt.rflags, 0xa0002);
	m.ctxt.rflags |= 0x100000;			/* VIP */
	FAULT(RUN(0xfb), GP, 0);
}

const struct test real_tests[] = {
	{ "real mode: addressing", addressing },
	{ "real mode: 32-bit operands and addresses", wide_forms },
	{ "real mode: limits", limits },
	{ "real mode: stack", stack },
	{ "real mode: segment registers", segments },
	{ "real mode: far transfers", far_transfers },
	{ "real mode: interrupts", interrupts },
	{ "real mode: interrupt flag, popf", interrupt_flag },
	{ "real mode: decimal arithmetic", decimal },
	{ "real mode: bound", bounds },
	{ "real mode: loops", loops },
	{ "real mode: strings", strings },
	{ "real mode: descriptor tables", descriptor_tables },
	{ "real mode: control registers", control_registers },
	{ "real mode: instructions of protected mode", not_in_real_mode },
	{ "real mode: LOCK", lock_prefix },
	{ "virtual-8086 mode", vm86 },
};

const unsigned int nr_real_tests = sizeof(real_tests) / sizeof(real_tests[0]);
