# SPDX-License-Identifier: Apache-2.0
"""The end of the machine, from every side and with every kind of container.

In both modes the cases start from a snapshot of a machine that runs KINDS; it is made once a mode,
by the case that needs it first. FirstBoot of test_disk.py and of test_supervise.py have made what
that one starts from.
"""
import os
import shutil
import tempfile
import time
import unittest

import disks
import machine
import test_supervise
import vm

IMAGE = machine.CONSOLE_IMAGE
OFF, RESTART = "guest-shutdown", "guest-reset"
NOT_PANIC = (vm.PANIC,)
# for the whole of it: containers have 30 s in this image
BOUND = 75

# mode -> snapshot that Docker is up in, and words for the kernel
MODES = {
    "exec": (machine.SNAPSHOT, ""),
    "supervise": (test_supervise.SNAPSHOT, test_supervise.MODE),
}


def goodbye(name, signal="TERM"):
    """A program that says goodbye on its volume when it gets the signal."""
    return (f"sh -c 'trap \"echo goodbye >/v/{name}; exit\" {signal}; echo up >/v/{name}; "
            "while :; do sleep 3000 & wait; done'")


# name -> options of docker run, and program
KINDS = {
    "told": ("--restart=unless-stopped", goodbye("told")),
    "always": ("--restart=always --stop-signal=USR1", goodbye("always", "USR1")),
    "parent": ("--cgroup-parent=/other/deep", goodbye("parent")),
    "hostpid": ("--pid=host", goodbye("hostpid")),
    "tini": ("--init", goodbye("tini")),
    "paused": ("--restart=unless-stopped", goodbye("paused")),
    # process 1 does not take the signal, and is not waited for in exec mode
    "deaf": ("--stop-timeout=2", "sh -c 'trap \"\" TERM; while :; do sleep 1; done'"),
    # takes it, and does nothing
    "stubborn": ("--stop-timeout=4", "sh -c 'trap : TERM; while :; do sleep 1; done'"),
}
POLITE = ("told", "always", "parent", "hostpid", "tini", "paused")


def docker_run(name, options, program):
    return f"docker run -d --network=none --name={name} {options} -v kept:/v {IMAGE} {program}"


SNAPSHOTS = tempfile.mkdtemp(prefix="mkinitrd-")
unittest.addModuleCleanup(shutil.rmtree, SNAPSHOTS, ignore_errors=True)


class Case(machine.BootTest):
    """A test class for one mode."""
    mode = "exec"

    def restore(self, snapshot, disk, name="vm"):
        _, kernel_file = machine.kernel()
        copy = disks.copy(disk, self.path(name + ".qcow2"))
        guest = vm.VM(self.directory, machine.image_path("only-docker"), kernel_file, name=name,
                      disks=[copy], memory=machine.MEMORY, loadvm=snapshot,
                      append=MODES[self.mode][1])
        self.addCleanup(guest.stop)
        guest.start()
        guest.shell.ready = True
        return guest, copy

    def docker_is_up(self):
        snapshot = MODES[self.mode][0]
        return self.restore(snapshot, machine.snapshot_path(snapshot))

    def containers_are_up(self, name="vm"):
        """A machine with a container of each of KINDS, from a snapshot made when first asked for."""
        path = os.path.join(SNAPSHOTS, self.mode + ".qcow2")
        if not os.path.exists(path):
            snapshot = MODES[self.mode][0]
            guest, disk = self.restore(snapshot, machine.snapshot_path(snapshot), "maker")
            for kind, (options, program) in KINDS.items():
                guest.shell.run(docker_run(kind, options, program), 240)
            guest.shell.run("cd /var/lib/docker/volumes/kept/_data; until " + " && ".join(
                f"[ -s {kind} ]" for kind in POLITE) + "; do usleep 100000; done; "
                "docker pause paused; sync")
            guest.save("containers")
            guest.stop()
            os.replace(disk, path)
        return self.restore("containers", path, name)

    def check_end(self, guest, disk, reason, since=0, within=BOUND):
        started = time.monotonic()
        self.assertEqual(guest.wait_end(within), reason, guest.report("ended otherwise"))
        print(f"\n  {self.mode}: ended after {time.monotonic() - started:.1f} s\n  " + "\n  ".join(
            line for line in guest.console.text[since:].splitlines() if "power: " in line))
        self.assertNotIn("Kernel panic", guest.console.text)
        raw = disks.to_raw(disk)
        self.assert_clean(raw)
        return raw

    def check_goodbyes(self, raw, names=POLITE):
        for name in names:
            self.assertEqual(disks.cat(raw, f"volumes/kept/_data/{name}"), "goodbye\n", name)


