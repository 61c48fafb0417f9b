# SPDX-License-Identifier: Apache-2.0
"""kernel.host-modules: the modules of a machine, by its sysfs, its mounts and its disks.

The machines are folders with what sysfs would say; one test has such a folder mounted at /sys, one
takes this machine's own.
"""
import filecmp
import json
import os
import re
import shutil
import subprocess
import unittest

import cli

MAKE = os.path.join(cli.SOURCE, "tests/fixture/make_modules")
FOLDER = f"usr/lib/modules/{cli.RELEASE}/kernel/"
WHERE = "(fixture.yaml:5)"
DISK = "pci:v00001AF4d00001042sv00001AF4sd00001042bc01sc80i00"
ETHERNET = "pci:v00008086d0000100Esv00008086sd00001001bc02sc00i00"


def describe(folder):
    """This machine, by the commands that the manual has for it."""
    with open(os.path.join(cli.SOURCE, "docs/mkinitrd.8.scd"), encoding="utf-8") as file:
        script = re.search(r"^```\n(cd / && find sys/devices .*?)^```$", file.read(), re.M | re.S)
    subprocess.run(["sh", "-c", script[1].replace("/tmp/machine", folder)], timeout=120, check=True)


class Machine:
    """A folder that describes one."""

    def __init__(self, path):
        self.path = path
        self.mounts = []
        for folder in ("sys/devices", "sys/class/block", "sys/dev/block", "dev", "proc/self"):
            os.makedirs(os.path.join(path, folder))

    def file(self, name, content):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def link(self, name, target):
        """A symlink to another path of the machine."""
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(os.path.relpath(os.path.join(self.path, target), os.path.dirname(path)), path)

    def device(self, path, bus, modalias=None, driver=None, module=None, loaded=True):
        """One in sys/devices, with what drives it."""
        top = "sys/devices/" + path
        uevent = (f"DRIVER={driver}\n" if driver else "")
        self.file(top + "/uevent", uevent + (f"MODALIAS={modalias}\n" if modalias else ""))
        if modalias:
            self.file(top + "/modalias", modalias + "\n")
        self.link(top + "/subsystem", "sys/bus/" + bus)
        if driver:
            folder = f"sys/bus/{bus}/drivers/{driver}"
            self.link(top + "/driver", folder)
            os.makedirs(os.path.join(self.path, folder), exist_ok=True)
            if module and not os.path.lexists(os.path.join(self.path, folder, "module")):
                self.link(folder + "/module", "sys/module/" + module)
            if module and loaded:
                self.file(f"sys/module/{module}/initstate", "live\n")

    def block(self, path, number, slaves=()):
        """A block device at a path below sys/devices."""
        name = os.path.basename(path)
        self.file(f"sys/devices/{path}/uevent", f"DEVNAME={name}\n")
        self.file(f"sys/devices/{path}/dev", number + "\n")
        self.link("sys/class/block/" + name, "sys/devices/" + path)
        self.link("sys/dev/block/" + number, "sys/devices/" + path)
        for slave in slaves:
            self.link(f"sys/devices/{path}/slaves/{os.path.basename(slave)}",
                      "sys/devices/" + slave)

    def mount(self, number, where, kind, source="none", options="rw"):
        self.mounts.append(f"{20 + len(self.mounts)} 1 {number} / {where} rw shared:1 - "
                           f"{kind} {source} {options}\n")
        self.file("proc/self/mountinfo", "".join(self.mounts))


