# SPDX-License-Identifier: Apache-2.0
"""mkinitrd check: each planted defect is found, by its code and nothing else, and nothing is found in
what the shipped profiles make of a root (an argument; this system's own when there is none).

A defect is planted in an image that was really built: taken apart, changed, and put together again;
its manifest then agrees with it again, unless that is the defect.
"""
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import cli
import newc

ROOT = "/"
MODULES = f"usr/lib/modules/{cli.RELEASE}"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"
PLAN = "usr/lib/mkinitrd/boot.plan"
MICROCODE = "kernel/x86/microcode/GenuineIntel.bin"

# one certificate of a made-up authority, valid until 2120 and on one day of 2020
GOOD_CA = """\
-----BEGIN CERTIFICATE-----
MIIBFDCBugIBAjAKBggqhkjOPQQDAjAVMRMwEQYDVQQDDApGaXh0dXJlIENBMCAX
DTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAyMDAwMDAwWjAVMRMwEQYDVQQDDApGaXh0
dXJlIENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAESdQgjRYO6pS1Kx+OtbKS
MOLMj4+id+aSMPJLc4GhQdUZbF/3CTztp9bjtlcmGWu0CrjXPLO33G2yAu1Svxb5
3DAKBggqhkjOPQQDAgNJADBGAiEA5m9bWVuvkTAsgVZrnlSsrtmqFXHlCazZO0Cw
6Wbei7ACIQDUtUIwn8ARqMySl9iY4RVhsWcb9XayGdRTya8t32dGqQ==
-----END CERTIFICATE-----
"""
OLD_CA = """\
-----BEGIN CERTIFICATE-----
MIIBEjCBuAIBATAKBggqhkjOPQQDAjAVMRMwEQYDVQQDDApGaXh0dXJlIENBMB4X
DTIwMDEwMTAwMDAwMFoXDTIwMDEwMjAwMDAwMFowFTETMBEGA1UEAwwKRml4dHVy
ZSBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEnUII0WDuqUtSsfjrWykjDi
zI+PonfmkjDyS3OBoUHVGWxf9wk87afW47ZXJhlrtAq41zyzt9xtsgLtUr8W+dww
CgYIKoZIzj0EAwIDSQAwRgIhAPG9UpMwPwhNNd80K50px4pv/g6eLXdFSn/bKXPr
hveKAiEAlfLDzWbGpBrLtOrR3raqm3YXq0/pkLZMFMQYRovgdQM=
-----END CERTIFICATE-----
"""
KEY = "-----BEGIN EC PRIVATE KEY-----\nMA==\n-----END EC PRIVATE KEY-----\n"

# what moby's contrib/check-config.sh asks of a kernel of today
OPTIONS = """BLK_DEV_INITRD RD_GZIP RD_ZSTD NAMESPACES NET_NS PID_NS IPC_NS UTS_NS CGROUPS CGROUP_SCHED
KEYS VETH BRIDGE BRIDGE_NETFILTER IP_NF_FILTER IP_NF_MANGLE IP_NF_TARGET_MASQUERADE IP6_NF_FILTER
IP6_NF_MANGLE IP6_NF_TARGET_MASQUERADE NETFILTER_XT_MATCH_ADDRTYPE NETFILTER_XT_MATCH_CONNTRACK
NETFILTER_XT_MATCH_IPVS NETFILTER_XT_MARK IP_NF_RAW IP_NF_NAT NF_NAT IP6_NF_RAW IP6_NF_NAT
POSIX_MQUEUE CGROUP_FREEZER CGROUP_DEVICE CPUSETS CGROUP_CPUACCT MEMCG CGROUP_BPF USER_NS SECCOMP
SECCOMP_FILTER CGROUP_PIDS CGROUP_HUGETLB BLK_CGROUP BLK_DEV_THROTTLING CGROUP_PERF NET_CLS_CGROUP
CGROUP_NET_PRIO CFS_BANDWIDTH FAIR_GROUP_SCHED IP_NF_TARGET_REDIRECT IP_VS IP_VS_NFCT IP_VS_PROTO_TCP
IP_VS_PROTO_UDP IP_VS_RR SECURITY_SELINUX SECURITY_APPARMOR EXT4_FS EXT4_FS_POSIX_ACL
EXT4_FS_SECURITY VXLAN BRIDGE_VLAN_FILTERING CRYPTO CRYPTO_AEAD CRYPTO_GCM CRYPTO_SEQIV CRYPTO_GHASH
XFRM XFRM_USER XFRM_ALGO INET_ESP NETFILTER_XT_MATCH_BPF IPVLAN MACVLAN DUMMY NF_NAT_FTP
NF_CONNTRACK_FTP NF_NAT_TFTP NF_CONNTRACK_TFTP BTRFS_FS BTRFS_FS_POSIX_ACL OVERLAY_FS""".split()

