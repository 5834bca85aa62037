// SPDX-License-Identifier: GPL-2.0-only
/* The emulator's view of a vCPU: memory, ports and registers, and what follows an emulated instruction. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/fpu/api.h>
#include <keel/guest_access.h>
#include "irqchip.h"
#include "trace.h"
#include "x86.h"

/* The emulator's context, and how to get from it to the vCPU. */
struct x86_emul {
	struct emul_ctxt ctxt;
	struct x86_vcpu *v;
	bool msr_user;		/* an MSR exit has filled kvm_run */
	bool user_exit;		/* a callback has filled kvm_run in another way */
};

static struct x86_vcpu *vcpu_of(struct emul_ctxt *ctxt)
{
	return container_of(ctxt, struct x86_emul, ctxt)->v;
}

static struct x86_emul *emul_of(struct x86_vcpu *v)
{
	return container_of(v->emul, struct x86_emul, ctxt);
}

/* --- memory ------------------------------------------------------------------------------ */

static u32 walk_access(unsigned int flags)
{
	u32 access = 0;

	if (flags & EMUL_A_WRITE)
		access |= X86_WALK_WRITE;
	if (flags & EMUL_A_SYSTEM)
		access |= X86_WALK_IMPLICIT;
	else if (flags & EMUL_A_USER)
		access |= X86_WALK_USER;
	return access;
}

/*
 * Translates one page's worth. A second-stage fault has already told the guest physical address of the access
 * that brought us here, but which of an instruction's operands that was is not known: so
 * translation is always done anew.
 */
static int translate(struct emul_ctxt *ctxt, u64 linear, u32 access, u64 *gpa)
{
	u32 error;

	*gpa = x86_gva_to_gpa(vcpu_of(ctxt), linear, access, &error);
	if (*gpa == ~0ull)
		return emul_raise_pf(ctxt, linear, error);
	return EMUL_OK;
}

/* Linear addresses wrap at 4G outside of 64-bit mode. */
static int translate_span(struct emul_ctxt *ctxt, u64 linear, unsigned int len, u32 access,
			  struct keel_span *s)
{
	u64 next = keel_span_split(s, linear, len);
	int rc = translate(ctxt, linear, access, &s->gpa[0]);

	if (rc != EMUL_OK || !s->len[1])
		return rc;
	if (ctxt->mode != EMUL_PROT64)
		next = (u32)next;
	return translate(ctxt, next, access, &s->gpa[1]);
}

/* @r: of the core's access. After one that went to user space the vCPU leaves before it goes on. */
static int io_result(struct emul_ctxt *ctxt, int r, u16 answered)
{
	const struct keel_io *io = &vcpu_of(ctxt)->core.io;

	if (r)
		return r == KEEL_IO_USER ? EMUL_IO : EMUL_FAIL;
	if (io->next != answered || io->nr_posted)
		ctxt->yield = true;
	return EMUL_OK;
}

static int op_fetch(struct emul_ctxt *ctxt, u64 linear, u8 *buf, unsigned int len)
{
	struct x86_vcpu *v = vcpu_of(ctxt);
	u32 access = X86_WALK_FETCH | (ctxt->cpl == 3 ? X86_WALK_USER : 0);
	struct x86_mode mode;
	u64 bytes[2], gpa;
	int rc;

	x86_be(get_mode)(v, &mode);
	if (likely(len == 15) && x86_fetch_again(v, &mode, linear, bytes)) {
		memcpy(buf, bytes, 15);
		return EMUL_OK;
	}
	rc = translate(ctxt, linear, access, &gpa);
	if (rc != EMUL_OK)
		return rc;
	/* Code outside of RAM is not emulated; if it is in RAM by now, the guest starts again. */
	return keel_ram_read(&v->core, gpa, buf, len) ? EMUL_FAIL : EMUL_OK;
}

static int op_read(struct emul_ctxt *ctxt, u64 linear, u8 *buf, unsigned int len,
		   unsigned int flags)
{
	struct x86_vcpu *v = vcpu_of(ctxt);
	u16 answered = v->core.io.next;
	struct keel_span s;
	int rc = translate_span(ctxt, linear, len, walk_access(flags), &s);

	if (rc != EMUL_OK)
		return rc;
	if (flags & EMUL_A_BULK)
		return keel_read_guest(&v->core, s.gpa[0], buf, len) ? EMUL_RETRY : EMUL_OK;
	return io_result(ctxt, keel_span_read(&v->core, &s, buf), answered);
}

