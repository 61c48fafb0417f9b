# SPDX-License-Identifier: Apache-2.0
"""Disks that boot by themselves: by BIOS and UEFI, updated by the system that runs from them, and
what power cuts in the middle of that leave.

usage: test_disk_image.py [CLASS...]

In:    MKINITRD_CUTS: how many power cuts (3); MKINITRD_SEED: of their moments
Facts: QEMU is killed, so what it had not written to the disk's file is what a disk with an honest
       cache would lose. Debian's ovmf: OVMF_CODE_4M.fd, and OVMF_VARS_4M.fd as the variables to
       start with
"""
import os
import random
import re
import shutil
import sys
import time

import disks
import machine
import tiny
import vm

BOOT = 2 << 20
CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"
PROFILE = """\
include: [host-shell]
kernel:
  modules: {{ virtio_pci: optional, virtio_blk: required, ext4: required, vfat: required,
             nls_cp437: required, nls_ascii: required }}
  cmdline: {{ console: ["ttyS0,115200"], panic: "-1", try: "{version}", words: '"a b"' }}
boot:
  shell: {{ ttys: [ttyS1] }}
  disk: {{ find: LABEL=DOCKER, at: /var/lib/docker, absent: stop, resize: true }}
  main: {{ exec: [busybox, sh, /main.sh] }}
files:
  /usr/bin/program: {{ from: {program}, mode: "0755" }}
  /main.sh: {{ content: "echo main is here; while true; do busybox sleep 1000; done\\n" }}
"""
UPDATE = "program disk /new/{}.img -k /new/vmlinuz --into /dev/vda"


class DiskTest(machine.BootTest):

    def image(self, version, *, with_mkinitrd=False):
        """An image whose kernel gets try=VERSION; with the program that updates disks, maybe."""
        profile = self.path(f"v{version}.yaml")
        program = machine.MKINITRD if with_mkinitrd else shutil.which("true")
        with open(profile, "w", encoding="utf-8") as file:
            file.write(PROFILE.format(version=version, program=program))
        machine.build_image(self.path(f"v{version}.img"), "-c", "zstd:1", profile=profile)
        return self.path(f"v{version}.img")

    def make(self, image, *more):
        disk = self.path("disk.raw")
        disks.run(machine.MKINITRD, "disk", image, "-o", disk, "-k", machine.kernel()[1], *more)
        return disk

    def boot(self, *paths, name="vm", uefi=False, memory=512):
        extra = []
        if uefi:
            shutil.copyfile(VARIABLES, self.path(name + ".vars"))
            extra = ["-drive", f"if=pflash,format=raw,readonly=on,file={CODE}",
                     "-drive", f"if=pflash,format=raw,file={self.path(name + '.vars')}"]
        guest = vm.boot(lambda attempt: vm.VM(
            self.directory, None, None, name=f"{name}-{attempt}", disks=paths, memory=memory,
            extra=extra))
        self.addCleanup(guest.stop)
        guest.wait_for(tiny.EXEC, 60)
        guest.wait_for("mkinitrd: host shell on ttyS1", 60, line=guest.shell_line)
        return guest

    def end(self, guest):
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(60), "guest-shutdown")

    def check_clean(self, disk):
        """The table, and both file systems, by others' tools."""
        self.assertIn("No errors detected", disks.run("sfdisk", "--verify", disk))
        text = disks.run("sfdisk", "-d", disk)
        for number, check in ((2, lambda path: disks.run("fsck.vfat", "-n", path)),
                              (3, self.assert_clean)):
            start, size = re.search(rf"{disk}{number} : start= *(\d+), size= *(\d+)",
                                    text).groups()
            part = self.path("part.raw")
            disks.run("dd", f"if={disk}", f"of={part}", "bs=512", f"skip={start}",
                      f"count={size}", "conv=sparse", "status=none")
            os.truncate(part, int(size) * 512)
            check(part)
            os.unlink(part)


