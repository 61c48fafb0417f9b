# SPDX-License-Identifier: Apache-2.0
"""What goes wrong at boot: said in one line, and nothing lost."""
import unittest

import disks
import machine
import vm

IMAGE = machine.CONSOLE_IMAGE
NOT_PANIC = (vm.PANIC,)
# the tests' panic=-1 means "restart rather than wait for somebody"; this asks for the shell all the
# same
SHELL = "rd.shell"


def rescue_shell(guest, deadline=60):
    """The rescue shell on the console answers."""
    return guest.type_until('echo RESCUE\\-ANSWERS', "RESCUE-ANSWERS", deadline)


class BrokenDisk(machine.BootTest):

    def test_OD_6_broken_disk_is_left_alone(self):
        disk = disks.make_raw(self.path("disk.raw"), "256M")
        # the journal's inode is gone: the label is readable, the mount is refused
        disks.run("debugfs", "-w", "-R", "clri <8>", disk)
        before = disks.sha256(disk)
        guest = self.machine(disks=[disk], append=SHELL + " fsck.mode=skip")
        said = guest.wait_for(r"mkinitrd: disk: failed: (.*)", 120, unless=NOT_PANIC).group(1)
        self.assertIn("/dev/vda", said)
        rescue_shell(guest)
        self.assertNotRegex(guest.console.text, "mkinitrd: exec:")
        guest.stop()
        self.assertEqual(disks.sha256(disk), before)


class Break(machine.BootTest):

    def test_OD_8_rd_break_before_the_disk(self):
        guest = self.machine(append="rd.break=disk")
        rescue_shell(guest, 120)
        self.assertNotRegex(guest.console.text, r"mkinitrd: disk: (ok|skipped)")
        guest.console.send("exit\n")
        guest.wait_for(machine.EXEC_DOCKERD, 240)
        self.assertRegex(guest.console.text, r"mkinitrd: disk: skipped: absent")


class NoAnswer(machine.BootTest):

    def test_OD_9_OD_10_no_dhcp_answer(self):
        # a network that nobody else is on
        guest = self.machine(nic="hubport,hubid=1,id=net0,model=virtio-net-pci")
        guest.wait_for(machine.EXEC_DOCKERD, 240, unless=NOT_PANIC)
        guest.wait_for(machine.DOCKER_READY, machine.READY_SECONDS, unless=NOT_PANIC)
        guest.wait_for(r"mkinitrd: network: failed: .*", 60, unless=NOT_PANIC)
        self.assertEqual(guest.shell.run(f"docker run --rm {IMAGE} echo offline"), "offline\n")


class Services(machine.BootTest):

    def test_OD_1_containerd_that_dies(self):
        guest = self.machine("containerd-fails", append=SHELL)
        said = guest.wait_for(r"mkinitrd: services: failed: (.*)", 180, unless=NOT_PANIC).group(1)
        self.assertIn("containerd", said)
        self.assertIn("containerd-last-words", guest.console.text)
        rescue_shell(guest)
        self.assertNotRegex(guest.console.text, "mkinitrd: exec:")

    def test_OD_1_containerd_that_is_not_there(self):
        guest = self.machine(append=SHELL + " rd.break=exec")
        rescue_shell(guest, 120)
        guest.console.send("mv /usr/bin/containerd /usr/bin/away; exit\n")
        said = guest.wait_for(r"mkinitrd: services: failed: (.*)", 180, unless=NOT_PANIC).group(1)
        self.assertIn("/usr/bin/containerd", said)
        # put right by hand, the step is tried again and the boot goes on
        rescue_shell(guest)
        guest.console.send("mv /usr/bin/away /usr/bin/containerd; exit\n")
        guest.wait_for(machine.EXEC_DOCKERD, 180, unless=NOT_PANIC)

    def test_OD_1_dockerd_that_dies(self):
        guest = self.machine("dockerd-fails")
        guest.wait_for(r"Kernel panic - not syncing: Attempted to kill init!", 240, unless=())
        self.assertRegex(guest.console.text, "mkinitrd: exec: ")
        self.assertIn("dockerd-last-words", guest.console.text)
        self.assertEqual(guest.wait_end(60), "guest-reset")  # panic=-1

    def test_OD_1_main_that_is_not_there(self):
        guest = self.machine(append=SHELL + " mkinitrd.exec=/usr/bin/nothing-here")
        said = guest.wait_for(r"mkinitrd: exec: failed: (.*)", 240, unless=NOT_PANIC).group(1)
        self.assertIn("/usr/bin/nothing-here", said)
        rescue_shell(guest)


class Memory(machine.BootTest):

    def test_OD_2_too_little_memory(self):
        guest = self.machine(memory=256)
        # the boot plan, which has the figure, is unpacked before all that is large
        said = guest.wait_for(r"mkinitrd: plan: failed: .*this image needs (\d+) MB of memory, "
                              r"the machine has (\d+) MB", 60, unless=NOT_PANIC)
        needs, has = (int(number) for number in said.groups())
        self.assertGreater(needs, has)
        self.assertNotRegex(guest.console.text, "mkinitrd: exec:")


class Module(machine.BootTest):

    def test_OD_16_module_that_fails(self):
        guest = self.machine("module-fails")
        guest.wait_for(machine.EXEC_DOCKERD, 240, unless=NOT_PANIC)
        self.assertRegex(guest.console.text, r"mkinitrd: .*kvm_intel.*(not supported|No such)")


if __name__ == "__main__":
    machine.needs_tools()
    unittest.main(verbosity=2)
