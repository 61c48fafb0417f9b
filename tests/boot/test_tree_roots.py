# SPDX-License-Identifier: Apache-2.0
"""Roots of somebody else, as archives of Docker's: each boots, by its own init or by main.

usage: test_tree_roots.py

Not:   a tree of a distribution, which test_systemd.py boots
Facts: what upper layers take away is gone in the machine, or they were not applied
"""
import os
import shutil
import subprocess
import sys
import tarfile
import unittest

import machine
import tiny
import vm

sys.path.insert(0, os.path.join(machine.SOURCE, "tests/cli"))
import archives  # pylint: disable=wrong-import-position
from archives import member  # pylint: disable=wrong-import-position

BUSYBOX = "/bin/busybox"
# tells what of both layers is there, and who it is; and ends the machine
SAY = """\
#!/bin/sh
for path in /etc/gone /opaque/low /opaque/new; do
    [ -e $path ] && found="$found $path"
done
echo "TREE$found $(/bin/busybox cat /etc/release) pid=$$" >/dev/console
[ -d /dev/pts ] && [ -e /proc/self ] && [ -d /sys/kernel ] && echo "TREE mounts" >/dev/console
{end}
while true; do /bin/busybox sleep 1000; done
"""
OWN_END = "/bin/busybox poweroff -f"
UPPER = r"TREE /opaque/new second pid=1$"


def program(path, text):
    return member(path, content=text.encode(), mode=0o755)


def layers(end):
    """Two of them. What containers are given by Docker is in none: /dev, /proc, /sys."""
    with open(BUSYBOX, "rb") as file:
        busybox = file.read()
    lower = [member("bin", tarfile.DIRTYPE), member("bin/busybox", content=busybox, mode=0o755),
             member("bin/sh", tarfile.SYMTYPE, linkname="busybox"),
             member("etc", tarfile.DIRTYPE), member("etc/gone", content=b"1"),
             member("etc/release", content=b"first\n"), member("opaque", tarfile.DIRTYPE),
             member("opaque/low", content=b"1"), member("sbin", tarfile.DIRTYPE),
             program("sbin/init", SAY.format(end=end))]
    upper = [member("etc", tarfile.DIRTYPE), member("etc/.wh.gone"),
             member("etc/release", content=b"second\n"), member("opaque", tarfile.DIRTYPE),
             member("opaque/.wh..wh..opq"), member("opaque/new", content=b"2")]
    return [lower, upper]


class Roots(machine.BootTest):

    def start(self, name, profile):
        with open(self.path(name + ".yaml"), "w", encoding="utf-8") as file:
            file.write(profile)
        machine.build_image(self.path(name + ".img"), "-c", "zstd:1",
                            profile=self.path(name + ".yaml"))
        return self.machine(self.path(name), name, memory=tiny.MEMORY)

    def check(self, guest, pattern):
        guest.wait_for(pattern, 60)
        guest.wait_for("TREE mounts", 10)
        self.assertEqual(guest.wait_end(60), "guest-shutdown")

    def test_WD_1_WD_4_docker_export_by_its_own_init(self):
        """A container is one tree: nothing of layers, and files that Docker mounts over."""
        lower, upper = layers(OWN_END)
        archives.tar(self.path("app.tar"), [
            member(".dockerenv"), member("etc/mtab", tarfile.SYMTYPE, linkname="/proc/mounts"),
            member("etc/hosts"), *[entry for entry in lower + upper if not any(
                word in entry[0].name for word in (".wh.", "etc/gone", "opaque/low"))]])
        guest = self.start("export", "trees: { app: { from: app.tar } }\n"
                                     "output: { layout: squashfs }\n")
        guest.wait_for(r"mkinitrd: root: ok image=/root\.squashfs cow=tmpfs:\S+ init=/sbin/init",
                       60)
        self.check(guest, UPPER)

    def test_WD_4_docker_save_runs_main(self):
        """Main is a program of the tree; power-off is init's."""
        archives.tar(self.path("app.tar"), archives.saved(layers("/usr/sbin/poweroff")))
        guest = self.start("save", "trees: { app: { from: app.tar } }\n"
                                   "boot: { main: { exec: [sh, /sbin/init] } }\n"
                                   "output: { layout: squashfs }\n")
        guest.wait_for(r"mkinitrd: exec: /bin/sh", 60)
        self.check(guest, UPPER)
        self.assertRegex(guest.console.text, r"mkinitrd: power: poweroff")

    def test_WD_1_WD_4_OCI_layout_unpacked_into_memory(self):
        """Layout cpio: the kernel unpacks the tree, and its own init is main there."""
        archives.layout(self.path("app"), layers(OWN_END))
        subprocess.run(["tar", "-cf", "app.tar", "-C", "app", "."], check=True, timeout=60,
                       cwd=self.directory)
        shutil.rmtree(self.path("app"))
        guest = self.start("oci", "trees: { app: { from: app.tar, image: \"app:latest\" } }\n")
        guest.wait_for(r"mkinitrd: exec: /sbin/init", 60)
        self.check(guest, UPPER)


if __name__ == "__main__":
    machine.needs_tools()
    vm.require(BUSYBOX)
    unittest.main(verbosity=2)
