# SPDX-License-Identifier: Apache-2.0
"""What Docker calls: iptables of either kind, modprobe, ps, and certificates; with and without."""
import unittest
import urllib.request

import machine
import registry
import vm

IMAGE = machine.CONSOLE_IMAGE
NOT_PANIC = (vm.PANIC,)


def port_forward(port):
    return f"user,id=net0,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{port}-:8080"


class Case(machine.BootTest):

    def setUp(self):
        super().setUp()
        self.registry = registry.Registry(self.directory, machine.CERTIFICATES)
        self.port = registry.free_port()

    def check_pulled_image_serves(self, guest, name):
        """The image runs, and its page is read from outside through a published port."""
        guest.shell.run(f"docker run -d --name web -p 8080:80 {name}")
        # the container runs; its server listens a moment later, and until then the port is refused
        guest.shell.run("until docker exec web /bin/busybox netstat -ltn | grep -q ':80 '; do :; done")
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=60) as answer:
            self.assertEqual(answer.read().decode(), registry.PAGE)

    def check_module_on_demand(self, guest, command, module):
        loaded = f"grep -c '^{module} ' /proc/modules"
        self.assertEqual(guest.shell.run(loaded, status=1).strip(), "0")
        guest.shell.run(command)
        self.assertEqual(guest.shell.run(loaded).strip(), "1")


class Legacy(Case):
    """A kernel without nf_tables, and a profile of two lines that adds a CA."""

    def test_OD_16_DL_6_DL_7_DL_8_DL_11_legacy_tables_and_a_CA(self):
        with self.registry:
            name = self.registry.push("web")
            guest = self.machine("legacy", append="rd.shell rd.break=exec",
                                 nic=port_forward(self.port))
            self.fail_without_any(guest)
            guest.wait_for(r"mkinitrd: services: ok firewall=legacy started=containerd,rules \(", 120,
                           unless=NOT_PANIC)
            # a service that needs the choice was not started before it was made
            guest.wait_for(r"\] rules: \S*iptables-legacy$", 10)
            guest.wait_for(machine.DOCKER_READY, machine.READY_SECONDS, unless=NOT_PANIC)
            self.assertRegex(guest.shell.run("iptables -V; ip6tables-save -V"),
                             r"^iptables v\S+ \(legacy\)\nip6tables-save v\S+ \(legacy\)\n$")
            self.assertEqual(guest.shell.run("grep -c ^nf_tables /proc/modules", status=1), "0\n")
            guest.shell.run(f"docker pull -q {name}")
        self.check_pulled_image_serves(guest, name)
        rules = guest.shell.run("iptables -t nat -S; iptables -S")
        self.assertRegex(rules, r"-A DOCKER .*--to-destination \S+:80\n")
        self.assertRegex(rules, r"-A POSTROUTING .*MASQUERADE")
        self.check_module_on_demand(
            guest, "iptables -A INPUT -m limit --limit 1/s -j ACCEPT", "xt_limit")
        # docker top
        self.assertRegex(guest.shell.run("docker top web"), r"(?m)^root .* /bin/busybox httpd ")

    def fail_without_any(self, guest):
        """Neither kind is there: init says so and stops, until it is put right by hand."""
        table = "/usr/lib/modules/*/kernel/net/ipv4/netfilter/iptable_nat.ko"
        guest.type_until('echo RESCUE\\-ANSWERS', "RESCUE-ANSWERS", 240)
        guest.console.send(f"mv {table} /iptable_nat.ko; exit\n")
        said = guest.wait_for(r"mkinitrd: services: failed: (.*)", 120, unless=NOT_PANIC).group(1)
        self.assertRegex(said, r"'firewall' \(nft: no nf_tables; legacy: no iptable_nat\); ")
        self.assertNotRegex(guest.console.text, "mkinitrd: exec:")
        guest.type_until('echo RESCUE\\-AGAIN', "RESCUE-AGAIN", 60)
        guest.console.send(f"mv /iptable_nat.ko {table.replace('iptable_nat.ko', '')}; exit\n")


