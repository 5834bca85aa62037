# SPDX-License-Identifier: GPL-2.0-only
# The hosts: which emulator, which CPU, which kernels. A new host is one more row in HOSTS.

import os

import kernels
import qemu
import tools
from common import output


class Host:
    """What is common to all hosts.

    @stock: the distribution's KVM modules for it; none where its KVM is built in
    @kernel: the kernel series it boots by default
    @memory: in megabytes
    @maximum: the most CPUs it can have
    """

    # the serial ports for the kernel's console and for the command's output
    ports = ("ttyS0", "ttyS1")
    # the end of a run that is the emulator's fault, and not what the run is about: it is repeated once
    mishap = None
    # the CPUs with which the emulator is known not to fail, where that is fewer than it can have
    steady_cpus = None

    def __init__(self, name, about, cpu, stock, kernel, cpus, memory, maximum=8, arch="x86_64"):
        self.name, self.about, self.cpu, self.stock = name, about, cpu, stock
        self.kernel, self.cpus, self.memory, self.maximum = kernel, cpus, memory, maximum
        self.arch = kernels.arch_of(arch)

    def setup(self):
        """Brings what the emulator needs onto this machine."""
        raise NotImplementedError

    def boot(self, run):
        """The emulator's arguments and environment for a run (run.py); may write into run.folder."""
        raise NotImplementedError


class Qemu(Host):
    """A host in QEMU's TCG."""

    machine = None

    def setup(self):
        qemu.command(self.arch)

    def kernel_file(self, run):
        raise NotImplementedError

    def command_line(self, run):
        return f"console={self.ports[0]} panic=-1 nokaslr quiet loglevel=5 log_buf_len=8M"

    def boot(self, run):
        counted = run.count
        command, environment = qemu.command(self.arch)
        command += ["-accel", "tcg,thread=single" if counted else "tcg,thread=multi"]
        if counted:
            command += ["-icount", "shift=0,sleep=off", "-seed", "1",
                        "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
        command += ["-cpu", self.cpu, "-smp", str(run.cpus), "-m", f"{run.memory}M",
                    "-machine", self.machine, "-display", "none", "-nodefaults", "-no-reboot",
                    "-serial", f"file:{run.console}",
                    "-serial", run.terminal or f"file:{run.output}",
                    "-kernel", self.kernel_file(run), "-initrd", run.initrd,
                    "-append", f"{self.command_line(run)} {run.extra_command_line}".strip(),
                    *run.emulator_arguments]
        return command, environment


class QemuX86(Qemu):
    """An x86 host, booted by PVH from the uncompressed kernel."""

    steady_cpus = 1
    machine = "q35"

    def setup(self):
        super().setup()
        tools.need("zstd", "lz4")

    def kernel_file(self, run):
        return run.image.vmlinux()


class QemuArm64(Qemu):
    """An arm64 host whose kernel starts in EL2.

    The distribution's KVM is built into its kernel: it is told to keep away unless it is wanted.
    """

    # what is random in the device tree would make two counts of one program differ
    machine = "virt,virtualization=on,gic-version=3,dtb-randomness=off"
    ports = ("ttyAMA0", "ttyAMA1")
    mishap = "hard LOCKUP"

    def kernel_file(self, run):
        return run.image.vmlinuz

    def command_line(self, run):
        return super().command_line(run) + ("" if run.stock else " kvm-arm.mode=none")


class BochsX86(Host):
    """An x86 host in Bochs, booted by isolinux from a CD.

    Its clock is its count of instructions: every run counts exactly.
    """

    ISOLINUX = "/usr/lib/ISOLINUX/isolinux.bin"
    LDLINUX = "/usr/lib/syslinux/modules/bios/ldlinux.c32"
    BIOS = "/usr/share/bochs/BIOS-bochs-latest"
    VGA = "/usr/share/bochs/VGABIOS-lgpl-latest"

    def setup(self):
        tools.need("bochs-bin", "xorriso", self.ISOLINUX, self.LDLINUX, self.BIOS, self.VGA)

    def command_line(self, run):
        return ("console=ttyS0,115200 panic=-1 nokaslr quiet loglevel=5 log_buf_len=8M tsc=reliable "
                "no_timer_check random.trust_cpu=on cryptomgr.notests edd=off reboot=t")

    def boot(self, run):
        iso = os.path.join(run.folder, "boot.iso")
        config = os.path.join(run.folder, "isolinux.cfg")
        with open(config, "w") as file:
            file.write("DEFAULT host\nPROMPT 0\nTIMEOUT 0\nLABEL host\n KERNEL /vmlinuz\n INITRD /initrd\n"
                       f" APPEND {self.command_line(run)} {run.extra_command_line}\n")
        files = {"/vmlinuz": run.image.vmlinuz, "/initrd": run.initrd, "/isolinux/isolinux.cfg": config,
                 "/isolinux/isolinux.bin": self.ISOLINUX, "/isolinux/ldlinux.c32": self.LDLINUX}
        output(["xorriso", "-as", "mkisofs", "-quiet", "-o", iso, "-b", "isolinux/isolinux.bin",
                "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
                "-graft-points", *(f"{name}={path}" for name, path in files.items())])
        com2 = f"mode=term, dev={run.terminal}" if run.terminal else f"mode=file, dev={run.output}"
        with open(os.path.join(run.folder, "bochsrc"), "w") as file:
            file.write(f"""\
plugin_ctrl: speaker=0, sb16=0, es1370=0, gameport=0, voodoo=0, ne2k=0, e1000=0
display_library: rfb, options="timeout=0"
megs: {run.memory}
cpu: model={self.cpu}, count={run.cpus}, ips=50000000, reset_on_triple_fault=0
romimage: file={self.BIOS}
vgaromimage: file={self.VGA}
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={run.console}
com2: enabled=1, {com2}
clock: sync=none, time0=1700000000
log: bochs.log
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
mouse: enabled=0
vga: extension=none, update_freq=1, realtime=0
""")
        with open(os.path.join(run.folder, "debugger"), "w") as file:
            file.write("c\n")
        return ["bochs-bin", "-q", "-f", "bochsrc", "-rc", "debugger"], {}


HOSTS = {host.name: host for host in (
    QemuX86("svm", "x86 with SVM and nested paging, in QEMU TCG", "max", ["kvm_amd"],
            kernel="6.12", cpus=2, memory=3072),
    BochsX86("svm-trinity", "x86 with SVM, next-RIP save, flush by ASID, LBR and PAUSE filter, in Bochs",
             "trinity_apu", ["kvm_amd"], kernel="6.1", cpus=1, memory=512),
    QemuArm64("arm64-vhe", "arm64 with VHE and GICv3, in QEMU TCG", "max,pauth=off", [],
              kernel="6.12", cpus=2, memory=2048, arch="arm64"),
    QemuArm64("arm64-vhe-n1", "the same with the CPU neoverse-n1", "neoverse-n1", [],
              kernel="6.12", cpus=2, memory=2048, arch="arm64"),
)}