static int op_write(struct emul_ctxt *ctxt, u64 linear, const u8 *buf, unsigned int len,
		    unsigned int flags)
{
	struct x86_vcpu *v = vcpu_of(ctxt);
	struct keel_span s;
	int rc = translate_span(ctxt, linear, len, walk_access(flags | EMUL_A_WRITE), &s);

	if (rc != EMUL_OK)
		return rc;
	if (flags & EMUL_A_BULK)
		return keel_write_guest(&v->core, s.gpa[0], buf, len) ? EMUL_RETRY : EMUL_OK;
	return io_result(ctxt, keel_span_write(&v->core, &s, buf), v->core.io.next);
}

static int op_cmpxchg(struct emul_ctxt *ctxt, u64 linear, const u8 *old, const u8 *new,
		      unsigned int len, unsigned int flags)
{
	struct x86_vcpu *v = vcpu_of(ctxt);
	struct keel_span s;
	int rc = translate_span(ctxt, linear, len, walk_access(flags | EMUL_A_WRITE), &s);

	if (rc != EMUL_OK)
		return rc;
	rc = keel_span_cmpxchg(&v->core, &s, old, new);
	return rc > 0 ? EMUL_RETRY : io_result(ctxt, rc, v->core.io.next);
}

static int op_probe(struct emul_ctxt *ctxt, u64 linear, unsigned int len, unsigned int flags)
{
	struct keel_span s;
	int rc = translate_span(ctxt, linear, len, walk_access(flags), &s);

	if (rc == EMUL_OK && (flags & EMUL_A_BULK) &&
	    !keel_gpa_is_ram(&vcpu_of(ctxt)->core, s.gpa[0]))
		return EMUL_RETRY;
	return rc;
}

/* --- ports ----------------------------------------------------------------------------------- */

static int op_pio_in(struct emul_ctxt *ctxt, u16 port, unsigned int size, u8 *buf,
		     unsigned int count)
{
	struct keel_vcpu *vcpu = &vcpu_of(ctxt)->core;
	u16 answered = vcpu->io.next;

	return io_result(ctxt, keel_pio_read(vcpu, port, size, buf, count), answered);
}

static int op_pio_out(struct emul_ctxt *ctxt, u16 port, unsigned int size, const u8 *buf,
		      unsigned int count)
{
	struct keel_vcpu *vcpu = &vcpu_of(ctxt)->core;

	return io_result(ctxt, keel_pio_write(vcpu, port, size, buf, count), vcpu->io.next);
}

/* --- segments and tables ----------------------------------------------------------------------- */

static void op_get_seg(struct emul_ctxt *ctxt, enum emul_sreg sreg, struct emul_seg *seg)
{
	struct kvm_segment s;

	x86_be(get_segment)(vcpu_of(ctxt), &s, sreg);
	seg->base = s.base;
	seg->limit = s.limit;
	seg->selector = s.selector;
	seg->attr = s.type | s.s << 4 | s.dpl << 5 | (s.present && !s.unusable) << 7 |
		    s.avl << 8 | s.l << 9 | s.db << 10 | s.g << 11;
}

static void op_set_seg(struct emul_ctxt *ctxt, enum emul_sreg sreg, const struct emul_seg *seg)
{
	struct kvm_segment s = {
		.base = seg->base, .limit = seg->limit, .selector = seg->selector,
		.type = seg->attr & EMUL_SEG_TYPE, .s = !!(seg->attr & EMUL_SEG_S),
		.dpl = (seg->attr & EMUL_SEG_DPL) >> EMUL_SEG_DPL_SHIFT,
		.present = !!(seg->attr & EMUL_SEG_P), .avl = !!(seg->attr & EMUL_SEG_AVL),
		.l = !!(seg->attr & EMUL_SEG_L), .db = !!(seg->attr & EMUL_SEG_DB),
		.g = !!(seg->attr & EMUL_SEG_G), .unusable = !(seg->attr & EMUL_SEG_P),
	};

	x86_be(set_segment)(vcpu_of(ctxt), &s, sreg);
}