class Host(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()
        shutil.rmtree(self.root / "usr/lib/modules")
        subprocess.run([MAKE, self.root.path, cli.RELEASE], check=True, timeout=120,
                       capture_output=True)
        self.host = Machine(self.path("host"))
        self.host.file("proc/self/mountinfo", "")

    def profile(self, modules="", more=""):
        """The line that asks for it is the fifth."""
        return (cli.PROFILE + f"kernel: {{ host-modules: true, modules: {{ {modules} }} }}\n"
                + more)

    def build(self, profile, *more, status=0, output="a.img"):
        """The lines about the host."""
        done = self.run_program(*self.build_arguments(profile, output), "--devices", "host", "-v",
                                *more)
        self.assertEqual(done.status, status, done.stderr)
        return [line.removeprefix("mkinitrd: ") for line in done.stderr.splitlines()
                if " host " in line or " host's " in line or line.endswith(" of this host")
                or "optional" in line or status]

    def packed(self, image="a.img"):
        done = self.run_program("ls", image)
        return sorted(os.path.basename(line).removesuffix(".ko")
                      for line in done.stdout.splitlines() if line.endswith(".ko"))

    def why(self, path, image="a.img"):
        done = self.run_program("why", image, FOLDER + path)
        self.assertEqual(done.status, 0, done.stderr)
        return [line.strip() for line in done.stdout.splitlines()[1:]]

    # ---- devices ----

    def test_each_device_and_why_it_gets_none(self):
        host = self.host
        host.device("pci0000:00/0000:00:02.0", "pci", ETHERNET, "e1000", "e1000")
        host.device("pci0000:00/0000:00:03.0", "pci", ETHERNET, "e1000", "e1000")
        host.device("pci0000:00/0000:00:03.0/virtio0", "virtio", "virtio:d00000009v00001AF4")
        host.device("pci0000:00/0000:00:04.0", "pci",
                    ETHERNET.replace("sd00001001", "sd00001002"))
        host.device("pci0000:00/0000:00:05.0", "pci", "pci:v0000BADDd00000001sv0sd0bc0sc0i0")
        host.device("pci0000:00/0000:00:06.0", "pci", "pci:v00001234d00000001sv0sd0bc0sc0i0")
        host.device("pci0000:00/0000:00:07.0", "pci", "pci:v00001235d00000001sv0sd0bc0sc0i0",
                    "gone", "gone_mod")
        host.device("platform/port", "platform", "platform:port", "port")
        host.device("platform/bound", "platform", "platform:bound", "fake-late", "fake_late")
        host.device("platform/fixed", "platform", "platform:fixed", "fake_builtin")
        host.device("platform/plain", "platform")
        said = self.build(self.profile())
        self.assertEqual(said, [
            f"host device pci 0000:00:03.0: asks for the same modules as pci0000:00/0000:00:02.0",
            "host device pci 0000:00:04.0: module 'fake_eth' is there already, for "
            "pci0000:00/0000:00:02.0",
            "host device pci 0000:00:05.0: module 'fake_banned' is blacklisted by modprobe.d, "
            "skipping",
            f"host device pci 0000:00:06.0: no module of kernel {cli.RELEASE} drives it, and "
            "nothing drives it here",
            "host device pci 0000:00:07.0: module 'gone_mod', which drives it here, is not in "
            f"kernel {cli.RELEASE}",
            f"host device platform fixed: 'fake_builtin' is built into kernel {cli.RELEASE}",
            "host device platform port: 'port', which drives it here, is built into the running "
            f"kernel; kernel {cli.RELEASE} has no module for it",
            "warning: modules that drive devices of this host now are not in kernel "
            f"{cli.RELEASE}: gone_mod (pci 0000:00:07.0)",
            "3 modules for 10 devices and 0 disks of this host"])
        self.assertEqual(self.packed(), ["fake-crc", "fake_bus", "fake_deep", "fake_eth",
                                         "fake_fs", "fake_late", "fake_virtio"])
        self.assertEqual(self.why("drivers/net/ethernet/fake_eth.ko"),
                         [f"host device pci 0000:00:02.0 (modalias {ETHERNET}) {WHERE}"])
        self.assertEqual(self.why("drivers/fake/fake_bus.ko"), [
            f"module dependency of {FOLDER}drivers/virtio/fake_virtio.ko",
            f"host device virtio virtio0 (modalias virtio:d00000009v00001AF4) {WHERE}"])
        self.assertEqual(self.why("drivers/fake/fake_late.ko"),
                         [f"host device platform bound {WHERE}"])
        firmware = self.run_program("ls", "a.img", "usr/lib/firmware")
        self.assertIn("fake/eth.bin", firmware.stdout)

    def test_what_the_profile_excludes(self):
        self.host.device("pci0000:00/0000:00:02.0", "pci", ETHERNET)
        self.host.device("pci0000:00/0000:00:03.0", "pci", DISK)
        self.host.device("pci0000:00/0000:00:03.0/virtio0", "virtio", "virtio:d00000009v00001AF4")
        self.write("fixture.d/10.yaml", 'kernel: { modules: { "pci:v00008086*": null, fake-disk: '
                                        'null, "drivers/virtio/**": null, no_such: null } }\n')
        said = self.build(self.profile("no_such: optional"))
        self.assertEqual(said, [
            "host device pci 0000:00:02.0: module 'fake_eth' is excluded by 'pci:v00008086*: null' "
            "(fixture.d/10.yaml:1)",
            "host device pci 0000:00:03.0: module 'fake_disk' is excluded by 'fake-disk: null' "
            "(fixture.d/10.yaml:1)",
            "host device virtio virtio0: module 'fake_virtio' is excluded by "
            "'drivers/virtio/**: null' (fixture.d/10.yaml:1)",
            "0 modules for 3 devices and 0 disks of this host"])
        self.assertEqual(self.packed(), [])
        shown = self.run_program("profile", "show", "-p", self.path("fixture.yaml"))
        self.assertRegex(shown.stdout, r"\n  host-modules: true +# fixture.yaml:5\n")
        self.assertRegex(shown.stdout, r"\n    fake-disk: null +# fixture.d/10.yaml:1\n")
        shown = self.run_program("profile", "show", "--json", "-p", self.path("fixture.yaml"))
        self.assertIsNone(json.loads(shown.stdout)["profile"]["kernel"]["modules"]["fake-disk"])
        # what is shown is a profile that says the same
        again = self.run_program("profile", "show", "-p", self.path("fixture.yaml")).stdout
        shutil.rmtree(self.path("fixture.d"))
        self.assertEqual(self.build(again)[-1], said[-1])
        # named again above it: wanted again
        self.assertIn("1 modules for 3 devices and 0 disks of this host",
                      self.build(again, "--set", "kernel.modules.fake-disk=optional"))

    def test_nulls_without_it_remove_nothing(self):
        done = self.run_program(*self.build_arguments(
            cli.PROFILE + "kernel: { modules: { fake_late: null, fake_eth: required } }\n"))
        self.assertIn("warning: fixture.yaml:5:22: nothing to remove at 'kernel.modules.fake_late'",
                      done.stderr)
        os.unlink(self.path("a.img"))
        self.check_refused(self.profile().replace("true", "maybe"),
                           "fixture.yaml:5:25: 'kernel.host-modules' (and those for the devices "
                           "and disks of this machine) is 'maybe'; expected true")

    def check_refused(self, profile, words, *more):
        self.check([*self.build_arguments(profile), *more], 1, "", f"mkinitrd: {words}\n")
        self.assertFalse(os.path.exists(self.path("a.img")))

    # ---- disks ----

    def disk(self, label="DOCKER"):
        """A partition with a file system on a disk of virtio, and what it hangs on."""
        pci = "pci0000:00/0000:00:02.0"
        self.host.device(pci, "pci", "pci:v00009999d00000001sv0sd0bc0sc0i0", "bridge")
        self.host.device(pci + "/virtio0", "virtio", "virtio:d00000002v00001AF4",
                         "virtio_blk", "virtio_blk", loaded=False)
        self.host.block(pci + "/virtio0/block/vda", "254:0")
        self.host.block(pci + "/virtio0/block/vda/vda1", "254:1")
        self.host.file(pci.join(("sys/devices/", "/virtio0/block/vda/vda1/partition")), "1\n")
        self.host.file("sys/devices/" + pci + "/virtio0/block/vda/serial", "S1\n")
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", label, "-U",
                        "12345678-1234-1234-1234-1234567890ab", self.path("host/dev/vda1"), "2M"],
                       check=True, timeout=60, capture_output=True)
        return pci + "/virtio0/block/vda/vda1"

    def test_disk_of_the_root(self):
        self.disk()
        self.host.mount("254:1", "/", "fakefs")
        self.host.mount("254:1", "/srv", "fakefs")
        self.host.mount("0:22", "/sys", "sysfs")
        self.assertEqual(self.build(self.profile())[-1],
                         "2 modules for 2 devices and 1 disks of this host")
        self.assertEqual(self.packed(), ["fake-crc", "fake_bus", "fake_fs", "fake_virtio",
                                         "fake_virtio_blk"])
        self.assertEqual(self.why("drivers/virtio/fake_virtio_blk.ko"), [
            "host disk vda1, device virtio virtio0 (modalias virtio:d00000002v00001AF4) " + WHERE])
        self.assertEqual(self.why("fs/fake_fs.ko"),
                         ["host disk vda1, file system fakefs " + WHERE])
        # what names the disks is not in the image
        with open(self.path("a.img"), "rb") as image:
            self.assertNotIn(b"/srv", image.read())

    def test_disk_that_needs_what_the_kernel_lacks(self):
        self.disk()
        self.host.mount("254:1", "/", "otherfs")
        self.check_refused(self.profile(), "the disk 'vda1', mounted at '/', of this host needs "
                           f"its file system 'otherfs', and kernel {cli.RELEASE} of the root "
                           "'root': that has neither a module for it nor has it built in "
                           "(host-modules, fixture.yaml:5); install it, name another kernel with "
                           "-k, or go without: kernel.modules.otherfs=null", "--devices", "host")
        said = self.build(self.profile("otherfs: null"))
        self.assertIn("host disk vda1: its file system 'otherfs' is excluded by 'otherfs: null'",
                      said)
        self.host.mounts.clear()
        self.host.mount("254:1", "/srv", "otherfs")
        said = self.build(self.profile())
        self.assertIn("host disk vda1: needs its file system 'otherfs', and kernel "
                      f"{cli.RELEASE}: that has neither a module for it nor has it built in, "
                      "skipping", said)
        self.assertIn("optional and not found (modules): otherfs", said)

    def test_driver_that_only_the_running_kernel_has(self):
        """There it is built in, which does not help the other one."""
        self.disk()
        self.host.mount("254:1", "/", "fakefs")
        self.host.file("sys/devices/pci0000:00/0000:00:02.0/virtio0/modalias", "virtio:d000000FFv1\n")
        self.check_refused(self.profile(), "the disk 'vda1', mounted at '/', of this host needs "
                           "the driver 'virtio_blk' of virtio virtio0, and kernel "
                           f"{cli.RELEASE} of the root 'root': that has neither a module for it "
                           "nor has it built in (host-modules, fixture.yaml:5); install it, name "
                           "another kernel with -k, or go without: kernel.modules.virtio_blk=null",
                           "--devices", "host")
        # built in there, which is as good
        for name in ("modules.builtin",):
            with open(self.root / f"usr/lib/modules/{cli.RELEASE}/{name}", "a",
                      encoding="utf-8") as file:
                file.write("kernel/drivers/block/virtio_blk.ko\n")
        subprocess.run(["depmod", "-b", self.root.path, cli.RELEASE], check=True, timeout=60,
                       capture_output=True)
        said = self.build(self.profile())
        self.assertIn(f"host disk vda1, device virtio virtio0: 'virtio_blk' is built into kernel "
                      f"{cli.RELEASE}", said)

    def test_disks_that_the_profile_names(self):
        self.disk()
        boot = "boot: {{ disk: {{ find: {}, at: /srv, absent: tmpfs }} }}\n"
        for find, matches in (("LABEL=DOCKER", True), ("LABEL=OTHER", False),
                              ("UUID=12345678-1234-1234-1234-1234567890ab", True),
                              ("virtio-S1-part1", True), ("virtio-S1-part2", False),
                              ("/dev/vda1", True)):
            with self.subTest(find=find):
                self.write("disk.yaml", boot.format(find))
                done = self.run_program(
                    *self.build_arguments(self.profile()), "-v", "--devices", "host",
                    "-p", self.path("disk.yaml"))
                missing = "its file system 'ext4'"
                self.assertEqual(done.status, 1 if matches else 0, done.stderr)
                if matches:
                    self.assertIn(f"the disk 'vda1' of this host needs {missing}", done.stderr)
                    self.assertIn(f"(host-modules, fixture.yaml:5, boot.disk.find {find})",
                                  done.stderr)
                else:
                    self.assertIn(f"no disk of the host is '{find}' (boot.disk.find)", done.stderr)
        for cow, status in (("LABEL=DOCKER:layers", 1), ("LABEL=DOCKER", 1), ("tmpfs:10%", 0)):
            with self.subTest(cow=cow):
                self.write("disk.yaml", "boot: { main: { exec: [/bin/hello] }, "
                                        f"root: {{ find: LABEL=R, cow: '{cow}' }} }}\n")
                done = self.run_program(
                    *self.build_arguments(self.profile()), "-v", "--devices", "host",
                    "-p", self.path("disk.yaml"))
                self.assertEqual(done.status, status, done.stderr)
                if status:
                    self.assertIn("(host-modules, fixture.yaml:5, boot.root.cow LABEL=DOCKER)",
                                  done.stderr)

    def test_disks_made_of_disks(self):
        """A volume on an array on partitions, one behind a USB bridge."""
        first = self.disk()
        self.host.device("platform/usb1", "usb", "fake:A-Bxz-Q", "usb-storage")
        self.host.block("platform/usb1/host0/block/sda", "8:0")
        self.host.block("virtual/block/md0", "9:0", (first, "platform/usb1/host0/block/sda"))
        self.host.file("sys/devices/virtual/block/md0/md/level", "raid1\n")
        self.host.block("virtual/block/dm-0", "253:0", ("virtual/block/md0",))
        self.host.file("sys/devices/virtual/block/dm-0/dm/uuid", "CRYPT-LUKS2-0123-x\n")
        # a btrfs has a number of no device; its source is a link of udev's
        self.host.link("dev/mapper/data", "dev/dm-0")
        self.host.file("dev/dm-0", "")
        self.host.mount("0:40", "/data", "fakefs", "/dev/mapper/data")
        said = self.build(self.profile())
        for name in ("md-raid1", "md_mod", "dm_mod", "dm_crypt"):
            self.assertIn(f"optional and not found (modules): {name}", said)
        self.assertEqual(self.why("drivers/virtio/fake_virtio_blk.ko"), [
            "host disk dm-0, device usb usb1 (modalias fake:A-Bxz-Q) " + WHERE])
        self.assertIn("host disk dm-0, device virtio virtio0: module 'fake_virtio_blk' is there "
                      "already, for platform/usb1", said)

    def test_what_is_no_disk(self):
        self.host.block("virtual/block/loop0", "7:0")
        self.host.block("virtual/block/zram0", "252:0")
        self.host.mount("0:30", "/", "overlay", "overlay")
        self.host.mount("7:0", "/snap", "squashfs", "/dev/loop0")
        self.host.mount("252:0", "/zram", "ext4", "/dev/zram0")
        self.assertEqual(self.build(self.profile()), [
            "the host's '/' (overlay) is on no disk, skipping",
            "host disk 'loop0' (squashfs): it lies in memory or in a file, skipping",
            "host disk 'zram0' (ext4): it lies in memory or in a file, skipping",
            "0 modules for 0 devices and 0 disks of this host"])

    # ---- odd machines ----

    def test_odd_machines_hurt_nobody(self):
        host = self.host
        top = "sys/devices/"
        host.device("good", "platform", ETHERNET)
        host.file(top + "binary/modalias", b"pci:v\0\1\2\n")
        host.file(top + "control/modalias", b"pci:\x1b[2Jv\n")
        host.file(top + "no-colon/modalias", "fake_late\n")
        host.file(top + "latin/modalias", b"pci:\xe9\n")
        host.file(top + "empty/modalias", "")
        host.file(top + "huge/modalias", "x:" + "y" * 1000000)
        host.file(top + "long/modalias", "pci:" + "v" * 5000 + "\n")
        # neither waited for, nor read where it is not the host's
        for name in ("pipe", "link"):
            os.makedirs(os.path.join(host.path, top, name))
        os.mkfifo(os.path.join(host.path, top, "pipe/modalias"))
        with open(os.path.join(self.directory, "outside"), "w", encoding="utf-8") as file:
            file.write(ETHERNET.replace("100E", "100F") + "\n")
        os.symlink(os.path.join(self.directory, "outside"),
                   os.path.join(host.path, top, "link/modalias"))
        host.file(top + "star/modalias", "pci:*\n")
        host.file(top + "bracket/modalias", "pci:v[0000\n")
        host.file(top + "path/modalias", "../../../etc:passwd\n")
        host.file(top + "two/modalias", "virtio:d00000009v1\npci:v9\n")
        host.file(top + "evil\nname/modalias", ETHERNET + "\n")
        host.link(top + "loop/a", top + "loop")
        os.symlink("/", os.path.join(host.path, top, "away"))
        deep = os.path.join(host.path, top, *["d"] * 60)
        os.makedirs(deep)
        with open(os.path.join(deep, "modalias"), "w", encoding="utf-8") as file:
            file.write(ETHERNET.replace("100E", "100F"))
        # a disk that stands on itself
        host.block("virtual/block/md1", "9:1", ("virtual/block/md1",))
        host.mount("9:1", "/array", "fakefs")
        host.mounts.append("nothing at all\n1 2 3\n - \n30 1 8:1/../.. / /x rw - ext4 x rw\n")
        host.mount("1:1", "/odd", "e\x1bxt4")
        said = self.build(self.profile())
        for name, why in (("binary", "its modalias is no text"), ("control", "its modalias is none"),
                          ("no-colon", "its modalias is none"), ("latin", "its modalias is none"),
                          ("evil\\nname", "its name is none")):
            self.assertIn(f"host device '{name}': {why}, skipping", said)
        self.assertEqual(sum("it lies too deep" in line for line in said), 1)
        self.assertEqual(self.packed(), ["fake-crc", "fake_bus", "fake_deep", "fake_eth",
                                         "fake_fs", "fake_virtio"])

    def test_which_machine(self):
        words = ("fixture.yaml:5:25: 'kernel.host-modules' asks for the modules of this machine's "
                 "devices, and 'root' is the root of another; say --devices / when it is for this "
                 "machine, or --devices DIR with a description of the other one (its sys, proc "
                 "and dev)")
        self.check_refused(self.profile(), words)
        os.mkdir(self.path("empty"))
        self.check_refused(self.profile(), "cannot read /sys/devices of the host 'empty', whose "
                           "modules 'kernel.host-modules' asks for; mount sysfs there, or leave "
                           "it out: No such file or directory", "--devices", "empty")
        done = self.run_program(*self.build_arguments(self.profile()), "--devices", "/")
        self.assertIn(done.status, (0, 1))  # by the disks that there are here
        if done.status:
            self.assertRegex(done.stderr, "^mkinitrd: the disk .* of this host needs ")
        self.build(self.profile())
        self.build(self.profile(), output="b.img")
        self.assertTrue(filecmp.cmp(self.path("a.img"), self.path("b.img"), shallow=False))

    def test_a_tree_for_this_machine(self):
        self.host.device("pci0000:00/0000:00:02.0", "pci", ETHERNET)
        done = self.run_program("tar", "-p", self.write("fixture.yaml", self.profile()), "--root",
                                "root", "-k", cli.RELEASE, "--devices", "host", "-o", "a.tar")
        self.assertEqual(done.status, 0, done.stderr)
        listed = subprocess.run(["tar", "-tf", self.path("a.tar")], check=True, timeout=60,
                                capture_output=True, text=True).stdout
        self.assertIn("fake_eth.ko", listed)


