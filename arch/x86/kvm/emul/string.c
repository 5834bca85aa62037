// SPDX-License-Identifier: GPL-2.0-only
/* String instructions, with and without REP. */
#include "insn.h"

/*
 * Iterations of one call; then the caller looks at signals and interrupts and starts the
 * instruction again.
 */
#define MAX_ITERATIONS	1024

static u64 string_reg(struct emul_ctxt *ctxt, enum emul_reg reg)
{
	return emul_reg_get(ctxt, reg, ctxt->insn.ad_bytes);
}

static void advance(struct emul_ctxt *ctxt, enum emul_reg reg, unsigned int bytes)
{
	u64 val = emul_reg_read(ctxt, reg);

	emul_reg_set(ctxt, reg, ctxt->flags & FL_DF ? val - bytes : val + bytes,
		     ctxt->insn.ad_bytes);
}

static int read_source(struct emul_ctxt *ctxt, u64 *val)
{
	*val = 0;
	return emul_read(ctxt, ctxt->insn.seg, string_reg(ctxt, EMUL_RSI), val, ctxt->insn.op_bytes,
			 0);
}

static int one_movs(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	u64 val;
	int rc = read_source(ctxt, &val);

	if (rc == EMUL_OK)
		rc = emul_write(ctxt, EMUL_ES, string_reg(ctxt, EMUL_RDI), &val, bytes);
	if (rc != EMUL_OK)
		return rc;
	advance(ctxt, EMUL_RSI, bytes);
	advance(ctxt, EMUL_RDI, bytes);
	return EMUL_OK;
}

static int one_cmps(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	u64 a, b = 0;
	int rc = read_source(ctxt, &a);

	if (rc == EMUL_OK)
		rc = emul_read(ctxt, EMUL_ES, string_reg(ctxt, EMUL_RDI), &b, bytes, 0);
	if (rc != EMUL_OK)
		return rc;
	emul_compare(ctxt, a, b, bytes);
	advance(ctxt, EMUL_RSI, bytes);
	advance(ctxt, EMUL_RDI, bytes);
	return EMUL_OK;
}

static int one_stos(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	u64 val = emul_reg_read(ctxt, EMUL_RAX);
	int rc = emul_write(ctxt, EMUL_ES, string_reg(ctxt, EMUL_RDI), &val, bytes);

	if (rc == EMUL_OK)
		advance(ctxt, EMUL_RDI, bytes);
	return rc;
}

static int one_lods(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	u64 val;
	int rc = read_source(ctxt, &val);

	if (rc != EMUL_OK)
		return rc;
	emul_reg_set(ctxt, EMUL_RAX, val, bytes);
	advance(ctxt, EMUL_RSI, bytes);
	return EMUL_OK;
}

static int one_scas(struct emul_ctxt *ctxt)
{
	unsigned int bytes = ctxt->insn.op_bytes;
	u64 val = 0;
	int rc = emul_read(ctxt, EMUL_ES, string_reg(ctxt, EMUL_RDI), &val, bytes, 0);

	if (rc != EMUL_OK)
		return rc;
	emul_compare(ctxt, emul_reg_get(ctxt, EMUL_RAX, bytes), val, bytes);
	advance(ctxt, EMUL_RDI, bytes);
	return EMUL_OK;
}

/* REPE and REPNE stop early; only CMPS and SCAS look at ZF. */
static bool rep_stops(const struct emul_ctxt *ctxt)
{
	bool zero = ctxt->flags & FL_ZF;

	return ctxt->insn.rep == 0xf3 ? !zero : zero;
}

static int repeat(struct emul_ctxt *ctxt, int (*one)(struct emul_ctxt *ctxt), bool compares)
{
	unsigned int max = ctxt->rflags & FL_TF ? 1 : MAX_ITERATIONS;
	unsigned int done;
	u64 count;
	int rc;

	if (!ctxt->insn.rep)
		return one(ctxt);
	count = string_reg(ctxt, EMUL_RCX);
	for (done = 0; count; done++) {
		if (done == max || ctxt->yield) {
			ctxt->restart = true;
			break;
		}
		rc = one(ctxt);
		if (rc != EMUL_OK) {
			/* the iterations before this one have happened */
			if (done)
				emul_commit_regs(ctxt);
			return rc;
		}
		emul_reg_set(ctxt, EMUL_RCX, --count, ctxt->insn.ad_bytes);
		if (compares && rep_stops(ctxt))
			break;
	}
	return EMUL_OK;
}

int ex_movs(struct emul_ctxt *ctxt)
{
	return repeat(ctxt, one_movs, false);
}

int ex_cmps(struct emul_ctxt *ctxt)
{
	return repeat(ctxt, one_cmps, true);
}

int ex_stos(struct emul_ctxt *ctxt)
{
	return repeat(ctxt, one_stos, false);
}

int ex_lods(struct emul_ctxt *ctxt)
{
	return repeat(ctxt, one_lods, false);
}

int ex_scas(struct emul_ctxt *ctxt)
{
	return repeat(ctxt, one_scas, true);
}

/*
 * How many elements of INS or OUTS can go in one port transaction? More than one only when they
 * ascend within one page of plain RAM, where none of them can fault: what a device has given cannot
 * be put back.
 */
