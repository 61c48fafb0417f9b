# SPDX-License-Identifier: Apache-2.0
"""mkinitrd iso and mkinitrd dist: discs and archives from a fixture root, looked at by others'
tools; the script of an archive in several shells.

Facts: an ISO file is a disc and a disk: xorriso reads the one, sfdisk and sgdisk the other.
"""
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import unittest

import cli

PROFILE = cli.PROFILE + """\
kernel: { cmdline: { console: ["tty0", "ttyS0,115200"], quiet: true } }
"""
SHELLS = (["dash"], ["busybox", "sh"], ["bash"])
FILES = ["README", "SHA256SUMS", "fixture.iso", "initrd.img", "kvm", "kvm/docker.img", "kvm/run.sh",
         "manifest.json", "vmlinuz"]


def run(*argv, status=0, **options):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, check=False,
                          env=dict(os.environ, LC_ALL="C", MTOOLSRC="/dev/null"), **options)
    text = done.stdout.decode("utf-8", "replace")
    if status is not None and done.returncode != status:
        raise AssertionError(f"{' '.join(argv)}: status {done.returncode}\n{text}")
    return text


def content(path):
    with open(path, "rb") as file:
        return file.read()


class IsoTest(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()
        self.kernel = b"".join(b"kernel %d\n" % number for number in range(20000))
        self.root.file(f"boot/vmlinuz-{cli.RELEASE}", self.kernel)
        os.makedirs(self.path("temporary"))
        os.chmod(self.path("temporary"), 0o1777)

    def environment(self, **more):
        return super().environment(**{"TMPDIR": self.path("temporary"), **more})

    def arguments(self, command, output, *more, profile=PROFILE):
        return [command, "-p", self.write("fixture.yaml", profile), "--root", "root",
                "-k", cli.RELEASE, "-o", output, *more]

    def make(self, command, output, *more, **options):
        done = self.run_program(*self.arguments(command, output, *more), **options)
        self.assertEqual((done.status, done.stdout, os.listdir(self.path("temporary"))),
                         (0, "", []), done.stderr)
        return done, self.path(output)

    def refuse(self, arguments, line, status=1, **options):
        done = self.run_program(*arguments, **options)
        self.assertEqual((done.status, done.stdout), (status, ""))
        self.assertEqual(done.stderr.splitlines()[-1], "mkinitrd: " + line)
        self.assertEqual(os.listdir(self.path("temporary")), [])


class Iso(IsoTest):

    def boot_file(self, iso, path):
        """A file of the boot file system, which lies in the partition that UEFI looks for."""
        start, = re.findall(r"start= *(\d+), .*type=C12A7328", run("sfdisk", "-d", iso))
        done = subprocess.run(["mcopy", "-n", "-i", f"{iso}@@{int(start) * 512}", "::/" + path,
                               "-"], stdout=subprocess.PIPE, timeout=60, check=True,
                              env=dict(os.environ, MTOOLSRC="/dev/null"))
        return done.stdout

    def check_iso(self, iso):
        names = run("xorriso", "-indev", iso, "-find", "/", "-type", "f", "-exec", "echo")
        files = set(re.findall(r"^'(/\S+)'$", names, re.M))
        boot, = files - {"/boot/bios.img"}
        self.assertEqual(len(files), 2)
        self.assertRegex(boot, r"^/boot/[0-9a-f-]{36}\.img$")
        report = run("xorriso", "-indev", iso, "-report_el_torito", "plain",
                     "-report_system_area", "plain")
        self.assertRegex(report, r"El Torito boot img : +1 +BIOS +y +none")
        self.assertRegex(report, r"El Torito boot img : +2 +UEFI +y +none .* 0 +\d+\n")
        self.assertIn("El Torito img path :   1  /boot/bios.img\n", report)
        self.assertIn(f"El Torito img path :   2  {boot}\n", report)
        self.assertIn("grub2-mbr", report)
        self.assertIn("Volume id    : 'FIXTURE'", report)
        self.assertIn("No problems found", run("sgdisk", "--verify", iso))
        run("xorriso", "-osirrox", "on", "-indev", iso, "-extract", boot, self.path("boot.img"))
        run("fsck.vfat", "-n", self.path("boot.img"))
        # once, and not a second time for the other way to boot
        self.assertEqual(content(iso).count(self.kernel[:4096]), 1)
        self.assertTrue(self.boot_file(iso, "a/vmlinuz") == self.kernel)
        for path in ("a/boot.cfg", "loader/entries/mkinitrd-a.conf"):
            self.assertRegex(self.boot_file(iso, path).decode(),
                             r"console=tty0'? '?console=ttyS0,115200'? '?quiet")
        self.assertIn(b"serial --unit=0 --speed=115200", self.boot_file(iso, "grub/grub.cfg"))
        self.assertTrue(self.boot_file(iso, "EFI/BOOT/BOOTX64.EFI")
                        == content("/usr/lib/systemd/boot/efi/systemd-bootx64.efi"))
        with open(self.path("initrd.img"), "wb") as file:
            file.write(self.boot_file(iso, "a/initrd.img"))
        self.assertEqual(self.run_program("check", "initrd.img", "--root", "root").stdout, "")
        os.unlink(self.path("boot.img"))

    def test_OD_18_made_without_root_the_same_each_time(self):
        os.chmod(self.directory, 0o777)
        done, iso = self.make("iso", "d.iso", program=self.installed(), wrap=cli.as_nobody)
        self.assertRegex(done.stderr, r"^mkinitrd: initrd: \d+ entries, .*\n"
                         r"mkinitrd: d\.iso: \d+\.\d MB, boots fixture 6\.0\.0-fixture from a CD "
                         r"or a disk, by BIOS and UEFI\n$")
        self.check_iso(iso)
        # what is around has no say
        os.utime(self.root / f"boot/vmlinuz-{cli.RELEASE}", (1, 1))
        self.make("iso", "again.iso", "-j", "1", env=self.environment(
            TZ="Asia/Tokyo", SOURCE_DATE_EPOCH="0", TMPDIR="/var/tmp"))
        run("cmp", iso, self.path("again.iso"))
        self.make("iso", "later.iso", env=self.environment(SOURCE_DATE_EPOCH="1700000000"))
        self.assertNotEqual(content(iso), content(self.path("later.iso")))
        # of an image that was made: the same but for names of files, which are in no ISO
        self.assertEqual(self.run_program(*self.build_arguments(PROFILE)).status, 0)
        done = self.run_program("iso", "a.img", "-o", "image.iso", "-k",
                                f"root/boot/vmlinuz-{cli.RELEASE}")
        self.assertEqual(done.status, 0, done.stderr)
        run("cmp", iso, self.path("image.iso"))

    def test_OD_18_the_image_carries_its_squashfs(self):
        modules = self.root / f"usr/lib/modules/{cli.RELEASE}"
        with open(os.path.join(modules, "modules.builtin"), "w", encoding="ascii") as file:
            for name in ("block/loop", "squashfs/squashfs", "overlayfs/overlay"):
                file.write(f"kernel/fs/{name}.ko\n")
        run("depmod", "-b", self.path("root"), cli.RELEASE)
        self.make("iso", "d.iso", "--layout", "squashfs")
        self.check_iso(self.path("d.iso"))
        self.assertIn("usr/bin/hello", self.run_program("ls", "initrd.img").stdout)
        self.assertIn(b"hsqs", self.boot_file(self.path("d.iso"), "a/initrd.img"))
        done = self.run_program(*self.build_arguments(PROFILE), "--layout", "squashfs",
                                "--squashfs", "root.squashfs")
        self.assertEqual(done.status, 0, done.stderr)
        self.refuse(["iso", "a.img", "-o", "e.iso", "-k", f"root/boot/vmlinuz-{cli.RELEASE}"],
                    "image 'a.img' has its root in a SquashFS of its own; here only an image "
                    "boots that carries it: build it without --squashfs")

    def test_OD_18_what_fails_leaves_the_old_file(self):
        self.write("d.iso", "the old one\n")
        tools = self.path("tools")
        os.mkdir(tools)
        for tool in ("grub-mkimage",):
            os.symlink(shutil.which(tool), os.path.join(tools, tool))
        for path, line in (
                (self.path("nothing"), "cannot run 'grub-mkimage'; install the package grub-pc-bin "
                 "(with grub-common): No such file or directory"),
                (tools, "cannot make an ISO without 'xorriso'; install the package xorriso: No "
                 "such file or directory")):
            self.refuse(self.arguments("iso", "d.iso"), line, env=self.environment(PATH=path))
        # one that gives up: what it said is shown
        with open(os.path.join(tools, "xorriso"), "w", encoding="ascii") as file:
            file.write("#!/bin/sh\necho it did not like that\nexit 5\n")
        os.chmod(os.path.join(tools, "xorriso"), 0o755)
        done = self.run_program(*self.arguments("iso", "d.iso"),
                                env=self.environment(PATH=tools + ":/bin"))
        self.assertEqual((done.status, done.stderr.splitlines()[-2:]), (1, [
            "it did not like that",
            "mkinitrd: cannot make 'd.iso': xorriso ended with status 5 (its output is above)"]))
        self.assertEqual(content(self.path("d.iso")), b"the old one\n")
        self.assertEqual([name for name in os.listdir(self.directory) if name.startswith(".")], [])
        self.make("iso", "d.iso")
        self.check_iso(self.path("d.iso"))

    def test_used_wrongly(self):
        for arguments, line in (
                ([], "iso takes either -p PROFILE or one IMAGE"),
                (["-p", "a", "b"], "iso takes either -p PROFILE or one IMAGE"),
                (["a", "b"], "iso takes either -p PROFILE or one IMAGE"),
                (["b", "--set", "c=d"], "--set needs -p PROFILE: an IMAGE is as it is")):
            self.refuse(["iso", *arguments], line + "; see mkinitrd iso --help", 2)
        self.refuse(["dist"], "no profile given; say which with -p NAME ('mkinitrd profile list' "
                    "shows them, 'mkinitrd dist --help' the rest)", 2)


class Dist(IsoTest):

    def test_OD_18_an_archive_with_all_that_starts_it(self):
        done, archive = self.make("dist", "d.tar.gz")
        self.assertRegex(done.stderr.splitlines()[-1],
                         r"^mkinitrd: d\.tar\.gz: 10 entries, .* written and verified in ")
        self.make("dist", "again.tar.gz", "-j", "1", env=self.environment(TZ="Asia/Tokyo"))
        run("cmp", archive, self.path("again.tar.gz"))
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream) as tar:
            members = {member.name: member for member in tar}
        self.assertEqual(sorted(members), ["dist"] + ["dist/" + name for name in FILES])
        self.assertEqual({(member.uid, member.gid, member.mtime) for member in members.values()},
                         {(0, 0, 0)})
        self.assertEqual(members["dist/kvm/run.sh"].mode, 0o755)
        # as people do
        run("tar", "-xzf", archive, cwd=self.directory)
        folder = self.path("dist")
        sums = run("sha256sum", "-c", "SHA256SUMS", cwd=folder)
        self.assertEqual(sorted(sums.split("\n")), [""] + sorted(
            f"{name}: OK" for name in FILES if name not in ("kvm", "SHA256SUMS")))
        self.assertEqual(content(folder + "/vmlinuz"), self.kernel)
        self.assertEqual(content(folder + "/manifest.json").decode(), self.run_program(
            "cat", "dist/initrd.img", "usr/lib/mkinitrd/manifest.json").stdout)
        header = run("dumpe2fs", "-h", folder + "/kvm/docker.img")
        self.assertIn("Filesystem volume name:   DOCKER", header)
        self.assertNotRegex(run("e2fsck", "-fn", folder + "/kvm/docker.img"), r"\?\s+no|WARNING")
        self.make("iso", "fixture.iso")
        run("cmp", self.path("fixture.iso"), folder + "/fixture.iso")
        # by the name's ending; the sums are the same
        self.make("dist", "d.tar")
        with tarfile.open(self.path("d.tar"), "r:") as tar:
            self.assertEqual(tar.extractfile("dist/SHA256SUMS").read(),
                             content(folder + "/SHA256SUMS"))

    def test_OD_18_a_name_that_no_sum_can_have(self):
        self.write("two words.yaml", PROFILE)
        self.refuse(["dist", "-p", "./two words.yaml", "--root", "root", "-k", cli.RELEASE, "-o",
                     "d.tar"],
                    "the profile's name 'two words' becomes a file's, and has a blank or a "
                    "backslash in it; name it otherwise")
        self.assertFalse(os.path.exists(self.path("d.tar")))


