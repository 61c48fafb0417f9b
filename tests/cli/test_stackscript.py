# SPDX-License-Identifier: Apache-2.0
"""The StackScript in a Debian of its own: what it refuses, what it makes of two disks, and what is
left when a step fails for a real cause.

In:    this machine's root below changes that are thrown away; files as disks, by loop devices that are
       called /dev/sdb and the like there; a release on a server on loopback
Not:   a machine that boots (tests/boot/test_stackscript.py), so nothing is powered off here
Facts: StackScripts' form: a first line with an interpreter, fields as comments of one tag each, names
       of letters, digits and underscores shorter than 64; a default of oneOf is one of its values
"""
import hashlib
import os
import pty
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest

import cli
import releases
import scratch_root

SCRIPT, KEY, HASH = releases.SCRIPT, releases.KEY, releases.HASH
LOG = "var/log/mkinitrd-deploy.log"
FIELD = re.compile(r'^# <UDF( (name|label|default|example|oneOf|manyOf)="[^"<>]*")+ />$')
ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
MIB = 1 << 20


def tool(*argv, status=0):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    if done.returncode != status:
        raise AssertionError(f"{argv}: status {done.returncode}\n{done.stdout}")
    return done.stdout


class Text(unittest.TestCase):
    """What it is before anything runs it."""

    @classmethod
    def setUpClass(cls):
        with open(SCRIPT, encoding="ascii") as file:
            cls.text = file.read()
        cls.fields = [dict(ATTRIBUTE.findall(line)) for line in cls.text.splitlines()
                      if "<UDF" in line]

    def test_D0_19_header(self):
        lines = self.text.splitlines()
        self.assertEqual(lines[0], "#!/bin/bash")
        self.assertLess(len(self.text), 60000)
        for line in lines:
            if "UDF" in line and line.startswith("#"):
                self.assertRegex(line, FIELD)
        names = [field["name"] for field in self.fields]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(names), 10)
        for field in self.fields:
            self.assertRegex(field["name"], r"^[A-Za-z0-9_]{1,63}$")
            self.assertTrue(field["label"])
            if "oneOf" in field:
                self.assertIn(field["default"], field["oneOf"].split(","))
        # bash has variables of its own, which are no fields that somebody filled in
        said = tool("env", "-i", "bash", "-c", "compgen -v")
        self.assertFalse({name.upper() for name in names} & set(said.split()))

    def test_D0_19_each_field_is_read_with_the_default_it_shows(self):
        taken = {name: default.strip("'") for name, default in
                 re.findall(r"^\ttake (\w+) (\S+) \d+ ", self.text, re.M)}
        listed = re.search(r"^for name in ((?:\w+|\\\n|\s)+);", self.text, re.M).group(1)
        self.assertEqual(listed.replace("\\", "").split(), list(taken))
        self.assertEqual(taken, {field["name"]: field["default"] for field in self.fields})

    def test_D0_19_document(self):
        """Its table of fields, and its commands that sign a release, as they stand."""
        with open(os.path.join(cli.SOURCE, "docs/linode.md"), encoding="utf-8") as file:
            text = file.read()
        table = {}
        for names, defaults in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|(.*?)\|", text, re.M):
            defaults = re.findall("`(.*?)`", defaults)
            for number, name in enumerate(re.findall("`(.*?)`", names)):
                table[name] = defaults[number] if defaults else ""
        self.assertEqual(table, {field["name"]: field["default"] for field in self.fields})
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        with open(folder + "/only-docker.tar.gz", "wb") as file:
            file.write(b"an archive")
        commands = re.search(r"^```sh\n(openssl .*?)^```", text, re.M | re.S).group(1)
        said = tool("sh", "-ec", f"cd {folder}\n{commands}")
        self.assertRegex(said, r"^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=\n$")
        tool("sh", "-ec", f"cd {folder}; sha256sum -c SHA256SUMS; openssl pkeyutl -verify -pubin "
             "-inkey release.pub -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig")

    def test_D0_19_shellcheck(self):
        self.assertEqual(tool("shellcheck", SCRIPT), "")