static void get_dt(struct emul_ctxt *ctxt, struct emul_dtr *dt, int which)
{
	struct kvm_dtable d;

	x86_be(get_dt)(vcpu_of(ctxt), &d, which);
	dt->base = d.base;
	dt->limit = d.limit;
}

static void set_dt(struct emul_ctxt *ctxt, const struct emul_dtr *dt, int which)
{
	struct kvm_dtable d = { .base = dt->base, .limit = dt->limit };

	x86_be(set_dt)(vcpu_of(ctxt), &d, which);
}

static void op_get_gdt(struct emul_ctxt *ctxt, struct emul_dtr *dt) { get_dt(ctxt, dt, 0); }
static void op_get_idt(struct emul_ctxt *ctxt, struct emul_dtr *dt) { get_dt(ctxt, dt, 1); }
static void op_set_gdt(struct emul_ctxt *ctxt, const struct emul_dtr *dt) { set_dt(ctxt, dt, 0); }
static void op_set_idt(struct emul_ctxt *ctxt, const struct emul_dtr *dt) { set_dt(ctxt, dt, 1); }

/* --- control, debug and model-specific registers ------------------------------------------------- */

static u64 op_get_cr(struct emul_ctxt *ctxt, unsigned int nr)
{
	struct x86_vcpu *v = vcpu_of(ctxt);

	switch (nr) {
	case 2:
		return v->cr2;
	case 8:
		return x86_get_cr8(v);
	default:
		return x86_be(get_cr)(v, nr);
	}
}

static int op_set_cr(struct emul_ctxt *ctxt, unsigned int nr, u64 val)
{
	struct x86_vcpu *v = vcpu_of(ctxt);
	int gp = 1;

	switch (nr) {
	case 0:
		gp = x86_set_cr0(v, val);
		break;
	case 2:
		v->cr2 = val;
		return EMUL_OK;
	case 3:
		gp = x86_set_cr3(v, val);
		break;
	case 4:
		gp = x86_set_cr4(v, val);
		break;
	case 8:
		gp = x86_set_cr8(v, val);
		break;
	}
	return gp ? emul_raise_error(ctxt, 13, 0) : EMUL_OK;
}

static u64 op_get_dr(struct emul_ctxt *ctxt, unsigned int nr)
{
	return x86_get_dr(vcpu_of(ctxt), nr);
}

static int op_set_dr(struct emul_ctxt *ctxt, unsigned int nr, u64 val)
{
	return x86_set_dr(vcpu_of(ctxt), nr, val) ? emul_raise_error(ctxt, 13, 0) : EMUL_OK;
}

static int msr_result(struct emul_ctxt *ctxt, int r)
{
	if (r == X86_MSR_USER) {
		container_of(ctxt, struct x86_emul, ctxt)->msr_user = true;
		return EMUL_IO;
	}
	return r ? emul_raise_error(ctxt, 13, 0) : EMUL_OK;
}

static int op_get_msr(struct emul_ctxt *ctxt, u32 index, u64 *val)
{
	return msr_result(ctxt, x86_guest_rdmsr(vcpu_of(ctxt), index, val));
}

static int op_set_msr(struct emul_ctxt *ctxt, u32 index, u64 val)
{
	return msr_result(ctxt, x86_guest_wrmsr(vcpu_of(ctxt), index, val));
}

/* What instructions use of MSRs by themselves: no filter, no exits, and there is no way to fail. */
static u64 op_peek_msr(struct emul_ctxt *ctxt, u32 index)
{
	u64 val = 0;

	x86_get_msr(vcpu_of(ctxt), index, &val, true);
	return val;
}

static void op_poke_msr(struct emul_ctxt *ctxt, u32 index, u64 val)
{
	x86_set_msr(vcpu_of(ctxt), index, val, true);
}

static int op_cpuid(struct emul_ctxt *ctxt, u32 regs[4])
{
	x86_cpuid(vcpu_of(ctxt), &regs[0], &regs[1], &regs[2], &regs[3]);
	return EMUL_OK;
}

static u64 op_rdtsc(struct emul_ctxt *ctxt)
{
	return x86_guest_tsc(vcpu_of(ctxt), rdtsc());
}

