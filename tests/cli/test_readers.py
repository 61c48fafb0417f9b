# SPDX-License-Identifier: Apache-2.0
"""ls, cat and extract: images of others, and images made to do harm.

In:    archives written here byte by byte, and by dracut, initramfs-tools, cpio; the compressors'
       own programs
Facts: newc: kernel Documentation/driver-api/early-userspace/buffer-format.rst
"""
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import time
import unittest

import cli

DIRECTORY, FILE, LINK, FIFO, CHARACTER = 0o040000, 0o100000, 0o120000, 0o010000, 0o020000
# name of the program, what it is told
COMPRESSORS = {
    "gzip": ["gzip", "-1n"],
    "bzip2": ["bzip2", "-1"],
    "xz": ["xz", "-1", "--check=crc32"],
    "lzma": ["xz", "-1", "--format=lzma"],
    "lz4-legacy": ["lz4", "-lq"],
    "lz4-frame": ["lz4", "-q"],
    "lzop": ["lzop", "-1"],
    "zstd": ["zstd", "-1q"],
}


def record(name, mode=FILE | 0o644, content=b"", inode=0, nlink=1, size=None, device=(0, 0),
           mtime=1700000000, magic=b"070701"):
    name = name.encode() + b"\0"
    size = len(content) if size is None else size
    numbers = (inode, mode, os.geteuid(), os.getegid(), nlink, mtime, size, 0, 0, *device,
               len(name), sum(content) & 0xffffffff if magic == b"070702" else 0)
    head = magic + b"".join(b"%08x" % number for number in numbers) + name
    return pad(head) + pad(content)


def pad(content, to=4):
    return content + bytes(-len(content) % to)


TRAILER = record("TRAILER!!!", 0)


def archive(*records):
    return b"".join(records) + TRAILER


def compress(kind, content):
    return subprocess.run(COMPRESSORS[kind], input=content, stdout=subprocess.PIPE, check=True,
                          timeout=300).stdout


def tree_of(top):
    """path -> type and mode, size or target, content's SHA-256, of all below @top."""
    found = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            entry = [oct(status.st_mode)]
            if stat.S_ISLNK(status.st_mode):
                entry.append(os.readlink(path))
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    entry += [status.st_size, hashlib.sha256(file.read()).hexdigest()]
            found[os.path.relpath(path, top)] = entry
    return found


