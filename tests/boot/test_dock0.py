# SPDX-License-Identifier: Apache-2.0
"""The profile dock0: a Debian with systemd and Docker as a read-only root on a disk that boots by
itself, with changes kept on its disk, and refused; spoken to by ssh.

usage: test_dock0.py

In:    MKINITRD_TEST_ROOTS: where the tree that mmdebstrap makes is kept (the build's folder)
Facts: systemd 252: what it starts of itself; Debian's sshd says "publickey" when it takes nothing
       else. A SquashFS has what cannot be compressed as it is
"""
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import unittest

import disks
import machine
import test_disk_image
import vm

SITE = """\
values: {{ hostname: web1, ssh_keys: "{key}" }}
files: {{ /usr/share/noise: {{ from: noise }} }}
output: {{ squashfs: {{ compress: "zstd:1" }} }}
boot: {{ root: {{ cow: "{cow}" }} }}
"""
# what runs besides the kernel's own, and this question
PROCESSES = {"agetty", "containerd", "dbus-daemon", "dockerd", "sshd", "systemd", "systemd-journal",
             "systemd-logind", "systemd-network", "systemd-resolve", "systemd-timesyn",
             "systemd-udevd"}
BLOCK = 128 << 10
SECONDS = 300
ROOT_OK = r"mkinitrd: root: ok (.*) \(\d+ ms\)"


