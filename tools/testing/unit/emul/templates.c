// SPDX-License-Identifier: GPL-2.0-only
/* The user-mode instructions that the emulator knows, as templates for random instances. */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>

#include "templates.h"

#define CF	0x1ull
#define PF	0x4ull
#define AF	0x10ull
#define ZF	0x40ull
#define SF	0x80ull
#define OF	0x800ull

#define RSP	(1u << 4)
#define RBP	(1u << 5)
#define RAX	(1u << 0)
#define RCX	(1u << 1)
#define RDX	(1u << 2)

struct template templates[640];
unsigned int nr_templates;

static void put(struct template t)
{
	if (nr_templates == sizeof(templates) / sizeof(templates[0]))
		abort();
	templates[nr_templates++] = t;
}

/* A name with the opcode in it, for rows that are made in a loop. */
static const char *named(const char *base, const char *suffix)
{
	char *s = malloc(48);

	snprintf(s, 48, "%s%s", base, suffix);
	return s;
}

#define T(...)		put((struct template){ __VA_ARGS__ })
/* byte and full-size form of opcodes that differ in bit 0 */
#define T2(n, op, f, ...)								\
	do {										\
		T(.name = n " b", .opcode = (op), .form = (f) | T_BYTE, __VA_ARGS__);	\
		T(.name = n " v", .opcode = (op) + 1, .form = (f) | T_SIZES, __VA_ARGS__);	\
	} while (0)

static void add_alu(void)
{
	static const char *const names[8] = { "add", "or", "adc", "sbb", "and", "sub", "xor",
		"cmp" };
	unsigned int i;

	for (i = 0; i < 8; i++) {
		u64 undef = i == 1 || i == 4 || i == 6 ? AF : 0;
		u32 lock = i < 7 ? T_LOCK : 0;

		T(.name = named(names[i], " Eb,Gb"), .opcode = i * 8,
		  .form = T_MODRM | T_BYTE | lock, .undefined = undef);
		T(.name = named(names[i], " Ev,Gv"), .opcode = i * 8 + 1,
		  .form = T_MODRM | T_SIZES | lock, .undefined = undef);
		T(.name = named(names[i], " Gb,Eb"), .opcode = i * 8 + 2, .form = T_MODRM | T_BYTE,
		  .undefined = undef);
		T(.name = named(names[i], " Gv,Ev"), .opcode = i * 8 + 3, .form = T_MODRM | T_SIZES,
		  .undefined = undef);
		T(.name = named(names[i], " AL,Ib"), .opcode = i * 8 + 4, .form = T_BYTE, .imm = 1,
		  .undefined = undef);
		T(.name = named(names[i], " eAX,Iz"), .opcode = i * 8 + 5, .form = T_SIZES,
		  .imm = I_Z, .undefined = undef);
		T(.name = named(names[i], " Eb,Ib"), .opcode = 0x80, .ext = EXT(i),
		  .form = T_MODRM | T_BYTE | lock, .imm = 1,
		  .undefined = undef);
		T(.name = named(names[i], " Ev,Iz"), .opcode = 0x81, .ext = EXT(i),
		  .form = T_MODRM | T_SIZES | lock, .imm = I_Z,
		  .undefined = undef);
		T(.name = named(names[i], " Ev,Ib"), .opcode = 0x83, .ext = EXT(i),
		  .form = T_MODRM | T_SIZES | lock, .imm = 1,
		  .undefined = undef);
	}
	T2("test E,G", 0x84, T_MODRM, .undefined = AF);
	T2("test eAX,I", 0xa8, 0, .imm = I_Z, .undefined = AF);
	T2("test E,I", 0xf6, T_MODRM, .ext = EXT(0), .imm = I_Z, .undefined = AF);
	T2("test E,I alias", 0xf6, T_MODRM, .ext = EXT(1), .imm = I_Z, .undefined = AF);
	T2("not", 0xf6, T_MODRM | T_LOCK, .ext = EXT(2));
	T2("neg", 0xf6, T_MODRM | T_LOCK, .ext = EXT(3));
	T2("mul", 0xf6, T_MODRM, .ext = EXT(4), .undefined = SF | ZF | AF | PF);
	T2("imul E", 0xf6, T_MODRM, .ext = EXT(5), .undefined = SF | ZF | AF | PF);
	T2("div", 0xf6, T_MODRM, .ext = EXT(6), .special = S_DIV,
	   .undefined = CF | PF | AF | ZF | SF | OF);
	T2("idiv", 0xf6, T_MODRM, .ext = EXT(7), .special = S_DIV,
	   .undefined = CF | PF | AF | ZF | SF | OF);
	T2("inc", 0xfe, T_MODRM | T_LOCK, .ext = EXT(0));
	T2("dec", 0xfe, T_MODRM | T_LOCK, .ext = EXT(1));
	T(.name = "imul G,E", .map = 1, .opcode = 0xaf, .form = T_MODRM | T_SIZES,
	  .undefined = SF | ZF | AF | PF);
	T(.name = "imul G,E,Iz", .opcode = 0x69, .form = T_MODRM | T_SIZES, .imm = I_Z,
	  .undefined = SF | ZF | AF | PF);
	T(.name = "imul G,E,Ib", .opcode = 0x6b, .form = T_MODRM | T_SIZES, .imm = 1,
	  .undefined = SF | ZF | AF | PF);
	T(.name = "adcx", .map = 2, .opcode = 0xf6, .pp = 0x66, .form = T_MODRM | T_W | T_PP,
	  .cpu = CPU_ADX);
	T(.name = "adox", .map = 2, .opcode = 0xf6, .pp = 0xf3, .form = T_MODRM | T_W | T_PP,
	  .cpu = CPU_ADX);
}

