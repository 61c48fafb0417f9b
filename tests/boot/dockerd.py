# SPDX-License-Identifier: Apache-2.0
"""A real dockerd for tests, which leaves nothing behind on the machine that it runs on.

In:    a scratch folder, in which its data, socket and log lie; root
Out:   an engine with namespaces of its own for network, mounts, processes and IPC; docker() calls
Not:   the engine under test: that runs in a container of this one
Facts: its bridge, its firewall rules and its mounts end with the namespaces, and every process of
       it with its process 1, which dockerd is (pid_namespaces(7)). Cgroups have no such owner: all
       its containers are below one parent of a name of its own, removed at the end. cgroup v1 has
       this parent once in each hierarchy, cgroup v2 once. --iptables stays on: the rules are
       those of the new network namespace. runc refuses a capability that it does not hold itself,
       and --privileged names all that the kernel knows: on a machine that itself lacks some, a
       runtime stands before runc that leaves those out (capabilities(7): the bounding set).
"""
import glob
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import time

TOOLS = ("dockerd", "docker", "containerd", "runc", "unshare", "ip", "busybox")
BUSYBOX = "busybox:test"
START_SECONDS, END_SECONDS, CALL_SECONDS = 60, 60, 300

# /run is empty: the sockets of shims and the lock of iptables are not those of the host
INSIDE = """\
mount -t tmpfs -o mode=0755 tmpfs /run && ip link set lo up && echo 1 >/proc/sys/net/ipv4/ip_forward
exec "$@"
"""


def lacks():
    """Why no engine can run here, or an empty string."""
    if os.geteuid() != 0:
        return "not root"
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=search_path())]
    return "no " + ", ".join(missing) if missing else ""


def search_path():
    return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def cgroup_mounts():
    """Where the hierarchies are mounted, of either version."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        rows = [line.split() for line in file]
    return [row[1] for row in rows if row[2] in ("cgroup", "cgroup2")]


def busybox_tar():
    """A root of one static program."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        def add(name, kind=tarfile.REGTYPE, body=b"", target=""):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.size, info.linkname = kind, 0o755, len(body), target
            tar.addfile(info, io.BytesIO(body))
        for folder in ("bin", "tmp", "proc", "sys", "dev"):
            add(folder, tarfile.DIRTYPE)
        with open(shutil.which("busybox"), "rb") as file:
            add("bin/busybox", body=file.read())
        applets = subprocess.run(["busybox", "--list"], check=True, capture_output=True,
                                 timeout=10).stdout.decode().split()
        for applet in applets:
            if applet != "busybox":
                add("bin/" + applet, tarfile.SYMTYPE, target="busybox")
    return content.getvalue()


