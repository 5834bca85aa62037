/* SPDX-License-Identifier: GPL-2.0-only */
/* The VMCB (APM volume 2, appendix B): what <asm/svm.h> of the kernel does not say. */
#ifndef KEEL_SVM_VMCB_H
#define KEEL_SVM_VMCB_H

#include <linux/bits.h>
#include <asm/svm.h>

/* VMCB clean bits (15.15.3): a set bit promises that software has not changed that part. */
#define VMCB_INTERCEPTS	BIT(0)	/* intercepts, TSC offset, PAUSE filter */
#define VMCB_PERM	BIT(1)	/* addresses of the I/O and MSR permission maps */
#define VMCB_ASID	BIT(2)
#define VMCB_INTR	BIT(3)	/* V_TPR, V_IRQ and their like: int_ctl, int_vector */
#define VMCB_NPT	BIT(4)	/* nested CR3, guest PAT */
#define VMCB_CR		BIT(5)	/* CR0, CR3, CR4, EFER */
#define VMCB_DR		BIT(6)	/* DR6, DR7 */
#define VMCB_DT		BIT(7)	/* GDTR, IDTR */
#define VMCB_SEG	BIT(8)	/* CS, DS, SS, ES, CPL */
#define VMCB_CR2	BIT(9)
#define VMCB_LBR	BIT(10)	/* DEBUGCTL, last branch registers */
#define VMCB_ALL	0x7ff

/* CPUID 8000_000A EDX (APM volume 3, E.4.9) */
#define SVM_CPUID_NPT		BIT(0)
#define SVM_CPUID_LBRV		BIT(1)
#define SVM_CPUID_NRIPS		BIT(3)
#define SVM_CPUID_TSC_RATE	BIT(4)
#define SVM_CPUID_CLEAN		BIT(5)
#define SVM_CPUID_FLUSHBYASID	BIT(6)
#define SVM_CPUID_DECODE	BIT(7)
#define SVM_CPUID_PAUSE		BIT(10)
#define SVM_CPUID_PAUSE_THRESH	BIT(12)
#define SVM_CPUID_V_SPEC_CTRL	BIT(20)
#define SVM_CPUID_VNMI		BIT(25)

/* Virtual NMI (15.21.10), for headers that do not know it. */
#ifndef V_NMI_PENDING_MASK
#define V_NMI_PENDING_MASK	BIT(11)
#define V_NMI_BLOCKING_MASK	BIT(12)
#define V_NMI_ENABLE_MASK	BIT(26)
#endif

/* Exit information */
#define EXIT_CR_MOV		BIT_ULL(63)	/* decode assists: a MOV; register in bits 3:0 */
#define EXIT_NPF_PRESENT	BIT_ULL(0)
#define EXIT_NPF_WRITE		BIT_ULL(1)
#define EXIT_NPF_RESERVED	BIT_ULL(3)
#define EXIT_NPF_EXEC		BIT_ULL(4)
#define EXIT_NPF_FINAL		BIT_ULL(32)	/* not of the guest's page walk */

/* Segment attributes: bits 47:40 and 55:52 of a descriptor, side by side (15.5.1). */
#define VMCB_ATTR_ACCESSED	BIT(0)
#define VMCB_ATTR_TSS_BUSY	BIT(1)
#define VMCB_ATTR_L		BIT(9)
#define VMCB_ATTR_D		BIT(10)

static inline void vmcb_dirty(struct vmcb *vmcb, u32 parts)
{
	vmcb->control.clean &= ~parts;
}

static inline void vmcb_set_intercept(struct vmcb *vmcb, unsigned int bit)
{
	vmcb->control.intercepts[bit / 32] |= BIT(bit % 32);
	vmcb_dirty(vmcb, VMCB_INTERCEPTS);
}

static inline void vmcb_clear_intercept(struct vmcb *vmcb, unsigned int bit)
{
	vmcb->control.intercepts[bit / 32] &= ~BIT(bit % 32);
	vmcb_dirty(vmcb, VMCB_INTERCEPTS);
}

static inline bool vmcb_intercepted(const struct vmcb *vmcb, unsigned int bit)
{
	return vmcb->control.intercepts[bit / 32] & BIT(bit % 32);
}

#endif