PROFILE = """\
description: a fixture with something of all that is checked
kernel: { modules: { first: required } }
programs: { hello: required, other: required, dockerd: required, greet.sh: required,
            iptables: required }
files:
  /etc/passwd: { content: "root:x:0:0:root:/:/bin/false\\nuser:x:7:7:user:/:/bin/false\\n" }
  /etc/group: { content: "root:x:0:\\nusers:x:7:\\n" }
  /etc/ssl/certs/ca-certificates.crt: {}
  /etc/owned: { content: "x", owner: "7:7" }
  /etc/server.pem: { mode: "0600" }
  /etc/link: { link: owned }
boot:
  main: { exec: [hello] }
"""


def module(root, name, depends="", firmware=()):
    """A kernel module that says so; a real one says much more."""
    lines = [f"depends={depends}", f"vermagic={cli.RELEASE} SMP mod_unload ", "license=GPL",
             *(f"firmware={name}" for name in firmware)]
    source = "".join(f'static const char l{i}[] __attribute__((section(".modinfo"), used)) = '
                     f'"{line}";\n' for i, line in enumerate(lines))
    needs, exports = {"first": ("second", ""), "second": ("", "second")}[name]
    if exports:
        source += (f'int {exports}(void); int {exports}(void) {{ return 0; }}\n'
                   'static const char e[] __attribute__((section("__ksymtab_strings"), used)) = '
                   f'"{exports}";\n')
    if needs:
        source += f"int {needs}(void); int x(void); int x(void) {{ return {needs}(); }}\n"
    cli.compile_c(root / f"{MODULES}/kernel/{name}.ko", source, "-c", "-fno-pic")


def kernel_config(*edits):
    """The text of a configuration with everything on; an edit is NAME=m, or NAME for off."""
    values = dict.fromkeys(OPTIONS, "y")
    for edit in edits:
        name, _, value = edit.partition("=")
        values[name] = value
    return "".join(f"CONFIG_{name}={value}\n" if value else f"# CONFIG_{name} is not set\n"
                   for name, value in values.items())


# ---- the defects: each changes an image, and returns what must be found: a path, or several ----

DEFECTS = []


def defect(code, agree=True, config=(), mode=0o600):
    def register(function):
        DEFECTS.append((code, function, agree, config, mode))
        return function
    return register


@defect("segment-unaligned")
def _(image):
    extra = newc.directory("extra")
    image.before = [newc.archive([]), b"\0", newc.archive([extra])]
    image.agree(extra)
    return "segment 2"


@defect("compressed-twice")
def _(image):
    extra = newc.directory("extra")
    image.before = [gzip.compress(newc.archive([extra])), bytes(8)]
    image.agree(extra)
    return "segment 2"


@defect("compressed-not-last")
def _(image):
    extra = newc.directory("extra")
    image.before = [gzip.compress(newc.archive([extra])), bytes(8)]
    image.compress = bytes
    image.before[1] += bytes(-sum(map(len, image.before)) % 4)
    image.agree(extra)
    return "segment 2"


def microcode():
    parts = MICROCODE.split("/")
    folders = ["/".join(parts[:i]) for i in range(1, len(parts))]
    return [*map(newc.directory, folders), newc.file(MICROCODE, b"microcode")]


@defect("early-misplaced")  # compressed
def _(image):
    for entry in microcode():
        image.add(entry)
    return MICROCODE


@defect("early-misplaced")  # behind the compressed part
def _(image):
    folders, ucode = microcode()[:-1], microcode()[-1]
    image.before = [newc.archive([*folders, newc.file("other")]), newc.archive([ucode])]
    image.agree(*folders, newc.file("other"), ucode)
    return MICROCODE


