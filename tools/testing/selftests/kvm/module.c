// SPDX-License-Identifier: GPL-2.0-only
/* The module comes and goes: never under an open file, always otherwise, with users in a hurry beside it. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/keel.h>
#include "kvm.h"

#define FILE_NAME "/lib/modules/keel.ko"
#define PARAMETERS "/lab/parameters"
#define USERS 2

static int module_unload(void)
{
	return syscall(SYS_delete_module, "keel", O_NONBLOCK);
}

static void module_load(void)
{
	char parameters[400] = "";
	int fd = open(PARAMETERS, O_RDONLY), n;

	if (fd >= 0) {
		n = read(fd, parameters, sizeof(parameters) - 1);
		parameters[n > 0 ? n - 1 : 0] = 0;	/* without the end of the line */
		close(fd);
	}
	fd = ASSERT_OK(open(FILE_NAME, O_RDONLY | O_CLOEXEC));
	ASSERT_OK(syscall(SYS_finit_module, fd, parameters, 0));
	close(fd);
	ASSERT_OK(access("/dev/kvm", R_OK | W_OK));
}

static void need_module(void)
{
	int fd = ASSERT_OK(open("/dev/kvm", O_RDWR)), version = ioctl(fd, KVM_CHECK_EXTENSION, KEEL_CAP_VERSION);

	close(fd);	/* not kvm_fd(), which stays open */
	if (version <= 0 || access(FILE_NAME, R_OK))
		test_skip("not Keel, or no " FILE_NAME);
}

static void nothing(u64 arg)
{
}

/* What is left of a VM after all else is closed. */
enum rest { REST_SYSTEM, REST_VM, REST_VCPU, REST_RUN_PAGE, REST_VM_STATS, REST_VCPU_STATS, NR_RESTS };

/* Opens all, closes all but @rest; gives that file, or -1 for the mapped page. */
static int leave(enum rest rest, void **page)
{
	int fds[NR_RESTS], i;

	fds[REST_SYSTEM] = ASSERT_OK(open("/dev/kvm", O_RDWR));
	fds[REST_VM] = ASSERT_OK(ioctl(fds[REST_SYSTEM], KVM_CREATE_VM, 0));
	fds[REST_VCPU] = ASSERT_OK(ioctl(fds[REST_VM], KVM_CREATE_VCPU, 0));
	fds[REST_VM_STATS] = ASSERT_OK(ioctl(fds[REST_VM], KVM_GET_STATS_FD, NULL));
	fds[REST_VCPU_STATS] = ASSERT_OK(ioctl(fds[REST_VCPU], KVM_GET_STATS_FD, NULL));
	*page = mmap(NULL, host_page(), PROT_READ, MAP_SHARED, fds[REST_VCPU], 0);
	ASSERT(*page != MAP_FAILED);
	ASSERT_EQ(((volatile struct kvm_run *)*page)->exit_reason, KVM_EXIT_UNKNOWN);
	fds[REST_RUN_PAGE] = -1;
	for (i = 0; i < NR_RESTS; i++)
		if (i != rest && fds[i] >= 0)
			close(fds[i]);
	if (rest != REST_RUN_PAGE)
		munmap(*page, host_page());
	return fds[rest];
}

/* Users leave soon: so that it can be unloaded is a matter of trying again. */
static void unload_at_last(void)
{
	u64 start = now_ns();

	while (module_unload()) {
		ASSERT_MSG(errno == EAGAIN || errno == EBUSY, "delete_module: %s", strerrorname_np(errno));
		ASSERT_MSG(now_ns() - start < 60000000000, "the module does not unload");
	}
	ASSERT_ERRNO(ENOENT, access("/dev/kvm", F_OK));
}

TEST_SECONDS(in_use, 60)
{
	enum rest rest;
	void *page;
	int fd, i;

	need_module();
	for (rest = 0; rest < NR_RESTS; rest++) {
		fd = leave(rest, &page);
		for (i = 0; i < 5; i++)
			ASSERT_ERRNO(EAGAIN, module_unload());
		if (fd >= 0)
			close(fd);
		else
			munmap(page, host_page());
		unload_at_last();
		module_load();
	}
}

/* Takes whatever there is of /dev/kvm at the moment. */
static void __attribute__((noreturn)) use_it(void)
{
	for (;;) {
		int kvm = open("/dev/kvm", O_RDWR), vm, vcpu;

		if (kvm < 0)
			continue;
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
		vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
		close(kvm);
		close(vm);
		close(vcpu);
		usleep(3000);
	}
}

TEST_SECONDS(reload, 300)
{
	u64 rounds = test_number("KVMTEST_RELOADS", test_size(10, 2)), i;
	pid_t users[USERS];
	struct vm *vm;

	need_module();
	for (i = 0; i < USERS; i++) {
		users[i] = ASSERT_OK(fork());
		if (!users[i])
			use_it();
	}
	for (i = 0; i < rounds; i++) {
		unload_at_last();
		module_load();
	}
	for (i = 0; i < USERS; i++) {
		ASSERT_OK(kill(users[i], SIGKILL));
		ASSERT_EQ(waitpid(users[i], NULL, 0), users[i]);
	}
	/* And back to back. */
	for (i = 0; i < rounds; i++) {
		ASSERT_OK(module_unload());
		module_load();
	}
	test_note("%lu reloads", 2 * rounds);
	vm = vm_create(0);
	vcpu_done(vcpu_create(vm, nothing, 0));
}
