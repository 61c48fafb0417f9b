# SPDX-License-Identifier: Apache-2.0
"""A cloud's metadata service: what is taken from it, and that no answer of it does harm.

usage: test_metadata.py [Agent|Boots|Linode]

Agent: the program that asks, in a network namespace in which the service's address is ours. Boots:
a machine on a network with the service at its link-local address. Linode: the profile of that name,
and ssh with a key that the service gives.
"""
import base64
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import disks
import machine
import vm

AGENT = os.path.join(machine.BUILD, "agent")
ADDRESS = "169.254.169.254"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0dZ3r3uK0k0o5m9u2t5f1k7c1b3q8x9y0z1a2b3c4d somebody"
OTHER = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBB= other"
DATA = bytes(range(256)) + b"\n#!/bin/sh\ntouch /run/executed\n"
GOOD = {
    "/v1/token": b'["a-token"]',
    "/v1/instance": b'{"id": 1, "label": "my_linode-1", "region": "somewhere"}',
    "/v1/ssh-keys": json.dumps({"users": {"root": [KEY], "other": [OTHER, KEY]}}).encode(),
    "/v1/user-data": base64.encodebytes(DATA),
}


def answer(bodies, request):
    """The bytes that the service says to the bytes that were asked; None: not a word."""
    head, *headers = request.decode("latin-1").split("\r\n")
    method, target, _ = head.split(" ")
    fields = dict(line.split(": ", 1) for line in headers if ": " in line)
    body = bodies.get(target)
    if isinstance(body, dict):  # bytes as they are, or silence
        return body["raw"].encode("latin-1") if body["raw"] is not None else None
    if isinstance(body, str):
        body = body.encode("latin-1")
    status = "200 OK" if body is not None else "404 Not Found"
    if target == "/v1/token":
        if method != "PUT" or fields.get("Metadata-Token-Expiry-Seconds") != "3600":
            status = "400 Bad Request"
    elif method != "GET" or fields.get("Metadata-Token") != "a-token":
        status = "401 Unauthorized"
    body = body if status == "200 OK" else b""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def serve_stdio(path):
    """One connection, on standard input and output, as QEMU starts it; what was asked goes to a log."""
    with open(path, encoding="ascii") as file:
        bodies = json.load(file)
    request = b""
    while b"\r\n\r\n" not in request:
        data = os.read(0, 65536)
        if not data:
            return
        request += data
    with open(path + ".log", "ab") as log:
        log.write(request.split(b"\r\n")[0] + b"\n")
    said = answer(bodies, request)
    if said is None:
        time.sleep(30)
    else:
        os.write(1, said)


def serve(listener, bodies):
    def one(connection):
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                data = connection.recv(65536)
                if not data:
                    return
                request += data
            said = answer(bodies, request)
            if said is None:
                time.sleep(30)
            else:
                try:
                    connection.sendall(said)
                except OSError:
                    pass

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=one, args=(connection,), daemon=True).start()


def inside(path):
    """In namespaces of our own: the service, the agent, and what it left, as JSON."""
    with open(path, encoding="ascii") as file:
        case = json.load(file)
    for words in (["ip", "link", "set", "lo", "up"],
                  ["ip", "addr", "add", ADDRESS + "/32", "dev", "lo"],
                  ["mount", "-t", "tmpfs", "tmpfs", "/run"],
                  ["mount", "-t", "tmpfs", "tmpfs", "/etc"]):
        subprocess.run(words, check=True, timeout=20)
    with open("/etc/hosts", "w", encoding="ascii") as file:
        file.write("127.0.0.1 localhost\n")
    os.mkdir("/run/mkinitrd")
    if case["bodies"] is not None:
        listener = socket.create_server((ADDRESS, 80))
        threading.Thread(target=serve, args=(listener, case["bodies"]), daemon=True).start()
    started = time.monotonic()
    done = subprocess.run([AGENT, "metadata", *case["words"]], capture_output=True, timeout=90,
                          check=False)
    files = {}
    for folder, _, names in os.walk("/run"):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                files[os.path.join(folder, name)] = [
                    stat.S_IMODE(os.fstat(file.fileno()).st_mode), file.read().decode("latin-1")]
    with open("/etc/hosts", encoding="ascii") as file:
        print(json.dumps({"status": done.returncode, "said": done.stdout.decode(),
                          "errors": done.stderr.decode(), "files": files, "hosts": file.read(),
                          "seconds": time.monotonic() - started}))


