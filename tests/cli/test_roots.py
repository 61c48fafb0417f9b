# SPDX-License-Identifier: Apache-2.0
"""Roots of all kinds: what is packed from them, and what is said when that cannot be."""
import json
import os
import struct
import subprocess
import unittest

import cli

MANIFEST = "usr/lib/mkinitrd/manifest.json"


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


@unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
class Attributes(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()

    def entries(self, *paths):
        done = self.run_program("ls", "--json", "a.img", *paths)
        return {entry["path"]: entry for entry in json.loads(done.stdout)}

    def manifest(self, path):
        archive = subprocess.run(f"zstd -dc a.img | cpio -i --quiet --to-stdout {MANIFEST}",
                                 shell=True, cwd=self.directory, check=True, timeout=60,
                                 stdout=subprocess.PIPE).stdout
        return {entry["path"]: entry for entry in json.loads(archive)["entries"]}[path]

    def test_OD_16_set_id_bits_mean_whom_they_meant(self):
        rows = [  # mode, owner, group in the root; mode, owner, group in the image
            ("root", 0o4755, 0, 0, "4755", 0, 0),
            ("user", 0o4755, 6, 12, "4755", 6, 0),
            ("group", 0o2755, 0, 5, "2755", 0, 5),
            ("both", 0o6711, 7, 8, "6711", 7, 8),
            ("plain", 0o755, 7, 8, "0755", 0, 0),
        ]
        for name, mode, user, group, *_ in rows:
            path = self.root.file("usr/bin/" + name, "x", mode)
            os.chown(path, user, group)
            os.chmod(path, mode)
        keys = "".join(f"  /usr/bin/{row[0]}: {{}}\n" for row in rows)
        keys += "  /ours: { from: /usr/bin/user, owner: '1:2' }\n"
        keys += "  /safe: { from: /usr/bin/user, mode: '0755' }\n"
        self.check(self.build_arguments(cli.PROFILE + "files:\n" + keys), 0, "",
                   "mkinitrd: a.img: SUMMARY\n")
        found = self.entries()
        rows += [("/ours", None, None, None, "4755", 1, 2),
                 ("/safe", None, None, None, "0755", 0, 0)]
        for name, _, _, _, mode, user, group in rows:
            entry = found[("usr/bin/" + name) if name[0] != "/" else name[1:]]
            self.assertEqual((name, entry["mode"], entry["uid"], entry["gid"]),
                             (name, mode, user, group))

    def test_who_owns_the_root_is_root(self):
        path = self.root.file("usr/bin/mine", "x", 0o4755)
        for owned in (path, self.root.path):
            os.chown(owned, 1000, 1000)
        os.chmod(path, 0o4755)
        self.check(self.build_arguments(cli.PROFILE + "files: { /usr/bin/mine: {} }\n"), 0, "",
                   "mkinitrd: a.img: SUMMARY\n")
        entry = self.entries("usr/bin/mine")["usr/bin/mine"]
        self.assertEqual((entry["mode"], entry["uid"], entry["gid"]), ("4755", 0, 0))

    def test_OD_16_capabilities_are_recorded_and_said_to_be_lost(self):
        # struct vfs_cap_data of revisions 2 and 3: magic and flags, then permitted and inheritable
        net_raw = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
        in_namespace = struct.pack("<6I", 0x03000000, 1 << 12 | 1, 1 << 12, 1 << 7, 0, 1000)
        os.setxattr(self.root / "usr/bin/hello", "security.capability", net_raw)
        self.check(self.build_arguments(), 0, "",
                   "mkinitrd: warning: 'usr/bin/hello' has the capabilities cap_net_raw=ep, which "
                   "a cpio image cannot keep; only root will have them\n"
                   "mkinitrd: a.img: SUMMARY\n")
        self.assertEqual(self.manifest("usr/bin/hello")["capabilities"], "cap_net_raw=ep")
        self.assertNotIn("capabilities", self.manifest("usr/lib/ld.so"))
        self.check(["why", "-v", "a.img", "usr/bin/hello"], 0,
                   "usr/bin/hello\n  program 'hello' (fixture.yaml:2)\n"
                   "  packed from '/usr/bin/hello' in the root\n"
                   "  there with the capabilities cap_net_raw=ep\n"
                   "  wanted as\n    program 'hello' (fixture.yaml:2)\n"
                   "    program of 'main' (fixture.yaml:4)\n")
        os.setxattr(self.root.file("usr/bin/aid", "x", 0o755), "security.capability", in_namespace)
        self.check(self.build_arguments(cli.PROFILE + "files: { /usr/bin/aid: {} }\n"), 0, "",
                   "mkinitrd: warning: 2 files have capabilities, which a cpio image cannot keep, "
                   "the first 'usr/bin/aid' (cap_chown,cap_bpf=p cap_net_admin=ip [rootid=1000]); "
                   "only root will have them (-v lists them)\n"
                   "mkinitrd: a.img: SUMMARY\n")
        said = subprocess.run(["getcap", "-n", self.root / "usr/bin/hello"], check=True,
                              timeout=60, stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual(said.split()[-1], "cap_net_raw=ep")


if __name__ == "__main__":
    cli.main("cpio", "getcap", "zstd")