class Sides:
    """From every side; a mixin for both modes."""

    def end(self, act, reason):
        guest, disk = self.containers_are_up()
        since = guest.position()
        act(guest)
        self.check_goodbyes(self.check_end(guest, disk, reason, since))
        return guest, disk, since

    def test_OD_22_button(self):
        guest, disk, since = self.end(lambda guest: guest.monitor.command("system_powerdown"), OFF)
        self.assertIn("poweroff: asked by the power button", guest.console.text[since:])
        self.check_restart_policies(disk)

    def check_restart_policies(self, disk):
        """What ran runs again after the next boot."""
        guest = self.machine(name="second", disks=[disk], append=MODES[self.mode][1])
        self.wait_ready(guest)
        ran = guest.shell.run("docker ps --format '{{.Names}}'").split()
        self.assertEqual(sorted(set(ran) & set(KINDS)), ["always", "paused", "told"])

    def test_OD_22_ctrl_alt_del(self):
        guest, _, since = self.end(lambda guest: guest.monitor.human("sendkey ctrl-alt-delete"),
                                   RESTART)
        self.assertIn("reboot: asked by ctrl-alt-del", guest.console.text[since:])

    def test_OD_22_host_shell(self):
        self.end(lambda guest: guest.shell.type("poweroff"), OFF)

    def test_OD_15_OD_22_console(self):
        def act(guest):
            guest.type_until('echo CONSOLE\\-HERE', "CONSOLE-HERE", 60)
            guest.console.send("poweroff\n")
        self.end(act, OFF)


class SidesExec(Sides, Case):
    """And what asks by the same socket in both modes."""

    def test_OD_22_docker_exec(self):
        self.end(lambda guest: guest.shell.type("docker exec console reboot"), RESTART)

    def test_OD_22_docker_run_in_the_hosts_pid_namespace(self):
        """busybox's own applet, in a container that knows nothing of init."""
        self.end(lambda guest: guest.shell.type(
            f"docker run --rm --pid=host --network=none {IMAGE} busybox poweroff"), OFF)


class SidesSupervise(Sides, Case):
    mode = "supervise"

    def test_DL_21_signals(self):
        # SIGINT is what Ctrl-Alt-Del comes as
        for signal, reason in (("TERM", RESTART), ("38", OFF)):
            with self.subTest(signal=signal):
                self.tearDownMachines()
                self.end(lambda guest, signal=signal: guest.shell.type(f"kill -{signal} 1"), reason)

    def tearDownMachines(self):
        """Names of machines are unique in a folder."""
        self.directory = tempfile.mkdtemp(dir=self.directory)


class Hard:
    """What must not keep the machine up."""

    def test_OD_22_hung_docker(self):
        guest, disk = self.containers_are_up()
        since = guest.position()
        guest.shell.run(self.hang)
        guest.shell.type("poweroff")
        raw = self.check_end(guest, disk, OFF, since)
        # nobody could tell that it wants another signal
        self.check_goodbyes(raw, [name for name in POLITE if name != "always"])
        self.assertIn("power: Docker does not answer", guest.console.text[since:])

    def test_OD_22_stuck_on_frozen_file_systems(self):
        """One that the host can thaw, and one that only a container sees, which nobody can kill."""
        guest, disk = self.docker_is_up()
        guest.shell.run(
            "docker volume create kept && modprobe loop && cd /var/lib/docker && "
            "busybox truncate -s 16M seen.img && busybox mke2fs -F seen.img && busybox cp seen.img volumes/kept/_data/unseen.img && mkdir /mnt && "
            "busybox mount -o loop seen.img /mnt && cd /")
        guest.shell.run(docker_run("thawed", "-v /mnt:/mnt", "sh -c 'trap \"echo goodbye >/v/thawed; "
                                   "exit\" TERM; while :; do echo x >>/mnt/file; sleep 1; done'"))
        guest.shell.run(docker_run(
            "stuck", "--privileged", "sh -c 'mkdir /m && mount -o loop /v/unseen.img /m && "
            "busybox fsfreeze --freeze /m && while :; do echo x >>/m/file; sleep 1; done'"))
        guest.shell.run("sleep 2; busybox fsfreeze --freeze /mnt; sleep 2; "
                        "until grep -q '^State:.D' /proc/$(docker inspect -f '{{.State.Pid}}' stuck)"
                        "/status; do sleep 1; done")
        since = guest.position()
        guest.shell.type("poweroff")
        self.check_goodbyes(self.check_end(guest, disk, OFF, since), ["thawed"])
        self.assertIn("power: '/mnt' was frozen, thawed", guest.console.text[since:])
        said = guest.console.text[since:]
        self.assertRegex(said, r"power: container [0-9a-f]{12} cannot be killed")
        self.assertRegex(said, r"power: disks: /var/lib/docker frozen ")

    def test_OD_22_while_docker_starts(self):
        disk = disks.make_qcow2(self.path("disk.qcow2"))
        guest = self.machine(disks=[disk], append=MODES[self.mode][1])
        guest.wait_for(machine.EXEC_DOCKERD, machine.READY_SECONDS)
        since = guest.position()
        guest.monitor.command("system_powerdown")
        self.check_end(guest, disk, OFF, since)


