# SPDX-License-Identifier: Apache-2.0
"""What a failed step leads to: a shell behind a password, or what panic= says; rd.break."""
import json
import re
import subprocess
import time
import unittest

import machine
import tiny
import vm

NOT_PANIC = (vm.PANIC,)
STOPPED = r"mkinitrd: the boot stopped: step 'disk' failed:"
# a disk that must be there, and is not
MUST_HAVE = "boot.disk={ find: LABEL=NOT-THERE, at: /var/lib/docker, absent: stop, wait: 1s }"
# openssl passwd -6 -salt mkinitrd "open sesame"
PASSWORD = "open sesame"


def password_hash():
    done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=PASSWORD + "\n", text=True,
                          capture_output=True, check=True)
    return done.stdout.strip()


class Shell(machine.BootTest):

    def answers(self, guest):
        guest.type_until(f'{PASSWORD}\necho RESCUE\\-ANSWERS', "RESCUE-ANSWERS", 60)

    def test_OD_15_password_and_exit_tries_again(self):
        image = tiny.build(self, "rescue", MUST_HAVE, f"boot.rescue.password={password_hash()}",
                           tty="")
        guest = self.machine(image, append="rd.shell console=tty0 console=ttyS0",
                             memory=tiny.MEMORY)
        guest.wait_for(STOPPED, 60, unless=NOT_PANIC)
        guest.wait_for(r"This is a shell; 'exit' tries the step again\.", 30, unless=NOT_PANIC)
        self.assertRegex(guest.console.text, r"Errors in the kernel log:\n    \[[ 0-9.]+\] mkinitrd: "
                                             r"disk: failed")
        self.assertIn("The kernel log ends with:", guest.console.text)
        self.assertRegex(guest.console.text, r"at the boot loader: mkinitrd\.disk=LABEL=")
        guest.type_until("open says me", r"That is not it\.", 30)
        for _ in range(2):
            guest.type_until("open", r"That is not it\.|A pause of 10 seconds\.", 30)
        guest.wait_for(r"A pause of 10 seconds\.", 30, unless=NOT_PANIC)
        guest.wait_for(r"mkinitrd: rescue: 3 wrong passwords on /dev/ttyS0", 10, unless=NOT_PANIC)
        self.answers(guest)
        # on every console of the kernel: the first 25 lines of the screen
        guest.type_until('busybox fold -w 80 /dev/vcs1; echo LOOKED\\-AT-IT', "LOOKED-AT-IT", 30)
        screen = guest.console.text[guest.console.text.index("RESCUE-ANSWERS"):]
        self.assertIn("This is a shell; 'exit' tries the step again.", screen)
        self.assertIn("Password for the rescue shell:", screen)
        # neither what was wrong nor what was right is in the kernel's log
        guest.type_until('dmesg | busybox grep -c "open s"; echo LOOKED\\-IT-UP',
                         r"^0\nLOOKED-IT-UP", 30)
        # poweroff and reboot are not busybox's own, which would do nothing here
        guest.type_until("reboot", r"reboot: cannot ask .*'-f' ends the machine", 30)
        since = guest.position()
        guest.console.send("exit\n")
        guest.wait_for(STOPPED, 60, since=since, unless=NOT_PANIC)
        self.answers(guest)
        guest.console.send("mkdir -p /var/lib/docker; mount -t tmpfs none /var/lib/docker; exit\n")
        guest.wait_for(r"mkinitrd: disk: ok .*", 60, unless=NOT_PANIC)
        guest.wait_for(tiny.EXEC, 60, unless=NOT_PANIC)

    def test_OD_15_break_by_dracuts_name(self):
        image = tiny.build(self, "break", "boot.tmpfs={ /run: 16M, /tmp: 5% }")
        guest = self.machine(image, append="rd.break=pre-mount", memory=tiny.MEMORY)
        guest.wait_for(r"rd\.break: stopped before 'root'", 60, unless=NOT_PANIC)
        guest.type_until('echo RESCUE\\-ANSWERS', "RESCUE-ANSWERS", 60)
        self.assertNotRegex(guest.console.text, "mkinitrd: root:")
        guest.console.send("exit\n")
        tiny.wait(guest)
        self.look_at_memory(guest)
        self.look_at_times(guest)

    def look_at_memory(self, guest):
        """tmpfs mounts have the sizes of the profile, and init is small after the hand-over."""
        sizes = dict(re.findall(r"^\S+ (/\S+) tmpfs \S*?size=(\d+)k",
                                guest.shell.run("cat /proc/mounts"), re.M))
        self.assertEqual(sizes["/run"], str(16 << 10))
        total = int(guest.shell.run("busybox sed -n 's/^MemTotal: *\\([0-9]*\\).*/\\1/p' "
                                    "/proc/meminfo"))
        for path, percent in (("/tmp", 5), ("/dev/shm", 20)):
            self.assertAlmostEqual(int(sizes[path]) / total * 100, percent, delta=1)
        said = guest.shell.run("dd if=/dev/zero of=/run/fill bs=1M count=64 2>&1; rm /run/fill")
        self.assertIn("No space left on device", said)
        resident = int(guest.shell.run(
            "busybox sed -n 's/^VmRSS:\\s*\\([0-9]*\\) kB/\\1/p' "
            "/proc/$(busybox head -n 1 /sys/fs/cgroup/helper/cgroup.procs)/status"))
        print(f"helper: {resident} kB resident")
        self.assertLess(resident, 2048)

    def look_at_times(self, guest):
        """boot-times says the same on the machine and from the console's log here."""
        here = json.loads(subprocess.run(
            [machine.MKINITRD, "boot-times", "--json", guest.console.log_path],
            capture_output=True, check=True, timeout=60).stdout)
        there = json.loads(guest.shell.run("boot-times --json"))
        times = {step["name"]: step["ms"] for step in there["steps"]}
        for step in here["steps"]:
            if step["result"] == "ok":
                self.assertAlmostEqual(step["ms"], times[step["name"]], delta=1.1)
        self.assertGreater(here["kernel_ms"], 0)
        self.assertAlmostEqual(here["kernel_ms"], there["kernel_ms"], delta=200)
        self.assertRegex(guest.shell.run("boot-times"),
                         r"\AStartup finished in \S+s \(kernel\) \+ \S+ \(init\) = \S+s\n\n")


