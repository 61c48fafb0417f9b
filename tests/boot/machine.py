# SPDX-License-Identifier: Apache-2.0
"""What boot tests share: the build's programs, the kernel, the images, a folder of their own."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import disks
import vm

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("MKINITRD_BUILD", os.path.join(SOURCE, "build")))
MKINITRD = os.path.join(BUILD, "mkinitrd")
IMAGES = os.path.join(BUILD, "boot-image")
CERTIFICATES = os.path.join(IMAGES, "certificates")
SNAPSHOT = "docker-up"
MEMORY = 1500
TTY = "boot.shell.ttys=[ttyS1]"
CONSOLE_IMAGE = "console-image:latest"
EXEC_DOCKERD = r"mkinitrd: exec: (\S*/dockerd)$"
# images and console are the last steps, after dockerd answers
DOCKER_READY = r"mkinitrd: console: ok.*"
READY_SECONDS = 300


def version_key(release):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", release)]


def kernel():
    """Release and file of the kernel to boot: the newest that is installed with its modules."""
    wanted = os.environ.get("MKINITRD_TEST_RELEASE")
    releases = [wanted] if wanted else sorted(
        (name for name in os.listdir("/lib/modules")
         if os.path.exists(f"/lib/modules/{name}/modules.dep")
         and os.access(f"/boot/vmlinuz-{name}", os.R_OK)), key=version_key, reverse=True)
    if not releases:
        print("skipped: no kernel with modules is installed, or /boot/vmlinuz-* is unreadable")
        sys.exit(77)
    return releases[0], f"/boot/vmlinuz-{releases[0]}"


def image_path(name):
    return os.path.join(IMAGES, name + ".img")


def snapshot_path(snapshot):
    """The disk that holds a snapshot of a whole machine, for docker_up()."""
    return os.path.join(IMAGES, snapshot + ".qcow2")


def build_image(output, *arguments, program=MKINITRD, profile="only-docker"):
    """Make an image with the real command line; its words on stderr are returned."""
    release, _ = kernel()
    argv = [program, "-p", profile, "-k", release, "-o", output, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: status {done.returncode}\n{done.stderr}")
    return done.stderr


def needs_tools():
    vm.require(vm.QEMU, "qemu-img", "mke2fs", "dumpe2fs", "e2fsck", "debugfs")


class BootTest(unittest.TestCase):
    """A test class with a folder of its own, which stays when MKINITRD_KEEP is set and a test
    failed. Machines that are started through machine() end with the test."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="mkinitrd-")
        self.addCleanup(self._clean)

    def _clean(self):
        # without an outcome this is a whole class's folder
        result = self._outcome.result if self._outcome else None
        failed = result is None or any(
            test is self for test, _ in result.failures + result.errors)
        if failed and os.environ.get("MKINITRD_KEEP"):
            print(f"kept: {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def machine(self, image="only-docker", name="vm", deadline=240, **arguments):
        """Boot an image to init's first line."""
        _, kernel_file = kernel()
        arguments.setdefault("memory", MEMORY)
        machine = vm.boot(lambda attempt: vm.VM(
            self.directory, image_path(image), kernel_file, name=f"{name}-{attempt}",
            **arguments), deadline)
        self.addCleanup(machine.stop)
        return machine

    def docker_up(self, name="vm", snapshot=SNAPSHOT, **arguments):
        """A machine restored to "Docker is up", on a copy of its disk; returns it and the disk."""
        _, kernel_file = kernel()
        disk = disks.copy(snapshot_path(snapshot), self.path(name + ".qcow2"))
        machine = vm.VM(self.directory, image_path("only-docker"), kernel_file, name=name,
                        disks=[disk], memory=MEMORY, loadvm=snapshot, **arguments)
        self.addCleanup(machine.stop)
        machine.start()
        machine.shell.ready = True
        return machine, disk

    def wait_ready(self, machine, deadline=READY_SECONDS):
        """Wait until dockerd took over, answers, and has its images and console."""
        machine.wait_for(EXEC_DOCKERD, deadline)
        return machine.wait_for(DOCKER_READY, deadline)

    def assert_clean(self, disk):
        self.assertIsNone(disks.why_not_clean(disk))


