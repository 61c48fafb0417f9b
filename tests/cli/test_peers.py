# SPDX-License-Identifier: Apache-2.0
"""Images of dracut and initramfs-tools, read by us as by their own tools; ours, read by theirs.

Facts: initramfs-tools: what hooks give to prepend_earlyinitramfs goes in front, one archive after
       the other; Debian's intel-microcode and amd64-microcode have such a hook each. dracut
       --early-microcode: files of intel-ucode and amd-ucode in a folder of --fwdir, with --hostonly
       the one that is named after the processor; else an image of early_microcode_image_dir. No
       package with microcode needs to be there: the files are made up, the tools are real.
"""
import hashlib
import json
import os
import re
import shutil
import subprocess
import unittest

import cli
from test_readers import tree_of

KINDS = ("gzip", "bzip2", "xz", "lzma", "lz4", "lzop", "zstd")
INTEL, AMD = (f"kernel/x86/microcode/{vendor}.bin" for vendor in ("GenuineIntel", "AuthenticAMD"))
HOOK = """#!/bin/sh -e
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
early=$(mktemp)
(cd {folder} && find . -mindepth 1 -print0 | LC_ALL=C sort -z |
	cpio --null --quiet -R 0:0 -o -H newc) >"$early"
prepend_earlyinitramfs "$early"
rm "$early"
"""
PROFILE = "description: a fixture\nprograms: { hello: required }\nfiles:\n" \
    "  /etc/empty: { content: '' }\n  /etc/text: { content: 'text', mode: '0600' }\n" \
    "boot:\n  main: { exec: [hello] }\n"


def run(*argv, **options):
    return subprocess.run(argv, check=True, timeout=300, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, **options).stdout


def names(output):
    return sorted({line.strip("/") for line in output.decode().splitlines()} - {".", ""})


