# SPDX-License-Identifier: Apache-2.0
"""Foreign trees: directories, archives, container images and commands as what a root is made of.

An independent reader (cpio, tar) says what came out; every hostile archive says one line and
leaves nothing behind.
"""
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import unittest

import cli
from archives import digest, layout, member, saved, tar
from tree_case import ACL, CAPABILITY, PROFILE, TreeTest, system


class Archives(TreeTest):

    def check_system(self):
        entries = self.entries()
        self.assertEqual([entries["etc"][key] for key in ("mode", "uid", "gid")], ["2755", 3, 4])
        self.assertEqual(entries["console"]["device"], [5, 1])
        self.assertEqual(entries["disk"]["device"], [259, 70000])
        self.assertEqual(entries["disk"]["type"], "block device")
        self.assertEqual(entries["fifo"]["type"], "fifo")
        self.assertEqual([entries[path].get("link") for path in ("etc/three", "one", "two")],
                         [None, "etc/three", "etc/three"])
        self.assertEqual(entries["one"]["sha256"], digest(b"linked\n"))
        self.assertEqual(entries["one"]["mode"], "4755")
        for folder, mode in (("dev", "0755"), ("proc", "0555"), ("run", "0755"), ("sys", "0555")):
            self.assertEqual([entries[folder]["type"], entries[folder]["mode"]],
                             ["directory", mode])
        target = self.unpacked()
        status = {name: os.lstat(os.path.join(target, name)) for name in
                  ("one", "two", "etc/three", "etc/shadow", "bin", "fifo")}
        self.assertEqual(len({status[name].st_ino for name in ("one", "two", "etc/three")}), 1)
        with open(os.path.join(target, "two"), "rb") as file:
            self.assertEqual(file.read(), b"linked\n")
        if os.geteuid() == 0:
            self.assertEqual(status["etc/shadow"].st_gid, 42)
            self.assertEqual(status["one"].st_mode, 0o104755)
            disk = os.lstat(os.path.join(target, "disk"))
            self.assertEqual((os.major(disk.st_rdev), os.minor(disk.st_rdev)), (259, 70000))

    def test_WD_1_a_tar_of_any_compression_keeps_what_it_says(self):
        for name, command in (("tar", None), ("tar.gz", ["gzip"]), ("tar.bz2", ["bzip2"]),
                              ("tar.xz", ["xz", "-0"]), ("tar.zst", ["zstd", "-q", "--rm"]),
                              ("tar.lz4", ["lz4", "-q", "-m", "--rm"]),
                              ("tar.lzma", ["xz", "--format=lzma"])):
            with self.subTest(name):
                tar(self.path("tree.tar"), system())
                if command:
                    subprocess.run([*command, self.path("tree.tar")], check=True, timeout=60)
                self.built(f"trees: {{ base: {{ from: tree.{name} }} }}\n", 0,
                           "mkinitrd: a.img: SUMMARY\n")
                self.check_system()
        self.check(["why", "a.img", "etc/passwd"], 0,
                   "etc/passwd\n  tree 'base' (fixture.yaml:4)\n")
        self.assertEqual(self.entries()["etc/passwd"]["source"],
                         {"kind": "tree", "path": "base:etc/passwd"})
        self.assertNotIn("entry-", self.run_program("check", "a.img", "--root", "root").stdout)

    def test_WD_1_two_builds_are_the_same_bytes_whatever_the_times(self):
        for name, time in (("a", 1), ("b", 1700000000)):
            tar(self.path("tree.tar"), [(info, content) for info, content in system()
                                        if not setattr(info, "mtime", time)])
            self.built("trees: { base: { from: tree.tar } }\n")
            os.rename(self.path("a.img"), self.path(name))
        with open(self.path("a"), "rb") as first, open(self.path("b"), "rb") as second:
            self.assertEqual(first.read(), second.read())

    def test_WD_1_attributes_are_kept_or_said_to_be_lost(self):
        headers = {"SCHILY.xattr.security.capability": CAPABILITY.decode("latin-1"),
                   "SCHILY.xattr.user.origin": "here",
                   "SCHILY.xattr.security.selinux": "system_u:object_r:bin_t:s0",
                   "SCHILY.xattr.trusted.overlay.opaque": "y"}
        acl = {"SCHILY.acl.access": "user::rw-,user:news:r--:7,group::r--,mask::r--,other::---"}
        tar(self.path("tree.tar"), [
            member("ping", content=b"ELF\n", mode=0o755, pax_headers=headers),
            member("acl", content=b"x", pax_headers=acl)])
        self.built("trees: { base: { from: tree.tar, at: /opt/x } }\n", 0,
                   "mkinitrd: warning: 'opt/x/ping' has the capabilities cap_net_raw=ep, which a "
                   "cpio image cannot keep; only root will have them\n"
                   "mkinitrd: warning: 2 entries have extended attributes, which a cpio image "
                   "cannot keep, the first 'opt/x/acl' ('system.posix_acl_access') (-v lists "
                   "them)\nmkinitrd: a.img: SUMMARY\n")
        listed = self.listed()
        self.assertEqual(listed["opt/x/ping"]["xattrs"],
                         {"security.capability": CAPABILITY.hex(), "user.origin": b"here".hex()})
        self.assertEqual(listed["opt/x/ping"]["capabilities"], "cap_net_raw=ep")
        self.assertEqual(listed["opt/x/acl"]["xattrs"], {"system.posix_acl_access": ACL.hex()})

    def test_WD_1_sparse_files_do_not_fill_the_disk(self):
        with open(self.path("sparse"), "wb") as file:
            file.truncate(600 << 20)
            file.seek(200 << 20)
            file.write(b"in the middle")
        subprocess.run(["tar", "-cSf", "tree.tar", "sparse"], check=True, timeout=60,
                       cwd=self.directory)
        self.built("trees: { base: { from: tree.tar, at: /opt } }\n")
        self.assertEqual(self.entries()["opt/sparse"]["size"], 600 << 20)

    def test_WD_1_a_later_entry_of_the_same_name_wins(self):
        tar(self.path("tree.tar"), [member("a", content=b"first"), member("b", content=b"bb"),
                                    member("a", content=b"second"),
                                    member("d", tarfile.DIRTYPE), member("d/x", content=b"x"),
                                    member("d", content=b"file")])
        self.built("trees: { base: { from: tree.tar, at: /opt } }\n")
        entries = self.entries()
        self.assertEqual(entries["opt/a"]["sha256"], digest(b"second"))
        self.assertEqual(entries["opt/d"]["sha256"], digest(b"file"))
        self.assertNotIn("opt/d/x", entries)


