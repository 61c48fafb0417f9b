# SPDX-License-Identifier: Apache-2.0
"""A tree of Debian with systemd, as a SquashFS on a disk: booted to its default target, and let go
of cleanly at its end.

usage: test_systemd.py
"""
import os
import shutil
import sys
import unittest

import debian_root
import disks
import machine
import trees
import vm

PROFILE = """\
include: [host-shell, root-image]
boot:
  shell: { ttys: [] }
  root: { find: LABEL=BOOT, image: /latest/rootfs, cow: "LABEL=STATE", wait: 20s }
"""
# what the test talks to, and a line when the default target is reached
SHELL = """\
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/usr/bin/busybox sh -i
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
KillSignal=SIGKILL
Restart=always
Environment=PATH=/usr/bin:/usr/sbin
"""
REACHED = """\
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "TREE systemd pid=$(cat /proc/1/comm)" >/dev/console'
"""


class Systemd(machine.BootTest):

    def make_tree(self):
        kept = debian_root.systemd("bookworm", os.path.join(machine.BUILD, "boot-root"))
        tree = self.path("tree")
        disks.run("cp", "-a", "--reflink=auto", kept, tree)
        self.addCleanup(shutil.rmtree, tree, ignore_errors=True)
        for name, text, target in (("test-shell", SHELL, "sysinit"),
                                   ("test-reached", REACHED, "multi-user")):
            trees.write(tree, f"etc/systemd/system/{name}.service", text)
            wants = os.path.join(tree, f"etc/systemd/system/{target}.target.wants")
            os.makedirs(wants, exist_ok=True)
            os.symlink(f"../{name}.service", os.path.join(wants, f"{name}.service"))
        os.symlink("/usr/lib/systemd/system/multi-user.target",
                   os.path.join(tree, "etc/systemd/system/default.target"))
        # a tree with Docker: its data has a place of its own, whatever the plan says
        trees.write(tree, "usr/bin/dockerd", "#!/bin/sh\n", 0o755)
        return tree

    def start(self, name, *drives):
        guest = self.machine(self.path("systemd"), name, memory=512, disks=drives,
                             append="systemd.show_status=0")
        details = guest.wait_for(r"mkinitrd: root: ok (.*) \(\d+ ms\)", 90).group(1)
        self.assertEqual(details, "source=LABEL=BOOT device=/dev/vda type=ext4 image=/latest/rootfs "
                         "cow=LABEL=STATE:mkinitrd/cow init=/sbin/init")
        guest.wait_for(r"mkinitrd: disk: skipped: none in the plan, tmpfs at /var/lib/docker$", 30)
        guest.wait_for(r"mkinitrd: exec: /sbin/init", 10)
        guest.wait_for(r"TREE systemd pid=systemd$", 300)
        return guest

    def test_D0_7_D0_9_D0_10_WD_2_systemd_and_its_end(self):
        folder = self.path("boot")
        os.makedirs(folder + "/latest")
        trees.squash(self.make_tree(), folder + "/latest/rootfs")
        boot = trees.disk(self.path("boot.raw"), "BOOT", folder, size="400M")
        state = trees.disk(self.path("state.raw"), "STATE")
        trees.write(self.directory, "systemd.yaml", PROFILE)
        machine.build_image(self.path("systemd.img"), "-c", "zstd:1",
                            profile=self.path("systemd.yaml"))
        guest = self.start("first", boot, state)
        run = guest.shell.run
        self.assertRegex(run("findmnt -no FSTYPE,OPTIONS /"), r"^overlay .*lowerdir=/run/mkinitrd/image,"
                         r"upperdir=/run/mkinitrd/cow/mkinitrd/cow/upper")
        self.assertRegex(run("findmnt -no FSTYPE /var/lib/docker"), "^tmpfs$")
        self.assertEqual(run("systemctl --failed --no-legend --plain"), "")
        # modprobe works, and the modules are those of the image
        run("ls /usr/lib/modules/$(uname -r)/modules.dep; /usr/sbin/modprobe -n overlay")
        run("echo kept >/etc/kept")
        since = guest.position()
        run("systemctl poweroff", status=None)
        self.assertEqual(guest.wait_end(180), "guest-shutdown")
        said = guest.console.text[since:]
        self.assertRegex(said, r"mkinitrd: shutdown: unmounted: \d+, 0 busy.*; disks: none left")
        self.assertRegex(said, r"mkinitrd: shutdown: poweroff now")
        self.assert_clean(boot)
        self.assert_clean(state)
        guest = self.start("second", boot, state)
        self.assertEqual(guest.shell.run("cat /etc/kept"), "kept\n")
        since = guest.position()
        guest.shell.run("systemctl reboot", status=None)
        self.assertEqual(guest.wait_end(180), "guest-reset")
        self.assertIn("mkinitrd: shutdown: reboot now", guest.console.text[since:])
        self.assert_clean(state)


if __name__ == "__main__":
    vm.require("mmdebstrap", "mksquashfs")
    machine.needs_tools()
    if os.geteuid() != 0:
        print("skipped: mmdebstrap needs root here")
        sys.exit(77)
    unittest.main(verbosity=2)