@defect("early-misplaced")  # the kernel compares the bare name
def _(image):
    entries = microcode()
    entries[-1].name = "./" + MICROCODE
    image.before = [newc.archive(entries)]
    image.agree(*entries)
    return MICROCODE


@defect("name-form")
def _(image):
    image["etc/owned"].name = "/etc/owned"
    return "etc/owned"


@defect("name-form")
def _(image):
    image["etc/owned"].name = "./etc//owned"
    return "etc/owned"


@defect("name-parent")
def _(image):
    image.add(newc.file("etc/../outside"))
    return "etc/../outside"


@defect("path-twice")
def _(image):
    image.add(newc.file("etc/owned", b"x", uid=7, gid=7))
    return "etc/owned"


@defect("parent-missing")
def _(image):
    image.add(newc.file("srv/www", b"x"))
    return "srv/www"


@defect("manifest-broken", agree=False)
def _(image):
    image[newc.MANIFEST].content = b"{}"
    return newc.MANIFEST


@defect("complete-missing")
def _(image):
    image.drop(newc.COMPLETE)
    return newc.COMPLETE


@defect("complete-missing")  # not the last one
def _(image):
    image.entries.insert(-1, image.entries.pop())
    return newc.COMPLETE


@defect("entry-missing", agree=False)
def _(image):
    image.drop("etc/owned", "etc/link")
    return ["etc/link", "etc/owned"]


@defect("entry-unlisted", agree=False)
def _(image):
    return image.add(newc.file("etc/planted", b"x")).name


@defect("entry-type", agree=False)
def _(image):
    image.drop("etc/owned")
    return image.add(newc.directory("etc/owned", uid=7, gid=7)).name


@defect("entry-mode", agree=False)
def _(image):
    image["etc/owned"].mode |= 0o111
    return "etc/owned"


@defect("entry-owner", agree=False)
def _(image):
    image["etc/owned"].uid = 0
    return "etc/owned"


@defect("entry-size", agree=False)
def _(image):
    image["etc/owned"].content += b"y"
    return "etc/owned"


@defect("entry-content", agree=False)
def _(image):
    image["etc/owned"].content = b"y"
    return "etc/owned"


@defect("entry-target", agree=False)
def _(image):
    image["etc/link"].content = b"/etc/owned"
    return "etc/link"


@defect("capability-lost", agree=False)
def _(image):
    image.edit(newc.MANIFEST, '"path":"usr/bin/other",',
               '"path":"usr/bin/other","capabilities":"cap_net_raw=ep",')
    return "usr/bin/other"


@defect("setuid")
def _(image):
    image["usr/bin/other"].mode |= 0o4000
    return "usr/bin/other"


@defect("setuid")
def _(image):
    image["usr/bin/other"].mode |= 0o2000
    return "usr/bin/other"


@defect("world-writable")
def _(image):
    image["etc/owned"].mode |= 0o002
    image.add(newc.directory("etc/sticky", 0o1777))
    image.add(newc.directory("etc/writable", 0o777))
    return ["etc/owned", "etc/writable"]


@defect("owner-unknown")
def _(image):
    image["etc/owned"].uid = 8
    image.add(newc.file("etc/grouped", gid=1000))
    return ["etc/grouped", "etc/owned"]


@defect("dangling-symlink")
def _(image):
    for name, target in (("etc/absent", "nothing"), ("etc/above", "../../../usr/nothing"),
                         ("etc/below", "owned/below"), ("etc/mtab", "../proc/self/mounts"),
                         ("etc/device", "/dev/sda"), ("etc/up", "../etc/./owned")):
        image.add(newc.symlink(name, target))
    return ["etc/above", "etc/absent", "etc/below"]


@defect("symlink-loop")
def _(image):
    image.add(newc.symlink("etc/a", "b"))
    image.add(newc.symlink("etc/b", "/etc/a"))
    return ["etc/a", "etc/b"]


@defect("key-readable")
def _(image):
    image["etc/server.pem"].mode |= 0o040
    image.add(newc.file("etc/host.key", b"secret", 0o644))
    return ["etc/host.key", "etc/server.pem"]


@defect("image-readable", mode=0o644)
def _(_image):
    return None


@defect("ca-missing")
def _(image):
    image.drop(BUNDLE)
    return BUNDLE