class Directories(TreeTest):

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_WD_1_a_directory_keeps_what_it_has(self):
        tree = self.path("tree")
        os.mkdir(tree)
        archive = tar(self.path("tree.tar"), system())
        subprocess.run(["tar", "-xpf", archive, "--same-owner", "-C", tree], check=True, timeout=60)
        os.setxattr(tree + "/sbin/init", "security.capability", CAPABILITY)
        os.setxattr(tree + "/etc/passwd", "user.origin", b"here")
        self.built("trees: { base: { from: tree } }\n")
        Archives.check_system(self)
        listed = self.listed()
        self.assertEqual(listed["sbin/init"]["capabilities"], "cap_net_raw=ep")
        self.assertEqual(listed["etc/passwd"]["xattrs"], {"user.origin": b"here".hex()})
        self.built("trees: { base: { from: tree.tar } }\n")

    def test_WD_1_who_owns_the_top_is_root(self):
        tree = self.path("tree")
        os.makedirs(tree + "/etc")
        with open(tree + "/etc/motd", "w", encoding="utf-8") as file:
            file.write("hello\n")
        if os.geteuid() == 0:
            for path in ("", "/etc", "/etc/motd"):
                os.chown(tree + path, cli.NOBODY, cli.NOBODY)
        self.built("trees: { base: { from: tree, at: /srv } }\n")
        entry = self.entries()["srv/etc/motd"]
        self.assertEqual((entry["uid"], entry["gid"]), (0, 0))

    def test_D0_15_a_later_tree_lies_over_the_first_and_a_file_over_both(self):
        for tree, text in (("base", "base\n"), ("site", "site\n")):
            os.makedirs(self.path(f"{tree}/etc/{tree}"))
            for name in ("both", "named", tree + "/own"):
                self.write(f"{tree}/etc/{name}", text)
        self.built("files: { /etc/named: { content: \"named\\n\", mode: \"0600\" } }\n"
                   "trees:\n  base: { from: base }\n  site: { from: site }\n")
        entries = self.entries()
        self.assertEqual([entries[f"etc/{name}"]["sha256"] for name in
                          ("both", "named", "base/own", "site/own")],
                         [digest(text) for text in (b"site\n", b"named\n", b"base\n", b"site\n")])
        self.check(["why", "a.img", "etc/both"], 0,
                   "etc/both\n  tree 'site', over tree 'base' (fixture.yaml:7)\n")
        self.check(["why", "a.img", "etc/named"], 0,
                   "etc/named\n  file (fixture.yaml:4)\n")
        self.assertEqual([reason["relation"] for reason in entries["etc/named"]["reasons"]],
                         ["file", "tree 'site', over tree 'base'"])

    def test_D0_3_files_follow_the_layout_of_the_tree(self):
        """The root has bin as a symlink, the tree as a directory; and a symlink of its own."""
        os.makedirs(self.path("tree/bin"))
        os.makedirs(self.path("tree/data"))
        os.symlink("data", self.path("tree/srv"))
        self.built("files:\n  /bin/tool: { content: x, owner: \"5:6\", mode: \"0710\" }\n"
                   "  /srv/web: { content: y }\n"
                   "trees: { base: { from: tree } }\n")
        entries = self.entries()
        self.assertEqual([entries["bin/tool"][key] for key in ("uid", "gid", "mode")],
                         [5, 6, "0710"])
        self.assertEqual(entries["bin"]["type"], "directory")
        self.assertEqual(entries["data/web"]["type"], "file")
        self.assertEqual(entries["srv"]["target"], "data")

    def test_D0_15_a_folder_is_not_laid_over_a_symlink(self):
        os.makedirs(self.path("base/usr/lib"))
        os.symlink("usr/lib", self.path("base/lib"))
        os.makedirs(self.path("site/lib"))
        self.refused("trees:\n  base: { from: base }\n  site: { from: site }\n",
                     "cannot take 'lib' of 'site' (tree 'site' (fixture.yaml:6)): it is a "
                     "directory, and a symlink in the tree below; put its files where the symlink "
                     "leads to")


