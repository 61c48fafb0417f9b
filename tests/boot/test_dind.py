# SPDX-License-Identifier: Apache-2.0
"""The smallest Docker root elsewhere than on this machine: in a machine of our own, and from another
release.

usage: test_dind.py InMachine|Newer

In:    InMachine: the snapshot "Docker is up". Newer: what mmdebstrap makes of trixie
Facts: in a machine of ours the engine stands in a cgroup namespace of version 2
"""
import os
import shutil
import socket
import subprocess
import sys
import threading
import unittest

import debian_root
import machine
import registry
import test_docker_from_scratch as scratch
import vm

IMAGE = machine.CONSOLE_IMAGE
SECONDS = 300


class Sender:
    """Gives a file to the first who connects, on loopback."""

    def __init__(self, path):
        self.path = path
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(SECONDS)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.send, daemon=True)
        self.thread.start()

    def send(self):
        connection, _ = self.listener.accept()
        with connection, open(self.path, "rb") as file:
            connection.settimeout(SECONDS)
            connection.sendfile(file)

    def end(self):
        self.thread.join(SECONDS)
        self.listener.close()


class InMachine(machine.BootTest):

    def test_DL_1_DL_5_load_run_exec_build(self):
        scratch.mkinitrd("oci", "-p", "docker-from-scratch", "--tag", "dind", "-c", "none", "-o",
                         "dind.tar", folder=self.directory)
        sender = Sender(self.path("dind.tar"))
        self.addCleanup(sender.end)
        guest, disk = self.docker_up()
        run = guest.shell.run
        run(f"nc {registry.HOST_IN_GUEST} {sender.port} | docker load", SECONDS)
        run("docker run --privileged -d --name daemon -v data:/var/lib/docker dind", SECONDS)
        run("until docker exec daemon docker ps >/dev/null 2>&1; do "
            "docker exec daemon true || exit 1; done", SECONDS)
        self.assertEqual(run("docker exec daemon docker info -f '{{.CgroupVersion}} {{.Driver}}'"),
                         "2 overlay2\n")
        run(f"docker save {IMAGE} | docker exec -i daemon docker load", SECONDS)
        self.assertEqual(
            run(f"docker exec daemon docker run --rm -m 64m {IMAGE} "
                "cat /sys/fs/cgroup/memory.max", SECONDS), "67108864\n")
        run(f"printf 'FROM {IMAGE}\\nRUN echo made >/made\\n' | "
            "docker exec -i daemon docker build -q -t built -", SECONDS)
        self.assertEqual(run("docker exec daemon docker run --rm built cat /made", SECONDS),
                         "made\n")
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(180), "guest-shutdown")
        self.assert_clean(disk)


class Newer(scratch.Engine):
    """The Docker of a newer release, in this machine's engine."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        root = debian_root.make("trixie", os.path.join(cls.folder, "root"))
        cls.addClassCleanup(shutil.rmtree, root, ignore_errors=True)
        scratch.mkinitrd("oci", "-p", "docker-from-scratch", "--root", root, "--tag", "newer", "-o",
                         "newer.tar", folder=cls.folder)
        cls.engine.docker("load", "-i", os.path.join(cls.folder, "newer.tar"))
        cls.version = subprocess.run(["chroot", root, "dockerd", "--version"], timeout=60,
                                     capture_output=True, text=True, check=True).stdout

    def test_DL_1_load_run_exec_build(self):
        name = self.daemon("newer", "newer-daemon")
        self.assertIn(self.inner(name, "version", "-f", "{{.Server.Version}}"), self.version)
        self.runs_containers(name)


if __name__ == "__main__":
    machine.needs_tools()
    if sys.argv[1:] == ["Newer"]:
        vm.require("mmdebstrap")
    unittest.main(verbosity=2)
