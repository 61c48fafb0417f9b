# SPDX-License-Identifier: Apache-2.0
"""A root on a disk: found, mounted with its layers, entered; what cannot be a root, and why.

usage: test_root.py [Found|Layers|Own|Wrong|Waits|Checked|Carried]...
"""
import os
import re
import shutil
import subprocess
import unittest

import disks
import machine
import tiny
import trees
import vm

PROFILE = """\
include: [host-shell, root-image]
boot:
  shell: { ttys: [] }
  root: { find: LABEL=BOOT, image: /latest/rootfs, wait: 20s }
"""
NOT_PANIC = (vm.PANIC,)
UUID = "6d6b696e-6974-7264-8000-00000000b007"
IMAGE = "/run/mkinitrd/image"
STOPPED = r"mkinitrd: the boot stopped: step 'root' failed:"


class RootTest(machine.BootTest):
    """The image and the disks, made once a class."""

    @classmethod
    def setUpClass(cls):
        holder = cls("made_once")
        holder.setUp()
        cls.addClassCleanup(holder.doCleanups)
        cls.once = holder
        cls.image = holder.path("root")
        profile = holder.path("root.yaml")
        trees.write(holder.directory, "root.yaml", PROFILE)
        machine.build_image(cls.image + ".img", "-c", "zstd:1", profile=profile)
        cls.make_disks()

    def made_once(self):
        """Not a test: its instance holds the class's folder."""

    @classmethod
    def make_disks(cls):
        pass

    @classmethod
    def tree(cls, name, **arguments):
        return trees.make(cls.once.path(name), name, **arguments)

    def start(self, name, *words, disks=(), extra=(), **arguments):
        return self.machine(self.image, name, disks=disks, extra=extra, memory=tiny.MEMORY,
                            append=" ".join(words), **arguments)

    def reach(self, guest, tree, name="/sbin/init"):
        guest.wait_for(rf"TREE {tree} pid=1 name={name} ", 60)
        return guest.wait_for(r"mkinitrd: root: ok (.*) \(\d+ ms\)", 1).group(1)

    def says(self, guest, command, pattern, status=0):
        self.assertRegex(guest.shell.run(f"{command} 2>&1", status=status), pattern)

    def mounts(self, guest):
        """What is mounted where: type, source and options by path."""
        found = {}
        for line in guest.shell.run("cat /proc/self/mountinfo").splitlines():
            before, after = line.split(" - ")
            kind, source, options = after.split(" ", 2)
            found[before.split()[4]] = (kind, source, before.split()[5] + "," + options)
        return found


def drive(path, name, device):
    return ["-drive", f"if=none,id={name},format=raw,cache=unsafe,file={path}", "-device",
            device.format(drive=name)]


SATA = ["-device", "ich9-ahci,id=ahci"]
SATA_DISK = "ide-hd,drive={drive},bus=ahci.0"
NVME_DISK = "nvme,drive={drive},serial=mkinitrd"
CD = "ide-cd,drive={drive},bus=ahci.1"