class Disk:
    """A file as a disk; on leaving, the loop device is gone."""

    def __init__(self, path, mebibytes):
        self.path = path
        with open(path, "wb") as file:
            file.truncate(mebibytes * MIB)
        self.device = tool("losetup", "--find", "--show", path).strip()

    def close(self):
        tool("blockdev", "--setrw", self.device)  # which outlives the loop
        tool("losetup", "--detach", self.device)

    def digest(self):
        tool("sync", "-f", self.path)
        tool("blockdev", "--flushbufs", self.device)
        digest, at = hashlib.sha256(), 0
        with open(self.path, "rb") as file:
            while True:
                try:
                    at = os.lseek(file.fileno(), at, os.SEEK_DATA) // MIB * MIB
                except OSError:  # nothing but holes from here on
                    return digest.hexdigest()
                block = os.pread(file.fileno(), MIB, at)
                if block.strip(b"\0"):
                    digest.update(b"%d " % at + block)
                at += MIB

    def value(self, name):
        return tool("blkid", "-p", "-s", name, "-o", "value", self.path).strip()

    def text(self, path):
        return tool("debugfs", "-R", f"cat {path}", self.path).split("\n", 1)[1]

    def names(self, folder):
        said = tool("debugfs", "-R", f"ls -p {folder}", self.path)
        return sorted(name for line in said.splitlines() if line.startswith("/")
                      for name in [line.split("/")[5]] if name not in (".", ".."))

    def mode(self, path):
        return re.search(r"Mode:\s+(\d+)", tool("debugfs", "-R", f"stat {path}", self.path)).group(1)

    def extract(self, path, to):
        tool("debugfs", "-R", f"dump {path} {to}", self.path)
        with open(to, "rb") as file:
            return file.read()


