# SPDX-License-Identifier: Apache-2.0
"""A machine without a disk: everything that Docker needs, from one boot."""
import re
import socket
import subprocess
import time
import unittest

import disks
import machine
import vm

IMAGE = machine.CONSOLE_IMAGE


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NoDisk(machine.BootTest):
    """One boot for all cases; the order does not matter."""

    guest = None

    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        boot = cls("boot_once")
        boot.setUp()
        cls.addClassCleanup(boot.doCleanups)
        cls.folder = boot
        cls.guest = boot.machine(
            nic=f"user,id=net0,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{cls.port}-:8080")
        boot.wait_ready(cls.guest)

    def boot_once(self):
        """Not a test: its instance holds the class's machine and folder."""

    def run_in(self, command, **arguments):
        return self.guest.shell.run(command, **arguments).strip()

    def test_OD_1_dockerd_is_process_1(self):
        path = self.guest.wait_for(machine.EXEC_DOCKERD, 1).group(1)
        self.assertEqual(self.run_in(f"ls {path}"), path)
        self.assertEqual(self.run_in(
            f"docker run --rm --privileged --pid=host {IMAGE} cat /proc/1/comm"), "dockerd")
        said = subprocess.run(["dockerd", "--version"], capture_output=True, text=True, check=True)
        expected = re.search(r"version ([^\s,]+)", said.stdout).group(1)
        self.assertEqual(self.run_in("docker version --format '{{.Server.Version}}'"), expected)
        self.assertEqual(self.run_in("docker info --format '{{.Driver}}'"), "overlay2")

    def test_OD_2_a_container_runs(self):
        self.assertEqual(self.run_in(f"docker run --rm {IMAGE} echo a line"), "a line")

    def test_OD_4_devices(self):
        mounts = self.run_in("cat /proc/mounts")
        for line in (r"devtmpfs /dev devtmpfs ", r"\S+ /dev/pts devpts ", r"\S+ /dev/shm tmpfs "):
            self.assertRegex(mounts, re.compile("^" + line, re.M))
        self.assertEqual(self.run_in(
            f"docker run --rm -t {IMAGE} sh -c 'test -t 1 && echo terminal'"), "terminal")
        raw = disks.make_raw(self.folder.path("hot.raw"), "16M", ())
        self.guest.monitor.human(f"drive_add 0 if=none,id=hot,format=raw,cache=unsafe,file={raw}")
        self.guest.monitor.human("device_add virtio-blk-pci,drive=hot,id=hotdisk")
        self.assertEqual(self.run_in(
            "i=0; while [ ! -b /dev/vda ] && [ $i -lt 150 ]; do usleep 100000; i=$((i+1)); done;"
            " cat /sys/block/vda/size"), str(16 * 2048))

    def test_OD_5_cgroups(self):
        self.assertEqual(self.run_in("grep -c ' cgroup2 ' /proc/mounts"), "1")
        self.assertRegex(self.run_in("grep cgroup /proc/mounts"), r"^\S+ /sys/fs/cgroup cgroup2 ")
        info = self.run_in("docker info")
        self.assertRegex(info, r"Cgroup Version: 2\n")
        self.assertRegex(info, r"Cgroup Driver: cgroupfs\n")
        self.assertNotIn("WARNING", info)
        limits = "/sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max"
        said = self.run_in(
            f"docker run --rm -m 64m --cpus 0.5 --pids-limit 32 {IMAGE} cat {limits}")
        self.assertEqual(said.splitlines(), ["67108864", "50000 100000", "32"])

    def test_OD_8_runs_from_memory(self):
        self.guest.wait_for(r"mkinitrd: disk: skipped: absent", 1)
        self.assertRegex(self.run_in("grep ' /var/lib/docker ' /proc/mounts"),
                         r"^\S+ /var/lib/docker tmpfs ")
        self.run_in("busybox tar -C /etc -cf - passwd | docker import - imported:1")
        self.assertIn("imported", self.run_in("docker images"))
        self.assertNotIn("DOCKER_RAMDISK", self.run_in("tr '\\0' '\\n' </proc/1/environ"))
        self.assertEqual(self.run_in(
            f"docker run --rm -v /tmp:/shared:rshared {IMAGE} echo shared"), "shared")

    def test_OD_9_network(self):
        said = self.guest.wait_for(r"mkinitrd: network: ok (.*)", 30).group(1)
        for part in ("eth0", "10.0.2.15", "10.0.2.2", "10.0.2.3"):
            self.assertIn(part, said)
        self.assertIn("nameserver 10.0.2.3", self.run_in("cat /etc/resolv.conf"))
        self.assertRegex(self.run_in("ip route"), r"default via 10\.0\.2\.2 dev eth0")

    def test_OD_10_bundled_image(self):
        self.guest.wait_for(r"mkinitrd: images: ok .*", 30)
        self.assertIn("console-image", self.run_in("docker images"))

    def test_DL_20_what_containers_print_is_bounded(self):
        self.assertEqual(self.run_in("docker info --format '{{.LoggingDriver}}'"), "local")
        self.run_in(f"docker run --name wordy {IMAGE} echo words")
        self.assertEqual(self.run_in("docker logs wordy"), "words")
        self.run_in("docker rm wordy")

    def test_OD_15_console_and_host_shell(self):
        self.assertEqual(self.run_in("cat /proc/1/comm"), "dockerd")
        self.guest.wait_for(r"mkinitrd: console: ok .*", 30)
        # in the container on the first terminal process 1 is its own
        self.guest.type_until('read name </proc/1/comm; echo CONSOLE\\=$name',
                              r"^CONSOLE=sh$", 60)
        self.assertIn("console", self.run_in("docker ps --format '{{.Names}}'").splitlines())

    def test_DL_7_modules_of_the_plan_are_loaded(self):
        said = self.guest.wait_for(r"mkinitrd: modules: ok loaded=\d+ failed=0 beside=(\d+) ", 1)
        self.guest.wait_for(r"mkinitrd: modules: beside: loaded=\d+ failed=0 ", 1)
        plan = self.run_in("grep '^module .* load=b' /usr/lib/mkinitrd/boot.plan")
        self.assertEqual(plan.count("load=beside"), int(said.group(1)))
        wanted = set(re.findall(r"^module name=(\S+) ", plan, re.M))
        self.assertGreaterEqual(wanted, {"bridge", "br_netfilter", "nf_nat", "veth"})
        loaded = {line.split()[0] for line in self.run_in("cat /proc/modules").splitlines()}
        self.assertEqual(wanted - loaded, set())
        self.assertIn("overlay", loaded)  # which the kernel asked modprobe for
        self.run_in("[ -x $(cat /proc/sys/kernel/modprobe) ]")

    def test_OD_16_nft_is_chosen(self):
        self.guest.wait_for(r"mkinitrd: services: ok firewall=nft started=containerd \(", 1)
        self.assertRegex(self.run_in("readlink /usr/sbin/iptables"), r"/iptables-nft$")

    def test_OD_16_published_port(self):
        self.run_in(f"docker run -d --name web -p 8080:80 {IMAGE} "
                    "busybox nc -ll -p 80 -e busybox echo published")
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.settimeout(30)
            self.assertEqual(connection.recv(100), b"published\n")
        rules = self.run_in("iptables -t nat -S; iptables -S")
        self.assertRegex(rules, r"-A POSTROUTING .*MASQUERADE")
        self.assertRegex(rules, r"-A FORWARD .*docker0|-A DOCKER-FORWARD .*docker0")
        self.run_in("docker rm -f web")

    def test_OD_1_no_zombies_after_ten_containers(self):
        for _ in range(10):
            self.assertEqual(self.run_in(f"docker run --rm --network none {IMAGE} echo ran"),
                             "ran")
        # the last one's parent may not have waited for it yet
        deadline = time.monotonic() + 30
        while True:
            zombies = self.run_in(
                "for f in /proc/[0-9]*/stat; do read -r line <$f && case \"$line\" in "
                "*') Z '*) echo \"$line\";; esac; done 2>/dev/null; true")
            if not zombies or time.monotonic() > deadline:
                break
        self.assertEqual(zombies, "")

    def test_OD_1_containerd_is_restarted(self):
        self.run_in(f"docker run -d --name keeper {IMAGE} sleep 10000")
        state = "docker inspect -f '{{.State.Running}} {{.State.Pid}}' keeper"
        before, pid = self.run_in(state), self.run_in("pidof containerd")
        self.run_in(f"kill -9 {pid}")
        self.run_in(f"i=0; while p=$(pidof containerd); [ -z \"$p\" ] || [ \"$p\" = {pid} ]; do "
                    "usleep 200000; i=$((i+1)); [ $i -lt 150 ] || exit 1; done")
        deadline = time.monotonic() + 60
        while True:
            try:
                self.assertEqual(self.run_in(f"docker run --rm {IMAGE} echo new"), "new")
                break
            except vm.BootError:
                if time.monotonic() > deadline:
                    raise
        self.assertEqual(self.run_in(state), before)
        self.assertRegex(before, r"^true [1-9]")
        self.assertEqual(self.run_in("docker exec keeper echo same"), "same")
        self.run_in("docker rm -f keeper")


if __name__ == "__main__":
    machine.needs_tools()
    unittest.main(verbosity=2)