class Found(RootTest):
    """By label, UUID, PARTUUID and path; on virtio, SATA and NVMe; image files and devices."""

    @classmethod
    def make_disks(cls):
        folder = cls.once.path("boot")
        os.makedirs(folder + "/releases/1")
        squashfs = trees.squash(cls.tree("one"), folder + "/releases/1/rootfs")
        os.symlink("/releases/1", folder + "/latest")
        cls.boot = trees.disk(cls.once.path("boot.raw"), "BOOT", folder, uuid=UUID)
        cls.squashfs = squashfs

    def test_D0_9_D0_10_label_on_virtio(self):
        guest = self.start("virtio", disks=[self.boot])
        self.assertEqual(self.reach(guest, "one"),
                         "source=LABEL=BOOT device=/dev/vda type=ext4 image=/latest/rootfs "
                         "cow=tmpfs:50% init=/sbin/init")
        mounts = self.mounts(guest)
        self.assertEqual(mounts["/"][0], "overlay")
        self.assertIn(f"lowerdir={IMAGE},upperdir=/run/mkinitrd/cow/upper,", mounts["/"][2])
        self.assertRegex(mounts["/run/mkinitrd/boot"][2], "^ro.*,ro")
        self.assertRegex(mounts[IMAGE][2], "^ro.*,ro")
        self.assertEqual(mounts[IMAGE][:2], ("squashfs", "/dev/loop0"))
        for path in ("/dev", "/proc", "/sys", "/run"):
            self.assertIn(path, mounts)
        # the modules that init brought are those of the tree, wherever modprobe looks
        self.says(guest, "ls /lib/modules/*/modules.dep /usr/lib/modules/*/modules.dep",
                  r"^/lib/\S+\n/usr/lib/\S+\n$")
        # the lower root refuses to be written, the upper one is not kept
        self.says(guest, f"touch {IMAGE}/etc/file", "Read-only file system", status=1)
        guest.shell.run("echo changed >/etc/tree; echo new >/etc/new; sync")
        # nothing of what the kernel unpacked is left but the modules
        self.says(guest, "ls -d /proc/1/root/init", "No such file", status=1)
        guest.stop()
        self.assert_clean(self.boot)
        guest = self.start("sata", f"root=UUID={UUID}",
                           extra=SATA + drive(self.boot, "boot", SATA_DISK))
        self.assertIn(f"source=UUID={UUID} device=/dev/sda ", self.reach(guest, "one"))
        self.says(guest, "cat /etc/tree; ls /etc/new", r"^one\n.*No such file", status=1)

    def test_D0_9_partition_on_nvme(self):
        """The SquashFS is a partition, without another file system around it."""
        disk = self.path("gpt.raw")
        disks.run("truncate", "-s", "64M", disk)
        table = ("label: gpt\n"
                 "size=8M, name=other\n"
                 "uuid=11111111-2222-3333-4444-555555555555, name=tree\n")
        trees.write(self.directory, "table", table)
        disks.run("sh", "-c", f"sfdisk -q {disk} <{self.path('table')}")
        disks.run("dd", "if=" + self.squashfs, "of=" + disk, "bs=1M", "seek=9", "conv=notrunc")
        guest = self.start("nvme", "root=PARTUUID=11111111-2222-3333-4444-555555555555",
                           "mkinitrd.image=none", extra=drive(disk, "boot", NVME_DISK))
        self.assertRegex(self.reach(guest, "one"), r"device=/dev/nvme0n1p2 cow=tmpfs:50%")

    def test_D0_5_D0_9_nested_image_on_a_cd(self):
        """An image of a file system in the SquashFS, on ISO 9660, by path."""
        inner = self.path("inner")
        os.makedirs(inner)
        trees.disk(inner + "/root.fs", "INNER", self.tree("inner-tree"), size="16M")
        cd = self.path("cd")
        os.makedirs(cd)
        trees.squash(inner, cd + "/rootfs.sfs")
        disks.run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "BOOT", "-o",
                  self.path("cd.iso"), cd)
        guest = self.start("cd", "root=/dev/sr0", "mkinitrd.image=/rootfs.sfs:root.fs",
                           "init=/bin/busybox",
                           extra=SATA + ["-drive", "if=none,id=cd,media=cdrom,readonly=on,file=" +
                                         self.path("cd.iso"),
                                         "-device", CD.format(drive="cd")])
        details = guest.wait_for(r"mkinitrd: root: ok (.*) \(\d+ ms\)", 60).group(1)
        self.assertRegex(details, r"device=/dev/sr0 type=iso9660 image=/rootfs.sfs "
                                  r"inner=root.fs cow=tmpfs:50% init=/bin/busybox")
        guest.wait_for(r"mkinitrd: exec: /bin/busybox", 10)
        # busybox is asked to be init, and finds no inittab
        guest.wait_for(r"can't run '/etc/init.d/rcS'", 30)


