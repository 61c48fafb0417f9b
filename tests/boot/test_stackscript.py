# SPDX-License-Identifier: Apache-2.0
"""A machine shaped as a Linode: its StackScript turns two blank disks into a Docker host, which then
boots from them; and whatever stands in the script's way leaves all disks as they were.

usage: test_stackscript.py Fetches|Builds

In:    the image only-docker; a release of it on a server of this machine's loopback
Not:   each refusal and each damage of a release: tests/cli/test_stackscript.py, without a machine
Facts: the platform's disks are whole-disk file systems on a virtio-scsi bus, its console is a serial
       line, and its GRUB 2 reads /boot/grub/grub.cfg from the disk that the profile says is the
       root: here that is a GRUB on a CD that does no more than that. The kernel looks at disks side
       by side, so that sdb may be called sdc: which is which, their serial numbers tell
"""
import os
import re
import shutil
import sys

import debian_root
import disks
import machine
import systemd_host
import test_systemd
import trees
import vm

sys.path.insert(0, os.path.join(machine.SOURCE, "tests/cli"))
import releases  # noqa: E402

PROFILE = """\
include: [host-shell, root-image]
kernel: { modules: { virtio_net: required, virtio_scsi: required, sd_mod: required } }
boot:
  shell: { ttys: [] }
  root: { find: LABEL=node, cow: none, wait: 20s }
"""
PACKAGES = ["systemd-sysv", "udev", "kmod", "busybox-static", "dbus", "iproute2", "e2fsprogs", "curl",
            "openssl", "ca-certificates", "apt"]
GRUB = "/usr/lib/grub/i386-pc"
# what the platform's GRUB does, whatever it is in detail
PLATFORM = "set root=(hd0)\nconfigfile /boot/grub/grub.cfg\n"
KEY, HASH = releases.KEY, releases.HASH


def drives(*paths):
    """Disks on one SCSI bus, sda first; one whose path begins with a dash takes no write."""
    words = ["-device", "virtio-scsi-pci,id=scsi0"]
    for number, path in enumerate(paths, 1):
        form = f"if=none,id=scsi{number},format=raw,cache=unsafe,"
        if path.startswith("-"):
            form += (f"file.driver=blkdebug,file.image.driver=file,file.image.filename={path[1:]},"
                     "file.inject-error.0.event=write_aio,file.inject-error.0.errno=5,"
                     "werror=report")
        else:
            form += f"file={path}"
        words += ["-drive", form, "-device", f"scsi-hd,bus=scsi0.0,scsi-id=0,lun={number},"
                  f"drive=scsi{number},serial=disk-{number},bootindex={number}"]
    return words


def loader(folder):
    """The platform's boot loader, on a CD."""
    trees.write(folder, "platform.cfg", PLATFORM)
    os.makedirs(os.path.join(folder, "cd"), exist_ok=True)
    disks.run("grub-mkimage", "-O", "i386-pc-eltorito", "-d", GRUB,
              "-c", os.path.join(folder, "platform.cfg"), "-p", "/boot/grub",
              "-o", os.path.join(folder, "cd/core.img"), "biosdisk", "iso9660", "ext2", "normal",
              "linux", "configfile", "echo", "test", "serial", "terminal", "sleep", "search",
              "search_label", "ls")
    disks.run("xorriso", "-as", "mkisofs", "-quiet", "-o", os.path.join(folder, "cd.iso"), "-b",
              "core.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
              os.path.join(folder, "cd"))
    return os.path.join(folder, "cd.iso")


