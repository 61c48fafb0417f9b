# SPDX-License-Identifier: Apache-2.0
"""dockerlaunch in bare places: what the program after it gets, what it makes and leaves alone.

Not:   a real dockerd (tests/boot/test_dockerlaunch.py)
"""
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import unittest

import cli
import places

PRIVILEGED = "start the container with --privileged, or this as root of the machine"
# as proc(5) has them, in the order of /proc/self/mounts, without what the test itself binds
GOLDEN = """\
devtmpfs /dev rw,nosuid
proc /proc rw,nosuid,nodev,noexec
sysfs /sys rw,nosuid,nodev,noexec
tmpfs /run rw,nosuid,nodev
devpts /dev/pts rw,nosuid,noexec gid=5 mode=620 ptmxmode=666
tmpfs /dev/shm rw,nosuid,nodev
mqueue /dev/mqueue rw,nosuid,nodev,noexec
"""


def mounts(text):
    """Type, place and the options that we set, of /proc/self/mounts."""
    lines = []
    for line in text.splitlines():
        words = line.split()
        if len(words) != 6 or words[1] in ("/", *places.FOLDERS) or "cgroup" in words[1]:
            continue
        options = words[3].split(",")
        flags = [name for name in ("rw", "nosuid", "nodev", "noexec") if name in options]
        data = [name for name in options if re.match(r"(gid|mode|ptmxmode)=", name)]
        lines.append(" ".join([words[2], words[1], ",".join(flags)] +
                              (data if words[2] == "devpts" else [])) + "\n")
    return "".join(lines)


def launched(*arguments):
    """dockerlaunch with a program that shows what it has got."""
    return ("/opt/show", *arguments)


class Usage(unittest.TestCase):
    def check(self, arguments, status, stdout, stderr):
        done = subprocess.run([places.LAUNCH, *arguments], capture_output=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=30)
        done = cli.Result(done)
        self.assertEqual((done.status, done.stdout, done.stderr), (status, stdout, stderr))

    def test_DL_3_usage(self):
        hint = "dockerlaunch: 'dockerlaunch --help' shows how it is used\n"
        for arguments, line in (
                ([], "usage: dockerlaunch [OPTIONS] DOCKERD [ARGS...]\n"),
                (["-v"], "usage: dockerlaunch [OPTIONS] DOCKERD [ARGS...]\n"),
                (["--"], "usage: dockerlaunch [OPTIONS] DOCKERD [ARGS...]\n"),
                (["--bogus", "dockerd"], "dockerlaunch: '--bogus' is no option of this program\n"),
                (["-x", "dockerd"], "dockerlaunch: '-x' is no option of this program\n"),
                (["--log"], "dockerlaunch: '--log' needs a value\n"),
                (["--init=yes", "dockerd"], "dockerlaunch: '--init=yes' takes no value\n"),
                (["--nofile=many", "dockerd"], "dockerlaunch: 'many' is no number of files\n"),
                (["-e", "=x", "dockerd"], "dockerlaunch: '=x' is no NAME=VALUE\n"),
                (["--json", "dockerd"], "dockerlaunch: '--json' goes with --check\n")):
            with self.subTest(arguments):
                self.check(arguments, 2, "", line + hint)

    def test_DL_3_help_and_version(self):
        done = subprocess.run([places.LAUNCH, "--help"], capture_output=True, check=True,
                              timeout=30)
        self.assertIn(b"usage: dockerlaunch [OPTIONS] DOCKERD [ARGS...]\n", done.stdout)
        done = subprocess.run([places.LAUNCH, "-V"], capture_output=True, check=True, timeout=30)
        self.assertRegex(done.stdout.decode(), r"\Adockerlaunch [0-9.]+\n\Z")