static int op_rdpmc(struct emul_ctxt *ctxt, u32 index, u64 *val)
{
	return emul_raise_error(ctxt, 13, 0);	/* no PMU */
}

static int op_get_xcr(struct emul_ctxt *ctxt, u32 index, u64 *val)
{
	if (index)
		return emul_raise_error(ctxt, 13, 0);
	*val = vcpu_of(ctxt)->xcr0;
	return EMUL_OK;
}

static int op_set_xcr(struct emul_ctxt *ctxt, u32 index, u64 val)
{
	return x86_set_xcr0(vcpu_of(ctxt), index, val) ? emul_raise_error(ctxt, 13, 0) : EMUL_OK;
}

/* --- the rest ---------------------------------------------------------------------------------------- */

static int op_hlt(struct emul_ctxt *ctxt)
{
	struct x86_emul *e = container_of(ctxt, struct x86_emul, ctxt);

	if (!x86_halt(e->v))
		e->user_exit = true;
	return EMUL_OK;
}

static int op_wbinvd(struct emul_ctxt *ctxt)
{
	return EMUL_OK;		/* guest memory is coherent: no device assignment */
}

static int op_invlpg(struct emul_ctxt *ctxt, u64 linear)
{
	x86_be(flush_gva)(vcpu_of(ctxt), linear);
	return EMUL_OK;
}

/* VMCALL on AMD or VMMCALL on Intel: the guest asked for a hypercall with the other vendor's instruction. */
static int op_hypercall(struct emul_ctxt *ctxt)
{
	return EMUL_FAIL;
}

#define VEC_OP(op, n) \
	case n: \
		op(n); \
		break;
#define VEC_SWITCH(op)								\
	switch (reg) {								\
	VEC_OP(op, 0) VEC_OP(op, 1) VEC_OP(op, 2) VEC_OP(op, 3)			\
	VEC_OP(op, 4) VEC_OP(op, 5) VEC_OP(op, 6) VEC_OP(op, 7)			\
	VEC_OP(op, 8) VEC_OP(op, 9) VEC_OP(op, 10) VEC_OP(op, 11)		\
	VEC_OP(op, 12) VEC_OP(op, 13) VEC_OP(op, 14) VEC_OP(op, 15)		\
	}

/*
 * The guest's vector registers are in the CPU while KVM_RUN lasts (X86_LAZY_FPU); the fpregs lock keeps
 * them there, and what a softirq has saved is loaded back first.
 */
static void vec_begin(struct x86_vcpu *v)
{
	preempt_disable();
	if (!(v->core.lazy_loaded & BIT(X86_LAZY_FPU)))
		keel_lazy_load(&v->core, BIT(X86_LAZY_FPU));
	preempt_enable();
	fpregs_lock();
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
}

static void op_read_vec(struct emul_ctxt *ctxt, unsigned int reg, u8 *buf, unsigned int len)
{
	vec_begin(vcpu_of(ctxt));
	if (len == 32) {
#define GET_YMM(n) asm volatile("vmovdqu %%ymm" #n ", %0" : "=m"(*(u8 (*)[32])buf))
		VEC_SWITCH(GET_YMM);
	} else {
#define GET_XMM(n) asm volatile("movdqu %%xmm" #n ", %0" : "=m"(*(u8 (*)[16])buf))
		VEC_SWITCH(GET_XMM);
	}
	fpregs_unlock();
}

static void op_write_vec(struct emul_ctxt *ctxt, unsigned int reg, const u8 *buf, unsigned int len)
{
	vec_begin(vcpu_of(ctxt));
	if (len == 32) {
#define SET_YMM(n) asm volatile("vmovdqu %0, %%ymm" #n : : "m"(*(u8 (*)[32])buf))
		VEC_SWITCH(SET_YMM);
	} else {
#define SET_XMM(n) asm volatile("movdqu %0, %%xmm" #n : : "m"(*(u8 (*)[16])buf))
		VEC_SWITCH(SET_XMM);
	}
	fpregs_unlock();
}

