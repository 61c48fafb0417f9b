# SPDX-License-Identifier: Apache-2.0
"""Trees written as a tar, as a container image, as a directory and as a machine of systemd.

In:    the small root of somebody else that tree_case.py has, and profiles
Facts: what is read back is read by others: tarfile, GNU tar, skopeo, umoci, the kernel
"""
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import unittest

import archives
import cli
import tree_case

XATTRS = {"user.origin": b"\0a\n=b", "security.capability": tree_case.CAPABILITY}
TREES = "trees: { base: { from: base.tar } }\n"
RUN = """\
run:
  exec: [hello, "-p", "a \\"b\\" c"]
  arguments: ["x"]
  env: { LANG: C.UTF-8, WORDS: "a b" }
  user: "7:8"
  directory: /srv
  ports: { 80/tcp: { host: 8080 }, 53/udp: {} }
  volumes: { /srv/data: {} }
  stop-signal: SIGQUIT
  limits: { memory: 512M, cpus: 1.5, pids: 100, nofile: 1024 }
"""


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def tool(name):
    return shutil.which(name) is not None


class ExportTest(tree_case.TreeTest):

    def setUp(self):
        super().setUp()
        archives.tar(self.path("base.tar"), tree_case.system() + [
            archives.member("./cap", content=b"program", mode=0o755, pax_headers={
                "SCHILY.xattr." + name: value.decode("latin-1")
                for name, value in XATTRS.items() if name != "security.capability"}),
            archives.member("./long/" + "n" * 120 + "/" + "m" * 120, content=b"long"),
            archives.member("./zeros", content=bytes(1 << 20)),
            archives.member("./nobody", content=b"n", uid=2 ** 31 - 2, gid=2 ** 31 - 2),
            archives.member("./caf\u00e9", content=b"utf-8"),
        ])

    def export(self, command, profile, *more, status=0, output="a.tar", **options):
        self.write("tree.yaml", profile)
        arguments = ["-o", output] if output else []
        done = self.run_program(command, "-p", "./tree.yaml", "--root", "root", *arguments, *more,
                                **options)
        self.assertEqual(done.status, status, done.stderr)
        self.assertEqual(os.listdir(self.path("spool")), [])
        return done

    def refused_export(self, command, profile, line, *more, output="a.tar", status=1, **options):
        """One error, and nothing but the profile is there afterwards."""
        before = set(os.listdir(self.directory)) | {"tree.yaml"}
        done = self.export(command, profile, *more, status=status, output=output, **options)
        self.assertEqual(done.stderr, f"mkinitrd: {line}\n")
        self.assertEqual(set(os.listdir(self.directory)), before)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def members(self, name="a.tar", content=None):
        """path -> what tarfile says of it."""
        with tarfile.open(self.path(name) if content is None else None,
                          fileobj=io.BytesIO(content) if content is not None else None) as tar:
            return {info.name: (info, tar.extractfile(info).read() if info.isreg() else None)
                    for info in tar}


