// SPDX-License-Identifier: GPL-2.0-only
/* Binary statistics: the file's form, its values, and their files in debugfs. */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include "kvm.h"
#include "trace.h"

static void guest_syncs(u64 arg)
{
	for (;;)
		guest_sync(++arg);
}

static void form(int fd, const char *kind)
{
	struct kvm_stats_header head;
	struct kvm_stats_desc *desc;
	char id[64] = "", *names, *volatile nowhere = (char *)8;
	size_t size, bytes = 0;
	u64 data[64];
	u32 i, j;

	ASSERT_EQ(read(fd, &head, sizeof(head)), sizeof(head));
	ASSERT_EQ(head.flags, 0);
	ASSERT(head.name_size >= 16 && head.name_size <= 64);
	ASSERT_MSG(head.num_desc > 0, "%s: no statistics", kind);
	ASSERT(head.id_offset >= sizeof(head));
	ASSERT(head.desc_offset >= head.id_offset + head.name_size);
	size = sizeof(*desc) + head.name_size;
	ASSERT(head.data_offset >= head.desc_offset + size * head.num_desc);
	/* The file's position moves as in any file. */
	ASSERT_EQ(lseek(fd, 0, SEEK_CUR), sizeof(head));
	ASSERT(pread(fd, id, head.name_size, head.id_offset) == head.name_size);
	ASSERT_MSG(strnlen(id, head.name_size) > 0 && strnlen(id, head.name_size) < head.name_size,
		   "%s: the id has no end", kind);
	desc = calloc(head.num_desc, size);
	names = (char *)desc;
	ASSERT_EQ(pread(fd, desc, size * head.num_desc, head.desc_offset), size * head.num_desc);
	for (i = 0; i < head.num_desc; i++) {
		struct kvm_stats_desc *d = (void *)(names + i * size);

		ASSERT(strnlen(d->name, head.name_size) < head.name_size && d->name[0]);
		ASSERT((d->flags & KVM_STATS_TYPE_MASK) <= KVM_STATS_TYPE_MAX);
		ASSERT((d->flags & KVM_STATS_UNIT_MASK) <= KVM_STATS_UNIT_MAX);
		ASSERT((d->flags & KVM_STATS_BASE_MASK) <= KVM_STATS_BASE_MAX);
		ASSERT_MSG(d->size >= 1 && d->size <= 64, "%s has %u values", d->name, d->size);
		ASSERT_EQ(d->offset % 8, 0);
		for (j = 0; j < i; j++) {
			struct kvm_stats_desc *e = (void *)(names + j * size);

			ASSERT_MSG(strcmp(e->name, d->name), "%s is there twice", d->name);
			ASSERT_MSG(d->offset >= e->offset + e->size * 8 ||
				   e->offset >= d->offset + d->size * 8,
				   "%s and %s overlap", d->name, e->name);
		}
		bytes += d->size * 8;
		ASSERT_EQ(pread(fd, data, d->size * 8, head.data_offset + d->offset), d->size * 8);
	}
	/* Nothing behind the data. */
	ASSERT_EQ(pread(fd, data, 8, head.data_offset + bytes), 0);
	/* Across all parts, in pieces. */
	for (i = 0; i < head.data_offset + bytes; i += 100) {
		size_t left = head.data_offset + bytes - i;

		ASSERT_EQ(pread(fd, data, 100, i), left < 100 ? left : 100);
	}
	ASSERT_ERRNO(EFAULT, pread(fd, nowhere, 8, 0));
	ASSERT(write(fd, data, 8) < 0);
	free(desc);
}

TEST(form)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_syncs, 0);

	form(ASSERT_OK(ioctl(vm->fd, KVM_GET_STATS_FD, NULL)), "VM");
	form(ASSERT_OK(ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL)), "vCPU");
}

