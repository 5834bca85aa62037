/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the tests of slots and dirty log. */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>
#include <keel/fault.h>
#include <keel/vm.h>

#define CHECK(c) check(c, #c, __FILE__, __LINE__)

void check(bool ok, const char *what, const char *file, int line);
u64 rng(u64 below);
struct keel_vm *new_vm(void);
void free_vm(struct keel_vm *vm);
int set_region(struct keel_vm *vm, u32 slot, u32 flags, u64 gfn, u64 npages, u64 hva);

/* A second stage that the dirty log can protect: what is writable, by address space and frame. */
extern bool writable[KEEL_MAX_ASPACES][SHIM_FRAMES];

void test_bitmap(void);
void test_bitmap_edges(void);
void test_ring(void);

#endif