class Tar(ExportTest):

    def test_DL_1_what_others_read_is_what_was_there(self):
        self.export("tar", TREES)
        found = self.members()
        self.assertEqual(list(found), sorted(found, key=lambda name: name.encode()))
        shadow, content = found["etc/shadow"]
        self.assertEqual((shadow.mode, shadow.gid, content), (0o640, 42, b"root:*:\n"))
        self.assertEqual((found["etc"][0].mode, found["etc"][0].uid), (0o2755, 3))
        disk = found["disk"][0]
        self.assertEqual((disk.type, disk.devmajor, disk.devminor), (tarfile.BLKTYPE, 259, 70000))
        self.assertEqual((found["two"][0].type, found["two"][0].linkname),
                         (tarfile.LNKTYPE, "one") if "etc/three" > "one" else
                         (tarfile.LNKTYPE, "etc/three"))
        self.assertEqual(found["nobody"][0].uid, 2 ** 31 - 2)
        self.assertEqual(found["long/" + "n" * 120 + "/" + "m" * 120][1], b"long")
        self.assertEqual(found["caf\u00e9"][1], b"utf-8")
        self.assertEqual({info.mtime for info, _ in found.values()}, {0})
        # nothing that boots, and nothing of the writer's own
        self.assertNotIn("init", found)
        self.assertFalse([name for name in found if name.startswith("usr/lib/mkinitrd")])

    def test_round_trip_gives_the_same_bytes(self):
        self.export("tar", TREES, "-j1")
        self.export("tar", "trees: { base: { from: a.tar } }\n", "-j4", output="b.tar")
        self.assertEqual(self.read("a.tar"), self.read("b.tar"))

    def test_compressed_by_name_and_by_option(self):
        self.export("tar", TREES)
        plain = self.read("a.tar")
        for name, more, command in (("a.tar.gz", (), ["gzip", "-dc"]),
                                    ("a.tar.xz", (), ["xz", "-dc"]),
                                    ("a.tar.zst", (), ["zstd", "-dc"]),
                                    ("a.tzst", ("-c", "gzip:9"), ["gzip", "-dc"]),
                                    ("a", ("-c", "zstd"), ["zstd", "-dc"])):
            with self.subTest(name=name):
                self.export("tar", TREES, *more, output=name)
                unpacked = subprocess.run([*command, self.path(name)], capture_output=True,
                                          check=True, timeout=60).stdout
                self.assertEqual(unpacked, plain)

    def test_standard_output(self):
        self.export("tar", TREES)
        self.write("tree.yaml", TREES)
        with open(self.path("out"), "wb") as out:
            done = subprocess.run([cli.MKINITRD, "tar", "-p", "./tree.yaml", "--root", "root", "-o",
                                   "-"], cwd=self.directory, stdout=out, stderr=subprocess.PIPE,
                                  env=self.environment(), timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.read("out"), self.read("a.tar"))

    def test_standard_output_that_is_full(self):
        self.write("tree.yaml", TREES)
        with open("/dev/full", "wb") as out:
            done = subprocess.run([cli.MKINITRD, "tar", "-p", "./tree.yaml", "--root", "root", "-o",
                                   "-"], cwd=self.directory, stdout=out, stderr=subprocess.PIPE,
                                  env=self.environment(), timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr.decode()),
                         (1, "mkinitrd: cannot write to standard output: No space left on "
                             "device\n"))

    def test_a_time_of_its_own(self):
        self.export("tar", TREES, env=self.environment(SOURCE_DATE_EPOCH="1700000000"))
        self.assertEqual({info.mtime for info, _ in self.members().values()}, {1700000000})

    def test_what_boots_has_init_and_its_plan(self):
        self.export("tar", tree_case.PROFILE)
        found = self.members()
        self.assertEqual(list(found)[-1], "usr/lib/mkinitrd/complete")
        self.assertIn("usr/lib/mkinitrd/boot.plan", found)
        self.assertEqual(found["usr/sbin/init"][0].linkname, "/init")

    def test_dry_run(self):
        done = self.export("tar", "programs: { hello: { why: greets } }\n", "-n", "-v")
        self.assertIn("usr/bin/hello\tprogram 'hello': greets (tree.yaml:1)", done.stdout)
        self.assertFalse(os.path.exists(self.path("a.tar")))

    def test_bad_input(self):
        self.refused_export("tar", "values: {}\n",
                            "the tree would be empty; give its profile 'programs:', 'files:' or "
                            "'trees:'")
        self.refused_export("tar", "programs: { nothing: {} }\n",
                            "program 'nothing' (tree.yaml:1:13) is not in the root 'root': install "
                            "it, name it by its path, or make it optional")
        self.refused_export("tar", TREES, "cannot write 'no/a.tar': its directory 'no': No such "
                            "file or directory", output="no/a.tar")
        self.refused_export("tar", "run: { exec: [nothing] }\n",
                            "program 'nothing', program of 'run' (tree.yaml:1:14) is not in the "
                            "root 'root': install it, name it by its path, or make it optional")
        self.refused_export("tar", "files: { /d: { directory: true, content: x } }\n",
                            "tree.yaml:1:42: 'files./d' has both 'content' and 'directory' "
                            "(tree.yaml:1); set one of them to null")
        self.check(["tar", "-o", "a.tar"], 2, "", "mkinitrd: no profile given; say which with -p "
                   "NAME ('mkinitrd profile list' shows them, 'mkinitrd tar --help' the rest)\n")

    def test_DL_8_what_it_calls_must_be_there(self):
        call = ("run: { exec: [hello], calls: { nothing: [--no-nothing, /etc/x.json nothing=false] "
                "} }\n")
        self.refused_export("tar", call, "tree.yaml:1:32: '/usr/bin/hello' calls 'nothing', which "
                            "is not in the image; put it into 'programs:', or let it do without by "
                            "'--no-nothing' or '/etc/x.json nothing=false'")
        self.export("tar", call, "--set", "run.exec=[hello, --no-nothing]")
        self.export("tar", call + "files: { /etc/x.json: { content: '{\"nothing\": false}' } }\n")

    def test_a_source_that_would_be_replaced(self):
        self.export("tar", TREES)
        before = self.read("a.tar")
        self.refused_export("tar", "files: { /x: { from: a.tar } }\n",
                            "cannot pack 'a.tar' beside the profile (for 'x'): the image would "
                            "replace it; give another name with -o")
        self.assertEqual(self.read("a.tar"), before)

    def test_a_disk_that_is_full(self):
        os.mkdir(self.path("small"))
        if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs",
                                           self.path("small")], check=False).returncode:
            self.skipTest("cannot mount")
        self.addCleanup(subprocess.run, ["umount", self.path("small")], check=True)
        done = self.export("tar", TREES, status=1, output="small/a.tar")
        self.assertEqual(done.stderr,
                         "mkinitrd: cannot write 'small/a.tar': No space left on device\n")
        self.assertEqual(os.listdir(self.path("small")), [])