TEST(values)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpus[2] = { vcpu_create(vm, guest_syncs, 0), vcpu_create(vm, guest_syncs, 0) };
	int fds[2], i;
	s64 before[2];

	for (i = 0; i < 2; i++) {
		fds[i] = ASSERT_OK(ioctl(vcpus[i]->fd, KVM_GET_STATS_FD, NULL));
		vcpu_sync(vcpus[i]);
		before[i] = stat_value(fds[i], "exits");
		ASSERT(before[i] > 0);
	}
	for (i = 0; i < 50; i++)
		vcpu_sync(vcpus[0]);
	/* Each vCPU has its own. */
	ASSERT(stat_value(fds[0], "exits") >= before[0] + 50);
	ASSERT_EQ(stat_value(fds[1], "exits"), before[1]);
	ASSERT_EQ(stat_value(fds[0], "no_such_thing"), -1);
}

/* What tools look for by name. */
TEST(names)
{
	static const char *const vcpu_names[] = {
		"exits", "signal_exits", "halt_exits", "mmio_exits", "irq_exits",
		"halt_successful_poll", "halt_attempted_poll", "halt_poll_invalid", "halt_wakeup",
		"halt_poll_success_ns", "halt_poll_fail_ns", "halt_wait_ns", "halt_poll_success_hist",
		"halt_poll_fail_hist", "halt_wait_hist", "blocking",
	};
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_syncs, 0);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vcpu_names); i++)
		ASSERT_MSG((!keel_version() && !arch_stock_stat(vcpu_names[i])) ||
			   vcpu_stat(vcpu, vcpu_names[i]) >= 0, "no statistic %s", vcpu_names[i]);
	ASSERT(vm_stat(vm, "remote_tlb_flush") >= 0);
}

static u64 stop;

static void guest_reads_on(u64 gpa)
{
	while (!READ(stop))
		read64(gpa);
}

static void on_cpu(pthread_t thread, unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ASSERT_EQ(pthread_setaffinity_np(thread, sizeof(set), &set), 0);
}

/* Memory is taken away from a guest that runs: its CPU has to be told. */
TEST(flush)
{
	static const char *const events[] = { "kvm_unmap_hva_range" };
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, guest_reads_on, SLOT_GPA);
	u8 *mem = host_memory(PAGE, PAGE);
	s64 before = vm_stat(vm, "remote_tlb_flush");
	char text[40];
	u64 end = 0, i;
	bool traced;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		test_skip("one CPU");
	vm_add_slot(vm, 1, 0, SLOT_GPA, PAGE, mem);
	on_cpu(pthread_self(), 0);
	traced = trace_start(events, ARRAY_SIZE(events));
	vcpu_start(vcpu);
	on_cpu(vcpu->thread, 1);
	for (i = 0; vm_stat(vm, "remote_tlb_flush") == before && more(&end, i, 100000); i++)
		ASSERT_OK(madvise(mem, PAGE, MADV_DONTNEED));
	*vm_var(vm, stop) = 1;
	vcpu_join(vcpu);
	ASSERT(vm_stat(vm, "remote_tlb_flush") > before);
	ASSERT(vm_stat(vm, "remote_tlb_flush_requests") >= vm_stat(vm, "remote_tlb_flush"));
	snprintf(text, sizeof(text), "range: %#016lx -- ", (u64)mem);
	if (traced)
		ASSERT(trace_count(text) > 0);
	trace_stop();
}

TEST(debugfs)
{
	const char *top = "/sys/kernel/debug/kvm";
	char name[64], path[300], text[64];
	struct vcpu *vcpu;
	struct vm *vm;
	s64 value;
	int fd;

	if (access(top, X_OK))
		test_skip("no debugfs");
	vm = vm_create(0);
	vcpu = vcpu_create(vm, guest_syncs, 0);
	vcpu_sync(vcpu);
	snprintf(name, sizeof(name), "%d-%d", getpid(), vm->fd);
	snprintf(path, sizeof(path), "%s/%s/exits", top, name);
	fd = open(path, O_RDONLY);
	ASSERT_MSG(fd >= 0, "no %s", path);
	ASSERT(read(fd, text, sizeof(text)) > 0);
	value = atol(text);
	ASSERT_EQ(value, vcpu_stat(vcpu, "exits"));
	/* It goes with the VM, also while somebody reads. */
	vm_free(vm);
	ASSERT(pread(fd, text, sizeof(text), 0) <= 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/%s", top, name);
	ASSERT(access(path, F_OK));
}