static void add_shifts(void)
{
	static const char *const names[8] = { "rol", "ror", "rcl", "rcr", "shl", "shr", "sal",
		"sar" };
	unsigned int i;

	for (i = 0; i < 8; i++) {
		T2("", 0xd0, T_MODRM, .ext = EXT(i), .special = S_SHIFT);
		templates[nr_templates - 2].name = named(names[i], " Eb,1");
		templates[nr_templates - 1].name = named(names[i], " Ev,1");
		T2("", 0xd2, T_MODRM | T_CL, .ext = EXT(i), .special = S_SHIFT);
		templates[nr_templates - 2].name = named(names[i], " Eb,CL");
		templates[nr_templates - 1].name = named(names[i], " Ev,CL");
		T2("", 0xc0, T_MODRM, .ext = EXT(i), .special = S_SHIFT, .imm = 1);
		templates[nr_templates - 2].name = named(names[i], " Eb,Ib");
		templates[nr_templates - 1].name = named(names[i], " Ev,Ib");
	}
	T(.name = "shld Ib", .map = 1, .opcode = 0xa4, .form = T_MODRM | T_SIZES, .imm = 1,
	  .special = S_SHD);
	T(.name = "shld CL", .map = 1, .opcode = 0xa5, .form = T_MODRM | T_SIZES | T_CL,
	  .special = S_SHD);
	T(.name = "shrd Ib", .map = 1, .opcode = 0xac, .form = T_MODRM | T_SIZES, .imm = 1,
	  .special = S_SHD);
	T(.name = "shrd CL", .map = 1, .opcode = 0xad, .form = T_MODRM | T_SIZES | T_CL,
	  .special = S_SHD);
}