class Profiles(ExportTest):
    """The shipped ones, and the table that documents them."""

    def shown(self, name):
        done = self.run_program("profile", "show", "--json", "-p", name)
        return json.loads(done.stdout)["profile"]

    @staticmethod
    def keys(profile):
        return {*profile["programs"], *profile["files"]}

    @staticmethod
    def tables():
        """Heading -> the entries of its table, and what the table says of each."""
        found, heading = {}, ""
        with open(os.path.join(cli.SOURCE, "docs/docker-from-scratch.md"),
                  encoding="utf-8") as file:
            for line in file:
                if line.startswith("## "):
                    heading = line[3:].strip()
                elif line.startswith("| `"):
                    names, reason, left_out = line.strip("| \n").split(" | ")
                    for name in re.findall("`([^`]+)`", names):
                        found.setdefault(heading, {})[name] = (reason, left_out)
        return found

    def test_DL_12_the_table_is_true(self):
        small, build = self.shown("docker-from-scratch"), self.shown("docker-build")
        tables = self.tables()
        rows = tables["What is in it, and what may be left out"]
        more = tables["What `docker-build` adds"]
        self.assertEqual(set(rows), self.keys(small))
        self.assertEqual(set(more), self.keys(build) - self.keys(small))
        for name, (reason, left_out) in {**rows, **more}.items():
            with self.subTest(name=name):
                self.assertRegex(reason, r"^\S.{3,}")
                self.assertRegex(left_out, r"^(yes|no|with)\b")
        for profile in (small, build):
            for section in ("programs", "files"):
                for name, value in profile[section].items():
                    with self.subTest(name=name):
                        self.assertRegex(value["why"], r"^\S.{3,}")

    @unittest.skipUnless(tool("dockerd") and tool("iptables"), "no dockerd, no iptables")
    def test_DL_8_DL_12_what_is_left_out_leaves_nothing_else_out(self):
        def listing(profile, *sets):
            done = self.run_program("tar", "-n", "-p", profile, *(
                word for text in sets for word in ("--set", text)))
            return done.status, set(done.stdout.splitlines()), done.stderr

        everything = listing("docker-from-scratch")[1]
        for name, gone in (("docker-proxy", {"usr/sbin/docker-proxy"}), ("ps", {"usr/bin/ps"})):
            status, left, _ = listing("docker-from-scratch", f"programs.{name}=null")
            self.assertEqual(status, 0)
            self.assertLessEqual(left, everything)
            self.assertLessEqual(gone, everything - left)
        status, _, said = listing("docker-from-scratch", *(
            f"programs.{name}=null" for name in ("iptables", "ip6tables")))
        self.assertEqual(status, 1)
        self.assertIn("'/usr/bin/dockerlaunch' calls 'iptables', which is not in the image", said)
        self.assertEqual(listing("docker-from-scratch", "run.exec=[dockerlaunch, dockerd, "
                                 "\"--iptables=false\"]", *(
                                     f"programs.{name}=null" for name in ("iptables", "ip6tables"))
                                 )[0], 0)

    @unittest.skipUnless(tool("dockerd") and tool("git"), "no dockerd, no git")
    def test_DL_9_DL_10_docker_build_adds_files_alone(self):
        small = set(self.run_program("tar", "-n", "-p", "docker-from-scratch").stdout.split("\n"))
        build = set(self.run_program("tar", "-n", "-p", "docker-build").stdout.split("\n"))
        self.assertLessEqual(small, build)
        names = {os.path.basename(path) for path in build - small}
        self.assertLessEqual({"git", "git-clone", "git-submodule", "git-checkout", "ssh", "xz"},
                             names)

    @unittest.skipUnless(tool("dockerd"), "no dockerd")
    def test_DL_6_certificates(self):
        done = self.run_program("tar", "-n", "-v", "-p", "docker-from-scratch")
        self.assertRegex(done.stdout, r"\netc/ssl/certs/ca-certificates\.crt\tfile: .*, \d{3} "
                                      r"certificates \(docker-programs\.yaml:\d+\)\n")
        self.write("empty.crt", "")
        done = self.run_program("tar", "-n", "-p", "docker-from-scratch", "--set",
                                "files./etc/ssl/certs/ca-certificates.crt.content=")
        self.assertEqual(done.status, 1)
        self.assertEqual(done.stderr.count("\n"), 1)

    @unittest.skipUnless(tool("dockerd"), "no dockerd")
    def test_DL_14_layout(self):
        self.check(["tar", "-q", "-p", "docker-from-scratch", "-o", "a.tar"], 0)
        found = self.members()
        self.assertEqual({name: found[name][0].linkname for name in ("lib", "sbin", "var/run")},
                         {"lib": "usr/lib", "sbin": "usr/sbin", "var/run": "../run"})
        self.assertEqual((found["tmp"][0].mode, found["root"][0].mode,
                          found["root/.ssh"][0].mode), (0o1777, 0o700, 0o700))