class NodeTest(unittest.TestCase):
    """A node with two blank disks, and a release for it."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="mkinitrd-")
        cls.addClassCleanup(scratch_root.remove, cls.directory)
        cls.release = releases.Release(os.path.join(cls.directory, "release"))
        cls.addClassCleanup(cls.release.close)
        cls.make_release(cls.release, b"one")
        cls.url = f"http://127.0.0.1:{cls.release.serve()}"

    @classmethod
    def make_release(cls, release, content):
        files = {}
        for path, size in ((releases.KERNEL, 1), (releases.IMAGE, 3)):
            files[path] = release / os.path.basename(path)
            with open(files[path], "wb") as file:
                file.write(content + os.urandom(size * MIB))
        release.make(files)
        return files

    def setUp(self):
        folder = tempfile.mkdtemp(dir=self.directory)
        self.node = scratch_root.Scratch("/", folder)
        self.addCleanup(self.node.close)
        scratch_root.must_mount("-t", "sysfs", "sysfs", self.node / "sys")
        scratch_root.must_mount("-t", "tmpfs", "tmpfs", self.node / "dev")
        for name, numbers in (("null", "1 3"), ("zero", "1 5"), ("urandom", "1 9")):
            tool("mknod", "-m", "666", self.node / f"dev/{name}", "c", *numbers.split())
        os.symlink("/proc/self/fd", self.node / "dev/fd")
        # nothing in there can end this machine
        for name in ("systemctl", "poweroff", "reboot", "halt", "shutdown", "init"):
            for place in ("bin", "sbin", "usr/bin", "usr/sbin"):
                if self.node.exists(f"{place}/{name}"):
                    os.unlink(self.node / f"{place}/{name}")
        self.node.write("root/stackscript", self.text(), 0o755)
        self.target = self.add_disk("sdb", 512)
        self.data = self.add_disk("sdc", 1024)

    @staticmethod
    def text():
        with open(SCRIPT, encoding="ascii") as file:
            return file.read()

    def add_disk(self, name, mebibytes):
        disk = Disk(os.path.join(os.path.dirname(self.node.path), name), mebibytes)
        self.addCleanup(disk.close)
        self.name_disk(disk, name)
        return disk

    def name_disk(self, disk, name):
        numbers = os.stat(disk.device).st_rdev
        tool("mknod", self.node / f"dev/{name}", "b", str(os.major(numbers)),
             str(os.minor(numbers)))

    def deploy(self, prefix=(), **fields):
        fields = {"release_url": self.url, "release_key": self.release.key, "when_done": "stay",
                  **fields}
        return self.node.run(*prefix, "/root/stackscript", environment={
            name: value for name, value in fields.items() if value is not None})

    def deployed(self, **fields):
        status, said = self.deploy(**fields)
        self.assertEqual((status, said.splitlines()[-1]), (0, "RESULT=ok"), said)
        return said

    def refused(self, step, why, changed=(), **fields):
        """It fails there and says so last, on standard output and in the log; both disks are what
        they were but those @changed, nothing is mounted and nothing is left in /var/tmp."""
        before = {disk: disk.digest() for disk in (self.target, self.data) if disk not in changed}
        status, said = self.deploy(**fields)
        last = said.splitlines()[-1]
        self.assertEqual(status, 1, said)
        self.assertRegex(last, rf"^RESULT=fail {step}: {why}$", said)
        self.assertEqual(said.count("RESULT="), 1, said)
        if self.node.exists(LOG):
            self.assertEqual(self.node.read(LOG).splitlines()[-1], last)
        for disk, digest in before.items():
            self.assertEqual(disk.digest(), digest, said)
        self.check_clean()
        return said

    def check_clean(self):
        self.assertEqual([name for name in os.listdir(self.node / "var/tmp")
                          if name.startswith("mkinitrd-deploy")], [])
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            self.assertNotIn("mkinitrd-deploy", file.read())

    def check_platform(self, entries, profile="only-docker"):
        """The first disk, by others' tools; the folders of its entries."""
        disk = self.target
        self.assertEqual((disk.value("TYPE"), disk.value("LABEL")), ("ext4", "mkinitrd-boot"))
        tool("e2fsck", "-fn", disk.path)
        features = re.search(r"^Filesystem features:(.*)$", tool("dumpe2fs", "-h", disk.path), re.M)
        self.assertNotIn("metadata_csum", features.group(1))
        self.assertNotIn("orphan_file", features.group(1))
        menu = disk.text("/boot/grub/grub.cfg")
        path = self.node / "tmp/grub.cfg"
        with open(path, "w", encoding="ascii") as file:
            file.write(menu)
        tool("grub-script-check", path)
        self.assertIn("serial --unit=0 --speed=19200", menu)
        folders = re.findall(r"\tlinux /boot/mkinitrd/(\w+)/vmlinuz .*console=ttyS0,19200n8", menu)
        self.assertEqual(len(folders), entries)
        self.assertEqual(re.findall(r"\tinitrd /boot/mkinitrd/(\w+)/initrd.img", menu), folders)
        self.assertEqual(disk.names("/boot/mkinitrd"), sorted(folders))
        self.assertTrue(re.search("^menuentry '(.*)' {", menu, re.M).group(1) == profile)
        return folders


