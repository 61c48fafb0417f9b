# SPDX-License-Identifier: Apache-2.0
"""Bad input: each is refused in one clear line, and nothing is left behind."""
import os
import subprocess

import cli


class BadInput(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()

    def test_fixture_builds(self):
        self.check(self.build_arguments(), 0, "", "mkinitrd: a.img: SUMMARY\n")
        self.assertEqual(self.images(), ["a.img"])

    def test_missing_profile(self):
        self.check(["-p", "nothing-like-it", "-o", "a.img"], 1, "", "")
        self.check(["-p", "./nothing.yaml", "-o", "a.img"], 1, "", "")

    def test_misspelt_key(self):
        self.check_refused(cli.PROFILE + "progams: {}\n", "")

    def test_missing_module(self):
        self.check_refused(cli.PROFILE + "kernel: { modules: { dm_nothing: required } }\n", "")

    def test_missing_program(self):
        self.check_refused(cli.PROFILE.replace("hello: required", "nothing: required"), "")

    def test_missing_library(self):
        os.unlink(self.root / "usr/lib/libgreet.so")
        self.check_refused(cli.PROFILE, "")

    def test_library_of_wrong_class(self):
        subprocess.run(["cc", "-m32", "-nostdlib", "-shared", "-x", "c", "-", "-o",
                        self.root / "usr/lib/libgreet.so"], input=b"int greet;", check=True,
                       timeout=60)
        self.check_refused(cli.PROFILE, "")

    def test_missing_file(self):
        self.check_refused(cli.PROFILE + "files: { /etc/nothing: {} }\n", "")

    def test_symlink_loop(self):
        os.symlink("b", self.root / "etc/a")
        os.symlink("a", self.root / "etc/b")
        self.check_refused(cli.PROFILE + "files: { /etc/a: {} }\n", "")

    def test_path_out_of_the_root(self):
        self.write("outside", "secret\n")
        self.check_refused(cli.PROFILE + "files: { /../outside: {} }\n", "")
        # a symlink that leads out ends at the root: outside is never read
        os.symlink("../../outside", self.root / "etc/out")
        self.check_refused(cli.PROFILE + "files: { /etc/out: {} }\n", "")

    def test_unreadable_file(self):
        self.root.file("etc/secret", "secret\n", 0o600)
        self.check_refused(cli.PROFILE + "files: { /etc/secret: {} }\n", "",
                           program=self.installed(), wrap=cli.as_nobody)

    def test_missing_kernel(self):
        arguments = self.build_arguments()
        arguments[arguments.index(cli.RELEASE)] = "1.2.3"
        self.check(arguments, 1, "", "")

    def test_missing_root(self):
        arguments = self.build_arguments()
        arguments[arguments.index(self.root.path)] = "nowhere"
        self.check(arguments, 1, "", "")

    def test_usage(self):
        self.check([], 2, "", "")
        self.check(["--outptu", "a.img"], 2, "", "")
        self.check(["bulid"], 2, "", "")


if __name__ == "__main__":
    cli.main()
