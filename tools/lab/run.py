# SPDX-License-Identifier: GPL-2.0-only
# One run of a host: its initial RAM filesystem, its boot, and the verdict on it.

import collections
import contextlib
import os
import re
import shlex
import shutil
import sys
import tempfile
import termios
import time

import emulator
import initramfs
import kernels
import logscan
import overlays
from common import EXIT_DIED, EXIT_FAILED, EXIT_TIMEOUT, TOP, LabError, cache_dir, say

HERE = os.path.dirname(os.path.abspath(__file__))
KEEP_LOGS = 100
ABORTED = 134


class Run:
    """Everything a host needs to know to boot (hosts.py reads it).

    The attributes @console and @output are files that the emulator's first and second serial port
    write; @terminal, when set, is a terminal device for the second port instead.
    """

    def __init__(self, host, arguments):
        self.host = host
        self.kernel = arguments.kernel or host.kernel
        self.count = arguments.count
        self.cpus = 1 if self.count else arguments.cpus or host.cpus
        self.memory = arguments.mem or host.memory
        self.verbose = arguments.verbose
        self.stock = arguments.stock
        self.timeout = arguments.timeout
        self.parameters = arguments.module_param
        self.emulator_arguments = arguments.emulator_arg
        self.terminal = None
        if self.count and arguments.cpus not in (None, 1):
            raise LabError("--count takes one CPU")
        if self.cpus > host.maximum:
            raise LabError(f"{host.name} has at most {host.maximum} CPUs")
        self.extra_command_line = " ".join(
            (["mitigations=off"] if arguments.mitigations == "off" else []) + arguments.append)
        host.setup()
        self.image = kernels.image(self.kernel, host.arch)
        self.modules, self.tested, self.unload = self._modules(arguments)
        self.overlays = overlays.chosen(arguments, self.image)

    def _modules(self, arguments):
        """{name: bytes} to load, the one that gets the parameters, the one to unload in the end."""
        if arguments.none:
            return {}, "", ""
        if arguments.stock:
            wanted = self.image.with_dependencies({name: None for name in self.host.stock})
            return wanted, "".join(self.host.stock[-1:]), ""
        path = arguments.module or find_module(self.image)
        if not os.path.exists(path):
            raise LabError(f"{path}: no such module")
        if built_for(path) != self.image.release:
            raise LabError(f"{path} is built for {built_for(path) or 'no kernel'}, "
                           f"the host boots {self.image.release}")
        name = kernels.module_name(path)
        return self.image.with_dependencies({name: kernels.module_bytes(path)}), name, name

    def prepare(self, folder, command, shell_size=""):
        self.folder = folder
        self.console = os.path.join(folder, "console")
        self.output = os.path.join(folder, "output")
        self.initrd = os.path.join(folder, "initrd")
        for path in (self.console, self.output):
            open(path, "wb").close()
        config = {"HOST": self.host.name, "CONSOLE": self.host.ports[0], "OUTPUT": self.host.ports[1],
                  "BUILT_IN": "yes" if self.stock and not self.modules else "",
                  "MODULES": " ".join(self.modules), "TESTED": self.tested,
                  "UNLOAD": self.unload, "SHELL_SIZE": shell_size}
        own = os.path.join(folder, "own.cpio")
        with initramfs.Archive(own) as archive:
            initramfs.base(archive, self.host.arch, os.path.join(HERE, "host-init"))
            for name, data in self.modules.items():
                archive.data(f"lib/modules/{name}.ko", data)
            archive.data("lab/config", "".join(f"{k}={shlex.quote(v)}\n" for k, v in config.items()))
            archive.data("lab/parameters", " ".join(self.parameters) + "\n")
            archive.data("lab/command", command + "\n")
        parts = [own]
        for number, overlay in enumerate(self.overlays):
            if os.path.isdir(overlay):
                part = os.path.join(folder, f"overlay{number}.cpio")
                with initramfs.Archive(part) as archive:
                    archive.tree(overlay)
                overlay = part
            parts.append(overlay)
        initramfs.join(self.initrd, parts)
        for part in parts:
            if part.startswith(folder + "/"):
                os.unlink(part)

    def log(self):
        """The host's console, and what the emulator itself had to say (in lines that begin with LAB-)."""
        with open(self.console, "rb") as file:
            log = file.read().decode(errors="replace").replace("\r", "")
        for name in ("emulator.out", "bochs.log"):
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                with open(path, errors="replace") as file:
                    log += "".join(f"LAB-EMULATOR {line}\n" for line in without_repeats(file))
        return log


def without_repeats(lines, most=3):
    """Lines without those that came often before, their leading time stamps aside."""
    seen = collections.Counter()
    for line in lines:
        text = line.strip().lstrip("0123456789")
        seen[text] += 1
        if seen[text] <= most:
            yield line.rstrip()


