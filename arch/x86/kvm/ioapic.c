// SPDX-License-Identifier: GPL-2.0-only
/* The IOAPIC: 24 lines, each a message to local APICs (82093AA data sheet, order 290566). */
#include <linux/bitmap.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/apicdef.h>
#include "chips.h"
#include "trace.h"

#define PINS		KVM_IOAPIC_NUM_PINS
#define MMIO_LEN	0x100
#define REG_SELECT	0x00
#define REG_WINDOW	0x10

/* Behind the window */
#define SEL_ID		0
#define SEL_VERSION	1
#define SEL_ARBITRATION	2
#define SEL_REDIR	0x10		/* two for each pin */

#define VERSION		0x11		/* without an EOI register */

/* A redirection entry */
#define E_VECTOR	GENMASK_ULL(7, 0)
#define E_MODE		GENMASK_ULL(10, 8)
#define E_LOGICAL	BIT_ULL(11)
#define E_POLARITY	BIT_ULL(13)	/* lines here are up or down: it does not matter */
#define E_REMOTE_IRR	BIT_ULL(14)
#define E_LEVEL		BIT_ULL(15)
#define E_MASK		BIT_ULL(16)
#define E_DEST		GENMASK_ULL(63, 56)
#define E_WRITABLE	(E_VECTOR | E_MODE | E_LOGICAL | E_POLARITY | E_LEVEL | E_MASK | E_DEST)

/* So many level interrupts whose line is still up at their EOI: nobody in the guest handles it. */
#define STORM_LIMIT	10000
#define STORM_PAUSE	(HZ / 100)

/* --- sending ------------------------------------------------------------------------ */

static u8 mode_of(u64 e)
{
	return (e & E_MODE) >> 8;
}

/* Send @pin's message if it may be sent. Lock held. Return: as keel_irq_set_fn. */
static int send(struct x86_ioapic *io, unsigned int pin)
{
	u64 e = io->redir[pin];
	struct x86_apic_msg msg = {
		.dest = e >> 56,
		.vector = e,
		.mode = mode_of(e),
		.logical = e & E_LOGICAL,
		.level = true,
	};
	int r;

	if (e & E_MASK)
		return -1;
	/* Only these two are ended by an EOI; all other modes are edges. */
	if (msg.mode <= APIC_DELIVERY_MODE_LOWESTPRIO)
		msg.trig_level = e & E_LEVEL;
	if (msg.trig_level && (e & E_REMOTE_IRR))
		return 0;
	r = x86_deliver(io->vm, NULL, &msg);
	/* Not if it is lost in one that waits already: the EOI of that one sends it again. */
	if (r > 0 && msg.trig_level)
		io->redir[pin] |= E_REMOTE_IRR;
	return r;
}

static void send_level(struct x86_ioapic *io, unsigned int pin)
{
	if ((io->irr & BIT(pin)) && (io->redir[pin] & E_LEVEL))
		send(io, pin);
}

int x86_ioapic_set_irq(struct x86_ioapic *io, unsigned int pin, int source, int level)
{
	unsigned long flags;
	bool was_up;
	int r = 1;

	raw_spin_lock_irqsave(&io->lock, flags);
	if (level) {
		io->sources[pin] |= BIT(source);
		was_up = io->irr & BIT(pin);
		io->irr |= BIT(pin);
		/* Without a new edge there is nothing to send. */
		if (was_up && !(io->redir[pin] & E_LEVEL))
			r = 0;
		else
			r = send(io, pin);
		trace_kvm_ioapic_set_irq(io->redir[pin], pin, !r);
	} else {
		io->sources[pin] &= ~BIT(source);
		if (!io->sources[pin])
			io->irr &= ~BIT(pin);
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);
	return r;
}

/* --- EOI ---------------------------------------------------------------------------- */

/* A level that stays up is sent again, but not so often that the guest gets nothing else done. */
static void end_level(struct x86_ioapic *io, unsigned int pin)
{
	io->redir[pin] &= ~E_REMOTE_IRR;
	if (!(io->irr & BIT(pin)) || (io->redir[pin] & E_MASK)) {
		io->storm[pin] = 0;
		return;
	}
	if (++io->storm[pin] < STORM_LIMIT) {
		send(io, pin);
		return;
	}
	io->storm[pin] = 0;
	schedule_delayed_work(&io->later, STORM_PAUSE);
}