static void add_bits(void)
{
	static const char *const names[4] = { "bt", "bts", "btr", "btc" };
	u32 bmi = T_MODRM | T_W | T_VEX | T_VVVV;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		u32 lock = i ? T_LOCK : 0;

		T(.name = named(names[i], " E,G"), .map = 1, .opcode = 0xa3 + 8 * i,
		  .form = T_MODRM | T_SIZES | lock, .special = S_BT,
		  .undefined = OF | SF | AF | PF);
		T(.name = named(names[i], " E,Ib"), .map = 1, .opcode = 0xba, .ext = EXT(4 + i),
		  .form = T_MODRM | T_SIZES | lock,
		  .imm = 1, .undefined = OF | SF | AF | PF);
	}
	T(.name = "bsf", .map = 1, .opcode = 0xbc, .form = T_MODRM | T_SIZES,
	  .undefined = CF | OF | SF | AF | PF);
	T(.name = "bsr", .map = 1, .opcode = 0xbd, .form = T_MODRM | T_SIZES,
	  .undefined = CF | OF | SF | AF | PF);
	T(.name = "tzcnt", .map = 1, .opcode = 0xbc, .pp = 0xf3, .form = T_MODRM | T_SIZES | T_PP,
	  .cpu = CPU_BMI1,
	  .undefined = OF | SF | AF | PF);
	T(.name = "lzcnt", .map = 1, .opcode = 0xbd, .pp = 0xf3, .form = T_MODRM | T_SIZES | T_PP,
	  .cpu = CPU_LZCNT,
	  .undefined = OF | SF | AF | PF);
	T(.name = "popcnt", .map = 1, .opcode = 0xb8, .pp = 0xf3, .form = T_MODRM | T_SIZES | T_PP,
	  .cpu = CPU_POPCNT);
	T(.name = "crc32 b", .map = 2, .opcode = 0xf0, .pp = 0xf2, .form = T_MODRM | T_BYTE | T_PP,
	  .cpu = CPU_SSE42);
	T(.name = "crc32 v", .map = 2, .opcode = 0xf1, .pp = 0xf2, .form = T_MODRM | T_SIZES | T_PP,
	  .cpu = CPU_SSE42);
	T(.name = "andn", .map = 2, .opcode = 0xf2, .form = bmi, .cpu = CPU_BMI1,
	  .undefined = AF | PF);
	T(.name = "blsr", .map = 2, .opcode = 0xf3, .ext = EXT(1), .form = bmi, .cpu = CPU_BMI1,
	  .undefined = AF | PF);
	T(.name = "blsmsk", .map = 2, .opcode = 0xf3, .ext = EXT(2), .form = bmi, .cpu = CPU_BMI1,
	  .undefined = AF | PF);
	T(.name = "blsi", .map = 2, .opcode = 0xf3, .ext = EXT(3), .form = bmi, .cpu = CPU_BMI1,
	  .undefined = AF | PF);
	T(.name = "bextr", .map = 2, .opcode = 0xf7, .form = bmi, .cpu = CPU_BMI1,
	  .undefined = AF | SF | PF);
	T(.name = "bzhi", .map = 2, .opcode = 0xf5, .form = bmi, .cpu = CPU_BMI2,
	  .undefined = AF | PF);
	T(.name = "pext", .map = 2, .opcode = 0xf5, .pp = 0xf3, .form = bmi, .cpu = CPU_BMI2);
	T(.name = "pdep", .map = 2, .opcode = 0xf5, .pp = 0xf2, .form = bmi, .cpu = CPU_BMI2);
	T(.name = "mulx", .map = 2, .opcode = 0xf6, .pp = 0xf2, .form = bmi, .cpu = CPU_BMI2);
	T(.name = "shlx", .map = 2, .opcode = 0xf7, .pp = 0x66, .form = bmi, .cpu = CPU_BMI2);
	T(.name = "sarx", .map = 2, .opcode = 0xf7, .pp = 0xf3, .form = bmi, .cpu = CPU_BMI2);
	T(.name = "shrx", .map = 2, .opcode = 0xf7, .pp = 0xf2, .form = bmi, .cpu = CPU_BMI2);
	T(.name = "rorx", .map = 3, .opcode = 0xf0, .pp = 0xf2, .form = T_MODRM | T_W | T_VEX,
	  .imm = 1, .cpu = CPU_BMI2);
	T(.name = "andn with bad VEX.L", .map = 2, .opcode = 0xf2, .form = bmi | T_L,
	  .cpu = CPU_BMI1, .undefined = AF | PF);
}

