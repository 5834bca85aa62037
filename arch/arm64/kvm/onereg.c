// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_ONE_REG, KVM_SET_ONE_REG and KVM_GET_REG_LIST. */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>
#include "arm.h"
#include "sysreg.h"

#define CORE_ID(size, off)	(KVM_REG_ARM64 | (size) | KVM_REG_ARM_CORE | (off))
#define OFF(member)		KVM_REG_ARM_CORE_REG(member)

/* --- struct kvm_regs, by its offsets in words -------------------------------------------------- */

struct core_reg {
	void *place;		/* of the value, or */
	int sys;		/* an enum arm_sys */
	unsigned int size;
};

/* Where a core register lives; -ENOENT if there is none of this size at the offset. */
static int core_find(struct arm_vcpu *v, u64 id, struct core_reg *reg)
{
	u64 off = id & ~(KVM_REG_ARCH_MASK | KVM_REG_SIZE_MASK | KVM_REG_ARM_CORE);

	if (off >= sizeof(struct kvm_regs) / sizeof(u32))
		return -ENOENT;
	*reg = (struct core_reg){ .sys = -1, .size = sizeof(u64) };
	if (off >= OFF(regs.regs[0]) && off <= OFF(regs.regs[30])) {
		if ((off - OFF(regs.regs[0])) % 2)
			return -ENOENT;
		reg->place = &v->ctxt.x[array_index_nospec(off / 2, 31)];
	} else if (off >= OFF(fp_regs.vregs[0]) && off < OFF(fp_regs.fpsr)) {
		off -= OFF(fp_regs.vregs[0]);
		if (off % 4)
			return -ENOENT;
		reg->place = &v->fp.vregs[array_index_nospec(off / 4, 32)];
		reg->size = sizeof(__uint128_t);
	} else if (off == OFF(regs.sp)) {
		reg->place = &v->ctxt.sp_el0;
	} else if (off == OFF(regs.pc)) {
		reg->place = &v->ctxt.pc;
	} else if (off == OFF(regs.pstate)) {
		reg->place = &v->ctxt.pstate;
	} else if (off == OFF(sp_el1)) {
		reg->sys = ARM_SP_EL1;
	} else if (off == OFF(elr_el1)) {
		reg->sys = ARM_ELR_EL1;
	} else if (off == OFF(spsr[KVM_SPSR_EL1])) {
		reg->sys = ARM_SPSR_EL1;
	} else if (off == OFF(spsr[KVM_SPSR_ABT])) {
		reg->sys = ARM_SPSR_ABT;
	} else if (off == OFF(spsr[KVM_SPSR_UND])) {
		reg->sys = ARM_SPSR_UND;
	} else if (off == OFF(spsr[KVM_SPSR_IRQ])) {
		reg->sys = ARM_SPSR_IRQ;
	} else if (off == OFF(spsr[KVM_SPSR_FIQ])) {
		reg->sys = ARM_SPSR_FIQ;
	} else if (off == OFF(fp_regs.fpsr)) {
		reg->place = &v->fp.fpsr;
		reg->size = sizeof(u32);
	} else if (off == OFF(fp_regs.fpcr)) {
		reg->place = &v->fp.fpcr;
		reg->size = sizeof(u32);
	} else {
		return -ENOENT;
	}
	return KVM_REG_SIZE(id) == reg->size ? 0 : -EINVAL;
}

static int core_get(struct arm_vcpu *v, u64 id, void __user *to)
{
	struct core_reg reg;
	u64 val;
	int r = core_find(v, id, &reg);

	if (r)
		return r;
	if (reg.sys >= 0) {
		val = arm_read_sys(v, reg.sys);
		reg.place = &val;
	}
	return copy_to_user(to, reg.place, reg.size) ? -EFAULT : 0;
}

/* A return to what is not there would be taken at EL2 (ARM ARM D1.4.4). */
static bool valid_pstate(u64 pstate)
{
	switch (pstate & (PSR_MODE_MASK | PSR_MODE32_BIT)) {
	case PSR_MODE_EL0t:
	case PSR_MODE_EL1t:
	case PSR_MODE_EL1h:
		return true;
	case PSR_MODE32_BIT | PSR_AA32_MODE_USR:
		return arm_has_aarch32();
	default:
		return false;
	}
}

static int core_set(struct arm_vcpu *v, u64 id, const void __user *from)
{
	struct core_reg reg;
	__uint128_t val = 0;
	int r = core_find(v, id, &reg);

	if (r)
		return r;
	if (copy_from_user(&val, from, reg.size))
		return -EFAULT;
	if (reg.place == &v->ctxt.pstate && !valid_pstate(val))
		return -EINVAL;
	if (reg.sys >= 0)
		arm_write_sys(v, reg.sys, val);
	else
		memcpy(reg.place, &val, reg.size);
	return 0;
}

