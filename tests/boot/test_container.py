# SPDX-License-Identifier: Apache-2.0
"""Our init as process 1 of a container of systemd-nspawn, on this machine: what it leaves out, what
it tells its manager, how it ends; and trees that run without any init.

usage: test_container.py

Not:   machinectl, units and the journal, which need a systemd beside them (test_machines.py)
Facts: https://systemd.io/CONTAINER_INTERFACE; systemd-nspawn(1): --keep-unit makes it end with 133
       when the container asks for a restart, and nothing is registered with --register=no;
       --notify-ready hands READY=1 of process 1 on
"""
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

import machine
import trees
import vm

PROFILE = """\
include: [base, host-shell]
boot:
  mode: exec
  shell: { ttys: [] }
  disk: { find: LABEL=DOCKER, at: /var/lib/docker, absent: tmpfs, wait: 1s }
  main: { exec: [busybox, sh, /main.sh] }
files:
  /main.sh:
    content: |
      trap 'echo main was told; exit 0' TERM
      busybox mkfifo /run/say
      echo main is here
      while true; do while read -r line; do eval "$line"; done </run/say; done
"""
LEFT_OUT = ("modules", "root", "clock", "disk", "swap")
# what the kernel of this machine is told by an init of a machine
KERNEL = ("/proc/sys/kernel/cad_pid", "/proc/sys/kernel/poweroff_cmd",
          "/proc/sys/kernel/printk_devkmsg", "/proc/sys/kernel/modprobe",
          "/proc/sys/kernel/hostname")
REAL_TIME = 34  # SIGRTMIN of glibc
SECONDS = 60


def nspawn(tree, *options, command=()):
    return ["systemd-nspawn", "--register=no", "--keep-unit", "-D", tree, *options,
            *command]


