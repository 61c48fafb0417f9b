# SPDX-License-Identifier: Apache-2.0
"""Roots of all kinds: what is packed from them, and what is said when that cannot be."""
import json
import os
import shutil
import socket
import struct
import subprocess
import unittest

import cli
import newc

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

    def test_why_follows_the_directories_that_the_image_links(self):
        profile = cli.PROFILE + "files: { /opt: { link: usr/share }, /usr/share: { link: lib }, " \
            "/round: { link: round }, /bin: { link: usr/bin } }\n"
        self.check(self.build_arguments(profile), 0, "", "mkinitrd: a.img: SUMMARY\n")
        listed = self.run_program("ls", "-v", "a.img").stdout
        self.assertRegex(listed, r"(?m) bin -> usr/bin$")
        self.assertRegex(listed, r"(?m) usr/share -> lib$")
        hello, library = (self.run_program("why", "a.img", path).stdout
                          for path in ("usr/bin/hello", "usr/lib/libgreet.so"))
        for path, said in [("bin/hello", hello), ("/usr/../bin/hello", hello),
                           ("lib/libgreet.so", library), ("opt/libgreet.so", library),
                           ("/opt//./libgreet.so", library)]:
            self.check(["why", "a.img", path], 0, said)
        self.check(["why", "a.img", "round/hello"], 1, "", "mkinitrd: 'round/hello' is not in "
                   "'a.img'; did you mean usr/bin/hello?\n")

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
        listed = {entry["path"]: entry.get("capabilities") for entry in
                  json.loads(self.run_program("ls", "--json", "a.img").stdout)}
        self.assertEqual({path: said for path, said in listed.items() if said},
                         {"usr/bin/hello": "cap_net_raw=ep"})
        self.check(["why", "-v", "a.img", "usr/bin/hello"], 0,
                   "usr/bin/hello\n  program 'hello' (fixture.yaml:2)\n"
                   "  packed from '/usr/bin/hello' in the root\n"
                   "  there with the capabilities cap_net_raw=ep\n"
                   "  wanted as\n    program 'hello' (fixture.yaml:2)\n"
                   "    program of 'main' (fixture.yaml:4)\n")
        self.run_program(*self.build_arguments(output="plain.img"), "-c", "none")
        image = newc.Image(self.path("plain.img"))
        image.edit(newc.MANIFEST, "cap_net_raw=ep", "cap net/raw!ep")
        image.write(self.path("b.img"))
        done = self.run_program("ls", "--json", "b.img")
        self.assertEqual(done.status, 1)
        self.assertIn("cannot read 'usr/lib/mkinitrd/manifest.json' in 'b.img': ", done.stderr)
        self.assertEqual(len(json.loads(done.stdout)), len(listed))
        os.setxattr(self.root.file("usr/bin/aid", "x", 0o755), "security.capability", in_namespace)
        self.check(self.build_arguments(cli.PROFILE + "files: { /usr/bin/aid: {} }\n"), 0, "",
                   "mkinitrd: warning: 2 files have capabilities, which a cpio image cannot keep, "
                   "the first 'usr/bin/aid' (cap_chown,cap_bpf=p cap_net_admin=ip [rootid=1000]); "
                   "only root will have them (-v lists them)\n"
                   "mkinitrd: a.img: SUMMARY\n")
        said = subprocess.run(["getcap", "-n", self.root / "usr/bin/hello"], check=True,
                              timeout=60, stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual(said.split()[-1], "cap_net_raw=ep")


class Refused(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()

    def test_root_of_another_machine(self):
        shell = self.root.program("env", "greet")
        for name, machine in (("AArch64", 183), ("RISC-V", 243), ("ELF machine 4000", 4000)):
            with open(shell, "r+b") as file:
                file.seek(18)
                file.write(struct.pack("<H", machine))
            self.check_refused(cli.PROFILE.replace("hello", "nothing"),
                               f"the root 'root' is for {name} ('/usr/bin/env' is), and this "
                               "mkinitrd's init for x86-64; build with an mkinitrd for "
                               f"{name}, or name another --root")

    def test_root_without_os_release(self):
        own = cli.PROFILE + 'files: { /etc/os-release: { content: "ID=own\\n" } }\n'
        self.check(self.build_arguments(own), 0, "", "mkinitrd: a.img: SUMMARY\n")
        with open(self.path("a.img"), "rb") as image:
            first = image.read()
        self.root.file("usr/lib/os-release", "ID=of-the-root\n")
        os.symlink("../usr/lib/os-release", self.root / "etc/os-release")
        self.check(self.build_arguments(own), 0, "", "mkinitrd: a.img: SUMMARY\n")
        with open(self.path("a.img"), "rb") as image:
            self.assertEqual(image.read(), first)
        os.unlink(self.root / "usr/lib/os-release")
        os.unlink(self.path("a.img"))
        self.check_refused(cli.PROFILE + "files: { /etc/os-release: {} }\n",
                           "fixture.yaml:5:10: '/etc/os-release' is a symlink to "
                           "'../usr/lib/os-release', which is not in the root 'root'; install what "
                           "brings it, or make it optional")

    def test_OD_16_programs_that_bring_all_with_them(self):
        """A static program, at a fixed address and at any: a static-pie has a dynamic section."""
        for name, flags in (("fixed", ["-static"]), ("pie", ["-static-pie", "-fPIE"])):
            path = cli.compile_c(self.root / f"usr/bin/{name}", "void _start(void) { for (;;); }",
                                 *flags)
            headers = subprocess.run(["readelf", "-lW", path], check=True, timeout=60,
                                     stdout=subprocess.PIPE, text=True).stdout
            self.assertEqual((" DYNAMIC " in headers, " INTERP " in headers),
                             (name == "pie", False))
        profile = ("programs: { fixed: required, pie: required }\n"
                   "boot: { main: { exec: [pie] } }\n")
        listed = self.run_program(*self.build_arguments(profile), "-n")
        self.assertEqual((listed.status, listed.stderr), (0, ""))
        self.assertEqual([path for path in listed.stdout.splitlines()
                          if ".so" in path], [])
        self.check(self.build_arguments(profile), 0, "", "mkinitrd: a.img: SUMMARY\n")
        found = self.run_program("check", "--root", "root", "a.img")
        self.assertEqual([line for line in found.stdout.splitlines()
                          if "usr/bin" in line], [], found.stderr)
        self.assertEqual(found.status, 0, found.stdout + found.stderr)

    def test_root_that_is_none(self):
        arguments = self.build_arguments()
        at = arguments.index("root")
        os.mkdir(self.path("outside"))
        arguments[at] = "outside"
        self.check(arguments, 1, "",
                   f"mkinitrd: kernel {cli.RELEASE} (-k) is not in the root 'outside', and the "
                   "profile wants no modules\nmkinitrd: program 'hello' (fixture.yaml:2:13) is not "
                   "in the root 'outside': install it, name it by its path, or make it optional\n")
        os.chmod(self.path("outside"), 0)
        self.check(arguments, 1, "",
                   "mkinitrd: cannot look for kernels in '/lib/modules' in the root 'outside': "
                   "Permission denied\n", program=self.installed(), wrap=cli.as_nobody)
        os.chmod(self.path("outside"), 0o755)
        arguments[at] = self.write("outside/file", "")
        self.check(arguments, 1, "",
                   f"mkinitrd: cannot open the root '{arguments[at]}': Not a directory\n")

    def test_script_with_line_ends_of_another_system(self):
        self.root.file("usr/bin/dos", "#!/bin/sh\r\n", 0o755)
        self.check_refused(cli.PROFILE + "files: { /usr/bin/dos: {} }\n",
                           "the script '/usr/bin/dos' (file (fixture.yaml:5)) ends its first line "
                           "in CR LF, so that no kernel finds its interpreter; give it the line "
                           "ends of Unix, or drop it")
        self.root.file("usr/bin/dos", "#!/bin/sh\r\n")  # nothing that is run
        self.check(self.build_arguments(cli.PROFILE + "files: { /usr/bin/dos: {} }\n"), 0, "",
                   "mkinitrd: a.img: SUMMARY\n")

    def test_scripts_of_scripts(self):
        rows = [("first", "#!/usr/bin/second -x\n"), ("second", "#!/usr/bin/env -S A=1 third -u\n"),
                ("third", "#! /bin/last\t-e x\n"), ("env", "#!/bin/last\n")]
        for name, content in rows:
            self.root.file("usr/bin/" + name, content, 0o755)
        self.root.program("last", "greet")
        done = self.run_program(*self.build_arguments(cli.PROFILE.replace("hello", "first")),
                                "--dry-run")
        self.assertEqual((done.stderr, done.status), ("", 0))
        self.assertLessEqual({"usr/bin/" + name for name in ("first", "second", "third", "env",
                                                             "last")},
                             set(done.stdout.splitlines()))
        os.unlink(self.root / "usr/bin/third")
        self.check_refused(cli.PROFILE.replace("hello", "first"),
                           "interpreter 'third' of the script '/usr/bin/second' (interpreter of "
                           "usr/bin/first <- program 'first' (fixture.yaml:2)) is not in the root "
                           "'root'; install it, or drop the script")

    def test_what_is_no_file(self):
        os.mkfifo(self.root / "etc/pipe")
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(self.root / "etc/socket")
        for name in ("pipe", "socket"):
            self.check_refused(cli.PROFILE + f"files: {{ /etc/{name}: {{}} }}\n",
                               f"cannot pack what is no file or directory, '/etc/{name}' in the "
                               "root 'root', file (fixture.yaml:5:10); drop it; devices and "
                               "sockets are made at boot: Invalid argument")

    def test_more_than_newc_can_say(self):
        path = self.root.file("etc/huge", "")
        os.truncate(path, 1 << 32)
        done = self.run_program(*self.build_arguments(cli.PROFILE + "files: { /etc/huge: {} }\n"))
        self.assertEqual(done.status, 1)
        self.assertIn("etc/huge", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertEqual(self.images(), [])

    def test_conflicting_sources(self):
        self.root.file("etc/a", "a")
        self.root.file("etc/b", "b")
        os.symlink("etc", self.root / "conf")
        profile = cli.PROFILE + ("files: { /etc/x: { from: /etc/a }, "
                                 "/conf/x: { from: /etc/b } }\n")
        done = self.run_program(*self.build_arguments(profile))
        self.assertEqual((done.status, len(done.stderr.splitlines())), (1, 1), done.stderr)
        self.assertRegex(done.stderr, r"^mkinitrd: 'etc/x' is wanted twice, as '/etc/[ab]' in the "
                         r"root with .* and as '/etc/[ab]' in the root with .*; drop one of them")


class Odd(cli.CliTest):
    """What is odd and right all the same."""

    def setUp(self):
        super().setUp()
        self.make_root()

    def test_names(self):
        names = ["with blank", "new\nline", "quote'\"\\", "ünï", "-dash", "#hash", "a" * 255]
        for name in names:
            self.root.file("etc/odd/" + name, name)
        self.root.file("etc/odd/" + "/".join(["d" * 250] * 15) + "/end", "deep")  # 3,900 bytes
        self.check(self.build_arguments(cli.PROFILE + "files: { /etc/odd: {} }\n"), 0, "",
                   "mkinitrd: a.img: SUMMARY\n")
        os.mkdir(self.path("outside"))
        subprocess.run("zstd -dc ../a.img | cpio -idm --quiet", shell=True, check=True, timeout=60,
                       cwd=self.path("outside"))
        subprocess.run(["diff", "-r", self.root / "etc/odd", "outside/etc/odd"], check=True,
                       timeout=60, cwd=self.directory)

    def test_root_that_is_not_merged(self):
        for folder in ("bin", "sbin", "lib"):
            os.unlink(self.root / folder)
            os.mkdir(self.root / folder)
        os.rename(self.root / "usr/lib/ld.so", self.root / "lib/ld.so")
        os.rename(self.root / "usr/bin/hello", self.root / "bin/hello")
        done = self.run_program(*self.build_arguments(), "--dry-run")
        self.assertEqual((done.stderr, done.status), ("", 0))
        packed = set(done.stdout.splitlines())
        self.assertLessEqual({"bin/hello", "lib/ld.so", "usr/lib/libgreet.so"}, packed)
        self.assertNotIn("usr/bin/hello", packed)

    def test_absolute_symlinks_stay_inside(self):
        """They lead to the root's own files, never to this machine's."""
        os.symlink("/etc/hostname", self.root / "etc/name")
        os.symlink("/../../../../etc/hostname", self.root / "etc/up")
        self.root.file("etc/hostname", "of the root")
        profile = cli.PROFILE + "files: { /etc/name: {}, /etc/up: {}, /x: { from: /etc/up } }\n"
        self.check(self.build_arguments(profile), 0, "", "mkinitrd: a.img: SUMMARY\n")
        for path in ("etc/hostname", "x"):
            content = subprocess.run(f"zstd -dc a.img | cpio -i --quiet --to-stdout {path}",
                                     shell=True, cwd=self.directory, check=True, timeout=60,
                                     stdout=subprocess.PIPE, text=True).stdout
            self.assertEqual(content, "of the root")

    @unittest.skipUnless(os.geteuid() == 0, "only root may chroot")
    def test_OD_16_musl_root(self):
        """A root that has nothing but musl and busybox: built, unpacked, run."""
        shutil.rmtree(self.root / "usr/bin")
        os.mkdir(self.root / "usr/bin")
        self.root.file("etc/ld-musl-x86_64.path", "/lib:/opt/lib\n")
        shutil.copy2(os.path.realpath("/lib/ld-musl-x86_64.so.1"),
                     self.root / "lib/ld-musl-x86_64.so.1")
        shutil.copy2(shutil.which("busybox"), self.root / "bin/busybox")
        os.symlink("/bin/busybox", self.root / "bin/sh")
        library = self.root / "opt/lib/libword.so.1"
        os.makedirs(os.path.dirname(library))
        for output, source, *more in (
                (library, 'const char *word(void) { return "musl"; }', "-shared", "-fPIC",
                 "-Wl,-soname,libword.so.1"),
                (self.root / "bin/greet", '#include <stdio.h>\nconst char *word(void);\n'
                 'int main(void) { return printf("hello, %s\\n", word()) < 0; }', library)):
            subprocess.run(["musl-gcc", "-x", "c", "-", "-o", output, "-xnone", *more],
                           input=source.encode(), check=True, timeout=60)
        profile = cli.PROFILE.replace("hello", "greet").replace("required }",
                                                                "required, sh: required }")
        self.check(self.build_arguments(profile), 0, "", "mkinitrd: a.img: SUMMARY\n")
        os.mkdir(self.path("outside"))
        subprocess.run("zstd -dc ../a.img | cpio -idm --quiet", shell=True, check=True, timeout=60,
                       cwd=self.path("outside"))
        said = subprocess.run(["/bin/sh", "-c", "greet; busybox ls /opt/lib /lib"],
                              env={"PATH": "/bin"}, check=True,
                              timeout=60, stdout=subprocess.PIPE, text=True, cwd="/",
                              preexec_fn=lambda: (os.chroot(self.path("outside")),
                                                  os.chdir("/"))).stdout
        self.assertRegex(said, r"(?s)^hello, musl\n.*ld-musl-x86_64.so.1.*libword.so.1")


if __name__ == "__main__":
    cli.main("busybox", "cpio", "getcap", "musl-gcc", "readelf", "zstd")
