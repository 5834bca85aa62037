// SPDX-License-Identifier: GPL-2.0-only
/* The 8254 interval timer: channel 0 ticks on GSI 0, channel 2 drives the speaker. */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timex.h>
#include "chips.h"

/* Intel 8254 data sheet (order number 231164). */
#define PORT		0x40
#define PORT_CONTROL	3
#define PORT_SPEAKER	0x61
#define CHANNELS	3
#define SPEAKER		2		/* the channel with a gate and an output to see */

/* Control word */
#define CW_BCD		BIT(0)
#define CW_READ_BACK	3		/* in place of a channel */
#define RB_NO_STATUS	BIT(4)
#define RB_NO_COUNT	BIT(5)

/* Which byte comes next: access mode of the control word, and the second half of mode 3 */
enum { RW_LATCH, RW_LSB, RW_MSB, RW_WORD_LSB, RW_WORD_MSB };

/* Port 0x61 */
#define SPK_GATE	BIT(0)
#define SPK_DATA	BIT(1)
#define SPK_REFRESH	BIT(4)
#define SPK_OUT		BIT(5)
#define REFRESH_SHIFT	14		/* DRAM refresh toggles each 15 us: 16384 ns */

#define MODE_IDLE	1		/* waits for its gate to open: nothing happens by itself */
#define MISSED_MAX	(1 << 20)