def installed():
    """The release of an installed kernel, or None."""
    return next((name for name in sorted(os.listdir("/lib/modules"), reverse=True)
                 if os.path.exists(f"/lib/modules/{name}/modules.dep")), None) \
        if os.path.isdir("/lib/modules") else None


@unittest.skipUnless(installed(), "no kernel is installed")
class Real(cli.CliTest):
    """This machine, with a kernel that is installed here."""

    PROFILE = "kernel: { host-modules: true }\nprograms: { sh: required }\n" \
              "boot: { main: { exec: [sh] } }\n"

    def build(self, output, *more, wrap=lambda argv: argv):
        done = self.run_program("-p", self.write("real.yaml", self.PROFILE), "-k", installed(),
                                "-c", "none", "-v", "-o", output, *more, wrap=wrap)
        self.assertEqual(done.status, 0, done.stderr)
        return done.stderr

    def test_described_machine_is_as_good(self):
        os.mkdir(self.path("copy"))
        self.build("a.img")
        describe(self.path("copy"))
        self.build("b.img", "--devices", "copy")
        self.assertTrue(filecmp.cmp(self.path("a.img"), self.path("b.img"), shallow=False))

    def test_every_module_for_a_device_is_there(self):
        """Held against what modprobe finds for the same devices."""
        self.build("a.img")
        wanted = set()
        for folder, _, files in os.walk("/sys/devices"):
            if "modalias" not in files:
                continue
            with open(os.path.join(folder, "modalias"), encoding="utf-8") as file:
                alias = file.read().strip()
            done = subprocess.run(["modprobe", "-q", "-a", "-D", "-S", installed(), "--", alias],
                                  timeout=60, check=False, capture_output=True, text=True)
            wanted |= {os.path.basename(line.split()[1]) for line in done.stdout.splitlines()
                       if line.startswith("insmod ")}
        self.assertTrue(wanted)
        listed = self.run_program("ls", "a.img").stdout
        packed = {os.path.basename(line) for line in listed.splitlines()}
        self.assertEqual({name.split(".ko")[0] for name in wanted}
                         - {name.split(".ko")[0] for name in packed}, set())

    def test_code_pages_of_a_disk_that_is_not_mounted(self):
        """What kernels ask for by default; whichever of them is a module of this one."""
        other = Machine(self.path("other"))
        other.file("proc/self/mountinfo", "")
        other.device("pci0000:00/0000:00:02.0/virtio0", "virtio", "virtio:d00000002v00001AF4",
                     "virtio_blk", "virtio_blk", loaded=False)
        other.block("pci0000:00/0000:00:02.0/virtio0/block/vda", "254:0")
        with open(self.path("other/dev/vda"), "wb") as file:
            file.truncate(4 << 20)
        subprocess.run(["mkfs.vfat", "-n", "FILES", self.path("other/dev/vda")], check=True,
                       timeout=60, capture_output=True)
        self.write("disk.yaml",
                   "boot: { disk: { find: LABEL=FILES, at: /srv, absent: tmpfs } }\n")
        self.build("a.img", "--devices", "other", "-p", self.path("disk.yaml"))
        listed = self.run_program("ls", "a.img").stdout
        done = subprocess.run(["modprobe", "-q", "-a", "-D", "-S", installed(), "--", "vfat",
                               "nls_cp437", "nls_ascii", "nls_iso8859_1"], timeout=60, check=False,
                              capture_output=True, text=True)
        wanted = {os.path.basename(line.split()[1]) for line in done.stdout.splitlines()
                  if line.startswith("insmod ")}
        self.assertIn("vfat.ko", wanted)
        self.assertIn("nls_ascii.ko", wanted)
        self.assertEqual({name for name in wanted if "/" + name not in listed}, set())

    @unittest.skipUnless(os.geteuid() == 0, "needs root for a mount")
    def test_what_is_mounted_at_sys(self):
        """The default is /sys itself: here another one, in a mount namespace of its own."""
        other = Machine(self.path("other"))
        other.device("pci0000:00/0000:00:02.0", "pci", ETHERNET)
        script = 'mount --bind "$0" /sys && exec "$@"'
        said = self.build("a.img", wrap=lambda argv: [
            "unshare", "--mount", "sh", "-c", script, self.path("other/sys"), *argv])
        self.assertIn("for 1 devices and 0 disks of this host", said)
        why = self.run_program("why", "a.img", f"usr/lib/modules/{installed()}/kernel/drivers/net/"
                               "ethernet/intel/e1000/e1000.ko")
        self.assertIn(f"host device pci 0000:00:02.0 (modalias {ETHERNET}) (real.yaml:1)",
                      why.stdout)


if __name__ == "__main__":
    unittest.main()
