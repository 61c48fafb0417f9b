# SPDX-License-Identifier: Apache-2.0
"""The images that a host keeps: definitions, update, status, enable, disable, hook.

The host is a fixture root; its profiles are found by MKINITRD_PROFILE_PATH, as init and tools are
those of the program that runs.
"""
import fcntl
import json
import os
import shutil
import subprocess
import time
import unittest

import cli

KVER = cli.RELEASE
IMAGES = "etc/mkinitrd/images.d/"
IMAGE = "/boot/mkinitrd-linux.img"
RECORD = f"var/lib/mkinitrd/images/tiny@{KVER}"
MADE = f"mkinitrd: {IMAGE}: SUMMARY\n"
SAME = f"mkinitrd: {IMAGE}: up to date\n"


class UpdateTest(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()
        self.kernel(KVER, "linux")
        os.makedirs(self.root / "boot")
        self.write("profiles/tiny.yaml", cli.PROFILE)

    def kernel(self, release, base=None):
        """A kernel as Arch has it, or Debian without a package base."""
        folder = f"usr/lib/modules/{release}"
        if not os.path.exists(self.root / folder):
            shutil.copytree(self.root / f"usr/lib/modules/{KVER}", self.root / folder)
        if base:
            self.root.file(f"{folder}/vmlinuz", f"kernel {release}")
            self.root.file(f"{folder}/pkgbase", base + "\n")
        else:
            for name in ("vmlinuz", "pkgbase"):
                if os.path.exists(self.root / f"{folder}/{name}"):
                    os.unlink(self.root / f"{folder}/{name}")
            self.root.file(f"boot/vmlinuz-{release}", f"kernel {release}")

    def environment(self, **more):
        return super().environment(MKINITRD_PROFILE_PATH=self.path("profiles"), **more)

    def define(self, text, name="tiny"):
        self.root.file(f"{IMAGES}{name}.yaml", text)

    def update(self, stderr, *more, status=0, **options):
        self.check(["update", "--root", "root", *more], status, "", stderr, **options)

    def status(self, *lines, status=0):
        self.check(["status", "--root", "root"], status,
                   "".join("\t".join(line) + "\n" for line in lines))

    def made_again(self, change):
        """Up to date, then @change, then it is made again, and up to date after that."""
        self.update(SAME)
        change()
        self.update(MADE)
        self.update(SAME)

    def image(self):
        return os.stat(self.root / IMAGE)

    @staticmethod
    def content(path):
        with open(path, "rb") as file:
            return file.read()


class Enabling(UpdateTest):

    def test_enable_and_disable(self):
        path = "/" + IMAGES + "tiny.yaml"
        self.status()
        self.update("mkinitrd: no image is defined in /etc/mkinitrd/images.d; 'mkinitrd enable "
                    "PROFILE' makes a definition\n")
        self.check(["enable", "--root", "root", "tiny"], 0, "",
                   f"mkinitrd: enabled tiny: {path}; 'mkinitrd update' makes its images now\n")
        self.check(["enable", "--root", "root", "tiny"], 0, "",
                   f"mkinitrd: tiny is enabled already, by {path}\n")
        self.status(("tiny", KVER, IMAGE, "not made"), status=3)
        self.update(MADE)
        self.status(("tiny", KVER, IMAGE, "up to date"))
        self.check(["disable", "--root", "root", "tiny"], 0, "",
                   f"mkinitrd: {IMAGE}: removed\nmkinitrd: disabled tiny: removed {path}\n")
        self.assertEqual(os.listdir(self.root / "boot"), [])
        self.assertEqual(os.listdir(self.root / "var/lib/mkinitrd/images"), [])
        self.check(["disable", "--root", "root", "tiny"], 1, "",
                   "mkinitrd: no image 'tiny' is defined in /etc/mkinitrd/images.d\n")

    def test_what_is_no_profile_is_not_enabled(self):
        self.check(["enable", "--root", "root", "tyni"], 1, "",
                   f"mkinitrd: no profile 'tyni' in {self.path('profiles')}; did you mean "
                   "'tiny'?\n")
        self.check(["enable", "--root", "root", "./tiny.yaml"], 1, "",
                   "mkinitrd: './tiny.yaml' depends on where you are; give a name, or a path that "
                   "begins with '/'\n")
        self.assertFalse(os.path.exists(self.root / IMAGES))
        self.check(["enable"], 2, "", "mkinitrd: enable takes the names of profiles; 'mkinitrd "
                   "help enable' shows how\n")

    def test_a_second_one_gets_a_name_of_its_own(self):
        self.write("profiles/more.yaml", cli.PROFILE)
        for name in ("tiny", "more"):
            self.assertEqual(self.run_program("enable", "--root", "root", name).status, 0)
        other = "/boot/mkinitrd-more-linux.img"
        self.update(f"mkinitrd: {other}: SUMMARY\n" + MADE)
        self.status(("more", KVER, other, "up to date"), ("tiny", KVER, IMAGE, "up to date"))
        # by name: that one alone
        self.update(f"mkinitrd: {other}: up to date\n", "more")
        self.update("mkinitrd: no image 'mroe' is defined in /etc/mkinitrd/images.d; 'mkinitrd "
                    "status' lists them\n", "mroe", status=1)


class Definitions(UpdateTest):

    def check_broken(self, text, line):
        self.define(text)
        self.update(f"mkinitrd: FAILED for every kernel: {line}; kept none\n", status=1)
        self.assertEqual(os.listdir(self.root / "boot"), [])

    def test_errors_have_their_place(self):
        where = f"/{IMAGES}tiny.yaml"
        self.check_broken("profile: tiny\nkernal: x\n",
                          f"{where}:2:1: unknown key 'kernal'; did you mean 'kernels'?")
        self.check_broken("profile: tiny\nentry: maybe\n",
                          f"{where}:2:8: 'entry' (whether boot loaders list it (default: true)) "
                          "is 'maybe'; expected 'true', 'false'")
        self.check_broken("profile: tiny\noutput: boot.img\n",
                          f"{where}:2:9: 'output' (where it is written: %v is the kernel's "
                          "release, %p its package base) is 'boot.img'; expected "
                          "'kernel-install', a path that begins with '/'")
        self.check_broken("profile: tiny\noutput: /boot/%k.img\n",
                          f"{where}:2:9: 'output' has '%k'; there are %v (the kernel's release), "
                          "%p (its package base) and %%")
        self.check_broken("kernels: x\n", f"{where}:1:1: 'profile' is missing: the profile that "
                          "the image is made of")
        self.check_broken("profile: ./tiny.yaml\n", f"{where}:1:10: 'profile' is './tiny.yaml'; "
                          "expected a name, or a path that begins with '/'")
        self.check_broken("profile: [\n", f"{where}:2:1: not YAML: did not find expected node "
                          "content while parsing a flow node")

    def test_a_broken_one_does_not_stop_the_others(self):
        self.define("profile: tiny\n")
        self.define("nonsense\n", "broken")
        self.update("mkinitrd: FAILED for every kernel: /etc/mkinitrd/images.d/broken.yaml:1:1: "
                    "expected a map of keys such as 'profile:'; kept none\n" + MADE, status=1)

    def test_two_that_would_write_one_file(self):
        self.define("profile: tiny\n", "a")
        self.define("profile: tiny\noutput: /boot/mkinitrd-linux.img\n", "b")
        self.update(f"mkinitrd: '{IMAGE}' would be written by two definitions, /{IMAGES}a.yaml "
                    f"and /{IMAGES}b.yaml; give one of them another 'output:'\n", status=1)

    def test_two_kernels_that_would_be_one_file(self):
        self.kernel("6.0.1-other", "linux")
        self.define("profile: tiny\n")
        self.update(f"mkinitrd: '{IMAGE}' (/{IMAGES}tiny.yaml) would be the image of two kernels, "
                    f"{KVER} and 6.0.1-other; put %v into its 'output:', or name one of them in "
                    "'kernels:'\n", status=1)
        self.define("profile: tiny\nkernels: 6.0.1-*\n")
        self.update(MADE)
        self.status(("tiny", "6.0.1-other", IMAGE, "up to date"))

    def test_no_package_base(self):
        self.kernel(KVER)
        self.define("profile: tiny\noutput: /boot/x-%p.img\n")
        self.update(f"mkinitrd: FAILED for {KVER}: it has no package base for the %p in 'output:' "
                    f"of /{IMAGES}tiny.yaml; put %v there; kept none\n", status=1)
        self.define("profile: tiny\n")
        self.update(f"mkinitrd: /boot/mkinitrd-{KVER}.img: SUMMARY\n")

    def test_kernel_install_is_left_its_own(self):
        self.define("profile: tiny\noutput: kernel-install\n")
        self.update("mkinitrd: tiny: left to kernel-install; 'kernel-install add KVER KERNEL' "
                    "makes it\n")
        self.status(("tiny", "-", "-", "kernel-install"))

    def test_values_over_the_profile_and_parameters(self):
        os.makedirs(self.root / "boot/loader/entries")
        self.define("profile: [tiny]\nset: ['kernel.cmdline.quiet=true', 'output.compress=none']\n"
                    "cmdline: [root=LABEL=x, 'a=\"b c\"']\ntitle: Small\n")
        self.update(MADE)
        with open(self.root / "boot/loader/entries/mkinitrd-tiny-linux.conf",
                  encoding="utf-8") as file:
            self.assertEqual(file.read(), f"title Small ({KVER})\nversion {KVER}\nsort-key "
                             "mkinitrd-tiny\nlinux /vmlinuz-linux\ninitrd /mkinitrd-linux.img\n"
                             'options quiet root=LABEL=x a="b c"\n')
        self.check(["hook", "--root", "root", "grub", "list"], 0,
                   f"'Small ({KVER})'\t'mkinitrd-tiny-{KVER}'\t/boot/vmlinuz-linux\t{IMAGE}\t"
                   "'quiet' 'root=LABEL=x' 'a=b c'\n")

    def test_without_entry(self):
        os.makedirs(self.root / "boot/loader/entries")
        self.define("profile: tiny\nentry: false\ncopy-kernel: false\n")
        self.update(MADE)
        self.assertEqual(sorted(os.listdir(self.root / "boot")), ["loader", "mkinitrd-linux.img"])
        self.assertEqual(os.listdir(self.root / "boot/loader/entries"), [])
        self.check(["hook", "--root", "root", "grub", "list"], 0, "")

    def test_the_old_one_is_kept(self):
        self.define("profile: tiny\nkeep-old: true\n")
        self.update(MADE)
        self.assertFalse(os.path.exists(self.root / (IMAGE + ".old")))
        before = self.image()
        self.update(MADE, "--force")
        self.assertEqual(os.stat(self.root / (IMAGE + ".old")).st_ino, before.st_ino)
        second = self.image()
        os.rename(self.root / "usr/bin/hello", self.root / "usr/bin/bye")
        self.assertEqual(self.run_program("update", "--root", "root").status, 1)
        self.assertEqual((self.image().st_ino, os.stat(self.root / (IMAGE + ".old")).st_ino),
                         (second.st_ino, before.st_ino))
        self.assertEqual(sorted(os.listdir(self.root / "boot")),
                         ["mkinitrd-linux.img", "mkinitrd-linux.img.old", "vmlinuz-linux"])


class OutOfDate(UpdateTest):
    """Each change of what an image is made of is seen, and nothing else is."""

    def setUp(self):
        super().setUp()
        self.define("profile: tiny\n")
        self.write("profiles/tiny.yaml", cli.PROFILE.replace(
            "hello: required", "hello: required, maybe: optional"))
        self.update("mkinitrd: optional and not found: 1 programs (-v lists them)\n" + MADE)

    def made_again(self, change):
        self.update(SAME)
        change()
        done = self.run_program("update", "--root", "root")
        self.assertIn("written and verified", done.stderr)
        self.update(SAME)

    def replace(self, path, content, times=True):
        """Another file in its place, with the same size, and the times of the one before."""
        before = os.stat(path)
        with open(path + ".new", "wb") as file:
            file.write(content)
        os.chmod(path + ".new", before.st_mode)
        if times:
            os.utime(path + ".new", ns=(before.st_atime_ns, before.st_mtime_ns))
        os.rename(path + ".new", path)

    def test_nothing_changed_writes_nothing(self):
        before = (self.image(), os.stat(self.root / "boot"), os.stat(self.root / RECORD))
        self.update(SAME)
        self.status(("tiny", KVER, IMAGE, "up to date"))
        self.assertEqual([(status.st_ino, status.st_mtime_ns) for status in before],
                         [(status.st_ino, status.st_mtime_ns) for status in
                          (self.image(), os.stat(self.root / "boot"),
                           os.stat(self.root / RECORD))])

    def test_a_program_of_the_same_size_and_time(self):
        path = self.root / "usr/bin/hello"
        content = self.content(path)
        other = content.replace(b"libgreet", b"libgreet", 1)[:-1] + b"\x01"
        self.assertEqual(len(other), len(content))
        self.made_again(lambda: self.replace(path, other))

    def test_written_in_place_with_its_time_set_back(self):
        path = self.root / "usr/bin/hello"
        before = os.stat(path)

        def change():
            with open(path, "r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"\x02")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.made_again(change)

    def test_the_same_content_again_is_no_change(self):
        path = self.root / "usr/bin/hello"
        record = os.stat(self.root / RECORD)
        self.replace(path, self.content(path), times=False)
        before = self.image()
        self.update(SAME)
        self.assertEqual(self.image().st_ino, before.st_ino)
        # what was proved by reading is proved by looking next time
        self.assertNotEqual(os.stat(self.root / RECORD).st_ino, record.st_ino)
        record = os.stat(self.root / RECORD)
        self.update(SAME)
        self.assertEqual(os.stat(self.root / RECORD).st_ino, record.st_ino)

    def test_its_mode(self):
        self.made_again(lambda: os.chmod(self.root / "usr/bin/hello", 0o700))

    def test_a_library(self):
        path = self.root / "usr/lib/libgreet.so"
        self.made_again(lambda: self.replace(path, self.content(path) + b"\0"))

    def test_a_library_that_stands_in_front(self):
        self.made_again(lambda: os.makedirs(self.root / "usr/lib/x86_64-linux-gnu"))
        self.made_again(lambda: shutil.copy(self.root / "usr/lib/libgreet.so",
                                            self.root / "usr/lib/x86_64-linux-gnu"))

    def test_another_library_is_none_of_ours(self):
        self.root.file("usr/lib/libother.so", b"x")
        self.root.file("usr/bin/other", b"x", 0o755)
        self.update(SAME)

    def test_a_program_that_stands_in_front(self):
        self.made_again(lambda: self.root.program("hello", "greet", "usr/sbin"))

    def test_what_was_optional_and_missing_comes(self):
        self.made_again(lambda: self.root.program("maybe", "greet"))

    def test_the_profile(self):
        self.made_again(lambda: self.write("profiles/tiny.yaml", cli.PROFILE + "# other\n"))

    def test_a_drop_in(self):
        self.made_again(lambda: self.write("profiles/tiny.d/a.yaml", "values: { a: b }\n"))
        self.made_again(lambda: self.write("profiles/tiny.d/a.yaml", "values: { a: c }\n"))
        self.made_again(lambda: os.unlink(self.path("profiles/tiny.d/a.yaml")))

    def test_the_definition(self):
        self.made_again(lambda: self.define("profile: tiny\nset: [kernel.cmdline.quiet=true]\n"))

    def test_the_kernel(self):
        self.made_again(lambda: self.root.file(f"usr/lib/modules/{KVER}/vmlinuz", "another"))
        self.assertEqual(self.content(self.root / "boot/vmlinuz-linux"), b"another")

    def test_depmod(self):
        before = self.image()
        subprocess.run(["depmod", "-b", self.root.path, KVER], check=True, timeout=60)
        self.update(SAME)
        self.assertEqual(self.image().st_ino, before.st_ino)
        self.made_again(lambda: self.root.file(f"usr/lib/modules/{KVER}/modules.softdep", "# x\n"))

    def test_mkinitrd_itself(self):
        program = self.installed()
        shutil.copy2(os.path.join(cli.BUILD, "bundle"), os.path.dirname(program))
        self.update(SAME, program=program)  # the same program in another place
        done = self.run_program("update", "--force", "--root", "root", program=program)
        self.assertIn("written and verified", done.stderr)
        self.replace(program, self.content(program) + b"\0")
        done = self.run_program("update", "-v", "--root", "root", program=program)
        self.assertIn(f"mkinitrd: making '{IMAGE}': mkinitrd itself has changed\n", done.stderr)
        init = os.path.join(os.path.dirname(program), "init")
        self.replace(init, self.content(init) + b"\0")
        done = self.run_program("status", "--root", "root", program=program)
        self.assertEqual((done.status, done.stdout), (3, f"tiny\t{KVER}\t{IMAGE}\tout of date: "
                                                      f"'{init}' has changed\n"))

    def test_the_image_itself(self):
        self.made_again(lambda: os.unlink(self.root / IMAGE))
        self.made_again(lambda: self.root.file(IMAGE, b"somebody's"))

    def test_the_copy_of_the_kernel_is_put_back(self):
        os.unlink(self.root / "boot/vmlinuz-linux")
        self.update(SAME)
        self.assertEqual(self.content(self.root / "boot/vmlinuz-linux"), b"kernel " +
                         KVER.encode())

    def test_an_entry_as_soon_as_there_is_a_place_for_it(self):
        entries = self.root / "boot/loader/entries"
        os.makedirs(entries)
        before = self.image()
        self.update(SAME)
        self.assertEqual(os.listdir(entries), ["mkinitrd-tiny-linux.conf"])
        self.assertEqual(self.image().st_ino, before.st_ino)
        os.unlink(os.path.join(entries, "mkinitrd-tiny-linux.conf"))
        self.update(SAME)
        self.assertEqual(os.listdir(entries), ["mkinitrd-tiny-linux.conf"])
        self.assertEqual(self.run_program("disable", "--root", "root", "tiny").status, 0)
        self.assertEqual(os.listdir(entries), [])

    def test_force(self):
        before = self.image()
        done = self.run_program("update", "--force", "--root", "root")
        self.assertIn("written and verified", done.stderr)
        self.assertNotEqual(self.image().st_ino, before.st_ino)

    def test_what_cannot_be_told_is_made_each_time(self):
        self.root.file("srv/tree/file", "of a tree")
        self.write("profiles/tiny.yaml",
                   cli.PROFILE + "trees: { t: { from: /srv/tree, at: /usr/share/t } }\n")
        for _ in range(2):
            self.update(MADE)
        self.status(("tiny", KVER, IMAGE, "made each time: it has what comes of trees, scripts, "
                     "archives or the host's devices, which are not watched"))

    def test_a_record_that_cannot_be_read(self):
        with open(self.root / RECORD, "w", encoding="utf-8") as file:
            file.write("mkinitrd-record 9\n")
        done = self.run_program("update", "--force", "--root", "root")
        self.assertIn(f"mkinitrd: warning: '/{RECORD}' cannot be read (Invalid argument), "
                      "skipping: 'mkinitrd update --force' makes its image again\n", done.stderr)
        self.update(SAME)

    def test_a_build_that_was_killed_after_its_image_was_in_place(self):
        with open(self.root / RECORD, encoding="utf-8") as file:
            head = file.read().split("\n\n")[0]
        head = "\n".join("doubt what made it was interrupted" if line.startswith("doubt")
                         else "image 0 0 0" if line.startswith("image") else line
                         for line in head.split("\n"))
        with open(self.root / RECORD, "w", encoding="utf-8") as file:
            file.write(head + "\n\n")
        done = self.run_program("update", "--root", "root")
        self.assertIn("written and verified", done.stderr)
        self.update(SAME)

    def test_a_kernel_that_is_gone(self):
        shutil.rmtree(self.root / f"usr/lib/modules/{KVER}")
        self.status(("tiny", "-", "-", "no kernel"),
                    ("tiny", KVER, IMAGE, "left over: its kernel is gone"), status=3)
        self.update(f"mkinitrd: {IMAGE}: removed\n")
        self.assertEqual(os.listdir(self.root / "boot"), [])


class Failures(UpdateTest):

    def setUp(self):
        super().setUp()
        self.define("profile: tiny\n")

    def failed(self, why, kept="none"):
        return f"mkinitrd: FAILED for {KVER}: {why}; kept {kept}\n"

    def test_a_failure_is_remembered_until_it_is_mended(self):
        self.update(MADE)
        before = self.image()
        os.rename(self.root / "usr/bin/hello", self.root / "usr/bin/bye")
        done = self.run_program("update", "--root", "root")
        self.assertEqual(done.status, 1)
        self.assertRegex(done.stderr, rf"\Amkinitrd: FAILED for {KVER}: [^\n]*'hello'[^\n]*; kept "
                         rf"{IMAGE}\n\Z")
        self.assertEqual(self.image().st_ino, before.st_ino)
        done = self.run_program("status", "--json", "--root", "root")
        self.assertEqual(done.status, 3)
        (image,) = json.loads(done.stdout)
        self.assertEqual((image["image"], image["state"], image["output"]),
                         ("tiny", "FAILED", IMAGE))
        self.assertIn("'hello'", image["why"])
        os.rename(self.root / "usr/bin/bye", self.root / "usr/bin/hello")
        self.update(SAME)
        self.status(("tiny", KVER, IMAGE, "up to date"))

    def test_somebody_elses_file_is_never_replaced(self):
        self.root.file(IMAGE, b"somebody's")
        self.update(self.failed(f"'{IMAGE}' is there, and not an image that mkinitrd keeps; give "
                                f"another 'output:' in /{IMAGES}tiny.yaml, or replace it with "
                                "'mkinitrd update --force'", IMAGE), status=1)
        self.assertEqual(os.stat(self.root / IMAGE).st_size, 10)
        self.update(MADE, "--force")

    def test_boot_is_not_mounted(self):
        self.root.file("etc/fstab", "LABEL=boot /boot vfat defaults 0 2\n")
        self.update(self.failed("'/boot' is in /etc/fstab and not mounted; mount it"), status=1)
        self.assertEqual(os.listdir(self.root / "boot"), [])

    def mounted(self, options):
        """update with a file system of its own on /boot, which goes with it."""
        script = f'mount -t tmpfs -o {options} none "$1/boot" && shift && exec "$@"'
        return self.run_program("update", "--root", "root", wrap=lambda argv: [
            "unshare", "-m", "sh", "-c", script, "sh", self.root.path, *argv])

    @unittest.skipIf(os.geteuid() != 0, "mounting needs root")
    def test_boot_is_full_or_cannot_be_written(self):
        self.root.file("etc/fstab", "LABEL=boot /boot vfat defaults 0 2\n")
        done = self.mounted("size=64k")
        self.assertEqual(done.status, 1)
        self.assertRegex(done.stderr, rf"\Amkinitrd: FAILED for {KVER}: cannot write "
                         r"'root/boot/mkinitrd-linux.img': .* are free there and about .* are "
                         r"needed: No space left on device; kept none\n\Z")
        done = self.mounted("ro")
        self.assertRegex(done.stderr, rf"\Amkinitrd: FAILED for {KVER}: .*: Read-only file system; "
                         r"kept none\n\Z")

    @unittest.skipIf(os.geteuid() != 0, "mounting needs root")
    def test_an_image_does_not_come_without_its_kernel(self):
        """A new kernel of the same package that /boot has no room for."""
        self.update(MADE)
        self.kernel("6.2.0-next", "linux")
        shutil.rmtree(self.root / f"usr/lib/modules/{KVER}")
        with open(self.root / "usr/lib/modules/6.2.0-next/vmlinuz", "wb") as file:
            file.write(os.urandom(8 << 20))
        script = """\
boot=$1/boot; shift
mkdir "$0" && cp "$boot"/* "$0" && mount -t tmpfs -o size=6M none "$boot" && cp "$0"/* "$boot" || exit
"$@"; status=$?
diff -r "$0" "$boot" && ls -A "$boot" && exit $status"""
        done = self.run_program("update", "--root", "root", wrap=lambda argv: [
            "unshare", "-m", "sh", "-c", script, self.path("saved"), self.root.path, *argv])
        self.assertEqual((done.status, done.stdout), (1, "mkinitrd-linux.img\nvmlinuz-linux\n"))
        self.assertRegex(done.stderr, r"\Amkinitrd: FAILED for 6.2.0-next: cannot copy the kernel to "
                         r"'/boot/vmlinuz-linux': No space left on device; kept "
                         rf"{IMAGE}\n\Z")

    def upgraded(self):
        """The paths of a transaction that takes the kernel and brings one of another version."""
        paths = [f"usr/lib/modules/{release}/vmlinuz" for release in (KVER, "6.2.0-next")]

        def hook(verb, text):
            return self.run_program(
                "hook", "--root", "root", "pacman", verb,
                wrap=lambda argv: ["sh", "-c", 'echo "$0" | "$@"', text, *argv])
        done = hook("remove", paths[0])
        self.assertEqual((done.status, done.stderr), (0, ""))
        self.kernel("6.2.0-next", "linux")
        shutil.rmtree(self.root / f"usr/lib/modules/{KVER}")
        return hook("install", "\n".join(paths))

    def boot_files(self):
        return {name: self.content(self.root / f"boot/{name}")
                for name in os.listdir(self.root / "boot") if name != "loader"}

    def check_nothing_goes(self, definition, spoil, mend):
        """Around an upgrade of the kernel, and by hand after it; mended, the old one's goes."""
        self.define(definition)
        self.assertEqual(self.run_program("update", "--root", "root").status, 0)
        before = self.boot_files()
        spoil()
        done = self.upgraded()
        self.assertIn("mkinitrd: FAILED for ", done.stderr)
        self.assertEqual(self.boot_files(), before)
        self.assertEqual(self.run_program("update", "--root", "root").status, 1)
        self.assertEqual(self.boot_files(), before)
        mend()
        self.assertEqual(self.run_program("update", "--root", "root").status, 0)
        self.assertEqual(len(self.boot_files()), 2)
        self.assertEqual(os.listdir(self.root / "var/lib/mkinitrd/images"), ["tiny@6.2.0-next"])

    def test_a_mistake_in_the_definition_removes_nothing(self):
        definition = "profile: tiny\n"
        self.check_nothing_goes(definition, lambda: self.define("profile: [\n"),
                                lambda: self.define(definition))

    def test_a_build_that_fails_removes_nothing_of_another_name(self):
        hello, bye = self.root / "usr/bin/hello", self.root / "usr/bin/bye"
        self.check_nothing_goes("profile: tiny\noutput: /boot/tiny-%v.img\n",
                                lambda: os.rename(hello, bye), lambda: os.rename(bye, hello))

    def test_another_output(self):
        """What the image has in both places stays; of a build that fails nothing is forgotten."""
        entry = self.root / "boot/loader/entries/mkinitrd-tiny-linux.conf"
        os.makedirs(os.path.dirname(entry))
        self.update(MADE)
        self.define("profile: tiny\noutput: /boot/other.img\n")
        os.rename(self.root / "usr/bin/hello", self.root / "usr/bin/bye")
        self.assertEqual(self.run_program("update", "--root", "root").status, 1)
        os.rename(self.root / "usr/bin/bye", self.root / "usr/bin/hello")
        self.define("profile: tiny\n")
        self.update(SAME)
        self.define("profile: tiny\noutput: /boot/other.img\n")
        done = self.run_program("update", "--root", "root")
        self.assertEqual(done.status, 0)
        self.assertEqual(sorted(self.boot_files()), ["other.img", "vmlinuz-linux"])
        self.assertIn(b"initrd /other.img\n", self.content(entry))

    def test_records_name_nothing_outside(self):
        self.update(MADE)
        self.write("precious", "")
        record = self.content(self.root / RECORD).decode()
        with open(self.root / RECORD, "w", encoding="utf-8") as file:
            file.write(record.replace(f"output {IMAGE}\n", "output /../precious\n"))
        shutil.rmtree(self.root / f"usr/lib/modules/{KVER}")
        done = self.run_program("update", "--root", "root")
        self.assertIn("cannot be read (Invalid argument)", done.stderr)
        self.assertTrue(os.path.exists(self.path("precious")))

    def test_symlinks_of_a_root_are_its_own(self):
        os.rmdir(self.root / "boot")
        os.mkdir(self.root / "efi")
        os.symlink("/efi", self.root / "boot")
        self.update(MADE)
        self.assertEqual(sorted(os.listdir(self.root / "efi")),
                         ["mkinitrd-linux.img", "vmlinuz-linux"])
        self.update(SAME)
        shutil.rmtree(self.root / "var/lib/mkinitrd")
        os.symlink("/srv", self.root / "var/lib/mkinitrd")
        self.update("mkinitrd: '/var/lib/mkinitrd' of 'root' leads through a symlink to '/srv'; run "
                    "mkinitrd by chroot there: Too many levels of symbolic links\n", status=1)

    def test_a_kernel_that_is_not_there(self):
        self.update("mkinitrd: kernel 9.9 has no modules in the root 'root'\n", "-k", "9.9",
                    status=1)

    def test_one_at_a_time(self):
        self.update(MADE)
        with open(self.root / "var/lib/mkinitrd/lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with subprocess.Popen([cli.MKINITRD, "update", "--root", "root"], cwd=self.directory,
                                  env=self.environment(), stderr=subprocess.PIPE, text=True) as run:
                self.assertEqual(run.stderr.readline(), "mkinitrd: another mkinitrd is at work on "
                                 "these images; waiting for it\n")
                time.sleep(0.1)
                self.assertIsNone(run.poll())
                fcntl.flock(lock, fcntl.LOCK_UN)
                self.assertEqual(run.communicate(timeout=60)[1], SAME)


class Hooks(UpdateTest):

    def test_what_is_no_hook(self):
        done = self.run_program("hook")
        self.assertEqual(done.status, 2)
        self.assertRegex(done.stderr, r"\Amkinitrd: hook takes SYSTEM VERB; there are: pacman "
                         r"remove, pacman install, grub list.*\n\Z")
        self.assertEqual(self.run_program("hook", "pacman", "x").status, 2)

    @staticmethod
    def first_line(path):
        with open(path, "rb") as file:
            return file.readline()

    def test_shims_are_posix(self):
        shims = [os.path.join(folder, name) for folder, _, names in
                 os.walk(os.path.join(cli.SOURCE, "hooks")) for name in names]
        shims = [path for path in shims if self.first_line(path) == b"#!/bin/sh\n"]
        self.assertGreater(len(shims), 1)
        for path in shims:
            for shell in (["dash"], ["busybox", "sh"]):
                done = subprocess.run([*shell, "-n", path], capture_output=True, timeout=60,
                                      check=False)
                self.assertEqual((done.returncode, done.stderr), (0, b""), path)

    @unittest.skipIf(os.geteuid() != 0, "mounting needs root")
    def test_grub_lists_them(self):
        """GRUB's own library, with a file system on /boot that is this test's alone. On a loop
        device, for which that library writes no search for the disk."""
        self.define("profile: tiny\ncmdline: [quiet, 'a=\"b c\"', \"it's\"]\ntitle: It's small\n")
        self.update(MADE)
        with open(os.path.join(cli.SOURCE, "hooks/grub/41_mkinitrd"), encoding="utf-8") as file:
            script = self.write("41_mkinitrd", file.read().replace(
                "/usr/bin/mkinitrd", self.path("mkinitrd")))
        self.write("mkinitrd", f'#!/bin/sh\nexec {cli.MKINITRD} "$@" --root {self.root.path}\n')
        os.chmod(self.path("mkinitrd"), 0o755)
        with open(self.path("boot.img"), "wb") as file:
            file.truncate(16 << 20)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", self.path("boot.img")],
                       check=True, timeout=60)
        mount = f'mount -o loop {self.path("boot.img")} /boot && cp {self.root.path}/boot/* /boot'
        for shell in ("dash", "busybox sh"):
            done = subprocess.run(["unshare", "-m", "sh", "-c",
                                   f"{mount} && exec {shell} {script}"], capture_output=True,
                                  text=True, timeout=60, check=False, env=self.environment())
            # what grub-probe says of this machine's other disks is none of ours
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = [line.strip() for line in done.stdout.splitlines()]
            self.assertEqual(lines[0], "menuentry 'It'\\''s small (6.0.0-fixture)' --id "
                             "'mkinitrd-tiny-6.0.0-fixture' {")
            self.assertEqual(lines[-3:], ["linux '/vmlinuz-linux' 'quiet' 'a=b c' 'it'\\''s'",
                                          "initrd '/mkinitrd-linux.img'", "}"])
            done = subprocess.run(["grub-script-check"], input=done.stdout, text=True, timeout=60,
                                  capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_shim_takes_all_that_it_is_told(self):
        """mkinitrd may be gone in the transaction that removes it: then nothing is done."""
        shim = os.path.join(cli.SOURCE, "hooks/pacman/mkinitrd")
        for shell in (["dash"], ["busybox", "sh"]):
            done = subprocess.run([*shell, shim, "install"], input=b"usr/bin/x\n" * 100000,
                                  capture_output=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, b""))


if __name__ == "__main__":
    cli.main("dash", "busybox", "unshare", "mke2fs", "grub-probe", "grub-script-check")
