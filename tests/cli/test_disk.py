# SPDX-License-Identifier: Apache-2.0
"""mkinitrd disk: disks from a fixture root, looked at by others' tools; every cut of an update.

Facts: strace -y prints a descriptor's path; -xx every byte. What fsck.vfat says of what a cut may
       leave: clusters of nobody, a count of free ones that is old, tables of which one is newer.
"""
import fcntl
import hashlib
import os
import re
import subprocess
import unittest

import cli
from terminal import Terminal

MIB = 1 << 20
BOOT = 2 * MIB
PROFILE = cli.PROFILE + """\
kernel: { cmdline: { console: ["tty0", "ttyS0,115200"], say: '"a b"' } }
output: { disk: { boot: 40M, size: 120M } }
"""
MADE = (r"mkinitrd: initrd: \d+ entries, .*\n"
        r"mkinitrd: {}: 125\.8 MB, boots fixture 6\.0\.0-fixture by BIOS and UEFI; "
        r"boot partition 41\.9 MB, DOCKER 80\.7 MB{}\n$")
HARMLESS = re.compile(
    r"^(fsck\.fat .*|.*: \d+ files, \d+/\d+ clusters|Reclaimed? .*|Orphan.*|"
    r"Free cluster summary wrong.*|  Auto-correcting.*|Auto-correcting\.|"
    r"FATs differ.*|  Using first FAT\.|"
    r"Leaving filesystem unchanged\.|)$")
WRITE = re.compile(r"^\d+ +(pwrite64|fdatasync|fallocate)\(\d+<([^>]*)>(.*)\) = (\d+)$")


def run(*argv, status=0):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, check=False,
                          env=dict(os.environ, LC_ALL="C", MTOOLSRC="/dev/null"))
    text = done.stdout.decode("utf-8", "replace")
    if status is not None and done.returncode != status:
        raise AssertionError(f"{' '.join(argv)}: status {done.returncode}\n{text}")
    return text


