# SPDX-License-Identifier: GPL-2.0-only
# Debian packages without installing them: a private apt state in the cache, download and dpkg -x.

import fnmatch
import glob
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time

from common import LabError, cache, cache_dir, keep_used, locked, output, progress, say

RELEASE = "bookworm"
ARCHITECTURES = ("amd64", "arm64", "s390x")
# this machine's
NATIVE = {"x86_64": "amd64", "aarch64": "arm64", "s390x": "s390x"}[platform.machine()]
LISTS_MAX_AGE = 24 * 3600
RETRY_AFTER = 3600
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


# ---- the machine's own mirrors ---------------------------------------------------------------

def _one_line_entries(text):
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)", line)
        if match and "main" in match[4].split():
            options = dict(o.split("=", 1) for o in (match[1] or "").split() if "=" in o)
            yield match[2], match[3], options.get("signed-by", "")


def _deb822_entries(text):
    for stanza in re.split(r"\n\s*\n", text):
        stanza = "\n".join(l for l in stanza.splitlines() if not l.startswith("#"))
        fields = {}
        for match in re.finditer(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.M):
            fields[match[1].lower()] = match[2].strip()
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
            continue
        if "main" not in fields.get("components", "").split():
            continue
        # a Signed-By that holds the key itself (it spans lines) cannot go into a one-line entry
        key = fields.get("signed-by", "")
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield uri, suite, "" if "\n" in key else key


def _entries():
    for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*.list"))]:
        if os.path.exists(path):
            with open(path) as file:
                yield from _one_line_entries(file.read())
    for path in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
        with open(path) as file:
            yield from _deb822_entries(file.read())


def _find_mirror(entries, names):
    """The address and key of the likeliest mirror with one of some suites, the first suites first.

    Makers of other software have a suite bookworm too; Debian's mirrors also carry bookworm-updates,
    or at least are called debian.
    """
    updates = {uri for uri, suite, key in entries if suite.endswith("-updates")}

    def likelihood(entry):
        uri = entry[0].rstrip("/")
        return (entry[0] in updates, uri.endswith(("/debian", "/debian-security", "debian.list")),
                "debian" in uri)

    for name in names:
        found = [e for e in entries if fnmatch.fnmatch(e[1].rstrip("/"), name)]
        if found:
            uri, suite, key = max(found, key=likelihood)
            return uri, key
    return None


def _sources_list():
    """The lab's sources: this machine's mirrors, the lab's suites."""
    entries = list(_entries())
    releases = (RELEASE, "bullseye", "trixie", "forky", "oldstable", "stable", "testing", "sid")
    main = _find_mirror(entries, releases)
    security = _find_mirror(entries, (f"{RELEASE}-security", "*-security", "*/updates"))
    backports = _find_mirror(entries, (f"{RELEASE}-backports",)) or main
    if not main:
        raise LabError("found no Debian mirror in /etc/apt/sources.list or sources.list.d")
    lines = []
    for mirror, suite in ((main, RELEASE), (security, f"{RELEASE}-security"),
                          (backports, f"{RELEASE}-backports")):
        if not mirror:
            say(f"this machine has no mirror for {suite}: going without")
            continue
        uri, key = mirror
        key = key or (KEYRING if os.path.exists(KEYRING) else "")
        options = "arch=" + ",".join(ARCHITECTURES) + (f" signed-by={key}" if key else "")
        lines.append(f"deb [{options}] {uri} {suite} main\n")
    return "".join(lines)


# ---- apt -------------------------------------------------------------------------------------

