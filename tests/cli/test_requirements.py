# SPDX-License-Identifier: Apache-2.0
"""What an image must have before it is worth a boot: certificates, programs that others call, and
programs to choose from."""
import json
import os
import subprocess

import cli

MANIFEST = "usr/lib/mkinitrd/manifest.json"
PLAN = "usr/lib/mkinitrd/boot.plan"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def certificate(name):
    """A certificate in PEM form, with the words around it that openssl writes."""
    return subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", "/dev/null", "-subj", "/CN=" + name, "-text"],
        capture_output=True, check=True, timeout=60, text=True).stdout


class Case(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()

    def build(self, profile, *more):
        """The file of the path asked for last, from an image that is built of @profile."""
        self.check([*self.build_arguments(profile), "-c", "none", *more], 0, "",
                   "mkinitrd: a.img: SUMMARY\n")

    def packed(self, path):
        return subprocess.run(["bsdtar", "-xOf", self.path("a.img"), path], capture_output=True,
                              check=True, timeout=60).stdout.decode()


class Certificates(Case):
    PROFILE = cli.PROFILE + f"files: {{ {BUNDLE}: {{ holds: certificates }} }}\n"
    WHERE = f"fixture.yaml:5:10: '{BUNDLE}' "

    def refused(self, problem):
        self.check_refused(self.PROFILE, self.WHERE + problem)

    def test_DL_6_missing_bundle(self):
        self.refused("is not in the root 'root'; install what brings it, or make it optional")

    def test_DL_6_bundle_without_certificates(self):
        good = certificate("one")
        for content in ("", "nothing of that kind\n", good[:-200],
                        good.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
                        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                        "-----BEGIN CERTIFICATE-----\n", "\0" * 100):
            with self.subTest(content=content[:60]):
                self.root.file(BUNDLE, content)
                self.refused("must hold certificates, and has 0 certificates; make it anew, or "
                             "drop 'holds:'")

    def test_DL_6_symlinks_are_followed_and_the_count_is_kept(self):
        # as Arch has it
        self.root.file("etc/ca-certificates/extracted/tls-ca-bundle.pem",
                       certificate("one") + "-----BEGIN CERTIFICATE-----\nAAAA\n"
                       "-----END CERTIFICATE-----\n" + certificate("two"))
        os.makedirs(self.root / "etc/ssl/certs")
        os.symlink("../../ca-certificates/extracted/tls-ca-bundle.pem", self.root / BUNDLE)
        self.build(self.PROFILE)
        self.check(["why", "a.img", BUNDLE], 0, f"{BUNDLE[1:]}\n"
                   "  file, 2 certificates (fixture.yaml:5)\n"
                   "  -> etc/ca-certificates/extracted/tls-ca-bundle.pem\n")
        entries = {entry["path"]: entry for entry in json.loads(self.packed(MANIFEST))["entries"]}
        self.assertEqual(entries[BUNDLE[1:]]["type"], "symlink")
        bundle = entries["etc/ca-certificates/extracted/tls-ca-bundle.pem"]
        self.assertRegex(bundle["sha256"], "^[0-9a-f]{64}$")

    def test_DL_6_a_CA_beside_the_profile(self):
        self.write("ca.crt", certificate("ours"))
        self.write("ca.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        files = "files: {{ /etc/ssl/certs/ours.crt: {{ from: {}, holds: certificates }} }}\n"
        self.build(cli.PROFILE + files.format("ca.crt"))
        self.check(["why", "a.img", "etc/ssl/certs/ours.crt"], 0, "etc/ssl/certs/ours.crt\n"
                   "  file, 1 certificate (fixture.yaml:5)\n")
        self.check(self.build_arguments(cli.PROFILE + files.format("ca.key"), "b.img"), 1, "",
                   "mkinitrd: fixture.yaml:5:10: '/etc/ssl/certs/ours.crt' must hold certificates, "
                   "and has 0 certificates; make it anew, or drop 'holds:'\n")


class Calls(Case):
    HELLO = """\
description: a fixture
programs: {{ hello: required{} }}
boot:
  main:
    calls: {{ iptables: [--no-tables, /etc/hello.json tables=false] }}
    exec: [hello{}]
"""
    REFUSED = ("fixture.yaml:5:14: '/usr/bin/hello' calls 'iptables', which is not in the image; "
               "put it into 'programs:', or let it do without by '--no-tables' or '/etc/hello.json "
               "tables=false'")

    def setUp(self):
        super().setUp()
        self.root.program("iptables", "greet", "usr/sbin")

    def test_DL_8_left_out_without_a_word(self):
        self.check_refused(self.HELLO.format("", ""), self.REFUSED)

    def test_DL_8_packed(self):
        self.build(self.HELLO.format(", iptables: required", ""))

    def test_DL_8_told_so_by_an_argument(self):
        self.check_refused(self.HELLO.format("", ", --no-tables=no"), self.REFUSED)
        self.build(self.HELLO.format("", ", --no-tables"))

    def test_DL_8_told_so_by_a_file(self):
        for content in ("{", "[]", '{"tables": true}', '{"tables": "false"}', '{"other": false}'):
            with self.subTest(content=content):
                self.check_refused(self.HELLO.format("", "") +
                                   f"files: {{ /etc/hello.json: {{ content: '{content}' }} }}\n",
                                   self.REFUSED)
        self.build(self.HELLO.format("", "") +
                   "files: { /etc/hello.json: { content: '{\"tables\" : false}' } }\n")

    def test_DL_8_nobody_asks(self):
        self.build(self.HELLO.format("", ""), "--set", "boot.main.calls=null")

    def test_DL_8_shipped_profile(self):
        refused = self.run_program("-p", "dockerd", "-n")
        self.assertEqual((refused.status, refused.stdout), (1, ""))
        self.assertRegex(refused.stderr, r"(?m)^mkinitrd: dockerd\.yaml:\d+:7: '/usr/sbin/dockerd' "
                         "calls 'iptables', which is not in the image; ")
        for profile in (["-p", "docker"], ["-p", "dockerd", "--set",
                                           "boot.main.exec=[dockerd, --iptables=false]"]):
            self.assertEqual(self.run_program(*profile, "-n").status, 0)


class Disk(Case):
    PROFILE = """\
description: a fixture
programs: {{ hello: required{} }}
boot:
  disk: {{ at: /data, find: {} }}
  main: {{ exec: [hello] }}
"""

    def setUp(self):
        super().setUp()
        for name in ("e2fsck", "mke2fs"):
            self.root.program(name, "greet", "usr/sbin")

    def disk(self, programs, words):
        self.build(self.PROFILE.format(programs, words))
        return [line for line in self.packed(PLAN).splitlines() if line.startswith("disk ")][0]

    def test_OD_6_checked_when_the_image_has_what_checks(self):
        find = "LABEL=DOCKER"
        plain = "disk find=LABEL=DOCKER at=/data absent=stop wait=10000 resize=no"
        self.assertEqual(self.disk("", find), plain)
        self.assertEqual(self.disk(", e2fsck: required", find), plain + " fsck=/usr/sbin/e2fsck")
        self.assertEqual(self.disk(", e2fsck: required", find + ", fsck: none"), plain)

    def test_OD_7_OD_20_made_grown_swap(self):
        self.assertEqual(
            self.disk(", mke2fs: required",
                      "virtio-one, absent: format, resize: true, swap: LABEL=OD-SWAP, wait: 1s"),
            "disk find=virtio-one at=/data absent=format wait=1000 resize=yes "
            "mkfs=/usr/sbin/mke2fs swap=LABEL=OD-SWAP")

    def test_OD_7_format_that_would_not_do(self):
        self.check_refused(
            self.PROFILE.format("", "LABEL=DOCKER, absent: format"),
            "fixture.yaml:4:50: 'absent: format' calls 'mke2fs', which is not in the image; put "
            "it into 'programs:', or include the profile disk-tools")
        for find in ("PARTLABEL=x", "PARTUUID=x", "none", "/dev/disk/by-partuuid/x"):
            with self.subTest(find):
                self.check_refused(
                    self.PROFILE.format(", mke2fs: required", f"{find}, absent: format"),
                    f"fixture.yaml:4:{38 + len(find)}: 'absent: format' makes no partitions, so "
                    f"'{find}' would not be found afterwards; find the disk by LABEL=, UUID=, "
                    "virtio-SERIAL or a path")


class Network(Case):
    PROFILE = """\
description: a fixture
programs: {{ hello: required }}
boot:
  network: {}
  dhcp: {{ exec: [hello] }}
  main: {{ exec: [hello] }}
"""

    def lines(self, network, verb="network"):
        self.build(self.PROFILE.format(network))
        return [line for line in self.packed(PLAN).splitlines() if line.startswith(verb + " ")]

    def test_OD_9_those_without_a_wildcard_come_first(self):
        self.assertEqual(
            self.lines('{ "eth*": dhcp, eth1: none, "mac:52:54:*": { accept-ra: false }, '
                       '"mac:52:54:00:00:00:01": dhcp }'),
            ["network match=eth1 method=none accept-ra=yes",
             "network match=mac:52:54:00:00:00:01 method=dhcp accept-ra=yes",
             "network match=eth* method=dhcp accept-ra=yes",
             "network match=mac:52:54:* method=dhcp accept-ra=no"])

    def test_OD_9_D0_22_static(self):
        self.assertEqual(
            self.lines("{ eth0: { address: [192.0.2.5/24, 2001:db8::5/64], mtu: 1400, gateway: "
                       "192.0.2.1, dns: [192.0.2.53], search: example.org } }"),
            ["network match=eth0 method=static address=192.0.2.5/24 address=2001:db8::5/64 "
             "gateway=192.0.2.1 dns=192.0.2.53 search=example.org mtu=1400 accept-ra=yes"])

    def test_OD_9_name_servers_and_time(self):
        more = "{}\n  dns: { servers: [192.0.2.53] }\n  ntp: { servers: [dhcp, ntp.example.org] }"
        self.assertEqual(self.lines(more, "resolver"), ["resolver server=192.0.2.53"])
        self.assertEqual(self.lines(more, "ntp"), ["ntp server=dhcp server=ntp.example.org"])
        # the build's own clock is in no image
        self.assertEqual(self.lines(more, "clock"), [])

    def test_OD_9_mistakes(self):
        for value, where, problem in (
                ("{ address: 192.0.2.5 }", 31, "'192.0.2.5' is not the address of a host with its "
                 "prefix, such as 192.0.2.1/24 or 2001:db8::1/64"),
                ("{ gateway: 192.0.2.1/24 }", 31, "'192.0.2.1/24' is not the address of a host "
                 "such as 192.0.2.1 or 2001:db8::1"),
                ("{ dns: [resolver] }", 28, "'resolver' is not the address of a host such as "
                 "192.0.2.1 or 2001:db8::1"),
                ("{ mtu: 12 }", 27, "'12' is not an MTU: a number from 576 to 65535"),
                ("{ method: dhcp, address: 192.0.2.5/24 }", 30, "'method: dhcp' has no use for "
                 "'address:' and 'gateway:'")):
            with self.subTest(value):
                self.check_refused(self.PROFILE.format(f"{{ eth0: {value} }}"),
                                   f"fixture.yaml:4:{where}: {problem}")


class Declared(Case):
    """Containers that run from the start: what the plan has of them, and what is refused."""

    PROFILE = cli.PROFILE.replace("exec: [hello]", 'exec: [hello], ready: "docker:/run/d.sock"')

    def declared(self, keys, main=None, files=""):
        return (main or self.PROFILE) + f"  containers: {{ {keys} }}\n" + files

    def test_D0_24_plan(self):
        self.build(self.declared(
            'web: { image: "${image}", ports: ["8080:80", "[::1]:53:53/udp"], '
            'volumes: ["data:/data", "/srv:/srv:ro"], env-file: /etc/web.env, command: [a, "b c"] }, '
            'db: { image: "db:1", network: host, restart: no }',
            files='files: { /etc/web.env: { content: "A=b", mode: "0600" } }\n'
                  'values: { image: "web:1" }\n'))
        self.assertEqual([line for line in self.packed(PLAN).splitlines()
                          if line.startswith("declared ")], [
            "declared name=web image=web:1 port=8080:80 port=[::1]:53:53/udp volume=data:/data "
            "volume=/srv:/srv:ro env-file=/etc/web.env network=bridge restart=unless-stopped "
            'command=a command="b c"',
            "declared name=db image=db:1 network=host restart=no"])
        # of a secret the plan has the path alone
        self.assertNotIn("A=b", self.packed(PLAN))

    def test_D0_24_mistakes(self):
        for keys, line in (
                ("web: {}", "22: container 'web' has no 'image:'; give it the NAME:TAG of one"),
                ('web: { image: "a b" }', "31: 'a b' is not the NAME:TAG of an image"),
                ('web: { image: a, ports: ["80"] }',
                 "42: '80' is no port; write [ADDRESS:]PORT:PORT[/tcp|udp|sctp], the host's first"),
                ('web: { image: a, ports: ["80:80", "127.0.0.1:80:81"] }',
                 "51: port 80/tcp is published by 'web' already"),
                ('web: { image: a, volumes: [data] }',
                 "44: 'data' is no volume; write SOURCE:TARGET or SOURCE:TARGET:ro, SOURCE a full "
                 "path or a name"),
                ('web: { image: a, network: host, ports: ["80:80"] }',
                 "56: 'web' has 'ports:', but its network is 'host', where none are published; "
                 "drop one of them")):
            with self.subTest(keys=keys):
                self.check_refused(self.declared(keys), f"fixture.yaml:5:{line}")
        self.check_refused(
            self.declared("console: { image: a }"),
            "fixture.yaml:5:17: 'console' in 'boot.containers' is not the name of a container: a "
            "letter or digit, then those, '_', '.' and '-'; not 'console', and not ending in '.new'")
        self.check_refused(
            self.declared("web: { image: a }", main=cli.PROFILE),
            "fixture.yaml:5:15: 'boot: containers:' are for Docker, but main is not Docker "
            "('ready: docker:SOCKET'); include a profile that has it (docker)")
        self.check_refused(
            self.declared("web: { image: a, env-file: /etc/web.env }",
                          files='files: { /etc/web.env: { content: "A=b" } }\n'),
            "fixture.yaml:5:44: '/etc/web.env' may be read by others (mode 0644); what is in it "
            "are secrets: give it 'mode: \"0600\"' in 'files:'")


class Choices(Case):
    PROFILE = """\
description: a fixture
programs: { hello: required, tool: required, side: optional }
boot:
  choose:
    tools:
      new: { when: iptables-nft, programs: { tool: tool-new, side: side-new } }
      old: { when: iptables-legacy, programs: { tool: tool-old } }
  main: { exec: [hello] }
"""

    def setUp(self):
        super().setUp()
        self.root.program("tool", "greet", "usr/sbin")

    def choices(self):
        return [line for line in self.packed(PLAN).splitlines() if line.startswith("choose ")]

    def test_OD_16_both_and_what_the_image_has(self):
        for name in ("tool-new", "tool-old", "side-new"):
            self.root.program(name, "greet", "usr/bin")
        # there, but no profile wants it
        self.root.program("side", "greet", "usr/bin")
        self.build(self.PROFILE.replace(", side: optional", ""))
        self.assertEqual(self.choices(), [
            "choose name=tools pick=new when=iptables-nft link=/usr/sbin/tool=/usr/bin/tool-new",
            "choose name=tools pick=old when=iptables-legacy "
            "link=/usr/sbin/tool=/usr/bin/tool-old"])
        self.check(["why", "a.img", "usr/bin/tool-old"], 0, "usr/bin/tool-old\n"
                   "  tools 'old' of usr/sbin/tool\n  program 'tool' (fixture.yaml:2)\n")
        self.assertNotIn("usr/bin/side", self.run_program("ls", "a.img").stdout)

    def test_OD_16_one_kind_alone(self):
        self.root.program("tool-old", "greet", "usr/bin")
        self.build(self.PROFILE, "--set", "programs.side=null")
        self.assertEqual(self.choices(), [
            "choose name=tools pick=old when=iptables-legacy "
            "link=/usr/sbin/tool=/usr/bin/tool-old"])

    def test_OD_16_neither_kind(self):
        self.build(self.PROFILE, "--set", "programs.side=null")
        self.assertEqual(self.choices(), [])

    def test_OD_16_nobody_wants_the_program(self):
        for name in ("tool-new", "tool-old", "side-new", "side"):
            self.root.program(name, "greet", "usr/bin")
        self.build(self.PROFILE.replace("tool: required, ", "").replace("side: optional", ""))
        self.assertEqual(self.choices(), [])
        self.assertNotIn("tool", self.run_program("ls", "a.img").stdout)

    def test_OD_16_one_without_programs(self):
        self.build(self.PROFILE, "--set", "programs.side=null", "--set",
                   "boot.choose.tools.none={ when: always }")
        self.assertEqual(self.choices(), ["choose name=tools pick=none when=always"])

    def test_unknown_condition(self):
        self.check(["-p", "iptables", "--root", "root", "-k", cli.RELEASE, "--set",
                    "boot.choose.firewall.nft.when=nftables"], 1, "",
                   "mkinitrd: --set: 'boot.choose.firewall.nft.when' (what the kernel must have "
                   "for it) is 'nftables'; expected 'always', 'iptables-nft', "
                   "'iptables-legacy'\n")


if __name__ == "__main__":
    cli.main("openssl", "bsdtar")
