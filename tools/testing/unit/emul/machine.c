// SPDX-License-Identifier: GPL-2.0-only
/* The callbacks of the array guest. */
#include "machine.h"

struct machine *to_machine(struct emul_ctxt *ctxt)
{
	return (struct machine *)((char *)ctxt - offsetof(struct machine, ctxt));
}

/* splitmix64 */
u64 next_random(u64 *state)
{
	u64 z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static struct window *find_window(struct machine *m, u64 linear)
{
	unsigned int i;

	for (i = 0; i < m->nr_windows; i++)
		if (linear - m->windows[i].base < m->windows[i].size)
			return &m->windows[i];
	return NULL;
}

u8 *machine_ptr(struct machine *m, u64 linear, unsigned int len)
{
	struct window *w = find_window(m, linear);

	if (!w || w->size - (linear - w->base) < len)
		return NULL;
	return w->mem + (linear - w->base);
}

static int hook(struct machine *m, enum call_kind kind, u64 addr, unsigned int len,
		unsigned int flags)
{
	return m->hook ? m->hook(m, kind, addr, len, flags) : EMUL_OK;
}

static int page_fault(struct machine *m, u64 addr, unsigned int flags)
{
	return emul_raise_pf(&m->ctxt, addr,
			     (flags & EMUL_A_WRITE ? 2 : 0) | (flags & EMUL_A_USER ? 4 : 0));
}

/* All bytes of a range must exist before any of them is touched. */
static int check_range(struct machine *m, u64 linear, unsigned int len, unsigned int flags)
{
	unsigned int i;

	for (i = 0; i < len; i++) {
		struct window *w = find_window(m, linear + i);

		if (!w || ((flags & EMUL_A_WRITE) && w->read_only))
			return page_fault(m, linear + i, flags);
		if (w->mmio && (flags & EMUL_A_BULK))
			return EMUL_RETRY;
	}
	return EMUL_OK;
}

static void fill_pending(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < m->pending.len * m->pending.count; i++)
		m->pending.data[i] = next_random(&m->device);
}

/*
 * A read that only user space can answer: from the log if it has been, else it is the one to ask
 * for.
 */
static int outside_read(struct machine *m, enum io_kind kind, u64 addr, unsigned int len,
			unsigned int count, u8 *buf)
{
	if (m->log_pos < m->nr_log) {
		struct io *io = &m->log[m->log_pos];

		if (io->kind != kind || io->addr != addr || io->len != len || io->count != count)
			return EMUL_FAIL;	/* the replay went another way */
		m->log_pos++;
		memcpy(buf, io->data, len * count);
		m->ctxt.yield = true;
		return EMUL_OK;
	}
	m->pending = (struct io){ .kind = kind, .addr = addr, .len = len, .count = count };
	if (m->immediate) {
		fill_pending(m);
		memcpy(buf, m->pending.data, len * count);
		m->ctxt.yield = true;
		return EMUL_OK;
	}
	return EMUL_IO;
}

static void outside_write(struct machine *m, enum io_kind kind, u64 addr, unsigned int len,
			  unsigned int count, const u8 *buf)
{
	struct io *io = &m->trace[m->nr_trace % MAX_TRACE];

	*io = (struct io){ .kind = kind, .addr = addr, .len = len, .count = count };
	memcpy(io->data, buf, len * count);
	m->nr_trace++;
	m->ctxt.yield = true;
}

void machine_answer(struct machine *m)
{
	fill_pending(m);
	m->log[m->nr_log++] = m->pending;
}

int machine_step(struct machine *m)
{
	int rc;

	m->nr_log = 0;
	do {
		m->log_pos = 0;
		rc = emul_decode(&m->ctxt, NULL, 0);
		if (rc == EMUL_OK)
			rc = emul_exec(&m->ctxt);
		if (rc == EMUL_IO)
			machine_answer(m);
	} while (rc == EMUL_IO && m->nr_log < MAX_LOG);
	return rc;
}