class Refuses(NodeTest):

    HOSTILE = ['"; rm -rf /', "$(touch /tmp/x)", "`touch /tmp/x`", "a\nb", "x" * 65536, "-x",
               "../../etc/passwd", "\u00e9", "a\x1b[2J", "${IFS}"]

    def test_D0_19_hostile_values_of_each_field_before_anything_is_done(self):
        names = re.findall(r'<UDF name="(\w+)"', self.text())
        before = sorted(os.listdir(self.node / "tmp"))
        digests = self.target.digest(), self.data.digest()
        for name, value, spelled in (
                [(name, value, name) for name in names for value in self.HOSTILE] +
                [(name, self.HOSTILE[0], name.upper()) for name in names]):
            with self.subTest(name=spelled, value=value[:20]):
                status, said = self.deploy(**{name: None, spelled: value})
                self.assertEqual(status, 1, said)
                self.assertRegex(said.splitlines()[-1], rf"^RESULT=fail fields: {name}: ")
                # what it says is a rule, not the value
                if len(value) > 2:
                    self.assertNotIn(value[:100], said)
        self.assertEqual(sorted(os.listdir(self.node / "tmp")), before)
        self.assertEqual((self.target.digest(), self.data.digest()), digests)
        self.check_clean()

    def test_D0_19_values_that_do_not_fit(self):
        for fields, why in (
                ({"target_disk": "/dev/sdc"}, "data_disk: must be another disk than target_disk"),
                ({"target_disk": "/dev/sdb1"}, "target_disk: must be a whole disk such as .*"),
                ({"host_name": "a" * 64}, "host_name: longer than 63 characters"),
                ({"host_name": "-a"}, "host_name: must be a host name .*"),
                ({"ssh_key": "ssh-ed25519 x"}, "ssh_key: must be public ssh keys, .*"),
                ({"ssh_key": f'command="x" {KEY}'}, "ssh_key: must be public ssh keys, .*"),
                ({"ssh_key": KEY + ","}, "ssh_key: must be public ssh keys, .*"),
                ({"release_key": None}, "release_url: http:// proves nothing; .*"),
                ({"release_url": None}, "release_key: there is no release_url"),
                ({"release_url": "ftp://host/x"}, "release_url: must be an address .*"),
                ({"release_key": "MCowBQYDK2VuAyEA" + "A" * 43 + "="},
                 "release_key: must be the base64 line of an Ed25519 public key in PEM"),
                ({"password_hash": "secret"}, "password_hash: must be a hash of crypt.*"),
                ({"password_hash": HASH}, "password_hash: a release boots as it was signed; .*"),
                ({"package_url": "https://host/x.deb"}, "package_url: a release needs no .*"),
                ({"release_url": None, "release_key": None, "package_url": "https://host/x.deb"},
                 "package_sha256: must be given with package_url"),
                ({"when_done": "reboot"}, "when_done: must be poweroff or stay"),
                ({"profile": "a", "PROFILE": "b"}, "profile: 'profile' and 'PROFILE' say .*")):
            with self.subTest(fields=fields):
                self.refused("fields", why, **fields)

    def test_D0_19_other_systems(self):
        os.unlink(self.node / "etc/os-release")
        self.refused("system", "'unknown' is neither Debian nor Arch; .*")
        self.node.write("etc/os-release", 'NAME="x"\nID="alpine"\nVERSION_ID=3\n')
        self.refused("system", "'alpine' is neither Debian nor Arch; choose one of their images")