@defect("ca-empty")
def _(image):
    image[BUNDLE].content = b"# nothing\n"
    return BUNDLE


@defect("ca-empty")
def _(image):
    image[BUNDLE].content = b""
    return BUNDLE


@defect("ca-expired")
def _(image):
    image[BUNDLE].content = OLD_CA.encode()
    return BUNDLE


@defect("ca-expired")
def _(image):
    # what is no certificate is passed over, as Go does it
    broken = GOOD_CA.replace("MIIBFDCB", "MIIBFDCC")
    image[BUNDLE].content = ("# text\n" + broken + OLD_CA).encode()
    return BUNDLE


@defect("init-missing")
def _(image):
    image["init"].mode &= ~0o111
    return "init"


@defect("elf-broken")
def _(image):
    image["usr/bin/other"].content = image["usr/bin/other"].content[:100]
    return "usr/bin/other"


@defect("elf-interpreter-missing")
def _(image):
    image.drop("usr/lib/xy.so")
    return "usr/bin/other"


@defect("elf-library-missing")
def _(image):
    image.drop("usr/lib/libgreet.so")
    return "usr/bin/hello"


@defect("elf-library-missing")  # it is there, for another machine: e_machine is at byte 18
def _(image):
    content = bytearray(image["usr/lib/libgreet.so"].content)
    content[18:20] = (243).to_bytes(2, "little")
    image["usr/lib/libgreet.so"].content = bytes(content)
    return "usr/bin/hello"


@defect("script-interpreter-missing")
def _(image):
    image["usr/bin/greet.sh"].content = b"#! /usr/bin/nothing -x\n"
    image.add(newc.file("usr/bin/env", image["usr/bin/hello"].content, 0o755))
    image.add(newc.file("usr/bin/through-env", b"#!/usr/bin/env -S A=1 absent x\n", 0o755))
    image.add(newc.file("usr/bin/found", b"#!/usr/bin/env hello", 0o755))
    image.add(newc.file("usr/bin/sourced", b"#!/usr/bin/nothing\n"))
    return ["usr/bin/greet.sh", "usr/bin/through-env"]


@defect("module-broken")
def _(image):
    image[f"{MODULES}/kernel/first.ko"].content = b"no module"
    return f"{MODULES}/kernel/first.ko"


@defect("module-release")
def _(image):
    image.edit(f"{MODULES}/kernel/first.ko", f"vermagic={cli.RELEASE}", "vermagic=5.9.9-fixture")
    return f"{MODULES}/kernel/first.ko"


@defect("module-dependency-missing")
def _(image):
    image.edit(f"{MODULES}/kernel/first.ko", "depends=second", "depends=absent")
    return f"{MODULES}/kernel/first.ko"


@defect("module-index-missing")
def _(image):
    image.drop(f"{MODULES}/modules.dep")
    return f"{MODULES}/modules.dep"


@defect("module-unindexed")
def _(image):
    image.edit(f"{MODULES}/modules.dep", "kernel/first.ko: kernel/second.ko\n", "")
    return f"{MODULES}/kernel/first.ko"


@defect("module-index-stale")
def _(image):
    image.edit(f"{MODULES}/modules.dep", "kernel/second.ko:\n", "kernel/second.ko:\nkernel/no.ko:\n")
    return f"{MODULES}/modules.dep"


@defect("module-index-stale")  # what a module needs stands not behind it
def _(image):
    image.edit(f"{MODULES}/modules.dep", "kernel/first.ko: kernel/second.ko\n",
               "kernel/first.ko:\n")
    return f"{MODULES}/kernel/first.ko"


@defect("firmware-missing")
def _(image):
    image.drop("usr/lib/firmware/fake/a.bin")
    return f"{MODULES}/kernel/second.ko"


@defect("plan-broken")
def _(image):
    image[PLAN].content += b"dance\n"
    return PLAN


@defect("plan-broken")
def _(image):
    image.drop(PLAN)
    return PLAN


@defect("plan-path-missing")
def _(image):
    image.edit(PLAN, "exec=/usr/bin/hello", "exec=/usr/bin/hullo")
    return "usr/bin/hullo"