static int op_fetch(struct emul_ctxt *ctxt, u64 linear, u8 *buf, unsigned int len)
{
	struct machine *m = to_machine(ctxt);
	int rc = hook(m, CALL_FETCH, linear, len, 0);
	unsigned int i;

	if (rc != EMUL_OK)
		return rc;
	rc = check_range(m, linear, len, ctxt->cpl == 3 ? EMUL_A_USER : 0);
	for (i = 0; i < len && rc == EMUL_OK; i++)
		buf[i] = *machine_ptr(m, linear + i, 1);
	return rc;
}

static int op_read(struct emul_ctxt *ctxt, u64 linear, u8 *buf, unsigned int len,
		   unsigned int flags)
{
	struct machine *m = to_machine(ctxt);
	int rc = hook(m, CALL_READ, linear, len, flags);
	unsigned int i;

	if (rc != EMUL_OK)
		return rc;
	rc = check_range(m, linear, len, flags);
	if (rc != EMUL_OK)
		return rc;
	if (find_window(m, linear)->mmio)
		return outside_read(m, IO_READ, linear, len, 1, buf);
	for (i = 0; i < len; i++)
		buf[i] = *machine_ptr(m, linear + i, 1);
	return EMUL_OK;
}

static int op_write(struct emul_ctxt *ctxt, u64 linear, const u8 *buf, unsigned int len,
		    unsigned int flags)
{
	struct machine *m = to_machine(ctxt);
	int rc = hook(m, CALL_WRITE, linear, len, flags);
	unsigned int i;

	if (rc != EMUL_OK)
		return rc;
	rc = check_range(m, linear, len, flags | EMUL_A_WRITE);
	if (rc != EMUL_OK)
		return rc;
	if (find_window(m, linear)->mmio) {
		outside_write(m, IO_WRITE, linear, len, 1, buf);
		return EMUL_OK;
	}
	for (i = 0; i < len; i++)
		*machine_ptr(m, linear + i, 1) = buf[i];
	return EMUL_OK;
}

static int op_cmpxchg(struct emul_ctxt *ctxt, u64 linear, const u8 *old, const u8 *new,
		      unsigned int len,
		      unsigned int flags)
{
	struct machine *m = to_machine(ctxt);
	int rc = hook(m, CALL_CMPXCHG, linear, len, flags);
	unsigned int i;

	if (rc != EMUL_OK)
		return rc;
	rc = check_range(m, linear, len, flags | EMUL_A_WRITE);
	if (rc != EMUL_OK)
		return rc;
	m->cmpxchgs++;
	if (find_window(m, linear)->mmio) {
		outside_write(m, IO_WRITE, linear, len, 1, new);
		return EMUL_OK;
	}
	for (i = 0; i < len; i++)
		if (*machine_ptr(m, linear + i, 1) != old[i])
			return EMUL_RETRY;
	for (i = 0; i < len; i++)
		*machine_ptr(m, linear + i, 1) = new[i];
	return EMUL_OK;
}

static int op_probe(struct emul_ctxt *ctxt, u64 linear, unsigned int len, unsigned int flags)
{
	struct machine *m = to_machine(ctxt);
	int rc = hook(m, CALL_PROBE, linear, len, flags);

	return rc == EMUL_OK ? check_range(m, linear, len, flags) : rc;
}

static int op_pio_in(struct emul_ctxt *ctxt, u16 port, unsigned int size, u8 *buf,
		     unsigned int count)
{
	struct machine *m = to_machine(ctxt);
	int rc = hook(m, CALL_PIO, port, size, count);

	return rc == EMUL_OK ? outside_read(m, IO_PIN, port, size, count, buf) : rc;
}

static int op_pio_out(struct emul_ctxt *ctxt, u16 port, unsigned int size, const u8 *buf,
		      unsigned int count)
{
	struct machine *m = to_machine(ctxt);
	int rc = hook(m, CALL_PIO, port, size, count);

	if (rc == EMUL_OK)
		outside_write(m, IO_POUT, port, size, count, buf);
	return rc;
}

