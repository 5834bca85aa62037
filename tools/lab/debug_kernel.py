# SPDX-License-Identifier: GPL-2.0-only
# A host kernel with every checker on, built from Debian's source package and kept in the cache.

import glob
import hashlib
import os
import re
import subprocess

import kernels
import tools
from common import LabError, cache_dir, keep_used, locked, progress

CONFIG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "debug-kernel.config")


def _unmet(wanted, config):
    """The wanted options that the configuration has otherwise; what it does not name is not set."""
    def options(path):
        with open(path) as file:
            lines = re.findall(r"^(CONFIG_\w+)=(.*)$|^# (CONFIG_\w+) is not set$", file.read(), re.M)
        return {name or unset: value or "n" for name, value, unset in lines}

    has = options(config)
    return [f"{name}={value}" for name, value in options(wanted).items() if has.get(name, "n") != value]


def folder(series):
    """The source and the build folder of the debug kernel of a series; built when it is not there.

    A build is known by the source's version and the configuration: another of either is another folder.
    """
    source, release = kernels.source(series)
    with open(CONFIG, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:12]
    build = os.path.join(cache_dir("debug-kernels"), f"{os.path.basename(source)}-{digest}")
    with locked("debug-kernel"):
        if not os.path.exists(os.path.join(build, "built")):
            _build(source, build)
        keep_used(build)
    return source, build


def _build(source, build):
    tools.need("gcc", "make", "flex", "bison", "bc", "/usr/include/gelf.h", "/usr/include/stdio.h")
    # an interrupted build goes on where it was
    os.makedirs(build, exist_ok=True)
    log = os.path.join(build, "build.log")

    def make(*words):
        with open(log, "ab") as out:
            status = subprocess.run(["nice", "make", "-C", source, f"O={build}", "ARCH=x86", *words],
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out).returncode
        if status:
            raise LabError(f"the debug kernel does not build: {log}")

    with progress(f"building the debug kernel in {build}"):
        config = os.path.join(build, ".config")
        make("tinyconfig")
        with open(config, "a") as file, open(CONFIG) as ours:
            file.write(ours.read())
        make("olddefconfig")
        unmet = _unmet(CONFIG, config)
        if unmet:
            raise LabError(f"{CONFIG} and this kernel do not agree about {' '.join(unmet)}")
        make(f"-j{os.cpu_count()}", "vmlinux", "bzImage", "modules")
    open(os.path.join(build, "built"), "w").close()


class Headers:
    """As kernels.Headers; modules are built against the kernel's own build folder."""

    def __init__(self, version, arch):
        self.common, self.build = folder(kernels.series(version))
        self.root, self.release = self.build, _release(self.build)


class Image(kernels.Image):
    """As kernels.Image."""

    def __init__(self, version, arch):
        self.version, self.arch = version, arch
        self.series = kernels.series(version)
        source, self.root = folder(self.series)
        self.release = _release(self.root)
        self.vmlinuz = f"{self.root}/arch/x86/boot/bzImage"
        paths = glob.iglob(f"{self.root}/**/*.ko", recursive=True)
        self.files = {kernels.module_name(path): path for path in paths}

    def vmlinux(self):
        return f"{self.root}/vmlinux"


def _release(build):
    with open(os.path.join(build, "include/config/kernel.release")) as file:
        return file.read().strip()
