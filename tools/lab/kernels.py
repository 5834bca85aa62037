# SPDX-License-Identifier: GPL-2.0-only
# Debian's kernels: their headers for building modules, their images and modules for booting, their source.

import glob
import gzip
import lzma
import os
import re
import shutil
import subprocess
import sys

import packages
import tools
from common import LabError, cache, keep_used, locked, output, progress, say

VERSIONS = ("6.12", "6.1")
# VERSIONS, and what debug_kernel.py builds
ALL = (*VERSIONS, "6.12-debug")


class Arch:
    """What Debian and kbuild call an architecture."""

    def __init__(self, name, deb, kbuild, flavour, machine):
        self.name, self.deb, self.kbuild, self.flavour = name, deb, kbuild, flavour
        self.machine, self.gnu = machine, f"{machine}-linux-gnu"


ARCHES = {a.name: a for a in (
    Arch("x86_64", "amd64", "x86", "cloud-amd64", "x86_64"),
    Arch("arm64", "arm64", "arm64", "cloud-arm64", "aarch64"),
    Arch("s390", "s390x", "s390", "s390x", "s390x"),
)}


def arch_of(name):
    if name not in ARCHES:
        raise LabError(f"no architecture {name}: {', '.join(ARCHES)}")
    return ARCHES[name]


def series(version):
    """The series that a kernel's name belongs to."""
    return version.removesuffix("-debug")


def headers(version, arch):
    """What modules for a kernel are built against."""
    return _kind(version, arch).Headers(version, arch)


def image(version, arch):
    """A kernel to boot."""
    return _kind(version, arch).Image(version, arch)


def _kind(version, arch):
    """The module with the classes for a kernel: this one, or the debug kernel's."""
    if version not in ALL:
        raise LabError(f"no kernel {version}: {', '.join(ALL)}")
    if version in VERSIONS:
        return sys.modules[__name__]
    if arch.name != "x86_64":
        raise LabError(f"there is no kernel {version} for {arch.name}")
    import debug_kernel
    return debug_kernel


def _package(kind, version, arch):
    """The newest real package behind the metapackage linux-KIND-FLAVOUR, of one kernel series."""
    meta = packages.newest(f"linux-{kind}-{arch.flavour}", arch.deb, version + ".")
    for name in packages.dependencies(meta):
        if name.startswith(f"linux-{kind}-{version}."):
            return packages.newest(name, arch.deb, version + ".")
    raise LabError(f"{meta['Package']} {meta['Version']} names no kernel")


class Headers:
    """Extracted headers: `release` as uname -r says it, `common` and `build` folders."""

    def __init__(self, version, arch):
        record = _package("headers", version, arch)
        wanted = [[record["Package"], record["Version"], arch.deb]]
        for name in packages.dependencies(record):
            if name.endswith("-common"):
                wanted.append([name, packages.newest(name)["Version"], "all"])
            elif name.startswith("linux-kbuild-"):
                # kbuild's programs run on this machine, whatever they build for
                wanted.append([name, packages.newest(name)["Version"], packages.NATIVE])
        if len(wanted) != 3:
            raise LabError(f"{record['Package']} depends on other packages than expected")
        self.root = packages.root(f"headers-{version}", wanted)
        self.release = record["Package"].removeprefix("linux-headers-")
        self.common = f"{self.root}/usr/src/{wanted[1][0]}"
        self.build = f"{self.root}/usr/src/{record['Package']}"
        for path in (self.common, self.build):
            if not os.path.isdir(path):
                raise LabError(f"{path} is missing from its package")


class Image:
    """A kernel to boot: `vmlinuz` as packaged, its modules by name."""

    def __init__(self, version, arch):
        record = _package("image", version, arch)
        self.version, self.series, self.arch = version, version, arch
        self.release = record["Package"].removeprefix("linux-image-")
        self.root = packages.root(f"image-{version}", [[record["Package"], record["Version"], arch.deb]])
        self.vmlinuz = f"{self.root}/boot/vmlinuz-{self.release}"
        self.files = {}
        for prefix in ("lib", "usr/lib"):
            folder = f"{self.root}/{prefix}/modules/{self.release}"
            for path in glob.iglob(f"{folder}/kernel/**/*.ko*", recursive=True):
                self.files[module_name(path)] = path

    def vmlinux(self):
        """The uncompressed kernel out of an x86 bzImage (Documentation/arch/x86/boot.rst: payload_offset)."""
        path = cache("vmlinux", self.release)
        with locked():
            if os.path.exists(path):
                return path
            say(f"uncompressing kernel {self.release}")
            with open(self.vmlinuz, "rb") as file:
                image = file.read()
            start, length = (int.from_bytes(image[at:at + 4], "little") for at in (0x248, 0x24c))
            start += (image[0x1f1] + 1) * 512
            # the payload's last four bytes are its uncompressed size
            payload = image[start:start + length - 4]
            size = int.from_bytes(image[start + length - 4:start + length], "little")
            for magic, tool in ((b"\x28\xb5\x2f\xfd", "zstd"), (b"\x02\x21\x4c\x18", "lz4"),
                                (b"\xfd7zXZ", "xz")):
                if payload.startswith(magic):
                    tools.need(tool)
                    done = subprocess.run([tool, "-dc"], input=payload, stdout=subprocess.PIPE,
                                          stderr=subprocess.PIPE)
                    break
            else:
                raise LabError(f"{self.vmlinuz}: unknown compression")
            if len(done.stdout) != size or not done.stdout.startswith(b"\x7fELF"):
                raise LabError(f"{self.vmlinuz}: does not uncompress: {done.stderr.decode()}")
            with open(path + ".new", "wb") as file:
                file.write(done.stdout)
            os.rename(path + ".new", path)
        return path

    def module(self, name):
        """The bytes of a module, uncompressed."""
        if name not in self.files:
            raise LabError(f"kernel {self.release} has no module {name}")
        return module_bytes(self.files[name])

    def with_dependencies(self, modules):
        """{name: bytes} of modules and of what they depend on, in loading order.

        @modules: {name: bytes}, or {name: None} for a module of this kernel
        """
        ordered = {}

        def add(name, data):
            if name in ordered:
                return
            data = data or self.module(name)
            for needed in module_info(data, "depends").split(","):
                # what is built in is not among the files
                if needed and (needed in self.files or needed in modules):
                    add(needed, modules.get(needed))
            ordered[name] = data

        for name, data in modules.items():
            add(name, data)
        return ordered


def source(version):
    """The source of a kernel series as Debian patches it: its folder and the package's version. Build outside it."""
    name = f"linux-source-{version}"
    release = packages.newest(name)["Version"]
    path = cache("sources", re.sub(r"[^\w.+-]", "-", f"{name}-{release}"))
    with locked("sources"):
        if not os.path.isdir(path):
            tools.need("xz")
            archive = os.path.join(packages.root(name, [[name, release, "all"]]), "usr/src", f"{name}.tar.xz")
            shutil.rmtree(path + ".new", ignore_errors=True)
            os.mkdir(path + ".new")
            with progress(f"unpacking {name} {release}"):
                output(["tar", "-xf", archive, "-C", path + ".new", "--strip-components=1"])
            os.rename(path + ".new", path)
        keep_used(path)
    return path, release


def module_name(path):
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def module_bytes(path):
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    if path.endswith(".gz"):
        return gzip.decompress(data)
    return data


def module_info(data, field):
    """A field of a module's .modinfo section, such as vermagic or depends."""
    start = data.find(b"\0" + field.encode() + b"=")
    if start < 0:
        return ""
    start += len(field) + 2
    return data[start:data.index(b"\0", start)].decode()
