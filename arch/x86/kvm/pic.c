// SPDX-License-Identifier: GPL-2.0-only
/* Two cascaded 8259A interrupt controllers, with the edge/level registers of PCI chipsets. */
#include <linux/slab.h>
#include <linux/string.h>
#include "chips.h"
#include "trace.h"

/*
 * Intel 8259A data sheet (order number 231468). Command words are told apart by address bit 0 and,
 * at address 0, by bits 4 and 3.
 */
#define ICW1		BIT(4)
#define ICW1_IC4	BIT(0)		/* ICW4 will come */
#define ICW4_AEOI	BIT(1)
#define ICW4_SFNM	BIT(4)		/* special fully nested mode */
#define OCW3		BIT(3)
#define OCW3_RIS	BIT(0)
#define OCW3_RR		BIT(1)
#define OCW3_POLL	BIT(2)
#define OCW3_SMM	BIT(5)		/* special mask mode */
#define OCW3_ESMM	BIT(6)

/* OCW2 bits 7:5: rotate, specific, EOI */
enum {
	OCW2_AEOI_ROTATE_OFF, OCW2_EOI, OCW2_NOP, OCW2_EOI_SPECIFIC,
	OCW2_AEOI_ROTATE_ON, OCW2_EOI_ROTATE, OCW2_SET_PRIORITY, OCW2_EOI_SPECIFIC_ROTATE,
};

/* kvm_pic_state.init_state: what the next write to address 1 is */
enum { EXPECT_OCW1, EXPECT_ICW2, EXPECT_ICW3, EXPECT_ICW4 };

#define MASTER		0
#define SLAVE		1
#define CASCADE		2		/* the master's input for the slave */
#define NO_IRQ		(-1)

/* Timer, keyboard, cascade, RTC and FPU are always edges. */
static const u8 elcr_mask[2] = { 0xf8, 0xde };

/* --- one chip ----------------------------------------------------------------------- */

/* The input of highest priority in @set, as a distance from the top; 8 for none. */
static unsigned int rank(const struct kvm_pic_state *c, u8 set)
{
	u8 turned = set >> c->priority_add | set << (8 - c->priority_add);

	return turned ? __ffs(turned) : 8;
}

static unsigned int input_at(const struct kvm_pic_state *c, unsigned int rank)
{
	return (c->priority_add + rank) & 7;
}

/* The input that INT stands for, or NO_IRQ: requested, not masked, above all in service. */
static int requesting(const struct x86_pic *pic, unsigned int chip)
{
	const struct kvm_pic_state *c = &pic->chip[chip];
	unsigned int want = rank(c, c->irr & ~c->imr);
	u8 busy = c->isr;

	if (want == 8)
		return NO_IRQ;
	if (c->special_mask)
		busy &= ~c->imr;
	/* Fully nested with a slave: another one of the slave's may come through. */
	if (c->special_fully_nested_mode && chip == MASTER)
		busy &= ~BIT(CASCADE);
	return want < rank(c, busy) ? (int)input_at(c, want) : NO_IRQ;
}

static void end_of_interrupt(struct x86_pic *pic, unsigned int chip, unsigned int input)
{
	pic->chip[chip].isr &= ~BIT(input);
	pic->acked |= BIT(input + chip * 8);
}

/* One INTA cycle at one chip. */
static void acknowledge(struct x86_pic *pic, unsigned int chip, unsigned int input)
{
	struct kvm_pic_state *c = &pic->chip[chip];

	c->isr |= BIT(input);
	if (!(c->elcr & BIT(input)))
		c->irr &= ~BIT(input);		/* an edge is used up */
	if (!c->auto_eoi)
		return;
	if (c->rotate_on_auto_eoi)
		c->priority_add = (input + 1) & 7;
	end_of_interrupt(pic, chip, input);
}

