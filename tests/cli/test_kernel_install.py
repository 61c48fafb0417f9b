# SPDX-License-Identifier: Apache-2.0
"""kernel-install itself with our plug-in: what is staged, what becomes of it in a boot entry, and
when nothing is.

usage: test_kernel_install.py Machine | Newest

In:    class Machine: the kernel-install of this machine. Class Newest: that of Debian's sid,
       unpacked over it, which needs no more than a C library of 2.34
Out:   this machine's root is not written to: scratch_root.py
Facts: kernel-install(8). systemd 252 is a shell script, reads install.conf in
       KERNEL_INSTALL_CONF_ROOT and sets no IMAGE_TYPE; newer ones are a program
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import cli
import scratch_root

MACHINE_ID = "0123456789abcdef0123456789abcdef"
RELEASE = "6.0.0-fixture"
PLUGIN = "/usr/lib/kernel/install.d/50-mkinitrd.install"
PROFILE = """\
description: a fixture
programs: { busybox: required }
kernel: { modules: { }, firmware: none }
boot: { main: { exec: [busybox, sh] } }
output: { compress: none }
"""
DEFINITION = "profile: staged\noutput: kernel-install\n"
DEBIAN = "/usr/lib/kernel/install.d/85-initrd.install"
SUPPLIED = "/tmp/supplied.img"


class Cases:
    """The cases, for each kernel-install."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="mkinitrd-")
        cls.addClassCleanup(scratch_root.remove, cls.directory)
        cls.root = scratch_root.Scratch("/", cls.directory)
        cls.addClassCleanup(cls.root.close)
        cls.install_us()
        cls.install_kernel_install()

    @classmethod
    def install_us(cls):
        """As `cmake --install` puts it into /usr; the program is that of the build."""
        root = cls.root
        os.makedirs(root / "usr/lib/mkinitrd", exist_ok=True)
        shutil.copy(cli.MKINITRD, root / "usr/bin/mkinitrd")
        for name in ("init", "agent", "bundle"):
            shutil.copy(os.path.join(cli.BUILD, name), root / f"usr/lib/mkinitrd/{name}")
        shutil.copytree(os.path.join(cli.SOURCE, "profiles"), root / "usr/lib/mkinitrd/profiles",
                        dirs_exist_ok=True)
        shutil.copy(os.path.join(cli.SOURCE, "hooks/kernel-install/50-mkinitrd.install"),
                    root / PLUGIN)
        for name in glob.glob(root / "boot/initrd.img-*"):
            os.unlink(name)
        root.write("etc/mkinitrd/profiles/staged.yaml", PROFILE)
        modules = f"usr/lib/modules/{RELEASE}"
        for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            root.write(f"{modules}/{name}", "")
        root.write(f"{modules}/vmlinuz", "a kernel")

    @classmethod
    def install_kernel_install(cls):
        """What is to be there already is."""

    def setUp(self):
        self.count = 0
        root = self.root
        for path in ("boot/efi-test", "etc/mkinitrd/images.d", "tmp/conf"):
            shutil.rmtree(root / path, ignore_errors=True)
            os.makedirs(root / path)
        for path in (f"boot/initrd.img-{RELEASE}", "etc/kernel/install.d/85-initrd.install"):
            if root.exists(path):
                os.unlink(root / path)
        root.write("etc/mkinitrd/images.d/staged.yaml", DEFINITION)
        root.write("tmp/supplied.img", "supplied")

    def call(self, *arguments, generator="mkinitrd", layout="bls", more="", environment=None):
        """kernel-install with an install.conf; its status and what it printed."""
        text = f"layout={layout}\n" if layout else ""
        if generator is not None:
            text += f"initrd_generator={generator}\n"
        self.root.write("tmp/conf/install.conf", text + more)
        return self.root.run(
            "kernel-install", *arguments,
            environment={"KERNEL_INSTALL_CONF_ROOT": "/tmp/conf", "BOOT_ROOT": "/boot/efi-test",
                         "MACHINE_ID": MACHINE_ID, **(environment or {})})

    def add(self, *initrds, **options):
        return self.call("add", RELEASE, f"/usr/lib/modules/{RELEASE}/vmlinuz", *initrds, **options)

    def remove(self, **options):
        return self.call("remove", RELEASE, **options)

    def entry(self):
        """The boot entry's lines, or None."""
        names = glob.glob(self.root / "boot/efi-test/loader/entries/*")
        if not names:
            return None
        name, = names
        with open(name, encoding="utf-8") as file:
            return file.read().splitlines()

    def initrds(self):
        """The files that the boot entry names."""
        entry = self.entry()
        self.assertIsNotNone(entry)
        return [re.split(r"[ \t]+", line, maxsplit=1)[1] for line in entry
                if line.startswith("initrd")]

    def installed(self, name="initrd"):
        return self.root / f"boot/efi-test/{MACHINE_ID}/{RELEASE}/{name}"

    def assert_staged(self, done):
        self.assertEqual(done[0], 0, done[1])
        self.assertEqual([os.path.basename(path) for path in self.initrds()], ["initrd"], done[1])
        said = subprocess.run([cli.MKINITRD, "ls", self.installed()], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("busybox", said.stdout)

    def assert_none(self, done):
        """An entry, and no initrd of ours in it."""
        self.assertEqual(done[0], 0, done[1])
        self.assertEqual(self.initrds(), [], done[1])
        self.assertFalse(os.path.exists(self.installed()))

    # ---- who makes it

    def test_us_as_the_generator(self):
        done = self.add()
        self.assert_staged(done)
        self.assertIn("written and verified", done[1])

    def test_removed_with_the_kernel(self):
        self.add()
        self.assertTrue(os.path.exists(self.installed()))
        done = self.remove()
        self.assertEqual(done[0], 0, done[1])
        self.assertIsNone(self.entry())
        self.assertFalse(os.path.exists(os.path.dirname(self.installed())))
        self.assertEqual(self.remove()[0], 0)

    def test_another_generator(self):
        done = self.add(generator="dracut")
        self.assert_none(done)
        self.assertNotIn("mkinitrd:", done[1])

    def test_none_named(self):
        for generator in (None, ""):
            with self.subTest(generator):
                self.setUp()
                done = self.add(generator=generator)
                self.assert_none(done)
                self.assertNotIn("mkinitrd:", done[1])

    def test_initrd_that_was_supplied(self):
        done = self.add(SUPPLIED)
        self.assertEqual(done[0], 0, done[1])
        self.assertEqual([os.path.basename(path) for path in self.initrds()], ["supplied.img"])
        self.assertNotIn("mkinitrd:", done[1])

    def test_layout_other(self):
        done = self.add(layout="other")
        self.assertEqual(done[0], 0, done[1])
        self.assertIn("mkinitrd: kernel-install has layout=other, which installs no initrd: none "
                      "is made", done[1])
        self.assertIsNone(self.entry())
        self.assertEqual(self.remove(layout="other")[0], 0)
        done = self.add(layout="other", generator="dracut")
        self.assertEqual((done[0], "mkinitrd:" in done[1]), (0, False), done[1])

    def test_layout_of_a_site(self):
        """Whoever has a word of his own has a plug-in that takes what is staged."""
        self.root.write("etc/kernel/install.d/95-site.install",
                        '#!/bin/sh\n[ "$1" != add ] || cp "$KERNEL_INSTALL_STAGING_AREA/initrd" '
                        '/boot/efi-test/of-the-site\n', 0o755)
        self.addCleanup(os.unlink, self.root / "etc/kernel/install.d/95-site.install")
        done = self.add(layout="site")
        self.assertEqual(done[0], 0, done[1])
        self.assertTrue(self.root.exists("boot/efi-test/of-the-site"), done[1])

    # ---- which image

    def test_only_definition_there_is(self):
        os.unlink(self.root / "etc/mkinitrd/images.d/staged.yaml")
        self.root.write("etc/mkinitrd/images.d/one.yaml", "profile: staged\n")
        self.assert_staged(self.add())

    def test_one_of_several_says_that_it_is_it(self):
        self.root.write("etc/mkinitrd/images.d/another.yaml", "profile: only-docker\n")
        self.assert_staged(self.add())

    def test_none_or_several(self):
        for names, words in (([], "no image is defined in /etc/mkinitrd/images.d"),
                             (["a", "b"], "which image is for kernel-install?")):
            with self.subTest(names):
                self.setUp()
                os.unlink(self.root / "etc/mkinitrd/images.d/staged.yaml")
                for name in names:
                    self.root.write(f"etc/mkinitrd/images.d/{name}.yaml", "profile: staged\n")
                self.assert_fails(self.add(), words)

    def test_definition_is_for_other_kernels(self):
        self.root.write("etc/mkinitrd/images.d/staged.yaml", DEFINITION + "kernels: '5.*'\n")
        self.assert_fails(self.add(), f"is not for kernel {RELEASE}")

    # ---- what goes wrong

    def assert_fails(self, done, words):
        """A status that is neither success nor 77, one line, and no entry."""
        self.assertNotIn(done[0], (0, 77), done[1])
        self.assertIn("mkinitrd: ", done[1])
        self.assertIn(words, done[1])
        self.assertIsNone(self.entry())
        self.assertFalse(os.path.exists(self.installed()))

    def test_build_that_fails(self):
        self.root.write("etc/mkinitrd/images.d/staged.yaml",
                        DEFINITION + "set: [programs.is-not-there=required]\n")
        self.assert_fails(self.add(), "is-not-there")

    def test_definition_that_is_broken(self):
        self.root.write("etc/mkinitrd/images.d/staged.yaml", "profil: staged\n")
        self.assert_fails(self.add(), "staged.yaml:1")

    def test_staging_area_is_full(self):
        """The folder that kernel-install makes lies in TMPDIR."""
        os.makedirs(self.root / "tmp/small", exist_ok=True)
        scratch_root.must_mount("-t", "tmpfs", "-o", "size=1M", "tmpfs", self.root / "tmp/small")
        self.addCleanup(subprocess.run, ["umount", self.root / "tmp/small"], check=True, timeout=60)
        done = self.add(environment={"TMPDIR": "/tmp/small"})
        self.assert_fails(done, "space")
        self.assertEqual(os.listdir(self.root / "tmp/small"), [])

    def test_kernel_without_modules(self):
        self.assert_fails(self.call("add", "5.0-none", f"/usr/lib/modules/{RELEASE}/vmlinuz"),
                          "kernel 5.0-none has no modules")

    def test_nonsense_of_a_caller(self):
        """Verbs that we do not know are for others; a call by hand is told whose it is."""
        named = {"KERNEL_INSTALL_INITRD_GENERATOR": "mkinitrd"}
        for words in (["list"], ["add-all", "6.0"], []):
            self.assertEqual(self.root.run(PLUGIN, *words, environment=named), (0, ""))
        status, said = self.root.run(PLUGIN, "add", RELEASE, environment=named)
        self.assertEqual(status, 1)
        self.assertIn("this is for kernel-install to call", said)

    def test_newer_settings(self):
        """What 255 and newer set, by hand, so that it is seen with an older one as well."""
        settings = {"KERNEL_INSTALL_INITRD_GENERATOR": "mkinitrd",
                    "KERNEL_INSTALL_STAGING_AREA": "/tmp/staging", "KERNEL_INSTALL_LAYOUT": "uki"}
        words = ("add", RELEASE, "/boot/efi-test/x", f"/usr/lib/modules/{RELEASE}/vmlinuz")
        for more, status, is_staged, said in (
                ({"KERNEL_INSTALL_UKI_GENERATOR": "ukify"}, 0, True, "written and verified"),
                ({"KERNEL_INSTALL_IMAGE_TYPE": "pe"}, 0, True, "written and verified"),
                ({"KERNEL_INSTALL_IMAGE_TYPE": "uki"}, 0, False, ""),
                ({"KERNEL_INSTALL_UKI_GENERATOR": "mkinitrd"}, 1, False,
                 "makes no unified kernel images"),
                ({"KERNEL_INSTALL_UKI_GENERATOR": "mkinitrd", "KERNEL_INSTALL_LAYOUT": "bls"}, 0,
                 True, "written and verified")):
            with self.subTest(more):
                shutil.rmtree(self.root / "tmp/staging", ignore_errors=True)
                os.mkdir(self.root / "tmp/staging")
                done = self.root.run(PLUGIN, *words, environment=settings | more)
                self.assertEqual(done[0], status, done[1])
                self.assertIn(said, done[1])
                self.assertEqual(os.listdir(self.root / "tmp/staging"),
                                 ["initrd"] if is_staged else [])


class Machine(Cases, unittest.TestCase):

    def test_initrd_that_debian_s_plugin_takes(self):
        """/boot/initrd.img-KVER: the entry has that one and not a second one."""
        self.assertTrue(self.root.exists(DEBIAN))
        self.root.write(f"boot/initrd.img-{RELEASE}", "of somebody")
        done = self.add()
        self.assertEqual(done[0], 0, done[1])
        self.assertEqual([os.path.basename(path) for path in self.initrds()],
                         [f"initrd.img-{RELEASE}"], done[1])
        self.assertIn(f"mkinitrd: '/boot/initrd.img-{RELEASE}' is there and kernel-install takes "
                      "it", done[1])
        # masked, it is ours again
        os.symlink("/dev/null", self.root / "etc/kernel/install.d/85-initrd.install")
        shutil.rmtree(self.root / "boot/efi-test")
        os.mkdir(self.root / "boot/efi-test")
        self.assert_staged(self.add())

    def test_plugin_that_is_masked(self):
        masked = self.root / "etc/kernel/install.d/50-mkinitrd.install"
        os.symlink("/dev/null", masked)
        self.addCleanup(os.unlink, masked)
        self.assert_none(self.add())


class Newest(Cases, unittest.TestCase):
    release = "sid"

    @classmethod
    def install_kernel_install(cls):
        folder = os.path.join(cls.directory, "newest")
        for package in ("systemd", "libsystemd-shared"):
            deb = download(cls.release, package, folder)
            subprocess.run(["dpkg-deb", "-x", deb, folder], check=True, timeout=120)
        shutil.rmtree(cls.root / "usr/lib/kernel")
        for path in ("usr/lib/kernel", "usr/lib/x86_64-linux-gnu/systemd"):
            shutil.copytree(os.path.join(folder, path), cls.root / path, dirs_exist_ok=True)
        shutil.copy(os.path.join(folder, "usr/bin/kernel-install"), cls.root / "usr/bin")
        shutil.copy(os.path.join(cli.SOURCE, "hooks/kernel-install/50-mkinitrd.install"),
                    cls.root / PLUGIN)
        status, cls.version = cls.root.run("kernel-install", "--version")
        assert status == 0, cls.version
        print(cls.version.splitlines()[0], flush=True)

    def test_it_is_another(self):
        there = subprocess.run(["kernel-install", "--version"], capture_output=True, text=True,
                               timeout=60, check=True).stdout
        self.assertNotEqual(self.version.splitlines()[0].split()[1], there.split()[1])

    def test_initrd_that_debian_s_plugin_leaves_to_us(self):
        """Newer plug-ins of Debian's stage nothing where a generator is named."""
        self.root.write(f"boot/initrd.img-{RELEASE}", "of somebody")
        self.assert_staged(self.add())

    def test_what_is_staged_goes_into_a_unified_image(self):
        """Who makes one comes behind us; a stand-in for ukify, whose image is its initrd alone."""
        self.root.write("etc/kernel/install.d/60-site.install",
                        '#!/bin/sh\n[ "$1" != add ] || cp "$KERNEL_INSTALL_STAGING_AREA/initrd" '
                        '"$KERNEL_INSTALL_STAGING_AREA/uki.efi"\n', 0o755)
        self.addCleanup(os.unlink, self.root / "etc/kernel/install.d/60-site.install")
        done = self.add(layout="uki", more="uki_generator=site\n")
        self.assertEqual(done[0], 0, done[1])
        image, = glob.glob(self.root / "boot/efi-test/EFI/Linux/*.efi")
        said = subprocess.run([cli.MKINITRD, "ls", image], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertIn("busybox", said.stdout, said.stderr)


def download(release, package, folder):
    """The package's file, from where this machine's own packages come from."""
    os.makedirs(os.path.join(folder, "lists/partial"), exist_ok=True)
    archive = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True, check=True, timeout=60).stdout.split()[0]
    sources = os.path.join(folder, "release.sources")
    with open(sources, "w", encoding="utf-8") as file:
        file.write(f"Types: deb\nURIs: {archive}\nSuites: {release}\nComponents: main\n"
                   "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n")
    options = [f"-oDir::Etc::SourceList={sources}", "-oDir::Etc::SourceParts=/dev/null",
               f"-oDir::State::Lists={folder}/lists", f"-oDir::Cache={folder}",
               "-oDir::State::status=/dev/null", "-oAPT::Sandbox::User=root",
               "-oAcquire::Check-Valid-Until=false"]
    if not os.path.exists(os.path.join(folder, "updated")):
        subprocess.run(["apt-get", *options, "-qq", "update"], check=True, timeout=600)
        with open(os.path.join(folder, "updated"), "wb"):
            pass
    subprocess.run(["apt-get", *options, "-qq", "download", package], check=True, timeout=600,
                   cwd=folder)
    name, = glob.glob(os.path.join(folder, package + "_*.deb"))
    return name


if __name__ == "__main__":
    if os.geteuid() != 0 or not shutil.which("kernel-install"):
        print("skipped: needs root, and kernel-install")
        sys.exit(77)
    scratch_root.own_mounts()
    unittest.main(verbosity=2)
