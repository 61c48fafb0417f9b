# SPDX-License-Identifier: Apache-2.0
"""What breaks while the machine runs: said in a line, and what can go on goes on."""
import unittest

import disks
import machine
import vm

IMAGE = machine.CONSOLE_IMAGE
NOT_PANIC = (vm.PANIC,)
ANSWERS = f"docker run --rm {IMAGE} echo again"


class Running(machine.BootTest):
    """From "Docker is up"."""

    def power_off(self, guest, seconds=150):
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(seconds), "guest-shutdown", guest.report("ended otherwise"))

    def test_OD_1_containerd_killed_with_a_container_running(self):
        guest, disk = self.docker_up()
        guest.shell.run(f"docker run -d --name stays {IMAGE} sleep 9999")
        pid = guest.shell.run("docker inspect -f '{{.State.Pid}}' stays")
        guest.shell.run("kill -9 $(pidof containerd)")
        guest.wait_for(r"mkinitrd: services: containerd was killed by signal 9 \(Killed\), "
                       r"starting it again in 1 s$", 30, unless=NOT_PANIC)
        guest.wait_for(r"mkinitrd: services: containerd is ready \(", 60, unless=NOT_PANIC)
        guest.shell.run(f"until {ANSWERS}; do sleep 1; done", 180)
        self.assertEqual(guest.shell.run("docker inspect -f '{{.State.Pid}}' stays"), pid)
        self.assertEqual(guest.shell.run("docker exec stays echo inside"), "inside\n")
        # a console whose docker is killed, and one whose container is
        for command in ("kill -9 $(pidof docker)", "docker kill console"):
            since = guest.position()
            guest.shell.run(command)
            guest.wait_for(r"mkinitrd: console: ttyS0 .* after \d+ s$", 60, since=since)
            guest.wait_for(r"mkinitrd: console: ok image=", 60, since=since)
        self.power_off(guest)
        self.assert_clean(disk)

    def test_OD_6_disk_full_and_memory_full(self):
        guest, disk = self.docker_up()
        guest.shell.run(f"docker run --rm -v kept:/v {IMAGE} "
                        "sh -c 'dd if=/dev/zero of=/v/full bs=1M 2>/dev/null; rm /v/full'", 240)
        self.assertEqual(guest.shell.run(ANSWERS), "again\n")
        # tail keeps a line until it ends, which this one never does
        guest.shell.run(f"docker run --rm --name eats {IMAGE} sh -c 'tail /dev/zero'", 240,
                        status=None)
        guest.wait_for(r"Out of memory: Killed process \d+ \(tail\)", 30, unless=NOT_PANIC)
        self.assertEqual(guest.shell.run(ANSWERS), "again\n")
        self.assertNotRegex(guest.console.text, "mkinitrd: services: ")
        self.power_off(guest)
        self.assert_clean(disk)

    def test_OD_6_disk_pulled_out(self):
        guest, _ = self.docker_up()
        guest.monitor.human("device_del data0")
        guest.wait_for(r"mkinitrd: disk: /dev/vda, mounted at /var/lib/docker, is gone: what is "
                       r"written there is lost; power off, attach it again$", 60, unless=NOT_PANIC)
        self.power_off(guest)


    def test_OD_1_main_that_ends_in_exec_mode(self):
        guest, disk = self.docker_up()
        guest.shell.run(f"docker run -d --restart=always --name stays {IMAGE} sleep 9999")
        guest.shell.run("sync; kill -TERM 1", status=None)
        guest.wait_for("Kernel panic - not syncing: Attempted to kill init!", 120, unless=())
        self.assertEqual(guest.wait_end(60), "guest-reset")  # panic=-1
        # the machine that starts again finds its journal and goes on
        guest = self.machine(name="next", disks=[disk])
        self.wait_ready(guest)
        guest.wait_for(r"mkinitrd: disk: ok ", 1)
        guest.shell.run("until docker exec stays true; do sleep 1; done", 120)
        self.power_off(guest)
        self.assert_clean(disk)


class Image(machine.BootTest):

    def test_OD_10_damaged_bundled_image(self):
        guest = self.machine(append="rd.shell rd.break=exec")
        guest.type_until('echo RESCUE\\-ANSWERS', "RESCUE-ANSWERS", 240)
        guest.console.send("for f in /usr/share/mkinitrd/images/*; do echo broken >$f; done; exit\n")
        said = guest.wait_for(r"mkinitrd: images: failed: (.*)", machine.READY_SECONDS,
                              unless=NOT_PANIC).group(1)
        self.assertIn("console-image", said)
        said = guest.wait_for(r"mkinitrd: console: failed: (.*)", 120, unless=NOT_PANIC).group(1)
        self.assertIn("console-image", said)
        self.assertEqual(guest.shell.run("docker version -f '{{.Server.Os}}'"), "linux\n")


if __name__ == "__main__":
    machine.needs_tools()
    unittest.main(verbosity=2)
