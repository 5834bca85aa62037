// SPDX-License-Identifier: GPL-2.0-only
/* MMIO and port I/O transactions: the in-kernel bus first, then user space, then the replay. */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <keel/vcpu.h>
#include "trace.h"

/* Almost all I/O is of 1, 2, 4 or 8 bytes, where a call costs more than the copy. */
static __always_inline void copy(void *to, const void *from, unsigned int len)
{
	switch (len) {
	case 1:
		memcpy(to, from, 1);
		break;
	case 2:
		memcpy(to, from, 2);
		break;
	case 4:
		memcpy(to, from, 4);
		break;
	case 8:
		memcpy(to, from, 8);
		break;
	default:
		memcpy(to, from, len);
	}
}

static __always_inline void trace_mmio(int type, unsigned int bus, unsigned int len, u64 addr,
				       const void *data)
{
	if (trace_kvm_mmio_enabled() && bus == KEEL_BUS_MMIO)
		trace_kvm_mmio(type, len, addr, data);
}

static __always_inline void trace_io(int type, unsigned int bus, unsigned int len, u64 addr,
				     const void *data)
{
	if (bus == KEEL_BUS_PIO)
		trace_kvm_pio(type == KEEL_TRACE_MMIO_WRITE, addr, len, 1, data);
	else
		trace_mmio(type, bus, len, addr, data);
}

/* Describe an access whose data begins at @off. False: its data has no room there. */
static __always_inline bool describe(struct keel_io_access *access, unsigned int bus, u64 addr,
				     unsigned int size, unsigned int count, unsigned int off)
{
	access->addr = addr;
	access->off = off;
	access->count = count;
	access->size = size;
	access->bus = bus;
	return off + count * size <= KEEL_IO_LOG_BYTES;
}

/* --- reads ----------------------------------------------------------------------------- */

/*
 * Serve a read from the log; the number of elements that it had. An instruction that does
 * something else than the last time (its operands or its code were changed under it) makes the
 * rest of the log void.
 */
static unsigned int replayed(struct keel_io *io, unsigned int bus, u64 addr, unsigned int size,
			     unsigned int count, void *data)
{
	const struct keel_io_access *access;
	unsigned int done = 0;

	while (io->next < io->nr_log && done < count) {
		access = &io->log[io->next];
		if (access->addr != addr || access->size != size || access->bus != bus ||
		    access->count > count - done) {
			io->nr_log = io->next;
			io->log_bytes = access->off;
			io->skip = 0;
			break;
		}
		copy(data + done * size, io->data + access->off, access->count * size);
		io->next++;
		done += access->count;
	}
	return done;
}

/* @count elements of @size bytes, all at @addr. */
static int do_read(struct keel_vcpu *vcpu, unsigned int bus, u64 addr, unsigned int size,
		   unsigned int count, void *data)
{
	struct keel_io *io = &vcpu->io;
	unsigned int done = 0, served;

	if (unlikely(io->next < io->nr_log))
		done = replayed(io, bus, addr, size, count, data);
	for (served = done; done < count; done++)
		if (keel_bus_read(vcpu, bus, addr, size, data + done * size))
			break;
	if (done > served) {
		unsigned int bytes = (done - served) * size;

		/* If this instruction is executed again, the device must not be read again. */
		if (io->nr_log == KEEL_IO_LOG_ENTRIES ||
		    !describe(&io->log[io->nr_log], bus, addr, size, done - served,
			      io->log_bytes))
			return -ENOSPC;
		copy(io->data + io->log_bytes, data + served * size, bytes);
		io->log_bytes += bytes;
		io->next = ++io->nr_log;
		trace_mmio(KEEL_TRACE_MMIO_READ, bus, size, addr, data);
	}
	if (done == count)
		return 0;
	if (io->nr_log == KEEL_IO_LOG_ENTRIES ||
	    !describe(&io->log[io->nr_log], bus, addr, size, count - done, io->log_bytes))
		return -ENOSPC;
	io->pending = true;
	trace_mmio(KEEL_TRACE_MMIO_READ_UNSATISFIED, bus, size, addr, NULL);
	return KEEL_IO_USER;
}

/* --- writes ---------------------------------------------------------------------------- */

static int do_write(struct keel_vcpu *vcpu, unsigned int bus, u64 addr, unsigned int size,
		    unsigned int count, const void *data)
{
	struct keel_io *io = &vcpu->io;
	struct keel_io_access *access;

	io->writes++;
	if (unlikely(io->skip)) {
		io->skip--;
		return 0;
	}
	trace_mmio(KEEL_TRACE_MMIO_WRITE, bus, size, addr, data);
	for (; count; count--, data += size)
		if (keel_bus_write(vcpu, bus, addr, size, data))
			break;
	if (!count)
		return 0;
	access = &io->posted[io->nr_posted];
	if (io->nr_posted == KEEL_IO_QUEUE ||
	    !describe(access, bus, addr, size, count, io->posted_bytes))
		return -ENOSPC;
	copy(io->data + KEEL_IO_LOG_BYTES + access->off, data, count * size);
	io->posted_bytes += count * size;
	io->nr_posted++;
	return 0;
}