class Layers(RootTest):
    """cow= on a disk, none, and one that belongs to another image."""

    @classmethod
    def make_disks(cls):
        for name in ("one", "two"):
            folder = cls.once.path("boot-" + name)
            os.makedirs(folder + "/latest")
            trees.squash(cls.tree(name), folder + "/latest/rootfs")
            trees.disk(cls.once.path(name + ".raw"), "BOOT", folder)

    def test_D0_10_kept_on_a_disk(self):
        cow = trees.disk(self.path("cow.raw"), "STATE")
        one = disks.copy(self.once.path("one.raw"), self.path("one.raw"))
        guest = self.start("first", "mkinitrd.cow=LABEL=STATE:layers/web", disks=[one, cow])
        self.assertIn(" cow=LABEL=STATE:layers/web ", self.reach(guest, "one"))
        guest.shell.run("echo kept >/etc/kept; rm /etc/tree; sync")
        # what a crash can leave in the work directory, deeper than the kernel clears up
        guest.shell.run("cd /run/mkinitrd/cow/layers/web/work; mkdir -p work/a/b/c/d; "
                        "echo x >work/a/b/c/d/file; sync")
        guest.stop()
        self.assertIn("needs_recovery", disks.run("dumpe2fs", "-h", cow))
        guest = self.start("second", "mkinitrd.cow=LABEL=STATE:/layers/web/", disks=[one, cow])
        self.reach(guest, "one")
        self.says(guest, "cat /etc/kept; ls /etc/tree", r"^kept\n.*No such file", status=1)
        guest.shell.run("echo more >>/etc/kept; sync")
        guest.stop()
        # another image below, and the layer is not for it: nothing is mounted, nothing written
        before = disks.run("debugfs", "-R", "ls -l /layers/web", cow)
        two = self.once.path("two.raw")
        guest = self.start("third", "rd.shell", "mkinitrd.cow=LABEL=STATE:layers/web",
                           disks=[two, cow])
        guest.wait_for(
            r"mkinitrd: root: failed: the writable layer in '/run/mkinitrd/cow/layers/web' was "
            r"made for another image \(squashfs:[0-9a-f]{16}, and this is squashfs:[0-9a-f]{16}\); "
            r"it is untouched; boot the image that it was made for, take another directory: "
            r"mkinitrd\.cow=LABEL=STATE:DIRECTORY, or "
            r"boot with changes in memory: mkinitrd\.cow=tmpfs", 60, unless=NOT_PANIC)
        guest.wait_for("This is a shell; 'exit' tries the step again", 30, unless=NOT_PANIC)
        guest.type_until('cat /proc/mounts; echo "LOOKED""-UP"', "LOOKED-UP", 30)
        self.assertNotRegex(guest.console.text, r"/run/mkinitrd/\w+ ")
        guest.stop()
        self.assertEqual(disks.run("debugfs", "-R", "ls -l /layers/web", cow), before)

    def test_D0_10_none(self):
        """Read-only; and a plain file system, mounted for writing when rw says so."""
        guest = self.start("none", "mkinitrd.cow=none", disks=[self.once.path("one.raw")])
        self.assertIn(" cow=none ", self.reach(guest, "one"))
        self.says(guest, "touch /etc/file", "Read-only file system", status=1)
        self.assertEqual(self.mounts(guest)["/"][0], "squashfs")
        guest.stop()
        plain = trees.disk(self.path("plain.raw"), "PLAIN", self.tree("plain"))
        guest = self.start("rw", "root=LABEL=PLAIN", "mkinitrd.image=none", "ro", "rw",
                           "rootflags=nodiratime", disks=[plain])
        self.assertIn("device=/dev/vda type=ext4 cow=none rw", self.reach(guest, "plain"))
        self.assertIn("nodiratime", self.mounts(guest)["/"][2])
        guest.shell.run("echo written >/etc/written; mount -o remount,ro /")
        guest.stop()
        self.assert_clean(plain)
        self.assertEqual(disks.cat(plain, "/etc/written"), "written\n")


class Own(RootTest):
    """A program of ours as process 1 in the tree, both modes; and the same disk for everything."""

    @classmethod
    def make_disks(cls):
        folder = cls.once.path("boot")
        os.makedirs(folder + "/latest")
        trees.squash(cls.tree("own", init=None), folder + "/latest/rootfs")
        cls.boot = trees.disk(cls.once.path("own.raw"), "BOOT", folder)

    def run_main(self, mode, cow, disk):
        guest = self.start(mode, 'mkinitrd.exec="/bin/busybox sh /main.sh"',
                           f"mkinitrd.mode={mode}", f"mkinitrd.cow={cow}", disks=[disk])
        guest.wait_for(r"MAIN own pid=\d+", 60)
        guest.wait_for(r"mkinitrd: exec: /bin/busybox", 10)
        return guest

    def test_D0_10_both_modes_leave_the_disk_clean(self):
        disk = disks.copy(self.boot, self.path("boot.raw"))
        for mode in ("exec", "supervise"):
            guest = self.run_main(mode, "LABEL=BOOT", disk)
            self.assertRegex(guest.wait_for("mkinitrd: root: ok .*", 1).group(0),
                             r" cow=LABEL=BOOT:mkinitrd/cow \(")
            # a program of the tree holds a file of the layer open
            guest.monitor.human("system_powerdown")
            self.assertEqual(guest.wait_end(60), "guest-shutdown")
            guest.console.text.index("mkinitrd: power: disks: /run/mkinitrd/cow")
            self.assert_clean(disk)


