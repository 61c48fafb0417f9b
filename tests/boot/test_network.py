# SPDX-License-Identifier: Apache-2.0
"""Networks and clocks: small machines without Docker, each on wires that the test holds the other
end of; and one whose DHCP client is a container."""
import calendar
import os
import re
import time
import unittest

import disks
import machine
import vm
import wire

PROFILE = """\
include: [base, dhcp, host-shell]
boot:
  hostname: null
  dhcp: { wait: 8s }
  ntp: { servers: [dhcp] }
  disk: { find: LABEL=DOCKER, at: /data, absent: tmpfs, wait: 0 }
  network:
    "mac:52:54:00:00:00:31":
      { address: [192.0.31.5/24, 192.0.31.6/24, "2001:db8:31::5/64"], mtu: 1400,
        gateway: [192.0.31.1, "2001:db8:31::1"], dns: [192.0.31.53], search: [example.org],
        accept-ra: false }
  main: { exec: [busybox, sh, -c, "while :; do sleep 1000; done"] }
"""
NOT_PANIC = (vm.PANIC,)


class Network(machine.BootTest):
    """A small machine; boots in seconds."""

    directory_of_class = None

    @classmethod
    def setUpClass(cls):
        os.makedirs(machine.IMAGES, exist_ok=True)
        profile = os.path.join(machine.IMAGES, "network.yaml")
        with open(profile, "w", encoding="utf-8") as file:
            file.write(PROFILE)
        machine.build_image(machine.image_path("network"), "--set", machine.TTY, profile=profile)

    def wires(self, *nets):
        found = [wire.Wire(self.directory, net, f"52:54:00:00:00:{net}") for net in nets]
        for one in found:
            self.addCleanup(one.close)
        return found

    def boot(self, *wires, **arguments):
        extra = [word for one in wires for word in one.arguments()] + arguments.pop("extra", [])
        return self.machine("network", nic="none", memory=400, extra=extra, **arguments)

    def wait_until(self, guest, command, pattern, deadline=20):
        """The guest's state, which may be a moment behind the line that told of it."""
        end = time.monotonic() + deadline
        while True:
            said = guest.shell.run(command, status=None)
            if re.search(pattern, said):
                return said
            if time.monotonic() > end:
                self.fail(guest.report(f"`{command}` says {said!r}, not /{pattern}/"))


class Leases(Network):

    def test_OD_9_two_cards_and_leases(self):
        first, second = self.wires(41, 42)
        first.dhcp, first.lease_seconds = True, 20
        guest = self.boot(first, second)
        # the second card's silence holds up nobody
        guest.wait_for(r"mkinitrd: network: ok interface=eth0 address=192\.0\.41\.10/24 "
                       r"gateway=192\.0\.41\.1 dns=192\.0\.41\.1", 90)
        second.dhcp = True
        guest.wait_for(r"mkinitrd: network: interface=eth1 address=192\.0\.42\.10/24", 30)
        self.assertEqual(guest.shell.run("cat /etc/resolv.conf"),
                         "nameserver 192.0.41.1\nnameserver 192.0.42.1\n")
        self.assertIn("via 192.0.41.1 dev eth0", guest.shell.run("ip route get 198.51.100.1"))
        guest.shell.run("ping -c 1 192.0.41.1")
        self.assertTrue(first.wait("renew", 2, 60), "a short lease is renewed")

        since = guest.position()
        guest.monitor.human("set_link wire41 off")
        guest.wait_for(r"mkinitrd: network: eth0 has lost its carrier", 30, since=since)
        self.wait_until(guest, "ip route get 198.51.100.1", "via 192.0.42.1 dev eth1")
        renewed = first.count("renew")
        guest.monitor.human("set_link wire41 on")
        guest.wait_for(r"mkinitrd: network: eth0 has a carrier again", 30, since=since)
        self.assertTrue(first.wait("renew", renewed + 1, 8), "asked at once")
        self.wait_until(guest, "ip route get 198.51.100.1", "via 192.0.41.1 dev eth0")

        first.dhcp = False
        guest.wait_for(r"mkinitrd: network: eth0 has lost its lease", 60, since=since)
        self.assertNotIn("192.0.41", guest.shell.run("ip address; cat /etc/resolv.conf"))
        first.dhcp, since = True, guest.position()
        guest.wait_for(r"mkinitrd: network: interface=eth0 address=192\.0\.41\.10/24", 30,
                       since=since)
        self.assertEqual(guest.shell.run("cat /etc/resolv.conf"),
                         "nameserver 192.0.41.1\nnameserver 192.0.42.1\n")
        self.assertNotIn("Kernel panic", guest.console.text)

    def test_OD_9_no_card_then_one_without_a_server(self):
        guest = self.boot(name="no-card")
        guest.wait_for(r"mkinitrd: network: failed: no network interface that the plan wants to "
                       r"use appeared within 8 s \(still waiting for one\)", 90, unless=NOT_PANIC)
        late, = self.wires(43)
        late.dhcp, since = True, guest.position()
        late.plug(guest.monitor)
        guest.wait_for(r"mkinitrd: network: interface=eth0 address=192\.0\.43\.10/24", 60,
                       since=since, unless=NOT_PANIC)
        guest.monitor.command("device_del", id="card43")
        self.wait_until(guest, "ls /sys/class/net", r"^lo\s*$")
        guest.wait_for(r"mkinitrd: network: eth0 is gone", 30, since=since, unless=NOT_PANIC)

    def test_OD_9_no_server_then_one(self):
        late, = self.wires(44)
        late.options = {12: b"named-by-lease"}
        guest = self.boot(late)
        guest.wait_for(r"mkinitrd: network: failed: no DHCP answer on eth0 within 8 s "
                       r"\(still trying\)", 90, unless=NOT_PANIC)
        late.dhcp = True
        guest.wait_for(r"mkinitrd: network: interface=eth0 address=192\.0\.44\.10/24", 30,
                       unless=NOT_PANIC)
        # the profile gave the machine no name
        self.wait_until(guest, "hostname", "^named-by-lease$")


