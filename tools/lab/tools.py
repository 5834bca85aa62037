# SPDX-License-Identifier: GPL-2.0-only
# Programs of this machine that the lab calls: installed with apt-get when root, else named.

import os
import platform
import shutil

from common import LabError, output, progress

LIBELF = f"/usr/lib/{platform.machine()}-linux-gnu/libelf.so.1"

# what a program (or, with a slash, a file) is packaged in
PACKAGES = {
    "gcc": "gcc",
    "/usr/include/stdio.h": "libc6-dev",
    "make": "make",
    "readelf": "binutils",
    # the headers' own programs (objtool) load it
    LIBELF: "libelf1",
    # the kernel's own build compiles objtool
    "/usr/include/gelf.h": "libelf-dev",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "cpio": "cpio",
    "lz4": "lz4",
    "zstd": "zstd",
    "xz": "xz-utils",
    "sparse": "sparse",
    "qemu-img": "qemu-utils",
    "xorriso": "xorriso",
    "bochs-bin": "bochs",
    "/usr/share/bochs/BIOS-bochs-latest": "bochsbios",
    "/usr/share/bochs/VGABIOS-lgpl-latest": "vgabios",
    "/usr/lib/ISOLINUX/isolinux.bin": "isolinux",
    "/usr/lib/ISOLINUX/isohdpfx.bin": "isolinux",
    "/usr/lib/syslinux/modules/bios/ldlinux.c32": "syslinux-common",
    "cloc": "cloc",
    "git": "git",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "s390x-linux-gnu-gcc": "gcc-s390x-linux-gnu",
    "/usr/aarch64-linux-gnu/include/stdio.h": "libc6-dev-arm64-cross",
    "/usr/s390x-linux-gnu/include/stdio.h": "libc6-dev-s390x-cross",
}


def _there(name):
    return os.path.exists(name) if "/" in name else shutil.which(name) is not None


def need(*names):
    """Makes sure that programs are on this machine."""
    missing = sorted({PACKAGES[n] for n in names if not _there(n)})
    if not missing:
        return
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        raise LabError("this machine lacks programs; install them with:\n"
                       f"  sudo {' '.join(install)}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    with progress(f"installing {' '.join(missing)}"):
        try:
            output(install, env=environment)
        except LabError:
            output(["apt-get", "update"], env=environment)
            output(install, env=environment)
    still = [n for n in names if not _there(n)]
    if still:
        raise LabError(f"{' '.join(install)} did not bring {' '.join(still)}")


def compiler(arch):
    """The C compiler for an architecture's user programs (kernels.Arch), brought onto this machine."""
    native = platform.machine() == arch.machine
    name = "gcc" if native else f"{arch.gnu}-gcc"
    need(name, "/usr/include/stdio.h" if native else f"/usr/{arch.gnu}/include/stdio.h")
    return name
