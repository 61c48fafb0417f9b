# SPDX-License-Identifier: Apache-2.0
"""What lies on the Docker disk: settings take effect, broken ones and what an unclean stop leaves
are set aside.

Facts: dockerd ends at its start when image/overlay2/repositories.json is empty (20.10: "Couldn't
       create reference store repository: EOF"), or when a setting stands in daemon.json and on its
       command line: dockerd(8).
"""
import os
import struct
import unittest

import disks
import machine
import registry
import vm

IMAGE = machine.CONSOLE_IMAGE
NOT_PANIC = (vm.PANIC,)
SETTINGS_OK = r"mkinitrd: settings: ok (.*)"


class OnDisk(machine.BootTest):

    def seeded(self, files, size="256M", name="disk.raw"):
        """A raw disk with these files, by their paths in it."""
        os.makedirs(self.path("seed"), exist_ok=True)
        for path, content in files.items():
            path = self.path("seed/" + path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
        return disks.make_raw(self.path(name), size,
                              ("-t", "ext4", "-L", "DOCKER", "-d", self.path("seed")))

    def small(self, disk, append="", **arguments):
        return self.machine("disks", disks=[disk], memory=400, nic="none",
                            append=f"rd.shell {append}", **arguments)

    def power_off(self, guest, disk):
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(60), "guest-shutdown")
        self.assert_clean(disk)


