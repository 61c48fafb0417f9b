# SPDX-License-Identifier: Apache-2.0
"""The profile dock0 under a site's and a host's: each layer changes what it says and nothing else.

In:    this system's kernel; a small tree in the place of the Debian
Not:   what a machine makes of it (tests/boot/test_dock0.py), the walk-through (test_guide.py)
"""
import os
import shutil

import cli
from test_image import newest_release

SITE = """\
values: { ssh_keys: ssh-ed25519 AAAA admin }
trees: { debian: { make: null, from: tree } }
scripts: { 10-dock0: null }
boot: { disk: { absent: stop } }
output: { verity: null, squashfs: { compress: "zstd:1" } }
"""
HOST = """\
values: { hostname: web1 }
files: { /etc/motd: { content: "this is ${hostname}\\n" } }
boot: { root: { cow: none } }
"""


class Layers(cli.CliTest):

    def setUp(self):
        super().setUp()
        for folder in ("sbin", "bin", "etc"):
            os.makedirs(self.path("site/tree/" + folder))
        shutil.copy("/bin/busybox", self.path("site/tree/bin/busybox"))
        os.symlink("busybox", self.path("site/tree/bin/sh"))
        os.symlink("bin/sh", self.path("site/tree/shell"))
        os.link(self.path("site/tree/bin/busybox"), self.path("site/tree/sbin/init"))
        self.write("site/tree/etc/hostname", "of the tree\n")
        os.chmod(self.write("site/tree/sbin/e2fsck", "#!/bin/sh\n"), 0o755)
        self.write("site/web.yaml", SITE)
        self.write("hosts/web1.yaml", HOST)

    def build(self, output, *profiles):
        done = self.run_program(*(word for name in profiles for word in ("-p", name)), "-k",
                                newest_release(), "-o", output)
        self.assertEqual(done.status, 0, done.stderr)

    def test_D0_15_a_host_changes_what_it_says_and_nothing_else(self):
        self.build("web.img", "dock0", "site/web")
        self.build("web1.img", "dock0", "site/web", "hosts/web1")
        done = self.run_program("diff", "web.img", "web1.img")
        self.assertEqual(done.status, 3)
        lines = done.stdout.splitlines()[2:]
        self.assertEqual([line.split(":")[0] for line in lines if line[0] != " "], [
            "+ etc/motd (13 B)", "~ etc/hostname", "~ etc/hosts", "~ root.squashfs",
            "~ usr/lib/mkinitrd/boot.plan"])
        words = [" ".join(words[:2] + [word for word in words if word.startswith("cow=")])
                 for words in (line.split() for line in lines if line[0] == " ")]
        self.assertEqual(words, [
            "-dock0", "+web1", "-127.0.1.1 dock0", "+127.0.1.1 web1",
            "-image profile=web", "+image profile=web1",
            "-root find=none cow=tmpfs", "+root find=none cow=none"])

    def test_D0_15_show_names_the_layer_of_each_value(self):
        said = self.run_program("profile", "show", "dock0", "site/web", "hosts/web1").stdout
        for value, layer in (("suite: bookworm", "dock0.yaml"), ("ssh_keys: .*admin.*", "web.yaml"),
                             ("hostname: web1", "web1.yaml"), ("absent: stop", "web.yaml"),
                             ("cow: none", "web1.yaml"), ("find: LABEL=DOCKER", "dock0.yaml"),
                             ("from: tree", "web.yaml"), ("compress: .*", "web.yaml")):
            self.assertRegex(said, rf"(?m)^ +{value} +# {layer}:\d+$")

    def test_D0_6_nothing_but_the_kernels_comes_from_this_system(self):
        """Not a program, not an account: the tree has its own; and no key is built in."""
        self.write("site/web.yaml", SITE.split("\n", 1)[1])
        self.build("web.img", "dock0", "site/web")
        done = self.run_program("cat", "web.img", "root/.ssh/authorized_keys")
        self.assertEqual(done.stdout.strip(), "")
        listed = self.run_program("ls", "web.img").stdout.splitlines()
        for path in ("etc/passwd", "etc/shadow", "usr/sbin/modprobe", "sbin/modprobe",
                     "etc/ssh/ssh_host_ed25519_key"):
            self.assertNotIn(path, listed)
        plan = self.run_program("cat", "web.img", "usr/lib/mkinitrd/boot.plan").stdout
        self.assertRegex(plan, r"(?m)^disk .* fsck=/sbin/e2fsck$")
        self.assertRegex(plan, r"(?m)^shell exec=/bin/busybox exec=sh$")
        self.assertRegex(plan, r"(?m)^bundle path=mkinitrd/host.bundle need=optional ")
        for path in ("bin/busybox", "var/lib/docker"):
            self.assertIn(path, listed)
        self.assertIn(f"usr/lib/modules/{newest_release()}/modules.dep", listed)

    def test_D0_14_check_knows_what_lies_in_a_squashfs_beside_the_image(self):
        done = self.run_program("-p", "dock0", "-p", "site/web", "-k", newest_release(), "-o",
                                "web.img", "--squashfs", "web.squashfs")
        self.assertEqual(done.status, 0, done.stderr)
        done = self.run_program("check", "web.img")
        self.assertEqual((done.status, done.stdout), (0, ""))


if __name__ == "__main__":
    if not newest_release():
        print("skipped: no kernel with modules is installed")
        raise SystemExit(77)
    cli.main("busybox")
