# SPDX-License-Identifier: Apache-2.0
"""Disks of every kind: how they are found, checked, grown, made, left alone.

Facts: without Docker a machine is up in seconds, so each case is a boot of its own. Main is a shell
       that has a file of the disk open, as dockerd has. FIFREEZE leaves a record in the log of XFS
       on purpose, so that unlinked files are dealt with at the next mount: xfs_repair says so, and
       has nothing to repair once that is replayed, which a mount does.
"""
import os
import re
import subprocess
import unittest

import disks
import machine
import vm

MEMORY = 400
NOT_PANIC = (vm.PANIC,)
MIB = 1 << 20
DISK_OK = r"mkinitrd: disk: ok (.*)"
DISK_FAILED = r"mkinitrd: disk: failed: (.*)"
SIZE = 600 * MIB
# each leaves room on its device to grow into
FILE_SYSTEMS = {
    "ext3": ["mke2fs", "-q", "-t", "ext3", "-b", "4096"],
    "ext4": ["mke2fs", "-q", "-t", "ext4", "-b", "4096"],
    "xfs": ["mkfs.xfs", "-q", "-d", "size=320m"],
    "btrfs": ["mkfs.btrfs", "-q", "-b", "256m"],
}
SMALL = {"ext3": ["51200"], "ext4": ["51200"]}


def attach(path, kind, index, serial=""):
    """QEMU's words for a disk of this kind."""
    drive = ["-drive", f"if=none,id=d{index},format=raw,cache=unsafe,file={path}"]
    serial = f",serial={serial}" if serial or kind == "nvme" else ""
    return drive + {
        "virtio": ["-device", f"virtio-blk-pci,id=disk{index},drive=d{index}{serial}"],
        "sata": ["-device", f"ich9-ahci,id=ahci{index}",
                 "-device", f"ide-hd,bus=ahci{index}.0,drive=d{index}"],
        "nvme": ["-device", f"nvme,id=nvme{index},drive=d{index}{serial or ',serial=1'}"],
    }[kind]


class Disks(machine.BootTest):

    def blank(self, name, size=SIZE):
        return disks.make_raw(self.path(name), str(size), ())

    def file_system(self, name, kind, label=None, uuid=None, size=SIZE):
        """A raw disk with a file system that is smaller than it."""
        path = self.blank(name, size)
        flag = {"xfs": "-m", "btrfs": "-U"}.get(kind, "-U")
        words = (["-L", label] if label else []) + (
            [flag, f"uuid={uuid}" if kind == "xfs" else uuid] if uuid else [])
        disks.run(*FILE_SYSTEMS[kind], *words, path, *SMALL.get(kind, []))
        return path

    def partitioned(self, name, parts):
        """A GPT disk; parts: (content's file, name, UUID). Their contents are copied in."""
        size = sum(os.path.getsize(content) for content, _, _ in parts) + 4 * MIB
        path, at = self.blank(name, size), 2048
        for number, (content, label, uuid) in enumerate(parts, 1):
            sectors = os.path.getsize(content) // 512
            disks.run("sgdisk", f"--new={number}:{at}:{at + sectors - 1}",
                      f"--change-name={number}:{label}", f"--partition-guid={number}:{uuid}", path)
            disks.run("dd", f"if={content}", f"of={path}", "conv=notrunc,sparse", "bs=1M",
                      f"seek={at // 2048}")
            at += sectors
        return path

    def boot(self, append="", extra=(), **arguments):
        return self.machine("disks", append=f"rd.shell {append}", memory=MEMORY, nic="none",
                            extra=[word for words in extra for word in words], **arguments)

    def up(self, guest, since=0):
        """Main runs; what the step "disk" said."""
        guest.wait_for(r"mkinitrd: exec: ", 120, since=since)
        return guest.wait_for(DISK_OK, 1, since=since).group(1)

    def failed(self, guest):
        """The step "disk" failed, and there is a shell; what it said."""
        said = guest.wait_for(DISK_FAILED, 60, unless=NOT_PANIC).group(1)
        guest.type_until('echo RESCUE\\-ANSWERS', "RESCUE-ANSWERS", 60)
        return said

    def retry(self, guest, command):
        """From the rescue shell, until main runs."""
        since = guest.position()
        guest.console.send(f"{command}; exit\n")
        return self.up(guest, since)

    def power_off(self, guest):
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(60), "guest-shutdown")