LAYERS = [
    [member("etc", tarfile.DIRTYPE), member("etc/gone", content=b"1"),
     member("etc/kept", content=b"1"), member("opaque", tarfile.DIRTYPE),
     member("opaque/low", content=b"1"), member("opaque/deep", tarfile.DIRTYPE),
     member("opaque/deep/low", content=b"1"), member("folder", tarfile.DIRTYPE),
     member("folder/a", content=b"1"), member("back", content=b"1"),
     member("sbin", tarfile.DIRTYPE), member("sbin/init", content=b"#!\n", mode=0o755)],
    [member("etc/.wh.gone"), member("opaque", tarfile.DIRTYPE, mode=0o700),
     member("opaque/new", content=b"2"), member("opaque/.wh..wh..opq"), member(".wh.folder"),
     member(".wh..wh.plnk", tarfile.DIRTYPE), member(".wh.back")],
    [member("back", content=b"3"), member("folder", content=b"now a file")],
]


class Images(TreeTest):

    def check_layers(self):
        entries = self.entries()
        self.assertEqual({path: entry["sha256"] for path, entry in entries.items()
                          if path.split("/")[0] in ("etc", "opaque", "folder", "back", "sbin")
                          and entry["type"] == "file"},
                         {"etc/kept": digest(b"1"), "opaque/new": digest(b"2"),
                          "back": digest(b"3"), "folder": digest(b"now a file"),
                          "sbin/init": digest(b"#!\n")})
        self.assertEqual(entries["opaque"]["mode"], "0700")
        self.assertFalse([path for path in entries if ".wh." in path])

    def test_WD_4_the_layers_of_docker_save_lie_over_each_other(self):
        for name, more in (("plain", {}), ("packed", {"compress": True})):
            with self.subTest(name):
                tar(self.path("app.tar"), saved(LAYERS, **more))
                self.built("trees: { app: { from: app.tar } }\n", 0, "mkinitrd: a.img: SUMMARY\n")
                self.check_layers()

    def test_WD_4_an_OCI_layout_is_a_folder_or_an_archive(self):
        layout(self.path("app"), LAYERS)
        self.built("trees: { app: { from: app } }\n", 0, "mkinitrd: a.img: SUMMARY\n")
        self.check_layers()
        subprocess.run(["tar", "-cf", "app.tar", "-C", "app", "."], check=True, timeout=60,
                       cwd=self.directory)
        self.built("trees: { app: { from: app.tar, image: \"app:latest\" } }\n", 0,
                   "mkinitrd: a.img: SUMMARY\n")
        self.check_layers()

    def test_WD_4_docker_export_is_a_tar(self):
        tar(self.path("app.tar"), [member(".dockerenv"), member("etc", tarfile.DIRTYPE),
                                   member("etc/mtab", tarfile.SYMTYPE, linkname="/proc/mounts")])
        self.built("trees: { app: { from: app.tar } }\n")
        self.assertEqual(self.entries()["etc/mtab"]["target"], "/proc/mounts")
        self.assertIn("tree 'app'", [reason["relation"] for reason in
                                     self.entries()["proc"]["reasons"]])

    def test_WD_4_what_is_damaged_or_not_clear_is_refused(self):
        app = "'app.tar' (tree 'app' (fixture.yaml:4))"
        tree = "trees: { app: { from: app.tar } }\n"
        tar(self.path("app.tar"), saved(LAYERS, break_at=1))
        self.assertRegex(self.built(tree, 1).stderr, r"^mkinitrd: " + app.replace("(", r"\(")
                         .replace(")", r"\)") + r" is damaged: the layer '[0-9a-f]{64}/layer.tar' "
                         r"has the digest sha256:[0-9a-f]{64}\n$")
        tar(self.path("app.tar"), saved(LAYERS))
        self.refused("trees: { app: { from: app.tar, image: \"b:1\" } }\n",
                     app + " has no image 'b:1'")
        for more, said in (({"config": True}, "is damaged: 'blobs/sha256/"),
                           ({"layer": True}, "is damaged: the layer 'blobs/sha256/"),
                           ({"manifest": True}, "is damaged: 'blobs/sha256/"),
                           ({"copies": 2}, "has 2 images (app:latest, app:latest); say which one is meant "
                                          "with")):
            with self.subTest(said):
                shutil.rmtree(self.path("app"), ignore_errors=True)
                layout(self.path("app"), LAYERS, **more)
                done = self.built("trees: { app: { from: app } }\n", 1)
                self.assertIn(f"mkinitrd: 'app' (tree 'app' (fixture.yaml:4)) {said}", done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)
        tar(self.path("app.tar"), saved(LAYERS) + [member("etc/passwd")])
        self.refused(tree, f"cannot take 'etc/passwd' of {app}: it is no part of a container image")
        tar(self.path("app.tar"), [member("manifest.json", content=b"[1]")])
        self.refused(tree, app + " names no configuration by its digest in manifest.json")
        tar(self.path("app.tar"), [member("manifest.json", content=b"[")])
        self.refused(tree, app + " has no JSON in 'manifest.json': line 1: ']' expected near end "
                                 "of file")

    def test_WD_4_a_layer_that_whites_out_what_is_above_it_is_refused(self):
        tar(self.path("app.tar"), saved([[member("etc/.wh..")]]))
        done = self.built("trees: { app: { from: app.tar } }\n", 1)
        self.assertRegex(done.stderr, r"^mkinitrd: cannot take 'etc/\.wh\.\.' of layer '[^']*' of "
                         r"'app\.tar' .*: it whites out nothing that can be\n$")