@defect("plan-path-missing")
def _(image):
    image.edit(PLAN, f"path=/{MODULES}/kernel/first.ko", f"path=/{MODULES}/kernel/thirst.ko")
    return f"{MODULES}/kernel/thirst.ko"


@defect("plan-module-unknown")
def _(image):
    image.edit(PLAN, "needs=second", "needs=third")
    return PLAN


@defect("plan-release")
def _(image):
    image.edit(PLAN, f"release={cli.RELEASE}", "release=5.9.9-fixture")
    return PLAN


@defect("kernel-no-initramfs", config=["BLK_DEV_INITRD"])
def _(_image):
    return "CONFIG_BLK_DEV_INITRD"


@defect("kernel-compression", config=["RD_GZIP"])
def _(_image):
    return "CONFIG_RD_GZIP"


@defect("kernel-option-missing", config=["OVERLAY_FS", "BTRFS_FS", "VETH", "IP_NF_FILTER"])
def _(_image):
    return ["CONFIG_IP_NF_FILTER", "CONFIG_OVERLAY_FS", "CONFIG_VETH"]


@defect("kernel-option-optional", config=["USER_NS", "SECURITY_APPARMOR"])
def _(_image):
    return "CONFIG_USER_NS"


@defect("kernel-module-missing", config=["OVERLAY_FS=m", "BTRFS_FS=m", "VXLAN=m", "NF_NAT=m"])
def _(_image):
    return ["CONFIG_NF_NAT", "CONFIG_OVERLAY_FS"]