class Words(places.PlaceTest):
    """What the program gets, row by row."""

    def test_DL_3_argv_environment_and_folder(self):
        words, done = self.shown("-q", "-e", "EXTRA=a b", *launched("--one", "two words", "", "-H"
                                                                   "tcp://127.0.0.1:1"))
        self.assertEqual(words, ["--one", "two words", "", "-Htcp://127.0.0.1:1"])
        self.assertIn("EXTRA=a b\ncwd=/\n", done.stdout)
        self.assertEqual(done.stderr, "")

    def test_DL_15_argv_and_PATH(self):
        rows = (
            # dockerd has no subcommand; docker had one
            (("/opt/show", "daemon"), []),
            (("/opt/show", "daemon", "-D"), ["-D"]),
            (("/opt/show", "-D", "daemon"), ["-D", "daemon"]),
            (("/opt/docker", "daemon", "-D"), ["daemon", "-D"]),
        )
        for arguments, words in rows:
            with self.subTest(arguments):
                place = self.new_place()
                os.symlink("show", place / "opt/docker")
                self.assertEqual(self.shown("-q", *arguments)[0], words)
        _, done = self.shown("-q", "show", enter="exec env PATH=/nowhere:/opt:/usr/bin "
                             '/usr/sbin/chroot . /dockerlaunch "$@"')
        self.assertIn("PATH=/nowhere:/opt:/usr/bin\n", done.stdout)
        _, done = self.shown("-q", "/opt/show", enter="exec env -u PATH /usr/sbin/chroot . "
                             '/dockerlaunch "$@"')
        self.assertIn("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
                      done.stdout)

    def test_DL_15_another_name(self):
        self.place.file("/opt/names", "#!/bin/busybox sh\nbusybox cat /proc/$$/cmdline\n", 0o755)
        os.symlink("/usr/bin/sleep", self.place / "opt/other")
        done = self.place.run("-q", "--argv0", "the engine", "/usr/bin/sh", "-c",
                              "tr '\\0' '|' </proc/$$/cmdline")
        self.assertTrue(done.stdout.startswith("the engine|-c|"), done.stdout)

    def test_DL_15_dist_is_taken_when_the_program_is_missing(self):
        os.rename(self.place / "opt/show", self.place / "opt/show.dist")
        words, _ = self.shown("-q", *launched("--x"))
        self.assertEqual(words, ["--x"])
        self.assertEqual(os.readlink(self.place / "opt/show"), "show.dist")
        # the other one wins when it is there
        self.place.file("/opt/show.dist", "#!/bin/sh\necho wrong\n", 0o755)
        os.unlink(self.place / "opt/show")
        self.place.file("/opt/show", places.SHOW, 0o755)
        self.assertEqual(self.shown("-q", *launched("--y"))[0], ["--y"])

    def test_DL_16_spellings(self):
        up = ("-b", "br-test")
        rows = (
            (("-b", "br-test", "--bip", "172.30.0.1/24"), ["-b", "br-test"], "172.30.0.1/24", 1500),
            (("--bridge=br-test", "--bip=172.30.0.1/24", "--mtu=1400"),
             ["--bridge=br-test", "--mtu=1400"], "172.30.0.1/24", 1400),
            (("--bridge", "br-test", "--bip", "172.30.0.5/16", "--mtu", "1400", "-D"),
             ["--bridge", "br-test", "--mtu", "1400", "-D"], "172.30.0.5/16", 1400),
            (("-bbr-test", "--bip=172.30.0.1/24"), ["-bbr-test"], "172.30.0.1/24", 1500),
            (("-Db=br-test", "--bip=172.30.0.1/24"), ["-Db=br-test"], "172.30.0.1/24", 1500),
            (("-Db", "br-test", "--bip=172.30.0.1/24"), ["-Db", "br-test"], "172.30.0.1/24", 1500),
            # the address of --bip, whatever the range of containers is
            ((*up, "--bip=172.30.0.1/16", "--fixed-cidr=172.30.1.0/24"),
             [*up, "--fixed-cidr=172.30.1.0/24"], "172.30.0.1/16", 1500),
            # a range alone: its first host
            ((*up, "--fixed-cidr", "172.30.1.0/24"), [*up, "--fixed-cidr", "172.30.1.0/24"],
             "172.30.1.1/24", 1500),
            # IPv6 leaves the bridge's address alone
            ((*up, "--bip=172.30.0.1/24", "--ipv6", "--fixed-cidr-v6", "fd00:1::/64"),
             [*up, "--ipv6", "--fixed-cidr-v6", "fd00:1::/64"], "172.30.0.1/24", 1500),
            ((*up, "--ipv6", "--fixed-cidr-v6=fd00:1::/64"),
             [*up, "--ipv6", "--fixed-cidr-v6=fd00:1::/64"], None, None),
            # an option's value is none, whatever it looks like
            ((*up, "--label", "--bip=172.30.0.1/24"), [*up, "--label", "--bip=172.30.0.1/24"],
             None, None),
            ((*up, "--", "--bip=172.30.0.1/24"), [*up, "--", "--bip=172.30.0.1/24"], None, None),
            (("--bip", "172.30.0.1/24"), ["--bip", "172.30.0.1/24"], None, None),
            # none makes nothing
            (("-b", "none", "--bip", "172.30.0.1/24"), ["-b", "none"], None, None),
        )
        for arguments, words, address, mtu in rows:
            with self.subTest(arguments):
                self.new_place().file("/opt/show", places.SHOW + "ip -o addr show\n"
                                      "ip -o link show\n", 0o755)
                got, done = self.shown("-q", *launched(*arguments))
                self.assertEqual(got, words)
                if address:
                    self.assertIn(f" inet {address} ", done.stdout)
                    self.assertRegex(done.stdout, fr"br-test: <\S*\bUP\b\S*> mtu {mtu} ")
                else:
                    self.assertNotIn("br-test:", done.stdout)

    def test_DL_16_a_bridge_that_is_there_stays(self):
        words, _ = self.shown("-q", *launched("-b", "br-test", "--bip=172.30.0.1/24"),
                              before="ip link add br-test type bridge forward_delay 300")
        self.assertEqual(words, ["-b", "br-test"])
        self.fails("dockerlaunch: bridge: br-test: cannot be a bridge with the address "
                   "172.30.0.1/24: no bridges in this kernel, or another interface has this name",
                   *launched("-b", "br-test", "--bip=172.30.0.1/24"),
                   before="ip link add br-test type veth")

    def test_DL_16_bad_values(self):
        long_name = "br-0123456789abc"
        wrong = "which is no IPv4 address with a prefix, as 172.30.0.1/24"
        mtu = "is no number from 68 to 65535, which an interface's must be"
        rows = (
            (("-b", long_name), f"the bridge's name '{long_name}' has 16 bytes; the kernel takes "
             "15 at most"),
            (("-b", "br/0"), "the bridge's name 'br/0' has a '/', which names of interfaces cannot "
             "have"),
            (("--mtu=67",), f"the MTU '67' {mtu}"),
            (("--mtu", "65536"), f"the MTU '65536' {mtu}"),
            (("--mtu=many",), f"the MTU 'many' {mtu}"),
            (("--mtu", "--debug"), "dockerd's option '--mtu' has the value '--debug', which looks "
             "like an option; give it a value"),
            (("-b", "--bip=172.30.0.1/24"), "dockerd's option '-b' has the value "
             "'--bip=172.30.0.1/24', which looks like an option; give it a value"),
            (("--bip",), "dockerd's option '--bip' has no value"),
            (("-b", "br-test", "--bip=172.30.0.1"), "dockerd's option '--bip' has the value "
             f"'172.30.0.1', {wrong}"),
            (("-b", "br-test", "--bip=172.30.0.1/33"), "dockerd's option '--bip' has the value "
             f"'172.30.0.1/33', {wrong}"),
            (("-b", "br-test", "--bip=fd00::1/64"), "dockerd's option '--bip' has the value "
             f"'fd00::1/64', {wrong}"),
        )
        for arguments, line in rows:
            with self.subTest(arguments):
                self.fails("dockerlaunch: " + line, *launched(*arguments), status=2)