class NoShell(machine.BootTest):
    """panic= decides, each way."""

    def stopped(self, name, append):
        image = tiny.build(self, name, MUST_HAVE, tty="")
        guest = self.machine(image, append=append, memory=tiny.MEMORY)
        guest.wait_for(STOPPED, 60, unless=NOT_PANIC)
        self.assertNotIn("This is a shell", guest.console.text)
        return guest

    def test_OD_15_panic_restarts_later(self):
        # rd.break asks for a shell, and rd.shell=0 is stronger
        guest = self.stopped("later", "panic=4 rd.shell=0 rd.break=modules")
        self.assertRegex(guest.console.text, r"rd\.break: there is no shell in this image, or "
                                             r"rd\.shell=0 forbids it; going on")
        guest.wait_for(r"mkinitrd: restarting in 4 s", 10, unless=NOT_PANIC)
        begun = time.monotonic()
        self.assertEqual(guest.wait_end(60), "guest-reset")
        self.assertGreater(time.monotonic() - begun, 2)
        self.assertNotRegex(guest.console.text, vm.PANIC)

    def test_OD_15_panic_restarts_at_once(self):
        guest = self.stopped("at-once", "panic=-1")
        self.assertEqual(guest.wait_end(30), "guest-reset")
        self.assertNotRegex(guest.console.text, r"restarting in|Kernel panic")

    def test_OD_15_panic_stands_still(self):
        guest = self.stopped("still", "panic=0")
        guest.wait_for(r"mkinitrd: halted: switch the machine off", 10, unless=NOT_PANIC)
        time.sleep(6)
        self.assertIsNone(guest.process.poll())
        self.assertNotRegex(guest.console.text, vm.PANIC)


if __name__ == "__main__":
    machine.needs_tools()
    vm.require("openssl")
    unittest.main(verbosity=2)