class Boots(DiskTest):

    def test_D0_14_boots_by_bios_and_uefi_and_grows(self):
        disk = self.make(self.image(1), "--disk-size", "256M")
        disks.run("truncate", "-s", "1G", disk)
        guest = self.boot(disk, name="bios")
        match = guest.wait_for(
            r"mkinitrd: disk: ok source=LABEL=DOCKER device=/dev/vda3 type=ext4 "
            r"at=/var/lib/docker partition=(\d+)\.\.(\d+) grown=\d+\.\.(\d+)", 10)
        before, after, size = (int(number) for number in match.groups())
        self.assertEqual(after - before, 768 << 20)
        self.assertGreater(size, 0.9 * after)
        self.assertRegex(guest.shell.run("cat /proc/cmdline"),
                         r' console=ttyS0,115200 panic=-1 try=1 ("words=a b"|words="a b")')
        self.assertEqual(guest.shell.run("test -d /sys/firmware/efi; echo $?"), "1\n")
        guest.shell.run("echo kept >/var/lib/docker/kept")
        self.end(guest)
        self.check_clean(disk)
        guest = self.boot(disk, name="uefi", uefi=True)
        self.assertEqual(guest.shell.run("test -d /sys/firmware/efi; echo $?"), "0\n")
        self.assertRegex(guest.shell.run("cat /proc/cmdline"),
                         r'console=ttyS0,115200 panic=-1 try=1 words="a b"')
        self.assertEqual(guest.shell.run("cat /var/lib/docker/kept"), "kept\n")
        self.assertNotIn("partition=", guest.console.text)
        self.end(guest)
        self.check_clean(disk)


class Updates(DiskTest):

    def setUp(self):
        super().setUp()
        self.disk = self.make(self.image(1, with_mkinitrd=True), "--disk-size", "512M")
        folder = self.path("new")
        os.mkdir(folder)
        shutil.copyfile(machine.kernel()[1], os.path.join(folder, "vmlinuz"))
        for version in (2, 3):
            os.rename(self.image(version, with_mkinitrd=True),
                      os.path.join(folder, f"{version}.img"))
        self.new = self.path("new.raw")
        disks.run("mke2fs", "-q", "-t", "ext4", "-d", folder, self.new, "256M")

    def start(self, name, **more):
        guest = self.boot(self.disk, self.new, name=name, **more)
        guest.shell.run("mkdir /new /boot; mount -t ext4 -o ro /dev/vdb /new; "
                        "busybox modprobe -a vfat nls_cp437 nls_ascii")
        return guest

    @staticmethod
    def version(guest):
        return int(re.search(r" try=(\d)", guest.shell.run("cat /proc/cmdline")).group(1))

    def test_D0_14_the_running_machines_own_disk_and_power_cuts(self):
        seed = int(os.environ.get("MKINITRD_SEED") or random.randrange(1 << 32))
        cuts = int(os.environ.get("MKINITRD_CUTS") or 3)
        chance = random.Random(seed)
        print(f"seed {seed}, {cuts} cuts", flush=True)

        guest = self.start("whole")
        self.assertEqual(self.version(guest), 1)
        # all but that is refused
        said = guest.shell.run(UPDATE.format(2) + " --force --yes", status=1)
        self.assertEqual(said, "mkinitrd: '/dev/vda' is in use: /dev/vda3 is mounted at "
                               "'/var/lib/docker'; nothing was written\n")
        since = time.monotonic()
        said = guest.shell.run(UPDATE.format(2))
        seconds = time.monotonic() - since
        self.assertRegex(said, r"^mkinitrd: /dev/vda: slot b boots v2 \S+; slot a stays as the "
                               r"second entry$")
        # mounted read-only, as it stays
        guest.shell.run("mount -t vfat -o ro /dev/vda2 /boot")
        self.assertIn("slot a boots v3", guest.shell.run(UPDATE.format(3)))
        self.assertRegex(guest.shell.run("grep ' /boot ' /proc/mounts"), r" vfat ro,")
        self.end(guest)
        self.check_clean(self.disk)

        for number in range(cuts):
            guest = self.start(f"cut-{number}")
            now = self.version(guest)
            self.assertIn(now, (2, 3))
            if number % 2:
                guest.shell.run("mount -t vfat /dev/vda2 /boot")
            guest.shell_line.send(UPDATE.format(5 - now) + "\n")
            time.sleep(chance.uniform(0, 1.2 * seconds))
            guest.process.kill()
            guest.stop()
        guest = self.start("after")
        self.assertIn(self.version(guest), (2, 3))
        self.assertIn("stays as the second entry", guest.shell.run(UPDATE.format(2)))
        self.end(guest)


if __name__ == "__main__":
    machine.needs_tools()
    vm.require("grub-mkimage", "sfdisk", "fsck.vfat")
    if not os.path.exists(CODE):
        print(f"skipped: no {CODE}")
        sys.exit(77)
    machine.unittest.main(verbosity=2)
