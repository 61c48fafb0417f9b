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
        self.check(["-p", "nothing-like-it", "-o", "a.img"], 1, "",
                   "mkinitrd: no profile 'nothing-like-it' in /etc/mkinitrd/profiles, "
                   f"{cli.BUILD}/profiles; 'mkinitrd profile list' shows what there is, a path "
                   "needs a '/'\n")
        self.check(["-p", "./nothing.yaml", "-o", "a.img"], 1, "",
                   "mkinitrd: cannot read profile './nothing.yaml': No such file or directory\n")

    def test_misspelt_key(self):
        self.check_refused(cli.PROFILE + "progams: {}\n",
                           "fixture.yaml:5:1: unknown key 'progams'; did you mean 'programs'?")

    def test_missing_module(self):
        self.check_refused(cli.PROFILE + "kernel: { modules: { dm_nothing: required } }\n",
                           "module 'dm_nothing' (fixture.yaml:5) is not in kernel 6.0.0-fixture "
                           "of the root 'root'; install it or make it optional")

    def test_missing_program(self):
        self.check_refused(cli.PROFILE.replace("hello: required", "nothing: required"),
                           "program 'nothing' (fixture.yaml:2:13) is not in the root 'root': "
                           "install it, name it by its path, or make it optional")

    def test_missing_library(self):
        os.unlink(self.root / "usr/lib/libgreet.so")
        self.check_refused(cli.PROFILE,
                           "library 'libgreet.so' needed by '/usr/bin/hello' (program 'hello' "
                           "(fixture.yaml:2)) is not in the root 'root'; install it (searched "
                           "/lib/x86_64-linux-gnu, /usr/lib/x86_64-linux-gnu, /lib64, /usr/lib64, "
                           "/lib, /usr/lib)")

    def test_library_of_wrong_class(self):
        subprocess.run(["cc", "-m32", "-nostdlib", "-shared", "-x", "c", "-", "-o",
                        self.root / "usr/lib/libgreet.so"], input=b"int greet;", check=True,
                       timeout=60)
        self.check_refused(cli.PROFILE,
                           "library 'libgreet.so' needed by '/usr/bin/hello' (program 'hello' "
                           "(fixture.yaml:2)) is found only as 32-bit at '/usr/lib/libgreet.so' "
                           "in the root 'root'; install the one that fits")

    def test_missing_file(self):
        self.check_refused(cli.PROFILE + "files: { /etc/nothing: {} }\n",
                           "fixture.yaml:5:10: '/etc/nothing' is not in the root 'root'; install "
                           "what brings it, or make it optional")

    def test_symlink_loop(self):
        os.symlink("b", self.root / "etc/a")
        os.symlink("a", self.root / "etc/b")
        self.check_refused(cli.PROFILE + "files: { /etc/a: {} }\n",
                           "cannot follow '/etc/a' in the root 'root', file (fixture.yaml:5:10); "
                           "its symlinks lead in a circle, mend or drop them: "
                           "Too many levels of symbolic links")

    def test_path_out_of_the_root(self):
        self.write("outside", "secret\n")  # beside the root
        self.check_refused(cli.PROFILE + "files: { /../outside: {} }\n",
                           "fixture.yaml:5:10: '/../outside' in 'files' is not a path in the "
                           "image: '..' leads out of it")
        # a symlink that leads out ends at the root: outside is never read
        os.symlink("../../outside", self.root / "etc/out")
        self.check_refused(cli.PROFILE + "files: { /etc/out: {} }\n",
                           "fixture.yaml:5:10: '/etc/out' is a symlink to '../../outside', which "
                           "is not in the root 'root'; install what brings it, or make it "
                           "optional")

    def test_unreadable_file(self):
        self.root.file("etc/secret", "secret\n", 0o600)
        self.check_refused(cli.PROFILE + "files: { /etc/secret: {} }\n",
                           "cannot read '/etc/secret' in the root 'root', file (fixture.yaml:5); "
                           "make it readable, or run as a user who may read it: "
                           "Permission denied",
                           program=self.installed(), wrap=cli.as_nobody)

    def test_missing_kernel(self):
        arguments = self.build_arguments()
        arguments[arguments.index(cli.RELEASE)] = "1.2.3"
        self.check(arguments, 1, "",
                   "mkinitrd: kernel '1.2.3' (-k) has no modules in /usr/lib/modules or "
                   "/lib/modules of the root 'root'; installed: 6.0.0-fixture\n")

    def test_missing_root(self):
        arguments = self.build_arguments()
        arguments[arguments.index("root")] = "nowhere"
        self.check(arguments, 1, "",
                   "mkinitrd: cannot open the root 'nowhere': No such file or directory\n")

    def test_usage(self):
        self.check([], 2, "", "mkinitrd: no profile given; say which with -p NAME ('mkinitrd "
                   "profile list' shows them)\n")
        self.check(["--outptu", "a.img"], 2, "",
                   "mkinitrd: unknown option '--outptu'; did you mean '--output'?\n")
        self.check(["bulid"], 2, "",
                   "mkinitrd: unknown command 'bulid'; did you mean 'build'?\n")


if __name__ == "__main__":
    cli.main()