class Wrong(RootTest):
    """What is on a disk is not to be trusted: one line each, and the shell, until it is right."""

    @classmethod
    def make_disks(cls):
        folder = cls.once.path("boot")
        os.makedirs(folder + "/latest")
        os.makedirs(folder + "/bad")
        good = trees.squash(cls.tree("good"), folder + "/good")
        trees.cut(good, folder + "/bad/cut", os.path.getsize(good) - 8192)
        trees.patched(good, folder + "/bad/version", trees.VERSION_MAJOR, 3)
        trees.patched(good, folder + "/bad/compressor", trees.COMPRESSOR, 2)
        trees.write(folder, "bad/text", "no file system\n" * 1000)
        os.makedirs(folder + "/bad/folder")
        cls.tree("without", init=None)
        shutil.rmtree(cls.once.path("without") + "/bin")
        shutil.rmtree(cls.once.path("without") + "/usr/bin")
        trees.squash(cls.once.path("without"), folder + "/bad/init")
        cls.size = os.path.getsize(good)
        cls.boot = trees.disk(cls.once.path("boot.raw"), "BOOT", folder)
        cls.twin = trees.disk(cls.once.path("twin.raw"), "BOOT", size="8M")

    def fails(self, guest, why, since):
        """The step failed for this reason; the shell answers."""
        guest.wait_for(r"mkinitrd: root: failed: " + why + "$", 60, since=since, unless=NOT_PANIC)
        guest.wait_for("This is a shell; 'exit' tries the step again", 30, since=since,
                       unless=NOT_PANIC)
        guest.type_until('echo "RESCUE""-ANSWERS"', "RESCUE-ANSWERS", 60)

    def put(self, guest, target):
        """Another image in the place of the last; returns from where on the log tells of it."""
        since = guest.position()
        guest.console.send("mkdir -p /mnt && mount /dev/vda /mnt && rm -f /mnt/latest/rootfs && "
                           f"ln -s {target} /mnt/latest/rootfs && umount /mnt; exit\n")
        return since

    def test_D0_9_D0_12_WD_1_until_it_is_right(self):
        guest = self.start("wrong", "rd.shell", disks=[self.boot])
        image = "'/latest/rootfs'"
        self.fails(guest, rf"no image {image} on /dev/vda, label BOOT: No such file or directory; "
                   r"name another: mkinitrd\.image=", 0)
        self.assertIn("mkinitrd.image=PATH for another one", guest.console.text)
        held = (self.size - 8192) // 512 * 512
        for target, why in (
                ("/bad/cut", rf"{image} cannot be the root: it is cut short: it is a SquashFS of "
                             rf"\d+ bytes, and {held} are there; copy it again"),
                ("/bad/version", rf"{image} cannot be the root: it is a SquashFS of version 3\.0, "
                                 r"and the kernel reads 4\.0; make it again with a newer "
                                 r"mksquashfs"),
                ("/bad/compressor", rf"{image} cannot be mounted: it is compressed with lzma, which "
                                    r"this kernel does not read, or damaged; look: dmesg; make it "
                                    r"again with another compression, such as gzip"),
                ("/bad/text", rf"{image} is no file system image \(squashfs, ext4, xfs, btrfs, "
                              r"vfat, iso9660\); name another: mkinitrd\.image="),
                ("/bad/folder", rf"{image} on /dev/vda is no file; name another: "
                                r"mkinitrd\.image="),
                # a link never leads out of the disk
                ("/../../init", rf"no image {image} on /dev/vda, label BOOT: No such file or "
                                r"directory; name another: mkinitrd\.image="),
                ("/bad/init", r"the tree has no init: there is no program /sbin/init, "
                              r"/usr/sbin/init, /etc/init, /bin/init, /usr/lib/systemd/systemd, "
                              r"/lib/systemd/systemd, /bin/busybox, /usr/bin/busybox; install one "
                              r"in the tree, or name it: init=")):
            self.fails(guest, why, self.put(guest, target))
        self.plug(guest, self.twin, "twin")
        guest.type_until('until [ -e /dev/vdb ]; do :; done; echo "PLUGGED""-IN"', "PLUGGED-IN", 60)
        self.fails(guest, r"LABEL=BOOT is on two devices, /dev/vda and /dev/vdb; both are untouched; "
                   r"take one away, or name one: root=/dev/vda", self.put(guest, "/good"))
        guest.monitor.human("device_del twin")
        guest.type_until('while [ -e /dev/vdb ]; do :; done; echo "UN""PLUGGED"', "UNPLUGGED", 60)
        guest.console.send("exit\n")
        guest.wait_for("TREE good pid=1 ", 60, unless=NOT_PANIC)

    @staticmethod
    def plug(guest, path, name):
        guest.monitor.human(f"drive_add 0 if=none,id=d{name},format=raw,cache=unsafe,file={path}")
        guest.monitor.human(f"device_add virtio-blk-pci,drive=d{name},id={name}")