static unsigned int core_list(u64 *out, unsigned int max)
{
	static const u16 singles[] = {
		OFF(regs.sp), OFF(regs.pc), OFF(regs.pstate), OFF(sp_el1), OFF(elr_el1),
		OFF(spsr[0]), OFF(spsr[1]), OFF(spsr[2]), OFF(spsr[3]), OFF(spsr[4]),
	};
	unsigned int n = 0, i;

#define PUT(id_) do { u64 id = (id_); if (out && n < max) out[n] = id; n++; } while (0)
	for (i = 0; i < 31; i++)
		PUT(CORE_ID(KVM_REG_SIZE_U64, OFF(regs.regs[0]) + 2 * i));
	for (i = 0; i < ARRAY_SIZE(singles); i++)
		PUT(CORE_ID(KVM_REG_SIZE_U64, singles[i]));
	for (i = 0; i < 32; i++)
		PUT(CORE_ID(KVM_REG_SIZE_U128, OFF(fp_regs.vregs[0]) + 4 * i));
	PUT(CORE_ID(KVM_REG_SIZE_U32, OFF(fp_regs.fpsr)));
	PUT(CORE_ID(KVM_REG_SIZE_U32, OFF(fp_regs.fpcr)));
	return n;
}

/* --- CCSIDR_EL1, for each value of CSSELR_EL1 -------------------------------------------------------- */

#define CCSIDR_ID(csselr)	(KVM_REG_ARM64 | KVM_REG_SIZE_U32 | KVM_REG_ARM_DEMUX |		\
				 KVM_REG_ARM_DEMUX_ID_CCSIDR | (csselr))
#define NR_CCSIDR		2

static int demux(struct arm_vcpu *v, u64 id, void __user *argp, bool set)
{
	u32 csselr = id & KVM_REG_ARM_DEMUX_VAL_MASK, val, now;

	if (id != CCSIDR_ID(csselr) || csselr >= NR_CCSIDR)
		return -ENOENT;
	now = arm_ccsidr(v, csselr);
	if (!set)
		return put_user(now, (u32 __user *)argp);
	if (get_user(val, (u32 __user *)argp))
		return -EFAULT;
	return val == now ? 0 : -EINVAL;
}

static unsigned int demux_list(u64 *out, unsigned int max)
{
	unsigned int n = 0, i;

	for (i = 0; i < NR_CCSIDR; i++)
		PUT(CCSIDR_ID(i));
	return n;
}

/* --- registers that are rows ------------------------------------------------------------------------------ */

/* In this order: a timer's row goes before the guest's register of the same number. */
static const struct keel_reg_table *const tables[] = {
	&arm_timer_regs, &arm_fw_regs, &arm_fw_bmap_regs, &arm_sysregs,
};

static int row_access(struct arm_vcpu *v, u64 id, u64 __user *argp, bool set)
{
	struct keel_reg_access a = { .id = id, .actor = KEEL_REG_HOST };
	unsigned int i;
	int r = -ENOENT;

	if (set && get_user(a.val, argp))
		return -EFAULT;
	for (i = 0; i < ARRAY_SIZE(tables) && r == -ENOENT; i++)
		r = set ? keel_reg_set(&v->core, tables[i], &a) :
			  keel_reg_get(&v->core, tables[i], &a);
	if (r || set)
		return r;
	return put_user(a.val, argp);
}

/* --- ioctls --------------------------------------------------------------------------------------------------- */

static int access_reg(struct arm_vcpu *v, const struct kvm_one_reg *reg, bool set)
{
	void __user *addr = (void __user *)reg->addr;

	if (!v->initialized)
		return -ENOEXEC;
	/* Another vCPU may have started this one: that comes first. */
	arm_power_reset_pending(v);
	if ((reg->id & KVM_REG_ARCH_MASK) != KVM_REG_ARM64 ||
	    (reg->id & ~(KVM_REG_SIZE_MASK | KVM_REG_ARCH_MASK)) >> 32)
		return -EINVAL;
	switch (reg->id & KVM_REG_ARM_COPROC_MASK) {
	case KVM_REG_ARM_CORE:
		return set ? core_set(v, reg->id, addr) : core_get(v, reg->id, addr);
	case KVM_REG_ARM_DEMUX:
		return demux(v, reg->id, addr, set);
	default:
		return row_access(v, reg->id, addr, set);
	}
}

long arm_get_one_reg(struct keel_vcpu *vcpu, void *data)
{
	return access_reg(to_arm_vcpu(vcpu), data, false);
}

long arm_set_one_reg(struct keel_vcpu *vcpu, void *data)
{
	return access_reg(to_arm_vcpu(vcpu), data, true);
}

static unsigned int list_all(struct arm_vcpu *v, u64 *out, unsigned int max)
{
	unsigned int n, i;

#define MORE	out ? out + n : NULL, n < max ? max - n : 0
	n = core_list(out, max);
	for (i = 0; i < ARRAY_SIZE(tables); i++)
		n += keel_regs_list(&v->core, tables[i], MORE);
	n += demux_list(MORE);
	return n;
}

long arm_get_reg_list(struct keel_vcpu *vcpu, void *data)
{
	struct kvm_reg_list __user *argp = *(void __user **)data;
	struct arm_vcpu *v = to_arm_vcpu(vcpu);
	u64 room, *ids;
	unsigned int n;
	long r = 0;

	if (!v->initialized)
		return -ENOEXEC;
	n = list_all(v, NULL, 0);
	if (get_user(room, &argp->n) || put_user(n, &argp->n))
		return -EFAULT;
	if (room < n)
		return -E2BIG;
	ids = kvmalloc_array(n, sizeof(*ids), GFP_KERNEL);
	if (!ids)
		return -ENOMEM;
	list_all(v, ids, n);
	if (copy_to_user(argp->reg, ids, n * sizeof(*ids)))
		r = -EFAULT;
	kvfree(ids);
	return r;
}