class Mounts(places.PlaceTest):
    def show_mounts(self):
        self.place.file("/opt/show", "#!/bin/sh\ncat /proc/self/mounts\n", 0o755)

    def test_DL_4_a_bare_place(self):
        self.show_mounts()
        done = self.place.run("-q", "/opt/show")
        self.assertEqual((done.stderr, done.status), ("", 0))
        self.assertEqual(mounts(done.stdout), GOLDEN)
        self.assertEqual(os.readlink(self.place / "var/run"), "../run")

    def test_DL_4_what_is_there_stays(self):
        """Launched twice: the second changes no mount, and adds none."""
        self.place.file("/opt/show", "#!/bin/sh\ncat /proc/self/mountinfo >/first\n"
                        "exec /dockerlaunch -q /usr/bin/cat /proc/self/mountinfo\n", 0o755)
        done = self.place.run("-q", "/opt/show")
        self.assertEqual((done.stderr, done.status), ("", 0))
        self.assertEqual(done.stdout, self.place.read("first"))
        self.assertIn(" /proc ", done.stdout)

    def test_DL_4_run_in_use_is_not_hidden(self):
        self.show_mounts()
        done = self.place.run("-q", "/opt/show", before="mkdir -p run/kept; mount -t tmpfs x "
                              "run/kept")
        self.assertNotIn("tmpfs /run rw", mounts(done.stdout))
        self.assertIn("tmpfs /run/kept rw", mounts(done.stdout))

    def test_DL_4_denied(self):
        """A user's namespace may not mount what belongs to the machine's."""
        before = ("mkdir -p dev proc sys; mount -t tmpfs x dev; mkdir dev/pts; "
                  "mount -t devpts x dev/pts; mount -t proc x proc; mount --rbind /sys sys")
        how = {"namespaces": ("--user", "--map-root-user", "--net"), "before": before}
        self.show_mounts()
        done = self.place.run("/opt/show", **how)
        self.assertIn("dockerlaunch: mounts: /dev/mqueue: cannot mount 'mqueue' at '/dev/mqueue': "
                      "Operation not permitted\n", done.stderr)
        self.assertIn("tmpfs /run rw,nosuid,nodev\n", mounts(done.stdout))
        self.fails("dockerlaunch: mounts: /dev: cannot mount 'devtmpfs' at '/dev': Operation not "
                   "permitted", "/opt/show", **{**how, "before": "mount -t proc x "
                                                "proc"})

    def test_DL_4_dry_run_changes_nothing(self):
        before = sorted(os.listdir(self.place.root))
        done = self.place.run("--dry-run", *launched("-b", "br-test", "--bip=172.30.0.1/24"))
        self.assertEqual(done.status, 0)
        self.assertEqual(sorted(os.listdir(self.place.root)), before)
        for line in ("would mounts: /proc: proc, mounted\n",
                     "would mounts: /var/run: a link to '../run'\n",
                     "would files: /tmp: a folder, mode 1777\n",
                     "would bridge: br-test: a bridge with the address 172.30.0.1/24\n"):
            self.assertIn(line, done.stdout)