static bool periodic(const struct kvm_pit_channel_state *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* --- counting (data sheet, "Mode Definitions") -------------------------------------- */

static u64 counts_since(const struct x86_pit *pit, unsigned int ch)
{
	const struct kvm_pit_channel_state *c = &pit->state.channels[ch];
	/* Without its gate a count stands still; one-shots that a gate starts run to their end. */
	bool frozen = !c->gate && c->mode != 1 && c->mode != 5;
	s64 ns = frozen ? pit->frozen[ch] : ktime_get_ns() - c->count_load_time;

	return mul_u64_u32_div(max(ns, 0ll), PIT_TICK_RATE, NSEC_PER_SEC);
}

static u16 current_count(const struct x86_pit *pit, unsigned int ch)
{
	const struct kvm_pit_channel_state *c = &pit->state.channels[ch];
	u64 past = counts_since(pit, ch);

	if (!periodic(c))
		return c->count - past;
	if (c->mode == 3)
		past *= 2;
	return c->count - do_div(past, c->count);
}

static bool output(const struct x86_pit *pit, unsigned int ch)
{
	const struct kvm_pit_channel_state *c = &pit->state.channels[ch];
	u64 past = counts_since(pit, ch);

	switch (c->mode) {
	case 0:
		return past >= c->count;
	case 1:
		return past < c->count;
	case 2:			/* low for the last count of each period */
		return do_div(past, c->count) != c->count - 1;
	case 3:
		return do_div(past, c->count) < (c->count + 1) / 2;
	default:		/* low for one count at the end */
		return past != c->count;
	}
}

/* --- ticks: hard interrupt context, and acknowledges -------------------------------- */

/*
 * An edge on GSI 0. keel_set_irq() sleeps only where a route does, and none of x86 does. A tick
 * that everybody has masked will not be acknowledged: do not wait for that.
 */
static void tick(struct x86_pit *pit)
{
	struct keel_vm *vm = &pit->vm->core;
	int r;

	r = keel_set_irq(vm, X86_PIT_SOURCE, X86_PIT_GSI, 1, false);
	keel_set_irq(vm, X86_PIT_SOURCE, X86_PIT_GSI, 0, false);
	if (r < 0)
		x86_pit_unmasked(pit);
}

static void fire(struct keel_timer *timer, u64 periods)
{
	struct x86_pit *pit = container_of(timer, struct x86_pit, timer);
	struct keel_vcpu *vcpu;
	unsigned int i;

	/* A watchdog's NMI must come just when the guest does not handle its ticks. */
	for (i = 0; (vcpu = keel_vcpu_by_idx(&pit->vm->core, i)); i++)
		x86_lapic_watchdog(to_x86(vcpu));
	if (READ_ONCE(pit->reinject)) {
		if (atomic_read(&pit->missed) < MISSED_MAX)
			atomic_add(min_t(u64, periods, MISSED_MAX), &pit->missed);
		if (!atomic_xchg(&pit->ready, 0))
			return;
	}
	tick(pit);
}

/* The guest has handled a tick: one less, and the next of those that it missed at once. */
static void acked(struct keel_irq_ack *ack)
{
	struct x86_pit *pit = container_of(ack, struct x86_pit, ack);

	atomic_set(&pit->ready, 1);
	if (READ_ONCE(pit->reinject) && atomic_dec_if_positive(&pit->missed) > 0 &&
	    atomic_xchg(&pit->ready, 0))
		tick(pit);
}

void x86_pit_unmasked(struct x86_pit *pit)
{
	atomic_set(&pit->missed, 0);
	atomic_set(&pit->ready, 1);
}

void x86_pit_set_reinject(struct x86_pit *pit, bool on)
{
	mutex_lock(&pit->lock);
	x86_pit_unmasked(pit);
	WRITE_ONCE(pit->reinject, on);
	mutex_unlock(&pit->lock);
}

/* --- loading a count ---------------------------------------------------------------- */

/* Channel 0's gate is always open: the modes that wait for it to open (1, 5) never begin. */
static void start_ticks(struct x86_pit *pit)
{
	const struct kvm_pit_channel_state *c = &pit->state.channels[0];
	u64 ns = div_u64((u64)c->count * NSEC_PER_SEC, PIT_TICK_RATE);
	ktime_t begin = ns_to_ktime(c->count_load_time);

	keel_timer_cancel(&pit->timer);
	x86_pit_unmasked(pit);
	/* In legacy mode the HPET, in user space, ticks instead. */
	if (pit->state.flags & KVM_PIT_FLAGS_HPET_LEGACY)
		return;
	if (periodic(c)) {
		ns = max(ns, x86_min_timer_period());
		keel_timer_start(&pit->timer, ktime_add_ns(begin, ns), ns);
	} else if (c->mode == 0 || c->mode == 4) {
		keel_timer_start(&pit->timer, ktime_add_ns(begin, ns), 0);
	}
}

static void load(struct x86_pit *pit, unsigned int ch, u16 val)
{
	struct kvm_pit_channel_state *c = &pit->state.channels[ch];

	c->count = val ?: 0x10000;
	c->count_load_time = ktime_get_ns();
	pit->frozen[ch] = 0;
	if (ch == 0)
		start_ticks(pit);
}

static void set_gate(struct x86_pit *pit, unsigned int ch, bool gate)
{
	struct kvm_pit_channel_state *c = &pit->state.channels[ch];
	s64 now = ktime_get_ns();

	if (gate == !!c->gate)
		return;
	if (!gate)
		pit->frozen[ch] = now - c->count_load_time;
	else if (c->mode == 0 || c->mode == 4)
		c->count_load_time = now - pit->frozen[ch];	/* goes on */
	else
		c->count_load_time = now;			/* begins again */
	c->gate = gate;
}

/* --- ports -------------------------------------------------------------------------- */

static void latch_count(struct x86_pit *pit, unsigned int ch)
{
	struct kvm_pit_channel_state *c = &pit->state.channels[ch];

	if (c->count_latched)
		return;		/* the first one counts until it has been read */
	c->latched_count = current_count(pit, ch);
	c->count_latched = c->rw_mode;
}

static void latch_status(struct x86_pit *pit, unsigned int ch)
{
	struct kvm_pit_channel_state *c = &pit->state.channels[ch];

	if (c->status_latched)
		return;
	c->status = output(pit, ch) << 7 | c->rw_mode << 4 | c->mode << 1 | c->bcd;
	c->status_latched = 1;
}

static void write_control(struct x86_pit *pit, u8 val)
{
	unsigned int ch = val >> 6, access = (val >> 4) & 3, mode = (val >> 1) & 7;
	struct kvm_pit_channel_state *c;

	if (ch == CW_READ_BACK) {
		for (ch = 0; ch < CHANNELS; ch++) {
			if (!(val & BIT(ch + 1)))
				continue;
			if (!(val & RB_NO_COUNT))
				latch_count(pit, ch);
			if (!(val & RB_NO_STATUS))
				latch_status(pit, ch);
		}
		return;
	}
	ch = array_index_nospec(ch, CHANNELS);
	if (access == RW_LATCH) {
		latch_count(pit, ch);
		return;
	}
	c = &pit->state.channels[ch];
	c->rw_mode = access;
	c->read_state = access;
	c->write_state = access;
	c->mode = mode > 5 ? mode - 4 : mode;	/* bit 2 is ignored in modes 2 and 3 */
	c->bcd = val & CW_BCD;
	c->count_latched = 0;
	c->status_latched = 0;
	if (ch == 0)
		keel_timer_cancel(&pit->timer);	/* until a count is loaded */
}

static void write_count(struct x86_pit *pit, unsigned int ch, u8 val)
{
	struct kvm_pit_channel_state *c = &pit->state.channels[ch];

	switch (c->write_state) {
	case RW_LSB:
		load(pit, ch, val);
		break;
	case RW_MSB:
		load(pit, ch, val << 8);
		break;
	case RW_WORD_LSB:
		c->write_latch = val;
		c->write_state = RW_WORD_MSB;
		break;
	case RW_WORD_MSB:
		c->write_state = RW_WORD_LSB;
		load(pit, ch, c->write_latch | val << 8);
		break;
	}
}

/* One byte of @count; @state goes on if it is a word. */
static u8 next_byte(u8 *state, u16 count)
{
	switch (*state) {
	case RW_MSB:
		return count >> 8;
	case RW_WORD_LSB:
		*state = RW_WORD_MSB;
		return count;
	case RW_WORD_MSB:
		*state = RW_WORD_LSB;
		return count >> 8;
	default:
		return count;
	}
}

static u8 read_count(struct x86_pit *pit, unsigned int ch)
{
	struct kvm_pit_channel_state *c = &pit->state.channels[ch];
	u8 val;

	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	if (!c->count_latched)
		return next_byte(&c->read_state, current_count(pit, ch));
	val = next_byte(&c->count_latched, c->latched_count);
	if (c->count_latched != RW_WORD_MSB)
		c->count_latched = 0;
	return val;
}

static int port_read(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len, void *val)
{
	struct x86_pit *pit = container_of(dev, struct x86_pit, port[0]);
	unsigned int ch = addr & 3;

	memset(val, 0, len);
	if (ch == PORT_CONTROL)
		return 0;
	ch = array_index_nospec(ch, CHANNELS);
	mutex_lock(&pit->lock);
	*(u8 *)val = read_count(pit, ch);
	mutex_unlock(&pit->lock);
	return 0;
}

static int port_write(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len,
		      const void *val)
{
	struct x86_pit *pit = container_of(dev, struct x86_pit, port[0]);
	unsigned int ch = addr & 3;
	u8 data = *(const u8 *)val;

	mutex_lock(&pit->lock);
	if (ch == PORT_CONTROL)
		write_control(pit, data);
	else
		write_count(pit, array_index_nospec(ch, CHANNELS), data);
	mutex_unlock(&pit->lock);
	return 0;
}

static const struct keel_io_dev_ops port_ops = {
	.read = port_read,
	.write = port_write,
};

static int speaker_read(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len,
			void *val)
{
	struct x86_pit *pit = container_of(dev, struct x86_pit, port[1]);
	u8 data = 0;

	mutex_lock(&pit->lock);
	if (pit->state.channels[SPEAKER].gate)
		data |= SPK_GATE;
	if (pit->state.flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON)
		data |= SPK_DATA;
	if ((ktime_get_ns() >> REFRESH_SHIFT) & 1)
		data |= SPK_REFRESH;
	if (output(pit, SPEAKER))
		data |= SPK_OUT;
	mutex_unlock(&pit->lock);
	memset(val, 0, len);
	*(u8 *)val = data;
	return 0;
}

static int speaker_write(struct keel_io_dev *dev, struct keel_vcpu *vcpu, u64 addr, int len,
			 const void *val)
{
	struct x86_pit *pit = container_of(dev, struct x86_pit, port[1]);
	u8 data = *(const u8 *)val;

	mutex_lock(&pit->lock);
	if (data & SPK_DATA)
		pit->state.flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	else
		pit->state.flags &= ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	set_gate(pit, SPEAKER, data & SPK_GATE);
	mutex_unlock(&pit->lock);
	return 0;
}

static const struct keel_io_dev_ops speaker_ops = {
	.read = speaker_read,
	.write = speaker_write,
};

/* --- save and restore --------------------------------------------------------------- */

void x86_pit_get(struct x86_pit *pit, struct kvm_pit_state2 *state)
{
	mutex_lock(&pit->lock);
	*state = pit->state;
	mutex_unlock(&pit->lock);
}

/* Counts begin anew: the moment of their load means nothing on another host. 0 or -EINVAL. */
int x86_pit_set(struct x86_pit *pit, const struct kvm_pit_state2 *state)
{
	struct kvm_pit_channel_state *c;
	unsigned int ch;

	if (state->flags & ~(KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON))
		return -EINVAL;
	mutex_lock(&pit->lock);
	pit->state = *state;
	memset(pit->state.reserved, 0, sizeof(pit->state.reserved));
	for (ch = 0; ch < CHANNELS; ch++) {
		c = &pit->state.channels[ch];
		/* Another kernel's "no mode yet" is a number beyond all modes. */
		if (c->mode > 5)
			c->mode = MODE_IDLE;
		c->rw_mode &= RW_WORD_LSB;
		c->bcd &= 1;
		c->gate = !!c->gate;
		load(pit, ch, c->count);
	}
	mutex_unlock(&pit->lock);
	return 0;
}

/* --- life --------------------------------------------------------------------------- */

static const struct keel_bus_place ports[] = {
	{ KEEL_BUS_PIO, 4, PORT, &port_ops },
	{ KEEL_BUS_PIO, 1, PORT_SPEAKER, &speaker_ops },
};

struct x86_pit *x86_pit_create(struct x86_vm *vm, u32 flags)
{
	struct x86_pit *pit = kzalloc(sizeof(*pit), GFP_KERNEL_ACCOUNT);
	unsigned int ch;
	int r;

	if (!pit)
		return ERR_PTR(-ENOMEM);
	pit->vm = vm;
	mutex_init(&pit->lock);
	keel_timer_init(&pit->timer, fire);
	pit->reinject = true;
	x86_pit_unmasked(pit);
	for (ch = 0; ch < CHANNELS; ch++) {
		struct kvm_pit_channel_state *c = &pit->state.channels[ch];

		c->mode = MODE_IDLE;
		c->count = 0x10000;
		c->count_load_time = ktime_get_ns();
		c->rw_mode = RW_WORD_LSB;
		c->read_state = RW_WORD_LSB;
		c->write_state = RW_WORD_LSB;
		c->gate = ch != SPEAKER;
	}
	r = keel_bus_attach(&vm->core, ports, flags & KVM_PIT_SPEAKER_DUMMY ? 2 : 1, pit->port);
	if (r) {
		kfree(pit);
		return ERR_PTR(r);
	}
	pit->ack.gsi = X86_PIT_GSI;
	pit->ack.acked = acked;
	keel_irq_ack_register(&vm->core, &pit->ack);
	return pit;
}

/* No tick after this, unless a vCPU that still runs asks for some. */
void x86_pit_quiesce(struct x86_pit *pit)
{
	keel_timer_cancel(&pit->timer);
}

void x86_pit_destroy(struct x86_pit *pit)
{
	struct keel_vm *vm = &pit->vm->core;

	keel_irq_ack_unregister(vm, &pit->ack);
	x86_pit_quiesce(pit);
	keel_bus_detach(vm, ports, ARRAY_SIZE(ports), pit->port);
	kfree(pit);
}
