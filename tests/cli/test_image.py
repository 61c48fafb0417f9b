# SPDX-License-Identifier: Apache-2.0
"""The only-docker image of this system: same bytes everywhere, and what others read in it. In
both layouts.

Slow parts are shared: an image is built once for a class, by an ordinary user.
"""
import hashlib
import json
import lzma
import os
import re
import shutil
import stat
import subprocess
import tempfile

import cli
import newc

MANIFEST = "usr/lib/mkinitrd/manifest.json"
COMPLETE = "usr/lib/mkinitrd/complete"
SQUASHFS = "root.squashfs"


def newest_release():
    def key(release):
        return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", release)]
    releases = [name for name in os.listdir("/lib/modules")
                if os.path.exists(f"/lib/modules/{name}/modules.dep")]
    return max(releases, key=key) if releases else None


def output_of(*argv, **options):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
                          timeout=300, **options).stdout


def paths(listing):
    """A listing's paths as one sorted list, without "./" and the root itself."""
    names = [re.sub(r"^\./", "", line) for line in listing.decode().splitlines()]
    return sorted(name.rstrip("/") for name in names if name not in ("", ".", "./"))


class OnlyDocker(cli.CliTest):

    layout = ("--layout", "squashfs")

    @classmethod
    def setUpClass(cls):
        cls.release = newest_release()
        if not cls.release:
            cli.require("a kernel with its modules")
        cls.shared = tempfile.mkdtemp(prefix="mkinitrd-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        os.chmod(cls.shared, 0o755)
        for name in ("mkinitrd", "init", "agent"):
            shutil.copy2(os.path.join(cli.BUILD, name), cls.shared)
        shutil.copytree(os.path.join(cli.SOURCE, "profiles"), cls.shared + "/profiles")
        os.mkdir(cls.shared + "/out")
        os.chmod(cls.shared + "/out", 0o777)
        cls.image = cls.shared + "/out/a.img"
        cls.tree = cls.shared + "/tree"
        cls.build("a.img")
        cls.unpack()
        with open(os.path.join(cls.tree, MANIFEST), encoding="utf-8") as file:
            cls.manifest = json.load(file)

    @classmethod
    def unpack(cls):
        """All of it with others' tools, as the kernel and init would: into one tree."""
        os.mkdir(cls.tree)
        with open(cls.image, "rb") as image:
            cls.segments = newc.split(image.read())
        cls.archives = [*cls.segments[:-1], subprocess.run(
            ["zstd", "-dc"], input=cls.segments[-1], stdout=subprocess.PIPE, check=True,
            timeout=300).stdout]
        for archive in cls.archives:
            subprocess.run(["cpio", "-id", "--quiet", "--no-absolute-filenames",
                            "--no-preserve-owner"], input=archive, cwd=cls.tree, check=True,
                           timeout=300)
        carried, cls.squashed = os.path.join(cls.tree, SQUASHFS), []
        if os.path.exists(carried):
            output_of("unsquashfs", "-q", "-n", "-f", "-d", cls.tree, carried)
            cls.squashed = paths(output_of("unsquashfs", "-l", "-d", ".", carried))
            os.unlink(carried)

    @classmethod
    def listed(cls):
        """What cpio lists, an archive after the other."""
        return b"".join(subprocess.run(["cpio", "-it", "--quiet"], input=archive, check=True,
                                       stdout=subprocess.PIPE, timeout=60).stdout
                        for archive in cls.archives)

    @classmethod
    def build(cls, output, *more, profile=("only-docker",), cwd=None, wrap=cli.as_nobody,
              **environment):
        argv = [cls.shared + "/mkinitrd"]
        for name in profile:
            argv += ["-p", name]
        argv += ["-k", cls.release, "-o", output, *cls.layout, *more]
        env = {"PATH": os.environ["PATH"], "HOME": "/", "LC_ALL": "C", **environment}
        done = subprocess.run(wrap(argv), cwd=cwd or cls.shared + "/out", env=env, timeout=600,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{argv}: {done.stderr.decode()}")
        return done.stderr.decode()

    def in_tree(self, path):
        return os.path.join(self.tree, path)

    def test_same_bytes_everywhere(self):
        def digest(path):
            with open(path, "rb") as file:
                return hashlib.sha256(file.read()).hexdigest()
        first = digest(self.image)
        other = self.shared + "/out/elsewhere"
        os.mkdir(other)
        os.chmod(other, 0o777)

        def with_umask(mask):
            return lambda argv: cli.as_nobody(
                ["sh", "-c", f'umask {mask}; exec "$@"', "sh", *argv])
        self.build("b.img", "-j", "1", cwd=other, wrap=with_umask("077"), LC_ALL="C.UTF-8",
                   TZ="Pacific/Auckland")
        self.assertEqual(digest(other + "/b.img"), first)
        self.build(other + "/c.img", "-j", "7", cwd="/", wrap=with_umask("000"),
                   LC_ALL="tr_TR.UTF-8", TZ="America/St_Johns", SOURCE_DATE_EPOCH="")
        self.assertEqual(digest(other + "/c.img"), first)
        # as the user who runs the tests, perhaps root
        self.build(self.path("d.img"), wrap=lambda argv: argv)
        self.assertEqual(digest(self.path("d.img")), first)
        self.build(other + "/e.img", SOURCE_DATE_EPOCH="1000000000")
        self.assertNotEqual(digest(other + "/e.img"), first)

    def test_readers_list_the_same(self):
        ours = paths(output_of(cli.MKINITRD, "ls", self.image))
        theirs = paths(self.listed())
        self.assertEqual(ours, sorted(theirs + self.squashed))
        self.assertEqual(theirs, paths(output_of("lsinitramfs", self.image)))
        by_tar = b"".join(subprocess.run(["bsdtar", "-tf", "-"], input=segment, check=True,
                                         stdout=subprocess.PIPE, timeout=60).stdout
                          for segment in self.segments)
        self.assertEqual(theirs, paths(by_tar))
        twice = {path for path in ours if ours.count(path) > 1}
        self.assertFalse([path for path in twice if self.is_file(path)])

    def is_file(self, path):
        return stat.S_ISREG(os.lstat(self.in_tree(path)).st_mode)

    def test_OD_2_listing_equals_the_manifest(self):
        listed = self.listed().decode().splitlines()
        self.assertEqual(listed[-2:], [MANIFEST, COMPLETE])
        declared = [entry["path"] for entry in self.manifest["entries"]]
        self.assertEqual(declared, sorted(declared, key=os.fsencode))
        self.assertEqual(sorted({*listed[:-2], *self.squashed} - {SQUASHFS}), sorted(declared))

    def test_OD_2_init_comes_first(self):
        """Where memory ends while the kernel unpacks, init is there, and the plan with the figure."""
        files = [path for path in self.listed().decode().splitlines() if path == SQUASHFS or
                 self.is_file(path)]
        self.assertEqual(files[:2], ["init", "usr/lib/mkinitrd/boot.plan"])

    def test_files_equal_their_sources(self):
        compared = 0
        for entry in self.manifest["entries"]:
            path = self.in_tree(entry["path"])
            status = os.lstat(path)
            if entry["type"] == "file":
                with open(path, "rb") as file:
                    packed = file.read()
                self.assertEqual(hashlib.sha256(packed).hexdigest(), entry["sha256"],
                                 entry["path"])
                source = entry.get("source", {})
                if source.get("kind") == "root":
                    with open(source["path"], "rb") as file:
                        original = file.read()
                    if source["path"].endswith(".xz"):
                        original = lzma.decompress(original)
                    self.assertTrue(packed == original, entry["path"])
                    compared += 1
            elif entry["type"] == "symlink":
                self.assertEqual(os.readlink(path), entry["target"])
            else:
                self.assertTrue(stat.S_ISDIR(status.st_mode), entry["path"])
        self.assertGreater(compared, 100)

    def test_OD_3_init_is_one_static_program(self):
        self.assertTrue(stat.S_ISREG(os.lstat(self.in_tree("init")).st_mode))
        headers = output_of("readelf", "-lW", self.in_tree("init")).decode()
        self.assertNotIn("INTERP", headers)
        with open("/proc/self/mountinfo", "rb") as file:
            before = file.read()
        done = subprocess.run([os.path.join(cli.BUILD, "init")], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=30, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertGreater(done.returncode, 0)
        self.assertIn(b"process 1", done.stdout + done.stderr)
        with open("/proc/self/mountinfo", "rb") as file:
            self.assertEqual(file.read(), before)

    def test_OD_3_OD_15_no_shell_that_no_profile_wants(self):
        self.build("bare.img", profile=("docker",))
        listed = paths(output_of(cli.MKINITRD, "ls", self.shared + "/out/bare.img"))
        names = {os.path.basename(path) for path in listed}
        self.assertIn("dockerd", names)
        self.assertFalse(names & {"sh", "bash", "dash", "ash", "busybox", "zsh", "getty", "agetty"})

    def test_OD_16_every_program_has_its_libraries(self):
        names = {os.path.basename(entry["path"]) for entry in self.manifest["entries"]}
        seen = 0
        for entry in self.manifest["entries"]:
            path = self.in_tree(entry["path"])
            if entry["type"] != "file" or entry["path"].endswith(".ko"):
                continue
            with open(path, "rb") as file:
                if file.read(4) != b"\x7fELF":
                    continue
            said = output_of("readelf", "-dlW", path).decode()
            seen += 1
            for library in re.findall(r"\(NEEDED\)\s+Shared library: \[(.*?)\]", said):
                self.assertIn(library, names, entry["path"])
            for interpreter in re.findall(r"program interpreter: (.*?)\]", said):
                found = os.path.realpath(self.in_tree(interpreter.lstrip("/")))
                self.assertTrue(os.path.isfile(found), f"{entry['path']} wants {interpreter}")
        self.assertGreater(seen, 20)

    def test_OD_16_certificates(self):
        bundle = self.in_tree("etc/ssl/certs/ca-certificates.crt")
        self.assertTrue(stat.S_ISREG(os.lstat(bundle).st_mode))
        with open(bundle, encoding="utf-8") as file:
            self.assertGreaterEqual(file.read().count("BEGIN CERTIFICATE"), 100)

    def test_why_ends_at_a_line_of_a_profile(self):
        path = next(entry["path"] for entry in self.manifest["entries"]
                    if re.fullmatch(r"(usr/)?sbin/iptables", entry["path"]))
        library = next(entry["path"] for entry in self.manifest["entries"]
                       if re.search(r"/libxtables\.so\.[\d.]+$", entry["path"])
                       and entry["type"] == "file")
        with open(os.path.join(cli.SOURCE, "profiles/iptables-programs.yaml"), encoding="utf-8") as file:
            source = file.readlines()
        for wanted, line in ((path, r"^  iptables: \{"), (library, r"^  \S*xtables")):
            said = output_of(cli.MKINITRD, "why", self.image, wanted).decode()
            self.assertEqual(said.splitlines()[0], wanted)
            number = int(re.search(r"^  .*\(iptables-programs\.yaml:(\d+)\)$", said, re.M).group(1))
            self.assertRegex(source[number - 1].rstrip("\n"), line)


class Flat(OnlyDocker):
    """One archive that every tool can read. What does not depend on the layout is not seen twice."""

    layout = ("--layout", "cpio")
    test_OD_3_init_is_one_static_program = None
    test_OD_3_OD_15_no_shell_that_no_profile_wants = None
    test_OD_16_every_program_has_its_libraries = None
    test_OD_16_certificates = None

    def test_one_archive(self):
        self.assertEqual(len(self.archives), 1)
        self.assertEqual(self.squashed, [])


if __name__ == "__main__":
    cli.main("unsquashfs", "lsinitramfs", "bsdtar", "cpio", "zstd", "readelf")
