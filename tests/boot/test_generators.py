# SPDX-License-Identifier: Apache-2.0
"""Images of other generators with our part in them: a root that is a SquashFS on a disk, and
Docker's disk in it, found by them and entered.

usage: test_generators.py [Dracut|DracutSystemd|Mkinitcpio]...

In:    dracut of this machine, with our module laid over /usr for it alone; busybox and util-linux
       for an init that goes the way that mkinitcpio(8) describes
Not:   dracut of other releases (test_newer_dracut.py), mkinitcpio itself, which Debian does not
       have (docs/other-generators.md has the list for a real machine)
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
import dracut  # pylint: disable=wrong-import-position
import initcpio  # pylint: disable=wrong-import-position

ROOT = "root=LABEL=BOOT mkinitrd.image=/latest/rootfs"
DOCKER = "mkinitrd.disk=LABEL=DOCKER"
MEMORY = 384


class Images(machine.BootTest):
    """The disks, made once a class; what each root must look like."""

    @classmethod
    def setUpClass(cls):
        holder = cls("made_once")
        holder.setUp()
        cls.addClassCleanup(holder.doCleanups)
        cls.once = holder
        folder = holder.path("boot")
        os.makedirs(folder + "/latest")
        tree = trees.make(holder.path("tree"), "one")
        os.makedirs(tree + "/srv/docker")
        # a link that is the root's: here it would lead elsewhere
        os.symlink("/srv/docker", tree + "/var/lib/docker")
        # systemd enters no other tree: systemctl(1), switch-root
        trees.write(tree, "etc/os-release", "ID=one\n")
        trees.squash(tree, folder + "/latest/rootfs")
        cls.boot = trees.disk(holder.path("boot.raw"), "BOOT", folder)
        cls.image = holder.path("foreign")
        cls.make_image(cls.image + ".img")

    def made_once(self):
        """Not a test: its instance holds the class's folder."""

    def setUp(self):
        super().setUp()
        if self._testMethodName != "made_once":
            self.docker = trees.disk(self.path("docker.raw"), "DOCKER")
            self.state = trees.disk(self.path("state.raw"), "STATE")

    def start(self, *words, drives=(), extra=(), image=None):
        return self.machine(image or self.image, disks=drives, extra=extra, memory=MEMORY,
                            append=" ".join(words), deadline=420)

    def reach(self, guest, tree="one"):
        guest.wait_for(rf"TREE {tree} pid=1 name=/sbin/init ", 180)
        return {line.split()[1]: line.split() for line in
                guest.shell.run("cat /proc/mounts").splitlines()}

    def check_disk(self, guest, mounts, at="/srv/docker"):
        self.assertEqual(mounts[at][2], "ext4")
        guest.shell.run(f"echo kept >{at}/file; ls {at}/lost+found; sync")

    def end(self, guest, *layers):
        """What such an init does at its end: file systems are settled, the last of all."""
        places = " ".join(layers)
        guest.shell.run(f"umount /srv/docker; for place in / {places}; do "
                        "mount -o remount,ro $place || exit 1; done; sync")
        guest.shell.run("busybox poweroff -f >/dev/null 2>&1 &")
        self.assertEqual(guest.wait_end(60), "guest-shutdown")
        self.assert_clean(self.docker)
        self.assertEqual(disks.cat(self.docker, "/file"), "kept\n")

    def layers_and_disk(self, *words):
        """The changes on a disk; Docker's disk comes when all else is there."""
        guest = self.start(ROOT, "mkinitrd.cow=LABEL=STATE", "rootdelay=90", DOCKER, *words,
                           drives=[self.boot, self.state])
        self.assertEqual(guest.wait_for(r"mkinitrd: root: ok (.*)$", 1).group(1).rsplit(" ", 1)[0],
                         "source=LABEL=BOOT device=/dev/vda type=ext4 image=/latest/rootfs "
                         "cow=LABEL=STATE:mkinitrd/cow")
        guest.wait_for(r"mkinitrd: disk: waiting for LABEL=DOCKER, 5 s of 90 s; seen: "
                       r"vda ext4 LABEL=BOOT, vdb ext4 LABEL=STATE", 30)
        guest.monitor.human("drive_add 0 if=none,id=docker,format=raw,cache=unsafe,"
                            f"file={self.docker}")
        guest.monitor.command("device_add", driver="virtio-blk-pci", drive="docker", id="late")
        guest.wait_for(r"mkinitrd: disk: ok source=LABEL=DOCKER device=/dev/vdc type=ext4 "
                       r"at=/\S+/srv/docker", 30)
        mounts = self.reach(guest)
        self.assertEqual(mounts["/"][2], "overlay")
        self.assertIn("lowerdir=/run/mkinitrd/image,upperdir=/run/mkinitrd/cow/mkinitrd/cow/upper,",
                      mounts["/"][3])
        self.assertEqual(mounts["/run/mkinitrd/image"][2], "squashfs")
        self.assertIn("ro", mounts["/run/mkinitrd/boot"][3].split(","))
        guest.shell.run("echo changed >/etc/tree")
        self.check_disk(guest, mounts)
        self.end(guest, "/run/mkinitrd/cow")
        self.assert_clean(self.state)
        self.assertEqual(disks.cat(self.state, "/mkinitrd/cow/upper/etc/tree"), "changed\n")
        self.assert_clean(self.boot)

    def foreign_root(self, *words):
        """The root is the generator's to mount, and the disk in it is ours."""
        tree = trees.make(self.path("plain"), "plain")
        trees.write(tree, "etc/os-release", "ID=plain\n")
        os.makedirs(tree + "/var/lib/docker")
        plain = trees.disk(self.path("plain.raw"), "PLAIN", tree)
        guest = self.start("root=LABEL=PLAIN", "ro", DOCKER, *words, drives=[plain, self.docker])
        mounts = self.reach(guest, "plain")
        self.assertEqual(mounts["/"][2], "ext4")
        self.check_disk(guest, mounts, "/var/lib/docker")
        guest.shell.run("umount /var/lib/docker")
        guest.shell.run("busybox poweroff -f >/dev/null 2>&1 &")
        self.assertEqual(guest.wait_end(60), "guest-shutdown")
        self.assert_clean(self.docker)