class Lock(IsoTest):
    """What a build reads, in a file that holds the next one to it."""

    def setUp(self):
        super().setUp()
        # who owns what: as dpkg and pacman record it
        self.root.file("var/lib/dpkg/status", "Package: hello\nStatus: install ok installed\n"
                       "Version: 2.10-3\n\nPackage: libgreet\nVersion: 1:0.5\n")
        self.root.file("var/lib/dpkg/info/hello.list", "/.\n/usr\n/usr/bin/hello\n")
        # by the name that its folder had before it moved below /usr
        self.root.file("var/lib/dpkg/info/libgreet:amd64.list", "/lib/libgreet.so\n")
        self.root.file("var/lib/pacman/local/linux-lts-6.0-1/files",
                       f"%FILES%\nboot/\nboot/vmlinuz-{cli.RELEASE}\n")
        self.write("note.txt", "beside the profile\n")
        self.write("tree/etc/of-a-tree", "of a tree\n")
        self.profile = PROFILE + ("files: { /etc/note: { from: note.txt } }\n"
                                  "trees: { base: { from: tree, at: /srv } }\n")

    def build(self, *more, command="iso", output="d.iso"):
        done = self.run_program(*self.arguments(command, output, "--lock", "d.lock", *more,
                                                profile=self.profile))
        self.assertEqual(os.listdir(self.path("temporary")), [], done.stderr)
        return done

    def lines(self):
        """Name -> sum and owner."""
        text = content(self.path("d.lock")).decode().splitlines()
        self.assertEqual(text[0], "mkinitrd-lock 1")
        found = {}
        for line in text[1:]:
            digest, package, version, name = line.split(" ", 3)
            found[name] = digest, f"{package} {version}"
        self.assertEqual(list(found), sorted(found))
        self.assertEqual(len(found), len(text) - 1)
        return found

    def test_OD_19_versions_and_sums(self):
        done = self.build()
        self.assertEqual(done.status, 0, done.stderr)
        locked = self.lines()
        self.assertIn(f"mkinitrd: d.lock: {len(locked)} files locked\n", done.stderr)
        for name, path, owner in (
                ("/usr/bin/hello", "root/usr/bin/hello", "hello 2.10-3"),
                ("/usr/lib/libgreet.so", "root/usr/lib/libgreet.so", "libgreet 1:0.5"),
                (f"/boot/vmlinuz-{cli.RELEASE}", f"root/boot/vmlinuz-{cli.RELEASE}",
                 "linux-lts 6.0-1"),
                ("/usr/lib/ld.so", "root/usr/lib/ld.so", "- -"),
                ("./note.txt", "note.txt", "- -"),
                ("base:etc/of-a-tree", "tree/etc/of-a-tree", "- -")):
            with self.subTest(name):
                self.assertEqual(locked.get(name), (
                    hashlib.sha256(content(self.path(path))).hexdigest(), owner), sorted(locked))
        before = content(self.path("d.lock"))
        iso = content(self.path("d.iso"))
        # held to it, nothing is said and nothing changes, also by the other command
        self.assertNotIn("locked", self.build().stderr)
        self.assertEqual(content(self.path("d.lock")), before)
        self.assertEqual(content(self.path("d.iso")), iso)
        self.assertEqual(self.build(command="dist", output="d.tar").status, 0)

    def check_stopped(self, words):
        before = content(self.path("d.iso")), content(self.path("d.lock"))
        done = self.build()
        self.assertEqual((done.status, done.stdout), (1, ""))
        self.assertEqual(done.stderr.splitlines()[-1],
                         f"mkinitrd: not what lock file 'd.lock' says: {words}; nothing was "
                         "written; remove 'd.lock' to lock what is there now")
        self.assertEqual((content(self.path("d.iso")), content(self.path("d.lock"))), before)

    def test_OD_19_a_flipped_byte_stops_the_build(self):
        self.assertEqual(self.build().status, 0)
        for name, path, owner in (
                ("/usr/bin/hello", "root/usr/bin/hello", "hello 2.10-3"),
                (f"/boot/vmlinuz-{cli.RELEASE}", f"root/boot/vmlinuz-{cli.RELEASE}",
                 "linux-lts 6.0-1"),
                ("./note.txt", "note.txt", "- -"),
                ("base:etc/of-a-tree", "tree/etc/of-a-tree", "- -")):
            right = content(self.path(path))
            # in a place that means nothing to whoever reads it; and one that is cut short
            if b"GCC: " in right:
                changed = [right.replace(b"GCC: ", b"GCC; ", 1)]
            else:
                changed = [right[:-1] + bytes([right[-1] ^ 1]), right[:-1]]
            for wrong in changed:
                with self.subTest(name, size=len(wrong)):
                    with open(self.path(path), "r+b") as file:
                        file.write(wrong)
                        file.truncate()
                    self.check_stopped(
                        f"'{name}' has SHA-256 {hashlib.sha256(wrong).hexdigest()} ({owner}), and "
                        f"{hashlib.sha256(right).hexdigest()} ({owner}) is locked")
            with open(self.path(path), "wb") as file:
                file.write(right)
        # one more, one less, and two at once
        self.write("tree/etc/more", "more\n")
        self.check_stopped("'base:etc/more' is used and is not in it")
        os.unlink(self.path("tree/etc/of-a-tree"))
        self.check_stopped("'base:etc/more' is used and is not in it, and 1 more differ")
        os.unlink(self.path("tree/etc/more"))
        self.check_stopped("'base:etc/of-a-tree' is in it and is not used")
        os.unlink(self.path("d.lock"))
        self.assertEqual(self.build().status, 0)
        self.assertNotIn("base:etc/of-a-tree", self.lines())

    def test_OD_19_a_lock_that_is_none(self):
        for text, line in (("", 1), ("mkinitrd-lock 2\n", 1),
                           ("mkinitrd-lock 1\nabc - - /usr/bin/hello\n", 2),
                           ("mkinitrd-lock 1\n" + "a" * 64 + " - - /usr/bin/hello", 2)):
            with self.subTest(text):
                self.write("d.lock", text)
                done = self.build()
                self.assertEqual((done.status, done.stderr.splitlines()[-1]), (
                    1, f"mkinitrd: 'd.lock' line {line} is no line of a lock file; remove it to "
                    "lock what is there now"))
                self.assertEqual(content(self.path("d.lock")).decode(), text)
        self.refuse(["iso", "a.img", "--lock", "d.lock"],
                    "--lock needs -p PROFILE: an IMAGE is made already; see mkinitrd iso --help", 2)