class NodeTest(machine.BootTest):
    PACKAGES, NAME, NODE_SIZE = PACKAGES, "node", "1G"
    MEMORY = 1024

    def setUp(self):
        super().setUp()
        self.target = self.blank("target.raw", "768M")
        self.data = self.blank("data.raw", "2G")

    def blank(self, name, size):
        return disks.make_raw(self.path(name), size, ())

    def make_node(self):
        """The distribution's image that the script runs on, on a disk without partitions."""
        kept = debian_root.kept_root("bookworm", os.path.join(machine.BUILD, "boot-root"), self.NAME,
                                     self.PACKAGES, ["/usr/share/doc/*", "/usr/share/man/*",
                                                     "/usr/share/locale/*"], INITRD="No")
        tree = self.path("tree")
        disks.run("cp", "-a", "--reflink=auto", kept, tree)
        self.addCleanup(shutil.rmtree, tree, ignore_errors=True)
        for name, text, target in (("test-shell", test_systemd.SHELL, "sysinit"),
                                   ("test-reached", test_systemd.REACHED, "multi-user")):
            trees.write(tree, f"etc/systemd/system/{name}.service", text)
            systemd_host.link(tree, f"etc/systemd/system/{target}.target.wants/{name}.service",
                              f"../{name}.service")
        systemd_host.link(tree, "etc/systemd/system/multi-user.target.wants/"
                          "systemd-networkd.service",
                          "/lib/systemd/system/systemd-networkd.service")
        systemd_host.link(tree, "etc/systemd/system/default.target",
                          "/usr/lib/systemd/system/multi-user.target")
        trees.write(tree, "etc/systemd/network/50-ethernet.network", systemd_host.ETHERNET)
        trees.write(tree, "etc/machine-id", "")
        shutil.copy(releases.SCRIPT, os.path.join(tree, "root/stackscript"))
        self.prepare(tree)
        return trees.disk(self.path("sda.raw"), "node", tree, size=self.NODE_SIZE)

    def prepare(self, tree):
        pass

    def start_node(self, disk, *more, name="node"):
        image = self.path("node")
        if not os.path.exists(image + ".img"):
            trees.write(self.directory, "node.yaml", PROFILE)
            machine.build_image(image + ".img", "-c", "zstd:1", profile=self.path("node.yaml"))
        guest = self.machine(image, name, memory=self.MEMORY, append="rw systemd.show_status=0",
                             extra=drives(disk, self.target, self.data, *more))
        guest.wait_for(systemd_host.REACHED, 300)
        guest.shell.run("for i in $(seq 300); do ip route | grep -q ^default && break; sleep 0.2; "
                        "done; ip route | grep -q ^default", 90)
        self.names = {f"/dev/sd{letter}": guest.shell.run(
            f"readlink -f /dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_disk-{number}").strip()
            for number, letter in enumerate("abcdef"[:3 + len(more)], 1)}
        return guest

    def named(self, text):
        """With the names that the disks have got."""
        return re.sub("/dev/sd[a-f]", lambda name: self.names[name.group()], text)

    def run_script(self, guest, timeout=600, **fields):
        """It ends, by itself or with the machine."""
        fields = {"target_disk": "/dev/sdb", "data_disk": "/dev/sdc", **fields}
        words = " ".join(f"{name}='{self.named(value)}'" for name, value in fields.items())
        since = guest.position()
        guest.shell_line.send(f"env {words} bash /root/stackscript >/run/said 2>&1\n")
        return guest.wait_for(r"^RESULT=.*$", timeout, since=since).group(0)

    def boot_platform(self):
        """As the platform does with the second profile: the target is sda, the data sdb. The
        kernel is quiet, so the first that is seen is the console's shell, where Docker answers."""
        guest = vm.VM(self.directory, None, None, name="platform", memory=machine.MEMORY,
                      extra=["-cdrom", loader(self.directory), "-boot", "d",
                             *drives(self.target, self.data)])
        self.addCleanup(guest.stop)
        guest.start()
        # what is typed at the menu would be taken there
        guest.wait_for("Booting `only-docker'", 60)
        guest.type_until("docker info", "Storage Driver: overlay2", machine.READY_SECONDS)
        return guest

    def check_host(self, guest):
        run = guest.shell.run
        self.assertRegex(run("dmesg"), r"mkinitrd: disk: ok source=LABEL=DOCKER device=/dev/sd[ab] "
                         r"type=ext4 at=/var/lib/docker")
        self.assertEqual(run("hostname"), "web1\n")
        self.assertEqual(run("cat /var/lib/docker/mkinitrd/ssh/authorized_keys"), KEY + "\n")
        self.assertIn(" console=ttyS0,19200n8 ", run("cat /proc/cmdline"))
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(120), "guest-shutdown")
        self.assert_clean(self.data)