class Dracut(Images):
    """dracut's own init."""

    @classmethod
    def make_image(cls, output):
        dracut.build(cls.once.path("stage"), machine.kernel()[0], output,
                     "base mkinitrd rootfs-block")

    def test_D0_9_D0_10_layers_and_a_late_disk(self):
        self.layers_and_disk()

    def test_D0_7_disk_in_a_foreign_root(self):
        self.foreign_root()

    def test_D0_9_wrong_image(self):
        guest = vm.VM(self.directory, self.image + ".img", machine.kernel()[1], name="wrong",
                      disks=[self.boot], memory=MEMORY,
                      append="root=LABEL=BOOT mkinitrd.image=/no/such rd.shell=1")
        self.addCleanup(guest.stop)
        guest.start()
        guest.wait_for(r"dracut: FATAL: mkinitrd-mount: no image '/no/such' on /dev/vda, label "
                       r"BOOT: No such file or directory; name another: mkinitrd\.image=", 420)
        # the shell of dracut; nothing is left mounted
        guest.type_until('cat /proc/mounts; echo "LOOKED""-UP"', "LOOKED-UP", 30)
        self.assertNotRegex(guest.console.text, r"/run/mkinitrd/\w+ ")


class DracutSystemd(Images):
    """systemd in the initramfs, to which dracut's hooks are services."""

    @classmethod
    def make_image(cls, output):
        # what only the image knows
        dracut.build(cls.once.path("stage"), machine.kernel()[0], output,
                     "base mkinitrd dracut-systemd", "--kernel-cmdline", DOCKER)

    def test_D0_7_D0_9_D0_10_read_only(self):
        guest = self.start(ROOT, "mkinitrd.cow=none", drives=[self.boot, self.docker])
        mounts = self.reach(guest)
        self.assertEqual(mounts["/"][2], "squashfs")
        self.assertIn("Read-only file system", guest.shell.run("touch /etc/x 2>&1", status=1))
        self.check_disk(guest, mounts)
        self.end(guest)


class Mkinitcpio(Images):
    """An init that goes the way of mkinitcpio's, with our hook's real files."""

    @classmethod
    def make_image(cls, output):
        stage = dracut.install(cls.once.path("stage"))
        initcpio.build_image(cls.once.path("initcpio"), output, machine.kernel()[0],
                             f"{stage}/bin:{os.environ['PATH']}:/usr/sbin:/sbin")

    def test_D0_9_D0_10_layers_and_a_late_disk(self):
        self.layers_and_disk()

    def test_D0_7_disk_in_a_foreign_root(self):
        self.foreign_root()


if __name__ == "__main__":
    machine.needs_tools()
    vm.require("mksquashfs", "dracut", "cpio", "unshare", "/usr/lib/systemd/systemd")
    unittest.main(verbosity=2)