static const struct emul_ops ops = {
	.fetch = op_fetch,
	.read = op_read,
	.write = op_write,
	.compare_exchange = op_cmpxchg,
	.probe = op_probe,
	.pio_in = op_pio_in,
	.pio_out = op_pio_out,
	.get_seg = op_get_seg,
	.set_seg = op_set_seg,
	.get_gdt = op_get_gdt,
	.get_idt = op_get_idt,
	.set_gdt = op_set_gdt,
	.set_idt = op_set_idt,
	.get_cr = op_get_cr,
	.set_cr = op_set_cr,
	.get_dr = op_get_dr,
	.set_dr = op_set_dr,
	.get_msr = op_get_msr,
	.set_msr = op_set_msr,
	.peek_msr = op_peek_msr,
	.poke_msr = op_poke_msr,
	.cpuid = op_cpuid,
	.rdtsc = op_rdtsc,
	.rdpmc = op_rdpmc,
	.get_xcr = op_get_xcr,
	.set_xcr = op_set_xcr,
	.hlt = op_hlt,
	.wbinvd = op_wbinvd,
	.invlpg = op_invlpg,
	.hypercall = op_hypercall,
	.read_vec = op_read_vec,
	.write_vec = op_write_vec,
};

/* --- one instruction -------------------------------------------------------------------------------- */

int x86_emul_create(struct x86_vcpu *v)
{
	struct x86_emul *e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);

	if (!e)
		return -ENOMEM;
	e->v = v;
	e->ctxt.ops = &ops;
	e->ctxt.regs = v->regs;
	v->emul = &e->ctxt;
	return 0;
}

void x86_emul_destroy(struct x86_vcpu *v)
{
	if (v->emul)
		kfree(emul_of(v));
	v->emul = NULL;
}

static enum emul_mode code_mode(const struct x86_vcpu *v, const struct x86_mode *m)
{
	if (!(m->cr0 & X86_CR0_PE))
		return EMUL_REAL;
	if (v->rflags & X86_EFLAGS_VM)
		return EMUL_VM86;
	switch (m->cs_bits) {
	case 64:
		return EMUL_PROT64;
	case 32:
		return EMUL_PROT32;
	default:
		return EMUL_PROT16;
	}
}

static void begin(struct x86_vcpu *v)
{
	struct x86_emul *e = emul_of(v);
	struct emul_ctxt *c = &e->ctxt;
	struct x86_mode mode;

	x86_be(get_mode)(v, &mode);
	e->msr_user = false;
	e->user_exit = false;
	c->mode = code_mode(v, &mode);
	c->cpl = mode.cpl;
	c->intel = !v->cpuid.amd;
	c->rip = v->rip;
	c->rflags = x86_get_rflags(v);
	c->yield = false;
	c->shadow = 0;
	c->tf_trap = false;
	c->restart = false;
	c->switched = false;
}

/* Registers are committed by the emulator; the rest of what an instruction changes is taken over here. */
static void take_over(struct x86_vcpu *v)
{
	struct emul_ctxt *c = v->emul;

	v->rip = c->rip;
	x86_set_rflags(v, c->rflags);
}

static int fault(struct x86_vcpu *v)
{
	const struct emul_exc *e = &v->emul->exc;

	/* Iterations that a REP has done before, or the new task. RIP is right in both. */
	take_over(v);
	if (e->kind != EMUL_EXC_FAULT) {
		/*
		 * INT n and its kin return behind themselves. For INT3 and INTO the backend sees to that;
		 * for the others RIP is moved there, and the event is injected as one from outside,
		 * which pushes RIP as it is.
		 */
		if (e->kind != EMUL_EXC_SOFT_EXC)
			v->rip = v->emul->next_rip;
		if (e->kind == EMUL_EXC_SOFT_INT)
			x86_requeue_irq(v, e->vector, false);
		else
			x86_queue_exception(v, e->vector);
		return 1;
	}
	if (e->vector == 14)
		x86_queue_pf(v, e->address, e->error_code);
	else if (e->vector == 1)
		x86_queue_db(v, e->address);
	else if (e->has_error)
		x86_queue_exception_error(v, e->vector, e->error_code);
	else
		x86_queue_exception(v, e->vector);
	return 1;
}