class Waits(RootTest):
    """A disk that comes late, one that never comes; a shell before it is looked for."""

    @classmethod
    def make_disks(cls):
        folder = cls.once.path("boot")
        os.makedirs(folder + "/latest")
        trees.squash(cls.tree("late"), folder + "/latest/rootfs")
        cls.boot = trees.disk(cls.once.path("boot.raw"), "BOOT", folder)

    def test_D0_12_break_and_a_late_disk(self):
        guest = self.start("late", "rd.break=mount", "rootdelay=120")
        guest.wait_for(r"rd\.break: stopped before 'root'", 60, unless=NOT_PANIC)
        guest.type_until('echo "RESCUE""-ANSWERS"', "RESCUE-ANSWERS", 60)
        self.assertNotIn("mkinitrd: root:", guest.console.text)
        guest.console.send("exit\n")
        guest.wait_for(r"mkinitrd: root: waiting for LABEL=BOOT, 10 s of 120 s; seen: no disks", 60)
        Wrong.plug(guest, self.boot, "late")
        self.reach(guest, "late")

    def test_D0_12_never(self):
        guest = self.start("never", "rootdelay=2", "panic=0", "root=LABEL=NO-SUCH",
                           disks=[self.boot])
        guest.wait_for(r"mkinitrd: root: failed: LABEL=NO-SUCH not found; seen: vda ext4 LABEL=BOOT; "
                       r"attach it, name another: root=, or wait longer: rootdelay=SECONDS$", 60,
                       unless=NOT_PANIC)
        guest.wait_for(r"mkinitrd: halted: switch the machine off", 30, unless=NOT_PANIC)


