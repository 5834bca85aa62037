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


def programs(label, top, deb, paths, data=()):
    """An archive with programs out of extracted packages, and the shared libraries that they load.

    @top: the folder that the packages are extracted in
    @deb: the architecture they run on, as Debian calls it
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
            for library in qemu.libraries_of(top, path, deb):
                add(library)
        for path in data:
            whole = os.path.join(top, path)
            for at, folders, files in os.walk(whole):
                folders.sort()
                for name in sorted(files):
                    add(os.path.relpath(os.path.join(at, name), top))
            if not os.path.isdir(whole):
                add(path)
        loader, name = qemu.LOADERS[deb], os.path.relpath(qemu.loader(top, deb), os.path.realpath(top))
        if loader != name:
            archive.link(f"/{loader}", f"/{name}")
    return initramfs.cached(label, fill)


def with_qemu(image, arguments):
    """QEMU as the host's VMM, with the firmware that its machines load."""
    arch = image.arch
    top = qemu.root(arch, arch.deb)
    return programs("qemu", top, arch.deb, [f"usr/bin/{qemu.PROGRAMS[arch.name]}"],
                    [path for path in qemu.FIRMWARE[arch.name] if os.path.exists(os.path.join(top, path))])


def with_perf(image, arguments):
    """perf, of the host kernel's series."""
    version = f"{image.series}."
    deb = image.arch.deb
    top = packages.root(f"linux-perf-{image.series}", packages.closure("linux-perf", version, arch=deb))
    return programs("perf", top, deb, ["usr/bin/perf"])


def with_guest(image, arguments):
    """The main job's guest: a Debian kernel and its initial RAM filesystem in /guest."""
    return guest.archive(image, arguments.guest_kernel)


NAMED = {"qemu": with_qemu, "perf": with_perf, "guest": with_guest}
