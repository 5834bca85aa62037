# SPDX-License-Identifier: GPL-2.0-only
# Keel. `make help` lists the targets.
#
#   make				keel.ko for the running kernel (or KDIR=)
#   make KERNEL=6.12		the same for Debian's 6.12 (or 6.1), headers fetched by the lab
#   make run [HOST=svm]		boot a test host, load keel.ko, run a real guest on it
#   make check			all tests
#   make check-debug		more of them, on a host kernel with every checker on
#   make bench [HOST=svm-trinity]	what each exit costs, beside the distribution's KVM
#   make conformance [HOST=svm]	the kernel's own KVM selftests, beside the distribution's KVM

HOST ?= svm
ARCH ?= $(if $(filter arm64-%,$(HOST)),arm64,x86_64)
LAB := tools/lab/lab

ifdef KERNEL
kbuild = $(LAB) build --kernel $(KERNEL) --arch $(ARCH) $(if $(SPARSE),--sparse) --
else
KDIR ?= /lib/modules/$(shell uname -r)/build
kbuild = $(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(SPARSE),W=1 C=2)
endif

modules:
	+@$(kbuild) modules

config oldconfig: conf := oldaskconfig
config oldconfig:
	@tools/config $(conf)

# --- a real machine -----------------------------------------------------------------------------

install: modules
	+@$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install
	depmod -a

load: modules
	@tools/swap load

unload:
	@tools/swap unload

# --- the lab ---------------------------------------------------------------------------------------

run:
	+@$(LAB) build --kernel 6.12 --arch $(ARCH)
	@tools/lab/main-job --host $(HOST) $(RUN)

# Instructions of the host for each operation, beside the distribution's KVM: BENCH= are options of tools/bench/run
bench:
	+@$(LAB) build --kernel $(if $(filter svm-trinity,$(HOST)),6.1,6.12) --arch $(ARCH)
	@tools/bench/run $(HOST) $(BENCH)

# The kernel's own selftests on both: CONFORMANCE= are options of tools/conformance/run
conformance:
	+@$(LAB) build --kernel 6.12 --arch $(ARCH)
	@tools/conformance/run $(HOST) $(CONFORMANCE)

shell:
	@$(LAB) shell $(HOST)

check:
	@tools/check

check-debug:
	@tools/check --debug

unit:
	+@for d in tools/testing/unit/*/; do $(MAKE) --no-print-directory -C $$d check || exit 1; done

loc:
	@tools/loc

checkstyle:
	@tools/checkstyle

clean:
	@rm -rf build
	@find . \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' \
		-o -name 'modules.order' -o -name 'Module.symvers' \) -not -path './.git/*' -delete
	+@for d in tools/testing/unit/*/; do $(MAKE) --no-print-directory -s -C $$d clean; done

help:
	@sed -n '4,11s/^#   //p' Makefile
	@echo 'make unit | loc | checkstyle | shell | config | clean | install | load | unload'

.PHONY: modules config oldconfig install load unload run bench conformance shell check check-debug unit loc checkstyle clean help
