# SPDX-License-Identifier: Apache-2.0
"""Scripts that are run in a tree while the image is built: what they see, and what becomes of what
they change."""
import os
import shutil
import subprocess
import tarfile
import unittest

import cli
from archives import digest, member, tar
from tree_case import CAPABILITY, PROFILE, TreeTest


class Scripts(TreeTest):
    """Scripts run in a tree with busybox and nothing else."""

    ROOT = os.geteuid() == 0

    def setUp(self):
        super().setUp()
        tree = self.path("tree")
        os.makedirs(tree + "/bin")
        os.makedirs(tree + "/etc")
        os.makedirs(tree + "/tmp")
        shutil.copy("/bin/busybox", tree + "/bin/busybox")
        for name in ("sh", "cat", "chmod", "chown", "ln", "ls", "mkdir", "mv", "rm", "id", "mount",
                     "hostname", "touch", "ps", "mknod", "true", "sleep", "env"):
            os.symlink("busybox", f"{tree}/bin/{name}")
        self.write("tree/etc/passwd", "root:x:0:0::/:/bin/sh\n")
        self.write("tree/etc/old", "old\n")
        self.write("tree/etc/gone", "gone\n")
        self.write("tree/etc/owned", "owned\n")

    def scripts(self, text, more=""):
        return "trees: { base: { from: tree } }\nscripts:\n" + text + more

    def test_D0_4_scripts_run_in_order_and_what_each_changed_is_its_own(self):
        self.built(self.scripts(
            "  20-second: { content: \"cat /etc/first > /etc/second; echo more >> /etc/old; "
            "rm /etc/gone; chmod 4711 /bin/busybox; ln /etc/first /etc/linked\" }\n"
            "  10-first: { content: \"echo $MKINITRD_role ${role} > /etc/first; mkdir -m 2750 /srv; "
            "ln -s first /etc/link; mkdir /opt; touch /opt/empty\" }\n",
            "values: { role: web }\n"), 0, "mkinitrd: a.img: SUMMARY\n")
        entries = self.entries()
        self.assertEqual(entries["etc/second"]["sha256"], digest(b"web web\n"))
        self.assertEqual(entries["etc/old"]["sha256"], digest(b"old\nmore\n"))
        self.assertNotIn("etc/gone", entries)
        self.assertEqual(entries["srv"]["mode"], "2750")
        self.assertEqual(entries["bin/busybox"]["mode"], "4711")
        self.assertEqual(entries["bin/busybox"]["source"]["path"], "base:bin/busybox")
        self.assertEqual(entries["etc/linked"].get("link"), "etc/first")
        self.assertEqual({path: [reason["relation"] for reason in entries[path]["reasons"]][0]
                          for path in ("etc/first", "etc/second", "etc/old", "etc/link", "srv",
                                       "opt/empty", "etc/passwd")},
                         {"etc/first": "script '20-second', over script '10-first'",
                          "etc/second": "script '20-second'",
                          "etc/old": "script '20-second', over tree 'base'",
                          "etc/link": "script '10-first'", "srv": "script '10-first'",
                          "opt/empty": "script '10-first'", "etc/passwd": "tree 'base'"})
        self.check(["why", "a.img", "etc/old"], 0,
                   "etc/old\n  script '20-second', over tree 'base' (fixture.yaml:6)\n")

    def test_D0_3_files_are_there_when_scripts_run_and_attributes_stay(self):
        tar(self.path("more.tar"), [
            member("etc/owned2", content=b"x", uid=70000, gid=5, mode=0o640,
                   pax_headers={"SCHILY.xattr.security.capability": CAPABILITY.decode("latin-1"),
                                "SCHILY.xattr.trusted.x": "y"}),
            member("disk", tarfile.BLKTYPE, devmajor=8, devminor=1)])
        self.built(self.scripts(
            "  a: { content: \"#!/bin/sh\\ncat /etc/mine > /etc/copy; echo z >> /etc/mine\" }\n",
            "files: { /etc/mine: { content: \"m\\n\", owner: \"8:9\", mode: \"0644\" } }\n")
            .replace("trees: {", "trees: { more: { from: more.tar },"))
        entries = self.entries()
        self.assertEqual(entries["etc/copy"]["sha256"], digest(b"m\n"))
        self.assertEqual(entries["etc/mine"]["sha256"], digest(b"m\nz\n"))
        self.assertEqual((entries["etc/mine"]["uid"], entries["etc/mine"]["gid"]), (8, 9))
        owned = entries["etc/owned2"]
        self.assertEqual((owned["uid"], owned["gid"], owned["mode"], len(owned["xattrs"])),
                         (70000, 5, "0640", 2))
        self.assertEqual(entries["disk"]["device"], [8, 1])

    @unittest.skipUnless(ROOT, "needs root")
    def test_D0_3_owners_that_scripts_give_are_real(self):
        self.built(self.scripts("  a: { content: \"chown 12:13 /etc/owned; mkdir -p /var/x; "
                                "chown 7 /var/x\" }\n"))
        entries = self.entries()
        self.assertEqual((entries["etc/owned"]["uid"], entries["etc/owned"]["gid"]), (12, 13))
        self.assertEqual(entries["var/x"]["uid"], 7)

    def test_D0_3_a_script_sees_nothing_of_the_host(self):
        marker = self.write("marker", "host\n")
        self.built(self.scripts(
            "  a:\n    content: |\n"
            "      #!/bin/sh\n"
            "      set -e\n"
            f"      test ! -e {marker}\n"
            "      test ! -e /root/.bashrc\n"
            "      cat /proc/mounts > /etc/mounts\n"
            "      ls /proc > /etc/processes\n"
            "      hostname > /etc/host\n"
            "      cat /proc/net/dev > /etc/net\n"
            "      id > /etc/id\n"
            "      env > /etc/env\n"
            "      cat > /etc/input\n"
            "      echo x > /dev/null; test -c /dev/null; echo t > /tmp/t; echo r > /run/r\n"
            "      touch /proc/none 2>/dev/null || true\n"
            "      ( sleep 1000 & )\n"))
        target = self.unpacked()

        def text(name):
            with open(os.path.join(target, "etc", name), encoding="utf-8") as file:
                return file.read()

        mounted = {line.split()[1] for line in text("mounts").splitlines()}
        self.assertLessEqual(mounted, {"/", "/dev", "/proc", "/run", "/tmp"} | {
            "/dev/" + name for name in ("null", "zero", "full", "random", "urandom", "tty")})
        self.assertLess(len([name for name in text("processes").split() if name.isdigit()]), 5)
        self.assertEqual(text("host"), "mkinitrd\n")
        self.assertNotIn("eth", text("net"))
        self.assertIn("uid=0", text("id"))
        self.assertEqual(text("input"), "")
        self.assertNotIn("TMPDIR", text("env"))
        for name in ("tmp/t", "run/r", "run/mkinitrd-script"):
            self.assertFalse(os.path.exists(os.path.join(target, name)), name)

    @unittest.skipUnless(ROOT, "needs root")
    def test_D0_3_without_proc_a_script_is_warned_of(self):
        """Where a part of /proc is covered the kernel gives none to a user namespace."""
        done = self.built(
            self.scripts("  a: { content: \"test ! -e /proc/self; echo x > /etc/x\" }\n"),
            wrap=lambda argv: ["unshare", "-m", "sh", "-c",
                               'mount -t tmpfs none /proc/tty && exec "$@"', "sh", *argv])
        self.assertRegex(done.stderr, r"^mkinitrd: warning: the script 'a' runs without /proc, .*; "
                         r"run mkinitrd outside of it if the script needs that\n"
                         r"mkinitrd: a\.img: ")
        self.assertEqual(self.entries()["etc/x"]["sha256"], digest(b"x\n"))

    @unittest.skipUnless(ROOT and shutil.which("newuidmap"), "needs root and newuidmap")
    def test_D0_3_an_ordinary_user_has_the_ids_of_etc_subuid(self):
        """A user with ranges of ids: those are other owners in the tree than root."""
        os.mkdir(self.path("user"))
        os.chown(self.path("user"), cli.NOBODY, cli.NOBODY)
        for name in ("subuid", "subgid"):
            self.write(name, f"{cli.NOBODY}:200000:1000\n")

        def wrap(argv):
            return ["unshare", "-m", "sh", "-c",
                    f"mount --bind {self.path('subuid')} /etc/subuid && "
                    f"mount --bind {self.path('subgid')} /etc/subgid && "
                    'exec "$@"', "sh", *cli.as_nobody(argv)]

        done = self.run_program(*self.build_arguments(PROFILE + self.scripts(
            "  a: { content: \"chown 12:13 /etc/owned\" }\n"), output="user/a.img"),
            program=self.installed(), wrap=wrap)
        self.assertEqual(done.status, 0, done.stderr)
        entry = self.entries("user/a.img")["etc/owned"]
        self.assertEqual((entry["uid"], entry["gid"]), (12, 13))

    def test_D0_3_a_script_that_fails_stops_the_build_with_its_output(self):
        before = sorted(os.listdir(self.directory))
        self.built(self.scripts("  a: { content: \"echo one; echo two >&2; exit 3\" }\n"
                                "  b: { content: \"echo never\" }\n"), 1,
                   "one\ntwo\nmkinitrd: fixture.yaml:6:3: the script 'a' ended with status 3 (its "
                   "output is above); nothing was written\n")
        self.assertEqual(sorted(set(os.listdir(self.directory)) - {"fixture.yaml"}), before)
        done = self.built(self.scripts("  a: { content: \"#!/usr/bin/none\\n\" }\n"), 1)
        self.assertIn("cannot run the script by the interpreter that its first line names: No such "
                      "file or directory\n", done.stderr)
        self.built(self.scripts("  a: { content: \"echo ${none}\" }\n"), 1,
                   "mkinitrd: fixture.yaml:6:17: '${none}' is not set under 'values:'; set it "
                   "there, or write '$${none}' for the text itself\n")
        self.built(self.scripts("  a: { why: fun }\n"), 1,
                   "mkinitrd: fixture.yaml:6:3: the script 'a' has nothing to run; give it "
                   "'content:' or 'from:'\n")

    def test_D0_15_a_layer_takes_a_script_away_or_replaces_it(self):
        self.write("add.sh", "echo from > /etc/added\n")
        layer = self.write("site.yaml", "scripts: { a: { content: null, from: add.sh }, b: null }\n")
        done = self.run_program(*self.build_arguments(PROFILE + self.scripts(
            "  a: { content: \"exit 1\" }\n  b: { content: \"exit 1\" }\n")), "-p", layer)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertEqual(self.entries()["etc/added"]["sha256"], digest(b"from\n"))
        self.assertRegex(self.run_program("profile", "show", "-p", self.path("fixture.yaml"), "-p",
                                          layer).stdout, r"(?m)from: add\.sh +# site\.yaml:1")

    def test_D0_4_two_builds_are_the_same_bytes(self):
        for name in ("a", "b"):
            self.built(self.scripts("  a: { content: \"echo x > /etc/x; touch /etc/old\" }\n"))
            os.rename(self.path("a.img"), self.path(name))
        with open(self.path("a"), "rb") as first, open(self.path("b"), "rb") as second:
            self.assertEqual(first.read(), second.read())

    def test_D0_4_an_ordinary_user_runs_scripts_too(self):
        allowed = subprocess.run(cli.as_nobody(["unshare", "-Ur", "true"]), check=False,
                                 capture_output=True, timeout=60).returncode == 0
        for folder in ("nobody",):
            os.mkdir(self.path(folder))
            if self.ROOT:
                os.chown(self.path(folder), cli.NOBODY, cli.NOBODY)
        done = self.run_program(*self.build_arguments(PROFILE + self.scripts(
            "  a: { content: \"echo x > /etc/x; chmod 600 /etc/old\" }\n"), output="nobody/a.img"),
            program=self.installed(), wrap=cli.as_nobody)
        if not allowed:
            self.assertIn("this system allows no user namespaces", done.stderr)
            return
        self.assertEqual(done.status, 0, done.stderr)
        entries = self.entries("nobody/a.img")
        self.assertEqual(entries["etc/x"]["sha256"], digest(b"x\n"))
        self.assertEqual((entries["etc/old"]["mode"], entries["etc/old"]["uid"]), ("0600", 0))
        self.assertEqual(os.listdir(self.path("spool")), [])


if __name__ == "__main__":
    cli.main("unshare")
