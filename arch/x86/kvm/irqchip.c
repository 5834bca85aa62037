// SPDX-License-Identifier: GPL-2.0-only
/* Which interrupt controllers a VM has, the routes to them, and their ioctls. */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "chips.h"
#include "ioctl.h"
#include "lapic.h"

/* --- what a vCPU should take next --------------------------------------------------- */

bool x86_extint_accepted(const struct x86_vcpu *v)
{
	return v->lapic && READ_ONCE(v->lapic->extint_ok);
}

bool x86_extint_pending(struct x86_vcpu *v)
{
	const struct x86_vm *vm = x86_vm_of(v);

	if (!x86_extint_accepted(v))
		return false;
	return vm->pic ? READ_ONCE(vm->pic->output) : v->user_irq >= 0;
}

bool x86_irq_pending(struct x86_vcpu *v)
{
	if (!v->lapic)
		return v->user_irq >= 0;
	return lapic_deliverable(v->lapic) >= 0 || x86_extint_pending(v);
}

static int take_extint(struct x86_vcpu *v)
{
	const struct x86_vm *vm = x86_vm_of(v);
	int vector;

	if (vm->pic)
		return x86_pic_ack(vm->pic);
	vector = v->user_irq;
	v->user_irq = -1;
	return vector;
}

int x86_irq_take(struct x86_vcpu *v)
{
	int vector = -1;

	/* The PIC has no priority among the LAPIC's: it goes first (SDM 6.3.1, 10.8.3). */
	if (!v->lapic || x86_extint_pending(v))
		vector = take_extint(v);
	if (vector < 0 && v->lapic)
		vector = x86_lapic_ack(v->lapic);
	return vector;
}

/* --- routes: none of these sleeps, and all may run with interrupts off -------------- */

static int set_pic(struct keel_vm *vm, const struct keel_irq_route *route, int source, int level,
		   bool line_status)
{
	unsigned int base = route->chip.irqchip == KVM_IRQCHIP_PIC_SLAVE ? 8 : 0;

	return x86_pic_set_irq(to_x86_vm(vm)->pic, base + route->chip.pin, source, level);
}

static int set_ioapic(struct keel_vm *vm, const struct keel_irq_route *route, int source, int level,
		      bool line_status)
{
	return x86_ioapic_set_irq(to_x86_vm(vm)->ioapic, route->chip.pin, source, level);
}

/*
 * SDM 10.11. Beyond 8 bits a destination goes on in address_hi's upper three bytes, if user space
 * asked for 32-bit IDs; or, for 7 bits more, in address bits 11:5, as a guest does that was
 * offered KVM_FEATURE_MSI_EXT_DEST_ID.
 */
static int send_msi(struct x86_vm *vm, const struct keel_irq_route *route)
{
	u32 lo = route->msi.address_lo, data = route->msi.data;
	struct x86_apic_msg msg = {
		.dest = (lo >> 12) & 0xff,
		.vector = data,
		.mode = GET_APIC_DELIVERY_MODE(data),
		.logical = lo & BIT(2),
		.level = true,
		.trig_level = data & BIT(15),
	};

	if (vm->x2apic_ids) {
		if (route->msi.address_hi & GENMASK(31, 8))
			msg.dest |= route->msi.address_hi & GENMASK(31, 8);
		else
			msg.dest |= (lo >> 5 & 0x7f) << 8;
	}
	if (msg.mode == APIC_DELIVERY_MODE_FIXED)
		msg.redir_hint = lo & BIT(3);
	else if (msg.mode != APIC_DELIVERY_MODE_LOWESTPRIO)
		msg.trig_level = false;
	return x86_deliver(vm, NULL, &msg);
}

static int set_msi(struct keel_vm *core, const struct keel_irq_route *route, int source, int level,
		   bool line_status)
{
	u32 lo = route->msi.address_lo, data = route->msi.data;
	struct x86_vm *vm = to_x86_vm(core);
	int r;

	if (unlikely(!level))
		return -1;	/* a message is sent, and that is that */
	/* Fixed, and for an ID: what devices send nearly always. */
	if (likely(!(lo & BIT(2)) && !GET_APIC_DELIVERY_MODE(data) && !vm->x2apic_ids)) {
		r = x86_deliver_to_id(vm, (lo >> 12) & 0xff, data, data & BIT(15));
		if (likely(r != X86_NOT_ONE))
			return r;
	}
	return send_msi(vm, route);
}

