# SPDX-License-Identifier: Apache-2.0
"""kernel.host-modules: a machine without its drivers says what it is, and then gets an image with
those alone."""
import os
import re
import unittest

import disks
import machine
import tiny

PROFILE = """\
include: [host-shell]
kernel: {{ {more} modules: {{ ext4: required }} }}
boot:
  shell: {{ ttys: [ttyS1] }}
  disk: {{ find: LABEL=DOCKER, at: /srv, absent: tmpfs, wait: {wait} }}
  main: {{ exec: [busybox, sleep, inf] }}
"""
# few processes: an emulated machine takes its time for each
SAY = """
busybox find /sys/devices -name modalias | busybox xargs busybox grep -H ''
busybox find /sys/devices -type l '(' -name driver -o -name subsystem ')' |
  busybox xargs busybox ls -ld
"""


class Host(machine.BootTest):

    def image(self, name, *more, **words):
        profile = self.path(name + ".yaml")
        with open(profile, "w", encoding="utf-8") as file:
            file.write(PROFILE.format(**words))
        machine.build_image(self.path(name + ".img"), "-c", "zstd:1", *more, profile=profile)
        return self.path(name)

    def describe(self, said):
        """A folder for --devices of what the machine said."""
        for line in said.splitlines():
            link = re.search(r"(/sys/\S+) -> (.+)$", line)
            words = link or re.match(r"(/sys/\S+/modalias):(.*)$", line)
            path, text = words.groups()
            path = self.path("host") + path
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if link:
                os.symlink(text, path)
                continue
            with open(path, "a", encoding="utf-8") as file:
                file.write(text + "\n")

    def boot(self, image, name):
        guest = self.machine(image, name, memory=tiny.MEMORY, extra=[
            "-drive", f"if=none,id=disk,format=raw,cache=unsafe,file={self.disk}",
            "-device", "nvme,drive=disk,serial=mkinitrd"])
        return guest, guest.wait_for(r"mkinitrd: disk: (ok|skipped|failed).*$", 180).group(0)

    def test_a_machine_gets_its_drivers(self):
        self.disk = disks.make_raw(self.path("disk.raw"), "64M")
        guest, line = self.boot(self.image("plain", more="", wait="1s"), "plain")
        self.assertIn("mkinitrd: disk: skipped: absent, tmpfs at /srv (LABEL=DOCKER not found; "
                      "seen: no disks)", line)
        guest.wait_for("mkinitrd: host shell on ttyS1", 60, line=guest.shell_line)
        self.describe(guest.shell.run(SAY, 120))
        guest.stop()
        image = self.image("host", "--devices", self.path("host"), more="host-modules: true,",
                           wait="60s")
        _, line = self.boot(image, "host")
        self.assertIn("mkinitrd: disk: ok source=LABEL=DOCKER device=/dev/nvme0n1 ", line)


if __name__ == "__main__":
    machine.needs_tools()
    unittest.main(verbosity=2)