class Checked(RootTest):
    """dm-verity: a byte that is not what it was is an error, and is never given to anybody."""

    @classmethod
    def make_disks(cls):
        tree = cls.tree("checked")
        with open(os.path.join(tree, "noise"), "wb") as file:
            cls.noise = os.urandom(1 << 20)
            file.write(cls.noise)
        squashfs = trees.squash(tree, cls.once.path("rootfs"))
        blocks = os.path.getsize(squashfs) // 4096
        said = disks.run("veritysetup", "format", squashfs, squashfs,
                         f"--hash-offset={blocks * 4096}", f"--data-blocks={blocks}")
        cls.root_hash = re.search(r"Root hash:\s*(\S+)", said).group(1)
        cls.salt = re.search(r"Salt:\s*(\S+)", said).group(1)
        cls.squashfs, cls.blocks = squashfs, blocks
        cls.add_plan(cls.root_hash)

    @classmethod
    def add_plan(cls, root_hash):
        """The plan again, with a line: what the kernel unpacks last counts."""
        plan = subprocess.run([machine.MKINITRD, "cat", cls.image + ".img",
                               "/usr/lib/mkinitrd/boot.plan"], capture_output=True, text=True,
                              check=True).stdout
        plan = plan.replace(
            "\nshell ", f"\nverity root-hash={root_hash} salt={cls.salt} data-blocks={cls.blocks} "
            f"hash-start={cls.blocks + 1}\nshell ")
        trees.add_segment(cls.image + ".img", "usr/lib/mkinitrd/boot.plan", plan)

    def disk(self, name, flip=None):
        folder = self.path(name)
        os.makedirs(folder + "/latest")
        with open(self.squashfs, "rb") as file:
            content = bytearray(file.read())
        if flip is not None:
            content[flip] ^= 1
        with open(folder + "/latest/rootfs", "wb") as file:
            file.write(content)
        return trees.disk(self.path(name + ".raw"), "BOOT", folder)

    def test_D0_9_checked_as_it_is_read(self):
        guest = self.start("good", disks=[self.disk("whole")])
        self.assertIn(f" verity={self.root_hash[:16]} cow=", self.reach(guest, "checked"))
        self.assertEqual(self.mounts(guest)["/run/mkinitrd/image"][1], "/dev/dm-0")
        self.says(guest, "cat /noise | busybox wc -c", "^1048576$")
        guest.stop()
        with open(self.squashfs, "rb") as file:
            at = file.read().index(self.noise[600000:600100])
        guest = self.start("flipped", disks=[self.disk("flipped", at)])
        self.reach(guest, "checked")
        said = guest.shell.run("cat /noise 2>&1 >/run/got", status=1)
        self.assertRegex(said, "Input/output error|I/O error")
        # what came before it is right, and it did not come
        got = int(guest.shell.run("busybox wc -c </run/got"))
        self.assertLessEqual(got, 600000)
        self.says(guest, "dmesg | busybox grep verity", r"data block \d+ is corrupted")

    def test_D0_9_another_image(self):
        """The header is one block of the tree's, so a wrong one is not even mounted."""
        guest = self.start("other", "rd.shell", disks=[self.disk("other", 8)])
        guest.wait_for(r"mkinitrd: root: failed: '/latest/rootfs' cannot be mounted: it does not "
                       r"match the root hash of the boot plan, it is damaged or another one; copy "
                       r"it again", 60, unless=NOT_PANIC)