class Container:
    """A tree that is booted; what its console says."""

    def __init__(self, tree, *options, parameters=(), directory="/tmp"):
        path = os.path.join(directory, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.path = path
        self.socket.bind(path)
        self.told, self.changed = [], threading.Condition()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        self.text = ""
        self.process = subprocess.Popen(
            nspawn(tree, "--boot", "--notify-ready=yes", *options, command=parameters),
            env=dict(os.environ, NOTIFY_SOCKET=path), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def wait_for(self, pattern, seconds=SECONDS):
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text, re.M)
            if found:
                return found
            left = end - time.monotonic()
            ready = left > 0 and select.select([self.process.stdout], [], [], left)[0]
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not data:
                raise AssertionError(f"no /{pattern}/ in:\n{self.text}")
            self.text += data.decode("utf-8", "replace").replace("\r", "")

    def _listen(self):
        # always: few messages fit into the socket, and systemd-nspawn waits for a place
        while True:
            lines = self.socket.recv(4096).decode().split("\n")
            with self.changed:
                self.told += lines
                self.changed.notify_all()
            if "OVER" in lines:
                return

    def wait_told(self, pattern, seconds=SECONDS):
        """A line that the manager of the manager is told."""
        with self.changed:
            def find():
                return re.search(pattern, "\n".join(self.told), re.M)
            if not self.changed.wait_for(find, seconds):
                raise AssertionError(f"no /{pattern}/ in {self.told}\n{self.text}")
            return find()

    def leader(self):
        """Process 1 of the container, as this machine numbers it."""
        return int(self.wait_told(r"^X_NSPAWN_LEADER_PID=(\d+)$").group(1))

    def wait_end(self, seconds=SECONDS):
        """The status of systemd-nspawn."""
        try:
            rest, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running:\n{self.text}") from None
        self.text += rest.decode("utf-8", "replace").replace("\r", "")
        return self.process.returncode

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        if self.listener.is_alive():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
                last.sendto(b"OVER", self.path)
            self.listener.join()
            self.socket.close()


class Trees(machine.BootTest):
    """A tree of a profile, made once; each test has a copy."""

    @classmethod
    def setUpClass(cls):
        cls.folder = os.path.join(machine.BUILD, "boot-container")
        shutil.rmtree(cls.folder, ignore_errors=True)
        os.makedirs(cls.folder)
        trees.write(cls.folder, "tree.yaml", PROFILE)
        machine.build_image(os.path.join(cls.folder, "tree.img"), "-c", "zstd:1",
                            profile=os.path.join(cls.folder, "tree.yaml"))
        subprocess.run([machine.MKINITRD, "-q", "extract", os.path.join(cls.folder, "tree.img"),
                        "-C", os.path.join(cls.folder, "tree")], check=True, timeout=120)
        os.makedirs(os.path.join(cls.folder, "tree/usr/sbin"), exist_ok=True)
        os.symlink("/init", os.path.join(cls.folder, "tree/usr/sbin/init"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def tree(self, name="tree"):
        shutil.copytree(os.path.join(self.folder, "tree"), self.path(name), symlinks=True)
        return self.path(name)

    def boot(self, tree, *options, parameters=()):
        container = Container(tree, *options, parameters=parameters, directory=self.directory)
        self.addCleanup(container.stop)
        return container


class Init(Trees):

    def test_WD_6_what_is_left_out(self):
        kernel = [path for path in KERNEL if os.path.exists(path)]
        before = [self.read(path) for path in kernel]
        tree = self.tree()
        # what the manager mounts, seen without our init
        mounts = subprocess.run(
            nspawn(tree, "--quiet", command=["/usr/bin/busybox", "cut", "-d", " ", "-f", "4-6",
                                             "/proc/self/mountinfo"]),
            capture_output=True, text=True, check=True, timeout=SECONDS).stdout.split("\n")
        container = self.boot(tree, parameters=["rd.debug", "mkinitrd.mode=exec"])
        container.wait_for("^busybox: main is here$")
        self.assertRegex(container.text, r"mkinitrd: mounts: ok container=systemd-nspawn "
                         r"machine-id=new \(\d+ ms\)")
        for step in LEFT_OUT:
            self.assertIn(f"mkinitrd: {step}: skipped: in a container\n", container.text)
        self.assertIn("mkinitrd: mode: supervise, not exec", container.text)
        self.assertRegex(container.text, r"mkinitrd: exec: \S*/busybox")
        self.assertNotIn("failed", container.text)
        self.say(container, "busybox cut -d ' ' -f 4-6 /proc/self/mountinfo; echo END")
        container.wait_for("^busybox: END$")
        inside = re.findall(r"^busybox: (/.*)$", container.text, re.M)
        # those with a name made up at each start aside
        self.assertEqual([line for line in mounts
                          if line and "//deleted" not in line and line not in inside], [])
        self.say(container, "/usr/sbin/boot-times; busybox tr '\\0' ' ' </proc/1/cmdline; "
                 "busybox hostname; echo OVER")
        container.wait_for("^busybox: OVER$")
        self.assertRegex(container.text,
                         r"busybox: Startup finished in 0ms \(kernel\) \+ \d+ms \(init\)")
        self.assertRegex(container.text, r"busybox: +\d+ms plan\n")
        # its manager's name for it, and nothing of this machine is changed
        self.assertIn("busybox: /sbin/init rd.debug mkinitrd.mode=exec tree\n", container.text)
        self.assertEqual([self.read(path) for path in kernel], before)

    @staticmethod
    def read(path):
        with open(path, encoding="ascii") as file:
            return file.read()

    def say(self, container, command):
        with open(f"/proc/{container.leader()}/root/run/say", "w", encoding="ascii") as file:
            file.write(command + "\n")

    def test_WD_8_signals_and_exit_status(self):
        tree = self.tree()
        rows = (
            (REAL_TIME + 3, "halt: asked by SIGRTMIN+3", 0),
            (REAL_TIME + 4, "poweroff: asked by SIGRTMIN+4", 0),
            (REAL_TIME + 5, "reboot: asked by SIGRTMIN+5", 133),
            (signal.SIGTERM, "poweroff: asked by SIGTERM", 0),
            (signal.SIGINT, "reboot: asked by ctrl-alt-del", 133),
            (REAL_TIME + 15, "reboot: asked by SIGRTMIN+15, at once", 133),
        )
        for number, words, status in rows:
            with self.subTest(signal=number):
                container = self.boot(tree)
                leader = container.leader()
                container.wait_for("^busybox: main is here$")
                os.kill(leader, number)
                self.assertEqual(container.wait_end(), status, container.text)
                self.assertIn(f"mkinitrd: {words}\n", container.text)
                action = words.split(":", maxsplit=1)[0]
                self.assertIn(f"mkinitrd: power: {action} now\n", container.text)
                self.assertNotIn("unmounted", container.text)
                if "at once" not in words:
                    self.assertIn("busybox: main was told\n", container.text)
                container.stop()

    def test_WD_8_without_the_right_to_reboot(self):
        tree = self.tree()
        for command, words in (("poweroff", "exited successfully"),
                               ("reboot", "failed with error code 133")):
            container = self.boot(tree, "--drop-capability=CAP_SYS_BOOT")
            container.wait_for("^busybox: main is here$")
            self.say(container, f"/usr/sbin/{command}")
            self.assertEqual(container.wait_end(), int(command == "reboot"), container.text)
            self.assertIn(f"Container tree {words}.", container.text)
            container.stop()

    def test_WD_8_ready_when_main_runs(self):
        tree = self.tree()
        container = self.boot(tree)
        container.wait_told("^STATUS=Container running: clock: in a container$")
        container.wait_told("^STATUS=Container running: main is ready$")
        container.wait_told("^READY=1$")
        # not before
        first = [line for line in container.told if line == "READY=1" or "main is ready" in line]
        self.assertIn("main is ready", " ".join(first[:2]))
        container.wait_for("^busybox: main is here$")
        # systemd-nspawn asks with its own signal when it is told to end
        container.process.terminate()
        self.assertEqual(container.wait_end(), 0, container.text)
        self.assertIn("mkinitrd: halt: asked by SIGRTMIN+3\n", container.text)

    def test_WD_6_a_container_that_fails(self):
        tree = self.tree()
        container = self.boot(tree, parameters=["mkinitrd.exec=/not/there"])
        self.assertEqual(container.wait_end(), 1)
        container.stop()
        self.assertRegex(container.text, r"mkinitrd: exec: failed: main program '/not/there' "
                         r"cannot be started: No such file or directory\n"
                         r"mkinitrd: the container ends: step 'exec' failed\n")
        # the machine's own command line is not for it, its arguments are, quotes and all
        container = self.boot(tree, parameters=["mkinitrd.exec=busybox echo \"a b\"", "rd.break"])
        container.wait_for("^busybox: a b$")
        self.assertIn("rd.break: a container has no rescue shell", container.text)
        container.stop()

    def test_WD_7_copies_have_ids_of_their_own(self):
        ids = set()
        for name in ("one", "two"):
            tree = self.tree(name)
            self.assertEqual(self.read(os.path.join(tree, "etc/machine-id")), "")
            container = self.boot(tree)
            container.wait_for("^busybox: main is here$")
            container.stop()
            text = self.read(os.path.join(tree, "etc/machine-id"))
            self.assertRegex(text, r"\A[0-9a-f]{32}\n\Z")
            ids.add(text)
        self.assertEqual(len(ids), 2)
        with open(os.path.join(tree, "etc/os-release"), encoding="ascii") as file:
            self.assertIn("ID=mkinitrd\n", file.read())


class Commands(Trees):
    """Without an init: one command, a shell on a terminal."""

    def run_in(self, *options, command, status=0, wrap=()):
        done = subprocess.run([*wrap, *nspawn(self.copy, "--quiet", *options,
                                                command=command)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=SECONDS, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout.replace("\r", "")

    def setUp(self):
        super().setUp()
        self.copy = self.tree()

    def test_WD_5_echo_and_exit_status(self):
        self.assertEqual(self.run_in(command=["/bin/busybox", "echo", "words"]), "words\n")
        self.run_in(command=["/bin/busybox", "sh", "-c", "exit 42"], status=42)
        self.run_in(command=["/bin/nothing"], status=1)

    def test_WD_5_shell_on_a_terminal(self):
        command = " ".join(nspawn(self.copy, "--machine=its-name", command=["/bin/busybox", "sh"]))
        main, other = os.openpty()
        shell = subprocess.Popen(command.split(), stdin=other, stdout=other, stderr=other,
                                 start_new_session=True)
        os.close(other)
        self.addCleanup(os.close, main)
        os.write(main, b"busybox tty; busybox hostname; busybox ls -d /proc/[0-9]*; "
                       b"echo OV'ER'; exit 3\n")
        said = b""
        while b"OVER" not in said and select.select([main], [], [], SECONDS)[0]:
            said += os.read(main, 4096)
        self.assertEqual(shell.wait(SECONDS), 3)
        text = said.decode().replace("\r", "")
        self.assertRegex(text, r"(?m)^/dev/(pts/\d+|console)$")
        self.assertRegex(text, r"(?m)^its-name$")
        # itself and what it started, and no process of this machine
        self.assertLess(len(re.findall(r"/proc/\d+", text)), 6)

    def test_WD_18_changes_are_rolled_back(self):
        # what systemd-nspawn makes in any tree
        self.run_in(command=["/bin/busybox", "true"])
        before = self.digest()
        remove = ["/bin/busybox", "sh", "-c", "busybox rm /etc/passwd && busybox touch /new && "
                                              "! busybox ls /etc/passwd"]
        self.run_in("--ephemeral", command=remove)
        self.assertEqual(self.digest(), before)
        self.run_in("--volatile=overlay", command=remove)
        self.assertEqual(self.digest(), before)
        self.run_in("--read-only", command=["/bin/busybox", "touch", "/new"], status=1)
        self.assertEqual(self.digest(), before)

    def digest(self):
        """The tree as a tar."""
        return subprocess.run(
            f"tar -C {self.copy} --sort=name --numeric-owner -cf - . | sha256sum", shell=True,
            check=True, capture_output=True, timeout=SECONDS).stdout

    def test_WD_17_namespaces_one_by_one(self):
        kinds = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
        outside = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in kinds}
        own = {"cgroup", "ipc", "mnt", "pid", "uts"}
        rows = (
            ([], own),
            (["--private-network"], own | {"net"}),
            (["--private-users=pick"], own | {"user"}),
            (["--private-users=pick", "--private-network"], own | {"user", "net"}),
        )
        for options, different in rows:
            with self.subTest(options=options):
                said = self.run_in(*options, command=[
                    "/bin/busybox", "sh", "-c",
                    "for k in " + " ".join(kinds) + "; do busybox readlink /proc/self/ns/$k; done"])
                inside = dict(zip(kinds, said.split()))
                self.assertEqual({kind for kind in kinds if inside[kind] != outside[kind]},
                                 different)


if __name__ == "__main__":
    vm.require("systemd-nspawn")
    if os.geteuid() != 0:
        print("skipped: containers need root here")
        sys.exit(77)
    unittest.main(verbosity=2)
