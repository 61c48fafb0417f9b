# SPDX-License-Identifier: Apache-2.0
"""What is packed with a program is what the loader itself loads: ld.so and musl's are the oracles.

Each row is a root with this system's real loader, a program and libraries made by the compiler. The
program is started in that root as the kernel would, with LD_TRACE_LOADED_OBJECTS, and what the
loader says is compared with the files that --dry-run lists.
"""
import os
import re
import shutil
import subprocess
import unittest

import cli
import newc

GLIBC = "/lib64/ld-linux-x86-64.so.2"
MUSL = "/lib/ld-musl-x86_64.so.1"
MULTIARCH = "usr/lib/x86_64-linux-gnu"
OLD, NEW = "-Wl,--disable-new-dtags", "-Wl,--enable-new-dtags"


def lib(path, *needs, flags=(), soname=None):
    return path, needs, flags, soname


def rpath(value):
    return OLD, "-Wl,-rpath," + value


def runpath(value):
    return NEW, "-Wl,-rpath," + value


ONE_TWO = [lib("opt/a/libone.so", "libtwo.so"), lib("opt/a/libtwo.so")]

# name, libraries, what the program needs, its flags, more: files, links, conf, also (packed and not
# loaded on this machine), place (of the program)
ROWS = [
    ("default folders", [lib("usr/lib/libone.so", "libtwo.so"), lib("lib/libtwo.so")],
     ["libone.so"], (), {}),
    ("multiarch before /lib", [lib(MULTIARCH + "/libone.so"), lib("usr/lib/libone.so")],
     ["libone.so"], (), {}),
    ("RPATH reaches what a library needs", ONE_TWO, ["libone.so"], rpath("/opt/a"), {}),
    ("RUNPATH does not, the default folders do",
     [lib("opt/a/libone.so", "libtwo.so"), lib("opt/a/libtwo.so"), lib("usr/lib/libtwo.so")],
     ["libone.so"], runpath("/opt/a"), {}),
    ("RUNPATH does not, but what is loaded is loaded", ONE_TWO, ["libone.so", "libtwo.so"],
     runpath("/opt/a"), {}),
    ("a library's RUNPATH silences the program's RPATH",
     [lib("opt/a/libone.so", "libtwo.so", flags=runpath("/opt/b")), lib("opt/a/libtwo.so"),
      lib("opt/b/libtwo.so")], ["libone.so"], rpath("/opt/a"), {}),
    ("a library's RUNPATH that leads nowhere silences it too",
     [lib("opt/a/libone.so", "libtwo.so", flags=runpath("/none")), lib("opt/a/libtwo.so"),
      lib("usr/lib/libtwo.so")], ["libone.so"], rpath("/opt/a"), {}),
    ("a library's RPATH before the program's",
     [lib("opt/a/libone.so", "libtwo.so", flags=rpath("/opt/b")), lib("opt/a/libtwo.so"),
      lib("opt/b/libtwo.so")], ["libone.so"], rpath("/opt/a"), {}),
    ("RPATH goes down three levels",
     [lib("opt/a/libone.so", "libtwo.so"), lib("opt/a/libtwo.so", "libthree.so"),
      lib("opt/a/libthree.so")], ["libone.so"], rpath("/opt/a"), {}),
    ("RPATH of the program reaches past a library in between that has RPATH",
     [lib("opt/a/libone.so", "libtwo.so", flags=rpath("/opt/b")),
      lib("opt/b/libtwo.so", "libthree.so"), lib("opt/a/libthree.so")], ["libone.so"],
     rpath("/opt/a"), {}),
    ("a RUNPATH of the program does not reach a second level",
     [lib("opt/a/libone.so", "libtwo.so", flags=runpath("/opt/b")),
      lib("opt/b/libtwo.so", "libthree.so"), lib("opt/b/libthree.so"),
      lib("usr/lib/libthree.so")], ["libone.so"], runpath("/opt/a"), {}),
    ("$ORIGIN of the program", [lib("opt/x/lib/libone.so")], ["libone.so"],
     runpath("$ORIGIN/../lib"), {"place": "opt/x/bin/p"}),
    ("${ORIGIN} of a symlinked program is that of the real file",
     [lib("opt/x/lib/libone.so"), lib("usr/lib/libone.so")], ["libone.so"],
     runpath("${ORIGIN}/../lib"), {"place": "opt/x/bin/p"}),
    ("$ORIGIN of a library",
     [lib("opt/a/libone.so", "libtwo.so", flags=runpath("$ORIGIN/deep")),
      lib("opt/a/deep/libtwo.so")], ["libone.so"], rpath("/opt/a"), {}),
    ("$ORIGIN of a symlinked library is where it was found",
     [lib("opt/real/libone.so", "libtwo.so", flags=runpath("$ORIGIN")),
      lib("opt/a/libtwo.so"), lib("opt/real/libtwo.so")], ["libone.so"], rpath("/opt/a"),
     {"moved": {"opt/real/libone.so": "opt/a/libone.so"}}),
    ("$ORIGIN in RPATH is that of who carries it",
     [lib("opt/a/libone.so", "libtwo.so"), lib("opt/a/libtwo.so")], ["libone.so"],
     rpath("$ORIGIN/../../opt/a"), {}),
    ("$LIB", [lib("opt/lib/x86_64-linux-gnu/libone.so")], ["libone.so"], runpath("/opt/$LIB"), {}),
    ("$ORIGINAL is a folder's name", [lib("usr/lib/libone.so")], ["libone.so"],
     runpath("/opt/$ORIGINAL"), {}),
    ("an empty element, a double slash, a slash at the end", [lib("opt/a/libone.so")],
     ["libone.so"], runpath("/none::/opt//a/"), {}),
    ("ld.so.conf before the default folders",
     [lib("opt/c/libone.so"), lib("usr/lib/libone.so")], ["libone.so"], (),
     {"conf": {"etc/ld.so.conf": "/opt/c\n"}}),
    ("RUNPATH before ld.so.conf", [lib("opt/c/libone.so"), lib("opt/a/libone.so")], ["libone.so"],
     runpath("/opt/a"), {"conf": {"etc/ld.so.conf": "/opt/c\n"}}),
    ("ld.so.conf with an include, a glob, a hwcap line, comments",
     [lib("opt/d/libone.so"), lib("opt/e/libtwo.so")], ["libone.so", "libtwo.so"], (),
     {"conf": {"etc/ld.so.conf": "# x\n include ld.so.conf.d/*.conf # y\nhwcap 1 nosegneg\n",
               "etc/ld.so.conf.d/a.conf": "/opt/d # z\n",
               "etc/ld.so.conf.d/b.conf": "include /etc/more/*\n",
               "etc/ld.so.conf.d/c.other": "/opt/c\n",
               "etc/more/x": "\t/opt/e/\n"}}),
    ("a library without DT_SONAME", [lib("opt/a/libone.so", soname="")], ["libone.so"],
     runpath("/opt/a"), {}),
    ("a library whose DT_SONAME is another library's name",
     [lib("opt/a/libone.so", soname="libtwo.so"), lib("opt/a/libtwo.so")],
     ["libone.so", "libtwo.so"], runpath("/opt/a"), {"stub_names": True}),
    ("a needed path with slashes", [lib("opt/deep/libone.so", "libtwo.so"),
                                    lib("usr/lib/libtwo.so")], ["/opt/deep/libone.so"], (), {}),
    ("a needed path with $ORIGIN", [lib("opt/x/lib/libone.so")], ["$ORIGIN/../lib/libone.so"], (),
     {"place": "opt/x/bin/p"}),
    ("a library of the wrong class is passed over", [lib("opt/b/libone.so")], ["libone.so"],
     runpath("/opt/a:/opt/b"), {"wrong": ["opt/a/libone.so"]}),
    ("a library of another machine is passed over", [lib("usr/lib/libone.so")], ["libone.so"],
     runpath("/opt/a"), {"foreign": ["opt/a/libone.so"]}),
    ("two libraries that need each other", [lib("opt/a/libone.so", "libtwo.so"),
                                            lib("opt/a/libtwo.so", "libone.so")],
     ["libone.so"], rpath("/opt/a"), {}),
    ("a symlink to a library, and one in the way",
     [lib("opt/real/libone.so.1.2", soname="libone.so.1")], ["libone.so.1"], runpath("/opt/way"),
     {"links": {"opt/way": "real", "opt/real/libone.so.1": "libone.so.1.2"}}),
    ("-z nodefaultlib", [lib("usr/lib/libone.so"), lib("opt/c/libone.so")], ["libone.so"],
     ("-Wl,-z,nodefaultlib",), {"conf": {"etc/ld.so.conf": "/opt/c\n"}}),
    ("DT_AUXILIARY that is there", [lib("usr/lib/libone.so", flags=("-Wl,-f,libtwo.so",)),
                                    lib("usr/lib/libtwo.so")], ["libone.so"], (), {}),
    ("DT_AUXILIARY that is not", [lib("usr/lib/libone.so", flags=("-Wl,-f,libtwo.so",))],
     ["libone.so"], (), {"absent": True}),
    ("DT_FILTER", [lib("usr/lib/libone.so", flags=("-Wl,-F,libtwo.so",)),
                   lib("opt/a/libtwo.so")], ["libone.so"], rpath("/opt/a"), {}),
    ("glibc-hwcaps of a processor that this is not",
     [lib("usr/lib/libone.so"), lib("usr/lib/glibc-hwcaps/x86-64-v9/libone.so", "libtwo.so"),
      lib("usr/lib/libtwo.so")], ["libone.so"], (),
     {"also": ["usr/lib/glibc-hwcaps/x86-64-v9/libone.so", "usr/lib/libtwo.so"]}),
    ("glibc-hwcaps in a folder before the one that has the library",
     [lib("opt/b/libone.so"), lib("opt/a/glibc-hwcaps/x86-64-v2/libone.so")], ["libone.so"],
     runpath("/opt/a:/opt/b"),
     {"also": ["opt/b/libone.so", "opt/a/glibc-hwcaps/x86-64-v2/libone.so"]}),
]

