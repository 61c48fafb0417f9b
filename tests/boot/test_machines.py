# SPDX-License-Identifier: Apache-2.0
"""Trees as machines of systemd: a Debian that our init booted runs a tree of mmdebstrap, one of a
profile and one that came from Docker, with machinectl, as units, with their settings.

usage: test_machines.py

In:    a tree of Debian (debian_root.py); everything happens in one machine
Not:   our init as process 1 of a container in detail, single commands (test_container.py)
Facts: systemd.nspawn(5), machinectl(1), systemd.resource-control(5): systemd-nspawn@.service brings
       private users, a veth pair and --boot unless a tree's settings say otherwise; networkd gives
       that pair addresses and masquerades them. Each start of systemd-nspawn has its own boot id
"""
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.request

import disks
import machine
import systemd_host
import trees
import vm

sys.path.insert(0, os.path.join(machine.SOURCE, "tests/cli"))
import archives  # pylint: disable=wrong-import-position
from archives import member  # pylint: disable=wrong-import-position

LIMITS = ("memory.max", "536870912"), ("cpu.max", "200000 100000")

# what its server is asked, runs as the server
CGI = """\
#!/bin/busybox sh
busybox printf 'Content-Type: text/plain\\r\\n\\r\\n'
{text}
"""
EAT = "busybox awk 'BEGIN { s = \"x\"; while (1) s = s s }'; echo status $?"
OUT = "busybox wget -q -O - http://10.0.2.2:{port}/"
WHO = "busybox id -u; busybox id -g; echo $GREETING; busybox readlink /proc/$PPID/cwd; " \
      "busybox tr '\\0' ' ' </proc/$PPID/cmdline"
WEB = """\
include: [nspawn, dhcp, host-shell]
boot:
  mode: exec
  shell: { ttys: [] }
  main: { exec: [busybox, httpd, -f, -p, "80", -h, /srv] }
files:
  /srv/index.html: { content: "a tree of a profile" }
  /srv/cgi-bin/eat: { from: eat, mode: "0755" }
  /srv/cgi-bin/out: { from: out, mode: "0755" }
run:
  init: boot
  ports: { 80/tcp: { host: "8080" } }
  limits: { memory: 512M, cpus: 2 }
  network: veth
"""
# what dockerlaunch starts need not be Docker, but is taken for it
LAUNCH = """\
include: [nspawn]
programs: { busybox: required, dockerlaunch: required }
files:
  /srv/index.html: { content: "a tree of dockerlaunch" }
  /usr/bin/served:
    mode: "0755"
    content: |
      #!/usr/bin/busybox sh
      exec busybox httpd -f -p 8083 -h /srv
run: { exec: [dockerlaunch] }
"""
LAUNCHED = "DOCKER=served --iptables=false\nNETWORK=\n"
APP = "run.init=boot", "run.network=veth", "run.ports.8081/tcp.host=8082"
# an address by hand, then a server
STATIC = "busybox ip link set {name} up; busybox ip address add {address}/24 dev {name}; " \
         "exec busybox httpd -f -p 80 -h /srv"