class Agent(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("not root")

    def ask(self, bodies, *words):
        with tempfile.TemporaryDirectory(prefix="mkinitrd-") as folder:
            path = os.path.join(folder, "case.json")
            text = {name: body.decode("latin-1") if isinstance(body, bytes) else body
                    for name, body in bodies.items()} if bodies is not None else None
            with open(path, "w", encoding="ascii") as file:
                json.dump({"bodies": text, "words": words}, file)
            done = subprocess.run(
                ["unshare", "--net", "--mount", "--propagation", "private", sys.executable,
                 os.path.abspath(__file__), "inside", path], capture_output=True, text=True,
                timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual(result["errors"], "")
        return result

    def test_all_of_it(self):
        got = self.ask(GOOD, "hostname")
        self.assertEqual(got["status"], 0)
        self.assertEqual(got["said"], "hostname my-linode-1\ndetail ssh-keys=2\n"
                         f"detail user-data={len(DATA)}\n")
        self.assertEqual(got["files"], {
            "/run/mkinitrd/ssh/authorized_keys": [0o600, f"{KEY}\n{OTHER}\n"],
            "/run/mkinitrd/user-data": [0o600, DATA.decode("latin-1")]})
        self.assertEqual(got["hosts"], "127.0.0.1 localhost\n127.0.1.1 my-linode-1\n")
        # the disk has given a name; the token comes as text; and there is no user data
        got = self.ask({**GOOD, "/v1/token": b"a-token\n", "/v1/user-data": b""})
        self.assertEqual(got["said"], "detail ssh-keys=2\n")
        self.assertEqual(set(got["files"]), {"/run/mkinitrd/ssh/authorized_keys"})
        self.assertEqual(got["hosts"], "127.0.0.1 localhost\n")

    def test_nothing_and_garbage(self):
        got = self.ask(None, "hostname")
        self.assertEqual((got["status"], got["said"]),
                         (3, f"absent {ADDRESS}: Connection refused\n"))
        self.assertEqual(got["files"], {})
        for token in (b"", b"a b", b"a\r\nX: y", b'["a", "b"]', b"[1]", b"\xff\xfe", b"x" * 5000):
            with self.subTest(token=token[:20]):
                got = self.ask({**GOOD, "/v1/token": token})
                self.assertEqual((got["status"], got["files"]), (3, {}))
        for raw in ("SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
                    "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
                    "HTTP/1.1 200 OK\r\n\r\n" + "x" * 70000, ""):
            with self.subTest(raw=raw[:40]):
                got = self.ask({**GOOD, "/v1/token": {"raw": raw}})
                self.assertEqual((got["status"], got["files"]), (3, {}))
        bad = {"/v1/instance": b'{"label": "-bad name"}',
               "/v1/ssh-keys": json.dumps({"users": {"root": [
                   KEY, 'command="touch /run/executed" ' + KEY]}}).encode(),
               "/v1/user-data": b"no base64!"}
        got = self.ask({**GOOD, **bad}, "hostname")
        self.assertEqual(got["status"], 0)
        self.assertEqual(
            got["said"], "warn /v1/instance: its label is not taken: it is no name of a host\n"
            "warn /v1/ssh-keys: none are taken: not all of them are keys\n"
            "warn /v1/user-data: not taken: it is no base64\n")
        self.assertEqual(got["files"], {})

    def test_silence_is_bounded(self):
        got = self.ask({**GOOD, "/v1/token": {"raw": None}})
        self.assertEqual((got["status"], got["said"]),
                         (3, f"absent {ADDRESS}: Connection timed out\n"))
        self.assertLess(got["seconds"], 30)


class Service(machine.BootTest):

    def nic(self, bodies, more=""):
        """QEMU's user network, in which the service's address is one more machine."""
        served = self.path("served.json")
        with open(served, "w", encoding="ascii") as file:
            json.dump({name: body.decode("latin-1") for name, body in bodies.items()}, file)
        return ("user,id=net0,model=virtio-net-pci,net=169.254.0.0/16,host=169.254.0.2,"
                f"dhcpstart=169.254.0.15,dns=169.254.0.3{more},guestfwd=tcp:{ADDRESS}:80-cmd:"
                f"{sys.executable} {os.path.abspath(__file__)} serve {served}")


class Boots(Service):
    """No Docker: main is a shell, so that a boot takes seconds."""

    def test_at_boot(self):
        profile, image = self.path("cloud.yaml"), self.path("cloud")
        with open(profile, "w", encoding="utf-8") as file:
            file.write("include: [base, dhcp, host-shell]\n"
                       "boot: { metadata: linode, network: { \"eth*\": dhcp, \"en*\": dhcp },\n"
                       "  main: { exec: [busybox, sleep, \"100000\"] } }\n")
        machine.build_image(image + ".img", "--set", machine.TTY, profile=profile)
        guest = self.machine(image, memory=500, nic=self.nic(GOOD))
        said = guest.wait_for(r"mkinitrd: metadata: ok (.*) \(\d+ ms\)", 120).group(1)
        self.assertEqual(said, f"hostname=my-linode-1 ssh-keys=2 user-data={len(DATA)}")
        run = guest.shell.run
        self.assertEqual(run("cat /proc/sys/kernel/hostname"), "my-linode-1\n")
        self.assertEqual(run("cat /run/mkinitrd/ssh/authorized_keys"), f"{KEY}\n{OTHER}\n")
        self.assertEqual(run("busybox stat -c '%a %s' /run/mkinitrd/user-data"),
                         f"600 {len(DATA)}\n")
        run("! [ -e /run/executed ]")
        guest.stop()

        # nobody there: the boot goes on all the same
        guest = self.machine(image, name="absent", memory=500)
        guest.wait_for(rf"mkinitrd: metadata: skipped: {ADDRESS}: ", 120)
        guest.wait_for(r"mkinitrd: exec: ", 60)
        self.assertEqual(guest.shell.run("ls /run/mkinitrd/ssh 2>&1", status=None).count("author"),
                         0)


class Linode(Service):

    def ssh(self, port, key, *words):
        done = subprocess.run(
            ["ssh", "-F", "none", "-i", key, "-p", str(port), "-o", "BatchMode=yes", "-o",
             "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=accept-new", "-o",
             f"UserKnownHostsFile={self.path('known_hosts')}", "-o", "ConnectTimeout=20",
             "root@127.0.0.1", *words], capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_D0_24_ssh_with_a_key_of_the_metadata(self):
        keys = {}
        for name in ("ours", "theirs"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(name)],
                           check=True, timeout=60)
            with open(self.path(name + ".pub"), encoding="ascii") as file:
                keys[name] = file.read().strip()
        image = self.path("linode")
        machine.build_image(image + ".img", "--set", machine.TTY, profile="linode")
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        disk = disks.make_raw(self.path("disk.raw"))
        bodies = {**GOOD, "/v1/ssh-keys": json.dumps({"users": {"root": [keys["ours"]]}}).encode()}
        guest = self.machine(image, disks=[disk],
                             nic=self.nic(bodies, f",hostfwd=tcp:127.0.0.1:{port}-:22"))
        guest.wait_for("mkinitrd: metadata: ok hostname=my-linode-1 ssh-keys=1 ", 300)
        guest.wait_for("mkinitrd: containers: ok started=ssh ", machine.READY_SECONDS)
        end = time.monotonic() + 120
        while True:  # the host's key is being made
            said = self.ssh(port, self.path("ours"), "docker ps --format '{{.Names}}'")
            if said[0] == 0 or time.monotonic() > end:
                break
            time.sleep(2)
        self.assertEqual(said[0], 0, said[2])
        self.assertIn("ssh", said[1].split())
        # another key, and no key
        status, _, words = self.ssh(port, self.path("theirs"), "true")
        self.assertEqual(status, 255)
        self.assertIn("Permission denied (publickey).", words)
        self.assertEqual(guest.shell.run("cat /proc/sys/kernel/hostname"), "my-linode-1\n")
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(180), "guest-shutdown")
        self.assert_clean(disk)
        # the host's key is on the disk, for the next boot
        with open(self.path("known_hosts"), encoding="ascii") as file:
            known = file.read().split()[1:3]
        kept = disks.cat(disk, "/mkinitrd/ssh/ssh_host_ed25519_key.pub").split()
        self.assertEqual(kept[:2], known)


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        inside(sys.argv[2])
    elif sys.argv[1:2] == ["serve"]:
        serve_stdio(sys.argv[2])
    else:
        if "Agent" not in sys.argv[1:]:
            machine.needs_tools()
        if "Linode" in sys.argv[1:]:
            vm.require("ssh", "ssh-keygen", "sshd")
        unittest.main(verbosity=2)