static void add_moves(void)
{
	T2("mov E,G", 0x88, T_MODRM);
	T2("mov G,E", 0x8a, T_MODRM);
	T2("mov E,I", 0xc6, T_MODRM, .ext = EXT(0), .imm = I_Z);
	T(.name = "mov r8,Ib", .opcode = 0xb0, .form = T_PLUSR | T_BYTE, .imm = 1);
	T(.name = "mov r,Iv", .opcode = 0xb8, .form = T_PLUSR | T_SIZES, .imm = I_V);
	T(.name = "mov E,Sw", .opcode = 0x8c, .form = T_MODRM | T_SIZES);
	T(.name = "movzx Gv,Eb", .map = 1, .opcode = 0xb6, .form = T_MODRM | T_SIZES);
	T(.name = "movzx Gv,Ew", .map = 1, .opcode = 0xb7, .form = T_MODRM | T_SIZES);
	T(.name = "movsx Gv,Eb", .map = 1, .opcode = 0xbe, .form = T_MODRM | T_SIZES);
	T(.name = "movsx Gv,Ew", .map = 1, .opcode = 0xbf, .form = T_MODRM | T_SIZES);
	T(.name = "movsxd", .opcode = 0x63, .form = T_MODRM | T_SIZES | T_ONLY64);
	T(.name = "lea", .opcode = 0x8d, .form = T_MODRM | T_SIZES);
	T2("xchg E,G", 0x86, T_MODRM | T_LOCK);
	T(.name = "xchg r,rAX", .opcode = 0x90, .form = T_PLUSR | T_SIZES);
	T2("xadd", 0xc0, T_MODRM | T_LOCK, .map = 1);
	T2("cmpxchg", 0xb0, T_MODRM | T_LOCK, .map = 1, .special = S_CMPXCHG, .reserved = RAX);
	T(.name = "cmpxchg8b/16b", .map = 1, .opcode = 0xc7, .ext = EXT(1),
	  .form = T_MODRM | T_W | T_LOCK | T_MEM,
	  .special = S_CMPXCHG8B, .reserved = RAX | RDX, .cpu = CPU_CX16);
	T(.name = "bswap", .map = 1, .opcode = 0xc8, .form = T_PLUSR | T_W);
	T(.name = "movbe load", .map = 2, .opcode = 0xf0, .form = T_MODRM | T_SIZES | T_MEM,
	  .cpu = CPU_MOVBE);
	T(.name = "movbe store", .map = 2, .opcode = 0xf1, .form = T_MODRM | T_SIZES | T_MEM,
	  .cpu = CPU_MOVBE);
	T(.name = "movnti", .map = 1, .opcode = 0xc3, .form = T_MODRM | T_W | T_MEM);
	T(.name = "cbw/cwde/cdqe", .opcode = 0x98, .form = T_SIZES);
	T(.name = "cwd/cdq/cqo", .opcode = 0x99, .form = T_SIZES);
	T(.name = "lahf", .opcode = 0x9f, .cpu = CPU_LAHF);
	T(.name = "sahf", .opcode = 0x9e, .cpu = CPU_LAHF);
	T(.name = "cmc", .opcode = 0xf5);
	T(.name = "clc", .opcode = 0xf8);
	T(.name = "stc", .opcode = 0xf9);
	T(.name = "cld", .opcode = 0xfc);
	T(.name = "std", .opcode = 0xfd);
	T(.name = "xlat", .opcode = 0xd7, .special = S_XLAT);
	T(.name = "nop E", .map = 1, .opcode = 0x1f, .form = T_MODRM | T_SIZES, .ext = EXT(0));
	T(.name = "prefetch", .map = 1, .opcode = 0x18, .form = T_MODRM | T_MEM, .ext = EXT(1));
	T(.name = "prefetchw", .map = 1, .opcode = 0x0d, .form = T_MODRM | T_MEM, .ext = EXT(1));
	T(.name = "pause", .opcode = 0x90, .pp = 0xf3, .form = T_PP);
	T(.name = "endbr64", .map = 1, .opcode = 0x1e, .pp = 0xf3, .ext = EXT(7),
	  .form = T_PP | T_MODRM | T_REG);
	T(.name = "lfence", .map = 1, .opcode = 0xae, .ext = EXT(5), .form = T_MODRM | T_REG);
	T(.name = "mfence", .map = 1, .opcode = 0xae, .ext = EXT(6), .form = T_MODRM | T_REG);
	T(.name = "sfence", .map = 1, .opcode = 0xae, .ext = EXT(7), .form = T_MODRM | T_REG);
	T(.name = "clflush", .map = 1, .opcode = 0xae, .ext = EXT(7), .form = T_MODRM | T_MEM);
	T(.name = "xgetbv", .map = 1, .opcode = 0x01, .ext = EXT(2), .form = T_MODRM | T_REG,
	  .special = S_XGETBV, .cpu = CPU_OSXSAVE);
	T(.name = "rdfsbase/rdgsbase", .map = 1, .opcode = 0xae, .pp = 0xf3, .ext = EXT(0),
	  .form = T_MODRM | T_REG | T_W | T_PP | T_ONLY64,
	  .cpu = CPU_FSGSBASE);
	T(.name = "ud2", .map = 1, .opcode = 0x0b);
	T(.name = "ud1", .map = 1, .opcode = 0xb9, .form = T_MODRM);
}

