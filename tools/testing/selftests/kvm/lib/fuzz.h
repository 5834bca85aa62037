/* SPDX-License-Identifier: GPL-2.0-only */
/* What an architecture gives to the fuzzer of ioctls (lib/ARCH_fuzz.c). */
#ifndef KVMTEST_FUZZ_H
#define KVMTEST_FUZZ_H

#include "test.h"

enum fuzz_kind { FUZZ_NONE, FUZZ_SYSTEM, FUZZ_VM, FUZZ_VCPU, FUZZ_OTHER };

struct fuzz_ioctl {
	unsigned int request;
	enum fuzz_kind kind;
};

/* The calls that only this architecture has, 0 at the end. */
extern const struct fuzz_ioctl arch_fuzz_ioctls[];
/* Fills memory with something to execute that leaves the guest all the time. */
void arch_fuzz_code(u8 *memory, size_t size);
/* A new vCPU. */
void arch_fuzz_vcpu(int vm, int vcpu);
/* An argument that has some sense, in a zeroed buffer. Return: the request is known. */
bool arch_fuzz_argument(unsigned int request, u8 *buffer, u64 *random);

#endif