class Oci(ExportTest):

    def image(self, name="a.tar"):
        """index, manifest, configuration and layers' members, each digest checked."""
        files = {path: content for path, (_, content) in self.members(name).items()}

        def blob(descriptor):
            content = files["blobs/" + descriptor["digest"].replace(":", "/")]
            self.assertEqual((descriptor["digest"], descriptor["size"]),
                             ("sha256:" + sha256(content), len(content)))
            return content

        index = json.loads(files["index.json"])
        manifest = json.loads(blob(index["manifests"][0]))
        config = json.loads(blob(manifest["config"]))
        layers = [blob(layer) for layer in manifest["layers"]]
        listed = json.loads(files["manifest.json"])[0]
        self.assertEqual([files[path] for path in listed["Layers"]], layers)
        self.assertEqual(json.loads(files[listed["Config"]]), config)
        self.assertEqual(json.loads(files["oci-layout"]), {"imageLayoutVersion": "1.0.0"})
        return index, manifest, config, layers, listed["RepoTags"]

    def test_DL_1_run_becomes_the_configuration(self):
        self.export("oci", RUN + "files: { /etc/x: { content: x } }\n", "--tag", "app:1")
        index, manifest, config, layers, tags = self.image()
        self.assertEqual(tags, ["app:1"])
        self.assertEqual(index["manifests"][0]["annotations"],
                         {"org.opencontainers.image.ref.name": "1"})
        self.assertEqual(manifest["annotations"]["org.opencontainers.image.title"], "tree")
        self.assertEqual(config["config"], {
            "Entrypoint": ["/usr/bin/hello", "-p", "a \"b\" c"], "Cmd": ["x"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "LANG=C.UTF-8", "WORDS=a b"],
            "User": "7:8", "WorkingDir": "/srv", "StopSignal": "SIGQUIT",
            "ExposedPorts": {"53/udp": {}, "80/tcp": {}}, "Volumes": {"/srv/data": {}}})
        self.assertEqual((config["architecture"], config["os"]), ("amd64", "linux"))
        self.assertEqual(config["rootfs"]["diff_ids"], ["sha256:" + sha256(layers[0])])

    def stack(self):
        self.write("low.yaml", "description: low\nfiles: { /etc/low: { content: l }, "
                               "/etc: { directory: true, mode: '0700' } }\n")
        self.write("empty.yaml", "include: [low.yaml]\nvalues: { a: b }\n")
        return ("include: [./empty.yaml]\nprograms: { hello: {} }\n"
                "files: { /etc/top: { content: t } }\n")

    def test_DL_1_a_layer_for_each_profile(self):
        self.export("oci", self.stack(), "--set", "files./etc/set={content: s}")
        _, _, config, layers, _ = self.image()
        names = [self.members(content=layer) for layer in layers]
        self.assertEqual([list(layer) for layer in names][0], ["etc", "etc/low"])
        self.assertIn("usr/bin/hello", names[1])
        # each layer by itself gives the folder its mode
        self.assertEqual([layer["etc"][0].mode for layer in names], [0o700] * 3)
        self.assertEqual(list(names[2]), ["etc", "etc/set"])
        self.assertEqual([row["created_by"] for row in config["history"]],
                         ["mkinitrd: low.yaml", "mkinitrd: tree.yaml", "mkinitrd: mkinitrd"])

    def test_hard_links_stay_in_one_layer(self):
        self.export("oci", TREES)
        layers = self.image()[3]
        self.assertEqual(len(layers), 1)
        found = self.members(content=layers[0])
        links = [name for name in ("one", "two", "etc/three")
                 if found[name][0].type == tarfile.LNKTYPE]
        self.assertEqual(len(links), 2)

    def test_the_same_digest_twice(self):
        self.export("oci", self.stack(), "-j1")
        self.export("oci", self.stack(), "-j3", output="b.tar")
        self.assertEqual(self.read("a.tar"), self.read("b.tar"))
        self.export("oci", self.stack(), output="layout/")
        with open(self.path("layout/index.json"), "rb") as file:
            self.assertEqual(json.load(file)["manifests"][0]["digest"],
                             self.image()[0]["manifests"][0]["digest"])

    def test_compressed_layers(self):
        self.export("oci", TREES)
        plain = self.image()[3][0]
        self.export("oci", TREES, "-c", "gzip", output="z.tar")
        _, manifest, config, layers, _ = self.image("z.tar")
        self.assertTrue(manifest["layers"][0]["mediaType"].endswith("+gzip"))
        self.assertEqual(gzip.decompress(layers[0]), plain)
        self.assertEqual(config["rootfs"]["diff_ids"], ["sha256:" + sha256(plain)])

    @unittest.skipUnless(tool("skopeo") and tool("umoci"), "no skopeo, no umoci")
    def test_others_take_the_layout(self):
        self.export("oci", self.stack() + RUN, "--tag", "app:1", output="layout/")
        self.export("oci", self.stack() + RUN, "--tag", "app:1")

        def run(*argv):
            done = subprocess.run(argv, cwd=self.directory, capture_output=True, text=True,
                                  timeout=120, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        digest = self.image()[0]["manifests"][0]["digest"]
        for source in ("oci:layout:1", "oci-archive:a.tar"):
            self.assertEqual(json.loads(run("skopeo", "inspect", source))["Digest"], digest)
        run("skopeo", "copy", "--insecure-policy", "docker-archive:a.tar", "oci:copy:1")
        config = json.loads(run("skopeo", "inspect", "--config", "oci:copy:1"))
        self.assertEqual(config["config"]["Entrypoint"][0], "/usr/bin/hello")
        run("umoci", "unpack", *([] if os.geteuid() == 0 else ["--rootless"]), "--image",
            "layout:1", "bundle")
        rootfs = self.path("bundle/rootfs")
        self.assertEqual(stat.S_IMODE(os.stat(rootfs + "/etc").st_mode), 0o700)
        self.assertEqual(sorted(os.listdir(rootfs + "/etc")), ["low", "top"])

    def test_round_trip_through_trees(self):
        self.export("tar", TREES)
        self.export("oci", TREES, output="image.tar")
        self.export("tar", "trees: { base: { from: image.tar } }\n", output="b.tar")
        self.assertEqual(self.read("a.tar"), self.read("b.tar"))

    def test_WD_16_a_changed_layer_is_refused(self):
        self.export("oci", self.stack(), output="layout/")
        for name in os.listdir(self.path("layout/blobs/sha256")):
            path = self.path("layout/blobs/sha256/" + name)
            with open(path, "rb") as file:
                content = file.read()
            with self.subTest(blob=content[:40]):
                with open(path, "wb") as file:
                    file.write(content[:-1] + bytes([content[-1] ^ 1]))
                done = self.export("tar", "trees: { base: { from: layout } }\n", status=1)
                self.assertIn("digest", done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)
                self.assertFalse(os.path.exists(self.path("a.tar")))
                with open(path, "wb") as file:
                    file.write(content)
        self.export("tar", "trees: { base: { from: layout } }\n")

    def test_bad_input(self):
        self.refused_export("oci", TREES, "'Bad:1' is no name for an image: it has capital "
                            "letters; give another one with --tag", "--tag", "Bad:1")
        self.refused_export("oci", TREES, "'a b:latest' is not the NAME:TAG of an image; give one "
                            "with --tag", "--tag", "a b")
        self.refused_export("oci", TREES, "layers of a container image are compressed by gzip or "
                            "zstd, or not at all; not by 'xz'", "-c", "xz")
        os.mkdir(self.path("full"))
        self.write("full/x", "x")
        self.refused_export("oci", TREES, "directory 'full' is not empty; give another one, or "
                            "--force to put the new tree in its place", output="full/")
        self.assertEqual(os.listdir(self.path("full")), ["x"])


@unittest.skipUnless(os.geteuid() == 0, "not root")
class Dir(ExportTest):

    def stat(self, path):
        return os.lstat(self.path("tree/" + path))

    def test_all_is_as_it_was(self):
        self.export("dir", TREES, output="tree")
        shadow = self.stat("etc/shadow")
        self.assertEqual((stat.S_IMODE(shadow.st_mode), shadow.st_gid), (0o640, 42))
        self.assertEqual(stat.S_IMODE(self.stat("etc").st_mode), 0o2755)
        one = self.stat("one")
        self.assertEqual((one.st_uid, stat.S_IMODE(one.st_mode), one.st_nlink), (9, 0o4755, 3))
        self.assertEqual(one.st_ino, self.stat("etc/three").st_ino)
        self.assertEqual(self.stat("disk").st_rdev, os.makedev(259, 70000))
        self.assertTrue(stat.S_ISFIFO(self.stat("fifo").st_mode))
        self.assertEqual(os.readlink(self.path("tree/bin")), "sbin")
        self.assertEqual(os.getxattr(self.path("tree/cap"), "user.origin"), XATTRS["user.origin"])
        self.assertLess(self.stat("zeros").st_blocks * 512, 1 << 20)
        self.assertEqual({self.stat(name).st_mtime for name in ("etc", "one", "bin", "disk")}, {0})
        self.assertEqual(stat.S_IMODE(os.stat(self.path("tree")).st_mode), 0o755)

    def test_round_trip_gives_the_same_bytes(self):
        self.export("tar", TREES)
        self.export("dir", TREES, output="tree")
        self.export("tar", "trees: { base: { from: tree } }\n", output="b.tar")
        self.assertEqual(self.read("a.tar"), self.read("b.tar"))

    def test_what_is_there_is_replaced_with_force_alone(self):
        self.export("dir", TREES, output="tree")
        self.write("tree/old", "o")
        self.refused_export("dir", TREES, "directory 'tree' is not empty; give another one, or "
                            "--force to put the new tree in its place", output="tree")
        self.assertTrue(os.path.exists(self.path("tree/old")))
        self.export("dir", TREES, "-f", output="tree")
        self.assertFalse(os.path.exists(self.path("tree/old")))
        self.assertEqual([name for name in os.listdir(self.directory) if name[0] == "."], [])

    def test_what_a_killed_run_left_is_removed(self):
        os.makedirs(self.path(".tree.abcdef/etc"))
        os.mkdir(self.path(".tree.toolong1"))
        done = self.export("dir", TREES, "-v", output="tree")
        self.assertIn("removed '.tree.abcdef', which a build that was killed has left beside "
                      "'tree'", done.stderr)
        self.assertEqual([name for name in os.listdir(self.directory) if name[0] == "."],
                         [".tree.toolong1"])

    def test_interrupted(self):
        self.write("tree.yaml", "files: { /x: { from: big } }\n")
        with open(self.path("big"), "wb") as file:
            file.truncate(4 << 30)
        program = subprocess.Popen([cli.MKINITRD, "dir", "-p", "./tree.yaml", "--root", "root",
                                    "--progress", "always", "-o", "tree"], cwd=self.directory,
                                   stderr=subprocess.PIPE, env=self.environment())
        self.addCleanup(program.kill)
        seen = b""
        while b"writing" not in seen:
            seen += program.stderr.read1()
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=60)
        self.assertEqual(program.returncode, -signal.SIGTERM)
        self.assertEqual(sorted(os.listdir(self.directory)),
                         ["base.tar", "big", "root", "spool", "tree.yaml"])

    def test_an_ordinary_user(self):
        os.chmod(self.directory, 0o777)
        line = ("'tree' would have 7 owners other than root, 2 devices and 0 capabilities or "
                "attributes, which only root can make; run as root, write a tar, or leave them out "
                "with --force")
        self.refused_export("dir", TREES, line, output="tree", wrap=cli.as_nobody,
                            program=self.installed())
        done = self.export("dir", TREES, "--force", output="tree", wrap=cli.as_nobody,
                           program=self.installed())
        self.assertIn("'tree' lacks what cannot be kept here: ", done.stderr)
        self.assertIn(f"the files in 'tree' belong to user {cli.NOBODY}, not to root", done.stderr)
        self.assertFalse(os.path.exists(self.path("tree/disk")))
        self.assertEqual(self.stat("etc/passwd").st_uid, cli.NOBODY)