def state():
    """What a run must not leave behind: mounts and loop devices."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = file.read()
    return mounts, sorted(name for name in os.listdir("/sys/block")
                          if os.path.exists(f"/sys/block/{name}/loop"))


class DiskTest(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()
        self.kernel = self.new_kernel("first kernel ")

    def new_kernel(self, text):
        content = (text * 20000).encode()[:200000]
        self.root.file(f"boot/vmlinuz-{cli.RELEASE}", content)
        return content

    def environment(self, **more):
        os.makedirs(self.path("temporary"), exist_ok=True)
        os.chmod(self.path("temporary"), 0o1777)
        return super().environment(TMPDIR=self.path("temporary"), **more)

    def arguments(self, *more, profile=PROFILE):
        return ["disk", "-p", self.write("fixture.yaml", profile), "--root", self.path("root"),
                "-k", cli.RELEASE, *more]

    def make(self, name="d.img", *more, **options):
        done = self.run_program(*self.arguments("-o", name, *more), **options)
        self.assertRegex(done.stderr, MADE.format(re.escape(name), ""))
        self.assertEqual((done.status, done.stdout, os.listdir(self.path("temporary"))),
                         (0, "", []))
        return self.path(name)

    def into(self, *more, **options):
        done = self.run_program(*self.arguments("--into", "d.img", *more), **options)
        self.assertEqual(os.listdir(self.path("temporary")), [])
        return done

    def refuse(self, arguments, line, status=1):
        done = self.run_program(*arguments)
        self.assertEqual((done.status, done.stdout), (status, ""))
        self.assertEqual(done.stderr.splitlines()[-1], "mkinitrd: " + line)
        return done

    # ---- others' eyes ----

    def boot_file(self, disk, path):
        """A file of the boot partition, by mtools; None when it is not there."""
        done = subprocess.run(["mcopy", "-n", "-i", f"{disk}@@{BOOT}", "::/" + path, "-"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              check=False, env=dict(os.environ, MTOOLSRC="/dev/null"))
        return done.stdout if done.returncode == 0 else None

    def partition(self, disk, number, name="partition"):
        """A partition as a file of its own, and where it lies."""
        text = run("sfdisk", "-d", disk)
        start, size = (int(n) for n in re.search(
            rf"{re.escape(disk)}{number} : start= *(\d+), size= *(\d+)", text).groups())
        run("dd", f"if={disk}", f"of={self.path(name)}", "bs=512", f"skip={start}",
            f"count={size}", "conv=sparse", "status=none")
        os.truncate(self.path(name), size * 512)
        return self.path(name), start * 512, size * 512

    def check_clean(self, disk):
        self.assertIn("No errors detected", run("sfdisk", "--verify", disk))
        self.assertIn("No problems found", run("sgdisk", "--verify", disk))
        run("fsck.vfat", "-n", self.partition(disk, 2)[0])
        words = run("e2fsck", "-fn", self.partition(disk, 3)[0])
        self.assertNotRegex(words, r"\?\s+no|WARNING")

    def letter(self, disk):
        match = re.search(rb"^default mkinitrd-([ab])\.conf$",
                          self.boot_file(disk, "loader/loader.conf"), re.M)
        return match.group(1).decode()

    def check_slot(self, disk, letter, kernel):
        """A slot is whole: this kernel, and entries for both boot loaders."""
        self.assertTrue(self.boot_file(disk, f"{letter}/vmlinuz") == kernel)
        initrd = self.boot_file(disk, f"{letter}/initrd.img")
        with open(self.path("initrd.img"), "wb") as file:
            file.write(initrd)
        self.assertEqual(self.run_program("check", "initrd.img", "--root", "root").stdout, "")
        self.assertEqual(
            self.boot_file(disk, f"{letter}/boot.cfg").decode(),
            f"menuentry 'fixture 6.0.0-fixture' --id {letter} {{\n"
            f"\tlinux /{letter}/vmlinuz 'console=tty0' 'console=ttyS0,115200' 'say=a b'\n"
            f"\tinitrd /{letter}/initrd.img\n}}\n")
        self.assertEqual(
            self.boot_file(disk, f"loader/entries/mkinitrd-{letter}.conf").decode(),
            f"title fixture 6.0.0-fixture ({letter})\nlinux /{letter}/vmlinuz\n"
            f"initrd /{letter}/initrd.img\n"
            "options console=tty0 console=ttyS0,115200 say=\"a b\"\n")


class Make(DiskTest):

    def test_D0_1_D0_14_made_without_root_the_same_each_time(self):
        before = state()
        os.chmod(self.directory, 0o777)
        disk = self.make(program=self.installed(), wrap=cli.as_nobody)
        self.assertEqual(state(), before)
        self.assertEqual(os.stat(disk).st_size, 120 * MIB)
        self.assertLess(os.stat(disk).st_blocks * 512, 4 * MIB)
        self.check_clean(disk)
        self.check_slot(disk, "a", self.kernel)
        self.assertEqual(self.letter(disk), "a")
        self.assertIsNone(self.boot_file(disk, "b/vmlinuz"))
        with open("/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "rb") as file:
            self.assertTrue(file.read() == self.boot_file(disk, "EFI/BOOT/BOOTX64.EFI"))
        self.assertIn(b"serial --unit=0 --speed=115200", self.boot_file(disk, "grub/grub.cfg"))
        header = run("dumpe2fs", "-h", self.partition(disk, 3)[0])
        self.assertIn("Filesystem volume name:   DOCKER", header)
        again = self.make("again.img", "-j", "1")
        run("cmp", disk, again)
        # of an image made earlier, with the kernel named: the same
        self.run_program(*self.build_arguments(PROFILE))
        done = self.run_program("disk", "a.img", "--disk-size", "90M", "-o", "image.img", "-k",
                                f"root/boot/vmlinuz-{cli.RELEASE}")
        self.assertEqual(done.status, 1)
        done = self.run_program("disk", "a.img", "--disk-size", "400M", "-o", "image.img", "-k",
                                f"root/boot/vmlinuz-{cli.RELEASE}")
        self.assertEqual(done.status, 0, done.stderr)
        self.check_slot(self.path("image.img"), "a", self.kernel)
        # another kernel: other ids
        self.new_kernel("second kernel ")
        other = self.make("other.img")
        self.assertEqual(len(set(re.findall(r"(?:label-id: |uuid=)(\S+)",
                                            run("sfdisk", "-d", disk)
                                            + run("sfdisk", "-d", other)))), 8)

    def test_D0_14_a_squashfs_lies_in_the_slot(self):
        profile = cli.PROFILE + "output: { disk: { boot: 40M, size: 120M } }\n"
        arguments = ["--layout", "squashfs"]
        # what the layout asks of the kernel is built in
        modules = self.root / f"usr/lib/modules/{cli.RELEASE}"
        with open(os.path.join(modules, "modules.builtin"), "w", encoding="ascii") as file:
            for name in ("block/loop", "squashfs/squashfs", "overlayfs/overlay"):
                file.write(f"kernel/fs/{name}.ko\n")
        run("depmod", "-b", self.path("root"), cli.RELEASE)
        done = self.run_program(*self.arguments("-o", "d.img", *arguments, profile=profile))
        self.assertEqual(done.status, 0, done.stderr)
        self.assertEqual(os.listdir(self.path("temporary")), [])
        disk = self.path("d.img")
        content = self.boot_file(disk, "a/root.squashfs")
        self.assertEqual(content[:4], b"hsqs")
        uuid = re.search(r"2 : .*uuid=(\S+),", run("sfdisk", "-d", disk)).group(1).lower()
        where = f" root=PARTUUID={uuid} mkinitrd.image=/a/root.squashfs\n"
        self.assertIn(where, self.boot_file(disk, "a/boot.cfg").decode())
        self.assertIn(where,
                      self.boot_file(disk, "loader/entries/mkinitrd-a.conf").decode())
        self.new_kernel("second kernel ")
        done = self.run_program(*self.arguments("--into", "d.img", *arguments, profile=profile))
        self.assertEqual(done.status, 0, done.stderr)
        self.assertTrue(self.boot_file(disk, "b/root.squashfs") == content)
        self.assertIn(where.replace("/a/", "/b/"), self.boot_file(disk, "b/boot.cfg").decode())
        self.check_clean(disk)
        # in two steps
        build = self.build_arguments(profile) + arguments
        done = self.run_program(*build, "--squashfs", "root.squashfs")
        self.assertEqual(done.status, 0, done.stderr)
        kernel = f"root/boot/vmlinuz-{cli.RELEASE}"
        self.refuse(["disk", "a.img", "-o", "e.img", "-k", kernel],
                    "image 'a.img' has its root in a SquashFS of its own; name that with "
                    "--squashfs")
        done = self.run_program("disk", "a.img", "--squashfs", "root.squashfs", "-o", "e.img",
                                "-k", kernel)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertTrue(self.boot_file(self.path("e.img"), "a/root.squashfs") == content)

    def test_D0_11_D0_16_a_hosts_bundle_is_on_the_disk_and_stays(self):
        profile = PROFILE.replace("boot:\n", "boot:\n  bundle: { find: LABEL=MKINITRD }\n")
        self.write("fixture.yaml", profile)
        self.write("host.yaml", "files: { /etc/motd: { content: web1 } }\n")
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.path("site.pem"))
        for number, more in ((1, ["--sign", "site.pem"]), (2, [])):
            self.write("host.yaml", f"files: {{ /etc/motd: {{ content: web{number} }} }}\n")
            done = self.run_program("profile", "bundle", "-q", "-p", "./fixture.yaml", "-p",
                                    "./host.yaml", "-o", f"{number}.bundle", *more)
            self.assertEqual(done.status, 0, done.stderr)
        content = {}
        for name in ("1.bundle", "1.bundle.sig", "2.bundle"):
            with open(self.path(name), "rb") as file:
                content[name] = file.read()
        done = self.run_program(*self.arguments("-o", "d.img", "--bundle", "1.bundle",
                                                profile=profile))
        self.assertEqual(done.status, 0, done.stderr)
        disk = self.path("d.img")

        def check(bundle, signature):
            self.assertEqual(self.boot_file(disk, "mkinitrd/host.bundle"), bundle)
            self.assertEqual(self.boot_file(disk, "mkinitrd/host.bundle.sig"), signature)
            self.check_clean(disk)

        check(content["1.bundle"], content["1.bundle.sig"])
        for kernel in ("second", "third"):
            self.new_kernel(kernel)
            done = self.run_program(*self.arguments("--into", "d.img", profile=profile))
            self.assertEqual(done.status, 0, done.stderr)
            check(content["1.bundle"], content["1.bundle.sig"])
        self.refuse(self.arguments("--into", "d.img", "--bundle", "2.bundle", profile=profile),
                    "'d.img' is a disk of ours, whose bundle an update leaves as it is; copy the "
                    "new one onto its boot partition (partition 2, FAT), or make the disk anew: "
                    "--keep-data, --force")
        check(content["1.bundle"], content["1.bundle.sig"])
        done = self.run_program(*self.arguments("--into", "d.img", "--keep-data", "--yes",
                                                "--bundle", "2.bundle", profile=profile))
        self.assertEqual(done.status, 0, done.stderr)
        check(content["2.bundle"], None)
        # what the image would not take, or would not look for
        self.write("no.bundle", "no bundle\n")
        for more, given, line in (
                ((), "2.bundle", "--bundle 2.bundle: the image looks for none; say 'boot: bundle: "
                 "{}' in its profile"),
                (("--set", "boot.bundle.find=LABEL=MKINITRD"), "none.bundle",
                 "cannot read bundle 'none.bundle': No such file or directory"),
                (("--set", "boot.bundle.find=LABEL=MKINITRD"), "no.bundle", None)):
            done = self.run_program(*self.arguments("-o", "e.img", "--bundle", given, *more))
            self.assertEqual(done.status, 1)
            if line:
                self.assertEqual(done.stderr.splitlines()[-1], "mkinitrd: " + line)
            self.assertFalse(os.path.exists(self.path("e.img")))

    def test_D0_1_the_profiles_sizes_are_kept_to(self):
        for sizes, line in (
                ("boot: 40M, size: 100M",
                 "'d.img' is too small: it has 104.9 MB, and 112.2 MB are needed (boot 41.9 MB, "
                 "DOCKER 67.1 MB); nothing was written; set output.disk.boot lower, or take a "
                 "larger disk"),
                ("boot: 20M",
                 "the boot partition of 'd.img' is too small: output.disk.boot is 21.0 MB, and "
                 "two slots need 35.7 MB"),
                ("size: 64M",
                 "'d.img' is too small: it has 67.1 MB, and 105.9 MB are needed (boot 35.7 MB, "
                 "DOCKER 67.1 MB); nothing was written; take a larger disk, or leave something "
                 "out")):
            with self.subTest(sizes):
                self.refuse(self.arguments(
                    "-o", "d.img", profile=cli.PROFILE + f"output: {{ disk: {{ {sizes} }} }}\n"),
                    line)
                self.assertFalse(os.path.exists(self.path("d.img")))
        self.assertEqual(os.listdir(self.path("temporary")), [])

    def test_used_wrongly(self):
        for arguments, line in (
                ([], "disk takes either -o FILE or --into DISK"),
                (["-o", "a", "--into", "b"], "disk takes either -o FILE or --into DISK"),
                (["-o", "a"], "disk takes either -p PROFILE or one IMAGE"),
                (["-o", "a", "-p", "b", "c"], "disk takes either -p PROFILE or one IMAGE"),
                (["-o", "a", "b", "--set", "c=d"], "--set needs -p PROFILE: an IMAGE is as it is"),
                (["-o", "a", "-p", "b", "--squashfs", "c"],
                 "--squashfs needs an IMAGE: a build puts it onto the disk by itself"),
                (["-o", "a", "b", "--yes"], "--keep-data and --yes need --into DISK"),
                (["--into", "a", "b", "--disk-size", "2G"],
                 "--disk-size needs -o FILE: a disk has its size")):
            self.refuse(["disk", *arguments], line + "; see mkinitrd disk --help", 2)
        self.refuse(self.arguments("-o", "a", "--disk-size", "many"),
                    "--disk-size 'many' is no size of 1M or more, such as 4G")

    def test_what_is_missing_is_named(self):
        os.unlink(self.root / f"boot/vmlinuz-{cli.RELEASE}")
        self.refuse(self.arguments("-o", "d.img"),
                    f"no kernel of release '{cli.RELEASE}' in /boot or /usr/lib/modules of the "
                    f"root '{self.path('root')}'; install its package there: No such file or "
                    "directory")
        self.new_kernel("a kernel")
        done = self.run_program(*self.arguments("-o", "d.img"),
                                env=self.environment(PATH=self.path("nothing")))
        self.assertEqual(done.stderr.splitlines()[-1],
                         "mkinitrd: cannot run 'grub-mkimage'; install the "
                         "package grub-pc-bin (with grub-common): No such file or directory")
        self.assertEqual(done.status, 1)


class Into(DiskTest):

    def test_D0_14_a_disk_is_asked_for_and_made_anew(self):
        run("truncate", "-s", "120M", self.path("d.img"))
        run("mke2fs", "-q", "-F", "-L", "old", self.path("d.img"))
        with open(self.path("d.img"), "rb") as file:
            before = hashlib.sha256(file.read()).digest()
        for answer in (None, "no\n", ""):
            if answer is None:
                done = self.into()
                self.assertEqual(
                    done.stderr, "mkinitrd: 'd.img': 125.8 MB, ext2, label 'old'\n"
                    "mkinitrd: 'd.img' would be erased, all of it; nothing was written: say "
                    "--yes, or answer on a terminal\n")
            else:
                status, text = self.on_terminal(answer)
                self.assertEqual(status, 1)
                self.assertIn("mkinitrd: erase 'd.img', all of it? yes or no:", text)
                self.assertIn("mkinitrd: 'd.img' was left as it is", text)
            with open(self.path("d.img"), "rb") as file:
                self.assertEqual(hashlib.sha256(file.read()).digest(), before)
        status, text = self.on_terminal("yes\n")
        self.assertEqual(status, 0, text)
        self.check_clean(self.path("d.img"))
        self.check_slot(self.path("d.img"), "a", self.kernel)

    def on_terminal(self, answer):
        terminal = Terminal([cli.MKINITRD, *self.arguments("--into", "d.img", "--progress",
                                                           "never")],
                            self.environment(), self.directory)
        self.addCleanup(terminal.close)
        terminal.read("yes or no:")
        terminal.send(answer or "\x04")
        return terminal.wait(120), terminal.all

    def test_D0_14_too_small_is_said_first(self):
        for size, line in (("64M", "'d.img' is too small: it has 67.1 MB, and 112.2 MB are needed "
                            "(boot 41.9 MB, DOCKER 67.1 MB); nothing was written; set "
                            "output.disk.boot lower, or take a larger disk"),
                           ("0", "'d.img' is too small")):
            run("truncate", "-s", size, self.path("d.img"))
            done = self.into("--yes")
            self.assertEqual(done.status, 1)
            self.assertIn("mkinitrd: " + line, done.stderr)
            self.assertEqual(os.stat(self.path("d.img")).st_blocks, 0)

    def test_D0_14_one_that_is_in_use_is_refused(self):
        self.make()
        with open(self.path("d.img"), "rb+") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            for more in ((), ("--force", "--yes")):
                self.refuse(self.arguments("--into", "d.img", *more),
                            "'d.img' is in use by another program, a virtual machine perhaps")
        self.refuse(self.arguments("--into", "nothing.img"),
                    "cannot write to 'nothing.img'; -o makes a new disk image: No such file or "
                    "directory")
        self.refuse(self.arguments("--into", "/dev/null"),
                    "'/dev/null' is no disk and no disk image")

    def test_D0_14_docker_is_kept(self):
        disk = self.make()
        part, offset, size = self.partition(disk, 3)
        run("debugfs", "-w", "-R", f"write {self.root / 'usr/bin/hello'} data", part)
        run("dd", f"if={part}", f"of={disk}", "bs=1M", f"seek={offset // MIB}", "conv=notrunc",
            "status=none")
        with open(part, "rb") as file:
            before = hashlib.sha256(file.read()).digest()
        uuid = re.search(r"3 : .*uuid=(\S+),", run("sfdisk", "-d", disk)).group(1)
        kernel = self.new_kernel("second kernel ")
        done = self.into("--keep-data", "--yes")
        self.assertRegex(done.stderr, MADE.format("d\\.img", ", kept"))
        self.assertIn("  partition 3: 80.7 MB, ext4, label 'DOCKER'\n", done.stderr)
        self.check_clean(disk)
        self.check_slot(disk, "a", kernel)
        with open(self.partition(disk, 3)[0], "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).digest(), before)
        self.assertEqual(re.search(r"3 : .*uuid=(\S+),", run("sfdisk", "-d", disk)).group(1), uuid)
        # too little room before it
        self.refuse(self.arguments("--into", "d.img", "--keep-data", "--yes", "--set",
                                   "output.disk.boot=60M"),
                    "'d.img' is too small: it has 44.0 MB before its DOCKER partition, and "
                    "65.0 MB are needed (boot 62.9 MB); nothing was written; set "
                    "output.disk.boot lower, or take a larger disk")
        # none to keep
        run("truncate", "-s", "120M", self.path("d2.img"))
        self.refuse(self.arguments("--into", "d2.img", "--keep-data", "--yes"),
                    "'d2.img' has no partition with the label DOCKER to keep (it has no GUID "
                    "partition table); nothing was written")


class Update(DiskTest):

    def record(self, *arguments):
        """Run under strace; the writes to the disk, as (offset, bytes), None for a sync."""
        log = self.path("strace.log")
        environment = self.environment()
        environment["ASAN_OPTIONS"] = "detect_leaks=0"
        done = self.run_program(
            *arguments, env=environment,
            wrap=lambda argv: ["strace", "-f", "-y", "-xx", "-s", "4000000", "-o", log, "-e",
                               "trace=pwrite64,fdatasync,fallocate,write,ftruncate", *argv])
        self.assertEqual(done.status, 0, done.stderr)
        writes = []
        with open(log, encoding="ascii", errors="replace") as file:
            for line in file:
                match = WRITE.match(line.rstrip("\n"))
                path = match and bytes.fromhex(match.group(2).replace("\\x", "")).decode()
                if path != self.path("d.img"):
                    # nothing else is done to the disk
                    self.assertNotIn(r"\x64\x2e\x69\x6d\x67>", line)
                    continue
                call, _, rest, result = match.groups()
                if call == "fdatasync":
                    writes.append(None)
                elif call == "pwrite64":
                    data, count, offset = re.fullmatch(r', "([^"]*)", (\d+), (\d+)', rest).groups()
                    data = bytes.fromhex(data.replace("\\x", ""))
                    self.assertEqual((len(data), result), (int(count), count))
                    writes.append((int(offset), data))
                else:
                    offset, count = re.search(r", (\d+), (\d+)$", rest).groups()
                    writes.append((int(offset), bytes(int(count))))
        return writes

    def test_D0_14_the_other_slot_is_filled_and_boots(self):
        disk = self.make()
        kernels = {"a": self.kernel}
        for number, letter in ((2, "b"), (3, "a"), (4, "b")):
            kernels[letter] = self.new_kernel(f"kernel {number} ")
            done = self.into()
            other = "a" if letter == "b" else "b"
            self.assertEqual(done.stderr.splitlines()[-1],
                             f"mkinitrd: d.img: slot {letter} boots fixture 6.0.0-fixture; slot "
                             f"{other} stays as the second entry")
            self.assertEqual((done.status, self.letter(disk)), (0, letter))
            for slot, kernel in kernels.items():
                self.check_slot(disk, slot, kernel)
            self.check_clean(disk)

    def test_D0_14_no_room_leaves_all_as_it_was(self):
        disk = self.make()
        with open(disk, "rb") as file:
            before = hashlib.sha256(file.read()).digest()
        self.root.file(f"boot/vmlinuz-{cli.RELEASE}", os.urandom(40 * MIB))
        done = self.into()
        self.assertEqual(done.status, 1)
        self.assertRegex(done.stderr.splitlines()[-1],
                         r"^mkinitrd: slot b of 'd.img' needs 43\.\d MB, and there are 39\.\d MB; "
                         r"nothing was changed; make the disk anew with a larger output\.disk\.boot "
                         r"\(--keep-data keeps DOCKER\)$")
        with open(disk, "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).digest(), before)

    def check_cut(self, disk, kernels, when):
        """After a cut: the slot that boots is whole, and the file system is mended by nothing."""
        letter = self.letter(disk)
        paths = [f"{letter}/vmlinuz", f"{letter}/initrd.img", f"{letter}/boot.cfg",
                 f"loader/entries/mkinitrd-{letter}.conf"]
        os.makedirs(self.path("slot"), exist_ok=True)
        run("mcopy", "-n", "-i", f"{disk}@@{BOOT}", *("::/" + path for path in paths),
            self.path("slot"))
        for path in paths:
            with open(os.path.join(self.path("slot"), os.path.basename(path)), "rb") as file:
                self.assertEqual(hashlib.sha256(file.read()).digest(), kernels[letter][path],
                                 f"{when}: {path}")
        words = run("fsck.vfat", "-n", self.boot, status=None)
        for line in words.split("\n"):
            self.assertRegex(line, HARMLESS, when)
        return letter

    def digests(self, disk, letter):
        return {path: hashlib.sha256(self.boot_file(disk, path)).digest()
                for path in (f"{letter}/vmlinuz", f"{letter}/initrd.img", f"{letter}/boot.cfg",
                             f"loader/entries/mkinitrd-{letter}.conf")}

    def apply(self, disk, write):
        """To the disk, and to its boot partition as a file of its own, which fsck.vfat takes."""
        for path, base in ((disk, 0), (self.boot, BOOT)):
            descriptor = os.open(path, os.O_WRONLY)
            os.pwrite(descriptor, write[1], write[0] - base)
            os.close(descriptor)

    @staticmethod
    def undo(disk, write):
        """The write that would take this one back."""
        descriptor = os.open(disk, os.O_RDONLY)
        old = os.pread(descriptor, len(write[1]), write[0])
        os.close(descriptor)
        return write[0], old

    def lose_one(self, replay, kernels, window, number):
        """What was not synced may be lost, and what came after it not: each one of them."""
        for write, before in window if len(window) > 1 else []:
            self.apply(replay, before)
            self.check_cut(replay, kernels, f"sync {number} without the write at {write[0]}")
            self.apply(replay, write)

    def test_D0_14_power_cut_between_any_two_writes(self):
        disk = self.make()
        self.new_kernel("second kernel ")
        self.assertEqual(self.into().status, 0)
        # both slots are filled; from b to a
        kernels = {"b": self.digests(disk, "b")}
        replay = self.path("replay.img")
        run("cp", "--sparse=always", disk, replay)
        self.boot = self.partition(replay, 2, "boot")[0]
        self.new_kernel("third kernel ")
        writes = self.record(*self.arguments("--into", "d.img"))
        kernels["a"] = self.digests(disk, "a")
        self.assertGreater(len([write for write in writes if write]), 20)
        # all of them are in the boot partition
        for write in writes:
            if write:
                self.assertTrue(BOOT < write[0] and write[0] + len(write[1]) <= BOOT + 40 * MIB)
        letters, window = [], []
        for number, write in enumerate(writes):
            if write is None:
                self.lose_one(replay, kernels, window, number)
                window = []
                continue
            window.append((write, self.undo(replay, write)))
            self.apply(replay, write)
            letters.append(self.check_cut(replay, kernels, f"write {number}"))
        run("cmp", disk, replay)
        self.assertEqual("".join(letters).rstrip("a").strip("b"), "")
        self.assertEqual((letters[0], letters[-1]), ("b", "a"))

    def test_D0_14_an_unfinished_disk_is_no_disk(self):
        """Each prefix of making one anew: not bootable and said so, or finished."""
        run("truncate", "-s", "120M", self.path("d.img"))
        replay = self.path("replay.img")
        run("truncate", "-s", "120M", replay)
        writes = self.record(*self.arguments("--into", "d.img", "--yes"))
        finished = 0
        for write in writes:
            if not write:
                continue
            descriptor = os.open(replay, os.O_RDWR)
            os.pwrite(descriptor, write[1], write[0])
            first = os.pread(descriptor, 512, 0)
            loader = os.pread(descriptor, 512, BOOT)
            os.close(descriptor)
            if b"GRUB" in first:
                finished += 1
            else:
                self.assertIn(b"mkinitrd: this disk is not finished", first)
            if any(loader):
                self.check_slot(replay, "a", self.kernel)
        self.assertEqual(finished, 1)
        run("cmp", self.path("d.img"), replay)
        # what a cut has left is shown as such
        with open(self.path("d.img"), "rb+") as file:
            file.write(writes[0][1])
        done = self.into()
        self.assertIn("'d.img': 125.8 MB, a disk that mkinitrd has begun and not finished\n",
                      done.stderr)
        self.assertEqual(done.status, 1)

    def test_D0_14_a_damaged_boot_partition_is_not_touched(self):
        disk = self.make()
        with open(disk, "rb+") as file:
            file.seek(BOOT + 510)
            file.write(b"\0\0")
        self.refuse(self.arguments("--into", "d.img"),
                    "the boot partition of 'd.img' cannot be read; 'fsck.vfat' may mend it, "
                    "--force makes the disk anew, --keep-data all of it but DOCKER: No data "
                    "available")
        done = self.into("--force", "--yes")
        self.assertEqual(done.status, 0, done.stderr)
        self.check_slot(disk, "a", self.kernel)


if __name__ == "__main__":
    cli.main("grub-mkimage", "mke2fs", "sfdisk", "sgdisk", "fsck.vfat", "e2fsck", "debugfs",
             "dumpe2fs", "mcopy", "strace")
