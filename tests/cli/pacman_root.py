# SPDX-License-Identifier: Apache-2.0
"""What tests with pacman share: packages made by makepkg, a root that pacman works on.

Facts: makepkg runs as an ordinary user, and with fakeroot. pacman runs hooks chrooted in its root,
       which therefore has a shell and our program's libraries; hooks of the administrator are the
       host's unless --hookdir is given. What a hook prints is in pacman.log as ALPM-SCRIPTLET.
"""
import os
import re
import shutil
import subprocess
import tarfile
import unittest

import cli

USER = ["setpriv", f"--reuid={cli.NOBODY}", f"--regid={cli.NOBODY}", "--clear-groups"]
BASE = "linux-fix"
MODULES = ("overlay", "squashfs", "loop")
# what the package takes of the tree that it is built from
PARTS = ("CMakeLists.txt", "CHANGELOG.md", "LICENSE", "README.md", "docs", "hooks", "init",
         "mkinitrd", "profiles")
BUILT = ("mkinitrd", "init", "agent", "bundle", "dockerlaunch", "libdockerlaunch.a", "completion")


def kernel_with_modules():
    """The folder of a Debian kernel's modules."""
    for release in sorted(os.listdir("/lib/modules"), reverse=True):
        folder = f"/lib/modules/{release}"
        if os.path.isdir(folder + "/kernel/fs/overlayfs"):
            return folder
    raise unittest.SkipTest("no kernel with modules is installed here")


def module_files(folder):
    """The few modules of these tests, with what they need: paths below the folder."""
    with open(folder + "/modules.dep", encoding="ascii") as file:
        needs = dict(line.strip().split(":", 1) for line in file)
    wanted = [path for path in needs
              if re.sub(r"\.ko.*", "", os.path.basename(path)) in MODULES]
    return sorted(set(wanted).union(*(needs[path].split() for path in wanted)))