class Fetches(NodeTest):

    def setUp(self):
        super().setUp()
        self.release = releases.Release(self.path("release"))
        self.addCleanup(self.release.close)
        self.release.make({releases.KERNEL: machine.kernel()[1],
                           releases.IMAGE: machine.image_path("only-docker")})
        self.url = f"http://10.0.2.2:{self.release.serve()}"

    def fields(self, **more):
        return {"release_url": self.url, "release_key": self.release.key, "host_name": "web1",
                "ssh_key": KEY, **more}

    def check_fails(self, guest, why, prepare, restore, **fields):
        run = guest.shell.run
        if prepare:
            run(prepare)
        said = self.run_script(guest, 240, **self.fields(**fields))
        if restore:
            run(restore)
        self.assertRegex(said, f"^RESULT=fail {self.named(why)}$")
        self.assertEqual(run("tail -n 1 /var/log/mkinitrd-deploy.log"), said + "\n")
        self.assertEqual(run("grep -c mkinitrd-deploy /proc/mounts", status=None), "0\n")
        self.assertEqual(run("ls -d /var/tmp/mkinitrd-deploy.* 2>/dev/null", status=None), "")

    def test_D0_19_failures_leave_all_as_it_was_and_then_a_host(self):
        foreign = disks.make_raw(self.path("foreign.raw"), "768M", ("-t", "ext4", "-L", "precious"))
        small = self.blank("small.raw", "64M")
        guest = self.start_node(self.make_node(), foreign, small,
                                "-" + self.blank("broken.raw", "2G"))
        kept = (self.target, self.data, foreign, small, self.path("broken.raw"))
        before = [disks.run("sha256sum", path) for path in kept]
        wrong = releases.Release(self.path("wrong")).key
        for why, fields, prepare, restore in (
                ("fields: host_name: .*", {"host_name": "$(touch /x)"}, "", ""),
                ("system: 'alpine' is neither .*", {}, "mount -t tmpfs none /mnt; "
                 "echo ID=alpine >/mnt/o; mount --bind /mnt/o /usr/lib/os-release",
                 "umount /usr/lib/os-release /mnt"),
                ("disks: target_disk: there is no disk /dev/sdx; .*", {"target_disk": "/dev/sdx"},
                 "", ""),
                ("disks: target_disk: /dev/sda is mounted at /; .*", {"target_disk": "/dev/sda"},
                 "", ""),
                ("disks: target_disk: /dev/sdd holds .*precious.*", {"target_disk": "/dev/sdd"},
                 "", ""),
                ("disks: target_disk: /dev/sde has 64 MiB and .*", {"target_disk": "/dev/sde"},
                 "", ""),
                ("programs: (still missing after installing: curl|cannot .*)", {},
                 "mv /usr/bin/curl /run; mount -t tmpfs none /etc/apt; mkdir "
                 "/etc/apt/preferences.d", "mv /run/curl /usr/bin; umount /etc/apt"),
                ("fetch: cannot fetch SHA256SUMS: curl: .*", {"release_url": "http://10.0.2.2:9"},
                 "", ""),
                ("fetch: SHA256SUMS is not signed by release_key; .*", {"release_key": wrong},
                 "", ""),
                ("fetch: cannot fetch only-docker.tar.gz: curl: .*", {},
                 "mount -t tmpfs -o size=1M none /var/tmp", "umount /var/tmp"),
                ("platform: cannot make a file system on /dev/sdf: .*",
                 {"target_disk": "/dev/sdf"}, "", "")):
            with self.subTest(why=why):
                self.check_fails(guest, why, prepare, restore, **fields)
        self.assertEqual([disks.run("sha256sum", path) for path in kept], before)
        self.assertEqual(self.run_script(guest, **self.fields()), "RESULT=ok")
        self.assertEqual(guest.wait_end(120), "guest-shutdown")
        for path in (self.target, self.data, self.path("sda.raw")):
            self.assert_clean(path)
        self.assertEqual([disks.run("sha256sum", path) for path in kept[2:]], before[2:])
        self.check_host(self.boot_platform())


class Builds(NodeTest):
    """The image is made on the node, by mkinitrd and from the node's own kernel and Docker; and the
    node itself boots after a step that failed."""

    PACKAGES = PACKAGES + [name for name in debian_root.PACKAGES if name not in PACKAGES] + [
        "libarchive13", "libjansson4", "libelf1", "libyaml-0-2", "liblzo2-2", "libsquashfs1"]
    NAME, NODE_SIZE, MEMORY = "node-with-docker", "3G", 3072

    def prepare(self, tree):
        folder = os.path.join(tree, "usr/local/lib/mkinitrd")
        disks.run("cmake", "--install", machine.BUILD, "--prefix", self.path("installed"))
        shutil.rmtree(folder, ignore_errors=True)
        disks.run("cp", "-a", self.path("installed") + "/.", os.path.join(tree, "usr/local"))

    def test_D0_19_built_on_the_node_after_a_failure_and_a_restart(self):
        sda = self.make_node()
        guest = self.start_node(sda)
        fields = {"host_name": "web1", "ssh_key": KEY, "password_hash": HASH}
        run = guest.shell.run
        run("mv /usr/local/bin/mkinitrd /root/")
        self.assertRegex(self.run_script(guest, **fields), "^RESULT=fail fetch: mkinitrd is not .*")
        run("mv /root/mkinitrd /usr/local/bin/; systemctl poweroff", status=None)
        self.assertEqual(guest.wait_end(180), "guest-shutdown")
        guest = self.start_node(sda, name="again")
        self.assertEqual(self.run_script(guest, 1800, **fields), "RESULT=ok")
        self.assertEqual(guest.wait_end(120), "guest-shutdown")
        log = disks.run("debugfs", "-R", "cat /var/log/mkinitrd-deploy.log", sda)
        self.assertNotIn(HASH[:20], log)
        guest = self.boot_platform()
        plan = guest.shell.run("cat /usr/lib/mkinitrd/boot.plan /run/mkinitrd/image/usr/lib/mkinitrd/"
                               "boot.plan 2>/dev/null", status=None)
        self.assertIn(HASH, plan)


if __name__ == "__main__":
    machine.needs_tools()
    vm.require("mmdebstrap", "grub-mkimage", "openssl", "xorriso")
    if not os.path.exists(GRUB + "/cdboot.img") or os.geteuid() != 0:
        print("skipped: no GRUB for BIOS, or mmdebstrap needs root here")
        sys.exit(77)
    machine.unittest.main(verbosity=2)
