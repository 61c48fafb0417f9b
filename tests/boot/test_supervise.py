# SPDX-License-Identifier: Apache-2.0
"""Supervise mode: init stays process 1, and Docker is started again when it ends."""
import re
import unittest

import disks
import machine
import vm

IMAGE = machine.CONSOLE_IMAGE
MODE = "mkinitrd.mode=supervise"
SNAPSHOT = "supervised"
NOT_PANIC = (vm.PANIC,)


class FirstBoot(machine.BootTest):
    """Makes the snapshot "Docker is up, supervised"."""

    def test_DL_21_init_stays_process_1(self):
        disk = disks.make_qcow2(self.path("disk.qcow2"))
        guest = self.machine(disks=[disk], append=MODE)
        self.wait_ready(guest)
        self.assertEqual(guest.shell.run("cat /proc/1/comm").strip(), "init")
        self.assertEqual(guest.shell.run("ps -eo comm,ppid | grep '^dockerd'").split(),
                         ["dockerd", "1"])
        self.check_orphans(guest)
        self.check_memory(guest)
        guest.type_until('echo "CONSOLE""-IS-UP"', "CONSOLE-IS-UP", 60)
        guest.save(SNAPSHOT)
        guest.stop()
        disks.copy(disk, machine.snapshot_path(SNAPSHOT))

    def check_orphans(self, guest):
        guest.shell.run("i=0; while [ $i -lt 100 ]; do (sleep 0 &); i=$((i+1)); done; sleep 1")
        states = guest.shell.run("cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | cut -c1")
        self.assertNotIn("Z", states)

    def check_memory(self, guest):
        status = guest.shell.run("cat /proc/1/status; grep -E \"^[0-9a-f]+-|^Rss|^Anonymous\" /proc/1/smaps")
        self.assertLess(int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)), 1500, status)


class Ends(machine.BootTest):

    def up(self, **arguments):
        return self.docker_up(snapshot=SNAPSHOT, append=MODE, **arguments)

    def test_DL_21_OD_22_sigterm(self):
        guest, disk = self.up()
        guest.shell.run(f"docker run -d --name told --restart=unless-stopped -v kept:/v {IMAGE} sh -c "
                        "'trap \"echo told >/v/term; exit\" TERM; while :; do sleep 1; done'")
        guest.shell.run("kill -TERM 1", status=None)
        self.assertEqual(guest.wait_end(120), "guest-reset", guest.report("ended otherwise"))
        self.assert_clean(disk)
        self.assertEqual(disks.cat(disk, "volumes/kept/_data/term"), "told\n")


class Faults(machine.BootTest):

    def test_DL_21_dockerd_killed(self):
        guest, _ = self.docker_up(snapshot=SNAPSHOT, append=MODE)
        since = guest.position()
        guest.shell.run("kill -9 $(pidof dockerd)")
        guest.wait_for(r"mkinitrd: services: main was killed by signal 9 \(Killed\), "
                       r"starting it again in 1 s$", 30, since=since, unless=NOT_PANIC)
        guest.shell.run("until docker version; do sleep 1; done", 180)
        self.assertEqual(guest.shell.run(f"docker run --rm {IMAGE} echo again"), "again\n")
        # and at once, five times
        since = guest.position()
        guest.shell.run("busybox mv /usr/sbin/dockerd /run/dockerd.away; "
                        "printf '#!/bin/sh\\necho last-words\\nexit 3\\n' >/usr/sbin/dockerd; "
                        "chmod +x /usr/sbin/dockerd; kill -9 $(pidof dockerd)")
        guest.wait_for(r"mkinitrd: services: main ended with status 3, the 5th time in short; "
                       r"its last line: last-words; given up$", 120, since=since, unless=NOT_PANIC)


if __name__ == "__main__":
    machine.needs_tools()
    unittest.main(verbosity=2)
