/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtual machines for tests: creating them, running them, talking with their guests. */
#ifndef KVMTEST_KVM_H
#define KVMTEST_KVM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "guest.h"
#include "test.h"

#define MAX_VCPUS 16
#define PAGE 4096ul		/* the guest's; the host's is host_page() */

enum {
	VM_IRQCHIP = 1,		/* with an interrupt controller in the kernel */
	VM_BARE = 2,		/* no memory, no program: only the file */
};

/* A guest-physical place that no VM's own memory reaches, for a test's slots and devices. */
#define SLOT_GPA 0x40000000ul
#define MMIO_GPA 0xc0000000ul
#define RAM_SLOT 0

struct vm {
	int fd;
	unsigned int flags;
	u8 *ram;			/* slot 0, from guest address 0 */
	u64 ram_size, ram_used;		/* vm_alloc() gives from ram_used on */
	int irqchip;			/* the interrupt controller's file, or -1 */
	bool ready;			/* it has run */
	unsigned int nr_vcpus;
	struct vcpu *vcpus[MAX_VCPUS];
};

struct vcpu {
	struct vm *vm;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	size_t run_size;
	struct guest_call call;		/* the guest's last one */
	pthread_t thread;
	/* vcpu_start(): answers what is neither a call nor known; true to go on. */
	bool (*on_exit)(struct vcpu *vcpu);
	void (*on_sync)(struct vcpu *vcpu);
	void *data;			/* the test's */
};

typedef void (*guest_fn)(u64 arg);

/* /dev/kvm, open once in a test's process. */
int kvm_fd(void);
int kvm_cap(unsigned long cap);
/* 0: the module is not Keel. */
int keel_version(void);
/* Skips the test when the kernel lacks the capability; gives its value. */
int need_cap(unsigned long cap, const char *name);
#define NEED_CAP(cap) need_cap(cap, #cap)

struct vm *vm_create(unsigned int flags);
void vm_free(struct vm *vm);
int vm_cap(struct vm *vm, unsigned long cap);
int vm_enable_cap(struct vm *vm, unsigned int cap, u64 arg);
/* Guest memory out of slot 0, zero, never given back. */
u64 vm_alloc(struct vm *vm, u64 size, u64 align);
void *vm_hva(struct vm *vm, u64 gpa);
/* The VM's copy of a variable of this program. */
#define vm_var(vm, variable) ((__typeof__(variable) *)vm_hva(vm, (u64)&(variable)))

int vm_set_slot(struct vm *vm, unsigned int slot, unsigned int flags, u64 gpa, u64 size, void *hva);
void vm_add_slot(struct vm *vm, unsigned int slot, unsigned int flags, u64 gpa, u64 size, void *hva);
/* Anonymous memory of the host, at an address that is a multiple of @align. */
void *host_memory(u64 size, u64 align);
u64 host_page(void);

struct vcpu *vcpu_create(struct vm *vm, guest_fn fn, u64 arg);
/* A vCPU that is not made ready to run anything. */
struct vcpu *vcpu_create_bare(struct vm *vm, unsigned int id);
/* Closes what belongs to the vCPU. */
void vcpu_close(struct vcpu *vcpu);

/* One KVM_RUN. Return: 0 or -errno. */
int vcpu_run_once(struct vcpu *vcpu);
/* Until there is an exit, which is not a call that reports a failure. */
void vcpu_run(struct vcpu *vcpu);
/* Was the last exit a guest's call? Then it is in vcpu->call. */
bool vcpu_called(struct vcpu *vcpu);
/* Runs; the exit must be guest_sync(), or the end of the guest's function. */
u64 vcpu_sync(struct vcpu *vcpu);
void vcpu_sync_is(struct vcpu *vcpu, u64 value);
void vcpu_done(struct vcpu *vcpu);
/* Runs; the exit must have this reason. */
void vcpu_exit_is(struct vcpu *vcpu, unsigned int reason);
/* Ends the test for the reason that the last exit was not what is wanted. */
void __attribute__((noreturn)) vcpu_unexpected(struct vcpu *vcpu, const char *wanted);

/* Runs in a thread until the guest's function has returned. */
void vcpu_start(struct vcpu *vcpu);
void vcpu_join(struct vcpu *vcpu);

/* The value of a statistic of a binary statistics file, -1 when there is none. */
s64 stat_value(int fd, const char *name);
s64 vm_stat(struct vm *vm, const char *name);
s64 vcpu_stat(struct vcpu *vcpu, const char *name);

u64 now_ns(void);
/*
 * For loops that stress: @count rounds, of which this is @n; not longer than two seconds (but 20 rounds at
 * least), since hosts may be busy. @end is 0 at first.
 */
bool more(u64 *end, u64 n, u64 count);
void sleep_ms(unsigned int ms);
/* A reproducible sequence. */
u64 random_next(u64 *state);

/* --- given by the architecture (lib/ARCH.c) ------------------------------------------------------ */

/* After the VM's file exists, before any memory. */
void arch_vm_early(struct vm *vm);
/* After the program is in memory. */
void arch_vm_init(struct vm *vm);
/* Before the first vCPU runs, with all vCPUs that there will be. */
void arch_vm_ready(struct vm *vm);
/* Makes the vCPU call @fn(@arg), and then guest_call(GUEST_DONE). */
void arch_vcpu_init(struct vcpu *vcpu, guest_fn fn, u64 arg);
/* The guest address of the call that the last exit was, or 0. */
u64 arch_call_address(struct vcpu *vcpu);
/* A message that the handler of guest_irq_msi() gets with @number; skips the test when there are none. */
void arch_msi(struct vcpu *target, unsigned int number, struct kvm_msi *msi);
/* GSIs that guest_irq_route() can take, from this one on, four at least; and which vCPU takes them. */
unsigned int arch_first_gsi(void);
/* Where the GSI leads when nobody has routed it elsewhere. */
void arch_pin(unsigned int gsi, struct kvm_irq_routing_irqchip *pin);
/* The capabilities that Keel has on this architecture, 0 at the end. */
extern const unsigned int arch_keel_caps[];
/* What Linux's KVM calls one of Keel's statistics here; NULL when it has none. */
const char *arch_stock_stat(const char *name);

#endif
