# SPDX-License-Identifier: Apache-2.0
"""Layout squashfs: what is written, held against unsquashfs and veritysetup; what is taken over from
the image before; SquashFS of other makers, whole and damaged."""
import io
import json
import os
import re
import struct
import subprocess
import tarfile

import cli
import newc

NAME = "root.squashfs"
OTHER = "6.1.0-other"
CONFIG = {"SQUASHFS": "m", "SQUASHFS_ZSTD": "y", "SQUASHFS_XZ": "y", "SQUASHFS_ZLIB": "y",
          "SQUASHFS_LZ4": "y", "BLK_DEV_LOOP": "y", "OVERLAY_FS": "m", "DM_VERITY": "y",
          "RD_ZSTD": "y", "RD_XZ": "y", "RD_GZIP": "y", "RD_LZ4": "y"}
PROFILE = cli.PROFILE + """\
files:
  /etc/greeting: { content: "hello, hello, hello, hello", mode: "0640", owner: "7:8" }
  /etc/many: { content: "%s" }
  /usr/share/link: { link: ../../etc/greeting }
output: { layout: squashfs }
""" % ("0123456789" * 30000)
TAKEN = "that of the image before"


def output_of(*argv, **options):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
                          timeout=120, **options).stdout


class SquashfsTest(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()
        self.kernel(cli.RELEASE)
        self.write("fixture.yaml", PROFILE)

    def kernel(self, release, **config):
        """What mounts a SquashFS is built into the fixture's kernels."""
        modules = self.root / f"usr/lib/modules/{release}"
        os.makedirs(modules, exist_ok=True)
        for name in ("modules.order", "modules.builtin.modinfo"):
            with open(os.path.join(modules, name), "wb"):
                pass
        with open(os.path.join(modules, "modules.builtin"), "w", encoding="ascii") as file:
            file.write("kernel/drivers/block/loop.ko\nkernel/fs/squashfs/squashfs.ko\n"
                       "kernel/fs/overlayfs/overlay.ko\nkernel/drivers/md/dm-verity.ko\n")
        output_of("depmod", "-b", self.root.path, release)
        self.root.file(f"/boot/config-{release}", "".join(
            f"CONFIG_{name}={value}\n" for name, value in {**CONFIG, **config}.items()
            if value != "n"))

    def build(self, *arguments, release=cli.RELEASE, output="a.img", status=0, **options):
        done = self.run_program("-p", "./fixture.yaml", "--root", "root", "-k", release, "-o",
                                output, *arguments, **options)
        self.assertEqual(done.status, status, done.stderr)
        return done

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    @staticmethod
    def start_of(image):
        """Where the SquashFS lies in an image: init, before it, knows the magic too."""
        return image.index(b"hsqs", len(newc.split(image)[0]))

    def carried(self, image="a.img"):
        """The bytes of the SquashFS in an image, as another reader would find them."""
        data = self.read(image)
        start = self.start_of(data)
        size = struct.unpack_from("<Q", data, start + 40)[0]
        return data[start:start + (size + 4095) // 4096 * 4096]

    def carried_file(self, image="a.img"):
        with open(self.path("carried"), "wb") as file:
            file.write(self.carried(image))
        return self.path("carried")

    def listed(self, image):
        """{path: (mode, uid, gid)} of what mkinitrd finds in the SquashFS of an image."""
        done = self.run_program("ls", "-v", image)
        self.assertEqual(done.status, 0, done.stderr)
        entries = {}
        for line in done.stdout.splitlines():
            words = line.split()
            entries.setdefault(words[6], (words[1], words[2]))
        return entries

    def unsquashed(self, path):
        entries = {}
        for line in output_of("unsquashfs", "-lln", "-d", "", path).decode().splitlines():
            words = line.split()
            name = re.search(r" \d\d:\d\d /?(.*?)( -> .*)?$", line)
            if name and name.group(1):
                entries[name.group(1)] = (words[0], words[1])
        return entries


class Written(SquashfsTest):

    def test_unsquashfs_agrees(self):
        self.build()
        found = self.unsquashed(self.carried_file())
        listed = self.listed("a.img")
        self.assertEqual({path: listed[path] for path in found}, found)
        self.assertEqual(found["etc/greeting"], ("-rw-r-----", "7/8"))
        # what depends on the kernel is not in it, and what is in it is not unpacked with the rest
        self.assertFalse([path for path in found if cli.RELEASE in path or path == "init"])
        later = self.run_program("ls", "--json", "a.img")
        # between the two archives
        archive = [entry["path"] for entry in json.loads(later.stdout)
                   if entry["segment"] != 1 and entry["type"] == "file"]
        self.assertIn("init", archive)
        self.assertNotIn("usr/bin/hello", archive)
        self.assertEqual(output_of("unsquashfs", "-cat", self.path("carried"), "etc/greeting"),
                         b"hello, hello, hello, hello")

    def test_same_bytes_with_any_number_of_threads_and_any_user(self):
        self.build("-j", "1")
        self.build("-j", "5", output="b.img")
        self.assertEqual(self.read("a.img"), self.read("b.img"))
        os.chmod(self.directory, 0o777)
        os.chmod(self.root / "boot", 0o755)
        self.build(output="c.img", program=self.installed(), wrap=cli.as_nobody)
        self.assertEqual(self.carried("c.img"), self.carried())

    def test_compressions_and_blocks(self):
        for compress in ("zstd:1", "xz", "gzip:9", "lz4"):
            for block in ("4K", "1M"):
                with self.subTest(compress, block=block):
                    self.build("--set", f"output.squashfs.compress={compress}", "--set",
                               f"output.squashfs.block={block}", output="b.img")
                    said = output_of("unsquashfs", "-s", self.carried_file("b.img")).decode()
                    self.assertIn(f"Compression {compress.split(':')[0]}\n", said)
                    self.assertIn(f"Block size {4096 if block == '4K' else 1 << 20}\n", said)
                    done = self.run_program("cat", "b.img", "etc/many")
                    self.assertEqual(done.stdout, "0123456789" * 30000)
                    self.assertEqual(self.run_program("check", "b.img").status, 0)

    def test_ends_of_files_with_one_checksum_are_two(self):
        """Ends of files are packed once when they are equal, which XXH32 alone does not tell."""
        mask = (1 << 32) - 1
        third, fourth = 3266489917, 668265263  # of the primes of XXH32, for words of 4 bytes

        def after(word):
            mixed = (374761393 + 8 + word * third) & mask
            return ((mixed << 17 | mixed >> 15) & mask) * fourth & mask
        first, other = 0x11111111, 0x22222222
        second = (after(first) - after(other)) * pow(third, -1, 1 << 32) & mask
        contents = (struct.pack("<II", first, 0), struct.pack("<II", other, second))
        for name, content in zip("ab", contents):
            with open(self.path(name), "wb") as file:
                file.write(content)
        self.write("fixture.yaml", PROFILE.replace(
            "files:\n", "files:\n  /etc/a: { from: ./a }\n  /etc/b: { from: ./b }\n"))
        self.build()
        for name, content in zip("ab", contents):
            self.assertEqual(output_of("unsquashfs", "-cat", self.carried_file(), "etc/" + name),
                             content)

    def test_readers_see_what_is_in_it(self):
        self.build()
        self.assertEqual(self.run_program("cat", "a.img", "usr/share/link").stdout,
                         "hello, hello, hello, hello")
        self.assertIn("fixture.yaml", self.run_program("why", "a.img", "etc/greeting").stdout)
        self.check(["check", "a.img"], 0, "", self.run_program("check", "a.img").stderr)
        self.run_program("extract", "a.img", "-C", "tree")
        self.assertEqual(self.read("tree/etc/many").decode(), "0123456789" * 30000)
        self.assertFalse(os.path.exists(self.path("tree/" + NAME)))
        self.build("--set", "files./etc/greeting.content=bye", output="b.img")
        done = self.run_program("diff", "a.img", "b.img")
        self.assertEqual(done.status, 3)
        self.assertIn("etc/greeting", done.stdout)
        self.assertNotIn("etc/many", done.stdout)

    def test_check_compares_what_is_in_it(self):
        self.build("--set", "output.squashfs.compress=gzip")
        data = bytearray(self.read("a.img"))
        start = self.start_of(data)
        data[start + 96] ^= 1  # the first block of data
        with open(self.path("b.img"), "wb") as file:
            file.write(data)
        done = self.run_program("check", "b.img")
        self.assertNotEqual(done.status, 0)

    def test_manifest_limit_is_for_all(self):
        done = self.build("--set", "output.limit=4K", status=1)
        self.assertIn("'a.img' would be over its limit of 4.1 kB", done.stderr)
        self.assertEqual(self.images(), [])


class Places(SquashfsTest):
    """Where nothing can be made at boot, what is mounted on is there."""

    def test_D0_10_a_tree_without_mount_points_gets_those_of_the_plan(self):
        with tarfile.open(self.path("tree.tar"), "w") as archive:
            for name, kind, target in (("sbin/init", tarfile.REGTYPE, ""),
                                       ("srv", tarfile.SYMTYPE, "data"),
                                       ("data", tarfile.DIRTYPE, "")):
                info = tarfile.TarInfo(name)
                info.type, info.linkname, info.mode = kind, target, 0o755
                archive.addfile(info)
        self.write("fixture.yaml", "trees: { base: { from: tree.tar } }\n"
                                   "output: { layout: squashfs }\n"
                                   "boot:\n  root: { find: none, cow: none }\n"
                                   "  disk: { find: LABEL=DOCKER, at: /srv/docker }\n")
        self.build()
        found = self.unsquashed(self.carried_file())
        for path in ("dev", "proc", "sys", "run", "tmp", "data/docker", "usr/lib/modules",
                     "usr/lib/mkinitrd"):
            self.assertEqual(found[path][0][0], "d", path)
        self.check(["why", "a.img", "data/docker"], 0,
                   "data/docker\n  mount point of 'boot: disk:' (fixture.yaml:5)\n")
        self.check(["why", "a.img", "usr/lib/modules"], 0,
                   "usr/lib/modules\n  mount point (layout squashfs)\n")
        done = self.run_program("check", "a.img")
        self.assertEqual((done.status, done.stdout), (0, ""), done.stderr)

    def test_WD_1_the_layout_of_the_command_line_wins_for_the_plan_too(self):
        self.write("tree/sbin/init", "#!/bin/true\n")
        os.chmod(self.path("tree/sbin/init"), 0o755)
        for said, given in (("cpio", "squashfs"), ("squashfs", "cpio")):
            self.write("fixture.yaml", "trees: { base: { from: tree } }\n"
                                       f"output: {{ layout: {said} }}\n")
            self.build("--layout", given)
            plan = self.run_program("cat", "a.img", "usr/lib/mkinitrd/boot.plan").stdout
            self.assertEqual(("main " in plan, "\nroot " in plan),
                             (given == "cpio", given == "squashfs"), plan)


class Kernels(SquashfsTest):

    def refused(self, line, *arguments, **config):
        self.kernel(cli.RELEASE, **config)
        self.check(["-p", "./fixture.yaml", "--root", "root", "-k", cli.RELEASE, "-o", "a.img",
                    *arguments], 1, "", f"mkinitrd: kernel '{cli.RELEASE}' cannot {line}\n")
        self.assertEqual(self.images(), [])

    def test_kernel_lacks_what_mounts_it(self):
        where = f"'/boot/config-{cli.RELEASE}' lacks CONFIG_"
        end = "; take another kernel (-k) or another layout (--layout cpio)"
        self.refused(f"mount a SquashFS: {where}SQUASHFS{end}", SQUASHFS="n")
        self.refused(f"mount a file: {where}BLK_DEV_LOOP{end}", BLK_DEV_LOOP="n")
        self.refused(f"put a writable layer over a SquashFS: {where}OVERLAY_FS{end}",
                     OVERLAY_FS="n")
        self.refused(f"check a SquashFS against a hash tree: {where}DM_VERITY{end}",
                     "--set", "output.verity=true", DM_VERITY="n")

    def test_kernel_lacks_the_compression(self):
        self.refused(f"read a SquashFS of zstd: '/boot/config-{cli.RELEASE}' lacks "
                     "CONFIG_SQUASHFS_ZSTD; it can: xz, gzip, lz4 (output.squashfs.compress of "
                     "the profile)", SQUASHFS_ZSTD="n")
        self.build("--set", "output.squashfs.compress=xz")
        self.assertIn("going on (--force)", self.build("--force").stderr)

    def test_a_module_that_mounts_it_is_required(self):
        with open(self.root / f"usr/lib/modules/{cli.RELEASE}/modules.builtin", "w",
                  encoding="ascii") as file:
            file.write("kernel/drivers/block/loop.ko\nkernel/fs/squashfs/squashfs.ko\n")
        output_of("depmod", "-b", self.root.path, cli.RELEASE)
        self.check(["-p", "./fixture.yaml", "--root", "root", "-k", cli.RELEASE, "-o", "a.img"],
                   1, "", "mkinitrd: module 'overlay' (layout squashfs) is not in kernel "
                   f"{cli.RELEASE} of the root 'root'; install it or make it optional\n")

    def test_only_the_kernel_changed(self):
        self.build()
        before = self.carried()
        self.kernel(OTHER)
        done = self.build(release=OTHER)
        self.assertIn(TAKEN, done.stderr)
        self.assertEqual(self.carried(), before)
        self.build(release=OTHER, output="cold.img")
        self.assertEqual(self.read("a.img"), self.read("cold.img"))
        self.assertEqual(self.run_program("check", "a.img").status, 0)

    def test_what_changed_is_made_again(self):
        self.build()
        for change in ("files./etc/greeting.content=bye", "files./etc/greeting.mode='0600'",
                       "files./etc/more.content=more", "output.squashfs.compress=zstd:2"):
            with self.subTest(change):
                self.assertNotIn(TAKEN, self.build("--set", change).stderr)
                self.assertIn(TAKEN, self.build("--set", change).stderr)
        self.assertNotIn(TAKEN, self.build(env=self.environment(SOURCE_DATE_EPOCH="7")).stderr)

    def test_a_damaged_one_is_made_again(self):
        self.build()
        good = self.read("a.img")
        data = bytearray(good)
        data[self.start_of(data) + 96 + 50] ^= 1
        with open(self.path("a.img"), "wb") as file:
            file.write(data)
        self.assertNotIn(TAKEN, self.build().stderr)
        self.assertEqual(self.read("a.img"), good)


class Beside(SquashfsTest):

    def test_a_file_of_its_own(self):
        self.build()
        self.build("--squashfs", "root.sqfs", output="b.img")
        self.assertEqual(self.read("root.sqfs"), self.carried())
        self.assertEqual(len(newc.split(self.read("b.img"))), 1)
        self.assertEqual(os.stat(self.path("root.sqfs")).st_mode & 0o7777, 0o600)
        self.assertIn(TAKEN, self.build("--squashfs", "root.sqfs", output="b.img").stderr)
        self.assertEqual(self.listed("root.sqfs"), self.unsquashed(self.path("root.sqfs")))
        self.assertIn("usr/bin/hello", self.run_program("why", "b.img", "usr/bin/hello").stdout)

    def test_the_shell_for_rescue_is_in_the_archive_too(self):
        self.build("--squashfs", "root.sqfs", "--set", "boot.shell={exec: [hello], ttys: []}")
        archive = self.run_program("ls", "a.img").stdout.split()
        for path in ("usr/bin/hello", "usr/lib/libgreet.so", "usr/lib/ld.so"):
            self.assertIn(path, archive)
            self.assertIn(path, self.unsquashed(self.path("root.sqfs")))
        self.assertNotIn("etc/greeting", archive)

    def test_used_wrongly(self):
        self.check(["-p", "./fixture.yaml", "--root", "root", "-k", cli.RELEASE, "--layout",
                    "cpio", "--squashfs", "x"], 1, "",
                   "mkinitrd: --squashfs x: the layout is cpio; take --layout squashfs\n")
        self.check(["-p", "./fixture.yaml", "--root", "root", "-k", cli.RELEASE, "-o", "x",
                    "--squashfs", "x"], 1, "",
                   "mkinitrd: 'x' cannot be image and SquashFS; give another name with -o or "
                   "--squashfs\n")
        self.check(["-p", "./fixture.yaml", "--root", "root", "-k", cli.RELEASE, "-o", "x",
                    "--set", "output.squashfs.block=5K"], 1, "",
                   "mkinitrd: --set: 'output.squashfs.block: 5K' is not a power of two from 4K to "
                   "1M\n")
        self.check(["-p", "./fixture.yaml", "--layout", "cpio", "--root", "root", "--set",
                    "output.verity=true"], 1, "",
                   "mkinitrd: --set: 'output.verity' is for a SquashFS; take layout squashfs "
                   "(output.layout, --layout)\n")
        self.assertEqual(self.images(), [])


class Verity(SquashfsTest):

    def verify(self, name):
        plan = self.run_program("cat", "a.img", "usr/lib/mkinitrd/boot.plan").stdout
        line = re.search(r"^verity (.*)$", plan, re.M).group(1)
        words = dict(word.split("=") for word in line.split())
        return subprocess.run(
            ["veritysetup", "verify", self.path(name), self.path(name), words["root-hash"],
             f"--hash-offset={int(words['data-blocks']) * 4096}"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
            check=False).returncode

    def test_veritysetup_agrees(self):
        self.build("--set", "output.verity=true", "--squashfs", "root.sqfs")
        self.assertEqual(self.verify("root.sqfs"), 0)
        data = bytearray(self.read("root.sqfs"))
        data[200] ^= 1
        with open(self.path("root.sqfs"), "wb") as file:
            file.write(data)
        self.assertNotEqual(self.verify("root.sqfs"), 0)
        # an old one whose tree may be damaged lends its data alone, and this one not even that
        self.assertNotIn(TAKEN,
                         self.build("--set", "output.verity=true", "--squashfs",
                                    "root.sqfs").stderr)
        self.assertEqual(self.verify("root.sqfs"), 0)
        self.assertIn(TAKEN, self.build("--set", "output.verity=true", "--squashfs",
                                        "root.sqfs", "-k", cli.RELEASE).stderr)
        self.assertEqual(self.verify("root.sqfs"), 0)

    def test_the_carried_one_has_the_same_tree(self):
        self.build("--set", "output.verity=true", "--squashfs", "root.sqfs", output="b.img")
        self.build("--set", "output.verity=true")
        self.assertIn(self.read("root.sqfs"), self.read("a.img"))
        self.assertEqual(self.run_program("check", "a.img").status, 0)


class Tree(SquashfsTest):
    """A tree of somebody else, as a tar, comes out of the SquashFS as it went in."""

    CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")

    def add(self, tar, name, content=b"", kind=tarfile.REGTYPE, **attributes):
        member = tarfile.TarInfo(name)
        member.type = kind
        member.size = len(content)
        xattrs = attributes.pop("xattrs", {})
        member.pax_headers = {"SCHILY.xattr." + key: value.decode("latin-1")
                              for key, value in xattrs.items()}
        for key, value in attributes.items():
            setattr(member, key, value)
        tar.addfile(member, io.BytesIO(content))

    def tree(self):
        with tarfile.open(self.path("tree.tar"), "w", format=tarfile.PAX_FORMAT,
                          encoding="latin-1") as tar:
            self.add(tar, "sbin", kind=tarfile.DIRTYPE, mode=0o755)
            self.add(tar, "sbin/init", b"#!/bin/sh\n", mode=0o755)
            self.add(tar, "home", kind=tarfile.DIRTYPE, mode=0o2750, uid=1000, gid=1001)
            self.add(tar, "home/file", b"content", mode=0o640, uid=1000, gid=100000)
            self.add(tar, "home/link", kind=tarfile.LNKTYPE, linkname="home/file")
            self.add(tar, "home/symlink", kind=tarfile.SYMTYPE, linkname="file")
            self.add(tar, "ping", b"ping", mode=0o755,
                     xattrs={"security.capability": self.CAPABILITY, "user.origin": b"here"})
            self.add(tar, "zeros", bytes(1 << 20), mode=0o600)
            self.add(tar, "null", kind=tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3)
            self.add(tar, "disk", kind=tarfile.BLKTYPE, mode=0o660, gid=6, devmajor=259,
                     devminor=70000)
            self.add(tar, "fifo", kind=tarfile.FIFOTYPE, mode=0o600, uid=7)
        self.write("fixture.yaml", "trees: { base: { from: tree.tar } }\n"
                                   "output: { layout: squashfs }\n")

    def test_everything_is_kept(self):
        self.tree()
        self.build()
        carried = self.carried_file()
        found = self.unsquashed(carried)
        for path, what in {"sbin/init": ("-rwxr-xr-x", "0/0"), "home": ("drwxr-s---", "1000/1001"),
                           "home/file": ("-rw-r-----", "1000/100000"),
                           "home/link": ("-rw-r-----", "1000/100000"),
                           "null": ("crw-rw-rw-", "0/0"), "disk": ("brw-rw----", "0/6"),
                           "fifo": ("prw-------", "7/0")}.items():
            self.assertEqual(found[path], what, path)
        listed = self.listed("a.img")
        self.assertEqual({path: listed[path] for path in found}, found)
        lines = output_of("unsquashfs", "-lln", carried).decode()
        self.assertRegex(lines, r"crw-rw-rw- 0/0 +1, *3 ")
        # a mebibyte of zeros takes no room
        self.assertLess(os.path.getsize(carried), 16384)
        # the tree has no shell, and that is all that is wrong
        findings = self.run_program("check", "a.img").stdout.splitlines()
        self.assertEqual([line.split()[1] for line in findings], ["script-interpreter-missing"])

    def test_links_and_attributes(self):
        if os.geteuid() != 0:
            self.skipTest("only root may set capabilities")
        self.tree()
        self.build()
        output_of("unsquashfs", "-q", "-n", "-d", self.path("theirs"), self.carried_file())
        self.run_program("extract", "a.img", "-C", "ours")
        for folder in ("theirs", "ours"):
            inside = self.path(folder)
            self.assertTrue(os.path.samefile(inside + "/home/file", inside + "/home/link"))
            self.assertEqual(os.getxattr(inside + "/ping", "user.origin"), b"here", folder)
            self.assertEqual(os.getxattr(inside + "/ping", "security.capability"),
                             self.CAPABILITY, folder)
            self.assertEqual(os.stat(inside + "/disk").st_rdev, os.makedev(259, 70000))

    def test_an_ordinary_user_builds_the_same(self):
        self.tree()
        self.build()
        os.chmod(self.directory, 0o777)
        self.build(output="b.img", program=self.installed(), wrap=cli.as_nobody)
        self.assertEqual(self.carried("b.img"), self.carried())


class Foreign(SquashfsTest):
    """Made by mksquashfs; and damaged."""

    def make(self, name, *options):
        tree = self.path("tree-in")
        os.makedirs(tree + "/sub/deep", exist_ok=True)
        for path, content in (("a", b"hello"), ("sub/big", bytes(range(256)) * 600),
                              ("sub/hole", b"")):
            with open(os.path.join(tree, path), "wb") as file:
                file.write(content)
        os.truncate(tree + "/sub/hole", 300000)
        if not os.path.lexists(tree + "/b"):
            os.link(tree + "/a", tree + "/b")
            os.symlink("a", tree + "/link")
        pseudo = self.write("pseudo", "null c 666 0 0 1 3\nblk b 660 5 6 8 257\n"
                                      "sub m 2775 1000 1001\n")
        output_of("mksquashfs", tree, self.path(name), "-noappend", "-quiet", "-no-progress",
                  "-pf", pseudo, "-all-time", "1700000000", *options)
        return self.path(name)

    def test_every_compression(self):
        for compress in ("zstd", "xz", "gzip", "lz4", "lzo"):
            with self.subTest(compress):
                path = self.make("x.sqfs", "-comp", compress, "-b", "4K")
                self.assertEqual(self.listed("x.sqfs"), self.unsquashed(path))
                entries = {entry["path"]: entry for entry in
                           json.loads(self.run_program("ls", "--json", "x.sqfs").stdout)}
                self.assertEqual(entries["blk"]["device"], [8, 257])
                self.assertEqual(entries["a"]["mtime"], 1700000000)
                self.run_program("extract", "-f", "x.sqfs", "-C", "out")
                self.assertEqual(self.read("out/sub/big"), bytes(range(256)) * 600)
                self.assertEqual(self.read("out/sub/hole"), bytes(300000))
                self.assertTrue(os.path.samefile(self.path("out/a"), self.path("out/b")))

    def test_xattrs_come_out(self):
        if os.geteuid() != 0:
            self.skipTest("only root may set trusted attributes")
        self.make("x.sqfs")
        os.setxattr(self.path("tree-in/a"), "trusted.origin", b"there\0here")
        self.make("x.sqfs")
        self.run_program("extract", "x.sqfs", "-C", "out")
        self.assertEqual(os.getxattr(self.path("out/a"), "trusted.origin"), b"there\0here")

    def refused(self, data, why):
        with open(self.path("bad.sqfs"), "wb") as file:
            file.write(data)
        for command in (["ls"], ["check"], ["extract", "-C", "out"]):
            done = self.run_program(command[0], "bad.sqfs", *command[1:])
            self.assertNotEqual(done.status, 0, command)
            self.assertIn(f"mkinitrd: cannot read image 'bad.sqfs': {why}\n", done.stderr)

    def test_damaged(self):
        self.make("x.sqfs")
        good = self.read("x.sqfs")
        size = struct.unpack_from("<Q", good, 40)[0]
        self.refused(good[:size - 1], f"it is cut off: {size - 1} of its {size} bytes are there")
        self.refused(good[:28] + struct.pack("<HH", 3, 1) + good[32:],
                     "it is of version 3.1, and 4.0 is what kernels mount; make it again")
        self.refused(good[:20] + struct.pack("<H", 9) + good[22:],
                     "it is compressed with number 9, which is not known")

    def test_damaged_in_an_image(self):
        self.build()
        data = self.read("a.img")
        at = self.start_of(data) + 28
        with open(self.path("bad.img"), "wb") as file:
            file.write(data[:at] + struct.pack("<HH", 5, 0) + data[at + 4:])
        done = self.run_program("ls", "bad.img")
        self.assertEqual(done.status, 1)
        self.assertIn(f"mkinitrd: cannot read image 'bad.img': {NAME} in it: it is of version 5.0, "
                      "and 4.0 is what kernels mount; make it again\n", done.stderr)


if __name__ == "__main__":
    cli.main("unsquashfs", "mksquashfs", "veritysetup")
