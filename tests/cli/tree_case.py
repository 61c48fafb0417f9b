# SPDX-License-Identifier: Apache-2.0
"""What tests of trees and scripts share: a small root of somebody else, and a build from it whose
image others look into.

Facts: nothing may stay in the folder in which trees are unpacked
"""
import json
import os
import shutil
import struct
import subprocess
import tarfile

import cli
from archives import member

MANIFEST = "usr/lib/mkinitrd/manifest.json"
# cap_net_raw=ep
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
# user::rw- user:7:r-- group::r-- mask::r-- other::---
ACL = struct.pack("<I" + "HHI" * 5, 2, 1, 6, 0xffffffff, 2, 4, 7, 4, 4, 0xffffffff,
                  16, 4, 0xffffffff, 32, 0, 0xffffffff)
PROFILE = "boot:\n  main: { exec: [hello] }\nprograms: { hello: required }\n"


def system():
    """What a small root of somebody else holds."""
    return [
        member("./", tarfile.DIRTYPE),
        member("./sbin", tarfile.DIRTYPE),
        member("./sbin/init", content=b"#!/bin/true\n", mode=0o755),
        member("./etc", tarfile.DIRTYPE, mode=0o2755, uid=3, gid=4),
        member("./etc/passwd", content=b"root:x:0:0::/:\n"),
        member("./etc/shadow", content=b"root:*:\n", mode=0o640, gid=42),
        member("./bin", tarfile.SYMTYPE, linkname="sbin"),
        member("./console", tarfile.CHRTYPE, mode=0o600, devmajor=5, devminor=1),
        member("./disk", tarfile.BLKTYPE, mode=0o660, gid=6, devmajor=259, devminor=70000),
        member("./fifo", tarfile.FIFOTYPE, mode=0o622),
        member("./one", content=b"linked\n", mode=0o4755, uid=9),
        member("./two", tarfile.LNKTYPE, linkname="./one"),
        member("./etc/three", tarfile.LNKTYPE, linkname="one"),
    ]


class TreeTest(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()
        os.mkdir(self.path("spool"))
        os.chmod(self.path("spool"), 0o1777)

    def environment(self, **more):
        return super().environment(**{"TMPDIR": self.path("spool"), **more})

    def built(self, trees, status=0, stderr=None, profile=PROFILE, **options):
        """Build from a profile with these trees; nothing stays in the spool."""
        done = self.run_program(*self.build_arguments(profile + trees), **options)
        self.assertEqual(done.status, status, done.stderr)
        if stderr is not None:
            self.assertEqual(cli.SUMMARY.sub(r"mkinitrd: \1: SUMMARY", done.stderr), stderr)
        self.assertEqual(os.listdir(self.path("spool")), [])
        return done

    def refused(self, trees, line):
        """One error, and nothing written."""
        before = sorted(os.listdir(self.directory))
        self.built(trees, 1, f"mkinitrd: {line}\n")
        self.assertEqual(sorted(set(os.listdir(self.directory)) - {"fixture.yaml"}),
                         [name for name in before if name != "fixture.yaml"])

    def entries(self, image="a.img"):
        manifest = json.loads(self.run_program("cat", image, MANIFEST).stdout)
        return {entry["path"]: entry for entry in manifest["entries"]}

    def listed(self, *more):
        return {entry["path"]: entry for entry in
                json.loads(self.run_program("ls", "--json", *more, "a.img").stdout)}

    def unpacked(self):
        """The image as GNU cpio unpacks it, which is no code of ours."""
        target = self.path("unpacked")
        shutil.rmtree(target, ignore_errors=True)
        os.mkdir(target)
        data = subprocess.run(["zstd", "-dc", self.path("a.img")], check=True, timeout=60,
                              stdout=subprocess.PIPE).stdout
        subprocess.run(["cpio", "-idm", "--quiet", "--no-absolute-filenames"], input=data,
                       check=True, timeout=60, cwd=target)
        return target
