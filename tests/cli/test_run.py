# SPDX-License-Identifier: Apache-2.0
"""mkinitrd run: what it hands to QEMU. The QEMU here is a script that prints its arguments."""
import os
import subprocess

import cli

QEMU = "qemu-system-x86_64"
COMMON = ["-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2", "-m", "1500M", "-display",
          "none", "-serial", "mon:stdio", "-no-reboot", "-kernel", "vmlinuz", "-initrd", "a.img"]
DEVICES = ["-nic", "user,model=virtio-net-pci", "-device", "virtio-rng-pci"]
APPEND = ["-append", "console=ttyS0 panic=-1"]


def lines(words):
    return "".join(word + "\n" for word in words)


class Run(cli.CliTest):

    def setUp(self):
        super().setUp()
        self.make_root()
        self.assertEqual(self.run_program(*self.build_arguments()).status, 0)
        self.write("vmlinuz", "a kernel")
        self.script('for word do echo "$word"; done')

    def script(self, text):
        os.makedirs(self.path("bin"), exist_ok=True)
        os.chmod(self.write(f"bin/{QEMU}", f"#!/bin/sh\n{text}\n"), 0o755)

    def environment(self, **more):
        environment = super().environment(**more)
        environment["PATH"] = self.path("bin") + ":" + environment["PATH"]
        return environment

    def run_kernel(self, *arguments):
        return ["run", "a.img", "--kernel", "vmlinuz", *arguments]

    def test_defaults(self):
        self.check(self.run_kernel(), 0, lines(COMMON + APPEND + DEVICES))

    def test_options_reach_qemu(self):
        expected = list(COMMON)
        expected[expected.index("2")] = "3"
        expected[expected.index("1500M")] = "2048M"
        self.check(self.run_kernel("--cpus", "3", "--memory", "2G", "--append", "rd.break=disk a=b",
                                   "--qemu", "-s", "--qemu", "x y"), 0,
                   lines(expected + ["-append", "console=ttyS0 panic=-1 rd.break=disk a=b"]
                         + DEVICES + ["-s", "x y"]))

    def test_verbose_prints_the_command_line(self):
        quoted = [f"'{word}'" if " " in word else word for word in COMMON + APPEND + DEVICES]
        self.check(self.run_kernel("-v", "--qemu", "it's"), 0,
                   lines(COMMON + APPEND + DEVICES + ["it's"]),
                   f"mkinitrd: {QEMU} {' '.join(quoted)} 'it'\\''s'\n")

    def test_status_is_qemus(self):
        self.script("exit 7")
        self.check(self.run_kernel(), 7)
        self.check(self.run_kernel("--timeout", "60s"), 7)

    def test_timeout(self):
        self.script("trap 'echo told; exit 0' TERM; while :; do sleep 0.05; done")
        self.check(self.run_kernel("--timeout", "500ms"), 1, "told\n",
                   "mkinitrd: the machine was still running after 0.5 s (--timeout), ended it\n")

    def test_timeout_is_no_number(self):
        self.check(self.run_kernel("--timeout", "soon"), 1, "",
                   "mkinitrd: --timeout 'soon' is no duration such as 120s or 5m\n")

    def disk_arguments(self, kind, name):
        return ["-blockdev", f"driver={kind},node-name=docker,discard=unmap,file.driver=file,"
                f"file.discard=unmap,file.filename={name}", "-device",
                "virtio-blk-pci,drive=docker"]

    def test_disk_is_made_once(self):
        expected = lines(COMMON + APPEND + DEVICES + self.disk_arguments("raw", "d,,1.img"))
        self.check(self.run_kernel("--disk", "d,1.img", "--disk-size", "64M"), 0, expected,
                   "mkinitrd: made disk 'd,1.img', 64M, ext4, labelled DOCKER\n")
        with open(self.path("d,1.img"), "rb") as file:
            before = file.read()
        self.assertEqual(len(before), 64 << 20)
        label = subprocess.run(["e2label", self.path("d,1.img")], capture_output=True, check=True)
        self.assertEqual(label.stdout, b"DOCKER\n")
        self.assertLess(os.stat(self.path("d,1.img")).st_blocks * 512, 32 << 20)
        self.check(self.run_kernel("--disk", "d,1.img", "--disk-size", "1G"), 0, expected,
                   "mkinitrd: disk 'd,1.img' is there, left as it is\n")
        with open(self.path("d,1.img"), "rb") as file:
            self.assertTrue(file.read() == before)

    def test_disk_format_by_content(self):
        with open(self.path("disk"), "wb") as file:
            file.write(b"QFI\xfb" + bytes(1020))
        self.check(self.run_kernel("--disk", "disk"), 0,
                   lines(COMMON + APPEND + DEVICES + self.disk_arguments("qcow2", "disk")))

    def test_disk_that_is_missing_or_cannot_be_made(self):
        self.check(self.run_kernel("--disk", "no.img"), 1, "",
                   "mkinitrd: cannot use disk 'no.img'; --disk-size 2G makes it: "
                   "No such file or directory\n")
        self.check(self.run_kernel("--disk", "no/d.img", "--disk-size", "64M"), 1, "",
                   "mkinitrd: cannot make disk 'no/d.img': No such file or directory\n")
        self.check(self.run_kernel("--disk", "d.img", "--disk-size", "64Q"), 1, "",
                   "mkinitrd: --disk-size '64Q' is no size of 8M or more, such as 2G\n")
        self.assertNotIn("d.img", self.images())

    def test_kernel_is_looked_for_by_release(self):
        self.check(["run", "a.img"], 1, "",
                   f"mkinitrd: no kernel of release '{cli.RELEASE}', which image 'a.img' was made "
                   "for, in /boot or /usr/lib/modules; name it with --kernel: "
                   "No such file or directory\n")
        self.check(["run", "a.img", "--kernel", "none"], 1, "",
                   "mkinitrd: cannot read kernel 'none'; --kernel takes a kernel's file: "
                   "No such file or directory\n")

    def test_image_is_missing(self):
        self.check(["run", "none.img"], 1, "",
                   "mkinitrd: cannot read image 'none.img'; make one with mkinitrd -p PROFILE "
                   "-o FILE: No such file or directory\n")

    def test_qemu_is_missing(self):
        os.unlink(self.path(f"bin/{QEMU}"))
        self.check(self.run_kernel(), 1, "",
                   f"mkinitrd: cannot run '{QEMU}'; install QEMU (on Debian the package "
                   "qemu-system-x86): No such file or directory\n",
                   env={"PATH": self.path("bin"), "LC_ALL": "C"})

    def test_usage(self):
        self.check(["run"], 2, "", "mkinitrd: run takes one IMAGE; see mkinitrd run --help\n")
        self.check(["run", "--disk-size", "2G", "a.img"], 2, "",
                   "mkinitrd: --disk-size needs --disk FILE; see mkinitrd run --help\n")
        self.check(["run", "--accel", "magic", "a.img"], 2, "",
                   "mkinitrd: --accel is tcg or kvm; see mkinitrd run --help\n")


if __name__ == "__main__":
    cli.main("mke2fs", "e2label")
