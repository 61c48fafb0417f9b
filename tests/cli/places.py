# SPDX-License-Identifier: Apache-2.0
"""Places for dockerlaunch to be started in: a root of this system's programs, in namespaces.

In:    what is there before it starts
Out:   what it and the program that it becomes have said, and the root as it is after
Not:   a real dockerd (tests/boot/test_dockerlaunch.py)
Facts: unshare(1), --kill-child: whatever is started there ends with the test. The mounts, the
       network and the host's name are those of namespaces, so that nothing stays on this machine.
"""
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import cli

LAUNCH = os.path.join(cli.BUILD, "dockerlaunch")
# merged as this system's is; its own folders stay read-only
FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/etc/alternatives")
ENTER = 'exec chroot . /dockerlaunch "$@"'
# what stands for dockerd where the test is of what it is given
SHOW = """#!/bin/sh
echo "argv0=$0"
for word; do echo "word=$word"; done
echo "PATH=$PATH"
echo "EXTRA=$EXTRA"
echo "cwd=$(pwd)"
"""
SETUP = """\
set -e
{binds}
cd {root}
{before}
{enter}
"""


class Place:
    """A root below @folder; what is written to it before run() is there then."""

    def __init__(self, folder):
        self.root = os.path.join(folder, "place")
        for path in FOLDERS:
            os.makedirs(self / path, exist_ok=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            os.symlink("usr/" + name, self / name)
        shutil.copy(LAUNCH, self / "dockerlaunch")
        self.file("/opt/show", SHOW, 0o755)

    def __truediv__(self, inside):
        return os.path.join(self.root, inside.lstrip("/"))

    def file(self, path, content="", mode=0o644):
        path = self / path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def read(self, path):
        with open(self / path, encoding="utf-8") as file:
            return file.read()

    def argv(self, *arguments, before="", enter=ENTER, namespaces=("--net", "--ipc")):
        """@before: shell commands in the root, before @enter, the one that starts dockerlaunch."""
        binds = "\n".join(f"mount --bind -o ro {path} {self / path}" for path in FOLDERS
                          if os.path.isdir(path))
        script = SETUP.format(root=self.root, binds=binds, before=before, enter=enter)
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private",
                *namespaces, "sh", "-c", script, "place", *arguments]

    def run(self, *arguments, before="", enter=ENTER, namespaces=("--net", "--ipc"), env=None):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})}
        done = subprocess.run(self.argv(*arguments, before=before, enter=enter,
                                        namespaces=namespaces),
                              stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              timeout=120, env=environment)
        return cli.Result(done)


class PlaceTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="mkinitrd-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.place = Place(self.directory)

    def new_place(self):
        """Another, for the next row of a table."""
        shutil.rmtree(self.place.root)
        self.place = Place(self.directory)
        return self.place

    def shown(self, *arguments, status=0, **how):
        """What /opt/show in place of dockerd has got: its words."""
        done = self.place.run(*arguments, **how)
        self.assertEqual(done.status, status, done.stderr)
        return [line[5:] for line in done.stdout.splitlines() if line.startswith("word=")], done

    def fails(self, line, *arguments, status=1, **how):
        """One line, and nothing else that is wrong."""
        done = self.place.run("-q", *arguments, **how)
        self.assertEqual((done.stderr, done.stdout, done.status), (line + "\n", "", status))

    def end(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(30)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
