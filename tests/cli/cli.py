# SPDX-License-Identifier: Apache-2.0
"""What command line tests share: run the program, compare all that it says, fixture roots.

Facts: programs of a fixture root are made with -nostdlib, so that what they need is known here and
       does not depend on this system's C library.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("MKINITRD_BUILD", os.path.join(SOURCE, "build")))
MKINITRD = os.path.join(BUILD, "mkinitrd")
RELEASE = "6.0.0-fixture"
NOBODY = 65534
# the summary's numbers that differ from run to run or from compiler to compiler
SUMMARY = re.compile(r"^mkinitrd: (\S+): \d+ entries, .* in, .* out.*, written and verified in .*$",
                     re.M)

# a profile that is complete without Docker; tests add to it
PROFILE = """\
description: a fixture
programs: { hello: required }
boot:
  main: { exec: [hello] }
"""


def compile_c(output, source, *flags):
    """One C file without a C library, made with the host's compiler."""
    os.makedirs(os.path.dirname(output), exist_ok=True)
    subprocess.run(["cc", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-O1", "-x", "c",
                    "-", "-o", output, *flags], input=source.encode(), check=True, timeout=60)
    return output


class Root:
    """A root directory to build from: one program with one library, and a kernel."""

    def __init__(self, path):
        self.path = path
        for folder in ("usr/bin", "usr/sbin", "usr/lib/modules/" + RELEASE, "etc", "tmp"):
            os.makedirs(os.path.join(path, folder))
        for link in ("bin", "sbin", "lib"):
            os.symlink("usr/" + link, os.path.join(path, link))
        compile_c(self / "usr/lib/ld.so", "void _start(void) {}", "-shared", "-fPIC")
        compile_c(self / "usr/lib/libgreet.so", "int greet(void) { return 1; }", "-shared",
                  "-fPIC", "-Wl,-soname,libgreet.so")
        self.program("hello", "greet")
        modules = self / f"usr/lib/modules/{RELEASE}"
        for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            with open(os.path.join(modules, name), "wb"):
                pass
        subprocess.run(["depmod", "-b", path, RELEASE], check=True, timeout=60,
                       capture_output=True)

    def __truediv__(self, inside):
        return os.path.join(self.path, inside.lstrip("/"))

    def program(self, name, library, folder="usr/bin"):
        """A dynamic program that needs lib<library>.so."""
        return compile_c(self / f"{folder}/{name}",
                         f"int {library}(void); void _start(void) {{ {library}(); }}",
                         "-fPIE", "-pie", "-Wl,-dynamic-linker,/lib/ld.so",
                         "-L" + (self / "usr/lib"), "-l" + library, "-Wl,--build-id=none")

    def file(self, path, content=b"", mode=0o644):
        path = self / path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(path, mode)
        return path


class Result:
    def __init__(self, done):
        self.status = done.returncode
        self.stdout = done.stdout.decode("utf-8", "replace")
        self.stderr = done.stderr.decode("utf-8", "replace")


def as_nobody(argv):
    """The same command as an ordinary user, when we are root."""
    if os.geteuid() != 0:
        return argv
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *argv]


class CliTest(unittest.TestCase):
    """A case runs the program in a folder of its own."""

    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="mkinitrd-")
        os.chmod(self.directory, 0o755)
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def make_root(self):
        self.root = Root(self.path("root"))
        return self.root

    def installed(self):
        """The program where an ordinary user can reach it, with what it needs beside it."""
        folder = self.path("program")
        if not os.path.exists(folder):
            os.mkdir(folder)
            for name in ("mkinitrd", "init", "agent"):
                shutil.copy2(os.path.join(BUILD, name), folder)
            shutil.copytree(os.path.join(SOURCE, "profiles"), os.path.join(folder, "profiles"))
        return os.path.join(folder, "mkinitrd")

    def environment(self, **more):
        keep = {name: os.environ[name] for name in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS")
                if name in os.environ}
        return {**keep, "LC_ALL": "C", "HOME": self.directory, **more}

    def run_program(self, *arguments, program=MKINITRD, wrap=lambda argv: argv, **options):
        options.setdefault("env", self.environment())
        options.setdefault("cwd", self.directory)
        argv = wrap([program, *arguments])
        return Result(subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, timeout=300, check=False, **options))

    def check(self, arguments, status, stdout="", stderr="", **options):
        """Run, and compare status, stdout and stderr exactly (but for a summary's numbers)."""
        done = self.run_program(*arguments, **options)
        words = SUMMARY.sub(r"mkinitrd: \1: SUMMARY", done.stderr)
        self.assertEqual((done.status, done.stdout, words), (status, stdout, stderr))
        return done

    def build_arguments(self, profile=PROFILE, output="a.img"):
        """Arguments that build a profile's text from the fixture root."""
        return ["-p", self.write("fixture.yaml", profile), "--root", "root", "-k", RELEASE,
                "-o", output]

    def check_refused(self, profile, line, **options):
        """The build ends with this one line and leaves nothing behind."""
        self.check(self.build_arguments(profile), 1, "", f"mkinitrd: {line}\n", **options)
        self.assertEqual(self.images(), [])

    def images(self):
        """What stands where images are written to: names beside the fixtures' own."""
        return sorted(set(os.listdir(self.directory))
                      - {"root", "fixture.yaml", "program", "outside"})


def require(*tools):
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        print(f"skipped: not installed: {' '.join(missing)}")
        sys.exit(77)


def main(*tools):
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    require("cc", "depmod", "setpriv", *tools)
    unittest.main(verbosity=2)