class Found(Disks):

    def check_use(self, guest, kind, grows):
        said = self.up(guest)
        self.assertIn(f"type={kind} at=/var/lib/docker", said)
        self.assertRegex(guest.shell.run("cat /proc/mounts"),
                         rf"(?m)^/dev/\S+ /var/lib/docker {kind} rw,")
        if grows:
            before, after = map(int, re.search(r"grown=(\d+)\.\.(\d+)", said).groups())
            self.assertGreater(after, before + 100 * MIB)
            self.assertGreater(int(guest.shell.run(
                "busybox df -k /var/lib/docker | busybox awk 'NR==2 {print $2}'")) * 1024,
                before + 100 * MIB)
        guest.shell.run("echo kept >/var/lib/docker/file")
        self.power_off(guest)
        return said

    def part_of(self, path, name, at, size):
        part = self.path(name)
        disks.run("dd", f"if={path}", f"of={part}", "bs=1M", f"skip={at // MIB}",
                  f"count={size // MIB}", "conv=sparse")
        return part

    def test_OD_6_OD_20_partition_of_the_second_of_three(self):
        swap = self.blank("swap", 64 * MIB)
        disks.run("mkswap", "-L", "OD-SWAP", swap)
        # a label of the wrong kind is no disk for Docker
        other = self.blank("other", 64 * MIB)
        disks.run("mkswap", "-L", "DOCKER", other)
        data = disks.make_raw(self.path("data"), "200M", ("-t", "ext4", "-L", "DOCKER"))
        both = self.partitioned("both", [
            (swap, "swap", "11111111-2222-3333-4444-555555555555"),
            (data, "data", "11111111-2222-3333-4444-666666666666")])
        guest = self.boot(extra=[attach(path, "virtio", index) for index, path in
                                 enumerate([other, both, self.blank("third", 64 * MIB)])])
        self.up(guest)
        # which of them is vdb is not settled: drivers are loaded side by side
        swap = guest.wait_for(r"mkinitrd: swap: ok source=LABEL=OD-SWAP device=(/dev/vd[abc])1 ", 1)
        self.assertRegex(guest.shell.run("cat /proc/swaps"),
                         rf"(?m)^{swap.group(1)}1\s+partition")
        said = self.check_use(guest, "ext4", False)
        self.assertIn(f"source=LABEL=DOCKER device={swap.group(1)}2 ", said)
        self.assertIn("fsck=clean", said)
        part = self.part_of(both, "part", 65 * MIB, 200 * MIB)
        self.assert_clean(part)
        self.assertEqual(disks.cat(part, "/file"), "kept\n")

    def test_OD_6_ext3_on_virtio_by_serial(self):
        disk = self.file_system("disk", "ext3")
        guest = self.boot("mkinitrd.disk=virtio-OD_6", [attach(disk, "virtio", 0, "OD 6")])
        said = self.check_use(guest, "ext3", True)
        self.assertIn("source=virtio-OD_6 device=/dev/vda", said)
        guest.wait_for(r"mkinitrd: swap: skipped: LABEL=OD-SWAP not found", 1)
        self.assert_clean(disk)
        self.assertEqual(disks.cat(disk, "/file"), "kept\n")

    def test_OD_6_xfs_on_sata_by_uuid(self):
        uuid = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
        disk = self.file_system("disk", "xfs", uuid=uuid)
        guest = self.boot(f"mkinitrd.disk=UUID={uuid.upper()}", [attach(disk, "sata", 0)])
        self.assertIn("device=/dev/sda", self.check_use(guest, "xfs", True))
        # what was written is there after the record that the freeze left is replayed, by a mount
        guest = self.boot(f"mkinitrd.disk=UUID={uuid}", [attach(disk, "sata", 0)], name="again")
        self.up(guest)
        self.assertEqual(guest.shell.run("cat /var/lib/docker/file"), "kept\n")
        guest.stop()

    def test_OD_6_btrfs_on_nvme(self):
        disk = self.file_system("disk", "btrfs", "DOCKER")
        guest = self.boot(extra=[attach(disk, "nvme", 0)])
        self.assertIn("device=/dev/nvme0n1", self.check_use(guest, "btrfs", True))
        disks.run("btrfs", "check", "--readonly", disk)
        log = disks.run("btrfs", "inspect-internal", "dump-super", disk)
        self.assertRegex(log, r"(?m)^log_root\s+0$")

    def test_OD_6_xfs_by_name_of_its_partition(self):
        data = self.file_system("data", "xfs")
        disk = self.partitioned("disk", [(data, "the disk",
                                          "11111111-2222-3333-4444-555555555555")])
        guest = self.boot('"mkinitrd.disk=PARTLABEL=the disk"', [attach(disk, "virtio", 0)])
        self.assertIn("device=/dev/vda1", self.check_use(guest, "xfs", True))
        guest = self.boot("mkinitrd.disk=PARTUUID=11111111-2222-3333-4444-555555555555",
                          [attach(disk, "nvme", 0)], name="uuid")
        self.assertIn("device=/dev/nvme0n1p1", self.up(guest))

    def test_OD_6_one_label_on_two_disks(self):
        one, two = (self.file_system(name, "ext4", "DOCKER") for name in ("one", "two"))
        before = disks.sha256(one)
        guest = self.boot(extra=[attach(one, "virtio", 0), attach(two, "virtio", 1)])
        said = self.failed(guest)
        self.assertIn("LABEL=DOCKER is on two devices, /dev/vda and /dev/vdb", said)
        guest.monitor.command("device_del", id="disk0")
        guest.type_until("echo LEFT-$(ls /sys/block | grep -c vd)", "LEFT-1", 30)
        self.assertRegex(self.retry(guest, ":"), "device=/dev/vd[ab] ")
        guest.stop()
        self.assertEqual(disks.sha256(one), before)