static unsigned int batch_size(struct emul_ctxt *ctxt, int sreg, u64 ea, unsigned int size,
			       u64 count, unsigned int flags)
{
	u64 linear, room;

	if (ctxt->rflags & (FL_TF | FL_DF))
		return 1;
	if (count > EMUL_MAX_PIO / size)
		count = EMUL_MAX_PIO / size;
	if (emul_linear(ctxt, sreg, ea, size, flags, &linear) != EMUL_OK)
		return 1;
	room = (0x1000 - (linear & 0xfff)) / size;
	if (count > room)
		count = room;
	if (count < 2 || ea + count * size - 1 > emul_mask(ctxt->insn.ad_bytes))
		return 1;
	if (emul_linear(ctxt, sreg, ea, count * size, flags, &linear) != EMUL_OK)
		return 1;
	flags |= EMUL_A_BULK | (ctxt->cpl == 3 ? EMUL_A_USER : 0);
	if (ctxt->ops->probe(ctxt, linear, count * size, flags) != EMUL_OK)
		return 1;
	return count;
}

/* Registers after @n elements of a string port instruction. */
static int finish_batch(struct emul_ctxt *ctxt, enum emul_reg reg, unsigned int size,
			unsigned int n)
{
	u64 count;

	advance(ctxt, reg, n * size);
	if (ctxt->insn.rep) {
		count = string_reg(ctxt, EMUL_RCX) - n;
		emul_reg_set(ctxt, EMUL_RCX, count, ctxt->insn.ad_bytes);
		ctxt->restart = count != 0;
	}
	return EMUL_OK;
}

static int write_batch(struct emul_ctxt *ctxt, u64 linear, unsigned int size, unsigned int total)
{
	unsigned int pos, len, step;
	int rc;

	if (total == size)
		return emul_write_linear(ctxt, linear, ctxt->pio, size, 0);
	for (pos = 0; pos < total; pos += len) {
		len = total - pos < EMUL_MAX_ACCESS ? total - pos : EMUL_MAX_ACCESS;
		rc = emul_write_linear(ctxt, linear + pos, ctxt->pio + pos, len, EMUL_A_BULK);
		/* no longer RAM, although it was when probed */
		for (step = 0; rc == EMUL_RETRY && step < len; step += size) {
			rc = emul_write_linear(ctxt, linear + pos + step, ctxt->pio + pos + step,
					       size, 0);
			if (rc == EMUL_OK && step + size < len)
				rc = EMUL_RETRY;
		}
		if (rc != EMUL_OK)
			return rc;
	}
	return EMUL_OK;
}

int ex_ins(struct emul_ctxt *ctxt)
{
	unsigned int size = ctxt->insn.op_bytes > 4 ? 4 : ctxt->insn.op_bytes;
	u16 port = emul_reg_get(ctxt, EMUL_RDX, 2);
	u64 count = ctxt->insn.rep ? string_reg(ctxt, EMUL_RCX) : 1;
	u64 ea = string_reg(ctxt, EMUL_RDI);
	unsigned int n;
	u64 linear;
	int rc;

	if (!count)
		return EMUL_OK;
	rc = emul_io_allowed(ctxt, port, size);
	if (rc != EMUL_OK)
		return rc;
	n = batch_size(ctxt, EMUL_ES, ea, size, count, EMUL_A_WRITE);
	rc = emul_linear(ctxt, EMUL_ES, ea, n * size, EMUL_A_WRITE, &linear);
	if (rc == EMUL_OK && n == 1)
		rc = ctxt->ops->probe(ctxt, linear, size,
				      EMUL_A_WRITE | (ctxt->cpl == 3 ? EMUL_A_USER : 0));
	if (rc == EMUL_OK)
		rc = ctxt->ops->pio_in(ctxt, port, size, ctxt->pio, n);
	if (rc == EMUL_OK)
		rc = write_batch(ctxt, linear, size, n * size);
	return rc == EMUL_OK ? finish_batch(ctxt, EMUL_RDI, size, n) : rc;
}

static int read_batch(struct emul_ctxt *ctxt, u64 linear, unsigned int total)
{
	unsigned int pos, len;
	int rc;

	for (pos = 0; pos < total; pos += len) {
		len = total - pos < EMUL_MAX_ACCESS ? total - pos : EMUL_MAX_ACCESS;
		rc = emul_read_linear(ctxt, linear + pos, ctxt->pio + pos, len, EMUL_A_BULK);
		if (rc != EMUL_OK)
			return rc;
	}
	return EMUL_OK;
}

int ex_outs(struct emul_ctxt *ctxt)
{
	unsigned int size = ctxt->insn.op_bytes > 4 ? 4 : ctxt->insn.op_bytes;
	u16 port = emul_reg_get(ctxt, EMUL_RDX, 2);
	u64 count = ctxt->insn.rep ? string_reg(ctxt, EMUL_RCX) : 1;
	u64 ea = string_reg(ctxt, EMUL_RSI);
	unsigned int n;
	u64 linear;
	int rc;

	if (!count)
		return EMUL_OK;
	rc = emul_io_allowed(ctxt, port, size);
	if (rc != EMUL_OK)
		return rc;
	n = batch_size(ctxt, ctxt->insn.seg, ea, size, count, 0);
	rc = emul_linear(ctxt, ctxt->insn.seg, ea, n * size, 0, &linear);
	if (rc != EMUL_OK)
		return rc;
	rc = n > 1 ? read_batch(ctxt, linear, n * size) : EMUL_RETRY;
	if (rc == EMUL_RETRY) {
		n = 1;
		rc = emul_read_linear(ctxt, linear, ctxt->pio, size, 0);
	}
	if (rc == EMUL_OK)
		rc = ctxt->ops->pio_out(ctxt, port, size, ctxt->pio, n);
	return rc == EMUL_OK ? finish_batch(ctxt, EMUL_RSI, size, n) : rc;
}