class Hostile(TreeTest):
    """Each says one line with the entry's name, and nothing is written anywhere."""

    WHERE = "'evil.tar' (tree 'evil' (fixture.yaml:4))"

    def check_hostile(self, members, path, problem, **more):
        tar(self.path("evil.tar"), members, **more)
        self.refused("trees: { evil: { from: evil.tar } }\n",
                     f"cannot take '{path}' of {self.WHERE}: it {problem}")

    def test_WD_4_names_that_lead_out_are_refused(self):
        target = self.path("outside")
        for members, path, problem in (
                ([member("/etc/passwd")], "/etc/passwd", "has an absolute path"),
                ([member("../x")], "../x", "leads out of the tree with '..'"),
                ([member("a/../../x")], "a/../../x", "leads out of the tree with '..'"),
                ([member("d", tarfile.SYMTYPE, linkname=target), member("d/x")], "d/x",
                 "is below a symlink, and would be written through it"),
                ([member("d", tarfile.SYMTYPE, linkname="."), member("d/x")], "d/x",
                 "is below a symlink, and would be written through it"),
                ([member("d"), member("d/x")], "d/x", "is below what is no directory"),
                ([member("h", tarfile.LNKTYPE, linkname="/etc/passwd")], "/etc/passwd",
                 "has an absolute path"),
                ([member("h", tarfile.LNKTYPE, linkname="../../etc/passwd")], "../../etc/passwd",
                 "leads out of the tree with '..'"),
                ([member("h", tarfile.LNKTYPE, linkname="etc/none")], "h",
                 "is a hard link of what is not in the tree"),
                ([member("d", tarfile.DIRTYPE), member("h", tarfile.LNKTYPE, linkname="d")], "h",
                 "is a hard link of a directory"),
                ([member("x/" * 2040 + "x" * 50)], "x/" * 2040 + "x" * 50, "has too long a path"),
        ):
            with self.subTest(path[:40] + problem):
                self.check_hostile(members, path, problem)
        self.assertFalse(os.path.exists(target))

    def test_WD_4_a_layer_is_no_way_out_either(self):
        """What one layer prepares, another one is not to use."""
        outside = self.path("outside")
        for layers, path, problem in (
                ([[member("d", tarfile.SYMTYPE, linkname=outside)], [member("d/x")]], "d/x",
                 "is below a symlink, and would be written through it"),
                ([[member("d", tarfile.SYMTYPE, linkname=outside)], [member("d/.wh.x")]],
                 "d/.wh.x", None),
                ([[member("d")], [member("../x")]], "../x", "leads out of the tree with '..'"),
                ([[member("d")], [member("../.wh.d")]], "../.wh.d",
                 "leads out of the tree with '..'"),
                ([[member("d")], [member("h", tarfile.LNKTYPE, linkname="../d")]], "../d",
                 "leads out of the tree with '..'"),
        ):
            with self.subTest(path, problem=problem):
                tar(self.path("evil.tar"), saved(layers))
                done = self.built("trees: { evil: { from: evil.tar } }\n",
                                  0 if problem is None else 1)
                if problem:
                    self.assertRegex(done.stderr, rf"^mkinitrd: cannot take '{re.escape(path)}' of "
                                     rf"layer '[^']*' of 'evil\.tar' .*: it {problem}\n$")
                self.assertFalse(os.path.exists(outside))

    def test_WD_4_an_image_names_no_files_of_this_machine(self):
        with open(self.path("outside"), "wb") as file:
            file.write(b"not in any archive")
        listed = [{"Config": "x.json", "RepoTags": ["a:1"], "Layers": ["../outside"]}]
        config = json.dumps({"rootfs": {"diff_ids": ["sha256:" + digest(b"x")]}}).encode()
        listed[0]["Config"] = digest(config) + ".json"
        tar(self.path("evil.tar"), [member(digest(config) + ".json", content=config),
                                    member("manifest.json", content=json.dumps(listed).encode())])
        self.refused("trees: { evil: { from: evil.tar } }\n",
                     f"{self.WHERE} lacks the layer '../outside'")
        # a blob that is a link to a file with the right digest
        layout(self.path("evil"), [[member("etc", tarfile.DIRTYPE)]])
        with open(self.path("evil/index.json"), encoding="utf-8") as file:
            name = json.load(file)["manifests"][0]["digest"].split(":")[1]
        blob = self.path("evil/blobs/sha256/" + name)
        os.rename(blob, self.path("blob"))
        os.symlink(self.path("blob"), blob)
        self.refused("trees: { evil: { from: evil } }\n",
                     f"'evil' (tree 'evil' (fixture.yaml:4)) lacks 'blobs/sha256/{name}'")

    def test_WD_4_a_size_that_nothing_can_have_is_refused_before_it_is_read(self):
        info, _ = member("big")
        info.size = 1 << 60
        with open(self.path("evil.tar"), "wb") as file:
            file.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
        self.refused("trees: { evil: { from: evil.tar } }\n",
                     f"cannot take 'big' of {self.WHERE}: it makes it larger than 34359738368 "
                     "bytes; if that is meant, raise 'limit:' of the tree")

    def test_WD_4_bombs_are_bounded(self):
        bomb = member("bomb")[0]
        bomb.size = 1 << 20
        with tarfile.open(self.path("evil.tar.gz"), "w:gz") as archive:
            for number in range(40):
                bomb.name = f"bomb{number}"
                archive.addfile(bomb, io.BytesIO(bytes(1 << 20)))
        self.refused("trees: { evil: { from: evil.tar.gz, limit: 20M } }\n",
                     "cannot take 'bomb20' of 'evil.tar.gz' (tree 'evil' (fixture.yaml:4)): it "
                     "makes it larger than 20971520 bytes; if that is meant, raise 'limit:' of "
                     "the tree")

    def test_WD_4_bombs_in_headers_are_bounded(self):
        """What is kept in memory: one attribute that is large, and many that are not."""
        tar(self.path("evil.tar"), [
            member("one"), member("two", pax_headers={"SCHILY.xattr.user.a": "x" * (2 << 20)})])
        self.refused("trees: { evil: { from: evil.tar } }\n",
                     f"cannot take 'one' of {self.WHERE}: it cannot be read: Special header too "
                     "large")
        many = {f"SCHILY.xattr.user.a{number}": "x" * 60000 for number in range(16)}
        tar(self.path("evil.tar"), [member(f"n{number}", pax_headers=many)
                                    for number in range(150)])
        self.refused("trees: { evil: { from: evil.tar } }\n",
                     f"cannot take 'n139' of {self.WHERE}: it is too much: names and attributes of "
                     "a tree have at most 128 MB")

    def test_WD_4_a_million_entries_are_too_many(self):
        # one header; only the digits of its name and the sum of all bytes change
        form = member("N0000000")[0].tobuf(tarfile.USTAR_FORMAT)
        total = int(form[148:154], 8) - sum(b"0000000")
        with gzip.open(self.path("evil.tar.gz"), "wb", compresslevel=1) as file:
            for number in range(500001):
                digits = b"%07d" % number
                file.write(b"N" + digits + form[8:148] + b"%06o" % (total + sum(digits)) +
                           form[154:])
        self.refused("trees: { evil: { from: evil.tar.gz } }\n",
                     "cannot take 'N0500000' of 'evil.tar.gz' (tree 'evil' (fixture.yaml:4)): it "
                     "is one entry too many: a tree has at most 500000")

    def test_WD_4_a_truncated_archive_is_named_with_its_entry(self):
        tar(self.path("whole.tar"), [member("one", content=b"1" * 5000),
                                     member("two", content=b"2" * 5000)])
        with open(self.path("whole.tar"), "rb") as file:
            whole = file.read()
        for length, path in ((3000, "one"), (7200, "two"), (5700, "one")):
            with open(self.path("evil.tar"), "wb") as file:
                file.write(whole[:length])
            done = self.built("trees: { evil: { from: evil.tar } }\n", 1)
            self.assertRegex(done.stderr, rf"^mkinitrd: cannot take '{path}' of 'evil\.tar' "
                             r"\(tree 'evil' \(fixture\.yaml:4\)\): it cannot be read: Truncated")
            self.assertEqual(done.stderr.count("\n"), 1)
        # cut between two entries, which looks like a whole one but for what ends it
        def without_end(path, command, more=b""):
            with open(self.path("evil.tar"), "wb") as file:
                file.write(whole[:512 + 5120] + more)
            if command:
                subprocess.run([*command, self.path("evil.tar")], check=True, timeout=60)
            return f"trees: {{ evil: {{ from: {path} }} }}\n"

        self.refused(without_end("evil.tar", None),
                     f"cannot take 'one' of {self.WHERE}: it is followed by nothing, not even the "
                     "mark of an archive's end: the archive is cut short; make it again")
        # one block of zeros ends it, as GNU tar has it with a warning
        self.built(without_end("evil.tar", None, bytes(512)), 0, "mkinitrd: a.img: SUMMARY\n")
        # the end of a compressed stream says that this file is whole: it may be meant so
        self.built(without_end("evil.tar.gz", ["gzip", "-f"]), 0,
                   "mkinitrd: warning: 'evil.tar.gz' (tree 'evil' (fixture.yaml:4)) lacks the mark "
                   "of an archive's end after 'one': if it was cut before it was compressed, what "
                   "followed is missing\nmkinitrd: a.img: SUMMARY\n")
        self.assertIn("one", self.entries())
        os.unlink(self.path("a.img"))
        for content in (b"", b"no tar\n" * 200):
            with open(self.path("evil.tar"), "wb") as file:
                file.write(content)
            self.refused("trees: { evil: { from: evil.tar } }\n",
                         f"cannot read {self.WHERE}: Unrecognized archive format")
        tar(self.path("evil.tar"), [])
        self.refused("trees: { evil: { from: evil.tar } }\n", f"{self.WHERE} holds nothing")

    def test_WD_4_devices_need_no_rights(self):
        tar(self.path("tree.tar"), system())
        folder = self.path("nobody")
        os.mkdir(folder)
        if os.geteuid() == 0:
            os.chown(folder, cli.NOBODY, cli.NOBODY)
        done = self.run_program(*self.build_arguments(
            PROFILE + "trees: { base: { from: tree.tar } }\n", output="nobody/a.img"),
            program=self.installed(), wrap=cli.as_nobody)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertEqual(self.entries("nobody/a.img")["disk"]["device"], [259, 70000])

    def test_WD_4_where_nothing_fits_nothing_stays(self):
        if os.geteuid() != 0 or not os.path.isdir("/dev/shm"):
            self.skipTest("needs a small file system")
        small = self.path("small")
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80M", "none", small], check=True,
                       timeout=60)
        try:
            tar(self.path("evil.tar"), [member("big", content=bytes(48 << 20))])
            done = self.run_program(*self.build_arguments(
                PROFILE + "trees: { evil: { from: evil.tar } }\n"),
                env=self.environment(TMPDIR=small))
            self.assertEqual(os.listdir(small), [])
        finally:
            subprocess.run(["umount", small], check=True, timeout=60)
        self.assertEqual((done.status, done.stderr),
                         (1, f"mkinitrd: cannot take 'big' of {self.WHERE}: it does not fit where "
                             "it is unpacked; name another place with TMPDIR\n"))


