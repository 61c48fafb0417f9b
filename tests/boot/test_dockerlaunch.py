# SPDX-License-Identifier: Apache-2.0
"""dockerlaunch with a real dockerd: in a privileged container of another one, and what --check says
in four places.

Not:   what it does step by step (tests/cli/test_dockerlaunch.py)
Facts: the container's root is this system's own programs, mounted read-only; its /var/lib/docker is
       a volume, since an overlay cannot be the upper file system of another.
"""
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

import dockerd

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
# pylint: disable=wrong-import-position
import places  # noqa: E402

HOST = ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/etc/alternatives")
READY_SECONDS = 60


def root_tar():
    """A root with nothing in it but places for this system's programs, and dockerlaunch."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        def add(name, kind=tarfile.DIRTYPE, body=b"", target=""):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.size, info.linkname = kind, 0o755, len(body), target
            tar.addfile(info, io.BytesIO(body))
        for folder in ("usr", "etc", "opt", "var", *(path.lstrip("/") for path in HOST)):
            add(folder)
        for name in ("bin", "sbin", "lib", "lib64"):
            add(name, tarfile.SYMTYPE, target="usr/" + name)
        with open(places.LAUNCH, "rb") as file:
            add("opt/dockerlaunch", tarfile.REGTYPE, file.read())
    return content.getvalue()


class DockerTest(unittest.TestCase):
    """One engine for all cases; each has containers of its own."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        why = dockerd.lacks()
        if why:
            raise unittest.SkipTest(why)
        cls.folder = tempfile.mkdtemp(prefix="mkinitrd-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.engine = dockerd.Dockerd(os.path.join(cls.folder, "engine"))
        cls.addClassCleanup(cls.engine.end)
        cls.engine.start()
        cls.image = cls.engine.load_tar("place:test", root_tar(), "ENV PATH=/usr/sbin:/usr/bin",
                                        'ENTRYPOINT ["/opt/dockerlaunch"]')

    def container(self, name, *words, options=("--privileged",), start=("run", "-d")):
        """A container of the image, removed with its volumes after the test."""
        binds = [word for path in HOST if os.path.isdir(path)
                 for word in ("-v", f"{path}:{path}:ro")]
        self.addCleanup(self.engine.run, "rm", "-f", "-v", name)
        return self.engine.run(*start, "--name", name, "-v", "/var/lib/docker", *binds, *options,
                               self.image, *words)

    def inside(self, name, *words, data=None):
        """A command in a container, which must succeed."""
        return self.engine.docker("exec", *(("-i",) if data is not None else ()), name, *words,
                                  data=data)

    def wait(self, name):
        """Until the inner engine answers."""
        end = time.monotonic() + READY_SECONDS
        while self.engine.run("exec", name, "docker", "version").returncode:
            state = self.engine.inspect(name)["State"]
            if not state["Running"] or time.monotonic() > end:
                self.fail(f"no inner dockerd: {state}\n{self.logs(name)}")
            time.sleep(0.2)

    def logs(self, name):
        done = self.engine.run("logs", name)
        return (done.stdout + done.stderr).decode("utf-8", "replace")

    def import_busybox(self, name):
        self.inside(name, "docker", "import", "-", "b:1", data=dockerd.busybox_tar())


class Inner(DockerTest):
    def test_DL_1_DL_3_DL_5_DL_16_DL_18_DL_19_privileged(self):
        done = self.container("daemon", "-v", "dockerd", "daemon", "-b", "br-test",
                              "--bip=172.30.0.1/24", "--mtu", "1400", "--host",
                              "unix:///var/run/docker.sock", "-H", "unix:///var/run/second.sock",
                              options=("--privileged", "-e", "DOCKER_HOST="))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.wait("daemon")
        self.assertIn("CONTAINER ID", self.inside("daemon", "docker", "ps"))
        information = self.inside("daemon", "docker", "info", "-f",
                                  "{{.Driver}} {{.CgroupDriver}} {{.CgroupVersion}}")
        self.assertRegex(information, r"\Aoverlay2 cgroupfs [12]\Z")
        # process 1 is dockerd itself
        self.assertEqual(self.inside("daemon", "cat", "/proc/1/comm"), "dockerd")
        self.import_busybox("daemon")
        limit = self.inside(
            "daemon", "docker", "run", "--rm", "-m", "64m", "b:1", "/bin/busybox", "sh", "-c",
            "/bin/busybox cat /sys/fs/cgroup/memory/memory.limit_in_bytes "
            "/sys/fs/cgroup/memory.max 2>/dev/null; true")
        self.assertEqual(limit, str(64 << 20))
        shown = self.inside("daemon", "docker", "run", "--rm", "b:1", "/bin/busybox", "ip", "addr",
                            "show", "eth0")
        self.assertRegex(shown, r"mtu 1400 [\s\S]*inet 172\.30\.0\.\d+/24 ")
        self.assertIn("inet 172.30.0.1/24 ", self.inside("daemon", "ip", "addr", "show", "br-test"))
        self.assertEqual(self.inside("daemon", "cat", "/proc/sys/net/ipv4/ip_forward"), "1")
        for path in ("/run/docker.sock", "/run/second.sock"):
            self.assertEqual(self.inside("daemon", "stat", "-c", "%F %a", path), "socket 660")
        # a build of two lines
        text = "FROM b:1\nRUN [\"/bin/busybox\", \"touch\", \"/made\"]\n"
        self.inside("daemon", "docker", "build", "-q", "-t", "c:1", "-", data=text.encode())
        self.inside("daemon", "docker", "run", "--rm", "c:1", "/bin/busybox", "ls", "/made")

    def test_DL_17_DL_18_DL_21_killed_and_started_again(self):
        """What an unclean stop leaves does not keep the next one from starting."""
        done = self.container("again", "--init", "dockerd", "--data-root=/var/lib/docker")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.wait("again")
        self.import_busybox("again")
        self.assertEqual(self.inside("again", "cat", "/proc/1/comm"), "dockerlaunch")
        self.inside("again", "docker", "run", "-d", "--restart=always", "--name", "kept", "b:1",
                    "/bin/busybox", "sleep", "10000")
        # everything of the container dies at once
        self.engine.docker("kill", "again")
        self.engine.docker("wait", "again")
        # the list of images as a power cut leaves it
        source = [mount["Source"] for mount in self.engine.inspect("again")["Mounts"]
                  if mount["Destination"] == "/var/lib/docker"][0]
        torn = os.path.join(source, "image/overlay2/repositories.json")
        with open(torn, "w", encoding="ascii"):
            pass
        self.engine.docker("start", "again")
        self.wait("again")
        self.assertTrue(os.path.exists(torn + ".set-aside"))
        self.assertIn("dockerlaunch: leftovers: /var/lib/docker/image/overlay2/repositories.json: "
                      "empty, as an unclean stop leaves it; renamed", self.logs("again"))
        # --init: SIGTERM ends dockerd in order, whose status is the container's
        self.engine.docker("stop", "-t", "60", "again")
        self.assertEqual(self.engine.docker("wait", "again"), "0")
        self.assertIn("Daemon shutdown complete", self.logs("again"))

    def test_DL_1_no_overlay(self):
        """Without a volume the data root is an overlay, and dockerd goes on with vfs."""
        binds = [word for path in HOST if os.path.isdir(path)
                 for word in ("-v", f"{path}:{path}:ro")]
        self.addCleanup(self.engine.run, "rm", "-f", "-v", "flat")
        self.engine.docker("run", "-d", "--name", "flat", "--privileged", *binds, self.image,
                           "dockerd")
        self.wait("flat")
        self.assertEqual(self.inside("flat", "docker", "info", "-f", "{{.Driver}}"), "vfs")
        self.assertIn("dockerlaunch: storage: overlay2: overlay is refused on '/var/lib/docker'",
                      self.logs("flat"))
        self.import_busybox("flat")
        self.assertEqual(self.inside("flat", "docker", "run", "--rm", "b:1", "/bin/busybox",
                                     "echo", "here"), "here")


class Check(DockerTest):
    """The same question in four places, held against what was set up there."""

    def found(self, argv):
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              timeout=120)
        try:
            found = json.loads(done.stdout)
        except ValueError:
            self.fail((argv, done.stdout, done.stderr))
        self.assertEqual(done.returncode, 0 if found["ok"] else 3)
        return {(item["step"], item["what"]): (item["state"], item["words"])
                for item in found["items"]}

    def compare(self, found, rows):
        for step, what, state in rows:
            with self.subTest((step, what)):
                self.assertEqual(found[step, what][0], state, found[step, what])

    def test_DL_3_machine(self):
        found = self.found([places.LAUNCH, "--check", "--json"])
        self.compare(found, (("program", "dockerd", "has"), ("mounts", "/", "has"),
                             ("mounts", "/proc", "has"), ("mounts", "/sys", "has"),
                             ("capabilities", "CAP_SYS_ADMIN", "has"),
                             ("files", "/etc/passwd", "has")))
        self.assertNotIn("lacks", {state for state, _ in found.values()})

    def test_DL_3_privileged_container(self):
        done = self.container("privileged", "--check", "--json", start=("run",))
        self.assertEqual(done.returncode, 0, done.stderr)
        found = self.found(["echo", done.stdout.decode()])
        self.compare(found, (("program", "dockerd", "has"), ("mounts", "/proc", "has"),
                             ("mounts", "/dev/mqueue", "has"), ("mounts", "/run", "makes"),
                             ("mounts", "/var/run", "makes"), ("cgroups", "/sys/fs/cgroup", "has"),
                             ("capabilities", "CAP_SYS_ADMIN", "has"),
                             ("files", "/etc/passwd", "makes"), ("files", "/etc/hosts", "has"),
                             ("files", "/etc/resolv.conf", "has"), ("storage", "overlay2", "has"),
                             ("firewall", "iptables", "has"), ("bridge", "docker0", "has")))
        self.assertNotIn("lacks", {state for state, _ in found.values()})
        # nothing of it was made
        self.assertEqual(self.engine.docker("diff", "privileged").count("/etc/passwd"), 0)

    def test_DL_3_unprivileged_container(self):
        done = self.container("ordinary", "--check", "--json", start=("run",), options=())
        self.assertEqual(done.returncode, 3, done.stderr)
        found = {(item["step"], item["what"]): (item["state"], item["words"])
                 for item in json.loads(done.stdout)["items"]}
        self.compare(found, (("capabilities", "CAP_SYS_ADMIN", "lacks"),
                             ("capabilities", "CAP_NET_ADMIN", "lacks"),
                             ("capabilities", "CAP_MKNOD", "has"),
                             ("capabilities", "CAP_SYS_MODULE", "without"),
                             ("mounts", "/proc", "has"), ("mounts", "/run", "lacks"),
                             ("firewall", "iptables", "lacks")))
        self.assertEqual(found["mounts", "/run"][1], "no tmpfs is mounted (needs CAP_SYS_ADMIN: "
                         "start the container with --privileged, or this as root of the machine)")
        self.assertIn("lacks", {found[key][0] for key in found if key[0] == "cgroups"})
        # launched all the same: one line, and the status
        done = self.container("refused", "-q", "dockerd", start=("run",), options=())
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(), r"\Adockerlaunch: capabilities: missing: "
                         r"CAP_SYS_ADMIN \(.*\), CAP_NET_ADMIN \(.*\); start the container with "
                         r"--privileged, or this as root of the machine\n\Z")

    def test_DL_3_chroot(self):
        place = places.Place(self.folder)
        done = place.run("--check", "--json", "dockerd", "--bridge=br-x", "--bip=172.30.0.1/24")
        self.assertEqual((done.stderr, done.status), ("", 0))
        found = self.found(["echo", done.stdout])
        self.compare(found, (("program", "dockerd", "has"), ("mounts", "/", "makes"),
                             ("mounts", "/dev", "makes"), ("mounts", "/proc", "makes"),
                             ("mounts", "/sys", "makes"), ("mounts", "/run", "makes"),
                             ("cgroups", "/sys/fs/cgroup", "makes"),
                             ("files", "/etc/passwd", "makes"), ("files", "/lib", "has"),
                             ("forwarding", "ip_forward", "makes"), ("bridge", "br-x", "makes")))
        self.assertFalse(os.path.exists(place / "proc"))


