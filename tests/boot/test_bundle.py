# SPDX-License-Identifier: Apache-2.0
"""A host's bundle on the boot disk, laid over the image; bundles that are not to be trusted.

usage: test_bundle.py [Layer|Own]...

Facts: one boot disk carries several bundles, of which mkinitrd.bundle= takes one
"""
import os
import shutil
import subprocess
import sys
import unittest

import disks
import machine
import tiny
import trees
import vm

sys.path.insert(0, os.path.join(machine.SOURCE, "tests/cli"))
import newc  # pylint: disable=wrong-import-position

NOT_PANIC = (vm.PANIC,)
# the image is built from this alone, and its files are templates for a host's
IMAGE = """\
values: {{ hostname: image }}
include: [host-shell, root-image]
boot:
  hostname: "${{hostname}}"
  shell: {{ ttys: [{tty}] }}
{boot}
files:
  /etc/motd: {{ content: "this is ${{hostname}}\\n" }}
  /etc/fixed: {{ content: "fixed\\n" }}
  /main.sh: {{ content: "while true; do busybox sleep 1000; done\\n" }}
"""
HOST = """\
values: { hostname: web1 }
files:
  /etc/hostname: { content: "${hostname}\\n" }
  /etc/network: { content: "eth0 static\\n", mode: "0640", owner: "7:8" }
  /root/.ssh/authorized_keys: { content: "ssh-ed25519 AAAA me\\n", mode: "0600" }
"""
PATH = "mkinitrd/host.bundle"
WRONG_HASH = "holds 'etc/motd', which has another content than its manifest says (SHA-256)"
WRONG_SIGNATURE = "has a wrong signature: it was changed, or signed with another key"


class BundleTest(machine.BootTest):
    def folder(self):
        """Bundles as they go to the boot disk: a good one, and what may become of it."""
        folder = self.path("boot/mkinitrd")
        os.makedirs(folder)
        disks.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.path("site.pem"))
        disks.run("openssl", "pkey", "-in", self.path("site.pem"), "-pubout", "-out",
                  self.path("site.pub"))
        trees.write(self.directory, "web1.yaml", HOST)
        good = os.path.join(folder, "host.bundle")
        subprocess.run([machine.MKINITRD, "profile", "bundle", "-q", "-p", self.path("image.yaml"),
                        "-p", self.path("web1.yaml"), "-o", good, "--sign", self.path("site.pem")],
                       check=True, timeout=120)
        image = newc.Image(good)
        image.compress = bytes
        image.edit("etc/motd", "web1", "evil")
        for name in ("hash", "changed"):
            image.write(os.path.join(folder, name))
        shutil.copy(good + ".sig", os.path.join(folder, "changed.sig"))
        # whoever has the key may err, too
        disks.run("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path("site.pem"), "-in",
                  os.path.join(folder, "hash"), "-out", os.path.join(folder, "hash.sig"))
        trees.cut(good, os.path.join(folder, "cut"), 900)
        return self.path("boot")

    def build(self, boot, tty="ttyS1"):
        trees.write(self.directory, "image.yaml", IMAGE.format(boot=boot, tty=tty))
        folder = self.folder()
        machine.build_image(self.path("image.img"), "-c", "zstd:1",
                            profile=self.path("image.yaml"))
        return folder

    def start(self, name, *words, disks=()):
        return self.machine(self.path("image"), name, disks=disks, memory=tiny.MEMORY,
                            append=" ".join(words))

    def line(self, guest, result):
        return guest.wait_for(rf"mkinitrd: bundle: {result}:? ?(.*)", 60, unless=NOT_PANIC).group(1)

    def says(self, guest, command, text):
        self.assertEqual(guest.shell.run(command), text)

    def effect(self, guest):
        """The bundle's files, names and owners, and what else the image has."""
        self.says(guest, "busybox hostname", "web1\n")
        self.says(guest, "cat /etc/hostname /etc/motd /etc/network /root/.ssh/authorized_keys",
                  "web1\nthis is web1\neth0 static\nssh-ed25519 AAAA me\n")
        self.says(guest, "cd / && busybox stat -c '%a %u:%g %n' etc etc/network root "
                         "root/.ssh/authorized_keys",
                  "755 0:0 etc\n640 7:8 etc/network\n700 0:0 root\n"
                  "600 0:0 root/.ssh/authorized_keys\n")

    def defaults(self, guest):
        self.says(guest, "busybox hostname", "image\n")
        self.says(guest, "cat /etc/motd; ls /etc/network /etc/hostname 2>/dev/null | busybox wc -l",
                  "this is image\n0\n")