class HardExec(Hard, Case):
    # as process 1 it cannot be stopped by a signal
    hang = "echo 1 >/sys/fs/cgroup/init/cgroup.freeze"

    # what does not ask which mode it is

    def test_OD_22_own_time_and_the_end_of_it(self):
        """One says goodbye after 14 s, which it may; another has no limit but the machine's."""
        guest, disk = self.docker_is_up()
        guest.shell.run(docker_run("slow", "--stop-timeout=40",
                                   goodbye("slow").replace("echo goodbye", "sleep 14; echo goodbye")))
        guest.shell.run(docker_run("endless", "--stop-timeout=-1",
                                   "sh -c 'trap : TERM; while :; do sleep 1; done'"))
        since = guest.position()
        guest.shell.type("poweroff")
        self.check_goodbyes(self.check_end(guest, disk, OFF, since), ["slow"])
        self.assertRegex(guest.console.text[since:], r"power: .*containers left: 2, at most 2\d s")
        self.assertRegex(guest.console.text[since:], r"power: .*containers left: 1, at most \d s")

    def test_OD_22_at_once(self):
        guest, disk = self.containers_are_up()
        guest.shell.run("sync")
        since = guest.position()
        guest.shell.type("poweroff -f")
        self.assertEqual(guest.wait_end(30), OFF, guest.report("ended otherwise"))
        self.assertNotIn("power: ", guest.console.text[since:])
        self.assertEqual(disks.cat(disk, "volumes/kept/_data/told"), "up\n")


class HardSupervise(Hard, Case):
    mode = "supervise"
    hang = "kill -STOP $(pidof dockerd)"


class Verbs(Case):
    """What the cases above do not use, without Docker, in seconds."""

    def test_OD_22_verbs(self):
        for verb, reason in (("reboot -f", RESTART), ("halt", None), ("halt -f", None)):
            with self.subTest(verb):
                name, force = verb.replace(" ", ""), verb.endswith(" -f")
                disk = disks.make_raw(self.path(name), "64M", ("-t", "ext4", "-L", "DOCKER"))
                guest = self.machine("disks", name=name + "-vm", disks=[disk], memory=400,
                                     nic="none", append="rd.shell")
                guest.wait_for(r"mkinitrd: exec: ", 120)
                since = guest.position()
                guest.shell.type(verb)
                if reason:
                    self.assertEqual(guest.wait_end(60), reason)
                else:
                    guest.wait_for("reboot: System halted", 60, since=since)
                    guest.stop()
                self.assertEqual("mkinitrd: power: " in guest.console.text[since:], not force)
                if not force:
                    self.assert_clean(disk)


class Devices(Case):
    """Swap, loop and dm devices on the disk are released, so that it can be unmounted."""
    mode = "supervise"

    def test_OD_22_swap_loop_dm(self):
        guest, disk = self.docker_is_up()
        guest.shell.run(
            "modprobe -a loop dm_mod && cd /var/lib/docker && "
            "busybox dd if=/dev/zero of=swap bs=1M count=8 && busybox mkswap swap && "
            "busybox swapon swap && busybox truncate -s 16M inner && busybox mke2fs -F inner && "
            "loop=$(busybox losetup -f) && busybox losetup $loop inner && "
            "dmsetup create --noudevsync --noudevrules "
            "--table \"0 32768 linear $loop 0\" inner && mkdir /mnt && "
            "busybox mount /dev/dm-0 /mnt && echo inside >/mnt/file && "
            "busybox grep swap /proc/swaps")
        since = guest.position()
        guest.shell.type("poweroff")
        raw = self.check_end(guest, disk, OFF, since)
        said = guest.console.text[since:]
        self.assertRegex(said, r"power: unmounted: \d+, 0 busy, released: 2, swap off: 1 ")
        self.assertRegex(said, r"power: disks: none left ")
        disks.run("debugfs", "-R", f"dump /inner {self.path('inner')}", raw)
        # without a journal this line is worth something
        self.assertRegex(disks.run("dumpe2fs", "-h", self.path("inner")),
                         r"(?m)^Filesystem state: +clean$")
        self.assertEqual(disks.cat(self.path("inner"), "file"), "inside\n")


if __name__ == "__main__":
    machine.needs_tools()
    unittest.main(verbosity=2)
