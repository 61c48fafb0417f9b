# SPDX-License-Identifier: Apache-2.0
"""Machines with a disk: what Docker keeps on it, and that it is clean after every way to end."""
import os
import unittest

import disks
import machine

IMAGE = machine.CONSOLE_IMAGE
IMAGE_ID = f"docker image inspect -f '{{{{.Id}}}}' {IMAGE}"
KEPT = "volumes/kept/_data/file"


class FirstBoot(machine.BootTest):
    """Makes the snapshot "Docker is up" that other cases start from."""

    def test_OD_6_OD_10_first_boot_loads_the_image(self):
        disk = disks.make_qcow2(self.path("disk.qcow2"))
        guest = self.machine(disks=[disk])
        self.wait_ready(guest)
        guest.wait_for(r"mkinitrd: disk: ok .*source=LABEL=DOCKER.* at=/var/lib/docker", 1)
        guest.wait_for(r"mkinitrd: images: ok .*", 30)
        self.assertRegex(guest.shell.run("grep ' /var/lib/docker ' /proc/mounts"),
                         r"^/dev/vda /var/lib/docker ext4 ")
        self.assertEqual(guest.shell.run("docker info --format '{{.DockerRootDir}}'").strip(),
                         "/var/lib/docker")
        guest.shell.run(f"docker run --rm -v kept:/v {IMAGE} sh -c 'echo first boot >/v/file'")
        guest.type_until('echo CONSOLE\\-IS-UP', "CONSOLE-IS-UP", 60)
        guest.save(machine.SNAPSHOT)
        guest.stop()
        os.replace(disk, machine.snapshot_path(machine.SNAPSHOT))


class Ends(machine.BootTest):
    """From "Docker is up", each way to end it."""

    def check_end(self, guest, disk, reason):
        self.assertEqual(guest.wait_end(120), reason, guest.report("ended otherwise"))
        self.assertNotIn("Kernel panic", guest.console.text)
        self.assert_clean(disk)
        self.assertEqual(disks.cat(disk, KEPT), "first boot\n")

    def test_OD_6_OD_10_poweroff_and_second_boot(self):
        guest, disk = self.docker_up()
        self.assertEqual(guest.shell.run("cat /proc/1/comm").strip(), "dockerd")
        first_id = guest.shell.run(IMAGE_ID)
        guest.shell.type("poweroff")
        self.check_end(guest, disk, "guest-shutdown")

        guest = self.machine(name="second", disks=[disk])
        self.wait_ready(guest)
        guest.wait_for(r"mkinitrd: images: skipped: present", 30)
        self.assertEqual(guest.shell.run(IMAGE_ID), first_id)
        self.assertEqual(guest.shell.run(f"docker run --rm -v kept:/v {IMAGE} cat /v/file"),
                         "first boot\n")

    def test_OD_15_poweroff_from_console_container(self):
        guest, disk = self.docker_up()
        guest.type_until('echo CONSOLE\\-HERE', "CONSOLE-HERE", 60)
        guest.console.send("poweroff\n")
        self.check_end(guest, disk, "guest-shutdown")

    def test_OD_6_reboot(self):
        guest, disk = self.docker_up()
        guest.shell.type("reboot")
        self.check_end(guest, disk, "guest-reset")

    def test_OD_6_poweroff_with_containers(self):
        guest, disk = self.docker_up()
        guest.shell.run(f"docker run -d -v kept:/v {IMAGE} sh -c "
                        "'trap \"echo told >/v/term; exit\" TERM; while :; do sleep 1; done'")
        guest.shell.run(f"docker run -d {IMAGE} sh -c 'trap \"\" TERM; while :; do sleep 1; done'")
        guest.shell.type("poweroff")
        self.check_end(guest, disk, "guest-shutdown")
        self.assertEqual(disks.cat(disk, "volumes/kept/_data/term"), "told\n")


class WholeDisk(machine.BootTest):

    def test_OD_7_unlabelled_ext3(self):
        disk = disks.make_qcow2(self.path("disk.qcow2"), arguments=("-j",))
        guest = self.machine(disks=[disk], append="mkinitrd.disk=/dev/vda")
        self.wait_ready(guest)
        guest.wait_for(r"mkinitrd: disk: ok .*source=/dev/vda.* at=/var/lib/docker", 1)
        self.assertEqual(guest.shell.run(f"docker run --rm -v kept:/v {IMAGE} "
                                         "sh -c 'echo on ext3 >/v/file; cat /v/file'"), "on ext3\n")
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(120), "guest-shutdown")
        self.assert_clean(disk)
        self.assertEqual(disks.cat(disk, KEPT), "on ext3\n")


if __name__ == "__main__":
    machine.needs_tools()
    unittest.main(verbosity=2)
