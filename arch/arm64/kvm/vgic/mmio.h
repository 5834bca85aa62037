/* SPDX-License-Identifier: GPL-2.0-only */
/* The GIC's registers in memory as rows of tables. */
#ifndef KEEL_VGIC_MMIO_H
#define KEEL_VGIC_MMIO_H

#include "irq.h"

/**
 * struct vgic_access - an access to one of the GIC's frames
 * @vm: whose GIC
 * @redist: of which vCPU; NULL: the distributor
 * @user: by user space, through KVM_DEV_ARM_VGIC_GRP_*_REGS, and no vCPU runs
 * @offset: from the frame's begin
 */
struct vgic_access {
	struct arm_vm *vm;
	struct arm_vcpu *redist;
	bool user;
	u32 offset;
};

/**
 * struct vgic_reg - a register, or an array of them
 * @offset: of the first byte
 * @size: bytes of all
 * @lens: sum of the lengths in bytes that an access may have
 * @read: all of the register; NULL: 0
 * @write: @mask says which bits are written; NULL: ignored. -EINVAL: not this value
 */
struct vgic_reg {
	u16 offset, size;
	u8 lens;
	u64 (*read)(const struct vgic_access *a);
	int (*write)(const struct vgic_access *a, u64 val, u64 mask);
};

/**
 * vgic_irq_bits - a field of several interrupts at once: @write or read *@val
 * @first: INTID of the lowest field; private ones are of @a->redist
 */
struct vgic_field;
extern const struct vgic_field vgic_line_field;	/* the inputs, one bit each */
void vgic_read_fields(const struct vgic_access *a, const struct vgic_field *f, u32 first,
		      unsigned int nr, u64 *val);
void vgic_write_fields(const struct vgic_access *a, const struct vgic_field *f, u32 first,
		       unsigned int nr, u64 val);

/*
 * Registers of interrupts, which the distributor and a redistributor's second page have alike, and those in a
 * table. A length that a register does not have reads as 0 and is ignored. Return: 0; -ENXIO no such
 * register; -EINVAL value refused.
 */
int vgic_field_access(const struct vgic_access *a, int len, bool write, u64 *val);
int vgic_reg_access(const struct vgic_access *a, const struct vgic_reg *regs, unsigned int nr,
		    int len, bool write, u64 *val);

/* A whole frame. As vgic_reg_access(). */
int vgic_dist_access(const struct vgic_access *a, int len, bool write, u64 *val);
int vgic_redist_access(const struct vgic_access *a, int len, bool write, u64 *val);

/* Registers that both kinds of frames have. */
u64 vgic_read_iidr(const struct vgic_access *a);
int vgic_write_iidr(const struct vgic_access *a, u64 val, u64 mask);
u64 vgic_read_id(const struct vgic_access *a);
/** vgic_write_status - GICD_STATUSR, GICR_STATUSR: ones clear, but user space sets. */
void vgic_write_status(const struct vgic_access *a, u32 *status, u64 val, u64 mask);

#endif
