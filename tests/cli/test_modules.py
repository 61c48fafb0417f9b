# SPDX-License-Identifier: Apache-2.0
"""Kernel modules through the program: roots without depmod, firmware, modprobe.d, microcode."""
import filecmp
import hashlib
import json
import os
import shutil
import struct
import subprocess

import cli

MAKE = os.path.join(cli.SOURCE, "tests/fixture/make_modules")
MADE = ("modules.alias", "modules.alias.bin", "modules.builtin.alias.bin", "modules.builtin.bin",
        "modules.dep", "modules.dep.bin", "modules.devname", "modules.softdep", "modules.symbols",
        "modules.symbols.bin", "modules.weakdep")
NOT_RUN = ("mkinitrd: depmod has not run for kernel {} in the root '{}': its modules are indexed "
           "here, the root stays as it is\n")
MODULES = "kernel: {{ modules: {{ {} }} }}\n"
INTEL = "kernel/x86/microcode/GenuineIntel.bin"
AMD = "kernel/x86/microcode/AuthenticAMD.bin"


def members(archive):
    """Names and contents of the first newc archive in some bytes, and where it ends."""
    found, at = {}, 0
    while True:
        assert archive[at:at + 6] == b"070701", f"no newc header at {at}"
        numbers = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        size, name_size = numbers[6], numbers[11]
        name = archive[at + 110:at + 110 + name_size].rstrip(b"\0").decode()
        start = (at + 110 + name_size + 3) & ~3
        at = (start + size + 3) & ~3
        if name == "TRAILER!!!":
            return found, at
        found[name] = archive[start:start + size]


def fingerprint(folder):
    """All that a folder has: names, kinds, times, contents."""
    rows = []
    for path, _, files in sorted(os.walk(folder)):
        rows.append((path, os.lstat(path).st_mtime_ns))
        for name in sorted(files):
            file = os.path.join(path, name)
            status = os.lstat(file)
            content = b""
            if not os.path.islink(file):
                with open(file, "rb") as opened:
                    content = opened.read()
            rows.append((file, status.st_mode, status.st_mtime_ns,
                         hashlib.sha256(content).digest()))
    return rows


def drop_indexes(folder):
    for name in MADE:
        if os.path.exists(os.path.join(folder, name)):
            os.unlink(os.path.join(folder, name))


