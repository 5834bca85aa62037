/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/* What Keel adds to the KVM ABI of <linux/kvm.h>. */
#ifndef _UAPI_LINUX_KEEL_H
#define _UAPI_LINUX_KEEL_H

/* Capability numbers from here on are Keel's; Linux counts up from 0. */
#define KEEL_CAP_BASE		0x4b45454c

/* KVM_CHECK_EXTENSION: KEEL_VERSION of the module, 0 on any other KVM. */
#define KEEL_CAP_VERSION	(KEEL_CAP_BASE + 0)

#define KEEL_VERSION		1

#endif
