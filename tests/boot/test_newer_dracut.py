# SPDX-License-Identifier: Apache-2.0
"""dracut of another Debian release, dracut-ng, with our module: both of its inits.

usage: test_newer_dracut.py Trixie|Sid

Not:   dracut of this machine (test_generators.py, whose cases these are)
Facts: the module is laid into the release's root as our installation would put it there; nothing of
       it is compiled for a release, mkinitrd-mount is static
"""
import os
import shutil
import subprocess
import sys
import unittest

import debian_root
import machine
import test_generators
import vm

PACKAGES = "dracut-core,linux-image-amd64,systemd,udev,kmod,zstd,e2fsprogs"


class Newer(test_generators.Images):
    """The release's kernel, and two images of its dracut."""

    release = None

    @classmethod
    def make_image(cls, output):
        cls.root = cls.install(cls.once.path("root"))
        cls.kernel_release, cls.kernel_file = debian_root.kernel(cls.root)
        stage = cls.dracut.install(cls.once.path("stage"))
        for name in ("lib/dracut/modules.d/50mkinitrd", "lib/mkinitrd/init", "bin/mkinitrd-mount"):
            subprocess.run(["cp", "-a", "--parents", name, os.path.join(cls.root, "usr")],
                           cwd=stage, check=True, timeout=60)
        said = subprocess.run(["chroot", cls.root, "dracut", "--version"], capture_output=True,
                              text=True, check=True, timeout=60).stdout
        print(f"{cls.release}: {said.strip()}, Linux {cls.kernel_release}", flush=True)
        cls.make(output, "base mkinitrd rootfs-block")
        cls.make(cls.once.path("systemd.img"), "base mkinitrd rootfs-block dracut-systemd")

    @classmethod
    def install(cls, directory):
        folder = os.environ.get("MKINITRD_TEST_ROOTS")
        kept = os.path.join(folder or "", f"dracut-{cls.release}")
        if folder and os.path.isdir(kept):
            subprocess.run(["cp", "-a", "--reflink=auto", kept, directory], check=True, timeout=300)
            return directory
        debian_root.install(cls.release, directory, PACKAGES)
        return directory

    @classmethod
    def make(cls, output, modules):
        script = ('for name in proc sys dev; do mount --rbind /$name "$0/$name"; done; '
                  'exec chroot "$0" dracut "$@"')
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, cls.root, *test_generators.dracut.QUICK,
             "--kver", cls.kernel_release, "--modules", modules, "/new.img"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=600, check=False, env=dict(os.environ, LC_ALL="C"))
        assert done.returncode == 0, done.stdout
        shutil.move(os.path.join(cls.root, "new.img"), output)

    def machine(self, image="", name="vm", deadline=240, **arguments):
        guest = vm.boot(lambda attempt: vm.VM(
            self.directory, image + ".img", self.kernel_file, name=f"{name}-{attempt}",
            **arguments), deadline)
        self.addCleanup(guest.stop)
        return guest

    dracut = test_generators.dracut

    def test_D0_9_D0_10_own_init(self):
        self.layers_and_disk()

    def test_D0_7_own_init_foreign_root(self):
        self.foreign_root()

    def test_D0_9_D0_10_systemd(self):
        self.image = self.once.path("systemd")
        self.layers_and_disk()

    def test_D0_7_systemd_foreign_root(self):
        self.image = self.once.path("systemd")
        self.foreign_root()


class Trixie(Newer):
    release = "trixie"


class Sid(Newer):
    release = "sid"


del Newer

if __name__ == "__main__":
    machine.needs_tools()
    vm.require("mmdebstrap", "mksquashfs", "unshare")
    if os.geteuid() != 0:
        print("skipped: mmdebstrap needs root here")
        sys.exit(77)
    unittest.main(verbosity=2)
