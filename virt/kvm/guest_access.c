// SPDX-License-Identifier: GPL-2.0-only
/* Accesses of a guest's instructions that the host carries out. */
#include <linux/log2.h>
#include <linux/string.h>
#include <keel/guest_access.h>
#include <keel/guest_mem.h>
#include <keel/vcpu.h>

int keel_ram_read(struct keel_vcpu *vcpu, u64 gpa, void *buf, unsigned int len)
{
	int tries = 8;

	/* What was not there and is now is asked again, so that only a slot without memory fails. */
	do {
		if (!keel_read_guest(vcpu, gpa, buf, len))
			return 0;
		if (!keel_gpa_is_ram(vcpu, gpa))
			return -ENXIO;
	} while (--tries);
	return -EFAULT;
}

/* A device's page that each vCPU has for itself. */
static bool own_mmio(struct keel_vcpu *vcpu, u64 gpa, void *buf, unsigned int len, bool write)
{
	return keel_ops.vcpu_mmio && !keel_ops.vcpu_mmio(vcpu, gpa, buf, len, write);
}

static int read_part(struct keel_vcpu *vcpu, u64 gpa, void *buf, unsigned int len)
{
	int r = keel_ram_read(vcpu, gpa, buf, len);

	if (r != -ENXIO)
		return r;
	return own_mmio(vcpu, gpa, buf, len, false) ? 0 : keel_mmio_read(vcpu, gpa, buf, len);
}

static int write_part(struct keel_vcpu *vcpu, u64 gpa, const void *buf, unsigned int len)
{
	if (!keel_write_guest(vcpu, gpa, buf, len) || own_mmio(vcpu, gpa, (void *)buf, len, true))
		return 0;
	return keel_mmio_write(vcpu, gpa, buf, len);
}

int keel_span_read(struct keel_vcpu *vcpu, const struct keel_span *span, void *buf)
{
	int r = read_part(vcpu, span->gpa[0], buf, span->len[0]);

	if (!r && span->len[1])
		r = read_part(vcpu, span->gpa[1], buf + span->len[0], span->len[1]);
	return r;
}

int keel_span_write(struct keel_vcpu *vcpu, const struct keel_span *span, const void *buf)
{
	int r = write_part(vcpu, span->gpa[0], buf, span->len[0]);

	if (!r && span->len[1])
		r = write_part(vcpu, span->gpa[1], buf + span->len[0], span->len[1]);
	return r;
}

int keel_span_cmpxchg(struct keel_vcpu *vcpu, const struct keel_span *span, const void *old,
		      const void *new)
{
	unsigned int len = span->len[0];
	u8 was[16];
	int r;

	if (!span->len[1] && len <= sizeof(was) && is_power_of_2(len) &&
	    IS_ALIGNED(span->gpa[0], len)) {
		memcpy(was, old, len);
		r = keel_cmpxchg_guest(vcpu, span->gpa[0], was, new, len);
		if (r >= 0)
			return r;
	}
	return keel_span_write(vcpu, span, new);
}
