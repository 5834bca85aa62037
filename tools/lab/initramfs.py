# SPDX-License-Identifier: GPL-2.0-only
# Initial RAM filesystems: a writer of "newc" cpio archives and the base system of an emulated host.

import os
import shutil
import stat

import packages
from common import cache, keep_used, locked


class Archive:
    """An uncompressed cpio archive in the form the kernel unpacks; same input, same bytes."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.folders = set()
        self.inode = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self._entry("TRAILER!!!", 0, b"")
            self.file.write(bytes(-self.file.tell() % 512))
        self.file.close()

    def _entry(self, name, mode, data, device=(0, 0)):
        self.inode += 1
        encoded = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        self.file.write(b"070701" + b"".join(b"%08x" % f for f in fields) + encoded)
        self.file.write(bytes(-self.file.tell() % 4))
        self.file.write(data)
        self.file.write(bytes(-self.file.tell() % 4))

    def folder(self, name, mode=0o755):
        name = name.strip("/")
        if name and name not in self.folders:
            self.folder(os.path.dirname(name))
            self.folders.add(name)
            self._entry(name, stat.S_IFDIR | mode, b"")

    def data(self, name, data, mode=0o644):
        self.folder(os.path.dirname(name.strip("/")))
        data = data if isinstance(data, bytes) else data.encode()
        self._entry(name.strip("/"), stat.S_IFREG | mode, data)

    def link(self, name, target):
        self.folder(os.path.dirname(name.strip("/")))
        self._entry(name.strip("/"), stat.S_IFLNK | 0o777, target.encode())

    def console(self):
        self.folder("dev")
        self._entry("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1))

    def copy(self, source, name, mode=None):
        """A file of this machine; links are followed."""
        with open(source, "rb") as file:
            self.data(name, file.read(), mode or stat.S_IMODE(os.stat(source).st_mode))

    def tree(self, source):
        """Everything under a folder of this machine, as it is, owned by root."""
        for at, folders, files in os.walk(source):
            folders.sort()
            inside = os.path.relpath(at, source)
            inside = "" if inside == "." else inside
            self.folder(inside, stat.S_IMODE(os.stat(at).st_mode))
            for entry in sorted(files + [f for f in folders if os.path.islink(os.path.join(at, f))]):
                path, name = os.path.join(at, entry), os.path.join(inside, entry)
                if os.path.islink(path):
                    self.link(name, os.readlink(path))
                elif os.path.isfile(path):
                    self.copy(path, name)


def cached(label, fill):
    """An archive that is written once per label; `fill` adds its contents."""
    path = cache("overlays", f"{label}.cpio")
    with locked():
        if not os.path.exists(path):
            with Archive(path + ".new") as archive:
                fill(archive)
            os.rename(path + ".new", path)
        keep_used(path)
    return path


def join(path, parts):
    """Concatenates archives: the kernel unpacks them in order, later files replace earlier ones."""
    with open(path, "wb") as whole:
        for part in parts:
            with open(part, "rb") as file:
                shutil.copyfileobj(file, whole, 1 << 20)


def busybox(arch):
    return os.path.join(packages.single("busybox-static", arch.deb), "bin/busybox")


def base(archive, arch, init):
    """The least a host or a guest can run: busybox, an /init, mount points, names for users."""
    archive.console()
    for folder in ("bin", "sbin", "usr/bin", "usr/sbin", "proc", "sys", "run", "etc", "root", "mnt"):
        archive.folder(folder)
    archive.folder("tmp", 0o1777)
    archive.folder("var/tmp", 0o1777)
    archive.copy(busybox(arch), "bin/busybox", 0o755)
    archive.link("bin/sh", "busybox")
    archive.copy(init, "init", 0o755)
    archive.data("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    archive.data("etc/group", "root:x:0:\nnogroup:x:65534:\n")
    archive.data("etc/hosts", "127.0.0.1 localhost\n")
