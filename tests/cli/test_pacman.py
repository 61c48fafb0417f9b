# SPDX-License-Identifier: Apache-2.0
"""Images on an Arch host, kept by pacman's hooks: real pacman, packages by real makepkg.

The packages are made here: ours by its own PKGBUILD, kernels with modules of a Debian kernel, a
dockerd that only has a version. Another generator's files lie beside ours, and stay as they are.
"""
import os
import re
import shutil
import sys
import tempfile
import unittest

import cli
import pacman_root
from pacman_root import BASE

PROFILE = """\
description: small
kernel:
  modules: { overlay: required, squashfs: required, loop: optional }
  cmdline: { quiet: true }
programs: { dockerd: required, busybox: required }
boot: { main: { exec: [dockerd] } }
"""
IMAGE = f"/boot/mkinitrd-{BASE}.img"
ENTRY = f"/boot/loader/entries/mkinitrd-tiny-{BASE}.conf"
COPY = f"/boot/vmlinuz-{BASE}"
# what another generator has made, and its settings
FOREIGN = {f"boot/initramfs-{BASE}.img": b"another's", f"boot/initramfs-{BASE}-fallback.img": b"2",
           "boot/loader/entries/arch.conf": b"title Arch\n",
           f"etc/mkinitcpio.d/{BASE}.preset": b"PRESETS=('default')\n"}
MADE = re.compile(r"^mkinitrd: (\S+): \d+ entries, .* written and verified in .*$")