class Broken(OnDisk):
    """Without Docker, in seconds: init and the agent do all of it."""

    def test_OD_21_DL_6_DL_17_DL_18_set_aside(self):
        files = {
            "mkinitrd/daemon.json": '{ "labels": ["a=b"],\n  "mtu" 1400 }\n',
            "mkinitrd/hostname": "no_name!\n",
            "mkinitrd/ca-certificates.crt": "",
            "mkinitrd/certs/bad.crt": "-----BEGIN CERTIFICATE-----\nhalf of it",
            "mkinitrd/certs/readme.txt": "no certificate, and none of our business",
            "image/overlay2/repositories.json": "",
            "swarm/docker-state.json": "\n",
            "engine-id": "an-id",
            "image/overlay2/distribution/odd.json": "",
        }
        disk = self.seeded(files)
        guest = self.small(disk, "rd.break=settings")
        guest.type_until('echo RESCUE\\-ANSWERS', "RESCUE-ANSWERS", 120)
        guest.console.send("echo left >/run/one.sock; mkdir /run/two.sock; "
                           "echo 1 >/run/docker.pid; exit\n")
        guest.wait_for(r"mkinitrd: exec: ", 60)
        said = "".join(line + "\n" for line in guest.console.text.splitlines()
                       if "mkinitrd: settings: " in line)
        here = "/var/lib/docker/"
        for line in (
                f"{here}mkinitrd/daemon.json: not taken, no JSON that dockerd reads: line 2, ",
                f"it is '{here}mkinitrd/daemon.json.set-aside' now",
                f"{here}mkinitrd/hostname: not taken, it holds no host name",
                f"{here}mkinitrd/ca-certificates.crt: not taken, it holds no certificates",
                f"{here}mkinitrd/certs/bad.crt: not taken, it holds no certificates",
                f"{here}image/overlay2/repositories.json: empty, as an unclean stop leaves it",
                f"{here}swarm/docker-state.json: empty",
                "/run/one.sock: in the way of Docker's socket",
                "/run/two.sock: in the way of Docker's socket",
                "/var/run/docker.pid: a pid file that was left",
                "settings: ok warnings=9 ("):
            self.assertIn(line, said)
        self.assertEqual(said.count("\n"), 10)
        self.assertEqual(guest.shell.run("cat /proc/sys/kernel/hostname"), "mkinitrd\n")
        self.assertEqual(guest.shell.run("cat /etc/docker/daemon.json"),
                         '{ "iptables": false, "debug": false }')
        self.power_off(guest, disk)
        aside = {"mkinitrd/daemon.json", "mkinitrd/hostname", "mkinitrd/ca-certificates.crt",
                 "mkinitrd/certs/bad.crt", "image/overlay2/repositories.json",
                 "swarm/docker-state.json"}
        for path, content in files.items():
            self.assertEqual(disks.cat(disk, f"/{path}.set-aside" if path in aside else f"/{path}"),
                             content, path)

    def test_OD_21_conflict_and_last_chance(self):
        ours = '{"log-driver": "local", "debug": true}'
        disk = self.seeded({"mkinitrd/daemon.json": ours, "mkinitrd/daemon.json.tries": "1\n",
                            "mkinitrd/hostname": "web-1.example\n"})
        guest = self.small(disk, name="taken")
        said = guest.wait_for(SETTINGS_OK, 120).group(1)
        self.assertIn("daemon.json=log-driver,debug hostname=web-1.example", said)
        # over that of the image, and main, which is no Docker, never answers
        self.assertEqual(guest.shell.run("cat /etc/docker/daemon.json").split(),
                         ['{', '"iptables":', 'false,', '"debug":', 'true,', '"log-driver":',
                          '"local"', '}'])
        self.assertEqual(guest.shell.run("cat /proc/sys/kernel/hostname"), "web-1.example\n")
        guest.shell.run("grep -qx '127.0.1.1 web-1.example' /etc/hosts")
        # an orderly end would say that nothing was wrong with it
        guest.stop()

        guest = self.small(disk, name="last")
        guest.wait_for("mkinitrd: settings: /var/lib/docker/mkinitrd/daemon.json: not taken, "
                       "Docker did not answer in 2 boots with it; ", 120)
        guest.wait_for(SETTINGS_OK, 30)
        self.assertEqual(guest.shell.run("cat /etc/docker/daemon.json"),
                         '{ "iptables": false, "debug": false }')
        guest.shell.run("cd /var/lib/docker/mkinitrd; ! [ -e daemon.json.tries ]; "
                        "echo '{ \"log-level\": \"debug\" }' >daemon.json")
        self.power_off(guest, disk)

        guest = self.small(disk, name="conflict")
        guest.wait_for("mkinitrd: settings: /var/lib/docker/mkinitrd/daemon.json: not taken, "
                       "dockerd refuses a setting that it gets twice: 'log-level' is in it, and "
                       "'--log-level=warn' on the command line of this image; it is "
                       "'/var/lib/docker/mkinitrd/daemon.json.set-aside-2' now", 120)
        guest.wait_for(r"mkinitrd: exec: ", 60)
        guest.shell.run("echo '{}' >/var/lib/docker/mkinitrd/daemon.json")
        self.power_off(guest, disk)
        self.assertEqual(disks.cat(disk, "/mkinitrd/daemon.json.set-aside"), ours)

        guest = self.small(disk, name="orderly")
        guest.wait_for(r"mkinitrd: exec: ", 120)
        self.assertEqual(guest.shell.run("cat /var/lib/docker/mkinitrd/daemon.json.tries"), "1\n")
        self.power_off(guest, disk)
        self.assertIsNone(disks.cat(disk, "/mkinitrd/daemon.json.tries"))


    def test_DL_19_more_files_than_the_kernel_allows(self):
        guest = self.small(self.seeded({}))
        guest.wait_for("mkinitrd: limits: nofile=2000000000 is more than fs.nr_open allows, using "
                       "1048576 instead", 120)
        guest.wait_for(r"mkinitrd: limits: ok nofile=1048576 nproc=infinity ", 30)
        guest.wait_for(r"mkinitrd: exec: ", 60)
        self.assertRegex(guest.shell.run("cat /proc/1/limits"),
                         r"(?m)^Max open files +1048576 +1048576 ")


