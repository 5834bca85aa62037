// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page of generated code that loads all registers, runs one instruction and stores all registers.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "native.h"

#define STATE		((struct native_state *)STATE_ADDR)

static u8 *emit;
static u64 epilogue_next, epilogue_target;

static void put(unsigned int n, ...)
{
	__builtin_va_list ap;

	__builtin_va_start(ap, n);
	while (n--)
		*emit++ = __builtin_va_arg(ap, int);
	__builtin_va_end(ap);
}

static void put32(u32 val)
{
	memcpy(emit, &val, 4);
	emit += 4;
}

static void put_jmp(u64 target)
{
	put(1, 0xe9);
	put32(target - ((u64)emit + 4));
}

/* modrm and SIB for an absolute address */
static void put_abs(unsigned int reg, const void *addr)
{
	put(2, 0x04 | (reg & 7) << 3, 0x25);
	put32((u64)addr);
}

static void put_gprs(u8 opcode)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		put(2, 0x48 | (i & 8 ? 4 : 0), opcode);
		put_abs(i, &STATE->gpr[i]);
	}
}

/* vmovdqu ymm, m and back */
static void put_vecs(u8 opcode)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		put(3, 0xc5, i & 8 ? 0x7e : 0xfe, opcode);
		put_abs(i, STATE->vec[i]);
	}
}

static u64 put_epilogue(enum native_end end, bool avx)
{
	u64 start = (u64)emit;

	/* nothing before pushf touches the flags */
	put(2, 0x48, 0xc7);
	put_abs(0, &STATE->end);
	put32(end);
	put_gprs(0x89);
	put(2, 0x48, 0x8b);
	put_abs(4, &STATE->host_rsp);
	put(1, 0x9c);				/* pushf */
	put(1, 0x8f);				/* pop m */
	put_abs(0, &STATE->flags);
	put(1, 0xfc);				/* cld */
	if (avx)
		put_vecs(0x7f);
	put(10, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b);
	put(1, 0xc3);
	return start;
}

static void put_prologue(u64 at, bool avx, bool compat)
{
	emit = (u8 *)at;
	put(10, 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57);
	put(2, 0x48, 0x89);
	put_abs(4, &STATE->host_rsp);
	if (avx)
		put_vecs(0x6f);
	put(1, 0xff);				/* push m */
	put_abs(6, &STATE->flags);
	put(1, 0x9d);				/* popf */
	put_gprs(0x8b);
	if (compat) {
		put(1, 0xff);			/* jmp far m16:32 */
		put_abs(5, &STATE->far_offset);
	} else {
		put_jmp(INSN_ADDR);
	}
	if ((u64)emit > at + 0x400)
		abort();
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)info;
	/* a failure of the test program itself must not loop */
	if ((u64)uc->uc_mcontext.gregs[REG_RIP] < INSN_ADDR ||
	    (u64)uc->uc_mcontext.gregs[REG_RIP] >= CODE_ADDR + CODE_SIZE) {
		static const char msg[] = "Bail out! signal outside the generated code\n";

		fwrite(msg, sizeof(msg) - 1, 1, stdout);
		fflush(stdout);
		_Exit(1);
	}
	STATE->signal = sig;
	STATE->vector = uc->uc_mcontext.gregs[REG_TRAPNO];
	uc->uc_mcontext.gregs[REG_RIP] = epilogue_next;
	uc->uc_mcontext.gregs[REG_CSGSFS] = (uc->uc_mcontext.gregs[REG_CSGSFS] & ~0xffffll) |
		USER64_CS;
}

static void *map_fixed(u64 addr, u64 size, int prot)
{
	void *p = mmap((void *)addr, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		       -1, 0);

	if (p != (void *)addr) {
		printf("Bail out! cannot map %#llx\n", addr);
		exit(1);
	}
	return p;
}

struct native_state *native_init(bool avx)
{
	static const int sigs[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGTRAP };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t ss = { .ss_size = 1 << 16 };
	unsigned int i;

	map_fixed(STATE_ADDR, 0x1000, PROT_READ | PROT_WRITE);
	map_fixed(CODE_ADDR, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
	map_fixed(SCRATCH_ADDR, SCRATCH_SIZE, PROT_READ | PROT_WRITE);
	ss.ss_sp = malloc(ss.ss_size);
	sigaltstack(&ss, NULL);
	for (i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		sigaction(sigs[i], &sa, NULL);

	/* 32-bit code needs data segments, which 64-bit processes do not have */
	asm volatile("mov %0, %%ds; mov %0, %%es" : : "r"(USER_DS));
	STATE->far_offset = INSN_ADDR;
	STATE->far_selector = USER32_CS;
	put_prologue(CODE_ADDR, avx, false);
	put_prologue(COMPAT_ADDR, avx, true);
	emit = (u8 *)INSN_ADDR + 0x40;
	epilogue_next = put_epilogue(END_NEXT, avx);
	epilogue_target = put_epilogue(END_TARGET, avx);
	if ((u64)emit > CODE_ADDR + CODE_SIZE)
		abort();
	return STATE;
}
struct native_insn native_layout(unsigned int len, bool compat)
{
	return (struct native_insn){ .next = INSN_ADDR + len,
		.target = INSN_ADDR + len + (compat ? 7 : 5) };
}

/* The way out of the instruction; a far one from 32-bit code. */
static void put_exit(u64 to, bool compat)
{
	if (!compat) {
		put_jmp(to);
		return;
	}
	put(1, 0xea);
	put32(to);
	put(2, USER64_CS, 0);
}

void native_run(const u8 *insn, unsigned int len, bool compat)
{
	emit = (u8 *)INSN_ADDR;
	memcpy(emit, insn, len);
	emit += len;
	put_exit(epilogue_next, compat);
	put_exit(epilogue_target, compat);
	STATE->signal = 0;
	STATE->end = END_NONE;
	((void (*)(void))(compat ? COMPAT_ADDR : CODE_ADDR))();
}
