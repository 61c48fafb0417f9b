# SPDX-License-Identifier: Apache-2.0
"""Our parts of other generators' images: what they bring, when they bring it, what they refuse.

usage: test_generators.py [Dracut|Mkinitcpio]...

Not:   booting what comes out (tests/boot/test_generators.py)
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import cli
import dracut
import initcpio

MODULE = os.path.join(cli.SOURCE, "hooks/dracut/50mkinitrd")


def kernel():
    """The newest release here that has its modules."""
    return sorted(name for name in os.listdir("/lib/modules")
                  if os.path.exists(f"/lib/modules/{name}/modules.dep"))[-1]


class Dracut(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="mkinitrd-dracut-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.release = kernel()
        cls.stage = os.path.join(cls.folder, "stage")
        dracut.install(cls.stage)
        # all of dracut's modules but those that everything needs
        cls.omitted = " ".join(
            name[2:] for name in os.listdir("/usr/lib/dracut/modules.d")
            if name[2:] not in ("base", "udev-rules"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_dracut(self, name, *arguments, **environment):
        return dracut.run(self.stage, self.release, self.path(name), "--omit", self.omitted,
                          *arguments, **environment)

    def paths(self, name):
        return subprocess.run([cli.MKINITRD, "ls", self.path(name)], capture_output=True, text=True,
                              check=True, timeout=60).stdout

    def test_only_where_it_is_named(self):
        status, said = self.run_dracut("without.img")
        self.assertEqual(status, 0, said)
        self.assertNotRegex(self.paths("without.img"), "mkinitrd|squashfs")
        status, said = self.run_dracut("with.img", "--add", "mkinitrd")
        self.assertEqual(status, 0, said)
        paths = self.paths("with.img")
        for path in ("usr/bin/mkinitrd-mount", "usr/lib/mkinitrd/init",
                     "hooks/cmdline/99-mkinitrd-cmdline.sh", "hooks/mount/10-mkinitrd-mount.sh",
                     "hooks/pre-pivot/10-mkinitrd-disk.sh",
                     *(f"{name}.ko" for name in ("squashfs", "overlay", "loop", "dm-verity", "ext4",
                                                 "virtio_blk", "virtio_scsi"))):
            self.assertRegex(paths, rf"(?m){re.escape(path)}\b", path)
        self.assertNotIn("mkinitrd-root.service", paths)

    def test_the_same_bytes(self):
        for name in ("one.img", "two.img"):
            status, said = self.run_dracut(name, "--add", "mkinitrd", "--reproducible",
                                           SOURCE_DATE_EPOCH="1700000000")
            self.assertEqual(status, 0, said)
        with open(self.path("one.img"), "rb") as one, open(self.path("two.img"), "rb") as two:
            self.assertTrue(one.read() == two.read())

    def refuses(self, why, stage, release):
        with open(self.path("old.img"), "w", encoding="utf-8") as file:
            file.write("the old image")
        status, said = dracut.run(stage, release, self.path("old.img"), "--omit", self.omitted,
                                  "--add", "mkinitrd")
        self.assertEqual(status, 1, said)
        self.assertIn(why, said)
        self.assertIn("'mkinitrd' cannot be found or installed", said)
        with open(self.path("old.img"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "the old image")

    def test_without_the_program(self):
        shutil.copytree(self.stage, self.path("bare"), symlinks=True)
        os.unlink(self.path("bare/usr/bin/mkinitrd-mount"))
        self.refuses("'mkinitrd' will not be installed, because command 'mkinitrd-mount' could not "
                     "be found", self.path("bare"), self.release)

    def test_without_the_modules(self):
        shutil.copytree(self.stage, self.path("other"), symlinks=True)
        modules = self.path(f"other/usr/lib/modules/{self.release}-bare")
        os.makedirs(modules + "/kernel")
        subprocess.run(["depmod", "-b", self.path("other/usr"), self.release + "-bare"], check=True,
                       timeout=60, capture_output=True)
        self.refuses("'mkinitrd' will not be installed, because kernel module 'squashfs' is not "
                     "available", self.path("other"), self.release + "-bare")

    def test_each_shell_reads_it(self):
        for name in sorted(os.listdir(MODULE)):
            if name.endswith(".sh"):
                shells = [["bash"]] if name == "module-setup.sh" else [
                    ["dash"], ["busybox", "ash"], ["bash"]]
                for shell in shells:
                    done = subprocess.run([*shell, "-n", os.path.join(MODULE, name)], timeout=60,
                                          capture_output=True, text=True, check=False)
                    self.assertEqual((done.returncode, done.stderr), (0, ""), name)

    def test_what_a_disk_says_is_not_run(self):
        """dracut's die writes a script; this one prints the line as that script's shell would."""
        library = os.path.join(MODULE, "mkinitrd-lib.sh")
        hostile = """no 'LABEL=$(echo run)`echo run`\\"; echo run; echo "' $HOME"""
        for shell in (["dash"], ["busybox", "ash"], ["bash"]):
            done = subprocess.run(
                [*shell, "-c", '. "$1"; die() { eval "printf %s \\"$*\\""; }; mkinitrd_die "$2"',
                 "sh", library, hostile], timeout=60, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), shell)
            self.assertEqual(done.stdout, re.sub(r'["$`\\]', "?", hostile), shell)



class Mkinitcpio(unittest.TestCase):

    def calls(self, **programs):
        """build() where these programs are, each a file of that name."""
        with tempfile.TemporaryDirectory() as folder:
            for name, target in programs.items():
                path = os.path.join(folder, name.replace("_", "-"))
                if target != path:
                    os.symlink(target, path)
            calls, said = initcpio.build_calls(PATH=f"{folder}:/usr/bin:/bin")
            return [[word.replace(folder, "PATH") for word in call] for call in calls], said

    def test_D0_9_what_is_asked_for(self):
        program = os.path.join(cli.BUILD, "init")
        calls, said = self.calls(mkinitrd_mount=program, e2fsck="/bin/true")
        self.assertEqual(said, "")
        self.assertEqual([call for call in calls if call[0] != "add_module"],
                         [["add_binary", program, "/usr/bin/mkinitrd-mount"],
                          ["add_binary", "PATH/e2fsck", "/usr/bin/e2fsck"], ["add_runscript"]])
        modules = [call[1] for call in calls if call[0] == "add_module"]
        # without these three there is no root, and mkinitcpio must say so
        self.assertEqual([name for name in modules if not name.endswith("?")],
                         ["squashfs", "overlay", "loop"])
        self.assertIn("virtio_blk?", modules)

    def test_what_is_missing_is_said_and_nothing_added(self):
        calls, said = self.calls()
        self.assertEqual((calls, said), ([], "==> ERROR: dock0: there is no mkinitrd-mount; "
                                             "install mkinitrd, or take dock0 out of HOOKS\n"))

    def test_help(self):
        done = subprocess.run(
            ["bash", "-c", 'source "$0"; help', initcpio.HOOKS + "/install/dock0"],
            capture_output=True, text=True, check=True, timeout=60)
        self.assertIn("mkinitrd.image=/latest/rootfs", done.stdout)

    # the command line -> the handler, "root" and "fastboot" as our hook leaves them
    CASES = [
        ("root=LABEL=A", "before,set,"),
        ("root=LABEL=A xmkinitrd.image=/x mkinitrd.images=/x", "before,set,"),
        ("root=LABEL=A mkinitrd.image=/x", "dock0_mount_root,,y"),
        ("mkinitrd.cow=none root=LABEL=A", "dock0_mount_root,,y"),
        ("root=LABEL=A mkinitrd.disk=LABEL=B", "dock0_mount_disk,set,"),
        ("mkinitrd.disk=LABEL=B mkinitrd.image=/x quiet", "dock0_mount_root,,y"),
    ]
    RUN = """mount --bind "$1" /proc/cmdline || exit 9
exec busybox ash -c '. "$0"; mount_handler=before root=set; run_hook
echo "$mount_handler,$root,$fastboot"' "$2"
"""

    def test_D0_9_which_handler(self):
        with tempfile.TemporaryDirectory() as folder:
            for line, expected in self.CASES:
                path = os.path.join(folder, "cmdline")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(line + "\n")
                done = subprocess.run(
                    ["unshare", "--mount", "sh", "-c", self.RUN, "sh", path,
                     initcpio.HOOKS + "/hooks/dock0"], capture_output=True, text=True, timeout=60,
                    check=False)
                self.assertEqual((done.stdout, done.stderr), (expected + "\n", ""), line)


if __name__ == "__main__":
    missing = [name for name in ("dracut", "unshare", "busybox", "depmod", "zstd")
               if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
    if missing or os.geteuid() != 0:
        print(f"skipped: not installed: {' '.join(missing)}, or not root")
        sys.exit(77)
    unittest.main(verbosity=2)
