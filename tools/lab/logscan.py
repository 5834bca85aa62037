# SPDX-License-Identifier: GPL-2.0-only
# What a host's kernel log must not contain.

import re

COMPLAINT = re.compile("|".join((
    r"\bBUG\b", r"\bWARNING\b", r"\bOops\b", r"[Kk]ernel panic", r"general protection",
    r"kernel NULL pointer", r"unable to handle", r"double fault", r"stack segment:", r"divide error",
    r"invalid opcode: ", r"soft lockup", r"hard LOCKUP", r"rcu.*(?:detected|self-detected) stall",
    r"rcu.*stalls? on CPU", r"blocked for more than", r"hung_task", r"\bKASAN\b", r"\bUBSAN\b", r"\bKCSAN\b",
    r"kmemleak:.*new suspected", r"possible recursive locking", r"INFO: possible", r"INFO: trying to register",
    r"INFO: rcu", r"inconsistent lock state", r"bad unlock balance", r"held lock freed",
    r"sleeping function called", r"scheduling while atomic", r"suspicious RCU usage", r"\bleaked\b",
    r"still has objects", r"Objects remaining", r"Bad page state", r"Bad rss-counter",
    r"non-zero pgtables_bytes",
    r"refcount_t:", r"list_(?:add|del) corruption", r"unexpected IRQ trap", r"nobody cared",
    r"unchecked MSR access", r"Call Trace:",
    r"segfault at .* keel", r"keel:.*(?:leak|not freed)",
)))

# what healthy emulated hosts say
HARMLESS = re.compile("|".join((
    # 6.12 announces that it configures these detectors, or that they are compiled in
    r"(?:KASAN|KCSAN|UBSAN|kmemleak|RCU lockdep)[: ].*(?:enabled|initialized|initialised)",
    r"Kernel command line:", r"Unknown kernel command line parameters",
)))

# A test that injects faults says so; from then on the kernel may report allocations that failed.
INJECTS = re.compile(r"kvmtest: faults are injected")
FAILED_ALLOCATION = re.compile(r": (?:vmalloc error|page allocation failure): ")


def kernel_lines(console):
    """The lines of a console log that the kernel wrote."""
    for line in console.splitlines():
        if not line.startswith("LAB-"):
            yield line


def complaint(console):
    """The first line that makes a run a failure, or None."""
    injects = excused = False
    for line in kernel_lines(console):
        injects = injects or INJECTS.search(line)
        if injects and FAILED_ALLOCATION.search(line):
            excused = True
        elif excused and "Call Trace:" in line:
            excused = False
        elif COMPLAINT.search(line) and not HARMLESS.search(line):
            return line.strip()
    return None
