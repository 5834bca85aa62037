// SPDX-License-Identifier: GPL-2.0-only
/* Control, debug and model-specific registers, time stamps, hypercalls, cache and TLB control. */
#include "insn.h"

static u64 read_cr(struct emul_ctxt *ctxt, unsigned int nr)
{
	return ctxt->ops->get_cr(ctxt, nr);
}

/* A register that does not exist is worse than one that is forbidden. */
static int check_cr(struct emul_ctxt *ctxt, unsigned int nr)
{
	if (nr == 1 || (nr > 4 && nr != 8))
		return emul_ud(ctxt);
	return ctxt->cpl ? emul_gp(ctxt) : EMUL_OK;
}

int ex_mov_from_cr(struct emul_ctxt *ctxt)
{
	struct emul_insn *in = &ctxt->insn;
	int rc = check_cr(ctxt, in->reg);

	if (rc == EMUL_OK)
		emul_reg_set(ctxt, in->rm, read_cr(ctxt, in->reg), in->op_bytes);
	return rc;
}

int ex_mov_to_cr(struct emul_ctxt *ctxt)
{
	struct emul_insn *in = &ctxt->insn;
	int rc = check_cr(ctxt, in->reg);

	if (rc == EMUL_OK)
		rc = ctxt->ops->set_cr(ctxt, in->reg, emul_reg_get(ctxt, in->rm, in->op_bytes));
	return rc;
}

#define DR6_BD		(1ul << 13)
#define DR7_GD		(1ul << 13)

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE says that they do not exist (SDM 3B 18.2.2). */
static int check_dr(struct emul_ctxt *ctxt, unsigned int *nr)
{
	if (*nr > 7)
		return emul_ud(ctxt);
	if (*nr == 4 || *nr == 5) {
		if (read_cr(ctxt, 4) & CR4_DE)
			return emul_ud(ctxt);
		*nr += 2;
	}
	if (ctxt->cpl)
		return emul_gp(ctxt);
	if (ctxt->ops->get_dr(ctxt, 7) & DR7_GD) {
		emul_raise(ctxt, VEC_DB);
		ctxt->exc.address = DR6_BD;
		return EMUL_FAULT;
	}
	return EMUL_OK;
}

int ex_mov_from_dr(struct emul_ctxt *ctxt)
{
	unsigned int nr = ctxt->insn.reg;
	int rc = check_dr(ctxt, &nr);

	if (rc == EMUL_OK)
		emul_reg_set(ctxt, ctxt->insn.rm, ctxt->ops->get_dr(ctxt, nr), ctxt->insn.op_bytes);
	return rc;
}

int ex_mov_to_dr(struct emul_ctxt *ctxt)
{
	unsigned int nr = ctxt->insn.reg;
	int rc = check_dr(ctxt, &nr);

	if (rc == EMUL_OK)
		rc = ctxt->ops->set_dr(ctxt, nr,
				       emul_reg_get(ctxt, ctxt->insn.rm, ctxt->insn.op_bytes));
	return rc;
}

int ex_smsw(struct emul_ctxt *ctxt)
{
	if (ctxt->cpl && (read_cr(ctxt, 4) & CR4_UMIP))
		return emul_gp(ctxt);
	ctxt->dst.val = read_cr(ctxt, 0);
	return EMUL_OK;
}

/* LMSW reaches the low four bits, and cannot clear PE. */
int ex_lmsw(struct emul_ctxt *ctxt)
{
	u64 cr0 = read_cr(ctxt, 0);

	return ctxt->ops->set_cr(ctxt, 0, (cr0 & ~0xeull) | (ctxt->src.val & 0xf));
}

int ex_clts(struct emul_ctxt *ctxt)
{
	return ctxt->ops->set_cr(ctxt, 0, read_cr(ctxt, 0) & ~CR0_TS);
}

static u64 edx_eax(struct emul_ctxt *ctxt)
{
	return emul_reg_get(ctxt, EMUL_RDX, 4) << 32 | emul_reg_get(ctxt, EMUL_RAX, 4);
}

static void set_edx_eax(struct emul_ctxt *ctxt, u64 val)
{
	emul_reg_set(ctxt, EMUL_RAX, val, 4);
	emul_reg_set(ctxt, EMUL_RDX, val >> 32, 4);
}

int ex_rdmsr(struct emul_ctxt *ctxt)
{
	u64 val;
	int rc = ctxt->ops->get_msr(ctxt, emul_reg_get(ctxt, EMUL_RCX, 4), &val);

	if (rc == EMUL_OK)
		set_edx_eax(ctxt, val);
	return rc;
}

int ex_wrmsr(struct emul_ctxt *ctxt)
{
	return ctxt->ops->set_msr(ctxt, emul_reg_get(ctxt, EMUL_RCX, 4), edx_eax(ctxt));
}

/* CR4.TSD and CR4.PCE: does user code see the counters? */
static bool tsc_blocked(struct emul_ctxt *ctxt)
{
	return ctxt->cpl && (read_cr(ctxt, 4) & CR4_TSD);
}

int ex_rdtsc(struct emul_ctxt *ctxt)
{
	if (tsc_blocked(ctxt))
		return emul_gp(ctxt);
	set_edx_eax(ctxt, ctxt->ops->rdtsc(ctxt));
	return EMUL_OK;
}