class Made(TreeTest):
    """Trees that a command makes."""

    def environment(self, **more):
        return super().environment(**{"XDG_CACHE_HOME": self.path("cache"), **more})

    def maker(self, text):
        """A program that counts its runs."""
        path = self.write("maker", "#!/bin/sh\necho run >>'%s'\n%s\n" % (self.path("runs"), text))
        os.chmod(path, 0o755)
        return path

    def runs(self):
        with open(self.path("runs"), encoding="utf-8") as file:
            return file.read().count("run")

    def test_D0_2_a_command_makes_a_tree_once(self):
        tar(self.path("given.tar"), system())
        for form in ("${output}", "-"):
            with self.subTest(form):
                maker = self.maker('if [ "$1" = - ]; then cat given.tar; else cp given.tar "$1"; '
                                   'case $1 in *.tar) ;; *) exit 1 ;; esac; fi')
                if os.path.exists(self.path("runs")):
                    os.unlink(self.path("runs"))
                tree = f"trees: {{ base: {{ make: [{maker}, \"{form}\", \"${{suite}}\"] }} }}\n"
                values = "values: { suite: one }\n"
                self.built(tree + values)
                self.assertEqual(self.entries()["etc"]["mode"], "2755")
                self.built(tree + values)
                self.assertEqual(self.runs(), 1)
                self.built(tree + "values: { suite: two }\n")
                self.assertEqual(self.runs(), 2)
                done = self.run_program(*self.build_arguments(PROFILE + tree + values), "--refresh")
                self.assertEqual((done.status, self.runs()), (0, 3), done.stderr)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("mmdebstrap"), "needs mmdebstrap")
    def test_D0_2_mmdebstrap_makes_a_Debian_that_holds_what_was_asked_for(self):
        """Unpacked alone, which is quick; a script sees that it is a Debian."""
        self.built("trees: { base: { make: [mmdebstrap, --quiet, --variant=extract, "
                   "\"--include=base-files,base-passwd,busybox-static\", bookworm, \"${output}\"] } }\n"
                   "scripts: { a: { content: \"#!/bin/busybox sh\\nbusybox cat "
                   "/usr/lib/os-release > /etc/seen\" } }\n",
                   profile="boot: { main: { exec: [busybox, init] } }\n")
        entries = self.entries()
        with open(os.path.join(self.unpacked(), "etc/seen"), encoding="utf-8") as file:
            self.assertIn('VERSION_CODENAME=bookworm', file.read())
        self.assertEqual(entries["usr/lib/os-release"]["reasons"][0]["relation"], "tree 'base'")
        self.assertEqual(entries["root"]["mode"], "0700")
        self.assertEqual(entries["tmp"]["mode"], "1777")

    def test_D0_2_a_command_that_fails_stops_the_build_with_its_output(self):
        maker = self.maker("echo no such suite; echo really >&2; exit 7")
        tree = "trees: { base: { make: [%s] } }\n" % maker
        where = "tree 'base' (fixture.yaml:4)"
        self.built(tree.replace("]", ", \"${output}\"]"), 1,
                   f"mkinitrd: {where}: running {maker}; what it makes is kept ('--refresh' makes "
                   f"it again)\nno such suite\nreally\nmkinitrd: cannot make {where}: '{maker}' "
                   "ended with status 7 (its output is above)\n")
        self.assertEqual(os.listdir(self.path("cache/mkinitrd/trees")), ["lock"])
        maker = self.maker("exit 0")
        self.built(tree, 1, f"mkinitrd: {where}: running {maker}; what it makes is kept "
                            f"('--refresh' makes it again)\nmkinitrd: cannot make {where}: "
                            f"'{maker}' has made no tar; it is to write '${{output}}', or to print "
                            "it\n")
        self.built("trees: { base: { make: [no-such-program] } }\n", 1,
                   f"mkinitrd: {where}: running no-such-program; what it makes is kept "
                   f"('--refresh' makes it again)\nmkinitrd: cannot make {where}: cannot run "
                   "'no-such-program': No such file or directory\n")