int x86_irq_route_set(struct keel_vm *core, struct keel_irq_route *route,
		      const struct kvm_irq_routing_entry *entry)
{
	struct x86_vm *vm = to_x86_vm(core);

	switch (entry->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		if (!vm->pic || !vm->ioapic)
			return -EINVAL;
		switch (entry->u.irqchip.irqchip) {
		case KVM_IRQCHIP_PIC_MASTER:
		case KVM_IRQCHIP_PIC_SLAVE:
			if (entry->u.irqchip.pin >= X86_PIC_PINS / 2)
				return -EINVAL;
			route->set = set_pic;
			return 0;
		case KVM_IRQCHIP_IOAPIC:
			if (entry->u.irqchip.pin >= KVM_IOAPIC_NUM_PINS)
				return -EINVAL;
			route->set = set_ioapic;
			return 0;
		default:
			return -EINVAL;
		}
	case KVM_IRQ_ROUTING_MSI:
		if (vm->x2apic_ids && (entry->u.msi.address_hi & 0xff))
			return -EINVAL;
		route->set = set_msi;
		return 0;
	default:
		return -EINVAL;
	}
}

int x86_irq_set_atomic(struct keel_vm *vm, const struct keel_irq_route *route, int source,
		       int level, bool line_status)
{
	/* Messages are by far the most, and their function is at hand. */
	if (likely(route->set == set_msi))
		return set_msi(vm, route, source, level, line_status);
	return route->set(vm, route, source, level, line_status);
}

bool x86_irqchip_ready(struct keel_vm *vm)
{
	return x86_irqchip_in_kernel(to_x86_vm(vm));
}

bool x86_irq_can_ack(struct keel_vm *vm)
{
	return x86_pic_in_kernel(to_x86_vm(vm));
}

/* --- creation ----------------------------------------------------------------------- */

/* GSI n is pin n of the IOAPIC and, below 16, of the PICs. User space sets its own soon. */
static const struct keel_irq_wires wires[] = {
	{ .irqchip = KVM_IRQCHIP_PIC_MASTER, .pins = X86_PIC_PINS / 2 },
	{ .gsi = X86_PIC_PINS / 2, .irqchip = KVM_IRQCHIP_PIC_SLAVE, .pins = X86_PIC_PINS / 2 },
	{ .irqchip = KVM_IRQCHIP_IOAPIC, .pins = KVM_IOAPIC_NUM_PINS },
};

static void destroy_chips(struct x86_vm *vm)
{
	if (vm->ioapic)
		x86_ioapic_destroy(vm->ioapic);
	vm->ioapic = NULL;
	if (vm->pic)
		x86_pic_destroy(vm->pic);
	vm->pic = NULL;
}

static int create_chips(struct x86_vm *vm)
{
	struct x86_ioapic *ioapic;
	struct x86_pic *pic;
	int r;

	pic = x86_pic_create(vm);
	if (IS_ERR(pic))
		return PTR_ERR(pic);
	vm->pic = pic;
	ioapic = x86_ioapic_create(vm);
	if (IS_ERR(ioapic)) {
		destroy_chips(vm);
		return PTR_ERR(ioapic);
	}
	vm->ioapic = ioapic;
	r = keel_default_routing(&vm->core, wires, ARRAY_SIZE(wires));
	if (r)
		destroy_chips(vm);
	return r;
}

long x86_create_irqchip(struct keel_vm *core, void *unused)
{
	struct x86_vm *vm = to_x86_vm(core);
	int r;

	mutex_lock(&vm->core.lock);
	if (x86_irqchip_in_kernel(vm))
		r = -EEXIST;
	else if (vm->core.created_vcpus)
		r = -EINVAL;
	else
		r = create_chips(vm);
	/* Whoever sees it in the kernel sees its chips. */
	if (!r)
		smp_store_release(&vm->irqchip, X86_IRQCHIP_KERNEL);
	mutex_unlock(&vm->core.lock);
	return r;
}

/**
 * x86_enable_split - KVM_CAP_SPLIT_IRQCHIP: LAPICs here, everything else in user space
 * @core: the VM; its lock held
 * @cap: its argument is the number of pins of user space's IOAPICs. If not 0, the EOI of a
 *	level-triggered interrupt exits.
 *
 * Return: 0, -EINVAL too many, -EEXIST an irqchip or a vCPU exists, -ENOMEM.
 */
int x86_enable_split(struct keel_vm *core, const struct kvm_enable_cap *cap)
{
	struct x86_vm *vm = to_x86_vm(core);
	u32 pins = cap->args[0];
	int r;

	if (pins > KEEL_MAX_GSI)
		return -EINVAL;
	if (x86_irqchip_in_kernel(vm) || vm->core.created_vcpus)
		return -EEXIST;
	r = keel_set_routing(&vm->core, NULL, 0, 0);
	if (r)
		return r;
	vm->split_pins = min(pins, 255u);
	smp_store_release(&vm->irqchip, X86_IRQCHIP_SPLIT);
	return 0;
}