@unittest.skipUnless(os.geteuid() == 0, "not root")
class Nspawn(ExportTest):

    OS = ("files: { /etc/os-release: { content: 'ID=x' }, "
          "/srv/data: { directory: true, mode: '0750', owner: '7:8' } }\n")

    def place(self, profile, *more, name="web", **options):
        return self.export("dir", profile, "--nspawn", name, "--host-root", "host", *more,
                           output=None, **options)

    def settings(self, name="web"):
        return self.read(f"host/etc/systemd/nspawn/{name}.nspawn").decode()

    def drop_in(self, name="web"):
        return f"host/etc/systemd/system/systemd-nspawn@{name}.service.d/50-mkinitrd.conf"

    def test_WD_11_WD_14_tree_settings_and_limits(self):
        self.place(RUN + self.OS)
        self.assertEqual(self.settings(), """\
# made by mkinitrd, and made anew by it
[Exec]
Boot=no
Parameters="/usr/bin/hello" "-p" "a "'"'"b"'"'" c" "x"
Environment="LANG=C.UTF-8" "WORDS=a b"
User=7
WorkingDirectory=/srv
KillSignal=SIGQUIT
LimitNOFILE=1024
PrivateUsers=pick

[Files]
Bind=/var/lib/mkinitrd/volumes/web/srv-data:/srv/data:idmap

[Network]
Port=tcp:8080:80
""")
        self.assertEqual(self.read(self.drop_in()).decode(),
                         "[Service]\nMemoryMax=536870912\nCPUQuota=150.0%\nTasksMax=100\n")
        volume = os.stat(self.path("host/var/lib/mkinitrd/volumes/web/srv-data"))
        self.assertEqual((stat.S_IMODE(volume.st_mode), volume.st_uid), (0o750, 7))
        self.assertTrue(os.path.exists(self.path("host/var/lib/machines/web/usr/bin/hello")))

    def test_WD_11_a_second_one_replaces_it(self):
        self.place(RUN + self.OS)
        self.write("host/var/lib/mkinitrd/volumes/web/srv-data/kept", "k")
        self.write("host/var/lib/machines/web/old", "o")
        self.place("run: { exec: [hello] }\n" + self.OS)
        self.assertFalse(os.path.exists(self.path("host/var/lib/machines/web/old")))
        self.assertFalse(os.path.exists(self.path(self.drop_in())))
        self.assertTrue(os.path.exists(
            self.path("host/var/lib/mkinitrd/volumes/web/srv-data/kept")))
        self.assertNotIn("Port", self.settings())

    def test_WD_17_each_switch(self):
        for run, lines in (
                ("network: host", ["Private=no", "VirtualEthernet=no"]),
                ("network: private", ["Private=yes", "VirtualEthernet=no"]),
                ("network: veth", ["VirtualEthernet=yes"]),
                ("network: bridge=br0", ["Bridge=br0"]),
                ("network: macvlan=eth0", ["MACVLAN=eth0"]),
                ("private-users: true", ["PrivateUsers=pick"]),
                ("private-users: false", ["PrivateUsers=no"]),
                ("privileged: true", ["PrivateUsers=no", "Capability=all"]),
                ("init: reap", ["Boot=no", "ProcessTwo=yes"])):
            with self.subTest(run=run):
                self.place(f"run: {{ exec: [hello], {run} }}\n" + self.OS)
                said = self.settings().splitlines()
                for line in lines:
                    self.assertIn(line, said)

    def verify(self, unit):
        if not tool("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True,
                              text=True, timeout=60, check=False, env=dict(
                                  os.environ, SYSTEMD_UNIT_PATH=os.path.dirname(unit) + ":"))
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_WD_10_systemd_takes_the_drop_in(self):
        self.place(RUN + self.OS)
        unit = self.write("host/etc/systemd/system/systemd-nspawn@web.service",
                          "[Service]\nExecStart=/bin/true\n")
        self.verify(unit)

    def refuse(self, profile, line, *more, name="web"):
        done = self.place(profile, *more, name=name, status=1)
        self.assertEqual(done.stderr, f"mkinitrd: {line}\n")
        self.assertFalse(os.path.exists(self.path(f"host/var/lib/machines/{name}")))

    def test_WD_6_what_systemd_would_refuse_is_refused_before(self):
        self.refuse("programs: { hello: {} }\n",
                    "the tree has no os-release, without which systemd-nspawn takes it for no "
                    "system; include the profile nspawn, or give it one: files: /etc/os-release")
        searched = ("(searched: /usr/lib/systemd/systemd, /lib/systemd/systemd, /sbin/init)")
        self.refuse("programs: { hello: {} }\n" + self.OS,
                    f"the tree has neither a command nor an init {searched}; name a program: run: "
                    "exec:")
        self.refuse("run: { init: boot }\n" + self.OS,
                    f"tree.yaml:1:6: 'run: init: boot', but the tree has no init {searched}; give "
                    "it one, or name a program: run: exec:")
        self.refuse(RUN + self.OS, "'../x' is no name for a machine: letters, digits, '-', '_' and "
                    "'.', at most 64", name="../x")
        self.refuse("run: { exec: [hello, \"a\\nb\"] }\n" + self.OS,
                    "'run:' has a line break in 'a\nb', which settings of systemd-nspawn cannot "
                    "hold; leave it out")

    def test_settings_of_somebody_else_stay(self):
        path = self.write("host/etc/systemd/nspawn/web.nspawn", "[Exec]\n")
        self.refuse(RUN + self.OS, "'host/etc/systemd/nspawn/web.nspawn' was not made by mkinitrd; "
                    "move it away, or replace it with --force")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "[Exec]\n")

    def test_a_machine_that_runs_keeps_its_tree(self):
        self.place(RUN + self.OS)
        lock = self.write("host/var/lib/machines/.#web.lck", "")
        # as systemd-nspawn does
        holder = subprocess.Popen([sys.executable, "-c", "import fcntl, sys\n"
                                   f"file = open({lock!r}, 'r+')\n"
                                   "fcntl.lockf(file, fcntl.LOCK_EX)\nprint('locked', flush=True)\n"
                                   "sys.stdin.read()"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.addCleanup(holder.communicate, timeout=60)
        self.assertEqual(holder.stdout.readline(), b"locked\n")
        before = os.stat(self.path("host/var/lib/machines/web")).st_ino
        done = self.place(RUN + self.OS, status=1)
        self.assertEqual(done.stderr, "mkinitrd: machine 'web' runs, and would lose its tree; end "
                                      "it first: machinectl poweroff web\n")
        self.assertEqual(os.stat(self.path("host/var/lib/machines/web")).st_ino, before)

    def test_usage(self):
        self.write("tree.yaml", TREES)
        for more, line in ((("-o", "x", "--nspawn", "web"),
                            "dir takes either -o DIR or --nspawn NAME"),
                           (("--host-root", "x"), "--host-root needs --nspawn NAME")):
            self.check(["dir", "-p", "./tree.yaml", *more], 2, "",
                       f"mkinitrd: {line}; see mkinitrd dir --help\n")


if __name__ == "__main__":
    unittest.main()
