# SPDX-License-Identifier: Apache-2.0
"""Where the words of main go: file, kernel log, console; bounded, and never lost in silence."""
import re
import unittest

import disks
import machine
import tiny
import vm

NOT_PANIC = (vm.PANIC,)
LOG = "/mkinitrd/log"
STEP = r"mkinitrd: [a-z]+: (ok .*\(\d+ ms\)|skipped: .*|failed: .*|/\S+)$"
FLOOD = "i=0; while [ $i -lt {} ]; do echo \"flood $i of many words\"; i=$((i+1)); done"


class File(machine.BootTest):

    def boot(self, image, disk, name, append=""):
        guest = self.machine(image, name=name, disks=[disk], append=append, memory=tiny.MEMORY)
        tiny.wait(guest)
        return guest

    def end(self, guest, disk):
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(60), "guest-shutdown")
        self.assert_clean(disk)
        return disks.run("debugfs", "-R", f"cat {LOG}", disk).split("\n", 1)[1]

    def test_DL_20_a_file_on_the_disk(self):
        image = tiny.build(self, "file",
                           "boot.disk={ find: LABEL=DOCKER, at: /var/lib/docker, absent: stop }",
                           "boot.log={ to: file, limit: 64K }")
        disk = disks.make_raw(self.path("disk.raw"), "64M")
        guest = self.boot(image, disk, "first", "rd.debug")
        # a line for each mount and load
        for line in ("mounts: devtmpfs at /dev", "mounts: tmpfs at /run", "mounts: cgroup2 at ",
                     "modules: 'virtio_blk' loaded", "modules: 'ext4' loaded"):
            self.assertIn("mkinitrd: " + line, guest.console.text)
        tiny.say(guest, tiny.print_digits(5000, "the-end") + "; : >/run/said")
        guest.shell.run("while [ ! -e /run/said ]; do usleep 100000; done")
        first = self.end(guest, disk)
        # nothing before the disk was there; not on the console
        self.assertRegex(first.splitlines()[0], r"Z mkinitrd: boot, profile file$")
        self.assertIn(" busybox: main is here\n", first)
        self.assertNotIn("main is here", guest.console.text)
        pieces = re.findall(r" busybox: (?:\.\.\. )?([0-9]+|[0-9]*the-end)$", first, re.M)
        self.assertEqual("".join(pieces), tiny.digits(5000, "the-end"))

        guest = self.boot(image, disk, "second")
        for line in re.findall(r"mkinitrd: .*", guest.console.text):
            self.assertRegex(line, STEP)
        second = self.end(guest, disk)
        self.assertTrue(second.startswith(first))
        self.assertEqual(second.count("mkinitrd: boot, profile file\n"), 2)

        guest = self.boot(image, disk, "third", "mkinitrd.mode=supervise")
        tiny.say(guest, FLOOD.format(3000) + "; echo flood ended >/run/flooded")
        sizes = guest.shell.run(
            "while [ ! -e /run/flooded ]; do usleep 100000; done; usleep 500000; "
            "cd /var/lib/docker/mkinitrd; busybox stat -c %s log log.old").split()
        self.assertLess(sum(int(size) for size in sizes), 65536)
        # a full disk: the kernel log takes over, which is said
        guest.shell.run("dd if=/dev/zero of=/var/lib/docker/full bs=64k 2>/dev/null; "
                        "rm /var/lib/docker/mkinitrd/log.old; "
                        "dd if=/dev/zero of=/var/lib/docker/more bs=4k 2>/dev/null; true")
        tiny.say(guest, tiny.print_digits(800, *["full"] * 8))
        guest.wait_for(r"mkinitrd: log: cannot write to '/var/lib/docker/mkinitrd/log' "
                       r"\(No space left on device\)", 30)
        guest.wait_for(r"\] busybox: .*full$", 30)
        self.assertNotIn("lines dropped", guest.console.text)
        self.assertIn("flood 2999", self.end(guest, disk))


class LastWords(machine.BootTest):

    def test_DL_20_last_words_before_the_panic(self):
        image = tiny.build(self, "kmsg")
        guest = self.machine(image, memory=tiny.MEMORY, append="panic=2")
        tiny.wait(guest)
        guest.wait_for(r"\] busybox: main is here$", 30)
        # more than passes, which is counted
        tiny.say(guest, FLOOD.format(2000))
        dropped = int(guest.wait_for(r"busybox: (\d+) lines dropped: more than 500 in 5 s",
                                     60).group(1))
        self.assertEqual(dropped + len(re.findall(r"\] busybox: flood ", guest.console.text)),
                         2000)
        # whole, and there when the kernel ends: one process prints and is gone
        tiny.say(guest, "exec " + tiny.print_digits(5000, "first-end", "last-end"))
        guest.wait_for(r"Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300",
                       60, unless=())
        before = guest.console.text[:guest.console.text.index("Kernel panic")]
        self.assertRegex(before, r"mkinitrd: exec: busybox ended with status 3; its last lines:")
        for prefix in ("", "mkinitrd: exec: "):
            pieces = re.findall(
                rf"^\[[ 0-9.]+\] {prefix}busybox: (?:\.\.\. )?([0-9]+(?:first|last)-end|[0-9]+"
                r"|(?:first|last)-end)$", before, re.M)
            self.assertEqual("".join(pieces), tiny.digits(5000, "first-end") + tiny.digits(5000, "last-end"))
        self.assertEqual(guest.wait_end(60), "guest-reset")

    def test_DL_20_console(self):
        image = tiny.build(self, "console", "boot.log={ to: console }")
        guest = self.machine(image, memory=tiny.MEMORY)
        tiny.wait(guest)
        guest.wait_for(r"^busybox: main is here$", 30)
        self.assertNotIn("main is here", guest.shell.run("dmesg"))


if __name__ == "__main__":
    machine.needs_tools()
    unittest.main(verbosity=2)
