// SPDX-License-Identifier: GPL-2.0-only
/* A guest's CPUID: KVM_SET_CPUID2, KVM_GET_CPUID2, the CPUID exit, and what its bits imply. */
#include <linux/slab.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>
#include <uapi/asm/kvm_para.h>
#include "cpuid.h"
#include "ioctl.h"
#include "trace.h"

#define B(feature) BIT((feature) & 31)

/* --- lookup --- */

/* Leaves are few and their low bits differ: basic and extended ones go to different halves. */
static unsigned int bucket(u32 function)
{
	return (function & 31) | (function >> 31) << 5;
}

static struct kvm_cpuid_entry2 *find(struct x86_cpuid *c, u32 function, u32 index)
{
	u16 i;

	for (i = c->head[bucket(function)]; i; i = c->next[i - 1]) {
		struct kvm_cpuid_entry2 *e = &c->entries[i - 1];

		if (e->function == function &&
		    (e->index == index || !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return e;
	}
	return NULL;
}

struct kvm_cpuid_entry2 *x86_cpuid_find(struct x86_vcpu *v, u32 function, u32 index)
{
	return find(&v->cpuid, function, index);
}

static void build_index(struct x86_cpuid *c)
{
	int i;

	memset(c->head, 0, sizeof(c->head));
	for (i = c->nr; i > 0; i--) {		/* backwards: the first of two equal entries wins */
		u16 *head = &c->head[bucket(c->entries[i - 1].function)];

		c->next[i - 1] = *head;
		*head = i;
	}
}

/*
 * A leaf above the highest of its range gives the data of the highest basic leaf on Intel CPUs, and
 * zeros on AMD's (SDM volume 2, CPUID; APM volume 3, E.1). Hypervisor leaves come in ranges of 256.
 */
static bool out_of_range(struct x86_cpuid *c, u32 function)
{
	const struct kvm_cpuid_entry2 *range;

	if (function - KVM_CPUID_SIGNATURE < 0x10000000)
		range = find(c, function & 0xffffff00, 0);
	else if (function >= 0xc0000000)
		range = find(c, 0xc0000000, 0);
	else
		range = find(c, function & 0x80000000, 0);
	return !range || function > range->eax;
}

void x86_cpuid(struct x86_vcpu *v, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	struct x86_cpuid *c = &v->cpuid;
	u32 function = *eax, index = *ecx;
	const struct kvm_cpuid_entry2 *e = find(c, function, index);
	bool found = e, wrapped = false;

	if (unlikely(!e) && c->wraps && out_of_range(c, function)) {
		wrapped = true;
		function = c->max_basic;
		e = find(c, function, index);
	}
	if (likely(e)) {
		*eax = e->eax;
		*ebx = e->ebx;
		*ecx = e->ecx;
		*edx = e->edx;
	} else {
		*eax = *ebx = *ecx = *edx = 0;
		/*
		 * An invalid level of the topology leaves still gives that level and the APIC ID.
		 */
		if (function == 0xb || function == 0x1f) {
			e = find(c, function, 1);
			if (e) {
				*ecx = index & 0xff;
				*edx = e->edx;
			}
		}
	}
	trace_kvm_cpuid(function, index, *eax, *ebx, *ecx, *edx, found, wrapped);
}

int x86_exit_cpuid(struct x86_vcpu *v)
{
	u32 eax = v->regs[X86_RAX], ecx = v->regs[X86_RCX], ebx, edx;

	v->stat.cpuid_exits++;
	if (unlikely(v->misc_features & MSR_MISC_FEATURES_ENABLES_CPUID_FAULT) &&
	    x86_be(get_cpl)(v))
		return x86_gp(v);
	x86_cpuid(v, &eax, &ebx, &ecx, &edx);
	v->regs[X86_RAX] = eax;
	v->regs[X86_RBX] = ebx;
	v->regs[X86_RCX] = ecx;
	v->regs[X86_RDX] = edx;
	return x86_skip(v);
}

/* --- bits that follow the vCPU's state --- */

static void set_bit_if(u32 *reg, u32 mask, bool on)
{
	*reg = on ? *reg | mask : *reg & ~mask;
}

static void apply_runtime(struct x86_vcpu *v, struct kvm_cpuid_entry2 *e, int nr, u32 pv_leaf)
{
	const struct x86_vm *vm = x86_vm_of(v);
	unsigned long cr4 = x86_cr4(v);

	for (; nr > 0; nr--, e++) {
		if (e->function == 1) {
			if (x86_cpu_supports(X86_FEATURE_XSAVE))
				set_bit_if(&e->ecx, B(X86_FEATURE_OSXSAVE), cr4 & X86_CR4_OSXSAVE);
			set_bit_if(&e->edx, B(X86_FEATURE_APIC),
				   v->apic_base & MSR_IA32_APICBASE_ENABLE);
			if (!x86_quirk(vm, KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT))
				set_bit_if(&e->ecx, B(X86_FEATURE_MWAIT),
					   v->misc_enable & MSR_IA32_MISC_ENABLE_MWAIT);
		} else if (e->function == 7 && !e->index) {
			if (x86_cpu_supports(X86_FEATURE_PKU))
				set_bit_if(&e->ecx, B(X86_FEATURE_OSPKE), cr4 & X86_CR4_PKE);
		} else if (e->function == 0xd && !e->index) {
			e->ebx = x86_cpuid_xsave_size(v->xcr0, false);
		} else if (e->function == 0xd && e->index == 1) {
			if (e->eax & (B(X86_FEATURE_XSAVES) | B(X86_FEATURE_XSAVEC)))
				e->ebx = x86_cpuid_xsave_size(v->xcr0 | v->xss, true);
		} else if (pv_leaf && e->function == pv_leaf) {
			/* Without HLT exits nobody is there to be kicked. */
			if (x86_hlt_in_guest(vm))
				e->eax &= ~BIT(KVM_FEATURE_PV_UNHALT);
		}
	}
}

/* --- what Keel derives from the bits --- */

static bool cap(const struct x86_cpuid *c, unsigned int feature)
{
	return c->caps[feature / 32] & BIT(feature % 32);
}

static void derive_caps(struct x86_cpuid *c)
{
	unsigned int i;

	memset(c->caps, 0, sizeof(c->caps));
	for (i = 0; i < x86_nr_cap_rows; i++) {
		const struct x86_cap_row *row = &x86_cap_rows[i];
		struct kvm_cpuid_entry2 *e = find(c, row->function, row->index);

		/* Whatever user space says, no guest gets what Keel cannot switch. */
		if (e)
			c->caps[row->word] = *x86_cpuid_reg(e, row->reg) &
					     x86_supported_cap(row, true);
	}
}

/* Before KVM_SET_CPUID2 registers may be set to anything that some guest could have. */
static void assume_caps(struct x86_cpuid *c)
{
	unsigned int i;

	for (i = 0; i < x86_nr_cap_rows; i++)
		c->caps[x86_cap_rows[i].word] = x86_supported_cap(&x86_cap_rows[i], false);
}

static u64 cr4_reserved(const struct x86_cpuid *c)
{
	static const struct {
		u32 feature;
		u32 bits;
	} rows[] = {
		{ X86_FEATURE_UMIP, X86_CR4_UMIP },
		{ X86_FEATURE_FSGSBASE, X86_CR4_FSGSBASE },
		{ X86_FEATURE_PCID, X86_CR4_PCIDE },
		{ X86_FEATURE_XSAVE, X86_CR4_OSXSAVE },
		{ X86_FEATURE_SMEP, X86_CR4_SMEP },
		{ X86_FEATURE_SMAP, X86_CR4_SMAP },
		{ X86_FEATURE_PKU, X86_CR4_PKE },
		{ X86_FEATURE_LA57, X86_CR4_LA57 },
	};
	u64 ok = X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE |
		 X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR |
		 X86_CR4_OSXMMEXCPT;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (cap(c, rows[i].feature))
			ok |= rows[i].bits;
	return ~ok;
}

static u64 efer_reserved(const struct x86_cpuid *c)
{
	u64 ok = EFER_SCE;

	if (cap(c, X86_FEATURE_LM))
		ok |= EFER_LME | EFER_LMA;
	if (cap(c, X86_FEATURE_NX))
		ok |= EFER_NX;
	if (cap(c, X86_FEATURE_FXSR_OPT))
		ok |= EFER_FFXSR;
	if (cap(c, X86_CAP_AUTOIBRS))
		ok |= BIT_ULL(21);	/* AIBRSE, APM 3.1.7 */
	return ~ok;
}

/* The KVM features leaf follows the signature, wherever in the hypervisor range that is. */
static u32 find_pv_leaf(const struct kvm_cpuid_entry2 *e, int nr)
{
	static const char signature[12] = KVM_SIGNATURE;

	for (; nr > 0; nr--, e++) {
		if (e->function - KVM_CPUID_SIGNATURE < 0x10000 && !(e->function & 0xff) &&
		    !memcmp(&e->ebx, signature, 4) && !memcmp(&e->ecx, signature + 4, 4) &&
		    !memcmp(&e->edx, signature + 8, 4))
			return e->function + 1;
	}
	return 0;
}

static bool vendor_is(const struct kvm_cpuid_entry2 *leaf0, const char name[12])
{
	return !memcmp(&leaf0->ebx, name, 4) && !memcmp(&leaf0->edx, name + 4, 4) &&
	       !memcmp(&leaf0->ecx, name + 8, 4);
}

static void derive(struct x86_vcpu *v)
{
	struct x86_cpuid *c = &v->cpuid;
	const struct kvm_cpuid_entry2 *e;

	if (!c->nr) {
		assume_caps(c);
		c->cr4_reserved = cr4_reserved(c);
		c->efer_reserved = efer_reserved(c);
	}
	derive_caps(c);
	if (c->nr) {
		c->cr4_reserved = cr4_reserved(c);
		c->efer_reserved = efer_reserved(c);
	}

	c->maxphyaddr = 36;
	e = find(c, 0x80000000, 0);
	if (e && e->eax >= 0x80000008) {
		e = find(c, 0x80000008, 0);
		if (e)
			c->maxphyaddr = clamp_t(u32, e->eax & 0xff, 32, 52);
	}
	c->reserved_gpa_bits = ~0ull << c->maxphyaddr;

	c->xcr0_allowed = 0;
	c->xss_allowed = 0;
	if (cap(c, X86_FEATURE_XSAVE)) {
		e = find(c, 0xd, 0);
		if (e)
			c->xcr0_allowed = (e->eax | (u64)e->edx << 32) & x86_supported_xcr0;
		e = find(c, 0xd, 1);
		if (e && cap(c, X86_FEATURE_XSAVES))
			c->xss_allowed = (e->ecx | (u64)e->edx << 32) & x86_supported_xss;
	}

	e = find(c, 0, 0);
	c->max_basic = e ? e->eax : 0;
	c->amd = e && (vendor_is(e, "AuthenticAMD") || vendor_is(e, "HygonGenuine"));
	c->wraps = e && !c->amd;
	c->pv_leaf = find_pv_leaf(c->entries, c->nr);
	e = c->pv_leaf ? find(c, c->pv_leaf, 0) : NULL;
	c->pv_features = e ? e->eax : 0;
}

void x86_cpuid_runtime(struct x86_vcpu *v)
{
	if (!v->cpuid.nr)
		return;
	apply_runtime(v, v->cpuid.entries, v->cpuid.nr, v->cpuid.pv_leaf);
	derive_caps(&v->cpuid);
}

void x86_cpuid_create(struct x86_vcpu *v)
{
	derive(v);
}

void x86_cpuid_destroy(struct x86_vcpu *v)
{
	kvfree(v->cpuid.entries);
	v->cpuid.entries = NULL;
	v->cpuid.nr = 0;
}

/* --- ioctls --- */

static int check(const struct kvm_cpuid_entry2 *e, int nr)
{
	for (; nr > 0; nr--, e++) {
		if (e->function == 0x80000008) {
			u32 virt = e->eax >> 8 & 0xff;

			if (virt && virt != 48 && virt != 57)
				return -EINVAL;
		}
	}
	return 0;
}

/* Room for @nr entries and their hash chains, in one piece. */
static struct kvm_cpuid_entry2 *alloc(u32 nr)
{
	return kvzalloc(nr * (sizeof(struct kvm_cpuid_entry2) + sizeof(u16)) + 1,
			GFP_KERNEL_ACCOUNT);
}

/* Takes @entries over, whatever happens. */
static int install(struct x86_vcpu *v, struct kvm_cpuid_entry2 *entries, u32 nr)
{
	struct x86_cpuid *c = &v->cpuid;
	int r = check(entries, nr);

	if (r)
		goto out;
	apply_runtime(v, entries, nr, find_pv_leaf(entries, nr));
	/*
	 * A guest that has run has seen its CPU, and Keel may have built on it (guest physical
	 * address width, reserved bits in page tables): only the same may be set again.
	 */
	if (v->core.stat.exits) {
		if (nr != c->nr || memcmp(entries, c->entries, nr * sizeof(*entries)))
			r = -EINVAL;
		goto out;
	}
	kvfree(c->entries);
	c->entries = entries;
	c->next = (u16 *)(entries + nr);
	c->nr = nr;
	build_index(c);
	derive(v);
	x86_walk_forget(v);
	x86_be(changed)(v);
	return 0;
out:
	kvfree(entries);
	return r;
}

long x86_set_cpuid2(struct keel_vcpu *vcpu, void *data)
{
	const struct kvm_cpuid2 *c = data;
	struct kvm_cpuid_entry2 *entries = alloc(c->nent);

	if (!entries)
		return -ENOMEM;
	memcpy(entries, c->entries, c->nent * sizeof(*entries));
	return install(to_x86(vcpu), entries, c->nent);
}

/* The first form of the ioctl: no subleaves. */
long x86_set_cpuid(struct keel_vcpu *vcpu, void *data)
{
	const struct kvm_cpuid *c = data;
	struct kvm_cpuid_entry2 *entries = alloc(c->nent);
	u32 i;

	if (!entries)
		return -ENOMEM;
	for (i = 0; i < c->nent; i++) {
		const struct kvm_cpuid_entry *old = &c->entries[i];

		entries[i].function = old->function;
		entries[i].eax = old->eax;
		entries[i].ebx = old->ebx;
		entries[i].ecx = old->ecx;
		entries[i].edx = old->edx;
	}
	return install(to_x86(vcpu), entries, c->nent);
}

long x86_get_cpuid2(struct keel_vcpu *vcpu, void *data)
{
	const struct x86_cpuid *c = &to_x86(vcpu)->cpuid;
	struct kvm_cpuid2 *out = data;

	if (out->nent >= c->nr)
		memcpy(out->entries, c->entries, c->nr * sizeof(*c->entries));
	out->nent = c->nr;
	return 0;
}