static void add_conditions(void)
{
	unsigned int cc;
	char suffix[8];

	for (cc = 0; cc < 16; cc++) {
		snprintf(suffix, sizeof(suffix), " %x", cc);
		T(.name = named("cmov", suffix), .map = 1, .opcode = 0x40 + cc,
		  .form = T_MODRM | T_SIZES);
		T(.name = named("set", suffix), .map = 1, .opcode = 0x90 + cc,
		  .form = T_MODRM | T_BYTE);
		T(.name = named("j short", suffix), .opcode = 0x70 + cc, .form = T_FIXED8, .imm = 1,
		  .special = S_BRANCH);
		T(.name = named("j near", suffix), .map = 1, .opcode = 0x80 + cc, .form = T_FIXED8,
		  .imm = 4, .special = S_BRANCH);
	}
}

static void add_control(void)
{
	T(.name = "jmp short", .opcode = 0xeb, .form = T_FIXED8, .imm = 1, .special = S_BRANCH);
	T(.name = "jmp near", .opcode = 0xe9, .form = T_FIXED8, .imm = 4, .special = S_BRANCH);
	T(.name = "loopne", .opcode = 0xe0, .form = T_FIXED8, .imm = 1, .special = S_LOOP);
	T(.name = "loope", .opcode = 0xe1, .form = T_FIXED8, .imm = 1, .special = S_LOOP);
	T(.name = "loop", .opcode = 0xe2, .form = T_FIXED8, .imm = 1, .special = S_LOOP);
	T(.name = "jrcxz", .opcode = 0xe3, .form = T_FIXED8, .imm = 1, .special = S_LOOP);
	T(.name = "call near", .opcode = 0xe8, .form = T_FIXED8, .imm = 4, .special = S_CALL,
	  .reserved = RSP);
	T(.name = "call E", .opcode = 0xff, .ext = EXT(2), .form = T_MODRM | T_FIXED8,
	  .special = S_CALL, .reserved = RSP);
	T(.name = "jmp E", .opcode = 0xff, .ext = EXT(4), .form = T_MODRM | T_FIXED8,
	  .special = S_CALL, .reserved = RSP);
	T(.name = "ret", .opcode = 0xc3, .form = T_FIXED8, .special = S_RET);
	T(.name = "ret Iw", .opcode = 0xc2, .form = T_FIXED8, .imm = 2, .special = S_RET);
	T(.name = "push r", .opcode = 0x50, .form = T_PLUSR | T_D64, .special = S_STACK);
	T(.name = "pop r", .opcode = 0x58, .form = T_PLUSR | T_D64, .special = S_STACK);
	T(.name = "push E", .opcode = 0xff, .ext = EXT(6), .form = T_MODRM | T_D64,
	  .special = S_STACK, .reserved = RSP);
	T(.name = "pop E", .opcode = 0x8f, .ext = EXT(0), .form = T_MODRM | T_D64,
	  .special = S_STACK, .reserved = RSP);
	T(.name = "push Iz", .opcode = 0x68, .form = T_D64, .imm = I_Z, .special = S_STACK);
	T(.name = "push Ib", .opcode = 0x6a, .form = T_D64, .imm = 1, .special = S_STACK);
	T(.name = "push fs", .map = 1, .opcode = 0xa0, .form = T_D64, .special = S_STACK);
	T(.name = "push gs", .map = 1, .opcode = 0xa8, .form = T_D64, .special = S_STACK);
	T(.name = "pushf", .opcode = 0x9c, .form = T_D64, .special = S_STACK);
	T(.name = "popf", .opcode = 0x9d, .form = T_D64, .special = S_POPF);
	T(.name = "enter", .opcode = 0xc8, .form = T_FIXED8, .imm = I_8_16, .special = S_ENTER);
	T(.name = "leave", .opcode = 0xc9, .form = T_D64, .special = S_LEAVE);
}