class Layer(BundleTest):
    """Over a root that lies on the boot disk, as the topmost layer that is only read; signed."""

    def setUp(self):
        super().setUp()
        folder = self.build("  root: { find: LABEL=BOOT, image: /rootfs, wait: 20s }\n"
                            "  bundle: { key: site.pub }", tty="")
        tree = trees.make(self.path("tree"), "one")
        os.chmod(os.path.join(tree, "root"), 0o700)
        trees.write(tree, "etc/motd", "this is image\n")
        trees.squash(tree, folder + "/rootfs")
        self.boot = trees.disk(self.path("boot.raw"), "BOOT", folder)

    def reach(self, guest):
        guest.wait_for(r"TREE one pid=1 ", 60, unless=NOT_PANIC)

    def test_D0_11_in_effect_and_removed(self):
        guest = self.start("layer", disks=[self.boot])
        self.assertRegex(self.line(guest, "ok"), rf"^path={PATH} device=/dev/vda files=\d+ "
                                                 r"signature=good hostname=web1 \(\d+ ms\)")
        self.reach(guest)
        self.effect(guest)
        self.says(guest, "cat /etc/tree", "one\n")
        self.assertIn("lowerdir=/run/mkinitrd/bundle:/run/mkinitrd/image,",
                      guest.shell.run("cat /proc/self/mountinfo"))
        self.assertIn("Read-only file system",
                      guest.shell.run("touch /run/mkinitrd/bundle/etc/x 2>&1", status=1))
        guest.shell.run("echo mine >/etc/motd; sync")
        self.says(guest, "cat /etc/motd /run/mkinitrd/bundle/etc/motd", "mine\nthis is web1\n")
        guest.stop()
        guest = self.start("none", "mkinitrd.cow=none", disks=[self.boot])
        self.reach(guest)
        self.effect(guest)
        self.assertIn("Read-only file system",
                      guest.shell.run("touch /etc/x 2>&1", status=1))
        guest.stop()
        self.assert_clean(self.boot)
        disks.run("debugfs", "-w", "-R", f"rm /{PATH}", self.boot)
        guest = self.start("removed", disks=[self.boot])
        self.assertEqual(self.line(guest, "skipped"), f"no '{PATH}' on /dev/vda")
        self.reach(guest)
        self.defaults(guest)
        self.assertNotIn("mkinitrd/bundle", guest.shell.run("cat /proc/self/mountinfo"))

    def test_D0_11_D0_16_not_trusted(self):
        for name, why in (("hash", WRONG_HASH), ("changed", WRONG_SIGNATURE),
                          ("cut", "has no signature, 'mkinitrd/cut.sig', which this image asks "
                                  "for")):
            with self.subTest(name):
                guest = self.start(name, f"mkinitrd.bundle=mkinitrd/{name}", disks=[self.boot])
                self.assertEqual(self.line(guest, "failed"),
                                 f"'mkinitrd/{name}' on /dev/vda {why}; going on without it")
                self.reach(guest)
                self.defaults(guest)
                guest.stop()


class Own(BundleTest):
    """Over an image that is its own root, from a disk with a FAT file system; required."""

    def setUp(self):
        super().setUp()
        folder = self.build("  main: { exec: [busybox, sh, /main.sh] }\n"
                            "  bundle: { find: LABEL=ESP, need: required, wait: 2s }")
        self.boot = self.path("boot.raw")
        disks.run("truncate", "-s", "40M", self.boot)
        disks.run("mkfs.vfat", "-n", "ESP", self.boot)
        disks.run("mcopy", "-s", "-i", self.boot, folder + "/mkinitrd", "::")

    def refused(self, guest, why):
        """The boot stops, and the next try begins anew."""
        self.assertEqual(self.line(guest, "failed"), why)
        guest.wait_for(r"mkinitrd: root: failed: the host's bundle is required: ", 20,
                       unless=NOT_PANIC)
        guest.wait_for(r"mkinitrd: the boot stopped: step 'root' failed", 20, unless=NOT_PANIC)

    def test_D0_11_over_the_image(self):
        guest = self.start("own", disks=[self.boot])
        self.assertRegex(self.line(guest, "ok"), rf"^path={PATH} device=/dev/vda files=\d+ "
                                                 r"signature=none hostname=web1 \(\d+ ms\)")
        tiny.wait(guest)
        self.effect(guest)
        self.says(guest, "cat /etc/fixed; ls -d /run/mkinitrd/bundle-disk/mkinitrd 2>/dev/null | "
                         "busybox wc -l", "fixed\n0\n")
        guest.stop()
        guest = self.start("none", "mkinitrd.bundle=none ip=::::given::off", disks=[self.boot])
        tiny.wait(guest)
        self.says(guest, "cat /etc/motd; busybox hostname", "this is image\ngiven\n")
        guest.stop()
        guest = self.start("given", "ip=::::given::off", disks=[self.boot])
        tiny.wait(guest)
        self.says(guest, "cat /etc/hostname; busybox hostname", "web1\ngiven\n")

    def test_D0_11_D0_16_required(self):
        guest = self.start("hash", "mkinitrd.bundle=mkinitrd/hash", disks=[self.boot])
        self.refused(guest, f"'mkinitrd/hash' on /dev/vda {WRONG_HASH}")
        guest.stop()
        guest = self.start("cut", "mkinitrd.bundle=mkinitrd/cut", disks=[self.boot])
        self.refused(guest, "'mkinitrd/cut' on /dev/vda is cut short")
        guest.stop()
        guest = self.start("absent")
        self.refused(guest, "LABEL=ESP not found")


if __name__ == "__main__":
    vm.require("qemu-system-x86_64", "mke2fs", "debugfs", "mksquashfs", "openssl", "mcopy",
               "mkfs.vfat", "busybox")
    unittest.main(verbosity=2)