static void storm_over(struct work_struct *work)
{
	struct x86_ioapic *io = container_of(to_delayed_work(work), struct x86_ioapic, later);
	unsigned long flags;
	unsigned int pin;

	raw_spin_lock_irqsave(&io->lock, flags);
	for (pin = 0; pin < PINS; pin++)
		send_level(io, pin);
	raw_spin_unlock_irqrestore(&io->lock, flags);
}

static unsigned long pins_of(struct x86_ioapic *io, u8 vector)
{
	unsigned long flags, pins = 0;
	unsigned int pin;

	raw_spin_lock_irqsave(&io->lock, flags);
	for (pin = 0; pin < PINS; pin++)
		if ((io->redir[pin] & E_VECTOR) == vector)
			pins |= BIT(pin);
	raw_spin_unlock_irqrestore(&io->lock, flags);
	return pins;
}

/*
 * The notifiers run without the lock, because they drive lines, and before the level is looked
 * at, so that a device that drops it in time does not interrupt again.
 */
void x86_ioapic_eoi(struct x86_ioapic *io, u8 vector, bool level)
{
	unsigned long flags, pins = pins_of(io, vector);
	unsigned int pin;

	for_each_set_bit(pin, &pins, PINS) {
		keel_irq_acked(&io->vm->core, KVM_IRQCHIP_IOAPIC, pin);
		if (!level)
			continue;
		raw_spin_lock_irqsave(&io->lock, flags);
		if ((io->redir[pin] & (E_VECTOR | E_LEVEL)) == (vector | E_LEVEL))
			end_level(io, pin);
		raw_spin_unlock_irqrestore(&io->lock, flags);
	}
}

/* Which vectors EOIs have to be looked at for. Each word is exchanged as a whole: see chips.h. */
static void update_vectors(struct x86_ioapic *io)
{
	DECLARE_BITMAP(new, 256) = {};
	unsigned int i;

	for (i = 0; i < PINS; i++)
		__set_bit(io->redir[i] & E_VECTOR, new);
	for (i = 0; i < BITS_TO_LONGS(256); i++)
		WRITE_ONCE(io->vectors[i], new[i]);
}

/* --- registers ---------------------------------------------------------------------- */

static u64 clean_entry(u64 e)
{
	/* Guests switch to edge and back to be rid of a remote IRR that no EOI will clear. */
	return e & E_LEVEL ? e : e & ~E_REMOTE_IRR;
}

/* Return: the pin was masked and is not any more. */
static bool write_entry(struct x86_ioapic *io, unsigned int pin, bool high, u32 val)
{
	u64 old = io->redir[pin], mask = high ? GENMASK_ULL(63, 32) : GENMASK_ULL(31, 0);
	u64 new = high ? (u64)val << 32 : val;

	mask &= E_WRITABLE;
	io->redir[pin] = clean_entry((old & ~mask) | (new & mask));
	update_vectors(io);
	send_level(io, pin);
	return (old & E_MASK) && !(io->redir[pin] & E_MASK);
}

static u32 read_window(const struct x86_ioapic *io)
{
	unsigned int i = io->select - SEL_REDIR;

	switch (io->select) {
	case SEL_ID:
	case SEL_ARBITRATION:
		return (io->id & 0xf) << 24;
	case SEL_VERSION:
		return VERSION | (PINS - 1) << 16;
	}
	if (i >= 2 * PINS)
		return ~0u;
	i = array_index_nospec(i, 2 * PINS);
	return io->redir[i >> 1] >> (i & 1) * 32;
}

static void write_window(struct x86_ioapic *io, u32 val)
{
	unsigned int i = io->select - SEL_REDIR;
	struct x86_pit *pit;
	bool opened = false;
	unsigned long flags;

	raw_spin_lock_irqsave(&io->lock, flags);
	if (io->select == SEL_ID) {
		io->id = (val >> 24) & 0xf;
	} else if (i < 2 * PINS) {
		i = array_index_nospec(i, 2 * PINS);
		opened = write_entry(io, i >> 1, i & 1, val);
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);

	pit = READ_ONCE(io->vm->pit);
	if (opened && pit && keel_irq_has_ack(&io->vm->core, KVM_IRQCHIP_IOAPIC, i >> 1))
		x86_pit_unmasked(pit);
}

