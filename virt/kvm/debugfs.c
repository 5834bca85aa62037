// SPDX-License-Identifier: GPL-2.0-only
/* Statistics in debugfs: of all VMs, of each VM, and of each vCPU. */
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <keel/vcpu.h>
#include "stats_rows.h"

/*
 * A file's private data is its row; whose value it shows is its directory's private data: NULL
 * for all VMs, or one VM. debugfs waits for readers when a file is removed, so what a file shows
 * outlives every reader.
 */
static struct dentry *root;

static const void *owner_of(struct file *file)
{
	return d_inode(file->f_path.dentry->d_parent)->i_private;
}

static u64 vm_value(struct keel_vm *vm, const struct keel_stat_row *row, enum keel_stat_kind kind)
{
	struct keel_vcpu *vcpu;
	unsigned long i;
	u64 sum = 0;

	if (kind == KEEL_STATS_VM)
		return keel_stat_value(vm, row, 0);
	keel_for_each_vcpu(i, vcpu, vm)
		sum += keel_stat_value(vcpu, row, 0);
	return sum;
}

static ssize_t show(struct file *file, char __user *to, size_t len, loff_t *pos,
		    enum keel_stat_kind kind)
{
	const struct keel_stat_row *row = file_inode(file)->i_private;
	struct keel_vm *vm = (void *)owner_of(file);
	char text[24];
	u64 sum = 0;
	int n;

	if (vm) {
		sum = vm_value(vm, row, kind);
	} else {
		mutex_lock(&keel_lock);
		list_for_each_entry(vm, &keel_vms, link)
			sum += vm_value(vm, row, kind);
		mutex_unlock(&keel_lock);
	}
	n = scnprintf(text, sizeof(text), "%llu\n", sum);
	return simple_read_from_buffer(to, len, pos, text, n);
}

static ssize_t show_vm(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	return show(file, to, len, pos, KEEL_STATS_VM);
}

static ssize_t show_vcpu(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	return show(file, to, len, pos, KEEL_STATS_VCPU);
}

static const struct file_operations row_fops[] = {
	[KEEL_STATS_VM] = { .owner = THIS_MODULE, .read = show_vm, .llseek = default_llseek },
	[KEEL_STATS_VCPU] = { .owner = THIS_MODULE, .read = show_vcpu, .llseek = default_llseek },
};

/* One file per row; histograms are for those who know how to read them (stats.c, vcpuN/stats). */
static void create_rows(struct dentry *dir, void *owner)
{
	const struct keel_stat_row *row;
	enum keel_stat_kind kind;
	unsigned int i;

	d_inode(dir)->i_private = owner;
	for (kind = KEEL_STATS_VM; kind <= KEEL_STATS_VCPU; kind++)
		for (i = 0; (row = keel_stat_row(kind, i)); i++)
			if (row->size == 1)
				debugfs_create_file(row->name, 0444, dir, (void *)row,
						    &row_fops[kind]);
}

/* --- vCPUs: all values in one file, since there may be thousands of vCPUs -------------- */

static int vcpu_stats_show(struct seq_file *out, void *unused)
{
	struct keel_vcpu *vcpu = out->private;
	const struct keel_stat_row *row;
	unsigned int i, n;

	for (i = 0; (row = keel_stat_row(KEEL_STATS_VCPU, i)); i++) {
		seq_printf(out, "%s", row->name);
		for (n = 0; n < row->size; n++)
			seq_printf(out, " %llu", keel_stat_value(vcpu, row, n));
		seq_putc(out, '\n');
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vcpu_stats);

void keel_vcpu_debugfs_create(struct keel_vcpu *vcpu)
{
	char name[16];

	if (!vcpu->vm->debugfs)
		return;
	snprintf(name, sizeof(name), "vcpu%u", vcpu->id);
	vcpu->debugfs = debugfs_create_dir(name, vcpu->vm->debugfs);
	debugfs_create_file("stats", 0444, vcpu->debugfs, vcpu, &vcpu_stats_fops);
}

/* --- VMs ------------------------------------------------------------------------------- */

void keel_vm_debugfs_create(struct keel_vm *vm, int fd)
{
	struct dentry *dir;
	char name[32];

	if (!root)
		return;
	snprintf(name, sizeof(name), "%d-%d", task_pid_nr(current), fd);
	/* A VM whose file is closed, but not its vCPUs', may still have the name. */
	dir = debugfs_lookup(name, root);
	if (dir) {
		dput(dir);
		return;
	}
	dir = debugfs_create_dir(name, root);
	if (IS_ERR(dir))
		return;
	create_rows(dir, vm);
	vm->debugfs = dir;
}

void keel_vm_debugfs_destroy(struct keel_vm *vm)
{
	debugfs_remove(vm->debugfs);
	vm->debugfs = NULL;
}

/* On some hosts the kernel's own hypervisor is built in and has taken the usual name. */
void keel_debugfs_setup(void)
{
	struct dentry *taken = debugfs_lookup("kvm", NULL);

	dput(taken);
	root = debugfs_create_dir(taken ? "keel" : "kvm", NULL);
	if (IS_ERR(root)) {
		root = NULL;
		return;
	}
	create_rows(root, NULL);
}

void keel_debugfs_teardown(void)
{
	debugfs_remove(root);
	root = NULL;
}