static int fail(struct x86_vcpu *v, u32 type)
{
	bool cpl3 = x86_be(get_cpl)(v) == 3;

	v->stat.insn_emulation_fail++;
	if (type & X86_EMUL_GP)
		return x86_gp(v);
	/* A process of the guest must not be able to end the VM: it gets a #UD, the kernel does not. */
	if (cpl3 && !x86_vm_of(v)->exit_on_emul_error)
		return x86_ud(v);
	return keel_emulation_failure(&v->core, v->emul->bytes, min_t(u8, v->emul->fetched, 15));
}

static int finish(struct x86_vcpu *v, int rc, u32 type)
{
	struct x86_emul *e = emul_of(v);

	switch (rc) {
	case EMUL_OK:
		take_over(v);
		if (!e->ctxt.restart) {
			x86_be(set_int_shadow)(v,
				(e->ctxt.shadow & EMUL_SHADOW_STI ? KVM_X86_SHADOW_INT_STI : 0) |
				(e->ctxt.shadow & EMUL_SHADOW_MOV_SS ? KVM_X86_SHADOW_INT_MOV_SS : 0));
			if ((e->ctxt.tf_trap ||
			     (v->core.guest_debug & KVM_GUESTDBG_SINGLESTEP)) &&
			    !x86_step_trap(v))
				return 0;
		}
		return e->user_exit ? 0 : 1;
	case EMUL_FAULT:
		return fault(v);
	case EMUL_IO:
		/* RIP has not moved. MSR exits complete the instruction themselves. */
		take_over(v);
		return e->msr_user ? 0 : 1;
	case EMUL_RETRY:
		return 1;
	default:
		return fail(v, type);
	}
}

static void trace_emulation(struct x86_vcpu *v, bool failed)
{
	static const u8 flags[] = {
		[EMUL_REAL] = 0,
		[EMUL_VM86] = X86_TRACE_INSN_PE | X86_TRACE_INSN_VM,
		[EMUL_PROT16] = X86_TRACE_INSN_PE,
		[EMUL_PROT32] = X86_TRACE_INSN_PE | X86_TRACE_INSN_CS_D,
		[EMUL_PROT64] = X86_TRACE_INSN_PE | X86_TRACE_INSN_CS_L,
	};
	const struct emul_ctxt *c = v->emul;
	struct kvm_segment cs;

	x86_be(get_segment)(v, &cs, X86_CS);
	trace_kvm_emulate_insn(v->rip, cs.base, c->bytes, c->fetched, flags[c->mode], failed);
}

/* Is it MOVBE or RDPID, and was the guest promised it? */
static bool is_missing(struct x86_vcpu *v)
{
	const struct emul_insn *insn = &v->emul->insn;

	if (insn->map == 2 && (insn->opcode == 0xf0 || insn->opcode == 0xf1) && insn->rep != 0xf2)
		return x86_guest_has(v, X86_FEATURE_MOVBE);
	if (insn->map == 1 && insn->opcode == 0xc7 && insn->rep == 0xf3 && !insn->is_mem)
		return x86_guest_has(v, X86_FEATURE_RDPID);
	return false;
}

static int execute(struct x86_vcpu *v, u32 type, const void *insn, int len)
{
	int rc;

	begin(v);
	v->stat.insn_emulation++;
	rc = emul_decode(v->emul, insn, len);
	if ((type & X86_EMUL_MISSING) && (rc != EMUL_OK || !is_missing(v)))
		return x86_ud(v);
	if (trace_kvm_emulate_insn_enabled())
		trace_emulation(v, rc == EMUL_FAIL);
	if (rc == EMUL_OK)
		rc = emul_exec(v->emul);
	return finish(v, rc, type);
}

int x86_emulate(struct x86_vcpu *v, u64 gpa, u32 type, const void *insn, int len)
{
	keel_io_begin(&v->core);
	v->emul_type = type;
	v->fast_in.size = 0;
	v->fast_read.move.len = 0;
	v->replay_rip = x86_linear_rip(v);
	return execute(v, type, insn, len);
}

int x86_emulate_missing(struct x86_vcpu *v)
{
	bool movbe = !boot_cpu_has(X86_FEATURE_MOVBE) && x86_guest_has(v, X86_FEATURE_MOVBE);
	bool rdpid = !boot_cpu_has(X86_FEATURE_RDPID) && x86_guest_has(v, X86_FEATURE_RDPID);

	if (!movbe && !rdpid)
		return x86_ud(v);
	return x86_emulate(v, ~0ull, X86_EMUL_MISSING, NULL, 0);
}