class Packages:
    """Packages by name, made once each."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        self.made = {}

    def make(self, name, version, release, files, changes=None):
        """A package that installs @files: path -> bytes, or a path to copy from."""
        key = f"{name}-{version}-{release}"
        if key in self.made:
            return self.made[key]
        start = os.path.join(self.folder, key)
        for path, content in files.items():
            target = os.path.join(start, "files", path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if isinstance(content, bytes):
                with open(target, "wb") as file:
                    file.write(content)
                os.chmod(target, 0o755 if "/bin/" in path else 0o644)
            else:
                shutil.copyfile(content, target)
        with open(os.path.join(start, "PKGBUILD"), "w", encoding="utf-8") as file:
            file.write(f"pkgname={name}\npkgver={version}\npkgrel={release}\npkgdesc=test\n"
                       f"arch=(x86_64)\noptions=(!strip)\n{changes or ''}"
                       "package() { cp -r --preserve=mode \"$startdir/files/.\" \"$pkgdir\"; }\n")
        self.made[key] = self.run(start)
        return self.made[key]

    @staticmethod
    def run(start, *options):
        """makepkg in @start: the package."""
        subprocess.run(["chown", "-R", f"{cli.NOBODY}:{cli.NOBODY}", start], check=True)
        done = subprocess.run(
            [*USER, "makepkg", "-f", "--nodeps", *options], cwd=start, timeout=600, check=False,
            stdin=subprocess.DEVNULL, capture_output=True,
            env={"PATH": os.environ["PATH"], "HOME": start, "LC_ALL": "C", "CARCH": "x86_64",
                 "PKGEXT": ".pkg.tar.zst", "PACMAN_AUTH": "false"})
        found = [name for name in os.listdir(start) if name.endswith(".pkg.tar.zst")
                 and "-debug-" not in name]
        assert done.returncode == 0 and len(found) == 1, \
            done.stdout[-2000:] + done.stderr[-3000:]
        return os.path.join(start, found[0])

    def kernel(self, version, release, base=BASE, mark=b""):
        """A kernel as Arch has it, with a few modules of a real one."""
        folder = kernel_with_modules()
        name = f"{version}-{base.removeprefix('linux-')}"
        inside = f"usr/lib/modules/{name}"
        files = {f"{inside}/vmlinuz": f"kernel {version}-{release} ".encode() + mark,
                 f"{inside}/pkgbase": base.encode() + b"\n",
                 f"{inside}/modules.order": b"", f"{inside}/modules.builtin": b"",
                 f"{inside}/modules.builtin.modinfo": b""}
        for path in module_files(folder):
            files[f"{inside}/{path}"] = os.path.join(folder, path)
        return self.make(base, version, release, files)

    def docker(self, version):
        """dockerd, which says its version and no more."""
        source = f'const char version[] = "dockerd {version}"; void _start(void) {{ for (;;); }}'
        program = cli.compile_c(os.path.join(self.folder, "dockerd-" + version), source, "-static")
        with open(program, "rb") as file:
            return self.make("docker", version, 1, {"usr/bin/dockerd": file.read()})

    def mkinitrd(self, whole=False):
        """Our own, by our own PKGBUILD. Built and checked by it when @whole; else what is built
        already takes the place of building, which is all that is changed of it."""
        start = os.path.join(self.folder, "mkinitrd")
        os.makedirs(start)
        with open(os.path.join(cli.SOURCE, "hooks/pacman/PKGBUILD"), encoding="utf-8") as file:
            text = file.read()
        if not whole:
            copies = " ".join(f'"$startdir/built/{name}"' for name in BUILT)
            text, count = re.subn(r"^  cmake --build build$", f"  cp -r {copies} build/", text,
                                  flags=re.M)
            assert count == 1
            text = text.replace("-DMKINITRD_HARDEN=ON", "-DMKINITRD_TESTS=OFF")
            os.mkdir(os.path.join(start, "built"))
            for name in os.listdir(cli.BUILD):
                if name in BUILT or re.search(r"\.[58]$", name):
                    source, target = os.path.join(cli.BUILD, name), f"{start}/built/{name}"
                    (shutil.copytree if os.path.isdir(source) else shutil.copy2)(source, target)
            text = text.replace("cp -r", "cp -r \"$startdir\"/built/*.[58]")
        with open(os.path.join(start, "PKGBUILD"), "w", encoding="utf-8") as file:
            file.write(text)
        parts = PARTS + (("tests",) if whole else ())
        with tarfile.open(os.path.join(start, "mkinitrd-0.1.0.tar.gz"), "w:gz") as archive:
            for part in parts:
                archive.add(os.path.join(cli.SOURCE, part), "mkinitrd-0.1.0/" + part)
        return self.run(start, *(() if whole else ("--nocheck",)))


class Root:
    """A root with a shell and libraries, in which pacman installs the rest."""

    def __init__(self, path):
        self.path = path
        for folder in ("usr/bin", "usr/lib/x86_64-linux-gnu", "usr/lib64", "etc/pacman.d/hooks",
                       "var/lib/pacman", "var/log", "var/cache/pacman", "tmp", "proc", "dev", "run",
                       "boot/loader/entries", "root"):
            os.makedirs(os.path.join(path, folder))
        for link, target in (("bin", "usr/bin"), ("sbin", "usr/bin"), ("lib", "usr/lib"),
                             ("lib64", "usr/lib64"), ("usr/sbin", "bin")):
            os.symlink(target, os.path.join(path, link))
        shutil.copy2("/bin/busybox", self / "usr/bin/busybox")
        for name in ("sh", "cat"):
            os.symlink("busybox", self / f"usr/bin/{name}")
        shutil.copy2("/bin/kmod", self / "usr/bin/depmod")
        for program in (cli.MKINITRD, "/bin/kmod"):
            lines = subprocess.run(["ldd", program], check=True, capture_output=True,
                                   text=True, timeout=60).stdout
            for library in re.findall(r"(/\S+) \(0x", lines):
                shutil.copy2(library, self / ("usr" + library.removeprefix("/usr")))
        self.depmod()
        with open(self / "etc/pacman.conf", "w", encoding="utf-8") as file:
            file.write("[options]\nArchitecture = x86_64\nSigLevel = Never\n"
                       "LocalFileSigLevel = Never\nDisableDownloadTimeout\n")

    def __truediv__(self, inside):
        return os.path.join(self.path, inside.lstrip("/"))

    def depmod(self):
        """What Arch's kmod package does after kernels have come."""
        folder = "usr/share/libalpm"
        os.makedirs(self / f"{folder}/hooks")
        os.makedirs(self / f"{folder}/scripts")
        with open(self / f"{folder}/hooks/60-depmod.hook", "w", encoding="utf-8") as file:
            file.write("[Trigger]\nType = Path\nOperation = Install\nOperation = Upgrade\n"
                       "Target = usr/lib/modules/*/vmlinuz\n[Action]\nDescription = depmod\n"
                       f"When = PostTransaction\nExec = /{folder}/scripts/depmod\nNeedsTargets\n")
        with open(self / f"{folder}/scripts/depmod", "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nwhile IFS=/ read -r _ _ _ version _; do "
                       "/usr/bin/depmod \"$version\"; done\n")
        os.chmod(self / f"{folder}/scripts/depmod", 0o755)

    def copy(self, path):
        other = object.__new__(Root)
        other.path = path
        subprocess.run(["cp", "-a", self.path, path], check=True, timeout=120)
        return other

    def inside(self, *argv, **options):
        """A command with the root's /proc mounted, which goes with it."""
        script = 'mount -t proc proc "$1/proc" && shift && exec "$@"'
        return subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", self.path, *argv],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=300, check=False, **options)

    def pacman(self, *arguments):
        return self.inside(
            "pacman", "--config", self / "etc/pacman.conf", "--root", self.path, "--dbpath",
            self / "var/lib/pacman", "--hookdir", self / "etc/pacman.d/hooks", "--logfile",
            self / "var/log/pacman.log", "--cachedir", self / "var/cache/pacman", "--noconfirm",
            *arguments,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TERM": "dumb", "TMPDIR": "/nowhere",
                 "MKINITRD_PROFILE_PATH": "/nowhere"})

    def mkinitrd(self, *arguments):
        return self.inside("chroot", self.path, "/usr/bin/mkinitrd", *arguments,
                           env={"PATH": os.environ["PATH"], "LC_ALL": "C"})

    def log(self):
        """What hooks have said, without times."""
        with open(self / "var/log/pacman.log", encoding="utf-8") as file:
            return re.findall(r"^\[[^]]*\] \[ALPM-SCRIPTLET\] (.*)$", file.read(), re.M)