class Own(TreeTest):

    def test_D0_6_a_tree_keeps_its_own_poweroff_unless_init_runs_main(self):
        """Links of a system's own init stay; where ours is the init, they are ours."""
        tar(self.path("tree.tar"), system() + [
            member("usr/sbin/poweroff", tarfile.SYMTYPE, linkname="/bin/systemctl"),
            member("var/run", tarfile.SYMTYPE, linkname="/run"),
            member("tmp", tarfile.SYMTYPE, linkname="var/tmp")])
        for profile, target in ((PROFILE, "/init"), ("description: x\n", "/bin/systemctl")):
            self.built("trees: { base: { from: tree.tar } }\n", profile=profile)
            entries = self.entries()
            self.assertEqual([entries[path]["target"] for path in
                              ("usr/sbin/poweroff", "var/run", "tmp")], [target, "/run", "var/tmp"])
        plan = self.run_program("cat", "a.img", "usr/lib/mkinitrd/boot.plan").stdout
        self.assertRegex(plan, r"(?m)^main .*exec=/sbin/init")

    def test_D0_6_what_is_started_may_be_the_trees(self):
        tar(self.path("tree.tar"), system() + [
            member("usr/sbin/daemon", content=b"x", mode=0o755)])
        self.built("trees: { base: { from: tree.tar } }\n",
                   profile="boot: { main: { exec: [daemon, -x] } }\n")
        plan = self.run_program("cat", "a.img", "usr/lib/mkinitrd/boot.plan").stdout
        self.assertRegex(plan, r"(?m)^main .*/usr/sbin/daemon")