class Pacman(unittest.TestCase):

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="mkinitrd-pacman-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        os.chmod(cls.directory, 0o755)
        cls.packages = pacman_root.Packages(os.path.join(cls.directory, "packages"))
        cls.base = pacman_root.Root(os.path.join(cls.directory, "base"))
        # what it depends on is in the root without being installed
        done = cls.base.pacman("-Udd", cls.packages.mkinitrd(), cls.packages.docker("1"))
        assert done.returncode == 0, done.stdout + done.stderr
        os.makedirs(cls.base / "etc/mkinitrd/profiles")
        with open(cls.base / "etc/mkinitrd/profiles/tiny.yaml", "w", encoding="utf-8") as file:
            file.write(PROFILE)
        for path, content in FOREIGN.items():
            os.makedirs(os.path.dirname(cls.base / path), exist_ok=True)
            with open(cls.base / path, "wb") as file:
                file.write(content)
        done = cls.base.mkinitrd("enable", "tiny")
        assert done.returncode == 0, done.stderr

    def setUp(self):
        path = tempfile.mkdtemp(prefix="root-", dir=self.directory)
        os.rmdir(path)
        self.root = self.base.copy(path)
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        self.foreign = {name: os.stat(self.root / name) for name in FOREIGN}
        self.said = len(self.root.log())

    def tearDown(self):
        for name, before in self.foreign.items():
            now = os.stat(self.root / name)
            self.assertEqual((now.st_ino, now.st_mtime_ns, now.st_size),
                             (before.st_ino, before.st_mtime_ns, before.st_size), name)

    def pacman(self, *arguments):
        """A transaction that ends well, and what our hooks said in it."""
        done = self.root.pacman(*arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        said = [MADE.sub(r"made \1", line) for line in self.root.log()[self.said:]]
        self.said = len(self.root.log())
        return said

    def install(self, *packages):
        return self.pacman("-U", *packages)

    def exists(self, path):
        return os.path.exists(self.root / path)

    def read(self, path):
        with open(self.root / path, "rb") as file:
            return file.read()

    def boot(self):
        """Our own in /boot, and nothing half done."""
        found = []
        for folder, _, names in os.walk(self.root / "boot"):
            found += [os.path.join(folder, name).removeprefix(self.root.path) for name in names]
        return sorted(set(found) - {"/" + name for name in FOREIGN})

    def status(self, expected):
        done = self.root.mkinitrd("status")
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        self.assertEqual([(line[1], re.sub(r" at \S+Z", "", line[3])) for line in lines], expected,
                         done.stderr)
        return done.returncode

    def listed(self, image, path):
        done = self.root.mkinitrd("cat", image, path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_a_new_kernel_gets_image_copy_and_entry(self):
        self.assertEqual(self.install(self.packages.kernel("6.1.0", 1)), [f"made {IMAGE}"])
        self.assertEqual(self.boot(), sorted([IMAGE, ENTRY, COPY]))
        self.assertEqual(self.read(ENTRY).decode(),
                         "title tiny (6.1.0-fix)\nversion 6.1.0-fix\nsort-key mkinitrd-tiny\n"
                         f"linux /vmlinuz-{BASE}\ninitrd /mkinitrd-{BASE}.img\noptions quiet\n")
        self.assertEqual(self.read(COPY), b"kernel 6.1.0-1 ")
        done = self.root.mkinitrd("ls", IMAGE)
        self.assertIn("usr/lib/modules/6.1.0-fix/kernel/fs/overlayfs/overlay.ko", done.stdout)
        self.assertEqual(self.status([("6.1.0-fix", "up to date")]), 0)

    def test_the_same_version_again(self):
        self.install(self.packages.kernel("6.1.0", 1))
        before = os.stat(self.root / IMAGE)
        self.assertEqual(self.install(self.packages.kernel("6.1.0", 2)), [f"made {IMAGE}"])
        self.assertNotEqual(os.stat(self.root / IMAGE).st_ino, before.st_ino)
        self.assertEqual(self.read(COPY), b"kernel 6.1.0-2 ")
        self.assertEqual(self.boot(), sorted([IMAGE, ENTRY, COPY]))
        # what is installed again as it was changes nothing
        before = os.stat(self.root / IMAGE)
        self.assertEqual(self.install(self.packages.kernel("6.1.0", 2)),
                         [f"mkinitrd: {IMAGE}: up to date"])
        self.assertEqual(os.stat(self.root / IMAGE).st_ino, before.st_ino)

    def test_a_new_version_has_a_new_folder_of_modules(self):
        self.install(self.packages.kernel("6.1.0", 1))
        self.assertEqual(self.install(self.packages.kernel("6.2.0", 1)), [f"made {IMAGE}"])
        self.assertEqual(self.boot(), sorted([IMAGE, ENTRY, COPY]))
        self.assertIn(b"version 6.2.0-fix\n", self.read(ENTRY))
        self.assertEqual(self.read(COPY), b"kernel 6.2.0-1 ")
        self.assertEqual(os.listdir(self.root / "var/lib/mkinitrd/images"), ["tiny@6.2.0-fix"])
        self.assertFalse(self.exists("run/mkinitrd/pending-remove"))
        self.assertEqual(self.status([("6.2.0-fix", "up to date")]), 0)

    def test_docker_alone(self):
        self.install(self.packages.kernel("6.1.0", 1))
        kernel, entry = os.stat(self.root / COPY), os.stat(self.root / ENTRY)
        self.assertEqual(self.install(self.packages.docker("2")), [f"made {IMAGE}"])
        self.assertIn("dockerd 2", self.listed(IMAGE, "usr/bin/dockerd"))
        self.assertEqual(os.stat(self.root / COPY).st_ino, kernel.st_ino)
        self.assertEqual(os.stat(self.root / ENTRY).st_ino, entry.st_ino)

    def test_what_is_not_packed_makes_nothing(self):
        self.install(self.packages.kernel("6.1.0", 1))
        other = self.packages.make("other", "1", 1, {"usr/bin/other": b"#!/bin/sh\n"})
        self.assertEqual(self.install(other), [])
        table = self.packages.make("tables", "1", 1, {"usr/bin/ebtables-x": b"#!/bin/sh\n"})
        self.assertEqual(self.install(table), [f"mkinitrd: {IMAGE}: up to date"])

    def test_a_kernel_that_is_removed_takes_what_is_ours_along(self):
        self.install(self.packages.kernel("6.1.0", 1))
        self.assertEqual(self.pacman("-R", BASE), [f"mkinitrd: {IMAGE}: removed"])
        self.assertEqual(self.boot(), [])
        self.assertEqual(os.listdir(self.root / "var/lib/mkinitrd/images"), [])
        self.assertEqual(self.status([("-", "no kernel")]), 3)

    def test_two_kernels_in_one_transaction(self):
        other = self.packages.kernel("5.15.0", 1, "linux-lts")
        lts = "/boot/mkinitrd-linux-lts.img"
        self.assertEqual(self.install(self.packages.kernel("6.1.0", 1), other),
                         [f"made {lts}", f"made {IMAGE}"])
        self.assertEqual(self.pacman("-R", BASE), [f"mkinitrd: {IMAGE}: removed"])
        self.assertEqual(self.boot(), ["/boot/loader/entries/mkinitrd-tiny-linux-lts.conf", lts,
                                       "/boot/vmlinuz-linux-lts"])
        self.assertEqual(self.status([("5.15.0-lts", "up to date")]), 0)

    def test_a_build_that_fails_keeps_image_and_entry(self):
        self.install(self.packages.kernel("6.1.0", 1))
        image, entry = self.read(IMAGE), self.read(ENTRY)
        os.rename(self.root / "usr/bin/busybox", self.root / "usr/bin/sh2")
        os.unlink(self.root / "usr/bin/sh")
        os.symlink("sh2", self.root / "usr/bin/sh")
        why = "program 'busybox' (tiny.yaml:5) is not in the root '/'"
        said = self.install(self.packages.kernel("6.2.0", 1))
        self.assertEqual(len(said), 1)
        self.assertTrue(said[0].startswith("mkinitrd: FAILED for 6.2.0-fix: "), said)
        self.assertTrue(said[0].endswith(f"; kept {IMAGE}"), said)
        self.assertIn("busybox", said[0], why)
        # the kernel that it was made for is gone, and it is the only one that there is
        self.assertEqual((self.read(IMAGE), self.read(ENTRY)), (image, entry))
        self.assertEqual(self.read(COPY), b"kernel 6.1.0-1 ")
        self.assertFalse(self.exists("usr/lib/modules/6.1.0-fix/vmlinuz"))
        with open(self.root / "var/lib/mkinitrd/failed", encoding="utf-8") as file:
            self.assertRegex(file.read(), rf"\Atiny\t6\.2\.0-fix\t\d+\t{IMAGE}\t.*busybox.*\n\Z")
        self.assertEqual(self.root.mkinitrd("status").returncode, 3)
        # and when it can be made again, it is, and nothing is remembered
        os.rename(self.root / "usr/bin/sh2", self.root / "usr/bin/busybox")
        os.unlink(self.root / "usr/bin/sh")
        os.symlink("busybox", self.root / "usr/bin/sh")
        done = self.root.mkinitrd("update")
        self.assertEqual((done.returncode, MADE.sub(r"made \1", done.stderr)),
                         (0, f"made {IMAGE}\n"))
        self.assertFalse(self.exists("var/lib/mkinitrd/failed"))
        self.assertEqual(self.status([("6.2.0-fix", "up to date")]), 0)

    def test_the_first_build_fails_and_there_was_none(self):
        os.unlink(self.root / "usr/bin/dockerd")
        said = self.install(self.packages.kernel("6.1.0", 1))
        self.assertEqual(len(said), 1)
        self.assertTrue(said[0].endswith("; kept none"), said)
        self.assertEqual(self.boot(), [])

    def test_a_masked_hook_does_nothing(self):
        os.symlink("/dev/null", self.root / "etc/pacman.d/hooks/90-mkinitrd-install.hook")
        self.assertEqual(self.install(self.packages.kernel("6.1.0", 1)), [])
        self.assertEqual(self.boot(), [])

    def test_a_kernel_without_package_base_is_none_of_ours(self):
        package = self.packages.make("bare", "1", 1, {
            "usr/lib/modules/4.0.0/" + name: b"" for name in (
                "vmlinuz", "modules.order", "modules.builtin", "modules.builtin.modinfo")})
        self.assertEqual(self.install(package), [])
        self.assertEqual(self.boot(), [])

    def test_where_mkinitcpio_copies_the_kernel_we_do_not(self):
        package = self.packages.make("mkinitcpio", "1", 1, {"usr/bin/mkinitcpio": b"#!/bin/sh\n"})
        self.install(package)
        with open(self.root / COPY, "wb") as file:
            file.write(b"mkinitcpio's copy")
        self.assertEqual(self.install(self.packages.kernel("6.1.0", 1)), [f"made {IMAGE}"])
        self.assertEqual(self.read(COPY), b"mkinitcpio's copy")
        self.assertEqual(self.pacman("-R", BASE), [f"mkinitrd: {IMAGE}: removed"])
        self.assertEqual(self.boot(), [COPY])

    def test_nothing_enabled_says_nothing(self):
        done = self.root.mkinitrd("disable", "tiny")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.install(self.packages.kernel("6.1.0", 1)), [])
        self.assertEqual(self.boot(), [])

    def test_our_package_is_additional(self):
        with open(os.path.join(cli.SOURCE, "hooks/pacman/PKGBUILD"), encoding="utf-8") as file:
            text = re.sub(r"#.*", "", file.read())
        for word in ("provides", "conflicts", "install="):
            self.assertNotIn(word, text)
        owned = self.root.pacman("-Ql", "mkinitrd").stdout.replace(self.root.path, "")
        for path in ("usr/bin/mkinitrd", "usr/lib/mkinitrd/init", "etc/grub.d/41_mkinitrd",
                     "usr/share/libalpm/hooks/60-mkinitrd-remove.hook",
                     "usr/share/libalpm/hooks/90-mkinitrd-install.hook",
                     "usr/share/libalpm/scripts/mkinitrd"):
            self.assertIn(f"/{path}\n", owned)
        self.assertNotIn("/usr/local/", owned)
        self.assertEqual(os.stat(self.root / "usr/share/libalpm/scripts/mkinitrd").st_mode & 0o777,
                         0o755)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: pacman's hooks run chrooted, which needs root")
        sys.exit(77)
    cli.main("pacman", "makepkg", "fakeroot", "bsdtar", "busybox", "unshare")