class Cgroups(places.PlaceTest):
    def unified(self):
        """Where cgroup2 is mounted on this machine."""
        with open("/proc/self/mounts", encoding="utf-8") as file:
            for line in file:
                if line.split()[2] == "cgroup2":
                    return line.split()[1]
        self.skipTest("no cgroup2 is mounted")
        return None

    def make(self, *names):
        top = os.path.join(self.unified(), f"mkinitrd-test-{os.getpid()}")
        paths = [os.path.join(top, name) for name in ("", *names)]
        for path in paths:
            os.mkdir(path)
            self.addCleanup(os.rmdir, path)
        return [path.rstrip("/") for path in paths]

    def test_DL_5_nested(self):
        """In a cgroup namespace: all processes in a leaf, then every controller is passed on."""
        top = self.make()[0]
        with open(os.path.join(top, "cgroup.controllers"), encoding="ascii") as file:
            controllers = sorted(file.read().split())
        self.addCleanup(self.remove_below, top)
        self.place.file("/opt/show", "#!/bin/sh\ncat /proc/self/cgroup\n"
                        "cat /sys/fs/cgroup/cgroup.subtree_control\n", 0o755)
        # the shell that starts it is in the root of the namespace, too
        before = (f"echo $$ >{top}/cgroup.procs; mkdir -p sys proc; mount -t proc x proc; "
                  "mount -t sysfs x sys")
        enter = ("exec unshare --cgroup --mount sh -c 'mount -t cgroup2 x sys/fs/cgroup; "
                 "exec chroot . /dockerlaunch \"$@\"' x \"$@\"")
        done = self.place.run("-q", "/opt/show", before=before, enter=enter)
        self.assertEqual((done.stderr, done.status), ("", 0))
        self.assertIn("0::/init\n", done.stdout)
        self.assertEqual(sorted(done.stdout.splitlines()[-1].split()) if controllers else [],
                         controllers)

    def remove_below(self, top):
        for name in os.listdir(top):
            if os.path.isdir(os.path.join(top, name)):
                os.rmdir(os.path.join(top, name))

    def test_DL_5_domain_invalid(self):
        top, below = self.make("below")
        with open(os.path.join(top, "cgroup.type"), "w", encoding="ascii") as file:
            file.write("threaded\n")
        self.fails("dockerlaunch: cgroups: /sys/fs/cgroup: of type 'domain invalid', which passes "
                   "no controllers on; start this in a cgroup of type 'domain'", "/opt/show",
                   before="mkdir -p sys; mount -t sysfs x sys; "
                   f"mount --bind {below} sys/fs/cgroup")

    def test_DL_5_read_only(self):
        self.fails("dockerlaunch: cgroups: /sys/fs/cgroup: read-only; start the container with "
                   "--privileged, or mount it writable", "/opt/show",
                   before="mkdir -p sys; mount -t sysfs x sys; "
                   f"mount --bind -o ro {self.unified()} sys/fs/cgroup")


