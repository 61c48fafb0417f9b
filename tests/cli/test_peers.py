# SPDX-License-Identifier: Apache-2.0
"""Images of dracut and initramfs-tools, read by us as by their own tools; ours, read by theirs.

Facts: both tools put an early archive, made by cpio -H newc, in front of the compressed one:
       initramfs-tools' prepend_earlyinitramfs, dracut's --early-microcode. No microcode package
       needs to be there: the early archive is made here, the same way.
"""
import os
import re
import shutil
import subprocess
import unittest

import cli
from test_readers import tree_of

KINDS = {"gzip": "gzip", "bzip2": "bzip2", "xz": "xz", "lzma": "lzma", "lz4": "lz4",
         "lzop": "lzop", "zstd": "zstd"}
MICROCODE = "kernel/x86/microcode/GenuineIntel.bin"
PROFILE = "description: a fixture\nprograms: { hello: required }\nfiles:\n" \
    "  /etc/empty: { content: '' }\n  /etc/text: { content: 'text', mode: '0600' }\n" \
    "boot:\n  main: { exec: [hello] }\n"


def run(*argv, **options):
    return subprocess.run(argv, check=True, timeout=300, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, **options).stdout


def names(output):
    return sorted({line.strip("/") for line in output.decode().splitlines()} - {".", ""})


class Peers(cli.CliTest):
    def early(self):
        os.makedirs(self.path("early/" + os.path.dirname(MICROCODE)))
        with open(self.path("early/" + MICROCODE), "wb") as file:
            file.write(bytes([1]) + bytes(47) + os.urandom(2000))
        listed = run("find", "kernel", cwd=self.path("early"))
        return run("cpio", "-o", "-H", "newc", "--reproducible", input=listed,
                   cwd=self.path("early"))

    def prepend_early(self, image):
        with open(self.path(image), "rb") as file:
            content = file.read()
        with open(self.path(image), "wb") as file:
            file.write(self.early() + content)

    def ours(self, image):
        shutil.rmtree(self.path("ours"), ignore_errors=True)
        self.assertEqual(self.run_program("extract", image, "-C", "ours").status, 0)
        return tree_of(self.path("ours")), names(self.run_program("ls", image).stdout.encode())

    def test_OD_17_initramfs_tools(self):
        release = os.listdir("/lib/modules")[0]
        shutil.copytree("/etc/initramfs-tools", self.path("conf"))
        with open(self.path("conf/initramfs.conf"), "a", encoding="utf-8") as file:
            file.write("MODULES=list\nBUSYBOX=n\n")
        run("mkinitramfs", "-d", self.path("conf"), "-c", "gzip", "-o", self.path("base.img"),
            release)
        for kind in KINDS:
            with self.subTest(kind):
                if kind in ("gzip", "lz4"):
                    run("mkinitramfs", "-d", self.path("conf"), "-c", kind, "-o",
                        self.path("a.img"), release)
                else:  # what mkinitramfs runs for it
                    plain = run("gzip", "-dc", self.path("base.img"))
                    check = ["--check=crc32"] if kind == "xz" else []
                    with open(self.path("a.img"), "wb") as file:
                        file.write(run(KINDS[kind], *check, "-1", "-c", input=plain))
                shutil.rmtree(self.path("early"), ignore_errors=True)
                self.prepend_early("a.img")
                tree, listed = self.ours("a.img")
                self.assertEqual(listed, names(run("lsinitramfs", self.path("a.img"))))
                shutil.rmtree(self.path("theirs"), ignore_errors=True)
                run("unmkinitramfs", self.path("a.img"), self.path("theirs"))
                theirs = tree_of(self.path("theirs/main"))
                theirs.update(tree_of(self.path("theirs/early")))
                self.assertEqual(tree, theirs)
                self.assertIn(MICROCODE, tree)
                self.assertGreater(len(tree), 50)

    def test_OD_17_dracut(self):
        run("dracut", "--no-hostonly", "-m", "base", "--no-kernel", "--gzip", "-f",
            self.path("a.img"), env={**os.environ, "HOME": "/"})
        self.prepend_early("a.img")
        tree, listed = self.ours("a.img")
        os.mkdir(self.path("theirs"))
        run("lsinitrd", "--unpack", self.path("a.img"), cwd=self.path("theirs"))
        theirs = tree_of(self.path("theirs"))
        theirs.update(tree_of(self.path("early")))
        tree.update(tree_of(self.path("early")))  # modes of folders made here
        self.assertEqual({path: entry for path, entry in tree.items()
                          if not path.startswith("dev/")},
                         {path: entry for path, entry in theirs.items()
                          if not path.startswith("dev/")})
        said = run("lsinitrd", self.path("a.img")).decode()
        for path in re.findall(r"^[-dlcb][-rwxstST]{9} .*\d{2}:\d{2} (\S+)", said, re.M):
            self.assertIn(path.strip("/"), listed + ["."])

    def test_OD_17_ours_are_read_by_all(self):
        self.make_root()
        known = self.run_program("build", "--help").stdout
        kinds = [kind for kind in ("none", "gzip", "zstd", "xz", "lz4")
                 if re.search(rf"--compress.*\b{kind}\b", known)]
        self.assertGreaterEqual(len(kinds), 3)
        unpackers = {"none": ["cat"], "lz4": ["lz4", "-dc"]}
        first = None
        for kind in kinds:
            with self.subTest(kind):
                done = self.run_program(*self.build_arguments(PROFILE), "-c", kind,
                                        program=self.installed())
                self.assertEqual(done.status, 0, done.stderr)
                tree, listed = self.ours("a.img")
                first = first or set(tree)
                self.assertLessEqual(first - set(tree), set())
                with open(self.path("a.img"), "rb") as image:
                    plain = run(*unpackers.get(kind, [kind, "-dc"]), stdin=image)
                # of an image without a compressed part it says "premature end", also of GNU cpio's
                said = subprocess.run(["lsinitramfs", self.path("a.img")], capture_output=True,
                                      check=kind != "none", timeout=300).stdout
                self.assertEqual(listed, names(said))
                for reader, argv, given in [
                        ("unmkinitramfs", ["unmkinitramfs", self.path("a.img"), "."], None),
                        ("lsinitrd", ["lsinitrd", "--unpack", self.path("a.img")], None),
                        ("cpio", ["cpio", "-idm", "--quiet"], plain),
                        ("bsdtar", ["bsdtar", "-xpf", self.path("a.img")], None),
                        ("busybox", ["busybox", "cpio", "-idm"], plain)]:
                    if kind == "none" and reader == "unmkinitramfs":
                        continue
                    folder = self.path(f"by-{reader}-{kind}")
                    os.mkdir(folder)
                    run(*argv, cwd=folder, **({"input": given} if given else {}))
                    self.assertEqual(tree_of(folder), tree, reader)


if __name__ == "__main__":
    cli.main("dracut", "lsinitrd", "mkinitramfs", "lsinitramfs", "unmkinitramfs", "cpio", "bsdtar",
             "busybox", "lz4", "lzop", "bzip2", "xz", "zstd")
