# SPDX-License-Identifier: GPL-2.0-only
# The kernel's own KVM selftests, out of Debian's kernel source: static programs for a host.

import os
import platform
import shutil
import subprocess

import kernels
import tools
from common import LabError, cache, keep_used, locked, progress

VERSION = "6.12"
TESTS = "tools/testing/selftests/kvm"


def _make(arch, source, log, *arguments):
    command = ["make", "-s", "-C", source, f"ARCH={arch.kbuild}", *arguments]
    if platform.machine() != arch.machine:
        command.append(f"CROSS_COMPILE={arch.gnu}-")
    with open(log, "ab") as out:
        if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out).returncode:
            raise LabError(f"{' '.join(command)} failed: {log}")


def programs(arch):
    """A folder with all tests of an architecture, named as in the kernel's tree; built once per version."""
    source, release = kernels.source(VERSION)
    path = cache("built", f"kvm-selftests-{release}-{arch.name}")
    with locked("kselftests"):
        if not os.path.isdir(path):
            tools.need("gcc", "make", "/usr/include/stdio.h")
            if platform.machine() != arch.machine:
                tools.need(f"{arch.gnu}-gcc", f"/usr/{arch.gnu}/include/stdio.h")
            log, objects, work = (f"{path}.{end}" for end in ("log", "objects", "new"))
            for folder in (objects, work):
                shutil.rmtree(folder, ignore_errors=True)
            with progress(f"building the selftests of {release} for {arch.name}"):
                _make(arch, source, log, f"O={objects}/headers", "headers")
                _make(arch, f"{source}/{TESTS}", log, f"-j{os.cpu_count()}", f"OUTPUT={objects}/tests",
                      f"KHDR_INCLUDES=-isystem {objects}/headers/usr/include",
                      f"LINUX_HDR_PATH={objects}/headers/usr/include/", "EXTRA_CFLAGS=-static")
                _collect(f"{objects}/tests", work, arch)
            shutil.rmtree(objects)
            os.rename(work, path)
        keep_used(path)
    return path


def _collect(built, folder, arch):
    """Copies the programs, stripped, and leaves the objects behind."""
    strip = "strip" if platform.machine() == arch.machine else f"{arch.gnu}-strip"
    for at, folders, files in os.walk(built):
        for name in files:
            program = os.path.join(at, name)
            if os.access(program, os.X_OK):
                copy = os.path.join(folder, os.path.relpath(program, built))
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                subprocess.run([strip, "-s", "-o", copy, program], check=True)