static void op_get_seg(struct emul_ctxt *ctxt, enum emul_sreg sreg, struct emul_seg *seg)
{
	*seg = to_machine(ctxt)->segs[sreg];
}

static void op_set_seg(struct emul_ctxt *ctxt, enum emul_sreg sreg, const struct emul_seg *seg)
{
	to_machine(ctxt)->segs[sreg] = *seg;
}

static void op_get_gdt(struct emul_ctxt *ctxt, struct emul_dtr *dt)
{
	*dt = to_machine(ctxt)->gdt;
}

static void op_get_idt(struct emul_ctxt *ctxt, struct emul_dtr *dt)
{
	*dt = to_machine(ctxt)->idt;
}

static void op_set_gdt(struct emul_ctxt *ctxt, const struct emul_dtr *dt)
{
	to_machine(ctxt)->gdt = *dt;
}

static void op_set_idt(struct emul_ctxt *ctxt, const struct emul_dtr *dt)
{
	to_machine(ctxt)->idt = *dt;
}

static u64 op_get_cr(struct emul_ctxt *ctxt, unsigned int nr)
{
	return to_machine(ctxt)->cr[nr];
}

static int op_set_cr(struct emul_ctxt *ctxt, unsigned int nr, u64 val)
{
	struct machine *m = to_machine(ctxt);
	int rc = hook(m, CALL_OTHER, nr, 0, 0);

	if (rc == EMUL_OK)
		m->cr[nr] = val;
	return rc;
}

static u64 op_get_dr(struct emul_ctxt *ctxt, unsigned int nr)
{
	return to_machine(ctxt)->dr[nr];
}

static int op_set_dr(struct emul_ctxt *ctxt, unsigned int nr, u64 val)
{
	struct machine *m = to_machine(ctxt);
	int rc = hook(m, CALL_OTHER, nr, 0, 0);

	if (rc == EMUL_OK)
		m->dr[nr] = val;
	return rc;
}

static int op_get_msr(struct emul_ctxt *ctxt, u32 index, u64 *val)
{
	struct machine *m = to_machine(ctxt);
	int rc = hook(m, CALL_OTHER, index, 0, 0);

	m->msr_index = index;
	*val = m->msr;
	return rc;
}

static int op_set_msr(struct emul_ctxt *ctxt, u32 index, u64 val)
{
	struct machine *m = to_machine(ctxt);
	int rc = hook(m, CALL_OTHER, index, 0, 0);

	if (rc == EMUL_OK) {
		m->msr_index = index;
		m->msr = val;
	}
	return rc;
}

static u64 op_peek_msr(struct emul_ctxt *ctxt, u32 index)
{
	struct machine *m = to_machine(ctxt);

	switch (index) {
	case 0xc0000080:
		return m->efer;
	case 0xc0000081:
		return m->star;
	case 0xc0000082:
		return m->lstar;
	case 0xc0000083:
		return m->cstar;
	case 0xc0000084:
		return m->sfmask;
	case 0xc0000102:
		return m->kernel_gs;
	case 0xc0000103:
		return m->tsc_aux;
	case 0x174:
		return m->sysenter_cs;
	case 0x175:
		return m->sysenter_esp;
	case 0x176:
		return m->sysenter_eip;
	default:
		__builtin_trap();	/* the emulator promises to ask for no other */
	}
}

static void op_poke_msr(struct emul_ctxt *ctxt, u32 index, u64 val)
{
	if (index != 0xc0000102)
		__builtin_trap();
	to_machine(ctxt)->kernel_gs = val;
}

static int op_cpuid(struct emul_ctxt *ctxt, u32 regs[4])
{
	u32 leaf = regs[0], sub = regs[2];
	unsigned int i;

	(void)ctxt;
	for (i = 0; i < 4; i++)
		regs[i] = leaf * 0x01000193 + sub * 31 + i;
	return EMUL_OK;
}

static u64 op_rdtsc(struct emul_ctxt *ctxt)
{
	return to_machine(ctxt)->tsc;
}

