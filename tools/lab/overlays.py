# SPDX-License-Identifier: GPL-2.0-only
# What a host gets beyond its base system: folders of the user's, and named sets of programs (--with).

import os

import guest
import initramfs
import packages
import qemu
from common import LabError


def chosen(arguments, image):
    """The overlays of a run in order: cpio archives of this lab, then folders of the user's."""
    found = [named(name, image, arguments) for name in dict.fromkeys(arguments.with_)]
    for folder in arguments.overlay:
        if not os.path.isdir(folder):
            raise LabError(f"--overlay {folder}: no such folder")
        found.append(os.path.abspath(folder))
    return found


def named(name, image, arguments):
    return NAMED[name](image, arguments)


def programs(label, top, paths, data=()):
    """An archive with programs out of extracted packages, and the shared libraries that they load.

    @top: the folder that the packages are extracted in
    @paths: programs and loadable modules under it
    @data: further files and folders under it
    """
    label = f"{label}-{os.path.basename(top)}"

    def fill(archive):
        added = set()

        def add(path):
            if path not in added:
                added.add(path)
                archive.copy(os.path.join(top, path), path, None)

        for path in paths:
            add(path)
            for library in qemu.libraries_of(top, path):
                add(library)
        for path in data:
            whole = os.path.join(top, path)
            for at, folders, files in os.walk(whole):
                folders.sort()
                for name in sorted(files):
                    add(os.path.relpath(os.path.join(at, name), top))
            if not os.path.isdir(whole):
                add(path)
        archive.link(f"/{qemu.LOADER}", f"/{os.path.relpath(qemu.loader(top), top)}")
    return initramfs.cached(label, fill)


def with_qemu(image, arguments):
    """QEMU as the host's VMM, with the firmware of an x86 PC."""
    top = qemu.root()
    return programs("qemu", top, [f"usr/bin/{qemu.PROGRAM}"],
                    [path for path in qemu.FIRMWARE if os.path.exists(os.path.join(top, path))])


def with_perf(image, arguments):
    """perf, of the host kernel's series."""
    version = f"{image.version}."
    wanted = [[name, found, "amd64"] for name, found in packages.closure("linux-perf", version)]
    wanted.sort(key=lambda package: (package[0] != "linux-perf", package))
    top = packages.root(f"perf-{image.version}", wanted)
    return programs(f"perf-{image.version}", top, ["usr/bin/perf"])


def with_guest(image, arguments):
    """The main job's guest: a Debian kernel and its initial RAM filesystem in /guest."""
    return guest.archive(image, arguments.guest_kernel)


NAMED = {"qemu": with_qemu, "perf": with_perf, "guest": with_guest}
