# SPDX-License-Identifier: Apache-2.0
"""The output appears whole or not at all, whatever happens while it is written."""
import os
import random
import resource
import signal
import subprocess
import time
import unittest

import cli

BIG = "files: { /etc/big: {} }\n"
BIG_BYTES = 192 << 20


class Output(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()

    def make_big(self, size=BIG_BYTES):
        """A file that takes a while: random, so that compression cannot hurry past it."""
        with open(self.root / "etc/big", "wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))

    def old_image(self):
        """A good image at the output's place. Returns its bytes."""
        self.assertEqual(self.run_program(*self.build_arguments()).status, 0)
        with open(self.path("a.img"), "rb") as file:
            return file.read()

    def assert_old_image(self, old):
        with open(self.path("a.img"), "rb") as file:
            self.assertTrue(file.read() == old, "the old image has changed")

    def start_writing(self, *words):
        """Start a build, return it once its temporary file stands in the folder and grows."""
        before = set(self.images())
        build = subprocess.Popen([cli.MKINITRD, *self.build_arguments(cli.PROFILE + BIG), *words],
                                 cwd=self.directory, env=self.environment(),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
        self.addCleanup(build.stderr.close)
        self.addCleanup(build.kill)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for name in set(self.images()) - before:
                if os.stat(self.path(name)).st_size > 0:
                    return build
            self.assertIsNone(build.poll(), "the build ended before it could be interrupted")
            time.sleep(0.002)
        self.fail("no temporary file was seen beside the output")

    def check_signal(self, number, leaves_temporary=False):
        self.make_big()
        old = self.old_image()
        build = self.start_writing()
        build.send_signal(number)
        self.assertEqual(build.wait(60), -number)
        self.assert_old_image(old)
        if leaves_temporary:
            self.assertEqual(len(self.images()), 2)
            self.assertEqual(self.run_program(*self.build_arguments()).status, 0)
        self.assertEqual(self.images(), ["a.img"])

    def test_kill_at_random_moments(self):
        self.make_big(2 << 20)
        self.old_image()
        arguments = self.build_arguments(cli.PROFILE + BIG)
        start = time.monotonic()
        good = self.old_image()  # the two that may be there: without and with the large file
        self.assertEqual(self.run_program(*arguments).status, 0)
        duration = time.monotonic() - start
        with open(self.path("a.img"), "rb") as file:
            images = {good, file.read()}
        seed = int(os.environ.get("MKINITRD_TEST_SEED", time.time_ns() % 1000000))
        print(f"seed {seed}", flush=True)
        moments = random.Random(seed)
        for number in range(50):
            build = subprocess.Popen([cli.MKINITRD, *arguments], cwd=self.directory,
                                     env=self.environment(), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                build.wait(moments.random() * duration)
            except subprocess.TimeoutExpired:
                build.kill()
                build.wait(60)
            with open(self.path("a.img"), "rb") as file:
                self.assertIn(file.read(), images, f"kill {number} of seed {seed}")
            # each build removes what the one before has left
            self.assertLessEqual(len(self.images()), 2, f"kill {number} of seed {seed}")
        self.assertEqual(self.run_program(*arguments).status, 0)
        self.assertEqual(self.images(), ["a.img"])

    def test_builds_at_once(self):
        self.make_big(1 << 20)
        arguments = self.build_arguments(cli.PROFILE + BIG)
        builds = [subprocess.Popen([cli.MKINITRD, *arguments], cwd=self.directory,
                                   env=self.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                  for _ in range(10)]
        for build in builds:
            words = build.communicate(timeout=120)[1].decode()
            self.assertEqual(build.returncode, 0, words)
        self.assertEqual(self.images(), ["a.img"])
        self.assertEqual(self.run_program("ls", "a.img").status, 0)

    def test_limit(self):
        self.make_big(8 << 20)  # larger than init, with its symbols
        self.old_image()
        profile = cli.PROFILE + BIG + "output: { limit: 700K }\n"
        for compress in ("none", "lz4", "xz:0"):
            with self.subTest(compress=compress):
                done = self.run_program(*self.build_arguments(profile), "-c", compress)
                self.assertEqual(done.status, 1)
                lines = done.stderr.splitlines()
                self.assertRegex(lines[0], r"^mkinitrd: 'a\.img' would be over its limit of ")
                self.assertRegex(lines[1],
                                 r"^ +8\.\d MB  etc/big: file .*\(fixture\.yaml:\d+\)$")
                self.assertEqual(len(lines), 11)
                self.assertEqual(self.images(), ["a.img"])
        done = self.run_program(*self.build_arguments(profile), "--force")
        self.assertEqual(done.status, 0)
        self.assertRegex(done.stderr, r"mkinitrd: warning: 'a\.img' has .*over its limit")

    def test_kernel_that_cannot_unpack(self):
        os.makedirs(self.root / "boot", exist_ok=True)
        with open(self.root / f"boot/config-{cli.RELEASE}", "w", encoding="utf-8") as file:
            file.write("CONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set\nCONFIG_RD_XZ=y\n")
        self.check(self.build_arguments(), 1, "",
                   f"mkinitrd: kernel '{cli.RELEASE}' cannot unpack zstd: '/boot/config-"
                   f"{cli.RELEASE}' lacks CONFIG_RD_ZSTD; it can: none, gzip, xz (-c, or "
                   "output.compress of the profile)\n")
        self.check([*self.build_arguments(), "-c", "xz:0"], 0, "", "mkinitrd: a.img: SUMMARY\n")
        done = self.run_program(*self.build_arguments(), "--force")
        self.assertEqual(done.status, 0)
        self.assertIn("cannot unpack zstd", done.stderr)

    def test_progress(self):
        self.make_big(64 << 20)
        build = self.start_writing("--progress", "always")
        # nothing is shown in the first second: on a fast machine all would be over by then
        build.send_signal(signal.SIGSTOP)
        time.sleep(1.2)
        build.send_signal(signal.SIGCONT)
        said = build.stderr.read().decode()
        self.assertEqual(build.wait(120), 0, said)
        self.assertRegex(said, r"\r\x1b\[Kmkinitrd: compressing \d+/\d+ MB  etc/big")
        # wiped before the last line
        self.assertRegex(said, r"\r\x1b\[Kmkinitrd: a\.img: [^\r]*\n\Z")
        for words in ([], ["--progress", "never"], ["--progress", "auto"]):
            build = self.start_writing(*words)
            build.send_signal(signal.SIGSTOP)
            time.sleep(1.2)
            build.send_signal(signal.SIGCONT)
            self.assertNotIn(b"\r", build.stderr.read())  # no terminal
            self.assertEqual(build.wait(120), 0)

    def test_interrupt_leaves_the_old_image_and_no_temporary(self):
        self.check_signal(signal.SIGINT)

    def test_terminate_leaves_the_old_image_and_no_temporary(self):
        self.check_signal(signal.SIGTERM)

    def test_kill_leaves_the_old_image(self):
        self.check_signal(signal.SIGKILL, leaves_temporary=True)

    def test_file_that_changes_while_it_is_read(self):
        self.make_big()
        old = self.old_image()
        build = self.start_writing()
        while build.poll() is None:
            with open(self.root / "etc/big", "ab") as file:
                file.write(b"more")
            time.sleep(0.001)
        self.assertEqual(build.returncode, 1)
        self.assertEqual(build.stderr.read().decode(),
                         "mkinitrd: '/etc/big' changed while it was read; run again\n")
        self.assert_old_image(old)
        self.assertEqual(self.images(), ["a.img"])

    def test_source_that_is_another_one_when_it_is_packed(self):
        """All of the root was looked at; what comes after the large file was not yet read."""
        self.make_big()
        late = self.root.file("etc/late", "a source\n")
        old = self.old_image()
        changed = "'/etc/late' changed while it was read; run again"
        no_file = ("cannot pack what is no regular file: '/etc/late' in the root (for 'etc/late', "
                   "file (late.yaml:1))")

        def rewrite():
            with open(late, "w", encoding="utf-8") as file:
                file.write("a source.")

        def move_away():
            os.rename(late, late + "r")
        for disturb, line in (
                (rewrite, changed),
                (lambda: os.replace(self.root.file("etc/other", "other\n"), late), changed),
                (move_away, "'/etc/late' vanished while the image was made; run again"),
                (lambda: (os.unlink(late), os.mkfifo(late)), no_file),
                (lambda: (os.unlink(late), os.mkdir(late)), no_file)):
            if os.path.lexists(late):
                os.unlink(late)
            self.root.file("etc/late", "a source\n")
            build = self.start_writing("-p", self.write("late.yaml", "files: { /etc/late: {} }\n"))
            disturb()
            self.assertEqual(build.wait(120), 1)
            self.assertEqual(build.stderr.read().decode(), f"mkinitrd: {line}\n")
            self.assert_old_image(old)
            self.assertEqual(self.images(), ["a.img", "late.yaml"])

    def test_program_that_is_upgraded_meanwhile(self):
        self.make_big()
        old = self.old_image()
        build = self.start_writing()
        os.unlink(self.root / "usr/bin/hello")
        self.root.program("hello", "greet")
        self.assertEqual(build.wait(120), 1)
        self.assertEqual(build.stderr.read().decode(),
                         "mkinitrd: '/usr/bin/hello' changed while it was read; run again\n")
        self.assert_old_image(old)

    def test_unwritable_output(self):
        os.mkdir(self.path("folder"))
        self.check(self.build_arguments(output="missing/a.img"), 1, "",
                   "mkinitrd: cannot write 'missing/a.img': its directory 'missing': "
                   "No such file or directory\n")
        self.check(self.build_arguments(output="folder"), 1, "",
                   "mkinitrd: cannot write 'folder': it is a directory; give a file name with -o\n")
        os.chmod(self.path("folder"), 0o555)
        self.check(self.build_arguments(output="folder/a.img"), 1, "",
                   "mkinitrd: cannot make a file beside 'folder/a.img': Permission denied\n",
                   program=self.installed(), wrap=cli.as_nobody)
        self.assertEqual(os.listdir(self.path("folder")), [])

    @unittest.skipUnless(os.geteuid() == 0, "mounting a small tmpfs takes root")
    def test_full_disk(self):
        self.make_big(4 << 20)
        os.mkdir(self.path("small"))
        script = ('mount -t tmpfs -o size=3m small small && echo old >small/a.img && '
                  '{ "$@"; echo "status $?"; ls -A small; cat small/a.img; }; umount small')
        # in a chroot "/" is no mount point and cannot be made private
        private = subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, timeout=60,
                                 check=False).returncode == 0
        unshare = ["unshare", "-m"] + ([] if private else ["--propagation", "unchanged"])
        done = self.run_program(
            *self.build_arguments(cli.PROFILE + BIG, "small/a.img"),
            wrap=lambda argv: [*unshare, "sh", "-c", script, "sh", *argv])
        self.assertEqual(done.stdout, "status 1\na.img\nold\n")
        self.assertRegex(done.stderr, r"^mkinitrd: .*'small/a\.img'.*(space|room).*\n$")

    def test_disk_that_fills_up_meanwhile(self):
        self.make_big(8 << 20)
        old = self.old_image()

        def limit():
            # as ENOSPC would, this fails a write(2) in the middle: EFBIG
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))

        done = self.run_program(*self.build_arguments(cli.PROFILE + BIG), preexec_fn=limit)
        self.assertEqual((done.status, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Amkinitrd: cannot write 'a\.img' after [\d.]+ .?B; nothing "
                         r"else was changed: File too large\n\Z")
        self.assert_old_image(old)
        self.assertEqual(self.images(), ["a.img"])


if __name__ == "__main__":
    cli.main("unshare")