int x86_emul_replay(struct x86_vcpu *v)
{
	return execute(v, v->emul_type, NULL, 0);
}

int x86_task_switch(struct x86_vcpu *v, u16 selector, int reason, bool has_error, u32 error)
{
	int rc;

	keel_io_begin(&v->core);
	begin(v);
	rc = emul_task_switch(v->emul, selector, reason, has_error, error);
	if (rc != EMUL_OK && rc != EMUL_FAULT)
		return keel_internal_error(&v->core, KVM_INTERNAL_ERROR_EMULATION, 0, NULL);
	return finish(v, rc, 0);
}

/* --- stepping over an intercepted instruction ------------------------------------------------------------ */

/* The slow way to them: as many as there are up to 15, or none. */
static unsigned int fetch_bytes(struct x86_vcpu *v, u64 linear, const struct x86_mode *m, u8 *bytes)
{
	u32 access = X86_WALK_FETCH | (m->cpl == 3 ? X86_WALK_USER : 0), error;
	unsigned int n = min_t(unsigned int, 15, PAGE_SIZE - offset_in_page(linear));
	u64 gpa = x86_gva_to_gpa(v, linear, access, &error);

	if (gpa == ~0ull || keel_read_guest(&v->core, gpa, bytes, n))
		return 0;
	if (n == 15 || emul_insn_len(bytes, n, code_mode(v, m)))
		return n;
	gpa = x86_gva_to_gpa(v, linear + n, access, &error);
	if (gpa == ~0ull || keel_read_guest(&v->core, gpa, bytes + n, 15 - n))
		return n;
	return 15;
}

static int insn_len(struct x86_vcpu *v, const struct x86_mode *m)
{
	u64 linear = m->cs_bits == 64 ? v->rip : x86_linear_rip(v), bytes[2];
	unsigned int n = 15;

	if (unlikely(!x86_fetch_again(v, m, linear, bytes)))
		n = fetch_bytes(v, linear, m, (u8 *)bytes);
	return emul_insn_len((u8 *)bytes, n, code_mode(v, m));
}

int x86_insn_len(struct x86_vcpu *v)
{
	struct x86_mode mode;

	x86_be(get_mode)(v, &mode);
	return insn_len(v, &mode);
}

const struct emul_insn *x86_known_insn(struct x86_vcpu *v, const void *insn, int len)
{
	struct x86_mode mode;
	u64 bytes[2] = {};

	x86_be(get_mode)(v, &mode);
	if (mode.cs_bits != 64)
		return NULL;
	if (len == 15)
		memcpy(bytes, insn, 15);
	else if (!x86_fetch_again(v, &mode, v->rip, bytes))
		return NULL;
	return emul_recall(v->emul, v->rip, bytes, EMUL_PROT64, !v->cpuid.amd);
}

const struct emul_insn *x86_decode(struct x86_vcpu *v, const void *insn, int len)
{
	begin(v);
	if (v->emul->mode != EMUL_PROT64 || emul_decode(v->emul, insn, len) != EMUL_OK)
		return NULL;
	return &v->emul->insn;
}

static int skip_to(struct x86_vcpu *v, unsigned long next)
{
	bool trap = v->rflags & X86_EFLAGS_TF;

	v->rip = next;
	v->rflags &= ~X86_EFLAGS_RF;
	x86_be(set_int_shadow)(v, 0);
	return unlikely(trap) ? x86_step_trap(v) : 1;
}

int x86_skip_by(struct x86_vcpu *v, int len)
{
	return skip_to(v, v->rip + len);
}

int x86_skip(struct x86_vcpu *v)
{
	unsigned long next = x86_be(next_rip)(v);
	struct x86_mode mode;
	int len;

	if (next)
		return skip_to(v, next);
	x86_be(get_mode)(v, &mode);
	len = insn_len(v, &mode);
	if (!len)
		return keel_internal_error(&v->core, KVM_INTERNAL_ERROR_EMULATION, 0, NULL);
	next = v->rip + len;
	return skip_to(v, mode.cs_bits == 64 ? next : (u32)next);
}