def cache():
    """Where trees are kept: one mmdebstrap for all tests of a build."""
    return os.environ.get("MKINITRD_TEST_ROOTS") or os.path.join(machine.BUILD, "boot-root")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Dock0(test_disk_image.DiskTest):

    def setUp(self):
        super().setUp()
        disks.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", self.path("key"))
        with open(self.path("key.pub"), encoding="ascii") as file:
            self.key = file.read().strip()
        self.noise = os.urandom(2 * BLOCK)
        with open(self.path("noise"), "wb") as file:
            file.write(self.noise)
        self.port = free_port()

    def run_disk(self, cow, *where):
        """mkinitrd disk with the profile dock0 and a site's; what it says."""
        with open(self.path("site.yaml"), "w", encoding="utf-8") as file:
            file.write(SITE.format(key=self.key, cow=cow))
        done = subprocess.run(
            [machine.MKINITRD, "disk", "-p", "dock0", "-p", self.path("site"), "-k",
             machine.kernel()[0], *where], env=dict(os.environ, XDG_CACHE_HOME=cache(),
                                                    LC_ALL="C"),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=800, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def start(self, name, *, uefi=False):
        extra = []
        if uefi:
            shutil.copyfile(test_disk_image.VARIABLES, self.path(name + ".vars"))
            extra = ["-drive", f"if=pflash,format=raw,readonly=on,file={test_disk_image.CODE}",
                     "-drive", f"if=pflash,format=raw,file={self.path(name + '.vars')}"]
        guest = vm.boot(lambda attempt: vm.VM(
            self.directory, None, None, name=f"{name}-{attempt}", disks=[self.disk], memory=1500,
            extra=extra, nic=f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{self.port}-:22"))
        self.addCleanup(guest.stop)
        self.root = guest.wait_for(ROOT_OK, 120).group(1)
        self.name = name
        end = time.monotonic() + SECONDS
        while self.ssh("true", status=None) is None:
            if time.monotonic() > end:
                raise vm.Deadline(guest.report(f"no ssh within {SECONDS} s"))
            time.sleep(2)
        self.assertEqual(self.ssh("test -d /sys/firmware/efi; echo $?"), f"{int(not uefi)}\n")
        return guest

    def ssh_options(self):
        return ["-p", str(self.port), "-i", self.path("key"), "-o", "BatchMode=yes",
                "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={self.path('hosts')}",
                "-o", "StrictHostKeyChecking=accept-new", "-o", "LogLevel=ERROR",
                "-o", "ConnectTimeout=10", "root@127.0.0.1"]

    def ssh(self, command, status=0, given=b""):
        """What a command on the host says; with status None: None when it did not end well."""
        control = ["-o", "ControlMaster=auto", "-o", "ControlPersist=60",
                   "-o", f"ControlPath={self.path(self.name)}.%C"]
        try:
            done = subprocess.run(["ssh", *control, *self.ssh_options(), command], input=given,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                                  check=False)
        except subprocess.TimeoutExpired:
            self.assertIsNone(status, command)
            return None
        said = done.stdout.decode("utf-8", "replace")
        if status is None:
            return said if done.returncode == 0 else None
        self.assertEqual(done.returncode, status, f"{command}\n{said}")
        return said

    def power_off(self, guest):
        since = guest.position()
        self.ssh("systemctl poweroff", status=None)
        self.assertEqual(guest.wait_end(180), "guest-shutdown")
        said = guest.console.text[since:]
        self.assertRegex(said, r"mkinitrd: shutdown: unmounted: \d+, 0 busy")
        self.check_clean(self.disk)

    # ---- what it is asked ----

    def check_docker(self, *, is_new):
        """A container runs, from an image that the disk keeps; Docker's data is on that."""
        if is_new:
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w") as archive:
                archive.add(shutil.which("busybox"), "busybox")
            self.ssh("docker import - box", given=buffer.getvalue())
        self.assertEqual(self.ssh("docker run --rm box /busybox echo from a container"),
                         "from a container\n")
        self.assertRegex(self.ssh("docker info 2>/dev/null"),
                         r"(?s)Storage Driver: overlay2.*Native Overlay Diff: true")
        self.assertRegex(self.ssh("findmnt -no SOURCE,FSTYPE /var/lib/docker"), r"^/dev/vda3\S* +ext4")
        self.assertEqual(self.ssh("systemctl --failed --no-legend --plain"), "")

    def check_login(self, guest):
        """Neither the console nor ssh takes a password; the one key is the profile's."""
        self.assertRegex(self.ssh("cat /etc/shadow"), r"(?m)^root:[!*]")
        self.assertEqual(self.ssh("find / -xdev -name authorized_keys; cat /root/.ssh/authorized_keys"
                                  "; ls /etc/ssh/ssh_host_* 2>/dev/null | wc -l"),
                         f"/root/.ssh/authorized_keys\n{self.key}\n0\n")
        done = subprocess.run(["ssh", "-o", "PubkeyAuthentication=no", *self.ssh_options()],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                              check=False)
        self.assertRegex(done.stderr, r"Permission denied \(publickey\)")
        self.console(guest, "\n", r"web1 login: \Z")
        self.console(guest, "root\n", r"Password: \Z")
        self.console(guest, "root\n", r"Login incorrect")

    @staticmethod
    def console(guest, text, pattern):
        """Type at the login on the serial line; a prompt has no end of line."""
        end = time.monotonic() + 90
        since = guest.position()
        guest.console.send(text)
        while not re.search(pattern, guest.console.text[since:]):
            if time.monotonic() > end:
                raise vm.Deadline(guest.report(f"no /{pattern}/"))
            time.sleep(0.5)

    def check_processes(self):
        lines = [line.split() for line in self.ssh("ps -eo pid,ppid,comm").splitlines()[1:]]
        names = {words[2] for words in lines if "2" not in (words[0], words[1])}
        self.assertEqual(names - {"ps", "sh", "bash", "(udev-worker)"}, PROCESSES)

    def flip(self):
        """A byte of the file, wherever the disk has it."""
        count = 0
        with open(self.disk, "r+b") as file:
            window, at = b"", 0
            while piece := file.read(16 << 20):
                found = (window + piece).find(self.noise[BLOCK:BLOCK + 64])
                if found >= 0:
                    where = at - len(window) + found
                    back = file.tell()
                    file.seek(where + 10)
                    byte = file.read(1)[0]
                    file.seek(where + 10)
                    file.write(bytes([byte ^ 1]))
                    file.seek(back)
                    count += 1
                at += len(piece)
                window = piece[-64:]
        self.assertGreater(count, 0)

    def test_D0_2_D0_5_D0_6_D0_7_D0_9_D0_10_D0_14_a_read_only_Docker_host(self):
        self.disk = self.path("disk.raw")
        self.run_disk("LABEL=DOCKER", "-o", self.disk, "--disk-size", "2G")
        disks.run("truncate", "-s", "3G", self.disk)
        guest = self.start("uefi", uefi=True)
        guest.wait_for(r"mkinitrd: disk: ok source=LABEL=DOCKER device=/dev/vda3 at=/var/lib/docker "
                       r"partition=\d+\.\.\d+ grown=\d+\.\.\d+ ", 1)
        self.assertRegex(self.root, r"^source=PARTUUID=\S+ device=/dev/vda2 type=vfat "
                         r"image=/a/root\.squashfs verity=[0-9a-f]{16} cow=LABEL=DOCKER:mkinitrd/cow "
                         r"init=/sbin/init$")
        self.assertRegex(self.ssh("findmnt -no FSTYPE,OPTIONS /"),
                         r"^overlay .*lowerdir=/run/mkinitrd/image,upperdir=/run/mkinitrd/cow/")
        self.assertIn("Read-only file system",
                      self.ssh("touch /run/mkinitrd/image/etc/x 2>&1", status=1))
        self.check_docker(is_new=True)
        self.check_processes()
        self.check_login(guest)
        self.ssh("echo kept >/etc/kept")
        self.power_off(guest)
        # kept, also by the other firmware
        guest = self.start("bios")
        self.assertEqual(self.ssh("cat /etc/kept; hostname"), "kept\nweb1\n")
        self.check_docker(is_new=False)
        self.power_off(guest)
        # refused; and a byte that is not what it was
        self.assertRegex(self.run_disk("none", "--into", self.disk), "slot b boots .*; slot a stays")
        self.flip()
        guest = self.start("none", uefi=True)
        self.assertRegex(self.root, r"image=/b/root\.squashfs verity=[0-9a-f]{16} cow=none init=")
        self.assertRegex(self.ssh("findmnt -no FSTYPE,OPTIONS /"), r"^squashfs ro,")
        self.assertIn("Read-only file system", self.ssh("echo x 2>&1 >/etc/x", status=1))
        self.assertIn("No such file", self.ssh("cat /etc/kept 2>&1", status=1))
        self.check_docker(is_new=False)
        self.assertIn("loop", self.ssh("modprobe -n loop && echo loop"))
        self.assertRegex(self.ssh("cat /usr/share/noise 2>&1 >/run/got", status=1),
                         "Input/output error")
        self.assertLessEqual(int(self.ssh("stat -c %s /run/got")), BLOCK)
        self.assertRegex(self.ssh("dmesg"), r"verity: .*data block \d+ is corrupted")
        self.power_off(guest)


if __name__ == "__main__":
    machine.needs_tools()
    vm.require("mmdebstrap", "grub-mkimage", "sfdisk", "fsck.vfat", "ssh", "ssh-keygen", "busybox")
    if os.geteuid() != 0 or not os.path.exists(test_disk_image.CODE):
        print("skipped: mmdebstrap needs root here, UEFI needs ovmf")
        sys.exit(77)
    unittest.main(verbosity=2)