class Peers(cli.CliTest):
    def put(self, path, content):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "wb") as file:
            file.write(content)
        return content

    def ours(self, image):
        shutil.rmtree(self.path("ours"), ignore_errors=True)
        self.assertEqual(self.run_program("extract", image, "-C", "ours").status, 0)
        return tree_of(self.path("ours")), names(self.run_program("ls", image).stdout.encode())

    def assert_content(self, tree, path, content):
        self.assertEqual(tree[path][1:], [len(content), hashlib.sha256(content).hexdigest()])

    def segments(self, image):
        """Of each its compression, in order."""
        listed = json.loads(self.run_program("ls", "--json", image).stdout)
        return [kind for _, kind in sorted({(entry["segment"], entry["compression"])
                                            for entry in listed})]

    def test_OD_17_initramfs_tools(self):
        release = next(release for release in sorted(os.listdir("/lib/modules"))
                       if os.path.exists(f"/boot/config-{release}"))
        shutil.copytree("/etc/initramfs-tools", self.path("conf"))
        contents = {path: self.put(f"{hook}/{path}", os.urandom(size)) for hook, path, size in
                    (("amd", AMD, 2001), ("intel", INTEL, 4096))}
        for hook in ("amd", "intel"):
            self.put(f"conf/hooks/{hook}", HOOK.format(folder=self.path(hook)).encode())
            os.chmod(self.path(f"conf/hooks/{hook}"), 0o755)
        for kind in KINDS:
            with self.subTest(kind):
                with open(self.path("conf/initramfs.conf"), "a", encoding="utf-8") as file:
                    file.write(f"MODULES=list\nBUSYBOX=n\nCOMPRESS={kind}\nCOMPRESSLEVEL=1\n")
                run("mkinitramfs", "-d", self.path("conf"), "-o", self.path("a.img"), release)
                tree, listed = self.ours("a.img")
                self.assertEqual(self.segments("a.img"), ["none", "none", kind])
                self.assertEqual(listed, names(run("lsinitramfs", self.path("a.img"))))
                shutil.rmtree(self.path("theirs"), ignore_errors=True)
                run("unmkinitramfs", self.path("a.img"), self.path("theirs"))
                theirs = {}
                for part in ("early", "early2", "main"):
                    theirs.update(tree_of(self.path("theirs/" + part)))
                self.assertEqual(tree, theirs)
                for path, content in contents.items():
                    self.assert_content(tree, path, content)
                self.assertGreater(len(tree), 50)

    def processor(self):
        """What dracut --hostonly takes for this machine: the entry, and the file; or None."""
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            said = dict(re.findall(r"(?m)^([^\t\n]+)\t+: (.*)$", file.read().split("\n\n")[0]))
        if said.get("vendor_id") == "GenuineIntel":
            return INTEL, "intel-ucode/{:02x}-{:02x}-{:02x}".format(
                *(int(said[key]) for key in ("cpu family", "model", "stepping")))
        if said.get("vendor_id") == "AuthenticAMD":
            family = int(said["cpu family"])
            return AMD, "amd-ucode/microcode_amd" + (f"_fam{family:x}h.bin" if family > 20
                                                     else ".bin")
        return None

    def dracut(self, kind, contents, *more):
        """An image of its own with early microcode, read by both; @contents: what that must be."""
        os.makedirs(self.path("conf.d"), exist_ok=True)
        run("dracut", "--conf", self.dracut_conf(), "--confdir", self.path("conf.d"), "-m", "base",
            "--no-kernel", "--early-microcode", "--" + kind, *more, "-f", self.path("a.img"),
            env={**os.environ, "HOME": "/"})
        tree, listed = self.ours("a.img")
        self.assertEqual(self.segments("a.img"), ["none", kind])
        shutil.rmtree(self.path("theirs"), ignore_errors=True)
        os.mkdir(self.path("theirs"))
        for part in ("--unpack", "--unpackearly"):
            run("lsinitrd", part, self.path("a.img"), cwd=self.path("theirs"))
        self.assertEqual(tree, tree_of(self.path("theirs")))
        said = run("lsinitrd", self.path("a.img")).decode()
        found = re.findall(r"(?m)^[-dlcbps][-rwxstST]{9} .*(?:\d\d:\d\d| \d{4}) (\S+)(?: -> .*)?$",
                           said)
        self.assertEqual(listed, sorted({path.strip("/") for path in found} - {"."}))
        # where the early archive ends
        rest = run("/usr/lib/dracut/skipcpio", self.path("a.img"))
        self.assertIn(f"segment 1 from byte {os.path.getsize(self.path('a.img')) - len(rest)}, "
                      f"{kind}", self.run_program("ls", "-v", "a.img").stderr)
        self.assertEqual({path for path in tree if path.endswith(".bin") and "microcode/" in path},
                         set(contents))
        for path, content in contents.items():
            self.assert_content(tree, path, content)

    def dracut_conf(self):
        """No folder of this system: images of microcode are looked for in our own."""
        self.put("dracut.conf", f"early_microcode_image_dir=({self.path('boot')})\n".encode())
        return self.path("dracut.conf")

    def test_OD_17_dracut_every_processor(self):
        first, second, amd = os.urandom(2048), os.urandom(1024), os.urandom(3001)
        self.put("fw/intel-ucode/06-4f-01.initramfs", first)
        self.put("fw/intel-ucode/06-9e-0a", second)
        self.put("fw/amd-ucode/microcode_amd.bin", amd)
        self.put("fw/amd-ucode/microcode_amd.bin.asc", b"a signature")
        self.dracut("gzip", {INTEL: first + second, AMD: amd}, "--no-hostonly", "--fwdir",
                    self.path("fw"))

    def test_OD_17_dracut_this_processor(self):
        found = self.processor()
        if not found:
            self.skipTest("the processor is neither Intel's nor AMD's")
        entry, name = found
        mine = self.put("fw/" + name, os.urandom(2048))
        self.put("fw/intel-ucode/00-00-00", b"of another")
        self.put("fw/amd-ucode/microcode_amd_fam0h.bin", b"of another")
        self.dracut("zstd", {entry: mine}, "--hostonly", "--fwdir", self.path("fw"))

    def test_OD_17_dracut_early_image(self):
        """As Arch's packages have it."""
        content = self.put("early/" + INTEL, os.urandom(2000))
        os.mkdir(self.path("fw"))
        self.put("boot/intel-ucode.img", run(
            "cpio", "-o", "-H", "newc", cwd=self.path("early"),
            input=run("find", "kernel", cwd=self.path("early"))))
        self.dracut("xz", {INTEL: content}, "--no-hostonly", "--fwdir", self.path("fw"))

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
    cli.main("dracut", "/usr/lib/dracut/skipcpio", "lsinitrd", "mkinitramfs", "lsinitramfs",
             "unmkinitramfs", "cpio", "bsdtar", "busybox", "lz4", "lzop", "bzip2", "xz", "lzma", "zstd")
