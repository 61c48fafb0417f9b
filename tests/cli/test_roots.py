# SPDX-License-Identifier: Apache-2.0
"""Roots of all kinds: what is packed from them, and what is said when that cannot be."""
import os
import subprocess

import cli


class Reasons(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()

    def test_DL_12_why_says_what_the_profile_says(self):
        self.root.file("etc/issue", "hello\n")
        profile = cli.PROFILE.replace("hello: required",
                                      'hello: { why: "greets\\n  who\tcomes " }')
        profile += 'files: { /etc/issue: { need: optional, why: the banner }, /no: optional }\n'
        self.check(self.build_arguments(profile), 0, "",
                   "mkinitrd: optional and not found: 1 files (-v lists them)\n"
                   "mkinitrd: a.img: SUMMARY\n")
        self.check(["why", "a.img", "usr/bin/hello"], 0,
                   "usr/bin/hello\n  program 'hello': greets who comes (fixture.yaml:2)\n")
        self.check(["why", "a.img", "etc/issue"], 0,
                   "etc/issue\n  file: the banner (fixture.yaml:5)\n")
        self.check(["why", "a.img", "usr/lib/libgreet.so"], 0,
                   "usr/lib/libgreet.so\n  library of usr/bin/hello\n"
                   "  program 'hello': greets who comes (fixture.yaml:2)\n")

    def test_a_reason_does_not_hide_what_is_missing(self):
        self.check_refused(cli.PROFILE.replace("hello: required", "nothing: { why: fun }"),
                           "program 'nothing': fun (fixture.yaml:2:13) is not in the root 'root': "
                           "install it, name it by its path, or make it optional")
        self.check_refused(cli.PROFILE + "kernel: { modules: { dm_no: { why: fun } } }\n",
                           "module 'dm_no' (fixture.yaml:5) is not in kernel 6.0.0-fixture of the "
                           "root 'root'; install it or make it optional")


if __name__ == "__main__":
    cli.main()