class Carried(machine.BootTest):
    """The root is a SquashFS that the image carries."""

    NOISE = 1 << 20

    def build(self, *sets):
        """With a file that no compression touches, whose bytes are in the image as they are."""
        if not os.path.exists(self.path("noise")):
            self.noise = os.urandom(self.NOISE)
            with open(self.path("noise"), "wb") as file:
                file.write(self.noise)
        return tiny.build(self, "carried", "output={ layout: squashfs, verity: true }",
                          f"files./noise={{ from: {self.path('noise')} }}", *sets)

    def flipped(self, image):
        """The same image with one byte of the file changed."""
        with open(image + ".img", "rb") as file:
            content = bytearray(file.read())
        content[content.index(self.noise[600000:600100])] ^= 1
        with open(self.path("flipped.img"), "wb") as file:
            file.write(content)
        return self.path("flipped")

    def end(self, guest):
        guest.shell.type("poweroff")
        self.assertEqual(guest.wait_end(60), "guest-shutdown")

    def make_state(self):
        """A disk for everything: changes, Docker's data, a host's bundle; larger than what is
        on it."""
        os.makedirs(self.path("state/mkinitrd"))
        trees.write(self.directory, "host.yaml", "files: { /etc/motd: { content: web1 } }\n")
        subprocess.run([machine.MKINITRD, "profile", "bundle", "-q", "-p",
                        self.path("carried.yaml"), "-p", self.path("host.yaml"), "-o",
                        self.path("state/mkinitrd/host.bundle")], check=True, timeout=60)
        state = trees.disk(self.path("state.raw"), "STATE", self.path("state"))
        disks.run("truncate", "-s", "128M", state)
        return state

    def test_D0_5_D0_7_D0_9_D0_10_D0_11_image_in_the_image(self):
        image = self.build("boot.tmpfs={ /: 25% }", "boot.disk={ find: LABEL=STATE, "
                           "at: /var/lib/docker, absent: tmpfs, wait: 1s, resize: true }",
                           "boot.bundle={ find: LABEL=STATE, wait: 1s }")
        guest = self.machine(self.flipped(image), append="rd.break=modules", memory=tiny.MEMORY)
        # the shell and all else of /usr, before modules and root are there
        guest.wait_for(r"rd\.break: stopped before 'modules'", 60)
        guest.type_until('busybox ls -1 /usr/lib; echo RESCUE\\-ANSWERS', "RESCUE-ANSWERS", 60)
        self.assertRegex(guest.console.text, r"(?m)^mkinitrd$")
        guest.console.send("exit\n")
        guest.wait_for(r"mkinitrd: root: ok image=/root.squashfs verity=[0-9a-f]{16} "
                       r"cow=tmpfs:25% \(", 60)
        tiny.wait(guest)
        mounts = guest.shell.run("cat /proc/mounts")
        self.assertRegex(mounts, "(?m)^overlay / overlay rw,.*lowerdir=/run/mkinitrd/image,")
        self.assertRegex(mounts, "/dev/dm-0 /run/mkinitrd/image squashfs ro,")
        self.assertNotIn("/run/mkinitrd/rescue", mounts)
        self.assertRegex(mounts, "(?m)^tmpfs /var/lib/docker tmpfs ")
        for path in ("/usr/lib/mkinitrd", "/usr/lib/modules/.*", "/init"):
            self.assertRegex(mounts, rf"(?m)^(rootfs|none) {path} (rootfs|tmpfs|ramfs) ")
        said = guest.shell.run("touch /run/mkinitrd/image/file 2>&1", status=1)
        self.assertIn("Read-only file system", said)
        guest.shell.run("ls /usr/lib/mkinitrd/boot.plan; echo x >/etc/new")
        guest.shell.run("test ! -e /root.squashfs")
        # the byte that is not what it was is never given to anybody
        said = guest.shell.run("busybox cat /noise 2>&1 >/run/got", status=1)
        self.assertRegex(said, "Input/output error|I/O error")
        self.assertLessEqual(int(guest.shell.run("busybox wc -c </run/got")), 600000)
        self.end(guest)
        state = self.make_state()
        for name, expected, grown in (("first", "", r" grown=\d+\.\.1[0-3]\d{7}"),
                                      ("second", "kept\n", "")):
            guest = self.machine(image, name, append="mkinitrd.cow=LABEL=STATE", disks=[state],
                                 memory=tiny.MEMORY)
            tiny.wait(guest)
            self.assertEqual(guest.shell.run("cat /etc/kept 2>/dev/null; true"), expected)
            # one disk for both: Docker's data is not on the overlay
            guest.wait_for(r"mkinitrd: disk: ok source=LABEL=STATE device=/dev/vda "
                           rf"at=/var/lib/docker{grown} \(", 1)
            mounts = guest.shell.run("cat /proc/mounts")
            self.assertRegex(mounts, "(?m)^/dev/vda /var/lib/docker ext4 rw")
            self.assertRegex(mounts, "(?m)^overlay / overlay rw,.*lowerdir=/run/mkinitrd/bundle:"
                                     "/run/mkinitrd/image,")
            self.assertEqual(guest.shell.run("cat /etc/motd; busybox cmp /noise /noise"), "web1")
            guest.shell.run("echo kept >/etc/kept")
            self.end(guest)
            self.assert_clean(state)

    def test_D0_10_nothing_lies_over_it(self):
        """What init mounts has its places in the image, and all is seen that is elsewhere."""
        image = self.build("boot.root={ find: none, cow: none }", "boot.disk={ find: LABEL=STATE, "
                           "at: /srv/docker, absent: tmpfs, wait: 1s }")
        guest = self.machine(image, memory=tiny.MEMORY)
        guest.wait_for(r"mkinitrd: root: ok image=/root.squashfs verity=[0-9a-f]{16} cow=none \(",
                       60)
        tiny.wait(guest)
        mounts = guest.shell.run("cat /proc/mounts")
        # a place for init lies over it, and nothing that can be written
        self.assertRegex(mounts, "(?m)^overlay / overlay ro,.*lowerdir=/run/mkinitrd/cow:"
                                 "/run/mkinitrd/image")
        self.assertNotIn("upperdir", mounts)
        self.assertRegex(mounts, "(?m)^tmpfs /srv/docker tmpfs ")
        self.assertIn("Read-only file system", guest.shell.run("touch /etc/x 2>&1", status=1))
        guest.shell.run("ls /usr/lib/mkinitrd/boot.plan /usr/lib/modules/$(uname -r)/modules.dep "
                        "/tmp /dev/null /proc/self /sys/kernel")
        self.assertNotIn("not to be seen", guest.console.text)
        self.end(guest)