class Script(cli.CliTest):
    """run.sh as it is in an archive, beside an ISO that nobody starts."""

    def setUp(self):
        super().setUp()
        self.folder = self.path("a, b/dist")
        os.makedirs(self.folder + "/kvm")
        shutil.copy2(os.path.join(cli.SOURCE, "hooks/dist/run.sh"), self.folder + "/kvm")
        with open(self.folder + "/kvm/docker.img", "wb") as file:
            file.write(b"data" * 1000)
            file.truncate(3 << 20)
        with open(self.folder + "/only-docker.iso", "wb"):
            pass
        self.disk = self.folder + "/kvm/disk.img"

    def start(self, shell, *arguments, **environment):
        return subprocess.run([*shell, self.folder + "/kvm/run.sh", *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False, text=True,
                              cwd="/", env={"PATH": os.environ["PATH"], **environment})

    def each(self):
        for shell in SHELLS:
            with self.subTest(shell=shell):
                yield shell

    def test_OD_18_print(self):
        quoted = self.folder.replace(",", ",,")
        for shell in self.each():
            done = self.start(shell, "--print", "--port", "8080:80", "--port=0.0.0.0:22:2222",
                              "--memory", "2G", "--cpus=4", "--", "-snapshot", "it's")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            words = run("sh", "-c", f'for word in {done.stdout.strip()}; do echo "$word"; done')
            words = words.splitlines()
            self.assertEqual(words[0], "qemu-system-x86_64")
            self.assertEqual(words[-2:], ["-snapshot", "it's"])
            after = {words[i]: words[i + 1] for i in range(1, len(words) - 1)}
            self.assertIn(after["-accel"], ("kvm", "tcg,thread=single"))
            self.assertEqual((after["-m"], after["-smp"], after["-serial"]),
                             ("2048M", "4", "mon:stdio"))
            self.assertEqual(after["-nic"], "user,model=virtio-net-pci,"
                             "hostfwd=tcp:127.0.0.1:8080-:80,hostfwd=tcp:0.0.0.0:22-:2222")
            self.assertIn(f"media=cdrom,format=raw,readonly=on,file={quoted}/only-docker.iso",
                          words)
            self.assertIn(f"if=virtio,format=raw,discard=unmap,file={quoted}/kvm/disk.img", words)
            self.assertFalse(os.path.exists(self.disk))
            plain = self.start(shell, "--print", PORTS="1:2 3:4").stdout
            self.assertIn(" -m 1024M ", plain)
            self.assertIn(",hostfwd=tcp:127.0.0.1:1-:2,hostfwd=tcp:127.0.0.1:3-:4 ", plain)

    def test_OD_18_the_first_run_makes_the_disk(self):
        # "true" takes every argument, and ends
        for shell in self.each():
            done = self.start(shell, QEMU="true")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"run.sh: made disk '{self.disk}', 20480M of which little is used yet\n",
                          done.stderr)
            status = os.stat(self.disk)
            self.assertEqual((status.st_size, status.st_mode & 0o777), (20 << 30, 0o600))
            self.assertLess(status.st_blocks * 512, 4 << 20)
            with open(self.disk, "r+b") as file:
                self.assertEqual(file.read(3 << 20), content(self.folder + "/kvm/docker.img"))
                file.seek(0)
                file.write(b"kept")
            done = self.start(shell, "--disk-size", "4G", QEMU="true")
            self.assertNotIn("made disk", done.stderr)
            with open(self.disk, "rb") as file:
                self.assertEqual(file.read(4), b"kept")
            self.assertEqual(sorted(os.listdir(self.folder + "/kvm")),
                             ["disk.img", "docker.img", "run.sh"])
            os.unlink(self.disk)

    def test_OD_18_errors(self):
        cases = [
            ({"QEMU": "no-such-qemu"}, [], 1,
             "run.sh: cannot find 'no-such-qemu'; install QEMU for x86-64 (Debian, Ubuntu: "
             "qemu-system-x86; Fedora: qemu-system-x86; Arch: qemu-system-x86)"),
            ({}, ["--memory", "much"], 2, "run.sh: --memory 'much' is no size such as 1024M or 2G; "
             "see run.sh --help"),
            ({}, ["--memory"], 2, "run.sh: --memory needs a value; see run.sh --help"),
            ({}, ["--port", "80"], 2, "run.sh: --port '80' is not HOST:GUEST, such as 8080:80; see "
             "run.sh --help"),
            ({}, ["--port", "8080:80,guestfwd=x"], 2, "run.sh: --port '8080:80,guestfwd=x' is not "
             "HOST:GUEST, such as 8080:80; see run.sh --help"),
            ({}, ["--fast"], 2, "run.sh: '--fast' is not known; see run.sh --help"),
            ({"QEMU": "true"}, ["--disk-size", "2M"], 2,
             "run.sh: --disk-size is to be 3M or more; see run.sh --help"),
            ({"QEMU": "true"}, ["--disk", "/nowhere/disk.img"], 1,
             "run.sh: cannot make the disk '/nowhere/disk.img'; say another place with --disk FILE"),
        ]
        for shell in self.each():
            for environment, arguments, status, line in cases:
                done = self.start(shell, *arguments, **environment)
                self.assertEqual((done.returncode, done.stdout), (status, ""))
                self.assertEqual(done.stderr.splitlines()[-1], line)
            self.assertEqual(sorted(os.listdir(self.folder + "/kvm")), ["docker.img", "run.sh"])
        os.rename(self.folder + "/only-docker.iso", self.path("gone.iso"))
        done = self.start(["dash"], "--print")
        self.assertEqual((done.returncode, done.stderr.splitlines()[-1]), (
            1, f"run.sh: there is no ISO in '{self.folder}' that can be read; unpack the archive "
            "again"))

    def test_OD_18_help_names_every_option(self):
        text = self.start(["dash"], "--help").stdout
        with open(self.folder + "/kvm/run.sh", encoding="utf-8") as file:
            known = set(re.findall(r"^\t(--[a-z-]+)\)", file.read(), re.M)) - {"--"}
        self.assertEqual(known | {"--print", "--help"},
                         set(re.findall(r"^  (--[a-z-]+)", text, re.M)))
        self.assertTrue(known)


if __name__ == "__main__":
    cli.main("xorriso", "grub-mkimage", "sfdisk", "sgdisk", "mcopy", "fsck.vfat", "dumpe2fs",
             "busybox", "dash")