class Engine(unittest.TestCase):
    """What the tests start leaves nothing on the machine."""

    def state(self):
        def said(*argv):
            return subprocess.run(argv, capture_output=True, check=False, text=True,
                                  timeout=30).stdout
        with open("/proc/self/mounts", encoding="utf-8") as file:
            mounts = sorted(file)
        cgroups = sorted(name for mount in dockerd.cgroup_mounts() for name in os.listdir(mount)
                         if name.startswith(f"mkinitrd-test-{os.getpid()}-nothing"))
        rules = [line for line in said("iptables-save").splitlines() if line[:1] != "#"
                 and line[:1] != ":"]
        return said("ip", "-o", "link").count("docker"), rules, mounts, cgroups

    def test_DL_1_nothing_is_left(self):
        if dockerd.lacks():
            self.skipTest(dockerd.lacks())
        before = self.state()
        folder = tempfile.mkdtemp(prefix="mkinitrd-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        with dockerd.Dockerd(os.path.join(folder, "nothing")) as engine:
            engine.busybox()
            engine.docker("run", "-d", "--stop-signal", "KILL", dockerd.BUSYBOX, "sleep", "1000")
            self.assertNotEqual(self.state()[3], [])
            main = engine.main_pid()
        self.assertEqual(self.state(), before)
        self.assertFalse(os.path.exists(f"/proc/{main}"))


class Library(DockerTest):
    def test_DL_3_a_program_of_its_own_launches_dockerd(self):
        """Linked by pkg-config against what was installed; nothing but the header's calls."""
        stage = os.path.join(self.folder, "stage")
        subprocess.run(["cmake", "--install", places.cli.BUILD], check=True, capture_output=True,
                       timeout=300, env=dict(os.environ, DESTDIR=stage))
        source = os.path.join(self.folder, "main.c")
        with open(source, "w", encoding="ascii") as file:
            file.write("#include <dockerlaunch.h>\n"
                       "/* names that a library must not take */\n"
                       "int log_line(void);\nint log_line(void) { return 7; }\n"
                       "int main(int argc, char **argv)\n"
                       "{ return argc > 1 ? dockerlaunch(argv[1], argv + 2) : log_line(); }\n")
        folders = [os.path.dirname(os.path.join(path, name))
                   for path, _, names in os.walk(stage) for name in names
                   if name == "dockerlaunch.pc"]
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "--static", "dockerlaunch"], check=True,
            capture_output=True, timeout=30,
            env=dict(os.environ, PKG_CONFIG_PATH=folders[0],
                     PKG_CONFIG_SYSROOT_DIR=stage)).stdout.decode().split()
        program = os.path.join(self.folder, "launcher")
        subprocess.run(["cc", "-Wall", "-Werror", "-o", program, source, *flags], check=True,
                       timeout=120)
        self.assertEqual(subprocess.run([program], check=False, timeout=30).returncode, 7)
        self.container("linked", "dockerd", options=(
            "--privileged", "-v", f"{program}:/opt/launcher:ro", "--entrypoint", "/opt/launcher"))
        self.wait("linked")
        self.assertIn("CONTAINER ID", self.inside("linked", "docker", "ps"))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
