# SPDX-License-Identifier: GPL-2.0-only
# By host: how the kernel's selftests run there, and which of them Keel must pass.


class Plan:
    """What a host runs.

    @required: tests that must pass on Keel
    @arguments: {test: arguments}; the others run with none. PROGRAM:NAME is a further run of a program
    @parameters: {"module/parameter": value} that the tests read under /sys/module, as they are under Keel
    @seconds: {test: time-out}; the others have the usual one
    @excluded: programs that are no tests
    """

    def __init__(self, required, arguments, parameters, seconds, excluded=()):
        self.required = required.split()
        self.arguments, self.parameters = arguments, parameters
        self.seconds, self.excluded = seconds, excluded

    def tests(self, programs):
        """The names of all tests, out of those of the programs."""
        further = [test for test in self.arguments if test not in programs and test.split(":")[0] in programs]
        return sorted({*programs, *further} - set(self.excluded))

    def limit(self, test):
        return self.seconds.get(test, USUAL_SECONDS)


USUAL_SECONDS = 240


# Their defaults take minutes in an emulator: smaller memory, fewer iterations.
SMALLER = {
    "demand_paging_test": "-b 128M",
    "dirty_log_perf_test": "-i 2 -b 64M",
    "dirty_log_test": "-i 4 -I 10",
    "kvm_page_table_test": "-b 128M",
    "max_guest_memory_test": "-c 2 -m 2 -s 1",
    "memslot_modification_stress_test": "-i 5 -b 64M",
    # its last part must touch 512 MB in 10 seconds of the emulator's: apart from the others
    "memslot_perf_test": "-l 1 -s 512 -e 4",
    "memslot_perf_test:rw": "-l 1 -s 512 -f 5",
}

# They have no sizes to make smaller, and do not end in minutes.
ENDLESS = {"hardware_disable_test": 60, "rseq_test": 60}

X86 = Plan(
    required="""
        coalesced_io_test demand_paging_test dirty_log_test guest_print_test kvm_binary_stats_test
        kvm_create_max_vcpus kvm_page_table_test memslot_modification_stress_test memslot_perf_test
        pre_fault_memory_test set_memory_region_test steal_time system_counter_offset_test
        x86_64/apic_bus_clock_test x86_64/cpuid_test x86_64/cr4_cpuid_sync_test
        x86_64/exit_on_emulation_failure_test x86_64/fix_hypercall_test x86_64/get_msr_index_features
        x86_64/hwcr_msr_test x86_64/kvm_clock_test x86_64/kvm_pv_test x86_64/max_vcpuid_cap_test
        x86_64/platform_info_test x86_64/recalc_apic_map_test x86_64/set_boot_cpu_id x86_64/set_sregs_test
        x86_64/sync_regs_test x86_64/tsc_msrs_test x86_64/userspace_io_test x86_64/userspace_msr_exit_test
        x86_64/xapic_ipi_test x86_64/xapic_state_test x86_64/xcr0_cpuid_test
        """,
    arguments=SMALLER,
    parameters={
        # no virtual PMU, no nested virtualization, no AVIC, no prefix that forces emulation
        "kvm/enable_pmu": "N", "kvm/force_emulation_prefix": "0",
        "kvm_amd/avic": "N", "kvm_amd/nested": "N", "kvm_amd/npt": "Y",
        # huge pages are split when a page of theirs is written, not when logging begins
        "kvm/eager_page_split": "N", "kvm/tdp_mmu": "N",
    },
    seconds=ENDLESS,
    # only its script may start it
    excluded=("x86_64/nx_huge_pages_test",),
)

ARM64 = Plan(
    required="""
        aarch64/debug-exceptions aarch64/hypercalls aarch64/no-vgic-v3 aarch64/psci_test aarch64/smccc_filter
        aarch64/vgic_irq arch_timer coalesced_io_test demand_paging_test dirty_log_perf_test guest_print_test
        kvm_binary_stats_test kvm_create_max_vcpus kvm_page_table_test memslot_perf_test steal_time
        """,
    arguments={
        "access_tracking_perf_test": "-b 16M -v 1",
        # microseconds that a timer may be late
        "arch_timer": "-e 100000",
        "demand_paging_test": "-b 8M -v 2",
        "dirty_log_perf_test": "-i 2 -b 8M",
        "dirty_log_test": "-i 3 -I 5 -M dirty-ring",
        # guests with 48 bits of addresses and 4K pages only
        "kvm_page_table_test": "-m 3 -b 8M -v 2",
        "memslot_modification_stress_test": "-i 3 -b 16M -v 1",
        # mapping alone: the other parts touch much memory against a clock
        "memslot_perf_test": "-l 1 -s 32 -f 0 -e 1",
    },
    parameters={},
    seconds={"aarch64/page_fault_test": 60, "rseq_test": 60},
)

PLANS = {"svm": X86, "arm64-vhe": ARM64}