/* Return: 1 the request is new, 0 it waited already, -1 it is masked. */
static int drive(struct kvm_pic_state *c, unsigned int input, bool level)
{
	u8 bit = BIT(input);
	int r = 1;

	if (c->elcr & bit) {
		if (level) {
			r = !(c->irr & bit);
			c->irr |= bit;
		} else {
			c->irr &= ~bit;
		}
	} else if (level && !(c->last_irr & bit)) {
		r = !(c->irr & bit);
		c->irr |= bit;
	}
	if (level)
		c->last_irr |= bit;
	else
		c->last_irr &= ~bit;
	return c->imr & bit ? -1 : r;
}

/* --- both, and their way to a CPU --------------------------------------------------- */

/* The slave's INT is the master's input 2, which follows it. Return: did INTR rise? */
static bool update(struct x86_pic *pic)
{
	struct kvm_pic_state *master = &pic->chip[MASTER];
	bool before = pic->output;

	if (requesting(pic, SLAVE) != NO_IRQ)
		master->irr |= BIT(CASCADE);
	else
		master->irr &= ~BIT(CASCADE);
	WRITE_ONCE(pic->output, requesting(pic, MASTER) != NO_IRQ);
	return pic->output && !before;
}

static void wake_one(struct x86_vm *vm)
{
	struct keel_vcpu *vcpu;
	unsigned int i;

	for (i = 0; (vcpu = keel_vcpu_by_idx(&vm->core, i)); i++)
		if (x86_lapic_kick_extint(to_x86(vcpu)))
			return;
}

/*
 * Every operation ends here. Notifiers first, without the lock, for they drive lines: a device that
 * drops a level now does not interrupt again.
 */
static void finish(struct x86_pic *pic, unsigned long flags)
	__releases(&pic->lock)
{
	unsigned long acked;
	unsigned int pin;
	bool rose;

	while (unlikely(pic->acked)) {
		acked = pic->acked;
		pic->acked = 0;
		raw_spin_unlock_irqrestore(&pic->lock, flags);
		for_each_set_bit(pin, &acked, X86_PIC_PINS)
			keel_irq_acked(&pic->vm->core,
				       pin < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
				       pin & 7);
		raw_spin_lock_irqsave(&pic->lock, flags);
	}
	rose = update(pic);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	if (rose)
		wake_one(pic->vm);
}

int x86_pic_set_irq(struct x86_pic *pic, unsigned int pin, int source, int level)
{
	struct kvm_pic_state *c = &pic->chip[pin >> 3];
	unsigned long flags;
	int r;

	raw_spin_lock_irqsave(&pic->lock, flags);
	if (level)
		pic->sources[pin] |= BIT(source);
	else
		pic->sources[pin] &= ~BIT(source);
	r = drive(c, pin & 7, pic->sources[pin]);
	trace_kvm_pic_set_irq(pin >> 3, pin & 7, c->elcr, c->imr, !r);
	finish(pic, flags);
	return r;
}

int x86_pic_ack(struct x86_pic *pic)
{
	unsigned long flags;
	int input, vector = NO_IRQ;

	raw_spin_lock_irqsave(&pic->lock, flags);
	input = requesting(pic, MASTER);
	if (input == CASCADE) {
		acknowledge(pic, MASTER, CASCADE);
		input = requesting(pic, SLAVE);
		if (input != NO_IRQ)
			acknowledge(pic, SLAVE, input);
		else
			input = 7;	/* spurious: it went away in between */
		vector = pic->chip[SLAVE].irq_base + input;
	} else if (input != NO_IRQ) {
		acknowledge(pic, MASTER, input);
		vector = pic->chip[MASTER].irq_base + input;
	}
	finish(pic, flags);
	return vector;
}

/* --- ports -------------------------------------------------------------------------- */

/* ICW1: edges that waited are gone, levels are not; everything else begins anew. */
static void start_init(struct x86_pic *pic, unsigned int chip, u8 val)
{
	struct kvm_pic_state *c = &pic->chip[chip];
	u8 gone = c->isr | (c->irr & ~c->elcr);

	pic->acked |= (u16)gone << (chip * 8);
	c->irr &= c->elcr;
	c->last_irr &= c->elcr;
	c->isr = 0;
	c->imr = 0;
	c->priority_add = 0;
	c->special_mask = 0;
	c->read_reg_select = 0;
	c->poll = 0;
	c->init4 = val & ICW1_IC4;
	if (!c->init4) {
		c->special_fully_nested_mode = 0;
		c->auto_eoi = 0;
		c->rotate_on_auto_eoi = 0;
	}
	c->init_state = EXPECT_ICW2;
}