static void add_strings(void)
{
	static const struct {
		const char *name;
		u8 opcode;
	} rows[] = { { "movs", 0xa4 }, { "cmps", 0xa6 }, { "stos", 0xaa }, { "lods", 0xac },
		{ "scas", 0xae } };
	unsigned int i, rep;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (rep = 0; rep < 2; rep++) {
			u32 form = rep ? T_REP : 0;

			T(.name = named(rows[i].name, rep ? " b rep" : " b"),
			  .opcode = rows[i].opcode, .form = form | T_BYTE,
			  .special = S_STRING);
			T(.name = named(rows[i].name, rep ? " v rep" : " v"),
			  .opcode = rows[i].opcode + 1, .form = form | T_SIZES,
			  .special = S_STRING);
		}
	}
}

/* What user mode must not do, and what does not exist in 64-bit mode. */
static void add_faults(void)
{
	static const u8 removed[] = { 0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37,
		0x3f, 0x60, 0x61, 0xce, 0xd6 };
	static const u8 privileged[] = { 0xf4, 0xfa, 0xfb, 0xec, 0xed, 0xee, 0xef, 0x6c, 0x6d, 0x6e,
		0x6f };
	static const u8 system[] = { 0x06, 0x08, 0x09, 0x30, 0x32 };
	unsigned int i;
	char suffix[8];

	for (i = 0; i < sizeof(removed); i++) {
		snprintf(suffix, sizeof(suffix), " %02x", removed[i]);
		T(.name = named("removed", suffix), .opcode = removed[i], .form = T_ONLY64);
	}
	for (i = 0; i < sizeof(privileged); i++) {
		snprintf(suffix, sizeof(suffix), " %02x", privileged[i]);
		T(.name = named("privileged", suffix), .opcode = privileged[i]);
	}
	for (i = 0; i < sizeof(system); i++) {
		snprintf(suffix, sizeof(suffix), " %02x", system[i]);
		T(.name = named("privileged 0f", suffix), .map = 1, .opcode = system[i]);
	}
	T(.name = "in Ib", .opcode = 0xe5, .imm = 1);
	T(.name = "out Ib", .opcode = 0xe7, .imm = 1);
	T(.name = "mov r,cr", .map = 1, .opcode = 0x20, .form = T_MODRM | T_REG);
	T(.name = "mov cr,r", .map = 1, .opcode = 0x22, .form = T_MODRM | T_REG);
	T(.name = "mov r,dr", .map = 1, .opcode = 0x21, .form = T_MODRM | T_REG);
	T(.name = "mov dr,r", .map = 1, .opcode = 0x23, .form = T_MODRM | T_REG);
	T(.name = "xsetbv", .map = 1, .opcode = 0x01, .ext = EXT(2),
	  .form = T_MODRM | T_REG, .special = S_XSETBV, .cpu = CPU_OSXSAVE);
	T(.name = "swapgs", .map = 1, .opcode = 0x01, .ext = EXT(7), .form = T_MODRM | T_REG,
	  .special = S_XGETBV);
	T(.name = "invlpg", .map = 1, .opcode = 0x01, .ext = EXT(7), .form = T_MODRM | T_MEM);
	T(.name = "lgdt", .map = 1, .opcode = 0x01, .ext = EXT(2), .form = T_MODRM | T_MEM);
	T(.name = "lmsw", .map = 1, .opcode = 0x01, .ext = EXT(6), .form = T_MODRM);
	T(.name = "lldt", .map = 1, .opcode = 0x00, .ext = EXT(2), .form = T_MODRM);
	T(.name = "ltr", .map = 1, .opcode = 0x00, .ext = EXT(3), .form = T_MODRM);
}

