# SPDX-License-Identifier: GPL-2.0-only
# The main job's guest: a Debian kernel as it is packaged, and a small user space that reports what it sees.

import hashlib
import os
import random

import initramfs
import kernels
import tools
from common import cache, locked, output

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest")
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_rng")
CONSOLES = {"x86_64": "ttyS0", "arm64": "ttyAMA0"}
DISK_BYTES = 16 << 20
DISK_SEED = 4711


def command_line(arch):
    return f"console={CONSOLES[arch.name]} panic=-1"


def make_disk(path):
    """The guest's disk: the same random bytes every time. Returns their SHA-256."""
    content = random.Random(DISK_SEED).randbytes(DISK_BYTES)
    with open(path, "wb") as file:
        file.write(content)
    return hashlib.sha256(content).hexdigest()


def compiled(arch, name):
    """A static program from a C file of the guest folder; compiled once."""
    source = os.path.join(HERE, f"{name}.c")
    path = cache("built", f"{name}-{_digest(source)}-{arch.name}")
    with locked():
        if not os.path.exists(path):
            output([tools.compiler(arch), "-O2", "-Wall", "-static", "-pthread", "-o", path + ".new", source])
            os.rename(path + ".new", path)
    return path


def _digest(*paths):
    whole = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            whole.update(file.read())
    return whole.hexdigest()[:12]


def initrd(image):
    """The guest's initial RAM filesystem, for one kernel."""
    programs = {name: compiled(image.arch, name) for name in ("memwork", "rewrite")}
    init = os.path.join(HERE, "init")

    def fill(archive):
        initramfs.base(archive, image.arch, init)
        wanted = {name: None for name in MODULES if name in image.files}
        modules = image.with_dependencies(wanted)
        for name, data in modules.items():
            archive.data(f"lib/modules/{name}.ko", data)
        archive.data("lib/modules/order", " ".join(modules) + "\n")
        for name, program in programs.items():
            archive.copy(program, f"bin/{name}", 0o755)
    return initramfs.cached(f"guest-initrd-{image.release}-{_digest(*programs.values(), init)}", fill)


def archive(host_image, version):
    """The overlay that puts the guest's files into a host's /guest."""
    image = kernels.image(version or host_image.series, host_image.arch)
    runners = [os.path.join(HERE, name) for name in ("run-qemu", "run-migration")]
    memdiff, ramdisk = compiled(host_image.arch, "memdiff"), initrd(image)

    def fill(archive):
        archive.copy(image.vmlinuz, "guest/vmlinuz", 0o644)
        archive.copy(ramdisk, "guest/initrd", 0o644)
        for runner in runners:
            archive.copy(runner, f"guest/{os.path.basename(runner)}", 0o755)
        archive.copy(memdiff, "usr/local/bin/memdiff", 0o755)
        archive.data("guest/cmdline", command_line(image.arch) + "\n")
    return initramfs.cached(f"guest-{image.release}-{_digest(*runners, memdiff, ramdisk)}", fill)