def built_for(path):
    """The kernel release that a module is built for."""
    return kernels.module_info(kernels.module_bytes(path), "vermagic").split(" ")[0]


def find_module(image):
    """The keel.ko that was last built for a kernel: by `lab build`, or at the top of the tree."""
    places = [os.path.join(TOP, "build", f"{image.arch.name}-{image.version}", "keel.ko"),
              os.path.join(TOP, "keel.ko")]
    fitting = [path for path in places if os.path.exists(path) and built_for(path) == image.release]
    if not fitting:
        raise LabError(f"no keel.ko is built for {image.release}: make KERNEL={image.version}")
    return max(fitting, key=os.path.getmtime)


@contextlib.contextmanager
def work_folder():
    parent = cache_dir("runs")
    for name in os.listdir(parent):
        # what a killed lab left behind
        owner = name.split("-")[1]
        if not os.path.exists(f"/proc/{owner}"):
            shutil.rmtree(os.path.join(parent, name), ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep_log(run, text):
    """Saves a run's log, forgets the oldest; returns its path."""
    folder = cache_dir("logs")
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = os.path.join(folder, f"{run.host.name}-{run.kernel}-{stamp}-{os.getpid()}.log")
    with open(path, "a") as file:
        file.write(text)
    logs = sorted((os.path.join(folder, name) for name in os.listdir(folder)), key=os.path.getmtime)
    for old in logs[:-KEEP_LOGS]:
        os.unlink(old)
    return path


def attempt(run, command):
    """Boots the host once; returns its emulator's status, whether it timed out, and its log."""
    with work_folder() as folder:
        run.prepare(folder, command)
        argv, environment = run.host.boot(run)
        followers = [emulator.Follower(run.output, sys.stdout.buffer)]
        if run.verbose:
            followers.append(emulator.Follower(run.console, sys.stderr.buffer))
        status, late = emulator.follow(argv, folder, environment, followers, run.timeout)
        log = run.log()
    return status, late, log


def verdict(run, status, late, log):
    """What `lab run` exits with, after saying why."""
    path = keep_log(run, log)
    ended = re.findall(r"^LAB-EXIT (\d+)$", log, re.M)
    refused = re.findall(r"^LAB-REFUSED (.*)$", log, re.M)
    found = logscan.complaint(log)
    if late and not ended:
        result = EXIT_TIMEOUT
        say(f"stopped: no end after {run.timeout:g} s")
    elif not ended:
        result = EXIT_DIED
        tail = "\n".join(log.splitlines()[-40:])
        say(f"the host died (emulator's status {status}); the end of its console:\n{tail}")
    else:
        result = int(ended[-1])
    for reason in refused:
        say(f"the host refused: {reason}")
        result = result or EXIT_FAILED
    if found:
        say(f"the host's kernel complained: {found}")
        result = result or EXIT_FAILED
    if result in (EXIT_TIMEOUT, EXIT_DIED) or refused or found:
        say(f"the host's log: {path}")
    return result


def execute(run, command):
    status, late, log = attempt(run, command)
    if status == ABORTED and "LAB-EXIT" not in log:
        say(f"the emulator aborted (status {ABORTED}, a bug of its own; log {keep_log(run, log)}): "
            "running again, once")
        status, late, log = attempt(run, command)
    elif run.host.mishap and run.host.mishap in log:
        say(f"the emulated host said \"{run.host.mishap}\" (log {keep_log(run, log)}): running again, once")
        status, late, log = attempt(run, command)
    return verdict(run, status, late, log)


def shell(run):
    """An interactive console in the host."""
    size = os.get_terminal_size() if os.isatty(sys.stdout.fileno()) else os.terminal_size((80, 24))
    master, slave = os.openpty()
    # the line discipline at work is the host's
    settings = termios.tcgetattr(slave)
    settings[0] = settings[1] = settings[3] = 0
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    run.terminal = os.ttyname(slave)
    say(f"{run.host.name}, kernel {run.image.release}: `exit` powers the host off, Ctrl-] kills it")
    with work_folder() as folder:
        run.prepare(folder, "", f"rows {size.lines} cols {size.columns}")
        argv, environment = run.host.boot(run)
        if emulator.converse(argv, folder, environment, master):
            say("host killed")
            return 0
        log = run.log()
    if not re.search(r"^LAB-EXIT", log, re.M):
        tail = "\n".join(log.splitlines()[-20:])
        say(f"the host did not power off; its log: {keep_log(run, log)}, which ends:\n{tail}")
        return EXIT_DIED
    return verdict(run, 0, False, log)