class Deploys(NodeTest):

    def test_D0_19_two_blank_disks_twice_and_an_update(self):
        fields = {"host_name": "web1", "ssh_key": f"{KEY} me@home,{KEY}"}
        terminal, line = pty.openpty()
        serial = self.node / "dev/ttyS0"
        with open(serial, "wb"):
            pass
        scratch_root.must_mount("--bind", os.ttyname(line), serial)
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.close, line)
        heard = []
        threading.Thread(target=lambda: heard.append(os.read(terminal, 65536)) or True,
                         daemon=True).start()
        said = self.deployed(**fields)
        os.set_blocking(terminal, False)
        self.assertEqual(self.node.read(LOG).splitlines()[-1], "RESULT=ok")
        console = b"".join(heard) + self.rest(terminal)
        self.assertIn(b"mkinitrd-deploy: platform: /dev/sdb", console)
        self.assertRegex(console, rb"RESULT=ok\r+\n$")
        self.assertRegex(said, r"disks: /dev/sdb is blank, 512 MiB\n.*/dev/sdc is blank, 1024 MiB")
        first, = self.check_platform(1)
        with open(self.release / "initrd.img", "rb") as file:
            self.assertEqual(self.target.extract(f"/boot/mkinitrd/{first}/initrd.img",
                                                 self.node / "tmp/initrd"), file.read())
        self.check_data()

        # what Docker has in the meantime stays, and so does what no field says
        tool("debugfs", "-w", "-R", "mkdir /overlay2", self.data.path)
        said = self.deployed(host_name="web2")
        self.assertRegex(said, r"/dev/sdb is ours, .*\n.*/dev/sdc is ours")
        self.assertEqual(self.check_platform(1), [first])
        self.assertEqual(self.data.text("/mkinitrd/hostname"), "web2\n")
        self.deployed(**fields)
        self.check_data()
        self.assertIn("overlay2", self.data.names("/"))

        # another release; the one before stays, and the one before that goes
        seen = [first]
        for content in (b"two", b"three"):
            self.make_release(self.release, content)
            self.deployed()
            folders = self.check_platform(2)
            self.assertEqual(folders[1], seen[0])
            seen.insert(0, folders[0])
        self.assertEqual(len(set(seen)), 3)
        self.deployed()
        self.assertEqual(self.check_platform(2), seen[:2])
        self.check_clean()

    @staticmethod
    def rest(terminal):
        data = b""
        try:
            while block := os.read(terminal, 65536):
                data += block
        except BlockingIOError:
            pass
        return data

    def check_data(self):
        disk = self.data
        self.assertEqual((disk.value("TYPE"), disk.value("LABEL")), ("ext4", "DOCKER"))
        tool("e2fsck", "-fn", disk.path)
        self.assertEqual(disk.text("/mkinitrd/hostname"), "web1\n")
        self.assertEqual(disk.text("/mkinitrd/ssh/authorized_keys"), f"{KEY} me@home\n{KEY}\n")
        self.assertEqual(disk.names("/mkinitrd/ssh"), ["authorized_keys"])
        self.assertEqual([disk.mode(path) for path in
                          ("/mkinitrd", "/mkinitrd/ssh", "/mkinitrd/ssh/authorized_keys")],
                         ["0755", "0700", "0600"])

    def test_D0_19_upper_case_names_and_disks_of_virtio(self):
        for name, disk in (("vdb", self.target), ("vdc", self.data)):
            self.name_disk(disk, name)
        status, said = self.node.run("/root/stackscript", environment={
            "RELEASE_URL": self.url + "/only-docker.tar.gz", "RELEASE_KEY": self.release.key,
            "PROFILE": "site/web", "HOST_NAME": "web1", "SSH_KEY": f"{KEY} me@home,{KEY}",
            "TARGET_DISK": "/dev/vdb", "DATA_DISK": "/dev/vdc", "WHEN_DONE": "stay"})
        self.assertEqual((status, said.splitlines()[-1]), (0, "RESULT=ok"), said)
        self.check_platform(1, "site/web")
        self.check_data()

    def test_D0_19_https_with_no_key_and_no_way_out_of_it(self):
        """The certificate is by a CA of the test's own, which the node trusts."""
        folder = os.path.join(self.directory, "tls")
        os.makedirs(folder)
        releases.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
                         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                         folder + "/key", "-out", folder + "/certificate")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder + "/certificate", folder + "/key")
        release = releases.Release(folder + "/release")
        self.addCleanup(release.close)
        self.make_release(release, b"tls")
        port = release.serve(context, moved=self.url)
        fields = {"release_key": None, "release_url": f"https://localhost:{port}/"}
        self.refused("fetch", "cannot fetch SHA256SUMS: curl: .*certificate.*", **fields)
        shutil.copyfile(folder + "/certificate", self.node / "etc/ca.crt")
        fields["CURL_CA_BUNDLE"] = "/etc/ca.crt"
        moved = {**fields, "release_url": f"https://localhost:{port}/moved/"}
        self.refused("fetch", "cannot fetch SHA256SUMS: curl: .*[Pp]rotocol.*", **moved)
        self.deployed(**fields)
        self.check_platform(1)