def intel_update(revision, size=2048):
    """An update as Intel's manual has it; the sum of its words is 0."""
    words = [1, revision, 0x01012024, 0x000906ea, 0, 1, 2, size - 48, size, 0, 0, 0]
    words += [revision] * (size // 4 - len(words))
    words[4] = -sum(words) & 0xffffffff
    return struct.pack(f"<{len(words)}I", *words)


def amd_container(patch):
    table = b"\0" * 16
    return (struct.pack("<3I", 0x00414d44, 0, len(table)) + table
            + struct.pack("<2I", 1, len(patch)) + patch)


class Modules(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()
        shutil.rmtree(self.root / "usr/lib/modules")
        subprocess.run([MAKE, self.root.path, cli.RELEASE], check=True, timeout=120,
                       capture_output=True)
        self.folder = self.root / f"usr/lib/modules/{cli.RELEASE}"

    def build(self, more, stderr="", status=0):
        """The members of an image; @stderr stands before its summary."""
        end = "mkinitrd: a.img: SUMMARY\n" if status == 0 else ""
        self.check([*self.build_arguments(cli.PROFILE + more), "-c", "none"], status, "",
                   stderr + end)
        if status:
            return None
        with open(self.path("a.img"), "rb") as image:
            return members(image.read())[0]

    # ---- roots in which depmod never ran ----

    def test_the_same_image_without_depmod(self):
        profile = cli.PROFILE + MODULES.format('"**": required')
        folders = (self.folder, self.root / "usr/lib/firmware", self.root / "etc")
        self.run_program(*self.build_arguments(profile))
        drop_indexes(self.folder)
        before = [fingerprint(folder) for folder in folders]
        private = self.path("private")
        os.mkdir(private)
        done = self.run_program(*self.build_arguments(profile, "b.img"),
                                env=self.environment(TMPDIR=private))
        self.assertEqual(done.status, 0, done.stderr)
        self.assertIn(NOT_RUN.format(cli.RELEASE, "root"), done.stderr)
        self.assertTrue(filecmp.cmp(self.path("a.img"), self.path("b.img"), shallow=False))
        self.assertEqual([fingerprint(folder) for folder in folders], before)
        self.assertEqual(os.listdir(private), [])

    def test_one_index_is_missing(self):
        os.unlink(os.path.join(self.folder, "modules.symbols.bin"))
        packed = self.build(MODULES.format("fake_disk: required"),
                            NOT_RUN.format(cli.RELEASE, "root") + "mkinitrd: optional and not "
                            "found: 1 firmware files (-v lists them)\n")
        self.assertIn(f"usr/lib/modules/{cli.RELEASE}/kernel/drivers/fake/fake_bus.ko", packed)

    def test_indexes_that_are_stale(self):
        """As modprobe believes them, a module would be missing, or one that is gone be wanted."""
        folder = os.path.join(self.folder, "kernel/drivers/fake")
        said = ("mkinitrd: depmod has not run for kernel " + cli.RELEASE + " in the root 'root' "
                "since its modules changed (modules.dep: {}): its modules are indexed here, the "
                "root stays as it is\n")
        late = "kernel/drivers/fake/fake_late.ko"
        os.rename(os.path.join(self.folder, late), self.path("late"))
        before = fingerprint(self.folder)
        self.build(MODULES.format("fake_bus: required"), said.format(f"'{late}' is not there"))
        self.assertEqual(fingerprint(self.folder), before)
        self.build(MODULES.format("fake_late: required"), said.format(f"'{late}' is not there")
                   + f"mkinitrd: module 'fake_late' (fixture.yaml:5) is not in kernel {cli.RELEASE} "
                   "of the root 'root'; nearest: 'fake_eth'; install it or make it optional\n", 1)
        os.rename(self.path("late"), os.path.join(folder, "fake_late.ko"))
        self.build(MODULES.format("fake_bus: required"))
        shutil.copy(os.path.join(folder, "fake_bus.ko"), os.path.join(folder, "fake_added.ko"))
        packed = self.build(MODULES.format("fake_added: required"), said.format(
            "it does not know 'kernel/drivers/fake/fake_added.ko'"))
        self.assertIn(f"usr/lib/modules/{cli.RELEASE}/kernel/drivers/fake/fake_added.ko", packed)

    def test_modules_outside_of_the_kernels_folder(self):
        """depmod.d's "external": modules.dep has their absolute paths."""
        os.makedirs(self.root / "opt/real")
        os.symlink("/opt/real", self.root / "opt/driver")
        for name in ("fake_bus.ko", "fake_late.ko"):  # one moved, one that shadows the folder's
            shutil.copy(os.path.join(self.folder, "kernel/drivers/fake", name),
                        self.root / "opt/real")
        os.unlink(os.path.join(self.folder, "kernel/drivers/fake/fake_bus.ko"))
        for name in ("fake_bus.ko", "fake_late.ko"):
            self.edit_index("modules.dep", f"kernel/drivers/fake/{name}", f"/opt/driver/{name}")
        packed = self.build(MODULES.format("fake_disk: required"), "mkinitrd: optional and not "
                            "found: 1 firmware files (-v lists them)\n")
        folder = f"usr/lib/modules/{cli.RELEASE}/"
        self.assertIn("opt/real/fake_bus.ko", packed)
        self.assertIn("opt/real/fake_late.ko", packed)
        self.assertNotIn(folder + "kernel/drivers/fake/fake_late.ko", packed)
        index = packed[folder + "modules.dep"].decode()
        self.assertIn("\nkernel/drivers/fake/fake_disk.ko: /opt/real/fake_bus.ko\n", "\n" + index)
        self.assertIn("path=/opt/real/fake_bus.ko", packed["usr/lib/mkinitrd/boot.plan"].decode())
        checked = self.run_program("check", "--root", "root", "--json", "a.img")
        self.assertEqual([finding for finding in json.loads(checked.stdout)["findings"]
                          if finding["code"].startswith("module-")], [])
        os.unlink(self.path("a.img"))
        os.unlink(self.root / "opt/real/fake_bus.ko")
        self.check_refused(cli.PROFILE + MODULES.format("fake_disk: required"),
                           "cannot use '/opt/real/fake_bus.ko' of the root 'root', which "
                           "modules.dep lists (module dependency "
                           f"'{folder}kernel/drivers/fake/fake_disk.ko'); install it or run "
                           f"depmod {cli.RELEASE}: No such file or directory")

    def test_modules_outside_of_a_folder_that_changed(self):
        self.root.file("etc/depmod.d/driver.conf",
                       "external * /opt/driver /opt/other\nexternal 1.2.3 /opt/never\n")
        self.edit_index("modules.dep", "kernel/drivers/fake/fake_late.ko", "/opt/driver/late.ko")
        os.unlink(os.path.join(self.folder, "kernel/drivers/fake/fake_banned.ko"))
        said = "mkinitrd: warning: modules in '/opt/driver', ... (external in depmod.d of the " \
               f"root 'root') are left out; run depmod {cli.RELEASE} to have them\n"
        done = self.run_program(*self.build_arguments(
            cli.PROFILE + MODULES.format("fake_bus: required")))
        self.assertEqual(done.status, 0, done.stderr)
        self.assertEqual(done.stderr.count("warning: "), 1, done.stderr)
        self.assertIn(said, done.stderr)
        self.assertIn("since its modules changed", done.stderr)

    def edit_index(self, name, old, new):
        path = os.path.join(self.folder, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(old, text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))

    def test_damaged_module(self):
        drop_indexes(self.folder)
        path = "kernel/drivers/fake/fake_late.ko"
        with open(os.path.join(self.folder, path), "wb") as file:
            file.write(b"\177ELF is all")
        said = (NOT_RUN.format(cli.RELEASE, "root")
                + "mkinitrd: warning: cannot read the module "
                f"'/usr/lib/modules/{cli.RELEASE}/{path}' of the root 'root': Exec format error; "
                "what it needs is not known\n")
        self.build(MODULES.format("fake_bus: required"), said)

    def test_real_kernel_without_depmod(self):
        release = next((name for name in sorted(os.listdir("/lib/modules"), reverse=True)
                        if os.path.exists(f"/lib/modules/{name}/modules.dep")), None)
        if not release:
            self.skipTest("no kernel is installed")
        shutil.rmtree(self.root / "usr/lib/modules")
        os.mkdir(self.root / "usr/lib/modules")
        # hard links where they can be: the files are only read, those that depmod made unlinked
        copy = ["cp", "-a", f"/lib/modules/{release}", self.root / "usr/lib/modules/"]
        if subprocess.run([*copy, "-l"], capture_output=True, check=False).returncode:
            shutil.rmtree(self.root / f"usr/lib/modules/{release}", ignore_errors=True)
            subprocess.run(copy, check=True, timeout=300)
        profile = cli.PROFILE + MODULES.format(
            '"fs/**": required, "drivers/net/ethernet/intel/**": required, '
            '"net/**": optional, virtio_blk: optional, "pci:*": { need: optional, load: demand }, '
            '"drivers/gpu/**": null')
        arguments = ["-p", self.write("real.yaml", profile), "--root", "root", "-k", release,
                     "-c", "zstd:1"]
        first = self.run_program(*arguments, "-o", "a.img")
        drop_indexes(self.root / f"usr/lib/modules/{release}")
        second = self.run_program(*arguments, "-o", "b.img")
        self.assertEqual((first.status, second.status), (0, 0), first.stderr + second.stderr)
        self.assertIn(NOT_RUN.format(release, "root"), second.stderr)
        self.assertTrue(filecmp.cmp(self.path("a.img"), self.path("b.img"), shallow=False))

    # ---- which kernel, or none ----

    def test_no_kernel(self):
        shutil.rmtree(self.root / "usr/lib/modules")
        profile = self.write("fixture.yaml", cli.PROFILE)
        self.check(["-p", profile, "--root", "root"], 0, "", "mkinitrd: fixture.img: SUMMARY\n")
        self.assertEqual(self.images(), ["fixture.img"])
        os.unlink(self.path("fixture.img"))
        profile = self.write("fixture.yaml", cli.PROFILE + MODULES.format("ext4: optional"))
        self.check(["-p", profile, "--root", "root"], 1, "",
                   "mkinitrd: no kernel modules in /usr/lib/modules or /lib/modules of the root "
                   "'root'; install a kernel there (Debian: linux-image-amd64), name another "
                   "--root, or, with -k, a kernel that has all built in\n")
        self.assertEqual(self.images(), [])

    def test_no_kernel_but_one_is_named(self):
        shutil.rmtree(self.root / "usr/lib/modules")
        self.check(self.build_arguments(), 0, "",
                   f"mkinitrd: kernel {cli.RELEASE} (-k) is not in the root 'root', and the profile "
                   "wants no modules\nmkinitrd: a.img: SUMMARY\n")
        os.unlink(self.path("a.img"))
        self.check_refused(cli.PROFILE + MODULES.format("ext4: optional"),
                           f"kernel '{cli.RELEASE}' (-k) has no modules in /usr/lib/modules or "
                           "/lib/modules of the root 'root', which has no kernel; install it there, "
                           "name another --root, or, when all is built in, put its configuration "
                           f"there: /boot/config-{cli.RELEASE}")
        arguments = self.build_arguments()
        arguments[arguments.index(cli.RELEASE)] = "../x"
        self.assertEqual(self.run_program(*arguments).status, 1)

    def test_DL_7_a_kernel_without_a_folder_of_modules(self):
        shutil.rmtree(self.folder)
        config = f"boot/config-{cli.RELEASE}"
        wanted = MODULES.format("overlay: required, ext4: optional")
        self.root.file(config, "CONFIG_RD_ZSTD=y\nCONFIG_MODULES=y\n# CONFIG_M is not set\n"
                               "CONFIG_CMDLINE=\"a=m b\"\nCONFIG_OVERLAY_FS=y\n")
        packed = self.build(wanted, f"mkinitrd: kernel {cli.RELEASE} has no modules, by '/{config}' "
                            "in the root 'root': what the profile wants of them is built in, or "
                            "missing\n")
        self.assertEqual([path for path in packed if "lib/modules" in path], [])
        self.assertIn(f'"{cli.RELEASE}"'.encode(), packed["usr/lib/mkinitrd/manifest.json"])
        os.unlink(self.path("a.img"))
        self.root.file(config, "CONFIG_MODULES=y\nCONFIG_OVERLAY_FS=m\n")
        self.check_refused(cli.PROFILE + wanted,
                           f"kernel '{cli.RELEASE}' (-k) has no modules in /usr/lib/modules or "
                           f"/lib/modules of the root 'root'; by '/{config}' it loads some: install "
                           "them")

    def test_DL_7_all_that_docker_wants_is_built_in(self):
        done = self.run_program("profile", "show", "--json", "-p", "only-docker")
        wanted = json.loads(done.stdout)["profile"]["kernel"]["modules"]
        required = [name for name, value in wanted.items()
                    if value.get("need") != "optional" and not set(name) & set("*?[:/")]
        self.assertIn("overlay", required)
        shutil.rmtree(os.path.join(self.folder, "kernel"))
        drop_indexes(self.folder)
        with open(os.path.join(self.folder, "modules.builtin"), "w", encoding="utf-8") as file:
            file.writelines(f"kernel/all/{name.replace('_', '-')}.ko\n" for name in wanted
                            if not set(name) & set("*?[:/"))
        profile = "kernel: " + json.dumps({"modules": wanted}) + "\n"
        packed = self.build(profile, NOT_RUN.format(cli.RELEASE, "root") + self.left_out(wanted))
        self.assertEqual([path for path in packed if path.endswith(".ko")], [])
        plan = packed["usr/lib/mkinitrd/boot.plan"].decode()
        self.assertNotIn("\nmodule ", plan)

    def left_out(self, wanted):
        """Patterns and aliases mean modules that have files."""
        count = sum(bool(set(name) & set("*?[:/")) for name in wanted)
        return f"mkinitrd: optional and not found: {count} modules (-v lists them)\n" * bool(count)

    def test_a_kernel_without_modules_of_its_own(self):
        shutil.rmtree(os.path.join(self.folder, "kernel"))
        drop_indexes(self.folder)
        packed = self.build(MODULES.format("fake_builtin: required, fake_bus: optional"),
                            NOT_RUN.format(cli.RELEASE, "root")
                            + "mkinitrd: optional and not found: 1 modules (-v lists them)\n")
        self.assertIn(f"usr/lib/modules/{cli.RELEASE}/modules.builtin.bin", packed)

    def test_lib_that_is_no_symlink(self):
        os.unlink(self.root / "lib")
        os.makedirs(self.root / "lib/modules")
        os.rename(self.folder, self.root / f"lib/modules/{cli.RELEASE}")
        shutil.copy(self.root / "usr/lib/ld.so", self.root / "lib/ld.so")
        packed = self.build(MODULES.format("fake_disk: required"), "mkinitrd: optional and not "
                            "found: 2 firmware files (-v lists them)\n")
        self.assertIn(f"lib/modules/{cli.RELEASE}/kernel/drivers/fake/fake_bus.ko", packed)
        self.assertIn(f"lib/modules/{cli.RELEASE}/modules.dep.bin", packed)

    # ---- modprobe.d ----

    def test_commands_of_modprobe_d(self):
        self.root.file("etc/modprobe.d/fake.conf",
                       "install fake_bus /sbin/modprobe -i fake_bus && touch /etc/done\n"
                       "install fake_eth /bin/true \n"
                       "install fake_la* /bin/false\n"
                       "install xt_absent /bin/sh\n"
                       "remove fake_disk rm -f \\\n /etc/done\n"
                       "options fake_disk name=\"two words\"  depth=4\n")
        # shadowed by the file of that name in /etc
        self.root.file("usr/lib/modprobe.d/fake.conf", "blacklist fake_bus\noptions fake_bus a=1\n")
        self.root.file("usr/lib/modprobe.d/zz.conf", "options fake_disk last=1\n")
        self.root.file("usr/lib/modprobe.d/readme.txt", "options fake_disk never=1\n")
        packed = self.build(
            MODULES.format('fake_disk: required, "**/fake_eth": required, fake_late: required'),
            "mkinitrd: warning: the image does not run the commands of modprobe.d, it loads the "
            "modules as if they were not there: '/etc/modprobe.d/fake.conf' line 1 (install "
            "fake_bus), '/etc/modprobe.d/fake.conf' line 3 (install fake_late), "
            "'/etc/modprobe.d/fake.conf' line 5 (remove fake_disk)\n"
            "mkinitrd: optional and not found: 1 firmware files (-v lists them)\n")
        self.assertEqual(packed["etc/modprobe.d/mkinitrd.conf"].decode(),
                         "install fake_eth /bin/true \n"
                         "options fake_disk name=\"two words\"  depth=4\n"
                         "options fake_disk last=1\n")
        plan = packed["usr/lib/mkinitrd/boot.plan"].decode()
        self.assertNotIn("alias module=fake_eth", plan)
        self.assertIn("alias module=fake_disk", plan)
        self.assertIn("name=fake_late", plan)

    def test_brackets_in_modprobe_d(self):
        """libkmod would print lines of its own."""
        name = "etc/modprobe.d/odd.conf"
        words = {"alias fake[0-9 fake_bus": "fake[0-9", "alias fake[0-9] fake]bus": "fake]bus",
                 "alias fake]x fake_bus": "fake]x", "blacklist fa[ke": "fa[ke",
                 "options fake]bus x=1": "fake]bus", "install fake[ /bin/false": "fake[",
                 "remove fake[ /bin/false": "fake[", "softdep fake[x pre: fake_bus": "fake[x"}
        self.root.file(name, "".join(line + "\n" for line in words)
                       + "alias fake[a-c] fake_bus\noptions fake_bus x=[1\n")
        warnings = "".join(f"mkinitrd: warning: '/{name}' line {number}: brackets of '{word}' that "
                           "are not paired, so modprobe ignores the line; mend or drop it\n"
                           for number, word in enumerate(words.values(), 1))
        packed = self.build(MODULES.format("fake_bus: required, fakeb: required"), warnings)
        self.assertIn(f"usr/lib/modules/{cli.RELEASE}/kernel/drivers/fake/fake_bus.ko", packed)

    def test_weakdeps_of_an_index(self):
        with open(os.path.join(self.folder, "modules.weakdep"), "w", encoding="utf-8") as file:
            file.write("# Weak dependencies extracted from modules themselves.\n"
                       "weakdep fake_bus crypto-fake-crc no_such_module\n"
                       "weakdep fake_disk fake_late\n")
        packed = self.build(MODULES.format("fake_bus: required, fake_eth: required"))
        folder = f"usr/lib/modules/{cli.RELEASE}/"
        self.assertEqual(sorted(name.removeprefix(folder) for name in packed
                                if name.endswith(".ko")),
                         ["kernel/drivers/fake/fake-crc.ko", "kernel/drivers/fake/fake_bus.ko",
                          "kernel/drivers/net/ethernet/fake_eth.ko"])
        self.assertEqual(packed[folder + "modules.weakdep"].decode(),
                         "# Weak dependencies extracted from modules themselves.\n"
                         "weakdep fake_bus crypto-fake-crc no_such_module\n")
        plan = packed["usr/lib/mkinitrd/boot.plan"].decode()
        self.assertIn("/fake_bus.ko load=beside\n", plan)
        self.assertIn("/fake-crc.ko load=demand\n", plan)

    # ---- firmware ----

    def firmware(self, *options, files):
        shutil.rmtree(self.root / "usr/lib/firmware")
        for name, content in files.items():
            path = self.root.file("usr/lib/firmware/" + name, content)
            for suffix, tool in ((".xz", ["xz", "-C", "crc32"]), (".zst", ["zstd", "-q", "--rm"])):
                if name.endswith(suffix) and not content.startswith("->"):
                    os.rename(path, path.removesuffix(suffix))
                    subprocess.run([*tool, path.removesuffix(suffix)], check=True, timeout=60)
            if content.startswith("->"):
                os.unlink(path)
                os.symlink(content[2:], path)
        if options:
            self.root.file(f"boot/config-{cli.RELEASE}",
                           "".join(f"CONFIG_{option}=y\n" for option in options))
        packed = self.build(MODULES.format("fake_disk: required"),
                            "mkinitrd: optional and not found: 1 firmware files (-v lists them)\n")
        return {name.removeprefix("usr/lib/firmware/"): content
                for name, content in packed.items()
                if name.startswith("usr/lib/firmware/") and ".bin" in name}

    def test_compressed_firmware_is_unpacked(self):
        found = self.firmware(files={"fake/disk.bin.xz": "plain"})
        self.assertEqual(found, {"fake/disk.bin": b"plain"})
        # of another form than the one that the kernel reads
        found = self.firmware("FW_LOADER_COMPRESS_ZSTD", files={"fake/disk.bin.xz": "plain"})
        self.assertEqual(found, {"fake/disk.bin": b"plain"})

    def test_compressed_firmware_that_the_kernel_reads(self):
        found = self.firmware("FW_LOADER_COMPRESS_XZ", files={"fake/disk.bin.xz": "plain"})
        self.assertEqual(list(found), ["fake/disk.bin.xz"])
        self.assertEqual(found["fake/disk.bin.xz"][:6], b"\xfd7zXZ\0")

    def test_compressed_firmware_behind_symlinks(self):
        found = self.firmware(files={"fake/disk.bin.zst": "->../other/a.bin.zst",
                                     "other/a.bin.zst": "->/lib/firmware/b.bin.zst",
                                     "b.bin.zst": "plain"})
        self.assertEqual(found, {"fake/disk.bin": b"../other/a.bin",
                                 "other/a.bin": b"/lib/firmware/b.bin", "b.bin": b"plain"})

    def test_which_firmware_wins(self):
        files = {f"updates/{cli.RELEASE}/fake/disk.bin.xz": "newest, but compressed",
                 "fake/disk.bin": "plain", f"{cli.RELEASE}/fake/disk.bin": "of this kernel"}
        self.assertEqual(self.firmware(files=files),
                         {f"{cli.RELEASE}/fake/disk.bin": b"of this kernel"})
        files["updates/fake/disk.bin"] = "newer"
        self.assertEqual(self.firmware(files=files), {"updates/fake/disk.bin": b"newer"})

    # ---- microcode ----

    def microcode(self, value, stderr=""):
        self.check([*self.build_arguments(cli.PROFILE + f"kernel: {{ microcode: {value} }}\n"),
                    "-c", "none"], 0, "", stderr + "mkinitrd: a.img: SUMMARY\n")
        with open(self.path("a.img"), "rb") as image:
            content = image.read()
        first, end = members(content)
        return first, content[end:].lstrip(b"\0")

    def test_microcode(self):
        one, two, three = intel_update(1), intel_update(2, 3072), intel_update(3)
        self.root.file("usr/lib/firmware/intel-ucode/06-9e-0a", two)
        self.root.file("usr/lib/firmware/intel-ucode/06-4f-01.initramfs", one + three)
        self.root.file("usr/lib/firmware/intel-ucode/list", "no microcode")
        self.root.file("usr/lib/firmware/amd-ucode/microcode_amd_fam17h.bin",
                       amd_container(b"second"))
        amd = self.root.file("usr/lib/firmware/amd-ucode/microcode_amd.bin",
                             amd_container(b"first"))
        self.root.file("usr/lib/firmware/amd-ucode/microcode_amd.bin.asc", "a signature")
        subprocess.run(["xz", "-k", amd], check=True, timeout=60)  # the same a second time
        subprocess.run(["zstd", "-q", "--rm",
                        self.root / "usr/lib/firmware/amd-ucode/microcode_amd_fam17h.bin"],
                       check=True, timeout=60)
        first, rest = self.microcode("auto")
        self.assertEqual(first[INTEL], one + three + two)
        self.assertEqual(first[AMD], amd_container(b"first") + amd_container(b"second"))
        self.assertEqual([name for name in first if not name.startswith("kernel")], [])
        self.assertEqual([name for name in members(rest)[0] if name.startswith("kernel")], [])
        done = self.run_program("why", "a.img", INTEL)
        self.assertIn("early microcode (fixture.yaml:5", done.stdout)
        first, _ = self.microcode("none")
        self.assertNotIn(INTEL, first)

    def test_no_microcode(self):
        first, _ = self.microcode(
            "auto", "mkinitrd: no microcode in '/lib/firmware/intel-ucode', "
            "'/lib/firmware/amd-ucode' or '/boot' of the root 'root': the image has none (Debian: "
            "intel-microcode, amd64-microcode; Arch: intel-ucode, amd-ucode)\n")
        self.assertNotIn("kernel", first)

    def early_image(self, name, contents):
        """An image of microcode alone, as packages of Arch and Gentoo bring it."""
        folder = self.path("early")
        for path, content in contents.items():
            os.makedirs(os.path.join(folder, os.path.dirname(path)))
            with open(os.path.join(folder, path), "wb") as file:
                file.write(content)
        names = subprocess.run(["find", ".", "-mindepth", "1"], cwd=folder, check=True, timeout=60,
                               stdout=subprocess.PIPE).stdout
        image = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=folder, input=names,
                               stdout=subprocess.PIPE, check=True, timeout=60).stdout
        shutil.rmtree(folder)
        return self.root.file("boot/" + name, image)

    def test_microcode_of_an_early_image(self):
        intel, amd = intel_update(1) + intel_update(2, 3072), amd_container(b"patch")
        self.early_image("intel-ucode.img", {INTEL: intel})
        self.early_image("amd-ucode.img", {AMD: amd})
        first, rest = self.microcode("auto")
        self.assertEqual((first[INTEL], first[AMD]), (intel, amd))
        self.assertEqual([name for name in members(rest)[0] if name.startswith("kernel")], [])
        # folders come first, each vendor by itself; the other distribution's name
        self.root.file("usr/lib/firmware/intel-ucode/06-9e-0a", intel_update(3))
        os.rename(self.root / "boot/amd-ucode.img", self.root / "boot/amd-uc.img")
        first, _ = self.microcode("auto")
        self.assertEqual((first[INTEL], first[AMD]), (intel_update(3), amd))

    def test_early_image_without_microcode(self):
        self.early_image("intel-ucode.img", {AMD: b"of the other vendor"})
        self.early_image("amd-ucode.img", {AMD: b"DMA"})
        said = "mkinitrd: warning: '/boot/{}-ucode.img' of the root 'root' {}, skipping\n"
        self.microcode("auto", said.format("intel", f"has no '{INTEL}'")
                       + said.format("amd", "is no microcode: it has no header of a microcode "
                                     "container")
                       + "mkinitrd: no microcode in '/lib/firmware/intel-ucode', "
                       "'/lib/firmware/amd-ucode' or '/boot' of the root 'root': the image has none "
                       "(Debian: intel-microcode, amd64-microcode; Arch: intel-ucode, amd-ucode)\n")
        self.root.file("boot/intel-ucode.img", b"no archive")
        self.build("kernel: { microcode: auto }\n", "mkinitrd: cannot read image "
                   "'/boot/intel-ucode.img': at byte 0 there is neither a cpio archive nor a "
                   "compression that is known\n", status=1)
        os.unlink(self.root / "boot/intel-ucode.img")
        outside = self.write("outside/intel-ucode.img", "never read")
        os.symlink(outside, self.root / "boot/intel-ucode.img")
        os.unlink(self.root / "boot/amd-ucode.img")
        os.mkfifo(self.root / "boot/amd-ucode.img")
        self.build("kernel: { microcode: auto }\n", "mkinitrd: cannot read image "
                   "'/boot/amd-ucode.img': it is no regular file\n", status=1)

    def test_damaged_microcode(self):
        good = intel_update(7)
        cases = {
            "06-00-00": (b"", "it is empty"),
            "06-00-01": (good[:40], "its last header is cut off"),
            "06-00-02": (good[:-4], "it is cut off"),
            "06-00-03": (good[:-1] + b"\1", "its checksum is wrong"),
            "06-00-04": (b"\2" + good[1:], "it has no header of a microcode update"),
            "06-00-05": (good[:32] + struct.pack("<I", 16) + good[36:],
                         "a header has impossible lengths"),
        }
        amd = amd_container(b"patch")
        amd_cases = {
            "microcode_amd_1.bin": (b"DMA", "it has no header of a microcode container"),
            "microcode_amd_2.bin": (amd[:-1], "a patch is cut off"),
            "microcode_amd_3.bin": (amd[:28], "it has no patches"),
            "microcode_amd_4.bin": (amd[:20], "its table is cut off"),
        }
        said = ""
        for folder, table in (("intel-ucode", cases), ("amd-ucode", amd_cases)):
            for name, (content, problem) in table.items():
                self.root.file(f"usr/lib/firmware/{folder}/{name}", content)
                said += (f"mkinitrd: warning: '/lib/firmware/{folder}/{name}' of the root 'root' "
                         f"is no microcode: {problem}, skipping\n")
        self.root.file("usr/lib/firmware/intel-ucode/06-00-06", good)
        first, _ = self.microcode("auto", said)
        self.assertEqual(first[INTEL], good)
        self.assertNotIn(AMD, first)


if __name__ == "__main__":
    cli.main("cpio", "xz", "zstd")
