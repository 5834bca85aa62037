# SPDX-License-Identifier: GPL-2.0-only
# What every part of the lab needs: its folders, progress lines, failures, locks and child processes.

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time

# What `lab` exits with when the command in the host has no say.
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_TIMEOUT = 124
EXIT_DIED = 125

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class LabError(Exception):
    """A failure that is told to the user in one message, without a traceback."""

    def __init__(self, message, status=EXIT_USAGE):
        super().__init__(message)
        self.status = status


def say(message):
    print(f"lab: {message}", file=sys.stderr, flush=True)


def cache(*parts):
    """A path under the lab's cache; its parent folder exists afterwards."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.path.join(base, "keel", *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def cache_dir(*parts):
    path = cache(*parts)
    os.makedirs(path, exist_ok=True)
    return path


def keep_used(path, days=30):
    """Marks a file or folder of the cache as used; forgets its neighbours that nobody used for long."""
    os.utime(path)
    folder = os.path.dirname(path)
    for name in os.listdir(folder):
        neighbour = os.path.join(folder, name)
        if time.time() - os.path.getmtime(neighbour) > days * 86400:
            if os.path.isdir(neighbour):
                shutil.rmtree(neighbour, ignore_errors=True)
            else:
                os.unlink(neighbour)


_held = {}
_waited = set()


@contextlib.contextmanager
def locked(name="cache"):
    """Keep other lab processes out of a part of the cache; nests within one process."""
    if name in _held:
        yield
        return
    with open(cache(f"{name}.lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if name not in _waited:
                _waited.add(name)
                say("waiting for another lab process")
            fcntl.flock(lock, fcntl.LOCK_EX)
        _held[name] = lock
        try:
            yield
        finally:
            del _held[name]


def output(argv, **options):
    """The standard output of a command that must succeed."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode:
        raise LabError(f"{argv[0]} failed: {' '.join(argv)}\n{done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def progress(what):
    """Says that a long step begins, and how long it took."""
    say(f"{what} ...")
    start = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - start:.0f} s")