static void ocw2(struct x86_pic *pic, unsigned int chip, u8 val)
{
	struct kvm_pic_state *c = &pic->chip[chip];
	unsigned int command = val >> 5, input = val & 7;

	switch (command) {
	case OCW2_AEOI_ROTATE_OFF:
	case OCW2_AEOI_ROTATE_ON:
		c->rotate_on_auto_eoi = command == OCW2_AEOI_ROTATE_ON;
		return;
	case OCW2_SET_PRIORITY:
		c->priority_add = (input + 1) & 7;
		return;
	case OCW2_NOP:
		return;
	case OCW2_EOI:
	case OCW2_EOI_ROTATE:
		if (!c->isr)
			return;
		input = input_at(c, rank(c, c->isr));
		break;
	}
	if (command == OCW2_EOI_ROTATE || command == OCW2_EOI_SPECIFIC_ROTATE)
		c->priority_add = (input + 1) & 7;
	end_of_interrupt(pic, chip, input);
}

static void write_command(struct x86_pic *pic, unsigned int chip, u8 val)
{
	struct kvm_pic_state *c = &pic->chip[chip];

	if (val & ICW1) {
		start_init(pic, chip, val);
	} else if (val & OCW3) {
		if (val & OCW3_POLL)
			c->poll = 1;
		if (val & OCW3_RR)
			c->read_reg_select = val & OCW3_RIS;
		if (val & OCW3_ESMM)
			c->special_mask = !!(val & OCW3_SMM);
	} else {
		ocw2(pic, chip, val);
	}
}

/* Return: inputs that were masked and are not any more. */
static u8 write_data(struct x86_pic *pic, unsigned int chip, u8 val)
{
	struct kvm_pic_state *c = &pic->chip[chip];
	u8 opened = 0;

	switch (c->init_state) {
	case EXPECT_OCW1:
		opened = c->imr & ~val;
		c->imr = val;
		break;
	case EXPECT_ICW2:
		c->irq_base = val & 0xf8;
		c->init_state = EXPECT_ICW3;
		break;
	case EXPECT_ICW3:	/* the cascade is wired, whatever the guest says */
		c->init_state = c->init4 ? EXPECT_ICW4 : EXPECT_OCW1;
		break;
	case EXPECT_ICW4:
		c->special_fully_nested_mode = !!(val & ICW4_SFNM);
		c->auto_eoi = !!(val & ICW4_AEOI);
		c->init_state = EXPECT_OCW1;
		break;
	}
	return opened;
}

/* The read after OCW3 with P set stands for INTA. */
static u8 poll(struct x86_pic *pic, unsigned int chip)
{
	int input = requesting(pic, chip);

	pic->chip[chip].poll = 0;
	if (input == NO_IRQ)
		return 0;
	acknowledge(pic, chip, input);
	return BIT(7) | input;
}

/* Each of these is a byte, and reading it changes nothing: no lock is needed. */
static u8 plain_read(const struct kvm_pic_state *c, u64 addr)
{
	if (addr & 1)
		return READ_ONCE(c->imr);
	return READ_ONCE(c->read_reg_select) ? READ_ONCE(c->isr) : READ_ONCE(c->irr);
}

static int port_read(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len, void *val)
{
	struct x86_pic *pic = to_x86_vm(vcpu->vm)->pic;
	unsigned int chip = addr >= 0xa0 ? SLAVE : MASTER;
	struct kvm_pic_state *c = &pic->chip[chip];
	unsigned long flags;

	if (unlikely(len != 1)) {
		memset(val, 0, len);
	} else if (unlikely(READ_ONCE(c->poll))) {
		raw_spin_lock_irqsave(&pic->lock, flags);
		*(u8 *)val = c->poll ? poll(pic, chip) : plain_read(c, addr);
		finish(pic, flags);
	} else {
		*(u8 *)val = plain_read(c, addr);
	}
	return 0;
}