class StaticAndClock(Network):

    def test_OD_9_D0_22_static_router_and_a_clock_at_1970(self):
        stamp = calendar.timegm((2030, 1, 1, 0, 0, 0))
        ntp = calendar.timegm((2031, 5, 5, 12, 0, 0))
        os.makedirs(self.path("disk/mkinitrd"))
        with open(self.path("disk/mkinitrd/clock"), "w", encoding="utf-8") as file:
            file.write(f"{stamp}\n")
        disk = disks.make_raw(self.path("disk.raw"), "64M", (
            "-t", "ext4", "-L", "DOCKER", "-d", self.path("disk")))
        static, router, leased = self.wires(31, 32, 33)
        router.prefix = "2001:db8:32::"
        leased.dhcp, leased.options = True, {42: wire.packed("192.0.33.1")}
        leased.set_ntp(ntp)
        guest = self.boot(
            static, router, leased, disks=[disk],
            append="ip=eth1:auto6 nameserver=192.0.2.53",
            extra=["-rtc", "base=1970-01-01T00:00:00"])

        guest.wait_for(r"mkinitrd: clock: ok time=20\d\d-\S+ source=image was=1970-01-01T00:", 90)
        guest.wait_for(r"mkinitrd: clock: it was 20\d\d-\S+; set forward to 2030-01-01T00:00:00Z, "
                       r"the last time that the disk has seen", 30)
        guest.wait_for(r"mkinitrd: network: ok interface=eth0 address=192\.0\.31\.5/24,"
                       r"192\.0\.31\.6/24,2001:db8:31::5/64 gateway=192\.0\.31\.1,2001:db8:31::1 "
                       r"dns=192\.0\.31\.53 ", 30)
        guest.wait_for(r"mkinitrd: network: interface=eth1 address=2001:db8:32:\S+/64 "
                       r"source=router", 30)
        guest.wait_for(r"mkinitrd: clock: off by \+\d+\.\d+ s says 192\.0\.33\.1, set", 30)
        self.assertRegex(guest.shell.run("date -u +%F"), r"^2031-05-05")
        self.check_static(guest, static)
        self.check_router(guest, router)
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(60), "guest-shutdown")
        self.assertGreaterEqual(int(disks.cat(disk, "mkinitrd/clock")), ntp)

    def check_static(self, guest, static):
        said = guest.shell.run("ip address show dev eth0")
        for address in ("192.0.31.5/24", "192.0.31.6/24", "2001:db8:31::5/64"):
            self.assertIn(address, said)
        self.assertIn("mtu 1400", said)
        self.assertRegex(guest.shell.run("ip route"), r"default via 192\.0\.31\.1 dev eth0")
        self.assertRegex(guest.shell.run("ip -6 route"),
                         r"default via 2001:db8:31::1 dev eth0 .*metric \d+")
        guest.shell.run("ping -c 1 192.0.31.1")
        self.assertEqual(static.count("ping"), 1)
        self.assertEqual(guest.shell.run("cat /etc/resolv.conf"),
                         "search example.org\nnameserver 192.0.2.53\nnameserver 192.0.31.53\n"
                         "nameserver 2001:db8::53\n")

    def check_router(self, guest, router):
        """What Docker does for a network with IPv6: forwarding; advertisements are taken all the
        same."""
        guest.shell.run("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
        self.assertRegex(guest.shell.run("ip -6 route"), r"default via fe80::1 dev eth1")
        router.prefix, since = "2001:db8:99::", guest.position()
        router.advertise()
        guest.wait_for(r"mkinitrd: network: interface=eth1 address=2001:db8:99:\S+/64", 30,
                       since=since)
        self.assertEqual(guest.shell.run("cat /proc/sys/net/ipv6/conf/eth[01]/accept_ra"),
                         "0\n2\n")


class Container(machine.BootTest):

    def test_OD_9_OD_10_dhcp_in_a_container(self):
        machine.build_image(machine.image_path("dhcp-container"), "-p", "dhcp-container", "--set",
                            machine.TTY, "--set", "boot.main.wait=5m")
        guest = self.machine("dhcp-container")
        self.wait_ready(guest)
        # Docker, the image from the initramfs, the lease, and then the console
        self.assertRegex(guest.console.text, re.compile(
            r"mkinitrd: images: ok loaded=\S*dhcp:latest.*"
            r"mkinitrd: network: ok interface=eth0 address=10\.0\.2\.15/24 gateway=10\.0\.2\.2 "
            r"dns=10\.0\.2\.3.*mkinitrd: console: ok", re.S))
        self.assertIn("nameserver 10.0.2.3\n", guest.shell.run("cat /etc/resolv.conf"))
        running = "docker ps --quiet --filter ancestor=dhcp:latest"
        first = guest.shell.run(running).strip()
        self.assertRegex(first, r"^[0-9a-f]{12}$")
        since = guest.position()
        guest.shell.run(f"docker kill {first}")
        guest.wait_for(r"mkinitrd: network: the DHCP client on eth0 ended with status 137.*again "
                       r"in", 60, since=since)
        end = time.monotonic() + 90
        while (now := guest.shell.run(running).strip()) in ("", first):
            self.assertLess(time.monotonic(), end, "no other container")
        self.assertRegex(now, r"^[0-9a-f]{12}$")


if __name__ == "__main__":
    machine.needs_tools()
    unittest.main(verbosity=2)