/* --- what architectures call ----------------------------------------------------------- */

/* The longest access from here that crosses no page's end: 8, 4, 2 or 1 bytes. */
static __always_inline unsigned int piece(u64 gpa, unsigned int len)
{
	unsigned int room = PAGE_SIZE - offset_in_page(gpa);

	return 1u << (fls(min3(len, room, KEEL_IO_PIECE)) - 1);
}

/**
 * keel_mmio_read - read guest physical memory that has no RAM behind it
 * @vcpu: who reads; its thread calls
 * @gpa: address
 * @val: where to
 * @len: 1 to 64 bytes
 *
 * Return: 0, KEEL_IO_USER, or -ENOSPC: the instruction makes more accesses than the log holds.
 */
int keel_mmio_read(struct keel_vcpu *vcpu, u64 gpa, void *val, int len)
{
	while (len > 0) {
		unsigned int n = piece(gpa, len);
		int ret = do_read(vcpu, KEEL_BUS_MMIO, gpa, n, 1, val);

		if (ret)
			return ret;
		gpa += n;
		val += n;
		len -= n;
	}
	return 0;
}

/**
 * keel_mmio_write - write guest physical memory that has no RAM behind it
 * @vcpu: who writes; its thread calls
 * @gpa: address
 * @val: the data
 * @len: 1 to 64 bytes
 *
 * Return: 0 (done or posted), or -ENOSPC: too many writes in one instruction.
 */
int keel_mmio_write(struct keel_vcpu *vcpu, u64 gpa, const void *val, int len)
{
	while (len > 0) {
		unsigned int n = piece(gpa, len);
		int ret = do_write(vcpu, KEEL_BUS_MMIO, gpa, n, 1, val);

		if (ret)
			return ret;
		gpa += n;
		val += n;
		len -= n;
	}
	return 0;
}

#ifdef KVM_PIO_PAGE_OFFSET
/**
 * keel_pio_read - port input
 * @vcpu: who reads; its thread calls
 * @port: the port
 * @size: bytes of an element: 1, 2 or 4
 * @val: where to
 * @count: elements; @size * @count is at most KEEL_IO_LOG_BYTES
 *
 * Return: as keel_mmio_read().
 */
int keel_pio_read(struct keel_vcpu *vcpu, u16 port, int size, void *val, unsigned int count)
{
	int r = do_read(vcpu, KEEL_BUS_PIO, port, size, count, val);

	if (!r)
		trace_kvm_pio(false, port, size, count, val);
	return r;
}

/**
 * keel_pio_write - port output
 * @vcpu: who writes; its thread calls
 * @port: the port
 * @size: bytes of an element: 1, 2 or 4
 * @val: the data
 * @count: elements; @size * @count is at most KEEL_IO_LOG_BYTES
 *
 * Return: as keel_mmio_write().
 */
int keel_pio_write(struct keel_vcpu *vcpu, u16 port, int size, const void *val,
		   unsigned int count)
{
	if (likely(!vcpu->io.skip))
		trace_kvm_pio(true, port, size, count, val);
	return do_write(vcpu, KEEL_BUS_PIO, port, size, count, val);
}
#endif

/**
 * keel_io_read_only - the only access of an instruction that is executed for the first time
 * @vcpu: who reads; its thread calls
 * @bus: KEEL_BUS_MMIO or KEEL_BUS_PIO
 * @addr: address, of an access within a page
 * @val: where to
 * @len: 1, 2, 4 or 8 bytes
 *
 * With nothing before it in the log, and, when a device has answered, nothing that could make the
 * instruction be executed again. The answer of user space is read by keel_mmio_read() or keel_pio_read().
 *
 * Return: 0 or KEEL_IO_USER.
 */
int keel_io_read_only(struct keel_vcpu *vcpu, enum keel_bus_id bus, u64 addr, void *val, int len)
{
	struct keel_io *io = &vcpu->io;

	if (!keel_bus_read(vcpu, bus, addr, len, val)) {
		trace_io(KEEL_TRACE_MMIO_READ, bus, len, addr, val);
		return 0;
	}
	keel_io_begin(vcpu);
	describe(&io->log[0], bus, addr, len, 1, 0);
	io->pending = true;
	trace_mmio(KEEL_TRACE_MMIO_READ_UNSATISFIED, bus, len, addr, NULL);
	return KEEL_IO_USER;
}