LABELS = {"ext4": "BOOT", "vfat": "VFAT", "xfs": "XFS", "btrfs": "BTRFS"}


class Program(machine.BootTest):
    """mkinitrd-mount, as another initramfs would call it: no plan, the kernel loads drivers."""

    def test_D0_9_D0_10_mkinitrd_mount(self):
        folder = self.path("boot")
        os.makedirs(folder + "/latest")
        trees.squash(trees.make(self.path("tree"), "other"), folder + "/latest/rootfs")
        boot = trees.disk(self.path("boot.raw"), "BOOT", folder)
        others = [trees.carrier(self.path(kind + ".raw"), kind, folder)
                  for kind in ("vfat", "xfs", "btrfs")]
        trees.write(self.directory, "program.yaml", tiny.PROFILE.format(tty="ttyS1").replace(
            "[host-shell]", "[host-shell, base, root-image]"))
        machine.build_image(self.path("program.img"), "-c", "zstd:1",
                            profile=self.path("program.yaml"))
        guest = self.machine(self.path("program"), disks=[boot, *others], memory=tiny.MEMORY)
        tiny.wait(guest)
        run = guest.shell.run
        run("ln -s /init /run/mkinitrd-mount; mkdir /run/new; cd /run")
        parameters = "root=LABEL=BOOT mkinitrd.image=/latest/rootfs mkinitrd.cow=tmpfs:10%"
        self.assertEqual(run(f"./mkinitrd-mount /run/new {parameters} 2>&1"), "")
        self.assertEqual(run("cat /run/new/etc/tree; echo x >/run/new/etc/new"), "other\n")
        self.assertRegex(run("cat /proc/mounts"),
                         "(?m)^overlay /run/new overlay rw,.*lowerdir=/run/mkinitrd/image,")
        for arguments, status, said in (
                (f"/run/new {parameters}", 1,
                 "mkinitrd-mount: something is mounted at '/run/new' already\n"),
                ("-n /run/other", 1, "mkinitrd-mount: nothing names the root; give root=LABEL=, "
                                     "root=UUID= or another\n"),
                ("-p /nowhere /run/other", 1, "mkinitrd-mount: cannot read the plan '/nowhere': No "
                                              "such file or directory\n"),
                ("-n /run/other root=LABEL=NO rootdelay=1", 1,
                 "mkinitrd-mount: LABEL=NO not found; seen: (.*); attach it, name another: root=, "
                 "or wait longer: rootdelay=SECONDS\n")):
            if not arguments.startswith("/run/new"):
                run("umount /run/new /run/mkinitrd/cow /run/mkinitrd/image /run/mkinitrd/boot "
                    "2>/dev/null; true")
            answer = re.fullmatch(said, run(f"./mkinitrd-mount {arguments} 2>&1", status=status))
            self.assertTrue(answer, said)
        # which of them is vdb is not settled: drivers are loaded side by side
        device_of = {kind: device for device, kind in
                     re.findall(r"(vd[abcd]) (\w+) LABEL=\w+", answer.group(1))}
        self.assertEqual(", ".join(f"{device} {kind} LABEL={LABELS[kind]}" for kind, device in
                                   sorted(device_of.items(), key=lambda row: row[1])),
                         answer.group(1))
        self.assertNotIn("/run/mkinitrd/", run("cat /proc/mounts"))
        for kind in ("vfat", "xfs", "btrfs"):
            self.assertEqual(run(f"./mkinitrd-mount -n /run/new root=LABEL={kind.upper()} "
                                 "mkinitrd.image=/latest/rootfs 2>&1; cat /run/new/etc/tree"),
                             "other\n")
            self.assertRegex(run("cat /proc/mounts"),
                             rf"(?m)^/dev/{device_of[kind]} /run/mkinitrd/boot {kind} ro,")
            run("umount /run/new /run/mkinitrd/cow /run/mkinitrd/image /run/mkinitrd/boot")
        self.assertIn("usage: mkinitrd-mount", run("./mkinitrd-mount 2>&1", status=2))


if __name__ == "__main__":
    machine.needs_tools()
    vm.require("mksquashfs", "sfdisk", "xorriso", "veritysetup", "mkfs.vfat", "mcopy", "mkfs.xfs",
               "mkfs.btrfs")
    unittest.main(verbosity=2)