int ex_rdtscp(struct emul_ctxt *ctxt)
{
	int rc = ex_rdtsc(ctxt);

	if (rc == EMUL_OK)
		emul_reg_set(ctxt, EMUL_RCX, ctxt->ops->peek_msr(ctxt, IDX_TSC_AUX), 4);
	return rc;
}

int ex_rdpid(struct emul_ctxt *ctxt)
{
	ctxt->dst.val = (u32)ctxt->ops->peek_msr(ctxt, IDX_TSC_AUX);
	return EMUL_OK;
}

int ex_rdpmc(struct emul_ctxt *ctxt)
{
	u64 val;
	int rc;

	if (ctxt->cpl && !(read_cr(ctxt, 4) & CR4_PCE))
		return emul_gp(ctxt);
	rc = ctxt->ops->rdpmc(ctxt, emul_reg_get(ctxt, EMUL_RCX, 4), &val);
	if (rc == EMUL_OK)
		set_edx_eax(ctxt, val);
	return rc;
}

int ex_xgetbv(struct emul_ctxt *ctxt)
{
	u64 val;
	int rc;

	if (!(read_cr(ctxt, 4) & CR4_OSXSAVE))
		return emul_ud(ctxt);
	rc = ctxt->ops->get_xcr(ctxt, emul_reg_get(ctxt, EMUL_RCX, 4), &val);
	if (rc == EMUL_OK)
		set_edx_eax(ctxt, val);
	return rc;
}

int ex_xsetbv(struct emul_ctxt *ctxt)
{
	if (!(read_cr(ctxt, 4) & CR4_OSXSAVE))
		return emul_ud(ctxt);
	if (ctxt->cpl)
		return emul_gp(ctxt);
	return ctxt->ops->set_xcr(ctxt, emul_reg_get(ctxt, EMUL_RCX, 4), edx_eax(ctxt));
}

int ex_cpuid(struct emul_ctxt *ctxt)
{
	/* the order of struct emul_ops, not that of the encodings */
	static const u8 order[4] = { EMUL_RAX, EMUL_RBX, EMUL_RCX, EMUL_RDX };
	u32 regs[4];
	unsigned int i;
	int rc;

	for (i = 0; i < 4; i++)
		regs[i] = emul_reg_get(ctxt, order[i], 4);
	rc = ctxt->ops->cpuid(ctxt, regs);
	for (i = 0; i < 4 && rc == EMUL_OK; i++)
		emul_reg_set(ctxt, order[i], regs[i], 4);
	return rc;
}

int ex_hlt(struct emul_ctxt *ctxt)
{
	return ctxt->ops->hlt(ctxt);
}

/* WBINVD; INVD too, because dropping dirty lines of the host is nothing a guest may do */
int ex_wbinvd(struct emul_ctxt *ctxt)
{
	return ctxt->ops->wbinvd(ctxt);
}

/* The operand is an address, which is neither checked nor accessed. */
int ex_invlpg(struct emul_ctxt *ctxt)
{
	int sreg = ctxt->src.seg;
	u64 linear = ctxt->src.ea;

	if (ctxt->mode != EMUL_PROT64)
		linear = (u32)(linear + emul_seg(ctxt, sreg)->base);
	else if (sreg == EMUL_FS || sreg == EMUL_GS)
		linear += emul_seg(ctxt, sreg)->base;
	return ctxt->ops->invlpg(ctxt, linear);
}

/* CLFLUSH and its kin: the caches of a guest are coherent, so only the access check is left. */
int ex_clflush(struct emul_ctxt *ctxt)
{
	u64 linear;
	int rc = emul_linear(ctxt, ctxt->src.seg, ctxt->src.ea, 1, 0, &linear);

	if (rc != EMUL_OK)
		return rc;
	return ctxt->ops->probe(ctxt, linear, 1, ctxt->cpl == 3 ? EMUL_A_USER : 0);
}

/* Either vendor's instruction: a guest that has moved between them may hold the other one. */
int ex_vmcall(struct emul_ctxt *ctxt)
{
	return ctxt->ops->hypercall(ctxt);
}

int ex_swapgs(struct emul_ctxt *ctxt)
{
	struct emul_seg gs = *emul_seg(ctxt, EMUL_GS);
	u64 base = gs.base;

	gs.base = ctxt->ops->peek_msr(ctxt, IDX_KERNEL_GS);
	ctxt->ops->poke_msr(ctxt, IDX_KERNEL_GS, base);
	emul_commit_seg(ctxt, EMUL_GS, &gs);
	return EMUL_OK;
}

/* CLAC, STAC */
int ex_stac(struct emul_ctxt *ctxt)
{
	if (ctxt->cpl || ctxt->mode == EMUL_VM86)
		return emul_ud(ctxt);
	emul_flag(ctxt, FL_AC, ctxt->insn.arg);
	return EMUL_OK;
}

/* RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE */
int ex_fsgsbase(struct emul_ctxt *ctxt)
{
	struct emul_seg seg;

	if (!(read_cr(ctxt, 4) & CR4_FSGSBASE))
		return emul_ud(ctxt);
	seg = *emul_seg(ctxt, ctxt->insn.arg);
	if (ctxt->insn.dst) {
		ctxt->dst.val = seg.base;
		return EMUL_OK;
	}
	if (!emul_canonical(ctxt, ctxt->src.val))
		return emul_gp(ctxt);
	seg.base = ctxt->src.val;
	emul_commit_seg(ctxt, ctxt->insn.arg, &seg);
	return EMUL_OK;
}