static int mmio_read(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len, void *val)
{
	struct x86_ioapic *io = to_x86_vm(vcpu->vm)->ioapic;
	u32 offset = addr & (MMIO_LEN - 1);
	unsigned long flags;
	u64 data = 0;

	raw_spin_lock_irqsave(&io->lock, flags);
	if (offset == REG_SELECT)
		data = io->select;
	else if (offset == REG_WINDOW)
		data = read_window(io);
	raw_spin_unlock_irqrestore(&io->lock, flags);
	memcpy(val, &data, min_t(int, len, sizeof(data)));
	return 0;
}

static int mmio_write(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len,
		      const void *val)
{
	struct x86_ioapic *io = to_x86_vm(vcpu->vm)->ioapic;
	u32 offset = addr & (MMIO_LEN - 1), data = 0;

	memcpy(&data, val, min_t(int, len, sizeof(data)));
	if (offset == REG_SELECT)
		WRITE_ONCE(io->select, data);
	else if (offset == REG_WINDOW)
		write_window(io, data);
	return 0;
}

static const struct keel_io_dev_ops mmio_ops = {
	.read = mmio_read,
	.write = mmio_write,
};

/* --- save and restore --------------------------------------------------------------- */

void x86_ioapic_get(struct x86_ioapic *io, struct kvm_ioapic_state *state)
{
	unsigned long flags;
	unsigned int pin;

	memset(state, 0, sizeof(*state));
	raw_spin_lock_irqsave(&io->lock, flags);
	state->base_address = IO_APIC_DEFAULT_PHYS_BASE;
	state->ioregsel = io->select;
	state->id = io->id;
	for (pin = 0; pin < PINS; pin++) {
		state->redirtbl[pin].bits = io->redir[pin];
		/* An edge was sent when it came: nothing of it waits. */
		if (io->redir[pin] & E_LEVEL)
			state->irr |= io->irr & BIT(pin);
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);
}

void x86_ioapic_set(struct x86_ioapic *io, const struct kvm_ioapic_state *state)
{
	unsigned long flags;
	unsigned int pin;

	raw_spin_lock_irqsave(&io->lock, flags);
	io->select = state->ioregsel;
	io->id = state->id & 0xf;
	io->irr = state->irr & GENMASK(PINS - 1, 0);
	for (pin = 0; pin < PINS; pin++) {
		io->redir[pin] = clean_entry(state->redirtbl[pin].bits &
					     (E_WRITABLE | E_REMOTE_IRR));
		io->storm[pin] = 0;
	}
	update_vectors(io);
	for (pin = 0; pin < PINS; pin++) {
		if (io->irr & BIT(pin))
			send(io, pin);
		if (!(io->redir[pin] & E_LEVEL))
			io->irr &= ~BIT(pin);
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);
}

/* --- life --------------------------------------------------------------------------- */

static const struct keel_bus_place place = {
	KEEL_BUS_MMIO, MMIO_LEN, IO_APIC_DEFAULT_PHYS_BASE, &mmio_ops
};

struct x86_ioapic *x86_ioapic_create(struct x86_vm *vm)
{
	struct x86_ioapic *io = kzalloc(sizeof(*io), GFP_KERNEL_ACCOUNT);
	unsigned int pin;
	int r;

	if (!io)
		return ERR_PTR(-ENOMEM);
	io->vm = vm;
	raw_spin_lock_init(&io->lock);
	INIT_DELAYED_WORK(&io->later, storm_over);
	for (pin = 0; pin < PINS; pin++)
		io->redir[pin] = E_MASK;
	update_vectors(io);
	r = keel_bus_attach(&vm->core, &place, 1, &io->dev);
	if (r) {
		kfree(io);
		return ERR_PTR(r);
	}
	return io;
}

/* After this nothing is sent that no vCPU or device asks for. */
void x86_ioapic_quiesce(struct x86_ioapic *io)
{
	cancel_delayed_work_sync(&io->later);
}

void x86_ioapic_destroy(struct x86_ioapic *io)
{
	x86_ioapic_quiesce(io);
	keel_bus_detach(&io->vm->core, &place, 1, &io->dev);
	kfree(io);
}