class Planted(cli.CliTest):

    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="mkinitrd-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.root = root = cli.Root(cls.shared + "/root")
        for name in ("other", "docker"):
            cli.compile_c(root / f"usr/lib/lib{name}.so", f"int {name}(void) {{ return 1; }}",
                          "-shared", "-fPIC", f"-Wl,-soname,lib{name}.so")
        root.program("dockerd", "docker")
        root.program("iptables", "docker", "usr/sbin")
        root.program("other", "other")
        with open(root / "usr/bin/other", "rb") as program:
            content = program.read()
        cli.compile_c(root / "usr/lib/xy.so", "void _start(void) {}", "-shared", "-fPIC")
        content = content.replace(b"/lib/ld.so\0", b"/lib/xy.so\0")
        root.file("usr/bin/other", content, 0o755)
        root.file("usr/bin/greet.sh", "#!/usr/bin/hello\n", 0o755)
        root.file(BUNDLE, GOOD_CA)
        root.file("etc/server.pem", KEY, 0o600)
        root.file("usr/lib/firmware/fake/a.bin", "firmware")
        module(root, "second", firmware=["fake/a.bin", "fake/nowhere.bin"])
        module(root, "first", depends="second")
        subprocess.run(["depmod", "-b", root.path, cli.RELEASE], check=True, timeout=60)
        cls.good = cls.shared + "/good.img"
        cls.build(cls.good, PROFILE)

    @classmethod
    def build(cls, image, profile, status=0):
        path = cls.shared + "/fixture.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(profile)
        done = subprocess.run([cli.MKINITRD, "-p", path, "--root", cls.root.path, "-k", cli.RELEASE,
                               "-c", "none", "-o", image, "-q"], capture_output=True, text=True,
                              timeout=120, check=False)
        assert done.returncode == status, done.stderr
        return done.stderr

    def run_check(self, image, *options, config=()):
        self.root.file(f"boot/config-{cli.RELEASE}", kernel_config(*config))
        return self.run_program("check", "--root", self.root.path, *options, image)

    def findings(self, image, *options, **keywords):
        done = self.run_check(image, "--json", *options, **keywords)
        self.assertIn(done.status, (0, 3), done.stderr)
        result = json.loads(done.stdout)
        left = [finding for finding in result["findings"] if "accepted" not in finding]
        self.assertEqual(done.status, 3 if left else 0)
        return result

    def test_nothing_in_a_good_image(self):
        self.assertEqual(self.findings(self.good)["findings"], [])
        image = newc.Image(self.good)
        image.agree()
        image.write(self.path("a.img"))
        self.assertEqual(self.findings(self.path("a.img"))["findings"], [])

    def test_each_planted_defect_is_found(self):
        for code, plant, agree, config, mode in DEFECTS:
            with self.subTest(code=code, defect=plant.__code__.co_firstlineno):
                image = newc.Image(self.good)
                expected = plant(image)
                if agree and not image.before:
                    image.agree()
                image.write(self.path("a.img"), mode)
                if expected is None:
                    expected = self.path("a.img")
                paths = [expected] if isinstance(expected, str) else expected
                found = self.findings(self.path("a.img"), config=config)["findings"]
                self.assertEqual([(one["code"], one["path"]) for one in found],
                                 [(code, path) for path in paths])

    def test_each_code_has_a_planted_defect(self):
        done = self.run_program("check", "--list")
        codes = [line.split()[0] for line in done.stdout.splitlines()]
        self.assertEqual((done.status, done.stderr), (0, ""))
        self.assertGreaterEqual(len(codes), 25)
        self.assertEqual(sorted(set(code for code, *_ in DEFECTS)), sorted(codes))
        for line in done.stdout.splitlines():
            self.assertRegex(line, r"^[a-z-]+ +(error|warning) +\S")

    def test_lines_for_people(self):
        image = newc.Image(self.good)
        image.drop("usr/lib/libgreet.so")
        image.add(newc.symlink("etc/new\nline", "no\033thing"))
        image.agree()
        image.write(self.path("a.img"))
        done = self.run_check("a.img")
        self.assertEqual((done.status, done.stdout), (3, (
            "warning dangling-symlink etc/new\\nline: leads to 'no\\033thing', which is not in the "
            "image; add that, drop the link, or accept it when the running machine makes the target "
            "(planted (mkinitrd itself))\n"
            "error elf-library-missing usr/bin/hello: needs the library 'libgreet.so', which is "
            "nowhere in the image where the loader looks; build again from a root that has it "
            "(program 'hello' (fixture.yaml:3:59))\n").replace(":3:59", self.place(done.stdout))))
        self.assertRegex(done.stderr, r"a\.img: 1 firmware files that modules of \S+ name are "
                                      r"neither in the image nor in the root '\S+'\n")
        self.assertRegex(done.stderr, r"a\.img: \d+ entries checked: 1 error, 1 warning\n$")

    @staticmethod
    def place(text):
        """Where the profile says so: a line and a column of it, whichever."""
        return re.search(r"fixture\.yaml(:\d+(:\d+)?)\)", text).group(1)

    def test_what_a_profile_accepts(self):
        accept = """\
check:
  accept:
    "setuid:/usr/bin/*": users are trusted
    "world-writable": "it is a fixture"
    "dangling-symlink:/etc/nothing": "never there"
"""
        self.build(self.path("a.img"), PROFILE + accept)
        image = newc.Image(self.path("a.img"))
        image["usr/bin/other"].mode |= 0o4000
        image["etc/owned"].mode |= 0o002
        image.agree()
        image.write(self.path("a.img"))
        result = self.findings("a.img")
        self.assertEqual([(one["code"], one["path"], one["accepted"])
                          for one in result["findings"]],
                         [("world-writable", "etc/owned", "it is a fixture"),
                          ("setuid", "usr/bin/other", "users are trusted")])
        self.assertIn("'dangling-symlink:/etc/nothing' is accepted (never there) and was not found; "
                      "drop that line of the profile", result["notes"])
        done = self.run_check("a.img")
        self.assertEqual((done.status, done.stdout), (0, ""))
        self.assertRegex(done.stderr,
                         r"checked: nothing found, 2 accepted by the profile \(-v shows them\)\n$")
        done = self.run_check("a.img", "-v")
        self.assertRegex(done.stdout, r"(?m)^accepted warning setuid usr/bin/other: .*; accepted: "
                                      r"users are trusted$")
        # an accepted finding elsewhere is one
        image["init"].mode |= 0o4000
        image.agree()
        image.write(self.path("a.img"))
        self.assertEqual([one["path"] for one in self.findings("a.img")["findings"]
                          if "accepted" not in one], ["init"])

    def test_a_profile_accepts_what_exists_with_a_reason(self):
        for text, message in (
                ('"dangling-symlnk:/etc/mtab": why',
                 "'dangling-symlnk:/etc/mtab' in 'check.accept' is no finding of 'mkinitrd check'; "
                 "did you mean 'dangling-symlink'?"),
                ('"xyzzy": why', "'xyzzy' in 'check.accept' is no finding of 'mkinitrd check'; "
                                 "'mkinitrd check --list' shows them"),
                ('"setuid": ""', "'check.accept.setuid' (CODE or CODE:PATH-GLOB, with the reason) is "
                                 "''; expected the reason, in words"),
                ('"setuid": [a]', "'check.accept.setuid' (CODE or CODE:PATH-GLOB, with the reason) "
                                  "is a list; expected the reason, in words")):
            said = self.build(self.path("a.img"), PROFILE + f"check: {{ accept: {{ {text} }} }}\n", 1)
            self.assertRegex(said, r"^mkinitrd: fixture\.yaml:\d+:\d+: " + re.escape(message) + "\n$")

    def test_images_of_others(self):
        image = newc.Image(self.good)
        image.drop(newc.MANIFEST, newc.COMPLETE, PLAN, "usr/lib/libgreet.so")
        image.add = None
        image.entries.append(newc.file("bin-" + "x", b"", 0o755))
        image.write(self.path("a.img"))
        result = self.findings("a.img")
        self.assertEqual([(one["code"], one["path"]) for one in result["findings"]],
                         [("elf-library-missing", "usr/bin/hello")])
        self.assertEqual((result["profile"], result["release"]), (None, cli.RELEASE))
        self.assertIn("the image has no manifest: it was not made by mkinitrd, so its content is "
                      "compared with nothing", result["notes"])

    def test_no_configuration_is_no_finding(self):
        os.unlink(self.root.file(f"boot/config-{cli.RELEASE}"))
        done = self.run_program("check", "--root", self.root.path, self.good)
        self.assertEqual(done.status, 0, done.stdout)
        self.assertIn(f"the root '{self.root.path}' has no configuration of kernel {cli.RELEASE}, so "
                      "that is not looked at", done.stderr)

    def test_what_cannot_be_checked(self):
        self.write("text.img", "text")
        for arguments, status, line in (
                (["check", "text.img"], 1, "cannot read image 'text.img': "),
                (["check", "none.img"], 1, "cannot read image 'none.img': "),
                (["check"], 2, "check: one image is needed; use: mkinitrd check IMAGE"),
                (["check", "--root", "nowhere", self.good], 1, "cannot open the root 'nowhere': ")):
            done = self.run_program(*arguments)
            self.assertEqual((done.status, done.stdout), (status, ""), arguments)
            self.assertTrue(done.stderr.startswith("mkinitrd: " + line), done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)


