# SPDX-License-Identifier: GPL-2.0-only
# Building modules against the lab's kernel headers.

import os
import platform
import shutil
import subprocess

import kernels
import packages
import tools
from common import TOP


def kdir_arguments(version, arch):
    """The arguments that make `make` build against Debian's headers without installing them.

    Entered through the common folder: the flavour's own Makefile includes an absolute path.
    """
    headers = kernels.headers(version, arch)
    arguments = ["-C", headers.common, f"O={headers.build}", f"ARCH={arch.kbuild}",
                 f"DEB_BUILD_ARCH={packages.NATIVE}", f"DEB_HOST_ARCH={arch.deb}", f"DEB_HOST_GNU_TYPE={arch.gnu}",
                 # type information of a module needs pahole and a vmlinux, and serves nobody here
                 "CONFIG_DEBUG_INFO_BTF_MODULES="]
    if platform.machine() != arch.machine:
        arguments.append(f"CROSS_COMPILE={arch.gnu}-")
    return arguments


def setup(arch):
    """Brings what building needs onto this machine."""
    tools.need("gcc", "make", "flex", "bison", "sparse", tools.LIBELF)
    if platform.machine() != arch.machine:
        tools.need(f"{arch.gnu}-gcc")


def build(version, arch, folder, sparse, arguments):
    """Builds the modules of a folder; Keel's is also copied to build/ARCH-KERNEL/. Returns make's status."""
    setup(arch)
    folder = os.path.abspath(folder or TOP)
    if not any("=" not in a and not a.startswith("-") for a in arguments):
        arguments = [*arguments, "modules"]
    checks = ["W=1", "C=2"] if sparse else []
    command = ["make", "--no-print-directory", *kdir_arguments(version, arch), f"M={folder}",
               *checks, *arguments]
    status = subprocess.run(command, stdin=subprocess.DEVNULL).returncode
    built = os.path.join(folder, "keel.ko")
    if not status and folder == TOP and os.path.exists(built) and "clean" not in arguments:
        kept = os.path.join(TOP, "build", f"{arch.name}-{version}")
        os.makedirs(kept, exist_ok=True)
        shutil.copy2(built, kept)
    return status
