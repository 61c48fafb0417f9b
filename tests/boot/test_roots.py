# SPDX-License-Identifier: Apache-2.0
"""Roots of other releases, without the files that depmod makes: the shipped profile builds from
them and boots to their Docker.

usage: test_roots.py Bookworm|Trixie
"""
import os
import re
import shutil
import subprocess
import sys
import unittest

import debian_root
import disks
import machine
import vm

IMAGE = machine.CONSOLE_IMAGE


def files_of(directory):
    """Every path below, with what a build could change: type, size, times."""
    found = {}
    for folder, folders, names in os.walk(directory):
        for name in folders + names:
            path = os.path.join(folder, name)
            about = os.lstat(path)
            found[path] = (about.st_mode, about.st_size, about.st_mtime_ns, about.st_ino)
    return found


class Root:
    """The cases, for each release."""

    release = None

    @classmethod
    def setUpClass(cls):
        vm.require("mmdebstrap")
        machine.needs_tools()
        if os.geteuid() != 0:
            print("skipped: mmdebstrap needs root here")
            sys.exit(77)
        boot = cls("make_once")
        boot.setUp()
        cls.addClassCleanup(boot.doCleanups)
        cls.folder = boot
        cls.root = debian_root.make(cls.release, boot.path("root"))
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)
        cls.kernel_release, cls.kernel_file = debian_root.kernel(cls.root)

    def make_once(self):
        """Not a test: its instance holds the class's folder."""

    def build(self, name, *arguments):
        output = self.folder.path(name)
        done = subprocess.run(
            [machine.MKINITRD, "-p", "only-docker", "--root", self.root, "-o", output,
             "--set", machine.TTY, *arguments],
            capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return output

    def test_1_depmod_or_not_the_same_modules(self):
        """With depmod's own files and without: the same image, and an untouched root."""
        with_indexes = self.build("with.img")
        gone = debian_root.forget_depmod(self.root)
        self.assertIn("modules.dep.bin", gone)
        before = files_of(self.root)
        without = self.build("without.img")
        self.assertEqual(files_of(self.root), before)
        self.assertEqual(disks.sha256(with_indexes), disks.sha256(without))

    def test_2_nothing_to_find_fault_with(self):
        said = subprocess.run(
            [machine.MKINITRD, "check", "--root", self.root, self.folder.path("without.img")],
            capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual((said.returncode, said.stdout), (0, ""), said.stderr)

    def test_3_boots_to_its_own_docker(self):
        disk = disks.make_raw(self.path("docker.raw"))
        guest = vm.boot(lambda attempt: vm.VM(
            self.directory, self.folder.path("without.img"), self.kernel_file,
            name=f"{self.release}-{attempt}", disks=[disk], memory=machine.MEMORY))
        self.addCleanup(guest.stop)
        self.wait_ready(guest)
        run = guest.shell.run
        self.assertEqual(run("uname -r").strip(), self.kernel_release)
        said = subprocess.run(["chroot", self.root, "dockerd", "--version"], timeout=60,
                              capture_output=True, text=True, check=True).stdout
        self.assertEqual(run("docker version --format '{{.Server.Version}}'").strip(),
                         re.search(r"version ([^\s,]+)", said).group(1))
        self.assertEqual(run(f"docker run --rm {IMAGE} echo a line").strip(), "a line")
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(180), "guest-shutdown")
        self.assert_clean(disk)


class Bookworm(Root, machine.BootTest):
    release = "bookworm"


class Trixie(Root, machine.BootTest):
    release = "trixie"


if __name__ == "__main__":
    unittest.main(verbosity=2)
