# SPDX-License-Identifier: Apache-2.0
"""Our package in a Debian: beside the system's own initramfs generator, around a kernel's package
that comes and goes, after an upgrade of Docker, with a build that fails in between, until a purge.

In:    MKINITRD_DEBIAN: a build folder with the packages; without, they are built below the build
Out:   a root of mmdebstrap's that is kept; changes go to a folder of the test's
Facts: dpkg(1), deb-triggers(5), run-parts(8). grub-probe alone is a stand-in: it asks for the disk
       that a root lies on, which a scratch root has none of
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
# pylint: disable=wrong-import-position
import cli  # noqa: E402
import debian_root  # noqa: E402
import scratch_root  # noqa: E402

PACKAGE = "mkinitrd"
DEFINITION = "/etc/mkinitrd/images.d/only-docker.yaml"
BROKEN = "/etc/mkinitrd/profiles/only-docker.d/broken.yaml"
GRUB = "/boot/grub/grub.cfg"
PROBE = """#!/bin/sh
case "$*" in
*--target=device*) echo /dev/vda1 ;;
*--target=fs_uuid*) echo 11111111-2222-3333-4444-555555555555 ;;
*--target=fs*) echo ext2 ;;
*--target=partmap*) echo gpt ;;
*--target=compatibility_hint*) echo hd0,gpt1 ;;
esac
"""
# what dpkg, apt and others write whatever is installed
OTHERS = re.compile(
    r"^/(proc|dev|tmp|run|var/(cache|log|lib/(dpkg|apt|ucf|systemd|initramfs-tools))"
    r"|etc/(ld\.so\.cache|\.pwd\.lock)|boot/grub(/.*)?|(initrd\.img|vmlinuz)(\.old)?$"
    r"|usr/lib/modules/[^/]*/modules\.)")


def packages():
    """The folder with the packages, built."""
    folder = os.environ.get("MKINITRD_DEBIAN", os.path.join(cli.BUILD, "debian"))
    for argv in (["cmake", "--preset", "debian", "-B", folder],
                 ["cmake", "--build", folder, "--target", "package"]):
        done = subprocess.run(argv, cwd=cli.SOURCE, capture_output=True, text=True, timeout=900,
                              check=False)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(argv)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return folder


class Debian(unittest.TestCase):
    """The steps of one machine's life, in their order."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="mkinitrd-")
        cls.addClassCleanup(scratch_root.remove, cls.directory)
        cls.folder = packages()
        cls.deb, = glob.glob(os.path.join(cls.folder, PACKAGE + "_*.deb"))
        kept = debian_root.host("bookworm", os.path.join(cli.BUILD, "boot-root"))
        cls.root = root = scratch_root.Scratch(kept, cls.directory)
        cls.addClassCleanup(root.close)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        root.write("etc/dpkg/dpkg.cfg.d/fast", "force-unsafe-io\n")
        # the system's own generator, made cheap
        root.write("etc/initramfs-tools/conf.d/fast", "MODULES=list\nCOMPRESS=gzip\n")
        root.write("usr/sbin/grub-probe", PROBE, 0o755)
        root.write(GRUB, "")
        cls.kernel, = [name for name in os.listdir(root / "lib/modules")]
        cls.before = cls.files()
        cls.second = None

    @classmethod
    def files(cls):
        found = set()
        for folder, folders, names in os.walk(cls.root.path):
            inside = folder[len(cls.root.path):]
            found.update(f"{inside}/{name}" for name in folders + names)
            folders[:] = [name for name in folders if not OTHERS.match(f"{inside}/{name}/")
                          and not os.path.ismount(os.path.join(folder, name))]
        return {path for path in found if not OTHERS.match(path)}

    def run_in(self, *argv, status=0, **environment):
        done = self.root.run(*argv, timeout=600,
                             environment={"DEBIAN_FRONTEND": "noninteractive", **environment})
        self.assertEqual(done[0], status, done[1])
        return done[1]

    def apt(self, *arguments):
        return self.run_in("apt-get", "-y", "-q", "--no-install-recommends",
                           "-oAcquire::Check-Valid-Until=false", "-oAPT::Sandbox::User=root",
                           "-oDpkg::Use-Pty=0", *arguments)

    def image(self, kernel=None):
        return f"/boot/mkinitrd-{kernel or self.kernel}.img"

    def identity(self, path):
        status = os.stat(self.root / path)
        return status.st_ino, status.st_mtime_ns, status.st_size

    def dockerd_in(self, path):
        """The size of dockerd in an image."""
        listed = self.run_in("mkinitrd", "ls", "--json", path, "usr/sbin/dockerd")
        return int(re.search(r'"size": ?(\d+)', listed).group(1))

    def menu(self):
        """The images that GRUB's menu has."""
        return re.findall(r"^\s*initrd\s+'(\S*mkinitrd\S*)'$", self.root.read(GRUB), re.M)

    # ---- the package itself

    def test_00_lintian_has_nothing_to_say(self):
        debs = glob.glob(os.path.join(self.folder, "*.deb"))
        self.assertEqual(len(debs), 2)
        done = subprocess.run(["lintian", "--allow-root", "--display-info", "--pedantic", *debs],
                              capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_01_installed_nothing_happens(self):
        shutil.copy(self.deb, self.root / "tmp/mkinitrd.deb")
        self.apt("update")
        said = self.apt("install", "/tmp/mkinitrd.deb")
        self.assertNotIn("mkinitrd: ", said)
        self.assertNotIn("Removing", said)  # initramfs-tools stays
        self.assertFalse(self.root.exists(self.image()))
        self.assertFalse(self.root.exists(DEFINITION))
        said = self.run_in("dpkg", "--verify", "mkinitrd")
        self.assertEqual(re.sub(r"^.*/usr/share/(locale|doc)/.*\n", "", said, flags=re.M), "")

    def test_02_kernel_before_anything_is_enabled(self):
        for verb in ("postinst", "postrm"):
            self.assertEqual(self.run_in(f"/etc/kernel/{verb}.d/mkinitrd", self.kernel), "")
        self.assertFalse(self.root.exists(self.image()))

    # ---- images

    def test_03_enabled_and_made(self):
        self.run_in("mkinitrd", "enable", "only-docker")
        with open(self.root / DEFINITION, "a", encoding="utf-8") as file:
            file.write("set: [output.layout=cpio, output.compress=zstd:1]\n")
        said = self.run_in("dpkg-reconfigure", "mkinitrd")
        self.assertRegex(said, re.escape(self.image()) + r".*written and verified")
        # it is new in GRUB's menu
        self.assertEqual(self.menu(), [self.image()], self.root.read(GRUB) + said)
        self.assertIn("the menu of GRUB is made anew", said)
        self.run_in("mkinitrd", "check", self.image())

    def test_04_real_kernel_installed(self):
        name, = set(re.findall(r"^Depends: (linux-image-\S+)",
                               self.run_in("apt-cache", "show", "linux-image-amd64"), re.M))
        type(self).second = name[len("linux-image-"):]
        first = self.identity(self.image())
        said = self.apt("install", name)
        order = [said.index(f"/etc/kernel/postinst.d/{name}:") for name in
                 ("initramfs-tools", "mkinitrd", "zz-update-grub")]
        self.assertEqual(order, sorted(order), said)
        self.assertTrue(self.root.exists(f"/boot/initrd.img-{self.second}"), said)
        self.assertTrue(self.root.exists(self.image(self.second)), said)
        self.assertEqual(sorted(self.menu()), sorted([self.image(self.second), self.image()]), said)
        self.assertEqual(self.identity(self.image()), first)
        # dpkg's trigger looks at all of them again, and finds nothing to do
        self.assertIn(f"{self.image(self.second)}: up to date", said)
        self.run_in("mkinitrd", "status")

    def test_05_docker_upgraded(self):
        size = self.dockerd_in(self.image())
        other = self.identity(f"/boot/initrd.img-{self.second}")
        deb = self.newer_docker()
        said = self.run_in("dpkg", "-i", deb)
        self.assertIn("Processing triggers for mkinitrd", said)
        for kernel in (self.kernel, self.second):
            self.assertRegex(said, re.escape(self.image(kernel)) + r".*written and verified")
            self.assertEqual(self.dockerd_in(self.image(kernel)), size + 1)
        self.assertEqual(self.identity(f"/boot/initrd.img-{self.second}"), other)
        self.assertNotIn("the menu of GRUB", said)

    def newer_docker(self):
        """docker.io of a higher version, with another dockerd."""
        self.run_in("sh", "-ec", "cd /tmp"
                    " && apt-get -q -oAPT::Sandbox::User=root download docker.io"
                    " && dpkg-deb -R docker.io_*.deb docker && printf x >>docker/usr/sbin/dockerd"
                    " && sed -i 's/^Version: .*/&+newer/' docker/DEBIAN/control"
                    " && dpkg-deb -Znone -b docker docker-newer.deb && rm -r docker")
        return "/tmp/docker-newer.deb"

    def test_06_build_that_fails(self):
        """Whatever calls: the package is configured, the old image stays, and it is said."""
        self.root.write(BROKEN, "programs: { is-not-there: required }\n")
        before = [self.identity(self.image(kernel)) for kernel in (self.kernel, self.second)]
        menu = self.menu()
        for argv in (["dpkg-reconfigure", f"linux-image-{self.second}"],
                     ["dpkg-reconfigure", "mkinitrd"],
                     ["dpkg", "-i", "/tmp/docker-newer.deb"]):
            said = self.run_in(*argv)
            self.assertRegex(said, rf"mkinitrd: FAILED for {re.escape(self.second)}: .*is-not-there"
                             rf".*; kept {re.escape(self.image(self.second))}")
            self.assertEqual(self.run_in("dpkg", "--audit"), "")
        self.assertEqual([self.identity(self.image(kernel))
                          for kernel in (self.kernel, self.second)], before)
        self.assertEqual(self.menu(), menu)
        self.assertIn("is-not-there", self.run_in("mkinitrd", "status", status=3))
        os.unlink(self.root / BROKEN)
        os.rmdir(os.path.dirname(self.root / BROKEN))
        self.run_in("mkinitrd", "update")
        self.run_in("mkinitrd", "status")

    def test_07_real_kernel_removed(self):
        first = self.identity(self.image())
        said = self.apt("purge", f"linux-image-{self.second}")
        self.assertIn(f"{self.image(self.second)}: removed", said)
        self.assertFalse(self.root.exists(self.image(self.second)))
        self.assertEqual(self.menu(), [self.image()], said)
        self.assertEqual(self.identity(self.image()), first)
        self.run_in("mkinitrd", "status")

    def test_08_bundle_of_cas_made_again(self):
        """update-ca-certificates writes what no package has."""
        before = self.identity(self.image())
        said = self.run_in("update-ca-certificates", "--fresh")
        self.assertEqual(self.identity(self.image()), before, said)
        with open(self.root / "usr/local/share/ca-certificates/own.crt", "wb") as file:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout",
                            "/dev/null", "-subj", "/CN=own"], stdout=file, check=True, timeout=60,
                           stderr=subprocess.DEVNULL)
        said = self.run_in("update-ca-certificates")
        self.assertRegex(said, re.escape(self.image()) + r".*written and verified")
        os.unlink(self.root / "usr/local/share/ca-certificates/own.crt")
        self.run_in("update-ca-certificates", "--fresh")

    # ---- the kernels' hooks, with words of callers that the above do not have

    def test_09_guards_of_the_hooks(self):
        image = self.image()
        remove = ["run-parts", "--exit-on-error", "--arg=6.0-none", "/etc/kernel/postrm.d"]
        hook = "/etc/kernel/postinst.d/mkinitrd"
        self.assertIn("up to date", self.run_in(hook, self.kernel))
        for words, environment in (
                ([], {}), ([""], {}), ([self.kernel], {"INITRD": "No"}),
                ([self.kernel], {"DEB_MAINT_PARAMS": "'abort-upgrade' '6.0'"}),
                ([self.kernel], {"DEB_MAINT_PARAMS": "remove"})):
            self.assertEqual(self.run_in(hook, *words, **environment), "")
        for parameters in ("'configure' ''", "configure 6.1.0", ""):
            self.assertIn(f"{image}: up to date",
                          self.run_in(hook, self.kernel, DEB_MAINT_PARAMS=parameters))
        for parameters in ("upgrade 6.2", "'failed-upgrade' '6.2'"):
            self.run_in("/etc/kernel/postrm.d/mkinitrd", self.kernel, DEB_MAINT_PARAMS=parameters)
        # a kernel that is there keeps its image, whoever says it goes
        self.run_in("/etc/kernel/postrm.d/mkinitrd", self.kernel, DEB_MAINT_PARAMS="remove")
        self.assertTrue(self.root.exists(image))
        self.run_in(*remove)
        # a kernel without modules: said, and no reason to stop the package
        self.assertIn("kernel 6.0-none has no modules", self.run_in(hook, "6.0-none"))

    def test_10_shims_under_other_shells(self):
        for shell in (["dash"], ["busybox", "sh"]):
            for shim in ("/etc/kernel/postinst.d/mkinitrd", "/etc/kernel/postrm.d/mkinitrd",
                         "/etc/ca-certificates/update.d/mkinitrd",
                         "/usr/lib/kernel/install.d/50-mkinitrd.install"):
                self.run_in(*shell, shim)
            said = self.run_in(*shell, "/etc/kernel/postinst.d/mkinitrd", self.kernel)
            self.assertIn("up to date", said)

    # ---- the end

    def test_11_removed_images_stay(self):
        before = self.identity(self.image())
        said = self.apt("remove", "mkinitrd")
        self.assertIn("images and boot entries stay until the package is purged", said)
        self.assertEqual(self.identity(self.image()), before)
        # hooks that are left do nothing
        self.assertEqual(self.run_in("/etc/kernel/postinst.d/mkinitrd", self.kernel), "")
        self.run_in("update-ca-certificates")

    def test_12_purge_leaves_nothing(self):
        self.root.write("etc/mkinitrd/profiles/of-the-site.yaml", "description: x\n")
        self.apt("purge", "mkinitrd")
        self.apt("autoremove", "--purge")
        self.assertEqual(self.menu(), [])
        gone = self.before - self.files()
        self.assertEqual(sorted(self.files() - self.before), [])
        self.assertEqual(sorted(gone), [])
        self.assertEqual(self.run_in("dpkg-query", "-W", "-f", "${Status}", "initramfs-tools"),
                         "install ok installed")


if __name__ == "__main__":
    missing = [name for name in ("mmdebstrap", "lintian", "openssl") if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        print("skipped: needs root, and: " + " ".join(missing))
        sys.exit(77)
    scratch_root.own_mounts()
    unittest.main(verbosity=2, failfast=True)