/* What 64-bit mode has lost: compared in a 32-bit code segment. */
static void add_legacy(void)
{
	static const struct {
		const char *name;
		u8 opcode, imm;
		u64 undefined;
	} rows[] = {
		{ "daa", 0x27, 0, OF }, { "das", 0x2f, 0, OF },
		{ "aaa", 0x37, 0, OF | SF | ZF | PF },
		{ "aas", 0x3f, 0, OF | SF | ZF | PF }, { "aam", 0xd4, 1, OF | AF | CF },
		{ "aad", 0xd5, 1, OF | AF | CF },
		{ "salc", 0xd6, 0, 0 },
	};
	static const u8 pushes[] = { 0x06, 0x0e, 0x16, 0x1e };
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		T(.name = rows[i].name, .opcode = rows[i].opcode, .imm = rows[i].imm,
		  .undefined = rows[i].undefined, .form = T_ONLY32);
	for (i = 0; i < sizeof(pushes); i++)
		T(.name = "push sreg", .opcode = pushes[i], .form = T_ONLY32 | T_D64,
		  .special = S_STACK);
	T(.name = "inc r", .opcode = 0x40, .form = T_ONLY32 | T_PLUSR | T_SIZES);
	T(.name = "dec r", .opcode = 0x48, .form = T_ONLY32 | T_PLUSR | T_SIZES);
	T(.name = "pusha", .opcode = 0x60, .form = T_ONLY32 | T_D64, .special = S_STACK);
	T(.name = "popa", .opcode = 0x61, .form = T_ONLY32 | T_D64, .special = S_STACK);
	T(.name = "into", .opcode = 0xce, .form = T_ONLY32);
	T(.name = "bound", .opcode = 0x62, .form = T_ONLY32 | T_MODRM | T_SIZES | T_MEM);
	T(.name = "arpl", .opcode = 0x63, .form = T_ONLY32 | T_MODRM);
	T(.name = "add Eb,Ib alias", .opcode = 0x82, .ext = EXT(0),
	  .form = T_ONLY32 | T_MODRM | T_BYTE | T_LOCK, .imm = 1);
	T(.name = "lea with 16-bit address", .opcode = 0x8d,
	  .form = T_ONLY32 | T_MODRM | T_SIZES | T_ADDR16);
	T(.name = "jmp far", .opcode = 0xea, .form = T_ONLY32, .imm = 6, .special = S_FAR);
	T(.name = "call far", .opcode = 0x9a, .form = T_ONLY32, .imm = 6, .special = S_FAR);
}

/* These need the processor's real descriptors, of which the emulator has copies. */
static void add_far(void)
{
	T(.name = "jmp far m", .opcode = 0xff, .ext = EXT(5), .form = T_MODRM | T_MEM,
	  .special = S_FAR, .reserved = RSP);
	T(.name = "call far m", .opcode = 0xff, .ext = EXT(3), .form = T_MODRM | T_MEM,
	  .special = S_FAR, .reserved = RSP);
	T(.name = "retf", .opcode = 0xcb, .form = T_W, .special = S_RETF);
	T(.name = "retf Iw", .opcode = 0xca, .form = T_W, .imm = 2, .special = S_RETF);
	T(.name = "iret", .opcode = 0xcf, .form = T_W, .special = S_IRET);
	T(.name = "lss", .map = 1, .opcode = 0xb2, .form = T_MODRM | T_MEM, .special = S_LSS);
	T(.name = "lar", .map = 1, .opcode = 0x02, .form = T_MODRM | T_SIZES,
	  .special = S_SELECTOR);
	T(.name = "lsl", .map = 1, .opcode = 0x03, .form = T_MODRM | T_SIZES,
	  .special = S_SELECTOR);
	T(.name = "verr", .map = 1, .opcode = 0x00, .ext = EXT(4), .form = T_MODRM,
	  .special = S_SELECTOR);
	/* VERW also clears buffers by microcode, which on some processors does not look at LOCK. */
	T(.name = "verw", .map = 1, .opcode = 0x00, .ext = EXT(5), .form = T_MODRM | T_NO_F0,
	  .special = S_SELECTOR);
}

static void vec(const char *name, u8 map, u8 opcode, u8 pp, u32 form, enum special special)
{
	u32 sse = form & ~(u32)(T_L | T_VVVV);

	put((struct template){ .name = name, .map = map, .opcode = opcode, .pp = pp,
		.special = special,
			       .form = sse | T_MODRM | (pp ? T_PP : 0), .cpu = CPU_AVX });
	put((struct template){ .name = named("v", name), .map = map, .opcode = opcode, .pp = pp,
		.special = special,
			       .form = form | T_MODRM | T_VEX, .cpu = CPU_AVX });
}

