# SPDX-License-Identifier: GPL-2.0-only
# QEMU 10 out of its package: to emulate hosts with, and to put into hosts as their VMM.

import os
import re

import packages
import tools
from common import LabError, output

VERSION = "1:10."
DATA = ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")

# what maintainer scripts need; QEMU does not
LEFT_OUT = ("adduser", "debconf", "passwd", "libpam", "libsemanage", "libaudit", "gcc-12-base")

# the package and the program that emulate an architecture
PACKAGES = {"x86_64": "qemu-system-x86", "arm64": "qemu-system-arm"}
PROGRAMS = {"x86_64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}

# what a VMM in a host loads for its machine with virtio devices
FIRMWARE = {
    "x86_64": (*(f"usr/share/qemu/{name}" for name in (
        "kvmvapic.bin", "linuxboot.bin", "linuxboot_dma.bin", "multiboot.bin", "multiboot_dma.bin", "pvh.bin",
        "qboot.rom")), *(f"usr/share/seabios/{name}" for name in (
            "bios.bin", "bios-256k.bin", "bios-microvm.bin", "vgabios-stdvga.bin", "vgabios-isavga.bin",
            "vgabios-virtio.bin")), "usr/lib/ipxe/qemu/efi-virtio.rom", "usr/lib/ipxe/qemu/efi-e1000.rom"),
    "arm64": (),
}

# of the architecture that the programs run on, as Debian calls it
LOADERS = {"amd64": "lib64/ld-linux-x86-64.so.2", "arm64": "lib/ld-linux-aarch64.so.1"}
GNU = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


def root(arch, deb=packages.NATIVE):
    """The folder with the QEMU that emulates @arch and its libraries, to run on Debian's @deb."""
    package = PACKAGES[arch.name]
    wanted = [one for one in packages.closure(package, VERSION, arch=deb) if not one[0].startswith(LEFT_OUT)]
    # apart from the folder that the package alone would have (lab fetch)
    return packages.root(f"{package}-complete", wanted)


def loader(top, deb):
    """The dynamic loader of a folder of packages; where the link to it is absolute, it is followed by hand."""
    path = os.path.join(top, LOADERS[deb])
    if os.path.islink(path) and os.readlink(path).startswith("/"):
        path = os.path.join(top, os.readlink(path).lstrip("/"))
    return os.path.realpath(path)


def _library_folders(deb):
    return [f"{prefix}/{GNU[deb]}" for prefix in ("lib", "usr/lib")]


def libraries_of(top, program, deb):
    """The shared libraries that a program of a folder of packages loads, as paths in that folder.

    Read from the files: the program may be another architecture's.
    """
    tools.need("readelf")
    found, todo = {}, [program]
    while todo:
        path = todo.pop()
        dynamic = output(["readelf", "-d", os.path.join(top, path)])
        own = [folder.replace("$ORIGIN", "/" + os.path.dirname(path)).lstrip("/")
               for paths in re.findall(r"\(R(?:UN)?PATH\).*\[(.*)\]", dynamic) for folder in paths.split(":")]
        for name in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
            if name in found or name == os.path.basename(LOADERS[deb]):
                continue
            places = [os.path.normpath(f"{folder}/{name}") for folder in own + _library_folders(deb)]
            there = [place for place in places if os.path.exists(os.path.join(top, place))]
            if not there:
                raise LabError(f"{path} needs {name}, which none of its packages has")
            found[name] = there[0]
            todo.append(there[0])
    return sorted(found.values()) + [os.path.relpath(loader(top, deb), os.path.realpath(top))]


def command(arch):
    """The command that starts QEMU for @arch on this machine, and the environment it needs.

    QEMU's own dynamic loader starts it: this machine's C library may be another one.
    """
    top, deb = root(arch), packages.NATIVE
    library_path = ":".join(os.path.join(top, folder) for folder in _library_folders(deb))
    words = [loader(top, deb), "--library-path", library_path, os.path.join(top, "usr/bin", PROGRAMS[arch.name])]
    for folder in DATA:
        words += ["-L", os.path.join(top, folder)]
    return words, {"QEMU_MODULE_DIR": os.path.join(top, "usr/lib", GNU[deb], "qemu")}
