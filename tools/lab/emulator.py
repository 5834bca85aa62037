# SPDX-License-Identifier: GPL-2.0-only
# Running one emulator: its own process group, an outer timeout, its serial ports followed as they grow.

import ctypes
import os
import select
import signal
import subprocess
import sys
import termios
import time
import tty

from common import LabError

PR_SET_PDEATHSIG = 1
POLL = 0.05


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Follower:
    """Copies what a growing file gets to a stream, without its carriage returns."""

    def __init__(self, path, stream):
        self.file = open(path, "rb")
        self.stream = stream

    def poll(self):
        while data := self.file.read(65536):
            self.stream.write(data.replace(b"\r", b""))
        self.stream.flush()


class Emulator:
    """A started emulator; `status` as a shell would see it, None while it runs."""

    def __init__(self, argv, folder, environment):
        self.errors = os.path.join(folder, "emulator.out")
        with open(self.errors, "wb") as out:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            cwd=folder, env=dict(os.environ, **environment),
                                            start_new_session=True, preexec_fn=_die_with_parent)

    @property
    def status(self):
        code = self.process.poll()
        return 128 - code if code is not None and code < 0 else code

    def kill(self):
        """Ends the emulator with everything it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def _quit(number, frame):
    raise KeyboardInterrupt


def follow(argv, folder, environment, followers, timeout):
    """Runs an emulator to its end.

    Returns its exit status and whether it had to be stopped at the timeout.
    """
    previous = signal.signal(signal.SIGTERM, _quit)
    emulator = Emulator(argv, folder, environment)
    deadline = time.monotonic() + timeout
    try:
        while emulator.status is None and time.monotonic() < deadline:
            for follower in followers:
                follower.poll()
            try:
                emulator.process.wait(POLL)
            except subprocess.TimeoutExpired:
                pass
        late = emulator.status is None
    finally:
        emulator.kill()
        signal.signal(signal.SIGTERM, previous)
    for follower in followers:
        follower.poll()
    return emulator.status, late


def converse(argv, folder, environment, master):
    """Runs an emulator with the user's terminal joined to a pseudo terminal.

    Returns whether the user ended it with Ctrl-].
    """
    emulator = Emulator(argv, folder, environment)
    stdin, stdout = sys.stdin.fileno(), sys.stdout.fileno()
    settings = termios.tcgetattr(stdin) if os.isatty(stdin) else None
    sources = [master, stdin]
    try:
        if settings:
            tty.setraw(stdin)
        while emulator.status is None:
            for source in select.select(sources, [], [], POLL)[0]:
                try:
                    data = os.read(source, 4096)
                except OSError:
                    data = b""
                if source == master:
                    os.write(stdout, data)
                elif b"\x1d" in data:
                    return True
                elif data:
                    os.write(master, data)
                else:
                    sources.remove(stdin)
        return False
    finally:
        if settings:
            termios.tcsetattr(stdin, termios.TCSADRAIN, settings)
        emulator.kill()