class Readers(cli.CliTest):
    def image(self, *parts, name="a.img"):
        with open(self.path(name), "wb") as file:
            for part in parts:
                file.write(part)
        return name

    def extract(self, image="a.img", *more, directory="out", status=0):
        done = self.run_program("extract", image, "-C", directory, *more)
        self.assertEqual(done.status, status, done.stderr)
        return done

    def test_OD_17_every_compression_in_any_order(self):
        noise = os.urandom(3 << 20) + bytes(9 << 20) + b"end"
        content = {kind: kind.encode() + noise for kind in COMPRESSORS}
        parts = [archive(record("early/x", content=b"early"))]
        for index, kind in enumerate(COMPRESSORS):
            parts.append(compress(kind, archive(record("./" + kind, content=content[kind]))))
            # 4 zeros, 512, 4096, or none
            parts.append(pad(b"", 4) + bytes((4, 512, 4096, 0)[index % 4]))
            parts.append(archive(record(f"plain/{index}", content=b"plain", magic=b"070702")))
        self.image(*parts)
        done = self.run_program("ls", "--json", "a.img")
        listed = json.loads(done.stdout)
        expected = ["early/x"]
        for index, kind in enumerate(COMPRESSORS):
            expected += [kind, f"plain/{index}"]
        self.assertEqual([entry["path"] for entry in listed], expected)
        self.assertEqual([entry["segment"] for entry in listed], list(range(len(expected))))
        self.assertEqual([entry["compression"] for entry in listed][1::2],
                         [kind.split("-")[0] for kind in COMPRESSORS])
        self.extract()
        for kind, bytes_of in content.items():
            with open(self.path("out/" + kind), "rb") as file:
                self.assertTrue(file.read() == bytes_of, kind)

    def test_damage_in_every_compression(self):
        plain = archive(record("x", content=os.urandom(400000)))
        for kind in COMPRESSORS:
            packed = bytearray(compress(kind, plain))
            with self.subTest(kind):
                self.image(packed[:len(packed) // 2])
                done = self.run_program("ls", "a.img")
                self.assertEqual((done.status, len(done.stderr.splitlines())), (1, 1))
                packed[9] ^= 0xff  # of the header, or the first bytes of the content
                packed[len(packed) // 2] ^= 0x10
                self.image(packed)
                done = self.run_program("extract", "a.img", "-C", "out", "-f")
                self.assertIn(done.status, (0, 1))
                if kind in ("gzip", "bzip2", "xz", "zstd", "lzop", "lz4-frame"):
                    self.assertEqual(done.status, 1)

    def test_cat(self):
        self.image(archive(record("dir", DIRECTORY | 0o755), record("dir/a", content=b"old"),
                           record("dir/a", content=b"new\n"),
                           record("abs", LINK | 0o777, b"/dir/a"),
                           record("up", LINK | 0o777, b"../../dir/../dir/a"),
                           record("gone", LINK | 0o777, b"nowhere"),
                           record("loop", LINK | 0o777, b"loop"),
                           record("one", inode=7, nlink=2),
                           record("two", inode=7, nlink=2, content=b"shared\n"),
                           record("pipe", FIFO | 0o600)))
        said = "mkinitrd: '{}' is a symlink to 'dir/a'\n"
        for path, out, error in [("dir/a", "new\n", ""), ("/dir/./a", "new\n", ""),
                                 ("abs", "new\n", said.format("abs")),
                                 ("up", "new\n", said.format("up")),
                                 ("one", "shared\n", ""), ("two", "shared\n", "")]:
            self.check(["cat", "a.img", path], 0, out, error)
        for path, error in [
                ("dir", "'dir' is a directory; use: mkinitrd ls a.img dir"),
                ("gone", "symlink 'gone' leads to 'nowhere', which is not in 'a.img'"),
                ("pipe", "'pipe' is no regular file"),
                ("dir/aa", "'dir/aa' is not in 'a.img'; did you mean 'dir/a'?"),
                ("loop", "cannot follow 'loop' in 'a.img': Too many levels of symbolic links")]:
            self.check(["cat", "a.img", path], 1, "", f"mkinitrd: {error}\n")
        self.assertEqual(self.run_program("cat", "a.img").status, 2)

    def test_what_is_no_image(self):
        for name, content, words in [
                ("kernel", bytes(0x202).replace(b"\0", b"\x90") + b"HdrS" + bytes(100),
                 "it is a Linux kernel, not an initramfs"),
                ("elf", b"\x7fELF" + bytes(100), "it is an ELF file, perhaps an unpacked kernel"),
                ("odc", b"070707" + b"0" * 100, "it is a cpio archive of the old portable form; "
                 "the kernel takes 'cpio -H newc' alone")]:
            self.image(content, name=name)
            self.check(["ls", name], 1, "", f"mkinitrd: cannot read image '{name}': {words}\n")
        # a SquashFS is stepped over
        superblock = b"hsqs" + bytes(36) + (8192).to_bytes(8, "little")
        self.image(archive(record("a")), pad(superblock, 8192), archive(record("b")))
        self.check(["ls", "a.img"], 0, "a\nb\n", "mkinitrd: warning: image 'a.img': a SquashFS of "
                   "8192 bytes, from byte 236 on, is left out\n")
        # no trailer: the kernel has made the file by then
        self.image(record("a", content=b"x"))
        self.check(["ls", "a.img"], 0, "a\n", "mkinitrd: warning: image 'a.img': an archive ends "
                   "without its trailer, going on\n")

    def test_nothing_is_written_outside(self):
        outside = self.path("outside")
        os.mkdir(outside)
        victim = self.write("outside/victim", "safe")
        for name, parts, status in [
                ("dots", [record("../outside/victim", content=b"bad")], 1),
                ("inner dots", [record("a/../../outside/victim", content=b"bad")], 1),
                ("absolute", [record(victim, content=b"bad")], 0),
                ("symlink", [record("l", LINK | 0o777, outside.encode()),
                             record("l/victim", content=b"bad")], 1),
                ("relative symlink", [record("l", LINK | 0o777, b"../outside"),
                                      record("l/new", content=b"bad")], 1),
                ("written through", [record("l", LINK | 0o777, victim.encode()),
                                     record("l", content=b"bad")], 0),
                ("a directory through", [record("l", LINK | 0o777, outside.encode()),
                                         record("l", DIRECTORY | 0o700)], 0),
                ("hard link", [record("l", LINK | 0o777, victim.encode(), inode=5, nlink=2),
                               record("m", inode=5, nlink=2, content=b"bad")], 0),
                ("dots within", [record("a/b", content=b"x"), record("a/../b", content=b"x")], 1),
                ("dots last", [record("a/..", content=b"bad")], 1),
                ("a link's content", [record("l", inode=5, nlink=2),
                                      record("../outside/victim", inode=5, nlink=2,
                                             content=b"bad")], 1),
                ("deep", [record("d", DIRECTORY | 0o755),
                          record("d/l", LINK | 0o777, outside.encode()),
                          record("d/l/e/f", content=b"bad")], 1)]:
            with self.subTest(name):
                before = os.lstat(outside).st_mode
                self.image(archive(*parts, record("last", content=b"x")))
                shutil.rmtree(self.path("out"), ignore_errors=True)
                self.extract(status=status)
                self.assertEqual(tree_of(outside), {"victim": [
                    oct(os.lstat(victim).st_mode), 4, hashlib.sha256(b"safe").hexdigest()]})
                self.assertEqual(os.lstat(outside).st_mode, before)
                self.assertTrue(os.path.exists(self.path("out/last")))
        # what stands there already is no way out either
        shutil.rmtree(self.path("out"))
        os.mkdir(self.path("out"))
        os.symlink(outside, self.path("out/l"))
        os.symlink(victim, self.path("out/f"))
        self.image(archive(record("l/victim", content=b"bad"), record("f", content=b"good")))
        self.assertIn("--force", self.extract(status=1).stderr)
        self.extract("a.img", "--force", status=1)
        with open(victim, encoding="utf-8") as file:
            self.assertEqual(file.read(), "safe")
        self.assertFalse(os.path.islink(self.path("out/f")))

    def test_refused_entries_are_named_and_the_others_made(self):
        """As bsdtar does; GNU cpio would take the dots away, and write where nobody asked for."""
        self.image(archive(record("first", content=b"1"),
                           *[record(f"../x{number}") for number in range(3)],
                           record("a/../b"), record(".mkinitrd-partial", content=b"x"),
                           record("one", inode=9, nlink=2),
                           record("../two", inode=9, nlink=2, content=b"shared"),
                           record("last", content=b"2")))
        done = self.extract(status=1)
        dots = "mkinitrd: warning: '{}': its path has \"..\" in it, skipping\n"
        self.assertEqual(
            done.stderr,
            "".join(dots.format(name) for name in ("../x0", "../x1", "../x2", "a/../b"))
            + "mkinitrd: warning: '.mkinitrd-partial': its path has the name of unfinished files, "
            "skipping\n" + dots.format("../two") + "mkinitrd: 6 entries were not extracted\n"
            "mkinitrd: out: 9 entries, 8 bytes\n")
        self.assertEqual({name: entry[1] for name, entry in tree_of(self.path("out")).items()},
                         {"first": 1, "one": 6, "last": 1})
        self.assertIn("../x0\n../x1\n", self.run_program("ls", "a.img").stdout)
        theirs = self.path("theirs")
        os.mkdir(theirs)
        done = subprocess.run(["bsdtar", "-xf", self.path("a.img"), "--exclude", ".mkinitrd*"],
                              cwd=theirs, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(sorted(tree_of(theirs)), ["first", "last", "one"])
        self.image(archive(*[record(f"../{number}") for number in range(5000)]))
        done = self.extract(directory="many", status=1)
        self.assertEqual(len(done.stderr.splitlines()), 12)
        self.assertIn("5000 entries were not extracted", done.stderr)

    def test_checksums_of_the_crc_form(self):
        folder = self.path("in")
        os.makedirs(folder + "/d")
        for name, content in (("a", b"content\n"), ("b", os.urandom(3 << 20)), ("empty", b"")):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content)
        os.link(folder + "/a", folder + "/c")
        os.symlink("a", folder + "/l")
        made = subprocess.run(["cpio", "-o", "-H", "crc", "--quiet"], cwd=folder, timeout=60,
                              input=b"a\nb\nc\nd\nempty\nl\n", stdout=subprocess.PIPE,
                              check=True).stdout
        for kind in (None, "zstd"):
            self.image(compress(kind, made) if kind else made)
            self.extract(directory=f"out-{kind}")
            self.assertEqual(tree_of(self.path(f"out-{kind}")), tree_of(folder))
        at = made.index(b"content\n")
        self.image(made[:at] + b"Content\n" + made[at + 8:])
        wrong = f"{sum(b'Content' + bytes([10])):08x}, not to {sum(b'content' + bytes([10])):08x}"
        said = f"mkinitrd: cannot read image 'a.img': the checksum of 'c' is wrong: its bytes " \
            f"add up to {wrong}\n"
        self.assertEqual(self.run_program("ls", "-q", "a.img").stderr, said)
        self.assertEqual(self.run_program("cat", "a.img", "c").stderr, said)
        self.assertIn(said, self.extract(status=1).stderr)
        # nothing that is wrong has a name of its own
        self.image(archive(record("x", content=b"good", magic=b"070702")).replace(b"good", b"bad!"))
        self.extract(directory="one", status=1)
        self.assertEqual(os.listdir(self.path("one")), [])

    def start_extract(self):
        """An extraction of many files, one large, and what it must come to."""
        rows = [(f"f{number:04}", os.urandom(20000)) for number in range(1000)]
        rows.insert(500, ("large", os.urandom(64 << 20)))
        self.image(archive(*[record(name, content=content) for name, content in rows]))
        extraction = subprocess.Popen(
            # who watches it comes first, on a busy machine too
            ["nice", "-n", "19", cli.MKINITRD, "extract", "a.img", "-C", "out"], cwd=self.directory,
            env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        self.addCleanup(extraction.stderr.close)
        self.addCleanup(extraction.kill)
        return extraction, {name: hashlib.sha256(content).hexdigest() for name, content in rows}

    def interrupt(self, number):
        """@number while the large file is written: what stands there then."""
        extraction, expected = self.start_extract()
        partial = self.path("out/.mkinitrd-partial")
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            self.assertIsNone(extraction.poll(), "it ended before it could be interrupted")
            try:
                if os.stat(partial).st_size > 1 << 20:
                    break
            except FileNotFoundError:
                pass
            time.sleep(0.001)
        extraction.send_signal(number)
        status = extraction.wait(60)
        self.assertEqual(self.images(), ["a.img", "out"])
        found = {name: entry[2] for name, entry in tree_of(self.path("out")).items()}
        left = found.pop(".mkinitrd-partial", None)
        self.assertEqual(found, {name: expected[name] for name in sorted(expected)[:500]})
        return status, left, extraction.stderr.read().decode(), expected

    def assert_goes_on(self, expected):
        self.extract("a.img", "--force")
        self.assertEqual({name: entry[2] for name, entry in tree_of(self.path("out")).items()},
                         expected)

    def test_interrupted_extract_leaves_whole_files(self):
        status, left, said, expected = self.interrupt(signal.SIGINT)
        self.assertEqual((status, left), (1, None))
        self.assertRegex(said, r"\Amkinitrd: cannot extract 'large': Interrupted system call\n"
                         r"mkinitrd: out: 501 entries, \d+ bytes; not complete: remove it, or go "
                         r"on with --force\n\Z")
        self.assert_goes_on(expected)

    def test_killed_extract_leaves_whole_files_and_a_partial_one(self):
        status, left, _, expected = self.interrupt(signal.SIGKILL)
        self.assertEqual(status, -signal.SIGKILL)
        self.assertIsNotNone(left)
        self.assert_goes_on(expected)

    def test_later_entries_replace_earlier_ones(self):
        self.image(archive(record("a", content=b"first"), record("b", LINK | 0o777, b"a"),
                           record("c", DIRECTORY | 0o755), record("d", content=b"x" * 100000)),
                   compress("xz", archive(record("a", LINK | 0o777, b"d"),
                                          record("b", content=b"file"), record("c", content=b"c"),
                                          record("d", content=b"y"))))
        self.extract()
        found = tree_of(self.path("out"))
        self.assertEqual(found["a"][1], "d")
        self.assertEqual([found[name][1] for name in "bcd"], [4, 1, 1])

    def test_attributes_and_holes(self):
        hole = bytes(8 << 20)
        self.image(archive(record("shut", DIRECTORY | 0o500, mtime=1000000),
                           record("shut/in", FILE | 0o4711, b"x", mtime=2000000),
                           record("shut/hole", content=b"a" + hole + b"b"),
                           record("pipe", FIFO | 0o600), record("null", CHARACTER | 0o666,
                                                                device=(1, 3)),
                           record("new\nline", content=b"")))
        os.chmod(self.directory, 0o777)
        program = self.installed()
        done = self.run_program("extract", "a.img", "-C", "out", program=program,
                                wrap=cli.as_nobody)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertIn("2 devices, fifos or sockets left out: only root makes them", done.stderr)
        status = os.lstat(self.path("out/shut"))
        self.assertEqual((stat.S_IMODE(status.st_mode), status.st_mtime), (0o500, 1000000))
        status = os.lstat(self.path("out/shut/in"))
        self.assertEqual((stat.S_IMODE(status.st_mode), status.st_mtime), (0o711, 2000000))
        status = os.lstat(self.path("out/shut/hole"))
        self.assertEqual(status.st_size, (8 << 20) + 2)
        self.assertLess(status.st_blocks * 512, 1 << 20)
        self.assertIn("new\\nline", self.run_program("ls", "a.img").stdout)
        if os.geteuid() == 0:
            self.extract(directory="root")
            self.assertEqual(stat.S_IMODE(os.lstat(self.path("root/shut/in")).st_mode), 0o4711)
            self.assertTrue(stat.S_ISFIFO(os.lstat(self.path("root/pipe")).st_mode))

    def test_hard_links(self):
        self.image(archive(record("one", inode=7, nlink=2), record("other", content=b"o"),
                           record("two", inode=7, nlink=2, content=b"shared")))
        self.extract()
        self.assertEqual(os.lstat(self.path("out/one")).st_ino,
                         os.lstat(self.path("out/two")).st_ino)
        self.extract("a.img", "one", directory="narrow")
        with open(self.path("narrow/one"), "rb") as file:
            self.assertEqual(file.read(), b"shared")
        self.assertEqual(os.listdir(self.path("narrow")), ["one"])

    def test_patterns(self):
        self.image(archive(*[record(name) for name in ("a/b/c", "a/bb/c", "a/x", "z")]))
        for argument, expected in [("a/b", "a/b/c\n"), ("a/b*", "a/b/c\na/bb/c\n"),
                                   ("/a/", "a/b/c\na/bb/c\na/x\n"), ("*", "a/b/c\na/bb/c\na/x\nz\n")]:
            self.check(["ls", "a.img", argument], 0, expected)
        self.check(["ls", "a.img", "q*"], 1, "", "mkinitrd: 'q*' is not in 'a.img'\n")

    def test_a_bomb_streams_and_is_not_extracted(self):
        pieces, piece = 60, 64 << 20
        zeros = compress("zstd", bytes(piece))  # frames one after the other are one stream
        with open(self.path("a.img"), "wb") as file:
            for name in ("one", "two"):
                file.write(compress("zstd", record(name, size=pieces * piece)))
                file.write(zeros * pieces)
            file.write(compress("zstd", TRAILER))
        self.assertLess(os.path.getsize(self.path("a.img")), 4 << 20)
        with subprocess.Popen([cli.MKINITRD, "ls", self.path("a.img")],
                              stdout=subprocess.PIPE, env=self.environment()) as listing:
            self.assertEqual(listing.stdout.read(), b"one\ntwo\n")
            _, status, usage = os.wait4(listing.pid, 0)
            listing.returncode = status
        self.assertEqual(status, 0)
        self.assertLess(usage.ru_maxrss, 400 << 10)  # in KB, with sanitizers
        if os.geteuid() == 0:
            os.mkdir(self.path("small"))
            done = self.run_program(
                "extract", "a.img", "-C", "small",
                wrap=lambda argv: ["unshare", "-m", "sh", "-c",
                                   'mount -t tmpfs -o size=16m small small && exec "$@"', "sh",
                                   *argv])
            self.assertEqual(done.status, 1)
            self.assertIn("cannot extract 'one': No space left on device", done.stderr)


if __name__ == "__main__":
    cli.main("bsdtar", "cpio", "lz4", "lzop", "bzip2", "xz", "zstd")