class Files(places.PlaceTest):
    def test_DL_13_DL_14_what_is_missing_is_made(self):
        _, done = self.shown("-q", "--dns", "192.0.2.1", "--dns=192.0.2.2", "--search", "a.test",
                             "--search", "b.test", *launched(),
                             before="hostname a-host", namespaces=("--net", "--ipc", "--uts"))
        self.assertEqual(done.stderr, "")
        read = self.place.read
        self.assertEqual(read("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")
        self.assertEqual(read("etc/group"), "root:x:0:\n")
        self.assertEqual(read("etc/hosts"), "127.0.0.1 localhost\n::1 localhost ip6-localhost "
                         "ip6-loopback\n127.0.1.1 a-host\n")
        self.assertEqual(read("etc/resolv.conf"), "search a.test b.test\nnameserver 192.0.2.1\n"
                         "nameserver 192.0.2.2\n")
        for path, mode in (("tmp", 0o1777), ("root", 0o700), ("root/.ssh", 0o700), ("var", 0o755),
                           ("var/lib/docker", 0o711)):
            self.assertEqual(stat.S_IMODE(os.stat(self.place / path).st_mode), mode, path)

    def test_DL_13_DL_14_what_is_there_stays(self):
        kept = {"etc/passwd": "me:x:1:1::/:\n", "etc/group": "", "etc/hosts": "# none\n",
                "etc/resolv.conf": "# mine\n"}
        for path, text in kept.items():
            self.place.file(path, text)
        os.unlink(self.place / "lib")
        os.mkdir(self.place / "lib")
        os.mkdir(self.place / "tmp", 0o700)
        self.place.file("lib/mine", "x")
        self.shown("-q", "--dns", "192.0.2.1", *launched(), before="mount --bind /usr/lib lib")
        for path, text in kept.items():
            self.assertEqual(self.place.read(path), text)
        self.assertEqual(self.place.read("lib/mine"), "x")
        self.assertEqual(stat.S_IMODE(os.stat(self.place / "tmp").st_mode), 0o700)

    def test_DL_15_defaults(self):
        """NAME.dist and /usr/etc stand in for what is missing, and only for that."""
        self.place.file("etc/docker/daemon.json.dist", '{"debug": true}\n', 0o600)
        self.place.file("etc/hosts.dist", "wrong\n")
        self.place.file("etc/hosts", "right\n")
        self.place.file("usr/etc/ssl/certs/ca-certificates.crt", "certificates\n")
        self.place.file("usr/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        self.place.file("etc/group", "")
        self.place.file("usr/etc/group", "wrong\n")
        self.shown("-q", *launched())
        read = self.place.read
        self.assertEqual(read("etc/docker/daemon.json"), '{"debug": true}\n')
        self.assertEqual(stat.S_IMODE(os.stat(self.place / "etc/docker/daemon.json").st_mode),
                         0o600)
        self.assertEqual(read("etc/hosts"), "right\n")
        self.assertEqual(read("etc/ssl/certs/ca-certificates.crt"), "certificates\n")
        self.assertEqual(read("etc/passwd"), "root:x:0:0::/root:/bin/sh\n")
        self.assertEqual(read("etc/group"), "")

    def test_DL_17_a_settings_file_that_is_missing(self):
        words, _ = self.shown("-q", *launched("--config-file", "/etc/x/y.json",
                                              "--data-root=/srv/data"))
        self.assertEqual(words, ["--config-file", "/etc/x/y.json", "--data-root=/srv/data"])
        self.assertEqual(self.place.read("etc/x/y.json"), "{}\n")
        self.assertEqual(stat.S_IMODE(os.stat(self.place / "etc/x/y.json").st_mode), 0o600)
        self.assertTrue(os.path.isdir(self.place / "srv/data"))
        self.assertFalse(os.path.exists(self.place / "etc/docker/daemon.json"))


class Leftovers(places.PlaceTest):
    def aside(self, *arguments, files=(), made=(), **how):
        """Paths that are set aside, of those that stand in the place."""
        for path, text in files:
            self.place.file(path, text)
        _, done = self.shown(*launched(*arguments), **how)
        found = []
        for folder, _, names in os.walk(self.place.root):
            for name in names:
                if name.endswith(".set-aside"):
                    path = os.path.join(folder, name)[len(self.place.root):-len(".set-aside")]
                    found.append(path)
                    self.assertIn(f"dockerlaunch: leftovers: {path}: ", done.stderr)
                    self.assertTrue(path in made or not os.path.lexists(self.place / path))
        return sorted(found)

    def test_DL_17_empty_and_torn_files(self):
        root = "/srv/data"
        images = root + "/image/overlay2/repositories.json"
        self.assertEqual(
            self.aside("--data-root", root, "--exec-root=/srv/run", "--pidfile=/srv/pid",
                       "--config-file=/etc/docker/other.json", made=("/etc/docker/other.json",),
                       files=(
                           (root + "/engine-id", ""),
                           (images, '{"Repositories":{"a":'),
                           (root + "/image/vfs/repositories.json", "{}"),
                           (root + "/swarm/state.json", "x"),
                           ("/etc/docker/key.json", ""),
                           ("/etc/docker/other.json", ""),
                           ("/etc/docker/daemon.json", ""),
                           ("/srv/pid", "99999"),
                           ("/srv/run/containerd/containerd.pid", "99999"))),
            ["/etc/docker/key.json", "/etc/docker/other.json", root + "/engine-id", images,
             root + "/swarm/state.json", "/srv/pid", "/srv/run/containerd/containerd.pid"])
        # it must be there all the same
        self.assertEqual(self.place.read("etc/docker/other.json"), "{}\n")

    def test_DL_17_odd_files_and_live_processes_stay(self):
        live = ("cp /bin/sh dockerd-like; mkfifo pipe; ./dockerd-like -c 'echo $$ >srv/pid; "
                "echo >pipe; read line <pipe' & read line <pipe")
        self.assertEqual(self.aside(
            "--data-root=/srv/data", "--pidfile=/srv/pid", before="mkdir -p srv; " + live,
            files=(("/etc/docker/daemon.json", '{"no": "such key", '),
                   ("/srv/data/image/overlay2/repositories.json", '{"odd": 1}'),
                   ("/srv/data/engine-id", "id"))), [])

    def test_DL_17_data_root_of_the_settings_file(self):
        self.assertEqual(self.aside(files=(
            ("/etc/docker/daemon.json", '{"data-root": "/srv/data", "pidfile": "/srv/pid"}'),
            ("/srv/data/engine-id", ""), ("/var/lib/docker/engine-id", ""), ("/srv/pid", "1\n"))),
                         ["/srv/data/engine-id", "/srv/pid"])

    def test_DL_18_sockets_of_every_spelling(self):
        for name in ("a", "b", "c", "d", "e"):
            os.makedirs(self.place / "srv", exist_ok=True)
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(self.place / f"srv/{name}")
        self.assertEqual(
            self.aside("-H", "unix:///srv/a", "-Hunix:///srv/b", "--host=unix:///srv/c", "--host",
                       "unix:///srv/file", "-H=unix:///srv/d", "-H", "tcp://127.0.0.1:1",
                       files=(("/srv/file", "in the way"),)),
            ["/srv/a", "/srv/b", "/srv/c", "/srv/d", "/srv/file"])
        self.assertTrue(os.path.lexists(self.place / "srv/e"))

    def test_DL_18_a_socket_with_a_listener_stays(self):
        os.makedirs(self.place / "srv")
        with socket.socket(socket.AF_UNIX) as live:
            live.bind(self.place / "srv/live")
            live.listen(1)
            self.assertEqual(self.aside("-Hunix:///srv/live"), [])


class Firewall(places.PlaceTest):
    """Programs of both kinds; which one is called iptables is the kernel's to say."""

    # /usr/sbin of links into this system's, so that they can be changed
    BEFORE = ("mkdir -p opt/sbin; mount --bind /usr/sbin opt/sbin; mount -t tmpfs x usr/sbin; "
              "for name in opt/sbin/*; do ln -s /$name usr/sbin/${name##*/}; done; "
              "rm usr/sbin/iptables usr/sbin/ip6tables; ")

    def kernel_has(self):
        """Each kind, as its own program finds it in a network namespace of its own."""
        return {kind for kind in ("nft", "legacy") if subprocess.run(
            ["unshare", "--net", f"/usr/sbin/iptables-{kind}", "-t", "nat", "-n", "-L"],
            capture_output=True, check=False, timeout=30).returncode == 0}

    def links(self, before):
        self.new_place().file("/opt/show", "#!/bin/sh\nreadlink /usr/sbin/iptables "
                              "/usr/sbin/ip6tables\niptables -t nat -n -L >/dev/null\n", 0o755)
        return self.place.run("/opt/show", before=self.BEFORE + before)

    def test_DL_8_a_name_for_the_kind_that_the_kernel_has(self):
        kinds = self.kernel_has()
        if not kinds:
            self.skipTest("this kernel has no iptables")
        kind = "nft" if "nft" in kinds else "legacy"
        done = self.links("")
        self.assertEqual((done.stdout, done.status), (f"/usr/sbin/iptables-{kind}\n"
                                                      f"/usr/sbin/ip6tables-{kind}\n", 0))
        self.assertIn("dockerlaunch: firewall: iptables: a link to "
                      f"'/usr/sbin/iptables-{kind}': it had no name\n", done.stderr)

    def test_DL_8_links_that_lead_nowhere(self):
        """Debian's link is there, and the one between it and the program is not."""
        kinds = self.kernel_has()
        if not kinds:
            self.skipTest("this kernel has no iptables")
        before = ("umount etc/alternatives; rmdir etc/alternatives; "
                  "ln -s /etc/alternatives/iptables usr/sbin/iptables; "
                  "ln -s /etc/alternatives/ip6tables usr/sbin/ip6tables")
        done = self.links(before)
        self.assertEqual((done.stdout.splitlines()[0], done.status),
                         ("/etc/alternatives/iptables", 0), done.stderr)

    def test_DL_8_the_other_kind_only_when_the_kernel_wants_it(self):
        kinds = self.kernel_has()
        for kind in ("nft", "legacy"):
            with self.subTest(kind):
                done = self.links(f"ln -s iptables-{kind} usr/sbin/iptables; "
                                  f"ln -s ip6tables-{kind} usr/sbin/ip6tables")
                if kind in kinds:
                    self.assertEqual((done.stdout.splitlines()[0], done.status),
                                     (f"iptables-{kind}", 0))
                elif kinds:
                    other = "/usr/sbin/iptables-" + next(iter(kinds))
                    self.assertEqual((done.stdout.splitlines()[0], done.status), (other, 0))
                    self.assertIn(" for the one in place\n", done.stderr)
                else:
                    self.assertIn("this kernel has neither kind", done.stderr)

    def test_DL_8_without_iptables(self):
        before = self.BEFORE + "rm usr/sbin/iptables-*"
        self.fails("dockerlaunch: firewall: iptables: not there; install it, or run dockerd with "
                   "--iptables=false", *launched(), before=before)
        words, _ = self.shown("-q", *launched("--iptables=false"), before=before)
        self.assertEqual(words, ["--iptables=false"])


class Wrong(places.PlaceTest):
    """One line each: what, where, why, what to do."""

    def test_DL_3_a_program_that_is_none(self):
        self.place.file("/opt/plain", "x", 0o644)
        os.mkdir(self.place / "opt/folder")
        for program, status, words in (
                ("nothing", 127, "nothing: not found in PATH; install it, or name it with its "
                 "path"),
                ("/opt/nothing", 127, "/opt/nothing: No such file or directory; name the program "
                 "that is there"),
                ("/opt/plain", 126, "/opt/plain: '/opt/plain' is no program that can be executed; "
                 "chmod +x it"),
                ("/opt/folder", 126, "/opt/folder: '/opt/folder' is no program that can be "
                 "executed; chmod +x it")):
            with self.subTest(program):
                self.fails("dockerlaunch: program: " + words, program, status=status)
        self.assertFalse(os.path.exists(self.place / "proc"), "nothing was changed")

    def test_DL_4_no_privileges(self):
        self.fails("dockerlaunch: capabilities: missing: CAP_SYS_ADMIN (mounts, cgroups, storage, "
                   "every container), CAP_NET_ADMIN (forwarding, firewall, bridge); " + PRIVILEGED,
                   "/opt/show", enter="exec capsh --drop=cap_sys_admin,cap_net_admin --chroot=. "
                   "-- -c 'exec /dockerlaunch \"$@\"' x \"$@\"")

    def test_DL_1_no_overlay(self):
        """The data root is an overlay itself, which cannot be the upper one of another."""
        before = ("mkdir -p srv layers; mount -t tmpfs x layers; mkdir layers/l layers/u layers/w; "
                  "mount -t overlay -o lowerdir=layers/l,upperdir=layers/u,workdir=layers/w "
                  "overlay srv")
        words, done = self.shown(*launched("--data-root=/srv", "-s", "overlay2"), before=before)
        self.assertEqual(words, ["--data-root=/srv", "--storage-driver", "vfs"])
        self.assertIn("dockerlaunch: storage: overlay2: overlay is refused on '/srv' (its file "
                      "system cannot be below one); dockerd gets --storage-driver vfs instead, "
                      "which copies every layer; mount a volume there\n", done.stderr)
        images = "/srv/image/overlay2/imagedb/content/sha256/0"
        self.fails("dockerlaunch: storage: overlay2: overlay is refused on '/srv' (its file system "
                   "cannot be below one), which has images of it; load the module overlay, or use "
                   "another --data-root", *launched("--data-root=/srv"),
                   before=before + f"; mkdir -p $(dirname .{images}); touch .{images}")

    def test_DL_20_log_file_and_verbosity(self):
        for _ in range(2):
            done = self.place.run("--log=/log", *launched("--one"),
                                  env={"DOCKER_LAUNCH_DEBUG": "true"})
            self.assertEqual((done.stdout, done.stderr, done.status), ("", "", 0))
        text = self.place.read("log")
        self.assertEqual(text.count("word=--one\n"), 2)
        self.assertEqual(text.count("dockerlaunch: mounts: /proc: proc, mounted\n"), 2)
        _, done = self.shown("-q", *launched())
        self.assertEqual(done.stderr, "")
        self.fails("dockerlaunch: cannot write to the log file '/no/such': No such file or "
                   "directory", "--log", "/no/such", *launched())

    def test_DL_19_limits_and_forwarding(self):
        self.place.file("/opt/show", "#!/bin/sh\nulimit -Hn\nulimit -Sn\n"
                        "cat /proc/sys/net/ipv4/ip_forward\n", 0o755)
        done = self.place.run("--nofile=512", "/opt/show")
        self.assertEqual(done.stdout, "512\n512\n1\n")
        with open("/proc/sys/fs/nr_open", encoding="ascii") as file:
            most = int(file.read())
        done = self.place.run(f"--nofile={most + 1}", "/opt/show")
        self.assertIn(f"limits: nofile={most + 1} is more than fs.nr_open allows, using {most} "
                      "instead\n", done.stderr)


class Stay(places.PlaceTest):
    """--init: the parent of what it starts, and process 1 of its container."""

    def start(self, script, **how):
        self.place.file("/opt/main", "#!/bin/sh\n" + script, 0o755)
        process = subprocess.Popen(self.place.argv("-q", "--init", "/opt/main", **how),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        self.addCleanup(self.end, process)
        return process

    def child(self, process):
        path = f"/proc/{process.pid}/task/{process.pid}/children"
        with open(path, encoding="ascii") as file:
            return int(file.read().split()[0])

    def test_DL_21_exit_status(self):
        for script, status in (("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137),
                               ("kill -TERM $$", 143)):
            with self.subTest(script):
                process = self.start(script)
                self.assertEqual(process.wait(60), status)

    def test_DL_21_signals_are_forwarded(self):
        process = self.start("trap 'echo got TERM; exit 3' TERM\ntrap 'echo got USR1' USR1\n"
                             "echo ready\nwhile :; do sleep 1000 & wait $!; done\n")
        self.assertEqual(process.stdout.readline(), "ready\n")
        first = self.child(process)
        os.kill(first, signal.SIGUSR1)
        self.assertEqual(process.stdout.readline(), "got USR1\n")
        os.kill(first, signal.SIGTERM)
        self.assertEqual(process.stdout.readline(), "got TERM\n")
        self.assertEqual(process.wait(60), 3)

    def test_DL_21_orphans_are_reaped(self):
        process = self.start(
            "for i in $(seq 100); do (sleep 0.05 &) ; done\n"
            "trap 'cat /proc/[0-9]*/stat; exit 0' USR1\necho ready\n"
            "while :; do sleep 1000 & wait $!; done\n")
        self.assertEqual(process.stdout.readline(), "ready\n")
        first = self.child(process)
        end = 60
        # until all of them have ended: what then is a zombie stays one
        while self.sleepers(first) and end:
            self.assertIsNone(process.poll())
            end -= 1
            subprocess.run(["sleep", "0.1"], check=True)
        os.kill(first, signal.SIGUSR1)
        text = process.stdout.read()
        self.assertEqual(process.wait(60), 0)
        self.assertIn(" (dockerlaunch) ", text)
        self.assertNotRegex(text, r"(?m)^\d+ \([^)]*\) Z ")

    def sleepers(self, first):
        """Children of process 1 of the place that still run."""
        path = f"/proc/{first}/task/{first}/children"
        with open(path, encoding="ascii") as file:
            return len(file.read().split()) > 1


class Library(unittest.TestCase):
    def test_DL_3_check_as_json(self):
        done = subprocess.run([places.LAUNCH, "--check", "--json"], capture_output=True,
                              check=False, timeout=60)
        found = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0 if found["ok"] else 3)
        self.assertEqual({tuple(sorted(item)) for item in found["items"]},
                         {("state", "step", "what", "words")})
        self.assertLessEqual({item["state"] for item in found["items"]},
                             {"has", "makes", "without", "lacks"})
        text = subprocess.run([places.LAUNCH, "--check"], capture_output=True, check=False,
                              timeout=60).stdout.decode()
        self.assertEqual(text, "".join("{state:<7} {step}: {what}: {words}\n".format(**item)
                                       for item in found["items"]))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