static int port_write(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len,
		      const void *val)
{
	struct x86_vm *vm = to_x86_vm(vcpu->vm);
	unsigned int chip = addr >= 0xa0 ? SLAVE : MASTER;
	u8 data = *(const u8 *)val, opened = 0;
	struct x86_pic *pic = vm->pic;
	unsigned long flags;

	if (len != 1)
		return 0;
	raw_spin_lock_irqsave(&pic->lock, flags);
	if (addr & 1)
		opened = write_data(pic, chip, data);
	else
		write_command(pic, chip, data);
	finish(pic, flags);
	if (chip == MASTER && (opened & BIT(0)) && READ_ONCE(vm->pit))
		x86_pit_unmasked(vm->pit);
	return 0;
}

static const struct keel_io_dev_ops port_ops = {
	.read = port_read,
	.write = port_write,
};

static int elcr_read(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len, void *val)
{
	struct x86_pic *pic = to_x86_vm(vcpu->vm)->pic;

	memset(val, 0, len);
	if (len == 1)
		*(u8 *)val = READ_ONCE(pic->chip[addr & 1].elcr);
	return 0;
}

static int elcr_write(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len,
		      const void *val)
{
	struct x86_pic *pic = to_x86_vm(vcpu->vm)->pic;
	struct kvm_pic_state *c = &pic->chip[addr & 1];
	unsigned long flags;

	if (len != 1)
		return 0;
	raw_spin_lock_irqsave(&pic->lock, flags);
	c->elcr = *(const u8 *)val & elcr_mask[addr & 1];
	/* A line that is a level from now on requests as long as it is up. */
	c->irr = (c->irr & ~c->elcr) | (c->last_irr & c->elcr);
	finish(pic, flags);
	return 0;
}

static const struct keel_io_dev_ops elcr_ops = {
	.read = elcr_read,
	.write = elcr_write,
};

/* --- save and restore --------------------------------------------------------------- */

void x86_pic_get(struct x86_pic *pic, struct kvm_pic_state *state, unsigned int chip)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pic->lock, flags);
	*state = pic->chip[chip];
	raw_spin_unlock_irqrestore(&pic->lock, flags);
}

void x86_pic_set(struct x86_pic *pic, const struct kvm_pic_state *state, unsigned int chip)
{
	struct kvm_pic_state s = *state;
	unsigned long flags;

	/* What is used as a number or must be one of a few. */
	s.priority_add &= 7;
	s.init_state &= 3;
	s.irq_base &= 0xf8;
	s.elcr_mask = elcr_mask[chip];
	s.elcr &= s.elcr_mask;
	raw_spin_lock_irqsave(&pic->lock, flags);
	pic->chip[chip] = s;
	pic->output = false;	/* whatever waits in the new state, its CPU must be told */
	finish(pic, flags);
}

/* --- life --------------------------------------------------------------------------- */

static const struct keel_bus_place ports[] = {
	{ KEEL_BUS_PIO, 2, 0x20, &port_ops },
	{ KEEL_BUS_PIO, 2, 0xa0, &port_ops },
	{ KEEL_BUS_PIO, 2, 0x4d0, &elcr_ops },
};

struct x86_pic *x86_pic_create(struct x86_vm *vm)
{
	struct x86_pic *pic = kzalloc(sizeof(*pic), GFP_KERNEL_ACCOUNT);
	int r;

	if (!pic)
		return ERR_PTR(-ENOMEM);
	pic->vm = vm;
	raw_spin_lock_init(&pic->lock);
	pic->chip[MASTER].elcr_mask = elcr_mask[MASTER];
	pic->chip[SLAVE].elcr_mask = elcr_mask[SLAVE];
	r = keel_bus_attach(&vm->core, ports, ARRAY_SIZE(ports), pic->port);
	if (r) {
		kfree(pic);
		return ERR_PTR(r);
	}
	return pic;
}

void x86_pic_destroy(struct x86_pic *pic)
{
	keel_bus_detach(&pic->vm->core, ports, ARRAY_SIZE(ports), pic->port);
	kfree(pic);
}
