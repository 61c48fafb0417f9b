# SPDX-License-Identifier: Apache-2.0
"""Targets that cannot be written, sources that do not hold still, and a terminal that is watched."""
import fcntl
import os
import re
import resource
import signal
import struct
import subprocess
import termios
import threading
import time
import unittest

import cli
from terminal import Terminal

BIG = "files: { /etc/big: {} }\n"
# in a chroot "/" is no mount point and cannot be made private
PRIVATE = subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, timeout=60,
                         check=False).returncode == 0
UNSHARE = ["unshare", "-m"] + ([] if PRIVATE else ["--propagation", "unchanged"])


class BadDays(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()

    def make_big(self, size):
        self.root.file("etc/big", os.urandom(size))

    def old_image(self):
        self.check(self.build_arguments(), 0, "", "mkinitrd: a.img: SUMMARY\n")
        with open(self.path("a.img"), "rb") as file:
            return file.read()

    def assert_old_image(self, old):
        with open(self.path("a.img"), "rb") as file:
            self.assertTrue(file.read() == old, "the old image has changed")
        self.assertEqual(self.images(), ["a.img"])

    @unittest.skipUnless(os.geteuid() == 0, "mounting a small tmpfs takes root")
    def test_disk_full_at_20_points(self):
        self.make_big(1 << 20)
        os.mkdir(self.path("small"))
        script = ('mount -t tmpfs -o size=$SIZE small small && echo old >small/a.img && '
                  '{ "$@"; echo "status $?"; ls -A small; '
                  'test "$(head -c3 small/a.img)" != old || cat small/a.img; }; umount small')
        arguments = self.build_arguments(cli.PROFILE + BIG, "small/a.img")
        failed = 0
        for pages in [2, *range(40, 800, 40)]:
            with self.subTest(pages=pages):
                done = self.run_program(
                    *arguments, env=self.environment(SIZE=str(pages * 4096)),
                    wrap=lambda argv: [*UNSHARE, "sh", "-c", script, "sh", *argv])
                if done.stdout == "status 0\na.img\n":
                    continue
                failed += 1
                self.assertEqual(done.stdout, "status 1\na.img\nold\n", done.stderr)
                self.assertRegex(done.stderr, r"\Amkinitrd: .*'small/a\.img'.*"
                                              r"(space|room|free).*\n\Z")
        self.assertGreater(failed, 10)
        self.assertLess(failed, 20)  # the largest is large enough

    def test_file_size_limit_at_20_points(self):
        self.make_big(1 << 20)
        old = self.old_image()
        arguments = self.build_arguments(cli.PROFILE + BIG)
        for size in range(50 << 10, 1050 << 10, 50 << 10):
            with self.subTest(size=size):
                done = self.run_program(*arguments, preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_FSIZE, (size, size)))
                self.assertEqual((done.status, done.stdout), (1, ""))
                self.assertRegex(done.stderr, r"\Amkinitrd: .*'a\.img'.*: File too large\n\Z")
                self.assert_old_image(old)

    @unittest.skipUnless(os.geteuid() == 0, "mounting takes root")
    def test_read_only_target(self):
        os.mkdir(self.path("small"))
        script = ('mount -t tmpfs small small && echo old >small/a.img && '
                  'mount -o remount,ro small && '
                  '{ "$@"; echo "status $?"; ls -A small; cat small/a.img; }; umount small')
        done = self.run_program(*self.build_arguments(output="small/a.img"),
                                wrap=lambda argv: [*UNSHARE, "sh", "-c", script, "sh", *argv])
        self.assertEqual(done.stdout, "status 1\na.img\nold\n")
        self.assertEqual(done.stderr, "mkinitrd: cannot make a file beside 'small/a.img': "
                                      "Read-only file system\n")

    def test_target_that_is_no_file(self):
        os.mkfifo(self.path("pipe"))
        for path in ("/dev/null", "pipe"):
            self.check(self.build_arguments(output=path), 1, "",
                       f"mkinitrd: cannot write '{path}': it is no regular file\n")
        self.assertEqual(self.images(), ["pipe"])

    def test_target_behind_symlinks(self):
        os.mkdir(self.path("boot"))
        for link, target in (("one", "boot/a.img"), ("boot/two", "b.img"), ("three", "boot/two"),
                             ("four", self.path("boot/c.img"))):
            os.symlink(target, self.path(link))
        for link, written in (("one", "a.img"), ("three", "b.img"), ("four", "c.img")):
            for _ in ("a link to nothing", "a link to a file"):
                self.check(self.build_arguments(output=link), 0, "",
                           f"mkinitrd: {link}: SUMMARY\n")
                self.assertTrue(os.path.islink(self.path(link)))
                self.assertFalse(os.path.islink(self.path(f"boot/{written}")))
                self.assertGreater(os.path.getsize(self.path(f"boot/{written}")), 100)
        self.assertEqual(sorted(os.listdir(self.path("boot"))), ["a.img", "b.img", "c.img", "two"])

    def test_target_behind_symlinks_to_no_file(self):
        for link, target, why in (
                ("gone", "missing/a.img", "its directory 'missing': No such file or directory"),
                ("circle", "circle", "Too many levels of symbolic links"),
                ("folder", ".", "it is a directory; give a file name with -o")):
            os.symlink(target, self.path(link))
            self.check(self.build_arguments(output=link), 1, "",
                       f"mkinitrd: cannot write '{link}': {why}\n")
            self.assertEqual(os.readlink(self.path(link)), target)
        self.assertEqual(self.images(), ["circle", "folder", "gone"])

    def test_output_is_a_source(self):
        content = b"a source\n" * 100
        self.root.file("etc/big", content)
        os.symlink("root/etc/big", self.path("link"))
        for output in ("root/etc/big", "link"):
            self.check(self.build_arguments(cli.PROFILE + BIG, output), 1, "",
                       "mkinitrd: cannot pack '/etc/big' in the root (for 'etc/big'): the image "
                       "would replace it; give another name with -o\n")
            with open(self.root / "etc/big", "rb") as file:
                self.assertEqual(file.read(), content)
        self.assertEqual(sorted(os.listdir(self.root / "etc")), ["big"])

    def test_source_that_shrinks_and_grows(self):
        path = self.root.file("etc/big", b"")
        os.truncate(path, 8 << 20)
        arguments = self.build_arguments(cli.PROFILE + BIG)
        ended = threading.Event()

        def disturb():
            number = 0
            while not ended.wait(0.003):
                number += 1
                os.truncate(path, (4 + number % 5) << 20)

        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            for _ in range(8):
                done = self.run_program(*arguments)
                if done.status:
                    self.assertEqual(done.stderr, "mkinitrd: '/etc/big' changed while it was "
                                                  "read; run again\n")
                    self.assertEqual(self.images(), [])
                else:
                    self.assertEqual(self.run_program("ls", "a.img").status, 0)
                    os.unlink(self.path("a.img"))
        finally:
            ended.set()
            thread.join()

    def test_file_over_4_gib(self):
        old = self.old_image()
        os.truncate(self.root.file("etc/big", b""), 1 << 32)
        done = self.run_program(*self.build_arguments(cli.PROFILE + BIG))
        self.assertEqual(done.status, 1)
        self.assertRegex(done.stderr, r"\Amkinitrd: .*/etc/big.*4 GiB.*\n\Z")
        self.assert_old_image(old)

    def on_terminal(self, *words):
        terminal = Terminal([cli.MKINITRD, *self.build_arguments(cli.PROFILE + BIG), *words],
                            self.environment(TERM="xterm"), self.directory)
        self.addCleanup(terminal.close)
        fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
        return terminal

    def test_terminal_short(self):
        self.make_big(1 << 10)
        start = time.monotonic()
        for words in ([], ["--progress", "always"]):
            terminal = self.on_terminal(*words)
            self.assertEqual(terminal.wait(), 0)
            if time.monotonic() - start < 1:
                self.assertNotIn("\x1b", terminal.all)

    def test_terminal_long(self):
        self.make_big(48 << 20)
        terminal = self.on_terminal("-c", "xz:6")  # seconds, on any machine
        self.assertEqual(terminal.wait(300), 0)
        drawn = re.findall(r"\r\x1b\[K([^\r\n]*)", terminal.all)
        self.assertGreater(len(drawn), 2, terminal.all)
        for line in drawn[:-1]:
            self.assertLess(len(line), 40)
        self.assertRegex(drawn[-1], r"\Amkinitrd: a\.img: ")  # after the line was wiped

    def test_terminal_interrupt(self):
        old = self.old_image()
        self.make_big(96 << 20)
        terminal = self.on_terminal("-c", "xz:6")  # seconds, on any machine
        # without this the terminal throws away what was written while it sends the signal
        attributes = termios.tcgetattr(terminal.fd)
        attributes[3] |= termios.NOFLSH
        termios.tcsetattr(terminal.fd, termios.TCSANOW, attributes)
        terminal.read(r"\x1b\[Kmkinitrd: compressing", 300)
        terminal.send("\x03")
        self.assertEqual(terminal.wait(), -signal.SIGINT)
        self.assertRegex(terminal.all, r"\r\x1b\[K\Z")
        self.assert_old_image(old)


if __name__ == "__main__":
    cli.main("unshare")