MUSL_ROWS = [
    ("default folders", [lib("lib/libone.so", "libtwo.so"), lib("usr/local/lib/libtwo.so")],
     ["libone.so"], (), {}),
    ("/lib before /usr/lib", [lib("lib/libone.so"), lib("usr/lib/libone.so")], ["libone.so"], (),
     {}),
    ("RUNPATH reaches what a library needs", ONE_TWO, ["libone.so"], runpath("/opt/a"), {}),
    ("a library's path before the program's",
     [lib("opt/a/libone.so", "libtwo.so", flags=runpath("/opt/b")), lib("opt/a/libtwo.so"),
      lib("opt/b/libtwo.so")], ["libone.so"], runpath("/opt/a"), {}),
    ("a library's path that leads nowhere does not silence the program's",
     [lib("opt/a/libone.so", "libtwo.so", flags=runpath("/none")), lib("opt/a/libtwo.so")],
     ["libone.so"], runpath("/opt/a"), {}),
    ("the path file", [lib("opt/m/libone.so"), lib("usr/lib/libone.so")], ["libone.so"], (),
     {"conf": {"etc/ld-musl-x86_64.path": "/none\n/opt/m:/usr/lib\n"}}),
    ("no ld.so.conf", [lib("usr/lib/libone.so"), lib("opt/c/libone.so")], ["libone.so"], (),
     {"conf": {"etc/ld.so.conf": "/opt/c\n"}}),
    ("no multiarch folder", [lib(MULTIARCH + "/libone.so"), lib("usr/lib/libone.so")],
     ["libone.so"], (), {}),
    ("no glibc-hwcaps", [lib("usr/lib/glibc-hwcaps/x86-64-v2/libone.so"),
                         lib("usr/lib/libone.so")], ["libone.so"], (), {}),
    ("$ORIGIN", [lib("opt/x/lib/libone.so")], ["libone.so"], runpath("$ORIGIN/../lib"),
     {"place": "opt/x/bin/p"}),
    ("the C library by every name that it has", [lib("usr/lib/libone.so", "libc.musl-x86_64.so.1")],
     ["libone.so", "libpthread.so.0", "libm.so.6"], (), {}),
]


