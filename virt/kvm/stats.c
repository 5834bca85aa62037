// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_STATS_FD: statistics as a file that describes itself. */
#include <linux/anon_inodes.h>
#include <linux/errno.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <keel/vcpu.h>
#include "stats_rows.h"

/* Bytes of a name or an id with its end: also the room for it in struct keel_vm and keel_vcpu. */
#define NAME_SIZE	48
/* The ABI's descriptor has the name behind its fixed part; kernels declare it differently. */
#define DESC_FIXED	offsetof(struct kvm_stats_desc, name)
#define DESC_SIZE	(DESC_FIXED + NAME_SIZE)

#define VM(field)	KEEL_STAT_COUNT(struct keel_vm, stat.field, #field)
#define VCPU(field)	KEEL_STAT_COUNT(struct keel_vcpu, stat.field, #field)
#define VCPU_NS(field)	KEEL_STAT_NS(struct keel_vcpu, stat.field, #field)
#define VCPU_HIST(field) KEEL_STAT_HIST_NS(struct keel_vcpu, stat.field, #field)

static const struct keel_stat_row vm_rows[] = {
	VM(remote_tlb_flush),
	VM(remote_tlb_flush_requests),
	VM(mn_invalidations),
};

static const struct keel_stat_row vcpu_rows[] = {
	VCPU(exits),
	VCPU(user_exits),
	VCPU(signal_exits),
	VCPU(irq_exits),
	VCPU(halt_exits),
	VCPU(mmio_exits),
	VCPU(io_exits),
	VCPU(request_exits),
	VCPU(faults),
	VCPU(fault_spurious),
	VCPU(fault_mmio),
	VCPU(fault_async),
	VCPU(halt_successful_poll),
	VCPU(halt_attempted_poll),
	VCPU(halt_poll_invalid),
	VCPU(halt_wakeup),
	VCPU_NS(halt_poll_success_ns),
	VCPU_NS(halt_poll_fail_ns),
	VCPU_NS(halt_wait_ns),
	VCPU_HIST(halt_poll_success_hist),
	VCPU_HIST(halt_poll_fail_hist),
	VCPU_HIST(halt_wait_hist),
	KEEL_STAT_BOOL(struct keel_vcpu, stat.blocking, "blocking"),
	VCPU(directed_yield_attempted),
	VCPU(directed_yield_successful),
};

const struct keel_stat_row *keel_stat_row(enum keel_stat_kind kind, unsigned int i)
{
	bool vm = kind == KEEL_STATS_VM;
	unsigned int nr = vm ? ARRAY_SIZE(vm_rows) : ARRAY_SIZE(vcpu_rows);

	if (i < nr)
		return vm ? &vm_rows[i] : &vcpu_rows[i];
	i -= nr;
	if (i < (vm ? keel_ops.nr_vm_stats : keel_ops.nr_vcpu_stats))
		return vm ? &keel_ops.vm_stats[i] : &keel_ops.vcpu_stats[i];
	return NULL;
}

/* --- the file: header, id and descriptors, which never change, then the values --------- */

struct stats_file {
	struct keel_vm *vm;		/* a reference: the file outlives other files of the VM */
	const void *object;		/* the VM, or one of its vCPUs */
	enum keel_stat_kind kind;
	size_t head_size, data_size;
	u8 head[];
};

static void gather(const struct stats_file *stats, u64 *data)
{
	const struct keel_stat_row *row;
	unsigned int i, n;

	for (i = 0; (row = keel_stat_row(stats->kind, i)); i++)
		for (n = 0; n < row->size; n++)
			*data++ = keel_stat_value(stats->object, row, n);
}

/* The part of @from that begins at *@pos, where the file has it from @start on. */
static ssize_t read_part(char __user **to, size_t *left, loff_t *pos, const void *from,
			 size_t start, size_t size)
{
	loff_t off = *pos - start;
	ssize_t ret = 0;

	if (off >= 0 && off < size) {
		ret = simple_read_from_buffer(*to, *left, &off, from, size);
		if (ret > 0) {
			*to += ret;
			*left -= ret;
			*pos += ret;
		}
	}
	return ret;
}

