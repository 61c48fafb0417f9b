# SPDX-License-Identifier: Apache-2.0
"""A container image as a machine: what `docker run` shows of how it was started, the machine shows.

usage: test_from_docker.py [CLASS...]

Facts: the image is built and run by a real Docker on this machine; in the booted one there is none.
       TERM is what init gives, HOSTNAME what Docker gives; all other variables are the image's
"""
import re
import sys
import unittest

import disks
import docker_app
import dockerd
import machine
import vm

MEMORY = 256
NOT_THE_IMAGES = ("TERM", "HOSTNAME", "SHLVL", "PWD")


class Machine(machine.BootTest):

    def setUp(self):
        super().setUp()
        with dockerd.Dockerd(self.path("engine")) as engine:
            docker_app.build(engine, self.path("context"))
            self.ran = engine.docker("run", "--rm", "app:1", "two words")
            engine.docker("save", "-o", self.path("app.tar"), "app:1")

    def make(self, output, *arguments):
        release, _ = machine.kernel()
        disks.run(machine.MKINITRD, "from-docker", self.path("app.tar"), "-k", release, "-q",
                  "-o", self.path(output), "-c", "zstd:1", *arguments)
        return self.path(output)

    @staticmethod
    def said(text):
        """What the program printed, by its first words; of a machine after its name."""
        lines = [line.removeprefix("say: ").rstrip() for line in text.splitlines()]
        lines = [line for line in lines if re.match(r"(ARGS|ID|CWD|ENV|DATA) ", line)]
        return [line for line in lines if not line.startswith(
            tuple(f"ENV {name}=" for name in NOT_THE_IMAGES))]

    def check_said(self, guest, arguments, seed):
        guest.wait_for(r"^say: DATA .*$", 120)
        expected = self.said(self.ran)
        self.assertEqual(expected[:2], ["ARGS 2 two words", expected[1]])
        self.assertRegex(expected[1], r"^ID uid=1000\(app\) gid=1000\(app\) groups=")
        self.assertIn("ENV PRICE=$5", expected)
        self.assertIn("ENV HOME=/home/app", expected)
        expected = [arguments if line.startswith("ARGS") else line.replace("DATA first", seed)
                    for line in expected]
        self.assertEqual(self.said(guest.console.text), expected)

    def test_WD_3_WD_15_WD_16_as_initramfs(self):
        """It gets the network first, ends by its own signal, and leaves its volume on a disk."""
        image = self.make("app.img", "--", "stay")
        disk = disks.make_raw(self.path("disk.raw"), "64M")
        guest = self.machine(image[:-len(".img")], "stays", memory=MEMORY, disks=[disk])
        guest.wait_for("mkinitrd: exec: /opt/bin/say", 120)
        self.assertRegex(guest.console.text, r"mkinitrd: network: ok .*address=10\.0\.2\.15")
        self.check_said(guest, "ARGS 2 stay", "DATA first")
        self.assertIn("at=/var/lib/machine volumes=1 new=1", guest.console.text)
        guest.monitor.command("system_powerdown")
        self.assertEqual(guest.wait_end(60), "guest-shutdown")
        self.assertIn("say: STOPPED by USR1", guest.console.text)
        self.assertRegex(guest.console.text, r"mkinitrd: power: main stopped \(")
        self.assert_clean(disk)
        self.assertEqual(disks.cat(disk, "/mkinitrd/volumes/data/seed"), "first again\n")
        guest = self.machine(image[:-len(".img")], "again", memory=MEMORY, disks=[disk])
        self.check_said(guest, "ARGS 2 stay", "DATA first again")
        self.assertIn("volumes=1 new=0", guest.console.text)
        guest.monitor.command("system_powerdown")
        self.assertEqual(guest.wait_end(60), "guest-shutdown")

    def test_WD_15_WD_16_as_disk(self):
        """A SquashFS on a disk that boots by itself; when the program ends the machine is off."""
        disk = self.make("disk.raw", "--as", "disk", "--layout", "squashfs",
                         "--set", "kernel.cmdline.console=ttyS0", "--set",
                         "kernel.cmdline.panic=-1", "--disk-size", "256M")
        guest = vm.boot(lambda attempt: vm.VM(self.directory, None, None, name=f"disk-{attempt}",
                                              disks=[disk], memory=MEMORY))
        self.addCleanup(guest.stop)
        self.check_said(guest, "ARGS 2 one", "DATA first")
        guest.wait_for("mkinitrd: main: say ended with status 0: poweroff", 30)
        self.assertEqual(guest.wait_end(60), "guest-shutdown")
        self.assertIn("volumes=1 new=1", guest.console.text)


if __name__ == "__main__":
    machine.needs_tools()
    if dockerd.lacks():
        print("skipped: no Docker can run here: " + dockerd.lacks())
        sys.exit(77)
    unittest.main(verbosity=2)
