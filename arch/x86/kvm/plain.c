// SPDX-License-Identifier: GPL-2.0-only
/* Memory-mapped I/O by plain moves: all that most drivers use, and nothing that needs an emulator. */
#include <linux/mm.h>
#include <keel/fault.h>
#include "irqchip.h"
#include "x86.h"

/*
 * A second-stage fault on an instruction's own access comes after all that segmentation and the guest's page
 * tables had to say: what is left of a move is to ask the device and to write a register.
 */

static int plain_write(struct x86_vcpu *v, const struct emul_move *m, u64 gpa)
{
	u64 val = m->reg < X86_NR_GPRS ? v->regs[m->reg] : m->imm;

	if (x86_lapic_mmio(&v->core, gpa, &val, m->bytes, true))
		keel_io_write_only(&v->core, KEEL_BUS_MMIO, gpa, &val, m->bytes);
	return x86_skip_by(v, m->len);
}

static void set_register(struct x86_vcpu *v, const struct emul_move *m, u64 val)
{
	unsigned long *reg = &v->regs[m->reg];

	if (m->sign)
		val = sign_extend64(val, 8 * m->bytes - 1);
	switch (m->reg_bytes) {
	case 1:
		*(u8 *)reg = val;
		break;
	case 2:
		*(u16 *)reg = val;
		break;
	case 4:
		*reg = (u32)val;
		break;
	default:
		*reg = val;
	}
}

static int plain_read(struct x86_vcpu *v, const struct emul_move *m, u64 gpa)
{
	u64 val = 0;

	if (x86_lapic_mmio(&v->core, gpa, &val, m->bytes, false) &&
	    keel_io_read_only(&v->core, KEEL_BUS_MMIO, gpa, &val, m->bytes)) {
		v->fast_in.size = 0;
		v->fast_read.move = *m;
		v->fast_read.gpa = gpa;
		v->replay_rip = v->rip;
		return 1;	/* the run loop leaves to user space */
	}
	set_register(v, m, val);
	return x86_skip_by(v, m->len);
}

int x86_plain_mmio(struct x86_vcpu *v, const struct keel_s2_fault *fault, const struct emul_insn *in)
{
	struct emul_move m;
	u64 ea;

	/*
	 * Another vCPU may have changed the code since the access. Then this can be another
	 * instruction; but not one that would not have accessed this page's offset.
	 */
	if (!emul_plain_move(in, v->regs, v->rip + in->len, &m, &ea) || m.write != fault->write ||
	    offset_in_page(ea ^ fault->gpa) || offset_in_page(ea) + m.bytes > PAGE_SIZE)
		return X86_NOT_PLAIN;
	v->stat.insn_emulation++;
	return m.write ? plain_write(v, &m, fault->gpa) : plain_read(v, &m, fault->gpa);
}

/* User space has answered a read. */
int x86_plain_replay(struct x86_vcpu *v)
{
	const struct emul_move *m = &v->fast_read.move;
	u64 val = 0;

	if (keel_mmio_read(&v->core, v->fast_read.gpa, &val, m->bytes))
		return keel_internal_error(&v->core, KVM_INTERNAL_ERROR_EMULATION, 0, NULL);
	set_register(v, m, val);
	return x86_skip_by(v, m->len);
}
