/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest that consists of plain arrays: what the emulator's tests run it on. */
#ifndef EMUL_TEST_MACHINE_H
#define EMUL_TEST_MACHINE_H

#include "../../../../arch/x86/kvm/emul/emul.h"

#define MAX_WINDOWS	6
#define MAX_LOG		64
#define MAX_TRACE	256

/* A range of linear addresses that exists; all others give a page fault. */
struct window {
	u64 base;
	u64 size;
	u8 *mem;
	bool mmio;		/* reads need user space, writes are posted */
	bool read_only;
};

enum io_kind { IO_READ, IO_WRITE, IO_PIN, IO_POUT };

/* One transaction with the outside world. */
struct io {
	enum io_kind kind;
	u64 addr;
	unsigned int len;
	unsigned int count;
	u8 data[EMUL_MAX_PIO];
};

enum call_kind {
	CALL_FETCH, CALL_READ, CALL_WRITE, CALL_CMPXCHG, CALL_PROBE, CALL_PIO, CALL_OTHER,
};

struct machine {
	struct emul_ctxt ctxt;
	unsigned long regs[EMUL_NR_REGS];
	u8 vec[16][32];
	struct window windows[MAX_WINDOWS];
	unsigned int nr_windows;
	struct emul_seg segs[EMUL_NR_SREGS];
	struct emul_dtr gdt, idt;
	u64 cr[9];
	u64 dr[8];
	u64 xcr0;
	u64 efer, star, lstar, cstar, sfmask, kernel_gs, sysenter_cs, sysenter_esp, sysenter_eip,
	tsc_aux;
	u64 msr;		/* what RDMSR reads and WRMSR writes, whatever the index */
	u32 msr_index;
	u64 tsc;
	unsigned int hlts, invlpgs, hypercalls, wbinvds, cmpxchgs;
	u64 invlpg_addr;

	/* answers of user space to this instruction's reads so far */
	struct io log[MAX_LOG];
	unsigned int nr_log, log_pos;
	struct io pending;	/* the read that returned EMUL_IO */
	struct io trace[MAX_TRACE];
	unsigned int nr_trace;
	bool immediate;		/* reads are answered at once */
	u64 device;		/* state of the generator that answers for the devices */

	/*
	 * called before each callback does its work; anything but EMUL_OK becomes the result. May
	 * be NULL.
	 */
	int (*hook)(struct machine *m, enum call_kind kind, u64 addr, unsigned int len,
		    unsigned int flags);
};

extern const struct emul_ops machine_ops;

struct machine *to_machine(struct emul_ctxt *ctxt);
void machine_init(struct machine *m, enum emul_mode mode);
struct window *machine_window(struct machine *m, u64 base, u64 size, u8 *mem);
u8 *machine_ptr(struct machine *m, u64 linear, unsigned int len);
/* Answer the pending read, as user space would. */
void machine_answer(struct machine *m);
/* Decode and execute one instruction, answering for user space as often as it is asked. */
int machine_step(struct machine *m);

u64 next_random(u64 *state);

#endif
