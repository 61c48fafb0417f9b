# SPDX-License-Identifier: Apache-2.0
"""mkinitrd diff: what changed between two images that were really built, line by line."""
import json
import os
import stat
import subprocess

import cli
import newc
from test_check import module

MODULES = "usr/lib/modules"


class Diff(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()
        self.root.file("etc/motd", "one\ntwo\nthree\nfour\n")
        self.root.file("etc/data", b"\0binary")
        self.check([*self.build_arguments(cli.PROFILE + "files: { /etc/motd: {}, /etc/data: {} }\n"),
                    "-c", "none", "-q"], 0)
        self.image = newc.Image(self.path("a.img"))

    def diff(self, *options):
        """Lines of the difference below the two that name the images, and what is summed up."""
        self.image.write(self.path("b.img"))
        done = self.run_program("diff", *options, "a.img", "b.img")
        lines = done.stdout.splitlines()
        if lines:
            self.assertRegex(lines[0], r"^--- a\.img: profile fixture, kernel 6\.0\.0-fixture, "
                                       r"\d+ entries, [0-9.]+ [kM]B$")
            self.assertRegex(lines[1], r"^\+\+\+ b\.img: ")
        self.assertEqual(done.status, 3 if lines else 0)
        return lines[2:], done.stderr

    def test_the_same(self):
        self.assertEqual(self.diff(), ([], "mkinitrd: a.img and b.img hold the same\n"))

    def test_each_kind_of_change(self):
        image = self.image
        image.drop("etc/data")
        image.add(newc.file("etc/new\nname", b"12345"))
        image.add(newc.symlink("etc/to", "motd"))
        image["etc/motd"].content = b"zero\none\ntwo\n3\nfour\n"
        image["usr/bin/hello"].mode ^= 0o111
        image["usr/lib/libgreet.so"].uid = 7
        image["lib"].content = b"/usr/lib"
        image["usr/bin"].mode = stat.S_IFREG | 0o644
        image.agree()
        self.assertEqual(self.diff(), ([
            "- etc/data (7 B)",
            "+ etc/new\\nname (5 B)",
            "+ etc/to -> motd",
            "~ etc/motd: size 19 B -> 20 B",
            "    +zero",
            "    -three",
            "    +3",
            "~ lib: target usr/lib -> /usr/lib",
            "~ usr/bin: directory -> file",
            "~ usr/bin/hello: mode 0755 -> 0644",
            "~ usr/lib/libgreet.so: owner 0:0 -> 7:0",
        ], "mkinitrd: 1 removed (7 B), 2 added (5 B), 5 changed "
           f"({self.sizes('etc/motd', 'usr/bin/hello', 'usr/lib/libgreet.so')})\n"))

    def sizes(self, *names):
        """Of changed files before and after, as the program says it."""
        before = newc.Image(self.path("a.img"))
        pair = [sum(len(image[name].content) for name in names) for image in (before, self.image)]
        return " -> ".join(f"{size / 1000:.1f} kB" for size in pair)

    def test_many_changed_lines(self):
        image = self.image
        image["etc/motd"].content = b"".join(b"%d\n" % i for i in range(100))
        lines, _ = self.diff()
        self.assertEqual(lines[-1], "    ... and 64 more lines (-v shows them)")
        self.assertEqual(len(lines), 1 + 40 + 1)
        self.assertEqual(len(self.diff("-v")[0]), 1 + 104)

    def test_json(self):
        self.image["etc/motd"].content = b"one\n"
        self.image.drop("etc/data")
        self.image.write(self.path("b.img"))
        done = self.run_program("diff", "--json", "a.img", "b.img")
        result = json.loads(done.stdout)
        self.assertEqual(done.status, 3)
        self.assertEqual([one["path"] for one in result["removed"]], ["etc/data"])
        self.assertEqual((result["added"], result["b"]["release"]), ([], cli.RELEASE))
        change, = result["changed"]
        self.assertEqual((change["what"], change["lines"]), (["content"], ["-two", "-three", "-four"]))
        self.assertEqual((change["from"]["size"], change["to"]["size"]), (19, 4))
        self.assertEqual(change["to"]["mode"], "0644")

    def test_another_kernel(self):
        """A new release: what is the same but for its name is no change, and lines are readable."""
        release = "6.0.1-other"
        module(self.root, "second")
        subprocess.run(["depmod", "-b", self.root.path, cli.RELEASE], check=True, timeout=60)
        self.check(self.build_arguments(cli.PROFILE + "kernel: { modules: { second: required } }\n")
                   + ["-q"], 0)
        root = self.root / MODULES
        os.rename(f"{root}/{cli.RELEASE}", f"{root}/{release}")
        self.check(["-p", "fixture.yaml", "--root", "root", "-k", release, "-o", "b.img", "-q"], 0)
        done = self.run_program("diff", "a.img", "b.img")
        lines = done.stdout.splitlines()
        self.assertEqual(done.status, 3)
        self.assertRegex(lines[1], f"kernel {release}, ")
        self.assertNotIn("- ", [line[:2] for line in lines])
        self.assertNotIn("+ ", [line[:2] for line in lines])
        changed = [line for line in lines[2:] if line.startswith("~ ")]
        self.assertEqual([line.split(":")[0] for line in changed],
                         ["~ usr/lib/mkinitrd/boot.plan"])
        self.assertRegex(done.stderr, r", \d+ of a kernel's files the same but for its release\n$")

    def test_images_of_others(self):
        def make(name, content):
            folder = self.path(name)
            os.mkdir(folder)
            with open(os.path.join(folder, "file"), "wb") as file:
                file.write(content)
            os.link(os.path.join(folder, "file"), os.path.join(folder, "link"))
            archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=folder,
                                     input=b".\nfile\nlink\n", stdout=subprocess.PIPE, check=True,
                                     timeout=60).stdout
            with open(folder + ".img", "wb") as image:
                image.write(archive)
        make("c", b"old\n")
        make("d", b"new\n")
        done = self.run_program("diff", "c.img", "d.img")
        self.assertEqual((done.status, done.stdout), (3, (
            "--- c.img: 3 entries, 4 B\n+++ d.img: 3 entries, 4 B\n"
            "~ file: content\n    -old\n    +new\n~ link: content\n    -old\n    +new\n")))

    def test_what_cannot_be_compared(self):
        for arguments, status, line in (
                (["a.img", "none.img"], 1, "cannot read image 'none.img': No such file or directory"),
                (["a.img"], 2, "diff: two images are needed; use: mkinitrd diff A B")):
            self.check(["diff", *arguments], status, "", f"mkinitrd: {line}\n")


if __name__ == "__main__":
    cli.main("cpio")
