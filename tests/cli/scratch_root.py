# SPDX-License-Identifier: Apache-2.0
"""A root to spoil: another one below, changes in a folder of the test's.

In:    a directory that is a root, "/" for this machine's own
Out:   a directory in which programs run by chroot, with /proc, /dev and an empty /tmp and /run
Facts: the mounts are those of a mount namespace of this process, so that they end with it, however
       it ends; overlayfs: the folder of changes must not itself be on an overlayfs, so there it is
       on a tmpfs. Python has unshare() since 3.12.
"""
import ctypes
import os
import subprocess

CLONE_NEWNS = 0x00020000
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def mount(*arguments):
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode == 0 or done.stderr


def must_mount(*arguments):
    said = mount(*arguments)
    if said is not True:
        raise AssertionError(f"mount {' '.join(arguments)}: {said}")


def own_mounts():
    """From here on mounts are this process's and its children's alone."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    must_mount("--make-rprivate", "/")


class Scratch:
    """One root; own_mounts() was called before."""

    def __init__(self, lower, directory):
        self.path = os.path.join(directory, "root")
        changes = os.path.join(directory, "changes")
        for folder in (self.path, changes):
            os.mkdir(folder)
        if self.overlay(lower, changes) is not True:
            must_mount("-t", "tmpfs", "tmpfs", changes)
            said = self.overlay(lower, changes)
            if said is not True:
                raise AssertionError(f"no overlayfs: {said}")
        must_mount("-t", "proc", "proc", self / "proc")
        must_mount("--bind", "/dev", self / "dev")
        for folder in ("tmp", "run"):
            must_mount("-t", "tmpfs", "tmpfs", self / folder)
        os.chmod(self / "tmp", 0o1777)

    def overlay(self, lower, changes):
        for name in ("upper", "work"):
            os.makedirs(os.path.join(changes, name), exist_ok=True)
        return mount("-t", "overlay", "overlay", "-o",
                     f"lowerdir={lower},upperdir={changes}/upper,workdir={changes}/work", self.path)

    def __truediv__(self, inside):
        return os.path.join(self.path, inside.lstrip("/"))

    def close(self):
        subprocess.run(["umount", "--recursive", self.path], capture_output=True, timeout=60,
                       check=False)

    def write(self, inside, text, mode=0o644):
        os.makedirs(os.path.dirname(self / inside), exist_ok=True)
        with open(self / inside, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self / inside, mode)

    def read(self, inside):
        with open(self / inside, encoding="utf-8") as file:
            return file.read()

    def exists(self, inside):
        return os.path.lexists(self / inside)

    def run(self, *argv, environment=None, timeout=300):
        """Its status and all that it printed."""
        done = subprocess.run(
            ["chroot", self.path, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout, check=False,
            env={"PATH": PATH, "LC_ALL": "C", "HOME": "/root", "TMPDIR": "/tmp",
                 **(environment or {})})
        return done.returncode, done.stdout


def remove(directory):
    """The folder of a Scratch, and nothing of what is still mounted in it."""
    subprocess.run(["rm", "-rf", "--one-file-system", directory], capture_output=True, timeout=300,
                   check=False)
