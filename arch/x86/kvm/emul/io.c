// SPDX-License-Identifier: GPL-2.0-only
/* IN and OUT, and who may use which port. */
#include "insn.h"

/* Where a 32- or 64-bit TSS has the offset of its bitmap (SDM 1 19.5.2) */
#define TSS32_IOMAP	102

/* Ports of a task without I/O privilege are those whose bits in the TSS are clear. */
int emul_io_allowed(struct emul_ctxt *ctxt, u16 port, unsigned int size)
{
	const struct emul_seg *tr;
	u16 base = 0, bits = 0;
	int rc;

	if (ctxt->mode == EMUL_REAL || (emul_is_prot(ctxt) && ctxt->cpl <= emul_iopl(ctxt)))
		return EMUL_OK;

	tr = emul_seg(ctxt, EMUL_TR);
	/* available or busy 32-bit TSS, which a 64-bit one looks like */
	if ((tr->attr & (EMUL_SEG_P | EMUL_SEG_S | 0xd)) != (EMUL_SEG_P | 0x9) ||
	    tr->limit < TSS32_IOMAP + 1)
		return emul_gp(ctxt);
	rc = emul_read_linear(ctxt, tr->base + TSS32_IOMAP, &base, 2, EMUL_A_SYSTEM);
	if (rc != EMUL_OK)
		return rc;
	/* two bytes are always read, so that a map ends with a byte of ones */
	if ((u32)base + port / 8 + 1 > tr->limit)
		return emul_gp(ctxt);
	rc = emul_read_linear(ctxt, tr->base + base + port / 8, &bits, 2, EMUL_A_SYSTEM);
	if (rc != EMUL_OK)
		return rc;
	if ((bits >> (port & 7)) & ((1u << size) - 1))
		return emul_gp(ctxt);
	return EMUL_OK;
}

static u16 port_operand(struct emul_ctxt *ctxt)
{
	if (ctxt->insn.src == O_IB)
		return (u8)ctxt->insn.imm;
	return emul_reg_get(ctxt, EMUL_RDX, 2);
}

static unsigned int port_size(struct emul_ctxt *ctxt)
{
	return ctxt->insn.op_bytes > 4 ? 4 : ctxt->insn.op_bytes;
}

int ex_in(struct emul_ctxt *ctxt)
{
	unsigned int size = port_size(ctxt);
	u16 port = port_operand(ctxt);
	u32 val = 0;
	int rc = emul_io_allowed(ctxt, port, size);

	if (rc == EMUL_OK)
		rc = ctxt->ops->pio_in(ctxt, port, size, (u8 *)&val, 1);
	if (rc == EMUL_OK)
		emul_reg_set(ctxt, EMUL_RAX, val, size);
	return rc;
}

int ex_out(struct emul_ctxt *ctxt)
{
	unsigned int size = port_size(ctxt);
	u16 port = port_operand(ctxt);
	u32 val = emul_reg_read(ctxt, EMUL_RAX);
	int rc = emul_io_allowed(ctxt, port, size);

	if (rc == EMUL_OK)
		rc = ctxt->ops->pio_out(ctxt, port, size, (const u8 *)&val, 1);
	return rc;
}