TREES = ("deb", "prof", "dock")
UNITS = " ".join(f"systemd-nspawn@{name}" for name in TREES)
SECONDS = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Outside(http.server.BaseHTTPRequestHandler):
    """What is beyond the machine."""

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the outside")

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class Machines(machine.BootTest):

    @classmethod
    def setUpClass(cls):
        cls.folder = os.path.join(machine.BUILD, "boot-machines")
        shutil.rmtree(cls.folder, ignore_errors=True)
        os.makedirs(cls.folder + "/machines")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.outside = http.server.HTTPServer(("127.0.0.1", 0), Outside)
        threading.Thread(target=cls.outside.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.outside.server_close)
        cls.addClassCleanup(cls.outside.shutdown)
        cls.make_trees()
        disk = cls.make_host()
        cls.start(disk)

    @classmethod
    def file(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def make_trees(cls):
        trees.write(cls.folder, "eat", CGI.format(text=EAT), 0o755)
        trees.write(cls.folder, "out", CGI.format(
            text=OUT.format(port=cls.outside.server_address[1])), 0o755)
        trees.write(cls.folder, "web.yaml", WEB)
        trees.write(cls.folder, "launch.yaml", LAUNCH)
        with open("/bin/busybox", "rb") as file:
            busybox = file.read()
        folders = [member(path, archives.tarfile.DIRTYPE)
                   for path in ("bin", "srv", "srv/cgi-bin", "tmp")]
        archives.tar(cls.file("app.tar"), archives.saved(
            [folders + [member("bin/busybox", content=busybox, mode=0o755),
                        member("srv/index.html", content=b"a tree of Docker"),
                        member("srv/cgi-bin/who", content=CGI.format(text=WHO).encode(),
                               mode=0o755)]],
            config={"Cmd": ["/bin/busybox", "httpd", "-f", "-p", "8081"], "User": "1000:1001",
                    "WorkingDir": "/srv", "Env": ["GREETING=hello there", "PATH=/bin"],
                    "ExposedPorts": {"8081/tcp": {}}}))
        cls.mkinitrd("from-docker", cls.file("app.tar"), "--as", "profile", "-o",
                     cls.file("app.yaml"))
        systemd_host.debian(cls.file("machines/deb"))

    @classmethod
    def mkinitrd(cls, *arguments):
        done = subprocess.run([machine.MKINITRD, "-q", *arguments], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=300, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: status {done.returncode}\n{done.stderr}")

    @classmethod
    def place(cls, host, name, *arguments):
        """A tree as a machine of the host, with its settings."""
        cls.mkinitrd("dir", *arguments, "--nspawn", name, "--host-root", host)

    @classmethod
    def make_host(cls):
        tree = systemd_host.host(cls.file("host"), cls.file("machines"))
        for name in ("prof", "web"):
            cls.place(tree, name, "-p", cls.file("web.yaml"))
        cls.place(tree, "launch", "-p", cls.file("launch.yaml"))
        shutil.copy(os.path.join(machine.SOURCE, "init/dockerlaunch@.service"),
                    os.path.join(tree, "etc/systemd/system"))
        trees.write(tree, "etc/dockerlaunch/launch", LAUNCHED)
        cls.place(tree, "dock", "-p", cls.file("app.yaml"), "-p", "nspawn",
                  *(word for text in APP for word in ("--set", text)))
        disks.run("systemctl", f"--root={tree}", "enable", "machines.target",
                  "systemd-nspawn@prof.service", "systemd-nspawn@dock.service")
        trees.write(cls.folder, "host.yaml", systemd_host.PROFILE)
        machine.build_image(cls.file("host.img"), "-c", "zstd:1", profile=cls.file("host.yaml"))
        disk = disks.make_raw(cls.file("host.raw"), "1500M",
                              ["-t", "ext4", "-L", "HOST", "-d", tree])
        shutil.rmtree(tree)
        return disk

    @classmethod
    def start(cls, disk):
        cls.ports = {name: free_port() for name in ("prof", "dock", "launch", "macvlan")}
        forward = ",".join(
            f"hostfwd=tcp:127.0.0.1:{cls.ports[name]}-{target}"
            for name, target in (("prof", ":8080"), ("dock", ":8082"), ("launch", ":8083"),
                                 ("macvlan", "10.0.2.16:80")))
        guest = vm.boot(lambda attempt: vm.VM(
            cls.folder, cls.file("host.img"), machine.kernel()[1], name=f"host-{attempt}",
            disks=[disk], memory=1200, append="rw systemd.show_status=0",
            nic=f"user,model=virtio-net-pci,{forward}"))
        cls.addClassCleanup(guest.stop)
        cls.guest, cls.run_there = guest, guest.shell.run
        guest.wait_for(systemd_host.ROOT_OK, 90)
        guest.wait_for(systemd_host.REACHED, 300)

    # ---- what is asked of it ----

    def get(self, name, path="/", seconds=SECONDS):
        """What a server of the machine says to this side of its network."""
        end = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}{path}",
                                            timeout=60) as answer:
                    return answer.read().decode()
            except OSError as error:
                if time.monotonic() > end:
                    raise AssertionError(self.guest.report(f"{name}: {error}")) from None
                time.sleep(1)

    def wait_there(self, command, seconds=SECONDS):
        """Until it ends well on the machine; what it says then."""
        return self.run_there(f"until {command}; do sleep 1; done", seconds)

    def leader(self, name):
        return self.run_there(f"machinectl show -p Leader --value {name}").strip()

    def test_1_WD_11_WD_12_WD_16_what_is_enabled_runs_after_the_boot(self):
        run = self.run_there
        # nobody started them, and Docker is not there
        self.wait_there("systemctl -q is-active systemd-nspawn@prof systemd-nspawn@dock")
        run("systemctl is-system-running --wait")
        self.assertRegex(run("systemd-analyze"),
                         r"\(kernel\) \+ [\d.]+m?s \(initrd\) \+ .* \(userspace\)")
        said = run("journalctl -b -t mkinitrd -o cat --no-pager")
        self.assertRegex(said, r"(?m)^mounts: ok .*\n(.*\n)*root: ok source=LABEL=HOST")
        self.assertRegex(said, r"(?m)^exec: /sbin/init$")
        self.assertEqual(run("ls /usr/bin/docker* /usr/sbin/docker* 2>/dev/null", status=None), "")
        self.assertEqual(self.get("prof"), "a tree of a profile")
        self.assertEqual(self.get("dock"), "a tree of Docker")

    def test_2_WD_15_as_its_image_says(self):
        self.assertEqual(self.get("dock", "/cgi-bin/who").split("\n"),
                         ["1000", "1001", "hello there", "/srv",
                          "/bin/busybox httpd -f -p 8081 "])

    def test_3_WD_2_WD_6_WD_7_list_and_status(self):
        run = self.run_there
        run("systemctl start systemd-nspawn@deb")
        self.wait_there("systemctl -M deb is-system-running --wait 2>&1 | grep -q running", 180)
        said = run("machinectl list --no-pager --no-legend")
        for name, system in (("deb", "debian"), ("prof", "mkinitrd"), ("dock", "")):
            self.assertRegex(said, rf"(?m)^{name} +container +systemd-nspawn +{system}")
        ids = {run(f"machinectl show -p Id --value {name}") for name in TREES}
        self.assertEqual(len(ids), 3)
        said = run("machinectl status --no-pager prof")
        self.assertRegex(said, r"Leader: \d+ \(init\)")
        self.assertRegex(said, r"Unit: systemd-nspawn@prof.service")
        self.assertRegex(said, r"OS: machine \(mkinitrd\)")
        self.assertRegex(said, r"Iface: ve-prof")
        self.assertRegex(said, r"Address: \d+\.\d+\.\d+\.\d+")
        self.assertEqual(run("systemctl show -P StatusText systemd-nspawn@prof"),
                         "Container running: main is ready\n")

    def test_4_WD_12_log_and_times_from_the_host(self):
        run = self.run_there
        run("systemd-run -q -M deb --wait logger -t inside one line from within")
        self.assertIn("one line from within",
                      run("journalctl -M deb -t inside --no-pager -o cat"))
        self.assertRegex(run("systemd-analyze -M deb"), r"Startup finished in .*\(userspace\)")
        self.assertRegex(run("systemd-analyze -M deb blame --no-pager | head -3"), r"\d+m?s \S+\.")
        # what is no systemd speaks through its unit, and has boot-times
        self.assertRegex(run("journalctl -u systemd-nspawn@prof --no-pager -o cat"),
                         r"mkinitrd: clock: skipped: in a container")
        self.assertRegex(run(f"/usr/bin/nsenter -t {self.leader('prof')} -a /usr/sbin/boot-times"),
                         r"Startup finished in .*\(init\)")

    def test_5_WD_13_networks(self):
        run = self.run_there
        self.assertEqual(self.get("prof", "/cgi-bin/out"), "the outside")
        shared = "systemd-nspawn -q --settings=no --read-only -D /var/lib/machines/web /bin/busybox " \
                 "ls /sys/class/net"
        self.assertRegex(run(shared), r"(?m)^ens3|eth0$")
        run("ip link add br-test type bridge && ip address add 10.9.0.1/24 dev br-test && "
            "ip link set br-test up")
        ethernet = run("ls /sys/class/net | grep -E '^(ens|eth)'").strip()
        for name, setting, interface, address in (
                ("bridged", "Bridge=br-test", "host0", "10.9.0.2"),
                ("macvlan", f"MACVLAN={ethernet}", f"mv-{ethernet}", "10.0.2.16")):
            run(f"printf '[Network]\\n{setting}\\n' >/etc/systemd/nspawn/{name}.nspawn")
            command = STATIC.format(name=interface, address=address)
            run(f"systemd-run -q --unit={name} systemd-nspawn -q --settings=override --read-only "
                f"-M {name} -D /var/lib/machines/web /bin/busybox sh -c '{command}'")
        self.assertEqual(
            self.wait_there("busybox wget -q -O - http://10.9.0.2/index.html 2>/dev/null", 60),
            "a tree of a profile")
        self.assertEqual(self.get("macvlan", seconds=60), "a tree of a profile")
        run("systemctl stop bridged macvlan")

    def test_6_WD_14_limits(self):
        run = self.run_there
        folder = "/sys/fs/cgroup" + run(
            "systemctl show -P ControlGroup systemd-nspawn@prof").strip()
        for name, value in LIMITS:
            self.assertEqual(run(f"cat {folder}/{name}").strip(), value)
        run("systemctl set-property --runtime systemd-nspawn@prof MemoryMax=96M")
        # 137: killed
        self.assertRegex(self.get("prof", "/cgi-bin/eat"), "status 137")
        self.assertRegex(run(f"cat {folder}/memory.events"), r"(?m)^oom_kill [1-9]")
        self.assertEqual(self.get("prof"), "a tree of a profile")

    def test_7_WD_8_reboot_and_poweroff(self):
        run = self.run_there
        before = {name: (self.leader(name), self.boot_id(name)) for name in TREES}
        for name in TREES:
            run(f"echo kept >/var/lib/machines/{name}/var/kept && machinectl reboot {name}")
        for name in TREES:
            self.wait_there(f"systemctl -q is-active systemd-nspawn@{name} && l=$(machinectl show "
                            f"-p Leader --value {name} 2>/dev/null) && [ $l != {before[name][0]} ]")
            self.assertNotEqual(self.boot_id(name), before[name][1])
            self.assertEqual(run(f"cat /proc/{self.leader(name)}/root/var/kept"), "kept\n")
        run("machinectl poweroff " + " ".join(TREES))
        self.wait_there("[ -z \"$(machinectl list --no-legend)\" ]", 60)
        for name in TREES:
            self.assertEqual(run(f"systemctl is-active systemd-nspawn@{name}", status=3),
                             "inactive\n")
        said = run("journalctl -u systemd-nspawn@dock -o cat --no-pager")
        self.assertIn("mkinitrd: poweroff: asked by SIGRTMIN+4", said)
        self.assertIn("mkinitrd: reboot: asked by ctrl-alt-del", said)

    def test_8_WD_10_WD_14_the_unit_of_dockerlaunch(self):
        run = self.run_there
        run("systemctl start dockerlaunch@launch")
        try:
            self.assertEqual(self.get("launch", seconds=60), "a tree of dockerlaunch")
        except AssertionError as error:
            raise AssertionError(run("journalctl -u dockerlaunch@launch -o cat --no-pager")) \
                from error
        before = self.leader("launch")
        self.assertEqual(run(f"cat /proc/{before}/comm"), "dockerlaunch\n")
        run("systemctl set-property --runtime dockerlaunch@launch MemoryMax=128M")
        group = "/sys/fs/cgroup" + run("systemctl show -P ControlGroup dockerlaunch@launch").strip()
        self.assertEqual(run(f"cat {group}/memory.max"), "134217728\n")
        # killed, it comes back
        run(f"kill -9 $(cat /proc/{before}/task/{before}/children)")
        self.wait_there(f"l=$(machinectl show -p Leader --value launch 2>/dev/null) && "
                        f"[ $l != {before} ]", 60)
        self.assertEqual(self.get("launch"), "a tree of dockerlaunch")
        self.assertEqual(run("systemctl show -P NRestarts dockerlaunch@launch"), "1\n")
        # told to end, it does, long before its limit
        run("systemctl stop dockerlaunch@launch", 60)
        self.assertEqual(run("systemctl is-active dockerlaunch@launch", status=None)[:5], "inact")

    def boot_id(self, name):
        return self.run_there(
            f"cat /proc/{self.leader(name)}/root/proc/sys/kernel/random/boot_id")


if __name__ == "__main__":
    vm.require("mmdebstrap", "systemctl")
    machine.needs_tools()
    if os.geteuid() != 0:
        print("skipped: mmdebstrap needs root here")
        sys.exit(77)
    unittest.main(verbosity=2)
