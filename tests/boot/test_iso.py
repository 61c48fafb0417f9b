# SPDX-License-Identifier: Apache-2.0
"""The ISO in all four ways that firmware starts it, to a container that runs; one of them by the
script of an archive that was handed out, with nothing but what is in it.

usage: test_iso.py [CLASS...]

Facts: Debian's ovmf: OVMF_CODE_4M.fd, and OVMF_VARS_4M.fd as the variables to start with
"""
import os
import re
import shutil
import subprocess
import sys

import disks
import machine
import vm

sys.path.append(os.path.join(machine.SOURCE, "tests/cli"))
from terminal import Terminal  # pylint: disable=wrong-import-position

CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"
MEMORY = 1024
PROMPT = r"^/ # "
HELLO = "hello from a container"
RUN = f"docker run --rm {machine.CONSOLE_IMAGE} echo {HELLO}"


def run(*argv, **options):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600, check=False, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: status {done.returncode}\n{done.stdout}")
    return done.stdout


class Archive(machine.BootTest):
    """A CD, by BIOS."""

    def test_OD_18_what_was_handed_out_starts_in_one_command(self):
        run(machine.MKINITRD, "dist", "-q", "-p", "only-docker", "-k", machine.kernel()[0], "-o",
            self.path("only-docker.tar.gz"))
        run("tar", "-xzf", self.path("only-docker.tar.gz"), cwd=self.directory)
        os.unlink(self.path("only-docker.tar.gz"))
        run("sha256sum", "--quiet", "-c", "SHA256SUMS", cwd=self.path("dist"))
        # no mkinitrd, no tools of administrators
        terminal = Terminal(["dash", "./run.sh"],
                            {"PATH": "/usr/bin:/bin", "TERM": "dumb", "HOME": self.directory},
                            self.path("dist/kvm"))
        self.addCleanup(terminal.close)
        match = terminal.read(r"mkinitrd: disk: ok source=LABEL=DOCKER device=/dev/vda type=ext4 "
                              r"at=/var/lib/docker .*grown=(\d+)\.\.(\d+)", 300)
        self.assertLess(int(match.group(1)), 128 << 20)
        self.assertGreater(int(match.group(2)), 19 << 30)
        terminal.read(PROMPT, machine.READY_SECONDS)
        terminal.send(RUN + "\n")
        terminal.read(rf"^{HELLO}\r", 120)
        terminal.read(PROMPT, 60)
        terminal.send("poweroff\n")
        self.assertEqual(terminal.wait(120), 0)
        disk = self.path("dist/kvm/disk.img")
        self.assert_clean(disk)
        self.assertLess(os.stat(disk).st_blocks * 512, 1 << 30)


class Firmware(machine.BootTest):
    """The image of the other tests, whose shell is on the second serial line."""

    def start(self, *, uefi, is_disc):
        iso, disk = self.path("only-docker.iso"), self.path("docker.img")
        run(machine.MKINITRD, "iso", machine.image_path("only-docker"), "-k", machine.kernel()[1],
            "-o", iso)
        disks.make_raw(disk)
        extra = ["-cdrom", iso, "-boot", "d"] if is_disc else []
        if uefi:
            shutil.copyfile(VARIABLES, self.path("vars"))
            extra += ["-drive", f"if=pflash,format=raw,readonly=on,file={CODE}",
                      "-drive", f"if=pflash,format=raw,file={self.path('vars')}"]
        guest = vm.boot(lambda attempt: vm.VM(
            self.directory, None, None, name=f"vm-{attempt}", memory=MEMORY, extra=extra,
            disks=[disk] if is_disc else [iso, disk]))
        self.addCleanup(guest.stop)
        return guest, disk

    def check(self, *, uefi, is_disc):
        guest, disk = self.start(uefi=uefi, is_disc=is_disc)
        self.wait_ready(guest)
        guest.wait_for(r"mkinitrd: disk: ok source=LABEL=DOCKER ", 1)
        self.assertEqual(guest.shell.run("test -d /sys/firmware/efi; echo $?"),
                         "0\n" if uefi else "1\n")
        # as the profile says, on both
        self.assertRegex(guest.shell.run("cat /proc/cmdline"),
                         re.compile(r"\bconsole=tty0 console=ttyS0\b"))
        self.assertEqual(guest.shell.run(RUN), HELLO + "\n")
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(120), "guest-shutdown")
        self.assert_clean(disk)


class StickUefi(Firmware):

    def test_OD_18_a_disk_by_uefi(self):
        self.check(uefi=True, is_disc=False)


class Others(Firmware):

    def test_OD_18_a_cd_by_uefi(self):
        self.check(uefi=True, is_disc=True)

    def test_OD_18_a_disk_by_bios(self):
        self.check(uefi=False, is_disc=False)


if __name__ == "__main__":
    machine.needs_tools()
    vm.require("grub-mkimage", "xorriso", "dash")
    if not os.path.exists(CODE):
        print(f"skipped: no {CODE}")
        sys.exit(77)
    machine.unittest.main(verbosity=2)