class Checked(Disks):

    def test_OD_6_fsck_repairs_what_is_safe(self):
        disk = self.file_system("disk", "ext4", "DOCKER")
        disks.run("debugfs", "-w", "-R", "ssv free_blocks_count 1", disk)
        disks.run("debugfs", "-w", "-R", "ssv state 2", disk)
        guest = self.boot(extra=[attach(disk, "virtio", 0)])
        self.assertIn(" fsck=repaired", self.up(guest))
        guest.wait_for(r"mkinitrd: disk: e2fsck repaired /dev/vda: ", 1)
        self.power_off(guest)
        self.assert_clean(disk)

    def test_OD_6_fsck_stops_and_says_what_helps(self):
        disk = self.file_system("disk", "ext4", "DOCKER")
        disks.run("debugfs", "-w", "-R", "clri <2>", disk)
        disks.run("debugfs", "-w", "-R", "ssv state 2", disk)
        guest = self.boot(extra=[attach(disk, "virtio", 0)])
        said = self.failed(guest)
        self.assertIn("has errors that e2fsck does not repair unasked", said)
        command = re.search(r"repair them: '(.*?)'", said).group(1)
        # the command that it names is the one that helps
        self.retry(guest, f"{command} -y")
        self.power_off(guest)
        self.assert_clean(disk)


class Made(Disks):

    def test_OD_7_blank_disk_is_made_once(self):
        disk = self.blank("disk")
        guest = self.boot(extra=[attach(disk, "virtio", 0)])
        self.assertRegex(self.up(guest), r"device=/dev/vda type=ext4 .* made=yes")
        guest.shell.run("echo kept >/var/lib/docker/file")
        self.power_off(guest)
        self.assertEqual(disks.run("e2label", disk).strip(), "DOCKER")
        self.assert_clean(disk)
        guest = self.boot(extra=[attach(disk, "virtio", 0)], name="again")
        self.assertNotIn("made=", self.up(guest))
        self.assertEqual(guest.shell.run("cat /var/lib/docker/file"), "kept\n")

    def test_OD_7_what_is_not_blank_stays(self):
        size = 64 * MIB
        paths = {name: self.blank(name, size) for name in ("swap", "gpt", "noise", "end", "small")}
        disks.run("mkswap", paths["swap"])
        # only the copy at the end is left of its partition table
        disks.run("sgdisk", "--new=1:0:0", paths["gpt"])
        for name, at in (("gpt", 0), ("noise", 512 << 10), ("end", size - 512)):
            with open(paths[name], "r+b") as file:
                file.seek(at)
                file.write(bytes(MIB) if name == "gpt" else b"mine")
        os.truncate(paths["small"], 8 * MIB)
        before = {name: disks.sha256(path) for name, path in paths.items()}
        guest = self.boot(extra=[attach(path, "virtio", index)
                                 for index, path in enumerate(paths.values())])
        said = self.failed(guest)
        seen = re.search("not blank: (.*); LABEL=DOCKER not found", said).group(1)
        self.assertEqual(re.findall(r"/dev/(vd.) \(", seen), ["vda", "vdb", "vdc", "vdd", "vde"])
        # which of them is which is not settled: drivers are loaded side by side
        self.assertEqual(sorted(re.findall(r"\((.*?)\)", seen)),
                         ["gpt partition table", "swap", "too small", "unknown data",
                          "unknown data"])
        guest.stop()
        self.assertEqual({name: disks.sha256(path) for name, path in paths.items()}, before)

    def test_OD_7_two_blank_disks(self):
        disk, other = self.blank("disk"), self.blank("other")
        before = disks.sha256(disk)
        guest = self.boot(extra=[attach(disk, "virtio", 0), attach(other, "virtio", 1)])
        said = self.failed(guest)
        self.assertIn("two disks are blank, /dev/vda and /dev/vdb", said)
        self.assertEqual(disks.sha256(disk), before)
        guest.monitor.command("device_del", id="disk1")
        guest.type_until("echo LEFT-$(ls /sys/block | grep -c vd)", "LEFT-1", 30)
        self.assertRegex(self.retry(guest, ":"), r"device=/dev/vd[ab] .* made=yes")

    def test_OD_7_the_named_disk_or_none(self):
        disk, other = self.blank("disk"), self.blank("other")
        before = disks.sha256(disk)
        both = [attach(disk, "virtio", 0), attach(other, "virtio", 1, "mine")]
        guest = self.boot("mkinitrd.disk=/dev/disk/by-id/virtio-mine", both)
        self.assertRegex(self.up(guest), r"device=/dev/vd[ab] .* made=yes")
        guest.stop()
        self.assertEqual(disks.sha256(disk), before)
        disks.run("mkswap", disk)
        before = disks.sha256(disk)
        guest = self.boot("mkinitrd.disk=/dev/vda", both, name="swap")
        said = self.failed(guest)
        self.assertIn("not blank: /dev/vda (swap); it is untouched", said)
        guest.stop()
        self.assertEqual(disks.sha256(disk), before)


if __name__ == "__main__":
    machine.needs_tools()
    vm.require("sgdisk", "mkfs.xfs", "mkfs.btrfs", "mkswap", "btrfs")
    unittest.main(verbosity=2)
