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

static int fast_in(struct x86_vcpu *v, int size, u16 port)
{
	u32 val = 0;

	switch (keel_pio_read(&v->core, port, size, &val, 1)) {
	case 0:
		break;
	case KEEL_IO_USER:
		v->fast_in.size = size;
		v->fast_in.port = port;
		v->replay_rip = x86_linear_rip(v);
		return 1;	/* the run loop leaves to user space */
	default:
		return keel_internal_error(&v->core, KVM_INTERNAL_ERROR_EMULATION, 0, NULL);
	}
	trace_kvm_pio(false, port, size, 1, &val);
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
	u32 val = v->regs[X86_RAX];

	keel_io_begin(&v->core);
	if (in)
		return fast_in(v, size, port);
	trace_kvm_pio(true, port, size, 1, &val);
	if (keel_pio_write(&v->core, port, size, &val, 1))
		return keel_internal_error(&v->core, KVM_INTERNAL_ERROR_EMULATION, 0, NULL);
	return x86_skip(v);
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
		return fast_in(v, v->fast_in.size, v->fast_in.port);
	return x86_emul_replay(v);
}

int x86_exit_s2(struct x86_vcpu *v, struct keel_s2_fault *fault, const void *insn, int len)
{
	int r;

	fault->order = U8_MAX;	/* as large as the host's page and the slot allow */
	r = keel_fault(&v->core, fault);
	switch (r) {
	case KEEL_FAULT_RETRY:
	case KEEL_FAULT_ASYNC:
		return 1;
	case KEEL_FAULT_USER:
		return -EFAULT;		/* kvm_run says where */
	case KEEL_FAULT_MMIO:
		break;
	default:
		return r;
	}
	/* An eventfd that takes any write at its address needs no decoding beyond the length. */
	if (fault->write && !keel_bus_write(&v->core, KEEL_BUS_FAST_MMIO, fault->gpa, 0, NULL))
		return x86_skip(v);
	return x86_emulate(v, fault->gpa, 0, insn, len);
}
