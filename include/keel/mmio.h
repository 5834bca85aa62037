/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One I/O transaction engine for MMIO and port I/O.
 *
 * An instruction that needs user space is executed twice: the first time it stops at the
 * access that user space must answer; when KVM_RUN comes back the architecture's replay()
 * executes it again from its start, and the accesses it had already made are served from the
 * log kept here: no device sees an access twice. Writes are posted: they are queued, the
 * instruction completes, and the vCPU leaves to user space before the next entry. So nothing
 * below the core keeps a half-done instruction.
 */
#ifndef KEEL_MMIO_H
#define KEEL_MMIO_H

#include <linux/kvm.h>
#include <linux/types.h>
#include <keel/bus.h>

#define KEEL_IO_LOG_BYTES	1024	/* reads of one instruction (rep ins included) */
#define KEEL_IO_LOG_ENTRIES	32	/* accesses of one instruction */
#define KEEL_IO_QUEUE		32	/* posted writes of one instruction */
#define KEEL_IO_PIECE		8	/* bytes of the longest single MMIO access */

struct keel_io_access {
	u64 addr;
	u16 off;		/* of the data: see keel_io.data */
	u16 count;		/* elements */
	u8 size;		/* bytes of one element */
	u8 bus;			/* KEEL_BUS_MMIO or KEEL_BUS_PIO */
};

/**
 * struct keel_io - a vCPU's I/O in flight
 *
 * keel_io_begin() forgets the log: call it at every *first* execution of an instruction
 * (not on replay). Return values below: 0 done (data valid, or write accepted),
 * KEEL_IO_USER: user space must answer first: abandon the instruction uncommitted,
 * negative errno: internal limit.
 */
struct keel_io {
	union {
		struct {
			bool pending;	/* a read waits for user space: log[nr_log] */
			bool replay;	/* user space answered: call replay() */
			bool exited;	/* kvm_run holds an I/O exit that is not completed */
			u8 nr_posted;
		};
		u32 busy;		/* all of these in one look */
	};
	u8 posted_next;			/* of the posted: the one that user space sees next */
	u8 nr_log;			/* answered reads of this instruction */
	u8 next;			/* replay position in the log */
	u16 log_bytes, posted_bytes;
	u16 writes;			/* done or posted by this execution of the instruction */
	u16 skip;			/* of the writes to come: done by an earlier execution */
	u8 *data;			/* KEEL_IO_LOG_BYTES of reads, as many of posted writes */
	void *pio_page;			/* shared with user space: data of KVM_EXIT_IO, or NULL */
	struct keel_io_access log[KEEL_IO_LOG_ENTRIES];
	struct keel_io_access posted[KEEL_IO_QUEUE];
};

#define KEEL_IO_USER 1

static inline bool keel_io_idle(const struct keel_io *io)
{
	return !io->busy;
}

int keel_io_init(struct keel_io *io);
void keel_io_destroy(struct keel_io *io);
/** keel_io_page - what the vCPU file maps at KVM_PIO_PAGE_OFFSET; NULL where the ABI has none. */
struct page *keel_io_page(struct keel_vcpu *vcpu);
void keel_io_begin(struct keel_vcpu *vcpu);

int keel_io_read_only(struct keel_vcpu *vcpu, enum keel_bus_id bus, u64 addr, void *val, int len);
void keel_io_write_only(struct keel_vcpu *vcpu, enum keel_bus_id bus, u64 addr, const void *val,
			int len);
/** keel_mmio_read - read @len (1..64) bytes at guest physical @gpa where no RAM is.
 * Splits at pages' ends and into pieces of 8, 4, 2 and 1 bytes, asks the in-kernel bus
 * first. See struct keel_io for the result. */
int keel_mmio_read(struct keel_vcpu *vcpu, u64 gpa, void *val, int len);
int keel_mmio_write(struct keel_vcpu *vcpu, u64 gpa, const void *val, int len);
#ifdef KVM_PIO_PAGE_OFFSET	/* elsewhere there is no port I/O */
/** keel_pio_read - @count elements of @size (1, 2, 4) from @port (string input when > 1);
 * size * count at most KEEL_IO_LOG_BYTES. */
int keel_pio_read(struct keel_vcpu *vcpu, u16 port, int size, void *val, unsigned int count);
int keel_pio_write(struct keel_vcpu *vcpu, u16 port, int size, const void *val,
		   unsigned int count);
#endif

/**
 * keel_io_exit - does user space have to see an access before the vCPU goes on?
 * Fills kvm_run with KVM_EXIT_IO or KVM_EXIT_MMIO for a pending read or the next posted
 * write. Called by the run loop after every handle_exit() and replay(), and before anything
 * else may end KVM_RUN: an instruction that has completed must not lose its writes.
 * Return: true when kvm_run is filled: leave.
 */
bool keel_io_exit(struct keel_vcpu *vcpu);
/**
 * keel_io_complete - KVM_RUN came back: take user space's answer in
 * Return: 1 go on (the caller then calls replay() if io->replay), 0 leave again: the next
 * posted write was put into kvm_run.
 */
int keel_io_complete(struct keel_vcpu *vcpu);

#endif