class Taken(OnDisk):
    """With Docker."""

    def test_OD_21_DL_6_DL_17_DL_18_DL_19_take_effect(self):
        with open(os.path.join(machine.CERTIFICATES, "ca.crt"), encoding="ascii") as file:
            authority = file.read()
        disk = self.seeded({
            "mkinitrd/daemon.json": '{ "labels": ["kept=on-disk"], "log-level": "error", '
                                    '"data-root": "/var/lib/docker/elsewhere" }',
            "mkinitrd/hostname": "od-21\n",
            "mkinitrd/certs/ours.crt": authority,
            # trusted is the tests' CA, and no other
            "mkinitrd/ca-certificates.crt": authority,
            "elsewhere/image/overlay2/repositories.json": "",
            "elsewhere/swarm/docker-state.json": "",
        }, "2G")
        served = registry.Registry(self.directory, machine.CERTIFICATES)
        with served:
            name = served.push("web")
            guest = self.machine(disks=[disk], append="rd.shell rd.break=settings")
            guest.type_until('echo RESCUE\\-ANSWERS', "RESCUE-ANSWERS", 240)
            guest.console.send("echo left >/run/docker.sock; exit\n")
            self.wait_ready(guest)
            said = guest.wait_for(SETTINGS_OK, 1).group(1)
            self.assertIn("daemon.json=labels,log-level,data-root hostname=od-21 ca-certificates=replaced "
                          "certificates=1", said)
            for path in ("image/overlay2/repositories.json", "swarm/docker-state.json"):
                guest.wait_for(f"mkinitrd: settings: /var/lib/docker/elsewhere/{path}: empty", 1)
            guest.wait_for("mkinitrd: settings: /var/run/docker.sock: in the way of ", 1)
            self.assertEqual(
                guest.shell.run("docker info --format '{{.Name}} {{.Labels}} {{.DockerRootDir}}'"),
                "od-21 [kept=on-disk] /var/lib/docker/elsewhere\n")
            self.assertRegex(guest.shell.run("ls -l /run/docker.sock"), r"^srw-rw---- ")
            # it is proved, and not counted any more
            guest.shell.run("! [ -e /var/lib/docker/mkinitrd/daemon.json.tries ]")
            self.assertRegex(guest.shell.run("cat /proc/1/limits"),
                             r"(?m)^Max open files +1048576 +1048576 ")
            self.assertEqual(guest.shell.run("cat /proc/sys/net/ipv4/ip_forward"), "1\n")
            self.assertRegex(guest.shell.run("ip addr show lo"), "inet 127.0.0.1/8")
            guest.shell.run(f"docker pull -q {name}")
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(120), "guest-shutdown")
        self.assert_clean(disk)
        self.assertEqual(
            disks.cat(disk, "/elsewhere/image/overlay2/repositories.json.set-aside"), "")


class Newer(OnDisk):

    def test_OD_1_OD_6_left_by_a_newer_docker(self):
        # a database of volumes of the version after the one that every Docker so far has: both of
        # its first pages say so (bbolt, struct meta: magic, version, page size)
        pages = b"".join(struct.pack("<QHHIIII", number, 4, 0, 0, 0xED0CDAED, 3, 4096)
                         .ljust(4096, b"\0") for number in (0, 1))
        path = self.path("seed/volumes/metadata.db")
        os.makedirs(os.path.dirname(path))
        with open(path, "wb") as file:
            file.write(pages * 4)
        disk = self.seeded({}, "1G")
        guest = self.machine(disks=[disk])
        guest.wait_for(machine.EXEC_DOCKERD, 240)
        guest.wait_for("Kernel panic - not syncing: Attempted to kill init!", 120, unless=())
        # dockerd's own words stand above it
        self.assertRegex(guest.console.text, r"(?i)volume.*version mismatch")
        self.assertEqual(guest.wait_end(60), "guest-reset")  # panic=-1
        kept = disks.run("debugfs", "-R", "stat /volumes/metadata.db", disk)
        self.assertRegex(kept, rf"Size: {len(pages) * 4}\b")


if __name__ == "__main__":
    machine.needs_tools()
    vm.require("docker-registry", "openssl")
    unittest.main(verbosity=2)