class Dockerd:
    """An engine from start() to end(); also a context manager."""

    def __init__(self, folder, *arguments, storage_driver="overlay2", program="dockerd"):
        self.folder = os.path.abspath(folder)
        self.program = program
        self.arguments = ["--storage-driver", storage_driver, *arguments]
        self.cgroup = f"mkinitrd-test-{os.getpid()}-{os.path.basename(self.folder)}"
        self.log_path = self.path("dockerd.log")
        self.process = None
        self.host = "unix://" + self.path("docker.sock")

    def path(self, name):
        return os.path.join(self.folder, name)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.end()

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        with open(self.path("daemon.json"), "w", encoding="ascii") as file:
            json.dump(self.settings(), file)
        argv = ["unshare", "--net", "--mount", "--pid", "--ipc", "--fork", "--mount-proc",
                "--kill-child", "--propagation", "private", "sh", "-ec", INSIDE, "inside",
                self.program, "--config-file", self.path("daemon.json"),
                "--data-root", self.path("data"), "--exec-root", self.path("exec"),
                "--pidfile", self.path("docker.pid"), "--host", self.host,
                "--cgroup-parent", "/" + self.cgroup, *self.arguments]
        environment = dict(os.environ, PATH=search_path())
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment)
        try:
            self.wait_until_ready()
        except BaseException:
            self.end()
            raise
        return self

    @staticmethod
    def settings():
        """What no option says as well: the runtime, where the machine lacks a capability."""
        with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
            all_bits = (2 << int(file.read())) - 1
        with open("/proc/self/status", encoding="ascii") as file:
            if int(file.read().split("CapBnd:")[1].split()[0], 16) == all_bits:
                return {}
        narrow = os.path.join(os.path.dirname(os.path.abspath(__file__)), "narrow-runc")
        return {"runtimes": {"narrow": {"path": narrow}}, "default-runtime": "narrow"}

    def wait_until_ready(self):
        """`docker version` succeeds when the engine answers."""
        end = time.monotonic() + START_SECONDS
        ended = os.pidfd_open(self.process.pid)
        try:
            while subprocess.run(self.argv("version"), capture_output=True, timeout=30,
                                 check=False).returncode:
                # wakes early when the engine ends
                if select.select([ended], [], [], 0.2)[0] or time.monotonic() > end:
                    raise RuntimeError("dockerd does not answer:\n" + self.log_end())
        finally:
            os.close(ended)

    def log_end(self, lines=20):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])

    def argv(self, *arguments):
        return ["docker", "--host", self.host, *arguments]

    def run(self, *arguments, data=None, timeout=CALL_SECONDS):
        """docker ARGUMENTS: the finished process, whatever its status, with bytes."""
        return subprocess.run(self.argv(*arguments), input=data, timeout=timeout, check=False,
                              stdin=None if data is not None else subprocess.DEVNULL,
                              capture_output=True, env=dict(os.environ, DOCKER_CONFIG=self.folder))

    def docker(self, *arguments, data=None, timeout=CALL_SECONDS):
        """docker ARGUMENTS, which must succeed: what it printed, without the last newline."""
        done = self.run(*arguments, data=data, timeout=timeout)
        if done.returncode:
            raise RuntimeError(f"docker {' '.join(arguments)}: status {done.returncode}\n" +
                               done.stderr.decode("utf-8", "replace") + self.log_end())
        return done.stdout.decode("utf-8", "replace").rstrip("\n")

    def inspect(self, name, kind="container"):
        return json.loads(self.docker("inspect", "--type", kind, name))[0]

    def load_tar(self, name, tar, *changes):
        """An image of one layer from a root's tar; @changes as `docker import` has them."""
        words = [word for change in changes for word in ("--change", change)]
        self.docker("import", *words, "-", name, data=tar)
        return name

    def busybox(self):
        """An image that needs no registry."""
        return self.load_tar(BUSYBOX, busybox_tar(), "ENV PATH=/bin")

    def main_pid(self):
        """dockerd's own, as the host sees it: the one child of unshare."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as file:
            words = file.read().split()
        return int(words[0]) if words else None

    def end(self):
        """In order when it can, and whatever remains with the process namespace."""
        if self.process is None:
            return
        if self.process.poll() is None:
            pid = self.main_pid()
            if pid:
                os.kill(pid, signal.SIGTERM)
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()  # --kill-child takes all of the namespace along
                self.process.wait(END_SECONDS)
        self.process = None
        self.remove_cgroups()

    def remove_cgroups(self):
        """Empty now: from the leaves up."""
        for mount in cgroup_mounts():
            for top in glob.glob(os.path.join(glob.escape(mount), self.cgroup)):
                for folder, _, _ in os.walk(top, topdown=False):
                    os.rmdir(folder)


def main():
    """By hand: an engine in the folder named, and a shell that reaches it."""
    with Dockerd(sys.argv[1]) as engine:
        engine.busybox()
        subprocess.run(sys.argv[2:] or [os.environ.get("SHELL", "/bin/sh")], check=False,
                       env=dict(os.environ, DOCKER_HOST=engine.host))


if __name__ == "__main__":
    main()