static ssize_t stats_read(struct file *file, char __user *to, size_t left, loff_t *pos)
{
	struct stats_file *stats = file->private_data;
	ssize_t head, data = 0;
	u64 *values;

	if (*pos < 0)
		return -EINVAL;
	head = read_part(&to, &left, pos, stats->head, 0, stats->head_size);
	if (head < 0 || !left || *pos < stats->head_size)
		return head;
	values = kvmalloc(stats->data_size, GFP_KERNEL);
	if (!values)
		return head ? head : -ENOMEM;
	gather(stats, values);
	data = read_part(&to, &left, pos, values, stats->head_size, stats->data_size);
	kvfree(values);
	return data < 0 && head ? head : head + data;
}

static loff_t stats_llseek(struct file *file, loff_t offset, int whence)
{
	struct stats_file *stats = file->private_data;

	return fixed_size_llseek(file, offset, whence, stats->head_size + stats->data_size);
}

static int stats_release(struct inode *inode, struct file *file)
{
	struct stats_file *stats = file->private_data;
	struct keel_vm *vm = stats->vm;

	kvfree(stats);
	keel_vm_put(vm);
	return 0;
}

static const struct file_operations stats_fops = {
	.owner = THIS_MODULE,
	.read = stats_read,
	.llseek = stats_llseek,
	.release = stats_release,
};

static struct stats_file *stats_alloc(struct keel_vm *vm, const void *object,
				      enum keel_stat_kind kind, const char *id)
{
	struct kvm_stats_header header = {
		.name_size = NAME_SIZE,
		.id_offset = sizeof(header),
		.desc_offset = sizeof(header) + NAME_SIZE,
	};
	const struct keel_stat_row *row;
	struct stats_file *stats;
	unsigned int values = 0;
	u8 *desc;

	while (keel_stat_row(kind, header.num_desc))
		header.num_desc++;
	header.data_offset = header.desc_offset + header.num_desc * DESC_SIZE;
	stats = kvzalloc(struct_size(stats, head, header.data_offset), GFP_KERNEL_ACCOUNT);
	if (!stats)
		return NULL;
	memcpy(stats->head, &header, sizeof(header));
	strscpy(stats->head + header.id_offset, id, NAME_SIZE);
	desc = stats->head + header.desc_offset;
	for (unsigned int i = 0; (row = keel_stat_row(kind, i)); i++, desc += DESC_SIZE) {
		struct kvm_stats_desc fixed = {
			.flags = row->flags,
			.exponent = row->exponent,
			.size = row->size,
			.offset = values * sizeof(u64),
			.bucket_size = row->bucket_size,
		};

		memcpy(desc, &fixed, DESC_FIXED);
		strscpy(desc + DESC_FIXED, row->name, NAME_SIZE);
		values += row->size;
	}
	stats->vm = vm;
	stats->object = object;
	stats->kind = kind;
	stats->head_size = header.data_offset;
	stats->data_size = values * sizeof(u64);
	return stats;
}

static int stats_fd(struct keel_vm *vm, const void *object, enum keel_stat_kind kind,
		    const char *id, const char *name)
{
	struct stats_file *stats;
	struct file *file;
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	stats = stats_alloc(vm, object, kind, id);
	if (!stats) {
		put_unused_fd(fd);
		return -ENOMEM;
	}
	file = anon_inode_getfile(name, &stats_fops, stats, O_RDONLY);
	if (IS_ERR(file)) {
		kvfree(stats);
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	keel_vm_get(vm);
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD;
	fd_install(fd, file);
	return fd;
}

/**
 * keel_vm_stats_fd - KVM_GET_STATS_FD on a VM
 * @vm: the VM
 *
 * Return: a file descriptor, which keeps the VM alive, or a negative errno.
 */
int keel_vm_stats_fd(struct keel_vm *vm)
{
	return stats_fd(vm, vm, KEEL_STATS_VM, vm->stats_id, "kvm-vm-stats");
}

/**
 * keel_vcpu_stats_fd - KVM_GET_STATS_FD on a vCPU
 * @vcpu: the vCPU
 *
 * Return: a file descriptor, which keeps the VM alive, or a negative errno.
 */
int keel_vcpu_stats_fd(struct keel_vcpu *vcpu)
{
	char name[32];

	snprintf(name, sizeof(name), "kvm-vcpu-stats:%u", vcpu->id);
	return stats_fd(vcpu->vm, vcpu, KEEL_STATS_VCPU, vcpu->stats_id, name);
}