@unittest.skipUnless(os.geteuid() == 0, "only root may chroot")
class Libraries(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()

    def make(self, path, needs, flags, soname, *more):
        """One ELF file; what it needs are stubs of these names beside the root."""
        stubs = []
        for need in needs:
            stub = os.path.join(self.path("stubs"), need.replace("/", "_").replace("$", "_"))
            if not os.path.exists(stub):
                cli.compile_c(stub, "", "-shared", "-fPIC", "-Wl,-soname," + need)
            stubs.append(stub)
        named = (f"-Wl,-soname,{soname}",) if soname else ()
        cli.compile_c(self.root / path, "void _start(void) {}", "-fPIC", "-Wl,--no-as-needed",
                      "-Wl,--allow-shlib-undefined", "-Wl,--build-id=none", *named, *flags, *more,
                      "-xnone",
                      *stubs)

    def build_row(self, row, loader):
        _, libraries, needs, flags, more = row
        for path, library_needs, library_flags, soname in libraries:
            self.make(path, library_needs, library_flags,
                      os.path.basename(path) if soname is None else soname, "-shared")
        place = more.get("place", "usr/bin/p")
        self.make(place, needs, flags, None, "-pie", "-Wl,-dynamic-linker," + loader)
        if place != "usr/bin/p":
            os.symlink("/" + place, self.root / "usr/bin/p")
        os.makedirs(self.root / "proc/self")
        os.symlink("/" + place, self.root / "proc/self/exe")  # of which the loader asks $ORIGIN
        for path, link in more.get("moved", {}).items():
            os.makedirs(os.path.dirname(self.root / link), exist_ok=True)
            os.symlink("/" + path, self.root / link)
        for link, target in more.get("links", {}).items():
            os.symlink(target, self.root / link)
        for path in more.get("wrong", []) + more.get("foreign", []):
            self.make(path, (), (), None, "-shared", *(["-m32"] if path in more.get("wrong", [])
                                                       else []))
        for path in more.get("foreign", []):
            with open(self.root / path, "r+b") as file:
                file.seek(18)
                file.write(b"\xb7\0")  # e_machine: AArch64
        for path, content in more.get("conf", {}).items():
            self.root.file(path, content)
        if loader == GLIBC and more.get("conf"):
            subprocess.run(["ldconfig", "-X", "-r", self.root.path], check=True, timeout=60,
                           stderr=subprocess.DEVNULL)

    def real(self, path):
        """Where a path of the root really lies, as the manifest names it."""
        for _ in range(40):
            done, parts = [], [part for part in path.split("/") if part and part != "."]
            for index, part in enumerate(parts):
                if part == "..":
                    done = done[:-1]
                    continue
                place = self.root / "/".join(done + [part])
                if os.path.islink(place):
                    target = os.readlink(place)
                    path = "/".join(([] if target[0] == "/" else done) + [target]
                                    + parts[index + 1:])
                    break
                done.append(part)
            else:
                return "/".join(done)
        raise OSError(path)

    def loaded(self, row, loader):
        """What the loader says that it loads, without what the kernel brings."""
        argv = ["/usr/bin/p"] if loader == GLIBC else [MUSL, "--list", "/" + self.real("usr/bin/p")]
        done = subprocess.run(argv, env={"LD_TRACE_LOADED_OBJECTS": "1"}, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, preexec_fn=lambda: (os.chroot(self.root.path),
                                                               os.chdir("/")))
        if not row[4].get("absent"):
            self.assertNotRegex(done.stdout, "not found|Error", row[0])
        paths = re.findall(r"(/\S+) \(0x", done.stdout)
        self.assertTrue(paths, row[0] + ": " + done.stdout)
        return {self.real(path) for path in paths}

    def packed(self, row):
        done = self.run_program(*self.build_arguments(cli.PROFILE.replace("hello", "p")),
                                "--dry-run")
        self.assertEqual((done.stderr, done.status), ("", 0), row[0])
        tools = {"init", "usr/lib/mkinitrd/agent", "etc/ld.so.cache", "etc/ld-musl-x86_64.path",
                 "usr/lib/mkinitrd/boot.plan"}
        program = self.real("usr/bin/p")
        return {path for path in done.stdout.splitlines()
                if os.path.isfile(self.root / path) and not os.path.islink(self.root / path)
                and path not in tools | {program} and "/modules/" not in path}

    def run_rows(self, rows, prepare, loader):
        for row in rows:
            with self.subTest(row[0]):
                shutil.rmtree(self.root.path)
                self.root = cli.Root(self.root.path)
                prepare()
                self.build_row(row, loader)
                self.assertEqual(self.packed(row),
                                 self.loaded(row, loader) | {self.real(loader)}
                                 | set(row[4].get("also", [])), row[0])

    def test_OD_16_libraries_are_those_that_ld_so_loads(self):
        def prepare():
            os.makedirs(self.root / "lib64")
            shutil.copy2(os.path.realpath(GLIBC), self.root / GLIBC)
        self.run_rows(ROWS, prepare, GLIBC)

    def test_OD_16_folders_that_this_loader_does_not_know(self):
        """Debian's glibc has no lib64 built in; that of others has, and its loader then says so."""
        with open(GLIBC, "rb") as file:
            loader = file.read()
        folders = re.search(rb"(/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0"
                            rb"/usr/lib/\0)", loader).group(1)
        shutil.rmtree(self.root / "usr/bin")
        self.build_row(("", [lib("lib64/libone.so")], ["libone.so"], (), {}), GLIBC)
        self.root.file(GLIBC, loader, 0o755)
        said = subprocess.run(["/usr/bin/p"], env={"LD_TRACE_LOADED_OBJECTS": "1"}, timeout=60,
                              stdout=subprocess.PIPE, text=True, check=False,
                              preexec_fn=lambda: (os.chroot(self.root.path), os.chdir("/"))).stdout
        self.assertIn("libone.so => not found", said)
        profile = cli.PROFILE.replace("hello", "p")
        self.check(self.build_arguments(profile), 1, "",
                   "mkinitrd: library 'libone.so' needed by '/usr/bin/p' (program 'p' "
                   "(fixture.yaml:2)) is not in the root 'root'; install it (searched "
                   "/lib/x86_64-linux-gnu, /usr/lib/x86_64-linux-gnu, /lib, /usr/lib)\n")
        other = b"/lib64/\0/usr/lib64/\0"
        self.root.file(GLIBC, loader.replace(folders, other.ljust(len(folders), b"\0")), 0o755)
        self.check([*self.build_arguments(profile), "-c", "none"], 0, "",
                   "mkinitrd: a.img: SUMMARY\n")
        self.check(["-q", "check", "--root", "root", "a.img"], 0)
        image = newc.Image(self.path("a.img"))
        image["lib64/ld-linux-x86-64.so.2"].content = loader
        image.agree()
        image.write(self.path("b.img"))
        found = self.run_program("check", "--root", "root", "b.img").stdout
        self.assertIn("error elf-library-missing usr/bin/p: needs the library 'libone.so'", found)

    def test_OD_16_a_loader_that_is_a_program(self):
        """klibc's is one, at a fixed address."""
        cli.compile_c(self.root / "usr/lib/klibc.so", "void _start(void) { for (;;); }", "-static",
                      "-no-pie")
        cli.compile_c(self.root / "usr/bin/p", "void _start(void) {}", "-pie", "-fPIE",
                      "-Wl,-dynamic-linker,/lib/klibc.so")
        profile = cli.PROFILE.replace("hello", "p")
        self.check(self.build_arguments(profile), 0, "", "mkinitrd: a.img: SUMMARY\n")
        self.assertIn("usr/lib/klibc.so\n", self.run_program("ls", "a.img").stdout)
        self.check(["-q", "check", "--root", "root", "a.img"], 0)
        os.unlink(self.path("a.img"))
        # but what is linked against is a library
        os.unlink(self.root / "usr/lib/libgreet.so")
        cli.compile_c(self.root / "usr/lib/libgreet.so", "void _start(void) { for (;;); }",
                      "-static", "-no-pie")
        self.check_refused(cli.PROFILE,
                           "library 'libgreet.so' needed by '/usr/bin/hello' (program 'hello' "
                           "(fixture.yaml:2)) is found only as what is no library, at "
                           "'/usr/lib/libgreet.so' in the root 'root'; install the one that fits")

    def test_OD_16_libraries_are_those_that_musl_loads(self):
        self.run_rows(MUSL_ROWS, lambda: shutil.copy2(os.path.realpath(MUSL), self.root / MUSL),
                      MUSL)


if __name__ == "__main__":
    cli.main("ldconfig", "musl-gcc")