class Builds(NodeTest):
    """The image is made on the node, by mkinitrd as it is installed there."""

    PROFILE = """\
description: no Docker, and done in a second
programs: { busybox: required }
boot: { main: { exec: [busybox, sleep, "9"] } }
"""

    def install(self):
        folder = self.node / "opt/mkinitrd"
        os.makedirs(folder)
        for name in ("mkinitrd", "init", "agent", "bundle"):
            shutil.copy2(os.path.join(cli.BUILD, name), folder)
        shutil.copytree(os.path.join(cli.SOURCE, "profiles"), folder + "/profiles")
        os.symlink("/opt/mkinitrd/mkinitrd", self.node / "usr/local/bin/mkinitrd")
        self.node.write("etc/mkinitrd/profiles/site/small.yaml", self.PROFILE)

    def test_D0_19_built_here_with_a_password_that_nobody_sees(self):
        fields = {"release_url": None, "release_key": None, "profile": "site/small",
                  "ASAN_OPTIONS": "detect_leaks=0"}  # strace is a debugger, as LeakSanitizer is
        self.refused("fetch", "mkinitrd is not installed; give package_url, or release_url",
                     **fields)
        self.install()
        self.refused("build", "cannot build site/none: mkinitrd: .*site/none.*",
                     **{**fields, "profile": "site/none"})
        status, said = self.deploy(
            prefix=("strace", "-f", "-v", "-s", "4096", "-e", "trace=execve", "-o", "/tmp/trace"),
            password_hash=HASH, host_name="web1", **fields)
        self.assertEqual((status, said.splitlines()[-1]), (0, "RESULT=ok"), said)
        # strace's own line has the environment that the script was given
        trace = [line for line in self.node.read("tmp/trace").splitlines() if "execve(" in line
                 and '"/root/stackscript"' not in line.split("[")[0]]
        self.assertTrue([line for line in trace if "mkinitrd" in line and "site/small" in line])
        for text in [said, self.node.read(LOG), *trace]:
            self.assertNotIn(HASH[:12], text)
        folder, = self.check_platform(1, "site/small")
        image = self.node / "tmp/initrd"
        self.target.extract(f"/boot/mkinitrd/{folder}/initrd.img", image)
        plan = tool(cli.MKINITRD, "cat", image, "/usr/lib/mkinitrd/boot.plan")
        self.assertIn(HASH, plan)
        # the kernel that its modules are for: Documentation/arch/x86/boot.rst, kernel_version
        kernel = self.target.extract(f"/boot/mkinitrd/{folder}/vmlinuz", self.node / "tmp/kernel")
        at = 0x200 + int.from_bytes(kernel[0x20e:0x210], "little")
        release = kernel[at:at + 80].split(b" ")[0].decode("ascii")
        self.assertIn(f"release={release}", plan)
        self.check_clean()