def _apt_options(arch):
    state = cache_dir("apt")
    options = {
        "Dir::Etc::sourcelist": f"{state}/sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": f"{state}/none",
        "Dir::State::Lists": f"{state}/lists",
        "Dir::State::status": "/dev/null",
        "Dir::State::extended_states": f"{state}/extended_states",
        "Dir::Cache": f"{state}/cache",
        "Dir::Cache::pkgcache": f"pkgcache{'' if arch == NATIVE else '-' + arch}.bin",
        "Dir::Cache::srcpkgcache": f"srcpkgcache{'' if arch == NATIVE else '-' + arch}.bin",
        "APT::Architecture": arch,
        "APT::Get::List-Cleanup": "true",
        "APT::Sandbox::User": "root",
        "APT::Cache-Start": "100000000",
        "Acquire::Languages": "none",
        "Acquire::GzipIndexes": "true",
        "Debug::NoLocking": "1",
    }
    for folder in ("lists/partial", "cache/archives/partial", "none"):
        os.makedirs(f"{state}/{folder}", exist_ok=True)
    arguments = [f"-o{name}={value}" for name, value in options.items()]
    return arguments + [f"-oAPT::Architectures::={arch}" for arch in ARCHITECTURES]


def _apt(tool, *arguments, arch=NATIVE, **options):
    done = subprocess.run([tool, *_apt_options(arch), *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        raise LabError("\n  ".join([f"{tool} {arguments[0]} failed:", *errors[:4]]))
    return done.stdout


def _age(path):
    try:
        return time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
        return float("inf")


def refresh(force=False):
    """Brings the package lists up to date when they are older than a day, or now."""
    state = cache_dir("apt")
    with locked():
        if not force and _age(f"{state}/updated") < LISTS_MAX_AGE:
            return
        if not force and _age(f"{state}/tried") < RETRY_AFTER and os.path.exists(f"{state}/updated"):
            return
        with open(f"{state}/sources.list", "w") as file:
            file.write(_sources_list())
        open(f"{state}/tried", "w").close()
        try:
            with progress("reading Debian's package lists"):
                _apt("apt-get", "update", "-qq", "-oAPT::Update::Error-Mode=any")
        except LabError as error:
            if not os.path.exists(f"{state}/updated"):
                raise
            say(f"cannot refresh the package lists, going on with the old ones: {error}")
            return
        open(f"{state}/updated", "w").close()


def _records(name, arch):
    """Every version apt knows of a package, as dictionaries of its control fields."""
    done = subprocess.run(["apt-cache", *_apt_options(NATIVE), "show", f"{name}:{arch}"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    records = []
    for stanza in done.stdout.split("\n\n"):
        fields = dict(m.groups() for m in re.finditer(r"^([\w-]+): (.*)", stanza, re.M))
        if fields.get("Package") == name:
            records.append(fields)
    return records


def _newer(a, b):
    return subprocess.run(["dpkg", "--compare-versions", a, "gt", b]).returncode == 0


class _Answers:
    """Answers of apt that stay true until the lists change."""

    def __init__(self):
        self.path = cache("apt", "answers.json")
        self.stamp = os.stat(cache("apt", "updated")).st_mtime
        self.all = {}
        try:
            with open(self.path) as file:
                saved = json.load(file)
            if saved["stamp"] == self.stamp:
                self.all = saved["answers"]
        except (OSError, ValueError, KeyError):
            pass

    def get(self, key, find):
        if key not in self.all:
            self.all[key] = find()
            with open(self.path + ".new", "w") as file:
                json.dump({"stamp": self.stamp, "answers": self.all}, file, indent=1)
            os.rename(self.path + ".new", self.path)
        return self.all[key]


def _ask(key, find):
    with locked():
        refresh()
        answer = _Answers().get(key, find)
        if not answer and _age(cache("apt", "updated")) > 600:
            refresh(force=True)
            answer = _Answers().get(key, find)
        return answer


def newest(name, arch=NATIVE, version=""):
    """The control fields of the newest version of a package whose version starts with `version`."""
    def find():
        best = None
        for record in _records(name, arch):
            if not record["Version"].startswith(version):
                continue
            if best is None or _newer(record["Version"], best["Version"]):
                best = record
        return best
    found = _ask(f"newest {name}:{arch} {version}", find)
    if not found:
        raise LabError(f"Debian has no package {name}:{arch}" + (f" {version}*" if version else ""))
    return found


def dependencies(record):
    """The names of what a package depends on (the first of alternatives)."""
    names = []
    for field in ("Pre-Depends", "Depends"):
        for clause in record.get(field, "").split(","):
            match = re.match(r"\s*([\w.+-]+)", clause)
            if match:
                names.append(match[1])
    return names


def closure(name, version="", leave_out=(), arch=NATIVE):
    """A package with everything it needs, as apt would install it: [name, version, arch] of each, itself first."""
    record = newest(name, arch, version)

    def find():
        wanted = [f"{name}={record['Version']}", *(f"{p}-" for p in leave_out)]
        plan = _apt("apt-get", "install", "-s", "-qq", "--no-install-recommends",
                    f"-t={RELEASE}-backports", *wanted, arch=arch)
        found = re.findall(r"^Inst (\S+) \((\S+) .*\[(\w+)\]\)", plan, re.M)
        return sorted(found, key=lambda package: (package[0] != name, package))
    return _ask(f"closure {name}:{arch} {record['Version']} {' '.join(leave_out)}", find)


# ---- package contents ------------------------------------------------------------------------

def _deb_path(name, version, arch):
    return os.path.join(cache_dir("debs"), f"{name}_{version.replace(':', '%3a')}_{arch}.deb")


def _download(wanted):
    """Downloads packages, [name, version, arch] each, into the cache's folder for them."""
    missing = [p for p in wanted if not os.path.exists(_deb_path(*p))]
    if not missing:
        return
    names = [f"{name}:{arch}={version}" for name, version, arch in missing]
    first = missing[0]
    others = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
    with progress(f"downloading {first[0]} {first[1]} ({first[2]}){others}"), \
         tempfile.TemporaryDirectory(dir=cache_dir("debs")) as work:
        try:
            _apt("apt-get", "download", "-qq", *names, cwd=work)
        except LabError:
            # the lists may be older than the mirror: the file they name is gone
            refresh(force=True)
            _apt("apt-get", "download", "-qq", *names, cwd=work)
        for name, version, arch in missing:
            # apt writes the colon of an epoch as %3a; the architecture may have become "all"
            found = glob.glob(f"{work}/{glob.escape(name)}_{glob.escape(version.replace(':', '%3a'))}_*.deb")
            if len(found) != 1:
                raise LabError(f"apt-get download did not bring {name} {version}")
            os.rename(found[0], _deb_path(name, version, arch))


def root(label, wanted):
    """A folder with the contents of packages, made once.

    @label: the start of the folder's name
    @wanted: [name, version, arch] of each package
    """
    first = wanted[0]
    path = cache("roots", re.sub(r"[^\w.+-]", "-", f"{label}-{first[1]}-{first[2]}"))
    listing = "".join(f"{' '.join(p)}\n" for p in wanted)
    with locked():
        try:
            with open(os.path.join(path, ".packages")) as file:
                if file.read() == listing:
                    keep_used(path)
                    return path
        except FileNotFoundError:
            pass
        _download(wanted)
        debs = [_deb_path(*package) for package in wanted]
        say(f"extracting {label}")
        work = tempfile.mkdtemp(dir=os.path.dirname(path))
        try:
            for deb in debs:
                output(["dpkg", "-x", deb, work])
            with open(os.path.join(work, ".packages"), "w") as file:
                file.write(listing)
            os.chmod(work, 0o755)
            if os.path.exists(path):
                shutil.rmtree(path)
            os.rename(work, path)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        for deb in debs:
            os.unlink(deb)
        keep_used(path)
    return path


def single(name, arch=NATIVE, version=""):
    """The folder with the contents of one package in its newest version."""
    record = newest(name, arch, version)
    return root(name, [[name, record["Version"], arch]])