static int op_rdpmc(struct emul_ctxt *ctxt, u32 index, u64 *val)
{
	*val = to_machine(ctxt)->tsc + index;
	return EMUL_OK;
}

static int op_get_xcr(struct emul_ctxt *ctxt, u32 index, u64 *val)
{
	if (index)
		return emul_raise_error(ctxt, 13, 0);
	*val = to_machine(ctxt)->xcr0;
	return EMUL_OK;
}

static int op_set_xcr(struct emul_ctxt *ctxt, u32 index, u64 val)
{
	if (index || !(val & 1))
		return emul_raise_error(ctxt, 13, 0);
	to_machine(ctxt)->xcr0 = val;
	return EMUL_OK;
}

static int op_hlt(struct emul_ctxt *ctxt)
{
	to_machine(ctxt)->hlts++;
	return EMUL_OK;
}

static int op_wbinvd(struct emul_ctxt *ctxt)
{
	to_machine(ctxt)->wbinvds++;
	return EMUL_OK;
}

static int op_invlpg(struct emul_ctxt *ctxt, u64 linear)
{
	to_machine(ctxt)->invlpgs++;
	to_machine(ctxt)->invlpg_addr = linear;
	return EMUL_OK;
}

static int op_hypercall(struct emul_ctxt *ctxt)
{
	to_machine(ctxt)->hypercalls++;
	emul_reg_write(ctxt, EMUL_RAX, ~emul_reg_read(ctxt, EMUL_RAX));
	return EMUL_OK;
}

static void op_read_vec(struct emul_ctxt *ctxt, unsigned int reg, u8 *buf, unsigned int len)
{
	memcpy(buf, to_machine(ctxt)->vec[reg], len);
}

static void op_write_vec(struct emul_ctxt *ctxt, unsigned int reg, const u8 *buf, unsigned int len)
{
	memcpy(to_machine(ctxt)->vec[reg], buf, len);
}

const struct emul_ops machine_ops = {
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

/* A usual state of each mode: flat segments, paging and SSE on. */
void machine_init(struct machine *m, enum emul_mode mode)
{
	unsigned int i, dpl = mode == EMUL_VM86 ? 0x60 : 0;

	memset(m, 0, sizeof(*m));
	m->ctxt.ops = &machine_ops;
	m->ctxt.regs = m->regs;
	m->ctxt.mode = mode;
	m->ctxt.cpl = mode == EMUL_VM86 ? 3 : 0;
	m->ctxt.rflags = 2 | (mode == EMUL_VM86 ? 0x20000 : 0);
	for (i = EMUL_ES; i <= EMUL_GS; i++) {
		struct emul_seg *seg = &m->segs[i];

		if (mode == EMUL_REAL || mode == EMUL_VM86) {
			*seg = (struct emul_seg){ .limit = 0xffff, .attr = 0x93 | dpl };
		} else {
			*seg = (struct emul_seg){ .limit = ~0u, .selector = 0x10 };
			seg->attr = mode == EMUL_PROT16 ? 0x893 : 0xc93;
		}
	}
	if (mode >= EMUL_PROT16) {
		m->segs[EMUL_CS].selector = 8;
		m->segs[EMUL_CS].attr = mode == EMUL_PROT16 ? 0x89b : mode == EMUL_PROT32 ? 0xc9b :
			0xa9b;
	}
	m->segs[EMUL_TR] = (struct emul_seg){ .limit = 0x67, .attr = 0x8b };
	m->cr[0] = mode == EMUL_REAL ? 0x10 : 0x80000011;
	m->cr[4] = 0x200 | 0x40000;
	m->xcr0 = 7;
	if (mode == EMUL_PROT64)
		m->efer = 0x501;
	else
		m->efer = 1;
}

struct window *machine_window(struct machine *m, u64 base, u64 size, u8 *mem)
{
	struct window *w = &m->windows[m->nr_windows++];

	*w = (struct window){ .base = base, .size = size, .mem = mem };
	return w;
}
