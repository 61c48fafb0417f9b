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
# in the place of a program: one that ends at once; and the one that runs is killed
FAILING = ("mv {path} {path}.away; "
           "printf '#!/usr/bin/busybox sh\\necho last-words\\nexit 3\\n' >{path}; "
           "chmod +x {path}; kill -9 $(pidof {name})")
GIVEN_UP = (r"ended with status 3, the 5th time in short; its last line: last-words; given up$")


class FirstBoot(machine.BootTest):
    """Makes the snapshot "Docker is up, supervised"."""

    def test_DL_21_init_stays_process_1(self):
        disk = disks.make_qcow2(self.path("disk.qcow2"))
        guest = self.machine(disks=[disk], append=MODE + " rd.shell")
        self.wait_ready(guest)
        self.assertEqual(guest.shell.run("cat /proc/1/comm").strip(), "init")
        self.assertEqual(guest.shell.run("ps -eo comm,ppid | grep '^dockerd'").split(),
                         ["dockerd", "1"])
        guest.type_until('echo CONSOLE\\-IS-UP', "CONSOLE-IS-UP", 60)
        guest.save(SNAPSHOT)
        guest.stop()
        disks.copy(disk, machine.snapshot_path(SNAPSHOT))


class Idle(machine.BootTest):
    """What process 1 costs when nothing happens, and when much does."""

    def resident(self, guest):
        status = guest.shell.run("cat /proc/1/status")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1))

    def test_DL_21_small_and_quiet(self):
        guest, _ = self.docker_up(snapshot=SNAPSHOT, append=MODE)
        before = self.resident(guest)
        self.assertLess(before, 1500)
        # one command, so that nothing of the shell's own counts
        first, second = guest.shell.run("sleep 15; grep ^vol /proc/1/status; sleep 20; "
                                        "grep ^vol /proc/1/status").splitlines()
        self.assertEqual(first, second, "process 1 woke up within 20 idle seconds")
        # orphans, which are its to reap
        guest.shell.run("i=0; while [ $i -lt 10000 ]; do (: &) ; i=$((i+1)); done; sleep 1", 600)
        states = guest.shell.run("cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | cut -c1")
        self.assertNotIn("Z", states)
        woken = guest.shell.run("grep ^voluntary /proc/1/status")
        self.assertGreater(int(woken.split()[1]), 1000, "the orphans were not its own")
        self.assertLessEqual(self.resident(guest), before + 8)


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
        # and at once, five times: rescue, and whoever put it right leaves it
        since = guest.position()
        guest.shell.run(FAILING.format(path="/usr/sbin/dockerd", name="dockerd"))
        guest.wait_for(rf"mkinitrd: services: main {GIVEN_UP}", 120, since=since, unless=NOT_PANIC)
        guest.type_until('echo RESCUE\\-ANSWERS', "RESCUE-ANSWERS", 60)
        guest.console.send("mv /usr/sbin/dockerd.away /usr/sbin/dockerd; exit\n")
        guest.wait_for("mkinitrd: rescue: left; starting main again$", 60, since=since)
        guest.wait_for(r"mkinitrd: console: ok image=", 180, since=since)

    def test_OD_1_containerd_that_dies_again_and_again(self):
        # process 1 is dockerd: the helper gives up, and panic=-1 wants a restart, an orderly one
        guest, disk = self.docker_up()
        guest.shell.run(FAILING.format(path="/usr/bin/containerd", name="containerd"))
        guest.wait_for(rf"mkinitrd: services: containerd {GIVEN_UP}", 120, unless=NOT_PANIC)
        guest.wait_for(r"mkinitrd: no rescue shell: restarting in 0 s \(panic=\)$", 10)
        self.assertEqual(guest.wait_end(120), "guest-reset", guest.report("ended otherwise"))
        self.assert_clean(disk)


if __name__ == "__main__":
    machine.needs_tools()
    unittest.main(verbosity=2)