class Fails(NodeTest):
    """Each step, by a cause that a real node can have."""

    def test_D0_19_no_disk_or_one_that_is_of_no_use(self):
        os.unlink(self.node / "dev/sdb")
        self.refused("disks", "target_disk: there is no disk /dev/sdb; attach it .*")
        self.name_disk(self.target, "sdb")
        self.add_disk("sdd", 100)
        self.refused("disks", "target_disk: /dev/sdd has 100 MiB and needs 512; nothing .*",
                     target_disk="/dev/sdd")
        self.refused("disks", "data_disk: /dev/sdd has 100 MiB and needs 1024; nothing .*",
                     data_disk="/dev/sdd")
        tool("blockdev", "--setro", self.data.device)
        self.refused("disks", "data_disk: /dev/sdc is read-only")

    def test_D0_19_disks_with_what_is_not_ours(self):
        def again(disk):
            with open(disk.path, "r+b") as file:
                size = file.seek(0, os.SEEK_END)
                file.truncate(0)
                file.truncate(size)

        for name, disk, label in (("target_disk", self.target, "mkinitrd-boot"),
                                  ("data_disk", self.data, "DOCKER")):
            for make, words in (
                    (("mkfs.ext4", "-q", "-L", "precious"), "ext4 precious "),
                    (("mkfs.ext4", "-q"), "ext4 "),
                    (("mkfs.vfat", "-n", "DOCKER"), "DOCKER .*vfat "),
                    (("mkswap",), "swap "),
                    (("sgdisk", "-n", "1"), "gpt .*")):
                with self.subTest(name=name, make=make):
                    tool(*make, disk.path)
                    path = "/dev/sdb" if disk is self.target else "/dev/sdc"
                    self.refused("disks", rf"{name}: {path} holds something that is not ours "
                                 rf"\({words}and no label {label}\); nothing was written")
                    again(disk)
        # the two of a node in the other order
        self.deployed()
        self.refused("disks", "target_disk: /dev/sdc holds something that is not ours .*",
                     target_disk="/dev/sdc", data_disk="/dev/sdb")

    def test_D0_19_disks_in_use_or_of_which_there_are_two(self):
        tool("mkfs.ext4", "-q", "-L", "DOCKER", self.data.path)
        os.mkdir(self.node / "mnt/data")
        scratch_root.must_mount(self.data.device, self.node / "mnt/data")
        self.refused("disks", "data_disk: /dev/sdc is mounted at /mnt/data; nothing was written")
        tool("umount", self.node / "mnt/data")
        other = self.add_disk("sdd", 64)
        self.name_disk(other, os.path.basename(other.device))
        tool("mkfs.ext4", "-q", "-L", "DOCKER", other.path)
        self.refused("disks", "data_disk: /dev/loop[0-9]+ has the label DOCKER, too; .*")

    def test_D0_19_programs(self):
        for place in ("sbin", "usr/sbin"):
            if self.node.exists(f"{place}/mkfs.ext4"):
                os.unlink(self.node / f"{place}/mkfs.ext4")
        shutil.rmtree(self.node / "etc/apt")
        os.makedirs(self.node / "etc/apt/preferences.d")
        shutil.rmtree(self.node / "var/lib/apt/lists")
        self.refused("programs", "(still missing after installing: e2fsprogs|cannot .*)")

    def test_D0_19_nobody_answers(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.refused("fetch", "cannot fetch SHA256SUMS: curl: .*",
                         release_url=f"http://127.0.0.1:{closed.getsockname()[1]}/")
        self.refused("fetch", "cannot fetch SHA256SUMS: curl: .* 404.*",
                     release_url=self.url + "/none/")

    def test_D0_19_a_signal(self):
        before = self.target.digest(), self.data.digest()
        with socket.create_server(("127.0.0.1", 0)) as server:
            def end_it():
                connection, _ = server.accept()
                os.kill(int(self.node.read("run/pid")), signal.SIGTERM)
                connection.close()  # the shell waits for what it has started

            server.settimeout(200)
            thread = threading.Thread(target=end_it, daemon=True)
            thread.start()
            status, said = self.deploy(
                prefix=("sh", "-c", 'echo $$ >/run/pid; exec "$0"'),
                release_url=f"http://127.0.0.1:{server.getsockname()[1]}/")
            thread.join(10)
        self.assertEqual((status, said.splitlines()[-1]),
                         (1, "RESULT=fail fetch: ended by a signal"), said)
        self.assertEqual((self.target.digest(), self.data.digest()), before)
        self.check_clean()

    def test_D0_19_releases_that_are_not_what_they_should_be(self):
        folder = os.path.join(self.directory, "bad")
        release = releases.Release(folder)
        self.addCleanup(release.close)
        url = f"http://127.0.0.1:{release.serve()}"
        fields = {"release_url": url, "release_key": release.key}
        files = self.make_release(release, b"bad")

        self.refused("fetch", "SHA256SUMS is not signed by release_key; nothing was .*",
                     **{**fields, "release_key": self.release.key})
        with open(release / "SHA256SUMS", "a", encoding="ascii") as file:
            file.write("#\n")
        self.refused("fetch", "SHA256SUMS is not signed by release_key; nothing was .*", **fields)
        release.sign("0" * 64 + "  other.tar.gz\n")
        self.refused("fetch", "SHA256SUMS has not one line for only-docker.tar.gz", **fields)
        release.sign()
        with open(release / release.name, "r+b") as file:
            file.seek(MIB)
            byte = file.read(1)
            file.seek(MIB)
            file.write(bytes([byte[0] ^ 1]))
        self.refused("fetch", "only-docker.tar.gz is not what its checksum says; nothing was "
                     "written to the disks", **fields)
        release.sign()  # signed, and damaged all the same
        self.refused("fetch", "cannot unpack only-docker.tar.gz: .*", **fields)
        release.make({releases.KERNEL: files[releases.KERNEL]})
        self.refused("fetch", "cannot unpack only-docker.tar.gz: .*", **fields)
        link = tarfile.TarInfo(releases.IMAGE)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
        release.make({releases.KERNEL: files[releases.KERNEL]}, [link])
        self.refused("fetch", "only-docker.tar.gz: dist/initrd.img is no file", **fields)
        os.unlink(release / "SHA256SUMS.sig")
        self.refused("fetch", "cannot fetch SHA256SUMS.sig: curl: .* 404.*", **fields)

    def test_D0_19_the_nodes_own_disk_is_full_and_takes_no_log(self):
        scratch_root.must_mount("-t", "tmpfs", "-o", "size=1M", "tmpfs", self.node / "var/tmp")
        scratch_root.must_mount("-t", "tmpfs", "-o", "ro", "tmpfs", self.node / "var/log")
        self.refused("fetch", "cannot fetch only-docker.tar.gz: curl: .*")

    def test_D0_19_the_disk_to_boot_from_is_full_or_broken(self):
        self.deployed()
        first, = self.check_platform(1)
        self.fill()
        self.make_release(self.release, b"more")
        self.refused("platform", "cannot write to /dev/sdb: cp: .*No space left on device",
                     [self.target])
        # it boots what it did
        menu = self.target.text("/boot/grub/grub.cfg")
        self.assertEqual(re.findall(r"/boot/mkinitrd/(\w+)/vmlinuz", menu), [first])
        self.assertIn("initrd.img", self.target.names(f"/boot/mkinitrd/{first}"))
        tool("debugfs", "-w", "-R", "rm /filler", self.target.path)
        self.deployed()
        self.assertEqual(self.check_platform(2)[1], first)
        tool("debugfs", "-w", "-R", "clri <2>", self.target.path)
        self.refused("platform", "the file system of /dev/sdb has errors: .*", [self.target])

    def fill(self):
        """The disk has a file that leaves next to nothing."""
        point = self.node / "mnt/fill"
        os.mkdir(point)
        scratch_root.must_mount(self.target.device, point)
        with open(os.path.join(point, "filler"), "wb") as file:
            try:
                while True:
                    file.write(bytes(MIB))
                    file.flush()
            except OSError:
                pass
        tool("umount", point)

    def test_D0_19_the_disk_for_docker_leads_elsewhere(self):
        tool("mkfs.ext4", "-q", "-L", "DOCKER", self.data.path)
        tool("debugfs", "-w", "-R", "symlink /mkinitrd /etc", self.data.path)
        self.refused("docker", "mkinitrd of /dev/sdc is a symbolic link", [self.target, self.data],
                     host_name="web1")
        self.assertEqual(self.data.names("/"), ["lost+found", "mkinitrd"])


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    cli.require("shellcheck", "openssl", "losetup", "debugfs", "blkid", "curl", "mkfs.vfat", "sgdisk",
                "grub-script-check", "strace")
    if os.geteuid() != 0:
        print("skipped: disks and mounts take root")
        sys.exit(77)
    scratch_root.own_mounts()
    unittest.main(verbosity=2)