# Docker's programs for a kernel that somebody else starts; in an image they need its modules
WITHOUT_KERNEL = {"docker-build", "docker-from-scratch", "docker-programs"}


class Shipped(cli.CliTest):
    """What the shipped profiles make of a root has no findings."""

    def test_nothing_in_what_shipped_profiles_make(self):
        folder = os.path.join(cli.SOURCE, "profiles")
        names = sorted(name.removesuffix(".yaml") for name in os.listdir(folder)
                       if name.endswith(".yaml"))
        self.assertIn("only-docker", names)
        main = self.write("main.yaml", "programs: { busybox: required }\n"
                                       "boot: { main: { exec: [busybox, sh] } }\n")
        for name in names:
            with self.subTest(profile=name):
                image = self.path(name + ".img")
                arguments = ["-p", name, "--root", ROOT, "-o", image, "-q",
                             "-c", "zstd:1" if name == "only-docker" else "none"]
                if name in WITHOUT_KERNEL:
                    arguments += ["-p", "docker-modules", "-p", "iptables-modules"]
                done = self.run_program(*arguments)
                # a part of others; and what waits for a container image's command
                if "has no 'boot: main:'" in done.stderr or "finds no command there" in done.stderr:
                    done = self.run_program(*arguments, "-p", main)
                if "calls 'iptables'" in done.stderr:  # complete with that, and then it is docker
                    self.assertEqual(name, "dockerd")
                    continue
                self.assertEqual(done.status, 0, done.stderr)
                done = self.run_program("check", "--root", ROOT, image)
                self.assertEqual((done.status, done.stdout), (0, ""), done.stderr)
                self.assertIn("nothing found", done.stderr)
                self.assertNotIn("no configuration", done.stderr)
                os.unlink(image)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[-1].startswith("/"):
        ROOT = sys.argv.pop()
        del Planted
    cli.main()