/**
 * keel_io_write_only - the same for a write
 * @vcpu: who writes; its thread calls
 * @bus: KEEL_BUS_MMIO or KEEL_BUS_PIO
 * @addr: address, of an access within a page
 * @val: the data
 * @len: 1, 2, 4 or 8 bytes
 *
 * It is done or posted.
 */
void keel_io_write_only(struct keel_vcpu *vcpu, enum keel_bus_id bus, u64 addr, const void *val,
			int len)
{
	struct keel_io *io = &vcpu->io;

	trace_io(KEEL_TRACE_MMIO_WRITE, bus, len, addr, val);
	if (!keel_bus_write(vcpu, bus, addr, len, val))
		return;
	describe(&io->posted[0], bus, addr, len, 1, 0);
	copy(io->data + KEEL_IO_LOG_BYTES, val, len);
	io->posted_bytes = len;
	io->nr_posted = 1;
}

/**
 * keel_io_begin - an instruction that may do I/O is executed for the first time
 * @vcpu: its thread calls
 */
void keel_io_begin(struct keel_vcpu *vcpu)
{
	struct keel_io *io = &vcpu->io;

	io->pending = false;
	io->replay = false;
	io->nr_log = 0;
	io->next = 0;
	io->log_bytes = 0;
	io->writes = 0;
	io->skip = 0;
}

/* --- to user space and back ------------------------------------------------------------ */

/*
 * The pages of kvm_run and of port data are user space's as well: nothing but the answer's
 * data is ever read back from them.
 */
static void fill_run(struct keel_vcpu *vcpu, const struct keel_io_access *access,
		     const void *data)
{
	struct kvm_run *run = vcpu->run;

	if (access->bus == KEEL_BUS_MMIO) {
		vcpu->stat.mmio_exits++;
		run->exit_reason = KVM_EXIT_MMIO;
		run->mmio.phys_addr = access->addr;
		run->mmio.len = access->size;
		run->mmio.is_write = !!data;
		if (data)
			copy(run->mmio.data, data, access->size);
		return;
	}
#ifdef KVM_PIO_PAGE_OFFSET
	vcpu->stat.io_exits++;
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = data ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
	run->io.size = access->size;
	run->io.port = access->addr;
	run->io.count = access->count;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	if (data)
		copy(vcpu->io.pio_page, data, access->count * access->size);
#endif
}

bool keel_io_exit(struct keel_vcpu *vcpu)
{
	struct keel_io *io = &vcpu->io;
	const struct keel_io_access *access;

	io->replay = false;
	if (io->nr_posted) {
		access = &io->posted[io->posted_next];
		fill_run(vcpu, access, io->data + KEEL_IO_LOG_BYTES + access->off);
	} else if (io->pending) {
		fill_run(vcpu, &io->log[io->nr_log], NULL);
	} else {
		return false;
	}
	io->exited = true;
	return true;
}

static void take_answer(struct keel_vcpu *vcpu)
{
	struct keel_io *io = &vcpu->io;
	const struct keel_io_access *access = &io->log[io->nr_log];
	u8 *data = io->data + access->off;

	if (access->bus == KEEL_BUS_MMIO)
		copy(data, vcpu->run->mmio.data, access->size);
	else
		copy(data, io->pio_page, access->count * access->size);
	trace_mmio(KEEL_TRACE_MMIO_READ, access->bus, access->size, access->addr, data);
	io->log_bytes += access->count * access->size;
	io->nr_log++;
	io->pending = false;
	io->next = 0;
	io->skip = io->writes;
	io->writes = 0;
	io->replay = true;
}

int keel_io_complete(struct keel_vcpu *vcpu)
{
	struct keel_io *io = &vcpu->io;

	if (!io->exited)
		return 1;
	io->exited = false;
	if (!io->nr_posted) {
		if (io->pending)
			take_answer(vcpu);
		return 1;
	}
	if (++io->posted_next == io->nr_posted) {
		io->nr_posted = 0;
		io->posted_next = 0;
		io->posted_bytes = 0;
	}
	return !keel_io_exit(vcpu);
}

int keel_io_init(struct keel_io *io)
{
	memset(io, 0, sizeof(*io));
	io->data = kmalloc(2 * KEEL_IO_LOG_BYTES, GFP_KERNEL_ACCOUNT);
	if (!io->data)
		return -ENOMEM;
#ifdef KVM_PIO_PAGE_OFFSET
	io->pio_page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!io->pio_page) {
		keel_io_destroy(io);
		return -ENOMEM;
	}
#endif
	return 0;
}

void keel_io_destroy(struct keel_io *io)
{
	free_page((unsigned long)io->pio_page);
	kfree(io->data);
	io->pio_page = NULL;
	io->data = NULL;
}

struct page *keel_io_page(struct keel_vcpu *vcpu)
{
	return vcpu->io.pio_page ? virt_to_page(vcpu->io.pio_page) : NULL;
}