static int create_pit(struct x86_vm *vm, u32 flags)
{
	struct x86_pit *pit;
	int r = 0;

	if (flags & ~KVM_PIT_SPEAKER_DUMMY)
		return -EINVAL;
	mutex_lock(&vm->core.lock);
	if (vm->pit) {
		r = -EEXIST;
	} else if (!x86_pic_in_kernel(vm)) {
		r = -ENOENT;
	} else {
		pit = x86_pit_create(vm, flags);
		if (IS_ERR(pit))
			r = PTR_ERR(pit);
		else
			smp_store_release(&vm->pit, pit);
	}
	mutex_unlock(&vm->core.lock);
	return r;
}

void x86_irqchip_vm_quiesce(struct x86_vm *vm)
{
	if (vm->pit)
		x86_pit_quiesce(vm->pit);
	if (vm->ioapic)
		x86_ioapic_quiesce(vm->ioapic);
}

void x86_irqchip_vm_destroy(struct x86_vm *vm)
{
	if (vm->pit)
		x86_pit_destroy(vm->pit);
	vm->pit = NULL;
	destroy_chips(vm);
	kvfree(rcu_dereference_protected(vm->apic_map, true));
	RCU_INIT_POINTER(vm->apic_map, NULL);
}

/* --- ioctls ------------------------------------------------------------------------- */

long x86_get_irqchip(struct keel_vm *core, void *data)
{
	struct x86_vm *vm = to_x86_vm(core);
	struct kvm_irqchip *chip = data;
	u32 id = chip->chip_id;

	if (!x86_pic_in_kernel(vm))
		return -ENXIO;
	memset(chip, 0, sizeof(*chip));
	chip->chip_id = id;
	switch (id) {
	case KVM_IRQCHIP_PIC_MASTER:
		x86_pic_get(vm->pic, &chip->chip.pic, 0);
		return 0;
	case KVM_IRQCHIP_PIC_SLAVE:
		x86_pic_get(vm->pic, &chip->chip.pic, 1);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		x86_ioapic_get(vm->ioapic, &chip->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

long x86_set_irqchip(struct keel_vm *core, void *data)
{
	struct x86_vm *vm = to_x86_vm(core);
	const struct kvm_irqchip *chip = data;

	if (!x86_pic_in_kernel(vm))
		return -ENXIO;
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
		x86_pic_set(vm->pic, &chip->chip.pic, 0);
		return 0;
	case KVM_IRQCHIP_PIC_SLAVE:
		x86_pic_set(vm->pic, &chip->chip.pic, 1);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		x86_ioapic_set(vm->ioapic, &chip->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

long x86_create_pit(struct keel_vm *vm, void *unused)
{
	return create_pit(to_x86_vm(vm), KVM_PIT_SPEAKER_DUMMY);
}

long x86_create_pit2(struct keel_vm *vm, void *data)
{
	return create_pit(to_x86_vm(vm), ((struct kvm_pit_config *)data)->flags);
}

static struct x86_pit *pit_of(struct keel_vm *vm)
{
	return smp_load_acquire(&to_x86_vm(vm)->pit);
}

long x86_get_pit2(struct keel_vm *vm, void *data)
{
	struct x86_pit *pit = pit_of(vm);

	if (!pit)
		return -ENXIO;
	x86_pit_get(pit, data);
	return 0;
}

long x86_set_pit2(struct keel_vm *vm, void *data)
{
	struct x86_pit *pit = pit_of(vm);

	return pit ? x86_pit_set(pit, data) : -ENXIO;
}

/* KVM_GET_PIT is the first part of KVM_GET_PIT2, without the flags. */
long x86_get_pit(struct keel_vm *vm, void *data)
{
	struct kvm_pit_state2 state;
	long r = x86_get_pit2(vm, &state);

	if (!r)
		memcpy(data, &state, sizeof(struct kvm_pit_state));
	return r;
}

/* What the short form does not say stays. */
long x86_set_pit(struct keel_vm *vm, void *data)
{
	struct kvm_pit_state2 state;
	long r = x86_get_pit2(vm, &state);

	if (r)
		return r;
	memcpy(&state, data, sizeof(struct kvm_pit_state));
	return x86_set_pit2(vm, &state);
}

/* Its number says that it has no structure, but it has. */
long x86_reinject_control(struct keel_vm *vm, void *data)
{
	struct x86_pit *pit = pit_of(vm);
	struct kvm_reinject_control control;

	if (copy_from_user(&control, *(void __user **)data, sizeof(control)))
		return -EFAULT;
	if (!pit)
		return -ENXIO;
	x86_pit_set_reinject(pit, control.pit_reinject);
	return 0;
}