class Pull(Case):
    """From "Docker is up", on a kernel with nf_tables; the image does not know the CA."""

    def check_build_and_exec(self, guest):
        """WD-3: an image from a base that is there, and what is process 1 in its container."""
        guest.shell.run(f"printf 'FROM {IMAGE}\\nENV WORDS=\"a b\"\\nUSER 7:8\\n"
                        "CMD [\"sleep\", \"1000\"]\\n' | docker build -q -t built -")
        name = guest.shell.run("docker run -d built").strip()
        self.assertRegex(name, r"^[0-9a-f]{64}$")
        said = guest.shell.run(f"docker exec {name[:4]} ps -o pid,args")
        self.assertRegex(said, r"(?m)^ *1 sleep 1000$")
        self.assertEqual(guest.shell.run(f"docker exec {name[:4]} sh -c 'id -u; id -g; "
                                         "echo $WORDS'"), "7\n8\na b\n")
        guest.shell.run(f"docker rm -f {name[:4]}")

    def test_WD_3_DL_6_DL_7_DL_8_DL_19_nft_and_an_unknown_CA(self):
        with self.registry:
            name = self.registry.push("web")
            guest, _ = self.docker_up(nic=port_forward(self.port))
            self.assertRegex(guest.shell.run("iptables -V; ip6tables-save -V"),
                             r"^iptables v\S+ \(nf_tables\)\nip6tables-save v\S+ \(nf_tables\)\n$")
            said = guest.shell.run(f"docker pull -q {name}", status=1)
            self.assertIn("x509: certificate signed by unknown authority", said)
            # docker's own place for the CA of one registry, which it reads each time
            folder = f"/etc/docker/certs.d/{self.registry.guest_name}"
            with open(f"{machine.CERTIFICATES}/ca.crt", encoding="ascii") as file:
                guest.shell.run(f"mkdir -p {folder}; echo '{file.read()}' >{folder}/ca.crt")
            guest.shell.run(f"docker pull -q {name}")
            # and a container reaches it, through the host's address
            guest.shell.run(f"docker run --rm {IMAGE} nc -w 10 {registry.HOST_IN_GUEST} "
                            f"{self.registry.port}")
        self.check_pulled_image_serves(guest, name)
        self.check_build_and_exec(guest)
        # by a container: what it may do is enough to make the kernel load a module
        self.check_module_on_demand(
            guest, f"docker run --rm --cap-add NET_ADMIN --net host -v /:/host:ro {IMAGE} "
            "chroot /host iptables -A INPUT -p tcp -m multiport --dports 1,2 -j ACCEPT",
            "xt_multiport")


class NoIptables(Case):
    """A profile without iptables and without ps, and dockerd told so."""

    def test_DL_6_DL_8_DL_11_left_out(self):
        guest = self.machine("no-iptables")
        guest.wait_for(r"mkinitrd: services: ok started=containerd \(", 240)
        self.wait_ready(guest)
        self.assertEqual(guest.shell.run("ls -d /usr/sbin/*tables* /sbin/*tables* "
                                         "/etc/alternatives/*tables* 2>/dev/null", status=1), "")
        self.assertEqual(guest.shell.run(f"docker run --rm --net host {IMAGE} ip route get "
                                         "10.0.2.2 | grep -c eth0"), "1\n")
        guest.shell.run(f"docker run -d --name sleeper --net host {IMAGE} sleep 1000")
        self.assertIn("sleeper", guest.shell.run("docker ps --format '{{.Names}}'"))
        self.assertIn("ps", guest.shell.run("docker top sleeper", status=1))
        # and without any certificate
        guest.shell.run(": >/etc/ssl/certs/ca-certificates.crt")
        with self.registry:
            said = guest.shell.run(f"docker pull -q {self.registry.push('web')}", status=1)
        self.assertIn("x509: certificate signed by unknown authority", said)


if __name__ == "__main__":
    machine.needs_tools()
    vm.require("docker-registry", "openssl")
    unittest.main(verbosity=2)
