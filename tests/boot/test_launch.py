# SPDX-License-Identifier: Apache-2.0
"""dockerlaunch as process 1 of a machine, in the initramfs, and in a container of that: cgroup
version 2 whole and nested, modules by modprobe, a root that pivot_root does not take.

In:    an image that mkinitrd made; its own init is not started
Out:   lines of the serial line
"""
import os
import re
import unittest

import machine
import vm

# what dockerd would be in its place: dockerd with somebody who asks it for things
SCRIPT = """\
exec </dev/null >/dev/console 2>&1
b=/usr/bin/busybox
say() { echo "launch-test: $*"; }
say first $($b cat /proc/1/comm)
$b ip link set lo up
dockerd --data-root /var/lib/docker &
daemon=$!
i=0
until docker version >/dev/null 2>&1; do
	i=$((i+1)); [ $i -lt 300 ] && kill -0 $daemon || { say no dockerd; $b poweroff -f; }
	$b usleep 200000
done
$b mkdir -p /srv/root/usr
for name in bin sbin lib lib64; do $b ln -s usr/$name /srv/root/$name; done
$b tar c -C /srv/root . | docker import - root:1 >/dev/null
say driver $(docker info -f '{{.Driver}} {{.CgroupVersion}} {{.CgroupDriver}}')
run="-v /usr:/usr:ro root:1 $b"
say limit $(docker run --rm -m 64m $run cat /sys/fs/cgroup/memory.max)
docker run -d --name inner --privileged --cgroupns=private -v /var/lib/docker -v /usr:/usr:ro \\
	root:1 /usr/bin/dockerlaunch dockerd --log-level=warn
i=0
until docker exec inner docker version >/dev/null 2>&1; do
	i=$((i+1)); [ $i -lt 150 ] && [ -n "$(docker ps -q)" ] || { docker logs inner; say no inner dockerd; $b poweroff -f; }
	$b usleep 200000
done
$b tar c -C /srv/root . | docker exec -i inner docker import - root:1 >/dev/null
say inner $(docker exec inner $b cat /proc/1/comm /proc/1/cgroup)
say inner-controllers $(docker exec inner $b cat /sys/fs/cgroup/cgroup.subtree_control)
say inner-limit $(docker exec inner docker run --rm -m 64m $run cat /sys/fs/cgroup/memory.max)
say inner-driver $(docker exec inner docker info -f '{{.Driver}} {{.CgroupVersion}}')
say end
$b poweroff -f
"""
GAVE_UP = re.compile("launch-test: no .*")
PROFILE = """\
include: [docker, host-shell]
files:
  /usr/bin/dockerlaunch: {{ from: {program}, mode: "0755" }}
  /launch.sh: {{ from: {script} }}
"""


class Initramfs(machine.BootTest):
    def build(self):
        with open(self.path("launch.sh"), "w", encoding="utf-8") as file:
            file.write(SCRIPT)
        profile = self.path("launch.yaml")
        with open(profile, "w", encoding="utf-8") as file:
            file.write(PROFILE.format(program=os.path.join(machine.BUILD, "dockerlaunch"),
                                      script=self.path("launch.sh")))
        machine.build_image(self.path("launch.img"), "-c", "zstd:1", profile=profile)
        return self.path("launch.img")

    def test_DL_3_DL_5_DL_7_process_1_and_nested(self):
        image = self.build()
        with vm.VM(self.directory, image, machine.kernel()[1], name="launch", memory=2500,
                   append="rdinit=/usr/bin/dockerlaunch -- -v --init busybox sh /launch.sh") \
                as guest:
            def said(text):
                return guest.wait_for("launch-test: " + text, 300, unless=(vm.PANIC, GAVE_UP))
            said(r"first dockerlaunch$")
            said(r"driver overlay2 2 cgroupfs$")
            said(r"limit 67108864$")
            said(r"inner dockerd 0::/init$")
            controllers = said(r"inner-controllers (.*)$").group(1).split()
            said(r"inner-limit 67108864$")
            said(r"inner-driver overlay2 2$")
            said(r"end$")
            text = guest.console.text
        self.assertLessEqual({"cpu", "memory", "pids"}, set(controllers))
        for line in ("mounts: /: bound onto itself, for pivot_root (initramfs)\n",
                     "cgroups: /sys/fs/cgroup: version 2\n",
                     "cgroups: memory: passed on\n",
                     "modules: overlay: loaded, for storage driver overlay2\n",
                     "modules: bridge: loaded, for networks of containers\n",
                     "modules: xt_MASQUERADE: loaded, for the way out of containers\n",
                     "limits: nofile: 1048576\n"):
            self.assertIn("dockerlaunch: " + line, text)


if __name__ == "__main__":
    machine.needs_tools()
    unittest.main()