static void add_vectors(void)
{
	vec("movups load", 1, 0x10, 0, T_L, S_NONE);
	vec("movups store", 1, 0x11, 0, T_L, S_NONE);
	vec("movupd load", 1, 0x10, 0x66, T_L, S_NONE);
	vec("movupd store", 1, 0x11, 0x66, T_L, S_NONE);
	vec("movss load", 1, 0x10, 0xf3, T_MEM, S_NONE);
	vec("movss store", 1, 0x11, 0xf3, T_MEM, S_NONE);
	vec("movss reg", 1, 0x10, 0xf3, T_REG | T_VVVV, S_NONE);
	vec("movss reg store", 1, 0x11, 0xf3, T_REG | T_VVVV, S_NONE);
	vec("movss bad vvvv", 1, 0x10, 0xf3, T_MEM | T_VVVV, S_NONE);
	vec("movsd load", 1, 0x10, 0xf2, T_MEM, S_NONE);
	vec("movsd store", 1, 0x11, 0xf2, T_MEM, S_NONE);
	vec("movsd reg", 1, 0x10, 0xf2, T_REG | T_VVVV, S_NONE);
	vec("movlps load", 1, 0x12, 0, T_VVVV, S_NONE);
	vec("movlps store", 1, 0x13, 0, T_MEM, S_NONE);
	vec("movlpd load", 1, 0x12, 0x66, T_VVVV | T_MEM, S_NONE);
	vec("movhps load", 1, 0x16, 0, T_VVVV, S_NONE);
	vec("movhps store", 1, 0x17, 0, T_MEM, S_NONE);
	vec("movhpd load", 1, 0x16, 0x66, T_VVVV | T_MEM, S_NONE);
	vec("movaps load", 1, 0x28, 0, T_L, S_ALIGNED);
	vec("movaps store", 1, 0x29, 0, T_L, S_ALIGNED);
	vec("movapd load", 1, 0x28, 0x66, T_L, S_ALIGNED);
	vec("movntps", 1, 0x2b, 0, T_L | T_MEM, S_ALIGNED);
	vec("movd/movq load", 1, 0x6e, 0x66, T_W, S_NONE);
	vec("movd/movq store", 1, 0x7e, 0x66, T_W, S_NONE);
	vec("movdqa load", 1, 0x6f, 0x66, T_L, S_ALIGNED);
	vec("movdqa store", 1, 0x7f, 0x66, T_L, S_ALIGNED);
	vec("movdqu load", 1, 0x6f, 0xf3, T_L, S_NONE);
	vec("movdqu store", 1, 0x7f, 0xf3, T_L, S_NONE);
	vec("movq load", 1, 0x7e, 0xf3, 0, S_NONE);
	vec("movq store", 1, 0xd6, 0x66, 0, S_NONE);
	vec("movntdq", 1, 0xe7, 0x66, T_L | T_MEM, S_ALIGNED);
	vec("lddqu", 1, 0xf0, 0xf2, T_L | T_MEM, S_NONE);
	vec("movntdqa", 2, 0x2a, 0x66, T_L | T_MEM, S_ALIGNED);
	vec("movups bad vvvv", 1, 0x10, 0, T_L | T_VVVV, S_NONE);
}

void build_templates(void)
{
	add_alu();
	add_shifts();
	add_bits();
	add_moves();
	add_conditions();
	add_control();
	add_strings();
	add_faults();
	add_vectors();
	add_far();
	add_legacy();
}

bool cpu_has(enum cpu_feature feature)
{
	unsigned int a, b, c, d, b7, d7, c81, x;

	__cpuid(1, a, b, c, d);
	__cpuid_count(7, 0, x, b7, x, d7);
	__cpuid(0x80000001, x, x, c81, x);
	(void)d7;
	switch (feature) {
	case CPU_AVX:
		return (c >> 28) & (c >> 27) & 1;
	case CPU_BMI1:
		return (b7 >> 3) & 1;
	case CPU_BMI2:
		return (b7 >> 8) & 1;
	case CPU_LZCNT:
		return (c81 >> 5) & 1;
	case CPU_MOVBE:
		return (c >> 22) & 1;
	case CPU_SSE42:
		return (c >> 20) & 1;
	case CPU_SSE41:
		return (c >> 19) & 1;
	case CPU_POPCNT:
		return (c >> 23) & 1;
	case CPU_ADX:
		return (b7 >> 19) & 1;
	case CPU_OSXSAVE:
		return (c >> 27) & 1;
	case CPU_FSGSBASE:
		return b7 & 1;
	case CPU_CX16:
		return (c >> 13) & 1;
	case CPU_LAHF:
		return c81 & 1;
	default:
		return true;
	}
}

bool cpu_is_intel(void)
{
	unsigned int a, b, c, d;

	__cpuid(0, a, b, c, d);
	return b == signature_INTEL_ebx;
}
