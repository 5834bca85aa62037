// SPDX-License-Identifier: GPL-2.0-only
/* Exits that every x86 backend has. */
#include <keel/fault.h>
#include "irqchip.h"
#include "trace.h"
#include "x86.h"

/* --- halting ----------------------------------------------------------------------------- */

int x86_halt(struct x86_vcpu *v)
{
	v->core.stat.halt_exits++;
	if (!v->lapic) {
		/* Only user space knows when the next interrupt comes. */
		v->core.run->exit_reason = KVM_EXIT_HLT;
		return 0;
	}
	v->core.mp_state = KVM_MP_STATE_HALTED;
	return 1;
}

int x86_exit_hlt(struct x86_vcpu *v)
{
	int step = x86_skip(v);

	return x86_halt(v) && step;
}

/* MWAIT may return at once for any reason (SDM 8.10.4): without the exits disabled it does so always. */
int x86_exit_mwait(struct x86_vcpu *v)
{
	if (!x86_quirk(x86_vm_of(v), KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS) &&
	    !x86_guest_has(v, X86_FEATURE_MWAIT))
		return x86_ud(v);
	return x86_skip(v);
}

int x86_exit_pause(struct x86_vcpu *v)
{
	v->stat.pause_exits++;
	keel_yield_on_spin(&v->core, x86_be(get_cpl)(v) == 0);
	return x86_skip(v);
}

int x86_exit_shutdown(struct x86_vcpu *v)
{
	v->core.run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

/* --- instructions ---------------------------------------------------------------------------- */

/* Nothing assigned to the guest can make its caches and memory differ. */
int x86_exit_invd(struct x86_vcpu *v)
{
	return x86_skip(v);
}

int x86_exit_rdpmc(struct x86_vcpu *v)
{
	return x86_gp(v);
}

/* CPL and CR4.OSXSAVE were checked by the CPU before the intercept. */
int x86_exit_xsetbv(struct x86_vcpu *v)
{
	if (x86_set_xcr0(v, (u32)v->regs[X86_RCX], x86_edx_eax(v)))
		return x86_gp(v);
	return x86_skip(v);
}

/* --- ports and memory-mapped I/O ------------------------------------------------------------------ */

static int finish_in(struct x86_vcpu *v, int size, u16 port, u32 val)
{
	switch (size) {
	case 1:
		*(u8 *)&v->regs[X86_RAX] = val;
		break;
	case 2:
		*(u16 *)&v->regs[X86_RAX] = val;
		break;
	default:
		v->regs[X86_RAX] = val;
	}
	return x86_skip(v);
}

int x86_fast_pio(struct x86_vcpu *v, bool in, int size, u16 port)
{
	u32 val = in ? 0 : v->regs[X86_RAX];

	if (!in) {
		keel_io_write_only(&v->core, KEEL_BUS_PIO, port, &val, size);
		return x86_skip(v);
	}
	if (!keel_io_read_only(&v->core, KEEL_BUS_PIO, port, &val, size))
		return finish_in(v, size, port, val);
	v->fast_in.size = size;
	v->fast_in.port = port;
	v->replay_rip = x86_linear_rip(v);
	return 1;	/* the run loop leaves to user space */
}

static int replay_in(struct x86_vcpu *v)
{
	u32 val = 0;

	if (keel_pio_read(&v->core, v->fast_in.port, v->fast_in.size, &val, 1))
		return keel_internal_error(&v->core, KVM_INTERNAL_ERROR_EMULATION, 0, NULL);
	return finish_in(v, v->fast_in.size, v->fast_in.port, val);
}

/* User space has answered. If it has also sent the guest elsewhere, the answer is for nobody. */
int x86_replay(struct keel_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (x86_linear_rip(v) != v->replay_rip) {
		keel_io_begin(vcpu);
		return 1;
	}
	if (v->fast_in.size)
		return replay_in(v);
	if (v->fast_read.move.len)
		return x86_plain_replay(v);
	return x86_emul_replay(v);
}

int x86_exit_s2(struct x86_vcpu *v, struct keel_s2_fault *fault, bool own, const void *insn, int len)
{
	const struct emul_insn *in;
	int r;

	fault->order = U8_MAX;	/* as large as the host's page and the slot allow */
	r = keel_fault_exit(&v->core, fault);
	if (r != KEEL_EXIT_MMIO)
		return r;
	in = own ? x86_known_insn(v, insn, len) : NULL;
	/* An eventfd that takes any write at its address needs no decoding beyond the length. */
	if (fault->write && !keel_bus_write(&v->core, KEEL_BUS_FAST_MMIO, fault->gpa, 0, NULL)) {
		if (!in)
			in = x86_decode(v, insn, len);
		return in ? x86_skip_by(v, in->len) : x86_skip(v);
	}
	if (in) {
		r = x86_plain_mmio(v, fault, in);
		if (r != X86_NOT_PLAIN)
			return r;
	}
	return x86_emulate(v, fault->gpa, 0, insn, len);
}
