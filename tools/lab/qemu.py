# SPDX-License-Identifier: GPL-2.0-only
# QEMU 10 out of its package: to emulate hosts with, and to put into hosts as their VMM.

import os
import re

import packages
from common import output

VERSION = "1:10."
PACKAGE = "qemu-system-x86"
PROGRAM = "qemu-system-x86_64"
LOADER = "lib64/ld-linux-x86-64.so.2"
LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
DATA = ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")

# what maintainer scripts need; QEMU does not
LEFT_OUT = ("adduser", "debconf", "passwd", "libpam", "libsemanage", "libaudit", "gcc-12-base")

# what a VMM in a host loads for an x86 PC with virtio devices
FIRMWARE = (*(f"usr/share/qemu/{name}" for name in (
    "kvmvapic.bin", "linuxboot.bin", "linuxboot_dma.bin", "multiboot.bin", "multiboot_dma.bin", "pvh.bin",
    "qboot.rom")), *(f"usr/share/seabios/{name}" for name in (
        "bios.bin", "bios-256k.bin", "bios-microvm.bin", "vgabios-stdvga.bin", "vgabios-isavga.bin",
        "vgabios-virtio.bin")), "usr/lib/ipxe/qemu/efi-virtio.rom", "usr/lib/ipxe/qemu/efi-e1000.rom")


def root():
    """The folder with QEMU and its libraries."""
    wanted = [[name, version, "amd64"] for name, version in packages.closure(PACKAGE, VERSION)
              if not name.startswith(LEFT_OUT)]
    wanted.sort(key=lambda package: (package[0] != PACKAGE, package))
    return packages.root("qemu", wanted)


def loader(top):
    """The dynamic loader of a folder of packages; the link to it is absolute, so it is followed by hand."""
    path = os.path.join(top, LOADER)
    return os.path.join(top, os.readlink(path).lstrip("/")) if os.path.islink(path) else path


def _library_path(top):
    return ":".join(os.path.join(top, folder) for folder in LIBRARIES)


def libraries_of(top, program):
    """The shared libraries that a program of a folder of packages loads, as paths in that folder."""
    listing = output([loader(top), "--library-path", _library_path(top),
                      "--list", os.path.join(top, program)])
    paths = [os.path.relpath(path, top) for path in re.findall(r"=> (\S+) \(", listing)]
    return [path for path in paths if not path.startswith("..")] + [os.path.relpath(loader(top), top)]


def command():
    """The command that starts QEMU on this machine, and the environment it needs.

    QEMU's own dynamic loader starts it: this machine's C library may be another one.
    """
    top = root()
    words = [loader(top), "--library-path", _library_path(top), os.path.join(top, "usr/bin", PROGRAM)]
    for folder in DATA:
        words += ["-L", os.path.join(top, folder)]
    return words, {"QEMU_MODULE_DIR": os.path.join(top, "usr/lib/x86_64-linux-gnu/qemu")}