class BadInput(TreeTest):

    def test_D0_15_what_a_profile_may_not_say_of_trees(self):
        for trees, line in (
                ("trees: { a: { at: / } }\n", "fixture.yaml:4:10: tree 'a' comes from nowhere; "
                 "give it 'from:' or 'make:'"),
                ("trees: { a: { from: none.tar } }\n", "fixture.yaml:4:10: tree 'a' comes from "
                 "'none.tar', which is not beside the profile"),
                ("trees: { a: { from: /none.tar } }\n", "fixture.yaml:4:10: tree 'a' comes from "
                 "'/none.tar', which is not in the root"),
                ("trees: { a: { from: ../x } }\n", "fixture.yaml:4:10: tree 'a' comes from '../x', "
                 "but '..' leads out of the profile's folder"),
                ("trees: { a: { from: x, at: /a/../b } }\n", "fixture.yaml:4:10: tree 'a' is to "
                 "stand at '/a/../b', which is no path of the image"),
                ("trees: { a: { from: x, make: [y] } }\n", "fixture.yaml:4:30: 'trees.a' has both "
                 "'make' and 'from' (fixture.yaml:4); set one of them to null"),
                ("trees: { a: { from: \"${what}\" } }\n", "fixture.yaml:4:21: '${what}' is not set "
                 "under 'values:'; set it there, or write '$${what}' for the text itself"),
                ("trees: { a: { make: [x, \"${what}\"] } }\n", "fixture.yaml:4:25: '${what}' is not "
                 "set under 'values:'; set it there, or write '$${what}' for the text itself"),
                ("trees: { a/b: { from: x } }\n", "fixture.yaml:4:10: 'a/b' in 'trees' is not a "
                 "name: letters, digits, '_' and '-'"),
        ):
            with self.subTest(trees):
                self.refused(trees, line)

    def test_WD_1_a_root_without_init_names_the_places_searched(self):
        tar(self.path("tree.tar"), [member("etc", tarfile.DIRTYPE),
                                    member("sbin/init", content=b"x", mode=0o644)])
        self.built("trees: { base: { from: tree.tar } }\n", 1,
                   "mkinitrd: the tree has no init to hand over to (searched: /sbin/init, "
                   "/etc/init, /bin/init, /usr/lib/systemd/systemd); install one in it, or say "
                   "'boot: main:'\n", profile="description: no main\n")


if __name__ == "__main__":
    cli.main()
