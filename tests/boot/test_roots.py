# SPDX-License-Identifier: Apache-2.0
"""Roots of other releases, without the files that depmod makes: the shipped profile builds from
them and boots to their Docker.

usage: test_roots.py Bookworm|Trixie|Sid
"""
import os
import re
import shutil
import socket
import subprocess
import sys
import unittest

import debian_root
import disks
import machine
import registry
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

    def build(self, name, *arguments, profile="only-docker"):
        output = self.folder.path(name)
        done = subprocess.run(
            [machine.MKINITRD, "-p", profile, "--root", self.root, "-o", output,
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

    def test_3_OD_1_boots_to_its_own_docker(self):
        disk = disks.make_raw(self.path("docker.raw"))
        port = registry.free_port()
        guest = self.boot("without.img", disk, nic="user,id=net0,model=virtio-net-pci,"
                          f"hostfwd=tcp:127.0.0.1:{port}-:8080")
        run = guest.shell.run
        self.assertEqual(run("uname -r").strip(), self.kernel_release)
        said = subprocess.run(["chroot", self.root, "dockerd", "--version"], timeout=60,
                              capture_output=True, text=True, check=True).stdout
        self.assertEqual(run("docker version --format '{{.Server.Version}}'").strip(),
                         re.search(r"version ([^\s,]+)", said).group(1))
        self.assertEqual(run(f"docker run --rm {IMAGE} echo a line").strip(), "a line")
        run(f"docker run -d --name web -p 8080:80 {IMAGE} "
            "busybox nc -ll -p 80 -e busybox echo published")
        run("until docker exec web netstat -ltn | grep -q ':80 '; do :; done")
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.settimeout(30)
            self.assertEqual(connection.recv(100), b"published\n")
        self.show(guest)
        self.end_clean(guest, disk)

    def boot(self, image, disk, name="first", **arguments):
        guest = vm.boot(lambda attempt: vm.VM(
            self.directory, self.folder.path(image), self.kernel_file,
            name=f"{self.release}-{name}-{attempt}", disks=[disk], memory=machine.MEMORY,
            **arguments))
        self.addCleanup(guest.stop)
        self.wait_ready(guest)
        return guest

    def end_clean(self, guest, disk):
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(180), "guest-shutdown")
        self.assert_clean(disk)

    def show(self, guest):
        """For docs/reliability.md."""
        said = guest.shell.run(
            "uname -r; docker version --format 'docker {{.Server.Version}}, API "
            "{{.Server.APIVersion}} from {{.Server.MinAPIVersion}}'; iptables -V; "
            "docker info --format '{{.Driver}}, containerd {{.ContainerdCommit.ID}}'")
        print(f"{self.release}: " + "; ".join(said.split("\n")), flush=True)


class Bookworm(Root, machine.BootTest):
    release = "bookworm"


class ImageStore:
    """The same Docker with containerd's image store, which 20.10 does not have."""

    def test_4_OD_1_OD_10_containerd_image_store(self):
        profile = self.folder.path("image-store.yaml")
        with open(profile, "w", encoding="utf-8") as file:
            file.write('include: [only-docker]\nfiles: { /etc/docker/daemon.json: '
                       '{ content: "{\\"features\\": {\\"containerd-snapshotter\\": true}}" } }\n')
        self.build("image-store.img", profile=profile)
        disk = disks.make_raw(self.path("store.raw"))
        guest = self.boot("image-store.img", disk, "store")
        guest.wait_for(r"mkinitrd: images: ok loaded=console-image:latest \(", 1)
        self.assertIn("io.containerd.snapshotter.v1",
                      guest.shell.run("docker info --format '{{.DriverStatus}}'"))
        self.assertEqual(guest.shell.run(f"docker run --name ran {IMAGE} echo a line"), "a line\n")
        self.show(guest)
        self.end_clean(guest, disk)
        guest = self.boot("image-store.img", disk, "again")
        guest.wait_for(r"mkinitrd: images: skipped: present", 1)
        self.assertNotIn("is another one", guest.shell.run("dmesg"))
        self.assertEqual(guest.shell.run("docker start -a ran"), "a line\n")
        self.end_clean(guest, disk)


class Trixie(ImageStore, Root, machine.BootTest):
    release = "trixie"


class Sid(ImageStore, Root, machine.BootTest):
    release = "sid"


if __name__ == "__main__":
    unittest.main(verbosity=2)
