/* SPDX-License-Identifier: GPL-2.0-only */
/* What the table tests share: a guest with 1 MiB of memory, checks, TAP. */
#ifndef EMUL_TEST_TESTING_H
#define EMUL_TEST_TESTING_H

#include <stdio.h>

#include "machine.h"

#define MEM_SIZE	0x110000u
#define CODE		0x7000u		/* where the instruction under test lies */
#define STACK		0x9000u
#define DATA		0x5000u
#define GDT		0x2000u
#define IDT		0x3000u
#define LDT		0x2800u
#define MMIO		0xd0000u	/* one page of device memory */

extern struct machine m;
extern u8 mem[MEM_SIZE];

struct test {
	const char *name;
	void (*run)(void);
};

extern const struct test real_tests[], prot_tests[], long_tests[], io_tests[];
extern const unsigned int nr_real_tests, nr_prot_tests, nr_long_tests, nr_io_tests;

/* A machine in this mode with memory all zero, code at CODE, stack at STACK. */
void start(enum emul_mode mode);
/* Put the bytes at the instruction pointer and run one instruction. */
int run(const u8 *bytes, unsigned int len);
void poke(u64 addr, u64 val, unsigned int bytes);
u64 peek(u64 addr, unsigned int bytes);
/* A segment descriptor in the GDT: the word form of the selector's low bits does not matter. */
void set_desc(u16 sel, u32 base, u32 limit, unsigned int attr);
void check(bool ok, const char *what, int line);
void check_eq(u64 got, u64 want, const char *what, int line);
void check_fault(int rc, unsigned int vector, int error, int line);

#define RUN(...)	run((const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))
#define CHECK(cond)	check(cond, #cond, __LINE__)
#define EQ(got, want)	check_eq(got, want, #got, __LINE__)
#define OK(rc)		check_eq(rc, EMUL_OK, #rc, __LINE__)
/* @error is the error code, or -1 when there must be none */
#define FAULT(rc, vector, error)	check_fault(rc, vector, error, __LINE__)

#define DE 0
#define DB 1
#define BP 3
#define OF 4
#define BR 5
#define UD 6
#define NM 7
#define TS 10
#define NP 11
#define SS 12
#define GP 13
#define PF 14

#define AX m.regs[EMUL_RAX]
#define BX m.regs[EMUL_RBX]
#define CX m.regs[EMUL_RCX]
#define DX m.regs[EMUL_RDX]
#define SP m.regs[EMUL_RSP]
#define BPTR m.regs[EMUL_RBP]
#define SI m.regs[EMUL_RSI]
#define DI m.regs[EMUL_RDI]

#endif
